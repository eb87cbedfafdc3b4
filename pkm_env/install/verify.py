"""Whether the files of an environment are those that were installed.

What RECORD says is compared with the disk. An edit shows here, and not in a sync, which trusts the
names and versions of what is installed.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from pkm_env.cache.manifest import encode, parse_record
from pkm_env.files import hash_file, read_file
from pkm_env.install.installed import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pkm_env.plan import InstalledDistribution
    from pkm_env.python.venv import Venv

MISSING, CHANGED, UNREADABLE = "missing", "changed", "unreadable"


class Finding:
    """One file that is not as it was installed: whose it is, its absolute path, and what is wrong.

    ``kind`` is "missing", "changed" or "unreadable" (also a RECORD that is none); ``shared`` names
    another package that brings the same file, and whose content it may be.
    """

    __slots__ = ("kind", "name", "path", "shared")

    def __init__(self, name: str, path: str, kind: str, shared: str = "") -> None:
        self.name = name
        self.path = path
        self.kind = kind
        self.shared = shared

    def __repr__(self) -> str:
        return f"Finding({self.name!r}, {self.path!r}, {self.kind!r})"


def verify_venv(venv: Venv, *, quick: bool = False) -> list[Finding]:
    """Return what differs from the records of *venv*, sorted by package and path.

    *quick* compares sizes alone; else every file is read. A file that two packages bring differs only
    when it is that of neither.
    """
    found: dict[str, list[Finding]] = {}
    good: dict[str, str] = {}
    for distribution in scan(venv):
        for path, kind in check(distribution, quick=quick):
            if kind:
                found.setdefault(path, []).append(Finding(distribution.name, path, kind))
            else:
                good.setdefault(path, distribution.name)
    wrong = [finding for path, findings in found.items() if path not in good for finding in findings]
    return sorted(wrong, key=lambda finding: (finding.name, finding.path))


def check(distribution: InstalledDistribution, *, quick: bool) -> Iterator[tuple[str, str]]:
    """Yield each recorded file (absolute) and what is wrong with it, "" for nothing."""
    if distribution.kind != "dist-info":
        return
    folder = os.path.dirname(distribution.path)
    record = os.path.join(distribution.path, "RECORD")
    try:
        rows = list(parse_record(read_file(record).decode("utf-8")))
    except (OSError, ValueError):
        yield record, UNREADABLE
        return
    # RECORD lists itself: one that does not was cut short, or is none.
    whole = False
    for path, digest, size in rows:
        full = os.path.normpath(os.path.join(folder, path))
        whole = whole or full == record
        if digest:
            yield full, compare(full, digest, size, quick=quick)
    if not whole:
        yield record, CHANGED


def compare(path: str, digest: str, size: str, *, quick: bool) -> str:
    """Return what is wrong with one file: "missing", "changed", "unreadable", or ""."""
    try:
        status = os.stat(path)
    except OSError:
        return MISSING
    if not S_ISREG(status.st_mode) or (size and status.st_size != int(size)):
        return CHANGED
    if quick:
        return ""
    algorithm, _, expected = digest.partition("=")
    try:
        found = file_digest(path, algorithm)
    except OSError:
        return UNREADABLE
    return "" if found == expected.rstrip("=") else CHANGED


def file_digest(path: str, algorithm: str) -> str:
    """Return the digest of a file as RECORD writes it, "" when pkm does not know the algorithm."""
    try:
        return encode(hash_file(path, algorithm))
    except ValueError:
        return ""


def edited(venv: Venv, paths: Iterable[str]) -> list[Finding]:
    """Return which of *paths* (absolute) differ from the records."""
    wanted = set(paths)
    return [finding for finding in verify_venv(venv) if finding.path in wanted]
