from __future__ import annotations

import ctypes
import errno
import os
import shutil
import threading

import pytest

from pkm_env.cache.check import damage_of, verify_tree
from pkm_env.files import Disk
from pkm_env.hands import share
from pkm_env.install.links import (
    FICLONE,
    LINK_MODES,
    Linker,
    clone,
    clone_darwin,
    clone_linux,
    fallbacks,
)
from tests.support.disks import cloning_file_system
from tests.support.environments import sync, unpacked


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


def cloned_by_linux(tree, name, request):
    clone_linux(str(tree / name), str(tree.parent / "site" / name), request)
    return tree.parent / "site" / name


@pytest.mark.parametrize("name", ["a.py", "run"])
def test_clone_of_linux_has_content_time_and_execute_bit(tree, name):
    """The kernel puts the blocks of one open file into another, and nothing else."""

    def share_blocks(writing, number, reading):
        assert number == FICLONE
        os.write(writing, os.pread(reading, 1000, 0))

    found = cloned_by_linux(tree, name, share_blocks)
    assert found.read_bytes() == (tree / name).read_bytes()
    assert found.stat().st_mtime_ns == (tree / name).stat().st_mtime_ns
    assert os.access(found, os.X_OK) == os.access(tree / name, os.X_OK)


def test_clone_that_linux_refuses_leaves_nothing(tree):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "no clones here")

    with pytest.raises(OSError, match="no clones"):
        cloned_by_linux(tree, "a.py", refuse)
    assert os.listdir(tree.parent / "site") == []


class DarwinLibrary:
    """A C library with clonefile(2), as its manual page has it; *number* is the errno of a refusal, 0 for none."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def clonefile(self, source, target, flags):
        assert flags == 0
        if self.number or os.path.lexists(target):
            ctypes.set_errno(self.number or errno.EEXIST)
            return -1
        shutil.copy2(source, target)
        return 0


def test_clone_of_darwin_asks_for_paths_as_bytes(tree):
    target = tree.parent / "site" / "a.py"
    clone_darwin(str(tree / "a.py"), str(target), DarwinLibrary())
    assert target.read_bytes() == b"x = 1\n"
    assert target.stat().st_mtime_ns == 10**18


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EXDEV, errno.ENOSPC])
def test_clone_that_darwin_refuses_is_an_error_with_its_number(tree, number):
    target = str(tree.parent / "site" / "a.py")
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        clone_darwin(str(tree / "a.py"), target, DarwinLibrary(number))
    assert caught.value.errno == number
    assert (caught.value.filename, caught.value.filename2) == (str(tree / "a.py"), target)


def test_clone_over_a_file_of_darwin_is_refused(tree):
    (tree.parent / "site" / "a.py").write_text("mine")
    with pytest.raises(FileExistsError):
        clone_darwin(str(tree / "a.py"), str(tree.parent / "site" / "a.py"), DarwinLibrary())


def test_where_the_file_system_clones_an_edit_in_an_environment_is_none_in_the_cache(tmp_path):
    with cloning_file_system(tmp_path):
        wheel = unpacked(tmp_path / "disk" / "cache", "spam", "1.0", files={"spam.py": "x = 1\n" * 2000})
        outcome = sync(tmp_path / "disk" / "v", wheel)
        assert outcome.link_mode == "clone"
        (module,) = (tmp_path / "disk" / "v").glob("lib/*/site-packages/spam.py")
        assert module.stat().st_nlink == 1
        assert module.stat().st_mtime_ns == wheel.manifest.mtime_ns
        module.write_text("x = 2\n")
        assert damage_of(wheel) == verify_tree(wheel) == ""


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
