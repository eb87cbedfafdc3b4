"""What an index serves that is not what it lists: the lock ends, and the one from before stays."""

from __future__ import annotations

import pytest

from tests.support.projects import HEAD, lock_text, ok, write_project
from tests.support.wheels import wheel_bytes


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "shop", HEAD + 'dependencies = ["spam"]\n')


def relocked(pkm, project):
    """A lock of an empty cache, after a change that asks for the metadata of all that is locked."""
    ok(pkm("lock", cwd=project))
    before = lock_text(project)
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('["spam"]', '["spam", "ham"]'))
    return before, lambda *words: pkm(
        "lock", *words, cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "new")}
    )


@pytest.mark.parametrize(
    "body", [b"", b"Metadata-Version: 2.1\nName: spam\nVersion: 2.0\n"], ids=["empty", "another"]
)
def test_a_metadata_sibling_that_is_not_the_listed_one_ends_the_lock(pkm, project, index, body):
    before, lock = relocked(pkm, project)
    index.reply("spam-2.0-py3-none-any.whl.metadata", body=body)
    told = lock()
    assert told.code == 1
    assert "spam-2.0-py3-none-any.whl.metadata is not the one that is expected" in told.stderr
    assert 'from index "default"' in told.stderr
    assert lock_text(project) == before


def test_a_wheel_that_is_no_archive_ends_the_lock(pkm, project, index):
    before, lock = relocked(pkm, project)
    index.metadata = False
    listed = index.file("spam-2.0-py3-none-any.whl")
    index.replace(listed.filename, b"x" * listed.size)
    told = lock()
    assert told.code == 1
    assert "spam-2.0-py3-none-any.whl is not the one that is expected" in told.stderr
    index.hashes = False
    told = lock("--refresh")
    assert told.code == 1
    assert 'spam-2.0-py3-none-any.whl from index "default" is damaged' in told.stderr
    assert lock_text(project) == before


@pytest.mark.parametrize("hashes", [True, False])
def test_a_sound_wheel_of_another_size_than_is_listed_ends_the_lock(pkm, project, index, hashes):
    """Parts of it are read, so that its digest is not looked at; but no part tells another size."""
    before, lock = relocked(pkm, project)
    index.metadata = False
    index.hashes = hashes
    name = "spam-2.0-py3-none-any.whl"
    index.replace(name, wheel_bytes("spam", "2.0", requires=["ham"], files={"spam.py": "# other\n"})[1])
    told = lock("--refresh")
    assert told.code == 1
    assert name in told.stderr
    assert lock_text(project) == before


def test_a_wheel_without_a_digest_that_is_no_archive_ends_the_lock_where_it_is_read_whole(
    pkm, project, index
):
    index.metadata = index.ranges = index.hashes = False
    before, lock = relocked(pkm, project)
    index.replace("spam-2.0-py3-none-any.whl", b"<html>sign in</html>")
    index.sizes = False
    told = lock()
    assert told.code == 1
    assert 'spam-2.0-py3-none-any.whl from index "default" is damaged: it is no zip archive' in told.stderr
    assert lock_text(project) == before


def test_a_release_whose_own_archive_is_broken_is_passed_over_with_a_note(pkm, project, index):
    index.metadata = False
    index.add_bytes("spam-3.0-py3-none-any.whl", b"x" * 99)
    told = ok(pkm("lock", cwd=project))
    assert "spam 3.0 is not taken" in told.stderr
    assert 'name = "spam"\nversion = "2.0"' in lock_text(project)
