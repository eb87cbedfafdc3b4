"""Supply: which releases there are, what they need, and their wheels; from cache, indexes and builds.

Implements ``model.ports.Releases``. A warm answer is read from the cache and loads nothing else; the
first question that the cache cannot answer makes a client and a crew of threads. From then on, while
one answer is waited for, what will probably be asked next is asked ahead: the pages of the names that
were hinted at, the metadata of their best release, the pages of what that needs. Asking ahead fills the
cache and changes no answer.

All state is touched by the caller's thread alone: threads of the crew only wait for servers.
"""

from __future__ import annotations

import sys

from pkm_build.errors import PkmError
from pkm_env.cache.pages import CachedPage
from pkm_env.index.urls import public_url
from pkm_env.model.distribution import Metadata, Unavailable
from pkm_env.model.ports import Listing
from pkm_env.releases import (
    Unbuilt,
    best_release,
    checked,
    dependency_names,
    is_copy,
    make_listing,
    metadata_file,
    metadata_key,
)
from pkm_env.supply.catalogue import WAIT, Catalogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.cache.pages import MetadataCache, PageCache
    from pkm_env.index.client import IndexClient
    from pkm_env.index.crew import Crew
    from pkm_env.index.spec import IndexSpec
    from pkm_env.model.distribution import File, Source
    from pkm_env.model.ports import Reporter
    from pkm_env.provision import Provision
    from pkm_env.releases import DatedListing
    from pkm_env.supply.catalogue import BeginSecond

    Network = tuple[IndexClient, Crew]
    Changed = Callable[[Mapping[str, str], Mapping[str, str | None]], "Supply | None"]


