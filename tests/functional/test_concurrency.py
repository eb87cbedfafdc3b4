"""Several commands at the same time, on one environment and on one cold cache."""

from __future__ import annotations

import subprocess

from tests.support.projects import HEAD, write_project

TOML = (
    HEAD
    + """\
dependencies = ["spam", "bacon"]

[tool.pkm.env.other]
dependencies = ["ham"]
"""
)
EIGHT = 8


def all_at_once(pkm, folders, *words):
    """Run the command in each folder, all at the same time; return how each ended, with its messages."""
    running = [
        subprocess.Popen(
            pkm.command(*words),
            cwd=folder,
            env=pkm.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    ended = []
    for process in running:
        said = process.communicate(timeout=300)[1]
        ended.append((process.returncode, said))
    return ended


def test_eight_commands_on_one_environment_take_turns(pkm, tmp_path):
    project = write_project(tmp_path / "shop", TOML)
    ended = all_at_once(pkm, [project] * EIGHT, "sync")
    assert [code for code, _ in ended] == [0] * EIGHT, ended
    assert pkm("env", "verify", cwd=project).code == 0
    assert "in sync" in pkm("sync", cwd=project).stdout


def test_eight_environments_on_one_cold_cache_fetch_each_file_once(index, pkm, tmp_path):
    projects = [write_project(tmp_path / f"shop{number}", TOML) for number in range(EIGHT)]
    assert pkm("lock", cwd=projects[0]).code == 0
    lock = (projects[0] / "pylock.toml").read_bytes()
    for project in projects[1:]:
        (project / "pylock.toml").write_bytes(lock)
    assert pkm("cache", "clean", cwd=projects[0]).code == 0
    index.forget()
    ended = all_at_once(pkm, projects, "sync", "--frozen")
    assert [code for code, _ in ended] == [0] * EIGHT, ended
    assert index.count(".whl", status=200) == 2
    assert all(pkm("env", "verify", cwd=project).code == 0 for project in projects)


def test_who_waits_for_another_says_so(pkm, tmp_path):
    """The environment's lock is held while another command builds, and the second one tells that it waits."""
    project = write_project(tmp_path / "shop", TOML)
    assert pkm("lock", cwd=project).code == 0
    ended = all_at_once(pkm, [project] * 3, "sync", "--reinstall")
    assert [code for code, _ in ended] == [0] * 3, ended
    assert any("waiting for another pkm that changes .venv" in said for _, said in ended)


def test_of_two_that_lock_at_the_same_time_none_takes_back_what_the_other_wrote(index, pkm, tmp_path):
    text = HEAD + '[tool.pkm.env.one]\ndependencies = ["spam"]\n[tool.pkm.env.two]\ndependencies = ["ham"]\n'
    project = write_project(tmp_path / "shop", text)
    gate = index.hold("/simple/spam/")
    slow = subprocess.Popen(
        pkm.command("lock", "one"),
        cwd=project,
        env=pkm.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    # What is held is not counted; the connection is, and by then the lock has been read.
    while not index.connections:
        assert slow.poll() is None
    assert pkm("lock", "two", cwd=project).code == 0
    gate.set()
    said = slow.communicate(timeout=300)[1]
    assert slow.returncode == 0, said
    assert "pylock.toml was changed meanwhile" in said
    assert pkm("lock", "--check", "one", cwd=project).code == 0
    assert pkm("lock", "--check", "two", cwd=project).code == 0
