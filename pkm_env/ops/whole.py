"""Environments that are taken as they are on disk."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.python.venv import Venv, read_venv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.context import Context
    from pkm_env.model.environment import Environment


class NotMade(PkmError):
    """An environment that is not on disk, or not whole."""


def require_whole(context: Context, environment: Environment) -> None:
    """Refuse an environment that is not there: what would be run is another Python that happens to be on PATH.

    :raises NotMade: when there is none, or a broken one.
    """
    path = context.workspace.venv_path(environment)
    found = read_venv(path)
    if not isinstance(found, Venv):
        reason = found.reason if found else "does not exist"
        raise NotMade(f"{context.workspace.relative(path)} {reason}", f"pkm sync {environment.name} makes it")
