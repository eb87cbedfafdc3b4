"""Wheel tags of a Python on a platform, worked out from their names alone.

They are held against ``packaging.tags`` in the tests, under real interpreters too.

Source: Platform compatibility tags; PEP 600 and PEP 656 (manylinux, musllinux).
"""

from __future__ import annotations

from pkm_env.model.platforms import floor_numbers, split_platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WINDOWS_TAGS = {"x86_64": "win_amd64", "arm64": "win_arm64", "x86": "win32"}
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_PYPY_ABI = "pp73"
_TAG_COLUMNS = 3  # python, abi, platform


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

    def suit(self, tags: str) -> bool:
        """Return whether a wheel with the compressed tag set *tags* is for this Python, on whatever platform."""
        pythons, abis, platforms = tag_columns(tags)
        known = (self.anywhere,) if platforms == ["any"] else (self.anywhere, self.pairs)
        return any((python, abi) in pairs for pairs in known for python in pythons for abi in abis)


def tag_columns(tags: str) -> tuple[list[str], list[str], list[str]]:
    """Return the pythons, abis and platforms of a compressed tag set; none for a malformed one."""
    columns = tags.split("-")
    if len(columns) != _TAG_COLUMNS:
        return [], [], []
    return columns[0].split("."), columns[1].split("."), columns[2].split(".")


def wheel_tags(python: str, implementation: str, platform: str) -> Iterator[str]:
    """Yield the tags that fit, best first."""
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
    system, architecture, floor = split_platform(platform)
    if system == "windows":
        yield _WINDOWS_TAGS[architecture]
    elif system == "macos":
        yield from _macos_tags(floor_numbers(floor)[0], architecture)
    else:
        machine = "aarch64" if architecture == "arm64" else architecture
        yield f"linux_{machine}"
        if floor.startswith("musl"):
            major, minor = floor_numbers(floor)
            yield from (f"musllinux_{major}_{older}_{machine}" for older in range(minor, -1, -1))
        else:
            yield from _manylinux_tags(floor_numbers(floor), machine)


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
