"""Apply an install plan to an environment on disk: whole, or not at all.

A new environment is built beside its place (``swap``); a change of one that is there is done under a
journal (``journal``). What is decided here is only the order of things; what a wheel puts in and a
package takes away is decided by ``wheel``, ``remove`` and ``conflicts``.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.files import DISK, remove_tree, sync_directory
from pkm_env.install import journal, swap
from pkm_env.install.conflicts import settle_new
from pkm_env.install.installed import IDENTITIES, identities_bytes
from pkm_env.install.put import Options, Outcome, ignores_case, notes_after, place_all, put, report
from pkm_env.install.wheel import Site
from pkm_env.python.making import make_venv
from pkm_env.python.venv import MAKING, BrokenVenv, Venv, read_venv, scripts_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.files import Disk
    from pkm_env.install.verify import Finding
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.plan import InstallPlan

# Paths that an error names.
MOST_SHOWN = 10


class ForeignVenv(PkmError):
    """A folder that pkm did not make stands where an environment should be made anew."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} {reason}, and pkm did not make it",
            "look what it is and remove it, or repeat with --force to replace it",
        )
        self.path = path
        self.reason = reason


class OtherPython(PkmError):
    """An environment should be changed for a Python that it is not of."""

    def __init__(self, venv: Venv, interpreter: Interpreter) -> None:
        super().__init__(
            f"{venv.path} is of Python {venv.version}, not {interpreter.version}",
            "it has to be made anew: delete it, or name its Python with -p",
        )


class NotAnEnvironment(PkmError):
    """There is no whole environment at a place."""


class NoRollback(PkmError):
    """There is nothing that the environment could go back to."""


class EditedFiles(PkmError):
    """Files were changed by hand since the last sync, and a rollback would lose that."""

    def __init__(self, findings: Sequence[Finding], root: str) -> None:
        shown = listed([finding.path for finding in findings], root)
        super().__init__(
            f"files were changed by hand since the last sync:\n{shown}",
            "save what you need of them, and repeat with --force",
        )
        self.findings = tuple(findings)


class LostFiles(PkmError):
    """What a rollback would bring back are symbolic links to files that the cache does not have any more."""

    def __init__(self, paths: Sequence[str], root: str) -> None:
        super().__init__(
            f"what a rollback would bring back are links to files that the cache has lost:\n{listed(paths, root)}",
            "pkm sync installs what is locked; with --force they come back all the same, and lead nowhere",
        )
        self.paths = tuple(paths)


def listed(paths: Sequence[str], root: str) -> str:
    """Return the first of some paths below *root*, a line each, and how many more there are."""
    shown = [f"  {os.path.relpath(path, root)}" for path in paths[:MOST_SHOWN]]
    more = len(paths) - len(shown)
    return "\n".join([*shown, f"  and {more} more"] if more else shown)


class Rollback:
    """What a rollback did: ``files`` that are back, or ``whole`` when the whole environment was swapped."""

    __slots__ = ("files", "whole")

    def __init__(self, *, files: int = 0, whole: bool = False) -> None:
        self.files = files
        self.whole = whole


def apply(
    venv_path: str,
    interpreter: Interpreter,
    plan: InstallPlan,
    wheels: Mapping[str, UnpackedWheel],
    options: Options | None = None,
    *,
    fresh: bool = False,
    force: bool = False,
) -> Outcome:
    """Do what *plan* says to the environment at *venv_path* (absolute), and return what was done.

    The caller holds its ``lock`` and has called ``repair``. Where there is no whole environment, or
    with *fresh*, a new one of *interpreter* is made, and the plan must install all that it wants;
    *wheels* has one by each name that is installed. *force* replaces a folder that pkm did not make.

    :raises OtherPython: when the environment is of another minor version.
    :raises ForeignVenv: when a folder is in the way that pkm did not make.
    :raises DamagedWheels: when trees of the cache are not what was unpacked; fetch them again.
    :raises Refused: when a wheel would replace what is not its own.
    :raises PkmError: for what else cannot be done; the environment is then as it was before.
    :raises OSError: when the disk fails; the environment is then as it was before.
    """
    options = options or Options()
    place_ = swap.real_place(venv_path)
    present = read_venv(place_, options.platform)
    if isinstance(present, Venv) and not fresh:
        if present.minor not in {"", interpreter.minor}:
            raise OtherPython(present, interpreter)
        from pkm_env.install.change import change

        return change(present, interpreter, plan, wheels, options)
    if present is not None and not force:
        refuse_foreign(present)
    return make(place_, interpreter, plan, wheels, options)


