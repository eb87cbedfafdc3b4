"""REQUESTED of what stays installed follows what the project asks for."""

from __future__ import annotations

import pytest

from pkm_env.files import write_atomic
from pkm_env.install.apply import rollback, verify
from pkm_env.install.requested import mark, record_with
from pkm_env.plan import make_plan
from tests.support.environments import dies, installed, snapshot, sync, unpacked, wanted


@pytest.fixture
def made(tmp_path):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0")
    place = tmp_path / "v"
    sync(place, wheel)
    return place, wheel


def marked(place):
    return {one.name: one.requested for one in installed(place)}


def test_what_is_asked_for_from_now_on_is_marked_and_recorded(made):
    place, wheel = made
    plan = make_plan(installed(place), wanted(wheel, requested=True))
    assert not plan.changes
    mark(plan.marks)
    assert marked(place) == {"spam": True}
    assert verify(str(place)) == []
    (record,) = place.glob("lib/*/site-packages/*.dist-info/RECORD")
    rows = [row for row in record.read_text().splitlines() if "REQUESTED" in row]
    assert rows == ["spam-1.0.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0"]


def test_what_is_no_more_asked_for_is_as_if_it_never_was(made):
    place, wheel = made
    before = snapshot(place)
    for requested in (True, False):
        mark(make_plan(installed(place), wanted(wheel, requested=requested)).marks)
    assert snapshot(place) == before


def test_a_mark_that_was_interrupted_is_made_by_the_next_sync(made):
    place, wheel = made
    for requested in (True, False):
        plan = make_plan(installed(place), wanted(wheel, requested=requested))
        ((one, _),) = plan.marks
        write_atomic(f"{one.path}/RECORD", record_with(one, requested))
        again = make_plan(installed(place), wanted(wheel, requested=requested))
        mark(again.marks)
        assert marked(place) == {"spam": requested}
        assert verify(str(place)) == []


def test_a_change_and_its_rollback_take_the_marks_along(made, tmp_path):
    place, wheel = made
    other = unpacked(tmp_path / "cache", "eggs", "1.0")
    before = snapshot(place)
    sync(place, wheel, other, packages=wanted(wheel, other, requested=True))
    assert marked(place) == {"spam": True, "eggs": True}
    assert verify(str(place)) == []
    rollback(str(place))
    assert snapshot(place) == before


def test_a_change_of_marks_that_is_killed_at_any_step_is_repaired(made, tmp_path):
    place, wheel = made
    other = unpacked(tmp_path / "cache", "eggs", "1.0")
    before = snapshot(place)
    goal = wanted(wheel, other, requested=True)
    at = 1
    while dies(lambda disk: sync(place, wheel, other, packages=goal, disk=disk), at):
        at += 1
        sync(place, wheel)
        assert snapshot(place) == before
    assert at > 5


def test_what_another_tool_installed_keeps_its_mark(made):
    place, wheel = made
    ((info),) = place.glob("lib/*/site-packages/*.dist-info")
    (info / "INSTALLER").write_text("pip\n")
    assert make_plan(installed(place), wanted(wheel, requested=True)).marks == ()
