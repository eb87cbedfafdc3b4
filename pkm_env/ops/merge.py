"""``pkm env merge``: three versions of a lock made one, section by section; and git's settings for it.

A section that one side alone changed is taken from it. One that both changed is solved again, with the
versions of both preferred, for pyproject.toml as it will be: while git merges, the file in the work tree
still is ours, so it is merged here first.
"""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

from pkm_build.errors import PkmError
from pkm_env.build.git import GitMissing, GitProgram
from pkm_env.files import write_atomic
from pkm_env.lock.compose import compose
from pkm_env.lock.conflict import merged_section, section_result
from pkm_env.lock.content import sealed
from pkm_env.lock.text import render
from pkm_env.ops.locked import section_targets
from pkm_env.ops.options import LockOptions
from pkm_env.ops.renew import other_locker, requires_python_of, settled_sources
from pkm_env.ops.section import Locker
from pkm_env.workspace import PROJECT_FILE, parse_lock, read_lock_text, read_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.context import Context
    from pkm_env.lock.compose import SectionResult
    from pkm_env.lock.lockfile import Lock

FILES = 3
DRIVER = "pkm env merge --path %P %O %A %B"
ATTRIBUTES = ".gitattributes"
ATTRIBUTE_LINE = "pylock.toml merge=pkm"
# git tells the commits that it merges in variables of this name and the commit.
HEAD_VARIABLE = "GITHEAD_"
# What a rebase does with a commit that it merges.
PICKS = ("pick", "p", "edit", "e", "reword", "r", "squash", "s", "fixup", "f")


class NotMerged(PkmError):
    """Locks that cannot be merged now; our side is left as it was."""


class NoRepository(PkmError):
    """The project lies in no git repository, or there is no git."""


class Merged:
    """What a merge did: the sections ``taken`` from their side, and those ``solved`` again."""

    __slots__ = ("solved", "taken")

    def __init__(self, taken: Sequence[str], solved: Sequence[str]) -> None:
        self.taken = tuple(taken)
        self.solved = tuple(solved)


def merge(context: Context, base_path: str, ours_path: str, theirs_path: str) -> Merged:
    """Merge three locks (absolute paths) and write the result over ours.

    :raises NotMerged: when a section that both changed cannot be solved again; nothing is written.
    :raises BadLock: when one of them is no lock.
    """
    base, ours, theirs = (
        read_side(path, shown)
        for path, shown in ((base_path, "BASE"), (ours_path, "OURS"), (theirs_path, "THEIRS"))
    )
    if ours is None or theirs is None:
        raise NotMerged("one of the two locks is empty", "run pkm lock")
    names = list(dict.fromkeys((*ours.sections, *theirs.sections)))
    sides = {name: merged_section(base, ours, theirs, name) for name in names}
    results = {
        name: section_result(theirs, name)
        for name, side in sides.items()
        if side == "theirs" and name in theirs.sections
    }
    kept = [name for name in names if name in results or (sides[name] != "theirs" and name in ours.sections)]
    both = [name for name, side in sides.items() if side == "both"]
    taken = tuple(results)
    required = (
        ours.requires_python
        if base and base.requires_python == theirs.requires_python
        else theirs.requires_python
    )
    if both:
        solved, kept, required = solved_again(context, ours, theirs, both, kept)
        results.update(solved)
    # All that the two sides name is asked by somebody: none of it is a mirror of another.
    indexes = {package.index for lock in (ours, theirs) for package in lock.packages}
    found = compose(ours, section_targets(ours), results, kept, required, indexes)
    mixed = [name for name in kept if name in (theirs if name in taken else ours).mixed and name not in both]
    targets = {**section_targets(ours), **{name: result.targets for name, result in results.items()}}
    write_atomic(ours_path, render(sealed(found, targets, results, mixed), targets).encode())
    return Merged(taken, both)


def read_side(path: str, shown: str) -> Lock | None:
    """Return the lock at *path*, None where it is empty or missing: a side without a lock.

    :raises BadLock: when it is none.
    """
    text = read_lock_text(path)
    return parse_lock(text, shown) if text and text.strip() else None


def solved_again(
    context: Context, ours: Lock, theirs: Lock, names: Sequence[str], kept: Sequence[str]
) -> tuple[dict[str, SectionResult], list[str], str]:
    """Return the sections *names* solved for the merged project, the declared order, and its requires-python.

    :raises NotMerged: when that fails, with the reason.
    """
    try:
        return solve(context, ours, theirs, names, kept)
    except PkmError as error:
        listed = ", ".join(names)
        raise NotMerged(
            f"pylock.toml: both sides changed {listed}, and it cannot be solved again now: {error}",
            "merge pyproject.toml, then: git checkout --merge pylock.toml",
        ) from error


