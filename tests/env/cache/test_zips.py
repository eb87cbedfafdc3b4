"""The archive of a wheel as it should be, and each way in which one can be bad or made to do harm."""

from __future__ import annotations

import mmap
import os
import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest

from pkm_env.cache.unpack import BadWheel, unpack
from pkm_env.cache.zips import MAPPED_BYTES, PIECE, Archive, Limits
from tests.support.bad_wheels import INFO, bad, entry, recorded, refused, take
from tests.support.environments import snapshot
from tests.support.wheels import wheel_bytes


def test_stored_members_and_data_descriptors_are_read(tmp_path):
    import io

    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    filename, content = wheel_bytes("spam", "1.0", files={"a.py": "x = 1\n" * 50, "b.py": ""}, compress=False)
    target = Unseekable()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for name in source.namelist():
            copy.writestr(name, source.read(name))
    assert take(tmp_path, bytes(target.data), filename).name == "spam"


@pytest.mark.skipif(sys.platform != "linux", reason="what a mapping holds in memory is read from /proc")
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_little_of_a_large_archive_is_in_memory_at_once(tmp_path, kind):
    """Largest wheels come first, several at once: whole ones in memory made a sync three times as large."""
    path = tmp_path / "large.zip"
    noise = os.urandom(1 << 20)
    with zipfile.ZipFile(path, "w", kind) as archive:
        for number in range(4):
            archive.writestr(str(number), noise * 6 + bytes(4 << 20))
        for number in range(12):
            archive.writestr(f"small{number}", noise[: 1 << 19])
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        archive = Archive(data, "large.zip")
        largest, held = 0, []
        for member in archive.members:
            for piece in archive.pieces(member):
                largest = max(largest, len(piece))
                held.append(resident_bytes(path))
    assert path.stat().st_size > 24 << 20
    assert largest <= PIECE
    assert max(held[1:]) < 2 * MAPPED_BYTES


