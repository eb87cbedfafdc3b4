"""The one glob dialect of pkm, for files to include and exclude, licence files, data and sources.

A pattern is a relative path with ``/`` between folders, anchored at the project. ``*`` and ``?`` match within one
name, ``[abc]``, ``[a-z]`` and ``[!abc]`` one character, ``**`` any number of folders. A pattern that matches a
folder means everything below it. Case counts. Names that begin with a dot need no dot in the pattern.

Source: PEP 639, "Specifying patterns"; the rule for folders is added.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = "*?["


def is_magic(pattern: str) -> bool:
    """Return whether *pattern* has a wildcard, and so is more than one path."""
    return any(char in pattern for char in MAGIC)


def fixed_folder(pattern: str) -> str:
    """Return the folders of *pattern* before its first wildcard, "" where it begins with one."""
    fixed = []
    for part in pattern.split("/")[:-1]:
        if is_magic(part):
            break
        fixed.append(part)
    return "/".join(fixed)


def matches(pattern: str, path: str) -> bool:
    """Return whether *path*, or a folder above it, is what *pattern* means."""
    pattern = clean(pattern)
    if not is_magic(pattern):
        return path == pattern or path.startswith(pattern + "/")
    return match_parts(pattern.split("/"), path.split("/"), above=True)


def clean(pattern: str) -> str:
    """Return *pattern* without what has no meaning: ``./`` before it, ``/`` behind it."""
    while pattern.startswith("./"):
        pattern = pattern[2:]
    return pattern.rstrip("/")


def match_parts(pattern: Sequence[str], path: Sequence[str], above: bool) -> bool:
    """Match part by part; *above* lets the pattern end at a folder above the path."""
    for at, part in enumerate(pattern):
        if part == "**":
            rest = pattern[at + 1 :]
            if not rest:
                return above or len(path) > at
            return any(match_parts(rest, path[skip:], above) for skip in range(at, len(path)))
        if at >= len(path) or not match_name(part, path[at]):
            return False
    return above or len(path) == len(pattern)


def match_name(pattern: str, name: str) -> bool:
    """Return whether one *name* fits a pattern without slashes."""
    if pattern == "*":
        return True
    if pattern[:1] == "*" and not is_magic(pattern[1:]):
        return name.endswith(pattern[1:])
    at = here = 0
    star, mark = -1, 0
    while here < len(name):
        size = fits(pattern, at, name[here])
        if size:
            at += size
            here += 1
        elif pattern[at : at + 1] == "*":
            star, mark = at, here
            at += 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def fits(pattern: str, at: int, char: str) -> int:
    """Return how much of *pattern* from *at* matches one character, 0 for none (a star is none)."""
    sign = pattern[at : at + 1]
    if sign == "?":
        return 1
    if sign == "[":
        end = pattern.find("]", at + 2)
        if end > 0:
            return end + 1 - at if in_class(pattern[at + 1 : end], char) else 0
    if sign == "\\" and at + 1 < len(pattern):
        return 2 if pattern[at + 1] == char else 0
    return 1 if sign == char and sign != "*" else 0


def in_class(inside: str, char: str) -> bool:
    """Return whether *char* is one of the characters between brackets."""
    negated = inside[:1] in ("!", "^")
    body = inside[1:] if negated else inside
    at = 0
    found = False
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            found = found or body[at] <= char <= body[at + 2]
            at += 3
        else:
            found = found or body[at] == char
            at += 1
    return found != negated
