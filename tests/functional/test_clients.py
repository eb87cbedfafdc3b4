"""The lock is a standard file: the real uv and pip install a section of it, and get what pkm installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.support.projects import BUILT, ROOT, clean_environ, run_program, write_project

TOML = (
    BUILT
    + """\
dependencies = ["spam"]

[dependency-groups]
old = ["ham"]

[tool.pkm.env.old]
groups = ["old"]
"""
)
FILES = {"src/shop/__init__.py": ""}
# The program itself: ``python -m uv`` would take the environment of the tests for the one to sync.
UV = [find_uv_bin()]


def freeze(python: Path) -> list[str]:
    code = (
        "import importlib.metadata as m;"
        "print(*sorted(f'{d.name}=={d.version}' for d in m.distributions() if d.name != 'pip'), sep='\\n')"
    )
    return subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """A folder with a wheel of this tree, and of what it needs to build others."""
    folder = tmp_path_factory.mktemp("wheels")
    code = "import pkm_build, sys; pkm_build.build_wheel(sys.argv[1])"
    run_program(sys.executable, "-c", code, folder, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return folder


@pytest.fixture
def locked(pkm, tmp_path, index, wheels):
    """A project with two locked and synced environments; the index has what isolated builds need."""
    (wheel,) = wheels.glob("pkm-*.whl")
    index.add_file(wheel)
    import packaging

    index.add_wheel("packaging", packaging.__version__, files=package_files(Path(packaging.__file__).parent))
    project = write_project(tmp_path / "shop", TOML, FILES)
    for words in (["lock"], ["sync"], ["sync", "old"]):
        result = pkm(*words, cwd=project)
        assert result.code == 0, result.stderr
    return project


def package_files(folder: Path) -> dict[str, bytes]:
    return {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def venv_of(project, name):
    return project / (".venv" if name == "default" else f".pkm/envs/{name}") / "bin/python"


@pytest.mark.parametrize(
    ("name", "group"),
    [("default", True), ("default", False), ("old", True)],
    ids=["default", "default without --group", "old"],
)
def test_uv_installs_a_section(locked, tmp_path, index, wheels, name, group):
    environ = {
        **clean_environ(tmp_path / "uv"),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_NO_CONFIG": "1",
    }
    run_program(*UV, "venv", "--python", venv_of(locked, name), tmp_path / "venv", env=environ)
    chosen = ["--group", name] if group else []
    run_program(
        *UV, "pip", "sync", "--python", tmp_path / "venv", "--default-index", index.url,
        "--find-links", wheels, "pylock.toml", *chosen, env=environ, cwd=locked,
    )  # fmt: skip
    assert freeze(tmp_path / "venv/bin/python") == freeze(venv_of(locked, name))


def test_uv_installs_an_export_without_flags(pkm, locked, tmp_path):
    result = pkm("env", "export", "old", "--no-project", "-o", str(tmp_path / "pylock.old.toml"), cwd=locked)
    assert result.code == 0, result.stderr
    environ = {
        **clean_environ(tmp_path / "uv"),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_NO_CONFIG": "1",
    }
    run_program(*UV, "venv", "--python", venv_of(locked, "old"), tmp_path / "venv", env=environ)
    run_program(*UV, "pip", "sync", "--python", tmp_path / "venv", tmp_path / "pylock.old.toml", env=environ)
    expected = [line for line in freeze(venv_of(locked, "old")) if not line.startswith("shop==")]
    assert freeze(tmp_path / "venv/bin/python") == expected


@pytest.fixture(scope="session")
def pip():
    """A copy of the pip that runs the tests, as a program of its own for any interpreter."""
    import pip as installed

    version = tuple(int(part) for part in installed.__version__.split(".")[:2])
    if version < (26, 3):
        pytest.skip(f"pip {installed.__version__} reads no groups of a pylock.toml (26.3 does)")
    return Path(installed.__file__).parent


def pip_install(pip, python, *words, env, cwd):
    run_program(
        python, pip / "__pip-runner__.py", "install", "--disable-pip-version-check", *words, env=env, cwd=cwd
    )


@pytest.mark.parametrize("name", ["default", "old"])
def test_pip_installs_a_section(locked, tmp_path, index, wheels, pip, name):
    environ = clean_environ(tmp_path / "pip")
    run_program(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip_install(
        pip, python, "--no-require-hashes", "--index-url", index.url, "--find-links", wheels,
        "--group", f"pylock.toml:{name}", env=environ, cwd=locked,
    )  # fmt: skip
    assert freeze(python) == freeze(venv_of(locked, name))


def test_pip_installs_an_export_without_flags(pkm, locked, tmp_path, pip):
    exported = tmp_path / "pylock.old.toml"
    assert pkm("env", "export", "old", "--no-project", "-o", str(exported), cwd=locked).code == 0
    run_program(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip_install(pip, python, "-r", exported, env=clean_environ(tmp_path / "pip"), cwd=tmp_path)
    expected = [line for line in freeze(venv_of(locked, "old")) if not line.startswith("shop==")]
    assert freeze(python) == expected


def test_pip_lists_checks_and_uninstalls_what_pkm_installed(locked, tmp_path, pip):
    python = venv_of(locked, "old")
    environ = clean_environ(tmp_path / "pip")
    run_program(python, pip / "__pip-runner__.py", "check", env=environ)
    run_program(
        python, pip / "__pip-runner__.py", "uninstall", "--yes", "spam", "eggs", "ham", "shop", env=environ
    )
    assert freeze(python) == []
    left = (locked / ".pkm/envs/old").glob("lib/python*/site-packages/*")
    assert [path.name for path in left if not path.name.startswith("_")] == []
