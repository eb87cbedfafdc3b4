"""What is installed in an environment: read from its folders, no Python of it runs.

Understands what pkm, pip and uv write (dist-info), and what older tools left: egg-info folders and
files, eggs, and the links of development installs.

Source: Recording installed projects; Direct URL data structure (packaging.python.org).
"""

from __future__ import annotations

import os

from pkm_env.cache.manifest import parse_record
from pkm_env.files import read_file
from pkm_env.plan import OURS, InstalledDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pkm_env.python.venv import Venv

    Note = tuple[str, str, tuple[str, ...], tuple[str, ...]]

STATE = ".pkm"
IDENTITIES = "installed"
HEADER = "pkm installed 3"
SUFFIXES = {".dist-info": "dist-info", ".egg-info": "egg-info", ".egg": "egg", ".egg-link": "egg-link"}
ENDINGS = tuple(SUFFIXES)


NO_NOTE: Note = ("", "", (), ())
NOTHING: Mapping[str, InstalledDistribution] = {}


def scan(venv: Venv, known: Mapping[str, InstalledDistribution] = NOTHING) -> list[InstalledDistribution]:
    """Return what is installed in *venv*, sorted by name; a name may be there more than once.

    What is *known* by its path is not read.
    """
    identities = read_identities(venv.path)
    found = [
        distribution
        for folder in dict.fromkeys((venv.purelib, venv.platlib))
        for distribution in scan_folder(folder, known)
    ]
    for distribution in found:
        version, identity, overridden, tops = identities.get(distribution.name, NO_NOTE)
        if version == distribution.version:
            distribution.overridden = overridden
            if distribution.installer == OURS:
                distribution.identity = identity
                distribution.tops = tops
    if len({distribution.name for distribution in found}) < len(found):
        found = without_parts(found)
    return sorted(found, key=lambda distribution: (distribution.name, distribution.path))


def without_parts(found: list[InstalledDistribution]) -> list[InstalledDistribution]:
    """Return *found* without the egg-infos that are files of a dist-info of their name, which its RECORD lists.

    Some wheels bring their egg-info by accident: that is one installation, not two.
    """
    records: dict[str, list[str]] = {}
    for distribution in found:
        if distribution.kind == "dist-info":
            records.setdefault(distribution.name, []).append(distribution.path)
    return [
        one
        for one in found
        if one.kind == "dist-info" or not any(lists(path, one.path) for path in records.get(one.name, ()))
    ]


def lists(dist_info: str, path: str) -> bool:
    """Whether the RECORD in *dist_info* lists the file *path* or one below it; both are absolute."""
    folder = os.path.dirname(dist_info)
    try:
        rows = list(parse_record(read_file(os.path.join(dist_info, "RECORD")).decode("utf-8")))
    except (OSError, ValueError):
        return False
    files = (os.path.normpath(os.path.join(folder, row)) for row, _, _ in rows)
    return any(file == path or file.startswith(path + os.sep) for file in files)


