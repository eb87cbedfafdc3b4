"""A lock that git left with conflict marks, taken apart into its two sides."""

from __future__ import annotations

from pkm_env.lock.compose import SectionResult, changed
from pkm_env.lock.membership import targets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.lock.lockfile import Lock

OURS, BASE, THEIRS, END = "<<<<<<< ", "||||||| ", "=======", ">>>>>>> "


def has_conflict(text: str) -> bool:
    """Whether git's conflict marks stand in a text."""
    return any(line.startswith(OURS) for line in text.splitlines())


def sides(text: str) -> tuple[str, str]:
    """Return our side and theirs of a text with conflict marks; the common ancestor between them is dropped."""
    ours: list[str] = []
    theirs: list[str] = []
    at = "both"
    for line in text.splitlines(keepends=True):
        if line.startswith(OURS):
            at = "ours"
        elif at == "ours" and line.startswith(BASE):
            at = "base"
        elif at in ("ours", "base") and line.rstrip("\r\n") == THEIRS:
            at = "theirs"
        elif at == "theirs" and line.startswith(END):
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
    entries = tuple(
        changed(package, sections={name: package.sections[name]}) for package in lock.of_section(name)
    )
    return SectionResult(section, targets_of(section), entries)
