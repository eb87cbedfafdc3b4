"""``pkm build``: the project's sdist and wheel, by its build backend."""

from __future__ import annotations

import os
import time

from pkm_build import builder as backend
from pkm_build.errors import PkmError
from pkm_env.build.request import BuildRequest
from pkm_env.build.sdist import unpack_sdist
from pkm_env.cache.store import WORK
from pkm_env.files import make_directories, remove_tree
from pkm_env.lock.lockfile import BUILD_PREFIX
from pkm_env.model.options import covers
from pkm_env.ops.build_lock import locked_builds
from pkm_env.ops.lock import Stale, stale_sections, why_stale
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pkm_env.context import Context


class NothingToBuild(PkmError):
    """A project that no backend builds."""


class Built:
    """One archive that was made: its path, how many files it holds, its size, how long it took."""

    __slots__ = ("files", "path", "remark", "seconds", "shown", "size_bytes")

    def __init__(self, path: str, shown: str, seconds: float, remark: str = "") -> None:
        self.path = path
        self.shown = shown
        self.seconds = seconds
        self.remark = remark
        self.size_bytes = os.path.getsize(path)
        self.files = count_files(path)

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "path": self.path,
            "files": self.files,
            "size": self.size_bytes,
            "seconds": round(self.seconds, 3),
        }


def build_project(
    context: Context, out_dir: str, *, wheel: bool, sdist: bool, settings: Mapping[str, str]
) -> list[Built]:
    """Build what is wanted into *out_dir* ("" for the folder dist of the project).

    With both, the wheel is built from the sdist, so that nobody meets another one.

    :raises PkmError: when a build fails; what stands in the folder stays.
    """
    workspace = context.workspace
    if not workspace.project.has_build_system:
        raise NothingToBuild(
            "the project has no [build-system], so nothing builds it",
            'add one: requires = ["pkm>=1.0.dev0"], build-backend = "pkm_build"',
        )
    folder = out_dir or os.path.join(workspace.root, "dist")
    make_directories(folder)
    interpreter = (
        context.interpreters.find(context.switches.python)
        if context.switches.python
        else context.interpreters.own
    )
    if interpreter is None:
        raise PkmError(f"-p asks for Python {context.switches.python}, which is not on this machine")
    use_locked_requirements(context)
    frontend = context.builds.frontend(interpreter, context.workspace.declaration.options.build_constraints)
    # A project of setup.py has no [project] that names it.
    name = workspace.project.raw_name or os.path.basename(workspace.root)
    package = workspace.project.name
    request = BuildRequest(workspace.root, name, settings=dict(settings), package=package)
    found: list[Built] = []
    if sdist:
        began = time.monotonic()
        path = frontend.sdist(request, folder)
        found.append(Built(path, context.workspace.relative(path), time.monotonic() - began))
    if wheel:
        began = time.monotonic()
        if sdist:
            work = os.path.join(context.store.workplace(WORK), f"sdist-{os.getpid()}")
            try:
                root = unpack_sdist(found[0].path, work)
                path, _ = frontend.wheel(
                    BuildRequest(root, name, settings=dict(settings), package=package), folder
                )
            finally:
                remove_tree(work)
        else:
            path, _ = frontend.wheel(request, folder)
        remark = "  (from the sdist)" if sdist else ""
        found.append(Built(path, context.workspace.relative(path), time.monotonic() - began, remark))
    return found


def use_locked_requirements(context: Context) -> None:
    """Let the project be built with what the lock holds for that, where an environment locks its build.

    :raises Stale: when the lock is not up to date.
    """
    name = context.workspace.project.name
    locking = [one for one in context.workspace.environments if covers(one.options.lock_build, name)]
    text = read_lock_text(context.workspace.lock_path) if locking else None
    if text is None:
        return
    lock = context.parsed_lock(text)
    if stale := stale_sections(context, locking, lock):
        raise Stale(stale, why_stale(lock, stale[0]), "pkm lock")
    if BUILD_PREFIX + name in lock.sections:
        context.locked_build = locked_builds(context, lock, locking)


def count_files(path: str) -> int:
    """Return how many files an archive holds."""
    if path.endswith(".whl"):
        from zipfile import ZipFile

        with ZipFile(path) as archive:
            return len(archive.namelist())
    import tarfile

    with tarfile.open(path) as tar:
        return sum(member.isfile() for member in tar)


def wheel_files(context: Context) -> list[tuple[str, str]]:
    """Return the paths in the wheel with the paths in the project that they come from, sorted."""
    require_own_backend(context)
    root = context.workspace.root
    return [
        (path, os.path.relpath(source, root).replace(os.sep, "/"))
        for path, source in backend.list_wheel_files(root, context.environ)
    ]


def explain_file(context: Context, path: str) -> list[str]:
    """Return sentences that say by which rule a file is in the wheel and the sdist, or out of them."""
    require_own_backend(context)
    root = context.workspace.root
    inside = os.path.relpath(os.path.join(context.folder, path), root).replace(os.sep, "/")
    return backend.explain(root, inside, context.environ)


def require_own_backend(context: Context) -> None:
    """Refuse questions that only pkm's own backend answers.

    :raises NothingToBuild: for a project of another backend.
    """
    used = context.workspace.project.build_backend
    if used != "pkm_build":
        raise NothingToBuild(
            f"the project is built by {used or 'nothing'}; only pkm_build can tell its rules"
        )
