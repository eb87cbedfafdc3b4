from __future__ import annotations

import errno
import os
import threading

import pytest

from pkm_env.files import Disk
from pkm_env.hands import share
from pkm_env.install.links import LINK_MODES, Linker, clone, fallbacks


@pytest.fixture
def tree(tmp_path):
    """A folder with two files, one of them a program, as it lies in the cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "a.py").write_bytes(b"x = 1\n")
    (folder / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    os.utime(folder / "a.py", ns=(10**18, 10**18))
    (tmp_path / "site").mkdir()
    return folder


def place(tree, linker, names=("a.py", "run")):
    target = tree.parent / "site"
    linker.place(f"{tree}{os.sep}", f"{target}{os.sep}", names)
    return target


def refusing(number, *, winerror=None):
    """Return a disk on which hard links are refused with this errno."""

    def link(source, _target):
        error = OSError(number, os.strerror(number), source)
        if winerror is not None:
            error.winerror = winerror
        raise error

    disk = Disk()
    disk.link = link
    return disk


@pytest.mark.parametrize("mode", ["", *LINK_MODES])
def test_each_mode_places_the_same_content(tree, mode):
    target = place(tree, Linker(mode))
    assert (target / "a.py").read_bytes() == b"x = 1\n"
    assert os.access(target / "run", os.X_OK)
    assert (target / "a.py").stat().st_mtime_ns == 10**18


def test_modes_are_what_they_say(tree):
    assert (place(tree, Linker("hardlink"), ["a.py"]) / "a.py").samefile(tree / "a.py")
    assert (place(tree, Linker("symlink"), ["run"]) / "run").is_symlink()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_mode_that_a_file_system_lacks_is_replaced_for_all_that_follows(tree, number):
    linker = Linker("hardlink", disk=refusing(number))
    target = place(tree, linker)
    assert linker.mode == "copy"
    assert linker.fell_back
    assert sorted(os.listdir(target)) == ["a.py", "run"]


def test_windows_says_in_its_own_numbers_what_it_lacks(tree):
    linker = Linker("hardlink", platform="win32", disk=refusing(errno.EACCES, winerror=1))
    place(tree, linker)
    assert linker.mode == "copy"


@pytest.mark.parametrize(("number", "winerror"), [(errno.EMLINK, None), (errno.EACCES, 1142)])
def test_file_with_too_many_links_is_copied_alone(tree, number, winerror):
    linker = Linker("hardlink", disk=refusing(number, winerror=winerror))
    place(tree, linker)
    assert linker.mode == "hardlink"
    assert (tree.parent / "site" / "run").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_failure_of_the_disk_is_no_reason_to_try_otherwise(tree, number):
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        place(tree, Linker("hardlink", disk=refusing(number)))
    assert caught.value.errno == number


def test_file_that_is_there_is_not_overwritten(tree):
    (tree.parent / "site" / "a.py").write_text("mine")
    for mode in LINK_MODES:
        with pytest.raises(FileExistsError):
            place(tree, Linker(mode), ["a.py"])
    assert (tree.parent / "site" / "a.py").read_text() == "mine"


def test_orders_of_modes():
    assert fallbacks("", "linux") == ("clone", "hardlink", "copy")
    assert fallbacks("", "darwin") == ("clone", "hardlink", "copy")
    assert fallbacks("", "win32") == ("hardlink", "copy")
    assert fallbacks("symlink", "linux") == ("symlink", "copy")
    assert fallbacks("copy", "linux") == ("copy",)


def test_clone_that_is_not_to_be_had_leaves_nothing(tree):
    with pytest.raises(OSError, match=r".*"):
        clone(str(tree / "a.py"), str(tree / "b.py"), "win32")
    assert not (tree / "b.py").exists()


def test_threads_that_are_refused_together_end_in_the_mode_that_works(tree):
    """Two refusals of one mode must not count as refusals of two."""
    target = tree.parent / "site"
    together = threading.Barrier(4, timeout=30)

    def refuse_together(source, _target):
        together.wait()
        raise OSError(errno.EOPNOTSUPP, "no links here", source)

    disk = Disk()
    disk.symlink = refuse_together
    linker = Linker("symlink", disk=disk)
    for number in range(4):
        (target / str(number)).mkdir()
    folders = [f"{target / str(number)}{os.sep}" for number in range(4)]
    share(folders, lambda folder: linker.place(f"{tree}{os.sep}", folder, ["a.py", "run"]), 4)
    assert linker.mode == "copy"
    assert all(sorted(os.listdir(folder)) == ["a.py", "run"] for folder in folders)
