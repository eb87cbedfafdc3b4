"""An unpacked wheel -> what an environment gets of it: folders, links into the cache, files to write.

Decides only; ``apply`` does it. Owns the rules of the wheel format for installing: schemes, scripts
and their first line, INSTALLER, REQUESTED, direct_url.json and RECORD.

Source: Binary distribution format, "Installing a wheel"; Recording installed projects; Entry points.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.cache.manifest import encode, record_row
from pkm_env.install.installed import read_legacy, record_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pkm_env.cache.manifest import DataFile, EntryPoint, Manifest, UnpackedWheel
    from pkm_env.python.venv import Venv

INSTALLER = b"pkm"
# Of what nearly every package gets, INSTALLER and REQUESTED: most changes need no other.
DIGESTS = {
    INSTALLER + b"\n": "sha256=7-QbJ71L_UmYehzG1JRZ-TljWkrZxQeBUyVovQmZEDw",
    b"": "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
}
# Linux reads 127 bytes of a first line (256 since 5.1), macOS 512.
FIRST_LINE_BYTES = 127
# Every launcher of an interpreter, whatever version it names.
PYTHON_NAMES = ("python", "pythonw", "pypy", "pypyw")
ACTIVATION = frozenset(
    {"activate", "deactivate", "activate.csh", "activate.fish", "activate.nu", "activate.ps1"}
)


class Refused(PkmError):
    """A wheel that would replace what is not its own; *name* is the package, *path* the file in the environment."""

    def __init__(self, name: str, path: str, reason: str) -> None:
        super().__init__(
            f"{name} cannot be installed: {path} {reason}", "tell its maintainers, or leave it out"
        )
        self.name = name
        self.path = path
        self.reason = reason


class Site:
    """The environment that wheels go into: where it is written, and where it will stand.

    ``inside`` gives for each scheme its folder relative to the environment ("" for all of it), and
    ``prefixes`` the path that leads there from site-packages, for RECORD; both with forward slashes,
    and one at the end unless empty.
    """

    __slots__ = ("final", "inside", "platform", "platform_name", "prefixes", "python", "venv")

    def __init__(self, venv: Venv, final: Venv, platform_name: str, platform: str = sys.platform) -> None:
        self.venv = venv
        self.final = final
        self.python = final.python
        self.platform = platform
        self.platform_name = platform_name
        folders = {
            "scripts": venv.scripts,
            "headers": venv.include,
            "data": venv.data,
            "purelib": venv.purelib,
            "platlib": venv.platlib,
        }
        self.inside = {scheme: relative(folder, venv.path) for scheme, folder in folders.items()}
        self.prefixes = {scheme: relative(folder, venv.purelib) for scheme, folder in folders.items()}

    def folder(self, scheme: str) -> str:
        """Return the folder of a wheel's scheme."""
        return str(getattr(self.venv, "include" if scheme == "headers" else scheme))


def relative(folder: str, start: str) -> str:
    """Return the way from *start* to *folder*, "" for none, else with a slash at its end."""
    path = os.path.relpath(folder, start).replace(os.sep, "/")
    return "" if path == "." else path + "/"


