"""A whole problem in one value: what was asked and all that was answered, to be solved again elsewhere.

The value is made of what JSON knows. Addresses and paths are taken out of it, so that a recorded problem
can be shown to others; names, versions and requirements stay.
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.model.distribution import (
    ARCHIVES,
    Metadata,
    Source,
    Unavailable,
    split_revision,
    tags_of_wheel,
    without_secrets,
)
from pkm_env.model.ports import Listing
from pkm_env.model.target import Target
from pkm_env.resolver.request import Origin, Request, Root, Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.ports import Releases

FORMAT = 1


class UnknownProblem(PkmError):
    """A recorded problem of a form that this version does not know; *found* is its format."""

    def __init__(self, found: Any) -> None:
        super().__init__(
            f"this is no recorded problem of format {FORMAT}", "the pkm that recorded it can solve it again"
        )
        self.found = found


class Recorder:
    """Passes questions on to ``Releases`` and remembers every answer."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases
        self.listings: dict[str, Listing | Unavailable] = {}
        self.metadata_of: dict[tuple[str, str], Metadata | Unavailable] = {}
        self.directs: list[tuple[str, Source, tuple[Source, Metadata] | Unavailable]] = []

    def listing(self, name: str) -> Listing | Unavailable:
        """Return what the indexes say of *name*."""
        answer = self.listings[name] = self._releases.listing(name)
        return answer

    def metadata(self, name: str, version: str) -> Metadata | Unavailable:
        """Return the metadata of a listed release."""
        answer = self.metadata_of[name, version] = self._releases.metadata(name, version)
        return answer

    def token(self, _name: str, _number: int) -> str:
        """Say nothing: what is known from an earlier run would be missing here."""
        return ""

    def direct(self, name: str, source: Source) -> tuple[Source, Metadata] | Unavailable:
        """Return what is at *source*."""
        answer = self._releases.direct(name, source)
        self.directs.append((name, source, answer))
        return answer

    def elsewhere(self, name: str) -> Sequence[tuple[str, Sequence[str] | None, str]]:
        """Pass the question on; its answer is no part of the problem."""
        return self._releases.elsewhere(name)

    def changed(self, bound: Mapping[str, str], cut_offs: Mapping[str, str | None], /) -> Releases | None:
        """Pass the question on; what other rules would give is no part of the problem."""
        return self._releases.changed(bound, cut_offs)

    def names(self) -> Iterable[str]:
        """Pass the question on."""
        return self._releases.names()

    def hint(self, names: Iterable[str] = (), releases: Iterable[tuple[str, str]] = ()) -> None:
        """Pass a hint on."""
        self._releases.hint(names, releases)


class RecordedListing(Listing):
    """A listing as it was recorded: ``excluded`` and ``undated`` are what a cut-off date took away."""

    __slots__ = ("cutoff", "excluded", "undated")

    cutoff: str
    excluded: int
    undated: int


