"""Virtual environments on disk: read one, say what is wrong with one.

Owns the layout of an environment and pyvenv.cfg; ``making`` makes one, and what is installed in it is ``install``'s.
An environment of ours carries the mark ``pkm = 1`` there, and the path it was made for.

Source: PEP 405; the ``venv`` module of CPython 3.8 to 3.15, whose effect it has.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "pkm"
MARK_PATH = "pkm-path"
FORMAT = "1"
# There while an environment is made at its very place, where nothing can be renamed to.
NOTES = ".pkm"
MAKING = os.path.join(NOTES, "making")
CONFIGURATION = "pyvenv.cfg"


class Venv:
    """An environment that is whole: its folders (absolute) and what pyvenv.cfg says.

    ``path`` is its root, ``python`` its interpreter, ``home`` the folder of the base interpreter.
    ``version`` is the full version it was made for, "" when not known. ``ours`` says that pkm made it.
    ``purelib``, ``platlib``, ``scripts``, ``include`` and ``data`` are where the schemes of a wheel go.
    """

    __slots__ = (
        "data",
        "home",
        "include",
        "ours",
        "path",
        "platlib",
        "prompt",
        "purelib",
        "python",
        "scripts",
        "settings",
        "version",
    )

    def __init__(
        self, path: str, settings: Mapping[str, str], folders: Mapping[str, str], python: str
    ) -> None:
        self.path = path
        self.settings = dict(settings)
        self.python = python
        self.home = settings.get("home", "")
        self.version = settings.get("version", settings.get("version_info", ""))
        self.prompt = settings.get("prompt", "")
        self.ours = settings.get(MARK) == FORMAT
        self.purelib = folders["purelib"]
        self.platlib = folders["platlib"]
        self.scripts = folders["scripts"]
        self.include = folders["include"]
        self.data = folders["data"]

    @property
    def minor(self) -> str:
        """The version without its patch level, as in "3.13"; "" when not known."""
        return ".".join(self.version.split(".")[:2])

    def moved_to(self, path: str) -> Venv:
        """Return this environment as it will be at another *path*."""
        other = Venv.__new__(Venv)
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, str) and (value == self.path or value.startswith(self.path + os.sep)):
                value = path + value[len(self.path) :]
            setattr(other, name, value)
        return other

    def __repr__(self) -> str:
        return f"Venv({self.path!r}, {self.version!r})"


class BrokenVenv:
    """A place that holds no usable environment: ``reason`` is a phrase, ``ours`` says that pkm made it.

    ``empty`` is true of a folder with nothing in it, where an environment may be made.
    """

    __slots__ = ("empty", "ours", "path", "reason")

    def __init__(self, path: str, reason: str, *, ours: bool = False, empty: bool = False) -> None:
        self.path = path
        self.reason = reason
        self.ours = ours
        self.empty = empty

    def __repr__(self) -> str:
        return f"BrokenVenv({self.path!r}, {self.reason!r})"


def read_venv(path: str, platform: str = sys.platform) -> Venv | BrokenVenv | None:
    """Return the environment at *path* (absolute), what is wrong with it, or None when nothing is there.

    Runs nothing. An environment whose folders lead outside of it is broken: writing there would
    change the interpreter it was made from.
    """
    if not os.path.lexists(path):
        return None
    if not os.path.isdir(path):
        return BrokenVenv(path, "is no folder")
    settings = read_settings(os.path.join(path, CONFIGURATION))
    if settings is None:
        begun = os.path.exists(os.path.join(path, MAKING))
        return BrokenVenv(path, f"has no {CONFIGURATION}", ours=begun, empty=set(os.listdir(path)) <= {NOTES})
    ours = settings.get(MARK) == FORMAT
    if ours and os.path.exists(os.path.join(path, MAKING)):
        return BrokenVenv(path, "was not made to the end", ours=True)
    reason, python = check_python(path, settings, platform)
    folders = find_folders(path, settings, platform)
    if not reason and ours and settings.get(MARK_PATH, path) != os.path.realpath(path):
        reason = f"was moved here from {settings[MARK_PATH]}"
    if not reason and folders is None:
        reason = "has no site-packages of its own"
    if not reason and folders is not None:
        reason = leads_outside(path, folders)
    if reason or folders is None:
        return BrokenVenv(path, reason, ours=ours)
    return Venv(path, settings, folders, python)


def read_settings(path: str) -> dict[str, str] | None:
    """Return the names (lower case) and values of a pyvenv.cfg, None when there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError:
        return None
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def check_python(path: str, settings: Mapping[str, str], platform: str) -> tuple[str, str]:
    """Return what is wrong with the interpreter of an environment ("" for nothing), and its path."""
    folder = os.path.join(path, scripts_name(platform))
    suffix = ".exe" if platform == "win32" else ""
    python = os.path.join(folder, "python" + suffix)
    home = settings.get("home", "")
    if not home:
        return f"does not say in {CONFIGURATION} which Python it is of", python
    if not os.path.exists(python):
        if os.path.islink(python):
            return f"is of a Python that is gone ({os.readlink(python)})", python
        return "has no interpreter", python
    if not os.path.isdir(home):
        return f"is of a Python that is gone ({home})", python
    return "", python


