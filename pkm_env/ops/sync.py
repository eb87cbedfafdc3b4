"""``pkm env sync``: the lock, an interpreter, what is installed, a plan, and its application."""

from __future__ import annotations

import os
import time

from pkm_build.errors import PkmError
from pkm_env.cache.store import WHEELS
from pkm_env.files import remove_tree
from pkm_env.install.apply import apply
from pkm_env.install.installed import scan
from pkm_env.install.journal import JOURNAL, state_path
from pkm_env.install.put import DamagedWheels, Options
from pkm_env.install.requested import mark
from pkm_env.install.swap import real_place
from pkm_env.lock.membership import BadLock, targets_of
from pkm_env.lock.select import admitting, select
from pkm_env.ops.lock import Stale, check_names, stale_sections, why_stale
from pkm_env.ops.lock import lock as run_lock
from pkm_env.ops.locked import Locked, NothingLocked
from pkm_env.ops.options import GIVEN_KEY, LockOptions, read_given
from pkm_env.ops.packages import Wanted, decisive_paths, keeps_from_getting, wanted_packages
from pkm_env.ops.pythons import Choice, choose_python
from pkm_env.ops.stamps import looked
from pkm_env.ops.synced import Goal, Synced, installed_paths, repaired, repaired_if_free
from pkm_env.plan import InstallPlan, make_plan
from pkm_env.python.venv import BrokenVenv, Venv, read_venv
from pkm_env.wanted import is_wheel
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.lock.select import NoFile
    from pkm_env.model.environment import Environment
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.ops.options import SyncOptions
    from pkm_env.wanted import Wanted as WantedWheel

# What an environment that pkm did not make came with, and keeps unless it is locked.
CAME_WITH = frozenset(("pip", "setuptools", "wheel"))


class NotInstallable(PkmError):
    """Locked packages without a file that the interpreter can install."""

    def __init__(self, environment: str, missing: Sequence[NoFile], python: str) -> None:
        lines = [f"{found.package.name} {found.package.version}: {found.reason}" for found in missing]
        super().__init__(
            f'the environment "{environment}" cannot be installed with python {python}:\n  '
            + "\n  ".join(lines),
            f"pkm lock {environment} --upgrade",
        )


class NotToBeBuilt(PkmError):
    """Locked packages that would have to be built although a rule forbids that."""

    def __init__(self, items: Sequence[WantedWheel]) -> None:
        names = ", ".join(f"{item.name} {item.version}" for item in items)
        super().__init__(
            f"{names} would have to be built, which no-build forbids", "pkm lock finds what needs no build"
        )


class ForeignVenv(PkmError):
    """A folder at an environment's place that pkm did not make and would have to replace."""

    def __init__(self, path: str, reason: str, environment: str) -> None:
        super().__init__(
            f"{path} is not an environment that pkm made, and it {reason}",
            f"pkm sync {environment} --force makes it anew",
        )


class Look:
    """What a sync finds before it does anything.

    ``state`` is "not made", "broken: …", "in sync" or "out of sync"; ``python`` the version in the folder;
    ``broken`` says why what is there is no environment, as the begin of a sentence; ``given`` is what the command
    line gave when the section was locked.
    """

    __slots__ = ("broken", "choice", "given", "plan", "python", "state", "venv", "wanted")

    def __init__(self) -> None:
        self.venv: Venv | None = None
        self.choice: Choice | None = None
        self.plan = InstallPlan(())
        self.wanted: tuple[Wanted, ...] = ()
        self.broken = ""
        self.given = ""
        self.state = "not made"
        self.python = ""


def sync(
    context: Context, environment: Environment, options: SyncOptions, given: Lock | None = None
) -> Synced:
    """Make an environment hold what is locked; with ``dry_run`` only find out what that would take.

    What an interrupted sync left is repaired before, also where this one only looks.

    A lock that is *given* (what a foreign file selects) takes the place of the project's own.

    :raises Stale: with ``locked``, when the section is missing or stale.
    :raises NothingLocked: with ``frozen``, when there is no section.
    :raises NotLocked: for a package to reinstall that no section has.
    """
    began = time.monotonic()
    path = context.workspace.venv_path(environment)
    done = Synced(environment.name, path)
    context.locked_build = None
    locked = current_lock(context, environment, options) if given is None else Locked(given, "")
    check_names(options.reinstall_packages, {package.name for package in locked.lock.packages})
    if options.dry_run:
        done.repaired = repaired_if_free(path, context.workspace.relative(path))
        lock_builds(context, environment, locked.lock if given is None else None)
        look = look_at(context, environment, locked.lock, options, raising=True)
        describe(context, done, look)
        return done
    with context.environment_lock(path):
        done.repaired = repaired(path, context.workspace.relative(path))
        if given is None:
            locked = as_locked_now(context, environment, locked)
            lock_builds(context, environment, locked.lock)
        look = look_at(context, environment, locked.lock, options, raising=True)
        describe(context, done, look)
        if look.plan.changes or look.venv is None:
            carry_out(context, environment, look, path, options)
        else:
            mark(look.plan.marks)
        if options.compile_bytecode and look.venv is not None and look.choice is not None:
            compile_present(look.venv, look.choice.interpreter)
        done.touched = bool(done.touched or done.made or done.repaired or options.compile_bytecode)
        note_goal(context, environment, done, look, locked.text)
    done.seconds = time.monotonic() - began
    return done


