"""What releases need, worked out once for all targets of a view: the ground that targets are solved on."""

from __future__ import annotations

from pkm_env.model.distribution import BadReference, Unavailable
from pkm_env.model.markers import UnreadableMarker
from pkm_env.model.versions import UnreadableVersion, VersionLine
from pkm_env.resolver.fit import for_python
from pkm_env.resolver.knowledge import Packages, asks_for_prereleases, pinned_version
from pkm_env.resolver.notes import ROOT, ROOT_BIT, Ask, Excluded, name_of
from pkm_env.resolver.template import EVERY, Row, Template
from pkm_env.resolver.walk import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.distribution import Source
    from pkm_env.model.requirements import Requirement
    from pkm_env.model.target import Target
    from pkm_env.resolver.fit import Usable, View
    from pkm_env.resolver.knowledge import Grouped, Knowledge, Package
    from pkm_env.resolver.question import Question

    Key = Any  # ROOT, a name, or a (name, extra) pair
    Need = tuple[Key, int, Ask]
    Made = tuple[View, "Template | Refusal"]


class Begin(Exception):
    """The solve has to begin again, with what ``Allowances`` now hold; *bound* says that a source is new."""

    def __init__(self, *, bound: bool = False) -> None:
        super().__init__(bound)
        self.bound = bound


class Allowances:
    """What solves found out that has to be allowed from their beginning.

    ``prereleases`` are names of which a release of another package names a pre-release; ``yanked`` maps
    names to versions that are pinned by one; ``bound`` are sources that a source of the project asks for.
    """

    __slots__ = ("bound", "prereleases", "yanked")

    def __init__(self) -> None:
        self.prereleases: set[str] = set()
        self.yanked: dict[str, int] = {}
        self.bound: dict[str, tuple[Source, str]] = {}

    def copy(self) -> Allowances:
        """Return the same, to be added to on its own."""
        other = Allowances()
        other.prereleases |= self.prereleases
        other.yanked.update(self.yanked)
        other.bound.update(self.bound)
        return other

    def become(self, other: Allowances) -> None:
        """Allow what *other* does, and no more."""
        # In place: packages look at them.
        self.prereleases.intersection_update(other.prereleases)
        self.yanked.clear()
        self.yanked.update(other.yanked)
        self.bound.clear()
        self.bound.update(other.bound)


class _Refused(Exception):
    """A release cannot be used, for the reason given; never leaves this module."""

    def __init__(self, reason: str, ask: Ask | None = None) -> None:
        super().__init__(reason)
        self.ask = ask


