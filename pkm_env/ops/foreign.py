"""What a pylock file of another tool selects for an environment, as a lock with one section of one target.

The file is read, checked and selected from by ``packaging.pylock``, with the markers and tags of the very
interpreter that will run the environment.

Source: pylock.toml specification (PEP 751), "Installation".
"""

from __future__ import annotations

import os

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.pylock import (
    PackageArchive,
    PackageDirectory,
    PackageVcs,
    Pylock,
    PylockSelectError,
    PylockValidationError,
)
from packaging.tags import Tag

from pkm_build.errors import InvalidFile, PkmError
from pkm_build.grammar import normalise
from pkm_build.source import parse
from pkm_env.lock.lockfile import Lock, LockedFile, LockedPackage, LockSection
from pkm_env.model.distribution import STRENGTH, Source
from pkm_env.model.target import implied_pythons, make_target, make_targets
from pkm_env.ops.pythons import choose_python
from pkm_env.python.venv import Venv, read_venv
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from packaging.pylock import Package, PackageSdist, PackageWheel

    from pkm_env.context import Context
    from pkm_env.model.environment import Environment
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.ops.options import SyncOptions
    from pkm_env.workspace import Workspace

MAJOR, MINOR = "1", "0"
ATTESTATIONS = "attestation-identities"


class ForeignLock(PkmError):
    """A pylock file that cannot be installed from: it is faulty, or asks for what cannot be honoured."""

    def __init__(self, path: str, reason: str, hint: str = "") -> None:
        super().__init__(f"{path}: {reason}", hint)
        self.path = path
        self.reason = reason


def foreign_lock(context: Context, environment: Environment, options: SyncOptions) -> Lock:
    """Return what the file that *options* name selects for the environment's interpreter.

    Its one section is named like the environment, and its one target is that interpreter's. Places are absolute.

    :raises ForeignLock: when the file is faulty, or does not fit the interpreter.
    :raises NoPython: when no interpreter of this machine is one that the file admits.
    """
    path = os.path.normpath(os.path.join(context.folder, options.file))
    pylock = read_pylock(context, path, options.file)
    interpreter = chosen_python(context, environment, pylock, options)
    groups = groups_for(pylock, environment)
    if groups is None and pylock.dependency_groups:
        named = ", ".join(pylock.dependency_groups)
        context.reporter.note(
            f'{options.file} has no group "{environment.name}" (but {named}): its default groups are installed'
        )
    markers: Any = interpreter.markers  # a mapping with the keys of packaging's TypedDict
    try:
        selected = list(
            pylock.select(
                environment=markers,
                tags=[Tag(*tag.split("-")) for tag in interpreter.tags],
                extras=extras_for(pylock, environment.extras),
                dependency_groups=groups,
            )
        )
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise ForeignLock(options.file, f"has a marker that means nothing in a lock: {error}") from error
    except PylockSelectError as error:
        told = f"python {interpreter.version} on {interpreter.platform}"
        raise ForeignLock(options.file, f"cannot be installed with {told}: {error}") from error
    target = make_target(interpreter.minor, interpreter.platform, interpreter.implementation)
    section = LockSection(environment.section, "", (target.key,))
    entry = Entry(environment.section, os.path.dirname(path), context.workspace, options.file)
    return Lock({environment.section: section}, tuple(entry.package(*one) for one in selected))


def read_pylock(context: Context, path: str, shown: str) -> Pylock:
    """Return the parsed file.

    :raises ForeignLock: when it cannot be read, breaks its specification, or asks for what pkm cannot do.
    """
    text = read_lock_text(path)
    if text is None:
        raise ForeignLock(shown, "there is no such file")
    try:
        data = parse(path, text)
    except InvalidFile as error:
        ((line, column, fault),) = error.placed()
        raise ForeignLock(shown, f"{line}:{column}: {fault.message}") from error
    check_version(context, data, shown)
    try:
        pylock = Pylock.from_dict(data)
    except PylockValidationError as error:
        raise ForeignLock(shown, str(error)) from error
    attested = [package.name for package in pylock.packages if package.attestation_identities]
    if attested:
        named = ", ".join(attested)
        raise ForeignLock(
            shown, f"asks for attestations of {named}, which pkm does not check ({ATTESTATIONS})"
        )
    return pylock


def check_version(context: Context, data: dict[str, Any], shown: str) -> None:
    """Refuse another major version of the format, and warn of a later minor one.

    :raises ForeignLock: for another major version.
    """
    version = data.get("lock-version")
    if not isinstance(version, str):
        return
    major, _, minor = version.partition(".")
    if major != MAJOR:
        raise ForeignLock(shown, f'lock-version "{version}" is not understood', "update pkm")
    if minor != MINOR:
        context.reporter.warn(f"{shown} has lock-version {version}: what is new in it is not looked at")
        data["lock-version"] = f"{MAJOR}.{MINOR}"