class Placement:
    """All that one wheel puts into an environment.

    ``directories`` are absolute, parents first; ``links`` are (folder in the cache, folder in the
    environment, names), the folders with a separator at the end; ``writes`` are (path, content, mode).
    """

    __slots__ = (
        "directories",
        "dist_info",
        "links",
        "manifest",
        "name",
        "record_path",
        "rows",
        "seen",
        "writes",
    )

    def __init__(self, name: str, manifest: Manifest, dist_info: str) -> None:
        self.name = name
        self.manifest = manifest
        self.dist_info = dist_info
        self.record_path = f"{dist_info}{os.sep}RECORD"
        self.directories: list[str] = []
        self.seen: set[str] = set()
        self.links: list[tuple[str, str, tuple[str, ...]]] = []
        self.writes: list[tuple[str, bytes, int]] = []
        self.rows: list[str] = []

    def created(self) -> Iterator[str]:
        """Yield the path of each file that is put in, RECORD last."""
        for _, target, names in self.links:
            for name in names:
                yield target + name
        for path, _, _ in self.writes:
            yield path
        yield self.record_path

    def write(self, path: str, row_path: str, content: bytes, mode: int = 0o666) -> None:
        """Plan a file that is written, with its row in RECORD."""
        self.writes.append((path, content, mode))
        self.rows.append(record_row(row_path, digest_of(content), len(content)))

    def record(self) -> bytes:
        """Return the content of RECORD."""
        name = self.manifest.dist_info
        return b"".join(
            (
                self.manifest.record,
                "".join(self.rows).encode("utf-8"),
                record_row(f"{name}/RECORD").encode("utf-8"),
            )
        )


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of *content* as RECORD writes it."""
    known = DIGESTS.get(content)
    if known is not None:
        return known
    try:
        # The built-in one loads in no time; hashlib takes 5 ms for OpenSSL, which pays for large data alone.
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
    return f"sha256={encode(sha256(content).digest())}"


def place(
    wheel: UnpackedWheel, site: Site, *, requested: bool = False, direct_url: dict[str, Any] | None = None
) -> Placement:
    """Return what *wheel* puts into the environment of *site*.

    :raises Refused: when it would replace the interpreter or what makes the environment one, count as another
        package, or put two files in one place.
    """
    manifest = wheel.manifest
    root = site.folder("purelib" if manifest.root_is_purelib else "platlib") + os.sep
    placement = Placement(manifest.name, manifest, root + manifest.dist_info)
    place_root(placement, wheel, root)
    check_tops(placement, wheel, site.inside["purelib" if manifest.root_is_purelib else "platlib"])
    for data in manifest.data:
        place_data(placement, wheel, data, site)
    for kind, scripts in (("console", manifest.console), ("gui", manifest.gui)):
        for script in scripts:
            place_script(placement, script, kind, site)
    prefix = f"{manifest.dist_info}/"
    placement.write(f"{placement.dist_info}{os.sep}INSTALLER", prefix + "INSTALLER", INSTALLER + b"\n")
    if requested:
        placement.write(f"{placement.dist_info}{os.sep}REQUESTED", prefix + "REQUESTED", b"")
    if direct_url is not None:
        import json

        text = json.dumps(direct_url, sort_keys=True, separators=(",", ":"))
        path = f"{placement.dist_info}{os.sep}direct_url.json"
        placement.write(path, prefix + "direct_url.json", text.encode("utf-8"))
    if manifest.data:
        check_clashes(placement, site)
    return placement


def check_tops(placement: Placement, wheel: UnpackedWheel, inside: str) -> None:
    """Look at each top-level name of the wheel's root, which goes to *inside*: see ``check_claim``."""
    manifest = placement.manifest
    tops = [directory for directory in manifest.directories if "/" not in directory]
    tops += [name for directory, names in manifest.files if not directory for name in names]
    for top in tops:
        if top != manifest.dist_info:
            check_claim(placement, top, f"{wheel.path}/{top}", inside)


def check_claim(placement: Placement, top: str, tree: str, inside: str) -> None:
    """Refuse what in site-packages (*inside*) would count as another installation; it lies at *tree* in the cache.

    An egg-info of the package itself comes with some wheels by accident, and counts as a part of it
    (``installed.without_parts``).

    :raises Refused: when it is one.
    """
    stem, kind = record_kind(top)
    if not kind:
        return
    if kind in {"egg-info", "egg"}:
        found = read_legacy(tree, stem, kind)
        if found is None or found.name == placement.name:
            return
    raise Refused(placement.name, inside + top, "would count as another installed package")


