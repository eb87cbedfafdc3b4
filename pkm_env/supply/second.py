"""A second process that reads index pages while this one goes on: Python reads on one processor at a time.

From an empty cache two thirds of the work of a lock is in reading pages. What the second process reads it keeps in
the cache, where this one finds it as if another command had asked for it; so whatever goes wrong there, the page
is read here. It is a copy of this process (fork), which Linux alone makes quickly and without harm.
"""

from __future__ import annotations

import _signal
import os
import sys
from _thread import allocate_lock
from collections import deque
from marshal import dumps, loads
from mmap import mmap
from struct import Struct

from pkm_env.build.steps import processors
from pkm_env.files import write_all
from pkm_env.hands import in_thread
from pkm_env.index.client import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    # Position of an index, a name, what the index answered -> the warnings of the page; None when it was not kept.
    Read = Callable[[int, str, Answer], list[str] | None]

# The place of a body in the memory that both processes see, its size, and the size of what is told of it.
QUESTION = Struct("<III")
ANSWER = Struct("<II")
# A smaller page is read in less time than it takes to hand it over (packed, or as it is), a larger one has no room.
SMALLEST_PACKED, SMALLEST, ROOM = 1 << 13, 1 << 16, 1 << 24
PLACES = 2  # one page is read while the next one waits


class Ticket:
    """What comes of the page at a *place*; ``done`` is released when that is known."""

    __slots__ = ("done", "place", "warnings")

    def __init__(self, place: int) -> None:
        self.place = place
        self.warnings: list[str] | None = None
        self.done = allocate_lock()
        self.done.acquire()


class SecondReader:
    """The process *pid*, which is asked and answers by pipes, and sees the *room* for pages; used by many threads."""

    def __init__(self, pid: int, requests: int, replies: int, room: mmap) -> None:
        self._pid = pid
        self._requests = requests
        self._replies = replies
        self._room = room
        self._turn = allocate_lock()
        self._free = [place * ROOM for place in range(PLACES)]
        self._tickets: deque[Ticket] = deque()
        self._is_open = True
        if not in_thread(self._listen):
            # Nobody would hear an answer: all pages are to be read here.
            self._is_open = False
            os.close(replies)

    def read(self, position: int, name: str, answer: Answer) -> list[str] | None:
        """Return the warnings of a page when it was read and kept, None when it is to be read here.

        That is so for small ones, and while the process has enough to do; waits for it otherwise.
        """
        size = len(answer.body)
        if not (SMALLEST_PACKED if answer.is_packed else SMALLEST) <= size <= ROOM:
            return None
        names = (name, answer.content_type, answer.url, answer.etag, answer.modified)
        told = dumps(((position, answer.max_age_s), (answer.is_packed, answer.in_brief), names))
        try:
            with self._turn:
                if not self._is_open or not self._free:
                    return None
                ticket = Ticket(self._free.pop())
                self._tickets.append(ticket)
                self._room[ticket.place : ticket.place + size] = answer.body
                write_all(self._requests, QUESTION.pack(ticket.place, size, len(told)) + told)
        except OSError:
            # It was killed. Whoever listens learns that too, and gives all tickets back.
            return None
        ticket.done.acquire()
        return ticket.warnings

    def close(self) -> None:
        """End the process; what it still reads was asked ahead and is of no use, so that is not waited for."""
        with self._turn:
            self._is_open = False
            os.close(self._requests)
        try:
            if self._tickets:
                os.kill(self._pid, _signal.SIGKILL)
            os.waitpid(self._pid, 0)
        except OSError:
            # It is gone, and somebody has waited for it.
            return

    def _listen(self) -> None:
        """Hand out the answers, which come in the order of the questions, until the process ends."""
        while (head := read_exactly(self._replies, ANSWER.size)) is not None:
            kept, size = ANSWER.unpack(head)
            told = read_exactly(self._replies, size)
            if told is None:
                break
            ticket = self._tickets.popleft()
            ticket.warnings = loads(told) if kept else None  # noqa: S302 - from a copy of this process
            self._free.append(ticket.place)
            ticket.done.release()
        with self._turn:
            self._is_open = False
            for ticket in self._tickets:
                ticket.done.release()
        os.close(self._replies)


def begin(read: Read, platform: str = sys.platform, at_once: int = 0) -> SecondReader | None:
    """Make a second process that does *read*; None where that would not be quick, or not safe.

    *at_once* is how many processors there are, 0 for those that this process may use.
    A process with threads is not copied: what they hold locked at that moment would stay so in the copy.
    """
    if platform != "linux" or (at_once or processors()) == 1 or not has_one_thread():
        return None
    ends: list[int] = []
    # A signal may not find the copy before it has left what this process is at.
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    try:
        room = mmap(-1, PLACES * ROOM)
        ends += os.pipe()
        ends += os.pipe()
        theirs, requests, replies, answers = ends
        pid = os.fork()
        if not pid:
            serve(read, (theirs, answers, room), others=(requests, replies), mask=mask)
    except OSError:
        # Memory, files or processes are short: there is always this process.
        for descriptor in ends:
            os.close(descriptor)
        return None
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
    os.close(theirs)
    os.close(answers)
    return SecondReader(pid, requests, replies, room)


def has_one_thread() -> bool:
    """Whether this process has one thread alone, by what the kernel knows."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def serve(read: Read, own: tuple[int, int, mmap], *, others: tuple[int, int], mask: set[int]) -> NoReturn:
    """Read pages until there is nobody who sends them; never returns, whatever happens.

    *own* are the pipes and the room of this process, *others* the ends of the pipes that the first one has, *mask*
    the signals that it had blocked. An interrupt reaches this process too; what comes of it is for the first one to
    decide, whose end closes the pipe.
    """
    try:
        for descriptor in others:
            os.close(descriptor)
        for number in (_signal.SIGTERM, _signal.SIGHUP):
            _signal.signal(number, _signal.SIG_DFL)
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        requests, replies, room = own
        silence(requests, replies)
        while (head := read_exactly(requests, QUESTION.size)) is not None:
            place, size, told_size = QUESTION.unpack(head)
            told = read_exactly(requests, told_size)
            if told is None:
                break
            answer = Answer("page", memoryview(room)[place : place + size])
            (position, answer.max_age_s), flags, names = loads(told)  # noqa: S302 - from the first process
            answer.is_packed, answer.in_brief = flags
            name, answer.content_type, answer.url, answer.etag, answer.modified = names
            warnings = read(position, name, answer)
            reply = dumps(warnings)
            write_all(replies, ANSWER.pack(warnings is not None, len(reply)) + reply)
    finally:
        os._exit(0)


def silence(*kept: int) -> None:
    """Let nothing that this process writes be seen, and hold no pipe of the user's open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in {0, 1, 2} - set(kept):
        os.dup2(nothing, descriptor)


def read_exactly(descriptor: int, size: int) -> bytes | None:
    """Return the next *size* bytes of a pipe, None where it ends before."""
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
