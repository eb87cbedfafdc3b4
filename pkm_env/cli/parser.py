"""The command line: what a list of words means.

argparse is built for the one command that was named, and only where it was given words.
"""

from __future__ import annotations

from pkm_env.cli.usage import DAILY, GLOBAL_OPTIONS, VALUED_BEFORE_PROGRAM, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.cli.usage import Command


class Line:
    """A command line, understood: the command's name and handler, its parsed arguments, and the global options."""

    __slots__ = (
        "arguments",
        "command",
        "directory",
        "handler",
        "help",
        "json",
        "no_colour",
        "offline",
        "quiet",
        "verbose",
    )

    def __init__(self) -> None:
        self.command = ""
        self.handler = ""
        self.arguments: Any = None
        self.directory = ""
        self.verbose = False
        self.quiet = False
        self.offline = False
        self.json = False
        self.no_colour = False
        self.help = ""

    def take(self, word: str, value: str) -> None:
        """Take one global option."""
        match word:
            case "-C" | "--directory":
                self.directory = value
            case "-v" | "--verbose":
                self.verbose = True
            case "-q" | "--quiet":
                self.quiet = True
            case "--offline":
                self.offline = True
            case "--json":
                self.json = True
            case _:
                self.no_colour = True


def parse(words: Sequence[str]) -> Line:
    """Return what *words* mean; ``help`` holds a text to print where help was asked for.

    :raises UsageError: for a wrong command line, with what was probably meant.
    """
    line = Line()
    rest = take_globals(list(words), line, until_command=True)
    if not rest:
        return line
    if rest[0] in ("-V", "--version"):
        line.command = "version"
        return line
    name, rest = daily_name(rest)
    command = DAILY.get(name)
    if command is None:
        from pkm_env.cli import groups

        name, rest = groups.command_name(rest)
        if not name:
            line.help = groups.overview(*rest)
            return line
        command = groups.COMMANDS[name]
    line.command = name
    line.handler = command.handler
    keep_c = any("-C" in flags for flags, _ in command.arguments)
    rest = take_globals(rest, line, until_command=name == "run", keep_c=keep_c)
    if rest or any(is_needed(flags, settings) for flags, settings in command.arguments):
        from pkm_env.cli.arguments import parse_arguments

        line.arguments, line.help = parse_arguments(name, command, rest)
    else:
        line.arguments = Bare(command)
    return line


def daily_name(words: list[str]) -> tuple[str, list[str]]:
    """Return the command of every day that *words* begin with, and the words after it; "" and all for another."""
    for count in (1, 2):
        name = " ".join(words[:count])
        if name in DAILY:
            return name, words[count:]
    return "", words


def take_globals(words: list[str], line: Line, *, until_command: bool, keep_c: bool = False) -> list[str]:
    """Take the global options out of *words*, up to the first word that is no option where so wanted."""
    rest: list[str] = []
    while words:
        word = words.pop(0)
        head, equals, value = word.partition("=")
        if word == "--":
            return [*rest, word, *words]
        if head in GLOBAL_OPTIONS and not (keep_c and head == "-C"):
            if GLOBAL_OPTIONS[head] and not equals:
                if not words:
                    raise UsageError(f"{head} needs a value")
                value = words.pop(0)
            line.take(head, value)
            continue
        rest.append(word)
        if until_command and (not word.startswith("-") or word in ("-h", "--help")):
            return [*rest, *words]
        if until_command and word in VALUED_BEFORE_PROGRAM and words:
            rest.append(words.pop(0))
    return rest


class Bare:
    """The arguments of a command line without any: every default, without the 10 ms that argparse costs."""

    def __init__(self, command: Command) -> None:
        for flags, settings in command.arguments:
            longest = max(flags, key=len)
            name = settings.get("dest") or longest.lstrip("-").replace("-", "_")
            switched = settings.get("action") == "store_true"
            many = settings.get("nargs") in ("*", "...")
            default = settings.get("default", False if switched else [] if many else None)
            setattr(self, name, list(default) if isinstance(default, list) else default)


def is_needed(flags: tuple[str, ...], settings: dict[str, Any]) -> bool:
    """Whether an argument has to be given."""
    return not flags[0].startswith("-") and settings.get("nargs") not in ("*", "?", "...")
