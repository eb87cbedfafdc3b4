"""Other targets for an environment without a solution: another Python, a later system, fewer platforms."""

from __future__ import annotations

from pkm_env.model.platforms import floor_numbers, parse_platform, split_platform
from pkm_env.model.tags import tag_columns
from pkm_env.model.target import KNOWN_PYTHONS, make_target
from pkm_env.model.versions import python_truths, split_specifier
from pkm_env.resolver.fit import SDIST, View
from pkm_env.resolver.suggest import Change, Suggestion, solve, version_of
from pkm_env.resolver.wording import and_list, lacks_files
from pkm_env.resolver.written import array_text, table_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.proof import Fact
    from pkm_env.resolver.request import NoSolution, Origin
    from pkm_env.resolver.solution import Derivation
    from pkm_env.resolver.suggest import Answer

_MOST_PYTHONS = 4
_MOST_FLOORS = 3


class OtherTargets:
    """Targets in the place of those of one failure.

    *targets* are all for which the environment is solved, () where that is not known, and *failures* those of them
    without an answer, but for the one of the derivation.
    """

    def __init__(
        self,
        derivation: Derivation,
        facts: Sequence[Fact],
        targets: Sequence[Target] = (),
        failures: Sequence[NoSolution] = (),
    ) -> None:
        self._derivation = derivation
        self._facts = facts
        self._targets = targets
        self._failures = failures
        self._problem = derivation.problem
        self._question = self._problem.question
        self._declared = self._question.declared

    def suggestions(self, number: int) -> Iterator[Suggestion]:
        """Yield what helps where this target has no files; *number* is the line that tells of Python, 0 for none."""
        refusing = [fact.excluded for fact in self._facts if fact.excluded is not None]
        by_metadata = {excluded.name for excluded in refusing if excluded.python}
        lacking = [one.name for one in refusing if one.kind == "unusable" and self._lacks_files(one.name)]
        names = dict.fromkeys(one.name for one in refusing if one.name in {*by_metadata, *lacking})
        yield from list(filter(None, (self._python(name, number) for name in names)))[:1]
        if lacking and self._declared.platforms:
            yield from list(filter(None, (self._later_system(name) for name in lacking)))[:1]
            yield from filter(None, [self._platforms()])

    def _lacks_files(self, name: str) -> bool:
        return lacks_files(name, self._facts, self._problem)

    def _python(self, name: str, number: int) -> Suggestion | None:
        """Return the nearest other Python for which there is an answer; *name* is what this one has no release of."""
        target = self._problem.target
        if target.has_own_tags or target.python not in KNOWN_PYTHONS:
            return None
        for python in self._other_pythons(target.python)[:_MOST_PYTHONS]:
            said = _other_python(self._question.pythons, target.python, python)
            if said is None:
                continue
            found, left = self._on(python, said[0])
            if found is not None:
                version = version_of(name, found) if name in found[1] else ""
                key = self._python_key(python, *said)
                text = f'{key[-1]} = "{said[0]}"' if key else f"Python {python}"
                is_told = number and key == self._question.pythons[0][1].key
                place = f"in {table_text(key[:-1])}" if key and not is_told else ""
                numbers = [number] if is_told else []
                return Suggestion(text, found[1], name, version, numbers=numbers, place=place, left=left)
        return None

    def _python_key(self, python: str, specifier: str, origin: Origin | None) -> tuple[Any, ...]:
        """Return the key to write for another Python, () where none is known; *origin* is where it is asked for now.

        An environment without one gets it where that is enough: what the project promises to others stays as wide as
        the requirements of its own allow, and has no upper bound for the sake of a file that is missing.
        """
        own = self._declared.origin("platforms")
        key = () if origin is None else origin.key
        narrows = key[:1] == ("project",) and not specifier.startswith("==")
        is_older = KNOWN_PYTHONS.index(python) < KNOWN_PYTHONS.index(self._problem.target.python)
        places = [ask.origin.key[:2] for fact in self._facts for ask in fact.asks if ask.origin is not None]
        is_local = narrows and (is_older or ("project", "dependencies") not in places)
        return (*own.key[:-1], "python") if own is not None and (not key or is_local) else key

    def _other_pythons(self, python: str) -> Sequence[str]:
        """Return the other Pythons, the nearest first: newer ones before older ones, unless only these have answers."""
        here = KNOWN_PYTHONS.index(python)
        newer, older = KNOWN_PYTHONS[here + 1 :], KNOWN_PYTHONS[:here][::-1]
        failed = {python, *(failure.target.python for failure in self._failures)}
        solved = {target.python for target in self._targets} - failed
        return (*older, *newer) if solved & {*older} and not solved & {*newer} else (*newer, *older)

    def _on(self, python: str, specifier: str) -> tuple[Answer | None, list[Target]]:
        """Return the answer for another Python on the same platform, and the targets that would be left without one.

        Where the targets change only by some that go (*specifier* narrows them), the others are known.
        """
        target, notebook = self._problem.target, self._problem.knowledge.notebook
        platforms = dict.fromkeys(
            [
                target.platform,
                *(one.platform for one in self._targets),
                *(one.target.platform for one in self._failures),
            ]
        )
        targets = [make_target(python, platform, target.implementation) for platform in platforms]
        view, change = View(targets, notebook), Change(self._question)
        found = solve(self._derivation, change, view)
        narrows = _admits(specifier, python) and all(
            _admits(old, python) for old, _origin in self._question.pythons
        )
        if found is None:
            return None, []
        if narrows:
            return found, [one.target for one in self._failures if _admits(specifier, one.target.python)]
        return found, self._unsolved(change, view, [members for members, _places in view.classes[1:]])

    def _unsolved(self, change: Change, view: View, classes: Iterable[int]) -> list[Target]:
        """Return the targets in classes of a view for which there is no answer."""
        return [
            target
            for members in classes
            if solve(self._derivation, change, view, members) is None
            for target in view.among(members)
        ]

    def _later_system(self, name: str) -> Suggestion | None:
        """Return one of the platforms that fail together with a later glibc or macOS, for which a package has files."""
        problem = self._problem
        for target in problem.view.among(problem.members):
            for platform in self._later_platforms(problem.package(name), target.platform):
                suggestion = self._on_system(name, target.platform, platform)
                if suggestion is not None:
                    return suggestion
        return None

    @staticmethod
    def _later_platforms(package: Package, platform: str) -> Iterator[str]:
        """Yield the nearest later glibc or macOS for which a package has files."""
        system, architecture, floor = split_platform(platform)
        kind = (
            {"linux": "manylinux", "macos": "macosx"}.get(system, "") if not floor.startswith("musl") else ""
        )
        machines = {
            architecture.replace("arm64", "aarch64") if system == "linux" else architecture,
            "universal2",
        }
        found: set[tuple[int, int]] = set()
        for _python, tags, _versions in package.signatures:
            for tag in tag_columns(tags)[2] if tags != SDIST and kind else ():
                words = tag.split("_", 3)
                if words[0] == kind and words[-1] in machines and words[1].isdigit() and words[2].isdigit():
                    found.add((int(words[1]), int(words[2])))
        for numbers in sorted(one for one in found if one > floor_numbers(floor))[:_MOST_FLOORS]:
            later = f"glibc{numbers[0]}.{numbers[1]}" if system == "linux" else str(numbers[0])
            yield f"{system}-{architecture}-{later}"

    def _on_system(self, name: str, before: str, platform: str) -> Suggestion | None:
        """Return what another platform gives in the place of the one *before*."""
        targets: dict[str, Target] = {}
        for one in (self._problem.target, *(failure.target for failure in self._failures)):
            other = make_target(one.python, platform, one.implementation) if one.platform == before else one
            targets[other.key] = other
        view, change = View([*targets.values()], self._problem.knowledge.notebook), Change(self._question)
        found = solve(self._derivation, change, view)
        if found is None or name not in found[1]:
            return None
        classes = [members for members, _places in view.classes[1:]]
        moved = [one for one in classes if any(target.platform == platform for target in view.among(one))]
        # Where no target is another one, there is no other answer.
        left = [target for one in classes if one not in moved for target in view.among(one)]
        left += self._unsolved(change, view, moved)
        written = dict.fromkeys(
            platform if parse_platform(one) == before else one for one in self._declared.platforms
        )
        origin = self._declared.origin("platforms")
        place = f"in {table_text(origin.key[:-1])}" if origin is not None else ""
        return Suggestion(
            f"platforms = {array_text([*written])}",
            found[1],
            name,
            version_of(name, found),
            place=place,
            left=left,
        )

    def _platforms(self) -> Suggestion | None:
        """Return that the platforms without an answer could be left out, and Pythons where that is not enough."""
        failed = {target.key for target in (self._problem.target, *(one.target for one in self._failures))}
        solved = {(one.python, one.platform) for one in self._targets if one.key not in failed}
        solved -= {(one.python, one.platform) for one in self._targets if one.key in failed}
        platforms = {platform for _python, platform in solved}
        kept = [name for name in self._declared.platforms if parse_platform(name) in platforms]
        pythons = {one.python for one in self._targets}
        usable = [
            one
            for one in KNOWN_PYTHONS
            if platforms and all((one, platform) in solved for platform in platforms)
        ]
        origin = self._declared.origin("platforms")
        if not usable or len(kept) == len(self._declared.platforms) or origin is None:
            return None
        text = f"platforms = {array_text(kept)}"
        dropped = [name for name in self._declared.platforms if name not in kept]
        if len(usable) < len(pythons):
            first, last = KNOWN_PYTHONS.index(usable[0]), KNOWN_PYTHONS.index(usable[-1])
            if last - first >= len(usable):
                return None
            above = KNOWN_PYTHONS[last + 1 : last + 2]
            bounds = [f">={usable[0]}", *(f"<{one}" for one in above)] if usable[1:] else [f"=={usable[0]}.*"]
            text = f'python = "{",".join(bounds)}" with {text}'
            dropped.append("other Pythons")
        place = f"in {table_text(origin.key[:-1])}"
        return Suggestion(text, {}, "", "", place=place, more=f"leaves out {and_list(dropped)}")


def _admits(specifier: str, python: str) -> bool:
    return python_truths(specifier, python, (0, None))[1]


def _other_python(
    said: Sequence[tuple[str, Origin]], here: str, there: str
) -> tuple[str, Origin | None] | None:
    """Return what to ask of Python for another one to be the nearest, and in place of what.

    None where two places would have to change. Within what is asked it is narrowed; beyond that the other Python
    stands alone, as no further one was tried.
    """
    if not said:
        return f"=={there}.*", None
    refusing = [(specifier, origin) for specifier, origin in said if not _admits(specifier, there)]
    if refusing:
        return None if refusing[1:] else (f"=={there}.*", refusing[0][1])
    specifier, origin = said[0]
    is_newer = KNOWN_PYTHONS.index(there) > KNOWN_PYTHONS.index(here)
    bound = f">={there}" if is_newer else f"<{here}"
    replaced = {">", ">=", "~="} if is_newer else {"<", "<="}
    kept = [
        f"{operator}{version}" for operator, version in split_specifier(specifier) if operator not in replaced
    ]
    narrowed = ",".join([bound, *kept] if is_newer else [*kept, bound])
    return (narrowed if _admits(narrowed, there) else f"=={there}.*"), origin
