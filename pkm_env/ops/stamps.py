"""Stamps of what was found up to date, for the next command's quick answer."""

from __future__ import annotations

import os
import sys
import time

from pkm_env import stamp
from pkm_env.files import write_atomic
from pkm_env.lock.lockfile import BUILD_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.ops.locked import Locked
    from pkm_env.ops.sync import Synced


def stamp_lock(context: Context, done: Locked, text: str) -> None:
    """Note that every section is up to date, and what ``pkm lock`` says of it."""
    workspace = context.workspace
    names = {found.section for owner in workspace.family for found in owner.environments}
    if not can_stamp(context) or names != environments_of(done.lock):
        return
    paths = [workspace.lock_path]
    for owner in workspace.family:
        paths.append(owner.source.path)
        for environment in owner.environments:
            paths += context.of(owner).places.watched_sources(environment)
    write_stamp(context, "lock", paths, {"say": text}, [workspace.lock_path])


def environments_of(lock: Lock) -> set[str]:
    """Return the sections of a lock that are environments."""
    return {name for name in lock.sections if not name.startswith(BUILD_PREFIX)}


def stamp_sync(context: Context, environment: Environment, done: Synced, text: str) -> None:
    """Note that an environment is in sync, and what ``pkm sync`` says of it."""
    if can_stamp(context):
        write_stamp(
            context, f"sync-{environment.name}", done.paths, answer(done.path, text), own(context, done)
        )


def stamp_run(context: Context, environment: Environment, done: Synced) -> None:
    """Note that an environment holds all that is locked, so that a program can run in it at once."""
    if can_stamp(context):
        write_stamp(context, f"run-{environment.name}", done.paths, answer(done.path, ""), own(context, done))


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


def can_stamp(context: Context) -> bool:
    """Whether a stamp may answer the next such command line.

    No switch may stand in it that a stamp knows nothing of, and all that the project's metadata comes from has to
    be watched: nothing of it may be dynamic.
    """
    switches = context.switches
    told = switches.python or switches.default_index or switches.link_mode or switches.offline
    return not told and not context.workspace.project.dynamic


def write_stamp(
    context: Context, name: str, paths: Iterable[str], answer: Mapping[str, str], own: Sequence[str] = ()
) -> None:
    """Write a stamp, once the newest of its files is older than the clock's grain.

    What this run itself wrote, the files in *own* and those below its folders, is dated back instead.
    """
    root = context.workspace.root
    paths = tuple(paths)
    for path in paths:
        if path in own or path.startswith(tuple(os.path.join(one, "") for one in own)):
            stamp.date_back(path, context.now_s)
    while True:
        body, newest = stamp.make_stamp(paths, context.environ, answer)
        wait_ns = newest + stamp.GRAIN_NS - time.time_ns()
        if not 0 < wait_ns <= stamp.GRAIN_NS:
            break
        time.sleep(wait_ns / 1e9)
    folder = os.path.join(root, stamp.FOLDER)
    try:
        ignore = os.path.join(root, ".pkm", ".gitignore")
        if not os.path.exists(ignore):
            os.makedirs(os.path.dirname(ignore), exist_ok=True)
            write_atomic(ignore, b"*\n")
        os.makedirs(folder, exist_ok=True)
        write_atomic(os.path.join(folder, name), body)
    except OSError:
        # A stamp only saves time: where none can be written, the next command looks again.
        return
