from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.build.errors import BadSdist
from pkm_env.build.sdist import Limits, metadata_of_sdist, read_pkg_info, split_sdist_filename, unpack_sdist
from tests.support.wheels import make_sdist, metadata_text, sdist_bytes, tar_bytes, zip_bytes

if TYPE_CHECKING:
    from pathlib import Path


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def _written(folder: Path, *entries: tarfile.TarInfo, content: bytes = b"x") -> str:
    sdist = make_sdist(folder, "spam", "1.0", entries=[(e, content if e.isreg() else b"") for e in entries])
    return str(sdist)


def _refused(archive: str, tmp_path: Path, **how: object) -> BadSdist:
    """Unpack, and return the refusal; nothing may be left, nor anything be there outside."""
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(BadSdist) as caught:
        unpack_sdist(archive, str(tmp_path / "to"), **how)
    assert sorted(path for path in tmp_path.rglob("*")) == before
    return caught.value


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_tree_is_unpacked_as_it_was_packed(tmp_path: Path, form: str) -> None:
    sdist = make_sdist(
        tmp_path, "Spam.Eggs", "1.0", files={"src/a.py": "a = 1\n", "b.txt": b"\0\xff"}, form=form
    )
    top = unpack_sdist(str(sdist), str(tmp_path / "to"))
    assert top == str(tmp_path / "to" / "spam_eggs-1.0")
    assert (tmp_path / "to/spam_eggs-1.0/src/a.py").read_bytes() == b"a = 1\n"
    assert (tmp_path / "to/spam_eggs-1.0/b.txt").read_bytes() == b"\0\xff"


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, bytes], ids=["bz2", "xz", "tar"])
def test_older_compressions_are_read(tmp_path: Path, compress) -> None:
    plain = gzip.decompress(sdist_bytes("spam", "1.0")[1])
    (tmp_path / "spam-1.0.tar").write_bytes(compress(plain))
    assert read_pkg_info(str(tmp_path / "spam-1.0.tar")) is not None
    assert os.path.isdir(unpack_sdist(str(tmp_path / "spam-1.0.tar"), str(tmp_path / "to")))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_the_tree_is_that_of_tarfile_with_the_data_filter(tmp_path: Path, form: int) -> None:
    """Long names, names beyond ASCII, links inside, modes and times, against the standard library."""
    archive = tmp_path / "spam-1.0.tar.gz"
    entries = [
        _member("spam-1.0", tarfile.DIRTYPE, mode=0o777),
        _member("spam-1.0/run.sh", mode=0o755),
        _member("spam-1.0/only-others.sh", mode=0o655),
        _member("spam-1.0/ümläut.txt"),
        _member(f"spam-1.0/{'deep/' * 60}file.txt"),
        _member("spam-1.0/link", tarfile.SYMTYPE, "run.sh"),
        _member("spam-1.0/deep/up", tarfile.SYMTYPE, "../run.sh"),
        _member("spam-1.0/deep/long", tarfile.SYMTYPE, "./" * 80 + "../run.sh"),
        _member("spam-1.0/hard.sh", tarfile.LNKTYPE, "spam-1.0/run.sh", mode=0o755),
    ]
    with tarfile.open(archive, "w:gz", format=form) as tar:
        for number, info in enumerate(entries):
            # A hard link has the time of its file, and tarfile sets it last.
            info.mtime = 1_600_000_000 + (1 if info.islnk() else number)
            info.size = 3 if info.isreg() else 0
            tar.addfile(info, io.BytesIO(b"abc"))
    unpack_sdist(str(archive), str(tmp_path / "ours"))
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "theirs", filter="data")

    def listing(root: Path) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        for path in root.rglob("*"):
            status = path.lstat()
            told: tuple[object, ...] = (stat.S_IFMT(status.st_mode),)
            if path.is_symlink():
                told = (*told, os.path.normpath(path.readlink()))
            elif path.is_file():
                told = (*told, path.read_bytes(), status.st_mode & 0o111, int(status.st_mtime))
            found[str(path.relative_to(root))] = told
        return found

    ours, theirs = listing(tmp_path / "ours"), listing(tmp_path / "theirs")
    assert ours == theirs


