"""The digest of an index page: from the files it lists to the masks a resolver works on.

Pure, and on the way of every cold answer: 180,000 files of 400 pages should not cost more than half a
second here, so names are cut by ``split``, and what repeats is looked up.
"""

from __future__ import annotations

from hashlib import blake2b
from operator import itemgetter
from struct import pack

from pkm_build.grammar import normalise
from pkm_env.index.names import FileNames
from pkm_env.index.times import day_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pkm_env.index.names import ReadVersion

    # (filename, hashes, index, metadata_hashes, path, requires_python, size, upload_time, url, yanked)
    Plain = tuple[Any, ...]
    Warn = Callable[[str], None]

NEVER = 0xFFFF
FILENAME, REQUIRES_PYTHON, UPLOAD_TIME, YANKED = 0, 5, 7, 9
WHEEL_WEIGHT = 1_000_000
FILENAME_OF = itemgetter(0)


class Page:
    """What a page says of one name.

    ``digest`` is what a listing is made of: ``(versions, signatures, prereleases, yanked, key, times)``,
    with the meaning of ``ports.Listing``; ``times`` holds two little-endian 16-bit numbers for each
    version: the days of the earliest and latest upload of its files, counted from 1970-01-01 (the
    largest number for a file without a time). ``files`` are the plain files of each version, sorted by name.
    """

    __slots__ = ("digest", "files", "warnings")

    def __init__(self, digest: tuple[Any, ...], files: list[tuple[Plain, ...]], warnings: list[str]) -> None:
        self.digest = digest
        self.files = files
        self.warnings = warnings


class Spelling:
    """One way to write a version (1.0, 1.0.0): ``weight`` counts its files, ``members`` are all of the group."""

    __slots__ = ("members", "text", "weight")

    def __init__(self, text: str, members: list[tuple[str, str, Plain]]) -> None:
        self.text = text
        self.members = members
        self.weight = 0


class Group:
    """The files of one version, in any spelling: ``members`` are (name, tags, plain)."""

    __slots__ = ("is_prerelease", "members", "spellings")

    def __init__(self, version: ReadVersion) -> None:
        self.is_prerelease = version.is_prerelease
        self.spellings: list[Spelling] = []
        self.members: list[tuple[str, str, Plain]] = []

    @property
    def text(self) -> str:
        """The spelling that is shown: that of a wheel, then the commoner, then the first by its letters."""
        if len(self.spellings) == 1:
            return self.spellings[0].text
        return min(self.spellings, key=lambda spelling: (-spelling.weight, spelling.text)).text


class Grouping:
    """Puts the files of one project into groups; what repeats in their names is looked up."""

    __slots__ = ("_names", "_of_text", "_own", "_own_sdists", "_tags", "groups")

    def __init__(self, name: str, memo: dict[str, ReadVersion | None] | None) -> None:
        self._names = FileNames(name, memo)
        self.groups: dict[Any, Group] = {}
        self._of_text: dict[str, Spelling | None] = {}
        self._own: set[str] = set()
        self._own_sdists: set[str] = set()
        self._tags: dict[str, str] = {}

    def add_all(self, entries: Iterable[Plain], refuse: Callable[[str], None]) -> None:
        """Put files into their groups; *refuse* is told of the name of each that is not of this project.

        One loop over names that are bound once: with a call for each file it takes half as long again.
        """
        own, own_sdists, tags_of, of_text = self._own, self._own_sdists, self._tags, self._of_text
        for plain in entries:
            filename = plain[0]
            parts = filename.split("-", 2)
            if len(parts) == 3:  # noqa: PLR2004 - name, version, and the rest of a wheel's name
                tags = tags_of.get(parts[2]) if parts[0] in own else None
                text, weight = parts[1], WHEEL_WEIGHT
            else:
                tags = "sdist" if parts[0] in own_sdists and filename[-7:] == ".tar.gz" else None
                text, weight = parts[-1][:-7], 1
            known = None
            if tags is not None:
                known = of_text[text] if text in of_text else self._group_of(text)
            if known is None or tags is None:
                if not self._add_new(filename, plain, parts):
                    refuse(filename)
                continue
            known.weight += weight
            known.members.append((filename, tags, plain))

    def _group_of(self, text: str) -> Spelling | None:
        """Return the spelling of a version in its group, None when it is no version."""
        version = self._names.version(text)
        found = None if version is None else self._spelling(version)
        self._of_text[text] = found
        return found

    def _spelling(self, version: ReadVersion) -> Spelling:
        """Return the spelling of a version in its group, both made if need be."""
        group = self.groups.get(version.key)
        if group is None:
            group = self.groups[version.key] = Group(version)
        for spelling in group.spellings:
            if spelling.text == version.text:
                return spelling
        made = Spelling(version.text, group.members)
        group.spellings.append(made)
        return made

    def _add_new(self, filename: str, plain: Plain, parts: list[str]) -> bool:
        """Put a file into its group with the care that the first of its kind needs; say whether it is ours."""
        found = self._names.read(filename)
        if found is None:
            return False
        version, tags = found
        spelling = self._spelling(version)
        spelling.weight += 1 if tags == "sdist" else WHEEL_WEIGHT
        spelling.members.append((filename, tags, plain))
        if tags != "sdist":
            self._own.add(parts[0])
            self._tags[parts[2]] = tags
        elif len(parts) == 2:  # noqa: PLR2004 - name and version
            self._own_sdists.add(parts[0])
        return True


def make_page(
    entries: Iterable[Plain], name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return the page of *name* made of *entries*; entries of other projects are left out."""
    grouping = Grouping(name, memo)

    def tell(filename: str) -> None:
        # Many projects have old files with odd names of their own; only another's name is suspicious.
        if not normalise(filename).startswith(f"{name}-"):
            refuse(f"{filename[:120]} is no wheel or sdist of {name}")

    grouping.add_all(entries, tell)
    groups = grouping.groups
    return digested(name, [groups[key] for key in sorted(groups)])


def digested(name: str, groups: list[Group]) -> Page:
    """Return the page of the releases *groups*, in ascending order."""
    files: list[tuple[Plain, ...]] = []
    versions: list[str] = []
    times: list[int] = []
    signatures: dict[tuple[str, str], int] = {}
    prereleases = yanked = 0
    bit = 1
    for group in groups:
        members = first_of_each(group.members)
        plain = tuple([member[2] for member in members])
        kept = [(file[REQUIRES_PYTHON] or "", tags) for _, tags, file in members if file[YANKED] is None]
        if not kept:
            kept = [(file[REQUIRES_PYTHON] or "", tags) for _, tags, file in members]
            yanked |= bit
        for signature in set(kept) if len(kept) > 1 else kept:
            signatures[signature] = signatures.get(signature, 0) | bit
        times += span_of([file[UPLOAD_TIME] for file in plain])
        if group.is_prerelease:
            prereleases |= bit
        versions.append(group.text)
        files.append(plain)
        bit <<= 1
    ordered = tuple((needs, tags, mask) for (needs, tags), mask in sorted(signatures.items()))
    digest = (tuple(versions), ordered, prereleases, yanked)
    packed = pack(f"<{len(times)}H", *times)
    return Page((*digest, listing_key(name, digest), packed), files, [])


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
