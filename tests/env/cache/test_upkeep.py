"""The cache looked at, emptied, tidied up and checked."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pkm_env.cache.memory import StoredMemory
from pkm_env.cache.store import Store
from pkm_env.cache.upkeep import clean, info, prune, verify
from pkm_env.cache.wheels import WheelCache
from pkm_env.index.spec import IndexSpec
from pkm_env.install.bytecode import bytecode_of
from pkm_env.model.distribution import File
from pkm_env.wanted import Wanted
from tests.support.environments import interpreter
from tests.support.index_server import LocalIndex
from tests.support.supplies import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pkm_env.provision import Provision


class Filled:
    """A cache with pages, metadata, wheels, an archive and a memory of "spam" and "eggs"."""

    def __init__(self, world: World, index: LocalIndex) -> None:
        self.world = world
        self.index = index
        self.spec = IndexSpec("main", index.url)
        for name in ("spam", "eggs"):
            index.add_wheel(name, "1.0")
            index.add_sdist(name, "0.9")
        self.fill()
        self.store = Store(str(world.folder / "cache"), world.told.warn)
        StoredMemory(self.store).remember("kind", "key", 1)

    def fill(self) -> Provision:
        supply = self.world.supply(self.spec)
        for name in ("spam", "eggs"):
            supply.metadata(name, "1.0")
            supply.provision.wheels([self.wanted(name)], self.world.told)
            listed = self.index.file(f"{name}-0.9.tar.gz")
            supply.provision.fetcher.fetch_archive(
                File(listed.filename, self.index.file_url(listed.filename), hashes={"sha256": listed.sha256})
            )
        return supply.provision

    def wanted(self, name: str) -> Wanted:
        listed = self.index.file(f"{name}-1.0-py3-none-any.whl")
        return Wanted(
            name,
            "1.0",
            file=File(
                listed.filename, self.index.file_url(listed.filename), hashes={"sha256": listed.sha256}
            ),
        )

    def wheel(self, name: str) -> str:
        return self.store.path("wheels-1", self.wanted(name).hashes["sha256"])

    def asked(self) -> int:
        """Return how many requests it takes to have it all again."""
        self.index.forget()
        self.fill()
        return len(self.index.requests)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    world = World(tmp_path)
    with LocalIndex() as index:
        yield Filled(world, index)
        world.close()


def test_a_full_cache_needs_no_request(filled: Filled):
    assert filled.asked() == 0


def test_info_tells_what_each_bucket_holds(filled: Filled):
    found = {usage.bucket: usage for usage in info(filled.store)}
    assert {name: usage.entries for name, usage in found.items()} == {
        "archives-1": 2,
        "memory-1": 1,
        "metadata-1": 1,
        "pages-5": 1,
        "tmp-1": 0,
        "wheels-1": 2,
    }
    assert found["pages-5"].files == 2
    assert found["wheels-1"].size_bytes > 500
    assert found["pages-5"].to_json()["bucket"] == "pages-5"


def test_clean_removes_all_and_only_what_is_the_caches(filled: Filled):
    mine = filled.world.folder / "cache" / "letters-2024"
    mine.mkdir()
    (filled.world.folder / "cache" / "notes.txt").write_text("mine")
    files, size = clean(filled.store)
    assert files > 8
    assert size > 1000
    assert sorted(os.listdir(filled.store.root)) == [
        "CACHEDIR.TAG",
        "in-use.lock",
        "letters-2024",
        "notes.txt",
    ]
    assert filled.asked() == 8


def test_clean_of_a_package_leaves_the_others(filled: Filled):
    clean(filled.store, ["spam"])
    assert not os.path.exists(filled.wheel("spam"))
    assert os.path.exists(filled.wheel("eggs"))
    assert filled.asked() == 4
    assert filled.index.count("eggs") == 0


def test_a_run_goes_on_when_the_cache_is_cleaned_under_it(filled: Filled):
    supply = filled.world.supply(filled.spec)
    listing = supply.listing("spam")
    clean(filled.store)
    assert [file.filename for file in listing.files("1.0")] == ["spam-1.0-py3-none-any.whl"]
    assert supply.metadata("spam", "1.0").version == "1.0"
    assert supply.provision.wheels([filled.wanted("spam")], filled.world.told)
    assert filled.world.told.warnings == []


def test_prune_removes_what_nobody_uses_and_keeps_the_rest(filled: Filled):
    old = filled.store.path("pages-0")
    os.makedirs(os.path.join(old, "x"))
    left = filled.store.temporary()
    with open(left, "wb"):
        pass
    os.utime(left, (0, 0))
    with open(filled.store.temporary(), "wb"):
        pass
    prune(filled.store, time.time())
    assert not os.path.exists(old)
    assert not os.path.exists(left)
    assert len(os.listdir(filled.store.path("tmp-1"))) == 1
    assert filled.asked() == 0


@pytest.mark.parametrize(
    "left", ["work-1/build-x1", "work-1/77-1", "git-1/abc/mirror.git.77", "git-1/abc/checkouts/0123abcd.77"]
)
def test_prune_removes_what_killed_builds_and_checkouts_left(filled: Filled, left: str):
    old, new = (filled.store.path(*f"{left}{end}".split("/")) for end in ("", "1"))
    for path in (old, new):
        os.makedirs(os.path.join(path, "tree"))
    os.utime(old, (0, 0))
    prune(filled.store, time.time())
    assert not os.path.exists(old)
    assert os.path.exists(new)


@pytest.mark.parametrize("ending", [".tmp", ".tmp.old"])
def test_prune_removes_what_killed_compilations_left(filled: Filled, ending: str):
    wheel = WheelCache(filled.store).get(filled.wanted("spam").hashes["sha256"])
    assert wheel is not None
    compiled = bytecode_of({"spam": wheel}, interpreter(), "")["spam"]
    old, new = (f"{compiled.path}.{number}{ending}" for number in ("01", "02"))
    for path in (old, new):
        os.mkdir(path)
    for path in (old, compiled.path):
        os.utime(path, (0, 0))
    prune(filled.store, time.time())
    assert not os.path.exists(old)
    assert os.path.exists(new)
    assert os.path.exists(compiled.path)


def test_prune_removes_a_tree_that_is_deeper_than_the_stack_of_calls(tmp_path: Path):
    left = tmp_path / "tmp-1" / "left"
    folder = str(left)
    for _ in range(1800):
        os.makedirs(folder, exist_ok=True)
        folder += "/d"
    os.utime(left, (0, 0))
    prune(Store(str(tmp_path), print), time.time())
    assert not left.exists()


def test_prune_keeps_repositories_and_checkouts(filled: Filled):
    kept = [
        filled.store.path("git-1", "abc", *parts)
        for parts in (("mirror.git",), ("checkouts",), ("checkouts", "0123abcd"))
    ]
    for path in kept:
        os.makedirs(path, exist_ok=True)
        os.utime(path, (0, 0))
    prune(filled.store, time.time())
    assert all(map(os.path.isdir, kept))


def test_verify_drops_damaged_bytecode_alone(filled: Filled):
    wheel = WheelCache(filled.store).get(filled.wanted("spam").hashes["sha256"])
    assert wheel is not None
    compiled = bytecode_of({"spam": wheel}, interpreter(), "")["spam"]
    assert verify(filled.store) == []
    flip(os.path.join(compiled.path, compiled.files[0][0], compiled.files[0][1][0]))
    (finding,) = verify(filled.store)
    assert finding.path == compiled.path
    assert finding.reason.startswith("spam 1.0: __pycache__/spam.")
    assert not os.path.exists(compiled.path)
    assert verify(filled.store) == []
    assert filled.asked() == 0


def test_prune_forgets_pages_that_were_not_confirmed_for_long(filled: Filled):
    prune(filled.store, time.time() + 100 * 86_400)
    assert StoredMemory(filled.store).recall("kind", "key") is None
    assert os.path.exists(filled.wheel("spam"))
    filled.index.forget()
    filled.fill()
    assert filled.index.count("/simple/") == 2
    assert filled.index.count("/files/") == 0


def test_prune_for_a_build_server_keeps_what_was_built(filled: Filled):
    wheels = WheelCache(filled.store)
    wheels.note_built("key", filled.wanted("spam").hashes["sha256"], "spam-1.0-py3-none-any.whl")
    prune(filled.store, time.time(), ci=True)
    assert os.path.exists(filled.wheel("spam"))
    assert not os.path.exists(filled.wheel("eggs"))
    assert not os.path.exists(filled.store.path("pages-5"))
    assert wheels.get_built("key") is not None


def test_verify_finds_nothing_in_a_whole_cache(filled: Filled):
    told: list[str] = []
    assert verify(filled.store, each=told.append) == []
    assert told in (["spam 1.0", "eggs 1.0"], ["eggs 1.0", "spam 1.0"])


def flip(path: str) -> None:
    """Flip one bit in the middle of a file; its size and times stay."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(status.st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


