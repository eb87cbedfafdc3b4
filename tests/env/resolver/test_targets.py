"""The door, many targets: sharing, splitting, classes, order, preferences."""

from __future__ import annotations

from pkm_env.model.distribution import Source
from pkm_env.model.target import make_target
from pkm_env.resolver.resolve import NoSolution
from tests.support.resolving import ask
from tests.support.universe import Universe

L310, L311, L312 = (make_target(minor, "linux-x86_64") for minor in ("3.10", "3.11", "3.12"))
W311, W312 = (make_target(minor, "windows-x86_64") for minor in ("3.11", "3.12"))
GLIBC = make_target("3.12", "linux-x86_64-glibc2.28")
NEW_GLIBC = make_target("3.12", "linux-x86_64-glibc2.35")
MUSL = make_target("3.12", "linux-x86_64-musl1.2")
THREADED = make_target("3.12", "linux-x86_64", "cpython-freethreaded")


def chosen(outcomes, name):
    return [outcome.pins[name].version if name in outcome.pins else None for outcome in outcomes]


def versions(outcome):
    return {name: pin.version for name, pin in outcome.pins.items()}


def worked(outcomes):
    return [outcome.steps["decisions"] > 0 for outcome in outcomes]


def test_outcomes_stand_in_the_order_of_the_request():
    outcomes = ask({"a": {"1": []}}, "a", targets=(W312, L310, L312))
    assert [outcome.target for outcome in outcomes] == [W312, L310, L312]


def test_targets_that_answer_alike_share_the_solution():
    outcomes = ask({"a": {"1": ["b; python_version < '3.9'"]}}, "a", targets=(L310, L311, L312))
    assert worked(outcomes) == [False, False, True]


def test_a_marker_that_differs_makes_a_target_solve_for_itself():
    world = {"a": {"1": ["b; python_version < '3.11'"]}, "b": {"1": []}}
    outcomes = ask(world, "a", targets=(L310, L311, L312))
    assert [sorted(outcome.pins) for outcome in outcomes] == [["a", "b"], ["a"], ["a"]]
    assert worked(outcomes) == [True, False, True]


def test_a_file_that_does_not_fit_makes_a_target_solve_for_itself():
    world = {"a": {"1": [], "2": {"tags": "cp312-cp312-win_amd64"}}}
    outcomes = ask(world, "a", targets=(L312, W312))
    assert chosen(outcomes, "a") == ["1", "1"]
    assert chosen(ask(world, "a", targets=(W312,)), "a") == ["2"]


def test_the_newest_python_is_solved_first_so_that_an_old_one_holds_no_other_back():
    world = {"a": {"1": [], "2": {"requires_python": ">=3.11"}}}
    assert chosen(ask(world, "a", targets=(L310, L312)), "a") == ["1", "2"]


def test_where_the_lowest_versions_are_wanted_the_oldest_python_is_solved_first():
    world = {"a": {"1": {"requires_python": "<3.11"}, "2": [], "3": []}}
    assert chosen(ask(world, "a", targets=(L310, L312), resolution="lowest"), "a") == ["1", "2"]


def test_a_python_that_a_release_excludes_holds_no_older_one_back():
    world = {"a": {"1": [], "2": {"requires_python": "<3.12"}}}
    outcomes = ask(world, "a", targets=(L310, L311, W311, L312))
    assert chosen(outcomes, "a") == ["2", "2", "2", "1"]
    assert worked(outcomes) == [False, True, False, True]


def test_a_python_that_a_release_has_no_wheel_for_holds_no_older_one_back():
    wheels = ("cp310-cp310-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64")
    world = {"a": {"1": [], "2": {"tags": (*wheels, "cp311-cp311-win_amd64")}}}
    outcomes = ask(world, "a", targets=(L310, L311, W311, L312))
    assert chosen(outcomes, "a") == ["2", "2", "2", "1"]
    world["a"]["2"]["tags"] = (*wheels, "sdist")
    assert chosen(ask(world, "a", targets=(L310, L311, L312)), "a") == ["2", "2", "2"]
    # Where building is not allowed, the sdist is no file for that Python.
    assert chosen(ask(world, "a", targets=(L310, L312), no_build=True), "a") == ["2", "1"]


