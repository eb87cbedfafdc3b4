"""A new environment is built beside its place and takes it by a rename; the old one is kept for a rollback.

Owns who may write to an environment, and what becomes of one that an interrupted sync left, also half changed.

The notes lie in the folder ``.pkm`` beside the environment (in it, when it stands inside of one):
``NAME.lock``; ``NAME.new``, half built; ``NAME.ready``, built; ``NAME.old``, what stood there before.
docs/sync.md has the states that a killed process can leave.
"""

from __future__ import annotations

import os

from pkm_env.files import DISK, FileLock, make_directories, remove_tree, write_new
from pkm_env.install import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pkm_env.files import Disk

FOLDER = ".pkm"


def real_place(path: str) -> str:
    """Return *path* (absolute) by its real name, so that all names of one place share one lock.

    A link that leads nowhere is a place of its own: nothing is made where it would lead.
    """
    if os.path.islink(path) and os.path.exists(path):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def notes(place: str) -> str:
    """Return the folder beside the environment at *place* (real) that holds pkm's notes on it."""
    parent = os.path.dirname(place)
    return parent if FOLDER in parent.split(os.sep)[-2:] else os.path.join(parent, FOLDER)


def beside(place: str, ending: str) -> str:
    """Return the path of the note "lock", "new", "ready", "old" or "waste" of an environment."""
    return os.path.join(notes(place), f"{os.path.basename(place)}.{ending}")


def make_notes(place: str) -> None:
    """Make the folder of notes, hidden from git, unless it is there."""
    folder = notes(place)
    top = folder if os.path.basename(folder) == FOLDER else os.path.dirname(folder)
    hidden = os.path.join(top, ".gitignore")
    if not os.path.exists(hidden):
        make_directories(top)
        make_directories(folder)
        try:
            write_new(hidden, b"*\n")
        except FileExistsError:
            # Another process was quicker, with the same content.
            return
    make_directories(folder)


def forget(place: str, ending: str, disk: Disk = DISK) -> None:
    """Remove a whole environment among the notes; its name goes first, so that a half is never used."""
    waste = beside(place, "waste")
    remove_tree(waste)
    path = beside(place, ending)
    if os.path.lexists(path):
        disk.rename(path, waste)
        remove_tree(waste)


def is_fixed(place: str) -> bool:
    """Whether *place* is a mount point, as a volume of a container is: nothing can be renamed to it."""
    try:
        return os.lstat(place).st_dev != os.lstat(os.path.dirname(place)).st_dev
    except FileNotFoundError:
        return False


def empty_place(place: str) -> None:
    """Remove all that is in the folder *place*; a note that it is ours goes last, when it is there."""
    for name in sorted(os.listdir(place), key=lambda name: name == FOLDER):
        remove_tree(os.path.join(place, name))


def begin(place: str, disk: Disk = DISK) -> str:
    """Make the empty folder ``NAME.new`` and return its path."""
    new, waste = beside(place, "new"), beside(place, "waste")
    remove_tree(new)
    remove_tree(waste)
    from pkm_env.apart import make_apart

    make_apart(new, waste, disk)
    return new


def take_place(place: str, disk: Disk = DISK) -> None:
    """Let the environment that was built at ``NAME.new`` stand at *place*; what stood there is kept."""
    ready = beside(place, "ready")
    disk.rename(beside(place, "new"), ready)
    if os.path.lexists(place):
        disk.rename(place, beside(place, "old"))
    disk.rename(ready, place)


def abandon(place: str) -> None:
    """Take back what was done of a new environment: the old one stands again, and nothing of the new is left."""
    old = beside(place, "old")
    if not os.path.lexists(place) and os.path.lexists(old):
        DISK.rename(old, place)
    forget(place, "ready")
    remove_tree(beside(place, "new"))


def settle(place: str, disk: Disk = DISK) -> str:
    """Bring what a killed process left to an end; return "done", "undone" or "" when there was nothing.

    A built environment takes the place that is empty; where the old one still stands, it stays.
    """
    if not os.path.isdir(notes(place)):
        return ""
    result = ""
    ready = beside(place, "ready")
    if os.path.isdir(ready):
        if os.path.lexists(place):
            forget(place, "ready", disk)
            result = "undone"
        else:
            disk.rename(ready, place)
            result = "done"
    if os.path.isdir(beside(place, "new")):
        remove_tree(beside(place, "new"))
        result = result or "undone"
    remove_tree(beside(place, "waste"))
    return result


def swap_back(place: str, disk: Disk = DISK) -> bool:
    """Let the environment before the last one stand at *place* again, and say whether there was one.

    The present one is kept as ``NAME.new`` until the other stands, and then removed.
    """
    old, ready, new = beside(place, "old"), beside(place, "ready"), beside(place, "new")
    if not os.path.isdir(old):
        return False
    remove_tree(new)
    disk.rename(old, ready)
    if os.path.lexists(place):
        disk.rename(place, new)
    disk.rename(ready, place)
    remove_tree(new)
    return True


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
    place_ = real_place(venv_path)
    make_notes(place_)
    return FileLock(beside(place_, "lock"), on_wait, timeout_s=timeout_s)


def repair(venv_path: str, disk: Disk = DISK) -> Repair | None:
    """Bring what an interrupted sync of the environment at *venv_path* left to an end; None for nothing.

    The caller holds its ``lock``. Reading a whole environment costs two looks at the disk.

    :raises DamagedJournal: when the notes of the interrupted sync cannot be read.
    """
    place_ = real_place(venv_path)
    result = settle(place_, disk)
    # Without a trace of a sync that was interrupted, somebody deleted the environment: it is not brought back.
    if result and not os.path.lexists(place_) and os.path.isdir(beside(place_, "old")):
        swap_back(place_, disk)
        result = "undone"
    # Notes behind a link are not ours: read_venv calls such an environment broken.
    noted = not os.path.islink(journal.state_path(place_))
    if noted and os.path.isdir(journal.state_path(place_, journal.JOURNAL)):
        return Repair(forward=False, files=journal.take_back(place_, disk))
    return Repair(forward=result == "done") if result else None


def was_interrupted(venv_path: str) -> bool:
    """Whether ``repair`` would find something to do at *venv_path*."""
    place_ = real_place(venv_path)
    left = (
        *(beside(place_, ending) for ending in ("ready", "new")),
        journal.state_path(place_, journal.JOURNAL),
    )
    return any(map(os.path.isdir, left))
