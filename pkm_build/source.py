"""Reading pyproject.toml, readme and licence files of a folder.

`load` gives the parsed file with its faults; `check` raises them, all at once.
"""

from __future__ import annotations

import os

from pkm_build.errors import BuildError, Fault, InvalidFile
from pkm_build.people import BESIDE_EXPRESSION
from pkm_build.project import read_project
from pkm_build.quick_toml import quick_loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_build.files import Tree
    from pkm_build.project import Project


# The keys of [project] that say what is installed; the others go into metadata alone.
INSTALLED = ("name", "version", "requires-python", "dependencies", "optional-dependencies", "dynamic")
USUAL = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


class Source:
    """A pyproject.toml as it was read: its text, its parsed data, the project in it, and all faults found."""

    __slots__ = ("data", "faults", "path", "project", "root", "text")

    def __init__(
        self, root: str, path: str, text: str, data: dict[str, Any], project: Project, faults: list[Fault]
    ) -> None:
        self.root = root
        self.path = path
        self.text = text
        self.data = data
        self.project = project
        self.faults = faults


def load(root: str) -> Source:
    """Return the pyproject.toml in *root*; faults of its content are in ``faults``, not raised.

    :raises PkmError: when there is no such file
    :raises InvalidFile: when it is no TOML in UTF-8
    """
    path = os.path.join(root, "pyproject.toml")
    text = read_text(path)
    data = parse(path, text)
    faults: list[Fault] = []
    return Source(root, path, text, data, read_project(data, faults), faults)


def read_text(path: str) -> str:
    """Return the text of a TOML file, its line ends made plain.

    :raises BuildError: when there is no such file
    :raises InvalidFile: when it begins with a byte order mark or is not in UTF-8
    """
    shown = os.path.basename(path)
    if not os.path.isfile(path) and os.path.exists(path):  # reading a pipe would never end
        raise BuildError(f"{shown} is no file")
    try:
        with open(path, "rb") as stream:
            raw = stream.read()
    except FileNotFoundError as exc:
        raise BuildError(f"there is no {shown} in {os.path.dirname(path) or 'this folder'}") from exc
    except OSError as exc:
        raise BuildError(f"{shown} can't be read: {exc.strerror}") from exc
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise wrong(path, "", 0, "is encoded in UTF-16", "save it as UTF-8 without a byte order mark")
    if raw[:3] == b"\xef\xbb\xbf":
        raise wrong(path, "", 0, "begins with a byte order mark", "save it as UTF-8 without one")
    try:
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        before = raw[: exc.start].decode("utf-8", "replace")
        raise wrong(path, before, len(before), "is not in UTF-8", "save it as UTF-8") from exc


def parse(path: str, text: str) -> dict[str, Any]:
    """Return the parsed TOML, read quickly where it is ordinary.

    `tomli` is quicker to load than the standard library's parser, where it is there.

    :raises InvalidFile: when it is no TOML
    """
    quick = quick_loads(text)
    if quick is not None:
        return quick
    toml: Any
    try:
        import tomli as toml
    except ImportError:
        toml = __import__("tomllib")
    try:
        data: dict[str, Any] = toml.loads(text)
    except RecursionError as exc:
        raise wrong(path, text, 0, "invalid TOML: nested too deeply", "") from exc
    except ValueError as exc:  # both parsers' error is one
        message, at = place_of(str(exc), text)
        marked = any(line.startswith("<<<<<<< ") for line in text.splitlines())
        hint = "git left both sides of a conflict in it" if marked else ""
        raise wrong(path, text, at, f"invalid TOML: {message}", hint) from exc
    return data


def place_of(message: str, text: str) -> tuple[str, int]:
    """Return a parser's message without the place at its end, and that place as an offset."""
    head, bracket, tail = message.rpartition(" (at ")
    if not bracket:
        return message[:1].lower() + message[1:], 0
    at = len(text)
    words = tail.rstrip(")").replace(",", "").split()
    if words[:1] == ["line"]:
        line, column = int(words[1]), int(words[3])
        at = sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1
    return head[:1].lower() + head[1:], at


def wrong(path: str, text: str, at: int, message: str, hint: str) -> InvalidFile:
    """Return the error for a file that cannot be read as TOML."""
    place = (text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1)
    return InvalidFile(path, text, [Fault((), message, hint)], os.path.basename(path), place)


def check(source: Source) -> list[Fault]:
    """Raise the faults of *source*, if there are any; return those that are let pass.

    In an unpacked sdist (PKG-INFO beside pyproject.toml) a key of ``[tool.pkm]`` that is not known passes: the sdist
    was made by a pkm that knew it, and a released sdist must stay buildable. So does a licence classifier beside an
    expression, which not every backend refuses.

    :raises InvalidFile: when there are faults
    """
    passing: list[Fault] = []
    if source.faults and os.path.exists(os.path.join(source.root, "PKG-INFO")):
        passing = [f for f in source.faults if may_pass(f)]
    faults = [fault for fault in source.faults if fault not in passing]
    if faults:
        raise InvalidFile(source.path, source.text, faults)
    return passing


