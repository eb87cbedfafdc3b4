"""The rules of a solve: pre-releases, yanked releases, preferences, constraints and overrides."""

from __future__ import annotations

import pytest

from pkm_env.model.target import make_target
from pkm_env.resolver.resolve import BadRequirement, Origin, Root
from tests.support.resolving import answer, ask, origin, refusal, versions

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
    assert "a release of another package asks for one" in outcome.notes[0]


@pytest.mark.parametrize("rules", [{}, {"constraints": [("a>1", None)]}])
def test_a_pre_release_is_chosen_where_no_final_one_meets_a_requirement_of_the_project(rules):
    """PEP 440 "Handling of pre-releases"; packse "package-only-prereleases-in-range" as pip answers it."""
    outcome = answer({"a": {"1": [], "2a1": [], "2a2": []}}, "a" if rules else "a>1", **rules)
    assert outcome.pins["a"].version == "2a2"
    assert outcome.notes == ("a 2a2 is a pre-release, taken because no final release meets a requirement",)


@pytest.mark.parametrize(
    "rules",
    [
        {"roots": ["a>=1", "a>1 ; sys_platform == 'win32'"]},
        {"constraints": [("a>1 ; sys_platform == 'win32'", None)]},
        {"own_extras": {"next": [Root("a>1", origin(9))]}},
        {"overrides": {"b": {"a": ">1"}}},
    ],
)
def test_a_requirement_that_only_pre_releases_meet_lets_none_in_where_it_does_not_count(rules):
    """Each requirement by itself: final releases meet what counts here, so one of them is taken."""
    outcome = answer({"a": {"1": [], "2a1": []}}, *rules.pop("roots", ["a>=1"]), **rules)
    assert outcome.pins["a"].version == "1"
    assert not outcome.notes


def test_a_pre_release_is_chosen_where_no_final_one_meets_what_a_release_asks():
    outcome = answer({"a": {"1": [], "2a1": []}, "b": {"1": ["a>1"]}}, "b")
    assert outcome.pins["a"].version == "2a1"
    assert outcome.notes == (
        "a 2a1 is a pre-release, taken because a release of another package asks for one",
    )


@pytest.mark.parametrize("final", [{"yanked": "bad"}, {"late": True}])
def test_final_releases_that_rules_keep_out_meet_nothing(final):
    assert versions({"a": {"1": [], "2a1": [], "2": final}}, "a>1") == {"a": "2a1"}


def test_no_pre_release_is_chosen_where_final_ones_contradict_each_other():
    world = {"a": {"1": [], "2": [], "2.1a1": []}, "b": {"1": ["a<2"]}}
    assert "pre-release" not in refusal(world, "a>1", "b")


def test_a_yanked_pre_release_is_not_chosen_because_a_release_names_a_pre_release():
    world = {"a": {"1": [], "2a1": {"yanked": "bad"}}, "b": {"1": ["a>=2.dev0"], "0": []}}
    assert versions(world, "b") == {"b": "0"}


def test_a_requirement_that_only_a_yanked_pre_release_meets_opens_no_other_ones():
    world = {
        "a": {"1": [], "3": [], "2a1": [], "4a1": {"yanked": "bad"}},
        "b": {"1": ["a>=4.dev0,>3"], "0": []},
    }
    assert versions(world, "b") == {"b": "0"}
    assert "would work" in refusal(world, "a>3", "a<3")
    assert "a 2a1 (pre-release)" in refusal(world, "a>1", "a<3", constraints=[("a>3", None)])


def test_pre_releases_that_are_never_taken_are_not_taken_where_nothing_else_meets_a_requirement():
    assert "pre-release" in refusal({"a": {"1": [], "2a1": []}}, "a>1", prereleases="never")


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


@pytest.mark.parametrize("roots", [("c", "a"), ("a", "c")])
def test_a_yanked_release_that_a_release_pins_is_found_in_whatever_order(roots):
    """What the releases need that are looked at ahead is asked again when one of them is to be chosen."""
    world = {
        "a": {"1": ["c==2"], "3": ["b==2", "c<3"]},
        "b": {"2": ["d==3.*"]},
        "c": {"1": {"tags": ("cp27-cp27m-win32",)}, "2": {"yanked": "bad"}, "3": []},
        "d": {"1": [], "3": {"requires_python": ">=3.14"}},
    }
    assert versions(world, *roots) == {"a": "1", "c": "2"}


def test_a_yanked_release_is_kept_when_locked():
    world = {"a": {"1": [], "2": {"yanked": "bad"}}}
    assert versions(world, "a", preferences={"a": ("2",)}) == {"a": "2"}


def test_a_yanked_release_is_not_pinned_by_a_wildcard():
    assert "yanked" in refusal({"a": {"2": {"yanked": ""}}}, "a==2.*")


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


def test_a_rejected_pre_release_of_many_versions_is_worded_shortly():
    world = {"a": {f"1a{number}": [] for number in range(9)} | {"0": []}}
    assert "a 9 versions from 1a0 to 1a8 (pre-releases)" in refusal(world, "a>0", prereleases="never")


def test_an_override_of_what_a_release_asks_is_told():
    world = {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": [], "3": []}}
    text = refusal(world, "a", "b<3", overrides={"a": {"b": ">=3"}})
    assert "a 1 needs b>=3 (by an override)" in text


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
    assert "a 1: its requirement \"b >= 1 2 3; sys_platform == 'linux'\" cannot be read: " in refusal(
        BROKEN, "a", overrides=overrides
    )
