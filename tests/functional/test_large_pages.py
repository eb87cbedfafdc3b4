"""Large pages from an empty cache, which a second process reads where the system makes one quickly."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from tests.support.projects import HEAD, ok, write_project

VERSIONS = 400
JSON_TYPE = "application/vnd.pypi.simple.v1+json"


def digest_of(number):
    """A digest that does not become much smaller when it is packed."""
    return hashlib.sha256(f"{number}".encode()).hexdigest()


def large_page(index, name, odd=()):
    """The page of a package with many versions: those that are there, and *odd* entries."""
    files = [
        {"filename": f"{name}-0.{number}-py3-none-any.whl", "hashes": {"sha256": digest_of(number)}}
        for number in range(VERSIONS)
    ]
    for entry in files:
        entry |= {
            "url": f"{index.base}/files/{entry['filename']}",
            "upload-time": "2026-01-02T03:04:05.678901Z",
        }
    body = {"meta": {"api-version": "1.1"}, "name": name, "files": [*files, *odd]}
    return json.dumps(body, separators=(",", ":")).encode()


@pytest.fixture
def packing(request):
    """How pages are sent: plain unless the test says otherwise."""
    return getattr(request, "param", "plain")


@pytest.fixture
def project(index, tmp_path, packing):
    """A project that needs packages with large pages; one page has an entry that pkm leaves out."""
    odd = {"filename": "ham-1.0.zip", "hashes": {"sha256": "zz"}, "url": f"{index.base}/files/ham-1.0.zip"}
    for name, more in (("eggs", ()), ("ham", (odd,))):
        real = index.add_wheel(name, "7.0", requires=["eggs"] if name == "ham" else [])
        listed = {
            "filename": f"{name}-7.0-py3-none-any.whl",
            "hashes": {"sha256": real.sha256},
            "url": index.file_url(f"{name}-7.0-py3-none-any.whl"),
            "core-metadata": True,
        }
        body = large_page(index, name, [listed, *more])
        assert len(body) > 1 << 16
        headers = {"Content-Type": JSON_TYPE, "Cache-Control": "max-age=600"}
        if packing != "plain":
            packed = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
            assert len(packed) > 1 << 13
            if packing == "damaged gzip":
                damaged = bytearray(packed)
                damaged[5000] ^= 255
                index.reply(f"/simple/{name}/", body=bytes(damaged), headers=headers, times=1)
            body = packed
        index.reply(f"/simple/{name}/", body=body, headers=headers)
    return write_project(tmp_path / "shop", f'{HEAD}dependencies = ["ham", "eggs"]\n')


@pytest.mark.parametrize("packing", ["plain", "gzip", "damaged gzip"], indirect=True)
def test_large_pages_give_the_same_lock_whoever_reads_them(index, pkm, project):
    told = ok(pkm("env", "lock", cwd=project))
    lock = (project / "pylock.toml").read_bytes()
    assert told.stderr.count("an entry of the index page is left out: ham-1.0.zip") == 1
    assert b'version = "7.0"' in lock
    index.forget()
    (project / "pylock.toml").unlink()
    ok(pkm("env", "lock", cwd=project))
    assert index.count("/simple/") == 0
    assert (project / "pylock.toml").read_bytes() == lock


def test_a_page_that_is_none_is_told_alike_when_it_is_large(index, pkm, project):
    index.heal()
    body = large_page(index, "spam")
    index.reply("/simple/ham/", body=body, headers={"Content-Type": JSON_TYPE})
    assert "it is the page of spam, not of ham" in pkm("env", "lock", cwd=project).stderr


def test_without_a_cache_that_can_be_written_large_pages_are_read_too(index, pkm, project, tmp_path):
    (tmp_path / "home").mkdir(exist_ok=True)
    place = tmp_path / "file"
    place.write_text("")
    told = ok(pkm("env", "lock", cwd=project, env={"PKM_CACHE_DIR": str(place)}))
    assert told.stderr.count("is not used") == 1
    assert index.count("/simple/ham/") == 1
