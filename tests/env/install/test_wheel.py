"""What is written for a wheel, held against pip, the installer library and the interpreters themselves."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import subprocess
import sys

import pytest
from installer.scripts import Script

from pkm_env.cache.manifest import EntryPoint
from pkm_env.install.apply import verify
from pkm_env.install.launcher import NoLauncher, launcher
from pkm_env.install.wheel import DIGESTS, Refused, digest_of, first_line, is_python, rewritten, script_body
from tests.env.python.test_probe import REAL
from tests.support.environments import installed, site, sync, unpacked, wanted
from tests.support.wheels import make_wheel

CODE = "import sys\ndef main():\n    print('ran', *sys.argv[1:])\n    return 3\nclass C:\n    m = staticmethod(main)\n"


def pip(place, *arguments):
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        place / "bin" / "python",
        "--disable-pip-version-check",
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def full(cache, **how):
    """Return a wheel with one of everything."""
    return unpacked(
        cache,
        "Spam.Eggs",
        "1.0",
        files={"spam/__init__.py": CODE, "spam/data/with,comma.txt": "x", "top.py": ""},
        data={
            "scripts/spam-sh": "#!/bin/sh\necho shell\n",
            "scripts/spam-py": "#!python -s\nimport spam, sys\nsys.exit(spam.main())\n",
            "headers/spam.h": "",
            "data/share/man/spam.1": "man",
            "purelib/extra/pure.py": "",
            "platlib/extra/plat.py": "",
        },
        scripts={"spam": "spam:main", "spam-nested": "spam:C.m [fast]"},
        extras={"fast": []},
        gui_scripts={"spam-gui": "spam:main"},
        **how,
    )


@pytest.mark.parametrize("base", REAL)
def test_scripts_run_and_return_what_their_function_does(cache, tmp_path, base):
    sync(tmp_path / "v", full(cache), python=base)
    for name in ("spam", "spam-nested", "spam-gui", "spam-py"):
        done = subprocess.run(
            [tmp_path / "v" / "bin" / name, "a b", "c"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (3, "ran a b c\n", "")


@pytest.mark.parametrize("name", ["with space", "it's", 'quo"te', "deep" * 40, "back\\slash", "dollar$HOME"])
def test_scripts_run_whatever_the_path_of_their_environment(cache, tmp_path, name):
    sync(tmp_path / name / "v", full(cache)) if (tmp_path / name).mkdir() is None else None
    for script in ("spam", "spam-py"):
        program = tmp_path / name / "v" / "bin" / script
        done = subprocess.run([program, "x y"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (3, "ran x y\n")


def test_files_and_record_are_those_of_the_installer_library(cache, tmp_path):
    """The same wheel by both: the same files with the same content, scripts and notes apart."""
    place = tmp_path / "v"
    sync(place, full(cache))
    ours = contents(place)
    recorded = record(place)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", place], check=True)
    code = """
import sys
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
place, archive, site, headers = sys.argv[1:]
schemes = {"purelib": site, "platlib": site, "headers": headers, "scripts": place + "/bin", "data": place}
destination = SchemeDictionaryDestination(schemes, interpreter=place + "/bin/python", script_kind="posix")
with WheelFile.open(archive) as source:
    install(source, destination, {"INSTALLER": b"pkm\\n"})
