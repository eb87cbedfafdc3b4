"""What people do with the cache: look at it, empty it, tidy it up, check it.

All of it may run while other processes use the cache: what they read is there or gone, never half, and
what is gone is fetched again. Nothing outside the known buckets is touched, whatever folder the cache was
set to.
"""

from __future__ import annotations

import os
from stat import S_ISDIR

from pkm_env.cache.bytecode import PASSING, verify_bytecode
from pkm_env.cache.check import verify_tree
from pkm_env.cache.manifest import BadWheel
from pkm_env.cache.pages import PageCache, read_records
from pkm_env.cache.store import BUCKETS, MEMORY, PAGES, WHEELS, WORK, unpack
from pkm_env.cache.wheels import MANIFEST, WheelCache
from pkm_env.files import hash_file, remove_tree, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pkm_env.cache.store import Store

DAY_S = 86_400
# What was neither written nor confirmed by an index in so long is not worth its place; reading leaves no trace.
PAGE_AGE_S = 90 * DAY_S
MEMORY_AGE_S = 90 * DAY_S
TEMPORARY_AGE_S = DAY_S
BASES = frozenset(bucket.rpartition("-")[0] for bucket in BUCKETS)


class Usage:
    """How much a bucket holds: ``files`` in number, ``size_bytes`` in all; hard links count once."""

    __slots__ = ("bucket", "entries", "files", "size_bytes")

    def __init__(self, bucket: str, entries: int, files: int, size_bytes: int) -> None:
        self.bucket = bucket
        self.entries = entries
        self.files = files
        self.size_bytes = size_bytes

    def to_json(self) -> dict[str, str | int]:
        """Return the values under their names."""
        return {name: getattr(self, name) for name in self.__slots__}


class Finding:
    """Something in the cache that is not what was put there: where, and what is wrong with it."""

    __slots__ = ("path", "reason")

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason

    def to_json(self) -> dict[str, str]:
        """Return the values under their names."""
        return {"path": self.path, "reason": self.reason}

    def __repr__(self) -> str:
        return f"Finding({self.path!r}, {self.reason!r})"


def info(store: Store) -> list[Usage]:
    """Return what each bucket holds, also those of other formats, sorted by name."""
    return [usage_of(store, bucket) for bucket in buckets(store)]


def clean(store: Store, names: Iterable[str] = ()) -> tuple[int, int]:
    """Remove all, or all that belongs to the packages *names* (normalised); return files and bytes removed."""
    wanted = frozenset(names)
    if wanted:
        return remove(store, list(places_of(store, wanted)))
    removed = remove(store, [store.path(bucket) for bucket in buckets(store)])
    # What was set aside lay there.
    remove_tree(store.path("tmp-1"))
    return removed


def prune(store: Store, now_s: float, *, ci: bool = False) -> tuple[int, int]:
    """Remove what is old or left over; return files and bytes removed.

    That are buckets of other formats, what killed processes left, pages that were neither fetched nor confirmed
    for long, small digests of that age, and ruins. With *ci* also what is quicker fetched again than kept between
    runs on a build server: all wheels but those that were built here, and pages.
    """
    places = [store.path(bucket) for bucket in buckets(store) if bucket not in BUCKETS]
    places += older(store.path("tmp-1"), now_s - TEMPORARY_AGE_S)
    places += unfinished(store, now_s - TEMPORARY_AGE_S)
    places += older(store.path(MEMORY), now_s - MEMORY_AGE_S, depth=2)
    places += older(store.path(PAGES), now_s - PAGE_AGE_S, depth=2)
    places += [place for place, _ in ruins(store)]
    if ci:
        built = built_digests(store)
        places += [entry.path for entry in entries(store.path(WHEELS)) if entry.name not in built]
        places += [store.path(bucket) for bucket in (PAGES, "metadata-1", "archives-1")]
    return remove(store, places)


def verify(store: Store, *, each: Callable[[str], None] | None = None) -> list[Finding]:
    """Compare all that has a digest with it, remove what does not agree, and return what that was.

    What was removed is fetched or made again when it is needed. *each* is told of each wheel.
    """
    findings = [Finding(path, reason) for path, reason in ruins(store)]
    findings += bad_wheels(store, each)
    findings += bad_pages(store)
    findings += bad_archives(store)
    for folder in entries(store.path(MEMORY)):
        findings += [
            Finding(entry.path, "it is damaged")
            for entry in entries(folder.path)
            if unpack(store.read(entry.path)) is None
        ]
    remove(store, [finding.path for finding in findings])
    return findings


def bad_wheels(store: Store, each: Callable[[str], None] | None) -> Iterator[Finding]:
    """Yield the unpacked wheels with a file that is not what was unpacked, and the damaged bytecode of others."""
    wheels = WheelCache(store)
    for entry in entries(store.path(WHEELS)):
        wheel = wheels.get(entry.name)
        if wheel is None:
            continue
        release = f"{wheel.manifest.name} {wheel.manifest.version}"
        if each:
            each(release)
        try:
            damaged = verify_tree(wheel)
        except BadWheel as error:
            damaged = error.reason
        if damaged:
            yield Finding(entry.path, f"{release}: {damaged} is not what was unpacked")
            continue
        for path, changed in verify_bytecode(wheel):
            yield Finding(path, f"{release}: {changed} is not what was compiled")


def bad_archives(store: Store) -> Iterator[Finding]:
    """Yield the archives whose content is not what their digest says, or cannot be read."""
    for entry in entries(store.path("archives-1")):
        for file in entries(entry.path):
            try:
                if hash_file(file.path).hex() != entry.name:
                    yield Finding(entry.path, "its content is not what its SHA-256 says")
            except FileNotFoundError:  # noqa: PERF203 - each file may fail in a way of its own
                # It is cleaned just now.
                continue
            except OSError as error:
                yield Finding(entry.path, f"it cannot be read ({error.strerror})")


