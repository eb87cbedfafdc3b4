"""IndexClient: the questions one asks of an index, over HTTP or of this disk.

Owns how a page, a metadata text and a file are got; knows no cache. Its methods wait, so they run in
the threads of a crew; none changes the state of another's answer.

Source: Simple repository API (PEP 503, 658, 691, 714); RFC 9110 sections 13 and 14, RFC 9111.
"""

from __future__ import annotations

import os
import sys

from pkm_env.index.archive import (
    MAX_METADATA,
    TAIL,
    BadArchive,
    Damaged,
    NotHere,
    too_large_metadata,
    wheel_metadata,
)
from pkm_env.index.body import too_large
from pkm_env.index.brief import read_brief
from pkm_env.index.digest import Page, make_page
from pkm_env.index.download import Download, NoRanges, check_hashes, read_span
from pkm_env.index.errors import BadPage, DamagedWheel, HashMismatch, IndexRefused
from pkm_env.index.http import LeftUnread
from pkm_env.index.lines import lines_of
from pkm_env.index.local import file_url, find_page, list_folder, may_be_of, names_of, with_paths
from pkm_env.index.simple import (
    ACCEPT,
    PageFault,
    read_entries,
    summed,
)
from pkm_env.index.urls import local_path, origin
from pkm_env.index.wire import NOT_MODIFIED, OK, PART
from pkm_env.inflate import Damaged as DamagedBody
from pkm_env.inflate import TooLarge, inflated
from pkm_env.model.core_metadata import InvalidMetadata, parse_metadata
from pkm_env.model.distribution import STRENGTH, Unavailable
from pkm_env.model.rows import plain_of, row_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from pkm_env.index.http import Begun, Http
    from pkm_env.index.lines import Lines
    from pkm_env.index.names import ReadVersion
    from pkm_env.index.spec import IndexSpec
    from pkm_env.index.wire import Reply
    from pkm_env.model.distribution import File, Metadata

    Advance = Callable[[int], None]

MAX_PAGE = 256 << 20
DEFAULT_AGE_S = 600


class Answer:
    """What an index answered: ``state`` is "page", "same" (the cached page holds) or "missing".

    ``max_age_s`` says how long it may be used without asking again; -1: not to be kept at all. ``warnings`` are
    those of a page that somebody has read and kept already, None of one that is still to be read. ``is_packed``:
    ``body`` is gzip data. It is unpacked where it is read: that memory is used again for the next one, while each
    thread that unpacked one would take new memory, half of all that a cold lock asks the system for. ``in_brief``: the
    files of old releases may be left unread (``brief``).
    """

    __slots__ = (
        "body",
        "content_type",
        "etag",
        "in_brief",
        "is_packed",
        "max_age_s",
        "modified",
        "state",
        "url",
        "warnings",
    )

    def __init__(
        self,
        state: str,
        body: bytes | memoryview = b"",
        *,
        content_type: str = "",
        url: str = "",
        etag: str = "",
        modified: str = "",
        max_age_s: int = DEFAULT_AGE_S,
        is_packed: bool = False,
    ) -> None:
        self.state = state
        self.body = body
        self.content_type = content_type
        self.url = url
        self.etag = etag
        self.modified = modified
        self.max_age_s = max_age_s
        self.is_packed = is_packed
        self.in_brief = False
        self.warnings: list[str] | None = None


