"""Commands that look at an environment first repair what a killed sync left of it, and say so."""

from __future__ import annotations

import json

import pytest

from pkm_env.install.journal import Intent, begin
from tests.support.projects import HEAD, ok, write_project

BEFORE = HEAD + 'dependencies = ["spam<2"]\n'
AFTER = HEAD + 'dependencies = ["spam"]\n'
SAID = "Repaired .venv: an earlier sync was interrupted; what it had changed is as it was before\n"
LOOKING = [
    ["env", "verify"],
    ["env", "list"],
    ["env", "info"],
    ["sync", "--check"],
    ["sync", "--dry-run"],
    [],
]
IDS = [" ".join(words) or "pkm" for words in LOOKING]


@pytest.fixture
def killed(pkm, tmp_path):
    """A project whose sync from spam 1.0 to 2.0 was killed just before its commit."""
    project = write_project(tmp_path / "shop", BEFORE)
    ok(pkm("sync", cwd=project))
    write_project(project, AFTER)
    ok(pkm("lock", "--upgrade", cwd=project))
    ok(pkm("sync", cwd=project))
    (project / ".venv" / ".pkm" / "undo").rename(journal(project))
    return project


def journal(project):
    return project / ".venv" / ".pkm" / "journal"


@pytest.mark.parametrize("words", LOOKING, ids=IDS)
def test_a_look_at_an_environment_repairs_it_first(pkm, killed, words):
    done = pkm(*words, cwd=killed)
    assert done.stdout.startswith(SAID)
    assert not journal(killed).exists()
    again = pkm(*words, cwd=killed)
    assert again.stdout == done.stdout.removeprefix(SAID)
    assert again.code == done.code == (words == ["sync", "--check"])


def test_a_plan_begins_at_what_is_there_after_the_repair(pkm, killed):
    assert "\n  ~ spam 1.0 -> 2.0\n" in ok(pkm("sync", "--dry-run", cwd=killed)).stdout


def test_files_that_a_killed_sync_moved_away_are_not_called_missing(pkm, tmp_path):
    project = write_project(tmp_path / "shop", AFTER)
    ok(pkm("sync", cwd=project))
    (module,) = (project / ".venv").glob("lib/python*/site-packages/spam.py")
    folder = begin(str(project / ".venv"), Intent([str(module.relative_to(project / ".venv"))], [], []))
    module.rename(f"{folder}/0")
    assert (
        ok(pkm("env", "verify", cwd=project)).stdout == SAID + "default: every file is as it was installed\n"
    )


def test_json_stands_alone(pkm, killed):
    assert json.loads(ok(pkm("env", "verify", "--json", cwd=killed)).stdout) == {"default": []}
    assert not journal(killed).exists()


@pytest.mark.parametrize("words", LOOKING, ids=IDS)
def test_a_look_does_not_wait_for_a_sync_that_is_under_way(pkm, killed, words):
    fcntl = pytest.importorskip("fcntl", reason="the lock is taken by its means")
    with open(killed / ".pkm" / ".venv.lock", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = pkm(*words, cwd=killed)
    assert "Repaired" not in done.stdout
    assert "waiting" not in done.stderr
    assert journal(killed).exists()


def test_a_look_goes_on_where_the_lock_cannot_be_taken(pkm, killed):
    """As on a disk that is read-only, which no test can make for the user root."""
    lock = killed / ".pkm" / ".venv.lock"
    lock.unlink()
    lock.mkdir()
    assert "Repaired" not in ok(pkm("env", "list", cwd=killed)).stdout
    assert journal(killed).exists()


def test_a_rollback_that_is_refused_tells_what_it_repaired(pkm, killed):
    done = pkm("env", "rollback", cwd=killed)
    assert (done.code, done.stdout) == (1, SAID)
    assert done.stderr == "error: there is no earlier state of .venv to go back to\n"


def test_a_list_names_the_environment_whose_notes_are_damaged(pkm, killed):
    (journal(killed) / "intent").write_text("nonsense")
    told = ok(pkm("env", "list", cwd=killed)).stdout
    assert "broken: the notes of an interrupted sync in " in told
    assert "are damaged" in pkm("env", "verify", cwd=killed).stderr
