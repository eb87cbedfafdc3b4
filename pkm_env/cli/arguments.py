"""What the words after a command mean, by an argparse parser of its own; not loaded where there are none."""

from __future__ import annotations

import argparse

from pkm_build.tables import meant
from pkm_env.cli.usage import GLOBAL_OPTIONS, VALUED_BEFORE_PROGRAM, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.cli.usage import Command


def parse_arguments(name: str, command: Command, words: list[str]) -> tuple[Any, str]:
    """Return the arguments that *words* are for a command, or None and its help where that was asked for.

    :raises UsageError: for an unknown option, a missing or surplus value.
    """
    parser = make_parser(name, command)
    before_dash = words[: words.index("--")] if "--" in words else words
    if name == "run":
        before_dash = before_dash[: first_plain(before_dash)]
    if "-h" in before_dash or "--help" in before_dash:
        return None, f"pkm {name}: {parser.format_help()}"
    arguments, surplus = parser.parse_known_args(words)
    if surplus:
        raise surplus_error(name, command, surplus[0])
    return arguments, ""


def make_parser(name: str, command: Command) -> argparse.ArgumentParser:
    """Return a parser of one command's arguments, which raises UsageError."""

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            raise UsageError(message, f"pkm {name} --help shows the options")

    parser = Parser(
        prog=f"pkm {name}",
        usage=argparse.SUPPRESS,
        description=f"{command.help}\n\nexample: {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    for flags, settings in command.arguments:
        parser.add_argument(*flags, **settings)
    return parser


def surplus_error(name: str, command: Command, word: str) -> UsageError:
    """Return what is wrong with a word that a command does not take."""
    if not word.startswith("-"):
        return UsageError(f'pkm {name} takes no argument "{word}"')
    hint = surplus_hint(command, word.partition("=")[0])
    return UsageError(f"pkm {name} has no option {word}", hint or f"pkm {name} --help shows the options")


def surplus_hint(command: Command, option: str) -> str:
    """Return what was probably meant by an option that a command does not have, "" where nobody knows.

    One letter is near to any other.
    """
    if option in {"-e", "--env"} and any(
        "ENV" in settings.get("metavar", "") for _, settings in command.arguments
    ):
        return "it takes environments as arguments, without an option"
    known = [flag for flags, _ in command.arguments for flag in flags if flag.startswith("-")]
    return meant(option, [*known, *GLOBAL_OPTIONS]) if option.startswith("--") else ""


def first_plain(words: Sequence[str]) -> int:
    """Return the place of the first word that is neither an option nor an option's value."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in VALUED_BEFORE_PROGRAM else 1
    return at
