"""JSON pages that are written like tables: quick, and never another answer than with care."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.simple import ENDINGS, json_entry
from pkm_env.index.table import KEYS, read_table
from pkm_env.model.rows import plain_of

BASE = "https://index.example/simple/spam/"
SHA = "ab" * 32
COMPACT = (",", ":")
SPACED = (", ", ": ")


def entry(number: int = 0, **told: object) -> dict[str, object]:
    filename = f"spam-1.{number}-py3-none-any.whl"
    return {
        "core-metadata": {"sha256": SHA},
        "dist-info-metadata": {"sha256": SHA},
        "filename": filename,
        "hashes": {"sha256": SHA},
        "provenance": None,
        "requires-python": ">=3.9",
        "size": 7,
        "upload-time": "2025-01-02T03:04:05.678901Z",
        "url": f"https://files.example/{filename}",
        "yanked": False,
        **told,
    }


def written(files: list[object], separators: tuple[str, str] = COMPACT, **told: object) -> bytes:
    page = {"meta": {"api-version": "1.1"}, "files": files, "name": "spam", **told}
    return json.dumps(page, separators=separators).encode()


def carefully(files: list[object]) -> list[tuple[object, ...]]:
    found = [json_entry(json.loads(json.dumps(raw)), BASE, lambda _: None) for raw in files]
    return [plain for plain in found if plain is not None]


def read(body: bytes):
    return read_table(body, lambda raw: json_entry(raw, BASE, lambda _: None))


def files_of(body: bytes) -> list[tuple[object, ...]] | None:
    """Return the files that pkm may install; the others are left out later."""
    found = read(body)
    return None if found is None else [plain_of(row) for row in found[1].rows if row[1].endswith(ENDINGS)]


def by_name(files: list[tuple[object, ...]] | None) -> list[tuple[object, ...]] | None:
    return None if files is None else sorted(files, key=repr)


@pytest.mark.parametrize("separators", [COMPACT, SPACED], ids=["compact", "spaced"])
@pytest.mark.parametrize(
    "keys",
    [
        list(entry()),
        list(reversed(entry())),
        [key for key in KEYS if key != "core-metadata"],
        ["filename", "url", "hashes"],
        ["dist-info-metadata", "url", "filename", "hashes", "yanked"],
    ],
    ids=["sorted", "reversed", "no metadata", "least", "older key"],
)
def test_all_common_ways_to_write_an_entry_are_read(keys: list[str], separators: tuple[str, str]):
    files: list[object] = [{key: entry(number)[key] for key in keys} for number in range(3)]
    assert files_of(written(files, separators)) == carefully(files)


@pytest.mark.parametrize(
    "change",
    [
        {"yanked": True},
        {"yanked": "broken"},
        {"yanked": ""},
        {"yanked": 'it said "no"'},
        {"yanked": "caf\u00e9"},
        {"core-metadata": True},
        {"core-metadata": False},
        {"core-metadata": {}},
        {"core-metadata": {"sha256": SHA.upper()}},
        {"size": None},
        {"size": -1},
        {"requires-python": None},
        {"requires-python": ""},
        {"requires-python": " >=3.9"},
        {"upload-time": "2025-01-02T03:04:05Z"},
        {"upload-time": "2025-02-29T03:04:05Z"},
        {"upload-time": "2024-02-29T03:04:05Z"},
        {"upload-time": "2024-02-28T24:04:05Z"},
        {"upload-time": None},
        {"url": "../../files/spam-1.1-py3-none-any.whl"},
        {"url": "https://files.example/1?id=4"},
        {"url": "https://files.example/1/"},
        {
            "filename": "spam-1.1+c-py3-none-any.whl",
            "url": "https://files.example/spam-1.1%2Bc-py3-none-any.whl",
        },
        {"filename": "spam.whl", "url": "https://files.example/spam.whl"},
        {"filename": "spam-1.1.whl", "url": "https://files.example/spam-1.1.whl"},
        {"filename": "a/spam-1.1.whl", "url": "https://files.example/a/spam-1.1.whl"},
        {"url": "https://me@files.example/spam-1.1-py3-none-any.whl"},
        {"hashes": {}},
        {"hashes": {"sha512": "ab" * 64}},
        {"hashes": {"sha256": SHA, "md5": "cd" * 16}},
        {"hashes": {"sha256": "zz" * 32}},
        {"provenance": "https://index.example/p"},
        {"provenance": {"deep": [1]}},
        {"filename": "spam-1.1.egg"},
        {"filename": "spam-1.1.exe", "url": "https://files.example/spam-1.1.exe"},
        {"filename": "s p.whl"},
        {"size": "7"},
        {"more": 1},
    ],
    ids=repr,
)
@pytest.mark.parametrize("separators", [COMPACT, SPACED], ids=["compact", "spaced"])
def test_an_entry_unlike_the_others_is_what_it_is_with_care(
    change: dict[str, object], separators: tuple[str, str]
):
    files: list[object] = [entry(0), {**entry(1), **change}, entry(2)]
    found = files_of(written(files, separators))
    assert found is None or by_name(found) == by_name(carefully(files))


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "yanked": st.sampled_from([True, "why", 'a "b"', "\\"]),
                "url": st.sampled_from(["https://x.example/a", "b", "https://x.example/a/"]),
                "core-metadata": st.sampled_from([True, {}, None, {"sha256": "x"}]),
                "upload-time": st.sampled_from(["2025-01-02T03:04:05Z", "2025-13-02T03:04:05Z", "x", 1]),
                "size": st.sampled_from([None, 0, 1.5, "1"]),
                "requires-python": st.sampled_from([None, "<4", 3, "x\ny"]),
            },
        ),
        max_size=6,
    )
)
def test_a_table_is_never_read_otherwise_than_with_care(changes: list[dict[str, object]]):
    files: list[object] = [{**entry(number), **change} for number, change in enumerate(changes)]
    found = files_of(written(files))
    assert found is None or by_name(found) == by_name(carefully(files))


def test_what_else_stands_on_the_page_is_told():
    found = read(written([entry()], versions=["1.0"]))
    assert found is not None
    assert found[0] == {"meta": {"api-version": "1.1"}, "files": [], "name": "spam", "versions": ["1.0"]}


def test_a_page_without_files_is_a_table():
    assert files_of(written([])) == []


def test_a_page_with_many_odd_entries_is_left_to_json():
    files: list[object] = [entry(), *({**entry(number), "more": 1} for number in range(200))]
    assert read(written(files)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("}],", "},],"),
        lambda text: text.replace("},{", "}{"),
        lambda text: text.replace('"files"', '"meta":{"files"').replace("}],", "}]},"),
        lambda text: text.replace('"name"', '"files":[],"name"'),
        lambda text: text.replace('"yanked":false}', '"yanked":false,"yanked":true}'),
        lambda text: text.replace("false}],", 'false},"x"],'),
        lambda text: text[: text.index("},{") + 1],
        lambda text: text[:-1],
        lambda text: text.replace('"files":[', '"files":{'),
        lambda text: text.replace('"size":7', '"size":07'),
        lambda text: "\udcff" + text,
    ],
    ids=[
        "comma at the end",
        "no comma",
        "deeper",
        "twice",
        "key twice",
        "a text",
        "cut in the list",
        "cut at the end",
        "no list",
        "odd number",
        "no text",
    ],
)
def test_a_page_that_is_not_quite_json_or_ambiguous_is_left_to_json(change):
    text = change(written([entry(0), entry(1)]).decode())
    assert read(text.encode("utf-8", "surrogatepass")) is None
