"""From the digest of a page to a listing, and which file of a release is asked for its metadata.

Pure: what stands in a page comes in, what the resolver sees comes out.
"""

from __future__ import annotations

from pkm_env.index.times import day_of
from pkm_env.model.distribution import File, Unavailable
from pkm_env.model.ports import Listing
from pkm_env.model.rows import offered_in
from pkm_env.model.versions import UnreadableVersion, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from pkm_env.cache.pages import CachedPage
    from pkm_env.model.distribution import Metadata

    # A version's number in the page -> its plain files.
    PlainFiles = Callable[[int], tuple[tuple[Any, ...], ...]]

UNDATED = 0xFFFF
NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
# Positions in the plain form of a File.
FILENAME, HASHES, INDEX, REQUIRES_PYTHON, SIZE, UPLOAD_TIME, URL, YANKED = 0, 1, 2, 5, 6, 7, 8, 9


class Unbuilt:
    """An sdist that was fetched and tells its metadata only when it is built: done when it is asked for."""

    __slots__ = ("file", "path")

    def __init__(self, file: File, path: str) -> None:
        self.file = file
        self.path = path


class DatedListing(Listing):
    """A listing after the cut-off date: ``excluded`` is the mask of the versions that are too new.

    ``undated`` is the mask of those of them that have a file without a time of upload, ``cutoff`` the
    date as it was given to ``make_listing``.
    """

    __slots__ = ("cutoff", "excluded", "plain_of", "text_of", "undated")

    cutoff: str
    excluded: int
    undated: int
    plain_of: Callable[[str], Sequence[tuple[Any, ...]]]
    text_of: Callable[[int], str | None] | None

    def offered(self, version: str, is_wanted: Callable[[str], bool]) -> list[File]:
        """Return the files of a version whose name is wanted, sorted by name.

        Those that were yanked singly count only where all are yanked. Most files of a release with native
        modules are wanted by nobody, so they are looked at as rows, where these are at hand.
        """
        if self.text_of is not None and not self.cutoff and version in self.versions:
            text = self.text_of(self.versions.index(version))
            if text is not None:
                return [named(item, self.index) for item in offered_in(text, is_wanted)]
        plain = self.plain_of(version)
        offered = [item for item in plain if item[YANKED] is None] or plain
        return [named(item, self.index) for item in offered if is_wanted(item[FILENAME])]


def make_listing(
    name: str,
    index: str,
    digest: tuple[Any, ...],
    plain_files: PlainFiles,
    cutoff: str = "",
    text_of: Callable[[int], str | None] | None = None,
) -> DatedListing:
    """Return the listing of *name* from the *digest* of a page.

    *cutoff* is a time in UTC (RFC 3339), "" for none: files that were uploaded then or later, or nobody
    knows when, are left out, and versions without any other file are in no signature. *text_of* gives the files of a
    version as rows, None where they are not at hand.
    """
    versions, signatures, prereleases, yanked, key, times = digest

    def plain_of(version: str) -> Sequence[tuple[Any, ...]]:
        try:
            plain = plain_files(versions.index(version))
        except ValueError:
            return ()
        return before(plain, cutoff) if cutoff else plain

    def files_of(version: str) -> tuple[File, ...]:
        return tuple(named(item, index) for item in plain_of(version))

    listing = DatedListing(
        name,
        versions,
        signatures,
        prereleases=prereleases,
        yanked=yanked,
        index=index,
        key=key,
        files_of=files_of,
    )
    listing.excluded = listing.undated = 0
    listing.cutoff = cutoff
    listing.plain_of = plain_of
    listing.text_of = text_of
    if cutoff:
        cut(listing, times, plain_files, cutoff)
    return listing


def named(plain: tuple[Any, ...], index: str) -> File:
    """Return the file of its plain form, as one of *index*.

    Written out, for ``File.from_plain`` takes four times as long, and a lock reads thousands of them.
    """
    file = File.__new__(File)
    file.filename, file.hashes, _, file.metadata_hashes, file.path, file.requires_python = plain[:6]
    file.size, file.upload_time, file.url, file.yanked = plain[6:]
    file.index = index
    return file


def before(plain: Sequence[tuple[Any, ...]], cutoff: str) -> tuple[tuple[Any, ...], ...]:
    """Return the files that are known to be uploaded before *cutoff* (its first 19 characters count)."""
    return tuple(item for item in plain if item[UPLOAD_TIME] and item[UPLOAD_TIME][:19] < cutoff[:19])


