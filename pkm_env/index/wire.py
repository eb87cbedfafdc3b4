"""HTTP/1.1 on a blocking socket: one connection, one request at a time, answers read as they come.

Owns how requests and answers are written; what they mean, and when to ask again, is ``http``'s. The library's
client needs 0.3 ms more for each request and loads its mail parser for the headers: 150 ms for a cold lock.

Source: RFC 9112 (messages), RFC 9110 (fields, CONNECT).
"""

from __future__ import annotations

import socket
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

PIECE = 1 << 18
FIRST_PIECE = 1 << 16
# Fewer bytes in SLOW_S seconds, ten in one, are no better than silence. A proxy that examines a file first may send
# single bytes of it meanwhile, so that nobody leaves: minutes of that are no fault.
LEAST = 3000
SLOW_S = 300.0
MAX_HEAD = 1 << 17
MAX_LINE = 1 << 12
EARLIEST, LATEST = 100, 599
# The statuses with a meaning of their own; from REDIRECTION on an answer is none, or not yet.
SWITCHING, OK, PART, REDIRECTION = 101, 200, 206, 300
NOT_MODIFIED, UNAUTHORIZED, NO_SUCH_PART = 304, 401, 416
CODE = 3  # digits of a status
LENGTH, CHUNK_LENGTH = 18, 15  # digits, decimal and hexadecimal, of lengths below an exabyte
EMPTY = frozenset((204, NOT_MODIFIED))
DEFAULT_PORTS = {"http": 80, "https": 443}


class BadAnswer(Exception):
    """What came is no answer that HTTP/1.1 knows."""


class ProxyRefusal(OSError):
    """A proxy says no: *status* and *reason* are those of its answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".rstrip())
        self.status = status


class CutShort(OSError):
    """A body ended before its announced end."""


class TooSlow(TimeoutError):
    """An answer comes, but in drips: *count* bytes in *seconds*."""

    def __init__(self, count: int, seconds: float) -> None:
        super().__init__(f"the answer comes in drips, {count} bytes in {seconds:.0f} s")


class Reply:
    """The head of an answer, and its body as it is read.

    ``headers`` have lower-case names; the values of fields with one name are joined by commas. ``length`` is
    how much of the body is still to come, None when its end will show. ``finished``: all of it was read.
    Whatever reads raises TooSlow where fewer than LEAST bytes come in *slow_s* seconds.
    """

    __slots__ = (
        "_chunk_left",
        "_few",
        "_rest",
        "_since",
        "_slow_s",
        "_socket",
        "chunked",
        "finished",
        "headers",
        "length",
        "reason",
        "status",
        "will_close",
    )

    def __init__(self, connection: socket.socket, slow_s: float = SLOW_S) -> None:
        self._socket = connection
        self._slow_s = slow_s
        self._few = 0
        self._rest = b""
        self._chunk_left = -1
        version = self._read_head()
        told = self.headers.get("connection", "").lower()
        self.will_close = "close" in told or (version == "HTTP/1.0" and "keep-alive" not in told)
        self.chunked = False
        self.length: int | None = None
        self._frame()
        self.finished = self.length == 0

    @property
    def may_follow(self) -> bool:
        """Whether another request may be sent on the same connection."""
        return self.finished and not self.will_close and not self._rest

    def read(self, size: int = PIECE) -> bytes:
        """Return the next part of the body, at most *size* bytes; b"" at its end, or where it is cut.

        :raises CutShort: when a body in chunks is cut.
        """
        if self.finished:
            return b""
        if self.chunked:
            return self._read_chunked(size)
        if self.length is not None:
            size = min(size, self.length)
        data = self._take(size)
        if self.length is not None:
            self.length -= len(data)
            self.finished = not self.length
        else:
            self.finished = not data
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Read the next part of the body into *buffer*; return its size, as ``read`` does."""
        if self.finished or self.chunked or self.length is None or self._rest:
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        count = self._socket.recv_into(buffer[: self.length])
        if count < LEAST or self._few:
            self._note_few(count)
        self.length -= count
        self.finished = not self.length
        return count

    def whole(self) -> bytes:
        """Return all that is left of the body.

        :raises CutShort: when it is cut.
        """
        parts = []
        while data := self.read():
            parts.append(data)
        if self.length:
            raise CutShort(f"the answer ended {self.length} bytes early")
        return b"".join(parts)

    def _receive(self, size: int) -> bytes:
        """Return what comes next, at most *size* bytes, b"" when there is no more."""
        data = self._socket.recv(size)
        if len(data) < LEAST or self._few:
            self._note_few(len(data))
        return data

    def _note_few(self, count: int) -> None:
        """Count what came since the first of several small pieces; no clock is asked while much comes at once."""
        before, self._few = self._few, self._few + count
        if not count or self._few >= LEAST:
            self._few = 0
        elif not before:
            self._since = monotonic()
        elif (seconds := monotonic() - self._since) > self._slow_s:
            raise TooSlow(self._few, seconds)

    # The head

    def _read_head(self) -> str:
        """Read status line and fields, and return the version; answers that only announce one are passed over."""
        while True:
            lines = self._head_lines()
            version, _, rest = lines[0].partition(" ")
            code, _, reason = rest.partition(" ")
            if not version.startswith("HTTP/1.") or len(code) != CODE or not code.isdecimal():
                raise BadAnswer("the answer is not HTTP/1.1")
            self.status, self.reason = int(code), reason.strip()
            self.headers = fields(lines[1:])
            if not EARLIEST <= self.status <= LATEST:
                raise BadAnswer(f"the answer has the status {self.status}")
            if self.status >= OK or self.status == SWITCHING:
                return version

    def _head_lines(self) -> list[str]:
        end = self._rest.find(b"\r\n\r\n")
        while end < 0:
            if len(self._rest) > MAX_HEAD:
                raise BadAnswer("the head of the answer is too large")
            data = self._receive(FIRST_PIECE)
            if not data:
                raise ConnectionResetError("closed without an answer")
            before = len(self._rest)
            self._rest += data
            end = self._rest.find(b"\r\n\r\n", max(before - 3, 0))
            if end < 0 and not b"HTTP/".startswith(self._rest[:5]):
                raise BadAnswer("the answer is not HTTP/1.1")
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        return head.decode("latin-1").split("\r\n")

    def _frame(self) -> None:
        """Find out where the body ends (RFC 9112, section 6.3)."""
        coding = self.headers.get("transfer-encoding", "").lower()
        told = self.headers.get("content-length", "")
        if self.status in EMPTY:
            self.length = 0
        elif coding:
            self.chunked = coding.rpartition(",")[2].strip() == "chunked"
            # One that says both may mean to smuggle something: what follows is not trusted.
            self.will_close = self.will_close or bool(told) or not self.chunked
        elif told:
            lengths = {item.strip() for item in told.split(",")}
            if len(lengths) != 1 or not min(lengths).isdecimal() or len(min(lengths)) > LENGTH:
                raise BadAnswer("the length of the answer cannot be read")
            self.length = int(min(lengths))
        else:
            self.will_close = True

    # The body

    def _take(self, size: int) -> bytes:
        """Return at most *size* bytes, b"" when there is no more."""
        if not self._rest:
            return self._receive(size)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _read_chunked(self, size: int) -> bytes:
        if self._chunk_left <= 0:
            if not self._chunk_left:
                self._line()
            digits = self._line().partition(b";")[0].strip()
            if not digits or digits.strip(b"0123456789abcdefABCDEF") or len(digits) > CHUNK_LENGTH:
                raise BadAnswer("a chunk of the answer has no size")
            self._chunk_left = int(digits, 16)
            if not self._chunk_left:
                while self._line():
                    continue
                self.finished = True
                return b""
        data = self._take(min(size, self._chunk_left))
        if not data:
            raise CutShort("the answer was cut short")
        self._chunk_left -= len(data)
        return data

    def _line(self) -> bytes:
        """Return the next line of a body in chunks."""
        while (end := self._rest.find(b"\n")) < 0:
            data = self._receive(FIRST_PIECE)
            if not data:
                raise CutShort("the answer was cut short")
            self._rest += data
            if len(self._rest) > MAX_LINE + FIRST_PIECE:
                raise BadAnswer("a line in the answer is too long")
        line, self._rest = self._rest[:end], self._rest[end + 1 :]
        return line.rstrip(b"\r")


