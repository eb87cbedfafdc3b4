"""Files on their way from an index to the disk."""

from __future__ import annotations

import gzip
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from pkm_env.index.auth import Credentials
from pkm_env.index.client import IndexClient, max_age
from pkm_env.index.download import NoRanges, read_span
from pkm_env.index.errors import (
    BadPage,
    DamagedWheel,
    HashMismatch,
    IndexRefused,
    IndexUnreachable,
    TooLarge,
    WriteFailed,
)
from pkm_env.index.http import Http
from pkm_env.index.spec import IndexSpec
from pkm_env.model.distribution import File, Metadata, Unavailable
from tests.support.index_server import LocalIndex
from tests.support.wheels import wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIG = {"spam.bin": bytes(range(256)) * 3000}


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as served:
        served.add_wheel("spam", "1.0", files=BIG, requires=["eggs"], compress=False)
        yield served


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(pauses: list[float]) -> Iterator[IndexClient]:
    made = IndexClient(Http(Credentials(), timeout_s=5, sleep=pauses.append))
    yield made
    made.http.close()


@pytest.fixture
def target(tmp_path: Path) -> str:
    return str(tmp_path / "target")


def the_file(index: LocalIndex, **told) -> File:
    listed = index.file("spam-1.0-py3-none-any.whl")
    how = {"hashes": {"sha256": listed.sha256}, "size": listed.size, "index": "main", **told}
    return File(listed.filename, index.file_url(listed.filename), **how)


def content(index: LocalIndex) -> bytes:
    return index.file("spam-1.0-py3-none-any.whl").content


def test_a_file_arrives_with_its_digest_and_size(index: LocalIndex, client: IndexClient, target: str):
    amounts: list[int] = []
    file = the_file(index)
    assert client.download(file, target, advance=amounts.append) == (file.hashes["sha256"], file.size)
    with open(target, "rb") as written:
        assert written.read() == content(index)
    assert sum(amounts) == file.size


def test_a_file_that_is_cut_goes_on_where_it_ended(index: LocalIndex, client: IndexClient, target: str):
    index.cut(".whl", after=300_000, times=1)
    file = the_file(index)
    assert client.download(file, target)[0] == file.hashes["sha256"]
    first, second = index.requests
    assert "range" not in first.headers
    assert second.headers["range"] == "bytes=300000-"
    assert "if-range" in second.headers


def test_a_file_that_comes_in_drips_goes_on_where_it_ended(index: LocalIndex, target: str):
    index.drip(".whl", after=300_000)
    file = the_file(index)
    hasty = IndexClient(Http(Credentials(), slow_s=0.05, sleep=lambda _: None))
    assert hasty.download(file, target)[0] == file.hashes["sha256"]
    hasty.http.close()
    begin = index.requests[1].headers["range"].removeprefix("bytes=").removesuffix("-")
    assert 300_000 < int(begin) < 301_000


def test_a_file_that_changed_between_two_parts_is_fetched_from_its_start(
    index: LocalIndex, client: IndexClient, target: str
):
    file = the_file(index)
    index.etags = False
    listed = index.file(file.filename)
    whole = listed.content
    index.replace(file.filename, b"X" * len(whole))
    index.cut(".whl", after=1000, times=1)
    amounts: list[int] = []

    def heal(amount: int) -> None:
        amounts.append(amount)
        index.replace(file.filename, whole)

    assert client.download(file, target, advance=heal)[0] == file.hashes["sha256"]
    assert [asked.headers.get("range") for asked in index.requests] == [None, "bytes=1000-", None]


def test_a_server_without_ranges_is_asked_for_the_whole_again(
    index: LocalIndex, client: IndexClient, target: str
):
    index.ranges = False
    index.cut(".whl", after=300_000, times=2)
    assert client.download(the_file(index), target)[1] == len(content(index))
    assert all("range" not in asked.headers for asked in index.requests)


