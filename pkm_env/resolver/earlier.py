"""What was chosen for the targets that were solved before: each target prefers that."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from pkm_env.model.target import Target

    class Answers(Protocol):
        """Answers for several targets, looked up by name (``closure.Closure``)."""

        def version(self, name: str, bit: int) -> int:
            """Return the version that the target *bit* has of a package, 0 where it needs none."""


class Earlier:
    """What was chosen for the targets before, as versions by name in the order of the targets."""

    __slots__ = ("_asked", "_closed", "_pythons", "_targets", "_versions")

    def __init__(self) -> None:
        self._versions: dict[str, list[int]] = {}
        self._targets: dict[tuple[str, int], Target] = {}
        self._pythons: dict[tuple[str, int], set[str]] = {}
        self._closed: list[tuple[Answers, int, Target]] = []
        self._asked: dict[str, int] = {}

    def copy(self) -> Earlier:
        """Return the same, to be added to on its own."""
        other = Earlier()
        other._versions = {name: [*versions] for name, versions in self._versions.items()}
        other._targets, other._asked = dict(self._targets), dict(self._asked)
        other._pythons = {place: set(pythons) for place, pythons in self._pythons.items()}
        other._closed = [*self._closed]
        return other

    def get(self, name: str) -> Sequence[int]:
        """Return the versions of a package; those of closures are looked up now, as few are ever asked for."""
        if not self._closed:
            return self._versions.get(name, ())
        found = self._versions.setdefault(name, [])
        for closure, bit, target in self._closed[self._asked.get(name, 0) :]:
            version = closure.version(name, bit)
            if version:
                self._note(found, name, version, target)
        self._asked[name] = len(self._closed)
        return found

    def __bool__(self) -> bool:
        return bool(self._versions or self._closed)

    def target(self, name: str, version: int) -> Target:
        """Return the target that one of the versions of a package was chosen for first."""
        return self._targets[name, version]

    def pythons(self, name: str, version: int) -> set[str]:
        """Return the Pythons for which one of the versions of a package was chosen."""
        return self._pythons[name, version]

    def note(self, versions: Mapping[str, int], target: Target) -> None:
        """Note what was chosen for one more target."""
        for name, version in versions.items():
            self.get(name)
            self._note(self._versions.setdefault(name, []), name, version, target)

    def _note(self, known: list[int], name: str, version: int, target: Target) -> None:
        place = (name, version)
        if place in self._targets:
            self._pythons[place].add(target.python)
        else:
            known.append(version)
            self._targets[place] = target
            self._pythons[place] = {target.python}

    def note_closed(self, closure: Answers, bit: int, target: Target) -> None:
        """Note that a closure has the answer for one more target, *bit* of its view."""
        self._closed.append((closure, bit, target))
