"""The glob dialect, held against the standard library's `glob` on real folders."""

from __future__ import annotations

import glob
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_build import globs
from pkm_build.ignores import Rules

PARTS = st.sampled_from(["a", "b", "ab", "a.txt", "x-y"])
PATTERNS = st.lists(
    st.sampled_from(["*", "**", "a", "?", "a*", "*.txt", "[ab]", "[!a]", "[a-b]*", "*b"]),
    min_size=1,
    max_size=4,
)


@given(st.lists(PARTS, min_size=1, max_size=4), PATTERNS)
def test_patterns_match_as_the_standard_library_does(tmp_path_factory, path, pattern):
    root = tmp_path_factory.mktemp("tree")
    whole = root.joinpath(*path)
    whole.parent.mkdir(parents=True, exist_ok=True)
    whole.touch()
    found = {os.path.relpath(hit, root) for hit in glob.glob(str(root / "/".join(pattern)), recursive=True)}
    exact = os.path.join(*path) in found or os.path.join(*path) + os.sep in found
    if pattern[-1] != "**":
        assert globs.match_parts(pattern, path, above=False) is exact


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("docs", "docs/a/b.md", True),
        ("docs", "docs", True),
        ("docs/", "docs/a", True),
        ("./docs", "docs/a", True),
        ("docs", "docs2/a", False),
        ("docs", "x/docs/a", False),
        ("*.c", "a.c", True),
        ("*.c", "x/a.c", False),
        ("**/*.c", "a.c", True),
        ("**/*.c", "x/y/a.c", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z/below", True),
        ("**/tests", "x/tests/t.py", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[]x]", "]", True),
        ("*a*b*c*", "xxaxxbxxcxx", True),
        ("*a*b*c*", "xxaxxcxx", False),
        ("A", "a", False),
    ],
)
def test_what_a_pattern_means(pattern, path, expected):
    assert globs.matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"), [("a/b/*.h", "a/b"), ("*.h", ""), ("a/b.h", "a"), ("a/*/c/d", "a")]
)
def test_the_fixed_folder_ends_before_the_first_wildcard(pattern, expected):
    assert globs.fixed_folder(pattern) == expected


@pytest.mark.parametrize(
    ("text", "path", "folder", "expected"),
    [
        ("*.log", "a/b.log", False, True),
        ("build/", "x/build", True, True),
        ("build/", "x/build", False, None),
        ("/build", "build", True, True),
        ("/build", "x/build", True, None),
        ("a/b", "a/b", False, True),
        ("a/b", "x/a/b", False, None),
        ("**/b", "x/y/b", False, True),
        ("a/**/z", "a/b/c/z", False, True),
        ("*.log\n!keep.log", "keep.log", False, False),
        ("!keep.log\n*.log", "keep.log", False, True),
        ("# x\n\n  \n", "# x", False, None),
        ("\\#x", "#x", False, True),
        ("\\!x", "!x", False, True),
        ("a\\*b", "a*b", False, True),
        ("a\\*b", "axb", False, None),
        ("trailing   ", "trailing", False, True),
        ("d*/", "docs", True, True),
        ("foo", "foobar", False, None),
        ("*", "anything", False, True),
    ],
)
def test_lines_of_a_gitignore_file(text, path, folder, expected):
    found = Rules(text, "", ".gitignore").verdict(path, path.rpartition("/")[2], folder)
    assert (found[0] if found else None) is expected
