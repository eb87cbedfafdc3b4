"""Steps: work that one thread does, apart from calls that wait for a program.

A build resolves and installs what it needs, and all of that is one thread's; only its hooks take long, and
they are programs. So a build is a generator: it yields each call that may run in another thread, and is sent
what that returns, or thrown what it raises. Several such works are ``together`` on their way, or one ``alone``.
"""

from __future__ import annotations

import os
from _queue import Empty, SimpleQueue
from time import sleep

from pkm_build.errors import PkmError
from pkm_env.hands import attempt, in_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any, TypeVar

    Made = TypeVar("Made")
    Call = Callable[[], Any]
    Steps = Generator[Call, Any, Made]

# Windows lets Ctrl-C through between two waits only.
PATIENCE_S = 1.0
PAUSE_S = 0.01


def alone(work: Steps[Made]) -> Made:
    """Return what *work* comes to; its calls are made in this thread."""
    try:
        call = next(work)
        while True:
            value, error = attempt(call)
            call = work.send(value) if error is None else work.throw(error)
    except StopIteration as ended:
        made: Made = ended.value
        return made
    finally:
        work.close()


def together(
    works: Sequence[Steps[Made]], *, most: int, stop: Callable[[], None]
) -> tuple[list[Made | None], dict[int, PkmError | OSError]]:
    """Return what *works* come to, in their order (None for what failed or was not begun), and the errors.

    At most *most* are under way at once. After an error no further one is begun, and those under way go on
    to their ends. *stop* ends the programs that their calls wait for, and is called when pkm itself is
    interrupted.
    """
    crowd = _Crowd(works)
    try:
        while True:
            while crowd.left and crowd.under_way < most and not crowd.errors:
                crowd.begin()
            if not crowd.under_way:
                return crowd.made, crowd.errors
            crowd.step()
    except BaseException:  # an interrupt too ends what is under way
        stop()
        crowd.settle()
        raise
    finally:
        for work in works:
            work.close()


class _Crowd:
    """Works that are on their way; ``under_way`` counts those whose call has not been answered."""

    def __init__(self, works: Sequence[Steps[Made]]) -> None:
        self.works = works
        self.made: list[Any] = [None] * len(works)
        self.errors: dict[int, PkmError | OSError] = {}
        self.under_way = 0
        self.left = list(range(len(works)))[::-1]
        self._running: set[int] = set()
        self._answers: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()

    def begin(self) -> None:
        """Bring the next work to its first call."""
        self._go_on(self.left.pop(), None, None)

    def step(self) -> None:
        """Wait for an answer, and bring the work that it is for to its next call."""
        self._go_on(*self.answer())

    def answer(self) -> tuple[int, Any, BaseException | None]:
        """Wait for an answer and return it: whose it is, what came of the call, its error."""
        while True:
            try:
                found = self._answers.get(timeout=PATIENCE_S)
            except Empty:
                continue
            self.under_way -= 1
            return found

    def settle(self) -> None:
        """Wait until no call goes on any more.

        ``under_way`` says nothing after an interrupt, which may have come between a call and its count.
        """
        while self._running:
            sleep(PAUSE_S)

    def _go_on(self, at: int, value: Any, error: BaseException | None) -> None:
        work = self.works[at]
        try:
            call = work.send(value) if error is None else work.throw(error)
        except StopIteration as ended:
            self.made[at] = ended.value
        except (PkmError, OSError) as raised:
            self.errors[at] = raised
        else:
            self.under_way += 1
            if not in_thread(self._make, at, call):
                self._make(at, call)

    def _make(self, at: int, call: Call) -> None:
        """Make a call, in a thread of its own."""
        self._running.add(at)
        answer = attempt(call)
        self._running.discard(at)
        self._answers.put((at, *answer))


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
