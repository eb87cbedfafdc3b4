"""The digest of an index page: from the files it lists to the masks a resolver works on.

Pure, and on the way of every cold answer: the files come in columns (``lines``), those of one version are read
together, and whatever repeats in these is read once.
"""

from __future__ import annotations

from _blake2 import blake2b
from collections import Counter, defaultdict
from functools import reduce
from operator import attrgetter, or_
from struct import pack

from pkm_build.grammar import normalise
from pkm_env.index.names import SDIST, FileNames, wheel_tags
from pkm_env.index.times import DAYS
from pkm_env.model.rows import HASHES, NOT_YANKED, files_in, read_digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pkm_env.index.lines import Lines
    from pkm_env.index.names import ReadVersion

    Warn = Callable[[str], None]
    # Requires-Python, and the compressed tag set.
    Signature = tuple[str, str]
    # Files of one version, one after the other: the version, the places of the first and of the next one behind them,
    # and the compressed tag set of each (SDIST for an sdist).
    Stretch = tuple[ReadVersion, int, int, tuple[str, ...]]

NEVER = 0xFFFF
OF_SDIST = ".tar.gz"
LATER = "~"  # sorts behind all dates
ENDINGS = (".whl", ".gz", ".zip")
KEY_OF = attrgetter("key")


class Page:
    """What a page says of one name.

    ``digest`` is what a listing is made of: ``(versions, signatures, prereleases, yanked, key, times)``,
    with the meaning of ``ports.Listing``; ``times`` holds two little-endian 16-bit numbers for each
    version: the days of the earliest and latest upload of its files, counted from 1970-01-01 (the
    largest number for a file without a time). ``texts`` are the files of each version, as ``model.rows``
    joins them.

    Of a page that was read in brief ``times`` is None, ``texts`` are those of the versions with these ``numbers`` alone
    (None: of all), and the rest is still in ``packed``, what the index sent.
    """

    __slots__ = ("digest", "numbers", "packed", "texts", "warnings")

    def __init__(
        self, digest: tuple[Any, ...], texts: list[str], numbers: tuple[int, ...] | None = None
    ) -> None:
        self.digest = digest
        self.texts = texts
        self.numbers = numbers
        self.packed = b""
        self.warnings: list[str] = []

    @property
    def files(self) -> list[tuple[tuple[Any, ...], ...]]:
        """The plain files of each version."""
        return [files_in(text) for text in self.texts]


