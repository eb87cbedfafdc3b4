"""Whatever a pyproject.toml holds, reading it gives a project and faults, never an exception."""

from __future__ import annotations

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pkm_build.dynamic_settings import ALL_KEYS
from pkm_build.errors import Fault, InvalidFile
from pkm_build.extensions import KEYS
from pkm_build.project import PROJECT_KEYS, expand_group, read_project
from pkm_build.settings import BUILD_KEYS, SCHEMES, read_settings

TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "a.b",
            "a:b",
            "../x",
            "/x",
            "a b",
            "a>=1",
            "a[",
            "{",
            "{x}",
            "{{",
            "1.0",
            ">=3",
            "vcs",
            "file",
            "\n",
            "x=y",
            "*",
            "**a",
        ]
    ),
    st.text(max_size=4),
)
SCALARS = st.one_of(
    TEXTS, st.integers(-2, 2), st.booleans(), st.floats(allow_nan=False, allow_infinity=False, width=16)
)
NAMES = st.sampled_from(
    ["name", "email", "file", "text", "content-type", "charset", "source", "path", "provider", "module"]
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NAMES, TEXTS), inner, max_size=3),
    ),
    max_leaves=6,
)


def tables(keys, values=ANY):
    return st.one_of(st.dictionaries(st.sampled_from(sorted(keys)), values, max_size=4), ANY)


EXTENSIONS = st.one_of(st.lists(tables(KEYS), max_size=2), ANY)
BUILD = tables(BUILD_KEYS, st.one_of(ANY, EXTENSIONS, tables(SCHEMES)))
VERSION = tables(ALL_KEYS)
PKM = st.fixed_dictionaries(
    {},
    optional={
        "build": BUILD,
        "version": VERSION,
        "properties": tables(["x", "tag", "a b"]),
        "profiles": tables(["p"], tables(["build", "version", "properties", "z"], st.one_of(BUILD, VERSION))),
    },
)
GROUP = st.lists(
    st.one_of(TEXTS, st.fixed_dictionaries({"include-group": st.sampled_from(["a", "b", "A", "c"])}), ANY),
    max_size=3,
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "build-system": tables(["requires", "build-backend", "backend-path", "x"]),
        "project": tables(PROJECT_KEYS),
        "dependency-groups": st.one_of(
            st.dictionaries(st.sampled_from(["a", "b", "A", "x y"]), GROUP, max_size=3), ANY
        ),
        "tool": st.one_of(
            st.fixed_dictionaries({}, optional={"pkm": st.one_of(PKM, ANY), "dynamic-metadata": ANY}), ANY
        ),
    },
)


@given(FILES, st.sampled_from(["", "p", "q"]))
def test_reading_never_raises_and_every_fault_can_be_shown(data, profile):
    faults: list[Fault] = []
    project = read_project(data, faults)
    read_settings(data, faults, profile)
    for name in project.groups:
        expand_group(project, name)
    text = tomlkit.dumps(data)
    if faults:
        error = InvalidFile("pyproject.toml", text, faults)
        assert len(list(error.lines())) == len(faults)
        assert str(error)
