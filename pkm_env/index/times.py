"""Times of upload in days since 1970, without loading ``datetime``."""

from __future__ import annotations

MARCH = 3  # the year of the reckoning begins here, so that leap days come last
LAST_DAY = 0xFFFE
DAYS: dict[str, int] = {}


def day_of(text: str) -> int:
    """Return the days from 1970-01-01 to the date that *text* begins with; the far future is the last day."""
    date = text[:10]
    day = DAYS.get(date)
    if day is None:
        counted = days_of(int(date[:4]), int(date[5:7]), int(date[8:10]))
        day = DAYS[date] = min(counted, LAST_DAY)
    return day


def days_of(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar.

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if month < MARCH:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month - MARCH if month >= MARCH else month + 9) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
