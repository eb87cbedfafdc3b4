"""Times of upload in seconds since 1970, without loading ``datetime``."""

from __future__ import annotations

LAST_SECOND = 0xFFFF_FFFE
DAYS: dict[str, int] = {}


def seconds_of(text: str) -> int:
    """Return the whole seconds since 1970 of a time in UTC as ``normal_time`` returns it, or of a date."""
    date = text[:10]
    days = DAYS.get(date)
    if days is None:
        days = DAYS[date] = days_of(int(date[:4]), int(date[5:7]), int(date[8:10]))
    clock = text[11:19]
    of_day = int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8]) if clock else 0
    return min(days * 86400 + of_day, LAST_SECOND)


def days_of(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar.

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if month <= 2:  # noqa: PLR2004 - the year begins in March, so that leap days come last
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1  # noqa: PLR2004 - as above
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
