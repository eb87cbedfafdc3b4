"""Markers: what they say of many targets at once, where they cut a target, and how they are written."""

from __future__ import annotations

import pytest

from pkm_env.model.marker_text import IndistinctTargets
from pkm_env.model.markers import (
    TargetSet,
    UnreadableMarker,
    evaluate,
    marker_cuts,
    marker_for,
    mentions_extra,
    parse_marker,
    unanswerable,
)
from pkm_env.model.target import IMPLIED_PLATFORMS, make_target

L38, L311, L312, W312 = (
    make_target("3.8", "linux-x86_64"),
    make_target("3.11", "linux-x86_64"),
    make_target("3.12", "linux-x86_64"),
    make_target("3.12", "windows-x86_64"),
)
TARGETS = (L38, L311, L312, W312)
MATRIX = [
    make_target(minor, platform)
    for minor in ("3.10", "3.11", "3.12", "3.13")
    for platform in IMPLIED_PLATFORMS
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0b1111),
        ("python_version >= '3.11'", 0b1110),
        ("'3.11' <= python_version", 0b1110),
        ("python_version in '3.9, 3.11'", 0b0010),
        ("python_version not in '3.8 3.11'", 0b1100),
        ("python_version == '3.*'", 0b1111),
        ("python_version == '3.1*'", 0b0000),
        ("sys_platform == 'win32' or python_version < '3.9'", 0b1001),
        ("os_name == 'posix' and (python_version > '3.8' and python_version != '3.12')", 0b0010),
        ('platform_machine == "AMD64"', 0b1000),
        ("sys.platform == 'linux' and platform.python_implementation != 'Jython'", 0b0111),
        ("extra == 'x'", 0b0000),
        ("extra != 'x'", 0b1111),
        ("python_full_version >= '3.11.0'", 0b1110),
    ],
)  # fmt: skip
def test_a_marker_has_one_bit_for_each_target(text, expected):
    assert evaluate(text, TARGETS) == expected


def test_a_marker_may_hold_for_any_of_the_extras_asked_for():
    assert evaluate("extra == 'A_b'", TARGETS, ("c", "a-B")) == 0b1111
    assert evaluate("'x' == extra and sys_platform == 'win32'", TARGETS, ("x",)) == 0b1000


@pytest.mark.parametrize(
    "text",
    ["python_version", "python_version >=", "python_version >= 3", "'a' ~= 'b'", "os_name == 'a", "who == 'me'",
     "(os_name == 'a'", "os_name == 'a')", "os_name == 'a' os_name == 'b'", "os_name not 'a'", "os_name ~= 'a'",
     "os_name == 'a' or", "& == 'a'", "os_name is 'a'"],
)  # fmt: skip
def test_what_is_no_marker_is_refused(text):
    with pytest.raises(UnreadableMarker):
        evaluate(text, TARGETS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a' == 'a'", 0b1111),
        ("'a' in 'b'", 0b0000),
        ("'a' != 'b' and sys_platform == 'win32'", 0b1000),
        ("'a' < 'b' or sys_platform == 'win32'", 0b1000),
    ],
)
def test_two_texts_can_be_compared(text, expected):
    """Dependency specifiers, "Grammar": ``marker_var = wsp* (env_var | python_str)``."""
    assert evaluate(text, TARGETS) == expected


def test_a_marker_that_holds_for_a_part_of_the_patch_releases_says_so():
    asked = TargetSet(TARGETS)
    assert asked.marker("python_full_version < '3.11.4'") == (0b0001, 0b0011)
    assert asked.marker("python_full_version < '3.11.4' and sys_platform == 'win32'") == (0, 0)
    assert asked.requires_python(">=3.12.1") == (0b0000, 0b1100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python_full_version < '3.11.4'", (4,)),
        ("python_full_version == '3.11.4'", (4, 5)),
        ("'3.11.4' > python_full_version", (4,)),
        ("python_full_version in '3.11.2 3.11.3'", (2, 4)),
        ("implementation_version >= '3.11.1' and python_full_version != '3.11.0'", (1,)),
        ("python_version < '3.11'", ()),
        ("python_full_version < '3.12.4'", ()),
    ],
)
def test_a_target_is_cut_where_a_comparison_changes(text, expected):
    assert marker_cuts(parse_marker(text), L311) == expected


def test_what_no_target_stands_for_is_named():
    assert unanswerable(parse_marker("os_name == 'a' and platform_release >= '5'")) == "platform_release"
    assert unanswerable(parse_marker("os_name == 'a'")) == ""


def test_a_marker_that_mentions_an_extra_is_known():
    assert mentions_extra(parse_marker("os_name == 'a' and (extra == 'x' or os_name == 'b')"))
    assert not mentions_extra(parse_marker("os_name == 'extra'"))


def wanted(condition):
    return sum(1 << place for place, target in enumerate(MATRIX) if condition(target))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (bool, ""),
        (lambda target: target.python == "3.11", "python_version == '3.11'"),
        (lambda target: target.python != "3.11", "python_version != '3.11'"),
        (lambda target: target.python >= "3.12", "python_version >= '3.12'"),
        (lambda target: "linux" in target.platform, "sys_platform == 'linux'"),
        (lambda target: "windows" not in target.platform, "sys_platform != 'win32'"),
        (lambda target: "linux-arm64" in target.platform, "platform_machine == 'aarch64'"),
        (
            lambda target: "3.10" < target.python < "3.13" and "linux" in target.platform,
            "python_version >= '3.11' and python_version < '3.13' and sys_platform == 'linux'",
        ),
        (
            lambda target: target.python == "3.10" or "macos" in target.platform,
            "python_version < '3.11' or sys_platform == 'darwin'",
        ),
    ],
    ids=range(9),
)
def test_a_marker_is_the_shortest_that_tells_the_wanted_targets_apart(condition, expected):
    assert marker_for(MATRIX, wanted(condition)) == expected


def test_a_target_that_nobody_cares_for_may_fall_on_either_side():
    linux = wanted(lambda target: "linux" in target.platform and target.python != "3.13")
    new = wanted(lambda target: target.python == "3.13")
    assert marker_for(MATRIX, linux, new) == "sys_platform == 'linux'"


def test_a_split_target_is_told_apart_by_its_full_version():
    targets = [L38, L311.part((0, 3)), L311.part((4, None)), L312]
    assert marker_for(targets, 0b0010) == "python_version >= '3.11' and python_full_version < '3.11.4'"
    assert marker_for(targets, 0b0110) == "python_version == '3.11'"
    assert marker_for(targets, 0b1100) == "python_full_version >= '3.11.4'"


def test_targets_that_no_marker_tells_apart_are_an_error():
    with pytest.raises(IndistinctTargets):
        marker_for([L312, make_target("3.12", "linux-x86_64-musl1.2")], 0b01)
