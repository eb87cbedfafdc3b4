"""Many files of a page at once: columns are checked as wholes, and made into rows by ``zip``.

One at a time, with every check, a file takes 14 µs; so it takes 2, and a resolve from an empty cache reads
100,000 of them. What does not pass as a whole is cut in halves, until the few odd ones stand alone; those
are read with care.
"""

from __future__ import annotations

from itertools import repeat

from pkm_env.index.lines import dates_of
from pkm_env.index.uploads import are_plain_times
from pkm_env.model.rows import row_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pkm_env.model.rows import Row

    Plain = tuple[Any, ...]
    # filenames, urls, digests (SHA-256), requires-python, upload times, digests of the metadata siblings
    # ("" for one that has none, None for no sibling), reasons of yanking (None for none), sizes
    Columns = tuple[
        Sequence[str],
        Sequence[str],
        Sequence[str],
        Sequence[str | None],
        Sequence[str],
        Sequence[str | None],
        Sequence[str | None],
        Sequence[int | None],
    ]

MAX_TEXT = 2_000
FEW = 4
# No spaces, character references, credentials, addresses in brackets, queries, fragments or escapes.
PLAIN_URL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:._-+~=!,"
PLAIN_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+!"
HEXADECIMAL = b"0123456789abcdef"
SCHEMES = frozenset(("https:/", "http://"))
LAST_FOUR = frozenset((".whl", "r.gz", ".zip"))
SIZE_TYPES = frozenset((int, type(None)))


def in_bulk(
    raw: list[Any], columns_of: Callable[[list[Any]], Columns | None], slow: Callable[[Any], Plain | None]
) -> list[Row]:
    """Return the files in *raw*, in their order.

    *columns_of* gives the columns of some of them, None when they are not of the usual form; *slow* reads
    one with care, and gives None when it is left out.
    """
    columns = columns_of(raw) if len(raw) > FEW else None
    if columns is not None and are_plain(columns):
        return zipped(columns)
    if len(raw) <= FEW:
        return [row_of(entry) for one in raw if (entry := slow(one)) is not None]
    middle = len(raw) // 2
    return in_bulk(raw[:middle], columns_of, slow) + in_bulk(raw[middle:], columns_of, slow)


def are_plain(columns: Columns) -> bool:
    """Whether every value of every column is of the plainest form."""
    filenames, urls, digests, needs, times, siblings, yanked, sizes = columns
    try:
        return (
            are_of(filenames, PLAIN_NAME)
            and {filename[-4:] for filename in filenames} <= LAST_FOUR
            and are_of(urls, PLAIN_URL)
            and {url[:7] for url in urls} <= SCHEMES
            and are_digests(digests)
            and are_digests([digest for digest in siblings if digest])
            and all(text is None or is_specifier(text) for text in set(needs))
            and are_plain_times(times, set(dates_of(times)))
            and all(text is None or is_reason(text) for text in set(yanked))
            and set(map(type, sizes)) <= SIZE_TYPES
            and not any(size is not None and size < 0 for size in sizes)
        )
    except (TypeError, AttributeError, UnicodeEncodeError):
        return False


def are_of(texts: Sequence[str], characters: bytes) -> bool:
    """Whether the texts hold none but these characters; ``bytes.translate`` needs 1 ns for each."""
    return not "".join(texts).encode("ascii").translate(None, characters)


def zipped(columns: Columns) -> list[Row]:
    """Return the rows of columns."""
    filenames, urls, digests, needs, times, siblings, yanked, sizes = columns
    clean = {text: (text or "").strip() for text in set(needs)}
    reasons = {text: "" if text is None else f'"{text}"' if text else "true" for text in set(yanked)}
    return list(
        zip(
            ["" if digest is None else digest or "true" for digest in siblings],
            filenames,
            digests,
            [clean[text] for text in needs],
            ["" if size is None else str(size) for size in sizes],
            times,
            [url if url[-1] != "/" else f"{url}#" for url in urls],
            [reasons[text] for text in yanked],
            repeat(""),
            strict=False,
        )
    )


def are_digests(texts: Sequence[str]) -> bool:
    """Whether all are SHA-256 in lower-case hexadecimal digits."""
    return are_of(texts, HEXADECIMAL) and set(map(len, texts)) <= {64}


def is_reason(text: str) -> bool:
    """Whether *text* is a reason for yanking that can be taken as it is written, in HTML too."""
    return text.isprintable() and "&" not in text and len(text) <= MAX_TEXT


def is_specifier(text: Any) -> bool:
    """Whether *text* could be a Requires-Python: one line of a bearable length."""
    return isinstance(text, str) and len(text) <= MAX_TEXT and text.isprintable()
