"""What a lock keeps, notices and obeys beside the solve itself."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.projects import write_project

HEAD = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.10"\n'


def ok(result):
    assert result.code == 0, result.stdout + result.stderr
    return result


@pytest.fixture
def project(tmp_path):
    text = (
        HEAD
        + 'dependencies = ["spam"]\n[dependency-groups]\nold = ["ham"]\n[tool.pkm.env.old]\ngroups = ["old"]\n'
    )
    return write_project(tmp_path / "shop", text)


def lock_text(project):
    return (project / "pylock.toml").read_text()


# A section that is not what was locked


def test_a_lock_that_was_changed_by_hand_is_stale_in_its_own_words_and_mended(pkm, project):
    ok(pkm("lock", cwd=project))
    good = lock_text(project)
    bad = good.replace(
        "'default' in dependency_groups or 'old' in dependency_groups", "'old' in dependency_groups"
    )
    bad = bad.replace('name = "eggs"\nversion = "1.0"', 'name = "eggs"\nversion = "1.5"')
    assert bad != good
    (project / "pylock.toml").write_text(bad)
    checked = pkm("lock", "--check", cwd=project)
    assert checked.code == 1
    refused = pkm("sync", "old", "--locked", cwd=project)
    assert refused.code == 1
    assert 'for "old": its section was changed by hand or merged by lines' in refused.stderr
    said = ok(pkm("lock", cwd=project))
    assert 'the section "old" was changed by hand or merged by lines; it is solved again' in said.stderr
    assert "default" not in said.stderr
    assert lock_text(project) == good


def git(folder, *words):
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *words], cwd=folder, env=environ, check=True, capture_output=True)


def test_a_merge_by_lines_without_a_conflict_is_noticed(pkm, project, index):
    """Each branch is right by itself; git's merge of lines is a lock that nobody solved."""
    for name in ("bar", "lib", "mid", "zoo"):
        index.add_wheel(name, "1.0")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('["spam"]', '["bar", "lib", "mid", "spam", "zoo"]'))
    ok(pkm("lock", cwd=project))
    (project / ".gitattributes").write_text("pylock.toml merge=union\n")
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    git(project, "checkout", "-qb", "other")
    index.add_wheel("zoo", "2.0")
    index.add_wheel("bar", "2.0", requires=["zoo<2"])
    env = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    ok(pkm("lock", "-P", "zoo", cwd=project, env=env))
    git(project, "commit", "-qam", "zoo 2")
    git(project, "checkout", "-q", "main")
    ok(pkm("lock", "-P", "bar", cwd=project, env=env))
    git(project, "commit", "-qam", "bar 2")
    git(project, "merge", "-q", "other", "-m", "both")
    merged = lock_text(project)
    assert "<<<<<<<" not in merged
    # Of the lines that both changed, one side is taken: as a careless hand does it.
    lines = merged.splitlines(keepends=True)
    kept = [
        line
        for at, line in enumerate(lines)
        if not (at and line.startswith("content") and lines[at - 1].startswith("content"))
    ]
    (project / "pylock.toml").write_text("".join(kept))
    refused = pkm("sync", "--locked", cwd=project)
    assert "merged by lines" in refused.stderr
    ok(pkm("lock", cwd=project, env=env))
    assert 'name = "bar"\nversion = "2.0"' in lock_text(project)
    assert 'name = "zoo"\nversion = "1.0"' in lock_text(project)
    assert "is up to date" in ok(pkm("lock", cwd=project)).stdout


# The version of the format


def test_a_later_minor_version_of_the_format_is_read_with_a_warning(pkm, project):
    ok(pkm("lock", cwd=project))
    text = lock_text(project)
    (project / "pylock.toml").write_text(text.replace('lock-version = "1.0"', 'lock-version = "1.9"'))
    for _ in range(2):
        said = ok(pkm("sync", "--locked", "--dry-run", cwd=project)).stderr
        assert said.count('lock-version "1.9"') == 1


def test_another_major_version_of_the_format_is_refused(pkm, project):
    ok(pkm("lock", cwd=project))
    text = lock_text(project).replace('lock-version = "1.0"', 'lock-version = "2.0"')
    (project / "pylock.toml").write_text(text)
    for words in (["lock"], ["sync"], ["sync", "--frozen"]):
        refused = pkm(*words, cwd=project)
        assert refused.code == 1
        assert 'lock-version: version "2.0" of the format is not understood' in refused.stderr
    assert lock_text(project) == text


# Indexes


def test_the_proxy_of_pips_configuration_is_used(pkm, project, index, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nproxy = http://{index.host}\n")
    env = {"PKM_INDEX_URL": "http://packages.example/simple/", "PIP_CONFIG_FILE": str(config)}
    pkm("lock", cwd=project, env=env)
    assert index.requests[0].path.startswith("http://packages.example/simple/")
