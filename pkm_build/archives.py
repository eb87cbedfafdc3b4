"""Wheels and sdists as bytes: the same for the same content, whatever the machine, the hour and the modes.

Both writers are by hand: `zipfile` and `tarfile` cost 13 and 10 ms to import, and a tenth to a fifth of the time of
a large archive. Members are deflated in threads, as zlib and SHA-256 work without the interpreter's lock.

Source: APPNOTE.TXT of the zip format, 4.3 to 4.4; RFC 1952 (gzip); POSIX.1-2001, "pax Interchange Format".
"""

from __future__ import annotations

import os
import zlib
from binascii import b2a_base64

from pkm_build.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, BinaryIO

    # name in the archive, path on disk or content, whether it may be executed (None: as its file says)
    Member = tuple[str, str | bytes, bool | None]
    # method, CRC, size, packed bytes, digest, first bytes, whether its file may be executed
    Squeezed = tuple[int, int, int, bytes, bytes, bytes, bool]

LEVEL = 6
EPOCH = 315619200  # 2 January 1980, UTC: in every time zone a date that zip files can hold
LAST = 4354819198  # the last second that they can
LARGE = 1 << 20  # bytes from which on OpenSSL's SHA-256 and threads are worth their start
CHUNK = 48  # members per unit of work
MANY = 500
LIMIT = 0xFFFF_0000  # sizes and offsets stay below what a plain zip can say
TAR_NAME, TAR_PREFIX = 100, 155  # bytes of the two fields that hold a path
TAR_SIZE = 1 << 33  # from here on a file's size needs more than the eleven octal digits of its field
MAX_MEMBERS = 0xFFF0
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
MODES = os.name != "nt"  # Windows has no mark for programs
NATIVE_MAGIC = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"!<ar",
)


def timestamp(text: str | None) -> int:
    """Return the time of all members: that of SOURCE_DATE_EPOCH where it is set, as far as zip files go back.

    :raises BuildError: when *text* is no whole number
    """
    if text is None or text == "":
        return EPOCH
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit():
        raise BuildError(
            f'SOURCE_DATE_EPOCH is "{text}"',
            "it must be a whole number of seconds since 1970-01-01, as `git log -1 --format=%ct` prints it",
        )
    return min(max(int(digits), 315532800), LAST)


def read_bytes(source: str | bytes) -> bytes:
    """Return the content of a file, or *source* itself when it is content already."""
    return read_file(source)[0]


def read_file(source: str | bytes) -> tuple[bytes, bool]:
    """Return the content of a file, and whether its owner may execute it; *source* may be content already."""
    if isinstance(source, bytes):
        return source, False
    handle = os.open(source, READ)
    try:
        about = os.fstat(handle)
        size = about.st_size
        data = os.read(handle, size + 1)
        if len(data) != size:
            parts = [data]
            while data:
                data = os.read(handle, 1 << 20)
                parts.append(data)
            data = b"".join(parts)
        return data, MODES and about.st_mode & 0o100 != 0
    finally:
        os.close(handle)


def built_in_sha256() -> Any:
    """Return the SHA-256 that is compiled into the interpreter, None where there is none."""
    from sys import version_info

    name = "_sha2" if version_info >= (3, 12) else "_sha256"
    try:
        return __import__(name).sha256
    except ImportError:  # it may be left out when Python is compiled
        return None


def sha256_for(total: int) -> Callable[[bytes], bytes]:
    """Return the SHA-256 that is cheapest for *total* bytes: a built-in needs no start, OpenSSL's is quicker."""
    sha256: Any = built_in_sha256() if total < LARGE else None
    if sha256 is None:
        from hashlib import sha256

    def digest(data: bytes) -> bytes:
        result: bytes = sha256(data).digest()
        return result

    return digest


def squeeze(source: str | bytes, sha256: Callable[[bytes], bytes], level: int) -> Squeezed:
    """Return a member's content, packed where that is shorter, and what archives say of it."""
    data, executable = read_file(source)
    # Without zlib's own header and checksum this is what a compressor for bare streams gives, in one call of three:
    # each lets go of the interpreter and has to get it back.
    packed = zlib.compress(data, level)[2:-4]
    if len(packed) >= len(data):
        return 0, zlib.crc32(data), len(data), data, sha256(data), data[:8], executable
    return 8, zlib.crc32(data), len(data), packed, sha256(data), data[:8], executable


def squeeze_all(
    members: Sequence[Member], level: int, threads: int, take: Callable[[int, Squeezed], None]
) -> None:
    """Squeeze all members, in *threads* where they are many, and give each with its index, in order, to *take*."""
    # Many members are taken to be large: asking each for its size costs a twentieth of all.
    total = LARGE if len(members) > MANY else total_size(members)
    sha256 = sha256_for(total)
    if total >= LARGE:
        keep_freed_memory()
    if threads <= 1 or total < LARGE or len(members) <= CHUNK:
        for at, member in enumerate(members):
            take(at, squeeze(member[1], sha256, level))
        return
    crew = Crew(members, sha256, level)
    crew.start(threads)
    try:
        for start, found in crew.results():
            for offset, squeezed in enumerate(found):
                take(start + offset, squeezed)
    finally:
        crew.waiting.clear()


