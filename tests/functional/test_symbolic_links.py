"""Environments whose files are symbolic links to the cache: what becomes of them when it goes."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.functional.test_cache import fill
from tests.support.disks import small_file_system
from tests.support.interpreters import interpreter
from tests.support.projects import HEAD, ok, write_project

TOML = HEAD + 'dependencies = ["spam"]\n'


@pytest.fixture
def project(pkm, tmp_path):
    pkm.environ["PKM_LINK_MODE"] = "symlink"
    return write_project(tmp_path / "shop", TOML)


def module(project):
    (found,) = project.glob(".venv/lib/*/site-packages/spam.py")
    return found


@pytest.fixture
def synced(pkm, project):
    """A project that is synced, and the stamp of that."""
    ok(pkm("sync", cwd=project))
    ok(pkm("run", "spam", cwd=project))
    assert module(project).is_symlink()
    return project


@pytest.mark.parametrize("words", [["clean"], ["clean", "spam"], ["prune", "--ci"]])
def test_a_sync_after_the_cache_was_emptied_brings_back_what_was_linked(pkm, synced, words):
    assert "is in sync" in ok(pkm("sync", cwd=synced)).stdout
    assert "note: environments of symbolic links get back" in ok(pkm("cache", *words)).stderr
    said = ok(pkm("sync", cwd=synced)).stdout
    assert "  ~ spam 2.0 (its files are links to what is gone)\n" in said
    assert ok(pkm("run", "spam", cwd=synced)).stdout == "spam and eggs\n"
    assert "is in sync" in ok(pkm("sync", cwd=synced)).stdout
    ok(pkm("env", "verify", cwd=synced))


def test_a_run_after_the_cache_was_emptied_brings_it_back_too(pkm, synced):
    ok(pkm("cache", "clean"))
    assert ok(pkm("run", "spam", cwd=synced)).stdout.endswith("spam and eggs\n")


def test_commands_that_look_see_that_what_was_linked_is_gone(pkm, synced):
    shutil.rmtree(pkm.cache)
    assert "out of sync" in ok(pkm("env", "list", cwd=synced)).stdout
    assert pkm("sync", "--check", cwd=synced).code == 1
    verified = pkm("env", "verify", cwd=synced)
    assert verified.code == 1
    assert "site-packages/spam.py is missing" in verified.stdout


def test_a_sync_of_one_package_that_is_gone_leaves_the_others(pkm, synced):
    kept = next(synced.glob(".venv/lib/*/site-packages/eggs.py")).lstat()
    ok(pkm("cache", "clean", "spam"))
    assert "eggs" not in ok(pkm("sync", cwd=synced)).stdout
    assert next(synced.glob(".venv/lib/*/site-packages/eggs.py")).lstat() == kept


@pytest.fixture(params=["change", "new environment"])
def changed(request, pkm, project):
    """A project whose last sync has replaced spam 1.0, or the whole environment."""
    (project / "pyproject.toml").write_text(TOML.replace('"spam"', '"spam==1.0"'))
    ok(pkm("sync", cwd=project))
    assert module(project).is_symlink()
    (project / "pyproject.toml").write_text(TOML.replace('"spam"', '"spam==2.0"'))
    minor = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
    words = ["-p", interpreter(minor)] if request.param == "new environment" else []
    ok(pkm("sync", *words, cwd=project))
    return project


def test_a_rollback_to_what_the_cache_has_lost_says_so(pkm, changed):
    ok(pkm("cache", "clean"))
    failed = pkm("env", "rollback", cwd=changed)
    assert failed.code == 1
    assert (
        "error: what a rollback would bring back are links to files that the cache has lost:" in failed.stderr
    )
    assert "site-packages/spam.py\n" in failed.stderr
    assert "by hand" not in failed.stderr
    assert "spam 2.0 (its files are links to what is gone)" in ok(pkm("sync", cwd=changed)).stdout
    ok(pkm("env", "verify", cwd=changed))


def test_a_rollback_past_what_the_cache_has_lost_is_done(pkm, changed):
    """What the last sync put there is gone, what it took away is not."""
    (kept,) = module(changed).parent.glob("spam-2.0.dist-info")
    lost = module(changed).resolve().parent
    shutil.rmtree(lost)
    ok(pkm("env", "rollback", cwd=changed))
    ok(pkm("env", "verify", cwd=changed))
    assert not kept.exists()


def test_a_rollback_by_force_brings_back_links_that_lead_nowhere(pkm, changed):
    ok(pkm("cache", "clean"))
    ok(pkm("env", "rollback", "--force", cwd=changed))
    # A name without a pattern is looked for behind the link.
    (link,) = changed.glob(".venv/lib/*/site-packages/spa[m].py")
    assert link.is_symlink()
    assert not link.exists()
    ok(pkm("sync", cwd=changed))
    ok(pkm("env", "verify", cwd=changed))


def test_what_lies_in_the_cache_of_the_run_alone_is_copied(pkm, project):
    pkm.cache.mkdir(parents=True)
    pkm.cache.chmod(0o777)
    ok(pkm("sync", cwd=project))
    assert not module(project).is_symlink()
    ok(pkm("env", "verify", cwd=project))


def test_bytecode_that_the_cache_has_no_room_for_is_copied(pkm, project):
    pkm.cache.mkdir(parents=True)
    with small_file_system(pkm.cache, "2m"):
        ok(pkm("sync", cwd=project))
        fill(pkm.cache / "filling", 0)
        ok(pkm("sync", "--reinstall", "--compile-bytecode", cwd=project))
        assert module(project).is_symlink()
        (compiled,) = module(project).parent.glob("__pycache__/spam.*.pyc")
        assert not compiled.is_symlink()
        assert compiled.exists()
