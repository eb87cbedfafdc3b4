"""The members of a tar or zip archive, read in order, with a bound on what they unpack to.

``tarfile`` decodes the single headers; the walk from one to the next is our own, because that of
``tarfile`` takes a damaged or cut archive for a short one, and reads headers of any size into memory.

Source: POSIX.1-2001, pax interchange format; the GNU tar manual for its long names.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from calendar import timegm
from stat import S_IFMT, S_ISDIR, S_ISLNK, S_ISREG
from typing import cast

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

FILE = "file"
FOLDER = "folder"
LINK = "link"
HARD_LINK = "hard link"
OTHER = "other"

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 18
# A path of 4 kB and a few pax records fit many times over; what is larger wants our memory.
HEADER_LIMIT = 1 << 20
KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.AREGTYPE: FILE,
    tarfile.CONTTYPE: FILE,
    tarfile.DIRTYPE: FOLDER,
    tarfile.SYMTYPE: LINK,
    tarfile.LNKTYPE: HARD_LINK,
}
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)
# zipfile raises the second for what is encrypted, and a kind of it for a method that it does not know.
ZIP_FAULTS = (zipfile.BadZipFile, RuntimeError, *UNREADABLE)
SIZE_HINT = "if you trust it: sdist-size in [limits] of your configuration sets another bound"


class DamagedArchive(PkmError):
    """An archive that cannot be read to its end; *reason* says why, *member* where (may be "")."""

    def __init__(self, reason: str, member: str = "", hint: str = "") -> None:
        super().__init__(reason, hint)
        self.reason = reason
        self.member = member


class Member:
    """One member: *name* and *target* (of links) as they stand in the archive, *mode* the permission bits.

    ``blocks`` yields the content once, before the next member is asked for. *may_repeat* says that the format
    allows a later member of the same path to replace this one.
    """

    __slots__ = ("_blocks", "kind", "may_repeat", "mode", "mtime", "name", "size", "target")

    def __init__(
        self,
        name: str,
        kind: str,
        blocks: Iterator[bytes],
        *,
        size: int,
        mode: int,
        mtime: float,
        target: str = "",
        may_repeat: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self._blocks = blocks
        self.size = size
        self.mode = mode
        self.mtime = mtime
        self.target = target
        self.may_repeat = may_repeat

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in pieces."""
        return self._blocks


def read_archive(path: str, filename: str, total_bytes: int) -> Iterator[Member]:
    """Yield the members of the archive at *path* in order; its content, not *filename*, tells the format.

    :raises DamagedArchive: when it is cut, damaged, of no known format, or holds more than *total_bytes*.
    """
    with open(path, "rb") as stream:
        magic = stream.read(6)
        stream.seek(0)
        if magic.startswith(b"PK"):
            yield from _read_zip(stream, total_bytes)
            return
        with _decompressed(stream, magic, filename) as content:
            yield from _read_tar(content, total_bytes)


def _decompressed(stream: IO[bytes], magic: bytes, filename: str) -> IO[bytes]:
    """Return the tar archive in *stream*, which begins with *magic*."""
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if magic.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.BZ2File(stream))
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(stream)
    if filename.lower().endswith(".tar"):
        return stream
    raise DamagedArchive("it is neither a tar nor a zip archive")


class _Bounded:
    """Reads from a decompressing stream no more than *limit* bytes; damage becomes ``DamagedArchive``."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit

    def read(self, size: int) -> bytes:
        """Return *size* bytes, fewer only at the end."""
        pieces = []
        while size > 0:
            try:
                piece = self._stream.read(min(size, CHUNK))
            except UNREADABLE as error:
                raise DamagedArchive(f"it is cut or damaged: {error}") from error
            if not piece:
                break
            size -= len(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise DamagedArchive(f"it unpacks to more than {self._limit:,} bytes", hint=SIZE_HINT)
            pieces.append(piece)
        return b"".join(pieces)

    def exactly(self, size: int, member: str = "") -> bytes:
        """Return *size* bytes; fewer are an error."""
        found = self.read(size)
        if len(found) != size:
            raise DamagedArchive("it ends in the middle", member)
        return found


def _read_tar(stream: IO[bytes], total_bytes: int) -> Iterator[Member]:
    # Headers and padding come on top of the files; a bomb of headers alone is stopped by the same bound.
    reader = _Bounded(stream, total_bytes + (total_bytes >> 2) + HEADER_LIMIT)
    common: dict[str, str] = {}
    while (info := _next_member(reader, common)) is not None:
        rest = _Rest(reader, info)
        yield Member(
            info.name,
            KINDS.get(info.type, OTHER),
            rest.blocks(),
            size=info.size,
            mode=info.mode,
            mtime=_bounded_time(info.mtime),
            target=info.linkname,
            may_repeat=True,
        )
        rest.skip()
    while reader.read(CHUNK):
        # To the end, so that the checksum behind the compressed data is looked at.
        continue


def _bounded_time(seconds: float) -> float:
    """Return *seconds* after 1970 as every file system takes them."""
    return min(max(0.0, float(seconds)), float(0xFFFFFFFF))


class _Rest:
    """What is left to read of a member: its content, then the padding to whole blocks."""

    def __init__(self, reader: _Bounded, info: tarfile.TarInfo) -> None:
        self._reader = reader
        self._name = info.name
        has_content = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
        self._content = info.size if has_content else 0
        self._padding = -self._content % BLOCK

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in pieces."""
        while self._content:
            size = min(self._content, CHUNK)
            piece = self._reader.exactly(size, self._name)
            self._content -= size
            yield piece

    def skip(self) -> None:
        """Read what nobody asked for."""
        for _ in self.blocks():
            continue
        self._reader.exactly(self._padding, self._name)


