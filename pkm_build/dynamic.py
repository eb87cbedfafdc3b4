"""Fields that pyproject.toml calls dynamic: the version from a file, a variable, a script or version control.

Loaded only when a field is dynamic. A version is never guessed: a source that does not give one is an error that
says what to do.
"""

from __future__ import annotations

import os
import sys

from pkm_build import grammar
from pkm_build.errors import BuildError, HookFailed, VersionUnknown
from pkm_build.grammar import NotUnderstood
from pkm_build.people import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

    from pkm_build.files import Tree
    from pkm_build.project import Project
    from pkm_build.work import Build

    Names = dict[str, object]
    Place = tuple[str, tuple[str, ...]]  # a file, and the names that may state the version in it

VERSION = ("tool", "pkm", "version")
MODULES = ("__init__", "_version", "version", "__about__", "__version__")
NAMES = ("__version__", "VERSION", "version", "__VERSION__")


def resolve_dynamic(build: Build, metadata_directory: str | None) -> Project:
    """Return the project with its dynamic fields filled in; what the files belie is noted, and left out.

    :raises BuildError: when a provider of other fields fails, a script does, or PKM_VERSION is no version
    """
    project = build.project
    if "version" in project.dynamic and (build.settings.version.source or given_version(build)):
        try:
            project = project.replaced(version=checked_version(build, metadata_directory))
        except VersionUnknown as exc:
            build.fault(exc.key or (*VERSION, "source"), str(exc), exc.hint)
            project = project.replaced(version="0")
    if build.settings.providers:
        from pkm_build.providers import check_entries, resolve_fields

        if check_entries(build):
            project = resolve_fields(build, project)
    return project


def checked_version(build: Build, metadata_directory: str | None) -> str:
    """Return the version in its normal form.

    :raises VersionUnknown: when there is none
    :raises BuildError: when PKM_VERSION gives none
    """
    text = find_version(build, metadata_directory)
    source = build.settings.version.source
    try:
        return grammar.read_version(text.strip())
    except NotUnderstood as exc:
        if given_version(build):
            raise BuildError(f'"{shown(text)}" (from PKM_VERSION) is no version') from exc
        raise VersionUnknown(f'"{shown(text)}" (from {source}) is no version') from exc


def given_version(build: Build) -> str:
    """Return the version that the environment demands, "" if it does not."""
    return build.environ.get("PKM_VERSION", "").strip()


def find_version(build: Build, metadata_directory: str | None) -> str:
    """Return the version: of PKM_VERSION, of the earlier hook, of PKG-INFO, else of its declared source.

    A file is read again in an unpacked sdist: it was shipped, and what it says is what the code will say.
    """
    source = build.settings.version
    found = given_version(build)
    if not found and metadata_directory:
        found = version_in(os.path.join(metadata_directory, "METADATA"))
    if not found and source.source != "file":
        found = version_in(os.path.join(build.root, "PKG-INFO"))
    if found:
        return found
    if source.source == "vcs":
        from pkm_build.vcs import version_from_vcs

        return version_from_vcs(build.root, source, build.environ)
    readers = {"file": from_file, "env": from_variable, "script": from_script}
    if source.source not in readers:
        return "0"  # a fault that was told before
    return readers[source.source](build)


