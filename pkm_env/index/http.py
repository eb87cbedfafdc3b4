"""HTTP/1.1 for indexes: a pool of kept-alive connections that many threads share.

Owns requests, redirects, retries, time-outs, proxies and certificates; knows nothing of pages and files.
How they stand on the wire is ``wire``'s. It is loaded when a request is due, ``ssl`` when that is encrypted.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from pkm_env.index.body import read_body, too_large
from pkm_env.index.errors import (
    BadPage,
    BadRedirect,
    IndexRefused,
    IndexUnreachable,
    NoCertificates,
    Offline,
    ProxyFailed,
    printable,
)
from pkm_env.index.proxy import Proxies, Proxy
from pkm_env.index.urls import origin, shown_url, split_credentials
from pkm_env.index.wire import (
    NO_SUCH_PART,
    NOT_MODIFIED,
    REDIRECTION,
    SLOW_S,
    UNAUTHORIZED,
    BadAnswer,
    Connection,
    ProxyRefusal,
    Reply,
    TooSlow,
    host_field,
)
from pkm_env.inflate import Damaged, TooLarge, inflated

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from pkm_env.index.auth import Credentials

    Result = TypeVar("Result")
    Consume = Callable[[Reply, str], Result]

ATTEMPTS = 4
# A server that is there takes a connection at once; to think about an answer it may take longer.
CONNECT_S = 10.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ANSWERS = frozenset({NOT_MODIFIED, 404, 410, NO_SUCH_PART})  # beside the successes
PROXY_UNAUTHORIZED = 407
TRUST = (
    "SSL_CERT_FILE names a file with the certificates to trust, as those of a proxy that reads what passes"
)
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


class Later(Exception):
    """The server asks to come again: *status*, and after how many seconds where it says."""

    def __init__(self, status: int, reason: str, pause_s: float | None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.pause_s = pause_s


class Begun:
    """An answer of which the head was read alone."""

    __slots__ = ("connection", "response", "url")

    def __init__(self, url: str, connection: Connection, response: Reply) -> None:
        self.url = url
        self.connection = connection
        self.response = response


class LeftUnread(Exception):
    """Who was to consume an answer leaves its body to somebody else: ``begun``, once it comes out of ``send``."""

    begun: Begun


class Response:
    """A whole answer: *headers* have lower-case names, *url* is after redirects; *is_packed*: *body* is gzip data."""

    __slots__ = ("body", "headers", "is_packed", "status", "url")

    def __init__(
        self, status: int, headers: dict[str, str], body: bytes, url: str, *, is_packed: bool = False
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url
        self.is_packed = is_packed


class Certificates:
    """Where the certificates of authorities are: a bundle, a folder, or the system's own store."""

    def __init__(self, cafile: str = "", capath: str = "", platform: str = sys.platform) -> None:
        self.cafile = cafile
        self.capath = capath
        self.platform = platform

    def context(self) -> ssl.SSLContext:
        """Return a new context that verifies servers.

        :raises NoCertificates: when the configured bundle cannot be read.
        """
        # Half as large as all the rest of this, and no part of a request that is not encrypted.
        import ssl

        context = self._new_context(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _new_context(self, protocol: int) -> ssl.SSLContext:
        import ssl

        if self.cafile or self.capath:
            context = ssl.SSLContext(protocol)
            try:
                context.load_verify_locations(self.cafile or None, self.capath or None)
            except OSError as error:
                place = self.cafile or self.capath
                reason = str(getattr(error, "reason", "")).replace("_", " ").lower() or error.strerror
                raise NoCertificates(f"no certificates can be read in {place}: {reason}") from error
            return context
        if self.platform in {"darwin", "win32"}:
            import truststore

            return truststore.SSLContext(protocol)
        return ssl.create_default_context()


class Http:
    """Sends requests; every method may be called from many threads at once."""

    def __init__(  # noqa: PLR0913 - what a session is set up with, named at the call
        self,
        credentials: Credentials,
        *,
        timeout_s: float = 30.0,
        slow_s: float = SLOW_S,
        proxies: Proxies | None = None,
        certificates: Certificates | None = None,
        user_agent: str = "pkm",
        offline: bool = False,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._slow_s = slow_s
        self._proxies = proxies or Proxies({})
        self._certificates = certificates or Certificates()
        self._user_agent = user_agent
        self.offline = offline
        self._attempts = attempts
        self._sleep = sleep
        self._idle: dict[tuple[str, str, str], list[Connection]] = {}
        self._unread: list[Connection] = []
        self._context: ssl.SSLContext | None = None

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        limit: int,
        index: str = "",
        unpack: bool = True,
    ) -> Response:
        """Return the answer to a GET, with a body of at most *limit* bytes.

        Without *unpack* a body that came as gzip data stays so, and nobody knows yet whether it is whole.

        Statuses below 300, 304, 404, 410 and 416 are answers; all else is an error.

        :raises IndexUnreachable: when there is no answer after several tries.
        :raises IndexRefused: when the server says no.
        :raises BadPage: when the body is larger than *limit*, or malformed.
        """
        wanted = {"Accept-Encoding": "gzip", **(headers or {})}

        def consume(response: Reply, final: str) -> Response:
            body, is_packed = read_body(response, limit)
            if is_packed and unpack:
                body, is_packed = inflated(body, limit), False
            return Response(response.status, response.headers, body, final, is_packed=is_packed)

        try:
            return self.send(url, wanted, consume, index=index)
        except TooLarge as error:
            raise BadPage(url, index=index, reason=too_large(limit)) from error

    def send(
        self,
        url: str,
        headers: Mapping[str, str],
        consume: Consume[Result],
        *,
        index: str = "",
        begun: Begun | None = None,
    ) -> Result:
        """Return what *consume* makes of the answer; it is called again after an answer that was cut.

        *headers* may be a live mapping: each try reads it anew. *begun* is an answer that is there already.

        :raises: as ``get``, and whatever *consume* raises that is no fault of the network.
        """
        if self.offline:
            raise Offline(url, index=index)
        started = time.monotonic()
        for attempt in range(1, self._attempts + 1):
            route = [url]
            try:
                if begun is not None and attempt == 1:
                    return self._consumed(begun.url, begun.connection, begun.response, consume)
                return self._follow(route, headers, consume, index)
            except (OSError, BadAnswer, Damaged, Later) as error:
                if attempt == self._attempts or is_final(error):
                    seconds = time.monotonic() - started
                    raise self._failure(error, route, index, attempt, seconds) from error
                self._sleep(pause_after(attempt, error))
        raise AssertionError("the last try returns or raises")

    def _failure(
        self, error: BaseException, route: Sequence[str], index: str, attempts: int, seconds: float
    ) -> IndexUnreachable:
        """Return what says that there was no answer, and which proxy is to blame; *route*: see ``_follow``."""
        proxy = self._proxies.proxy_for(*origin(route[-1]))
        told = proxy_reason(error, route[-1], proxy) if proxy else ""
        if proxy and told:
            return ProxyFailed(
                route[0], proxy=str(proxy), index=index, reason=told, attempts=attempts, seconds=seconds
            )
        reason = reason_of(error, route[-1]) + (f", through {proxy}" if proxy else "")
        if route[1:]:
            reason += f", to which it redirects: {shown_url(route[-1])}"
        hint = TRUST if is_mistrust(error) else ""
        return IndexUnreachable(
            route[0], index=index, reason=reason, hint=hint, attempts=attempts, seconds=seconds
        )

    def close(self) -> None:
        """Close the idle connections, and those with answers that nobody read."""
        for connection in self._unread:
            connection.close()
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _follow(
        self, route: list[str], headers: Mapping[str, str], consume: Consume[Result], index: str
    ) -> Result:
        """Send one request, to the last address of *route*, and those that it is redirected to, which are added."""
        challenged = False
        for _ in range(MAX_REDIRECTS + 1):
            url = route[-1]
            authorization = self._credentials.header(url)
            connection, response = self._exchange(url, headers, authorization)
            status = response.status
            if status in REDIRECTS:
                route.append(self._redirected(url, response, connection, index))
                continue
            if status == UNAUTHORIZED and not challenged:
                challenged = self._credentials.look_further(url, authorization)
                if challenged:
                    connection.close()
                    continue
            if status in TRANSIENT:
                later = Later(status, printable(response.reason), retry_after(response, time.time()))
                connection.close()
                raise later
            if status >= REDIRECTION and status not in ANSWERS:
                connection.close()
                if status == PROXY_UNAUTHORIZED:
                    raise ProxyRefusal(status, printable(response.reason))
                reason = printable(response.reason)
                known = bool(authorization)
                raise IndexRefused(url, status=status, index=index, reason=reason, known=known)
            return self._consumed(url, connection, response, consume)
        raise BadRedirect(route[0], status=status, index=index, reason="without an end")

    def _consumed(
        self,
        url: str,
        connection: Connection,
        response: Reply,
        consume: Consume[Result],
    ) -> Result:
        """Return what *consume* makes of the answer; the connection is kept if all of it was read."""
        try:
            result = consume(response, url)
        except LeftUnread as left:
            left.begun = Begun(url, connection, response)
            self._unread.append(connection)
            raise
        except BaseException:  # an interrupt too closes it
            connection.close()
            raise
        if response.may_follow:
            self._idle.setdefault(origin(url), []).append(connection)
        else:
            connection.close()
        return result

    def _redirected(
        self,
        url: str,
        response: Reply,
        connection: Connection,
        index: str,
    ) -> str:
        from urllib.parse import urljoin

        target = response.headers.get("location", "")
        connection.close()
        try:
            following = split_credentials(urljoin(url, target))[0].partition("#")[0]
        except ValueError:
            following = ""
        if not target or not target.isprintable() or not following.startswith(("http://", "https://")):
            reason = f'to an odd URL, "{shown_url(target)}"'
            raise BadRedirect(url, status=response.status, index=index, reason=reason)
        if url.startswith("https://") and not following.startswith("https://"):
            reason = f"from an encrypted to an open connection, {shown_url(following)}"
            raise BadRedirect(url, status=response.status, index=index, reason=reason)
        return following

    def _exchange(self, url: str, headers: Mapping[str, str], authorization: str) -> tuple[Connection, Reply]:
        """Send one request, and return when the head of the answer is there."""
        place = origin(url)
        proxy = self._proxies.proxy_for(*place)
        path = url.partition("://")[2]
        path = path[len(path.partition("/")[0].partition("?")[0]) :]
        target = url if proxy and place[0] == "http" else path if path.startswith("/") else f"/{path}"
        sent = {"User-Agent": self._user_agent, "Accept": "*/*", **headers}
        if authorization:
            sent["Authorization"] = authorization
        if proxy and place[0] == "http" and proxy.authorization:
            sent["Proxy-Authorization"] = proxy.authorization
        host = host_field(place[0], place[1], int(place[2] or 0))
        idle = self._idle.get(place)
        while idle:
            try:
                connection = idle.pop()
            except IndexError:
                break
            try:
                return connection, connection.ask("GET", target, host, sent)
            except BaseException as error:  # an interrupt too closes it
                connection.close()
                # The server closed it meanwhile; that is no failed try. To be silent is.
                if not isinstance(error, (OSError, BadAnswer)) or isinstance(error, TimeoutError):
                    raise
        connection = self._new_connection(place, proxy)
        try:
            connection.connect(min(self._timeout_s, CONNECT_S), self._timeout_s)
            return connection, connection.ask("GET", target, host, sent)
        except BaseException:  # an interrupt too closes it
            connection.close()
            raise

    def _new_connection(self, place: tuple[str, str, str], through: Proxy | None) -> Connection:
        scheme, host, port = place[0], place[1], int(place[2] or 0)
        server = (through.host, through.port) if through else (host, port)
        if scheme == "http":
            return Connection(server, slow_s=self._slow_s)
        if self._context is None:
            self._context = self._certificates.context()
        tunnel = ((host, port), through.authorization) if through else None
        return Connection(server, context=self._context, tunnel=tunnel, slow_s=self._slow_s)


def is_final(error: BaseException) -> bool:
    """Whether another try would only end the same way: no trust, no encryption, or a proxy that says no."""
    refused = isinstance(error, ProxyRefusal) and error.status not in TRANSIENT
    return refused or is_mistrust(error) or is_plain(error)


def is_mistrust(error: BaseException) -> bool:
    """Whether the certificate of a server is not trusted; ``ssl`` need not be there to tell."""
    return type(error).__name__ == "SSLCertVerificationError"


def is_plain(error: BaseException) -> bool:
    """Whether a server does not speak TLS where it was asked to."""
    return getattr(error, "reason", "") == "WRONG_VERSION_NUMBER"


def pause_after(attempt: int, error: BaseException) -> float:
    """Return how many seconds to wait after the failed try number *attempt*."""
    told = error.pause_s if isinstance(error, Later) else None
    if told is not None:
        return min(max(told, 0.0), LONGEST_PAUSE_S)
    # A little chance keeps many processes from coming back at the same moment.
    return FIRST_PAUSE_S * (1 << attempt - 1) * (1 + os.urandom(1)[0] / 1024)


def retry_after(response: Reply, now: float) -> float | None:
    """Return the seconds that Retry-After asks for, None when it says nothing that can be read."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text[:9])
    from email.utils import parsedate_to_datetime

    try:
        when: float = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return when - now


def reason_of(error: BaseException, url: str) -> str:
    """Return in a phrase why there was no answer."""
    _, host, port = origin(url)
    closed = f"{host} closed the connection"
    if isinstance(error, Later):
        return f"HTTP {error.status} {error.reason}".rstrip()
    if isinstance(error, TooSlow):
        return str(error)
    if is_mistrust(error):
        return f"the certificate of {host} is not trusted: {getattr(error, 'verify_message', error)}"
    if is_plain(error):
        return f"{host}:{port} does not speak https"
    phrases: tuple[tuple[type[BaseException], str], ...] = (
        (ConnectionRefusedError, f"connection refused by {host}:{port}"),
        (socket.gaierror, f"the name {host} is not known"),
        (TimeoutError, f"{host} was silent for too long"),
        (ConnectionResetError, closed),
        (BrokenPipeError, closed),
    )
    told = next((phrase for kind, phrase in phrases if isinstance(error, kind)), "")
    return told or printable(str(error)) or type(error).__name__


def proxy_reason(error: BaseException, url: str, proxy: Proxy) -> str:
    """Return what *proxy* did in place of asking for *url*, in a phrase; "" where it is not known to be its fault."""
    _, host, port = origin(url)
    if isinstance(error, ProxyRefusal) and error.status == PROXY_UNAUTHORIZED:
        return (
            "does not accept the user and password" if proxy.authorization else "asks for user and password"
        )
    phrases: tuple[tuple[type[BaseException], str], ...] = (
        (ProxyRefusal, f"does not connect to {host}:{port}: {printable(str(error))}"),
        (ConnectionRefusedError, "refuses connections"),
        (socket.gaierror, "is not known by this name"),
        (TimeoutError, f"brought no answer of {host} in time"),
        (ConnectionResetError, "closed the connection"),
        (BrokenPipeError, "closed the connection"),
    )
    return next((phrase for kind, phrase in phrases if isinstance(error, kind)), "")
