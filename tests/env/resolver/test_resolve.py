"""The door, one target: which version is chosen, and why another is not."""

from __future__ import annotations

import pytest

from pkm_env.model.target import make_target
from pkm_env.resolver.resolve import BadRequirement, NoSolution, Root
from tests.support.resolving import answer, ask, only, origin, refusal, versions
from tests.support.universe import Universe

WIN = make_target("3.12", "windows-x86_64")


def test_the_highest_version_that_all_admit_is_chosen():
    world = {"a": {"1": [], "2": ["b<2"]}, "b": {"1": [], "1.5": [], "2": []}}
    assert versions(world, "a", "b") == {"a": "2", "b": "1.5"}


def test_an_earlier_requirement_wins_over_a_later_one():
    world = {"a": {"1": [], "2": ["b<2"]}, "b": {"1": [], "2": []}}
    assert versions(world, "b", "a") == {"a": "1", "b": "2"}


def test_what_is_not_needed_is_not_chosen():
    world = {"a": {"1": [], "2": ["b"]}, "b": {"1": ["missing"]}}
    assert versions(world, "a") == {"a": "1"}


# Extras


def test_an_extra_brings_its_requirements_and_shares_the_version():
    world = {"a": {"1": ["b; extra == 'x'"], "2": ["c; extra == 'x'"]}, "b": {"1": []}, "c": {"1": ["a<2"]}}
    pins = answer(world, "a[x]").pins
    assert {name: pin.version for name, pin in pins.items()} == {"a": "1", "b": "1"}
    assert pins["a"].extras == ("x",)


def test_an_extra_that_another_package_asks_for_is_added():
    world = {"a": {"1": ["b; extra == 'x'"]}, "b": {"1": []}, "c": {"1": ["A[X]>=1"]}}
    assert versions(world, "a", "c") == {"a": "1", "b": "1", "c": "1"}


def test_an_extra_that_refers_to_its_own_package_keeps_its_marker():
    world = {
        "a": {
            "1": [
                "a[x]; extra == 'all'",
                "a[y]; extra == 'all' and sys_platform == 'win32'",
                "b; extra == 'x'",
                "c; extra == 'y'",
            ]
        },
        "b": {"1": []},
        "c": {"1": []},
    }
    linux, windows = ask(world, "a[all]", targets=(make_target("3.12", "linux-x86_64"), WIN))
    assert sorted(linux.pins) == ["a", "b"]
    assert sorted(windows.pins) == ["a", "b", "c"]


def test_an_extra_that_a_version_lost_is_noted_and_no_error():
    world = {"a": {"1": ["b; extra == 'x'"], "2": []}, "b": {"1": []}}
    outcome = answer(world, "a[x]")
    assert outcome.pins["a"].version == "2"
    assert outcome.notes == ('a 2 has no extra "x"',)


def test_a_requirement_whose_marker_excludes_an_extra_belongs_to_the_package_without_it():
    world = {"a": {"1": ["b; extra != 'x'"]}, "b": {"1": []}}
    assert sorted(versions(world, "a")) == ["a", "b"]


# The project and packages that ask for themselves


def test_a_dependency_that_asks_for_the_project_is_met_by_it():
    assert versions({"a": {"1": ["shop>=7"]}}, "a") == {"a": "1"}


def test_a_release_that_needs_another_version_of_the_project_is_not_taken():
    world = {"a": {"1": ["shop>=1"], "2": ["shop[more]>=2"]}}
    assert versions(world, "a", root_version="1.5") == {"a": "1"}
    assert versions(world, "a", root_version="") == {"a": "2"}
    assert "is not met by the project itself, 1.5" in refusal(world, "a>1", root_version="1.5")


def test_a_project_that_asks_for_another_version_of_itself_is_told_where():
    said = refusal({"a": {"1": []}}, "a", "shop==2", root_version="1.5")
    assert "shop: its requirement shop==2 is not met by the project itself, 1.5    pyproject.toml:6:5" in said


def test_a_later_release_that_cannot_be_used_is_noted():
    world = {
        "a": {
            "1": [],
            "2": ["b; platform_release >= '5'"],
            "3": {"requires": [], "metadata_python": ">=3.99"},
        },
        "b": {"1": []},
    }
    (note,) = answer(world, "a").notes
    assert note.startswith("a 2 is not taken: its requirement b")


