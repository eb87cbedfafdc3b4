"""The examples, with real packages from the configured index: locked, synced, run, built."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.support.interpreters import MINORS, find_interpreter, interpreter
from tests.support.projects import ROOT, Pkm, clean_environ, ok

pytestmark = pytest.mark.network


@pytest.fixture(scope="session")
def pkm(index_url, tmp_path_factory):
    """The command, with one cache for all examples."""
    return Pkm(tmp_path_factory.mktemp("home"), index_url=index_url, network=True)


@pytest.fixture
def example(tmp_path):
    """Copy an example by name."""

    def copy(name: str) -> Path:
        return Path(
            shutil.copytree(
                ROOT / "examples" / name,
                tmp_path / name,
                ignore=shutil.ignore_patterns(".venv", ".pkm", "pylock.toml", "__pycache__"),
            )
        )

    return copy


def built_wheel(project, index_url, tmp_path):
    """Build a wheel of *project* by pip in isolation, pkm from a wheel of this tree; return its path."""
    links = tmp_path / "links"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "-q"]
    environ = {**clean_environ(tmp_path / "pip", network=True), "PIP_CACHE_DIR": str(tmp_path / "pip-cache")}
    subprocess.run([*pip, "--index-url", index_url, "-w", str(links), str(ROOT)], check=True, env=environ)
    command = [
        *pip,
        "--index-url",
        index_url,
        "--find-links",
        str(links),
        "-w",
        str(tmp_path / "out"),
        str(project),
    ]
    subprocess.run(command, check=True, env=environ)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    return wheel


def test_hello_is_locked_synced_run_and_built(pkm, example, index_url, tmp_path):
    project = example("hello")
    ok(pkm("lock", cwd=project))
    ok(pkm("sync", cwd=project))
    assert ok(pkm("run", "hello", "Ada", cwd=project)).stdout.startswith(
        "Hello, Ada! Packages have a standard since"
    )
    wheel = built_wheel(project, index_url, tmp_path)
    assert wheel.name == "hello-0.1.0-py3-none-any.whl"
    assert "hello/main.py" in zipfile.ZipFile(wheel).namelist()


def test_web_answers_a_request_and_passes_its_tests(pkm, example, index_url, tmp_path):
    project = example("web")
    ok(pkm("env", "lock", cwd=project))
    ok(pkm("env", "sync", cwd=project))
    ok(pkm("env", "sync", "test", cwd=project))
    assert "1 passed" in ok(pkm("run", "-e", "test", "pytest", cwd=project)).stdout
    before = (project / "pylock.toml").stat()
    assert "is up to date" in ok(pkm("env", "lock", cwd=project)).stdout
    assert "default is in sync" in ok(pkm("env", "sync", cwd=project)).stdout
    assert (project / "pylock.toml").stat() == before
    assert '"name":"tea"' in request_answered(pkm, project)
    assert built_wheel(project, index_url, tmp_path).name == "shop-0.1.0-py3-none-any.whl"


def request_answered(pkm, project) -> str:
    """Start the application, ask for its items, stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = pkm.command("run", "uvicorn", "shop.app:app", "--port", str(port))
    server = subprocess.Popen(
        command, cwd=project, env=pkm.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/items", timeout=5) as answer:
                    return answer.read().decode()
            except urllib.error.URLError:
                time.sleep(0.1)
    finally:
        server.terminate()
        server.wait()
    return ""


def test_web_holds_two_versions_of_one_package(pkm, example):
    project = example("web")
    ok(pkm("sync", "client-old", "client-new", cwd=project))
    code = "import httpx; print(httpx.__version__)"
    versions = [
        ok(pkm("run", "-e", name, "python", "-c", code, cwd=project)).stdout
        for name in ("client-old", "client-new")
    ]
    assert versions[0].startswith("0.27")
    assert not versions[1].startswith("0.27")


def test_docs_environment_runs_without_the_project(pkm, example):
    project = example("web")
    ok(pkm("sync", "docs", cwd=project))
    assert (
        "made docs/index.html" in ok(pkm("run", "-e", "docs", "python", "docs/build.py", cwd=project)).stdout
    )


def test_data_draws_its_picture(pkm, example, index_url, tmp_path):
    project = example("data")
    ok(pkm("lock", cwd=project))
    ok(pkm("sync", cwd=project))
    assert "2 groups of 6 points" in ok(pkm("run", "report", "clusters.png", cwd=project)).stdout
    assert (project / "clusters.png").stat().st_size > 1000
    assert "jupyterlab" in ok(pkm("run", "jupyter", "--version", cwd=project)).stdout
    assert built_wheel(project, index_url, tmp_path).name == "report-0.1.0-py3-none-any.whl"


@pytest.mark.parametrize("minor", MINORS)
def test_plain_pip_installs_hello_editable_and_takes_it_away(example, index_url, tmp_path, minor):
    project = example("hello")
    links = tmp_path / "links"
    environ = {**clean_environ(tmp_path / "pip", network=True), "PIP_CACHE_DIR": str(tmp_path / "pip-cache")}
    subprocess.run([interpreter(minor), "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    wheel = ["wheel", "--no-deps", "-q", "--index-url", index_url, "-w", str(links), str(ROOT)]
    subprocess.run([*pip, *wheel], check=True, env=environ)
    install = ["install", "-q", "--index-url", index_url, "--find-links", str(links), "-e", "."]
    subprocess.run([*pip, *install], check=True, env=environ, cwd=project)

    def said() -> str:
        done = subprocess.run([tmp_path / "venv/bin/hello"], capture_output=True, text=True, check=True)
        return done.stdout

    assert said().startswith("Hello, world!")
    main = project / "src/hello/main.py"
    main.write_text(main.read_text().replace("Hello,", "Goodbye,"))
    assert said().startswith("Goodbye, world!")
    before = {path for path in (tmp_path / "venv").rglob("*") if "hello" in path.name}
    assert before
    subprocess.run([*pip, "uninstall", "-q", "--yes", "hello"], check=True, env=environ)
    assert {path for path in (tmp_path / "venv").rglob("*") if "hello" in path.name} == set()


@pytest.fixture
def tree(tmp_path):
    """A copy of this tree, without what tools leave in it."""
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".pkm", "dist", "pylock.toml", "__pycache__", ".*_cache"
    )
    return Path(shutil.copytree(ROOT, tmp_path / "pkm", ignore=ignored))


def test_build_gives_the_same_wheel_from_the_tree_and_from_the_sdist(index_url, tree, tmp_path):
    environ = {**clean_environ(tmp_path / "home", network=True), "PIP_INDEX_URL": index_url}
    for words in (["-o", "both"], ["--wheel", "-o", "tree"]):
        command = [sys.executable, "-m", "build", *words[:-1], str(tmp_path / "dist" / words[-1]), str(tree)]
        subprocess.run(command, check=True, env=environ, capture_output=True)
    (sdist,) = (tmp_path / "dist/both").glob("pkm-*.tar.gz")
    (from_sdist,) = (tmp_path / "dist/both").glob("pkm-*.whl")
    (from_tree,) = (tmp_path / "dist/tree").glob("pkm-*.whl")
    assert sdist.stat().st_size > 100_000
    assert from_sdist.read_bytes() == from_tree.read_bytes()


def test_pkm_locks_and_syncs_itself(pkm, tree):
    python = find_interpreter("3.12") or sys.executable
    ok(pkm("sync", "-p", python, cwd=tree))
    assert ok(pkm("run", "python", "-m", "pkm_env", "--version", cwd=tree)).stdout.startswith("pkm 1.")
