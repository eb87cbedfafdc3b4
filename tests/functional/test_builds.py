"""The real command builds what has no wheel: sdists and repositories, good and bad."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tarfile

import pytest

from tests.support.projects import ok, write_project
from tests.support.wheels import make_wheel, project_members, sdist_bytes

SHOP = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.{minor},<3.{next}"
dependencies = {dependencies}

[tool.pkm.env.default]
python = "==3.{minor}.*"
platforms = ["linux-x86_64"]
"""


def shop(folder, *dependencies, more=""):
    minor = sys.version_info.minor
    text = SHOP.format(minor=minor, next=minor + 1, dependencies=list(dependencies))
    return write_project(folder / "shop", text + more)


def installed(project):
    return sorted(path.name for path in project.glob(".venv/lib/*/site-packages/*.dist-info"))


def test_sdist_is_built_with_its_build_requirements_and_only_once(index, pkm, tmp_path):
    hooks = "import eggs\n"
    index.add_sdist(
        "bean", "1.0", backend="in-tree", requires=["eggs"], build_requires=["eggs==1.0"], hooks=hooks
    )
    project = shop(tmp_path, "bean")
    assert pkm("sync", cwd=project).code == 0
    assert installed(project) == ["bean-1.0.dist-info", "eggs-2.0.dist-info"]
    again = shop(tmp_path / "again", "bean")
    (again / "pylock.toml").write_bytes((project / "pylock.toml").read_bytes())
    index.forget()
    assert pkm("sync", "--frozen", cwd=again).code == 0
    assert installed(again) == installed(project)
    assert index.count("/files/") == 0


def test_failed_build_names_its_cause_and_changes_nothing(index, pkm, tmp_path):
    message = "src/fast.c:3:10: fatal error: zlib.h: No such file or directory"
    hooks = f"def build_wheel(*args):\n    print({message!r})\n    raise SystemExit(1)"
    index.add_sdist("bean", "1.0", hooks=hooks)
    project = shop(tmp_path, "eggs")
    assert pkm("sync", cwd=project).code == 0
    before = installed(project)
    failed = pkm("sync", cwd=shop(tmp_path, "eggs", "bean"))
    assert failed.code == 1
    assert "error: bean 1.0 could not be built from its sdist (exit code 1" in failed.stderr
    assert f"  {message}\n" in failed.stderr
    assert message in (project / ".pkm" / "logs" / "bean-1.0.log").read_text()
    assert installed(project) == before


def test_a_project_without_a_name_is_named_by_its_folder_in_errors(pkm, tmp_path):
    text = '[build-system]\nrequires = []\nbuild-backend = "broken"\nbackend-path = ["."]\n'
    project = write_project(tmp_path / "shop", text, {"broken.py": "raise SystemExit(3)\n"})
    failed = pkm("build", "--wheel", cwd=project)
    assert failed.code == 1
    assert "error: shop could not be built" in failed.stderr
    assert (project / ".pkm" / "logs" / "shop.log").is_file()


def test_what_must_not_be_built_is_not_built_for_an_explanation_either(index, pkm, tmp_path):
    ran = tmp_path / "ran"
    index.add_sdist("bean", "1.0", backend="in-tree", hooks=f"open({str(ran)!r}, 'w').close()\n")
    refused = pkm("lock", cwd=shop(tmp_path, "bean", more="no-build = true\n"))
    assert "building it is not allowed" in refused.stderr
    assert "would work" not in refused.stderr
    assert not ran.exists()
    assert pkm("lock", cwd=shop(tmp_path / "again", "bean")).code == 0
    assert ran.exists()


def test_hostile_sdist_is_refused_and_writes_nothing_outside(index, pkm, tmp_path):
    index.add_sdist("bean", "1.0", entries=[(tarfile.TarInfo("bean-1.0/../../../evil"), b"x")])
    project = shop(tmp_path, "bean")
    refused = pkm("sync", cwd=project)
    assert refused.code == 1
    assert "bean-1.0/../../../evil: its path leads upwards" in refused.stderr
    assert not list(tmp_path.rglob("evil*"))
    assert installed(project) == []


