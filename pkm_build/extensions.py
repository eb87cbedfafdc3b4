"""Native modules as pyproject.toml declares them: ``[[tool.pkm.build.extension]]``."""

from __future__ import annotations

import sys

from pkm_build.errors import BuildError
from pkm_build.tables import Table, kind_of, listed, meant, paths_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_build.files import Tree

LISTS = (
    "sources",
    "depends",
    "include-dirs",
    "include-packages",
    "undef-macros",
    "libraries",
    "library-dirs",
    "runtime-library-dirs",
    "extra-objects",
    "extra-compile-args",
    "extra-link-args",
)
KEYS = (*LISTS, "name", "define-macros", "language", "limited-api", "platform")
PLATFORMS = ("linux", "macos", "windows")
LANGUAGES = ("c", "c++", "cython")
SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
# What compilers take, and what Cython translates; objects and libraries have keys of their own.
SUFFIXES = (
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".c++",
    ".m",
    ".mm",
    ".s",
    ".S",
    ".asm",
    ".pyx",
    ".py",
    ".i",
    ".rc",
    ".mc",
)
KEY = ("tool", "pkm", "build", "extension")
FIRST_LIMITED = 2  # the minor version of the Python that PEP 384 is of
REQUIRES = "setuptools>=70.1"
REQUIRES_CYTHON = "cython>=3.0"


class Extension:
    """One native module: its dotted *name*, and the lists and macros that setuptools' Extension takes."""

    __slots__ = ("define_macros", "language", "limited_api", "lists", "name")

    name: str
    lists: dict[str, tuple[str, ...]]
    define_macros: tuple[tuple[str, str | None], ...]
    language: str
    limited_api: str

    def needed(self, tree: Tree) -> list[str]:
        """Return the files that compiling reads and that lie in the tree.

        :raises BuildError: when a pattern matches nothing
        """
        found = []
        for key in ("sources", "depends"):
            for pattern in self.lists[key]:
                matched = tree.expand(pattern)
                if not matched:
                    raise BuildError(
                        f'the extension "{self.name}": {key} names "{pattern}", which matches no file'
                    )
                found += matched
        return found

    def cython(self) -> bool:
        """Return whether Cython translates the sources."""
        return self.language == "cython" or any(
            source.endswith((".pyx", ".py")) for source in self.lists["sources"]
        )


def read_extensions(table: Table, platform: str = sys.platform) -> tuple[Extension, ...]:
    """Return the extensions of ``[tool.pkm.build]`` for *platform*; what is wrong with them is noted."""
    found: list[Extension] = []
    for inner in table.tables("extension"):
        inner.refuse_unknown(KEYS)
        made = Extension()
        made.name = inner.string("name") or ""
        if not made.name:
            inner.fault("name", "is missing")
        elif not all(part.isidentifier() for part in made.name.split(".")):
            inner.fault("name", f'"{made.name}" is no dotted module name')
        elif made.name in [other.name for other in found]:
            inner.fault("name", f'"{made.name}" stands here twice')
        made.lists = read_lists(inner)
        if not inner.data.get("sources"):
            inner.fault("sources", "is missing" if "sources" not in inner.data else "must not be empty")
        made.language = inner.choice("language", LANGUAGES, "")
        made.limited_api = read_limited_api(inner)
        made.define_macros = read_macros(inner)
        refuse_mixture(made, inner)
        read_platforms(made, inner, platform)
        found.append(made)
    return tuple(found)


def read_lists(inner: Table) -> dict[str, tuple[str, ...]]:
    """Return the lists; sources and dependencies that leave the project or that nothing compiles are noted."""
    found = {key: inner.strings(key) for key in LISTS if key not in ("sources", "depends")}
    found.update(sources=paths_of(inner, "sources"), depends=paths_of(inner, "depends"))
    given = inner.data.get("sources")
    for at, path in enumerate(given if isinstance(given, list) else ()):
        name = path.rpartition("/")[2] if isinstance(path, str) else ""
        if name and not set(name) & set("*?[") and "." in name and not name.endswith(SUFFIXES):
            inner.fault(("sources", at), f'"{path}" is nothing that is compiled', "C, C++ and Cython are")
    for key in ("include-dirs", "library-dirs", "extra-objects"):
        for at, path in enumerate(found[key]):
            if not path or not path.isprintable():
                inner.fault((key, at), f"{path!r} is no path")
    return found


def refuse_mixture(made: Extension, inner: Table) -> None:
    """Note Cython sources of an extension that is said to be C or C++."""
    for at, path in enumerate(made.lists["sources"]):
        if path.endswith(".py") and made.language in ("c", "c++"):
            inner.fault(("sources", at), f'"{path}" is Python, but language = "{made.language}"')


def read_limited_api(inner: Table) -> str:
    """Return the oldest Python of the limited API, such as "3.10", "" for the full one."""
    text = inner.string("limited-api") or ""
    major, _, minor = text.partition(".")
    if text and (major != "3" or not minor.isdigit() or int(minor) < FIRST_LIMITED):
        inner.fault(
            "limited-api", f'"{text}" is no Python version', 'write the oldest that it runs on: "3.10"'
        )
        return ""
    return text


def read_macros(inner: Table) -> tuple[tuple[str, str | None], ...]:
    """Return the macros, ``NAME`` or ``NAME=VALUE`` in a list, or a table; None is a macro without a value."""
    value = inner.raw("define-macros")
    if isinstance(value, dict):
        given = [(name, name, value[name]) for name in value]
    else:
        pairs = [text.partition("=") for text in inner.strings("define-macros")]
        given = [(at, name, text if equals else True) for at, (name, equals, text) in enumerate(pairs)]
    found: list[tuple[str, str | None]] = []
    for key, name, text in given:
        if not isinstance(text, (str, int, float)):
            inner.fault(("define-macros", key), f"must be a text, a number or true, not {kind_of(text)}")
        elif not name.partition("(")[0].isidentifier():
            inner.fault(("define-macros", key), f"{name!r} is no name of a macro")
        elif text is not False:
            found.append((name, None if text is True else str(text)))
    return tuple(found)


def read_platforms(made: Extension, inner: Table, platform: str) -> None:
    """Add the values of *platform*, and check those of the others."""
    platforms = inner.table("platform")
    for name in platforms.data if platforms else ():
        assert platforms is not None
        if name not in PLATFORMS:
            hint = meant(name, PLATFORMS, f"there are {listed(PLATFORMS, 'and')}")
            platforms.fault(name, "unknown platform", hint)
            continue
        part = platforms.table(name)
        if part is None:
            continue
        part.refuse_unknown((*LISTS, "define-macros"))
        lists = read_lists(part)
        macros = read_macros(part)
        if SYSTEMS.get(platform) == name:
            made.lists = {key: made.lists[key] + lists[key] for key in LISTS}
            made.define_macros += macros


def requires(extensions: Sequence[Extension]) -> list[str]:
    """Return what compiling *extensions* needs."""
    return [REQUIRES, REQUIRES_CYTHON] if any(extension.cython() for extension in extensions) else [REQUIRES]


def is_output(path: str, extensions: Sequence[Extension]) -> bool:
    """Return whether a file of the wheel is what an editable build compiled: it is made anew, never shipped."""
    folder, _, name = path.rpartition("/")
    stem, dot, rest = name.partition(".")
    if not dot or not rest.endswith(("so", "pyd")):
        return False
    dotted = f"{folder}/{stem}".strip("/").replace("/", ".")
    return any(extension.name == dotted for extension in extensions)
