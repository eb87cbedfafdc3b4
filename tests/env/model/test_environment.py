from __future__ import annotations

import pytest

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

from pkm_build.project import read_project
from pkm_build.tables import Table
from pkm_env.model.declaration import read_declaration

PROJECT = {
    "build-system": {"requires": ["pkm"], "build-backend": "pkm_build"},
    "project": {"name": "shop", "version": "1", "optional-dependencies": {"pg": ["psycopg"]}},
    "dependency-groups": {"test": ["pytest"], "dev": ["ruff"]},
}


def declare(tool=None, **changes):
    """The declaration of a small project, and its faults as (key, message, hint)."""
    data = {**PROJECT, **changes}
    if tool is not None:
        data["tool"] = {"pkm": tool}
    faults = []
    project = read_project(data, faults)
    declaration = read_declaration(Table(data, (), faults), project)
    return declaration, [(".".join(map(str, fault.key)), fault.message, fault.hint) for fault in faults]


def test_default_exists_without_being_written():
    declaration, faults = declare()
    assert [environment.name for environment in declaration.environments] == ["default"]
    assert faults == []


def test_default_holds_the_group_dev_unless_its_table_says_groups():
    implied, _ = declare()
    written, _ = declare({"env": {"default": {"groups": []}}})
    assert implied.environments[0].groups == ("dev",)
    assert written.environments[0].groups == ()


def test_default_comes_first_and_the_others_as_declared():
    declaration, _ = declare({"env": {"zoo": {}, "default": {}, "alpha": {}}})
    assert [environment.name for environment in declaration.environments] == ["default", "zoo", "alpha"]


def test_the_project_is_editable_where_something_builds_it():
    declaration, _ = declare()
    assert declaration.environments[0].project == "editable"


def test_a_project_that_nothing_builds_gives_its_dependencies_alone():
    data = dict(PROJECT)
    del data["build-system"]
    faults = []
    project = read_project(data, faults)
    declaration = read_declaration(Table(data, (), faults), project)
    assert declaration.environments[0].project == "dependencies"


def test_project_false_leaves_the_project_and_its_dependencies_out():
    declaration, faults = declare({"env": {"docs": {"project": False}}})
    assert declaration.environment("docs").project == "none"
    assert faults == []


FAULTS = [
    ({"env": {"t": {"groups": ["tests"]}}}, "tool.pkm.env.t.groups.0", 'there is no group "tests"', "test"),
    ({"env": {"t": {"extras": ["pgg"]}}}, "tool.pkm.env.t.extras.0", 'there is no extra "pgg"', "pg"),
    ({"env": {"t": {"grups": []}}}, "tool.pkm.env.t.grups", "unknown key", "groups"),
    ({"evn": {}}, "tool.pkm.evn", "unknown key", "env"),
    ({"env": {"build-x": {}}}, "tool.pkm.env.build-x", "kept for locked build requirements", ""),
    ({"env": {"con": {}}}, "tool.pkm.env.con", "device", ""),
    ({"env": {"a b": {}}}, "tool.pkm.env.a b", "is no name", ""),
    ({"env": {"Test": {}, "test": {}}}, "tool.pkm.env.test", "once more", ""),
    ({"env": {"py3": {"12": {"groups": []}}}}, "tool.pkm.env.py3.12", "unknown key", '"py3.12"'),
    ({"env": {"t": {"project": "wheels"}}}, "tool.pkm.env.t.project", "unknown value", "wheel"),
    ({"resolution": "lowst"}, "tool.pkm.resolution", "unknown value", "lowest"),
    ({"exclude-newer": "yesterday"}, "tool.pkm.exclude-newer", "neither a date nor a span", "14 days"),
    ({"exclude-newer": "2025-02-31"}, "tool.pkm.exclude-newer", "neither a date nor a span", "RFC 3339"),
    ({"exclude-newer": {"a": "2024-02-30"}}, "tool.pkm.exclude-newer.a", "neither a date nor a span", ""),
    ({"env": {"t": {"exclude-newer": True}}}, "tool.pkm.env.t.exclude-newer", "neither a date nor", ""),
    ({"sources": {"a": {"gti": "x"}}}, "tool.pkm.sources.a.gti", "unknown key", "git"),
    ({"sources": {"a": {"url": "x", "path": "y"}}}, "tool.pkm.sources.a", "more than one place", ""),
    ({"sources": {"a": {"index": "nope"}}}, "tool.pkm.sources.a.index", 'no index "nope"', ""),
    (
        {"index": [{"name": "a", "url": "u"}, {"name": "a", "url": "v"}]},
        "tool.pkm.index.1.name",
        "two indexes",
        "",
    ),
    ({"index": [{"name": "a"}]}, "tool.pkm.index.0", '"url" is missing', ""),
    ({"overrides": {"a": 3}}, "tool.pkm.overrides.a", "must be what follows a name", ""),
]


@pytest.mark.parametrize(("tool", "key", "message", "hint"), FAULTS, ids=[case[1] for case in FAULTS])
def test_a_fault_names_its_key_and_what_was_meant(tool, key, message, hint):
    _, faults = declare(tool)
    assert any(found == key and message in said and hint in advised for found, said, advised in faults), (
        faults
    )


def test_options_of_the_project_hold_in_every_environment_that_says_nothing():
    declaration, _ = declare({"resolution": "lowest", "env": {"new": {"resolution": "highest"}}})
    assert declaration.environments[0].options.resolution == "lowest"
    assert declaration.environment("new").options.resolution == "highest"


@pytest.mark.parametrize("text", ["14 days", "2 weeks", "2026-01-31", "2026-01-31T10:00:00Z"])
def test_a_cut_off_is_a_date_or_a_span(text):
    declaration, faults = declare({"exclude-newer": text})
    assert declaration.options.exclude_newer == text
    assert faults == []


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("2024-05-01 12:00:00+02:00", "2024-05-01T10:00:00Z"),
        ("2024-05-01T12:00:00", "2024-05-01T12:00:00Z"),
        ("2024-05-01", "2024-05-01"),
        ('"2024-05-01 12:00:00"', "2024-05-01T12:00:00Z"),
    ],
)
def test_a_cut_off_may_be_a_date_or_a_time_of_toml_also_of_a_package_or_an_index(toml, expected):
    tables = f"exclude-newer = {{ default = {toml}, spam = {toml}, 'index:own' = {toml} }}"
    declaration, faults = declare(tomllib.loads(tables))
    assert declaration.options.exclude_newer == dict.fromkeys(("default", "spam", "index:own"), expected)
    assert faults == []


def test_a_time_of_day_alone_is_no_cut_off():
    _, faults = declare(tomllib.loads("exclude-newer = 12:00:00"))
    assert [key for key, _, _ in faults] == ["tool.pkm.exclude-newer"]


def test_cut_offs_may_differ_by_package_and_index():
    declaration, faults = declare(
        {"exclude-newer": {"default": "14 days", "NumPy": False, "index:Own": "2026-01-01"}}
    )
    assert declaration.options.exclude_newer == {
        "default": "14 days",
        "numpy": False,
        "index:Own": "2026-01-01",
    }
    assert faults == []


def test_equal_environments_have_equal_plain_forms_whatever_their_order():
    one, _ = declare({"env": {"t": {"groups": ["test", "dev"], "dependencies": ["a", "b"]}}})
    other, _ = declare({"env": {"t": {"dependencies": ["b", "a"], "groups": ["dev", "test"]}}})
    assert one.environment("t").to_plain() == other.environment("t").to_plain()
