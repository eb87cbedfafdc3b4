"""Which sections of a lock have to be solved again; told without loading what solves them."""

from __future__ import annotations

from pkm_build.project import expand_group
from pkm_env.lock.freshness import inputs_digest
from pkm_env.model.requirements import parse_requirement, with_own_extras
from pkm_env.ops.options import GIVEN_KEY, Given, read_given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock, LockSection
    from pkm_env.model.environment import Environment
    from pkm_env.ops.options import LockOptions
    from pkm_env.workspace import Workspace


class Staleness:
    """Compares a project with its lock as it stands."""

    def __init__(self, context: Context, old: Lock | None, options: LockOptions) -> None:
        self.context = context
        self.workspace: Workspace = context.workspace
        self.old = old
        self.options = options
        # Sections that do not hold what their digest says.
        self.mixed = old.mixed if old is not None else frozenset()
        self.forgotten = {parse_requirement(text).name for text in options.upgrade_packages}
        # Another project of the workspace may be the one that has a group.
        for group in self.workspace.project.groups.keys() & set(options.upgrade_groups):
            project = self.workspace.project
            placed = with_own_extras(
                expand_group(project, group), project.name, lambda: context.project_requirements()[1]
            )
            self.forgotten.update(parse_requirement(text).name for text, _ in placed)

    def digest(self, environment: Environment, /) -> str:
        """Return the digest of what the section of *environment* is solved from, as things stand."""
        project = self.workspace.project
        groups = {name: [text for text, _ in expand_group(project, name)] for name in environment.groups}
        return inputs_digest(
            project,
            environment,
            self.workspace.declaration,
            groups,
            self.context.places.path_digests(environment),
        )

    def is_stale(self, environment: Environment) -> bool:
        """Whether the section has to be solved: it is missing, its inputs changed, or it is asked for anew."""
        section = self.old.sections.get(environment.section) if self.old is not None else None
        if section is None or self.options.upgrade or self.options.exclude_newer:
            return True
        if self.options.refresh is True or self.options.record:
            return True
        anew = self.forgotten | (self.options.refresh or frozenset())
        if anew and self.old is not None:
            held = {package.name for package in self.old.of_section(environment.section)}
            if held & anew:
                return True
        if section.name in self.mixed or (
            self.options.given and self.given(environment) != self.kept(section)
        ):
            return True
        return section.inputs != self.digest(environment)

    def kept(self, section: LockSection | None) -> Given:
        """Return what the command line gave when a section was locked, unless an upgrade is to forget it."""
        return read_given(
            "" if section is None or self.options.upgrade else section.options.get(GIVEN_KEY, "")
        )

    def given(self, environment: Environment, /) -> Given:
        """Return what the command line gives for an environment, or gave when it was locked before."""
        section = self.old.sections.get(environment.section) if self.old is not None else None
        kept = self.kept(section)
        return self.options.given.over(kept) if self.options.given else kept
