"""Several commands at the same time, on one environment and on one cold cache."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.projects import HEAD, lock_text, ok, write_project

TOML = (
    HEAD
    + """\
dependencies = ["spam", "bacon"]

[tool.pkm.env.other]
dependencies = ["ham"]
"""
)
EIGHT = 8


def all_at_once(pkm, folders, *words):
    """Run the command in each folder, all at the same time; return how each ended, with its messages."""
    running = [
        subprocess.Popen(
            pkm.command(*words),
            cwd=folder,
            env=pkm.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    ended = []
    for process in running:
        said = process.communicate(timeout=300)[1]
        ended.append((process.returncode, said))
    return ended


def killed_while_another_waits(pkm, folders, word, pipe, note):
    """Kill a command whose backend takes for ever, once it noted in *pipe* that it was called; another one goes on.

    The backend of the one that waited is called then, and ends.
    """
    endless = {**pkm.environ, "ENDLESS": "1"}
    working = subprocess.Popen(pkm.command(word), cwd=folders[0], env=endless, stderr=subprocess.DEVNULL)
    assert pipe.read_text() == note
    waiting = subprocess.Popen(
        pkm.command(word), cwd=folders[1], env=pkm.environ, stderr=subprocess.PIPE, text=True
    )
    while waiting.stderr.readline() != "Waiting for another pkm that builds bean\n":
        assert waiting.poll() is None
    working.kill()
    working.wait()
    assert pipe.read_text() == note
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0


def test_eight_commands_on_one_environment_take_turns(pkm, tmp_path):
    project = write_project(tmp_path / "shop", TOML)
    ended = all_at_once(pkm, [project] * EIGHT, "sync")
    assert [code for code, _ in ended] == [0] * EIGHT, ended
    assert pkm("env", "verify", cwd=project).code == 0
    assert "in sync" in pkm("sync", cwd=project).stdout


def test_eight_environments_on_one_cold_cache_fetch_each_file_once(index, pkm, tmp_path):
    projects = [write_project(tmp_path / f"shop{number}", TOML) for number in range(EIGHT)]
    assert pkm("lock", cwd=projects[0]).code == 0
    lock = (projects[0] / "pylock.toml").read_bytes()
    for project in projects[1:]:
        (project / "pylock.toml").write_bytes(lock)
    assert pkm("cache", "clean", cwd=projects[0]).code == 0
    index.forget()
    ended = all_at_once(pkm, projects, "sync", "--frozen")
    assert [code for code, _ in ended] == [0] * EIGHT, ended
    assert index.count(".whl", status=200) == 2
    assert all(pkm("env", "verify", cwd=project).code == 0 for project in projects)


# A build that notes that it began.
NOTED = """
at_once = build_wheel

def build_wheel(*given):
    with open({log!r}, "a") as log:
        log.write("begun ")
    import time
    {end}
    return at_once(*given)
"""


@pytest.fixture
def beans(index, pkm, tmp_path):
    """Projects with one lock, whose sdists need another one to be built, and a cold cache; and what notes builds."""
    logs = {name: tmp_path / f"{name}.log" for name in ("tool", "bean", "pea")}
    for name, log in logs.items():
        needs = [] if name == "tool" else ["tool", "eggs"]
        hooks = NOTED.format(log=str(log), end="pass")
        index.add_sdist(name, "1.0", backend="in-tree", build_requires=needs, hooks=hooks)
    toml = f'{HEAD}dependencies = ["bean", "pea", "tool"]\n'
    projects = [write_project(tmp_path / f"shop{number}", toml) for number in range(EIGHT)]
    ok(pkm("lock", cwd=projects[0]))
    for project in projects[1:]:
        (project / "pylock.toml").write_text(lock_text(projects[0]))
    ok(pkm("cache", "clean"))
    for log in logs.values():
        log.unlink(missing_ok=True)
    index.forget()
    return projects, logs


def test_eight_environments_on_one_cold_cache_fetch_and_build_each_sdist_once(index, pkm, beans):
    projects, logs = beans
    ended = all_at_once(pkm, projects, "sync", "--frozen")
    assert [code for code, _ in ended] == [0] * EIGHT, ended
    assert index.count(".tar.gz", status=200) == len(logs)
    # What builds need is not waited for: its builder may be the one who waits.
    assert {name: log.read_text() for name, log in logs.items() if name != "tool"} == {
        "bean": "begun ",
        "pea": "begun ",
    }
    assert logs["tool"].read_text() in {"begun ", "begun begun "}
    assert list(pkm.cache.glob("tmp-1/*")) == []


def test_who_waits_for_a_build_goes_on_when_its_process_is_killed(pkm, index, tmp_path):
    began = tmp_path / "began"
    os.mkfifo(began)
    hooks = NOTED.format(log=str(began), end="time.sleep(600) if os.environ.get('ENDLESS') else None")
    index.add_sdist("bean", "1.0", backend="in-tree", hooks=hooks)
    projects = [
        write_project(tmp_path / name, f'{HEAD}dependencies = ["bean"]\n') for name in ("one", "other")
    ]
    for project in projects:
        ok(pkm("lock", cwd=project))
    killed_while_another_waits(pkm, projects, "sync", began, "begun ")
    ok(pkm("env", "verify", cwd=projects[1]))


# A backend that notes that it was asked for metadata, and that may take for ever.
ASKED = """
metadata_at_once = prepare_metadata_for_build_wheel

def prepare_metadata_for_build_wheel(*given):
    with open({log!r}, "a") as log:
        log.write("asked ")
    import time
    time.sleep(600) if os.environ.get("ENDLESS") else time.sleep(0.2)
    return metadata_at_once(*given)
