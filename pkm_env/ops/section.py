"""One environment on its way into the lock: what it asks for, its targets, its solutions."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.project import expand_group
from pkm_build.tables import meant
from pkm_env.lock.compose import SectionResult
from pkm_env.lock.lockfile import BUILD_PREFIX, LockedPackage, LockSection
from pkm_env.model.platforms import short_platform
from pkm_env.model.requirements import parse_requirement
from pkm_env.model.target import (
    IMPLIED_PLATFORMS,
    KNOWN_PYTHONS,
    implied_pythons,
    make_targets,
)
from pkm_env.model.versions import version_key
from pkm_env.ops.declared import declared, from_line, origin, place
from pkm_env.ops.entries import Entries, KnownFiles, LockRun
from pkm_env.ops.options import GIVEN_KEY, Given
from pkm_env.ops.staleness import Staleness
from pkm_env.resolver.request import COMMAND_LINE, HIGHEST, LOWEST, NoSolution, Origin, Request, Root, Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pkm_env.context import Context
    from pkm_env.cut_off import CutOff
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.model.ports import Releases
    from pkm_env.model.target import Target
    from pkm_env.ops.options import LockOptions
    from pkm_env.resolver.problem import Recorder
    from pkm_env.resolver.report import Explanation
    from pkm_env.resolver.request import Declared, Resolution


# Each proof takes a while to be told.
_MOST_PROOFS = 5
# The key of a section for the newest Python that was known when it was locked.
NEWEST = "newest-python"


class NoSolutionFound(PkmError):
    """An environment without an answer; the message explains why."""

    def __init__(self, environment: str, targets: str, explanation: str, hint: str = "") -> None:
        named = f'the environment "{environment}"'
        if environment.startswith(BUILD_PREFIX):
            named = f"what building {environment.removeprefix(BUILD_PREFIX)} requires"
        super().__init__(f"nothing fits {named} ({targets})\n\n{explanation}", hint)
        self.environment = environment


class UnknownExtra(PkmError):
    """An extra that an environment names, and that the project's backend does not give."""

    def __init__(self, who: str, extra: str, known: Sequence[str]) -> None:
        hint = meant(
            extra, known, f"the extras are {', '.join(known)}" if known else "the project has no extras"
        )
        super().__init__(f'{who} has no extra "{extra}"', hint)