def test_the_whole_that_came_in_place_of_a_part_is_what_is_downloaded(
    index: LocalIndex, client: IndexClient, target: str
):
    index.ranges = False
    file = the_file(index)
    assert client.metadata(file) is None
    assert client.download(file, target) == (file.hashes["sha256"], len(content(index)))
    assert [asked.headers.get("range") is None for asked in index.requests] == [False]
    # All of it was read, so the connection serves for what follows.
    client.download(file, target)
    assert (len(index.requests), index.connections) == (2, 1)


def test_the_whole_that_came_in_place_of_a_part_and_was_cut_is_asked_for_again(
    index: LocalIndex, client: IndexClient, target: str
):
    index.ranges = False
    index.cut(".whl", after=300_000, times=1)
    file = the_file(index)
    assert client.metadata(file) is None
    assert client.download(file, target)[0] == file.hashes["sha256"]
    assert len(index.requests) == 2


def test_another_content_is_refused_and_nothing_stays(index: LocalIndex, client: IndexClient, target: str):
    file = the_file(index, hashes={"sha256": "0" * 64})
    with pytest.raises(HashMismatch) as caught:
        client.download(file, target)
    assert (caught.value.algorithm, caught.value.expected) == ("sha256", "0" * 64)
    assert not os.path.exists(target)
    assert index.count(".whl") == 1


def test_the_hashes_of_the_lock_count_not_those_of_the_index(
    index: LocalIndex, client: IndexClient, target: str
):
    file = the_file(index, hashes={"sha256": "0" * 64})
    client.download(file, target, hashes={"sha512": sha512(content(index))})
    assert os.path.getsize(target) == len(content(index))


def sha512(data: bytes) -> str:
    import hashlib

    return hashlib.sha512(data).hexdigest()


def test_a_file_larger_than_listed_is_given_up_early(index: LocalIndex, client: IndexClient, target: str):
    with pytest.raises(TooLarge, match="larger than the 10 bytes"):
        client.download(the_file(index, size=10), target)
    assert not os.path.exists(target)


def test_a_file_that_is_gone_is_a_refusal(index: LocalIndex, client: IndexClient, target: str):
    file = the_file(index)
    index.remove(file.filename)
    with pytest.raises(IndexRefused) as caught:
        client.download(file, target)
    assert caught.value.status == 404


def test_a_file_that_never_comes_whole_is_unreachable(
    index: LocalIndex, client: IndexClient, target: str, pauses: list[float]
):
    index.drop(".whl", times=None)
    with pytest.raises(IndexUnreachable):
        client.download(the_file(index), target)
    assert len(pauses) == 3
    assert not os.path.exists(target)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is Linux's")
def test_a_full_disk_is_no_fault_of_the_network(index: LocalIndex, client: IndexClient, tmp_path: Path):
    target = tmp_path / "target"
    target.symlink_to("/dev/full")
    with pytest.raises(WriteFailed, match="No space left"):
        client.download(the_file(index), str(target))
    assert index.count(".whl") == 1


def test_a_folder_that_is_not_there_is_told(index: LocalIndex, client: IndexClient, tmp_path: Path):
    with pytest.raises(WriteFailed, match="cannot be written"):
        client.download(the_file(index), str(tmp_path / "no" / "target"))
    assert index.requests == []


def test_metadata_of_another_digest_than_listed_is_an_error_after_one_more_try(
    index: LocalIndex, client: IndexClient
):
    with pytest.raises(HashMismatch) as caught:
        client.metadata(the_file(index, metadata_hashes={"sha256": "0" * 64}))
    assert caught.value.filename == "spam-1.0-py3-none-any.whl.metadata"
    assert (caught.value.expected, caught.value.index) == ("0" * 64, "main")
    assert index.count(".metadata") == 2


def test_metadata_that_came_damaged_once_is_asked_for_again(index: LocalIndex, client: IndexClient):
    digest = hashlib.sha256(index.file("spam-1.0-py3-none-any.whl").metadata or b"").hexdigest()
    index.reply(".metadata", body=b"Name: other", times=1)
    found = client.metadata(the_file(index, metadata_hashes={"sha256": digest}))
    assert isinstance(found, Metadata)
    assert index.count(".metadata") == 2


