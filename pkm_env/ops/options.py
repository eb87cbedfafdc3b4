"""What a user asks of an operation, as values, and what of it a section of the lock keeps."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.options import Options

# The key of a section under which they stand, as they were typed.
GIVEN_KEY = "command-line"


class LockOptions:
    """What the user asked of a lock: the sections of the environments to lock (none for all), and what to forget.

    ``upgrade_packages`` are names or requirements, ``upgrade_groups`` normalised names of groups. ``refresh``
    is True, or the names whose pages are asked for anew. ``exclude_newer`` is a date or a span, "" for none;
    ``given`` are rules in the place of the project's. ``record`` solves all that is named, and keeps what the
    resolver was asked and answered.
    With ``locked`` nothing may have to be solved.
    """

    __slots__ = (
        "environments",
        "exclude_newer",
        "given",
        "locked",
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
        locked: bool = False,
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
        self.locked = locked


class SyncOptions:
    """What the user asked of a sync; ``file`` is a pylock file to take in place of the lock, "" for none.

    ``reinstall_packages`` are normalised names.
    """

    __slots__ = (
        "compile_bytecode",
        "copies",
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
        copies: bool = False,
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
        self.copies = copies
        self.file = file

    @property
    def is_plain(self) -> bool:
        """Whether a sync with these options ends in the state that a bare ``pkm sync`` wants."""
        return self.exact and self.project and not (self.frozen or self.dry_run or self.file)


class Given:
    """Rules of resolution that the command line gave, laid over the project's and kept in the section until an upgrade.

    What was not given is "" or (); ``constraints`` and ``overrides`` are requirement texts.
    """

    __slots__ = ("constraints", "overrides", "prereleases", "resolution")

    def __init__(
        self,
        resolution: str = "",
        prereleases: str = "",
        constraints: Iterable[str] = (),
        overrides: Iterable[str] = (),
    ) -> None:
        self.resolution = resolution
        self.prereleases = prereleases
        self.constraints = tuple(constraints)
        self.overrides = tuple(overrides)

    def over(self, older: Given) -> Given:
        """Return what holds where *older* was given before: a key that is given again takes its place."""
        return Given(
            self.resolution or older.resolution,
            self.prereleases or older.prereleases,
            self.constraints or older.constraints,
            self.overrides or older.overrides,
        )

    def laid_over(self, options: Options) -> Options:
        """Return the rules of a solve with what was given in the place of the project's; constraints add up."""
        if not self:
            return options
        return options.replaced(
            resolution=self.resolution or options.resolution,
            prereleases=self.prereleases or options.prereleases,
            constraints=(*options.constraints, *self.constraints),
        )

    def overriding(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return the table of overrides with what was given in the place of the project's for the same names."""
        from pkm_env.model.requirements import parse_requirement

        given: dict[str, list[str]] = {}
        for text in self.overrides:
            asked = parse_requirement(text)
            marker = f" ; {asked.marker}" if asked.marker else ""
            given.setdefault(asked.name, []).append(f"{asked.specifier or '*'}{marker}")
        return {**table, **given}

    def __bool__(self) -> bool:
        return bool(self.resolution or self.prereleases or self.constraints or self.overrides)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        """Return the options as they are typed, "" for none."""
        if not self:
            return ""
        import shlex

        words = []
        if self.resolution:
            words += ["--resolution", self.resolution]
        if self.prereleases:
            words += ["--prereleases", self.prereleases]
        for text in self.constraints:
            words += ["--constraint", text]
        for text in self.overrides:
            words += ["--override", text]
        return shlex.join(words)


def read_given(text: str) -> Given:
    """Return what ``str()`` of it wrote down; words that say nothing to this version are passed over."""
    if not text:
        return Given()
    import shlex

    found: dict[str, list[str]] = {}
    words = shlex.split(text)
    for option, value in zip(words[::2], words[1::2], strict=False):
        found.setdefault(option, []).append(value)
    return Given(
        found.get("--resolution", [""])[-1],
        found.get("--prereleases", [""])[-1],
        found.get("--constraint", ()),
        found.get("--override", ()),
    )
