"""What a user asks of an operation, as values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.ops.given import Given


class LockOptions:
    """What the user asked of a lock: environments to lock ("" for all), and what to forget.

    ``upgrade_packages`` are names or requirements, ``upgrade_groups`` normalised names of groups. ``refresh``
    is True, or the names whose pages are asked for anew. ``exclude_newer`` is a date or a span, "" for none;
    ``given`` are rules in the place of the project's. ``record`` keeps what the resolver was asked and answered.
    """

    __slots__ = (
        "environments",
        "exclude_newer",
        "given",
        "record",
        "refresh",
        "upgrade",
        "upgrade_groups",
        "upgrade_packages",
        "write",
    )

    def __init__(  # noqa: PLR0913 - one for each option, named at the call
        self,
        environments: Sequence[str] = (),
        *,
        upgrade: bool = False,
        upgrade_packages: Sequence[str] = (),
        upgrade_groups: Sequence[str] = (),
        exclude_newer: str = "",
        given: Given | None = None,
        record: bool = False,
        write: bool = True,
        refresh: bool | frozenset[str] = frozenset(),
    ) -> None:
        self.environments = tuple(environments)
        self.upgrade = upgrade
        self.upgrade_packages = tuple(upgrade_packages)
        self.upgrade_groups = tuple(upgrade_groups)
        self.exclude_newer = exclude_newer
        self.given = given
        self.record = record
        self.write = write
        self.refresh = refresh


class SyncOptions:
    """What the user asked of a sync; ``file`` is a pylock file to take in place of the lock, "" for none."""

    __slots__ = (
        "compile_bytecode",
        "dry_run",
        "exact",
        "file",
        "force",
        "frozen",
        "locked",
        "project",
        "reinstall",
        "reinstall_packages",
    )

    def __init__(  # noqa: PLR0913 - one for each option, named at the call
        self,
        *,
        dry_run: bool = False,
        locked: bool = False,
        frozen: bool = False,
        exact: bool = True,
        project: bool = True,
        reinstall: bool = False,
        reinstall_packages: tuple[str, ...] = (),
        force: bool = False,
        compile_bytecode: bool = False,
        file: str = "",
    ) -> None:
        self.dry_run = dry_run
        self.locked = locked
        self.frozen = frozen
        self.exact = exact
        self.project = project
        self.reinstall = reinstall
        self.reinstall_packages = reinstall_packages
        self.force = force
        self.compile_bytecode = compile_bytecode
        self.file = file

    @property
    def is_plain(self) -> bool:
        """Whether a sync with these options ends in the state that a bare ``pkm sync`` wants."""
        return self.exact and self.project and not (self.frozen or self.dry_run or self.file)
