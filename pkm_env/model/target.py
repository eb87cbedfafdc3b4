"""Targets: what a section is solved for, one Python minor version on one platform.

Markers and tags are worked out from the names alone, so that a machine can lock for any other. The
tags are held against ``packaging.tags`` under real interpreters in the tests.

Source: Platform compatibility tags; PEP 600, 656 (manylinux, musllinux); PEP 508 (marker values).
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.model.versions import UnreadableVersion, python_cuts, python_truths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pkm_env.model.interpreter import Interpreter

    Patches = tuple[int, int | None]

KNOWN_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
IMPLIED_PLATFORMS = (
    "linux-x86_64-glibc2.28",
    "linux-arm64-glibc2.28",
    "macos-arm64-14",
    "macos-x86_64-13",
    "windows-x86_64",
)
IMPLEMENTATIONS = ("cpython", "cpython-freethreaded", "pypy")
_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64"}
_GLIBC_FLOOR = (2, 28)
_MUSL_FLOOR = (1, 2)
_MACOS_FLOORS = {"arm64": (14, 0), "x86_64": (13, 0)}
_WINDOWS_MACHINES = {"x86_64": "AMD64", "arm64": "ARM64", "x86": "x86"}
_WINDOWS_TAGS = {"x86_64": "win_amd64", "arm64": "win_arm64", "x86": "win32"}
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_PYPY_ABI = "pp73"
_EXAMPLE = "as in linux-x86_64, linux-arm64-musl1.2, linux-x86_64-glibc2.35, macos-arm64-14, windows-x86_64"


class UnknownPlatform(PkmError):
    """A platform that is not named as pkm names them; *platform* is the text."""

    def __init__(self, platform: str, reason: str, hint: str = "") -> None:
        super().__init__(f'"{platform}" is no platform: {reason}', hint or _EXAMPLE)
        self.platform = platform


class Target:
    """One Python minor version, with the patch releases *patches*, on one platform.

    ``python`` is "3.12", ``implementation`` "cpython", "cpython-freethreaded" or "pypy", ``platform`` a
    name with its floor ("linux-x86_64-glibc2.28", "macos-arm64-14", "windows-x86_64"), ``patches`` the
    first and last patch release that it stands for (None: no last one), ``markers`` the values of PEP
    508's environment markers, where ``python_full_version`` is that of the first patch release.
    """

    __slots__ = ("_given", "_members", "_tags", "implementation", "markers", "patches", "platform", "python")

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
        self._members: TagParts | frozenset[str] | None = None

    @property
    def name(self) -> str:
        """What people read: "python 3.12 on linux-x86_64", without a usual floor or implementation."""
        kind = "python" if self.implementation == "cpython" else self.implementation
        return f"{kind} {_patches_text(self.python, self.patches)} on {short_platform(self.platform)}"

    @property
    def key(self) -> str:
        """What a lock writes: "3.12 linux-x86_64-glibc2.28", "3.11.3+ pypy macos-arm64-14"."""
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
            self._tags = tuple(_tags(self.python, self.implementation, self.platform))
        return self._tags

    @property
    def has_own_tags(self) -> bool:
        """Whether the tags were given (by an interpreter), and not worked out from the names."""
        return self._given

    def takes(self, tags: str) -> bool:
        """Return whether a wheel with the compressed tag set *tags* can be installed."""
        if self._members is None:
            given = self._tags
            self._members = (
                tag_parts(self.python, self.implementation, self.platform)
                if given is None
                else frozenset(given)
            )
        members = self._members
        pythons, abis, platforms = _tag_columns(tags)
        if isinstance(members, frozenset):
            return any(f"{p}-{a}-{f}" in members for f in platforms for a in abis for p in pythons)
        return any(members.holds(p, a, f) for f in platforms for a in abis for p in pythons)

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
    def from_plain(cls, plain: tuple[object, ...]) -> Target:
        """Return the target whose ``to_plain`` gave *plain*."""
        python, implementation, platform, patches, markers, tags = plain
        return cls(python, implementation, platform, patches=tuple(patches), markers=markers, tags=tags)  # type: ignore[arg-type]  # values of to_plain

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


class TagParts:
    """The tags of a target as products: (python, abi) pairs with each platform, pairs with "any"."""

    __slots__ = ("anywhere", "pairs", "platforms")

    def __init__(
        self, pairs: Iterable[tuple[str, str]], platforms: Iterable[str], anywhere: Iterable[tuple[str, str]]
    ) -> None:
        self.pairs = dict.fromkeys(pairs)
        self.platforms = dict.fromkeys(platforms)
        self.anywhere = dict.fromkeys(anywhere)

    def holds(self, python: str, abi: str, platform: str) -> bool:
        """Return whether the tag python-abi-platform is one of them."""
        if platform == "any":
            return (python, abi) in self.anywhere
        return platform in self.platforms and (python, abi) in self.pairs


def _tag_columns(tags: str) -> tuple[list[str], list[str], list[str]]:
    columns = tags.split("-")
    if len(columns) != 3:
        return [], [], []
    return columns[0].split("."), columns[1].split("."), columns[2].split(".")


def short_platform(platform: str) -> str:
    """Return *platform* without a floor that is the default one."""
    system, architecture, floor = _split(platform)
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
    if len(parts) < 2 or not parts[1] or len(parts) > 3:
        raise UnknownPlatform(text, "an architecture follows the system, and at most one floor that")
    architecture = _ARCHITECTURES.get(parts[1], parts[1])
    if not architecture.replace("_", "").isalnum():
        raise UnknownPlatform(text, f'"{parts[1]}" is no architecture')
    allowed = {"macos": _MACOS_FLOORS, "windows": _WINDOWS_TAGS}.get(system)
    if allowed is not None and architecture not in allowed:
        raise UnknownPlatform(text, f"{system} runs on {' and '.join(sorted(allowed))}")
    floor = parts[2] if len(parts) == 3 else default_floor(system, architecture)
    if not _is_floor(system, floor):
        raise UnknownPlatform(text, f'"{floor}" is no floor of {system}')
    floor = "musl1.2" if floor == "musl" else floor
    return f"{system}-{architecture}-{floor}" if floor else f"{system}-{architecture}"


def _is_floor(system: str, floor: str) -> bool:
    if system == "windows":
        return not floor
    if system == "macos":
        return _is_numbers(floor, {1, 2})
    if floor == "musl":
        return True
    for library in ("glibc", "musl"):
        if floor.startswith(library):
            return _is_numbers(floor[len(library) :], {2})
    return False


def _is_numbers(text: str, counts: set[int]) -> bool:
    parts = text.split(".")
    return len(parts) in counts and all(part.isascii() and part.isdigit() for part in parts)


def _split(platform: str) -> tuple[str, str, str]:
    parts = platform.split("-")
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _floor_numbers(floor: str) -> tuple[int, int]:
    digits = floor.removeprefix("glibc").removeprefix("musl").split(".")
    return int(digits[0]), int(digits[1]) if len(digits) > 1 else 0


def implied_pythons(requires_python: str | None) -> tuple[str, ...]:
    """Return the known minor versions of which *requires_python* admits at least one patch release.

    :raises UnreadableVersion: when it is no specifier.
    """
    if not requires_python:
        return KNOWN_PYTHONS
    return tuple(minor for minor in KNOWN_PYTHONS if python_truths(requires_python, minor, (0, None))[1])


def make_target(
    python: str, platform: str, implementation: str = "cpython", *, requires_python: str | None = None
) -> Target:
    """Return the target of a minor version and a platform, in whatever spelling that is.

    With *requires_python* it stands only for the patch releases that this admits, from the first one on.

    :raises UnknownPlatform: when the platform is not one.
    :raises ValueError: when the implementation is not one of IMPLEMENTATIONS.
    """
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(implementation)
    return Target(
        python, implementation, parse_platform(platform), patches=_admitted_patches(requires_python, python)
    )


def target_from_key(key: str) -> Target:
    """Return the target whose ``key`` is *key*; markers and tags are those of its names.

    :raises ValueError: when *key* is none.
    :raises UnknownPlatform: when its platform is none.
    """
    words = key.split(" ")
    if len(words) not in {2, 3}:
        raise ValueError(key)
    implementation = words[1] if len(words) == 3 else "cpython"
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(key)
    python, patches = _read_patches(words[0])
    return Target(python, implementation, parse_platform(words[-1]), patches=patches)


def _read_patches(text: str) -> tuple[str, Patches]:
    parts = text.split(".")
    if len(parts) == 2 and _is_numbers(text, {2}):
        return text, (0, None)
    if len(parts) != 3:
        raise ValueError(text)
    low, dash, high = parts[2].removesuffix("+").partition("-")
    if not _is_numbers(low, {1}) or (dash and not _is_numbers(high, {1})):
        raise ValueError(text)
    return ".".join(parts[:2]), (int(low), int(high) if dash else None)


def _admitted_patches(requires_python: str | None, minor: str) -> Patches:
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
    system, architecture, floor = _split(interpreter.platform)
    usual = default_floor(system, architecture)
    if floor.startswith("musl"):
        usual = f"musl{_MUSL_FLOOR[0]}.{_MUSL_FLOOR[1]}"
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
    if (target.python, target.implementation) != (interpreter.minor, interpreter.implementation):
        return False
    if not _patch_within(interpreter.version, target.patches):
        return False
    system, architecture, floor = _split(target.platform)
    own_system, own_architecture, own_floor = _split(interpreter.platform)
    if (system, architecture) != (own_system, own_architecture):
        return False
    if not floor or not own_floor:
        return floor == own_floor
    if floor.startswith("musl") != own_floor.startswith("musl"):
        return False
    return _floor_numbers(floor) <= _floor_numbers(own_floor)


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
    system, architecture, _floor = _split(platform)
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


def _tags(python: str, implementation: str, platform: str) -> Iterator[str]:
    platforms = tuple(platform_tags(platform))
    own, compatible, anywhere = _pairs(python, implementation)
    for interpreter, abi in (*own, *compatible):
        for tag in platforms:
            yield f"{interpreter}-{abi}-{tag}"
    for interpreter, abi in anywhere:
        yield f"{interpreter}-{abi}-any"


def tag_parts(python: str, implementation: str, platform: str) -> TagParts:
    """Return the tags of a target as the products that they are, without writing them all out."""
    own, compatible, anywhere = _pairs(python, implementation)
    return TagParts((*own, *compatible), platform_tags(platform), anywhere)


def _pairs(
    python: str, implementation: str
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the (python, abi) pairs in order: the implementation's, the generic ones, those for "any"."""
    major, minor = (int(part) for part in python.split("."))
    digits = f"{major}{minor}"
    generic = [f"py{digits}", f"py{major}", *(f"py{major}{older}" for older in range(minor - 1, -1, -1))]
    if implementation == "pypy":
        own = [(f"pp{digits}", f"pypy{digits}_{_PYPY_ABI}"), (f"pp{digits}", "none")]
        general = f"pp{major}"
    else:
        own = _cpython_pairs(digits, major, minor, threaded=implementation == "cpython-freethreaded")
        general = f"cp{digits}"
    compatible = [(name, "none") for name in generic]
    return own, compatible, [(general, "none"), *compatible]


