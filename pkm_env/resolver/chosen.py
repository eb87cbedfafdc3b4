"""What the environments of a run chose for each target, as a graph: each version needs others.

Packages have numbers, so that what one leads to is a mask.
"""

from __future__ import annotations

from pkm_env.resolver.notes import ROOT, name_of
from pkm_env.resolver.request import Pin
from pkm_env.resolver.template import Row
from pkm_env.resolver.walk import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.resolver.fit import View
    from pkm_env.resolver.ground import Ground
    from pkm_env.resolver.template import Template

    Key = Any  # ROOT, a name, a (name, extra) pair; or a requirement that has to be looked at
    Pair = tuple[int, int]  # a version and the targets that have it; or targets and what they need

# Members of masks that are no packages: something is in the way; a version is not known.
FAILED, OPEN = 1, 2
# The version that a source has.
ONLY = 2


class Unlike(Exception):
    """Something means another thing to this environment than to others."""


class Answer:
    """The pins of a mask of packages, and targets that have them; ``listed`` are the versions from an index."""

    __slots__ = ("listed", "pins", "preferred", "targets")

    def __init__(self, pins: Mapping[str, Pin], targets: int) -> None:
        # What is locked for targets that were found to prefer these versions.
        self.preferred: dict[int, Mapping[str, str]] = {}
        self.pins = pins
        self.targets = targets
        self.listed = {name: pin.version for name, pin in pins.items() if pin.source is None}


