"""Provision: the wheels that a sync wants: from the cache, fetched side by side, or built.

The second half of ``supply``: a lock from a warm cache needs none of it, a sync from one neither fetches nor builds.
"""

from __future__ import annotations

from pkm_env.wanted import check_release, is_wheel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.cache.wheels import WheelCache
    from pkm_env.fetch import Fetcher
    from pkm_env.model.ports import Reporter
    from pkm_env.sources import Sources
    from pkm_env.wanted import Wanted


class Provision:
    """Fetches and builds, each by a part that is made when it is first needed; see the module's docstring."""

    def __init__(
        self,
        wheels: WheelCache,
        fetcher: Callable[[], Fetcher],
        sources: Callable[[Fetcher], Sources],
    ) -> None:
        """Take the cache, and what makes the two parts."""
        self._wheels = wheels
        self._make_fetcher = fetcher
        self._make_sources = sources
        self._fetcher: Fetcher | None = None
        self._sources: Sources | None = None

    @property
    def fetcher(self) -> Fetcher:
        """What fetches whole files."""
        if self._fetcher is None:
            self._fetcher = self._make_fetcher()
        return self._fetcher

    @property
    def sources(self) -> Sources:
        """What reads and builds sources."""
        if self._sources is None:
            self._sources = self._make_sources(self.fetcher)
        return self._sources

    def wheels(
        self, wanted: Sequence[Wanted], reporter: Reporter, *, phase: str = "", nested: bool = False
    ) -> list[UnpackedWheel]:
        """Return the wheels of all *wanted*, in their order; *phase* is told when some have to be fetched.

        *nested*: they are for the environment of a build (``Sources.build_all``).

        What is not cached is fetched in parallel, the largest first, while it is hashed against the
        lock; sdists and sources are built when all is fetched, side by side.

        :raises IndexFailure: when a file cannot be had.
        :raises HashMismatch: when a file is not the one that was locked.
        :raises BadWheel: when a wheel breaks the rules of its format.
        :raises NoWheel: when a build fails, or a wheel is that of another release than was locked.
        """
        self._wheels.hold()
        found: list[UnpackedWheel | None] = [self._cached(item) for item in wanted]
        missing = [at for at, wheel in enumerate(found) if wheel is None]
        fetched = [at for at in missing if is_wheel(wanted[at])]
        if fetched:
            if phase:
                reporter.phase(phase)
            for at, wheel in zip(
                fetched, self.fetcher.wheels_of([wanted[at] for at in fetched], reporter), strict=True
            ):
                found[at] = wheel
        due = [at for at in missing if found[at] is None]
        if due:
            built = self.sources.build_all([wanted[at] for at in due], reporter, nested=nested)
            for at, wheel in zip(due, built, strict=True):
                found[at] = wheel
        for item, wheel in zip(wanted, found, strict=True):
            if wheel is not None and is_wheel(item):
                check_release(item, wheel)
        return [wheel for wheel in found if wheel is not None]

    def _cached(self, item: Wanted) -> UnpackedWheel | None:
        sha256 = item.hashes.get("sha256", "")
        return self._wheels.get(sha256) if sha256 and is_wheel(item) else None
