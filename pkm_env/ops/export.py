"""``pkm env export``: what is locked for one environment, in another form."""

from __future__ import annotations

import posixpath

from pkm_env.lock.compose import changed
from pkm_env.lock.lockfile import LockedFile
from pkm_env.lock.membership import condition
from pkm_env.lock.requirements import constraints_text, requirements_text
from pkm_env.lock.text import render_export
from pkm_env.ops.locked import NothingLocked, section_targets
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock, LockedPackage
    from pkm_env.model.environment import Environment


FORMATS = ("pylock", "requirements", "constraints", "cyclonedx")


def export(
    context: Context, environment: Environment, form: str, *, project: bool, hashes: bool, base: str
) -> str:
    """Return one section in one of the FORMATS; *base* is the absolute folder that the text will lie in.

    :raises NothingLocked: when the environment is not locked.
    """
    if form == "pylock":
        return export_pylock(context, environment, project=project, base=base)
    lock, packages, conditions = section_entries(context, environment, project=project, base=base)
    if form == "requirements":
        if hashes:
            tell_without_hashes(context, packages)
        return requirements_text(packages, conditions, hashes=hashes)
    if form == "constraints":
        return constraints_text(packages, conditions)
    from pkm_env.ops.sbom import cyclonedx_text

    del lock
    return cyclonedx_text(context, environment, packages)


def export_pylock(context: Context, environment: Environment, *, project: bool, base: str) -> str:
    """Return a pylock text of one section, without groups.

    :raises NothingLocked: when the environment is not locked.
    """
    lock, packages, conditions = section_entries(context, environment, project=project, base=base)
    tell_without_hashes(context, packages)
    return render_export(packages, conditions, lock)


def tell_without_hashes(context: Context, packages: Iterable[LockedPackage]) -> None:
    """Tell which entries have no hash that an installer could ask for."""
    words = {"directory": "a folder", "vcs": "a repository"}
    for package in packages:
        if package.source is not None and package.source.kind in words:
            kind = words[package.source.kind]
            context.reporter.note(
                f"{package.name} is {kind}, which has no hash: pip takes it with --no-require-hashes"
            )


def section_entries(
    context: Context, environment: Environment, *, project: bool, base: str
) -> tuple[Lock, list[LockedPackage], dict[tuple[Any, ...], str]]:
    """Return the lock, a section's entries with places as seen from *base*, and the condition of each.

    :raises NothingLocked: when the environment is not locked.
    """
    workspace = context.workspace
    text = read_lock_text(workspace.lock_path)
    lock = context.parsed_lock(text) if text is not None else None
    section = lock.sections.get(environment.section) if lock is not None else None
    if lock is None or section is None:
        raise NothingLocked(environment.section)
    targets = section_targets(lock)[environment.section]
    # Entries that sections share have the edges of all of them.
    here = {(package.name, package.version) for package in lock.of_section(environment.section)}
    own = workspace.project.name
    packages = []
    conditions = {}
    for package in lock.of_section(environment.section):
        if package.name == own and package.source is not None and not project:
            continue
        moved = moved_package(package, context.places.from_root(base))
        requires = tuple(edge for edge in package.requires if edge in here)
        packages.append(changed(moved, requires=requires))
        marker = condition(package.sections[environment.section], section, targets)
        conditions[packages[-1].key] = marker
    return lock, packages, conditions


def moved_package(package: LockedPackage, prefix: str) -> LockedPackage:
    """Return the entry with its relative places as seen from another folder; *prefix* leads to the project."""
    source = package.source
    if source is not None and "://" not in source.location:
        source = source.replaced(location=posixpath.normpath(posixpath.join(prefix, source.location)))
    files = tuple(
        LockedFile(
            file.filename,
            file.url,
            file.hashes,
            path=posixpath.normpath(posixpath.join(prefix, file.path)),
            size=file.size,
            upload_time=file.upload_time,
        )
        if file.path
        else file
        for file in package.files
    )
    return changed(package, source=source, files=files)
