"""Real wheels and sdists from a few arguments, byte-reproducible, and broken ones on demand.

::

    make_wheel(folder, "spam", "1.0", requires=["eggs>=2"], extras={"fast": ["numpy"]},
               scripts={"spam": "spam:main"}, files={"spam.py": "..."})  # -> its path
    make_sdist(folder, "spam", "1.0", requires=["eggs>=2"])  # -> its path

Without *files* there is one module named after the distribution that holds its version. ``wheel_bytes``
and ``sdist_bytes`` give the file name and the content without a folder.

Broken ones: ``edit`` gets the members (path -> bytes) before RECORD is computed, ``edit_recorded`` after
it (so that RECORD is wrong); ``mangle`` gets the whole archive's bytes; ``entries`` are further zip entries
or tar members, written as they are (path escapes, links, duplicates); ``filename`` gives another file name.

Kinds of sdist, by *backend*: "static" (PKG-INFO tells all, and a backend inside the sdist can build it),
"in-tree" (the same, but Requires-Dist is dynamic, so it has to be built), "pkm" (built by pkm_build),
"setuptools" (a setup.py and no pyproject.toml). The first two need no network and nothing installed;
``hooks`` is Python text appended to their backend, to override its functions.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Members = dict[str, bytes]

_BACKEND = Path(__file__).with_name("local_backend.py")


def normalised(name: str) -> str:
    """Return *name* as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def escaped(name: str) -> str:
    """Return *name* as it stands in file names."""
    return normalised(name).replace("-", "_")


def metadata_text(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    metadata_version: str = "2.2",
    dynamic: Iterable[str] = (),
    headers: Iterable[tuple[str, str]] = (),
    body: str = "",
) -> str:
    """Return the text of a METADATA or PKG-INFO file."""
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Dynamic: {field}" for field in dynamic]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"{key}: {value}" for key, value in headers]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, wanted in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_for_extra(requirement, extra)}" for requirement in wanted]
    return "\n".join(lines) + "\n" + (f"\n{body}" if body else "")


def _for_extra(requirement: str, extra: str) -> str:
    """Return *requirement* with the condition that *extra* is asked for."""
    wanted, semicolon, marker = requirement.partition(";")
    condition = f"extra == '{extra}'"
    return f"{wanted.strip()}; ({marker.strip()}) and {condition}" if semicolon else f"{wanted}; {condition}"


