from __future__ import annotations

import io
import itertools
import json

from pkm_env.cli.output import Output
from pkm_env.cli.timings import Timings


def make():
    """Timings whose clock goes on by a second with each look, and the streams of the output below."""
    out, err = io.StringIO(), io.StringIO()
    clock = itertools.count(100).__next__
    return Timings(Output(out, err, level=1), lambda: float(clock())), err


def told(timings):
    return json.loads(timings.text())


def test_work_is_noted_with_its_start_and_end():
    timings, _ = make()
    number = timings.start("fetch", "spam", 10)
    timings.advance(number, 4)
    timings.advance(number, 6)
    timings.finish(number)
    assert told(timings) == {
        "format": 1,
        "seconds": 3.0,
        "phases": [],
        "events": [{"kind": "fetch", "name": "spam", "bytes": 10, "start_s": 1.0, "end_s": 2.0}],
    }


def test_what_is_put_there_has_its_bytes_and_a_build_has_none():
    timings, _ = make()
    timings.finish(timings.start("link", "spam", 7))
    timings.finish(timings.start("build", "eggs", 7))
    assert told(timings)["events"] == [
        {"kind": "link", "name": "spam", "bytes": 7, "start_s": 1.0, "end_s": 2.0},
        {"kind": "build", "name": "eggs", "start_s": 3.0, "end_s": 4.0},
    ]


def test_a_phase_ends_where_the_next_begins_and_the_last_at_the_end():
    timings, _ = make()
    timings.phase("Resolving default")
    timings.phase("Fetching default")
    assert told(timings)["phases"] == [
        {"name": "Resolving default", "start_s": 1.0, "end_s": 2.0},
        {"name": "Fetching default", "start_s": 2.0, "end_s": 3.0},
    ]


def test_work_that_still_goes_on_ends_with_the_report():
    timings, _ = make()
    timings.start("build", "spam")
    assert told(timings)["events"][0]["end_s"] == 2.0


def test_what_is_told_reaches_the_output():
    timings, err = make()
    timings.warn("odd")
    timings.phase("Fetching")
    timings.note("left out")
    timings._reporter.flush_notes()
    assert err.getvalue() == "warning: odd\nFetching\nnote: left out\n"


def test_an_unknown_number_is_no_error():
    timings, _ = make()
    timings.advance(7, 1)
    timings.finish(7)
    assert told(timings)["events"] == []
