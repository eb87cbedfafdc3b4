"""The backend's own tables, ``[tool.pkm]``: ``version``, ``build``, ``properties`` and ``profiles``.

Every fault is noted with its key; nothing is raised, and a value that is at fault is left out, so that what is read
can be held against the tree to find further faults. Keys are explained in docs/backend.md.
"""

from __future__ import annotations

from pkm_build.errors import Fault
from pkm_build.tables import (
    PKM_KEYS,
    Table,
    in_wheel,
    inside_only,
    kind_of,
    listed,
    meant,
    paths_of,
)
from pkm_build.tags import is_tag, one_set

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
TEMPLATE_FIELDS = ("tag", "distance", "commit", "date")
NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class VersionSource:
    """Where a dynamic version comes from: *source* is file, vcs, env or script, "" when not said."""

    __slots__ = ("path", "pattern", "source", "tag_pattern", "template", "variable", "write_to")

    def __init__(
        self,
        source: str = "",
        path: str = "",
        pattern: str = "",
        variable: str = "",
        tag_pattern: str = "",
        template: str = "",
        write_to: str = "",
    ) -> None:
        self.source = source
        self.path = path
        self.pattern = pattern
        self.variable = variable
        self.tag_pattern = tag_pattern
        self.template = template
        self.write_to = write_to


