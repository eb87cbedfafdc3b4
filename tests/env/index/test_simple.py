"""Pages of an index, as they should be and as strangers write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.digest import NEVER, Page, make_page
from pkm_env.index.simple import PageFault, json_entries, json_entry, quick_links, read_entries, summed
from pkm_env.model.rows import plain_of

JSON = "application/vnd.pypi.simple.v1+json"
URL = "https://index.example/simple/spam/"
SHA = "ab" * 32


def read_page(body: bytes, content_type: str, url: str, name: str) -> Page:
    """What a page says of *name*, as the client reads it."""
    refused: list[str] = []
    page = make_page(read_entries(body, content_type, url, refused.append, name=name), name, refused.append)
    page.warnings = summed(name, refused)
    return page


def entry(filename: str = "spam-1.0-py3-none-any.whl", **told: object) -> dict[str, object]:
    return {"filename": filename, "url": f"/files/{filename}", "hashes": {"sha256": SHA}, **told}


def page(*files: object, url: str = URL, **told: object):
    body = {"meta": {"api-version": "1.1"}, "name": "spam", "files": list(files), **told}
    return read_page(json.dumps(body).encode(), JSON, url, "spam")


def html(text: str, url: str = URL, kind: str = "text/html"):
    return read_page(text.encode(), kind, url, "spam")


def only(found) -> tuple[object, ...]:
    ((file,),) = found.files
    return file


def test_a_json_entry_becomes_a_plain_file():
    found = only(
        page(
            entry(
                **{
                    "requires-python": ">=3.9",
                    "size": 12,
                    "upload-time": "2025-01-02T03:04:05.678901Z",
                    "yanked": "broken",
                    "core-metadata": {"sha256": SHA.upper()},
                }
            )
        )
    )
    assert found == (
        "spam-1.0-py3-none-any.whl",
        {"sha256": SHA},
        "",
        {"sha256": SHA},
        "",
        ">=3.9",
        12,
        "2025-01-02T03:04:05.678901Z",
        "https://index.example/files/spam-1.0-py3-none-any.whl",
        "broken",
    )


def test_an_html_link_becomes_the_same_plain_file():
    found = only(
        html(
            f'<!DOCTYPE html><html><body><a href="/files/spam-1.0-py3-none-any.whl#sha256={SHA}" '
            'data-requires-python="&gt;=3.9" data-yanked="a &amp; b" '
            f'data-core-metadata="sha256={SHA}" data-upload-time="2025-01-02T03:04:05Z" >'
            "spam-1.0-py3-none-any.whl</a><br/></body></html>"
        )
    )
    assert found == (
        "spam-1.0-py3-none-any.whl",
        {"sha256": SHA},
        "",
        {"sha256": SHA},
        "",
        ">=3.9",
        None,
        "2025-01-02T03:04:05Z",
        "https://index.example/files/spam-1.0-py3-none-any.whl",
        "a & b",
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [(True, ""), (False, None), ("", None), ("why", "why"), (None, None), (3, None)],
    ids=["true", "false", "empty", "reason", "null", "number"],
)
def test_yanked_is_a_truth_or_a_reason(told: object, expected: str | None):
    """PEP 691: "either a boolean … or a non empty, but otherwise arbitrary, string"."""
    assert only(page(entry(yanked=told)))[9] == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"core-metadata": True}, {}),
        ({"core-metadata": False, "dist-info-metadata": True}, None),
        ({"dist-info-metadata": {"sha256": SHA}}, {"sha256": SHA}),
        ({"core-metadata": {"sha256": "short"}}, None),
        ({"core-metadata": "yes"}, None),
        ({}, None),
    ],
    ids=["true", "the newer key wins", "the older key", "malformed", "another type", "nothing"],
)
def test_the_metadata_sibling_is_told_by_two_keys(told: dict[str, object], expected: object):
    """PEP 714: clients read core-metadata first, and dist-info-metadata where it is missing."""
    assert only(page(entry(**told)))[3] == expected


def test_versions_are_sorted_and_equal_spellings_are_one():
    found = page(
        entry("spam-1.10.tar.gz"),
        entry("spam-1.9.tar.gz"),
        entry("spam-1.9.0-py3-none-any.whl"),
        entry("spam-1.9+b.tar.gz"),
        entry("spam-1.9+a.tar.gz"),
        entry("spam-1!0.1.tar.gz"),
    )
    assert found.digest[0] == ("1.9.0", "1.9+a", "1.9+b", "1.10", "1!0.1")
    assert [len(files) for files in found.files] == [2, 1, 1, 1, 1]


def test_a_version_is_yanked_when_all_of_its_files_are():
    found = page(
        entry("spam-1.0.tar.gz", yanked=True),
        entry("spam-1.0-py3-none-any.whl"),
        entry("spam-1.1.tar.gz", yanked=True),
    )
    versions, signatures, prereleases, yanked, _, _ = found.digest
    assert versions == ("1.0", "1.1")
    assert (prereleases, yanked) == (0, 0b10)
    assert signatures == (("", "py3-none-any", 0b01), ("", "sdist", 0b10))


def test_times_are_the_earliest_and_latest_of_a_version():
    found = page(
        entry("spam-1.0.tar.gz", **{"upload-time": "1970-01-01T00:00:10.9Z"}),
        entry("spam-1.0-py3-none-any.whl", **{"upload-time": "1970-01-02T00:00:00Z"}),
        entry("spam-1.1.tar.gz"),
    )
    times = found.digest[5]
    numbers = [int.from_bytes(times[at : at + 2], "little") for at in range(0, len(times), 2)]
    assert numbers == [0, 1, NEVER, NEVER]


def test_equal_pages_have_equal_keys_and_others_do_not():
    one, same, other = page(entry()), page(entry(size=3)), page(entry("spam-1.0.tar.gz"))
    assert one.digest[4] == same.digest[4] != other.digest[4]


def test_two_entries_of_one_name_count_once_whatever_their_order():
    one, other = entry(size=3), entry(size=7)
    assert len(page(one, other).files[0]) == 1
    assert page(one, other).files == page(other, one).files


A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    "hashes",
    [
        ({"sha256": A}, {"sha256": B}),
        ({"sha256": A}, {}, {"sha256": B}),
        ({"sha256": A, "md5": "c" * 32}, {"sha256": A, "md5": "d" * 32}),
    ],
    ids=["two", "with one of none between", "of another kind"],
)
def test_a_file_that_is_listed_twice_with_different_hashes_is_left_out_with_a_warning(hashes):
    kept = entry("spam-2.0-py3-none-any.whl")
    listed = [entry(hashes=told) for told in hashes]
    for entries in ([*listed, kept], [kept, *reversed(listed)]):
        found = page(*entries)
        assert found.digest[0] == ("2.0",)
        (told,) = found.warnings
        assert told.startswith("spam: an entry of the index page is left out: spam-1.0-py3-none-any.whl ")
        assert told.endswith("is listed twice, with different hashes")


@pytest.mark.parametrize(
    "hashes",
    [
        ({"sha256": A}, {"sha256": A}),
        ({"sha256": A}, {"sha256": A.upper()}),
        ({"sha256": A}, {"md5": "c" * 32}),
        ({"sha256": A}, {}),
    ],
    ids=["identical", "in capitals", "of two kinds", "one without"],
)
def test_a_file_that_is_listed_twice_with_hashes_that_agree_counts_once(hashes):
    found = page(*[entry(hashes=told) for told in hashes])
    assert len(found.files[0]) == 1
    assert found.warnings == []


def test_an_old_archive_that_is_listed_twice_is_passed_over_without_a_word():
    found = page(*[entry("spam-1.0.exe", hashes={"sha256": told}) for told in (A, B)])
    assert (found.files, found.warnings) == ([], [])


@pytest.mark.parametrize(
    ("filename", "version", "tags"),
    [
        ("Spam-1.0-py2.py3-none-any.whl", "1.0", "py2.py3-none-any"),
        ("spam-1.0-1b-CP312-cp312-win_amd64.whl", "1.0", "cp312-cp312-win_amd64"),
        ("spam-1.0rc1.zip", "1.0rc1", "sdist"),
        ("spam-1.0-1.tar.gz", "1.0.post1", "sdist"),
        ("spam-01.2-py3-none-any.whl", "1.2", "py3-none-any"),
        ("spam-1.0+local.1-py3-none-any.whl", "1.0+local.1", "py3-none-any"),
    ],
)
def test_a_file_name_tells_version_and_tags(filename: str, version: str, tags: str):
    found = page(entry(filename))
    assert found.digest[0] == (version,)
    assert found.digest[1] == (("", tags, 1),)


@pytest.mark.parametrize(
    "filename",
    [
        "spam-1.0.egg",
        "spam-1.0.exe",
        "spam-1.0.win32.msi",
        "spam-1.0.tar.bz2",
        "spam-1.0.tar.gz.asc",
        "spam-1.0-py3-none.whl",
        "spam-1.0-x1-py3-none-any.whl",
        "spam-one-py3-none-any.whl",
        "spam-1.0-py36+-none-any.whl",
        "spam-one.tar.gz",
        "spam.tar.gz",
    ],
)
def test_files_that_pkm_does_not_install_are_left_out_without_a_word(filename: str):
    found = page(entry(filename))
    assert found.files == []
    assert not [warning for warning in found.warnings if filename not in warning]


@pytest.mark.parametrize(
    "bad",
    [
        entry("eggs-1.0.tar.gz"),
        entry("spam-1.0\x1b[2J.tar.gz"),
        entry("../spam-1.0.tar.gz"),
        entry("spam 1.0.tar.gz"),
        entry("\u212apam-1.0.tar.gz"),
        entry(url="javascript:alert(1)//spam-1.0.tar.gz"),
        entry(url="file:///etc/passwd"),
        entry(url="ftp://host/spam-1.0.tar.gz"),
        entry(url="https://[bad/spam-1.0.tar.gz"),
        entry(url="/files/\x00spam-1.0.tar.gz"),
        entry(hashes={"sha256": "xyz"}),
        entry(hashes={"sha256": 3}),
        entry(hashes=None),
        entry(url=7),
        entry(filename=None),
        entry(**{"requires-python": ">=3\n.9"}),
        entry(**{"requires-python": 3}),
        entry(**{"requires-python": ">" * 5000}),
        entry(url="http://plain.example/spam-1.0-py3-none-any.whl", hashes={}),
        "text",
        None,
    ],
    ids=[str(number) for number in range(21)],
)
def test_a_hostile_entry_is_left_out_with_a_warning(bad: object):
    found = page(bad, entry("spam-2.0.tar.gz"))
    assert found.digest[0] == ("2.0",)
    (warning,) = found.warnings
    assert warning.startswith("spam: an entry of the index page is left out")
    assert warning.isprintable()


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("../../files/spam-1.0.tar.gz", "https://index.example/files/spam-1.0.tar.gz"),
        ("spam-1.0.tar.gz", "https://index.example/simple/spam/spam-1.0.tar.gz"),
        ("//other.example/spam-1.0.tar.gz", "https://other.example/spam-1.0.tar.gz"),
        ("https://me:pw@other.example/spam-1.0.tar.gz#x=1", "https://other.example/spam-1.0.tar.gz"),
        ("spam-1.0.tar.gz?token=abc", "https://index.example/simple/spam/spam-1.0.tar.gz?token=abc"),
        ("/a b/spam-1.0.tar.gz", "https://index.example/a%20b/spam-1.0.tar.gz"),
    ],
)
def test_urls_are_made_absolute_and_lose_credentials_and_fragments(link: str, url: str):
    assert only(page(entry("spam-1.0.tar.gz", url=link)))[8] == url


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"{", JSON, "malformed JSON"),
        (b"[" * 100_000, JSON, "malformed JSON"),
        (b"[]", JSON, "no list of files"),
        (b'{"files": {}}', JSON, "no list of files"),
        (b'{"files": [], "meta": {"api-version": "2.0"}}', JSON, "version 2.0"),
        (b'{"files": [], "name": "other"}', JSON, "page of other"),
        (b"\xff\xfe", JSON, "malformed JSON"),
        (b"<html></html>", "application/octet-stream", "its type is application/octet-stream"),
        (b"<html></html>", "", "it has no type"),
        (
            b'<meta name="pypi:repository-version" content="2.0"><a href="spam-1.0.tar.gz">spam</a>',
            "text/html",
            "version 2.0",
        ),
        (b"", "text/html", "it is empty"),
        (b"\0\1garbage", "text/html", "it is no HTML"),
    ],
    ids=[
        "cut",
        "deep",
        "list",
        "table",
        "version",
        "name",
        "bytes",
        "binary",
        "no type",
        "html version",
        "empty",
        "garbage",
    ],
)
def test_what_is_no_page_is_a_fault(body: bytes, kind: str, why: str):
    with pytest.raises(PageFault, match=why):
        read_page(body, kind, URL, "spam")


@pytest.mark.parametrize(
    "text",
    [
        "<A HREF=spam-1.0.tar.gz>spam-1.0.tar.gz</A>",
        "<a href='spam-1.0.tar.gz' rel=internal data-yanked>spam-1.0.tar.gz</a>",
        '<base href="https://index.example/simple/spam/"><a href="spam-1.0.tar.gz">x</a>',
        '<!-- <a href="eggs-1.0.tar.gz">e</a> --><a href="spam-1.0.tar.gz">x</a>',
        '<a href="spam-1.0.tar.gz"><b>spam</b></a>',
        '<a href="spam-1.0.tar.gz">one<a href="/">two',
        '<a name="top"></a><a href="spam-1.0.tar.gz">x</a>',
    ],
    ids=["upper case", "single quotes", "base", "comment", "nested", "unclosed", "anchor"],
)
def test_a_page_that_is_not_written_as_usual_is_read_all_the_same(text: str):
    assert quick_links(text) is None
    assert only(html(text))[8] == "https://index.example/simple/spam/spam-1.0.tar.gz"


def test_the_base_of_a_page_counts():
    found = html('<base href="/other/"><a href="spam-1.0.tar.gz">x</a>')
    assert only(found)[8] == "https://index.example/other/spam-1.0.tar.gz"


@pytest.mark.parametrize(
    "href",
    ["/f/spam-1.0.tar.gz?key=1&amp;part=2#sha256=" + SHA, " /f/spam-1.0.tar.gz\n", "/f/spam-1.0.tar.gz?a=b"],
)
def test_a_link_names_its_file_whatever_its_text_query_and_blanks(href):
    assert only(html(f'<html><body><a href="{href}">download</a><br></body></html>'))[0] == "spam-1.0.tar.gz"


def test_the_text_of_a_link_names_the_file_when_the_url_does_not():
    """PEP 503: "The text of the anchor tag MUST match the final path component (the filename) of the URL"."""
    found = html('<a href="/download?id=3">spam-1.0.tar.gz</a>')
    assert only(found)[0] == "spam-1.0.tar.gz"


def test_a_page_on_this_disk_may_point_to_files_on_this_disk():
    found = page(entry("spam-1.0.tar.gz", url="../files/spam-1.0.tar.gz"), url="file:///wheels/simple/spam/")
    assert only(found)[8] == "file:///wheels/simple/files/spam-1.0.tar.gz"


def test_the_charset_of_the_type_counts_and_a_wrong_one_does_no_harm():
    text = '<a href="spam-1.0.tar.gz" data-yanked="é">spam-1.0.tar.gz</a>'
    latin = read_page(text.encode("latin-1"), "text/html; charset=latin-1", URL, "spam")
    assert only(latin)[9] == "é"
    assert only(read_page(text.encode(), "text/html; charset=nothing", URL, "spam"))[9] == "é"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["spam-1.0.tar.gz", "spam-1.1-py3-none-any.whl", "eggs-1.0.tar.gz"]),
            st.sampled_from(["", "&gt;=3.9", "&lt;4"]),
            st.sampled_from([None, "", "a reason"]),
        ),
        max_size=6,
    )
)
def test_the_quick_reading_of_html_agrees_with_the_thorough_one(told):
    from pkm_env.index.markup import parse_links

    links = "".join(
        f'<a href="/files/{name}#sha256={SHA}"'
        + (f' data-requires-python="{needs}"' if needs else "")
        + (f' data-yanked="{yanked}"' if yanked is not None else "")
        + f">{name}</a><br/>\n"
        for name, needs, yanked in told
    )
    text = f"<!DOCTYPE html>\n<html><body><h1>Links</h1>{links}</body></html>"
    quick = quick_links(text)
    assert (quick is None) == (not told)
    odd = text.replace("<body>", "<body><!-- -->")
    assert html(text).digest == html(odd).digest
    assert html(text).files == html(odd).files
    assert len(parse_links(text)[2]) == len(told)


ODD_VALUES = {
    "filename": ["x", 3, None, "spam-1.0 .tar.gz", "sp\u00e4m-1.0.tar.gz"],
    "url": ["x y", "javascript:x", 3, "a%20b", "/files/x.whl", "https://me@x.example/x.whl"],
    "hashes": [{}, None, {"sha256": "zz"}, {"md5": "ab" * 16}, []],
    "yanked": [True, False, "", "why", 1, None, []],
    "core-metadata": [True, False, {"sha256": SHA}, {"sha256": 3}, {}, "true", None, 1],
    "requires-python": [">=3.9", "", " <4", 3, ">=3\n", None],
    "size": [3, -1, "3", None, True],
    "upload-time": [
        "2025-01-02T03:04:05.678901Z",
        "2025-01-02T03:04:05Z",
        "2025-02-30T00:00:00.000000Z",
        "x",
        3,
    ],
}
GOOD = st.builds(
    lambda number, pure: entry(
        f"spam-1.{number}-{'py3-none-any' if pure else 'cp312-cp312-win_amd64'}.whl",
        **{
            "url": f"https://x.example/{number}",
            "requires-python": ">=3.9",
            "core-metadata": {"sha256": SHA},
        },
    ),
    st.integers(0, 99),
    st.booleans(),
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 19), st.sampled_from(sorted(ODD_VALUES)), st.integers(0, 7)), max_size=4
)


@given(st.lists(GOOD, max_size=20), CHANGES)
def test_entries_read_in_bulk_are_those_read_one_by_one(files, changes):
    for at, key, which in changes:
        if at < len(files):
            files[at] = {**files[at], key: ODD_VALUES[key][which % len(ODD_VALUES[key])]}
    body = json.dumps({"files": files}).encode()
    slowly = [
        found
        for raw in json.loads(body)["files"]
        if (found := json_entry(raw, URL, lambda _: None)) is not None
    ]
    assert [plain_of(row) for row in json_entries(body, URL, lambda _: None, "spam").rows] == slowly
