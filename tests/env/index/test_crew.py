"""Threads that wait, and one caller that thinks."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pkm_env.index.crew import Crew
from tests.support.threads import no_threads


def test_results_and_errors_are_handed_over_in_the_callers_thread():
    crew = Crew(3)
    told = []

    def fail() -> None:
        raise ValueError("no")

    def then(result: object, error: BaseException | None) -> None:
        told.append((result, repr(error), threading.current_thread() is threading.main_thread()))

    for job in (lambda: 1, fail, lambda: 3):
        crew.submit(job, then)
    while crew.under_way:
        crew.step()
    assert sorted(told, key=str) == [
        (1, "None", True),
        (3, "None", True),
        (None, "ValueError('no')", True),
    ]
    crew.close()


def test_no_more_threads_run_than_allowed_and_none_without_a_job():
    crew = Crew(2)
    assert crew._started == 0
    gate = threading.Event()
    for _ in range(5):
        crew.submit(gate.wait, lambda _result, _error: None)
    assert crew._started == 2
    gate.set()
    while crew.under_way:
        crew.step()
    crew.close()


def test_a_job_may_lead_to_another():
    crew = Crew(1)
    told = []
    crew.submit(lambda: 1, lambda one, _: crew.submit(lambda: one + 1, lambda two, _: told.append(two)))
    while crew.under_way:
        crew.step()
    assert told == [2]
    crew.close()


def test_waiting_for_nothing_is_a_defect():
    with pytest.raises(AssertionError):
        Crew().step()


def test_a_process_ends_though_its_crew_still_waits():
    code = (
        "from pkm_env.index.crew import Crew\n"
        "import time\n"
        "crew = Crew(2)\n"
        "crew.submit(lambda: __import__('logging') and time.sleep(3600), print)\n"
        "crew.submit(lambda: 1, print)\n"
        "crew.step()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 None\n", "")


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a stack that is too large is refused otherwise"
)
def test_where_no_thread_can_be_made_jobs_are_done_as_they_come():
    crew = Crew(3)
    told: list[object] = []
    with no_threads():
        for number in range(3):
            crew.submit(lambda number=number: number, lambda result, error: told.append((result, error)))
        while crew.under_way:
            crew.step()
    crew.close()
    assert told == [(0, None), (1, None), (2, None)]
