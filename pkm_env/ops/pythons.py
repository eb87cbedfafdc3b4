"""Which interpreter an environment is made with."""

from __future__ import annotations

import os

from pkm_build.errors import PkmError
from pkm_env.lock.lockfile import target_summary
from pkm_env.lock.select import admitting
from pkm_env.model.distribution import Unavailable
from pkm_env.model.target import serves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.context import Context
    from pkm_env.model.environment import Environment
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.target import Target
    from pkm_env.ops.options import SyncOptions
    from pkm_env.python.venv import Venv


class NoPython(PkmError):
    """No interpreter of this machine fits."""


class Unmet(PkmError):
    """An environment of an interpreter that pkm does not know, and does not run for a look."""


class WrongVenv(PkmError):
    """An environment that pkm did not make has another interpreter than the one that is wanted."""


class Choice:
    """An interpreter; ``keeps_venv`` tells whether the environment that is there goes on, ``why`` why not."""

    __slots__ = ("interpreter", "keeps_venv", "why")

    def __init__(self, interpreter: Interpreter, *, keeps_venv: bool = False, why: str = "") -> None:
        self.interpreter = interpreter
        self.keeps_venv = keeps_venv
        self.why = why


def choose_python(
    context: Context,
    environment: Environment,
    targets: Sequence[Target],
    venv: Venv | None,
    options: SyncOptions,
) -> Choice:
    """Return the first that applies: ``-p``, ``.python-version``, the environment's own, PKM_PYTHON, the newest.

    :raises NoPython: when none is there that the section admits.
    """
    wish, origin = context.switches.python, "-p"
    if not wish:
        wish, origin = pinned_version(context.workspace.root), ".python-version"
    # First, for what the user names may be run, and is known then.
    wanted = wished(context, environment, targets, wish, origin) if wish else None
    present, lack = present_python(context, environment, targets, venv, options)
    if present is not None and (wanted is None or same_python(present, wanted)):
        if venv is not None and options.copies and os.path.islink(venv.python):
            return replaced(
                context, environment, venv, present, "--copies asks for a copy of its interpreter", options
            )
        return Choice(present, keeps_venv=True)
    if wanted is not None:
        asked = f"{origin} asks for Python {wanted.version}" if present is not None else lack
        return replaced(context, environment, venv, wanted, asked, options)
    if context.settings.python:
        wanted = wished(context, environment, targets, context.settings.python, "PKM_PYTHON")
    else:
        wanted = newest(context, environment, targets)
    return replaced(context, environment, venv, wanted, lack, options)


def present_python(
    context: Context,
    environment: Environment,
    targets: Sequence[Target],
    venv: Venv | None,
    options: SyncOptions,
) -> tuple[Interpreter | None, str]:
    """Return the interpreter of the environment that is there, or None and why it cannot go on ("" without one).

    :raises Unmet: when only a look is wanted, and pkm does not know it.
    """
    if venv is None:
        return None, ""
    found = context.interpreters.of_venv(venv, context.workspace.root, looking=options.dry_run)
    if isinstance(found, Unavailable):
        if options.dry_run and found.kind == "unknown":
            raise Unmet(f"not looked into: {found.reason}", "pkm sync looks into it, -p names a Python")
        return None, found.reason
    if admitting(targets, found) is None:
        return None, f"Python {venv.version} is no target of {environment.name}"
    return found, ""


def wished(
    context: Context, environment: Environment, targets: Sequence[Target], wish: str, origin: str
) -> Interpreter:
    """Return the interpreter that the user asked for.

    :raises NoPython: when it is not there, or the section was not solved for it.
    """
    wanted = context.interpreters.find(wish)
    if wanted is None:
        raise NoPython(f"{origin} asks for Python {wish}, which is not on this machine")
    require_admitted(environment, targets, wanted, f"{origin} asks for Python {wanted.version}")
    return wanted


def newest(context: Context, environment: Environment, targets: Sequence[Target]) -> Interpreter:
    """Return the newest interpreter of this machine that the section was solved for.

    :raises NoPython: when there is none.
    """
    platforms = dict.fromkeys(target.platform for target in targets)
    own = ""
    for found in context.interpreters.serving(targets):
        if admitting(targets, found) is not None:
            return found
        own = found.platform
    if own and not any(serves(platform, own) for platform in platforms):
        held = ", ".join(platforms)
        raise NoPython(
            f'this machine is {own}, and the environment "{environment.name}" is locked for {held} alone',
            f"tool.pkm.env.{environment.name}.platforms says for which, and pkm lock which of them it leaves out",
        )
    pythons = ", ".join(dict.fromkeys(target.name.partition(" on ")[0] for target in targets))
    raise NoPython(
        f'no Python of this machine is a target of the environment "{environment.name}" ({pythons})',
        f"install one of them, or let tool.pkm.env.{environment.name} admit another",
    )


def replaced(
    context: Context,
    environment: Environment,
    venv: Venv | None,
    wanted: Interpreter,
    why: str,
    options: SyncOptions,
) -> Choice:
    """Return the choice of another interpreter than the one in the environment that is there, and *why*.

    :raises WrongVenv: when pkm did not make that environment.
    """
    if venv is None:
        return Choice(wanted)
    if not venv.ours and not options.force:
        place = context.workspace.relative(venv.path)
        raise WrongVenv(
            f"{place} would have to be made anew: {why}",
            f"pkm did not make it; pkm sync {environment.name} --force makes it anew",
        )
    return Choice(wanted, why=f"{why}; ")


def require_admitted(
    environment: Environment, targets: Sequence[Target], wanted: Interpreter, said: str
) -> None:
    """Refuse an interpreter that the section was not solved for.

    :raises NoPython: with the targets there are.
    """
    if admitting(targets, wanted) is None:
        names = target_summary([target.key for target in targets])
        raise NoPython(
            f'{said}, which is no target of the environment "{environment.name}"',
            f"its targets are {names}; tool.pkm.env.{environment.name} may name others",
        )


def same_python(one: Interpreter, other: Interpreter) -> bool:
    """Whether two interpreters belong to one installation."""
    return one.version == other.version and os.path.realpath(one.base) == os.path.realpath(other.base)


def pinned_version(root: str) -> str:
    """Return the first version in the project's .python-version, "" where there is none."""
    try:
        with open(os.path.join(root, ".python-version"), encoding="utf-8") as file:
            words = [line.partition("#")[0].strip() for line in file]
    except (OSError, UnicodeDecodeError):
        return ""
    return next((word for word in words if word), "")
