"""What is printed, where, and in which form: results to stdout, all else to stderr."""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TextIO

SHOWN_AFTER_S = 0.2
STEP = 1000  # from a unit of size to the next
TEN = 10  # sizes below have a decimal place
MOST_NAMED = 4  # environments in front of a note
COLOURS = {"error": "31;1", "warning": "33", "hint": "36", "note": "36", "+": "32", "-": "31", "~": "33"}


class Output:
    """The Reporter of the command line.

    ``level`` is -1 with --quiet, 1 with --verbose, else 0. Work that takes longer than SHOWN_AFTER_S
    is shown by name on a terminal; elsewhere each phase is one line.
    """

    def __init__(self, out: TextIO, err: TextIO, *, level: int = 0, colour: bool = False) -> None:
        self.out = out
        self.err = err
        self.level = level
        self.colour = colour
        self.terminal = err.isatty()
        self.notes: dict[str, list[str]] = {}
        self.progress: Any = None
        self.tasks: dict[int, tuple[str, str, int | None, int]] = {}
        self.shown: dict[int, Any] = {}
        self.number = 0
        self.since = 0.0
        self.guard = allocate_lock()

    def result(self, text: str) -> None:
        """Print a line of the answer to stdout."""
        self.stop_progress()
        self.out.write(clean(text) + "\n")

    def told(self, text: str) -> None:
        """Print what was done to stdout, not with --quiet: nobody asked for it."""
        if self.level >= 0:
            self.result(text)

    def teller(self, *, json: bool) -> Callable[[str], None]:
        """Return ``told``, or with *json*, which stands alone on stdout, what says nothing."""
        return (lambda _: None) if json else self.told

    def changes(self, changes: Iterable[tuple[str, str]]) -> None:
        """Print changes, each a sign and a text, the signs coloured on a terminal.

        They are written at once: a new environment has hundreds, and stdout may be unbuffered.
        """
        self.stop_progress()
        self.out.write("".join([f"  {self.painted(sign, sign)} {clean(text)}\n" for sign, text in changes]))

    def say(self, text: str) -> None:
        """Print a message to stderr, not with --quiet."""
        if self.level >= 0:
            self.stop_progress()
            self.err.write(clean(text) + "\n")

    def detail(self, text: str) -> None:
        """Print a message with --verbose alone."""
        if self.level > 0:
            self.say(text)

    def warn(self, text: str) -> None:
        """Print a warning at once."""
        self.labelled("warning", text)

    def error(self, text: str) -> None:
        """Print an error, with --quiet too."""
        self.stop_progress()
        self.err.write(f"{self.painted('error', 'error:')} {veiled(clean(text))}\n")

    def hint(self, text: str) -> None:
        """Print what to do, with --quiet too."""
        self.err.write(f"{self.painted('hint', 'hint:')} {veiled(clean(text))}\n")

    def note(self, text: str, environment: str = "") -> None:
        """Keep what was decided for the user until the end; the same text is told once, with all environments."""
        names = self.notes.setdefault(text, [])
        if environment and environment not in names:
            names.append(environment)

    def flush_notes(self) -> None:
        """Print the notes that were kept."""
        for text, names in self.notes.items():
            more = f" and {len(names) - MOST_NAMED} more environments" if len(names) > MOST_NAMED else ""
            whose = f"{', '.join(names[:MOST_NAMED])}{more}: " if names else ""
            self.labelled("note", whose + text)
        self.notes.clear()

    def labelled(self, label: str, text: str) -> None:
        """Print ``label: text`` to stderr, not with --quiet."""
        if self.level >= 0:
            self.stop_progress()
            self.err.write(f"{self.painted(label, label + ':')} {veiled(clean(text))}\n")

    def painted(self, kind: str, text: str) -> str:
        """Return *text* in the colour of its kind, where colours are wanted."""
        return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if self.colour else text

    # the Reporter's work in progress

    def phase(self, text: str) -> None:
        """Say which phase begins: a line where there is no terminal, with --verbose elsewhere."""
        if self.level > 0 or not self.terminal:
            self.say(text)

    def start(self, kind: str, name: str, total: int | None = None) -> int:
        """Note that work on *name* began; what may take long is a line where there is no terminal."""
        if kind in LINES and not self.terminal:
            self.say(f"{LINES[kind]} {name}")
        with self.guard:
            self.number += 1
            self.since = self.since or time.monotonic()
            self.tasks[self.number] = (kind, name, total, 0)
            self.show()
            return self.number

    def advance(self, number: int, amount: int) -> None:
        """Note that *amount* more bytes are there."""
        with self.guard:
            if number in self.tasks:
                kind, name, total, done = self.tasks[number]
                self.tasks[number] = (kind, name, total, done + amount)
                self.show()
                if self.progress is not None and number in self.shown:
                    self.progress.update(self.shown[number], completed=done + amount)

    def finish(self, number: int) -> None:
        """Note that the work is done."""
        with self.guard:
            self.tasks.pop(number, None)
            shown = self.shown.pop(number, None)
            if self.progress is not None and shown is not None:
                self.progress.remove_task(shown)

    def show(self) -> None:
        """Show what is waited for, once it takes long; called with the guard held."""
        if not self.terminal or self.level < 0 or time.monotonic() - self.since < SHOWN_AFTER_S:
            return
        if self.progress is None:
            self.progress = new_progress(self.err, colour=self.colour)
            self.progress.start()
        for number, (kind, name, total, done) in self.tasks.items():
            if number not in self.shown:
                task = self.progress.add_task(f"{VERBS[kind]} {clean(name)}", total=total, completed=done)
                self.shown[number] = task

    def stop_progress(self) -> None:
        """Take the display away before something is printed."""
        with self.guard:
            if self.progress is not None:
                self.progress.stop()
                self.progress = None
                self.shown.clear()
            self.since = time.monotonic() if self.tasks else 0.0


