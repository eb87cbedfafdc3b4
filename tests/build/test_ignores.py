"""What git itself says is ignored, in real repositories."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pkm_build.files import Tree
from pkm_build.ignores import read_index, read_varint

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the program git is not here")

LINES = st.sampled_from(
    [
        "*.txt",
        "!a.txt",
        "b",
        "b/",
        "/b",
        "a/b",
        "/a/*",
        "!/a/b",
        "**/c",
        "a/**",
        "*",
        "!*/",
        "[ab]",
        "?",
        "c/a.txt",
        "# x",
        "\\b",
    ]
)
FILES = ["a.txt", "b", "c/a.txt", "c/b/a.txt", "a/b/c", "a/a.txt", "a/c", "d/b/x", "d/c"]


def git(root, *words):
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINES, max_size=4), st.lists(LINES, max_size=2), st.sets(st.sampled_from(FILES), max_size=3))
def test_the_files_are_those_that_git_lists(tmp_path_factory, top, inner, tracked):
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / ".gitignore").write_text("\n".join(top))
    (root / "c" / ".gitignore").write_text("\n".join(inner))
    if tracked:
        git(root, "add", "-f", *tracked)
    listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert sorted(Tree(str(root), ignoring=True).walk("")) == sorted(listed)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_index_is_read_in_all_its_versions(tmp_path, version):
    git(tmp_path, "init", "-q")
    names = sorted(["a", "src/one.py", "src/two.py", "src/" + "x" * 200, "ä.txt"])
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", "-A")
    if version == 3:
        (tmp_path / "later").touch()
        git(tmp_path, "add", "--intent-to-add", "later")
        names.append("later")
    if version == 4:
        git(tmp_path, "update-index", "--index-version", "4")
    path = tmp_path / ".git" / "index"
    assert path.read_bytes()[7] == version
    assert read_index(str(path)) == set(names)


@pytest.mark.parametrize("data", [b"", b"XXXX\0\0\0\2", b"DIRC\0\0\0\x63\0\0\0\0"])
def test_an_index_that_is_not_understood_tracks_nothing(tmp_path, data):
    (tmp_path / "index").write_bytes(data)
    assert read_index(str(tmp_path / "index")) == frozenset()


def test_numbers_of_several_bytes():
    assert [read_varint(data, 0) for data in (b"\x05", b"\x80\x00", b"\x81\x01")] == [
        (5, 1),
        (128, 2),
        (257, 2),
    ]


def test_a_worktree_knows_its_repository(tmp_path):
    main = tmp_path / "main"
    main.mkdir()
    git(main, "init", "-q")
    (main / ".gitignore").write_text("*.bin\n")
    (main / "a.bin").touch()
    git(main, "add", "-f", "a.bin", ".gitignore")
    git(main, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x")
    other = tmp_path / "other"
    git(main, "worktree", "add", "-q", str(other))
    (other / "b.bin").touch()
    assert sorted(Tree(str(other), ignoring=True).walk("")) == [".gitignore", "a.bin"]


def test_mercurials_patterns_hold(tmp_path):
    (tmp_path / ".hgignore").write_text("^private/\n\\.tmp$\nsyntax: glob\n*.log\n")
    for name in ("private/x", "a.tmp", "b.log", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert Tree(str(tmp_path), ignoring=True).walk("") == [".hgignore", "c"]
