"""Explanations of a lock without a solution: the places they tell, and changes that work as they are written."""

from __future__ import annotations

import re

import pytest
import tomlkit

from tests.support.projects import HEAD, ok, write_project
from tests.support.wheels import wheel_bytes

TARGET = '[tool.pkm.env.default]\npython = "==3.12.*"\nplatforms = ["linux-x86_64"]\n'


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
    text = HEAD + 'dependencies = ["spam"]\n[tool.pkm]\nconstraints = ["ham>0", "eggs<2"]\n'
    text += '[tool.pkm.env.other]\nconstraints = [\n  "eggs<1",\n]\n'
    project = write_project(tmp_path / "shop", text)
    told = places(refused(pkm, project, "other"))
    assert told["a constraint keeps eggs to <1: there are 1.0 to 2.0"] == "pyproject.toml:10:3"
    told = places(refused(pkm, project, "default", "-P", "eggs>=2", "-P", "spam>1"))
    assert told["a constraint keeps eggs to <2"] == "pyproject.toml:7:25"
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
    for folder in (root, root / "one"):
        said = refused(pkm, folder)
        assert 'nothing fits the environment "one-default"' in said
        told = places(said)
        assert told["one asks for bacon"] == "one/pyproject.toml:5:17"
        assert [told[line] for line in told if line.startswith("bacon 1.0 has no wheel")] == [
            "pyproject.toml:2:1"
        ]


def test_the_reason_of_a_build_stands_below_its_line(pkm, tmp_path):
    text = HEAD + 'dependencies = ["lib"]\n[tool.pkm.sources]\nlib = { path = "lib" }\n' + TARGET
    lib = '[build-system]\nrequires = ["nowhere"]\nbuild-backend = "nowhere"\n'
    project = write_project(tmp_path / "shop", text, {"lib/pyproject.toml": lib})
    assert refused(pkm, project).split("\n")[4:9] == [
        "  2. lib: nothing fits what is needed to build lib",
        "       1. to build lib asks for nowhere",
        '       2. nowhere: no index has it (asked "default")',
        "       so 1 can't hold.",
        "  so 1 can't hold.",
    ]


def test_what_a_build_asks_for_is_nothing_to_change_but_what_constrains_it_is(pkm, tmp_path, index):
    index.add_sdist("bean", "1.0", backend="in-tree", build_requires=["eggs>=9"])
    index.add_sdist("fig", "1.0", backend="in-tree", build_requires=["eggs>=2", "early"])
    index.add_sdist("pea", "1.0", backend="in-tree", build_requires=["eggs"])
    index.add_wheel("early", "1.0", requires=["eggs<2"])
    index.add_wheel("early", "1.1a1")
    rule = '[tool.pkm]\nbuild-constraints = ["eggs<1"]\n'
    constrained = "eggs>=2.0   instead of 2: 1 package, eggs 2.0\n"
    for name, more, offered in (("bean", "", ""), ("fig", "", ""), ("pea", rule, constrained)):
        text = f'{HEAD}dependencies = ["{name}"]\n{more}'
        said = refused(pkm, write_project(tmp_path / name, text))
        told = said.partition("would work:\n")[2].partition("  so 1 can't")[0]
        assert told.strip() == offered.strip(), said


# What holds for other targets


def test_targets_that_have_another_reason_are_told(pkm, tmp_path, index):
    index.add_wheel("old", "1.0", requires_python="<3.12")
    index.add_wheel("new", "1.0", requires_python=">=3.12")
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["old", "new"]\n')
    said = refused(pkm, project)
    assert "  3. new 1.0 needs Python >=3.12, and this is Python 3.10\n" in said
    assert said.endswith(
        "other targets have other reasons:\n"
        "  python 3.12 on linux-x86_64, and 19 more targets: old 1.0 needs Python <3.12\n"
    )


def test_the_reason_of_a_target_that_is_left_out_speaks_of_no_other_line(pkm, tmp_path, index):
    for version in ("1.0", "2.0"):
        index.add_wheel("web", version, requires=["eggs>=2"])
    text = HEAD + 'dependencies = ["web ; sys_platform == \'win32\'", "eggs<2"]\n'
    said = ok(pkm("lock", cwd=write_project(tmp_path / "shop", text))).stderr
    assert "python 3.11 on windows-x86_64 and 4 more targets: web 1.0 to 2.0 need eggs>=2\n" in said


# Changes that would work


