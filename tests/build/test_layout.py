"""Layouts found without configuration."""

from __future__ import annotations

import pytest

from pkm_build.errors import InvalidFile, NoPackages
from pkm_build.layout import akin

FOUND = {
    "src package": ("spam", ["src/spam/__init__.py"], ["spam/__init__.py"]),
    "flat beside helpers": (
        "spam",
        ["spam/__init__.py", "tests/__init__.py", "docs/conf.py", "scripts/x.py", "setup.py", "conftest.py"],
        ["spam/__init__.py"],
    ),
    "module": ("spam", ["spam.py", "noxfile.py", "tests/test_spam.py"], ["spam.py"]),
    "module in src": ("spam", ["src/spam.py"], ["spam.py"]),
    "src package without init": ("spam", ["src/spam/core.py"], ["spam/core.py"]),
    "namespace by dot": ("ns.spam", ["src/ns/spam/__init__.py"], ["ns/spam/__init__.py"]),
    "namespace by hyphen": ("ns-spam", ["src/ns/spam/__init__.py"], ["ns/spam/__init__.py"]),
    "flat namespace": ("ns-spam", ["ns/spam/__init__.py", "tests/a.py"], ["ns/spam/__init__.py"]),
    "deep flat namespace": ("a.b-c", ["a/b/c/x.py", "tools/x.py"], ["a/b/c/x.py"]),
    "stubs": ("spam-stubs", ["src/spam-stubs/__init__.pyi"], ["spam-stubs/__init__.pyi"]),
    "types stubs": ("types-spam", ["src/spam-stubs/__init__.pyi"], ["spam-stubs/__init__.pyi"]),
    "flat stubs": ("types-spam", ["spam-stubs/__init__.pyi", "tests/a.py"], ["spam-stubs/__init__.pyi"]),
    "package and its stubs": (
        "spam",
        ["spam/__init__.py", "spam-stubs/__init__.pyi"],
        ["spam-stubs/__init__.pyi", "spam/__init__.py"],
    ),
    "module and its stubs": (
        "spam",
        ["spam.py", "spam-stubs/__init__.pyi", "tests/a.py"],
        ["spam-stubs/__init__.pyi", "spam.py"],
    ),
    "two packages in src": (
        "spam",
        ["src/spam/__init__.py", "src/_eggs/__init__.py", "src/one.py"],
        ["_eggs/__init__.py", "one.py", "spam/__init__.py"],
    ),
    "only package has another name": ("PyYAML", ["yaml/__init__.py", "tests/a.py"], ["yaml/__init__.py"]),
    "module beside its tests in src": (
        "spam",
        ["src/spam.py", "src/test_spam.py", "src/_spam_test_help.py"],
        ["spam.py"],
    ),
    "another name in src": ("python-dateutil", ["src/dateutil/__init__.py"], ["dateutil/__init__.py"]),
    "python folder": ("spam", ["python/spam/__init__.py", "src/lib.rs"], ["spam/__init__.py"]),
    "python folder in src": (
        "ns.spam",
        ["src/python/ns/spam/__init__.py", "src/c/x.h"],
        ["ns/spam/__init__.py"],
    ),
    "py folder": ("spam", ["py/spam/__init__.py", "py/tests/__init__.py", "kiwi/x.h"], ["spam/__init__.py"]),
    "package beside its tests in src": (
        "spam",
        ["src/spam/__init__.py", "src/tests/__init__.py", "src/tests/test_spam.py"],
        ["spam/__init__.py"],
    ),
    "only tests in src": ("tests", ["src/tests/__init__.py"], ["tests/__init__.py"]),
    "lib folder with another name": (
        "PyYAML",
        ["lib/yaml/__init__.py", "lib/_yaml/__init__.py", "yaml/_yaml.pyx", "tests/a.py"],
        ["_yaml/__init__.py", "yaml/__init__.py"],
    ),
    "package before a lib folder": (
        "PyYAML",
        ["yaml/__init__.py", "lib/yaml/__init__.py"],
        ["yaml/__init__.py"],
    ),
    "lib folder": ("spam", ["lib/spam/__init__.py"], ["spam/__init__.py"]),
    "capital letters": ("Spam", ["Spam/__init__.py", "eggs/__init__.py"], ["Spam/__init__.py"]),
    "C sources in src": ("spam", ["spam/__init__.py", "src/spam.c"], ["spam/__init__.py"]),
    "akin among several": ("python-spam", ["spam/__init__.py", "eggs/__init__.py"], ["spam/__init__.py"]),
    "namespace of another name": ("spam-tool", ["ns/one/a.py", "tests/t.py"], ["ns/one/a.py"]),
    "module in a flat namespace": ("ns-spam", ["ns/spam.py", "docs/x.py"], ["ns/spam.py"]),
    "module named like nothing": ("spam-tool", ["other.py", "setup.py"], ["other.py"]),
}


