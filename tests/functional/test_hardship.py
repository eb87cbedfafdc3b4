"""What goes wrong with disks and folders, as the real command tells it."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.support.projects import HEAD, write_project

resource = pytest.importorskip("resource", reason="the means are those of POSIX")

TOML = HEAD + 'dependencies = ["spam"]\n'


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "shop", TOML)


def test_a_write_that_the_system_refuses_is_no_defect_and_leaves_what_was(pkm, project, index):
    """A bound on the size of files stands for a full disk: both fail a write that names no file."""
    index.add_wheel("big", "1.0", files={"big/data.txt": "x" * 400_000})
    assert pkm("sync", cwd=project).code == 0
    write_project(project, TOML.replace('"spam"', '"spam", "big"'))
    assert pkm("lock", cwd=project).code == 0
    command = pkm.command("sync", "--frozen", "--link-mode", "copy")
    done = subprocess.run(
        command,
        cwd=project,
        env=pkm.environ,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=small_files,
    )
    assert done.returncode == 1, done.stderr
    assert "defect" not in done.stderr
    assert "error: File too large: /" in done.stderr
    assert pkm("env", "verify", cwd=project).code == 0
    assert not list(project.glob(".venv/lib/*/site-packages/big*"))


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_cache_that_is_deleted_again_and_again_breaks_nothing(pkm, project):
    for _ in range(3):
        assert pkm("sync", "--reinstall", cwd=project).code == 0
        assert pkm("cache", "clean", cwd=project).code == 0
        assert pkm("env", "verify", cwd=project).code == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [("file", "it is no folder"), ("link", "it is no folder"), ("folder", "it has no pyvenv.cfg")],
)
def test_what_pkm_did_not_make_is_left_and_named(pkm, project, make, said):
    place = project / ".venv"
    if make == "file":
        place.write_text("mine")
    elif make == "link":
        place.symlink_to(project.parent / "nowhere")
    else:
        place.mkdir()
        (place / "mine").write_text("mine")
    refused = pkm("sync", cwd=project)
    assert refused.code == 1
    assert f"error: .venv is not an environment that pkm made, and {said}" in refused.stderr
    assert "hint: pkm sync default --force makes it anew" in refused.stderr
    assert os.path.lexists(place / "mine" if make == "folder" else place)
    assert pkm("sync", "--force", cwd=project).code == 0
    assert pkm("env", "verify", cwd=project).code == 0


def test_what_two_packages_bring_is_named_as_it_stands_in_the_environment(pkm, project, index):
    for name in ("one", "two"):
        index.add_wheel(name, "1.0", files={"shared.py": name})
    write_project(project, TOML.replace('"spam"', '"one", "two"'))
    said = pkm("sync", cwd=project).stderr
    (path,) = project.glob(".venv/lib/*/site-packages/shared.py")
    shown = path.relative_to(project / ".venv").as_posix()
    assert f"warning: one and two both bring {shown}; that of one is installed" in said


def test_a_file_in_the_place_of_a_folder_is_named_as_it_would_stand_in_the_environment(pkm, project, index):
    index.add_wheel("one", "1.0", files={"pkg": ""})
    index.add_wheel("two", "1.0", files={"pkg/__init__.py": ""})
    write_project(project, TOML.replace('"spam"', '"one", "two"'))
    refused = pkm("sync", cwd=project)
    assert refused.code == 1
    assert "error: one cannot be installed: lib/python" in refused.stderr
    assert "site-packages/pkg is a folder of another package" in refused.stderr
    assert not (project / ".venv").exists()


def syncing(pkm, project, index, pipe, hooks, **settings):
    """Start a sync whose build has these *hooks*, in which a pipe is made known."""
    os.mkfifo(pipe)
    index.add_sdist("bean", "1.0", hooks=hooks.format(pipe=str(pipe)))
    write_project(project, TOML.replace('"spam"', '"bean"'))
    silent = subprocess.DEVNULL
    return subprocess.Popen(
        pkm.command("sync"), cwd=project, env=pkm.environ, stdout=silent, stderr=silent, **settings
    )


# A build that tells its process and goes on for ever.
ENDLESS = """
def build_wheel(*args):
    with open({pipe!r}, "w") as pipe:
        pipe.write(str(os.getpid()))
    import time
    while True:
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_builds_and_leaves_nothing(pkm, project, index, tmp_path, number, code):
    pipe = tmp_path / "pipe"
    running = syncing(
        pkm,
        project,
        index,
        pipe,
        ENDLESS,
        start_new_session=True,
        # A shell that runs the tests in the background has them ignore it.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    build = int(pipe.read_text())
    try:
        running.send_signal(number)
        assert running.wait(60) == code
    finally:
        running.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(build, 0)
    assert list((pkm.cache / "work-1").iterdir()) == []
    assert not (project / ".venv").exists()


# A build of two processes that hold a pipe open for ever.
HOLDING = """
def build_wheel(*args):
    import subprocess, sys
    pipe = open({pipe!r}, "w")
    hold = "import os, time; os.write(1, b'held'); time.sleep(600)"
    subprocess.run([sys.executable, "-c", hold], stdout=pipe)
"""


def test_a_killed_command_leaves_no_build_behind(pkm, project, index, tmp_path):
    pipe = tmp_path / "pipe"
    running = syncing(pkm, project, index, pipe, HOLDING)
    with pipe.open() as held:
        assert held.read(4) == "held"
        running.kill()
        running.wait()
        # The end of the file comes when the last of the build's processes is gone.
        assert held.read() == ""
    assert pkm("cache", "prune", cwd=project).code == 0
