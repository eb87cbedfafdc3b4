"""Changes that would make an impossible problem possible; each is tried by the solver before it is told."""

from __future__ import annotations

from pkm_env.model.requirements import Requirement
from pkm_env.model.target import KNOWN_PYTHONS, make_target
from pkm_env.resolver.earlier import Earlier
from pkm_env.resolver.fit import SplitTarget, View
from pkm_env.resolver.ground import Begin, Ground
from pkm_env.resolver.notes import ROOT, name_of
from pkm_env.resolver.packages import TargetProblem
from pkm_env.resolver.solution import Solution
from pkm_env.resolver.solver import Solver
from pkm_env.resolver.walk import Counts, Refusal, Unsolvable, walk
from pkm_env.resolver.wording import and_list, bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.question import Question
    from pkm_env.resolver.request import NoSolution
    from pkm_env.resolver.solution import Derivation

    Key = Any
    Decided = Mapping[Key, int]

_MOST_SPLITS = 8
_MOST_PYTHONS = 4


class Suggestion:
    """A change that was tried: *text* names it, *number* the line that it stands for (0 for none).

    ``decided`` is the answer that it gives, ``version`` that of the package changed. ``question`` is the one that it
    would make of the question; None where it changes the target instead.
    """

    __slots__ = ("decided", "name", "number", "question", "text", "version")

    def __init__(
        self,
        text: str,
        number: int,
        decided: Decided,
        name: str,
        version: str,
        question: Question | None = None,
    ) -> None:
        self.question = question
        self.text = text
        self.number = number
        self.decided = decided
        self.name = name
        self.version = version

    @property
    def effect(self) -> str:
        """What comes of it: "instead of 2: 158 packages, starlette 0.46.2"."""
        instead = f"instead of {self.number}: " if self.number else ""
        count = sum(isinstance(key, str) and key != ROOT for key in self.decided)
        packages = "1 package" if count == 1 else f"{count} packages"
        return f"{instead}{packages}, {self.name} {self.version}"


def relax(derivation: Derivation, ask: Ask, number: int) -> Suggestion | None:
    """Return what the project could ask for in place of *ask*, which is told as line *number*.

    *ask* is a requirement or a constraint of the project.
    """
    requirement = ask.requirement
    if ask.overridden or not requirement.specifier or requirement.url:
        return None
    wider = Requirement(requirement.name, requirement.extras, "", "", requirement.marker)
    before = derivation.problem.question
    constrained = any(ask is other for _specifier, other in before.constraints.get(requirement.name, ()))
    question = before.without_constraint(ask) if constrained else before.with_root(requirement, wider)
    found = _solve(derivation, question)
    if found is None or requirement.name not in found[1]:
        return None
    version = found[0].package(requirement.name).version(found[1][requirement.name])
    specifier = _specifier(requirement.name, *found)
    if not constrained:
        question = before.with_root(requirement, _with_specifier(requirement, specifier))
    text = f"{_named(requirement)}{specifier}"
    return Suggestion(text, number, found[1], requirement.name, version, question)


def relax_all(derivation: Derivation, asks: Sequence[Ask]) -> Suggestion | None:
    """Return what the project could ask for in place of all *asks* together."""
    question = derivation.problem.question
    changing = [ask.requirement for ask in asks if ask.requirement.specifier and not ask.overridden]
    for requirement in changing:
        wider = Requirement(requirement.name, requirement.extras, "", "", requirement.marker)
        question = question.with_root(requirement, wider)
    found = _solve(derivation, question)
    if found is None or not changing or any(requirement.name not in found[1] for requirement in changing):
        return None
    question = derivation.problem.question
    texts = []
    for requirement in changing:
        specifier = _specifier(requirement.name, *found)
        texts.append(f"{_named(requirement)}{specifier}")
        question = question.with_root(requirement, _with_specifier(requirement, specifier))
    last = changing[-1].name
    version = found[0].package(last).version(found[1][last])
    return Suggestion(" with ".join(texts), 0, found[1], last, version, question)


def _named(requirement: Requirement) -> str:
    """Return name and extras of a requirement."""
    return requirement.name + (f"[{','.join(requirement.extras)}]" if requirement.extras else "")


def _with_specifier(requirement: Requirement, specifier: str) -> Requirement:
    """Return a requirement with other bounds."""
    return Requirement(requirement.name, requirement.extras, specifier, "", requirement.marker)


