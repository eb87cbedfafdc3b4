"""Files of the cache in an environment: clones, hard links, copies or symbolic links.

Which of them a file system takes is found out by asking for it; each difference between platforms
stands in one function that takes the platform, so that it is tested everywhere.
"""

from __future__ import annotations

import errno
import os
import sys
from stat import S_IXUSR

from pkm_env.files import DISK, READING, TRUNCATING, UNSUPPORTED, copy, with_long_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pkm_env.files import Disk

LINK_MODES = ("clone", "hardlink", "copy", "symlink")
TOO_MANY_LINKS_WINDOWS = 1142
# invalid function, not same device, not supported, privilege not held, too many links
UNSUPPORTED_WINDOWS = frozenset({1, 17, 50, TOO_MANY_LINKS_WINDOWS, 1314})
FICLONE = 0x40049409


def clone(source: str, target: str, platform: str = sys.platform) -> None:
    """Make *target* a copy that shares its blocks with *source* until one of them is written.

    :raises OSError: with an errno of ``UNSUPPORTED`` where the file system cannot; nothing is left.
    """
    if platform == "darwin":
        clone_darwin(source, target)
    elif platform.startswith("linux"):
        clone_linux(source, target)
    else:
        raise OSError(errno.EOPNOTSUPP, "no clones on this platform", source)


def clone_linux(source: str, target: str, request: Callable[[int, int, int], object] | None = None) -> None:
    """Clone by the FICLONE request of btrfs, xfs and others; *request* is what makes it, ioctl(2)."""
    from fcntl import ioctl

    reading = os.open(source, READING)
    try:
        status = os.fstat(reading)
        writing = os.open(target, TRUNCATING, 0o777 if status.st_mode & S_IXUSR else 0o666)
        try:
            (request or ioctl)(writing, FICLONE, reading)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        except OSError:
            os.unlink(target)
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def clone_darwin(source: str, target: str, library: Any = None) -> None:
    """Clone by clonefile(2) of APFS, which keeps times and permissions itself; *library* is the C library."""
    import ctypes

    library = library or ctypes.CDLL(None, use_errno=True)
    if library.clonefile(os.fsencode(source), os.fsencode(target), 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, target)


def fallbacks(mode: str, platform: str = sys.platform) -> tuple[str, ...]:
    """Return the link modes to try in turn for the mode asked for; "" asks for the best there is.

    A clone is safe against edits in the environment, a hard link is as quick, a copy always works.
    A hard link that fails is never replaced by a clone: who asks for one wants no second file.
    """
    if mode == "":
        return ("hardlink", "copy") if platform == "win32" else ("clone", "hardlink", "copy")
    return (mode,) if mode == "copy" else (mode, "copy")


def is_unsupported(error: OSError) -> bool:
    """Whether *error* says that this kind of link is not to be had here."""
    return error.errno in UNSUPPORTED or getattr(error, "winerror", None) in UNSUPPORTED_WINDOWS


class Linker:
    """Puts files of the cache into an environment, in the best way that the file system takes.

    *mode* is one of ``LINK_MODES`` or "" for the best. After the first file that a mode is refused
    for, the next one is used for all that follow; ``mode`` then names it, and ``fell_back`` is true.
    A file with too many hard links (1,023 on Windows, 65,000 on ext4) is copied, alone. What does not lie in
    *lasting* will be gone soon, and is copied where symbolic links are asked for. Several threads may use one.
    """

    __slots__ = ("_functions", "_lasting", "_modes", "asked", "mode")

    def __init__(
        self,
        mode: str = "",
        *,
        lasting: str = "",
        platform: str = sys.platform,
        disk: Disk | None = None,
    ) -> None:
        used = disk or DISK
        self._lasting = os.path.join(lasting, "") if lasting else ""
        self._functions: dict[str, Callable[[str, str], None]] = {
            "clone": lambda source, target: clone(source, target, platform),
            "hardlink": used.link,
            "symlink": used.symlink,
            "copy": copy if platform != "win32" else with_long_paths(copy, platform),
        }
        self._modes = fallbacks(mode, platform)
        self.asked = mode
        self.mode = self._modes[0]

    @property
    def fell_back(self) -> bool:
        """Whether a mode that was asked for by name was refused."""
        return bool(self.asked) and self.mode != self.asked

    def place(self, source: str, target: str, names: Iterable[str]) -> None:
        """Link each of *names* from the directory *source* into *target*; both end with a separator.

        :raises FileExistsError: when a name is there already.
        """
        mode = self.mode
        if mode == "symlink" and not source.startswith(self._lasting):
            mode = "copy"
        function = self._functions[mode]
        for name in names:
            try:
                function(source + name, target + name)
            except OSError as error:  # noqa: PERF203 - each file may fail in a way of its own
                self._place_otherwise(mode, error, source + name, target + name)
                mode = self.mode
                function = self._functions[mode]

    def _place_otherwise(self, mode: str, error: OSError, source: str, target: str) -> None:
        """Place the file that *mode* was refused for by the next mode that works."""
        while True:
            if isinstance(error, (FileExistsError, FileNotFoundError)) or not is_unsupported(error):
                raise error
            position = self._modes.index(mode) + 1
            if position == len(self._modes):
                raise error
            if error.errno == errno.EMLINK or getattr(error, "winerror", None) == TOO_MANY_LINKS_WINDOWS:
                copy(source, target)
                return
            mode = self._modes[position]
            # Another thread may have been refused more.
            if position > self._modes.index(self.mode):
                self.mode = mode
            try:
                self._functions[mode](source, target)
            except OSError as next_error:
                error = next_error
            else:
                return
