"""The files of a project: what a walk over them yields, and what never ships.

A `Tree` is the folder on disk; a `ListedTree` is a list of paths that behaves like one, so that the wheel of an
sdist can be computed before the sdist is written. Paths are relative to the project, with ``/``.
"""

from __future__ import annotations

import os

from pkm_build import globs
from pkm_build.errors import BuildError
from pkm_build.ignores import Ignores

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Listing = tuple[list[str], list[str]]

JUNK_FOLDERS = frozenset(
    [
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".bzr",
        ".venv",
        ".tox",
        ".nox",
        ".pkm",
        ".eggs",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".idea",
        ".vscode",
        ".pdm-build",
        "node_modules",
        "__pypackages__",
    ]
)
JUNK_FILES = frozenset(
    [
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        ".env",
        ".netrc",
        ".pypirc",
        ".coverage",
        ".directory",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        ".git",
        ".pdm-python",
    ]
)
JUNK_SUFFIXES = (".pyc", ".pyo", "~", ".swp", ".swo", ".rej", ".bak", ".p12", ".pfx", ".jks")
VENVS = frozenset(["venv", "env", ".env", "virtualenv", ".virtualenv"])
KEY_SUFFIXES = (".pem", ".key", ".ppk")
SECRETS = (".env.",)
SAMPLES = (".example", ".sample", ".template", ".dist")
ROOT_JUNK = frozenset(["dist", "build"])


def junk(name: str, folder: bool) -> bool:
    """Return whether something with this name never ships, unless it is named explicitly."""
    if folder:
        return name in JUNK_FOLDERS or name.endswith(".egg-info")
    if name in JUNK_FILES or name.endswith(JUNK_SUFFIXES):
        return True
    if name[0] in ".#" and (name[:2] == ".#" or (name[0] == "#" and name[-1] == "#") or name[:5] == ".env."):
        return name[:5] != ".env." or not name.endswith(SAMPLES)
    return False


def is_venv(path: str) -> bool:
    """Return whether the folder at *path*, whose name is one of `VENVS`, is a virtual environment."""
    return os.path.isfile(f"{path}/pyvenv.cfg")


