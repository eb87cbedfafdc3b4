"""The files of an index page in columns: what its digest is made of, and the line that keeps each file.

A column is read, checked and counted as a whole, by functions that loop in C: a file takes 3 µs in this way,
where a tuple for each and a loop over them take 8, and a resolve from an empty cache reads 100,000 files.
"""

from __future__ import annotations

from itertools import chain, compress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pkm_env.model.rows import Row

    Column = Sequence[str]

DATE = 10  # characters of a time
COLUMNS = 5


class Lines:
    """Files of a page, in any order.

    ``texts`` are their rows (``model.rows``), joined by tabs; the other columns are cells of these, ``dates`` what the
    times of upload begin with. Of a page that is read in brief (``brief``) ``dates`` and ``texts`` are empty.
    """

    __slots__ = ("dates", "filenames", "needs", "texts", "yanked")

    def __init__(self, *columns: Column) -> None:
        self.filenames, self.needs, self.dates, self.yanked, self.texts = columns

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in the order in which they are given."""
        return self.filenames, self.needs, self.dates, self.yanked, self.texts

    @property
    def rows(self) -> list[Row]:
        """The files as rows."""
        return [tuple(text.split("\t")) for text in self.texts]

    def __len__(self) -> int:
        return len(self.filenames)

    def only(self, flags: Iterable[bool]) -> Lines:
        """Return those of the files for which *flags*, one for each, say so."""
        kept = list(flags)
        return Lines(*[list(compress(column, kept)) for column in self.columns])


def lines_of(rows: Iterable[Row]) -> Lines:
    """Return files that were read one by one."""
    kept = list(rows)
    if not kept:
        return Lines(*[()] * COLUMNS)
    _, filenames, _, needs, _, times, _, yanked, _ = zip(*kept, strict=True)
    texts = list(map("\t".join, kept))
    return Lines(filenames, needs, dates_of(times), yanked, texts)


def dates_of(times: Column) -> Column:
    """Return what times begin with."""
    return [time[:DATE] for time in times]


def together(parts: Sequence[Lines]) -> Lines:
    """Return the files of all *parts*."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*[part.columns for part in parts], strict=True)
    return Lines(*[list(chain.from_iterable(column)) for column in columns])
