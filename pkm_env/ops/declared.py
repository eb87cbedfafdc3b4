"""Where the rules of a solve stand: in the project's file, in that of the workspace's root, on the command line."""

from __future__ import annotations

from pkm_env.model.requirements import parse_requirement
from pkm_env.resolver.request import COMMAND_LINE, KEPT_COMMAND_LINE, Declared, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.cut_off import CutOff
    from pkm_env.model.environment import Environment
    from pkm_env.ops.options import Given, LockOptions
    from pkm_env.workspace import Workspace

    Key = tuple[str | int, ...]

RULES = ("prereleases", "exclude-newer", "constraints", "build-constraints", "no-build", "no-binary")
TOP: Key = ("tool", "pkm")


def declared(
    workspace: Workspace, environment: Environment, given: Given, options: LockOptions, cut_off: CutOff | None
) -> Declared:
    """Return what the project says of the rules for an environment, with what was *given* in the place of it."""
    origins: dict[tuple[str, ...], Origin] = {}
    for key in RULES:
        found = origin(workspace, environment, key)
        if found is not None:
            origins[key,] = found
    origins["overrides",] = Origin("", (*TOP, "overrides"))
    origins["platforms",] = Origin("", (*environment.key, "platforms"))
    typed = options.given
    if given.prereleases:
        origins["prereleases",] = from_line(now=typed is not None and bool(typed.prereleases))
    for text in given.overrides:
        path = ("overrides", parse_requirement(text).name)
        origins[path] = from_line(now=typed is not None and text in typed.overrides)
    exclude_newer = environment.options.exclude_newer
    if cut_off is not None and cut_off.from_command:
        origins["exclude-newer",] = from_line(now=bool(options.exclude_newer))
        exclude_newer = cut_off.text
    indexes = stands(workspace, (*TOP, "index")) or ()
    return Declared(
        origins,
        exclude_newer=exclude_newer,
        indexes=[str(index.get("name")) for index in indexes],
        platforms=environment.platforms or (),
    )


def from_line(*, now: bool) -> Origin:
    """Return the origin of a rule that the command line gives, or gave for an earlier lock."""
    return Origin(COMMAND_LINE if now else KEPT_COMMAND_LINE)


def origin(workspace: Workspace, environment: Environment, key: str) -> Origin | None:
    """Return where a rule stands that holds for an environment, None for a default."""
    own = (*environment.key, key)
    if stands(workspace, own) is not None:
        return Origin("", own)
    known = any(stands(one, (*TOP, key)) is not None for one in (workspace, workspace.family[0]))
    return Origin("", (*TOP, key)) if known else None


def stands(workspace: Workspace, key: Key) -> Any:
    """Return what stands under a path of keys in a project's file, None where it has no such."""
    found: Any = workspace.source.data
    try:
        for part in key:
            found = found[part]
    except (KeyError, IndexError, TypeError):
        return None
    return found


def place(workspace: Workspace, origin: Origin) -> str:
    """Return where something stands: "pyproject.toml:8:5", or what says it in place of a file; "" for nowhere.

    In a workspace the file is named as seen from the root. What a member does not say itself stands in the root's.
    """
    if origin.who in {COMMAND_LINE, KEPT_COMMAND_LINE}:
        return origin.who
    if not origin.key or origin.key[:2] == ("project", "dynamic"):
        return ""
    top = workspace.family[0]
    is_own = stands(workspace, origin.key) is not None or stands(top, origin.key) is None
    return (workspace if is_own else top).position(origin.key)
