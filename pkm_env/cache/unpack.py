"""Wheel -> tree: an archive is checked to the letter of its format while it is unpacked.

Owns what makes an archive a wheel: its name, dist-info, RECORD, schemes and scripts. The zip itself is
read by ``zips``. A wheel with any fault is refused whole, and nothing of it stays.

Source: Binary distribution format (packaging.python.org), "File Format" and "Details".
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys

from pkm_build.grammar import normalise
from pkm_env.cache.manifest import (
    SCHEMES,
    BadWheel,
    DataFile,
    EntryPoint,
    Manifest,
    NoArchive,
    encode,
    parse_entry_points,
    parse_record,
    record_row,
    script_of,
)
from pkm_env.cache.paths import fold, shortened
from pkm_env.cache.zips import DEFAULT, Archive
from pkm_env.files import TRUNCATING, long_path, remove_tree, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pkm_env.cache.zips import Limits, Member

# RECORD of the largest wheels has 3 MB; METADATA is rarely above 300 kB.
TEXT_LIMIT_BYTES = 64 << 20
# The version of wheels that is known.
FORMAT = (1, 0)
# No part of such a version has so many.
DIGITS = 10
# Weaker ones prove nothing. Source: Binary distribution format, "The .dist-info directory", rule 6.
DIGESTS = ("sha256", "sha384", "sha512")
SIGNATURES = ("RECORD.jws", "RECORD.p7s")
# An installer writes these itself; from a wheel they would say untrue things.
NOT_INSTALLED = frozenset({"RECORD", *SIGNATURES, "INSTALLER", "REQUESTED", "direct_url.json"})
SECTIONS = {"console_scripts": 0, "gui_scripts": 1}


def unpack(
    archive: str,
    destination: str,
    *,
    filename: str,
    limits: Limits | None = None,
    platform: str = sys.platform,
    mtime_ns: int | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Unpack the wheel at *archive* into the new directory *destination* and return what it holds.

    *filename* is the wheel's name as its index gives it: the file itself may be stored under another.
    Every file gets the time *mtime_ns* (default: now), so that a later change can be seen. *warn* is told of a wheel
    whose format is later than what is known here.

    :raises BadWheel: when anything about the wheel is wrong; *destination* is then not there.
    :raises OSError: when the disk fails; *destination* is then not there.
    """
    import mmap

    with open(archive, "rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            raise NoArchive(filename, "is empty")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            wheel = Wheel(Archive(data, filename, limits or DEFAULT, platform), filename)
            if wheel.format > FORMAT:
                version = ".".join(map(str, wheel.format))
                warn(
                    f"{filename} is of wheel version {version}; what is later than 1.0 in it is not honoured"
                )
            if mtime_ns is None:
                from time import time

                # Even seconds: every file system and archive format keeps them as they are.
                mtime_ns = int(time()) // 2 * 2_000_000_000
            root = long_path(os.path.abspath(destination), platform)
            os.mkdir(root)
            try:
                digests = write_tree(wheel, root, mtime_ns)
                return make_manifest(wheel, digests, mtime_ns)
            except BaseException as error:  # an interrupt too leaves nothing half unpacked
                remove_tree(root)
                if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                    name = shortened(str(error.filename or "")[len(root) + 1 :].replace(os.sep, "/"))
                    raise wheel.bad("has a path that this system does not take", name) from error
                raise


class Wheel:
    """A wheel's archive, its name and all of its texts checked against each other.

    :raises BadWheel: when they do not fit.
    """

    def __init__(self, archive: Archive, filename: str) -> None:
        self.archive = archive
        self.filename = filename
        self.members = {member.name: member for member in archive.members}
        self.stem = self._find_stem()
        self.dist_info = f"{self.stem}.dist-info"
        self.data = f"{self.stem}.data"
        self.raw_name, self.version = self._read_metadata()
        self.format, self.root_is_purelib, self.tags = self._read_wheel()
        self.record = self._read_record()
        self.console, self.gui = self._read_entry_points()
        self._check_data()

    def bad(self, reason: str, member: str = "") -> BadWheel:
        """Return the error that refuses this wheel."""
        return BadWheel(self.filename, reason, member)

    def text(self, name: str, errors: str = "strict") -> str:
        """Return the text of a file in dist-info; *errors* says what becomes of bytes that are not UTF-8."""
        path = f"{self.dist_info}/{name}"
        member = self.members.get(path)
        if member is None:
            raise self.bad(f"has no {path}")
        try:
            return self.archive.read(member, TEXT_LIMIT_BYTES).decode("utf-8", errors)
        except UnicodeDecodeError:
            raise self.bad("is not UTF-8", path) from None

    def _find_stem(self) -> str:
        parts = self.filename.removesuffix(".whl").split("-")
        if not self.filename.endswith(".whl") or len(parts) not in {5, 6} or not all(parts):
            raise self.bad("is no name of a wheel")
        tops = {name.partition("/")[0] for name in self.members if "/" in name}
        folders = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(folders) != 1:
            raise self.bad(f"has {len(folders)} dist-info folders" if folders else "has no dist-info folder")
        stem = folders[0].removesuffix(".dist-info")
        name, dash, version = stem.partition("-")
        if not dash or not same_release((name, version), (parts[0], parts[1])):
            raise self.bad(f"holds {folders[0]}, which is another release")
        for top in tops:
            if top.endswith(".data") and top != f"{stem}.data" and fold(top) == fold(f"{stem}.data"):
                raise self.bad("is not the data folder of this release", top)
        return stem

    def _read_metadata(self) -> tuple[str, str]:
        # Old wheels have names of people in other encodings; what counts here is ASCII.
        headers = read_headers(self.text("METADATA", "replace"))
        name, version = headers.get("name", [""]), headers.get("version", [""])
        name_there, _, version_there = self.stem.partition("-")
        if len(name) != 1 or len(version) != 1:
            raise self.bad("names more than one release", f"{self.dist_info}/METADATA")
        if not same_release((name[0], version[0]), (name_there, version_there)):
            raise self.bad("speaks of another release", f"{self.dist_info}/METADATA")
        return name[0], version[0]

    def _read_wheel(self) -> tuple[tuple[int, ...], bool, tuple[str, ...]]:
        """Return the version of the format, whether the root is pure, and the tags.

        They are not compared with those of the file name, which decide: many a wheel was renamed after it was built.

        Source: Binary distribution format, "Installing a wheel", 1.b and 1.c.
        """
        headers = read_headers(self.text("WHEEL"))
        version = headers.get("wheel-version", [""])[0]
        parts = version.split(".")
        if parts[0] != "1" or not all(part.isdecimal() and len(part) < DIGITS for part in parts):
            raise self.bad(f"is of wheel version {shortened(version) or '(none)'}, and pkm knows version 1")
        purelib = headers.get("root-is-purelib", [""])[0].lower()
        if purelib not in {"true", "false"}:
            raise self.bad("does not say Root-Is-Purelib", f"{self.dist_info}/WHEEL")
        return tuple(int(part) for part in parts), purelib == "true", tuple(headers.get("tag", ()))

    def _read_record(self) -> dict[str, tuple[str, str]]:
        """Return digest and size by path, every member being listed and every row a member."""
        path = f"{self.dist_info}/RECORD"
        rows: dict[str, tuple[str, str]] = {}
        try:
            for written, digest, size in parse_record(self.text("RECORD")):
                # Some tools of Windows wrote backslashes; no member can have one.
                name = written.replace("\\", "/")
                if rows.get(name, (digest, size)) != (digest, size):
                    raise self.bad(f"lists {shortened(name)} twice, with different content", path)
                rows[name] = (digest, size)
        except ValueError as error:
            raise self.bad(f"has a row that is none: {shortened(str(error))}", path) from None
        unsigned = {path, *(f"{self.dist_info}/{name}" for name in SIGNATURES)}
        for name in self.members:
            if name not in rows and name not in unsigned:
                raise self.bad("is not listed in RECORD", name)
        for name, (digest, _) in rows.items():
            if name not in self.members and name not in unsigned:
                raise self.bad("is listed in RECORD and not in the archive", shortened(name))
            if name not in unsigned and digest.partition("=")[0] not in DIGESTS:
                raise self.bad("has no hash in RECORD that proves anything", shortened(name))
        return rows

    def _read_entry_points(self) -> tuple[tuple[EntryPoint, ...], tuple[EntryPoint, ...]]:
        path = f"{self.dist_info}/entry_points.txt"
        if path not in self.members:
            return (), ()
        found: tuple[dict[str, EntryPoint], dict[str, EntryPoint]] = ({}, {})
        taken: dict[str, str] = {}
        try:
            for section, name, value in parse_entry_points(self.text("entry_points.txt")):
                if section not in SECTIONS:
                    continue
                script = self._script(name, value, path)
                if taken.setdefault(fold(name), value) != value:
                    raise self.bad(f"declares the script {name} twice, with different content", path)
                if name not in found[0]:
                    found[SECTIONS[section]][name] = script
        except ValueError as error:
            raise self.bad(f"has a line that is none: {shortened(str(error))}", path) from None
        return tuple(found[0].values()), tuple(found[1].values())

    def _script(self, name: str, value: str, path: str) -> EntryPoint:
        try:
            return script_of(name, value)
        except ValueError as error:
            raise self.bad(f"the script {shortened(name)!r} {error}", path) from None

    def _check_data(self) -> None:
        """Refuse unknown schemes, and files of the data folder that fall on files of the root."""
        root = {fold(name) for name in self.members}
        for name in self.members:
            if name.startswith(f"{self.data}/"):
                scheme, slash, rest = name[len(self.data) + 1 :].partition("/")
                if not slash or scheme not in SCHEMES:
                    raise self.bad("is in no scheme that pkm knows", name)
                if scheme in {"purelib", "platlib"} and fold(rest) in root:
                    raise self.bad("would be installed over a file of the same wheel", name)
            if "/" not in name and fold(name) == "pyvenv.cfg":
                raise self.bad("would change the environment itself", name)


def same_release(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two pairs of name and version mean the same release, however they are written."""
    if one == other:
        return True
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    if canonicalize_name(one[0]) != canonicalize_name(other[0]):
        return False
    # In file names, "_" stands for the "-" of a version and for the "+" of old tools.
    texts = [one[1], other[1]]
    try:
        first, second = (Version(text.replace("_", "-")) for text in texts)
    except InvalidVersion:
        return texts[0].replace("_", "-") == texts[1].replace("_", "-")
    return first == second or str(first).replace("-", "+") == str(second).replace("-", "+")


def read_headers(text: str) -> dict[str, list[str]]:
    """Return the values of each header by its name in lower case; the body is not looked at."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon and line[0] not in " \t":
            found.setdefault(name.lower(), []).append(value.strip())
    return found


def write_tree(wheel: Wheel, root: str, mtime_ns: int) -> dict[str, tuple[str, str]]:
    """Write all members below *root* and return by path the digest for RECORD and the kind of script.

    :raises BadWheel: when a member is not what RECORD says.
    """
    made = {""}
    found: dict[str, tuple[str, str]] = {}
    for name in sorted(wheel.members):
        member = wheel.members[name]
        parent = name.rpartition("/")[0]
        make_parents(root, parent, made)
        scripts = name.startswith(f"{wheel.data}/scripts/")
        mode = 0o777 if member.executable or scripts else 0o666
        found[name] = write_member(wheel, member, f"{root}/{name}", mode, mtime_ns)
    return found


def make_parents(root: str, directory: str, made: set[str]) -> None:
    """Make *directory* below *root* with those above it; *made* holds those that are there."""
    if directory in made:
        return
    make_parents(root, directory.rpartition("/")[0], made)
    os.mkdir(f"{root}/{directory}")
    made.add(directory)


def write_member(wheel: Wheel, member: Member, path: str, mode: int, mtime_ns: int) -> tuple[str, str]:
    """Write one member and return its SHA-256 in RECORD's form and its kind of script.

    Its content is compared with RECORD while it is written.
    """
    digest, size = wheel.record.get(member.name, ("", ""))
    algorithm, _, expected = digest.partition("=")
    if size and size != str(member.size):
        raise wheel.bad(f"has {member.size} bytes, and RECORD says {size}", member.name)
    main = hashlib.sha256()
    other = hashlib.new(algorithm) if algorithm in DIGESTS and algorithm != "sha256" else None
    start = b""
    descriptor = os.open(path, TRUNCATING, mode)
    try:
        for piece in wheel.archive.pieces(member):
            start = start or piece[:16]
            main.update(piece)
            if other is not None:
                other.update(piece)
            write_all(descriptor, piece, path)
        if os.utime in os.supports_fd:
            os.utime(descriptor, ns=(mtime_ns, mtime_ns))
    finally:
        os.close(descriptor)
    if os.utime not in os.supports_fd:
        os.utime(path, ns=(mtime_ns, mtime_ns))
    found = encode(main.digest())
    if expected and (found if other is None else encode(other.digest())) != expected.rstrip("="):
        raise wheel.bad("is not what RECORD says (wrong hash)", member.name)
    return f"sha256={found}", shebang_of(start)


def shebang_of(start: bytes) -> str:
    """Return "python" or "pythonw" when a script begins with the line that an installer has to rewrite."""
    if not start.startswith(b"#!python"):
        return ""
    return "pythonw" if start.startswith(b"#!pythonw") else "python"


def make_manifest(wheel: Wheel, digests: dict[str, tuple[str, str]], mtime_ns: int) -> Manifest:
    """Return the manifest of a wheel that was written; *digests* are those of ``write_tree``."""
    prefix = f"{wheel.data}/"
    own = f"{wheel.dist_info}/"
    root = []
    data = []
    for name in sorted(wheel.members):
        if name.startswith(prefix):
            scheme, _, path = name[len(prefix) :].partition("/")
            digest, shebang = digests[name]
            size = wheel.members[name].size
            data.append(DataFile(scheme, path, name, digest, size, shebang if scheme == "scripts" else ""))
        elif not (name.startswith(own) and name[len(own) :] in NOT_INSTALLED) and not is_bytecode(name):
            root.append(name)
    files = group(root)
    rows = []
    for directory, names in files:
        for name in names:
            path = f"{directory}/{name}" if directory else name
            rows.append(record_row(path, digests[path][0], wheel.members[path].size))
    return Manifest(
        console=wheel.console,
        data=tuple(data),
        directories=all_directories(directory for directory, _ in files),
        dist_info=wheel.dist_info,
        executables=tuple(name for name in root if wheel.members[name].executable),
        files=files,
        gui=wheel.gui,
        mtime_ns=mtime_ns,
        name=normalise(wheel.raw_name),
        raw_name=wheel.raw_name,
        record="".join(rows).encode("utf-8"),
        root_is_purelib=wheel.root_is_purelib,
        sizes=tuple(
            tuple(wheel.members[f"{directory}/{name}" if directory else name].size for name in names)
            for directory, names in files
        ),
        size_bytes=sum(member.size for member in wheel.members.values()),
        tags=wheel.tags,
        version=wheel.version,
    )


def is_bytecode(name: str) -> bool:
    """Whether *name* lies in a folder of compiled code: made by an interpreter, never a wheel's to bring."""
    return "/__pycache__/" in f"/{name}"


def group(paths: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the names in each directory, both sorted."""
    found: dict[str, list[str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        found.setdefault(directory, []).append(name)
    return tuple((directory, tuple(sorted(found[directory]))) for directory in sorted(found))


def all_directories(directories: Iterable[str]) -> tuple[str, ...]:
    """Return *directories* and all above them, sorted, so that parents come first; without ""."""
    found: set[str] = set()
    for directory in directories:
        path = directory
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return tuple(sorted(found))


__all__ = ["DEFAULT", "BadWheel", "unpack"]
