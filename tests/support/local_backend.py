"""A build backend that needs nothing: copied into the sdists and projects that tests build.

It reads ``backend.json`` beside pyproject.toml::

    {"name": "spam", "version": "1.0", "metadata": "Metadata-Version: ...", "tag": "py3-none-any",
     "files": ["spam.py"], "entry_points": "", "requires": {"wheel": [], "editable": [], "sdist": []}}

and packs the listed files. Runs on Python 3.8 and later; hooks may be appended to a copy of it.
"""

# ruff: noqa: ARG001 - the hooks' parameters are given by PEP 517 and 660

import base64
import hashlib
import json
import os
import tarfile
import zipfile


def _spec():
    with open("backend.json", encoding="utf-8") as stream:
        return json.load(stream)


def _record(members):
    lines = []
    for name in sorted(members):
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(members[name])}\n")
    return "".join(lines)


def _dist_info(spec):
    folder = "{}-{}.dist-info".format(spec["name"].replace("-", "_"), spec["version"])
    wheel = f"Wheel-Version: 1.0\nGenerator: local_backend 1\nRoot-Is-Purelib: true\nTag: {spec['tag']}\n"
    members = {"METADATA": spec["metadata"], "WHEEL": wheel}
    if spec["entry_points"]:
        members["entry_points.txt"] = spec["entry_points"]
    return folder, {f"{folder}/{name}": text.encode() for name, text in members.items()}


def _write_wheel(target, spec, members):
    folder, described = _dist_info(spec)
    members = {**members, **described}
    record = f"{folder}/RECORD"
    members[record] = f"{_record(members)}{record},,\n".encode()
    name = "{}-{}-{}.whl".format(spec["name"].replace("-", "_"), spec["version"], spec["tag"])
    with zipfile.ZipFile(os.path.join(target, name), "w") as archive:
        for path, content in members.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content)
    return name


def get_requires_for_build_wheel(config_settings=None):
    return _spec()["requires"].get("wheel", [])


def get_requires_for_build_editable(config_settings=None):
    return _spec()["requires"].get("editable", [])


def get_requires_for_build_sdist(config_settings=None):
    return _spec()["requires"].get("sdist", [])


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder, members = _dist_info(_spec())
    os.mkdir(os.path.join(metadata_directory, folder))
    for path, content in members.items():
        with open(os.path.join(metadata_directory, path), "wb") as stream:
            stream.write(content)
    return folder


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    spec = _spec()
    members = {}
    for path in spec["files"]:
        with open(path, "rb") as stream:
            members[path] = stream.read()
    return _write_wheel(wheel_directory, spec, members)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    spec = _spec()
    pth = "_{}.pth".format(spec["name"].replace("-", "_"))
    return _write_wheel(wheel_directory, spec, {pth: (os.getcwd() + "\n").encode()})


def build_sdist(sdist_directory, config_settings=None):
    spec = _spec()
    top = "{}-{}".format(spec["name"].replace("-", "_"), spec["version"])
    with open("PKG-INFO", "w", encoding="utf-8") as stream:
        stream.write(spec["metadata"])
    with tarfile.open(
        os.path.join(sdist_directory, f"{top}.tar.gz"), "w:gz", format=tarfile.PAX_FORMAT
    ) as archive:
        for path in ["PKG-INFO", "pyproject.toml", "backend.json", "local_backend.py", *spec["files"]]:
            archive.add(path, f"{top}/{path}")
    os.remove("PKG-INFO")
    return f"{top}.tar.gz"
