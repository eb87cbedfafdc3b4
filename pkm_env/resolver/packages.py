"""Python's rules mapped on masks: what one target (or a class of targets no marker tells apart) may choose.

The packages of the solver are ``ROOT`` (the project), names, and ``(name, extra)`` pairs, which follow
their name. ``(ROOT, extra)`` are the project's own extras.
"""

from __future__ import annotations

from pkm_env.model.markers import marker_cuts, unanswerable
from pkm_env.model.versions import UnreadableVersion, python_cuts
from pkm_env.resolver.fit import SplitTarget, Usable
from pkm_env.resolver.ground import Begin
from pkm_env.resolver.notes import ROOT, ROOT_BIT, Ask, Excluded, name_of
from pkm_env.resolver.request import HIGHEST
from pkm_env.resolver.template import EVERY, Template
from pkm_env.resolver.walk import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.earlier import Earlier
    from pkm_env.resolver.fit import View
    from pkm_env.resolver.ground import Ground
    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.template import Row

    Key = Any  # ROOT, a name, or a (name, extra) pair
    Need = tuple[Key, int, Ask]
    Active = tuple[tuple[int, ...], Template]
    # A version, what it needs and why, its text, the targets for which that is so.
    Kept = tuple[int, Sequence[Need], Active, str, int]

_MOST_AT_ONCE = 4  # batches grow to 4 ** 4 versions


