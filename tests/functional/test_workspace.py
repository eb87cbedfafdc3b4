"""A workspace: several projects, one lock, environments of their own."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.index_server import LocalIndex
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


def test_in_the_root_the_section_of_a_member_names_its_environment(pkm, ledger):
    ok(pkm("lock", cwd=ledger))
    told = ok(pkm("env", "diff", "ledger-api-default", "ledger_batch.default", cwd=ledger)).stdout
    assert told.startswith("1 package differs between ledger-api-default and ledger-batch-default\n")
    told = ok(pkm("env", "tree", "ledger-batch-default", "ledger-api-default", cwd=ledger)).stdout
    assert told.startswith("ledger-api-default\nattrs 24.1\n")
    assert "\nledger-batch-default\nattrs 23.1\n" in told
    told = ok(pkm("env", "why", "attrs", "-e", "ledger-api-default", cwd=ledger)).stdout
    assert told.startswith("attrs 24.1 in ledger-api-default\n  ledger-api (packages/api/pyproject.toml:")
    told = ok(pkm("env", "why-not", "attrs==23.1", "-e", "ledger-api-default", cwd=ledger)).stdout
    assert told.startswith("attrs 24.1 is in ledger-api-default; with attrs==23.1:\n")
    told = ok(pkm("env", "outdated", "ledger-batch-default", cwd=ledger)).stdout
    assert told == "ledger-batch-default: 1 package with a later version\n  ~ attrs  23.1 -> 24.1" + ASKED
    text = ok(pkm("env", "export", "ledger-api-default", "--format", "constraints", cwd=ledger)).stdout
    assert "attrs==24.1" in text


ASKED = "  asked for by the environment\n"


def test_in_a_member_a_name_means_its_own_environment(pkm, ledger):
    ok(pkm("lock", cwd=ledger))
    for name in ("default", "ledger-batch-default"):
        told = ok(pkm("env", "tree", name, cwd=ledger / "packages/batch")).stdout
        assert told.startswith("attrs 23.1\n")
    failed = pkm("env", "tree", "ledger-api-default", cwd=ledger / "packages/batch")
    assert (failed.code, 'there is no environment "ledger-api-default"' in failed.stderr) == (2, True)


def test_the_section_of_a_member_alone_can_be_locked_from_the_root(pkm, ledger):
    told = ok(pkm("lock", "ledger-api-default", cwd=ledger)).stderr
    assert [line for line in told.splitlines() if line.startswith("Resolving")] == [
        "Resolving ledger-api-default"
    ]
    assert 'dependency-groups = ["ledger-api-default"]' in (ledger / "pylock.toml").read_text()
    failed = pkm("env", "tree", cwd=ledger / "packages/batch")
    assert "hint: pkm lock ledger-batch-default\n" in failed.stderr
    ok(pkm("lock", "ledger-batch-default", cwd=ledger / "packages/batch"))


def test_a_group_of_a_member_is_upgraded_from_anywhere(pkm, ledger, index):
    api = ledger / "packages/api"
    index.add_wheel("tool", "1.0")
    (api / "pyproject.toml").write_text(
        (api / "pyproject.toml").read_text() + '\n[dependency-groups]\ndev = ["tool"]\n'
    )
    ok(pkm("lock", cwd=ledger))
    for version, folder in (("2.0", ledger), ("3.0", api), ("4.0", ledger / "packages/batch")):
        index.add_wheel("tool", version)
        ok(pkm("lock", "--refresh-package", "tool", "--upgrade-group", "dev", cwd=folder))
        assert f'name = "tool"\nversion = "{version}"' in (ledger / "pylock.toml").read_text()
    failed = pkm("lock", "--upgrade-group", "dve", cwd=ledger)
    assert (failed.code, 'did you mean "dev"?' in failed.stderr) == (2, True)


def test_an_environment_of_a_member_is_used_in_its_folder(pkm, ledger):
    failed = pkm("sync", "ledger-api-default", cwd=ledger)
    assert failed.code == 2
    assert (
        'hint: it is "default" of the project in packages/api: pkm -C packages/api goes there'
        in failed.stderr
    )
    failed = pkm("sync", "ledger-ap-default", cwd=ledger)
    assert 'hint: did you mean "ledger-api-default"?' in failed.stderr


def test_what_a_member_asks_for_in_vain_is_told_with_its_file(pkm, ledger):
    api = ledger / "packages/api/pyproject.toml"
    api.write_text(api.read_text().replace('"attrs>=24"', '"attrs>=99"'))
    for folder in (ledger, ledger / "packages/api"):
        told = pkm("lock", cwd=folder).stderr
        assert 'error: nothing fits the environment "ledger-api-default"' in told
        assert "ledger-api asks for attrs>=99    packages/api/pyproject.toml:11:" in told


def test_a_file_that_is_no_toml_is_told_by_its_place(pkm, ledger):
    core = ledger / "packages/core/pyproject.toml"
    whole = core.read_text()
    core.write_text("[project\n")
    for folder in (ledger, ledger / "packages/api"):
        told = pkm("lock", cwd=folder).stderr
        assert told.startswith("error: packages/core/pyproject.toml:1:"), told
    core.write_text(whole)
    (ledger / "pyproject.toml").write_text("[project\n")
    told = pkm("lock", cwd=ledger / "packages/api").stderr
    assert told.startswith("error: ../../pyproject.toml:1:"), told


def test_a_change_of_a_member_makes_those_stale_that_use_it(pkm, ledger):
    ok(pkm("lock", cwd=ledger))
    core = ledger / "packages/core/pyproject.toml"
    core.write_text(core.read_text().replace('"attrs>=22"', '"attrs>=22", "eggs"'))
    assert pkm("lock", "--check", cwd=ledger).code == 1
    ok(pkm("lock", cwd=ledger))
    assert 'name = "eggs"' in (ledger / "pylock.toml").read_text()


@pytest.mark.parametrize("stamped", [True, False])
def test_all_that_the_metadata_of_a_dynamic_member_may_come_from_counts(pkm, ledger, stamped):
    core = ledger / "packages/core"
    text = (core / "pyproject.toml").read_text().replace('version = "0.1.0"', 'dynamic = ["version"]')
    version = '[tool.pkm.version]\nsource = "file"\npath = "version"\npattern = "(.*)"\n'
    write_project(core, text + version, {"version": "0.1.0", "setup.py": ""})
    ok(pkm("lock", cwd=ledger))
    assert "is up to date" in ok(pkm("lock", *(() if stamped else ("--check",)), cwd=ledger)).stdout
    (core / "setup.py").write_text("# more\n")
    told = ok(pkm("lock", cwd=ledger)).stderr
    assert "Resolving ledger-api-default" in told


def test_a_source_of_a_member_may_name_an_index_of_the_root(pkm, ledger):
    with LocalIndex() as other:
        other.add_wheel("attrs", "24.9")
        root, api = ledger / "pyproject.toml", ledger / "packages/api/pyproject.toml"
        named = f'[[tool.pkm.index]]\nname = "other"\nurl = "{other.url}"\nexplicit = true\n'
        root.write_text(root.read_text() + named)
        text = api.read_text()
        api.write_text(text + '[tool.pkm.sources]\nattrs = { index = "other" }\n')
        ok(pkm("lock", cwd=ledger))
        assert "attrs 24.9" in ok(pkm("env", "tree", "ledger-api-default", cwd=ledger)).stdout
        assert "attrs 23.1" in ok(pkm("env", "tree", "ledger-batch-default", cwd=ledger)).stdout
        api.write_text(text + '[tool.pkm.sources]\nattrs = { index = "othre" }\n')
        failed = pkm("lock", cwd=ledger).stderr
        assert 'there is no index "othre"; did you mean "other"?' in failed


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
