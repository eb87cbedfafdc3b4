"""Files of an index as rows: nine texts each, so that no value is made of the many that nobody looks at.

The cells, in their order:

    metadata   "", "false", "null": no sibling; "true": one without digest; digests
    filename
    hashes     digests
    needs      Requires-Python, "" for none
    size       "" or "null" when unknown
    uploaded   the time, "" when unknown
    url        the file name follows where it ends with "/"; one that ends so by itself has "#" after it
    yanked     "", "false", "null", '""': not; "true": without a reason; a reason in quotes, nothing escaped
    path       with "%", tab and newline written as %25, %09 and %0A

Digests are that of SHA-256 alone, ``{"sha256":"..."}`` as JSON has it, or ``name=digest,name=digest``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    # (metadata, filename, hashes, needs, size, uploaded, url, yanked, path)
    Row = tuple[str, ...]

NOT_YANKED = frozenset(("", "false", "null", '""'))
NO_SIBLING = frozenset(("", "false", "null"))
SHA256_DIGITS = 64
HASHES = 2  # the place of this cell


def files_in(text: str) -> tuple[tuple[Any, ...], ...]:
    """Return the plain files of rows that were joined (cells by tabs, rows by newlines), sorted by file name."""
    return tuple(sorted([plain_of(row) for row in rows_in(text)], key=filename_of))


def offered_in(text: str, is_wanted: Callable[[str], bool]) -> list[tuple[Any, ...]]:
    """Return the plain files of those rows whose name is wanted; files yanked singly count where all are yanked."""
    rows = rows_in(text)
    offered = [row for row in rows if row[7] in NOT_YANKED] or rows
    return sorted([plain_of(row) for row in offered if is_wanted(row[1])], key=filename_of)


def filename_of(plain: tuple[Any, ...]) -> str:
    """Return the file name in a plain file."""
    name: str = plain[0]
    return name


def rows_in(text: str) -> list[list[str]]:
    """Return rows that were joined, in their order."""
    return [line.split("\t") for line in text.split("\n")] if text else []


def plain_of(row: Row | list[str]) -> tuple[Any, ...]:
    """Return the plain form of ``model.distribution.File`` for a row, without the name of its index."""
    metadata, filename, hashes, needs, size, uploaded, url, yanked, path = row
    return (
        filename,
        {"sha256": hashes} if len(hashes) == SHA256_DIGITS else read_digests(hashes),
        "",
        {} if metadata == "true" else None if metadata in NO_SIBLING else read_digests(metadata),
        path and path.replace("%09", "\t").replace("%0A", "\n").replace("%25", "%"),
        needs or None,
        int(size) if size and size != "null" else None,
        uploaded,
        url + filename if url[-1] == "/" else url.removesuffix("#"),
        None if yanked in NOT_YANKED else "" if yanked == "true" else yanked[1:-1],
    )


def row_of(plain: tuple[Any, ...]) -> Row:
    """Return the row of a plain file."""
    filename, hashes, _, metadata, path, needs, size, uploaded, url, yanked = plain
    return (
        "" if metadata is None else write_digests(metadata) or "true",
        filename,
        write_digests(hashes),
        needs or "",
        "" if size is None else str(size),
        uploaded,
        f"{url}#" if url.endswith("/") else url,
        "" if yanked is None else f'"{yanked}"' if yanked else "true",
        path and path.replace("%", "%25").replace("\t", "%09").replace("\n", "%0A"),
    )


def read_digests(text: str) -> dict[str, str]:
    """Return the digests in a cell."""
    if text[:1] == "{":
        return {"sha256": text[11:-2]}
    if len(text) == SHA256_DIGITS:
        return {"sha256": text}
    return dict([item.split("=") for item in text.split(",")] if text else ())


def write_digests(digests: Mapping[str, str]) -> str:
    """Return digests as a cell."""
    if len(digests) == 1 and "sha256" in digests:
        return digests["sha256"]
    return ",".join([f"{name}={digest}" for name, digest in digests.items()])
