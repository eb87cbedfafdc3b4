"""What the environments that are locked in one run share: what was chosen, and what was worked out."""

from __future__ import annotations

from pkm_env.lock.compose import Fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.lock.lockfile import LockedFile
    from pkm_env.model.ports import Memory, Releases
    from pkm_env.model.target import Target
    from pkm_env.resolver.common import Common


class LockRun:
    """One run of ``pkm lock``.

    ``chosen_here`` are the versions that were chosen, by strategy and target; ``chosen_now`` all of them by strategy
    and name, those for the newest Python first: what was chosen to be new is no wish of an environment that wants
    the oldest. ``targets`` are those of a Requires-Python and platforms, ``files`` those of entries, by release,
    targets and rules. ``several``: more than one environment is to be solved.
    """

    __slots__ = ("_commons", "_fits", "_memory", "chosen_here", "chosen_now", "files", "several", "targets")

    def __init__(self, memory: Memory) -> None:
        self.chosen_here: dict[str, dict[str, dict[str, str]]] = {}
        self.chosen_now: dict[str, dict[str, dict[str, None]]] = {}
        self.files: dict[Any, tuple[LockedFile, ...]] = {}
        self.several = False
        self.targets: dict[Any, tuple[Target, ...]] = {}
        self._memory = memory
        self._commons: dict[int, tuple[Releases, Common]] = {}
        self._fits: dict[tuple[str, ...], Fit] = {}

    def beside(self) -> LockRun:
        """Return a run for another side of the same lock: it prefers what was chosen, but not target by target."""
        other = LockRun(self._memory)
        other.chosen_now = self.chosen_now
        other.targets, other.several = self.targets, self.several
        other.files, other._commons, other._fits = self.files, self._commons, self._fits
        return other

    def common(self, releases: Releases) -> Common:
        """Return what the resolves over *releases* share."""
        from pkm_env.resolver.common import Common

        found = self._commons.get(id(releases))
        if found is None:
            made = Common(releases, self._memory, several=self.several)
            found = self._commons[id(releases)] = (releases, made)
        return found[1]

    def fit(self, targets: Sequence[Target]) -> Fit:
        """Return which of *targets* can install a wheel; the same value for the same targets."""
        key = tuple([target.key for target in targets])
        found = self._fits.get(key)
        if found is None:
            found = self._fits[key] = Fit(targets, self._memory)
        return found
