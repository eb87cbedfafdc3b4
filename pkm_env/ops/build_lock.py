"""What builds require, locked: the sections ``build-NAME``, what they are solved from, and what a sync takes of them.

A package that has no wheel for a target is built there. What its build requires is solved for the targets that
build it, as an environment of its own, and a sync builds with exactly that.
"""

from __future__ import annotations

import os
from _blake2 import blake2b

from pkm_build.errors import PkmError
from pkm_build.source import load
from pkm_env.isolation import OWN_REQUIRES, is_met_here
from pkm_env.lock.compose import Fit
from pkm_env.lock.freshness import overrides_plain
from pkm_env.lock.lockfile import BUILD_PREFIX
from pkm_env.lock.membership import targets_of
from pkm_env.lock.select import admitting, select
from pkm_env.model.environment import Environment
from pkm_env.model.marker_text import IndistinctTargets, marker_for
from pkm_env.model.options import covers, plain
from pkm_env.model.requirements import with_condition
from pkm_env.model.target import target_from_key
from pkm_env.ops.options import Given
from pkm_env.ops.packages import wanted_file, wanted_source
from pkm_env.ops.section import Locker
from pkm_env.resolver.request import LOCKED_BUILD, Origin, Root
from pkm_env.wanted import is_wheel_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pkm_env.context import Context
    from pkm_env.lock.compose import SectionResult
    from pkm_env.lock.lockfile import Lock, LockedPackage
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.target import Target
    from pkm_env.ops.options import LockOptions
    from pkm_env.resolver.request import NoSolution
    from pkm_env.wanted import Wanted

# What a build requires may have to be built too, and so on; nothing real goes this deep.
_MOST_ROUNDS = 20


class BuildNotLocked(PkmError):
    """A package has to be built whose build requirements the lock does not hold, though they are to be locked."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f'{name} has to be built, and pylock.toml does not hold what that requires: {why} ("lock-build")',
            "pkm lock",
        )
        self.name = name


class Need:
    """A package that some targets build: its releases, these targets, and the environment whose rules hold.

    ``context`` is that of the first environment that needs it, ``users`` the sections of all that do; ``built`` are
    the keys of the targets that build a release, by its key.
    """

    __slots__ = ("built", "context", "environment", "name", "releases", "targets", "users")

    def __init__(self, name: str, context: Context, environment: Environment) -> None:
        self.name = name
        self.context = context
        self.environment = environment
        self.releases: dict[tuple[object, ...], LockedPackage] = {}
        self.targets: dict[str, Target] = {}
        self.built: dict[tuple[object, ...], set[str]] = {}
        self.users: set[str] = set()

    @property
    def section(self) -> str:
        """The name of the section that holds what its build requires."""
        return BUILD_PREFIX + self.name

    def marker(self, package: LockedPackage) -> str:
        """Return the marker of the targets that build a release, "" for all.

        Where no marker tells them from the others, what the release requires is asked for on all of them too.
        """
        keys = self.target_keys()
        mask = sum(1 << bit for bit, key in enumerate(keys) if key in self.built[package.key])
        try:
            return marker_for([self.targets[key] for key in keys], mask)
        except IndistinctTargets:
            return ""

    def ordered(self) -> list[LockedPackage]:
        """Return the releases, sorted."""
        return [package for _, package in sorted(self.releases.items(), key=lambda item: str(item[0]))]

    def target_keys(self) -> tuple[str, ...]:
        """Return the keys of the targets, oldest Python first, then by name."""
        return tuple(sorted(self.targets, key=lambda key: (python_of(self.targets[key]), key)))

    def pseudo_environment(self) -> Environment:
        """Return the rules of the solve as an environment: what the builds require, and nothing of the project."""
        options = self.environment.options
        found = Environment(
            self.section,
            options.replaced(resolution="highest", constraints=options.build_constraints, lock_build=()),
        )
        found.project = "none"
        found.key = self.environment.key
        return found


def python_of(target: Target) -> tuple[int, ...]:
    """Return a target's Python and first patch release, to be compared."""
    return (*map(int, target.python.split(".")), target.patches[0])


def built_mask(package: LockedPackage, mask: int, fit: Fit, no_binary: bool | Collection[str]) -> int:
    """Return the targets in *mask* that build an entry: no wheel fits there, or none is to be taken."""
    if package.source is not None:
        return 0 if package.source.kind == "archive" and is_wheel_name(package.source.location) else mask
    if package.sdist is None:
        return 0
    for wheel in () if covers(no_binary, package.name) else package.wheels:
        mask &= ~fit.mask(wheel.filename)
    return mask


