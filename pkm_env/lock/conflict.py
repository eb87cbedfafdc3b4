"""A lock that git left with conflict marks, taken apart into its two sides."""

from __future__ import annotations

from pkm_env.lock.compose import SectionResult, restricted
from pkm_env.lock.membership import targets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.lock.lockfile import Lock

OURS, BASE, THEIRS, END = "<<<<<<<", "|||||||", "=======", ">>>>>>>"


def is_mark(line: str, mark: str) -> bool:
    """Whether a line is one of git's marks: alone, or with the name of a side behind it.

    Longer ones, as git writes them within a common ancestor that is the result of a merge itself, are none.
    """
    rest = line.rstrip("\r\n")
    return rest == mark or rest.startswith(f"{mark} ")


def has_conflict(text: str) -> bool:
    """Whether git's conflict marks stand in a text."""
    return any(is_mark(line, OURS) for line in text.splitlines())


def sides(text: str) -> tuple[str, str]:
    """Return our side and theirs of a text with conflict marks; the common ancestor between them is dropped."""
    ours: list[str] = []
    theirs: list[str] = []
    at = "both"
    for line in text.splitlines(keepends=True):
        if is_mark(line, OURS):
            at = "ours"
        elif at == "ours" and is_mark(line, BASE):
            at = "base"
        elif at in ("ours", "base") and is_mark(line, THEIRS):
            at = "theirs"
        elif at == "theirs" and is_mark(line, END):
            at = "both"
        else:
            if at in ("both", "ours"):
                ours.append(line)
            if at in ("both", "theirs"):
                theirs.append(line)
    return "".join(ours), "".join(theirs)


def section_result(lock: Lock, name: str) -> SectionResult:
    """Return one section of a lock as if it had just been solved."""
    section = lock.sections[name]
    targets = {name: targets_of(section)}
    entries = tuple(
        restricted(package, {name: package.sections[name]}, targets) for package in lock.of_section(name)
    )
    return SectionResult(section, targets[name], entries)


def section_facts(lock: Lock | None, name: str) -> tuple[Any, ...] | None:
    """Return all that a lock says of a section, in a form to compare; None where it has no such section."""
    if lock is None or name not in lock.sections:
        return None
    found = section_result(lock, name)
    entries = sorted(
        (
            entry.key,
            entry.sections[name],
            sorted((file.filename, sorted(file.hashes.items())) for file in entry.files),
        )
        for entry in found.entries
    )
    return (found.section.with_content("").to_plain(), entries)


def agree(one: Lock | None, other: Lock | None, name: str) -> bool:
    """Whether two locks say the same of a section."""
    return section_facts(one, name) == section_facts(other, name)


def merged_section(base: Lock | None, ours: Lock, theirs: Lock, name: str) -> str:
    """Return which side has a section as it shall be: "ours", "theirs", or "both" when each changed it.

    A section that one side changed and the other removed stays; what is not declared any more goes with the
    next lock.
    """
    before, mine, other = (section_facts(lock, name) for lock in (base, ours, theirs))
    if other in (mine, before):
        return "ours"
    if mine == before:
        return "theirs"
    if mine is None or other is None:
        return "theirs" if mine is None else "ours"
    return "both"
