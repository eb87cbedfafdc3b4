"""Whole files: fetched or found on this machine, compared with their digests, wheels unpacked into the cache.

Methods named ``fetch_…`` may run in the threads of a crew; all else is called by one thread.
"""

from __future__ import annotations

import os
import sys
from _queue import SimpleQueue

from pkm_build.errors import PkmError
from pkm_env.cache.manifest import NoArchive
from pkm_env.files import hash_file
from pkm_env.index.errors import DamagedWheel, Gone, HashMismatch, IndexFailure, Offline, WriteFailed
from pkm_env.index.local import file_url
from pkm_env.index.urls import local_path
from pkm_env.mirrors import is_mirrorable
from pkm_env.model.core_metadata import parse_metadata
from pkm_env.model.distribution import SECURE, STRENGTH, File, Metadata, Unavailable
from pkm_env.wanted import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.cache.wheels import WheelCache
    from pkm_env.index.client import IndexClient
    from pkm_env.index.crew import Crew
    from pkm_env.mirrors import Mirrors
    from pkm_env.model.distribution import Source
    from pkm_env.model.ports import Memory, Reporter
    from pkm_env.wanted import Wanted


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

    def __enter__(self) -> None:
        """Nothing is done yet."""

    def __exit__(self, *_: object) -> None:
        self.end()