class Supply:
    """Answers from an ordered list of indexes.

    *bindings* names for a package (normalised) the only index it may come from. *exclude_newer* maps
    "default", names of packages and "index:NAME" to times in UTC (RFC 3339; None for no cut-off); the
    package counts before the index. *refresh* is True or the names whose pages must be asked for anew.
    *settled* are sources as a lock holds them, by name and place: a branch stays where it was locked.
    *connect* makes the client and its crew, *provision* what fetches and builds; *now_s* is the time of
    the run, in seconds since 1970. *begin_second* makes a process that reads pages too (``second``). *changed* gives
    the supply of other rules (``ports.Releases``). *known_names* are those that the project asks for anywhere, and
    whether each comes from a place that is no index. *metadata* reads its cache anew each time it is called; *nested*:
    what builds require is asked for, while other processes may wait for what is built.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        indexes: Sequence[IndexSpec],
        pages: PageCache,
        metadata: Callable[[], MetadataCache],
        connect: Callable[[], Network],
        reporter: Reporter,
        *,
        now_s: float,
        provision: Callable[[], Provision] | None = None,
        bindings: Mapping[str, str] | None = None,
        exclude_newer: Mapping[str, str | None] | None = None,
        offline: bool = False,
        refresh: bool | frozenset[str] = False,
        settled: Mapping[tuple[str, ...], Source] | None = None,
        platform: str = sys.platform,
        begin_second: BeginSecond | None = None,
        changed: Changed = lambda _bound, _cut_offs: None,
        known_names: Callable[[], Mapping[str, bool]] = dict,
        nested: bool = False,
    ) -> None:
        self.changed = changed
        self._indexes = tuple(indexes)
        self._read_metadata = metadata
        self._metadata_cache = metadata()
        self._nested = nested
        self._connect = connect
        self._reporter = reporter
        self._make_provision = provision
        self._bindings = bindings or {}
        self._exclude_newer = exclude_newer or {}
        self._offline = offline
        self._settled = settled or {}
        self._known_names = known_names
        self._catalogue = Catalogue(
            self._indexes,
            pages,
            lambda: self.network,
            reporter,
            self._page_came,
            now_s=now_s,
            offline=offline,
            refresh=refresh,
            platform=platform,
            begin_second=begin_second,
            # A cut-off looks at the times of all.
            in_brief=not self._exclude_newer,
        )
        self._network: Network | None = None
        self._provision: Provision | None = None
        self._listings: dict[str, Any] = {}
        self._places: dict[str, int] = {}
        self._metadata: dict[tuple[str, str], Any] = {}
        self._direct: dict[Any, Any] = {}
        self._ahead: list[str] = []
        self._ahead_releases: list[tuple[str, str]] = []
        self._was_ahead: set[str] = set()

    # What the resolver asks

    def listing(self, name: str) -> Listing | Unavailable:
        """Return what the indexes say of *name* (normalised).

        :raises IndexFailure: when an index that has to be asked gives no usable answer.
        """
        found = self._listings.get(name)
        if found is None:
            found = self._await(self._settle_listing, name)
        if isinstance(found, BaseException):
            raise found
        answer: Listing | Unavailable = found
        return answer

    def metadata(self, name: str, version: str, *, may_build: bool = True) -> Metadata | Unavailable:
        """Return the metadata of a listed release; without *may_build*, none that only a build tells.

        :raises IndexFailure: when an index that has to be asked gives no usable answer.
        """
        found = self._metadata.get((name, version))
        if found is None or found is WAIT:
            found = self._await(self._settle_metadata, name, version)
        if isinstance(found, Unbuilt):
            if not may_build:
                return Unavailable(
                    "metadata", "only a build tells its metadata, and building it is not allowed"
                )
            found = self._build_metadata(name, version, found)
        if isinstance(found, BaseException):
            raise found
        answer: Metadata | Unavailable = found
        return answer

    def token(self, name: str, number: int) -> str:
        """Return a text that is the same while the files of a version are (``ports.Releases``)."""
        listing = self._listings.get(name)
        if not isinstance(listing, Listing):
            return ""
        page = self._catalogue.page(self._places[name], name)
        # The cut-off date may take some of the files away.
        return page.token(number) if listing.key == page.digest[4] else ""

    def direct(self, name: str, source: Source) -> tuple[Source, Metadata] | Unavailable:
        """Return *source* as it will be locked, and what is there."""
        if not source.commit and not source.hashes:
            source = self._settled.get((name, *source.place), source)
        key = (name, source.to_plain())
        found = self._direct.get(str(key))
        if found is None:
            found = self._direct[str(key)] = self.provision.sources.direct(name, source)
        answer: tuple[Source, Metadata] | Unavailable = found
        return answer

    def elsewhere(self, name: str) -> list[tuple[str, tuple[str, ...] | None, str]]:
        """Return the indexes that do not count for *name*, though it is there or might be (``Catalogue``)."""
        return self._catalogue.elsewhere(name, self._places.get(name), self._bindings.get(name, ""))

    def names(self) -> set[str]:
        """Return names that one may have meant: those that the project and the indexes are known to have."""
        known = self._known_names().items()
        return self._catalogue.names().union(
            name for name, is_placed in known if is_placed or self._catalogue.may_have(name)
        )

    def hint(self, names: Iterable[str] = (), releases: Iterable[tuple[str, str]] = ()) -> None:
        """Note what will probably be asked next; it is asked when something has to be waited for."""
        self._ahead.extend(names)
        self._ahead_releases.extend(releases)
        if self._network is not None:
            self._ask_ahead()

    # What sync asks

    def is_asked(self, address: str) -> bool:
        """Whether one of the indexes has this address, as a lock tells it."""
        return any(public_url(index.base) == f"{address.rstrip('/')}/" for index in self._indexes)

    def files_now(self, releases: Sequence[tuple[str, str]]) -> list[Sequence[File]]:
        """Return the files that the indexes list for each of *releases*, whatever its cut-off date; () for none.

        The pages are asked for side by side; an index that gives no usable answer has no files.
        """
        for name, _ in releases:
            self._choose(name)
        found: list[Sequence[File]] = []
        for name, version in releases:
            chosen = self._await(self._choose, name)
            is_there = isinstance(chosen, tuple)
            found.append(self._listing(name, *chosen, cutoff="").files(version) if is_there else ())
        return found

    @property
    def provision(self) -> Provision:
        """What fetches wheels and archives, and builds; made when it is first needed."""
        if self._provision is None:
            assert self._make_provision is not None, "this supply was made without a provision"
            self._provision = self._make_provision()
        return self._provision

    @property
    def network(self) -> Network:
        """The client and its crew, made when first needed."""
        if self._network is None:
            self._network = self._connect()
        return self._network

    def stop(self) -> None:
        """End the process that reads pages, where there is one."""
        self._catalogue.close()

    def close(self) -> None:
        """Let threads, connections and the second reader of pages go."""
        self.stop()
        if self._network is not None:
            client, crew = self._network
            crew.close()
            client.http.close()

    # Waiting

    def _await(self, settle: Callable[..., Any], *what: str) -> Any:
        """Return what *settle* comes to, waiting for the crew as often as it takes."""
        found = settle(*what)
        if found is not WAIT:
            return found
        number = self._reporter.start("ask", what[0])
        try:
            while found is WAIT:
                self._ask_ahead()
                self.network[1].step()
                found = settle(*what)
        finally:
            self._reporter.finish(number)
        return found

    def _ask_ahead(self) -> None:
        """Ask for what was hinted at, and for what follows from it; waits for nothing."""
        while self._ahead or self._ahead_releases:
            if self._ahead:
                name = self._ahead.pop()
                if name in self._was_ahead:
                    continue
                self._was_ahead.add(name)
                found = self._settle_listing(name)
                if isinstance(found, Listing) and (best := best_release(found)):
                    self._ahead_releases.append((name, best))
            else:
                self._follow(*self._ahead_releases.pop())

    def _page_came(self, name: str) -> None:
        """Go on asking ahead from the page of *name*."""
        self._was_ahead.discard(name)
        self._ahead.append(name)

    def _follow(self, name: str, version: str) -> None:
        """Ask ahead for the metadata of a release, and for the names in it where it is known."""
        found = self._settle_metadata(name, version, ahead=True)
        if isinstance(found, Metadata):
            self._ahead.extend(set(dependency_names(found.requires)) - self._was_ahead)

    # Listings

    def _settle_listing(self, name: str) -> Any:
        """Return the listing of *name*, an Unavailable, an error, or WAIT after asking for a page."""
        found = self._listings.get(name)
        if found is not None:
            return found
        found = self._choose(name)
        if found is WAIT:
            return WAIT
        if isinstance(found, tuple):
            position, page = found
            self._places[name] = position
            cutoff = self._cutoff(name, self._indexes[position])
            found = self._listing(name, position, page, cutoff=cutoff)
        self._listings[name] = found
        return found

    def _choose(self, name: str) -> Any:
        """Return position and page of the index that has *name*, or what ``_settle_listing`` returns."""
        if not name.isascii() or not name.replace("-", "").isalnum():
            return Unavailable("unknown", "that is no name of a package")
        bound = self._bindings.get(name)
        asked = []
        for position, index in enumerate(self._indexes):
            if bound not in index.names if bound else index.explicit:
                continue
            page = self._catalogue.page(position, name)
            if not isinstance(page, CachedPage):
                return page
            asked.append(index.name)
            if not page.missing:
                return self._preferred(position, page, name)
        if not asked:
            reason = f'there is no index "{bound}"' if bound else "no index is configured"
            return Unavailable("unknown", reason, hint="pkm index list shows the indexes")
        where = ", ".join(f'"{index}"' for index in asked)
        return Unavailable("unknown", f"no index has it (asked {where})")

    def _preferred(self, position: int, page: CachedPage, name: str) -> Any:
        """Return *position* and *page*, or those of the default index where a place of pip's only copies it.

        Pip's configuration often names folders that hold a few of the default index's files, to save
        downloads; such a place must not hide the other releases.
        """
        if not self._indexes[position].from_pip or name in self._bindings:
            return position, page
        for other, index in enumerate(self._indexes):
            if index.default and other != position:
                original = self._catalogue.page(other, name)
                if original is WAIT or isinstance(original, BaseException):
                    return original
                if isinstance(original, CachedPage) and is_copy(page, original, self._local_sha256):
                    return other, original
        return position, page

    def _local_sha256(self, path: str) -> str:
        # What fetches is made only where a digest is lacking.
        return self.provision.fetcher.local_sha256(path)

    def _listing(self, name: str, position: int, page: CachedPage, *, cutoff: str) -> DatedListing:
        """Return the listing that a page stands for, cut off at a date."""
        index = self._indexes[position]
        if cutoff:
            page = self._catalogue.whole(position, name, page)

        def plain_files(number: int) -> tuple[tuple[Any, ...], ...]:
            found = page.files_of(number)
            return self._catalogue.files_again(position, name, page, number) if found is None else found

        listing = make_listing(name, index.name, page.digest, plain_files, cutoff, page.text_of)
        if listing.undated:
            count = listing.undated.bit_count()
            has = "release has" if count == 1 else "releases have"
            self._reporter.note(
                f"{name}: {count} {has} files that tell no time of upload; "
                f"exclude-newer leaves these out (exclude-newer = {{ {name} = false }} admits them)"
            )
        return listing

    def _cutoff(self, name: str, index: IndexSpec) -> str:
        """Return the cut-off for a package of an index, "" for none."""
        for key in (name, *(f"index:{called}" for called in index.names), "default"):
            if key in self._exclude_newer:
                return self._exclude_newer[key] or ""
        return ""

    # Metadata

    def _settle_metadata(self, name: str, version: str, *, ahead: bool = False) -> Any:
        """Return the metadata of a release, an Unavailable, an error, or WAIT after asking for it.

        *ahead*: it is only a guess that it will be needed, so no sdist is fetched for it.
        """
        found = self._metadata.get((name, version))
        if found is not None:
            return found
        listing = self._settle_listing(name)
        if not isinstance(listing, Listing):
            return listing
        plain, file = self._kept_metadata(listing, version)
        if plain is not None:
            found = Metadata.from_plain(plain)
        elif file is None:
            found = Unavailable("unknown", f"the index lists no file of {name} {version}")
        elif ahead and not file.is_wheel:
            return WAIT
        else:
            found = self._ask_metadata(name, version, file)
        self._metadata[name, version] = found
        return found

    def _kept_metadata(self, listing: Listing, version: str) -> tuple[tuple[Any, ...] | None, File | None]:
        """Return the plain metadata of a release, if it is in the cache, else None and the file that tells it."""
        name = listing.name
        key = self._catalogue.keys[self._places[name]]
        kept = self._metadata_cache.load(key, name)
        token = self._token(listing, version)
        alias = kept.get(token) if token else None
        plain = None if alias is None else kept.get(alias[0])
        if plain is not None:
            return plain, None
        file = metadata_file(listing.files(version))
        plain = None if file is None else kept.get(metadata_key(file))
        if plain is not None and file is not None and token:
            self._metadata_cache.save(key, name, {token: (metadata_key(file),)})
        return plain, file

    def _token(self, listing: Listing, version: str) -> str:
        """Return what stands for the files of a version, "" where the cut-off date may take some away.

        With it the metadata is found without a look at the files, which takes half of the time.
        """
        if version not in listing.versions:
            return ""
        token = self.token(listing.name, listing.versions.index(version))
        return f"{version}|{token}" if token else ""

    def _ask_metadata(self, name: str, version: str, file: File) -> Any:
        """Ask for the metadata in *file*; return WAIT, or why it cannot be had."""
        if not file.path and self._offline:
            reason = f"the metadata of {name} {version} is not in the cache, and pkm is offline"
            return Unavailable("offline", reason)
        client, crew = self.network
        if not file.is_wheel:
            fetcher = self.provision.fetcher
            crew.submit(
                lambda: fetcher.fetch_archive(file),
                lambda path, error: self._has_sdist(name, version, file, path, error),
            )
        else:
            crew.submit(
                lambda: client.metadata(file),
                lambda found, error: self._has_metadata(name, version, file, found, error),
            )
        return WAIT

    def _has_metadata(
        self,
        name: str,
        version: str,
        file: File,
        found: Metadata | Unavailable | None,
        error: BaseException | None,
    ) -> None:
        """Take the metadata of a wheel; where the server gives no parts of files, fetch the whole wheel."""
        if found is None and error is None:
            fetcher = self.provision.fetcher
            self.network[1].submit(
                lambda: fetcher.fetch_metadata(file),
                lambda told, failed: self._keep_metadata(name, version, file, failed or told),
            )
            return
        self._keep_metadata(name, version, file, error or found)

    def _has_sdist(
        self, name: str, version: str, file: File, path: str | None, error: BaseException | None
    ) -> None:
        """Take what an sdist that was fetched says of itself; what only a build tells waits until it is asked."""
        found: Any = error
        if path is not None:
            try:
                found = self.provision.sources.sdist_metadata(path) or Unbuilt(file, path)
            except PkmError as failed:
                found = failed
        self._keep_metadata(name, version, file, found)

    def _build_metadata(self, name: str, version: str, unbuilt: Unbuilt) -> Any:
        """Return the metadata that a build of an sdist finds out, here or just now elsewhere, or why there is none."""
        sources, key = self.provision.sources, metadata_key(unbuilt.file)
        with sources.turn(f"metadata {key}", name, self._reporter, nested=self._nested):
            kept = self._read_metadata().load(self._catalogue.keys[self._places[name]], name).get(key)
            try:
                found: Any = (
                    Metadata.from_plain(kept) if kept else sources.built_metadata(unbuilt.path, name, version)
                )
            except PkmError as failed:
                found = failed
            self._keep_metadata(name, version, unbuilt.file, found)
        return self._metadata[name, version]

    def _keep_metadata(self, name: str, version: str, file: File, found: Any) -> None:
        """Note what was found out about a release; it has to be about this release."""
        if isinstance(found, Metadata):
            found = checked(found, name, version, file.filename)
        if isinstance(found, Metadata):
            records: dict[str, tuple[Any, ...]] = {metadata_key(file): found.to_plain()}
            token = self._token(self._listings[name], version)
            if token:
                records[token] = (metadata_key(file),)
            self._metadata_cache.save(self._catalogue.keys[self._places[name]], name, records)
            self._ahead.extend(set(dependency_names(found.requires)) - self._was_ahead)
        self._metadata[name, version] = found
