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
    ForeignVenv,
    OtherPython,
    apply,
    verify,
)
from pkm_env.model.interpreter import Interpreter
from pkm_env.plan import WantedPackage, make_plan
from tests.support.environments import (
    CountingDisk,
    installed,
    interpreter,
    site,
    snapshot,
    sync,
    unpacked,
    versions,
    wanted,
)


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


@pytest.mark.skipif(sys.platform != "linux", reason="a file that its owner cannot read is one of /proc")
def test_verify_goes_on_after_a_file_that_cannot_be_read(cache, place):
    sync(place, unpacked(cache, "spam", "1.0", files={"empty.py": "", "spam.py": "x = 1\n"}))
    for name, become in (("empty.py", "/proc/self/mem"), ("spam.py", "/dev/null")):
        (site(place) / name).unlink()
        (site(place) / name).symlink_to(become)
    found = [(os.path.basename(finding.path), finding.kind) for finding in verify(str(place))]
    assert found == [("empty.py", "unreadable"), ("spam.py", "changed")]


@pytest.mark.parametrize("left", ['"\n', "spam.py,,\n"])
def test_verify_takes_no_part_of_a_record_for_the_whole(cache, place, left):
    sync(place, unpacked(cache, "spam", "1.0"))
    (record,) = site(place).glob("spam-*/RECORD")
    record.unlink()
    record.write_text(left)
    assert [(finding.path, finding.kind) for finding in verify(str(place))] == [(str(record), "changed")]


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


def test_notes_of_environments_inside_of_the_hidden_folder_are_hidden_too(cache, place):
    inside = place.parent / ".pkm" / "envs" / "test"
    sync(inside, unpacked(cache, "spam", "1.0"))
    assert (place.parent / ".pkm" / ".gitignore").read_text() == "*\n"
    assert sorted(os.listdir(inside.parent)) == ["test", "test.lock"]


def test_each_write_of_a_sync_goes_through_the_disk(cache, place):
    """The kill tests are only as good as this: no change may pass the counted disk by."""
    apart = CountingDisk()
    make_apart(str(place.parent / "new"), str(place.parent / "scratch"), apart)
    counted = CountingDisk()
    wheel = unpacked(cache, "spam", "1.0", files={"a/b.py": "", "c.py": ""})
    # Copies and clones are of several calls, and not counted.
    sync(place, wheel, disk=counted, link_mode="hardlink")
    # .pkm, a, dist-info; 2 + 2 links; INSTALLER, RECORD, notes; the mark of what is being made comes and
    # goes; two renames of the swap.
    assert counted.count == apart.count + 3 + 4 + 3 + 2 + 2
