"""Typed reading of a parsed TOML table that knows its key path and collects every fault.

Getters never raise: a value of the wrong type is noted as a fault, and the default returned in its place, so
that one run over a file names all that is wrong with it.
"""

from __future__ import annotations

from pkm_build.errors import Fault, show_key
from pkm_build.grammar import is_device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# The keys of [tool.pkm], said once for both packages: what the backend reads, what the environment manager reads,
# and how it resolves, which an environment may say for itself.
BACKEND_KEYS = ("version", "build", "properties", "profiles")
MANAGER_KEYS = ("env", "sources", "index", "overrides", "tasks", "workspace")
RESOLUTION_KEYS = (
    "resolution",
    "prereleases",
    "exclude-newer",
    "constraints",
    "no-build",
    "no-binary",
    "build-constraints",
    "lock-build",
)
PKM_KEYS = (*BACKEND_KEYS, *MANAGER_KEYS, *RESOLUTION_KEYS)


class Table:
    """A parsed table at the key path *key*; its *faults* are shared with all tables read from it."""

    __slots__ = ("data", "faults", "key")

    def __init__(
        self, data: dict[str, Any], key: tuple[str | int, ...] = (), faults: list[Fault] | None = None
    ) -> None:
        self.data = data
        self.key = key
        self.faults = [] if faults is None else faults

    def fault(self, name: str | int | tuple[str | int, ...], message: str, hint: str = "") -> None:
        """Note that the value at *name* (a key, or a path below this table) is wrong."""
        path = name if isinstance(name, tuple) else (name,)
        self.faults.append(Fault(self.key + path, message, hint))

    def raw(self, name: str) -> Any:
        """Return the parsed value as it is, or None."""
        return self.data.get(name)

    def string(self, name: str, default: str | None = None) -> str | None:
        """Return a text, *default* where the key is missing."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.fault(name, f"must be a string, not {kind_of(value)}")
            return default
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """Return true or false, *default* where the key is missing."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(name, f"must be true or false, not {kind_of(value)}")
            return default
        return value

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number, *default* where the key is missing."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self.fault(name, f"must be a whole number, not {kind_of(value)}")
            return default
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty where the key is missing; elements of another type are left out."""
        value = self.data.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            hint = f'write ["{value}"]' if isinstance(value, str) and value.isprintable() else ""
            self.fault(name, f"must be a list of strings, not {kind_of(value)}", hint)
            return ()
        for at, item in enumerate(value):
            if not isinstance(item, str):
                self.fault((name, at), f"must be a string, not {kind_of(item)}")
        return tuple([item for item in value if isinstance(item, str)])

    def table(self, name: str) -> Table | None:
        """Return the table at *name*, None where the key is missing."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(name, f"must be a table, not {kind_of(value)}")
            return None
        return Table(value, (*self.key, name), self.faults)

    def tables(self, name: str) -> list[Table]:
        """Return the tables of an array of tables, empty where the key is missing."""
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            hint = f"write [[{show_key((*self.key, name))}]]" if isinstance(value, dict) else ""
            self.fault(name, f"must be an array of tables, not {kind_of(value)}", hint)
            return []
        found = []
        for at, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Table(item, (*self.key, name, at), self.faults))
            else:
                self.fault((name, at), f"must be a table, not {kind_of(item)}")
        return found

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """Return one of the *allowed* words, *default* where the key is missing."""
        value = self.string(name)
        if value is None:
            return default
        words = list(allowed)
        if value not in words:
            hint = meant(value, words, "it can be " + listed(words))
            self.fault(name, f'unknown value "{value}"', hint)
            return default
        return value

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Note every key that is not *known*, with the known key that it resembles."""
        names = known if isinstance(known, (tuple, frozenset, set)) else tuple(known)
        for name in self.data:
            if name not in names:
                free = [other for other in names if other not in self.data]
                self.fault(name, "unknown key", meant(name, free))


def inside_only(table: Table, key: tuple[str | int, ...], path: object, outside: bool = False) -> bool:
    """Note a path that is absolute, not plain, or (unless *outside* is allowed) leaves the project; True when fine."""
    if not isinstance(path, str):
        return False
    shown = path if path.isprintable() else path.encode("unicode_escape").decode()
    parts = path.split("/")
    if not path.isprintable():
        table.fault(key, f'"{shown}" has control characters')
    elif path[:1] in ("/", "\\") or path[1:2] == ":" or "\\" in path or path == "":
        table.fault(key, f'"{shown}" must be a relative path with "/" between folders')
    elif ".." in parts and not outside:
        table.fault(
            key, f'"{shown}" must not leave the project', "[tool.pkm.build.map] can name files outside"
        )
    elif "" in parts[:-1] or "." in parts[1:]:
        table.fault(
            key, f'"{shown}" is not written plainly', 'one "/" between folders, and no "." among them'
        )
    else:
        return True
    return False


def in_wheel(table: Table, key: tuple[str | int, ...], path: str) -> bool:
    """Note a path in a wheel that some system can't have, or that is not for authors to fill; True when fine."""
    if not inside_only(table, key, path):
        return False
    for part in path.rstrip("/").split("/"):
        if part in (".", "") or part[-1] in ". " or set(part) & set(':*?"<>|') or is_device(part):
            table.fault(key, f'"{path}" is no path that every system can have', f'mind "{part}"')
            return False
    if path.partition("/")[0].rstrip("/").endswith((".dist-info", ".data")):
        table.fault(
            key, f'"{path}" would write into the metadata of a package', "tool.pkm.build.data has the schemes"
        )
        return False
    return True


def paths_of(table: Table, name: str) -> tuple[str, ...]:
    """Return the paths of a list that stay in the project; the others are noted."""
    value = table.data.get(name)
    if not isinstance(value, list):
        return table.strings(name)
    table.strings(name)
    return tuple([path for at, path in enumerate(value) if inside_only(table, (name, at), path)])


def kind_of(value: object) -> str:
    """Return TOML's word for the type of a parsed *value*, with its article."""
    kinds = (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "an integer"),
        (float, "a float"),
        (list, "an array"),
        (dict, "a table"),
    )
    for cls, word in kinds:
        if isinstance(value, cls):
            return word
    return "a date or time"


def listed(words: Iterable[str], last: str = "or") -> str:
    """Return quoted *words* as one would say them: ``"a", "b" or "c"``."""
    quoted = [f'"{word}"' for word in words]
    if len(quoted) <= 1:
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + f" {last} " + quoted[-1]


def meant(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the hint that names what *word* was probably meant to be, *otherwise* where none of *known* is near."""
    near = did_you_mean(word, known)
    return f'did you mean "{near}"?' if near else otherwise


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that *word* most likely was meant to be, None where none is near.

    Near is an edit distance (with swaps of neighbours) of at most a third of the length, or the same letters
    but for case, hyphens and underscores; the nearest wins, then the first in order.
    """
    best: tuple[int, str] | None = None
    plain = word.lower().replace("_", "-")
    for candidate in sorted(candidates):
        other = candidate.lower().replace("_", "-")
        limit = max(1, max(len(plain), len(other)) // 3)
        if plain == other:
            distance = 0
        elif abs(len(plain) - len(other)) > limit:
            continue
        elif plain.rstrip("s") == other.rstrip("s"):
            distance = 1
        else:
            distance = edits(plain, other)
        if distance <= limit and (best is None or distance < best[0]):
            best = (distance, candidate)
    return best[1] if best else None


def edits(one: str, two: str) -> int:
    """Return how many insertions, removals, changes and swaps of neighbours lead from *one* to *two*."""
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(two, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
