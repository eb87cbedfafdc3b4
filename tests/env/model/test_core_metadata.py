from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.metadata import parse_email

from pkm_env.model.core_metadata import InvalidMetadata, header_fields, is_static, parse_metadata
from tests.support.wheels import metadata_text

HEAD = "Metadata-Version: 2.2\nName: Spam.Eggs\nVersion: 1.0.0\n"


def test_what_resolving_needs_is_read() -> None:
    found = parse_metadata(
        metadata_text(
            "Spam.Eggs", "1.0RC1", requires=["a>=1", "b"], requires_python=">=3.8", extras={"X_y": ["c"]}
        )
    )
    assert found.to_plain() == ("spam-eggs", "1.0rc1", ("a>=1", "b", "c; extra == 'X_y'"), ">=3.8", ("x-y",))


def test_folded_values_are_unfolded() -> None:
    assert parse_metadata(HEAD + "Requires-Dist: a\n   >=1\n\t; os_name == 'nt'\n").requires == (
        "a >=1 ; os_name == 'nt'",
    )


def test_body_is_not_read() -> None:
    assert parse_metadata(HEAD + "Requires-Dist: a\n\nRequires-Dist: b\n").requires == ("a",)


def test_field_names_have_no_case_and_lines_may_end_as_on_windows() -> None:
    found = parse_metadata("name: a\r\nVERSION: 1\r\nrequires-dist: b\r\n\r\nx")
    assert (found.name, found.version, found.requires) == ("a", "1", ("b",))


def test_empty_requires_python_is_none() -> None:
    assert parse_metadata(HEAD + "Requires-Python: \n").requires_python is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Version: 1\n", "no field Name"),
        ("Name: a\n", "no field Version"),
        ("Name: a\nName: b\nVersion: 1\n", "two fields Name"),
        ("Name: a\nVersion: one\n", "'one'"),
        ("Name: ...\nVersion: 1\n", "'...'"),
        ("", "no field Name"),
    ],
)
def test_metadata_without_name_or_version_is_refused(text: str, part: str) -> None:
    with pytest.raises(InvalidMetadata, match=part):
        parse_metadata(text)


@pytest.mark.parametrize(
    ("text", "static"),
    [
        ("Metadata-Version: 2.2\n", True),
        ("Metadata-Version: 2.4\nDynamic: License-File\n", True),
        ("Metadata-Version: 2.2\nDynamic: Requires-Dist\n", False),
        ("Metadata-Version: 2.2\ndynamic: provides-extra\n", False),
        ("Metadata-Version: 2.1\n", False),
        ("Metadata-Version: two\n", False),
        ("", False),
    ],
)
def test_metadata_is_static_from_2_2_where_nothing_that_counts_is_dynamic(text: str, *, static: bool) -> None:
    """PEP 643: if a field is not marked Dynamic, its value must be the same in every wheel of the sdist."""
    assert is_static(header_fields(text)) is static


_WORDS = st.text(st.sampled_from("abz >=;,.'\"[]()-_01"), max_size=20)
_LINES = st.one_of(
    st.builds("Requires-Dist: {}".format, _WORDS),
    st.builds("Provides-Extra: {}".format, st.sampled_from(["a", "B-c", "d_e"])),
    st.builds("Classifier: {}".format, _WORDS),
    st.builds("  {}".format, _WORDS),
    st.sampled_from(["License: a", "no field", "", "Requires-Python: >=3.8", "x y: z"]),
)


@given(st.lists(_LINES, max_size=8))
def test_line_scan_says_what_packaging_says(lines: list[str]) -> None:
    text = HEAD + "\n".join(lines) + "\n"
    judged, _ = parse_email(text)
    found = header_fields(text)

    def plain(values: list[str]) -> list[str]:
        return [" ".join(value.split()) for value in values]

    assert plain(found.get("requires-dist", [])) == plain(judged.get("requires_dist", []))
    assert plain(found.get("provides-extra", [])) == plain(judged.get("provides_extra", []))
    assert found.get("name") == [judged["name"]]


@pytest.mark.parametrize("version", ["3.0", "10.1", "9" * 5000])
def test_a_later_major_version_of_metadata_is_refused(version: str) -> None:
    with pytest.raises(InvalidMetadata, match="pkm reads 1 and 2"):
        parse_metadata(f"Metadata-Version: {version}\nName: a\nVersion: 1\n")


@pytest.mark.parametrize("version", ["1.0", "2.1", "2.99", "odd"])
def test_any_minor_version_of_metadata_is_read(version: str) -> None:
    assert parse_metadata(f"Metadata-Version: {version}\nName: a\nVersion: 1\n").name == "a"
