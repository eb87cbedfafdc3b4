"""Versions, specifiers and requirements where the property tests do not look."""

from __future__ import annotations

import pytest

from pkm_build.grammar import normalise
from pkm_env.model.requirements import Requirement, UnreadableRequirement, parse_requirement
from pkm_env.model.versions import (
    UnreadableVersion,
    VersionLine,
    names_prerelease,
    python_cuts,
    python_truths,
    specifier_contains,
    split_specifier,
    version_key,
)


def test_any_spelling_of_a_version_is_read():
    assert version_key("v1.0-RC.1") == version_key("1rc1")
    assert version_key("1.0-1") == version_key("1.post1")


@pytest.mark.parametrize(
    "text", ["", " ", "one", "1..0", "1.0+", "1!", "1.0.*", "1" * 5000, f"1.0a{'1' * 5000}"]
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(UnreadableVersion):
        version_key(text)


@pytest.mark.parametrize(
    "text", ["1.0", ">=", ">= 1 2", "=>1", "~=1", ">=1.*", "==1a1.*", ">=1+local", "<1+x", f">={'1' * 5000}"]
)
def test_what_is_no_specifier_is_refused(text):
    with pytest.raises(UnreadableVersion):
        VersionLine(["1"]).mask(text)


def test_a_specifier_is_split_in_its_order():
    assert split_specifier(" >=1 , <2,,=== foo") == ((">=", "1"), ("<", "2"), ("===", "foo"))


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        ("", "1", True),
        (">=1,<2", "1.5", True),
        ("===1.0", "1.0", True),
        ("===1.0", "1", False),
        ("===1.0,>2", "1.0", False),
        ("!=1.5", "1.5", False),
    ],
)
def test_a_specifier_contains_a_version(specifier, version, expected):
    assert specifier_contains(specifier, version) is expected


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        (">=1", False),
        (">=1a1", True),
        ("!=1a1", False),
        ("==1.*,<2.dev1", True),
        ("===1a1", False),
        ("<2rev", False),
    ],
)
def test_consent_to_pre_releases_is_a_clause_that_names_one(specifier, expected):
    assert names_prerelease(specifier) is expected


def test_a_version_is_found_by_value_and_not_by_spelling():
    line = VersionLine(["1.0", "1.1", "2"])
    assert [line.position(text) for text in ("1", "1.1.0", "2.0", "3", "1.5")] == [0, 1, 2, -1, -1]


def test_masks_that_are_known_are_not_worked_out_again():
    masks = {">=1": 0b1}
    line = VersionLine(["1", "2"], masks)
    assert line.mask(">=1") == 0b1
    assert line.mask(">=2") == 0b10
    assert masks == {">=1": 0b1, ">=2": 0b10}


def test_patches_of_a_specifier_with_a_patch_level():
    assert python_truths(">=3.11.4", "3.11", (0, None)) == (False, True)
    assert python_truths(">=3.11.4", "3.11", (4, 9)) == (True, True)
    assert python_truths("<3", "3.11", (0, None)) == (False, False)
    assert python_cuts("!=3.11.4", "3.11", (0, None)) == (4, 5)
    assert python_cuts(">=3.11.0rc1", "3.11", (0, None)) == ()
    assert python_cuts("==3.11.4.*", "3.11", (0, 4)) == (4,)


def test_a_name_is_normalised():
    assert normalise("A._-b__C") == "a-b-c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ("a", (), "", "", "")),
        (
            "A_b [ X , y_Z ] (>= 1, < 2) ; os_name == 'nt'",
            ("a-b", ("x", "y-z"), ">=1,<2", "", "os_name == 'nt'"),
        ),
        ("a[]", ("a", (), "", "", "")),
        (
            "a @ https://host.example/a.zip ; os_name == 'nt'",
            ("a", (), "", "https://host.example/a.zip", "os_name == 'nt'"),
        ),
        ("a>=1.*, <2 ; os_name == 'nt'", ("a", (), ">=1,<2", "", "os_name == 'nt'")),
        ("a===foo;os_name=='nt'", ("a", (), "===foo", "", "os_name=='nt'")),
        ("a >v1.0", ("a", (), ">v1.0", "", "")),
    ],
)
def test_a_requirement_is_split_into_its_parts(text, expected):
    assert parse_requirement(text).to_plain() == expected


@pytest.mark.parametrize(
    "text", ["", "-a", "a >= what", "a[x", "a[-]", "a;", "a ==*", "a>=1.* @ x", "a>=.*x"]
)
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(UnreadableRequirement):
        parse_requirement(text)


def test_a_requirement_has_a_text_and_can_be_a_key():
    one = parse_requirement("a[x]>=1 ; os_name == 'nt'")
    assert str(one) == "a[x]>=1 ; os_name == 'nt'"
    assert str(parse_requirement("a @ https://host.example/a.zip")) == "a @ https://host.example/a.zip"
    assert {one: 1}[Requirement(*one.to_plain())] == 1
    assert repr(one) == "Requirement(a[x]>=1 ; os_name == 'nt')"
    assert one != "a"
