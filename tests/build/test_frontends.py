"""The frontends in use build and install the examples, native ones too, on every Python that pkm runs on.

These tests use the configured index: isolated builds fetch `packaging`, setuptools and Cython from it, and pkm
itself comes from a wheel of this tree.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pkm_build import builder

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
NAMESPACE = """\
[build-system]
requires = ["pkm>=1.0.dev0"]
build-backend = "pkm_build"

[project]
name = "ns-spam"
version = "1.0"
description = "Half of a namespace"
readme = "README.md"
"""
# Each project: what a program prints that uses it, and a file whose edit must show.
USES = {
    "hello": ("import hello.main; print(hello.main.main.__name__)", "main"),
    "native": ("import quick; print(quick.total([1, 2, 39]))", "42"),
    "ns-spam": ("import ns.spam; print(ns.spam.x)", "7"),
    "cython": ("import primes; print(primes.below(12))", "[2, 3, 5, 7, 11]"),
    "cmake": ("import area; print(round(area.circle(1), 5))", "3.14159"),
}
FRONTENDS = ("hello", "native", "ns-spam")
LINUX = f"linux_{platform.machine()}"
WHEELS = {
    "hello": "hello-0.1.0-py3-none-any.whl",
    "native": f"quick-0.1.0-cp310-abi3-{LINUX}.whl",
    "ns-spam": "ns_spam-1.0-py3-none-any.whl",
}
# All projects below examples/, with the members of the workspace.
ALL = sorted(
    path.parent.relative_to(EXAMPLES).as_posix()
    for path in EXAMPLES.rglob("pyproject.toml")
    if "[build-system]" in path.read_text() and ".pkm" not in path.parts
)

pytestmark = pytest.mark.network


def run(*command, cwd=None, **environ):
    """Run a program, without what the tests' own environment sets; return what it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "PKM_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def interpreter(version):
    """The interpreter of a minor version: of pyenv, else of PATH."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(root.glob(f"{version}.*/bin/python"))
    path = str(found[-1]) if found else shutil.which(f"python{version}")
    assert path, f"Python {version} is not on this machine"
    return path


@pytest.fixture(scope="session")
def pkm_wheels(tmp_path_factory):
    """A folder with a wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheels")
    builder.build_wheel(str(ROOT), str(folder), None, {"PATH": os.environ["PATH"]})
    return folder


@pytest.fixture(scope="session")
def venv(tmp_path_factory):
    """Make environments with pip, one for each Python version, for the whole session."""
    made = {}

    def make(version):
        if version not in made:
            folder = tmp_path_factory.mktemp(f"venv{version}")
            run(interpreter(version), "-m", "venv", folder)
            made[version] = folder / "bin" / "python"
        return made[version]

    return make


@pytest.fixture(scope="session")
def native_venv(venv, pkm_wheels):
    """Make environments that can compile without isolation, which saves fetching the compilers' packages."""
    ready = set()

    def make(version):
        python = venv(version)
        if version not in ready:
            words = (
                "install",
                "-q",
                "--find-links",
                pkm_wheels,
                "pkm>=1.0.dev0",
                "setuptools>=70.1",
                "cython>=3.0",
            )
            run(python, "-m", "pip", *words)
            ready.add(version)
        return python

    return make


@pytest.fixture
def project(tmp_path):
    """Copy an example, or write the namespace project."""

    def make(name):
        root = tmp_path / name
        if name == "ns-spam":
            (root / "ns" / "spam").mkdir(parents=True)
            (root / "pyproject.toml").write_text(NAMESPACE)
            (root / "README.md").write_text("# ns-spam\n")
            (root / "ns" / "spam" / "__init__.py").write_text("x = 7\n")
        else:
            shutil.copytree(
                EXAMPLES / name, root, ignore=shutil.ignore_patterns(".venv", ".pkm", "pylock.toml")
            )
        return root

    return make


def check(python, name):
    program, expected = USES[name]
    assert run(python, "-c", program).strip() == expected


def leftovers(root):
    return {path.name for path in root.iterdir()} - {
        path.name for path in EXAMPLES.joinpath(root.name).glob("*")
    }


