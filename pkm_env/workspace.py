"""The project folder: finding it, reading what it declares, reading and writing its lock."""

from __future__ import annotations

import os

from pkm_build.errors import Fault, InvalidFile, PkmError
from pkm_build.settings import read_settings
from pkm_build.source import load, parse
from pkm_build.tables import Table, did_you_mean
from pkm_env.files import write_atomic
from pkm_env.lock.lockfile import LOCK_NAME
from pkm_env.lock.membership import BadLock
from pkm_env.lock.reader import read_lock
from pkm_env.model.declaration import read_declaration
from pkm_env.model.environment import DEFAULT
from pkm_env.model.options import normalise
from pkm_env.model.requirements import UnreadableRequirement, parse_requirement
from pkm_env.model.target import implied_pythons
from pkm_env.model.versions import UnreadableVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_build.project import Project
    from pkm_build.source import Source
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.declaration import Declaration
    from pkm_env.model.environment import Environment

PROJECT_FILE = "pyproject.toml"
CONFLICT_MARK = "<<<<<<< "


class NoProject(PkmError):
    """No pyproject.toml stands in the folder or above it."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"there is no {PROJECT_FILE} in {folder} or above it",
            "start in a project's folder, or name it with -C DIR",
        )


class UnknownEnvironment(PkmError):
    """An environment that the project does not declare."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = did_you_mean(name, known)
        hint = f'did you mean "{near}"?' if near else f"the environments are {', '.join(known)}"
        super().__init__(f'there is no environment "{name}"', hint)
        self.name = name


class Workspace:
    """A project as it lies on disk: its root, its parsed files, its environments.

    ``root`` is absolute. ``group_requirements`` maps each group that an environment uses to pairs of
    requirement text and key path, includes resolved.
    """

    __slots__ = ("declaration", "project", "root", "source")

    def __init__(self, source: Source, project: Project, declaration: Declaration) -> None:
        self.root = source.root
        self.source = source
        self.project = project
        self.declaration = declaration

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The declared environments, ``default`` first."""
        return self.declaration.environments

    def environment(self, name: str) -> Environment:
        """Return the environment of this name, in any spelling.

        :raises UnknownEnvironment: with the nearest one as a hint.
        """
        found = self.declaration.environment(normalise(name))
        if found is None:
            raise UnknownEnvironment(name, [environment.name for environment in self.environments])
        return found

    def chosen(self, names: Sequence[str]) -> tuple[Environment, ...]:
        """Return the environments of these names in the declared order, all of them for no names."""
        if not names:
            return self.environments
        wanted = {self.environment(name).name for name in names}
        return tuple(environment for environment in self.environments if environment.name in wanted)

    def venv_path(self, environment: Environment) -> str:
        """Return the absolute path of the folder that the environment lives in."""
        if environment.name == DEFAULT:
            return os.path.join(self.root, ".venv")
        return os.path.join(self.root, ".pkm", "envs", environment.name)

    @property
    def lock_path(self) -> str:
        """The absolute path of the lock."""
        return os.path.join(self.root, LOCK_NAME)

    def relative(self, path: str) -> str:
        """Return *path* as a user in the project's folder would write it."""
        shown = os.path.relpath(path, self.root)
        return path if shown.startswith("..") else shown

    def position(self, key: tuple[str | int, ...]) -> str:
        """Return ``pyproject.toml:line:column`` of a key path; loads the scanner of positions."""
        from pkm_build.positions import locate

        ((line, column),) = locate(self.source.text, [key])
        return f"{PROJECT_FILE}:{line}:{column}"


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


def read_workspace(root: str) -> Workspace:
    """Return the project in *root* with all that it declares.

    :raises InvalidFile: with every fault of its pyproject.toml.
    """
    source = load(root)
    table = Table(source.data, (), source.faults)
    if "tool" in source.data:
        read_settings(source.data, source.faults)
    declaration = read_declaration(table, source.project)
    check_requirements(source, declaration)
    if source.faults:
        raise InvalidFile(source.path, source.text, source.faults)
    return Workspace(source, source.project, declaration)


def check_requirements(source: Source, declaration: Declaration) -> None:
    """Note a fault for each requirement and specifier of pkm's own tables that cannot be read."""
    for environment in declaration.environments:
        for text, key in environment.dependencies:
            if said := requirement_fault(text):
                source.faults.append(Fault(key, f'"{text}": {said}'))
        if environment.python and not is_specifier(environment.python):
            message = f'"{environment.python}" is no version specifier'
            source.faults.append(Fault((*environment.key, "python"), message, 'write for example ">=3.11"'))


def requirement_fault(text: str) -> str:
    """Return what is wrong with a requirement, "" where nothing is."""
    try:
        parse_requirement(text)
    except UnreadableRequirement as error:
        return first_line(error)
    return ""


def is_specifier(text: str) -> bool:
    """Whether *text* is a version specifier."""
    try:
        implied_pythons(text)
    except UnreadableVersion:
        return False
    return True


def first_line(error: Exception) -> str:
    """Return the first line of a message."""
    return str(error).partition("\n")[0]


def read_lock_text(path: str) -> str | None:
    """Return the text of the lock at *path*, or None where there is none.

    :raises BadLock: when it is no UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read().replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise BadLock(os.path.basename(path), "", "is no UTF-8 text") from error


def parse_lock(text: str, name: str = LOCK_NAME) -> Lock:
    """Return the lock of a text; *name* is how messages name the file.

    :raises BadLock: for invalid TOML, and for anything that the specification forbids.
    """
    try:
        data = parse(name, text)
    except InvalidFile as error:
        hint = ""
        if any(line.startswith(CONFLICT_MARK) for line in text.splitlines()):
            hint = "git left both sides of a conflict in it: take one side, then run pkm lock"
        ((line, column, fault),) = error.placed()
        raise BadLock(name, f"{line}:{column}", fault.message, hint) from error
    return read_lock(data, name)


def write_lock(path: str, text: str, before: str | None) -> bool:
    """Write the lock's text where it differs from *before*; return whether anything was written."""
    if text == before:
        return False
    write_atomic(path, text.encode())
    return True
