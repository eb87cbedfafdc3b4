"""Supply against a real index on the loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pkm_env.index.errors import HashMismatch, IndexUnreachable
from pkm_env.model.distribution import Metadata, Unavailable
from pkm_env.wanted import Wanted
from tests.support.supplies import listed, spec

if TYPE_CHECKING:
    from tests.support.index_server import LocalIndex
    from tests.support.supplies import World


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_listing_holds_versions_signatures_and_files(world: World, index: LocalIndex, form: str):
    index.json = form == "json"
    index.add_wheel("spam", "1.10", requires_python=">=3.9")
    index.add_wheel("spam", "1.9", tags="cp312-cp312-win_amd64")
    index.add_sdist("spam", "2.0a1")
    listing = listed(world.supply(spec(index)), "spam")
    assert listing.versions == ("1.9", "1.10", "2.0a1")
    assert listing.signatures == (
        ("", "cp312-cp312-win_amd64", 0b001),
        ("", "sdist", 0b100),
        (">=3.9", "py3-none-any", 0b010),
    )
    assert listing.prereleases == 0b100
    (file,) = listing.files("1.10")
    assert file.index == "main"
    assert file.url == index.file_url("spam-1.10-py3-none-any.whl")
    assert file.requires_python == ">=3.9"


def test_metadata_comes_from_the_sibling(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0", requires=["eggs>=2", "ham; extra == 'more'"], extras={"more": []})
    found = world.supply(spec(index)).metadata("spam", "1.0")
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs>=2", "ham; extra == 'more'")
    assert index.count(".metadata", status=200) == 1
    assert index.count(".whl", status=206) == 0


def test_metadata_comes_by_a_range_where_there_is_no_sibling(world: World, index: LocalIndex):
    index.metadata = False
    index.add_wheel(
        "spam", "1.0", requires=["eggs>=2"], files={"spam.py": bytes(range(256)) * 900}, compress=False
    )
    found = world.supply(spec(index)).metadata("spam", "1.0")
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs>=2",)
    assert index.count(".whl", status=206) == 1
    assert index.count(".whl", status=200) == 0


def test_metadata_comes_from_the_whole_wheel_where_there_are_no_ranges(world: World, index: LocalIndex):
    index.metadata = index.ranges = False
    index.add_wheel("spam", "1.0", requires=["eggs>=2"])
    supply = world.supply(spec(index))
    found = supply.metadata("spam", "1.0")
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs>=2",)
    assert index.count(".whl") == 1
    index.forget()
    file = listed(supply, "spam").files("1.0")[0]
    (wheel,) = supply.provision.wheels([Wanted("spam", "1.0", file=file)], world.told)
    assert wheel.manifest.name == "spam"
    assert index.requests == []


def test_metadata_is_asked_once(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0", requires=["eggs>=2"])
    first = world.supply(spec(index)).metadata("spam", "1.0")
    index.forget()
    assert world.supply(spec(index)).metadata("spam", "1.0") == first
    assert index.requests == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "other"),
        ("Metadata-Version: 2.1\nName: spam\nVersion: 1.1\n", "1.1"),
        ("Metadata-Version: 2.1\nName: spam\n", "Version"),
    ],
    ids=["another name", "another version", "no version"],
)
def test_a_wheel_whose_metadata_contradicts_its_name_is_refused(
    world: World, index: LocalIndex, text: str, word: str
):
    index.add_wheel("spam", "1.0", metadata=text)
    found = world.supply(spec(index)).metadata("spam", "1.0")
    assert isinstance(found, Unavailable)
    assert found.kind == "metadata"
    assert word in found.reason


def test_a_hint_asks_ahead_and_follows_what_a_release_needs(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0", requires=["eggs"])
    index.add_wheel("eggs", "1.0", requires=["ham"])
    index.add_wheel("ham", "1.0")
    supply = world.supply(spec(index))
    supply.hint(["spam"])
    assert index.requests == []
    for name in ("spam", "eggs", "ham"):
        listed(supply, name)
        assert isinstance(supply.metadata(name, "1.0"), Metadata)
    assert len(index.requests) == 6


def test_a_wheel_is_fetched_once_and_checked_against_the_lock(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    index.add_wheel("eggs", "1.0")
    supply = world.supply(spec(index))
    wanted = [Wanted(name, "1.0", file=listed(supply, name).files("1.0")[0]) for name in ("spam", "eggs")]
    wheels = supply.provision.wheels(wanted, world.told)
    assert [wheel.manifest.name for wheel in wheels] == ["spam", "eggs"]
    index.forget()
    assert [w.path for w in world.supply(spec(index)).provision.wheels(wanted, world.told)] == [
        wheel.path for wheel in wheels
    ]
    assert index.requests == []


def test_a_wheel_of_another_content_is_refused_and_nothing_stays(world: World, index: LocalIndex):
    listed_file = index.add_wheel("spam", "1.0")
    supply = world.supply(spec(index))
    file = listed(supply, "spam").files("1.0")[0]
    index.replace(listed_file.filename, listed_file.content[:-1] + b"X")
    with pytest.raises(HashMismatch, match=r"spam-1\.0-py3-none-any\.whl is not the one that is expected"):
        supply.provision.wheels([Wanted("spam", "1.0", file=file)], world.told)
    assert not list((world.folder / "cache" / "tmp-1").iterdir())
    assert not (world.folder / "cache" / "wheels-1").exists()


def test_the_cut_off_leaves_out_what_is_newer_and_says_what_has_no_time(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0", upload_time="2025-01-01T00:00:00Z")
    index.add_wheel("spam", "1.1", upload_time="2025-03-01T00:00:00.5Z")
    index.add_wheel("spam", "1.1", upload_time="2025-01-02T00:00:00Z", tags="cp312-cp312-win_amd64")
    index.add_wheel("spam", "1.2", upload_time="2025-03-02T00:00:00Z")
    index.add_wheel("spam", "1.3")
    supply = world.supply(spec(index), exclude_newer={"default": "2025-03-01T00:00:00Z"})
    listing = listed(supply, "spam")
    assert listing.versions == ("1.0", "1.1", "1.2", "1.3")
    assert listing.signatures == (("", "cp312-cp312-win_amd64", 0b10), ("", "py3-none-any", 0b1))
    assert listing.excluded == 0b1100
    assert [file.filename for file in listing.files("1.1")] == ["spam-1.1-cp312-cp312-win_amd64.whl"]
    assert any("spam: 1 release has files" in note for note in world.told.notes)


def test_the_cut_off_of_a_package_counts_before_that_of_its_index(world: World, index: LocalIndex):
    for name in ("spam", "eggs", "ham"):
        index.add_wheel(name, "1.0", upload_time="2025-05-01T00:00:00Z")
    cut = {
        "default": "2025-01-01T00:00:00Z",
        "index:main": "2025-06-01T00:00:00Z",
        "eggs": "2025-02-01T00:00:00Z",
    }
    supply = world.supply(spec(index), exclude_newer=cut)
    assert listed(supply, "spam").signatures
    assert not listed(supply, "eggs").signatures
    free = world.supply(spec(index), exclude_newer={**cut, "eggs": None})
    assert listed(free, "eggs").signatures


def test_what_lies_in_the_cache_does_not_change_an_answer(world: World, index: LocalIndex):
    """The same question to an empty cache, a full one, and one that has expired."""
    for version in ("1.0", "1.1", "2.0rc1"):
        index.add_wheel("spam", version, requires=["eggs"], upload_time="2025-01-01T00:00:00Z")
    index.add_sdist("spam", "0.9", yanked="old")
    answers = []
    for later in (0, 0, 700):
        world.now_s += later
        supply = world.supply(spec(index))
        listing = listed(supply, "spam")
        told = [listing.versions, listing.signatures, listing.prereleases, listing.yanked, listing.key]
        files = [[file.to_plain() for file in listing.files(version)] for version in listing.versions]
        answers.append((told, files, supply.metadata("spam", "1.1")))
    assert answers[0] == answers[1] == answers[2]


def test_json_and_html_of_one_index_are_one_listing(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0", requires_python=">=3.9")
    index.add_sdist("spam", "1.1", yanked="no")
    first = listed(world.supply(spec(index)), "spam")
    index.json = False
    second = listed(world.supply(spec(index), refresh=True), "spam")
    assert second.key == first.key
    assert [file.filename for file in second.files("1.0")] == [file.filename for file in first.files("1.0")]


def test_a_read_only_cache_is_read_and_not_written(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    index.add_wheel("eggs", "1.0")
    temporaries = world.folder / "cache" / "tmp-1"
    temporaries.rmdir()
    temporaries.write_text("in the way")
    supply = world.supply(spec(index))
    index.forget()
    assert listed(supply, "spam").versions == ("1.0",)
    assert index.requests == []
    assert listed(supply, "eggs").versions == ("1.0",)
    assert isinstance(supply.metadata("eggs", "1.0"), Metadata)
    assert len(world.told.warnings) == 1


def test_a_release_that_is_not_listed_has_no_metadata(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    supply = world.supply(spec(index))
    for name, version in (("spam", "9.9"), ("eggs", "1.0")):
        found = supply.metadata(name, version)
        assert isinstance(found, Unavailable)
        assert found.kind == "unknown"


def test_metadata_that_is_not_cached_is_unavailable_offline(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    listed(world.supply(spec(index)), "spam")
    found = world.supply(spec(index), offline=True).metadata("spam", "1.0")
    assert isinstance(found, Unavailable)
    assert found.kind == "offline"


def test_an_index_that_fails_for_metadata_is_an_error_when_it_is_asked_for(world: World, index: LocalIndex):
    index.add_wheel("spam", "1.0")
    index.add_wheel("eggs", "1.0", requires=["spam"])
    index.fail("spam-1.0", 500, times=None)
    supply = world.supply(spec(index))
    supply.hint(["eggs", "spam"])
    assert isinstance(supply.metadata("eggs", "1.0"), Metadata)
    with pytest.raises(IndexUnreachable, match="HTTP 500"):
        supply.metadata("spam", "1.0")


def test_an_sdist_that_cannot_be_fetched_is_an_error(world: World, index: LocalIndex):
    listed_file = index.add_sdist("spam", "1.0")
    index.replace(listed_file.filename, b"another content")
    with pytest.raises(HashMismatch):
        world.supply(spec(index)).metadata("spam", "1.0")
