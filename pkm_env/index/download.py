"""Download: one file on its way from a server to the disk.

It is hashed while it arrives; what was cut goes on where it ended, and what does not agree leaves nothing.

Source: RFC 9110 sections 13 and 14.
"""

from __future__ import annotations

import os

from pkm_env.index.body import CHUNK
from pkm_env.index.errors import HashMismatch, IndexRefused, TooLarge, WriteFailed
from pkm_env.index.wire import NO_SUCH_PART, OK, PART, CutShort
from pkm_env.model.distribution import STRENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pkm_env.index.http import Begun, Http
    from pkm_env.index.wire import Reply
    from pkm_env.model.distribution import File

    Advance = Callable[[int], None]

MAX_FILE = 64 << 30
OPEN_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class NoRanges(Exception):
    """The server does not serve parts of files; ``begun`` is the whole file that it sends in place of one."""

    def __init__(self, begun: Begun | None = None) -> None:
        super().__init__()
        self.begun = begun


class Download:
    """One file on its way to the disk; *begun* is an answer with the whole of it, of which only the head was read."""

    def __init__(
        self,
        http: Http,
        file: File,
        target: str,
        hashes: Mapping[str, str],
        advance: Advance | None,
        begun: Begun | None = None,
    ) -> None:
        self._http = http
        self._file = file
        self._target = target
        self._hashes = hashes
        self._advance = advance
        self._begun = begun
        self._algorithm = next((name for name in STRENGTH if name in hashes), "")
        self._descriptor = -1
        self._headers: dict[str, str] = {"Accept-Encoding": "identity"}
        self._etag = ""
        self._resumed = False
        self._size = 0
        self._restart()

    def run(self) -> tuple[str, int]:
        """Fetch it, verify it, and return SHA-256 and size."""
        try:
            self._descriptor = os.open(self._target, OPEN_NEW, 0o666)
        except OSError as error:
            raise unwritable(self._target, error) from error
        try:
            result = self._fetch()
            if result is None:
                # Parts of two different files may have been put together: once more, from its start.
                self._forget_part()
                result = self._fetch(last=True)
                assert result is not None
        except BaseException:  # an interrupt too leaves no half file
            os.close(self._descriptor)
            os.unlink(self._target)
            raise
        os.close(self._descriptor)
        return result

    def _fetch(self, *, last: bool = False) -> tuple[str, int] | None:
        begun, self._begun = self._begun, None
        self._http.send(self._file.url, self._headers, self._receive, index=self._file.index, begun=begun)
        found = self._hashers[self._algorithm or "sha256"].hexdigest()
        expected = self._hashes.get(self._algorithm, found)
        if found != expected:
            if self._resumed and not last:
                return None
            raise HashMismatch(
                self._file.url,
                filename=self._file.filename,
                algorithm=self._algorithm,
                expected=expected,
                found=found,
                index=self._file.index,
            )
        return self._hashers["sha256"].hexdigest(), self._size

    def _restart(self) -> None:
        """Begin with an empty file."""
        # OpenSSL, which comes with it, takes 4 ms to load: a lock whose metadata has no digests does without.
        import hashlib

        written, self._size = self._size, 0
        self._resumed = False
        self._hashers = {name: hashlib.new(name) for name in {"sha256", self._algorithm or "sha256"}}
        if written:
            try:
                os.ftruncate(self._descriptor, 0)
                os.lseek(self._descriptor, 0, os.SEEK_SET)
            except OSError as error:
                raise unwritable(self._target, error) from error

    def _receive(self, response: Reply, url: str) -> None:
        """Write the body of one answer behind what is there."""
        if response.status == PART and self._size:
            if begin_of(response.headers.get("content-range", "")) != self._size:
                self._forget_part()
                raise CutShort("the server gave another part than was asked for")
            self._resumed = True
        elif response.status == OK:
            self._restart()
        elif response.status == NO_SUCH_PART and self._size:
            self._forget_part()
            raise CutShort("the server does not have the part that was asked for")
        else:
            raise IndexRefused(url, status=response.status, index=self._file.index, reason="no file")
        strong = response.headers.get("etag", "")
        self._etag = "" if strong.startswith("W/") else strong
        try:
            self._write_body(response)
        finally:
            self._prepare_resume(response)
        if response.length:
            raise CutShort(f"the file ended {response.length} bytes early")

    def _forget_part(self) -> None:
        """Make the next try begin anew."""
        self._headers.pop("Range", None)
        self._headers.pop("If-Range", None)
        self._restart()

    def _write_body(self, response: Reply) -> None:
        buffer = memoryview(bytearray(CHUNK))
        limit = MAX_FILE if self._file.size is None else self._file.size
        while count := response.readinto(buffer):
            part = buffer[:count]
            for hasher in self._hashers.values():
                hasher.update(part)
            self._size += count
            if self._size > limit:
                raise TooLarge(
                    self._file.url,
                    index=self._file.index,
                    reason=f"the file {self._file.filename} is larger than the {limit} bytes that are listed",
                )
            try:
                while part:
                    part = part[os.write(self._descriptor, part) :]
            except OSError as error:
                raise unwritable(self._target, error) from error
            if self._advance:
                self._advance(count)

    def _prepare_resume(self, response: Reply) -> None:
        """Make the next try ask for the rest, where the server can give it and mistakes would show."""
        self._headers.pop("Range", None)
        self._headers.pop("If-Range", None)
        in_parts = response.status == PART or response.headers.get("accept-ranges", "").lower() == "bytes"
        if self._size and in_parts and (self._etag or self._algorithm):
            self._headers["Range"] = f"bytes={self._size}-"
            if self._etag:
                self._headers["If-Range"] = self._etag


def unwritable(path: str, error: OSError) -> WriteFailed:
    """Return the error that says that a download could not be written."""
    return WriteFailed(
        f"{path} cannot be written: {error.strerror}", "PKM_CACHE_DIR chooses another place for the cache"
    )


def read_span(text: str) -> tuple[int, int]:
    """Return begin and total of a Content-Range ("bytes 10-19/200").

    :raises NoRanges: when it cannot be read.
    """
    unit, _, rest = text.strip().partition(" ")
    span, _, total = rest.partition("/")
    begin = span.partition("-")[0].strip()
    if unit.lower() != "bytes" or not begin.isdecimal() or not total.strip().isdecimal():
        raise NoRanges
    return int(begin), int(total)


def begin_of(span: str) -> int:
    """Return where the part with this Content-Range begins, -1 when that cannot be read."""
    try:
        return read_span(span)[0]
    except NoRanges:
        return -1


def check_hashes(filename: str, data: bytes, hashes: Mapping[str, str], file: File, url: str) -> None:
    """Compare *data* with the strongest of *hashes*.

    :raises HashMismatch: when they differ.
    """
    algorithm = next((name for name in STRENGTH if name in hashes), "")
    if not algorithm:
        return
    import hashlib

    found = hashlib.new(algorithm, data).hexdigest()
    if found != hashes[algorithm]:
        raise HashMismatch(
            url,
            filename=filename,
            algorithm=algorithm,
            expected=hashes[algorithm],
            found=found,
            index=file.index,
        )
