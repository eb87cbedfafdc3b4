"""WheelCache: unpacked wheels by the SHA-256 of their archive, built wheels by what they were built from.

A wheel is one folder, ``wheels-1/<sha256>``, that appears by a rename: ``tree`` holds its files,
``manifest`` what they are. A built wheel is a small file, ``built-1/<key>``, that names its SHA-256.
Archives (sdists) lie under their SHA-256 with their own name.
"""

from __future__ import annotations

import os

from pkm_env.cache.manifest import Manifest, UnpackedWheel
from pkm_env.cache.store import WHEELS, pack, unpack
from pkm_env.files import FileLock, Locked, copy, remove_tree, write_new
from pkm_env.plan import same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from pkm_env.cache.store import Store
    from pkm_env.cache.zips import Limits

MANIFEST = "manifest"
TREE = "tree"
ARCHIVES = "archives-1"
PATIENCE_S = 300.0


class WheelCache:
    """The wheels in a store; where the store cannot be written, those of this run in a scratch folder."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        """Take the *store*, and how much a wheel may hold where that is not as usual."""
        self._store = store
        self._limits = limits

    def get(self, sha256: str) -> UnpackedWheel | None:
        """Return the wheel whose archive has this SHA-256, None when it is not here whole."""
        if not sha256.isalnum():
            # A lock may have come with the project: what is no digest could lead out of the cache.
            return None
        folder = self._folder(sha256)
        plain = unpack(self._store.read(os.path.join(folder, MANIFEST)))
        if plain is None:
            return self._scratched(sha256)
        return opened(folder, plain)

    def add(self, archive: str, sha256: str, filename: str) -> UnpackedWheel:
        """Unpack the wheel at *archive*, whose content has this SHA-256, and return it.

        :raises BadWheel: when it breaks the rules of its format; nothing is kept.
        :raises OSError: when neither the cache nor a scratch folder can hold it.
        """
        if self._store.writable:
            try:
                self._store.make_parents(self._store.temporary())
                self._store.make_parents(self._folder(sha256))
                return self._put(archive, self._store.temporary(), self._folder(sha256), filename)
            except OSError as error:
                self._store.refuse_writes(error)
        target = os.path.join(self._store.scratch(), sha256)
        return self._put(archive, f"{target}.new", target, filename)

    def hold(self) -> None:
        """Let nobody take wheels away while this command goes on."""
        self._store.hold()

    def turn(self, key: str) -> Turn:
        """Return what keeps others from fetching or building the same, *key*, at the same time; "" keeps nobody."""
        return Turn(self._store, key)

    def _put(self, archive: str, temporary: str, folder: str, filename: str) -> UnpackedWheel:
        from pkm_env.cache.unpack import unpack as unpack_wheel

        os.mkdir(temporary)
        try:
            tree = os.path.join(temporary, TREE)
            manifest = unpack_wheel(
                archive, tree, filename=filename, limits=self._limits, warn=self._store.warn
            )
            write_new(os.path.join(temporary, MANIFEST), pack(manifest.to_plain()))
            appear(temporary, folder)
        except BaseException:  # an interrupt too leaves nothing half unpacked
            remove_tree(temporary)
            raise
        return UnpackedWheel(os.path.join(folder, TREE), manifest)

    def get_built(self, key: str) -> tuple[UnpackedWheel, str] | None:
        """Return the wheel that was built under *key* and its file name, None when there is none."""
        match unpack(self._store.read(self._store.path("built-1", key))):
            case (sha256, filename) if wheel := self.get(sha256):
                return wheel, filename
        return None

    def note_built(self, key: str, sha256: str, filename: str) -> None:
        """Note that the wheel with this SHA-256, which was added, is what is built under *key*."""
        self._store.write(self._store.path("built-1", key), pack((sha256, filename)))

    def archive(self, sha256: str, filename: str) -> str | None:
        """Return the path of a kept archive, None when it is not here."""
        if not sha256.isalnum():
            return None
        roots = [self._store.root] if self._store.usable else []
        roots += [self._store.scratch_folder] if self._store.scratch_folder else []
        paths = (os.path.join(root, ARCHIVES, sha256, filename) for root in roots)
        return next((path for path in paths if os.path.exists(path)), None)

    def add_archive(self, temporary: str, sha256: str, filename: str) -> str:
        """Move the file *temporary* in under its SHA-256 and return its path, which ends in its name."""
        if self._store.writable:
            path = self._store.path(ARCHIVES, sha256, filename)
            try:
                self._store.make_parents(path)
                os.replace(temporary, path)
            except OSError as error:
                self._store.refuse_writes(error)
            else:
                return path
        path = os.path.join(self._store.scratch(), ARCHIVES, sha256, filename)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            os.replace(temporary, path)
        except OSError:
            # It came to the cache, which has another file system.
            copy(temporary, path)
            os.unlink(temporary)
        return path

    def temporary(self, suffix: str = "") -> str:
        """Return a path for a file that is being fetched: in the cache, else in the scratch folder."""
        if self._store.writable:
            path = self._store.temporary(suffix)
            try:
                self._store.make_parents(path)
            except OSError as error:
                self._store.refuse_writes(error)
            else:
                return path
        return os.path.join(self._store.scratch(), os.urandom(8).hex() + suffix)

    def is_cached(self, path: str) -> bool:
        """Whether *path* lies in the cache's own folder, not in the scratch folder, which may lie in there too."""
        if self._store.scratch_folder and path.startswith(self._store.scratch_folder + os.sep):
            return False
        return path.startswith(self._store.root + os.sep)

    def give_up(self, error: OSError) -> None:
        """Note that the cache cannot be written; from now on the scratch folder is used."""
        self._store.refuse_writes(error)

    def _folder(self, sha256: str) -> str:
        return self._store.path(WHEELS, sha256)

    def _scratched(self, sha256: str) -> UnpackedWheel | None:
        folder = os.path.join(self._store.scratch_folder, sha256)
        if not self._store.scratch_folder or not os.path.isdir(folder):
            return None
        with open(os.path.join(folder, MANIFEST), "rb") as file:
            return opened(folder, unpack(file.read()))


