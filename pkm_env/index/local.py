"""Indexes that are folders of this machine: a tree of pages, or a folder full of files.

Owns looking at the disk; what a page says is read by ``simple``. Both kinds are looked at in every run,
so this module loads nothing.
"""

from __future__ import annotations

import os
import sys

from pkm_build.grammar import normalise
from pkm_env.index.urls import local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PAGES = (
    ("index.html", "text/html"),
    ("index.json", "application/vnd.pypi.simple.v1+json"),
    ("index.htm", "text/html"),
)
ENDINGS = (".whl", ".tar.gz", ".zip")
UNSAFE = frozenset(' "<>#%?{}|\\^`')


def find_page(root: str, name: str) -> tuple[str, str, str] | None:
    """Return path, type and validator of the page of *name* (normalised) in the tree *root*.

    None when the tree does not know the name. The path ends with a separator when the folder has no
    page and its files are what there is. The validator changes whenever the page does.
    """
    folder = os.path.join(root, name)
    if not os.path.isdir(folder):
        # What most names come to, in most places: one look is enough.
        return None
    for filename, kind in PAGES:
        path = os.path.join(folder, filename)
        try:
            status = os.stat(path)
        except OSError:
            continue
        return path, kind, validator(status)
    try:
        return folder + os.sep, "", validator(os.stat(folder))
    except OSError:
        return None


def validator(status: os.stat_result) -> str:
    """Return what tells one state of a file or folder from another."""
    return f"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def list_folder(folder: str, name: str = "", platform: str = sys.platform) -> list[tuple[Any, ...]]:
    """Return the wheels and sdists in *folder* as plain files, sorted; those that may be of *name*.

    *name* is normalised, "" for all. The names are only looked at roughly: ``simple.make_page`` reads
    them. An unreadable or missing folder is an empty one.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                filename = entry.name
                if not filename.endswith(ENDINGS) or not may_be_of(filename, name):
                    continue
                if filename.isprintable() and entry.is_file():
                    path = os.path.abspath(entry.path)
                    found.append(plain_file(filename, path, entry.stat().st_size, platform))
    except OSError:
        return []
    return sorted(found)


def names_in_folder(folder: str, *, flat: bool) -> set[str]:
    """Return the normalised names of the packages in *folder*, for messages; none where it cannot be read."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return set()
    if not flat:
        return {name for name in entries if normalise(name) == name}
    return names_of(entries)


def names_of(filenames: Iterable[str]) -> set[str]:
    """Return the normalised names of the packages that files are of, as their own names tell, for messages."""
    return {normalise(name.partition("-")[0]) for name in filenames if name.endswith(ENDINGS)}


def may_be_of(filename: str, name: str) -> bool:
    """Whether a file name begins with *name*; quick, and true for names that go on ("a" and "a-b-1.0")."""
    return not name or normalise(filename).startswith(f"{name}-")


def plain_file(filename: str, path: str, size: int, platform: str = sys.platform) -> tuple[Any, ...]:
    """Return a file on this disk as ``model.distribution.File.to_plain`` would."""
    return (filename, {}, "", None, path, None, size, "", file_url(path, platform), None)


def file_url(path: str, platform: str = sys.platform) -> str:
    """Return the ``file:`` URL of an absolute path."""
    text = path.replace("\\", "/") if platform == "win32" else path
    if platform == "win32":
        text = text if text.startswith("//") else f"///{text}"
        text = text if text.startswith("///") else text.removeprefix("//")
        head = "file:" if text.startswith("///") else "file://"
    else:
        head = "file://"
    return head + "".join(quoted(char) for char in text)


def quoted(char: str) -> str:
    """Return a character as it stands in the path of a URL."""
    if char.isascii() and char.isprintable() and char not in UNSAFE:
        return char
    return "".join(f"%{byte:02X}" for byte in os.fsencode(char))


def with_paths(entries: list[tuple[Any, ...]], platform: str = sys.platform) -> list[tuple[Any, ...]]:
    """Return plain files of a page on this disk with the paths that their ``file:`` URLs stand for."""
    return [
        (*entry[:4], os.path.normpath(local_path(entry[8], platform)), *entry[5:])
        if entry[8].startswith("file:")
        else entry
        for entry in entries
    ]
