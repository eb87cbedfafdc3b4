"""Lock: the value that stands in ``pylock.toml``.

Every environment is a section, every package an entry that may belong to several sections. What
an entry says of a section is a mask: bit ``i`` stands for the target ``section.targets[i]``.
The values are plain and marshalled into the cache under the digest of the lock's text.
"""

from __future__ import annotations

from pkm_env.model.distribution import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

LOCK_NAME = "pylock.toml"
LOCK_VERSION = "1.0"
# Names of sections that hold what building a package requires, and no environment.
BUILD_PREFIX = "build-"


class LockedFile:
    """One file of an entry. ``path`` is relative to the lock with forward slashes, "" for a URL.

    ``hashes`` is never empty; ``size`` is in bytes or None; ``upload_time`` is ISO 8601 or "".
    """

    __slots__ = ("filename", "hashes", "path", "size", "upload_time", "url")

    def __init__(
        self,
        filename: str,
        url: str,
        hashes: Mapping[str, str],
        *,
        path: str = "",
        size: int | None = None,
        upload_time: str = "",
    ) -> None:
        self.filename = filename
        self.url = url
        self.hashes = dict(hashes)
        self.path = path
        self.size = size
        self.upload_time = upload_time

    @property
    def is_wheel(self) -> bool:
        """Whether the name is that of a wheel."""
        return self.filename.endswith(".whl")

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of the parameters."""
        return (self.filename, self.url, self.hashes, self.path, self.size, self.upload_time)

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> LockedFile:
        """Return the file whose ``to_plain`` gave *plain*."""
        filename, url, hashes, path, size, upload_time = plain
        return cls(filename, url, hashes, path=path, size=size, upload_time=upload_time)

    def __repr__(self) -> str:
        return f"LockedFile({self.filename!r})"


class LockedPackage:
    """One entry: a name, version and source, and the sections and targets that have it.

    ``version`` is "" for a folder. ``sections`` maps section names to masks over their targets.
    ``source`` is None for a package of an index; a local location in it is relative to the lock.
    ``files`` are sorted by name, the sdist among them. ``requires`` are (name, version) pairs.
    """

    __slots__ = ("files", "index", "name", "requires", "sections", "source", "version")

    def __init__(
        self,
        name: str,
        version: str,
        sections: Mapping[str, int],
        *,
        source: Source | None = None,
        index: str = "",
        files: tuple[LockedFile, ...] = (),
        requires: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.sections = dict(sections)
        self.source = source
        self.index = index
        self.files = files
        self.requires = requires

    @property
    def release(self) -> tuple[Any, ...]:
        """What it is, wherever its files lie: name, version, source."""
        return (
            self.name,
            self.version,
            () if self.source is None else tuple(map(str, self.source.to_plain())),
        )

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells entries apart, and sorts them: the release, and its index or the folder of its files."""
        if self.source is not None or self.index or not self.files:
            return (*self.release, self.index)
        return (*self.release, self.files[0].path.rpartition("/")[0])

    @property
    def wheels(self) -> tuple[LockedFile, ...]:
        """The wheels among the files."""
        return tuple([file for file in self.files if file.is_wheel])

    @property
    def sdist(self) -> LockedFile | None:
        """The sdist among the files, or None."""
        return next((file for file in self.files if not file.is_wheel), None)

    def to_plain(self) -> tuple[Any, ...]:
        """Return what marshal keeps."""
        return (
            self.name,
            self.version,
            self.sections,
            None if self.source is None else self.source.to_plain(),
            self.index,
            tuple(file.to_plain() for file in self.files),
            self.requires,
        )

    def __repr__(self) -> str:
        return f"LockedPackage({self.name!r}, {self.version!r}, {self.sections!r})"


