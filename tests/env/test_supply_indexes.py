"""Supply and its indexes: whose page counts, how long it stays fresh, folders and places of pip beside servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pkm_env.index.errors import BadPage, IndexRefused, IndexUnreachable, Offline
from pkm_env.index.spec import IndexSpec
from pkm_env.model.distribution import Metadata, Unavailable
from tests.support.index_server import LocalIndex
from tests.support.supplies import listed, spec
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.supplies import World


def test_a_fresh_page_is_not_asked_for_again(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    first = listed(world.supply(spec(index)), "spam")
    index.forget()
    second = listed(world.supply(spec(index)), "spam")
    assert index.requests == []
    assert (second.key, second.files("1.0")) == (first.key, first.files("1.0"))
    assert world.connected == 1


def test_a_stale_page_is_confirmed_without_a_body(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    world.now_s += 700
    assert listed(world.supply(spec(index)), "spam").versions == ("1.0",)
    assert index.count("/simple/spam", status=304) == 1


def test_a_stale_page_that_changed_is_taken_anew(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    index.add_wheel("spam", "1.1")
    world.now_s += 700
    assert listed(world.supply(spec(index)), "spam").versions == ("1.0", "1.1")


def test_refresh_asks_even_when_the_page_is_fresh(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    index.add_wheel("spam", "1.1")
    assert listed(world.supply(spec(index), refresh=frozenset({"spam"})), "spam").versions == ("1.0", "1.1")


def test_offline_uses_a_stale_page_and_says_what_it_lacks(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    world.now_s += 10_000
    offline = world.supply(spec(index), offline=True)
    assert listed(offline, "spam").versions == ("1.0",)
    found = offline.listing("eggs")
    assert isinstance(found, Unavailable)
    assert found.kind == "offline"


def test_the_first_index_that_knows_a_name_wins(world: World, index: LocalIndex):
    with LocalIndex() as private:
        private.add_wheel("spam", "1.0")
        index.add_wheel("spam", "9.0")
        index.add_wheel("eggs", "1.0")
        supply = world.supply(spec(private, "private"), spec(index))
        assert listed(supply, "spam").versions == ("1.0",)
        assert listed(supply, "spam").index == "private"
        assert listed(supply, "eggs").index == "main"
        assert index.count("/simple/spam") == 0


def test_later_indexes_are_told_and_those_on_servers_not_asked(
    world: World, index: LocalIndex, tmp_path: Path
):
    with LocalIndex() as private:
        private.add_wheel("spam", "1.0")
        index.add_wheel("spam", "9.0")
        make_wheel(tmp_path / "wheels", "spam", "3.0")
        folder = IndexSpec("folder", str(tmp_path / "wheels"), flat=True)
        hidden = IndexSpec("hidden", index.url, explicit=True)
        supply = world.supply(spec(private, "private"), folder, hidden, spec(index))
        listed(supply, "spam")
        assert supply.elsewhere("spam") == [
            ("folder", ("3.0",), '"private" comes first and has spam'),
            ("main", None, '"private" comes first and has spam'),
        ]
        assert index.requests == []
        bound = world.supply(spec(private, "private"), spec(index), bindings={"spam": "private"})
        listed(bound, "spam")
        assert bound.elsewhere("spam") == [("main", None, 'spam is bound to "private"')]


def test_explicit_indexes_are_told_where_no_other_has_a_package(
    world: World, index: LocalIndex, tmp_path: Path
):
    make_wheel(tmp_path / "wheels", "spam", "3.0")
    folder = IndexSpec("folder", str(tmp_path / "wheels"), flat=True, explicit=True)
    hidden = IndexSpec("hidden", f"{index.url}hidden/", explicit=True)
    supply = world.supply(folder, hidden, spec(index))
    assert isinstance(supply.listing("spam"), Unavailable)
    assert supply.elsewhere("spam") == [
        ("folder", ("3.0",), "it is explicit"),
        ("hidden", None, "it is explicit"),
    ]


def test_the_names_in_folders_are_known_without_asking(world: World, index: LocalIndex, tmp_path: Path):
    make_wheel(tmp_path / "wheels", "big_spam", "3.0")
    (tmp_path / "tree" / "eggs").mkdir(parents=True)
    supply = world.supply(
        IndexSpec("flat", str(tmp_path / "wheels"), flat=True),
        IndexSpec("tree", str(tmp_path / "tree")),
        IndexSpec("gone", str(tmp_path / "gone")),
        spec(index),
    )
    assert supply.names() == {"big-spam", "eggs"}
    assert index.requests == []


def test_an_explicit_index_serves_only_what_is_bound_to_it(world: World, index: LocalIndex):
    with LocalIndex() as other:
        for name in ("spam", "eggs"):
            other.add_wheel(name, "1.0")
            index.add_wheel(name, "2.0")
        supply = world.supply(spec(other, "other", explicit=True), spec(index), bindings={"eggs": "other"})
        assert listed(supply, "spam").versions == ("2.0",)
        assert listed(supply, "eggs").versions == ("1.0",)


def test_an_unknown_name_is_unavailable_and_remembered(world: World, index: LocalIndex):
    found = world.supply(spec(index)).listing("nothing")
    assert isinstance(found, Unavailable)
    assert (found.kind, found.reason) == ("unknown", 'no index has it (asked "main")')
    index.forget()
    assert world.supply(spec(index)).listing("nothing") == found
    assert index.requests == []


def test_an_unreachable_index_is_an_error_that_names_it(world: World):
    with LocalIndex() as gone:
        where = spec(gone, "company")
    with pytest.raises(
        IndexUnreachable, match='index "company" does not answer: connection refused'
    ) as caught:
        world.supply(where).listing("spam")
    assert caught.value.attempts == 4
    assert len(world.pauses) == 3


def test_credentials_of_the_variables_are_sent_and_stay_out_of_the_cache(world: World, index: LocalIndex):
    index.auth = ("me", "s3cret!")
    index.add_wheel("spam", "1.0")
    with pytest.raises(IndexRefused) as caught:
        world.supply(spec(index)).listing("spam")
    assert caught.value.status == 401
    assert "PKM_INDEX_MAIN_USERNAME" in caught.value.hint
    world.environ = {"PKM_INDEX_MAIN_USERNAME": "me", "PKM_INDEX_MAIN_PASSWORD": "s3cret!"}
    supply = world.supply(spec(index))
    assert isinstance(supply.metadata("spam", "1.0"), Metadata)
    kept = [path for path in (world.folder / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"s3cret" in path.read_bytes() or "s3cret" in str(path) for path in kept)


def test_a_page_that_is_no_page_is_an_error(world: World, index: LocalIndex):
    index.reply("/simple/spam", body=b"{", headers={"Content-Type": "application/json"})
    with pytest.raises(BadPage, match="malformed JSON"):
        world.supply(spec(index)).listing("spam")


def test_a_page_without_files_is_not_kept_for_long(world: World, index: LocalIndex):
    """A gateway that asks for a login answers so, and is gone by the next run."""
    index.add_wheel("spam", "1.0")
    index.reply("spam", body=b"<html><body>log in</body></html>", headers={"Content-Type": "text/html"})
    assert listed(world.supply(spec(index)), "spam").versions == ()
    index.heal()
    world.now_s += 60
    assert listed(world.supply(spec(index)), "spam").versions == ("1.0",)


def test_a_folder_of_wheels_is_an_index(world: World, index: LocalIndex):
    path = make_wheel(world.folder / "wheels", "spam", "1.5", requires=["eggs"])
    make_wheel(world.folder / "wheels", "spam-more", "3.0")
    index.add_wheel("spam", "2.0")
    flat = IndexSpec("folder", str(world.folder / "wheels"), flat=True)
    supply = world.supply(flat, spec(index))
    assert listed(supply, "spam").versions == ("1.5",)
    assert listed(supply, "spam").files("1.5")[0].path == str(path)
    found = supply.metadata("spam", "1.5")
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs",)
    assert index.requests == []


def test_a_folder_that_did_not_change_is_answered_from_the_cache(world: World):
    make_wheel(world.folder / "wheels", "spam", "1.5")
    flat = IndexSpec("folder", str(world.folder / "wheels"), flat=True)
    listed(world.supply(flat), "spam")
    assert world.connected == 1
    assert listed(world.supply(flat), "spam").versions == ("1.5",)
    assert world.connected == 1
    make_wheel(world.folder / "wheels", "spam", "1.6")
    assert listed(world.supply(flat), "spam").versions == ("1.5", "1.6")


def test_a_place_of_pip_that_copies_the_default_index_hides_nothing(world: World, index: LocalIndex):
    copied = index.add_wheel("spam", "1.0")
    index.add_wheel("spam", "2.0")
    folder = world.folder / "wheels"
    folder.mkdir()
    (folder / copied.filename).write_bytes(copied.content)
    pip = IndexSpec("find-links", str(folder), flat=True, from_pip=True)
    supply = world.supply(pip, spec(index, default=True))
    assert listed(supply, "spam").versions == ("1.0", "2.0")
    assert listed(supply, "spam").index == "main"


def test_a_place_of_pip_with_files_of_its_own_is_taken_alone(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    index.add_wheel("spam", "2.0")
    make_wheel(world.folder / "wheels", "spam", "1.0", files={"spam.py": "patched"})
    pip = IndexSpec("find-links", str(world.folder / "wheels"), flat=True, from_pip=True)
    supply = world.supply(pip, spec(index, default=True))
    assert listed(supply, "spam").versions == ("1.0",)
    assert listed(supply, "spam").index == "find-links"


def test_a_text_that_is_no_name_is_never_asked_for(world: World, index: LocalIndex):
    for name in ("../evil", "a/b", "", "a b", "naïve", "-"):
        found = world.supply(spec(index)).listing(name)
        assert isinstance(found, Unavailable)
        assert found.kind == "unknown"
    assert index.requests == []


def test_a_flat_page_is_fetched_once_for_all_names(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    index.add_wheel("eggs", "2.0")
    flat = IndexSpec("flat", index.flat_url, flat=True)
    supply = world.supply(flat)
    supply.hint(["spam", "eggs", "ham"])
    assert listed(supply, "spam").versions == ("1.0",)
    assert listed(supply, "eggs").versions == ("2.0",)
    assert isinstance(supply.listing("ham"), Unavailable)
    assert index.count("/flat/") == 1
    assert listed(world.supply(flat), "eggs").versions == ("2.0",)
    assert index.count("/flat/") == 1


def test_a_tree_of_pages_on_this_disk_is_an_index(world: World):
    path = make_wheel(world.folder / "files", "spam", "1.0", requires_python=">=3.9")
    page = world.folder / "simple" / "spam" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{path.name}">{path.name}</a>')
    supply = world.supply(IndexSpec("tree", (world.folder / "simple").as_uri()))
    (file,) = listed(supply, "spam").files("1.0")
    assert (file.path, file.requires_python) == (str(path), ">=3.9")
    assert isinstance(supply.listing("eggs"), Unavailable)


def test_a_binding_to_an_index_that_is_not_there_is_told(world: World, index: LocalIndex):
    found = world.supply(spec(index), bindings={"spam": "lost"}).listing("spam")
    assert isinstance(found, Unavailable)
    assert found.reason == 'there is no index "lost"'
    nowhere = world.supply().listing("spam")
    assert isinstance(nowhere, Unavailable)
    assert nowhere.reason == "no index is configured"
    assert index.requests == []


@pytest.fixture(name="large_pages")
def fixture_large_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read pages as those that are too large to be read at once."""
    monkeypatch.setattr("pkm_env.cache.pages.FIRST_READ", 64)


