"""Python's rules mapped on masks: what one target (or a class of targets no marker tells apart) may choose.

The packages of the solver are ``ROOT`` (the project), names, and ``(name, extra)`` pairs, which follow
their name. ``(ROOT, extra)`` are the project's own extras.
"""

from __future__ import annotations

from pkm_env.model.distribution import Unavailable
from pkm_env.model.markers import UnreadableMarker, marker_cuts, unanswerable
from pkm_env.model.versions import UnreadableVersion, python_cuts
from pkm_env.resolver.knowledge import consents_to_prereleases, pinned_version
from pkm_env.resolver.notes import ROOT, ROOT_BIT, Ask, Excluded
from pkm_env.resolver.request import HIGHEST, LOWEST
from pkm_env.resolver.solver import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.distribution import Source
    from pkm_env.model.requirements import Requirement
    from pkm_env.model.target import Target
    from pkm_env.resolver.fit import View
    from pkm_env.resolver.knowledge import Knowledge, Package
    from pkm_env.resolver.question import Question

    Key = Any  # ROOT, a name, or a (name, extra) pair
    Need = tuple[Key, int, Ask]

_MOST_AT_ONCE = 4  # batches grow to 4 ** 4 versions


class Begin(Exception):
    """The solve has to begin again, with what ``Allowances`` now hold."""


class SplitTarget(Exception):
    """The target has to be split at patch releases: *cuts*, ascending, each the first of a part."""

    def __init__(self, cuts: tuple[int, ...]) -> None:
        super().__init__(cuts)
        self.cuts = cuts


class _Refused(Exception):
    """A release cannot be used, for the reason given."""


class Allowances:
    """What a solve found out that it must allow from its beginning.

    ``prereleases`` are names of which a release of another package names a pre-release; ``yanked`` maps
    names to versions that are pinned by one; ``bound`` are sources that a source of the project asks for.
    """

    __slots__ = ("bound", "prereleases", "yanked")

    def __init__(self) -> None:
        self.prereleases: set[str] = set()
        self.yanked: dict[str, int] = {}
        self.bound: dict[str, tuple[Source, str]] = {}


class Usable:
    """The versions of one package that may be chosen, as solver masks.

    ``late`` are those that are taken only where no other is left, ``partly`` those that fit a part of the
    target's patch releases only, ``wheels`` those with a wheel.
    """

    __slots__ = ("late", "mask", "partly", "wheels")

    def __init__(self, mask: int, late: int, partly: int, wheels: int) -> None:
        self.mask = mask
        self.late = late
        self.partly = partly
        self.wheels = wheels


