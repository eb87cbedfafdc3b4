"""Files on disk: atomic writes, trees, copies, locks, hashes while copying.

Owns what pkm knows of file systems and of their differences; each difference stands in one function
that takes the platform (``sys.platform``), so that it is tested everywhere. ``tempfile``, ``shutil``
and ``pathlib`` are not used: importing each of them costs 10 to 14 ms on the paths of every sync.
"""

from __future__ import annotations

import errno
import os
import sys
from stat import S_IMODE, S_IXUSR

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any

CHUNK = 1 << 20
# A try of a rename on Windows may be refused while a scanner holds the file open: half a second in all.
PATIENCE_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.2)
# access denied, sharing violation, lock violation
BUSY_WINDOWS = frozenset({5, 32, 33})
# What a file system answers that cannot do a link of this kind, at all or between these two places.
UNSUPPORTED = frozenset(
    getattr(errno, name)
    for name in ("EXDEV", "EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOTTY", "EINVAL", "ENOSYS", "EMLINK", "EBADF")
    if hasattr(errno, name)
)
NO_LOCKS = frozenset((errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK))
# Programs without a manifest take 260 characters, a folder 12 fewer.
WINDOWS_PATH = 240
TRUNCATING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# Characters of a path below a tree that is removed; four bytes each, they stay under 4,096.
DEEP = 900
READING = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Locked(PkmError):
    """Another process holds a lock for longer than we were told to wait."""


class Disk:
    """The calls that change a disk, as attributes: loops bind them once, tests count or refuse them.

    They are the system's own functions, so nothing is added to the cost of a call; on Windows each
    gets its paths in the form that may be long.
    """

    __slots__ = ("link", "mkdir", "rename", "rmdir", "symlink", "unlink", "write")

    def __init__(self, platform: str = sys.platform) -> None:
        self.mkdir: Callable[..., None] = os.mkdir
        self.rmdir: Callable[..., None] = os.rmdir
        self.unlink: Callable[..., None] = os.unlink
        self.link: Callable[..., None] = os.link
        self.symlink: Callable[..., None] = os.symlink
        self.rename: Callable[..., None] = replace
        self.write: Callable[..., None] = write_new
        if platform == "win32":
            for name in self.__slots__:
                setattr(self, name, with_long_paths(getattr(self, name), platform))


def write_all(descriptor: int, data: bytes, path: str = "") -> None:
    """Write all of *data*, however little each call takes; an error names *path*."""
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
    except OSError as error:
        error.filename = path or None
        raise


def write_new(path: str, data: bytes, mode: int = 0o666) -> None:
    """Write a file that must not exist yet; *mode* is cut by the process's mask.

    :raises FileExistsError: when there is anything of that name, a dangling link too.
    """
    descriptor = os.open(path, TRUNCATING, mode)
    try:
        write_all(descriptor, data, path)
    finally:
        os.close(descriptor)


def read_file(path: str) -> bytes:
    """Return the content of a file; quicker than ``open`` for small files."""
    descriptor = os.open(path, READING)
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1)
        if len(data) <= size == len(data):
            return data
        parts = [data]
        while data:
            data = os.read(descriptor, CHUNK)
            parts.append(data)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def write_atomic(path: str, data: bytes, *, durable: bool = False) -> None:
    """Replace the file at *path* by one with *data*: whoever looks sees the old one or the new one.

    A symbolic link at *path* stays, and what it points to is replaced; the permissions of a file that
    is replaced stay too. *durable*: the new content survives a loss of power after this returns.
    """
    target = os.path.realpath(path) if os.path.islink(path) else path
    temporary = f"{target}.{os.urandom(6).hex()}.tmp"
    try:
        descriptor = os.open(temporary, TRUNCATING, 0o666)
        try:
            try:
                write_all(descriptor, data, path)
                keep_mode(target, descriptor)
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            replace(temporary, target)
        except BaseException:  # an interrupt too leaves no temporary file
            remove_file(temporary)
            raise
    except OSError as error:
        error.filename, error.filename2 = path, None  # nobody knows the temporary one
        raise
    if durable:
        sync_directory(os.path.dirname(target) or ".")


def keep_mode(target: str, descriptor: int) -> None:
    """Give the open file the permissions that *target* has, where it exists and the system knows them."""
    if not hasattr(os, "fchmod"):
        return
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return
    os.fchmod(descriptor, S_IMODE(mode))


