"""What pyproject.toml says, by PEP 518, 621, 639, 735, 794 and 808: the model that backend and manager share.

`read_project` turns parsed TOML into a `Project` and notes every fault with its key path; it reads no file.
"""

from __future__ import annotations

from pkm_build import grammar, people
from pkm_build.grammar import NotUnderstood, is_name, normalise
from pkm_build.tables import Table, kind_of, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_build.errors import Fault
    from pkm_build.people import Person

BUILD_SYSTEM_KEYS = ("requires", "build-backend", "backend-path")
STATIC_ONLY = ("name",)
STRING_FIELDS = ("version", "description", "readme", "requires-python", "license")
LIST_FIELDS = (
    "license-files",
    "authors",
    "maintainers",
    "keywords",
    "classifiers",
    "urls",
    "scripts",
    "gui-scripts",
    "entry-points",
    "dependencies",
    "optional-dependencies",
    "import-names",
    "import-namespaces",
)
NAME_LENGTH = 128  # characters; names of files have 255 at most, and hold version and tags too
# The words that Python keeps for itself; `keyword` has them too, and is one more module to load.
KEYWORD_TEXT = (
    "False None True and as assert async await break class continue def del elif else except finally for from "
    "global if import in is lambda nonlocal not or pass raise return try while with yield"
)
KEYWORDS = frozenset(KEYWORD_TEXT.split())
PROJECT_KEYS = (*STATIC_ONLY, *STRING_FIELDS, *LIST_FIELDS, "dynamic")


class Project:
    """What pyproject.toml says, parsed: plain texts and tuples; nothing in it is changed after it was read.

    *name* is normalised, *raw_name* as written, both "" without ``[project]``; *version* is in normal form,
    None when dynamic. *dependencies* and the lists of *optional_dependencies* (by normalised extra, sorted)
    are requirement texts as written. *groups* maps normalised names to requirement texts and
    ``("include", name)``, *group_keys* to the names as written.
    """

    __slots__ = (
        "authors",
        "backend_path",
        "build_backend",
        "build_requires",
        "classifiers",
        "dependencies",
        "description",
        "dynamic",
        "entry_points",
        "extra_keys",
        "group_keys",
        "groups",
        "gui_scripts",
        "has_build_system",
        "import_names",
        "import_namespaces",
        "keywords",
        "license_expression",
        "license_file",
        "license_files",
        "license_text",
        "maintainers",
        "name",
        "optional_dependencies",
        "raw_name",
        "readme_file",
        "readme_text",
        "readme_type",
        "requires_python",
        "scripts",
        "urls",
        "version",
    )

    authors: tuple[Person, ...]
    backend_path: tuple[str, ...]
    build_backend: str | None
    build_requires: tuple[str, ...]
    classifiers: tuple[str, ...]
    dependencies: tuple[str, ...]
    description: str | None
    dynamic: tuple[str, ...]
    entry_points: dict[str, dict[str, str]]
    extra_keys: dict[str, str]
    group_keys: dict[str, str]
    groups: dict[str, tuple[str | tuple[str, str], ...]]
    gui_scripts: dict[str, str]
    has_build_system: bool
    import_names: tuple[str, ...] | None
    import_namespaces: tuple[str, ...] | None
    keywords: tuple[str, ...]
    license_expression: str | None
    license_file: str | None
    license_files: tuple[str, ...] | None
    license_text: str | None
    maintainers: tuple[Person, ...]
    name: str
    optional_dependencies: dict[str, tuple[str, ...]]
    raw_name: str
    readme_file: str | None
    readme_text: str | None
    readme_type: str | None
    requires_python: str | None
    scripts: dict[str, str]
    urls: dict[str, str]
    version: str | None

    def to_plain(self) -> tuple[object, ...]:
        """Return the values of all fields in a fixed order, as types that `marshal` knows."""
        return tuple([getattr(self, name) for name in self.__slots__])

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Project:
        """Return the project that `to_plain` gave."""
        made = cls()
        for name, value in zip(cls.__slots__, plain, strict=True):
            setattr(made, name, value)
        return made

    def replaced(self, **changes: object) -> Project:
        """Return a copy with some fields of another value."""
        made = Project.from_plain(self.to_plain())
        for name, value in changes.items():
            setattr(made, name, value)
        return made


def read_project(data: dict[str, Any], faults: list[Fault]) -> Project:
    """Return the project that *data*, a parsed pyproject.toml, describes; all that is wrong goes to *faults*."""
    top = Table(data, (), faults)
    made = Project()
    read_build_system(made, top)
    table = top.table("project")
    read_head(made, table or Table({}))
    read_texts(made, table or Table({}))
    read_lists(made, table or Table({}))
    read_points(made, table or Table({}))
    read_requirements(made, table or Table({}))
    read_groups(made, top)
    if table is not None:
        check_head(made, table)
    return made


