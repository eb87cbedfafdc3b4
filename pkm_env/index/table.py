"""JSON pages that are written like tables: each file with the same keys in the same order.

All common indexes write theirs so. One pattern, made from the first entry, reads all of them at a third of what
``json`` and a look at each value take, and gives columns (``lines``). What it does not match is read with
care, one by one; a page with many such entries, or one that is written otherwise, is left to ``json``. Of a key
behind its first letter the length counts: each letter would take as long as a whole digest that is passed over.

Source: Simple repository API (PEP 691, 700, 714).
"""

from __future__ import annotations

import json
import re
import sys
from functools import lru_cache
from itertools import repeat

from pkm_env.index.bulk import HEXADECIMAL, PLAIN_NAME, PLAIN_URL, are_of, is_specifier
from pkm_env.index.lines import Lines, dates_of, lines_of, together
from pkm_env.index.uploads import are_plain_times
from pkm_env.model.rows import row_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Slow = Callable[[Any], tuple[Any, ...] | None]
    Columns = Mapping[str, Sequence[str]]
    Wanted = tuple[str, ...] | frozenset[str]
    Found = list[tuple[str, ...]]

# The keys of the cells of a row; no page tells the last cell, the path, where the last group of a match, which is
# empty, stands as well.
KEYS = ("core-metadata", "filename", "hashes", "requires-python", "size", "upload-time", "url", "yanked")
NEEDED = frozenset(("filename", "hashes", "url"))
METADATA_KEYS = ("core-metadata", "dist-info-metadata")
# What was passed over is never looked at again; to keep the places to come back to takes half of a match.
ONCE = "+" if sys.version_info >= (3, 11) else ""
NAME_PATTERN = rf'(?P<name>[^"]*{ONCE})'
# What has one length as a rule is passed over unseen: what is in a column, is checked there. Of what is mostly false,
# only the rest is taken: 100,000 equal texts less.
DIGEST = rf'\{{"sha256":".{{64}}{ONCE}"\}}'
OTHER = rf'(?:null|true|false|"[^"\\]*{ONCE}"|\{{"sha256":"[^"]*{ONCE}"\}}|-?[0-9]+)'
VALUES = {
    "core-metadata": rf"(?:false|(true|null|{DIGEST}))",
    "hashes": rf'\{{"sha256":"(.{{64}}{ONCE})"\}}',
    "requires-python": rf'(?:null|"([^"]*{ONCE})")',
    "size": rf"(0|[1-9][0-9]{{0,17}}{ONCE}|null)",
    "upload-time": rf'"(.{{27}}{ONCE}|[^"]*{ONCE})"',
    "yanked": rf'(?:false|(true|null|"[^"]*{ONCE}"))',
}
# The same where it is passed over.
PASSED = {
    "core-metadata": rf"(?:false|{DIGEST}|true|null)",
    "size": rf"(?:0|[1-9][0-9]{{0,17}}{ONCE}|null)",
    "upload-time": rf'"[^"]*{ONCE}"',
}
# What comes after the last match, or between two, is the last group of one more.
REST = r"|(.+)"
FEW = 100
PIECE = 200_000  # characters that are looked at together
MAX_REASON = 2_000
# A URL that is given to a server as it stands may have escapes; in the name of a file these would stand for others.
PLAIN_LINK = PLAIN_URL + b"%"
READER = json.JSONDecoder()
PAIRS = json.JSONDecoder(object_pairs_hook=list)


class Unlike(Exception):
    """A page is not written like a table."""


