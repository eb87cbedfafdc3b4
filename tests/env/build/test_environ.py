from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pkm_env.build.environ import build_environ, kept_variables

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = {
    "PYTHONPATH": "x",
    "PIP_INDEX_URL": "x",
    "PIP_EXTRA_INDEX_URL": "x",
    "UV_INDEX": "x",
    "PKM_INDEX_COMPANY_PASSWORD": "x",
    "PKM_VERSION": "1",
    "TWINE_USERNAME": "x",
    "VIRTUAL_ENV": "x",
    "NETRC": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "GITHUB_TOKEN": "x",
    "db_password": "x",
    "MIRROR": "https://me:pw@mirror.example/",
    "GIT_DIR": "x",
}
SEEN = {
    "CC": "clang",
    "CFLAGS": "-O2",
    "PKG_CONFIG_PATH": "/opt/lib/pkgconfig",
    "SOURCE_DATE_EPOCH": "1",
    "HTTPS_PROXY": "http://me:pw@proxy.example",
    "MIRROR": "https://me@mirror.example/a:b@c",
    "LANG": "C.UTF-8",
}


@pytest.mark.parametrize("key", HIDDEN)
def test_what_is_the_users_own_is_not_seen(key: str) -> None:
    assert kept_variables({key: HIDDEN[key]}) == {}


@pytest.mark.parametrize("key", SEEN)
def test_what_compilers_and_downloads_need_is_seen(key: str) -> None:
    assert kept_variables({key: SEEN[key]}) == {key: SEEN[key]}


def _made(ambient: dict[str, str], **how: str) -> dict[str, str]:
    return build_environ(
        ambient, scripts="/env/bin", prefix="/env", home="/w/home", temporary="/w/tmp", **how
    )


def test_programs_of_the_environment_come_first() -> None:
    assert _made({"PATH": "/usr/bin"}, platform="posix")["PATH"] == "/env/bin:/usr/bin"
    assert _made({"PATH": "C:\\x"}, platform="nt")["PATH"] == "/env/bin;C:\\x"
    assert _made({}, platform="posix")["PATH"] == f"/env/bin:{os.defpath}"


def test_home_on_windows_is_every_folder_that_programs_take_for_it() -> None:
    made = _made({"APPDATA": "C:\\Users\\me", "USERPROFILE": "C:\\Users\\me"}, platform="nt")
    assert {made[key] for key in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")} == {"/w/home"}


def test_tool_chains_below_the_real_home_are_still_found(tmp_path: Path) -> None:
    (tmp_path / ".rustup").mkdir()
    made = _made({"HOME": str(tmp_path)})
    assert made["RUSTUP_HOME"] == str(tmp_path / ".rustup")
    assert "GOPATH" not in made


def test_tool_chains_that_are_told_stay_as_told(tmp_path: Path) -> None:
    (tmp_path / ".rustup").mkdir()
    assert _made({"HOME": str(tmp_path), "RUSTUP_HOME": "/opt/rust"})["RUSTUP_HOME"] == "/opt/rust"
