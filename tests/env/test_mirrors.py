"""A locked file is had from any server that has it: the user's indexes before the address in the lock."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pkm_env.index.errors import Gone, HashMismatch, IndexFailure, IndexRefused
from pkm_env.model.distribution import File
from pkm_env.wanted import Wanted
from tests.env.test_provision import FakeBuilder, leftovers
from tests.support.index_server import LocalIndex
from tests.support.supplies import spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pkm_env.cache.manifest import UnpackedWheel
    from tests.support.supplies import World

NAME = "spam-1.0-py3-none-any.whl"


@pytest.fixture
def locked() -> Iterator[LocalIndex]:
    """The index that the lock names."""
    with LocalIndex() as served:
        yield served


def wanted(locked: LocalIndex, filename: str) -> Wanted:
    """A file as a lock of *locked* holds it."""
    listed = locked.file(filename)
    file = File(filename, locked.file_url(filename), hashes={"sha256": listed.sha256}, size=listed.size)
    return Wanted("spam", "1.0", file=file, index=locked.url)


def a_wheel(locked: LocalIndex, mirror: LocalIndex) -> Wanted:
    """A wheel that both have."""
    locked.add_wheel("spam", "1.0")
    mirror.add_bytes(NAME, locked.file(NAME).content)
    return wanted(locked, NAME)


def an_sdist(locked: LocalIndex, mirror: LocalIndex) -> Wanted:
    """An sdist that both have."""
    name = locked.add_sdist("spam", "1.0").filename
    mirror.add_bytes(name, locked.file(name).content)
    return wanted(locked, name)


def got(world: World, item: Wanted, *indexes: LocalIndex, **options) -> UnpackedWheel:
    specs = [spec(index, f"index-{number}") for number, index in enumerate(indexes)]
    (wheel,) = world.supply(*specs, **options).provision.wheels([item], world.told)
    assert leftovers(world) == []
    return wheel


@pytest.mark.parametrize("make", [a_wheel, an_sdist])
def test_where_the_locks_index_is_none_of_the_users_only_these_are_asked(
    world: World, index: LocalIndex, locked: LocalIndex, make
):
    world.builder = FakeBuilder()
    assert got(world, make(locked, index), index).manifest.name == "spam"
    assert locked.requests == []
    assert index.count("/simple/spam/") == 1


@pytest.mark.parametrize("make", [a_wheel, an_sdist])
def test_where_it_is_one_of_theirs_no_page_is_asked_for(
    world: World, index: LocalIndex, locked: LocalIndex, make
):
    world.builder = FakeBuilder()
    got(world, make(locked, index), index, locked)
    assert index.requests == []
    assert [request.path for request in locked.requests if "/simple/" in request.path] == []


def test_the_address_of_an_index_may_lack_its_last_slash(world: World, locked: LocalIndex):
    item = a_wheel(locked, locked)
    item.index = item.index.rstrip("/")
    got(world, item, locked)
    assert locked.count("/simple/") == 0


@pytest.mark.parametrize("make", [a_wheel, an_sdist])
def test_what_their_index_has_no_more_comes_from_another_that_lists_it(
    world: World, index: LocalIndex, locked: LocalIndex, make
):
    world.builder = FakeBuilder()
    item = make(locked, index)
    locked.remove(item.file.filename)
    assert got(world, item, index, locked).manifest.name == "spam"
    assert index.count(item.file.filename, status=200) == 1


@pytest.mark.parametrize("make", [a_wheel, an_sdist])
@pytest.mark.parametrize("fault", ["page", "file", "absent"])
def test_what_no_mirror_gives_comes_from_the_address_in_the_lock(
    world: World, index: LocalIndex, locked: LocalIndex, make, fault: str
):
    world.builder = FakeBuilder()
    item = make(locked, index)
    if fault == "page":
        index.fail("/simple/", 503, times=None)
    elif fault == "file":
        index.fail(item.file.filename, 404, times=None)
    else:
        index.remove(item.file.filename)
    assert got(world, item, index).manifest.name == "spam"
    assert locked.count(item.file.filename, status=200) == 1


def test_another_file_of_that_name_is_not_fetched(world: World, index: LocalIndex, locked: LocalIndex):
    item = a_wheel(locked, index)
    index.add_wheel("spam", "1.0", files={"spam.py": "other"})
    got(world, item, index)
    assert index.count(".whl") == 0


def test_a_mirror_that_tells_no_digest_is_tried_and_its_file_compared(
    world: World, index: LocalIndex, locked: LocalIndex
):
    item = a_wheel(locked, index)
    index.hashes = False
    got(world, item, index)
    assert locked.requests == []


def test_another_file_of_a_mirror_that_tells_no_digest_is_not_taken(
    world: World, index: LocalIndex, locked: LocalIndex
):
    item = a_wheel(locked, index)
    index.hashes = False
    index.add_wheel("spam", "1.0", files={"spam.py": "other"})
    wheel = got(world, item, index)
    assert locked.count(NAME, status=200) == 1
    with open(os.path.join(wheel.path, "spam.py")) as file:
        assert file.read() != "other"


def test_a_mirror_that_tells_no_times_serves_a_lock_with_a_cut_off_date(
    world: World, index: LocalIndex, locked: LocalIndex
):
    got(world, a_wheel(locked, index), index, exclude_newer={"default": "2026-01-01T00:00:00Z"})
    assert locked.requests == []
    assert world.told.notes == []


def test_pages_of_several_are_asked_for_side_by_side(world: World, index: LocalIndex, locked: LocalIndex):
    items = []
    for number in range(8):
        listed = locked.add_wheel(f"spam{number}", "1.0")
        index.add_bytes(listed.filename, listed.content)
        item = wanted(locked, listed.filename)
        item.name = f"spam{number}"
        items.append(item)
    world.supply(spec(index)).provision.wheels(items, world.told)
    assert locked.requests == []
    assert index.count("/simple/") == 8
    assert 1 < index.connections <= 8


def test_the_name_is_told_to_no_index_after_the_one_that_knows_it(
    world: World, index: LocalIndex, locked: LocalIndex
):
    with LocalIndex() as last:
        item = a_wheel(locked, index)
        got(world, item, index, last)
        assert last.requests == []


def test_a_bound_name_is_looked_for_on_its_index_alone(world: World, index: LocalIndex, locked: LocalIndex):
    with LocalIndex() as bound:
        item = a_wheel(locked, index)
        bound.add_bytes(NAME, locked.file(NAME).content)
        got(world, item, index, bound, bindings={"spam": "index-1"})
        assert (index.requests, locked.requests) == ([], [])
        assert bound.count(NAME, status=200) == 1


def test_what_nobody_gives_ends_with_the_answer_of_the_address_in_the_lock(
    world: World, index: LocalIndex, locked: LocalIndex
):
    item = a_wheel(locked, index)
    index.fail(NAME, 404, times=None)
    locked.fail(NAME, 410, times=None)
    with pytest.raises(IndexRefused, match="HTTP 410"):
        got(world, item, index)
    locked.heal()
    locked.replace(NAME, b"another content")
    with pytest.raises(HashMismatch):
        got(world, item, index)


def test_another_content_of_their_own_index_is_an_error_and_no_reason_to_look_elsewhere(
    world: World, index: LocalIndex, locked: LocalIndex
):
    item = a_wheel(locked, index)
    locked.replace(NAME, b"another content")
    with pytest.raises(HashMismatch):
        got(world, item, index, locked)
    assert index.requests == []


def test_an_index_that_lists_another_file_of_that_name_is_no_mirror(
    world: World, index: LocalIndex, locked: LocalIndex
):
    item = a_wheel(locked, locked)
    index.add_wheel("spam", "1.0", files={"spam.py": "other"})
    locked.remove(NAME)
    with pytest.raises(IndexFailure):
        got(world, item, index, locked)
    assert index.count(".whl") == 0


def moved(item: Wanted, folder: Path) -> Wanted:
    """A file as the lock of a project has it that names a folder, from which it is gone."""
    file = item.file
    path = str(folder / file.filename)
    return Wanted("spam", "1.0", file=File(file.filename, "", hashes=file.hashes, size=file.size, path=path))


@pytest.mark.parametrize("make", [a_wheel, an_sdist])
def test_a_file_that_left_its_folder_comes_from_an_index_that_has_it(
    world: World, index: LocalIndex, locked: LocalIndex, make, tmp_path: Path
):
    world.builder = FakeBuilder()
    assert got(world, moved(make(locked, index), tmp_path), index).manifest.name == "spam"
    assert locked.requests == []


@pytest.mark.parametrize("make", [a_wheel, an_sdist])
def test_a_file_that_left_its_folder_and_that_no_index_has_is_named(
    world: World, index: LocalIndex, locked: LocalIndex, make, tmp_path: Path
):
    world.builder = FakeBuilder()
    item = moved(make(locked, locked), tmp_path)
    with pytest.raises(Gone) as raised:
        got(world, item, index)
    assert str(raised.value).split("\n  ") == [
        f"the file {item.file.filename} is neither in its folder nor on an index",
        item.file.path,
    ]
