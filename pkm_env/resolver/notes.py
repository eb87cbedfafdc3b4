"""What the steps of a derivation carry for people: who asked for what, and why versions are out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.model.requirements import Requirement
    from pkm_env.resolver.request import Origin

    Key = Any  # ROOT, a name, or a (name, extra) pair

ROOT = ""
ROOT_BIT = 2


class Ask:
    """One requirement as it was asked: by whom, where it stands, and what is odd about it.

    ``asker`` is a key of the solver, ``version`` that of the release that asks ("" for the project).
    ``why`` is "" or a phrase that says why nothing meets it.
    """

    __slots__ = ("asker", "origin", "overridden", "requirement", "version", "why")

    def __init__(
        self,
        asker: Key,
        version: str,
        requirement: Requirement,
        origin: Origin | None = None,
        *,
        why: str = "",
        overridden: bool = False,
    ) -> None:
        self.asker = asker
        self.version = version
        self.requirement = requirement
        self.origin = origin
        self.why = why
        self.overridden = overridden

    def copy(self) -> Ask:
        """Return the same requirement, of which something else may be odd."""
        return Ask(self.asker, self.version, self.requirement, self.origin, overridden=self.overridden)


class Excluded:
    """Why versions are out of question: ``kind`` is "unusable", "constraint" or "refused".

    ``python`` is the Requires-Python in the metadata that refuses a target's Python, "" where that is not why.
    """

    __slots__ = ("ask", "kind", "name", "python", "reason")

    def __init__(
        self, kind: str, name: str, reason: str = "", ask: Ask | None = None, *, python: str = ""
    ) -> None:
        self.python = python
        self.kind = kind
        self.name = name
        self.reason = reason
        self.ask = ask


def name_of(key: Key) -> str:
    """Return the name that a package of the solve has, or is an extra of."""
    return key if isinstance(key, str) else str(key[0])
