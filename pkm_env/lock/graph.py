"""What a section holds, as a graph: who asks for whom, from its own requirements down."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pkm_env.lock.lockfile import Lock, LockedPackage


class Graph:
    """The entries of one section.

    ``packages`` maps (name, version) to entries, ``needs`` to sorted keys of what each needs, ``asked`` to
    sorted keys of who needs it. ``roots`` are the keys that the environment itself asks for, and those for which no
    entry asks: an extra of the project, which is no entry, may do so for a package that has asked for it.
    """

    __slots__ = ("asked", "needs", "packages", "roots")

    def __init__(self, packages: Iterable[LockedPackage], requested: Iterable[str]) -> None:
        self.packages = {(package.name, package.version): package for package in packages}
        by_name: dict[str, list[tuple[str, str]]] = {}
        for key in self.packages:
            by_name.setdefault(key[0], []).append(key)
        self.needs: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.asked: dict[tuple[str, str], list[tuple[str, str]]] = {key: [] for key in self.packages}
        for key, package in sorted(self.packages.items()):
            needed = {found for edge in package.requires for found in self.resolved(edge, by_name)}
            self.needs[key] = sorted(needed)
            for other in self.needs[key]:
                self.asked[other].append(key)
        roots = {key for name in requested for key in by_name.get(name, ())}
        self.roots = sorted(roots.union(key for key, askers in self.asked.items() if not askers))

    def resolved(
        self, edge: tuple[str, str], by_name: Mapping[str, Sequence[tuple[str, str]]]
    ) -> Sequence[tuple[str, str]]:
        """Return the entries of this section that an edge means: a folder has no version in the lock.

        Edges of an entry that sections share are those of all of them; one to a version that this section does
        not hold is another section's.
        """
        if edge in self.packages:
            return [edge]
        return [key for key in by_name.get(edge[0], ()) if not (key[1] and edge[1])]

    def named(self, name: str) -> list[tuple[str, str]]:
        """Return the keys of the entries with this name."""
        return [key for key in sorted(self.packages) if key[0] == name]

    def chains(self, goal: tuple[str, str], limit: int = 20) -> list[list[tuple[str, str]]]:
        """Return the shortest chain to *goal* from each root that leads there, at most *limit*."""
        found = []
        for root in self.roots:
            chain = self.chain(root, goal)
            if chain:
                found.append(chain)
        return sorted(found, key=lambda chain: (len(chain), chain))[:limit]

    def chain(self, start: tuple[str, str], goal: tuple[str, str]) -> list[tuple[str, str]]:
        """Return the shortest chain from one entry to another, [] where there is none."""
        came: dict[tuple[str, str], tuple[str, str] | None] = {start: None}
        waiting = [start]
        while waiting and goal not in came:
            later = []
            for key in waiting:
                for other in self.needs[key]:
                    if other not in came:
                        came[other] = key
                        later.append(other)
            waiting = later
        if goal not in came:
            return []
        chain = []
        at: tuple[str, str] | None = goal
        while at is not None:
            chain.append(at)
            at = came[at]
        return chain[::-1]


def section_graph(lock: Lock, section: str, requested: Iterable[str], own: str) -> Graph:
    """Return the graph of a section, the project itself left out: what it asks for are the roots."""
    packages = [
        package
        for package in lock.of_section(section)
        if not (package.name == own and package.source is not None and package.source.kind == "directory")
    ]
    return Graph(packages, requested)


def shown(key: tuple[str, str]) -> str:
    """Return an entry as people name it."""
    return f"{key[0]} {key[1]}".strip()


def tree_lines(graph: Graph, depth: int, *, invert: str = "") -> list[str]:
    """Return the lines of a tree from the roots down, or from *invert* up to who asks for it.

    What was shown once with all below it is marked (*) the next time.
    """
    lines: list[str] = []
    seen: set[tuple[str, str]] = set()
    below = graph.asked if invert else graph.needs
    starts = graph.named(invert) if invert else graph.roots

    def walk(key: tuple[str, str], prefix: str, branch: str, level: int) -> None:
        children = below[key]
        again = key in seen and bool(children)
        lines.append(f"{prefix}{branch}{shown(key)}{' (*)' if again else ''}")
        if again or level >= depth:
            return
        seen.add(key)
        inner = prefix + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
        for at, child in enumerate(children):
            walk(child, inner, "└── " if at == len(children) - 1 else "├── ", level + 1)

    for start in starts:
        walk(start, "", "", 0)
    return lines
