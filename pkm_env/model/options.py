"""How to resolve: the keys of ``[tool.pkm]`` that an environment may also say for itself."""

from __future__ import annotations

from pkm_build.grammar import is_name, normalise
from pkm_build.tables import kind_of
from pkm_env.model.distribution import tags_of_wheel, without_secrets_in
from pkm_env.model.requirements import parse_requirement, requirement_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from pkm_build.tables import Table
    from pkm_env.model.distribution import Source

RESOLUTIONS = ("highest", "lowest", "lowest-direct")
PRERELEASES = ("if-necessary", "never", "allow")


def covers(rule: bool | Collection[str], name: str) -> bool:
    """Whether a rule for all packages (True) or for a list of them holds for *name*."""
    return rule is True or (rule is not False and name in rule)


def keeps_from_building(rule: bool | Collection[str], name: str, source: Source) -> bool:
    """Whether the rule ``no-build`` forbids to build a source; a folder is the user's own, and is so only by name."""
    if source.kind == "archive" and tags_of_wheel(source.location):
        return False
    return covers(rule, name) and (rule is not True or source.kind != "directory")


class Options:
    """The rules of one solve.

    ``prereleases`` is one of PRERELEASES, or a dict of normalised names to them ("*" for the
    rest, "default" in the file). ``exclude_newer`` is None, a text (a date, a time in UTC, or a span such
    as "14 days"), or a dict of names, "index:NAME" and "default" to such texts or False. ``no_build``,
    ``no_binary`` and ``lock_build`` are True for all, else a tuple of normalised names. ``constraints`` and
    ``build_constraints`` are requirement texts.
    """

    __slots__ = (
        "build_constraints",
        "constraints",
        "exclude_newer",
        "lock_build",
        "no_binary",
        "no_build",
        "prereleases",
        "resolution",
    )

    def __init__(self) -> None:
        self.resolution = "highest"
        self.prereleases: str | dict[str, str] = "if-necessary"
        self.exclude_newer: str | dict[str, str | bool] | None = None
        self.constraints: tuple[str, ...] = ()
        self.no_build: bool | tuple[str, ...] = ()
        self.no_binary: bool | tuple[str, ...] = ()
        self.build_constraints: tuple[str, ...] = ()
        self.lock_build: bool | tuple[str, ...] = ()

    def replaced(self, **changes: Any) -> Options:
        """Return a copy with some values changed."""
        copy = Options()
        for name in self.__slots__:
            setattr(copy, name, changes.get(name, getattr(self, name)))
        return copy

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values, ordered and sorted so that equal options have equal plain forms."""
        return tuple(plain(getattr(self, name)) for name in self.__slots__)


def plain(value: Any) -> Any:
    """Return dicts as sorted tuples, and tuples of texts sorted."""
    if isinstance(value, dict):
        return tuple(sorted((key, plain(item)) for key, item in value.items()))
    return tuple(sorted(value)) if isinstance(value, tuple) else value


def read_options(table: Table, base: Options) -> Options:
    """Return *base* with what *table* says laid over it; faults are noted in the table."""
    changes: dict[str, Any] = {}
    if "resolution" in table.data:
        changes["resolution"] = table.choice("resolution", RESOLUTIONS, base.resolution)
    if "prereleases" in table.data:
        changes["prereleases"] = read_prereleases(table)
    if "exclude-newer" in table.data:
        changes["exclude_newer"] = read_cutoff(table)
    for key in ("constraints", "build-constraints"):
        if key in table.data:
            changes[key.replace("-", "_")] = read_bounds(table, key)
    for key in ("no-build", "no-binary", "lock-build"):
        if key in table.data:
            changes[key.replace("-", "_")] = read_names_or_all(table, key)
    return base.replaced(**changes)


def read_bounds(table: Table, key: str) -> tuple[str, ...]:
    """Return the requirements of a list that bound versions; faults are noted."""
    texts = table.strings(key)
    for at, text in enumerate(table.data[key] if texts else ()):
        if not isinstance(text, str):
            continue
        said = requirement_fault(text)
        if not said and parse_requirement(text).url:
            said = "it bounds no version; [tool.pkm.sources] binds a name to a place"
        elif not said and parse_requirement(text).extras:
            said = "a bound asks for no extras"
        elif not said and not parse_requirement(text).specifier:
            said = "it bounds no version"
        if said:
            table.fault((key, at), f'"{without_secrets_in(text)}": {said}')
    return texts


def read_names_or_all(table: Table, key: str) -> bool | tuple[str, ...]:
    """Return true, false as (), or the normalised names of a list."""
    value = table.raw(key)
    if isinstance(value, bool):
        return value or ()
    if not isinstance(value, list):
        table.fault(key, f"must be true, false or a list of names, not {kind_of(value)}")
        return ()
    names = table.strings(key)
    for at, name in enumerate(table.data[key] if names else ()):
        if isinstance(name, str) and not is_name(name):
            table.fault((key, at), f'"{name}" is no name of a package')
    return tuple(sorted({normalise(name) for name in names}))


def read_prereleases(table: Table) -> str | dict[str, str]:
    """Return the mode, or the modes by package."""
    if not isinstance(table.raw("prereleases"), dict):
        return table.choice("prereleases", PRERELEASES, "if-necessary")
    inner = table.table("prereleases")
    if inner is None:
        return "if-necessary"
    check_names(inner)
    return {
        "*" if name == "default" else normalise(name): inner.choice(name, PRERELEASES, "if-necessary")
        for name in inner.data
    }


def read_cutoff(table: Table) -> str | dict[str, str | bool] | None:
    """Return the cut-off as text, or the cut-offs by package and index."""
    value = table.raw("exclude-newer")
    if not isinstance(value, dict):
        return cutoff_text(table, "exclude-newer", value) or None
    inner = table.table("exclude-newer")
    if inner is None:
        return None
    check_names(inner)
    found: dict[str, str | bool] = {}
    for name, item in inner.data.items():
        if item is False:
            found[cutoff_key(name)] = False
        elif text := cutoff_text(inner, name, item):
            found[cutoff_key(name)] = text
    return found


def check_names(table: Table) -> None:
    """Note a fault for each key that is neither a package nor, of a cut-off, an index."""
    for name in table.data:
        is_index = name.startswith("index:") and table.key[-1] == "exclude-newer"
        if not is_index:
            check_name(table, name)


def check_name(table: Table, raw_name: str) -> None:
    """Note a fault where a key is no name of a package, or the same one as a key before it."""
    if not is_name(raw_name):
        table.fault(raw_name, "is no name of a package")
        return
    first = next(name for name in table.data if normalise(name) == normalise(raw_name))
    if first != raw_name:
        table.fault(raw_name, f'the same package as "{first}", as names are compared', "merge them")


def cutoff_key(name: str) -> str:
    """Return the normalised name of a package; "index:NAME" stays as it is."""
    return name if name.startswith("index:") else normalise(name)


def cutoff_text(table: Table, key: str, value: Any) -> str:
    """Return a date, a time in UTC or a span as text; "" with a fault noted where it is none of them."""
    # Only a cut-off pays for what reads times.
    from pkm_env.model.moments import normal_cut_off

    # What TOML reads as a date or a time by itself is written as RFC 3339 has it, with a space.
    text = value if isinstance(value, str) else str(value) if hasattr(value, "isoformat") else ""
    found = normal_cut_off(text)
    if not found:
        table.fault(
            key, "is neither a date nor a span", 'write "2026-01-31", a time in RFC 3339, or "14 days"'
        )
    return found
