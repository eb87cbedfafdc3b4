"""Pages that are read in brief: the same listing as that of the whole page, or none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.brief import NEWEST, read_brief
from pkm_env.index.digest import make_page
from pkm_env.index.simple import JSON_TYPES, PageFault, read_entries

BASE = "https://index.example/simple/spam/"
KIND = JSON_TYPES[0]


def entry(filename: str, number: int = 0, **told: object) -> dict[str, object]:
    return {
        "core-metadata": {"sha256": f"{number:064x}"},
        "filename": filename,
        "hashes": {"sha256": f"{number + 1:064x}"},
        "requires-python": ">=3.9",
        "size": number,
        "upload-time": "2025-01-02T03:04:05.678901Z",
        "url": f"https://files.example/{number:060x}/{filename}",
        "yanked": False,
        **told,
    }


def wheel(version: str, number: int = 0, **told: object) -> dict[str, object]:
    return entry(f"spam-{version}-py3-none-any.whl", number, **told)


def written(files: list[object], separators: tuple[str, str] = (",", ":"), **told: object) -> bytes:
    page = {"meta": {"api-version": "1.1"}, "files": files, "name": "spam", **told}
    return json.dumps(page, separators=separators, ensure_ascii=False).encode()


def whole(body: bytes):
    refused: list[str] = []
    page = make_page(read_entries(body, KIND, BASE, refused.append, name="spam"), "spam", refused.append)
    return page, refused


def is_the_same_in_brief(body: bytes) -> bool:
    """Compare what a page says in brief with what it says; False when it is not read in brief."""
    refused: list[str] = []
    page = read_brief(body, KIND, BASE, "spam", refused.append)
    if page is None:
        assert not refused
        return False
    assert page.numbers is not None
    expected, warnings = whole(body)
    assert page.digest == (*expected.digest[:5], None)
    assert page.files == [expected.files[number] for number in page.numbers]
    assert refused == warnings
    return True


RELEASES = [
    *(wheel(f"1.{number}", number) for number in range(9)),
    *(entry(f"spam-1.{number}.tar.gz", 20 + number) for number in range(9)),
    entry("spam-2.0-cp312-cp312-win_amd64.whl", 40),
    entry("spam-2.0-cp313-cp313-win_amd64.whl", 41),
    entry("spam-2.0.tar.gz", 42),
    wheel("2.1rc1", 43),
]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize("turn", [1, -1], ids=["newest last", "newest first"])
def test_a_page_says_the_same_in_brief(separators: tuple[str, str], turn: int):
    body = written(RELEASES[::turn], separators)
    assert is_the_same_in_brief(body)
    page = read_brief(body, KIND, BASE, "spam", lambda _: None)
    assert page is not None
    assert page.numbers is not None
    assert [page.digest[0][number] for number in page.numbers] == ["2.0", "1.8"]


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ([wheel("1.0"), wheel("2.0", yanked="no"), wheel("3.0a1")], ["1.0"]),
        ([wheel("1.0a1"), wheel("1.0a2")], ["1.0a2", "1.0a1"]),
        ([wheel("1.0", yanked=True)], ["1.0"]),
        ([wheel("1.0"), wheel("1.0.0")], ["1.0"]),
        ([wheel(str(number)) for number in range(9)], ["8", "7"]),
        (
            [wheel(str(number), **{"requires-python": f">=3.{number // 3}"}) for number in range(9)],
            ["8", "7", "5"],
        ),
    ],
    ids=["no yanked or pre-release", "pre-releases alone", "yanked alone", "one version", "many", "Pythons"],
)
def test_the_newest_releases_are_read(files: list[object], chosen: list[str]):
    body = written(files)
    assert is_the_same_in_brief(body)
    page = read_brief(body, KIND, BASE, "spam", lambda _: None)
    assert page is not None
    assert page.numbers is not None
    assert [page.digest[0][number] for number in page.numbers] == chosen
    assert len(chosen) <= NEWEST + 1


ODD = {
    "a digest that is none": wheel("1.1", hashes={"sha256": "zz" * 32}),
    "an escape": wheel("1.1", yanked='it said "no"'),
    "no ASCII": wheel("1.1", yanked="caf\u00e9"),
    "a user": wheel("1.1", url="https://me@files.example/spam-1.1-py3-none-any.whl"),
    "an address in brackets": wheel("1.1", url="https://[::1/spam-1.1-py3-none-any.whl"),
    "a bound with spaces": wheel("1.1", **{"requires-python": " >=3.9"}),
    "a name with a space": entry("spam-1.1 -py3-none-any.whl"),
    "a file twice": wheel("1.0"),
    "an odd newest one": wheel("1.1", size=-1),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_what_could_make_a_difference_is_read_whole(odd: dict[str, object]):
    assert not is_the_same_in_brief(written([wheel("1.0"), odd]))


@pytest.mark.parametrize(
    "odd",
    [
        wheel("0.1", size=-1),
        wheel("0.1", url="../spam-0.1-py3-none-any.whl"),
        wheel("0.1", url="https://files.example/a b/spam-0.1-py3-none-any.whl"),
        wheel("0.1", **{"upload-time": "2025-13-02T03:04:05Z"}),
        wheel("0.1", **{"core-metadata": {"sha256": "z" * 64}}),
        wheel("0.1", hashes={"sha256": "AB" * 32}),
        wheel("0.1", hashes={"sha512": "ab" * 64}),
        wheel("0.1", hashes={"sha256": "ab"}),
        wheel("0.1", url="ftp://files.example/spam-0.1-py3-none-any.whl"),
        entry("eggs-0.1-py3-none-any.whl"),
        entry("spam-0.1.exe"),
    ],
    ids=repr,
)
def test_what_is_odd_about_an_old_release_is_no_reason(odd: dict[str, object]):
    assert is_the_same_in_brief(written([odd, wheel("1.0"), wheel("1.1"), wheel("1.2")]))
    assert is_the_same_in_brief(written([wheel("1.0"), odd, wheel("1.1"), wheel("1.2")]))


def test_a_control_character_is_left_to_json():
    body = written([wheel("1.0", yanked="why")]).replace(b"why", b"w\ty")
    assert read_brief(body, KIND, BASE, "spam", lambda _: None) is None


@pytest.mark.parametrize("kind", ["text/html", "", "text/plain"])
def test_only_json_is_read_in_brief(kind: str):
    assert read_brief(written([wheel("1.0")]), kind, BASE, "spam", lambda _: None) is None


def test_a_page_without_files_is_read_whole():
    assert read_brief(written([]), KIND, BASE, "spam", lambda _: None) is None


def test_the_page_of_another_project_is_refused():
    with pytest.raises(PageFault, match="it is the page of eggs, not of spam"):
        read_brief(written([wheel("1.0")], name="eggs"), KIND, BASE, "spam", lambda _: None)


NAMES = st.sampled_from(
    [
        "spam-1.0-py3-none-any.whl",
        "spam-1.0.tar.gz",
        "spam-1.0.0-py3-none-any.whl",
        "spam-2.0-cp312-cp312-win_amd64.whl",
        "spam-2.0-cp313-cp313-win_amd64.whl",
        "Spam-2.0.tar.gz",
        "spam-2.0-1-py3-none-any.whl",
        "spam-3.0b1-py3-none-any.whl",
        "spam-3.0.zip",
        "spam-x.whl",
        "eggs-1.0-py3-none-any.whl",
        "spam-1!4.0+x-py3-none-any.whl",
    ]
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "yanked": st.sampled_from([True, "why", "", None, 'a "b"']),
        "core-metadata": st.sampled_from([True, False, None, {}, {"sha256": "x" * 64}]),
        "upload-time": st.sampled_from(["2025-01-02T03:04:05Z", "x", "2025-13-02T03:04:05Z", None]),
        "size": st.sampled_from([None, 1, -1, "1"]),
        "requires-python": st.sampled_from([None, "<4", "", " <4", 3]),
        "hashes": st.sampled_from([{}, {"sha256": "zz" * 32}, {"sha256": "AB" * 32}, {"md5": "ab" * 16}]),
        "url": st.sampled_from(
            ["https://x.example/a?b#c", "a", "https://x.example/ b/", "http://x.example/"]
        ),
    },
)


@given(st.lists(st.tuples(NAMES, CHANGES), max_size=8))
def test_no_page_says_anything_else_in_brief(files: list[tuple[str, dict[str, object]]]):
    is_the_same_in_brief(
        written([entry(filename, at, **change) for at, (filename, change) in enumerate(files)])
    )
