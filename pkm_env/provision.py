"""Provision: whole files and what is made of them: wheels fetched or built, archives, direct sources.

The second half of ``supply``: a lock from a warm cache needs none of it. Methods named ``fetch_…`` may
run in the threads of a crew; all else is called by one thread.
"""

from __future__ import annotations

import os
import sys
from _queue import SimpleQueue

from pkm_build.errors import PkmError
from pkm_env.files import hash_file, remove_tree
from pkm_env.index.errors import HashMismatch, IndexFailure, Offline, WriteFailed
from pkm_env.index.local import file_url
from pkm_env.index.urls import local_path, split_credentials
from pkm_env.model.core_metadata import parse_metadata
from pkm_env.model.distribution import STRENGTH, File, Metadata, Unavailable
from pkm_env.model.versions import UnreadableVersion, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol, TypeVar

    from pkm_env.build.steps import Steps
    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.cache.wheels import WheelCache
    from pkm_env.index.client import IndexClient
    from pkm_env.index.crew import Crew
    from pkm_env.model.distribution import Source
    from pkm_env.model.ports import Listing, Memory, Reporter

    Built = TypeVar("Built")
else:
    Protocol = object


# What a lock may rely on.
SECURE = frozenset(("sha256", "sha384", "sha512"))


class Builder(Protocol):
    """What provision asks of builds; ``context`` gives one that uses ``build``."""

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
        self, path: str, folder: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> Steps[str]:
        """Build a wheel from *path* into *folder* and return its path; what takes long is yielded.

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


class Wanted:
    """A package that sync wants: an index's *file* (wheel or sdist), or a *source*.

    ``name`` is normalised; ``hashes`` are those of the lock, and hold for the file or archive.
    ``location`` is the URL in the lock, ``editable`` counts for directories.
    """

    __slots__ = ("file", "hashes", "name", "source", "version")

    def __init__(
        self,
        name: str,
        version: str,
        *,
        file: File | None = None,
        source: Source | None = None,
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.file = file
        self.source = source
        self.hashes = dict(hashes or (file.hashes if file else {}))

    def __repr__(self) -> str:
        return f"Wanted({self.name!r}, {self.version!r})"


class Work:
    """Tells a reporter what is done to get one package, as a context manager: one thing after the other.

    Each begins when it really begins, in the thread that does it; waiting in a queue is no work.
    """

    __slots__ = ("_name", "_number", "_reporter", "_size")

    def __init__(self, reporter: Reporter, name: str, size_bytes: int) -> None:
        self._reporter = reporter
        self._name = name
        self._size = size_bytes
        self._number = 0

    def begin(self, kind: str) -> None:
        """Say that the next thing begins ("fetch", "unpack"), and the one before has ended."""
        self.end()
        self._number = self._reporter.start(
            kind, self._name, (self._size or None) if kind == "fetch" else None
        )

    def advance(self, amount: int) -> None:
        """Say that *amount* more bytes are there."""
        self._reporter.advance(self._number, amount)

    def end(self) -> None:
        """Say that what is being done has ended."""
        if self._number:
            self._reporter.finish(self._number)
            self._number = 0

    def __enter__(self) -> Work:  # noqa: PYI034 - typing has no Self on 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class NoWheel(PkmError):
    """A locked package for which no wheel can be had; ``str()`` says why."""


class Provision:
    """Fetches and builds; see the module's docstring."""

    def __init__(
        self,
        wheels: WheelCache,
        network: Callable[[], tuple[IndexClient, Crew]],
        memory: Memory,
        *,
        builder: Callable[[], Builder] | None = None,
        checkout: Callable[[Source], tuple[Source, str]] | None = None,
        listing: Callable[[str], Listing | Unavailable] | None = None,
        offline: bool = False,
    ) -> None:
        self._wheels = wheels
        self._network = network
        self._memory = memory
        self._make_builder = builder
        self._made_builder: Builder | None = None
        self._checkout = checkout
        self._listing = listing
        self._offline = offline
        # Who unpacks takes one of them; ``threading``, which has semaphores, takes 4 ms to load.
        self._seats: SimpleQueue[None] = SimpleQueue()
        for _ in range((os.cpu_count() or 1) + 1):
            self._seats.put(None)

    @property
    def _builder(self) -> Builder | None:
        """What builds, made when it is first needed; None where nothing may be built."""
        if self._made_builder is None and self._make_builder is not None:
            self._made_builder = self._make_builder()
        return self._made_builder

    def close(self) -> None:
        """Let go of what lies in scratch folders."""
        self._wheels.close()

    # Hashes

    def local_sha256(self, path: str) -> str:
        """Return the SHA-256 of a file of this machine, computed once for each state of it."""
        status = os.stat(path)
        key = f"{path}|{status.st_mtime_ns}|{status.st_ctime_ns}|{status.st_size}|{status.st_ino}"
        known = self._memory.recall("sha256", key)
        if isinstance(known, str):
            return known
        found = sha256_of(path)
        self._memory.remember("sha256", key, found)
        return found

    def hashes(self, file: File) -> dict[str, str]:
        """Return the hashes of a listed file, for a lock; what the index does not tell is computed.

        :raises IndexFailure: when it has to be fetched, and cannot.
        """
        if file.hashes:
            return dict(file.hashes)
        if file.path:
            return {"sha256": self.local_sha256(file.path)}
        key = f"{file.url}|{file.filename}|{file.size}|{file.upload_time}"
        known = self._memory.recall("file-sha256", key)
        if isinstance(known, str):
            return {"sha256": known}
        temporary, sha256 = self._fetch(file, {}, None)
        self._keep(temporary, sha256, file.filename)
        self._memory.remember("file-sha256", key, sha256)
        return {"sha256": sha256}

    def _keep(self, temporary: str, sha256: str, filename: str) -> None:
        """Keep a file that had to be fetched, for the sync that will follow."""
        if filename.endswith(".whl"):
            try:
                self._wheels.add(temporary, sha256, filename)
            finally:
                os.unlink(temporary)
        else:
            self._wheels.add_archive(temporary, sha256, filename)

    # Fetching; may run in threads

    def _fetch(
        self, file: File, hashes: Mapping[str, str], advance: Callable[[int], None] | None
    ) -> tuple[str, str]:
        """Return the path of a fetched file and its SHA-256."""
        if self._offline:
            raise Offline(file.url, index=file.index, reason=file.filename)
        client = self._network()[0]
        while True:
            temporary = self._wheels.temporary()
            try:
                return temporary, client.download(file, temporary, hashes=hashes, advance=advance)[0]
            except WriteFailed as error:
                if not self._wheels.is_cached(temporary) or not isinstance(error.__cause__, OSError):
                    raise
                self._wheels.give_up(error.__cause__)

    def fetch_archive(
        self, file: File, hashes: Mapping[str, str] | None = None, work: Work | None = None
    ) -> str:
        """Return the path of an archive (an sdist) of an index, from the cache or fetched; *work* is told.

        :raises IndexFailure: when it cannot be had.
        """
        wanted = file.hashes if hashes is None else dict(hashes)
        if file.path:
            check_local(file, wanted, self.local_sha256(file.path))
            return file.path
        sha256 = wanted.get("sha256", "")
        kept = self._wheels.archive(sha256, file.filename) if sha256 else None
        if kept and sha256_of(kept) == sha256:
            return kept
        if work:
            work.begin("fetch")
        temporary, found = self._fetch(file, wanted, work.advance if work else None)
        return self._wheels.add_archive(temporary, found, file.filename)

    def fetch_wheel(self, file: File, hashes: Mapping[str, str], work: Work | None = None) -> UnpackedWheel:
        """Return a wheel of an index, unpacked, from the cache or fetched; *work* is told what is done.

        :raises IndexFailure: when it cannot be had.
        :raises BadWheel: when it breaks the rules of its format.
        """
        sha256 = hashes.get("sha256", "")
        if file.path:
            found = self.local_sha256(file.path)
            check_local(file, hashes, found)
            return self._wheels.get(found) or self._unpacked(file.path, found, file.filename, work)
        kept = self._wheels.get(sha256) if sha256 else None
        if kept:
            return kept
        with self._wheels.fetching(sha256):
            # While we waited for the lock another process may have fetched it.
            kept = self._wheels.get(sha256) if sha256 else None
            return kept or self._fetch_new(file, hashes, work)

    def _fetch_new(self, file: File, hashes: Mapping[str, str], work: Work | None) -> UnpackedWheel:
        """Return a wheel that is not in the cache, fetched and unpacked."""
        if work:
            work.begin("fetch")
        temporary, found = self._fetch(file, hashes, work.advance if work else None)
        try:
            return self._wheels.get(found) or self._unpacked(temporary, found, file.filename, work)
        finally:
            os.unlink(temporary)

    def _unpacked(self, path: str, sha256: str, filename: str, work: Work | None) -> UnpackedWheel:
        """Return the wheel at *path*, unpacked into the cache; as many at a time as there are processors.

        More would only hold more files in memory: to unpack is work, where to fetch is to wait.
        """
        self._seats.get()
        try:
            if work:
                work.begin("unpack")
            wheel = self._wheels.add(path, sha256, filename)
        finally:
            self._seats.put(None)
        if work:
            work.advance(wheel.manifest.size_bytes)
        return wheel

    def fetch_metadata(self, file: File) -> Metadata | Unavailable:
        """Return the metadata of a wheel by way of the whole wheel, which is kept for the sync.

        :raises IndexFailure: when it cannot be had.
        """
        try:
            return metadata_of_tree(self.fetch_wheel(file, file.hashes))
        except (HashMismatch, IndexFailure):
            raise
        except PkmError as error:
            return Unavailable("metadata", str(error))

    # Metadata and sources

    def sdist_metadata(self, path: str) -> Metadata | None:
        """Return what the sdist at *path* says of itself for certain, None when only a build tells."""
        return None if self._builder is None else self._builder.static_metadata(path)

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
            told = self._network()[0].metadata(File(os.path.basename(path), "", path=path))
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
            assert self._checkout is not None, "this provision was made without a way to fetch repositories"
            return self._checkout(source)
        file = archive_file(source)
        path = self.fetch_archive(file, source.hashes)
        if "sha256" in source.hashes:
            return source, path
        secure = {name: digest for name, digest in source.hashes.items() if name in SECURE}
        return source.replaced(hashes={**secure, "sha256": self.local_sha256(path)}), path

    # Wheels for sync

    def wheels(self, wanted: Sequence[Wanted], reporter: Reporter, *, phase: str = "") -> list[UnpackedWheel]:
        """Return the wheels of all *wanted*, in their order; *phase* is told when some have to be fetched.

        What is not cached is fetched in parallel, the largest first, while it is hashed against the
        lock; sdists and sources are built when all is fetched, side by side.

        :raises IndexFailure: when a file cannot be had.
        :raises HashMismatch: when a file is not the one that was locked.
        :raises BadWheel: when a wheel breaks the rules of its format.
        :raises NoWheel: when a build fails, or gives another package.
        """
        found: list[UnpackedWheel | None] = [self._cached(item) for item in wanted]
        missing = [at for at, wheel in enumerate(found) if wheel is None]
        fetched = [at for at in missing if is_wheel(wanted[at])]
        if fetched:
            if phase:
                reporter.phase(phase)
            self._fetch_all(wanted, fetched, found, reporter)
        due = [at for at in missing if found[at] is None]
        if due:
            for at, wheel in zip(due, self._build_all([wanted[at] for at in due], reporter), strict=True):
                found[at] = wheel
        return [wheel for wheel in found if wheel is not None]

    def forget(self, item: Wanted) -> None:
        """Remove the wheel of *item* from the cache, for it turned out to be damaged; it is then got anew."""
        wheel = item.file.path if item.file is not None else ""
        sha256 = self.local_sha256(wheel) if wheel else item.hashes.get("sha256", "")
        if sha256 and is_wheel(item):
            self._wheels.drop(sha256)
        elif self._builder is not None:
            path, subdirectory, editable = self._build_input(item)
            key = self._builder.cache_key(path, subdirectory, editable=editable, package=item.name)
            if key:
                self._wheels.drop_built(key)

    def build_requires(self, item: Wanted) -> tuple[tuple[str, ...], str]:
        """Return what building an sdist or a source needs, and why its backend could not be asked for all of it.

        :raises PkmError: when it cannot be had, or nothing says what builds it.
        """
        assert self._builder is not None, "this provision was made without a builder"
        path, subdirectory, editable = self._build_input(item)
        return self._builder.requires(path, subdirectory, editable=editable, package=item.name)

    def _cached(self, item: Wanted) -> UnpackedWheel | None:
        sha256 = item.hashes.get("sha256", "")
        return self._wheels.get(sha256) if sha256 and is_wheel(item) else None

    def _fetch_all(
        self, wanted: Sequence[Wanted], places: list[int], found: list[Any], reporter: Reporter
    ) -> None:
        """Put the wheels at *places* into *found*, from the URLs of the lock, else from an index's.

        Of several errors the first in order is raised.
        """
        files = {at: file_of(wanted[at]) for at in places}
        failed = self._fetch_files(wanted, files, found, reporter)
        others = {at: self._listed_elsewhere(wanted[at], files[at], failed[at]) for at in sorted(failed)}
        for at, other in others.items():
            if other is None:
                raise failed[at]
        mirrored = {at: other for at, other in others.items() if other is not None}
        failed = self._fetch_files(wanted, mirrored, found, reporter)
        if failed:
            raise failed[min(failed)]

    def _fetch_files(
        self, wanted: Sequence[Wanted], files: Mapping[int, File], found: list[Any], reporter: Reporter
    ) -> dict[int, BaseException]:
        """Fetch *files* in parallel, the largest first, into *found*; return the errors.

        After an error that no other server would mend nothing more is begun.
        """
        crew = self._network()[1]
        errors: dict[int, BaseException] = {}
        left = set(files)

        def fetch(at: int) -> UnpackedWheel | None:
            if any(not is_mirrorable(error) for error in list(errors.values())):
                return None
            with Work(reporter, wanted[at].name, size_of(wanted[at])) as work:
                return self.fetch_wheel(files[at], wanted[at].hashes, work)

        def take(at: int, wheel: UnpackedWheel | None, error: BaseException | None) -> None:
            left.discard(at)
            found[at] = wheel
            if error is not None:
                errors[at] = error

        for at in sorted(files, key=lambda at: (-size_of(wanted[at]), at)):
            crew.submit(
                lambda at=at: fetch(at),  # type: ignore[misc]  # bound in the loop
                lambda wheel, error, at=at: take(at, wheel, error),  # type: ignore[misc]  # as above
            )
        while left:
            crew.step()
        return errors

    def _listed_elsewhere(self, item: Wanted, file: File, error: BaseException) -> File | None:
        """Return the same file (name and SHA-256) as one of the user's indexes lists it, None for none."""
        if self._listing is None or item.file is None or not is_mirrorable(error):
            return None
        listing = self._listing(item.name)
        if isinstance(listing, Unavailable):
            return None
        for other in listing.files(item.version):
            same = other.hashes.get("sha256") == item.hashes.get("sha256", "none")
            if other.filename == file.filename and same and other.url != file.url:
                return other
        return None

    def _build_all(self, wanted: Sequence[Wanted], reporter: Reporter) -> list[UnpackedWheel | None]:
        """Return the wheels built from sdists and sources, in their order.

        Of several errors the first in order is raised, when all builds have ended; the others are told.

        :raises NoWheel: when one is another package than was locked.
        """
        builder = self._builder
        if not wanted or builder is None:
            for item in wanted:
                raise NoWheel(f"{item.name} {item.version} has no wheel, and nothing may be built")
            return []
        if not self._offline and any(self._lacks_archive(item) for item in wanted):
            # Made here: the threads that fetch would each make one of their own.
            self._network()
        made, errors = builder.together([self._build(item, builder, reporter) for item in wanted])
        for at in sorted(errors)[1:]:
            reporter.warn(str(errors[at]))
        for at in sorted(errors):
            raise errors[at]
        return made

    def _build(self, item: Wanted, builder: Builder, reporter: Reporter) -> Steps[UnpackedWheel]:
        """Return the wheel built from an sdist or a source.

        :raises NoWheel: when it is another package than was locked.
        """
        if item.file is not None:
            # It may come while others are built.
            path, subdirectory, editable = (yield lambda: self._fetch_sdist(item, reporter)), "", False
        else:
            path, subdirectory, editable = self._build_input(item)
        key = builder.cache_key(path, subdirectory, editable=editable, package=item.name)
        kept = self._wheels.get_built(key) if key else None
        if kept:
            check_built(item, kept[0])
            return kept[0]
        number = reporter.start("build", item.name)
        folder = self._wheels.temporary(".build")
        os.makedirs(folder)
        try:
            built = yield from builder.wheel_steps(
                path, folder, subdirectory, editable=editable, package=item.name
            )
            sha256 = sha256_of(built)
            wheel = self._wheels.get(sha256) or self._wheels.add(built, sha256, os.path.basename(built))
            check_built(item, wheel)
            if key:
                self._wheels.note_built(key, sha256, os.path.basename(built))
        finally:
            remove_tree(folder)
            reporter.finish(number)
        return wheel

    def _lacks_archive(self, item: Wanted) -> bool:
        """Whether an sdist has to be fetched."""
        file = item.file
        if file is None or file.path:
            return False
        return self._wheels.archive(item.hashes.get("sha256", ""), file.filename) is None

    def _fetch_sdist(self, item: Wanted, reporter: Reporter) -> str:
        """Return the path of the sdist that is wanted; may run in a thread."""
        assert item.file is not None, "what is wanted is a file"
        with Work(reporter, item.name, size_of(item)) as work:
            return self.fetch_archive(item.file, item.hashes, work)

    def _build_input(self, item: Wanted) -> tuple[str, str, bool]:
        """Return the path to build from, the subdirectory in it, and whether an editable wheel is wanted."""
        if item.file is not None:
            return self.fetch_archive(item.file, item.hashes), "", False
        assert item.source is not None, "a wanted package has a file or a source"
        _, path = self._locate(item.source)
        return path, item.source.subdirectory, item.source.editable