def test_a_platform_that_a_release_has_no_wheel_for_is_kept_together_with_the_others():
    world = {"a": {"1": [], "2": {"tags": "cp310-abi3-win_amd64"}}}
    assert chosen(ask(world, "a", targets=(L310, W311, L312)), "a") == ["1", "1", "1"]


def test_a_python_that_a_release_excludes_holds_no_newer_one_back_where_the_lowest_are_wanted():
    world = {"a": {"1": {"requires_python": ">=3.11"}, "2": []}}
    assert chosen(ask(world, "a", targets=(L310, L311, L312), resolution="lowest"), "a") == ["2", "1", "1"]


def test_a_choice_made_under_another_python_counts_where_that_excludes_nothing_better():
    world = {
        "a": {"1": [], "2": {"requires_python": "<3.11"}, "3": ["c>=2"]},
        "c": {"1": []},
        "b": {"1": ["a"]},
    }
    assert chosen(ask(world, "b", "a<3", targets=(L311, L312)), "a") == ["1", "1"]
    held = {"a": {"1": [], "2": {"requires_python": "<3.11", "yanked": "bad"}}}
    assert chosen(ask(held, "a", targets=(L310, L312)), "a") == ["1", "1"]


def test_a_requires_python_that_cannot_be_read_holds_nothing_back():
    world = {
        "a": {
            "1": ["b"],
            "2": {"requires_python": "new", "requires": ["c"]},
            "3": {"requires_python": "<3.12"},
        }
    }
    assert chosen(ask(world | {"b": {"1": []}, "c": {}}, "a<3", targets=(L310, L312)), "a") == ["1", "1"]
    assert chosen(ask(world | {"b": {"1": []}, "c": {}}, "a", targets=(L310, L312)), "a") == ["3", "1"]


def test_what_is_built_for_one_target_is_not_shared_where_another_has_a_wheel():
    world = {"a": {"1": {"tags": "sdist"}, "2": {"tags": "cp312-cp312-win_amd64"}}}
    assert chosen(ask(world, "a", targets=(L312, W312)), "a") == ["1", "2"]
    world["a"]["2"]["tags"] = "cp312-cp312-manylinux_2_99_x86_64"
    outcomes = ask(world, "a", targets=(L312, W312))
    assert chosen(outcomes, "a") == ["1", "1"]
    assert worked(outcomes) == [True, False]


def test_an_earlier_choice_that_would_have_to_be_built_is_not_preferred():
    world = {
        "a": {
            "1": {"tags": ("cp310-cp310-manylinux_2_17_x86_64", "sdist")},
            "2": {"tags": ("cp312-cp312-manylinux_2_17_x86_64", "sdist"), "requires_python": ">=3.11"},
        }
    }
    assert chosen(ask(world, "a", targets=(L310, L312)), "a") == ["1", "2"]


def test_the_first_of_the_earlier_choices_counts_though_a_later_one_is_known_with_all_its_needs():
    linux = "cp310-abi3-manylinux_2_17_x86_64"
    newest = {"tags": linux, "requires": ["b; python_version >= '3.12'"]}
    world = {"a": {"1": [], "2": newest}, "b": {"1": []}}
    outcomes = ask(world, "a", targets=(L312, W312, L311))
    assert chosen(outcomes, "a") == ["2", "1", "2"]
    assert chosen(outcomes, "b") == ["1", None, None]


def test_the_locks_version_counts_before_what_was_chosen_earlier():
    world = {"a": {"1": [], "2": {"requires_python": ">=3.11"}}}
    outcomes = ask(world, "a", targets=(L310, L312), preferences={"a": ("2",)})
    assert chosen(outcomes, "a") == ["1", "2"]


def test_what_the_lock_holds_for_a_target_counts_for_it_alone():
    world = {"a": {"1": [], "2": [], "3": []}}
    locked = {L311.key: {"a": "2"}, L312.part((4, None)).key: {"a": "1"}, L312.part((0, 3)).key: {"a": "3"}}
    assert chosen(ask(world, "a", targets=(L310, L311, L312), locked=locked), "a") == ["3", "2", "3", "1"]


def test_what_another_target_of_the_same_python_has_counts_though_a_newer_python_holds_it_back():
    world = {"a": {"1": [], "2": {"requires_python": "<3.12"}}}
    outcomes = ask(world, "a", targets=(L312, L311, W311), locked={L311.key: {"a": "1"}})
    assert chosen(outcomes, "a") == ["1", "1", "1"]