def is_built_elsewhere(project: Project) -> bool:
    """Return whether another backend builds the project."""
    return project.has_build_system and project.build_backend != "pkm_build"


def faults_for_manager(source: Source) -> list[Fault]:
    """Return the faults that count where a project is locked and installed.

    What only goes into its metadata is for the backend to judge, where that is another one; a key of ``[project]``
    that resembles no other may be one that it knows.
    """
    if not is_built_elsewhere(source.project):
        return source.faults
    return [fault for fault in source.faults if counts_for_manager(fault)]


def counts_for_manager(fault: Fault) -> bool:
    """Return whether a fault is of what locking and installing read, or of a key that was probably misspelt."""
    if fault.key[:1] != ("project",) or len(fault.key) == 1:
        return True
    return fault.key[1] in INSTALLED or (fault.message == "unknown key" and bool(fault.hint))


def may_pass(fault: Fault) -> bool:
    """Return whether a fault of a released sdist is let pass."""
    newer = fault.message == "unknown key" and fault.key[:2] == ("tool", "pkm")
    return newer or (fault.message == BESIDE_EXPRESSION and fault.key[:2] == ("project", "classifiers"))


def read_readme(project: Project, tree: Tree) -> tuple[str, str] | None:
    """Return text and content type of the readme, None without one.

    :raises BuildError: when its file is missing, or not in its charset
    """
    kind = project.readme_type or ""
    if project.readme_text is not None:
        return project.readme_text.strip("\n") + "\n", kind
    if project.readme_file is None:
        return None
    charset = "utf-8"
    if ";" in kind:
        from pkm_build.people import charset_of

        charset = charset_of(kind) or charset
    tree.refuse_link(project.readme_file)
    try:
        with open(tree.path(project.readme_file), "rb") as stream:
            text = stream.read().decode(charset)
    except OSError as exc:
        raise BuildError(f'the readme "{project.readme_file}" can\'t be read: {exc.strerror}') from exc
    except UnicodeDecodeError as exc:
        raise BuildError(
            f'the readme "{project.readme_file}" is not in {charset.upper()} (byte {exc.start})',
            'say its charset: readme = { file = "…", content-type = "text/markdown; charset=…" }',
        ) from exc
    if charset.lower().replace("_", "-") not in ("utf-8", "utf8"):
        base = kind.partition(";")[0].strip()
        kind = f"{base}; charset=UTF-8"  # the description is written in UTF-8, whatever the file was in
    return text.removeprefix("\ufeff").replace("\r\n", "\n"), kind


def license_paths(project: Project, tree: Tree) -> list[str]:
    """Return the licence files of the project, sorted: those of its globs, else of the usual names at its top.

    :raises BuildError: when a glob of ``license-files`` matches nothing
    """
    found: set[str] = set()
    if project.license_files is None:
        for name in tree.listing("")[1]:
            if name.startswith(USUAL) and is_prose(name):
                found.add(name)
        for name in tree.outside:
            if "/" not in name and name.startswith(USUAL) and is_prose(name):
                raise BuildError(
                    f"the licence file {name} is a link that leaves the project (to {tree.outside[name]})",
                    "put a copy in its place, or say which files are meant: license-files = []",
                )
        if project.license_file is not None:
            if not tree.is_file(project.license_file):
                raise BuildError(f'the licence file "{project.license_file}" is not there')
            found.add(project.license_file)
        return sorted(found)
    for pattern in project.license_files:
        matched = tree.expand(pattern)
        if not matched:
            raise BuildError(f'project.license-files: "{pattern}" matches no file')
        found.update(matched)
    return sorted(found)


def with_license_text(project: Project, tree: Tree) -> Project:
    """Return the project with the text of its licence, where the older ``license.file`` names it.

    :raises BuildError: when the file cannot be read as UTF-8
    Source: PEP 621, "license": the field of core metadata is License.
    """
    if project.license_file is None:
        return project
    tree.refuse_link(project.license_file)
    try:
        with open(tree.path(project.license_file), "rb") as stream:
            return project.replaced(license_text=stream.read().decode())
    except (OSError, UnicodeDecodeError) as exc:
        raise BuildError(f'the licence file "{project.license_file}" can\'t be read: {exc}') from exc


def is_prose(name: str) -> bool:
    """Return whether a file of a licence-like name is a text, not code such as ``license.py``."""
    return not name.lower().endswith((".py", ".pyi", ".sh", ".js", ".json", ".toml", ".yml", ".yaml", ".cfg"))
