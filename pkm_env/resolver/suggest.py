"""Changes that would make an impossible problem possible; each is tried by the solver before it is told."""

from __future__ import annotations

from pkm_env.model.requirements import Requirement
from pkm_env.resolver.bounds import specifier_for
from pkm_env.resolver.earlier import Earlier
from pkm_env.resolver.fit import SplitTarget, View
from pkm_env.resolver.ground import Allowances, Begin, Ground
from pkm_env.resolver.notes import ROOT
from pkm_env.resolver.packages import TargetProblem
from pkm_env.resolver.solution import Solution
from pkm_env.resolver.solver import Solver
from pkm_env.resolver.walk import Counts, Unsolvable, walk
from pkm_env.resolver.wording import and_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.ports import Releases
    from pkm_env.model.target import Target
    from pkm_env.resolver.knowledge import Knowledge
    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.question import Question
    from pkm_env.resolver.request import NoSolution
    from pkm_env.resolver.solution import Derivation

    Key = Any
    Decided = Mapping[Key, int]
    Answer = tuple[TargetProblem, Decided]

_MOST_SPLITS = 8


class Change:
    """What is solved in place of a problem: another question, over other *releases* or (None) those that there are."""

    __slots__ = ("_knowledge", "question", "releases")

    def __init__(self, question: Question, releases: Releases | None = None) -> None:
        self.question = question
        self.releases = releases
        self._knowledge: dict[int, tuple[Knowledge, Knowledge]] = {}

    def keeps(self, question: Question) -> bool:
        """Return whether packages have the same versions with the same files as for *question*."""
        rules, before = self.question.rules, question.rules
        same = (rules.no_build, rules.no_binary) == (before.no_build, before.no_binary)
        return same and self.releases is None

    def knowledge(self, before: Knowledge) -> Knowledge:
        """Return what is known with the change, made once from what was known *before*."""
        if id(before) not in self._knowledge:
            self._knowledge[id(before)] = before, before.under(self.question.rules, self.releases)
        return self._knowledge[id(before)][1]


class Suggestion:
    """A change that was tried: *text* is what to write, *numbers* are the lines that it stands for.

    ``place`` says where to write it, "" where the line tells. ``decided`` is the answer that it gives, ``version``
    that of the package changed, ``more`` what else comes of it. ``change`` is None where the targets change instead:
    then ``left`` are those without an answer.
    """

    __slots__ = ("change", "decided", "left", "more", "name", "numbers", "place", "text", "version")

    def __init__(  # noqa: PLR0913 - what is told of a change, named at the call
        self,
        text: str,
        decided: Decided,
        name: str,
        version: str,
        *,
        numbers: Sequence[int] = (),
        place: str = "",
        more: str = "",
        change: Change | None = None,
        left: Sequence[Target] = (),
    ) -> None:
        self.text = text
        self.decided = decided
        self.name = name
        self.version = version
        self.numbers = tuple(numbers)
        self.place = place
        self.more = more
        self.change = change
        self.left = tuple(left)

    @property
    def effect(self) -> str:
        """What comes of it: "instead of 2: 158 packages, starlette 0.46.2"."""
        where = f"{self.place}: " if self.place else ""
        if self.numbers:
            where = f"instead of {and_list([str(number) for number in self.numbers])}: "
        if not self.decided:
            return where + self.more
        count = sum(isinstance(key, str) and key != ROOT for key in self.decided)
        packages = "1 package" if count == 1 else f"{count} packages"
        chosen = f", {self.name} {self.version}" if self.version else ""
        return f"{where}{packages}{chosen}{self.more}"


def relax(derivation: Derivation, told: Sequence[tuple[Ask, int]]) -> Suggestion | None:
    """Return what the project could ask for in place of what is *told*, each with the number of its line, together.

    Told are requirements and constraints of the project.
    """
    numbers = {
        number: ask
        for ask, number in told
        if ask.requirement.specifier and not ask.requirement.url and not ask.overridden
    }
    changing = list(numbers.values())
    wider = derivation.problem.question
    for ask in changing:
        wider = _asking(wider, ask, "")
    found = solve(derivation, Change(wider)) if changing else None
    if found is None or any(ask.requirement.name not in found[1] for ask in changing):
        return None
    question = derivation.problem.question
    texts = []
    for ask in changing:
        specifier = specifier_for(ask.requirement.name, *found)
        texts.append(str(with_specifier(ask.requirement, specifier)))
        question = _asking(question, ask, specifier)
    # With bounds, other pre-releases may be let in than without; but for these, the answer is the same.
    change, last = Change(question), changing[-1].requirement.name
    found = solve(derivation, change, begun=found[1])
    if found is None or last not in found[1]:
        return None
    text = " with ".join(dict.fromkeys(texts))
    return Suggestion(text, found[1], last, version_of(last, found), numbers=list(numbers), change=change)


