"""Declaration: what ``[tool.pkm]`` says to the environment manager."""

from __future__ import annotations

from pkm_build.grammar import is_name, normalise
from pkm_build.tables import PKM_KEYS, inside_only, meant
from pkm_env.model.distribution import (
    BadReference,
    address_fault,
    repository_fault,
    source_of_url,
    without_secrets,
    without_secrets_in,
)
from pkm_env.model.environment import read_environments
from pkm_env.model.markers import UnreadableMarker, parse_marker
from pkm_env.model.options import Options, check_name, read_options
from pkm_env.model.requirements import parse_requirement, requirement_fault
from pkm_env.model.versions import UnreadableVersion, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_build.project import Project
    from pkm_build.tables import Table
    from pkm_env.model.environment import Environment

SOURCE_KEYS = (
    "index",
    "git",
    "branch",
    "tag",
    "rev",
    "subdirectory",
    "url",
    "path",
    "editable",
    "workspace",
    "marker",
    "env",
)
# Each kind of place with the keys that say more about it.
SOURCE_KINDS = {
    "index": (),
    "git": ("branch", "tag", "rev", "subdirectory"),
    "url": ("subdirectory",),
    "path": ("editable", "subdirectory"),
    "workspace": ("editable",),
}
INDEX_KEYS = ("name", "url", "format", "default", "explicit")


class SourceRule:
    """One way a name is bound to a place: the value of a ``[tool.pkm.sources]`` entry.

    ``values`` holds the keys as written; ``marker`` and ``env`` say where it counts ("" everywhere).
    """

    __slots__ = ("env", "key", "kind", "marker", "name", "values")

    def __init__(self, name: str, kind: str, values: dict[str, Any], key: tuple[str | int, ...]) -> None:
        self.name = name
        self.kind = kind
        self.values = values
        self.key = key
        self.marker = str(values.get("marker", ""))
        self.env = normalise(str(values.get("env", "")))

    def to_plain(self) -> tuple[Any, ...]:
        """Return the name and the sorted values."""
        return (self.name, tuple(sorted((key, str(value)) for key, value in self.values.items())))


class IndexRule:
    """One ``[[tool.pkm.index]]`` entry."""

    __slots__ = ("default", "explicit", "flat", "key", "name", "url")

    def __init__(self, table: Table) -> None:
        table.refuse_unknown(INDEX_KEYS)
        self.key = table.key
        self.name = table.string("name", "") or ""
        self.url = table.string("url", "") or ""
        self.flat = table.choice("format", ("simple", "flat"), "simple") == "flat"
        self.default = table.boolean("default", default=False)
        self.explicit = table.boolean("explicit", default=False)
        for key in ("name", "url"):
            if key not in table.data:
                table.fault((), f'"{key}" is missing')
        if isinstance(table.raw("name"), str) and not is_name(self.name):
            table.fault("name", f'"{self.name}" is no name for an index', "use letters, digits, -, _ and .")
        if isinstance(table.raw("url"), str) and (said := index_fault(self.url, flat=self.flat)):
            table.fault("url", f'"{without_secrets(self.url)}" cannot be asked: {said}')

    @property
    def place(self) -> str | tuple[str, str]:
        """What of it a lock depends on: the name alone where it is on a server; paths in the lock lead to a folder."""
        is_on_server = "://" in self.url and not self.url.lower().startswith("file:")
        return self.name if is_on_server else (self.name, self.url)


def index_fault(url: str, *, flat: bool = False) -> str:
    """Return in a phrase why *url* cannot be that of an index, "" where it can; "" too for a folder."""
    if not url:
        return "it is empty"
    if not flat and "://" in url and set(url) & {"?", "#"}:
        return "the names of packages cannot be put behind a query or a fragment"
    return address_fault(url)


class Declaration:
    """What a project declares beside its standard tables.

    ``overrides`` is the parsed ``[tool.pkm.overrides]`` table, checked for its shape alone.
    """

    __slots__ = ("environments", "indexes", "options", "overrides", "sources", "tasks", "workspace")

    def __init__(
        self,
        environments: tuple[Environment, ...],
        options: Options,
        *,
        sources: tuple[SourceRule, ...] = (),
        indexes: tuple[IndexRule, ...] = (),
        overrides: dict[str, Any] | None = None,
        tasks: dict[str, Any] | None = None,
        workspace: dict[str, Any] | None = None,
    ) -> None:
        self.environments = environments
        self.options = options
        self.sources = sources
        self.indexes = indexes
        self.overrides = overrides or {}
        self.tasks = tasks or {}
        self.workspace = workspace or {}

    def environment(self, name: str) -> Environment | None:
        """Return the environment of this normalised *name*, or None."""
        return next((found for found in self.environments if found.name == name), None)


