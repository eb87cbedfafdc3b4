"""A release asks for something else than it was locked with: the sync installs what is locked, and says so."""

from __future__ import annotations

import platform
import sys

import pytest

from tests.support.projects import HEAD, ok, write_project
from tests.support.wheels import metadata_text

MACHINE = platform.machine()
HERE = f"py3-none-manylinux_2_17_{MACHINE}"
linux = pytest.mark.skipif(sys.platform != "linux", reason="the wheels are those of Linux")
TOML = HEAD + 'dependencies = ["pea"]\n'


def differing_wheels(index, *requires: str) -> None:
    """A release whose first wheel asks for nothing, and the one for this machine for *requires*."""
    index.add_wheel("pea", "1.0", tags=HERE, build="2", requires=requires)
    index.add_wheel("pea", "1.0", tags="py3-none-macosx_10_9_universal2", build="1")


@linux
def test_a_wheel_that_asks_for_more_than_was_locked_is_named(pkm, tmp_path, index):
    differing_wheels(index, "eggs>=2", "ham ; python_version < '3'", "spam ; extra == 'more'")
    project = write_project(tmp_path / "p", TOML)
    done = ok(pkm("sync", cwd=project))
    said = f"pea 1.0: its wheel pea-1.0-2-{HERE}.whl needs eggs>=2, and the lock holds no eggs"
    assert [line for line in done.stderr.splitlines() if "needs" in line] == [f"warning: {said}"]
    # It is told when it is installed.
    assert "needs" not in ok(pkm("sync", cwd=project)).stderr


@linux
def test_a_version_that_the_wheel_excludes_is_named(pkm, tmp_path, index):
    differing_wheels(index, "eggs<2")
    project = write_project(tmp_path / "p", TOML.replace('"pea"', '"pea", "eggs"'))
    assert "needs eggs<2, and the lock holds eggs 2.0" in ok(pkm("sync", cwd=project)).stderr


@linux
@pytest.mark.parametrize(
    "override", ["eggs = '*'", "eggs = false", "pea = { eggs = false }", '"pea==1.0" = { eggs = "==2.0" }']
)
def test_what_an_override_asks_for_is_no_difference(pkm, tmp_path, index, override):
    differing_wheels(index, "eggs<2")
    text = TOML.replace('"pea"', '"pea", "eggs"') + f"[tool.pkm.overrides]\n{override}\n"
    assert "needs" not in ok(pkm("sync", cwd=write_project(tmp_path / "p", text))).stderr


@linux
def test_an_override_of_the_command_line_counts_as_long_as_it_holds(pkm, tmp_path, index):
    differing_wheels(index, "eggs<2")
    project = write_project(tmp_path / "p", TOML.replace('"pea"', '"pea", "eggs"'))
    ok(pkm("lock", "--override", "eggs==2.0", cwd=project))
    assert "needs" not in ok(pkm("sync", cwd=project)).stderr


@linux
@pytest.mark.parametrize("requirement", ["eggs~=1", "eggs>=2004d", "eggs>dev", "eggs ; os_name = 'x'"])
def test_what_cannot_be_read_is_no_difference(pkm, tmp_path, index, requirement):
    differing_wheels(index, requirement, "ham>=1")
    project = write_project(tmp_path / "p", TOML.replace('"pea"', '"pea", "eggs"'))
    done = ok(pkm("sync", cwd=project))
    assert [line for line in done.stderr.splitlines() if "needs" in line] == [
        f"warning: pea 1.0: its wheel pea-1.0-2-{HERE}.whl needs ham>=1, and the lock holds no ham"
    ]


def test_a_build_that_asks_for_more_than_the_sdist_told_is_named(pkm, tmp_path, index):
    told = metadata_text("pea", "1.0", metadata_version="2.2")
    index.add_sdist("pea", "1.0", requires=["eggs>=2", "shop"], pkg_info=told)
    done = ok(pkm("sync", cwd=write_project(tmp_path / "p", TOML)))
    said = [line for line in done.stderr.splitlines() if "needs" in line]
    assert said == ["warning: pea 1.0: as it was built here, it needs eggs>=2, and the lock holds no eggs"]


@linux
def test_of_a_lock_of_another_tool_nothing_is_said(pkm, tmp_path, index):
    differing_wheels(index, "eggs>=2")
    project = write_project(tmp_path / "p", TOML)
    ok(pkm("lock", cwd=project))
    ok(pkm("env", "export", "default", "--format", "pylock", "--output", "pylock.other.toml", cwd=project))
    assert "needs" not in ok(pkm("env", "sync", "--from", "pylock.other.toml", cwd=project)).stderr
