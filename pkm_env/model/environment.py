"""Environment: a named, declared set of packages, as ``[tool.pkm.env.NAME]`` says it."""

from __future__ import annotations

from pkm_build.grammar import normalise
from pkm_build.tables import RESOLUTION_KEYS, meant
from pkm_env.model.options import read_options
from pkm_env.model.platforms import UnknownPlatform, parse_platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_build.project import Project
    from pkm_build.tables import Table
    from pkm_env.model.options import Options

DEFAULT = "default"
IMPLEMENTATIONS = ("cpython", "cpython-freethreaded", "pypy")
PROJECT_MODES = ("editable", "wheel", "dependencies")
# Names that Windows keeps for devices, whatever extension follows them.
DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))]
)
OWN_KEYS = ("groups", "extras", "dependencies", "python", "implementation", "platforms", "project")


class Environment:
    """A declared environment.

    ``name`` is normalised; ``section`` is what the lock calls it: the name, after the member's in a workspace.
    ``groups`` and ``extras`` are normalised names in file order;
    ``dependencies`` are ``(requirement text, key path)``. ``python`` is a specifier text or "",
    ``platforms`` a tuple of names or None where the key is missing. ``project`` is "editable",
    "wheel", "dependencies" or "none". ``options`` are its rules, those of the project included.
    """

    __slots__ = (
        "dependencies",
        "extras",
        "groups",
        "implementation",
        "key",
        "name",
        "options",
        "platforms",
        "project",
        "python",
        "section",
    )

    def __init__(self, name: str, options: Options, key: tuple[str | int, ...] = ()) -> None:
        self.name = name
        self.section = name
        self.options = options
        self.key = key
        self.groups: tuple[str, ...] = ()
        self.extras: tuple[str, ...] = ()
        self.dependencies: tuple[tuple[str, tuple[str | int, ...]], ...] = ()
        self.python = ""
        self.implementation = "cpython"
        self.platforms: tuple[str, ...] | None = None
        self.project = "editable"

    def to_plain(self) -> tuple[Any, ...]:
        """Return what a lock's section depends on, in a form that equal declarations share."""
        return (
            self.name,
            tuple(sorted(self.groups)),
            tuple(sorted(self.extras)),
            tuple(sorted(text for text, _ in self.dependencies)),
            self.python,
            self.implementation,
            None if self.platforms is None else tuple(sorted(self.platforms)),
            self.project,
            self.options.to_plain(),
        )


def read_environments(tool: Table, project: Project, options: Options) -> tuple[Environment, ...]:
    """Return the declared environments, ``default`` first, the others in file order.

    *tool* is ``[tool.pkm]``; faults are noted there.
    """
    declared = tool.table("env")
    found: dict[str, Environment] = {}
    if declared is not None:
        for raw_name in declared.data:
            table = declared.table(raw_name)
            if table is None or not usable_name(declared, raw_name, found):
                continue
            environment = read_environment(table, normalise(raw_name), project, options)
            found[environment.name] = environment
    if DEFAULT not in found:
        found = {DEFAULT: implied_default(project, options), **found}
    return (found.pop(DEFAULT), *found.values())


def usable_name(declared: Table, raw_name: str, found: dict[str, Environment]) -> bool:
    """Whether an environment may have this name; a fault is noted where it may not."""
    name = normalise(raw_name)
    letters = name.replace("-", "").replace(".", "")
    if not letters.isalnum() or not letters.isascii() or not (name[0] + name[-1]).isalnum():
        declared.fault(raw_name, "is no name for an environment", "use letters, digits, -, _ and .")
    elif name in found:
        declared.fault(raw_name, f'names the environment "{name}" once more')
    elif name.startswith("build-") or name == "build":
        declared.fault(raw_name, "names that begin with build are kept for locked build requirements")
    elif name in DEVICES:
        declared.fault(raw_name, "is the name of a device on Windows, where no folder can have it")
    else:
        return True
    return False


