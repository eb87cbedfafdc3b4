"""Indexes that are folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from pkm_env.index.local import file_url, find_page, list_folder, may_be_of, plain_file, with_paths

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_tree_has_a_page_for_each_name_and_its_state(tmp_path: Path):
    page = write(tmp_path / "spam" / "index.html", "<a>")
    found = find_page(str(tmp_path), "spam")
    assert found is not None
    assert found[:2] == (str(page), "text/html")
    os.utime(page, (1, 1))
    assert find_page(str(tmp_path), "spam") != found
    assert find_page(str(tmp_path), "eggs") is None


def test_a_folder_without_a_page_is_a_list_of_its_files(tmp_path: Path):
    write(tmp_path / "spam" / "spam-1.0.tar.gz")
    found = find_page(str(tmp_path), "spam")
    assert found is not None
    assert found[:2] == (str(tmp_path / "spam") + os.sep, "")


def test_a_folder_lists_wheels_and_sdists_of_a_name(tmp_path: Path):
    for filename in ("Spam-1.0.tar.gz", "spam_more-1.0.zip", "eggs-1.0.tar.gz", "spam-1.0.txt", "readme"):
        write(tmp_path / filename)
    (tmp_path / "spam-2.0.tar.gz").mkdir()
    assert [plain[0] for plain in list_folder(str(tmp_path), "spam")] == [
        "Spam-1.0.tar.gz",
        "spam_more-1.0.zip",
    ]
    assert len(list_folder(str(tmp_path))) == 3
    assert list_folder(str(tmp_path / "nothing"), "spam") == []


def test_a_quick_look_at_a_name_never_misses_one():
    assert may_be_of("Spam.More-1.0.tar.gz", "spam-more")
    assert may_be_of("spam-more-1.0.tar.gz", "spam")
    assert not may_be_of("spammer-1.0.tar.gz", "spam")


@pytest.mark.parametrize("name", ["plain", "with space", "per%cent", "hash#", "é", "q?"])
def test_a_path_and_its_url_are_the_same_place(tmp_path: Path, name: str):
    path = str(tmp_path / name)
    assert url2pathname(urlsplit(file_url(path)).path) == path
    plain = plain_file("x", "", 0)
    (entry,) = with_paths([(*plain[:8], file_url(path), None)])
    assert entry[4] == path


def test_urls_of_windows_have_a_drive_or_a_server():
    assert file_url("C:\\a b\\c", "win32") == "file:///C:/a%20b/c"
    assert file_url("\\\\server\\share\\x", "win32") == "file://server/share/x"
