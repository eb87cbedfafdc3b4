"""What a solve ends with: pins that other targets may share, or a derivation that others may share."""

from __future__ import annotations

from pkm_env.resolver.notes import ROOT, Excluded
from pkm_env.resolver.request import Pin, Resolution
from pkm_env.resolver.solver import EXCLUDED, NEEDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.fit import View
    from pkm_env.resolver.packages import TargetProblem
    from pkm_env.resolver.solver import Counts, Incompatibility

    Key = Any


class Solution:
    """The chosen release of each package, with what it was chosen by."""

    def __init__(
        self, problem: TargetProblem, decided: Mapping[Key, int], counts: Counts, asked: int
    ) -> None:
        self.problem = problem
        self.decided = decided
        self.counts = counts
        self.asked = asked
        self.markers = dict(problem.markers_of(decided))
        self.pins = _pins(problem, decided)
        self.notes = tuple(_notes(problem, decided))

    def resolution(self, target: Target, *, shared: bool) -> Resolution:
        """Return the answer for one target; *shared* when it took no work of its own."""
        counts = self.counts
        steps = {"decisions": 0, "conflicts": 0, "checks": 0, "asked": 0}
        if not shared:
            steps = {
                "decisions": counts.decisions,
                "conflicts": counts.conflicts,
                "checks": counts.checks,
                "asked": self.asked,
            }
        return Resolution(target, self.pins, self.notes, steps)

    def fits(self, view: View, members: int) -> bool:
        """Return whether this is a solution, and the preferred one, for all targets in *members* of *view*."""
        agreeing = members
        for (marker, extra), answer in self.markers.items():
            in_all, in_any = view.targets.marker(marker, extra)
            agreeing &= in_all if answer else ~in_any
            if agreeing != members:
                return False
        for key, version in self.decided.items():
            if isinstance(key, str) and key != ROOT and not self._pin_fits(key, version, view, members):
                return False
        return True

    def _pin_fits(self, name: str, version: int, view: View, members: int) -> bool:
        problem = self.problem
        package = problem.package(name)
        able, by_wheel = view.able(package, version)
        if members & ~able:
            return False
        if package.direct is not None:
            return True
        if members & ~by_wheel and problem.usable(name).wheels & version:
            return False  # It would be built here, though it need not be where it was chosen.
        pinned = package.version(version)
        for preferred in problem.question.preferences.get(name, ()):
            if preferred == pinned:
                break
            bit = package.bit(preferred)
            if bit and not bit & problem.usable(name).mask and view.able(package, bit)[0] & members:
                return False  # The lock's version does not fit where this was solved, but does here.
        return True


class Derivation:
    """Why there is no solution: the incompatibility that was derived, and the problem it speaks of."""

    __slots__ = ("cause", "problem")

    def __init__(self, cause: Incompatibility, problem: TargetProblem) -> None:
        self.cause = cause
        self.problem = problem

    def facts(self) -> list[Incompatibility]:
        """Return the incompatibilities that nothing was derived for, each once, in the order met."""
        found: dict[int, Incompatibility] = {}
        seen: set[int] = set()
        stack = [self.cause]
        while stack:
            one = stack.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if one.left is None or one.right is None:
                found[id(one)] = one
            else:
                stack += (one.right, one.left)
        return list(found.values())

    def holds_for(self, problem: TargetProblem) -> bool:
        """Return whether every fact is one of *problem* too, so that it has no solution either."""
        if problem.bound.keys() != self.problem.bound.keys():
            return False
        return all(self._fact_holds(fact, problem) for fact in self.facts())

    def _fact_holds(self, fact: Incompatibility, problem: TargetProblem) -> bool:
        if fact.kind == NEEDS:
            return self._need_holds(fact, problem)
        if fact.kind != EXCLUDED:
            return True
        excluded: Excluded = fact.note
        ((key, mask),) = fact.terms.items()
        if excluded.kind == "unusable":
            return not mask & problem.usable(excluded.name).mask
        if excluded.kind == "constraint":
            return True if excluded.ask is None else problem.constraint_holds(excluded.ask)
        return bool(key == ROOT or problem.refuses(key, mask))

    def _need_holds(self, fact: Incompatibility, problem: TargetProblem) -> bool:
        ask = fact.note
        key = ask.asker
        versions = fact.terms[key]
        needed = {key: mask for key, mask in fact.terms.items() if key != ask.asker}
        return all(problem.surely_needs(key, bit, needed, ask) for bit in _bits(versions))


def _bits(mask: int) -> Iterable[int]:
    while mask:
        bit = mask & -mask
        mask ^= bit
        yield bit


def _pins(problem: TargetProblem, decided: Mapping[Key, int]) -> dict[str, Pin]:
    names = sorted(key for key in decided if isinstance(key, str) and key != ROOT)
    versions = {name: problem.package(name).version(decided[name]) for name in names}
    extras: dict[str, list[str]] = {name: [] for name in names}
    edges: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
    askers: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
    for key, bit in decided.items():
        name, extra = (key, "") if isinstance(key, str) else key
        if extra and name != ROOT:
            extras[name].append(extra)
        for needed, _allowed, ask in problem.found_needs(key, bit):
            other = needed if isinstance(needed, str) else needed[0]
            if other in (ROOT, name):
                continue
            if name != ROOT:
                edges[name].add((other, versions[other]))
            askers[other].add((f"{name} {versions[name]}" if name != ROOT else "", str(ask.requirement)))
    return {
        name: Pin(
            name,
            versions[name],
            problem.package(name).source,
            tuple(sorted(extras[name])),
            tuple(sorted(edges[name])),
            tuple(sorted(askers[name])),
        )
        for name in names
    }


def _notes(problem: TargetProblem, decided: Mapping[Key, int]) -> Iterable[str]:
    """Yield what was decided for the user, sorted by package."""
    for name in sorted(key for key in decided if isinstance(key, str) and key != ROOT):
        package, bit = problem.package(name), decided[name]
        version = package.version(bit)
        if bit & package.prereleases and not package.direct:
            if name in problem.allowances.prereleases:
                yield f"{name} {version} is a pre-release, taken because a release of another package names one"
            elif problem.question.rules.prerelease_rule(name) == "if-necessary" and (
                name not in problem.question.prereleases_named
            ):
                yield f"{name} {version} is a pre-release, taken because {name} has no final release"
        if bit & package.yanked:
            yield f"{name} {version} is yanked, taken because it is pinned or locked"
        if name in problem.allowances.bound and name not in problem.bound:
            source, asker = problem.allowances.bound[name]
            yield f"{name} comes from {source.location}, because {asker} asks for it there"
    for name, extra in sorted(key for key in decided if not isinstance(key, str) and key[0] != ROOT):
        package = problem.package(name)
        version = package.version(decided[name])
        if not problem.knowledge.provides_extra(package, version, extra):
            yield f'{name} {version} has no extra "{extra}"'
