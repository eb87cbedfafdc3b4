"""Stamps of what was found up to date, for the next command's quick answer."""

from __future__ import annotations

import os
import sys
import time
from marshal import dumps

from pkm_env import stamp
from pkm_env.files import remove_file, write_atomic

# They say where the user's settings and the cache are, where no variable of pkm does.
FOLDER_VARIABLES = ("APPDATA", "HOME", "LOCALAPPDATA", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
# A file's time may lie this much before the moment of its change: a tick of the slowest clock.
TICK_S = 0.01

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.ops.locked import Locked
    from pkm_env.ops.synced import Synced


def stamp_lock(context: Context, done: Locked, text: str) -> None:
    """Note that every section is up to date, and what ``pkm lock`` says of it."""
    from pkm_env.workspace import read_lock_text

    workspace = context.workspace
    names = {found.section for owner in workspace.family for found in owner.environments}
    if not can_stamp(context) or names != environments_of(done.lock):
        return
    paths = [workspace.lock_path, *workspace.deciding_paths()]
    for owner in workspace.family:
        for environment in owner.environments:
            paths += context.of(owner).places.watched_sources(environment)
    seen = looked(paths, context.now_s, [workspace.lock_path])
    if read_lock_text(workspace.lock_path) == done.text:
        write_stamp(workspace.root, "lock", seen, {"say": text}, context.environ)


def environments_of(lock: Lock) -> set[str]:
    """Return the sections of a lock that are environments."""
    from pkm_env.lock.lockfile import BUILD_PREFIX

    return {name for name in lock.sections if not name.startswith(BUILD_PREFIX)}


def stamp_sync(context: Context, environment: Environment, done: Synced, text: str) -> None:
    """Note that an environment is in sync, and what ``pkm sync`` says of it."""
    if can_stamp(context):
        more = b""
        if done.goal is not None:
            from pkm_env.config import user_config_path

            around = surroundings(context.environ, user_config_path(context.environ))
            more = dumps((around, done.goal.to_plain()))
        stamp_environment(context, f"sync-{environment.name}", done, text, more)


def stamp_run(context: Context, environment: Environment, done: Synced) -> None:
    """Note that an environment holds all that is locked, so that a program can run in it at once."""
    if can_stamp(context):
        stamp_environment(context, f"run-{environment.name}", done)


def stamp_environment(context: Context, name: str, done: Synced, text: str = "", more: bytes = b"") -> None:
    """Write a stamp of an environment; it answers where the environment is, and what to say."""
    answer = {
        "environment": done.environment,
        "folders": done.folders,
        "say": text,
        "venv": done.path,
        "bin": os.path.join(done.path, "Scripts" if sys.platform == "win32" else "bin"),
    }
    write_stamp(context.workspace.root, name, done.seen, answer, context.environ, more)


def surroundings(environ: Mapping[str, str], config_path: str) -> tuple[Any, ...]:
    """Return what decides on the settings, apart from the variables that a stamp watches."""
    return config_path, stamp.look(config_path), *(environ.get(name) for name in FOLDER_VARIABLES)


def can_stamp(context: Context) -> bool:
    """Whether a stamp may answer the next such command line.

    No switch may stand in it that a stamp knows nothing of, and all that the project's metadata comes from has to
    be watched: nothing of it may be dynamic.
    """
    switches = context.switches
    told = switches.python or switches.default_index or switches.link_mode or switches.offline
    return not told and not context.workspace.project.dynamic


def looked(paths: Iterable[str], began_s: float, own: Sequence[str] = ()) -> dict[str, stamp.Seen]:
    """Return what is seen of *paths* at the end of a run that *began_s* (seconds since 1970).

    What that run itself wrote, the files in *own* and those below its folders, is dated back. Where another file
    was changed since then, nobody knows which state of it was read: nothing is returned, and no stamp can be
    written.
    """
    paths = tuple(paths)
    below = tuple(os.path.join(one, "") for one in own)
    for path in paths:
        if path in own or path.startswith(below):
            stamp.date_back(path, began_s)
        elif is_newer(path, began_s):
            return {}
    return stamp.see(paths)


def write_stamp(
    root: str,
    name: str,
    seen: Mapping[str, stamp.Seen],
    answer: Mapping[str, Any],
    environ: Mapping[str, str],
    more: bytes = b"",
) -> None:
    """Write a stamp for the project in *root*, once the newest of its files is older than the clock's grain.

    There is none where nothing was *seen*. Where it is no longer so, the stamp will not hold.
    """
    if not seen:
        return
    wait_ns = stamp.newest_of(seen) + stamp.GRAIN_NS - time.time_ns()
    if 0 < wait_ns <= stamp.GRAIN_NS:
        time.sleep(wait_ns / 1e9)
        if any(stamp.changed(seen)):
            return
    place = stamp.stamp_path(root, name)
    body = stamp.make_stamp(place, seen, environ, answer, more)
    try:
        ignore = os.path.join(root, ".pkm", ".gitignore")
        if not os.path.exists(ignore):
            os.makedirs(os.path.dirname(ignore), exist_ok=True)
            write_atomic(ignore, b"*\n")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        # To rename over a file makes ext4 write the new one out at once, in 0.3 ms: without a stamp, nothing is lost.
        remove_file(place)
        write_atomic(place, body)
    except OSError:
        # A stamp only saves time: where none can be written, the next command looks again.
        return


def is_newer(path: str, moment_s: float) -> bool:
    """Whether a file or folder was changed since *moment_s* (seconds since 1970)."""
    seen = stamp.look(path)
    return seen is not None and max(seen[:2]) / 1e9 > moment_s - TICK_S
