"""Sdists: unpacked so that nothing lands outside and nothing swells without bound, and their PKG-INFO.

The rules are those of the ``data`` filter of PEP 706, kept here for every Python and both formats, and
stricter where a source distribution has no need: absolute paths, setuid bits and members that are no file,
folder or link are refused instead of being mended. Links are made last, when all files are written, so no
member is ever written through a link.

Source: Source distribution format ("Source distribution archive features"), PEP 706, PEP 643.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from posixpath import normpath
from stat import S_ISGID, S_ISUID

from packaging.version import Version

from pkm_build.grammar import NotUnderstood, normalise, read_version
from pkm_env.build.archive import FILE, FOLDER, HARD_LINK, LINK, SIZE_HINT, DamagedArchive, read_archive
from pkm_env.build.errors import BadSdist
from pkm_env.cache.paths import PATH_BYTES, shortened, too_long
from pkm_env.files import remove_tree
from pkm_env.model.core_metadata import InvalidMetadata, header_fields, is_static, metadata_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from pkm_env.build.archive import Member
    from pkm_env.model.distribution import Metadata

    Parts = tuple[str, ...]

ENDINGS = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar")
CHUNK = 1 << 20
LINK_STEPS = 40
UNNAMEABLE = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
WINDOWS_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10)))
)


class Limits:
    """How much an sdist may hold: bytes of all files together, members, and bytes of its PKG-INFO."""

    __slots__ = ("members", "metadata_bytes", "total_bytes")

    def __init__(
        self, *, total_bytes: int = 4 << 30, members: int = 500_000, metadata_bytes: int = 16 << 20
    ) -> None:
        self.total_bytes = total_bytes
        self.members = members
        self.metadata_bytes = metadata_bytes


DEFAULT_LIMITS = Limits()


def split_sdist_filename(filename: str) -> tuple[str, str] | None:
    """Return normalised name and version of an sdist's file name, None when it says neither.

    Old names may hold hyphens in both parts: the first hyphen after which a version stands divides them.
    """
    stem = _stem(filename)
    at = stem.find("-")
    while at > 0:
        version = version_in(stem[at + 1 :])
        if version:
            return normalise(stem[:at]), version
        at = stem.find("-", at + 1)
    return None


def version_in(text: str) -> str:
    """Return a version in normal form, "" for what is none."""
    try:
        return read_version(text)
    except NotUnderstood:
        return ""


def is_same_release(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether two pairs of name and version mean the same: 1.0 is 1."""
    return one[0] == other[0] and Version(one[1]) == Version(other[1])


def _stem(filename: str) -> str:
    low = filename.lower()
    for ending in ENDINGS:
        if low.endswith(ending):
            return filename[: -len(ending)]
    return filename


def unpack_sdist(
    archive: str,
    destination: str,
    *,
    filename: str = "",
    any_top: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    platform: str = sys.platform,
) -> str:
    """Unpack *archive* into the new folder *destination* and return the path of the top folder in it.

    *filename* is the name by which the archive is known, where that is not the name on disk. The top folder
    has to be ``name-version`` as the file name says it, compared as names and versions are; with *any_top*
    (an archive from a URL, whose name promises nothing) it may have any name.

    :raises BadSdist: when the archive is damaged or holds what is refused; nothing is left behind then.
    """
    shown = filename or os.path.basename(archive)
    os.mkdir(destination)
    try:
        return _Unpacking(shown, destination, limits, platform).run(archive, any_top=any_top)
    except BaseException as error:  # an interrupt too leaves no folder
        remove_tree(destination)
        if isinstance(error, DamagedArchive):
            raise BadSdist(shown, error.reason, member=shortened(error.member), hint=error.hint) from error
        if isinstance(error, OSError) and error.errno in UNNAMEABLE:
            raise BadSdist(
                shown, "this system can't have a file of this name", member=shortened(_tail(error))
            ) from error
        raise


def _tail(error: OSError) -> str:
    """Return the name of the file that an error speaks of."""
    return os.path.basename(str(error.filename or ""))


