"""Dates and times as people and indexes write them, brought into one form in UTC.

Loaded only where one is to be read: it needs ``datetime`` and ``re``, which most runs do without.

Source: RFC 3339; TOML 1.0, "Offset Date-Time" to "Local Date".
"""

from __future__ import annotations

import re
from datetime import date, datetime, timezone

SPAN_DAYS = {"day": 1, "days": 1, "week": 7, "weeks": 7, "d": 1, "w": 7}
# A thousand years: a date counted back over more may have no year of four digits.
LONGEST_SPAN_DAYS = 365_000
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d+))?)?"
    r"(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
).fullmatch


def normal_cut_off(text: str) -> str:
    """Return a date as it is, a time in UTC, and a span such as "14 days" as it is; "" when *text* is none."""
    if span_days(text) is not None or is_date(text):
        return text
    return normal_moment(text)


def span_days(text: str) -> int | None:
    """Return how many days a text such as "2 weeks" says; None when it is no span, or a longer one than any is."""
    number, _, unit = text.strip().partition(" ")
    if unit not in SPAN_DAYS or not number.isdecimal() or len(number) > len(str(LONGEST_SPAN_DAYS)):
        return None
    days = int(number) * SPAN_DAYS[unit]
    return days if days <= LONGEST_SPAN_DAYS else None


def is_date(text: str) -> bool:
    """Whether *text* is a date of the calendar, as "2026-01-31"."""
    if DATE(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def normal_moment(text: str) -> str:
    """Return a time of RFC 3339 in UTC, as "2026-01-31T10:00:00Z"; "" when it is none.

    The letters may be small, and a space may stand for the first; one without an offset is in UTC.
    """
    found = TIME(text.upper())
    if found is None:
        return ""
    day, hour, minute, second, fraction, offset = found.groups()
    return in_utc(f"{day}T{hour}:{minute}:{second or '00'}", fraction, offset)


def in_utc(moment: str, fraction: str | None, offset: str | None) -> str:
    """Return the time *moment*, as "2026-01-31T10:00:00", in UTC; "" when there is none such."""
    # Python 3.10 reads fractions of three and six digits alone, later ones all.
    digits = f".{fraction[:6]:0<6}" if fraction else ""
    try:
        when = datetime.fromisoformat(moment + digits + ("+00:00" if offset in {None, "Z"} else str(offset)))
        moved = when.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return moved.isoformat().replace("+00:00", "Z")
