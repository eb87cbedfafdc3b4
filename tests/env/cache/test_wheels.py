"""Unpacked and built wheels in the cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from pkm_env.cache.manifest import BadWheel
from pkm_env.cache.store import Store
from pkm_env.cache.wheels import WheelCache
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "cache"), lambda _: None)


@pytest.fixture
def archive(tmp_path: Path) -> str:
    return str(make_wheel(tmp_path / "dist", "spam", "1.0"))


def sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_a_wheel_is_unpacked_once_and_found_by_its_digest(store: Store, archive: str):
    wheels = WheelCache(store)
    digest = sha256(archive)
    assert wheels.get(digest) is None
    added = wheels.add(archive, digest, os.path.basename(archive))
    found = WheelCache(store).get(digest)
    assert found is not None
    assert (found.path, found.manifest) == (added.path, added.manifest)
    assert os.path.exists(os.path.join(found.path, "spam.py"))
    assert os.listdir(store.path("tmp-1")) == []


def test_a_wheel_that_another_process_added_meanwhile_stays(store: Store, archive: str):
    wheels = WheelCache(store)
    digest = sha256(archive)
    first = wheels.add(archive, digest, os.path.basename(archive))
    inode = os.stat(os.path.join(first.path, "spam.py")).st_ino
    second = wheels.add(archive, digest, os.path.basename(archive))
    assert os.stat(os.path.join(second.path, "spam.py")).st_ino == inode
    assert os.listdir(store.path("tmp-1")) == []


def test_a_folder_without_its_manifest_is_a_ruin_and_is_replaced(store: Store, archive: str):
    wheels = WheelCache(store)
    digest = sha256(archive)
    added = wheels.add(archive, digest, os.path.basename(archive))
    manifest = os.path.join(os.path.dirname(added.path), "manifest")
    with open(manifest, "r+b") as file:
        file.truncate(10)
    assert wheels.get(digest) is None
    wheels.add(archive, digest, os.path.basename(archive))
    assert wheels.get(digest) is not None


def test_a_bad_wheel_leaves_nothing(store: Store, tmp_path: Path):
    bad = make_wheel(
        tmp_path / "dist", "spam", "1.0", edit_recorded=lambda members: members.update({"../x": b""})
    )
    with pytest.raises(BadWheel):
        WheelCache(store).add(str(bad), sha256(str(bad)), bad.name)
    assert os.listdir(store.path("tmp-1")) == []
    assert os.listdir(store.path("wheels-1")) == []


def test_a_built_wheel_is_found_by_what_it_was_built_from(store: Store, archive: str):
    wheels = WheelCache(store)
    wheels.add(archive, sha256(archive), os.path.basename(archive))
    wheels.note_built("key", sha256(archive), os.path.basename(archive))
    found = WheelCache(store).get_built("key")
    assert found is not None
    assert (found[0].manifest.name, found[1]) == ("spam", "spam-1.0-py3-none-any.whl")
    assert wheels.get_built("other") is None


def test_without_a_cache_wheels_live_in_a_scratch_folder_for_this_run(tmp_path: Path, archive: str):
    root = tmp_path / "cache"
    root.mkdir()
    root.chmod(0o777)
    warnings: list[str] = []
    store = Store(str(root), warnings.append)
    wheels = WheelCache(store)
    digest = sha256(archive)
    wheel = wheels.add(archive, digest, os.path.basename(archive))
    assert os.path.exists(os.path.join(wheel.path, "spam.py"))
    found = wheels.get(digest)
    assert found is not None
    assert found.path == wheel.path
    store.close()
    assert not os.path.exists(wheel.path)
    assert list(root.iterdir()) == []
    assert len(warnings) == 1


def test_a_scratch_folder_in_the_cache_is_not_the_cache(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Who cannot write there either must give up, and not try for ever."""
    wheels = WheelCache(store)
    assert wheels.is_cached(wheels.temporary())
    monkeypatch.setattr(tempfile, "tempdir", store.root)
    wheels.give_up(OSError(28, "No space left on device"))
    assert not wheels.is_cached(wheels.temporary())


def test_an_archive_is_kept_under_its_digest(store: Store):
    wheels = WheelCache(store)
    temporary = wheels.temporary()
    with open(temporary, "wb") as file:
        file.write(b"sdist")
    path = wheels.add_archive(temporary, "ab" * 32, "spam-1.0.tar.gz")
    assert wheels.archive("ab" * 32, "spam-1.0.tar.gz") == path
    assert wheels.archive("cd" * 32, "spam-1.0.tar.gz") is None
    assert not os.path.exists(temporary)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_without_a_cache_an_archive_keeps_its_name_for_this_run(store: Store, when: str):
    """A build is named by it, in messages and for its log."""
    wheels = WheelCache(store)
    full = OSError(28, "No space left on device")
    if when == "before":
        wheels.give_up(full)
    temporary = wheels.temporary()
    with open(temporary, "wb") as file:
        file.write(b"sdist")
    wheels.give_up(full)
    path = wheels.add_archive(temporary, "ab" * 32, "spam-1.0.tar.gz")
    assert os.path.basename(path) == "spam-1.0.tar.gz"
    assert wheels.archive("ab" * 32, "spam-1.0.tar.gz") == path
    assert not os.path.exists(temporary)
    store.close()
    assert not os.path.exists(path)
