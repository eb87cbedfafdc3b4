"""METADATA out of the end of a wheel."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.index.archive import BadArchive, NotHere, wheel_metadata
from pkm_env.index.client import local_metadata
from tests.support.wheels import make_wheel, wheel_bytes, zip_bytes

if TYPE_CHECKING:
    from pathlib import Path

NAME = "spam-1.0-py3-none-any.whl"
TEXT = "Metadata-Version: 2.1\nName: spam\nVersion: 1.0\n"


class Reads:
    """Reads parts of bytes and counts how often."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[tuple[int, int]] = []

    def __call__(self, start: int, length: int) -> bytes:
        self.spans.append((start, length))
        return self.data[start : start + length]


def read(data: bytes, filename: str = NAME) -> str:
    return wheel_metadata(filename, len(data), Reads(data))


def test_a_large_wheel_is_read_at_its_end_alone():
    _, data = wheel_bytes("spam", "1.0", files={"spam.bin": bytes(range(256)) * 4000}, compress=False)
    reads = Reads(data)
    assert "Name: spam" in wheel_metadata(NAME, len(data), reads)
    assert all(start >= len(data) - 24 * 1024 for start, _ in reads.spans)


@pytest.mark.parametrize("compress", [True, False])
def test_stored_and_deflated_entries_are_read(compress: bool):
    data = zip_bytes({"spam-1.0.dist-info/METADATA": TEXT.encode(), "x": b"y" * 99}, compress=compress)
    assert read(data) == TEXT


def test_a_long_comment_hides_nothing():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("spam-1.0.dist-info/METADATA", TEXT)
        archive.comment = b"c" * 60_000
    assert read(buffer.getvalue()) == TEXT


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "has no METADATA"),
        ({"other-1.0.dist-info/METADATA": b""}, "another project"),
        ({"spam-1.0.dist-info/METADATA": b"", "eggs-1.0.dist-info/METADATA": b""}, "more than one"),
        ({"below/spam-1.0.dist-info/METADATA": b""}, "has no METADATA"),
    ],
    ids=["none", "another", "two", "not at the top"],
)
def test_a_wheel_has_exactly_one_metadata_and_its_own(members: dict[str, bytes], why: str):
    with pytest.raises(BadArchive, match=why):
        read(zip_bytes(members))


def test_an_encoding_that_zlib_does_not_know_needs_the_whole_file():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("spam-1.0.dist-info/METADATA", TEXT * 9)
    with pytest.raises(NotHere):
        read(buffer.getvalue())


@given(st.data())
def test_damage_is_noticed_or_changes_nothing(data: st.DataObject):
    whole = bytearray(zip_bytes({"spam-1.0.dist-info/METADATA": TEXT.encode(), "x.py": b"print()\n" * 9}))
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = read(bytes(whole))
    except (BadArchive, NotHere):
        return
    assert found == TEXT


def test_a_wheel_of_this_disk_tells_its_metadata(tmp_path: Path):
    path = make_wheel(tmp_path, "spam", "1.0", requires=["eggs"])
    assert "Requires-Dist: eggs" in local_metadata(str(path))
    with pytest.raises(BadArchive, match="cannot be read"):
        local_metadata(str(tmp_path / "nothing.whl"))


def test_a_wheel_of_this_disk_in_a_form_that_is_not_read_quickly_is_read_whole(tmp_path: Path):
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("spam-1.0.dist-info/METADATA", TEXT * 9)
    assert local_metadata(str(path)) == TEXT * 9


def test_a_damaged_wheel_in_the_zip64_form_is_a_bad_archive(tmp_path: Path):
    path = tmp_path / NAME
    path.write_bytes(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    with pytest.raises(BadArchive, match="cannot be read"):
        local_metadata(str(path))


def test_an_entry_in_the_zip64_form_needs_the_whole_file():
    data = bytearray(zip_bytes({"spam-1.0.dist-info/METADATA": TEXT.encode()}))
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 20 : entry + 24] = b"\xff" * 4
    with pytest.raises(NotHere):
        read(bytes(data))
    end = data.rfind(b"PK\x05\x06")
    data[end + 16 : end + 20] = b"\xff" * 4
    with pytest.raises(NotHere):
        read(bytes(data))


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [(24, 1 << 30, "pkm reads 16 MB at most"), (42, 1 << 20, "outside the entries")],
    ids=["a size that is too large", "a place outside"],
)
def test_a_directory_that_lies_is_noticed(at: int, value: int, why: str):
    data = bytearray(zip_bytes({"spam-1.0.dist-info/METADATA": TEXT.encode()}))
    entry = data.rfind(b"PK\x01\x02")
    data[entry + at : entry + at + 4] = value.to_bytes(4, "little")
    with pytest.raises(BadArchive, match=why):
        read(bytes(data))
