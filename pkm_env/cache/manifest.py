"""What an unpacked wheel holds, kept beside its tree so that installing it needs no look at the tree.

Owns the values, the rows of RECORD and the entry points; reading the archive is ``unpack``'s.
"""

from __future__ import annotations

from binascii import b2a_base64

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# The schemes that a wheel's .data folder may name. Source: Binary distribution format, "The .data directory".
SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
FIELDS = 3  # of a row of RECORD: path, hash and size, of which the last two may be missing
# With the ".exe" of Windows, the 255 that every file system takes.
SCRIPT_NAME_BYTES = 251
# Names are limited to what every file system takes; two backslashes and the rest have meaning on Windows.
NOT_IN_SCRIPT_NAMES = frozenset('/\\:*?"<>|')


class BadWheel(PkmError):
    """A wheel that breaks the rules of its format, or is made to do harm; nothing of it was kept.

    *filename* is the wheel's, *member* the path inside it ("" for the whole), *reason* a phrase.
    """

    def __init__(self, filename: str, reason: str, member: str = "", hint: str = "") -> None:
        place = f"{filename}: {member}" if member else filename
        super().__init__(
            f"{printable(place)}: {printable(reason)}",
            hint or "the file is damaged or made badly; tell its maintainers, or lock another version",
        )
        self.filename = filename
        self.member = member
        self.reason = reason


class NoArchive(BadWheel):
    """A wheel that is no zip archive, or one of which a part is gone: most often no wheel was sent at all."""


def printable(text: str) -> str:
    """Return *text* with everything escaped that could move a terminal's cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class DataFile:
    """A file of a wheel's ``.data`` folder: where it belongs, and where it lies in the tree.

    ``path`` is relative to the place of ``scheme``, ``source`` to the tree; both have forward slashes.
    ``digest`` is SHA-256 in RECORD's form ("sha256=..."), ``size`` in bytes. ``shebang`` is "python" or
    "pythonw" when the file is a script that begins so: its first line is the environment's to write.
    """

    __slots__ = ("digest", "path", "scheme", "shebang", "size", "source")

    def __init__(self, scheme: str, path: str, source: str, digest: str, size: int, shebang: str) -> None:
        self.scheme = scheme
        self.path = path
        self.source = source
        self.digest = digest
        self.size = size
        self.shebang = shebang

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of the parameters."""
        return (self.scheme, self.path, self.source, self.digest, self.size, self.shebang)


class EntryPoint:
    """A script that an installer writes: ``name`` calls ``attribute`` (dotted) of ``module``."""

    __slots__ = ("attribute", "module", "name")

    def __init__(self, name: str, module: str, attribute: str) -> None:
        self.name = name
        self.module = module
        self.attribute = attribute

    def to_plain(self) -> tuple[str, str, str]:
        """Return the values in the order of the parameters."""
        return (self.name, self.module, self.attribute)

    def __repr__(self) -> str:
        return f"EntryPoint({self.name!r}, {self.module!r}, {self.attribute!r})"


