from __future__ import annotations

import importlib.util
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pkm_env.cache.bytecode import verify_bytecode
from pkm_env.install.apply import verify
from pkm_env.install.bytecode import (
    CompilationFailed,
    bytecode_key,
    bytecode_of,
    bytecode_path,
    compile_venv,
    dealt,
)
from pkm_env.model.interpreter import Interpreter
from pkm_env.python.venv import read_venv
from tests.env.python.test_probe import REAL
from tests.support.environments import installed, interpreter, site, sync, unpacked
from tests.support.supplies import Told

FILES = {
    "spam/__init__.py": "x = 1\n",
    "spam/deep/er.py": "y = 2\n",
    "top.py": "z = 3\n",
    "bad.py": "this is no python\n",
}


@pytest.fixture
def wheel(tmp_path):
    return unpacked(tmp_path / "cache", "spam", "1.0", files=FILES)


def compiled(place):
    return sorted(path.relative_to(site(place)).as_posix() for path in site(place).rglob("*.pyc"))


@pytest.mark.parametrize("base", REAL)
def test_each_python_finds_its_bytecode_current(tmp_path, wheel, base):
    sync(tmp_path / "v", wheel, python=base, compile_bytecode=True)
    found = interpreter(base)
    tag = ("pypy" if found.implementation == "pypy" else "cpython-") + found.minor.replace(".", "")
    assert compiled(tmp_path / "v") == [
        f"__pycache__/top.{tag}.pyc",
        f"spam/__pycache__/__init__.{tag}.pyc",
        f"spam/deep/__pycache__/er.{tag}.pyc",
    ]
    done = subprocess.run(
        [tmp_path / "v" / "bin" / "python", "-v", "-c", "import top, spam.deep.er"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    current = [line for line in done.stderr.splitlines() if f".pyc matches {site(tmp_path / 'v')}" in line]
    assert len(current) == 3


@pytest.mark.parametrize("mode", ["hardlink", "copy", "clone"])
def test_bytecode_is_current_in_each_link_mode(tmp_path, wheel, mode):
    sync(tmp_path / "v", wheel, compile_bytecode=True, link_mode=mode)
    source = site(tmp_path / "v") / "top.py"
    data = next((site(tmp_path / "v") / "__pycache__").glob("top.*")).read_bytes()
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(data[4:8], "little") == 0
    assert int.from_bytes(data[8:12], "little") == int(source.stat().st_mtime)
    assert int.from_bytes(data[12:16], "little") == source.stat().st_size


def test_traceback_names_the_file_in_the_environment(tmp_path):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0", files={"spam.py": "def f():\n    raise ValueError\n"})
    sync(tmp_path / "v", wheel, compile_bytecode=True)
    done = subprocess.run(
        [tmp_path / "v" / "bin" / "python", "-c", "import spam; spam.f()"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f'File "{site(tmp_path / "v")}/spam.py", line 2' in done.stderr


def test_second_environment_compiles_nothing(tmp_path, wheel):
    sync(tmp_path / "v", wheel, compile_bytecode=True)
    plain = interpreter()
    broken = Interpreter.from_plain(plain.to_plain())
    broken.base_executable = str(tmp_path / "no-interpreter")
    found = bytecode_of({"spam": wheel}, broken, str(tmp_path / "scratch"))
    assert [name for _, names in found["spam"].files for name in names] == [
        os.path.basename(path) for path in compiled(tmp_path / "v")
    ]
    with pytest.raises(CompilationFailed):
        bytecode_of({"ham": unpacked(tmp_path / "cache", "ham", "1.0")}, broken, str(tmp_path / "scratch"))
    assert not list((tmp_path / "cache").glob("*.tmp"))


def test_same_source_gives_the_same_bytes_wherever_its_cache_lies(tmp_path):
    contents = []
    for name in "ab":
        wheel = unpacked(tmp_path / name, "spam", "1.0", files=FILES)
        for path in wheel.manifest.paths():
            os.utime(os.path.join(wheel.path, path), ns=(0, 10**18))
        found = bytecode_of({"spam": wheel}, interpreter(), str(tmp_path / "scratch"))["spam"]
        folder, names = found.files[0]
        with open(os.path.join(found.path, folder, names[0]), "rb") as stream:
            contents.append(stream.read())
    assert contents[0] == contents[1]
    assert marshal.loads(contents[0][16:]).co_filename == "top.py"


def test_bytecode_goes_with_its_package_and_is_in_its_record(tmp_path, wheel):
    sync(tmp_path / "v", wheel, compile_bytecode=True)
    record = (site(tmp_path / "v") / "spam-1.0.dist-info" / "RECORD").read_text()
    assert all(f"\n{path},,\n" in record for path in compiled(tmp_path / "v"))
    assert verify(str(tmp_path / "v")) == []
    sync(tmp_path / "v")
    assert os.listdir(site(tmp_path / "v")) == []


def flip(path):
    """Change one byte of a file, its size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def halve(path):
    """Cut a file, its time stays."""
    status = path.stat()
    path.write_bytes(path.read_bytes()[: status.st_size // 2])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def kept_by(wheel):
    """The folder of the compiled modules of a wheel."""
    return Path(bytecode_path(wheel, interpreter()))


@pytest.mark.parametrize("harm", [flip, halve, empty, Path.unlink])
@pytest.mark.parametrize("what", ["__pycache__/top.*.pyc", "index"])
def test_damaged_bytecode_is_told_and_compiled_anew(tmp_path, wheel, harm, what):
    sync(tmp_path / "v", wheel, compile_bytecode=True, link_mode="copy")
    harm(next(kept_by(wheel).glob(what)))
    told = Told()
    sync(tmp_path / "w", wheel, compile_bytecode=True, link_mode="copy", reporter=told)
    assert [text.partition(" (")[0] for text in told.warnings] == ["the cache held damaged bytecode of spam"]
    assert contents(tmp_path / "w") == contents(tmp_path / "v")
    sync(tmp_path / "x", wheel, compile_bytecode=True, link_mode="copy", reporter=told)
    assert len(told.warnings) == 1
    assert not list((tmp_path / "cache").glob("*.tmp*"))


def contents(place):
    return [(site(place) / path).read_bytes() for path in compiled(place)]


def test_edit_of_bytecode_in_an_environment_reaches_no_other_one(tmp_path, wheel):
    sync(tmp_path / "v", wheel, compile_bytecode=True, link_mode="hardlink")
    edited = next((site(tmp_path / "v") / "__pycache__").glob("top.*"))
    edited.write_bytes(edited.read_bytes()[:-4])
    sync(tmp_path / "w", wheel, compile_bytecode=True, link_mode="hardlink")
    subprocess.run([tmp_path / "w" / "bin" / "python", "-c", "import top"], check=True)


def test_bytecode_with_a_former_index_is_made_anew_without_a_word(tmp_path, wheel):
    sync(tmp_path / "v", wheel, compile_bytecode=True)
    (kept_by(wheel) / "index").write_bytes(b"pkm bytecode 1\n" + marshal.dumps(()))
    told = Told()
    assert list(verify_bytecode(wheel)) == []
    sync(tmp_path / "w", wheel, compile_bytecode=True, reporter=told)
    assert told.warnings == []
    assert compiled(tmp_path / "w") == compiled(tmp_path / "v")


def test_content_of_kept_bytecode_is_not_read_by_a_sync(tmp_path, wheel):
    """Its time and size are put back: what only the content tells is for ``pkm cache verify``."""
    sync(tmp_path / "v", wheel, compile_bytecode=True, link_mode="copy")
    path = next(kept_by(wheel).glob("__pycache__/top.*.pyc"))
    flip(path)
    os.utime(path, ns=(0, wheel.manifest.mtime_ns))
    told = Told()
    sync(tmp_path / "w", wheel, compile_bytecode=True, link_mode="copy", reporter=told)
    assert told.warnings == []
    assert list(verify_bytecode(wheel)) == [(str(kept_by(wheel)), f"__pycache__/{path.name}")]


@pytest.mark.parametrize("harm", [flip, halve, Path.unlink])
@pytest.mark.parametrize("what", ["spam/__pycache__/*.pyc", "index"])
def test_verification_names_what_is_damaged(tmp_path, wheel, harm, what):
    sync(tmp_path / "v", wheel, compile_bytecode=True, link_mode="copy")
    assert list(verify_bytecode(wheel)) == []
    path = next(kept_by(wheel).glob(what))
    harm(path)
    named = path.relative_to(kept_by(wheel)).as_posix()
    assert list(verify_bytecode(wheel)) == [(str(kept_by(wheel)), named)]


def test_cache_that_cannot_be_written_is_done_without(tmp_path, wheel):
    """A name as long as the file system takes leaves no room for one beside it, for root neither."""
    long = str(tmp_path / "cache" / ("x" * 250))
    os.rename(wheel.path, long)
    wheel.path = long
    sync(tmp_path / "v", wheel, compile_bytecode=True)
    assert len(compiled(tmp_path / "v")) == 3
    assert os.listdir(tmp_path / "v" / ".pkm") == ["installed"]
    assert sorted(os.listdir(tmp_path / "cache")) == ["spam-1.0-py3-none-any.whl", "x" * 250]


def test_a_cache_in_a_folder_that_is_named_like_what_is_unfinished(tmp_path):
    wheel = unpacked(tmp_path / "my.tmp" / "cache", "spam", "1.0", files={"spam.tmp/__init__.py": ""})
    found = bytecode_of({"spam": wheel}, interpreter(), str(tmp_path / "scratch"))["spam"]
    assert [folder for folder, _ in found.files] == ["spam.tmp/__pycache__"]


def test_environment_keeps_no_scratch(tmp_path, wheel):
    sync(tmp_path / "v", wheel, compile_bytecode=True)
    assert sorted(os.listdir(tmp_path / "v" / ".pkm")) == ["installed"]
    assert [one.name for one in installed(tmp_path / "v")] == ["spam"]


def test_environment_that_was_not_compiled_is_compiled_later_and_once(tmp_path, wheel):
    sync(tmp_path / "v", wheel)
    venv = read_venv(str(tmp_path / "v"))
    assert compile_venv(venv, interpreter()) == 3
    assert len(compiled(tmp_path / "v")) == 3
    # bad.py is tried again: nobody noted that it does not compile.
    assert compile_venv(venv, interpreter()) == 0
    os.utime(site(tmp_path / "v") / "top.py", (1, 1))
    assert compile_venv(venv, interpreter()) == 1
    sync(tmp_path / "v")
    assert os.listdir(site(tmp_path / "v")) == []


def test_wheel_without_modules_has_no_bytecode(tmp_path):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0", files={"spam/data.txt": ""})
    assert bytecode_of({"spam": wheel}, interpreter(), str(tmp_path / "s"))["spam"].files == ()


def test_work_is_shared_by_size():
    jobs = [(1000, "a"), (10, "b"), (990, "c"), (5, "d")]
    assert [sorted(one) for one in dealt(jobs, 2)] == [["a", "d"], ["b", "c"]]
    assert dealt([(1, "a")], 8) == [["a"]]


def test_prereleases_share_no_bytecode():
    def key(version, implementation="cpython"):
        plain = Interpreter.from_plain(interpreter().to_plain())
        plain.version, plain.implementation = version, implementation
        return bytecode_key(plain)

    assert key("3.12.1") == key("3.12.7") == "cpython-3.12"
    assert key("3.15.0a1") != key("3.15.0a2")
    assert key("3.13.0", "cpython-freethreaded") != key("3.13.0")
    assert sys.version_info[:2] >= (3, 10)
