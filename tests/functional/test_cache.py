"""``pkm cache``: looked at, emptied, tidied up and checked, through the real command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.disks import read_only, small_file_system
from tests.support.projects import HEAD, ok, write_project

TOML = HEAD + 'dependencies = ["spam", "bacon"]\n'


@pytest.fixture
def synced(pkm, tmp_path):
    """A project whose packages are in the cache: spam and eggs fetched, bacon built."""
    project = write_project(tmp_path / "shop", TOML)
    ok(pkm("sync", cwd=project))
    return project


def wheels(pkm):
    return sorted(path.name for path in pkm.cache.glob("wheels-1/*/tree/*.dist-info"))


def test_dir_prints_the_folder(pkm):
    assert ok(pkm("cache", "dir")).stdout == f"{pkm.cache}\n"
    assert json.loads(ok(pkm("cache", "dir", "--json")).stdout) == {"path": str(pkm.cache)}


@pytest.mark.usefixtures("synced")
def test_info_says_what_each_bucket_holds(pkm):
    told = json.loads(ok(pkm("cache", "info", "--json")).stdout)
    buckets = {usage["bucket"]: usage for usage in told["buckets"]}
    assert buckets["wheels-1"]["entries"] == len(wheels(pkm))
    assert told["size_bytes"] == sum(usage["size_bytes"] for usage in told["buckets"])
    text = ok(pkm("cache", "info")).stdout
    assert text.startswith(f"{pkm.cache}: ")
    assert "\n  wheels-1 " in text


def test_an_empty_cache_is_no_error(pkm):
    assert json.loads(ok(pkm("cache", "info", "--json")).stdout)["buckets"] == []
    assert ok(pkm("cache", "clean")).stdout == "There was nothing to remove\n"
    assert ok(pkm("cache", "prune")).stdout == "There was nothing to remove\n"
    assert ok(pkm("cache", "verify")).stdout == "the cache is whole (0 wheels)\n"


def test_clean_of_a_package_makes_the_next_sync_fetch_it_alone(pkm, synced, index):
    assert json.loads(ok(pkm("cache", "clean", "Spam", "--json")).stdout)["files"] > 0
    assert "spam-2.0.dist-info" not in wheels(pkm)
    assert "eggs-2.0.dist-info" in wheels(pkm)
    index.forget()
    ok(pkm("sync", "--reinstall", cwd=synced))
    assert index.count("/files/spam-2.0") == 1
    assert index.count("/files/eggs") == 0


def test_clean_empties_the_cache_and_environments_stay_whole(pkm, synced):
    assert ok(pkm("cache", "clean")).stdout.startswith("Removed ")
    assert {path.name for path in pkm.cache.rglob("*") if path.is_file()} == {"CACHEDIR.TAG", "in-use.lock"}
    assert ok(pkm("env", "verify", cwd=synced)).stdout == "default: every file is as it was installed\n"


@pytest.mark.usefixtures("synced")
def test_prune_for_a_build_server_keeps_what_was_built(pkm):
    ok(pkm("cache", "prune", "--ci"))
    assert "bacon-1.0.dist-info" in wheels(pkm)
    assert "spam-2.0.dist-info" not in wheels(pkm)


def test_verify_drops_a_damaged_wheel_and_the_next_sync_mends_it(pkm, synced):
    (module,) = pkm.cache.glob("wheels-1/*/tree/spam.py")
    status = module.stat()
    module.write_bytes(module.read_bytes().replace(b"eggs", b"EGGS"))
    os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = pkm("cache", "verify", "--json")
    assert result.code == 1
    (damaged,) = json.loads(result.stdout)["damaged"]
    assert damaged["reason"] == "spam 2.0: spam.py is not what was unpacked"
    assert ok(pkm("cache", "verify")).stdout.startswith("the cache is whole")
    ok(pkm("sync", "--reinstall", cwd=synced))
    assert ok(pkm("run", "spam", cwd=synced)).stdout == "spam and eggs\n"


@pytest.mark.parametrize("command", ["clean", "prune"])
def test_a_cache_that_is_not_there_is_not_made_to_be_emptied(pkm, command):
    assert ok(pkm("cache", command)).stdout == "There was nothing to remove\n"
    assert not pkm.cache.exists()


@pytest.mark.usefixtures("synced")
def test_a_cache_that_others_may_write_to_is_not_touched(pkm):
    pkm.cache.chmod(0o777)
    result = pkm("cache", "clean")
    assert result.code == 1
    assert "others may write to it" in result.stderr
    assert wheels(pkm)


@pytest.fixture
def building(index, tmp_path):
    """A project whose sync builds an sdist in an environment that holds something."""
    index.add_wheel("helper", "1.0")
    index.add_sdist("bean", "1.0", backend="in-tree", build_requires=["helper"])
    return write_project(tmp_path / "pod", f'{HEAD}dependencies = ["bean"]\n')


@pytest.fixture
def temporary(pkm, tmp_path):
    """Where the command makes what it needs for a while."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    pkm.environ["TMPDIR"] = str(folder)
    return folder


