"""The entries of a section: from what was solved to packages and their files; and what the sections of a run share."""

from __future__ import annotations

from pkm_env.index.urls import public_url
from pkm_env.lock.compose import Fit
from pkm_env.lock.lockfile import LockedFile, LockedPackage
from pkm_env.model.distribution import Source
from pkm_env.model.options import covers
from pkm_env.releases import DatedListing

FILES_KIND = "files-1"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.model.distribution import File
    from pkm_env.model.environment import Environment
    from pkm_env.model.ports import Memory, Releases
    from pkm_env.model.target import Target
    from pkm_env.resolver.common import Common
    from pkm_env.resolver.request import Pin, Resolution

    # A pin, the mask of the targets that have it, and what it needs, as (name, version) of entries.
    Pinned = tuple[Pin, int, tuple[tuple[str, str], ...]]


class KnownFiles:
    """Which files of a release some targets can install, as the lock has them, kept from run to run.

    A release stands with what its page says of it (``Releases.token``), so that any change there makes another
    one. What a project's last lock did not ask for is forgotten once it is more than what that did.
    """

    __slots__ = ("_known", "_memory", "_project", "_used")

    def __init__(self, memory: Memory, project: str) -> None:
        self._memory = memory
        self._project = project
        self._known: dict[str, dict[str, Any]] = {}
        self._used: dict[str, dict[str, Any]] = {}

    def find(self, rules: str, release: str) -> tuple[LockedFile, ...] | None:
        """Return the files of a release by *rules* (targets and what is not wanted), None where they are not known."""
        known = self._known.get(rules)
        if known is None:
            known = self._known[rules] = self._memory.recall(FILES_KIND, self._key(rules)) or {}
            self._used[rules] = {}
        found = known.get(release)
        if found is None:
            return None
        self._used[rules][release] = found
        return tuple([LockedFile.from_plain(plain) for plain in found])

    def note(self, rules: str, release: str, files: Iterable[LockedFile]) -> None:
        """Keep the files of a release."""
        self._used[rules][release] = tuple([file.to_plain() for file in files])

    def save(self) -> None:
        """Keep what is new for the next run."""
        for rules, used in self._used.items():
            known = self._known[rules]
            if used.keys() - known.keys():
                kept = {**known, **used} if len(known) <= 2 * len(used) else used
                self._memory.remember(FILES_KIND, self._key(rules), kept)

    def _key(self, rules: str) -> str:
        return f"{self._project}\n{rules}"


class LockRun:
    """One run of ``pkm lock``.

    ``chosen_here`` are the versions that were chosen, by strategy and target; ``chosen_now`` all of them by strategy
    and name, those for the newest Python first: what was chosen to be new is no wish of an environment that wants
    the oldest. ``targets`` are those of a Requires-Python and platforms. ``files`` are those of entries with their
    index, by release, targets and rules; ``edges`` is what pins need, ``listed`` the versions from an index among
    pins that targets share, by strategy; ``entries`` are what solutions make together (``Entries.pinned``).
    ``solving`` are the sections that are solved, ``staying`` the versions of the others, by strategy and target.
    ``several``: more than one environment is to be solved.
    """

    __slots__ = (
        "_commons",
        "_fits",
        "_memory",
        "chosen_here",
        "chosen_now",
        "edges",
        "entries",
        "files",
        "known_files",
        "listed",
        "several",
        "solving",
        "staying",
        "targets",
    )

    def __init__(self, memory: Memory, known_files: KnownFiles) -> None:
        """Take what outlasts the run."""
        self.known_files = known_files
        self.chosen_here: dict[str, dict[str, dict[str, str]]] = {}
        self.chosen_now: dict[str, dict[str, dict[str, None]]] = {}
        self.files: dict[Any, tuple[str, tuple[LockedFile, ...]]] = {}
        self.edges: dict[Pin, tuple[tuple[str, str], ...]] = {}
        self.listed: dict[tuple[str, int], tuple[Mapping[str, Pin], dict[str, str]]] = {}
        self.entries: dict[Any, tuple[Any, Sequence[Pinned]]] = {}
        self.several = False
        self.solving: frozenset[str] = frozenset()
        self.staying: dict[str, dict[str, dict[str, str]]] = {}
        self.targets: dict[Any, tuple[Target, ...]] = {}
        self._memory = memory
        self._commons: dict[int, tuple[Releases, Common]] = {}
        self._fits: dict[tuple[str, ...], Fit] = {}

    def beside(self) -> LockRun:
        """Return a run for another side of the same lock: it prefers what was chosen, but not target by target."""
        other = LockRun(self._memory, self.known_files)
        other.chosen_now = self.chosen_now
        other.targets, other.several, other.solving = self.targets, self.several, self.solving
        other.files, other.edges = self.files, self.edges
        other.entries, other.listed = self.entries, self.listed
        other._commons, other._fits = self._commons, self._fits
        return other

    def common(self, releases: Releases) -> Common:
        """Return what the resolves over *releases* share."""
        from pkm_env.resolver.common import Common

        found = self._commons.get(id(releases))
        if found is None:
            made = Common(releases, self._memory, several=self.several)
            found = self._commons[id(releases)] = (releases, made)
        return found[1]

    def fit(self, targets: Sequence[Target]) -> Fit:
        """Return which of *targets* can install a wheel; the same value for the same targets."""
        key = tuple([target.key for target in targets])
        found = self._fits.get(key)
        if found is None:
            found = self._fits[key] = Fit(targets, self._memory)
        return found