def _next_member(reader: _Bounded, common: dict[str, str]) -> tarfile.TarInfo | None:
    """Return the next member with the names and sizes that headers before it gave, None at the end.

    *common* holds the pax records that are valid for all members to come, and is changed here.
    """
    own: dict[str, str] = {}
    while True:
        info = _next_header(reader)
        if info is None:
            return None
        if info.type == tarfile.XGLTYPE:
            common.update(_pax_records(_extra(reader, info)))
        elif info.type in {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}:
            own.update(_pax_records(_extra(reader, info)))
        elif info.type == tarfile.GNUTYPE_LONGNAME:
            own["path"] = _text(_extra(reader, info).rstrip(b"\0"))
        elif info.type == tarfile.GNUTYPE_LONGLINK:
            own["linkpath"] = _text(_extra(reader, info).rstrip(b"\0"))
        else:
            return _with_records(info, {**common, **own})


def _next_header(reader: _Bounded) -> tarfile.TarInfo | None:
    """Return the next header block, None at the end of the archive."""
    block = reader.read(BLOCK)
    if not block or (len(block) == BLOCK and not block.strip(b"\0")):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DamagedArchive(f"it has a damaged header: {error}") from error
    if info.size < 0:
        raise DamagedArchive("it has a header with a negative size", info.name)
    return info


def _extra(reader: _Bounded, info: tarfile.TarInfo) -> bytes:
    """Return the content of a header that speaks of the next member."""
    if info.size > HEADER_LIMIT:
        raise DamagedArchive("it has a header of more than a megabyte", info.name)
    return reader.exactly(info.size + -info.size % BLOCK, info.name)[: info.size]


def _pax_records(content: bytes) -> dict[str, str]:
    """Return the records of a pax header, each ``length key=value`` with the length of the whole."""
    records = {}
    at = 0
    while at < len(content):
        digits, space, _ = content[at : at + 20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = content[at + len(digits) + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if not equals or not record.endswith(b"\n"):
            raise DamagedArchive("it has a malformed pax header")
        records[_text(key)] = _text(value[:-1])
        at += length
    return records


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _with_records(info: tarfile.TarInfo, records: dict[str, str]) -> tarfile.TarInfo:
    """Return *info* with what the headers before it said."""
    if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse.") for key in records):
        raise DamagedArchive("it holds a sparse file", info.name)
    info.name = records.get("path", info.name)
    info.linkname = records.get("linkpath", info.linkname)
    if "size" in records:
        if not records["size"].isdecimal():
            raise DamagedArchive("it has a malformed pax header", info.name)
        info.size = int(records["size"])
    if info.name.endswith("/") and info.type in {tarfile.REGTYPE, tarfile.AREGTYPE}:
        # Before POSIX a folder was a file whose name ends with a slash.
        info.type = tarfile.DIRTYPE
    return info


def _read_zip(stream: IO[bytes], total_bytes: int) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > total_bytes:
                raise DamagedArchive(f"it unpacks to more than {total_bytes:,} bytes", hint=SIZE_HINT)
            for member in members:
                yield _zip_member(archive, member)
    except ZIP_FAULTS as error:
        raise DamagedArchive(f"it is cut or damaged: {error}") from error


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    kind = _zip_kind(info, mode)
    target = ""
    if kind == LINK:
        if info.file_size > HEADER_LIMIT:
            raise DamagedArchive("it has a link with a target of more than a megabyte", info.filename)
        target = _text(archive.read(info))
    return Member(
        info.filename,
        kind,
        _zip_blocks(archive, info),
        size=info.file_size,
        mode=mode & 0o7777 or 0o644,
        mtime=_zip_time(info),
        target=target,
    )


def _zip_time(info: zipfile.ZipInfo) -> float:
    """Return when an entry was changed, taken for UTC as zips know no zone; 1980 where it says nonsense."""
    try:
        return _bounded_time(timegm((*info.date_time, 0, 0, 0)))
    except ValueError:
        return float(timegm((1980, 1, 1, 0, 0, 0, 0, 0, 0)))


def _zip_kind(info: zipfile.ZipInfo, mode: int) -> str:
    """Return the kind of an entry; the Unix mode counts where there is one."""
    if info.is_dir() or S_ISDIR(mode):
        return FOLDER
    if not S_IFMT(mode) or S_ISREG(mode):
        return FILE
    return LINK if S_ISLNK(mode) else OTHER


def _zip_blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of an entry; ``zipfile`` stops at the size that is told and checks the CRC there."""
    try:
        with archive.open(info) as stream:
            while piece := stream.read(CHUNK):
                yield piece
    except ZIP_FAULTS as error:
        raise DamagedArchive(f"it is cut or damaged: {error}", info.filename) from error