class Connection:
    """A connection to *server*, perhaps through a tunnel and encrypted.

    *tunnel* is where a proxy is asked to connect to, and its Proxy-Authorization ("" for none); *context*
    encrypts, for the name of the server at the end. *slow_s*: see ``Reply``.
    """

    __slots__ = ("_context", "_server", "_slow_s", "_tunnel", "socket")

    def __init__(
        self,
        server: tuple[str, int],
        *,
        context: ssl.SSLContext | None = None,
        tunnel: tuple[tuple[str, int], str] | None = None,
        slow_s: float = SLOW_S,
    ) -> None:
        self._slow_s = slow_s
        self._server = server
        self._context = context
        self._tunnel = tunnel
        self.socket: socket.socket | None = None

    def connect(self, timeout_s: float, patience_s: float) -> None:
        """Connect within *timeout_s*; from then on, wait *patience_s* for each answer.

        :raises ProxyRefusal: when the proxy of the tunnel says no.
        :raises OSError: when it fails otherwise.
        """
        host, port = self._server
        # A text is looked up by way of a codec that takes 10 ms to load.
        known: Any = host.encode() if host.isascii() else host
        self.socket = socket.create_connection((known, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tunnel:
            (host, port), authorization = self._tunnel
            told = {"Proxy-Authorization": authorization} if authorization else {}
            reply = self.ask("CONNECT", authority(host, port), authority(host, port), told)
            if not OK <= reply.status < REDIRECTION:
                raise ProxyRefusal(reply.status, reply.reason)
        if self._context:
            self.socket = self._context.wrap_socket(self.socket, server_hostname=host)
        self.socket.settimeout(patience_s)

    def ask(self, method: str, target: str, host: str, headers: Mapping[str, str]) -> Reply:
        """Send a request without a body, and return when the head of the answer is there.

        :raises OSError: when the connection fails, or what comes does so in drips.
        :raises BadAnswer: when what comes is no answer.
        """
        assert self.socket is not None, "it is not connected"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *map(": ".join, headers.items())]
        if not all(line.isprintable() for line in lines) or " " in target:
            raise BadAnswer("the request would be malformed")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        return Reply(self.socket, self._slow_s)

    def close(self) -> None:
        """Close it."""
        if self.socket is not None:
            self.socket.close()


def fields(lines: list[str]) -> dict[str, str]:
    """Return the fields of a head; a line that is none is passed over, as browsers do."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and name:
            found[name] += f" {line.strip()}"
            continue
        raw, colon, value = line.partition(":")
        if not colon:
            continue
        name = raw.strip().lower()
        value = value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def authority(host: str, port: int) -> str:
    """Return host and port as they stand in a request."""
    name = f"[{host}]" if ":" in host else host if host.isascii() else host.encode("idna").decode()
    return f"{name}:{port}"


def host_field(scheme: str, host: str, port: int) -> str:
    """Return the value of the field Host."""
    told = authority(host, port)
    return told.rpartition(":")[0] if port == DEFAULT_PORTS.get(scheme) else told
