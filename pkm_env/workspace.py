"""The project folder: finding it, reading what it declares, reading and writing its lock."""

from __future__ import annotations

import os
import posixpath
from stat import S_ISREG

from pkm_build.errors import Fault, InvalidFile, PkmError
from pkm_build.grammar import normalise
from pkm_build.project import read_project
from pkm_build.source import Source, faults_for_manager, is_built_elsewhere, load, parse
from pkm_build.tables import BACKEND_KEYS, Table
from pkm_env.files import write_atomic
from pkm_env.lock.freshness import metadata_digest
from pkm_env.lock.lockfile import LOCK_NAME
from pkm_env.lock.membership import BadLock
from pkm_env.model.declaration import read_declaration
from pkm_env.model.distribution import Source as Place
from pkm_env.model.distribution import without_secrets_in
from pkm_env.model.environment import DEFAULT
from pkm_env.model.requirements import requirement_fault
from pkm_env.model.target import implied_pythons
from pkm_env.model.versions import UnreadableVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_build.project import Project
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.declaration import Declaration, IndexRule, SourceRule
    from pkm_env.model.environment import Environment

    # Requirements, each with its key path in pyproject.toml.
    Placed = tuple[tuple[str, tuple[str | int, ...]], ...]

PROJECT_FILE = "pyproject.toml"
CONFLICT_MARK = "<<<<<<<"
REMOVE = "remove it: pkm lock writes it anew"
REPAIR = "take it from your version control, or delete it: pkm lock writes it anew"


class NoProject(PkmError):
    """No pyproject.toml stands in the folder or above it."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"there is no {PROJECT_FILE} in {folder} or above it",
            "start in a project's folder, or name it with -C DIR",
        )


class Workspace:
    """A project as it lies on disk: its root, its parsed files, its environments.

    ``root`` and ``lock_root`` (where the lock lies: the root of the workspace that it belongs to) are
    absolute. ``family`` are all projects that share the lock, the workspace's root first.
    """

    __slots__ = ("_digest", "_folder", "declaration", "family", "lock_root", "project", "root", "source")

    def __init__(
        self, source: Source, project: Project, declaration: Declaration, lock_root: str = ""
    ) -> None:
        self.root = source.root
        self.lock_root = lock_root or source.root
        self.family: tuple[Workspace, ...] = (self,)
        self.source = source
        self.project = project
        self.declaration = declaration
        self._digest = ""
        self._folder: Place | None = None

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The declared environments, ``default`` first."""
        return self.declaration.environments

    def with_sections(self, sections: Sequence[str]) -> tuple[Environment, ...]:
        """Return the environments that have one of these sections, all of them for no sections."""
        return tuple(found for found in self.environments if not sections or found.section in sections)

    def owners(self, sections: Sequence[str]) -> list[Workspace]:
        """Return the projects of the family that have an environment with one of *sections*, all for no sections."""
        return [owner for owner in self.family if owner.with_sections(sections)]

    def owner_of(self, rule: SourceRule | IndexRule) -> Workspace:
        """Return the project whose file holds a rule: this one, or the workspace's root, whose rules hold here too."""
        top = self.family[0]
        shared = (*top.declaration.sources, *top.declaration.indexes)
        return top if any(rule is one for one in shared) else self

    def venv_path(self, environment: Environment) -> str:
        """Return the absolute path of the folder that the environment lives in."""
        if environment.name == DEFAULT:
            return os.path.join(self.root, ".venv")
        return os.path.join(self.root, ".pkm", "envs", environment.name)

    @property
    def lock_path(self) -> str:
        """The absolute path of the lock."""
        return os.path.join(self.lock_root, LOCK_NAME)

    @property
    def location(self) -> str:
        """The project's folder as seen from the lock, "." for the same one."""
        return os.path.relpath(self.root, self.lock_root).replace(os.sep, "/")

    @property
    def members(self) -> tuple[Workspace, ...]:
        """The other projects of the family that have a name."""
        return tuple(other for other in self.family if other is not self and other.project.name)

    @property
    def digest(self) -> str:
        """The digest of the project's metadata, made once for all members that ask."""
        if not self._digest:
            self._digest = metadata_digest(self.project)
        return self._digest

    @property
    def folder(self) -> Place:
        """The project as other members install it: the same value for all of them."""
        if self._folder is None:
            self._folder = Place("directory", self.root, editable=True)
        return self._folder

    def written_requirements(self) -> tuple[Placed, dict[str, Placed]]:
        """Return the project's requirements and those of its extras as pyproject.toml has them."""
        data = self.source.data.get("project", {})
        raw_names = {normalise(raw): raw for raw in data.get("optional-dependencies", {})}
        extras: dict[str, Placed] = {
            name: tuple(
                (text, ("project", "optional-dependencies", raw_names.get(name, name), at))
                for at, text in enumerate(texts)
            )
            for name, texts in self.project.optional_dependencies.items()
        }
        required = tuple(
            (text, ("project", "dependencies", at)) for at, text in enumerate(self.project.dependencies)
        )
        return required, extras

    def requirement_texts(self) -> Iterable[str]:
        """Yield the requirements of the family, as they are written."""
        for owner in self.family:
            project = owner.project
            yield from project.dependencies
            for lines in (*project.optional_dependencies.values(), *project.groups.values()):
                yield from (text for text in lines if isinstance(text, str))
            for environment in owner.environments:
                yield from (text for text, _key in environment.dependencies)

    def references(self) -> Iterable[str]:
        """Yield the addresses that requirements and sources of the family name, as they are written."""
        for text in self.requirement_texts():
            _, at, place = text.partition("@")
            if at:
                yield place.strip().partition(" ")[0].removeprefix("git+")
        for owner in self.family:
            for rule in owner.declaration.sources:
                yield str(rule.values.get("url") or rule.values.get("git") or "").removeprefix("git+")

    def deciding_paths(self) -> list[str]:
        """Return what says which projects belong together, absolute: files that may be missing, and folders.

        That is each pyproject.toml of the family, those above that may make it a member of theirs, and what the
        patterns of the workspace look into.
        """
        found = [other.source.path for other in self.family]
        folder, above = self.root, os.path.dirname(self.root)
        while above != folder:
            found.append(os.path.join(above, PROJECT_FILE))
            folder, above = above, os.path.dirname(above)
        top = self.family[0]
        for pattern in top.declaration.workspace.get("members", ()):
            found += decided_by(top.root, pattern)
        return list(dict.fromkeys(found))

    def relative(self, path: str) -> str:
        """Return *path* as a user in the project's folder would write it."""
        shown = os.path.relpath(path, self.root)
        return path if shown.startswith("..") else shown

    @property
    def shown(self) -> str:
        """The project's file as messages name it: as seen from the lock."""
        return posixpath.normpath(posixpath.join(self.location, PROJECT_FILE))

    def position(self, key: tuple[str | int, ...]) -> str:
        """Return file:line:column of a key path, the file as seen from the lock; loads the scanner of positions."""
        from pkm_build.positions import locate

        ((line, column),) = locate(self.source.text, [key])
        return f"{self.shown}:{line}:{column}"


