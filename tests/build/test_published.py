"""Published projects, given this backend, must give the wheels that were published.

Each sdist is taken from the configured index, its ``[build-system]`` and tool tables are replaced, and the wheel is
held against the published one: the same files, entry points, and metadata by meaning.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email import message_from_string
from pathlib import Path

import pytest
import tomli
import tomlkit
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pkm_build import builder

pytestmark = pytest.mark.network

PROJECTS = [
    "click==8.5.1",
    "flask==3.1.3",
    "packaging==26.3",
    "wheel==0.48.0",
    "hatchling==1.33.0",
    "pygments==2.21.0",
    "starlette==1.10.0",
    "iniconfig==2.3.1",
    "h2==4.4.1",
    "tabulate==0.10.0",
    "gunicorn==27.0.1",
    "idna==3.20",
    "urllib3==2.8.0",
    "typing_extensions==4.16.0",
    "types-requests==2.33.0.20261030",
]
NOT_OURS = {"RECORD", "WHEEL", "top_level.txt", "zip-safe", "METADATA", "entry_points.txt"}


def download(folder, requirement, *options):
    folder.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        *options,
        "-d",
        str(folder),
        requirement,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.iterdir())


def rewritten(root):
    """Give the project in *root* this backend; its version, when dynamic, is that of PKG-INFO."""
    path = root / "pyproject.toml"
    data = tomli.loads(path.read_text(encoding="utf-8"))
    data["build-system"] = {"requires": [], "build-backend": "pkm_build"}
    dynamic = "version" in data["project"].get("dynamic", [])
    data["tool"] = {"pkm": {"version": {"source": "vcs"}}} if dynamic else {}
    path.write_text(tomlkit.dumps(data), encoding="utf-8")


def files_of(path):
    """The members by name, folders of metadata without their version; those that each backend writes its way apart."""
    with zipfile.ZipFile(path) as opened:
        names = [re.sub(r"^[^/]*\.(dist-info|data)/", r".\1/", name) for name in opened.namelist()]
        info = {
            name.rpartition("/")[2]: opened.read(name).decode()
            for name in opened.namelist()
            if ".dist-info/" in name
        }
    return {
        name for name in names if not name.endswith("/") and name.rpartition("/")[2] not in NOT_OURS
    }, info


def plain(requirement):
    parsed = Requirement(requirement)
    name = parsed.name.lower().replace("_", "-").replace(".", "-")
    return name, frozenset(parsed.extras), parsed.specifier, parsed.url, str(parsed.marker)


def meaning(text):
    found = message_from_string(text)
    single = (
        "Name",
        "Version",
        "Summary",
        "Author",
        "Author-email",
        "License-Expression",
        "Description-Content-Type",
    )
    several = ("Classifier", "Provides-Extra", "Project-URL", "License-File")
    return {
        **{field: found.get(field) for field in single},
        **{field: sorted(found.get_all(field) or []) for field in several},
        "Requires-Python": SpecifierSet(found.get("Requires-Python") or ""),
        "Requires-Dist": {plain(requirement) for requirement in found.get_all("Requires-Dist") or []},
        "Keywords": set((found.get("Keywords") or "").replace(" ", ",").split(",")),
        "body": found.get_payload().replace("\r\n", "\n").strip(),
    }


def points(text):
    parsed = ConfigParser(delimiters=("=",))
    parsed.read_string(text)
    return {
        name: {key: value.replace(" ", "") for key, value in parsed[name].items()}
        for name in parsed.sections()
    }


@pytest.mark.parametrize("requirement", PROJECTS)
def test_a_published_project_gives_its_published_wheel(tmp_path, requirement):
    wheel = download(tmp_path / "wheel", requirement, "--only-binary=:all:")
    sdist = download(tmp_path / "sdist", requirement, "--no-binary=:all:")
    with tarfile.open(sdist) as opened:
        opened.extractall(tmp_path, **({"filter": "tar"} if hasattr(tarfile, "data_filter") else {}))
    root = tmp_path / sdist.name.removesuffix(".tar.gz")
    rewritten(root)
    name = builder.build_wheel(str(root), str(tmp_path / "out"), None, dict(os.environ))
    assert name.rsplit("-", 3)[0].lower() == wheel.name.rsplit("-", 3)[0].lower()
    (files, info), (expected_files, expected) = files_of(tmp_path / "out" / name), files_of(Path(wheel))
    assert files == expected_files
    assert meaning(info["METADATA"]) == meaning(expected["METADATA"])
    assert points(info.get("entry_points.txt", "")) == points(expected.get("entry_points.txt", ""))
    again = builder.build_sdist(str(root), str(tmp_path / "out"), None, dict(os.environ))
    assert again.endswith(".tar.gz")