def sync_directory(path: str, platform: str = sys.platform) -> None:
    """Make the names in the directory *path* durable; Windows has no call for it and needs none."""
    if platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and overlay file systems refuse it, and have nothing better to offer.
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def replace(source: str, target: str) -> None:
    """Rename *source* to *target*, over a file that is there; on Windows a scanner is waited for.

    :raises OSError: as ``os.replace``, on Windows after about half a second of tries.
    """
    try:
        os.replace(source, target)
    except OSError as error:
        if not is_busy(error):
            raise
        retry(lambda: os.replace(source, target))


def is_busy(error: OSError) -> bool:
    """Whether *error* is Windows saying that somebody has the file open just now."""
    return getattr(error, "winerror", None) in BUSY_WINDOWS


def retry(action: Callable[[], None], patience_s: Iterable[float] = PATIENCE_S) -> None:
    """Do *action* again with growing pauses until it works, the last time with its error."""
    from time import sleep

    for pause in patience_s:
        sleep(pause)
        try:
            action()
        except OSError as error:
            if not is_busy(error):
                raise
        else:
            return
    action()


def remove_file(path: str) -> bool:
    """Remove a file or link if it is there, and say whether it was."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except PermissionError:
        # Windows refuses to remove a read-only file, and one that is in use.
        os.chmod(path, 0o600)
        os.unlink(path)
    return True


def remove_tree(path: str) -> None:
    """Remove a directory and all below it, links as links; nothing happens where nothing is.

    A directory that may not be written is made writable first. No depth is too much: not for the stack of
    calls, and not for the longest path that the system takes, as what lies deep is moved up.
    """
    left = [(path, False)]
    while left:
        folder, empty = left.pop()
        if empty:
            os.rmdir(folder)
            continue
        if len(folder) - len(path) > DEEP:
            os.chmod(folder, 0o700)
            higher = f"{path}{os.sep}{os.urandom(6).hex()}"
            os.rename(folder, higher)
            folder = higher
        below = remove_files(folder)
        if below is not None:
            left.append((folder, True))
            left += [(inner, False) for inner in below]


def remove_files(path: str) -> list[str] | None:
    """Remove the files in a directory and return its directories; None when *path* is none, and gone."""
    try:
        entries = list(os.scandir(path))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        remove_file(path)
        return None
    except PermissionError:
        os.chmod(path, 0o700)
        entries = list(os.scandir(path))
    if os.path.islink(path):
        os.unlink(path)
        return None
    below = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not is_junction(entry):
            below.append(entry.path)
        else:
            remove_entry(entry)
    return below


def is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether *entry* is a junction of Windows: a link that calls itself a directory."""
    test = getattr(entry, "is_junction", None)
    return bool(test and test())


def remove_entry(entry: os.DirEntry[str]) -> None:
    """Remove one file, link or junction, where need be after making its directory writable."""
    try:
        os.unlink(entry.path)
    except PermissionError:
        os.chmod(os.path.dirname(entry.path), 0o700)
        if is_junction(entry):
            os.rmdir(entry.path)
        else:
            remove_file(entry.path)


def make_directories(path: str) -> None:
    """Make a directory and those above it that are missing."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    except FileNotFoundError:
        make_directories(os.path.dirname(path))
        make_directories(path)


def long_path(path: str, platform: str = sys.platform) -> str:
    r"""Return *path* (absolute) as Windows takes it beyond 260 characters (``\\?\``); else unchanged."""
    if platform != "win32" or len(path) < WINDOWS_PATH or path.startswith("\\\\?\\"):
        return path
    path = path.replace("/", "\\")
    return "\\\\?\\UNC\\" + path[2:] if path.startswith("\\\\") else "\\\\?\\" + path


def hash_file(path: str, algorithm: str = "sha256") -> bytes:
    """Return the digest of a file's content.

    :raises ValueError: when hashlib does not know the algorithm.
    """
    import hashlib

    digest = hashlib.new(algorithm)
    descriptor = os.open(path, READING)
    try:
        while block := os.read(descriptor, CHUNK):
            digest.update(block)
    finally:
        os.close(descriptor)
    return digest.digest()


def with_long_paths(function: Callable[..., None], platform: str) -> Callable[..., None]:
    """Return *function* with its texts passed through ``long_path``."""

    def call(*arguments: Any) -> None:
        function(*(long_path(item, platform) if isinstance(item, str) else item for item in arguments))

    return call


def copy(source: str, target: str) -> None:
    """Copy a file to a new one, with its execute bit and time of change.

    The time is kept because bytecode is held to be current by the time and size of its source.
    """
    reading = os.open(source, READING)
    try:
        status = os.fstat(reading)
        writing = os.open(target, TRUNCATING, 0o777 if status.st_mode & S_IXUSR else 0o666)
        try:
            copy_content(reading, writing)
            if os.utime in os.supports_fd:
                os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        except OSError as error:
            error.filename = target
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    if os.utime not in os.supports_fd:
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def copy_content(reading: int, writing: int) -> None:
    """Copy from one open file to another, inside the kernel where it can (23 against 27 us a file)."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(reading, writing, 1 << 30):
                pass
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
        else:
            return
    os.lseek(reading, 0, os.SEEK_SET)
    os.ftruncate(writing, 0)
    os.lseek(writing, 0, os.SEEK_SET)
    while block := os.read(reading, CHUNK):
        write_all(writing, block)


