"""REQUESTED of what stays installed: the project may begin, or cease, to ask for it itself.

Source: Recording installed projects, "The REQUESTED file".
"""

from __future__ import annotations

import os

from pkm_env.cache.manifest import parse_record, record_row
from pkm_env.files import read_file, write_atomic
from pkm_env.install.wheel import digest_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pkm_env.plan import InstalledDistribution

REQUESTED = "REQUESTED"


def mark(marks: Iterable[tuple[InstalledDistribution, bool]]) -> None:
    """Write or remove REQUESTED of each distribution, with its row in RECORD.

    RECORD comes first: killed in between, the next look finds the mark as it was, and all is done again.
    """
    for distribution, requested in marks:
        path = os.path.join(distribution.path, REQUESTED)
        write_atomic(os.path.join(distribution.path, "RECORD"), record_with(distribution, requested))
        if requested:
            write_atomic(path, b"")
        else:
            os.unlink(path)


def record_with(distribution: InstalledDistribution, requested: bool) -> bytes:
    """Return RECORD of a distribution with the row of REQUESTED, or without it."""
    text = read_file(os.path.join(distribution.path, "RECORD")).decode("utf-8", "surrogateescape")
    name = f"{os.path.basename(distribution.path)}/{REQUESTED}"
    rows = [row for row in text.splitlines(keepends=True) if not is_row_of(row, name)]
    if requested:
        rows.append(record_row(name, digest_of(b""), 0))
    return "".join(rows).encode("utf-8", "surrogateescape")


def is_row_of(row: str, name: str) -> bool:
    """Whether a row of RECORD is that of the file *name*."""
    return name in row and any(path == name for path, _, _ in parse_record(row))