@pytest.mark.parametrize("body", [b"", b"<html>sign in</html>"], ids=["empty", "a page"])
def test_a_sibling_without_a_digest_that_is_no_metadata_is_replaced_by_a_range(
    index: LocalIndex, client: IndexClient, body: bytes
):
    index.reply(".metadata", body=body)
    found = client.metadata(the_file(index, metadata_hashes={}))
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs",)


def test_a_sibling_that_is_not_there_after_all_is_replaced_by_a_range(index: LocalIndex, client: IndexClient):
    index.metadata = False
    found = client.metadata(the_file(index, metadata_hashes={}))
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs",)
    assert index.count(".whl", status=206) == 1


def test_a_server_without_ranges_is_asked_for_a_part_once(index: LocalIndex, client: IndexClient):
    index.ranges = False
    assert client.metadata(the_file(index)) is None
    assert client.metadata(the_file(index)) is None
    assert len(index.requests) == 1


def test_a_wheel_that_is_no_archive_is_read_whole_for_its_digest(index: LocalIndex, client: IndexClient):
    index.replace("spam-1.0-py3-none-any.whl", b"<html>not found</html>")
    assert client.metadata(the_file(index)) is None


@pytest.mark.parametrize(
    ("size", "reason"), [(None, "it has no end record"), (900, "it has 22 bytes, where 900 are listed")]
)
def test_a_wheel_without_a_digest_that_is_no_archive_is_an_error_after_one_more_try(
    index: LocalIndex, client: IndexClient, size: int | None, reason: str
):
    index.replace("spam-1.0-py3-none-any.whl", b"<html>not found</html>")
    with pytest.raises(DamagedWheel, match=f'from index "main" is damaged: {reason}') as caught:
        client.metadata(the_file(index, hashes={}, size=size))
    assert caught.value.filename == "spam-1.0-py3-none-any.whl"
    assert len(index.requests) == 2


@pytest.mark.parametrize("sibling", [True, False])
def test_metadata_beyond_the_limit_is_refused_with_its_size(
    index: LocalIndex, client: IndexClient, sibling: bool
):
    text = "Metadata-Version: 2.1\nName: big\nVersion: 1.0\n\n" + "x" * (17 << 20)
    index.add_wheel("big", "1.0", metadata=text)
    url = f"{index.base}/files/big-1.0-py3-none-any.whl"
    found = client.metadata(File("big-1.0-py3-none-any.whl", url, metadata_hashes={} if sibling else None))
    assert isinstance(found, Unavailable)
    assert found.reason == "big-1.0-py3-none-any.whl: its METADATA has 17 MB, and pkm reads 16 MB at most"


def test_a_large_file_beside_a_wheel_does_not_count_where_the_wheel_is_sound(
    index: LocalIndex, client: IndexClient
):
    index.reply(".metadata", body=b" " * (17 << 20))
    found = client.metadata(the_file(index, metadata_hashes={}))
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs",)


def test_a_wheel_of_another_project_is_passed_over(index: LocalIndex, client: IndexClient):
    _, other = wheel_bytes("eggs", "1.0")
    index.replace("spam-1.0-py3-none-any.whl", other)
    found = client.metadata(the_file(index, size=len(other)))
    assert isinstance(found, Unavailable)
    assert "that of another project" in found.reason


@pytest.mark.parametrize("text", ["", "bytes */5", "bytes a-b/c", "lines 0-1/2", "bytes 0-4/*"])
def test_a_span_that_cannot_be_read_is_none(text: str):
    with pytest.raises(NoRanges):
        read_span(text)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("max-age=60, public", 60),
        ('Max-Age="60"', 60),
        ("no-cache", 0),
        ("no-store", -1),
        ("", 600),
        ("max-age=soon", 600),
        ("max-age=99999999999999", 86_400),
    ],
)
def test_cache_control_says_how_long_a_page_is_fresh(told: str, seconds: int):
    assert max_age({"cache-control": told}) == seconds