class Fence:
    """Answers whether a folder lies inside of another one, by its name and with links followed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._real = os.path.realpath(root)

    def holds(self, folder: str) -> bool:
        """Whether *folder* (absolute, normal) is the root or in it, by its name and in truth."""
        if folder != self._root and not folder.startswith(self._root + os.sep):
            return False
        real = os.path.realpath(folder)
        return real == self._real or real.startswith(self._real + os.sep)


def succeeds(take: Callable[[], None]) -> bool:
    """Whether *take*, which takes a lock without waiting for it, got it."""
    try:
        take()
    except BlockingIOError:
        return False
    return True


class FileLock:
    """A lock that one process at a time holds, by an open file; a crash of its holder frees it.

    One that is *shared* (not on Windows) is held by many, or by one that does not share it. Use it as a context
    manager. ``on_wait`` is called once, before waiting for another process.
    On POSIX it is flock(2), the same protocol as filelock's, written here because importing
    filelock costs 60 ms, more than a small sync takes; on Windows it is filelock's.

    :raises Locked: when *timeout_s* passed and another process still holds it.
    """

    def __init__(
        self,
        path: str,
        on_wait: Callable[[], None] | None = None,
        *,
        timeout_s: float | None = None,
        shared: bool = False,
        platform: str = sys.platform,
    ) -> None:
        self.path = path
        self._shared = shared
        self._on_wait = on_wait
        self._timeout_s = timeout_s
        self._platform = platform
        self._descriptor = -1
        self._foreign: Any = None

    def __enter__(self) -> None:
        if self._platform == "win32":
            self._enter_with_filelock()
            return
        while True:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                self._enter_with_flock()
                if self._is_same_file():
                    return
            except BaseException:  # an interrupt too lets the lock go
                self._close()
                raise
            # Somebody removed the file while we waited: others lock a new one, so do we.
            self._close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._foreign is not None:
            self._foreign.release()
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_same_file(self) -> bool:
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        held = os.fstat(self._descriptor)
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def _enter_with_flock(self) -> None:
        import fcntl

        kind = fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                # Some network file systems have none: working without is better than not at all.
                return
            if not isinstance(error, BlockingIOError):
                raise
            if self._on_wait:
                self._on_wait()
            if self._timeout_s is None:
                fcntl.flock(self._descriptor, kind)
            else:
                self._poll(lambda: fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB))

    def _poll(self, take: Callable[[], None]) -> None:
        from time import monotonic, sleep

        end = monotonic() + (self._timeout_s or 0)
        while not succeeds(take):
            if monotonic() >= end:
                raise Locked(f"another process holds {self.path}", "wait until it ends, or end it")
            sleep(0.05)

    def _enter_with_filelock(self) -> None:
        import filelock

        self._foreign = filelock.FileLock(self.path)
        try:
            self._foreign.acquire(timeout=0)
        except filelock.Timeout:
            if self._on_wait:
                self._on_wait()
            try:
                self._foreign.acquire(timeout=-1 if self._timeout_s is None else self._timeout_s)
            except filelock.Timeout as error:
                raise Locked(f"another process holds {self.path}", "wait until it ends, or end it") from error


DISK = Disk()
