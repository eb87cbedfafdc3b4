"""What resolvers are known to get wrong, and this one must not: one test for each fault."""

from __future__ import annotations

import pytest

from pkm_env.model.target import make_target
from pkm_env.resolver.report import explain
from pkm_env.resolver.resolve import NoSolution, Resolution
from tests.support.resolving import LINUX, answer, ask, only, refusal, versions, where

OLD = make_target("3.8", "linux-x86_64")
WIN = make_target("3.12", "windows-x86_64")
MUSL = make_target("3.12", "linux-x86_64-musl1.2")
PYTHONS = tuple(make_target(f"3.{minor}", "linux-x86_64") for minor in range(8, 15))


def by_python(packages, *roots):
    """The versions that each of several Pythons gets of a package "a" ("" for none)."""
    return [
        one.pins["a"].version if "a" in one.pins else ""
        for one in ask(packages, *roots, targets=PYTHONS)
        if isinstance(one, Resolution)
    ]


def test_requires_python_is_read_at_both_bounds():
    packages = {
        "a": {"1": [], "2": {"requires_python": ">=3.9,<3.12"}, "3": {"requires_python": "!=3.13.*,>=3.12"}}
    }
    found = [versions(packages, "a", targets=(python,))["a"] for python in PYTHONS]
    assert found == ["1", "2", "2", "2", "3", "1", "3"]


def test_branches_that_no_target_has_together_do_not_make_a_lock_fail():
    roots = (
        "a<2; sys_platform == 'win32'",
        "a>=2; sys_platform != 'win32'",
        "a<1; sys_platform == 'win32' and sys_platform == 'linux'",
        "a>9; python_version < '3.7'",
        "nowhere; python_version > '4'",
    )
    first, second = ask({"a": {"1": [], "2": []}}, *roots, targets=(LINUX, WIN))
    assert (first.pins["a"].version, second.pins["a"].version) == ("2", "1")


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("python_version in '3.9, 3.10'", [9, 10]),
        ("python_version not in '3.9, 3.10'", [8, 11, 12, 13, 14]),
        ("python_version == '3.*'", [8, 9, 10, 11, 12, 13, 14]),
        ("python_version != '3.*'", []),
        ("'3.10' <= python_version", [10, 11, 12, 13, 14]),
        ("'3.10' > python_version", [8, 9]),
        ("'3.9' == python_version or '3.12' == python_version", [9, 12]),
        ("'linux' == sys_platform and '3.11' < python_version", [12, 13, 14]),
        ("'lin' in sys_platform", [8, 9, 10, 11, 12, 13, 14]),
        ("python_version ~= '3.11'", [11, 12, 13, 14]),
    ],
)
@pytest.mark.parametrize("asker", ["project", "package"])
def test_unusual_markers_are_neither_dropped_nor_fatal(marker, expected, asker):
    if asker == "project":
        found = by_python({"a": {"1": []}}, f"a; {marker}")
    else:
        found = by_python({"b": {"1": [f"a; {marker}"]}, "a": {"1": []}}, "b")
    assert [minor for minor, version in zip(range(8, 15), found, strict=True) if version] == expected


@pytest.mark.parametrize(
    "tags",
    [
        "cp312-cp312-musllinux_1_2_x86_64",
        "cp312-cp312-manylinux_2_39_x86_64",
        "pp310-pypy310_pp73-manylinux_2_17_x86_64",
        "cp312-cp312-win_amd64",
        "cp312-cp312-manylinux_2_17_aarch64",
        "cp313-cp313-manylinux_2_17_x86_64",
        "cp313-cp313t-manylinux_2_17_x86_64",
    ],
    ids=["musl", "later glibc", "PyPy", "other system", "other machine", "later Python", "free-threaded"],
)
def test_a_release_without_a_fitting_file_is_never_locked(tags):
    assert "a 1 has no wheel for linux-x86_64 with Python 3.12" in refusal({"a": {"1": {"tags": tags}}}, "a")
    assert versions({"a": {"0": [], "1": {"tags": tags}}}, "a") == {"a": "0"}


