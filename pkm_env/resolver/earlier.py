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

    __slots__ = ("_asked", "_closed", "_targets", "_versions")

    def __init__(self) -> None:
        self._versions: dict[str, list[int]] = {}
        self._targets: dict[tuple[str, int], Target] = {}
        self._closed: list[tuple[Answers, int, Target]] = []
        self._asked: dict[str, int] = {}

    def get(self, name: str, _default: Sequence[int] = ()) -> Sequence[int]:
        """Return the versions of a package; those of closures are looked up now, as few are ever asked for."""
        if not self._closed:
            return self._versions.get(name, ())
        found = self._versions.setdefault(name, [])
        for closure, bit, target in self._closed[self._asked.get(name, 0) :]:
            version = closure.version(name, bit)
            if version and version not in found:
                found.append(version)
                self._targets[name, version] = target
        self._asked[name] = len(self._closed)
        return found

    def __bool__(self) -> bool:
        return bool(self._versions or self._closed)

    def target(self, name: str, version: int) -> Target:
        """Return the target that one of the versions of a package was chosen for first."""
        return self._targets[name, version]

    def note(self, versions: Mapping[str, int], target: Target) -> None:
        """Note what was chosen for one more target."""
        for name, version in versions.items():
            if version not in self.get(name):
                self._versions.setdefault(name, []).append(version)
                self._targets[name, version] = target

    def note_closed(self, closure: Answers, bit: int, target: Target) -> None:
        """Note that a closure has the answer for one more target, *bit* of its view."""
        self._closed.append((closure, bit, target))
