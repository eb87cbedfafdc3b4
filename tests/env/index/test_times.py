"""Times of upload, with datetime as the judge."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.times import LAST_DAY, day_of
from pkm_env.index.uploads import are_plain_times, is_plain_time, normal_time

BOUNDS = datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2100-01-01")
MOMENTS = st.datetimes(*BOUNDS, timezones=st.just(timezone.utc))


@given(MOMENTS)
def test_days_are_those_of_datetime(moment: datetime):
    text = moment.isoformat().replace("+00:00", "Z")
    assert normal_time(text) == text
    assert day_of(text) == (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(days=1)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2025-01-02T03:04:05+02:00", "2025-01-02T01:04:05Z"),
        ("2025-01-02T03:04:05", "2025-01-02T03:04:05Z"),
        ("2025-13-02T03:04:05Z", ""),
        ("2025-02-30T03:04:05Z", ""),
        ("2025-W05-6T03:04:05Z", ""),
        ("2025-01-02T03:04:05,678Z", ""),
        ("yesterday", ""),
        ("", ""),
        (17, ""),
        ("1969-01-01T00:00:00Z", ""),
        ("0001-01-01T00:00:00+23:00", ""),
        ("2025-01-02T03:04:05Z" * 9, ""),
    ],
)
def test_a_time_is_told_in_utc_or_not_at_all(told: object, expected: str):
    assert normal_time(told) == expected


TIMES = st.one_of(
    MOMENTS.map(lambda moment: moment.isoformat(timespec="microseconds").replace("+00:00", "Z")),
    st.from_regex(
        r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{6})?Z", fullmatch=True
    ),
    st.sampled_from(
        ["2024-02-29T23:59:59Z", "2023-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "1900-02-29T00:00:00Z", ""]
    ),
)


@given(st.lists(TIMES, max_size=4))
def test_times_that_are_checked_together_are_those_that_are_good_alone(texts: list[str]):
    expected = all(not text or is_plain_time(text) for text in texts)
    assert are_plain_times(texts, {text[:10] for text in texts}) == expected


@pytest.mark.parametrize("hour", range(30))
def test_a_day_has_24_hours(hour: int):
    texts = ["2025-01-02T02:00:00Z", f"2025-01-02T{hour:02}:00:00Z", "2025-01-02T04:00:00Z"]
    assert are_plain_times(texts, {"2025-01-02"}) == (hour < 24)


def test_the_far_future_is_the_last_day():
    assert day_of("1970-01-02") == 1
    assert day_of("9999-01-01T00:00:00Z") == LAST_DAY
