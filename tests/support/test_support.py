"""The builders and the index are judged by others: pip downloads, installs and builds what they make."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.index_pages import JSON_TYPE
from tests.support.projects import clean_environ
from tests.support.wheels import make_sdist, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import LocalIndex


def _get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    asked = urllib.request.Request(
        url, headers={key.replace("_", "-"): value for key, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def _pip(home: Path, *args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *args],
        env=clean_environ(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for make in (make_wheel, make_sdist):
        first, again = (make(tmp_path / side, "spam", "1.0", requires=["eggs"]) for side in "ab")
        assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "html"])
def test_pip_installs_from_the_index_with_dependencies_and_extras(
    tmp_path: Path, index: LocalIndex, *, as_json: bool
) -> None:
    index.json = as_json
    index.add_wheel("spam", "1.0", requires=["eggs>=2"], extras={"fast": ["ham; python_version>'3'"]})
    index.add_wheel("eggs", "2.0")
    index.add_wheel("eggs", "3.0", requires_python=">=99")
    index.add_sdist("ham", "1.0", backend="in-tree")
    _pip(
        tmp_path / "home", "install", "--index-url", index.url, "--target", str(tmp_path / "to"), "spam[fast]"
    )
    assert sorted(found.name for found in (tmp_path / "to").glob("*.py")) == ["eggs.py", "ham.py", "spam.py"]
    assert (tmp_path / "to" / "eggs-2.0.dist-info").is_dir()


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_pip_builds_an_sdist_of_the_in_tree_backend(tmp_path: Path, form: str) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", backend="in-tree", requires=["eggs"], form=form)
    _pip(tmp_path / "home", "wheel", "--no-deps", "--no-index", "-w", str(tmp_path), str(sdist))
    with zipfile.ZipFile(tmp_path / "spam-1.0-py3-none-any.whl") as wheel:
        assert b"Requires-Dist: eggs\n" in wheel.read("spam-1.0.dist-info/METADATA")


def test_json_page_tells_size_time_yank_and_metadata(index: LocalIndex) -> None:
    listed = index.add_wheel("spam", "1.0", yanked="bad", upload_time="2026-01-01T00:00:00Z")
    _, headers, body = _get(f"{index.url}spam/", Accept=JSON_TYPE)
    (told,) = json.loads(body)["files"]
    assert headers["Content-Type"] == JSON_TYPE
    assert (told["size"], told["yanked"], told["upload-time"]) == (listed.size, "bad", "2026-01-01T00:00:00Z")
    assert _get(index.file_url(listed.filename) + ".metadata")[2] == listed.metadata


def test_ranges_etags_and_gzip_follow_http(index: LocalIndex) -> None:
    content = index.add_wheel("spam", "1.0").content
    url = index.file_url("spam-1.0-py3-none-any.whl")
    assert _get(url, Range="bytes=-10")[0::2] == (206, content[-10:])
    assert _get(url, Range="bytes=5-8")[0::2] == (206, content[5:9])
    assert _get(url, Range="bytes=999999-")[0] == 416
    etag = _get(url)[1]["ETag"]
    assert _get(url, If_None_Match=etag)[0::2] == (304, b"")
    assert _get(f"{index.url}spam/", Accept_Encoding="gzip")[1]["Content-Encoding"] == "gzip"


def test_faults_last_as_long_as_was_asked(index: LocalIndex) -> None:
    index.add_wheel("spam", "1.0")
    index.fail("spam", 503, headers={"Retry-After": "1"})
    status, headers, _ = _get(f"{index.url}spam/")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert _get(f"{index.url}spam/")[0] == 200
    index.cut("spam", after=10)
    with pytest.raises(http.client.IncompleteRead):
        _get(f"{index.url}spam/")
    index.drop("spam")
    with pytest.raises(http.client.RemoteDisconnected):
        _get(f"{index.url}spam/")
    assert index.count("spam") == 4


def test_password_is_asked_for(index: LocalIndex) -> None:
    index.add_wheel("spam", "1.0")
    index.auth = ("me", "secret")
    assert _get(f"{index.url}spam/")[0] == 401
    assert _get(f"{index.url}spam/", Authorization="Basic bWU6c2VjcmV0")[0] == 200


def test_connections_are_kept_unless_told_otherwise(index: LocalIndex) -> None:
    index.add_wheel("spam", "1.0")
    for expected, index.close_each in ((1, False), (3, True)):
        index.forget()
        connection = http.client.HTTPConnection(index.host)
        for _ in range(3):
            connection.request("GET", "/simple/spam/")
            connection.getresponse().read()
        connection.close()
        assert index.connections == expected