class Recorded:
    """``Releases`` that knows what was recorded, and nothing else."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._listings = plain["listings"]
        self._metadata = plain["metadata"]
        self._directs = [(name, tuple(source), answer) for name, source, answer in plain["directs"]]

    def listing(self, name: str) -> Listing | Unavailable:
        """Return what was said of *name*."""
        found = self._listings.get(name)
        if found is None:
            return Unavailable("unknown", f"{name} is no part of the recorded problem")
        if "kind" in found:
            return Unavailable(found["kind"], found["reason"])
        listing = RecordedListing(
            name,
            tuple(found["versions"]),
            tuple((python, tags, int(mask, 16)) for python, tags, mask in found["signatures"]),
            prereleases=int(found["prereleases"], 16),
            yanked=int(found["yanked"], 16),
            index=found["index"],
        )
        listing.excluded = int(found.get("excluded", "0"), 16)
        listing.undated = int(found.get("undated", "0"), 16)
        listing.cutoff = found.get("cutoff", "")
        return listing

    def metadata(self, name: str, version: str) -> Metadata | Unavailable:
        """Return the metadata that was answered."""
        found = self._metadata.get(f"{name} {version}")
        if found is None:
            return Unavailable("unknown", "its metadata is no part of the recorded problem")
        return _read_metadata(found)

    def token(self, _name: str, _number: int) -> str:
        """Need no memory."""
        return ""

    def direct(self, name: str, source: Source) -> tuple[Source, Metadata] | Unavailable:
        """Return what was found at *source*."""
        for asked, plain, answer in self._directs:
            if asked == name and _read_source(plain) == source:
                if isinstance(answer, dict):
                    return Unavailable(answer["kind"], answer["reason"])
                metadata = _read_metadata(answer[1])
                assert isinstance(metadata, Metadata), "a source was found with its metadata"
                return _read_source(answer[0]), metadata
        return Unavailable("unknown", "it is no part of the recorded problem")

    def elsewhere(self, _name: str, /) -> Sequence[tuple[str, Sequence[str] | None, str]]:
        """Know of no other index."""
        return ()

    def changed(self, _bound: Mapping[str, str], _cut_offs: Mapping[str, str | None], /) -> None:
        """Know nothing of other rules."""

    def names(self) -> Iterable[str]:
        """Return the names that were listed."""
        return [name for name, found in self._listings.items() if "kind" not in found]

    def hint(self, names: Iterable[str] = (), releases: Iterable[tuple[str, str]] = ()) -> None:
        """Need no hint."""


def to_plain(request: Request, recorder: Recorder) -> dict[str, Any]:
    """Return *request* with all that *recorder* heard, without addresses."""
    veil = _Veil()
    rules = request.rules
    return {
        "format": FORMAT,
        "targets": [_plain_target(target) for target in request.targets],
        "root_name": request.root_name,
        "root_version": request.root_version,
        "roots": [_plain_root(root, veil) for root in request.roots],
        "own_extras": {
            name: [_plain_root(root, veil) for root in roots] for name, roots in request.own_extras.items()
        },
        "locked": request.locked,
        "pythons": [[text, list(origin.to_plain())] for text, origin in request.pythons],
        "preferences": {name: list(versions) for name, versions in request.preferences.items()},
        "held": None
        if request.held is None
        else {name: list(versions) for name, versions in request.held.items()},
        "sources": {
            name: [[marker, _plain_source(source, veil)] for marker, source in _choices(value)]
            for name, value in request.sources.items()
        },
        "rules": {
            "constraints": [
                [veil.text(text), None if origin is None else list(origin.to_plain())]
                for text, origin in rules.constraints
            ],
            "overrides": _veiled(rules.overrides, veil),
            "prereleases": rules.prereleases,
            "resolution": rules.resolution,
            "no_build": rules.no_build if isinstance(rules.no_build, bool) else sorted(rules.no_build),
            "no_binary": rules.no_binary if isinstance(rules.no_binary, bool) else sorted(rules.no_binary),
        },
        "listings": {name: _plain_listing(recorder.listings[name]) for name in sorted(recorder.listings)},
        "metadata": {
            f"{name} {version}": _plain_metadata(recorder.metadata_of[name, version], veil)
            for name, version in sorted(recorder.metadata_of)
        },
        "directs": [
            [name, _plain_source(source, veil), _plain_direct(answer, veil)]
            for name, source, answer in recorder.directs
        ],
    }


def from_plain(plain: Mapping[str, Any]) -> tuple[Request, Recorded]:
    """Return the request and the answers that ``to_plain`` wrote down.

    :raises UnknownProblem: when *plain* has another format.
    """
    if plain.get("format") != FORMAT:
        raise UnknownProblem(plain.get("format"))
    rules = plain["rules"]
    request = Request(
        [_read_root(root) for root in plain["roots"]],
        [Target.from_plain(tuple(target)) for target in plain["targets"]],
        rules=Rules(
            constraints=[
                (text, None if key is None else _read_origin(key)) for text, key in rules["constraints"]
            ],
            overrides=rules["overrides"],
            prereleases=rules["prereleases"],
            resolution=rules["resolution"],
            no_build=_names(rules["no_build"]),
            no_binary=_names(rules["no_binary"]),
        ),
        preferences=plain["preferences"],
        sources={
            name: [(marker, None if source is None else _read_source(source)) for marker, source in choices]
            for name, choices in plain["sources"].items()
        },
        root_name=plain["root_name"],
        root_version=plain.get("root_version", ""),
        locked=plain.get("locked", {}),
        held=plain.get("held"),
        pythons=[(text, _read_origin(origin)) for text, origin in plain.get("pythons", ())],
        own_extras={
            name: [_read_root(root) for root in roots] for name, roots in plain["own_extras"].items()
        },
    )
    return request, Recorded(plain)


class _Veil:
    """Takes addresses and paths out of texts: each becomes another one, the same wherever it stands."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def location(self, location: str) -> str:
        """Return what stands for an address or path; the end of an archive's name stays."""
        number = self._numbers.setdefault(location, len(self._numbers) + 1)
        suffix = next((suffix for suffix in ARCHIVES if location.endswith(suffix)), "")
        if tags := tags_of_wheel(location):
            suffix = f"-{tags}.whl"
        if "://" in location:
            return f"https://removed.invalid/{number}{suffix}"
        return f"/removed/{number}{suffix}"

    def text(self, requirement: str) -> str:
        """Return a requirement with its direct reference, if it has one, replaced."""
        head, at, rest = requirement.partition("@")
        if not at or "://" not in rest:
            return requirement
        url, space, marker = without_secrets(rest.strip()).partition(" ")
        address, mark, fragment = url.partition("#")
        prefix = "git+" if address.startswith("git+") else ""
        place, revision = split_revision(address.removeprefix("git+"))
        kept = "&".join(part for part in fragment.split("&") if part.startswith("subdirectory="))
        veiled = self.location(place.removeprefix("file://") if place.startswith("file:///") else place)
        if veiled.startswith("/"):
            veiled = f"file://{veiled}"
        url = prefix + veiled + (f"@{revision}" if revision else "") + (mark + kept if kept else "")
        return f"{head}@ {url}{space}{marker}"


