"""Rules of the project that could be changed where nothing fits: what to write, each tried by the solver."""

from __future__ import annotations

from pkm_env.model.requirements import Requirement
from pkm_env.resolver.bounds import specifier_for
from pkm_env.resolver.notes import ROOT, name_of
from pkm_env.resolver.request import COMMAND_LINE, KEPT_COMMAND_LINE
from pkm_env.resolver.suggest import Change, Suggestion, solve, version_of, with_specifier
from pkm_env.resolver.wording import admitted_by, and_list, has_sdist
from pkm_env.resolver.written import array_or_false, array_text, inline_text, key_text, table_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.proof import Fact
    from pkm_env.resolver.request import Origin, Rules
    from pkm_env.resolver.solution import Derivation
    from pkm_env.resolver.suggest import Answer

_MOST_YANKED = 3
# With more packages to name, one later date says it shorter.
_MOST_DATED = 3
_NOT_DATED = ""


class Remedies:
    """The rules behind one failure, and what changing each would give.

    *numbers* are those of the lines by fact.
    """

    def __init__(self, derivation: Derivation, facts: Sequence[Fact], numbers: Mapping[int, int]) -> None:
        self._derivation = derivation
        self._facts = facts
        self._numbers = numbers
        self._problem = derivation.problem
        self._question = self._problem.question
        self._declared = self._question.declared
        own = self._question.root_name
        self._names = [
            name for name in dict.fromkeys(f.needed_name for f in facts if f.asks) if name not in ("", own)
        ]

    def overrides(self) -> Iterator[Suggestion]:
        """Yield what helps where an override is a reason: to leave it out, or else another one."""
        asks = [(ask, fact) for fact in self._facts for ask in fact.asks if ask.overridden]
        seen = set()
        for ask, fact in asks:
            path = self._question.overrides.path(ask.requirement.name, name_of(ask.asker), ask.version)
            if path and path not in seen:
                seen.add(path)
                found = self._without_override(path, ask, self._numbers[id(fact)])
                if found is not None:
                    yield found

    def others(self) -> Iterator[Suggestion]:
        """Yield what helps beside bounds, overrides and other targets."""
        yield from self._indexes()
        yield from self._cut_offs()
        for name in self._names:
            yield from self._files(name)
        yield from self._yanked()

    # Where rules stand ----------------------------------------------------------------------------

    def _place(self, *rule: str) -> str:
        """Return where to write a rule: the table that holds it, or *on the command line*."""
        origin = self._declared.origin(*rule)
        if origin is None:
            return "in [tool.pkm]"
        return "on the command line" if _is_typed(origin) else f"in {table_text(origin.key[: -len(rule)])}"

    def _suggestion(
        self, text: str, name: str, found: Answer, change: Change, *rule: str, more: str = ""
    ) -> Suggestion:
        return Suggestion(
            text, found[1], name, version_of(name, found), place=self._place(*rule), more=more, change=change
        )

    def _try(self, change: Change, name: str) -> Answer | None:
        """Return an answer with a change, where it has a package."""
        found = solve(self._derivation, change)
        return found if found is not None and name in found[1] else None

    def _wanted(self, name: str) -> int:
        return admitted_by(name, self._facts, self._problem)

    # The rules, one by one ------------------------------------------------------------------------

    def _without_override(self, path: tuple[str, ...], ask: Ask, number: int) -> Suggestion | None:
        rules, name = self._question.rules, ask.requirement.name
        origin = self._declared.origin("overrides", *path)
        shown = f"overrides.{'.'.join(key_text(key) for key in path)}"
        typed = origin is not None and _is_typed(origin)
        change = Change(self._question.with_rules(rules.replaced(overrides=_without(rules.overrides, path))))
        found = self._try(change, name)
        if found is not None:
            text = f"without --override {name}" if typed else f"without {shown}"
            return Suggestion(text, found[1], name, version_of(name, found), numbers=[number], change=change)
        entry = _at(rules.overrides, path)
        if not isinstance(entry, str) or ask.requirement.marker:
            return None
        wider = self._try(Change(self._with_override(path, "*")), name)
        if wider is None:
            return None
        specifier = specifier_for(name, *wider)
        text = f"--override '{name}{specifier}'" if typed else f'{shown} = "{specifier}"'
        change = Change(self._with_override(path, specifier))
        found = self._try(change, name)
        if found is None:
            return None
        return Suggestion(text, found[1], name, version_of(name, found), numbers=[number], change=change)

    def _with_override(self, path: tuple[str, ...], entry: str) -> Any:
        rules = self._question.rules
        return self._question.with_rules(rules.replaced(overrides=_without(rules.overrides, path, entry)))

    def _indexes(self) -> Iterator[Suggestion]:
        """Yield other indexes that a name could be bound to: those of which is known what they have."""
        releases = self._problem.knowledge.releases
        for name in self._names:
            package = self._problem.package(name)
            if package.source is not None or name in self._question.sources:
                continue
            for index, versions, _why in releases.elsewhere(name):
                if not versions or index not in self._declared.indexes:
                    continue
                other = releases.changed({name: index}, {})
                change = None if other is None else Change(self._question, other)
                found = None if change is None else self._try(change, name)
                if change is not None and found is not None:
                    text = f'sources.{key_text(name)} = {{ index = "{index}" }}'
                    yield self._suggestion(text, name, found, change)
                    break

    def _cut_offs(self) -> Iterator[Suggestion]:
        """Yield a later date for a package that the cut-off keeps out, else for all packages that it has to be for."""
        late = [name for name in self._names if self._problem.package(name).excluded & self._wanted(name)]
        if not late or not self._declared.exclude_newer:
            return
        origin = self._declared.origin("exclude-newer")
        is_typed = origin is not None and _is_typed(origin)
        # The command line has one date for all.
        found = [] if is_typed else [self._uncut(name, name) for name in late]
        if not any(found):
            found = [self._uncut("*", late[0])]
        yield from filter(None, found)

    def _uncut(self, names: str, name: str) -> Suggestion | None:
        """Return what a later cut-off for a name, or for all ("*"), gives; *name* is one that is to come of it."""
        found = self._cut_at({names: None}, name)
        dates = self._dates(found[1]) if found is not None else {}
        text, is_for_all = self._cut_off_text(dates) if name in dates else ("", False)
        if not text:
            return None
        latest = {"*": max(dates.values())} if is_for_all else dates
        exact = self._cut_at({one: f"{day}T00:00:00Z" if day else None for one, day in latest.items()}, name)
        return None if exact is None else self._suggestion(text, name, exact[1], exact[0], "exclude-newer")

    def _cut_at(self, cut_offs: Mapping[str, str | None], name: str) -> tuple[Change, Answer] | None:
        """Return the change that other cut-offs are, and the answer that it gives, where that has a package."""
        other = self._problem.knowledge.releases.changed({}, cut_offs)
        change = None if other is None else Change(self._question, other)
        found = None if change is None else self._try(change, name)
        return None if change is None or found is None else (change, found)

    def _dates(self, found: Answer) -> dict[str, str]:
        """Return what of an answer the cut-off keeps out now, with the first day that it would have to name.

        That is _NOT_DATED where nobody knows when it was uploaded.
        """
        problem, decided = found
        dates = {}
        for name, bit in decided.items():
            if not isinstance(name, str) or name == ROOT:
                continue
            package = problem.package(name)
            if (
                package.source is None
                and self._problem.package(name).excluded & bit
                and package.listing is not None
            ):
                times = [file.upload_time for file in package.listing.files(package.version(bit))]
                dates[name] = _day_after(max(times)) if all(times) else _NOT_DATED
        return dates

    def _cut_off_text(self, dates: Mapping[str, str]) -> tuple[str, bool]:
        """Return how the cut-off would have to be written, "" where that cannot be said, and whether it is for all."""
        declared, origin = self._declared.exclude_newer, self._declared.origin("exclude-newer")
        latest = max(dates.values())
        if origin is not None and _is_typed(origin):
            return f"--exclude-newer {latest}" if all(dates.values()) else "", True
        if len(dates) > _MOST_DATED and all(dates.values()):
            return f'exclude-newer = "{latest}"', True
        table: dict[str, Any] = {"default": declared} if isinstance(declared, str) else dict(declared or {})
        table.update({name: date or False for name, date in dates.items()})
        return f"exclude-newer = {inline_text(table)}", False

    def _files(self, name: str) -> Iterator[Suggestion]:
        """Yield which rule about a package's files could be laid aside: on pre-releases, on builds, on wheels."""
        rules, package, wanted = self._question.rules, self._problem.package(name), self._wanted(name)
        if self._problem.ground.refused_prereleases(package) & wanted:
            text, changed = self._with_prereleases(name)
            yield from self._under("prereleases", text, changed, name)
        if rules.forbids_build(name) and has_sdist(package, wanted):
            yield from self._with_builds(name)
        if rules.forbids_wheels(name) and package.wheels & wanted:
            left = _without_name(rules.no_binary, name)
            text = f"no-binary = {array_or_false(left)}"
            yield from self._under("no-binary", text, rules.replaced(no_binary=left), name)

    def _under(self, key: str, text: str, rules: Rules, name: str) -> Iterator[Suggestion]:
        """Yield what other rules give for a package, if anything."""
        change = Change(self._question.with_rules(rules))
        found = self._try(change, name)
        if found is not None:
            yield self._suggestion(text, name, found, change, key)

    def _with_builds(self, name: str) -> Iterator[Suggestion]:
        """Yield that a package may be built, alone if that is enough; else with what else has to be, or with all."""
        rule = self._question.rules.no_build
        every = self._try(self._building(no_build=False), name)
        built = self._built(every) if every is not None else []
        tries: list[bool | frozenset[str]] = [False]
        if not isinstance(rule, bool):
            tries = [rule - {name}, rule - {*built}, frozenset()]
        for left in dict.fromkeys(tries) if built else ():
            change = self._building(no_build=left)
            found = self._try(change, name)
            built = self._built(found) if found is not None else []
            if found is not None and built:
                text = f"no-build = {array_or_false(left)}"
                more = f"; {and_list(built)} {'is' if len(built) == 1 else 'are'} built"
                yield self._suggestion(text, name, found, change, "no-build", more=more)
                return

    def _building(self, *, no_build: bool | frozenset[str]) -> Change:
        return Change(self._question.with_rules(self._question.rules.replaced(no_build=no_build)))

    def _with_prereleases(self, name: str) -> tuple[str, Rules]:
        """Return what to write for pre-releases of a package to be taken, and the rules that this makes."""
        rules, origin = self._question.rules, self._declared.origin("prereleases")
        if origin is not None and _is_typed(origin):
            return "--prereleases allow", rules.replaced(prereleases="allow")
        said = {"*": rules.prereleases} if isinstance(rules.prereleases, str) else dict(rules.prereleases)
        said[name] = "allow"
        shown = {"default" if key == "*" else key: value for key, value in said.items()}
        if shown.get("default") == "if-necessary":
            del shown["default"]
        return f"prereleases = {inline_text(shown)}", rules.replaced(prereleases=said)

    def _built(self, found: Answer) -> list[str]:
        """Return the packages of an answer that would be built, and must not be by the rules that there are."""
        problem, decided = found
        built = []
        for key, bit in decided.items():
            if isinstance(key, str) and key != ROOT and self._question.rules.forbids_build(key):
                _whole, _part, wheels = problem.view.fitting(problem.package(key), problem.members)
                if not wheels & bit and bit != 1:
                    built.append(key)
        return sorted(built)

    def _yanked(self) -> Iterator[Suggestion]:
        """Yield the yanked release to pin of a package of which nothing else is left: the newest that does."""
        for name in self._names:
            package = self._problem.package(name)
            _whole, fitting, _wheels = self._problem.view.fitting(package, self._problem.members)
            barred = package.yanked & self._problem.ground.barred(name)[0] & self._wanted(name) & fitting
            if self._wanted(name) & self._problem.usable(name).mask:
                continue
            for _ in range(_MOST_YANKED):
                if not barred:
                    break
                bit = 1 << barred.bit_length() - 1
                barred ^= bit
                found = self._pinned(package, package.version(bit))
                if found is not None:
                    yield found
                    break

    def _pinned(self, package: Package, version: str) -> Suggestion | None:
        """Return what pinning a yanked release gives: in the project's own requirement, else by a constraint."""
        name, pin = package.name, f"=={version}"
        reason = package.yank_reason(version)
        more = f" (yanked: {reason})" if reason else " (yanked)"
        for fact in self._facts:
            if name_of(fact.key) == ROOT and fact.needed_name == name and not fact.asks[0].overridden:
                asked = fact.asks[0].requirement
                change = Change(self._question.with_root(asked, with_specifier(asked, pin)))
                found, number = self._try(change, name), self._numbers[id(fact)]
                text = str(with_specifier(asked, pin))
                if found is None:
                    return None
                return Suggestion(text, found[1], name, version, numbers=[number], more=more, change=change)
        change = Change(self._question.with_constraint(Requirement(name, (), pin, "", "")))
        found = self._try(change, name)
        asks = [ask for asks in self._question.constraints.values() for _bound, ask in asks]
        written = [str(ask.requirement) for ask in asks if ask.origin is None or not _is_typed(ask.origin)]
        text = f"constraints = {array_text([*written, name + pin])}"
        return (
            None if found is None else self._suggestion(text, name, found, change, "constraints", more=more)
        )


def _is_typed(origin: Origin) -> bool:
    return origin.who in {COMMAND_LINE, KEPT_COMMAND_LINE}


def _without_name(names: bool | frozenset[str], name: str) -> bool | frozenset[str]:
    """Return a rule for some packages without one; no rule at all where it is for all."""
    return frozenset(names) - {name} if not isinstance(names, bool) else False


def _at(table: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    return table[path[0]] if len(path) == 1 else table[path[0]][path[1]]


def _without(table: Mapping[str, Any], path: tuple[str, ...], entry: str = "") -> dict[str, Any]:
    """Return a table of overrides without what stands at a path, or with an *entry* there."""
    key, *rest = path
    inner = _without(table[key], tuple(rest), entry) if rest else entry
    return {
        other: inner if other == key else value for other, value in table.items() if other != key or inner
    }


def _day_after(moment: str) -> str:
    """Return the day after that of a time in UTC (RFC 3339)."""
    from datetime import date, timedelta

    return (date.fromisoformat(moment[:10]) + timedelta(days=1)).isoformat()
