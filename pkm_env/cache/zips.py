"""A strict reader of zip archives, for wheels: what is ambiguous or unsafe is refused, not interpreted.

A zip says most things twice, in its central directory and before each member. Readers that believe
one or the other can be shown different files by one archive; here both must agree, members must lie
one after the other from the first byte to the directory, and the archive must end with its end record.

Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from stat import S_IFDIR, S_IFMT, S_IFREG

from pkm_env.cache.manifest import BadWheel, NoArchive
from pkm_env.cache.paths import fold, shortened, unsafe_path
from pkm_env.inflate import INFLATE, INFLATE_ERRORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR_64 = struct.Struct("<4sLQL")
CENTRAL = struct.Struct("<4s4B4H3L5H2L")
LOCAL = struct.Struct("<4s2B4H3L2H")
STORED, DEFLATED = 0, 8
EMPTY_DEFLATED = 2  # bytes of a deflate stream of nothing
ENCRYPTED, DESCRIPTOR, UTF_8 = 0x1, 0x8, 0x800
# Deflate's speed marks, the descriptor and the encoding of the name; the others change how data is read.
ALLOWED_FLAGS = 0x2 | 0x4 | DESCRIPTOR | UTF_8
UNIX = 3
MAX_16, MAX_32 = 0xFFFF, 0xFFFFFFFF
ZIP64_EXTRA, UNICODE_PATH_EXTRA = 0x0001, 0x7075
PIECE = 1 << 20
# So much of a mapped archive may be in memory; what was read stays there until it is given back.
MAPPED_BYTES = 4 << 20
# Windows cannot be told.
DROP = getattr(mmap, "MADV_DONTNEED", None)


class Limits:
    """How much an archive may hold before it counts as a bomb.

    ``entries`` counts members, ``size_bytes`` is their sum unpacked; ``ratio`` is how many bytes one
    byte of the archive may become, looked at from ``ratio_from_bytes`` unpacked on.
    """

    __slots__ = ("entries", "ratio", "ratio_from_bytes", "size_bytes")

    def __init__(
        self,
        entries: int = 200_000,
        size_bytes: int = 16 << 30,
        ratio: int = 300,
        ratio_from_bytes: int = 64 << 20,
    ) -> None:
        self.entries = entries
        self.size_bytes = size_bytes
        self.ratio = ratio
        self.ratio_from_bytes = ratio_from_bytes


DEFAULT = Limits()


class Member:
    """One file of an archive, as its central directory has it; directories are no members."""

    __slots__ = (
        "compressed",
        "crc",
        "executable",
        "flags",
        "method",
        "name",
        "offset",
        "raw_name",
        "size",
        "start",
    )

    def __init__(self, fields: dict[str, Any]) -> None:
        self.raw_name: bytes = fields["raw_name"]
        self.name: str = fields["name"]
        self.flags: int = fields["flags"]
        self.method: int = fields["method"]
        self.crc: int = fields["crc"]
        self.compressed: int = fields["compressed"]
        self.size: int = fields["size"]
        self.offset: int = fields["offset"]
        self.executable: bool = fields["executable"]
        # Where its data starts, known once its local header was read.
        self.start = 0


class Archive:
    """The members of the zip in *data*, checked one by one and against each other.

    ``members`` are in the order of the central directory.

    :raises BadWheel: when anything is wrong, naming *filename* and the member.
    """

    def __init__(
        self, data: mmap.mmap | bytes, filename: str, limits: Limits = DEFAULT, platform: str = ""
    ) -> None:
        self._data = data
        # The check of the layout looks at all of it.
        self._mapped = MAPPED_BYTES
        self._filename = filename
        self._limits = limits
        self._platform = platform
        start, end, count = self._find_directory()
        entries = list(self._read_directory(start, end, count))
        self._check_bomb(entries, end)
        self._check_names(entries)
        self._check_layout(entries, start)
        self.members = [entry for entry in entries if not entry.name.endswith("/")]

    def _bad(self, reason: str, member: str = "") -> BadWheel:
        return BadWheel(self._filename, reason, member)

    def _too_much(self, reason: str, limit: str) -> BadWheel:
        hint = f"if you trust it: wheel-{limit} in [limits] of your configuration sets another bound"
        return BadWheel(self._filename, reason, hint=hint)

    def _find_directory(self) -> tuple[int, int, int]:
        """Return where the central directory starts and ends, and how many entries it has."""
        data = self._data
        size = len(data)
        position = data.rfind(b"PK\5\6", max(0, size - END.size - MAX_16))
        if position < 0 or position + END.size > size:
            raise NoArchive(self._filename, "is no zip archive, or was cut short")
        _, disk, first_disk, here, count, length, offset, comment = END.unpack_from(data, position)
        if position + END.size + comment != size:
            raise self._bad("has data after its end")
        if data.find(b"PK\5\6", max(0, size - END.size - MAX_16), position) >= 0:
            tail = self._second_end(position)
            if tail:
                raise self._bad("has two ends")
        end = position
        locator = position - LOCATOR_64.size
        if locator >= 0 and data[locator : locator + 4] == b"PK\6\7":
            end, large = self._read_end_64(locator)
            given = (here, count, length, offset)
            tops = (MAX_16, MAX_16, MAX_32, MAX_32)
            if any(short not in (long, top) for short, long, top in zip(given, large, tops, strict=True)):
                raise self._bad("contradicts itself about its directory")
            here, count, length, offset = large
        if disk or first_disk or here != count:
            raise self._bad("is one part of an archive in several")
        if offset + length != end:
            raise self._bad("has data before its start or after its directory")
        return offset, end, count

    def _second_end(self, position: int) -> bool:
        """Whether an earlier end record would also fit the end of the archive: two readers, two answers."""
        data = self._data
        size = len(data)
        found = data.find(b"PK\5\6", max(0, size - END.size - MAX_16))
        while 0 <= found < position:
            if found + END.size <= size and found + END.size + END.unpack_from(data, found)[-1] == size:
                return True
            found = data.find(b"PK\5\6", found + 1)
        return False

    def _read_end_64(self, locator: int) -> tuple[int, tuple[int, int, int, int]]:
        _, disk, position, disks = LOCATOR_64.unpack_from(self._data, locator)
        if disk or disks > 1 or position + END_64.size > locator:
            raise NoArchive(self._filename, "has a damaged end")
        record = END_64.unpack_from(self._data, position)
        if record[0] != b"PK\6\6" or position + 12 + record[1] != locator or record[4] or record[5]:
            raise NoArchive(self._filename, "has a damaged end")
        return position, record[6:10]

    def _read_directory(self, start: int, end: int, count: int) -> Iterator[Member]:
        if count > self._limits.entries:
            raise self._too_much(
                f"has {count} entries, more than the {self._limits.entries} allowed", "files"
            )
        position = start
        for _ in range(count):
            if position + CENTRAL.size > end or self._data[position : position + 4] != b"PK\1\2":
                raise NoArchive(self._filename, "has a damaged directory")
            fields = CENTRAL.unpack_from(self._data, position)
            name_at = position + CENTRAL.size
            extra_at = name_at + fields[12]
            position = extra_at + fields[13] + fields[14]
            if position > end:
                raise NoArchive(self._filename, "has a damaged directory")
            raw_name = self._data[name_at:extra_at]
            extra = self._data[extra_at : extra_at + fields[13]]
            yield self._member(fields, raw_name, extra)
        if position != end:
            raise self._bad("has a directory longer than its entries")

    def _member(self, fields: tuple[Any, ...], raw_name: bytes, extra: bytes) -> Member:
        """Return one entry of the directory, checked by itself."""
        flags, method, system = fields[5], fields[6], fields[2]
        name = self._decode(raw_name, flags)
        # First of all: a name of 64 kB is nothing to quote, and nothing to take apart.
        reason = unsafe_path(name, self._platform)
        if reason:
            raise self._bad(reason, shortened(name))
        if flags & ENCRYPTED:
            raise self._bad("is encrypted", name)
        if flags & ~ALLOWED_FLAGS:
            raise self._bad(f"uses an unknown feature of zip (flags {flags:#x})", name)
        if method not in {STORED, DEFLATED}:
            raise self._bad(f"is compressed by a method that wheels do not use ({method})", name)
        crc, compressed, size = fields[9:12]
        disk, mode, offset = fields[15], fields[17] >> 16, fields[18]
        size, compressed, offset = self._apply_extra(name, raw_name, extra, (size, compressed, offset))
        if disk:
            raise self._bad("lies in another part of the archive", name)
        if method == STORED and size != compressed:
            raise self._bad("contradicts itself about its size", name)
        if system == UNIX:
            self._check_mode(name, mode)
        return Member(
            {
                "raw_name": raw_name,
                "name": name,
                "flags": flags,
                "method": method,
                "crc": crc,
                "compressed": compressed,
                "size": size,
                "offset": offset,
                "executable": system == UNIX and bool(mode & 0o111),
            }
        )

    def _decode(self, raw_name: bytes, flags: int) -> str:
        try:
            return raw_name.decode("utf-8" if flags & UTF_8 else "cp437")
        except UnicodeDecodeError:
            raise self._bad("is a name that is not UTF-8", shortened(ascii(raw_name)[2:-1])) from None

    def _check_mode(self, name: str, mode: int) -> None:
        """Refuse links, devices and bits that give rights; 0 is a tool that says nothing."""
        kind = S_IFMT(mode)
        if kind not in {0, S_IFREG, S_IFDIR}:
            raise self._bad("is a link or a device, not a file", name)
        if kind == S_IFDIR and not name.endswith("/"):
            raise self._bad("is said to be a file and a directory", name)
        if mode & 0o7000:
            raise self._bad("has a setuid, setgid or sticky bit", name)

    def _apply_extra(
        self, name: str, raw_name: bytes, extra: bytes, values: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        """Return size, compressed size and offset, from the zip64 field where they stand there."""
        found = list(values)
        position = 0
        while position + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, position)
            body = extra[position + 4 : position + 4 + length]
            position += 4 + length
            if len(body) < length:
                raise self._bad("has a damaged extra field", name)
            if kind == UNICODE_PATH_EXTRA and body[5:] != raw_name:
                raise self._bad("has two names", name)
            if kind == ZIP64_EXTRA:
                at = 0
                for index, value in enumerate(values):
                    if value == MAX_32:
                        if at + 8 > length:
                            raise self._bad("has a damaged extra field", name)
                        found[index] = struct.unpack_from("<Q", body, at)[0]
                        at += 8
        return found[0], found[1], found[2]

    def _check_bomb(self, entries: list[Member], archive_size: int) -> None:
        total = sum(entry.size for entry in entries)
        limits = self._limits
        if total > limits.size_bytes:
            reason = f"would unpack to {total} bytes, more than the {limits.size_bytes} allowed"
            raise self._too_much(reason, "size")
        if total > limits.ratio_from_bytes and total > limits.ratio * archive_size:
            reason = f"would unpack to {total // archive_size} times its size: a bomb"
            raise self._too_much(reason, "ratio")

    def _check_names(self, entries: list[Member]) -> None:
        """Refuse names that are one file on some file system, and files that are directories too."""
        seen: dict[str, str] = {}
        directories: set[str] = set()
        for entry in entries:
            key = fold(entry.name.rstrip("/"))
            if key in seen:
                other = seen[key]
                reason = "is there twice" if other == entry.name else f"differs from {other} by case alone"
                raise self._bad(reason, entry.name)
            seen[key] = entry.name
            if entry.name.endswith("/"):
                if entry.size or entry.compressed > EMPTY_DEFLATED:
                    raise self._bad("is a directory with content", entry.name)
                continue
            parent = key.rpartition("/")[0]
            while parent and parent not in directories:
                directories.add(parent)
                parent = parent.rpartition("/")[0]
        for parent in directories:
            if parent in seen and not seen[parent].endswith("/"):
                raise self._bad("is a file and a directory", seen[parent])

    def _check_layout(self, entries: list[Member], end: int) -> None:
        """Refuse members that overlap, and bytes between them that belong to none."""
        position = 0
        for entry in sorted(entries, key=lambda entry: entry.offset):
            if entry.offset != position:
                word = "overlaps another entry" if entry.offset < position else "follows hidden data"
                raise self._bad(word, entry.name)
            entry.start = self._data_start(entry, end)
            position = entry.start + entry.compressed
            if entry.flags & DESCRIPTOR:
                position += self._descriptor_size(entry, position)
            if position > end:
                raise self._bad("reaches beyond the end of the archive", entry.name)
        if position != end:
            raise self._bad("has hidden data before its directory")

    def _data_start(self, entry: Member, end: int) -> int:
        """Return where the data of *entry* starts, its local header being checked."""
        if entry.offset + LOCAL.size > end:
            raise self._bad("lies outside of the archive", entry.name)
        fields = LOCAL.unpack_from(self._data, entry.offset)
        signature, _, _, flags, method, _, _, crc, compressed, size, name_length, extra_length = fields
        name_at = entry.offset + LOCAL.size
        extra_at = name_at + name_length
        raw_name = self._data[name_at:extra_at]
        if signature != b"PK\3\4" or raw_name != entry.raw_name:
            raise self._bad("has another name in its header than in the directory", entry.name)
        if method != entry.method or flags != entry.flags:
            raise self._bad("is described in two ways", entry.name)
        extra = self._data[extra_at : extra_at + extra_length]
        start: int = extra_at + extra_length
        size, compressed, _ = self._apply_extra(entry.name, raw_name, extra, (size, compressed, 0))
        given, wanted = (crc, compressed, size), (entry.crc, entry.compressed, entry.size)
        later = entry.flags & DESCRIPTOR
        if given != wanted and not (
            later and all(a in (0, b, MAX_32) for a, b in zip(given, wanted, strict=True))
        ):
            raise self._bad("is described in two ways", entry.name)
        return start

    def _descriptor_size(self, entry: Member, position: int) -> int:
        """Return the size of the data descriptor at *position*, with or without signature, 32 or 64 bits."""
        data = self._data
        short = struct.pack("<3L", entry.crc, entry.compressed & MAX_32, entry.size & MAX_32)
        long = struct.pack("<L2Q", entry.crc, entry.compressed, entry.size)
        for body in (b"PK\7\x08" + long, b"PK\7\x08" + short, long, short):
            if data[position : position + len(body)] == body:
                return len(body)
        raise self._bad("is described in two ways", entry.name)

    def read(self, member: Member, limit: int) -> bytes:
        """Return the content of a small member, checked.

        :raises BadWheel: when it is damaged, or larger than *limit* bytes.
        """
        if member.size > limit:
            raise self._bad(f"has {member.size} bytes, more than the {limit} allowed", member.name)
        return b"".join(self.pieces(member))

    def pieces(self, member: Member) -> Iterator[bytes]:
        """Yield the content of *member*: at once when it is small, else in pieces; checked at the end.

        :raises BadWheel: when its size or checksum is not the one that was announced.
        """
        start = member.start
        if member.size <= PIECE and member.compressed <= PIECE:
            content = self._small(member, self._part(start, start + member.compressed))
            if zlib.crc32(content) != member.crc:
                raise self._bad("is damaged (wrong checksum)", member.name)
            yield content
            return
        size = crc = 0
        for piece in self._large(member, start):
            size += len(piece)
            if size > member.size:
                raise self._bad("is larger than announced", member.name)
            crc = zlib.crc32(piece, crc)
            yield piece
        if size != member.size or crc != member.crc:
            raise self._bad("is damaged (wrong checksum)", member.name)

    def _part(self, start: int, end: int) -> bytes:
        """Return a part of the archive; what was read of a mapped file is given back from time to time."""
        data = self._data[start:end]
        self._mapped += end - start
        if self._mapped > MAPPED_BYTES:
            self._mapped = 0
            if isinstance(self._data, mmap.mmap) and DROP is not None:
                self._data.madvise(DROP)
        return data

    def _small(self, member: Member, data: bytes) -> bytes:
        if member.method == STORED:
            return data
        engine = INFLATE(-15)
        try:
            # One byte more than announced: enough to see that there is more, too little for a bomb.
            content: bytes = engine.decompress(data, member.size + 1)
        except INFLATE_ERRORS:
            raise self._bad("is damaged (cannot be unpacked)", member.name) from None
        if len(content) != member.size or not engine.eof or engine.unused_data:
            raise self._bad("is not of the size that was announced", member.name)
        return content

    def _large(self, member: Member, start: int) -> Iterator[bytes]:
        engine = None if member.method == STORED else INFLATE(-15)
        end = start + member.compressed
        for position in range(start, end, PIECE):
            data = self._part(position, min(position + PIECE, end))
            if engine is None:
                yield data
                continue
            try:
                while data or engine.unconsumed_tail:
                    yield engine.decompress(data, PIECE)
                    data = engine.unconsumed_tail
            except INFLATE_ERRORS:
                raise self._bad("is damaged (cannot be unpacked)", member.name) from None
        if engine is not None:
            yield engine.flush()
            if not engine.eof or engine.unused_data:
                raise self._bad("is not of the size that was announced", member.name)