class Manifest:
    """What a wheel's tree holds.

    ``name`` is normalised, ``raw_name`` and ``version`` as METADATA has them; ``dist_info`` names the
    folder. ``directories`` are all that the root needs, parents first, without "" itself; ``files``
    pairs a directory (also "") with the names in it that are installed, both sorted; what an installer
    writes itself (RECORD and its signatures, INSTALLER, REQUESTED, direct_url.json) and bytecode are
    left out. ``record`` holds RECORD's rows for just these files, in the same order. ``data`` are the
    files of other schemes. ``console`` and ``gui`` are the scripts to write. ``executables`` are paths
    in the tree with the execute bit. ``tags`` are those of WHEEL. ``mtime_ns`` is the time that every
    file of the tree was given; ``sizes`` are those of ``files``, in bytes, ``size_bytes`` is the sum of
    all that the archive held.
    """

    __slots__ = (
        "console",
        "data",
        "directories",
        "dist_info",
        "executables",
        "files",
        "gui",
        "mtime_ns",
        "name",
        "raw_name",
        "record",
        "root_is_purelib",
        "size_bytes",
        "sizes",
        "tags",
        "version",
    )

    console: tuple[EntryPoint, ...]
    data: tuple[DataFile, ...]
    directories: tuple[str, ...]
    dist_info: str
    executables: tuple[str, ...]
    files: tuple[tuple[str, tuple[str, ...]], ...]
    gui: tuple[EntryPoint, ...]
    mtime_ns: int
    name: str
    raw_name: str
    record: bytes
    root_is_purelib: bool
    size_bytes: int
    sizes: tuple[tuple[int, ...], ...]
    tags: tuple[str, ...]
    version: str

    def __init__(self, **values: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, values[name])

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of ``__slots__``, as marshal takes them."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        for name in ("console", "data", "gui"):
            plain[name] = tuple(item.to_plain() for item in plain[name])
        return tuple(plain.values())

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Manifest:
        """Return the manifest whose ``to_plain`` gave *plain*."""
        self = cls.__new__(cls)
        for name, value in zip(cls.__slots__, plain, strict=True):
            setattr(self, name, value)
        self.console = tuple(EntryPoint(*item) for item in plain[0])
        self.data = tuple(DataFile(*item) for item in plain[1])
        self.gui = tuple(EntryPoint(*item) for item in plain[6])
        return self

    def paths(self) -> Iterator[str]:
        """Yield the path of each file of the root, relative to site-packages."""
        for directory, names in self.files:
            prefix = f"{directory}/" if directory else ""
            for name in names:
                yield prefix + name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash((self.name, self.version, self.record))

    def __repr__(self) -> str:
        return f"Manifest({self.name!r}, {self.version!r})"


class UnpackedWheel:
    """A wheel's tree in the cache: ``path`` is absolute, ``manifest`` says what it holds."""

    __slots__ = ("manifest", "path")

    def __init__(self, path: str, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"UnpackedWheel({self.path!r}, {self.manifest!r})"


def parse_record(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, digest ("sha256=..." or "") and size (digits or "") of each row of a RECORD.

    :raises ValueError: when a row has no path or more than three fields.
    """
    rows: Iterable[list[str]]
    if '"' in text:
        import csv

        rows = csv.reader(text.splitlines())
    else:
        rows = (line.split(",") for line in text.splitlines())
    for row in rows:
        if not row or row == [""]:
            continue
        if len(row) > FIELDS or not row[0]:
            raise ValueError(",".join(row))
        path, digest, size = row if len(row) == FIELDS else [*row, "", ""][:FIELDS]
        yield path, digest, size


def encode(digest: bytes) -> str:
    """Return a digest as RECORD writes it: URL-safe base64 without padding."""
    text = b2a_base64(digest, newline=False).decode("ascii")
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def record_row(path: str, digest: str = "", size: int | str = "") -> str:
    """Return one row of a RECORD with its line end; *digest* as "sha256=..."."""
    if "," in path or '"' in path:
        path = '"' + path.replace('"', '""') + '"'
    return f"{path},{digest},{size}\n"


def parse_entry_points(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, name and value of each line of an entry_points.txt.

    :raises ValueError: when a line is neither of these nor empty nor a comment.

    Source: Entry points specification, "File format".
    """
    section = ""
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line[1:-1].strip()
            continue
        name, equals, value = line.partition("=")
        if not equals or not section:
            raise ValueError(line)
        yield section, name.strip(), value.strip()


def script_of(name: str, value: str) -> EntryPoint:
    """Return the script that an entry point of console_scripts or gui_scripts describes.

    :raises ValueError: when the name could not be a file's, or the value is not ``module:attribute``
        with an optional list of extras, which is ignored.
    """
    if name in {"", ".", ".."} or not name.isprintable() or NOT_IN_SCRIPT_NAMES & set(name):
        raise ValueError("is no name for a script")
    if len(name.encode("utf-8")) > SCRIPT_NAME_BYTES:
        raise ValueError("has a name that is too long for a file")
    reference = value.partition("[")[0].strip() if value.endswith("]") else value
    module, colon, attribute = (part.strip() for part in reference.partition(":"))
    parts = [*module.split("."), *attribute.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise ValueError("does not name a function as module:function")
    return EntryPoint(name, module, attribute)