def as_locked_now(context: Context, environment: Environment, locked: Locked) -> Locked:
    """Return the lock that another process may have written while this one waited for the environment.

    One that is not up to date for the project as it was read here is of another state of the project: *locked* is
    returned then, and no stamp will call that the end.
    """
    text = read_lock_text(context.workspace.lock_path)
    if text is None or text == locked.text:
        return locked
    try:
        lock = context.parsed_lock(text)
        return locked if stale_sections(context, [environment], lock) else Locked(lock, text)
    except BadLock:
        return locked


def lock_builds(context: Context, environment: Environment, lock: Lock | None) -> None:
    """Let what is built from now on be built with what *lock* holds for that."""
    if lock is not None and environment.options.lock_build:
        from pkm_env.ops.build_lock import locked_builds

        context.locked_build = locked_builds(context, lock, [environment])


def current_lock(context: Context, environment: Environment, options: SyncOptions) -> Locked:
    """Return the lock with a section of the environment that may be used."""
    workspace = context.workspace
    text = read_lock_text(workspace.lock_path)
    if options.frozen:
        lock = context.parsed_lock(text) if text is not None else None
        if text is None or lock is None or environment.section not in lock.sections:
            raise NothingLocked(environment.section)
        return Locked(lock, text)
    if options.locked:
        lock = context.parsed_lock(text) if text is not None else None
        if stale := stale_sections(context, [environment], lock):
            raise Stale(stale, why_stale(lock, stale[0]), f"pkm lock {environment.section}")
        assert lock is not None
        assert text is not None
        return Locked(lock, text)
    return run_lock(context, LockOptions([environment.section], write=not options.dry_run))


def look_at(
    context: Context,
    environment: Environment,
    lock: Lock | None,
    options: SyncOptions,
    *,
    raising: bool = False,
) -> Look:
    """Return what is there and what would be done; errors are raised only with *raising*, else told as state."""
    look = Look()
    path = context.workspace.venv_path(environment)
    # By its real name, as it will be changed: a link, of .venv or of a folder above, leads to the same place.
    found = read_venv(real_place(path))
    if isinstance(found, BrokenVenv) and not found.empty:
        look.state = f"broken: it {found.reason}"
        look.broken = f"{context.workspace.relative(path)} {found.reason}; "
        if raising and not (found.ours or options.force):
            raise ForeignVenv(context.workspace.relative(path), found.reason, environment.name)
    if isinstance(found, Venv):
        look.venv = found
        look.python = found.version
    if lock is None or environment.section not in lock.sections:
        return look
    try:
        plan_for(context, environment, lock, options, look)
    except PkmError as error:
        if raising:
            raise
        look.state = str(error).partition("\n")[0]
        return look
    if look.venv is not None:
        look.state = "out of sync" if look.plan.changes else "in sync"
    return look


def plan_for(
    context: Context, environment: Environment, lock: Lock, options: SyncOptions, look: Look
) -> None:
    """Fill in the interpreter, the wanted packages and the plan."""
    section = lock.sections[environment.section]
    look.given = section.options.get(GIVEN_KEY, "")
    targets = targets_of(section)
    look.choice = choose_python(context, environment, targets, look.venv, options)
    if not look.choice.keeps_venv:
        look.venv = None
    interpreter = look.choice.interpreter
    context.build_python = interpreter if context.locked_build is not None else None
    bit = admitting(targets, interpreter)
    assert bit is not None
    selected, missing = select(lock, section.name, bit, interpreter, environment.options.no_binary)
    if missing:
        raise NotInstallable(environment.section, missing, interpreter.version)
    look.wanted = wanted_packages(context, environment, selected, options)
    ours = look.venv is None or look.venv.ours
    look.plan = make_plan(
        scan(look.venv) if look.venv is not None else (),
        [wanted.package for wanted in look.wanted],
        exact=options.exact,
        reinstall=options.reinstall_packages,
        reinstall_all=options.reinstall,
        protected=() if ours else CAME_WITH,
    )
    needed = {package.name for package in look.plan.installs}
    rule = environment.options.no_build
    refused = [
        item.wheel
        for item in look.wanted
        if item.package.name in needed and keeps_from_getting(rule, item.wheel)
    ]
    if refused:
        raise NotToBeBuilt(refused)


def carry_out(
    context: Context, environment: Environment, look: Look, path: str, options: SyncOptions
) -> None:
    """Get the wheels that the plan needs, and apply it; what is damaged in the cache is fetched once more."""
    try:
        fetch_and_apply(context, environment, look, path, options)
    except DamagedWheels as damaged:
        for name, tree, file in damaged.damaged:
            context.reporter.warn(f"the cache held a damaged {name} ({file}); it is fetched again")
            remove_tree(os.path.dirname(tree))
        fetch_and_apply(context, environment, look, path, options)