ESCAPES = {
    "upwards": _member("spam-1.0/../../evil"),
    "absolute": _member("/tmp-evil/evil"),
    "beside the top": _member("other-1.0/evil"),
    "through a dot": _member("./../evil"),
    "device": _member("spam-1.0/null", tarfile.CHRTYPE),
    "pipe": _member("spam-1.0/pipe", tarfile.FIFOTYPE),
    "setuid": _member("spam-1.0/su", mode=0o4755),
    "setgid": _member("spam-1.0/su", mode=0o2755),
    "link to an absolute path": _member("spam-1.0/link", tarfile.SYMTYPE, "/etc/passwd"),
    "link upwards": _member("spam-1.0/link", tarfile.SYMTYPE, "../../etc/passwd"),
    "link to the folder above": _member("spam-1.0/link", tarfile.SYMTYPE, ".."),
    "link to itself": _member("spam-1.0/link", tarfile.SYMTYPE, "link"),
    "hard link outside": _member("spam-1.0/link", tarfile.LNKTYPE, "/etc/passwd"),
    "hard link upwards": _member("spam-1.0/link", tarfile.LNKTYPE, "spam-1.0/../../x"),
    "file in place of the top": _member("spam-1.0"),
    "file below a file": _member("spam-1.0/PKG-INFO/x"),
    "folder over a file": _member("spam-1.0/PKG-INFO", tarfile.DIRTYPE),
    "link over a file": _member("spam-1.0/PKG-INFO", tarfile.SYMTYPE, "x"),
    "unknown type": _member("spam-1.0/x", b"V"),
}


@pytest.mark.parametrize("kind", ESCAPES)
def test_member_that_has_no_place_in_an_sdist_is_refused_with_its_name(tmp_path: Path, kind: str) -> None:
    entry = ESCAPES[kind]
    error = _refused(_written(tmp_path, entry), tmp_path)
    assert (error.filename, error.member) == ("spam-1.0.tar.gz", entry.name)


def test_links_that_lead_outside_only_together_are_refused(tmp_path: Path) -> None:
    """CVE-2025-4517 and its kin: each target looks harmless when the paths are only normalised as text."""
    chain = [
        _member("spam-1.0/a/b/top", tarfile.SYMTYPE, "../.."),
        _member("spam-1.0/out", tarfile.SYMTYPE, "a/b/top/../../x"),
    ]
    assert _refused(_written(tmp_path, *chain), tmp_path).member == "spam-1.0/out"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    chain = [_member("spam-1.0/in", tarfile.SYMTYPE, "."), _member("spam-1.0/in/x.py")]
    assert "through a link" in _refused(_written(tmp_path, *chain), tmp_path).reason


@pytest.mark.parametrize(
    "name", ["spam-1.0/c:evil", "spam-1.0/..\\..\\evil", "\\evil", "spam-1.0/NUL.txt", "spam-1.0/a."]
)
def test_names_that_mean_something_else_on_windows_are_refused_there(tmp_path: Path, name: str) -> None:
    assert _refused(_written(tmp_path, _member(name)), tmp_path, platform="win32").member == name


def test_nul_in_a_pax_path_is_refused(tmp_path: Path) -> None:
    info = _member("spam-1.0/x")
    info.pax_headers = {"path": "spam-1.0/x\0y"}
    assert "NUL" in _refused(_written(tmp_path, info), tmp_path).reason


def test_terminal_codes_in_names_are_written_out(tmp_path: Path) -> None:
    error = _refused(_written(tmp_path, _member("spam-1.0/../\x1b[2J")), tmp_path)
    assert str(error) == (
        "the sdist spam-1.0.tar.gz is refused: spam-1.0/../\\x1b[2J: its path leads upwards"
    )


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_names_that_only_case_tells_apart_are_refused_where_they_are_one(tmp_path: Path, kind: bytes) -> None:
    archive = _written(tmp_path, _member("spam-1.0/SPAM.py", kind, "x" if kind == tarfile.SYMTYPE else ""))
    assert "spam-1.0/spam.py" in _refused(archive, tmp_path, platform="darwin").reason
    assert os.path.isdir(unpack_sdist(archive, str(tmp_path / "to"), platform="linux"))


