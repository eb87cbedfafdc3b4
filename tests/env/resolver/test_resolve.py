"""The door, one target: which version is chosen, and why another is not."""

from __future__ import annotations

import pytest

from pkm_env.model.distribution import Source
from pkm_env.model.target import make_target
from pkm_env.resolver.resolve import BadRequirement, NoSolution, Origin, Root
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


def test_an_extra_of_the_project_is_asked_for_by_a_dependency():
    world = {"a": {"1": ["shop[more]"]}, "b": {"1": []}}
    assert versions(world, "a", own_extras={"more": [Root("b", origin(1))]}) == {"a": "1", "b": "1"}


def test_a_package_that_needs_another_version_of_itself_is_passed_over():
    assert versions({"a": {"1": [], "2": ["a<2"]}}, "a") == {"a": "1"}


# Pre-releases


def test_a_pre_release_is_not_chosen_where_a_final_release_exists():
    assert versions({"a": {"1": [], "2a1": [], "3.dev1": []}}, "a") == {"a": "1"}


def test_a_pre_release_is_chosen_and_noted_where_no_final_release_exists():
    outcome = answer({"a": {"1a1": [], "1a2": []}}, "a")
    assert outcome.pins["a"].version == "1a2"
    assert outcome.notes == ("a 1a2 is a pre-release, taken because a has no final release",)


def test_a_final_release_that_is_yanked_is_none():
    assert versions({"a": {"1": {"yanked": ""}, "2a1": []}}, "a") == {"a": "2a1"}


def test_a_final_release_after_the_cut_off_is_none():
    assert versions({"a": {"1a1": [], "2": {"late": True}}}, "a") == {"a": "1a1"}


def test_a_pre_release_is_chosen_where_the_project_names_one():
    assert versions({"a": {"1": [], "2a1": [], "2a2": []}}, "a>=2a1") == {"a": "2a2"}


def test_a_release_that_names_a_pre_release_gets_one_and_it_is_noted():
    world = {"a": {"1": [], "2a1": [], "2a2": []}, "b": {"1": ["a>=2a1"]}}
    outcome = answer(world, "b")
    assert outcome.pins["a"].version == "2a2"
    assert "a release of another package names one" in outcome.notes[0]


def test_final_releases_are_preferred_where_only_another_release_names_a_pre_release():
    world = {"a": {"1": [], "2a1": [], "2": [], "3a1": []}, "b": {"1": ["a>=2a1"]}}
    assert versions(world, "b")["a"] == "2"


def test_pre_releases_can_be_allowed_and_refused_for_all_and_by_package():
    world = {"a": {"1": [], "2a1": []}, "b": {"1": [], "2a1": []}}
    assert versions(world, "a", "b", prereleases="allow") == {"a": "2a1", "b": "2a1"}
    assert versions(world, "a", "b", prereleases={"b": "allow"}) == {"a": "1", "b": "2a1"}
    assert "pre-release" in refusal({"a": {"2a1": []}}, "a", prereleases="never")


# Yanked releases


def test_a_yanked_release_is_not_chosen():
    assert versions({"a": {"1": [], "2": {"yanked": "bad"}}}, "a") == {"a": "1"}


@pytest.mark.parametrize("requirement", ["a==2", "a===2"])
def test_a_yanked_release_is_chosen_where_the_project_pins_it(requirement):
    outcome = answer({"a": {"1": [], "2": {"yanked": "bad"}}}, requirement)
    assert outcome.pins["a"].version == "2"
    assert outcome.notes == ("a 2 is yanked, taken because it is pinned or locked",)


def test_a_yanked_release_is_chosen_where_a_release_pins_it():
    world = {"a": {"1": [], "2": {"yanked": "bad"}}, "b": {"1": ["a==2"]}}
    assert versions(world, "b") == {"a": "2", "b": "1"}


def test_a_yanked_release_is_kept_when_locked():
    world = {"a": {"1": [], "2": {"yanked": "bad"}}}
    assert versions(world, "a", preferences={"a": ("2",)}) == {"a": "2"}


