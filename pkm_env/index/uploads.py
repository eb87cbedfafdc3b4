"""Times of upload as indexes write them, brought into one form.

Source: RFC 3339; Simple repository API, "upload-time".
"""

from __future__ import annotations

import re

from pkm_env.index.times import DAYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SIZES = frozenset(len("2026-01-31T10:00:00Z") + digits for digits in (0, 4, 7))
# Every third character from the fifth on.
MARKS = "--T::"
LONGEST = 40
ZEROS = bytes.maketrans(b"123456789", b"000000000")
PATTERNS = {len(form): form for form in (b"0000-00-00T00:00:00.000000Z", b"0000-00-00T00:00:00Z")}
LENGTHS = frozenset((0, *PATTERNS))
NO_HOURS = (b"24", b"25", b"26", b"27", b"28", b"29")
# Month and day; the 29th of February is a date of some years only.
DATES = frozenset(
    f"-{month:02}-{day:02}"
    for month, days in enumerate((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1)
    for day in range(1, days + 1)
)
FIRST_YEAR = "1970"
FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", re.ASCII).fullmatch


def is_plain_time(text: str) -> bool:
    """Whether *text* is a time in UTC in the form "2026-01-31T10:00:00Z", perhaps with 3 or 6 more digits."""
    if len(text) not in SIZES or text[4:17:3] != MARKS or text[-1] != "Z":
        return False
    if text[19] != ("." if len(text) > min(SIZES) else "Z"):
        return False
    # datetime would say so too, and takes as long to load as thousands of times to read.
    numbers = text[:4] + text[5:19:3] + text[6:19:3] + text[20:-1]
    return (
        numbers.isascii()
        and numbers.isdecimal()
        and is_date(text[:10])
        and text[11:13] < "24"
        and text[14:16] < "60"
        and text[17:19] < "60"
    )


def are_plain_times(texts: Sequence[str], dates: Collection[str]) -> bool:
    """Whether all are times in UTC in the form "2026-01-31T10:00:00.000000Z", or without a fraction, or "".

    Checked together: as one text, and by the few values that each part can have. *dates* are the first ten
    characters of all, each once.

    :raises UnicodeEncodeError: when one is not ASCII.
    """
    sizes = set(map(len, texts))
    if not sizes <= LENGTHS:
        return False
    if len(sizes) == 1:
        formed = have_form(texts, sizes.pop())
    else:
        formed = all(have_form([text for text in texts if len(text) == size], size) for size in sizes)
    return formed and all(map(is_date, [date for date in dates if date not in DAYS]))


def is_date(text: str) -> bool:
    """Whether *text*, of the form "2026-01-31", is a date from 1970 on; "" is one that is not known."""
    if text[4:] == "-02-29":
        year = int(text[:4])
        return not year % 4 and (year % 100 > 0 or not year % 400) and text[:4] >= FIRST_YEAR
    return not text or (text[4:] in DATES and text[:4] >= FIRST_YEAR)


def have_form(texts: Sequence[str], size: int) -> bool:
    """Whether *texts*, all of one *size*, are times in the form for it, whatever their dates."""
    if not size:
        return True
    joined = "".join(texts).encode("ascii")
    hours = bytearray(2 * len(texts))
    hours[::2], hours[1::2] = joined[11::size], joined[12::size]
    return (
        joined.translate(ZEROS) == PATTERNS[size] * len(texts)
        and not hours[::2].translate(None, b"012")
        # As no hour begins with one of these digits, none of these pairs is made of two hours.
        and not any(hour in hours for hour in NO_HOURS)
        and not joined[14::size].translate(None, b"012345")
        and not joined[17::size].translate(None, b"012345")
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
    from pkm_env.model.moments import in_utc

    moved = in_utc(*found.groups())
    return moved if moved >= FIRST_YEAR else ""