def test_an_extra_of_the_project_is_asked_for_by_a_dependency():
    world = {"a": {"1": ["shop[more]"]}, "b": {"1": []}}
    assert versions(world, "a", own_extras={"more": [Root("b", origin(1))]}) == {"a": "1", "b": "1"}


def test_a_package_that_needs_another_version_of_itself_is_passed_over():
    assert versions({"a": {"1": [], "2": ["a<2"]}}, "a") == {"a": "1"}


# Files


def test_a_release_without_a_file_for_the_target_is_passed_over():
    world = {"a": {"1": [], "2": {"tags": "cp312-cp312-win_amd64"}}}
    assert versions(world, "a") == {"a": "1"}
    assert versions(world, "a", targets=(WIN,)) == {"a": "2"}


@pytest.mark.parametrize(
    "tags",
    [
        "cp312-cp312-musllinux_1_2_x86_64",
        "cp312-cp312-manylinux_2_34_x86_64",
        "pp310-pypy310_pp73-manylinux_2_17_x86_64",
        "cp313-abi3-manylinux_2_17_x86_64",
        "cp312-cp312-macosx_11_0_arm64",
    ],
    ids=["musl", "later glibc", "PyPy", "later Python", "macOS"],
)
def test_a_wheel_for_another_target_is_not_taken(tags):
    assert versions({"a": {"1": [], "2": {"tags": tags}}}, "a") == {"a": "1"}


def test_an_sdist_counts_only_where_building_is_allowed():
    world = {"a": {"1": [], "2": {"tags": "sdist"}}}
    assert versions(world, "a") == {"a": "2"}
    assert versions(world, "a", no_build=frozenset({"a"})) == {"a": "1"}
    assert versions(world, "a", no_build=True) == {"a": "1"}


def test_a_wheel_counts_only_where_it_may_be_taken():
    world = {"a": {"1": {"tags": "sdist"}, "2": []}}
    assert versions(world, "a", no_binary=frozenset({"a"})) == {"a": "1"}


def test_wheels_that_may_not_be_used_are_told_as_such():
    said = refusal({"a": {"1": []}}, "a", no_binary=frozenset({"a"}))
    assert "a 1 has no sdist, and wheels of it are not to be used" in said


def test_requires_python_counts_with_its_upper_bound():
    world = {"a": {"1": [], "2": {"requires_python": ">=3.8,<3.12"}, "3": {"requires_python": ">=3.13"}}}
    assert versions(world, "a") == {"a": "1"}


# Versions and specifiers


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ("~=1.2", "1.9"),
        ("~=1.2.0", "1.2.5"),
        ("==1.2.*", "1.2.5"),
        ("!=1!0.1,!=1!0.1.post1", "2.0+local"),
        ("==2.0", "2.0+local"),
        ("<1.2.post1", "1.2"),
        (">1.9,<2", None),
        ("===1.2", "1.2"),
        (">=1!0", "1!0.1.post1"),
        ("==1!0.1", "1!0.1"),
    ],
)
def test_specifiers_mean_what_pep_440_says(specifier, expected):
    known = ("1.2", "1.2.5", "1.9", "2.0", "2.0+local", "1!0.1", "1!0.1.post1")
    world = {"a": {version: [] for version in known}}
    if expected is None:
        refusal(world, f"a{specifier}")
    else:
        assert versions(world, f"a{specifier}") == {"a": expected}


# What is missing or broken


def test_an_unknown_package_is_named():
    for name in ("nmpy", "x"):
        assert f"{name}: no index has it" in refusal({}, name)


def test_a_release_whose_metadata_cannot_be_had_is_passed_over():
    world = {"a": {"1": [], "2": {"unavailable": "its build failed"}}}
    assert versions(world, "a") == {"a": "1"}
    assert "its build failed" in refusal(world, "a>1")


def test_a_release_with_an_unreadable_requirement_is_passed_over_and_never_taken_without_it():
    world = {"a": {"1": [], "2": ["b >= what"]}, "b": {"1": []}}
    assert versions(world, "a") == {"a": "1"}
    assert "cannot be read" in refusal(world, "a>1")


def test_a_requirement_with_a_known_old_fault_is_read():
    assert versions({"a": {"1": ["b>=1.*"]}, "b": {"1.5": []}}, "a") == {"a": "1", "b": "1.5"}