"""
    archive = next(cache.glob("*.whl"))
    headers = place / "include" / "site" / site(place).parent.name / "Spam.Eggs"
    subprocess.run([sys.executable, "-c", code, place, archive, site(place), headers], check=True)
    theirs = contents(place)
    generated = {"bin/spam", "bin/spam-gui", "bin/spam-nested", "bin/spam-py"}
    # The library joins the option to the interpreter; the kernel would take both for one word.
    for path in generated:
        assert ours.pop(path)
        assert theirs.pop(path)
    name = next(path for path in ours if path.endswith("RECORD"))
    ours.pop(name)
    theirs.pop(name)
    assert ours == theirs
    expected = {row[0].replace(str(place), "../../..").removeprefix("./") for row in record(place)}
    assert {row[0] for row in recorded} == expected


def contents(place):
    own = ("bin/activate", "bin/Activate", "bin/python", ".pkm", "pyvenv.cfg", ".gitignore", "bin/deactivate")
    return {
        relative: path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and not (relative := path.relative_to(place).as_posix()).startswith(own)
        if not relative.startswith("lib64/")
    }


def record(place):
    path = next(site(place).glob("*.dist-info")) / "RECORD"
    return list(csv.reader(path.read_text().splitlines()))


def test_record_names_each_file_once_with_its_hash(cache, tmp_path):
    place = tmp_path / "v"
    sync(place, full(cache))
    paths = [row[0] for row in record(place)]
    assert len(paths) == len(set(paths))
    assert {os.path.normpath(site(place) / path) for path in paths} == {
        str(place / path) for path in contents(place)
    }
    assert [row for row in record(place) if not row[1]] == [["spam_eggs-1.0.dist-info/RECORD", "", ""]]
    assert verify(str(place)) == []


def test_pip_agrees_and_can_remove_all_of_it(cache, tmp_path):
    place = tmp_path / "v"
    sync(place)
    before = contents(place)
    sync(place, full(cache))
    assert pip(place, "check").returncode == 0
    assert json.loads(pip(place, "list", "--format", "json").stdout) == [
        {"name": "Spam.Eggs", "version": "1.0"}
    ]
    inspected = json.loads(pip(place, "inspect").stdout)["installed"][0]
    assert inspected["installer"] == "pkm"
    done = pip(place, "uninstall", "-y", "spam.eggs")
    assert done.returncode == 0, done.stderr
    assert contents(place) == before
    sync(place, unpacked(cache, "ham", "1.0"))
    assert (site(place) / "ham.py").exists()


def test_what_pip_installed_is_removed_whole(tmp_path):
    place = tmp_path / "v"
    sync(place)
    before = contents(place)
    archive = make_wheel(tmp_path, "spam", "1.0", scripts={"spam": "spam:main"}, data={"data/share/x": ""})
    assert pip(place, "install", "--no-index", "--no-deps", archive).returncode == 0
    assert contents(place) != before
    sync(place)
    assert contents(place) == before
    assert os.listdir(site(place)) == []


def test_notes_say_who_installed_and_why(cache, tmp_path):
    wheel = unpacked(cache, "spam", "1.0")
    direct = {"url": "file:///spam", "dir_info": {"editable": True}}
    sync(tmp_path / "v", wheel, packages=wanted(wheel, requested=True, direct_url=direct))
    info = site(tmp_path / "v") / "spam-1.0.dist-info"
    assert (info / "INSTALLER").read_text() == "pkm\n"
    assert (info / "REQUESTED").read_bytes() == b""
    assert json.loads((info / "direct_url.json").read_text()) == direct
    inspected = json.loads(pip(tmp_path / "v", "inspect").stdout)["installed"][0]
    assert inspected["requested"]
    assert inspected["direct_url"] == direct


def test_same_wheel_gives_the_same_record_each_time(cache, tmp_path):
    wheel = full(cache)
    texts = []
    for name in ("v", "w"):
        sync(tmp_path / name, wheel)
        rows = [row for row in record(tmp_path / name) if not row[0].startswith("../../../bin/spam")]
        texts.append(rows)
    assert texts[0] == texts[1]


def test_platform_wheel_goes_where_platform_wheels_go(cache, tmp_path):
    sync(tmp_path / "v", unpacked(cache, "spam", "1.0", root_is_purelib=False))
    assert (site(tmp_path / "v") / "spam.py").exists()


def test_data_for_lib64_goes_to_lib_and_the_link_stays(cache, tmp_path):
    sync(tmp_path / "v")
    wheel = unpacked(cache, "spam", "1.0", data={"data/lib64/spam/x.so": "x", "data/share/a/b/c.txt": ""})
    sync(tmp_path / "v", wheel)
    assert (tmp_path / "v" / "lib64").is_symlink()
    assert (tmp_path / "v" / "lib" / "spam" / "x.so").exists()
    assert verify(str(tmp_path / "v")) == []
    sync(tmp_path / "v")
    assert sorted(os.listdir(tmp_path / "v" / "lib")) == [site(tmp_path / "v").parent.name]


@pytest.mark.parametrize("path", ["scripts/pyvenv.cfg", "data/bin/pyvenv.cfg", "data/pyvenv.cfg"])
def test_second_configuration_of_the_environment_is_refused(cache, tmp_path, path):
    """``site`` believes the one beside the interpreter, which can open the base's packages to the environment."""
    wheel = unpacked(cache, "evil", "1.0", data={path: "include-system-site-packages = true\n"})
    with pytest.raises(Refused) as caught:
        sync(tmp_path / "v", wheel)
    assert caught.value.name == "evil"
    assert caught.value.path.endswith("pyvenv.cfg")
    assert not (tmp_path / "v").exists()


