"""The solver alone, on problems of letters and bits."""

from __future__ import annotations

import pytest

from pkm_env.resolver.solver import Solver
from pkm_env.resolver.walk import DERIVED, Refusal, Unsolvable


class Letters:
    """A problem from a dict: ``{"a": {1: {"b": [1, 2]}}}`` says that a at 1 needs b at 1 or 2."""

    def __init__(self, packages, leaders=(), refused=()) -> None:
        self.packages = packages
        self.leaders = dict(leaders)
        self.refused = set(refused)
        self.rejections = []
        self.visited = []

    def states(self, package):
        return (2 << max(self.packages[package], default=0)) - 1

    def leader(self, package):
        return self.leaders.get(package)

    def choose(self, package, mask):
        highest = mask.bit_length() - 1
        if highest not in self.packages[package]:
            return 1 << highest, f"there is no {package} {highest}"
        return 1 << highest, None

    def needs(self, package, version):
        number = version.bit_length() - 1
        if (package, number) in self.refused:
            return Refusal(f"{package} {number} is broken")
        wanted = self.packages[package][number]
        return [
            (name, sum(1 << one for one in allowed), (package, number)) for name, allowed in wanted.items()
        ]

    def alike(self, package, version, needed, allowed):
        return version

    def clashing(self, package, version, need, states):
        return version, need[1], need[2]

    def rejected(self, package, mask, count):
        self.rejections.append((package, count))

    def visit(self, packages):
        self.visited += [package for package, _mask in packages]


def solved(problem):
    return {name: bit.bit_length() - 1 for name, bit in Solver(problem, "root").solve().items()}


def test_highest_versions_are_chosen_and_nothing_else_is_selected():
    problem = Letters({"root": {1: {"a": [1, 2]}}, "a": {1: {}, 2: {"b": [1]}}, "b": {1: {}}, "c": {1: {}}})
    assert solved(problem) == {"root": 1, "a": 2, "b": 1}


def test_a_conflict_takes_back_the_decision_that_caused_it():
    problem = Letters(
        {
            "root": {1: {"a": [1, 2], "b": [1, 2]}},
            "a": {1: {}, 2: {"c": [2]}},
            "b": {1: {"c": [1]}, 2: {"c": [1]}},
            "c": {1: {}, 2: {}},
        }
    )
    assert solved(problem) == {"root": 1, "a": 1, "b": 2, "c": 1}


def test_a_version_that_contradicts_what_is_decided_is_not_decided():
    problem = Letters(
        {"root": {1: {"b": [1], "a": [1, 2]}}, "a": {1: {}, 2: {"b": [2]}}, "b": {1: {}, 2: {}}}
    )
    solver = Solver(problem, "root")
    solver.solve()
    assert solver.counts.conflicts == 0
    assert problem.rejections == [("a", 1)]


def test_an_impossible_problem_has_a_derivation_that_ends_in_nothing():
    problem = Letters(
        {"root": {1: {"a": [1], "b": [1]}}, "a": {1: {"c": [1]}}, "b": {1: {"c": [2]}}, "c": {1: {}, 2: {}}}
    )
    with pytest.raises(Unsolvable) as caught:
        solved(problem)
    assert caught.value.cause.terms == {}
    assert caught.value.cause.kind == DERIVED


def test_a_refused_version_is_passed_over():
    problem = Letters({"root": {1: {"a": [1, 2]}}, "a": {1: {}, 2: {}}}, refused=[("a", 2)])
    assert solved(problem) == {"root": 1, "a": 1}


def test_versions_that_the_problem_excludes_are_passed_over():
    problem = Letters({"root": {1: {"a": [1, 2, 3]}}, "a": {1: {}, 3: {"b": []}}, "b": {1: {}}})
    assert solved(problem) == {"root": 1, "a": 1}


def test_a_follower_shares_the_version_of_its_leader():
    problem = Letters(
        {"root": {1: {"a": [1, 2, 3], "x": [1, 2]}}, "a": {1: {}, 2: {}, 3: {}}, "x": {1: {}, 2: {}, 3: {}}},
        leaders={"x": "a"},
    )
    assert solved(problem) == {"root": 1, "a": 2, "x": 2}


def test_a_leader_moves_when_its_follower_has_to():
    problem = Letters(
        {
            "root": {1: {"a": [1, 2], "x": [1, 2], "b": [1]}},
            "a": {1: {}, 2: {}},
            "x": {1: {}, 2: {"b": [2]}},
            "b": {1: {}, 2: {}},
        },
        leaders={"x": "a"},
    )
    assert solved(problem) == {"root": 1, "a": 1, "x": 1, "b": 1}


def test_a_follower_that_cannot_follow_makes_the_problem_impossible():
    problem = Letters(
        {"root": {1: {"a": [1], "x": [2]}}, "a": {1: {}, 2: {}}, "x": {1: {}, 2: {}}}, leaders={"x": "a"}
    )
    with pytest.raises(Unsolvable):
        solved(problem)


def test_a_version_that_needs_another_version_of_itself_is_impossible():
    problem = Letters({"root": {1: {"a": [1, 2]}}, "a": {1: {}, 2: {"a": [1]}}})
    assert solved(problem) == {"root": 1, "a": 1}


def test_a_version_that_needs_itself_is_no_conflict():
    problem = Letters({"root": {1: {"a": [1, 2]}}, "a": {1: {}, 2: {"a": [2]}}})
    assert solved(problem) == {"root": 1, "a": 2}


def test_each_package_is_announced_once_when_it_is_first_needed():
    problem = Letters({"root": {1: {"a": [1], "b": [1]}}, "a": {1: {"b": [1]}}, "b": {1: {}}})
    solved(problem)
    assert sorted(problem.visited) == ["a", "b", "root"]
