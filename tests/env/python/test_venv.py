from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pkm_env.model.interpreter import Interpreter
from pkm_env.python.making import VenvImpossible, has_lib64, make_venv, put_launchers, python_names
from pkm_env.python.venv import BrokenVenv, Venv, read_settings, read_venv
from tests.env.python.test_probe import REAL
from tests.support.environments import interpreter

EFFECT = """
import json, os, site, sys, sysconfig
print(json.dumps({
    "prefix": sys.prefix, "base": sys.base_prefix, "exec": sys.exec_prefix, "executable": sys.executable,
    "path": sys.path, "sites": site.getsitepackages(), "user": site.ENABLE_USER_SITE,
    "paths": sysconfig.get_paths(), "links": sorted(n for n in os.listdir(os.path.dirname(sys.executable))
        if n.startswith("python")),
    "lib64": os.path.islink(os.path.join(sys.prefix, "lib64")),
    "include": os.path.exists(os.path.join(sys.prefix, "include")),
}))
"""


def effect(path):
    done = subprocess.run([path / "bin" / "python", "-c", EFFECT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("base", REAL)
def test_effect_is_that_of_the_standard_library(tmp_path, base):
    place = tmp_path / "v"
    subprocess.run([base, "-m", "venv", "--without-pip", place], check=True)
    expected = effect(place)
    shutil.rmtree(place)
    make_venv(interpreter(base), str(place))
    found = effect(place)
    # The oldest ones have no name with their minor version; ours is one more.
    assert set(found.pop("links")) >= set(expected.pop("links"))
    assert found == expected


@pytest.mark.parametrize("base", REAL)
def test_environment_that_was_made_is_read_as_whole(tmp_path, base):
    made = make_venv(interpreter(base), str(tmp_path / "v"))
    found = read_venv(str(tmp_path / "v"))
    assert isinstance(found, Venv)
    assert found.ours
    assert found.minor == interpreter(base).minor
    for name in ("path", "python", "purelib", "platlib", "scripts", "include", "data"):
        assert getattr(found, name) == getattr(made, name)


@pytest.mark.parametrize("base", REAL)
def test_environment_of_the_standard_library_is_whole_and_not_ours(tmp_path, base):
    subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    found = read_venv(str(tmp_path / "v"))
    assert isinstance(found, Venv)
    assert not found.ours


def test_environment_works_after_the_move_to_its_final_place(tmp_path):
    make_venv(interpreter(), str(tmp_path / "final"), at=str(tmp_path / "new"))
    (tmp_path / "new").rename(tmp_path / "final")
    assert isinstance(read_venv(str(tmp_path / "final")), Venv)
    assert effect(tmp_path / "final")["prefix"] == str(tmp_path / "final")
    assert str(tmp_path / "new") not in (tmp_path / "final" / "bin" / "activate").read_text()


def test_environment_links_to_the_name_with_the_version(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    target = os.readlink(tmp_path / "v" / "bin" / "python")
    beside = os.path.join(os.path.dirname(interpreter().base_executable), f"python{interpreter().minor}")
    assert target == (beside if os.path.exists(beside) else interpreter().base_executable)


def test_git_ignores_an_environment(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    assert (tmp_path / "v" / ".gitignore").read_text() == "*\n"


def test_copied_interpreter_works_without_a_link(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"), copies=True)
    assert not (tmp_path / "v" / "bin" / "python").is_symlink()
    assert effect(tmp_path / "v")["prefix"] == str(tmp_path / "v")


@pytest.mark.parametrize("name", ["a:b", "a\nb"])
def test_place_that_shells_cannot_name_is_refused(tmp_path, name):
    with pytest.raises(VenvImpossible):
        make_venv(interpreter(), str(tmp_path / name))
    assert os.listdir(tmp_path) == []


def broken(path):
    found = read_venv(str(path))
    assert isinstance(found, BrokenVenv), found
    return found


def test_nothing_is_none(tmp_path):
    assert read_venv(str(tmp_path / "v")) is None


def test_file_and_dangling_link_are_no_environment(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert broken(tmp_path / "file").reason == "is no folder"
    assert broken(tmp_path / "link").reason == "is no folder"


def test_folder_without_a_configuration_is_no_environment(tmp_path):
    (tmp_path / "v").mkdir()
    assert broken(tmp_path / "v").empty
    (tmp_path / "v" / "bin").mkdir()
    assert not broken(tmp_path / "v").empty
    assert broken(tmp_path / "v").reason == "has no pyvenv.cfg"


def fake_base(tmp_path):
    """Return an interpreter whose program can be taken away."""
    program = tmp_path / "base" / "bin" / "python3"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    plain = list(interpreter().to_plain())
    plain[Interpreter.__slots__.index("base_executable")] = str(program)
    return Interpreter.from_plain(tuple(plain))


def test_interpreter_that_is_gone_is_noticed(tmp_path):
    make_venv(fake_base(tmp_path), str(tmp_path / "v"))
    assert isinstance(read_venv(str(tmp_path / "v")), Venv)
    shutil.rmtree(tmp_path / "base")
    found = broken(tmp_path / "v")
    assert found.ours
    assert found.reason == f"is of a Python that is gone ({tmp_path / 'base' / 'bin' / 'python3'})"


def test_moved_environment_is_noticed(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    (tmp_path / "v").rename(tmp_path / "w")
    assert broken(tmp_path / "w").reason == f"was moved here from {tmp_path / 'v'}"


def test_half_deleted_environment_is_noticed(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    shutil.rmtree(tmp_path / "v" / "lib")
    assert broken(tmp_path / "v").reason == "has no site-packages of its own"
    shutil.rmtree(tmp_path / "v" / "bin")
    assert broken(tmp_path / "v").reason == "has no interpreter"


@pytest.mark.parametrize("folder", ["lib", "bin", ".pkm"])
def test_environment_whose_folders_are_the_bases_is_refused(tmp_path, folder):
    """A sync into it would change the interpreter that it was made from."""
    make_venv(interpreter(), str(tmp_path / "v"))
    (tmp_path / "v" / ".pkm").mkdir()
    shutil.move(tmp_path / "v" / folder, tmp_path / "elsewhere")
    (tmp_path / "v" / folder).symlink_to(tmp_path / "elsewhere")
    assert "leads outside" in broken(tmp_path / "v").reason


def test_configuration_without_home_is_no_environment(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    (tmp_path / "v" / "pyvenv.cfg").write_text("version = 3.12.1\n")
    assert "which Python" in broken(tmp_path / "v").reason


def test_settings_are_read_whatever_their_case(tmp_path):
    (tmp_path / "pyvenv.cfg").write_text("Home = /usr/bin\nnonsense\nversion_info = 3.12.1.final.0\n")
    assert read_settings(str(tmp_path / "pyvenv.cfg")) == {
        "home": "/usr/bin",
        "version_info": "3.12.1.final.0",
    }


def other(version, implementation):
    plain = interpreter()
    return Interpreter(
        "/x",
        version,
        implementation,
        platform="windows-x86_64",
        base=plain.base,
        base_executable=plain.base_executable,
        markers=plain.markers,
        tags=(),
        paths={
            "purelib": "Lib/site-packages",
            "platlib": "Lib/site-packages",
            "scripts": "Scripts",
            "data": ".",
        },
    )


def test_copy_that_does_not_start_is_no_interpreter(tmp_path):
    """As that of a program that looks for its library beside itself."""
    program = tmp_path / "base" / "bin" / "python3"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\n[ -e "$(dirname "$0")/../library" ]\n')
    program.chmod(0o755)
    (tmp_path / "base" / "library").write_text("")
    one = Interpreter.from_plain(interpreter().to_plain())
    one.base_executable = str(program)
    make_venv(one, str(tmp_path / "linked"))
    with pytest.raises(VenvImpossible, match="does not start") as caught:
        make_venv(one, str(tmp_path / "copied"), copies=True)
    assert "--copies" in caught.value.hint


def test_names_of_other_interpreters():
    assert {"python3.13t", "python3.13"} <= python_names(other("3.13.0", "cpython-freethreaded"))
    assert {"pypy", "pypy3.10", "python3"} <= python_names(other("3.10.14", "pypy"))


@pytest.mark.parametrize(
    ("version", "platlib", "expected"),
    [
        ("3.14.1", "lib/python3.14/site-packages", True),
        ("3.15.0", "lib/python3.15/site-packages", False),
        ("3.15.0", "lib64/python3.15/site-packages", True),
    ],
)
def test_the_link_for_64_bits_is_that_of_python(version, platlib, expected):
    base = other(version, "cpython")
    base.platform, base.paths["platlib"] = "linux-x86_64", platlib
    base.markers["platform_machine"] = "x86_64"
    assert has_lib64(base, "linux") is expected
    assert not has_lib64(base, "darwin")


@pytest.mark.parametrize(
    ("launcher", "implementation"),
    [
        ("venvlauncher.exe", "cpython"),
        ("python.exe", "cpython"),
        ("venvlaunchert.exe", "cpython-freethreaded"),
    ],
)
def test_windows_gets_the_launchers_of_its_installation(tmp_path, launcher, implementation):
    folder = tmp_path / "Lib" / "venv" / "scripts" / "nt"
    folder.mkdir(parents=True)
    (folder / launcher).write_bytes(b"MZ launcher")
    base = other("3.13.0", implementation)
    base.base = str(tmp_path)
    (tmp_path / "Scripts").mkdir()
    put_launchers(base, str(tmp_path / "Scripts"))
    assert (tmp_path / "Scripts" / "python.exe").read_bytes() == b"MZ launcher"


def test_windows_without_launchers_is_refused(tmp_path):
    base = other("3.13.0", "cpython")
    base.base = base.base_executable = str(tmp_path)
    with pytest.raises(VenvImpossible):
        put_launchers(base, str(tmp_path))


def run_shell(shell, *arguments, **environ):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    plain = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "dumb", **environ}
    done = subprocess.run([shell, *arguments], capture_output=True, text=True, env=plain, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "dash"])
@pytest.mark.parametrize("name", ["plain", 'with space\'s $HOME "q"'])
def test_activation_in_posix_shells_and_back(tmp_path, shell, name):
    place = tmp_path / name
    make_venv(interpreter(), str(place), prompt="it's")
    script = """
PS1="> "; PYTHONHOME=/old; before="$PATH"
. "$1/bin/activate"
echo "$VIRTUAL_ENV"; command -v python; echo "$PS1"; echo "${PYTHONHOME-none}"; echo "$VIRTUAL_ENV_PROMPT"
. "$1/bin/activate"
deactivate
echo "${VIRTUAL_ENV-none}"; echo "$PS1"; echo "$PYTHONHOME"; [ "$PATH" = "$before" ] && echo same
"""
    lines = run_shell(shell, "-c", script, "x", str(place))
    assert lines == [
        str(place),
        str(place / "bin" / "python"),
        "(it's) > ",
        "none",
        "it's",
        "none",
        "> ",
        "/old",
        "same",
    ]


def test_activation_in_bash_survives_strict_mode(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    assert run_shell(
        "bash", "-euc", '. "$1/bin/activate"; deactivate; echo fine', "x", str(tmp_path / "v")
    ) == ["fine"]


def test_activation_in_fish(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v's"))
    script = f"source '{tmp_path}/v\\'s/bin/activate.fish'; echo $VIRTUAL_ENV; deactivate; "
    script += "set -q VIRTUAL_ENV; or echo none"
    assert run_shell("fish", "-c", script) == [str(tmp_path / "v's"), "none"]


def test_activation_in_csh(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    (tmp_path / "try.csh").write_text(
        f"source {tmp_path}/v/bin/activate.csh\necho $VIRTUAL_ENV\nwhich python\ndeactivate\necho $?VIRTUAL_ENV\n"
    )
    shell = "tcsh" if shutil.which("tcsh") else "csh"
    lines = run_shell(shell, "-f", str(tmp_path / "try.csh"))
    assert lines == [str(tmp_path / "v"), str(tmp_path / "v" / "bin" / "python"), "0"]


def test_activation_in_nushell(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"), prompt="it's")
    script = f"""
overlay use "{tmp_path}/v/bin/activate.nu"
print $env.VIRTUAL_ENV
print (which python | get path | first)
print (do $env.PROMPT_COMMAND)
print ($env.PYTHONHOME? | default none)
deactivate
print ($env.VIRTUAL_ENV? | default none)
"""
    lines = run_shell("nu", "--no-config-file", "-c", script, PYTHONHOME="/old")
    assert [line.rstrip() for line in lines] == [
        str(tmp_path / "v"),
        str(tmp_path / "v" / "bin" / "python"),
        "(it's)",
        "none",
        "none",
    ]


def test_each_shell_has_its_script(tmp_path):
    make_venv(interpreter(), str(tmp_path / "v"))
    names = set(os.listdir(tmp_path / "v" / "bin"))
    assert {"activate", "activate.fish", "activate.csh", "activate.nu", "Activate.ps1"} <= names


def test_windows_gets_its_own_scripts_with_its_own_folder():
    from pkm_env.python.activation import activation_scripts

    texts = activation_scripts("C:\\my env", "env", "Scripts", "win32")
    assert 'set "VIRTUAL_ENV=C:\\my env"' in texts["activate.bat"]
    assert "%VIRTUAL_ENV%\\Scripts" in texts["activate.bat"]
    assert "'Scripts'" in texts["Activate.ps1"]
    assert set(texts) >= {"activate.bat", "deactivate.bat", "Activate.ps1", "activate.nu", "activate"}


def test_prompt_is_the_projects_name_for_a_hidden_folder(tmp_path):
    (tmp_path / "shop").mkdir()
    make_venv(interpreter(), str(tmp_path / "shop" / ".venv"))
    assert "VIRTUAL_ENV_PROMPT='shop'" in Path(tmp_path / "shop" / ".venv" / "bin" / "activate").read_text()
