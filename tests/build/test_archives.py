"""Archives: read by other libraries, and the same bytes under other conditions."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import random
import stat
import subprocess
import sys
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_build import archives
from pkm_build.errors import BuildError
from tests.support.threads import no_threads

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0\r\n\\", exclude_categories=["Cc"]),
    min_size=1,
    max_size=90,
)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4).map("/".join)
CONTENTS = st.dictionaries(PATHS, st.binary(max_size=700), min_size=1, max_size=8)


def wheel_of(path, members, threads=1):
    writer = archives.WheelWriter(str(path), archives.EPOCH, "x.dist-info/RECORD", threads)
    with writer:
        writer.add(members)
        writer.finish()
    return path.read_bytes()


@given(CONTENTS)
def test_a_zip_written_by_hand_is_read_by_zipfile(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("archive")
    raw = wheel_of(folder / "by-hand.zip", [(name, data, False) for name, data in contents.items()])
    with zipfile.ZipFile(io.BytesIO(raw)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()[:-1]} == contents
        rows = list(
            csv.reader(io.TextIOWrapper(opened.open("x.dist-info/RECORD"), encoding="utf-8", newline=""))
        )
    for name, digest, size in rows[:-1]:
        expected = urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).rstrip(b"=").decode()
        assert (digest, int(size)) == (f"sha256={expected}", len(contents[name]))
    assert rows[-1] == ["x.dist-info/RECORD", "", ""]


@given(CONTENTS)
def test_a_tar_written_by_hand_is_read_by_tarfile(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("archive")
    path = folder / "by-hand.tar.gz"
    archives.write_sdist(str(path), [(f"x-1/{name}", data, False) for name, data in contents.items()], 5)
    with tarfile.open(path) as opened:
        found = {m.name: opened.extractfile(m).read() for m in opened}
        assert all((m.mtime, m.uid, m.gid, m.uname, m.mode) == (5, 0, 0, "", 0o644) for m in opened)
    assert found == {f"x-1/{name}": data for name, data in contents.items()}


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 200, 255, 256, 300])
def test_long_names_survive_in_a_tar(tmp_path, length):
    name = ("d" * 60 + "/") * (length // 61) + "f" * (length % 61 or 1)
    archives.write_sdist(str(tmp_path / "a.tar.gz"), [(name, b"x", True)], 0)
    with tarfile.open(tmp_path / "a.tar.gz") as opened:
        assert [(m.name, m.mode) for m in opened] == [(name, 0o755)]


def many_members():
    """Members that are worth several threads."""
    rng = random.Random(1)
    words = [rng.randbytes(3).hex() for _ in range(50)]
    members = [(f"{n}.py", " ".join(rng.choices(words, k=4000)).encode(), False) for n in range(200)]
    assert sum(len(data) for _, data, _ in members) > archives.LARGE
    return members


def test_threads_give_the_bytes_of_one(tmp_path):
    members = many_members()
    assert wheel_of(tmp_path / "a", members, threads=1) == wheel_of(tmp_path / "b", members, threads=4)


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a stack that is too large is refused otherwise"
)
def test_where_no_thread_can_be_made_one_gives_the_same_bytes(tmp_path):
    members = many_members()
    with no_threads():
        found = wheel_of(tmp_path / "a", members, threads=4)
    assert found == wheel_of(tmp_path / "b", members, threads=1)


def test_a_file_that_vanishes_while_threads_work_is_an_error(tmp_path):
    members = [(str(n), str(tmp_path / "gone"), False) for n in range(archives.MANY + 1)]
    writer = archives.WheelWriter(str(tmp_path / "a"), archives.EPOCH, "R", 2)
    with pytest.raises(FileNotFoundError), writer:
        writer.add(members)
    assert os.listdir(tmp_path) == []


def test_executables_keep_their_mark_and_nothing_else_of_their_mode(sample):
    made = sample({"spam/__init__.py": "", "spam/run.sh": "#!/bin/sh\n"})
    os.chmod(made.root / "spam/run.sh", 0o700)
    os.chmod(made.root / "spam/__init__.py", 0o600)
    with zipfile.ZipFile(io.BytesIO(made.wheel().raw)) as opened:
        modes = {i.filename: stat.S_IMODE(i.external_attr >> 16) for i in opened.infolist()}
    assert (modes["spam/run.sh"], modes["spam/__init__.py"]) == (0o755, 0o644)


@pytest.mark.parametrize("text", ["abc", "-1", "1.5", "\u0661"])
def test_a_bad_source_date_epoch_is_refused(text):
    with pytest.raises(BuildError, match="SOURCE_DATE_EPOCH") as caught:
        archives.timestamp(text)
    assert "seconds since 1970" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, archives.EPOCH),
        ("", archives.EPOCH),
        ("0", 315532800),
        ("1700000000", 1700000000),
        ("9" * 12, archives.LAST),
    ],
)
def test_times_stay_within_what_zip_files_hold(text, expected):
    assert archives.timestamp(text) == expected


def test_the_gzip_header_names_no_time_file_or_system(sample):
    raw = sample({"spam.py": ""}).sdist().raw
    assert raw[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert gzip.decompress(raw)


def test_members_of_an_sdist_are_files_of_one_folder(sample):
    raw = sample({"spam.py": "", "docs/ä.txt": "x"}).sdist().raw
    with tarfile.open(fileobj=io.BytesIO(raw)) as opened:
        assert {m.name.split("/")[0] for m in opened} == {"spam-1.0"}
        assert all(m.isfile() for m in opened)


BUILD_ELSEWHERE = """
import os, sys
sys.path.insert(0, sys.argv[1])
os.umask(int(sys.argv[4], 8))
from pkm_build import builder
environ = {k: v for k, v in os.environ.items() if k == "SOURCE_DATE_EPOCH"}
print(builder.build_wheel(sys.argv[2], sys.argv[3], None, environ))
print(builder.build_sdist(sys.argv[2], sys.argv[3], None, environ))
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("epoch", [None, "1700000000"])
def test_other_times_umasks_folders_and_hash_seeds_give_the_same_bytes(sample, tmp_path, epoch):
    files = {f"spam/m{n}.py": f"x = {n}\n" * 50 for n in range(30)}
    made = sample(
        {**files, "spam/__init__.py": "", "LICENSE": "x", "README.md": "# x"},
        '[project.scripts]\nb = "spam.m1:x"\na = "spam.m2:x"\n',
    )
    results = []
    for number, (umask, seed, when) in enumerate([("022", "1", 0), ("077", "2", 1_600_000_000)]):
        root = tmp_path / f"copy{number}" / ("deep" * number)
        for path in sorted(made.root.rglob("*"), reverse=bool(number)):
            if path.is_file():
                target = root / path.relative_to(made.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
                os.chmod(target, 0o666 & ~int(umask, 8))
                os.utime(target, (when, when))
        out = tmp_path / f"out{number}"
        environ = {
            "PYTHONHASHSEED": seed,
            "TZ": ("Pacific/Kiritimati", "America/Adak")[number],
            "LC_ALL": ("C", "C.UTF-8")[number],
            "PATH": os.environ["PATH"],
            **({"SOURCE_DATE_EPOCH": epoch} if epoch else {}),
        }
        command = [sys.executable, "-c", BUILD_ELSEWHERE, str(ROOT), str(root), str(out), umask]
        subprocess.run(command, env=environ, check=True, capture_output=True)
        results.append({path.name: path.read_bytes() for path in out.iterdir()})
        assert {p.name for p in root.iterdir()} == {"spam", "LICENSE", "README.md", "pyproject.toml"}
    assert results[0] == results[1]
    assert len(results[0]) == 2


def test_source_date_epoch_is_the_time_of_all_members(sample):
    wheel = sample({"spam.py": ""}).wheel(SOURCE_DATE_EPOCH="1700000000")
    with zipfile.ZipFile(io.BytesIO(wheel.raw)) as opened:
        assert {i.date_time for i in opened.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_a_deleted_module_is_gone_from_the_next_wheel(sample):
    made = sample({"spam/__init__.py": "", "spam/old.py": ""})
    made.wheel()
    (made.root / "spam/old.py").unlink()
    assert made.wheel().code() == ["spam/__init__.py"]


def interpreters():
    folder = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [
        str(path)
        for minor in ("3.10", "3.11", "3.12", "3.13")
        for path in sorted(folder.glob(f"{minor}.*/bin/python"))
    ]
    return [*found, sys.executable]


def test_every_python_gives_the_same_bytes(sample, tmp_path):
    made = sample(
        {"spam/__init__.py": "", **{f"spam/m{n}.py": f"x = {n}\n" * 99 for n in range(9)}},
        '[project.scripts]\na = "spam:x"\n',
    )
    results = set()
    for number, python in enumerate(interpreters()):
        out = tmp_path / f"out{number}"
        subprocess.run(
            [python, "-c", BUILD_ELSEWHERE, str(ROOT), str(made.root), str(out), "022"],
            check=True,
            capture_output=True,
        )
        results.add(tuple(sorted((path.name, path.read_bytes()) for path in out.iterdir())))
    assert len(results) == 1