def test_name_that_is_too_long_for_the_system_is_told_as_such(tmp_path: Path) -> None:
    """The folder that it is unpacked to leaves no room below the 4,096 bytes that a path may have."""
    archive = _written(tmp_path, _member(f"spam-1.0/{'d' * 200}/{'x' * 200}"))
    deep = tmp_path / "/".join("c" * 200 for _ in range((4000 - len(str(tmp_path))) // 201))
    deep.mkdir(parents=True)
    assert "this system can't have" in _refused(archive, deep).reason


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("d/" * 30_000 + "x.py", "more than 1,024 bytes"),
        ("d/" * 100 + "x.py", "more than 100 folders deep"),
        ("d/" + "x" * 256, "more than 255 bytes"),
    ],
    ids=["levels", "deep", "name"],
)
def test_path_that_is_longer_or_deeper_than_any_in_use_is_refused(
    tmp_path: Path, form: str, name: str, word: str
) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", files={name: "x"}, form=form)
    error = _refused(str(sdist), tmp_path)
    assert word in error.reason
    assert len(str(error)) < 400


def test_target_of_a_link_has_the_bound_of_a_path(tmp_path: Path) -> None:
    """Following it takes the square of its length."""
    info = _member("spam-1.0/link", tarfile.SYMTYPE, "d/" * 100_000 + "x")
    error = _refused(_written(tmp_path, info), tmp_path)
    assert "more than 1,024 bytes" in error.reason


def test_sparse_file_is_refused(tmp_path: Path) -> None:
    info = _member("spam-1.0/x")
    info.pax_headers = {"GNU.sparse.major": "1"}
    assert "sparse" in _refused(_written(tmp_path, info), tmp_path).reason


@pytest.mark.parametrize(
    "record",
    [b"11 path=abc", b"path=abc\n", b"99 path=abc\n", b"12 pathabc==\n"[:12], b"9 size=x\n", b"0 path=a\n"],
)
def test_malformed_pax_record_is_refused(tmp_path: Path, record: bytes) -> None:
    header = tarfile.TarInfo("spam-1.0/header")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    blocks = header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    follower = tarfile.TarInfo("spam-1.0/x").tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "spam-1.0.tar").write_bytes(blocks + follower + bytes(1024))
    _refused(str(tmp_path / "spam-1.0.tar"), tmp_path)


def test_header_with_a_negative_size_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("spam-1.0/x")
    info.size = -512
    (tmp_path / "spam-1.0.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert "negative" in _refused(str(tmp_path / "spam-1.0.tar"), tmp_path).reason


def test_global_pax_header_as_git_archive_writes_it_is_taken(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "spam-1.0.tar", "w", pax_headers={"comment": "0" * 40}) as tar:
        tar.addfile(_member("./", tarfile.DIRTYPE))
        tar.addfile(_member("./spam-1.0/x"))
    assert os.listdir(unpack_sdist(str(tmp_path / "spam-1.0.tar"), str(tmp_path / "to"))) == ["x"]


def test_link_that_the_system_refuses_becomes_a_copy_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    to_file = _written(tmp_path, _member("spam-1.0/link", tarfile.SYMTYPE, "spam.py"))
    top = unpack_sdist(to_file, str(tmp_path / "files"))
    assert not os.path.islink(os.path.join(top, "link"))
    assert os.path.getsize(os.path.join(top, "link")) == os.path.getsize(os.path.join(top, "spam.py"))
    to_folder = _written(tmp_path, _member("spam-1.0/link", tarfile.SYMTYPE, "."))
    assert "can't be made here" in _refused(to_folder, tmp_path).reason


@pytest.mark.parametrize("name", ["spam-1.0", "spam-1.0.exe"])
def test_top_folder_is_held_to_nothing_where_the_name_says_nothing(tmp_path: Path, name: str) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", filename="download", top=name)
    assert unpack_sdist(str(sdist), str(tmp_path / "to")).endswith(name)


def test_error_of_the_disk_is_not_blamed_on_the_sdist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unpack_sdist(str(tmp_path / "absent-1.0.tar.gz"), str(tmp_path / "to"))
    assert not (tmp_path / "to").exists()


_PLAIN = gzip.decompress(sdist_bytes("spam", "1.0", files={"a.py": "x = 1\n", "b/c.py": "y" * 700})[1])


@given(st.lists(st.tuples(st.integers(0, len(_PLAIN) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_archive_is_refused_or_stays_inside(changes: list[tuple[int, int]]) -> None:
    content = bytearray(_PLAIN)
    for at, value in changes:
        content[at] = value
    with tempfile.TemporaryDirectory() as folder:
        archive = os.path.join(folder, "spam-1.0.tar")
        with open(archive, "wb") as stream:
            stream.write(content)
        try:
            unpack_sdist(archive, os.path.join(folder, "to"))
        except BadSdist:
            assert os.listdir(folder) == ["spam-1.0.tar"]
        else:
            assert sorted(os.listdir(folder)) == ["spam-1.0.tar", "to"]
            assert os.listdir(os.path.join(folder, "to")) == ["spam-1.0"]


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_bomb_is_stopped_at_the_limit(tmp_path: Path, form: str) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", files={"big": b"\0" * 3_000_000}, form=form)
    error = _refused(str(sdist), tmp_path, limits=Limits(total_bytes=1_000_000))
    assert "more than 1,000,000 bytes" in error.reason


def test_bomb_of_empty_members_is_stopped_at_the_limit(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", files={f"f{n}": "" for n in range(50)})
    assert "more than 20 members" in _refused(str(sdist), tmp_path, limits=Limits(members=20)).reason


def test_bomb_in_a_header_is_not_read(tmp_path: Path) -> None:
    info = _member("spam-1.0/x")
    info.pax_headers = {"comment": "x" * 2_000_000}
    assert "header of more than a megabyte" in _refused(_written(tmp_path, info), tmp_path).reason


def test_zip_that_holds_more_than_it_says_is_refused(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"spam-1.0/x": b"a" * 5000}))
    for signature, offset in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        at = content.index(signature) + offset
        content[at : at + 4] = (10).to_bytes(4, "little")
    (tmp_path / "spam-1.0.zip").write_bytes(content)
    assert _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).reason


@pytest.mark.parametrize("name", ["spam-1.0/../../evil", "/evil", "evil/x"])
def test_zip_escapes_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "spam-1.0.zip").write_bytes(zip_bytes({"spam-1.0/x": b"", name: b""}))
    assert _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).member == name


def test_encrypted_zip_entry_is_refused(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"spam-1.0/x": b"abc"}))
    for signature, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        content[content.index(signature) + offset] |= 1
    (tmp_path / "spam-1.0.zip").write_bytes(content)
    assert "damaged" in _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).reason