def bad_pages(store: Store) -> Iterator[Finding]:
    """Yield the pages and metadata that cannot be read whole."""
    pages = PageCache(store)
    for index in entries(store.path(PAGES)):
        for entry in entries(index.path):
            page = pages.load(index.name, name_of(entry.name))
            if page is None or not page.is_sound():
                yield Finding(entry.path, "it is damaged")
    for index in entries(store.path("metadata-1")):
        for entry in entries(index.path):
            data = store.read(entry.path) or b""
            if read_records(data, {}) != len(data):
                yield Finding(entry.path, "it is damaged")


def ruins(store: Store) -> Iterator[tuple[str, str]]:
    """Yield the wheels without a whole manifest, and the notes of built wheels that are gone."""
    wheels = WheelCache(store)
    for entry in entries(store.path(WHEELS)):
        if unpack(store.read(os.path.join(entry.path, MANIFEST))) is None or wheels.get(entry.name) is None:
            yield entry.path, "it has no whole manifest"
    for entry in entries(store.path("built-1")):
        if wheels.get_built(entry.name) is None:
            yield entry.path, "the wheel that was built is gone"


def unfinished(store: Store, before_s: float) -> list[str]:
    """Return the folders that killed builds, compilations and fetches of repositories left before a time."""
    found = older(store.path(WORK), before_s)
    for wheel in entries(store.path(WHEELS)):
        found += [path for path in older(wheel.path, before_s) if path.endswith(PASSING)]
    for repository in entries(store.path("git-1")):
        for folder in (repository.path, os.path.join(repository.path, "checkouts")):
            # A clone and a checkout are made under their name with the number of the process after it.
            found += [
                path
                for path in older(folder, before_s)
                if os.path.basename(path).rpartition(".")[2].isdecimal() and os.path.isdir(path)
            ]
    return found


def built_digests(store: Store) -> set[str]:
    """Return the SHA-256 of the wheels that were built here."""
    told = [unpack(store.read(entry.path)) for entry in entries(store.path("built-1"))]
    return {item[0] for item in told if isinstance(item, tuple) and item}


def places_of(store: Store, names: frozenset[str]) -> Iterator[str]:
    """Yield the paths of all that belongs to packages: pages, metadata, wheels, archives, builds."""
    for bucket in (PAGES, "metadata-1"):
        for index in entries(store.path(bucket)):
            yield from (entry.path for entry in entries(index.path) if name_of(entry.name) in names)
    wheels = WheelCache(store)
    for entry in entries(store.path(WHEELS)):
        wheel = wheels.get(entry.name)
        if wheel is not None and wheel.manifest.name in names:
            yield entry.path
    for entry in entries(store.path("built-1")):
        built = wheels.get_built(entry.name)
        if built is not None and built[0].manifest.name in names:
            yield entry.path
    for entry in entries(store.path("archives-1")):
        if any(is_sdist_of(file.name, name) for file in entries(entry.path) for name in names):
            yield entry.path


def name_of(filename: str) -> str:
    """Return the package that a page or a file of metadata is about."""
    return filename.rpartition(".")[0].removeprefix("_")


def is_sdist_of(filename: str, name: str) -> bool:
    """Whether a file name is that of an sdist of the package *name* (normalised)."""
    stem = filename.rpartition("-")[0]
    return stem.lower().replace("_", "-").replace(".", "-") == name


def buckets(store: Store) -> list[str]:
    """Return the names of the buckets that are there, of whatever format, sorted."""
    found = []
    for entry in entries(store.root):
        base, _, number = entry.name.rpartition("-")
        if base in BASES and number.isdecimal() and entry.is_dir(follow_symlinks=False):
            found.append(entry.name)
    return found


def entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what is in a folder, sorted by name; a missing folder is an empty one."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def older(folder: str, than_s: float, depth: int = 1) -> list[str]:
    """Return the paths, *depth* levels below *folder*, that were last changed before a time."""
    found = []
    for entry in entries(folder):
        if depth > 1:
            found += older(entry.path, than_s, depth - 1)
            continue
        try:
            if entry.stat(follow_symlinks=False).st_mtime < than_s:
                found.append(entry.path)
        except OSError:
            # It was removed meanwhile.
            continue
    return found


def usage_of(store: Store, bucket: str) -> Usage:
    """Return what one bucket holds."""
    files, size = measure(store.path(bucket), set())
    return Usage(bucket, len(entries(store.path(bucket))), files, size)


def measure(path: str, seen: set[tuple[int, int]]) -> tuple[int, int]:
    """Return number and size of the files at or below *path*, but for what lies deeper than a path may be long."""
    files = size = 0
    left = [path]
    while left:
        path = left.pop()
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if S_ISDIR(status.st_mode):
            left += [entry.path for entry in entries(path)]
            continue
        key = (status.st_dev, status.st_ino)
        files, size = files + 1, size + (0 if key in seen else status.st_size)
        seen.add(key)
    return files, size


def remove(store: Store, places: Iterable[str]) -> tuple[int, int]:
    """Remove files and folders, each at once to whoever looks; return files and bytes removed."""
    files = size = 0
    seen: set[tuple[int, int]] = set()
    for place in dict.fromkeys(places):
        count, amount = measure(place, seen)
        aside = f"{store.root}{os.sep}tmp-1{os.sep}{os.urandom(8).hex()}.gone"
        try:
            os.makedirs(os.path.dirname(aside), exist_ok=True)
            replace(place, aside)
        except OSError:
            # It is the folder of temporaries itself, was removed meanwhile, or is in use on Windows.
            aside = place
        remove_tree(aside)
        files, size = files + count, size + amount
    return files, size
