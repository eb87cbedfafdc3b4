"""The digest of an index page: from the files it lists to the masks a resolver works on.

Pure, and on the way of every cold answer: 180,000 files of 400 pages should not cost more than half a
second here, so names are cut by ``split``, and what repeats is looked up.
"""

from __future__ import annotations

from hashlib import blake2b
from operator import attrgetter, itemgetter
from struct import pack

from pkm_build.grammar import normalise
from pkm_env.index.names import FileNames
from pkm_env.index.times import day_of
from pkm_env.model.rows import NOT_YANKED, files_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pkm_env.index.names import ReadVersion
    from pkm_env.model.rows import Row

    Warn = Callable[[str], None]
    # Its compressed tag set, and the file.
    Member = tuple[str, Row]
    Release = tuple[str, bool, list[Member]]

NEVER = 0xFFFF
# Cells of a row.
FILENAME, NEEDS, UPLOADED, YANKED = 1, 3, 5, 7
# Parts of a file name that is cut twice at hyphens: name, version, and what else a wheel says.
OF_SDIST, OF_WHEEL = 2, 3
WHEEL_WEIGHT = 1_000_000
FILENAME_OF = itemgetter(FILENAME)
KEY_OF = attrgetter("version.key")


def name_of(member: Member) -> str:
    """Return the file name of a member."""
    return member[1][FILENAME]


class Page:
    """What a page says of one name.

    ``digest`` is what a listing is made of: ``(versions, signatures, prereleases, yanked, key, times)``,
    with the meaning of ``ports.Listing``; ``times`` holds two little-endian 16-bit numbers for each
    version: the days of the earliest and latest upload of its files, counted from 1970-01-01 (the
    largest number for a file without a time). ``texts`` are the files of each version, sorted by name, as
    ``model.rows`` joins them.
    """

    __slots__ = ("digest", "texts", "warnings")

    def __init__(self, digest: tuple[Any, ...], texts: list[str], warnings: list[str]) -> None:
        self.digest = digest
        self.texts = texts
        self.warnings = warnings

    @property
    def files(self) -> list[tuple[tuple[Any, ...], ...]]:
        """The plain files of each version."""
        return [files_in(text) for text in self.texts]


class Spelling:
    """One way to write a version (1.0, 1.0.0), and the files that do."""

    __slots__ = ("members", "version")

    def __init__(self, version: ReadVersion) -> None:
        self.version = version
        self.members: list[Member] = []

    @property
    def weight(self) -> int:
        """How common it is: its wheels count before its sdists."""
        return sum([1 if tags == "sdist" else WHEEL_WEIGHT for tags, _ in self.members])


class Grouping:
    """Sorts the files of one project by version; what repeats in their names is looked up."""

    __slots__ = ("_adders", "_names", "_own", "_own_sdists", "_tags", "spellings")

    def __init__(self, name: str, memo: dict[str, ReadVersion | None] | None) -> None:
        self._names = FileNames(name, memo)
        self.spellings: dict[str, Spelling] = {}
        # What adds a file to the spelling that a text in its name stands for.
        self._adders: dict[str, Callable[[Member], None] | None] = {}
        self._own: set[str] = set()
        self._own_sdists: set[str] = set()
        self._tags: dict[str, str] = {}

    def add_all(self, rows: Iterable[Row], refuse: Callable[[str], None]) -> None:
        """Put files to their versions; *refuse* is told of the name of each that is not of this project.

        One loop over names that are bound once: with a call for each file it takes half as long again.
        """
        own, own_sdists, tags_of, adders = self._own, self._own_sdists, self._tags, self._adders
        for row in rows:
            filename = row[1]
            parts = filename.split("-", 2)
            if len(parts) == OF_WHEEL:
                tags = tags_of.get(parts[2]) if parts[0] in own else None
                text = parts[1]
            else:
                tags = "sdist" if parts[0] in own_sdists and filename[-7:] == ".tar.gz" else None
                text = parts[-1][:-7]
            add = None
            if tags is not None:
                add = adders[text] if text in adders else self._adder(text)
            if add is not None and tags is not None:
                add((tags, row))
            elif not self._add_new(filename, row, parts):
                refuse(filename)

    def _adder(self, text: str) -> Callable[[Member], None] | None:
        """Return what adds a file to a version, by its spelling; None when *text* is no version."""
        version = self._names.version(text)
        found = None if version is None else self._spelling(version).members.append
        self._adders[text] = found
        return found

    def _spelling(self, version: ReadVersion) -> Spelling:
        """Return a spelling of a version, made if need be."""
        found = self.spellings.get(version.text)
        if found is None:
            found = self.spellings[version.text] = Spelling(version)
        return found

    def _add_new(self, filename: str, row: Row, parts: list[str]) -> bool:
        """Put a file to its version with the care that the first of its kind needs; say whether it is ours."""
        found = self._names.read(filename)
        if found is None:
            return False
        version, tags = found
        self._spelling(version).members.append((tags, row))
        if tags != "sdist":
            self._own.add(parts[0])
            self._tags[parts[2]] = tags
        elif len(parts) == OF_SDIST:
            self._own_sdists.add(parts[0])
        return True


