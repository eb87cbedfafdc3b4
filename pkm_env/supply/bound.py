"""BoundReleases: supplies under the rules of one environment: which index counts for a name, what may be built."""

from __future__ import annotations

from pkm_env.model.distribution import Unavailable
from pkm_env.model.options import covers, keeps_from_building

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pkm_env.model.distribution import Metadata, Source
    from pkm_env.model.ports import Listing
    from pkm_env.supply import Supply


class BoundReleases:
    """Asks *plain* for usual names, and for "NAME@INDEX" the supply in which that name is bound to that index.

    Nothing of the names in *unbuilt* (True: of any) is built to know its metadata, whatever the resolver tries.
    """

    def __init__(
        self, plain: Supply, bound: Callable[[str, str], Supply], unbuilt: bool | Collection[str] = ()
    ) -> None:
        self._plain = plain
        self._bound = bound
        self._unbuilt = unbuilt

    def _of(self, asked: str) -> tuple[Supply, str]:
        """Return whom to ask, and for which name."""
        name, _, index = asked.partition("@")
        return (self._bound(name, index) if index else self._plain), name

    def listing(self, name: str) -> Listing | Unavailable:
        """Return what the indexes that count say of a name."""
        supply, plain = self._of(name)
        return supply.listing(plain)

    def metadata(self, name: str, version: str) -> Metadata | Unavailable:
        """Return the metadata of a listed release."""
        supply, plain = self._of(name)
        return supply.metadata(plain, version, may_build=not covers(self._unbuilt, plain))

    def token(self, name: str, number: int) -> str:
        """Return what stands for the files of a version."""
        supply, plain = self._of(name)
        return supply.token(plain, number)

    def direct(self, name: str, source: Source) -> tuple[Source, Metadata] | Unavailable:
        """Return a source as it will be locked, and what is there."""
        if keeps_from_building(self._unbuilt, name, source):
            return Unavailable("no-build", "it would have to be built, and building it is not allowed")
        return self._plain.direct(name, source)

    def elsewhere(self, name: str) -> Sequence[tuple[str, Sequence[str] | None, str]]:
        """Return the indexes that do not count for a name."""
        return self._plain.elsewhere(name)

    def changed(
        self, bound: Mapping[str, str], cut_offs: Mapping[str, str | None], /
    ) -> BoundReleases | None:
        """Return the same releases under other rules; what is bound by a marker stays where it is."""
        plain = self._plain.changed(bound, cut_offs)

        def rebound(name: str, index: str) -> Supply:
            supply = self._bound(name, index)
            return (
                supply.changed({other: at for other, at in bound.items() if other != name}, cut_offs)
                or supply
            )

        return None if plain is None else BoundReleases(plain, rebound, self._unbuilt)

    def names(self) -> Iterable[str]:
        """Return the names that indexes can list without being asked for each."""
        return self._plain.names()

    def hint(self, names: Iterable[str] = (), releases: Iterable[tuple[str, str]] = ()) -> None:
        """Say what will probably be asked next."""
        usual = [release for release in releases if "@" not in release[0]]
        self._plain.hint(names, usual)
