"""A section as the text of other tools: requirements with hashes, and constraints."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.lock.lockfile import LockedPackage


def requirements_text(
    packages: Iterable[LockedPackage], markers: Mapping[tuple[Any, ...], str], *, hashes: bool
) -> str:
    """Return the text of a requirements.txt; *markers* gives the condition of an entry by its key.

    With *hashes* each file's digests are told, as ``pip install --require-hashes`` needs them; entries that
    cannot have one (folders, repositories) are written as what they are.

    Source: pip's requirements file format.
    """
    lines = []
    for package in packages:
        marker = markers.get(package.key, "")
        parts = [requirement(package) + (f" ; {marker}" if marker else "")]
        if hashes:
            parts += hash_options(package)
        lines.append(" \\\n    ".join(parts))
    return "".join(f"{line}\n" for line in lines)


def hash_options(package: LockedPackage) -> list[str]:
    """Return what tells pip the digests of an entry's files, sorted; none for a folder or a repository."""
    held = [file.hashes for file in package.files] if package.source is None else [package.source.hashes]
    return sorted(f"--hash={name}:{value}" for hashes in held for name, value in hashes.items())


def constraints_text(packages: Iterable[LockedPackage], markers: Mapping[tuple[Any, ...], str]) -> str:
    """Return the text of a constraints file: the versions of the entries that have one."""
    lines = []
    for package in packages:
        if package.source is None:
            marker = markers.get(package.key, "")
            lines.append(f"{package.name}=={package.version}" + (f" ; {marker}" if marker else "") + "\n")
    return "".join(lines)


def requirement(package: LockedPackage) -> str:
    """Return one entry as a requirement."""
    source = package.source
    if source is None:
        return f"{package.name}=={package.version}"
    below = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    if source.kind == "vcs":
        return f"{package.name} @ {source.vcs}+{source.location}@{source.commit}{below}"
    if source.kind == "archive" and "://" in source.location:
        return f"{package.name} @ {source.location}{below}"
    place = source.location if source.location.startswith(".") else f"./{source.location}"
    return f"-e {place}" if source.editable else place