CLAIM = "Metadata-Version: 2.1\nName: victim\nVersion: 9.0\n"
PACKAGES = f"data/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


@pytest.mark.parametrize(
    ("files", "data"),
    [
        ({}, {"purelib/victim-9.0.dist-info/METADATA": CLAIM}),
        ({}, {"platlib/victim-9.0.dist-info/METADATA": CLAIM}),
        ({}, {f"{PACKAGES}/victim-9.0.dist-info/METADATA": CLAIM}),
        ({}, {"purelib/evil-1.0.dist-info/direct_url.json": "{}"}),
        ({}, {f"{PACKAGES}/victim.egg-info": CLAIM}),
        ({}, {"purelib/evil.egg-info/PKG-INFO": CLAIM}),
        ({"victim.egg-info/PKG-INFO": CLAIM}, {}),
        ({"victim-9.0-py3.10.egg-info": CLAIM}, {}),
        ({"evil.egg-info/PKG-INFO": CLAIM}, {}),
        ({"victim.egg-info/top_level.txt": ""}, {}),
        ({"victim-9.0.egg/EGG-INFO/PKG-INFO": CLAIM}, {}),
        ({"victim.egg-link": "/elsewhere"}, {}),
    ],
)
def test_what_would_count_as_another_package_is_refused(cache, tmp_path, files, data):
    wheel = unpacked(cache, "evil", "1.0", files={"evil.py": "", **files}, data=data)
    with pytest.raises(Refused, match="another installed package") as caught:
        sync(tmp_path / "v", wheel)
    assert caught.value.path.startswith("lib/")
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize(
    "how",
    [
        {"files": {"spam_eggs.egg-info/PKG-INFO": "Name: Spam.Eggs\nVersion: 1.0\n", "spam.py": ""}},
        {"files": {"Spam.Eggs-1.0-py3.10.egg-info": "", "spam.py": ""}},
        {"data": {"purelib/spam_eggs.egg-info/PKG-INFO": ""}},
        {"data": {f"{PACKAGES}/spam_eggs.egg-info/PKG-INFO": ""}},
    ],
)
def test_egg_info_of_the_wheel_itself_is_a_part_of_it(cache, tmp_path, how):
    place = tmp_path / "v"
    sync(place)
    before = contents(place)
    wheel = unpacked(cache, "Spam.Eggs", "1.0", **how)
    assert sync(place, wheel).installed == ("spam-eggs",)
    assert any("egg-info" in path for path in contents(place))
    assert [(one.name, one.kind) for one in installed(place)] == [("spam-eggs", "dist-info")]
    assert sync(place, wheel).installed == ()
    sync(place)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("how", "path", "word"),
    [
        ({"data": {"purelib/a.py": "1", "platlib/a.py": "2"}}, "/a.py", "two places"),
        ({"data": {f"{PACKAGES}/spam.py": "2"}}, "/spam.py", "two places"),
        ({"data": {"data/bin/run": ""}, "scripts": {"run": "spam:main"}}, "bin/run", "two places"),
        ({"data": {"data/bin": ""}}, "bin", "folder"),
        ({"data": {"data/lib": ""}}, "lib", "folder"),
        ({"files": {"a/b.py": ""}, "data": {f"{PACKAGES}/a": ""}}, "/a", "folder"),
    ],
)
def test_files_of_one_wheel_in_one_place_are_refused(cache, tmp_path, how, path, word):
    wheel = unpacked(cache, "spam", "1.0", **how)
    with pytest.raises(Refused, match=word) as caught:
        sync(tmp_path / "v", wheel)
    assert caught.value.name == "spam"
    assert caught.value.path.endswith(path)
    assert not (tmp_path / "v").exists()


def test_script_of_the_wheel_gives_way_to_its_entry_point(cache, tmp_path):
    wheel = unpacked(
        cache,
        "spam",
        "1.0",
        files={"spam.py": CODE},
        scripts={"spam": "spam:main"},
        data={"scripts/spam": "#!/bin/false\n"},
    )
    sync(tmp_path / "v", wheel)
    done = subprocess.run([tmp_path / "v" / "bin" / "spam"], capture_output=True, text=True, check=False)
    assert done.stdout == "ran\n"
    assert verify(str(tmp_path / "v")) == []