def base_program(python: str, settings: Mapping[str, str]) -> str:
    """Return the program that the environment of the program *python* was made from, "" when it is gone.

    *settings* are those of its pyvenv.cfg. A folder of several Pythons is asked for the one with the name that the
    environment was made by, or links to.
    """
    home = settings.get("home", "")
    version = settings.get("version", settings.get("version_info", ""))
    minor = ".".join(version.split(".")[:2])
    linked = os.path.basename(os.path.realpath(python)) if os.path.islink(python) else ""
    made_by = os.path.basename(settings.get("executable", ""))
    names = (linked, made_by, f"python{minor}", os.path.basename(python), "python3", "python", "python.exe")
    programs = (os.path.join(home, name) for name in names if name)
    return next((path for path in programs if os.path.isabs(path) and os.path.exists(path)), "")


def scripts_name(platform: str) -> str:
    """Return the name of an environment's folder of scripts."""
    return "Scripts" if platform == "win32" else "bin"


def find_folders(path: str, settings: Mapping[str, str], platform: str) -> dict[str, str] | None:
    """Return where the schemes of the environment at *path* go, None when there is no site-packages."""
    if platform == "win32":
        library, header = os.path.join(path, "Lib", "site-packages"), os.path.join(path, "Include")
    else:
        name = library_name(path, settings)
        if not name:
            return None
        library, header = os.path.join(path, "lib", name, "site-packages"), include_of(path, name)
    # pip takes site-packages along when it removes the last package of it.
    if not os.path.isdir(os.path.dirname(library)):
        return None
    scripts = os.path.join(path, scripts_name(platform))
    return {"purelib": library, "platlib": library, "scripts": scripts, "include": header, "data": path}


def include_of(path: str, name: str) -> str:
    """Return the folder for headers, where pip puts them too."""
    return os.path.join(path, "include", "site", name)


def library_name(path: str, settings: Mapping[str, str]) -> str:
    """Return the folder below ``lib`` that fits the version of *settings*, or the only one, or ""."""
    try:
        names = os.listdir(os.path.join(path, "lib"))
    except OSError:
        return ""
    found = sorted(name for name in names if name.startswith(("python", "pypy")))
    version = settings.get("version", settings.get("version_info", ""))
    minor = ".".join(version.split(".")[:2])
    fitting = [name for name in found if name.rstrip("t") in {f"python{minor}", f"pypy{minor}"}]
    chosen = fitting if minor else found
    return chosen[0] if len(chosen) == 1 else ""


def leads_outside(path: str, folders: Mapping[str, str]) -> str:
    """Return which folder of an environment leads out of it by a link, "" when none does."""
    root = os.path.realpath(path)
    notes = os.path.join(path, NOTES)
    for folder in sorted({folders["purelib"], folders["platlib"], folders["scripts"], notes}):
        if not os.path.realpath(folder).startswith(root + os.sep):
            return f"has a link that leads outside ({os.path.relpath(folder, path)})"
    return ""