def test_a_part_keeps_what_is_held_for_the_whole_target_where_nothing_else_is_held_for_it():
    world = {"a": {"1": [], "2": []}, "b": {"1": [], "2": []}}
    part = L312.part((0, 3)).key
    outcomes = ask(
        world, "a", "b", targets=(L312,), locked={part: {"a": "1"}, L312.key: {"a": "2", "b": "1"}}
    )
    assert [(outcome.target.patches, versions(outcome)) for outcome in outcomes] == [
        ((0, 3), {"a": "1", "b": "1"}),
        ((4, None), {"a": "2", "b": "1"}),
    ]


def test_parts_that_the_lock_has_stay_apart():
    """Whatever else has changed: the later patch releases would lose what fits them alone."""
    world = {"a": {"1": [], "2": {"requires_python": ">=3.12.4"}}}
    locked = {L312.part((0, 3)).key: {"a": "1"}, L312.part((4, None)).key: {"a": "2"}}
    outcomes = ask(world, "a", targets=(L312,), locked=locked)
    assert [one.target.patches for one in outcomes] == [(0, 3), (4, None)]
    assert chosen(outcomes, "a") == ["1", "2"]


def test_a_release_is_asked_for_once_whatever_the_number_of_targets():
    world = Universe({"a": {"1": ["b; sys_platform == 'win32'", "c"]}, "b": {"1": []}, "c": {"1": []}})
    ask(world, "a", targets=(L310, L312, W312))
    assert sorted(world.asked) == [("a", "1"), ("b", "1"), ("c", "1")]


# Without an answer


def test_a_target_without_an_answer_does_not_hinder_others():
    world = {"a": {"1": {"tags": "cp312-cp312-win_amd64"}}}
    linux, windows = ask(world, "a", targets=(L312, W312))
    assert isinstance(linux, NoSolution)
    assert chosen([windows], "a") == ["1"]


def test_targets_that_fail_alike_share_the_derivation():
    world = {"a": {"1": ["c<2"]}, "b": {"1": ["c>=2"]}, "c": {"1": [], "2": []}}
    one, other = ask(world, "a", "b", targets=(L310, L312))
    assert one.derivation is other.derivation


def test_targets_that_fail_for_other_reasons_have_their_own_derivation():
    world = {"a": {"1": {"requires_python": "<3.11", "tags": "cp310-cp310-win_amd64"}}}
    one, other = ask(world, "a; python_version < '3.11'", "b; python_version >= '3.11'", targets=(L310, L312))
    assert isinstance(one, NoSolution)
    assert isinstance(other, NoSolution)
    assert one.derivation is not other.derivation


# Splitting


def test_a_target_is_split_where_a_marker_is_not_constant_over_its_patch_releases():
    world = {"a": {"1": ["b; python_full_version < '3.11.3'"]}, "b": {"1": []}}
    outcomes = ask(world, "a", targets=(L310, L311, L312))
    assert [(one.target.python, one.target.patches) for one in outcomes] == [
        ("3.10", (0, None)),
        ("3.11", (0, 2)),
        ("3.11", (3, None)),
        ("3.12", (0, None)),
    ]
    assert chosen(outcomes, "b") == ["1", "1", None, None]
    assert outcomes[2].target.markers["python_full_version"] == "3.11.3"


def test_a_target_is_split_where_a_requires_python_has_a_patch_level():
    world = {"a": {"1": [], "2": {"requires_python": ">=3.12.4"}}}
    outcomes = ask(world, "a>=2", targets=(L312,))
    assert isinstance(outcomes[0], NoSolution)
    assert (outcomes[0].target.patches, outcomes[1].target.patches) == ((0, 3), (4, None))
    assert chosen(outcomes[1:], "a") == ["2"]


def test_an_excluded_patch_release_is_a_part_of_its_own():
    world = {"a": {"1": {"requires_python": "!=3.12.1"}}}
    outcomes = ask(world, "a", targets=(L312,))
    assert [one.target.patches for one in outcomes] == [(0, 0), (1, 1), (2, None)]
    assert [isinstance(one, NoSolution) for one in outcomes] == [False, True, False]


