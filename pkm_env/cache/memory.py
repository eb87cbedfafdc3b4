"""Memory: small things derived once, in files of their own.

Implements ``model.ports.Memory``. The key of a thing is its whole input; what is kept is key and value,
so that two keys with one digest never give each other's values.
"""

from __future__ import annotations

import os
from _blake2 import blake2b

from pkm_env.cache.store import MEMORY, pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.cache.store import Store


class StoredMemory:
    """A Memory in the cache's folder, behind what this process has seen."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[tuple[str, str], Any] = {}

    def recall(self, kind: str, key: str) -> Any:
        """Return the value remembered under *key*, None when there is none."""
        seen = self._seen.get((kind, key))
        if seen is not None:
            return seen
        match unpack(self._store.read(self._path(kind, key))):
            case (kept, value) if kept == key:
                self._seen[kind, key] = value
                return value
        return None

    def holds(self, kind: str, key: str) -> bool:
        """Whether something is kept under *key*, which may be damaged."""
        return (kind, key) in self._seen or os.path.exists(self._path(kind, key))

    def remember(self, kind: str, key: str, value: Any) -> None:
        """Keep *value*; nothing happens where it cannot be kept."""
        self._seen[kind, key] = value
        try:
            data = pack((key, value))
        except ValueError:
            # marshal takes no foreign objects: then it is remembered in this process alone.
            return
        self._store.write(self._path(kind, key), data)

    def _path(self, kind: str, key: str) -> str:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return self._store.path(MEMORY, kind, digest)
