"""Why there is no solution, in words: who asks for what and where, what follows, what was left aside.

Boundaries are versions that exist; docs/explanations.md shows examples beside those of other tools.
"""

from __future__ import annotations

from pkm_build.tables import did_you_mean
from pkm_env.resolver.notes import ROOT, name_of
from pkm_env.resolver.proof import core
from pkm_env.resolver.remedies import Remedies
from pkm_env.resolver.request import BUILD, LOCKED_BUILD, QUESTION, NoSolution
from pkm_env.resolver.retarget import OtherTargets
from pkm_env.resolver.suggest import Elsewhere, is_newer, relax
from pkm_env.resolver.wording import (
    AND_THIS_IS,
    admitted_by,
    and_list,
    dropped_words,
    elsewhere_words,
    excluded_lines,
    indented,
    key_text,
    need_text,
    version_text,
    versions_there,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.packages import TargetProblem
    from pkm_env.resolver.proof import Fact
    from pkm_env.resolver.request import Origin
    from pkm_env.resolver.solution import Derivation
    from pkm_env.resolver.suggest import Suggestion

    Key = Any


_MOST_TRIED = 5
# A proof may be as long as the problem is odd; nobody reads hundreds of lines.
_MOST_LINES = 24
_LAST_LINES = 4
# A longer line has its place behind it, and sets no column for the others.
_WIDEST = 80
_WIDEST_CHANGE = 48


class Line:
    """One numbered statement of a proof, and where it stands ("" when it stands in no file of the project)."""

    __slots__ = ("alone", "text", "where")

    def __init__(self, text: str, where: str = "", alone: str = "") -> None:
        self.text = text
        self.where = where
        # The same without a word of other lines.
        self.alone = alone or text

    def __repr__(self) -> str:
        return f"Line({self.text!r}, {self.where!r})"


class Explanation:
    """A proof in words; ``str()`` is what people read. ``not_looked_at`` are phrases, one for each package."""

    __slots__ = ("_look", "_would_work", "conclusion", "lines", "not_looked_at")

    def __init__(
        self,
        lines: Sequence[Line],
        conclusion: str,
        not_looked_at: Sequence[str] = (),
        look: Callable[[], Sequence[tuple[str, str]]] | None = None,
    ) -> None:
        """Take the parts; *look* finds what would work, when somebody wants to know."""
        self.lines = tuple(lines)
        self.conclusion = conclusion
        self.not_looked_at = tuple(not_looked_at)
        self._look = look
        self._would_work: tuple[tuple[str, str], ...] | None = None

    def _hidden_names(self) -> str:
        """Return the packages that the lines begin with that are not shown."""
        lines = self.lines[_MOST_LINES - _LAST_LINES : -_LAST_LINES]
        words = {line.text.partition(" ")[0].partition("[")[0].rstrip(":") for line in lines}
        names = sorted(words - {"no", "of"})  # These two begin sentences that name the package later.
        return and_list(names[:_MOST_TRIED]) + (" and others" if names[_MOST_TRIED:] else "")

    @property
    def would_work(self) -> tuple[tuple[str, str], ...]:
        """Changes that help, each with its effect; each is tried, so the first look takes a few solves."""
        if self._would_work is None:
            self._would_work = () if self._look is None else tuple(self._look())
        return self._would_work

    def __str__(self) -> str:
        placed = (len(line.text) for line in self.lines if line.where)
        width = max((length for length in placed if length <= _WIDEST), default=0)
        parts = []
        hidden = len(self.lines) - _MOST_LINES
        for number, line in enumerate(self.lines, 1):
            text = f"{line.text:<{width}}    {line.where}" if line.where else line.text
            if hidden <= 1 or number <= _MOST_LINES - _LAST_LINES or number > len(self.lines) - _LAST_LINES:
                parts.append(f"  {number}. {text}")
            elif number == len(self.lines) - _LAST_LINES:
                parts.append(f"  … {hidden} more lines like these, about {self._hidden_names()}")
        parts.append(f"  {self.conclusion}")
        if self.not_looked_at:
            parts += ["", f"  not looked at: {'; '.join(self.not_looked_at)}"]
        if self.would_work:
            lengths = (len(change) for change, _effect in self.would_work)
            change_width = max((length for length in lengths if length <= _WIDEST_CHANGE), default=0)
            parts += ["", "would work:"]
            parts += [f"  {change:<{change_width}}   {effect}" for change, effect in self.would_work]
        return "\n".join(parts)


def explain(
    failure: NoSolution,
    *,
    where: Callable[[Origin], str],
    suggest: bool = True,
    others: Sequence[NoSolution] = (),
    targets: Sequence[Target] = (),
) -> Explanation:
    """Return why *failure* has no solution; *where* gives "pyproject.toml:8:5" for an origin.

    With *suggest*, changes that would help are looked for when they are first wanted, by solving with
    each; for that, the releases that the failed resolve had are asked again. Each is tried for the targets
    of *others* too, and says for which of them it is none. *targets* are all that were solved for, where the
    environment may be declared for less of them.
    """
    return _Telling(failure, where, others, targets).explanation(suggest=suggest)


def most_telling(failures: Sequence[NoSolution]) -> NoSolution:
    """Return the failure to explain where all would have to be mended, the first of those that tell most.

    That is one whose proof names the fewest packages without a file for its target: elsewhere more would be in the way.
    """
    proofs = {id(failure.derivation): failure.derivation for failure in failures}
    counted = {id(derivation) for derivation in list(proofs.values())[:_MOST_TRIED]}
    return min((failure for failure in failures if id(failure.derivation) in counted), key=_without_files)


def _without_files(failure: NoSolution) -> int:
    """Return how many packages of a proof have no file at all for the failure's target."""
    facts = _told(failure.derivation)
    problem = failure.derivation.for_target(failure.target).problem
    names = {fact.needed_name for fact in facts if fact.asks} - {"", problem.question.root_name}
    packages = [problem.package(name) for name in names]
    return sum(not problem.view.fitting(package, problem.members)[1] & ~1 for package in packages)


class _Telling:
    """One explanation in the making: the facts in the order they are told, with their numbers."""

    def __init__(
        self,
        failure: NoSolution,
        where: Callable[[Origin], str],
        others: Sequence[NoSolution],
        targets: Sequence[Target],
    ) -> None:
        failed = {one.target.key for one in (failure, *others)}
        solved = [NoSolution(target, failure.derivation) for target in targets if target.key not in failed]
        # A change that is good for this target may be bad for one that has a solution without it.
        self.elsewhere = Elsewhere([*others, *solved])
        self.others = others
        self.targets = targets
        self.python_number = 0
        self.facts = _told(failure.derivation)
        # The proof may have been found for another target.
        self.derivation: Derivation = failure.derivation.for_target(failure.target)
        self.problem = self.derivation.problem
        self.where = where
        self.target = failure.target
        self.lines: list[Line] = []
        self.roots: list[int] = []
        self.numbers: dict[int, int] = {}

    def explanation(self, *, suggest: bool) -> Explanation:
        for fact in self.facts:
            self._tell(fact)
        look = self._suggestions if suggest else None
        return Explanation(self.lines, self._conclusion(), self._not_looked_at(), look)

    def _suggestions(self) -> list[tuple[str, str]]:
        found = self.derivation.suggestions
        if found is None:
            # Building one package may take another one that has to be built: both are tried, and one is told.
            found = list({one.text: one for one in self._tried()}.values())
            self.derivation.suggestions = found
            self.problem.knowledge.notebook.save()
        told = [(one, self.elsewhere.left_by(one)) for one in found]
        # What helps everywhere comes first.
        told.sort(key=lambda pair: bool(pair[1]))
        return [(one.text, f"{one.effect}{_not_for(left)}") for one, left in told]

    def _tried(self) -> Iterator[Suggestion]:
        """Yield changes that help: other bounds for the requirements told, newer versions first, then other rules."""
        asked = [(ask, self.numbers[id(fact)]) for fact in self.facts for ask in _own_ask(fact)]
        own = [pair for pair in asked if not _is_asked_by(pair[0], (QUESTION, BUILD, LOCKED_BUILD))]
        remedies = Remedies(self.derivation, self.facts, self.numbers)
        relaxed = []
        for ask, number in reversed(own[:_MOST_TRIED]):
            found = relax(self.derivation, [(ask, number)])
            if found is not None:
                relaxed.append((not is_newer(self.derivation, found, ask), found))
        yield from (found for _older, found in sorted(relaxed, key=lambda pair: pair[0]))
        if any(_is_asked_by(ask, BUILD) for ask, _number in asked):
            # Of the project's rules its build constraints alone hold there.
            return
        overriding = list(remedies.overrides())
        yield from overriding
        if len(own) > 1 and not relaxed and not overriding:
            found = relax(self.derivation, own[:_MOST_TRIED])
            if found is not None:
                yield found
        others = OtherTargets(self.derivation, self.facts, self.targets, self.others)
        yield from others.suggestions(self.python_number)
        yield from remedies.others()

    def _tell(self, fact: Fact) -> None:
        if fact.excluded is not None:
            self._tell_excluded(fact, fact.excluded.ask)
            return
        if _is_root(fact.key):
            self._tell_root(fact)
        else:
            self._tell_need(fact)
        self.numbers[id(fact)] = len(self.lines)
        missing = _missing_text(fact, self.problem)
        if missing:
            self.lines.append(Line(missing))

    def _tell_excluded(self, fact: Fact, ask: Ask | None) -> None:
        for text, rules in excluded_lines(fact, self.facts, self.problem, self.target):
            if AND_THIS_IS in text:
                self._tell_python()
            places = [self._place(*rule) for rule in rules]
            if ask is not None and ask.origin is not None:
                places.append(self.where(ask.origin))
            self.lines.append(Line(text, _together(places)))
            if ask is not None:
                self.roots.append(len(self.lines))
                self.numbers[id(fact)] = len(self.lines)

    def _place(self, *rule: str) -> str:
        """Return where a rule stands, "" where the project does not say it."""
        origin = self.problem.question.declared.origin(*rule)
        return "" if origin is None else self.where(origin)

    def _override_place(self, ask: Ask) -> str:
        """Return where the override stands by which something is asked for."""
        overrides = self.problem.question.overrides
        path = overrides.path(ask.requirement.name, name_of(ask.asker), ask.version)
        return self._place("overrides", *path)

    def _tell_python(self) -> None:
        """Tell once where it stands that this Python is a target: it takes part in the proof like a requirement."""
        if self.python_number or not self.problem.question.pythons:
            return
        specifier, origin = self.problem.question.pythons[0]
        text = f"{origin.who} asks for Python {specifier}, which admits {self.target.python}"
        self.lines.append(Line(text, self.where(origin)))
        self.python_number = len(self.lines)
        self.roots.append(self.python_number)

    def _tell_root(self, fact: Fact) -> None:
        ask = fact.asks[0]
        origin = ask.origin
        who = origin.who if origin is not None and origin.who else "the project"
        text = f"{who} asks for {_without_marker(ask)}"
        if origin is not None and origin.group:
            text += f' in group "{origin.group}"'
        if origin is not None and origin.extra:
            text += f' in extra "{origin.extra}"'
        places = [self.where(origin) if origin is not None else ""]
        if ask.overridden:
            text += " (by an override)"
            places.append(self._override_place(ask))
        self.lines.append(Line(text, _together(places)))
        self.roots.append(len(self.lines))

    def _tell_need(self, fact: Fact) -> None:
        problem = self.problem
        name = fact.key if isinstance(fact.key, str) else fact.key[0]
        admitted = admitted_by(name, self.facts, problem)
        shown = fact.versions & admitted & problem.usable(name).mask
        shown = shown or fact.versions & problem.usable(name).mask or fact.versions
        package = problem.package(name)
        versions = version_text(package, shown, problem.usable(name).mask & admitted)
        several = bool(shown & (shown - 1))
        before = f"{key_text(fact.key)} {versions}"
        after = f" {'need' if several else 'needs'} {need_text(fact, problem)}"
        overridden = [ask for ask in fact.asks if ask.overridden]
        if overridden:
            after += " (by an override)"
            self.roots.append(len(self.lines) + 1)
        place = _together([self._override_place(ask) for ask in overridden])
        text = f"{before}{self._all_admitted(name, shown)}{after}"
        self.lines.append(Line(text, place, before + after))

    def _all_admitted(self, name: str, shown: int) -> str:
        """Return "(all that 1 admits)" when *shown* is every usable version that one told line leaves."""
        usable = self.problem.usable(name).mask
        if not shown & (shown - 1):
            return ""
        for fact in self.facts:
            allowed = fact.needs.get(name)
            if allowed is not None and id(fact) in self.numbers and not usable & allowed & ~shown:
                return f" (all that {self.numbers[id(fact)]} admits)"
        return " (all there are)" if not usable & ~shown else ""

    def _conclusion(self) -> str:
        names = [str(number) for number in self.roots]
        if not names:
            return "so there is no solution."
        if len(names) == 1:
            return f"so {names[0]} can't hold."
        return f"so {and_list(names)} can't {'both' if names[2:] == [] else 'all'} hold."

    def _not_looked_at(self) -> list[str]:
        told = dict.fromkeys(fact.key if isinstance(fact.key, str) else fact.key[0] for fact in self.facts)
        told.update(dict.fromkeys(fact.needed_name for fact in self.facts if fact.asks))
        names = [name for name in told if name and name != ROOT]
        phrases = []
        for name in names:
            place = self._place("exclude-newer", name)
            told_before = any(place and place in line.where for line in self.lines)
            phrases.append(dropped_words(name, self.facts, self.problem, "" if told_before else place))
        phrases += [words for name in names for words in elsewhere_words(name, self.facts, self.problem)]
        return [phrase for phrase in phrases if phrase]


def _together(places: Sequence[str]) -> str:
    """Return places as one text, each once; "" for none."""
    return " and ".join(dict.fromkeys(filter(None, places)))


def _not_for(targets: Sequence[Target]) -> str:
    """Return "; not for python 3.8 on linux-x86_64, and 2 more targets", "" for none."""
    if not targets:
        return ""
    more = f", and {len(targets) - 1} more target{'s' if targets[2:] else ''}" if targets[1:] else ""
    return f"; not for {targets[0].name}{more}"


def _told(derivation: Derivation) -> list[Fact]:
    """Return the facts of the smallest proof in the order in which they are told, worked out once."""
    found: list[Fact] | None = derivation.told
    if found is None:
        found = derivation.told = _ordered(core(derivation))
    return found


def _is_root(key: Key) -> bool:
    return key == ROOT if isinstance(key, str) else key[0] == ROOT


def _own_ask(fact: Fact) -> Sequence[Ask]:
    """Return the requirement or constraint of the project that a fact is, or none."""
    if fact.excluded is not None:
        return () if fact.excluded.ask is None else (fact.excluded.ask,)
    return fact.asks[:1] if _is_root(fact.key) else ()


def _is_asked_by(ask: Ask, who: str | tuple[str, ...]) -> bool:
    return ask.origin is not None and ask.origin.who.startswith(who)


def _without_marker(ask: Any) -> str:
    return str(ask.requirement)


def _known_names(problem: TargetProblem) -> set[str]:
    """Return the names that exist as far as the project, its lock, this solve and folders of files know."""
    question = problem.question
    asked = {root[0].name for root in question.roots} | problem.knowledge.listed_names()
    missing = {name for name in asked if problem.package(name).missing is not None}
    return (asked | question.preferences.keys() | set(problem.knowledge.releases.names())) - missing


def _missing_text(fact: Fact, problem: TargetProblem) -> str:
    """Return why nothing meets a need, where nothing does; "" otherwise."""
    ask = fact.asks[0]
    if any(fact.needs.values()):
        return ""
    if ask.why and problem.package(ask.requirement.name).missing is None:
        return ask.why
    package = problem.package(ask.requirement.name)
    if package.missing is not None:
        reason = indented(package.missing.reason)
        near = (
            did_you_mean(package.name, _known_names(problem)) if package.missing.kind == "unknown" else None
        )
        meant = f'; did you mean "{near}"?' if near else ""
        if package.name == "python":
            # As other tools have it among the dependencies.
            meant = "; which Pythons a project is for stands in requires-python"
        is_named = reason.startswith((f"{package.name} ", f"{package.name}-"))
        return (reason if is_named else f"{package.name}: {reason}") + meant
    if not package.line.versions:
        return f"{package.name} has no versions"
    return f"no version of {package.name} is {ask.requirement.specifier}: {versions_there(package)}"


def _ordered(facts: Sequence[Fact]) -> list[Fact]:
    """Return the facts as they are told: the project's own first, then each after what leads to it."""
    own = [fact for fact in facts if _is_root(fact.key)]
    own.sort(key=lambda fact: _place(fact.asks[0].origin) if fact.asks else ())
    rest = [fact for fact in facts if not _is_root(fact.key)]
    told = list(own)
    reached = {fact.needed_name for fact in own}
    while rest:
        following = [
            fact for fact in rest if (fact.key if isinstance(fact.key, str) else fact.key[0]) in reached
        ]
        one = min(following or rest, key=lambda fact: (fact.excluded is not None, key_text(fact.key)))
        rest.remove(one)
        told.append(one)
        reached.add(one.needed_name)
    return told


def _place(origin: Origin | None) -> tuple[Any, ...]:
    if origin is None:
        return ()
    return (origin.group, origin.extra, tuple(str(part).zfill(6) for part in origin.key))