class IndexClient:
    """Asks indexes; safe to use from many threads."""

    def __init__(self, http: Http, platform: str = sys.platform) -> None:
        self.http = http
        self._platform = platform
        self._memo: dict[str, ReadVersion | None] = {}
        # Servers (scheme, host, port) that gave the whole file when a part was asked for.
        self._whole: set[tuple[str, str, str]] = set()
        # What they sent, by its URL: the whole file is read from there, and not asked for again.
        self._begun: dict[str, Begun] = {}

    # Pages

    def ask(
        self, index: IndexSpec, name: str, etag: str = "", modified: str = "", *, unpack: bool = False
    ) -> Answer:
        """Return what *index* says of *name*, or that what *etag* and *modified* stand for still holds.

        *unpack* a page as it comes, so that what is damaged on its way is asked for again; one of a flat index, which
        is read for each name, always is.

        :raises IndexFailure: when it cannot be asked, or says no.
        """
        url = index.url if index.flat else index.base + name + "/"
        headers = {"Accept": ACCEPT}
        if etag:
            headers["If-None-Match"] = etag
        elif modified:
            headers["If-Modified-Since"] = modified
        response = self.http.get(url, headers, limit=MAX_PAGE, index=index.name, unpack=unpack or index.flat)
        age = max_age(response.headers)
        if response.status == NOT_MODIFIED:
            return Answer("same", url=response.url, max_age_s=age)
        if response.status in {404, 410}:
            return Answer("missing", url=response.url, max_age_s=age)
        return Answer(
            "page",
            response.body,
            content_type=response.headers.get("content-type", ""),
            url=response.url,
            etag=response.headers.get("etag", ""),
            modified=response.headers.get("last-modified", ""),
            max_age_s=age,
            is_packed=response.is_packed,
        )

    def read(self, index: IndexSpec, name: str, answer: Answer) -> Page:
        """Return the page of *name* in an answer.

        :raises BadPage: when it is no page of an index.
        """
        refused: list[str] = []
        sent = bytes(answer.body) if answer.is_packed and answer.in_brief else b""
        whole = self._unpacked(index, name, answer)
        told = (whole.body, whole.content_type, whole.url)
        try:
            # What came again is no longer what was sent first.
            page = read_brief(*told, name, refused.append, self._memo) if sent and whole is answer else None
            if page is not None:
                page.packed = sent
            else:
                if index.flat:
                    every = read_entries(*told, lambda _: None)
                    lines = every.only(may_be_of(filename, name) for filename in every.filenames)
                else:
                    lines = read_entries(*told, refused.append, name=name)
                page = make_page(lines, name, refused.append, self._memo)
        except PageFault as fault:
            raise BadPage(answer.url, index=index.name, reason=str(fault)) from fault
        page.warnings = summed(name, refused)
        return page

    def names(self, answer: Answer) -> set[str]:
        """Return the names of the packages on the page of a flat index, for messages; none where it is no page."""
        try:
            return names_of(
                read_entries(answer.body, answer.content_type, answer.url, lambda _: None).filenames
            )
        except PageFault:
            return set()

    def _unpacked(self, index: IndexSpec, name: str, answer: Answer) -> Answer:
        """Return an answer with its page as it was before it was packed; what is damaged is asked for again."""
        if not answer.is_packed:
            return answer
        try:
            answer.body, answer.is_packed = inflated(bytes(answer.body), MAX_PAGE), False
        except TooLarge as error:
            raise BadPage(answer.url, index=index.name, reason=too_large(MAX_PAGE)) from error
        except DamagedBody as error:
            again = self.ask(index, name, unpack=True)
            if again.state != "page":
                reason = "it came damaged, and is not there any more"
                raise BadPage(answer.url, index=index.name, reason=reason) from error
            return again
        return answer

    def read_local(self, index: IndexSpec, name: str) -> Page | None:
        """Return the page of *name* in an index that is a folder; None when it does not know the name.

        :raises BadPage: when it is no page of an index.
        """
        root = local_path(index.url, self._platform)
        if index.flat:
            found = told_pythons(list_folder(root, name, self._platform))
            page = make_page(found, name, lambda _: None, self._memo)
            return page if page.texts else None
        place = find_page(root, name)
        if place is None:
            return None
        path, kind, _ = place
        if not kind:
            found = told_pythons(list_folder(path, "", self._platform))
            return make_page(found, name, lambda _: None, self._memo)
        refused: list[str] = []
        with open(path, "rb") as file:
            body = file.read(MAX_PAGE)
        url = f"{index.base}{name}/" if index.url.startswith("file:") else file_base(path)
        try:
            listed = [plain_of(row) for row in read_entries(body, kind, url, refused.append, name=name).rows]
            found = told_pythons(with_paths(listed, self._platform))
        except PageFault as fault:
            raise BadPage(url, index=index.name, reason=str(fault)) from fault
        page = make_page(found, name, refused.append, self._memo)
        page.warnings = summed(name, refused)
        return page

    # Metadata

    def metadata(self, file: File) -> Metadata | Unavailable | None:
        """Return what a wheel's METADATA says, fetched alone; None when only the whole file tells.

        :raises IndexFailure: when the server cannot be asked, or says no.
        :raises HashMismatch: when the metadata sibling is not the one that is listed.
        :raises DamagedWheel: when the wheel is no sound archive, and has no digest that the whole file could have.
        """
        if file.metadata_hashes is not None and not file.path:
            told = self._sibling(file)
            if told is not None:
                try:
                    return parse_metadata(told)
                except InvalidMetadata:
                    pass  # The wheel itself says whether the index or the project made the mistake.
        try:
            text = self._metadata_text(file)
            return None if text is None else parse_metadata(text)
        except (BadArchive, InvalidMetadata) as error:
            return Unavailable("metadata", f"{file.filename}: {error}")

    def _metadata_text(self, file: File) -> str | None:
        """Return the text of METADATA in the wheel, None when only the whole file tells.

        :raises BadArchive: when the wheel has no METADATA, or that of another project.
        :raises DamagedWheel: as ``metadata``.
        """
        if file.path:
            return local_metadata(file.path)
        if origin(file.url) in self._whole:
            return None
        try:
            return self._in_parts(file)
        except Damaged as error:
            if not file.hashes.keys().isdisjoint(STRENGTH):
                # The digest of the whole wheel tells damage on the way from a wheel that was made so.
                return None
            first = error
        try:
            return self._in_parts(file)
        except Damaged as error:
            raise DamagedWheel(
                file.url, filename=file.filename, index=file.index, reason=str(error)
            ) from first

    def _in_parts(self, file: File) -> str | None:
        """Return the text of METADATA from parts of the wheel, None when only the whole file tells.

        :raises BadArchive: as ``wheel_metadata``.
        """
        try:
            remote = RemoteFile(self.http, file)
            return wheel_metadata(file.filename, remote.size, remote.read)
        except NoRanges as error:
            self._whole.add(origin(file.url))
            if error.begun is not None:
                self._begun[file.url] = error.begun
        except NotHere:
            pass
        return None

    def _sibling(self, file: File) -> str | None:
        """Return the metadata sibling (PEP 658), None when it is not there after all, or too large.

        :raises HashMismatch: when it is another one than is listed, twice.
        """
        path, question, query = file.url.partition("?")
        url = f"{path}.metadata{question}{query}"
        try:
            return self._one_sibling(file, url)
        except HashMismatch:
            return self._one_sibling(file, url)

    def _one_sibling(self, file: File, url: str) -> str | None:
        try:
            response = self.http.get(url, limit=MAX_METADATA, index=file.index)
        except BadPage:  # it is too large: the wheel itself says whose mistake that is
            return None
        if response.status != OK:
            return None
        check_hashes(f"{file.filename}.metadata", response.body, file.metadata_hashes or {}, file, url)
        return response.body.decode("utf-8", "replace")

    # Files

    def download(
        self,
        file: File,
        target: str,
        *,
        hashes: Mapping[str, str] | None = None,
        advance: Advance | None = None,
    ) -> tuple[str, int]:
        """Fetch *file* into the new file *target*; return its SHA-256 and size.

        It is hashed while it arrives, and must agree with *hashes* (those of the lock, or by default
        those of the index) and with the size that is listed. A body that is cut is resumed where it ended.

        :raises HashMismatch: when it is another file; *target* is gone then, as after any error.
        :raises IndexFailure: when it cannot be fetched.
        :raises WriteFailed: when it cannot be written.
        """
        expected = file.hashes if hashes is None else hashes
        begun = self._begun.pop(file.url, None)
        return Download(self.http, file, target, expected, advance, begun).run()


