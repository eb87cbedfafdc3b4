from __future__ import annotations

import csv
import io
import marshal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.cache.manifest import (
    Manifest,
    parse_entry_points,
    parse_record,
    printable,
    record_row,
    script_of,
)
from tests.support.environments import unpacked

PATHS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).filter(str.strip)


def test_manifest_survives_marshal(tmp_path):
    manifest = unpacked(
        tmp_path,
        "spam",
        "1.0",
        scripts={"a": "spam:a"},
        gui_scripts={"b": "spam:b"},
        data={"scripts/x": "#!python"},
    ).manifest
    again = Manifest.from_plain(marshal.loads(marshal.dumps(manifest.to_plain())))
    assert again == manifest
    assert [script.name for script in again.gui] == ["b"]
    assert again.data[0].shebang == "python"


def test_same_wheel_gives_the_same_manifest(tmp_path):
    one, other = (unpacked(tmp_path / name, "spam", "1.0").manifest for name in "ab")
    one.mtime_ns = other.mtime_ns
    assert marshal.dumps(one.to_plain()) == marshal.dumps(other.to_plain())


@given(
    st.lists(st.tuples(PATHS, st.sampled_from(["", "sha256=abc"]), st.sampled_from(["", "12"])), max_size=5)
)
def test_rows_are_read_as_csv_reads_them(rows):
    text = "".join(record_row(*row) for row in rows)
    assert list(parse_record(text)) == rows
    assert [tuple(row) for row in csv.reader(io.StringIO(text))] == rows


@pytest.mark.parametrize("row", [",sha256=abc,1", "a,b,c,d"])
def test_row_that_is_none_is_an_error(row):
    with pytest.raises(ValueError, match=r".*"):
        list(parse_record(row + "\n"))


def test_short_rows_lack_hash_and_size():
    assert list(parse_record("a\nb,sha256=x\n\n")) == [("a", "", ""), ("b", "sha256=x", "")]


def test_entry_points_are_read_by_section():
    text = "# by hand\n[console_scripts]\na = m:f\n; more\n[ other.group ]\nb= m.n : o.p [x,y]\n"
    assert list(parse_entry_points(text)) == [
        ("console_scripts", "a", "m:f"),
        ("other.group", "b", "m.n : o.p [x,y]"),
    ]


@pytest.mark.parametrize("text", ["a = b\n", "[x]\nnothing\n"])
def test_line_outside_of_the_format_is_an_error(text):
    with pytest.raises(ValueError, match=r".*"):
        list(parse_entry_points(text))


def test_extras_of_a_script_are_ignored():
    assert script_of("a", "m.n : o.p [x,y]").to_plain() == ("a", "m.n", "o.p")


def test_text_for_a_terminal_moves_no_cursor():
    assert printable("a\x1b[2J\u202eb") == "a\\x1b[2J\\u202eb"
