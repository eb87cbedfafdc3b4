"""The digest of an index page: from the files it lists to the masks a resolver works on.

Pure, and on the way of every cold answer: the files come in columns (``lines``), and whatever repeats in
these is read once.
"""

from __future__ import annotations

from _blake2 import blake2b
from collections import Counter, defaultdict
from functools import reduce
from itertools import compress
from operator import attrgetter, not_, or_
from struct import pack

from pkm_build.grammar import normalise
from pkm_env.index.names import FileNames, wheel_tags
from pkm_env.index.times import day_of
from pkm_env.model.rows import NOT_YANKED, files_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from pkm_env.index.lines import Lines
    from pkm_env.index.names import ReadVersion

    Warn = Callable[[str], None]
    # Requires-Python, and the compressed tag set.
    Signature = tuple[str, str]

NEVER = 0xFFFF
ENDINGS = (".whl", ".gz", ".zip")
KEY_OF = attrgetter("key")


class Page:
    """What a page says of one name.

    ``digest`` is what a listing is made of: ``(versions, signatures, prereleases, yanked, key, times)``,
    with the meaning of ``ports.Listing``; ``times`` holds two little-endian 16-bit numbers for each
    version: the days of the earliest and latest upload of its files, counted from 1970-01-01 (the
    largest number for a file without a time). ``texts`` are the files of each version, as ``model.rows``
    joins them.
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


def make_page(
    lines: Lines, name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return the page of *name* made of *lines*; files of other projects are left out.

    *memo* keeps the versions read so far, for the next pages; *refuse* is told of each file that is suspicious.
    """
    lines = first_of_each(lines)
    versions, kinds, foreign = read_names(lines, FileNames(name, memo))
    for at in sorted(foreign):
        filename = lines.filenames[at]
        # Many projects have old files with odd names of their own; only another's name is suspicious.
        if filename.endswith(ENDINGS) and not normalise(filename).startswith(f"{name}-"):
            refuse(f"{filename[:120]} is no wheel or sdist of {name}")
    if foreign:
        known = [at not in foreign for at in range(len(lines))]
        lines, versions, kinds = (
            lines.only(known),
            list(compress(versions, known)),
            list(compress(kinds, known)),
        )
    return digested(name, lines, versions, kinds)


def first_of_each(lines: Lines) -> Lines:
    """Return *lines*, of several with one file name always the same one, in whatever order they are."""
    if len(set(lines.filenames)) == len(lines):
        return lines
    first: dict[str, str] = {}
    for filename, text in zip(lines.filenames, lines.texts, strict=True):
        first[filename] = min(text, first.get(filename, text))
    seen: set[str] = set()
    flags = []
    for filename, text in zip(lines.filenames, lines.texts, strict=True):
        flags.append(text == first[filename] and filename not in seen)
        if flags[-1]:
            seen.add(filename)
    return lines.only(flags)


def read_names(lines: Lines, names: FileNames) -> tuple[list[Any], list[Any], set[int]]:
    """Return version and compressed tag set ("sdist" for an sdist) of each file, and which are none of the project.

    What a name is cut into is read once for all the names that have it; where that does not say what the
    file is (the name of an old sdist may have hyphens), the whole name is read.
    """
    of_wheels = set(compress(lines.versions, lines.tails))
    of_sdists = set(compress(lines.versions, map(not_, lines.tails)))
    read = dict.fromkeys(of_wheels & of_sdists)
    read |= {text: names.version(text) for text in of_wheels - of_sdists}
    read |= {text: names.sdist_version(text) for text in of_sdists - of_wheels}
    kind_of = {tail: wheel_tags(tail) if tail else "sdist" for tail in set(lines.tails)}
    versions, kinds = list(map(read.get, lines.versions)), list(map(kind_of.get, lines.tails))
    stems = set(lines.stems)
    own = {stem for stem in stems if names.is_own(stem)}
    unread = (
        {at for at, stem in enumerate(lines.stems) if stem not in own} if len(own) < len(stems) else set()
    )
    for of_text, found in ((read, versions), (kind_of, kinds)):
        if None in of_text.values():
            unread.update([at for at, it in enumerate(found) if it is None])
    for at in unread:
        versions[at], kinds[at] = names.read(lines.filenames[at]) or (None, None)
    return versions, kinds, {at for at in unread if versions[at] is None}