"""


def test_eight_locks_on_one_cold_cache_ask_for_the_metadata_of_each_sdist_once(pkm, index, tmp_path):
    logs = {name: tmp_path / f"{name}.log" for name in ("tool", "bean")}
    for name, log in logs.items():
        needs = ["tool"] if name == "bean" else []
        hooks = ASKED.format(log=str(log))
        index.add_sdist(name, "1.0", backend="in-tree", build_requires=needs, requires=["eggs"], hooks=hooks)
    toml = f'{HEAD}dependencies = ["bean", "tool"]\n'
    projects = [write_project(tmp_path / f"shop{number}", toml) for number in range(EIGHT)]
    ended = all_at_once(pkm, projects, "lock")
    assert [code for code, _ in ended] == [0] * EIGHT, ended
    assert len({lock_text(project) for project in projects}) == 1
    assert logs["bean"].read_text() == "asked "
    # What builds need is not waited for: its builder may be the one who waits.
    assert logs["tool"].read_text() in {"asked ", "asked asked "}
    assert list(pkm.cache.glob("tmp-1/*")) == []


def test_who_waits_for_metadata_goes_on_when_the_process_that_asks_is_killed(pkm, index, tmp_path):
    asked = tmp_path / "asked"
    os.mkfifo(asked)
    index.add_sdist("bean", "1.0", backend="in-tree", hooks=ASKED.format(log=str(asked)))
    projects = [
        write_project(tmp_path / name, f'{HEAD}dependencies = ["bean"]\n') for name in ("one", "other")
    ]
    killed_while_another_waits(pkm, projects, "lock", asked, "asked ")
    ok(pkm("lock", "--check", cwd=projects[1]))


def test_builds_that_require_each_other_are_an_error_in_two_processes_too(pkm, index, tmp_path):
    """Each makes the environment that the other one's build needs, and needs that of the other one."""
    for name, other, last in (("bean", "tool", "left"), ("tool", "bean", "right")):
        told = f"Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n"
        index.add_sdist(name, "1.0", backend="in-tree", build_requires=[other, last], pkg_info=told)
        index.add_wheel(last, "1.0")
    projects = [
        write_project(tmp_path / f"of-{name}", f'{HEAD}dependencies = ["{name}"]\n')
        for name in ("bean", "tool")
    ]
    known = write_project(tmp_path / "known", f'{HEAD}dependencies = ["left", "right"]\n')
    for project in (*projects, known):
        ok(pkm("lock", cwd=project))
    gates = [index.hold(f"/files/{last}-1.0-py3-none-any.whl") for last in ("left", "right")]
    both = [
        subprocess.Popen(pkm.command("sync"), cwd=project, env=pkm.environ, stderr=subprocess.PIPE, text=True)
        for project in projects
    ]
    try:
        # Each holds an environment when it waits for the wheel in it.
        while len(list(pkm.cache.glob("builds-1/.pkm/*.lock"))) < len(both):
            assert [process.poll() for process in both] == [None, None]
        for gate in gates:
            gate.set()
        said = [process.communicate(timeout=120)[1] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [1, 1]
    assert all("which is needed to build it" in text for text in said), said


def test_a_signal_ends_the_wait_for_a_build(pkm, index, tmp_path):
    began = tmp_path / "began"
    os.mkfifo(began)
    index.add_sdist(
        "bean", "1.0", backend="in-tree", hooks=NOTED.format(log=str(began), end="time.sleep(600)")
    )
    projects = [
        write_project(tmp_path / name, f'{HEAD}dependencies = ["bean"]\n') for name in ("one", "other")
    ]
    for project in projects:
        ok(pkm("lock", cwd=project))
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "env": pkm.environ, "text": True}
    building = subprocess.Popen(pkm.command("sync"), cwd=projects[0], **silent)
    assert began.read_text() == "begun "
    waiting = subprocess.Popen(pkm.command("sync"), cwd=projects[1], **silent)
    try:
        while waiting.stderr.readline() != "Waiting for another pkm that builds bean\n":
            assert waiting.poll() is None
        waiting.terminate()
        assert waiting.wait(30) == 143
        assert building.poll() is None
        building.terminate()
        assert building.wait(60) == 143
    finally:
        for process in (waiting, building):
            process.kill()
            process.communicate()


def test_who_waits_for_another_says_so(pkm, tmp_path):
    """The environment's lock is held while another command builds, and the second one tells that it waits."""
    project = write_project(tmp_path / "shop", TOML)
    assert pkm("lock", cwd=project).code == 0
    ended = all_at_once(pkm, [project] * 3, "sync", "--reinstall")
    assert [code for code, _ in ended] == [0] * 3, ended
    assert any("waiting for another pkm that changes .venv" in said for _, said in ended)


def test_of_two_that_lock_at_the_same_time_none_takes_back_what_the_other_wrote(index, pkm, tmp_path):
    text = HEAD + '[tool.pkm.env.one]\ndependencies = ["spam"]\n[tool.pkm.env.two]\ndependencies = ["ham"]\n'
    project = write_project(tmp_path / "shop", text)
    gate = index.hold("/simple/spam/")
    slow = subprocess.Popen(
        pkm.command("lock", "one"),
        cwd=project,
        env=pkm.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    # What is held is not counted; the connection is, and by then the lock has been read.
    while not index.connections:
        assert slow.poll() is None
    assert pkm("lock", "two", cwd=project).code == 0
    gate.set()
    said = slow.communicate(timeout=300)[1]
    assert slow.returncode == 0, said
    assert "pylock.toml was changed meanwhile" in said
    assert pkm("lock", "--check", "one", cwd=project).code == 0
    assert pkm("lock", "--check", "two", cwd=project).code == 0
