"""``pkm env verify`` and ``pkm env rollback``: what is on disk, compared and put back."""

from __future__ import annotations

from pkm_env.install.apply import NoRollback, rollback, verify
from pkm_env.ops.synced import repaired, repaired_if_free
from pkm_env.ops.whole import require_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pkm_env.context import Context
    from pkm_env.install.apply import Rollback
    from pkm_env.install.verify import Finding
    from pkm_env.model.environment import Environment


def verified(
    context: Context, environment: Environment, tell: Callable[[str], None], *, quick: bool = False
) -> list[Finding]:
    """Return the files of an environment that are not as installed; *quick* compares sizes alone.

    What an interrupted sync left is repaired before, which *tell* is told in a sentence.

    :raises NotMade: when there is no whole environment.
    """
    path = context.workspace.venv_path(environment)
    if said := repaired_if_free(path, context.workspace.relative(path)):
        tell(said)
    require_whole(context, environment)
    return verify(path, quick=quick)


def rolled_back(
    context: Context, environment: Environment, tell: Callable[[str], None], *, force: bool = False
) -> Rollback:
    """Bring an environment back to before its last sync; return what was done.

    *tell* is told in a sentence what was repaired before, at once: the rollback may be refused.

    :raises NoRollback: when there is no earlier state.
    :raises EditedFiles: when files that were changed by hand would be lost, unless *force*.
    :raises LostFiles: when what would come back is not in the cache any more, unless *force*.
    """
    path = context.workspace.venv_path(environment)
    with context.environment_lock(path):
        if said := repaired(path, context.workspace.relative(path)):
            tell(said)
        try:
            return rollback(path, force=force)
        except NoRollback as error:
            shown = context.workspace.relative(path)
            raise NoRollback(f"there is no earlier state of {shown} to go back to") from error