# What may take long.
LINES = {"build": "Building", "wait": "Waiting for another pkm that builds"}
VERBS = {
    "ask": "asking for",
    "fetch": "fetching",
    "build": "building",
    "wait": "waiting for another pkm that builds",
    "unpack": "unpacking",
    "link": "installing",
    "compile": "compiling",
}


def new_progress(err: TextIO, *, colour: bool) -> Any:
    """Return a display of running work; rich is loaded here alone."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

    console = Console(file=err, no_color=not colour, highlight=False, markup=False)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        console=console,
        transient=True,
    )


def clean(text: str) -> str:
    """Return *text* with control characters made visible, so that no name or log can drive a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else "    " if char == "\t" else f"\\x{ord(char):02x}"
        for char in text
    )


def veiled(text: str) -> str:
    """Return *text* without user and password of the addresses in it.

    Errors tell addresses without them; but of a file with faults they quote what stands where none belongs.
    """
    first, *rest = text.split("://")
    shown = [first]
    for part in rest:
        end = next((at for at, char in enumerate(part) if char in "/?#\"' \n"), len(part))
        userinfo, at, _host = part[:end].rpartition("@")
        shown.append(part[len(userinfo) + 1 :] if at and ":" in userinfo else part)
    return "://".join(shown)


def seconds(value: float) -> str:
    """Return a duration as people read it."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


def size(count: int) -> str:
    """Return a number of bytes as people read it, in steps of a thousand."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < STEP:
            break
        value, unit = value / STEP, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < TEN else f"{value:.0f} {unit}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def output_path(folder: str, name: str) -> str:
    """Return the absolute path of a file to be written that is named on the command line, as seen from *folder*.

    :raises PkmError: when it cannot be one: better now than after all the work.
    """
    path = os.path.abspath(os.path.join(folder, name))
    if os.path.isdir(path):
        raise PkmError(f"{name} cannot be written: it is a folder", "name a file in it")
    if not os.path.isdir(os.path.dirname(path)):
        raise PkmError(f"{name} cannot be written: there is no such folder", "make it first")
    return path


def print_json(output: Output, value: object) -> None:
    """Print a value as JSON to stdout."""
    import json

    output.result(json.dumps(value, indent=2))
