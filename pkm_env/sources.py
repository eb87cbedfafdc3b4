"""Sources: what sdists, folders, archives and repositories say of themselves, and the wheels that they become."""

from __future__ import annotations

import os
from _blake2 import blake2b
from contextlib import contextmanager
from time import sleep

from pkm_env.build.steps import alone
from pkm_env.fetch import Work, archive_file, sha256_of
from pkm_env.files import remove_tree
from pkm_env.index.errors import IndexFailure
from pkm_env.index.urls import split_credentials
from pkm_env.model.distribution import SECURE, Metadata, Unavailable
from pkm_env.plan import same_version
from pkm_env.wanted import NoWheel, size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Protocol, TypeVar

    from pkm_build.errors import PkmError
    from pkm_env.build.steps import Steps
    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.cache.wheels import Turn, WheelCache
    from pkm_env.fetch import Fetcher
    from pkm_env.model.distribution import File, Source
    from pkm_env.model.ports import Reporter
    from pkm_env.wanted import Wanted

    Built = TypeVar("Built")
else:
    Protocol = object


# How often is looked whether another process has built what it builds.
PAUSE_S = 0.1


class Builder(Protocol):
    """What sources ask of builds; ``context`` gives one that uses ``build``."""

    def static_metadata(self, path: str) -> Metadata | None:
        """Return what an sdist (file) or a tree (folder) says without a build, None when it cannot tell."""

    def built_metadata(
        self, path: str, subdirectory: str = "", *, package: str = ""
    ) -> Metadata | Unavailable:
        """Return what the wheel built from *path* would say; *package* is its name, where that is known."""

    def requires(
        self, path: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> tuple[tuple[str, ...], str]:
        """Return what building *path* needs, and why its backend could not be asked for all of it.

        :raises PkmError: when nothing says what builds it.
        """

    def wheel_steps(
        self,
        path: str,
        folder: Callable[[], str],
        subdirectory: str = "",
        *,
        editable: bool = False,
        package: str = "",
    ) -> Steps[str]:
        """Build a wheel from *path* into a new *folder* and return its path; what takes long is yielded.

        :raises PkmError: when the build fails.
        """

    def together(
        self, works: Sequence[Steps[Built]]
    ) -> tuple[list[Built | None], dict[int, PkmError | OSError]]:
        """Do *works* side by side; return what they come to, None for those without, and the errors."""

    def cache_key(
        self, path: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> str:
        """Return what the wheel depends on (source, settings, tools), "" when it must not be kept."""


class Sources:
    """Reads and builds sources; archives of them are had from *fetcher*, what is built is kept in *wheels*."""

    def __init__(
        self,
        fetcher: Fetcher,
        wheels: WheelCache,
        *,
        builder: Callable[[], Builder] | None = None,
        checkout: Callable[[Source], tuple[Source, str]] | None = None,
    ) -> None:
        """Take the means: where nothing may be built there is no *builder*, which is made when it is first needed."""
        self._fetcher = fetcher
        self._wheels = wheels
        self._make_builder = builder
        self._made_builder: Builder | None = None
        self._checkout = checkout

    @property
    def _builder(self) -> Builder | None:
        """What builds, made when it is first needed; None where nothing may be built."""
        if self._made_builder is None and self._make_builder is not None:
            self._made_builder = self._make_builder()
        return self._made_builder

    # Metadata

    def sdist_metadata(self, path: str) -> Metadata | None:
        """Return what the sdist at *path* says of itself for certain, None when only a build tells."""
        return None if self._builder is None else self._builder.static_metadata(path)

    @contextmanager
    def turn(self, key: str, name: str, reporter: Reporter, *, nested: bool) -> Iterator[None]:
        """Wait until no other process does what *key* stands for with *name*, and keep others from it meanwhile.

        For what is *nested* nobody is waited for; see ``build_all``.
        """
        turn = self._wheels.turn(blake2b(key.encode(), digest_size=16).hexdigest())
        with turn:
            if not turn.take(0) and not nested:
                alone(await_turn(turn, name, reporter))
            yield

    def built_metadata(self, path: str, name: str, version: str) -> Metadata | Unavailable:
        """Return the metadata of the wheel that the sdist at *path* would become."""
        if self._builder is None:
            return Unavailable("no-build", f"{name} {version} would have to be built")
        return self._builder.built_metadata(path, package=name)

    def direct(self, name: str, source: Source) -> tuple[Source, Metadata] | Unavailable:
        """Return *source* as it will be locked, and what is there.

        :raises IndexFailure: when an archive cannot be had.
        """
        place = source.location if source.kind == "directory" else ""
        if source.kind == "archive":
            place = archive_file(source).path
        if place and not os.path.exists(place):
            return Unavailable("unknown", f"there is nothing at {place}")
        settled, path = self._locate(source)
        if path.endswith(".whl"):
            told = self._fetcher.local_metadata(path)
            found = told or Unavailable("metadata", f"{os.path.basename(path)} has no metadata")
        else:
            found = self._tree_metadata(name, path, source.subdirectory)
        if isinstance(found, Unavailable):
            return found
        if name and found.name != name:
            shown = split_credentials(source.location)[0]
            return Unavailable("metadata", f"{shown} is {found.name}, not {name}")
        return settled, found

    def _tree_metadata(self, name: str, path: str, subdirectory: str) -> Metadata | Unavailable:
        """Return the metadata of a source tree or an sdist."""
        if self._builder is None:
            return Unavailable("no-build", f"{name or path} would have to be built")
        below = os.path.join(path, *subdirectory.split("/")) if subdirectory and os.path.isdir(path) else path
        if below == path and subdirectory:
            return self._builder.built_metadata(path, subdirectory, package=name)
        known = self._builder.static_metadata(below)
        return known or self._builder.built_metadata(path, subdirectory, package=name)

    def _locate(self, source: Source) -> tuple[Source, str]:
        """Return *source* with hashes or commit filled in, and the path of what it stands for."""
        if source.kind == "directory":
            return source, source.location
        if source.kind == "vcs":
            assert self._checkout is not None, "these sources were made without a way to fetch repositories"
            return self._checkout(source)
        file = archive_file(source)
        path = self._fetcher.fetch_archive(file, source.hashes)
        if "sha256" in source.hashes:
            return source, path
        secure = {name: digest for name, digest in source.hashes.items() if name in SECURE}
        return source.replaced(hashes={**secure, "sha256": self._fetcher.local_sha256(path)}), path

    def build_requires(self, item: Wanted) -> tuple[tuple[str, ...], str]:
        """Return what building an sdist or a source needs, and why its backend could not be asked for all of it.

        :raises PkmError: when it cannot be had, or nothing says what builds it.
        """
        assert self._builder is not None, "these sources were made without a builder"
        path, subdirectory, editable = self._build_input(item)
        return self._builder.requires(path, subdirectory, editable=editable, package=item.name)

    # Wheels

    def build_all(
        self, wanted: Sequence[Wanted], reporter: Reporter, *, nested: bool = False
    ) -> list[UnpackedWheel | None]:
        """Return the wheels built from sdists and sources, in their order.

        What another process builds just now is waited for; not for a *nested* build, made for the environment of
        another one: the lock of that is held, and its holder may be the one who waits for us.

        Of several errors the first in order is raised, when all builds have ended; the others are told.

        :raises NoWheel: when one is another package than was locked.
        """
        builder = self._builder
        if not wanted or builder is None:
            for item in wanted:
                raise NoWheel(f"{item.name} {item.version} has no wheel, and nothing may be built")
            return []
        lacking = [item for item in wanted if self._lacks_archive(item)]
        mirrored = self._fetcher.mirrored(lacking)
        if lacking:
            self._fetcher.connect()
        made, errors = builder.together(
            [
                self._build(item, mirrored.get(item, item.file), builder, reporter, nested=nested)
                for item in wanted
            ]
        )
        for at in sorted(errors)[1:]:
            reporter.warn(str(errors[at]))
        for at in sorted(errors):
            raise errors[at]
        return made

    def _build(
        self, item: Wanted, place: File | None, builder: Builder, reporter: Reporter, *, nested: bool
    ) -> Steps[UnpackedWheel]:
        """Return the wheel built from an sdist, which is first looked for at *place*, or from a source.

        :raises NoWheel: when it is another package than was locked.
        """
        if place is not None:
            path, subdirectory, editable = (yield from self._sdist(item, place, reporter)), "", False
        else:
            path, subdirectory, editable = self._build_input(item)
        key = builder.cache_key(path, subdirectory, editable=editable, package=item.name)
        kept = self._built(item, key)
        if kept:
            return kept
        turn = self._wheels.turn(key)
        with turn:
            if not turn.take(0) and not nested:
                yield from await_turn(turn, item.name, reporter)
            kept = self._built(item, key)
            if kept:
                return kept
            number = reporter.start("build", item.name)
            folders: list[str] = []

            def new_folder() -> str:
                folders.append(self._wheels.temporary(".build"))
                os.makedirs(folders[-1])
                return folders[-1]

            try:
                built = yield from builder.wheel_steps(
                    path, new_folder, subdirectory, editable=editable, package=item.name
                )
                return self._keep(item, built, key)
            finally:
                for folder in folders:
                    remove_tree(folder)
                reporter.finish(number)

    def _built(self, item: Wanted, key: str) -> UnpackedWheel | None:
        """Return the wheel that is kept under *key*, None where none is, or no key.

        :raises NoWheel: when it is another package than was locked.
        """
        kept = self._wheels.get_built(key) if key else None
        if kept is None:
            return None
        check_built(item, kept[0])
        return kept[0]

    def _keep(self, item: Wanted, built: str, key: str) -> UnpackedWheel:
        """Return the wheel at *built*, unpacked into the cache and noted under *key*.

        :raises NoWheel: when it is another package than was locked.
        """
        sha256, filename = sha256_of(built), os.path.basename(built)
        wheel = self._wheels.get(sha256) or self._wheels.add(built, sha256, filename)
        check_built(item, wheel)
        if key:
            self._wheels.note_built(key, sha256, filename)
        return wheel

    def _lacks_archive(self, item: Wanted) -> bool:
        """Whether an sdist has to be fetched."""
        file = item.file
        if file is None or file.path:
            return False
        return self._wheels.archive(item.hashes.get("sha256", ""), file.filename) is None

    def _sdist(self, item: Wanted, place: File, reporter: Reporter) -> Steps[str]:
        """Return the path of the sdist that is wanted; it may come while others are built."""
        path: str
        try:
            path = yield lambda: self._fetch_sdist(item, place, reporter)
        except IndexFailure as error:
            other = self._fetcher.other_place(item, place, error)
            if other is None:
                raise
            path = yield lambda: self._fetch_sdist(item, other, reporter)
        return path

    def _fetch_sdist(self, item: Wanted, place: File, reporter: Reporter) -> str:
        """Return the path of the sdist that is wanted; may run in a thread."""
        work = Work(reporter, item.name, size_of(item))
        with work:
            return self._fetcher.fetch_archive(place, item.hashes, work)

    def _build_input(self, item: Wanted) -> tuple[str, str, bool]:
        """Return the path to build from, the subdirectory in it, and whether an editable wheel is wanted."""
        if item.file is not None:
            return self._fetcher.fetch_archive(item.file, item.hashes), "", False
        assert item.source is not None, "a wanted package has a file or a source"
        _, path = self._locate(item.source)
        return path, item.source.subdirectory, item.source.editable


def await_turn(turn: Turn, name: str, reporter: Reporter) -> Steps[None]:
    """Wait until nobody else builds *name*; other builds of this process go on meanwhile, and an interrupt ends it."""
    number = reporter.start("wait", name)
    try:
        while not turn.take(0):
            yield lambda: sleep(PAUSE_S)
    finally:
        reporter.finish(number)


def check_built(item: Wanted, wheel: UnpackedWheel) -> None:
    """Compare a built wheel with what was locked; a directory's version may have moved on.

    :raises NoWheel: when it is another package.
    """
    told = wheel.manifest
    if told.name != item.name:
        raise NoWheel(f"building {item.name} {item.version} gave the wheel of {told.name} {told.version}")
    is_fixed = bool(item.version) and (item.source is None or item.source.kind != "directory")
    if is_fixed and not same_version(told.version, item.version):
        raise NoWheel(f"building {item.name} {item.version} gave version {told.version}")