def allow(derivation: Derivation, name: str, *, prereleases: bool) -> Suggestion | None:
    """Return what allowing pre-releases of *name*, or else building it, would give."""
    question = derivation.problem.question
    question = question.with_rules(question.rules.allowing(name, prereleases=prereleases))
    found = _solve(derivation, question)
    if found is None or name not in found[1]:
        return None
    problem, decided = found
    version = problem.package(name).version(decided[name])
    text = f"{name} with pre-releases"
    if not prereleases:
        text = f"{and_list(_built(derivation, *found) or [name])} built from source"
    return Suggestion(text, 0, decided, name, version, question)


def _built(derivation: Derivation, problem: TargetProblem, decided: Decided) -> list[str]:
    """Return the packages of an answer that would be built, and must not be by the rules that there are."""
    rules = derivation.problem.question.rules
    built = []
    for key, bit in decided.items():
        if isinstance(key, str) and key != ROOT and rules.forbids_build(key):
            _whole, _part, wheels = problem.view.fitting(problem.package(key), problem.members)
            if not wheels & bit and bit != 1:
                built.append(key)
    return sorted(built)


def another_python(derivation: Derivation, name: str, number: int = 0) -> Suggestion | None:
    """Return the nearest other Python for which there is an answer; *name* is what this one has no release of.

    *number* is the line where it is told which Pythons the project asks for, 0 for none.
    """
    target = derivation.problem.target
    if target.has_own_tags:
        return None
    here = KNOWN_PYTHONS.index(target.python) if target.python in KNOWN_PYTHONS else 0
    others = [*KNOWN_PYTHONS[here + 1 :], *KNOWN_PYTHONS[:here][::-1]]
    for python in others[:_MOST_PYTHONS]:
        view = View(
            [make_target(python, target.platform, target.implementation)],
            derivation.problem.knowledge.notebook,
        )
        found = _solve(derivation, derivation.problem.question, view)
        if found is not None:
            problem, decided = found
            version = problem.package(name).version(decided[name]) if name in decided else ""
            newer = number and python in KNOWN_PYTHONS[here + 1 :]
            bound = f">={python}" if newer else f"<{target.python}" if number else python
            return Suggestion(f"Python {bound}", number, decided, name, version)
    return None


class Elsewhere:
    """Further targets without an answer: for which of them a change would not help either."""

    def __init__(self, failures: Sequence[NoSolution]) -> None:
        self._failures = failures

    def left_by(self, suggestion: Suggestion) -> list[Target]:
        """Return the targets for which there is no answer with the change; none for one that changes the target."""
        question = suggestion.question
        if question is None:
            return []
        grounds: dict[tuple[object, ...], Ground] = {}
        solutions: list[Solution] = []
        return [
            one.target
            for one in self._failures
            if not self._helps(one, question, suggestion.decided, grounds, solutions)
        ]

    @staticmethod
    def _helps(
        failure: NoSolution,
        question: Question,
        begun: Decided,
        grounds: dict[tuple[object, ...], Ground],
        solutions: list[Solution],
    ) -> bool:
        """Return whether a question has an answer for a target: one that was found before, or another one.

        It is sought from *begun* on, the answer for another target.
        """
        before = failure.derivation.problem
        places = {target.key: place for place, target in enumerate(before.view.targets.targets)}
        place = places.get(failure.target.key)
        view = before.view if place is not None else View([failure.target], before.knowledge.notebook)
        bit = 1 << (place or 0)
        bound = question.bindings(_holding(view, bit))
        key = tuple(sorted((name, repr(source.to_plain())) for name, source in bound.items()))
        if question.rules.no_build == before.question.rules.no_build:
            if key not in grounds:
                grounds[key] = before.ground.under(question, bound)
            problem = TargetProblem(grounds[key], view, bit, Earlier(), begun)
            if any(solution.fits(problem) for solution in solutions):
                return True
            try:
                decided = walk(problem, ROOT) or Solver(problem, ROOT).solve()
            except Unsolvable:
                return False
            except (Begin, SplitTarget):
                return _solve(failure.derivation, question, view, bit) is not None
            solutions.append(Solution(problem, decided, Counts(), 0))
            return True
        return _solve(failure.derivation, question, view, bit) is not None