class BuildNeeds:
    """Finds which builds a lock needs, and locks what they require."""

    def __init__(
        self, context: Context, old: Lock | None, options: LockOptions, chosen: Iterable[str]
    ) -> None:
        """Take the lock as it was; of sections that no environment in *chosen* uses none is solved."""
        self.context = context
        self.old = old
        self.old_targets = {name: targets_of(one) for name, one in old.sections.items()} if old else {}
        self.options = options
        self.chosen = frozenset(chosen)
        self.results: dict[str, SectionResult] = {}
        self.solves = 0

    def needs(self, lock: Lock) -> dict[str, Need]:
        """Return what is built, by name: of the environments in *lock*, and of the builds' own requirements."""
        found: dict[str, Need] = {}
        for owner in self.context.workspace.family:
            context = self.context.of(owner)
            for environment in owner.environments:
                section = lock.sections.get(environment.section)
                if section is None or not environment.options.lock_build:
                    continue
                entries = [(one, one.sections[section.name]) for one in lock.of_section(section.name)]
                self.follow(found, context, environment, targets_of(section), entries, set())
        return dict(sorted(found.items()))

    def follow(
        self,
        found: dict[str, Need],
        context: Context,
        environment: Environment,
        targets: tuple[Target, ...],
        entries: Iterable[tuple[LockedPackage, int]],
        seen: set[str],
    ) -> None:
        """Note what of *entries* is built, and what of their builds' requirements."""
        fit = Fit(targets)
        for package, mask in entries:
            built = built_mask(package, mask, fit, environment.options.no_binary)
            if not built or not covers(environment.options.lock_build, package.name):
                continue
            need = found.setdefault(package.name, Need(package.name, context, environment))
            need.releases[package.key] = package
            need.users.add(environment.section)
            where = {target.key: target for bit, target in enumerate(targets) if built >> bit & 1}
            need.targets.update(where)
            need.built.setdefault(package.key, set()).update(where)
            if need.section not in seen:
                seen.add(need.section)
                below, others = self.held(need.section)
                self.follow(found, context, environment, below, others, seen)

    def held(self, section: str) -> tuple[tuple[Target, ...], list[tuple[LockedPackage, int]]]:
        """Return the targets and entries of a build section, as it was solved now or stands in the lock."""
        if section in self.results:
            result = self.results[section]
            return result.targets, [(one, one.sections[section]) for one in result.entries]
        if self.old is None or section not in self.old.sections:
            return (), []
        found = [(one, one.sections[section]) for one in self.old.of_section(section)]
        return self.old_targets[section], found

    def stale(self, lock: Lock) -> list[BuildLocker]:
        """Return what locks the builds that have to be solved now."""
        found = []
        for need in self.needs(lock).values():
            if need.users & self.chosen and need.section not in self.results:
                locker = BuildLocker(need, self.old, self.old_targets, self.options)
                if locker.is_stale(need.pseudo_environment()):
                    found.append(locker)
            elif need.section in self.results:
                result = self.results[need.section]
                if result.section.inputs != build_digest(need):
                    del self.results[need.section]
                    found.append(BuildLocker(need, self.old, self.old_targets, self.options))
        return found

    def solve(self, lock: Lock) -> list[str]:
        """Solve what is stale, until nothing is; return the sections that the lock has of builds.

        :raises NoSolutionFound: when what a build requires has no solution for any of its targets.
        """
        for _ in range(_MOST_ROUNDS):
            lockers = self.stale(lock)
            if not lockers:
                break
            for locker in lockers:
                environment = locker.need.pseudo_environment()
                self.results[environment.section] = locker.solve_one(environment)
                self.solves += locker.solves
        kept = self.old.sections if self.old is not None else {}
        names = [need.section for need in self.needs(lock).values()]
        return [name for name in names if name in self.results or name in kept]


class BuildLocker(Locker):
    """Solves what building one package requires, for the targets that build it."""

    constraints_key = "build-constraints"

    def __init__(
        self,
        need: Need,
        old: Lock | None,
        old_targets: Mapping[str, tuple[Target, ...]],
        options: LockOptions,
    ) -> None:
        super().__init__(need.context, old, old_targets, options)
        self.need = need

    def digest(self, _environment: Environment, /) -> str:
        """Return the digest of what the section is solved from."""
        return build_digest(self.need)

    def targets(self, _environment: Environment, /) -> tuple[tuple[Target, ...], bool]:
        """Return the targets that build the package; one without a solution is left out."""
        return tuple(target_from_key(key) for key in self.need.target_keys()), False

    def given(self, _environment: Environment, /) -> Given:
        """Return nothing: what the command line gives speaks of environments."""
        return Given()

    def clash(self, failure: NoSolution, /) -> str:
        """Return what would help where releases that one target builds contradict each other, "" elsewhere."""
        builds = [f"{LOCKED_BUILD}{shown_release(package)}" for package in self.need.ordered()]
        lines = self.explained(failure).lines if builds[1:] else ()
        asking = [one for one in builds if any(line.text.startswith(f"{one} asks for ") for line in lines)]
        if not asking[1:]:
            return ""
        name = self.need.name
        return (
            f"{self.need.section} holds what building each of these requires: environments that have the same {name}, "
            f'or a "lock-build" without it, would do'
        )

    def newest_python(self, _environment: Environment, /) -> str:
        """Return nothing: the targets are those of the environments."""
        return ""

    def roots(self, _environment: Environment, /) -> Iterator[Root]:
        """Yield what the builds require, each once, and for the targets alone that build what requires it.

        What pkm itself meets is replaced by what the running pkm needs, as builds do.
        """
        need = self.need
        seen = set()
        for package in need.ordered():
            requires, reason = need.context.supply(need.environment).provision.sources.build_requires(
                wanted(need.context, package)
            )
            shown = shown_release(package)
            if reason:
                need.context.reporter.warn(
                    f"what building {shown} requires beyond its [build-system] is not known: {reason}"
                )
            others = [text for text in requires if not is_met_here(text)]
            marker = need.marker(package)
            for asked in others if len(others) == len(requires) else (*others, *OWN_REQUIRES):
                text = with_condition(asked, marker) if marker else asked
                if text not in seen:
                    seen.add(text)
                    yield Root(text, Origin(f"{LOCKED_BUILD}{shown}"))


