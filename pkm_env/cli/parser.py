"""The command line: which commands and options there are, and what a list of words means.

argparse is built for the one command that was named, and only then.
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.tables import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class UsageError(PkmError):
    """A wrong command line."""

    exit_code = 2


class Command:
    """One command: its handler in ``cli.commands``, a line of help, an example, its arguments."""

    __slots__ = ("arguments", "example", "handler", "help")

    def __init__(
        self, handler: str, help_text: str, example: str, *arguments: tuple[tuple[str, ...], dict[str, Any]]
    ) -> None:
        self.handler = handler
        self.help = help_text
        self.example = example
        self.arguments = arguments


def option(*flags: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return an argument in the form that argparse takes."""
    return (flags, settings)


def switch(flag: str, text: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return an option without a value."""
    return ((flag,), {"action": "store_true", "help": text})


ENVIRONMENTS = option(
    "environments", nargs="*", metavar="ENV", help="environments (default: all that are declared)"
)
ENVIRONMENTS_DEFAULT = option(
    "environments", nargs="*", metavar="ENV", help='environments (default: "default")'
)
ONE_ENVIRONMENT = option("environment", metavar="ENV", help="an environment")
PYTHON = option(
    "-p", "--python", metavar="PYTHON", help="the interpreter of a new environment: a version or a path"
)
LINK_MODE = option(
    "--link-mode",
    choices=("clone", "hardlink", "copy", "symlink"),
    help="how files get from the cache into the environment",
)
INDEX = option(
    "--default-index", metavar="URL", help="the index to ask in place of the configured default one"
)
PACKAGE = option("package", metavar="PACKAGE", help="the name of a package")
IN_ENVIRONMENT = option(
    "-e", "--env", default="default", metavar="ENV", dest="environment", help="the environment"
)
LOCKED = switch("--locked", "a missing or stale section of the lock is an error")
FROZEN = switch("--frozen", "take the lock as it is, without comparing it to pyproject.toml")

LOCK = Command(
    "day.lock",
    "solve environments and write pylock.toml",
    "pkm lock --upgrade-package httpx",
    ENVIRONMENTS,
    switch("--check", "write nothing; exit 1 if the lock would change"),
    switch("--dry-run", "write nothing; show what would change"),
    option("--upgrade", "-U", action="store_true", help="forget what is locked"),
    option(
        "--upgrade-package",
        "-P",
        action="append",
        default=[],
        metavar="REQ",
        help="forget what is locked of one package, or move it to a requirement",
    ),
    option(
        "--upgrade-group", action="append", default=[], metavar="GROUP", help="forget what a group asks for"
    ),
    option(
        "--exclude-newer", metavar="WHEN", help='leave out later files: a date, or a span such as "14 days"'
    ),
    option(
        "--resolution",
        choices=("highest", "lowest", "lowest-direct"),
        help="which versions to take; this and the next three stay until --upgrade",
    ),
    option(
        "--prereleases",
        choices=("if-necessary", "never", "allow"),
        help="whether pre-releases may be taken",
    ),
    option(
        "--constraint",
        action="append",
        default=[],
        metavar="REQ",
        help="a bound that holds where it is needed",
    ),
    option(
        "--override", action="append", default=[], metavar="REQ", help="what anybody asks for of a package"
    ),
    option(
        "--export-problem", metavar="FILE", help="write down all that the resolver saw, for pkm debug solve"
    ),
    switch("--refresh", "ask the indexes anew, whatever the cache holds"),
    option("--refresh-package", action="append", default=[], metavar="P", help="ask for one package anew"),
    INDEX,
)
SYNC = Command(
    "day.sync",
    "make environments hold exactly what is locked",
    "pkm sync test",
    ENVIRONMENTS_DEFAULT,
    switch("--dry-run", "change nothing; show what would be done"),
    switch("--check", "change nothing; exit 1 if something would be done"),
    LOCKED,
    FROZEN,
    switch("--inexact", "leave what is installed beside the locked packages"),
    switch("--no-project", "leave the project itself out"),
    switch("--reinstall", "install every package anew"),
    option("--reinstall-package", action="append", default=[], metavar="P", help="install one package anew"),
    switch("--force", "make an environment anew that pkm did not make"),
    switch("--compile-bytecode", "compile the installed modules"),
    option("--timings", metavar="FILE", help="write what took how long, by package, as JSON"),
    option(
        "--from",
        dest="file",
        metavar="FILE",
        help="install what a pylock file of any tool selects, not the lock",
    ),
    LINK_MODE,
    PYTHON,
    INDEX,
)

COMMANDS: dict[str, Command] = {
    "lock": LOCK,
    "sync": SYNC,
    "run": Command(
        "day.run",
        "run a command in an environment, locked and synced before",
        "pkm run -e test pytest -x",
        option("-e", "--env", default="default", metavar="ENV", dest="environment", help="the environment"),
        LOCKED,
        FROZEN,
        switch("--no-sync", "run in the environment as it is"),
        PYTHON,
        INDEX,
        option("command", nargs="...", metavar="CMD …", help="the command and its arguments"),
    ),
    "env lock": LOCK,
    "env sync": SYNC,
    "build": Command(
        "day.build",
        "build the project's sdist, and its wheel from that",
        "pkm build",
        option("-o", "--out-dir", metavar="DIR", help="where to put them (default: dist)"),
        switch("--wheel", "build a wheel alone, from the tree"),
        switch("--sdist", "build an sdist alone"),
        switch("--list", "build nothing; list the files of the wheel"),
        option("--explain", metavar="PATH", help="build nothing; say by which rule a file is in or out"),
        option("--config-setting", action="append", default=[], metavar="KEY=VALUE", help="for the backend"),
        PYTHON,
        INDEX,
    ),
    "env list": Command(
        "environments.env_list", "list the environments and their state", "pkm env list --json"
    ),
    "env info": Command(
        "environments.env_info", "say all of one environment", "pkm env info test", ENVIRONMENTS_DEFAULT
    ),
    "env export": Command(
        "environments.env_export",
        "write what is locked for one environment in another form",
        "pkm env export test --format pylock --no-project > pylock.test.toml",
        ONE_ENVIRONMENT,
        option(
            "--format",
            choices=("pylock", "requirements", "constraints", "cyclonedx"),
            default="pylock",
            help="the form",
        ),
        switch("--no-hashes", "requirements without the hashes of the files"),
        switch("--no-project", "leave the project itself out"),
        option("-o", "--output", metavar="FILE", help="the file to write (default: standard output)"),
    ),
    "env why": Command(
        "environments.env_why", "say who asks for a package", "pkm env why idna", PACKAGE, IN_ENVIRONMENT
    ),
    "env why-not": Command(
        "environments.env_why_not",
        "say why a package or a version is not there",
        "pkm env why-not 'pydantic<2'",
        option("requirement", metavar="REQ", help="a requirement or a name"),
        IN_ENVIRONMENT,
    ),
    "env tree": Command(
        "environments.env_tree",
        "show what needs what",
        "pkm env tree --depth 1",
        ENVIRONMENTS_DEFAULT,
        option("--invert", metavar="PACKAGE", help="show who needs a package instead"),
        option("--depth", type=int, default=1000, metavar="N", help="how many levels to show"),
    ),
    "env outdated": Command(
        "environments.env_outdated",
        "list packages with a later version",
        "pkm env outdated",
        ENVIRONMENTS_DEFAULT,
    ),
    "env diff": Command(
        "environments.env_diff",
        "compare two environments",
        "pkm env diff default test",
        option("one", metavar="ENV", help="an environment"),
        option("other", metavar="ENV", help="another one"),
    ),
    "env verify": Command(
        "environments.env_verify",
        "look for installed files that were changed by hand; exit 1 if there are any",
        "pkm env verify test",
        ENVIRONMENTS_DEFAULT,
        switch("--quick", "compare sizes alone"),
    ),
    "env rollback": Command(
        "environments.env_rollback",
        "undo the last sync that changed an environment",
        "pkm env rollback test",
        option("environment", nargs="?", default="default", metavar="ENV", help="the environment"),
        switch("--force", "lose what was changed by hand since"),
    ),
    "env merge": Command(
        "environments.env_merge",
        "merge two locks section by section, as a merge driver of git",
        "pkm env merge --install",
        option(
            "files",
            nargs="*",
            metavar="BASE OURS THEIRS",
            help="three locks; the result is written over OURS",
        ),
        option(
            "--path",
            metavar="PATH",
            help="where the merged lock belongs (default: the project of the folder)",
        ),
        switch("--install", "let git merge pylock.toml of this repository with pkm"),
    ),
    "env delete": Command(
        "environments.env_delete",
        "delete the folders of environments",
        "pkm env delete docs",
        ENVIRONMENTS,
        switch("--force", "delete one that pkm did not make"),
    ),
    "debug solve": Command(
        "machine.debug_solve",
        "solve a recorded problem again, without a network",
        "pkm debug solve problem.json",
        option("file", metavar="FILE", help="what pkm lock --export-problem wrote"),
    ),
    "index list": Command(
        "machine.index_list",
        "list the indexes in their order, and where each is configured",
        "pkm index list",
    ),
    "cache dir": Command("machine.cache_dir", "print the folder of the cache", "pkm cache dir"),
    "cache info": Command("machine.cache_info", "say what the cache holds, and how much", "pkm cache info"),
    "cache clean": Command(
        "machine.cache_clean",
        "empty the cache, or forget packages",
        "pkm cache clean numpy",
        option("packages", nargs="*", metavar="PACKAGE", help="packages to forget (default: all there is)"),
    ),
    "cache prune": Command(
        "machine.cache_prune",
        "remove from the cache what nobody will use again",
        "pkm cache prune --ci",
        switch(
            "--ci", "keep only what was built: all else is fetched again as quickly as a cache is restored"
        ),
    ),
    "cache verify": Command(
        "machine.cache_verify",
        "check the cache and drop what is damaged; exit 1 if anything was",
        "pkm cache verify",
    ),
}
# Options that mean the same before and after the command, and whether they take a value.
GLOBAL_OPTIONS = {
    "-C": True,
    "--directory": True,
    "-v": False,
    "--verbose": False,
    "-q": False,
    "--quiet": False,
    "--offline": False,
    "--json": False,
    "--no-color": False,
}


class Line:
    """A command line, understood: the command's name, its parsed arguments, and the global options."""

    __slots__ = (
        "arguments",
        "command",
        "directory",
        "help",
        "json",
        "no_colour",
        "offline",
        "quiet",
        "verbose",
    )

    def __init__(self) -> None:
        self.command = ""
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
    if rest[0] in ("-h", "--help", "help"):
        line.help = overview()
        return line
    if rest[0] in ("-V", "--version"):
        line.command = "version"
        return line
    name, rest = command_name(rest)
    if not name:
        line.help = overview(rest[0])
        return line
    line.command = name
    command = COMMANDS[name]
    keep_c = any("-C" in flags for flags, _ in command.arguments)
    rest = take_globals(rest, line, until_command=name == "run", keep_c=keep_c)
    parse_arguments(name, command, rest, line)
    return line


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
        if until_command and word in ("-e", "--env", "-p", "--python", "--default-index") and words:
            rest.append(words.pop(0))
    return rest


def command_name(words: list[str]) -> tuple[str, list[str]]:
    """Return the command that *words* begin with, and the words after it; "" for a bare group.

    :raises UsageError: for an unknown command.
    """
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    first = words[0]
    if first in groups:
        if len(words) == 1 or words[1] in ("-h", "--help"):
            return "", [first]
        name = f"{first} {words[1]}"
        rest = words[2:]
    else:
        name, rest = first, words[1:]
    if name in COMMANDS:
        return name, rest
    if name.startswith("-"):
        raise UsageError(f"unknown option {name}", meant(name, [*GLOBAL_OPTIONS, "--help", "--version"]))
    known = (
        [known for known in COMMANDS if known.startswith(f"{first} ")]
        if first in groups
        else [*COMMANDS, *groups]
    )
    raise UsageError(f'there is no command "{name}"', meant(name, known) or "pkm --help lists the commands")


def meant(word: str, known: Sequence[str]) -> str:
    """Return a hint with the nearest known word, or ""."""
    near = did_you_mean(word, known)
    return f'did you mean "{near}"?' if near else ""


def surplus_hint(option: str, command: Command, known: Sequence[str]) -> str:
    """Return what was probably meant by an option that a command does not have, "" where nobody knows.

    One letter is near to any other.
    """
    if option in {"-e", "--env"} and any(
        "ENV" in settings.get("metavar", "") for _, settings in command.arguments
    ):
        return "it takes environments as arguments, without an option"
    return meant(option, [*known, *GLOBAL_OPTIONS]) if option.startswith("--") else ""


def parse_arguments(name: str, command: Command, words: list[str], line: Line) -> None:
    """Parse the words after the command with an argparse parser of its own.

    :raises UsageError: for an unknown option, a missing or surplus value.
    """
    if not words and not any(is_needed(flags, settings) for flags, settings in command.arguments):
        line.arguments = Bare(command)
        return
    import argparse

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
    before_dash = words[: words.index("--")] if "--" in words else words
    if name == "run":
        before_dash = before_dash[: first_plain(before_dash)]
    if "-h" in before_dash or "--help" in before_dash:
        line.help = f"pkm {name}: {parser.format_help()}"
        return
    line.arguments, surplus = parser.parse_known_args(words)
    if surplus:
        known = [flag for flag_names, _ in command.arguments for flag in flag_names if flag.startswith("-")]
        if surplus[0].startswith("-"):
            hint = surplus_hint(surplus[0].partition("=")[0], command, known)
            raise UsageError(
                f"pkm {name} has no option {surplus[0]}", hint or f"pkm {name} --help shows the options"
            )
        raise UsageError(f'pkm {name} takes no argument "{surplus[0]}"')


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


def first_plain(words: Sequence[str]) -> int:
    """Return the place of the first word that is neither an option nor an option's value."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in ("-e", "--env", "-p", "--python", "--default-index") else 1
    return at


def overview(group: str = "") -> str:
    """Return the list of commands, those of one group where it is named."""
    lines = [f"pkm {group or '[-C DIR] [-v|-q] [--offline] [--json]'} COMMAND …", ""]
    for name, command in COMMANDS.items():
        if not group or name.startswith(f"{group} "):
            lines.append(f"  {name:<14} {command.help}")
    lines += ["", "pkm COMMAND --help shows an example and the options"]
    return "\n".join(lines)
