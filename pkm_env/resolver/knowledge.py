"""What a resolve has learned of the world: packages, releases, parsed requirements; shared by all targets."""

from __future__ import annotations

from pkm_env.model.distribution import Unavailable, tags_of_wheel
from pkm_env.model.markers import UnreadableMarker, needed_extra, parse_marker
from pkm_env.model.requirements import Requirement, UnreadableRequirement, parse_requirement
from pkm_env.model.versions import UnreadableVersion, VersionLine, names_prerelease, split_specifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.distribution import Metadata, Source
    from pkm_env.model.ports import Listing, Releases
    from pkm_env.resolver.notebook import Notebook
    from pkm_env.resolver.request import Rules

    Grouped = dict[str, list[tuple[int, Requirement, bool]]]

# The group of requirements that cannot be read: no extra has such a name.
UNREADABLE = "!"
_DIRECT_TAGS = "py2.py3-none-any"
# Stands among the masks of specifiers, and is none.
_WHEELS = "wheels"


class Package:
    """A name with all its known versions; bit ``i + 1`` of the solver's masks is ``versions[i]``.

    ``excluded`` are versions that a cut-off date leaves without files. ``missing`` says why there are no
    versions. ``source`` is set for a package that no index lists: it has one version. ``prereleases``,
    ``yanked`` and ``wheels`` (versions with any wheel) are solver masks. ``asked`` is the name that releases are
    asked for by: with the index behind it where it is bound to one ("torch@gpu").
    """

    __slots__ = (
        "_bits",
        "_signatures",
        "_wheels",
        "asked",
        "direct",
        "excluded",
        "index",
        "key",
        "line",
        "listing",
        "missing",
        "name",
        "prereleases",
        "source",
        "takes_sdists",
        "takes_wheels",
        "whole",
        "yanked",
    )

    def __init__(self, name: str, versions: Sequence[str], masks: dict[str, int] | None = None) -> None:
        self.name = self.asked = name
        self._bits: dict[str, int] = {}
        self.line = VersionLine(versions, masks)
        self.whole = (2 << len(versions)) - 1
        self._signatures: Sequence[tuple[str, str, int]] | None = None
        self.prereleases = 0
        self.yanked = 0
        self._wheels = {} if masks is None else masks
        self.index = ""
        self.key = ""
        self.listing: Listing | None = None
        self.missing: Unavailable | None = None
        self.source: Source | None = None
        self.direct: Metadata | None = None
        self.excluded = 0
        self.takes_wheels = True
        self.takes_sdists = True

    @property
    def signatures(self) -> Sequence[tuple[str, str, int]]:
        """Which versions have a file of which kind, as ``ports.Listing`` has it."""
        if self._signatures is not None:
            return self._signatures
        return self.listing.signatures if self.listing is not None else ()

    @signatures.setter
    def signatures(self, signatures: Sequence[tuple[str, str, int]]) -> None:
        self._signatures = signatures

    @property
    def finals(self) -> int:
        """The versions that are neither pre-releases nor yanked, and have files before the cut-off date."""
        return self.whole & ~1 & ~self.prereleases & ~self.yanked & ~self.excluded

    def only_prereleases(self, specifier: str) -> bool:
        """Return whether of what may be chosen at all, pre-releases alone meet *specifier*.

        Source: Version specifiers, "Handling of pre-releases": they are accepted "for version specifiers where
        there is no final or post release that satisfies the version specifier".

        :raises UnreadableVersion: when it is not a specifier.
        """
        mask = self.mask(specifier)
        return not mask & self.finals and bool(mask & self.prereleases & ~self.yanked & ~self.excluded)

    @property
    def wheels(self) -> int:
        """The versions with any wheel; kept with the masks of the listing."""
        found = self._wheels.get(_WHEELS)
        if found is None:
            found = 0
            for _requires_python, tags, mask in self.signatures if self.direct is None else ():
                if tags != "sdist":
                    found |= mask << 1
            self._wheels[_WHEELS] = found
        return found

    def mask(self, specifier: str) -> int:
        """Return the versions that meet *specifier*, as a solver mask.

        :raises UnreadableVersion: when it is not a specifier.
        """
        return self.line.mask(specifier) << 1

    def version(self, bit: int) -> str:
        """Return the version that the lowest bit of a solver mask stands for."""
        return self.line.versions[(bit & -bit).bit_length() - 2]

    def bit(self, version: str) -> int:
        """Return the solver mask of one version, 0 when it is not known."""
        found = self._bits.get(version)
        if found is None:
            try:
                place = self.line.position(version)
            except UnreadableVersion:
                place = -1
            found = self._bits[version] = 2 << place if place >= 0 else 0
        return found

    def yank_reason(self, version: str) -> str:
        """Return why a yanked version was yanked, "" when nobody said."""
        files = self.listing.files(version) if self.listing is not None else ()
        return next((file.yanked for file in files if file.yanked), "")


