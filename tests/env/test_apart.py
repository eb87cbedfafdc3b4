from __future__ import annotations

import os
import sys

import pytest

from pkm_env.apart import GET_FLAGS, INODES_OF_GROUP, TOP_OF_HIERARCHIES, TRIES, make_apart, spread
from pkm_env.cache.store import Store
from pkm_env.files import DISK, Disk


def is_marked(folder) -> bool:
    """Whether the file system keeps the attribute T for a folder, asked of the kernel."""
    if sys.platform != "linux":
        return False
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(descriptor, GET_FLAGS, flags)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(int.from_bytes(flags[:4], sys.byteorder) & TOP_OF_HIERARCHIES)


def test_folder_is_marked_where_the_file_system_says_it_was(tmp_path):
    assert spread(str(tmp_path)) == is_marked(tmp_path)


def test_marking_twice_and_making_folders_afterwards_works(tmp_path):
    assert spread(str(tmp_path)) == spread(str(tmp_path))
    (tmp_path / "inner").mkdir()
    assert not is_marked(tmp_path / "inner")
    assert os.listdir(tmp_path) == ["inner"]


def test_what_cannot_be_marked_is_left_as_it_is(tmp_path):
    assert not spread(str(tmp_path / "absent"))
    assert not spread("/proc/self")


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_no_other_platform_is_asked(tmp_path, platform):
    assert not spread(str(tmp_path), platform)
    assert not is_marked(tmp_path)


def test_trees_of_the_cache_begin_in_a_marked_folder(tmp_path):
    (tmp_path / "probe").mkdir()
    works = spread(str(tmp_path / "probe"))
    store = Store(str(tmp_path / "cache"), print)
    store.make_parents(store.temporary())
    assert is_marked(tmp_path / "cache" / "tmp-1") == works


def test_folder_made_apart_is_empty_and_leaves_nothing_beside_it(tmp_path):
    make_apart(str(tmp_path / "new"), str(tmp_path / "scratch"), DISK)
    assert os.listdir(tmp_path) == ["new"]
    assert os.listdir(tmp_path / "new") == []


def test_of_some_names_the_one_is_kept_that_lies_nearest_to_the_start_of_its_group(tmp_path):
    """The reason for it all: a folder of the same name would get the place of the one just removed."""
    scratch, disk, tried = tmp_path / "scratch", Disk(), {}

    def mkdir(path):
        os.mkdir(path)
        if os.path.dirname(path) == str(scratch):
            tried[os.path.basename(path)] = os.stat(path).st_ino

    disk.mkdir = mkdir
    make_apart(str(tmp_path / "new"), str(scratch), disk)
    scratch.mkdir()
    assert len(tried) == (TRIES if spread(str(scratch)) else 1)
    assert (tmp_path / "new").stat().st_ino == min(
        tried.values(), key=lambda number: number % INODES_OF_GROUP
    )