WORKSPACE_KEYS = ("members", "exclude")


def read_declaration(root: Table, project: Project, base: Declaration | None = None) -> Declaration:
    """Return what the parsed pyproject.toml *root* declares; faults are noted in the table.

    *base* is the declaration of the workspace's root: its rules, sources, indexes and overrides hold in its
    members too, behind their own.
    """
    declared = read_own(root, project, base)
    if base is None:
        return declared
    own_names = {rule.name for rule in declared.sources}
    own_indexes = {index.name for index in declared.indexes}
    return Declaration(
        declared.environments,
        declared.options,
        sources=(*declared.sources, *(rule for rule in base.sources if rule.name not in own_names)),
        indexes=(*declared.indexes, *(index for index in base.indexes if index.name not in own_indexes)),
        overrides={**base.overrides, **declared.overrides},
        tasks=declared.tasks,
    )


def read_own(root: Table, project: Project, base: Declaration | None) -> Declaration:
    """Return what one file declares; *base* gives the rules where it says nothing, and further indexes to name."""
    start = base.options if base is not None else Options()
    tools = root.table("tool")
    tool = tools.table("pkm") if tools is not None else None
    if tool is None:
        empty = type(root)({}, ("tool", "pkm"), root.faults)
        return Declaration(read_environments(empty, project, start), start)
    tool.refuse_unknown(PKM_KEYS)
    options = read_options(tool, start)
    environments = read_environments(tool, project, options)
    indexes = read_indexes(tool)
    names = {index.name for index in (*indexes, *(base.indexes if base is not None else ()))}
    return Declaration(
        environments,
        options,
        sources=read_sources(tool, {found.name for found in environments}, names),
        indexes=indexes,
        overrides=read_overrides(tool),
        tasks=plain_table(tool, "tasks"),
        workspace=read_members(tool),
    )


def read_members(tool: Table) -> dict[str, Any]:
    """Return the patterns of members and exceptions, empty where the project is no workspace."""
    table = tool.table("workspace")
    if table is None:
        return {}
    table.refuse_unknown(WORKSPACE_KEYS)
    found = {key: table.strings(key) for key in WORKSPACE_KEYS}
    for key, patterns in found.items():
        for at, pattern in enumerate(patterns):
            # Seen from a member outside, there would be no workspace.
            inside = (
                pattern[:1] not in {"", "/", "\\"} and pattern[1:2] != ":" and ".." not in pattern.split("/")
            )
            if not inside or not pattern.isprintable():
                table.fault((key, at), f'"{pattern}" names no folder below this one', 'as in "packages/*"')
    return found


def plain_table(tool: Table, name: str) -> dict[str, Any]:
    """Return the parsed table as it is, empty where it is missing."""
    table = tool.table(name)
    return dict(table.data) if table is not None else {}


def read_indexes(tool: Table) -> tuple[IndexRule, ...]:
    """Return the index entries in file order; names are unique as those of their variables, one default at most."""
    found = tuple(IndexRule(table) for table in tool.tables("index"))
    names: dict[str, str] = {}
    for index in found:
        variable = index.name.upper().replace("-", "_").replace(".", "_")
        other = names.get(variable, "")
        if other:
            said = f'there are two indexes "{index.name}"'
            if other != index.name:
                said = f'"{other}" and "{index.name}" would share PKM_INDEX_{variable}_PASSWORD'
            tool.fault((*index.key[len(tool.key) :], "name"), said, "give one of them another name")
        names[variable] = index.name
    for index in [index for index in found if index.default][1:]:
        tool.fault((*index.key[len(tool.key) :], "default"), "another index is the default already")
    return found


def read_sources(tool: Table, environments: set[str], indexes: set[str]) -> tuple[SourceRule, ...]:
    """Return the bindings of names, in file order."""
    table = tool.table("sources")
    found: list[SourceRule] = []
    for raw_name in table.data if table is not None else ():
        assert table is not None
        if isinstance(table.raw(raw_name), list):
            entries = table.tables(raw_name)
        else:
            entry = table.table(raw_name)
            entries = [entry] if entry is not None else []
        if table.raw(raw_name) == []:
            table.fault(raw_name, "names no place", "give one of " + ", ".join(SOURCE_KINDS))
        check_name(table, raw_name)
        for entry in entries:
            rule = read_source(entry, normalise(raw_name), environments, indexes)
            if rule is not None:
                found.append(rule)
    return tuple(found)


