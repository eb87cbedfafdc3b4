"""What a command line may say: the forms of commands and options, and the commands of every day.

The others stand in ``cli.groups``, which a lock, a sync or a run does not load.
"""

from __future__ import annotations

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
# Options of ``run`` that take a value; what follows the first other word belongs to the program.
VALUED_BEFORE_PROGRAM = ("-e", "--env", "-p", "--python", "--default-index")


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
LOCKED = switch("--locked", "a missing or stale section of the lock is an error")
FROZEN = switch("--frozen", "take the lock as it is, without comparing it to pyproject.toml")

LOCK = Command(
    "day.lock",
    "solve environments and write pylock.toml",
    "pkm lock --upgrade-package httpx",
    ENVIRONMENTS,
    switch("--check", "write nothing; exit 1 if the lock would change"),
    LOCKED,
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
    "syncing.sync",
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
    switch("--copies", "let the environment have a copy of its interpreter, not a link to it"),
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
DAILY: dict[str, Command] = {
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
}