class TargetProblem:
    """The problem of one class of targets, in the solver's terms (``solver.Problem``)."""

    def __init__(
        self,
        question: Question,
        knowledge: Knowledge,
        view: View,
        members: int,
        allowances: Allowances,
        earlier: Mapping[str, Sequence[str]],
    ) -> None:
        self.question = question
        self.knowledge = knowledge
        self.view = view
        self.members = members
        self.bit = members & -members
        self.allowances = allowances
        self.earlier = earlier
        self._marker_answers: dict[tuple[str, str], bool] = {}
        self._usable: dict[str, Usable] = {}
        self._packages: dict[str, Package] = {}
        self._needs: dict[tuple[Key, int], Sequence[Need] | Refusal] = {}
        self._asked: dict[tuple[Key, Key, int], int] = {}
        self.bound = self._bindings()

    @property
    def target(self) -> Target:
        """The first target of the class; its markers are those of all."""
        return self.view.targets.targets[self.bit.bit_length() - 1]

    # The solver's questions ---------------------------------------------------------------------

    def states(self, package: Key) -> int:
        """Return all states of a package (``solver.Problem``)."""
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
        for bound, ask in self.question.constraints_of(name):
            if not self._constraint_holds(ask):
                continue
            allowed = known.mask(bound)
            if not mask & allowed:
                return known.whole & ~allowed & ~1, Excluded("constraint", name, ask=ask)
            mask &= allowed
        usable = self.usable(name)
        if not mask & usable.mask:
            return known.whole & ~usable.mask & ~1, Excluded("unusable", name)
        version = self._best(name, known, mask & usable.mask, usable)
        if version & usable.partly:
            raise SplitTarget(self._file_cuts(known, version))
        return version, None

    def needs(self, package: Key, version: int) -> Sequence[Need] | Refusal:
        """Return what one version needs, or that it cannot be used."""
        key = (package, version)
        found = self._needs.get(key)
        if found is None:
            found = self._needs[key] = self._find_needs(package, version)
            self._register(package, version, found)
        return found

    def alike(self, package: Key, version: int, needed: Key, allowed: int) -> int:
        """Return all versions asked in this solve that have the same need."""
        return self._asked.get((package, needed, allowed), 0) | version

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
        self.knowledge.hint_releases((name, known.version(bit)) for bit in batch)
        for bit in batch:
            try:
                found = self._find_needs(package, bit)
            except (SplitTarget, Begin):
                continue  # It matters only when the version is chosen.
            self._needs[package, bit] = found
            self._register(package, bit, found)

    def visit(self, packages: Sequence[tuple[Key, int]]) -> None:
        """Say whose metadata will be asked for: of the best version of each package met."""
        wanted = []
        for package, mask in packages:
            if isinstance(package, str) and package != ROOT:
                known = self.package(package)
                open_mask = mask & self.usable(package).mask
                if open_mask and known.direct is None:
                    wanted.append((package, known.version(self._first(package, open_mask))))
        if wanted:
            self.knowledge.hint_releases(wanted)

    # What the outcome is made of ----------------------------------------------------------------

    def found_needs(self, package: Key, version: int) -> Sequence[Need]:
        """Return what a decided version needs."""
        found = self.needs(package, version)
        return () if isinstance(found, Refusal) else found

    def markers_of(self, decided: Mapping[Key, int]) -> Iterable[tuple[tuple[str, str], bool]]:
        """Yield the markers that decide what the chosen releases need, each as ((marker, extra), answer)."""
        for marker in self.question.root_markers:
            yield (marker, ""), self.holds(marker, "")
        for package, version in decided.items():
            name, extra = (package, "") if isinstance(package, str) else package
            if name == ROOT:
                continue
            known = self.package(name)
            number = known.version(version)
            requires = self.knowledge.requires(known, number)
            if isinstance(requires, Unavailable):
                continue
            for requirement in self._replaced(requires, name, number):
                marker = requirement.marker
                if marker and (not extra or "extra" in marker):
                    yield (marker, extra), self.holds(marker, extra)

    def constraint_holds(self, ask: Ask) -> bool:
        """Return whether a constraint counts for this target."""
        return self._constraint_holds(ask)

    def refuses(self, package: Key, version: int) -> bool:
        """Return whether a release that was refused elsewhere is refused here too."""
        found = self.needs(package, version)
        return isinstance(found, Refusal)

    def surely_needs(self, package: Key, version: int, needed: Mapping[Key, int], ask: Ask) -> bool:
        """Return whether a version needs here what it was found to need elsewhere.

        *needed* maps the needed package to the states that are forbidden, and is empty where none is allowed.
        """
        try:
            found = self.needs(package, version)
        except (SplitTarget, Begin):
            return False
        if isinstance(found, Refusal):
            return False
        for key, allowed, own in found:
            if needed and key in needed and not needed[key] & allowed:
                return True
            if not needed and own.requirement == ask.requirement and not allowed & self.states(key):
                return True
        return False

    # Packages and their versions ----------------------------------------------------------------

    def package(self, name: str) -> Package:
        """Return what is known of *name*, by the source that it is bound to for this target."""
        found = self._packages.get(name)
        if found is None:
            source = self.bound.get(name)
            if source is None and name in self.allowances.bound:
                source = self.allowances.bound[name][0]
            found = self._packages[name] = self.knowledge.package(name, source)
        return found

    def usable(self, name: str) -> Usable:
        """Return which versions of *name* may be chosen for this target."""
        found = self._usable.get(name)
        if found is None:
            found = self._usable[name] = self._find_usable(self.package(name))
        return found

    def _find_usable(self, package: Package) -> Usable:
        whole, part, wheels = self.view.fitting(package, self.members)
        if package.direct is not None:
            return Usable(part, 0, part & ~whole, wheels)
        name = package.name
        mask = part & ~1
        late = 0
        yanked = package.yanked & ~self.question.wanted_yanked(package)
        late |= package.yanked & self.allowances.yanked.get(name, 0)
        mask &= ~(yanked & ~late)
        refused = self.refused_prereleases(package)
        if name in self.allowances.prereleases and self.question.rules.prerelease_rule(name) != "never":
            late |= refused
        mask &= ~(refused & ~late)
        return Usable(mask, late, part & ~whole, wheels)

    def refused_prereleases(self, package: Package) -> int:
        """Return the pre-releases that the rule for this name keeps out."""
        rule = self.question.rules.prerelease_rule(package.name)
        if rule == "allow":
            return 0
        if rule == "never":
            return package.prereleases
        finals = package.whole & ~1 & ~package.prereleases & ~package.yanked
        if not finals or package.name in self.question.prereleases_named:
            return 0
        return package.prereleases

    def _best(self, name: str, package: Package, mask: int, usable: Usable) -> int:
        for version in self.question.preferences.get(name, ()):
            bit = package.bit(version)
            if bit & mask:
                return bit
        wheels = mask & usable.wheels
        for version in self.earlier.get(name, ()):
            bit = package.bit(version)
            if bit & mask and (bit & wheels or not wheels):
                return bit
        return self._first(name, mask & ~usable.late or mask)

    def _first(self, name: str, mask: int) -> int:
        """Return the version that the strategy takes first."""
        strategy = self.question.rules.resolution
        if strategy == HIGHEST or (strategy != LOWEST and name not in self.question.direct_names):
            return 1 << (mask.bit_length() - 1)
        return mask & -mask

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

    # Bindings and markers -----------------------------------------------------------------------

    def _bindings(self) -> dict[str, Source]:
        """Return the sources that names are bound to for this target, wherever they are asked for."""
        bound: dict[str, Source] = {}
        for name, choices in self.question.sources.items():
            for marker, source in choices:
                if not marker or self._root_holds(marker):
                    if source is not None:
                        bound[name] = source
                    break
        for asked, _root, source in self.question.roots:
            if source is not None and self._root_holds(asked.marker):
                bound[asked.name] = source
        return bound

    def _root_holds(self, marker: str) -> bool:
        return not marker or self.holds(marker, "")

    def _constraint_holds(self, ask: Ask) -> bool:
        return self._root_holds(ask.requirement.marker)

    def holds(self, marker: str, extra: str) -> bool:
        """Return whether a marker holds for this target, and remember that it was asked.

        :raises SplitTarget: when it holds for some patch releases only.
        """
        key = (marker, extra)
        known = self._marker_answers.get(key)
        if known is not None:
            return known
        in_all, in_any = self.view.targets.marker(marker, extra)
        answer = bool(in_all & self.bit)
        if not answer and in_any & self.bit:
            node = self.view.targets.node(marker)
            cuts = marker_cuts(node, self.target)
            if not cuts:
                raise _Refused(f"asks for {unanswerable(node) or 'something'}, which no target stands for")
            raise SplitTarget(cuts)
        self._marker_answers[key] = answer
        return answer

    # What a release needs -----------------------------------------------------------------------

    def _find_needs(self, package: Key, version: int) -> Sequence[Need] | Refusal:
        name, extra = (package, "") if isinstance(package, str) else package
        try:
            if name == ROOT:
                return self._root_needs(extra)
            return self._release_needs(package, name, extra, version)
        except _Refused as refusal:
            return Refusal(Excluded("refused", name, str(refusal)))

    def _root_needs(self, extra: str) -> Sequence[Need]:
        needs: list[Need] = []
        roots = self.question.own_extras.get(extra, ()) if extra else self.question.roots
        asks = []
        for asked, root, _source in roots:
            replaced = self.question.overrides.replaces(asked, ROOT, "")
            for requirement in self.question.overrides.apply(asked, ROOT, ""):
                if self._root_holds(requirement.marker):
                    asks.append(
                        Ask(package_key(ROOT, extra), "", requirement, root.origin, overridden=replaced)
                    )
        self.knowledge.hint_names(
            ask.requirement.name for ask in asks if ask.requirement.name not in self.bound
        )
        for ask in asks:
            self._need(ask, needs)
        return needs

    def _release_needs(self, package: Key, name: str, extra: str, version: int) -> Sequence[Need]:
        known = self.package(name)
        number = known.version(version)
        requires = self.knowledge.requires(known, number)
        if isinstance(requires, Unavailable):
            raise _Refused(requires.reason)
        needs: list[Need] = []
        asks = []
        for requirement in self._replaced(requires, name, number):
            marker = requirement.marker
            if extra:
                wanted = "extra" in marker and self._release_holds(marker, extra, requirement)
            else:
                wanted = not marker or self._release_holds(marker, "", requirement)
            if wanted:
                asks.append(requirement)
        self.knowledge.hint_names(one.name for one in asks if one.name not in self.bound)
        for requirement in asks:
            overridden = bool(self.question.overrides) and requirement not in requires
            self._need(Ask(package, number, requirement, overridden=overridden), needs)
        return needs

    def _replaced(self, requires: Iterable[Requirement], name: str, version: str) -> Iterable[Requirement]:
        overrides = self.question.overrides
        if not overrides:
            return requires
        return [new for old in requires for new in overrides.apply(old, name, version)]

    def _release_holds(self, marker: str, extra: str, requirement: Requirement) -> bool:
        try:
            return self.holds(marker, extra)
        except UnreadableMarker:
            raise _Refused(f"its requirement {requirement} has a marker that cannot be read") from None
        except _Refused as refusal:
            raise _Refused(f"its requirement {requirement} {refusal}") from None

    def _need(self, ask: Ask, needs: list[Need]) -> None:
        """Add to *needs* what one requirement asks for: a name, and its extras."""
        requirement = ask.requirement
        name = requirement.name
        if name == self.question.root_name and name:
            needs.extend(((ROOT, extra), ROOT_BIT, ask) for extra in requirement.extras if extra)
            return
        if requirement.url:
            self._check_url(ask)
        package = self.package(name)
        if package.missing is not None:
            ask.why = package.missing.reason
        try:
            mask = package.mask(requirement.specifier) if requirement.specifier else package.whole & ~1
        except UnreadableVersion:
            raise _Refused(f"its requirement {requirement} cannot be read") from None
        if ask.why:
            mask = 0
        if requirement.specifier and ask.version:
            self._allow(package, requirement.specifier, mask)
        needs.append((name, mask, ask))
        needs.extend(((name, extra), mask, ask) for extra in requirement.extras)

    def _allow(self, package: Package, specifier: str, mask: int) -> None:
        """Find out whether a release asks for what is kept out until somebody asks for it.

        :raises Begin: when it does, for the first time.
        """
        name = package.name
        kept_out = mask & package.prereleases
        asked_first = kept_out and name not in self.allowances.prereleases
        if (
            asked_first
            and consents_to_prereleases(specifier)
            and kept_out & self.refused_prereleases(package)
        ):
            self.allowances.prereleases.add(name)
            raise Begin
        if mask & package.yanked and "==" in specifier:
            pinned = package.bit(pinned_version(specifier)) & package.yanked
            allowed = self.allowances.yanked.get(name, 0)
            if pinned & ~allowed & ~self.question.wanted_yanked(package):
                self.allowances.yanked[name] = allowed | pinned
                raise Begin

    def _check_url(self, ask: Ask) -> None:
        """Accept a direct reference where the project binds the name to it, or one of its sources asks.

        :raises Begin: when a source of the project binds a name for the first time.
        """
        requirement = ask.requirement
        wanted = self.question.source_of_url(requirement.url)
        bound = self.bound.get(requirement.name)
        if bound is None and requirement.name in self.allowances.bound:
            bound = self.allowances.bound[requirement.name][0]
        if bound is not None:
            if requirement.name not in self.bound and bound != wanted:
                ask.why = f"{requirement.name} comes from {bound.location} here"
            return
        asker = ask.asker if isinstance(ask.asker, str) else ask.asker[0]
        if asker == ROOT or self.package(asker).direct is None:
            raise _Refused(
                f"asks for {requirement.name} at {requirement.url}; "
                "only the project and its own sources may name URLs"
            )
        self.allowances.bound[requirement.name] = (wanted, asker)
        raise Begin

    def _register(self, package: Key, version: int, found: Sequence[Need] | Refusal) -> None:
        if isinstance(found, Refusal):
            return
        asked = self._asked
        for needed, allowed, _ask in found:
            key = (package, needed, allowed)
            asked[key] = asked.get(key, 0) | version


def package_key(name: str, extra: str) -> Key:
    """Return the solver's key of a name, or of one of its extras."""
    return (name, extra) if extra else name
