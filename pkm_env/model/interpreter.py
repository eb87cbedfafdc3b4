"""Interpreter: a Python of this machine, as probed once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Interpreter:
    """A probed Python.

    ``path`` is the absolute path of the program that was asked, ``base`` the ``sys.base_prefix`` and
    ``base_executable`` the program of the installation it belongs to (they differ in a virtual
    environment). ``version`` is the full version ("3.13.0", "3.15.0a2"), ``markers`` the values of
    PEP 508's environment markers, ``tags`` the supported wheel tags, best first ("cp313-cp313-…").
    ``platform`` is the pkm name of its platform with the real C library ("linux-x86_64-glibc2.36").
    ``implementation`` is "cpython", "cpython-freethreaded" or "pypy". ``paths`` are the sysconfig
    paths of a virtual environment relative to its root (keys purelib, platlib, scripts, include, data).
    """

    __slots__ = (
        "base",
        "base_executable",
        "implementation",
        "markers",
        "path",
        "paths",
        "platform",
        "tags",
        "version",
    )

    def __init__(  # noqa: PLR0913 - the facts of one probe, named at the call
        self,
        path: str,
        version: str,
        implementation: str,
        *,
        platform: str,
        base: str,
        base_executable: str,
        markers: Mapping[str, str],
        tags: tuple[str, ...],
        paths: Mapping[str, str],
    ) -> None:
        self.path = path
        self.version = version
        self.implementation = implementation
        self.platform = platform
        self.base = base
        self.base_executable = base_executable
        self.markers = dict(markers)
        self.tags = tags
        self.paths = dict(paths)

    @property
    def minor(self) -> str:
        """The version without its patch level, as in "3.13"."""
        return ".".join(self.version.split(".")[:2])

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of ``__slots__``: what marshal keeps."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Interpreter:
        """Return the interpreter whose ``to_plain`` gave *plain*."""
        self = cls.__new__(cls)
        for name, value in zip(cls.__slots__, plain, strict=True):
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"Interpreter({self.path!r}, {self.version!r})"
