"""The indexes that pip's configuration and an installed library name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pkm_env.index.defaults import (
    built_in_index,
    library_path,
    pip_files,
    pip_indexes,
    read_pip_settings,
)

if TYPE_CHECKING:
    from pathlib import Path


class Remembering:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], object] = {}

    def recall(self, kind: str, key: str) -> object:
        return self.kept.get((kind, key))

    def remember(self, kind: str, key: str, value: object) -> None:
        self.kept[kind, key] = value


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_the_installed_library_carries_the_address_of_the_default_index():
    index = built_in_index(library_path())
    assert index is not None
    assert index.default
    assert index.url.startswith("https://")
    assert index.url.endswith("/simple/")
    assert "@" not in index.url


@pytest.mark.parametrize(
    "text", ["", "default_locator = 3", "\ndefault_locator = A(SimpleScrapingLocator(x))"]
)
def test_a_library_without_the_constant_gives_no_index(tmp_path: Path, text: str):
    assert built_in_index(write(tmp_path / "locators.py", text)) is None
    assert built_in_index(str(tmp_path / "nothing")) is None


def test_a_stronger_file_and_a_variable_win(tmp_path: Path):
    weak = write(
        tmp_path / "a", "[global]\nindex-url = https://weak.example/simple\nfind-links = /one\n  /two\n"
    )
    strong = write(tmp_path / "b", "[global]\nindex_url = https://strong.example/simple\n")
    settings = read_pip_settings([weak, strong], {})
    assert settings.index_url == "https://strong.example/simple"
    assert settings.find_links == ("/one", "/two")
    assert settings.origins["index-url"] == strong
    told = read_pip_settings([weak, strong], {"PIP_INDEX_URL": "https://variable.example/simple"})
    assert told.index_url == "https://variable.example/simple"
    assert told.origins["index-url"] == "PIP_INDEX_URL"


def test_the_section_of_install_wins_over_the_global_one(tmp_path: Path):
    one = write(tmp_path / "a", "[install]\nindex-url = https://install.example/simple\n")
    two = write(tmp_path / "b", "[global]\nindex-url = https://global.example/simple\n")
    assert read_pip_settings([one, two], {}).index_url == "https://install.example/simple"


@pytest.mark.parametrize("text", ["no section", "[global\n", "[global]\nindex-url\n=\n", "\xff\xfe"])
def test_a_malformed_file_says_nothing(tmp_path: Path, text: str):
    path = tmp_path / "pip.conf"
    path.write_bytes(text.encode("latin-1"))
    assert read_pip_settings([str(path)], {}).index_url == ""


def test_a_parsed_file_is_remembered_until_it_changes(tmp_path: Path):
    path = tmp_path / "pip.conf"
    write(path, "[global]\nindex-url = https://one.example/simple\n")
    memory = Remembering()
    assert read_pip_settings([str(path)], {}, memory).index_url == "https://one.example/simple"
    (key,) = memory.kept
    memory.kept[key] = (("global", "index-url", "https://remembered.example/simple"),)
    assert read_pip_settings([str(path)], {}, memory).index_url == "https://remembered.example/simple"
    write(path, "[global]\nindex-url = https://another.example/simple\n")
    assert read_pip_settings([str(path)], {}, memory).index_url == "https://another.example/simple"


def test_a_file_with_a_password_is_not_remembered(tmp_path: Path):
    path = write(tmp_path / "pip.conf", "[global]\nindex-url = https://me:secret@one.example/simple\n")
    memory = Remembering()
    read_pip_settings([path], {}, memory)
    assert not memory.kept


def test_the_places_of_pip_stand_before_its_index(tmp_path: Path):
    settings = read_pip_settings(
        [],
        {
            "PIP_INDEX_URL": "https://main.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://a.example/simple https://b.example/simple",
            "PIP_FIND_LINKS": "../wheels",
        },
    )
    places, index = pip_indexes(settings, str(tmp_path))
    assert [place.name for place in places] == ["pip-links", "pip-extra", "pip-extra-2"]
    assert places[0].url == str(tmp_path.parent / "wheels")
    assert places[0].flat
    assert all(place.from_pip for place in places)
    assert index is not None
    assert (index.name, index.default, index.from_pip) == ("default", True, False)


def test_no_index_leaves_the_folders_alone():
    settings = read_pip_settings(
        [], {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "https://main.example", "PIP_FIND_LINKS": "/wheels"}
    )
    places, index = pip_indexes(settings, "/")
    assert [place.url for place in places] == ["/wheels"]
    assert index is None


def test_the_files_of_pip_are_those_of_its_documentation():
    assert pip_files({}, "/home/me", "/venv", "linux") == (
        "/etc/xdg/pip/pip.conf",
        "/etc/pip.conf",
        "/home/me/.pip/pip.conf",
        "/home/me/.config/pip/pip.conf",
        "/venv/pip.conf",
    )
    assert pip_files({"PIP_CONFIG_FILE": os.devnull}, "/home/me", "/venv", "linux") == ()
    windows = pip_files({"APPDATA": "roaming", "PROGRAMDATA": "all"}, "home", "venv", "win32")
    assert [path.replace("\\", "/") for path in windows] == [
        "all/pip/pip.ini",
        "home/pip/pip.ini",
        "roaming/pip/pip.ini",
        "venv/pip.ini",
    ]
    mac = pip_files({}, "/Users/me", "/venv", "darwin")
    assert mac[0] == "/Library/Application Support/pip/pip.conf"


def test_a_named_file_replaces_those_of_the_user(tmp_path: Path):
    named = write(tmp_path / "own.conf", "")
    files = pip_files({"PIP_CONFIG_FILE": named}, "/home/me", "/venv", "linux")
    assert files[-1] == named
    assert not any(path.startswith("/home/me") for path in files)