class Shape:
    """How the entries of a page are written: with these *keys*, with or without a space behind each mark.

    ``pattern`` matches one, and what stands between it and the next; ``order`` are the keys of its groups, those that
    are *wanted*; ``between`` stands between two, from brace to brace. *link* is the pattern of what a URL has before
    the name of the file.
    """

    __slots__ = (
        "_keys",
        "_link",
        "_wanted",
        "between",
        "comma",
        "is_spaced",
        "name_mark",
        "order",
        "pattern",
    )

    def __init__(self, keys: tuple[str, ...], link: str, wanted: Wanted, *, is_spaced: bool) -> None:
        self.is_spaced = is_spaced
        self.comma = ", " if is_spaced else ","
        self.between = f"}}{self.comma}{{"
        self.order: list[str] = []
        self._keys = keys
        self._wanted = wanted
        self._link = link
        colon = ": " if is_spaced else ":"
        self.name_mark = f'"filename"{colon}"'
        cells = [f"{key_pattern(key)}{colon}{self._value(key)}" for key in keys]
        entry = self.comma.join(cells)
        self.pattern = re.compile(rf"\{{{entry}\}}(?:{self.comma}|(?=\])){REST}", re.DOTALL)

    def _value(self, key: str) -> str:
        """Return the pattern of the value behind *key*, and note what it holds."""
        name_first = self._keys.index("filename") < self._keys.index("url")
        if key == "filename":
            self.order += [key] if name_first else []
            return f'"{NAME_PATTERN}"' if name_first else r'"(?P=name)"'
        if key == "url":
            link = f"({self._link})" if key in self._wanted else f"(?:{self._link})"
            self.order += [key] if key in self._wanted else []
            self.order += [] if name_first else ["filename"]
            return rf'"{link}(?P=name)"' if name_first else rf'"{link}{NAME_PATTERN}"'
        cell = key
        if key in METADATA_KEYS:
            cell = METADATA_KEYS[0] if key == next(it for it in METADATA_KEYS if it in self._keys) else ""
        value = VALUES.get(cell, OTHER) if cell in self._wanted else PASSED.get(cell, OTHER)
        if cell == METADATA_KEYS[0] and set(METADATA_KEYS) <= set(self._keys):
            # Where it says nothing, the older key counts.
            value = value.replace("|null", "")
        if cell in self._wanted:
            self.order.append(cell)
        return value.replace('":', '": ') if self.is_spaced else value


# The pages of an index are written alike.
known_shape = lru_cache(100)(Shape)


def key_pattern(key: str) -> str:
    """Return the pattern of a key, in its quotes."""
    rest = f".{{{len(key) - 1}}}{ONCE}" if len(key) > 1 else ""
    return f'"{re.escape(key[0])}{rest}"'


def link_pattern(url: str, filename: str) -> str:
    """Return the pattern of a URL without its file name; most have the length of the first one."""
    scheme, mark, rest = url.removesuffix(filename).partition("//")
    usual = f"{scheme}{mark}.{{{len(rest) - 1}}}{ONCE}/|" if rest and scheme in {"http:", "https:"} else ""
    return rf'{usual}https?://[^"]*/'


def read_table(body: bytes | memoryview, slow: Slow) -> tuple[Any, Lines] | None:
    """Return a JSON page without its files, and these; None when it is not written like a table.

    Among them may be files that pkm does not install.
    *slow* reads one entry with care, and gives None when it is left out.
    """
    try:
        text = str(body, "utf-8")
        begin = begin_of_files(text)
        lines, end = read_lines(text, begin, shape_of(text, begin), usual, slow)
        return read_rest(text, begin, end), lines
    except (Unlike, ValueError, RecursionError):
        return None


def read_rest(text: str, begin: int, end: int) -> Any:
    """Return what a page says besides its files, which stand from *begin* to *end*.

    :raises Unlike: when they are not the only ones.
    :raises ValueError: when it is no JSON.
    """
    rest = text[:begin] + text[end:]
    told = json.loads(rest)
    # Of two lists json would take the last.
    if not isinstance(told, dict) or told.get("files") != [] or rest.count('"files"') != 1:
        raise Unlike
    return told


def begin_of_files(text: str) -> int:
    """Return where the first file begins.

    :raises Unlike: when that is not plain.
    """
    place = text.find('"files"')
    begin = text.find("[", place) + 1
    if place < 0 or text[place + 7 : begin].strip() not in {":[", ": ["}:
        raise Unlike
    return begin