def entry_points_text(
    scripts: Mapping[str, str] | None = None,
    gui_scripts: Mapping[str, str] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return the text of entry_points.txt, "" when there are none."""
    groups = {"console_scripts": scripts or {}, "gui_scripts": gui_scripts or {}, **(entry_points or {})}
    blocks = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in groups.items()
        if points
    ]
    return "\n".join(blocks)


def record_text(members: Mapping[str, bytes], record: str) -> str:
    """Return the RECORD of *members*, itself at the path *record*."""
    lines = []
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        quoted = f'"{path}"' if "," in path or '"' in path else path
        lines.append(f"{quoted},sha256={digest},{len(content)}\n")
    return "".join(sorted(lines)) + f"{record},,\n"


def _module(name: str, version: str) -> dict[str, str]:
    """Return the one module that a distribution has when nothing else is said."""
    return {f"{escaped(name)}.py": f"version = {version!r}\n\n\ndef main():\n    print({name!r}, version)\n"}


def _encoded(files: Mapping[str, str | bytes]) -> Members:
    return {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}


def wheel_bytes(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    data: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    gui_scripts: Mapping[str, str] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    tags: str = "py3-none-any",
    build: str = "",
    root_is_purelib: bool = True,
    metadata: str | None = None,
    metadata_version: str = "2.1",
    executable: Iterable[str] = (),
    compress: bool = True,
    filename: str | None = None,
    edit: Callable[[Members], object] | None = None,
    edit_recorded: Callable[[Members], object] | None = None,
    entries: Sequence[tuple[zipfile.ZipInfo, bytes]] = (),
    mangle: Callable[[bytes], bytes] | None = None,
) -> tuple[str, bytes]:
    """Return the file name and the content of a wheel.

    *data* are members of the ``.data`` folder by their path in it ("scripts/run.sh"). *metadata* replaces
    the text of METADATA. *executable* names the members with the executable bit.
    """
    stem = f"{escaped(name)}-{version}"
    info = f"{stem}.dist-info"
    members = _encoded(_module(name, version) if files is None else files)
    members.update({f"{stem}.data/{path}": text for path, text in _encoded(data or {}).items()})
    members[f"{info}/METADATA"] = (
        metadata_text(
            name,
            version,
            requires=requires,
            requires_python=requires_python,
            extras=extras,
            metadata_version=metadata_version,
        )
        if metadata is None
        else metadata
    ).encode()
    members[f"{info}/WHEEL"] = _wheel_text(tags, build, root_is_purelib=root_is_purelib).encode()
    points = entry_points_text(scripts, gui_scripts, entry_points)
    if points:
        members[f"{info}/entry_points.txt"] = points.encode()
    if edit:
        edit(members)
    members[f"{info}/RECORD"] = record_text(members, f"{info}/RECORD").encode()
    if edit_recorded:
        edit_recorded(members)
    content = zip_bytes(members, executable=executable, entries=entries, compress=compress)
    named = filename or "-".join([stem, *([build] if build else []), tags]) + ".whl"
    return named, mangle(content) if mangle else content


def _wheel_text(tags: str, build: str, *, root_is_purelib: bool) -> str:
    """Return the text of WHEEL, with the compressed tag set written out."""
    pythons, abis, platforms = (part.split(".") for part in tags.split("-"))
    lines = ["Wheel-Version: 1.0", "Generator: tests", f"Root-Is-Purelib: {str(root_is_purelib).lower()}"]
    lines += [f"Tag: {p}-{a}-{q}" for p in pythons for a in abis for q in platforms]
    lines += [f"Build: {build}"] if build else []
    return "\n".join(lines) + "\n"


def zip_bytes(
    members: Mapping[str, bytes],
    *,
    executable: Iterable[str] = (),
    entries: Sequence[tuple[zipfile.ZipInfo, bytes]] = (),
    compress: bool = True,
) -> bytes:
    """Return a zip archive of *members* in their order, then *entries*; same input, same bytes."""
    runnable = set(executable)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in members.items():
            info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = (0o100755 if path in runnable else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            archive.writestr(info, content)
        for info, content in entries:
            archive.writestr(info, content)
    return buffer.getvalue()


def make_wheel(folder: str | os.PathLike[str], name: str, version: str, **how: Any) -> Path:
    """Write a wheel into *folder* and return its path; see ``wheel_bytes`` for *how*."""
    return _put(folder, *wheel_bytes(name, version, **how))


def make_sdist(folder: str | os.PathLike[str], name: str, version: str, **how: Any) -> Path:
    """Write an sdist into *folder* and return its path; see ``sdist_bytes`` for *how*."""
    return _put(folder, *sdist_bytes(name, version, **how))


def _put(folder: str | os.PathLike[str], filename: str, content: bytes) -> Path:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    path = target / filename
    path.write_bytes(content)
    return path


def sdist_bytes(
    name: str,
    version: str,
    *,
    backend: str = "static",
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    build_requires: Sequence[str] | None = None,
    hook_requires: Mapping[str, Sequence[str]] | None = None,
    hooks: str = "",
    tags: str = "py3-none-any",
    pkg_info: str | None = None,
    metadata_version: str = "2.2",
    top: str | None = None,
    form: str = "tar.gz",
    filename: str | None = None,
    edit: Callable[[Members], object] | None = None,
    entries: Sequence[tuple[tarfile.TarInfo, bytes]] = (),
    mangle: Callable[[bytes], bytes] | None = None,
) -> tuple[str, bytes]:
    """Return the file name and the content of an sdist.

    *backend* is one of the kinds in the module's docstring; *hook_requires* what its hooks ask for
    (keys "wheel", "editable", "sdist"); *pkg_info* replaces the text of PKG-INFO; *top* is the name of the
    top folder; *form* "tar.gz" or "zip".
    """
    members = project_members(
        name,
        version,
        backend=backend,
        requires=requires,
        requires_python=requires_python,
        extras=extras,
        files=files,
        scripts=scripts,
        build_requires=build_requires,
        hook_requires=hook_requires,
        hooks=hooks,
        tags=tags,
    )
    told = backend in {"static", "pkm"}
    members["PKG-INFO"] = (
        metadata_text(
            name,
            version,
            requires=requires if told else (),
            requires_python=requires_python,
            extras=extras if told else None,
            metadata_version=metadata_version,
            dynamic=() if told else ("Requires-Dist", "Provides-Extra"),
        )
        if pkg_info is None
        else pkg_info
    ).encode()
    if edit:
        edit(members)
    stem = f"{escaped(name)}-{version}"
    rooted = {f"{stem if top is None else top}/{path}": content for path, content in members.items()}
    content = zip_bytes(rooted) if form == "zip" else tar_bytes(rooted, entries)
    return filename or f"{stem}.{form}", mangle(content) if mangle else content


def tar_bytes(members: Mapping[str, bytes], entries: Sequence[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """Return a tar.gz of *members* in their order, then *entries*; same input, same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            info.mode = 0o644
            archive.addfile(info, io.BytesIO(content))
        for info, content in entries:
            info.size = len(content) if info.isreg() else info.size
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def project_members(
    name: str,
    version: str,
    *,
    backend: str = "static",
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    build_requires: Sequence[str] | None = None,
    hook_requires: Mapping[str, Sequence[str]] | None = None,
    hooks: str = "",
    tags: str = "py3-none-any",
) -> dict[str, bytes]:
    """Return the files of a source tree that *backend* can build, by their path in it."""
    code = _encoded(_module(name, version) if files is None else files)
    if backend == "setuptools":
        return {**code, "setup.py": _setup_text(name, version, requires, code).encode()}
    listed = {extra: list(wanted) for extra, wanted in (extras or {}).items()}
    if backend == "pkm":
        wanted = ["pkm>=1.0.dev0"] if build_requires is None else build_requires
        text = _build_system(wanted, "pkm_build") + _project_table(
            name, version, list(requires), requires_python, listed, scripts or {}
        )
        return {**code, "pyproject.toml": text.encode()}
    described = metadata_text(
        name, version, requires=requires, requires_python=requires_python, extras=listed
    )
    spec = {
        "name": normalised(name),
        "version": version,
        "metadata": described,
        "tag": tags,
        "files": sorted(code),
        "entry_points": entry_points_text(scripts),
        "requires": {kind: list(wanted) for kind, wanted in (hook_requires or {}).items()},
    }
    text = _build_system(build_requires or (), "local_backend") + 'backend-path = ["."]\n'
    return {
        **code,
        "pyproject.toml": text.encode(),
        "backend.json": json.dumps(spec, indent=1).encode(),
        "local_backend.py": _BACKEND.read_bytes() + (f"\n\n{hooks}\n".encode() if hooks else b""),
    }


def _build_system(requires: Iterable[str], backend: str) -> str:
    return f"[build-system]\nrequires = {json.dumps(list(requires))}\nbuild-backend = {json.dumps(backend)}\n"


def _project_table(
    name: str,
    version: str,
    requires: list[str],
    requires_python: str | None,
    extras: Mapping[str, list[str]],
    scripts: Mapping[str, str],
) -> str:
    lines = ["", "[project]", f"name = {json.dumps(name)}", f"version = {json.dumps(version)}"]
    lines += [f"requires-python = {json.dumps(requires_python)}"] if requires_python else []
    lines += [f"dependencies = {json.dumps(requires)}"]
    for title, table in (("optional-dependencies", extras), ("scripts", scripts)):
        if table:
            lines += ["", f"[project.{title}]"]
            lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _setup_text(name: str, version: str, requires: Iterable[str], code: Iterable[str]) -> str:
    modules = [path[:-3] for path in code if path.endswith(".py") and "/" not in path]
    told = f"name={name!r}, version={version!r}, py_modules={modules!r}, install_requires={list(requires)!r}"
    return f"from setuptools import setup\n\nsetup({told})\n"
