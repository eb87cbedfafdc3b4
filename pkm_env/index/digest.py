"""The digest of an index page: from the files it lists to the masks a resolver works on.

Pure, and on the way of every cold answer: 180,000 files of 400 pages should not cost more than half a
second here, so names are cut by ``split``, and what repeats is looked up.
"""

from __future__ import annotations

from hashlib import blake2b
from operator import itemgetter

from pkm_build.grammar import normalise
from pkm_env.index.names import FileNames
from pkm_env.index.times import seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pkm_env.index.names import ReadVersion

    # (filename, hashes, index, metadata_hashes, path, requires_python, size, upload_time, url, yanked)
    Plain = tuple[Any, ...]
    Warn = Callable[[str], None]

NEVER = 0xFFFF_FFFF
FILENAME, REQUIRES_PYTHON, UPLOAD_TIME, YANKED = 0, 5, 7, 9
WHEEL_WEIGHT = 1_000_000
FILENAME_OF = itemgetter(0)


class Page:
    """What a page says of one name.

    ``digest`` is what a listing is made of: ``(versions, signatures, prereleases, yanked, key, times)``,
    with the meaning of ``ports.Listing``; ``times`` holds two little-endian 32-bit numbers for each
    version: the earliest and latest upload of its files, in seconds since 1970 (the largest number for
    a file without a time). ``files`` are the plain files of each version, sorted by name.
    """

    __slots__ = ("digest", "files", "warnings")

    def __init__(self, digest: tuple[Any, ...], files: list[tuple[Plain, ...]], warnings: list[str]) -> None:
        self.digest = digest
        self.files = files
        self.warnings = warnings


class Group:
    """The files of one version, in any spelling: ``spellings`` counts them, ``members`` are (name, tags, plain)."""

    __slots__ = ("is_prerelease", "key", "members", "spellings")

    def __init__(self, version: ReadVersion) -> None:
        self.key = version.key
        self.is_prerelease = version.is_prerelease
        self.spellings: dict[str, int] = {}
        self.members: list[tuple[str, str, Plain]] = []

    @property
    def text(self) -> str:
        """The spelling that is shown: of 1.0 and 1.0.0 that of a wheel, then the commoner, then the first."""
        spellings = self.spellings
        if len(spellings) == 1:
            return next(iter(spellings))
        return min(spellings, key=lambda text: (-spellings[text], text))


class Grouping:
    """Puts the files of one project into groups; what repeats in names of wheels is looked up."""

    __slots__ = ("_names", "_of_text", "_own", "_tags", "groups")

    def __init__(self, name: str, memo: dict[str, ReadVersion | None] | None) -> None:
        self._names = FileNames(name, memo)
        self.groups: dict[Any, Group] = {}
        self._of_text: dict[str, tuple[Group, str]] = {}
        self._own: set[str] = set()
        self._tags: dict[str, str] = {}

    def add(self, plain: Plain) -> bool:
        """Put a file into its group, and say whether it is one of this project."""
        filename: str = plain[0]
        parts = filename.split("-", 2)
        if len(parts) == 3 and parts[0] in self._own:  # noqa: PLR2004 - name, version, and the rest of a wheel's name
            known = self._of_text.get(parts[1])
            tags = self._tags.get(parts[2])
            if known is not None and tags is not None:
                group, text = known
                group.spellings[text] += WHEEL_WEIGHT
                group.members.append((filename, tags, plain))
                return True
        found = self._names.read(filename)
        if found is None:
            return False
        version, tags = found
        group = self.groups.get(version.key) or self._new_group(version)
        weight = 1 if tags == "sdist" else WHEEL_WEIGHT
        group.spellings[version.text] = group.spellings.get(version.text, 0) + weight
        group.members.append((filename, tags, plain))
        if tags != "sdist":
            self._own.add(parts[0])
            self._of_text[parts[1]] = (group, version.text)
            self._tags[parts[2]] = tags
        return True

    def _new_group(self, version: ReadVersion) -> Group:
        group = self.groups[version.key] = Group(version)
        return group


def make_page(
    entries: Iterable[Plain], name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return the page of *name* made of *entries*; entries of other projects are left out."""
    grouping = Grouping(name, memo)
    add = grouping.add
    for entry in entries:
        # Many projects have old files with odd names of their own; only another's name is suspicious.
        if not add(entry) and not normalise(entry[FILENAME]).startswith(f"{name}-"):
            refuse(f"{entry[FILENAME][:120]} is no wheel or sdist of {name}")
    groups = grouping.groups
    return digested(name, [groups[key] for key in sorted(groups)])


def digested(name: str, groups: list[Group]) -> Page:
    """Return the page of the releases *groups*, in ascending order."""
    files: list[tuple[Plain, ...]] = []
    times: list[int] = []
    signatures: dict[tuple[str, str], int] = {}
    prereleases = yanked = 0
    bit = 1
    for group in groups:
        members = first_of_each(group.members)
        all_yanked = True
        for _, _, plain in members:
            if plain[YANKED] is None:
                all_yanked = False
                break
        for signature in {
            (plain[REQUIRES_PYTHON] or "", tags)
            for _, tags, plain in members
            if all_yanked or plain[YANKED] is None
        }:
            signatures[signature] = signatures.get(signature, 0) | bit
        times += span_of([plain[UPLOAD_TIME] for _, _, plain in members])
        prereleases |= bit if group.is_prerelease else 0
        yanked |= bit if all_yanked else 0
        files.append(tuple([plain for _, _, plain in members]))
        bit <<= 1
    ordered = tuple((needs, tags, mask) for (needs, tags), mask in sorted(signatures.items()))
    digest = (tuple(group.text for group in groups), ordered, prereleases, yanked)
    packed = b"".join(number.to_bytes(4, "little") for number in times)
    return Page((*digest, listing_key(name, digest), packed), files, [])


def span_of(times: list[str]) -> tuple[int, int]:
    """Return the earliest and latest of some times in seconds, the largest number for one that is not known.

    All are in UTC in one form, so they sort as texts; those with a fraction sort after those without.
    """
    earliest = min((time for time in times if time), default="")
    latest = "" if "" in times else max(times)
    return (
        seconds_of(earliest) if earliest else NEVER,
        seconds_of(latest) if latest else NEVER,
    )


def first_of_each(members: list[tuple[str, str, Plain]]) -> list[tuple[str, str, Plain]]:
    """Return *members* sorted by file name; of several with one name always the same, in whatever order."""
    if len(members) == 1:
        return members
    members.sort(key=FILENAME_OF)
    if len({member[0] for member in members}) == len(members):
        return members
    seen: dict[str, tuple[str, str, Plain]] = {}
    for member in sorted(members, key=repr):
        seen.setdefault(member[0], member)
    return list(seen.values())


def listing_key(name: str, digest: tuple[Any, ...]) -> str:
    """Return the short digest of what a listing says."""
    versions, signatures, prereleases, yanked = digest[:4]
    parts = [name, *versions, f"{prereleases:x}", f"{yanked:x}"]
    parts += [f"{needs}|{tags}|{mask:x}" for needs, tags, mask in signatures]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
