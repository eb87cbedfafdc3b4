"""What the words after a command mean, by an argparse parser of its own; not loaded where there are none."""

from __future__ import annotations

import argparse

from pkm_build.tables import listed, meant
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
            raise worded_error(name, command, message)

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


def worded_error(name: str, command: Command, message: str) -> UsageError:
    """Return what argparse says in the words of all other messages; what it may say else stays as it is."""
    see = f"pkm {name} --help shows the options"
    _, needed, missing = message.partition("arguments are required: ")
    if needed:
        return UsageError(f"pkm {name} needs {missing}", f"for example: {command.example}")
    names, _, said = message.removeprefix("argument ").partition(": ")
    option = max(names.split("/"), key=len)
    value = said.partition("'")[2].rpartition("'")[0] if said.startswith("invalid int") else ""
    for flags, settings in command.arguments:
        if option in flags and "choices" in settings and said.startswith("invalid choice: "):
            value = said.removeprefix("invalid choice: ").partition(" (choose")[0].strip("'\"")
            choices = settings["choices"]
            return UsageError(
                f'{option} cannot be "{value}"', meant(value, choices, f"it can be {listed(choices)}")
            )
    if value:
        return UsageError(f'{option}: "{value}" is no whole number', see)
    return UsageError(f"{option} needs a value" if said.startswith("expected one") else message, see)


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
