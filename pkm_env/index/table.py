"""JSON pages that are written like tables: each file with the same keys in the same order.

All common indexes write theirs so. One pattern, made from the first entry, reads all of them at a third of what
``json`` and a look at each value take, and gives rows as they are kept. What it does not match is read with
care, one by one; a page with many such entries, or one that is written otherwise, is left to ``json``.

Source: Simple repository API (PEP 691, 700, 714).
"""

from __future__ import annotations

import json
import re

from pkm_env.index.bulk import LAST_FOUR, PLAIN_NAME, PLAIN_URL, are_digests, are_of, is_specifier
from pkm_env.index.uploads import are_plain_times
from pkm_env.model.rows import row_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pkm_env.model.rows import Row

    Slow = Callable[[Any], tuple[Any, ...] | None]

# The keys of the cells of a row; no page tells the last cell, the path.
KEYS = ("core-metadata", "filename", "hashes", "requires-python", "size", "upload-time", "url", "yanked")
NEEDED = frozenset(("filename", "hashes", "url"))
METADATA_KEYS = ("core-metadata", "dist-info-metadata")
DIGEST = r'\{"sha256":"[^"]*"\}'
OTHER = rf'(?:null|true|false|-?[0-9]+|"[^"\\]*"|{DIGEST})'
VALUES = {
    "core-metadata": rf"(true|false|null|{DIGEST})",
    "hashes": r'\{"sha256":"([^"]*)"\}',
    "requires-python": r'(?:null|"([^"]*)")',
    "size": r"(0|[1-9][0-9]{0,17}|null)",
    "upload-time": r'"([^"]*)"',
    "yanked": r'(true|false|null|"[^"]*")',
}
# What comes after the last match, or between two, is the last group of one more.
REST = r"|(?s:(.+))"
FEW = 100
MAX_REASON = 2_000
READER = json.JSONDecoder()
PAIRS = json.JSONDecoder(object_pairs_hook=list)


class Unlike(Exception):
    """A page is not written like a table."""


class Shape:
    """How the entries of a page are written; *keys* in their order, with or without a space behind each mark.

    ``pattern`` matches one, and what stands between it and the next; ``order`` are the keys of its groups.
    """

    __slots__ = ("comma", "is_spaced", "order", "pattern")

    def __init__(self, keys: list[str], *, is_spaced: bool) -> None:
        if len(set(keys)) != len(keys) or not set(keys) >= NEEDED:
            raise Unlike
        self.is_spaced = is_spaced
        self.comma = ", " if is_spaced else ","
        self.order: list[str] = []
        colon = ": " if is_spaced else ":"
        cells = [f'"{re.escape(key)}"{colon}{self._value(key, keys)}' for key in keys]
        entry = self.comma.join(cells)
        self.pattern = re.compile(rf"\{{{entry}\}}(?:{self.comma}|(?=\])){REST}")

    def _value(self, key: str, keys: list[str]) -> str:
        """Return the pattern of the value behind *key*, and note what it holds."""
        name_first = keys.index("filename") < keys.index("url")
        if key == "filename":
            self.order += [key] if name_first else []
            return r'"(?P<name>[^"]*)"' if name_first else r'"(?P=name)"'
        if key == "url":
            self.order += [key] if name_first else [key, "filename"]
            return r'"(https?://[^"]*/)' + (r'(?P=name)"' if name_first else r'(?P<name>[^"/]*)"')
        cell = key
        if key in METADATA_KEYS:
            cell = "core-metadata" if key == next(it for it in METADATA_KEYS if it in keys) else ""
        value = VALUES.get(cell, OTHER)
        if cell == METADATA_KEYS[0] and set(METADATA_KEYS) <= set(keys):
            # Where it says nothing, the older key counts.
            value = value.replace("|null", "")
        self.order += [cell] if cell in VALUES else []
        return value.replace('":', '": ') if self.is_spaced else value


