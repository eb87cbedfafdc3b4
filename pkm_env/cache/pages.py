"""Index pages as digests, and the metadata of releases, as the cache keeps them.

A page's file has three or four parts, so that a warm run reads the first two and leaves the others, which are
twenty times as large::

    header      magic, number of bytes of the digest, its checksum
    digest      marshal: what ``ports.Listing`` is made of (signatures as a marshal of their own, which few runs
                need), validators, place and checksum of each version's files
    files       for each version: its files as ``model.rows`` joins them
    packed      only of a page that was read in brief (``index.brief``), which has the files of few versions: the page
                as the index sent it, gzip data

A file's mtime is when the page was last confirmed by its index: an answer "not modified" costs one
utime. Metadata lies in one file for each name, to which records are appended: checksum, length, marshal.
"""

from __future__ import annotations

import os
from _blake2 import blake2b
from binascii import crc32
from marshal import dumps, loads

from pkm_env.cache.store import MARSHAL, PAGES, Store
from pkm_env.model.rows import files_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAGIC = b"pkmP"
# All numbers have four bytes, the lowest first. Before a digest: the magic, its size, its checksum.
HEADER_SIZE = 12
# Before a record: its checksum, its size.
RECORD_SIZE = 8
# Where the files of a version begin, their checksum, where those of the next version begin.
PLACE_SIZE = 12
FIRST_READ = 1 << 14
MOST_HELD = 1 << 15  # bytes of texts that stay in memory; a large page has a hundred times as many
ANY_SIZE = 1 << 30  # what is kept came within the bounds of an answer
# A page without a file is smaller, in bytes.
MOST_OF_MISSING = 4096
# For how long runs that go on side by side trust each other's clock.
RUN_S = 600
DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10)))
)
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class CachedPage:
    """A page that was kept, or just came.

    ``missing``: the index does not know the name. ``digest`` is ``(versions, signatures, prereleases,
    yanked, key, times)``, with the signatures marshalled where it was kept. ``etag`` and ``modified`` are its
    validators, ``max_age_s`` and ``confirmed_s`` (seconds since 1970) say how long it is fresh.
    ``files_of(number)`` gives the plain files of a version, ``text_of`` their rows, None when they are not there;
    ``token(number)`` a text that changes when they do, "" when none is known (a page that is fetched again may
    have other tokens for the same files).

    ``brief`` is None for a whole page. Of one that was read in brief ``digest`` has no times; the files of other
    versions than its ``numbers`` are there once ``unfold``, given the page, has read them, and said that it has.
    """

    __slots__ = (
        "_path",
        "_places",
        "_start",
        "_text",
        "brief",
        "confirmed_s",
        "digest",
        "etag",
        "max_age_s",
        "missing",
        "modified",
        "texts",
        "unfold",
    )

    def __init__(
        self,
        digest: tuple[Any, ...],
        *,
        missing: bool = False,
        etag: str = "",
        modified: str = "",
        max_age_s: int = 0,
        confirmed_s: float = 0.0,
        texts: list[str] | None = None,
        place: tuple[str, int, bytes, bytes] = ("", 0, b"", b""),
    ) -> None:
        self.digest = digest
        self.missing = missing
        self.etag = etag
        self.modified = modified
        self.max_age_s = max_age_s
        self.confirmed_s = confirmed_s
        self.texts = texts
        self._path, self._start, self._places, self._text = place
        self.brief: Brief | None = None
        self.unfold: Callable[[CachedPage], bool] | None = None

    def is_fresh(self, now_s: float) -> bool:
        """Whether it may be used without asking the index.

        Another process may have confirmed it after this run began; one from a far future is not trusted.
        """
        return -RUN_S <= now_s - self.confirmed_s < self.max_age_s

    def files_of(self, number: int) -> tuple[Any, ...] | None:
        """Return the plain files of the version with this number."""
        text = self.text_of(number)
        return None if text is None else files_in(text)

    def text_of(self, number: int) -> str | None:
        """Return the files of the version with this number as joined rows."""
        if self.brief is not None:
            if number in self.brief.numbers:
                number = self.brief.numbers.index(number)
            elif self.unfold is None or not self.unfold(self):
                return None
        if self.texts is not None:
            return self.texts[number]
        begin, checksum, end = [number_at(self._places, 8 * number + at) for at in (0, 4, 8)]
        data = self._read(begin, end)
        return None if crc32(data) != checksum else data.decode("utf-8", "surrogatepass")

    def unpacked(self) -> bytes | None:
        """Return the page as it was before the index packed it, None where that is gone or damaged.

        Of a page that was read in brief; what is packed tells by a checksum of its own whether it is whole.
        """
        from pkm_env.inflate import Damaged, TooLarge, inflated

        assert self.brief is not None, "of a whole page nothing else is kept"
        begin = number_at(self._places, len(self._places) - 4) if self._places else 0
        try:
            return inflated(self.brief.packed or self._read(begin, begin + self.brief.size), ANY_SIZE) or None
        except (Damaged, TooLarge):
            return None

    def is_sound(self) -> bool:
        """Whether all that is kept of it can be read."""
        if self.brief is not None:
            return self.unpacked() is not None and None not in map(self.text_of, self.brief.numbers)
        return None not in map(self.text_of, range(len(self.digest[0]) if self.digest else 0))

    def _read(self, begin: int, end: int) -> bytes:
        """Return a part of what stands behind the digest, as much of it as is there."""
        if self._text:
            return self._text[self._start + begin : self._start + end]
        try:
            descriptor = os.open(self._path, READ)
            try:
                os.lseek(descriptor, self._start + begin, os.SEEK_SET)
                return os.read(descriptor, end - begin)
            finally:
                os.close(descriptor)
        except OSError:
            return b""

    def become(self, other: CachedPage) -> None:
        """Take what the cache has of the same page by now."""
        self.digest, self.texts, self.brief, self.unfold = (
            other.digest,
            other.texts,
            other.brief,
            other.unfold,
        )
        self._path, self._start, self._places, self._text = (
            other._path,
            other._start,
            other._places,
            other._text,
        )

    def become_whole(self, digest: tuple[Any, ...], texts: list[str]) -> None:
        """Take what a whole reading of the same page gave."""
        self.digest, self.texts, self.brief, self.unfold = digest, texts, None, None
        self._places = self._text = b""

    def kept(self, there: bool, path: str, start: int, places: bytes) -> None:
        """Note that the files are at *path* from *start* on, if they are *there*, and let go of all that is large."""
        self._places = places
        if there:
            self._path, self._start = path, start
            if number_at(places, len(places) - 4) > MOST_HELD:
                self.texts = None
            if self.brief is not None:
                self.brief.packed = b""

    @property
    def is_kept(self) -> bool:
        """Whether the cache has it."""
        return bool(self._path)

    def token(self, number: int) -> str:
        """Return the text for the files of the version with this number."""
        if self.brief is not None:
            if number not in self.brief.numbers:
                return ""
            number = self.brief.numbers.index(number)
        if 8 * number + PLACE_SIZE > len(self._places):
            return ""
        return f"{number_at(self._places, 8 * number + 4):x}"


