"""Targets: what a section is solved for, one Python minor version on one platform.

Markers and tags are worked out from the names alone, so that a machine can lock for any other. The
tags are held against ``packaging.tags`` under real interpreters in the tests.

Source: Platform compatibility tags; PEP 600, 656 (manylinux, musllinux); PEP 508 (marker values).
"""

from __future__ import annotations

from pkm_env.model.platforms import (
    IMPLIED_PLATFORMS,
    MUSL_FLOOR,
    UnknownPlatform,
    default_floor,
    floor_numbers,
    is_numbers,
    parse_platform,
    short_platform,
    split_platform,
)
from pkm_env.model.tags import TagParts, tag_columns, tag_parts, wheel_tags
from pkm_env.model.versions import python_cuts, python_truths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pkm_env.model.interpreter import Interpreter

    Patches = tuple[int, int | None]

__all__ = [
    "IMPLEMENTATIONS",
    "IMPLIED_PLATFORMS",
    "KNOWN_PYTHONS",
    "Target",
    "UnknownPlatform",
    "admits",
    "implied_pythons",
    "make_target",
    "make_targets",
    "parse_platform",
    "target_from_key",
    "target_of_interpreter",
]

KNOWN_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
IMPLEMENTATIONS = ("cpython", "cpython-freethreaded", "pypy")
_WINDOWS_MACHINES = {"x86_64": "AMD64", "arm64": "ARM64", "x86": "x86"}
_MINOR_PARTS = 2  # "3.12"
_PATCH_PARTS = 3  # "3.12.1"


class Target:
    """One Python minor version, with the patch releases *patches*, on one platform.

    ``python`` is "3.12", ``implementation`` "cpython", "cpython-freethreaded" or "pypy", ``platform`` a
    name with its floor ("linux-x86_64-glibc2.28", "macos-arm64-14", "windows-x86_64"), ``patches`` the
    first and last patch release that it stands for (None: no last one), ``markers`` the values of PEP
    508's environment markers, where ``python_full_version`` is that of the first patch release.
    """

    __slots__ = (
        "_given",
        "_key",
        "_members",
        "_tags",
        "_taken",
        "implementation",
        "markers",
        "patches",
        "platform",
        "python",
    )

    def __init__(
        self,
        python: str,
        implementation: str,
        platform: str,
        *,
        patches: Patches = (0, None),
        markers: Mapping[str, str] | None = None,
        tags: tuple[str, ...] | None = None,
    ) -> None:
        self.python = python
        self.implementation = implementation
        self.platform = platform
        self.patches = patches
        self.markers = (
            dict(markers) if markers is not None else _markers(python, implementation, platform, patches)
        )
        self._tags = tags
        self._given = tags is not None
        self._key = ""
        self._taken: dict[str, bool] = {}
        self._members: TagParts | frozenset[str] | None = None

    @property
    def name(self) -> str:
        """What people read: "python 3.12 on linux-x86_64", without a usual floor or implementation."""
        kind = "python" if self.implementation == "cpython" else self.implementation
        return f"{kind} {_patches_text(self.python, self.patches)} on {short_platform(self.platform)}"

    @property
    def key(self) -> str:
        """What a lock writes: "3.12 linux-x86_64-glibc2.28", "3.11.3+ pypy macos-arm64-14"."""
        if not self._key:
            self._key = self._make_key()
        return self._key

    def _make_key(self) -> str:
        low, high = self.patches
        python = self.python
        if high is not None:
            python = f"{python}.{low}-{high}"
        elif low:
            python = f"{python}.{low}+"
        kind = "" if self.implementation == "cpython" else f"{self.implementation} "
        return f"{python} {kind}{self.platform}"

    @property
    def tags(self) -> tuple[str, ...]:
        """The wheel tags that fit, best first, as in "cp312-cp312-manylinux_2_28_x86_64"."""
        if self._tags is None:
            self._tags = tuple(wheel_tags(self.python, self.implementation, self.platform))
        return self._tags

    @property
    def has_own_tags(self) -> bool:
        """Whether the tags were given (by an interpreter), and not worked out from the names."""
        return self._given

    def takes(self, tags: str) -> bool:
        """Return whether a wheel with the compressed tag set *tags* can be installed.

        For many wheels and targets, ``tag_set.TagSet`` answers all targets at once.
        """
        known = self._taken.get(tags)
        if known is None:
            known = self._taken[tags] = self._takes(tags)
        return known

    def _takes(self, tags: str) -> bool:
        if self._members is None:
            given = self._tags
            self._members = (
                tag_parts(self.python, self.implementation, self.platform)
                if given is None
                else frozenset(given)
            )
        members = self._members
        pythons, abis, platforms = tag_columns(tags)
        if isinstance(members, frozenset):
            return any(f"{p}-{a}-{f}" in members for f in platforms for a in abis for p in pythons)
        return any(members.holds(p, a, f) for f in platforms for a in abis for p in pythons)

    def is_part_of(self, other: Target) -> bool:
        """Return whether this is *other*, or stands for some of its patch releases."""
        names = (self.python, self.implementation, self.platform)
        low, high = other.patches
        return (
            names == (other.python, other.implementation, other.platform)
            and self.has_own_tags == other.has_own_tags
            and self.patches[0] >= low
            and (high is None or (self.patches[1] is not None and self.patches[1] <= high))
        )

    def part(self, patches: Patches) -> Target:
        """Return the same target for fewer patch releases."""
        low = patches[0]
        markers = dict(self.markers, python_full_version=f"{self.python}.{low}")
        if self.implementation != "pypy":
            markers["implementation_version"] = f"{self.python}.{low}"
        return Target(
            self.python,
            self.implementation,
            self.platform,
            patches=patches,
            markers=markers,
            tags=self._tags if self._given else None,
        )

    def to_plain(self) -> tuple[object, ...]:
        """Return what makes the target, tags only where they were given: marshal takes it."""
        return (
            self.python,
            self.implementation,
            self.platform,
            self.patches,
            self.markers,
            self._tags if self._given else None,
        )

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Target:
        """Return the target whose ``to_plain`` gave *plain*."""
        python, implementation, platform, patches, markers, tags = plain
        return cls(python, implementation, platform, patches=tuple(patches), markers=markers, tags=tags)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.python, self.implementation, self.platform, self.patches))

    def _identity(self) -> tuple[object, ...]:
        return (self.python, self.implementation, self.platform, self.patches, self.markers)

    def __repr__(self) -> str:
        return (
            f"Target({self.python!r}, {self.implementation!r}, {self.platform!r}, patches={self.patches!r})"
        )


