"""``pkm env why-not``: solved again with a requirement added, and the outcome worded."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

from pkm_build.errors import PkmError
from pkm_env.lock.compose import compose
from pkm_env.lock.membership import condition
from pkm_env.model.distribution import Unavailable
from pkm_env.model.requirements import UnreadableRequirement, parse_requirement
from pkm_env.model.target import target_from_key
from pkm_env.ops.locked import section_targets
from pkm_env.ops.options import LockOptions
from pkm_env.ops.questions import ProjectNotThere, locked
from pkm_env.ops.renew import difference, indexes_of
from pkm_env.ops.section import Locker, shortened, without_target
from pkm_env.resolver.request import QUESTION, NoSolution, Origin, Root
from pkm_env.resolver.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.model.requirements import Requirement
    from pkm_env.model.target import Target
    from pkm_env.ops.locked import Change


class BadQuestion(PkmError):
    """What was asked about is no requirement."""

    exit_code = 2


class Answer:
    """Why a requirement does not hold in an environment, or what would change if it did.

    ``possible`` tells whether all, some or none of the targets have a solution with it, ``failing`` are the names
    of those that have none; targets that the lock leaves out anyway do not count.
    """

    __slots__ = ("changes", "failing", "held", "lines", "possible", "requirement")

    def __init__(self, requirement: str, held: Iterable[str] = ()) -> None:
        self.requirement = requirement
        self.held = tuple(held)
        self.possible = "all"
        self.failing: tuple[str, ...] = ()
        self.changes: tuple[Change, ...] = ()
        self.lines: list[str] = []

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "requirement": self.requirement,
            "held": list(self.held),
            "possible": self.possible,
            "failing": list(self.failing),
            "changes": [
                {"name": change.name, "before": change.before, "after": change.after}
                for change in self.changes
            ],
            "lines": self.lines,
        }


def why_not(context: Context, environment: Environment, text: str) -> Answer:
    """Return why *text* (a requirement, or a name: then its newest version) does not hold in an environment.

    :raises NothingLocked: when the environment is not locked.
    :raises BadQuestion: when *text* is no requirement.
    """
    asked = readable(text)
    lock = locked(context, environment)
    held = versions_held(lock, environment, asked.name)
    options = LockOptions([environment.section], upgrade_packages=[asked.name])
    locker = Locker(context, lock, section_targets(lock), options)
    locker.cut_off_indexes(environment)
    is_project = asked.name == context.workspace.project.name
    if is_project and not asked.specifier and not asked.extras:
        return of_project(context, environment, text, held)
    if not asked.specifier and not asked.url and not is_project:
        newest = newest_version(context, environment, asked.name)
        if isinstance(newest, Unavailable):
            answer = Answer(text, held)
            answer.possible = "none"
            answer.lines = [f"{asked.name}: {newest.reason}"]
            return answer
        extras = f"[{','.join(asked.extras)}]" if asked.extras else ""
        text = f"{asked.name}{extras}=={newest}"
    answer = Answer(text, held)
    where = places(lock, environment, held)
    targets = section_targets(lock)[environment.section]
    met = 0
    for version, mask in held.items():
        met |= mask if meets(version, readable(text)) else 0
    # Which extras the environment has is not in the lock: what they ask for shows in a solution alone.
    if met == (1 << len(targets)) - 1 and not asked.extras:
        answer.lines = [f"{asked.name} {' and '.join(where)} is in {environment.section}, as {text} asks"]
        left_out = dict(lock.sections[environment.section].left_out)
        answer.lines += left_out_lines([target_from_key(key) for key in left_out], left_out, "left out")
        return answer
    now = f"{asked.name} {' and '.join(where)} is" if held else f"nothing asks for {asked.name}"
    answer.lines = [f"{now} in {environment.section}; with {text}:"]
    solve(locker, environment, lock, answer)
    return answer


def of_project(context: Context, environment: Environment, text: str, held: Iterable[str]) -> Answer:
    """Return the answer about the project itself, which no index is asked for."""
    answer = Answer(text, held)
    if held:
        answer.lines = [f"{text} is the project itself, and is in {environment.name}"]
    else:
        answer.possible = "none"
        answer.lines = [str(ProjectNotThere(environment, context.workspace.project))]
    return answer


def readable(text: str) -> Requirement:
    """Return the requirement that *text* is.

    :raises BadQuestion: when it is none.
    """
    try:
        return parse_requirement(text)
    except UnreadableRequirement as error:
        reason = str(error).partition("\n")[0]
        raise BadQuestion(f'"{text}" is no requirement: {reason}', 'as in "httpx" or "httpx<0.28"') from error


def versions_held(lock: Lock, environment: Environment, name: str) -> dict[str, int]:
    """Return the versions of a package that a section holds, with the mask of the targets that have each."""
    found: dict[str, int] = {}
    for package in lock.of_section(environment.section):
        if package.name == name:
            found[package.version] = found.get(package.version, 0) | package.sections[environment.section]
    return found


def places(lock: Lock, environment: Environment, held: Mapping[str, int]) -> list[str]:
    """Return the versions held, each with the condition under which it is where not all targets have it."""
    section = lock.sections[environment.section]
    targets = section_targets(lock)[environment.section]
    found = []
    for version, mask in held.items():
        text = condition(mask, section, targets)
        found.append(f"{version or '(a folder)'}" + (f" ({text})" if text else ""))
    return found


def meets(version: str, asked: Requirement) -> bool:
    """Whether a version is one that a requirement asks for."""
    return (
        bool(version) and not asked.url and SpecifierSet(asked.specifier).contains(version, prereleases=True)
    )


def solve(locker: Locker, environment: Environment, lock: Lock, answer: Answer) -> None:
    """Solve the environment with the question added, and put the outcome into words."""
    context, old_targets = locker.context, locker.old_targets
    targets, _ = locker.targets(environment)
    question = Root(answer.requirement, Origin(QUESTION))
    wanted = locker.request(environment, targets).asking(question)
    outcomes = resolve(wanted, context.releases(environment), context.memory)
    left_out = dict(lock.sections[environment.section].left_out)
    failures = [outcome for outcome in outcomes if isinstance(outcome, NoSolution)]
    solved = [outcome for outcome in outcomes if not isinstance(outcome, NoSolution)]
    counted = [failure for failure in failures if failure.target.key not in left_out]
    answer.failing = tuple(failure.target.name for failure in counted)
    answer.possible = "all" if not counted else "some" if solved else "none"
    answer.lines += failure_lines(counted, locker)
    if solved:
        result = locker.result(environment, solved, failures)
        sections = {environment.section: result}
        later = compose(lock, old_targets, sections, list(lock.sections), "", indexes_of(context))
        failing = [failure.target for failure in failures]
        within = sum(
            1 << place
            for place, whole in enumerate(old_targets[environment.section])
            if not any(one.is_part_of(whole) for one in failing)
        )
        answer.changes = difference(lock, later, environment.section, within)
        answer.lines += change_lines(answer.changes, "for the other targets " if counted else "")
    absent = [failure.target for failure in failures]
    answer.lines += left_out_lines(absent, left_out, "left out with or without it")
    while not answer.lines[-1]:
        answer.lines.pop()


def failure_lines(failures: Sequence[NoSolution], locker: Locker) -> list[str]:
    """Return why targets have no solution; those whose explanations differ in the target alone have one together."""
    groups: dict[tuple[str, ...], list[NoSolution]] = {}
    for failure in failures:
        told = locker.explained(failure).lines
        groups.setdefault(tuple(without_target(line.text, failure.target) for line in told), []).append(
            failure
        )
    lines = []
    for first, *others in groups.values():
        names = [failure.target.name for failure in (first, *others)]
        lines += [f"nothing fits {shortened(names)}", "", str(locker.explained(first, others)), ""]
    return lines


def change_lines(changes: Sequence[Change], where: str) -> list[str]:
    """Return what a solution would change; *where* is "", or says for which targets there is one."""
    if not changes:
        return [f"{where}it would be admitted, and no version would change"]
    lines = [f"{where}it would be admitted, and this would change:"]
    for change in changes:
        sign = "+" if not change.before else "-" if not change.after else "~"
        arrow = " -> " if change.before and change.after else ""
        lines.append(f"  {sign} {change.name} {change.before}{arrow}{change.after}")
    return lines


def left_out_lines(targets: Iterable[Target], left_out: Mapping[str, str], words: str) -> list[str]:
    """Return which targets the lock leaves out anyway, by their reason, behind *words*."""
    groups: dict[str, list[str]] = {}
    for target in targets:
        if target.key in left_out:
            groups.setdefault(without_target(left_out[target.key], target), []).append(target.name)
    return [f"{words}: {shortened(names)}: {reason}" for reason, names in groups.items()]


def newest_version(context: Context, environment: Environment, name: str) -> str | Unavailable:
    """Return the newest version that an index lists, a final one if there is any."""
    listing = context.supply(environment).listing(name)
    if isinstance(listing, Unavailable):
        return listing
    usable = [bit for bit in range(len(listing.versions)) if not listing.yanked >> bit & 1]
    finals = [bit for bit in usable if not listing.prereleases >> bit & 1]
    chosen = (finals or usable)[-1:]
    return listing.versions[chosen[0]] if chosen else Unavailable("unknown", "every release of it was yanked")
