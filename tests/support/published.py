"""Published projects: their files from the index, and this backend in place of theirs.

`Shelf` keeps the downloads, `moved` gives the pyproject.toml that a person moving to pkm would write.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tarfile
from email import message_from_string
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any

import tomli
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from pkm_env.index.auth import Credentials
from pkm_env.index.client import IndexClient
from pkm_env.index.defaults import built_in_index, library_path, pip_files, pip_indexes, read_pip_settings
from pkm_env.index.http import Certificates, Http
from pkm_env.index.proxy import Proxies
from pkm_env.releases import make_listing
from tests.support.meaning import points, urls_said, words

if TYPE_CHECKING:
    from pathlib import Path

BACKEND = {"requires": [], "build-backend": "pkm_build"}


class Shelf:
    """The files of published projects in *folder*, fetched once from the configured index."""

    def __init__(self, folder: Path) -> None:
        environ = dict(os.environ)
        files = pip_files(environ, os.path.expanduser("~"), sys.prefix, sys.platform)
        _, configured = pip_indexes(read_pip_settings(files, environ), os.getcwd())
        self.folder = folder
        self.index = configured or built_in_index(library_path())
        certificates = Certificates(environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", ""))
        self.http = Http(
            Credentials([self.index], environ), proxies=Proxies(environ), certificates=certificates
        )
        self.client = IndexClient(self.http)
        self.rank = {str(tag): at for at, tag in enumerate(sys_tags())}

    def close(self) -> None:
        self.http.close()

    def files_of(self, requirement: str) -> tuple[Path, Path]:
        """Return the sdist and the wheel, the one that this Python prefers, of ``NAME==VERSION``."""
        name, _, version = requirement.partition("==")
        name = canonicalize_name(name)
        folder = self.folder / f"{name}-{version}-{sys.implementation.cache_tag}"
        kept = sorted(folder.glob("*")) if folder.exists() else []
        if len(kept) == 2:
            return tuple(sorted(kept, key=lambda path: path.suffix == ".whl"))
        page = self.client.read(self.index, name, self.client.ask(self.index, name))
        listing = make_listing(name, self.index.name, page.digest, lambda number: page.files[number])
        found = listing.files(version)
        sdist = next(file for file in found if file.filename.endswith(".tar.gz"))
        wheel = min((file for file in found if self.fits(file)), key=self.preference)
        folder.mkdir(parents=True, exist_ok=True)
        return self.fetch(sdist, folder), self.fetch(wheel, folder)

    def fits(self, file) -> bool:
        return file.filename.endswith(".whl") and any(tag in self.rank for tag in tags_of(file.filename))

    def preference(self, file) -> int:
        return min(self.rank[tag] for tag in tags_of(file.filename) if tag in self.rank)

    def fetch(self, file, folder: Path) -> Path:
        path, part = folder / file.filename, self.folder / f"{file.filename}.part"
        self.client.download(file, str(part))
        assert hashlib.sha256(part.read_bytes()).hexdigest() == file.hashes["sha256"]
        part.replace(path)
        return path


def tags_of(filename: str) -> set[str]:
    return {str(tag) for tag in parse_wheel_filename(filename)[3]}


def unpacked(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist as pip does, and return the project in it."""
    with tarfile.open(sdist) as opened:
        opened.extractall(folder, **({"filter": "tar"} if hasattr(tarfile, "data_filter") else {}))
        top = opened.getnames()[0].partition("/")[0]
    return folder / top


def backend_of(root: Path) -> str:
    """Return the backend of the project in *root*; without any it is setuptools."""
    path = root / "pyproject.toml"
    data = tomli.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return data.get("build-system", {}).get("build-backend", "setuptools")


def moved(root: Path, pkm: dict[str, Any]) -> dict[str, Any]:
    """Return the pyproject.toml of the project in *root* with this backend, and *pkm* as its only tool table."""
    path = root / "pyproject.toml"
    data = tomli.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    said = message_from_string((root / "PKG-INFO").read_text(encoding="utf-8"))
    project = data.get("project")
    if project is None:
        project = {"name": said["Name"], "dynamic": [*FIELDS], **points_said(root, data)}
        if "source" not in pkm.get("version", {}):
            project["version"] = said["Version"]
        else:
            project["dynamic"].append("version")
    written = {**project, "dynamic": [field for field in project.get("dynamic", []) if field == "version"]}
    for field in project.get("dynamic", []):
        if field != "version":
            written.update(FIELDS[field](said))
    tool = {"tool": {"pkm": pkm}} if pkm else {}
    return {"build-system": BACKEND, "project": written, **tool}


def points_said(root: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return scripts and entry points of a project without [project]: of poetry's table, or setuptools' egg-info."""
    poetry = data.get("tool", {}).get("poetry", {})
    if poetry:
        return {"scripts": poetry.get("scripts", {}), "entry-points": poetry.get("plugins", {})}
    path = next(iter(sorted(root.glob("**/*.egg-info/entry_points.txt"))), None)
    groups = points(path.read_text(encoding="utf-8")) if path else {}
    scripts, gui = groups.pop("console_scripts", {}), groups.pop("gui_scripts", {})
    return {"scripts": scripts, "gui-scripts": gui, "entry-points": groups}


def people_said(said, field: str) -> list[dict[str, str]]:
    names = [name.strip() for name in (said[field] or "").split(",") if name.strip()]
    found = getaddresses([said[f"{field}-email"] or ""])
    if len(names) == 1 and len(found) == 1 and not found[0][0]:
        return [{"name": names[0], "email": found[0][1]}] if found[0][1] else [{"name": names[0]}]
    mailed = [{"name": name, "email": email} if name else {"email": email} for name, email in found if email]
    return mailed + [{"name": name} for name in names]


def license_said(said) -> dict[str, Any]:
    if said["License-Expression"]:
        return {"license": said["License-Expression"]}
    return {"license": {"text": said["License"]}} if said["License"] else {}


def requirements_said(said) -> dict[str, Any]:
    """Return dependencies and extras: the extra of a requirement is the last part of its marker."""
    plain, extras = [], {name: [] for name in said.get_all("Provides-Extra") or []}
    for text in said.get_all("Requires-Dist") or []:
        match = re.fullmatch(r"""(.*?);\s*(?:\(?(.*?)\)?\s+and\s+)?extra\s*==\s*['"](.*?)['"]""", text)
        if match:
            extras[match[3]].append(match[1] + (f"; {match[2]}" if match[2] else ""))
        else:
            plain.append(text)
    return {"dependencies": plain, "optional-dependencies": extras}


def readme_said(said) -> dict[str, Any]:
    text = said.get_payload()
    kind = said["Description-Content-Type"] or "text/x-rst"
    return {"readme": {"text": text, "content-type": kind}} if text.strip() else {}


FIELDS = {
    "description": lambda said: {"description": said["Summary"]},
    "readme": readme_said,
    "requires-python": lambda said: (
        {"requires-python": said["Requires-Python"]} if said["Requires-Python"] else {}
    ),
    "license": license_said,
    "authors": lambda said: {"authors": people_said(said, "Author")},
    "maintainers": lambda said: {"maintainers": people_said(said, "Maintainer")},
    "keywords": lambda said: {"keywords": sorted(words(said["Keywords"]))},
    "classifiers": lambda said: {"classifiers": said.get_all("Classifier") or []},
    "urls": urls_said,
    "dependencies": requirements_said,
    "optional-dependencies": requirements_said,
}
