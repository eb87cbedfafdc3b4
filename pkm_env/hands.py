"""Work that is done in other threads; what waits for the disk, shared by several.

A call that makes a folder or a link lets other threads run while the kernel is at it, which is nine
tenths of its time. ``threading`` is not used: it costs 4 ms to load.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    Item = TypeVar("Item")

# Python's own tenth is done by one thread at a time: more than this many would wait for each other.
MOST = 4
# Fewer calls of the disk than these are done before another thread has begun.
ENOUGH = 1000


def hands_for(calls: int) -> int:
    """Return how many threads *calls* calls of the disk are worth, 1 for this one alone."""
    return min(MOST, os.cpu_count() or 1) if calls >= ENOUGH else 1


def attempt(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Return what *call*, made in a thread, returns, or what it raises: that is for the one who asked."""
    try:
        return call(), None
    except BaseException as raised:  # noqa: BLE001 - it is raised again where the answer is taken
        return None, raised


def in_thread(call: Callable[..., None], *given: Any) -> bool:
    """Begin *call* in a thread of its own; return False where none can be made, as memory or threads are short."""
    try:
        start_new_thread(call, given)
    except RuntimeError:
        return False
    return True


def share(items: Iterable[Item], action: Callable[[Item], object], hands: int) -> None:
    """Call *action* for each of *items*: in their order with one hand, begun in their order with more.

    The first error ends the work, after what had begun by then, and is raised here.
    """
    pending = list(items)
    pending.reverse()
    errors: list[BaseException] = []

    def work() -> None:
        while pending:
            try:
                item = pending.pop()
            except IndexError:
                # Another hand took the last one.
                return
            action(item)

    def help_out(working: LockType) -> None:
        error = attempt(work)[1]
        if error is not None:
            errors.append(error)
            pending.clear()
        working.release()

    helpers = []
    for _ in range(min(hands, len(pending)) - 1):
        working = allocate_lock()
        working.acquire()
        if not in_thread(help_out, working):
            break
        helpers.append(working)
    try:
        work()
    finally:
        pending.clear()
        for working in helpers:
            working.acquire()
    if errors:
        raise errors[0]