class Chosen:
    """What the environments of a run chose for the targets of one view, where it is open to all of them.

    ``versions`` are pairs of a version and the targets that have it, by name: each target has at most one. What a
    version needs is worked out for a target when it is first reached. ``torn`` are requirements that count for a
    part of a target, ``doubtful`` those that an environment may have to allow; ``loud`` are packages of which there
    may be something to tell. A target stands for its class.
    """

    # Whether each version is the one that its targets prefer (``wished``).
    is_preferred = False

    def __init__(self, view: View, pins: dict[Any, Pin]) -> None:
        """Take the targets, and the pins that were made for any view."""
        self.view = view
        self.versions: dict[str, tuple[Pair, ...]] = {}
        self.numbers: dict[Key, int] = {}
        self.keys: list[Key] = [ROOT, ROOT]
        self.torn = self.doubtful = self.loud = 0
        # Names that are chosen just now: who asks for them has to be known.
        self.choosing: set[str] = set()
        self._pins = pins
        self._asks: dict[str, list[tuple[int, int, int]]] = {}
        # Names that some target needs, and no version is known of.
        self.unknown: dict[str, None] = {}
        self._next: dict[int, list[Pair]] = {}
        # What each mask of packages leads to, and the targets for which it does; without what is not known yet.
        self._whole: dict[int, list[Pair]] = {}
        self._cells: dict[tuple[str, tuple[str, ...]], list[tuple[int, Pin]]] = {}
        self._answers: dict[int, list[Answer]] = {}
        # What all answers for a target have in common: the packages, the targets that have the same pins, and these.
        self._shared: dict[int, tuple[int, int, dict[str, Pin]]] = {}
        self._extras: dict[str, list[tuple[str, int]]] = {}

    def number(self, key: Key) -> int:
        """Return the number of a package."""
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = len(self.keys)
            self.keys.append(key)
            if isinstance(key, tuple):
                self._extras.setdefault(key[0], []).append((key[1], found))
        return found

    def packages(self, mask: int) -> Iterable[Key]:
        """Yield what a mask stands for."""
        mask &= ~(FAILED | OPEN)
        while mask:
            first = mask & -mask
            mask ^= first
            yield self.keys[first.bit_length() - 1]

    def known(self, _ground: Ground, name: str) -> tuple[Pair, ...]:
        """Return the versions of a package."""
        return self.versions.get(name, ())

    def version(self, name: str, bit: int) -> int:
        """Return the version that was chosen for a target, 0 for none."""
        for version, targets in self.versions.get(name, ()):
            if targets & bit:
                return version
        return 0

    def _settled(self, ground: Ground, name: str, bit: int) -> int:
        """Return the version that a target has, which is plain where there is but one."""
        version = self.version(name, bit)
        if version or name in ground.special or ground.package(name).direct is None:
            return version
        able = self.view.able(ground.package(name), ONLY)[0]
        if able & bit:
            self.versions[name] = ((ONLY, able),)
        return able & bit and ONLY

    def note(self, ground: Ground, members: int, decided: Mapping[Key, int]) -> None:
        """Note what was decided for some targets, but for what others may not choose."""
        for name, version in decided.items():
            if not isinstance(name, str) or name in ground.special:
                continue
            fresh, alike, rest = members, 0, []
            for pair in self.versions.get(name, ()):
                fresh &= ~pair[1]
                if pair[0] == version:
                    alike = pair[1]
                else:
                    rest.append(pair)
            if fresh and not version & ground.kept_out(ground.package(name)):
                self.versions[name] = ((version, alike | fresh), *rest)
                for number, bit, allowed in self._asks.get(name, ()):
                    if bit & fresh and not version & allowed:
                        self._fail(number, bit)

    def _fail(self, number: int, bit: int) -> None:
        """Note that what a package needs is not what was chosen."""
        nexts = self._next[number]
        self._next[number] = [(targets, mask | FAILED if targets & bit else mask) for targets, mask in nexts]

    def masks(self, name: str, bit: int, reached: int) -> list[int]:
        """Return the versions that the packages *reached* allow of one that is chosen just now."""
        return [
            allowed
            for number, own, allowed in self._asks.get(name, ())
            if own == bit and reached >> number & 1
        ]

    # What leads to what ---------------------------------------------------------------------------

    def reached(self, ground: Ground, bit: int, packages: int) -> int:
        """Return all that some packages lead to for a target, themselves too.

        :raises Unlike: when a name on the way means another thing here.
        """
        for pair in self._whole.get(packages, ()):
            if pair[0] & bit:
                return pair[1]
        alike, found, waiting = self.view.targets.every, 0, packages
        while waiting:
            first = waiting & -waiting
            waiting ^= first
            if first & found:
                continue
            for whole in self._whole.get(first, ()):
                if whole[0] & bit:
                    break
            else:
                whole = self._whole_of(ground, bit, first)
            alike &= whole[0]
            found |= whole[1]
        if not found & OPEN:
            self._whole.setdefault(packages, []).append((alike, found))
        return found

    def _whole_of(self, ground: Ground, bit: int, package: int) -> Pair:
        """Find out all that one package, as a mask, leads to for a target, and the targets for which it does."""
        known = self._whole
        alike, found, waiting = self.view.targets.every, 0, package
        while waiting:
            first = waiting & -waiting
            for own, mask in known.get(first, ()):
                if own & bit:
                    found |= mask
                    waiting &= ~mask
                    alike &= own
                    break
            else:
                own, mask = self._nexts(ground, bit, first.bit_length() - 1)
                alike &= own
                found |= first
                waiting = (waiting | mask) & ~found
        whole = alike, found
        if not found & OPEN:
            known.setdefault(package, []).append(whole)
        return whole

    def _nexts(self, ground: Ground, bit: int, number: int) -> Pair:
        """Return the targets for which a package needs what it needs for one of them, and that."""
        for pair in self._next.get(number, ()):
            if pair[0] & bit:
                return pair
        key = self.keys[number]
        if key == ROOT or isinstance(key, Row):
            return self.view.targets.every, 0
        name = name_of(key)
        if name in ground.special:
            raise Unlike
        version = self._settled(ground, name, bit)
        if not version:
            self.unknown[name] = None
            return bit, OPEN
        template = ground.template(self.view, key, version)
        found = bit, FAILED
        if not isinstance(template, Refusal) and (not template.python or template.admitted & bit):
            if not template.asked.isdisjoint(ground.special):
                raise Unlike
            found = self._needs(ground, template, (bit, self._alike(name, bit)), number)
        if not self._is_quiet(ground, key, version):
            self.loud |= 1 << number
        self._next.setdefault(number, []).append(found)
        return found

    def _alike(self, name: str, bit: int) -> int:
        """Return the targets that have the version of a package that one of them has."""
        for _version, targets in self.versions[name]:
            if targets & bit:
                return targets
        return bit

    def _needs(self, ground: Ground, template: Template, where: Pair, number: int) -> Pair:
        """Return what the requirements need that count for a target, and those of some targets that need the same."""
        bit, targets = where
        targets &= template.admitted
        found = 0
        fresh = [row.ask.requirement.name for row in template.rows if row.needs is None and row.in_all & bit]
        if fresh:
            ground.hint(fresh)
        for row in template.rows:
            if not row.in_any & bit:
                targets &= ~row.in_any
            elif not row.in_all & bit:
                targets &= row.in_any & ~row.in_all
                self.torn |= 1 << self.number(row)
                found |= 1 << self.number(row)
            else:
                targets &= row.in_all
                needs = ground.wanted(row) if row.needs is None else row.needs
                if isinstance(needs, Refusal):
                    found |= FAILED
                    continue
                if row.is_own:
                    self.doubtful |= 1 << self.number(row)
                    found |= 1 << self.number(row)
                for key, allowed, _ask in needs:
                    admitted = (
                        self._admitted(ground, key, allowed, (number, bit)) if isinstance(key, str) else -1
                    )
                    targets &= admitted or bit
                    # What is not admitted is not looked at: nobody else might.
                    found |= 1 << self.number(key) if admitted else FAILED
        return targets, found

    def _admitted(self, ground: Ground, name: str, allowed: int, asker: tuple[int, int]) -> int:
        """Return the targets whose version of a package is allowed; the asker's own alone where none is known."""
        number, bit = asker
        version = self._settled(ground, name, bit)
        if not version or name in self.choosing:
            self._asks.setdefault(name, []).append((number, bit, allowed))
            return bit if not version or version & allowed else 0
        found = 0
        for other, targets in self.versions[name]:
            found |= targets if other & allowed else 0
        return found if found & bit else 0

    @staticmethod
    def _is_quiet(ground: Ground, key: Key, version: int) -> bool:
        """Return whether there is nothing to tell of a package."""
        package = ground.package(name_of(key))
        if isinstance(key, str):
            return not version & (package.prereleases | package.yanked)
        return ground.knowledge.provides_extra(package, package.version(version), key[1])

    # What an answer is made of --------------------------------------------------------------------

    def answer(self, ground: Ground, bit: int, reached: int) -> Answer:
        """Return the pins of what was *reached* for a target."""
        answers = self._answers.setdefault(reached, [])
        for known in answers:
            if known.targets & bit:
                return known
        packages, targets, pins = self._shared.get(bit, (reached, 0, {}))
        if not targets or packages & ~reached:
            packages &= reached
            targets, pins = self._pinned(ground, bit, packages, packages)
            self._shared[bit] = packages, targets, pins
        if packages != reached:
            # Environments have most in common.
            own_targets, own = self._pinned(ground, bit, reached, reached & ~packages)
            targets, own = targets & own_targets, {**pins, **own}
            pins = {name: own[name] for name in sorted(own)}
        found = Answer(pins, targets)
        answers.insert(0, found)
        return found

    def _pinned(self, ground: Ground, bit: int, reached: int, packages: int) -> tuple[int, dict[str, Pin]]:
        """Return the pins of some packages of those *reached*, and the targets that have the same."""
        extras: dict[str, list[str]] = {}
        names = []
        for key in self.packages(packages):
            if isinstance(key, str):
                names.append(key)
            elif isinstance(key, tuple):
                names.append(key[0])
                extras[key[0]] = [extra for extra, number in self._extras[key[0]] if reached >> number & 1]
        targets, pins = self.view.targets.every, {}
        for name in sorted(names):
            own = tuple(sorted(extras[name])) if name in extras else ()
            cells = self._cells.setdefault((name, own), [])
            for cell in cells:
                if cell[0] & bit:
                    break
            else:
                cell = self._cell(ground, bit, name, own)
                # Those that are made later know more targets.
                cells.insert(0, cell)
            targets &= cell[0]
            pins[name] = cell[1]
        return targets, pins

    def _cell(self, ground: Ground, bit: int, name: str, extras: tuple[str, ...]) -> tuple[int, Pin]:
        """Return the targets for which a package with *extras* is pinned as for one of them, and the pin."""
        cell, needs = -1, 0
        for key in (name, *[(name, extra) for extra in extras]):
            pair = self._nexts(ground, bit, self.numbers[key])
            cell &= pair[0]
            needs |= pair[1]
        asked = {name_of(key) for key in self.packages(needs) if not isinstance(key, Row)} - {name}
        requires = []
        for other in sorted(asked):
            cell &= self._alike(other, bit)
            requires.append((other, ground.package(other).version(self.version(other, bit))))
        version = self.version(name, bit)
        cell &= self._alike(name, bit)
        package = ground.package(name)
        place = (package, version, extras, tuple(requires))
        pin = self._pins.get(place)
        if pin is None:
            text = package.version(version)
            pin = self._pins[place] = Pin(name, text, package.source, extras, tuple(requires))
            pin.asked = package.asked
        return cell | bit, pin
