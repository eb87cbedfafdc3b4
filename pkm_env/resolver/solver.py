"""PubGrub over opaque packages and integer masks; it has no word of Python's packaging in it.

A package has *states*: bit 0 means "not selected", each higher bit one version. A term is a package and
a mask, and holds when the package's state is in the mask. An incompatibility is a set of terms that must
not all hold. So "A at 2 needs B at 3 or 4" is ``{A: 2, B: anything but 3 or 4}``, where "anything"
includes "not selected", and every test of a term is one ``&``.

docs/resolver.md tells the whole way. Source: "PubGrub: Next-Generation Version Solving" by Natalie Weizenbaum.
"""

from __future__ import annotations

from heapq import heappop, heappush

from pkm_env.resolver.walk import (
    DERIVED,
    EXCLUDED,
    NEEDS,
    SELECT_ROOT,
    TIED,
    Counts,
    Incompatibility,
    Refusal,
    Unsolvable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.resolver.walk import Mask, Need, Problem


class Solver:
    """One search. ``solve`` returns the version of each selected package.

    The partial solution is ``now`` (the states each package still has) and ``decided``, with a trail of the
    steps that led there; each step is (package, states after it, decision level, cause or None for a decision).
    """

    def __init__(self, problem: Problem, root: Any) -> None:
        self.problem = problem
        self.root = root
        self.counts = Counts()
        self.now: dict[Any, Mask] = {}
        self._whole: dict[Any, Mask] = {}
        self._trail: list[tuple[Any, Mask, int, Incompatibility | None]] = []
        self._steps: dict[Any, list[int]] = {}
        self._level = 0
        self.decided: dict[Any, Mask] = {}
        self._watched: dict[Any, list[Incompatibility]] = {}
        self._tied: set[Any] = set()
        self._leader: dict[Any, Any] = {}
        self._followers: dict[Any, list[Any]] = {}
        self._found: dict[Any, int] = {}
        self._trouble: dict[Any, int] = {}
        self._rejections: dict[Any, int] = {}
        self._waiting: list[tuple[int, int, Any]] = []
        self._fresh: list[Any] = []
        self._covered: dict[tuple[Any, Any, Mask], Mask] = {}

    def solve(self) -> dict[Any, Mask]:
        """Return each selected package with its version.

        :raises Unsolvable: when there is no solution.
        """
        self._meet(self.root)
        self._derive(self.root, Incompatibility({self.root: 1}, SELECT_ROOT))
        self._propagate([self.root])
        while True:
            package = self._next()
            if package is None:
                return dict(self.decided)
            self._decide(package)
            self._propagate([package])

    # What is known of packages ------------------------------------------------------------------

    def _meet(self, package: Any) -> None:
        """Learn of a package that was not met before."""
        if package in self._whole:
            return
        whole = self._whole[package] = self.now[package] = self.problem.states(package)
        assert whole & 1, "bit 0 is a state of every package"
        self._steps[package] = []
        self._watched[package] = []
        self._found[package] = len(self._found)
        leader = self.problem.leader(package)
        if leader is not None:
            self._meet(leader)
            self._leader[package] = leader
            self._tied.update((package, leader))
            self._followers.setdefault(leader, []).append(package)

    def _add(self, incompatibility: Incompatibility) -> None:
        for package in incompatibility.terms:
            self._watched[package].append(incompatibility)

    # Unit propagation ---------------------------------------------------------------------------

    def _propagate(self, changed: list[Any]) -> None:
        """Draw every conclusion that follows from the packages whose states changed."""
        now, watched, tied = self.now, self._watched, self._tied
        while changed:
            package = changed.pop()
            looked_at = watched[package] + self._ties(package) if package in tied else watched[package]
            self.counts.checks += len(looked_at)
            for incompatibility in reversed(looked_at):
                open_package = None
                for other, mask in incompatibility.terms.items():
                    states = now[other]
                    if not states & ~mask:
                        continue
                    if open_package is not None or not states & mask:
                        break
                    open_package = other
                else:
                    if open_package is None:
                        changed[:] = [self._resolve(incompatibility)]
                        break
                    self._derive(open_package, incompatibility)
                    if open_package not in changed:
                        changed.append(open_package)

    def _ties(self, package: Any) -> list[Incompatibility]:
        """Return what keeps packages that share a version equal, as far as it says something now."""
        ties = []
        states = self.now[package]
        for follower in self._followers.get(package, ()):
            lost = self.now[follower] & ~states & ~1
            if lost:
                ties.append(self._tie(follower, package, lost))
        leader = self._leader.get(package)
        if leader is not None and not states & 1 and self.now[leader] & ~states:
            ties.append(self._tie(package, leader, states))
        return ties

    def _tie(self, follower: Any, leader: Any, versions: Mask) -> Incompatibility:
        """Return that a follower at one of *versions* has its leader there too."""
        return Incompatibility({follower: versions, leader: self._whole[leader] & ~versions}, TIED)

    def _derive(self, package: Any, cause: Incompatibility) -> None:
        before = self.now[package]
        states = before & ~cause.terms[package]
        self._record(package, states, cause)
        if before & 1 and not states & 1:
            self._fresh.append(package)

    def _record(self, package: Any, states: Mask, cause: Incompatibility | None) -> None:
        self._steps[package].append(len(self._trail))
        self._trail.append((package, states, self._level, cause))
        self.now[package] = states

    # Conflicts ----------------------------------------------------------------------------------

    def _resolve(self, conflict: Incompatibility) -> Any:
        """Learn from a conflict, go back to where it began, and return the package to look at next.

        :raises Unsolvable: when it began nowhere.
        """
        self.counts.conflicts += 1
        learned = conflict
        while True:
            if not learned.terms:
                raise Unsolvable(learned)
            place, package, level_before = self._latest(learned)
            _package, _states, level, cause = self._trail[place]
            if level and (cause is None or level_before < level):
                break
            assert cause is not None, "decisions are above level 0"
            learned = self._combine(learned, cause, package)
        was_decided = package in self.decided
        self._backtrack(level_before)
        self._blame(learned)
        if was_decided:
            self._reject(package)
        if learned is not conflict or learned.kind == TIED:
            self._add(learned)
        return package

    def _latest(self, incompatibility: Incompatibility) -> tuple[int, Any, int]:
        """Return the step that made *incompatibility* hold, its package, and the level needed beside it."""
        latest, latest_package, level_before = -1, None, 0
        for package, mask in incompatibility.terms.items():
            place = self._first_step(package, mask)
            if place > latest:
                if latest >= 0:
                    level_before = max(level_before, self._trail[latest][2])
                latest, latest_package = place, package
            elif place >= 0:
                level_before = max(level_before, self._trail[place][2])
        _package, _states, _level, cause = self._trail[latest]
        if cause is not None:
            # The step may need earlier ones of the same package to reach the mask.
            wider = incompatibility.terms[latest_package] | cause.terms[latest_package]
            place = self._first_step(latest_package, wider)
            if place >= 0:
                level_before = max(level_before, self._trail[place][2])
        return latest, latest_package, level_before

    def _first_step(self, package: Any, mask: Mask) -> int:
        """Return the first step after which the package's states lie in *mask*, -1 when they always did."""
        if not self._whole[package] & ~mask:
            return -1
        steps = self._steps[package]
        low, high = 0, len(steps) - 1
        while low < high:
            middle = (low + high) // 2
            if self._trail[steps[middle]][1] & ~mask:
                low = middle + 1
            else:
                high = middle
        return steps[low]

    def _combine(self, one: Incompatibility, other: Incompatibility, package: Any) -> Incompatibility:
        """Return what follows from two incompatibilities whatever state *package* has."""
        terms = dict(one.terms)
        for name, mask in other.terms.items():
            if name == package:
                continue
            terms[name] = terms[name] & mask if name in terms else mask
        wider = one.terms[package] | other.terms[package]
        if self._whole[package] & ~wider:
            terms[package] = wider
        else:
            del terms[package]
        return Incompatibility(terms, DERIVED, None, one, other)

    def _blame(self, learned: Incompatibility) -> None:
        """Decide the packages of a conflict earlier from now on."""
        for package in learned.terms:
            self._trouble[package] = self._trouble.get(package, 0) + 1
            if not self.now[package] & 1:
                self._wait(package)

    def _backtrack(self, level: int) -> None:
        trail, steps, now = self._trail, self._steps, self.now
        touched: dict[Any, None] = {}
        while trail and trail[-1][2] > level:
            package, _states, _level, cause = trail.pop()
            own = steps[package]
            own.pop()
            now[package] = trail[own[-1]][1] if own else self._whole[package]
            touched[package] = None
            if cause is None:
                del self.decided[package]
        self._level = level
        for package in touched:
            if not now[package] & 1 and package not in self.decided:
                self._wait(package)

    def _reject(self, package: Any, without: Mask = 0) -> None:
        count = self._rejections[package] = self._rejections.get(package, 0) + 1
        self.problem.rejected(package, self.now[package] & ~without, count)

    # Decisions ----------------------------------------------------------------------------------

    def _wait(self, package: Any) -> None:
        leader = self._leader.get(package, package)
        heappush(self._waiting, (-self._trouble.get(leader, 0), self._found[package], package))

    def _next(self) -> Any:
        """Return the package to decide: the most troubled, then the one met first; None when all are."""
        if self._fresh:
            fresh = [package for package in self._fresh if not self.now[package] & 1]
            self._fresh.clear()
            for package in fresh:
                self._wait(package)
            self.problem.visit([(package, self.now[package]) for package in fresh])
        while self._waiting:
            _trouble, _found, package = heappop(self._waiting)
            if package in self.decided or self.now[package] & 1:
                continue
            leader = self._leader.get(package)
            if leader is not None and leader not in self.decided:
                heappush(self._waiting, (_trouble, _found, package))
                return leader
            return package
        return None

    def _decide(self, package: Any) -> None:
        """Choose a version of *package*, or learn why the one that would be chosen is wrong.

        A choice that contradicts what is decided is not made: what it needs is learned instead.
        """
        version, excluded = self.problem.choose(package, self.now[package])
        if excluded is not None:
            self._forbid(package, version, excluded)
            return
        needs = self.problem.needs(package, version)
        if isinstance(needs, Refusal):
            self._forbid(package, version, needs.note)
            return
        wrong = []
        for need in needs:
            self._meet(need[0])
            states = version if need[0] == package else self.now[need[0]]
            if not states & need[1]:
                wrong.append(need)
        for need in needs if not wrong else ():
            if not self._covered.get((package, need[0], need[1]), 0) & version:
                self._need(package, version, need, self.problem.alike(package, version, need[0], need[1]))
        for need in wrong:
            self._clash(package, version, need)
        if wrong:
            for needed, _allowed, _note in wrong:
                self._trouble[needed] = self._trouble.get(needed, 0) + 1
            self._trouble[package] = self._trouble.get(package, 0) + 1
            self._reject(package, version)
            self._wait(package)
            return
        self._level += 1
        self.counts.decisions += 1
        self.decided[package] = version
        self._record(package, version, None)

    def _forbid(self, package: Any, versions: Mask, why: Any) -> None:
        self._add(Incompatibility({package: versions}, EXCLUDED, why))
        self._wait(package)

    def _clash(self, package: Any, version: Mask, need: Need) -> None:
        """Add what a version needs and cannot have now, with all versions that clash as it does."""
        needed = need[0]
        if needed == package:
            self._need(package, version, need, version)
            return
        versions, allowed, note = self.problem.clashing(package, version, need, self.now[needed])
        self._need(package, version, (needed, allowed, note), versions)

    def _need(self, package: Any, version: Mask, need: Need, alike: Mask) -> None:
        """Add a dependency, for all versions known to have it (*alike*), unless it is there."""
        needed, allowed, note = need
        key = (package, needed, allowed)
        covered = self._covered.get(key, 0)
        if covered & version:
            return
        self._covered[key] = covered | alike
        forbidden = self._whole[needed] & ~allowed
        if needed == package:
            terms = {package: forbidden & alike}
        elif forbidden == self._whole[needed]:
            terms = {package: alike}
        else:
            terms = {package: alike, needed: forbidden}
        if forbidden and terms[package]:
            self._add(Incompatibility(terms, NEEDS, note))