def test_passwords_of_indexes_do_not_reach_a_build(index, pkm, tmp_path):
    index.add_sdist("bean", "1.0", hooks="assert 'hunter2' not in repr(dict(os.environ)), dict(os.environ)")
    project = shop(tmp_path, "bean")
    done = pkm(
        "sync",
        cwd=project,
        env={"PKM_INDEX_COMPANY_PASSWORD": "hunter2", "PIP_INDEX_URL": "http://a:hunter2@b"},
    )
    assert done.code == 0, done.stderr


def repository(pkm, folder, **how):
    """Make a repository with one commit of a project; return its commit."""
    for name, content in project_members("bean", "1.0", **how).items():
        write_project(folder, "", {f"below/{name}": content})
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    environ = {**pkm.environ, "PATH": os.environ["PATH"]}
    for args in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run(["git", *args], cwd=folder, env=environ, check=True)
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, env=environ, text=True).strip()


def test_repository_is_locked_to_a_commit_and_installed_offline(pkm, tmp_path):
    upstream = tmp_path / "upstream"
    commit = repository(pkm, upstream, requires=["eggs"])
    source = (
        f'[tool.pkm.sources]\nbean = {{ git = "{upstream.as_uri()}", tag = "v1", subdirectory = "below" }}\n'
    )
    project = shop(tmp_path, "bean", more=source)
    locked = pkm("lock", cwd=project)
    assert locked.code == 0, locked.stderr
    assert f'commit-id = "{commit}"' in (project / "pylock.toml").read_text()
    assert pkm("sync", cwd=project).code == 0
    upstream.rename(tmp_path / "gone")
    assert pkm("--offline", "sync", "--reinstall", cwd=project).code == 0
    assert installed(project) == ["bean-1.0.dist-info", "eggs-2.0.dist-info"]


def test_a_build_from_a_repository_is_named_for_its_package(pkm, tmp_path):
    upstream = tmp_path / "upstream"
    commit = repository(pkm, upstream, hooks="def build_wheel(*args):\n    raise SystemExit(3)")
    source = f'[tool.pkm.sources]\nbean = {{ git = "{upstream.as_uri()}", subdirectory = "below" }}\n'
    failed = pkm("sync", cwd=shop(tmp_path, "bean", more=source))
    assert failed.code == 1
    assert "error: bean could not be built from its repository (exit code 3" in failed.stderr
    assert commit not in failed.stderr
    assert (tmp_path / "shop" / ".pkm" / "logs" / "bean.log").exists()


def test_a_wheel_is_built_anew_when_the_build_constraints_change(index, pkm, tmp_path):
    hooks = f"open({str(tmp_path / 'built')!r}, 'a').write('x')\n"
    index.add_sdist(
        "bean",
        "1.0",
        backend="static",
        hooks=f"def build_wheel(*a, _b=build_wheel):\n    {hooks}    return _b(*a)",
    )
    project = shop(tmp_path, "bean")
    assert pkm("sync", cwd=project).code == 0
    assert pkm("sync", "--reinstall", cwd=project).code == 0
    assert (tmp_path / "built").read_text() == "x"
    shop(tmp_path, "bean", more='[tool.pkm]\nbuild-constraints = ["eggs<2"]\n')
    assert pkm("sync", "--reinstall", cwd=project).code == 0
    assert (tmp_path / "built").read_text() == "xx"


def test_the_build_constraints_of_an_environment_hold_for_what_is_built_for_it(index, pkm, tmp_path):
    """For the metadata while it is locked, and for the wheel while it is synced."""
    told = tmp_path / "told"
    hooks = "import importlib.metadata\n"
    hooks += f"open({str(told)!r}, 'a').write(importlib.metadata.version('eggs') + ' ')\n"
    index.add_sdist(
        "bean", "1.0", backend="in-tree", build_requires=["eggs"], metadata_version="2.1", hooks=hooks
    )
    table = '[tool.pkm.env.old]\ngroups = ["beans"]\nbuild-constraints = ["eggs<2"]\n'
    groups = f'[dependency-groups]\nbeans = ["bean"]\n{table}[tool.pkm.env.new]\ngroups = ["beans"]\n'
    project = shop(tmp_path, more=groups)
    ok(pkm("lock", "old", cwd=project))
    ok(pkm("sync", "old", cwd=project))
    assert set(told.read_text().split()) == {"1.0"}
    told.unlink()
    ok(pkm("sync", "new", cwd=project))
    assert set(told.read_text().split()) == {"2.0"}


