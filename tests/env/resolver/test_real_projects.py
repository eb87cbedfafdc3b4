"""Real projects, recorded once with all that the indexes said: solved for every Python and platform."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pkm_env.resolver.problem import from_plain
from pkm_env.resolver.resolve import Resolution, resolve
from tests.support.universe import NoMemory

FOLDER = Path(__file__).parent / "projects"
# Targets of the outcome, decisions of those that took any, conflicts, packages of the first target. One is searched;
# for others only what nothing was wished for is decided.
EXPECTED = {
    "small": (25, [17], 0, 16),
    "web": (20, [1, 140, 1, 2], 0, 126),
    "hard": (15, [150, 1, 3], 2, 143),
}


def read(name):
    return from_plain(json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes())))


def unmet(outcome, releases):
    """Yield what of an answer does not hold, by the word of ``packaging``."""
    markers = outcome.target.markers
    for pin in outcome.pins.values():
        metadata = releases.metadata(pin.name, pin.version)
        if markers["python_full_version"] not in SpecifierSet(metadata.requires_python or ""):
            yield f"{pin.name} {pin.version} needs Python {metadata.requires_python}"
        for text in metadata.requires:
            asked = Requirement(text)
            extras = ("", *pin.extras)
            if asked.marker and not any(
                asked.marker.evaluate({**markers, "extra": extra}) for extra in extras
            ):
                continue
            chosen = outcome.pins.get(asked.name.lower().replace("_", "-").replace(".", "-"))
            if chosen is None or not asked.specifier.contains(chosen.version, prereleases=True):
                yield f"{pin.name} {pin.version} needs {text}, and there is {chosen}"
            elif not {extra.lower().replace("_", "-") for extra in asked.extras} <= set(chosen.extras):
                yield f"{pin.name} {pin.version} needs {text}, with extras"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_project_is_solved_for_all_its_targets(name):
    request, releases = read(name)
    outcomes = resolve(request, releases, NoMemory())
    assert all(isinstance(outcome, Resolution) for outcome in outcomes)
    decisions = [outcome.steps["decisions"] for outcome in outcomes if outcome.steps["decisions"]]
    conflicts = sum(outcome.steps["conflicts"] for outcome in outcomes)
    assert (len(outcomes), decisions, conflicts, len(outcomes[0].pins)) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_answer_for_each_target_holds(name):
    request, releases = read(name)
    outcomes = resolve(request, releases, NoMemory())
    for outcome in (*outcomes[:2], outcomes[-1]):
        assert list(unmet(outcome, releases)) == []


@pytest.mark.parametrize("name", EXPECTED)
def test_locking_again_changes_nothing(name):
    request, releases = read(name)
    first = resolve(request, releases, NoMemory())
    request.locked = {
        outcome.target.key: {pin.name: pin.version for pin in outcome.pins.values()} for outcome in first
    }
    again = resolve(request, releases, NoMemory())
    assert [one.target for one in again] == [one.target for one in first]
    for before, after in zip(first, again, strict=True):
        assert {pin.identity for pin in after.pins.values()} == {pin.identity for pin in before.pins.values()}
