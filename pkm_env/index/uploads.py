"""Times of upload as indexes write them, brought into one form.

Source: RFC 3339; Simple repository API, "upload-time".
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = frozenset(len("2026-01-31T10:00:00Z") + digits for digits in (0, 4, 7))
# Every third character from the fifth on.
MARKS = "--T::"
LONGEST = 40
ZEROS = bytes.maketrans(b"123456789", b"000000000")
PATTERNS = {len(form): form for form in (b"0000-00-00T00:00:00.000000Z", b"0000-00-00T00:00:00Z")}
LENGTHS = frozenset((0, *PATTERNS))
HOURS = frozenset(tuple(b"%02d" % number) for number in range(24))
# Month and day, those of every year.
DATES = frozenset(
    f"{month:02}-{day:02}"
    for month, days in enumerate((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1)
    for day in range(1, days + 1)
)
FIRST_YEAR = 1970
FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", re.ASCII).fullmatch


def is_plain_time(text: str) -> bool:
    """Whether *text* is a time in UTC in the form "2026-01-31T10:00:00Z", perhaps with 3 or 6 more digits."""
    if len(text) not in SIZES or text[4:17:3] != MARKS or text[-1] != "Z" or text[19] not in "Z.":
        return False
    if text[:4] < "1970":
        return False
    try:
        datetime.fromisoformat(text[:-1])
    except ValueError:
        return False
    return True


def are_plain_times(texts: Sequence[str]) -> bool:
    """Whether all are times in UTC in the form "2026-01-31T10:00:00.000000Z", or without a fraction, or "".

    Checked together: as one text, and by the few values that each part can have.

    :raises UnicodeEncodeError: when one is not ASCII.
    """
    sizes = set(map(len, texts))
    if not sizes <= LENGTHS:
        return False
    if len(sizes) == 1:
        return have_form(texts, sizes.pop())
    return all(have_form([text for text in texts if len(text) == size], size) for size in sizes)


def have_form(texts: Sequence[str], size: int) -> bool:
    """Whether *texts*, all of one *size*, are times in the form for it."""
    if not size:
        return True
    joined = "".join(texts).encode("ascii")
    if joined.translate(ZEROS) != PATTERNS[size] * len(texts):
        return False
    # The 29th of February is a date of some years only.
    if not {text[5:10] for text in texts} <= DATES and not all(
        is_plain_time(f"{date}T00:00:00Z") for date in {text[:10] for text in texts}
    ):
        return False
    return (
        set(zip(joined[11::size], joined[12::size], strict=True)) <= HOURS
        and not joined[14::size].translate(None, b"012345")
        and not joined[17::size].translate(None, b"012345")
        and min({text[:4] for text in texts}) >= str(FIRST_YEAR)
    )


def normal_time(text: object) -> str:
    """Return a time as an index tells it in UTC, ending in "Z"; "" when it is none."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return ""
    return text if is_plain_time(text) else converted(text)


def converted(text: str) -> str:
    """Return a time with an offset, without one, or with any fraction, in UTC; "" when it is none."""
    found = FORM(text.strip())
    if found is None:
        return ""
    moment, fraction, offset = found.groups()
    # Python 3.10 reads fractions of three and six digits alone, later ones all.
    digits = f".{fraction[:6]:0<6}" if fraction else ""
    try:
        when = datetime.fromisoformat(moment + digits + ("+00:00" if offset in {None, "Z"} else offset))
        moved = when.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return moved.isoformat().replace("+00:00", "Z") if moved.year >= FIRST_YEAR else ""
