"""From selected entries of the lock to what is wanted in an environment, with what identifies each."""

from __future__ import annotations

import os
from _blake2 import blake2b

from pkm_build.errors import PkmError
from pkm_build.project import expand_group
from pkm_env.model.distribution import File, Unavailable
from pkm_env.model.options import covers, keeps_from_building
from pkm_env.model.requirements import parse_requirement, with_own_extras
from pkm_env.places import METADATA_FILES, root_of, static_project
from pkm_env.plan import WantedPackage
from pkm_env.wanted import Wanted as WantedWheel
from pkm_env.wanted import is_wheel
from pkm_env.workspace import native_inputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import LockedFile, LockedPackage
    from pkm_env.lock.select import Selected
    from pkm_env.model.distribution import Source
    from pkm_env.model.environment import Environment
    from pkm_env.model.requirements import PlacedText
    from pkm_env.ops.options import SyncOptions


PLAIN_IN_URL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-~")


class Wanted:
    """A package that is to be installed: as the plan sees it, and as supply is asked for it."""

    __slots__ = ("package", "wheel")

    def __init__(self, package: WantedPackage, wheel: WantedWheel) -> None:
        self.package = package
        self.wheel = wheel


def wanted_packages(
    context: Context, environment: Environment, selected: Sequence[Selected], options: SyncOptions
) -> tuple[Wanted, ...]:
    """Return what *selected* entries stand for; the project itself only where *options* want it."""
    requested = requested_names(context, environment)
    workspace = context.workspace
    found = []
    for item in selected:
        package = item.package
        if package.source is not None:
            is_own = package.name == workspace.project.name and package.source.location == workspace.location
            if is_own and not options.project:
                continue
            found.append(wanted_source(context, package, package.source, package.name in requested))
        elif item.file is not None:
            found.append(wanted_file(context, package, item.file, package.name in requested))
    return tuple(found)


def keeps_from_getting(rule: bool | Collection[str], item: WantedWheel) -> bool:
    """Whether the rule ``no-build`` forbids to build what is wanted."""
    if item.source is not None:
        return keeps_from_building(rule, item.name, item.source)
    return not is_wheel(item) and covers(rule, item.name)


def wanted_file(context: Context, package: LockedPackage, file: LockedFile, requested: bool) -> Wanted:
    """Return what an entry of an index stands for."""
    identity = ",".join(f"{name}:{file.hashes[name]}" for name in sorted(file.hashes))
    listed = File(
        file.filename,
        file.url,
        hashes=file.hashes,
        size=file.size,
        path=local_file(context, package, file),
    )
    return Wanted(
        WantedPackage(package.name, package.version, identity, requested=requested),
        WantedWheel(package.name, package.version, file=listed, index=package.index),
    )


def local_file(context: Context, package: LockedPackage, file: LockedFile) -> str:
    """Return the absolute path of a locked file in a folder, "" for one on a server."""
    if not file.path:
        return ""
    path = context.places.in_lock(file.path)
    if os.path.exists(path):
        return path
    listing = context.any_supply().listing(package.name)
    if not isinstance(listing, Unavailable):
        for listed in listing.files(package.version):
            if listed.filename == file.filename and listed.path:
                return listed.path
    return path


def wanted_source(context: Context, package: LockedPackage, locked: Source, requested: bool) -> Wanted:
    """Return what a folder, an archive or a repository stands for."""
    source = context.places.absolute_source(locked)
    version = package.version
    workspace = context.workspace
    own = package.name == workspace.project.name and locked.location == workspace.location
    if source.kind == "directory":
        version = directory_version(context, package.name, source)
    identity = source_identity(context, source, version)
    return Wanted(
        WantedPackage(
            package.name, version, identity, requested=requested or own, direct_url=direct_url(source)
        ),
        WantedWheel(package.name, version, source=source, hashes=source.hashes),
    )


def directory_version(context: Context, name: str, source: Source) -> str:
    """Return the version that a folder says it has now.

    :raises PkmError: when its backend does not say.
    """
    for owner in context.workspace.family:
        if owner.root == source.location and owner.project.name == name and owner.project.version:
            return owner.project.version
    found = context.any_supply(context.build_python).direct(name, source)
    if isinstance(found, Unavailable):
        raise PkmError(f"the version of {name} cannot be told: {found.reason}", found.hint)
    return found[1].version


def source_identity(context: Context, source: Source, version: str) -> str:
    """Return what tells whether an installed source is still the one that is wanted.

    An editable folder is known by what its metadata and its native modules come from, another folder by all its
    content.
    """
    if source.kind != "directory":
        return f"{source.kind}:{source.commit or sorted(source.hashes.items())}"
    root = root_of(source)
    if not source.editable:
        return context.builds.tree_digest(root)
    told = blake2b(version.encode(), digest_size=16)
    for name in METADATA_FILES:
        told.update(content(os.path.join(root, name)))
    for path in native_inputs(root, context.environ):
        told.update(f"{os.path.relpath(path, root)}\n".encode("utf-8", "surrogateescape") + content(path))
    return f"editable:{told.hexdigest()}"


def decisive_paths(context: Context, source: Source | None) -> list[str]:
    """Return the files and folders that the identity of a folder depends on, none for another source."""
    if source is None or source.kind != "directory":
        return []
    root = root_of(source)
    if not source.editable or static_project(root) is None:
        return context.builds.tree_paths(root)
    return [os.path.join(root, name) for name in METADATA_FILES] + native_inputs(root, context.environ)


def content(path: str) -> bytes:
    """Return what a file holds, b"" where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def direct_url(source: Source) -> dict[str, Any]:
    """Return what direct_url.json holds for a source. Source: Direct URL data structure (PEP 610)."""
    remote = "://" in source.location
    url = source.location if remote else file_url(source.location)
    found: dict[str, Any] = {"url": url}
    if source.kind == "directory":
        found["dir_info"] = {"editable": True} if source.editable else {}
    elif source.kind == "vcs":
        found["vcs_info"] = {"vcs": source.vcs, "commit_id": source.commit}
        if source.revision:
            found["vcs_info"]["requested_revision"] = source.revision
    else:
        found["archive_info"] = {"hashes": dict(source.hashes)} if source.hashes else {}
    if source.subdirectory:
        found["subdirectory"] = source.subdirectory
    return found


def file_url(path: str) -> str:
    """Return the file URL of an absolute path."""
    if path[:1] == "/" and not set(path) - PLAIN_IN_URL:
        return f"file://{path}"
    # Only what has to be quoted is worth loading half of urllib.
    from urllib.request import pathname2url

    return "file://" + pathname2url(path)


def asked(context: Context, environment: Environment) -> list[PlacedText]:
    """Return what an environment itself asks for, with key paths: project, extras, groups, its own.

    Extras that are asked for by the project's name are among them, as the project itself is no package of a section.
    """
    found: list[PlacedText] = []
    project = context.workspace.project
    if environment.project != "none":
        required, extras = context.project_requirements()
        found += required
        for extra in environment.extras:
            found += extras.get(extra, ())
    for group in environment.groups:
        found += expand_group(project, group)
    found += environment.dependencies
    return with_own_extras(found, project.name, lambda: context.project_requirements()[1])


def requested_names(context: Context, environment: Environment) -> set[str]:
    """Return the names that the environment asks for itself."""
    return {parse_requirement(text).name for text, _ in asked(context, environment)}