def chosen_python(
    context: Context, environment: Environment, pylock: Pylock, options: SyncOptions
) -> Interpreter:
    """Return the interpreter that the environment has, or would get, of those that file and project admit.

    :raises ForeignLock: when no Python at all is.
    :raises NoPython: when there is none of them on this machine.
    """
    machine = context.interpreters.own.platform
    own = (context.workspace.project.requires_python, environment.python)
    required = ",".join(filter(None, (str(pylock.requires_python or ""), *own)))
    targets = make_targets(implied_pythons(required), (machine,), environment.implementation, required)
    if not targets:
        raise ForeignLock(
            options.file, f'no Python that pkm knows is admitted by "{required}", as file and project ask'
        )
    found = read_venv(context.workspace.venv_path(environment))
    venv = found if isinstance(found, Venv) else None
    return choose_python(context, environment, targets, venv, options).interpreter


def groups_for(pylock: Pylock, environment: Environment) -> list[str] | None:
    """Return the group that is named like the environment, else the file's default groups and those of its groups.

    None stands for the default groups alone, where the file has none of its groups.
    """
    known = {normalise(group): group for group in pylock.dependency_groups or ()}
    if environment.name in known:
        return [known[environment.name]]
    found = [known[group] for group in environment.groups if group in known]
    return [*(pylock.default_groups or ()), *found] if found else None


def extras_for(pylock: Pylock, extras: Iterable[str]) -> list[str]:
    """Return the extras of the environment that the file declares, as it writes them."""
    wanted = set(extras)
    return [extra for extra in pylock.extras or () if normalise(extra) in wanted]


class Entry:
    """Makes entries of a lock for a section of *workspace*, from a file in *folder*."""

    __slots__ = ("folder", "section", "shown", "workspace")

    def __init__(self, section: str, folder: str, workspace: Workspace, shown: str) -> None:
        self.section = section
        self.folder = folder
        self.workspace = workspace
        self.shown = shown

    def package(
        self,
        package: Package,
        chosen: PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist,
    ) -> LockedPackage:
        """Return the entry of a package with the one file or source that was chosen for it."""
        version = str(package.version or "")
        sections = {self.section: 1}
        if not isinstance(chosen, (PackageVcs, PackageDirectory)):
            self.check_hashes(package.name, chosen.hashes)
        if isinstance(chosen, (PackageVcs, PackageDirectory, PackageArchive)):
            return LockedPackage(package.name, version, sections, source=self.source(package.name, chosen))
        file = LockedFile(
            chosen.filename,
            chosen.url or "",
            chosen.hashes,
            path=self.place(chosen.path) if chosen.path else "",
            size=chosen.size,
        )
        return LockedPackage(package.name, version, sections, index=package.index or "", files=(file,))

    def check_hashes(self, name: str, hashes: Mapping[str, str]) -> None:
        """Refuse a file of which no digest can be checked, or one is none.

        :raises ForeignLock: in this case.
        """
        if not all(str(value).isalnum() for value in hashes.values()):
            raise ForeignLock(self.shown, f"what it has as a digest of {name} is none")
        if set(STRENGTH).isdisjoint(hashes):
            kinds = ", ".join(sorted(hashes))
            raise ForeignLock(
                self.shown, f"the digests of {name} are of no kind that pkm can check ({kinds})"
            )

    def source(self, name: str, chosen: PackageVcs | PackageDirectory | PackageArchive) -> Source:
        """Return the folder, archive or repository that was chosen for a package."""
        below = chosen.subdirectory or ""
        if isinstance(chosen, PackageDirectory):
            path = self.place(chosen.path)
            location = self.workspace.location if path == self.workspace.root else path
            return Source("directory", location, subdirectory=below, editable=bool(chosen.editable))
        location = chosen.url or self.place(chosen.path or "")
        if isinstance(chosen, PackageArchive):
            return Source("archive", location, subdirectory=below, hashes=chosen.hashes)
        if chosen.type != "git":
            raise ForeignLock(
                self.shown, f"{name} comes from a {chosen.type} repository; pkm knows git alone"
            )
        return Source(
            "vcs",
            location,
            subdirectory=below,
            vcs="git",
            revision=chosen.requested_revision or "",
            commit=chosen.commit_id,
        )

    def place(self, path: str) -> str:
        """Return the absolute path of what lies relative to the file."""
        return os.path.normpath(os.path.join(self.folder, path))