def test_parts_with_the_same_answer_are_one_target_again():
    world = {"a": {"1": [], "2": {"requires_python": ">=3.12.4"}}}
    (outcome,) = ask(world, "a", targets=(L312,))
    assert outcome.target == L312
    assert chosen([outcome], "a") == ["1"]


def test_a_predicate_on_patches_that_no_chosen_release_asks_splits_nothing():
    world = {"a": {"1": ["b; python_full_version < '3.11.3'"], "2": []}, "b": {"1": []}}
    (outcome,) = ask(world, "a", targets=(L311,))
    assert outcome.target.patches == (0, None)


# Classes


def test_targets_that_no_marker_tells_apart_get_a_version_that_all_have_a_file_of():
    world = {
        "a": {
            "1": {"tags": ("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-musllinux_1_1_x86_64")},
            "2": {"tags": "cp312-cp312-manylinux_2_17_x86_64"},
            "3": {"tags": "cp312-cp312-manylinux_2_34_x86_64"},
        }
    }
    assert chosen(ask(world, "a", targets=(GLIBC,)), "a") == ["2"]
    assert chosen(ask(world, "a", targets=(NEW_GLIBC,)), "a") == ["3"]
    assert chosen(ask(world, "a", targets=(NEW_GLIBC, GLIBC)), "a") == ["2", "2"]
    outcomes = ask(world, "a", targets=(GLIBC, MUSL))
    assert chosen(outcomes, "a") == ["1", "1"]
    assert [outcome.target for outcome in outcomes] == [GLIBC, MUSL]


def test_free_threaded_and_usual_python_form_a_class():
    world = {
        "a": {
            "1": {"tags": ("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312t-manylinux_2_17_x86_64")},
            "2": {"tags": "cp312-cp312-manylinux_2_17_x86_64"},
        }
    }
    assert chosen(ask(world, "a", targets=(GLIBC, THREADED)), "a") == ["1", "1"]


def test_pypy_is_told_apart_by_markers():
    pypy = make_target("3.10", "linux-x86_64", "pypy")
    world = {"a": {"1": ["b; platform_python_implementation == 'PyPy'"]}, "b": {"1": []}}
    assert chosen(ask(world, "a", targets=(L310, pypy)), "b") == [None, "1"]


def test_failures_by_a_constraint_or_by_broken_metadata_are_shared():
    broken = {"a": {"1": {"unavailable": "broken"}}}
    one, other = ask(broken, "a", targets=(L310, L312))
    assert one.derivation is other.derivation
    bounded = {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": []}}
    one, other = ask(bounded, "a", targets=(L310, L312), constraints=[("b<2", None)])
    assert one.derivation is other.derivation


def test_a_failure_of_a_part_is_that_of_the_whole_where_all_parts_share_it():
    world = {
        "a": {"1": ["b; python_full_version < '3.12.4'", "c<2", "d"]},
        "b": {"1": []},
        "c": {"1": [], "2": []},
    }
    world["d"] = {"1": ["c>=2"]}
    (outcome,) = ask(world, "a", targets=(L312,))
    assert isinstance(outcome, NoSolution)
    assert outcome.target == L312


def test_a_split_goes_on_with_what_was_decided():
    world = {
        "a": {"1": ["c<2"], "2": ["c<2"], "3": ["c>=2"]},
        "b": {"1": ["c<2", "d; python_full_version >= '3.12.4'"]},
        "c": {"1": [], "2": []},
        "d": {"1": []},
        "e": {"1": ["c<2"]},
    }
    outcomes = ask(world, "a", "e", "b", targets=(L312,))
    assert chosen(outcomes, "a") == ["2", "2"]
    assert chosen(outcomes, "d") == [None, "1"]


def test_targets_with_different_sources_do_not_share():
    folder = Source("directory", "/b")
    world = Universe({"b": {"1": []}}, {"/b": {"version": "1"}})
    choices = {"b": [("sys_platform == 'win32'", folder)]}
    outcomes = ask(world, "b", targets=(L312, W312), sources=choices)
    assert [one.pins["b"].source for one in outcomes] == [None, folder]


def test_a_locked_version_that_fits_only_here_is_not_shared_away():
    world = {"a": {"1": {"tags": "cp312-cp312-win_amd64"}, "2": []}}
    outcomes = ask(world, "a", targets=(L312, W312), preferences={"a": ("1",)})
    assert chosen(outcomes, "a") == ["2", "1"]
