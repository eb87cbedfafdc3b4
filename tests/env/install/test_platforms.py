"""An environment of Windows, made and changed where the tests run: the layout and the names are its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pkm_env.install.apply import apply, rollback, verify
from pkm_env.install.conflicts import settle_new
from pkm_env.install.installed import scan
from pkm_env.install.put import Options
from pkm_env.install.wheel import Refused, Site, place
from pkm_env.model.interpreter import Interpreter
from pkm_env.plan import make_plan
from pkm_env.python.making import make_venv
from pkm_env.python.venv import Venv, read_venv
from tests.support.environments import interpreter, unpacked, wanted


@pytest.fixture
def windows(tmp_path):
    """A Python of Windows, as far as an environment needs it: its launchers."""
    base = tmp_path / "Python313"
    launchers = base / "Lib" / "venv" / "scripts" / "nt"
    launchers.mkdir(parents=True)
    for name in ("venvlauncher.exe", "venvwlauncher.exe"):
        (launchers / name).write_bytes(b"MZ")
    (base / "python.exe").write_bytes(b"MZ")
    return Interpreter(
        str(base / "python.exe"),
        "3.13.0",
        "cpython",
        platform="windows-x86_64",
        base=str(base),
        base_executable=str(base / "python.exe"),
        markers={"platform_machine": "AMD64", "platform_python_implementation": "CPython"},
        tags=(),
        paths={
            "purelib": "Lib/site-packages",
            "platlib": "Lib/site-packages",
            "scripts": "Scripts",
            "include": "Include",
            "data": ".",
        },
    )


def sync(place, base, *wheels):
    present = read_venv(str(place), "win32")
    plan = make_plan(scan(present) if isinstance(present, Venv) else [], wanted(*wheels))
    by_name = {wheel.manifest.name: wheel for wheel in wheels}
    return apply(str(place), base, plan, by_name, Options(platform="win32"))


def test_environment_of_windows_has_its_layout_and_launchers(tmp_path, windows):
    wheel = unpacked(
        tmp_path / "cache",
        "spam",
        "1.0",
        scripts={"spam": "spam:main"},
        gui_scripts={"spam-gui": "spam:main"},
    )
    sync(tmp_path / "v", windows, wheel)
    names = set(os.listdir(tmp_path / "v" / "Scripts"))
    assert {"python.exe", "pythonw.exe", "spam.exe", "spam-gui.exe", "activate.bat", "Activate.ps1"} <= names
    assert (tmp_path / "v" / "Lib" / "site-packages" / "spam.py").exists()
    program = (tmp_path / "v" / "Scripts" / "spam-gui.exe").read_bytes()
    assert f"#!{tmp_path / 'v' / 'Scripts' / 'pythonw.exe'}\n".encode() in program
    record = (tmp_path / "v" / "Lib" / "site-packages" / "spam-1.0.dist-info" / "RECORD").read_text()
    assert "\n../../Scripts/spam.exe,sha256=" in record
    assert verify(str(tmp_path / "v"), platform="win32") == []


def test_environment_of_windows_is_changed_and_rolled_back(tmp_path, windows):
    one, two = (
        unpacked(tmp_path / "cache", "spam", version, scripts={"spam": "spam:x"})
        for version in ("1.0", "2.0")
    )
    sync(tmp_path / "v", windows, one)
    sync(tmp_path / "v", windows, two)
    assert [found.version for found in scan(read_venv(str(tmp_path / "v"), "win32"))] == ["2.0"]
    rollback(str(tmp_path / "v"), platform="win32")
    assert [found.version for found in scan(read_venv(str(tmp_path / "v"), "win32"))] == ["1.0"]


@pytest.mark.parametrize("name", ["Python", "PYTHON3", "Activate"])
def test_names_of_the_environment_are_refused_whatever_their_case(tmp_path, windows, name):
    with pytest.raises(Refused):
        sync(tmp_path / "v", windows, unpacked(tmp_path / "cache", "evil", "1.0", scripts={name: "evil:x"}))


@pytest.mark.parametrize(
    "name", ["PyVenv.cfg", "python313._pth", "Python._PTH", "python3.dll", "PYTHON313.DLL"]
)
@pytest.mark.parametrize("scheme", ["scripts", "data/scripts"])
def test_what_python_on_windows_reads_beside_itself_is_refused(tmp_path, windows, scheme, name):
    with pytest.raises(Refused, match="how the interpreter starts"):
        sync(
            tmp_path / "v",
            windows,
            unpacked(tmp_path / "cache", "evil", "1.0", data={f"{scheme}/{name}": "x"}),
        )


@pytest.mark.parametrize(("ignore_case", "count"), [(False, 0), (True, 1)])
def test_files_that_differ_by_case_are_one_where_case_is_ignored(tmp_path, ignore_case, count):
    venv = make_venv(interpreter(), str(tmp_path / "v"))
    site = Site(venv, venv, interpreter().platform)
    ham = unpacked(tmp_path / "cache", "ham", "1.0", files={"shared/Data.txt": "ham"})
    spam = unpacked(tmp_path / "cache", "spam", "1.0", files={"shared/data.txt": "spam"})
    placements = [place(wheel, site) for wheel in (ham, spam)]
    assert len(settle_new(placements, str(tmp_path), ignore_case=ignore_case)) == count
    names = [name for _, target, names in placements[1].links if target.endswith("shared/") for name in names]
    assert names == ([] if ignore_case else ["data.txt"])


def test_applying_loads_nothing_that_is_slow_to_load():
    """Each of these takes 5 to 60 ms, and a sync of one package as long as two of them."""
    code = "import sys, pkm_env.install.apply, pkm_env.python.venv, pkm_env.plan; print(*sys.modules)"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"sys = __import__('sys'); sys.path.insert(0, {os.getcwd()!r}); {code}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    slow = {
        "re",
        "enum",
        "typing",
        "dataclasses",
        "pathlib",
        "shutil",
        "tempfile",
        "subprocess",
        "hashlib",
        "json",
        "csv",
        "logging",
        "packaging",
        "zipfile",
        "email",
        "threading",
        "inspect",
        "argparse",
        "filelock",
        "zlib",
        "ctypes",
    }
    assert not slow & {name.partition(".")[0] for name in done.stdout.split()}