def read_build_system(made: Project, top: Table) -> None:
    """Read ``[build-system]`` (PEP 517 and 518)."""
    table = top.table("build-system")
    made.has_build_system = table is not None
    table = table or Table({"requires": []})
    made.build_requires = requirements(table, "requires")
    made.build_backend = table.string("build-backend")
    made.backend_path = table.strings("backend-path")
    table.refuse_unknown(BUILD_SYSTEM_KEYS)
    if "requires" not in table.data:
        table.fault("requires", "is missing", 'PEP 518 asks for it; write requires = ["pkm>=1.0.dev0"]')
    backend = made.build_backend
    if backend is not None:
        module, _, target = backend.partition(":")
        if not is_dotted(module) or (":" in backend and not is_dotted(target)):
            table.fault("build-backend", f'"{backend}" is no module or module:object')
    for at, path in enumerate(made.backend_path):
        people.check_path(table, ("backend-path", at), path)


def read_head(made: Project, table: Table) -> None:
    """Read name, version, Python versions and the list of dynamic fields."""
    made.raw_name = table.string("name") or ""
    made.name = normalise(made.raw_name)
    made.dynamic = table.strings("dynamic")
    made.version = table.string("version")
    if made.version is not None:
        try:
            made.version = grammar.read_version(made.version.strip())
        except NotUnderstood as exc:
            table.fault("version", str(exc), "versions look like 1.2.3, 1.0rc1 or 2.0.dev1")
            made.version = "0"
    made.requires_python = table.string("requires-python")
    if made.requires_python is not None:
        try:
            made.requires_python = grammar.read_specifier(made.requires_python)
        except NotUnderstood as exc:
            text = made.requires_python.strip()
            hint = f'did you mean ">={text}"?' if grammar.quick_version(text) else ""
            table.fault("requires-python", str(exc), hint)


def check_head(made: Project, table: Table) -> None:
    """Note what is wrong with name, version and the list of dynamic fields."""
    table.refuse_unknown(PROJECT_KEYS)
    if "name" not in table.data:
        table.fault("name", "is missing")
    elif not is_name(made.raw_name) and isinstance(table.data["name"], str):
        table.fault(
            "name",
            f'"{people.shown(made.raw_name)}" is no valid name',
            "letters, digits, -, _ and . are allowed, with a letter or digit at both ends",
        )
    for key, text in (("name", made.raw_name), ("version", made.version or "")):
        if len(text) > NAME_LENGTH:
            table.fault(key, f"is too long for the name of a file ({len(text)} characters)")
    check_dynamic_fields(made, table)
    if "version" not in table.data and "version" not in made.dynamic:
        table.fault("version", "is missing", 'give it, or list it in "dynamic"')


def check_dynamic_fields(made: Project, table: Table) -> None:
    """Note fields that can't be dynamic, are not known, or are given too."""
    known = (*STRING_FIELDS, *LIST_FIELDS)
    for at, field in enumerate(made.dynamic):
        if field == "name":
            table.fault(("dynamic", at), '"name" can\'t be dynamic')
        elif field not in known:
            table.fault(("dynamic", at), f'unknown field "{field}"', meant(field, known))
        elif field in made.dynamic[:at]:
            table.fault(("dynamic", at), f'"{field}" stands here twice')
        elif field in table.data and field not in LIST_FIELDS:
            table.fault(field, 'is given here and in "dynamic"', "keep one of them")


def read_texts(made: Project, table: Table) -> None:
    """Read description, readme and licence."""
    made.description = table.string("description")
    if made.description is not None:
        if len(made.description.splitlines()) > 1 or "\n" in made.description:
            table.fault("description", "must be one line", "longer text belongs in the readme")
        elif not made.description.replace("\t", " ").isprintable():
            table.fault("description", "has control characters")
    made.readme_file, made.readme_text, made.readme_type = people.read_readme(table)
    made.license_expression, made.license_text, made.license_file = people.read_license(table)
    made.license_files = people.read_license_files(table)


def read_lists(made: Project, table: Table) -> None:
    """Read people, keywords, classifiers, URLs and import names."""
    made.authors = people.read_people(table, "authors")
    made.maintainers = people.read_people(table, "maintainers")
    made.keywords = table.strings("keywords")
    for at, word in enumerate(made.keywords):
        if "," in word or not word.strip() or not word.isprintable():
            table.fault(
                ("keywords", at), f'"{people.shown(word)}" is no keyword', "one word or phrase, no comma"
            )
    made.classifiers = table.strings("classifiers")
    people.check_classifiers(made.classifiers, table)
    made.urls = people.read_urls(table)
    made.import_names = read_import_names(table, "import-names")
    made.import_namespaces = read_import_names(table, "import-namespaces")
    check_import_names(made, table)