def secret(path: str) -> bool:
    """Return whether the file at *path* holds a private key; its name has one of `KEY_SUFFIXES`."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        head = stream.read(4096)
    return b"PRIVATE KEY-----" in head or head.startswith(b"PuTTY-User-Key-File")


def link_error(path: str, target: str) -> BuildError:
    """Return the error for a link that leaves the project."""
    return BuildError(
        f"{path} is a link that leaves the project (to {target})",
        "put a copy in its place, exclude it, or name what it leads to in [tool.pkm.build.map]",
    )


def is_dir(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


class Tree:
    """The folder of a project; *ignoring* applies what version control ignores.

    *left_out* maps each path that was met and ignored to the ``file:line`` of the reason; *outside* holds the links
    that leave the project, which the walk passes over and its caller refuses or excludes, *beyond* those that were
    met where ignored files count too.
    """

    def __init__(self, root: str, ignoring: bool) -> None:
        self.root = root
        self.ignores = Ignores(root) if ignoring else None
        self.left_out: dict[str, str] = {}
        self.outside: dict[str, str] = {}  # links that leave the project, and what they name
        self.beyond: dict[str, str] = {}
        self.cache: dict[str, Listing] = {}

    def path(self, path: str) -> str:
        """Return where *path* lies on disk."""
        return f"{self.root}/{path}" if path else self.root

    def content(self, path: str) -> bytes:
        """Return the content of the file *path*."""
        with open(self.path(path), "rb") as stream:
            return stream.read()

    def is_file(self, path: str) -> bool:
        """Return whether there is a file, ignored or not."""
        return os.path.isfile(self.path(path))

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder, ignored or not."""
        return os.path.isdir(self.path(path))

    def listing(self, folder: str) -> Listing:
        """Return the names of folders and of files in *folder*, each sorted, without junk and ignored ones."""
        found = self.cache.get(folder)
        if found is None:
            found = self.cache[folder] = self.read(folder)
        return found

    def read(self, folder: str) -> Listing:
        """Read a folder from disk: what `listing` keeps."""
        folders, files = [], []
        prefix = f"{folder}/" if folder else ""
        ignores = self.ignores
        for entry in self.scan(folder):
            name = entry.name
            is_folder = is_dir(entry)
            if junk(name, is_folder) or (is_folder and name in VENVS and is_venv(entry.path)):
                continue
            path = prefix + name
            if ignores is not None:
                why = ignores.why(path, name, is_folder)
                if why:
                    self.left_out[path] = why
                    continue
            if entry.is_symlink() and not self.link_is_inside(path, self.outside):
                continue
            if is_folder:
                folders.append(name)
            elif name.endswith(KEY_SUFFIXES) and secret(entry.path):
                self.left_out[path] = "a private key"
            elif entry.is_file():
                files.append(name)
            else:
                self.left_out[path] = "being no file (a pipe, socket or device)"
        folders.sort()
        files.sort()
        return folders, files

    def scan(self, folder: str) -> list[os.DirEntry[str]]:
        """Return the entries of a folder.

        :raises BuildError: when it cannot be read
        """
        try:
            with os.scandir(self.path(folder)) as entries:
                return list(entries)
        except NotADirectoryError as exc:
            raise BuildError(f"{folder} is no folder") from exc
        except PermissionError as exc:
            raise BuildError(f"{folder or 'the project folder'} can't be read: {exc.strerror}") from exc

    def link_is_inside(self, path: str, leaving: dict[str, str]) -> bool:
        """Return whether a link names something in the project; one that leaves it is noted in *leaving*."""
        target = os.path.realpath(self.path(path))
        if not os.path.exists(target):
            return False
        if target.startswith(os.path.realpath(self.root) + os.sep):
            return True
        leaving[path] = os.readlink(self.path(path))
        return False

    def is_within(self, path: str, /) -> bool:
        """Return whether *path* lies in the project once all links on the way are followed."""
        place = self.root
        for part in path.split("/"):
            place = f"{place}/{part}"
            if os.path.islink(place):
                real, top = os.path.realpath(self.path(path)), os.path.realpath(self.root)
                return real == top or real.startswith(top + os.sep)
        return True

    def refuse_link(self, path: str) -> None:
        """Refuse a file or folder that is named, where a link on the way to it leaves the project.

        :raises BuildError: when one does
        """
        if not self.is_within(path):
            place = self.path(path)
            raise link_error(path, os.readlink(place) if os.path.islink(place) else os.path.realpath(place))

    def refuse_beyond(self, pattern: str, excluded: Sequence[str]) -> None:
        """Refuse the links met by `all_below` that leave the project and that *pattern* means.

        :raises BuildError: for the first that none of *excluded* takes out
        """
        for path, target in sorted(self.beyond.items()):
            if globs.matches(pattern, path) and not any(globs.matches(one, path) for one in excluded):
                raise link_error(path, target)

    def walk(self, folder: str) -> list[str]:
        """Return the paths of all files below *folder*, sorted within each folder, files before folders."""
        found: list[str] = []
        self.walk_into(folder, found, ())
        return found

    def walk_into(self, folder: str, found: list[str], above: tuple[str, ...]) -> None:
        """Add the files below *folder* to *found*; *above* are the real folders of links being followed."""
        folders, files = self.listing(folder)
        prefix = f"{folder}/" if folder else ""
        found += [prefix + name for name in files]
        for name in folders:
            path = prefix + name
            if os.path.islink(self.path(path)):
                around = self.followed(path, above)
                if around:
                    self.walk_into(path, found, around)
            else:
                self.walk_into(path, found, above)

    def followed(self, path: str, above: tuple[str, ...]) -> tuple[str, ...]:
        """Return *above* with the folder that the link *path* names, () where following it would never end."""
        real = os.path.realpath(self.path(path))
        here = os.path.realpath(self.path(path.rpartition("/")[0]))
        if any((other + os.sep).startswith(real + os.sep) for other in (here, *above)):
            return ()
        return (*above, here, real)

    def expand(self, pattern: str, excluded: Sequence[str] = ()) -> list[str]:
        """Return the files that a glob means, ignored ones too, sorted; junk only where named outright.

        :raises BuildError: when one is a link that leaves the project, and none of the globs *excluded* means it
        """
        pattern = globs.clean(pattern)
        magic = globs.is_magic(pattern)
        start = globs.fixed_folder(pattern) if magic else pattern
        if not any(globs.matches(one, start) for one in excluded):
            self.refuse_link(start)
        if not magic and self.is_file(pattern):
            return [pattern]
        found = sorted(self.all_below(start)) if not start or self.is_folder(start) else []
        self.refuse_beyond(pattern, excluded)
        return [path for path in found if globs.matches(pattern, path)] if magic else found

    def all_below(self, folder: str, above: tuple[str, ...] = ()) -> Iterable[str]:
        """Yield all files below *folder* but junk, ignored or not."""
        for entry in self.scan(folder):
            name = entry.name
            path = f"{folder}/{name}" if folder else name
            is_folder = is_dir(entry)
            around = above
            if junk(name, is_folder) or (is_folder and name in VENVS and is_venv(entry.path)):
                continue
            if entry.is_symlink() and not self.link_is_inside(path, self.beyond):
                continue
            if is_folder and entry.is_symlink():
                around = self.followed(path, above)
                if not around:
                    continue
            if is_folder:
                yield from self.all_below(path, around)
            elif entry.is_file() and not (name.endswith(KEY_SUFFIXES) and secret(entry.path)):
                yield path


