"""Cut-offs: what is declared, given and kept."""

from __future__ import annotations

import pytest

from pkm_env.cut_off import choose_cut_off, cut_off_times, read_cut_off

NOW_S = 1_767_268_800.0  # 2026-01-01, noon
DAY_S = 86_400


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-12-31", "2025-12-31T00:00:00Z"),
        ("2025-12-31T10:00:00+02:00", "2025-12-31T08:00:00Z"),
        ("2025-12-31 10:00:00z", "2025-12-31T10:00:00Z"),
        ("14 days", "2025-12-18T00:00:00Z"),
        ("36500 days", "1970-01-01T00:00:00Z"),
        ("2 weeks", "2025-12-18T00:00:00Z"),
    ],
)
def test_dates_and_spans_stand_for_times_in_utc(text, time):
    assert cut_off_times(text, NOW_S) == {"default": time}


def test_a_package_may_be_without_a_cut_off():
    found = cut_off_times({"default": "2025-12-31", "spam": False}, NOW_S)
    assert found == {"default": "2025-12-31T00:00:00Z", "spam": None}


def test_what_a_section_says_of_a_cut_off_is_read_as_it_was():
    made = choose_cut_off({"default": "14 days", "spam": False}, "", {}, NOW_S)
    read = read_cut_off(made.options())
    assert read is not None
    assert (read.text, read.times, read.from_command) == (made.text, made.times, False)


def test_the_day_that_a_span_was_counted_back_from_stays():
    kept = choose_cut_off("14 days", "", {}, NOW_S).options()
    assert choose_cut_off("14 days", "", kept, NOW_S + 9 * DAY_S).options() == kept
    assert choose_cut_off("13 days", "", kept, NOW_S).times == {"default": "2025-12-19T00:00:00Z"}


@pytest.mark.parametrize("kept", ["default yesterday", "default", "5", "default 2025-02-31T00:00:00Z", ""])
def test_a_kept_cut_off_that_cannot_be_read_is_worked_out_anew(kept):
    assert read_cut_off({"exclude-newer": "14 days", "cut-off": kept}) is None
    found = choose_cut_off("14 days", "", {"exclude-newer": "14 days", "cut-off": kept}, NOW_S)
    assert found.times == {"default": "2025-12-18T00:00:00Z"}


def test_what_the_command_line_gave_stays_whatever_is_declared():
    kept = choose_cut_off(None, "2025-12-31", {}, NOW_S).options()
    assert choose_cut_off("14 days", "", kept, NOW_S).options() == kept
    assert choose_cut_off("14 days", "2025-11-30", kept, NOW_S).text == "2025-11-30"
