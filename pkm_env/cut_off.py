"""Cut-offs: from what moment on releases do not count, as declared, as times, and as a lock keeps them."""

from __future__ import annotations

import time

from pkm_env.model.moments import normal_moment, span_days

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DAY_S = 86_400


class CutOff:
    """A cut-off: as it was given, the times that it stands for, and whether the command line gave it."""

    __slots__ = ("from_command", "text", "times")

    def __init__(self, text: str, times: dict[str, str | None], *, from_command: bool = False) -> None:
        self.text = text
        self.times = times
        self.from_command = from_command

    def options(self) -> dict[str, str]:
        """Return what a section of the lock says of it, to be read by ``read_cut_off``; {} for none."""
        if not self.text:
            return {}
        times = "; ".join(f"{key} {moment or 'none'}" for key, moment in sorted(self.times.items()))
        found = {"exclude-newer": self.text, "cut-off": times}
        return {**found, "exclude-newer-from": "command line"} if self.from_command else found


def choose_cut_off(
    declared: str | dict[str, str | bool] | None, given: str, kept: Mapping[str, str], now_s: float
) -> CutOff:
    """Return the cut-off that holds for an environment that declares one, or not.

    What the command line gave (now, or before with the section's options *kept*) stays until an upgrade, for
    which *kept* is empty, and so does the day that a span was counted back from.
    """
    if given:
        return CutOff(given, cut_off_times(given, now_s), from_command=True)
    text = cut_off_text(declared)
    before = read_cut_off(kept)
    if before is not None and (before.from_command or before.text == text):
        return before
    return CutOff(text, cut_off_times(declared, now_s))


def read_cut_off(options: Mapping[str, str]) -> CutOff | None:
    """Return the cut-off that a section was solved with, None where it had none, or one that cannot be read."""
    if "cut-off" not in options:
        return None
    times: dict[str, str | None] = {}
    for part in options["cut-off"].split("; "):
        key, _, moment = part.rpartition(" ")
        times[key] = None if moment == "none" else normal_moment(moment)
        if times[key] == "":
            return None
    return CutOff(options.get("exclude-newer", ""), times, from_command="exclude-newer-from" in options)


def cut_off_text(value: str | dict[str, str | bool] | None) -> str:
    """Return a declared cut-off as one text, "" for none."""
    if not value:
        return ""
    if isinstance(value, str):
        return value
    return ", ".join(f"{key} = {text or 'false'}" for key, text in sorted(value.items()))


def cut_off_times(value: Any, now_s: float) -> dict[str, str | None]:
    """Return the cut-off times by package, index and "default", spans counted back from now."""
    if not value:
        return {}
    table = value if isinstance(value, dict) else {"default": value}
    return {key: cut_off_time(text, now_s) if text else None for key, text in table.items()}


def cut_off_time(text: str, now_s: float) -> str:
    """Return a date, a time or a span, as ``normal_cut_off`` gives it, as a time in UTC, RFC 3339."""
    days = span_days(text)
    if days is not None:
        # Whole days, so that locks of one day are the same. Nothing was uploaded before 1970, the first year
        # that every system can name.
        moment = time.gmtime(max(0.0, now_s - days * DAY_S))
        return time.strftime("%Y-%m-%dT00:00:00Z", moment)
    if len(text) == len("2026-01-31"):
        return f"{text}T00:00:00Z"
    return normal_moment(text) or text