def version_in(path: str) -> str:
    """Return the version in a file of core metadata, "" without one."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("Version:"):
                    return line[8:].strip()
                if line == "\n":
                    break
    except OSError:
        return ""
    return ""


def generated_files(build: Build) -> dict[str, bytes]:
    """Return what ``write-to`` asks for: the path in the tree and the content."""
    path = build.settings.version.write_to
    if not path:
        return {}
    if path.endswith((".py", ".pyi")):
        text = (
            f'# Written by pkm_build when the project was built.\n__version__ = version = "{build.version}"\n'
        )
    else:
        text = build.version + "\n"
    return {path: text.encode()}


def from_variable(build: Build) -> str:
    """Return the version in the environment variable that the settings name.

    :raises VersionUnknown: when it is not set
    """
    variable = build.settings.version.variable
    found = build.environ.get(variable, "")
    if not found.strip():
        raise VersionUnknown(
            f"the version is that of the variable {variable}, which is not set",
            f"set {variable}=1.2.3",
            (*VERSION, "variable"),
        )
    return found


def from_script(build: Build) -> str:
    """Return what a script of the project prints, run by this interpreter in the project's folder.

    :raises HookFailed: when it ends with an error
    :raises VersionUnknown: when it prints nothing
    """
    import subprocess

    path = build.settings.version.path
    if not os.path.isfile(os.path.join(build.root, path)):
        raise VersionUnknown(f"the script of the version, {path}, is not there", "", (*VERSION, "path"))
    done = subprocess.run(
        [sys.executable, path],
        cwd=build.root,
        env=dict(build.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        failed = f"{path} ended with exit code {done.returncode}"
        raise HookFailed(failed, last_lines(done.stderr), (*VERSION, "path"))
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if not lines:
        raise VersionUnknown(
            f"{path} printed no version", "its last line must be the version", (*VERSION, "path")
        )
    return lines[-1]


def last_lines(text: str, count: int = 3) -> str:
    """Return the end of what a program said, in one line."""
    return " / ".join([line.strip() for line in text.strip().splitlines()[-count:]])


def from_file(build: Build) -> str:
    """Return the version that a file states.

    :raises VersionUnknown: when there is no such file, or no version in it that can be read without running it
    """
    source = build.settings.version
    places: list[Place] = [(path, NAMES) for path in ([source.path] if source.path else default_files(build))]
    for path, names in places:
        try:
            with open(os.path.join(build.root, path), "rb") as stream:
                text = stream.read().decode("utf-8-sig", "replace")
        except OSError as exc:
            word = f"the file of the version, {path}, can't be read: {exc.strerror}"
            raise VersionUnknown(word, "", (*VERSION, "path")) from exc
        if source.pattern:
            found = by_pattern(text, source.pattern)
        elif path.endswith((".py", ".pyi", ".pyx")):
            body = parsed(path, text, (*VERSION, "path" if source.path else "source")).body
            found = by_assignment(body, names)
            places += [place for place in imported_from(build.root, path, body) if place not in places]
        else:
            found = next((line.strip() for line in text.splitlines() if line.strip()), "")
        if found:
            return found
    where = source.path or ", ".join([path for path, _ in places]) or "the package"
    if source.pattern:
        raise VersionUnknown(f"matches nothing in {where}", "", (*VERSION, "pattern"))
    raise VersionUnknown(
        f"no version is stated in {where}",
        'write __version__ = "1.2.3" there, or name the file: [tool.pkm.version] path = "…" (and pattern = "…")',
        (*VERSION, "path" if source.path else "source"),
    )


def default_files(build: Build) -> list[str]:
    """Return the files that usually state a version, of the packages and modules of the project."""
    from pkm_build.files import Tree
    from pkm_build.layout import find_roots, given_root

    tree = Tree(build.root, ignoring=False)
    packages = build.settings.packages
    if packages is None:
        roots = find_roots(tree, build.project.name, [])
    else:
        roots = [root for root in (given_root(tree, raw) for raw in packages) if root]
    found = []
    for path, _ in roots:
        folder = below_namespaces(tree, path)
        files = [path] if tree.is_file(path) else [f"{folder}/{name}.py" for name in MODULES]
        found += [file for file in files if tree.is_file(file)]
    return found


def below_namespaces(tree: Tree, path: str) -> str:
    """Return the folder below *path* where the code begins, as long as there is but one way."""
    while tree.is_folder(path):
        folders, files = tree.listing(path)
        if len(folders) != 1 or any(file.endswith((".py", ".pyi")) for file in files):
            break
        path = f"{path}/{folders[0]}"
    return path


def imported_from(root: str, path: str, body: list[ast.stmt]) -> list[Place]:
    """Return the files of the package that the module *path* imports its version from, with its name there."""
    import _ast

    folder = path.rpartition("/")[0]
    found: list[Place] = []
    for node in body:
        if isinstance(node, _ast.ImportFrom) and node.module:
            above = folder if node.level == 1 else folder.rpartition("/")[0]
            file = f"{above}/{node.module.replace('.', '/')}.py".lstrip("/")
            names = [alias.name for alias in node.names if (alias.asname or alias.name) in NAMES]
            found += [(file, (name,)) for name in names if os.path.isfile(os.path.join(root, file))]
    return found


def by_pattern(text: str, pattern: str) -> str:
    """Return the group ``version`` (else the first group, else all) of a regular expression's first match."""
    import re

    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        return ""
    groups = match.groupdict()
    found = groups["version"] if "version" in groups else match.group(1 if match.re.groups else 0)
    return found or ""


