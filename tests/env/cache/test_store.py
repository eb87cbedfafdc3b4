"""The cache's folder: whether it may be used, and how things appear in it."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.cache.memory import StoredMemory
from pkm_env.cache.store import Store, distrust, pack, unpack

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> Store:
    return Store(str(tmp_path / "cache"), warnings.append)


@given(PLAIN)
def test_what_is_packed_is_unpacked(value: object):
    assert unpack(pack(value)) == value


@given(PLAIN, st.data())
def test_a_flipped_or_missing_byte_is_noticed(value: object, data: st.DataObject):
    packed = bytearray(pack(value))
    at = data.draw(st.integers(0, len(packed) - 1))
    assert unpack(bytes(packed[:at])) is None
    assert unpack(bytes(packed) + b"x") is None
    packed[at] ^= 1 << data.draw(st.integers(0, 7))
    assert unpack(bytes(packed)) is None


def test_a_whole_content_that_is_no_marshal_is_none():
    from zlib import crc32

    content = b"\xff\xff\xff"
    assert unpack(struct.pack("<4sII", b"pkm1", len(content), crc32(content)) + content) is None
    assert unpack(None) is None


def test_a_new_cache_is_closed_to_others_and_marked_as_one(store: Store):
    assert store.write(store.path("memory-1", "x", "y"), b"data")
    assert store.read(store.path("memory-1", "x", "y")) == b"data"
    assert os.stat(store.root).st_mode & 0o077 == 0
    assert os.path.exists(os.path.join(store.root, "CACHEDIR.TAG"))
    assert os.listdir(store.path("tmp-1")) == []


def test_a_write_after_a_clean_makes_its_folders_again(store: Store):
    path = store.path("memory-1", "x")
    assert store.write(path, b"one")
    os.unlink(path)
    os.rmdir(store.path("tmp-1"))
    store.write(path, b"two")
    assert store.write(path, b"three")
    assert store.read(path) == b"three"
    assert store.writable


def test_the_folders_of_a_cache_that_begins_have_nothing_beside_them(store: Store):
    for bucket in ("pages-0", "memory-0"):
        assert store.write(store.path(bucket, "index", "spam"), b"data")
    assert sorted(os.listdir(store.root)) == ["CACHEDIR.TAG", "memory-0", "pages-0", "tmp-1"]
    assert os.listdir(store.path("pages-0")) == ["index"]
    assert os.listdir(store.path("tmp-1")) == []


def test_a_folder_that_another_process_made_meanwhile_is_kept_with_what_is_in_it(store: Store):
    other = Store(store.root, print)
    assert other.write(store.path("pages-0", "eggs"), b"eggs")
    store._make_folder(store.path("pages-0"))
    assert os.listdir(store.path("pages-0")) == ["eggs"]
    assert sorted(os.listdir(store.root)) == ["CACHEDIR.TAG", "pages-0", "tmp-1"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are those of POSIX")
def test_a_cache_that_others_may_write_to_is_not_used(tmp_path: Path, warnings: list[str]):
    root = tmp_path / "cache"
    root.mkdir()
    root.chmod(0o777)
    store = Store(str(root), warnings.append)
    assert not store.write(store.path("memory-1", "x"), b"data")
    assert store.read(store.path("memory-1", "x")) is None
    assert list(root.iterdir()) == []
    (warning,) = warnings
    assert "is not used: others may write to it" in warning


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_cache_of_another_user_is_not_used(tmp_path: Path):
    root = tmp_path / "cache"
    root.mkdir()
    os.chown(root, 12345, 12345)
    assert distrust(str(root)) == "it belongs to another user"
    assert distrust(str(root), "win32") == ""


def test_a_file_at_the_place_of_the_cache_is_not_used(tmp_path: Path, warnings: list[str]):
    (tmp_path / "cache").write_text("x")
    assert not Store(str(tmp_path / "cache"), warnings.append).usable
    assert "it is no folder" in warnings[0]


def test_when_a_write_fails_reading_goes_on_and_one_warning_is_given(store: Store, warnings: list[str]):
    store.write(store.path("memory-1", "x"), b"data")
    blocked = store.path("blocked")
    with open(blocked, "wb"):
        pass
    assert not store.write(os.path.join(blocked, "below", "y"), b"data")
    assert not store.write(store.path("memory-1", "z"), b"data")
    assert store.read(store.path("memory-1", "x")) == b"data"
    (warning,) = warnings
    assert "cannot be written" in warning


def test_memory_outlives_the_process_and_tells_keys_apart(store: Store, warnings: list[str]):
    StoredMemory(store).remember("kind", "key", (1, "two", b"3"))
    memory = StoredMemory(Store(store.root, warnings.append))
    assert memory.recall("kind", "key") == (1, "two", b"3")
    assert memory.recall("kind", "other") is None
    assert memory.recall("other", "key") is None


def test_memory_takes_a_value_of_another_key_for_nothing(store: Store):
    memory = StoredMemory(store)
    memory.remember("kind", "key", 1)
    os.replace(memory._path("kind", "key"), memory._path("kind", "other"))
    assert StoredMemory(store).recall("kind", "other") is None


def test_memory_of_what_marshal_does_not_take_lasts_for_this_process(store: Store):
    memory = StoredMemory(store)
    memory.remember("kind", "key", store)
    assert memory.recall("kind", "key") is store
    assert StoredMemory(store).recall("kind", "key") is None


def test_a_cache_that_is_a_link_to_nowhere_is_not_used(tmp_path: Path):
    (tmp_path / "cache").symlink_to(tmp_path / "nowhere")
    assert distrust(str(tmp_path / "cache")) == "it is a link that leads nowhere"
    (tmp_path / "nowhere").mkdir()
    assert distrust(str(tmp_path / "cache")) == ""
