"""The table ``tool.pkm.overrides``: forced requirements, and repaired metadata of broken releases."""

from __future__ import annotations

from pkm_build.grammar import normalise
from pkm_env.model.markers import UnreadableMarker, parse_marker
from pkm_env.model.requirements import Requirement, parse_requirement
from pkm_env.model.versions import version_key
from pkm_env.resolver.request import QUESTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pkm_env.resolver.request import Origin

    Entries = tuple[Requirement, ...]


class Overrides:
    """What is asked for in place of what was written, by the asked name and by who asks."""

    __slots__ = ("_table", "everywhere", "of_package", "of_release")

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Read the table.

        :raises UnreadableRequirement: when an entry cannot follow a name in a requirement.
        """
        self._table = table
        self.everywhere: dict[str, Entries] = {}
        self.of_package: dict[str, dict[str, Entries]] = {}
        self.of_release: dict[tuple[str, Any], dict[str, Entries]] = {}
        for key, value in table.items():
            raw_name, pinned, version = key.partition("==")
            name = normalise(raw_name.strip())
            if not isinstance(value, dict):
                self.everywhere[name] = _entries(name, value)
                continue
            inner = {normalise(asked): _entries(normalise(asked), text) for asked, text in value.items()}
            if pinned:
                self.of_release[name, version_key(version.strip())] = inner
            else:
                self.of_package[name] = inner

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.of_package or self.of_release)

    def apply(self, asked: Requirement, asker: str, version: str) -> Sequence[Requirement]:
        """Return what is asked for in place of *asked*: none when it is dropped.

        *asker* and *version* are those of the release that asks, "" for the project. The narrowest
        override counts: for the release, for the package, for all.
        """
        entries = self._entries_for(asked.name, asker, version)
        if entries is None:
            return (asked,)
        return tuple(_laid_over(asked, entry) for entry in entries)

    def of_project(self, asked: Requirement, origin: Origin) -> Entries:
        """Return what the project asks for in place of *asked*; a question is about the very version that it names."""
        return (asked,) if origin.who == QUESTION else tuple(self.apply(asked, "", ""))

    def _entries_for(self, name: str, asker: str, version: str) -> Entries | None:
        entries = None
        if self.of_release and version:
            entries = self.of_release.get((asker, version_key(version)), {}).get(name)
        if entries is None and asker:
            entries = self.of_package.get(asker, {}).get(name)
        return self.everywhere.get(name) if entries is None else entries

    def path(self, asked: str, asker: str, version: str) -> tuple[str, ...]:
        """Return the keys, as they are written, of what counts when *asker* asks for *asked*; () for nothing."""
        found: dict[int, tuple[str, ...]] = {}
        for key, value in self._table.items():
            raw_name, pinned, release = key.partition("==")
            name = normalise(raw_name.strip())
            if not isinstance(value, dict):
                if name == asked:
                    found[0] = (key,)
                continue
            inner = next((raw for raw in value if normalise(raw) == asked), None)
            if inner is None or name != asker:
                continue
            if not pinned:
                found[1] = (key, inner)
            elif version and version_key(release.strip()) == version_key(version):
                found[2] = (key, inner)
        return found[max(found)] if found else ()

    def repaired(self, text: str, asker: str, version: str) -> Requirement | None:
        """Return what an unreadable requirement is about, where something else is asked for in its place.

        Its marker stays where that can be read.
        """
        head, _, marker = text.partition(";")
        end = 0
        while end < len(head) and (head[end].isalnum() or head[end] in "._-"):
            end += 1
        if not end:
            return None
        name, marker = normalise(head[:end]), marker.strip()
        if self._entries_for(name, asker, version) is None:
            return None
        try:
            if marker:
                parse_marker(marker)
        except UnreadableMarker:
            marker = ""
        return Requirement(name, marker=marker)

    def replaces(self, asked: Requirement, asker: str, version: str) -> bool:
        """Return whether something else is asked for in place of *asked*."""
        return bool(self) and tuple(self.apply(asked, asker, version)) != (asked,)


def _entries(name: str, value: Any) -> Entries:
    if value is False:
        return ()
    texts = [value] if isinstance(value, str) else list(value)
    return tuple(_entry(name, text.strip()) for text in texts)


def _entry(name: str, text: str) -> Requirement:
    if text.startswith("*"):
        text = text[1:].lstrip()
    return parse_requirement(f"{name} {text}" if text else name)


def _laid_over(asked: Requirement, entry: Requirement) -> Requirement:
    marker = asked.marker
    if entry.marker:
        marker = f"({marker}) and ({entry.marker})" if marker else entry.marker
    return Requirement(asked.name, entry.extras or asked.extras, entry.specifier, entry.url, marker)
