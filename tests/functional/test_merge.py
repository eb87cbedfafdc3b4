"""Locks of two branches made one: by the merge driver, and by ``pkm lock`` after git's own merge."""

from __future__ import annotations

import json
import os
import shlex
import subprocess

import pytest

from tests.support.projects import HEAD, clean_environ, ok, write_project
from tests.support.wheels import project_members

TOML = (
    HEAD
    + """\
dependencies = [
    "spam",
    #
    # between
    #
]

[dependency-groups]
test = ["ham"]

[tool.pkm.env.test]
groups = ["test"]
"""
)


class Repository:
    """A project under git, with the program ``pkm`` on PATH for the driver."""

    def __init__(self, root, pkm, tmp_path) -> None:
        self.root = root
        self.pkm = pkm
        programs = tmp_path / "programs"
        programs.mkdir()
        program = programs / "pkm"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(pkm.command())} "$@"\n')
        program.chmod(0o755)
        pkm.environ["PATH"] = f"{programs}{os.pathsep}{pkm.environ['PATH']}"
        self.environ = {
            **clean_environ(tmp_path / "git-home"),
            **pkm.environ,
            **{
                f"GIT_{who}_{what}": "x@x.example"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words, code=0):
        done = subprocess.run(
            ["git", *words], cwd=self.root, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")

    def change(self, before, after):
        path = self.root / "pyproject.toml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def branches(self, ours, theirs):
        """Make two branches of main, each with a change of the project that is locked and committed."""
        for name, (before, after, *words) in (("theirs", theirs), ("ours", ours)):
            self.git("checkout", "--quiet", "-b", name, "main")
            self.change(before, after)
            ok(self.pkm("lock", *words, cwd=self.root))
            self.commit()

    @property
    def lock(self):
        return (self.root / "pylock.toml").read_text()

    def is_current(self):
        return self.pkm("lock", "--check", cwd=self.root).code == 0


@pytest.fixture
def repository(pkm, tmp_path):
    project = write_project(tmp_path / "shop", TOML, {".gitignore": ".venv\n.pkm\n"})
    found = Repository(project, pkm, tmp_path)
    ok(pkm("lock", cwd=project))
    found.commit()
    return found


@pytest.fixture
def driven(repository, pkm):
    ok(pkm("env", "merge", "--install", cwd=repository.root))
    repository.commit()
    return repository


ADD_EGGS = ('"spam",', '"spam",\n    "eggs",')
ADD_BACON = ("#\n]", '#\n    "bacon",\n]')
TEST_EGGS = ('test = ["ham"]', 'test = ["ham", "eggs"]')


def test_install_tells_git_and_writes_the_attribute_once(repository, pkm):
    said = ok(pkm("env", "merge", "--install", cwd=repository.root)).stdout
    ok(pkm("env", "merge", "--install", cwd=repository.root))
    assert ".gitattributes" in said
    assert (repository.root / ".gitattributes").read_text() == "pylock.toml merge=pkm\n"
    driver = repository.git("config", "merge.pkm.driver").stdout.strip()
    assert driver == "pkm env merge --path %P %O %A %B"


def test_install_keeps_what_stands_in_the_attributes(repository, pkm):
    (repository.root / ".gitattributes").write_text("*.txt text")
    ok(pkm("env", "merge", "--install", cwd=repository.root))
    assert (repository.root / ".gitattributes").read_text() == "*.txt text\npylock.toml merge=pkm\n"


def test_install_outside_of_a_repository_says_so(pkm, tmp_path):
    project = write_project(tmp_path / "loose", TOML)
    result = pkm("env", "merge", "--install", cwd=project, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert result.code == 1
    assert "is in no git repository" in result.stderr


def test_sections_that_one_side_changed_are_taken_from_it(driven):
    driven.branches(ADD_EGGS, TEST_EGGS)
    driven.git("checkout", "--quiet", "ours")
    driven.git("merge", "--quiet", "theirs")
    assert driven.is_current()


def test_a_section_that_both_changed_is_solved_for_the_merged_project(driven, pkm, index):
    driven.branches(ADD_EGGS, ADD_BACON)
    index.add_wheel("bacon", "2.0")
    pkm.environ["PKM_CACHE_DIR"] = str(pkm.home / "other-cache")
    driven.environ["PKM_CACHE_DIR"] = pkm.environ["PKM_CACHE_DIR"]
    driven.git("merge", "--quiet", "theirs")
    assert driven.is_current()
    assert 'name = "bacon"\nversion = "1.0"' in driven.lock


def test_a_branch_of_a_repository_stays_where_both_sides_have_it(driven, tmp_path):
    source = tmp_path / "gp"
    write_project(source, "", project_members("gp", "1.0"))

    def git(*words):
        subprocess.run(["git", *words], cwd=source, env=driven.environ, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    driven.change('"spam",', f'"spam",\n    "gp @ git+{source.as_uri()}@main",')
    ok(driven.pkm("lock", cwd=driven.root))
    locked = driven.root.joinpath("pylock.toml").read_text()
    commit = locked.partition('commit-id = "')[2][:40]
    driven.commit()
    driven.branches(('"spam",', '"spam>=1",'), ("    # between", '    "ham",'))
    (source / "more").write_text("")
    git("add", ".")
    git("commit", "-q", "-m", "two")
    driven.git("merge", "--quiet", "theirs")
    assert commit in driven.root.joinpath("pylock.toml").read_text()


def test_a_rebase_solves_for_the_project_as_it_will_be(driven, index, pkm):
    driven.branches(ADD_EGGS, ADD_BACON)
    index.add_wheel("bacon", "2.0")
    pkm.environ["PKM_CACHE_DIR"] = driven.environ["PKM_CACHE_DIR"] = str(pkm.home / "other-cache")
    driven.git("rebase", "--quiet", "theirs")
    assert driven.is_current()
    assert 'name = "bacon"\nversion = "1.0"' in driven.lock


def test_after_a_cherry_pick_a_lock_brings_it_up_to_date(driven, pkm):
    driven.branches(ADD_EGGS, ADD_BACON)
    driven.git("cherry-pick", "theirs")
    assert not driven.is_current()
    ok(pkm("lock", cwd=driven.root))
    assert 'name = "bacon"\nversion = "1.0"' in driven.lock


def test_a_project_in_a_subfolder_is_found(pkm, tmp_path):
    project = write_project(tmp_path / "all" / "shop", TOML)
    repository = Repository(tmp_path / "all", pkm, tmp_path)
    repository.root = project
    ok(pkm("env", "merge", "--install", cwd=project))
    ok(pkm("lock", cwd=project))
    repository.commit()
    repository.branches(ADD_EGGS, ADD_BACON)
    repository.git("merge", "--quiet", "theirs")
    assert repository.is_current()


def test_projects_that_contradict_each_other_leave_our_lock_and_say_what_to_do(driven, pkm):
    driven.branches(('"spam",', '"spam>=1",'), ('"spam",', '"spam<2",'))
    before = driven.lock
    told = driven.git("merge", "theirs", code=1)
    assert "both sides changed default, test" in told.stderr
    assert "the two sides of pyproject.toml contradict each other" in told.stderr
    assert driven.lock == before
    driven.git("checkout", "--ours", "pyproject.toml")
    driven.git("checkout", "--merge", "pylock.toml")
    ok(pkm("lock", cwd=driven.root))
    assert driven.is_current()


def test_an_index_that_does_not_answer_leaves_our_lock(driven, index, pkm):
    driven.branches(ADD_EGGS, ADD_BACON)
    before = driven.lock
    index.fail("/simple/", 404, times=None)
    driven.environ["PKM_CACHE_DIR"] = str(pkm.home / "empty-cache")
    told = driven.git("merge", "theirs", code=1)
    assert "cannot be solved again now" in told.stderr
    assert driven.lock == before


def merge_files(repository, pkm, base, ours, theirs, *words):
    for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
        (repository.root / f"{name}.toml").write_text(text)
    return pkm("env", "merge", "base.toml", "ours.toml", "theirs.toml", *words, cwd=repository.root)


def test_the_driver_tells_what_it_did(repository, pkm):
    base = repository.lock
    repository.change(*TEST_EGGS)
    ok(pkm("lock", cwd=repository.root))
    result = ok(merge_files(repository, pkm, base, base, repository.lock, "--json"))
    assert json.loads(result.stdout) == {"taken": ["test"], "solved": []}
    assert (repository.root / "ours.toml").read_text() == repository.lock


def test_a_section_that_one_side_removed_goes(repository, pkm):
    base = repository.lock
    repository.change('[tool.pkm.env.test]\ngroups = ["test"]\n', "")
    ok(pkm("lock", cwd=repository.root))
    assert ok(merge_files(repository, pkm, base, base, repository.lock)).code == 0
    assert (repository.root / "ours.toml").read_text() == repository.lock
    assert ok(merge_files(repository, pkm, base, repository.lock, base)).code == 0
    assert (repository.root / "ours.toml").read_text() == repository.lock


def test_locks_without_a_common_ancestor_are_merged(repository, pkm):
    result = ok(merge_files(repository, pkm, "", repository.lock, repository.lock))
    assert result.stdout == "pylock.toml: ours stays as it is\n"


def test_what_is_no_lock_is_refused_and_ours_is_left(repository, pkm):
    result = merge_files(repository, pkm, "", repository.lock, "spam = 1")
    assert (result.code, (repository.root / "ours.toml").read_text()) == (1, repository.lock)
    assert "THEIRS: lock-version" in result.stderr


@pytest.mark.parametrize("words", [(), ("a", "b"), ("a", "b", "c", "--install")])
def test_a_wrong_number_of_files_is_a_usage_error(repository, pkm, words):
    assert pkm("env", "merge", *words, cwd=repository.root).code == 2


def conflicted(repository):
    """Merge without the driver; return the text with git's marks."""
    repository.git("merge", "theirs", code=1)
    assert "<<<<<<< " in repository.lock
    return repository.lock


def test_lock_mends_a_file_with_conflict_marks(repository, pkm, index):
    repository.branches(ADD_EGGS, ADD_BACON)
    conflicted(repository)
    index.add_wheel("bacon", "2.0")
    env = {"PKM_CACHE_DIR": str(pkm.home / "other-cache")}
    said = ok(pkm("lock", cwd=repository.root, env=env)).stdout
    assert said.startswith("Locked ")
    assert "<<<<<<<" not in repository.lock
    assert 'name = "bacon"\nversion = "1.0"' in repository.lock
    assert repository.is_current()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_lock_mends_a_conflict_after_one_side_of_the_project_was_taken(repository, pkm, side):
    repository.branches(('"spam",', '"spam>=1",'), ('"spam",', '"spam<2",'))
    conflicted(repository)
    repository.git("checkout", f"--{side}", "pyproject.toml")
    ok(pkm("lock", "test", cwd=repository.root))
    assert repository.is_current()
    assert repository.lock == repository.git("show", f"{side}:pylock.toml").stdout


def test_lock_mends_marks_that_git_knows_nothing_of(repository, pkm):
    repository.branches(ADD_EGGS, ADD_BACON)
    conflicted(repository)
    repository.git("add", "pylock.toml")
    ok(pkm("lock", cwd=repository.root))
    assert "<<<<<<<" not in repository.lock
    assert repository.is_current()


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
@pytest.mark.parametrize("known", [True, False], ids=["git knows the sides", "marks alone"])
def test_lock_mends_the_conflict_of_a_cherry_pick(repository, pkm, style, known):
    repository.git("config", "merge.conflictStyle", style)
    repository.branches(ADD_EGGS, ADD_BACON)
    repository.git("cherry-pick", "theirs", code=1)
    assert ("||||||| parent of" in repository.lock) == (style != "merge")
    if not known:
        repository.git("add", "pylock.toml")
    ok(pkm("lock", cwd=repository.root))
    assert not {"<<<<<<<", "|||||||", ">>>>>>>"} & {line[:7] for line in repository.lock.splitlines()}
    assert repository.is_current()


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
def test_lock_mends_the_conflict_of_a_stash(repository, pkm, style):
    repository.git("config", "merge.conflictStyle", style)
    repository.change(*ADD_BACON)
    ok(pkm("lock", cwd=repository.root))
    repository.git("stash")
    repository.change(*ADD_EGGS)
    ok(pkm("lock", cwd=repository.root))
    repository.commit()
    repository.git("stash", "pop", code=1)
    assert ">>>>>>> Stashed changes" in repository.lock
    ok(pkm("lock", cwd=repository.root))
    assert "<<<<<<<" not in repository.lock
    assert 'name = "bacon"' in repository.lock
    assert repository.is_current()


def test_sync_mends_a_conflict_too(repository, pkm):
    repository.branches(ADD_EGGS, ADD_BACON)
    conflicted(repository)
    ok(pkm("sync", cwd=repository.root))
    assert repository.is_current()


def test_frozen_says_what_mends_a_conflict(repository, pkm):
    repository.branches(ADD_EGGS, ADD_BACON)
    conflicted(repository)
    result = pkm("sync", "--frozen", cwd=repository.root)
    assert result.code == 1
    assert "hint: git left both sides of a conflict in it: pkm lock mends it" in result.stderr
