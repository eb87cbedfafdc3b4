from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.build.key import build_key, tree_digest, tree_paths
from tests.support.projects import write_project

if TYPE_CHECKING:
    from pathlib import Path

BASE: dict[str, Any] = {"source": "sha256:aa", "python": "cp312-cp312-linux_x86_64"}


@pytest.mark.parametrize(
    "change",
    [
        {"source": "sha256:ab"},
        {"python": "cp313-cp313-linux_x86_64"},
        {"subdirectory": "a"},
        {"settings": {"a": "1"}},
        {"settings": {"a": ["1"], "b": "2"}},
        {"requires": ["setuptools<70"]},
        {"editable": True},
    ],
)
def test_everything_that_the_build_is_told_changes_the_key(change: dict[str, Any]) -> None:
    assert build_key(**{**BASE, **change}) != build_key(**BASE)


def test_order_of_settings_and_requirements_does_not_count() -> None:
    one = build_key(**BASE, settings={"a": "1", "b": "2"}, requires=["x", "y"])
    assert build_key(**BASE, settings={"b": "2", "a": "1"}, requires=["y", "x"]) == one


_TOLD = st.tuples(st.text(max_size=3), st.lists(st.text(max_size=3), max_size=3))


@given(_TOLD, _TOLD)
def test_different_tellings_have_different_keys(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    keys = [build_key(**BASE, subdirectory=folder, requires=requires) for folder, requires in (one, other)]
    alike = (one[0], sorted(one[1])) == (other[0], sorted(other[1]))
    assert (keys[0] == keys[1]) is alike


FILES = {"a.py": "a = 1\n", "b/c.py": "", "b/.hidden": "x"}


def test_fresh_copy_has_the_same_digest(tmp_path: Path) -> None:
    digests = {tree_digest(str(write_project(tmp_path / side, "", FILES))) for side in "ab"}
    assert len(digests) == 1
    assert digests.pop().startswith("tree:")


def _edit(root: Path) -> None:
    (root / "a.py").write_text("a = 2\n")


def _add(root: Path) -> None:
    (root / "b" / "new").touch()


def _rename(root: Path) -> None:
    (root / "a.py").rename(root / "z.py")


def _permit(root: Path) -> None:
    (root / "a.py").chmod(0o755)


def _link(root: Path) -> None:
    (root / "a.py").unlink()
    (root / "a.py").symlink_to("b/c.py")


@pytest.mark.parametrize("change", [_edit, _add, _rename, _permit, _link])
def test_each_change_of_the_content_changes_the_digest(tmp_path: Path, change: Any) -> None:
    root = write_project(tmp_path / "tree", "", FILES)
    before = tree_digest(str(root))
    change(root)
    assert tree_digest(str(root)) != before


@pytest.mark.parametrize("path", [".git/index", "b/__pycache__/c.pyc", ".venv/x", ".pkm/logs/y", "b/c.pyc"])
def test_history_environments_and_bytecode_do_not_count(tmp_path: Path, path: str) -> None:
    root = write_project(tmp_path / "tree", "", FILES)
    before = tree_digest(str(root))
    write_project(root, "", {path: "x"})
    os.utime(root / "a.py", (1, 1))
    assert tree_digest(str(root)) == before


def test_what_a_digest_looks_at_is_named(tmp_path: Path) -> None:
    for name in ("a.py", "pkg/b.py", ".git/config", "pkg/__pycache__/b.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = [os.path.relpath(path, tmp_path) for path in tree_paths(str(tmp_path))]
    assert found == [".", "a.py", "pkg", os.path.join("pkg", "b.py")]
