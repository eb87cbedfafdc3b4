"""Scripts and entry points held against the modules of the wheel, which are read and never run."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Mapping

    from pkm_build.work import Build


def check_scripts(build: Build, files: Mapping[str, str], content: Callable[[str], bytes]) -> None:
    """Note scripts and entry points of modules that a package of the wheel lacks; warn of a name not seen.

    *files* are those of the wheel, *content* gives what is in one of them.
    """
    project = build.project
    groups: list[tuple[tuple[str, ...], dict[str, str]]]
    groups = [(("project", "scripts"), project.scripts), (("project", "gui-scripts"), project.gui_scripts)]
    groups += [(("project", "entry-points", name), group) for name, group in project.entry_points.items()]
    for key, group in groups:
        for name, value in group.items():
            module, _, target = value.partition(" ")[0].partition(":")
            check_target(build, files, content, (*key, name), module, target)


def check_target(
    build: Build,
    files: Mapping[str, str],
    content: Callable[[str], bytes],
    key: tuple[str, ...],
    module: str,
    target: str,
) -> None:
    """Look for *module* in the wheel, and for the first name of *target* in its text."""
    path = module.replace(".", "/")
    file = next((f for f in (f"{path}.py", f"{path}/__init__.py") if f in files), None)
    if file is None:
        check_missing(build, files, key, module)
    elif target:
        text = content(file)
        first = target.partition(".")[0]
        if b"def " + first.encode() + b"(" not in text and not defines(text, first):
            build.warn.append(
                f'the entry point "{key[-1]}" names {module}:{first}, which {files[file]} does not define'
            )


def check_missing(build: Build, files: Mapping[str, str], key: tuple[str, ...], module: str) -> None:
    """Note a module that is not in the wheel where nothing else can have it; warn where something may."""
    path = module.replace(".", "/")
    top = path.partition("/")[0]
    compiled = [extension.name for extension in build.settings.extensions]
    made = build.settings.hook or any(f"{name}.".startswith(module + ".") for name in compiled)
    if made or any(f.startswith((path + ".", path + "/")) for f in files):
        return
    if f"{top}/__init__.py" in files or f"{top}.py" in files:
        from pkm_build.tables import meant

        modules = [f[:-3].replace("/__init__", "").replace("/", ".") for f in files if f.endswith(".py")]
        build.fault(key, f"the module {module} is not in the wheel", meant(module, modules))
    elif is_nobodys(build, files, top):
        build.fault(
            key, f"the module {module} is not in the wheel, and nothing that it depends on can have it"
        )
    elif top not in sys.stdlib_module_names:
        build.warn.append(f'the entry point "{key[-1]}" names {module}, which is not in the wheel')


def is_nobodys(build: Build, files: Mapping[str, str], top: str) -> bool:
    """Return whether no dependency, no other part of a namespace, and no Python can have the module *top*."""
    project = build.project
    given = project.dependencies or project.optional_dependencies or "dependencies" in project.dynamic
    elsewhere = given or "optional-dependencies" in project.dynamic or top in sys.stdlib_module_names
    return not elsewhere and not any(f.startswith(top + "/") for f in files)


def defines(text: bytes, name: str) -> bool:
    """Return whether a module binds *name*, may do so by a star import or ``__getattr__``, or is not understood."""
    import _ast  # the built-in part of `ast`, which costs 6 ms

    try:
        flags: int = _ast.PyCF_ONLY_AST
        module: ast.Module = compile(text, "module", "exec", flags)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    stack: list[ast.AST] = list(module.body)
    while stack:
        node = stack.pop()
        if getattr(node, "name", None) in (name, "__getattr__"):
            return True
        for alias in getattr(node, "names", ()):
            if not isinstance(alias, str) and name_of(alias) in (name, "*"):
                return True
        for target in [*getattr(node, "targets", ()), getattr(node, "target", None)]:
            if name in names_in(target):
                return True
        for part in ("body", "orelse", "finalbody", "handlers"):
            if node.__class__.__name__ not in ("FunctionDef", "AsyncFunctionDef", "ClassDef", "Lambda"):
                inner = getattr(node, part, ())
                stack += inner if isinstance(inner, list) else []
    return False


def name_of(alias: object) -> str:
    """Return the name that an import binds."""
    return str(getattr(alias, "asname", None) or str(getattr(alias, "name", "")).partition(".")[0])


def names_in(target: object) -> list[str]:
    """Return the names that an assignment target binds."""
    parts = getattr(target, "elts", None)
    if parts is not None:
        return [name for part in parts for name in names_in(part)]
    return [str(getattr(target, "id", ""))]
