"""Dates, times and spans as people write them."""

from __future__ import annotations

import pytest

from pkm_env.model.moments import is_date, normal_cut_off, normal_moment, span_days


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("2024-05-01t12:00:00z", "2024-05-01T12:00:00Z"),
        ("2024-05-01 12:00:00", "2024-05-01T12:00:00Z"),
        ("2024-05-01T12:00", "2024-05-01T12:00:00Z"),
        ("2024-05-01 12:00:00+02:00", "2024-05-01T10:00:00Z"),
        ("2024-05-01T23:00:00-02:00", "2024-05-02T01:00:00Z"),
        ("2024-05-01T12:00:00.5Z", "2024-05-01T12:00:00.500000Z"),
        ("2024-05-01T12:00:00.123456789z", "2024-05-01T12:00:00.123456Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_every_form_of_a_time_is_brought_into_one_form_in_utc(told, expected):
    """RFC 3339, 5.6: "T" and "Z" may be lower case, and applications may separate date and time by a space."""
    assert normal_moment(told) == normal_cut_off(told) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-02-31",
        "2024-02-30",
        "0000-01-01",
        "2024-01-01Tgarbage",
        "2024-01-01T",
        "2024-01-01T24:00:00Z",
        "2024-01-01T25:00:00Z",
        "2024-02-30T10:00:00Z",
        "2024-01-01T10:00:60Z",
        "2024-01-01T10:00:00+25:00",
        "2024-01-01T10:00:00+01:99",
        "0001-01-01T00:00:00+23:00",
        "2024-01-01_10:00:00",
        "20240101",
        "\u0662\u0660\u0662\u0664-01-01",
        "99999999999 days",
        "999999 days",
        "365001 d",
        "-3 days",
        "3 months",
    ],
)
def test_what_no_calendar_has_is_neither_a_date_nor_a_span(text):
    assert normal_cut_off(text) == ""


def test_dates_and_spans_stay_as_they_are():
    for text in ("2024-02-29", "14 days", "2 weeks", "0 days", "365000 d"):
        assert normal_cut_off(text) == text
    assert is_date("2000-02-29")
    assert not is_date("1900-02-29")
    assert (span_days("2 weeks"), span_days("1 day"), span_days("2026-01-31")) == (14, 1, None)
