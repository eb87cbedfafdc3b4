"""Fields that pyproject.toml calls dynamic: the version from a file, a variable, a script or version control.

Loaded only when a field is dynamic.
"""

from __future__ import annotations

import os

from pkm_build import grammar
from pkm_build.errors import VersionUnknown
from pkm_build.grammar import NotUnderstood

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.builder import Build
    from pkm_build.project import Project


def resolve_dynamic(build: Build, metadata_directory: str | None) -> Project:
    """Return the project with its dynamic fields filled in.

    :raises VersionUnknown: when the version's source does not give one
    """
    project = build.project
    if "version" in project.dynamic:
        text = find_version(build, metadata_directory)
        try:
            version = grammar.read_version(text)
        except NotUnderstood as exc:
            raise VersionUnknown(f'"{text}" ({build.settings.version.source}) is no version') from exc
        project = project.replaced(version=version)
    return project


def find_version(build: Build, metadata_directory: str | None) -> str:
    """Return the version: of PKM_VERSION, of the earlier hook, of PKG-INFO, else of its declared source."""
    given = build.environ.get("PKM_VERSION", "")
    if given:
        return given
    if metadata_directory:
        known = version_in(os.path.join(metadata_directory, "METADATA"))
        if known:
            return known
    source = build.settings.version
    if source.source != "file":
        known = version_in(os.path.join(build.root, "PKG-INFO"))
        if known:
            return known
    return from_file(build)


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
    """Return the files that only the sdist has."""
    return {}


def from_file(build: Build) -> str:
    """Return the version that a file states."""
    import _ast

    path = build.settings.version.path
    with open(os.path.join(build.root, path), "rb") as stream:
        text = stream.read()
    module = compile(text, path, "exec", _ast.PyCF_ONLY_AST)
    for node in module.body:
        if isinstance(node, _ast.Assign):
            for target in node.targets:
                if getattr(target, "id", "") == "__version__" and isinstance(node.value, _ast.Constant):
                    return str(node.value.value)
    raise VersionUnknown(f"{path} states no version")
