"""What a path in an archive may be: one that every system takes as it stands, and that stays below its folder."""

from __future__ import annotations

# The longest name that every file system takes.
NAME_BYTES = 255
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


def unsafe_path(name: str, platform: str) -> str:
    """Return why the path *name* of an archive may not be written below a directory, or "".

    A trailing slash marks a directory. What only Windows reads otherwise (devices, streams, names
    that end in a dot or space) is refused there alone: such names are in use elsewhere.
    """
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
    if len(part) * 4 > NAME_BYTES and len(part.encode("utf-8", "surrogatepass")) > NAME_BYTES:
        return "has a name of more than 255 bytes"
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