def _cpython_pairs(digits: str, major: int, minor: int, *, threaded: bool) -> list[tuple[str, str]]:
    stable = "abi3t" if threaded else "abi3"
    own = f"cp{digits}"
    pairs = [(own, f"{own}t" if threaded else own), (own, stable), (own, "none")]
    pairs += [(f"cp{major}{older}", stable) for older in range(minor - 1, 1, -1)]
    return pairs


def platform_tags(platform: str) -> Iterator[str]:
    """Yield the platform tags that fit, best first."""
    system, architecture, floor = _split(platform)
    if system == "windows":
        yield _WINDOWS_TAGS[architecture]
    elif system == "macos":
        yield from _macos_tags(_floor_numbers(floor)[0], architecture)
    else:
        machine = "aarch64" if architecture == "arm64" else architecture
        if floor.startswith("musl"):
            major, minor = _floor_numbers(floor)
            yield from (f"musllinux_{major}_{older}_{machine}" for older in range(minor, -1, -1))
        else:
            yield from _manylinux_tags(_floor_numbers(floor), machine)
        yield f"linux_{machine}"


def _manylinux_tags(floor: tuple[int, int], machine: str) -> Iterator[str]:
    """Yield the tags of glibc *floor* and below: to 2.5 on x86, to 2.17 elsewhere (PEP 600)."""
    oldest = 5 if machine in {"x86_64", "i686"} else 17
    for minor in range(floor[1], oldest - 1, -1):
        yield f"manylinux_{floor[0]}_{minor}_{machine}"
        legacy = _LEGACY_MANYLINUX.get((floor[0], minor))
        if legacy:
            yield f"{legacy}_{machine}"


def _macos_tags(major: int, architecture: str) -> Iterator[str]:
    formats = ["x86_64", "intel", "fat64", "fat3", "universal2", "universal"]
    if architecture == "arm64":
        formats = ["arm64", "universal2"]
    for version in range(major, 10, -1):
        yield from (f"macosx_{version}_0_{kind}" for kind in formats)
    older = formats if architecture == "x86_64" else ["universal2"]
    for minor in range(16, 3, -1):
        yield from (f"macosx_10_{minor}_{kind}" for kind in older)


def fits_requires_python(specifier: str, target: Target) -> tuple[bool, bool]:
    """Return whether a Requires-Python holds for all, and for any, of the target's patch releases.

    One that cannot be read holds for all, as installers take it.
    """
    try:
        return python_truths(specifier, target.python, target.patches)
    except UnreadableVersion:
        return True, True
