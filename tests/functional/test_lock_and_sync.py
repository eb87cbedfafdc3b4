from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.projects import BUILT, ENVIRONMENTS, HEAD, ok, write_project
from tests.support.wheels import project_members

TOML = (
    BUILT
    + """\
dependencies = ["spam>=1"]

[project.scripts]
shop = "shop:main"

"""
    + ENVIRONMENTS
)
FILES = {"src/shop/__init__.py": "def main():\n    import spam\n    spam.main()\n"}


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "shop", TOML, FILES)


def snapshot(folder):
    """Path, times and size of every file below a folder."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns, path.lstat().st_size)
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }


def installed(venv):
    return sorted(path.name.split("-")[0] for path in venv.glob("lib/python*/site-packages/*.dist-info"))


def test_lock_writes_a_section_for_every_environment(pkm, project):
    said = ok(pkm("env", "lock", cwd=project)).stdout
    text = (project / "pylock.toml").read_text()
    assert "Locked 3 environments" in said
    assert 'dependency-groups = ["default", "full", "old"]' in text
    assert "[tool.pkm.sections.old]" in text


def test_environments_may_hold_versions_that_exclude_each_other(pkm, project):
    ok(pkm("lock", cwd=project))
    text = (project / "pylock.toml").read_text()
    assert 'name = "eggs"\nversion = "1.0"\nmarker = "\'old\' in dependency_groups"' in text
    assert 'name = "eggs"\nversion = "2.0"' in text


def test_a_link_that_leads_nowhere_is_refused_and_nothing_is_made_there(pkm, project, tmp_path):
    (project / ".venv").symlink_to(tmp_path / "away" / "venv")
    failed = pkm("sync", cwd=project)
    assert failed.code == 1
    assert ".venv is not an environment that pkm made" in failed.stderr
    assert not (tmp_path / "away").exists()
    ok(pkm("sync", "--force", cwd=project))
    assert (project / ".venv" / "pyvenv.cfg").is_file()
    assert not (tmp_path / "away").exists()


def test_a_second_lock_and_sync_change_nothing_on_disk(pkm, project):
    ok(pkm("lock", cwd=project))
    ok(pkm("sync", cwd=project))
    before = snapshot(project)
    assert ok(pkm("lock", cwd=project)).stdout == "pylock.toml is up to date (3 environments)\n"
    assert ok(pkm("sync", cwd=project)).stdout == "default is in sync (3 packages)\n"
    assert snapshot(project) == before


def test_the_same_lock_comes_from_an_empty_cache(pkm, project):
    ok(pkm("lock", cwd=project))
    text = (project / "pylock.toml").read_bytes()
    (project / "pylock.toml").unlink()
    ok(pkm("lock", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other-cache")}))
    assert (project / "pylock.toml").read_bytes() == text


def test_locking_one_environment_leaves_the_others_as_they_were(pkm, project, index):
    ok(pkm("lock", cwd=project))
    before = (project / "pylock.toml").read_text()
    index.add_wheel("eggs", "3.0")
    env = {"PKM_CACHE_DIR": str(pkm.home / "other-cache")}
    ok(pkm("lock", "old", "--upgrade", cwd=project, env=env))
    assert (project / "pylock.toml").read_text() == before
    ok(pkm("lock", "default", "--upgrade", cwd=project, env=env))
    after = (project / "pylock.toml").read_text()
    assert 'version = "3.0"\nmarker = "\'default\' in dependency_groups"' in after
    assert 'version = "2.0"\nmarker = "\'full\' in dependency_groups"' in after


def test_what_is_locked_is_kept_until_an_upgrade(pkm, project, index):
    ok(pkm("lock", cwd=project))
    index.add_wheel("eggs", "3.0")
    changed = project / "pyproject.toml"
    changed.write_text(changed.read_text().replace('"spam>=1"', '"spam>=1.0"'))
    env = {"PKM_CACHE_DIR": str(pkm.home / "other-cache")}
    ok(pkm("lock", cwd=project, env=env))
    assert 'version = "3.0"' not in (project / "pylock.toml").read_text()
    said = ok(pkm("lock", "--upgrade-package", "eggs", cwd=project, env=env)).stdout
    assert "~ eggs" in said
    assert 'version = "3.0"' in (project / "pylock.toml").read_text()


def test_check_says_whether_the_lock_would_change_and_writes_nothing(pkm, project):
    assert pkm("lock", "--check", cwd=project).code == 1
    assert not (project / "pylock.toml").exists()
    ok(pkm("lock", cwd=project))
    assert pkm("lock", "--check", cwd=project).code == 0


def test_sync_makes_the_environment_and_installs_the_project_editable(pkm, project):
    said = ok(pkm("sync", cwd=project)).stdout
    assert "Made .venv with Python" in said
    assert installed(project / ".venv") == ["eggs", "shop", "spam"]
    assert ok(pkm("run", "shop", cwd=project)).stdout == "spam and eggs\n"
    (project / "src/shop/__init__.py").write_text("def main():\n    print('edited')\n")
    assert ok(pkm("run", "shop", cwd=project)).stdout == "edited\n"


def test_the_installed_files_are_recorded_as_the_standards_say(pkm, project):
    ok(pkm("sync", cwd=project))
    (info,) = (project / ".venv").glob("lib/python*/site-packages/spam-2.0.dist-info")
    (own,) = (project / ".venv").glob("lib/python*/site-packages/shop-1.0.dist-info")
    assert (info / "INSTALLER").read_text().strip() == "pkm"
    assert (info / "REQUESTED").exists()
    assert not (info.parent / "eggs-2.0.dist-info" / "REQUESTED").exists()
    assert json.loads((own / "direct_url.json").read_text()) == {
        "url": project.as_uri(),
        "dir_info": {"editable": True},
    }


def test_sync_removes_what_does_not_belong(pkm, project):
    ok(pkm("sync", "old", cwd=project))
    changed = project / "pyproject.toml"
    changed.write_text(changed.read_text().replace('test = ["ham"]', "test = []"))
    said = ok(pkm("sync", "old", cwd=project)).stdout
    assert "- ham 1.0" in said
    assert installed(project / ".pkm/envs/old") == ["eggs", "shop", "spam"]


def test_dry_run_shows_the_steps_and_changes_nothing(pkm, project):
    before = snapshot(project)
    said = ok(pkm("sync", "--dry-run", cwd=project)).stdout
    assert said.startswith("would make .venv with Python 3")
    assert "+ spam 2.0" in said
    assert snapshot(project) == before


def test_a_package_without_a_wheel_is_built(pkm, project):
    ok(pkm("sync", "full", cwd=project))
    assert "bacon" in installed(project / ".pkm/envs/full")


def test_locked_refuses_a_stale_section_and_frozen_does_not_look(pkm, project):
    ok(pkm("lock", cwd=project))
    changed = project / "pyproject.toml"
    changed.write_text(changed.read_text().replace('"spam>=1"', '"spam>=1", "ham"'))
    refused = pkm("sync", "--locked", cwd=project)
    assert refused.code == 1
    assert "pylock.toml is not up to date" in refused.stderr
    assert not (project / ".venv").exists()
    ok(pkm("sync", "--frozen", cwd=project))
    assert installed(project / ".venv") == ["eggs", "shop", "spam"]


def test_run_passes_the_code_of_the_program_on(pkm, project):
    ok(pkm("sync", cwd=project))
    assert pkm("run", "python", "-c", "raise SystemExit(7)", cwd=project).code == 7
    assert pkm("run", "no-such-program", cwd=project).code == 127
    (project / "tidy.py").write_text("print('tidy')")
    told = pkm("run", "tidy.py", cwd=project)
    assert told.code == 127
    assert "for the file of that name: pkm run python tidy.py" in told.stderr
    assert pkm("run", "python", "tidy.py", cwd=project).stdout == "tidy\n"


def test_run_leaves_surplus_packages_alone(pkm, project):
    ok(pkm("sync", cwd=project))
    (site,) = (project / ".venv").glob("lib/python*/site-packages")
    extra = site / "extra-1.0.dist-info"
    extra.mkdir()
    (extra / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (extra / "RECORD").write_text("extra-1.0.dist-info/METADATA,,\nextra-1.0.dist-info/RECORD,,\n")
    ok(pkm("run", "python", "-c", "pass", cwd=project))
    assert extra.exists()
    assert "- extra 1.0" in ok(pkm("sync", cwd=project)).stdout


def test_directory_option_works_from_anywhere(pkm, project):
    ok(pkm("-C", str(project), "lock"))
    assert (project / "pylock.toml").exists()


def test_a_subfolder_belongs_to_the_project(pkm, project):
    ok(pkm("lock", cwd=project / "src" / "shop"))
    assert (project / "pylock.toml").exists()


def test_list_and_info_speak_json(pkm, project):
    ok(pkm("sync", cwd=project))
    listed = json.loads(ok(pkm("env", "list", "--json", cwd=project)).stdout)
    assert [(entry["name"], entry["lock"], entry["state"]) for entry in listed] == [
        ("default", "locked", "in sync"),
        ("old", "not locked", "not made"),
        ("full", "not locked", "not made"),
    ]
    (info,) = json.loads(ok(pkm("env", "info", "full", "--json", cwd=project)).stdout)
    assert info["extras"] == ["full"]


def test_export_gives_a_file_without_groups(pkm, project):
    ok(pkm("lock", cwd=project))
    text = ok(pkm("env", "export", "old", "--format", "pylock", "--no-project", cwd=project)).stdout
    assert "dependency_groups" not in text
    assert "dependency-groups" not in text
    assert 'name = "ham"' in text
    assert 'name = "shop"' not in text


def test_no_request_is_sent_where_all_is_known(pkm, project, index):
    ok(pkm("sync", cwd=project))
    index.forget()
    (project / "pylock.toml").unlink()
    ok(pkm("sync", "--reinstall", cwd=project))
    assert [request.path for request in index.requests] == []


def test_programs_see_the_environment(pkm, project):
    ok(pkm("sync", cwd=project))
    code = "import os, sys; print(os.environ['VIRTUAL_ENV'], sys.prefix)"
    venv = str(project / ".venv")
    assert ok(pkm("run", "python", "-c", code, cwd=project)).stdout.split() == [venv, venv]


def test_version_prints_one_line(pkm):
    assert ok(pkm("--version")).stdout.startswith("pkm 1.")


@pytest.mark.skipif(os.name != "posix", reason="signals are told apart on POSIX alone")
def test_a_program_that_a_signal_ends_is_told_as_shells_tell_it(pkm, project):
    ok(pkm("sync", cwd=project))
    done = subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh", *pkm.command("run", "sh", "-c", "kill -TERM $$")],
        cwd=project,
        env=pkm.environ,
        check=False,
    )
    assert done.returncode == 128 + 15


def test_damage_in_the_cache_is_noticed_and_mended_by_fetching_again(pkm, project, index):
    ok(pkm("sync", cwd=project))
    (damaged,) = pkm.cache.glob("wheels-*/*/tree/eggs.py")
    damaged.chmod(0o644)
    damaged.unlink()
    damaged.write_text("raise SystemExit('damaged')\n")
    index.forget()
    result = ok(pkm("sync", "--reinstall", cwd=project))
    assert "the cache held a damaged eggs" in result.stderr
    assert ok(pkm("run", "python", "-c", "import eggs", cwd=project)).code == 0
    assert index.count("eggs-2.0") == 1


def test_what_the_project_begins_or_ceases_to_ask_for_is_marked_so(pkm, project):
    ok(pkm("sync", cwd=project))
    (eggs,) = (project / ".venv").glob("lib/python*/site-packages/eggs-*.dist-info")
    assert not (eggs / "REQUESTED").exists()
    for asked in (["spam>=1", "eggs"], ["spam>=1"]):
        write_project(project, TOML.replace('["spam>=1"]', json.dumps(asked)))
        ok(pkm("sync", cwd=project))
        assert (eggs / "REQUESTED").exists() == ("eggs" in asked)
        assert "REQUESTED" not in (eggs / "RECORD").read_text() or "eggs" in asked
        ok(pkm("env", "verify", cwd=project))


def test_an_environment_whose_interpreter_is_gone_is_made_anew_with_a_word(pkm, project):
    ok(pkm("sync", cwd=project))
    scripts = project / ".venv" / "bin"
    for path in scripts.glob("python*"):
        path.unlink()
        path.symlink_to("/nowhere/python")
    words = ".venv is of a Python that is gone (/nowhere/python); "
    assert f"{words}would make .venv with Python" in ok(pkm("sync", "--dry-run", cwd=project)).stdout
    assert f"{words}made .venv with Python" in ok(pkm("sync", cwd=project)).stdout
    ok(pkm("env", "verify", cwd=project))


def test_nothing_is_run_in_an_environment_that_is_not_there(pkm, project):
    told = []
    for _ in range(2):
        failed = pkm("run", "--no-sync", "python", "-V", cwd=project)
        assert (failed.code, failed.stdout) == (1, "")
        told.append(failed.stderr)
        ok(pkm("sync", cwd=project))
        ok(pkm("run", "--no-sync", "python", "-V", cwd=project))
        for path in (project / ".venv/bin").glob("python*"):
            path.unlink()
            path.symlink_to("/nowhere/python")
    hint = "hint: pkm sync default makes it\n"
    reason = "is of a Python that is gone (/nowhere/python)"
    assert told == [f"error: .venv does not exist\n{hint}", f"error: .venv {reason}\n{hint}"]


def test_an_environment_whose_lock_is_gone_is_out_of_sync_and_not_unmade(pkm, project):
    ok(pkm("sync", cwd=project))
    (project / "pylock.toml").unlink()
    first, *_ = ok(pkm("env", "list", cwd=project)).stdout.splitlines()
    assert "not locked, out of sync, python 3" in first


def test_an_environment_behind_a_link_is_changed_like_any_other(pkm, tmp_path):
    real = write_project(tmp_path / "real", '[project]\nname = "a"\nversion = "1"\ndependencies = ["spam"]\n')
    (tmp_path / "link").symlink_to(real, target_is_directory=True)
    assert pkm("-C", str(tmp_path / "link"), "sync").code == 0
    text = (real / "pyproject.toml").read_text()
    (real / "pyproject.toml").write_text(text.replace('"spam"', ""))
    done = pkm("-C", str(tmp_path / "link"), "sync")
    assert "outside" not in done.stderr
    assert list((real / ".venv").rglob("spam*")) == []


@pytest.mark.parametrize("editable", [False, True])
def test_a_stamp_watches_what_folders_are_made_of(pkm, tmp_path, editable):
    """A folder that is installed as a wheel counts with all its files, an editable one with its metadata."""
    source = f'helper = {{ path = "helper", editable = {str(editable).lower()} }}'
    project = write_project(
        tmp_path / "p",
        f"""
        [project]
        name = "shop"
        version = "1"
        dependencies = ["helper"]
        [tool.pkm.sources]
        {source}
        """,
        {f"helper/{path}": content for path, content in project_members("helper", "1.0").items()},
    )
    for _ in range(2):
        assert pkm("sync", cwd=project).code == 0
    (project / "helper" / "helper.py").write_text("version = 'new'\n")
    assert pkm("sync", cwd=project).code == 0
    command = ("run", "python", "-c", "import helper; print(helper.version)")
    assert pkm(*command, cwd=project).stdout == "new\n"
    (project / "helper" / "backend.json").write_bytes(
        project_members("helper", "1.1")["backend.json"]  # what the backend reads the version from
    )
    assert "helper 1.0 -> 1.1" in pkm("sync", cwd=project).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there an environment always has a copy")
def test_copies_gives_an_environment_a_copy_of_its_interpreter(pkm, tmp_path):
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["spam"]\n')
    python = project / ".venv" / "bin" / "python"
    ok(pkm("sync", cwd=project))
    assert python.is_symlink()
    for looking in ("--check", "--dry-run"):
        told = pkm("sync", "--copies", looking, cwd=project).stdout
        assert "--copies asks for a copy of its interpreter; would make .venv with Python" in told
    assert "a copy of its interpreter; made .venv" in ok(pkm("sync", "--copies", cwd=project)).stdout
    assert not python.is_symlink()
    assert ok(pkm("run", "spam", cwd=project)).stdout == "spam and eggs\n"
    made = python.stat()
    for words in (["sync", "--copies"], ["sync"], ["sync", "--reinstall"]):
        ok(pkm(*words, cwd=project))
    assert python.stat() == made
    assert "in sync" in ok(pkm("env", "list", cwd=project)).stdout
