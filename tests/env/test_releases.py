"""From the digest of a page to a listing."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.digest import make_page
from pkm_env.index.lines import lines_of
from pkm_env.model.distribution import File, Metadata, Unavailable
from pkm_env.model.rows import row_of
from pkm_env.releases import (
    best_release,
    checked,
    dependency_names,
    make_listing,
    metadata_file,
    metadata_key,
)

WHEEL = "py3-none-any"
TIMES = ["", "2025-01-01T00:00:00Z", "2025-02-01T00:00:00.5Z", "2025-03-01T00:00:00Z"]
CUTOFFS = [
    None,
    "2024-01-01T00:00:00Z",
    "2025-02-01T00:00:00Z",
    "2025-02-01T00:00:01Z",
    "2030-01-01T00:00:00Z",
]


def plain(filename: str, uploaded: str = "", yanked: str | None = None, needs: str | None = None):
    return (filename, {}, "", None, "", needs, None, uploaded, f"https://x.example/{filename}", yanked)


def listing_of(entries, cutoff: str | None = None):
    page = make_page(lines_of(row_of(entry) for entry in entries), "spam", lambda _: None)
    return make_listing("spam", "main", page.digest, lambda number: page.files[number], cutoff or "")


def moment(text: str) -> datetime:
    """Return a time to the second; fractions of a second do not count."""
    return datetime.fromisoformat(text[:19])


FILES = st.tuples(
    st.sampled_from(["1.0", "1.1", "2.0a1"]),
    st.sampled_from([f"-{WHEEL}.whl", "-cp312-cp312-win_amd64.whl", ".tar.gz"]),
    st.sampled_from(TIMES),
    st.sampled_from([None, "broken"]),
    st.sampled_from([None, ">=3.9"]),
)


@given(st.lists(FILES, max_size=8, unique_by=lambda item: item[:2]), st.sampled_from(CUTOFFS))
def test_a_cut_listing_is_the_listing_of_a_page_without_what_is_too_new(told, cutoff):
    """The slow, obvious way is the judge: leave the files out before the digest is made."""
    entries = [
        plain(f"spam-{version}{ending}", uploaded, yanked, needs)
        for version, ending, uploaded, yanked, needs in told
    ]
    kept = [entry for entry in entries if cutoff is None or (entry[7] and moment(entry[7]) < moment(cutoff))]
    found, expected = listing_of(entries, cutoff), listing_of(kept)

    def readable(listing):
        return {
            version: (
                sorted((needs, tags) for needs, tags, mask in listing.signatures if mask >> number & 1),
                bool(listing.yanked >> number & 1),
                [file.filename for file in listing.files(version)],
            )
            for number, version in enumerate(listing.versions)
        }

    left = readable(found)
    for number, version in enumerate(found.versions):
        if found.excluded >> number & 1:
            assert left.pop(version)[0] == []
    assert left == readable(expected)
    if cutoff is None:
        assert found.excluded == found.undated == 0


def test_a_cut_listing_has_another_key_only_when_something_was_cut():
    entries = [plain("spam-1.0.tar.gz", TIMES[1]), plain("spam-1.1.tar.gz", TIMES[3])]
    whole = listing_of(entries)
    assert listing_of(entries, "2030-01-01T00:00:00Z").key == whole.key
    assert listing_of(entries, "2025-02-01T00:00:00Z").key != whole.key


def test_files_of_a_version_that_is_not_listed_are_none():
    assert listing_of([plain("spam-1.0.tar.gz")]).files("9.9") == ()


def file(filename: str, *, yanked: str | None = None, **told) -> File:
    return File(filename, f"https://x.example/{filename}", yanked=yanked, **told)


PURE = f"spam-1.0-{WHEEL}.whl"
NATIVE = "spam-1.0-cp312-cp312-win_amd64.whl"
OTHER = "spam-1.0-cp311-cp311-win_amd64.whl"
SDIST = "spam-1.0.tar.gz"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([SDIST, NATIVE, PURE], PURE),
        ([SDIST, NATIVE, OTHER], OTHER),
        ([SDIST], SDIST),
        ([], None),
    ],
)
def test_the_pure_wheel_speaks_then_the_first_wheel_then_the_sdist(files: list[str], expected: str | None):
    found = metadata_file([file(filename) for filename in files])
    assert (found and found.filename) == expected


def test_a_file_that_was_yanked_singly_speaks_only_when_there_is_no_other():
    found = metadata_file([file(PURE, yanked="broken"), file(NATIVE)])
    assert found is not None
    assert found.filename == NATIVE
    alone = metadata_file([file(PURE, yanked="broken")])
    assert alone is not None
    assert alone.filename == PURE


def test_metadata_is_kept_by_the_digest_of_its_file_where_there_is_one():
    one = file(PURE, hashes={"sha256": "a" * 64})
    assert metadata_key(one) == metadata_key(file(PURE, hashes={"sha256": "a" * 64}, size=3))
    assert metadata_key(one) != metadata_key(file(PURE, hashes={"sha256": "b" * 64}))
    assert metadata_key(file(PURE, size=3)) != metadata_key(file(PURE, size=4))


@pytest.mark.parametrize(
    ("entries", "best"),
    [
        ([plain("spam-1.0.tar.gz"), plain("spam-2.0a1.tar.gz"), plain("spam-1.5.tar.gz", "", "bad")], "1.0"),
        ([plain("spam-2.0a1.tar.gz"), plain("spam-1.5.tar.gz", "", "bad")], "2.0a1"),
        ([plain("spam-1.5.tar.gz", "", "bad")], "1.5"),
        ([], ""),
    ],
)
def test_the_best_release_is_final_and_not_yanked_if_it_can_be(entries, best: str):
    assert best_release(listing_of(entries)) == best


def test_names_that_requirements_lead_to_are_without_those_of_extras():
    requires = [
        "A.B_c>=1",
        "d[x] ; python_version < '4'",
        "e; extra == 'more'",
        "f @ https://x.example",
        "; x",
    ]
    assert list(dependency_names(requires)) == ["a-b-c", "d", "f"]


@pytest.mark.parametrize(
    ("name", "version", "fine"),
    [
        ("spam", "1.0", True),
        ("spam", "1", True),
        ("spam", "1.1", False),
        ("eggs", "1.0", False),
        ("spam", "x", False),
    ],
)
def test_metadata_has_to_be_about_the_release_it_was_asked_for(name: str, version: str, fine: bool):
    found = checked(Metadata(name, version), "spam", "1.0", PURE)
    assert isinstance(found, Metadata if fine else Unavailable)
    if isinstance(found, Unavailable):
        assert PURE in found.reason