class RemoteFile:
    """A file on a server, read in parts; the parts that came are kept."""

    def __init__(self, http: Http, file: File) -> None:
        self._http = http
        self._file = file
        self._parts: list[tuple[int, bytes]] = []
        self.size = 0
        self._ask(f"bytes=-{TAIL}")

    def read(self, start: int, length: int) -> bytes:
        """Return the bytes from *start* on; fewer where the file ends."""
        length = min(length, self.size - start)
        for begin, data in self._parts:
            if begin <= start and start + length <= begin + len(data):
                return data[start - begin : start - begin + length]
        self._ask(f"bytes={start}-{start + length - 1}")
        begin, data = self._parts[-1]
        if begin != start or len(data) < length:
            raise Damaged("the server gave another part than was asked for")
        return data

    def _ask(self, wanted: str) -> None:
        """Fetch one part.

        :raises NoRanges: when the server gives no parts.
        """
        headers = {"Range": wanted, "Accept-Encoding": "identity"}
        limit = max(TAIL, 1 << 26)

        def consume(response: Reply, _url: str) -> tuple[int, int, bytes]:
            if response.status in {404, 410}:
                raise IndexRefused(self._file.url, status=response.status, index=self._file.index)
            span = response.headers.get("content-range", "")
            if response.status == OK and "content-encoding" not in response.headers:
                raise LeftUnread
            if response.status != PART or "content-encoding" in response.headers:
                raise NoRanges
            if response.length is None or response.length > limit:
                raise NoRanges
            begin, total = read_span(span)
            data = response.whole()
            return begin, total, data

        try:
            begin, total, data = self._http.send(self._file.url, headers, consume, index=self._file.index)
        except LeftUnread as left:
            raise NoRanges(left.begun) from left
        except IndexRefused as error:
            if error.status in {404, 410, 401, 403}:
                raise
            raise NoRanges from error
        self._check(total)
        self.size = total
        self._parts.append((begin, data))

    def _check(self, size: int) -> None:
        """Compare the size that the server tells with what it and the index have told.

        :raises Damaged: when it is another one.
        """
        listed = self._file.size
        if listed is not None and size != listed:
            raise Damaged(f"it has {size} bytes, where {listed} are listed")
        if self.size and size != self.size:
            raise Damaged("the file changed on the server while it was read")


