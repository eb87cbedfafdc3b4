"""Which versions have a file for which targets: tags and Requires-Python, for all targets at once."""

from __future__ import annotations

from _blake2 import blake2b

from pkm_env.model.markers import TargetSet, marker_cuts
from pkm_env.model.tag_set import TagSet
from pkm_env.model.tags import tag_parts
from pkm_env.model.versions import UnreadableVersion, python_truths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pkm_env.model.target import Target
    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.notebook import Notebook, Page

    Row = tuple[int, int, bool, int]

SDIST = "sdist"


class SplitTarget(Exception):
    """The target has to be split at patch releases: *cuts*, ascending, each the first of a part."""

    def __init__(self, cuts: tuple[int, ...]) -> None:
        super().__init__(cuts)
        self.cuts = cuts


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


class View:
    """Targets that are solved side by side, and what is known of packages for them.

    A row is (targets for all of whose patches files fit, targets for any, whether it is a wheel, versions).
    """

    __slots__ = ("_able", "_agreeing", "_kept", "_rows", "_spread", "classes", "tags", "targets", "wider")

    def __init__(self, targets: Sequence[Target], notebook: Notebook, wider: View | None = None) -> None:
        """Make the view of *targets*; each of them is, or is a part of, one of the view *wider*."""
        name = _digest(targets)
        self.targets = TargetSet(targets, notebook.page(f"markers {name}"), notebook.page(f"pythons {name}"))
        self.tags = TagSet(targets)
        self._rows: dict[int, tuple[Package, list[Row]]] = {}
        self._agreeing: dict[int, bool] = {}
        self._able: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._kept = notebook.page(f"rows {name}")
        self.wider = wider
        self.classes = classes_of(targets)
        self._spread: list[tuple[int, int]] = []
        if wider is not None:
            self._spread = list(_spread(wider.targets.targets, targets))

    def rows(self, package: Package) -> list[Row]:
        """Return the rows of a package: which targets can use which versions, by one kind of file."""
        known = self._rows.get(id(package))
        if known is not None:
            return known[1]
        kept = (package.key, package.takes_wheels, package.takes_sdists)
        rows: list[Row] | None = self._kept.find(kept) if package.key else None
        if rows is None:
            rows = self._from_wider(package)
            if rows is None:
                rows = self._make_rows(package)
            if package.key:
                self._kept.keep(kept, rows)
        self._rows[id(package)] = (package, rows)
        return rows

    def _from_wider(self, package: Package) -> list[Row] | None:
        """Return the rows as the wider view has them, None where they differ between patch releases."""
        if self.wider is None:
            return None
        relevant = 0
        for bit, _parts in self._spread:
            relevant |= bit
        rows = []
        for in_all, in_any, wheel, mask in self.wider.rows(package):
            if in_any & ~in_all & relevant:
                return None
            fitting = self.parts_of(in_all)
            if fitting:
                rows.append((fitting, fitting, wheel, mask))
        return rows

    def parts_of(self, wholes: int) -> int:
        """Return the targets that are parts of those in a mask of the wider view."""
        found = 0
        for bit, parts in self._spread:
            if wholes & bit:
                found |= parts
        return found

    def _make_rows(self, package: Package) -> list[Row]:
        merged: dict[tuple[int, int, bool], int] = {}
        tag_bits, every = self.tags.bits, self.targets.every
        for requires_python, tags, mask in package.signatures:
            wheel = tags != SDIST
            if not (package.takes_wheels if wheel else package.takes_sdists):
                continue
            fitting = tag_bits(tags) if wheel else every
            if not fitting:
                continue
            in_all, in_any = self.python_bits(requires_python)
            if fitting & in_any:
                key = (fitting & in_all, fitting & in_any, wheel)
                merged[key] = merged.get(key, 0) | mask << 1
        return [(in_all, in_any, wheel, mask) for (in_all, in_any, wheel), mask in merged.items()]

    def holds(self, marker: str, bit: int) -> bool:
        """Return whether a marker of the project ("" always does) holds for the target *bit*.

        :raises SplitTarget: when it holds for a part of its patch releases.
        """
        if not marker:
            return True
        in_all, in_any = self.targets.marker(marker)
        if in_any & ~in_all & bit:
            cuts = marker_cuts(self.targets.node(marker), self.targets.targets[bit.bit_length() - 1])
            if cuts:
                raise SplitTarget(cuts)
        return bool(in_all & bit)

    def python_bits(self, requires_python: str) -> tuple[int, int]:
        """Return the targets that a Requires-Python admits: for all patches, for any.

        One that cannot be read admits all, as for installers.
        """
        if not requires_python:
            return self.targets.every, self.targets.every
        try:
            return self.targets.requires_python(requires_python)
        except UnreadableVersion:
            return self.targets.every, self.targets.every

    def class_of(self, place: int) -> int:
        """Return the targets that no marker tells from the one at a place, which is among them."""
        return next(members for members, _places in self.classes if members >> place & 1)

    def among(self, members: int) -> list[Target]:
        """Return targets in their order."""
        return [target for place, target in enumerate(self.targets.targets) if members >> place & 1]

    def agrees(self, package: Package) -> bool:
        """Return whether all targets can use the same versions, by the same kinds of files."""
        found = self._agreeing.get(id(package))
        if found is None:
            every = self.targets.every
            found = self._agreeing[id(package)] = all(row[0] == every for row in self.rows(package))
        return found

    def fitting(self, package: Package, members: int) -> tuple[int, int, int]:
        """Return the versions that every target in *members* can use: wholly, in part, wholly by a wheel."""
        whole = part = wheels = -1
        while members:
            bit = members & -members
            members ^= bit
            own_whole = own_part = own_wheels = 0
            for in_all, in_any, wheel, mask in self.rows(package):
                if in_any & bit:
                    own_part |= mask
                    if in_all & bit:
                        own_whole |= mask
                        if wheel:
                            own_wheels |= mask
            whole &= own_whole
            part &= own_part
            wheels &= own_wheels
        return whole, part, wheels

    def able(self, package: Package, version: int) -> tuple[int, int, int]:
        """Return the targets that can use one version, for all patches and by a wheel so, and for some patches."""
        found = self._able.get((id(package), version))
        if found is None:
            able = by_wheel = partly = 0
            for in_all, in_any, wheel, mask in self.rows(package):
                if mask & version:
                    able |= in_all
                    partly |= in_any
                    if wheel:
                        by_wheel |= in_all
            found = self._able[id(package), version] = able, by_wheel, partly
        return found

    def possible(self, package: Package, targets: int) -> int:
        """Return the versions that any of some targets can use for some of its patches."""
        found = 0
        for _in_all, in_any, _wheel, mask in self.rows(package):
            if in_any & targets:
                found |= mask
        return found


