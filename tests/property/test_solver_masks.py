"""The solver against a brute-force oracle, on random small problems of masks."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pkm_env.resolver.solver import Solver
from pkm_env.resolver.walk import Unsolvable, walk

ROOT = "root"


class Problem:
    """A problem as data: versions by package, needs by (package, version), followers by leader."""

    def __init__(self, sizes, needs, leaders, *, widen) -> None:
        self.sizes = sizes
        self.needed = needs
        self.leaders = leaders
        self.widen = widen
        self.asked = {}

    def states(self, package):
        return (2 << self.sizes[package]) - 1

    def leader(self, package):
        return self.leaders.get(package)

    def choose(self, package, mask):
        return 1 << (mask.bit_length() - 1), None

    def known(self, package, mask):
        return None

    def needs(self, package, version):
        found = self.needed.get((package, version), [])
        for needed, allowed in found:
            key = (package, needed, allowed)
            self.asked[key] = self.asked.get(key, 0) | version
        return [(needed, allowed, None) for needed, allowed in found]

    def alike(self, package, version, needed, allowed):
        return self.asked[package, needed, allowed] if self.widen else version

    def clashing(self, package, version, need, states):
        needed, allowed, _note = need
        versions = version
        if self.widen:
            for (other, name, mask), asked in self.asked.items():
                if (other, name) == (package, needed) and not mask & states:
                    versions |= asked
                    allowed |= mask
        return versions, allowed, None

    def rejected(self, package, mask, count):
        if self.widen:
            for version in range(1, self.sizes[package] + 1):
                self.needs(package, 1 << version)

    def visit(self, packages):
        pass

    def allows(self, chosen):
        """Return whether *chosen* (a version for each selected package) meets all needs."""
        for package, version in chosen.items():
            if any(
                not chosen.get(needed, 1) & allowed
                for needed, allowed in self.needed.get((package, version), [])
            ):
                return False
            leader = self.leaders.get(package)
            if leader is not None and chosen.get(leader) != version:
                return False
        return True

    def solutions(self, fixed):
        """Return whether there is a solution that contains *fixed*; the slow and obvious way."""
        free = [package for package in self.sizes if package not in fixed]
        for versions in itertools.product(*[range(self.sizes[package] + 1) for package in free]):
            chosen = {
                package: 1 << version for package, version in zip(free, versions, strict=True) if version
            }
            if self.allows({**fixed, **chosen}):
                return True
        return False


@st.composite
def problems(draw):
    names = [f"p{number}" for number in range(draw(st.integers(1, 4)))]
    sizes = {name: draw(st.integers(1, 3)) for name in names}
    leaders = {}
    if draw(st.booleans()):
        sizes["x"] = sizes["p0"]
        leaders["x"] = "p0"
    sizes = {ROOT: 1, **sizes}
    needs = {}
    for package, size in sizes.items():
        for version in range(1, size + 1):
            found = []
            for needed in draw(
                st.lists(st.sampled_from([name for name in sizes if name != ROOT]), max_size=3, unique=True)
            ):
                allowed = draw(st.integers(0, (1 << sizes[needed]) - 1)) << 1
                if needed in leaders:
                    found.append((leaders[needed], allowed))
                found.append((needed, allowed))
            needs[package, 1 << version] = found
    return Problem(sizes, needs, leaders, widen=draw(st.booleans()))


def solve(problem):
    try:
        return Solver(problem, ROOT).solve()
    except Unsolvable:
        return None


@settings(max_examples=200, deadline=None)
@given(problems())
def test_there_is_an_answer_exactly_when_brute_force_finds_one_and_it_is_valid(problem):
    chosen = solve(problem)
    if chosen is None:
        assert not problem.solutions({ROOT: 2})
    else:
        assert problem.allows(chosen)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_no_decision_could_have_been_better_with_the_earlier_ones_kept(problem):
    chosen = solve(problem)
    # The root is wanted from the beginning, whenever the solver comes to decide it.
    kept = {ROOT: 2}
    for package, version in (chosen or {}).items():
        for better in range(version.bit_length(), problem.sizes[package] + 1):
            assert not problem.solutions({**kept, package: 1 << better})
        kept[package] = version


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_walk_without_conflicts_finds_what_the_solver_finds(problem):
    walked = walk(problem, ROOT)
    if walked is not None:
        assert list(walked.items()) == list(solve(problem).items())


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_proof_of_an_impossible_problem_ends_in_facts_that_are_true(problem):
    try:
        Solver(problem, ROOT).solve()
    except Unsolvable as failure:
        stack, facts = [failure.cause], []
        while stack:
            one = stack.pop()
            if one.left is None:
                facts.append(one)
            else:
                stack += [one.left, one.right]
        for fact in facts:
            for package, mask in fact.terms.items():
                assert mask & problem.states(package)
            if fact.kind == "needs" and len(fact.terms) == 2:
                (package, versions), (needed, forbidden) = fact.terms.items()
                for version in range(1, problem.sizes[package] + 1):
                    if versions >> version & 1:
                        rules = [
                            allowed
                            for name, allowed in problem.needed[package, 1 << version]
                            if name == needed
                        ]
                        assert any(not allowed & forbidden for allowed in rules)
