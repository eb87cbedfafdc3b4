"""``pkm env why-not``: solved again with a requirement added, and the outcome worded."""

from __future__ import annotations

from pkm_env.lock.compose import compose
from pkm_env.model.distribution import Unavailable
from pkm_env.model.requirements import parse_requirement
from pkm_env.ops.lock import difference, section_targets
from pkm_env.ops.options import LockOptions
from pkm_env.ops.questions import graph_of, locked
from pkm_env.ops.section import Locker
from pkm_env.resolver.report import explain
from pkm_env.resolver.request import NoSolution, Origin, Request, Root
from pkm_env.resolver.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.model.environment import Environment


class Answer:
    """Why a requirement does not hold in an environment, or what would change if it did.

    ``possible`` tells whether all, some or none of the targets have a solution with it.
    """

    __slots__ = ("lines", "possible", "requirement")

    def __init__(self, requirement: str, possible: str, lines: list[str]) -> None:
        self.requirement = requirement
        self.possible = possible
        self.lines = lines

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {"requirement": self.requirement, "possible": self.possible, "lines": self.lines}


def why_not(context: Context, environment: Environment, text: str) -> Answer:
    """Return why *text* (a requirement, or a name: then its newest version) does not hold in an environment.

    :raises NothingLocked: when the environment is not locked.
    """
    asked = parse_requirement(text)
    held = sorted({key[1] for key in graph_of(context, environment).named(asked.name)})
    if not asked.specifier and not asked.url:
        newest = newest_version(context, environment, asked.name)
        if isinstance(newest, Unavailable):
            return Answer(text, "none", [f"{asked.name}: {newest.reason}"])
        if held == [newest]:
            return Answer(
                text, "all", [f"{asked.name} {newest}, its newest version, is in {environment.name}"]
            )
        text = f"{asked.name}=={newest}"
    lock = locked(context, environment)
    old_targets = section_targets(lock)
    locker = Locker(
        context, lock, old_targets, LockOptions([environment.name], upgrade_packages=[asked.name])
    )
    targets, _ = locker.targets(environment)
    request = locker.request(environment, targets)
    wanted = Request(
        (*request.roots, Root(text, Origin("this question"))),
        targets,
        rules=request.rules,
        preferences=request.preferences,
        sources=request.sources,
        root_name=request.root_name,
        own_extras=request.own_extras,
    )
    outcomes = resolve(wanted, context.supply(environment), context.memory)
    failures = [outcome for outcome in outcomes if isinstance(outcome, NoSolution)]
    solved = [outcome for outcome in outcomes if not isinstance(outcome, NoSolution)]
    now = f"{asked.name} {', '.join(held)} is" if held else f"{asked.name} is not"
    lines = [f"{now} in {environment.name}; with {text}:"]
    groups: dict[str, list[str]] = {}
    for failure in failures:
        groups.setdefault(str(explain(failure, where=locker.where)), []).append(failure.target.name)
    for explanation, names in groups.items():
        shown = names[0] + (f", and {len(names) - 1} more targets" if names[1:] else "")
        lines += [f"nothing fits {shown}", "", explanation, ""]
    if solved:
        result = locker.result(environment, solved, failures)
        order = list(lock.sections)
        changed = compose(lock, old_targets, {environment.section: result}, order)
        mine = difference(lock, changed, environment.section)
        lines.append("it would be admitted, and this would change:" if mine else "it holds already")
        for change in mine:
            sign = "+" if not change.before else "-" if not change.after else "~"
            arrow = " -> " if change.before and change.after else ""
            lines.append(f"  {sign} {change.name} {change.before}{arrow}{change.after}")
    possible = "all" if not failures else "some" if solved else "none"
    return Answer(text, possible, lines)


def newest_version(context: Context, environment: Environment, name: str) -> str | Unavailable:
    """Return the newest version that an index lists, a final one if there is any."""
    listing = context.supply(environment).listing(name)
    if isinstance(listing, Unavailable):
        return listing
    usable = [bit for bit in range(len(listing.versions)) if not listing.yanked >> bit & 1]
    finals = [bit for bit in usable if not listing.prereleases >> bit & 1]
    chosen = (finals or usable)[-1:]
    return listing.versions[chosen[0]] if chosen else Unavailable("unknown", "every release of it was yanked")
