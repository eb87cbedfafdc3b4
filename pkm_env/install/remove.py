"""Which files an installed distribution owns, and which folders stand empty without them.

Decides only; ``apply`` moves the files. What RECORD names outside of the environment, or behind a link
that leads outside, is never touched, nor what makes the environment one, whoever claims it.

Source: Recording installed projects, "The RECORD file"; for egg-info, what setuptools and pip wrote.
"""

from __future__ import annotations

import os

from pkm_build.errors import PkmError
from pkm_env.cache.manifest import parse_entry_points, parse_record
from pkm_env.files import Fence, read_file
from pkm_env.install.installed import first_line, list_folder
from pkm_env.install.wheel import is_of_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pkm_env.plan import InstalledDistribution
    from pkm_env.python.venv import Venv

CACHE = "__pycache__"


class NotRemovable(PkmError):
    """An installed distribution of which nobody noted what belongs to it."""

    def __init__(self, distribution: InstalledDistribution, reason: str) -> None:
        super().__init__(
            f"{distribution.name} {distribution.version} cannot be removed: {reason}",
            "delete the environment and sync again, or remove the package with the tool that installed it",
        )
        self.distribution = distribution


class Removal:
    """What goes with a distribution.

    ``files`` are absolute paths that exist, sorted; ``folders`` those that may be empty then, deepest
    first; ``unlisted`` are (path, line) of files that only lose a line; ``outside`` are paths of
    RECORD that lead out of the environment, and stay.
    """

    __slots__ = ("files", "folders", "outside", "unlisted")

    def __init__(self) -> None:
        self.files: list[str] = []
        self.folders: list[str] = []
        self.unlisted: list[tuple[str, str]] = []
        self.outside: list[str] = []


def find_removal(distribution: InstalledDistribution, venv: Venv) -> Removal:
    """Return what goes with *distribution*.

    :raises NotRemovable: when nobody noted what belongs to it.
    """
    removal = Removal()
    if distribution.kind == "egg-link":
        paths = [distribution.path]
        remove_easy_install(removal, distribution, venv, first_line(distribution.path))
    elif distribution.kind == "egg":
        paths = all_files(distribution.path)
        remove_easy_install(removal, distribution, venv, "./" + os.path.basename(distribution.path))
    elif distribution.kind == "egg-info":
        paths = egg_info_files(distribution)
    else:
        paths = record_files(distribution)
    if distribution.kind != "dist-info":
        paths += legacy_scripts(distribution, venv)
    collect(removal, paths, venv)
    return removal


def legacy_scripts(distribution: InstalledDistribution, venv: Venv) -> list[str]:
    """Return what setuptools may have made of the scripts of an egg or a development install, which it lists nowhere.

    Source: setuptools, ``easy_install``, "install_script" and "get_script_args"; pip removes the same.
    """
    metadata = EggMetadata(distribution)
    names = metadata.scripts()
    try:
        points = parse_entry_points(metadata.text("entry_points.txt"))
        names += [name for section, name, _ in points if section in {"console_scripts", "gui_scripts"}]
    except ValueError:
        pass  # What cannot be read was no script either.
    endings = ("", ".exe", ".exe.manifest", "-script.py", "-script.pyw")
    return [
        os.path.join(venv.scripts, os.path.basename(name) + ending) for name in names for ending in endings
    ]


class EggMetadata:
    """The metadata of what setuptools installed: a folder, or the archive that an egg may be."""

    def __init__(self, distribution: InstalledDistribution) -> None:
        path = distribution.path
        self._archive = ""
        if distribution.kind == "egg-link":
            source = first_line(path)
            found = [name for name in list_folder(source) if name.endswith(".egg-info")]
            path = os.path.join(source, found[0]) if found else ""
        elif distribution.kind == "egg":
            self._archive = path if os.path.isfile(path) else ""
            path = os.path.join(path, "EGG-INFO")
        self._folder = path

    def text(self, name: str) -> str:
        """Return the text of one file of it, "" when there is none."""
        try:
            if self._archive:
                return archived_text(self._archive, f"EGG-INFO/{name}")
            return read_file(os.path.join(self._folder, name)).decode("utf-8", "replace")
        except OSError:
            return ""

    def scripts(self) -> list[str]:
        """Return the names of scripts that were written by hand."""
        return list_folder(os.path.join(self._folder, "scripts"))


def archived_text(path: str, member: str) -> str:
    """Return the text of a member of a zip archive, "" where it has none or is none.

    :raises OSError: when it cannot be read.
    """
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as archive:
            return archive.read(member).decode("utf-8", "replace")
    except (KeyError, BadZipFile):
        return ""


def record_files(distribution: InstalledDistribution) -> list[str]:
    """Return what RECORD lists, and all that lies in dist-info.

    :raises NotRemovable: when there is no RECORD and the folder was not half removed already.
    """
    folder = os.path.dirname(distribution.path)
    own = all_files(distribution.path)
    try:
        text = read_file(os.path.join(distribution.path, "RECORD")).decode("utf-8")
        rows = list(parse_record(text))
    except OSError as error:
        if distribution.damage:
            return own
        raise NotRemovable(distribution, "its RECORD is missing") from error
    except ValueError as error:
        raise NotRemovable(distribution, "its RECORD is damaged") from error
    # os.path.join keeps an absolute path as it is, which RECORD may hold.
    return [os.path.normpath(os.path.join(folder, path)) for path, _, _ in rows] + own


