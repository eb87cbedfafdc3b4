"""Whatever an explanation says would work, works when it is applied as it is written."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

from pkm_env.model.target import KNOWN_PYTHONS, make_targets
from pkm_env.model.versions import python_truths
from pkm_env.resolver.report import explain
from pkm_env.resolver.request import Declared, Origin
from pkm_env.resolver.resolve import NoSolution, Root
from tests.support.resolving import ask, origin, where

CUT = "2026-01-31"
NAMES = "abcd"
TABLE = ("tool", "pkm")
ENV = (*TABLE, "env", "test")
TAGS = (
    ("cp312-cp312-manylinux_2_17_x86_64",),
    ("cp313-abi3-win_amd64",),
    ("py3-none-manylinux_2_35_x86_64", "sdist"),
    ("sdist",),
)


def release(draw, name):
    """Return a release of a package, which needs packages that come later in the alphabet.

    It pins none, and of a pre-release only the project says whether it may be taken: what a release consents to is
    found while solving, for one target, and holds for those after it.
    """
    bounds = ["", ">=2", "<3", "<2", ">3", "==3.*"]
    found = {
        "requires": [
            f"{other}{draw.choice(bounds)}" for other in NAMES if other > name and draw.random() < 0.4
        ]
    }
    oddity = draw.random()
    if oddity < 0.12:
        found["yanked"] = "bad"
    elif oddity < 0.3:
        found["late"] = draw.choice(["2026-02-03", "2026-02-09", "undated"])
    elif oddity < 0.5:
        found["tags"] = draw.choice(TAGS)
    elif oddity < 0.6:
        found["requires_python"] = draw.choice([">=3.13", "<3.13", ">=3.14"])
    return found


class Problem:
    """A project and the packages that there are; each change of it makes another one."""

    def __init__(self, draw) -> None:
        versions = ("1", "2", "3", "3.5b1", "4")
        self.world = {
            name: {one: release(draw, name) for one in versions if draw.random() < 0.75} or {"1": {}}
            for name in NAMES
        }
        bounds = ["", ">=2", "<3", "==2", "<2", ">3", "==3.*", ">=5"]
        self.roots = [f"{name}{draw.choice(bounds)}" for name in draw.sample(NAMES, draw.randint(1, 3))]
        bounded = draw.sample(NAMES, draw.choice([0, 0, 1, 2]))
        self.constraints = [f"{name}{draw.choice(['<3', '>=2', '<2'])}" for name in bounded]
        self.overrides = {
            name: draw.choice(["<2", ">=2", "*", {"d": draw.choice(["<2", ">=3"])}])
            for name in draw.sample("abc", draw.choice([0, 0, 0, 1, 2]))
        }
        self.no_build = draw.choice([True, frozenset(), frozenset("ab"), frozenset(NAMES)])
        self.no_binary = draw.choice([frozenset(), frozenset(), frozenset("b"), frozenset("c")])
        self.prereleases = draw.choice(["never", {"*": "never", "a": "allow"}, {"*": "allow", "b": "never"}])
        self.exclude_newer = {"default": CUT}
        self.python = draw.choice(["==3.12.*", ">=3.12,<3.14", ">=3.11,<3.13"])
        self.platforms = draw.choice([["linux-x86_64"], ["linux-x86_64", "windows-x86_64"]])

    def changed(self, **changes):
        made = Problem.__new__(Problem)
        made.__dict__.update(self.__dict__, **changes)
        return made

    def packages(self):
        """Return the packages as the cut-off leaves them."""
        found = {}
        for name, releases in self.world.items():
            cut = self.exclude_newer.get(name, self.exclude_newer.get("default", False))
            found[name] = {version: dict(one) for version, one in releases.items()}
            for one in found[name].values():
                late = one.get("late")
                if late and (cut is False or (late != "undated" and late < cut)):
                    del one["late"]
        return found

    def outcomes(self):
        pythons = [one for one in KNOWN_PYTHONS if python_truths(self.python, one, (0, None))[1]]
        rule = {(key,): Origin("", (*TABLE, key)) for key in ("exclude-newer", "overrides", "constraints")}
        return ask(
            self.packages(),
            *(Root(text, origin(number)) for number, text in enumerate(self.roots)),
            targets=make_targets(pythons, self.platforms, "cpython"),
            constraints=[(text, origin(number, "bounds")) for number, text in enumerate(self.constraints)],
            overrides=self.overrides,
            no_build=self.no_build,
            no_binary=self.no_binary,
            prereleases=self.prereleases,
            pythons=[(self.python, Origin("test", (*ENV, "python")))],
            declared=Declared(
                {**rule, ("platforms",): Origin("", (*ENV, "platforms"))},
                exclude_newer=CUT,
                platforms=self.platforms,
            ),
        )

    # What a change makes of it

    def applied(self, change, effect, lines):
        """Return the problem with a change as it is told."""
        numbers = re.match(r"instead of ([\d, and]+): ", effect)
        if change.startswith("without overrides."):
            return self.changed(overrides=without(self.overrides, change.removeprefix("without overrides.")))
        if " = " in change:
            made = self
            for text in change.split(" with "):
                made = made.written(tomllib.loads(text))
            return made
        made = self
        for number in re.findall(r"\d+", numbers[1]):
            made = made.bounded(change.split(" with "), lines[int(number) - 1])
        return made

    def written(self, document):
        ((key, value),) = document.items()
        if key == "overrides":
            merged = {
                name: {**self.overrides[name], **one} if isinstance(one, dict) else one
                for name, one in value.items()
            }
            return self.changed(overrides={**self.overrides, **merged})
        if key == "exclude-newer" and isinstance(value, str):
            value = {"default": value}
        if key == "prereleases":
            value = {"*" if name == "default" else name: one for name, one in value.items()}
        if key in {"no-build", "no-binary"} and isinstance(value, list):
            value = frozenset(value)
        assert hasattr(self, key.replace("-", "_")), key
        return self.changed(**{key.replace("-", "_"): value})

    def bounded(self, texts, line):
        """Return the problem with the requirement or the constraint of a line as one of *texts* has it."""
        place = int(line.where.split(":")[1]) - 5
        key = "constraints" if line.text.startswith("a constraint") else "roots"
        asked = list(getattr(self, key))
        (asked[place],) = [text for text in texts if text[0] == asked[place][0]]
        return self.changed(**{key: asked})


def without(overrides, path):
    name, _, inner = path.partition(".")
    left = dict(overrides)
    if inner:
        left[name] = {other: one for other, one in overrides[name].items() if other != inner}
    else:
        del left[name]
    return left


@given(st.integers(0, 10**9))
def test_what_would_work_works_as_it_is_written(seed):
    problem = Problem(random.Random(seed))
    outcomes = problem.outcomes()
    failed = [outcome for outcome in outcomes if isinstance(outcome, NoSolution)]
    if not failed:
        return
    targets = [outcome.target for outcome in outcomes]
    told = explain(failed[0], where=where, others=failed[1:], targets=targets)
    for change, effect in told.would_work:
        head, _, left_out = effect.partition("; not for ")
        left = (
            int(found[1]) + 1
            if (found := re.search(r", and (\d+) more target", left_out))
            else bool(left_out)
        )
        after = problem.applied(change, head, told.lines).outcomes()
        assert sum(isinstance(outcome, NoSolution) for outcome in after) == left, (change, effect, str(told))
        chosen = re.search(r"(\d+) packages?, (\S+) ([^ ;]+)", head)
        # Several targets prefer what was chosen for one of them.
        if chosen and not after[1:]:
            pins = after[0].pins
            assert (len(pins), pins[chosen[2]].version) == (int(chosen[1]), chosen[3]), (change, effect)
