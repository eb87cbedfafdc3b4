"""Wanted: a package that is to be had as a wheel, and what its file is."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.cache.wheels import is_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.model.distribution import File, Source


class Wanted:
    """A package that sync wants: an index's *file* (wheel or sdist), or a *source*.

    ``name`` is normalised; ``hashes`` are those of the lock, and hold for the file or archive. ``index`` is the
    address of the index that the lock names for the file, "" for none.
    """

    __slots__ = ("file", "hashes", "index", "name", "source", "version")

    def __init__(
        self,
        name: str,
        version: str,
        *,
        file: File | None = None,
        source: Source | None = None,
        hashes: Mapping[str, str] | None = None,
        index: str = "",
    ) -> None:
        self.name = name
        self.version = version
        self.file = file
        self.source = source
        self.hashes = dict(hashes or (file.hashes if file else {}))
        self.index = index

    def __repr__(self) -> str:
        return f"Wanted({self.name!r}, {self.version!r})"


def is_wheel(item: Wanted) -> bool:
    """Whether what is wanted is the file of a wheel."""
    if item.file is not None:
        return item.file.is_wheel
    return item.source is not None and item.source.kind == "archive" and is_wheel_name(item.source.location)


def is_wheel_name(location: str) -> bool:
    """Whether a path or URL ends in the name of a wheel."""
    return location.partition("#")[0].partition("?")[0].endswith(".whl")


def size_of(item: Wanted) -> int:
    """Return the size in bytes of the wanted file, 0 when it is not known."""
    return (item.file.size or 0) if item.file is not None else 0


class NoWheel(PkmError):
    """A locked package for which no wheel can be had; ``str()`` says why."""


def check_release(item: Wanted, wheel: UnpackedWheel) -> None:
    """Compare a wheel with the release that it was locked as.

    :raises NoWheel: when it is another one: its digest agrees, so it is the lock that contradicts itself.
    """
    if is_release(wheel, item.name, item.version):
        return
    told = wheel.manifest
    raise NoWheel(
        f"the file that is locked for {item.name} {item.version} is the wheel of {told.name} {told.version}",
        f"pkm lock --refresh-package {item.name}",
    )