def make_page(
    lines: Lines, name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return the page of *name* made of *lines*; files of other projects are left out.

    *memo* keeps the versions read so far, for the next pages; *refuse* is told of each file that is suspicious.
    """
    lines = first_of_each(lines, refuse)
    stretches = stretches_of(lines, name, refuse, memo)
    digest, numbers = digested(name, lines, stretches)
    count = len(digest[0])
    members: list[list[str]] = [[] for _ in range(count)]
    for number, (_version, begin, end, _kinds) in zip(numbers, stretches, strict=True):
        members[number] += lines.texts[begin:end]
    spans = spans_of(numbers, stretches, lines.dates, count)
    return Page((*digest, spans), ["\n".join(texts) for texts in members])


def stretches_of(
    lines: Lines, name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None
) -> list[Stretch]:
    """Return the files of a project in stretches; as ``make_page``."""
    stretches = Stretches(lines.filenames, FileNames(name, memo))
    for at in stretches.foreign:
        filename = lines.filenames[at]
        # Many projects have old files with odd names of their own; only another's name is suspicious.
        if filename.endswith(ENDINGS) and not normalise(filename).startswith(f"{name}-"):
            refuse(f"{filename[:120]} is no wheel or sdist of {name}")
    return stretches.found


def first_of_each(lines: Lines, refuse: Warn) -> Lines:
    """Return *lines*, of several with one file name always the same one, in whatever order they are.

    Where their digests differ, nobody knows which of them the file should have: it is left out.
    """
    if len(set(lines.filenames)) == len(lines):
        return lines
    texts: dict[str, list[str]] = {}
    for filename, text in zip(lines.filenames, lines.texts, strict=True):
        texts.setdefault(filename, []).append(text)
    first = {filename: min(told) for filename, told in texts.items()}
    seen = {filename for filename, told in texts.items() if len(told) > 1 and differ(told)}
    for filename in sorted(seen):
        if filename.endswith(ENDINGS):
            refuse(f"{filename[:120]} is listed twice, with different hashes")
    flags = []
    for filename, text in zip(lines.filenames, lines.texts, strict=True):
        flags.append(text == first[filename] and filename not in seen)
        if flags[-1]:
            seen.add(filename)
    return lines.only(flags)


def differ(texts: Sequence[str]) -> bool:
    """Whether rows of one file name tell different digests of one kind."""
    known: dict[str, str] = {}
    told = [read_digests(text.split("\t")[HASHES]) for text in texts]
    return any(known.setdefault(kind, digest) != digest for one in told for kind, digest in one.items())


class Stretches:
    """The files of a project in stretches (``found``), and the places of those that are none of its (``foreign``).

    Most pages list the wheels of a version one after the other, then its sdist, and most versions have wheels for what
    the one before had wheels for: that is tried first, and passes over the files of a version as a whole.
    """

    __slots__ = ("_filenames", "_kinds", "_names", "foreign", "found")

    def __init__(self, filenames: Sequence[str], names: FileNames) -> None:
        self.found: list[Stretch] = []
        self.foreign: list[int] = []
        # The last place, which is none, begins like nothing.
        self._filenames = [*filenames, ""]
        self._names = names
        # The kinds of names that end so, () where one has none.
        self._kinds: dict[tuple[str, ...], tuple[str, ...]] = {}
        begin, count = 0, len(filenames)
        tails: tuple[str, ...] = ()
        kinds: tuple[str, ...] = ()
        while begin < count:
            wheel = names.start_of_wheel(self._filenames[begin])
            if wheel is None:
                self._add(begin)
                begin += 1
                continue
            version, stem = wheel
            end = begin + len(tails)
            if not tails or self._filenames[begin:end] != [stem + tail for tail in tails]:
                end = self._end(begin, stem)
                tails = tuple([filename[len(stem) :] for filename in self._filenames[begin:end]])
                kinds = self._kinds_of(tails)
            if kinds:
                self.found.append((version, begin, end, kinds))
            else:
                for place in range(begin, end):
                    self._add(place)
            begin = end

    def _end(self, begin: int, stem: str) -> int:
        """Return the place behind the files that are called as the wheel at *begin*: other wheels, then an sdist."""
        start = f"{stem}-"
        end = begin + 1
        while self._filenames[end].startswith(start):
            end += 1
        return end + 1 if self._filenames[end] == stem + OF_SDIST else end

    def _kinds_of(self, tails: tuple[str, ...]) -> tuple[str, ...]:
        """Return the compressed tag sets of names that end so, () where one has none."""
        kinds = self._kinds.get(tails)
        if kinds is None:
            known = [kind for kind in map(kind_of, tails) if kind is not None]
            kinds = self._kinds[tails] = tuple(known) if len(known) == len(tails) else ()
        return kinds

    def _add(self, place: int) -> None:
        """Add one file by its whole name."""
        read = self._names.read(self._filenames[place])
        if read is None:
            self.foreign.append(place)
        else:
            self.found.append((read[0], place, place + 1, (read[1],)))


def kind_of(tail: str) -> str | None:
    """Return the compressed tag set in what stands behind the version of a file, None when there is none."""
    return SDIST if tail == OF_SDIST else wheel_tags(tail[1:])


def digested(name: str, lines: Lines, stretches: Sequence[Stretch]) -> tuple[tuple[Any, ...], Sequence[int]]:
    """Return the digest of *lines* but its times, and the number of the version that each of *stretches* is of."""
    groups, number_of = numbered([stretch[0] for stretch in stretches])
    numbers = [number_of[stretch[0]] for stretch in stretches]
    prereleases = sum([1 << number for number, group in enumerate(groups) if group[0].is_prerelease])
    wholly, partly = yanked_in(numbers, stretches, lines.yanked)
    yanked = sum([1 << number for number in wholly])
    masks = masks_of(numbers, stretches, lines, partly)
    signatures = tuple([(needs, tags, mask) for (needs, tags), mask in sorted(masks.items())])
    digest = (shown(groups, stretches), signatures, prereleases, yanked)
    return (*digest, listing_key(name, digest)), numbers


def numbered(versions: Sequence[ReadVersion]) -> tuple[list[list[ReadVersion]], dict[ReadVersion, int]]:
    """Return the spellings of each version (1.0, 1.0.0) in ascending order, and the number of each spelling."""
    groups: list[list[ReadVersion]] = []
    number_of: dict[ReadVersion, int] = {}
    last = None
    for version in sorted(dict.fromkeys(versions), key=KEY_OF):
        if version.key != last:
            groups.append([])
            last = version.key
        groups[-1].append(version)
        number_of[version] = len(groups) - 1
    return groups, number_of


def shown(groups: list[list[ReadVersion]], stretches: Sequence[Stretch]) -> tuple[str, ...]:
    """Return how each version is shown: as wheels write it, then as is commoner, then as its letters come first."""
    if len(groups) == sum(map(len, groups)):
        return tuple([version.text for (version,) in groups])
    in_all: Counter[str] = Counter()
    in_sdists: Counter[str] = Counter()
    for version, begin, end, kinds in stretches:
        in_all[version.text] += end - begin
        in_sdists[version.text] += kinds.count(SDIST)

    def rank(version: ReadVersion) -> tuple[int, int, str]:
        text = version.text
        return in_sdists[text] - in_all[text], -in_sdists[text], text

    return tuple([min(group, key=rank).text for group in groups])


def yanked_in(
    numbers: Sequence[int], stretches: Sequence[Stretch], yanked: Sequence[str]
) -> tuple[set[int], set[int]]:
    """Return the versions of which all files are yanked, and those of which some are."""
    if NOT_YANKED.issuperset(yanked):
        return set(), set()
    some, others = set(), set()
    for number, (_version, begin, end, _kinds) in zip(numbers, stretches, strict=True):
        told = yanked[begin:end]
        if not NOT_YANKED.issuperset(told):
            some.add(number)
        if not NOT_YANKED.isdisjoint(told):
            others.add(number)
    return some - others, some & others


def masks_of(
    numbers: Sequence[int], stretches: Sequence[Stretch], lines: Lines, partly: set[int]
) -> dict[Signature, int]:
    """Return the versions of each signature; what is yanked does not count for those that are only *partly* so."""
    found: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    needs = lines.needs
    for number, (_version, begin, end, kinds) in zip(numbers, stretches, strict=True):
        count = end - begin
        if number not in partly and (count == 1 or needs[begin:end].count(needs[begin]) == count):
            found[needs[begin], kinds].append(number)
            continue
        for need, kind, yanked in zip(needs[begin:end], kinds, lines.yanked[begin:end], strict=True):
            if number not in partly or yanked in NOT_YANKED:
                found[need, (kind,)].append(number)
    masks: dict[Signature, int] = defaultdict(int)
    for (need, kinds), having in found.items():
        mask = reduce(or_, [1 << number for number in having])
        for kind in kinds:
            masks[need, kind] |= mask
    return masks


def spans_of(numbers: Sequence[int], stretches: Sequence[Stretch], dates: Sequence[str], count: int) -> bytes:
    """Return the days of the earliest and the latest upload of *count* versions, as a digest holds them.

    All dates have one form, so they sort as texts.
    """
    undated: set[int] = set()
    earliest, latest = [LATER] * count, [""] * count
    for number, (_version, begin, end, _kinds) in zip(numbers, stretches, strict=True):
        low = high = dates[begin]
        if end - begin > 1:
            part = dates[begin:end]
            if part.count(low) < len(part):
                low, high = min(part), max(part)
        if not low:
            undated.add(number)
            low = min(filter(None, dates[begin:end]), default=LATER)
        if low != earliest[number]:
            earliest[number] = min(low, earliest[number])
        if high != latest[number]:
            latest[number] = max(high, latest[number])
    days = {date: DAYS[date] for date in {*earliest, *latest} - {"", LATER}}
    days[""] = days[LATER] = NEVER
    for number in undated:
        latest[number] = ""
    return pack(
        f"<{2 * count}H", *[days[date] for pair in zip(earliest, latest, strict=True) for date in pair]
    )


def listing_key(name: str, digest: tuple[Any, ...]) -> str:
    """Return the short digest of what a listing says."""
    versions, signatures, prereleases, yanked = digest[:4]
    parts = [name, *versions, f"{prereleases:x}", f"{yanked:x}"]
    parts += [f"{needs}|{tags}|{mask:x}" for needs, tags, mask in signatures]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
