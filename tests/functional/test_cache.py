"""``pkm cache``: looked at, emptied, tidied up and checked, through the real command."""

from __future__ import annotations

import json
import os

import pytest

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
    assert [path.name for path in pkm.cache.rglob("*") if path.is_file()] == ["CACHEDIR.TAG"]
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


@pytest.mark.usefixtures("synced")
def test_a_cache_that_others_may_write_to_is_not_touched(pkm):
    pkm.cache.chmod(0o777)
    result = pkm("cache", "clean")
    assert result.code == 1
    assert "others may write to it" in result.stderr
    assert wheels(pkm)
