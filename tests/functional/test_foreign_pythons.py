"""Environments that came with a project: what they name as their interpreter is not run for a look."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.projects import HEAD, ok, write_project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are scripts of a shell")

LOOKS = (["env", "list"], ["env", "info"], [], ["env", "verify"])
BASE = Path(sys.base_prefix) / "bin"


@pytest.fixture
def ran(tmp_path):
    """What a program that should not run leaves."""
    return tmp_path / "ran"


@pytest.fixture
def program(ran):
    """Write a program that tells that it ran, and is a Python."""

    def write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho ran >> {ran}\nexec {BASE}/python3 "$@"\n')
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def project(pkm, tmp_path):
    """A project that is locked and synced, whose cache knows no interpreter any more."""
    made = write_project(tmp_path / "shop", HEAD + 'dependencies = ["spam"]\n')
    ok(pkm("sync", "-p", str(BASE / "python3"), cwd=made))
    ok(pkm("cache", "clean"))
    return made


def name_as_home(project, folder):
    """Let the environment say that the interpreter in *folder* made it."""
    path = project / ".venv" / "pyvenv.cfg"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("home", "executable"))]
    path.write_text("\n".join([f"home = {folder}", *lines, ""]))


def test_the_program_in_an_environment_is_not_run_by_looks_or_syncs(pkm, project, program, ran):
    python = project / ".venv" / "bin" / "python"
    python.unlink()
    program(python)
    for words in LOOKS:
        ok(pkm(*words, cwd=project))
    assert "in sync" in ok(pkm("sync", cwd=project)).stdout
    ok(pkm("sync", "--reinstall", "--compile-bytecode", cwd=project))
    assert not ran.exists()


def test_an_interpreter_in_the_project_is_not_run_by_looks_or_syncs(pkm, project, program, ran):
    program(project / "tools" / "python3")
    name_as_home(project, project / "tools")
    for words in LOOKS:
        ok(pkm(*words, cwd=project))
    said = ok(pkm("env", "list", cwd=project)).stdout
    assert f"not looked into: it is of a Python that pkm has not met ({project}/tools/python3)" in said
    made = ok(pkm("sync", cwd=project)).stdout
    assert f"it is of a Python that pkm has not met ({project}/tools/python3); made .venv" in made
    assert not ran.exists()


def test_an_interpreter_that_pkm_does_not_know_is_not_run_by_looks(pkm, project, program, ran, tmp_path):
    stranger = program(tmp_path / "elsewhere" / "bin" / "python3")
    name_as_home(project, stranger.parent)
    for words in LOOKS:
        ok(pkm(*words, cwd=project))
    for word in ("--check", "--dry-run"):
        refused = pkm("sync", word, cwd=project)
        assert refused.code == 1
        assert (
            f"error: not looked into: it is of a Python that pkm has not met ({stranger})" in refused.stderr
        )
    assert not ran.exists()


@pytest.mark.parametrize("words", [["sync"], ["sync", "--check", "-p"]], ids=["by a sync", "by name"])
def test_what_was_run_once_is_known(pkm, project, program, tmp_path, words):
    stranger = program(tmp_path / "elsewhere" / "bin" / "python3")
    name_as_home(project, stranger.parent)
    if words[-1] == "-p":
        words = [*words, str(stranger)]
    assert "in sync" in ok(pkm(*words, cwd=project)).stdout
    assert "in sync" in ok(pkm("env", "list", cwd=project)).stdout


def test_an_environment_whose_python_has_become_another_is_made_anew(pkm, project, tmp_path):
    other = tmp_path / "elsewhere" / "bin"
    other.mkdir(parents=True)
    os.symlink(BASE / "python3", other / "python3")
    name_as_home(project, other)
    cfg = project / ".venv" / "pyvenv.cfg"
    minor = "{}.{}".format(*sys.version_info[:2])
    cfg.write_text(cfg.read_text().replace(f"version = {minor}", "version = 3.10"))
    os.rename(project / ".venv" / "lib" / f"python{minor}", project / ".venv" / "lib" / "python3.10")
    said = ok(pkm("sync", cwd=project)).stdout
    assert "Python 3.10" in said
    assert "; made .venv with Python" in said
