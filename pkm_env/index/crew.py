"""A crew of threads that wait for servers, and one caller that does all the thinking.

Jobs run in threads and only wait: requests, inflating, hashing, writing files. What comes of a job is
handed to its ``then`` in the caller's thread, inside ``step``; so all state of the caller is touched by
one thread, and needs no locks. ``concurrent.futures`` would do, and imports ``logging`` (17 ms);
so its parts are taken.
"""

from __future__ import annotations

import threading
from _queue import Empty, SimpleQueue

from pkm_env.hands import attempt, in_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Job = Callable[[], Any]
    Then = Callable[[Any, BaseException | None], None]

THREADS = 32
# Whoever imports threading first is the main thread to it, and is waited for when the process ends: that
# must not be one of the crew.
MAIN = threading.main_thread()
# Windows lets Ctrl-C through between two waits only.
PATIENCE_S = 1.0


class Crew:
    """Up to *threads* threads, started as they are needed; nobody waits for them when the process ends.

    Where not one can be made, jobs are done as they are submitted.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._limit = threads
        self._started = 0
        self._under_way = 0
        self._jobs: SimpleQueue[tuple[Job, Then] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Then, Any, BaseException | None]] = SimpleQueue()

    @property
    def under_way(self) -> int:
        """How many jobs have not been handed to their ``then``."""
        return self._under_way

    def submit(self, job: Job, then: Then) -> None:
        """Run *job* in a thread, then ``then(result, error)`` in the thread that calls ``step``."""
        self._under_way += 1
        self._jobs.put((job, then))
        if self._started < min(self._limit, self._under_way):
            # threading.Thread.start waits until the thread runs: 5 ms each where others hold the interpreter.
            if in_thread(self._work):
                self._started += 1
            else:
                self._limit = self._started
        if not self._started:
            self._work_once()

    def step(self) -> None:
        """Wait until a job is done, and hand over all that are; there must be one under way."""
        assert self._under_way, "nothing is under way, so nothing will ever be done"
        while True:
            try:
                done = self._done.get(timeout=PATIENCE_S)
            except Empty:
                continue
            break
        self._hand_over(*done)
        self.settle()

    def settle(self) -> None:
        """Hand over what is done, without waiting."""
        while not self._done.empty():
            self._hand_over(*self._done.get())

    def close(self) -> None:
        """Let the threads end when their present jobs are done."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _hand_over(self, then: Then, result: Any, error: BaseException | None) -> None:
        self._under_way -= 1
        then(result, error)

    def _work(self) -> None:
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        """Do the next job; return whether there was one before the end."""
        taken = self._jobs.get()
        if taken is None:
            return False
        job, then = taken
        self._done.put((then, *attempt(job)))
        return True
