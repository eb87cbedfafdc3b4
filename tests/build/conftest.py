"""Projects made of text, and their archives as dicts."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile
from typing import NamedTuple

import pytest

from pkm_build import builder

HEAD = """\
[build-system]
requires = []
build-backend = "pkm_build"

[project]
name = "{name}"
version = "1.0"
"""

GIT_ENVIRON = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class Archive(NamedTuple):
    """A built archive: its file name, the contents of its members by name, and the bytes of the whole."""

    name: str
    files: dict[str, bytes]
    raw: bytes

    def code(self):
        """The names of members outside of .dist-info."""
        return sorted(name for name in self.files if ".dist-info/" not in name)

    def info(self, file):
        """The text of a file in .dist-info, or of PKG-INFO."""
        return next(data.decode() for name, data in self.files.items() if name.endswith(f".dist-info/{file}"))


def read_archive(path):
    raw = path.read_bytes()
    if path.name.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(raw)) as opened:
            return Archive(path.name, {name: opened.read(name) for name in opened.namelist()}, raw)
    with tarfile.open(path) as opened:
        members = {m.name.partition("/")[2]: opened.extractfile(m).read() for m in opened if m.isfile()}
    return Archive(path.name, members, raw)


class Sample:
    """A project in *root*; builds go to a folder beside it, with an environment of their own."""

    def __init__(self, root, out) -> None:
        self.root = root
        self.out = out
        self.environ = {"PATH": os.environ["PATH"]}

    def write(self, files):
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def build(self, kind, settings=None, **environ):
        function = getattr(builder, f"build_{kind}")
        name = function(str(self.root), str(self.out), settings, {**self.environ, **environ})
        return read_archive(self.out / name)

    def wheel(self, settings=None, **environ):
        return self.build("wheel", settings, **environ)

    def editable(self, settings=None, **environ):
        return self.build("editable", settings, **environ)

    def sdist(self, settings=None, **environ):
        return self.build("sdist", settings, **environ)

    def git(self, *words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words]
        environ = {**os.environ, **GIT_ENVIRON}
        return subprocess.run(
            command, cwd=self.root, env=environ, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, tag=""):
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "one")
        if tag:
            self.git("tag", tag)
        return self


@pytest.fixture
def sample(tmp_path):
    """Make a project: ``sample({"spam.py": ""}, "[tool.pkm.build]...", name="spam")``."""

    def make(files=(), extra="", name="spam", head=None):
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        text = (HEAD if head is None else head).replace("{name}", name) + extra
        return Sample(root, tmp_path / "out").write({"pyproject.toml": text, **dict(files)})

    return make


@pytest.fixture
def unpack(tmp_path):
    """Unpack an sdist and return the project in it."""

    def make(archive):
        folder = tmp_path / "unpacked"
        with tarfile.open(fileobj=io.BytesIO(archive.raw)) as opened:
            if hasattr(tarfile, "data_filter"):
                opened.extractall(folder, filter="data")
            else:
                opened.extractall(folder)
        return Sample(folder / archive.name.removesuffix(".tar.gz"), tmp_path / "out-of-sdist")

    return make
