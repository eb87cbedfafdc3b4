"""Which of several targets can install a wheel: its tags answered once, as one bit for each target."""

from __future__ import annotations

from pkm_env.model.tags import tag_columns, tag_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.model.tags import TagParts
    from pkm_env.model.target import Target


class TagSet:
    """The wheel tags of several targets, one bit each."""

    __slots__ = ("_columns", "_given", "_known", "_parts")

    def __init__(self, targets: Sequence[Target]) -> None:
        self._parts: list[tuple[int, TagParts]] = []
        self._given: list[tuple[int, Target]] = []
        for place, target in enumerate(targets):
            if target.has_own_tags:
                self._given.append((1 << place, target))
            else:
                parts = tag_parts(target.python, target.implementation, target.platform)
                self._parts.append((1 << place, parts))
        self._known: dict[str, int] = {}
        self._columns: dict[tuple[str, ...], int] = {}

    def bits(self, tags: str) -> int:
        """Return the targets that can install a wheel with the compressed tag set *tags*."""
        found = self._known.get(tags)
        if found is None:
            found = self._known[tags] = self._ask(tags)
        return found

    def _ask(self, tags: str) -> int:
        found = 0
        pythons, abis, platforms = tag_columns(tags)
        for platform in platforms:
            there = -1 if platform == "any" else self._platform(platform)
            if not there:
                continue
            for python in pythons:
                for abi in abis:
                    found |= there & self._pair(python, abi, platform == "any")
        for bit, target in self._given:
            if target.takes(tags):
                found |= bit
        return found

    def _platform(self, platform: str) -> int:
        key = (platform,)
        found = self._columns.get(key)
        if found is None:
            found = sum(bit for bit, parts in self._parts if platform in parts.platforms)
            self._columns[key] = found
        return found

    def _pair(self, python: str, abi: str, anywhere: bool) -> int:
        key = (python, abi, "any" if anywhere else "")
        found = self._columns.get(key)
        if found is None:
            pair = (python, abi)
            found = sum(
                bit for bit, parts in self._parts if pair in (parts.anywhere if anywhere else parts.pairs)
            )
            self._columns[key] = found
        return found
