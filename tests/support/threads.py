"""A process that can make no thread, as where memory or the number of processes is short."""

from __future__ import annotations

import _thread
from contextlib import contextmanager

# The stack of a thread: more than any address space holds.
TOO_MUCH = 1 << 50


@contextmanager
def no_threads():
    """Let no thread be made, within this block."""
    before = _thread.stack_size(TOO_MUCH)
    try:
        yield
    finally:
        _thread.stack_size(before)
