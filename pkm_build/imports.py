"""The import names that a wheel gives: derived from its files, and compared with what the project declares.

Source: PEP 794, "Specification".
"""

from __future__ import annotations

from pkm_build.tables import meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pkm_build.project import Project

SUFFIXES = (".py", ".pyi", ".so", ".pyd")


def shipped_names(paths: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names and namespaces that the files of a wheel make importable, each sorted.

    A folder with code but without ``__init__`` is a namespace; what is below a package is not listed.
    """
    code = sorted({path for path in paths if path.endswith(SUFFIXES) and "-stubs/" not in path})
    code = [path for path in code if ".data/" not in path and ".dist-info/" not in path]
    packages = {
        path.rpartition("/")[0] for path in code if path.rpartition("/")[2] in ("__init__.py", "__init__.pyi")
    }
    names: set[str] = set()
    spaces: set[str] = set()
    for path in code:
        folders = path.split("/")[:-1]
        above = ""
        for folder in folders:
            above = f"{above}/{folder}".lstrip("/")
            if above in packages:
                names.add(above.replace("/", "."))
                break
            spaces.add(above.replace("/", "."))
        else:
            stem = path.rpartition("/")[2].partition(".")[0]
            names.add(f"{above}/{stem}".lstrip("/").replace("/", "."))
    return tuple(sorted([private(name) for name in names])), tuple(sorted([private(name) for name in spaces]))


def private(name: str) -> str:
    """Return a name as metadata has it: marked where one of its parts begins with an underscore."""
    return f"{name}; private" if any(part.startswith("_") for part in name.split(".")) else name


def missing_names(project: Project, files: Iterable[str]) -> list[tuple[str, int, str, str]]:
    """Return field, index, name and a hint for each declared import name that the files do not give."""
    paths = list(files)
    names, spaces = shipped_names(paths)
    known = {name.partition(";")[0] for name in (*names, *spaces)}
    modules = {path.rpartition(".")[0].replace("/__init__", "").replace("/", ".") for path in paths}
    wrong = []
    for field, declared in (
        ("import-names", project.import_names),
        ("import-namespaces", project.import_namespaces),
    ):
        for at, text in enumerate(declared or ()):
            name = text.partition(";")[0]
            if name not in known and name not in modules:
                hint = meant(name, known, f"it gives {', '.join(sorted(known)) or 'no module'}")
                wrong.append((field, at, name, hint))
    return wrong


def undeclared_names(project: Project, files: Iterable[str]) -> list[str]:
    """Return the public names that the files give and that are not declared, where import names are."""
    if project.import_names is None:
        return []
    declared = {
        text.partition(";")[0] for text in (*project.import_names, *(project.import_namespaces or ()))
    }
    return [name for name in shipped_names(files)[0] if ";" not in name and name not in declared]