@pytest.mark.parametrize("name", FRONTENDS)
@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_pip_builds_and_installs_in_isolation(pkm_wheels, project, venv, name, version):
    python = venv(version)
    root = project(name)
    run(python, "-m", "pip", "install", "-q", "--find-links", pkm_wheels, "--force-reinstall", root)
    check(python, name)
    run(
        python,
        "-m",
        "pip",
        "uninstall",
        "-q",
        "-y",
        name if name == "ns-spam" else {"native": "quick"}.get(name, name),
    )


@pytest.mark.parametrize("name", FRONTENDS)
@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_pip_installs_editable_and_removes_all(pkm_wheels, project, venv, name, version):
    python = venv(version)
    root = project(name)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    distribution = {"native": "quick"}.get(name, name)
    dependencies = {"humanize"} if name == "hello" else set()
    if dependencies:
        run(python, "-m", "pip", "install", "-q", *dependencies)
    before = {path.name for path in site.iterdir()}
    run(python, "-m", "pip", "install", "-q", "--find-links", pkm_wheels, "-e", root)
    check(python, name)
    run(python, "-m", "pip", "uninstall", "-q", "-y", distribution)
    assert {path.name for path in site.iterdir()} == before


@pytest.mark.parametrize("name", FRONTENDS)
def test_pip_builds_and_installs_without_isolation(project, native_venv, name, tmp_path):
    python = native_venv("3.12")
    root = project(name)
    apart = ("-q", "--no-build-isolation", "--no-deps")
    run(python, "-m", "pip", "wheel", *apart, "-w", tmp_path / "out", root)
    (wheel,) = (tmp_path / "out").iterdir()
    assert wheel.name == WHEELS[name]
    if name == "hello":
        run(python, "-m", "pip", "install", "-q", "humanize")
    for source in ([wheel], [root], ["-e", root]):
        run(python, "-m", "pip", "install", *apart, "--force-reinstall", *source)
        check(python, name)
    run(python, "-m", "pip", "uninstall", "-q", "-y", wheel.name.partition("-")[0])


@pytest.mark.parametrize("name", FRONTENDS)
def test_build_builds_the_wheel_from_the_sdist_and_pip_installs_it(pkm_wheels, project, venv, tmp_path, name):
    root = project(name)
    run(sys.executable, "-m", "build", "-o", tmp_path / "out", root, PIP_FIND_LINKS=str(pkm_wheels))
    from_sdist = next((tmp_path / "out").glob("*.whl"))
    run(sys.executable, "-m", "build", "-w", "-o", tmp_path / "tree", root, PIP_FIND_LINKS=str(pkm_wheels))
    assert (tmp_path / "tree" / from_sdist.name).read_bytes() == from_sdist.read_bytes()
    assert not leftovers(root) - {"ns", "pyproject.toml", "README.md"}
    python = venv("3.11")
    for archive in (from_sdist, next((tmp_path / "out").glob("*.tar.gz"))):
        run(python, "-m", "pip", "install", "-q", "--find-links", pkm_wheels, "--force-reinstall", archive)
        check(python, name)
    run(python, "-m", "pip", "uninstall", "-q", "-y", from_sdist.name.partition("-")[0])


@pytest.mark.parametrize("name", FRONTENDS)
def test_uv_builds_installs_and_installs_editable(pkm_wheels, project, tmp_path, name):
    uv = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    assert uv, "uv is a dependency of the tests"
    root = project(name)
    run(
        uv,
        "build",
        "-q",
        "--find-links",
        pkm_wheels,
        "-o",
        tmp_path / "out",
        root,
        UV_CACHE_DIR=str(tmp_path / "cache"),
    )
    wheel = next((tmp_path / "out").glob("*.whl"))
    for target in (wheel, f"-e{root}"):
        folder = tmp_path / ("venv-e" if target != wheel else "venv")
        run(uv, "venv", "-q", "-p", interpreter("3.12"), folder)
        python = folder / "bin" / "python"
        if name == "native" and target == wheel:
            assert "abi3" in wheel.name
        words = (uv, "pip", "install", "-q", "--find-links", pkm_wheels, "-p", python, target)
        run(*words, UV_CACHE_DIR=str(tmp_path / "cache"))
        check(python, name)


