"""The compiled modules that are kept beside a wheel's tree: what they are, and whether they still are that.

``install.bytecode`` makes them. They get the time of their sources, which all of a wheel's files share; with their
sizes, a look at each tells whether it is missing, torn or was edited through a hard link, as for the files of a
wheel (``check``). What only the content can tell, ``verify_bytecode`` finds.
"""

from __future__ import annotations

import os
from binascii import crc32

from pkm_env.cache.store import pack, unpack
from pkm_env.files import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pkm_env.cache.manifest import UnpackedWheel

INDEX = "index"
# Grows with the form of the index; what has another one is made anew.
FORMAT = 2
# How indexes began when they held neither sizes nor a checksum.
FORMER = b"pkm bytecode "
UNFINISHED = ".tmp"
# How the names of folders end that are being compiled, or removed.
PASSING = (UNFINISHED, f"{UNFINISHED}.old")


class Bytecode:
    """The compiled modules of a wheel.

    ``path`` is where they lie (absolute); ``files`` pairs each ``__pycache__`` folder, relative to the root of the
    wheel, with the names in it, both sorted. ``sizes`` (bytes) and ``checksums`` (CRC-32) have one for each name.
    """

    __slots__ = ("checksums", "files", "path", "sizes")

    def __init__(
        self,
        path: str,
        files: tuple[tuple[str, tuple[str, ...]], ...],
        sizes: tuple[tuple[int, ...], ...],
        checksums: tuple[tuple[int, ...], ...],
    ) -> None:
        self.path = path
        self.files = files
        self.sizes = sizes
        self.checksums = checksums

    def index(self) -> bytes:
        """Return the content of the index, which ``read_bytecode`` reads."""
        return pack((FORMAT, self.files, self.sizes, self.checksums))


def bytecode_from(path: str, made: Iterable[tuple[str, int, int]]) -> Bytecode:
    """Return the compiled modules at *path*, which *made* names: path relative to it, size, checksum."""
    grouped: dict[str, list[tuple[str, int, int]]] = {}
    for relative, size, checksum in made:
        folder, name = os.path.split(relative)
        grouped.setdefault(folder.replace(os.sep, "/"), []).append((name, size, checksum))
    folders = [(folder, sorted(grouped[folder])) for folder in sorted(grouped)]
    return Bytecode(
        path,
        tuple((folder, tuple(name for name, _, _ in rows)) for folder, rows in folders),
        tuple(tuple(size for _, size, _ in rows) for _, rows in folders),
        tuple(tuple(checksum for _, _, checksum in rows) for _, rows in folders),
    )


def read_bytecode(path: str) -> Bytecode | None:
    """Return what the index at *path* names, None when it is not there, or not whole, or of another form."""
    try:
        plain = unpack(read_file(os.path.join(path, INDEX)))
    except OSError:
        return None
    match plain:
        case (int(form), files, sizes, checksums) if form == FORMAT:
            return Bytecode(path, files, sizes, checksums)
    return None


def is_ruin(path: str) -> bool:
    """Whether what has no readable index at *path* was damaged: an index of a former pkm was not."""
    try:
        return not read_file(os.path.join(path, INDEX)).startswith(FORMER)
    except OSError:
        return os.path.lexists(path)


def whole_bytecode(path: str, wheel: UnpackedWheel) -> tuple[Bytecode | None, str]:
    """Return the compiled modules of *wheel* at *path*, None when they are not there as they were made.

    Beside it stands the path in the folder of what is damaged, "" where nothing is.
    """
    found = read_bytecode(path)
    if found is None:
        return None, INDEX if is_ruin(path) else ""
    damaged = missing_in(found, wheel.manifest.mtime_ns)
    return None if damaged else found, damaged


def missing_in(bytecode: Bytecode, mtime_ns: int) -> str:
    """Return the path of a compiled module that is missing or was changed, "" when there is none.

    One look at each, as ``check.damage_of`` does for the files of the wheel, whose time is *mtime_ns*.
    """
    stat = os.stat
    name = ""
    for (folder, names), sizes in zip(bytecode.files, bytecode.sizes, strict=True):
        prefix = f"{bytecode.path}/{folder}/"
        try:
            for name, size in zip(names, sizes, strict=True):
                found = stat(prefix + name)
                if found.st_size != size or found.st_mtime_ns != mtime_ns:
                    return f"{folder}/{name}"
        except OSError:
            return f"{folder}/{name}"
    return ""


def verify_bytecode(wheel: UnpackedWheel) -> Iterator[tuple[str, str]]:
    """Yield each folder of compiled modules of *wheel* that is damaged, with what is: a path in it."""
    parent, tree = os.path.split(wheel.path)
    try:
        names = sorted(os.listdir(parent))
    except FileNotFoundError:
        # It is cleaned just now.
        return
    for name in names:
        # One that is being made has no index yet.
        if not name.startswith(f"{tree}.") or name.endswith(PASSING):
            continue
        path = os.path.join(parent, name)
        bytecode = read_bytecode(path)
        damaged = changed_in(bytecode) if bytecode else INDEX if is_ruin(path) else ""
        if damaged:
            yield path, damaged


def changed_in(bytecode: Bytecode) -> str:
    """Return the path of a compiled module whose content is not what was compiled, "" when there is none."""
    for (folder, names), checksums in zip(bytecode.files, bytecode.checksums, strict=True):
        for name, checksum in zip(names, checksums, strict=True):
            try:
                found = crc32(read_file(os.path.join(bytecode.path, folder, name)))
            except OSError:
                return f"{folder}/{name}"
            if found != checksum:
                return f"{folder}/{name}"
    return ""
