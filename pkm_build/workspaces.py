"""Folders that a build works in, outside of the tree, and that are gone when it ends."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.builder import Build


def work_folder(build: Build, purpose: str) -> str:
    """Return an empty folder that is removed when *build* is done."""
    import tempfile

    folder = tempfile.mkdtemp(prefix=f"pkm-{purpose}-")
    build.work_folders.append(folder)
    return folder


def remove_work_folders(build: Build) -> None:
    """Remove all work folders of *build*."""
    import shutil

    while build.work_folders:
        shutil.rmtree(build.work_folders.pop(), ignore_errors=True)
