"""A workspace: several projects, one lock, environments of their own."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.projects import BUILT, HEAD, ROOT, ok, write_project


@pytest.fixture
def ledger(tmp_path, index):
    """The example of the repository, its packages served by the local index."""
    index.add_wheel("attrs", "23.1", files={"attrs/__init__.py": "__version__ = '23.1'\n", "attr.py": ""})
    index.add_wheel("attrs", "24.1", files={"attrs/__init__.py": "__version__ = '24.1'\n", "attr.py": ""})
    index.add_wheel("pytest", "8.1")
    ignored = shutil.ignore_patterns(".venv", ".pkm", "pylock.toml", "__pycache__")
    return shutil.copytree(ROOT / "examples/workspace", tmp_path / "ledger", ignore=ignored)


def test_one_lock_holds_the_environments_of_all_members(pkm, ledger):
    told = ok(pkm("lock", cwd=ledger)).stderr
    names = ("default", "ledger-api-default", "ledger-batch-default", "ledger-core-default")
    assert [line for line in told.splitlines() if line.startswith("Resolving")] == [
        f"Resolving {name}" for name in names
    ]
    text = (ledger / "pylock.toml").read_text()
    groups = '"default", "ledger-api-default", "ledger-batch-default", "ledger-core-default"'
    assert f"dependency-groups = [{groups}]" in text
    assert not (ledger / "packages/api/pylock.toml").exists()


def test_members_that_contradict_each_other_hold_their_own_versions(pkm, ledger):
    for member in ("api", "batch"):
        ok(pkm("sync", cwd=ledger / "packages" / member))
    versions = {}
    for member in ("api", "batch"):
        site = next((ledger / "packages" / member).glob(".venv/lib/python*/site-packages"))
        versions[member] = [path.name for path in site.glob("attrs-*.dist-info")]
    assert versions == {"api": ["attrs-24.1.dist-info"], "batch": ["attrs-23.1.dist-info"]}


def test_a_member_is_installed_from_its_folder(pkm, ledger):
    ok(pkm("sync", cwd=ledger / "packages/api"))
    site = next((ledger / "packages/api").glob(".venv/lib/python*/site-packages"))
    assert (site / "ledger_core-0.1.0.dist-info/direct_url.json").read_text().count("packages/core") == 1


def test_names_in_a_member_are_its_own(pkm, ledger):
    ok(pkm("lock", cwd=ledger))
    assert ok(pkm("env", "list", cwd=ledger / "packages/api")).stdout.startswith("default  .venv")
    assert "up to date (4 environments)" in ok(pkm("lock", cwd=ledger / "packages/batch")).stdout


def test_a_change_of_a_member_makes_those_stale_that_use_it(pkm, ledger):
    ok(pkm("lock", cwd=ledger))
    core = ledger / "packages/core/pyproject.toml"
    core.write_text(core.read_text().replace('"attrs>=22"', '"attrs>=22", "eggs"'))
    assert pkm("lock", "--check", cwd=ledger).code == 1
    ok(pkm("lock", cwd=ledger))
    assert 'name = "eggs"' in (ledger / "pylock.toml").read_text()


def test_the_name_of_a_member_never_means_a_package_of_an_index(pkm, ledger, index):
    index.add_wheel("ledger-core", "99.0")
    ok(pkm("lock", cwd=ledger))
    assert "99.0" not in (ledger / "pylock.toml").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [("build", "which is kept for the lock"), ("ledger-api", "are both named"), ("", "which a member needs")],
)
def test_members_that_do_not_go_together_are_refused(pkm, ledger, name, message):
    text = f'[project]\nname = "{name}"\nversion = "1"\n' if name else ""
    write_project(ledger / "packages/zoo", text)
    result = pkm("lock", cwd=ledger)
    assert result.code == 1
    assert message in result.stderr


def test_sections_that_would_coincide_are_refused(pkm, ledger):
    root = ledger / "pyproject.toml"
    root.write_text(root.read_text() + "\n[tool.pkm.env.ledger-api-default]\ngroups = []\n")
    result = pkm("lock", cwd=ledger)
    assert result.code == 1
    assert 'would call two environments "ledger-api-default"' in result.stderr


def test_a_member_that_is_not_there_is_an_error_and_no_package_of_an_index(pkm, tmp_path):
    project = write_project(
        tmp_path / "p",
        """
        [project]
        name = "root"
        version = "1"
        dependencies = ["spam"]
        [tool.pkm.workspace]
        members = ["packages/*", "spam"]
        """,
    )
    failed = pkm("lock", cwd=project)
    assert failed.code == 1
    assert 'pyproject.toml:6:26: there is no pyproject.toml in "spam"' in failed.stderr


@pytest.mark.parametrize(
    ("command", "folder", "told"),
    [
        ("sync", "packages/api", "attrs 24.1 -> 99.0"),
        ("lock", ".", "no version of attrs is <24: there is 99.0"),
    ],
)
def test_a_folder_that_becomes_a_member_is_noticed(pkm, ledger, command, folder, told):
    ok(pkm("sync", cwd=ledger / "packages/api"))
    ok(pkm("lock", cwd=ledger))
    unchanged = ok(pkm("lock", cwd=ledger)).stdout
    assert "up to date" in unchanged
    (ledger / "packages/zoo").mkdir()
    ok(pkm("lock", cwd=ledger))
    toml = BUILT.replace("shop", "attrs").replace('version = "1.0"', 'version = "99.0"')
    write_project(ledger / "packages/zoo", toml, {"attrs.py": ""})
    done = pkm(command, cwd=ledger / folder)
    assert told in done.stdout + done.stderr


def test_a_project_that_a_workspace_above_takes_in_is_its_member(pkm, tmp_path):
    project = write_project(tmp_path / "top/one", HEAD + 'dependencies = ["eggs"]\n')
    ok(pkm("sync", cwd=project))
    assert ok(pkm("lock", cwd=project)).stdout == "pylock.toml is up to date (1 environment)\n"
    write_project(tmp_path / "top", '[tool.pkm.workspace]\nmembers = ["one"]\n')
    ok(pkm("lock", cwd=project))
    assert 'name = "eggs"' in (tmp_path / "top" / "pylock.toml").read_text()


def test_rules_of_the_root_mean_the_same_in_its_members(pkm, tmp_path):
    """Paths are relative to the file that names them, and a member may be bound to itself."""
    place = "[tool.pkm.workspace]\nmembers = ['one']\n[tool.pkm.sources]\none = { workspace = true }\n"
    top = write_project(
        tmp_path / "top",
        f"{place}tools = {{ path = 'tools', editable = true }}\n",
        {"tools/pyproject.toml": BUILT.replace("shop", "tools"), "tools/tools.py": ""},
    )
    one = write_project(top / "one", HEAD.replace("shop", "one") + 'dependencies = ["eggs", "tools"]\n')
    ok(pkm("sync", cwd=one))
    shown = ok(pkm("run", "python", "-c", "import tools; print(tools.__file__)", cwd=one)).stdout
    assert os.path.realpath(shown.strip()) == str(top / "tools" / "tools.py")