def test_zip_without_sensible_times_and_modes_is_taken(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"spam-1.0/": b"", "spam-1.0/x": b"abc"}))
    at = content.rindex(b"PK\1\2")
    content[at + 14 : at + 16] = b"\0\0"
    content[at + 38 : at + 42] = bytes(4)
    (tmp_path / "spam-1.0.zip").write_bytes(content)
    top = unpack_sdist(str(tmp_path / "spam-1.0.zip"), str(tmp_path / "to"))
    assert os.stat(os.path.join(top, "x")).st_mode & 0o777 & ~0o022 == 0o644


def test_device_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("spam-1.0/null")
    info.create_system, info.external_attr = 3, (stat.S_IFCHR | 0o666) << 16
    (tmp_path / "spam-1.0.zip").write_bytes(zip_bytes({"spam-1.0/x": b""}, entries=[(info, b"")]))
    assert _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).member == "spam-1.0/null"


def test_target_of_a_zipped_link_has_a_bound(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("spam-1.0/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "spam-1.0.zip").write_bytes(zip_bytes({}, entries=[(info, b"x" * 2_000_000)]))
    assert "more than a megabyte" in _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).reason


def test_link_in_a_zip_is_held_to_the_same_rules(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("spam-1.0/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "spam-1.0.zip").write_bytes(zip_bytes({"spam-1.0/x": b""}, entries=[(info, b"../../x")]))
    assert _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).member == "spam-1.0/link"


def test_entry_that_a_zip_holds_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zip_bytes({"spam-1.0/x": b"1"}, entries=[(zipfile.ZipInfo("spam-1.0/x"), b"2")])
    (tmp_path / "spam-1.0.zip").write_bytes(content)
    assert "twice" in _refused(str(tmp_path / "spam-1.0.zip"), tmp_path).reason


def test_last_of_several_members_of_a_tar_counts(tmp_path: Path) -> None:
    archive = _written(tmp_path, _member("spam-1.0/spam.py"), content=b"later")
    assert os.path.getsize(os.path.join(unpack_sdist(archive, str(tmp_path / "to")), "spam.py")) == 5


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    return content[:-12] + bytes([content[-12] ^ 0xFF]) + content[-11:]


def _cut_plain(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content)[:2000], mtime=0)


def _garbled_header(content: bytes) -> bytes:
    plain = bytearray(gzip.decompress(content))
    plain[1024:1030] = b"\xff" * 6
    return gzip.compress(bytes(plain), mtime=0)


@pytest.mark.parametrize(
    "damage", [_cut, _flip, _cut_plain, _garbled_header, lambda _: b"no archive", lambda _: b""]
)
def test_damaged_archive_is_never_taken_for_a_short_one(tmp_path: Path, damage) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", mangle=damage)
    _refused(str(sdist), tmp_path)


@pytest.mark.parametrize("top", ["eggs-1.0", "spam-1.1", "spam", "1.0"])
def test_wrong_top_folder_is_refused(tmp_path: Path, top: str) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", top=top)
    assert repr(top) in _refused(str(sdist), tmp_path).reason


@pytest.mark.parametrize("top", ["spam-1.0", "Spam-1.0", "spam-1", "spam-v1.0.0"])
def test_top_folder_is_compared_as_names_and_versions_are(tmp_path: Path, top: str) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", top=top)
    assert unpack_sdist(str(sdist), str(tmp_path / "to")).endswith(top)


def test_archive_of_any_url_may_have_any_top_folder(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", top="repository-main")
    assert unpack_sdist(str(sdist), str(tmp_path / "to"), any_top=True).endswith("repository-main")


def test_empty_archive_has_no_top_folder(tmp_path: Path) -> None:
    (tmp_path / "spam-1.0.tar.gz").write_bytes(tar_bytes({}))
    assert "no top folder" in _refused(str(tmp_path / "spam-1.0.tar.gz"), tmp_path).reason


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("spam-1.0.tar.gz", ("spam", "1.0")),
        ("Spam.Eggs-1.0.zip", ("spam-eggs", "1.0")),
        ("zope-interface-4.0-beta1.tar.gz", ("zope-interface", "4.0b1")),
        ("spam_eggs-2.0rc1.post3.tgz", ("spam-eggs", "2.0rc1.post3")),
        ("spam-1.0-1.tar.gz", ("spam", "1.0.post1")),
        ("archive.tar.gz", None),
        ("a-b.tar.gz", None),
    ],
)
def test_file_name_says_name_and_version(filename: str, expected: tuple[str, str] | None) -> None:
    assert split_sdist_filename(filename) == expected


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_static_pkg_info_spares_the_build(tmp_path: Path, form: str) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", requires=["eggs>=2"], requires_python=">=3.9", form=form)
    found = metadata_of_sdist(str(sdist))
    assert found is not None
    assert found.to_plain() == ("spam", "1.0", ("eggs>=2",), ">=3.9", ())