def resident_bytes(path) -> int:
    """How much of the mapping of a file is in memory."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        key = line.split()[0]
        if not key.endswith(":"):
            inside = line.endswith(str(path))
        elif inside and key == "Rss:":
            return int(line.split()[1]) * 1024
    raise AssertionError("the file is not mapped")


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "spam/../../evil.py",
        "/evil.py",
        "//host/share/evil.py",
        "..\\evil.py",
        "\\\\host\\share\\evil.py",
        "C:/evil.py",
        "c:evil.py",
        "spam//evil.py",
        "spam/./evil.py",
        "spam/evil\x1b[2J.py",
        "spam/evil\n.py",
        "..",
        "a" * 256,
    ],
)
def test_path_that_leads_outside_or_nowhere_is_refused(tmp_path, name):
    error = bad(tmp_path, edit_recorded=recorded(name), entries=[(entry(name), b"x")])
    assert error.member
    assert str(error).isprintable()


DEEP = "d/" * 100


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a/" + "d/" * 30_000 + "x.py", "more than 1,024 bytes"),
        ("d" * 200 + ("/" + "d" * 200) * 25, "more than 1,024 bytes"),
        ("\xe9" * 200 + ("/" + "\xe9" * 120) * 2, "255 bytes"),
        (("\xe9" * 120 + "/") * 5 + "x.py", "more than 1,024 bytes"),
        (DEEP + "d/x.py", "more than 100 folders deep"),
    ],
    ids=["levels", "parts", "name", "letters", "deep"],
)
def test_path_that_is_longer_or_deeper_than_any_in_use_is_refused(tmp_path, name, word):
    error = bad(tmp_path, files={name: "x"})
    assert word in error.reason
    assert len(str(error)) < 400


def test_path_of_as_many_levels_as_may_be_is_unpacked(tmp_path):
    filename, content = wheel_bytes("spam", "1.0", files={DEEP + "x.py": "x"})
    take(tmp_path, content, filename)
    assert (tmp_path / "tree" / DEEP / "x.py").read_text() == "x"


def test_path_that_the_system_does_not_take_is_told_of_the_wheel(tmp_path):
    (tmp_path / "cache").mkdir()
    filename, content = wheel_bytes("spam", "1.0", files={("d" * 190 + "/") * 5 + "x.py": "x"})
    long = "/".join(["cache", *["c" * 200] * ((4000 - len(str(tmp_path))) // 201)])
    os.makedirs(tmp_path / long)
    (tmp_path / "spam.whl").write_bytes(content)
    with pytest.raises(BadWheel, match="does not take"):
        unpack(str(tmp_path / "spam.whl"), str(tmp_path / long / "tree"), filename=filename)
    assert os.listdir(tmp_path / long) == []


def test_nul_in_a_name_is_refused(tmp_path):
    filename, content = wheel_bytes("spam", "1.0", files={"spamXpy": "x"})
    assert "control" in refused(tmp_path, content.replace(b"spamXpy", b"spam\0py"), filename).reason


@pytest.mark.parametrize(
    "name", ["con.py", "spam/NUL", "aux", "spam/x.", "spam/x ", "spam/x:stream", "lpt1.txt"]
)
def test_names_that_windows_reads_otherwise_are_refused_there_alone(tmp_path, name):
    filename, content = wheel_bytes("spam", "1.0", files={name: "x"})
    assert "Windows" in refused(tmp_path, content, filename, platform="win32").reason
    assert take(tmp_path, content, filename, platform="linux").name == "spam"


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR]
)
def test_links_and_devices_are_refused(tmp_path, mode):
    error = bad(tmp_path, edit_recorded=recorded("evil"), entries=[(entry("evil", mode=mode | 0o777), b"x")])
    assert error.member == "evil"


@pytest.mark.parametrize("bits", [0o4755, 0o2755, 0o1755])
def test_bits_that_give_rights_are_refused(tmp_path, bits):
    error = bad(
        tmp_path, edit_recorded=recorded("evil"), entries=[(entry("evil", mode=stat.S_IFREG | bits), b"x")]
    )
    assert "setuid" in error.reason


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entry_that_is_there_twice_is_refused(tmp_path):
    error = bad(tmp_path, files={"spam.py": "x"}, entries=[(entry("spam.py"), b"x")])
    assert (error.member, error.reason) == ("spam.py", "is there twice")


@pytest.mark.parametrize(
    ("one", "other"), [("spam.py", "SPAM.py"), ("\u00e9.py", "e\u0301.py"), ("\u00df", "SS")]
)
def test_names_that_collide_on_some_file_system_are_refused(tmp_path, one, other):
    assert "case" in bad(tmp_path, files={one: "x", other: "x"}).reason


def test_file_that_is_a_folder_too_is_refused(tmp_path):
    error = bad(tmp_path, files={"spam": "x", "spam/x.py": "x"})
    assert (error.member, error.reason) == ("spam", "is a file and a directory")


def test_wrong_checksum_is_refused(tmp_path):
    def break_crc(content):
        at = content.index(b"PK\1\2") + 16
        local = 14
        broken = bytearray(content)
        for place in (at, local):
            broken[place] ^= 0xFF
        return bytes(broken)

    error = bad(tmp_path, files={"spam.py": "x = 1\n"}, mangle=break_crc)
    assert "checksum" in error.reason


@pytest.mark.parametrize("at", [6, 8, 14, 18, 22, 30])
def test_local_header_that_contradicts_the_directory_is_refused(tmp_path, at):
    """Flags, method, checksum, both sizes and the name stand in both places."""

    def break_header(content):
        broken = bytearray(content)
        broken[at] ^= 0x08 if at == 6 else 0x01
        return bytes(broken)

    assert bad(tmp_path, files={"spam.py": "x = 1\n" * 30}, mangle=break_header).member == "spam.py"


def test_data_before_the_archive_is_refused(tmp_path):
    assert "before" in bad(tmp_path, mangle=lambda content: b"#!/bin/sh\n" + content).reason


def test_data_after_the_archive_is_refused(tmp_path):
    assert "after" in bad(tmp_path, mangle=lambda content: content + b"more").reason


def test_two_archives_in_one_file_are_refused(tmp_path):
    _, other = wheel_bytes("evil", "1.0")

    def join(content):
        return other + content

    assert bad(tmp_path, mangle=join).reason


def test_hidden_data_between_entries_is_refused(tmp_path):
    def hide(content):
        start = content.index(b"PK\1\2")
        moved = bytearray(content[:start] + b"hidden" + content[start:])
        end = len(moved) - 22
        struct.pack_into("<L", moved, end + 16, start + 6)
        return bytes(moved)

    assert "hidden" in bad(tmp_path, mangle=hide).reason


def test_end_record_in_the_comment_is_refused(tmp_path):
    def add_comment(content):
        end = content[-22:]
        return content[:-2] + struct.pack("<H", 22) + end

    assert bad(tmp_path, mangle=add_comment).reason in {
        "has two ends",
        "has data before its start or after its directory",
    }


@pytest.mark.parametrize("cut", [1, 22, 100, 300])
def test_wheel_that_was_cut_short_is_refused(tmp_path, cut):
    assert bad(tmp_path, mangle=lambda content: content[:-cut]).reason


def test_empty_file_is_refused(tmp_path):
    assert refused(tmp_path, b"").reason == "is empty"


def test_page_in_the_place_of_a_wheel_is_refused(tmp_path):
    assert "no zip" in refused(tmp_path, b"<html>503</html>" * 30).reason


@pytest.mark.parametrize(
    ("at", "bit", "word"), [(8, 1, "encrypted"), (8, 0x20, "unknown feature"), (10, 0x0C, "method")]
)
def test_features_that_wheels_do_not_use_are_refused(tmp_path, at, bit, word):
    def change(content):
        broken = bytearray(content)
        place = content.index(b"PK\1\2") + at
        broken[place] = broken[place] | bit if at == 8 else bit
        return bytes(broken)

    assert word in bad(tmp_path, mangle=change).reason


def test_bomb_by_announced_size_is_refused(tmp_path):
    filename, content = wheel_bytes("spam", "1.0", files={"zeros": bytes(1 << 20)})
    limits = Limits(size_bytes=1 << 19)
    assert "more than" in refused(tmp_path, content, filename, limits=limits).reason


def test_bomb_by_ratio_is_refused(tmp_path):
    filename, content = wheel_bytes("spam", "1.0", files={"zeros": bytes(8 << 20)})
    limits = Limits(ratio_from_bytes=1 << 20)
    assert "bomb" in refused(tmp_path, content, filename, limits=limits).reason


def test_bomb_by_count_is_refused(tmp_path):
    filename, content = wheel_bytes("spam", "1.0", files={f"f{number}": "" for number in range(20)})
    assert "entries" in refused(tmp_path, content, filename, limits=Limits(entries=10)).reason


@pytest.mark.parametrize("size", [1 << 10, 9 << 20])
def test_bomb_that_lies_about_its_size_is_refused(tmp_path, size):
    filename, content = wheel_bytes("spam", "1.0", files={"zeros": bytes(size)})
    broken = bytearray(content)
    struct.pack_into("<L", broken, 22, 10)
    struct.pack_into("<L", broken, content.index(b"PK\1\2") + 24, 10)
    assert refused(tmp_path, bytes(broken), filename).member == "zeros"


def test_overlapping_entries_are_refused(tmp_path):
    """One block of compressed data behind many entries is the strongest of bombs."""
    filename, content = wheel_bytes("spam", "1.0", files={"a.py": "x", "b.py": "x"})
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 4)
    broken = bytearray(content)
    struct.pack_into("<L", broken, second + 42, 0)
    assert refused(tmp_path, bytes(broken), filename).reason == "overlaps another entry"


def test_flipped_byte_anywhere_is_noticed_or_harmless(tmp_path):
    """Whatever byte is flipped, the tree is what it was, or the wheel is refused; never another tree."""
    filename, content = wheel_bytes("spam", "1.0", files={"spam.py": "x = 1\n" * 20})
    take(tmp_path, content, filename, mtime_ns=0)
    good = snapshot(tmp_path / "tree")
    for at in range(len(content)):
        for path in sorted((tmp_path / "tree").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "tree").rmdir() if (tmp_path / "tree").exists() else None
        broken = bytearray(content)
        broken[at] ^= 0x10
        try:
            take(tmp_path, bytes(broken), filename, mtime_ns=0)
        except BadWheel:
            assert not (tmp_path / "tree").exists()
            (tmp_path / "tree").mkdir()
        else:
            contents = {path: entry[:2] for path, entry in snapshot(tmp_path / "tree").items()}
            assert contents == {path: entry[:2] for path, entry in good.items()}


def zip64_end(content, *, entries=None, extra=b"", shift=0):
    """Return the archive with the large end record in front of the usual one, whose fields then say nothing."""
    end = len(content) - 22
    count, size, start = struct.unpack_from("<HLL", content, end + 10)
    count = count if entries is None else entries
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start) + extra
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end + shift, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return content[:end] + record + locator + last


def test_archives_with_large_end_records_are_read(tmp_path):
    filename, content = wheel_bytes("spam", "1.0")
    assert take(tmp_path, zip64_end(content), filename).name == "spam"


def test_large_sizes_beside_the_header_are_read(tmp_path):
    import io

    filename, content = wheel_bytes("spam", "1.0")
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in source.namelist():
            with made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as stream:
                stream.write(source.read(name))
    assert take(tmp_path, target.getvalue(), filename).name == "spam"


@pytest.mark.parametrize(
    "how",
    [{"entries": 3}, {"extra": b"more"}, {"shift": 5}, {"shift": 1 << 40}],
    ids=["count", "longer", "near", "far"],
)
def test_large_end_record_that_lies_is_refused(tmp_path, how):
    assert bad(tmp_path, mangle=lambda content: zip64_end(content, **how)).reason


def test_end_records_that_contradict_each_other_are_refused(tmp_path):
    def mangle(content):
        broken = bytearray(zip64_end(content))
        struct.pack_into("<2H", broken, len(broken) - 14, 2, 2)
        return bytes(broken)

    assert "contradicts" in bad(tmp_path, mangle=mangle).reason


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (struct.pack("<2HBL", 0x7075, 8, 1, 0) + b"xyz", "two names"),
        (struct.pack("<2H", 0x5455, 400), "damaged extra"),
    ],
)
def test_extra_fields_that_mislead_are_refused(tmp_path, extra, word):
    info = entry("x.py")
    info.extra = extra
    assert word in bad(tmp_path, edit_recorded=recorded("x.py"), entries=[(info, b"x")]).reason


def test_archive_in_several_parts_is_refused(tmp_path):
    def mangle(content):
        broken = bytearray(content)
        struct.pack_into("<H", broken, len(broken) - 18, 1)
        return bytes(broken)

    assert "part" in bad(tmp_path, mangle=mangle).reason


@pytest.mark.parametrize("at", [0, 10, 28, 30])
def test_damaged_directory_is_refused(tmp_path, at):
    """Signature, method, and the lengths that lead to the next entry."""

    def mangle(content):
        broken = bytearray(content)
        broken[content.index(b"PK\1\2") + at] ^= 0x7F
        return bytes(broken)

    assert bad(tmp_path, mangle=mangle).reason


def test_large_member_that_is_damaged_is_refused(tmp_path):
    large = os.urandom(1 << 16) * 300

    def mangle(content):
        broken = bytearray(content)
        broken[200_000] ^= 0xFF
        return bytes(broken)

    assert bad(tmp_path, files={"big.bin": large}, mangle=mangle).member == "big.bin"


def test_name_that_is_no_utf_8_is_refused(tmp_path):
    error = bad(
        tmp_path, files={"\u00e9.py": ""}, mangle=lambda content: content.replace(b"\xc3\xa9", b"\xc3\x28")
    )
    assert "UTF-8" in error.reason


def test_directories_are_allowed_and_must_be_empty(tmp_path):
    folder = entry("spam/", mode=0o040755)
    filename, content = wheel_bytes("spam", "1.0", files={"spam/x.py": ""}, entries=[(folder, b"")])
    assert take(tmp_path, content, filename).directories == ("spam", INFO)
    (tmp_path / "tree").rename(tmp_path / "first")
    _, content = wheel_bytes("spam", "1.0", files={"spam/x.py": ""}, entries=[(folder, b"content")])
    with pytest.raises(BadWheel, match="directory with content"):
        take(tmp_path, content, filename)