def read_import_names(table: Table, field: str) -> tuple[str, ...] | None:
    """Return names as they stand in metadata (``spam`` or ``_spam; private``), None where the key is missing.

    Source: PEP 794, "Specification".
    """
    if field not in table.data:
        return None
    found: list[str] = []
    for at, text in enumerate(table.strings(field)):
        name, semicolon, word = text.partition(";")
        name = name.strip()
        if text == "" and field == "import-names" and len(table.data[field]) == 1:
            continue
        if not is_dotted(name) or (semicolon and word.strip() != "private"):
            table.fault(
                (field, at), f'"{people.shown(text)}" is no import name', 'write "spam" or "_spam; private"'
            )
        elif name in [other.partition(";")[0] for other in found]:
            table.fault((field, at), f'"{name}" stands here twice')
        else:
            found.append(f"{name}; private" if semicolon else name)
    return tuple(found)


def check_import_names(made: Project, table: Table) -> None:
    """Note names that are both, and names whose parents are not listed."""
    names = [name.partition(";")[0] for name in made.import_names or ()]
    spaces = [name.partition(";")[0] for name in made.import_namespaces or ()]
    for at, name in enumerate(names):
        if name in spaces:
            table.fault(("import-names", at), f'"{name}" is in "import-namespaces" too', "keep one of them")
    for field, listed in (("import-names", names), ("import-namespaces", spaces)):
        for at, name in enumerate(listed):
            parent = name.rpartition(".")[0]
            if parent and parent not in names and parent not in spaces:
                table.fault(
                    (field, at), f'the parent "{parent}" of "{name}" is not listed', "list it too (PEP 794)"
                )


def read_points(made: Project, table: Table) -> None:
    """Read scripts and entry points."""
    made.scripts = read_scripts(table, "scripts")
    made.gui_scripts = read_scripts(table, "gui-scripts")
    for name in made.gui_scripts:
        if name in made.scripts:
            table.fault(("gui-scripts", name), f'"{name}" is in "scripts" too', "keep one of them")
    made.entry_points = {}
    groups = table.table("entry-points")
    for group in groups.data if groups else ():
        assert groups is not None
        if group in ("console_scripts", "gui_scripts"):
            right = group.replace("console_scripts", "scripts").replace("_", "-")
            groups.fault(group, f"belongs in [project.{right}]")
        elif not all(part and not part.strip(grammar.ALNUM + "_") for part in group.split(".")):
            hint = "letters, digits and _ are allowed, with dots between them"
            groups.fault(group, f'"{people.shown(group)}" is no valid group name', hint)
        inner = groups.table(group)
        if inner is not None:
            made.entry_points[group] = points_of(inner, script=False)


def read_scripts(table: Table, field: str) -> dict[str, str]:
    """Return the scripts of one kind, by name."""
    inner = table.table(field)
    return points_of(inner, script=True) if inner else {}


def points_of(inner: Table, script: bool) -> dict[str, str]:
    """Return the entry points of one group; a *script* must name a function."""
    found = {}
    for name in inner.data:
        value = inner.string(name)
        if value is None:
            continue
        bad_name = (
            not name or name != name.strip() or not name.isprintable() or name[0] in "[#;" or "=" in name
        )
        if bad_name or (script and is_no_file(name)):
            inner.fault(
                name,
                f'"{people.shown(name)}" is no valid name for {"a script" if script else "an entry point"}',
            )
        text, bracket, extras = value.partition("[")
        module, colon, target = (part.strip() for part in text.partition(":"))
        wrong = not is_dotted(module) or (colon and not is_dotted(target))
        if bracket:
            names = extras.rstrip().rstrip("]").split(",")
            wrong = wrong or not extras.rstrip().endswith("]") or not all(is_name(n.strip()) for n in names)
        if wrong or not value.isprintable():
            inner.fault(name, f'"{people.shown(value)}" is no object reference', "write module:function")
        elif script and not colon:
            inner.fault(name, f'"{value}" names no function', f'write "{module}:main"')
        else:
            found[name] = f"{module}:{target}" if colon else module
            found[name] += f" [{extras.rstrip()}" if bracket else ""
    return found


def is_no_file(name: str) -> bool:
    """Return whether *name* can't be that of a file on every system."""
    return bool(set(name) & set('/\\:*?"<>|')) or name[-1] == "." or grammar.is_device(name)


def is_dotted(text: str) -> bool:
    """Return whether *text* is a dotted Python name."""
    return bool(text) and all(part.isidentifier() and part not in KEYWORDS for part in text.split("."))


