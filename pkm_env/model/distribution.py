"""Distributions: files that an index lists, and sources that are no file of an index.

These values are marshalled into the cache and stand on hot paths, so they are plain classes
with ``__slots__`` that turn into tuples and back.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ARCHIVES = (".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")
WHEEL_PARTS = 4  # what is before the tags, and the three of them
LAST_PORT = 65_535
# Digests that a file may be held against, the strongest first.
STRENGTH = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
# Those that a lock may rely on.
SECURE = frozenset(("sha256", "sha384", "sha512"))


class BadReference(ValueError):
    """An address that no package can be had from; ``str()`` says why."""


class File:
    """One file of a release, as an index lists it.

    ``url`` is absolute and without credentials or fragment; ``path`` is the absolute path of a file
    in a folder of this machine, else "". ``hashes`` maps algorithm names to lower-case hex digests
    and may be empty. ``size`` is in bytes, None when unknown. ``upload_time`` is ISO 8601 in UTC
    ("2026-01-31T10:00:00Z"), "" when unknown. ``yanked`` is None for a file that is not yanked, else
    the reason (may be ""). ``metadata_hashes`` is None when the index advertises no metadata
    sibling (PEP 658/714), else its digests (may be empty). ``index`` is the name of the index.

    Source: Simple repository API (PEP 503, 691, 700, 714).
    """

    __slots__ = (
        "filename",
        "hashes",
        "index",
        "metadata_hashes",
        "path",
        "requires_python",
        "size",
        "upload_time",
        "url",
        "yanked",
    )

    def __init__(  # noqa: PLR0913 - the fields of one line of an index, named at the call
        self,
        filename: str,
        url: str,
        *,
        index: str = "",
        hashes: Mapping[str, str] | None = None,
        size: int | None = None,
        upload_time: str = "",
        requires_python: str | None = None,
        yanked: str | None = None,
        metadata_hashes: Mapping[str, str] | None = None,
        path: str = "",
    ) -> None:
        self.filename = filename
        self.url = url
        self.index = index
        self.hashes = dict(hashes or {})
        self.size = size
        self.upload_time = upload_time
        self.requires_python = requires_python
        self.yanked = yanked
        self.metadata_hashes = None if metadata_hashes is None else dict(metadata_hashes)
        self.path = path

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of ``__slots__``: what marshal and comparisons work on."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> File:
        """Return the file whose ``to_plain`` gave *plain*."""
        self = cls.__new__(cls)
        for name, value in zip(cls.__slots__, plain, strict=True):
            setattr(self, name, value)
        return self

    @property
    def is_wheel(self) -> bool:
        """Whether the name is that of a wheel; every other listed file is an sdist."""
        return self.filename.endswith(".whl")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash((self.filename, self.url))

    def __repr__(self) -> str:
        return f"File({self.filename!r}, {self.url!r})"


class Source:
    """Where a package comes from that no index lists: a folder, an archive or a repository.

    ``kind`` is "directory", "archive" or "vcs". ``location`` is the absolute path of a folder or a
    local archive, else a URL without credentials. ``subdirectory`` is relative to it, with forward
    slashes, "" for the top. ``editable`` counts for directories alone. Of a vcs source, ``vcs`` is
    "git", ``revision`` what was asked for ("" for the default branch), ``commit`` the full id it
    stands for ("" until it was looked up). ``hashes`` are those of an archive (may be empty).
    """

    __slots__ = ("commit", "editable", "hashes", "kind", "location", "revision", "subdirectory", "vcs")

    def __init__(
        self,
        kind: str,
        location: str,
        *,
        subdirectory: str = "",
        editable: bool = False,
        vcs: str = "",
        revision: str = "",
        commit: str = "",
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.location = location
        self.subdirectory = subdirectory
        self.editable = editable
        self.vcs = vcs
        self.revision = revision
        self.commit = commit
        self.hashes = dict(hashes or {})

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of ``__slots__``."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Source:
        """Return the source whose ``to_plain`` gave *plain*."""
        self = cls.__new__(cls)
        for name, value in zip(cls.__slots__, plain, strict=True):
            setattr(self, name, value)
        return self

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What was asked for, whatever it stands for by now."""
        return (self.kind, self.location, self.revision, self.subdirectory)

    def replaced(self, **changes: Any) -> Source:
        """Return a copy with some values changed."""
        return Source.from_plain(tuple(changes.get(name, getattr(self, name)) for name in self.__slots__))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash((self.kind, self.location, self.subdirectory, self.revision))

    def __repr__(self) -> str:
        return f"Source({self.kind!r}, {self.location!r})"