def cut(listing: DatedListing, times: bytes, plain_files: PlainFiles, cutoff: str) -> None:
    """Take out of *listing* what is not older than *cutoff*."""
    excluded, undated, mixed = sorted_by_date(times, cutoff)
    masks = {(needs, tags): mask for needs, tags, mask in listing.signatures}
    yanked = listing.yanked
    touched = excluded
    kept: dict[int, tuple[tuple[Any, ...], ...]] = {}
    for number in mixed:
        every = plain_files(number)
        left = before(every, cutoff)
        if len(left) < len(every):
            kept[number] = left
            touched |= 1 << number
            excluded |= 0 if left else 1 << number
    listing.excluded, listing.undated = excluded, undated
    if not touched:
        return
    masks = {signature: mask & ~touched for signature, mask in masks.items()}
    yanked &= ~touched
    for number, left in kept.items():
        all_yanked = bool(left) and all(item[YANKED] is not None for item in left)
        yanked |= all_yanked << number
        for item in left:
            if all_yanked or item[YANKED] is None:
                signature = (item[REQUIRES_PYTHON] or "", tags_of(item[FILENAME]))
                masks[signature] = masks.get(signature, 0) | 1 << number
    listing.signatures = tuple((needs, tags, mask) for (needs, tags), mask in sorted(masks.items()) if mask)
    listing.yanked = yanked
    listing.key = f"{listing.key}<{cutoff}"


def sorted_by_date(times: bytes, cutoff: str) -> tuple[int, int, list[int]]:
    """Return the masks of the versions that are too new and of those with a file without a time.

    And the numbers of the versions that only a look at the times of their files decides.
    """
    day = day_of(cutoff)
    # At midnight no file of that day is old enough.
    too_new = day if cutoff[11:19] in {"", "00:00:00"} else day + 1
    from struct import unpack

    days = unpack(f"<{len(times) // 2}H", times)
    excluded = undated = 0
    mixed = []
    for number, (earliest, latest) in enumerate(zip(days[::2], days[1::2], strict=True)):
        if latest < day:
            continue
        if earliest >= too_new:
            excluded |= 1 << number
        else:
            mixed.append(number)
        if latest == UNDATED:
            undated |= 1 << number
    return excluded, undated, mixed


def tags_of(filename: str) -> str:
    """Return the compressed tag set of a listed file, "sdist" for an sdist."""
    return "-".join(filename[:-4].split("-")[-3:]).lower() if filename.endswith(".whl") else "sdist"


def metadata_file(files: Iterable[File]) -> File | None:
    """Return the file that speaks for a release: its pure wheel, else the first wheel by name, else an sdist.

    Never what the machine at hand would install: the answer is the same everywhere. Files that were
    yanked singly speak only when there is no other.
    """
    every = sorted(files, key=lambda file: file.filename)
    for group in ([file for file in every if file.yanked is None], every):
        wheels = [file for file in group if file.is_wheel]
        pure = [file for file in wheels if file.filename.endswith("-none-any.whl")]
        for choice in (pure, wheels, group):
            if choice:
                return choice[0]
    return None


def is_copy(page: CachedPage, original: CachedPage, sha256_of: Callable[[str], str]) -> bool:
    """Whether *original* lists every file of *page* with the same SHA-256; *sha256_of* computes that of a path."""
    if original.missing:
        return False
    numbers = {version: number for number, version in enumerate(original.digest[0])}
    for at, version in enumerate(page.digest[0]):
        if version not in numbers:
            return False
        listed = {plain[0]: plain[1].get("sha256", "") for plain in original.files_of(numbers[version]) or ()}
        for plain in page.files_of(at) or ():
            told = plain[1].get("sha256", "") or (sha256_of(plain[4]) if plain[4] else "")
            if not told or listed.get(plain[0]) != told:
                return False
    return True


def metadata_key(file: File) -> str:
    """Return what tells this file from another of the same name, for the metadata that is kept of it."""
    sha256 = file.hashes.get("sha256")
    return (
        f"{file.filename}|{sha256}"
        if sha256
        else f"{file.filename}|{file.url}|{file.upload_time}|{file.size}"
    )


def best_release(listing: Listing) -> str:
    """Return the newest final release that is not yanked, else the newest, "" when there is none."""
    some = 0
    for _, _, mask in listing.signatures:
        some |= mask
    good = some & ~listing.prereleases & ~listing.yanked or some & ~listing.yanked or some
    return listing.versions[good.bit_length() - 1] if good else ""


def dependency_names(requires: Iterable[str]) -> Iterator[str]:
    """Yield the normalised names that requirements probably lead to, without those of extras."""
    for text in requires:
        head, _, marker = text.partition(";")
        if "extra" in marker:
            continue
        end = 0
        while end < len(head) and head[end] in NAME_CHARACTERS:
            end += 1
        name = head[:end].lower().replace("_", "-").replace(".", "-")
        if name:
            yield name


def checked(found: Metadata, name: str, version: str, filename: str) -> Metadata | Unavailable:
    """Return *found* if it is about this release, else why the file it came from cannot be taken."""
    if found.name != name:
        return Unavailable("metadata", f"{filename} says in its metadata that it is {found.name}")
    try:
        same = found.version == version or version_key(found.version) == version_key(version)
    except UnreadableVersion:
        same = False
    if not same:
        return Unavailable("metadata", f"{filename} says in its metadata that it is version {found.version}")
    return found