class Ground:
    """Packages and templates for targets that bind the same names to the same sources."""

    def __init__(
        self,
        question: Question,
        knowledge: Knowledge,
        bound: Mapping[str, Source],
        allowances: Allowances,
        shared: dict[Any, Made],
    ) -> None:
        """Take what is known; *shared* are templates of any ground with the same knowledge and overrides."""
        self.question = question
        self.knowledge = knowledge
        self.bound = bound
        self.allowances = allowances
        self.packages = Packages(knowledge, bound, allowances.bound)
        self.package = self.packages.__getitem__
        self.shared = shared
        # Names that mean something else to another question: a template that asks for none of them is the same for all.
        self.special = frozenset(
            (ROOT, question.root_name, *knowledge.bound_elsewhere(bound), *allowances.bound)
        )
        self._templates: dict[Any, Made] = {}
        self._own_needs: dict[int, tuple[Row, Sequence[Need] | Refusal]] = {}
        self.usable: dict[tuple[int, str], Usable] = {}
        self._barred: dict[str, tuple[int, int]] = {}
        self._grouped: dict[tuple[str, int], Grouped] = {}
        self._admitted: dict[tuple[str, str, str, tuple[int, int | None]], int] = {}
        self._common: dict[tuple[str, str], bool] = {}

    def under(self, question: Question, bound: Mapping[str, Source], allowances: Allowances) -> Ground:
        """Return the ground for another question; what releases need is shared where it is the same.

        The questions differ in what the project itself asks for, and in the rule for pre-releases.
        """
        same = question.overrides is self.question.overrides
        other = Ground(question, self.knowledge, bound, allowances, self.shared if same else {})
        if same and bound == self.bound:
            other.packages.update(self.packages)
            other._grouped = self._grouped
        return other

    def begin_again(self) -> None:
        """Forget what depends on the allowances, sources apart."""
        self._barred.clear()
        self.usable.clear()

    # Which versions rules keep out ----------------------------------------------------------------

    def barred(self, name: str) -> tuple[int, int]:
        """Return the versions that pre-release and yank rules keep out, and those they leave for last."""
        found = self._barred.get(name)
        if found is None:
            found = self._barred[name] = self._find_barred(self.package(name))
        return found

    def _find_barred(self, package: Package) -> tuple[int, int]:
        if package.direct is not None:
            return 0, 0
        name = package.name
        yanked = package.yanked & ~self.question.wanted_yanked(package)
        late = package.yanked & self.allowances.yanked.get(name, 0)
        refused = self.refused_prereleases(package)
        if name in self.allowances.prereleases and self.question.rules.prerelease_rule(name) != "never":
            late |= refused & ~yanked
        elif not refused and self._is_last_resort(package):
            late |= package.prereleases & ~yanked
        return (yanked | refused) & ~late, late

    def refused_prereleases(self, package: Package) -> int:
        """Return the pre-releases that the rule for this name keeps out."""
        if not package.prereleases:
            return 0
        rule = self.question.rules.prerelease_rule(package.name)
        if rule == "allow":
            return 0
        if rule == "never":
            return package.prereleases
        if not package.finals or package.name in self.question.prereleases_named:
            return 0
        return 0 if self._only_prereleases_do(package) else package.prereleases

    def _is_last_resort(self, package: Package) -> bool:
        """Return whether pre-releases are let in for those of the project's requirements alone that nothing else meets.

        Such a requirement may not count for this target or environment: what others ask for has final releases.
        """
        name = package.name
        if (
            self.question.rules.prerelease_rule(name) != "if-necessary"
            or name in self.question.prereleases_named
        ):
            return False
        return self._only_prereleases_do(package)

    def _only_prereleases_do(self, package: Package) -> bool:
        """Return whether the project asks for something that pre-releases alone meet."""
        wanted = self.question.specifiers.get(package.name, ())
        return any(package.only_prereleases(specifier) for specifier in wanted)

    def kept_out(self, package: Package) -> int:
        """Return the versions that may be chosen by some questions only, whatever these bind."""
        by_need = self.question.rules.prerelease_rule(package.name) == "if-necessary"
        return package.yanked | (0 if by_need and not package.finals else package.prereleases)

    def admitted(self, name: str, target: Target) -> int:
        """Return the versions of an index that have a file for the Python of a target (``fit.for_python``)."""
        key = (name, target.python, target.implementation, target.patches)
        found = self._admitted.get(key)
        if found is None:
            page = self.knowledge.notebook.page("admitted")
            found = self._admitted[key] = for_python(self.package(name), target, page)
        return found

    def excluded(self, name: str, version: int, among: int, target: Target) -> int:
        """Return what is better than a version *among* some, rules let in, and the Python of a target excludes."""
        better = self.question.better(name, version, among)
        if better:
            barred, late = self.barred(name)
            better &= ~(barred | late)
        return better and better & ~self.admitted(name, target)

    # Templates -------------------------------------------------------------------------------------

    def template(self, view: View, key: Key, version: int) -> Template | Refusal:
        """Return what one version of a package needs, for the targets of *view*."""
        place = (id(view), key, version)
        known = self._templates.get(place)
        if known is None:
            if name_of(key) in self.special:
                known = view, self._make(view, key, version, self._templates)
            else:
                known = self.shared.get(place)
                if known is None:
                    known = self.shared[place] = view, self._make(view, key, version, self.shared)
            self._templates[place] = known
        return known[1]

    def _make(self, view: View, key: Key, version: int, known: dict[Any, Made]) -> Template | Refusal:
        """Make a template, or find that of another version that needs the same."""
        name, extra = (key, "") if isinstance(key, str) else key
        place: Any = (id(view), key)
        # Of most packages one version is looked at, and nothing is to be compared.
        if place in known:
            is_alone = name == ROOT or self.question.overrides
            content = version if is_alone else self.knowledge.content(self.package(name), version, extra)
            place = (id(view), key, content)
        if place not in known:
            known[place] = view, self._make_own(view, key, version)
        return known[place][1]

    def _make_own(self, view: View, key: Key, version: int) -> Template | Refusal:
        name, extra = (key, "") if isinstance(key, str) else key
        wider = self._templates.get((id(view.wider), key, version))
        if wider is not None and isinstance(wider[1], Template):
            return wider[1].among(view, extra)
        try:
            if name == ROOT:
                rows = self._rows(view, self._root_asks(key, extra), "")
            else:
                rows = self._rows(view, self._release_asks(key, name, extra, version), extra)
            made = Template(list(rows), view.targets.every)
        except _Refused as refusal:
            return Refusal(Excluded("refused", name, str(refusal), refusal.ask))
        if name != ROOT and not extra:
            made.admit(view, self.knowledge.requires_python(self.package(name), version))
        return made

    def _root_asks(self, key: Key, extra: str) -> Iterable[tuple[int, Ask]]:
        roots = self.question.own_extras.get(extra, ()) if extra else self.question.roots
        number = 0
        for asked, root, _source in roots:
            meant = self.question.overrides.of_project(asked, root.origin)
            for requirement in meant:
                yield number, Ask(key, "", requirement, root.origin, overridden=meant != (asked,))
                number += 1

    def _release_asks(self, key: Key, name: str, extra: str, version: int) -> Iterable[tuple[int, Ask]]:
        """Yield the requirements that may count for the release, or for one of its extras, numbered."""
        package = self.package(name)
        number = package.version(version)
        if not self.question.overrides:
            asks = self.knowledge.asks(package, version, extra)
            if isinstance(asks, Unavailable):
                raise _Refused(asks.reason)
            return [(place, Ask(key, number, one)) for place, one in asks]
        grouped = self._grouped.get((name, version))
        if grouped is None:
            grouped = self._grouped[name, version] = self._group(package, version)
        found = grouped.get(extra, ())
        if "*" in grouped:
            found = sorted((*found, *grouped["*"]), key=lambda numbered: numbered[0])
        return [(place, Ask(key, number, one, overridden=changed)) for place, one, changed in found]

    def _group(self, package: Package, version: int) -> Grouped:
        """Return the requirements of a release by extra, with overrides applied."""
        overrides, number = self.question.overrides, package.version(version)

        def repair(text: str) -> Requirement | None:
            return overrides.repaired(text, package.name, number)

        requires = self.knowledge.requires(package, version, repair)
        if isinstance(requires, Unavailable):
            raise _Refused(requires.reason)
        changed = [
            (new, new is not old) for old in requires for new in overrides.apply(old, package.name, number)
        ]
        return self.knowledge.by_extra(changed)

    def _rows(self, view: View, asks: Iterable[tuple[int, Ask]], extra: str) -> Iterable[Row]:
        for number, ask in asks:
            marker = ask.requirement.marker
            if not marker:
                yield Row(number, EVERY, EVERY, ask)
                continue
            try:
                in_all, in_any = view.targets.marker(marker, extra)
            except UnreadableMarker:
                reason = f"its requirement {ask.requirement} has a marker that cannot be read"
                raise _Refused(reason, ask if ask.origin else None) from None
            if in_any:
                yield Row(number, in_all, in_any, ask)

    # Needs -----------------------------------------------------------------------------------------

    def needs(self, rows: Sequence[Row]) -> tuple[Sequence[Need] | Refusal, bool]:
        """Return what the requirements in *rows* need, and whether that is the same for every question.

        :raises Begin: when a release asks for what is kept out until somebody asks for it.
        """
        fresh = [row.ask.requirement.name for row in rows if row.needs is None]
        if fresh:
            self.hint(fresh)
        found: list[Need] = []
        is_common = True
        for row in rows:
            special = row.ask.requirement.name in self.special
            needs = None if special else row.needs
            if needs is None and not special and not row.is_own:
                if self._is_common(row.ask):
                    needs = row.needs = self._need_or_refusal(row.ask)
                else:
                    row.is_own = True
            if needs is None:
                own = self._own_needs.get(id(row))
                if own is None:
                    own = self._own_needs[id(row)] = row, self._need_or_refusal(row.ask.copy())
                needs = own[1]
                is_common = False
            if isinstance(needs, Refusal):
                return needs, is_common
            found += needs
        return found, is_common

    def settled(self, row: Row) -> Sequence[Need] | Refusal | None:
        """Return what one requirement needs; None where finding out may change what is allowed, and nobody did."""
        if row.ask.requirement.name not in self.special and not row.is_own:
            if row.needs is None and self._is_common(row.ask):
                row.needs = self._need_or_refusal(row.ask)
            if row.needs is not None:
                return row.needs
        own = self._own_needs.get(id(row))
        if own is None and name_of(row.ask.asker) == ROOT:
            # What the project asks for itself was allowed before.
            own = self._own_needs[id(row)] = row, self._need_or_refusal(row.ask.copy())
        return None if own is None else own[1]

    def settle(self, row: Row) -> Sequence[Need] | Refusal:
        """Return what one requirement of a release needs that nobody settled yet.

        :raises Begin: when it asks for what is kept out until somebody asks for it.
        """
        found = row, self._need_or_refusal(row.ask.copy())
        self._own_needs[id(row)] = found
        return found[1]

    def wanted(self, row: Row) -> Sequence[Need] | Refusal:
        """Return what a requirement of a release needs, where that names nothing special, though it be not allowed."""
        if row.needs is None and not row.is_own:
            row.is_own = not self._is_common(row.ask)
        if row.is_own:
            try:
                return Refusal(row.ask) if row.ask.requirement.url else self._meant(row.ask.copy())
            except _Refused:
                return Refusal(row.ask)
        if row.needs is None:
            row.needs = self._need_or_refusal(row.ask)
        return row.needs

    def hint(self, names: Iterable[str]) -> None:
        """Say which names will be asked for."""
        self.knowledge.hint_names(name for name in names if name not in self.bound)

    def _is_common(self, ask: Ask) -> bool:
        """Return whether a requirement of a release means the same whoever asks for the release.

        One that consents to a pre-release, pins a yanked release, or names a URL, does not: it asks for more than
        versions, and what a solve allows begins anew with each.
        """
        requirement = ask.requirement
        if requirement.url:
            return False
        if not ask.version or not requirement.specifier:
            return True
        key = (requirement.name, requirement.specifier)
        found = self._common.get(key)
        if found is None:
            found = self._common[key] = self._names_nothing_kept_out(*key)
        return found

    def _names_nothing_kept_out(self, name: str, specifier: str) -> bool:
        """Return whether a specifier neither consents to a pre-release nor pins a yanked release."""
        package = self.package(name)
        kept_out = self.kept_out(package)
        if not kept_out:
            return True
        try:
            mask = package.mask(specifier) & kept_out
        except UnreadableVersion:
            return False
        if mask & package.yanked and "==" in specifier:
            return False
        return not (mask & package.prereleases and asks_for_prereleases(package, specifier))

    def _need_or_refusal(self, ask: Ask) -> Sequence[Need] | Refusal:
        try:
            return self._need(ask)
        except _Refused as refusal:
            return Refusal(Excluded("refused", name_of(ask.asker), str(refusal), ask if ask.origin else None))

    def _need(self, ask: Ask) -> Sequence[Need]:
        """Return what one requirement asks for: a name, and its extras."""
        requirement = ask.requirement
        name = requirement.name
        if name == self.question.root_name and name:
            self._check_own(requirement)
            return [((ROOT, extra), ROOT_BIT, ask) for extra in requirement.extras]
        if requirement.url:
            self._check_url(ask)
        needs = self._meant(ask)
        if requirement.specifier and ask.version:
            self._allow(self.package(name), requirement.specifier, needs[0][1])
        return needs

    def _meant(self, ask: Ask) -> Sequence[Need]:
        """Return the versions that a requirement allows, of a name and of its extras."""
        requirement = ask.requirement
        name = requirement.name
        package = self.package(name)
        if package.missing is not None:
            ask.why = package.missing.reason
        try:
            mask = package.mask(requirement.specifier) if requirement.specifier else package.whole & ~1
        except UnreadableVersion:
            raise _Refused(f"its requirement {requirement} cannot be read") from None
        if ask.why:
            mask = 0
        if not requirement.extras:
            return ((name, mask, ask),)
        return [(name, mask, ask), *(((name, extra), mask, ask) for extra in requirement.extras)]

    def _check_own(self, requirement: Requirement) -> None:
        """Refuse a requirement that asks for another version of the project than there is."""
        version = self.question.root_version
        try:
            if version and requirement.specifier and not VersionLine((version,)).mask(requirement.specifier):
                raise _Refused(f"its requirement {requirement} is not met by the project itself, {version}")
        except UnreadableVersion:
            raise _Refused(f"its requirement {requirement} cannot be read") from None

    def _allow(self, package: Package, specifier: str, mask: int) -> None:
        """Find out whether a release asks for what is kept out until somebody asks for it.

        :raises Begin: when it does, for the first time.
        """
        name = package.name
        kept_out = mask & package.prereleases
        asked_first = kept_out and name not in self.allowances.prereleases
        if (
            asked_first
            and asks_for_prereleases(package, specifier)
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
        try:
            wanted = self.question.source_of_url(requirement.url)
        except BadReference as error:
            raise _Refused(f"its requirement {requirement} cannot be met: {error}") from None
        bound = self.bound.get(requirement.name)
        if bound is not None:
            rivals = ask.asker == ROOT and requirement.name not in self.question.sources
            if rivals and bound != wanted:
                ask.why = f"{requirement.name} comes from {bound.location} here"
            return
        if requirement.name in self.allowances.bound:
            bound = self.allowances.bound[requirement.name][0]
            if bound != wanted:
                ask.why = f"{requirement.name} comes from {bound.location} here"
            return
        asker = name_of(ask.asker)
        if asker == ROOT or self.package(asker).direct is None:
            raise _Refused(
                f"asks for {requirement.name} at {requirement.url}; "
                "only the project and its own sources may name URLs"
            )
        self.allowances.bound[requirement.name] = (wanted, asker)
        raise Begin(bound=True)