def read_source(entry: Table, name: str, environments: set[str], indexes: set[str]) -> SourceRule | None:
    """Return one binding, or None with a fault noted."""
    entry.refuse_unknown(SOURCE_KEYS)
    kinds = [kind for kind in SOURCE_KINDS if kind in entry.data]
    if len(kinds) != 1:
        said = "names no place" if not kinds else "names more than one place: " + ", ".join(kinds)
        entry.fault((), said, "give one of " + ", ".join(SOURCE_KINDS))
        return None
    check_source(entry, kinds[0])
    rule = SourceRule(name, kinds[0], dict(entry.data), entry.key)
    if rule.env and isinstance(entry.raw("env"), str) and rule.env not in environments:
        hint = meant(
            entry.data["env"], environments, f"the environments are {', '.join(sorted(environments))}"
        )
        entry.fault("env", f'there is no environment "{entry.raw("env")}"', hint)
    named = entry.raw("index")
    if rule.kind == "index" and named and isinstance(named, str) and named not in indexes:
        hint = meant(named, indexes, "name one of [[tool.pkm.index]], of the workspace's root too")
        entry.fault("index", f'there is no index "{named}"', hint)
    return rule


def check_source(entry: Table, kind: str) -> None:
    """Note the faults of a binding to a place of one *kind*."""
    for key in entry.data.keys() & {*SOURCE_KEYS}:
        if key not in {"editable", "workspace"}:
            if entry.string(key) == "":
                entry.fault(key, "is empty")
        else:
            entry.boolean(key, default=False)
        if key not in {kind, "marker", "env", *SOURCE_KINDS[kind]}:
            entry.fault(key, f'means nothing beside "{kind}"')
    revisions = [key for key in ("branch", "tag", "rev") if key in entry.data]
    if kind == "git" and len(revisions) > 1:
        entry.fault((), "names more than one revision: " + ", ".join(revisions))
    if entry.raw("workspace") is False:
        entry.fault("workspace", "says where it is not", "leave it out")
    if entry.raw("subdirectory"):
        inside_only(entry, ("subdirectory",), entry.raw("subdirectory"))
    for key, fault_of in (("marker", marker_fault), ("git", repository_fault), ("url", reference_fault)):
        value = entry.raw(key)
        if value and isinstance(value, str) and (said := fault_of(value)):
            entry.fault(key, f"cannot be used: {said}")


def marker_fault(text: str) -> str:
    """Return in a phrase that a text is no marker, "" where it is one."""
    try:
        parse_marker(text)
    except UnreadableMarker:
        return "it is no marker; write for example \"sys_platform == 'linux'\""
    return ""


def reference_fault(url: str) -> str:
    """Return in a phrase why no archive can be had from an address, "" where one can."""
    try:
        source_of_url(url)
    except BadReference as error:
        return str(error)
    return ""


def read_overrides(tool: Table) -> dict[str, Any]:
    """Return the overrides as parsed; each value is a text, a list of texts, false, or a table of such."""
    table = tool.table("overrides")
    if table is None:
        return {}
    for name, value in table.data.items():
        if is_name(name):
            check_name(table, name)
        asked, pinned, version = name.partition("==")
        if not is_name(asked.strip()) or (pinned and not (isinstance(value, dict) and is_version(version))):
            table.fault(
                name, "is neither a package nor, before a table, a release", 'write NAME or "NAME==VERSION"'
            )
        elif isinstance(value, dict):
            inner = table.table(name)
            assert inner is not None
            for other, override in value.items():
                check_name(inner, other)
                check_override(inner, other, override)
        else:
            check_override(table, name, value)
    return dict(table.data)


def check_override(table: Table, name: str, value: Any) -> None:
    """Note a fault where *value* is no override."""
    if value is False:
        return
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        table.fault(name, "must be what follows a name in a requirement, a list of such, or false")
        return
    for text in texts:
        asked = f"{name} {text.strip().removeprefix('*')}"
        said = requirement_fault(asked)
        if not said and parse_requirement(asked).url:
            said = "an override names no place; [tool.pkm.sources] does"
        if said:
            table.fault(name, f'"{without_secrets_in(text)}" cannot follow a name in a requirement: {said}')


def is_version(text: str) -> bool:
    """Whether *text* is a version."""
    try:
        version_key(text.strip())
    except UnreadableVersion:
        return False
    return True
