"""An environment that is much like others of its run, answered from what those chose.

It asks for some of the packages that were chosen for a target, and all that these lead to is its answer, as long as the
target prefers those versions and all who ask admit them: ``walk`` would then take the same ones, in whatever order
it meets them. What nobody chose before is chosen by the rules.
"""

from __future__ import annotations

from pkm_env.model.markers import marker_cuts
from pkm_env.resolver.chosen import FAILED, OPEN, Unlike
from pkm_env.resolver.fit import SplitTarget
from pkm_env.resolver.ground import Begin
from pkm_env.resolver.notes import ROOT, ROOT_BIT, name_of
from pkm_env.resolver.solution import Askers, notes_on
from pkm_env.resolver.template import Row
from pkm_env.resolver.walk import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.resolver.chosen import Answer, Chosen
    from pkm_env.resolver.ground import Ground
    from pkm_env.resolver.packages import TargetProblem

    Key = Any  # ROOT, a name, or a (name, extra) pair
    Asked = tuple[int, str, int, int]  # targets, a name, the number of it or of its extra, the versions

# With more names to choose at once a walk is less work.
MOST_OPEN = 12


class Closure:
    """What one environment asks for, followed through what was chosen for the targets of a view."""

    def __init__(self, ground: Ground, chosen: Chosen) -> None:
        self._ground = ground
        self.chosen = chosen
        self._apart = ground.special | ground.question.constraints.keys()
        self._apart_mask = self._known = 0
        self._reached: dict[int, int] = {}
        self._answers: dict[int, Answer] = {}
        self._decided: dict[tuple[int, int, tuple[Key, ...]], dict[Key, int]] = {}
        self._notes: dict[int, tuple[Answer, tuple[str, ...]]] = {}
        # The project and its extras, with the targets that need them; those that something is in the way of.
        self._roots: dict[Key, int] = {ROOT: chosen.view.targets.every}
        self._unlike = 0
        # What it asks for; as masks, by the targets for which it does; what of that no version was known of before.
        self._asked: list[Asked] = []
        self._masks_asked: dict[int, int] = {}
        self._open: list[Asked] = []
        self._find_asked()

    def _find_asked(self) -> None:
        """Find out what the project asks for, by itself and by extras of its own."""
        waiting = dict(self._roots)
        while waiting:
            key, targets = waiting.popitem()
            template = self._ground.template(self.chosen.view, key, ROOT_BIT)
            if isinstance(template, Refusal):
                self._unlike |= targets
                continue
            self._ground.hint(row.ask.requirement.name for row in template.rows)
            for row in template.rows:
                active = targets & row.in_all
                needs = self._ground.settled(row) if active else ()
                self._unlike |= targets & row.in_any & ~row.in_all
                if needs is None or isinstance(needs, Refusal):
                    self._unlike |= active
                    continue
                for needed, allowed, _ask in needs:
                    name = name_of(needed)
                    if name != ROOT:
                        self._ask(active, name, self.chosen.number(needed), allowed)
                    elif active & ~self._roots.get(needed, 0):
                        waiting[needed] = active & ~self._roots.get(needed, 0)
                        self._roots[needed] = self._roots.get(needed, 0) | active

    def _ask(self, targets: int, name: str, number: int, allowed: int) -> None:
        """Note that the project asks for a package, and for which targets that is not what was chosen."""
        self._asked.append((targets, name, number, allowed))
        self._masks_asked[targets] = self._masks_asked.get(targets, 0) | 1 << number
        covered = 0
        for version, among in self.chosen.known(self._ground, name):
            covered |= among
            if not version & allowed:
                self._unlike |= targets & among
        if targets & ~covered:
            self._open.append((targets & ~covered, name, number, allowed))

    def answer(self, members: int, problem: Callable[[], TargetProblem]) -> Found | None:
        """Return what ``walk`` would find for a class of targets; None where that takes a walk.

        :raises SplitTarget: when ``walk`` would.
        :raises Begin: when ``walk`` would.
        """
        bit = members & -members
        if self._unlike & bit:
            return None
        try:
            reached, own = self._follow(members, problem)
            self._check_allowed(reached)
            answer = self.chosen.answer(self._ground, bit, reached)
            self._check_preferred(answer, bit, own)
            self._check_whole(bit, reached)
        except Unlike:
            return None
        finally:
            self.chosen.choosing.clear()
        self._reached[bit], self._answers[bit] = reached, answer
        known = self._notes.get(id(answer))
        if known is None:
            loud = reached & self.chosen.loud
            known = self._notes[id(answer)] = answer, self._tell(loud, problem()) if loud else ()
        found = Found(self, bit, answer, known[1], problem)
        found.decisions = len(own)
        return found

    def _follow(self, members: int, problem: Callable[[], TargetProblem]) -> tuple[int, dict[str, int]]:
        """Return all that the project needs, and the versions that had to be chosen for that.

        :raises Unlike: when something is in the way.
        """
        chosen, ground, bit = self.chosen, self._ground, members & -members
        own: dict[str, int] = {}
        asked = 0
        for targets, mask in self._masks_asked.items():
            if targets & bit:
                asked |= mask
        while True:
            reached = chosen.reached(ground, bit, asked)
            for targets, name, _number, allowed in self._open:
                version = chosen.version(name, bit) if targets & bit else allowed
                if version and not version & allowed:
                    raise Unlike
            if reached & (FAILED | self._mask_apart()):
                raise Unlike
            if not reached & OPEN:
                break
            fresh = self._choose_open(problem(), reached)
            own.update(fresh)
            chosen.note(ground, members, fresh)
            if any(chosen.version(name, bit) != version for name, version in fresh.items()):
                raise Unlike
        # What was needed only later is no matter: each need alone would lead to the same choice.
        if any(self._best(problem(), name, reached) != version for name, version in own.items()):
            raise Unlike
        return reached, own

    def _check_allowed(self, reached: int) -> None:
        """Find out whether what has to be allowed is.

        :raises Unlike: when it is not.
        :raises Begin: when a release asks for it here first.
        """
        begin = None
        for row in self.chosen.packages(reached & self.chosen.doubtful):
            needs = self._ground.settled(row)
            if needs is None and self.chosen.is_preferred and not reached & self.chosen.torn:
                try:
                    needs = self._ground.settle(row)
                except Begin as found:
                    begin = found
                    continue
            if needs is None or isinstance(needs, Refusal):
                raise Unlike
        if begin is not None:
            raise begin

    def _check_preferred(self, answer: Answer, bit: int, own: Mapping[str, int]) -> None:
        """Find out whether a target prefers what is in an answer, but for what had to be chosen.

        :raises Unlike: when it does not.
        """
        locked = self._ground.question.locked(self.chosen.view.targets.targets[bit.bit_length() - 1])
        if self.chosen.is_preferred or id(locked) in answer.preferred:
            return
        if not answer.listed.items() <= locked.items() and any(
            name not in own for name, _version in answer.listed.items() - locked.items()
        ):
            raise Unlike
        if not own:
            answer.preferred[id(locked)] = locked

    def _check_whole(self, bit: int, reached: int) -> None:
        """Find out whether all of a target has the same answer.

        :raises SplitTarget: when a part of it has another.
        :raises Unlike: when it is not clear where it is to be split.
        """
        targets = self.chosen.view.targets
        torn = [row.ask.requirement.marker for row in self.chosen.packages(reached & self.chosen.torn)]
        if torn:
            target = targets.targets[bit.bit_length() - 1]
            cuts = {marker_cuts(targets.node(marker), target) for marker in torn}
            if len(cuts) == 1 and all(cuts):
                raise SplitTarget(cuts.pop())
            raise Unlike

    def version(self, name: str, bit: int) -> int:
        """Return the version that a target has of a package that an index lists, 0 where it needs none."""
        number = self.chosen.numbers.get(name, 0)
        if not self._reached[bit] >> number & 1 or self._ground.package(name).direct is not None:
            return 0
        return self.chosen.version(name, bit)

    def decided(self, bit: int) -> dict[Key, int]:
        """Return the version of each package that a target needs, the project among them.

        It is one value for targets with the same answer.
        """
        roots = tuple([key for key, targets in self._roots.items() if targets & bit])
        place = (id(self._answers[bit]), self._reached[bit], roots)
        if place not in self._decided:
            keys = self.chosen.packages(self._reached[bit])
            packages = [key for key in keys if not isinstance(key, Row)]
            found = {key: self.chosen.version(name_of(key), bit) for key in packages}
            self._decided[place] = dict.fromkeys(roots, ROOT_BIT) | found
        return self._decided[place]

    def asked_names(self, bit: int) -> frozenset[str]:
        """Return the names that the project asks for, by itself or by an extra of its own."""
        return frozenset([name for targets, name, _number, _allowed in self._asked if targets & bit])

    def _mask_apart(self) -> int:
        """Return the packages that mean another thing to this environment, as far as they have numbers."""
        numbers = self.chosen.numbers
        if self._known != len(numbers):
            self._known = len(numbers)
            self._apart_mask = sum(1 << numbers[name] for name in self._apart if name in numbers)
        return self._apart_mask

    # What is to be chosen -------------------------------------------------------------------------

    def _choose_open(self, problem: TargetProblem, reached: int) -> dict[str, int]:
        """Return the version of each package that no version was known of.

        :raises Unlike: when that is not plain.
        """
        chosen, bit = self.chosen, problem.bit
        names = [
            name
            for name in chosen.unknown
            if reached >> chosen.numbers[name] & 1 and not chosen.version(name, bit)
        ]
        if len(names) > MOST_OPEN:
            raise Unlike
        problem.visit([(name, self._masks(name, bit, reached)[0]) for name in names])
        chosen.choosing.update(names)
        found = {name: self._best(problem, name, reached) for name in names}
        if not all(found.values()):
            raise Unlike
        return found

    def _masks(self, name: str, bit: int, reached: int) -> list[int]:
        """Return the versions that each need of a package allows, equal ones once."""
        own = [allowed for targets, other, _, allowed in self._asked if other == name and targets & bit]
        return list(dict.fromkeys([*own, *self.chosen.masks(name, bit, reached)]))

    def _best(self, problem: TargetProblem, name: str, reached: int) -> int:
        """Return the version that is chosen whichever of the needs are met first, 0 where that is not plain.

        One that is the best of every need's versions is the best of those that several share, as long as a wheel of
        it keeps versions out that would have to be built.
        """
        best = 0
        masks = self._masks(name, problem.bit, reached)
        usable = problem.usable(name)
        for mask in (*masks, *self._within(name, masks, problem)):
            try:
                version, excluded = problem.choose(name, mask)
            except SplitTarget:  # Before a walk comes to that, it may give up.
                return 0
            if excluded is not None or (best and version != best):
                return 0
            best = version
        if self.chosen.is_preferred:
            return best if self._is_as_shared(name, best, problem) else 0
        return best if len(masks) == 1 or best & usable.wheels else 0

    @staticmethod
    def _is_as_shared(name: str, best: int, problem: TargetProblem) -> bool:
        """Return whether a target cannot but take a version that is to be chosen, whatever solution it might share.

        What has to be built is shared between targets with the same wheels, but it is not preferred to a wheel.
        """
        usable = problem.usable(name)
        before = [version for version in problem.earlier.get(name) if version & usable.mask]
        if best & usable.wheels:
            before = before[: before.index(best)] if best in before else before
            return all(version & usable.wheels for version in before)
        return all(version == best for version in before)

    @staticmethod
    def _within(name: str, masks: Sequence[int], problem: TargetProblem) -> Iterable[int]:
        """Yield what is left where all who admit a version meet that was chosen before.

        Where it is held back in that, it is in all that some of them leave.
        """
        for before in problem.earlier.get(name) if len(masks) > 1 else ():
            admitting = [mask for mask in masks if mask & before]
            left = -1
            for mask in admitting:
                left &= mask
            if len(admitting) > 1:
                yield left

    def _tell(self, loud: int, problem: TargetProblem) -> tuple[str, ...]:
        """Return what was decided for the user."""
        told: dict[Key, int] = {}
        for key in self.chosen.packages(loud):
            name = name_of(key)
            told[name] = told[key] = self.chosen.version(name, problem.bit)
        return tuple(notes_on(problem, told))


class Found:
    """An answer for one class of targets, and who asks for its packages; that is worked out when somebody asks.

    ``decisions`` counts the versions that had to be chosen.
    """

    __slots__ = ("_askers", "_bit", "_closure", "_problem", "decisions", "notes", "pins")

    def __init__(
        self,
        closure: Closure,
        bit: int,
        answer: Answer,
        notes: tuple[str, ...],
        problem: Callable[[], TargetProblem],
    ) -> None:
        self.pins = answer.pins
        self.notes = notes
        self.decisions = 0
        self._closure = closure
        self._bit = bit
        self._problem = problem
        self._askers: Askers | None = None

    def of(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return sorted (asker, requirement) pairs; the asker is "name version", or "" for the project."""
        if self._askers is None:
            self._askers = Askers(self._problem(), self._closure.decided(self._bit))
        return self._askers.of(name)

    def of_project(self) -> frozenset[str]:
        """Return the names that the project asks for, by itself or by an extra of its own."""
        return self._closure.asked_names(self._bit)