class Settings:
    """What the backend's tables say.

    *packages* and *pure* are None when not said; *map* goes from a path in the tree to one in the wheel, *data*
    from a scheme to such pairs (a target "" means below the scheme's top); *over* holds the tables of the
    profile that is laid over the others.
    """

    __slots__ = (
        "data",
        "editable",
        "exclude",
        "extensions",
        "hook",
        "include",
        "map",
        "over",
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
    over: dict[str, dict[str, Any]]


def read_settings(data: dict[str, Any], faults: list[Fault], profile: str = "") -> Settings:
    """Return the backend's settings in *data*, a parsed pyproject.toml, with *profile* laid over them."""
    tool = data.get("tool")
    pkm = Table(tool, ("tool",), faults).table("pkm") if isinstance(tool, dict) else None
    pkm = pkm or Table({}, ("tool", "pkm"), faults)
    made = Settings()
    made.profile = profile
    made.over = {}
    before = len(faults)
    version, build = pkm.table("version"), pkm.table("build")
    made.properties = read_properties(pkm)
    profiles = pkm.table("profiles")
    if profiles is not None:
        made.over = read_profiles(profiles, profile, made.properties)
        version = laid_over(version, made.over.get("version"), ("tool", "pkm", "version"))
        build = laid_over(build, made.over.get("build"), ("tool", "pkm", "build"))
        made.properties.update(made.over.get("properties", {}))
    elif profile:
        pkm.fault("profiles", f'there is no profile "{profile}"')
    made.version = VersionSource()
    if version is not None:
        from pkm_build.dynamic_settings import read_version

        made.version = VersionSource(**read_version(filled(version, made.properties, TEMPLATE_FIELDS)))
    build = filled(build or Table({}, (), faults), made.properties, ())
    read_build(made, build)
    if made.over:
        faults[before:] = told_once(made, faults[before:])
    made.providers = read_providers(data, faults)
    check_dynamic(data, made, faults)
    return made


def check_pkm_keys(data: dict[str, Any], faults: list[Fault]) -> None:
    """Note keys of ``[tool.pkm]`` that neither backend nor environment manager knows."""
    tool = data.get("tool", {})
    if not isinstance(tool, dict):
        faults.append(Fault(("tool",), f"must be a table, not {kind_of(tool)}"))
        return
    pkm = tool.get("pkm")
    if isinstance(pkm, dict):
        Table(pkm, ("tool", "pkm"), faults).refuse_unknown(PKM_KEYS)


def key_of(settings: Settings, key: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return where the setting *key* stands: in the profile that is laid over, where it is from there."""
    top, table, names = key[:2], key[2:3], key[3:]
    if top != ("tool", "pkm") or not names:
        return key
    part: object = settings.over.get(str(table[0]), {})
    for name in names:
        if not isinstance(part, dict):
            break
        if name not in part:
            return key
        part = part[name]
    return ("tool", "pkm", "profiles", settings.profile, *table, *names)


def told_once(settings: Settings, faults: list[Fault]) -> list[Fault]:
    """Return the faults without those that a profile shows again where it is laid over."""
    found: dict[tuple[object, ...], Fault] = {}
    for fault in faults:
        fault.key = key_of(settings, fault.key)
        found.setdefault((fault.key, fault.message), fault)
    return list(found.values())


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
                from pkm_build.dynamic_settings import ALL_KEYS

                checked.refuse_unknown(ALL_KEYS)
            if name == chosen:
                found[part] = inner.data
        if name == chosen:
            found["properties"] = read_properties(Table(table.data, (), []))
    if chosen and chosen not in profiles.data:
        hint = meant(chosen, profiles.data, f"there is {listed(profiles.data, 'and')}")
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
            hint = meant(name, [*properties, *own], "write {{ for a brace")
            table.fault(key, f'there is no property "{name}"', hint)


def read_build(made: Settings, table: Table) -> None:
    """Read ``[tool.pkm.build]``."""
    table.refuse_unknown(BUILD_KEYS)
    made.packages = paths_of(table, "packages") if "packages" in table.data else None
    for at, path in enumerate(made.packages or ()):
        if path.strip("./") in ("", "src"):
            table.fault(("packages", at), f'"{path}" is no package', "name the packages in it")
    made.include = paths_of(table, "include")
    made.exclude = paths_of(table, "exclude")
    made.sbom_files = paths_of(table, "sbom-files")
    made.editable = table.choice("editable", ("auto", "pth", "farm"), "auto")
    made.pure = table.boolean("pure", default=False) if "pure" in table.data else None
    made.tags = table.strings("tags")
    read_tags(made, table)
    read_sdist(made, table.table("sdist") or Table({}))
    made.map = read_map(table)
    made.data = read_data(table)
    made.hook = read_hook(table)
    made.extensions = ()
    if "extension" in table.data:
        from pkm_build.extensions import read_extensions

        made.extensions = read_extensions(table)


def read_tags(made: Settings, table: Table) -> None:
    """Check the tags: each by itself, and that they can stand in one file name."""
    wrong = [at for at, tag in enumerate(made.tags) if not is_tag(tag)]
    for at in wrong:
        table.fault(("tags", at), f'"{made.tags[at]}" is no tag', 'tags look like "py3-none-any"')
    if not wrong and made.tags and not one_set(made.tags):
        shown = listed(made.tags, "and")
        table.fault("tags", f"{shown} can't stand in one file name", "build a wheel for each")
    if made.pure and any(not tag.endswith("-none-any") for tag in made.tags if is_tag(tag)):
        table.fault("tags", "are those of native code, but pure = true", "remove one of them")


def read_sdist(made: Settings, sdist: Table) -> None:
    """Read ``[tool.pkm.build.sdist]``."""
    sdist.refuse_unknown(SDIST_KEYS)
    made.sdist_include = paths_of(sdist, "include")
    made.sdist_exclude = paths_of(sdist, "exclude")


def read_hook(table: Table) -> str:
    """Return the path of the build hook, "" without one."""
    hook = table.string("hook") or ""
    if "hook" in table.data and not inside_only(table, ("hook",), table.data["hook"]):
        return ""
    if hook:
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
        fine = inside_only(inner, (path,), path, outside=True)
        if target is not None and in_wheel(inner, (path,), target) and fine:
            found[path.rstrip("/")] = target.rstrip("/")
    return found


def read_data(table: Table) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return ``[tool.pkm.build.data]``: for each scheme pairs of a glob and a target path, "" for its top."""
    inner = table.table("data")
    found = {}
    for scheme in inner.data if inner else ():
        assert inner is not None
        if scheme not in SCHEMES:
            hint = meant(scheme, SCHEMES, f"there are {listed(SCHEMES, 'and')}")
            inner.fault(scheme, "unknown scheme", hint)
        else:
            found[scheme] = read_scheme(inner, scheme)
    return found


def read_scheme(inner: Table, scheme: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of one scheme: of a list of globs, of a table, or of one glob."""
    value = inner.data[scheme]
    if isinstance(value, str):
        return ((value, ""),) if inside_only(inner, (scheme,), value) else ()
    if isinstance(value, list):
        return tuple([(path, "") for path in paths_of(inner, scheme)])
    paths = inner.table(scheme) or Table({})
    pairs = []
    for path in paths.data:
        target = paths.string(path)
        fine = inside_only(paths, (path,), path) and target is not None
        if fine and (target == "" or in_wheel(paths, (path,), target or "")):
            pairs.append((path, target or ""))
    return tuple(pairs)


def read_providers(data: dict[str, Any], faults: list[Fault]) -> tuple[dict[str, Any], ...]:
    """Return the entries of ``[[tool.dynamic-metadata]]``, checked."""
    tool = data.get("tool")
    if not isinstance(tool, dict) or "dynamic-metadata" not in tool:
        return ()
    from pkm_build.dynamic_settings import read_entries

    return read_entries(Table(tool, ("tool",), faults))


def check_dynamic(data: dict[str, Any], made: Settings, faults: list[Fault]) -> None:
    """Note dynamic fields that nothing provides, and a version source that nothing asks for."""
    project = data.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("dynamic", []), list):
        return
    dynamic = project.get("dynamic", [])
    tool = data.get("tool")
    if isinstance(tool, dict) and "dynamic-metadata" in tool:
        return  # providers say only when they run which fields they give
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