class _Unpacking:
    """One run over an archive: what was written so far, and what is left for the end."""

    def __init__(self, filename: str, destination: str, limits: Limits, platform: str) -> None:
        self.filename = filename
        self.destination = destination
        self.limits = limits
        self.platform = platform
        self.top = ""
        self.files: set[Parts] = set()
        self.folders: set[Parts] = set()
        self.links: dict[Parts, tuple[str, Parts]] = {}
        self.spellings: dict[str, Parts] = {}
        self.written = 0

    def run(self, archive: str, *, any_top: bool) -> str:
        """Write all members, then the links; return the path of the top folder."""
        for number, member in enumerate(read_archive(archive, self.filename, self.limits.total_bytes), 1):
            if number > self.limits.members:
                raise too_many(self.filename, self.limits)
            self._take(member)
        if not self.top or (self.top,) not in self.folders:
            raise BadSdist(self.filename, "it has no top folder")
        if not any_top:
            self._check_top()
        self._make_links()
        return self._path((self.top,))

    def _take(self, member: Member) -> None:
        parts = self._parts(member)
        if not parts:
            return
        self._check_place(member, parts)
        if member.kind == FOLDER:
            self._make_folder(member, parts)
        elif member.kind == FILE:
            self._make_folder(member, parts[:-1])
            self._write_file(member, parts, member.blocks())
        elif member.kind == HARD_LINK:
            self._make_folder(member, parts[:-1])
            self._copy(member, parts)
        elif member.kind == LINK:
            self._make_folder(member, parts[:-1])
            self._note_link(member, parts)
        else:
            self._refuse(member, "it is a device, a pipe or of an unknown kind")

    def _refuse(self, member: Member, reason: str) -> NoReturn:
        raise BadSdist(self.filename, reason, member=shortened(member.name))

    def _parts(self, member: Member) -> Parts:
        """Return the path of a member as its parts, () for the folder that the archive itself stands for."""
        name = member.name.replace("\\", "/") if self.platform == "win32" else member.name
        reason = too_long(name)
        if reason:
            self._refuse(member, f"it {reason}")
        if name.startswith("/"):
            self._refuse(member, "its path is absolute")
        parts = tuple(part for part in name.split("/") if part not in {"", "."})
        if ".." in parts:
            self._refuse(member, "its path leads upwards")
        if "\0" in name:
            self._refuse(member, "its path holds a NUL")
        if self.platform == "win32":
            self._check_for_windows(member, parts)
        return parts

    def _check_for_windows(self, member: Member, parts: Parts) -> None:
        for part in parts:
            if ":" in part or part.split(".")[0].rstrip().lower() in WINDOWS_DEVICES or part[-1] in ". ":
                self._refuse(member, "Windows can't have a file of this name")

    def _check_place(self, member: Member, parts: Parts) -> None:
        """Refuse a member beside the top folder, below a link or a file, or with a bit that gives rights."""
        self.top = self.top or parts[0]
        if parts[0] != self.top:
            self._refuse(member, f"it lies beside the top folder {self.top!r}")
        if len(parts) == 1 and member.kind != FOLDER:
            self._refuse(member, "it takes the place of the top folder")
        for depth in range(1, len(parts)):
            if parts[:depth] in self.links:
                self._refuse(member, "its path leads through a link")
            if parts[:depth] in self.files:
                self._refuse(member, "its path leads through a file")
        if member.kind == FILE and member.mode & (S_ISUID | S_ISGID):
            self._refuse(member, "it has a setuid or setgid bit")

    def _path(self, parts: Parts) -> str:
        return os.path.join(self.destination, *parts)

    def _make_folder(self, member: Member, parts: Parts) -> None:
        for depth in range(1, len(parts) + 1):
            folder = parts[:depth]
            if folder in self.folders:
                continue
            if folder in self.files or folder in self.links:
                self._refuse(member, "it is there twice, as a folder and as something else")
            self._check_case(member, folder)
            os.mkdir(self._path(folder))
            self.folders.add(folder)

    def _write_file(self, member: Member, parts: Parts, blocks: Iterator[bytes]) -> None:
        """Write a regular file; a tar may hold the same path again, and then the last one counts."""
        if parts in self.folders or parts in self.links or (parts in self.files and not member.may_repeat):
            self._refuse(member, "it is there twice")
        self._check_case(member, parts)
        path = self._path(parts)
        if parts in self.files:
            os.unlink(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o755 if member.mode & 0o100 else 0o644)
        self.files.add(parts)
        with os.fdopen(descriptor, "wb") as stream:
            for block in blocks:
                self.written += len(block)
                if self.written > self.limits.total_bytes:
                    reason = f"it unpacks to more than {self.limits.total_bytes:,} bytes"
                    raise BadSdist(self.filename, reason, hint=SIZE_HINT)
                stream.write(block)
        # Make and its like compare these times: generated files have to stay newer than their sources.
        os.utime(path, (member.mtime, member.mtime))

    def _check_case(self, member: Member, parts: Parts) -> None:
        """Refuse a second spelling of a path where the file system takes both for one."""
        if self.platform in {"win32", "darwin"}:
            spelled = self.spellings.setdefault("/".join(parts).casefold(), parts)
            if spelled != parts:
                self._refuse(member, f"only upper and lower case tell it from {'/'.join(spelled)}")

    def _copy(self, member: Member, parts: Parts) -> None:
        """Write a hard link as a copy of the earlier member that it names."""
        named = tuple(part for part in member.target.split("/") if part not in {"", "."})
        if named not in self.files or member.target.startswith("/"):
            self._refuse(
                member, f"it links to {shortened(member.target)!r}, which is no earlier file of this archive"
            )
        if named != parts:
            with open(self._path(named), "rb") as stream:
                self._write_file(member, parts, iter(lambda: stream.read(CHUNK), b""))

    def _note_link(self, member: Member, parts: Parts) -> None:
        if parts in self.files or parts in self.folders or parts in self.links:
            self._refuse(member, "it is there twice")
        if len(member.target) > PATH_BYTES:
            self._refuse(member, f"it links to a path of more than {PATH_BYTES:,} bytes")
        target = member.target.replace("\\", "/") if self.platform == "win32" else member.target
        if (
            not target
            or target.startswith("/")
            or "\0" in target
            or (self.platform == "win32" and ":" in target)
        ):
            self._refuse(member, f"it links to {member.target!r}, outside of the sdist")
        self._check_case(member, parts)
        self.links[parts] = (target, tuple(target.split("/")))

    def _make_links(self) -> None:
        """Make the symbolic links, each followed to its end first, through other links too."""
        for parts, (target, _) in self.links.items():
            found = self._follow(parts)
            if found is None:
                raise BadSdist(
                    self.filename, f"it links to {target!r}, outside of the sdist", member="/".join(parts)
                )
            self._make_link(parts, target, found)

    def _follow(self, link: Parts) -> Parts | None:
        """Return where *link* leads, None when that is outside of the top folder or nowhere at all."""
        at: list[str] = list(link[:-1])
        pending = list(reversed(self.links[link][1]))
        steps = 0
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                at.pop()
            else:
                at.append(part)
            if not at:
                return None
            further = self.links.get(tuple(at))
            if further is not None:
                steps += 1
                if steps > LINK_STEPS:
                    return None
                at.pop()
                pending.extend(reversed(further[1]))
        return tuple(at)

    def _make_link(self, parts: Parts, target: str, found: Parts) -> None:
        """Make one link; where the system refuses links, a copy of the file that it leads to."""
        try:
            os.symlink(
                target.replace("/", os.sep), self._path(parts), target_is_directory=found in self.folders
            )
        except OSError as error:
            if found not in self.files:
                raise BadSdist(
                    self.filename, f"its link to {target!r} can't be made here", member="/".join(parts)
                ) from error
            shutil.copy2(self._path(found), self._path(parts))

    def _check_top(self) -> None:
        """Refuse a top folder that is not ``name-version`` of the file name.

        Source: Source distribution format: "contains a single top-level directory called {name}-{version}".
        """
        wanted = split_sdist_filename(self.filename)
        found = split_sdist_filename(f"{self.top}.tar")
        if wanted is not None and not (found and is_same_release(found, wanted)):
            raise BadSdist(self.filename, f"its top folder is called {self.top!r}")