@pytest.mark.parametrize(("name", "files", "expected"), FOUND.values(), ids=FOUND)
def test_layout_is_found_without_configuration(sample, name, files, expected):
    wheel = sample(dict.fromkeys(files, ""), name=name).wheel()
    assert wheel.code() == sorted(expected)


@pytest.mark.parametrize(
    "name", ["src package", "flat beside helpers", "module", "namespace by dot", "stubs", "python folder"]
)
def test_the_sdist_of_a_layout_gives_the_same_wheel(sample, unpack, name):
    project, files, _ = FOUND[name]
    made = sample(dict.fromkeys(files, "x = 1\n"), name=project)
    assert unpack(made.sdist()).wheel().raw == made.wheel().raw


REFUSED = {
    "no code": (["README.md"], ["no code was found", "spam.py"]),
    "nothing at all": ([], ["no code was found"]),
    "two candidates": (["one/__init__.py", "two/__init__.py"], ["one", "two"]),
    "two modules": (["one.py", "two.py"], ["one.py", "two.py"]),
    "tasks alone": (["duties.py", "docs/conf.py"], ["docs", "spam.py"]),
    "project folder as a package": (
        ["__init__.py", "main.py", "eggs/__init__.py"],
        ["itself a package", "spam"],
    ),
    "namespace or folder of code": (["code/spam/__init__.py"], ["code.spam", "spam"]),
    "in src and beside": (["src/spam/__init__.py", "spam/__init__.py"], ["src/spam", "spam"]),
}


@pytest.mark.parametrize(("files", "words"), REFUSED.values(), ids=REFUSED)
def test_a_doubtful_layout_is_refused_with_its_candidates(sample, files, words):
    with pytest.raises(NoPackages) as caught:
        sample(dict.fromkeys(files, "")).wheel()
    assert all(word in str(caught.value) for word in words)
    assert "packages" in caught.value.hint


def test_packages_cut_a_leading_src_and_keep_the_rest(sample):
    extra = '[tool.pkm.build]\npackages = ["src/spam", "sphinxcontrib/applehelp", "one.py"]\n'
    files = [
        "src/spam/__init__.py",
        "sphinxcontrib/applehelp/__init__.py",
        "sphinxcontrib/other/__init__.py",
        "one.py",
    ]
    wheel = sample(dict.fromkeys(files, ""), extra).wheel()
    assert wheel.code() == ["one.py", "spam/__init__.py", "sphinxcontrib/applehelp/__init__.py"]


def test_a_package_that_is_not_there_is_refused(sample):
    made = sample({"src/eggs/__init__.py": ""}, '[tool.pkm.build]\npackages = ["src/spam"]\n')
    with pytest.raises(InvalidFile, match=r'packages\[0\]: "src/spam" is not there; there is "src/eggs"'):
        made.wheel()


def test_empty_packages_ask_for_a_wheel_without_code(sample):
    wheel = sample({}, "[tool.pkm.build]\npackages = []\n").wheel()
    assert wheel.code() == []


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("yaml", "pyyaml", True),
        ("dateutil", "python-dateutil", True),
        ("magic", "magic-python", True),
        ("a", "b", False),
    ],
)
def test_akin_sees_past_an_added_python(module, name, expected):
    assert akin(module, name) is expected
