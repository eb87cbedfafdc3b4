"""Virtual environments on disk: make one, read one, say what is wrong with one.

Owns the layout of an environment and pyvenv.cfg; what is installed in it is ``install``'s. An
environment of ours carries the mark ``pkm = 1`` there, and the path it was made for.

Source: PEP 405; the ``venv`` module of CPython 3.8 to 3.15, whose effect it has.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.files import copy, write_new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkm_env.model.interpreter import Interpreter

MARK = "pkm"
MARK_PATH = "pkm-path"
FORMAT = "1"
# There while an environment is made at its very place, where nothing can be renamed to.
NOTES = ".pkm"
MAKING = os.path.join(NOTES, "making")
CONFIGURATION = "pyvenv.cfg"


class VenvImpossible(PkmError):
    """An environment cannot be made at this place or from this interpreter."""


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


def make_venv(
    interpreter: Interpreter,
    path: str,
    *,
    at: str = "",
    prompt: str = "",
    copies: bool = False,
    platform: str = sys.platform,
) -> Venv:
    """Make an environment for *path* and return it; it is written *at* another place when that is given.

    Nothing may be at that place yet, except an empty folder. The environment works once it is moved
    to *path*. *prompt* is what shells show, by default the folder's name, or its parent's for ".venv".

    :raises VenvImpossible: when *path* cannot hold an environment, or the interpreter is incomplete.
    """
    if os.pathsep in path or not path.isprintable():
        raise VenvImpossible(
            f"an environment cannot stand at {path!r}: shells could not put it on PATH",
            "use a folder without colons, semicolons and control characters in its path",
        )
    place = at or path
    final = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    paths = interpreter.paths
    if not os.path.isdir(place):
        os.mkdir(place)
    for folder in sorted({paths["purelib"], paths["platlib"], paths["scripts"], "include"}):
        if folder.startswith("lib64/") and not os.path.lexists(os.path.join(place, "lib64")):
            continue
        os.makedirs(os.path.join(place, *folder.split("/")), exist_ok=True)
    if (
        platform not in {"win32", "darwin"}
        and "64" in interpreter.platform + interpreter.markers["platform_machine"]
    ):
        os.symlink("lib", os.path.join(place, "lib64"))
    scripts = os.path.join(place, paths["scripts"])
    put_python(interpreter, scripts, copies=copies, platform=platform)
    name = prompt or default_prompt(final)
    settings = settings_of(interpreter, final, prompt)
    for script, text in activation_scripts_for(final, name, paths["scripts"], platform).items():
        write_new(os.path.join(scripts, script), text.encode("utf-8", "surrogateescape"))
    write_new(os.path.join(place, ".gitignore"), b"*\n")
    # Last, so that a folder without it is never taken for an environment.
    text = "".join(f"{key} = {value}\n" for key, value in settings.items())
    write_new(os.path.join(place, CONFIGURATION), text.encode("utf-8", "surrogateescape"))
    return venv_of(interpreter, place, settings, platform)


def activation_scripts_for(path: str, prompt: str, scripts: str, platform: str) -> Mapping[str, str]:
    """Return the activation scripts; their module is loaded when an environment is made, not before."""
    from pkm_env.python.activation import activation_scripts

    return activation_scripts(path, prompt, scripts, platform)


def venv_of(interpreter: Interpreter, place: str, settings: Mapping[str, str], platform: str) -> Venv:
    """Return the environment at *place* by the paths of its interpreter."""
    folders = {key: os.path.normpath(os.path.join(place, value)) for key, value in interpreter.paths.items()}
    # lib64 is a link to lib: one name for one folder, or RECORD would know it by two.
    folders["platlib"] = folders["platlib"].replace(os.sep + "lib64" + os.sep, os.sep + "lib" + os.sep)
    suffix = ".exe" if platform == "win32" else ""
    return Venv(place, settings, folders, os.path.join(folders["scripts"], "python" + suffix))


def default_prompt(path: str) -> str:
    """Return what shells show for the environment at *path*."""
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) or name if name.startswith(".") else name


def settings_of(interpreter: Interpreter, path: str, prompt: str) -> dict[str, str]:
    """Return the names and values of a new pyvenv.cfg, in order."""
    base = interpreter.base_executable
    settings = {
        "home": os.path.dirname(base),
        "implementation": interpreter.markers.get("platform_python_implementation", "CPython"),
        "include-system-site-packages": "false",
        "version": interpreter.version,
        "executable": os.path.realpath(base),
    }
    if prompt:
        settings["prompt"] = repr(prompt)
    return {**settings, MARK: FORMAT, MARK_PATH: path}


def put_python(interpreter: Interpreter, scripts: str, *, copies: bool, platform: str) -> None:
    """Put the interpreter into the folder *scripts* under its usual names.

    :raises VenvImpossible: when the base interpreter is not there.
    """
    base = interpreter.base_executable
    if not os.path.exists(base):
        raise VenvImpossible(f"there is no interpreter at {base}", "name another with -p")
    if platform == "win32":
        put_launchers(interpreter, scripts)
        return
    first = os.path.join(scripts, "python")
    if copies:
        copy(os.path.realpath(base), first)
    else:
        os.symlink(lasting_name(interpreter), first)
    for name in sorted(python_names(interpreter) - {"python"}):
        os.symlink("python", os.path.join(scripts, name))


def lasting_name(interpreter: Interpreter) -> str:
    """Return the base interpreter by the name that says its minor version, where it has one.

    An upgrade of the system lets ``python3`` lead to another Python; ``python3.12`` stays or goes.
    """
    base = interpreter.base_executable
    for name in (f"python{interpreter.minor}", f"python{interpreter.minor}t", f"pypy{interpreter.minor}"):
        path = os.path.join(os.path.dirname(base), name)
        if os.path.exists(path) and os.path.samefile(path, base):
            return path
    return base


def python_names(interpreter: Interpreter) -> set[str]:
    """Return the names that an interpreter has in the environments made of it."""
    names = {"python", "python3", f"python{interpreter.minor}", os.path.basename(interpreter.base_executable)}
    if interpreter.implementation == "pypy":
        names |= {"pypy", "pypy3", f"pypy{interpreter.minor}"}
    if interpreter.implementation.endswith("freethreaded"):
        names.add(f"python{interpreter.minor}t")
    return names


def put_launchers(interpreter: Interpreter, scripts: str) -> None:
    """Copy the launchers that Windows installations bring for environments; they find the base by pyvenv.cfg.

    :raises VenvImpossible: when the installation has none.
    """
    folder = os.path.join(interpreter.base, "Lib", "venv", "scripts", "nt")
    base = os.path.dirname(interpreter.base_executable)
    threads = "t" if interpreter.implementation.endswith("freethreaded") else ""
    for name, launcher in (("python", "venvlauncher"), ("pythonw", "venvwlauncher")):
        # From 3.13 on they have names of their own; a copied interpreter, as conda's, is the last way.
        places = (
            os.path.join(folder, f"{launcher}{threads}.exe"),
            os.path.join(folder, f"{name}.exe"),
            os.path.join(base, f"{launcher}{threads}.exe"),
            os.path.join(base, f"{name}.exe"),
        )
        source = next((place for place in places if os.path.exists(place)), "")
        if not source and name == "python":
            raise VenvImpossible(f"the Python at {interpreter.base} has no launcher for environments")
        if source:
            copy(source, os.path.join(scripts, f"{name}.exe"))
