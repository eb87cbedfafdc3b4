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
PATTERNS = (b"0000-00-00T00:00:00.000000Z", b"0000-00-00T00:00:00Z")
LENGTHS = frozenset(map(len, PATTERNS))
HOURS = frozenset(f"{number:02}" for number in range(24))
SIXTY = frozenset(f"{number:02}" for number in range(60))
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
    told = [text for text in texts if text]
    if not told:
        return True
    for pattern in PATTERNS:
        same = [text for text in told if len(text) == len(pattern)]
        if "".join(same).encode("ascii").translate(ZEROS) != pattern * len(same):
            return False
    return (
        {len(text) for text in told} <= LENGTHS
        and {text[11:13] for text in told} <= HOURS
        and {text[14:16] for text in told} | {text[17:19] for text in told} <= SIXTY
        and all(is_plain_time(f"{date}T00:00:00Z") for date in {text[:10] for text in told})
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
