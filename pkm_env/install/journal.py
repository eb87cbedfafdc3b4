"""The journal: a change of an environment is done whole, or taken back whole.

Before anything changes, the folder ``.pkm/journal`` of the environment holds ``intent``: which files
will be moved away, which files and folders will be made. Files that go are moved into the journal,
under their number, so that taking back is moving back. Renaming the folder to ``.pkm/undo`` commits;
it stays until the next commit, for a rollback. What a killed process leaves is therefore told by one
name: ``journal`` is taken back, ``undo`` is done. docs/sync.md says it at length.
"""

from __future__ import annotations

import os
from stat import S_ISDIR

from pkm_build.errors import PkmError
from pkm_env.files import DISK, Fence, make_directories, read_file, remove_tree, sync_directory
from pkm_env.install.installed import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pkm_env.files import Disk

JOURNAL, UNDO, WASTE, INTENT = "journal", "undo", "waste", "intent"
HEADER = b"pkm journal 3\n"
# What a file that was written to its end ends with.
END = "end\n"
CACHE = "__pycache__"


class DamagedJournal(PkmError):
    """A journal that cannot be read: the environment is neither the old nor the new one."""


class Intent:
    """What a change will do; all paths are relative to the environment, with the system's separator.

    ``moved`` are files that go away, ``created`` files that are made, some in the place of a moved
    one; ``folders`` are made for them, parents first.
    """

    __slots__ = ("created", "folders", "moved")

    def __init__(self, moved: Iterable[str], created: Iterable[str], folders: Iterable[str]) -> None:
        self.moved = tuple(moved)
        self.created = tuple(created)
        self.folders = tuple(folders)

    def to_bytes(self) -> bytes:
        """Return the content of the file ``intent``."""
        counts = f"{len(self.moved)} {len(self.created)} {len(self.folders)}"
        return HEADER + os.fsencode("\0".join((counts, *self.moved, *self.created, *self.folders, END)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Intent:
        """Return the intent that *data* holds.

        :raises ValueError: when it holds none.
        """
        if not data.startswith(HEADER):
            raise ValueError(HEADER)
        # Too few of them is a ValueError too.
        first, *paths, end = os.fsdecode(data[len(HEADER) :]).split("\0")
        moved, created, folders = map(int, first.split(" "))
        if end != END or len(paths) != moved + created + folders:
            raise ValueError(first)
        return cls(paths[:moved], paths[moved : moved + created], paths[moved + created :])


def state_path(venv_path: str, *names: str) -> str:
    """Return a path in the folder where pkm keeps its notes on an environment."""
    return os.path.join(venv_path, STATE, *names)


def begin(venv_path: str, intent: Intent, disk: Disk = DISK) -> str:
    """Write down *intent* durably, and return the folder for moved files.

    From here on, the change is taken back unless it is committed.
    """
    state = state_path(venv_path)
    if not os.path.isdir(state):
        disk.mkdir(state)
    folder = os.path.join(state, JOURNAL)
    # Under another name until it is whole: a journal without its intent could not be taken back.
    fresh = folder + ".new"
    remove_tree(fresh)
    try:
        disk.mkdir(fresh)
        path = os.path.join(fresh, INTENT)
        disk.write(path, intent.to_bytes())
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        disk.rename(fresh, folder)
    except BaseException:  # an interrupt too leaves no journal half made
        remove_tree(fresh)
        raise
    sync_directory(state)
    return folder


def commit(venv_path: str, disk: Disk = DISK) -> None:
    """Make the change that was begun the state of the environment, and its journal that for a rollback.

    The journal of the change before is but put aside: ``forget`` removes it.
    """
    put_aside(venv_path, UNDO, disk)
    disk.rename(state_path(venv_path, JOURNAL), state_path(venv_path, UNDO))
    sync_directory(state_path(venv_path))


def discard(venv_path: str, name: str, disk: Disk = DISK) -> None:
    """Remove a folder of notes; its name goes first, so that a half of it is never taken for the whole."""
    put_aside(venv_path, name, disk)
    remove_tree(state_path(venv_path, WASTE))


def put_aside(venv_path: str, name: str, disk: Disk) -> None:
    """Take its name from a folder of notes, where there is one."""
    waste = state_path(venv_path, WASTE)
    if os.path.isdir(state_path(venv_path, name)):
        remove_tree(waste)
        disk.rename(state_path(venv_path, name), waste)


def forget(venv_path: str) -> None:
    """Remove the notes that were put aside; those with a file in use, as Windows has it, go with the next change."""
    try:
        remove_tree(state_path(venv_path, WASTE))
    except OSError:
        return


def read_intent(folder: str) -> Intent:
    """Return the intent in a journal's folder.

    :raises DamagedJournal: when it cannot be read.
    """
    try:
        intent = Intent.from_bytes(read_file(os.path.join(folder, INTENT)))
    except (OSError, ValueError) as error:
        raise damaged(folder) from error
    root = os.path.dirname(os.path.dirname(folder))
    fence = Fence(root)
    split = [os.path.split(path) for path in (*intent.moved, *intent.created, *intent.folders)]
    # An environment may come from elsewhere, as a part of a project: its notes must not lead outside.
    if any(name in {"", ".", ".."} for _, name in split):
        raise damaged(folder)
    for parent in {parent for parent, _ in split}:
        full = os.path.join(root, parent).rstrip(os.sep)
        if os.path.normpath(full) != full or not fence.holds(full):
            raise damaged(folder)
    return intent


def damaged(folder: str) -> DamagedJournal:
    """Return the error for notes in *folder* that cannot be followed."""
    return DamagedJournal(
        f"the notes of an interrupted sync in {folder} are damaged",
        "delete the environment and sync again",
    )


def take_back(venv_path: str, disk: Disk = DISK) -> int:
    """Undo the change whose journal is there and return how many files that were moved are back.

    Killed on its way, it can be done again: each of its steps is done or not, and tells so itself.
    """
    folder = state_path(venv_path, JOURNAL)
    intent = read_intent(folder)
    moved = set(intent.moved)
    for path in intent.created:
        full = os.path.join(venv_path, path)
        # What is in the place of a moved file is replaced by it below; before it was moved it is the old one.
        if path not in moved and os.path.lexists(full):
            disk.unlink(full)
    forget_bytecode(venv_path, intent)
    for path in reversed(intent.folders):
        remove_folder(os.path.join(venv_path, path), disk)
    back = 0
    for number, path in enumerate(intent.moved):
        kept = os.path.join(folder, str(number))
        if os.path.lexists(kept):
            full = os.path.join(venv_path, path)
            make_directories(os.path.dirname(full))
            disk.rename(kept, full)
            back += 1
    discard(venv_path, JOURNAL, disk)
    return back


def forget_bytecode(venv_path: str, intent: Intent) -> None:
    """Remove what was compiled from created sources in folders that stay.

    Bytecode counts as current when the source has its size and its second of change: two releases that
    were unpacked in one second may agree in both.
    """
    made = set(intent.folders)
    stems: dict[str, set[str]] = {}
    for path in intent.created:
        folder, name = os.path.split(path)
        if name.endswith(".py") and folder not in made:
            stems.setdefault(folder, set()).add(name[:-3])
    for folder, names in stems.items():
        cache = os.path.join(venv_path, folder, CACHE)
        try:
            compiled = os.listdir(cache)
        except OSError:
            continue
        for name in compiled:
            if name.partition(".")[0] in names:
                os.unlink(os.path.join(cache, name))


def remove_folder(path: str, disk: Disk) -> None:
    """Remove a folder that was made, with the bytecode that an interpreter put there; others' files stay."""
    if not is_directory(path):
        return
    names = os.listdir(path)
    if names == [CACHE]:
        remove_tree(os.path.join(path, CACHE))
        names = []
    if not names:
        disk.rmdir(path)


def is_directory(path: str) -> bool:
    """Whether *path* itself, not what a link there points to, is a directory."""
    try:
        return S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
