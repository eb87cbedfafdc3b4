"""The second process that reads pages: it keeps what it reads, and is missed by nobody when it is gone.

Each test has a process of its own, for one with threads, as that of pytest may be, is not copied.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BEGINNING = """
import os, signal, sys
from pkm_env.index.client import Answer
from pkm_env.supply.second import PLACES, ROOM, SMALLEST, begin

def read(position, name, answer):
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    while name == "endless":
        os.sched_yield()
    if name == "broken":
        raise KeyError(name)
    kind = " packed" if answer.is_packed else ""
    told = f"{position} {name} {answer.url} {answer.etag} {answer.max_age_s} {len(answer.body)} {sum(answer.body[-3:])}"
    return None if name == "not kept" else [told + kind, str(os.getpid())]

def page(size=SMALLEST, packed=False):
    marks = {"content_type": "t", "url": "u", "etag": "e", "modified": "m", "max_age_s": 7, "is_packed": packed}
    return Answer("page", b"x" * size, **marks)

second = begin(read, at_once=2)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system copies a process quickly")


def said(code: str, descriptor: int = -1) -> list[str]:
    """Return the lines that a process of its own says."""
    kept = [descriptor] if descriptor >= 0 else []
    command = [sys.executable, "-c", BEGINNING + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, pass_fds=kept, check=False)
    assert not done.stderr
    return done.stdout.splitlines()


def test_a_page_that_was_kept_is_told_with_its_warnings():
    size = 1 << 20
    told = said(
        f"warnings = second.read(3, 'spam', page({size}))\n"
        "print(warnings[0], int(warnings[1]) != os.getpid())\nsecond.close()"
    )
    assert told == [f"3 spam u e 7 {size} 360 True"]


def test_a_packed_page_may_be_smaller():
    told = said(
        "for size in (1 << 13, (1 << 13) - 1): print(second.read(0, 'spam', page(size, packed=True)))"
    )
    assert told[0].startswith("['0 spam u e 7 8192 360 packed'")
    assert told[1:] == ["None"]


def test_a_page_that_was_not_kept_and_a_small_one_are_to_be_read_here():
    told = said(
        "print(second.read(0, 'not kept', page()), second.read(0, 'spam', page(SMALLEST - 1)))\n"
        "print(second.read(0, 'spam', page()) is not None)\nsecond.close()"
    )
    assert told == ["None None", "True"]


@pytest.mark.parametrize("name", ["killed", "broken"])
def test_without_the_second_process_all_pages_are_to_be_read_here(name: str):
    told = said(
        f"print(second.read(0, '{name}', page()))\n"
        "print(second.read(0, 'spam', page()), second.read(0, 'spam', page(1 << 22)))\n"
        "second.close()"
    )
    assert told == ["None", "None None"]


def test_many_threads_get_each_the_answer_for_its_own_page():
    told = said(
        "import threading\n"
        "found = {}\n"
        "def ask(n):\n"
        "    found[n] = second.read(n, 'spam', page(SMALLEST + n))\n"
        "threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "kept = {n: told[0] for n, told in found.items() if told}\n"
        "print(len(kept) >= PLACES, len(found))\n"
        "print(all(kept[n] == f'{n} spam u e 7 {SMALLEST + n} 360' for n in kept))\nsecond.close()"
    )
    assert told == ["True 20", "True"]


def test_a_page_that_finds_no_room_is_to_be_read_here():
    told = said(
        "print(second.read(0, 'spam', page(ROOM + 1)))\n"
        "places = [second._free.pop() for _ in range(PLACES)]\n"
        "print(second.read(0, 'spam', page()))\n"
        "second._free.extend(places)\n"
        "print(second.read(0, 'spam', page()) is not None)\nsecond.close()"
    )
    assert told == ["None", "None", "True"]


def test_an_interrupt_and_an_end_in_order_are_for_the_first_process_to_decide():
    told = said(
        "pid = int(second.read(0, 'spam', page())[1])\n"
        "os.kill(pid, signal.SIGINT)\n"
        "print(second.read(0, 'spam', page()) is not None)\n"
        "second.close()\n"
        "try:\n"
        "    os.kill(pid, 0)\n"
        "except ProcessLookupError:\n"
        "    print('gone')"
    )
    assert told == ["True", "gone"]


def test_a_page_that_is_still_read_at_the_end_is_not_waited_for():
    told = said(
        "import threading\n"
        "found = []\n"
        "thread = threading.Thread(target=lambda: found.append(second.read(0, 'endless', page())))\n"
        "thread.start()\n"
        "while not second._tickets:\n"
        "    os.sched_yield()\n"
        "second.close()\n"
        "thread.join()\n"
        "print(found)"
    )
    assert told == ["[None]"]


def test_a_reader_that_is_closed_reads_nothing():
    assert said("second.close()\nprint(second.read(0, 'spam', page()))") == ["None"]


def test_the_second_process_ends_with_the_first_however_that_ends():
    """Both hold the pipe of the test, which ends when the last of them has."""
    reading, writing = os.pipe()
    told = said(
        "print(second.read(0, 'spam', page()) is not None, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)",
        writing,
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b""
    assert told == ["True"]


def test_none_is_made_where_that_is_slow_or_not_safe():
    told = said(
        "print(begin(read, at_once=2), begin(read, 'darwin', 2), begin(read, 'win32', 2), begin(read, at_once=1))"
        "\nsecond.close()"
    )
    # The first reader listens in a thread.
    assert told == ["None None None None"]


def test_none_is_made_where_the_system_has_no_more_to_give():
    told = said(
        "second.close()\n"
        "import resource\n"
        "while len(os.listdir('/proc/self/task')) > 1:\n"
        "    os.sched_yield()\n"
        "for files in (3, 4, 5):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (files, 99))\n"
        "    print(begin(read, at_once=2))"
    )
    assert told == ["None"] * 3


def test_where_no_thread_can_listen_all_pages_are_to_be_read_here():
    told = said(
        "second.close()\n"
        "while len(os.listdir('/proc/self/task')) > 1:\n"
        "    os.sched_yield()\n"
        "from tests.support.threads import no_threads\n"
        "with no_threads():\n"
        "    deaf = begin(read, at_once=2)\n"
        "print(deaf.read(0, 'spam', page()))\n"
        "deaf.close()\n"
        "print(os.path.exists(f'/proc/{deaf._pid}'))"
    )
    assert told == ["None", "False"]