def keep_freed_memory() -> None:
    """Let the C library keep what it frees for its next use.

    zlib takes 260 KiB for each member and gives them back. glibc hands such blocks to the system at once, which
    clears 65 pages anew for each: half of all time. Once it has seen a larger block come and go, it keeps up to
    twice that size. The block is never touched, so it takes no memory; other C libraries lose nothing.

    Source: mallopt(3), M_MMAP_THRESHOLD, "dynamic".
    """
    bytes(24 << 20)


class Crew:
    """Threads that squeeze *members* in chunks; `threading` would cost 4 ms more than `_thread`."""

    def __init__(self, members: Sequence[Member], sha256: Callable[[bytes], bytes], level: int) -> None:
        from _thread import allocate_lock

        self.members = members
        self.sha256 = sha256
        self.level = level
        self.starts = list(range(0, len(members), CHUNK))
        self.waiting = self.starts[::-1]
        self.made: dict[int, list[Squeezed] | OSError | MemoryError] = {}
        self.done = {start: allocate_lock() for start in self.starts}
        for lock in self.done.values():
            lock.acquire()

    def start(self, threads: int) -> None:
        """Let so many threads work, the calling one among them: it works in ``results``.

        With one more than there are processors each would wait for the interpreter half of the time.
        """
        from _thread import start_new_thread

        try:
            for _ in range(min(threads, len(self.starts)) - 1):
                start_new_thread(self.work, ())
        except RuntimeError:
            # Memory or threads are short: those that run do it all.
            return

    def work(self) -> None:
        """Squeeze chunks until none waits."""
        while self.work_once():
            pass

    def work_once(self) -> bool:
        """Squeeze the next chunk that waits; an error takes its place. Return whether there was one."""
        try:
            start = self.waiting.pop()
        except IndexError:
            return False
        try:
            chunk = self.members[start : start + CHUNK]
            self.made[start] = [squeeze(member[1], self.sha256, self.level) for member in chunk]
        except (OSError, MemoryError) as exc:
            self.made[start] = exc
        self.done[start].release()
        return True

    def results(self) -> Iterator[tuple[int, list[Squeezed]]]:
        """Yield the chunks in order, each with the index of its first member; raise the first error in them."""
        for start in self.starts:
            while start not in self.made and self.work_once():
                pass
            self.done[start].acquire()
            found = self.made.pop(start)
            if isinstance(found, (OSError, MemoryError)):
                raise found
            yield start, found


def total_size(members: Sequence[Member]) -> int:
    """Return the bytes of all members."""
    total = 0
    for _, source, _ in members:
        total += len(source) if isinstance(source, bytes) else os.stat(source).st_size
    return total


class WheelWriter:
    """A wheel that is being written to *path*, as a context; `finish` adds RECORD and the directory of the zip.

    An error in the context leaves no file.

    *native* collects the members that begin like a native file, with their first bytes.
    """

    def __init__(self, path: str, epoch: int, record: str, threads: int, level: int = LEVEL) -> None:
        self.path = path
        self.when = dos_time(epoch)
        self.record = record
        self.threads = threads
        self.level = level
        self.at = 0
        self.rows: list[str] = []
        self.central: list[bytes] = []
        self.native: list[tuple[str, bytes]] = []

    def __enter__(self) -> None:
        self.stream: BinaryIO = open(self.path, "wb", buffering=1 << 17)

    def __exit__(self, kind: object, *_: object) -> None:
        self.stream.close()
        if kind is not None:
            os.unlink(self.path)

    def add(self, members: Sequence[Member]) -> None:
        """Write *members*, in their order."""

        def take(at: int, squeezed: Squeezed) -> None:
            name, _, executable = members[at]
            self.put(name, squeezed[6] if executable is None else executable, squeezed)
            digest = b2a_base64(squeezed[4], newline=False).decode().translate(URLSAFE).rstrip("=")
            self.rows.append(f"{csv_field(name)},sha256={digest},{squeezed[2]}\n")
            if squeezed[5].startswith(NATIVE_MAGIC):
                self.native.append((name, squeezed[5]))

        squeeze_all(members, self.level, self.threads, take)

    def put(self, name: str, executable: bool, squeezed: Squeezed) -> None:
        """Write one member whose content is squeezed already."""
        method, crc, size, packed = squeezed[:4]
        raw = encoded(portable(name))
        flags = 0 if raw.isascii() else 0x800
        # One number for all fields is twice as quick as a join of nine.
        fields = (
            20 | flags << 16 | method << 32 | self.when << 48 | crc << 80 | len(packed) << 112 | size << 144
        )
        middle = (fields | len(raw) << 176).to_bytes(26, "little")
        self.stream.write(b"PK\x03\x04" + middle + raw + packed)
        mode = 0o100755 if executable else 0o100644
        attributes = (mode << 16 | self.at << 32).to_bytes(8, "little")
        self.central.append(b"PK\x01\x02\x14\x03" + middle + b"\0" * 6 + attributes + raw)
        self.at += 30 + len(raw) + len(packed)
        if self.at > LIMIT or len(self.central) > MAX_MEMBERS:
            raise BuildError("the wheel is larger than a plain zip file can be (4 GiB or 65,000 files)")

    def finish(self) -> None:
        """Write RECORD and the central directory, and close the file."""
        text = "".join(self.rows) + f"{csv_field(self.record)},,\n"
        self.put(self.record, False, squeeze(text.encode(), lambda _: b"", self.level))
        directory = b"".join(self.central)
        count = len(self.central).to_bytes(2, "little") * 2
        self.stream.write(directory + b"PK\x05\x06\0\0\0\0" + count + len(directory).to_bytes(4, "little"))
        self.stream.write(self.at.to_bytes(4, "little") + b"\0\0")
        self.stream.close()