class LockSection:
    """What the lock says of one environment.

    ``inputs`` is the digest of what it was solved from. ``targets`` are keys of targets
    ("3.12 linux-x86_64-glibc2.28"), ``left_out`` such keys with the reason. ``options`` are the
    rules that differ from the defaults, as texts. ``content`` is the digest of all that, and of the
    section's entries (``lock.content``), "" where nobody noted it.
    """

    __slots__ = ("content", "inputs", "left_out", "name", "options", "targets")

    def __init__(
        self,
        name: str,
        inputs: str,
        targets: tuple[str, ...],
        *,
        left_out: tuple[tuple[str, str], ...] = (),
        options: Mapping[str, str] | None = None,
        content: str = "",
    ) -> None:
        self.name = name
        self.content = content
        self.inputs = inputs
        self.targets = targets
        self.left_out = left_out
        self.options = dict(options or {})

    def to_plain(self) -> tuple[Any, ...]:
        """Return what marshal keeps."""
        return (self.name, self.inputs, self.targets, self.left_out, self.options, self.content)

    def with_content(self, content: str) -> LockSection:
        """Return the section with another digest of what it holds."""
        return LockSection(
            self.name,
            self.inputs,
            self.targets,
            left_out=self.left_out,
            options=self.options,
            content=content,
        )

    def __repr__(self) -> str:
        return f"LockSection({self.name!r}, {self.targets!r})"


class Lock:
    """The whole file: sections in their order, entries sorted by key.

    ``mixed`` are the sections that do not hold what their digest says: somebody changed them, or git merged
    them line by line. ``version`` is that of the format, as the file says it.
    """

    __slots__ = ("mixed", "packages", "requires_python", "sections", "version")

    def __init__(
        self,
        sections: Mapping[str, LockSection],
        packages: tuple[LockedPackage, ...],
        requires_python: str = "",
        *,
        mixed: Iterable[str] = (),
        version: str = LOCK_VERSION,
    ) -> None:
        self.mixed = frozenset(mixed)
        self.version = version
        self.sections = dict(sections)
        self.packages = packages
        self.requires_python = requires_python

    def of_section(self, name: str) -> tuple[LockedPackage, ...]:
        """Return the entries that belong to a section, whatever the target."""
        return tuple(package for package in self.packages if name in package.sections)

    def to_plain(self) -> tuple[Any, ...]:
        """Return what marshal keeps."""
        return (
            tuple(section.to_plain() for section in self.sections.values()),
            tuple(package.to_plain() for package in self.packages),
            self.requires_python,
            tuple(sorted(self.mixed)),
            self.version,
        )

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Lock:
        """Return the lock whose ``to_plain`` gave *plain*."""
        sections, packages, requires_python, mixed, version = plain
        return cls(
            {
                name: LockSection(name, inputs, targets, left_out=left_out, options=options, content=content)
                for name, inputs, targets, left_out, options, content in sections
            },
            tuple(package_from_plain(package) for package in packages),
            requires_python,
            mixed=mixed,
            version=version,
        )


def package_from_plain(plain: tuple[Any, ...]) -> LockedPackage:
    """Return the entry whose ``to_plain`` gave *plain*."""
    name, version, sections, source_plain, index, files, requires = plain
    return LockedPackage(
        name,
        version,
        sections,
        source=None if source_plain is None else Source.from_plain(source_plain),
        index=index,
        files=tuple(LockedFile.from_plain(file) for file in files),
        requires=requires,
    )


def target_summary(keys: Sequence[str]) -> str:
    """Return "python 3.11-3.14, 5 platforms" for the keys of targets."""
    pythons = list(dict.fromkeys(".".join(key.split(" ")[0].split(".")[:2]) for key in keys))
    platforms = list(dict.fromkeys(key.rpartition(" ")[2] for key in keys))
    versions = pythons[0] if len(pythons) == 1 else f"{pythons[0]}-{pythons[-1]}"
    places = platforms[0] if len(platforms) == 1 else f"{len(platforms)} platforms"
    return f"python {versions}, {places}"
