"""The door of the resolver: one request for many targets in, one outcome for each out.

Targets that no marker tells apart are solved as one class. A class shares an earlier solution when that
is one of its own: every marker that was asked has the same answer, and every pin has a file. As each
target prefers what was chosen before, that is the solution that it would find itself.
"""

from __future__ import annotations

from pkm_env.model.distribution import source_of_url
from pkm_env.resolver.common import Common
from pkm_env.resolver.earlier import Earlier
from pkm_env.resolver.fit import Class, SplitTarget
from pkm_env.resolver.ground import Allowances, Begin, Ground
from pkm_env.resolver.notes import ROOT
from pkm_env.resolver.packages import TargetProblem
from pkm_env.resolver.question import BadRequirement, Question
from pkm_env.resolver.request import HIGHEST, NoSolution, Origin, Pin, Request, Resolution, Root, Rules
from pkm_env.resolver.solution import Derivation, Solution
from pkm_env.resolver.walk import Counts, Unsolvable, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.ports import Memory, Releases
    from pkm_env.model.target import Target
    from pkm_env.resolver.chosen import Chosen
    from pkm_env.resolver.closure import Closure
    from pkm_env.resolver.fit import View
    from pkm_env.resolver.knowledge import Knowledge
    from pkm_env.resolver.notebook import Notebook

    Outcome = Resolution | NoSolution

__all__ = [
    "BadRequirement",
    "NoSolution",
    "Origin",
    "Pin",
    "Request",
    "Resolution",
    "Root",
    "Rules",
    "resolve",
    "source_of_url",
]

# With fewer classes, to walk is less work than to find out what all of them have in common.
WORTH_A_CLOSURE = 4
# After so many classes without an answer among what is wished for, the others have none either.
MOST_MISSES = 2


def resolve(
    request: Request, releases: Releases, memory: Memory, common: Common | None = None
) -> tuple[Outcome, ...]:
    """Return an outcome for each target, in the order of the request.

    A target that had to be split by patch releases stands there as its parts, lowest first; each
    outcome carries its own target. *common* is what the resolves over the same *releases* share.

    :raises BadRequirement: when a text of the request cannot be read.
    """
    common = common or Common(releases, memory)
    question = Question(request, common.read)
    notebook = common.notebook(request)
    knowledge = common.knowledge(notebook, request.rules)
    knowledge.hint_names(asked.name for asked, _root, source in question.roots if source is None)
    search = Search(question, knowledge, common)
    outcomes = _solve_all(request, search, notebook)
    search.keep()
    if any(isinstance(outcome, Resolution) for outcome in outcomes.values()):
        outcomes = _told_alone(outcomes, request, knowledge, notebook, common)
    notebook.save()
    places = sorted(outcomes)
    return tuple(_joined([outcomes[place] for place in places], [place for place, _low in places]))


def _solve_all(request: Request, search: Search, notebook: Notebook) -> dict[tuple[int, int], Outcome]:
    """Return the outcomes by the place of their target in the request, and their first patch release."""
    cut = list(_cut(request.targets, search.question))
    view = search.common.view([target for _place, target in cut], notebook)
    waiting = [
        Class(view, members, tuple([cut[part][0] for part in parts])) for members, parts in view.classes
    ]
    newest_first = request.rules.resolution == HIGHEST
    waiting.sort(key=lambda one: _order(request.targets[one.places[0]], newest_first=newest_first))
    return _solve_each(waiting, search, notebook)


def _solve_each(waiting: list[Class], search: Search, notebook: Notebook) -> dict[tuple[int, int], Outcome]:
    """Return the outcomes of classes, in their order."""
    outcomes: dict[tuple[int, int], Outcome] = {}
    before = waiting, outcomes
    while waiting:
        if not search.is_wished:
            before = waiting, dict(outcomes)
        try:
            found = search.outcomes(waiting[0])
        except SplitTarget as split:
            waiting = _split(waiting, split.cuts, notebook, search.common)
            continue
        except NotAsWished:
            waiting, outcomes = before
            search.walk_on()
            continue
        for place, outcome in zip(waiting[0].places, found, strict=True):
            outcomes[place, outcome.target.patches[0]] = outcome
        waiting = waiting[1:]
    return outcomes


def _cut(targets: Sequence[Target], question: Question) -> Iterable[tuple[int, Target]]:
    """Yield the targets with their places, in parts where the lock has parts of them, or of others of their Python."""
    if not question.has_parts:
        yield from enumerate(targets)
        return
    cuts: dict[tuple[object, ...], set[int]] = {}
    for target in targets:
        cuts.setdefault((target.python, target.patches), set()).update(question.cuts(target))
    for place, target in enumerate(targets):
        own = sorted(cuts[target.python, target.patches])
        for part in _parts(target.patches, own) if own else ():
            yield place, target.part(part)
        if not own:
            yield place, target