def test_nothing_is_built_in_a_cache_that_others_may_write_to(pkm, building, temporary):
    pkm.cache.mkdir(parents=True)
    pkm.cache.chmod(0o777)
    told = ok(pkm("sync", cwd=building)).stderr
    assert told.count("is not used: others may write to it") == 1
    assert list(pkm.cache.iterdir()) == []
    assert list(temporary.iterdir()) == []
    ok(pkm("env", "verify", cwd=building))


@pytest.mark.parametrize("place", ["builds-1", "work-1"])
def test_where_the_cache_has_no_place_for_a_build_it_is_made_elsewhere(pkm, building, temporary, place):
    pkm.cache.mkdir(parents=True)
    (pkm.cache / place).write_text("")
    told = ok(pkm("sync", cwd=building)).stderr
    assert told.count("cannot be written") == 1
    assert list(temporary.iterdir()) == []
    ok(pkm("env", "verify", cwd=building))


@pytest.mark.parametrize(
    ("size", "wheel", "sdist"), [("40k", 1, 1), ("300k", 150_000, 1), ("400k", 1, 150_000)]
)
def test_where_the_cache_is_full_a_build_is_made_elsewhere(
    pkm, building, index, temporary, size, wheel, sdist
):
    index.add_wheel("helper", "2.0", files={"helper/data.txt": os.urandom(wheel).hex()})
    files = {"bean/data.txt": os.urandom(sdist).hex()}
    index.add_sdist("bean", "2.0", backend="in-tree", build_requires=["helper"], files=files)
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, size):
        told = ok(pkm("sync", cwd=building)).stderr
        assert told.count("cannot be written") == 1
    assert list(temporary.iterdir()) == []
    ok(pkm("env", "verify", cwd=building))


# Hooks that need more room than a small disk has, or say more than its log takes.
GREEDY = """
import tempfile

wheel_at_once, metadata_at_once = build_wheel, prepare_metadata_for_build_wheel

def build_wheel(*given):
    {do}
    return wheel_at_once(*given)

def prepare_metadata_for_build_wheel(*given):
    {do}
    return metadata_at_once(*given)
"""


@pytest.mark.parametrize(
    "do",
    [
        "tempfile.TemporaryFile(buffering=0).write(bytes(1_500_000)) == 1_500_000 or sys.exit('short')",
        "with tempfile.TemporaryFile() as file: file.write(bytes(1_500_000))",
        "print('x' * 1_500_000, flush=True)",
    ],
    ids=["a part", "an error", "output"],
)
def test_where_a_build_fills_the_cache_it_is_made_again_elsewhere(pkm, index, tmp_path, temporary, do):
    hooks = "import sys\n" + GREEDY.format(do=do)
    index.add_sdist("bean", "1.0", backend="in-tree", requires=["eggs<2"])
    index.add_sdist("bean", "2.0", backend="in-tree", requires=["eggs"], hooks=hooks)
    project = write_project(tmp_path / "pod", f'{HEAD}dependencies = ["bean"]\n')
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, "1m"):
        # No older release is taken because of a disk.
        assert "bean 2.0" in ok(pkm("lock", cwd=project)).stdout
    with small_file_system(pkm.cache, "1m"):
        told = ok(pkm("sync", "--frozen", cwd=project)).stderr
        assert "Traceback" not in told
    assert list(temporary.iterdir()) == []
    ok(pkm("env", "verify", cwd=project))


@pytest.mark.parametrize("size", ["8m", "200m"])
def test_no_bytecode_is_left_in_part_on_a_disk_with_little_room(pkm, index, tmp_path, size):
    """Interpreters write what there is room for, and fail to load it ever after."""
    index.add_wheel("helper", "1.0")
    index.add_sdist("bean", "1.0", backend="in-tree", build_requires=["helper"], hooks="import helper\n")
    project = write_project(tmp_path / "pod", f'{HEAD}dependencies = ["bean"]\n')
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, size):
        ok(pkm("sync", cwd=project))
        assert bool(list(pkm.cache.glob("builds-1/**/helper.*.pyc"))) == (size == "200m")


def test_where_no_disk_has_room_for_a_build_no_older_release_is_taken(pkm, index, tmp_path, temporary):
    do = "with tempfile.TemporaryFile() as file: file.write(bytes(1_500_000))"
    index.add_sdist("bean", "1.0", backend="in-tree")
    index.add_sdist("bean", "2.0", backend="in-tree", hooks=GREEDY.format(do=do))
    project = write_project(tmp_path / "pod", f'{HEAD}dependencies = ["bean"]\n')
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, "1m"), small_file_system(temporary, "1m"):
        refused = pkm("lock", cwd=project)
    assert refused.code == 1
    assert "error: bean 2.0 could not be built from its sdist" in refused.stderr
    assert "No space left on device" in refused.stderr
    assert not (project / "pylock.toml").exists()