def test_a_marker_that_asks_for_what_no_target_stands_for_makes_the_release_unusable():
    world = {"a": {"1": [], "2": ["b; platform_release >= '5'"]}, "b": {"1": []}}
    assert versions(world, "a") == {"a": "1"}
    assert "platform_release" in refusal(world, "a>1")


def test_a_requirement_of_the_project_that_cannot_be_read_is_an_error_with_its_origin():
    with pytest.raises(BadRequirement) as caught:
        ask({}, "a ===", "b>>1")
    assert caught.value.origin == origin(0)


# What comes back


def test_a_pin_tells_what_it_requires_and_who_asked():
    world = {"a": {"1": ["b>=1", "c; extra == 'x'"]}, "b": {"1": []}, "c": {"2": ["b"]}}
    found = answer(world, "a[x]")
    pins = found.pins
    assert pins["a"].requires == (("b", "1"), ("c", "2"))
    assert found.asked_by("b") == (("a 1", "b>=1"), ("c 2", "b"))
    assert found.asked_by("a") == (("", "a[x]"),)
    assert list(pins) == ["a", "b", "c"]


def test_listings_are_announced_before_they_are_asked_for():
    world = Universe({"a": {"1": ["b", "c"]}, "b": {"1": []}, "c": {"1": []}})
    only(ask(world, "a"))
    assert (("b", "c"), ()) in world.hinted


def test_each_metadata_is_asked_once():
    world = Universe({"a": {"1": ["c<2", "b"], "2": ["c<2"]}, "b": {"1": ["c"]}, "c": {"1": [], "2": []}})
    only(ask(world, "a", "b", "c"))
    assert len(world.asked) == len(set(world.asked))


def test_no_solution_is_a_value_and_no_exception():
    assert isinstance(only(ask({"a": {"1": []}}, "a>1")), NoSolution)


# Odd corners


def test_a_release_with_a_specifier_that_cannot_be_read_is_passed_over():
    world = {"a": {"1": [], "2": ["b===1,>=x.y"]}, "b": {"1": []}}
    assert versions(world, "a") == {"a": "1"}


def test_a_requires_python_that_cannot_be_read_admits_all():
    assert versions({"a": {"1": {"requires_python": "3.x or so"}}}, "a") == {"a": "1"}
    world = {"a": {"1": {"requires_python": "3.x", "tags": "cp312-cp312-win_amd64"}}}
    assert "no wheel" in refusal(world, "a")


def test_a_package_whose_every_version_needs_another_one_of_itself_is_told():
    assert "a 1 needs a>1" in refusal({"a": {"1": ["a>1"]}}, "a")


def test_a_package_without_versions_is_told():
    assert "a has no versions" in refusal({"a": {}}, "a")


def test_versions_with_gaps_are_counted():
    releases = {str(number): ["b<2"] if number % 2 else ["zz"] for number in range(1, 13)}
    assert "6 versions from 1 to 11" in refusal({"a": releases, "b": {"2": []}}, "a")


def test_the_requires_python_of_the_metadata_counts_where_the_page_tells_none():
    old, new = make_target("3.8", "linux-x86_64"), make_target("3.12", "linux-x86_64")
    packages = {"a": {"1": [], "2": {"requires": ["b"], "metadata_python": ">=3.10"}}, "b": {"1": []}}
    for targets in ((old, new), (new, old)):
        found = {one.target.python: one.pins for one in ask(packages, "a", targets=targets)}
        assert {python: pins["a"].version for python, pins in found.items()} == {"3.8": "1", "3.12": "2"}


def test_a_requires_python_of_the_metadata_with_a_patch_level_splits_the_target():
    packages = {"a": {"1": [], "2": {"metadata_python": ">=3.8.5"}}}
    first, second = ask(packages, "a>=2", targets=(make_target("3.8", "linux-x86_64"),))
    assert (first.target.patches, second.target.patches) == ((0, 4), (5, None))
    assert isinstance(first, NoSolution)
    assert second.pins["a"].version == "2"


def test_an_upper_bound_in_the_metadata_counts():
    packages = {"a": {"1": [], "2": {"metadata_python": "<3.12"}}}
    assert versions(packages, "a") == {"a": "1"}
