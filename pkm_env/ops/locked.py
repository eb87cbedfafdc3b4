"""What a lock did, and what tells of the lock as it stands."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.lock.membership import targets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.model.target import Target
    from pkm_env.ops.build_lock import BuildNeeds
    from pkm_env.ops.options import LockOptions

MIXED = "was changed by hand or merged by lines"


class NothingLocked(PkmError):
    """An environment that the lock has no section for."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f'the lock has no section for the environment "{environment}"', f"pkm lock {environment}"
        )
        self.environment = environment


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


def builds_of(
    context: Context, old: Lock | None, options: LockOptions, chosen: Sequence[Environment]
) -> BuildNeeds | None:
    """Return what locks the requirements of builds, None where no environment asks for that."""
    family = context.workspace.family
    if not any(found.options.lock_build for owner in family for found in owner.environments):
        return None
    from pkm_env.ops.build_lock import BuildNeeds

    return BuildNeeds(context, old, options, [found.section for found in chosen])


def section_targets(lock: Lock | None) -> dict[str, tuple[Target, ...]]:
    """Return the targets of each section of a lock."""
    return {name: targets_of(section) for name, section in lock.sections.items()} if lock is not None else {}