def test_every_target_of_a_class_needs_a_file():
    tags = "cp312-cp312-manylinux_2_17_x86_64"
    first, second = ask({"a": {"1": [], "2": {"tags": tags}}}, "a", targets=(LINUX, MUSL))
    assert (first.pins["a"].version, second.pins["a"].version) == ("1", "1")


def test_a_release_whose_build_fails_is_not_taken_without_dependencies():
    packages = {"a": {"1": ["b"], "2": {"unavailable": "its build failed (exit code 1)"}}, "b": {"1": []}}
    assert versions(packages, "a") == {"a": "1", "b": "1"}
    assert "2. a 2: its build failed (exit code 1)" in refusal(packages, "a>=2")


def test_local_versions_are_versions_of_their_own():
    packages = {"a": {"1.2.3": [], "1.2.3+bar": ["b"], "1.2.3+foo": ["c"]}, "b": {"1": []}, "c": {"1": []}}
    assert versions(packages, "a==1.2.3+bar") == {"a": "1.2.3+bar", "b": "1"}
    assert versions(packages, "a==1.2.3+foo") == {"a": "1.2.3+foo", "c": "1"}
    assert versions(packages, "a==1.2.3") == {"a": "1.2.3+foo", "c": "1"}
    assert versions(packages, "a===1.2.3") == {"a": "1.2.3"}


def test_the_marker_of_an_extra_that_refers_to_its_own_package_counts():
    packages = {
        "a": {"1": ["a[x]; extra == 'all' and sys_platform == 'win32'", "b; extra == 'x'"]},
        "b": {"1": []},
    }
    first, second = ask(packages, "a[all]", targets=(LINUX, WIN))
    assert (sorted(first.pins), sorted(second.pins)) == (["a"], ["a", "b"])


def test_a_package_that_needs_another_version_of_itself_is_passed_over_or_told():
    assert versions({"a": {"1": [], "2": ["a<2"]}}, "a") == {"a": "1"}
    assert "a 2 needs a<2" in refusal({"a": {"2": ["a<2"]}}, "a")


def test_a_package_that_asks_for_the_project_itself_is_met_by_it():
    assert versions({"a": {"1": ["shop>=99", "b"]}, "b": {"1": ["shop"]}}, "a") == {"a": "1", "b": "1"}


def test_releases_that_contradict_each_other_end_soon_and_are_named():
    """Four packages with a hundred releases each; each release excludes what the next package needs."""
    count = 100
    packages = {
        name: {str(number): [f"{other}>{number}"] for number in range(1, count + 1)}
        for name, other in zip("abcd", "bcda", strict=True)
    }
    outcome = only(ask(packages, "a"))
    assert isinstance(outcome, NoSolution)
    told = str(explain(outcome, where=where))
    assert told.startswith("  1. shop asks for a    pyproject.toml:5:5\n  2. a 1 needs b>1\n")
    assert told.endswith("\n  so 1 can't hold.")
    assert "more lines like these, about a, b, c and d" in told
    assert len(told.splitlines()) < 30


def test_pins_that_contradict_each_other_end_soon():
    packages = {
        name: {f"1.{number}": [f"core==1.{number + shift}"] for number in range(1, 200)}
        for name, shift in (("a", 0), ("b", 300), ("c", 600), ("d", 900))
    }
    packages["core"] = {f"1.{number}": [] for number in range(1, 1200)}
    outcome = only(ask(packages, "a", "b", "c", "d"))
    told = str(explain(outcome, where=where))
    assert told.splitlines()[-1].endswith("can't both hold.")
    assert len(told.splitlines()) == 5


def test_an_unreadable_dependency_is_never_dropped():
    packages = {"a": {"1": ["b"], "2": ["b >>= 2"]}, "b": {"1": []}}
    assert versions(packages, "a") == {"a": "1", "b": "1"}
    assert "cannot be read" in refusal(packages, "a>=2")


def test_what_was_locked_is_not_forgotten_when_something_is_added():
    packages = {"a": {"1": [], "2": []}, "b": {"1": ["a"]}}
    found = answer(packages, "a", "b", preferences={"a": ["1"]}, locked={LINUX.key: {"a": "1"}})
    assert found.pins["a"].version == "1"
