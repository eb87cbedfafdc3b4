"""All commands: those of every day, and those of the groups env, index, cache and debug."""

from __future__ import annotations

from pkm_build.tables import meant
from pkm_env.cli.usage import (
    DAILY,
    ENVIRONMENTS,
    ENVIRONMENTS_DEFAULT,
    GLOBAL_OPTIONS,
    Command,
    UsageError,
    option,
    switch,
)

PACKAGE = option("package", metavar="PACKAGE", help="the name of a package")
IN_ENVIRONMENT = option(
    "-e", "--env", default="default", metavar="ENV", dest="environment", help="the environment"
)
ONE_ENVIRONMENT = option("environment", metavar="ENV", help="an environment")
COMMANDS: dict[str, Command] = {
    **DAILY,
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
        "remove from the cache what is old or left over",
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


def command_name(words: list[str]) -> tuple[str, list[str]]:
    """Return the command that *words* begin with, and the words after it.

    Where an overview is asked for it is "", and the words are the group, or none for all commands.

    :raises UsageError: for an unknown command.
    """
    if words[0] in ("-h", "--help", "help"):
        return "", []
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


def overview(group: str = "") -> str:
    """Return the list of commands, those of one group where it is named."""
    lines = [f"pkm {group or '[-C DIR] [-v|-q] [--offline] [--json]'} COMMAND …", ""]
    for name, command in COMMANDS.items():
        if not group or name.startswith(f"{group} "):
            lines.append(f"  {name:<14} {command.help}")
    lines += ["", "pkm COMMAND --help shows an example and the options"]
    return "\n".join(lines)