def local_metadata(path: str) -> str:
    """Return the METADATA of a wheel on this disk.

    :raises BadArchive: when it has none, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size

            def read(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            return wheel_metadata(os.path.basename(path), size, read)
    except OSError as error:
        raise BadArchive(f"{path} cannot be read: {error.strerror}") from error
    except NotHere:
        return zipped_metadata(path)


def told_pythons(entries: list[tuple[Any, ...]]) -> Lines:
    """Return plain files with the Requires-Python of the wheels on this disk, which no page tells.

    A wheel whose metadata cannot be read stays as it is: who asks for its metadata is told.
    """
    return lines_of(
        row_of(
            (*entry[:5], requires_python_of(entry[4]), *entry[6:])
            if entry[4] and entry[5] is None and entry[0].endswith(".whl")
            else entry
        )
        for entry in entries
    )


def requires_python_of(path: str) -> str | None:
    """Return the Requires-Python in a wheel on this disk, None when there is none to be read."""
    try:
        told = parse_metadata(local_metadata(path)).requires_python
        return " ".join(told.split()) if told else None
    except (BadArchive, InvalidMetadata):
        return None


def zipped_metadata(path: str) -> str:
    """Return the METADATA of a wheel in the zip64 form.

    :raises BadArchive: when it has none, or cannot be read.
    """
    import zipfile
    import zlib

    # zipfile says RuntimeError of what is encrypted, and a kind of it of a method that it does not know.
    faults = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            if len(names) != 1:
                raise BadArchive("it has no METADATA, or more than one")
            if (size := archive.getinfo(names[0]).file_size) > MAX_METADATA:
                raise BadArchive(too_large_metadata(size))
            return archive.read(names[0]).decode("utf-8", "replace")
    except faults as error:
        raise BadArchive(f"it cannot be read: {error}") from error


def max_age(headers: Mapping[str, str]) -> int:
    """Return for how many seconds an answer may be used, -1 when it must not be kept (RFC 9111)."""
    told = headers.get("cache-control", "").lower()
    found = DEFAULT_AGE_S
    for item in told.split(","):
        key, _, value = item.strip().partition("=")
        if key == "no-store":
            return -1
        if key == "no-cache":
            return 0
        if key == "max-age" and value.strip('"').isdecimal():
            found = min(int(value.strip('"')[:10]), 86_400)
    return found


def file_base(path: str) -> str:
    """Return the URL against which the links of a page on this disk are read."""
    return file_url(path)
