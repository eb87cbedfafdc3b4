"""What the real command prints where there is no terminal, and with --quiet."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import BUILT, HEAD, ok, write_project

TOML = (
    BUILT
    + """\
dependencies = ["spam>=1", "bacon"]

[project.entry-points.shop]
main = "shop_elsewhere:main"
"""
)


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "shop", TOML, {"src/shop/__init__.py": ""})


def test_without_a_terminal_each_phase_is_a_line_and_a_build_too(pkm, project):
    said = pkm("sync", cwd=project).stderr.splitlines()
    told = [line for line in said if not line.startswith(("note:", "warning:"))]
    assert told[:2] == ["Resolving default", "Fetching default"]
    assert sorted(told[2:-1]) == ["Building bacon", "Building shop"]
    assert told[-1] == "Installing default"


def test_what_is_cached_is_not_said_to_be_fetched(pkm, project):
    pkm("sync", cwd=project)
    said = pkm("sync", "--reinstall-package", "spam", cwd=project).stderr
    assert "Fetching" not in said
    assert "Installing default" in said


COMMANDS = (
    ("lock",),
    ("env", "lock", "--upgrade"),
    ("env", "lock", "--check"),
    ("sync",),
    ("env", "sync"),
    ("env", "sync", "--reinstall-package", "spam"),
    ("env", "sync", "--check"),
    ("build",),
    ("env", "rollback"),
    ("cache", "prune"),
    ("cache", "clean", "spam"),
    ("env", "delete", "default"),
)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_quiet_says_nothing_of_what_was_done_before_and_after_the_command(pkm, project, before):
    for command in COMMANDS:
        words = ("-q", *command) if before else (*command, "-q")
        done = pkm(*words, cwd=project)
        assert (done.code, done.stdout, done.stderr) == (0, "", ""), words


def test_quiet_still_answers_what_is_asked(pkm, project):
    pkm("sync", "-q", cwd=project)
    assert "spam" in pkm("-q", "env", "tree", cwd=project).stdout
    assert "would" in pkm("sync", "-q", "--reinstall", "--dry-run", cwd=project).stdout


def test_warnings_of_the_projects_own_build_are_told_once_and_not_with_quiet(pkm, project):
    said = pkm("sync", cwd=project).stderr
    assert said.count("shop_elsewhere") == 1
    assert 'warning: the entry point "main" names shop_elsewhere' in said
    assert "pkm_build:" not in said
    assert pkm("sync", "-q", "--reinstall", cwd=project).stderr == ""


def test_versions_that_come_together_are_told_with_older_ones_first(index, pkm, tmp_path):
    for version in ("1.9.0", "1.10.0"):
        index.add_wheel("drum", version)
    requires = "drum<1.10 ; sys_platform == 'win32'", "drum ; sys_platform != 'win32'"
    project = write_project(tmp_path / "shop", f"{HEAD}dependencies = {list(requires)}\n", {})
    assert "+ drum 1.9.0, 1.10.0" in ok(pkm("lock", cwd=project)).stdout


IN_VAIN = HEAD + 'dependencies = ["spam>=3"]\n'


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (("lock",), 1, 'nothing fits the environment "default"', None),
        (("sync",), 1, 'nothing fits the environment "default"', None),
        (("env", "tree"), 1, 'the lock has no section for the environment "default"', "pkm lock default"),
        (("env", "info", "x"), 2, 'there is no environment "x"', "the environments are default"),
        (("lock", "--x"), 2, "pkm lock has no option --x", "pkm lock --help shows the options"),
        (("cache", "info", "-C", "x"), 2, "there is no folder x", None),
    ],
    ids=["lock", "sync", "question", "environment", "option", "folder"],
)
def test_with_json_a_failure_is_json_too(pkm, tmp_path, words, code, message, hint):
    project = write_project(tmp_path / "shop", IN_VAIN)
    failed = pkm(*words, "--json", cwd=project)
    error = json.loads(failed.stdout)["error"]
    assert (failed.code, error["exit-code"], error["hint"]) == (code, code, hint)
    assert error["message"].startswith(message)
    assert f"error: {error['message']}\n" in failed.stderr


def test_the_json_of_a_lock_without_a_solution_holds_the_explanation(pkm, tmp_path):
    project = write_project(tmp_path / "shop", IN_VAIN)
    message = json.loads(pkm("lock", "--json", cwd=project).stdout)["error"]["message"]
    assert "1. shop asks for spam>=3    pyproject.toml:5:17" in message
    assert "would work:\n  spam" in message


def test_what_a_program_prints_stands_alone(pkm, tmp_path):
    project = write_project(tmp_path / "shop", IN_VAIN)
    failed = pkm("run", "--json", "python", "-V", cwd=project)
    assert (failed.code, failed.stdout) == (1, "")
