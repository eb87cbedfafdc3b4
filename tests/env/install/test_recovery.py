"""What is left after a failure, a kill at each step, and a rollback."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pkm_env.install.apply import (
    EditedFiles,
    NoRollback,
    apply,
    rollback,
    verify,
)
from pkm_env.install.swap import lock, repair
from pkm_env.plan import make_plan
from tests.support.environments import (
    CountingDisk,
    dies,
    interpreter,
    site,
    snapshot,
    sync,
    unpacked,
    versions,
    wanted,
)

POSIX = pytest.mark.skipif(os.name == "nt", reason="a process is killed by fork, which Windows has not")


def test_rollback_returns_to_what_was(cache, place):
    old = unpacked(cache, "spam", "1.0", files={"spam/__init__.py": "x = 1\n", "spam/only_old.py": ""})
    new = unpacked(cache, "spam", "2.0", files={"spam/__init__.py": "x = 2\n", "spam/only/new.py": ""})
    sync(place, old)
    before = snapshot(place)
    sync(place, new, unpacked(cache, "ham", "1.0"))
    subprocess.run([place / "bin" / "python", "-m", "compileall", "-q", site(place)], check=True)
    rollback(str(place))
    assert snapshot(place) == before
    assert versions(place) == {"spam": "1.0"}
    out = subprocess.run(
        [place / "bin" / "python", "-c", "import spam; print(spam.x)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout == "1\n"


def test_rollback_of_a_new_environment_brings_the_old_one_back(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    before = snapshot(place)
    sync(place, unpacked(cache, "ham", "1.0"), fresh=True)
    assert versions(place) == {"ham": "1.0"}
    rollback(str(place))
    assert snapshot(place) == before


def test_environment_that_somebody_deleted_is_not_brought_back(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    sync(place, unpacked(cache, "ham", "1.0"), fresh=True)
    shutil.rmtree(place)
    assert repair(str(place)) is None
    assert not place.exists()
    rollback(str(place))
    assert versions(place) == {"spam": "1.0"}


def test_rollback_without_an_earlier_state_says_so(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    with pytest.raises(NoRollback):
        rollback(str(place))


def test_rollback_refuses_to_lose_an_edit(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    sync(place, unpacked(cache, "spam", "2.0"))
    (site(place) / "spam.py").unlink()
    (site(place) / "spam.py").write_text("mine = True\n")
    with pytest.raises(EditedFiles) as caught:
        rollback(str(place))
    assert [finding.path for finding in caught.value.findings] == [str(site(place) / "spam.py")]
    rollback(str(place), force=True)
    assert versions(place) == {"spam": "1.0"}


def test_rollback_is_possible_once(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    sync(place, unpacked(cache, "spam", "2.0"))
    rollback(str(place))
    with pytest.raises(NoRollback):
        rollback(str(place))


def test_failure_in_the_middle_leaves_what_was(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    before = snapshot(place, without=())
    changes = CountingDisk()
    new = unpacked(cache, "spam", "2.0", files={"spam/__init__.py": "", "ham.py": ""})
    sync(place, new, disk=changes)
    rollback(str(place))

    def fail():
        raise OSError(28, "No space left on device")

    for step in range(1, changes.count + 1):
        with pytest.raises(OSError, match="No space left"):
            sync(place, new, disk=CountingDisk(step, fail))
        after = snapshot(place, without=())
        assert {path for path in after if not path.startswith(".pkm")} == {
            path for path in before if not path.startswith(".pkm")
        }
        assert not [path for path in after if path.startswith(".pkm/journal")]
        assert verify(str(place)) == []
        assert versions(place) == {"spam": "1.0"}


def test_a_sync_that_fails_leaves_what_a_rollback_goes_back_to(cache, place):
    first, second, third = (unpacked(cache, "spam", f"{number}.0") for number in (1, 2, 3))

    def fail():
        raise OSError(28, "No space left on device")

    sync(place.parent / "other", first)
    counted = CountingDisk()
    sync(place.parent / "other", second, disk=counted)
    # The last step is the commit itself.
    for step in range(1, counted.count):
        shutil.rmtree(place, ignore_errors=True)
        sync(place, first)
        before = snapshot(place)
        sync(place, second)
        with pytest.raises(OSError, match="No space"):
            sync(place, third, disk=CountingDisk(step, fail))
        rollback(str(place))
        assert snapshot(place) == before


def test_failure_while_a_new_environment_is_built_leaves_nothing(cache, place):
    wheel = unpacked(cache, "spam", "1.0")
    counted = CountingDisk()
    sync(place.parent / "other", wheel, disk=counted)

    def fail():
        raise KeyboardInterrupt

    for step in range(1, counted.count):
        with pytest.raises(KeyboardInterrupt):
            sync(place, wheel, disk=CountingDisk(step, fail))
        assert not place.exists() or versions(place) == {"spam": "1.0"}
        assert not list((place.parent / ".pkm").glob(".venv.[nr]*"))


def test_failure_while_an_environment_is_made_anew_leaves_the_old_one(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    before = snapshot(place)
    wheel = unpacked(cache, "ham", "1.0")
    counted = CountingDisk()
    sync(place.parent / "other", wheel, disk=counted)

    def fail():
        raise OSError(5, "Input/output error")

    for step in range(1, counted.count + 2):
        with pytest.raises(OSError, match="Input/output"):
            sync(place, wheel, fresh=True, disk=CountingDisk(step, fail))
        assert snapshot(place) == before
        assert sorted(os.listdir(place.parent / ".pkm")) == [".gitignore", ".venv.lock", "other.lock"]


@POSIX
def test_kill_at_each_step_of_a_change_is_repaired(cache, place):
    old = unpacked(
        cache, "spam", "1.0", files={"spam/__init__.py": "x = 1\n", "spam/old/a.py": "", "c.py": ""}
    )
    ham = unpacked(cache, "ham", "1.0", scripts={"ham": "ham:x"})
    new = unpacked(
        cache, "spam", "2.0", files={"spam/__init__.py": "x = 2\n", "spam/new/b.py": "", "c.py": "1"}
    )
    sync(place, old, ham)
    before = snapshot(place)
    step = 0
    while True:
        step += 1
        killed = dies(lambda disk: sync(place, new, disk=disk), step)
        with lock(str(place)):
            repair(str(place))
        now = snapshot(place)
        if versions(place) == {"spam": "2.0"}:
            break
        assert killed
        assert now == before
        assert repair(str(place)) is None
    assert step > 15
    assert verify(str(place)) == []


def replaced(cache, place):
    """Install a release; return it, and another that shares one of its two files."""
    old = unpacked(cache, "spam", "1.0", files={"spam/__init__.py": "x = 1\n", "spam/old/a.py": ""})
    sync(place, old)
    return old, unpacked(cache, "spam", "2.0", files={"spam/__init__.py": "x = 2\n", "spam/new/b.py": ""})


@POSIX
def test_kill_at_each_step_of_a_repair_is_repaired(cache, place):
    _, new = replaced(cache, place)
    before = snapshot(place)
    counted = CountingDisk()
    sync(place, new, disk=counted)
    rollback(str(place))
    step = 0
    while True:
        step += 1
        # Killed before the commit: most of the work is there to be taken back.
        assert dies(lambda disk: sync(place, new, disk=disk), counted.count - 1)
        killed = dies(lambda disk: repair(str(place), disk), step)
        repair(str(place))
        assert snapshot(place) == before
        if not killed:
            break
    assert step > 5


@POSIX
def test_kill_at_each_step_of_a_rollback_ends_in_one_of_both_states(cache, place):
    old, new = replaced(cache, place)
    before = snapshot(place)
    step = 0
    while True:
        step += 1
        sync(place, new)
        after = snapshot(place)
        killed = dies(lambda disk: rollback(str(place), disk=disk), step)
        repair(str(place))
        assert snapshot(place) in (before, after)
        if not killed:
            break
        sync(place, old)
    assert snapshot(place) == before


@POSIX
def test_kill_at_each_step_of_making_anew_leaves_the_old_or_the_new(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    before = snapshot(place)
    new = unpacked(cache, "ham", "1.0")
    step = 0
    while True:
        step += 1
        killed = dies(lambda disk: sync(place, new, fresh=True, disk=disk), step)
        repair(str(place))
        if not killed:
            break
        assert snapshot(place) == before or (versions(place) == {"ham": "1.0"} and verify(str(place)) == [])
        if versions(place) == {"ham": "1.0"}:
            rollback(str(place))
            assert snapshot(place) == before
    assert versions(place) == {"ham": "1.0"}
    assert step > 10


@POSIX
def test_kill_at_each_step_of_making_leaves_nothing_or_the_whole(cache, place):
    wheel = unpacked(cache, "spam", "1.0", scripts={"spam": "spam:x"})
    step = 0
    while dies(lambda disk: sync(place, wheel, disk=disk), step := step + 1):
        repair(str(place))
        assert not place.exists() or verify(str(place)) == []
        assert not list((place.parent / ".pkm").glob(".venv.[nrw]*"))
    assert versions(place) == {"spam": "1.0"}


def test_repair_of_a_whole_environment_is_none(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    assert repair(str(place)) is None
    assert repair(str(place.parent / "nothing")) is None


def test_interrupted_change_is_not_changed_further(cache, place):
    sync(place)
    (place / ".pkm" / "journal").mkdir(parents=True)
    plan = make_plan([], wanted(unpacked(cache, "spam", "1.0")))
    with pytest.raises(Exception, match="interrupted sync"):
        apply(str(place), interpreter(), plan, {"spam": unpacked(cache / "x", "spam", "1.0")})