def file_of(item: Wanted) -> File:
    """Return the file that is wanted: that of an index, or an archive."""
    return item.file if item.file is not None else archive_file(item.source)


def is_mirrorable(error: BaseException) -> bool:
    """Whether another server could still give the file: this one could not be asked, or did not have it."""
    return isinstance(error, IndexFailure) and not isinstance(error, (HashMismatch, Offline))


def is_wheel(item: Wanted) -> bool:
    """Whether what is wanted is the file of a wheel."""
    if item.file is not None:
        return item.file.is_wheel
    return item.source is not None and item.source.kind == "archive" and is_wheel_name(item.source.location)


def is_wheel_name(location: str) -> bool:
    """Whether a path or URL ends in the name of a wheel."""
    return location.partition("#")[0].partition("?")[0].endswith(".whl")


def size_of(item: Wanted) -> int:
    """Return the size in bytes of the wanted file, 0 when it is not known."""
    return (item.file.size or 0) if item.file is not None else 0


def archive_file(source: Source | None) -> File:
    """Return an archive that no index lists as a file."""
    assert source is not None, "a wanted package has a file or a source"
    from urllib.parse import unquote

    location = source.location.partition("#")[0]
    filename = unquote(location.partition("?")[0].replace("\\", "/").rpartition("/")[2])
    is_url = "://" in location
    return File(
        filename,
        location if is_url else file_url(location),
        hashes=source.hashes,
        path=local_path(location, sys.platform),
    )