GIT = """#!/bin/sh
env > "{told}"
exit 1
"""


@pytest.mark.skipif(os.name == "nt", reason="the fake git is a shell script")
def test_git_gets_the_credentials_that_netrc_has_for_the_host(pkm, tmp_path):
    told = tmp_path / "told"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(GIT.format(told=told))
    program.chmod(0o755)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine git.example login me password hunter2\n")
    netrc.chmod(0o600)
    source = '[tool.pkm.sources]\nbean = { git = "https://git.example/bean.git" }\n'
    env = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "NETRC": str(netrc)}
    failed = pkm("lock", cwd=shop(tmp_path, "bean", more=source), env=env)
    assert failed.code == 1
    assert "hunter2" not in failed.stderr
    sent = base64.b64encode(b"me:hunter2").decode()
    assert f"Authorization: Basic {sent}" in told.read_text()
    assert "http.https://git.example/.extraHeader" in told.read_text()


NO_BUILD = "\n[tool.pkm]\nno-build = true\n"


@pytest.fixture(name="bean")
def fixture_bean(tmp_path):
    """An sdist whose build leaves a file behind, and that file."""
    ran = tmp_path / "ran"
    filename, content = sdist_bytes(
        "bean", "1.0", backend="in-tree", hooks=f"open({str(ran)!r}, 'w').close()\n"
    )
    path = tmp_path / filename
    path.write_bytes(content)
    return path, ran


def test_what_must_not_be_built_is_not_built_from_an_archive_or_a_repository_either(pkm, tmp_path, bean):
    path, ran = bean
    for at, place in enumerate((path.as_uri(), f"git+{tmp_path.as_uri()}/none")):
        refused = pkm("lock", cwd=shop(tmp_path / str(at), f"bean @ {place}", more=NO_BUILD))
        assert refused.code == 1
        assert "building it is not allowed" in refused.stderr
    wheel = make_wheel(tmp_path, "pea", "1.0")
    assert pkm("lock", cwd=shop(tmp_path / "wheel", f"pea @ {wheel.as_uri()}", more=NO_BUILD)).code == 0
    assert not ran.exists()


def test_a_lock_from_before_the_rule_builds_nothing(pkm, tmp_path, bean):
    path, ran = bean
    project = shop(tmp_path, f"bean @ {path.as_uri()}")
    assert pkm("lock", cwd=project).code == 0
    ran.unlink()
    with (project / "pyproject.toml").open("a") as file:
        file.write(NO_BUILD)
    refused = pkm("sync", "--frozen", cwd=project)
    assert refused.code == 1
    assert "bean 1.0 would have to be built, which no-build forbids" in refused.stderr
    assert not ran.exists()
    assert not (project / ".venv").exists()


def test_folders_of_ones_own_are_built_though_nothing_else_is(index, pkm, tmp_path):
    index.add_sdist("tool", "1.0")
    index.add_wheel("tool", "0.9")
    for name, content in project_members("bean", "1.0", backend="in-tree", build_requires=["tool"]).items():
        place = tmp_path / "bean" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    asked = f"bean @ {(tmp_path / 'bean').as_uri()}"
    project = shop(tmp_path, asked, more=NO_BUILD)
    assert pkm("sync", cwd=project).code == 0
    assert installed(project) == ["bean-1.0.dist-info"]
    # What builds it is taken as a wheel, though a newer release would have to be built.
    assert index.count("tool-0.9")
    assert not index.count("tool-1.0")
    refused = pkm("lock", cwd=shop(tmp_path / "named", asked, more='\n[tool.pkm]\nno-build = ["bean"]\n'))
    assert "building it is not allowed" in refused.stderr
