"""What an editable wheel holds: a ``.pth`` that leads to the project's own files.

With a src layout the line is that folder. Where the code lies beside tests and other files, a folder of links
(the farm) stands between, so that only the packages of the project become importable.
"""

from __future__ import annotations

import os
import sys

from pkm_build.archives import read_bytes
from pkm_build.errors import BuildError
from pkm_build.work import stem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from pkm_build.archives import Member
    from pkm_build.layout import Root
    from pkm_build.work import Build

FARM = ".pkm/editable"


def link_members(build: Build, roots: Sequence[Root], beside: Callable[[str], Iterable[str]]) -> list[Member]:
    """Return the ``.pth`` file that leads to the code, nothing where there is none; the farm is made for it.

    *beside* gives the paths of all packages and modules in a folder.
    """
    linked = [*roots, *mapped_roots(build, roots)]
    if not linked:
        return []
    asked = build.options.get("editable") or build.settings.editable
    if mode_for(linked, asked, beside) == "pth":
        folders = pth_folders(linked) or []
    else:
        folders = make_farm(build.root, linked, sys.platform, build.warn)
    text = pth_text(build.root, folders)
    return [(f"__editable__.{stem(build)}.pth", text.encode(), False)]


def mapped_roots(build: Build, roots: Sequence[Root]) -> list[Root]:
    """Return the entries of ``map`` that can be linked beside the packages; of the others it warns."""
    found = []
    for path, target in build.settings.map.items():
        if any(target.startswith(root + "/") for _, root in roots):
            build.warn.append(
                f'{target} (from map "{path}") is not in an editable install, as {path} lies elsewhere'
            )
        else:
            found.append((path, target))
    return found


def write_generated(build: Build) -> None:
    """Write the files that only a build knows (``write-to``) into the tree, where an editable install looks."""
    if build.project.dynamic:
        from pkm_build.dynamic import generated_files

        for path, content in generated_files(build).items():
            whole = os.path.join(build.root, *path.split("/"))
            if not os.path.isfile(whole) or read_bytes(whole) != content:
                with open(whole, "wb") as stream:
                    stream.write(content)


def mode_for(roots: Sequence[Root], wanted: str, beside: Callable[[str], Iterable[str]]) -> str:
    """Return ``pth`` or ``farm``: a plain ``.pth`` is right where all code lies in one folder of its own.

    *beside* gives the paths of all packages and modules in a folder.

    :raises BuildError: when ``pth`` is wanted but could not give the same import names
    """
    folders = pth_folders(roots)
    if wanted == "farm":
        return "farm"
    if wanted == "pth":
        if folders is None:
            raise BuildError(
                "an editable wheel by .pth can't give its packages their names in the wheel",
                'remove editable = "pth" from tool.pkm.build',
            )
        return "pth"
    if folders is None or len(folders) > 1 or folders[0] == "":
        return "farm"
    ours = {path for path, _ in roots}
    return "farm" if any(not covered(path, ours) for path in beside(folders[0])) else "pth"


def covered(path: str, ours: Iterable[str]) -> bool:
    """Return whether *path* is a root, or a namespace that leads to one."""
    return any(path == other or other.startswith(path + "/") for other in ours)


def pth_folders(roots: Sequence[Root]) -> list[str] | None:
    """Return the folders that hold the roots under their import names, None when renaming forbids it."""
    found = []
    for path, target in roots:
        if path != target and not path.endswith("/" + target):
            return None
        folder = path[: len(path) - len(target)].rstrip("/")
        if folder not in found:
            found.append(folder)
    return found


def pth_text(root: str, folders: Sequence[str]) -> str:
    """Return the ``.pth`` with one absolute folder a line.

    :raises BuildError: when the path cannot stand in such a file
    """
    lines = [os.path.join(root, *folder.split("/")) if folder else root for folder in folders]
    for line in lines:
        if "\n" in line or line.startswith(("import ", "import\t", "#")):
            raise BuildError(f"the folder {line!r} can't stand in a .pth file")
    return "".join([line + "\n" for line in lines])


def make_farm(root: str, roots: Sequence[Root], platform: str, warn: list[str]) -> list[str]:
    """Make the farm of *root* anew, with one link for each of *roots*; return the folders for the ``.pth``.

    On Windows folders are linked by junctions, which need no rights, and the folder of a single module stands in
    the ``.pth`` itself.
    """
    farm = os.path.join(root, *FARM.split("/"))
    os.makedirs(farm, exist_ok=True)
    hide(os.path.dirname(farm))
    wanted = {}
    folders = [FARM]
    for path, target in merged(roots):
        source = os.path.join(root, *path.split("/"))
        if platform == "win32" and os.path.isfile(source):
            above = path.rpartition("/")[0]
            folders += [above] if above not in folders else []
            warn.append(
                f"{path} can't be linked on Windows; all of {above or 'the project folder'} becomes importable"
            )
        else:
            wanted[target] = source
    clear(farm, wanted)
    for target, source in wanted.items():
        link = os.path.join(farm, *target.split("/"))
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            make_link(source, link, platform)
    return folders


def merged(roots: Sequence[Root]) -> list[Root]:
    """Return *roots* without those that lie below another one."""
    found: list[Root] = []
    for path, target in sorted(roots, key=lambda item: item[1]):
        if not any(
            target.startswith(other + "/") and path == f"{base}{target[len(other) :]}"
            for base, other in found
        ):
            found.append((path, target))
    return found


def hide(folder: str) -> None:
    """Tell git to ignore *folder*, once."""
    path = os.path.join(folder, ".gitignore")
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            stream.write("*\n")


def clear(folder: str, wanted: dict[str, str], prefix: str = "") -> None:
    """Remove links below *folder* that are not *wanted* or lead elsewhere, and folders left empty."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        target = prefix + name
        if is_link(path):  # never walked into: below it lie the user's own files
            if target not in wanted or os.path.realpath(path) != os.path.realpath(wanted[target]):
                (os.rmdir if os.name == "nt" and os.path.isdir(path) else os.unlink)(path)
        elif os.path.isdir(path):
            clear(path, wanted, target + "/")
            if not os.listdir(path):
                os.rmdir(path)


def is_link(path: str) -> bool:
    """Return whether *path* is a symbolic link or a junction."""
    if os.path.islink(path):
        return True
    return os.path.isdir(path) and os.path.realpath(path) != os.path.join(
        os.path.realpath(os.path.dirname(path)), os.path.basename(path)
    )


def make_link(source: str, link: str, platform: str) -> None:
    """Link a folder or file; relative, so that a project may move with its farm."""
    if platform == "win32":
        import _winapi

        windows: Any = _winapi  # which type checkers find empty elsewhere
        windows.CreateJunction(source, link)
        return
    os.symlink(
        os.path.relpath(source, os.path.dirname(link)), link, target_is_directory=os.path.isdir(source)
    )
