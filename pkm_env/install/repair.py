"""Who may change an environment, and what an interrupted change of it left."""

from __future__ import annotations

import os

from pkm_env.files import DISK, FileLock
from pkm_env.install import journal, swap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pkm_env.files import Disk


class Repair:
    """What the repair of an interrupted sync did: ``forward`` when it was brought to its end."""

    __slots__ = ("files", "forward")

    def __init__(self, *, forward: bool, files: int = 0) -> None:
        self.forward = forward
        self.files = files

    def text(self) -> str:
        """Return what was done, as a phrase after "an earlier sync was interrupted; "."""
        if self.forward:
            return "it is brought to its end"
        return "what it had changed is as it was before"


def lock(
    venv_path: str, on_wait: Callable[[], None] | None = None, timeout_s: float | None = None
) -> FileLock:
    """Return the lock that a writer of the environment at *venv_path* holds, as a context manager."""
    place_ = swap.real_place(venv_path)
    swap.make_notes(place_)
    return FileLock(swap.beside(place_, "lock"), on_wait, timeout_s=timeout_s)


def repair(venv_path: str, disk: Disk = DISK) -> Repair | None:
    """Bring what an interrupted sync of the environment at *venv_path* left to an end; None for nothing.

    The caller holds its ``lock``. Reading a whole environment costs two looks at the disk.

    :raises DamagedJournal: when the notes of the interrupted sync cannot be read.
    """
    place_ = swap.real_place(venv_path)
    result = swap.settle(place_, disk)
    # Without a trace of a sync that was interrupted, somebody deleted the environment: it is not brought back.
    if result and not os.path.lexists(place_) and os.path.isdir(swap.beside(place_, "old")):
        swap.swap_back(place_, disk)
        result = "undone"
    # Notes behind a link are not ours: read_venv calls such an environment broken.
    noted = not os.path.islink(journal.state_path(place_))
    if noted and os.path.isdir(journal.state_path(place_, journal.JOURNAL)):
        return Repair(forward=False, files=journal.take_back(place_, disk))
    return Repair(forward=result == "done") if result else None


def was_interrupted(venv_path: str) -> bool:
    """Whether ``repair`` would find something to do at *venv_path*."""
    place_ = swap.real_place(venv_path)
    left = (
        *(swap.beside(place_, ending) for ending in ("ready", "new")),
        journal.state_path(place_, journal.JOURNAL),
    )
    return any(map(os.path.isdir, left))