class Entries:
    """Makes the entries of one environment; what is the same for the others of a *run* is worked out once."""

    def __init__(
        self, context: Context, run: LockRun, environment: Environment, releases: Releases, strategy: str
    ) -> None:
        """Take the environment, what was asked when it was solved, and which versions it wants."""
        self.context = context
        self.places = context.places
        self.run = run
        self.environment = environment
        self.releases = releases
        self.strategy = strategy
        self.rules = repr((environment.options.no_binary, environment.options.no_build))

    def made(self, solved: Sequence[Resolution]) -> tuple[LockedPackage, ...]:
        """Return the entries, each with the targets that have it and the files that they can install."""
        fit = self.run.fit([resolution.target for resolution in solved])
        found = [self.entry(pin, mask, fit, requires) for pin, mask, requires in self.pinned(solved)]
        fit.remember()
        if self.environment.project in ("editable", "wheel"):
            found.append(self.project_entry(solved))
        return tuple(found)

    def pinned(self, solved: Sequence[Resolution]) -> Sequence[Pinned]:
        """Return a pin of each entry, the mask of the targets that have it, and what it needs there.

        Environments that ask for much the same have the same solutions.
        """
        shared = self.note_choices(solved)
        place = tuple([(id(pins), mask) for pins, mask in shared])
        if place not in self.run.entries:
            self.run.entries[place] = shared, self.find_pinned(shared)
        return self.run.entries[place][1]

    def find_pinned(self, shared: Iterable[tuple[Mapping[str, Pin], int]]) -> Sequence[Pinned]:
        """Return what ``pinned`` does, out of each solution with the targets that share it."""
        masks: dict[Pin, int] = {}
        edges = self.run.edges
        for pins, mask in shared:
            for pin in pins.values():
                masks[pin] = masks.get(pin, 0) | mask
                if pin not in edges:
                    edges[pin] = edges_of(pin, pins)
        alike: dict[tuple[str, str, Any], list[Pin]] = {}
        for pin in masks:
            alike.setdefault((pin.asked, pin.version, pin.source), []).append(pin)
        found = []
        for same in alike.values():
            mask, requires = masks[same[0]], edges[same[0]]
            for pin in same[1:]:
                mask |= masks[pin]
                requires = tuple(sorted({*requires, *edges[pin]}))
            found.append((same[0], mask, requires))
        return found

    def note_choices(self, solved: Sequence[Resolution]) -> list[tuple[Mapping[str, Pin], int]]:
        """Note what is chosen now; return each solution once, with the mask of the targets that share it."""
        shared: dict[int, tuple[Mapping[str, Pin], int]] = {}
        for bit, resolution in enumerate(solved):
            pins, mask = shared.get(id(resolution.pins), (resolution.pins, 0))
            shared[id(resolution.pins)] = (pins, mask | 1 << bit)
        here = self.run.chosen_here.setdefault(self.strategy, {})
        now = self.run.chosen_now.setdefault(self.strategy, {})
        known: dict[tuple[int, int], dict[str, str]] = {}
        for resolution in reversed(solved):
            place = (self.strategy, id(resolution.pins))
            _, chosen = self.run.listed.get(place, (None, None))
            if chosen is None:
                listed = [pin for pin in resolution.pins.values() if pin.source is None]
                chosen = {pin.name: pin.version for pin in listed}
                self.run.listed[place] = resolution.pins, chosen
                for name, version in chosen.items():
                    now.setdefault(name, {}).setdefault(version)
            key = resolution.target.key
            before = here.get(key)
            if before is None:
                here[key] = chosen
                continue
            both = known.get((id(chosen), id(before)))
            if both is None:
                # A value that says it all stays, so that what was found out of it does too.
                both = before if chosen.keys() <= before.keys() else {**chosen, **before}
                known[id(chosen), id(before)] = both
            here[key] = both
        return list(shared.values())

    def entry(self, pin: Pin, mask: int, fit: Fit, requires: tuple[tuple[str, str], ...]) -> LockedPackage:
        """Return the entry of one pin."""
        sections = {self.environment.section: mask}
        if pin.source is not None:
            source = self.places.relative_source(pin.source)
            version = "" if source.kind == "directory" else pin.version
            return LockedPackage(pin.name, version, sections, source=source, requires=requires)
        key = (self.releases, pin.asked, pin.version, mask, fit, self.rules)
        found = self.run.files.get(key)
        if found is None:
            listing = self.releases.listing(pin.asked)
            assert isinstance(listing, DatedListing)
            files = self.known_files(pin, listing, mask, fit)
            found = self.run.files[key] = self.context.access.index_url(listing.index), files
        index, files = found
        return LockedPackage(pin.name, pin.version, sections, index=index, files=files, requires=requires)

    def known_files(self, pin: Pin, listing: DatedListing, mask: int, fit: Fit) -> tuple[LockedFile, ...]:
        """Return what ``usable_files`` does, as the last run found it where the index says the same."""
        rules = f"{fit.key}\n{self.rules}"
        token = self.releases.token(pin.asked, listing.versions.index(pin.version))
        release = f"{pin.asked} {pin.version} {mask:x} {token}"
        known = self.run.known_files.find(rules, release) if token else None
        found = known or self.usable_files(pin, listing, mask, fit)
        if token and known is None and not any(file.path for file in found):
            self.run.known_files.note(rules, release, found)
        return found

    def usable_files(self, pin: Pin, listing: DatedListing, mask: int, fit: Fit) -> tuple[LockedFile, ...]:
        """Return the files that a target in *mask* can install, sorted by name, each with its digest."""
        options = self.environment.options
        no_wheel, no_sdist = covers(options.no_binary, pin.name), covers(options.no_build, pin.name)

        start = len(pin.name) + len(pin.version) + 2
        mask_of = fit.mask

        def is_wanted(filename: str) -> bool:
            if filename[-4:] == ".whl":
                return not no_wheel and mask_of(filename, start) & mask != 0
            return not no_sdist

        found = listing.offered(pin.version, is_wanted)
        sdists = [file for file in found if not file.is_wheel]
        # One sdist can stand in an entry; the usual form wins.
        drop = (
            {file.filename for file in sdists if not file.filename.endswith(".tar.gz")}
            if len(sdists) > 1
            else set()
        )
        return tuple([self.locked_file(file) for file in found if file.filename not in drop])

    def locked_file(self, file: File) -> LockedFile:
        """Return what the lock says of one listed file."""
        hashes = file.hashes
        if "sha256" not in hashes:
            hashes = self.context.any_supply().provision.fetcher.hashes(file)
        time, _, _ = file.upload_time.partition(".")
        return LockedFile(
            file.filename,
            public_url(file.url) if not file.path else "",
            hashes,
            path=self.places.relative_path(file),
            size=file.size,
            upload_time=time if not time or time.endswith("Z") else f"{time}Z",
        )

    def project_entry(self, solved: Sequence[Resolution]) -> LockedPackage:
        """Return the entry of the project itself."""
        each = {(id(found.pins), id(found.askers)): found for found in solved}
        asked = {(id(found.pins), frozenset(found.asked_by_project())): found.pins for found in each.values()}
        edges = {edge_to(pins, name) for (_, names), pins in asked.items() for name in names}
        workspace = self.context.workspace
        return LockedPackage(
            workspace.project.name,
            "",
            {self.environment.section: (1 << len(solved)) - 1},
            source=Source("directory", workspace.location, editable=self.environment.project == "editable"),
            requires=tuple(sorted(edges)),
        )


def edges_of(pin: Pin, pins: Mapping[str, Pin]) -> tuple[tuple[str, str], ...]:
    """Return what a pin needs, as (name, version) of the entries, sorted."""
    return tuple(
        [
            edge_to(pins, name) if pins[name].source is not None else (name, version)
            for name, version in pin.requires
        ]
    )


def edge_to(pins: Mapping[str, Pin], name: str) -> tuple[str, str]:
    """Return name and version as the entry of a pin has them: a folder has no version in a lock."""
    pin = pins[name]
    return name, "" if pin.source is not None and pin.source.kind == "directory" else pin.version