def implied_pythons(requires_python: str | None) -> tuple[str, ...]:
    """Return the known minor versions of which *requires_python* admits at least one patch release.

    :raises UnreadableVersion: when it is no specifier.
    """
    if not requires_python:
        return KNOWN_PYTHONS
    return tuple(minor for minor in KNOWN_PYTHONS if python_truths(requires_python, minor, (0, None))[1])


def make_target(python: str, platform: str, implementation: str = "cpython") -> Target:
    """Return the target of a minor version and a platform, in whatever spelling that is.

    :raises UnknownPlatform: when the platform is not one.
    :raises ValueError: when the implementation is not one of IMPLEMENTATIONS.
    """
    return make_targets((python,), (platform,), implementation)[0]


def make_targets(
    pythons: Sequence[str], platforms: Sequence[str], implementation: str, requires_python: str = ""
) -> tuple[Target, ...]:
    """Return the targets of minor versions on platforms, in whatever spelling; by Python, then by platform.

    With *requires_python* they stand only for the patch releases that this admits, from the first one on.

    :raises UnknownPlatform: when a platform is not one.
    :raises ValueError: when the implementation is not one of IMPLEMENTATIONS.
    """
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(implementation)
    names = [parse_platform(platform) for platform in platforms]
    patches = [_admitted_patches(requires_python, python) for python in pythons]
    return tuple(
        [
            Target(python, implementation, name, patches=admitted)
            for python, admitted in zip(pythons, patches, strict=True)
            for name in names
        ]
    )


def target_from_key(key: str) -> Target:
    """Return the target whose ``key`` is *key*; markers and tags are those of its names.

    :raises ValueError: when *key* is none.
    :raises UnknownPlatform: when its platform is none.
    """
    words = key.split(" ")
    if len(words) not in {2, 3}:
        raise ValueError(key)
    implementation = words[1] if words[1:-1] else "cpython"
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(key)
    python, patches = _read_patches(words[0])
    return Target(python, implementation, parse_platform(words[-1]), patches=patches)