def requirements(table: Table, field: str) -> tuple[str, ...]:
    """Return the requirement texts of a list, stripped; those that are wrong are faults, and kept."""
    found = table.strings(field)
    for at, text in enumerate(found):
        check_requirement(table, (field, at), text)
    return tuple([text.strip() for text in found])


def check_requirement(table: Table, key: tuple[str | int, ...], text: str) -> None:
    """Note a requirement that is none."""
    if not text.replace("\t", " ").isprintable():
        table.fault(key, f'"{people.shown(without_login(text))}" has control characters or line ends')
        return
    try:
        if grammar.quick_requirement(text) is None:
            grammar.read_requirement(text)
    except NotUnderstood as exc:
        table.fault(key, f'"{people.shown(without_login(text))}": {exc}')


def without_login(text: str) -> str:
    """Return a requirement as it may be told: without the user and the password in its address."""
    before, mark, address = text.partition("://")
    host, slash, path = address.partition("/")
    return f"{before}{mark}{host.rpartition('@')[2]}{slash}{path}"


def read_requirements(made: Project, table: Table) -> None:
    """Read dependencies and extras."""
    made.dependencies = requirements(table, "dependencies")
    made.extra_keys = {}
    found: dict[str, tuple[str, ...]] = {}
    extras = table.table("optional-dependencies")
    for raw in extras.data if extras else ():
        assert extras is not None
        name = normalise(raw)
        if not is_name(raw):
            extras.fault(raw, f'"{people.shown(raw)}" is no valid name for an extra')
        if name in found:
            extras.fault(
                raw, f'the same extra as "{made.extra_keys[name]}", as names are compared', "merge them"
            )
        found[name] = found.get(name, ()) + requirements(extras, raw)
        made.extra_keys.setdefault(name, raw)
    made.optional_dependencies = {name: found[name] for name in sorted(found)}


def read_groups(made: Project, top: Table) -> None:
    """Read ``[dependency-groups]``, and expand each to find includes of nothing and circles.

    Source: PEP 735, "Specification".
    """
    made.groups = {}
    made.group_keys = {}
    table = top.table("dependency-groups")
    if table is None:
        return
    for raw, value in table.data.items():
        name = normalise(raw)
        if not is_name(raw):
            table.fault(raw, f'"{people.shown(raw)}" is no valid name for a group')
        if name in made.groups:
            table.fault(
                raw, f'the same group as "{made.group_keys[name]}", as names are compared', "merge them"
            )
            continue
        made.group_keys[name] = raw
        if not isinstance(value, list):
            table.fault(raw, f"must be a list, not {kind_of(value)}")
        items = (
            [group_item(table, raw, at, item) for at, item in enumerate(value)]
            if isinstance(value, list)
            else []
        )
        made.groups[name] = tuple([item for item in items if item is not None])
    for name in made.groups:
        walk_group(made, name, (), [], table)


def group_item(table: Table, raw: str, at: int, item: object) -> str | tuple[str, str] | None:
    """Return one item of a group, None (a fault) for what is neither requirement nor include."""
    if isinstance(item, str):
        check_requirement(table, (raw, at), item)
        return item.strip()
    if isinstance(item, dict) and list(item) == ["include-group"] and isinstance(item["include-group"], str):
        return ("include", normalise(item["include-group"]))
    table.fault((raw, at), "must be a requirement or { include-group = NAME }")
    return None


def expand_group(project: Project, name: str) -> tuple[tuple[str, tuple[str | int, ...]], ...]:
    """Return each requirement text of a group, those it includes too, with the key path where it stands.

    *name* is compared normalised; the project has no faults.

    :raises KeyError: when there is no such group
    """
    found: list[tuple[str, tuple[str | int, ...]]] = []
    walk_group(project, normalise(name), (), found, None)
    return tuple(found)


def walk_group(
    project: Project,
    name: str,
    above: tuple[str, ...],
    found: list[tuple[str, tuple[str | int, ...]]],
    table: Table | None,
) -> None:
    """Add the requirements of group *name* to *found*; faults of direct includes go to *table*, if given."""
    raw = project.group_keys[name]
    for at, item in enumerate(project.groups[name]):
        if isinstance(item, str):
            found.append((item, ("dependency-groups", raw, at)))
        elif item[1] in (*above, name):
            if table is not None and item[1] == (*above, name)[0]:
                circle = " -> ".join([*above, name, item[1]])
                table.fault((raw, at), f"includes itself: {circle}")
        elif item[1] in project.groups:
            walk_group(project, item[1], (*above, name), found, table)
        elif table is not None and not above:
            table.fault((raw, at), f'there is no group "{item[1]}"', meant(item[1], project.groups))