def read_lines(
    text: str, begin: int, shape: Shape | None, take: Callable[[Found, Shape], Lines], slow: Slow
) -> tuple[Lines, int]:
    """Return the files in *text* from *begin* on, and where their list ends.

    *take* makes lines of what the pattern of their *shape* finds.

    :raises Unlike: when many of them are not like the first.
    :raises ValueError: when one of them is no JSON.
    """
    if shape is None:
        return lines_of([]), begin
    parts: list[Lines] = []
    odd = 0
    while odd < FEW:
        found, begin = next_piece(text, begin, shape)
        if found:
            parts.append(take(found, shape))
        else:
            raw, begin = READER.raw_decode(text, begin)
            plain = slow(raw)
            parts.append(lines_of([] if plain is None else [row_of(plain)]))
            odd += 1
            if text.startswith(shape.comma, begin):
                begin += len(shape.comma)
            elif not text.startswith("]", begin):
                break
        if text.startswith("]", begin) and text[begin - 1] == "}":
            return together(parts), begin
    raise Unlike


def next_piece(text: str, begin: int, shape: Shape) -> tuple[Found, int]:
    """Return what the pattern finds from *begin* on in a part of *text*, and where the next part begins.

    What is found in a part is used while the caches of the processor still hold it, and gives its memory to the next.
    """
    mark = text.find(shape.between, begin + PIECE)
    end = len(text) if mark < 0 else mark + len(shape.between) - 1
    found = shape.pattern.findall(text, begin, end)
    rest = found.pop()[-1] if found and found[-1][-1] else ""
    return found, end - len(rest)


def shape_of(text: str, begin: int, wanted: Wanted = KEYS) -> Shape | None:
    """Return how the entry at *begin* is written, None where there is none.

    :raises Unlike: when it is not like a row of a table.
    :raises ValueError: when it is no JSON.
    """
    if text.startswith("]", begin):
        return None
    first, _ = PAIRS.raw_decode(text, begin)
    pairs = first if text[begin] == "{" and first else [("", "")]
    told = dict(pairs)
    if len(told) != len(pairs) or not told.keys() >= NEEDED or "" in told:
        raise Unlike
    is_spaced = text.startswith(f'{{"{pairs[0][0]}": ', begin)
    return known_shape(
        tuple(told), link_pattern(str(told["url"]), str(told["filename"])), wanted, is_spaced=is_spaced
    )


def usual(found: Found, shape: Shape) -> Lines:
    """Return what a pattern found.

    :raises Unlike: when one has a value that needs care.
    """
    columns: dict[str, Sequence[str]] = dict.fromkeys(KEYS, [""] * len(found))
    columns.update(zip(shape.order, zip(*found, strict=True), strict=False))
    if shape.is_spaced:
        columns["core-metadata"] = [text.replace(": ", ":") for text in columns["core-metadata"]]
    dates = dates_of(columns["upload-time"])
    if not are_usual(columns, set(dates)):
        raise Unlike
    cells: Iterable[tuple[str, ...]] = found
    if shape.is_spaced or tuple(shape.order) != KEYS:
        cells = zip(*[columns[key] for key in KEYS], repeat(""), strict=False)
    needs, yanked = columns["requires-python"], columns["yanked"]
    return Lines(columns["filename"], needs, dates, yanked, list(map("\t".join, cells)))


def are_usual(columns: Columns, dates: set[str]) -> bool:
    """Whether all cells hold what needs no further look; a backslash would begin an escape."""
    try:
        return (
            are_sound(columns)
            and are_of(columns["hashes"], HEXADECIMAL)
            and are_of(columns["url"], PLAIN_LINK)
            and are_of(
                [text[11:-2] for text in set(columns["core-metadata"]) if text[:1] == "{"], HEXADECIMAL
            )
            and are_plain_times(columns["upload-time"], dates)
        )
    except UnicodeEncodeError:
        return False


def are_sound(columns: Columns) -> bool:
    """Whether the cells that decide what a page offers, but its digests, hold what needs no further look.

    :raises UnicodeEncodeError: when one is not ASCII that has to be.
    """
    return (
        are_of(columns["filename"], PLAIN_NAME)
        and all(
            is_specifier(text) and text == text.strip() and "\\" not in text
            for text in set(columns["requires-python"])
        )
        and all(
            text.isprintable() and "\\" not in text and len(text) <= MAX_REASON
            for text in set(columns["yanked"])
        )
    )
