"""Stamps of what was found up to date, for the next command's quick answer."""

from __future__ import annotations

import os
import sys

from pkm_env.lock.lockfile import BUILD_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.ops.locked import Locked
    from pkm_env.ops.sync import Synced


def stamp_lock(context: Context, done: Locked, text: str) -> None:
    """Note that every section is up to date, and what ``pkm lock`` says of it."""
    workspace = context.workspace
    names = {found.section for owner in workspace.family for found in owner.environments}
    if not context.can_stamp() or names != environments_of(done.lock) or not context.is_settled():
        return
    paths = [workspace.lock_path]
    for owner in workspace.family:
        paths.append(owner.source.path)
        for environment in owner.environments:
            paths += context.of(owner).watched_sources(environment)
    context.stamp("lock", paths, {"say": text}, [workspace.lock_path])


def environments_of(lock: Lock) -> set[str]:
    """Return the sections of a lock that are environments."""
    return {name for name in lock.sections if not name.startswith(BUILD_PREFIX)}


def stamp_sync(context: Context, environment: Environment, done: Synced, text: str) -> None:
    """Note that an environment is in sync, and what ``pkm sync`` says of it."""
    if context.can_stamp() and context.is_settled():
        context.stamp(f"sync-{environment.name}", done.paths, answer(done.path, text), own(context, done))


def stamp_run(context: Context, environment: Environment, done: Synced) -> None:
    """Note that an environment holds all that is locked, so that a program can run in it at once."""
    if context.can_stamp() and context.is_settled():
        context.stamp(f"run-{environment.name}", done.paths, answer(done.path, ""), own(context, done))


def own(context: Context, done: Synced) -> tuple[str, str]:
    """Return what a sync may have written of the things that a stamp watches."""
    return context.workspace.lock_path, done.path


def answer(path: str, text: str) -> dict[str, str]:
    """Return what a stamp of an environment answers."""
    return {
        "say": text,
        "venv": path,
        "bin": os.path.join(path, "Scripts" if sys.platform == "win32" else "bin"),
    }
