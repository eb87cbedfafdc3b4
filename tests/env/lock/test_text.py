from __future__ import annotations

from datetime import time

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

import pytest
from packaging.pylock import Pylock

from pkm_env.lock.compose import compose
from pkm_env.lock.membership import BadLock
from pkm_env.lock.reader import read_lock
from pkm_env.lock.text import render, render_export, string
from pkm_env.model.distribution import Source
from tests.support.locks import LINUX_312, LINUX_313, MACOS_313, entry, result, targets_of


def sample():
    """A lock with shared, conditional and folder entries."""
    default = result(
        "default",
        [
            entry("a", "1", {"default": 0b111}, requires=[("b", "1"), ("c", "2")]),
            entry("b", "1", {"default": 0b011}),
            entry("shop", "", {"default": 0b111}, source=Source("directory", ".", editable=True)),
        ],
        [LINUX_312, LINUX_313, MACOS_313],
        left_out=[("3.12 macos-arm64-14", "a 1 has no file for it")],
    )
    test = result(
        "test",
        [
            entry("a", "1", {"test": 1}),
            entry("b", "2", {"test": 1}),
            entry(
                "g",
                "3",
                {"test": 1},
                source=Source("vcs", "https://git.example/g", vcs="git", revision="v3", commit="0" * 40),
            ),
        ],
        [LINUX_313],
    )
    return compose(None, {}, {"default": default, "test": test}, ["default", "test"], ">=3.10")


def text_of(lock):
    return render(lock, targets_of(lock))


def test_a_lock_reads_back_as_it_was_written():
    lock = sample()
    again = read_lock(tomllib.loads(text_of(lock)), "pylock.toml")
    assert again.to_plain() == lock.to_plain()
    assert text_of(again) == text_of(lock)


def test_the_text_is_valid_by_its_specification():
    pylock = Pylock.from_dict(tomllib.loads(text_of(sample())))
    assert [str(group) for group in pylock.dependency_groups] == ["default", "test"]


def test_every_entry_names_its_environments_by_positive_markers():
    packages = tomllib.loads(text_of(sample()))["packages"]
    assert all("in dependency_groups" in package["marker"] for package in packages)
    assert not any("not in" in package["marker"] for package in packages)


def test_an_entry_that_all_targets_have_is_marked_with_the_group_alone():
    packages = {(p["name"], p.get("version")): p for p in tomllib.loads(text_of(sample()))["packages"]}
    assert packages["shop", None]["marker"] == "'default' in dependency_groups"
    assert packages["a", "1"]["marker"] == "'default' in dependency_groups or 'test' in dependency_groups"


def test_a_condition_tells_targets_apart_and_leaves_those_left_out_alone():
    packages = {(p["name"], p.get("version")): p for p in tomllib.loads(text_of(sample()))["packages"]}
    assert packages["b", "1"]["marker"] == "'default' in dependency_groups and sys_platform == 'linux'"


def test_default_is_declared_as_group_and_as_default_group():
    data = tomllib.loads(text_of(sample()))
    assert data["default-groups"] == ["default"]
    assert data["dependency-groups"] == ["default", "test"]


def test_environments_are_the_union_of_all_targets():
    data = tomllib.loads(text_of(sample()))
    linux = "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython'"
    macos = "sys_platform == 'darwin' and platform_machine == 'arm64' and implementation_name == 'cpython'"
    assert data["environments"] == [
        f"python_version == '3.13' and {macos}",
        f"python_version >= '3.12' and python_version < '3.14' and {linux}",
    ]


@pytest.mark.parametrize(
    "text", ['a"b', "back\\slash", "line\nbreak", "\x00\x1b", "plain", "ümläut", "\u2028"]
)
def test_any_text_survives_as_a_toml_string(text):
    assert tomllib.loads(f"a = {string(text)}")["a"] == text


FILE = {"name": "a-1-py3-none-any.whl", "url": "u", "hashes": {"sha256": "0"}}


def with_section(targets=("3.11 linux-x86_64",), left_out=()):
    table = {"inputs": "", "targets": list(targets), "left-out": list(left_out)}
    return {"tool": {"pkm": {"sections": {"x": table}}}}


