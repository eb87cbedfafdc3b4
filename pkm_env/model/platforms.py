"""Names of platforms: "linux-x86_64-glibc2.28", "linux-arm64-musl1.2", "macos-arm64-14", "windows-x86_64"."""

from __future__ import annotations

from pkm_build.errors import PkmError

IMPLIED_PLATFORMS = (
    "linux-x86_64-glibc2.28",
    "linux-arm64-glibc2.28",
    "macos-arm64-14",
    "macos-x86_64-13",
    "windows-x86_64",
)
MUSL_FLOOR = (1, 2)
_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64"}
_GLIBC_FLOOR = (2, 28)
_MACOS_FLOORS = {"arm64": (14, 0), "x86_64": (13, 0)}
_WINDOWS_ARCHITECTURES = ("x86_64", "arm64", "x86")
_PLATFORM_PARTS = 3  # system, architecture, floor
_EXAMPLE = "as in linux-x86_64, linux-arm64-musl1.2, linux-x86_64-glibc2.35, macos-arm64-14, windows-x86_64"


class UnknownPlatform(PkmError):
    """A platform that is not named as pkm names them; *platform* is the text."""

    def __init__(self, platform: str, reason: str, hint: str = "") -> None:
        super().__init__(f'"{platform}" is no platform: {reason}', hint or _EXAMPLE)
        self.platform = platform


def short_platform(platform: str) -> str:
    """Return *platform* without a floor that is the default one."""
    system, architecture, floor = split_platform(platform)
    if floor == default_floor(system, architecture):
        return f"{system}-{architecture}"
    return platform


def default_floor(system: str, architecture: str) -> str:
    """Return the floor that a platform without one has, as it stands in its name; "" for Windows."""
    if system == "linux":
        return f"glibc{_GLIBC_FLOOR[0]}.{_GLIBC_FLOOR[1]}"
    if system == "macos":
        return str(_MACOS_FLOORS.get(architecture, (14, 0))[0])
    return ""


def parse_platform(text: str) -> str:
    """Return the full name of a platform: aliases replaced, the floor filled in.

    :raises UnknownPlatform: when the text names none.
    """
    parts = text.strip().lower().split("-")
    system = parts[0]
    if system not in {"linux", "macos", "windows"}:
        raise UnknownPlatform(text, "it begins with linux, macos or windows")
    if not 1 < len(parts) <= _PLATFORM_PARTS or not parts[1]:
        raise UnknownPlatform(text, "an architecture follows the system, and at most one floor that")
    architecture = _ARCHITECTURES.get(parts[1], parts[1])
    if not architecture.replace("_", "").isalnum():
        raise UnknownPlatform(text, f'"{parts[1]}" is no architecture')
    allowed = {"macos": tuple(_MACOS_FLOORS), "windows": _WINDOWS_ARCHITECTURES}.get(system, ())
    if allowed and architecture not in allowed:
        raise UnknownPlatform(text, f"{system} runs on {', '.join(allowed)}")
    floor = parts[2] if len(parts) == _PLATFORM_PARTS else default_floor(system, architecture)
    if not _is_floor(system, floor):
        raise UnknownPlatform(text, f'"{floor}" is no floor of {system}')
    floor = "musl1.2" if floor == "musl" else floor
    return f"{system}-{architecture}-{floor}" if floor else f"{system}-{architecture}"


def _is_floor(system: str, floor: str) -> bool:
    if system == "windows":
        return not floor
    if system == "macos":
        return is_numbers(floor, {1, 2})
    if floor == "musl":
        return True
    for library in ("glibc", "musl"):
        if floor.startswith(library):
            return is_numbers(floor[len(library) :], {2})
    return False


def is_numbers(text: str, counts: set[int]) -> bool:
    """Return whether *text* is as many numbers, joined by points, as *counts* allows."""
    parts = text.split(".")
    return len(parts) in counts and all(part.isascii() and part.isdigit() for part in parts)


def split_platform(platform: str) -> tuple[str, str, str]:
    """Return system, architecture and floor ("" for none) of a normalised name."""
    parts = platform.split("-")
    return parts[0], parts[1], parts[2] if len(parts) == _PLATFORM_PARTS else ""


def floor_numbers(floor: str) -> tuple[int, int]:
    """Return "glibc2.28", "musl1.2" or "14" as two numbers."""
    digits = floor.removeprefix("glibc").removeprefix("musl").split(".")
    return int(digits[0]), int(digits[1]) if len(digits) > 1 else 0
