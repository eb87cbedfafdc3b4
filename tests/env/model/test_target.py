"""Targets: their names, markers and tags; which interpreter may install what was solved for one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging import tags as judge

from pkm_env.model.interpreter import Interpreter
from pkm_env.model.target import (
    IMPLIED_PLATFORMS,
    KNOWN_PYTHONS,
    Target,
    UnknownPlatform,
    admits,
    implied_pythons,
    make_target,
    make_targets,
    parse_platform,
    target_from_key,
    target_of_interpreter,
)

PYENV = Path.home() / ".pyenv" / "versions"
INTERPRETERS = [
    python
    for python in sorted(PYENV.glob("3.*/bin/python"))
    if int(python.parts[-3].split(".")[1]) >= 9  # packaging knows no Python before
]
LINUX = make_target("3.12", "linux-x86_64")
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from packaging import markers, tags
print(json.dumps([[str(tag) for tag in tags.sys_tags()], markers.default_environment()]))
"""


def interpreter(version="3.12.4", platform="linux-x86_64-glibc2.36", implementation="cpython"):
    target = make_target(".".join(version.split(".")[:2]), platform, implementation)
    markers = dict(target.markers, python_full_version=version)
    return Interpreter(
        "/python", version, implementation, platform=platform, base="/", base_executable="/python",
        markers=markers, tags=target.tags, paths={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux-x86_64", "linux-x86_64-glibc2.28"),
        ("linux-amd64", "linux-x86_64-glibc2.28"),
        ("linux-aarch64-musl1.2", "linux-arm64-musl1.2"),
        ("linux-arm64-musl", "linux-arm64-musl1.2"),
        ("linux-ppc64le-glibc2.17", "linux-ppc64le-glibc2.17"),
        ("macos-arm64", "macos-arm64-14"),
        ("macos-x86_64", "macos-x86_64-13"),
        ("macos-x86_64-12.3", "macos-x86_64-12.3"),
        ("Windows-AMD64", "windows-x86_64"),
        ("windows-arm64", "windows-arm64"),
    ],
)
def test_a_platform_is_named_in_full(text, expected):
    assert parse_platform(text) == expected
    assert parse_platform(expected) == expected


@pytest.mark.parametrize(
    "text",
    ["", "linux", "bsd-x86_64", "macos-ppc", "windows-x86_64-10", "linux-x86_64-glibc2",
     "linux-x86_64-2.28", "macos-arm64-a", "linux-x86_64-glibc2.28-x", "linux-!"],
)  # fmt: skip
def test_what_names_no_platform_is_refused_with_a_hint(text):
    with pytest.raises(UnknownPlatform) as caught:
        parse_platform(text)
    assert caught.value.platform == text
    assert "linux-x86_64" in caught.value.hint


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        (None, KNOWN_PYTHONS),
        (">=3.11", ("3.11", "3.12", "3.13", "3.14", "3.15")),
        (">=3.9.1,<3.12", ("3.9", "3.10", "3.11")),
        ("==3.10.*", ("3.10",)),
        (">3.12.0,<3.13", ("3.12",)),
        (">=4", ()),
    ],
)
def test_implied_pythons_are_the_minors_that_are_admitted_in_some_patch_release(specifier, expected):
    assert implied_pythons(specifier) == expected


@pytest.mark.parametrize("platform", IMPLIED_PLATFORMS)
@pytest.mark.parametrize("python", KNOWN_PYTHONS)
@pytest.mark.parametrize("implementation", ["cpython", "cpython-freethreaded", "pypy"])
def test_tags_are_those_of_the_judge(python, platform, implementation):
    target = make_target(python, platform, implementation)
    version = tuple(map(int, python.split(".")))
    digits = python.replace(".", "")
    platforms = platforms_by_judge(platform)
    if implementation == "pypy":
        own = judge.generic_tags(f"pp{digits}", [f"pypy{digits}_pp73"], platforms)
        general = "pp3"
    else:
        suffix = "t" if implementation.endswith("threaded") else ""
        own = judge.cpython_tags(version, [f"cp{digits}{suffix}"], platforms)
        general = f"cp{digits}"
    expected = [str(tag) for tag in (*own, *judge.compatible_tags(version, general, platforms))]
    assert list(target.tags) == expected
    assert all(target.takes(tag) for tag in expected)


def platforms_by_judge(platform):
    if platform.startswith("macos"):
        _system, machine, floor = platform.split("-")
        return list(judge.mac_platforms((int(floor), 0), machine))
    if platform.startswith("windows"):
        return ["win_amd64"]
    machine = {"x86_64": "x86_64", "arm64": "aarch64"}[platform.split("-")[1]]
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    found = [f"linux_{machine}"]
    for minor in range(28, 4 if machine == "x86_64" else 16, -1):
        found.append(f"manylinux_2_{minor}_{machine}")
        if minor in legacy:
            found.append(f"{legacy[minor]}_{machine}")
    return found


def test_musl_has_its_own_tags():
    target = make_target("3.12", "linux-x86_64-musl1.2")
    assert target.tags[:4] == (
        "cp312-cp312-linux_x86_64",
        "cp312-cp312-musllinux_1_2_x86_64",
        "cp312-cp312-musllinux_1_1_x86_64",
        "cp312-cp312-musllinux_1_0_x86_64",
    )
    assert not target.takes("cp312-cp312-manylinux_2_17_x86_64")


