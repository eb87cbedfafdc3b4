"""The quick readings, held against `packaging`, which is their judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pkm_build import grammar
from pkm_build.grammar import NotUnderstood

NUMBERS = st.sampled_from(["0", "1", "2", "10", "2024", "01", ""])
VERSION_TEXTS = st.lists(
    st.one_of(
        NUMBERS, st.sampled_from(["1a1", "2b0", "3rc2", "post1", "dev0", "dev", "x", "*", "1.dev3", "0rc01"])
    ),
    min_size=1,
    max_size=5,
).map(".".join)
OPERATORS = st.sampled_from(["==", "!=", ">=", "<=", "<", ">", "~=", "===", "=", ""])
CLAUSES = st.tuples(OPERATORS, st.sampled_from(["", " "]), VERSION_TEXTS).map("".join)
SPECIFIERS = st.lists(CLAUSES, max_size=3).map(",".join)
NAMES = st.sampled_from(["a", "spam-eggs", "Spam_Eggs.x", "-a", "a-", "a b", "ä", ""])
EXTRAS = st.sampled_from(["", "[x]", "[x,y]", "[ y , x ]", "[]", "[x", "[-]", " [x]"])
OPERANDS = st.sampled_from(
    [
        "python_version",
        "sys_platform",
        "extra",
        "'3.8'",
        '"win32"',
        "'a b'",
        "'it\"s'",
        "unknown",
        "os_name",
        "''",
    ]
)
COMPARISONS = st.sampled_from(["<", ">=", "==", "in", "not in", "not  in", "notin", "=", "~=", "==="])
ATOMS = st.tuples(OPERANDS, COMPARISONS, OPERANDS).map(" ".join)
MARKERS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or ", "and", " xor "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=4,
)
TRUTHS = st.recursive(
    st.sampled_from(["python_version < '3.10'", "'win' in sys_platform", 'os_name == "nt"', "extra == 'x'"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=5,
)
REQUIREMENTS = st.tuples(
    NAMES, EXTRAS, st.sampled_from(["", " "]), SPECIFIERS, st.one_of(st.just(""), MARKERS.map("; {}".format))
)


@given(VERSION_TEXTS)
def test_a_version_read_quickly_is_in_normal_form(text):
    if grammar.quick_version(text):
        assert str(Version(text)) == text


@given(VERSION_TEXTS)
def test_reading_a_version_agrees_with_packaging(text):
    try:
        expected = str(Version(text))
    except InvalidVersion:
        with pytest.raises(NotUnderstood):
            grammar.read_version(text)
    else:
        assert grammar.read_version(text) == expected


@given(SPECIFIERS)
def test_specifiers_read_quickly_mean_the_same(text):
    quick = grammar.quick_specifier(text)
    if quick is not None:
        assert SpecifierSet(quick) == SpecifierSet(text)


@given(SPECIFIERS)
def test_what_packaging_refuses_is_never_read_quickly(text):
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        assert grammar.quick_specifier(text) is None


@given(REQUIREMENTS)
def test_requirements_read_quickly_mean_the_same(parts):
    text = "".join(parts)
    quick = grammar.quick_requirement(text)
    if quick is None:
        return
    expected = Requirement(text)
    again = Requirement(grammar.write_requirement(quick))
    assert (again.name, again.extras, again.specifier) == (expected.name, expected.extras, expected.specifier)
    assert str(again.marker) == str(expected.marker)


@given(REQUIREMENTS)
def test_a_requirement_is_refused_where_packaging_refuses_it(parts):
    text = "".join(parts)
    try:
        Requirement(text)
    except InvalidRequirement:
        with pytest.raises(NotUnderstood):
            grammar.read_requirement(text)


@given(
    TRUTHS, st.sampled_from(["3.7", "3.12"]), st.sampled_from(["win32", "linux"]), st.sampled_from(["x", "y"])
)
def test_a_marker_joined_with_another_means_both(marker, version, platform, extra):
    environment = {"sys_platform": platform, "python_version": version, "extra": extra, "os_name": "posix"}
    expected = Requirement(f"a; {marker}").marker
    again = Requirement(
        grammar.write_requirement(grammar.read_requirement(f"a; {marker}"), 'extra == "x"')
    ).marker
    assert expected is not None
    assert again is not None
    assert again.evaluate(environment) == (expected.evaluate(environment) and extra == "x")


@pytest.mark.parametrize("name", ["A", "a__b", "A.-_b", "x1"])
def test_names_are_normalised_as_packaging_does(name):
    assert grammar.normalise(name) == canonicalize_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "MIT OR Apache-2.0",
        "mit",
        "(MIT AND ISC) OR GPL-2.0-only WITH GCC-exception-2.0",
        "LicenseRef-X",
    ],
)
def test_licences_are_spelled_as_packaging_spells_them(text):
    assert grammar.read_licence(text) == canonicalize_license_expression(text)


@pytest.mark.parametrize("licence", sorted(grammar.LICENCES))
def test_each_licence_known_by_heart_is_one(licence):
    assert canonicalize_license_expression(licence) == licence


@pytest.mark.parametrize("text", ["MITT", "MIT OR", "MIT AND OR", "", "MIT  OR ISC"])
def test_wrong_licences_are_refused(text):
    try:
        canonicalize_license_expression(text)
    except ValueError:
        with pytest.raises(NotUnderstood):
            grammar.read_licence(text)
    else:
        assert grammar.read_licence(text) == canonicalize_license_expression(text)


ORDINARY = [
    "requests",
    "requests>=2",
    "a[b,c] >= 1.0, < 2 ; python_version < '3.11'",
    'tomli>=2.0.1; python_version < "3.11" and sys_platform != "win32"',
    "x~=1.4.2",
    "x==1.*",
    "x (>=1)",
    "x; (extra == 'a' or extra == 'b') and os_name == 'nt'",
    "x; 'linux' in sys_platform",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_requirements_need_no_packaging(text):
    assert grammar.quick_requirement(text) is not None


def test_a_backslash_in_a_marker_is_not_read_quickly():
    """Dependency specifiers, "Grammar": ``python_str_c`` has no backslash."""
    assert grammar.quick_marker('os_name == "posix"')
    assert grammar.quick_marker('os_name == "C:\\"') is None


def test_a_url_requirement_keeps_a_blank_before_its_marker():
    parts = grammar.read_requirement("a @ https://x.example/a.whl ; os_name == 'nt'")
    assert grammar.write_requirement(parts) == 'a @ https://x.example/a.whl ; os_name == "nt"'


def test_a_comma_without_a_version_behind_it_is_refused():
    with pytest.raises(NotUnderstood, match="a version is missing"):
        grammar.read_requirement("requests >=2,")
