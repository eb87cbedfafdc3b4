"""A sync that has only to put right what is installed: what the last one found is all that it reads.

It is taken where the stamp of the last sync holds but for the environment's site-packages: the same project,
lock, interpreter, variables and settings lead to the same packages, so none of these is read again. What it
meets that is not as usual it leaves to a whole sync: nothing was changed then.
"""

from __future__ import annotations

import os
import time
from marshal import loads

from pkm_build.grammar import normalise
from pkm_env import stamp
from pkm_env.cache.store import WHEELS, Store
from pkm_env.cache.wheels import WheelCache, is_release
from pkm_env.install.change import change
from pkm_env.install.installed import scan
from pkm_env.install.put import DamagedWheels, Options
from pkm_env.install.swap import lock, real_place, was_interrupted
from pkm_env.ops.stamps import looked, surroundings, write_stamp
from pkm_env.ops.synced import Goal, Synced, installed_paths
from pkm_env.plan import OURS, InstalledDistribution, make_plan
from pkm_env.python.venv import Venv, read_venv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.model.ports import Reporter
    from pkm_env.plan import InstallPlan


DIST_INFO = ".dist-info"


def sync_again(found: stamp.Stamp, environ: Mapping[str, str], reporter: Reporter) -> Synced | None:
    """Bring the environment of the stamp *found* to what it held; None where a whole sync has to."""
    began_s, began = time.time(), time.monotonic()
    goal = read_goal(found.more, environ)
    root = os.path.dirname(os.path.dirname(os.path.dirname(found.place)))
    # A project may come with notes of others: they must not lead to another environment.
    if goal is None or not goal.path.startswith(root + os.sep):
        return None
    folders = tuple(found.answer["folders"])
    with lock(goal.path, lambda: reporter.warn(f"waiting for another pkm that changes {goal.shown}")):
        changed = set(stamp.changed(found.seen, found.digests))
        if not all(stamp.is_in(one, folders) for one in changed) or was_interrupted(goal.path):
            return None
        done = Synced(found.answer["environment"], goal.path)
        # What a file of has changed is read anew.
        same = found.seen.keys() - changed - {os.path.dirname(one) for one in changed}
        plan = put_right(goal, done, as_wanted(goal, same), reporter)
        if plan is None:
            return None
        done.total = len(goal.packages)
        # What the plan replaced may have its old name again.
        changed.update(one.path for one in plan.removals)
        done.seen = seen_after(found.seen, changed, folders, began_s, (goal.path,) if done.touched else ())
        done.seconds = time.monotonic() - began
        # With another tool's packages among those that stay, a whole sync has to tell what is needed anew.
        more = found.more if plan.strangers <= goal.strangers else b""
    write_stamp(root, os.path.basename(found.place), done.seen, found.answer, environ, more)
    return done


def seen_after(
    before: Mapping[str, stamp.Seen],
    changed: Container[str],
    folders: tuple[str, ...],
    began_s: float,
    own: tuple[str, ...],
) -> dict[str, stamp.Seen]:
    """Return what a new stamp keeps; site-packages *folders* are listed anew, for the rest see ``looked``.

    What has not *changed* is kept as it was seen *before*: should it change just now, the stamp will not hold.
    """
    outside = [path for path in before if not stamp.is_in(path, folders)]
    there = installed_paths(folders)
    fresh = looked([path for path in there if path in changed or path not in before], began_s, own)
    # In this order, the next look meets the project first, and site-packages before what lies in it.
    return {path: fresh.get(path) or before[path] for path in (*outside, *there)} if fresh else {}


def read_goal(data: bytes, environ: Mapping[str, str]) -> Goal | None:
    """Return the goal that a stamp holds; None where there is none, or settings may be others by now."""
    try:
        around, plain = loads(data)  # noqa: S302 - our own note
        return Goal.from_plain(plain) if around == surroundings(environ, around[0]) else None
    except (ValueError, EOFError, TypeError):
        return None


def as_wanted(goal: Goal, paths: Iterable[str]) -> dict[str, InstalledDistribution]:
    """Return what lies in those of *paths* that are dist-info folders: what is wanted, as nothing has changed.

    What comes from a URL or folder is left out: its direct_url.json has to be read.
    """
    wanted = {one.name: one for one in goal.packages if one.direct_url is None}
    found = {}
    for path in paths:
        if not path.endswith(DIST_INFO):
            continue
        name, _, version = path[path.rfind(os.sep) + 1 : -len(DIST_INFO)].partition("-")
        package = wanted.get(normalise(name))
        if package is not None and package.version == version:
            distribution = found[path] = InstalledDistribution(name, version, path)
            distribution.requested = package.requested
            distribution.installer = "" if package.name in goal.strangers else OURS
    return found


def put_right(
    goal: Goal, done: Synced, known: Mapping[str, InstalledDistribution], reporter: Reporter
) -> InstallPlan | None:
    """Plan and apply what is due, and return the plan, None where that could not be done.

    The caller holds the lock.
    """
    venv = read_venv(real_place(goal.path))
    if not isinstance(venv, Venv) or not venv.ours or venv.minor != goal.interpreter.minor:
        return None
    plan = make_plan(scan(venv, known), goal.packages)
    done.tell_plan(plan)
    if not plan.changes:
        from pkm_env.install.requested import mark

        mark(plan.marks)
        return plan
    store = Store(goal.cache_dir, no_warning)
    wheels = cached_wheels(goal, plan, WheelCache(store))
    if wheels is None:
        return None
    reporter.phase(f"Installing {done.environment}")
    options = Options(link_mode=goal.link_mode, lasting=store.path(WHEELS), reporter=reporter)
    try:
        change(venv, goal.interpreter, plan, wheels, options)
    except DamagedWheels:
        # Nothing was changed; a whole sync tells it, and fetches them again.
        return None
    return plan


def cached_wheels(goal: Goal, plan: InstallPlan, cache: WheelCache) -> dict[str, UnpackedWheel] | None:
    """Return the wheels that *plan* installs, by name; None where one of them is not in the *cache*."""
    cache.hold()
    found = {}
    for package in plan.installs:
        sha256 = goal.archives.get(package.name)
        wheel = cache.get(sha256) if sha256 else None
        if wheel is None or not is_release(wheel, package.name, package.version):
            return None
        found[package.name] = wheel
    return found


def no_warning(text: str) -> None:
    """Say nothing: what is wrong with the cache is told by the whole sync that follows."""
