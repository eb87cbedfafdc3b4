"""What a resolve is asked, and what it answers: plain values, no behaviour."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Any, Protocol

    from pkm_env.model.distribution import Source
    from pkm_env.model.target import Target

    class Askers(Protocol):
        """Knows who asks for each package of an answer."""

        def of(self, name: str) -> tuple[tuple[str, str], ...]:
            """Return sorted (asker, requirement) pairs."""

        def of_project(self) -> AbstractSet[str]:
            """Return the names that the project asks for."""


HIGHEST = "highest"
LOWEST = "lowest"
LOWEST_DIRECT = "lowest-direct"

# Who asks for what stands in no file.
COMMAND_LINE = "the command line"
QUESTION = "this question"
# With what is built behind it: what a build asks for is most often said by another project.
BUILD = "to build "
LOCKED_BUILD = "building "
KEPT_COMMAND_LINE = "an earlier command line, kept until --upgrade"


class Origin:
    """Where a requirement of the project stands.

    ``who`` is the name of the project, ``key`` the path of keys in its pyproject.toml, ``group`` and
    ``extra`` the dependency group or extra that it belongs to ("" for neither).
    """

    __slots__ = ("extra", "group", "key", "who")

    def __init__(self, who: str, key: tuple[Any, ...] = (), group: str = "", extra: str = "") -> None:
        self.who = who
        self.key = key
        self.group = group
        self.extra = extra

    def to_plain(self) -> tuple[Any, ...]:
        """Return the values in the order of the parameters."""
        return (self.who, self.key, self.group, self.extra)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash(self.to_plain())

    def __repr__(self) -> str:
        return f"Origin({self.who!r}, {self.key!r})"


class Root:
    """A requirement of the project: its text, where it stands, and what it comes from if not an index."""

    __slots__ = ("origin", "requirement", "source")

    def __init__(self, requirement: str, origin: Origin, source: Source | None = None) -> None:
        self.requirement = requirement
        self.origin = origin
        self.source = source

    def __repr__(self) -> str:
        return f"Root({self.requirement!r})"


class Declared:
    """What the project says of its rules, for explanations: no answer depends on it.

    ``origins`` tells where rules stand, by the path of their keys below ``[tool.pkm]`` as they are written.
    ``exclude_newer`` is the cut-off as it was given, ``indexes`` are the names that a source may name, ``platforms``
    those of the environment as they are written, () where they are implied.
    """

    __slots__ = ("exclude_newer", "indexes", "origins", "platforms")

    def __init__(
        self,
        origins: Mapping[tuple[str, ...], Origin] | None = None,
        *,
        exclude_newer: str | Mapping[str, str | bool] | None = None,
        indexes: Collection[str] = (),
        platforms: Sequence[str] = (),
    ) -> None:
        self.origins = dict(origins or {})
        self.exclude_newer = exclude_newer
        self.indexes = frozenset(indexes)
        self.platforms = tuple(platforms)

    def origin(self, *path: str) -> Origin | None:
        """Return where a rule stands, None where the project does not say it."""
        for end in range(len(path), 0, -1):
            found = self.origins.get(path[:end])
            if found is not None:
                return Origin(found.who, (*found.key, *path[end:])) if found.key else found
        return None


class Rules:
    """How to choose. The defaults are those of a project that says nothing.

    ``constraints`` are (text, origin) pairs; ``overrides`` is the table ``tool.pkm.overrides``;
    ``prereleases`` is "if-necessary", "never", "allow", or a mapping of names to these; ``resolution`` is
    "highest", "lowest" or "lowest-direct"; ``no_build`` and ``no_binary`` are True (all) or names.
    """

    __slots__ = ("constraints", "no_binary", "no_build", "overrides", "prereleases", "resolution")

    def __init__(
        self,
        *,
        constraints: Sequence[tuple[str, Origin | None]] = (),
        overrides: Mapping[str, Any] | None = None,
        prereleases: str | Mapping[str, str] = "if-necessary",
        resolution: str = HIGHEST,
        no_build: bool | frozenset[str] = frozenset(),
        no_binary: bool | frozenset[str] = frozenset(),
    ) -> None:
        self.constraints = tuple(constraints)
        self.overrides = dict(overrides or {})
        self.prereleases = prereleases
        self.resolution = resolution
        self.no_build = no_build
        self.no_binary = no_binary

    def replaced(self, **changes: Any) -> Rules:
        """Return the same rules with some changed."""
        made = Rules()
        for name in self.__slots__:
            setattr(made, name, changes.get(name, getattr(self, name)))
        return made

    def forbids_build(self, name: str) -> bool:
        """Return whether *name* must not be built from source."""
        return self.no_build is True or (self.no_build is not False and name in self.no_build)

    def forbids_wheels(self, name: str) -> bool:
        """Return whether *name* must be built from source."""
        return self.no_binary is True or (self.no_binary is not False and name in self.no_binary)

    def prerelease_rule(self, name: str) -> str:
        """Return the rule that holds for *name*."""
        if isinstance(self.prereleases, str):
            return self.prereleases
        return self.prereleases.get(name) or self.prereleases.get("*", "if-necessary")


class Request:
    """A whole problem: requirements, targets, rules, and what to prefer.

    ``locked`` maps keys of targets (``Target.key``) to what the lock holds for them, as versions by name;
    it counts before all other wishes. ``preferences`` maps names to versions, the most wanted first.
    ``sources`` binds a name wherever it is asked for: to a Source, or to (marker, Source or None) pairs of
    which the first that holds is taken. ``held`` are the versions by name that stay even where they were yanked;
    None stands for all that are preferred or locked. ``root_name`` is the project's own name, ``root_version`` its
    version, "" where only a build tells; ``own_extras`` what its extras ask for, for requirements that ask for the
    project itself with an extra. ``pythons`` is what the project says of Python, as (specifier, origin) pairs, for
    explanations: the targets follow from it. So is ``declared``.
    """

    __slots__ = (
        "declared",
        "held",
        "locked",
        "own_extras",
        "preferences",
        "pythons",
        "root_name",
        "root_version",
        "roots",
        "rules",
        "sources",
        "targets",
    )

    def __init__(  # noqa: PLR0913 - the parts of a problem, named at the call
        self,
        roots: Sequence[Root],
        targets: Sequence[Target],
        *,
        rules: Rules | None = None,
        preferences: Mapping[str, Sequence[str]] | None = None,
        sources: Mapping[str, Any] | None = None,
        root_name: str = "",
        root_version: str = "",
        own_extras: Mapping[str, Sequence[Root]] | None = None,
        locked: Mapping[str, Mapping[str, str]] | None = None,
        pythons: Sequence[tuple[str, Origin]] = (),
        held: Mapping[str, Sequence[str]] | None = None,
        declared: Declared | None = None,
    ) -> None:
        self.declared = declared or Declared()
        self.pythons = tuple(pythons)
        self.held = None if held is None else {name: tuple(versions) for name, versions in held.items()}
        self.locked = dict(locked or {})
        self.roots = tuple(roots)
        self.targets = tuple(targets)
        self.rules = rules or Rules()
        self.preferences = {name: tuple(versions) for name, versions in (preferences or {}).items()}
        self.sources = dict(sources or {})
        self.root_name = root_name
        self.root_version = root_version
        self.own_extras = {name: tuple(roots) for name, roots in (own_extras or {}).items()}

    def asking(self, root: Root) -> Request:
        """Return the same problem with one more requirement."""
        made = self._copy()
        made.roots = (*self.roots, root)
        return made

    def without_wishes(self, targets: Sequence[Target]) -> Request:
        """Return the same problem for some targets, with nothing locked or preferred; what is held is held still."""
        made = self._copy()
        made.targets = tuple(targets)
        if self.held is None:
            wished = [*self.preferences.items()]
            wished += [(name, (version,)) for pins in self.locked.values() for name, version in pins.items()]
            held: dict[str, tuple[str, ...]] = {}
            for name, versions in wished:
                held[name] = (*held.get(name, ()), *versions)
            made.held = held
        made.locked, made.preferences = {}, {}
        return made

    def _copy(self) -> Request:
        made = Request.__new__(Request)
        for name in Request.__slots__:
            setattr(made, name, getattr(self, name))
        return made


class Pin:
    """A chosen release: ``requires`` are sorted (name, version) pairs, those of its chosen extras too.

    ``needs`` are the names among these. ``asked`` is the name by which its files are found: with the index behind
    it where it is bound to one.
    """

    __slots__ = ("asked", "extras", "name", "needs", "requires", "source", "version")

    def __init__(
        self,
        name: str,
        version: str,
        source: Source | None = None,
        extras: tuple[str, ...] = (),
        requires: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.name = self.asked = name
        self.version = version
        self.source = source
        self.extras = extras
        self.requires = requires
        self.needs = frozenset([needed for needed, _version in requires])

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells one pin from another."""
        return (self.asked, self.version, self.source, self.extras, self.requires)

    def __repr__(self) -> str:
        return f"Pin({self.name!r}, {self.version!r})"