def fetch_and_apply(
    context: Context, environment: Environment, look: Look, path: str, options: SyncOptions
) -> None:
    """Get the wheels that the plan needs, and apply it.

    :raises DamagedWheels: when what the cache holds is no longer what was unpacked.
    """
    assert look.choice is not None
    interpreter = look.choice.interpreter
    needed = {package.name for package in look.plan.installs}
    wanted = [item for item in look.wanted if item.package.name in needed]
    wheels = context.provision(environment, interpreter).wheels(
        [item.wheel for item in wanted], context.reporter, phase=f"Fetching {environment.name}"
    )
    if not options.file:
        tell_differences(context, look, list(zip(wanted, wheels, strict=True)))
    context.reporter.phase(f"Installing {environment.name}")
    apply(
        path,
        interpreter,
        look.plan,
        {item.package.name: wheel for item, wheel in zip(wanted, wheels, strict=True)},
        Options(
            link_mode=context.settings.link_mode,
            compile_bytecode=options.compile_bytecode,
            copies=options.copies,
            reporter=context.reporter,
            lasting=context.store.path(WHEELS),
            refuse=context.store.refuse_writes,
            prompt=f"{context.workspace.project.raw_name}-{environment.name}".strip("-"),
        ),
        fresh=look.venv is None,
        force=options.force,
    )


def tell_differences(context: Context, look: Look, fetched: Sequence[tuple[Wanted, UnpackedWheel]]) -> None:
    """Warn of what is installed and asks for more than was locked."""
    strange = [(item, wheel) for item, wheel in fetched if not is_pure_release(item)]
    if not strange:
        return
    from pkm_env.ops.difference import differences

    assert look.choice is not None
    overrides = read_given(look.given).overriding(context.workspace.declaration.overrides)
    own = context.workspace.project.name
    for text in differences(look.wanted, strange, look.choice.interpreter, overrides, own):
        context.reporter.warn(text)


def is_pure_release(item: Wanted) -> bool:
    """Whether what is wanted is a pure wheel of an index: that is what its release was locked by."""
    return item.wheel.file is not None and item.wheel.file.filename.endswith("-none-any.whl")


def compile_present(venv: Venv, interpreter: Interpreter) -> None:
    """Compile what was installed before anybody asked for bytecode."""
    from pkm_env.install.bytecode import compile_venv

    compile_venv(venv, interpreter)


def describe(context: Context, done: Synced, look: Look) -> None:
    """Put into words what the plan does, or would do."""
    done.total = len(look.wanted)
    done.tell_plan(look.plan)
    if look.venv is None and look.choice is not None:
        place = context.workspace.relative(done.path)
        place = f"{place} with Python {look.choice.interpreter.version}"
        why = f"{look.broken}{look.choice.why}"
        done.made, done.makes = f"{why}{'made' if why else 'Made'} {place}", f"{why}would make {place}"


def note_goal(context: Context, environment: Environment, done: Synced, look: Look, lock_text: str) -> None:
    """Note what a stamp watches, and what the next sync needs where no more than the installed has changed.

    Where the lock no longer holds *lock_text*, another process has locked anew: it is not what was installed.
    """
    venv = read_venv(done.path)
    paths = watched_paths(context, environment, done.path, look.wanted)
    if isinstance(venv, Venv):
        done.folders = tuple(dict.fromkeys((venv.purelib, venv.platlib)))
        python = (venv.python, os.path.realpath(venv.python))
        paths = (*paths, *python, *installed_paths(done.folders))
    lock_path = context.workspace.lock_path
    seen = looked(
        dict.fromkeys(paths), context.now_s, (lock_path, done.path) if done.touched else (lock_path,)
    )
    if read_lock_text(lock_path) == lock_text:
        done.seen = seen
    if isinstance(venv, Venv) and venv.ours and look.choice is not None:
        done.goal = Goal(
            done.path,
            context.workspace.relative(done.path),
            interpreter=look.choice.interpreter,
            packages=tuple(one.package for one in look.wanted),
            archives={
                one.package.name: one.wheel.hashes["sha256"]
                for one in look.wanted
                if one.wheel.file is not None and is_wheel(one.wheel) and "sha256" in one.wheel.hashes
            },
            cache_dir=context.settings.cache_dir,
            link_mode=context.settings.link_mode,
            strangers=look.plan.strangers,
        )


def watched_paths(
    context: Context, environment: Environment, path: str, wanted: Sequence[Wanted]
) -> tuple[str, ...]:
    """Return the files that decide what an environment shall hold: project, lock, and its own configuration.

    Of *wanted* folders these are what their identity is made of.
    """
    workspace = context.workspace
    return (
        workspace.lock_path,
        os.path.join(workspace.root, ".python-version"),
        *workspace.deciding_paths(),
        os.path.join(path, "pyvenv.cfg"),
        # It is there while a change is under way, or was killed.
        state_path(path, JOURNAL),
        *context.places.watched_sources(environment),
        *(name for one in wanted for name in decisive_paths(context, one.wheel.source)),
    )