def _asking(question: Question, ask: Ask, specifier: str) -> Question:
    """Return a question with other bounds in a requirement or a constraint of the project."""
    requirement = ask.requirement
    other = with_specifier(requirement, specifier)
    if any(ask is known for _specifier, known in question.constraints.get(requirement.name, ())):
        return question.with_constraint(other, ask)
    return question.with_root(requirement, other)


def is_newer(derivation: Derivation, suggestion: Suggestion, ask: Ask) -> bool:
    """Return whether a change takes a newer version than any that *ask* admits."""
    admitted = derivation.problem.package(suggestion.name).mask(ask.requirement.specifier) & ~1
    return bool(admitted) and suggestion.decided[suggestion.name] > admitted


def version_of(name: str, found: Answer) -> str:
    """Return the version that an answer has of a package."""
    problem, decided = found
    return problem.package(name).version(decided[name])


def with_specifier(requirement: Requirement, specifier: str) -> Requirement:
    """Return a requirement with other bounds."""
    return Requirement(requirement.name, requirement.extras, specifier, "", requirement.marker)


class Elsewhere:
    """Further targets: for which of them there is no answer with a change.

    *failures* hold each with a derivation of one of them; it may have an answer as things are.
    """

    def __init__(self, failures: Sequence[NoSolution]) -> None:
        self._failures = failures

    def left_by(self, suggestion: Suggestion) -> Sequence[Target]:
        """Return the targets for which there is no answer with the change."""
        change = suggestion.change
        if change is None:
            return suggestion.left
        grounds: dict[tuple[object, ...], Ground] = {}
        solutions: list[Solution] = []
        return [
            one.target
            for one in self._failures
            if not self._helps(one, change, suggestion.decided, grounds, solutions)
        ]

    @staticmethod
    def _helps(
        failure: NoSolution,
        change: Change,
        begun: Decided,
        grounds: dict[tuple[object, ...], Ground],
        solutions: list[Solution],
    ) -> bool:
        """Return whether a change gives an answer for a target: one that was found before, or another one.

        It is sought from *begun* on, the answer for another target.
        """
        before = failure.derivation.problem
        places = {target.key: place for place, target in enumerate(before.view.targets.targets)}
        place = places.get(failure.target.key)
        view = before.view if place is not None else View([failure.target], before.knowledge.notebook)
        members = view.class_of(place or 0)
        question = change.question
        bound = question.bindings(holding(view, members & -members))
        key = tuple(sorted((name, repr(source.to_plain())) for name, source in bound.items()))
        if not change.keeps(before.question):
            return solve(failure.derivation, change, view, members) is not None
        if key not in grounds:
            grounds[key] = before.ground.under(question, bound, _allowances(before))
        problem = TargetProblem(grounds[key], view, members, Earlier(), begun)
        if any(solution.fits(problem) for solution in solutions):
            return True
        try:
            decided = walk(problem, ROOT) or Solver(problem, ROOT).solve()
        except Unsolvable:
            return False
        except (Begin, SplitTarget):
            # What the ground knows was worked out before more was allowed.
            del grounds[key]
            return solve(failure.derivation, change, view, members) is not None
        solutions.append(Solution(problem, decided, Counts(), 0))
        return True


def solve(
    derivation: Derivation,
    change: Change,
    view: View | None = None,
    members: int = 0,
    *,
    begun: Decided | None = None,
) -> Answer | None:
    """Return an answer for the derivation's target, or the first part of it, when there is one with the change.

    It is one for all targets that no marker tells from it. With *view*, its targets *members*, by default those of its
    first class, stand in for the derivation's. Versions that are *begun* with are taken where they may be: most often,
    that takes no search.
    """
    before = derivation.problem
    question = change.question
    if view is None:
        view, members = before.view, before.members
    members = members or view.classes[0][0]
    knowledge = before.knowledge
    is_known = change.keeps(before.question)
    allowances = _allowances(before)
    ground_is_new = False
    for _ in range(_MOST_SPLITS):
        first = members & -members
        try:
            bound = question.bindings(holding(view, first))
            if is_known and not ground_is_new:
                ground = before.ground.under(question, bound, allowances)
            else:
                ground = Ground(question, change.knowledge(knowledge), bound, allowances, {})
            problem = TargetProblem(ground, view, members, Earlier(), begun)
            decided = walk(problem, ROOT) or Solver(problem, ROOT).solve()
        except Unsolvable:
            return None
        except Begin:
            ground_is_new = True
        except SplitTarget as split:
            parts = [one.part((one.patches[0], split.cuts[0] - 1)) for one in view.among(members)]
            view, members = View(parts, knowledge.notebook), (1 << len(parts)) - 1
        else:
            return problem, decided
    return None


def _allowances(problem: TargetProblem) -> Allowances:
    """Return what a solve with a change begins with: what else was asked for may be asked for no more."""
    made = Allowances()
    made.bound.update(problem.ground.allowances.bound)
    return made


def holding(view: View, bit: int) -> Callable[[str], bool]:
    """Return what answers markers for a target."""
    return lambda marker: view.holds(marker, bit)
