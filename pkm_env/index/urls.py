"""URLs as text: what may be shown, what may be stored, and which server they belong to.

Written on plain string methods: the paths that need no request use it, and ``urllib.parse`` costs
5 ms to import.
"""

from __future__ import annotations

SIGNING = ("signature", "token", "expires", "x-amz-", "x-goog-", "sig", "se", "sp", "sv", "key", "auth")
TELLING = 4  # letters of a word that tells also as a part of a longer one
DEFAULT_PORTS = {"http": "80", "https": "443"}


def split_credentials(url: str) -> tuple[str, str]:
    """Return *url* without its ``user:password@``, and that part as it was written ("" for none)."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, ""
    authority = rest
    for mark in "/?#":
        authority = authority.partition(mark)[0]
    userinfo, at, _ = authority.rpartition("@")
    return (f"{scheme}://{rest[len(userinfo) + 1 :]}", userinfo) if at else (url, "")


def shown_url(url: str) -> str:
    """Return *url* as it may stand in a message: no credentials, no query, no fragment, one line."""
    plain = split_credentials(url)[0].partition("#")[0].partition("?")[0]
    return plain if plain.isprintable() else ascii(plain)[1:-1]


def public_url(url: str) -> str:
    """Return *url* as it may stand in a lock: without credentials, fragment and signing query strings."""
    if "@" not in url and "?" not in url and "#" not in url:
        return url
    plain = split_credentials(url)[0].partition("#")[0]
    path, question, query = plain.partition("?")
    kept = [item for item in query.split("&") if item and not is_signing(item)]
    return f"{path}?{'&'.join(kept)}" if question and kept else path


def is_signing(item: str) -> bool:
    """Whether an item of a query grants access, or is likely to."""
    key = item.partition("=")[0].lower()
    return any(key == word or (len(word) >= TELLING and word in key) for word in SIGNING)


def origin(url: str) -> tuple[str, str, str]:
    """Return scheme, host and port of *url*, lower-case, the port filled in; "" for what is missing."""
    scheme, separator, rest = split_credentials(url)[0].partition("://")
    if not separator:
        return "", "", ""
    scheme = scheme.lower()
    authority = rest
    for mark in "/?#":
        authority = authority.partition(mark)[0]
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = authority.removesuffix(":"), DEFAULT_PORTS.get(scheme, "")
    return scheme, host.lower().strip("[]"), port


def local_path(url: str, platform: str) -> str:
    """Return the path that a ``file:`` URL or a plain path stands for, "" for a URL of a server.

    Source: RFC 8089; on Windows ``file:///C:/x`` and ``file://server/share``.
    """
    if url[:5].lower() != "file:":
        head = url.partition("://")
        return "" if head[1] else url
    rest = url[5:].partition("#")[0].partition("?")[0]
    host, path = "", rest
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        path = slash + tail
    if "%" in path:
        from urllib.parse import unquote

        path = unquote(path)
    if platform != "win32":
        return path
    if host and host.lower() != "localhost":
        return f"\\\\{host}{path}".replace("/", "\\")
    return path.lstrip("/").replace("/", "\\")