BROKEN = [
    ("lock-version", {"lock-version": "2.0"}, "not understood"),
    ("lock-version", {"lock-version": "1"}, "not understood"),
    ("packages", {"packages": {}}, "must be a list"),
    ("packages[0].name", {"packages": [{}]}, "is missing"),
    ("packages[0].marker", {"packages": [{"name": "a", "marker": "nonsense ="}]}, "is no marker"),
    (
        "packages[0].wheels[0].hashes",
        {"packages": [{"name": "a", "wheels": [{"name": "a.whl", "url": "u"}]}]},
        "is missing",
    ),
    (
        "packages[0].wheels[0].name",
        {"packages": [{"name": "a", "wheels": [{"name": "../a.whl", "hashes": {"sha256": "0"}}]}]},
        "no file name",
    ),
    *(
        (f"tool.pkm.sections.x.targets[{at}]", with_section(targets=targets), reason)
        for at, targets, reason in (
            (0, ["3.11"], "is no target"),
            (0, ["x"], "is no target"),
            (1, ["3.11 linux-x86_64", 5], "must be a string"),
            (0, [{}], "must be a string"),
            (0, ["9.9 amiga-68k"], '"amiga-68k" is no platform'),
            (0, ["3.11 jython linux-x86_64"], "is no target"),
            (1, ["3.11 linux-x86_64", "3.11 linux-x86_64-glibc2.28"], "stands for what another"),
            (0, ["3.11.2-5 linux-x86_64", "3.11.0-2 linux-x86_64"], "stands for what another"),
            (1, ["3.11 linux-x86_64", "3.11.3+ linux-x86_64"], "stands for what another"),
        )
    ),
    *(
        (f"tool.pkm.sections.x.left-out{key}", with_section(left_out=[item]), reason)
        for key, item, reason in (
            ("", 5, "must be a list of tables"),
            ("[0].target", {"reason": "x"}, "is missing"),
            ("[0].target", {"target": "x", "reason": "y"}, "is no target"),
            ("[0].reason", {"target": "3.11 linux-x86_64", "reason": 5}, "must be a string"),
        )
    ),
    *(
        (f"packages[0].{key}", {"packages": [{"name": "a", **entry}]}, reason)
        for key, entry, reason in (
            ("wheels[0].upload-time", {"wheels": [{**FILE, "upload-time": 5}]}, "must be a date-time"),
            ("sdist.upload-time", {"sdist": {**FILE, "upload-time": []}}, "must be a date-time"),
            ("wheels[0].upload-time", {"wheels": [{**FILE, "upload-time": {}}]}, "must be a date-time"),
            ("wheels[0].upload-time", {"wheels": [{**FILE, "upload-time": time(12)}]}, "must be a date-time"),
            ("wheels[0].size", {"wheels": [{**FILE, "size": -1}]}, "negative"),
            ("wheels[0].size", {"wheels": [{**FILE, "size": "1"}]}, "must be a whole number"),
            ("sdist.hashes", {"sdist": {**FILE, "hashes": "0"}}, "must be a table"),
            ("sdist.hashes", {"sdist": {**FILE, "hashes": {"sha256": 5}}}, "must hold a digest"),
            ("sdist.hashes", {"sdist": {**FILE, "hashes": {"sha256": "../../0"}}}, "hexadecimal digits"),
            ("index", {"index": 5}, "must be a string"),
        )
    ),
    ("packages[0].name", {"packages": [{"name": "../eggs"}]}, "'../eggs' is no name of a package"),
    ("packages[0].name", {"packages": [{"name": "\x1b[2Jspam"}]}, "'\\x1b[2Jspam' is no name"),
    ("packages[0].version", {"packages": [{"name": "a", "version": "one"}]}, "'one' is no version"),
    (
        "packages[0].dependencies[0].name",
        {"packages": [{"name": "a", "dependencies": [{"name": "b c"}]}]},
        "is no name of a package",
    ),
    (
        "packages[0].dependencies[0].name",
        {"packages": [{"name": "a", "dependencies": [{"version": "1"}]}]},
        "is missing",
    ),
    ("requires-python", {"requires-python": "three"}, '"three" is no version specifier'),
    *(
        (key, {**with_section(), **data}, f'is no key of the format; did you mean "{meant}"?')
        for key, data, meant in (
            ("enviroments", {"enviroments": []}, "environments"),
            ("packages[0].markr", {"packages": [{"name": "a", "markr": ""}]}, "marker"),
            ("packages[0].sdist.hash", {"packages": [{"name": "a", "sdist": {**FILE, "hash": 1}}]}, "hashes"),
            ("packages[0].wheels[0].sise", {"packages": [{"name": "a", "wheels": [{"sise": 1}]}]}, "size"),
            ("packages[0].vcs.commit", {"packages": [{"name": "a", "vcs": {"commit": "1"}}]}, "commit-id"),
            ("packages[0].archive.uri", {"packages": [{"name": "a", "archive": {"uri": "1"}}]}, "url"),
            ("packages[0].directory.pat", {"packages": [{"name": "a", "directory": {"pat": ""}}]}, "path"),
        )
    ),
    ("tool.pkm.sections.x.inputs", {"packages": [], "tool": {"pkm": {"sections": {"x": {}}}}}, "is missing"),
]


@pytest.mark.parametrize(
    ("key", "data", "reason"), BROKEN, ids=[f"{case[0]} {n}" for n, case in enumerate(BROKEN)]
)
def test_a_malformed_lock_is_an_error_with_its_key(key, data, reason):
    with pytest.raises(BadLock) as caught:
        read_lock({"lock-version": "1.0", "packages": [], **data}, "pylock.toml")
    assert caught.value.key == key
    assert reason in f"{caught.value.reason}; {caught.value.hint}"


@pytest.mark.parametrize("data", [{}, {**with_section(), "lock-version": "1.7"}])
def test_in_a_file_of_another_tool_or_a_later_version_a_key_may_be_unknown(data):
    package = {"name": "a", "news": 1, "directory": {"path": ".", "more": 2}}
    data = {"lock-version": "1.0", "later": True, "packages": [package], **data}
    assert [package.name for package in read_lock(data, "pylock.toml").packages] == ["a"]


def test_a_lock_without_packages_is_valid_and_reads_back():
    lock = compose(None, {}, {"default": result("default", [])}, ["default"])
    data = tomllib.loads(text_of(lock))
    Pylock.from_dict(data)
    assert read_lock(data, "pylock.toml").to_plain() == lock.to_plain()
    Pylock.from_dict(tomllib.loads(render_export((), {}, lock)))
