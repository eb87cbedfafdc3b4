"""Which backend builds a source tree, and what it needs first.

Source: PEP 517 and 518, ``[build-system]``; a tree without it is built by setuptools as ever.
"""

from __future__ import annotations

import os

from pkm_build.errors import InvalidFile
from pkm_build.source import parse, read_text
from pkm_env.build.errors import BadSource
from pkm_env.index.errors import printable
from pkm_env.model.requirements import requirement_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEGACY_REQUIRES = ("setuptools>=40.8.0",)
LEGACY_BACKEND = "setuptools.build_meta:__legacy__"


class BuildSystem:
    """What ``[build-system]`` says: *requires* and *backend_path* as written, *backend* with its default.

    *backend* is "module" or "module:object". *data* is the whole parsed pyproject.toml, or {}.
    """

    __slots__ = ("backend", "backend_path", "data", "requires")

    def __init__(
        self, requires: tuple[str, ...], backend: str, backend_path: tuple[str, ...], data: dict[str, Any]
    ) -> None:
        self.requires = requires
        self.backend = backend
        self.backend_path = backend_path
        self.data = data


def read_build_system(root: str, subject: str, origin: str = "") -> BuildSystem:
    """Return how the tree in *root* is built; *subject* and *origin* name it in errors.

    Only ``[build-system]`` is looked at: the rest of pyproject.toml is its backend's to judge.

    :raises BadSource: when there is neither pyproject.toml nor setup.py, or the table is malformed.
    """
    if not os.path.isfile(os.path.join(root, "pyproject.toml")):
        if not os.path.isfile(os.path.join(root, "setup.py")):
            raise BadSource(subject, "it has neither pyproject.toml nor setup.py", origin=origin)
        return BuildSystem(LEGACY_REQUIRES, LEGACY_BACKEND, (), {})
    path = os.path.join(root, "pyproject.toml")
    try:
        data = parse(path, read_text(path))
    except InvalidFile as error:
        raise BadSource(
            subject, "its pyproject.toml can't be read", origin=origin, lines=list(error.lines())
        ) from error
    table = data.get("build-system")
    if table is None:
        return BuildSystem(LEGACY_REQUIRES, LEGACY_BACKEND, (), data)
    faults = _faults(table)
    if faults:
        raise BadSource(subject, "its [build-system] table is malformed", origin=origin, lines=faults)
    return BuildSystem(
        tuple(table["requires"]),
        table.get("build-backend", LEGACY_BACKEND),
        tuple(table.get("backend-path", ())),
        data,
    )


def _faults(table: Any) -> list[str]:
    """Return what is wrong with the table, a line for each fault."""
    if not isinstance(table, dict):
        return ["build-system: is no table"]
    faults = []
    for key in ("requires", "backend-path"):
        value = table.get(key, [] if key == "backend-path" else None)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            faults.append(f"build-system.{key}: has to be a list of strings")
        elif key == "requires":
            faults += _unreadable(value)
    backend = table.get("build-backend", LEGACY_BACKEND)
    if not isinstance(backend, str) or not _is_entry(backend):
        faults.append("build-system.build-backend: has to be a module, or module:object")
    if not faults:
        faults += [
            f"build-system.backend-path: {path!r} is not inside of the project"
            for path in table.get("backend-path", ())
            if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == ".."
        ]
    return faults


def _unreadable(requires: list[str]) -> list[str]:
    """Return a line for each requirement that is none."""
    faulty = [(at, text, requirement_fault(text)) for at, text in enumerate(requires)]
    return [
        f'build-system.requires[{at}]: "{printable(text)}": {fault}' for at, text, fault in faulty if fault
    ]


def _is_entry(backend: str) -> bool:
    module, colon, target = backend.partition(":")
    dotted = [module, target] if colon else [module]
    return all(part.isidentifier() for name in dotted for part in name.split("."))
