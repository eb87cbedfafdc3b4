"""The cache's folder: buckets, safe writes, and whether it may be used at all.

A bucket is a folder whose name ends in the number of its format, so that versions of pkm that differ
in it live side by side. Every file appears by a rename, whole; a reader needs no lock, and takes
anything that does not fit, or is gone, as never written. So a ``clean`` may happen at any moment.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from binascii import crc32
from errno import EACCES
from itertools import count
from marshal import dumps, loads
from stat import S_ISDIR, S_IWGRP, S_IWOTH

from pkm_env.files import DISK, FileLock, read_file, remove_file, remove_tree, replace, write_new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

# The pages of indexes: the number changes with their form.
PAGES = "pages-5"
WHEELS = "wheels-1"
MEMORY = "memory-1"
# Environments of builds; what is unpacked and built.
BUILD_ENVIRONMENTS, WORK = "builds-1", "work-1"
BUCKETS = (
    PAGES,
    "metadata-1",
    MEMORY,
    WHEELS,
    "built-1",
    "archives-1",
    "git-1",
    BUILD_ENVIRONMENTS,
    WORK,
    "tmp-1",
)
TAG = "CACHEDIR.TAG"
IN_USE = "in-use.lock"
TAG_TEXT = b"Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of pkm.\n"
OTHERS_WRITE = S_IWGRP | S_IWOTH
# What is kept begins with these, the length of the content and its checksum (CRC-32), in four bytes each. They are
# read without ``struct`` and ``zlib``: a sync from the cache needs neither.
MAGIC = b"pkm1"
ORDER: Literal["little"] = "little"
HEADER_SIZE = 12
# What every supported Python reads and writes; 3.14 has a fifth version, which we leave alone.
MARSHAL = 4


class Store:
    """The cache's folder at *root*; with ``usable`` false nothing is read and nothing kept.

    *warn* is told, once, why a cache is not used. When a write fails (the disk is full, the folder
    read-only), reading goes on and nothing more is written.
    """

    def __init__(self, root: str, warn: Callable[[str], None], platform: str = sys.platform) -> None:
        self.root = os.path.abspath(root)
        self.warn = warn
        self._warned = False
        self.usable = True
        self.writable = True
        self.scratch_folder = ""
        self._turn = allocate_lock()
        self._platform = platform
        self._held: FileLock | None = None
        self._made: set[str] = set()
        # No two processes have one number at a time, but hosts that share the folder: so some chance is in it too,
        # once, for asking the system each time lets other threads take the interpreter.
        self._names = map(f"{os.urandom(8).hex()}-{{}}".format, count())
        self._begins = platform == "linux" and not os.path.isdir(self.root)
        reason = distrust(self.root, platform)
        if reason:
            self.usable = self.writable = False
            self.complain(f"the cache {self.root} is not used: {reason}")

    def path(self, bucket: str, *parts: str) -> str:
        """Return the path of something in a bucket."""
        return os.path.join(self.root, bucket, *parts)

    def complain(self, text: str) -> None:
        """Warn, once in a run."""
        if not self._warned:
            self._warned = True
            self.warn(text)

    def read(self, path: str) -> bytes | None:
        """Return a file's content, None when it cannot be read."""
        if not self.usable:
            return None
        try:
            return read_file(path)
        except OSError:
            return None

    def write(self, path: str, data: bytes) -> bool:
        """Put *data* at *path* by a rename, and say whether it is there; failures end the writing."""
        if not self.writable:
            return False
        temporary = self.temporary()
        try:
            self.make_parents(path)
            self.make_parents(temporary)
            try:
                write_new(temporary, data)
                replace(temporary, path)
            except BaseException:  # an interrupt too leaves no temporary file
                remove_file(temporary)
                raise
        except FileNotFoundError:
            # Somebody cleans the cache: what is not kept now is fetched again.
            self._made.clear()
            return False
        except OSError as error:
            self.refuse_writes(error)
            return False
        return True

    def refuse_writes(self, error: OSError) -> None:
        """Note that the cache cannot be written, and warn."""
        self.writable = False
        self.complain(f"the cache {self.root} cannot be written ({error.strerror}); nothing new is kept")

    def scratch(self) -> str:
        """Return a folder of this run alone, for when the cache cannot be written; ``close`` removes it."""
        with self._turn:
            if not self.scratch_folder:
                from tempfile import mkdtemp

                self.scratch_folder = mkdtemp(prefix="pkm-")
        return self.scratch_folder

    def workplace(self, name: str, failed: OSError | None = None) -> str:
        """Return a folder to make things in: the cache's own, or one of this run where the cache is not to be used.

        *failed* is what went wrong in the place that was given before: the cache may be full or read-only.

        :raises OSError: when neither can be made.
        """
        if failed is not None:
            self.refuse_writes(failed)
        self.hold()
        path = self.path(name)
        if self.writable:
            try:
                self.make_parents(os.path.join(path, "any"))
            except OSError as error:
                self.refuse_writes(error)
            else:
                if os.access(path, os.W_OK | os.X_OK):
                    return path
                self.refuse_writes(OSError(EACCES, os.strerror(EACCES)))
        path = os.path.join(self.scratch(), name)
        os.makedirs(path, exist_ok=True)
        return path

    def hold(self) -> None:
        """Let nobody empty the cache until ``close``: what is handed out from now on are paths in it.

        Waits for one who does. Windows has no such lock, and keeps files that are open.
        """
        if self._held is not None or not self.writable or self._platform == "win32":
            return
        path = self.path(IN_USE)
        self._held = FileLock(
            path, lambda: self.warn("waiting for the end of a pkm cache command"), shared=True
        )
        try:
            self.make_parents(path)
            self._held.__enter__()
        except OSError:
            # It cannot be written, which the first write will tell.
            return

    def alone(self, on_wait: Callable[[], None]) -> FileLock:
        """Return what waits until nobody holds the cache, *on_wait* called before that, and lets nobody meanwhile."""
        path = self.path(IN_USE)
        self.make_parents(path)
        return FileLock(path, on_wait)

    def close(self) -> None:
        """Remove the scratch folder, and hold the cache no longer."""
        if self._held is not None:
            self._held.__exit__(None, None, None)
            self._held = None
        if self.scratch_folder:
            remove_tree(self.scratch_folder)
            self.scratch_folder = ""

    def temporary(self, suffix: str = "") -> str:
        """Return a path of nothing yet, on the cache's file system."""
        return self.path("tmp-1", f"{os.getpid():x}-{next(self._names)}{suffix}")

    def make_parents(self, path: str) -> None:
        """Make the folder that *path* lies in, once in a run; the root is closed to others."""
        folder = os.path.dirname(path)
        if folder in self._made:
            return
        if not os.path.isdir(folder):
            if not os.path.isdir(self.root):
                os.makedirs(self.root, 0o700, exist_ok=True)
                self._write_tag()
            self._make_folder(folder)
        self._made.add(folder)

    def _make_folder(self, folder: str) -> None:
        """Make *folder*; in a cache that begins it is laid out apart where hundreds of files will be made in it."""
        from pkm_env.apart import make_apart, spread

        os.makedirs(os.path.dirname(folder), exist_ok=True)
        scratch = f"{folder}-{os.urandom(8).hex()}"
        try:
            if self._begins and not folder.startswith(self.path(MEMORY)):
                make_apart(folder, scratch, DISK)
        except OSError:
            # Another process has made it meanwhile, and begun to use it.
            remove_tree(scratch)
        os.makedirs(folder, exist_ok=True)
        if folder == self.path("tmp-1"):
            # Trees and builds begin here, each under a name of its own.
            spread(folder)

    def _write_tag(self) -> None:
        """Mark the folder as a cache, so that backups leave it out."""
        try:
            write_new(os.path.join(self.root, TAG), TAG_TEXT)
        except OSError:
            # Another process was quicker, or what follows will fail too and say so.
            return


