"""Direct references: what an address means, and what of it may be told."""

from __future__ import annotations

import pytest

from pkm_env.model.distribution import BadReference, source_of_url, without_secrets
from pkm_env.model.requirements import parse_requirement


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://user:secret@files.example/a.whl", "https://files.example/a.whl"),
        ("git+https://token@g.example/r@v1", "git+https://g.example/r@v1"),
        ("git+ssh://git:secret@g.example/r", "git+ssh://git@g.example/r"),
        ("https://files.example/a@b/a.whl", "https://files.example/a@b/a.whl"),
        ("file:///folder/a@b", "file:///folder/a@b"),
    ],
)
def test_an_address_is_told_without_its_secrets(url, plain):
    assert without_secrets(url) == plain
    assert parse_requirement(f"a @ {url}").url == plain


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:///some%20where/lib", "/some where/lib"),
        ("file://localhost/lib", "/lib"),
        ("file:///C:/some%20where", "C:/some where"),
    ],
)
def test_a_file_url_of_a_folder_becomes_its_path(url, place):
    source = source_of_url(url)
    assert (source.kind, source.location) == ("directory", place)


def test_localhost_in_a_file_url_of_an_archive_is_this_machine():
    assert source_of_url("file://localhost/lib/a-1.tar.gz") == source_of_url("file:///lib/a-1.tar.gz")
    assert source_of_url("file://localhosts/a-1.tar.gz").location == "file://localhosts/a-1.tar.gz"


def test_the_escapes_of_a_subdirectory_are_undone():
    assert source_of_url("git+https://g.example/r@v1#subdirectory=some%20where").subdirectory == "some where"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_digest_behind_an_archive_is_kept_whatever_its_kind(algorithm):
    source = source_of_url(f"https://files.example/a-1.tar.gz#{algorithm}=AB01&egg=a")
    assert source.hashes == {algorithm: "ab01"}


@pytest.mark.parametrize(
    "url", ["./a.whl", "a.whl", "hg+https://h.example/r", "ftp://f.example/a.whl", "https:a.whl"]
)
def test_an_address_that_pkm_cannot_fetch_is_refused(url):
    with pytest.raises(BadReference):
        source_of_url(url)