def _parts(patches: tuple[int, int | None], cuts: Sequence[int]) -> list[tuple[int, int | None]]:
    """Return patch releases in parts that begin at *cuts*."""
    low, high = patches
    return list(zip((low, *cuts), (*(cut - 1 for cut in cuts), high), strict=True))


def _told_alone(
    outcomes: dict[tuple[int, int], Outcome],
    request: Request,
    knowledge: Knowledge,
    notebook: Notebook,
    common: Common,
) -> dict[tuple[int, int], Outcome]:
    """Return the outcomes with the targets that have no solution at all solved again by themselves.

    Which proof is found, and whether a target is split on the way, depends on what was locked before and on the other
    targets; what stands in the lock of a target that is left out must not.
    """
    failed = sorted(
        {place for place, _low in outcomes}
        - {place for (place, _low), outcome in outcomes.items() if isinstance(outcome, Resolution)}
    )
    if not failed:
        return outcomes
    alone = request.without_wishes([request.targets[place] for place in failed])
    search = Search(Question(alone, common.read), knowledge, common)
    found = {key: outcome for key, outcome in outcomes.items() if key[0] not in failed}
    for (place, low), outcome in _solve_all(alone, search, notebook).items():
        found[failed[place], low] = outcome
    return found


def _joined(outcomes: Sequence[Outcome], places: Sequence[int]) -> list[Outcome]:
    """Return the outcomes with neighbouring parts of one target made one again where their answers agree."""
    joined: list[Outcome] = []
    for number, outcome in enumerate(outcomes):
        if number and places[number - 1] == places[number] and _agree(joined[-1], outcome):
            before = joined.pop()
            target = before.target.part((before.target.patches[0], outcome.target.patches[1]))
            joined.append(_for_target(before, target))
        else:
            joined.append(outcome)
    return joined


def _agree(one: Outcome, other: Outcome) -> bool:
    if isinstance(one, NoSolution) or isinstance(other, NoSolution):
        return (
            isinstance(one, NoSolution)
            and isinstance(other, NoSolution)
            and one.derivation is other.derivation
        )
    if one.pins is other.pins or one.pins.keys() != other.pins.keys():
        return one.pins is other.pins
    return all(
        pin is other.pins[name] or pin.identity == other.pins[name].identity for name, pin in one.pins.items()
    )


def _for_target(outcome: Outcome, target: Target) -> Outcome:
    if isinstance(outcome, NoSolution):
        return NoSolution(target, outcome.derivation)
    return Resolution(target, outcome.pins, outcome.notes, outcome.steps, outcome.askers)


class NotAsWished(Exception):
    """A class has no answer among what is wished for, after others had."""


def _order(target: Target, *, newest_first: bool) -> tuple[tuple[int, ...], str]:
    """Return the place of a target in the order of solving.

    Each target prefers what was chosen before it, so the one that admits the most comes first: the newest Python
    where the highest versions are wanted. The other way round an old Python would hold all others back.
    """
    numbers = tuple(int(part) for part in target.python.split("."))
    return tuple(-number for number in numbers) if newest_first else numbers, target.name


def _split(
    waiting: Sequence[Class], cuts: tuple[int, ...], notebook: Notebook, common: Common
) -> list[Class]:
    """Return *waiting* with the first class in parts that begin at *cuts*.

    All that wait for the same Python are split with it, as they would be in their turn, so that one view
    serves all; parts that agree are joined in the end.
    """
    first = waiting[0]
    alike = [one for one in waiting if one.view is first.view and _python(one) == _python(first)]
    patches = _parts(first.target.patches, cuts)
    key = (id(first.view), tuple([one.members for one in alike]), cuts)
    view = common.parts.get(key)
    if view is None:
        targets = [target.part(part) for part in patches for one in alike for target in one.targets]
        view = common.parts[key] = common.view(targets, notebook, first.view)
    made: list[tuple[int, Class]] = []
    place = 0
    for _ in patches:
        for number, one in enumerate(alike):
            size = len(one.places)
            part = Class(view, ((1 << size) - 1) << place, one.places)
            part.begun = one.begun
            made.append((number, part))
            place += size
    made.sort(key=lambda numbered: numbered[0])
    rest = [one for one in waiting if one not in alike]
    return [one for _number, one in made] + rest


