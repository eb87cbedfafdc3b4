"""The pages of a package index: what it tells of its files, in HTML and JSON.

Source: Simple repository API (PEP 503, 592, 658, 691, 700, 714).
"""

from __future__ import annotations

import hashlib
import html
import json
import zipfile
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html; charset=utf-8"


class Listed:
    """One file as the index lists it."""

    def __init__(self, project: str, filename: str, content: bytes, **told: Any) -> None:
        self.project = project
        self.filename = filename
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.size = len(content)
        self.yanked: str | None = told.get("yanked")
        self.upload_time: str | None = told.get("upload_time")
        self.version: str = told["version"]
        self.metadata = _metadata_of(filename, content) if filename.endswith(".whl") else None
        listed = told.get("requires_python")
        self.requires_python = listed if listed is not None else _requires_python(self.metadata)


class Answer(NamedTuple):
    """A response before the connection's faults are laid over it."""

    status: int
    headers: dict[str, str]
    body: bytes


def _metadata_of(filename: str, content: bytes) -> bytes | None:
    """Return METADATA of a wheel, None when it has none or is broken."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            stem = "-".join(filename.split("-")[:2])
            return archive.read(f"{stem}.dist-info/METADATA")
    except (zipfile.BadZipFile, KeyError, NotImplementedError):
        return None


def _requires_python(metadata: bytes | None) -> str | None:
    for line in (metadata or b"").decode(errors="replace").split("\n\n", 1)[0].splitlines():
        if line.startswith("Requires-Python: "):
            return line.partition(": ")[2]
    return None


class Shape(NamedTuple):
    """What the pages tell: *base* comes before the paths of files, "" for relative URLs."""

    base: str
    hashes: bool
    sizes: bool
    metadata: bool


def split_filename(filename: str) -> tuple[str, str]:
    """Return name and version of a file name of ours."""
    if filename.endswith(".whl"):
        name, version = filename.split("-")[:2]
        return name, version
    stem = filename.removesuffix(".tar.gz").removesuffix(".zip")
    name, _, version = stem.rpartition("-")
    return name, version


def root_page(projects: list[str], *, as_json: bool) -> Answer:
    if as_json:
        told = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in projects]}
        return Answer(200, {"Content-Type": JSON_TYPE}, json.dumps(told).encode())
    links = "".join(f'<a href="/simple/{name}/">{name}</a><br>\n' for name in projects)
    return Answer(
        200, {"Content-Type": HTML_TYPE}, f"<!DOCTYPE html>\n<html><body>\n{links}</body></html>".encode()
    )


def json_page(project: str, files: list[Listed], shape: Shape) -> Answer:
    versions = sorted({listed.version for listed in files})
    told = {
        "meta": {"api-version": "1.1"},
        "name": project,
        "versions": versions,
        "files": [_json_file(listed, shape) for listed in files],
    }
    return Answer(200, {"Content-Type": JSON_TYPE}, json.dumps(told).encode())


def _json_file(listed: Listed, shape: Shape) -> dict[str, Any]:
    told: dict[str, Any] = {
        "filename": listed.filename,
        "url": _href(listed, shape),
        "hashes": {"sha256": listed.sha256} if shape.hashes else {},
        "yanked": False if listed.yanked is None else listed.yanked or True,
    }
    if shape.sizes:
        told["size"] = listed.size
    if listed.requires_python is not None:
        told["requires-python"] = listed.requires_python
    if listed.upload_time:
        told["upload-time"] = listed.upload_time
    if shape.metadata and listed.metadata is not None:
        digest = {"sha256": hashlib.sha256(listed.metadata).hexdigest()}
        told["core-metadata"] = told["dist-info-metadata"] = digest
    return told


def html_page(title: str, files: list[Listed], shape: Shape) -> Answer:
    links = "".join(_html_link(listed, shape) for listed in files)
    text = (
        '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1">'
        f"<title>Links for {title}</title></head><body>\n<h1>Links for {title}</h1>\n{links}</body></html>\n"
    )
    return Answer(200, {"Content-Type": HTML_TYPE}, text.encode())


def _html_link(listed: Listed, shape: Shape) -> str:
    fragment = f"#sha256={listed.sha256}" if shape.hashes else ""
    told = ""
    if listed.requires_python is not None:
        told += f' data-requires-python="{html.escape(listed.requires_python)}"'
    if listed.yanked is not None:
        told += f' data-yanked="{html.escape(listed.yanked)}"'
    if shape.metadata and listed.metadata is not None:
        digest = f"sha256={hashlib.sha256(listed.metadata).hexdigest()}"
        told += f' data-core-metadata="{digest}" data-dist-info-metadata="{digest}"'
    return f'<a href="{_href(listed, shape)}{fragment}"{told}>{html.escape(listed.filename)}</a><br>\n'


def _href(listed: Listed, shape: Shape) -> str:
    path = f"/files/{quote(listed.filename)}"
    return shape.base + path
