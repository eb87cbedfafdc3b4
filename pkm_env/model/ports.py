"""The Protocols of the edges: what the pure modules and the operations ask of the world."""

from __future__ import annotations

from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Protocol

    from pkm_env.model.distribution import File, Metadata, Source, Unavailable

    Signatures = Sequence[tuple[str, str, int]]
else:
    Protocol = object


class Listing:
    """All that the indexes say of one name, digested for masks.

    ``versions`` are PEP 440 normal forms in ascending order; bit ``i`` of every mask stands for
    ``versions[i]``. ``signatures`` says which versions have a file of which kind: a tuple of
    ``(requires_python or "", tags, mask)`` where ``tags`` is the compressed tag set of a wheel
    ("cp312-cp312-manylinux_2_28_x86_64", "py2.py3-none-any") or "sdist". ``prereleases`` and
    ``yanked`` are masks (a version is yanked when all of its files are; files yanked singly do
    not count in ``signatures`` unless the version is). ``index`` names where the list came from.
    ``key`` is a short digest of all of it: equal keys, equal listings.
    """

    __slots__ = ("_signatures", "files_of", "index", "key", "name", "prereleases", "versions", "yanked")

    def __init__(
        self,
        name: str,
        versions: Sequence[str],
        signatures: Signatures | bytes,
        *,
        prereleases: int = 0,
        yanked: int = 0,
        index: str = "",
        key: str = "",
        files_of: Any = None,
    ) -> None:
        self.name = name
        self.versions = versions
        self._signatures = signatures
        self.prereleases = prereleases
        self.yanked = yanked
        self.index = index
        self.key = key
        self.files_of = files_of

    @property
    def signatures(self) -> Signatures:
        """Which versions have a file of which kind; they may be given marshalled, as most solves need none."""
        found = self._signatures
        if isinstance(found, bytes):
            found = self._signatures = loads(found)  # noqa: S302 - part of a page whose checksum held
        return found

    @signatures.setter
    def signatures(self, signatures: Signatures) -> None:
        self._signatures = signatures

    def files(self, version: str) -> tuple[File, ...]:
        """Return the files of *version*, sorted by file name; read on demand."""
        found: tuple[File, ...] = self.files_of(version) if self.files_of else ()
        return found


class Releases(Protocol):
    """What the resolver asks: which versions has this name, what does this version need.

    A name may be bound to an index: "torch@gpu" is what the index "gpu" has of torch.
    """

    def listing(self, name: str) -> Listing | Unavailable:
        """Return what the indexes say of *name* (normalised); blocks until it is known."""

    def metadata(self, name: str, version: str) -> Metadata | Unavailable:
        """Return the metadata of a listed release; blocks until it is known."""

    def token(self, name: str, number: int) -> str:
        """Return a text that stands for what ``metadata`` says of ``listing(name).versions[number]``.

        While it is the same, so is the metadata, in this run and the next; "" where nothing can be said.
        """

    def direct(self, name: str, source: Source) -> tuple[Source, Metadata] | Unavailable:
        """Return *source* as it will be locked (commit, hashes filled in) and what is there.

        *name* is the normalised name that is expected, "" when none is known.
        """

    def elsewhere(self, name: str, /) -> Sequence[tuple[str, Sequence[str] | None, str]]:
        """Return indexes that do not count for *name*, with its versions there, None where nobody asked, and why."""

    def changed(self, bound: Mapping[str, str], cut_offs: Mapping[str, str | None], /) -> Releases | None:
        """Return the same releases, with names *bound* to other indexes, and other cut-offs for names ("*": for all).

        A cut-off is a time in UTC (RFC 3339), None for none. The answer is None where that is not known.
        """

    def names(self) -> Iterable[str]:
        """Return the names that indexes can list without being asked for each: those of folders, roughly."""

    def hint(self, names: Iterable[str] = (), releases: Iterable[tuple[str, str]] = ()) -> None:
        """Say what will probably be asked next; returns at once and changes no answer."""


class Memory(Protocol):
    """A place for what is derived from its key alone, and dear to derive; losing it changes nothing."""

    def recall(self, kind: str, key: str) -> Any:
        """Return the value remembered under *key*, or None."""

    def remember(self, kind: str, key: str, value: Any) -> None:
        """Keep *value* (anything that marshal takes); failures are silent."""


class Reporter(Protocol):
    """Receives what is worth telling; only ``cli.output`` prints."""

    def note(self, text: str, environment: str = "") -> None:
        """Tell what was decided for the user, once at the end; for which environments, where it is for some."""

    def warn(self, text: str) -> None:
        """Tell what is probably wrong, at once."""

    def phase(self, text: str) -> None:
        """Say which phase of the work begins ("Resolving", "Fetching")."""

    def start(self, kind: str, name: str, total: int | None = None) -> int:
        """Say that work on *name* begins, and return its number (not 0).

        *kind* is "ask", "fetch", "unpack", "build", "wait" (for the build of another process), "compile" or "link";
        *total* is what is expected, in bytes.
        """

    def advance(self, number: int, amount: int) -> None:
        """Say that *amount* more bytes of the work *number* are done."""

    def finish(self, number: int) -> None:
        """Say that the work *number* is done."""