def refuse_foreign(present: Venv | BrokenVenv) -> None:
    """Refuse to replace what pkm did not make, an empty folder apart.

    :raises ForeignVenv: in that case.
    """
    if present.ours or (isinstance(present, BrokenVenv) and present.empty):
        return
    reason = present.reason if isinstance(present, BrokenVenv) else "is an environment"
    raise ForeignVenv(present.path, reason)


def make(
    place_: str,
    interpreter: Interpreter,
    plan: InstallPlan,
    wheels: Mapping[str, UnpackedWheel],
    options: Options,
) -> Outcome:
    """Build a new environment beside its place and let it take the place."""
    disk = options.disk
    swap.make_notes(place_)
    swap.forget(place_, "old", disk)
    if swap.is_fixed(place_):
        return make_in_place(place_, interpreter, plan, wheels, options)
    try:
        staging = swap.begin(place_, disk)
        outcome = build(place_, staging, interpreter, plan, wheels, options)
        swap.take_place(place_, disk)
    except BaseException:  # an interrupt too is undone
        swap.abandon(place_)
        raise
    sync_directory(os.path.dirname(place_), options.platform)
    report(outcome, options.reporter)
    return outcome


def make_in_place(
    place_: str,
    interpreter: Interpreter,
    plan: InstallPlan,
    wheels: Mapping[str, UnpackedWheel],
    options: Options,
) -> Outcome:
    """Build a new environment at a place that cannot be renamed to; until it is whole, a note says so.

    What was there before is lost, so there is no rollback.
    """
    swap.empty_place(place_)
    try:
        outcome = build(place_, place_, interpreter, plan, wheels, options)
    except BaseException:  # an interrupt too is undone
        swap.empty_place(place_)
        raise
    report(outcome, options.reporter)
    return outcome


def build(
    place_: str,
    staging: str,
    interpreter: Interpreter,
    plan: InstallPlan,
    wheels: Mapping[str, UnpackedWheel],
    options: Options,
) -> Outcome:
    """Write an environment for *place_* into *staging*, with all that *plan* wants."""
    disk = options.disk
    wanted = [step.wanted for step in plan.steps if step.wanted]
    disk.mkdir(journal.state_path(staging))
    making = os.path.join(staging, MAKING)
    disk.write(making, b"")
    venv = make_venv(
        interpreter,
        place_,
        at=staging,
        prompt=options.prompt,
        copies=options.copies,
        platform=options.platform,
    )
    site = Site(venv, venv.moved_to(place_), interpreter.platform, options.platform)
    placements = place_all(wanted, wheels, site, interpreter, options)
    outcome = Outcome(site.final, made=True)
    settled = settle_new(placements, site.venv.path, ignore_case=ignores_case(options.platform))
    # They are told as the environment will have them.
    outcome.conflicts = tuple(conflict.moved(site.venv.path, place_) for conflict in settled)
    outcome.link_mode = put(placements, {staging, *folders_of(venv)}, options)
    notes = identities_bytes(notes_after({}, wanted, wheels, outcome.conflicts))
    disk.write(journal.state_path(staging, IDENTITIES), notes)
    remove_tree(journal.state_path(staging, "bytecode"))
    disk.unlink(making)
    outcome.installed = tuple(package.name for package in wanted)
    return outcome