def make_page(
    rows: Iterable[Row], name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return the page of *name* made of *rows*; those of other projects are left out."""
    grouping = Grouping(name, memo)

    def tell(filename: str) -> None:
        # Many projects have old files with odd names of their own; only another's name is suspicious.
        if not normalise(filename).startswith(f"{name}-"):
            refuse(f"{filename[:120]} is no wheel or sdist of {name}")

    grouping.add_all(first_of_each(rows), tell)
    return digested(name, releases_of(grouping.spellings.values()))


def releases_of(spellings: Iterable[Spelling]) -> list[Release]:
    """Return what is shown as a version, whether it is a pre-release, and its files; in ascending order."""
    found: list[Release] = []
    last = None
    same: list[Spelling] = []
    for spelling in sorted(spellings, key=KEY_OF):
        version = spelling.version
        if version.key != last:
            last, same = version.key, [spelling]
            found.append((version.text, version.is_prerelease, spelling.members))
            continue
        # It is shown as wheels write it, then as is commoner, then as comes first by its letters.
        same.append(spelling)
        shown = min(same, key=lambda one: (-one.weight, one.version.text)).version.text
        members = sorted([member for one in same for member in one.members], key=name_of)
        found[-1] = (shown, version.is_prerelease, members)
    return found


def digested(name: str, releases: list[Release]) -> Page:
    """Return the page of *releases*, which are in ascending order."""
    texts: list[str] = []
    times: list[int] = []
    signatures: dict[tuple[str, str], int] = {}
    prereleases = yanked = 0
    bit = 1
    for _, is_prerelease, members in releases:
        rows = [row for _, row in members]
        kept = [(row[NEEDS], tags) for tags, row in members if row[YANKED] in NOT_YANKED]
        if not kept:
            kept = [(row[NEEDS], tags) for tags, row in members]
            yanked |= bit
        for signature in set(kept) if len(kept) > 1 else kept:
            signatures[signature] = signatures.get(signature, 0) | bit
        times += span_of([row[UPLOADED] for row in rows])
        if is_prerelease:
            prereleases |= bit
        texts.append("\n".join(map("\t".join, rows)))
        bit <<= 1
    ordered = tuple((needs, tags, mask) for (needs, tags), mask in sorted(signatures.items()))
    digest = (tuple([text for text, _, _ in releases]), ordered, prereleases, yanked)
    packed = pack(f"<{len(times)}H", *times)
    return Page((*digest, listing_key(name, digest), packed), texts, [])


def span_of(times: list[str]) -> tuple[int, int]:
    """Return the days of the earliest and the latest of some times, NEVER for one that is not known.

    All are in UTC in one form, so they sort as texts.
    """
    if len(times) == 1:
        day = day_of(times[0]) if times[0] else NEVER
        return day, day
    latest = max(times)
    if not latest:
        return NEVER, NEVER
    if "" in times:
        return day_of(min(filter(None, times))), NEVER
    return day_of(min(times)), day_of(latest)


def first_of_each(rows: Iterable[Row]) -> list[Row]:
    """Return *rows* sorted by file name; of several with one name always the same, in whatever order."""
    found = sorted(rows, key=FILENAME_OF)
    if len(set(map(FILENAME_OF, found))) == len(found):
        return found
    first: dict[str, Row] = {}
    for row in sorted(found):
        first.setdefault(row[FILENAME], row)
    return sorted(first.values(), key=FILENAME_OF)


def listing_key(name: str, digest: tuple[Any, ...]) -> str:
    """Return the short digest of what a listing says."""
    versions, signatures, prereleases, yanked = digest[:4]
    parts = [name, *versions, f"{prereleases:x}", f"{yanked:x}"]
    parts += [f"{needs}|{tags}|{mask:x}" for needs, tags, mask in signatures]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