class Turn:
    """A lock on one thing that is to be fetched or built; as a context manager it is let go at the end.

    Who waits too long, or cannot make the lock, goes on without it: to do a thing twice is wasteful, and never wrong.
    A crash of its holder frees it.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._path = store.path("tmp-1", f"{key}.lock") if key.isalnum() and store.writable else ""
        self._lock: FileLock | None = None

    def take(self, timeout_s: float = PATIENCE_S) -> bool:
        """Wait for it at most so long; return False while another one has it."""
        if self._path:
            try:
                self._store.make_parents(self._path)
                lock = FileLock(self._path, timeout_s=timeout_s)
                lock.__enter__()
            except Locked:
                return False
            except OSError:
                return True
            self._lock = lock
        return True

    def __enter__(self) -> None:
        """Nothing is taken yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            # Who waits for it sees that it is gone, and makes a new one.
            unlinked(self._path)
            self._lock.__exit__(kind, error, trace)


def unlinked(path: str) -> bool:
    """Remove a file and say whether that worked; Windows keeps one that is open, for prune to remove."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def opened(folder: str, plain: Any) -> UnpackedWheel | None:
    """Return the wheel in *folder* with the manifest *plain*, None when that is of another form."""
    try:
        manifest = Manifest.from_plain(plain)
    except (TypeError, ValueError):
        return None
    return UnpackedWheel(os.path.join(folder, TREE), manifest)


def is_release(wheel: UnpackedWheel, name: str, version: str) -> bool:
    """Whether a wheel is that of this release; a *version* of "" is any."""
    told = wheel.manifest
    return told.name == name and (not version or same_version(told.version, version))


def appear(temporary: str, folder: str) -> None:
    """Rename the folder *temporary* to *folder*; where another process was quicker, theirs stays.

    A folder that is there without a whole manifest is a ruin, and is replaced.
    """
    try:
        os.rename(temporary, folder)
    except OSError:
        try:
            with open(os.path.join(folder, MANIFEST), "rb") as file:
                whole = unpack(file.read()) is not None
        except OSError:
            whole = False
        if whole:
            remove_tree(temporary)
            return
        remove_tree(folder)
        os.rename(temporary, folder)
