"""Change an environment that is there, under the journal."""

from __future__ import annotations

import os

from pkm_build.errors import PkmError
from pkm_env.files import make_directories, remove_tree
from pkm_env.install import journal, swap
from pkm_env.install.conflicts import (
    Conflict,
    contents_in,
    leave_out,
    names_there,
    owners_of,
    same_content,
    settle_new,
)
from pkm_env.install.installed import IDENTITIES, identities_bytes, read_identities
from pkm_env.install.put import Outcome, ignores_case, notes_after, place_all, put, report
from pkm_env.install.remove import find_removal, rewritten
from pkm_env.install.wheel import Refused, Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.install.put import Options
    from pkm_env.install.remove import Removal
    from pkm_env.install.wheel import Placement
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.plan import InstalledDistribution, InstallPlan
    from pkm_env.python.venv import Venv


class Unrepaired(PkmError):
    """An interrupted change of the environment has not been repaired yet."""


class Change:
    """All that a change will do, known before the first of it is done; paths are absolute.

    ``moved`` are files that go, ``folders`` are made, parents first; ``placements`` and ``writes`` say
    what is put in; ``emptied`` are folders that may stand empty afterwards, deepest first.
    """

    def __init__(self, venv: Venv) -> None:
        self.venv = venv
        self.moved: set[str] = set()
        self.folders: list[str] = []
        self.placements: list[Placement] = []
        self.writes: list[tuple[str, bytes, int]] = []
        self.emptied: list[str] = []
        self.conflicts: list[Conflict] = []

    def intent(self) -> journal.Intent:
        """Return what the journal has to know, relative to the environment."""
        start = len(self.venv.path) + 1
        created = [path for placement in self.placements for path in placement.created()]
        created += [path for path, _, _ in self.writes]
        return journal.Intent(
            (path[start:] for path in sorted(self.moved)),
            (path[start:] for path in created),
            (path[start:] for path in self.folders),
        )


def change(
    venv: Venv,
    interpreter: Interpreter,
    plan: InstallPlan,
    wheels: Mapping[str, UnpackedWheel],
    options: Options,
) -> Outcome:
    """Do what *plan* says in an environment that is there.

    :raises Unrepaired: when an interrupted change is still there.
    :raises Refused: when a wheel would replace what is not its own.
    """
    outcome = Outcome(venv, made=False)
    if not plan.changes:
        return outcome
    if os.path.lexists(journal.state_path(venv.path, journal.JOURNAL)):
        raise Unrepaired(f"{venv.path} was left by an interrupted sync", "repeat the command to repair it")
    make_directories(venv.purelib)
    site = Site(venv, venv, interpreter.platform, options.platform)
    removals = [find_removal(one, venv) for one in plan.removals]
    todo = Change(venv)
    todo.placements = place_all(plan.installs, wheels, site, interpreter, options)
    todo.conflicts = settle_new(todo.placements, venv.path, ignore_case=ignores_case(options.platform))
    plan_removals(todo, removals, plan)
    plan_folders(todo)
    settle_with_present(todo, plan)
    plan_marks(todo, plan)
    plan_notes(todo, plan, wheels)
    outcome.link_mode = execute(todo, options)
    journal.forget(venv.path)
    remove_tree(journal.state_path(venv.path, "bytecode"))
    outcome.installed = tuple(package.name for package in plan.installs)
    outcome.removed = tuple(step.name for step in plan.of_kind("remove"))
    outcome.conflicts = tuple(todo.conflicts)
    outcome.outside = tuple(path for removal in removals for path in removal.outside)
    swap.forget(swap.real_place(venv.path), "old", options.disk)
    report(outcome, options.reporter)
    return outcome


def plan_removals(todo: Change, removals: Sequence[Removal], plan: InstallPlan) -> None:
    """Note which files go: those of what is removed that no kept package owns too."""
    if not removals:
        return
    kept = owners_of(kept_by(plan), (path for removal in removals for path in removal.files))
    for removal in removals:
        todo.moved.update(path for path in removal.files if path not in kept)
        todo.emptied.extend(folder for folder in removal.folders if folder not in todo.emptied)
    for path, content in rewritten(removals).items():
        todo.moved.add(path)
        todo.writes.append((path, content, 0o666))
    todo.emptied.sort(key=lambda path: (-path.count(os.sep), path))


def kept_by(plan: InstallPlan) -> list[InstalledDistribution]:
    """Return what is installed and stays."""
    return [one for step in plan.of_kind("keep") for one in step.installed]


