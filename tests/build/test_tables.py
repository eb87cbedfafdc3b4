from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_build.tables import Table, did_you_mean, edits, listed


def test_getters_return_what_is_there_and_defaults_for_what_is_not():
    table = Table({"s": "x", "n": 3, "b": True, "l": ["a"], "t": {"k": "v"}, "a": [{"k": 1}], "c": "two"})
    assert (table.string("s"), table.string("none", "d"), table.integer("n"), table.integer("none", 4)) == (
        "x",
        "d",
        3,
        4,
    )
    assert (table.boolean("b", default=False), table.boolean("none", default=True)) == (True, True)
    assert (table.strings("l"), table.strings("none"), table.raw("n"), table.raw("none")) == (
        ("a",),
        (),
        3,
        None,
    )
    assert (table.table("none"), table.tables("none"), table.choice("c", ("one", "two"), "one")) == (
        None,
        [],
        "two",
    )
    assert table.table("t").key == ("t",)
    assert [inner.key for inner in table.tables("a")] == [("a", 0)]
    assert table.faults == []


@pytest.mark.parametrize(
    ("call", "key", "words"),
    [
        (lambda t: t.string("n"), ("n",), "must be a string, not an integer"),
        (lambda t: t.integer("b"), ("b",), "must be a whole number, not a boolean"),
        (lambda t: t.boolean("s", default=False), ("s",), "must be true or false, not a string"),
        (lambda t: t.strings("s"), ("s",), "must be a list of strings, not a string"),
        (lambda t: t.strings("l"), ("l", 1), "must be a string, not a float"),
        (lambda t: t.table("l"), ("l",), "must be a table, not an array"),
        (lambda t: t.tables("t"), ("t",), "must be an array of tables, not a table"),
        (lambda t: t.tables("l"), ("l", 0), "must be a table, not a string"),
        (lambda t: t.choice("s", ("one", "xx"), "one"), ("s",), 'unknown value "x"'),
        (lambda t: t.refuse_unknown(("s", "n", "b", "l", "tt")), ("t",), "unknown key"),
        (lambda t: t.string("d"), ("d",), "not a date or time"),
    ],
)
def test_a_wrong_type_is_a_fault_with_its_key(call, key, words):
    table = Table({"s": "x", "n": 3, "b": True, "l": ["a", 1.5], "t": {}, "d": object()}, ("top",))
    call(table)
    fault = table.faults[0]
    assert fault.key == ("top", *key)
    assert words in fault.message


def test_tables_read_from_a_table_share_its_faults():
    table = Table({"t": {"x": 1}})
    table.table("t").string("x")
    assert [fault.key for fault in table.faults] == [("t", "x")]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dependancies", "dependencies"),
        ("Dependencies", "dependencies"),
        ("optional_dependencies", "optional-dependencies"),
        ("script", "scripts"),
        ("dpeendencies", "dependencies"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_word_is_meant(word, expected):
    assert did_you_mean(word, ["dependencies", "optional-dependencies", "scripts", "urls"]) == expected


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edits_are_a_distance(one, two):
    assert edits(one, two) == edits(two, one)
    assert (edits(one, two) == 0) is (one == two)
    assert edits(one, two) <= max(len(one), len(two))


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_equal_blocks_bound_the_edits(one, two):
    same = sum(
        block.size for block in difflib.SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
    )
    assert edits(one, two) <= len(one) + len(two) - 2 * same


def test_words_are_listed_as_one_says_them():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        '"a"',
        '"a" or "b"',
        '"a", "b" or "c"',
    ]
