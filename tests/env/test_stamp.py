from __future__ import annotations

import os
import time

import pytest

from pkm_env.ops.stamps import looked, write_stamp
from pkm_env.stamp import (
    GRAIN_NS,
    check,
    content_digest,
    date_back,
    digest_of,
    make_stamp,
    newest_of,
    read,
    see,
    stamp_path,
)


@pytest.fixture
def stamped(tmp_path):
    """A stamp over one file and one path that does not exist."""
    watched = tmp_path / "pylock.toml"
    watched.write_text("one")
    path = tmp_path / "stamp"
    seen = see([str(watched), str(tmp_path / "absent")])
    path.write_bytes(make_stamp(str(path), seen, {"PKM_PYTHON": "3.12"}, {"say": "fine\n"}))
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


def test_a_stamp_says_nothing_at_another_place(stamped, tmp_path):
    """A copy of a project has a copy of its stamps, which speak of the original."""
    _, path = stamped
    (tmp_path / "copy").write_bytes(path.read_bytes())
    assert check(str(tmp_path / "copy"), {"PKM_PYTHON": "3.12"}) is None


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


def test_a_file_is_read_once_while_it_looks_the_same(stamped):
    watched, _ = stamped
    one, digests = digest_of(str(watched)), {}
    assert content_digest(str(watched), (1, 1, 3, 5), digests) == one
    watched.write_text("two")
    assert content_digest(str(watched), (1, 1, 3, 5), digests) == one
    assert content_digest(str(watched), (2, 1, 3, 5), digests) == digest_of(str(watched)) != one


def test_a_file_within_the_grain_is_read_each_time(stamped):
    """It could be changed again without looking otherwise."""
    watched, _ = stamped
    digests = {}
    just_now = time.time_ns() + 10**12
    content_digest(str(watched), (1, just_now, 3, 5), digests)
    assert digests == {}


@pytest.mark.parametrize("body", [b"", b"garbage", b"i\x01\x00\x00\x00"])
def test_a_damaged_stamp_is_no_answer(tmp_path, body):
    path = tmp_path / "stamp"
    path.write_bytes(body)
    assert check(str(path), {}) is None


def test_secrets_are_not_kept_in_a_stamp():
    body = make_stamp("", {}, {"PKM_INDEX_OWN_PASSWORD": "hush"}, {})
    assert b"hush" not in body


def test_what_was_just_written_is_dated_back_and_any_change_after_that_is_noticed(tmp_path):
    began_s = time.time() - 1
    watched = tmp_path / "site-packages"
    watched.mkdir()
    before = watched.stat().st_mtime_ns
    date_back(str(watched), began_s)
    path = tmp_path / "stamp"
    seen = see([str(watched)])
    assert newest_of(seen) == before - GRAIN_NS
    path.write_bytes(make_stamp(str(path), seen, {}, {"say": ""}))
    assert check(str(path), {}) is not None
    (watched / "new").touch()
    assert check(str(path), {}) is None


def test_a_file_from_before_the_run_keeps_its_time(tmp_path):
    watched = tmp_path / "pylock.toml"
    watched.touch()
    before = watched.stat().st_mtime_ns
    date_back(str(watched), time.time() + 60)
    date_back(str(tmp_path / "absent"), 0)
    assert watched.stat().st_mtime_ns == before


def test_what_a_link_points_to_keeps_its_time(tmp_path):
    interpreter = tmp_path / "python3.12"
    interpreter.touch()
    before = interpreter.stat().st_mtime_ns
    (tmp_path / "python").symlink_to(interpreter)
    date_back(str(tmp_path / "python"), 0)
    assert interpreter.stat().st_mtime_ns == before


def test_what_stands_behind_a_stamp_is_given_to_who_asks(tmp_path):
    path = tmp_path / "stamp"
    path.write_bytes(make_stamp(str(path), {}, {}, {"say": "fine\n"}, b"more"))
    assert check(str(path), {}) == {"say": "fine\n"}
    found = read(str(path), {})
    assert found is not None
    assert found.more == b"more"


def test_a_file_that_was_changed_during_the_run_leaves_no_stamp(tmp_path):
    """Which of its states the run has read nobody knows."""
    watched = tmp_path / "pyproject.toml"
    watched.write_text("")
    assert looked([str(watched)], time.time() - 1) == {}
    assert looked([str(watched)], time.time() + 1) == see([str(watched)])


def test_what_the_run_itself_changed_may_be_new(tmp_path):
    watched = tmp_path / "pylock.toml"
    watched.write_text("")
    seen = looked([str(watched)], time.time() - 1, own=[str(watched)])
    write_stamp(str(tmp_path), "lock", seen, {"say": ""}, {})
    assert check(stamp_path(str(tmp_path), "lock"), {}) == {"say": ""}


def test_what_is_changed_before_the_stamp_is_written_is_noticed(tmp_path):
    """Another process may have begun to change the environment as soon as its lock was free."""
    watched = tmp_path / "site-packages"
    watched.mkdir()
    seen = looked([str(watched)], time.time() - 1, own=[str(tmp_path)])
    (watched / "new").touch()
    write_stamp(str(tmp_path), "sync-default", seen, {"say": ""}, {})
    assert check(stamp_path(str(tmp_path), "sync-default"), {}) is None
    write_stamp(str(tmp_path), "sync-other", {}, {"say": ""}, {})
    assert not os.path.exists(stamp_path(str(tmp_path), "sync-other"))