def metadata_of_tree(wheel: UnpackedWheel) -> Metadata:
    """Return the metadata in an unpacked wheel.

    :raises InvalidMetadata: when it cannot be read.
    """
    path = os.path.join(wheel.path, wheel.manifest.dist_info, "METADATA")
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse_metadata(file.read())


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hash_file(path).hex()


def check_local(file: File, hashes: Mapping[str, str], found: str) -> None:
    """Compare a file of this machine with the strongest digest that is expected; *found* is its SHA-256.

    :raises HashMismatch: when it differs.
    """
    algorithm = next((name for name in STRENGTH if name in hashes), "sha256")
    expected = hashes.get(algorithm, found)
    if algorithm != "sha256":
        found = hash_file(file.path, algorithm).hex()
    if expected != found:
        raise HashMismatch(
            file.url,
            filename=file.filename,
            algorithm=algorithm,
            expected=expected,
            found=found,
            index=file.index,
        )


def check_built(item: Wanted, wheel: UnpackedWheel) -> None:
    """Compare a built wheel with what was locked; a directory's version may have moved on.

    :raises NoWheel: when it is another package.
    """
    told = wheel.manifest
    if told.name != item.name:
        raise NoWheel(f"building {item.name} {item.version} gave the wheel of {told.name} {told.version}")
    if item.version and (item.source is None or item.source.kind != "directory"):
        try:
            same = version_key(told.version) == version_key(item.version)
        except UnreadableVersion:
            same = False
        if not same:
            raise NoWheel(f"building {item.name} {item.version} gave version {told.version}")
