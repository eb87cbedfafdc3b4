"""Predicates that were worked out in an earlier resolve: parsed requirements, masks, truths of markers.

Each entry is keyed by its whole input (the digest of a listing and a specifier; a set of targets and a
marker), so an entry is never wrong, and losing it costs time alone. One notebook serves all environments
of a project that have the same targets. What a run did not use stays for the others, until it is much
more than what is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.model.ports import Memory

FORMAT = 1
_MOST_UNUSED = 4  # entries that were not used, for each that was
_SMALL = 100  # entries that are no matter
_MOST_PAGES = 100  # each view of targets has three
KIND = "resolve"


class Page:
    """One kind of entries: those of earlier runs, and those used in this one."""

    __slots__ = ("_growing", "_old", "_was_kept", "used")

    def __init__(self, old: dict[Any, Any] | None = None) -> None:
        self._old = old or {}
        self.used: dict[Any, Any] = {}
        self._was_kept = False
        self._growing: list[tuple[dict[Any, Any], int]] = []

    @property
    def grown(self) -> bool:
        """Whether anything was added in this run."""
        return self._was_kept or any(len(entry) != size for entry, size in self._growing)

    def find(self, key: Any) -> Any:
        """Return the entry under *key*, None when there is none."""
        found = self.used.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.used[key] = found
        return found

    def keep(self, key: Any, value: Any) -> None:
        """Write down an entry."""
        self.used[key] = value
        self._was_kept = True

    def entries(self) -> dict[Any, Any]:
        """Return what to write: all entries, or those used where the others are far more."""
        if len(self._old) > _MOST_UNUSED * len(self.used) + _SMALL:
            return self.used
        return {**self._old, **self.used}

    def settle(self) -> None:
        """Count from now on what is added."""
        self._was_kept = False
        self._growing = [(entry, len(entry)) for entry, _size in self._growing]

    def watch(self, entry: dict[Any, Any]) -> None:
        """Hear of an entry that grows by itself."""
        self._growing.append((entry, len(entry)))


class Notebook:
    """The pages of one project, by name; a page is made when it is first asked for."""

    __slots__ = ("_key", "_memory", "_old", "_pages")

    def __init__(self, memory: Memory, key: str) -> None:
        self._memory = memory
        self._key = key
        self._old: dict[str, dict[Any, Any]] = {}
        match memory.recall(KIND, key):
            case (form, pages) if form == FORMAT:
                self._old = pages
        self._pages: dict[str, Page] = {}

    def page(self, name: str) -> Page:
        """Return the page of that name."""
        found = self._pages.get(name)
        if found is None:
            found = self._pages[name] = Page(self._old.get(name))
        return found

    def save(self) -> None:
        """Keep what was used, where something was added."""
        if not any(page.grown for page in self._pages.values()):
            return
        pages = {name: page.entries() for name, page in self._pages.items()}
        if len(self._old) <= _MOST_PAGES:
            pages = {**self._old, **pages}
        self._memory.remember(KIND, self._key, (FORMAT, pages))
        for page in self._pages.values():
            page.settle()