def solve(
    context: Context, ours: Lock, theirs: Lock, names: Sequence[str], kept: Sequence[str]
) -> tuple[dict[str, SectionResult], list[str], str]:
    """Return the sections *names* solved for the merged project, the declared order, and its requires-python."""
    workspace = context.workspace
    texts = merged_projects(context, [owner.root for owner in workspace.family])
    merged = read_workspace(workspace.root, texts)
    here = context.of(merged)
    here.settled.update(settled_sources((ours, theirs), LockOptions(), ()))
    results = {}
    first: Locker | None = None
    for owner in merged.family:
        run = first.run.beside() if first else None
        locker = Locker(here.of(owner), ours, section_targets(ours), LockOptions(), run)
        first = first or locker
        other = other_locker(locker, theirs)
        for environment in owner.environments:
            if environment.section not in names or not locker.is_stale(environment):
                continue
            if other.is_stale(environment):
                results[environment.section] = locker.solve_one(environment)
            else:
                results[environment.section] = section_result(theirs, environment.section)
    declared = [found.section for owner in merged.family for found in owner.environments]
    order = [name for name in declared if name in kept] + [name for name in kept if name not in declared]
    return results, order, requires_python_of(merged)


def merged_projects(context: Context, folders: Sequence[str]) -> dict[str, str]:
    """Return the text that each pyproject.toml will have after the merge that git is in, by its path.

    Empty where git does not say what it merges (a cherry-pick): then the work tree counts.

    :raises NotMerged: when the two sides of one contradict each other.
    """
    git = GitProgram(context.environ)
    commits = merging(context, git)
    if commits is None:
        return {}
    found = {}
    with TemporaryDirectory(prefix="pkm-") as scratch:
        for folder in folders:
            paths: list[str] = []
            for commit in commits:
                paths.append(os.path.join(scratch, f"{len(paths)}.toml"))
                text = asked(git, folder, "show", f"{commit}:./{PROJECT_FILE}")
                write_atomic(paths[-1], text.encode())
            done = git.run(["merge-file", "-p", "--quiet", *paths], cwd=scratch)
            shown = context.workspace.relative(os.path.join(folder, PROJECT_FILE))
            if done.returncode:
                raise NotMerged(f"the two sides of {shown} contradict each other")
            found[os.path.join(folder, PROJECT_FILE)] = done.stdout
    return found


def merging(context: Context, git: GitProgram) -> tuple[str, str, str] | None:
    """Return the commits that git merges (ours, their common ancestor, theirs), None where it does not say.

    A merge tells theirs in a variable; a rebase notes the commit that it applies last in its list of what is done.
    """
    root = context.workspace.root
    heads = [key.removeprefix(HEAD_VARIABLE) for key in context.environ if key.startswith(HEAD_VARIABLE)]
    if len(heads) == 1:
        return "HEAD", asked(git, root, "merge-base", "HEAD", heads[0]).strip(), heads[0]
    path = os.path.join(root, asked(git, root, "rev-parse", "--git-path", "rebase-merge/done").strip())
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = [line.split() for line in file if line.strip()]
    except OSError:
        return None
    picked = words[-1][1:2] if words and words[-1][0] in PICKS else []
    return ("HEAD", f"{picked[0]}^", picked[0]) if picked else None


def asked(git: GitProgram, folder: str, *words: str) -> str:
    """Return what git answers, "" where it has no answer."""
    done = git.run(words, cwd=folder)
    return done.stdout if done.returncode == 0 else ""


def install(context: Context) -> str:
    """Let git merge the lock with pkm in this repository; return the path of .gitattributes as shown.

    :raises NoRepository: when the project lies in none.
    """
    root = context.workspace.lock_root
    git = GitProgram(context.environ)
    try:
        for key, value in (("merge.pkm.name", "pkm's lock, by sections"), ("merge.pkm.driver", DRIVER)):
            done = git.run(["config", "--local", key, value], cwd=root)
            if done.returncode:
                raise NoRepository(f"{root} is in no git repository", "git init makes one")
    except GitMissing as error:
        raise NoRepository("there is no git on PATH") from error
    path = os.path.join(root, ATTRIBUTES)
    text = read_lock_text(path) or ""
    if ATTRIBUTE_LINE.split() not in [line.split() for line in text.splitlines()]:
        gap = "" if not text or text.endswith("\n") else "\n"
        write_atomic(path, f"{text}{gap}{ATTRIBUTE_LINE}\n".encode())
    return context.workspace.relative(path)
