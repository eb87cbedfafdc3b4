"""The layers of the house: who may import whom, and who may touch the world.

Every import counts: those in functions and those under TYPE_CHECKING too. A module may import what
stands on a lower floor, or a room of its own on the same floor; never a stranger.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pkm_build", "pkm_env")

# From the top floor down. A floor is a tuple of rooms, a room a tuple of module prefixes that may know each other.
FLOORS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("pkm_env.__main__",),),
    (("pkm_env.entry",),),
    (("pkm_env.cli.main",),),
    (("pkm_env.cli.commands",),),
    (
        ("pkm_env.cli.day",),
        ("pkm_env.cli.syncing",),
        ("pkm_env.cli.environments",),
        ("pkm_env.cli.machine",),
    ),
    (
        ("pkm_env.cli.parser", "pkm_env.cli.arguments", "pkm_env.cli.groups", "pkm_env.cli.usage"),
        ("pkm_env.cli.output",),
        ("pkm_env.cli",),
    ),
    (("pkm_env.ops",),),
    (("pkm_env.context",),),
    # What a context is composed of.
    (
        ("pkm_env.builds",),
        ("pkm_env.access",),
        ("pkm_env.places",),
        ("pkm_env.interpreters",),
        ("pkm_env.dynamic",),
    ),
    # Builds need environments, which need the supply: this is where the two meet.
    (("pkm_env.isolation",),),
    (
        (
            "pkm_env.supply",
            "pkm_env.provision",
            "pkm_env.fetch",
            "pkm_env.mirrors",
            "pkm_env.sources",
            "pkm_env.wanted",
            "pkm_env.releases",
        ),
        ("pkm_env.builder",),
        ("pkm_env.workspace",),
        ("pkm_env.config",),
        ("pkm_env.cut_off",),
    ),
    (("pkm_env.build",), ("pkm_env.install",)),
    (("pkm_env.python",), ("pkm_env.index",), ("pkm_env.cache",)),
    (("pkm_env.apart",),),
    (("pkm_env.files",), ("pkm_env.stamp",), ("pkm_env.hands",), ("pkm_env.bundle",), ("pkm_env.inflate",)),
    (("pkm_env.plan",), ("pkm_env.edit",)),
    (("pkm_env.lock",),),
    (("pkm_env.resolver",),),
    (("pkm_env.model",),),
    (("pkm_env",),),
)
# What pkm_env may know of pkm_build.
SHARED = {
    "pkm_build",
    "pkm_build.project",
    "pkm_build.tables",
    "pkm_build.positions",
    "pkm_build.source",
    "pkm_build.settings",
    "pkm_build.files",
    "pkm_build.errors",
    # The quick reading of names and versions, which both hold against `packaging`.
    "pkm_build.grammar",
    # A project of this backend is built in pkm's own process (pkm_env.build.frontend).
    "pkm_build.builder",
}
PURE = (
    "pkm_env.model",
    "pkm_env.resolver",
    "pkm_env.lock",
    "pkm_env.plan",
    "pkm_env.edit",
    "pkm_env.index.simple",
    "pkm_env.index.lines",
    "pkm_build.metadata",
    "pkm_build.settings",
    "pkm_build.project",
    "pkm_build.tables",
    "pkm_build.errors",
)
WORLD = {
    "os",
    "io",
    "pathlib",
    "subprocess",
    "socket",
    "time",
    "threading",
    "logging",
    "tempfile",
    "shutil",
    "urllib.request",
    "http",
    "platform",
    "sysconfig",
}
BACKEND_LIBRARIES = {"packaging", "tomli", "setuptools", "Cython", "distutils"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> dict[str, Path]:
    return {
        module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))
    }


def imports_of(path: Path) -> set[str]:
    """Every dotted name that the file imports; ``from a import b`` counts as a.b where that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that grep finds every user of a name"
            module = node.module or ""
            for alias in node.names:
                full = f"{module}.{alias.name}"
                found.add(full if full in MODULES else module)
    return found


MODULES = sources()
GRAPH = {name: imports_of(path) for name, path in MODULES.items()}


def own(names: set[str]) -> set[str]:
    return {name for name in names if name.partition(".")[0] in PACKAGES}


def place(module: str) -> tuple[int, int]:
    """The floor and the room of a module of pkm_env: its longest prefix in the table."""
    best = (-1, -1, -1)
    for floor, rooms in enumerate(FLOORS):
        for number, room in enumerate(rooms):
            for prefix in room:
                if module == prefix or (module.startswith(prefix + ".") and prefix != "pkm_env"):
                    best = max(best, (len(prefix), floor, number))
    return best[1:]


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    state: dict[str, int] = {}
    path: list[str] = []

    def visit(name: str) -> list[str]:
        state[name] = 1
        path.append(name)
        for other in sorted(graph.get(name, ())):
            if state.get(other) == 1:
                return [*path[path.index(other) :], other]
            if other not in state and (cycle := visit(other)):
                return cycle
        path.pop()
        state[name] = 2
        return []

    for name in sorted(graph):
        if name not in state and (cycle := visit(name)):
            return cycle
    return []


def test_the_module_graph_has_no_cycle():
    # A package's __init__ may be imported by its own modules only for its text; it imports none of them.
    graph = {name: own(imports) - {name} for name, imports in GRAPH.items()}
    assert find_cycle(graph) == []


def test_a_cycle_would_be_found():
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("pkm_env")])
def test_imports_point_down_only(module):
    floor, room = place(module)
    assert floor >= 0, f"{module} has no room in FLOORS"
    for other in own(GRAPH[module]):
        if not other.startswith("pkm_env"):
            continue
        other_floor, other_room = place(other)
        assert other_floor > floor or (other_floor, other_room) == (floor, room), f"{module} imports {other}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("pkm_env")])
def test_the_manager_knows_only_the_shared_part_of_the_backend(module):
    used = {name for name in own(GRAPH[module]) if name.startswith("pkm_build")}
    assert used <= SHARED


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("pkm_build")])
def test_the_backend_never_imports_the_manager_or_a_library(module):
    roots = {name.partition(".")[0] for name in GRAPH[module]}
    assert "pkm_env" not in roots
    assert roots - set(sys.stdlib_module_names) - {"pkm_build"} - BACKEND_LIBRARIES <= {
        "tomllib",
        "_typeshed",
    }


def is_pure(module: str) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in PURE)


@pytest.mark.parametrize("module", [name for name in MODULES if is_pure(name)])
def test_pure_modules_touch_no_world(module):
    used = {name for name in GRAPH[module] if name in WORLD or name.partition(".")[0] in WORLD}
    assert used == set()