def _read_patches(text: str) -> tuple[str, Patches]:
    parts = text.split(".")
    if len(parts) == _MINOR_PARTS and is_numbers(text, {2}):
        return text, (0, None)
    if len(parts) != _PATCH_PARTS:
        raise ValueError(text)
    low, dash, high = parts[2].removesuffix("+").partition("-")
    if not is_numbers(low, {1}) or (dash and not is_numbers(high, {1})):
        raise ValueError(text)
    return ".".join(parts[:2]), (int(low), int(high) if dash else None)


def _admitted_patches(requires_python: str, minor: str) -> Patches:
    if not requires_python:
        return (0, None)
    cuts = (0, *python_cuts(requires_python, minor, (0, None)))
    for place, low in enumerate(cuts):
        high = cuts[place + 1] - 1 if place + 1 < len(cuts) else None
        if python_truths(requires_python, minor, (low, high))[0]:
            return (low, high)
    return (0, None)


def target_of_interpreter(interpreter: Interpreter) -> Target:
    """Return the one target that *interpreter* stands for: its minor version on its platform.

    Markers and tags are its own, so that what is chosen can be installed by it; the floor of its C
    library is not part of the target's name.
    """
    system, architecture, floor = split_platform(interpreter.platform)
    usual = default_floor(system, architecture)
    if floor.startswith("musl"):
        usual = f"musl{MUSL_FLOOR[0]}.{MUSL_FLOOR[1]}"
    platform = f"{system}-{architecture}-{usual}" if usual else f"{system}-{architecture}"
    return Target(
        interpreter.minor,
        interpreter.implementation,
        platform,
        markers=interpreter.markers,
        tags=interpreter.tags,
    )


def admits(target: Target, interpreter: Interpreter) -> bool:
    """Return whether *interpreter* may install what was solved for *target*.

    Minor version, implementation, system, architecture and C library agree, the floor is not above the
    interpreter's own, and its patch release is one that the target stands for.
    """
    return (
        (target.python, target.implementation) == (interpreter.minor, interpreter.implementation)
        and _patch_within(interpreter.version, target.patches)
        and serves(target.platform, interpreter.platform)
    )


def serves(platform: str, own: str) -> bool:
    """Return whether what was solved for *platform* may be installed on a machine with the platform *own*."""
    system, architecture, floor = split_platform(platform)
    own_system, own_architecture, own_floor = split_platform(own)
    if (system, architecture) != (own_system, own_architecture):
        return False
    if not floor or not own_floor:
        return floor == own_floor
    if floor.startswith("musl") != own_floor.startswith("musl"):
        return False
    return floor_numbers(floor) <= floor_numbers(own_floor)


def _patch_within(version: str, patches: Patches) -> bool:
    low, high = patches
    part = version.split(".")[2] if version.count(".") > 1 else "0"
    digits = ""
    for letter in part:
        if not letter.isdigit():
            break
        digits += letter
    patch = int(digits or "0")
    return low <= patch and (high is None or patch <= high)


def _patches_text(python: str, patches: Patches) -> str:
    low, high = patches
    if high is None:
        return f"{python}.{low} and later" if low else python
    return f"{python}.{low}" if low == high else f"{python}.{low} to {python}.{high}"


def _markers(python: str, implementation: str, platform: str, patches: Patches) -> dict[str, str]:
    system, architecture, _floor = split_platform(platform)
    full = f"{python}.{patches[0]}"
    pypy = implementation == "pypy"
    machine = architecture
    if system == "linux" and architecture == "arm64":
        machine = "aarch64"
    elif system == "windows":
        machine = _WINDOWS_MACHINES[architecture]
    names = {
        "linux": ("posix", "linux", "Linux"),
        "macos": ("posix", "darwin", "Darwin"),
        "windows": ("nt", "win32", "Windows"),
    }[system]
    return {
        "implementation_name": "pypy" if pypy else "cpython",
        "implementation_version": "7.3.0" if pypy else full,
        "os_name": names[0],
        "platform_machine": machine,
        "platform_python_implementation": "PyPy" if pypy else "CPython",
        "platform_release": "",
        "platform_system": names[2],
        "platform_version": "",
        "python_full_version": full,
        "python_version": python,
        "sys_platform": names[1],
    }
