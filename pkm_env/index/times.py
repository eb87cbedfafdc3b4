"""Times of upload in days since 1970, without loading ``datetime``."""

from __future__ import annotations

MARCH = 3  # the year of the reckoning begins here, so that leap days come last
LAST_DAY = 0xFFFE


class Days(dict[str, int]):
    """The days from 1970-01-01 to dates, by their texts; the far future is the last day."""

    def __missing__(self, date: str) -> int:
        counted = days_of(int(date[:4]), int(date[5:7]), int(date[8:10]))
        self[date] = min(counted, LAST_DAY)
        return self[date]


# Many packages have a release of one day.
DAYS = Days()


def day_of(text: str) -> int:
    """Return the days from 1970-01-01 to the date that *text* begins with; the far future is the last day."""
    return DAYS[text[:10]]


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
