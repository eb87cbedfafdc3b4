"""Environments under pressure: full disks, foreign mounts, many writers, kills at any time."""

from __future__ import annotations

import os
import random
import signal

import pytest

from pkm_env.cache.unpack import unpack
from pkm_env.install.apply import rollback, verify
from pkm_env.install.swap import lock, repair
from pkm_env.python.venv import BrokenVenv, Venv, read_venv
from tests.support.disks import small_file_system
from tests.support.environments import dies, snapshot, sync, unpacked, versions
from tests.support.wheels import make_wheel

POSIX = pytest.mark.skipif(os.name == "nt", reason="processes are made by fork, which Windows has not")
BIG = os.urandom(600_000)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    with small_file_system(place, "1m"):
        yield place


def test_disk_that_fills_up_during_a_change_leaves_what_was(tmp_path, small_disk):
    place = small_disk / "v"
    first = unpacked(
        tmp_path / "cache", "spam", "1.0", files={"spam.py": "x = 1\n", "big.bin": BIG[:300_000]}
    )
    sync(place, first)
    before = snapshot(place)
    too_big = unpacked(tmp_path / "cache", "spam", "2.0", files={"spam.py": "x = 2\n", "big.bin": BIG + BIG})
    with pytest.raises(OSError, match=f"No space left on device: '{place}/lib/.*/big.bin'"):
        sync(place, too_big)
    assert snapshot(place) == before
    assert verify(str(place)) == []
    assert repair(str(place)) is None


def test_disk_that_fills_up_while_an_environment_is_made_leaves_nothing(tmp_path, small_disk):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0", files={"big.bin": BIG + BIG})
    with pytest.raises(OSError, match="No space left"):
        sync(small_disk / "v", wheel)
    assert os.listdir(small_disk) == [".pkm"]
    assert sorted(os.listdir(small_disk / ".pkm")) == [".gitignore", "v.lock"]


def test_disk_that_fills_up_during_unpacking_leaves_nothing(tmp_path, small_disk):
    archive = make_wheel(tmp_path, "spam", "1.0", files={"big.bin": BIG + BIG})
    with pytest.raises(OSError, match="No space left"):
        unpack(str(archive), str(small_disk / "tree"), filename=archive.name)
    assert os.listdir(small_disk) == []


def test_link_to_another_file_system_falls_back_to_copies(tmp_path, small_disk):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0")
    outcome = sync(small_disk / "v", wheel, link_mode="hardlink")
    assert outcome.link_mode == "copy"
    assert verify(str(small_disk / "v")) == []


def test_environment_that_is_a_mount_point_is_made_in_place(tmp_path, small_disk):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0")
    outcome = sync(small_disk, wheel)
    assert outcome.made
    assert versions(small_disk) == {"spam": "1.0"}
    sync(small_disk, unpacked(tmp_path / "cache", "spam", "2.0"))
    rollback(str(small_disk))
    assert versions(small_disk) == {"spam": "1.0"}
    sync(small_disk, wheel, fresh=True)
    assert verify(str(small_disk)) == []


@POSIX
def test_kill_at_each_step_of_making_in_place_is_noticed(tmp_path, small_disk):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0")
    step = 0
    while dies(lambda disk: sync(small_disk, wheel, disk=disk), step := step + 1):
        found = read_venv(str(small_disk))
        assert isinstance(found, BrokenVenv)
        assert found.ours or found.empty
        sync(small_disk, wheel)
        assert verify(str(small_disk)) == []
        for path in sorted(small_disk.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert step > 8
    assert isinstance(read_venv(str(small_disk)), Venv)


def child(work):
    """Start *work* in another process and return its number."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


@POSIX
def test_eight_writers_on_one_environment_take_turns(tmp_path):
    place = tmp_path / "v"
    wheels = [
        unpacked(
            tmp_path / "cache",
            "spam",
            f"{number}.0",
            files={"spam.py": f"x = {number}\n", f"s{number}/a.py": ""},
        )
        for number in range(8)
    ]

    def work(own):
        for _ in range(3):
            sync(place, own)

    children = [child(lambda own=wheel: work(own)) for wheel in wheels]
    codes = [os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in children]
    assert codes == [0] * 8
    assert verify(str(place)) == []
    assert list(versions(place)) == ["spam"]
    number = versions(place)["spam"].partition(".")[0]
    site = next((place / "lib").glob("python*")) / "site-packages"
    assert sorted(os.listdir(site)) == sorted([f"s{number}", "spam.py", f"spam-{number}.0.dist-info"])


@POSIX
def test_eight_environments_from_one_cache_do_not_disturb_each_other(tmp_path):
    wheel = unpacked(
        tmp_path / "cache", "spam", "1.0", files={f"spam/m{number}.py": "" for number in range(50)}
    )
    places = [tmp_path / f"v{number}" for number in range(8)]
    children = [child(lambda own=place: sync(own, wheel, compile_bytecode=True)) for place in places]
    codes = [os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in children]
    assert codes == [0] * 8
    assert all(verify(str(place)) == [] and versions(place) == {"spam": "1.0"} for place in places)
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir() if path.name.endswith("tmp")) == []


def sync_until(moment_s, place, wheel):
    """Sync, and be ended by the system's alarm after *moment_s*, wherever that falls."""
    signal.setitimer(signal.ITIMER_REAL, moment_s)
    sync(place, wheel)


@POSIX
def test_kills_at_random_moments_never_break_an_environment(tmp_path):
    """As ``kill -9`` does it, wherever it falls: between two calls or inside of one."""
    seed = int(os.environ.get("PKM_TEST_SEED", "0")) or random.randrange(1 << 30)
    chance = random.Random(seed)
    place = tmp_path / "v"
    wheels = [
        unpacked(
            tmp_path / "cache",
            "spam",
            f"{number}.0",
            files={f"spam/m{module}.py": f"x = {number}\n" for module in range(150)},
        )
        for number in (1, 2)
    ]
    sync(place, wheels[0])
    for turn in range(int(os.environ.get("PKM_TEST_KILLS", "25"))):
        wheel, moment_s = wheels[(turn + 1) % 2], chance.uniform(0.0005, 0.03)
        os.waitpid(child(lambda wheel=wheel, moment_s=moment_s: sync_until(moment_s, place, wheel)), 0)
        with lock(str(place)):
            repair(str(place))
        assert verify(str(place)) == [], seed
        assert list(versions(place)) == ["spam"], seed
        site = next((place / "lib").glob("python*")) / "site-packages"
        assert len(os.listdir(site / "spam")) == 150, seed
