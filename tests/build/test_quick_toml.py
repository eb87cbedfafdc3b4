"""The quick reading of TOML, held against `tomli`, which is its judge."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pkm_build.quick_toml import quick_loads

ROOT = Path(__file__).resolve().parents[2]
FRAGMENTS = st.sampled_from(
    [
        "[a]",
        "[a.b]",
        "[[a]]",
        "[[a.b]]",
        "[ a . 'b' ]",
        "[a]]",
        "[[a]",
        "[]",
        "[a.b.c]",
        "['']",
        '["x y"]',
        "a = 1",
        "b = 'x'",
        'c = "y"',
        "a.b = 2",
        "a.c.d = true",
        "d = false",
        "'q' = 0",
        '"r" = 12345678901234567890',
        "e = [1, 2]",
        "e = [\n 1, # c\n 'x',\n]",
        "e = [1,, 2]",
        "e = [",
        "f = {a = 1, b = 2}",
        "f = {}",
        "f = {a = 1,}",
        "f = {a.b = 1, a.c = 2}",
        "f = {a = 1, a = 2}",
        "g = 01",
        "g = -1",
        "g = 1.5",
        "g = 1_000",
        "g = 2020-01-01",
        'h = "a\\n"',
        "h = 'a\\n'",
        'h = """x"""',
        "h = ''",
        'h = ""',
        'h = "a" "b"',
        "h = 'x",
        "i = truex",
        'h = "a\\\\d\\t\\n\\""',
        'h = "\\q"',
        'h = "\\',
        "h = '''\nmany\n'lines''''",
        "h = '''x''''",
        'h = """\n"x" \t\n"""',
        'h = """a\\nb"""',
        "h = '''open",
        "g = 0.5",
        "g = -0.25",
        "g = -0",
        "g = 1.",
        "g = 1.5e3",
        "g = 1.0_1",
        "g = 00.5",
        "= 1",
        "j 1",
        "# comment",
        "   ",
        "\t# x \t",
        "# \x01",
        'k = "\x7f"',
        'k = "ä ö"',
        "k = '\u00a0'",
        "l = 1 # end",
        "l = 1 end",
        "m = [[1], ['a', {b = 1}]]",
        "\r",
        "n = 0x1F",
        "o = inf",
        "f.a = 3",
        "e = 3",
        "a = {}",
        "[f]",
        "[f.a]",
        "[e]",
    ]
)


@given(st.lists(FRAGMENTS, max_size=7).map("\n".join))
def test_what_is_read_quickly_is_what_a_whole_parser_reads(text):
    quick = quick_loads(text)
    if quick is not None:
        assert quick == tomli.loads(text)


@given(st.lists(st.sampled_from(list("ab=[]{}.,'\"\n# 01\\-\tn")), max_size=14).map("".join))
def test_no_noise_is_read_quickly_that_a_whole_parser_refuses(text):
    quick = quick_loads(text)
    if quick is not None:
        assert quick == tomli.loads(text)


PLAIN = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters='\\"'), max_size=8
)
VALUES = st.recursive(
    st.one_of(st.integers(0, 99), st.booleans(), PLAIN),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PLAIN, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(PLAIN, VALUES, max_size=4))
def test_ordinary_documents_are_read_without_a_whole_parser(data):
    assert quick_loads(tomlkit.dumps(data)) == data


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*/pyproject.toml")), ids=lambda path: path.parent.name
)
def test_the_examples_are_ordinary(path):
    text = path.read_text(encoding="utf-8")
    assert quick_loads(text) == tomli.loads(text)
