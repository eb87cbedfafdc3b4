"""``pkm env lock``: which sections are stale, their solutions, the next lock."""

from __future__ import annotations

import time

from pkm_build.errors import PkmError
from pkm_build.tables import meant
from pkm_env.lock.membership import BadLock
from pkm_env.model.requirements import parse_requirement
from pkm_env.ops.locked import MIXED, Locked, builds_of
from pkm_env.ops.options import LockOptions
from pkm_env.ops.staleness import Staleness
from pkm_env.workspace import CONFLICT_MARK, read_lock_text, write_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment

# Another command that locks writes once; a lock that changes more often is not changed by commands.
MOST_TRIES = 3


class Stale(PkmError):
    """A section that no longer says what the project asks for, where it had to."""

    def __init__(self, names: Sequence[str], why: str, command: str) -> None:
        listed = ", ".join(f'"{name}"' for name in names)
        super().__init__(f"pylock.toml is not up to date for {listed}: {why}", command)
        self.names = tuple(names)


class AlwaysChanged(PkmError):
    """The lock was changed each time while its next text was worked out."""

    def __init__(self) -> None:
        super().__init__(
            f"pylock.toml was changed {MOST_TRIES + 1} times while it was locked; it stays as it is"
        )


class NotLocked(PkmError):
    """A package that an option names, and that the lock does not hold."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f'there is no package "{name}" in the lock', meant(name, known))


def lock(context: Context, options: LockOptions) -> Locked:
    """Bring the lock up to date, or find out what that would change.

    :raises NoSolutionFound: when an environment has no solution.
    :raises Stale: when something has to be solved, and *options* say that nothing may.
    """
    began = time.monotonic()
    done = lock_once(context, options)
    for _ in range(MOST_TRIES):
        if done is not None:
            break
        context.reporter.note("pylock.toml was changed meanwhile: what it holds now is locked on")
        done = lock_once(context, options)
    if done is None:
        raise AlwaysChanged
    done.seconds = time.monotonic() - began
    return done


def lock_once(context: Context, options: LockOptions) -> Locked | None:
    """Return as ``lock``, None where the file has changed while its next text was worked out.

    So of commands that lock different environments at the same time none takes back what another has written.
    """
    path = context.workspace.lock_path
    before = read_lock_text(path)
    old, theirs = both_sides(context, before)
    context.refresh = options.refresh
    check_known(context, old, options)
    done = as_it_stands(context, options, before, old) if theirs is None else None
    if done is not None:
        return done
    if options.locked:
        names = [
            name
            for owner in context.workspace.owners(options.environments)
            for name in stale_sections(context.of(owner), owner.with_sections(options.environments), old)
        ]
        why = "git left a conflict in it" if theirs is not None else why_stale(old, names[0] if names else "")
        raise Stale(names or list(old.sections if old is not None else ()), why, "pkm lock")
    from pkm_env.ops.renew import renewed

    done = renewed(context, options, before, old, theirs)
    if options.write and done.written:
        if read_lock_text(path) != before:
            return None
        write_lock(path, done.text)
        context.remember_lock(done.text, done.lock)
    return done


def as_it_stands(
    context: Context, options: LockOptions, text: str | None, lock: Lock | None
) -> Locked | None:
    """Return the lock where nothing of it has to be solved, else None."""
    if lock is None or text is None:
        return None
    workspace, names = context.workspace, options.environments
    chosen = []
    for owner in workspace.owners(names):
        staleness = Staleness(context.of(owner), lock, options)
        for environment in owner.with_sections(names):
            if staleness.is_stale(environment):
                return None
            chosen.append(environment)
    builds = builds_of(context, lock, options, chosen)
    building = [need.section for need in builds.needs(lock).values()] if builds is not None else []
    order = [found.section for owner in workspace.family for found in owner.environments]
    if not is_ordered(lock, [*order, *building]) or (builds is not None and builds.stale(lock)):
        return None
    return Locked(lock, text)


def is_ordered(lock: Lock, order: Sequence[str]) -> bool:
    """Whether the lock's sections are declared, in their order."""
    return list(lock.sections) == [name for name in order if name in lock.sections]


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


def check_known(context: Context, old: Lock | None, options: LockOptions) -> None:
    """Refuse to upgrade or refresh what is neither locked nor asked for: the name is probably mistyped.

    :raises NotLocked: with the name that was probably meant.
    """
    refreshed = options.refresh if isinstance(options.refresh, frozenset) else ()
    names = [parse_requirement(text).name for text in options.upgrade_packages] + sorted(refreshed)
    if names and old is not None and old.packages:
        check_names(names, {package.name for package in old.packages} | context.places.known_names().keys())


def check_names(names: Iterable[str], known: Collection[str]) -> None:
    """Refuse normalised names that are not *known*.

    :raises NotLocked: with the name that was probably meant.
    """
    for name in names:
        if name not in known:
            raise NotLocked(name, sorted(known))


def why_stale(lock: Lock | None, name: str) -> str:
    """Return why a section that is stale is so."""
    if lock is not None and not name:
        return "its sections are not those of the project"
    if lock is None or name not in lock.sections:
        return "it is not there"
    return f"its section {MIXED}" if name in lock.mixed else "what it was solved from has changed"


def stale_sections(context: Context, environments: Sequence[Environment], lock: Lock | None) -> list[str]:
    """Return the sections of environments that are missing or stale, else those of their builds that are."""
    staleness = Staleness(context, lock, LockOptions())
    found = [environment.section for environment in environments if staleness.is_stale(environment)]
    builds = builds_of(context, lock, LockOptions(), environments)
    if builds is not None and lock is not None and not found:
        found += [stale.need.section for stale in builds.stale(lock)]
    return found