def _python(one: Class) -> tuple[str, tuple[int, int | None]]:
    return one.target.python, one.target.patches


class Search:
    """The solves of one request, each of which knows those before it."""

    def __init__(self, question: Question, knowledge: Knowledge, common: Common) -> None:
        self.common = common
        self.question = question
        self.knowledge = knowledge
        self.allowances = Allowances()
        self._grounds: dict[tuple[object, ...], Ground] = {}
        self._only: Ground | None = None
        # Solutions that others may share, in the order in which they are preferred.
        self._solutions: list[Solution] = []
        self._near: Solution | None = None
        # The pins of all answers, by what they are.
        self._answers: dict[tuple[int, ...], Mapping[str, Pin]] = {}
        # Which of them were noted for which Python.
        self._noted: set[tuple[int, str]] = set()
        self._failures: list[Derivation] = []
        self._earlier = Earlier()
        # What was decided for classes, in the order of solving.
        self._decided: list[tuple[View, Ground, int, Mapping[Any, int]]] = []
        self._closures: dict[tuple[int, int, bool], Closure] = {}
        # Views of which no other environment knew anything.
        self._new: set[tuple[int, int, bool]] = set()
        # What was known before the first class was answered from what is wished for.
        self._before: tuple[Earlier, set[tuple[int, str]], int, Allowances] | None = None
        self._walks = False
        # Classes that had no answer among what is wished for.
        self._misses = 0

    @property
    def is_wished(self) -> bool:
        """Whether a class was answered from what is wished for."""
        return self._before is not None

    def walk_on(self) -> None:
        """Go back to where the first class was answered from what is wished for; it and all after it are walked."""
        assert self._before is not None, "a class was answered so"
        self._earlier, self._noted, decided, allowances = self._before
        self.allowances.become(allowances)
        del self._decided[decided:]
        self._before = None
        self._walks = True
        self._closures.clear()

    def outcomes(self, one: Class) -> list[Outcome]:
        """Return the outcome of each member of a class.

        :raises SplitTarget: when its patch releases have different answers.
        """
        found = None
        while found is None:
            found = self._outcomes_or_begin(one)
        return found

    def _outcomes_or_begin(self, one: Class) -> list[Outcome] | None:
        """Return the outcome of each member of a class; None where more has to be allowed, and is by now.

        :raises NotAsWished: where that may be no matter of what was answered before.
        """
        try:
            return self._outcomes(one)
        except Begin as begin:
            if self.is_wished:
                raise NotAsWished from None
            if begin.bound:
                self._grounds.clear()
                self._only = None
        self._closures.clear()
        for ground in self._grounds.values():
            ground.begin_again()
        return None

    def _outcomes(self, one: Class) -> list[Outcome]:
        ground = self._ground(one)
        if self.common.several and not self._failures:
            closed = self._closed(one, ground, wished=False)
            if closed is not None:
                return closed
        problem = self._problem(one, ground)
        shared = self._shared(problem, one)
        if shared is None and not self._failures and self._is_worth_a_closure(one):
            shared = self._closed(one, ground, wished=True, problem=problem)
            self._misses += shared is None
        return self._solved(problem, one) if shared is None else shared

    def _shared(self, problem: TargetProblem, one: Class) -> list[Outcome] | None:
        """Return the outcomes that were found for another class, None where none is those of this one too."""
        for solution in self._solutions:
            if solution.fits(problem):
                self._note(one, problem.ground, solution.decided)
                if one.target.python != solution.problem.target.python:
                    self._earlier.note(solution.versions, one.target)
                return [solution.resolution(target, shared=True) for target in one.targets]
        for failure in self._failures:
            if failure.holds_for(problem):
                return [NoSolution(target, failure) for target in one.targets]
        return None

    def _solved(self, problem: TargetProblem, one: Class) -> list[Outcome]:
        """Return the outcomes of a search."""
        try:
            solution = self._solve(problem, one)
        except Unsolvable as failure:
            derivation = Derivation(failure.cause, problem)
            self._failures.append(derivation)
            return [NoSolution(target, derivation) for target in one.targets]
        self._solutions.append(solution)
        self._near = solution
        self._note(one, problem.ground, solution.decided)
        self._earlier.note(solution.versions, one.target)
        return [solution.resolution(target, shared=number > 0) for number, target in enumerate(one.targets)]

    def _problem(self, one: Class, ground: Ground) -> TargetProblem:
        common = self.common

        def kept() -> dict[Any, Any]:
            return common.kept(one.view, ground)

        return TargetProblem(
            ground, one.view, one.members, self._earlier, one.begun, kept, several=common.several
        )

    def _note(self, one: Class, ground: Ground, decided: Mapping[Any, int]) -> None:
        """Note what was decided for a class, for ``keep``."""
        self._decided.append((one.view, ground, one.members, decided))

    def keep(self) -> None:
        """Keep what was chosen for the environments to come."""
        alike: dict[tuple[int, int, int], list[Any]] = {}
        for view, ground, members, decided in self._decided if self.common.several else ():
            alike.setdefault((id(view), id(ground), id(decided)), [view, ground, decided, 0])[3] |= members
        for view, ground, decided, members in alike.values():
            self.common.chosen(view, ground).note(ground, members, decided)

    def _closed(
        self, one: Class, ground: Ground, *, wished: bool, problem: TargetProblem | None = None
    ) -> list[Outcome] | None:
        """Return the outcomes where nearly all was chosen by other environments or is *wished* for, else None."""
        closure = self._closure(one, ground, wished=wished)
        if closure is None:
            return None
        made = [] if problem is None else [problem]

        def of_class() -> TargetProblem:
            if not made:
                made.append(self._problem(one, ground))
            return made[0]

        found = closure.answer(one.members, of_class)
        if found is None:
            return None
        if wished and self._before is None:
            done = len(self._decided)
            self._before = self._earlier.copy(), set(self._noted), done, self.allowances.copy()
        bit = one.members & -one.members
        pins = found.pins
        if wished:
            pins = self._answers.setdefault(tuple(map(id, pins.values())), pins)
        place = (id(pins), one.target.python)
        if place not in self._noted:
            self._noted.add(place)
            self._earlier.note_closed(closure, bit, one.target)
        if wished and self.common.several:
            self._note(one, ground, closure.decided(bit))
        decisions = found.decisions if pins is found.pins else 0
        steps = {"decisions": decisions, "conflicts": 0, "checks": 0, "asked": 0}
        return [Resolution(target, pins, found.notes, steps, found) for target in one.targets]

    def _is_worth_a_closure(self, one: Class) -> bool:
        """Return whether a class may be answered from what is wished for, if anything is."""
        if self._walks or self._misses >= MOST_MISSES or len(one.view.classes) < WORTH_A_CLOSURE:
            return False
        return self.question.has_locked or bool(self._earlier)

    def _closure(self, one: Class, ground: Ground, *, wished: bool) -> Closure | None:
        """Return the closure for a class: among what other environments chose, or what is *wished* for here."""
        key = (id(one.view), id(ground), wished)
        if key in self._closures:
            return self._closures[key]
        if wished:
            from pkm_env.resolver.wished import Wished

            wider = self._closures.get((id(one.view.wider), id(ground), True))
            known = wider.chosen if wider is not None and isinstance(wider.chosen, Wished) else None
            chosen: Chosen = Wished(one.view, self.common.pins, self.question, self._earlier, known)
        else:
            chosen = self.common.chosen(one.view, ground)
            if not chosen.versions or key in self._new:
                self._new.add(key)
                return None
        from pkm_env.resolver.closure import Closure

        found = self._closures[key] = Closure(ground, chosen)
        return found

    def _ground(self, one: Class) -> Ground:
        """Return the ground of all targets that bind the same names to the same sources."""
        if self._only is not None:
            return self._only
        bound = self.question.bindings(lambda marker: one.view.holds(marker, one.members & -one.members))
        key = tuple(sorted((name, id(source)) for name, source in bound.items()))
        found = self._grounds.get(key)
        if found is None:
            shared = self.knowledge.templates
            found = Ground(self.question, self.knowledge, bound, self.allowances, shared)
            self._grounds[key] = found
            if self.question.binds_always:
                self._only = found
        return found

    def _solve(self, problem: TargetProblem, one: Class) -> Solution:
        asked = self.knowledge.asked
        counts = Counts()
        decided = walk(problem, ROOT)
        if self.is_wished:
            # Which solutions a class may share is known for walks alone.
            raise NotAsWished
        if decided is None:
            from pkm_env.resolver.solver import Solver

            solver = Solver(problem, ROOT)
            try:
                decided = solver.solve()
            except (SplitTarget, Begin):
                one.begun = solver.decided
                raise
            counts = solver.counts
        else:
            counts.decisions = len(decided)
        place = (id(one.view), one.members)
        near = self.common.near.get(place) or self._near
        found = Solution(problem, decided, counts, self.knowledge.asked - asked, near, self.common.pins)
        self._answers[tuple(map(id, found.pins.values()))] = found.pins
        if found.chosen:
            self.common.near.setdefault(place, found)
        problem.keep(decided)
        return found
