"""Times of upload: RFC 3339 texts and seconds since 1970, without ``datetime`` for the usual form."""

from __future__ import annotations

SHORTEST = len("2026-01-31T10:00:00Z")
LAST_SECOND = 0xFFFF_FFFE


def normal_time(text: object) -> str:
    """Return a time as an index tells it in UTC, ending in "Z"; "" when it is none."""
    if not isinstance(text, str) or len(text) > 40:  # noqa: PLR2004 - nanoseconds and an offset fit
        return ""
    if len(text) >= SHORTEST and text[-1] == "Z" and text[4] == text[7] == "-" and text[10] == "T":
        plain = text[:19].replace("-", "").replace(":", "").replace("T", "")
        if len(plain) == 14 and (plain + text[19:-1].lstrip(".")).isdecimal() and is_calendar(text):  # noqa: PLR2004 - digits
            return text
    return converted(text)


def is_calendar(text: str) -> bool:
    """Whether month, day, hour, minute and second of an RFC 3339 text are possible."""
    return (
        "01" <= text[5:7] <= "12"
        and "01" <= text[8:10] <= "31"
        and text[11:13] <= "23"
        and text[14:16] <= "59"
        and text[17:19] <= "60"
        and text[:4] >= "1970"
    )


def converted(text: str) -> str:
    """Return a time with an offset, or without one, in UTC; "" when it is none."""
    from datetime import datetime, timezone

    try:
        when = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return ""
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    try:
        moved = when.astimezone(timezone.utc)
    except OverflowError:
        return ""
    return moved.isoformat().replace("+00:00", "Z") if moved.year >= 1970 else ""  # noqa: PLR2004 - what seconds_of counts from


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
