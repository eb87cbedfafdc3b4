from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from packaging.specifiers import SpecifierSet

from pkm_env.model.distribution import Unavailable
from pkm_env.python import find
from pkm_env.python.find import Finder, guess, is_python_name, registry_keys, registry_program

VERSION = ".".join(map(str, sys.version_info[:3]))
MINOR = ".".join(map(str, sys.version_info[:2]))


class Remembering:
    """A memory that answers for interpreters that are not there: what each claims to be."""

    def __init__(self) -> None:
        self.asked = []
        self.kept = {}

    def recall(self, _kind, key):
        path = key.partition("\n")[0]
        version = self.kept.get(path)
        if version is None:
            return None
        self.asked.append(path)
        implementation = "pypy" if "pypy" in path else "cpython"
        return (path, "", implementation, {}, path, {}, "linux-x86_64", (), version)

    def remember(self, _kind, key, _value):
        raise AssertionError(f"a program was run: {key}")


@pytest.fixture
def memory():
    return Remembering()


@pytest.fixture
def machine(tmp_path, memory):
    """Return a function that puts a Python of a version at a path below the machine's root."""

    def add(path, version):
        program = tmp_path / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("")
        program.chmod(0o755)
        memory.kept[str(program)] = version
        return str(program)

    return add


def finder(tmp_path, memory, *path):
    environ = {"PATH": os.pathsep.join(str(tmp_path / folder) for folder in path)}
    return Finder(environ, str(tmp_path / "home"), memory)


def test_fields_of_an_interpreter_are_in_the_order_that_the_fake_gives():
    from pkm_env.model.interpreter import Interpreter

    assert Interpreter.__slots__ == (
        "base",
        "base_executable",
        "implementation",
        "markers",
        "path",
        "paths",
        "platform",
        "tags",
        "version",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python", ("cpython", ())),
        ("python3", ("cpython", (3,))),
        ("python3.12", ("cpython", (3, 12))),
        ("python3.13t", ("cpython-freethreaded", (3, 13))),
        ("Python3.12.EXE", ("cpython", (3, 12))),
        ("3.12.1", ("cpython", (3, 12, 1))),
        ("312", ("cpython", (3, 12))),
        ("3.13t", ("cpython-freethreaded", (3, 13))),
        ("3.15.0a2", ("cpython", (3, 15, 0))),
        ("pypy3.10-7.3.12", ("pypy", (3, 10))),
        ("cpython-3.12.1-linux-x86_64-gnu", ("cpython", (3, 12, 1))),
        ("cpython-3.13.0+freethreaded-linux-x86_64-gnu", ("cpython-freethreaded", (3, 13, 0))),
        ("miniconda3-4.7", ("", ())),
        ("spam", ("", ())),
    ],
)
def test_names_tell_implementation_and_version(name, expected):
    assert guess(name) == expected


@pytest.mark.parametrize("name", ["python", "python3", "python3.13", "python3.13t", "pypy3", "pypy3.10"])
def test_names_of_interpreters(name):
    assert is_python_name(name, "linux")
    assert is_python_name(name + ".exe", "win32")


@pytest.mark.parametrize("name", ["python3-config", "python3.12-gdb.py", "pyproject", "python3.", "pythonw"])
def test_names_of_other_programs(name):
    assert not is_python_name(name, "linux")


def test_newest_is_found_whatever_its_place(tmp_path, memory, machine):
    machine("bin/python3.11", "3.11.9")
    newest = machine("home/.pyenv/versions/3.13.0/bin/python3", "3.13.0")
    machine("usr/python3.12", "3.12.1")
    assert finder(tmp_path, memory, "bin", "usr").find().path == newest
    assert memory.asked == [newest]


def test_specifier_leaves_out_what_does_not_fit_without_running_it(tmp_path, memory, machine):
    machine("home/.pyenv/versions/3.13.0/bin/python3", "3.13.0")
    fitting = machine("home/.pyenv/versions/3.10.13/bin/python3", "3.10.13")
    assert finder(tmp_path, memory).find(None, SpecifierSet("<3.11")).path == fitting
    assert memory.asked == [fitting]


def test_patch_level_of_a_vague_name_is_asked_for(tmp_path, memory, machine):
    machine("bin/python3.12", "3.12.3")
    newer = machine("home/.pyenv/versions/3.12.7/bin/python3", "3.12.7")
    found = finder(tmp_path, memory, "bin")
    assert found.find("3.12").path == newer
    assert found.find(None, SpecifierSet("==3.12.3")).version == "3.12.3"


def test_first_on_path_wins_among_equals(tmp_path, memory, machine):
    first = machine("b/python3.12", "3.12.3")
    machine("a/python3.12", "3.12.3")
    assert finder(tmp_path, memory, "b", "a").find().path == first


def test_name_without_a_version_is_asked(tmp_path, memory, machine):
    machine("usr/python3", "3.14.0")
    machine("usr/python3.12", "3.12.1")
    assert finder(tmp_path, memory, "usr").find().version == "3.14.0"


def test_prerelease_is_taken_when_nothing_else_fits(tmp_path, memory, machine):
    machine("home/.pyenv/versions/3.15.0a2/bin/python3", "3.15.0a2")
    machine("home/.pyenv/versions/3.14.0/bin/python3", "3.14.0")
    assert finder(tmp_path, memory).find().version == "3.14.0"
    assert finder(tmp_path, memory).find("3.15").version == "3.15.0a2"


