"""What of a build's output tells why it failed."""

from __future__ import annotations

import re

from pkm_env.index.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LINES = 5
LINE_CHARS = 200
OWN_PREFIX = "pkm_build: "
CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
# A line by which a compiler, linker or build tool says what stops it.
TELLING = re.compile(
    r"""
    ^[^\s:][^:]*:\d+(?::\d+)?:\s(?:fatal\s)?error:       # gcc, clang, cython
    | \(\d+(?:,\d+)?\)\s?:\s(?:fatal\s)?error\s[A-Z]+\d+  # MSVC
    | \bfatal\serror\s?[A-Z:]
    | \bundefined\s(?:reference|symbol)
    | \b(?:cannot\sfind\s-l|library\snot\sfound\sfor|symbol\(s\)\snot\sfound)
    | ^CMake\sError
    | ^error\[E\d+\]
    | ^(?:configure|\S*meson\.build:\d+:\d+|setup\.py|Makefile:\d+)?:?\s?(?:ERROR|error):\s
    | ^make(?:\[\d+\])?:\s\*\*\*
    | :\s(?:command\snot\sfound|No\ssuch\sfile\sor\sdirectory)$
    """,
    re.VERBOSE,
)
TRACEBACK = "Traceback (most recent call last):"
FRAME = re.compile(r'\s+File "(?P<file>.+)", line (?P<line>\d+)')
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?::\s|$)")
FOREIGN_FRAMES = ("site-packages", "dist-packages", "_in_process", "importlib", "<frozen", "/lib/python")


def telling_lines(text: str, *, folders: Sequence[str] = ()) -> list[str]:
    """Return the few lines of the output *text* that tell most, each printable and shortened.

    In this order: what pkm_build reported, the first errors of compilers and tools, the end of the last
    traceback, the last lines. Paths below one of *folders* are shown relative to it.
    """
    lines = [_plain(line, folders) for line in text.splitlines()]
    lines = [line for line in lines if line]
    found = (
        [line.removeprefix(OWN_PREFIX) for line in lines if line.startswith(OWN_PREFIX)]
        or list(_errors(lines))
        or list(_exception(lines))
        or lines[-LINES:]
    )
    return [_short(line.strip()) for line in found[:LINES]]


def _plain(line: str, folders: Sequence[str]) -> str:
    """Return *line* without terminal codes and without the folders that nobody knows."""
    plain = CONTROL_SEQUENCE.sub("", line).expandtabs(4).rstrip()
    for folder in folders:
        plain = plain.replace(folder.rstrip("/\\") + "/", "").replace(folder.rstrip("/\\") + "\\", "")
    return printable(plain)


def _short(line: str) -> str:
    return line if len(line) <= LINE_CHARS else line[: LINE_CHARS - 1] + "…"


def _errors(lines: list[str]) -> Iterator[str]:
    """Yield the lines by which compilers and tools tell errors; CMake tells them in the lines that follow."""
    follows = False
    for line in lines:
        if TELLING.search(line):
            follows = line.startswith("CMake Error")
            yield line
        elif follows and line.startswith(" "):
            yield line
        else:
            follows = False


def _exception(lines: list[str]) -> Iterator[str]:
    """Yield the last exception of the output, behind the place of the project's own code that raised it."""
    starts = [number for number, line in enumerate(lines) if line == TRACEBACK]
    if not starts:
        return
    place = ""
    for number in range(starts[-1] + 1, len(lines)):
        line = lines[number]
        frame = FRAME.match(line)
        if frame and not any(part in frame["file"].replace("\\", "/") for part in FOREIGN_FRAMES):
            place = f"{frame['file']}:{frame['line']}: "
        if not line.startswith(" ") and EXCEPTION.match(line):
            yield place + line
            yield from lines[number + 1 : number + LINES]
            return
