"""What one release needs, for all targets of a view at once.

A template holds the requirements of a release (or of one of its extras, or of the project), each with the
targets that it counts for. A target picks those whose bit is its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.resolver.fit import View
    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.walk import Refusal

    Key = Any  # ROOT, a name, or a (name, extra) pair
    Need = tuple[Key, int, Ask]

# The mask of all targets of any view.
EVERY = -1


class Row:
    """One requirement of a release: the targets it counts for (all patches, any), and what it needs.

    ``needs`` is kept where it is the same whoever asks for the release; ``is_own`` notes that it is not.
    """

    __slots__ = ("ask", "in_all", "in_any", "is_own", "needs", "number")

    def __init__(self, number: int, in_all: int, in_any: int, ask: Ask) -> None:
        self.number = number
        self.in_all = in_all
        self.in_any = in_any
        self.ask = ask
        self.needs: Sequence[Need] | Refusal | None = None
        self.is_own = False

    def among(self, in_all: int, in_any: int) -> Row:
        """Return the same requirement for other targets."""
        found = Row(self.number, in_all, in_any, self.ask)
        found.needs, found.is_own = self.needs, self.is_own
        return found


class Template:
    """The requirements of one release that count for any target of a view.

    ``always`` are their numbers where all of them count for every target, else None; where it ``is_plain`` it is the
    same for parts of these targets too. ``python`` is the Requires-Python of its metadata where that refuses a target,
    ``admitted`` the targets that it admits wholly.
    ``asked`` are the names it asks for; ``by_bit`` keeps the requirements that count for a target and what they
    need, where that is the same whoever asks.
    """

    __slots__ = (
        "_agreeing",
        "admitted",
        "always",
        "asked",
        "by_bit",
        "is_plain",
        "made",
        "names",
        "python",
        "requires_python",
        "rows",
    )

    def __init__(self, rows: Sequence[Row], every: int) -> None:
        self.python = ""
        self.admitted = EVERY
        self.rows = rows
        self.requires_python = ""
        self.asked = frozenset([row.ask.requirement.name for row in rows])
        self.by_bit: dict[int, tuple[tuple[int, ...], Sequence[Need]]] = {}
        self.always: tuple[int, ...] | None = None
        everywhere = [row.in_all for row in rows]
        self.is_plain = everywhere.count(EVERY) == len(rows)
        if self.is_plain or everywhere.count(EVERY) + everywhere.count(every) == len(rows):
            self.always = tuple([row.number for row in rows])
        self.made: dict[tuple[int, ...], Sequence[Need] | Refusal] = {}
        self.names: dict[tuple[int, ...], tuple[str, ...]] = {}
        self._agreeing: dict[tuple[int, ...], int] = {}

    def admit(self, view: View, requires_python: str) -> None:
        """Note which targets the metadata of a release admits; most often that is what the index said before."""
        self.requires_python = requires_python
        admitted = view.python_bits(requires_python)[0] if requires_python else view.targets.every
        if admitted != view.targets.every:
            self.admitted, self.python, self.is_plain = admitted, requires_python, False

    def among(self, view: View, extra: str) -> Template:
        """Return the same for a view of parts of these targets; what they need stays as it is."""
        if self.is_plain:
            return self
        rows = []
        for row in self.rows:
            marker = row.ask.requirement.marker
            in_all, in_any = view.targets.marker(marker, extra) if marker else (EVERY, EVERY)
            if in_any:
                rows.append(row.among(in_all, in_any))
        made = Template(rows, view.targets.every)
        made.made = self.made
        made.names = self.names
        made.admit(view, self.requires_python)
        return made

    def agreeing(self, active: tuple[int, ...]) -> int:
        """Return the targets for which exactly the requirements with the numbers *active* count."""
        found = self._agreeing.get(active)
        if found is None:
            found = self.admitted
            left = set(active)
            for row in self.rows:
                if row.number in left:
                    left.discard(row.number)
                    found &= row.in_all
                else:
                    found &= ~row.in_any
            found = self._agreeing[active] = 0 if left else found
        return found