@pytest.fixture
def market(index, tmp_path):
    """An index with what the changes below are about, and a folder that is an index."""
    index.add_wheel("late", "1.0", upload_time="2025-01-01T10:00:00Z")
    index.add_wheel("late", "2.0", upload_time="2026-03-01T10:00:00.5Z")
    index.add_wheel("early", "1.0")
    index.add_wheel("early", "1.1a1")
    index.add_wheel("bad", "1.0", yanked="broken")
    index.add_wheel("takes-bad", "1.0", requires=["bad>0.5"])
    index.add_wheel("native", "1.0", tags="cp312-cp312-manylinux_2_17_x86_64")
    index.add_wheel("fresh", "1.0", requires_python=">=3.13")
    for folder, version in (("one", "1.0"), ("two", "2.0")):
        (tmp_path / folder).mkdir()
        name, content = wheel_bytes("twin", version)
        (tmp_path / folder / name).write_bytes(content)
    return tmp_path


INDEXES = """\
[[tool.pkm.index]]
name = "one"
url = "../one"
format = "flat"
[[tool.pkm.index]]
name = "two"
url = "../two"
format = "flat"
"""
CUT = 'exclude-newer = { default = "2026-02-01", "index:default" = "2026-01-01" }\n'
# What is asked for, the tables behind it, the change that is offered, and the table that it belongs to.
CHANGES = {
    "cut-off": (
        "late>1",
        '[tool.pkm]\nexclude-newer = "2026-02-01"\n',
        'exclude-newer = { default = "2026-02-01", late = "2026-03-02" }',
        "tool.pkm",
    ),
    "cut-off of an environment": (
        "late>1",
        TARGET + CUT,
        'exclude-newer = { default = "2026-02-01", "index:default" = "2026-01-01", late = "2026-03-02" }',
        "tool.pkm.env.default",
    ),
    "pre-releases": (
        "early>1",
        '[tool.pkm]\nprereleases = "never"\n',
        'prereleases = { default = "never", early = "allow" }',
        "tool.pkm",
    ),
    "yanked": ("takes-bad", "", 'constraints = ["bad==1.0"]', "tool.pkm"),
    "no-build": ("bacon", "[tool.pkm]\nno-build = true\n", "no-build = false", "tool.pkm"),
    "no-binary": ("eggs", '[tool.pkm]\nno-binary = ["eggs", "spam"]\n', 'no-binary = ["spam"]', "tool.pkm"),
    "Python": ("fresh", TARGET, 'python = "==3.13.*"', "tool.pkm.env.default"),
    "platforms": (
        "native",
        TARGET.replace('64"]', '64", "macos-arm64"]'),
        'platforms = ["linux-x86_64"]',
        "tool.pkm.env.default",
    ),
    "index": ("twin>1", INDEXES, 'sources.twin = { index = "two" }', "tool.pkm"),
    "override": ("spam>1", '[tool.pkm.overrides]\nspam = "<1"\n', "without overrides.spam", "tool.pkm"),
    "bound of an override": (
        "ham",
        '[tool.pkm]\nconstraints = ["eggs<2"]\n[tool.pkm.overrides]\nham = { eggs = ">=2" }\n',
        "without overrides.ham.eggs",
        "tool.pkm",
    ),
}


def applied(text, change, table):
    """Return a pyproject.toml with a change as it is told, in a table."""
    document = tomlkit.parse(text)
    at = document
    for key in table.split("."):
        at = at.setdefault(key, {})
    if change.startswith("without "):
        *above, last = change.removeprefix("without ").split(".")
        for key in above:
            at = at[key]
        del at[last]
    else:
        for key, value in tomlkit.parse(change).unwrap().items():
            if isinstance(value, dict) and key == "sources":
                at.setdefault(key, {}).update(value)
            else:
                at[key] = value
    return tomlkit.dumps(document)


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_that_would_work_works_as_it_is_written(case, pkm, market):
    asked, tables, change, table = CHANGES[case]
    text = f'{HEAD}dependencies = ["{asked}"]\n{tables}'
    project = write_project(market / "shop", text)
    offered = refused(pkm, project).partition("would work:\n")[2]
    (line,) = [line for line in offered.splitlines() if line.startswith(f"  {change}   ")]
    assert f"in [{table}]: " in line or "instead of " in line
    write_project(project, applied(text, change, table))
    ok(pkm("lock", cwd=project))


@pytest.mark.parametrize(
    ("asked", "given", "change"),
    [
        ("late>1", ["--exclude-newer", "2026-02-01"], ["--exclude-newer", "2026-03-02"]),
        ("early>1", ["--prereleases", "never"], ["--prereleases", "allow"]),
    ],
)
def test_a_change_of_the_command_line_works_as_it_is_written(asked, given, change, pkm, market):
    project = write_project(market / "shop", f'{HEAD}dependencies = ["{asked}"]\n')
    offered = refused(pkm, project, *given).partition("would work:\n")[2]
    assert f"  {' '.join(change)}   " in offered
    ok(pkm("lock", *change, cwd=project))