class Locker(Staleness):
    """Solves environments one after the other.

    ``solves`` counts the targets for which something had to be decided. ``constraints_key`` is the key of the rules
    that bound versions.
    """

    constraints_key = "constraints"

    def __init__(
        self,
        context: Context,
        old: Lock | None,
        old_targets: Mapping[str, tuple[Target, ...]],
        options: LockOptions,
        run: LockRun | None = None,
    ) -> None:
        """Take the lock as it stands, and what other lockers of the same *run* chose."""
        super().__init__(context, old, options)
        self.run = run or LockRun(context.memory, KnownFiles(context.memory, context.workspace.root))
        self.old_targets = old_targets
        self._releases: dict[str, Releases] = {}
        self.recorder: Recorder | None = None
        # Versions of another side of a conflict, preferred after our own.
        self.further: tuple[LockedPackage, ...] = ()
        self.solves = 0

    def solve_one(self, environment: Environment) -> SectionResult:
        """Return one environment's section, solved for each of its targets."""
        self.context.reporter.phase(f"Resolving {environment.section}")
        self.context.access.tell_indexes()
        from pkm_env.resolver.resolve import resolve

        targets, declared = self.targets(environment)
        self.cut_off_indexes(environment)
        releases = self.releases(environment)
        request = self.request(environment, targets)
        if self.options.record:
            outcomes = self.recorded(environment, request, releases)
        else:
            outcomes = resolve(request, releases, self.context.memory, self.run.common(releases))
        failures = [outcome for outcome in outcomes if isinstance(outcome, NoSolution)]
        solved = [outcome for outcome in outcomes if not isinstance(outcome, NoSolution)]
        clashes = [failure for failure in failures if self.clash(failure)]
        if clashes or (failures and (declared or not solved)):
            failures = clashes or (failures if declared else self.most_telling_first(failures))
            shown = shortened([failure.target.name for failure in failures])
            told = str(self.explained(failures[0], failures[1:], [outcome.target for outcome in outcomes]))
            told += self.other_reasons(failures)
            if self.options.record:
                self.record(environment, request)  # An explanation tries changes, and asks more for it.
            raise NoSolutionFound(environment.section, shown, told, self.clash(failures[0]))
        self.solves += sum(bool(outcome.steps.get("decisions")) for outcome in solved)
        self.tell_left_out(environment, failures)
        self.tell_decisions(environment, solved)
        return self.result(environment, solved, failures)

    def releases(self, environment: Environment) -> Releases:
        """Return what the resolver asks for an environment."""
        found = self._releases.get(environment.section)
        if found is None:
            found = self._releases[environment.section] = self.context.releases(environment)
        return found

    def result(
        self, environment: Environment, solved: Sequence[Resolution], failures: Sequence[NoSolution]
    ) -> SectionResult:
        """Return the section that outcomes make."""
        section = LockSection(
            environment.section,
            self.digest(environment),
            tuple(outcome.target.key for outcome in solved),
            left_out=tuple((failure.target.key, self.short_reason(failure)) for failure in failures),
            options=section_options(
                environment,
                self.cut_off(environment),
                self.given(environment),
                self.newest_python(environment),
            ),
        )
        entries = Entries(
            self.context, self.run, environment, self.releases(environment), self.strategy(environment)
        )
        return SectionResult(section, tuple(outcome.target for outcome in solved), entries.made(solved))

    def cut_off(self, environment: Environment) -> CutOff | None:
        """Return the cut-off that holds for an environment, None where there is none."""
        section = self.old.sections.get(environment.section) if self.old is not None else None
        kept = section.options if section is not None and not self.options.upgrade else {}
        told = environment.options.exclude_newer
        if isinstance(told, dict):
            stands = origin(self.workspace, environment, "exclude-newer")
            key = stands.key if stands is not None else ()
            self.context.access.refuse_unknown(told, lambda name: self.where(Origin("", (*key, name))))
        return self.context.cut_off(told, self.options.exclude_newer, kept)

    def cut_off_indexes(self, environment: Environment) -> None:
        """Let the indexes be read as of the cut-off that holds for an environment."""
        cut_off = self.cut_off(environment)
        self.context.cut_offs[environment.name] = cut_off.times if cut_off is not None else {}

    def tell_left_out(self, environment: Environment, failures: Sequence[NoSolution]) -> None:
        """Tell which implied targets have no solution, those with one reason together."""
        by_reason: dict[str, list[str]] = {}
        for failure in failures:
            reason = without_target(self.short_reason(failure), failure.target)
            by_reason.setdefault(reason, []).append(failure.target.name)
        for reason, names in by_reason.items():
            more = len(names) - 2
            shown = ", ".join(names[:2]) + (
                f" and {more} more target{'s' if more > 1 else ''}" if more > 0 else ""
            )
            self.context.reporter.note(f"{environment.section} leaves out {shown}: {reason}")

    def tell_decisions(self, environment: Environment, solved: Sequence[Resolution]) -> None:
        """Tell what was decided for the user; of what the lock holds already, only which extras are none."""
        locked = self.old.packages if self.old is not None else ()
        known = {(package.name, package.version) for package in locked}
        for text in dict.fromkeys(note for outcome in solved for note in outcome.notes):
            name, version, *_ = text.split(" ")
            if (name, version) not in known or " has no extra " in text:
                self.context.reporter.note(text, environment.section)

    def clash(self, _failure: NoSolution, /) -> str:
        """Return what would help where a target must not be left out, as what is asked for it contradicts itself."""
        return ""

    def short_reason(self, failure: NoSolution) -> str:
        """Return why a target has no solution, in one line."""
        explanation = self.explained(failure)
        return explanation.lines[-1].alone if explanation.lines else explanation.conclusion

    @staticmethod
    def most_telling_first(failures: Sequence[NoSolution]) -> list[NoSolution]:
        """Return failures of implied targets with that first which is nearest to a solution: one would do."""
        from pkm_env.resolver.report import most_telling

        first = most_telling(failures)
        return [first, *(failure for failure in failures if failure is not first)]

    def other_reasons(self, failures: Sequence[NoSolution]) -> str:
        """Return why further targets have no solution, where that is another reason than that of the first."""
        proofs = list({id(failure.derivation): failure.derivation for failure in failures}.values())[
            :_MOST_PROOFS
        ]
        by_reason: dict[str, list[str]] = {}
        for failure in failures:
            if failure.derivation in proofs:
                reason = without_target(self.short_reason(failure), failure.target)
                by_reason.setdefault(reason, []).append(failure.target.name)
        others = list(by_reason.items())[1:]
        lines = [f"  {shortened(names)}: {reason}" for reason, names in others]
        return "\n".join(["\n\nother targets have other reasons:", *lines]) if lines else ""

    def recorded(
        self, environment: Environment, request: Request, releases: Releases
    ) -> tuple[Resolution | NoSolution, ...]:
        """Solve, and keep all that was asked and answered, whatever comes of it."""
        from pkm_env.resolver.problem import Recorder
        from pkm_env.resolver.resolve import resolve

        self.recorder = Recorder(releases)
        try:
            return resolve(request, self.recorder, self.context.memory)
        finally:
            self.record(environment, request)

    def record(self, environment: Environment, request: Request) -> None:
        """Keep what was asked and answered until now."""
        from pkm_env.resolver.problem import to_plain

        assert self.recorder is not None, "something was recorded"
        self.context.problems[environment.section] = to_plain(request, self.recorder)

    def explained(
        self, failure: NoSolution, others: Sequence[NoSolution] = (), targets: Sequence[Target] = ()
    ) -> Explanation:
        """Return a failure in words; what words it is loaded only now. What would work is tried for *others* too."""
        from pkm_env.resolver.report import explain

        return explain(failure, where=self.where, others=others, targets=targets)

    def where(self, origin: Origin) -> str:
        """Return where a requirement or a rule stands, as file:line:column or in words."""
        return place(self.workspace, origin)

    def targets(self, environment: Environment, /) -> tuple[tuple[Target, ...], bool]:
        """Return the targets of an environment, oldest Python first, and whether all of it was declared."""
        required = ",".join(filter(None, (self.workspace.project.requires_python, environment.python)))
        platforms = IMPLIED_PLATFORMS if environment.platforms is None else environment.platforms
        key = (required, self.newest_python(environment), tuple(platforms), environment.implementation)
        targets = self.run.targets.get(key)
        if targets is None:
            pythons = self.known_pythons(environment, required)
            targets = make_targets(pythons, platforms, environment.implementation, required)
            self.run.targets[key] = targets
        if not targets:
            asked = self.pythons(environment)
            said = ",".join(specifier for specifier, _ in asked)
            places = ", ".join(self.where(origin) for _, origin in asked)
            raise NoSolutionFound(
                environment.section,
                "no target",
                f"  no Python that pkm knows ({KNOWN_PYTHONS[0]} to {KNOWN_PYTHONS[-1]}) is admitted by"
                f' "{said}"    {places}',
            )
        return targets, bool(environment.python) and environment.platforms is not None

    def newest_python(self, environment: Environment, /) -> str:
        """Return the newest Python that counts: the one that was known at the last lock, until an upgrade."""
        section = self.old.sections.get(environment.section) if self.old is not None else None
        kept = section.options.get(NEWEST, "") if section is not None and not self.options.upgrade else ""
        return kept if kept in KNOWN_PYTHONS else KNOWN_PYTHONS[-1]

    def known_pythons(self, environment: Environment, required: str) -> Sequence[str]:
        """Return the Pythons that a specifier admits of those that count: a later pkm knows more of them."""
        admitted = implied_pythons(required)
        limit = KNOWN_PYTHONS.index(self.newest_python(environment))
        return [python for python in admitted if KNOWN_PYTHONS.index(python) <= limit] or admitted

    def request(self, environment: Environment, targets: tuple[Target, ...]) -> Request:
        """Return what the resolver is asked for one environment."""
        given = self.given(environment)
        options = given.laid_over(environment.options)
        said = declared(self.workspace, environment, given, self.options, self.cut_off(environment))
        return Request(
            roots=tuple(self.roots(environment)),
            targets=targets,
            rules=Rules(
                constraints=self.constraints(environment, given, said),
                overrides=given.overriding(self.workspace.declaration.overrides),
                prereleases=options.prereleases,
                resolution=options.resolution,
                no_build=options.no_build is True or frozenset(options.no_build or ()),
                no_binary=options.no_binary is True or frozenset(options.no_binary or ()),
            ),
            preferences=self.preferences(environment),
            locked=self.locked_versions(environment),
            sources=self.context.places.bound_sources(environment),
            root_name=self.workspace.project.name,
            root_version=self.workspace.project.version or "",
            own_extras=self.own_extras(),
            pythons=self.pythons(environment),
            held=self.held(environment),
            declared=said,
        )

    def pythons(self, environment: Environment) -> list[tuple[str, Origin]]:
        """Return what decides about the Pythons of an environment: its own key, then that of the project."""
        project = self.workspace.project
        found = []
        if environment.python:
            who = f'the environment "{environment.section}"'
            found.append((environment.python, Origin(who, (*environment.key, "python"))))
        if project.requires_python:
            who = project.raw_name or "the project"
            found.append((project.requires_python, Origin(who, ("project", "requires-python"))))
        return found

    def constraints(
        self, environment: Environment, given: Given, declared: Declared
    ) -> list[tuple[str, Origin]]:
        """Return the bounds of a solve: those of the project, of the command line, and of the packages to upgrade."""
        origin = declared.origin(self.constraints_key)
        key = origin.key if origin is not None else ()
        found = [
            (text, Origin("", (*key, at) if key else ()))
            for at, text in enumerate(environment.options.constraints)
        ]
        moved = [text for text in self.options.upgrade_packages if parse_requirement(text).specifier]
        typed = self.options.given is not None and bool(self.options.given.constraints)
        found += [(text, from_line(now=typed)) for text in given.constraints]
        return [*found, *((text, Origin(COMMAND_LINE)) for text in moved)]

    def roots(self, environment: Environment, /) -> Iterable[Root]:
        """Yield what the environment asks for, each with the place where it stands."""
        project = self.workspace.project
        who = project.raw_name or "the project"
        if environment.project != "none":
            required, extras = self.context.project_requirements()
            for text, key in required:
                yield Root(text, Origin(who, key))
            for extra in environment.extras:
                if extra not in extras:
                    raise UnknownExtra(who, extra, sorted(extras))
                for text, key in extras[extra]:
                    yield Root(text, Origin(who, key, extra=extra))
        for group in environment.groups:
            for text, key in expand_group(project, group):
                yield Root(text, Origin(who, key, group=group))
        for text, key in environment.dependencies:
            yield Root(text, Origin(f'the environment "{environment.section}"', key))

    def own_extras(self) -> dict[str, tuple[Root, ...]]:
        """Return what the project's extras ask for, for requirements that name the project itself."""
        who = self.workspace.project.raw_name
        _, extras = self.context.project_requirements()
        return {
            extra: tuple(Root(text, Origin(who, key, extra=extra)) for text, key in required)
            for extra, required in extras.items()
        }

    def locked_versions(self, environment: Environment) -> dict[str, dict[str, str]]:
        """Return the versions to prefer for each target, by its key.

        They are the section's own, then those of this run, then those of the sections that stay as they are.
        """
        here = self.run.chosen_here.get(self.strategy(environment), {})
        found = {
            key: {**versions, **here.get(key, {})} for key, versions in self.staying(environment).items()
        }
        found = {**here, **found}
        section = self.old.sections.get(environment.section) if self.old is not None else None
        if self.old is None or section is None or self.options.upgrade:
            return found
        own: dict[str, dict[str, str]] = {}
        for package in self.old.of_section(environment.section):
            if not package.version or package.name in self.forgotten:
                continue
            mask = package.sections[environment.section]
            for bit, key in enumerate(section.targets):
                if mask >> bit & 1:
                    own.setdefault(key, {})[package.name] = package.version
        return {**found, **{key: {**found.get(key, {}), **versions} for key, versions in own.items()}}

    def staying(self, environment: Environment) -> dict[str, dict[str, str]]:
        """Return the versions of the sections that stay as they are, by target; what the first of them has counts."""
        strategy, found = self.strategy(environment), self.run.staying
        if self.old is None or self.options.upgrade:
            return {}
        if strategy not in found:
            found[strategy] = {}
            for section in self.old.sections.values():
                if section.name in self.run.solving or section.name.startswith(BUILD_PREFIX):
                    continue
                if section.options.get("resolution", HIGHEST) != strategy:
                    continue
                for package in self.old.of_section(section.name):
                    # The version of a folder or a repository is no wish of those who take the package from an index.
                    if package.source is None and package.name not in self.forgotten:
                        for bit, key in enumerate(section.targets):
                            if package.sections[section.name] >> bit & 1:
                                found[strategy].setdefault(key, {}).setdefault(package.name, package.version)
        return found[strategy]

    def strategy(self, environment: Environment) -> str:
        """Return which versions an environment wants: "highest", "lowest" or "lowest-direct"."""
        return self.given(environment).resolution or environment.options.resolution

    @staticmethod
    def strategies_of(package: LockedPackage, lock: Lock | None) -> set[str]:
        """Return the strategies by which the sections of an entry were locked; other tools take the highest."""
        sections = lock.sections if lock is not None else {}
        known = [sections[name].options for name in package.sections if name in sections]
        return {options.get("resolution", "highest") for options in known} or {"highest"}

    def preferences(self, environment: Environment) -> dict[str, tuple[str, ...]]:
        """Return versions to prefer: the section's own, those of this run, then the other sections'."""
        found: dict[str, dict[str, None]] = {}
        own = [] if self.old is None else [p for p in self.old.packages if environment.section in p.sections]
        others = (
            []
            if self.old is None
            else [p for p in self.old.packages if environment.section not in p.sections]
        )
        keep, strategy = not self.options.upgrade, self.strategy(environment)
        self.note_versions(found, own if keep else (), strategy)
        others = [package for package in others if self.strategies_of(package, self.old) & {strategy}]
        for name, versions in self.run.chosen_now.get(strategy, {}).items():
            found.setdefault(name, {}).update(versions)
        # The version of a folder or a repository is no wish of those who take the package from an index.
        listed = [package for package in (*others, *self.further) if package.source is None]
        self.note_versions(found, listed if keep else (), strategy)
        return {name: tuple(versions) for name, versions in found.items()}

    def held(self, environment: Environment) -> dict[str, tuple[str, ...]]:
        """Return the versions that may stay though they were yanked: those of the section, on either side of a merge.

        What another environment pins is not asked for here.
        """
        found: dict[str, dict[str, None]] = {}
        if not self.options.upgrade:
            packages = (*(self.old.packages if self.old is not None else ()), *self.further)
            self.note_versions(found, [p for p in packages if environment.section in p.sections])
        return {name: tuple(versions) for name, versions in found.items()}

    def note_versions(
        self, found: dict[str, dict[str, None]], packages: Iterable[LockedPackage], strategy: str = HIGHEST
    ) -> None:
        """Add the versions of entries, the most wanted first, but for those that are to be upgraded."""
        fresh: dict[str, list[str]] = {}
        for package in packages:
            if package.version and package.name not in self.forgotten:
                fresh.setdefault(package.name, []).append(package.version)
        for name, versions in fresh.items():
            if versions[1:]:
                versions.sort(key=version_key, reverse=strategy != LOWEST)
            found.setdefault(name, {}).update(dict.fromkeys(versions))


def shortened(names: Sequence[str]) -> str:
    """Return the first of some targets, and how many more there are."""
    more = len(names) - 1
    return names[0] + (f", and {more} more target{'s' if more > 1 else ''}" if more else "")


def without_target(reason: str, target: Target) -> str:
    """Return why a target has no solution without its own name, so that targets with one reason stand together."""
    named = f" for {short_platform(target.platform)} with Python {target.python}"
    before, found, after = reason.partition(named)
    if after.startswith(" ("):  # Which wheels there are is told of each platform in another way.
        after = after.partition(")")[2]
    text = f"{before}{' for it' if found else ''}{after}"
    for words in (f", and this is Python {target.python}", f", which admits {target.python}"):
        text = text.removesuffix(words)
    return text


def section_options(
    environment: Environment, cut_off: CutOff | None, given: Given, newest_python: str
) -> dict[str, str]:
    """Return the rules that differ from the defaults, what the command line gave, and the newest Python known."""
    found = {NEWEST: newest_python} if newest_python else {}
    resolution = given.resolution or environment.options.resolution
    if resolution != "highest":
        found["resolution"] = resolution
    if given:
        found[GIVEN_KEY] = str(given)
    return {**found, **cut_off.options()} if cut_off is not None else found
