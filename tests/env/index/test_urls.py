"""URLs as text, with urllib as the judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.spec import IndexSpec
from pkm_env.index.urls import local_path, origin, public_url, shown_url, split_credentials


@pytest.mark.parametrize(
    ("url", "plain", "userinfo"),
    [
        ("https://me:pw@host/simple/", "https://host/simple/", "me:pw"),
        ("https://me:p@w@host/", "https://host/", "me:p@w"),
        ("https://host/a@b", "https://host/a@b", ""),
        ("https://host?a=b@c", "https://host?a=b@c", ""),
        ("https://token@host", "https://host", "token"),
        ("/folder/with@sign", "/folder/with@sign", ""),
    ],
)
def test_credentials_are_split_off(url: str, plain: str, userinfo: str):
    assert split_credentials(url) == (plain, userinfo)


def test_an_index_keeps_its_credentials_apart():
    index = IndexSpec("private", "https://me:pw@host/simple")
    assert (index.url, index.userinfo, index.base) == ("https://host/simple", "me:pw", "https://host/simple/")
    assert "pw" not in repr(index)


@given(st.text(max_size=20))
def test_what_is_shown_has_no_credentials_no_query_and_no_control_characters(text: str):
    shown = shown_url(f"https://user:secret@host/path?token=secret&x={text}#{text}")
    assert shown == "https://host/path"
    assert shown_url(f"https://host/{text}").isprintable()


def test_a_lock_gets_a_url_without_signatures():
    url = "https://me:pw@host/f/spam.whl?X-Amz-Signature=abc&part=1&sig=d&Expires=3#sha256=0"
    assert public_url(url) == "https://host/f/spam.whl?part=1"
    assert public_url("https://host/spam.whl?token=abc") == "https://host/spam.whl"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Host.Example/x", ("https", "host.example", "443")),
        ("http://host:8080/x", ("http", "host", "8080")),
        ("http://[::1]:80/x", ("http", "::1", "80")),
        ("HTTPS://me@host?x", ("https", "host", "443")),
        ("folder", ("", "", "")),
    ],
)
def test_the_origin_is_scheme_host_and_port(url: str, expected: tuple[str, str, str]):
    assert origin(url) == expected


@pytest.mark.parametrize(
    ("url", "platform", "path"),
    [
        ("/wheels", "linux", "/wheels"),
        ("file:///a%20b/c", "linux", "/a b/c"),
        ("file://localhost/a", "linux", "/a"),
        ("file:///C:/wheels/x", "win32", "C:\\wheels\\x"),
        ("file://server/share/x", "win32", "\\\\server\\share\\x"),
        ("https://host/x", "linux", ""),
    ],
)
def test_a_file_url_stands_for_a_path(url: str, platform: str, path: str):
    assert local_path(url, platform) == path
