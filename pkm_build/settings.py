"""The backend's own tables, ``[tool.pkm]``: ``version``, ``build``, ``properties`` and ``profiles``.

Every fault is noted with its key; nothing is raised. Keys are explained in docs/backend.md.
"""

from __future__ import annotations

from pkm_build.errors import Fault
from pkm_build.tables import Table, did_you_mean, kind_of, listed
from pkm_build.tags import is_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pkm_build.extensions import Extension

BUILD_KEYS = (
    "packages",
    "include",
    "exclude",
    "map",
    "data",
    "editable",
    "hook",
    "extension",
    "sdist",
    "pure",
    "tags",
    "sbom-files",
)
SDIST_KEYS = ("include", "exclude")
SCHEMES = ("scripts", "headers", "data", "purelib", "platlib")
VERSION_KEYS = {
    "file": ("source", "path", "pattern"),
    "vcs": ("source", "tag-pattern", "template", "write-to"),
    "env": ("source", "variable"),
    "script": ("source", "path"),
}
TEMPLATE_FIELDS = ("tag", "distance", "commit", "date")
NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class VersionSource:
    """Where a dynamic version comes from: *source* is file, vcs, env or script, "" when not said."""

    __slots__ = ("path", "pattern", "source", "tag_pattern", "template", "variable", "write_to")

    source: str
    path: str
    pattern: str
    variable: str
    tag_pattern: str
    template: str
    write_to: str


class Settings:
    """What the backend's tables say. *packages* and *pure* are None when not said; *map* goes from a path in
    the tree to one in the wheel, *data* from a scheme to such pairs (a target "" means below the scheme's top).
    """  # noqa: D205 - the sentence needs both lines

    __slots__ = (
        "data",
        "editable",
        "exclude",
        "extensions",
        "hook",
        "include",
        "map",
        "packages",
        "profile",
        "properties",
        "providers",
        "pure",
        "sbom_files",
        "sdist_exclude",
        "sdist_include",
        "tags",
        "version",
    )

    packages: tuple[str, ...] | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    sdist_include: tuple[str, ...]
    sdist_exclude: tuple[str, ...]
    map: dict[str, str]
    data: dict[str, tuple[tuple[str, str], ...]]
    editable: str
    hook: str
    extensions: tuple[Extension, ...]
    pure: bool | None
    tags: tuple[str, ...]
    sbom_files: tuple[str, ...]
    version: VersionSource
    providers: tuple[dict[str, Any], ...]
    properties: dict[str, str]
    profile: str


def read_settings(data: dict[str, Any], faults: list[Fault], profile: str = "") -> Settings:
    """Return the backend's settings in *data*, a parsed pyproject.toml, with *profile* laid over them."""
    tool = data.get("tool")
    pkm = Table(tool, ("tool",), faults).table("pkm") if isinstance(tool, dict) else None
    pkm = pkm or Table({}, ("tool", "pkm"), faults)
    made = Settings()
    made.profile = profile
    version, build = pkm.table("version"), pkm.table("build")
    made.properties = read_properties(pkm)
    profiles = pkm.table("profiles")
    if profiles is not None:
        chosen = read_profiles(profiles, profile, made.properties)
        version = laid_over(version, chosen.get("version"), ("tool", "pkm", "version"))
        build = laid_over(build, chosen.get("build"), ("tool", "pkm", "build"))
        made.properties.update(chosen.get("properties", {}))
    elif profile:
        pkm.fault("profiles", f'there is no profile "{profile}"')
    version = filled(version or Table({}, (), faults), made.properties, TEMPLATE_FIELDS)
    build = filled(build or Table({}, (), faults), made.properties, ())
    made.version = read_version_source(version)
    read_build(made, build)
    made.providers = read_providers(data, faults)
    check_dynamic(data, made, faults)
    return made


