"""Which environment a name means where a command runs: one of the project, or a member's by its section."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.grammar import normalise
from pkm_build.tables import meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pkm_env.context import Context
    from pkm_env.model.environment import Environment


class UnknownEnvironment(PkmError):
    """An environment that the project does not declare."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str], hint: str = "") -> None:
        meaning = meant(name, known, f"the environments are {', '.join(known)}")
        super().__init__(f'there is no environment "{name}"', hint or meaning)
        self.name = name


class Located:
    """An environment, the *context* of the project that has it, and what it is called where the command runs."""

    __slots__ = ("context", "environment", "label")

    def __init__(self, context: Context, environment: Environment, label: str) -> None:
        self.context = context
        self.environment = environment
        self.label = label


def located(context: Context, name: str) -> Located:
    """Return the environment that a name means, in any spelling; a project's own names come first.

    A section's name means what the lock holds under it: in the root of a workspace also a member's environment.

    :raises UnknownEnvironment: with the nearest name as a hint.
    """
    workspace = context.workspace
    found = workspace.declaration.environment(normalise(name))
    if found is not None:
        return Located(context, found, found.name)
    owners = workspace.family if workspace is workspace.family[0] else (workspace,)
    for owner in owners:
        for environment in owner.environments:
            if environment.section == normalise(name):
                return Located(context.of(owner), environment, environment.section)
    further = [environment.section for owner in owners[1:] for environment in owner.environments]
    raise UnknownEnvironment(name, [environment.name for environment in workspace.environments] + further)


def all_located(context: Context, names: Iterable[str]) -> list[Located]:
    """Return the environments that names mean, each once, in the order in which they are declared.

    :raises UnknownEnvironment: for a name that means none.
    """
    found = {one.environment.section: one for one in (located(context, name) for name in names)}
    declared = (environment for owner in context.workspace.family for environment in owner.environments)
    return [found[environment.section] for environment in declared if environment.section in found]


def own(context: Context, name: str) -> Environment:
    """Return the environment of the project that a name means; a member's is used in its own folder.

    :raises UnknownEnvironment: with what was probably meant, or the folder to go to.
    """
    found = located(context, name)
    if found.context is context:
        return found.environment
    there = found.context.workspace.location
    raise UnknownEnvironment(
        name, (), f'it is "{found.environment.name}" of the project in {there}: pkm -C {there} goes there'
    )


def all_own(context: Context, names: Iterable[str]) -> list[Environment]:
    """Return the environments of the project that names mean, each once, in the order in which they are declared.

    :raises UnknownEnvironment: as ``own``.
    """
    wanted = {own(context, name).name for name in names}
    return [found for found in context.workspace.environments if found.name in wanted]
