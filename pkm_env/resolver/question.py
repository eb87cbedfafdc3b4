"""A request with its texts read once: what is the same for every target."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.grammar import normalise
from pkm_env.model.distribution import BadReference, Source, source_of_url
from pkm_env.model.requirements import UnreadableRequirement, parse_requirement
from pkm_env.model.target import target_from_key
from pkm_env.model.versions import UnreadableVersion, VersionLine
from pkm_env.resolver.knowledge import consents_to_prereleases, pinned_version
from pkm_env.resolver.notes import Ask
from pkm_env.resolver.overrides import Overrides
from pkm_env.resolver.request import HIGHEST, LOWEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pkm_env.model.requirements import Requirement
    from pkm_env.model.target import Target
    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.request import Origin, Request, Root, Rules

    ParsedRoot = tuple[Requirement, Root, Source | None]


class BadRequirement(PkmError):
    """A requirement, constraint or override of the project that cannot be read; *origin* says where."""

    def __init__(self, text: str, reason: str, origin: Origin | None = None) -> None:
        super().__init__(f'"{text}" cannot be read: {reason}')
        self.text = text
        self.reason = reason
        self.origin = origin


class Question:
    """The parsed request; all names are normalised."""

    __slots__ = (
        "_constraints",
        "_locked",
        "_merged",
        "_pins",
        "_read",
        "declared",
        "direct_names",
        "held",
        "overrides",
        "own_extras",
        "preferences",
        "prereleases_named",
        "pythons",
        "root_name",
        "root_version",
        "roots",
        "rules",
        "sources",
        "specifiers",
    )

    def __init__(self, request: Request, read: dict[Any, Any] | None = None) -> None:
        """Read the texts; what was *read* before is taken from there.

        :raises BadRequirement: when one cannot be read.
        """
        # Requirements by their texts, targets by their keys, which stand in tuples.
        self._read: dict[Any, Any] = {} if read is None else read
        self.rules = request.rules
        self.preferences = request.preferences
        self.held = request.held
        self.pythons = request.pythons
        self.declared = request.declared
        # By Python and platform: targets that share patch releases differ in nothing else.
        self._locked: dict[tuple[str, ...], list[tuple[Target, Mapping[str, str]]]] = {}
        for key, versions in request.locked.items():
            known = self._read.get((key,))
            if known is None:
                known = self._read[key,] = target_from_key(key)
            self._locked.setdefault(_kind(known), []).append((known, versions))
        self._merged: dict[int, tuple[Target, Mapping[str, str]]] = {}
        self.root_name = normalise(request.root_name)
        self.root_version = request.root_version
        self.roots = tuple(self._root(root) for root in request.roots)
        self.own_extras = {
            normalise(name): tuple(self._root(root) for root in roots)
            for name, roots in request.own_extras.items()
        }
        self.sources = {normalise(name): _choices(value) for name, value in request.sources.items()}
        try:
            self.overrides = Overrides(request.rules.overrides)
        except (UnreadableRequirement, UnreadableVersion) as error:
            raise BadRequirement("tool.pkm.overrides", str(error)) from None
        self._constraints: dict[str, list[tuple[str, Ask]]] = {}
        for text, origin in request.rules.constraints:
            asked = _parsed(text, origin)
            self._constraints.setdefault(asked.name, []).append((asked.specifier, Ask("", "", asked, origin)))
        self.direct_names = frozenset(asked.name for asked, _root, _source in self.roots)
        self.note_words()

    def with_root(self, before: Requirement, after: Requirement) -> Question:
        """Return the question with one requirement of the project replaced, and no wish for what it asks for."""

        def replaced(roots: Sequence[ParsedRoot]) -> tuple[ParsedRoot, ...]:
            return tuple((after if asked == before else asked, root, source) for asked, root, source in roots)

        extras = {extra: replaced(roots) for extra, roots in self.own_extras.items()}
        wishes = self._without_wishes(before.name)
        return self._changed(roots=replaced(self.roots), own_extras=extras, **wishes)

    def with_constraint(self, asked: Requirement, before: Ask | None = None) -> Question:
        """Return the question with one more constraint, or with one in the place of *before*."""
        bounds = {
            name: [pair for pair in pairs if pair[1] is not before]
            for name, pairs in self._constraints.items()
        }
        if asked.specifier:
            origin = None if before is None else before.origin
            bounds.setdefault(asked.name, []).append((asked.specifier, Ask("", "", asked, origin)))
        return self._changed(_constraints=bounds, **self._without_wishes(asked.name))

    def with_rules(self, rules: Rules) -> Question:
        """Return the question under other rules; the constraints stay."""
        same = rules.overrides is self.rules.overrides
        return self._changed(rules=rules, overrides=self.overrides if same else Overrides(rules.overrides))

    def _without_wishes(self, name: str) -> dict[str, Any]:
        """Return what is preferred and locked, without a package: the slots that hold it."""
        locked = {
            kind: [
                (target, {one: text for one, text in versions.items() if one != name})
                for target, versions in pairs
            ]
            for kind, pairs in self._locked.items()
        }
        preferences = {one: versions for one, versions in self.preferences.items() if one != name}
        return {"_locked": locked, "_merged": {}, "preferences": preferences}

    def _changed(self, **changes: Any) -> Question:
        changed = Question.__new__(Question)
        for name in Question.__slots__:
            setattr(changed, name, changes[name] if name in changes else getattr(self, name))
        changed.note_words()
        return changed

    @property
    def constraints(self) -> Mapping[str, Sequence[tuple[str, Ask]]]:
        """The (specifier, ask) pairs that bound each name where it is needed."""
        return self._constraints

    def wanted_yanked(self, package: Package) -> int:
        """Return the yanked versions that the project pins or the lock holds, as a solver mask."""
        if not package.yanked:
            return 0
        name, mask = package.name, 0
        if self.held is not None:
            held = self.held.get(name, ())
        else:
            known = [versions for pairs in self._locked.values() for _target, versions in pairs]
            locked = [versions[name] for versions in known if name in versions]
            held = (*self.preferences.get(name, ()), *locked)
        for version in (*self._pins.get(name, ()), *held):
            mask |= package.bit(version)
        return mask & package.yanked

    def locked(self, target: Target) -> Mapping[str, str]:
        """Return what the lock holds for *target*, or for wider targets that it is a part of: the narrowest counts."""
        found = self._merged.get(id(target))
        if found is None:
            found = self._merged[id(target)] = target, self._find_locked(target)
        return found[1]

    def _find_locked(self, target: Target) -> Mapping[str, str]:
        known = [pair for pair in self._locked.get(_kind(target), ()) if target.is_part_of(pair[0])]
        if not known[1:]:
            return known[0][1] if known else {}
        # Another environment was split where this one is not, or the other way round.
        widest_first = sorted(
            known, key=lambda pair: -sum(other.is_part_of(pair[0]) for other, _versions in known)
        )
        merged: dict[str, str] = {}
        for _known, versions in widest_first:
            merged.update(versions)
        return merged

    @property
    def has_locked(self) -> bool:
        """Whether the lock holds anything."""
        return bool(self._locked)

    @property
    def has_parts(self) -> bool:
        """Whether the lock holds something for a part of a target."""
        return any(
            known.patches != (0, None) for pairs in self._locked.values() for known, _versions in pairs
        )

    def cuts(self, target: Target) -> set[int]:
        """Return the patch releases at which the lock cuts *target* in parts: each keeps what it holds for it."""
        low, high = target.patches
        found = set()
        for known, _versions in self._locked.get(_kind(target), ()):
            begin, end = known.patches
            found |= {begin} if end is None else {begin, end + 1}
        return {cut for cut in found if low < cut and (high is None or cut <= high)}

    def wants_highest(self, name: str) -> bool:
        """Return whether the strategy takes the highest version of a package first."""
        strategy = self.rules.resolution
        return strategy == HIGHEST or (strategy != LOWEST and name not in self.direct_names)

    def better(self, name: str, version: int, mask: int) -> int:
        """Return the versions out of *mask* that the strategy takes before *version*."""
        if self.wants_highest(name):
            above = version.bit_length()
            return mask >> above << above
        return mask & (version - 1)

    def bindings(self, holds: Callable[[str], bool]) -> dict[str, Source]:
        """Return the sources that names are bound to wherever they are asked for; *holds* answers markers."""
        bound: dict[str, Source] = {}
        for name, choices in self.sources.items():
            for marker, source in choices:
                if holds(marker):
                    if source is not None:
                        bound[name] = source
                    break
        for asked, _root, source in self.roots:
            if source is not None and asked.name not in bound and holds(asked.marker):
                bound[asked.name] = source
        return bound

    @property
    def binds_always(self) -> bool:
        """Whether names are bound to the same sources for all targets."""
        choices = [choice for choices in self.sources.values() for choice in choices]
        markers = [marker for marker, _source in choices]
        markers += [asked.marker for asked, _root, source in self.roots if source is not None]
        return not any(markers)

    def source_of_url(self, url: str) -> Source:
        """Return the source that a direct reference means.

        :raises BadReference: when pkm cannot fetch it.
        """
        return source_of_url(url)

    def _root(self, root: Root) -> ParsedRoot:
        asked = self._read.get(root.requirement)
        if asked is None:
            asked = self._read[root.requirement] = _parsed(root.requirement, root.origin)
        source = root.source
        if source is None and asked.url:
            try:
                source = source_of_url(asked.url)
            except BadReference as error:
                raise BadRequirement(root.requirement, str(error), root.origin) from None
        return asked, root, source

    def _own_words(self) -> list[Requirement]:
        """Return all requirements that the project itself writes down."""
        own = [asked for asked, _root, _source in self.roots]
        own += [asked for roots in self.own_extras.values() for asked, _root, _source in roots]
        own += [ask.requirement for asks in self._constraints.values() for _specifier, ask in asks]
        tables = [
            self.overrides.everywhere,
            *self.overrides.of_package.values(),
            *self.overrides.of_release.values(),
        ]
        own += [entry for table in tables for entries in table.values() for entry in entries]
        return own

    def note_words(self) -> None:
        """Note what the project's own words consent to: pre-releases that they name, releases that they pin."""
        self.prereleases_named: set[str] = set()
        self.specifiers: dict[str, set[str]] = {}
        self._pins: dict[str, set[str]] = {}
        for asked in self._own_words():
            self._note_consent(asked)

    def _note_consent(self, asked: Requirement) -> None:
        if not asked.specifier:
            return
        self.specifiers.setdefault(asked.name, set()).add(asked.specifier)
        if consents_to_prereleases(asked.specifier):
            self.prereleases_named.add(asked.name)
        pinned = pinned_version(asked.specifier)
        if pinned:
            self._pins.setdefault(asked.name, set()).add(pinned)


def _parsed(text: str, origin: Origin | None) -> Requirement:
    try:
        asked = parse_requirement(text)
        VersionLine(()).mask(asked.specifier)
    except (UnreadableRequirement, UnreadableVersion) as error:
        raise BadRequirement(text, str(error), origin) from None
    return asked


def _choices(value: Any) -> tuple[tuple[str, Source | None], ...]:
    if isinstance(value, Source):
        return (("", value),)
    return tuple((marker, source) for marker, source in value)


def _kind(target: Target) -> tuple[str, ...]:
    """Return what targets that share patch releases have in common."""
    return target.python, target.implementation, target.platform