def _veiled(value: Any, veil: _Veil) -> Any:
    """Return a table of overrides with every text veiled."""
    if isinstance(value, dict):
        return {key: _veiled(inner, veil) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_veiled(inner, veil) for inner in value]
    return veil.text(value) if isinstance(value, str) else value


def _choices(value: Any) -> Iterable[tuple[str, Source | None]]:
    return (("", value),) if isinstance(value, Source) else value


def _names(value: bool | list[str]) -> bool | frozenset[str]:
    return value if isinstance(value, bool) else frozenset(value)


def _plain_target(target: Target) -> list[Any]:
    return list(target.to_plain())


def _plain_root(root: Root, veil: _Veil) -> list[Any]:
    origin = None if root.origin is None else list(root.origin.to_plain())
    return [veil.text(root.requirement), origin, _plain_source(root.source, veil)]


def _read_root(plain: list[Any]) -> Root:
    text, origin, source = plain
    return Root(text, _read_origin(origin), None if source is None else _read_source(source))


def _read_origin(plain: list[Any]) -> Origin:
    who, key, group, extra = plain
    return Origin(who, tuple(key), group, extra)


def _plain_source(source: Source | None, veil: _Veil) -> list[Any] | None:
    if source is None:
        return None
    location = source.location if source.kind == "index" else veil.location(source.location)
    return [
        source.kind,
        location,
        source.subdirectory,
        source.editable,
        source.vcs,
        source.revision,
        source.commit,
    ]


def _read_source(plain: Iterable[Any]) -> Source:
    kind, location, subdirectory, editable, vcs, revision, commit = plain
    return Source(
        kind,
        location,
        subdirectory=subdirectory,
        editable=editable,
        vcs=vcs,
        revision=revision,
        commit=commit,
    )


def _plain_no(answer: Unavailable) -> dict[str, Any]:
    words = ["..." if "://" in word or word.startswith("/") else word for word in answer.reason.split(" ")]
    return {"kind": answer.kind, "reason": " ".join(words)}


def _plain_listing(listing: Listing | Unavailable) -> dict[str, Any]:
    if isinstance(listing, Unavailable):
        return _plain_no(listing)
    return {
        "versions": list(listing.versions),
        "signatures": [[python, tags, f"{mask:x}"] for python, tags, mask in listing.signatures],
        "prereleases": f"{listing.prereleases:x}",
        "yanked": f"{listing.yanked:x}",
        "index": "",
        **_plain_cut(listing),
    }


def _plain_cut(listing: Listing) -> dict[str, str]:
    """Return what a cut-off date took away, where there was one."""
    excluded = getattr(listing, "excluded", 0)
    if not excluded:
        return {}
    undated = getattr(listing, "undated", 0)
    return {
        "excluded": f"{excluded:x}",
        "undated": f"{undated:x}",
        "cutoff": getattr(listing, "cutoff", ""),
    }


def _plain_metadata(metadata: Metadata | Unavailable, veil: _Veil) -> dict[str, Any]:
    if isinstance(metadata, Unavailable):
        return _plain_no(metadata)
    return {
        "name": metadata.name,
        "version": metadata.version,
        "requires": [veil.text(text) for text in metadata.requires],
        "requires_python": metadata.requires_python,
        "extras": list(metadata.extras),
    }


def _read_metadata(plain: Mapping[str, Any]) -> Metadata | Unavailable:
    if "kind" in plain:
        return Unavailable(plain["kind"], plain["reason"])
    return Metadata(
        plain["name"],
        plain["version"],
        tuple(plain["requires"]),
        requires_python=plain["requires_python"],
        extras=tuple(plain["extras"]),
    )


def _plain_direct(answer: tuple[Source, Metadata] | Unavailable, veil: _Veil) -> Any:
    if isinstance(answer, Unavailable):
        return _plain_no(answer)
    source, metadata = answer
    return [_plain_source(source, veil), _plain_metadata(metadata, veil)]