def test_a_page_for_all_names_is_read_for_one(index: LocalIndex, client: IndexClient):
    index.add_wheel("eggs", "2.0")
    flat = IndexSpec("flat", index.flat_url, flat=True)
    page = client.read(flat, "eggs", client.ask(flat, ""))
    assert page.digest[0] == ("2.0",)
    assert page.warnings == []


PACKED = {"Content-Type": "text/html", "Content-Encoding": "gzip"}


def page_of(index: LocalIndex) -> bytes:
    wheel = "spam-7.0-py3-none-any.whl"
    return f'<html><a href="{index.base}/files/{wheel}">{wheel}</a></html>'.encode()


def test_a_packed_page_is_unpacked_where_it_is_read(index: LocalIndex, client: IndexClient):
    index.reply("/simple/spam/", body=gzip.compress(page_of(index)), headers=PACKED)
    answer = client.ask(IndexSpec("main", index.url), "spam")
    assert answer.is_packed
    assert client.read(IndexSpec("main", index.url), "spam", answer).digest[0] == ("7.0",)
    assert len(index.requests) == 1


def test_a_packed_page_for_all_names_is_unpacked_once(index: LocalIndex, client: IndexClient):
    index.reply("/flat/", body=gzip.compress(page_of(index)), headers=PACKED)
    flat = IndexSpec("flat", index.flat_url, flat=True)
    assert not client.ask(flat, "").is_packed


@pytest.mark.parametrize("flaw", ["a byte", "its end", "another time"])
def test_a_packed_page_that_came_damaged_is_asked_for_again(
    index: LocalIndex, client: IndexClient, pauses: list[float], flaw: str
):
    whole = gzip.compress(page_of(index))
    damaged = whole[:-9] if flaw == "its end" else whole[:20] + bytes((whole[20] ^ 255,)) + whole[21:]
    index.reply("/simple/spam/", body=damaged, headers=PACKED, times=2 if flaw == "another time" else 1)
    index.reply("/simple/spam/", body=whole, headers=PACKED)
    main = IndexSpec("main", index.url)
    assert client.read(main, "spam", client.ask(main, "spam")).digest[0] == ("7.0",)
    assert len(pauses) == (1 if flaw == "another time" else 0)


def test_a_packed_page_that_stays_damaged_or_goes_away_is_an_error(index: LocalIndex, client: IndexClient):
    main = IndexSpec("main", index.url)
    index.reply("/simple/spam/", body=gzip.compress(page_of(index))[:-9], headers=PACKED)
    answer = client.ask(main, "spam")
    with pytest.raises(IndexUnreachable, match="ended early"):
        client.read(main, "spam", answer)
    index.heal()
    index.fail("/simple/spam/", 404)
    with pytest.raises(BadPage, match="came damaged, and is not there any more"):
        client.read(main, "spam", answer)


def test_a_packed_page_that_unpacks_to_too_much_is_refused(
    index: LocalIndex, client: IndexClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pkm_env.index.client.MAX_PAGE", 1 << 20)
    index.reply("/simple/spam/", body=gzip.compress(bytes(1 << 21)), headers=PACKED)
    main = IndexSpec("main", index.url)
    with pytest.raises(BadPage, match="larger than 1 MB"):
        client.read(main, "spam", client.ask(main, "spam"))


def test_a_part_that_was_not_asked_for_is_not_taken(index: LocalIndex, client: IndexClient, target: str):
    file = the_file(index)
    index.cut(".whl", after=1000, times=1)
    wrong = {"Content-Range": "bytes 5-9/10", "Accept-Ranges": "bytes"}
    amounts: list[int] = []

    def mislead(amount: int) -> None:
        if not amounts:
            index.reply(".whl", status=206, body=b"wrong", headers=wrong, times=1)
        amounts.append(amount)

    assert client.download(file, target, advance=mislead)[0] == file.hashes["sha256"]
    with open(target, "rb") as written:
        assert written.read() == content(index)
