"""``pkm env export``: what is locked for one environment, in another form."""

from __future__ import annotations

import posixpath

from pkm_build.errors import PkmError
from pkm_env.lock.compose import changed
from pkm_env.lock.lockfile import LockedFile
from pkm_env.lock.membership import condition
from pkm_env.lock.text import render_export
from pkm_env.ops.lock import section_targets
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.context import Context
    from pkm_env.lock.lockfile import LockedPackage
    from pkm_env.model.environment import Environment


class NothingLocked(PkmError):
    """An environment that the lock has no section for."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f'the lock has no section for the environment "{environment}"', f"pkm lock {environment}"
        )
        self.environment = environment


def export_pylock(context: Context, environment: Environment, *, project: bool, base: str) -> str:
    """Return a pylock text of one section, without groups; *base* is the absolute folder it will lie in.

    :raises NothingLocked: when the environment is not locked.
    """
    workspace = context.workspace
    text = read_lock_text(workspace.lock_path)
    lock = context.parsed_lock(text) if text is not None else None
    section = lock.sections.get(environment.name) if lock is not None else None
    if lock is None or section is None:
        raise NothingLocked(environment.name)
    targets = section_targets(lock)[environment.name]
    own = workspace.project.name
    packages = []
    markers = {}
    for package in lock.of_section(environment.name):
        if package.name == own and package.source is not None and not project:
            continue
        moved = moved_package(package, context.from_root(base))
        packages.append(moved)
        marker = condition(package.sections[environment.name], section, targets)
        markers[f"{moved.name} {moved.version}"] = marker
        if package.source is not None and package.source.kind == "directory":
            context.reporter.note(f"{package.name} is a folder in it: pip takes it with --no-require-hashes")
    return render_export(packages, markers, lock)


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
