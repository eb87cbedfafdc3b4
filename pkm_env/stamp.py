"""Stamps: what a command found when it had nothing left to do, so that the next one knows at once.

A stamp lists every file that the answer was read from, with its times, size and inode, and the
variables that could have changed it. It holds while all of that is the same, at the place where it was written: in a
copy of the project it would speak of the original. It stands on the path of every no-op command, so nothing is
imported beyond what a bare interpreter has loaded.

Of pyproject.toml and the lock the content counts: a checkout or a copy gives them other times, and says nothing
new.

A file that was changed within the clock's grain before the stamp was written could change again without its
time moving. So what the run itself wrote is dated back by the grain, after which any change gives it another
time, and for other files the stamp waits until the newest of them is older than the grain.
"""

from __future__ import annotations

import marshal
import os
import sys
from time import time_ns

from pkm_build import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    Look = tuple[int, int, int, int]
    Seen = tuple[Look | None, bytes]

FORMAT = 5
BY_CONTENT = ("pyproject.toml", "pylock.toml")
GRAIN_NS = 20_000_000
FOLDER = os.path.join(".pkm", "stamps")
# These name secrets, or say only how to tell what was done.
SILENT_SUFFIXES = ("_USERNAME", "_PASSWORD")


def watched_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that can change what a command does."""
    return {
        key: value
        for key, value in environ.items()
        if key.startswith("PKM_") and not key.endswith(SILENT_SUFFIXES)
    }


def look(path: str) -> Look | None:
    """Return the times in nanoseconds, the size and the inode of *path*; None where there is nothing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def digest_of(path: str) -> bytes:
    """Return the digest of a file's content, b"" where it cannot be read."""
    from _blake2 import blake2b

    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).digest()
    except OSError:
        return b""


def stamp_path(root: str, name: str) -> str:
    """Return where the stamp of this *name* ("lock", "sync-default") of the project in *root* lies."""
    return os.path.join(root, FOLDER, name)


def date_back(path: str, began_s: float) -> None:
    """Give a file or folder that was changed since *began_s* (seconds since 1970) a time before the grain.

    Links, and what cannot be dated, stay as they are.
    """
    try:
        found = os.lstat(path)
        if found.st_mtime >= began_s and not os.path.islink(path):
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - GRAIN_NS))
    except OSError:
        # Then the stamp waits.
        return


class Stamp:
    """A stamp that was read from the file *place*; it need not hold.

    ``seen`` is what was seen of each path, ``answer`` what it says while it holds, ``more`` what stands behind it.
    ``digests`` is for ``changed``, so that it reads a file once.
    """

    __slots__ = ("answer", "digests", "more", "place", "seen")

    def __init__(self, place: str, seen: Mapping[str, Seen], answer: dict[str, Any], more: bytes) -> None:
        self.place = place
        self.seen = seen
        self.answer = answer
        self.more = more
        self.digests: dict[str, tuple[Look, bytes]] = {}


def make_stamp(
    place: str,
    seen: Mapping[str, Seen],
    environ: Mapping[str, str],
    answer: Mapping[str, Any],
    more: bytes = b"",
) -> bytes:
    """Return the bytes of a stamp over what was ``see``n, for the file *place*.

    *answer* is what ``check`` will return: anything that marshal takes. *more* is kept for who asks for it.
    """
    by = (FORMAT, __version__, sys.executable, place)
    return marshal.dumps((by, watched_variables(environ), dict(seen), dict(answer), len(more))) + more


def see(paths: Iterable[str]) -> dict[str, Seen]:
    """Return what a stamp keeps of each of *paths*."""
    return {path: (look(path), digest_of(path) if path.endswith(BY_CONTENT) else b"") for path in paths}


def newest_of(seen: Mapping[str, Seen]) -> int:
    """Return when the newest of what was *seen* was changed, in nanoseconds since 1970."""
    return max((found[0] for found, _ in seen.values() if found is not None), default=0)


def read(path: str, environ: Mapping[str, str]) -> Stamp | None:
    """Return the stamp at *path*, None without one for this place, pkm and variables."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        # What stands behind the first value is not read by marshal.
        by, variables, seen, answer, size = marshal.loads(data)  # noqa: S302 - our own note
    except (OSError, ValueError, EOFError, TypeError):
        return None
    if by != (FORMAT, __version__, sys.executable, path) or variables != watched_variables(environ):
        return None
    return Stamp(path, seen, answer, data[len(data) - size :])


def changed(seen: Mapping[str, Seen], digests: dict[str, tuple[Look, bytes]] | None = None) -> Iterator[str]:
    """Yield the paths that are no longer as they were *seen*; *digests* keeps what was read, for the next time."""
    for path, (expected, digest) in seen.items():
        now = look(path)
        # Of another size it has another content; it may be no file by now, and a pipe or a device has no end.
        is_read = digest and now and expected and now[2] == expected[2]
        if now != expected and not (is_read and now and content_digest(path, now, digests) == digest):
            yield path


def content_digest(path: str, now: Look, digests: dict[str, tuple[Look, bytes]] | None) -> bytes:
    """Return the digest of the file at *path*, by which one ``look``s like that *now*.

    One that is in *digests* counts while the file looks the same, and was older than the grain when it was read.
    """
    known = digests.get(path) if digests is not None else None
    if known is not None and known[0] == now:
        return known[1]
    settled = time_ns() - max(now[:2]) > GRAIN_NS
    digest = digest_of(path)
    if digests is not None and settled:
        digests[path] = (now, digest)
    return digest


def is_in(path: str, folders: tuple[str, ...]) -> bool:
    """Whether *path* is one of *folders*, or lies in one."""
    return path in folders or path.startswith(tuple([folder + os.sep for folder in folders]))


def check(path: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the answer of the stamp at *path* while it holds, else None."""
    return answer_of(read(path, environ))


def answer_of(found: Stamp | None) -> dict[str, Any] | None:
    """Return the answer of a stamp while it holds, else None."""
    return None if found is None or any(changed(found.seen, found.digests)) else found.answer