URLSAFE = str.maketrans("+/", "-_")


def csv_field(text: str) -> str:
    """Return *text* as a field of RECORD, quoted where it has separators."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def portable(name: str) -> str:
    """Return the name of a member of a wheel, which must mean one place wherever it is unpacked.

    :raises BuildError: for a name with backslashes or control characters
    """
    if "\\" in name or (not name.isprintable() and any(char < " " or char == "\x7f" for char in name)):
        raise BuildError(
            f"the name of the file {name!r} has backslashes or control characters",
            "rename the file, or exclude it",
        )
    return name


def encoded(name: str) -> bytes:
    """Return the name of a member as archives hold it.

    :raises BuildError: for a file name that is no text
    """
    try:
        return name.encode()
    except UnicodeEncodeError as exc:
        raise BuildError(
            f"the name of the file {name!r} is not in UTF-8", "rename the file, or exclude it"
        ) from exc


def dos_time(epoch: int) -> int:
    """Return time and date as zip files hold them, in UTC."""
    from time import gmtime

    year, month, day, hour, minute, second = gmtime(epoch)[:6]
    clock = hour << 11 | minute << 5 | second // 2
    date = (year - 1980) << 9 | month << 5 | day
    return clock | date << 16


def write_sdist(path: str, members: Sequence[Member], epoch: int, level: int = LEVEL) -> None:
    """Write a ``.tar.gz`` with *members* in their order.

    The gzip header is ours, without name and time, and says "unknown" for the system, so that the bytes do not
    depend on where zlib was compiled.
    """
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    crc = size = 0
    block: list[bytes] = []
    held = 0
    with open(path, "wb", buffering=1 << 17) as stream:
        stream.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        for at, (name, source, said) in enumerate(members):
            data, marked = read_file(source)
            executable = marked if said is None else said
            block += [tar_header(name, len(data), executable, epoch), data, b"\0" * (-len(data) % 512)]
            last = at == len(members) - 1
            if last:
                block.append(b"\0" * 1024)
            held += len(data)
            if last or held > 1 << 18:
                joined = b"".join(block)
                crc = zlib.crc32(joined, crc)
                size += len(joined)
                stream.write(packer.compress(joined))
                block.clear()
                held = 0
        stream.write(packer.flush() + crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"))


def tar_header(name: str, size: int, executable: bool, epoch: int, kind: bytes = b"0") -> bytes:
    """Return the header of one file, after a pax header where the plain one cannot hold its name."""
    raw = encoded(name)
    before = b""
    prefix = b""
    if kind == b"0" and (not raw.isascii() or len(raw) > TAR_NAME or size >= TAR_SIZE):
        cut = raw.rfind(b"/", 0, TAR_PREFIX + 1) if raw.isascii() and size < TAR_SIZE else -1
        if cut > 0 and len(raw) - cut - 1 <= TAR_NAME:
            prefix, raw = raw[:cut], raw[cut + 1 :]
        else:
            record = pax_record("path", raw) + (pax_record("size", b"%d" % size) if size >= 1 << 33 else b"")
            before = tar_header("pax/header", len(record), False, epoch, b"x")
            before += record + b"\0" * (-len(record) % 512)
            raw = raw.decode().encode("ascii", "replace")[-100:]
    head = b"".join(
        (
            raw.ljust(100, b"\0"),
            b"0000755\0" if executable else b"0000644\0",
            b"0000000\0" * 2,
            b"%011o\0" % (size & (1 << 33) - 1),
            b"%011o\0" % epoch,
            b" " * 8,
            kind,
            b"\0" * 100,
            b"ustar\x0000",
            b"\0" * 64,
            b"0000000\0" * 2,
            prefix.ljust(155, b"\0"),
            b"\0" * 12,
        )
    )
    return before + head[:148] + b"%06o\0 " % sum(head) + head[156:]


def pax_record(key: str, value: bytes) -> bytes:
    """Return ``LENGTH key=value`` with its own length counted in."""
    body = b" " + key.encode() + b"=" + value + b"\n"
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d" % size + body