class ListedTree(Tree):
    """The tree that an archive will unpack to: *sources* maps its paths to files on disk, or to content."""

    def __init__(self, root: str, sources: Mapping[str, str | bytes]) -> None:
        super().__init__(root, ignoring=False)
        self.sources = sources
        self.names: dict[str, tuple[set[str], set[str]]] = {"": (set(), set())}
        for path in sources:
            folder, _, name = path.rpartition("/")
            self.add_folder(folder)[1].add(name)

    def add_folder(self, folder: str) -> tuple[set[str], set[str]]:
        """Return the names in *folder*, known from now on, as are the folders above it."""
        known = self.names.get(folder)
        if known is None:
            known = self.names[folder] = (set(), set())
            above, _, name = folder.rpartition("/")
            self.add_folder(above)[0].add(name)
        return known

    def path(self, path: str) -> str:
        """Return where *path* lies on disk, or will lie where there is only its content."""
        source = self.sources.get(path)
        return source if isinstance(source, str) else super().path(path)

    def content(self, path: str) -> bytes:
        """Return the content of the file *path*."""
        source = self.sources.get(path)
        return source if isinstance(source, bytes) else super().content(path)

    def is_file(self, path: str) -> bool:
        """Return whether the archive has this file."""
        return path in self.sources

    def is_within(self, _path: str, /) -> bool:
        """Return True, as nothing in a list is a link."""
        return True

    def is_folder(self, path: str) -> bool:
        """Return whether the archive has files below this folder."""
        return path in self.names

    def read(self, folder: str) -> Listing:
        """Read a folder from disk: what `listing` keeps."""
        folders, files = self.names.get(folder, ((), ()))
        return (
            sorted([name for name in folders if not junk(name, folder=True)]),
            sorted([name for name in files if not junk(name, folder=False)]),
        )

    def walk_into(self, folder: str, found: list[str], above: tuple[str, ...]) -> None:
        """Add the files below *folder* to *found*; *above* are folders already being walked."""
        folders, files = self.listing(folder)
        prefix = f"{folder}/" if folder else ""
        found += [prefix + name for name in files]
        for name in folders:
            self.walk_into(prefix + name, found, above)

    def all_below(self, folder: str, above: tuple[str, ...] = ()) -> Iterable[str]:
        """Yield all files below *folder* but junk; nothing in a list is a link."""
        folders, files = self.listing(folder)
        prefix = f"{folder}/" if folder else ""
        yield from [prefix + name for name in files]
        for name in folders:
            yield from self.all_below(prefix + name, above)