def scan_folder(
    folder: str, known: Mapping[str, InstalledDistribution] = NOTHING
) -> Iterator[InstalledDistribution]:
    """Yield what is installed in one site-packages folder, in any order."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        # Most names are of code, and need not be taken apart.
        if not name.endswith(ENDINGS):
            continue
        stem, kind = record_kind(name)
        if not kind:
            continue
        path = f"{folder}{os.sep}{name}"
        distribution = known.get(path) or (
            read_dist_info(path, stem) if kind == "dist-info" else read_legacy(path, stem, kind)
        )
        if distribution is not None:
            yield distribution


def record_kind(name: str) -> tuple[str, str]:
    """Return stem and kind of what in site-packages says that something is installed, "" as kind of all else."""
    stem, dot, ending = name.rpartition(".")
    kind = SUFFIXES.get(dot + ending, "")
    # pip renames to "~ame" what it is about to remove.
    return stem, kind if stem and stem[0] not in "~." else ""


def read_dist_info(path: str, stem: str) -> InstalledDistribution | None:
    """Return what the dist-info folder at *path* says; its name gives name and version."""
    name, _, version = stem.partition("-")
    try:
        there = os.listdir(path)
    except (NotADirectoryError, FileNotFoundError):
        return None
    if not there:
        # An empty folder is what other tools leave when they fail to remove it.
        return None
    distribution = InstalledDistribution(name, version.replace("_", "+"), path)
    if "INSTALLER" in there:
        distribution.installer = read_file(f"{path}/INSTALLER").decode("utf-8", "replace").strip()
    distribution.requested = "REQUESTED" in there
    if "direct_url.json" in there:
        distribution.direct_url = read_file(f"{path}/direct_url.json").decode("utf-8", "replace")
    if not os.path.exists(f"{path}/METADATA"):
        # With symbolic links, its files went when the cache was emptied.
        dangling = "METADATA" in there
        distribution.damage = "its files are links to what is gone" if dangling else "its METADATA is missing"
    elif distribution.installer == OURS and ("RECORD" not in there or not os.stat(f"{path}/RECORD").st_size):
        distribution.damage = "its RECORD is missing or empty"
    return distribution


def read_legacy(path: str, stem: str, kind: str) -> InstalledDistribution | None:
    """Return what an egg-info folder or file, an egg or an egg-link says."""
    name, _, rest = stem.partition("-")
    version = rest.partition("-py")[0]
    if kind == "egg-link":
        folder = first_line(path)
        found = [entry for entry in list_folder(folder) if entry.endswith(".egg-info")]
        metadata = os.path.join(folder, found[0], "PKG-INFO") if found else ""
    elif kind == "egg":
        metadata = os.path.join(path, "EGG-INFO", "PKG-INFO")
    elif os.path.isdir(path):
        metadata = os.path.join(path, "PKG-INFO")
    else:
        metadata = path
    name_there, version_there = name_and_version(metadata)
    name, version = name_there or name, version_there or version
    return InstalledDistribution(name, version, path, kind) if name else None


def first_line(path: str) -> str:
    """Return the first line of a text file, "" when there is none."""
    try:
        lines = read_file(path).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[0].strip() if lines else ""


def list_folder(path: str) -> list[str]:
    """Return the sorted names in a folder, none when it cannot be read."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def name_and_version(path: str) -> tuple[str, str]:
    """Return Name and Version of a PKG-INFO, "" for what it does not say."""
    try:
        text = read_file(path).decode("utf-8", "replace")
    except OSError:
        return "", ""
    found = {"name": "", "version": ""}
    for line in text.splitlines():
        if not line:
            break
        key, _, value = line.partition(":")
        if found.get(key.lower()) == "":
            found[key.lower()] = value.strip()
    return found["name"], found["version"]


def read_identities(venv_path: str) -> dict[str, Note]:
    """Return the note on each package by its name: version, identity, overridden by, tops; empty without notes."""
    try:
        data = read_file(os.path.join(venv_path, STATE, IDENTITIES))
    except OSError:
        return {}
    lines = data.decode("utf-8", "replace").split("\n")
    # The last line is empty when the file is whole.
    if lines[0] != HEADER or lines[-1]:
        return {}
    found: dict[str, Note] = {}
    for line in lines[1:-1]:
        name, version, identity, over, tops = (*line.split("\t"), "", "", "", "")[:5]
        found[name] = (version, identity, tuple(over.split()), tuple(tops.split()))
    return found


def identities_bytes(identities: Mapping[str, Note]) -> bytes:
    """Return what ``read_identities`` reads: the same bytes for the same content."""
    lines = [HEADER]
    for name, (version, identity, over, tops) in sorted(identities.items()):
        lines.append("\t".join((name, version, identity, " ".join(over), " ".join(tops))))
    return ("\n".join(lines) + "\n").encode("utf-8")