def find_root(start: str) -> str:
    """Return the nearest folder from *start* upwards that holds a pyproject.toml.

    :raises NoProject: where there is none.
    """
    folder = os.path.abspath(start)
    while True:
        if os.path.isfile(os.path.join(folder, PROJECT_FILE)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            raise NoProject(start)
        folder = above


def read_workspace(root: str, texts: Mapping[str, str] | None = None) -> Workspace:
    """Return the project in *root* with all that it declares, and the workspace that it belongs to.

    *texts* maps absolute paths of pyproject.toml files to what is to be read in place of what they hold.

    :raises InvalidFile: with every fault of a pyproject.toml.
    :raises BadWorkspace: when members of the workspace do not go together.
    """
    above = workspace_above(root)
    if above is not None:
        whole = read_workspace(above, texts)
        for member in whole.family:
            if member.root == root:
                return member
        inner = os.path.join(above, PROJECT_FILE)
        raise BadWorkspace(
            f"{inner}: this workspace is itself a member of another one",
            "a workspace has no workspace in it: name its members in the outer one, or exclude it there",
        )
    top = read_project_folder(root, texts=texts)
    patterns = top.declaration.workspace
    if not patterns:
        return top
    for at, pattern in enumerate(patterns["members"]):
        if not set("*?[") & set(pattern) and not member_folders(root, [pattern], ()):
            place = top.position(("tool", "pkm", "workspace", "members", at))
            raise BadWorkspace(f'{place}: there is no {PROJECT_FILE} in "{pattern}"')
    members = [
        read_project_folder(folder, top, texts)
        for folder in member_folders(root, patterns["members"], patterns["exclude"])
    ]
    family = (top, *members)
    for member in members:
        for environment in member.environments:
            environment.section = f"{member.project.name}-{environment.name}"
    check_family(family)
    for project in family:
        project.family = family
    return top


def read_project_folder(
    root: str, top: Workspace | None = None, texts: Mapping[str, str] | None = None
) -> Workspace:
    """Return one project; *top* is the root of the workspace that it is a member of.

    :raises InvalidFile: with every fault of its pyproject.toml.
    """
    base = top.root if top is not None else root
    source = load_seen_from(base, root, (texts or {}).get(os.path.join(root, PROJECT_FILE)))
    table = Table(source.data, (), source.faults)
    if has_build_settings(source.data) and not is_built_elsewhere(source.project):
        from pkm_build.settings import read_settings

        read_settings(source.data, source.faults)
    declaration = read_declaration(table, source.project, top.declaration if top is not None else None)
    check_requirements(source, declaration)
    if faults := faults_for_manager(source):
        raise InvalidFile(source.path, source.text, faults, os.path.relpath(source.path, base))
    return Workspace(source, source.project, declaration, top.root if top is not None else "")


def has_build_settings(data: Mapping[str, Any]) -> bool:
    """Whether anything in a parsed pyproject.toml is for the backend's settings to check."""
    tool, project = data.get("tool"), data.get("project")
    if not isinstance(tool, dict):
        return "tool" in data
    pkm = tool.get("pkm", {})
    own = not isinstance(pkm, dict) or not pkm.keys().isdisjoint(BACKEND_KEYS)
    return own or "dynamic-metadata" in tool or not isinstance(project, dict) or "dynamic" in project


def load_seen_from(base: str, root: str, text: str | None = None) -> Source:
    """Return the pyproject.toml in *root*, its *text* where that is known; messages name it as seen from *base*."""
    try:
        if text is None:
            return load(root)
        path = os.path.join(root, PROJECT_FILE)
        data = parse(path, text)
    except InvalidFile as error:
        error.shown = os.path.relpath(error.path, base)
        raise
    faults: list[Fault] = []
    return Source(root, path, text, data, read_project(data, faults), faults)


class BadWorkspace(PkmError):
    """Members of a workspace that do not go together."""


def check_family(family: Sequence[Workspace]) -> None:
    """Refuse members without a name, names that are kept, and sections that coincide.

    :raises BadWorkspace: in these cases.
    """
    sections: dict[str, str] = {}
    names: dict[str, str] = {}
    for project in family:
        name = project.project.name
        if project.location != ".":
            if not name:
                raise BadWorkspace(
                    f"{project.location}/{PROJECT_FILE} has no project.name, which a member needs"
                )
            if name == "build":
                raise BadWorkspace(
                    f'the member in {project.location} is named "build", which is kept for the lock'
                )
            if name in names:
                raise BadWorkspace(
                    f'the members in {names[name]} and {project.location} are both named "{name}"'
                )
            names[name] = project.location
        for environment in project.environments:
            section = environment.section
            if section in sections:
                raise BadWorkspace(
                    f'the lock would call two environments "{section}": one of {sections[section]} and one of'
                    f" {project.location}",
                    "give one of them another name",
                )
            sections[section] = project.location


def workspace_above(root: str) -> str | None:
    """Return the folder above *root* whose workspace has it as a member, None where there is none."""
    folder = os.path.dirname(root)
    while True:
        path = os.path.join(folder, PROJECT_FILE)
        if os.path.isfile(path):
            patterns = load_seen_from(root, folder).data.get("tool", {}).get("pkm", {}).get("workspace")
            if isinstance(patterns, dict):
                found = member_folders(folder, patterns.get("members", ()), patterns.get("exclude", ()))
                return folder if root in found else None
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def member_folders(root: str, members: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Return the absolute folders with a pyproject.toml that the patterns mean, sorted."""
    from glob import glob

    def matching(patterns: Sequence[str]) -> set[str]:
        return {
            os.path.normpath(os.path.join(root, found))
            for pattern in patterns
            for found in glob(pattern, root_dir=root, recursive=True)
        }

    folders = matching(members) - matching(exclude)
    return sorted(folder for folder in folders if os.path.isfile(os.path.join(folder, PROJECT_FILE)))


def decided_by(root: str, pattern: str) -> list[str]:
    """Return the folders below *root* that *pattern* looks into, and the pyproject.toml of each that it means."""
    from glob import glob

    def folders(text: str) -> list[str]:
        found = (
            os.path.normpath(os.path.join(root, name)) for name in glob(text, root_dir=root, recursive=True)
        )
        return sorted(filter(os.path.isdir, found))

    parts = pattern.split("/")
    found = []
    for count, part in enumerate(parts):
        if part == "**":
            found += folders("/".join(parts[: count + 1]))
        elif set("*?[") & set(part):
            found += folders("/".join(parts[:count]) or ".")
    return found + [os.path.join(folder, PROJECT_FILE) for folder in folders(pattern)]


def check_requirements(source: Source, declaration: Declaration) -> None:
    """Note a fault for each specifier and requirement of an environment, and each address, that cannot be read."""
    told = {fault.key for fault in source.faults}
    for text, key in direct_references(source.data):
        if key not in told and (said := requirement_fault(text)):
            source.faults.append(Fault(key, f'"{without_secrets_in(text)}": {said}'))
    for environment in declaration.environments:
        for text, key in environment.dependencies:
            if said := requirement_fault(text):
                source.faults.append(Fault(key, f'"{without_secrets_in(text)}": {said}'))
        if environment.python and not is_specifier(environment.python):
            message = f'"{environment.python}" is no version specifier'
            source.faults.append(Fault((*environment.key, "python"), message, 'write for example ">=3.11"'))


def direct_references(data: Mapping[str, Any]) -> Iterable[tuple[str, tuple[str | int, ...]]]:
    """Yield the requirements of the standard tables that may name a place, each with its key path.

    Whether pkm can fetch from there is another question than whether they can be read.
    """
    project = as_table(data.get("project"))
    lists: list[tuple[tuple[str, ...], Any]] = [(("project", "dependencies"), project.get("dependencies"))]
    for above, tables in (
        (("project", "optional-dependencies"), as_table(project.get("optional-dependencies"))),
        (("dependency-groups",), as_table(data.get("dependency-groups"))),
    ):
        lists += [((*above, name), texts) for name, texts in tables.items()]
    for key, texts in lists:
        for at, text in enumerate(texts if isinstance(texts, list) else ()):
            if isinstance(text, str) and "@" in text.partition(";")[0]:
                yield text, (*key, at)


def as_table(value: object) -> dict[str, Any]:
    """Return a parsed value where it is a table, else an empty one: what is wrong with it is told elsewhere."""
    return value if isinstance(value, dict) else {}


def is_specifier(text: str) -> bool:
    """Whether *text* is a version specifier."""
    try:
        implied_pythons(text)
    except UnreadableVersion:
        return False
    return True


def read_lock_text(path: str) -> str | None:
    """Return the text of the lock at *path*, or None where there is none.

    :raises BadLock: when it is no file, or no UTF-8 text.
    """
    name = os.path.basename(path)
    try:
        if not S_ISREG(os.stat(path).st_mode):  # a pipe or a device would never end
            raise BadLock(name, "", "is no file", REMOVE if name == LOCK_NAME else "")
        with open(path, encoding="utf-8", newline="") as file:
            return file.read().replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise BadLock(name, "", "is no UTF-8 text", REPAIR if name == LOCK_NAME else "") from error


def parse_lock(text: str, name: str = LOCK_NAME) -> Lock:
    """Return the lock of a text; *name* is how messages name the file.

    :raises BadLock: for invalid TOML, and for anything that the specification forbids.
    """
    try:
        data = parse(name, text)
    except InvalidFile as error:
        hint = REPAIR if name == LOCK_NAME else ""
        if any(
            line.rstrip() == CONFLICT_MARK or line.startswith(f"{CONFLICT_MARK} ")
            for line in text.splitlines()
        ):
            hint = "git left both sides of a conflict in it: pkm lock mends it"
        ((line, column, fault),) = error.placed()
        raise BadLock(f"{name}:{line}:{column}", "", fault.message, hint) from error
    from pkm_env.lock.reader import read_lock

    try:
        return read_lock(data, name)
    except BadLock as error:
        if name == LOCK_NAME:
            error.hint = error.hint or REPAIR
        raise


def write_lock(path: str, text: str) -> None:
    """Write the lock's text."""
    write_atomic(path, text.encode())


def native_inputs(root: str, environ: Mapping[str, str]) -> list[str]:
    """Return the files whose change asks for compiling or generating anew, sorted, absolute.

    Empty for a folder that pkm_build does not build, or that has neither native modules nor a hook.
    """
    if not os.path.isfile(os.path.join(root, "pyproject.toml")):
        return []
    source = load(root)
    table = source.data.get("tool", {}).get("pkm", {}).get("build", {})
    if source.project.build_backend != "pkm_build" or not (table.get("extension") or table.get("hook")):
        return []
    from pkm_build import builder

    return builder.native_inputs(root, environ)
