"""Where credentials come from, and whom they are for."""

from __future__ import annotations

import shlex
import sys
import threading
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from pkm_env.index.auth import Credentials, ask_keyring, asked_after_refusal, helper, run_keyring
from pkm_env.index.spec import IndexSpec

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://index.example/simple/"


def told(credentials: Credentials, url: str = URL) -> str:
    header = credentials.header(url)
    return b64decode(header.removeprefix("Basic ")).decode() if header else ""


def test_the_url_gives_credentials_and_its_escapes_are_undone():
    index = IndexSpec("main", "https://me%40work:p%3Aw@index.example/simple/")
    assert told(Credentials([index])) == "me@work:p:w"


def test_a_user_in_the_url_takes_its_password_from_the_variable():
    index = IndexSpec("my-index.x", "https://me@index.example/simple/")
    environ = {"PKM_INDEX_MY_INDEX_X_PASSWORD": "pw", "PKM_INDEX_MY_INDEX_X_USERNAME": "other"}
    assert told(Credentials([index], environ)) == "me:pw"


def test_variables_give_credentials_by_the_name_of_the_index():
    environ = {"PKM_INDEX_MAIN_USERNAME": "me", "PKM_INDEX_MAIN_PASSWORD": "pw"}
    assert told(Credentials([IndexSpec("main", URL)], environ)) == "me:pw"
    assert told(Credentials([IndexSpec("other", URL)], environ)) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/x.whl",
        "http://index.example/simple/",
        "https://index.example:8443/simple/",
        "https://index.example.evil.example/simple/",
    ],
)
def test_a_secret_is_for_its_own_server_alone(url: str):
    credentials = Credentials([IndexSpec("main", "https://me:pw@index.example/simple/")])
    assert told(credentials, url) == ""
    assert told(credentials, "https://index.example/files/x.whl") == "me:pw"


def test_no_text_of_it_shows_a_secret():
    credentials = Credentials([IndexSpec("main", "https://me:hunter2@index.example/simple/")])
    assert "hunter2" not in repr(credentials)


def test_netrc_is_asked_for_a_server_that_nothing_else_is_known_of(tmp_path: Path):
    path = tmp_path / "netrc"
    path.write_text("machine index.example login me password pw\n")
    path.chmod(0o600)
    assert told(Credentials(netrc=str(path))) == "me:pw"
    known = Credentials([IndexSpec("main", "https://you:own@index.example/")], netrc=str(path))
    assert told(known) == "you:own"
    assert told(Credentials(netrc=str(path)), "https://other.example/") == ""


def test_a_pair_is_given_for_its_own_server_and_nobody_is_asked(tmp_path: Path):
    path = tmp_path / "netrc"
    path.write_text("machine git.example login me password pw\n")
    path.chmod(0o600)
    further = [lambda _url, _user: pytest.fail("asked")]
    credentials = Credentials(
        [IndexSpec("main", "https://you:own@a.example/")], netrc=str(path), further=further
    )
    assert credentials.pair("https://git.example/x.git") == ("me", "pw")
    assert credentials.pair("https://a.example/x.git") == ("you", "own")
    assert credentials.pair("https://b.example/x.git") is None


@pytest.mark.parametrize("text", ["machine", "\udcff", "machine x login"])
def test_a_malformed_netrc_says_nothing(tmp_path: Path, text: str):
    path = tmp_path / "netrc"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    assert told(Credentials(netrc=str(path))) == ""
    assert told(Credentials(netrc=str(tmp_path / "nothing"))) == ""


def test_what_gives_the_refused_secret_again_is_no_further_try():
    index = IndexSpec("main", "https://me:pw@index.example/")
    credentials = Credentials([index], further=[lambda _url, _user: ("me", "pw"), lambda _url, _user: None])
    assert not credentials.look_further(URL, credentials.header(URL))


def test_the_keyring_is_asked_by_url_and_by_host():
    asked = []

    def run(command: list[str]) -> str | None:
        asked.append(command)
        return "pw" if command[2] == "index.example" else None

    assert ask_keyring(URL, "me", run) == ("me", "pw")
    assert asked == [["keyring", "get", URL, "me"], ["keyring", "get", "index.example", "me"]]
    assert ask_keyring(URL, "", lambda _: None) is None


def test_a_program_that_fails_or_is_missing_knows_nothing():
    assert run_keyring([sys.executable, "-c", "print('pw')"]) == "pw"
    assert run_keyring([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert run_keyring(["a-program-that-is-not-there"]) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "import json; print(json.dumps({'username': input(), 'password': 'pw'}))",
            (URL, "pw"),
        ),
        ('print(\'{"password": "pw"}\')', ("__token__", "pw")),
        ("pass", None),
        ("print('nonsense')", None),
        ("print('[1]')", None),
        ("raise SystemExit(3)", None),
    ],
    ids=["both", "password alone", "silent", "nonsense", "a list", "failure"],
)
def test_the_credential_helper_gets_the_url_and_prints_json(code: str, expected: tuple[str, str] | None):
    assert helper([sys.executable, "-c", code])(URL, "") == expected


def test_after_a_refusal_the_users_helper_is_asked_before_the_keyring(tmp_path: Path):
    program = tmp_path / "give secret.py"
    program.write_text('print(\'{"password": "pw"}\')')
    assert len(asked_after_refusal("")) == 1
    asks = asked_after_refusal(shlex.join([sys.executable, str(program)]))
    assert len(asks) == 2
    assert asks[0](URL, "me") == ("me", "pw")


def test_many_that_are_refused_at_once_ask_once_and_all_go_on():
    gate = threading.Event()
    asked: list[str] = []

    def ask(url: str, _user: str) -> tuple[str, str] | None:
        asked.append(url)
        gate.wait(30)
        return "me", "pw"

    credentials = Credentials(further=[ask])
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(credentials.look_further(URL, ""))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert asked == [URL]