def shown_release(package: LockedPackage) -> str:
    """Return an entry as people name it; a folder has no version."""
    return f"{package.name} {package.version}".strip()


def build_digest(need: Need) -> str:
    """Return the digest of what the build requirements of a package are solved from."""
    declaration = need.context.workspace.declaration
    options = need.environment.options
    facts = (
        "pkm-build-1",
        [(release_facts(need.context, package), need.marker(package)) for package in need.ordered()],
        need.target_keys(),
        [plain(value) for value in (options.prereleases, options.exclude_newer, options.no_build)],
        [plain(value) for value in (options.no_binary, options.build_constraints)],
        sorted(rule.to_plain() for rule in declaration.sources),
        overrides_plain(declaration.overrides),
        [index.place for index in declaration.indexes],
    )
    return blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def release_facts(context: Context, package: LockedPackage) -> object:
    """Return what the build requirements of a release follow from: its sdist's digests, a commit, a folder's tables."""
    source = package.source
    if source is None:
        sdist = package.sdist
        return (package.name, package.version, sorted(sdist.hashes.items()) if sdist is not None else ())
    if source.kind == "directory":
        root = os.path.join(
            context.places.absolute_source(source).location, *filter(None, source.subdirectory.split("/"))
        )
        return (package.name, source.location, source.editable, build_tables(root))
    return (package.name, source.location, source.commit, sorted(source.hashes.items()), source.subdirectory)


def build_tables(root: str) -> str:
    """Return a digest of what a folder's pyproject.toml says of its build, "" where it has none."""
    if not os.path.isfile(os.path.join(root, "pyproject.toml")):
        return ""
    data = load(root).data
    told = (data.get("build-system"), data.get("tool", {}).get("pkm", {}).get("build"))
    return blake2b(repr(told).encode(), digest_size=16).hexdigest()


def wanted(context: Context, package: LockedPackage) -> Wanted:
    """Return an entry's sdist or source as provision is asked for it."""
    if package.source is not None:
        return wanted_source(context, package, package.source, requested=False).wheel
    sdist = package.sdist
    assert sdist is not None, "what is built from an index has an sdist"
    return wanted_file(context, package, sdist, requested=False).wheel


def locked_builds(
    context: Context, lock: Lock, environments: Sequence[Environment]
) -> Callable[[str, Interpreter], Sequence[Wanted] | None] | None:
    """Return what tells the locked requirements of a build, for the builds that *environments* lock; None for none.

    :raises BuildNotLocked: (what is returned) when they are to be locked, and are not.
    """
    rules = [environment.options.lock_build for environment in environments if environment.options.lock_build]
    if not rules:
        return None

    def find(name: str, interpreter: Interpreter) -> Sequence[Wanted] | None:
        if not any(covers(rule, name) for rule in rules):
            return None
        section = lock.sections.get(BUILD_PREFIX + name)
        if section is None:
            raise BuildNotLocked(name, f"it has no section {BUILD_PREFIX}{name}")
        bit = admitting(targets_of(section), interpreter)
        if bit is None:
            where = f"python {interpreter.version} on {interpreter.platform}"
            reasons = [reason for key, reason in section.left_out if key.startswith(f"{interpreter.minor} ")]
            raise BuildNotLocked(name, f"nothing for {where}" + (f" ({reasons[0]})" if reasons else ""))
        selected, missing = select(lock, section.name, bit, interpreter)
        if missing:
            raise BuildNotLocked(name, f"{missing[0].package.name}: {missing[0].reason}")
        found = []
        for item in selected:
            if item.package.source is not None:
                found.append(wanted_source(context, item.package, item.package.source, requested=False).wheel)
            elif item.file is not None:
                found.append(wanted_file(context, item.package, item.file, requested=False).wheel)
        return found

    return find
