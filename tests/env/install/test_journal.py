from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.install.journal import DamagedJournal, Intent, begin, commit, take_back
from pkm_env.install.swap import repair
from tests.support.environments import snapshot, sync

PATHS = st.lists(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=8), max_size=4
)


@given(PATHS, PATHS, PATHS)
def test_intent_survives_being_written(moved, created, folders):
    intent = Intent(moved, created, folders)
    again = Intent.from_bytes(intent.to_bytes())
    assert (again.moved, again.created, again.folders) == (tuple(moved), tuple(created), tuple(folders))


def test_intent_that_was_cut_short_is_none():
    data = Intent(["a", "b"], ["c"], ["d"]).to_bytes()
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r".*"):
            Intent.from_bytes(data[:size])


@pytest.fixture
def place(tmp_path):
    sync(tmp_path / "v")
    (tmp_path / "v" / "old.txt").write_text("old")
    return tmp_path / "v"


def test_change_that_was_begun_is_taken_back(place):
    before = snapshot(place)
    folder = begin(str(place), Intent(["old.txt"], ["old.txt", "new/x.txt"], ["new"]))
    (place / "old.txt").rename(os.path.join(folder, "0"))
    (place / "new").mkdir()
    (place / "new" / "x.txt").write_text("new")
    (place / "old.txt").write_text("newer")
    assert take_back(str(place)) == 1
    assert snapshot(place) == before


def test_file_that_was_to_be_moved_and_was_not_stays(place):
    before = snapshot(place)
    begin(str(place), Intent(["old.txt"], ["old.txt"], []))
    assert take_back(str(place)) == 0
    assert snapshot(place) == before


def test_files_of_others_in_a_new_folder_stay(place):
    begin(str(place), Intent([], ["new/x.txt"], ["new"]))
    (place / "new").mkdir()
    (place / "new" / "mine.txt").write_text("mine")
    take_back(str(place))
    assert (place / "new" / "mine.txt").exists()


def test_notes_behind_a_link_are_not_followed(place, tmp_path):
    begin(str(place), Intent([], ["old.txt"], []))
    (place / ".pkm").rename(tmp_path / "elsewhere")
    (place / ".pkm").symlink_to(tmp_path / "elsewhere")
    assert repair(str(place)) is None
    assert (place / "old.txt").exists()


def test_committed_change_is_not_taken_back(place):
    begin(str(place), Intent([], ["new.txt"], []))
    (place / "new.txt").write_text("new")
    commit(str(place))
    assert repair(str(place)) is None
    assert (place / "new.txt").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"pkm journal 3\n", b"pkm journal 3\n1 0 0\0end\n"])
def test_damaged_notes_are_said_to_be_damaged(place, content):
    (place / ".pkm" / "journal").mkdir(exist_ok=True)
    (place / ".pkm" / "journal" / "intent").write_bytes(content)
    with pytest.raises(DamagedJournal):
        repair(str(place))


@pytest.mark.parametrize(
    "path", ["../precious", "a/../../precious", "{root}/precious", "link/precious", "..", "a/.."]
)
def test_notes_that_lead_outside_are_not_followed(place, tmp_path, path):
    """A project may bring an environment along: its notes are no reason to delete what is elsewhere."""
    (tmp_path / "precious").write_text("x")
    (place / "link").symlink_to(tmp_path)
    (place / ".pkm" / "journal").mkdir()
    intent = Intent([], [path.format(root=tmp_path)], [])
    (place / ".pkm" / "journal" / "intent").write_bytes(intent.to_bytes())
    with pytest.raises(DamagedJournal):
        repair(str(place))
    assert (tmp_path / "precious").exists()
