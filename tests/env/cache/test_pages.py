"""Pages and metadata, as the cache keeps them."""

from __future__ import annotations

import os
from marshal import loads
from typing import TYPE_CHECKING

import pytest

from pkm_env.cache.pages import HEADER_SIZE, CachedPage, MetadataCache, PageCache, index_key, number_at
from pkm_env.cache.store import Store
from pkm_env.model.rows import row_of

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = (("1.0", "2.0"), (("", "sdist", 3),), 0, 0, "key", b"\x00" * 16)


def plain(filename: str) -> tuple[object, ...]:
    return (filename, {}, "", None, "", None, 7, "", f"https://x.example/{filename}", None)


FILES = [(plain("spam-1.0.tar.gz"),), (plain("spam-2.0.tar.gz"), plain("spam-2.0.zip"))]
TEXTS = ["\n".join("\t".join(row_of(file)) for file in files) for files in FILES]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "cache"), lambda _: None)


@pytest.fixture
def pages(store: Store) -> PageCache:
    cache = PageCache(store)
    cache.save("index", "spam", CachedPage(DIGEST, etag='"e"', modified="m", max_age_s=600, texts=TEXTS))
    return cache


def test_a_page_comes_back_with_its_validators(pages: PageCache):
    page = pages.load("index", "spam")
    assert page is not None
    assert isinstance(page.digest[1], bytes)
    digest = (page.digest[0], loads(page.digest[1]), *page.digest[2:])
    assert (digest, page.etag, page.modified, page.max_age_s) == (DIGEST, '"e"', "m", 600)
    assert not page.missing
    assert [page.files_of(number) for number in (0, 1)] == FILES


def test_a_page_knows_whether_it_is_kept(pages: PageCache, store: Store):
    page = CachedPage(DIGEST, texts=TEXTS)
    assert not page.is_kept
    pages.save("index", "eggs", page)
    assert page.is_kept
    store.writable = False
    other = CachedPage(DIGEST, texts=TEXTS)
    pages.save("index", "ham", other)
    assert not other.is_kept
    assert [found.files_of(1) for found in (page, other)] == [FILES[1], FILES[1]]


def test_only_the_files_of_a_small_page_stay_in_memory(pages: PageCache):
    large = [text.replace("spam-1.0", f"spam-{'1' * 50_000}") for text in TEXTS]
    for texts, held in ((TEXTS, TEXTS), (large, None)):
        page = CachedPage(DIGEST, texts=texts)
        pages.save("index", "eggs", page)
        assert page.texts == held
        assert page.text_of(0) == texts[0]


def test_a_name_that_is_not_there_can_be_kept_too(pages: PageCache):
    pages.save("index", "eggs", CachedPage((), missing=True, max_age_s=60))
    page = pages.load("index", "eggs")
    assert page is not None
    assert page.missing


def test_a_page_is_fresh_from_its_confirmation_to_its_age(pages: PageCache):
    page = pages.load("index", "spam")
    assert page is not None
    for seconds, fresh in ((0, True), (599, True), (601, False), (-60, True), (-3600, False)):
        assert page.is_fresh(page.confirmed_s + seconds) is fresh


def test_a_confirmation_makes_it_fresh_again(pages: PageCache):
    path = pages._path("index", "spam")
    os.utime(path, (0, 0))
    old = pages.load("index", "spam")
    pages.confirm("index", "spam")
    new = pages.load("index", "spam")
    assert old is not None
    assert new is not None
    assert old.confirmed_s == 0 < new.confirmed_s
    pages.confirm("index", "nothing")


def test_a_large_digest_is_read_whole(pages: PageCache):
    versions = tuple(str(number) for number in range(30_000))
    pages.save("index", "large", CachedPage((versions, (), 0, 0, "k", b""), texts=["" for _ in versions]))
    page = pages.load("index", "large")
    assert page is not None
    assert page.digest[0] == versions


def test_a_damaged_digest_is_no_page(pages: PageCache):
    path = pages._path("index", "spam")
    with open(path, "rb") as file:
        whole = bytearray(file.read())
    end = HEADER_SIZE + number_at(whole, 4)
    for at in range(end):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        with open(path, "wb") as file:
            file.write(damaged)
        assert pages.load("index", "spam") is None, at
    for size in range(end):
        with open(path, "wb") as file:
            file.write(whole[:size])
        assert pages.load("index", "spam") is None, size


def test_damaged_or_missing_files_are_noticed_when_they_are_read(
    pages: PageCache, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pkm_env.cache.pages.FIRST_READ", 64)
    path = pages._path("index", "spam")
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x00")
    page = pages.load("index", "spam")
    assert page is not None
    assert page.files_of(0) == FILES[0]
    assert page.files_of(1) is None
    os.unlink(path)
    assert page.files_of(0) is None


def test_metadata_is_kept_by_key_and_the_last_one_counts(store: Store):
    cache = MetadataCache(store)
    cache.save("index", "spam", {"a": ("spam", "1.0")})
    cache.save("index", "spam", {"b": ("spam", "2.0")})
    cache.save("index", "spam", {"a": ("spam", "1.1")})
    assert MetadataCache(store).load("index", "spam") == {"a": ("spam", "1.1"), "b": ("spam", "2.0")}
    assert MetadataCache(store).load("other", "spam") == {}


@pytest.mark.parametrize("damage", ["cut", "flip", "zeros"])
def test_damaged_metadata_is_forgotten_and_the_file_mended(store: Store, damage: str):
    cache = MetadataCache(store)
    cache.save("index", "spam", {"a": ("spam", "1.0")})
    path = cache._path("index", "spam")
    good = os.path.getsize(path)
    cache.save("index", "spam", {"b": ("spam", "2.0")})
    with open(path, "r+b") as file:
        if damage == "cut":
            file.truncate(good + 9)
        elif damage == "flip":
            file.seek(good + 10)
            file.write(b"\xff")
        else:
            file.seek(0, os.SEEK_END)
            file.write(b"\0" * 30)
    fresh = MetadataCache(store)
    assert fresh.load("index", "spam").get("a") == ("spam", "1.0")
    assert fresh.load("index", "spam").get("b") == (("spam", "2.0") if damage == "zeros" else None)
    fresh.save("index", "spam", {"c": ("spam", "3.0")})
    assert MetadataCache(store).load("index", "spam")["c"] == ("spam", "3.0")


def test_the_key_of_an_index_shows_neither_address_nor_secret():
    key = index_key("https://index.example/simple/")
    assert key.isalnum()
    assert key != index_key("https://index.example/simple/", "flat")


def test_a_name_that_is_a_device_on_windows_has_a_file_like_any_other(pages: PageCache, store: Store):
    pages.save("index", "aux", CachedPage(DIGEST, texts=TEXTS))
    assert pages.load("index", "aux") is not None
    assert not os.path.exists(store.path("pages-1", "index", "aux.page"))


def test_the_names_of_an_index_are_those_whose_pages_are_kept(pages: PageCache, store: Store):
    pages.save("index", "aux", CachedPage(DIGEST, texts=TEXTS))
    pages.save("index", "spma", CachedPage((), missing=True))
    pages.save("other", "eggs", CachedPage(DIGEST, texts=TEXTS))
    assert pages.names("index") == {"spam", "aux"}
    assert pages.names("unknown") == set()
    path = store.path("pages-5", "index", "spam.page")
    os.truncate(path, 10)
    assert pages.names("index") == {"aux"}