def egg_info_files(distribution: InstalledDistribution) -> list[str]:
    """Return what an egg-info folder lists, or what its top-level names stand for.

    :raises NotRemovable: for the single file that distutils left, which lists nothing.
    """
    path = distribution.path
    if not os.path.isdir(path):
        raise NotRemovable(distribution, "distutils installed it, and noted no files")
    folder = os.path.dirname(path)
    found = all_files(path)
    listed = os.path.join(path, "installed-files.txt")
    if os.path.exists(listed):
        lines = read_file(listed).decode("utf-8", "replace").splitlines()
        return found + [os.path.normpath(os.path.join(path, line)) for line in lines if line]
    namespaces = set(lines_of(os.path.join(path, "namespace_packages.txt")))
    for name in lines_of(os.path.join(path, "top_level.txt")):
        if name in namespaces or not name.isidentifier():
            continue
        found += all_files(os.path.join(folder, name))
        found += [entry for entry in (os.path.join(folder, name + ".py"),) if os.path.isfile(entry)]
    return found


def lines_of(path: str) -> list[str]:
    """Return the lines of a small text file, none when there is no such file."""
    try:
        return read_file(path).decode("utf-8", "replace").split()
    except OSError:
        return []


def all_files(path: str) -> list[str]:
    """Return every file and link below *path*, or *path* itself when it is one."""
    if os.path.islink(path) or os.path.isfile(path):
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        found += [os.path.join(folder, name) for name in names]
        found += [
            os.path.join(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))
        ]
    return found


def remove_easy_install(
    removal: Removal, distribution: InstalledDistribution, venv: Venv, entry: str
) -> None:
    """Note that easy-install.pth loses the line *entry*."""
    path = os.path.join(os.path.dirname(distribution.path), "easy-install.pth")
    if os.path.isfile(path) and path.startswith(venv.path + os.sep):
        removal.unlisted.append((path, entry.rstrip("/")))


def rewritten(removals: Iterable[Removal]) -> dict[str, bytes]:
    """Return the files that lose lines to *removals*, several of which may be of one file, by what is left."""
    lost: dict[str, set[str]] = {}
    for removal in removals:
        for path, line in removal.unlisted:
            lost.setdefault(path, set()).add(line)
    found = {}
    for path, entries in sorted(lost.items()):
        lines = read_file(path).splitlines(keepends=True)
        kept = [line for line in lines if os.fsdecode(line).strip().rstrip("/") not in entries]
        if kept != lines:
            found[path] = b"".join(kept)
    return found


def collect(removal: Removal, paths: Iterable[str], venv: Venv) -> None:
    """Sort out which of *paths* exist inside of the environment, and add their bytecode."""
    fence = Fence(venv.path)
    scripts = os.path.relpath(venv.scripts, venv.path) + "/"
    start = len(venv.path) + 1
    folders: dict[str, dict[str, bool] | None] = {}
    found: set[str] = set()
    for path in dict.fromkeys(paths):
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = kinds_in(folder) if fence.holds(folder) else None
        there = folders[folder]
        if there is None:
            removal.outside.append(path)
        elif there.get(name) and not is_of_environment(path[start:].replace(os.sep, "/"), scripts):
            found.add(path)
    for folder, names in list(folders.items()):
        if names and CACHE in names and os.path.basename(folder) != CACHE:
            found.update(bytecode_of(folder, found))
    removal.files = sorted(found)
    removal.folders = folders_above(found, venv)


def kinds_in(folder: str) -> dict[str, bool]:
    """Return by name whether what is in a folder is a file or a link; nothing when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: not entry.is_dir(follow_symlinks=False) for entry in entries}
    except OSError:
        return {}


def bytecode_of(folder: str, files: set[str]) -> list[str]:
    """Return the compiled files in the __pycache__ of *folder* that are of one of *files*."""
    cache = os.path.join(folder, CACHE)
    return [
        os.path.join(cache, name)
        for name in list_folder(cache)
        if name.endswith(".pyc") and os.path.join(folder, name.partition(".")[0] + ".py") in files
    ]


def folders_above(files: Iterable[str], venv: Venv) -> list[str]:
    """Return the folders that may stand empty without *files*, deepest first, the environment's own apart."""
    kept = {venv.path, venv.purelib, venv.platlib, venv.scripts, os.path.join(venv.path, "include")}
    kept.update(os.path.dirname(folder) for folder in (venv.purelib, venv.platlib))
    kept.add(os.path.join(venv.path, "lib"))
    found: set[str] = set()
    for folder in {os.path.dirname(path) for path in files}:
        above = folder
        while above not in kept and above not in found and len(above) > len(venv.path):
            found.add(above)
            above = os.path.dirname(above)
    return sorted(found, key=lambda path: (-path.count(os.sep), path))
