from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import packaging
import pytest

from pkm_env.model.distribution import Unavailable
from pkm_env.model.interpreter import Interpreter
from pkm_env.python.probe import MARK, interpreter_of, parse_musl, platform_of, probe
from pkm_env.python.tags import linux_platforms, tags_of

PYENV = Path.home() / ".pyenv" / "versions"
# The newest ones and PyPy, where the machine has them as programs of their own.
ON_PATH = [shutil.which(name) or "" for name in ("python3.14", "python3.14t", "python3.15", "pypy3")]
REAL = sorted(
    {os.path.realpath(sys.executable)}
    | {path for path in ON_PATH if path and "shims" not in path}
    | {str(path) for path in PYENV.glob("3.*/bin/python") if path.parts[-3].split(".")[1] not in {"6", "7"}}
)
JUDGED = [path for path in REAL if "/3.8." not in path]  # packaging needs 3.9
FACTS = {
    "version_info": [3, 12, 1],
    "implementation": "cpython",
    "free_threaded": False,
    "debug": False,
    "ext_suffix": ".cpython-312-x86_64-linux-gnu.so",
    "platform": "linux-x86_64",
    "sys_platform": "linux",
    "bits": 64,
    "glibc": [2, 36],
    "musl": [],
    "host": "x86_64-pc-linux-gnu",
    "mac_version": "",
    "mac_machine": "",
    "base": "/usr",
    "base_executable": "/usr/bin/python3.12",
    "markers": {"python_full_version": "3.12.1"},
    "paths": {},
}


class DictMemory:
    """A memory that counts what it is asked."""

    def __init__(self) -> None:
        self.kept = {}
        self.hits = 0

    def recall(self, kind, key):
        self.hits += (kind, key) in self.kept
        return self.kept.get((kind, key))

    def remember(self, kind, key, value):
        self.kept[kind, key] = value


def facts(**changes):
    return {**FACTS, **changes}


@pytest.mark.parametrize("path", JUDGED)
def test_tags_are_those_that_packaging_computes_inside(path):
    """The judge runs in the interpreter itself, where it knows more than we do."""
    found = probe(path)
    script = "import packaging.tags as t; print('\\n'.join(map(str, t.sys_tags())))"
    environ = {"PYTHONPATH": str(Path(packaging.__file__).parent.parent)}
    done = subprocess.run([path, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert list(found.tags) == list(dict.fromkeys(done.stdout.split()))


@pytest.mark.parametrize("path", JUDGED)
def test_markers_are_those_that_packaging_computes_inside(path):
    found = probe(path)
    script = "import json, packaging.markers as m; print(json.dumps(m.default_environment()))"
    environ = {"PYTHONPATH": str(Path(packaging.__file__).parent.parent)}
    done = subprocess.run([path, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert found.markers == __import__("json").loads(done.stdout)


@pytest.mark.parametrize("path", REAL)
def test_paths_are_those_of_a_virtual_environment(path):
    found = probe(path)
    folder = "pypy" if found.implementation == "pypy" else "python"
    assert found.paths["purelib"] == f"lib/{folder}{found.minor}/site-packages"
    assert found.paths["scripts"] == "bin"
    assert os.path.samefile(found.base_executable, path)


def test_interpreter_of_an_environment_knows_its_base(tmp_path):
    for base in REAL:
        subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "v", "--clear"], check=True)
        found = probe(str(tmp_path / "v" / "bin" / "python"))
        assert found.base == probe(base).base
        assert os.path.samefile(found.base_executable, base)
        assert not found.base_executable.startswith(str(tmp_path))


def test_pth_files_of_an_environment_do_not_run(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    site = next((tmp_path / "v" / "lib").glob("python*")) / "site-packages"
    (site / "evil.pth").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    assert isinstance(probe(str(tmp_path / "v" / "bin" / "python")), Interpreter)
    assert not (tmp_path / "ran").exists()


def test_answer_is_remembered_until_the_file_changes(tmp_path):
    memory = DictMemory()
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    first = probe(str(program), memory)
    again = probe(str(program), memory)
    assert memory.hits == 1
    assert again.to_plain() == first.to_plain()
    os.utime(program, ns=(1, 1))
    probe(str(program), memory)
    assert memory.hits == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#!/bin/sh\nexit 3\n", "broken"),
        ("#!/bin/sh\necho hello\n", "broken"),
        ("no program", "broken"),
    ],
)
def test_program_that_is_no_python_is_said_to_be_none(tmp_path, text, kind):
    program = tmp_path / "python"
    program.write_text(text)
    program.chmod(0o755)
    found = probe(str(program))
    assert isinstance(found, Unavailable)
    assert found.kind == kind


def test_missing_program_is_said_to_be_missing(tmp_path):
    assert probe(str(tmp_path / "python")).kind == "missing"


def test_old_python_is_refused_by_its_version(tmp_path):
    told = MARK + json.dumps(facts(version_info=[3, 7, 16])) + MARK
    old = tmp_path / "python"
    old.write_text(f"#!{sys.executable}\nprint({told!r})\n")
    old.chmod(0o755)
    found = probe(str(old))
    assert (found.kind, found.reason) == (
        "old",
        f"Python 3.7.16 at {old} is older than 3.8, the oldest that pkm knows",
    )


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "linux-x86_64-glibc2.36"),
        ({"platform": "linux-aarch64"}, "linux-arm64-glibc2.36"),
        ({"glibc": [], "musl": [1, 2]}, "linux-x86_64-musl1.2"),
        ({"sys_platform": "win32", "platform": "win-amd64"}, "windows-x86_64"),
        ({"sys_platform": "win32", "platform": "win-arm64"}, "windows-arm64"),
        ({"sys_platform": "win32", "platform": "win32"}, "windows-x86"),
        ({"sys_platform": "darwin", "mac_version": "14.5", "mac_machine": "arm64"}, "macos-arm64-14"),
        ({"sys_platform": "darwin", "mac_version": "10.15.7", "mac_machine": "x86_64"}, "macos-x86_64-10.15"),
        ({"sys_platform": "freebsd14", "platform": "freebsd-14.0-amd64", "glibc": []}, "freebsd14-x86_64"),
    ],
)
def test_names_of_platforms(changes, name):
    assert platform_of(facts(**changes)) == name