class TargetProblem:
    """The problem of one class of targets, in the solver's terms (``walk.Problem``)."""

    def __init__(
        self,
        ground: Ground,
        view: View,
        members: int,
        earlier: Earlier,
        begun: Mapping[Key, int] | None = None,
        kept: Callable[[], dict[Key, list[Kept]]] = dict,
        *,
        several: bool = False,
    ) -> None:
        """Take the targets, what was chosen for *earlier* ones, and the choices of a solve that was *begun*.

        *kept* tells what was chosen for targets of the same view, by *several* environments or by this one alone.
        """
        self._find_kept = kept
        # None until a walk asks.
        self._kept: dict[Key, list[Kept]] | None = None
        self.several = several
        self.begun = begun or {}
        self.ground = ground
        self.special = ground.special
        self.question = ground.question
        self.knowledge = ground.knowledge
        self.view = view
        self.members = members
        self.bit = members & -members
        self.locked = self.question.locked(self.target)
        self.constraints = self.question.constraints
        self.earlier = earlier
        self.package = ground.packages.__getitem__
        self._usable: dict[str, Usable] = {}
        self._needs: dict[tuple[Key, int], Sequence[Need] | Refusal] = {}
        self._active: dict[tuple[Key, int], tuple[tuple[int, ...], Template]] = {}
        self._asked: dict[Key, int] = {}
        # What was taken from *kept*.
        self._taken: set[tuple[Key, int]] = set()

    @property
    def target(self) -> Target:
        """The first target of the class; its markers are those of all."""
        return self.view.targets.targets[self.bit.bit_length() - 1]

    # The solver's questions ---------------------------------------------------------------------

    def states(self, package: Key) -> int:
        """Return all states of a package (``walk.Problem``)."""
        name = package if isinstance(package, str) else package[0]
        return 3 if name == ROOT else self.package(name).whole

    def leader(self, package: Key) -> Key:
        """Return the name that an extra follows; nothing else follows."""
        return None if isinstance(package, str) or package[0] == ROOT else package[0]

    def choose(self, package: Key, mask: int) -> tuple[int, Any]:
        """Return the best version out of *mask*, or those that are out of question, and why."""
        name = package if isinstance(package, str) else package[0]
        if name == ROOT:
            return ROOT_BIT, None
        known = self.package(name)
        for bound, ask in self.constraints.get(name, ()):
            if not self.constraint_holds(ask):
                continue
            allowed = known.mask(bound)
            if not mask & allowed:
                return known.whole & ~allowed & ~1, Excluded("constraint", name, ask=ask)
            mask &= allowed
        usable = self.usable(name)
        mask &= usable.mask
        if not mask:
            return known.whole & ~usable.mask & ~1, Excluded("unusable", name)
        version = self._best(name, known, mask, usable)
        if version & usable.partly:
            raise SplitTarget(self._file_cuts(known, version))
        return version, None

    def known(self, package: Key, mask: int) -> tuple[int, Sequence[Need]] | None:
        """Return what ``choose`` and ``needs`` would, where that was found for other targets or environments.

        The version is the one that is preferred here, and nothing that this environment says for itself can
        change what it needs.
        """
        name = package if isinstance(package, str) else package[0]
        if self.several and name in self.special:
            return None
        for kept in self._all_kept().get(package, ()):
            version, needs, active, text, targets = kept
            if version & mask and not self.members & ~targets:
                break
        else:
            return None
        if isinstance(package, str) and not self._is_preferred(package, version, text, mask):
            return None
        if self.several and not active[1].asked.isdisjoint(self.special):
            return None
        key = (package, version)
        if key not in self._needs:
            self._needs[key] = needs
            self._active[key] = active
            self._asked[package] = self._asked.get(package, 0) | version
        self._taken.add(key)
        return version, needs

    def _is_preferred(self, name: str, version: int, text: str, mask: int) -> bool:
        """Return whether ``choose`` would take a version, which has a wheel, out of *mask*; False where in doubt."""
        if name in self.constraints:
            return False
        locked = self.locked.get(name)
        if locked is not None or name in self.question.preferences:
            return locked == text
        for before in self.earlier.get(name):
            if before == version:
                return not self._is_held_back(name, before, mask)
            if before & mask & self.usable(name).mask:
                return False
        return name == ROOT

    def keep(self, decided: Mapping[Key, int]) -> None:
        """Note for targets and environments to come what was chosen, and what it needs, where it is theirs too."""
        every = self.view.targets.every
        for key, bit in decided.items() - self._taken:
            active = self._active[key, bit]
            numbers, template = active
            needs = self._needs[key, bit]
            name = key if isinstance(key, str) else key[0]
            package = self.package(name) if name != ROOT else None
            if isinstance(needs, Refusal) or (self.several and not self._is_common(package, bit, active)):
                continue
            targets = template.agreeing(numbers)
            if package is not None and isinstance(key, str):
                able, by_wheel, _ = self.view.able(package, bit)
                targets &= able if package.direct is not None else by_wheel
            text = package.version(bit) if package is not None else ""
            entry = (bit, needs, active, text, targets if ~targets & every else EVERY)
            self._all_kept().setdefault(key, []).append(entry)

    def _all_kept(self) -> dict[Key, list[Kept]]:
        if self._kept is None:
            self._kept = self._find_kept()
        return self._kept

    def _is_common(self, package: Package | None, version: int, active: Active) -> bool:
        """Return whether any environment might choose a version, and it would need the same there."""
        if package is None or package.name in self.special or version & self.ground.kept_out(package):
            return False
        return active[0] in active[1].made and active[1].asked.isdisjoint(self.special)

    def needs(self, package: Key, version: int) -> Sequence[Need] | Refusal:
        """Return what one version needs, or that it cannot be used."""
        key = (package, version)
        found = self._needs.get(key)
        if found is None:
            found = self._needs[key] = self._find_needs(package, version)
            self._asked[package] = self._asked.get(package, 0) | version
        return found

    def _find_needs(self, package: Key, version: int) -> Sequence[Need] | Refusal:
        template = self.ground.template(self.view, package, version)
        if isinstance(template, Refusal):
            return template
        shared = template.asked.isdisjoint(self.special)
        known = template.by_bit.get(self.bit) if shared else None
        if known is not None:
            self._active[package, version] = known[0], template
            return known[1]
        if template.python and not template.admitted & self.bit:
            return self._unadmitted(package, template.python)
        rows = template.rows
        active = template.always
        if active is None:
            bit = self.bit
            unclear = next((row for row in rows if row.in_any & ~row.in_all & bit), None)
            if unclear is not None:
                return self._unclear(unclear)
            rows = [row for row in rows if row.in_all & bit]
            active = tuple([row.number for row in rows])
        self._active[package, version] = active, template
        found = template.made.get(active) if shared else None
        if found is None:
            found, is_common = self.ground.needs(rows)
            if shared and is_common:
                template.made[active] = found
        if shared and active in template.made and not isinstance(found, Refusal):
            template.by_bit[self.bit] = active, found
        return found

    def _unadmitted(self, package: Key, requires_python: str) -> Refusal:
        """Find out why the metadata of a release does not admit all of the target.

        :raises SplitTarget: when it admits a part of its patch releases.
        """
        target = self.target
        if self.view.python_bits(requires_python)[1] & self.bit:
            cuts = python_cuts(requires_python, target.python, target.patches)
            if cuts:
                raise SplitTarget(cuts)
        name = package if isinstance(package, str) else package[0]
        reason = f"its metadata needs Python {requires_python}"
        return Refusal(Excluded("refused", name, reason, python=requires_python))

    def _unclear(self, row: Row) -> Refusal:
        """Find out why the marker of a requirement holds for a part of the target only.

        :raises SplitTarget: when that is a part of its patch releases.
        """
        requirement = row.ask.requirement
        node = self.view.targets.node(requirement.marker)
        cuts = marker_cuts(node, self.target)
        if cuts:
            raise SplitTarget(cuts)
        asker = row.ask.asker if isinstance(row.ask.asker, str) else row.ask.asker[0]
        reason = f"its requirement {requirement} asks for {unanswerable(node)}, which no target stands for"
        return Refusal(Excluded("refused", asker, reason, row.ask if row.ask.origin else None))

    def alike(self, package: Key, version: int, needed: Key, allowed: int) -> int:
        """Return all versions asked in this solve that have the same need."""
        alike = version
        others = self._asked.get(package, 0) & ~version
        while others:
            bit = others & -others
            others ^= bit
            needs = self._needs[package, bit]
            if not isinstance(needs, Refusal):
                alike |= bit if any(one[0] == needed and one[1] == allowed for one in needs) else 0
        return alike

    def clashing(self, package: Key, version: int, need: Need, states: int) -> tuple[int, int, Any]:
        """Return the versions asked in this solve that need nothing of *states*, what they allow, who asks.

        They may ask for different versions; that each asks for none of *states* is what counts.
        """
        needed, allowed, ask = need
        versions = version
        asks = [ask]
        others = self._asked.get(package, 0) & ~version
        while others:
            bit = others & -others
            others ^= bit
            needs = self._needs[package, bit]
            if isinstance(needs, Refusal):
                continue
            for key, mask, other in needs:
                if key == needed and not mask & states:
                    versions |= bit
                    allowed |= mask
                    asks.append(other)
                    break
        return versions, allowed, tuple(asks)

    def rejected(self, package: Key, mask: int, count: int) -> None:
        """Ask for what the next versions need, more at each rejection.

        What is asked is a function of the solve alone, never of what is cached, as it decides how far
        incompatibilities are widened.
        """
        name = package if isinstance(package, str) else package[0]
        if name == ROOT:
            return
        known = self.package(name)
        if known.direct is not None:
            return
        rest = mask & self.usable(name).mask & known.wheels
        batch = []
        for _ in range(4 ** min(count, _MOST_AT_ONCE)):
            if not rest:
                break
            bit = self._first(name, rest)
            rest ^= bit
            if (package, bit) not in self._needs:
                batch.append(bit)
        self.knowledge.hint_releases((known.asked, known.version(bit)) for bit in batch)
        for bit in batch:
            self._needs_aside(package, bit)

    def _needs_aside(self, package: Key, version: int) -> Sequence[Need] | Refusal | None:
        """Return what a version needs that is not chosen; None where its choice would split or begin a solve anew.

        Nothing is allowed for its sake yet: that is found out when it is to be chosen.
        """
        allowed = self.ground.allowances.copy()
        try:
            return self.needs(package, version)
        except SplitTarget:
            return None
        except Begin:
            self.ground.allowances.become(allowed)
            return None

    def visit(self, packages: Sequence[tuple[Key, int]]) -> None:
        """Say whose metadata will be asked for: of the best version of each package met for the first time."""
        wanted = []
        for package, mask in packages:
            if not isinstance(package, str) or package == ROOT or package in (self._kept or ()):
                continue
            if not self.earlier.get(package):
                known = self.package(package)
                usable = self.usable(package)
                open_mask = mask & usable.mask
                if open_mask and known.direct is None:
                    wanted.append((known.asked, known.version(self._best(package, known, open_mask, usable))))
        if wanted:
            self.knowledge.hint_releases(wanted)

    # What the outcome is made of ----------------------------------------------------------------

    def found_needs(self, package: Key, version: int) -> Sequence[Need]:
        """Return what a decided version needs."""
        found = self.needs(package, version)
        return () if isinstance(found, Refusal) else found

    def known_needs(self, package: Key, version: int) -> Sequence[Need] | Refusal | None:
        """Return what a version needs, None when that was not asked in this solve."""
        return self._needs.get((package, version))

    def refusals(self) -> Iterable[tuple[str, int, Excluded]]:
        """Yield the releases that were asked in this solve and cannot be used, whatever Python they need apart."""
        for (key, bit), needs in self._needs.items():
            if isinstance(needs, Refusal) and isinstance(key, str) and key != ROOT and not needs.note.python:
                yield key, bit, needs.note

    def needed_names(self, package: Key, version: int) -> Sequence[str]:
        """Return the names that a decided version needs, sorted; neither the project nor its own."""
        active, template = self._active[package, version]
        shared = template.asked.isdisjoint(self.special)
        found = template.names.get(active) if shared else None
        if found is None:
            name = package if isinstance(package, str) else package[0]
            needed = (
                need[0] if isinstance(need[0], str) else need[0][0]
                for need in self.found_needs(package, version)
            )
            found = tuple(sorted({one for one in needed if one not in {ROOT, name}}))
            if shared:
                template.names[active] = found
        return found

    def active(self, package: Key, version: int) -> tuple[tuple[int, ...], Template]:
        """Return the numbers of the requirements that count, of a version that was asked, and their template."""
        return self._active[package, version]

    def constraint_holds(self, ask: Ask) -> bool:
        """Return whether a constraint counts for this target.

        :raises SplitTarget: when it counts for a part of its patch releases.
        """
        return self.view.holds(ask.requirement.marker, self.bit)

    def refuses(self, package: Key, version: int) -> bool:
        """Return whether a release that was refused elsewhere is refused here too."""
        return isinstance(self.needs(package, version), Refusal)

    def surely_needs(self, package: Key, version: int, needed: Mapping[Key, int], ask: Ask) -> bool:
        """Return whether a version needs here what it was found to need elsewhere.

        *needed* maps the needed package to the states that are forbidden, and is empty where none is allowed.
        """
        found = self._needs_aside(package, version)
        if found is None or isinstance(found, Refusal):
            return False
        for key, allowed, own in found:
            if needed and key in needed and not needed[key] & allowed:
                return True
            if not needed and own.requirement == ask.requirement and not allowed & self.states(key):
                return True
        return False

    # Versions -----------------------------------------------------------------------------------

    def usable(self, name: str) -> Usable:
        """Return which versions of *name* may be chosen for this target."""
        found = self._usable.get(name)
        if found is None:
            found = self._usable[name] = self._find_usable(name)
        return found

    def _find_usable(self, name: str) -> Usable:
        """Work out what may be chosen; where all targets of the view agree, once for all of them."""
        key = (id(self.view), name)
        found = self.ground.usable.get(key)
        if found is None:
            package = self.package(name)
            whole, part, wheels = self.view.fitting(package, self.members)
            barred, late = self.ground.barred(name)
            found = Usable(part & ~barred & ~1, late, part & ~whole, wheels)
            if self.view.agrees(package):
                self.ground.usable[key] = found
        return found

    def _best(self, name: str, package: Package, mask: int, usable: Usable) -> int:
        if name in self.locked:
            bit = package.bit(self.locked[name]) & mask
            if bit:
                return bit
        wheels = mask & usable.wheels
        preferences = self.question.preferences.get(name)
        if preferences:
            preferred = [package.bit(version) for version in preferences]
            for among in (wheels, mask):
                for bit in preferred:
                    if bit & among:
                        return bit
        if package.direct is None:
            for bit in self.earlier.get(name):
                if bit & (wheels or mask) and not self._is_held_back(name, bit, wheels or mask):
                    return bit
        return self.begun.get(name, 0) & mask or self._first(name, mask & ~usable.late or mask)

    def _is_held_back(self, name: str, version: int, mask: int) -> bool:
        """Return whether *mask* has a better version that the Python an earlier one was chosen for excludes."""
        if not mask >> version.bit_length() and self.question.rules.resolution == HIGHEST:
            return False
        # Parts of one target, and targets of one Python, stay together.
        if self.target.python in self.earlier.pythons(name, version):
            return False
        before = self.earlier.target(name, version)
        return bool(self.ground.excluded(name, version, mask & self.usable(name).mask, before))

    def passes(self, name: str, version: int) -> bool:
        """Return whether a version that was chosen before is not preferred, for the Python that it was chosen for."""
        mask = self.usable(name).mask
        return bool(version & mask) and self._is_held_back(name, version, mask)

    def _first(self, name: str, mask: int) -> int:
        """Return the version that the strategy takes first."""
        return 1 << (mask.bit_length() - 1) if self.question.wants_highest(name) else mask & -mask

    def _file_cuts(self, package: Package, version: int) -> tuple[int, ...]:
        cuts: set[int] = set()
        target = self.target
        for requires_python, _tags, mask in package.signatures:
            if requires_python and mask << 1 & version:
                try:
                    cuts.update(python_cuts(requires_python, target.python, target.patches))
                except UnreadableVersion:
                    continue
        return tuple(sorted(cuts))


def kept_of_parts(kept: Mapping[Key, Sequence[Kept]], view: View, ground: Ground) -> dict[Key, list[Kept]]:
    """Return what was chosen for all targets of a wider view, for the view of their parts."""
    found: dict[Key, list[Kept]] = {}
    for key, known in kept.items():
        for version, needs, (numbers, _template), text, targets in known:
            if targets != EVERY or name_of(key) in ground.special:
                continue
            template = ground.template(view, key, version)
            if isinstance(template, Template):
                found[key] = [(version, needs, (numbers, template), text, EVERY)]
    return found