def test_tox_builds_and_tests_a_project(pkm_wheels, project, venv):
    python = venv("3.12")
    run(python, "-m", "pip", "install", "-q", "tox")
    for name in FRONTENDS:
        root = project(name)
        program, expected = USES[name]
        (root / "check.py").write_text(f"{program}\n")
        lines = [
            "[tox]",
            "env_list = wheel, editable",
            "[testenv]",
            "setenv =",
            f"    PIP_FIND_LINKS = {pkm_wheels}",
        ]
        lines += ["commands = python check.py", "[testenv:wheel]", "package = wheel"]
        lines += [
            "[testenv:editable]",
            "package = editable",
            "[testenv:.pkg]",
            f"setenv = PIP_FIND_LINKS = {pkm_wheels}",
        ]
        (root / "tox.ini").write_text("\n".join(lines) + "\n")
        assert run(python, "-m", "tox", "-q", cwd=root, PIP_FIND_LINKS=str(pkm_wheels)).count(expected) >= 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["native", "cython", "cmake"])
def test_native_examples_are_built_and_imported(project, native_venv, name, version, tmp_path):
    python = native_venv(version)
    root = project(name)
    run(
        python,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path / "out",
        root,
    )
    (wheel,) = (tmp_path / "out").iterdir()
    number = version.replace(".", "")
    part = {"native": "cp310-abi3", "cython": f"cp{number}-cp{number}", "cmake": "py3-none"}[name]
    assert wheel.name.split("-", 2)[2].startswith(part + "-linux_" if sys.platform == "linux" else part)
    assert not any(entry.endswith((".c", ".h", ".pyx")) for entry in zipfile.ZipFile(wheel).namelist())
    run(python, "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", wheel)
    check(python, name)
    assert leftovers(root) == set()


@pytest.mark.parametrize("name", ["native", "cython", "cmake"])
def test_a_native_wheel_has_the_same_bytes_in_another_folder(project, native_venv, name, tmp_path):
    python = native_venv("3.12")
    root = project(name)
    elsewhere = tmp_path / "another" / "deeper" / name
    shutil.copytree(root, elsewhere)
    wheels = []
    for number, folder in enumerate((root, elsewhere)):
        out = tmp_path / f"out{number}"
        run(python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, folder)
        wheels.append(next(out.iterdir()).read_bytes())
    assert wheels[0] == wheels[1]


def test_checkers_of_others_pass_on_all_examples(pkm_wheels, project, venv, tmp_path):
    python = venv("3.12")
    run(python, "-m", "pip", "install", "-q", "twine", "check-wheel-contents", "validate-pyproject[all]")
    assert {"hello", "native", "cython", "cmake", "web", "data", "workspace/packages/core"} <= set(ALL)
    for name in (*ALL, "ns-spam"):
        root = project(name)
        out = tmp_path / "out" / name
        run(sys.executable, "-m", "build", "-o", out, root, PIP_FIND_LINKS=str(pkm_wheels))
        run(python, "-m", "twine", "check", "--strict", *out.iterdir())
        run(python.parent / "check-wheel-contents", next(out.glob("*.whl")))
        run(python.parent / "validate-pyproject", root / "pyproject.toml")
    run(python.parent / "validate-pyproject", EXAMPLES / "workspace" / "pyproject.toml")


@pytest.mark.parametrize("name", ["ns-spam", "hello"])
def test_type_checkers_see_an_editable_package(pkm_wheels, project, venv, name, tmp_path):
    python = venv("3.13")
    root = project(name)
    if name == "ns-spam":
        (root / "ns" / "spam" / "py.typed").touch()
        text, good, bad = "import ns.spam\nreveal_type(ns.spam.x)\n", "int", "ns.spam.missing"
    else:
        (root / "src" / "hello" / "py.typed").touch()
        text, good, bad = "import hello.main\nreveal_type(hello.main.main)\n", "def ()", "hello.main.missing"
    run(python, "-m", "pip", "install", "-q", "mypy", "pyright", "--find-links", pkm_wheels, "-e", root)
    script = tmp_path / "check_it.py"
    script.write_text(text)
    assert good in run(python, "-m", "mypy", "--cache-dir", os.devnull, script)
    assert "0 errors" in run(python, "-m", "pyright", "--pythonpath", python, script)
    script.write_text(f"{text}print({bad})\n")
    for words in (("mypy", "--cache-dir", os.devnull), ("pyright", "--pythonpath", python)):
        done = subprocess.run([python, "-m", *words, script], capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout
