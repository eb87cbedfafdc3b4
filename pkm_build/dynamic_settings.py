"""The settings of dynamic fields: ``[tool.pkm.version]`` and ``[[tool.dynamic-metadata]]``.

Loaded only where one of them is there.
"""

from __future__ import annotations

import re

from pkm_build import grammar
from pkm_build.grammar import NotUnderstood
from pkm_build.project import is_dotted
from pkm_build.tables import inside_only, kind_of, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_build.tables import Table

VERSION_KEYS = {
    "file": ("source", "path", "pattern"),
    "vcs": ("source", "tag-pattern", "template", "write-to"),
    "env": ("source", "variable"),
    "script": ("source", "path"),
}
ALL_KEYS = frozenset(key for keys in VERSION_KEYS.values() for key in keys)
# What a template's fields can look like, to see whether it gives versions.
SHOWN_FIELDS = {"{tag}": "1.2", "{distance}": "4", "{commit}": "0a1b2c3d4", "{date}": "20260131"}


def read_version(table: Table) -> dict[str, str]:
    """Return what ``[tool.pkm.version]`` says, "" for what is not there; paths and patterns at fault are left out."""
    source = table.choice("source", VERSION_KEYS, "")
    made = {
        "source": source,
        "path": path_at(table, "path"),
        "pattern": pattern_at(table, "pattern"),
        "variable": table.string("variable") or "",
        "tag_pattern": pattern_at(table, "tag-pattern"),
        "template": table.string("template") or "",
        "write_to": path_at(table, "write-to"),
    }
    if not table.data:
        return made
    if "source" not in table.data:
        table.fault("source", "is missing", f"it can be {listed(VERSION_KEYS)}")
    known = VERSION_KEYS.get(source, ALL_KEYS)
    for name in table.data:
        if name not in known and name in ALL_KEYS:
            right = [other for other, keys in VERSION_KEYS.items() if name in keys]
            table.fault(name, f'means nothing with source = "{source}"', f"it goes with {listed(right)}")
    table.refuse_unknown(ALL_KEYS)
    needed = {"script": "path", "env": "variable"}.get(source)
    if needed and needed not in table.data:
        table.fault(needed, f'is missing; source = "{source}" needs it')
    variable = made["variable"]
    if "=" in variable or not variable.isprintable():
        table.fault("variable", f"{variable!r} is no name of a variable")
        made["variable"] = ""
    check_template(made["template"], table)
    return made


def path_at(table: Table, name: str) -> str:
    """Return the path at *name*, "" where there is none or it leaves the project."""
    path = table.string(name)
    return path if path is not None and inside_only(table, (name,), path) else ""


def pattern_at(table: Table, name: str) -> str:
    """Return the regular expression at *name*, "" where there is none or it is wrong."""
    text = table.string(name) or ""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as exc:
        table.fault(name, f"is no regular expression: {exc}")
        return ""
    return text


def check_template(text: str, table: Table) -> None:
    """Note a template that can't give a version, whatever its fields are."""
    for field, value in SHOWN_FIELDS.items():
        text = text.replace(field, value)
    if text and "{" not in text:  # an unknown field was told before
        try:
            grammar.read_version(text)
        except NotUnderstood:
            table.fault("template", f'gives texts like "{text}", which is no version')


def read_entries(tool: Table) -> tuple[dict[str, Any], ...]:
    """Return the entries of ``[[tool.dynamic-metadata]]``, each with the key ``provider``."""
    found = []
    for entry in tool.tables("dynamic-metadata"):
        provider = entry.data.get("provider")
        before = len(tool.faults)
        if provider is None:
            entry.fault("provider", "is missing")
        elif isinstance(provider, dict):
            check_in_tree(entry)
        elif not isinstance(provider, str):
            entry.fault("provider", f"must be a name or {{ path, module }}, not {kind_of(provider)}")
        elif not provider.strip() or not provider.isprintable():
            entry.fault("provider", f"{provider!r} is no name of a provider")
        if len(tool.faults) == before:
            found.append(entry.data)
    return tuple(found)


def check_in_tree(entry: Table) -> None:
    """Note what is wrong with the ``{ path, module }`` of a provider in the tree."""
    inner = entry.table("provider")
    assert inner is not None
    inner.refuse_unknown(("path", "module"))
    values = {key: inner.string(key) for key in ("path", "module")}
    for key in values:
        if key not in inner.data:
            inner.fault(key, "is missing")
    if values["path"] is not None:
        inside_only(inner, ("path",), values["path"])
    if values["module"] is not None:
        module, colon, target = values["module"].partition(":")
        if not is_dotted(module) or (colon and not is_dotted(target)):
            inner.fault("module", f"{values['module']!r} is no module or module:object")