def folders_of(venv: Venv) -> set[str]:
    """Return the folders of an environment that are there from the start."""
    found = {venv.data, os.path.join(venv.path, "include")}
    for folder in (venv.purelib, venv.platlib, venv.scripts):
        above = folder
        while above not in found:
            found.add(above)
            above = os.path.dirname(above)
    return found


def rollback(
    venv_path: str, *, force: bool = False, disk: Disk = DISK, platform: str = sys.platform
) -> Rollback:
    """Bring the environment at *venv_path* back to what it was before the last sync that changed it.

    The caller holds its ``lock`` and has called ``repair``. A rollback cannot itself be rolled back.

    :raises EditedFiles: when files that it would replace were changed by hand, unless *force*.
    :raises LostFiles: when what it would bring back is not there any more, unless *force*.
    :raises NoRollback: when the last change left nothing to go back to.
    """
    from pkm_env.install.verify import edited, verify_venv

    place_ = swap.real_place(venv_path)
    present = read_venv(place_, platform)
    undo = journal.state_path(place_, journal.UNDO)
    if isinstance(present, Venv) and os.path.isdir(undo):
        intent = journal.read_intent(undo)
        if not force:
            refuse_edited(present, edited(present, (os.path.join(place_, path) for path in intent.created)))
            kept = {os.path.join(undo, str(number)): path for number, path in enumerate(intent.moved)}
            refuse_lost(
                [os.path.join(place_, path) for old, path in kept.items() if leads_nowhere(old)], place_
            )
        disk.rename(undo, journal.state_path(place_, journal.JOURNAL))
        return Rollback(files=journal.take_back(place_, disk))
    if not os.path.isdir(swap.beside(place_, "old")):
        raise NoRollback(f"there is no earlier state of {venv_path} to go back to")
    if isinstance(present, Venv) and not force:
        refuse_edited(present, verify_venv(present))
    if not force:
        old = swap.beside(place_, "old")
        refuse_lost(lost_links(old, scripts_name(platform)), old)
    swap.swap_back(place_, disk)
    return Rollback(whole=True)


def refuse_edited(venv: Venv, findings: Sequence[Finding]) -> None:
    """Refuse to lose what was changed by hand; a link to what the cache has lost holds nothing.

    :raises EditedFiles: when there is any.
    """
    by_hand = [finding for finding in findings if not leads_nowhere(finding.path)]
    if by_hand:
        raise EditedFiles(by_hand, venv.path)


def refuse_lost(paths: Sequence[str], root: str) -> None:
    """Refuse to bring back links to what is not there.

    :raises LostFiles: when there is any.
    """
    if paths:
        raise LostFiles(paths, root)


def lost_links(venv_path: str, scripts: str) -> list[str]:
    """Return the links of an environment that lead nowhere, sorted; not those in *scripts*, to its interpreter."""
    found = []
    for folder, names, files in os.walk(venv_path):
        if folder == venv_path and scripts in names:
            names.remove(scripts)
        found += [path for path in (os.path.join(folder, name) for name in files) if leads_nowhere(path)]
    return sorted(found)


def leads_nowhere(path: str) -> bool:
    """Whether there is a symbolic link to what is not there."""
    return os.path.islink(path) and not os.path.exists(path)


def verify(venv_path: str, *, quick: bool = False, platform: str = sys.platform) -> list[Finding]:
    """Return which files of the environment at *venv_path* are not as installed; see ``verify_venv``.

    :raises NotAnEnvironment: when there is no whole environment.
    """
    from pkm_env.install.verify import verify_venv

    present = read_venv(swap.real_place(venv_path), platform)
    if not isinstance(present, Venv):
        reason = present.reason if present else "does not exist"
        raise NotAnEnvironment(f"{venv_path} {reason}", "pkm sync makes it")
    return verify_venv(present, quick=quick)
