"""The METADATA of a wheel without the rest of it: by its end, its central directory, and one entry.

Pure: bytes come from a function ``read(start, length)``, be it a file or requests for ranges. What is
read so is only believed until the wheel itself is unpacked and verified.

Source: .ZIP File Format Specification 6.3.10, sections 4.3.7, 4.3.12, 4.3.16; Binary distribution format.
"""

from __future__ import annotations

import zlib
from struct import Struct

from pkm_build.grammar import normalise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[int, int], bytes]

TAIL = 24 * 1024
MAX_COMMENT = 0xFFFF
MAX_DIRECTORY = 64 << 20
MAX_METADATA = 16 << 20
# What comes before the content of an entry: the fixed part, its name, and extra fields of this size.
EXTRA = 256
DEFLATED = 8
END = Struct("<4s4H2LH")
CENTRAL = Struct("<4s6H3L5H2L")
LOCAL = Struct("<4s5H3L2H")
WHOLE_16 = 0xFFFF
WHOLE_32 = 0xFFFF_FFFF


class BadArchive(ValueError):
    """The bytes are no wheel whose METADATA can be read."""


class Damaged(BadArchive):
    """The bytes are no sound archive: what was served is perhaps not the file that is meant."""


class NotHere(Exception):
    """This way of reading does not serve for this archive (zip64); the whole file has to be read."""


def wheel_metadata(filename: str, size: int, read: Read) -> str:
    """Return the text of METADATA of the wheel *filename* of *size* bytes.

    :raises BadArchive: when there is none, or several.
    :raises Damaged: when it, or the archive around it, is damaged.
    :raises NotHere: when only the whole file would tell.
    """
    tail = read(max(0, size - TAIL), min(size, TAIL))
    start, length = find_directory(tail, size, read)
    directory = read(start, length)
    found = find_metadata(filename, directory)
    method, checksum, packed, unpacked, offset, name_size = found
    if offset >= start:
        raise Damaged("its central directory points outside the entries")
    if unpacked > MAX_METADATA or packed > MAX_METADATA:
        raise BadArchive(too_large_metadata(max(packed, unpacked)))
    wanted = min(LOCAL.size + name_size + EXTRA + packed, start - offset)
    return content(read(offset, wanted), method, checksum, packed, unpacked).decode("utf-8", "replace")


def too_large_metadata(size: int) -> str:
    """Return in a phrase that METADATA of so many bytes is not read."""
    return f"its METADATA has {size >> 20} MB, and pkm reads {MAX_METADATA >> 20} MB at most"


def find_directory(tail: bytes, size: int, read: Read) -> tuple[int, int]:
    """Return offset and length of the central directory."""
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 and len(tail) < size:
        tail = read(max(0, size - MAX_COMMENT - END.size), min(size, MAX_COMMENT + END.size))
        place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + END.size > len(tail):
        raise Damaged("it has no end record, so it is no zip archive, or cut short")
    _, disk, _, _, count, length, start, _ = END.unpack_from(tail, place)
    if count == WHOLE_16 or WHOLE_32 in {length, start}:
        raise NotHere
    if disk or start + length > size or length > MAX_DIRECTORY:
        raise Damaged("its end record points outside the file")
    return start, length


def entries(directory: bytes) -> Iterator[tuple[str, tuple[int, int, int, int, int, int]]]:
    """Yield name and ``(method, crc, packed, unpacked, offset, size of the name)`` of each entry."""
    place = 0
    while place < len(directory):
        if directory[place : place + 4] != b"PK\x01\x02" or place + CENTRAL.size > len(directory):
            raise Damaged("its central directory is damaged")
        told = CENTRAL.unpack_from(directory, place)
        name_size, extra_size, comment_size = told[10:13]
        name = directory[place + CENTRAL.size : place + CENTRAL.size + name_size].decode("utf-8", "replace")
        yield name, (told[4], told[7], told[8], told[9], told[16], name_size)
        place += CENTRAL.size + name_size + extra_size + comment_size


def find_metadata(filename: str, directory: bytes) -> tuple[int, int, int, int, int, int]:
    """Return the entry of METADATA in the one dist-info folder that fits the file name."""
    name = normalise(filename.partition("-")[0])
    found = [
        (path, told)
        for path, told in entries(directory)
        if path.endswith(".dist-info/METADATA") and path.count("/") == 1
    ]
    if len(found) != 1:
        raise BadArchive("it has no METADATA" if not found else "it has more than one METADATA")
    path, told = found[0]
    if normalise(path.partition("-")[0]) != name:
        raise BadArchive(f"its metadata is in {path}, which is that of another project")
    if WHOLE_32 in told[2:5]:
        raise NotHere
    return told


def content(block: bytes, method: int, checksum: int, packed: int, unpacked: int) -> bytes:
    """Return the content of an entry; *block* begins with its local header."""
    if len(block) < LOCAL.size or block[:4] != b"PK\x03\x04":
        raise Damaged("its METADATA is not where the central directory says")
    told = LOCAL.unpack_from(block)
    begin = LOCAL.size + told[9] + told[10]
    raw = block[begin : begin + packed]
    if len(raw) < packed:
        # Extra fields of more than the room allowed for; too rare for another request.
        raise NotHere
    if method == DEFLATED:
        try:
            raw = zlib.decompressobj(-15).decompress(raw, unpacked + 1)
        except zlib.error as error:
            raise Damaged("its METADATA cannot be unpacked") from error
    elif method:
        raise NotHere
    if len(raw) != unpacked or zlib.crc32(raw) != checksum:
        raise Damaged("its METADATA is damaged")
    return raw
