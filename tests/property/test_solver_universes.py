"""The resolver against a brute-force oracle that knows only ``packaging``, on random small universes."""

from __future__ import annotations

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pkm_env.model.target import make_target
from pkm_env.resolver.report import explain
from pkm_env.resolver.resolve import NoSolution, Resolution
from tests.support.resolving import ask, where

TARGETS = (
    make_target("3.11", "linux-x86_64"),
    make_target("3.12", "linux-x86_64"),
    make_target("3.12", "windows-x86_64"),
)
NAMES = ("a", "b", "c")
VERSIONS = ("1", "2", "3")
LINUX_WHEEL = "cp311-abi3-manylinux_2_17_x86_64"
WINDOWS_WHEEL = "cp312-cp312-win_amd64"


@st.composite
def requirement(draw):
    text = draw(st.sampled_from(NAMES)) + draw(st.sampled_from(["", "", "", "[x]"]))
    text += draw(st.sampled_from(["", ">=2", "<2", "==2", "!=3", "<=2,>1", "==3.*", "~=2.0"]))
    return text + draw(
        st.sampled_from(
            [
                "",
                "",
                "; sys_platform == 'win32'",
                "; python_version < '3.12'",
                "; python_full_version >= '3.12.2'",
                "; extra == 'x'",
                "; extra == 'x' and sys_platform != 'win32'",
            ]
        )
    )


@st.composite
def release(draw):
    return {
        "requires": draw(st.lists(requirement(), max_size=3)),
        "requires_python": draw(st.sampled_from([None, None, ">=3.12", "<3.12", ">=3.12.1"])),
        "tags": draw(st.sampled_from(["py3-none-any", "py3-none-any", LINUX_WHEEL, WINDOWS_WHEEL, "sdist"])),
    }


universes = st.fixed_dictionaries(
    {name: st.dictionaries(st.sampled_from(VERSIONS), release(), min_size=1) for name in NAMES}
)
roots = st.lists(requirement().filter(lambda text: "extra" not in text), min_size=1, max_size=3)


def needs(release, extra, target):
    """Yield what a release needs, with one extra or none ("")."""
    for text in release["requires"]:
        asked = Requirement(text)
        marker = asked.marker
        if marker is None:
            if not extra:
                yield asked
        elif marker.evaluate({**target.markers, "extra": extra}) and (not extra or "extra" in text):
            yield asked


def fits(release, target):
    specifier = release["requires_python"]
    if specifier and target.markers["python_full_version"] not in SpecifierSet(specifier):
        return False
    return release["tags"] == "sdist" or release["tags"] in target.tags


def closure(universe, asked, chosen, target):
    """Return the (name, extra) pairs that are needed, or None when *chosen* does not meet a need."""
    needed, queue = set(), list(asked)
    while queue:
        one = queue.pop()
        version = chosen.get(one.name)
        if version is None or version not in one.specifier or not fits(universe[one.name][version], target):
            return None
        for key in [(one.name, ""), *((one.name, extra) for extra in one.extras)]:
            if key not in needed:
                needed.add(key)
                queue.extend(needs(universe[one.name][version], key[1], target))
    return needed


def has_answer(universe, asked, target):
    for versions in itertools.product(*[(None, *universe[name]) for name in NAMES]):
        chosen = {name: version for name, version in zip(NAMES, versions, strict=True) if version}
        if closure(universe, asked, chosen, target) is not None:
            return True
    return False


def own(texts, target):
    asked = [Requirement(text) for text in texts]
    return [one for one in asked if one.marker is None or one.marker.evaluate(dict(target.markers))]


@settings(max_examples=150, deadline=None)
@given(universes, roots)
def test_each_target_has_an_answer_exactly_when_there_is_one_and_it_is_valid_and_no_larger(universe, texts):
    for outcome in ask(universe, *texts, targets=TARGETS):
        target = outcome.target
        asked = own(texts, target)
        if isinstance(outcome, NoSolution):
            assert not has_answer(universe, asked, target)
            continue
        chosen = {name: pin.version for name, pin in outcome.pins.items()}
        needed = closure(universe, asked, chosen, target)
        assert needed is not None
        assert set(chosen) == {name for name, _extra in needed}
        assert {(name, extra) for name, pin in outcome.pins.items() for extra in pin.extras} == {
            key for key in needed if key[1]
        }


@settings(max_examples=150, deadline=None)
@given(universes, roots)
def test_the_parts_of_each_target_stand_for_all_of_its_patch_releases(universe, texts):
    outcomes = ask(universe, *texts, targets=TARGETS)
    for target in TARGETS:
        parts = [one.target.patches for one in outcomes if one.target.is_part_of(target)]
        assert parts[0][0] == 0
        assert parts[-1][1] is None
        for (_, before), (after, _) in itertools.pairwise(parts):
            assert before is not None
            assert after == before + 1


@settings(max_examples=150, deadline=None)
@given(universes, roots)
def test_the_same_question_has_the_same_answer_and_locked_versions_stay(universe, texts):
    first = ask(universe, *texts, targets=TARGETS[:1])
    again = ask(universe, *texts, targets=TARGETS[:1])
    kept = {
        name: (pin.version,)
        for outcome in first
        if isinstance(outcome, Resolution)
        for name, pin in outcome.pins.items()
    }
    if len(first) == 1:
        again += ask(universe, *texts, targets=TARGETS[:1], preferences=kept)
    for number, outcome in enumerate(again):
        before = first[number % len(first)]
        assert isinstance(outcome, NoSolution) == isinstance(before, NoSolution)
        if isinstance(outcome, Resolution):
            assert {name: pin.identity for name, pin in outcome.pins.items()} == {
                name: pin.identity for name, pin in before.pins.items()
            }


def plain_release(tags="py3-none-any", requires_python=None):
    return {"requires": [], "requires_python": requires_python, "tags": tags}


SPLIT = {
    "1": plain_release(),
    "2": plain_release(LINUX_WHEEL),
    "3": plain_release(requires_python=">=3.12.1"),
}


@settings(max_examples=150, deadline=None)
@given(universes, roots)
# The target without a solution is split by 3 on the way, unless the others hold 2 already.
@example(
    {"a": SPLIT, "b": {"1": plain_release()}, "c": {"1": plain_release()}},
    ["a", "a==2; sys_platform == 'win32'"],
)
def test_what_is_locked_for_each_target_stays(universe, texts):
    first = ask(universe, *texts, targets=TARGETS)
    locked = {
        outcome.target.key: {name: pin.version for name, pin in outcome.pins.items()}
        for outcome in first
        if isinstance(outcome, Resolution)
    }
    again = ask(universe, *texts, targets=TARGETS, locked=locked)
    assert [one.target for one in again] == [one.target for one in first]
    for before, after in zip(first, again, strict=True):
        if isinstance(before, Resolution):
            assert {name: pin.identity for name, pin in after.pins.items()} == {
                name: pin.identity for name, pin in before.pins.items()
            }
        else:
            assert str(explain(after, where=where)) == str(explain(before, where=where))


@settings(max_examples=100, deadline=None)
@given(universes, roots)
def test_every_failure_can_be_explained_and_every_line_of_the_conclusion_is_told(universe, texts):
    for outcome in ask(universe, *texts, targets=TARGETS):
        if isinstance(outcome, NoSolution):
            found = explain(outcome, where=where)
            assert found.lines
            assert found.conclusion.startswith("so ")
            assert all(text and effect for text, effect in found.would_work)