def test_scripts_load_neither_re_nor_metadata(cache, tmp_path):
    """They are what makes a start slow: 23 instead of 15 ms."""
    code = "import sys\ndef main():\n    print(*sorted(sys.modules))\n"
    sync(
        tmp_path / "v", unpacked(cache, "spam", "1.0", files={"spam.py": code}, scripts={"spam": "spam:main"})
    )
    done = subprocess.run([tmp_path / "v" / "bin" / "spam"], capture_output=True, text=True, check=True)
    assert not {"re", "importlib.metadata", "typing"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.12", "python3.13t", "pythonw.exe", "pypy3.10", "python.exe"]
)
def test_names_of_the_interpreter(name):
    assert is_python(name)


@pytest.mark.parametrize(
    "name", ["python-config", "ipython", "python3-spam", "py.test", "pytest", "pypyt", "bpython"]
)
def test_names_that_only_resemble_it(name):
    assert not is_python(name)


def test_first_line_is_direct_where_the_kernel_can_read_it():
    assert first_line("/v/bin/python") == b"#!/v/bin/python\n"
    assert first_line("/a b/bin/python").startswith(b"#!/bin/sh\n")
    assert first_line("/" + "a" * 123) == b"#!/" + b"a" * 123 + b"\n"
    assert first_line("/" + "a" * 124).startswith(b"#!/bin/sh\n")


@pytest.mark.parametrize("python", ["/v/bin/python", "/a b/bin/python", "/it's a/python"])
def test_first_lines_are_those_of_the_installer_library(python):
    _, theirs = Script("x", "m", "f", "console").generate(python, "posix")
    lines = first_line(python).splitlines(keepends=True)
    if len(lines) == 1:
        assert theirs.startswith(lines[0])
    else:
        assert lines[0] + lines[1].replace(b"'\\''", b"'\"'\"'") + lines[2] == b"".join(
            theirs.splitlines(keepends=True)[:3]
        )


@pytest.mark.parametrize("kind", ["console", "gui"])
@pytest.mark.parametrize(
    ("platform", "theirs"),
    [("windows-x86_64", "win-amd64"), ("windows-arm64", "win-arm64"), ("windows-x86", "win-ia32")],
)
def test_launchers_of_windows_are_those_of_the_installer_library(kind, platform, theirs):
    import io
    import zipfile

    body = script_body(EntryPoint("spam", "spam", "main"), windows=True)
    ours = launcher(platform, kind, "C:\\v\\Scripts\\python.exe", body)
    _, expected = Script("spam", "spam", "main", kind).generate("C:\\v\\Scripts\\python.exe", theirs)
    start = ours.index(b"#!C:\\v\\Scripts\\python")
    assert ours[:start] == expected[:start]
    with zipfile.ZipFile(io.BytesIO(ours[start:].partition(b"\n")[2])) as archive:
        assert archive.read("__main__.py") == body
    assert launcher(platform, kind, "C:\\v\\Scripts\\python.exe", body) == ours


def test_launcher_quotes_a_path_with_spaces():
    assert b'#!"C:\\a b\\python.exe"\n' in launcher("windows-x86_64", "console", "C:\\a b\\python.exe", b"")


def test_machine_without_a_launcher_is_refused():
    with pytest.raises(NoLauncher):
        launcher("windows-mips", "console", "python.exe", b"")


def test_scripts_of_windows_forget_their_suffix(tmp_path):
    body = script_body(EntryPoint("spam", "spam", "main"), windows=True)
    (tmp_path / "spam.py").write_text("import sys\ndef main(): print(sys.argv[0])\n")
    (tmp_path / "run.exe").write_bytes(body)
    done = subprocess.run(
        [sys.executable, tmp_path / "run.exe"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.strip() == str(tmp_path / "run")


class WindowsSite:
    python = "C:\\v\\Scripts\\python.exe"
    platform = "win32"


def test_script_without_a_console_gets_the_interpreter_without_one(tmp_path):
    (tmp_path / "x").write_bytes(b"#!pythonw\r\nprint()\n")
    assert (
        rewritten(str(tmp_path / "x"), "pythonw", WindowsSite) == b"#!C:\\v\\Scripts\\pythonw.exe\nprint()\n"
    )


def test_the_digests_that_are_known_beforehand_are_those_of_their_contents():
    for content, digest in DIGESTS.items():
        real = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert digest == digest_of(content) == f"sha256={real}"
    assert digest_of(b"other") not in DIGESTS.values()