def read_properties(table: Table) -> dict[str, str]:
    """Return the properties of a table: names and texts (numbers and booleans as TOML writes them)."""
    inner = table.table("properties")
    found = {}
    for name, value in inner.data.items() if inner else ():
        assert inner is not None
        if name in TEMPLATE_FIELDS:
            inner.fault(name, "is a field of version templates", "choose another name")
        elif not name or set(name) - NAME:
            inner.fault(name, "is no valid name of a property", "letters, digits, - and _")
        if isinstance(value, bool):
            found[name] = str(value).lower()
        elif isinstance(value, (str, int, float)):
            found[name] = str(value)
        else:
            inner.fault(name, f"must be a string, not {kind_of(value)}")
    return found


def read_profiles(profiles: Table, chosen: str, properties: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Check all profiles, each by itself, and return the tables of the chosen one."""
    found: dict[str, dict[str, Any]] = {}
    for name in profiles.data:
        table = profiles.table(name)
        if table is None:
            continue
        table.refuse_unknown(("properties", "version", "build"))
        known = {**properties, **read_properties(table)}
        for part in ("version", "build"):
            inner = table.table(part)
            if inner is None:
                continue
            checked = filled(inner, known, TEMPLATE_FIELDS if part == "version" else ())
            if part == "build":
                read_build(Settings(), checked)
            else:
                checked.refuse_unknown({key for keys in VERSION_KEYS.values() for key in keys})
            if name == chosen:
                found[part] = inner.data
        if name == chosen:
            found["properties"] = read_properties(Table(table.data, (), []))
    if chosen and chosen not in profiles.data:
        near = did_you_mean(chosen, profiles.data)
        hint = f'did you mean "{near}"?' if near else f"there is {listed(profiles.data, 'and')}"
        profiles.faults.append(Fault(profiles.key, f'there is no profile "{chosen}"', hint))
    return found


def laid_over(base: Table | None, over: dict[str, Any] | None, key: tuple[str, ...]) -> Table | None:
    """Return *base* with the keys of *over* in place of its own; tables are joined, lists replaced."""
    if over is None:
        return base
    joined = merge(base.data if base else {}, over)
    return Table(joined, key, base.faults if base else [])


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of both tables, those of *over* winning."""
    joined = dict(base)
    for name, value in over.items():
        old = joined.get(name)
        joined[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return joined


def filled(table: Table, properties: dict[str, str], own: Iterable[str]) -> Table:
    """Return *table* with each ``{NAME}`` in its texts replaced by the property, except the fields in *own*."""
    if not has_brace(table.data):
        return table
    data = {name: fill(value, (name,), table, properties, tuple(own)) for name, value in table.data.items()}
    return Table(data, table.key, table.faults)


def has_brace(value: object) -> bool:
    """Return whether a text somewhere in *value* has an opening brace."""
    if isinstance(value, str):
        return "{" in value
    if isinstance(value, dict):
        return any(map(has_brace, value.values()))
    return isinstance(value, list) and any(map(has_brace, value))


def fill(
    value: object, key: tuple[str | int, ...], table: Table, properties: dict[str, str], own: tuple[str, ...]
) -> Any:
    """Return *value* with each ``{NAME}`` in its texts replaced; ``{{`` is a brace."""
    if isinstance(value, dict):
        return {name: fill(item, (*key, name), table, properties, own) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, (*key, at), table, properties, own) for at, item in enumerate(value)]
    if not isinstance(value, str) or "{" not in value:
        return value
    out = ""
    rest = value
    while True:
        before, brace, after = rest.partition("{")
        out += before
        if not brace:
            return out
        name, close, tail = after.partition("}")
        rest = tail
        if after[:1] == "{":
            out, rest = out + "{", after[1:]
        elif not close or not name or set(name) - NAME or name[0].isdigit():
            out, rest = out + "{", after
        elif name in own:
            out += "{" + name + "}"
        elif name in properties:
            out += properties[name]
        else:
            near = did_you_mean(name, [*properties, *own])
            hint = f'did you mean "{near}"?' if near else "write {{ for a brace"
            table.fault(key, f'there is no property "{name}"', hint)


def read_version_source(table: Table) -> VersionSource:
    """Read ``[tool.pkm.version]``."""
    made = VersionSource()
    made.source = table.choice("source", VERSION_KEYS, "")
    made.path = table.string("path") or ""
    made.pattern = table.string("pattern") or ""
    made.variable = table.string("variable") or ""
    made.tag_pattern = table.string("tag-pattern") or ""
    made.template = table.string("template") or ""
    made.write_to = table.string("write-to") or ""
    if not table.data:
        return made
    if "source" not in table.data:
        table.fault("source", "is missing", f"it can be {listed(VERSION_KEYS)}")
    known = VERSION_KEYS.get(made.source, {key for keys in VERSION_KEYS.values() for key in keys})
    for name in table.data:
        if name not in known and any(name in keys for keys in VERSION_KEYS.values()):
            right = [source for source, keys in VERSION_KEYS.items() if name in keys]
            table.fault(name, f'means nothing with source = "{made.source}"', f"it goes with {listed(right)}")
    table.refuse_unknown({key for keys in VERSION_KEYS.values() for key in keys})
    if made.source in ("script", "env"):
        needed = "path" if made.source == "script" else "variable"
        if needed not in table.data:
            table.fault(needed, f'is missing; source = "{made.source}" needs it')
    for name in ("path", "write-to"):
        inside_only(table, (name,), table.data.get(name))
    return made


def inside_only(table: Table, key: tuple[str | int, ...], path: object, outside: bool = False) -> None:
    """Note a path that is absolute or (unless *outside* is allowed) leaves the project."""
    if not isinstance(path, str):
        return
    if path[:1] in ("/", "\\") or path[1:2] == ":" or "\\" in path or path == "":
        table.fault(key, f'"{path}" must be a relative path with "/" between folders')
    elif ".." in path.split("/") and not outside:
        table.fault(
            key, f'"{path}" must not leave the project', "[tool.pkm.build.map] can name files outside"
        )


def read_build(made: Settings, table: Table) -> None:
    """Read ``[tool.pkm.build]``."""
    table.refuse_unknown(BUILD_KEYS)
    made.packages = table.strings("packages") if "packages" in table.data else None
    made.include = table.strings("include")
    made.exclude = table.strings("exclude")
    made.sbom_files = table.strings("sbom-files")
    for name in ("packages", "include", "exclude", "sbom-files"):
        for at, path in enumerate(table.strings(name) if isinstance(table.data.get(name), list) else ()):
            inside_only(table, (name, at), path)
    made.editable = table.choice("editable", ("auto", "pth", "farm"), "auto")
    made.pure = table.boolean("pure", default=False) if "pure" in table.data else None
    made.tags = table.strings("tags")
    for at, tag in enumerate(made.tags):
        if not is_tag(tag):
            table.fault(("tags", at), f'"{tag}" is no tag', 'tags look like "py3-none-any"')
    read_sdist(made, table.table("sdist") or Table({}))
    made.map = read_map(table)
    made.data = read_data(table)
    made.hook = read_hook(table)
    made.extensions = ()
    if "extension" in table.data:
        from pkm_build.extensions import read_extensions

        made.extensions = read_extensions(table)


def read_sdist(made: Settings, sdist: Table) -> None:
    """Read ``[tool.pkm.build.sdist]``."""
    sdist.refuse_unknown(SDIST_KEYS)
    made.sdist_include = sdist.strings("include")
    made.sdist_exclude = sdist.strings("exclude")
    for name in SDIST_KEYS:
        for at, path in enumerate(sdist.strings(name)):
            inside_only(sdist, (name, at), path)


def read_hook(table: Table) -> str:
    """Return the path of the build hook, "" without one."""
    hook = table.string("hook") or ""
    if hook:
        inside_only(table, ("hook",), hook)
        if hook.rpartition("/")[2] == "build.py":
            table.fault(
                "hook", "must not be called build.py", "it would hide the program `build`; take pkm_hook.py"
            )
        elif not hook.endswith(".py"):
            table.fault("hook", f'"{hook}" is no Python file')
    return hook


def read_map(table: Table) -> dict[str, str]:
    """Return ``[tool.pkm.build.map]``: a path in the tree, also outside of the project, to one in the wheel."""
    inner = table.table("map")
    found = {}
    for path in inner.data if inner else ():
        assert inner is not None
        target = inner.string(path)
        inside_only(inner, (path,), path, outside=True)
        if target is not None:
            inside_only(inner, (path,), target)
            if ".dist-info/" in target:
                inner.fault(path, f'"{target}" would write into the metadata of a package')
            found[path.rstrip("/")] = target.rstrip("/")
    return found


def read_data(table: Table) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return ``[tool.pkm.build.data]``: for each scheme pairs of a glob and a target path, "" for its top."""
    inner = table.table("data")
    found = {}
    for scheme in inner.data if inner else ():
        assert inner is not None
        if scheme not in SCHEMES:
            near = did_you_mean(scheme, SCHEMES)
            hint = f'did you mean "{near}"?' if near else f"there are {listed(SCHEMES, 'and')}"
            inner.fault(scheme, "unknown scheme", hint)
            continue
        value = inner.data[scheme]
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):
            pairs = (
                [(path, "") for path in inner.strings(scheme)]
                if isinstance(inner.data[scheme], list)
                else [(value[0], "")]
            )
        else:
            paths = inner.table(scheme) or Table({})
            pairs = [(path, paths.string(path) or "") for path in paths.data]
        for path, target in pairs:
            inside_only(inner, (scheme,), path)
            inside_only(inner, (scheme,), target or "x")
        found[scheme] = tuple(pairs)
    return found


def read_providers(data: dict[str, Any], faults: list[Fault]) -> tuple[dict[str, Any], ...]:
    """Return the entries of ``[[tool.dynamic-metadata]]``, checked."""
    tool = data.get("tool")
    if not isinstance(tool, dict) or "dynamic-metadata" not in tool:
        return ()
    return read_entries(Table(tool, ("tool",), faults))


def read_entries(tool: Table) -> tuple[dict[str, Any], ...]:
    """Return the entries, each with the key ``provider``; what is wrong with them is noted."""
    found = []
    for entry in tool.tables("dynamic-metadata"):
        provider = entry.data.get("provider")
        if provider is None:
            entry.fault("provider", "is missing")
        elif isinstance(provider, dict):
            inner = entry.table("provider")
            assert inner is not None
            inner.refuse_unknown(("path", "module"))
            for key in ("path", "module"):
                if inner.string(key) is None and key not in inner.data:
                    inner.fault(key, "is missing")
        elif not isinstance(provider, str):
            entry.fault("provider", f"must be a name or {{ path, module }}, not {kind_of(provider)}")
        found.append(entry.data)
    return tuple(found)


def check_dynamic(data: dict[str, Any], made: Settings, faults: list[Fault]) -> None:
    """Note dynamic fields that nothing provides, and a version source that nothing asks for."""
    project = data.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("dynamic", []), list):
        return
    dynamic = project.get("dynamic", [])
    if made.providers:
        return  # they say only when they run which fields they give
    for at, field in enumerate(dynamic):
        if field in ("import-names", "import-namespaces"):
            continue
        if field == "version":
            if not made.version.source:
                faults.append(
                    Fault(
                        ("project", "dynamic", at),
                        '"version" is dynamic, and nothing gives it',
                        'say where it is: [tool.pkm.version] source = "vcs" (or "file", "env", "script")',
                    )
                )
        elif isinstance(field, str) and field not in ("name", "license-files"):
            hint = "give it in [project], or name a provider in [[tool.dynamic-metadata]]"
            faults.append(
                Fault(("project", "dynamic", at), f'"{field}" is dynamic, and nothing gives it', hint)
            )
    if made.version.source and "version" not in dynamic and "version" in project:
        faults.append(
            Fault(
                ("tool", "pkm", "version"), "means nothing, as project.version is given", "remove one of them"
            )
        )
