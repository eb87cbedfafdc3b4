"""Places of keys in a TOML text, held against a parser that reads all that the scanner says."""

from __future__ import annotations

import tomli
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pkm_build.positions import locate

TEXT = """\
# first
top = 1
[a.b]   # header
"quoted key" = "x = [y]"
dotted.key . last = '''
many
lines = 3'''
list = [
  "one",   # comment ]
  { inline = true, other = [1, 2] },
  \"\"\"three\"\"\",
]
[[t]]
x = 1
[[t]]
x = 2
[t.sub]
y = 3
[[t.deep]]
z = '\\'
"""


def places(*keys):
    return locate(TEXT, keys)


def test_keys_are_found_where_they_begin():
    assert places(("top",), ("a", "b"), ("a", "b", "quoted key"), ("a", "b", "dotted", "key", "last")) == [
        (2, 1),
        (3, 1),
        (4, 1),
        (5, 1),
    ]


def test_elements_are_found_where_their_value_begins():
    base = ("a", "b", "list")
    assert places((*base, 0), (*base, 1), (*base, 1, "other"), (*base, 1, "other", 1), (*base, 2)) == [
        (9, 3),
        (10, 3),
        (10, 20),
        (10, 32),
        (11, 3),
    ]


def test_arrays_of_tables_count():
    assert places(("t", 0, "x"), ("t", 1, "x"), ("t", 1, "sub", "y"), ("t", 1, "deep", 0, "z")) == [
        (14, 1),
        (16, 1),
        (18, 1),
        (20, 1),
    ]


def test_what_is_missing_has_the_place_of_what_is_above():
    assert places(("a", "b", "none", "x"), ("nothing",), ()) == [(3, 1), (1, 1), (1, 1)]


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5)
VALUES = st.recursive(
    st.one_of(
        st.integers(-5, 5),
        st.booleans(),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def paths(value, key=()):
    yield key
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*key, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from paths(inner, (*key, at))


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_key_of_a_text_has_a_place_of_its_own(data):
    text = tomlkit.dumps(data)
    assert tomli.loads(text) == data
    keys = [key for key in paths(data) if key]
    lines = text.split("\n")
    for key, (line, column) in zip(keys, locate(text, keys), strict=True):
        assert 1 <= line <= len(lines), key
        rest = lines[line - 1][column - 1 :]
        last = key[-1]
        if isinstance(last, str) and last.isascii() and last.isalnum():
            assert last in lines[line - 1], (key, rest)