def too_many(filename: str, limits: Limits) -> BadSdist:
    """Return the error for an sdist with more members than may be."""
    hint = "if you trust it: sdist-files in [limits] of your configuration sets another bound"
    return BadSdist(filename, f"it has more than {limits.members:,} members", hint=hint)


def read_pkg_info(archive: str, *, filename: str = "", limits: Limits = DEFAULT_LIMITS) -> str | None:
    """Return the text of PKG-INFO in the top folder of *archive*, None when it has none.

    :raises BadSdist: when the archive is damaged, or PKG-INFO larger than any is.
    """
    shown = filename or os.path.basename(archive)
    try:
        for number, member in enumerate(read_archive(archive, shown, limits.total_bytes), 1):
            if number > limits.members:
                raise too_many(shown, limits)
            top, _, inner = normpath(member.name).partition("/")
            if member.kind == FILE and inner == "PKG-INFO" and top != "..":
                if member.size > limits.metadata_bytes:
                    raise BadSdist(shown, "its PKG-INFO is far too large", member=member.name)
                return b"".join(member.blocks()).decode("utf-8", "replace")
    except DamagedArchive as error:
        raise BadSdist(shown, error.reason, member=shortened(error.member), hint=error.hint) from error
    return None


def metadata_of_sdist(
    archive: str, *, filename: str = "", limits: Limits = DEFAULT_LIMITS
) -> Metadata | None:
    """Return what PKG-INFO says for certain of every wheel of the sdist, None when only a build can tell.

    :raises BadSdist: as ``read_pkg_info``, and when PKG-INFO names another project or version than the file.
    """
    shown = filename or os.path.basename(archive)
    text = read_pkg_info(archive, filename=shown, limits=limits)
    if text is None:
        return None
    fields = header_fields(text)
    if not is_static(fields):
        return None
    try:
        found = metadata_of(fields)
    except InvalidMetadata as error:
        raise BadSdist(shown, str(error), member="PKG-INFO") from error
    wanted = split_sdist_filename(shown)
    if wanted is not None and not is_same_release(wanted, (found.name, found.version)):
        raise BadSdist(shown, f"its metadata is that of {found.name} {found.version}", member="PKG-INFO")
    return found