class Fetcher:
    """Fetches into the cache; see the module's docstring."""

    def __init__(
        self,
        wheels: WheelCache,
        network: Callable[[], tuple[IndexClient, Crew]],
        memory: Memory,
        *,
        mirrors: Mirrors | None = None,
        offline: bool = False,
    ) -> None:
        """Take the cache, the network, what was derived once, and what knows other places of a file."""
        self._wheels = wheels
        self._network = network
        self._memory = memory
        self._mirrors = mirrors
        self._offline = offline
        # Who unpacks takes one of them; ``threading``, which has semaphores, takes 4 ms to load.
        self._seats: SimpleQueue[None] = SimpleQueue()
        for _ in range((os.cpu_count() or 1) + 1):
            self._seats.put(None)

    def connect(self) -> None:
        """Make the network, if it may be used: threads that fetch would each make one of their own."""
        if not self._offline:
            self._network()

    # Digests

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
        """Return the hashes of a listed file, for a lock; where the index tells none to rely on, one is computed.

        :raises IndexFailure: when it has to be fetched, and cannot.
        """
        if not SECURE.isdisjoint(file.hashes):
            return dict(file.hashes)
        if file.path:
            return {"sha256": self._checked(file, file.hashes)}
        key = f"{file.url}|{file.filename}|{file.size}|{file.upload_time}"
        if file.hashes:
            key += f"|{sorted(file.hashes.items())}"
        known = self._memory.recall("file-sha256", key)
        if isinstance(known, str):
            return {"sha256": known}
        temporary, sha256 = self._fetch(file, file.hashes, None)
        self._keep(temporary, sha256, file.filename)
        self._memory.remember("file-sha256", key, sha256)
        return {"sha256": sha256}

    def _checked(self, file: File, hashes: Mapping[str, str]) -> str:
        """Return the SHA-256 of a listed file of this machine.

        :raises Gone: when it is not there any more.
        :raises HashMismatch: when it has another digest than it should.
        """
        try:
            found = self.local_sha256(file.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Gone(file.path, filename=file.filename) from error
        check_local(file, hashes, found)
        return found

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
            self._checked(file, wanted)
            return file.path
        sha256 = wanted.get("sha256", "")
        kept = self._kept_archive(sha256, file.filename)
        if kept:
            return kept
        turn = self._wheels.turn(sha256)
        with turn:
            turn.take()
            # While we waited another process may have fetched it.
            kept = self._kept_archive(sha256, file.filename)
            if kept:
                return kept
            if work:
                work.begin("fetch")
            temporary, found = self._fetch(file, wanted, work.advance if work else None)
            return self._wheels.add_archive(temporary, found, file.filename)

    def _kept_archive(self, sha256: str, filename: str) -> str:
        """Return the path of an archive of this digest in the cache, "" where none is, or a damaged one."""
        kept = self._wheels.archive(sha256, filename) if sha256 else None
        return kept if kept and sha256_of(kept) == sha256 else ""

    def fetch_wheel(self, file: File, hashes: Mapping[str, str], work: Work | None = None) -> UnpackedWheel:
        """Return a wheel of an index, unpacked, from the cache or fetched; *work* is told what is done.

        :raises IndexFailure: when it cannot be had.
        :raises BadWheel: when it breaks the rules of its format.
        """
        sha256 = hashes.get("sha256", "")
        if file.path:
            found = self._checked(file, hashes)
            return self._wheels.get(found) or self._unpacked(file.path, found, file.filename, work)
        kept = self._wheels.get(sha256) if sha256 else None
        if kept:
            return kept
        turn = self._wheels.turn(sha256)
        with turn:
            turn.take()
            # While we waited another process may have fetched it.
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

        :raises IndexFailure: when it cannot be had, or comes damaged as far as anyone can tell.
        """
        try:
            return metadata_of_tree(self.fetch_wheel(file, file.hashes))
        except (HashMismatch, IndexFailure):
            raise
        except NoArchive as error:
            if file.path or not file.hashes.keys().isdisjoint(STRENGTH):
                # It is what was listed: the release was made so.
                return Unavailable("metadata", str(error))
            raise DamagedWheel(
                file.url, filename=file.filename, index=file.index, reason=f"it {error.reason}"
            ) from error
        except PkmError as error:
            return Unavailable("metadata", str(error))

    def local_metadata(self, path: str) -> Metadata | Unavailable | None:
        """Return what a wheel of this machine says of itself, None where it has no metadata."""
        return self._network()[0].metadata(File(os.path.basename(path), "", path=path))

    # Many wheels; called by one thread

    def wheels_of(self, wanted: Sequence[Wanted], reporter: Reporter) -> list[UnpackedWheel | None]:
        """Return the wheels of what is wanted, in this order, from where ``Mirrors`` says.

        :raises IndexFailure: when a file cannot be had; of several errors the first in order.
        :raises BadWheel: when one breaks the rules of its format.
        """
        found: list[UnpackedWheel | None] = [None] * len(wanted)
        mirrored = self.mirrored(wanted)
        files = {at: mirrored.get(item) or file_of(item) for at, item in enumerate(wanted)}
        failed = self._fetch_files(wanted, files, found, reporter)
        others: dict[int, File] = {}
        for at in sorted(failed):
            other = self.other_place(wanted[at], files[at], failed[at])
            if other is None:
                raise failed[at]
            others[at] = other
        failed = self._fetch_files(wanted, others, found, reporter)
        if failed:
            raise failed[min(failed)]
        return found

    def mirrored(self, wanted: Iterable[Wanted]) -> dict[Wanted, File]:
        """Return those of *wanted* that are first looked for at another place than the lock's."""
        return self._mirrors.first(wanted) if self._mirrors is not None else {}

    def other_place(self, item: Wanted, tried: File, error: BaseException) -> File | None:
        """Return where else a file may be had, None for nowhere."""
        return self._mirrors.other(item, tried, error) if self._mirrors is not None else None

    def _fetch_files(
        self,
        wanted: Sequence[Wanted],
        files: Mapping[int, File],
        found: list[UnpackedWheel | None],
        reporter: Reporter,
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
            work = Work(reporter, wanted[at].name, size_of(wanted[at]))
            with work:
                return self.fetch_wheel(files[at], wanted[at].hashes, work)

        def take(at: int, wheel: UnpackedWheel | None, error: BaseException | None) -> None:
            left.discard(at)
            found[at] = wheel
            if error is not None:
                errors[at] = error

        def submit(at: int) -> None:
            crew.submit(lambda: fetch(at), lambda wheel, error: take(at, wheel, error))

        for at in sorted(files, key=lambda at: (-size_of(wanted[at]), at)):
            submit(at)
        while left:
            crew.step()
        return errors


def file_of(item: Wanted) -> File:
    """Return the file that is wanted: that of an index, or an archive."""
    return item.file if item.file is not None else archive_file(item.source)


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
            file.url or file.path,
            filename=file.filename,
            algorithm=algorithm,
            expected=expected,
            found=found,
            index=file.index,
        )
