"""A derivation made small: the facts it rests on, like ones merged, those that are not needed left out.

Each step is checked by the solver itself: a set of facts is a proof when nothing meets all of them.
"""

from __future__ import annotations

from pkm_env.resolver.notes import ROOT, Ask, Excluded
from pkm_env.resolver.solver import Solver
from pkm_env.resolver.walk import EXCLUDED, NEEDS, Unsolvable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.resolver.packages import TargetProblem
    from pkm_env.resolver.solution import Derivation

    Key = Any


# How many facts are looked at, in all, to make a proof small: a count, so that the outcome is the same everywhere.
_MOST_WORK = 15_000
_MANY = 60


class Fact:
    """Versions of a package that need others, or that are out of question.

    ``needs`` maps needed packages to the states that are allowed; it is empty for versions that are out.
    ``asks`` are the requirements behind it, ``excluded`` why versions are out.
    """

    __slots__ = ("asks", "excluded", "key", "needs", "versions")

    def __init__(
        self,
        key: Key,
        versions: int,
        needs: dict[Key, int],
        asks: tuple[Ask, ...] = (),
        excluded: Excluded | None = None,
    ) -> None:
        self.key = key
        self.versions = versions
        self.needs = needs
        self.asks = asks
        self.excluded = excluded

    @property
    def needed_name(self) -> str:
        """The name of the needed package."""
        return self.asks[0].requirement.name if self.asks else ""


class _FactProblem:
    """The world as the facts alone tell it, for the solver."""

    def __init__(self, facts: Sequence[Fact], problem: TargetProblem) -> None:
        self._problem = problem
        self._by_key: dict[Key, list[Fact]] = {}
        for fact in facts:
            self._by_key.setdefault(fact.key, []).append(fact)

    def states(self, package: Key) -> int:
        return self._problem.states(package)

    def leader(self, package: Key) -> Key:
        return self._problem.leader(package)

    def choose(self, package: Key, mask: int) -> tuple[int, Any]:
        for fact in self._by_key.get(package, ()):
            if fact.excluded is not None and mask & fact.versions:
                if not mask & ~fact.versions:
                    return fact.versions, fact
                mask &= ~fact.versions
        return 1 << (mask.bit_length() - 1), None

    def needs(self, package: Key, version: int) -> Sequence[tuple[Key, int, Any]]:
        return [
            (needed, allowed, fact)
            for fact in self._by_key.get(package, ())
            if fact.versions & version
            for needed, allowed in fact.needs.items()
        ]

    def alike(self, package: Key, version: int, needed: Key, allowed: int) -> int:
        alike = version
        for fact in self._by_key.get(package, ()):
            if fact.needs.get(needed) == allowed:
                alike |= fact.versions
        return alike

    def clashing(
        self,
        package: Key,
        version: int,
        need: tuple[Key, int, Any],
        _states: int,
    ) -> tuple[int, int, Any]:
        return self.alike(package, version, need[0], need[1]), need[1], need[2]

    def rejected(self, package: Key, mask: int, count: int) -> None:
        pass

    def visit(self, packages: Sequence[tuple[Key, int]]) -> None:
        pass


def is_proof(facts: Sequence[Fact], problem: TargetProblem) -> bool:
    """Return whether nothing meets all *facts*."""
    try:
        Solver(_FactProblem(facts, problem), ROOT).solve()
    except Unsolvable:
        return True
    return False


def core(derivation: Derivation) -> list[Fact]:
    """Return a smallest proof: like facts merged where that keeps it one, no fact that can be left out."""
    problem = derivation.problem
    facts = _with_extras_joined(_collect(derivation))
    if not is_proof(facts, problem):  # The solver's own facts always are; a guard for the merging above.
        facts = _collect(derivation)
    merged = _merged(facts)
    if not is_proof(merged, problem):
        merged = facts
    return _rounded(_minimal(merged, problem), problem)


