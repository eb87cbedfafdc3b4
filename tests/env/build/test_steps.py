from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pkm_build.errors import PkmError
from pkm_env.build.steps import alone, processors, together
from tests.support.projects import ROOT


class Refused(PkmError):
    """What works in these tests fail with."""


def never() -> None:
    raise AssertionError


def work(*calls, ended=None):
    """Yield each call in turn, and come to the list of what they returned."""
    found = []
    try:
        for call in calls:
            answer = yield call
            found.append(answer)
    finally:
        if ended is not None:
            ended.append(found)
    return found


def failing():
    raise Refused("no", "")


def test_a_work_alone_makes_its_calls_in_this_thread_and_gets_what_they_return():
    assert alone(work(threading.get_ident, lambda: 2)) == [threading.get_ident(), 2]


def test_a_work_is_thrown_what_its_call_raises_and_may_go_on():
    def careful():
        try:
            yield failing
        except Refused:
            return (yield lambda: "mended")

    assert alone(careful()) == "mended"
    assert together([careful()], most=1, stop=never) == (["mended"], {})


def test_calls_of_several_works_are_under_way_at_once():
    met = threading.Barrier(2, timeout=60)
    made, errors = together([work(met.wait), work(met.wait)], most=2, stop=never)
    assert sorted(made) == [[0], [1]]
    assert not errors


def test_no_more_works_are_under_way_than_are_admitted():
    begun, seen = [], []

    def counted(number):
        begun.append(number)
        seen.append(len(begun))
        yield lambda: None
        begun.remove(number)
        return number

    made, _ = together([counted(number) for number in range(7)], most=3, stop=never)
    assert made == list(range(7))
    assert max(seen) == 3


def test_all_but_the_calls_is_done_by_the_callers_thread():
    def told():
        first = threading.get_ident()
        call = yield threading.get_ident
        return first, call, threading.get_ident()

    ((first, call, last),), _ = together([told()], most=2, stop=never)
    assert first == last == threading.get_ident()
    assert call != first


def test_after_a_failure_nothing_is_begun_and_what_is_under_way_ends():
    failed = threading.Event()
    ended: list[list[bool]] = []

    def fails():
        try:
            yield failing
        finally:
            failed.set()

    works = [fails(), work(lambda: failed.wait(60), lambda: True, ended=ended), work(lambda: 3, ended=ended)]
    made, errors = together(works, most=2, stop=never)
    assert made == [None, [True, True], None]
    assert list(errors) == [0]
    assert isinstance(errors[0], Refused)
    assert ended == [[True, True]]


def test_an_interrupt_ends_the_programs_and_closes_every_work():
    stopped = threading.Event()
    ended: list[list[bool]] = []

    def interrupted():
        yield lambda: None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together([work(lambda: stopped.wait(60), ended=ended), interrupted()], most=2, stop=stopped.set)
    assert stopped.is_set()
    assert ended == [[]]


# Interrupts at any moment of works that make many short calls.
INTERRUPTED = """
import random, signal, sys
from pkm_env.build.steps import together

def interrupt(*_):
    raise KeyboardInterrupt

def busy():
    while True:
        yield lambda: None

signal.signal(signal.SIGALRM, interrupt)
random.seed(1)
for _ in range(300):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001 + random.random() / 200)
        together([busy(), busy(), busy()], most=3, stop=lambda: None)
    except KeyboardInterrupt:
        continue
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timers that send signals")
def test_an_interrupt_ends_the_works_whenever_it_comes():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout == "done\n", done.stderr


def test_there_is_a_processor():
    assert processors() >= 1