def plan_folders(todo: Change) -> None:
    """Note which folders have to be made; a link in the place of one is moved away, never written through.

    :raises Refused: when a file that stays is in the place of a folder.
    """
    fresh: set[str] = set()
    known: set[str] = set()
    for placement in todo.placements:
        for folder in placement.directories:
            if folder in known:
                continue
            known.add(folder)
            if os.path.dirname(folder) not in fresh:
                if os.path.islink(folder):
                    todo.moved.add(folder)
                    todo.conflicts.append(Conflict(folder, placement.name, ""))
                elif os.path.isdir(folder):
                    continue
                elif os.path.lexists(folder) and folder not in todo.moved:
                    shown = os.path.relpath(folder, todo.venv.path)
                    raise Refused(placement.name, shown, "is a file, and a folder must be there")
            fresh.add(folder)
            todo.folders.append(folder)


def settle_with_present(todo: Change, plan: InstallPlan) -> None:
    """Decide about each file that is put where one is that stays; the rule is that of ``conflicts``.

    :raises Refused: when a folder is in the place of a file.
    """
    listings = {folder + os.sep: frozenset[str]() for folder in todo.folders}
    for placement in todo.placements:
        there = [path for path in names_there(placement, listings) if path not in todo.moved]
        if not there:
            continue
        owners = owners_of(kept_by(plan), there)
        contents = dict(
            contents_in(placement, {os.path.dirname(path) + os.sep for path in there}, ignore_case=False)
        )
        for path in there:
            if os.path.isdir(path) and not os.path.islink(path):
                shown = os.path.relpath(path, todo.venv.path)
                raise Refused(placement.name, shown, "is a folder, and a file must be there")
            settle_one(todo, placement, path, contents.get(path), owners.get(path, ""))


def settle_one(todo: Change, placement: Placement, path: str, content: bytes | None, owner: str) -> None:
    """Decide about one file that is there: *content* is what the placement brings, *owner* whose it is."""
    same = content is not None and (owner or not os.path.islink(path)) and holds(path, content)
    if same and content is not None:
        leave_out(placement, path)
    elif owner and owner < placement.name:
        leave_out(placement, path)
        todo.conflicts.append(Conflict(path, owner, placement.name))
    else:
        todo.moved.add(path)
        if content is not None:
            todo.conflicts.append(Conflict(path, placement.name, owner))


def holds(path: str, content: bytes) -> bool:
    """Whether the file at *path* has this content, in the form of ``contents_in``; a dangling link has none."""
    try:
        return same_content(content, b"\0" + os.fsencode(path))
    except FileNotFoundError:
        return False


def plan_marks(todo: Change, plan: InstallPlan) -> None:
    """Plan REQUESTED of what stays."""
    if not plan.marks:
        return
    from pkm_env.install.requested import REQUESTED, record_with

    for distribution, requested in plan.marks:
        record = os.path.join(distribution.path, "RECORD")
        path = os.path.join(distribution.path, REQUESTED)
        todo.moved.add(record)
        todo.writes.append((record, record_with(distribution, requested), 0o666))
        if requested:
            todo.writes.append((path, b"", 0o666))
        else:
            todo.moved.add(path)


def plan_notes(todo: Change, plan: InstallPlan, wheels: Mapping[str, UnpackedWheel]) -> None:
    """Plan the new notes on what pkm installed."""
    path = journal.state_path(todo.venv.path, IDENTITIES)
    before = read_identities(todo.venv.path)
    gone = {one.name for one in plan.removals}
    kept = {name: note for name, note in before.items() if name not in gone}
    notes = notes_after(kept, plan.installs, wheels, todo.conflicts, kept_by(plan))
    content = identities_bytes(notes)
    if os.path.lexists(path):
        todo.moved.add(path)
    todo.writes.append((path, content, 0o666))


def execute(todo: Change, options: Options) -> str:
    """Do it: the journal first, then all that goes, then all that comes, then the commit.

    Return the link mode that was used. Whatever fails, the environment is as it was before.
    """
    disk = options.disk
    path = todo.venv.path
    folder = journal.begin(path, todo.intent(), disk)
    try:
        for number, moved in enumerate(sorted(todo.moved)):
            disk.rename(moved, os.path.join(folder, str(number)))
        mode = put(todo.placements, existing(todo), options)
        for target, content, bits in todo.writes:
            disk.write(target, content, bits)
        remove_emptied(todo, options)
        sync_records(todo)
        journal.commit(path, disk)
    except BaseException:  # an interrupt too is undone
        journal.take_back(path)
        raise
    return mode


def existing(todo: Change) -> set[str]:
    """Return the folders of all placements that need not be made."""
    fresh = set(todo.folders)
    return {
        folder for placement in todo.placements for folder in placement.directories if folder not in fresh
    }


def remove_emptied(todo: Change, options: Options) -> None:
    """Remove the folders that stand empty now; what an interpreter or a user put there keeps its folder."""
    for folder in todo.emptied:
        if os.path.isdir(folder) and not os.listdir(folder):
            options.disk.rmdir(folder)


def sync_records(todo: Change) -> None:
    """Make RECORD of each new package durable, so that what a loss of power tears can be told."""
    for placement in todo.placements:
        descriptor = os.open(placement.record_path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