def by_assignment(body: list[ast.stmt], wanted: tuple[str, ...]) -> str:
    """Return the version that a module assigns to one of *wanted*, "" where it assigns none."""
    names: Names = {}
    try:
        read_assignments(body, names)
    except RecursionError:
        return ""  # an expression of thousands of parts
    for name in wanted:
        value = names.get(name)
        if isinstance(value, str) and value[:1].isalnum():
            return value
    return ""


def parsed(path: str, text: str, key: tuple[str, ...]) -> ast.Module:
    """Return the syntax tree of a module.

    :raises VersionUnknown: when it is no Python
    """
    import _ast

    try:
        flags: int = _ast.PyCF_ONLY_AST
        module: ast.Module = compile(text, path, "exec", flags)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        word = f"{path} is no Python that this interpreter reads: {exc}"
        raise VersionUnknown(word, "a pattern finds the version in any text", key) from exc
    return module


def read_assignments(body: list[ast.stmt], names: Names) -> None:
    """Note the values of names that a module assigns at its top, also below ``if`` and ``try``."""
    import _ast

    for node in body:
        if isinstance(node, (_ast.Assign, _ast.AnnAssign)):
            targets = node.targets if isinstance(node, _ast.Assign) else [node.target]
            value = constant(node.value, names)
            for target in targets:
                if isinstance(target, _ast.Name) and value is not None:
                    names[target.id] = value
        elif isinstance(node, (_ast.If, _ast.Try)):
            for part in ("finalbody", "orelse", "handlers", "body"):
                inner = getattr(node, part, [])
                read_assignments(
                    [n for h in inner for n in getattr(h, "body", [h])] if part == "handlers" else inner,
                    names,
                )


def constant(node: ast.expr | None, names: Names) -> object:
    """Return the value of an expression that needs no running: texts, numbers, tuples, joins; else None."""
    import _ast

    value: object = None
    if isinstance(node, _ast.Constant):
        value = node.value
    elif isinstance(node, _ast.Name):
        value = names.get(node.id)
    elif isinstance(node, (_ast.Tuple, _ast.List)):
        value = [constant(item, names) for item in node.elts]
    elif isinstance(node, _ast.JoinedStr):
        inner = [part.value if isinstance(part, _ast.FormattedValue) else part for part in node.values]
        parts = [constant(part, names) for part in inner]
        value = None if None in parts else "".join(map(str, parts))
    elif isinstance(node, _ast.BinOp):
        value = combined(node, names)
    elif isinstance(node, _ast.Call):
        value = joined_call(node, names)
    return value


def combined(node: ast.BinOp, names: Names) -> object:
    """Return the value of ``TEXT + TEXT`` or ``TEXT % VALUES``, None for another operation."""
    import _ast

    left, right = constant(node.left, names), constant(node.right, names)
    if isinstance(node.op, _ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(node.op, _ast.Mod) and isinstance(left, str) and right is not None:
        return formatted(left, right)
    return None


def formatted(left: str, right: object) -> str | None:
    """Return ``left % right``, None where they do not fit."""
    try:
        return left % (tuple(right) if isinstance(right, list) else right)
    except (TypeError, ValueError):
        return None


def joined_call(node: ast.Call, names: Names) -> object:
    """Return the value of ``".".join(X)``, with ``map(str, X)`` or ``(str(x) for x in X)``, and of ``str(X)``."""
    import _ast

    function = node.func
    if len(node.args) != 1:
        return None
    if isinstance(function, _ast.Name) and function.id == "str":
        value = constant(node.args[0], names)
        return None if value is None or isinstance(value, list) else str(value)
    if not isinstance(function, _ast.Attribute) or function.attr != "join":
        return None
    argument = node.args[0]
    if isinstance(argument, _ast.Call) and getattr(argument.func, "id", "") == "map":
        argument = argument.args[-1]
    elif isinstance(argument, (_ast.GeneratorExp, _ast.ListComp)):
        argument = argument.generators[0].iter
    mark, items = constant(function.value, names), constant(argument, names)
    if not isinstance(mark, str) or not isinstance(items, list) or None in items:
        return None
    return mark.join(map(str, items))