class Resolution:
    """The answer for one target.

    ``pins`` by name, sorted; one value for all targets that share it. ``notes`` tell what was decided for the
    user. ``steps`` counts the work ("decisions", "conflicts", "checks", "asked"); all are 0 where the answer
    was shared with an earlier target, or followed from what is locked and was chosen before.
    """

    __slots__ = ("askers", "notes", "pins", "steps", "target")

    def __init__(
        self,
        target: Target,
        pins: Mapping[str, Pin],
        notes: tuple[str, ...],
        steps: Mapping[str, int],
        askers: Askers | None = None,
    ) -> None:
        self.target = target
        self.pins = pins
        self.notes = notes
        self.steps = dict(steps)
        self.askers = askers

    def asked_by_project(self) -> AbstractSet[str]:
        """Return the names that the project itself asks for."""
        return frozenset() if self.askers is None else self.askers.of_project()

    def asked_by(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return who asks for a package: sorted (asker, requirement) pairs; the asker is "name version", or ""."""
        return () if self.askers is None else self.askers.of(name)

    def __repr__(self) -> str:
        return f"Resolution({self.target.name!r}, {len(self.pins)} pins)"


class NoSolution:
    """No answer for one target; ``derivation`` is the proof, which ``report.explain`` words."""

    __slots__ = ("derivation", "target")

    def __init__(self, target: Target, derivation: Any) -> None:
        self.target = target
        self.derivation = derivation

    def __repr__(self) -> str:
        return f"NoSolution({self.target.name!r})"