def _rounded(facts: list[Fact], problem: TargetProblem) -> list[Fact]:
    """Widen each merged need to one run of versions, where what it then says is still a proof."""
    for place, fact in enumerate(facts if len(facts) <= _MANY else ()):
        if len(fact.asks) > 1 and fact.needs:
            needs = {key: _run(mask) for key, mask in fact.needs.items()}
            wider = [*facts[:place], Fact(fact.key, fact.versions, needs, fact.asks), *facts[place + 1 :]]
            if is_proof(wider, problem):
                facts = wider
    return facts


def _run(mask: int) -> int:
    """Return all bits from the lowest to the highest of *mask*."""
    return (1 << mask.bit_length()) - (mask & -mask) if mask else 0


def _collect(derivation: Derivation) -> list[Fact]:
    problem = derivation.problem
    facts = []
    for one in derivation.facts():
        if one.kind == NEEDS:
            asks: tuple[Ask, ...] = one.note if isinstance(one.note, tuple) else (one.note,)
            ask = asks[0]
            needed = {
                key: problem.states(key) & ~mask for key, mask in one.terms.items() if key != ask.asker
            } or _self_or_none(one.terms, ask, problem)
            facts.append(Fact(ask.asker, one.terms[ask.asker], needed, asks))
        elif one.kind == EXCLUDED:
            ((key, mask),) = one.terms.items()
            facts.append(Fact(key, mask, {}, excluded=one.note))
    return facts


def _self_or_none(terms: dict[Key, int], ask: Ask, problem: TargetProblem) -> dict[Key, int]:
    """Return the need of an incompatibility with one term: of another version of itself, or of nothing there is."""
    name = ask.requirement.name
    if name == ask.asker:
        return {name: problem.states(name) & ~terms[name]}
    return {name: 0}


def _with_extras_joined(facts: list[Fact]) -> list[Fact]:
    """Join the facts that one requirement gave for a name and for its extras."""
    joined: dict[tuple[Any, ...], Fact] = {}
    for fact in facts:
        key: tuple[Any, ...] = (id(fact),)
        if fact.asks:
            key = (fact.key, fact.versions, id(fact.asks[0].requirement))
        known = joined.get(key)
        if known is None:
            joined[key] = fact
        else:
            joined[key] = Fact(fact.key, fact.versions, {**known.needs, **fact.needs}, known.asks)
    return list(joined.values())


def _merged(facts: Sequence[Fact]) -> list[Fact]:
    """Merge what versions of one package need of another, to the weaker need of all; and what is out alike."""
    merged: dict[tuple[Any, ...], Fact] = {}
    for place, fact in enumerate(facts):
        key: tuple[Any, ...] = (place,)
        if fact.excluded is not None:
            key = (fact.key, fact.excluded.kind, fact.excluded.reason, id(fact.excluded.ask))
        elif fact.key != ROOT:
            key = (fact.key, fact.needed_name)
        known = merged.get(key)
        merged[key] = fact if known is None else _weaker(known, fact)
    return list(merged.values())


def _weaker(one: Fact, other: Fact) -> Fact:
    needs = {key: one.needs[key] | other.needs[key] for key in one.needs if key in other.needs}
    return Fact(one.key, one.versions | other.versions, needs, one.asks + other.asks, one.excluded)


def _minimal(facts: list[Fact], problem: TargetProblem) -> list[Fact]:
    """Leave out each fact that the rest proves as much without, those of the project last."""
    kept = list(facts)
    left = _MOST_WORK
    size = 1 if len(facts) <= _MANY else len(facts) // 4
    while size:
        # Many facts go in bunches first: most proofs need few of them.
        order = sorted(kept, key=lambda one: one.key == ROOT)
        for place in range(0, len(order), size):
            bunch = {id(fact) for fact in order[place : place + size]}
            rest = [one for one in kept if id(one) not in bunch]
            left -= len(rest)
            if left < 0:
                return kept
            if is_proof(rest, problem):
                kept = rest
        size = max(size // 4, 1) if size > 1 else 0
    return kept
