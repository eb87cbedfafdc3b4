"""Supplies as ``context`` makes them, over one cache, with all that they tell kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pkm_env.cache.memory import StoredMemory
from pkm_env.cache.pages import MetadataCache, PageCache
from pkm_env.cache.store import Store
from pkm_env.cache.wheels import WheelCache
from pkm_env.fetch import Fetcher
from pkm_env.index.auth import Credentials
from pkm_env.index.client import IndexClient
from pkm_env.index.crew import Crew
from pkm_env.index.http import Http
from pkm_env.index.spec import IndexSpec
from pkm_env.mirrors import Mirrors
from pkm_env.model.ports import Listing
from pkm_env.provision import Provision
from pkm_env.sources import Sources
from pkm_env.supply import Supply

if TYPE_CHECKING:
    from pathlib import Path

    from pkm_env.sources import Builder
    from tests.support.index_server import LocalIndex


class Told:
    """A Reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.started: list[str] = []

    def note(self, text: str, environment: str = "") -> None:
        self.notes.append(f"{environment}: {text}" if environment else text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def phase(self, text: str) -> None:
        self.started.append(text)

    def start(self, kind: str, name: str, total: int | None = None) -> int:
        self.started.append(f"{kind} {name} {total}")
        return len(self.started)

    def advance(self, number: int, amount: int) -> None:
        pass

    def finish(self, number: int) -> None:
        pass


class World:
    """Makes supplies that share one cache; ``connected`` counts how often one needed the network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = Told()
        self.connected = 0
        self.pauses: list[float] = []
        self.now_s = time.time()
        self.environ: dict[str, str] = {}
        self.builder: Builder | None = None
        self.made: list[Supply] = []

    def supply(self, *indexes: IndexSpec, **options: Any) -> Supply:
        store = Store(str(self.folder / "cache"), self.told.warn)

        wheels = WheelCache(store)

        def connect() -> tuple[IndexClient, Crew]:
            self.connected += 1
            http = Http(Credentials(indexes, self.environ), timeout_s=5, sleep=self.pauses.append)
            return IndexClient(http), Crew(8)

        supply = Supply(
            indexes,
            PageCache(store),
            lambda: MetadataCache(store),
            connect,
            self.told,
            now_s=self.now_s,
            provision=lambda: Provision(
                wheels,
                lambda: Fetcher(
                    wheels,
                    lambda: supply.network,
                    StoredMemory(store),
                    mirrors=Mirrors(supply, offline=options.get("offline", False)),
                    offline=options.get("offline", False),
                ),
                lambda fetcher: Sources(
                    fetcher, wheels, builder=None if self.builder is None else lambda: self.builder
                ),
            ),
            **options,
        )
        self.made.append(supply)
        return supply

    def close(self) -> None:
        for supply in self.made:
            supply.close()


def spec(index: LocalIndex, name: str = "main", **how: Any) -> IndexSpec:
    """The place of a served index."""
    return IndexSpec(name, index.url, **how)


def listed(supply: Supply, name: str) -> Listing:
    """The listing of a name that is there."""
    found = supply.listing(name)
    assert isinstance(found, Listing), found
    return found