def for_python(package: Package, target: Target, known: Page) -> int:
    """Return the versions that have a file for the Python of a target, whatever its platform.

    Its Requires-Python admits the target wholly, and a wheel's tags are of such a Python. *known* is as for ``admits``.
    """
    found = 0
    parts = tag_parts(target.python, target.implementation, target.platform)
    for requires_python, tags, mask in package.signatures:
        is_new = found | mask << 1 != found
        is_taken = package.takes_sdists if tags == SDIST else package.takes_wheels and parts.suit(tags)
        if is_new and is_taken and admits(requires_python, target, known):
            found |= mask << 1
    return found


def admits(requires_python: str, target: Target, known: Page) -> bool:
    """Return whether a Requires-Python admits all patches of a target; one that cannot be read does.

    *known* are the answers of earlier runs.
    """
    place = (requires_python, target.python, *target.patches)
    found: bool | None = known.find(place)
    if found is None:
        try:
            found = not requires_python or python_truths(requires_python, target.python, target.patches)[0]
        except UnreadableVersion:
            found = True
        known.keep(place, found)
    return found


def classes_of(targets: Sequence[Target]) -> list[tuple[int, tuple[int, ...]]]:
    """Return the targets that no marker tells apart: as a mask, and their places."""
    grouped: dict[tuple[object, ...], list[int]] = {}
    for place, target in enumerate(targets):
        grouped.setdefault((target.patches, *sorted(target.markers.items())), []).append(place)
    return [(sum(1 << place for place in places), tuple(places)) for places in grouped.values()]


class Class:
    """Targets that no marker tells apart: bits of a view, and their places in the request.

    ``begun`` are the decisions of a solve that ended when it had to be split: its parts go on with them.
    """

    __slots__ = ("begun", "members", "places", "targets", "view")

    def __init__(self, view: View, members: int, places: tuple[int, ...]) -> None:
        self.view = view
        self.members = members
        self.places = places
        self.begun: dict[object, int] = {}
        self.targets = view.among(members)

    @property
    def target(self) -> Target:
        """The first member."""
        return self.targets[0]


def _digest(targets: Sequence[Target]) -> str:
    """Return a short text that no other targets have."""
    return blake2b(repr([target.to_plain() for target in targets]).encode(), digest_size=16).hexdigest()


def _spread(wider: Sequence[Target], targets: Sequence[Target]) -> Iterator[tuple[int, int]]:
    """Yield the bit of each target in *wider* that has parts in *targets*, with the bits of these."""
    for place, whole in enumerate(wider):
        parts = sum(1 << number for number, part in enumerate(targets) if part.is_part_of(whole))
        if parts:
            yield 1 << place, parts