@pytest.mark.usefixtures("large_pages")
def test_files_whose_part_of_the_cache_is_gone_are_fetched_again(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    listing = listed(world.supply(spec(index)), "spam")
    alone = listed(world.supply(spec(index), offline=True), "spam")
    for path in (world.folder / "cache" / "pages-5").rglob("*.page"):
        path.unlink()
    with pytest.raises(Offline, match=r"the list of files of spam 1\.0 is not in the cache"):
        alone.files("1.0")
    assert [file.filename for file in listing.files("1.0")] == ["spam-1.0-py3-none-any.whl"]
    index.remove("spam-1.0-py3-none-any.whl")
    index.add_wheel("spam", "2.0")
    world.now_s += 10_000
    later = listed(world.supply(spec(index)), "spam")
    assert later.versions == ("2.0",)


@pytest.mark.usefixtures("large_pages")
def test_a_folder_whose_part_of_the_cache_is_gone_is_read_again(world: World):
    make_wheel(world.folder / "wheels", "spam", "1.5")
    flat = IndexSpec("folder", str(world.folder / "wheels"), flat=True)
    listed(world.supply(flat), "spam")
    listing = listed(world.supply(flat), "spam")
    for path in (world.folder / "cache" / "pages-5").rglob("*.page"):
        path.unlink()
    assert [file.filename for file in listing.files("1.5")] == ["spam-1.5-py3-none-any.whl"]


def test_a_tree_with_a_page_that_is_none_is_an_error(world: World):
    page = world.folder / "simple" / "spam" / "index.json"
    page.parent.mkdir(parents=True)
    page.write_text("{")
    with pytest.raises(BadPage, match="malformed JSON"):
        world.supply(IndexSpec("tree", str(world.folder / "simple"))).listing("spam")


def test_a_place_of_pip_stands_alone_when_the_default_index_does_not_know_the_name(
    world: World, index: LocalIndex
):
    make_wheel(world.folder / "wheels", "spam", "1.0")
    make_wheel(world.folder / "wheels", "eggs", "1.0")
    index.add_wheel("eggs", "2.0")
    pip = IndexSpec("find-links", str(world.folder / "wheels"), flat=True, from_pip=True)
    supply = world.supply(pip, spec(index, default=True))
    assert listed(supply, "spam").index == "find-links"
    assert listed(supply, "eggs").versions == ("1.0",)


def test_a_default_index_that_does_not_answer_is_not_passed_over_for_a_place_of_pip(
    world: World, index: LocalIndex
):
    copied = index.add_wheel("spam", "1.0")
    folder = world.folder / "wheels"
    folder.mkdir()
    (folder / copied.filename).write_bytes(copied.content)
    index.fail("/simple/spam", 500, times=None)
    pip = IndexSpec("find-links", str(folder), flat=True, from_pip=True)
    with pytest.raises(IndexUnreachable):
        world.supply(pip, spec(index, default=True)).listing("spam")
    offline = world.supply(pip, spec(index, default=True), offline=True)
    assert listed(offline, "spam").index == "find-links"