def check_clashes(placement: Placement, site: Site) -> None:
    """Refuse two files of one wheel in one place, and a file in the place of a folder.

    Only files of the data folder can fall on others, so other wheels are not looked at.

    :raises Refused: in that case.
    """
    fold = str.lower if site.platform in {"win32", "darwin"} else str
    start = len(site.venv.path) + 1
    folders = {fold(folder) for folder in placement.directories}
    for inside in site.inside.values():
        parts = inside.rstrip("/").split("/")
        folders.update(
            fold(os.path.join(site.venv.path, *parts[:count])) for count in range(1, len(parts) + 1)
        )
    seen: set[str] = set()
    for path in placement.created():
        key = fold(path)
        if key in folders or key in seen:
            reason = "is a folder too" if key in folders else "comes from two places in its wheel"
            raise Refused(placement.name, path[start:].replace(os.sep, "/"), reason)
        seen.add(key)


def place_root(placement: Placement, wheel: UnpackedWheel, root: str) -> None:
    """Plan the links of all that lies in the root of the wheel."""
    separator = os.sep
    native = separator == "/"
    tree = wheel.path + separator
    for directory in wheel.manifest.directories:
        placement.directories.append(root + (directory if native else directory.replace("/", separator)))
    for directory, names in wheel.manifest.files:
        path = directory if native else directory.replace("/", separator)
        place_there = path + separator if path else ""
        placement.links.append((tree + place_there, root + place_there, names))


def place_data(placement: Placement, wheel: UnpackedWheel, data: DataFile, site: Site) -> None:
    """Plan one file of the wheel's data folder."""
    path = data.path
    if data.scheme == "headers":
        path = f"{placement.manifest.raw_name}/{path}"
    elif data.scheme == "data" and path.startswith("lib64/"):
        # One folder by two names: RECORD knows it by that which is no link.
        path = "lib/" + path.removeprefix("lib64/")
    elif data.scheme == "scripts":
        names = {script.name for script in (*placement.manifest.console, *placement.manifest.gui)}
        if path in names:
            # Both say what the same command does; an entry point is the one that fits the environment.
            return
    inside = site.inside[data.scheme] + path
    check_place(placement.name, inside, site)
    for start in {site.inside["purelib"], site.inside["platlib"]}:
        if inside.lower().startswith(start.lower()):
            top, _, below = inside[len(start) :].partition("/")
            tree = data.source.removesuffix(f"/{below}") if below else data.source
            check_claim(placement, top, f"{wheel.path}/{tree}", start)
    folder, _, name = inside.rpartition("/")
    add_folder(placement, site.venv.path + os.sep, folder)
    target = os.path.join(site.venv.path, *folder.split("/"), "")
    row_path = site.prefixes[data.scheme] + path
    source = os.path.join(wheel.path, *data.source.split("/"))
    if data.shebang:
        placement.write(target + name, row_path, rewritten(source, data.shebang, site), 0o777)
        return
    placement.links.append((source[: -len(name)], target, (name,)))
    placement.rows.append(record_row(row_path, data.digest, data.size))


def add_folder(placement: Placement, top: str, folder: str) -> None:
    """Plan *folder* below *top* (ends with a separator), after those above it."""
    path = top + folder.replace("/", os.sep)
    if folder and path not in placement.seen:
        add_folder(placement, top, folder.rpartition("/")[0])
        placement.seen.add(path)
        placement.directories.append(path)


def check_place(name: str, inside: str, site: Site) -> None:
    """Refuse a file that would become the interpreter, an activation script or pyvenv.cfg, or be read in its place.

    *inside* is its path in the environment, with forward slashes.

    :raises Refused: in that case.
    """
    if is_of_environment(inside, site.inside["scripts"]):
        raise Refused(name, inside, "belongs to the environment")
    if is_read_at_start(inside, site.inside["scripts"]):
        raise Refused(name, inside, "would change how the interpreter starts")


def is_of_environment(inside: str, scripts: str) -> bool:
    """Whether a path makes the environment one: its interpreter, activation scripts, configuration and notes.

    *inside* is relative to the environment, with forward slashes; *scripts* the folder of scripts, with one at its end.
    """
    folded = inside.lower()
    folder, _, last = folded.rpartition("/")
    if folder + "/" == scripts.lower():
        return is_python(last) or last.removesuffix(".bat").removesuffix(".exe") in ACTIVATION
    return folded in {"pyvenv.cfg", ".gitignore"} or folded.partition("/")[0] in {".pkm", "lib64"}