def _solve(
    derivation: Derivation, question: Question, view: View | None = None, members: int = 1
) -> tuple[TargetProblem, Decided] | None:
    """Return an answer for the derivation's target, or the first part of it, when *question* has one.

    With *view*, its target *members* stands in for the derivation's. What is no part of the proof is chosen as for the
    change that was tried before: most often, that takes no search.
    """
    before = derivation.problem
    proved = derivation.names()
    begun = {key: bit for key, bit in derivation.answer.items() if name_of(key) not in proved}
    members = before.bit if view is None else members
    view = view or before.view
    knowledge = before.knowledge
    rebuilt = question.rules.no_build != before.question.rules.no_build
    allowances = before.ground.allowances.copy()
    ground_is_new = False
    for _ in range(_MOST_SPLITS):
        place = members.bit_length() - 1
        target = view.targets.targets[place]
        try:
            bound = question.bindings(_holding(view, members))
            if rebuilt or ground_is_new:
                ground = Ground(question, knowledge.under(question.rules), bound, allowances, {})
            else:
                ground = before.ground.under(question, bound)
                allowances = ground.allowances
            problem = TargetProblem(ground, view, members, Earlier(), begun)
            decided = walk(problem, ROOT) or Solver(problem, ROOT).solve()
        except Unsolvable:
            return None
        except Begin:
            ground_is_new = True
        except SplitTarget as split:
            part = target.part((target.patches[0], split.cuts[0] - 1))
            view, members = View([part], knowledge.notebook), 1
        else:
            derivation.answer = decided
            return problem, decided
    return None


def _holding(view: View, bit: int) -> Callable[[str], bool]:
    return lambda marker: view.holds(marker, bit)


def _specifier(name: str, problem: TargetProblem, decided: Decided) -> str:
    """Return a specifier for the chosen version and its neighbours.

    Any that holds the chosen version has an answer; the bounds are those that others set, or else where
    the neighbours would not do as well.
    """
    asked = _asked_by_others(name, problem, decided)
    if len(asked) == 1 and next(iter(asked)):
        return next(iter(asked))
    package, usable = problem.package(name), problem.usable(name).mask
    run = _allowed_run(name, problem, decided) if any(asked) else _working_run(name, problem, decided)
    lowest = package.version(run)
    above = usable & ~((1 << run.bit_length()) - 1)
    below = usable & ((run & -run) - 1) & ~1
    low = f">={lowest}" if below else ""
    high = f"<{package.version(above)}" if above else ""
    return ",".join(part for part in (low, high) if part) or f"=={lowest}"


def _asked_by_others(name: str, problem: TargetProblem, decided: Decided) -> set[str]:
    """Return the specifiers by which other packages of the answer ask for *name*."""
    return {ask.requirement.specifier for _mask, ask in _asks_for(name, problem, decided)}


def _asks_for(name: str, problem: TargetProblem, decided: Decided) -> Iterator[tuple[int, Ask]]:
    for key, version in decided.items():
        asker = name_of(key)
        if asker not in {ROOT, name}:
            for needed, allowed, ask in problem.found_needs(key, version):
                if needed == name:
                    yield allowed, ask


def _allowed_run(name: str, problem: TargetProblem, decided: Decided) -> int:
    """Return the usable versions about the chosen one that all others admit, without a gap."""
    allowed = usable = problem.usable(name).mask
    for mask, _ask in _asks_for(name, problem, decided):
        allowed &= mask
    run = 0
    for bit in bits(usable):
        if bit & allowed:
            run |= bit
        elif run & decided[name]:
            break
        else:
            run = 0
    return run


def _working_run(name: str, problem: TargetProblem, decided: Decided) -> int:
    """Return the versions next to the chosen one that would work too, as far as their needs are known."""
    chosen = decided[name]
    run = chosen
    above = [bit for bit in bits(problem.usable(name).mask) if bit > chosen]
    below = [bit for bit in bits(problem.usable(name).mask) if bit < chosen][::-1]
    for neighbours in (above, below):
        for bit in neighbours:
            if not _works(name, bit, problem, decided):
                break
            run |= bit
    return run


def _works(name: str, bit: int, problem: TargetProblem, decided: Decided) -> bool:
    """Return whether another version could stand in the answer with all else kept; False when it was not asked."""
    keys = [key for key in decided if key == name or (not isinstance(key, str) and key[0] == name)]
    for key in keys:
        needs = problem.known_needs(key, bit)
        if needs is None or isinstance(needs, Refusal):
            return False
        if not _met(needs, name, decided):
            return False
    return True


def _met(needs: Sequence[tuple[Key, int, Ask]], name: str, decided: Decided) -> bool:
    for needed, allowed, _ask in needs:
        other = needed if isinstance(needed, str) else needed[0]
        if other != name and not decided.get(needed, 0) & allowed:
            return False
    return True
