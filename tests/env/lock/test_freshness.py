from __future__ import annotations

import pytest

from pkm_build.project import read_project
from pkm_build.tables import Table
from pkm_env.lock.freshness import inputs_digest
from pkm_env.model.declaration import read_declaration


def digest(groups=None, env="test", **data):
    """The digest of one environment of a project given as parsed TOML."""
    base = {
        "project": {
            "name": "shop",
            "version": "1",
            "dependencies": ["a>=1", "b"],
            "requires-python": ">=3.10",
        },
        "dependency-groups": {"test": ["pytest"]},
        "tool": {"pkm": {"env": {"test": {"groups": ["test"]}}}},
    }
    base.update(data)
    faults = []
    project = read_project(base, faults)
    declaration = read_declaration(Table(base, (), faults), project)
    assert faults == []
    return inputs_digest(project, declaration.environment(env), declaration, groups or {"test": ["pytest"]})


def project_table(**changes):
    return {
        "name": "shop",
        "version": "1",
        "dependencies": ["a>=1", "b"],
        "requires-python": ">=3.10",
        **changes,
    }


SAME = {
    "the order of requirements": {"project": project_table(dependencies=["b", "a>=1"])},
    "their spacing": {"project": project_table(dependencies=["a >= 1", "b"])},
    "the version of the project": {"project": project_table(version="2")},
    "what the build backend reads": {
        "tool": {"pkm": {"env": {"test": {"groups": ["test"]}}, "build": {"packages": ["x"]}}}
    },
}
OTHER = {
    "a requirement": {"project": project_table(dependencies=["a>=2", "b"])},
    "requires-python": {"project": project_table(**{"requires-python": ">=3.11"})},
    "a rule of resolution": {
        "tool": {"pkm": {"resolution": "lowest", "env": {"test": {"groups": ["test"]}}}}
    },
    "the name of an index": {
        "tool": {
            "pkm": {
                "env": {"test": {"groups": ["test"]}},
                "index": [{"name": "own", "url": "https://x.example"}],
            }
        }
    },
    "an override": {"tool": {"pkm": {"env": {"test": {"groups": ["test"]}}, "overrides": {"a": "==1"}}}},
    "another environment": {"tool": {"pkm": {"env": {"test": {"groups": ["test"]}, "docs": {}}}}},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_a_section_stays_fresh_whatever_happens_to(changes):
    assert digest(**changes) == digest()


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_a_section_is_stale_after_a_change_of(changes):
    assert digest(**changes) != digest()


def test_a_requirement_of_a_used_group_counts():
    assert digest(groups={"test": ["pytest>=8"]}) != digest()
