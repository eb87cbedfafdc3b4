"""A Lock from the parsed text of ``pylock.toml``.

A lock that pkm wrote comes back whole; from one that another tool wrote come its entries, and no
sections. Every fault is a BadLock that names the key.

Source: pylock.toml specification (PEP 751).
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.grammar import is_name, normalise
from pkm_env.lock.content import mixed_sections
from pkm_env.lock.lockfile import LOCK_VERSION, Lock, LockedFile, LockedPackage, LockSection
from pkm_env.lock.membership import BadLock, read_membership
from pkm_env.model.distribution import STRENGTH, Source
from pkm_env.model.target import target_from_key
from pkm_env.model.versions import UnreadableVersion, split_specifier, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pkm_env.model.target import Target

# Source: pylock.toml specification, "File Format".
FILE_KEYS = frozenset(("name", "upload-time", "url", "path", "size", "hashes"))
KEYS = {
    "": frozenset(
        (
            "lock-version",
            "environments",
            "requires-python",
            "extras",
            "dependency-groups",
            "default-groups",
            "created-by",
            "packages",
            "tool",
        )
    ),
    "packages": frozenset(
        (
            "name",
            "version",
            "marker",
            "requires-python",
            "dependencies",
            "vcs",
            "directory",
            "archive",
            "index",
            "sdist",
            "wheels",
            "attestation-identities",
            "tool",
        )
    ),
    "vcs": frozenset(("type", "url", "path", "requested-revision", "commit-id", "subdirectory")),
    "directory": frozenset(("path", "editable", "subdirectory")),
    "archive": frozenset(("url", "path", "size", "upload-time", "hashes", "subdirectory")),
    "sdist": FILE_KEYS,
    "wheels": FILE_KEYS,
}


class Reader:
    """Reads one parsed file; *path* is how messages name it."""

    def __init__(self, data: dict[str, Any], path: str) -> None:
        self.data = data
        self.path = path
        # Another tool's file, and one of a later version, may hold what is not known here.
        self.is_strict = False

    def bad(self, key: str, reason: str, hint: str = "") -> BadLock:
        """Return the error for a fault at *key*."""
        return BadLock(self.path, key, reason, hint)

    def value(
        self, table: Mapping[str, Any], name: str, kind: type, where: str, *, needed: bool = False
    ) -> Any:
        """Return a value of the right type, None where it is missing.

        :raises BadLock: when it has another type, or is missing and *needed*.
        """
        found = table.get(name)
        key = f"{where}.{name}" if where else name
        if found is None:
            if needed:
                raise self.bad(key, "is missing")
            return None
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.bad(key, f"must be a {TOML_WORDS[kind]}")
        return found

    def check_keys(self, table: Mapping[str, Any], kind: str, where: str) -> None:
        """Refuse a key that pkm does not write in a lock of its own: a misspelt one says nothing.

        :raises BadLock: for the first one.
        """
        if self.is_strict and not KEYS[kind].issuperset(table):
            from pkm_build.tables import meant

            name = next(name for name in table if name not in KEYS[kind])
            key = f"{where}.{name}" if where else name
            raise self.bad(key, "is no key of the format", meant(name, KEYS[kind]))

    def lock(self) -> Lock:
        """Return the lock.

        :raises BadLock: for anything that the specification forbids or pkm can't honour.
        """
        version = self.checked_version()
        sections = self.sections()
        self.is_strict = bool(sections) and version == LOCK_VERSION
        self.check_keys(self.data, "", "")
        targets = {name: self.targets(section) for name, section in sections.items()}
        memo: dict[str, dict[str, int]] = {}
        packages = []
        for at, table in enumerate(self.value(self.data, "packages", list, "", needed=True)):
            where = f"packages[{at}]"
            if not isinstance(table, dict):
                raise self.bad(where, "must be a table")
            packages.append(self.package(table, where, sections, targets, memo))
        return Lock(
            sections,
            tuple(packages),
            self.requires_python(),
            mixed=mixed_sections(sections, packages, targets),
            version=version,
        )

    def requires_python(self) -> str:
        """Return for which Pythons the file is, "" for all."""
        found: str = self.value(self.data, "requires-python", str, "") or ""
        try:
            split_specifier(found)
        except UnreadableVersion as error:
            raise self.bad("requires-python", f'"{found}" is no version specifier') from error
        return found

    def checked_version(self) -> str:
        """Return the version of the format; a later minor one is read as far as it is understood."""
        version: str = self.value(self.data, "lock-version", str, "", needed=True)
        major, _, minor = version.partition(".")
        if major != LOCK_VERSION.partition(".")[0] or not minor.isdecimal():
            raise self.bad(
                "lock-version", f'version "{version}" of the format is not understood', "update pkm"
            )
        return version

    def sections(self) -> dict[str, LockSection]:
        """Return the sections that ``[tool.pkm]`` describes; empty for another tool's lock."""
        tool = self.value(self.data, "tool", dict, "") or {}
        own = self.value(tool, "pkm", dict, "tool") or {}
        tables = self.value(own, "sections", dict, "tool.pkm") or {}
        found = {}
        for name, table in tables.items():
            where = f"tool.pkm.sections.{name}"
            if not isinstance(table, dict):
                raise self.bad(where, "must be a table")
            found[name] = self.section(name, table, where)
        return found

    def section(self, name: str, table: dict[str, Any], where: str) -> LockSection:
        """Return one section."""
        left_out = self.value(table, "left-out", list, where) or []
        known = ("inputs", "content", "targets", "left-out")
        if not all(isinstance(item, dict) for item in left_out):
            raise self.bad(f"{where}.left-out", "must be a list of tables with target and reason")
        return LockSection(
            name,
            self.value(table, "inputs", str, where, needed=True),
            tuple(self.value(table, "targets", list, where, needed=True)),
            left_out=tuple(
                (
                    self.value(item, "target", str, f"{where}.left-out[{at}]", needed=True),
                    self.value(item, "reason", str, f"{where}.left-out[{at}]", needed=True),
                )
                for at, item in enumerate(left_out)
            ),
            options={key: str(value) for key, value in table.items() if key not in known},
            content=self.value(table, "content", str, where) or "",
        )

    def targets(self, section: LockSection) -> tuple[Target, ...]:
        """Return the targets of a section, no patch release twice, after a look at those that were left out."""
        where = f"tool.pkm.sections.{section.name}"
        for at, (key, _) in enumerate(section.left_out):
            self.target(key, f"{where}.left-out[{at}].target")
        found = tuple(self.target(key, f"{where}.targets[{at}]") for at, key in enumerate(section.targets))
        last: dict[tuple[str, str, str], int | None] = {}
        for at, target in sorted(enumerate(found), key=lambda one: one[1].patches[0]):
            kind = (target.python, target.implementation, target.platform)
            before = last.get(kind, -1)
            if before is None or target.patches[0] <= before:
                raise self.bad(
                    f"{where}.targets[{at}]", f'"{target.key}" stands for what another target stands for'
                )
            last[kind] = target.patches[1]
        return found

    def target(self, key: object, where: str) -> Target:
        """Return the target that a section names."""
        if not isinstance(key, str):
            raise self.bad(where, "must be a string")
        try:
            return target_from_key(key)
        except PkmError as error:
            raise self.bad(where, str(error)) from error
        except ValueError as error:
            raise self.bad(where, f'"{key}" is no target, as "3.12 linux-x86_64-glibc2.28" is one') from error

    def package(
        self,
        table: dict[str, Any],
        where: str,
        sections: dict[str, LockSection],
        targets: dict[str, tuple[Target, ...]],
        memo: dict[str, dict[str, int]],
    ) -> LockedPackage:
        """Return one entry."""
        self.check_keys(table, "packages", where)
        name = self.name(table, where)
        marker = self.value(table, "marker", str, where) or ""
        if marker not in memo:
            try:
                memo[marker] = read_membership(marker, sections, targets)
            except ValueError as error:
                raise self.bad(f"{where}.marker", f"is no marker: {error}") from error
        requires = []
        for at, edge in enumerate(self.value(table, "dependencies", list, where) or ()):
            if not isinstance(edge, dict):
                raise self.bad(f"{where}.dependencies[{at}]", "must be a table with a name")
            requires.append((self.name(edge, f"{where}.dependencies[{at}]"), str(edge.get("version", ""))))
        return LockedPackage(
            name,
            self.version(table, where),
            memo[marker],
            source=self.source(table, where),
            index=self.value(table, "index", str, where) or "",
            files=self.files(table, where),
            requires=tuple(requires),
        )

    def name(self, table: dict[str, Any], where: str) -> str:
        """Return the name of a package in a table."""
        found: str = self.value(table, "name", str, where, needed=True)
        if not is_name(found):
            raise self.bad(f"{where}.name", f"{found!a} is no name of a package")
        return normalise(found)

    def version(self, table: dict[str, Any], where: str) -> str:
        """Return the version of an entry, "" where it tells none."""
        found: str = self.value(table, "version", str, where) or ""
        try:
            if found:
                version_key(found)
        except UnreadableVersion as error:
            raise self.bad(f"{where}.version", f"{found!a} is no version") from error
        return found

    def source(self, table: dict[str, Any], where: str) -> Source | None:
        """Return the folder, archive or repository of an entry, or None."""
        kinds = [kind for kind in ("directory", "archive", "vcs") if kind in table]
        if not kinds:
            return None
        if len(kinds) > 1 or "wheels" in table or "sdist" in table:
            raise self.bad(where, "names more than one place that it comes from")
        kind = kinds[0]
        inner = self.value(table, kind, dict, where)
        where = f"{where}.{kind}"
        self.check_keys(inner, kind, where)
        location = self.value(inner, "path", str, where) or self.value(inner, "url", str, where)
        if not location:
            raise self.bad(where, "has neither path nor url")
        return Source(
            kind,
            location,
            subdirectory=self.value(inner, "subdirectory", str, where) or "",
            editable=bool(self.value(inner, "editable", bool, where)),
            vcs=self.value(inner, "type", str, where, needed=kind == "vcs") or "",
            revision=self.value(inner, "requested-revision", str, where) or "",
            commit=self.value(inner, "commit-id", str, where, needed=kind == "vcs") or "",
            hashes=self.hashes(inner, where) if kind == "archive" else {},
        )

    def files(self, table: dict[str, Any], where: str) -> tuple[LockedFile, ...]:
        """Return the sdist and the wheels, sorted by name."""
        found = []
        sdist = self.value(table, "sdist", dict, where)
        if sdist is not None:
            self.check_keys(sdist, "sdist", f"{where}.sdist")
            found.append(self.file(sdist, f"{where}.sdist"))
        for at, wheel in enumerate(self.value(table, "wheels", list, where) or ()):
            if not isinstance(wheel, dict):
                raise self.bad(f"{where}.wheels[{at}]", "must be a table")
            self.check_keys(wheel, "wheels", f"{where}.wheels[{at}]")
            found.append(self.file(wheel, f"{where}.wheels[{at}]"))
        return tuple(sorted(found, key=lambda file: file.filename))

    def file(self, table: dict[str, Any], where: str) -> LockedFile:
        """Return one file; its name is the last part of its place where none is given."""
        url = self.value(table, "url", str, where) or ""
        path = self.value(table, "path", str, where) or ""
        filename = self.value(table, "name", str, where) or (path or url).rpartition("/")[2]
        if not filename:
            raise self.bad(where, "has no name, path or url")
        if "/" in filename or "\\" in filename or "\0" in filename:
            raise self.bad(f"{where}.name", "is no file name")
        size = self.value(table, "size", int, where)
        if size is not None and size < 0:
            raise self.bad(f"{where}.size", "must not be negative")
        return LockedFile(
            filename,
            url,
            self.hashes(table, where),
            path=path,
            size=size,
            upload_time=self.upload_time(table, where),
        )

    def upload_time(self, table: dict[str, Any], where: str) -> str:
        """Return when a file was uploaded, "" where it is not told; a text of another tool tells pkm nothing."""
        time = table.get("upload-time")
        if time is None or isinstance(time, str):
            return ""
        # A date-time or a date of TOML; a time of day has no year.
        if not hasattr(time, "year"):
            raise self.bad(f"{where}.upload-time", "must be a date-time")
        return str(time.isoformat()).replace("+00:00", "Z")

    def hashes(self, table: dict[str, Any], where: str) -> dict[str, str]:
        """Return the digests of a file: at least one."""
        hashes = self.value(table, "hashes", dict, where, needed=True)
        if not hashes or not all(isinstance(value, str) for value in hashes.values()):
            raise self.bad(f"{where}.hashes", "must hold a digest at least")
        if not all(value.isalnum() for value in hashes.values()):
            raise self.bad(f"{where}.hashes", "must hold digests in hexadecimal digits")
        if "sha256" not in hashes and set(STRENGTH).isdisjoint(hashes):
            raise self.bad(f"{where}.hashes", "must hold a digest of a kind that pkm can check, as sha256")
        return {str(name).lower(): value.lower() for name, value in hashes.items()}


TOML_WORDS = {str: "string", list: "list", dict: "table", int: "whole number", bool: "boolean"}


def read_lock(data: dict[str, Any], path: str) -> Lock:
    """Return the lock of a parsed file; *path* is how messages name it.

    :raises BadLock: for anything that the specification forbids or pkm can't honour.
    """
    return Reader(data, path).lock()