class Metadata:
    """What a release says of itself, as far as resolving needs it.

    ``name`` is normalised, ``version`` as PEP 440 normalises it; ``requires`` are the texts of its
    requirements in file order, ``extras`` the normalised names it provides, ``requires_python`` a
    specifier text or None.
    """

    __slots__ = ("extras", "name", "requires", "requires_python", "version")

    def __init__(
        self,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        *,
        requires_python: str | None = None,
        extras: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.requires = requires
        self.requires_python = requires_python
        self.extras = extras

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of the parameters."""
        return (self.name, self.version, self.requires, self.requires_python, self.extras)

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Metadata:
        """Return the metadata whose ``to_plain`` gave *plain*."""
        name, version, requires, requires_python, extras = plain
        return cls(name, version, requires, requires_python=requires_python, extras=extras)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    def __repr__(self) -> str:
        return f"Metadata({self.name!r}, {self.version!r}, {self.requires!r})"


class Unavailable:
    """An expected no: why something that was asked for cannot be had.

    ``kind`` is a word that code may compare ("unknown", "offline", "no-build", "metadata", "yanked",
    ...), ``reason`` a phrase for people, ``detail`` what else is known (a log, a URL), ``hint`` what to do.
    """

    __slots__ = ("detail", "hint", "kind", "reason")

    def __init__(self, kind: str, reason: str, *, detail: str = "", hint: str = "") -> None:
        self.kind = kind
        self.reason = reason
        self.detail = detail
        self.hint = hint

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unavailable) and (self.kind, self.reason) == (other.kind, other.reason)

    def __hash__(self) -> int:
        return hash((self.kind, self.reason))

    def __repr__(self) -> str:
        return f"Unavailable({self.kind!r}, {self.reason!r})"


def source_of_url(url: str) -> Source:
    """Return the source that a direct reference means: a repository, an archive, or a folder.

    :raises BadReference: when it is no URL, or one of a kind that pkm does not fetch.

    Source: Direct URL data structure; PEP 508, "name @ url"; pip's VCS URLs.
    """
    address, _hash, fragment = without_secrets(url).partition("#")
    fields = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
    subdirectory = _unquoted(fields.get("subdirectory", ""))
    scheme, _, path = address.partition("://")
    scheme = scheme.lower()
    if scheme.startswith("git+"):
        place, revision = split_revision(address[len("git+") :])
        if fault := repository_fault(place):
            raise BadReference(fault)
        return Source("vcs", place, vcs="git", revision=revision, subdirectory=subdirectory)
    _check_scheme(scheme, is_url=bool(path))
    if fault := address_fault(address):
        raise BadReference(fault)
    if scheme == "file" and path.startswith("localhost/"):
        path = path.removeprefix("localhost")  # RFC 8089, section 2: the same as no host
        address = f"file://{path}"
    if scheme == "file" and not address.endswith(ARCHIVES):
        return Source("directory", _folder(path), subdirectory=subdirectory)
    hashes = {name: value.lower() for name, value in fields.items() if name in STRENGTH}
    return Source("archive", address, subdirectory=subdirectory, hashes=hashes)


def address_fault(url: str) -> str:
    """Return in a phrase why no server can be asked for *url*, "" where one can; "" too for a path."""
    scheme, is_url, rest = without_secrets(url).partition("://")
    scheme = scheme.lower()
    if not is_url:
        return 'its scheme has no "//" behind it' if scheme.startswith(("http:", "https:")) else ""
    host, port = _host_and_port(rest.partition("/")[0].partition("?")[0].partition("#")[0])
    on_server = scheme in {"http", "https"}
    faults = (
        (not url.isprintable(), "it has a control character in it"),
        (not on_server and scheme != "file", f'"{scheme}" is no kind of URL that pkm fetches from'),
        (on_server and " " in rest, "it has a blank in it"),
        (on_server and not host.strip(".[]"), "it names no host"),
        (on_server and not _is_port(port), f'"{port}" is no port'),
    )
    return next((said for is_so, said in faults if is_so), "")


def repository_fault(location: str) -> str:
    """Return in a phrase why *location* cannot be that of a git repository, "" where it can.

    What git would take for an option, or for a program that it runs, is none.
    """
    head = location.partition("/")[0]
    if not location or location.startswith("-") or not location.isprintable() or "::" in head:
        return "it is no address of a repository"
    if location.lower().startswith(("http://", "https://")):
        return address_fault(location)
    if ":" not in head and not location.startswith("/"):
        return "it is no address of a repository; that of a folder is file:// and its whole path"
    return ""


def _is_port(text: str) -> bool:
    """Whether *text* is the number of a port, or "", which leaves it to the scheme."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_PORT))
    return not text or (is_number and 0 < int(text) <= LAST_PORT)


def _host_and_port(authority: str) -> tuple[str, str]:
    """Split "host:port"; an address of IPv6 stands in brackets."""
    if authority.startswith("["):
        host, closing, rest = authority.partition("]")
        return f"{host}]" if closing else "", rest.removeprefix(":")
    host, _, port = authority.partition(":")
    return host, port


def split_revision(address: str) -> tuple[str, str]:
    """Split "https://host/path@revision"; an "@" before the path belongs to a user's name."""
    start = address.find("://") + 3 if "://" in address else 0
    slash = address.find("/", start)
    at = address.rfind("@")
    return (address[:at], address[at + 1 :]) if at > slash >= 0 else (address, "")


def without_secrets(url: str) -> str:
    """Return the address of a direct reference without user and password.

    Over ssh the name of the user belongs to the address.
    """
    scheme, found, rest = url.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    userinfo, at, _host = authority.rpartition("@")
    if not found or not at:
        return url
    is_http = scheme.lower().removeprefix("git+") in {"http", "https"}
    kept = "" if is_http else userinfo.partition(":")[0] + "@"
    return f"{scheme}://{kept}{rest[len(userinfo) + 1 :]}"


def tags_of_wheel(location: str) -> str:
    """Return the compressed tags of the wheel at a path or URL ("py3-none-any"), "" where its name has none."""
    name = location.partition("#")[0].partition("?")[0].replace("\\", "/").rpartition("/")[2]
    parts = name.removesuffix(".whl").rsplit("-", 3)
    return "-".join(parts[1:]) if name.endswith(".whl") and len(parts) == WHEEL_PARTS else ""


def without_secrets_in(text: str) -> str:
    """Return a requirement, or what follows a name in one, as it may be told: its address without secrets."""
    head, at, place = text.partition("@")
    return f"{head}@ {without_secrets(place.strip())}" if at and "://" in place else text


def _check_scheme(scheme: str, *, is_url: bool) -> None:
    if not is_url:
        raise BadReference("it is no URL; [tool.pkm.sources] can bind the name to a path")
    if scheme.startswith(("hg+", "svn+", "bzr+")):
        raise BadReference("of version control systems pkm knows git alone")
    if scheme not in {"http", "https", "file"}:
        raise BadReference(f'"{scheme}" is no kind of URL that pkm fetches from')


def _folder(path: str) -> str:
    """Return the path in a ``file:`` URL, of which *path* is what follows the two slashes."""
    path = _unquoted(path)
    has_drive = path[2:3] == ":" and path[:1] == "/"
    return path[1:] if has_drive else path


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
