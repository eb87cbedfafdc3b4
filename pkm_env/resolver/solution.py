"""What a solve ends with: pins that other targets may share, or a derivation that others may share."""

from __future__ import annotations

from pkm_env.resolver.notes import ROOT, Excluded, name_of
from pkm_env.resolver.packages import TargetProblem
from pkm_env.resolver.request import Pin, Resolution
from pkm_env.resolver.walk import EXCLUDED, NEEDS, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.fit import View
    from pkm_env.resolver.template import Template
    from pkm_env.resolver.walk import Counts, Incompatibility

    Key = Any
    Needed = tuple[int, tuple[int, ...]]
    Active = tuple[Key, int, tuple[int, ...], Template]


class Solution:
    """The chosen release of each package, with what it was chosen by.

    ``versions`` are the chosen bits of the packages that an index lists, by name.
    """

    def __init__(
        self,
        problem: TargetProblem,
        decided: Mapping[Key, int],
        counts: Counts,
        asked: int,
        near: Solution | None = None,
        pins: dict[Any, Pin] | None = None,
    ) -> None:
        """Take what was decided; most of it is as in the solution *near* by. *pins* are those that were made."""
        self.problem = problem
        self._made = {} if pins is None else pins
        self.counts = counts
        self.asked = asked
        self.active = [(key, bit, *problem.active(key, bit)) for key, bit in decided.items()]
        self.chosen = [(key, bit) for key, bit in decided.items() if isinstance(key, str) and key != ROOT]
        self.versions = {key: bit for key, bit in self.chosen if problem.package(key).direct is None}
        self.decided = decided
        self.needed = {key: (bit, active) for key, bit, active, _ in self.active}
        is_kin = near is not None and near.problem.ground.shared is problem.ground.shared
        self._near = near if is_kin else None
        self.pins = self._pins(self._near)
        # Where something else might be preferred.
        self._rivalled = list(self._find_rivalled())
        self.notes = tuple(notes_on(problem, decided))
        self.agreeing: dict[int, tuple[View, int]] = {}
        self._askers = Askers(problem, decided)
        self._steady: dict[frozenset[str], tuple[dict[Key, Needed], int]] = {}
        # What not all targets of the view agree on, as far as that was looked at.
        self._varying: tuple[list[Active], list[tuple[str, int]]] = [], []
        self._is_looked_at = True
        self._passed = list(self._find_passed())
        # What is built; None while nobody asked.
        self._built: list[str] | None = None
        # The better releases that its Python excludes, by name; None while nobody asked.
        self._excluded: list[tuple[str, int]] | None = None

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
        return Resolution(target, self.pins, self.notes, steps, self._askers)

    def fits(self, other: TargetProblem) -> bool:
        """Return whether this is a solution of *other* too, and the one that it would prefer."""
        if other.ground is not self.problem.ground:
            return False
        view = other.view
        known = self.agreeing.get(id(view))
        if known is None:
            known = self.agreeing[id(view)] = (view, self._agree(view))
        if other.members & ~known[1] or self._is_not_locked(other) or self._holds_back(other):
            return False
        return all(
            other.constraint_holds(ask) == self.problem.constraint_holds(ask)
            for name, bounds in other.constraints.items()
            for _bound, ask in bounds
            if name in self.decided
        )

    def _is_not_locked(self, other: TargetProblem) -> bool:
        """Return whether the lock holds another version for *other*, and it could be taken there."""
        for name, version in other.locked.items():
            chosen = self.versions.get(name)
            if chosen is not None:
                bit = other.package(name).bit(version)
                if bit != chosen and bit & other.usable(name).mask:
                    return True
        return False

    def _find_passed(self) -> Iterable[str]:
        """Yield what was not chosen as for targets before, whose Python holds it back."""
        problem = self.problem
        for name, version in self.versions.items():
            earlier = problem.earlier.get(name)
            if earlier and earlier[0] != version and any(problem.passes(name, before) for before in earlier):
                yield name

    def _holds_back(self, other: TargetProblem) -> bool:
        """Return whether *other* would not take what was chosen before, or may not, where this solution did.

        For its Python excludes something better, or it has a wheel where this one builds.
        """
        problem = self.problem
        if any(problem.usable(name).mask != other.usable(name).mask for name in self._passed):
            return True
        if self._built is None:
            self._built = list(self._find_built())
        if any(other.usable(name).wheels & ~problem.usable(name).wheels for name in self._built):
            return True
        if problem.target.python == other.target.python:
            return False
        if self._excluded is None:
            self._excluded = list(self._find_excluded())
        return any(better & other.usable(name).mask for name, better in self._excluded)

    def _find_built(self) -> Iterable[str]:
        """Yield what is built here."""
        problem = self.problem
        for name, bit in self.versions.items():
            package = problem.package(name)
            if package.direct is None and problem.members & ~problem.view.able(package, bit)[1]:
                yield name

    def _find_excluded(self) -> Iterable[tuple[str, int]]:
        """Yield the better releases that the Python of the target excludes, by name."""
        problem = self.problem
        for name, version in self.versions.items():
            among = problem.package(name).whole & ~1
            better = problem.ground.excluded(name, version, among, problem.target)
            if better:
                yield name, better

    def _agree(self, view: View) -> int:
        """Return the targets of *view* that have the same needs, and files of all that was chosen."""
        if view is not self.problem.view:
            return self._agree_elsewhere(view)
        steady, agreeing = self._steady_near()
        fresh = [one for one in self.active if one[0] not in steady]
        agreeing = self._agree_on(fresh, [one for one in self.chosen if one[0] not in steady], agreeing)
        return agreeing & ~self._prefer_another(self.problem.view)

    def _agree_elsewhere(self, view: View) -> int:
        """Return what ``_agree`` does, for a view that this is no solution of."""
        ground, agreeing = self.problem.ground, view.targets.every
        active, chosen = self.active, self.chosen
        if view.wider is self.problem.view and id(view.wider) in self.agreeing and self._is_looked_at:
            # Where all targets agree, their parts do.
            active, chosen = self._varying
        for key, bit, numbers, _own in active:
            template = ground.template(view, key, bit)
            if isinstance(template, Refusal):
                return 0
            agreeing &= template.agreeing(numbers)
        for key, bit in chosen:
            if not agreeing:
                break
            agreeing &= self._able(key, bit, view)
        return agreeing & ~self._prefer_another(view)

    def _agree_on(self, active: Iterable[Active], chosen: Iterable[tuple[str, int]], agreeing: int) -> int:
        """Return those of the targets *agreeing* that have the same needs, and files of what was chosen."""
        view = self.problem.view
        every = view.targets.every
        for one in active:
            found = one[3].agreeing(one[2])
            if ~found & every:
                agreeing &= found
                self._varying[0].append(one)
        for pair in chosen:
            able = self._able(*pair, view)
            if ~able & every:
                agreeing &= able
                self._varying[1].append(pair)
        return agreeing

    def _steady_near(self) -> tuple[Mapping[Key, Needed], int]:
        """Return what is as in the solution near by, whatever environments differ in, and the targets that agree on it.

        It is nothing where that holds more: what is there and not here must not count.
        """
        special = self.problem.ground.special
        near = self._near
        if near is not None and (near.problem.view, near.problem.members) == (
            self.problem.view,
            self.problem.members,
        ):
            steady, agreeing = near.steady(special)
            if steady.items() <= self.needed.items():
                self._is_looked_at = False
                return steady, agreeing
        return self.steady(special)

    def steady(self, special: frozenset[str]) -> tuple[Mapping[Key, Needed], int]:
        """Return what was chosen and what of it counts, and the targets of its view that agree on it.

        Names that mean something else here or, being *special*, elsewhere are left out, and so are preferences.
        """
        found = self._steady.get(special)
        if found is None:
            differing = special | self.problem.ground.special
            active = [one for one in self.active if name_of(one[0]) not in differing]
            chosen = [one for one in self.chosen if one[0] not in differing]
            agreeing = self._agree_on(active, chosen, self.problem.view.targets.every)
            found = {one[0]: self.needed[one[0]] for one in active}, agreeing
            self._steady[special] = found
        return found

    def _pins(self, near: Solution | None) -> dict[str, Pin]:
        """Return the pins, sorted; those that are as in *near* are the same values."""
        problem, decided = self.problem, self.decided
        extras: dict[str, list[str]] = {}
        for key in decided:
            if not isinstance(key, str) and key[0] != ROOT:
                extras.setdefault(key[0], []).append(key[1])
        known = {} if near is None else near.pins
        changed = set() if near is None else self._changed_since(near)
        versions: dict[str, str] = {}
        pins = {}
        for name, bit in sorted(self.chosen):
            own = extras.get(name)
            pin = known.get(name)
            if pin is not None and name not in changed and changed.isdisjoint(pin.needs):
                pins[name] = pin
                continue
            needed: Iterable[str] = problem.needed_names(name, bit)
            if own:
                own.sort()
                needed = sorted(
                    {*needed, *(one for e in own for one in problem.needed_names((name, e), decided[name]))}
                )
            package = problem.package(name)
            for one in (name, *needed):
                if one not in versions:
                    versions[one] = problem.package(one).version(decided[one])
            requires = tuple([(other, versions[other]) for other in needed])
            place = (package, decided[name], tuple(own or ()), requires)
            pin = self._made.get(place)
            if pin is None:
                pin = self._made[place] = Pin(name, versions[name], package.source, place[2], requires)
                pin.asked = package.asked
            pins[name] = pin
        return pins

    def _changed_since(self, near: Solution) -> set[str]:
        """Return the names whose version, extras or requirements differ from those in *near*."""
        here, there = self.needed, near.needed
        keys = [key for key, value in here.items() if there.get(key) != value]
        changed = {key if isinstance(key, str) else key[0] for key in (*keys, *(there.keys() - here.keys()))}
        special = self.problem.ground.special | near.problem.ground.special
        # What asks for the project, or for a fork, needs another thing there: the project is no pin.
        changed.update(name_of(one[0]) for one in self.active if not one[3].asked.isdisjoint(special))
        return changed | special

    def _able(self, name: str, version: int, view: View) -> int:
        """Return the targets of *view* that have a file of this version of *name*, of the kind that is taken here."""
        problem = self.problem
        package = problem.package(name)
        able, by_wheel, _ = view.able(package, version)
        own = by_wheel if view is problem.view else problem.view.able(package, version)[1]
        if package.direct is None and not problem.members & ~own:
            able = by_wheel  # Else it would be built there, though it need not be here.
        return able

    def _find_rivalled(self) -> Iterable[tuple[str, list[int]]]:
        """Yield what was chosen though other versions are preferred, with those of them that do not fit here."""
        problem = self.problem
        preferences = problem.question.preferences
        for name, version in self.chosen:
            earlier = problem.earlier.get(name) if name in self.versions else ()
            wished = preferences.get(name)
            comes_first = (
                wished[0] == self.pins[name].version if wished else version in (earlier or [version])[:1]
            )
            if comes_first:
                continue
            package = problem.package(name)
            preferred = [*map(package.bit, wished or ()), *earlier, version]
            before = preferred[: preferred.index(version)]
            unfit = [bit for bit in before if bit and not bit & problem.usable(name).mask]
            if unfit:
                yield name, unfit

    def _prefer_another(self, view: View) -> int:
        """Return the targets of *view* that something fits which is preferred, and does not fit here."""
        others = 0
        for name, preferred in self._rivalled:
            package = self.problem.package(name)
            for bit in preferred:
                others |= view.able(package, bit)[0]
        return others


