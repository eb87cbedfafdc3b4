"""``pkm env lock``: which sections are stale, their solutions, the next lock."""

from __future__ import annotations

import time

from pkm_build.errors import PkmError
from pkm_build.tables import did_you_mean
from pkm_env.lock.compose import compose
from pkm_env.lock.content import sealed
from pkm_env.lock.membership import BadLock, targets_of
from pkm_env.lock.text import render
from pkm_env.model.requirements import parse_requirement
from pkm_env.ops.options import LockOptions
from pkm_env.ops.section import Locker
from pkm_env.workspace import CONFLICT_MARK, read_lock_text, write_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.context import Context
    from pkm_env.lock.compose import SectionResult
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.model.target import Target
    from pkm_env.ops.build_lock import Builds
    from pkm_env.workspace import Workspace


MIXED = "was changed by hand or merged by lines"


class Stale(PkmError):
    """A section that no longer says what the project asks for, where it had to."""

    def __init__(self, names: Sequence[str], why: str, command: str) -> None:
        listed = ", ".join(f'"{name}"' for name in names)
        super().__init__(f"pylock.toml is not up to date for {listed}: {why}", command)
        self.names = tuple(names)


class NotLocked(PkmError):
    """A package to upgrade that the lock does not hold."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = did_you_mean(name, known)
        super().__init__(
            f'there is no package "{name}" in the lock', f'did you mean "{near}"?' if near else ""
        )


class Change:
    """One line of the difference: a package, its versions before and after ("" where it was or is not), where."""

    __slots__ = ("after", "before", "environments", "name", "why")

    def __init__(
        self, name: str, before: str, after: str, environments: tuple[str, ...], why: str = ""
    ) -> None:
        self.name = name
        self.before = before
        self.after = after
        self.environments = environments
        self.why = why


class Locked:
    """What a lock did: the sections solved, the difference, counts, seconds.

    ``written`` tells whether the file has changed, or would have. ``lock`` is the lock as it now is.
    """

    __slots__ = ("changes", "lock", "seconds", "sections", "solves", "targets", "text", "written")

    def __init__(self, lock: Lock, text: str) -> None:
        self.lock = lock
        self.text = text
        self.sections: tuple[str, ...] = ()
        self.changes: tuple[Change, ...] = ()
        self.written = False
        self.targets = 0
        self.solves = 0
        self.seconds = 0.0


def lock(context: Context, options: LockOptions) -> Locked:
    """Bring the lock up to date, or find out what that would change.

    :raises NoSolutionFound: when an environment has no solution.
    """
    began = time.monotonic()
    workspace = context.workspace
    before = read_lock_text(workspace.lock_path)
    old, theirs = both_sides(context, before)
    context.refresh = options.refresh
    check_known(old, options)
    old_targets = section_targets(old)
    results: dict[str, SectionResult] = {}
    lockers: list[Locker] = []
    stale: list[tuple[Locker, Environment]] = []
    # A file with conflict marks is mended whole, whatever was named: nothing else can read it.
    names = options.environments if theirs is None else ()
    for owner in workspace.family if not names else (workspace,):
        run = lockers[0].run if lockers else None
        locker = Locker(context.of(owner), old, old_targets, options, run)
        lockers.append(locker)
        if theirs is None:
            stale += [(locker, found) for found in owner.chosen(names) if locker.is_stale(found)]
        else:
            lockers.append(other_locker(locker, theirs))
            stale += contested(locker, lockers[-1], owner.environments)
    order = [found.section for owner in workspace.family for found in owner.environments]
    chosen = [
        found for owner in (workspace.family if not names else (workspace,)) for found in owner.chosen(names)
    ]
    builds = builds_of(context, old, options, chosen)
    if old is not None and before is not None and theirs is None and not stale:
        building = [need.section for need in builds.needs(old).values()] if builds is not None else []
        if is_ordered(old, [*order, *building]) and not (builds is not None and builds.stale(old)):
            return Locked(old, before)
    tell_mixed(context, old, [environment for _, environment in stale])
    for locker, environment in stale:
        results[environment.section] = locker.solve_one(environment)
    found = compose(old, old_targets, results, order, requires_python_of(workspace))
    if builds is not None:
        order += builds.solve(found)
        results.update(builds.results)
        found = compose(old, old_targets, results, order, requires_python_of(workspace))
    targets = {**old_targets, **{name: result.targets for name, result in results.items()}}
    found = sealed(found, targets, results, () if old is None else old.mixed - results.keys())
    locked = Locked(found, render(found, targets))
    locked.sections = tuple(results)
    locked.changes = difference(old, found)
    locked.targets = sum(len(result.targets) for result in results.values())
    locked.solves = sum(locker.solves for locker in lockers) + (builds.solves if builds is not None else 0)
    locked.written = locked.text != before
    if options.write:
        write_lock(workspace.lock_path, locked.text, before)
        context.remember_lock(locked.text, found)
    locked.seconds = time.monotonic() - began
    return locked


def builds_of(
    context: Context, old: Lock | None, options: LockOptions, chosen: Sequence[Environment]
) -> Builds | None:
    """Return what locks the requirements of builds, None where no environment asks for that."""
    family = context.workspace.family
    if not any(found.options.lock_build for owner in family for found in owner.environments):
        return None
    from pkm_env.ops.build_lock import Builds

    return Builds(context, old, options, [found.section for found in chosen])


def other_locker(locker: Locker, theirs: Lock) -> Locker:
    """Return what locks for the same project from their side; each side prefers its own versions first."""
    other = Locker(locker.context, theirs, section_targets(theirs), locker.options, locker.run.beside())
    other.further = locker.old.packages if locker.old is not None else ()
    locker.further = theirs.packages
    return other


def contested(
    locker: Locker, other: Locker, environments: Sequence[Environment]
) -> list[tuple[Locker, Environment]]:
    """Return the environments to solve after a conflict, with the side whose versions come first.

    Git merges line by line, so a side that was read from the marked text may hold lines of the other one,
    whatever its digest says: a section on which the two do not agree is solved again.
    """
    from pkm_env.lock.conflict import agree

    found = []
    for environment in environments:
        if locker.is_stale(environment):
            found.append((locker if other.is_stale(environment) else other, environment))
        elif not agree(locker.old, other.old, environment.section):
            found.append((locker, environment))
    return found


def is_ordered(lock: Lock, order: Sequence[str]) -> bool:
    """Whether the lock's sections are declared, in their order."""
    return list(lock.sections) == [name for name in order if name in lock.sections]


