"""``pkm env delete``: remove an environment's folder."""

from __future__ import annotations

import os

from pkm_build.errors import PkmError
from pkm_env.files import remove_tree
from pkm_env.install.swap import forget, real_place
from pkm_env.python.venv import read_venv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.context import Context
    from pkm_env.model.environment import Environment


class NotOurs(PkmError):
    """A folder that pkm did not make."""


def delete(context: Context, environment: Environment, *, force: bool = False) -> str:
    """Remove the folder of an environment and return its path as shown, "" where there was none.

    :raises NotOurs: when pkm did not make it, unless *force*.
    """
    path = context.workspace.venv_path(environment)
    found = read_venv(path)
    if found is None:
        return ""
    shown = context.workspace.relative(path)
    if not (found.ours or force):
        raise NotOurs(f"pkm did not make {shown}", "--force deletes it all the same")
    with context.environment_lock(path):
        # First out of the way by a rename, so that a kill in between leaves no half environment in its place.
        gone = f"{path}.gone"
        remove_tree(gone)
        os.rename(path, gone)
        remove_tree(gone)
        # Nothing shall come back by a rollback or a repair of what is gone.
        for ending in ("old", "ready", "new"):
            forget(real_place(path), ending)
    return shown
