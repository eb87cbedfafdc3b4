"""Pages that were read in brief: what was left unread is there when somebody asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pkm_env.cache.pages import CachedPage, PageCache, index_key
from pkm_env.cache.store import PAGES, Store
from pkm_env.cache.upkeep import bad_pages
from pkm_env.index.errors import Offline
from tests.support.supplies import listed, spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import LocalIndex
    from tests.support.supplies import World

COUNT = 60


@pytest.fixture
def index(index: LocalIndex) -> LocalIndex:
    """An index with many releases of one package; each was uploaded on a day of its own."""
    index.absolute_urls = True
    for number in range(COUNT):
        day = f"2025-{1 + number // 28:02}-{1 + number % 28:02}"
        index.add_wheel("spam", f"1.{number}", upload_time=f"{day}T10:00:00Z")
    return index


def kept(world: World, index: LocalIndex) -> CachedPage:
    """The page as the cache has it."""
    found = PageCache(store_of(world)).load(index_key(index.url, "simple"), "spam")
    assert found is not None
    return found


def store_of(world: World) -> Store:
    return Store(str(world.folder / "cache"), world.told.warn)


def file_of(world: World) -> Path:
    (path,) = (world.folder / "cache" / PAGES).rglob("spam.page")
    return path


def test_the_newest_release_is_known_without_the_others(world: World, index: LocalIndex):
    listing = listed(world.supply(spec(index)), "spam")
    assert len(listing.versions) == COUNT
    page = kept(world, index)
    assert page.brief is not None
    assert [page.digest[0][number] for number in page.brief.numbers] == ["1.59", "1.58"]
    assert [file.filename for file in listing.files("1.59")] == ["spam-1.59-py3-none-any.whl"]
    assert kept(world, index).brief is not None
    again = listed(world.supply(spec(index)), "spam")
    assert [file.url for file in again.files("1.58")] == [index.file_url("spam-1.58-py3-none-any.whl")]
    assert world.connected == 1


def test_an_older_release_is_read_when_it_is_asked_for_and_without_a_request(world: World, index: LocalIndex):
    asked = listed(world.supply(spec(index)), "spam")
    later = listed(world.supply(spec(index), offline=True), "spam")
    index.forget()
    for listing in (asked, later):
        (file,) = listing.files("1.7")
        assert file.url == index.file_url("spam-1.7-py3-none-any.whl")
        assert file.hashes == {"sha256": index.file("spam-1.7-py3-none-any.whl").sha256}
        assert file.upload_time == "2025-01-08T10:00:00Z"
    assert index.count() == 0
    assert kept(world, index).brief is None


def test_what_was_read_whole_is_read_from_where_it_is_kept_now(
    world: World, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
):
    # The whole file was read at once, and its texts are not held.
    monkeypatch.setattr("pkm_env.cache.pages.FIRST_READ", 1 << 20)
    monkeypatch.setattr("pkm_env.cache.pages.MOST_HELD", 0)
    listed(world.supply(spec(index)), "spam")
    page = world.supply(spec(index))._catalogue.page(0, "spam")
    assert page.brief is not None
    for number in (7, 8):
        assert page.text_of(number).split("\t")[1] == f"spam-1.{number}-py3-none-any.whl"
    assert page.texts is None


def test_what_was_read_whole_is_as_old_as_before(world: World, index: LocalIndex):
    listing = listed(world.supply(spec(index)), "spam")
    os.utime(file_of(world), (1_000_000_000, 1_000_000_000))
    assert listing.files("1.7")
    assert kept(world, index).brief is None
    assert kept(world, index).confirmed_s == 1_000_000_000


def test_a_page_whose_older_releases_were_asked_for_is_read_whole_from_then_on(
    world: World, index: LocalIndex
):
    assert listed(world.supply(spec(index)), "spam").files("1.7")
    index.add_wheel("spam", "2.0", upload_time="2025-06-01T10:00:00Z")
    world.now_s += 10_000
    assert listed(world.supply(spec(index)), "spam").versions[-1] == "2.0"
    assert kept(world, index).brief is None


def test_a_page_that_changed_is_read_in_brief_again(world: World, index: LocalIndex):
    assert listed(world.supply(spec(index)), "spam").files("1.59")
    index.add_wheel("spam", "2.0", upload_time="2025-06-01T10:00:00Z")
    world.now_s += 10_000
    listing = listed(world.supply(spec(index)), "spam")
    assert listing.versions[-1] == "2.0"
    assert kept(world, index).brief is not None
    assert listing.files("1.0")


def test_the_listing_is_the_same_in_brief_and_whole(world: World, index: LocalIndex):
    brief = listed(world.supply(spec(index)), "spam")
    newest = world.made[-1].token("spam", COUNT - 1)
    assert (brief.key, newest) == (brief.key, world.made[-1].token("spam", COUNT - 1))
    assert world.made[-1].token("spam", 0) == ""
    assert brief.files("1.0")
    whole = listed(world.supply(spec(index)), "spam")
    assert whole.key == brief.key
    assert whole.signatures == brief.signatures
    assert world.made[-1].token("spam", COUNT - 1) == newest
    assert world.made[-1].token("spam", 0)


@pytest.mark.parametrize("known", [True, False], ids=["read in brief before", "new"])
def test_a_cut_off_knows_the_times_of_all(world: World, index: LocalIndex, known: bool):
    if known:
        listed(world.supply(spec(index)), "spam")
        assert kept(world, index).brief is not None
    index.forget()
    supply = world.supply(spec(index), exclude_newer={"default": "2025-01-03T00:00:00Z"})
    listing = listed(supply, "spam")
    usable = {number for _, _, mask in listing.signatures for number in range(COUNT) if mask >> number & 1}
    assert usable == {0, 1}
    assert index.count("/spam/") == (0 if known else 1)
    assert kept(world, index).brief is None


@pytest.mark.parametrize("what", ["cut", "flipped", "gone"])
def test_what_is_damaged_is_fetched_again(
    world: World, index: LocalIndex, what: str, monkeypatch: pytest.MonkeyPatch
):
    # Nothing but the digest is read at first, as of a large page.
    monkeypatch.setattr("pkm_env.cache.pages.FIRST_READ", 64)
    listed(world.supply(spec(index)), "spam")
    listing = listed(world.supply(spec(index)), "spam")
    alone = listed(world.supply(spec(index), offline=True), "spam")
    path = file_of(world)
    data = bytearray(path.read_bytes())
    if what == "cut":
        path.write_bytes(data[:-100])
    elif what == "flipped":
        data[-100] ^= 1
        path.write_bytes(data)
    else:
        path.unlink()
    found = list(bad_pages(store_of(world)))
    assert bool(found) == (what != "gone")
    with pytest.raises(Offline, match=r"the list of files of spam 1\.7 is not in the cache"):
        alone.files("1.7")
    index.forget()
    assert [file.filename for file in listing.files("1.7")] == ["spam-1.7-py3-none-any.whl"]
    assert index.count("/spam/") == 1


def test_a_sound_page_is_no_finding(world: World, index: LocalIndex):
    listing = listed(world.supply(spec(index)), "spam")
    assert list(bad_pages(store_of(world))) == []
    assert listing.files("1.7")
    assert list(bad_pages(store_of(world))) == []


def test_without_a_cache_it_is_read_from_what_came(world: World, index: LocalIndex):
    (world.folder / "cache").write_text("no folder")
    listing = listed(world.supply(spec(index)), "spam")
    index.forget()
    for version in ("1.59", "1.7", "1.58"):
        assert [file.filename for file in listing.files(version)] == [f"spam-{version}-py3-none-any.whl"]
    assert index.count() == 0


def test_what_is_not_packed_is_read_whole(world: World, index: LocalIndex):
    index.gzip = False
    listed(world.supply(spec(index)), "spam")
    assert kept(world, index).brief is None
