"""Which proxy a request goes through, by the customary variables.

Source: the conventions of curl (HTTPS_PROXY, ALL_PROXY, NO_PROXY); HTTP_PROXY is read in lower case
alone where REQUEST_METHOD is set, for a web server hands a client's header over under that name.
"""

from __future__ import annotations

from base64 import b64encode

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


EXPECTED = "write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT"


class BadProxy(PkmError):
    """The configured address of a proxy cannot be used."""


class Proxy:
    """A proxy's address, the value of Proxy-Authorization ("" for none), and where it is configured."""

    __slots__ = ("authorization", "host", "origin", "port")

    def __init__(self, host: str, port: int, authorization: str, origin: str) -> None:
        self.host = host
        self.port = port
        self.authorization = authorization
        self.origin = origin

    def __str__(self) -> str:
        return f"the proxy {self.host}:{self.port} ({self.origin})"


class Proxies:
    """The proxies of an environment, as *environ* names them; an empty one means none.

    *fallback* is what pip is configured with, and where, for all that no variable speaks of; exceptions hold for it
    too.
    """

    def __init__(self, environ: Mapping[str, str], fallback: tuple[str, str] = ("", "")) -> None:
        told = {key.lower(): (value, key) for key, value in environ.items() if key.lower().endswith("_proxy")}
        if "REQUEST_METHOD" in environ:
            told["http_proxy"] = (environ.get("http_proxy", ""), "http_proxy")
        every = told.get("all_proxy", ("", ""))
        self._addresses = {}
        for scheme in ("http", "https"):
            own = told.get(f"{scheme}_proxy", told.get("all_proxy", fallback))
            self._addresses[scheme] = own if own[0] else every
        self._exceptions = [item.strip().lower() for item in told.get("no_proxy", ("",))[0].split(",")]

    def proxy_for(self, scheme: str, host: str, port: str) -> Proxy | None:
        """Return the proxy for a server, None to ask it directly.

        :raises BadProxy: when the address of the proxy cannot be used.
        """
        address, source = self._addresses.get(scheme, ("", ""))
        if not address or any(matches(item, host, port) for item in self._exceptions if item):
            return None
        return read_proxy(address, source)


def read_proxy(address: str, source: str) -> Proxy:
    """Return the proxy at *address* ("http://user:password@host:port", or without a scheme), which *source* names.

    :raises BadProxy: when it is not the address of an HTTP proxy.
    """
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or 80
    except ValueError as error:
        raise BadProxy(f"{source}: the address of the proxy cannot be read", EXPECTED) from error
    if parts.scheme != "http":
        raise BadProxy(f"{source}: a proxy of the kind {parts.scheme} is not supported", EXPECTED)
    if not parts.hostname:
        raise BadProxy(f"{source}: the address of the proxy names no host", EXPECTED)
    userinfo = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    coded = b64encode(userinfo.encode()).decode()
    return Proxy(parts.hostname, port, f"Basic {coded}" if parts.username else "", source)


def matches(item: str, host: str, port: str) -> bool:
    """Whether one item of NO_PROXY ("*", a host, a domain, "host:port", a network) means a server."""
    if item == "*":
        return True
    if "/" in item:
        return in_network(item, host)
    name, colon, only_port = item.rpartition(":")
    if colon and only_port.isdecimal() and ":" not in name:
        if only_port != port:
            return False
        item = name
    item = item.strip("[]").lstrip(".")
    return host == item or host.endswith(f".{item}")


def in_network(item: str, host: str) -> bool:
    """Whether *host* is an address in the network *item* ("10.0.0.0/8")."""
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(item, strict=False)
    except ValueError:
        return False
