"""What a path in an archive may be: one that every system takes as it stands, and that stays below its folder."""

from __future__ import annotations

# The longest name that every file system takes.
NAME_BYTES = 255
# With the folder that it is unpacked below, it stays under the 4,096 of Linux.
PATH_BYTES = 1024
# Each level may cost whoever makes or walks it a frame of the stack, of which Python has 1,000.
LEVELS = 100
# Characters of a path in a message.
SHOWN = 200
WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in (*"123456789", "\xb9", "\xb2", "\xb3")}
)


def fold(name: str) -> str:
    """Return *name* as a file system sees it that ignores case and composes letters."""
    if name.isascii():
        return name.lower()
    from unicodedata import normalize

    return normalize("NFC", normalize("NFD", name).casefold())


def too_long(path: str) -> str:
    """Return why *path* is longer or deeper than any that is in use, or "".

    It is asked before anything is made of the parents of *path*: their texts together are the square of its length.
    """
    if len(path) > PATH_BYTES or len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES:
        return f"has a path of more than {PATH_BYTES:,} bytes"
    if path.count("/") > LEVELS:
        return f"lies more than {LEVELS} folders deep"
    # A character has four bytes at most, so that most names need no look at their bytes.
    if any(
        len(part) * 4 > NAME_BYTES and len(part.encode("utf-8", "surrogatepass")) > NAME_BYTES
        for part in path.split("/")
    ):
        return f"has a name of more than {NAME_BYTES} bytes"
    return ""


def shortened(path: str) -> str:
    """Return *path* for a message, without its middle where it is very long."""
    return path if len(path) <= SHOWN else f"{path[: SHOWN // 2]}...{path[-SHOWN // 2 :]}"


def unsafe_path(name: str, platform: str) -> str:
    """Return why the path *name* of an archive may not be written below a directory, or "".

    A trailing slash marks a directory. What only Windows reads otherwise (devices, streams, names
    that end in a dot or space) is refused there alone: such names are in use elsewhere.
    """
    reason = too_long(name)
    if reason:
        return reason
    if "\\" in name:
        return "has a backslash in its path"
    if not name.isprintable() and any(character < " " or character == "\x7f" for character in name):
        return "has a control character in its path"
    if name.startswith("/") or (name[1:2] == ":" and name[0].isalpha()):
        return "is an absolute path"
    for part in name.removesuffix("/").split("/"):
        reason = unsafe_part(part, platform)
        if reason:
            return reason
    return ""


def unsafe_part(part: str, platform: str) -> str:
    """Return why one name in a path may not be used, or ""."""
    if part in {"", ".", ".."}:
        return "leads outside, or nowhere"
    if platform == "win32" and unsafe_on_windows(part):
        return "is a name that Windows does not take"
    return ""


def unsafe_on_windows(part: str) -> bool:
    """Whether Windows takes the name *part* for a device, a stream or another name."""
    return (
        part.partition(".")[0].rstrip(" ").lower() in WINDOWS_DEVICES
        or part[-1] in ". "
        or any(character in '<>:"|?*' for character in part)
    )
