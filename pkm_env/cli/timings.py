"""Timings: a Reporter that notes when the work on each package began and ended, and passes all on.

Documented in docs/environments.md, "What a sync spends its time on".
"""

from __future__ import annotations

import json
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pkm_env.model.ports import Reporter

FORMAT = 1
# Work whose bytes are known from the start, and come at once.
WHOLE = ("link", "compile")
COUNTED = ("fetch", "unpack", *WHOLE)


class Event:
    """Work on one package; times are those of the clock, ``end`` is None while it goes on."""

    __slots__ = ("end", "kind", "name", "size_bytes", "start", "total")

    def __init__(self, kind: str, name: str, start: float, total: int | None = None) -> None:
        self.total = total
        self.kind = kind
        self.name = name
        self.start = start
        self.end: float | None = None
        self.size_bytes = 0


class Timings:
    """Passes what it is told to *reporter*, and notes it with the time of *clock* (seconds)."""

    def __init__(self, reporter: Reporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._reporter = reporter
        self._clock = clock
        self._began = clock()
        self._guard = threading.Lock()
        self._events: list[Event] = []
        self._phases: list[Event] = []
        self._running: dict[int, Event] = {}

    def note(self, text: str, environment: str = "") -> None:
        """Pass on."""
        self._reporter.note(text, environment)

    def warn(self, text: str) -> None:
        """Pass on."""
        self._reporter.warn(text)

    def phase(self, text: str) -> None:
        """Note that a phase begins, and the one before has ended."""
        now = self._clock()
        if self._phases:
            self._phases[-1].end = now
        self._phases.append(Event("phase", text, now))
        self._reporter.phase(text)

    def start(self, kind: str, name: str, total: int | None = None) -> int:
        """Note that work began; it may be told by any thread."""
        number = self._reporter.start(kind, name, total)
        event = Event(kind, name, self._clock(), total)
        with self._guard:
            self._events.append(event)
            self._running[number] = event
        return number

    def advance(self, number: int, amount: int) -> None:
        """Note that bytes came."""
        with self._guard:
            if number in self._running:
                self._running[number].size_bytes += amount
        self._reporter.advance(number, amount)

    def finish(self, number: int) -> None:
        """Note that work ended."""
        now = self._clock()
        with self._guard:
            event = self._running.pop(number, None)
            if event is not None:
                event.end = now
                if event.kind in WHOLE:
                    event.size_bytes = event.total or 0
        self._reporter.finish(number)

    def text(self) -> str:
        """Return all that was noted, as JSON; what still goes on ends now."""
        now = self._clock()
        with self._guard:
            events = sorted(self._events, key=lambda event: (event.start, event.kind, event.name))
            told = {
                "format": FORMAT,
                "seconds": self._since(now),
                "phases": [self._shown(event, now, ("name",)) for event in self._phases],
                "events": [self._shown(event, now, ("kind", "name")) for event in events],
            }
        return json.dumps(told, indent=2) + "\n"

    def _shown(self, event: Event, now: float, keys: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {key: getattr(event, key) for key in keys}
        if event.kind in COUNTED:
            found["bytes"] = event.size_bytes
        found["start_s"] = self._since(event.start)
        found["end_s"] = self._since(now if event.end is None else event.end)
        return found

    def _since(self, moment: float) -> float:
        return round(moment - self._began, 6)