class Release:
    """What the metadata of one release says, as far as a resolve asks for it.

    ``grouped`` maps extras ("" for none, "*" for what is unclear, UNREADABLE for what cannot be read) to numbered
    requirements, as texts.
    """

    __slots__ = ("extras", "grouped", "requires_python")

    def __init__(
        self,
        extras: Sequence[str],
        grouped: Mapping[str, Sequence[tuple[int, str]]],
        requires_python: str,
    ) -> None:
        self.requires_python = requires_python
        self.extras = extras
        self.grouped = grouped


class Knowledge:
    """Everything that was asked of the indexes and sources in one resolve, each thing once."""

    __slots__ = (
        "_bound",
        "_directs",
        "_extras",
        "_kept",
        "_kept_releases",
        "_known",
        "_packages",
        "_read",
        "_requirements",
        "asked",
        "notebook",
        "releases",
        "rules",
        "templates",
    )

    def __init__(self, releases: Releases, notebook: Notebook, rules: Rules) -> None:
        self.releases = releases
        self.notebook = notebook
        self.rules = rules
        self._kept = notebook.page("requirements")
        self._extras = notebook.page("extras")
        self._kept_releases = notebook.page("releases with python")
        self._read: dict[tuple[str, int, int], Release | Unavailable] = {}
        self.asked = 0
        # What releases need, made by ``ground`` from what holds under these rules whoever asks.
        self.templates: dict[Any, Any] = {}
        self._bound: Mapping[str, Source] | None = None
        self._packages: dict[str, Package] = {}
        self._directs: dict[tuple[str, Source], Package] = {}
        self._requirements: dict[str, Requirement] = {}
        self._known: set[tuple[str, str]] = set()

    def asks(self, package: Package, bit: int, extra: str) -> Sequence[tuple[int, Requirement]] | Unavailable:
        """Return the requirements that may count for a release, or for one of its extras, numbered.

        Most lines of a release with many extras belong to one of them; so few are looked at.
        """
        release = self.release(package, bit)
        if isinstance(release, Unavailable):
            return release
        if UNREADABLE in release.grouped:
            return self.unreadable(release.grouped[UNREADABLE][0][1])
        found = release.grouped.get(extra, ())
        if "*" in release.grouped:
            found = sorted((*found, *release.grouped["*"]))
        return [(number, self.requirement(text)) for number, text in found]

    def content(self, package: Package, bit: int, extra: str) -> tuple[object, ...]:
        """Return a value that releases share for which ``asks`` and ``requires_python`` give the same."""
        release = self.release(package, bit)
        if isinstance(release, Unavailable):
            return (release.reason,)
        grouped = release.grouped
        return grouped.get(extra), grouped.get("*"), grouped.get(UNREADABLE), release.requires_python

    def release(self, package: Package, bit: int) -> Release | Unavailable:
        """Return what a release says, from an earlier run where its files are the same."""
        key = (package.asked, bit, id(package.direct))
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._read_release(package, bit)
        return found

    def _read_release(self, package: Package, bit: int) -> Release | Unavailable:
        version = package.version(bit)
        token = ""
        if package.direct is None:
            self.asked += 1
            self._known.add((package.asked, version))
            token = self.releases.token(package.asked, bit.bit_length() - 2)
        place = f"{package.name} {version} {token}" if token else ""
        kept = self._kept_releases.find(place) if place else None
        if kept is not None:
            return Release(*kept)
        metadata = package.direct or self.releases.metadata(package.asked, version)
        if isinstance(metadata, Unavailable):
            return metadata
        grouped: dict[str, list[tuple[int, str]]] = {"": []}
        for number, text in enumerate(metadata.requires):
            try:
                marker = self.requirement(text).marker
                extra = self.extra_of(marker) if "extra" in marker else ""
            except UnreadableRequirement:
                extra = UNREADABLE
            grouped.setdefault(extra, []).append((number, text))
        lines = {extra: tuple(numbered) for extra, numbered in grouped.items()}
        plain = (metadata.extras, lines, metadata.requires_python or "")
        if place:
            self._kept_releases.keep(place, plain)
        return Release(*plain)

    def by_extra(self, requires: Sequence[tuple[Requirement, bool]]) -> Grouped:
        """Return requirements, numbered, by the extra they belong to: "" for none, "*" for unclear ones."""
        grouped: Grouped = {"": []}
        base = grouped[""]
        for number, (one, changed) in enumerate(requires):
            marker = one.marker
            if "extra" not in marker:
                base.append((number, one, changed))
                continue
            extra = self.extra_of(marker)
            if extra in grouped:
                grouped[extra].append((number, one, changed))
            else:
                grouped[extra] = [(number, one, changed)]
        return grouped

    def extra_of(self, marker: str) -> str:
        """Return the extra without which *marker* never holds; "*" when that is not plain to see."""
        found: str | None = self._extras.find(marker)
        if found is None:
            try:
                found = needed_extra(parse_marker(marker)) or "*"
            except UnreadableMarker:
                found = "*"
            self._extras.keep(marker, found)
        return found

    def under(self, rules: Rules, releases: Releases | None = None) -> Knowledge:
        """Return the same knowledge for other rules, or for other *releases*: what depends on them is derived anew."""
        if rules is self.rules and releases is None:
            return self
        other = Knowledge(releases or self.releases, self.notebook, rules)
        other._requirements = self._requirements
        other._directs = self._directs
        if releases is None:
            other._known = self._known
            other._read = self._read
        return other

    def requirement(self, text: str) -> Requirement:
        """Return *text* parsed.

        :raises UnreadableRequirement: when it is no requirement.
        """
        found = self._requirements.get(text)
        if found is None:
            plain = self._kept.find(text)
            if plain is None:
                found = parse_requirement(text)
                self._kept.keep(text, found.to_plain())
            else:
                found = Requirement(*plain)
            self._requirements[text] = found
        return found

    def _masks(self, key: str) -> dict[str, int] | None:
        """Return the masks that are known of the listing with that digest, for new ones to be added."""
        if not key:
            return None
        page = self.notebook.page("masks")
        found: dict[str, int] | None = page.find(key)
        if found is None:
            found = {}
            page.keep(key, found)
        page.watch(found)
        return found

    def package(self, name: str, source: Source | None = None) -> Package:
        """Return what the indexes list of *name*, or the one version that *source* has."""
        if source is not None:
            if source.kind == "index":
                return self._listed(name, f"{name}@{source.location}")
            found = self._directs.get((name, source))
            if found is None:
                found = self._directs[name, source] = self._ask_source(name, source)
            return found
        return self._packages.get(name) or self._listed(name, name)

    def bound_elsewhere(self, bound: Mapping[str, Source]) -> Sequence[str]:
        """Return the names that are bound to another source than by the first who asked."""
        first = self._bound
        if first is None:
            first = self._bound = dict(bound)
        if first == bound:
            return ()
        # Most often they are the same values, which is seen sooner than that they are equal.
        pairs = [(name, first.get(name), bound.get(name)) for name in first.keys() | bound.keys()]
        return [name for name, one, other in pairs if one is not other and one != other]

    def listed_names(self) -> set[str]:
        """Return the names that an index was asked for and has."""
        return {package.name for package in self._packages.values() if package.listing is not None}

    def _listed(self, name: str, asked: str) -> Package:
        """Return what is listed of *name* under the name that it is asked for by."""
        found = self._packages.get(asked)
        if found is None:
            found = self._packages[asked] = self._from_listing(name, self.releases.listing(asked))
            found.asked = asked
        return found

    def _from_listing(self, name: str, listing: Listing | Unavailable) -> Package:
        if isinstance(listing, Unavailable):
            package = Package(name, ())
            package.missing = listing
            return package
        package = Package(name, listing.versions, self._masks(listing.key))
        package.listing = listing
        package.key = listing.key
        package.prereleases = listing.prereleases << 1
        package.yanked = listing.yanked << 1
        package.index = listing.index
        package.excluded = getattr(listing, "excluded", 0) << 1
        package.takes_wheels = not self.rules.forbids_wheels(name)
        package.takes_sdists = not self.rules.forbids_build(name)
        return package

    def _ask_source(self, name: str, source: Source) -> Package:
        answer = self.releases.direct(name, source)
        if isinstance(answer, Unavailable):
            package = Package(name, ())
            package.missing = answer
            package.source = source
            return package
        settled, metadata = answer
        package = Package(name, (metadata.version,))
        package.source = settled
        package.direct = metadata
        tags = tags_of_wheel(settled.location) if settled.kind == "archive" else ""
        kinds = (tags,) if tags else (_DIRECT_TAGS, "sdist")
        package.signatures = tuple([(metadata.requires_python or "", kind, 1) for kind in kinds])
        return package

    def hint_names(self, names: Iterable[str]) -> None:
        """Say which listings will be asked for."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._packages]
        if wanted:
            self.releases.hint(names=wanted)

    def hint_releases(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Say whose metadata will be asked for."""
        unknown = [release for release in wanted if release not in self._known]
        if unknown:
            self.releases.hint(releases=unknown)

    def requires(
        self, package: Package, bit: int, repair: Callable[[str], Requirement | None]
    ) -> Sequence[Requirement] | Unavailable:
        """Return the requirements of a release, in the order of its metadata, or why they are not known.

        *repair* gives what stands in the place of one that cannot be read, None for nothing.
        """
        release = self.release(package, bit)
        if isinstance(release, Unavailable):
            return release
        found = []
        for _number, text in sorted(line for group in release.grouped.values() for line in group):
            requirement = self._requirement_or(text, repair)
            if requirement is None:
                return self.unreadable(text)
            found.append(requirement)
        return found

    def _requirement_or(self, text: str, repair: Callable[[str], Requirement | None]) -> Requirement | None:
        try:
            return self.requirement(text)
        except UnreadableRequirement:
            return repair(text)

    def unreadable(self, text: str) -> Unavailable:
        """Return why a release with the requirement *text* cannot be used."""
        try:
            parse_requirement(text)
        except UnreadableRequirement as error:
            return Unavailable("metadata", f'its requirement "{text}" cannot be read: {error}')
        raise AssertionError(text)

    def requires_python(self, package: Package, bit: int) -> str:
        """Return what the metadata of a release says of Python, "" for nothing.

        Not every index tells it on its page. That of a direct source stands in its signatures.
        """
        release = self.release(package, bit) if package.direct is None else None
        return release.requires_python if isinstance(release, Release) else ""

    def provides_extra(self, package: Package, version: str, extra: str) -> bool:
        """Return whether a release has an extra of that normalised name."""
        release = self.release(package, package.bit(version))
        return isinstance(release, Unavailable) or extra in release.extras