def read_environment(table: Table, name: str, project: Project, options: Options) -> Environment:
    """Return one environment; what its table lacks is implied."""
    hint_unquoted_name(table)
    table.refuse_unknown((*OWN_KEYS, *RESOLUTION_KEYS) if not dotted(table) else tuple(table.data))
    environment = Environment(name, read_options(table, options), table.key)
    implied = ("dev",) if name == DEFAULT and "groups" not in table.data and "dev" in project.groups else ()
    environment.groups = names_in(table, "groups", project.groups, "group") or implied
    if "optional-dependencies" in project.dynamic:  # only the backend knows them
        environment.extras = tuple(dict.fromkeys([normalise(name) for name in table.strings("extras")]))
    else:
        environment.extras = names_in(table, "extras", project.optional_dependencies, "extra")
    environment.dependencies = tuple(
        (text, (*table.key, "dependencies", at)) for at, text in enumerate(table.strings("dependencies"))
    )
    environment.python = table.string("python", "") or ""
    environment.implementation = table.choice("implementation", IMPLEMENTATIONS, "cpython")
    if "platforms" in table.data:
        environment.platforms = read_platforms(table)
    environment.project = read_project_mode(table, project)
    return environment


def read_platforms(table: Table) -> tuple[str, ...]:
    """Return the named platforms as they are written; faults are noted."""
    named = table.strings("platforms")
    if table.raw("platforms") == []:
        table.fault("platforms", "names no platform", "leave the key out for the usual ones")
    for at, name in enumerate(table.data["platforms"] if named else ()):
        if isinstance(name, str):
            check_platform(table, at, name)
    return named


def check_platform(table: Table, at: int, name: str) -> None:
    """Note a fault where *name*, the one at *at*, is no platform, or the same one as a name before it."""
    try:
        found = parse_platform(name)
    except UnknownPlatform as error:
        table.fault(("platforms", at), str(error), error.hint)
        return
    for other in table.data["platforms"][:at]:
        if isinstance(other, str) and is_platform(other, found):
            table.fault(("platforms", at), f'"{name}" is the same platform as "{other}"')
            return


def is_platform(name: str, full: str) -> bool:
    """Whether *name* means the platform with this full name."""
    try:
        return parse_platform(name) == full
    except UnknownPlatform:
        return False


def dotted(table: Table) -> bool:
    """Whether the table holds nothing but tables: a name with a dot that was not quoted."""
    return bool(table.data) and all(
        isinstance(value, dict) and key not in OWN_KEYS and key not in RESOLUTION_KEYS
        for key, value in table.data.items()
    )


def hint_unquoted_name(table: Table) -> None:
    """Note ``[tool.pkm.env.py3.12]``, which TOML reads as the environment "py3" with a table "12"."""
    if dotted(table):
        inner = next(iter(table.data))
        name = f"{table.key[-1]}.{inner}"
        table.fault(inner, "unknown key", f'a name with a dot needs quotes: [tool.pkm.env."{name}"]')


def read_project_mode(table: Table, project: Project) -> str:
    """Return how the project itself is part of the environment."""
    if table.raw("project") is False:
        return "none"
    if "project" not in table.data:
        return implied_mode(project)
    if not isinstance(table.raw("project"), str):
        table.fault("project", "must be " + ", ".join(f'"{mode}"' for mode in PROJECT_MODES) + " or false")
        return implied_mode(project)
    mode = table.choice("project", PROJECT_MODES, implied_mode(project))
    if mode != "dependencies" and not project.has_build_system:
        message = f'cannot be "{mode}" without a [build-system]'
        table.fault("project", message, 'write "dependencies" or add the table')
    return mode


def implied_mode(project: Project) -> str:
    """Return "editable", or "dependencies" for a project that nothing builds."""
    if not project.name:
        return "none"
    return "editable" if project.has_build_system else "dependencies"


def implied_default(project: Project, options: Options) -> Environment:
    """Return the environment that exists without being written."""
    environment = Environment(DEFAULT, options, ("tool", "pkm", "env", DEFAULT))
    environment.groups = ("dev",) if "dev" in project.groups else ()
    environment.project = implied_mode(project)
    return environment


def names_in(table: Table, key: str, known: Any, word: str) -> tuple[str, ...]:
    """Return the normalised names of a list, each of which must be *known*."""
    found = []
    for at, raw_name in enumerate(table.strings(key)):
        name = normalise(raw_name)
        if name in known:
            found.append(name)
            continue
        hint = meant(name, known, known_names(known, word))
        table.fault((key, at), f'there is no {word} "{raw_name}"', hint)
    return tuple(dict.fromkeys(found))


def known_names(known: Sequence[str], word: str) -> str:
    """Return a hint that lists the names there are."""
    names = sorted(known)
    return f"the {word}s are {', '.join(names)}" if names else f"the project has no {word}s"