def test_a_yanked_release_is_not_pinned_by_a_wildcard():
    assert "yanked" in refusal({"a": {"2": {"yanked": ""}}}, "a==2.*")


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


# Preferences and strategies


def test_what_the_lock_holds_is_preferred():
    world = {"a": {"1": [], "2": []}}
    assert versions(world, "a", preferences={"a": ("1",)}) == {"a": "1"}


def test_a_preferred_version_that_does_not_fit_is_left():
    world = {"a": {"1": [], "2": []}}
    assert versions(world, "a>1", preferences={"a": ("1", "0.5")}) == {"a": "2"}


def test_lowest_takes_the_lowest_of_all_and_lowest_direct_only_of_what_the_project_asks():
    world = {"a": {"1": ["b"], "2": ["b"]}, "b": {"1": [], "2": []}}
    assert versions(world, "a", resolution="lowest") == {"a": "1", "b": "1"}
    assert versions(world, "a", resolution="lowest-direct") == {"a": "1", "b": "2"}


# Constraints and overrides


def test_a_constraint_bounds_a_package_that_is_needed_and_adds_none():
    world = {"a": {"1": ["b"]}, "b": {"1": [], "2": []}, "c": {"1": []}}
    constraints = [("b<2", Origin("shop", ("tool", "pkm", "constraints", 0))), ("c", None)]
    assert versions(world, "a", constraints=constraints) == {"a": "1", "b": "1"}


def test_a_constraint_counts_only_where_its_marker_holds():
    constraints = [("a<2 ; sys_platform == 'win32'", None)]
    assert versions({"a": {"1": [], "2": []}}, "a", constraints=constraints) == {"a": "2"}


def test_an_override_replaces_what_anybody_asks():
    world = {"a": {"1": ["b<2"]}, "b": {"1": [], "2": [], "3": []}}
    assert versions(world, "a", overrides={"b": "==2"}) == {"a": "1", "b": "2"}
    assert versions(world, "a", overrides={"b": "*"}) == {"a": "1", "b": "3"}


def test_an_override_of_one_package_counts_for_its_requirements_alone():
    world = {"a": {"1": ["c<2"]}, "b": {"1": ["c<3"]}, "c": {"1": [], "2": [], "3": []}}
    assert versions(world, "a", "b", overrides={"a": {"c": "*"}})["c"] == "2"


def test_an_override_of_one_release_counts_for_that_release_alone():
    world = {"a": {"1": ["b>=1"], "2": ["b>=9"]}, "b": {"1": []}}
    assert versions(world, "a", overrides={"a==2": {"b": "*"}}) == {"a": "2", "b": "1"}
    assert versions(world, "a", overrides={"a==1": {"b": "*"}}) == {"a": "1", "b": "1"}


def test_an_override_can_drop_a_requirement_everywhere_or_for_one_package():
    world = {"a": {"1": ["b"]}, "b": {"1": []}}
    assert versions(world, "a", overrides={"b": False}) == {"a": "1"}
    assert versions(world, "a", "b", overrides={"a": {"b": False}}) == {"a": "1", "b": "1"}


def test_an_override_can_have_an_entry_for_each_marker():
    world = {"a": {"1": ["b"]}, "b": {"1": [], "2": []}}
    overrides = {"b": ["<2 ; python_version < '3.12'", ">=2 ; python_version >= '3.12'"]}
    older = make_target("3.11", "linux-x86_64")
    old, new = ask(world, "a", overrides=overrides, targets=(older, make_target("3.12", "linux-x86_64")))
    assert (old.pins["b"].version, new.pins["b"].version) == ("1", "2")


# Sources


def test_a_source_binds_a_name_wherever_it_is_asked_for():
    folder = Source("directory", "/lib/b")
    at = {"/lib/b": {"version": "7", "requires": ["c"]}}
    world = {"a": {"1": ["b>=5"]}, "b": {"9": []}, "c": {"1": []}}
    pins = answer(world, "a", sources={"b": folder}, at=at).pins
    assert {name: pin.version for name, pin in pins.items()} == {"a": "1", "b": "7", "c": "1"}
    assert pins["b"].source == folder


