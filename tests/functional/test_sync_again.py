"""A sync that has only to put right what is installed goes a quick way: it must not show but in what it loads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pkm_env import stamp
from pkm_env.install.installed import scan
from pkm_env.install.journal import Intent, begin
from pkm_env.python.venv import Venv, read_venv
from tests.support.projects import BUILT, HEAD, ROOT, Pkm, ok, write_project

if TYPE_CHECKING:
    from pathlib import Path

TOML = BUILT + 'dependencies = ["spam"]\n'
START = f"import sys; sys.path[0] = {str(ROOT)!r}; from pkm_env.entry import main; sys.exit(main())"


@pytest.fixture
def project(pkm, tmp_path):
    """A project whose environment is in sync, by the entry point that makes and reads stamps."""
    folder = write_project(tmp_path / "shop", TOML, {"src/shop/__init__.py": ""})
    assert sync(pkm, folder).code == 0
    return folder


class Sync:
    """How a sync ended: ``quick`` when it loaded no project."""

    def __init__(self, done) -> None:
        rows = done.stderr.splitlines()
        names = {row.rpartition("|")[2].strip() for row in rows if row.startswith("import time:")}
        self.quick = "pkm_env.context" not in names and "pkm_env.ops.again" in names
        self.noop = "pkm_env.cli.main" not in names
        self.code = done.returncode
        self.said = re.sub(r"in \d\.\d+ s", "in T s", done.stdout)
        self.told = [row for row in rows if not row.startswith("import time:")]


def sync(pkm, project, *words, env=None):
    return Sync(start(pkm, project, ["sync", *words], env=env))


def start(pkm, project, words, env=None):
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", START, *words],
        cwd=project,
        env={**pkm.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def site(project):
    return next((project / ".venv").glob("lib/python*/site-packages"))


def content(project):
    """Every file of the environment with what it holds, but for pkm's notes."""
    root = project / ".venv"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".pkm" not in path.parts and "__pycache__" not in path.parts
    }


def remove_one(folder):
    shutil.rmtree(next(folder.glob("eggs-*.dist-info")))


def remove_all(folder):
    for path in folder.iterdir():
        if path.name.startswith(("eggs", "spam")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def another_version(folder):
    path = next(folder.glob("eggs-*.dist-info"))
    path.rename(folder / "eggs-0.9.dist-info")


def surplus(folder):
    other = folder / "ham-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: ham\nVersion: 1.0\n")
    (other / "INSTALLER").write_text("pip\n")
    (folder / "ham.py").write_text("")
    (other / "RECORD").write_text("ham.py,,\nham-1.0.dist-info/METADATA,,\nham-1.0.dist-info/RECORD,,\n")


def twice(folder):
    shutil.copytree(next(folder.glob("eggs-*.dist-info")), folder / "eggs-0.5.dist-info")


def no_longer_asked_for(folder):
    (next(folder.glob("spam-*.dist-info")) / "REQUESTED").unlink()


def another_tool(folder):
    """The same package, as another tool would have installed it anew."""
    path = next(folder.glob("eggs-*.dist-info"))
    (path / "INSTALLER").write_text("uv\n")
    os.utime(path)


def claims_files_of_others(folder):
    """Another version, whose RECORD lists a module and a script of a package that stays."""
    another_version(folder)
    with (folder / "eggs-0.9.dist-info" / "RECORD").open("a") as record:
        record.write("spam.py,,\n../../../bin/spam,,\n")


def egg_info(folder):
    (folder / "old-1.0.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n")


def forget(project, *, whole):
    """Take away what the quick way goes by, where the *whole* one is to be gone."""
    if whole:
        (project / ".pkm" / "stamps" / "sync-default").unlink()