def test_clean_removes_what_killed_builds_left(pkm, building):
    ok(pkm("sync", cwd=building))
    left = pkm.cache / "work-1" / "build-x"
    left.mkdir()
    (left / "file").write_text("x")
    assert "work-1" in ok(pkm("cache", "info")).stdout
    ok(pkm("cache", "clean"))
    assert not left.exists()


# A build that tells that it began, and goes on when it is told to.
PATIENT = """
at_once = build_wheel

def build_wheel(*given):
    open({began!r}, "w").close()
    open({go!r}).close()
    return at_once(*given)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no shared locks")
def test_verify_lets_nobody_empty_the_cache_meanwhile_and_leaves_no_folder(pkm, synced):
    del synced
    (pkm.cache / "in-use.lock").unlink()
    ok(pkm("cache", "verify"))
    assert (pkm.cache / "in-use.lock").exists()
    shutil.rmtree(pkm.cache)
    ok(pkm("cache", "verify"))
    assert not pkm.cache.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in its folders, and no shared locks")
def test_clean_waits_for_a_sync_that_works_with_the_cache(pkm, index, tmp_path):
    began, go = tmp_path / "began", tmp_path / "go"
    os.mkfifo(began)
    os.mkfifo(go)
    index.add_sdist("bean", "1.0", backend="in-tree", hooks=PATIENT.format(began=str(began), go=str(go)))
    project = write_project(tmp_path / "pod", f'{HEAD}dependencies = ["spam", "bean"]\n')
    started = {
        "cwd": project,
        "env": pkm.environ,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    syncing = subprocess.Popen(pkm.command("sync"), **started)
    began.read_text()
    cleaning = subprocess.Popen(pkm.command("cache", "clean"), **started)
    assert cleaning.stderr.readline() == "Waiting for other commands that use the cache\n"
    assert wheels(pkm)
    go.write_text("")
    assert syncing.wait(60) == 0, syncing.stderr.read()
    assert cleaning.wait(60) == 0
    assert wheels(pkm) == []
    ok(pkm("env", "verify", cwd=project))
    for process in (syncing, cleaning):
        process.communicate()


@pytest.mark.parametrize("room", [0, 100])
def test_where_the_cache_is_full_bytecode_is_compiled_into_the_environment(
    pkm, index, tmp_path, temporary, room
):
    """With *room* kB left, some of it has a place, and a part of one file."""
    modules = {f"big/m{number}.py": f"text = {os.urandom(9_000).hex()!r}\n" for number in range(20)}
    index.add_wheel("big", "1.0", files=modules)
    project = write_project(tmp_path / "pod", f'{HEAD}dependencies = ["big"]\n')
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, "4m"):
        ok(pkm("sync", cwd=project))
        fill(pkm.cache / "filling", room * 1024)
        told = ok(pkm("sync", "--reinstall", "--compile-bytecode", cwd=project)).stderr
        assert told.count("warning: ") == 1
        assert f"the cache {pkm.cache} cannot be written (No space left on device)" in told
        assert list(pkm.cache.glob("wheels-1/*/tree.*")) == []
        assert len(list(project.glob(".venv/lib/*/site-packages/big/__pycache__/*.pyc"))) == len(modules)
    assert list(temporary.iterdir()) == []
    ok(pkm("run", "python", "-c", f"import {', '.join(f'big.m{n}' for n in range(20))}", cwd=project))
    ok(pkm("env", "verify", cwd=project))


def fill(path, left):
    """Fill the file system of *path* but for so many bytes that are *left*."""
    free = os.statvfs(path.parent)
    path.write_bytes(bytes(free.f_bavail * free.f_bsize - left))


def test_a_cache_that_is_read_only_is_read_and_not_changed(pkm, index, tmp_path):
    project = write_project(tmp_path / "shop", TOML)
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, "4m"):
        ok(pkm("sync", cwd=project))
        index.forget()
        with read_only(pkm.cache):
            assert (
                "cannot be written (Read-only file system)"
                in ok(pkm("sync", "--reinstall", "--compile-bytecode", cwd=project)).stderr
            )
            assert index.count(".whl") == 0
            for command in ("clean", "prune"):
                refused = pkm("cache", command)
                assert refused.code == 1
                assert f"error: the cache {pkm.cache} cannot be changed: Read-only file" in refused.stderr
            ok(pkm("cache", "verify"))
            ok(pkm("cache", "info"))
    ok(pkm("env", "verify", cwd=project))
    ok(pkm("run", "spam", cwd=project))
