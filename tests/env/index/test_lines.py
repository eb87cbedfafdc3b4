"""Files of a page in columns, and what becomes of their names."""

from __future__ import annotations

from itertools import groupby
from struct import unpack

from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.digest import NEVER, make_page, spans_of
from pkm_env.index.lines import COLUMNS, lines_of, together
from pkm_env.index.names import FileNames, ReadVersion
from pkm_env.index.times import day_of
from pkm_env.model.rows import row_of
from pkm_env.model.versions import version_key

VERSION = ReadVersion("1.0", version_key("1.0"))
NAMES = (
    "spam-1.0-py3-none-any.whl",
    "Spam-1.0-py3-none-any.whl",
    "spam-1.0-1-cp312-cp312-win_amd64.whl",
    "spam-1.0-cp312-cp312-win_amd64.whl",
    "spam-2.0-py3-none-any.whl",
    "spam-2.0.tar.gz",
    "spam-1.0.tar.gz",
    "spam-1.0.zip",
    "spam-1.0-1.tar.gz",
    "spam-1.0.0.tar.gz",
    "spam-1.0",
    "spam-1.0-",
    "spam-1.0.egg",
    "spam-1.0.gz",
    "spam-1.0.whl",
    "spam-1.0.tar.gz-py3-none-any.whl",
    "spam-1.0-py3-none-any.tar.gz",
    "spam-eggs-1.0.tar.gz",
    "spam-eggs-1.0-py3-none-any.whl",
    "spam_eggs-1.0-py3-none-any.whl",
    "spam--1.0.tar.gz",
    "-1.0.tar.gz",
    "spam",
    "",
)


def row(filename: str, size: int = 7) -> tuple[str, ...]:
    return row_of((filename, {}, "", None, "", None, size, "", f"https://x.example/{filename}", None))


def test_no_files_have_columns_too():
    assert [list(column) for column in lines_of([]).columns] == [[]] * COLUMNS


def test_lines_are_the_rows_that_they_were_made_of():
    rows = [row(name) for name in NAMES]
    assert together([lines_of(rows[:3]), lines_of([]), lines_of(rows[3:])]).rows == rows
    assert lines_of(rows).only(name.endswith(".zip") for name in NAMES).rows == [row("spam-1.0.zip")]


@given(st.lists(st.sampled_from(NAMES), unique=True), st.sampled_from(["spam", "spam-eggs"]))
def test_names_that_are_read_together_say_what_each_says_alone(filenames: list[str], project: str):
    page = make_page(lines_of(row(name) for name in filenames), project, lambda _: None)
    kept = sorted(plain[0] for files in page.files for plain in files)
    assert kept == sorted(name for name in filenames if FileNames(project).read(name))
    tags = {}
    for name in filenames:
        read = FileNames(project).read(name)
        if read is not None:
            tags.setdefault(read[1], set()).add(read[0].key)
    found = {kind: mask.bit_count() for _needs, kind, mask in page.digest[1]}
    assert found == {kind: len(versions) for kind, versions in tags.items()}


@given(st.lists(st.tuples(st.sampled_from(NAMES[:4]), st.integers(1, 3)), max_size=8), st.randoms())
def test_of_files_with_one_name_the_same_one_counts_whatever_their_order(told, chance):
    rows = [row(name, size) for name, size in told]
    page = make_page(lines_of(rows), "spam", lambda _: None)
    chance.shuffle(rows)
    assert make_page(lines_of(rows), "spam", lambda _: None).files == page.files
    assert sum(map(len, page.files)) == len({name for name, _ in told})


DATES = ("", "1970-01-01", "2024-02-29", "2024-03-01", "2026-12-31")


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(DATES)), max_size=12))
def test_the_span_of_a_version_is_that_of_its_files(told: list[tuple[int, str]]):
    numbers = [*range(4), *(number for number, _ in told)]
    dates = ["2024-02-29"] * 4 + [date for _, date in told]
    runs = [list(run) for _, run in groupby(range(len(numbers)), numbers.__getitem__)]
    stretches = [(VERSION, run[0], run[-1] + 1, ()) for run in runs]
    days = unpack("<8H", spans_of([numbers[run[0]] for run in runs], stretches, dates, 4))
    for at in range(4):
        own = [date for number, date in zip(numbers, dates, strict=True) if number == at]
        latest = NEVER if "" in own else day_of(max(own))
        assert days[2 * at : 2 * at + 2] == (day_of(min(filter(None, own))), latest)


def test_a_version_without_any_time_was_never_uploaded():
    assert unpack("<2H", spans_of([0], [(VERSION, 0, 2, ())], ["", ""], 1)) == (NEVER, NEVER)
