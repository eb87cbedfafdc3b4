"""What the commands that have nothing to do may load: counts, which are the same on every machine."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.support.index_server import LocalIndex
from tests.support.projects import BUILT, ROOT, Pkm, write_project

START = "import sys; sys.path[0] = {root!r}; from pkm_env.entry import main; sys.exit(main())"
# Each costs 0.2 ms of the two dozen that such a sync takes.
MOST_OF_A_QUICK_SYNC = 37
OWN = {"__future__", "pkm_build", "pkm_env", "pkm_env.entry"}


def loaded(words, cwd, environ):
    """The modules that a command line loads beyond those of a bare interpreter, and how it ended."""

    def run(code, *arguments):
        command = [sys.executable, "-X", "importtime", "-c", code, *arguments]
        return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)

    def names(done):
        rows = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        return {row.rpartition("|")[2].strip() for row in rows[1:]}

    done = run(START.format(root=str(ROOT)), *words)
    return names(done) - names(run("pass")), done


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """A project that is locked and synced, with the command that did it."""
    folder = tmp_path_factory.mktemp("hot")
    with LocalIndex() as index:
        index.add_wheel("spam", "1.0")
        project = write_project(
            folder / "p",
            BUILT + 'dependencies = ["spam"]\n',
            {"src/shop/__init__.py": ""},
        )
        pkm = Pkm(folder / "home", index_url=index.url)
        # The entry point checks which program made a stamp, so it has to be made by the same.
        environ = pkm.environ
        for words in (["lock"], ["sync"], ["run", "python", "-c", "pass"]):
            _, done = loaded(words, project, environ)
            assert done.returncode == 0, done.stdout + done.stderr
        index.forget()
        yield project, environ, index


def test_version_loads_nothing_but_its_constant(synced):
    project, environ, _ = synced
    names, done = loaded(["--version"], project, environ)
    assert done.stdout.startswith("pkm 1.")
    assert names == OWN


@pytest.mark.parametrize("words", [["lock"], ["env", "lock"], ["sync"], ["env", "sync"], ["sync", "default"]])
def test_a_command_with_nothing_to_do_answers_from_its_stamp(synced, words):
    project, environ, index = synced
    names, done = loaded(words, project, environ)
    assert done.returncode == 0
    assert "is up to date" in done.stdout or "is in sync" in done.stdout
    assert names == OWN | {"pkm_env.stamp"}
    assert index.count() == 0


def test_run_starts_its_program_from_the_stamp(synced):
    project, environ, _ = synced
    names, done = loaded(["run", "python", "-c", "print('here')"], project, environ)
    assert done.stdout == "here\n"
    # execvpe looks along PATH by itself; what a bare interpreter lacks of it is all there may be.
    assert names <= OWN | {"pkm_env.stamp", "warnings"}


def test_a_lock_from_a_full_cache_loads_no_network_and_no_packaging(synced):
    project, environ, index = synced
    text = (project / "pyproject.toml").read_text()
    try:
        (project / "pyproject.toml").write_text(text.replace('"spam"', '"spam>=1"'))
        names, done = loaded(["lock"], project, environ)
    finally:
        (project / "pyproject.toml").write_text(text)
    assert done.returncode == 0, done.stderr
    assert index.count() == 0
    roots = {name.partition(".")[0] for name in names}
    assert (
        roots & {"http", "ssl", "email", "json", "packaging", "socket", "subprocess", "rich", "tomlkit"}
        == set()
    )


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "quick"])
def test_a_sync_from_a_full_cache_loads_nothing_that_solves_builds_or_fetches(synced, whole):
    project, environ, index = synced
    installed = next((project / ".venv").rglob("spam-1.0.dist-info"))
    # The first time, the interpreter of the environment is asked what it is.
    for _ in range(2):
        shutil.rmtree(installed)
        if whole:
            (project / ".pkm" / "stamps" / "sync-default").unlink()
        names, done = loaded(["sync"], project, environ)
        assert done.returncode == 0, done.stderr
        assert installed.exists()
    assert index.count() == 0
    roots = {name.partition(".")[0] for name in names}
    costly = {
        "http",
        "ssl",
        "email",
        "json",
        "packaging",
        "subprocess",
        "rich",
        "typing",
        "re",
        "zipfile",
        "pathlib",
    }
    assert roots & costly == set()
    assert {name for name in names if name.startswith(("pkm_env.resolver", "pkm_env.build"))} == set()
    assert "pkm_env.ops.section" not in names
    if not whole:
        # Neither the project nor the lock, nor what they are made of.
        assert {name for name in names if name.startswith(("pkm_env.lock", "pkm_env.index"))} == set()
        assert len([name for name in names if name.startswith("pkm_")]) <= MOST_OF_A_QUICK_SYNC


@pytest.mark.parametrize(
    "hook", ["build_wheel", "build_sdist", "build_editable", "prepare_metadata_for_build_wheel"]
)
def test_a_hook_of_a_static_project_loads_no_parser_and_no_library(tmp_path, hook):
    project = write_project(
        tmp_path / "p",
        BUILT + """license = "MIT"\ndependencies = ["spam>=1", "eggs; python_version < '3.12'"]\n""",
        {"src/shop/__init__.py": ""},
    )
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; import pkm_build; pkm_build.{hook}(sys.argv[1])"
    command = [sys.executable, "-I", "-X", "importtime", "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    roots = {row.rpartition("|")[2].strip().partition(".")[0] for row in rows}
    costly = {
        "re",
        "typing",
        "pathlib",
        "packaging",
        "tomli",
        "tomllib",
        "email",
        "zipfile",
        "tarfile",
        "hashlib",
    }
    assert roots & costly == set()
