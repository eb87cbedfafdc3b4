"""Explanations of a lock without a solution: the places they tell, and changes that work as they are written."""

from __future__ import annotations

import re

from tests.support.projects import HEAD, ok, write_project

TARGET = 'python = "==3.12.*"\nplatforms = ["linux-x86_64"]\n'


def refused(pkm, project, *words):
    """Return what a lock that has no solution says."""
    result = pkm("lock", *words, cwd=project)
    assert result.code == 1, result.stdout + result.stderr
    return result.stderr


def places(said):
    """Return the numbered lines of an explanation, with what stands behind each."""
    numbered = re.findall(r"^ +\d+\. (.+?)(?: {4,}(.+))?$", said, re.MULTILINE)
    return dict(numbered)


# Where things stand


def test_a_bound_tells_where_it_stands(pkm, tmp_path):
    text = HEAD + 'dependencies = ["spam"]\n[tool.pkm]\nconstraints = ["ham", "eggs<2"]\n'
    text += '[tool.pkm.env.other]\nconstraints = [\n  "eggs<1",\n]\n'
    project = write_project(tmp_path / "shop", text)
    told = places(refused(pkm, project, "other"))
    assert told["a constraint keeps eggs to <1"] == "pyproject.toml:10:3"
    told = places(refused(pkm, project, "default", "-P", "eggs>=2", "-P", "spam>1"))
    assert told["a constraint keeps eggs to <2"] == "pyproject.toml:7:23"
    assert told["a constraint keeps spam to >1"] == "the command line"


def test_a_bound_of_an_earlier_command_line_says_so(pkm, tmp_path):
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["eggs"]\n')
    ok(pkm("lock", "--constraint", "eggs<2", cwd=project))
    write_project(project, HEAD + 'dependencies = ["eggs>=2"]\n')
    told = places(refused(pkm, project))
    assert told["a constraint keeps eggs to <2"] == "an earlier command line, kept until --upgrade"


def test_an_override_tells_where_it_stands(pkm, tmp_path):
    text = HEAD + 'dependencies = ["spam", "eggs<2"]\n[tool.pkm.overrides]\nspam = { eggs = ">=2" }\n'
    project = write_project(tmp_path / "shop", text)
    told = places(refused(pkm, project))
    assert told["spam 1.0 to 2.0 (all that 1 admits) need eggs>=2 (by an override)"] == "pyproject.toml:7:10"
    told = places(refused(pkm, project, "--override", "eggs>9"))
    assert told["shop asks for eggs>9 (by an override)"] == "pyproject.toml:5:25 and the command line"


def test_a_rule_of_the_workspace_tells_the_file_of_its_root(pkm, tmp_path):
    root = write_project(
        tmp_path,
        '[tool.pkm]\nno-build = ["bacon"]\n[tool.pkm.workspace]\nmembers = ["one"]\n',
        {"one/pyproject.toml": HEAD.replace("shop", "one") + 'dependencies = ["bacon"]\n'},
    )
    for folder, place in ((root, "pyproject.toml:5:17"), (root / "one", "pyproject.toml:5:17")):
        told = places(refused(pkm, folder))
        assert told["one asks for bacon"] == place
        assert [told[line] for line in told if line.startswith("bacon 1.0 has no wheel")] == [
            "../pyproject.toml:2:1"
        ]