def test_free_threaded_python_takes_its_own_stable_abi_alone():
    tags = tags_of(facts(free_threaded=True, version_info=[3, 13, 0]))
    assert tags[0] == "cp313-cp313t-linux_x86_64"
    assert not any("-abi3-" in tag for tag in tags)
    assert interpreter_of("/x", facts(free_threaded=True)).implementation == "cpython-freethreaded"


def test_debug_python_also_takes_the_usual_abi():
    tags = tags_of(facts(debug=True))
    assert tags.index("cp312-cp312d-linux_x86_64") < tags.index("cp312-cp312-linux_x86_64")


def test_pypy_has_its_own_abi_and_name():
    tags = tags_of(
        facts(implementation="pypy", version_info=[3, 10, 14], ext_suffix=".pypy310-pp73-x86_64-linux-gnu.so")
    )
    assert tags[0] == "pp310-pypy310_pp73-linux_x86_64"
    assert "pp310-none-linux_x86_64" in tags
    assert "pp3-none-any" in tags
    assert not any(tag.startswith("cp") for tag in tags)


def test_tags_of_macos_and_windows():
    mac = tags_of(
        facts(sys_platform="darwin", platform="macosx-11.0-arm64", mac_version="14.5", mac_machine="arm64")
    )
    assert mac[0] == "cp312-cp312-macosx_14_0_arm64"
    assert "cp312-cp312-macosx_11_0_universal2" in mac
    windows = tags_of(facts(sys_platform="win32", platform="win-amd64"))
    assert windows[0] == "cp312-cp312-win_amd64"


def test_musl_tags_go_down_to_the_first_of_the_major_version():
    assert list(linux_platforms("linux_x86_64", 64, (), (1, 2))) == [
        "linux_x86_64",
        "musllinux_1_2_x86_64",
        "musllinux_1_1_x86_64",
        "musllinux_1_0_x86_64",
    ]


def test_python_of_32_bits_on_a_wider_kernel_takes_wheels_of_32_bits():
    found = list(linux_platforms("linux_x86_64", 32, (2, 17), ()))
    assert found[:3] == ["linux_i686", "manylinux_2_17_i686", "manylinux2014_i686"]
    assert list(linux_platforms("linux_aarch64", 32, (), ())) == ["linux_armv8l", "linux_armv7l"]


def test_version_of_musl_is_read_from_its_loader():
    assert parse_musl("musl libc (x86_64)\nVersion 1.2.4_git20230717\nDynamic Program Loader\n") == [1, 2]
    assert parse_musl("something else\n") == []
