"""Dynamic fields by the shared ``[[tool.dynamic-metadata]]`` array: ordered providers, installed or in the tree.

Source: the dynamic-metadata specification, "Backend authors" (scikit-build/dynamic-metadata); PEP 808.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import PathFinder

from pkm_build.errors import BuildError, Fault, HookFailed
from pkm_build.project import LIST_FIELDS, STRING_FIELDS, read_project
from pkm_build.source import check
from pkm_build.tables import meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pkm_build.project import Project
    from pkm_build.work import Build

GROUP = "dynamic_metadata.provider"
KEY = ("tool", "dynamic-metadata")


class InTree:
    """Finds the top module of an in-tree provider in its folder before anything else may."""

    def __init__(self, folder: str, module: str) -> None:
        self.folder = folder
        self.top = module.partition(".")[0]

    def find_spec(self, name: str, *_: object) -> Any:
        """Return the module's spec for the provider's own top name, None for others."""
        return PathFinder.find_spec(name, [self.folder]) if name == self.top else None


def check_entries(build: Build) -> bool:
    """Note in-tree providers whose folder or module is not there; False when there are some."""
    before = len(build.source.faults)
    for number, entry in enumerate(build.settings.providers):
        provider, key = entry["provider"], (*KEY, number, "provider")
        if isinstance(provider, str):
            continue
        folder = os.path.join(build.root, provider["path"])
        top = os.path.join(folder, provider["module"].partition(":")[0].partition(".")[0])
        if not os.path.isdir(folder):
            build.fault((*key, "path"), f'the folder "{provider["path"]}" is not there')
        elif not os.path.isfile(f"{top}.py") and not os.path.isdir(top):
            build.fault((*key, "module"), f'"{provider["module"]}" is not in {provider["path"]}')
    return len(build.source.faults) == before


def load_provider(build: Build, number: int) -> Any:
    """Return the object whose functions are the hooks of the provider in entry *number*.

    :raises BuildError: when there is none of that name
    :raises HookFailed: when it cannot be imported
    """
    provider, key = build.settings.providers[number]["provider"], (*KEY, number)
    if isinstance(provider, str):
        return load_installed(provider, key)
    folder = os.path.join(build.root, provider["path"])
    module, _, attribute = provider["module"].partition(":")
    finder: Any = InTree(folder, module)
    forget(finder.top, folder)
    wrote = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a build leaves nothing in the tree
    sys.meta_path.insert(0, finder)
    try:
        found = importlib.import_module(module)
        target = getattr(found, attribute) if attribute else found
    except (Exception, SystemExit) as exc:
        word = f"the provider can't be loaded: {exc.__class__.__name__}: {exc}"
        raise HookFailed(word, "", key, provider["module"]) from exc
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


def load_installed(name: str, key: tuple[str | int, ...]) -> Any:
    """Return the provider that an installed distribution registers under *name*, asked for at *key*.

    :raises BuildError: when none does, or several
    """
    from importlib.metadata import entry_points

    known = list(entry_points(group=GROUP))
    found = [point for point in known if point.name == name]
    if len(found) != 1:
        hint = meant(
            name, {point.name for point in known}, "add the distribution that has it to build-system.requires"
        )
        word = "several installed distributions have" if found else "nothing installed has"
        raise BuildError(f'{word} the provider "{name}"', hint, key)
    try:
        target = found[0].load()
    except (Exception, SystemExit) as exc:
        raise HookFailed(f"it can't be loaded: {exc.__class__.__name__}: {exc}", "", key, name) from exc
    return target() if isinstance(target, type) else target


def provider_requires(build: Build) -> list[str]:
    """Return what the providers need to be installed; one that cannot be imported yet is asked later.

    :raises InvalidFile: when one is not in the tree
    """
    found: list[str] = []
    if not check_entries(build):
        check(build.source)
    for number, entry in enumerate(build.settings.providers if build.project.dynamic else ()):
        try:
            provider = load_provider(build, number)
        except HookFailed:
            continue
        ask = getattr(provider, "get_requires_for_dynamic_metadata", None)
        found += asked(number, entry, ask, list) if ask else []
    return found


def asked(
    number: int,
    entry: dict[str, Any],
    ask: Callable[[dict[str, Any]], Any],
    form: Callable[[Any], Any] | None = None,
) -> Any:
    """Return what a function of the provider in entry *number* answers to its settings, made a *form*.

    :raises HookFailed: when it raises, or answers with what cannot be made that
    """
    try:
        answer = ask(settings_of(entry))
        return form(answer) if form is not None else answer
    except (Exception, SystemExit) as exc:
        word = f"the provider failed: {exc.__class__.__name__}: {exc}"
        raise HookFailed(word, "", (*KEY, number), shown_name(entry)) from exc


def shown_name(entry: dict[str, Any]) -> str:
    """Return what errors call the provider of an entry."""
    provider = entry["provider"]
    return str(provider if isinstance(provider, str) else provider["module"])


def settings_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of an entry that are for its provider."""
    return {key: value for key, value in entry.items() if key != "provider"}


def resolve_fields(build: Build, project: Project) -> Project:
    """Return *project* with what the providers give, run in order in the project's folder.

    A field that none gives is a fault.

    :raises BuildError: for a field that is not dynamic, or values that are wrong
    :raises HookFailed: when a provider raises
    """
    table: dict[str, Any] = dict(build.source.data["project"])
    if project.version is not None:
        table["version"] = project.version
    produced = {"version"} if project.version is not None else set()
    before = os.getcwd()
    os.chdir(build.root)  # providers name their files relative to the project
    try:
        for number, entry in enumerate(build.settings.providers):
            run_provider(build, number, entry, table, produced)
    finally:
        os.chdir(before)
    for at, field in enumerate(project.dynamic):
        if field not in produced and not field.startswith("import-name"):
            build.fault(
                ("project", "dynamic", at), f'no provider gives "{field}"', "see [[tool.dynamic-metadata]]"
            )
    faults: list[Fault] = []
    resolved = read_project({**build.source.data, "project": {**table, "dynamic": []}}, faults)
    if faults:
        given = "a provider of dynamic metadata gives " + "; ".join([fault.text() for fault in faults])
        raise BuildError(given, "", KEY)
    return resolved.replaced(dynamic=project.dynamic)


def run_provider(
    build: Build, number: int, entry: dict[str, Any], table: dict[str, Any], produced: set[str]
) -> None:
    """Merge what one provider gives into *table*."""
    provider, key = load_provider(build, number), (*KEY, number)
    if hasattr(provider, "build_state"):
        asked(number, entry, lambda _: provider.build_state(build.state))
    fragment = asked(number, entry, lambda settings: provider.dynamic_metadata(settings, dict(table)))
    shown = shown_name(entry)
    if not isinstance(fragment, dict):
        raise HookFailed(f"the provider gives {fragment!r}, which is no dict", "", key, shown)
    for field, value in fragment.items():
        if field not in build.project.dynamic:
            word = f'the provider gives "{field}", which is not dynamic'
            raise BuildError(word, "list it in project.dynamic", key, shown)
        try:
            table[field] = extend(field, table.get(field), value, field in produced)
        except BuildError as exc:
            raise BuildError(str(exc), exc.hint, key, shown) from exc
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
    for number, entry in enumerate(build.settings.providers):
        ask = getattr(load_provider(build, number), "dynamic_wheel", None)
        answer = asked(number, entry, ask, dict) if ask else {}
        found |= {field for field, changing in answer.items() if changing}
    return sorted(found - {"version"})
