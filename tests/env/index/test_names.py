"""File names, read quickly, with packaging as the judge."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from pkm_env.index.names import FileNames, read_version, respelled

VERSIONS = st.from_regex(
    r"([0-9]!)?[0-9]{1,3}(\.[0-9]{1,2}){0,3}((a|b|rc)[0-9])?(\.post[0-9])?(\.dev[0-9])?(\+[a-z0-9]{1,3})?",
    fullmatch=True,
)
SPELLINGS = st.from_regex(
    r"0?[0-9]{1,2}(\.0?[0-9]{1,2}){0,2}"
    r"([._-]?(a|b|c|rc|alpha|Beta|pre|preview|RC)[._-]?[0-9]{0,2})?"
    r"(-0?[0-9]|[._-]?(post|rev|r|Post)[._-]?[0-9]{0,2})?"
    r"([._-]?(dev|DEV)[._-]?[0-9]{0,2})?",
    fullmatch=True,
)
PARTS = st.text("abAB01_.", min_size=1, max_size=5)


@given(VERSIONS, VERSIONS)
def test_versions_sort_as_packaging_sorts_them(one: str, other: str):
    left, right = read_version(one), read_version(other)
    assert left is not None
    assert right is not None
    assert (left.key < right.key) == (Version(one) < Version(other))
    assert (left.key == right.key) == (Version(one) == Version(other))
    assert left.text == str(Version(one))
    assert left.is_prerelease == Version(one).is_prerelease


@given(st.text("0123456789.abcrpostdev+!-_ v", max_size=12))
def test_whatever_packaging_calls_no_version_is_none(text: str):
    found = read_version(text)
    try:
        expected = str(Version(text))
    except InvalidVersion:
        assert found is None
    else:
        assert found is not None
        assert found.text == expected


@given(SPELLINGS)
def test_old_spellings_are_read_as_packaging_reads_them(text: str):
    found = read_version(text)
    assert found is not None
    assert found.text == str(Version(text))


@pytest.mark.parametrize(
    "text",
    [
        "1.0+Fix-01",
        "0!1.0",
        "1!01.0",
        "v1.0",
        "1.0-rc1",
        "2015.04.28",
        "1.0.2-2",
        "0.0.10a",
        "4.21.0_rc_1",
        "1.0.REV3",
    ],
)
def test_old_spellings_are_read_without_packaging(text: str):
    assert respelled(text) == str(Version(text)) != text


@given(PARTS, VERSIONS, st.sampled_from(["", "1", "2a", "x"]), PARTS, PARTS, PARTS)
def test_wheel_names_are_read_as_packaging_reads_them(name, version, build, python, abi, platform):
    filename = "-".join([name, version, *([build] if build else []), python, abi, platform]) + ".whl"
    project = canonicalize_name(name)
    found = FileNames(project).read(filename)
    try:
        _, expected, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        assert found is None
    else:
        assert found is not None
        assert Version(found[0].text) == expected
        assert found[1] == f"{python}-{abi}-{platform}".lower()


def test_an_sdist_of_a_name_with_hyphens_is_cut_where_the_name_ends():
    found = FileNames("ruamel-yaml-clib").read("ruamel.yaml-clib-0.2.8.tar.gz")
    assert found is not None
    assert found[0].text == "0.2.8"
    assert FileNames("ruamel-yaml").read("ruamel.yaml-clib-0.2.8.tar.gz") is None


def test_a_number_of_thousands_of_digits_is_no_fault():
    found = read_version(f"1.{'9' * 5000}")
    assert found is None or found.key[1] == (1, 10**5000 - 1)


def test_what_is_no_version_is_told_without_packaging(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.version", None)
    assert read_version("1.0.win32") is None