CHANGES = [
    remove_one,
    remove_all,
    another_version,
    surplus,
    twice,
    no_longer_asked_for,
    another_tool,
    claims_files_of_others,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_quick_way_does_and_says_what_the_whole_one_does(pkm, project, change):
    ends = []
    for whole in (True, False):
        change(site(project))
        forget(project, whole=whole)
        done = sync(pkm, project)
        assert done.code == 0, done.told
        assert done.quick is not whole
        verified = pkm("env", "verify", cwd=project)
        ends.append((done.said, done.told, content(project), installed(project), verified))
        after = sync(pkm, project)
        assert after.noop, after.told
        assert after.said == "default is in sync (3 packages)\n"
    assert ends[0] == ends[1]
    assert change is another_tool or verified.code == 0


def installed(project):
    venv = read_venv(str(project / ".venv"))
    assert isinstance(venv, Venv)
    return [
        (one.name, one.version, one.installer, one.requested, one.identity, one.overridden)
        for one in scan(venv)
    ]


def test_the_quick_way_can_be_gone_again_and_again_and_loads_little(pkm, project):
    for _ in range(3):
        remove_one(site(project))
        done = sync(pkm, project, "default")
        assert done.quick
        assert done.said == "  + eggs 2.0\nSynced default in T s: 3 packages\n"


def test_files_of_what_another_tool_has_installed_anew_stay(pkm, project):
    """Of its files only its RECORD tells; what pkm noted when it installed it is of another build."""
    folder = site(project)
    another_tool(folder)
    with (folder / "eggs-2.0.dist-info" / "RECORD").open("a") as record:
        record.write("extra.py,,\n")
    (folder / "extra.py").write_text("")
    assert sync(pkm, project).quick
    ways = []
    for _ in range(2):
        surplus(folder)
        with (folder / "ham-1.0.dist-info" / "RECORD").open("a") as record:
            record.write("extra.py,,\n")
        done = sync(pkm, project)
        assert done.said.startswith("  - ham 1.0\n")
        assert (folder / "extra.py").exists()
        ways.append(done.quick)
    assert ways == [False, True]


def test_the_legacy_link_of_another_tool_is_told_as_on_the_whole_way(pkm, project):
    ends = []
    for whole in (True, False):
        egg_info(site(project))
        forget(project, whole=whole)
        done = sync(pkm, project)
        assert done.quick is not whole
        ends.append((done.code, done.said, done.told))
        (site(project) / "old-1.0.egg-info").unlink(missing_ok=True)
        ok(pkm("sync", cwd=project))
    assert ends[0] == ends[1]


class At(NamedTuple):
    """Where something is changed."""

    project: Path
    pkm: Pkm


def other_requirement(at):
    write_project(at.project, TOML.replace('"spam"', '"spam", "bacon"'))


def another_lock(at):
    ok(at.pkm("lock", "--upgrade-package", "spam<2", cwd=at.project))


def user_settings(at):
    folder = at.pkm.home / ".config" / "pkm"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('link-mode = "copy"\n')


def cleaned_cache(at):
    ok(at.pkm("cache", "clean", cwd=at.project))


def pinned_python(at):
    (at.project / ".python-version").write_text(".".join(map(str, sys.version_info[:2])) + "\n")


def other_home(at):
    at.pkm.environ["XDG_CACHE_HOME"] = str(at.pkm.home / "elsewhere")


def own_variable(at):
    at.pkm.environ["PKM_LINK_MODE"] = "copy"


def project_gone(at):
    shutil.rmtree(next(site(at.project).glob("shop-*.dist-info")))


def configuration(at):
    path = at.project / ".venv" / "pyvenv.cfg"
    path.write_text(path.read_text() + "\n")


def old_note(at):
    path = at.project / ".pkm" / "stamps" / "sync-default"
    path.write_bytes(path.read_bytes()[:-1])


ELSEWHERE = [
    other_requirement,
    another_lock,
    user_settings,
    cleaned_cache,
    pinned_python,
    other_home,
    own_variable,
    project_gone,
    configuration,
    old_note,
]


@pytest.mark.parametrize("change", ELSEWHERE, ids=lambda change: change.__name__)
def test_whatever_else_has_changed_goes_the_whole_way(pkm, project, change):
    remove_one(site(project))
    change(At(project, pkm))
    done = sync(pkm, project)
    assert not done.quick
    assert done.code == 0, done.told
    assert "Synced default" in done.said
    assert ok(pkm("env", "verify", cwd=project)).code == 0


def test_a_copy_of_the_project_is_a_project_of_its_own(pkm, project, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, symlinks=True)
    write_project(copy, TOML.replace('"spam"', '"spam", "ham"').replace("spam", "spam<2"))
    remove_one(site(project))
    before = content(project)
    done = sync(pkm, copy)
    assert not done.noop
    assert not done.quick
    assert "Synced default" in done.said
    assert content(project) == before
    assert list(site(copy).glob("ham-1.0.dist-info"))
    assert (
        ok(pkm("run", "python", "-c", "import sys; print(sys.prefix)", cwd=copy)).stdout
        == f"{copy / '.venv'}\n"
    )


def test_a_note_that_leads_to_another_environment_is_not_followed(pkm, project, tmp_path):
    """A project that was cloned may bring along what looks like a note of pkm."""
    other = write_project(tmp_path / "other", HEAD + 'dependencies = ["ham"]\n')
    assert sync(pkm, other).code == 0
    place = str(project / ".pkm" / "stamps" / "sync-default")
    note = stamp.read(str(other / ".pkm" / "stamps" / "sync-default"), pkm.environ)
    assert note is not None
    (project / ".pkm" / "stamps" / "sync-default").write_bytes(
        stamp.make_stamp(place, note.seen, pkm.environ, note.answer, note.more)
    )
    shutil.rmtree(next(site(other).glob("ham-*.dist-info")))
    before = content(other)
    done = sync(pkm, project)
    assert not done.quick
    assert content(other) == before


def test_damage_in_the_cache_is_told_and_mended(pkm, project, index):
    remove_one(site(project))
    (eggs,) = pkm.home.rglob("tree/eggs.py")
    eggs.unlink()
    (site(project) / "eggs.py").unlink()
    index.forget()
    done = sync(pkm, project)
    assert not done.quick
    assert any("the cache held a damaged eggs (eggs.py); it is fetched again" in row for row in done.told)
    assert index.count(".whl") == 1
    assert ok(pkm("env", "verify", cwd=project)).code == 0


def test_an_interrupted_change_is_taken_back_and_told(pkm, project):
    notes = project / ".venv" / ".pkm"
    ends = []
    for whole in (True, False):
        another_version(site(project))
        assert sync(pkm, project).code == 0
        # As a kill just before the commit leaves it.
        (notes / "undo").rename(notes / "journal")
        forget(project, whole=whole)
        done = sync(pkm, project)
        assert not done.noop
        assert "Repaired .venv: an earlier sync was interrupted" in done.said
        ends.append((done.code, done.said, content(project)))
        assert ok(pkm("env", "verify", cwd=project)).code == 0
    assert ends[0] == ends[1]


@pytest.mark.parametrize("command", [["sync"], ["run", "spam"]], ids=["sync", "run"])
def test_a_change_that_was_killed_at_its_first_script_is_taken_back(pkm, project, command):
    """Scripts are moved before anything in site-packages, which alone told of a change."""
    venv = project / ".venv"
    folder = begin(str(venv), Intent(["bin/spam"], [], []))
    (venv / "bin" / "spam").rename(os.path.join(folder, "0"))
    done = start(pkm, project, command)
    assert done.returncode == 0
    assert "Repaired .venv: an earlier sync was interrupted" in done.stdout + done.stderr
    assert (venv / "bin" / "spam").exists()


def test_it_waits_for_another_writer_and_says_so(pkm, project):
    remove_one(site(project))
    assert while_it_waits(pkm, project, lambda: None).startswith("  + eggs 2.0\n")


def while_it_waits(pkm, project, change):
    """Return what a sync prints that waits for the environment while *change* is called."""
    fcntl = pytest.importorskip("fcntl", reason="the lock is taken by its means")
    command = [sys.executable, "-c", START, "sync"]
    with open(project / ".pkm" / ".venv.lock", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            command, cwd=project, env=pkm.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "warning: waiting for another pkm that changes .venv\n"
        change()
        fcntl.flock(held, fcntl.LOCK_UN)
    out, _ = waiting.communicate()
    assert waiting.returncode == 0
    return out


def test_a_lock_that_is_written_while_a_sync_waits_is_the_one_that_counts(pkm, project):
    lock = project / "pylock.toml"
    later = lock.read_bytes()
    ok(pkm("lock", "--upgrade-package", "spam<2", cwd=project))
    out = while_it_waits(pkm, project, lambda: lock.write_bytes(later))
    assert out == "default is in sync (3 packages)\n"
    assert ok(pkm("sync", cwd=project)).stdout == "default is in sync (3 packages)\n"
    assert list(site(project).glob("spam-2.0.dist-info"))


def test_a_project_that_is_changed_while_a_sync_waits_is_not_taken_for_installed(pkm, project):
    lock, toml = project / "pylock.toml", project / "pyproject.toml"
    write_project(project, TOML.replace('"spam"', '"spam<2"'))
    ok(pkm("lock", cwd=project))
    later = [(path, path.read_bytes()) for path in (toml, lock)]
    write_project(project, TOML)
    ok(pkm("lock", "--upgrade", cwd=project))
    (project / ".pkm" / "stamps" / "sync-default").unlink()

    def change():
        for path, held in later:
            path.write_bytes(held)

    while_it_waits(pkm, project, change)
    done = sync(pkm, project)
    assert not done.noop
    assert "~ spam 2.0 -> 1.0" in done.said


def test_a_wheel_that_is_not_the_locked_release_is_left_to_the_whole_way(pkm, project):
    """The cache is the user's own, but what lies under a digest may have been put there by hand."""
    (folder,) = {path.parent.parent for path in pkm.home.rglob("tree/eggs.py")}
    (spam,) = {path.parent.parent for path in pkm.home.rglob("tree/spam.py")}
    shutil.rmtree(folder)
    shutil.copytree(spam, folder)
    remove_one(site(project))
    done = sync(pkm, project)
    assert not done.quick
    assert done.code == 1
    assert any("is the wheel of spam 2.0" in row for row in done.told)
