"""pkm runs on Python 3.10 to 3.15, makes environments of each, and of older ones."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.interpreters import interpreter, known_minors, libraries
from tests.support.projects import BUILT, ROOT, Pkm, write_project

TOML = (
    BUILT.replace("3.10", "3.8")
    + """\
dependencies = ["spam"]

[project.scripts]
shop = "shop:main"
"""
)
FILES = {"src/shop/__init__.py": "def main():\n    import spam, sys\n    print(sys.version_info[:2])\n"}


@pytest.mark.parametrize("minor", ["3.8", "3.9", *known_minors()])
def test_an_environment_may_be_of_any_python(pkm, tmp_path, minor):
    project = write_project(tmp_path / "p", TOML, FILES)
    result = pkm("sync", "-p", interpreter(minor), cwd=project)
    assert result.code == 0, result.stderr
    script = subprocess.run([project / ".venv/bin/shop"], capture_output=True, text=True, check=True)
    assert script.stdout == f"({minor.replace('.', ', ')})\n"


@pytest.mark.parametrize("minor", known_minors())
def test_pkm_runs_on_every_python_and_writes_the_same_lock(index, tmp_path, minor):
    reference = write_project(tmp_path / "reference", TOML, FILES)
    assert Pkm(tmp_path / "home", index_url=index.url)("lock", cwd=reference).code == 0
    project = write_project(tmp_path / "p", TOML, FILES)
    env = {"PYTHONPATH": libraries(), "PYTHONDONTWRITEBYTECODE": "1"}
    pkm = Pkm(tmp_path / "other", index_url=index.url, python=interpreter(minor), env=env)
    result = pkm("sync", "-p", pkm.python, cwd=project)
    assert result.code == 0, result.stderr
    assert (project / "pylock.toml").read_bytes() == (reference / "pylock.toml").read_bytes()
    assert pkm("run", "shop", cwd=project).stdout == f"({minor.replace('.', ', ')})\n"


@pytest.mark.parametrize("minor", known_minors())
def test_the_backend_builds_the_same_wheel_on_every_python(tmp_path, minor):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pkm_build; print(pkm_build.build_wheel(sys.argv[2]))"
    env = {"PYTHONPATH": libraries(), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    wheels = []
    for python in (interpreter(minor), interpreter("3.11")):
        project = write_project(tmp_path / "p", TOML, FILES)
        out = tmp_path / str(len(wheels))
        out.mkdir()
        command = [python, "-c", code, str(ROOT), str(out)]
        name = subprocess.run(
            command, cwd=project, env=env, capture_output=True, text=True, check=True
        ).stdout.strip()
        wheels.append((out / name).read_bytes())
    assert wheels[0] == wheels[1]