DAMAGE = {
    "a flipped bit in a wheel": ("wheels-1", "spam.py", flip),
    "a missing file of a wheel": ("wheels-1", "spam.py", os.unlink),
    "a truncated manifest": ("wheels-1", "manifest", lambda path: os.truncate(path, 20)),
    "a missing manifest": ("wheels-1", "manifest", os.unlink),
    "a flipped bit in a page": ("pages-5", "spam.page", flip),
    "a cut page": ("pages-5", "spam.page", lambda path: os.truncate(path, os.path.getsize(path) - 1)),
    "a flipped bit in metadata": ("metadata-1", "spam.meta", flip),
    "a flipped bit in an archive": ("archives-1", "spam-0.9.tar.gz", flip),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_verify_finds_damage_and_the_next_run_mends_it(filled: Filled, kind: str):
    bucket, filename, damage = DAMAGE[kind]
    paths = [
        os.path.join(folder, filename)
        for folder, _, files in os.walk(filled.store.path(bucket))
        if filename in files and ("spam" in filename or folder.startswith(filled.wheel("spam")))
    ]
    damage(paths[0])
    (finding,) = verify(filled.store)
    assert finding.path.startswith(filled.store.path(bucket))
    assert finding.reason
    assert filled.asked() == 1
    assert verify(filled.store) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a file that its owner cannot read is one of /proc")
def test_verify_drops_an_archive_that_cannot_be_read(tmp_path: Path):
    folder = tmp_path / "archives-1" / ("ab" * 32)
    folder.mkdir(parents=True)
    (folder / "spam-1.0.tar.gz").symlink_to("/proc/self/mem")
    (finding,) = verify(Store(str(tmp_path), print))
    assert finding.path == str(folder)
    assert "cannot be read" in finding.reason
    assert not folder.exists()


def test_verify_passes_over_what_is_cleaned_just_now(tmp_path: Path):
    folder = tmp_path / "archives-1" / ("ab" * 32)
    folder.mkdir(parents=True)
    (folder / "spam-1.0.tar.gz").symlink_to(tmp_path / "gone")
    assert verify(Store(str(tmp_path), print)) == []
