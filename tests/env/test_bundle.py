"""The bundle of pkm's own modules: read in place of their files, never believed against their sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from pkm_env.bundle import Bundle
from tests.support.projects import ROOT

# Says which bytecode of pkm was opened before the command's own words, with "opened" before each.
RUN = """
import sys
sys.path[0] = {tree!r}
def hear(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".pyc") and "pkm_" in str(arguments[0]):
        sys.__stdout__.write("opened " + str(arguments[0]) + "\\n")
sys.addaudithook(hear)
from pkm_env.entry import main
sys.exit(main())
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of pkm whose bytecode Python has written."""
    for package in ("pkm_env", "pkm_build"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / "pkm" / package, ignore=ignored)
    return tmp_path / "pkm"


def run(tree, **variables):
    """Run `pkm cache dir`; return the files of bytecode it opened and what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PKM_"))}
    environ |= {"HOME": str(tree.parent / "home"), "PKM_CACHE_DIR": str(tree.parent / "cache"), **variables}
    command = [sys.executable, "-c", RUN.format(tree=str(tree)), "cache", "dir"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=tree.parent)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    opened = [line.removeprefix("opened ") for line in lines if line.startswith("opened ")]
    said = [line for line in lines if not line.startswith("opened ")]
    assert said[-1] == str(tree.parent / "cache")
    return opened, said


def bundle_of(tree):
    (found,) = (tree / "pkm_env" / "__pycache__").glob("*.bundle*")
    return found


def test_what_a_command_loaded_comes_from_one_file_the_next_time(tree):
    before, _ = run(tree)
    after, _ = run(tree)
    assert any("main" in path for path in before)
    # What finds the bundle is loaded before it.
    assert {os.path.basename(path).partition(".")[0] for path in after} == {"__init__", "entry", "bundle"}


def test_a_module_that_was_changed_counts_as_it_is_now(tree):
    run(tree)
    main = tree / "pkm_env" / "cli" / "main.py"
    kept = main.stat()
    main.write_text(main.read_text() + "\nprint('changed')\n")
    os.utime(main, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert run(tree)[1][0] == "changed"
    main.write_text(main.read_text().replace("'changed'", "'altered'"))
    assert run(tree)[1][0] == "altered"
    opened, said = run(tree)
    assert said[0] == "altered"
    assert not any("main" in path for path in opened)


def test_a_bundle_of_another_pkm_is_not_used_though_its_sources_look_the_same(tree):
    """Some images have one time for all files; pip removes bytecode with what it was compiled from, and no bundle."""
    main, init = tree / "pkm_env" / "cli" / "main.py", tree / "pkm_build" / "__init__.py"
    text = main.read_text()
    for word in ("first", "other"):
        main.write_text(f"{text}\nprint({word!r})\n")
        os.utime(main, (10**9, 10**9))
        shutil.rmtree(main.parent / "__pycache__", ignore_errors=True)
        assert run(tree)[1][0] == word
        init.write_text(init.read_text().replace('__version__ = "', '__version__ = "1'))


@pytest.mark.parametrize("damage", [b"", b"no bytecode", b"\x00" * 4096, None])
def test_a_damaged_bundle_is_made_anew(tree, damage):
    run(tree)
    bundle = bundle_of(tree)
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert any("main" in path for path in run(tree)[0])
    assert len(bundle_of(tree).read_bytes()) == len(whole)
    assert not any("main" in path for path in run(tree)[0])


def test_code_that_cannot_be_read_is_taken_from_where_python_has_it(tree):
    run(tree)
    bundle = bundle_of(tree)
    whole = bundle.read_bytes()
    index = 8 + int.from_bytes(whole[:8], "little")
    bundle.write_bytes(whole[:index] + bytes(len(whole) - index))
    assert any("main" in path for path in run(tree)[0])


def test_a_bundle_that_was_moved_with_pkm_is_not_used(tree):
    run(tree)
    moved = tree.rename(tree.parent / "moved")
    assert any("main" in path for path in run(moved)[0])
    assert not any("main" in path for path in run(moved)[0])


def test_no_bundle_is_written_where_no_bytecode_is(tree):
    run(tree, PYTHONDONTWRITEBYTECODE="1")
    assert not list((tree / "pkm_env").rglob("*.bundle*"))


def test_a_place_that_cannot_be_written_does_without(tree):
    cached = tree / "pkm_env" / "__pycache__"
    cached.write_text("in the way")
    run(tree)
    run(tree)
    assert cached.read_text() == "in the way"


def test_a_damaged_bundle_is_not_left_open(tmp_path):
    """Windows lets nobody replace a file that is open: the bundle could not be made anew."""
    path = tmp_path / "bundle"
    path.write_bytes(b"no bytecode")
    before = os.open(os.devnull, os.O_RDONLY)
    os.close(before)
    assert not Bundle(str(tmp_path), str(path)).modules
    after = os.open(os.devnull, os.O_RDONLY)
    os.close(after)
    assert after == before
