"""What the targets of one environment prefer, as a graph: what is locked, else what was chosen for those before."""

from __future__ import annotations

from pkm_env.resolver.chosen import FAILED, OPEN, Chosen
from pkm_env.resolver.notes import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.chosen import Pair
    from pkm_env.resolver.earlier import Earlier
    from pkm_env.resolver.fit import View
    from pkm_env.resolver.ground import Ground
    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.question import Question
    from pkm_env.resolver.request import Pin


class Wished(Chosen):
    """What the classes of a view are to be given: of each package the version that is taken out of any that hold it.

    A package about which that cannot be said for a class has no version there until one is chosen.
    """

    is_preferred = True

    def __init__(
        self,
        view: View,
        pins: dict[Any, Pin],
        question: Question,
        earlier: Earlier,
        wider: Wished | None = None,
    ) -> None:
        """Take what is locked, by *question*, and what was chosen *earlier*; *wider* is the same for the wider view."""
        super().__init__(view, pins)
        self._earlier = earlier
        # The members of each class, with the first of them.
        self._classes: list[tuple[int, Target]] = []
        # What is locked: the classes for which each version is, by the name of the package.
        self._locked: dict[str, dict[str, int]] = {}
        # What had to be chosen, as nothing was wished for.
        self._own: set[str] = set()
        for members, _places in view.classes:
            first = view.targets.targets[(members & -members).bit_length() - 1]
            self._classes.append((members, first))
            for name, text in question.locked(first).items():
                found = self._locked.setdefault(name, {})
                found[text] = found.get(text, 0) | members
        if wider is not None and not question.has_parts:
            self._take(wider)

    def _take(self, wider: Wished) -> None:
        """Take what is said of whole targets, and counts for all of one: it counts for their parts too."""
        parts_of = self.view.parts_of
        self.numbers, self.keys, self._extras = wider.numbers, wider.keys, wider._extras
        self.torn, self.doubtful, self.loud = wider.torn, wider.doubtful, wider.loud
        open_ended = {number for asks in wider._asks.values() for number, _bit, _allowed in asks}
        doubtful = wider.torn | FAILED | OPEN
        for name in wider._own:
            doubtful |= 1 << self.number(name)
        for name, pairs in wider.versions.items():
            found = tuple([(version, parts) for version, whole in pairs if (parts := parts_of(whole))])
            if found and name not in wider._own:
                self.versions[name] = found
        for number, nexts in wider._next.items():
            if number in open_ended or name_of(self.keys[number]) in wider._own:
                continue
            kept = [
                (parts, mask) for whole, mask in nexts if not mask & doubtful and (parts := parts_of(whole))
            ]
            if kept:
                self._next[number] = kept
        for (name, extras), cells in wider._cells.items():
            self._take_cells(name, extras, cells)

    def _take_cells(self, name: str, extras: tuple[str, ...], cells: Iterable[tuple[int, Pin]]) -> None:
        """Take the pins of a package with some extras, for targets of which is known what it needs."""
        known = -1
        for key in (name, *[(name, extra) for extra in extras]):
            some = 0
            for targets, _mask in self._next.get(self.numbers[key], ()):
                some |= targets
            known &= some
        found = [(parts, pin) for whole, pin in cells if (parts := self.view.parts_of(whole) & known)]
        if found:
            self._cells[name, extras] = found

    def note(self, ground: Ground, members: int, decided: Mapping[Any, int]) -> None:
        """Note what was decided for some targets, which nobody wished for."""
        self._own.update(name for name in decided if isinstance(name, str))
        super().note(ground, members, decided)

    def known(self, ground: Ground, name: str) -> tuple[Pair, ...]:
        """Return the versions of a package, with those that are wished for."""
        if name not in self.versions:
            self._wish(ground, name)
        return self.versions.get(name, ())

    def _settled(self, ground: Ground, name: str, bit: int) -> int:
        version = super()._settled(ground, name, bit)
        if not version:
            self._wish(ground, name)
            version = self.version(name, bit)
        return version

    def _wish(self, ground: Ground, name: str) -> None:
        """Find out what is wished for by the classes that have no version of a package."""
        package = ground.package(name)
        if package.direct is not None or name in ground.special:
            return
        rest = self.view.targets.every
        found: dict[int, int] = {}
        for version, targets in self.versions.get(name, ()):
            found[version] = targets
            rest &= ~targets
        barred = ground.barred(name)[0]
        for text, members in self._locked.get(name, {}).items():
            version = package.bit(text) & ~barred
            takers = self._able(rest & members, self.view.able(package, version)[0]) if version else 0
            if takers:
                found[version] = found.get(version, 0) | takers
            rest &= ~members
        if rest and name not in ground.question.preferences:
            for version, takers in self._chosen_before(ground, package, rest):
                found[version] = found.get(version, 0) | takers
        if found:
            self.versions[name] = tuple(found.items())

    def _able(self, wishing: int, able: int, pythons: set[str] | None = None) -> int:
        """Return the classes, of those *wishing* for a version and of some Pythons, of which all members are able."""
        if not wishing & ~able and pythons is None:
            return wishing
        found = 0
        for members, first in self._classes:
            if members & wishing and not members & ~able and (pythons is None or first.python in pythons):
                found |= members
        return found

    def _chosen_before(self, ground: Ground, package: Package, rest: int) -> Iterable[Pair]:
        """Yield what was chosen before, with the classes that take it; *rest* are those that have nothing yet.

        Each class prefers the first that it can use at all. It takes that out of any others where it has a wheel of it,
        and where the Python that it was chosen for does not exclude what is better (``_is_held_back``).
        """
        name, barred = package.name, ground.barred(package.name)[0]
        for version in self._earlier.get(name):
            if version & barred:
                continue
            _, able, able_partly = self.view.able(package, version)
            before, possible = self._earlier.target(name, version), self.view.possible(package, rest)
            is_held_back = ground.excluded(name, version, possible, before)
            takers = self._able(rest, able, self._earlier.pythons(name, version) if is_held_back else None)
            if takers:
                yield version, takers
            rest &= ~(takers | self._able(rest, able_partly))
            if not rest:
                return
