"""A plan applied to a real folder: what is there afterwards, and after a kill at each step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from pkm_env.apart import make_apart
from pkm_env.hands import ENOUGH
from pkm_env.install.apply import (
    EditedFiles,
    ForeignVenv,
    NoRollback,
    OtherPython,
    apply,
    lock,
    repair,
    rollback,
    verify,
)
from pkm_env.install.wheel import Refused
from pkm_env.model.interpreter import Interpreter
from pkm_env.plan import WantedPackage, make_plan
from tests.support.environments import (
    CountingDisk,
    dies,
    installed,
    interpreter,
    snapshot,
    sync,
    unpacked,
    versions,
    wanted,
)

POSIX = pytest.mark.skipif(os.name == "nt", reason="a process is killed by fork, which Windows has not")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder / ".venv"


def site(place):
    return next((place / "lib").glob("python*")) / "site-packages"


def test_new_environment_holds_what_was_wanted(cache, place):
    spam = unpacked(
        cache, "spam", "1.0", scripts={"spam": "spam:main"}, files={"spam.py": "def main(): print('eggs')\n"}
    )
    outcome = sync(place, spam)
    done = subprocess.run([place / "bin" / "spam"], capture_output=True, text=True, check=True)
    assert outcome.made
    assert done.stdout == "eggs\n"
    assert versions(place) == {"spam": "1.0"}


def test_nothing_but_the_environment_and_hidden_notes_stands_beside_it(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    assert sorted(os.listdir(place.parent)) == [".pkm", ".venv"]
    assert sorted(os.listdir(place.parent / ".pkm")) == [".gitignore", ".venv.lock"]


def test_large_environment_is_the_same_whoever_put_its_packages(cache, place, monkeypatch):
    wheels = [
        unpacked(
            cache,
            f"spam{number}",
            "1.0",
            files={f"shared/deep/part{number}/module{at}.py": f"x = {at}\n" for at in range(300)},
            data={f"data/share/spam/{number}.txt": "x"},
        )
        for number in range(8)
    ]
    sync(place, *wheels)
    together = snapshot(place)
    shutil.rmtree(place)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    sync(place, *wheels)
    assert sum(path.endswith(".py") for path in together) >= 8 * 300 >= ENOUGH
    assert snapshot(place) == together
    assert not verify(str(place))


def test_environment_of_another_python_is_not_changed(cache, place):
    sync(place, unpacked(cache, "spam", "1.0"))
    plain = Interpreter.from_plain(interpreter().to_plain())
    plain.version = "3.99.0"
    ham = unpacked(cache, "ham", "1.0")
    with pytest.raises(OtherPython):
        apply(str(place), plain, make_plan(installed(place), wanted(ham)), {"ham": ham})
    assert versions(place) == {"spam": "1.0"}


def test_second_sync_finds_nothing_to_do(cache, place):
    spam = unpacked(cache, "spam", "1.0")
    sync(place, spam)
    assert make_plan(installed(place), wanted(spam)).changes == ()


def test_replaced_package_leaves_nothing_of_the_old_one(cache, place):
    old = unpacked(cache, "spam", "1.0", files={"spam/__init__.py": "", "spam/old/gone.py": ""})
    new = unpacked(cache, "spam", "2.0", files={"spam/__init__.py": "x = 2\n", "spam/new.py": ""})
    sync(place, old)
    sync(place, new)
    assert sorted(os.listdir(site(place))) == ["spam", "spam-2.0.dist-info"]
    assert sorted(os.listdir(site(place) / "spam")) == ["__init__.py", "new.py"]


def test_removed_package_takes_its_bytecode_and_empty_folders_along(cache, place):
    spam = unpacked(cache, "spam", "1.0", files={"spam/deep/er.py": ""})
    sync(place, spam)
    subprocess.run([place / "bin" / "python", "-B", "-m", "compileall", "-q", site(place)], check=True)
    assert list(site(place).rglob("*.pyc"))
    sync(place)
    assert os.listdir(site(place)) == []


def test_changed_build_of_the_same_version_is_installed(cache, place):
    first = unpacked(cache, "spam", "1.0", files={"spam.py": "x = 1\n"})
    second = unpacked(cache / "b", "spam", "1.0", files={"spam.py": "x = 2\n"})
    sync(place, first, packages=[WantedPackage("spam", "1.0", "sha256:1")])
    sync(place, second, packages=[WantedPackage("spam", "1.0", "sha256:2")])
    assert (site(place) / "spam.py").read_text() == "x = 2\n"


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


def test_verify_finds_nothing_after_a_sync(cache, place):
    sync(
        place,
        unpacked(
            cache,
            "spam",
            "1.0",
            scripts={"spam": "spam:x"},
            data={"scripts/run": "#!python\n", "data/share/x": "y"},
        ),
    )
    assert verify(str(place)) == []


@pytest.mark.parametrize("quick", [False, True])
def test_verify_finds_what_was_edited_and_removed(cache, place, quick):
    sync(place, unpacked(cache, "spam", "1.0", files={"spam.py": "x = 1\n", "gone.py": "", "same.py": ""}))
    (site(place) / "gone.py").unlink()
    (site(place) / "spam.py").unlink()
    (site(place) / "spam.py").write_text("x = 10\n")
    found = [(os.path.basename(finding.path), finding.kind) for finding in verify(str(place), quick=quick)]
    assert found == [("gone.py", "missing"), ("spam.py", "changed")]


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
        assert verify(str(place)) == []
        assert versions(place) == {"spam": "1.0"}


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


@POSIX
def test_kill_at_each_step_of_a_repair_is_repaired(cache, place):
    old = unpacked(cache, "spam", "1.0", files={"spam/__init__.py": "x = 1\n", "spam/old/a.py": ""})
    new = unpacked(cache, "spam", "2.0", files={"spam/__init__.py": "x = 2\n", "spam/new/b.py": ""})
    sync(place, old)
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
    old = unpacked(cache, "spam", "1.0", files={"spam/__init__.py": "x = 1\n", "spam/old/a.py": ""})
    new = unpacked(cache, "spam", "2.0", files={"spam/__init__.py": "x = 2\n", "spam/new/b.py": ""})
    sync(place, old)
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


def test_folder_that_pkm_did_not_make_is_refused(cache, place):
    place.mkdir()
    (place / "letters.txt").write_text("mine")
    with pytest.raises(ForeignVenv):
        sync(place, unpacked(cache, "spam", "1.0"))
    assert snapshot(place) == {"letters.txt": ("file", b"mine", 0o644)}


def test_empty_folder_is_taken(cache, place):
    place.mkdir()
    sync(place, unpacked(cache, "spam", "1.0"))
    assert versions(place) == {"spam": "1.0"}


def test_folder_that_pkm_did_not_make_is_replaced_by_force(cache, place):
    place.mkdir()
    (place / "letters.txt").write_text("mine")
    sync(place, unpacked(cache, "spam", "1.0"), force=True)
    assert versions(place) == {"spam": "1.0"}


def test_environment_of_the_standard_library_is_changed_in_place(cache, place):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    before = set(snapshot(place))
    outcome = sync(place, unpacked(cache, "spam", "1.0"))
    assert not outcome.made
    assert before < set(snapshot(place))
    sync(place)
    assert set(snapshot(place)) == before


def test_two_packages_with_one_file_are_reported_and_the_first_name_keeps_it(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/x.py": "ham = 1\n"})
    spam = unpacked(cache, "spam", "1.0", files={"shared/x.py": "spam = 1\n", "shared/y.py": ""})
    outcome = sync(place, spam, ham)
    assert [(conflict.keeper, conflict.loser) for conflict in outcome.conflicts] == [("ham", "spam")]
    assert (site(place) / "shared" / "x.py").read_text() == "ham = 1\n"


@pytest.mark.parametrize("first", ["ham", "spam"])
def test_conflict_ends_alike_whatever_came_first(cache, place, first):
    wheels = {
        name: unpacked(cache, name, "1.0", files={"shared/x.py": f"{name} = 1\n"}) for name in ("ham", "spam")
    }
    sync(place, wheels[first])
    outcome = sync(place, *wheels.values())
    assert [(conflict.keeper, conflict.loser) for conflict in outcome.conflicts] == [("ham", "spam")]
    assert (site(place) / "shared" / "x.py").read_text() == "ham = 1\n"
    assert verify(str(place)) == []


def test_shared_links_of_equal_content_are_no_conflict(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/__init__.py": "", "shared/ham.py": ""})
    spam = unpacked(cache, "spam", "1.0", files={"shared/__init__.py": "", "shared/spam.py": ""})
    sync(place, ham, link_mode="symlink")
    assert sync(place, ham, spam, link_mode="symlink").conflicts == ()


def test_notes_of_environments_inside_of_the_hidden_folder_are_hidden_too(cache, place):
    inside = place.parent / ".pkm" / "envs" / "test"
    sync(inside, unpacked(cache, "spam", "1.0"))
    assert (place.parent / ".pkm" / ".gitignore").read_text() == "*\n"
    assert sorted(os.listdir(inside.parent)) == ["test", "test.lock"]


def test_shared_file_of_equal_content_is_no_conflict_and_stays_while_one_owner_does(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/__init__.py": "", "shared/ham.py": ""})
    spam = unpacked(cache, "spam", "1.0", files={"shared/__init__.py": "", "shared/spam.py": ""})
    assert sync(place, spam, ham).conflicts == ()
    sync(place, spam)
    assert sorted(os.listdir(site(place) / "shared")) == ["__init__.py", "spam.py"]
    assert verify(str(place)) == []


def test_file_that_is_a_folder_of_another_package_is_refused(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared": "file"})
    spam = unpacked(cache, "spam", "1.0", files={"shared/x.py": ""})
    with pytest.raises(Refused) as caught:
        sync(place, spam, ham)
    assert caught.value.name == "ham"
    assert not place.exists()
    sync(place, spam)
    with pytest.raises(Refused):
        sync(place, spam, ham)
    assert versions(place) == {"spam": "1.0"}


def test_file_comes_to_light_when_the_package_over_it_goes(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/x.py": "ham = 1\n"})
    spam = unpacked(cache, "spam", "1.0", files={"shared/x.py": "spam = 1\n"})
    sync(place, ham, spam)
    assert [one.overridden for one in installed(place)] == [(), ("ham",)]
    outcome = sync(place, spam)
    assert (outcome.installed, outcome.removed) == (("spam",), ("ham",))
    assert (site(place) / "shared" / "x.py").read_text() == "spam = 1\n"
    assert [one.overridden for one in installed(place)] == [()]


def test_file_of_nobody_is_moved_away_with_a_word_and_comes_back_by_rollback(cache, place):
    sync(place)
    (site(place) / "spam.py").write_text("mine = True\n")
    outcome = sync(place, unpacked(cache, "spam", "1.0"))
    assert [(conflict.keeper, conflict.loser) for conflict in outcome.conflicts] == [("spam", "")]
    rollback(str(place))
    assert (site(place) / "spam.py").read_text() == "mine = True\n"


def test_link_in_the_place_of_a_folder_is_not_written_through(cache, place, tmp_path):
    sync(place)
    outside = tmp_path / "outside"
    outside.mkdir()
    (site(place) / "spam").symlink_to(outside)
    sync(place, unpacked(cache, "spam", "1.0", files={"spam/__init__.py": ""}))
    assert os.listdir(outside) == []
    assert not (site(place) / "spam").is_symlink()


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.12", "pypy3", "activate", "Activate.ps1", "pythonw"]
)
def test_script_that_would_replace_the_environments_own_is_refused(cache, place, name):
    with pytest.raises(Refused):
        sync(place, unpacked(cache, "evil", "1.0", scripts={name: "evil:main"}))
    assert not place.exists()


@pytest.mark.parametrize(
    "path", ["scripts/python3", "data/bin/python", "data/pyvenv.cfg", "data/.pkm/journal/intent"]
)
def test_data_file_that_would_replace_the_environments_own_is_refused(cache, place, path):
    sync(place)
    before = snapshot(place, without=())
    with pytest.raises(Refused):
        sync(place, unpacked(cache, "evil", "1.0", data={path: "#!/bin/sh\n"}))
    assert snapshot(place, without=()) == before


def test_each_write_of_a_sync_goes_through_the_disk(cache, place):
    """The kill tests are only as good as this: no change may pass the counted disk by."""
    apart = CountingDisk()
    make_apart(str(place.parent / "new"), str(place.parent / "scratch"), apart)
    counted = CountingDisk()
    sync(place, unpacked(cache, "spam", "1.0", files={"a/b.py": "", "c.py": ""}), disk=counted)
    # .pkm, a, dist-info; 2 + 2 links; INSTALLER, RECORD, notes; the mark of what is being made comes and
    # goes; two renames of the swap.
    assert counted.count == apart.count + 3 + 4 + 3 + 2 + 2


def test_interrupted_change_is_not_changed_further(cache, place):
    sync(place)
    (place / ".pkm" / "journal").mkdir(parents=True)
    plan = make_plan([], wanted(unpacked(cache, "spam", "1.0")))
    with pytest.raises(Exception, match="interrupted sync"):
        apply(str(place), interpreter(), plan, {"spam": unpacked(cache / "x", "spam", "1.0")})