def digested(name: str, lines: Lines, versions: Sequence[ReadVersion], kinds: Sequence[str]) -> Page:
    """Return the page of *lines*, whose versions and compressed tag sets are given."""
    groups, number_of = numbered(versions)
    bits = [1 << number for number in range(len(groups))]
    numbers = list(map(number_of.__getitem__, versions))
    prereleases = sum(compress(bits, [group[0].is_prerelease for group in groups]))
    yanked, counts = yanked_of(numbers, lines.yanked)
    files = zip(zip(lines.needs, kinds, strict=True), map(bits.__getitem__, numbers), strict=True)
    masks = masks_of(files if counts is None else compress(files, counts))
    signatures = tuple([(needs, tags, mask) for (needs, tags), mask in sorted(masks.items())])
    digest = (shown(groups, versions, kinds), signatures, prereleases, yanked)
    members: list[list[str]] = [[] for _ in groups]
    for number, text in zip(numbers, lines.texts, strict=True):
        members[number].append(text)
    spans = spans_of(numbers, lines.dates, len(groups))
    return Page((*digest, listing_key(name, digest), spans), ["\n".join(texts) for texts in members], [])


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


def shown(
    groups: list[list[ReadVersion]], versions: Sequence[ReadVersion], kinds: Sequence[str]
) -> tuple[str, ...]:
    """Return how each version is shown: as wheels write it, then as is commoner, then as its letters come first."""
    if len(groups) == sum(map(len, groups)):
        return tuple([version.text for (version,) in groups])
    in_all = Counter([version.text for version in versions])
    in_sdists = Counter([it.text for it, tags in zip(versions, kinds, strict=True) if tags == "sdist"])

    def rank(version: ReadVersion) -> tuple[int, int, str]:
        text = version.text
        return in_sdists[text] - in_all[text], -in_sdists[text], text

    return tuple([min(group, key=rank).text for group in groups])


def yanked_of(numbers: list[int], yanked: Sequence[str]) -> tuple[int, list[bool] | None]:
    """Return the mask of the versions whose files are all yanked, and which files count; None for all of them."""
    if NOT_YANKED.issuperset(yanked):
        return 0, None
    offered = set(compress(numbers, map(NOT_YANKED.__contains__, yanked)))
    counts = [told in NOT_YANKED or at not in offered for at, told in zip(numbers, yanked, strict=True)]
    return sum([1 << number for number in set(numbers) - offered]), counts


def masks_of(files: Iterable[tuple[Signature, int]]) -> dict[Signature, int]:
    """Return the versions of each signature; *files* are each one's signature and the bit of its version."""
    found: dict[Signature, list[int]] = defaultdict(list)
    for signature, bit in files:
        found[signature].append(bit)
    return {signature: reduce(or_, bits) for signature, bits in found.items()}


def spans_of(numbers: list[int], dates: Sequence[str], count: int) -> bytes:
    """Return the days of the earliest and the latest upload of *count* versions, as a digest holds them.

    All dates have one form, so they sort as texts.
    """
    undated: set[int] = set()
    if "" in dates:
        undated = {number for number, date in zip(numbers, dates, strict=True) if not date}
        numbers, dates = list(compress(numbers, dates)), list(filter(None, dates))
    latest = dict(zip(numbers, dates, strict=True))
    earliest = latest.copy()
    # Most files of a version came on one day.
    others = [(at, date) for at, date in zip(numbers, dates, strict=True) if date != latest[at]]
    for number, date in others:
        earliest[number] = min(date, earliest[number])
        latest[number] = max(date, latest[number])
    days = {date: day_of(date) for date in {*latest.values(), *earliest.values()}}
    days[""] = NEVER
    found = [days[earliest.get(number, "")] for number in range(count)]
    last = [NEVER if number in undated else days[latest[number]] for number in range(count)]
    return pack(f"<{2 * count}H", *[day for pair in zip(found, last, strict=True) for day in pair])


def listing_key(name: str, digest: tuple[Any, ...]) -> str:
    """Return the short digest of what a listing says."""
    versions, signatures, prereleases, yanked = digest[:4]
    parts = [name, *versions, f"{prereleases:x}", f"{yanked:x}"]
    parts += [f"{needs}|{tags}|{mask:x}" for needs, tags, mask in signatures]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