class Packages(dict[str, Package]):
    """What is known of each name, by the source that it is bound to; asked when it is first looked up.

    *also* are sources that other sources ask for, with who does; the first count before them.
    """

    def __init__(
        self, knowledge: Knowledge, bound: Mapping[str, Source], also: Mapping[str, tuple[Source, str]]
    ) -> None:
        super().__init__()
        self._knowledge = knowledge
        self._bound = bound
        self._also = also

    def __missing__(self, name: str) -> Package:
        source = self._bound.get(name)
        if source is None and name in self._also:
            source = self._also[name][0]
        found = self[name] = self._knowledge.package(name, source)
        return found


def pinned_version(specifier: str) -> str:
    """Return the version of a ``==`` or ``===`` clause without wildcard, "" when there is none."""
    for operator, version in split_specifier(specifier):
        if operator in {"==", "==="} and not version.endswith(".*"):
            return version
    return ""


def asks_for_prereleases(package: Package, specifier: str) -> bool:
    """Return whether a readable specifier names a pre-release, or nothing else meets it."""
    return consents_to_prereleases(specifier) or package.only_prereleases(specifier)


def consents_to_prereleases(specifier: str) -> bool:
    """Return whether a specifier names a pre-release; one that cannot be read does not."""
    try:
        return names_prerelease(specifier)
    except UnreadableVersion:
        return False
