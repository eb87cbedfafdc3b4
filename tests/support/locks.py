"""Locks, sections and entries from a few arguments, for tests of what is done with them."""

from __future__ import annotations

from pkm_env.lock.compose import SectionResult
from pkm_env.lock.lockfile import Lock, LockedFile, LockedPackage, LockSection
from pkm_env.model.target import target_from_key

LINUX_312 = "3.12 linux-x86_64-glibc2.28"
LINUX_313 = "3.13 linux-x86_64-glibc2.28"
MACOS_313 = "3.13 macos-arm64-14"


def locked_file(filename, digest="aa", url=None, path=""):
    """A file of a server unless it has a *path*."""
    return LockedFile(
        filename, "" if path else url or f"https://index.example/{filename}", {"sha256": digest}, path=path
    )


INDEX = "https://index.example/simple/"


def entry(name, version, sections, files=None, requires=(), source=None, index=INDEX):
    """An entry with one pure wheel unless *files* says otherwise."""
    if files is None and source is None:
        files = [f"{name}-{version}-py3-none-any.whl"]
    made = tuple(file if isinstance(file, LockedFile) else locked_file(file) for file in files or ())
    return LockedPackage(
        name,
        version,
        sections,
        source=source,
        index="" if source else index,
        files=made,
        requires=tuple(requires),
    )


def result(name, entries, targets=(LINUX_312,), inputs="digest", left_out=()):
    """A section locked anew; each entry of *entries* has no other section."""
    section = LockSection(name, inputs, tuple(targets), left_out=tuple(left_out))
    return SectionResult(section, tuple(map(target_from_key, targets)), tuple(entries))


def targets_of(lock: Lock):
    return {name: tuple(map(target_from_key, section.targets)) for name, section in lock.sections.items()}
