from __future__ import annotations

import errno
import os
import subprocess
import sys

import filelock
import pytest

from pkm_env.files import (
    Disk,
    FileLock,
    Locked,
    copy,
    long_path,
    read_file,
    remove_tree,
    retry,
    with_long_paths,
    write_atomic,
    write_new,
)


def test_atomic_write_replaces_the_whole(tmp_path):
    path = tmp_path / "lock"
    path.write_bytes(b"old and long")
    write_atomic(str(path), b"new", durable=True)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["lock"]


def test_atomic_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r".*"):
        write_atomic(str(tmp_path / "folder"), b"new")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_atomic_write_keeps_permissions_and_links(tmp_path):
    real = tmp_path / "real"
    real.write_bytes(b"old")
    real.chmod(0o640)
    (tmp_path / "link").symlink_to(real)
    write_atomic(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_new_file_is_never_written_through_a_dangling_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(str(tmp_path / "link"), b"x")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_files_of_every_size_are_read_whole(tmp_path, size):
    (tmp_path / "x").write_bytes(b"x" * size)
    assert read_file(str(tmp_path / "x")) == b"x" * size


def test_files_without_a_size_are_read_whole():
    if not os.path.exists("/proc/self/status"):
        pytest.skip("only Linux has such files")
    assert b"Name:" in read_file("/proc/self/status")


def test_removed_tree_takes_links_and_not_their_targets(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "link").symlink_to(tmp_path / "outside")
    remove_tree(str(tmp_path / "tree"))
    remove_tree(str(tmp_path / "tree"))
    assert [path.name for path in tmp_path.rglob("*")] == ["outside", "kept"]


def test_tree_that_is_deeper_than_any_path_is_removed(tmp_path):
    """A build can make one, a step at a time."""
    start = os.getcwd()
    (tmp_path / "tree").mkdir()
    try:
        os.chdir(tmp_path / "tree")
        for _ in range(5000):
            os.mkdir("d")
            os.chdir("d")
        os.mkdir("empty")
        with open("file", "w", encoding="utf-8"):
            pass
    finally:
        os.chdir(start)
    remove_tree(str(tmp_path / "tree"))
    assert os.listdir(tmp_path) == []


def test_link_to_a_folder_is_removed_and_its_target_stays(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    remove_tree(str(tmp_path / "link"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept", "outside"]


def test_copy_keeps_time_and_execute_bit(tmp_path):
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    os.utime(tmp_path / "run", ns=(10**18, 10**18))
    copy(str(tmp_path / "run"), str(tmp_path / "other"))
    assert os.access(tmp_path / "other", os.X_OK)
    assert (tmp_path / "other").stat().st_mtime_ns == 10**18


def test_long_paths_of_windows_get_their_prefix():
    deep = "C:\\" + "a\\" * 150
    assert long_path(deep, "win32") == "\\\\?\\" + deep
    assert long_path("\\\\host\\share\\" + "a\\" * 150, "win32").startswith("\\\\?\\UNC\\host\\share\\")
    assert long_path("C:\\short", "win32") == "C:\\short"
    assert long_path("/" + "a/" * 150, "linux") == "/" + "a/" * 150


def test_disk_of_windows_takes_long_paths_in_every_call():
    seen = []
    disk = Disk("linux")
    long = with_long_paths(lambda *arguments: seen.append(arguments), "win32")
    deep = "C:\\" + "a\\" * 150
    long(deep, deep, b"content", 0o666)
    assert seen == [("\\\\?\\" + deep, "\\\\?\\" + deep, b"content", 0o666)]
    assert disk.mkdir is os.mkdir
    assert Disk("win32").mkdir is not os.mkdir


def busy(times):
    """Return an action that Windows refuses *times* times, and the count of its calls."""
    calls = []

    def action():
        calls.append(1)
        if len(calls) <= times:
            error = PermissionError(errno.EACCES, "used by another process")
            error.winerror = 32
            raise error

    return action, calls


def test_file_that_a_scanner_holds_is_tried_again():
    action, calls = busy(2)
    retry(action, (0, 0, 0))
    assert len(calls) == 3


def test_file_that_stays_in_use_is_an_error_in_the_end():
    action, calls = busy(9)
    with pytest.raises(PermissionError):
        retry(action, (0, 0))
    assert len(calls) == 3


def test_lock_is_free_after_its_holder_died(tmp_path):
    path = str(tmp_path / "lock")
    code = f"import os\nfrom pkm_env.files import FileLock\nFileLock({path!r}).__enter__()\nos._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    waited = []
    with FileLock(path, lambda: waited.append(1)):
        assert waited == []


def test_second_holder_waits_with_a_word_and_gives_up_in_time(tmp_path):
    path = str(tmp_path / "lock")
    waited = []
    with FileLock(path), pytest.raises(Locked), FileLock(path, lambda: waited.append(1), timeout_s=0.01):
        pass
    with FileLock(path, lambda: waited.append(2)):
        assert waited == [1]


def test_lock_whose_file_was_removed_is_taken_on_the_new_file(tmp_path):
    path = tmp_path / "lock"
    with FileLock(str(path)):
        path.unlink()
        with FileLock(str(path), timeout_s=0):
            assert path.exists()


def test_filelock_library_and_ours_exclude_each_other(tmp_path):
    path = str(tmp_path / "lock")
    with filelock.FileLock(path), pytest.raises(Locked), FileLock(path, timeout_s=0):
        pass


def test_lock_of_windows_is_that_of_the_library(tmp_path):
    path = str(tmp_path / "lock")
    with (
        FileLock(path, platform="win32"),
        pytest.raises(Locked),
        FileLock(path, timeout_s=0, platform="win32"),
    ):
        pass
    with FileLock(path, timeout_s=0, platform="win32"):
        assert os.path.exists(path)