def distrust(root: str, platform: str = sys.platform) -> str:
    """Return why a cache at *root* must not be used, "" when it may; one that is not there may.

    What lies in it is installed, so nobody else may write there: it belongs to the user, and is closed
    to others.
    """
    try:
        status = os.stat(root)
    except FileNotFoundError:
        return "it is a link that leads nowhere" if os.path.islink(root) else ""
    except OSError as error:
        return f"{error.strerror}"
    if not S_ISDIR(status.st_mode):
        return "it is no folder"
    if platform != "win32" and status.st_uid != os.geteuid():
        return "it belongs to another user"
    if platform != "win32" and status.st_mode & OTHERS_WRITE:
        return "others may write to it (chmod go-w closes it)"
    return ""


def pack(value: Any) -> bytes:
    """Return *value* (anything that marshal takes) as bytes that tell whether they are whole."""
    content = dumps(value, MARSHAL)
    return b"".join((MAGIC, len(content).to_bytes(4, ORDER), crc32(content).to_bytes(4, ORDER), content))


def unpack(data: bytes | None) -> Any:
    """Return the value that ``pack`` was given, None when the bytes are not whole or of another format."""
    if data is None or data[:4] != MAGIC:
        return None
    # A view: of what is large, a copy costs more than reading it did.
    length, checksum, content = data[4:8], data[8:HEADER_SIZE], memoryview(data)[HEADER_SIZE:]
    if int.from_bytes(length, ORDER) != len(content) or int.from_bytes(checksum, ORDER) != crc32(content):
        return None
    try:
        return loads(content)  # noqa: S302 - the cache is the user's own, and the checksum holds
    except (ValueError, EOFError, TypeError):
        return None