def test_other_implementations_are_taken_on_request_alone(tmp_path, memory, machine):
    machine("home/.pyenv/versions/pypy3.10-7.3.12/bin/python3", "3.10.14")
    assert isinstance(finder(tmp_path, memory).find(), Unavailable)
    assert finder(tmp_path, memory).find("pypy3.10").implementation == "pypy"
    assert finder(tmp_path, memory).find(implementation="pypy").implementation == "pypy"
    assert isinstance(finder(tmp_path, memory).find("3.13t", implementation="pypy"), Unavailable)


def test_shims_of_a_pyenv_elsewhere_are_passed_over_and_its_pythons_found(tmp_path, memory, machine):
    machine("opt/pyenv/shims/python3.13", "3.13.0")
    machine("opt/pyenv/versions/3.12.1/bin/python", "3.12.1")
    found = finder(tmp_path, memory, "opt/pyenv/shims").candidates()
    assert [(candidate.origin, candidate.version) for candidate in found] == [("pyenv", (3, 12, 1))]


def test_a_python_two_is_not_even_asked(tmp_path, memory, machine):
    machine("bin/python2", "2.7.18")
    machine("bin/python2.7", "2.7.18")
    assert finder(tmp_path, memory, "bin").candidates() == []


def test_shims_are_passed_over(tmp_path, memory, machine):
    machine("home/.pyenv/shims/python3.13", "3.13.0")
    assert finder(tmp_path, memory, "home/.pyenv/shims").candidates() == []


def test_environment_on_path_stands_for_its_base(tmp_path, memory, machine):
    machine("venv/bin/python3.13", "3.13.0")
    base = machine("opt/python/bin/python3.13", "3.13.0")
    (tmp_path / "venv" / "pyvenv.cfg").write_text(f"home = {tmp_path}/opt/python/bin\n")
    found = finder(tmp_path, memory, "venv/bin")
    assert [candidate.path for candidate in found.candidates()] == [base]
    assert found.find().path == base


def test_python_that_runs_pkm_is_thought_of_last(tmp_path, memory, machine):
    own = machine("opt/python3.13", "3.13.0")
    first = machine("bin/python3.13", "3.13.0")
    environ = {"PATH": str(tmp_path / "bin")}
    assert Finder(environ, str(tmp_path), memory, own=own).find().path == first
    assert Finder({}, str(tmp_path), memory, own=own).find().path == own


def test_request_may_be_a_specifier(tmp_path, memory, machine):
    machine("bin/python3.13", "3.13.0")
    fitting = machine("bin/python3.12", "3.12.1")
    found = finder(tmp_path, memory, "bin")
    assert found.find("<3.13").path == fitting
    assert isinstance(found.find("<3.13", SpecifierSet(">=3.13")), Unavailable)
    assert found.find(">>3").reason == ">>3 is no specifier of versions"


def test_path_is_taken_as_it_is(tmp_path, memory, machine):
    machine("venv/bin/python", "3.12.1")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    found = finder(tmp_path, memory)
    assert found.find("venv/", cwd=str(tmp_path)).path == str(tmp_path / "venv" / "bin" / "python")
    refused = found.find("./venv/bin/python", SpecifierSet(">=3.13"), cwd=str(tmp_path))
    assert "does not fit >=3.13" in refused.reason


def test_answer_without_a_fit_names_what_is_there(tmp_path, memory, machine):
    machine("bin/python3.12", "3.12.1")
    refused = finder(tmp_path, memory, "bin").find("3.9")
    assert refused.reason == "there is no Python 3.9 on this machine (found: 3.12)"
    refused = finder(tmp_path, memory, "bin").find(None, SpecifierSet(">=3.14"))
    assert refused.reason.startswith("there is no Python >=3.14 on this machine")


def test_relative_entries_of_path_are_not_looked_into(tmp_path, memory, machine, monkeypatch):
    machine("python3.12", "3.12.1")
    monkeypatch.chdir(tmp_path)
    assert Finder({"PATH": ".:"}, str(tmp_path), memory).candidates() == []


def test_own_python_is_among_those_of_the_machine():
    base = os.path.realpath(sys.executable)
    found = Finder({"PATH": os.path.dirname(base)}, "/nonexistent").find(VERSION)
    assert found.version == VERSION


def fake_registry(keys, values):
    """A registry with these names of keys below each path, and values of keys, shaped like the module winreg."""

    def open_key(_root, path):
        if path not in keys:
            raise FileNotFoundError(path)
        return nullcontext(path)

    def query_value(path, name):
        if (path, name) not in values:
            raise FileNotFoundError(name)
        return (values[path, name], 1)

    return SimpleNamespace(
        OpenKey=open_key,
        QueryInfoKey=lambda path: (len(keys[path]), 0, 0),
        EnumKey=lambda path, number: keys[path][number],
        QueryValueEx=query_value,
    )


def test_registry_names_programs_or_folders(tmp_path):
    (tmp_path / "python.exe").write_text("")
    registry = fake_registry(
        {"top": ["PythonCore"], "one": [], "two": []},
        {("one", "ExecutablePath"): str(tmp_path / "python.exe"), ("two", ""): str(tmp_path)},
    )
    assert registry_keys(registry, None, "top") == ["PythonCore"]
    assert registry_keys(registry, None, "missing") == []
    for path in ("one", "two"):
        assert registry_program(registry, None, path) == str(tmp_path / "python.exe")
    assert registry_program(registry, None, "missing") == ""


def test_full_version_is_split_into_numbers():
    assert find.numbers("3.15.0a2") == (3, 15, 0)
    assert find.numbers("3.12.11") == (3, 12, 11)
