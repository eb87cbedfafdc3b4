"""Making a virtual environment: its folders, interpreter, activation scripts and pyvenv.cfg.

Source: PEP 405; the ``venv`` module of CPython 3.8 to 3.15, whose effect it has.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.files import copy, write_new
from pkm_env.python.venv import CONFIGURATION, FORMAT, MARK, MARK_PATH, Venv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkm_env.model.interpreter import Interpreter


WITHOUT_LIB64 = (3, 15)


class VenvImpossible(PkmError):
    """An environment cannot be made at this place or from this interpreter."""


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
    to *path*. *prompt* is what shells show, by default the folder's name, or its parent's for ".venv". With *copies* it
    has a copy of the interpreter, on Windows always.

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
    if has_lib64(interpreter, platform):
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
    venv = venv_of(interpreter, place, settings, platform)
    if copies:
        require_start(venv.python, interpreter)
    return venv


def require_start(python: str, interpreter: Interpreter) -> None:
    """Start the copy of an interpreter: one that looks for its library beside itself does not find it.

    :raises VenvImpossible: when it does not start.
    """
    import subprocess

    command = [python, "-I", "-S", "-c", "import os"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        done = None
    if done is None or done.returncode:
        raise VenvImpossible(
            f"a copy of {interpreter.base_executable} does not start", "leave --copies out to link to it"
        )


def has_lib64(interpreter: Interpreter, platform: str) -> bool:
    """Whether an environment has the link lib64: as Python's own do, since 3.15 only where libraries lie there."""
    if platform in {"win32", "darwin"}:
        return False
    if "64" not in interpreter.platform + interpreter.markers["platform_machine"]:
        return False
    number = tuple(int(part) for part in interpreter.minor.split("."))
    return number < WITHOUT_LIB64 or interpreter.paths["platlib"].startswith("lib64/")


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