class Derivation:
    """Why there is no solution: the incompatibility that was derived, and the problem it speaks of.

    ``told`` are the facts that an explanation tells, ``suggestions`` changes that would help; both are None
    until somebody wants to know.
    """

    __slots__ = ("_agreeing", "cause", "problem", "suggestions", "told")

    def __init__(self, cause: Incompatibility, problem: TargetProblem) -> None:
        self.cause = cause
        self.problem = problem
        self.suggestions: list[Any] | None = None
        self.told: list[Any] | None = None
        # The targets of its view for which a need is the same, by the fact.
        self._agreeing: dict[int, int] = {}

    def for_target(self, target: Target) -> Derivation:
        """Return the derivation as that of another target for which all its facts hold."""
        before = self.problem
        places = {one.key: place for place, one in enumerate(before.view.targets.targets)}
        bit = 1 << places.get(target.key, before.bit.bit_length() - 1)
        if bit & before.members:
            return self
        members = next(members for members, _places in before.view.classes if members & bit)
        made = Derivation(self.cause, TargetProblem(before.ground, before.view, members, before.earlier))
        made.told = self.told
        return made

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
        if problem.ground is not self.problem.ground:
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
        ask = fact.note[0] if isinstance(fact.note, tuple) else fact.note
        key = ask.asker
        versions = fact.terms[key]
        if problem.view is self.problem.view:
            agreeing = self._agreeing.get(id(fact))
            if agreeing is None:
                agreeing = self._agreeing[id(fact)] = self._agree_on(key, versions)
            if not problem.members & ~agreeing:
                return True
        needed = {key: mask for key, mask in fact.terms.items() if key != ask.asker}
        return all(problem.surely_needs(key, bit, needed, ask) for bit in _bits(versions))

    def _agree_on(self, key: Key, versions: int) -> int:
        """Return the targets for which the same requirements count, of each of some versions that were asked."""
        agreeing = self.problem.view.targets.every
        for bit in _bits(versions):
            numbers, template = self.problem.active(key, bit)
            agreeing &= template.agreeing(numbers)
        return agreeing