def test_a_source_can_be_bound_by_marker():
    folder = Source("directory", "/lib/b")
    choices = [("sys_platform == 'win32'", folder), ("", None)]
    linux, windows = ask(
        {"b": {"9": []}},
        "b",
        sources={"b": choices},
        at={"/lib/b": {"version": "7"}},
        targets=(make_target("3.12", "linux-x86_64"), WIN),
    )
    assert (linux.pins["b"].version, windows.pins["b"].version) == ("9", "7")


def test_a_direct_reference_of_the_project_is_followed_and_settled():
    at = {"https://host.example/b.git": {"version": "3"}}
    pins = answer({}, "b @ git+https://host.example/b.git@main#subdirectory=lib", at=at).pins
    assert pins["b"].source.revision == "main"
    assert pins["b"].source.subdirectory == "lib"
    assert pins["b"].source.commit == "c" * 40


def test_a_direct_reference_in_metadata_of_an_index_makes_the_release_unusable():
    world = {"a": {"1": [], "2": ["b @ https://host.example/b-1.zip"]}}
    assert versions(world, "a") == {"a": "1"}


def test_a_direct_reference_in_metadata_counts_where_the_project_binds_the_name():
    at = {"https://host.example/b-1.zip": {"version": "1"}}
    world = {"a": {"2": ["b @ https://host.example/b-1.zip"]}}
    assert versions(world, "a", "b @ https://host.example/b-1.zip", at=at) == {"a": "2", "b": "1"}


def test_a_source_of_the_project_may_bring_its_own_sources_with_a_note():
    at = {
        "/lib/a": {"version": "1", "requires": ["b @ https://host.example/b-1.zip"]},
        "https://host.example/b-1.zip": {"version": "1"},
    }
    outcome = answer({"b": {"9": []}}, Root("a", origin(0), Source("directory", "/lib/a")), at=at)
    assert outcome.pins["b"].version == "1"
    assert outcome.notes == ("b comes from https://host.example/b-1.zip, because a asks for it there",)


def test_a_source_whose_version_does_not_meet_a_requirement_is_no_answer():
    at = {"/lib/b": {"version": "7"}}
    text = refusal({"a": {"1": ["b<5"]}}, "a", sources={"b": Source("directory", "/lib/b")}, at=at)
    assert "no version of b is <5" in text


def test_the_requires_python_of_a_source_counts():
    at = {"/lib/b": {"version": "7", "requires_python": ">=3.13"}}
    text = refusal({}, "b", sources={"b": Source("directory", "/lib/b")}, at=at)
    assert "needs Python >=3.13" in text


# What is missing or broken


def test_an_unknown_package_is_named():
    assert "no index knows nmpy" in refusal({}, "nmpy")


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


def test_two_sources_of_the_project_that_want_one_package_from_two_places_contradict():
    at = {
        "/a": {"version": "1", "requires": ["c @ https://host.example/c-1.zip"]},
        "/b": {"version": "1", "requires": ["c @ https://host.example/c-2.zip"]},
        "https://host.example/c-1.zip": {"version": "1"},
        "https://host.example/c-2.zip": {"version": "2"},
    }
    sources = {"a": Source("directory", "/a"), "b": Source("directory", "/b")}
    assert "c comes from https://host.example/c-1.zip here" in refusal({}, "a", "b", sources=sources, at=at)


def test_two_addresses_for_one_package_contradict():
    at = {f"https://host.example/a-{number}.zip": {"version": str(number)} for number in (1, 2)}
    text = refusal({}, "a @ https://host.example/a-1.zip", "a @ https://host.example/a-2.zip", at=at)
    assert "a comes from https://host.example/a-1.zip here" in text
    assert "1. shop asks for a @ https://host.example/a-2.zip" in text