def test_a_compressed_tag_set_fits_by_any_of_its_tags():
    assert LINUX.takes("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
    assert LINUX.takes("py2.py3-none-any")
    assert not LINUX.takes("py2-none-any")
    assert not LINUX.takes("cp312")


@pytest.mark.skipif(
    sys.platform != "linux" or not INTERPRETERS, reason="asks the interpreters of pyenv on Linux"
)
@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda path: path.parts[-3])
def test_tags_and_markers_are_those_of_a_real_interpreter(python):
    site = Path(judge.__file__).parent.parent
    done = subprocess.run([python, "-I", "-c", SCRIPT, site], capture_output=True, text=True, check=True)
    tags, markers = json.loads(done.stdout)
    libc = next(tag.split("-")[-1].split("_") for tag in tags if "-manylinux_" in tag)
    target = make_target(
        ".".join(markers["python_version"].split(".")),
        f"linux-{libc[3] if libc[3] != 'x86' else 'x86_64'}-glibc{libc[1]}.{libc[2]}",
    )
    assert list(target.tags) == tags
    same = ("implementation_name", "os_name", "platform_machine", "platform_python_implementation",
            "platform_system", "python_version", "sys_platform")  # fmt: skip
    assert {name: target.markers[name] for name in same} == {name: markers[name] for name in same}


def test_a_name_leaves_out_what_is_usual():
    assert LINUX.name == "python 3.12 on linux-x86_64"
    assert make_target("3.12", "linux-x86_64-glibc2.35", "pypy").name == "pypy 3.12 on linux-x86_64-glibc2.35"
    assert LINUX.part((0, 0)).name == "python 3.12.0 on linux-x86_64"
    assert LINUX.part((0, 2)).name == "python 3.12.0 to 3.12.2 on linux-x86_64"
    assert LINUX.part((3, None)).name == "python 3.12.3 and later on linux-x86_64"


@pytest.mark.parametrize(
    "target",
    [
        LINUX,
        LINUX.part((3, None)),
        LINUX.part((0, 2)),
        make_target("3.10", "linux-x86_64", "pypy"),
        make_target("3.13", "macos-arm64", "cpython-freethreaded"),
    ],
    ids=lambda target: target.key,
)
def test_a_key_says_all_of_a_target(target):
    assert target_from_key(target.key) == target


@pytest.mark.parametrize(
    "key", ["", "3.12", "3 linux-x86_64", "3.12 jython linux-x86_64", "3.12.x linux-x86_64"]
)
def test_a_key_that_says_no_target_is_refused(key):
    with pytest.raises(ValueError, match=r"^"):
        target_from_key(key)


def admitted(python, requires_python):
    (target,) = make_targets([python], ["linux-x86_64"], "cpython", requires_python)
    return target.patches


def test_a_target_may_stand_for_the_admitted_patch_releases_alone():
    assert admitted("3.11", ">=3.11.4") == (4, None)
    assert admitted("3.12", ">=3.11.4") == (0, None)
    assert admitted("3.11", "!=3.11.4") == (0, 3)


def test_an_unknown_implementation_is_refused():
    with pytest.raises(ValueError, match="jython"):
        make_target("3.12", "linux-x86_64", "jython")


def test_a_plain_form_gives_the_target_back():
    own = target_of_interpreter(interpreter())
    for target in (LINUX, own, LINUX.part((1, 2))):
        again = Target.from_plain(target.to_plain())
        assert again == target
        assert again.tags == target.tags


# Interpreters


def test_the_target_of_an_interpreter_has_its_tags_and_the_usual_floor_in_its_name():
    found = target_of_interpreter(interpreter())
    assert found.platform == "linux-x86_64-glibc2.28"
    assert found.takes("cp312-cp312-manylinux_2_36_x86_64")
    assert found.markers["python_full_version"] == "3.12.4"
    assert (
        target_of_interpreter(interpreter(platform="linux-x86_64-musl1.1")).platform == "linux-x86_64-musl1.2"
    )
    assert target_of_interpreter(interpreter(platform="windows-x86_64")).platform == "windows-x86_64"


@pytest.mark.parametrize(
    ("target", "probed", "expected"),
    [
        (LINUX, interpreter(), True),
        (LINUX, interpreter(platform="linux-x86_64-glibc2.17"), False),
        (LINUX, interpreter(platform="linux-x86_64-musl1.2"), False),
        (LINUX, interpreter(platform="linux-arm64-glibc2.36"), False),
        (LINUX, interpreter("3.13.0"), False),
        (LINUX, interpreter(implementation="pypy"), False),
        (LINUX.part((0, 3)), interpreter("3.12.4"), False),
        (LINUX.part((4, None)), interpreter("3.12.4"), True),
        (LINUX.part((4, None)), interpreter("3.12.3rc1"), False),
        (make_target("3.12", "macos-arm64-14"), interpreter(platform="macos-arm64-15.1"), True),
        (make_target("3.12", "macos-arm64-14"), interpreter(platform="macos-arm64-13.6"), False),
        (make_target("3.12", "windows-x86_64"), interpreter(platform="windows-x86_64"), True),
    ],
)
def test_an_interpreter_is_admitted_where_all_agrees_and_no_floor_is_above_its_own(target, probed, expected):
    assert admits(target, probed) is expected