def requires_python_of(workspace: Workspace) -> str:
    """Return what the whole lock says of Python: what all its projects say alike, "" where they differ."""
    said = {owner.project.requires_python or "" for owner in workspace.family if owner.project.name}
    return said.pop() if len(said) == 1 else ""


def both_sides(context: Context, text: str | None) -> tuple[Lock | None, Lock | None]:
    """Return the lock of a text, and their side of it where git left a conflict: as git has them, else as marked.

    A side that cannot be read, as git's merge by lines may leave it, is as good as the other one.

    :raises BadLock: when neither side can be read.
    """
    if text is None:
        return None, None
    if CONFLICT_MARK not in text:
        return context.parsed_lock(text), None
    from pkm_env.lock.conflict import has_conflict, sides

    if not has_conflict(text):
        return context.parsed_lock(text), None
    texts = context.both_texts(context.workspace.lock_path) or sides(text)
    ours, theirs = (side_of(context, side) for side in texts)
    if isinstance(ours, BadLock):
        if isinstance(theirs, BadLock):
            raise ours
        return theirs, theirs
    return ours, ours if isinstance(theirs, BadLock) else theirs


def side_of(context: Context, text: str) -> Lock | BadLock:
    """Return the lock of one side of a conflict, or why it is none."""
    try:
        return context.parsed_lock(text)
    except BadLock as error:
        return error


def check_known(old: Lock | None, options: LockOptions) -> None:
    """Refuse to upgrade a package that is not locked: the name is probably mistyped.

    :raises NotLocked: with the name that was probably meant.
    """
    known = {package.name for package in old.packages} if old is not None else set()
    for text in options.upgrade_packages:
        name = parse_requirement(text).name
        if known and name not in known:
            raise NotLocked(name, sorted(known))


def tell_mixed(context: Context, old: Lock | None, environments: Sequence[Environment]) -> None:
    """Tell which of the sections that are solved again are not what somebody solved."""
    for environment in environments:
        if old is not None and environment.section in old.mixed:
            context.reporter.note(f'the section "{environment.section}" {MIXED}; it is solved again')


def why_stale(lock: Lock | None, name: str) -> str:
    """Return why a section that is stale is so."""
    if lock is None or name not in lock.sections:
        return "it is not there"
    return f"its section {MIXED}" if name in lock.mixed else "what it was solved from has changed"


def stale_sections(context: Context, environments: Sequence[Environment], lock: Lock | None) -> list[str]:
    """Return the sections of environments that are missing or stale, else those of their builds that are."""
    locker = Locker(context, lock, section_targets(lock), LockOptions())
    found = [environment.section for environment in environments if locker.is_stale(environment)]
    builds = builds_of(context, lock, LockOptions(), environments)
    if builds is not None and lock is not None and not found:
        found += [stale.need.section for stale in builds.stale(lock)]
    return found


def section_targets(lock: Lock | None) -> dict[str, tuple[Target, ...]]:
    """Return the targets of each section of a lock."""
    return {name: targets_of(section) for name, section in lock.sections.items()} if lock is not None else {}


def difference(old: Lock | None, new: Lock, section: str = "") -> tuple[Change, ...]:
    """Return what is another in *new*, or in one section of it, sorted by name; sections with one change together."""
    before = versions_by_section(old, section)
    after = versions_by_section(new, section)
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, where in sorted(before.keys() | after.keys()):
        was, now = before.get((name, where), set()), after.get((name, where), set())
        if was != now:
            change = (name, ", ".join(sorted(was - now)), ", ".join(sorted(now - was)))
            found.setdefault(change, []).append(where)
    return tuple(
        Change(name, gone, come, tuple(sections)) for (name, gone, come), sections in sorted(found.items())
    )


def versions_by_section(lock: Lock | None, section: str) -> dict[tuple[str, str], set[str]]:
    """Return the versions of each name in each section, or in one; a folder's version is its place."""
    found: dict[tuple[str, str], set[str]] = {}
    for package in lock.packages if lock is not None else ():
        shown = package.version or (package.source.location if package.source is not None else "")
        for where in package.sections if not section else {section} & package.sections.keys():
            found.setdefault((package.name, where), set()).add(shown)
    return found