class Brief:
    """What tells a page that was read in brief from a whole one.

    ``numbers`` are those of the versions whose files are there; ``packed`` is what the index sent, b"" where it is
    kept, in as many bytes as ``size`` says; ``content_type`` and ``url`` are its type and address.
    """

    __slots__ = ("content_type", "numbers", "packed", "size", "url")

    def __init__(
        self, numbers: tuple[int, ...], content_type: str, url: str, size: int, packed: bytes = b""
    ) -> None:
        self.numbers = numbers
        self.content_type = content_type
        self.url = url
        self.size = size
        self.packed = packed

    @property
    def plain(self) -> tuple[Any, ...]:
        """What the constructor takes of one that is kept."""
        return self.numbers, self.content_type, self.url, self.size


class PageCache:
    """The pages of all indexes, by index address and name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, index: str, name: str) -> CachedPage | None:
        """Return the page of *name* of the index with the key *index*, None when it is not kept whole."""
        path = self._path(index, name)
        try:
            content, confirmed_s, text = read_digest(path) if self._store.usable else (b"", 0.0, b"")
        except OSError:
            return None
        if not content:
            return None
        try:
            digest, missing, etag, modified, max_age_s, places, brief = loads(content)  # noqa: S302 - the user's own cache; the checksum holds
        except (ValueError, EOFError, TypeError):
            return None
        page = CachedPage(
            digest,
            missing=missing,
            etag=etag,
            modified=modified,
            max_age_s=max_age_s,
            confirmed_s=confirmed_s,
            place=(path, HEADER_SIZE + len(content), places, text),
        )
        page.brief = Brief(*brief) if brief else None
        return page

    def save(self, index: str, name: str, page: CachedPage) -> None:
        """Keep a page that just came; its files are then read from where they are kept."""
        from struct import pack

        parts = [text.encode("utf-8", "surrogatepass") for text in page.texts or ()]
        places: list[int] = []
        offset = 0
        for part in parts:
            places += (offset, crc32(part))
            offset += len(part)
        packed = pack(f"<{len(places) + 1}I", *places, offset)
        digest = page.digest
        if digest and not isinstance(digest[1], bytes):
            digest = (digest[0], dumps(digest[1], MARSHAL), *digest[2:])
        brief = page.brief.plain if page.brief else None
        told = (digest, page.missing, page.etag, page.modified, page.max_age_s, packed, brief)
        content = dumps(told, MARSHAL)
        if page.brief:
            parts.append(page.brief.packed)
        head = MAGIC + len(content).to_bytes(4, "little") + crc32(content).to_bytes(4, "little")
        path = self._path(index, name)
        page.kept(
            self._store.write(path, b"".join([head, content, *parts])), path, len(head + content), packed
        )

    def save_again(self, index: str, name: str, page: CachedPage) -> None:
        """Keep a page in another form; it is as old as it was."""
        path = self._path(index, name)
        try:
            confirmed_ns = os.stat(path).st_mtime_ns
            self.save(index, name, page)
            os.utime(path, ns=(confirmed_ns, confirmed_ns))
        except OSError:
            # Somebody cleans the cache: the page is in this run's memory, or asked for again.
            return

    def confirm(self, index: str, name: str) -> None:
        """Note that the index said just now that the page still holds."""
        if self._store.writable:
            try:
                os.utime(self._path(index, name))
            except OSError:
                # It was cleaned away, or cannot be written: then it is asked for again.
                return

    def is_new(self, index: str) -> bool:
        """Whether no page of the index with this key was ever kept here, though it could be."""
        return self._store.writable and not os.path.isdir(self._store.path(PAGES, index))

    def names(self, index: str) -> set[str]:
        """Return the names that the index with this key is known to have: those whose pages are kept."""
        ending = ".page"
        try:
            found = os.listdir(self._store.path(PAGES, index)) if self._store.usable else []
        except OSError:
            return set()
        names = {name.removesuffix(ending).removeprefix("_") for name in found if name.endswith(ending)}
        # That an index does not have a name is kept too, in a file that is too small for a page with files.
        return {name for name in names if not self._is_missing(index, name)}

    def _is_missing(self, index: str, name: str) -> bool:
        try:
            if os.stat(self._path(index, name)).st_size > MOST_OF_MISSING:
                return False
        except OSError:
            return True
        page = self.load(index, name)
        return page is None or page.missing

    def _path(self, index: str, name: str) -> str:
        return self._store.path(PAGES, index, f"{file_stem(name)}.page")


def number_at(data: bytes, place: int) -> int:
    """Return the number that begins at a place (``struct`` would cost every run 1 ms)."""
    return int.from_bytes(data[place : place + 4], "little")


def read_digest(path: str) -> tuple[bytes, float, bytes]:
    """Return the second part of a page's file and its mtime in seconds; b"" when it is not whole.

    One read call serves for all but the largest pages. Where it brought the whole file, that comes third, so that
    the file needs no second look; else b"".
    """
    descriptor = os.open(path, READ)
    try:
        data = os.read(descriptor, FIRST_READ)
        if len(data) < HEADER_SIZE:
            return b"", 0.0, b""
        magic, length, checksum = data[:4], number_at(data, 4), number_at(data, 8)
        while len(data) < HEADER_SIZE + length and (more := os.read(descriptor, length)):
            data += more
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    content = data[HEADER_SIZE : HEADER_SIZE + length]
    whole = magic == MAGIC and len(content) == length and crc32(content) == checksum
    return (content if whole else b""), found.st_mtime, (data if len(data) == found.st_size else b"")


class MetadataCache:
    """The metadata of releases, by index address, name, and what tells their files apart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], dict[str, tuple[Any, ...]]] = {}

    def load(self, index: str, name: str) -> dict[str, tuple[Any, ...]]:
        """Return all that is known of a name, by key; of two records with one key the later one counts."""
        known = self._known.get((index, name))
        if known is None:
            known = self._known[index, name] = {}
            path = self._path(index, name)
            data = self._store.read(path) or b""
            end = read_records(data, known)
            if end < len(data):
                # A writer was killed, or a byte has flipped: what comes after could never be read.
                self._store.write(path, data[:end])
        return known

    def save(self, index: str, name: str, plain: dict[str, tuple[Any, ...]]) -> None:
        """Keep what is known of releases of a name, by key."""
        self.load(index, name).update(plain)
        if not self._store.writable:
            return
        data = b"".join([record_of(item) for item in plain.items()])
        path = self._path(index, name)
        try:
            self._store.make_parents(path)
            descriptor = os.open(path, APPEND, 0o666)
            try:
                # One write call: others append to the same file at the same time.
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            # Somebody cleans the cache; it is fetched again when it is needed again.
            return
        except OSError as error:
            self._store.refuse_writes(error)

    def _path(self, index: str, name: str) -> str:
        return self._store.path("metadata-1", index, f"{file_stem(name)}.meta")


def file_stem(name: str) -> str:
    """Return how a name stands in the names of files: "aux.page" would be a device on Windows."""
    return f"_{name}" if name in DEVICES else name


def record_of(item: tuple[str, tuple[Any, ...]]) -> bytes:
    """Return a key and what is kept with it as a record."""
    content = dumps(item, MARSHAL)
    return b"".join((crc32(content).to_bytes(4, "little"), len(content).to_bytes(4, "little"), content))


def read_records(data: bytes, known: dict[str, tuple[Any, ...]]) -> int:
    """Put the records in *data* into *known*, and return where the last whole one ends."""
    place = 0
    while place + RECORD_SIZE <= len(data):
        checksum, length = number_at(data, place), number_at(data, place + 4)
        content = data[place + RECORD_SIZE : place + RECORD_SIZE + length]
        if len(content) != length or crc32(content) != checksum or not length:
            break
        key, plain = loads(content)  # noqa: S302 - the user's own cache; the checksum holds
        known[key] = plain
        place += RECORD_SIZE + length
    return place


def index_key(url: str, kind: str = "simple") -> str:
    """Return what stands for an index in the names of the cache: no address, no secret."""
    return blake2b(f"{kind} {url}".encode(), digest_size=10).hexdigest()