def is_read_at_start(inside: str, scripts: str) -> bool:
    """Whether a path lies where the interpreter looks for its configuration or library before those it should have.

    No environment has such a file, so one that is there may be removed. Paths are as in ``is_of_environment``.

    Source: ``site`` and ``getpath`` of CPython: a pyvenv.cfg beside the interpreter comes before that above it.
    """
    folder, _, last = inside.lower().rpartition("/")
    if folder + "/" != scripts.lower():
        return False
    windows = scripts.lower() == "scripts/"
    return last == "pyvenv.cfg" or (
        windows and (last.endswith("._pth") or (last.startswith("python") and last.endswith(".dll")))
    )


def is_python(name: str) -> bool:
    """Whether *name* (lower case) is one that an interpreter has: python, python3.13t, pypy3.exe."""
    stem = name.removesuffix(".exe")
    if stem[-2:-1].isdigit():
        stem = stem.removesuffix("t")
    return stem.rstrip("0123456789.") in PYTHON_NAMES


def place_script(placement: Placement, script: EntryPoint, kind: str, site: Site) -> None:
    """Plan the script of an entry point, with the launcher that Windows needs."""
    windows = site.platform == "win32"
    name = f"{script.name}.exe" if windows else script.name
    check_place(placement.name, site.inside["scripts"] + name, site)
    body = script_body(script, windows=windows)
    if windows:
        from pkm_env.install.launcher import launcher

        python = gui_python(site.python) if kind == "gui" else site.python
        content = launcher(site.platform_name, kind, python, body)
    else:
        content = first_line(site.python) + body
    path = site.venv.scripts + os.sep + name
    placement.write(path, site.prefixes["scripts"] + name, content, 0o777)


def gui_python(python: str) -> str:
    """Return the interpreter of Windows that opens no console."""
    folder, name = os.path.split(python)
    return os.path.join(folder, name.replace("python", "pythonw"))


def script_body(script: EntryPoint, *, windows: bool) -> bytes:
    """Return the Python of a script; without ``re`` it starts in two thirds of the time."""
    lines = ["import sys", f"from {script.module} import {script.attribute.partition('.')[0]}"]
    lines.append('if __name__ == "__main__":')
    if windows:
        lines.append('    sys.argv[0] = sys.argv[0][:-4] if sys.argv[0].endswith(".exe") else sys.argv[0]')
    lines.append(f"    sys.exit({script.attribute}())")
    return ("\n".join(lines) + "\n").encode("utf-8")


def first_line(python: str) -> bytes:
    """Return the first line of a script for the interpreter *python*.

    The kernel splits it at spaces and cuts it when it is long; then a shell takes its place, by lines
    that are a string to Python.
    """
    path = os.fsencode(python)
    if b" " not in path and len(path) + 3 <= FIRST_LINE_BYTES:
        return b"#!" + path + b"\n"
    quoted = b"'" + path.replace(b"'", b"'\\''") + b"'"
    if b"\\" in path or b"'''" in path:
        # Inside of a Python string these would end it or mean something else.
        quoted = b'"$(dirname "$0")/' + os.path.basename(path) + b'"'
    return b"#!/bin/sh\n'''exec' " + quoted + b' "$0" "$@"\n' + b"' '''\n"


def rewritten(source: str, shebang: str, site: Site) -> bytes:
    """Return a script of a wheel with the environment's interpreter in its first line."""
    with open(source, "rb") as stream:
        first, rest = stream.readline(), stream.read()
    python = gui_python(site.python) if shebang == "pythonw" and site.platform == "win32" else site.python
    options = first.strip()[2:].partition(b" ")[2].strip()
    line = first_line(python)
    if options and line.startswith(b"#!" + os.fsencode(python)):
        line = line.rstrip(b"\n") + b" " + options + b"\n"
    return line + rest