def read_table(body: bytes, slow: Slow) -> tuple[Any, list[Row]] | None:
    """Return a JSON page without its files, and these; None when it is not written like a table.

    *slow* reads one entry with care, and gives None when it is left out.
    """
    try:
        text = body.decode()
        begin = begin_of_files(text)
        rows, end = read_rows(text, begin, slow)
        rest = text[:begin] + text[end:]
        told = json.loads(rest)
    except (Unlike, ValueError, RecursionError):
        return None
    # Of two lists json would take the last.
    is_whole = isinstance(told, dict) and told.get("files") == [] and rest.count('"files"') == 1
    return (told, rows) if is_whole else None


def begin_of_files(text: str) -> int:
    """Return where the first file begins.

    :raises Unlike: when that is not plain.
    """
    place = text.find('"files"')
    begin = text.find("[", place) + 1
    if place < 0 or text[place + 7 : begin].strip() not in {":[", ": ["}:
        raise Unlike
    return begin


def read_rows(text: str, begin: int, slow: Slow) -> tuple[list[Row], int]:
    """Return the files in *text* from *begin* on, and where their list ends.

    :raises Unlike: when many of them are not like the first.
    :raises ValueError: when one of them is no JSON.
    """
    if text.startswith("]", begin):
        return [], begin
    shape = shape_of(text, begin)
    rows: list[Row] = []
    for _ in range(FEW):
        found = shape.pattern.findall(text, begin)
        rest = found.pop()[-1]
        rows += usual(found, shape)
        begin = len(text) - len(rest)
        if not rest.startswith("]"):
            raw, begin = READER.raw_decode(text, begin)
            plain = slow(raw)
            rows += () if plain is None else [row_of(plain)]
            if text.startswith(shape.comma, begin):
                begin += len(shape.comma)
                continue
        if text.startswith("]", begin) and text[begin - 1] == "}":
            return rows, begin
        break
    raise Unlike


def shape_of(text: str, begin: int) -> Shape:
    """Return how the entry at *begin* is written."""
    first, _ = PAIRS.raw_decode(text, begin)
    keys = [str(pair[0]) for pair in first] if text[begin] == "{" else []
    return Shape(keys, is_spaced=bool(keys) and text.startswith(f'{{"{keys[0]}": ', begin))


def usual(found: list[Row], shape: Shape) -> list[Row]:
    """Return what a pattern found as rows, without eggs and the like.

    :raises Unlike: when one has a value that needs care.
    """
    if not found:
        return []
    if tuple(shape.order) != KEYS or shape.is_spaced:
        found = reordered(found, shape)
    if not {row[1][-4:] for row in found} <= LAST_FOUR:
        found = [row for row in found if row[1][-4:] in LAST_FOUR]
    if found and not are_usual(list(zip(*found, strict=True))):
        raise Unlike
    return found


def reordered(found: list[Row], shape: Shape) -> list[Row]:
    """Return what a pattern found with its cells in the order of a row, and digests as JSON without spaces."""
    columns: dict[str, Sequence[str]] = dict(zip(shape.order, zip(*found, strict=True), strict=False))
    nothing = [""] * len(found)
    cells = [columns.get(key, nothing) for key in KEYS]
    if shape.is_spaced:
        cells[0] = [text.replace(": ", ":") for text in cells[0]]
    return list(zip(*cells, nothing, strict=True))


def are_usual(columns: Sequence[Sequence[str]]) -> bool:
    """Whether all cells hold what needs no further look; a backslash would begin an escape."""
    metadata, filenames, hashes, needs, _, uploaded, urls, yanked, _ = columns
    try:
        return (
            are_of(filenames, PLAIN_NAME)
            and are_of(urls, PLAIN_URL)
            and are_digests(hashes)
            and are_digests([text[11:-2] for text in metadata if text[:1] == "{"])
            and all(is_specifier(text) and text == text.strip() and "\\" not in text for text in set(needs))
            and are_plain_times(uploaded)
            and all(
                text.isprintable() and "\\" not in text and len(text) <= MAX_REASON for text in set(yanked)
            )
        )
    except UnicodeEncodeError:
        return False
