from __future__ import annotations

import os

import pytest

from pkm_env.stamp import check, make_stamp


@pytest.fixture
def stamped(tmp_path):
    """A stamp over one file and one path that does not exist."""
    watched = tmp_path / "pylock.toml"
    watched.write_text("one")
    body, _ = make_stamp([str(watched), str(tmp_path / "absent")], {"PKM_PYTHON": "3.12"}, {"say": "fine\n"})
    path = tmp_path / "stamp"
    path.write_bytes(body)
    return watched, path


def test_a_stamp_answers_while_nothing_has_changed(stamped):
    _, path = stamped
    assert check(str(path), {"PKM_PYTHON": "3.12"}) == {"say": "fine\n"}


def test_another_content_of_the_same_size_and_time_is_noticed(stamped):
    watched, path = stamped
    before = watched.stat()
    watched.write_text("two")
    os.utime(watched, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert check(str(path), {"PKM_PYTHON": "3.12"}) is None


def test_a_file_that_appears_is_noticed(stamped, tmp_path):
    _, path = stamped
    (tmp_path / "absent").touch()
    assert check(str(path), {"PKM_PYTHON": "3.12"}) is None


def test_another_variable_of_pkm_is_noticed_and_a_foreign_one_is_not(stamped):
    _, path = stamped
    assert check(str(path), {"PKM_PYTHON": "3.13"}) is None
    assert check(str(path), {"PKM_PYTHON": "3.12", "LANG": "C"}) is not None


def test_a_copy_of_the_lock_is_the_lock(stamped):
    watched, path = stamped
    watched.unlink()
    watched.write_text("one")
    os.utime(watched, ns=(0, 0))
    assert check(str(path), {"PKM_PYTHON": "3.12"}) is not None


@pytest.mark.parametrize("body", [b"", b"garbage", b"i\x01\x00\x00\x00"])
def test_a_damaged_stamp_is_no_answer(tmp_path, body):
    path = tmp_path / "stamp"
    path.write_bytes(body)
    assert check(str(path), {}) is None


def test_secrets_are_not_kept_in_a_stamp():
    body, _ = make_stamp([], {"PKM_INDEX_OWN_PASSWORD": "hush"}, {})
    assert b"hush" not in body
