"""The easy way through a problem, and what it shares with the solver: the terms of both.

A package has *states*: bit 0 means "not selected", each higher bit one version. Most problems have no
conflict, and ``walk`` goes straight through these; for the others ``solver`` is loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    Mask = int
    Need = tuple[Any, Mask, Any]  # a package, the states that are allowed, a note for the explanation

    class Problem(Protocol):
        """What the solver asks of the world. Packages are any hashable values."""

        def states(self, package: Any) -> Mask:
            """Return all states of *package*, bit 0 too."""

        def leader(self, package: Any) -> Any:
            """Return the package whose version *package* has to share, or None."""

        def choose(self, package: Any, mask: Mask) -> tuple[Mask, Any]:
            """Return one version out of *mask* and None; or versions that are out of question, and why.

            The second answer must not leave all of *mask* open.
            """

        def needs(self, package: Any, version: Mask) -> Sequence[Need] | Refusal:
            """Return what one version needs, or that it cannot be used."""

        def alike(self, package: Any, version: Mask, needed: Any, allowed: Mask) -> Mask:
            """Return all versions known to need *needed* in *allowed* too, *version* among them."""

        def clashing(self, package: Any, version: Mask, need: Need, states: Mask) -> tuple[Mask, Mask, Any]:
            """Return all versions known to need what *need* needs in none of *states*, *version* among them.

            With them come the states that any of them allows, and a note for all.
            """

        def rejected(self, package: Any, mask: Mask, count: int) -> None:
            """Hear that *package* was rejected *count* times, and what of it is still open."""

        def visit(self, packages: Sequence[tuple[Any, Mask]]) -> None:
            """Hear which packages will be decided soon, and what of them is open."""

    class KnownProblem(Problem, Protocol):
        """A problem much like others that were solved before."""

        def known(self, package: Any, mask: Mask) -> tuple[Mask, Sequence[Need]] | None:
            """Return what ``choose`` and ``needs`` would answer, where that is known already."""

else:
    Protocol = object

SELECT_ROOT = "root"
NEEDS = "needs"
TIED = "tied"
EXCLUDED = "excluded"
DERIVED = "derived"


class Incompatibility:
    """Terms that must not all hold, and why.

    ``terms`` maps packages to masks. ``kind`` is SELECT_ROOT (the root is wanted), NEEDS (a dependency),
    TIED (two packages share their version), EXCLUDED (versions that are out of question) or DERIVED,
    which follows from ``left`` and ``right``. ``note`` is the problem's own.
    """

    __slots__ = ("kind", "left", "note", "right", "terms")

    def __init__(
        self,
        terms: dict[Any, Mask],
        kind: str,
        note: Any = None,
        left: Incompatibility | None = None,
        right: Incompatibility | None = None,
    ) -> None:
        self.terms = terms
        self.kind = kind
        self.note = note
        self.left = left
        self.right = right


class Refusal:
    """A version that cannot be used; *note* is the problem's own."""

    __slots__ = ("note",)

    def __init__(self, note: Any) -> None:
        self.note = note


class Unsolvable(Exception):
    """No selection of versions meets all needs; *cause* is the root of the derivation."""

    def __init__(self, cause: Incompatibility) -> None:
        super().__init__("no solution")
        self.cause = cause


def walk(problem: KnownProblem, root: Any) -> dict[Any, Mask] | None:  # noqa: C901 - one loop, one turn per package
    """Return what ``Solver.solve`` finds where nothing conflicts on the way, None as soon as something does.

    It decides the same packages in the same order by the same masks, but learns nothing and keeps no
    trail: a twentieth of the work, and most problems need no more.
    """
    open_masks: dict[Any, Mask] = {root: problem.states(root) & ~1}
    decided: dict[Any, Mask] = {}
    queue = [root]
    for package in queue:
        leader = problem.leader(package)
        for one in (package,) if leader is None else (leader, package):
            if one in decided:
                continue
            mask = open_masks[one]
            if one is package and leader is not None:
                mask &= decided[leader]
            if not mask:
                return None
            found = problem.known(one, mask) or _ask(problem, one, mask)
            if found is None:
                return None
            version, needs = found
            decided[one] = version
            fresh = []
            for needed, allowed, _note in needs:
                before = open_masks.get(needed)
                if before is None:
                    queue.append(needed)
                    fresh.append(needed)
                    before = -2
                open_masks[needed] = before & allowed
                if not before & allowed or (needed in decided and not decided[needed] & allowed):
                    return None
            if fresh:
                problem.visit([(needed, open_masks[needed]) for needed in fresh])
    return decided


def _ask(problem: Problem, package: Any, mask: Mask) -> tuple[Mask, Sequence[Need]] | None:
    """Return the version that the problem chooses and what it needs, None where there is more to it."""
    version, excluded = problem.choose(package, mask)
    if excluded is not None:
        return None
    needs = problem.needs(package, version)
    return None if isinstance(needs, Refusal) else (version, needs)


class Counts:
    """How much work a solve was: decisions made, conflicts met, incompatibilities looked at."""

    __slots__ = ("checks", "conflicts", "decisions")

    def __init__(self) -> None:
        self.decisions = 0
        self.conflicts = 0
        self.checks = 0