def test_a_source_of_the_project_counts_before_an_address():
    at = {"https://host.example/a-1.zip": {"version": "1"}, "/a": {"version": "2"}}
    sources = {"a": Source("directory", "/a")}
    assert versions({}, "a @ https://host.example/a-1.zip", sources=sources, at=at) == {"a": "2"}


def test_a_source_that_is_not_there_is_told():
    text = refusal({}, "a", sources={"a": Source("directory", "/nowhere")}, at={})
    assert "there is nothing at /nowhere" in text


def test_a_folder_may_be_named_by_its_address():
    at = {"/lib/a": {"version": "1"}}
    assert versions({}, "a @ file:///lib/a", at=at) == {"a": "1"}


def test_a_constraint_with_a_patch_level_splits_the_target():
    constraints = [
        ("a<2 ; python_full_version < '3.12.4'", None),
        ("a>=2 ; python_full_version >= '3.12.4'", None),
    ]
    outcomes = ask({"a": {"1": [], "2": []}}, "a", constraints=constraints)
    assert [(one.target.patches, one.pins["a"].version) for one in outcomes] == [
        ((0, 3), "1"),
        ((4, None), "2"),
    ]


def test_an_override_that_cannot_be_read_is_an_error():
    with pytest.raises(BadRequirement) as caught:
        ask({}, "a", overrides={"b": ">> 1"})
    assert caught.value.text == "tool.pkm.overrides"


def test_a_package_whose_every_version_needs_another_one_of_itself_is_told():
    assert "a 1 needs a>1" in refusal({"a": {"1": ["a>1"]}}, "a")


def test_a_package_without_versions_is_told():
    assert "a has no versions" in refusal({"a": {}}, "a")


def test_a_rejected_pre_release_of_many_versions_is_worded_shortly():
    world = {"a": {f"1a{number}": [] for number in range(9)} | {"0": []}}
    assert "a 9 versions from 1a0 to 1a8 (pre-releases)" in refusal(world, "a>0")


def test_versions_with_gaps_are_counted():
    releases = {str(number): ["b<2"] if number % 2 else ["zz"] for number in range(1, 13)}
    assert "6 versions from 1 to 11" in refusal({"a": releases, "b": {"2": []}}, "a")


def test_an_override_of_what_a_release_asks_is_told():
    world = {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": [], "3": []}}
    text = refusal(world, "a", "b<3", overrides={"a": {"b": ">=3"}})
    assert "a 1 needs b>=3 (by an override)" in text


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


BROKEN = {"a": {"1": ["b >= 1 2 3; sys_platform == 'linux'", "c"]}, "b": {"1": [], "2": []}, "c": {"1": []}}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"a==1": {"b": "<2"}}, {"a": "1", "b": "1", "c": "1"}),
        ({"a": {"b": "*"}}, {"a": "1", "b": "2", "c": "1"}),
        ({"a==1.0": {"b": False}}, {"a": "1", "c": "1"}),
        ({"b": "==2"}, {"a": "1", "b": "2", "c": "1"}),
    ],
    ids=["release", "package", "dropped", "everywhere"],
)
def test_an_override_repairs_a_requirement_that_cannot_be_read(overrides, expected):
    assert versions(BROKEN, "a", overrides=overrides) == expected


def test_a_repaired_requirement_keeps_its_marker():
    windows = make_target("3.12", "windows-x86_64")
    assert versions(BROKEN, "a", overrides={"a==1": {"b": "<2"}}, targets=(windows,)) == {"a": "1", "c": "1"}


@pytest.mark.parametrize(
    "overrides", [{}, {"a==2": {"b": "<2"}}, {"c": "==1"}], ids=["none", "other", "name"]
)
def test_a_requirement_that_cannot_be_read_and_is_not_repaired_makes_its_release_unusable(overrides):
    assert "a 1: its metadata has a requirement that cannot be read" in refusal(
        BROKEN, "a", overrides=overrides
    )