def _bits(mask: int) -> Iterable[int]:
    while mask:
        bit = mask & -mask
        mask ^= bit
        yield bit


class Askers:
    """Who asks for each package of a solution; worked out when somebody wants to know."""

    __slots__ = ("_by_name", "_decided", "_problem")

    def __init__(self, problem: TargetProblem, decided: Mapping[Key, int]) -> None:
        self._problem = problem
        self._decided = decided
        self._by_name: dict[str, set[tuple[str, str]]] | None = None

    def of(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return sorted (asker, requirement) pairs; the asker is "name version", or "" for the project."""
        if self._by_name is None:
            self._by_name = self._find()
        return tuple(sorted(self._by_name.get(name, ())))

    def of_project(self) -> set[str]:
        """Return the names that the project asks for, by itself or by an extra of its own."""
        found: set[str] = set()
        for key, bit in self._decided.items():
            if name_of(key) == ROOT:
                needs = self._problem.found_needs(key, bit)
                found.update(need[0] if isinstance(need[0], str) else need[0][0] for need in needs)
        return found - {ROOT}

    def _find(self) -> dict[str, set[tuple[str, str]]]:
        found: dict[str, set[tuple[str, str]]] = {}
        for key, bit in self._decided.items():
            name = key if isinstance(key, str) else key[0]
            asker = "" if name == ROOT else f"{name} {self._problem.package(name).version(bit)}"
            for needed, _allowed, ask in self._problem.found_needs(key, bit):
                other = needed if isinstance(needed, str) else needed[0]
                if other not in {ROOT, name}:
                    found.setdefault(other, set()).add((asker, str(ask.requirement)))
        return found


def notes_on(problem: TargetProblem, decided: Mapping[Key, int]) -> Iterable[str]:
    """Yield what was decided for the user, sorted by package."""
    bound = problem.ground.allowances.bound
    for name in sorted(key for key in decided if isinstance(key, str) and key != ROOT):
        package, bit = problem.package(name), decided[name]
        if not bit & (package.prereleases | package.yanked) and name not in bound:
            continue
        version = package.version(bit)
        if bit & package.prereleases and not package.direct:
            if name in problem.ground.allowances.prereleases:
                yield f"{name} {version} is a pre-release, taken because a release of another package asks for one"
            elif problem.question.rules.prerelease_rule(name) == "if-necessary" and (
                name not in problem.question.prereleases_named
            ):
                reason = (
                    "no final release meets a requirement"
                    if package.finals
                    else f"{name} has no final release"
                )
                yield f"{name} {version} is a pre-release, taken because {reason}"
        if bit & package.yanked:
            yield f"{name} {version} is yanked, taken because it is pinned or locked"
        if name in bound and name not in problem.ground.bound:
            source, asker = bound[name]
            yield f"{name} comes from {source.location}, because {asker} asks for it there"
    yield from _refused_notes(problem, decided)
    for name, extra in sorted(key for key in decided if not isinstance(key, str) and key[0] != ROOT):
        package = problem.package(name)
        version = package.version(decided[name])
        if not problem.knowledge.provides_extra(package, version, extra):
            yield f'{name} {version} has no extra "{extra}"'


def _refused_notes(problem: TargetProblem, decided: Mapping[Key, int]) -> Iterable[str]:
    """Yield why later releases of what was chosen cannot be used, as one that cannot be built."""
    for name, bit, excluded in sorted(problem.refusals(), key=lambda found: found[:2]):
        if bit > decided.get(name, bit):
            release = f"{name} {problem.package(name).version(bit)} "
            reason = excluded.reason.partition("\n")[0].removeprefix(release)
            yield f"{release}is not taken: {reason}"