@pytest.mark.parametrize(
    "how",
    [{"backend": "in-tree"}, {"metadata_version": "2.1"}, {"edit": lambda members: members.pop("PKG-INFO")}],
)
def test_sdist_that_must_be_built_to_know_has_no_metadata(tmp_path: Path, how: dict[str, object]) -> None:
    assert metadata_of_sdist(str(make_sdist(tmp_path, "spam", "1.0", **how))) is None


def test_nested_pkg_info_does_not_count(tmp_path: Path) -> None:
    sdist = make_sdist(
        tmp_path, "spam", "1.0", files={"a/PKG-INFO": "x"}, edit=lambda members: members.pop("PKG-INFO")
    )
    assert read_pkg_info(str(sdist)) is None


def test_pkg_info_of_another_project_is_refused(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", pkg_info=metadata_text("eggs", "1.0"))
    with pytest.raises(BadSdist, match=r"eggs 1\.0"):
        metadata_of_sdist(str(sdist))


@pytest.mark.parametrize("damage", [_cut, lambda _: b"x"])
def test_damage_is_told_when_only_pkg_info_is_read(tmp_path: Path, damage) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", mangle=damage)
    with pytest.raises(BadSdist):
        read_pkg_info(str(sdist))


def test_search_for_pkg_info_has_a_bound(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", files={f"f{n}": "" for n in range(50)})
    with pytest.raises(BadSdist, match="more than 20 members"):
        read_pkg_info(str(sdist), limits=Limits(members=20))


def test_pkg_info_without_a_name_is_refused(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", pkg_info="Metadata-Version: 2.2\nVersion: 1.0\n")
    with pytest.raises(BadSdist, match="no field Name"):
        metadata_of_sdist(str(sdist))


def test_pkg_info_of_unlikely_size_is_refused(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "spam", "1.0", pkg_info="x" * 2000)
    with pytest.raises(BadSdist, match="too large"):
        read_pkg_info(str(sdist), limits=Limits(metadata_bytes=1000))
