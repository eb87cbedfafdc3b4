"""Every section of the lock of every example: for many targets at once, and installed by uv and by pip.

What they install is compared with what pkm installs from the same section, and what pip says of that with the lock.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from tests.support.projects import ROOT, Pkm, clean_environ, ok, run_program

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

pytestmark = pytest.mark.network

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("linux-x86_64", "linux-arm64", "macos-arm64", "macos-x86_64", "windows-x86_64")
# The environments of each example, with the folder (of a workspace's member) that they belong to.
SECTIONS = [
    ("hello", ".", "default"),
    ("web", ".", "default"),
    ("web", ".", "test"),
    ("web", ".", "docs"),
    ("web", ".", "client-old"),
    ("web", ".", "client-new"),
    ("data", ".", "default"),
    ("native", ".", "default"),
    ("cython", ".", "default"),
    ("cmake", ".", "default"),
    ("workspace", ".", "default"),
    ("workspace", "packages/api", "default"),
    ("workspace", "packages/batch", "default"),
    ("workspace", "packages/core", "default"),
]


def copied(name, folder):
    ignored = shutil.ignore_patterns(".venv", ".pkm", "pylock.toml", "__pycache__", "*.so", "*.pyd")
    return Path(shutil.copytree(ROOT / "examples" / name, folder / name, ignore=ignored))


@pytest.fixture(scope="module")
def pkm(index_url, tmp_path_factory):
    """The command, with one cache for all examples."""
    return Pkm(tmp_path_factory.mktemp("home"), index_url=index_url, network=True)


@pytest.fixture(scope="module")
def locked(pkm, tmp_path_factory):
    """Lock each example once."""
    folder = tmp_path_factory.mktemp("examples")
    for name in dict.fromkeys(name for name, _, _ in SECTIONS):
        ok(pkm("lock", cwd=copied(name, folder)))
    return folder


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """A folder with a wheel of this tree, for the isolated builds of others."""
    folder = tmp_path_factory.mktemp("wheels")
    code = "import sys; sys.path.insert(0, '.'); import pkm_build; pkm_build.build_wheel(sys.argv[1])"
    run_program(sys.executable, "-c", code, folder, cwd=ROOT)
    return folder


@pytest.mark.parametrize("name", ["web", "data"])
def test_an_example_is_locked_for_four_pythons_on_five_platforms(pkm, tmp_path, name):
    """Declared targets, so that each of them must have a solution, and files that fit."""
    project = copied(name, tmp_path)
    path = project / "pyproject.toml"
    table = f'python = ">={PYTHONS[0]},<3.15"\nplatforms = {list(PLATFORMS)}\n'
    path.write_text(f"{path.read_text()}\n[tool.pkm.env.matrix]\ngroups = []\n{table}")
    ok(pkm("lock", "matrix", cwd=project))
    section = tomllib.loads((project / "pylock.toml").read_text())["tool"]["pkm"]["sections"]["matrix"]
    assert "left-out" not in section
    assert len(section["targets"]) == len(PYTHONS) * len(PLATFORMS)
    for python in PYTHONS:
        for platform in PLATFORMS:
            assert any(key.startswith(f"{python} {platform}") for key in section["targets"])
    assert "is up to date" in ok(pkm("lock", "matrix", cwd=project)).stdout


def test_no_example_is_left_out():
    there = {path.parent.name for path in (ROOT / "examples").glob("*/pyproject.toml")}
    assert {name for name, _, _ in SECTIONS} == there


def test_members_that_contradict_each_other_are_locked_together(locked):
    data = tomllib.loads((locked / "workspace/pylock.toml").read_text())
    versions = {p["version"]: p["marker"] for p in data["packages"] if p["name"] == "attrs"}
    old, new = sorted(versions, key=lambda version: int(version.split(".")[0]))
    assert int(old.split(".")[0]) < 24 <= int(new.split(".")[0])
    assert "ledger-batch-default" in versions[old]
    assert "ledger-api-default" in versions[new]


def freeze(python):
    code = (
        "import importlib.metadata as m;"
        "print(*sorted(f'{d.name}=={d.version}'.lower() for d in m.distributions() if d.name != 'pip'))"
    )
    return run_program(python, "-I", "-c", code).split()


def section_of(root, place, name):
    if place == ".":
        return name
    return f"{tomllib.loads((root / place / 'pyproject.toml').read_text())['project']['name']}-{name}"


@pytest.fixture
def installed(request, pkm, locked, tmp_path):
    """What pkm installs of a section: the example's folder, the section's name, Python, and the packages."""
    example, place, name = request.param
    root = locked / example
    ok(pkm("sync", "--locked", name, cwd=root / place))
    folder = root / place / (".venv" if name == "default" else f".pkm/envs/{name}")
    python = folder / "bin/python"
    return root, section_of(root, place, name), python, freeze(python), tmp_path / "venv"


CASES = pytest.mark.parametrize(
    "installed", SECTIONS, ids=[" ".join(case) for case in SECTIONS], indirect=True
)


@CASES
def test_uv_installs_the_section(installed, wheels, index_url, tmp_path, tmp_path_factory):
    root, section, python, expected, venv = installed
    cache = tmp_path_factory.getbasetemp() / "uv-cache"
    environ = {
        **clean_environ(tmp_path / "uv", network=True),
        "UV_CACHE_DIR": str(cache),
        "UV_NO_CONFIG": "1",
    }
    uv = find_uv_bin()
    run_program(uv, "venv", "--python", python, venv, env=environ)
    run_program(
        uv, "pip", "sync", "--python", venv, "--default-index", index_url, "--find-links", wheels,
        "pylock.toml", "--group", section, env=environ, cwd=root,
    )  # fmt: skip
    assert freeze(venv / "bin/python") == expected


@CASES
def test_pip_installs_the_section(installed, wheels, index_url, tmp_path, tmp_path_factory):
    import pip

    version = tuple(int(part) for part in pip.__version__.split(".")[:2])
    if version < (26, 3):
        pytest.skip(f"pip {pip.__version__} reads no groups of a pylock.toml (26.3 does)")
    root, section, python, expected, venv = installed
    cache = tmp_path_factory.getbasetemp() / "pip-cache"
    environ = {**clean_environ(tmp_path / "pip", network=True), "PIP_CACHE_DIR": str(cache)}
    run_program(python, "-m", "venv", "--without-pip", venv)
    runner = Path(pip.__file__).parent / "__pip-runner__.py"
    run_program(
        venv / "bin/python", runner, "install", "--disable-pip-version-check", "--no-require-hashes",
        "--index-url", index_url, "--find-links", wheels, "--group", f"pylock.toml:{section}",
        env=environ, cwd=root,
    )  # fmt: skip
    assert freeze(venv / "bin/python") == expected


def test_the_table_holds_every_environment_of_every_example(pkm, locked):
    found = set()
    for example in (ROOT / "examples").iterdir():
        if not example.is_dir():
            continue
        copy = locked / example.name
        assert copy.is_dir(), f"{example.name} is in no test"
        for path in copy.rglob("pyproject.toml"):
            folder = path.parent
            if any(part.startswith(".") for part in folder.relative_to(copy).parts):
                continue
            for told in json.loads(ok(pkm("env", "list", "--json", cwd=folder)).stdout):
                place = folder.relative_to(copy).as_posix()
                found.add((example.name, place, told["name"]))
    assert found == set(SECTIONS)


def pip_says(python, *words):
    """Return how pip, run from outside, answers for the environment of *python*."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    return subprocess.run([*pip, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "place", "environment"), SECTIONS, ids=[" ".join(case) for case in SECTIONS]
)
def test_pip_agrees_with_the_environment_and_can_take_it_away(pkm, locked, name, place, environment):
    folder = locked / name / place
    ok(pkm("sync", "--locked", environment, cwd=folder))
    (synced,) = json.loads(ok(pkm("sync", "--json", environment, cwd=folder)).stdout)
    python = Path(synced["path"]) / "bin" / "python"
    exported = json.loads(
        ok(pkm("env", "export", environment, "--format", "pylock", "--json", cwd=folder)).stdout
    )["text"]
    # A package may be locked in one version for one Python and in another for the next.
    pairs = [(entry["name"], entry.get("version")) for entry in tomllib.loads(exported)["packages"]]
    listed = json.loads(pip_says(python, "list", "--format", "json").stdout)
    found = {canonicalize_name(one["name"]): one["version"] for one in listed}
    assert len(found) == synced["packages"]
    assert all((one, version) in pairs or (one, None) in pairs for one, version in found.items())
    checked = pip_says(python, "check")
    assert checked.returncode == 0, checked.stdout
    if found:
        assert pip_says(python, "uninstall", "--yes", *found).returncode == 0
    # pip leaves the folders of namespaces, empty.
    left = Path(synced["path"]).glob("lib/python*/site-packages/**/*")
    assert [str(path) for path in left if path.is_file() and path.suffix != ".pyc"] == []
