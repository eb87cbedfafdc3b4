"""Dynamic fields by the shared ``[[tool.dynamic-metadata]]`` array: ordered providers, installed or in the tree.

Source: the dynamic-metadata specification, "Backend authors" (scikit-build/dynamic-metadata); PEP 808.
"""

from __future__ import annotations

import importlib
import os
import sys

from pkm_build.errors import BuildError, Fault, HookFailed
from pkm_build.project import LIST_FIELDS, STRING_FIELDS, read_project
from pkm_build.tables import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_build.project import Project
    from pkm_build.work import Build

GROUP = "dynamic_metadata.provider"


class InTree:
    """Finds the top module of an in-tree provider in its folder before anything else may."""

    def __init__(self, folder: str, module: str) -> None:
        self.folder = folder
        self.top = module.partition(".")[0]

    def find_spec(self, name: str, *_: object) -> Any:
        """Return the module's spec for the provider's own top name, None for others."""
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, [self.folder]) if name == self.top else None


def load_provider(provider: str | dict[str, str], root: str) -> Any:
    """Return the object whose functions are the provider's hooks.

    :raises BuildError: when there is none of that name
    :raises HookFailed: when it cannot be imported
    """
    if isinstance(provider, str):
        return load_installed(provider)
    folder = os.path.join(root, provider["path"])
    module, _, attribute = provider["module"].partition(":")
    if not os.path.isdir(folder):
        raise BuildError(f'tool.dynamic-metadata: the provider\'s folder "{provider["path"]}" is not there')
    finder: Any = InTree(folder, module)
    forget(finder.top, folder)
    wrote = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a build leaves nothing in the tree
    sys.meta_path.insert(0, finder)
    try:
        found = importlib.import_module(module)
        target = getattr(found, attribute) if attribute else found
    except (ImportError, AttributeError) as exc:
        raise HookFailed(
            f'the provider "{provider["module"]}" in {provider["path"]} can\'t be loaded: {exc}'
        ) from exc
    finally:
        sys.meta_path.remove(finder)
        sys.dont_write_bytecode = wrote
    return target() if isinstance(target, type) else target


def forget(top: str, folder: str) -> None:
    """Forget a module of the name *top* that another project's build in this process has loaded."""
    known = sys.modules.get(top)
    if known is not None and not str(getattr(known, "__file__", "") or "").startswith(
        os.path.join(folder, "")
    ):
        for name in [name for name in sys.modules if name == top or name.startswith(top + ".")]:
            del sys.modules[name]


def load_installed(name: str) -> Any:
    """Return the provider that an installed distribution registers under *name*.

    :raises BuildError: when none does, or several
    """
    from importlib.metadata import entry_points

    known = list(entry_points(group=GROUP))
    found = [point for point in known if point.name == name]
    if len(found) != 1:
        near = did_you_mean(name, {point.name for point in known})
        hint = (
            f'did you mean "{near}"?' if near else "add the distribution that has it to build-system.requires"
        )
        word = "several installed distributions have" if found else "nothing installed has"
        raise BuildError(f'{word} the provider "{name}"', hint)
    target = found[0].load()
    return target() if isinstance(target, type) else target


def provider_requires(entries: Sequence[dict[str, Any]], root: str, dynamic: Sequence[str]) -> list[str]:
    """Return what the providers need to be installed; one that cannot be imported yet is asked later."""
    found: list[str] = []
    for entry in entries if dynamic else ():
        try:
            provider = load_provider(entry["provider"], root)
        except HookFailed:
            continue
        ask = getattr(provider, "get_requires_for_dynamic_metadata", None)
        found += ask(settings_of(entry)) if ask else []
    return found


def settings_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of an entry that are for its provider."""
    return {key: value for key, value in entry.items() if key != "provider"}


def resolve_fields(build: Build, project: Project) -> Project:
    """Return *project* with what the providers give, run in order in the project's folder.

    :raises BuildError: for a field that is not dynamic, or that none gives
    :raises InvalidFile: for values that are wrong
    """
    table: dict[str, Any] = dict(build.source.data["project"])
    if project.version is not None:
        table["version"] = project.version
    produced = {"version"} if project.version is not None else set()
    before = os.getcwd()
    os.chdir(build.root)  # providers name their files relative to the project
    try:
        for entry in build.settings.providers:
            run_provider(build, entry, table, produced)
    finally:
        os.chdir(before)
    for field in project.dynamic:
        if field not in produced and not field.startswith("import-name"):
            raise BuildError(
                f'"{field}" is dynamic, and no provider gives it', "see [[tool.dynamic-metadata]]"
            )
    faults: list[Fault] = []
    resolved = read_project({**build.source.data, "project": {**table, "dynamic": []}}, faults)
    if faults:
        raise BuildError(
            "a provider of dynamic metadata gives " + "; ".join([fault.text() for fault in faults])
        )
    return resolved.replaced(dynamic=project.dynamic)


def run_provider(build: Build, entry: dict[str, Any], table: dict[str, Any], produced: set[str]) -> None:
    """Merge what one provider gives into *table*."""
    provider = load_provider(entry["provider"], build.root)
    if hasattr(provider, "build_state"):
        provider.build_state(build.state)
    shown = entry["provider"] if isinstance(entry["provider"], str) else entry["provider"]["module"]
    try:
        fragment = provider.dynamic_metadata(settings_of(entry), dict(table))
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, AttributeError) as exc:
        raise HookFailed(f'the provider "{shown}" failed: {exc.__class__.__name__}: {exc}') from exc
    for field, value in fragment.items():
        if field not in build.project.dynamic:
            raise BuildError(
                f'the provider "{shown}" gives "{field}", which is not dynamic', "list it in project.dynamic"
            )
        table[field] = extend(field, table.get(field), value, field in produced)
        produced.add(field)


def extend(field: str, old: object, new: object, replaceable: bool) -> object:
    """Return a field with what a provider adds: lists and tables grow, a text is set once or by a later provider.

    :raises BuildError: when a provider would change what is given
    """
    if old is None or (field in STRING_FIELDS and replaceable):
        return new
    if field in LIST_FIELDS and isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    if field in LIST_FIELDS and isinstance(old, dict) and isinstance(new, dict):
        joined = dict(old)
        for key, value in new.items():
            joined[key] = (
                extend(field, joined[key], value, False) if key in joined and joined[key] != value else value
            )
        return joined
    raise BuildError(
        f'a provider would change "{field}", which is given', "providers may only add to it (PEP 808)"
    )


def changing_fields(build: Build) -> list[str]:
    """Return the fields that a wheel of the sdist may give otherwise, as the providers say, sorted."""
    found = set()
    for entry in build.settings.providers:
        ask = getattr(load_provider(entry["provider"], build.root), "dynamic_wheel", None)
        found |= {field for field, changing in (ask(settings_of(entry)) if ask else {}).items() if changing}
    return sorted(found - {"version"})
