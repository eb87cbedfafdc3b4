"""Mirrors: where a locked file is looked for, as any server that has it serves.

A lock holds the address that an index gave when it was locked. Where that index is one of those that the user asks
now, its own address is the first place: to look it up again would tell the same. Else the user's indexes come first,
so that behind a mirror nothing is asked of other servers, and the address of the lock is the last resort.

Called by one thread.
"""

from __future__ import annotations

from pkm_env.index.errors import HashMismatch, IndexFailure, Offline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from pkm_env.model.distribution import File
    from pkm_env.wanted import Wanted
else:
    Protocol = object


class Indexes(Protocol):
    """What is asked of the user's indexes; ``supply`` gives it."""

    def is_asked(self, address: str) -> bool:
        """Whether one of them has this address, as a lock tells it."""

    def files_now(self, releases: Sequence[tuple[str, str]]) -> list[Sequence[File]]:
        """Return the files that they list for each of *releases* (name and version)."""


class Mirrors:
    """Knows where else the user's *indexes* have a file; *offline*: none of them is asked."""

    def __init__(self, indexes: Indexes, *, offline: bool = False) -> None:
        self._indexes = indexes
        self._offline = offline

    def first(self, wanted: Iterable[Wanted]) -> dict[Wanted, File]:
        """Return the places to begin with, for those of *wanted* where that is not the address in the lock."""
        strange = [item for item in wanted if self._is_strange(item)]
        return self._listed(strange)

    def other(self, item: Wanted, tried: File, error: BaseException) -> File | None:
        """Return where else a file may be had, that could not be had from *tried*; None for nowhere."""
        locked = item.file
        if locked is None or self._offline:
            return None
        if tried is not locked:
            # A mirror that tells no digest may have had another file of that name.
            return locked if is_mirrorable(error) or isinstance(error, HashMismatch) else None
        if not is_mirrorable(error) or self._is_strange(item):
            return None
        found = self._listed([item]).get(item)
        return found if found is not None and found.url != locked.url else None

    def _is_strange(self, item: Wanted) -> bool:
        """Whether no index that is asked now gave the address of a file."""
        file = item.file
        if file is None or file.path or file.index or self._offline:
            return False
        return not self._indexes.is_asked(item.index)

    def _listed(self, wanted: Sequence[Wanted]) -> dict[Wanted, File]:
        """Return the same files as the user's indexes list them."""
        listed = self._indexes.files_now([(item.name, item.version) for item in wanted])
        found = {item: same_file(item, files) for item, files in zip(wanted, listed, strict=True)}
        return {item: file for item, file in found.items() if file is not None}


def same_file(item: Wanted, files: Iterable[File]) -> File | None:
    """Return the file that has the name of the wanted one, and does not have another digest."""
    for file in files:
        is_same = file.filename == item.file.filename if item.file is not None else False
        if is_same and agree(file.hashes, item.hashes):
            return file
    return None


def agree(listed: Mapping[str, str], locked: Mapping[str, str]) -> bool:
    """Whether no digest that both have differs."""
    return all(locked.get(name, digest) == digest for name, digest in listed.items())


def is_mirrorable(error: BaseException) -> bool:
    """Whether another server could still give the file: this one could not be asked, or did not have it."""
    return isinstance(error, IndexFailure) and not isinstance(error, (HashMismatch, Offline))
