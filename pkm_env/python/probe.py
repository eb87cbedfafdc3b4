"""What an interpreter is: one run of it with a small script, remembered by its file.

The script runs on CPython 3.8 and later, free-threaded or not, and on PyPy; ``-I`` keeps variables and
the working folder out, ``-S`` keeps the ``.pth`` files of an environment from running.
"""

from __future__ import annotations

import os
import sys

from pkm_env.model.distribution import Unavailable
from pkm_env.model.interpreter import Interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pkm_env.model.ports import Memory

KIND = "interpreter-3"
# Of the programs that were run, by whatever path.
RUN = "interpreter-run-1"
TIMEOUT_S = 30
OLDEST = (3, 8)
BIG_SUR = 11  # the macOS from which on one number names the system
# Printed between marks: an interpreter may say something before, as a warning about its locale.
MARK = "-- pkm facts --"
SCRIPT = """
import json, os, platform, struct, sys, sysconfig
def variable(name):
    return sysconfig.get_config_var(name)
def configured_home():
    # The base of an environment is known to sys only from 3.11 on, and with -S not always.
    folder = os.path.dirname(sys.executable)
    for place in (folder, os.path.dirname(folder)):
        try:
            with open(os.path.join(place, "pyvenv.cfg"), encoding="utf-8") as stream:
                for line in stream:
                    name, _, value = line.partition("=")
                    if name.strip().lower() == "home":
                        return value.strip()
        except OSError:
            pass
    return ""
def base_executable():
    found = getattr(sys, "_base_executable", "") or sys.executable
    home = configured_home()
    if home and os.path.dirname(found) != home:
        names = [os.path.basename(os.path.realpath(sys.executable)), os.path.basename(sys.executable),
                 "python%d.%d" % sys.version_info[:2], "python3", "python", "python.exe"]
        for name in names:
            if os.path.exists(os.path.join(home, name)):
                return os.path.join(home, name)
    return found
def glibc():
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").rsplit()
        digits = version.replace("-", ".").split(".")
        return [int(digits[0]), int(digits[1])]
    except (AttributeError, OSError, ValueError):
        return []
def scheme():
    names = sysconfig.get_scheme_names()
    wanted = ["venv", "nt"] if os.name == "nt" else ["venv", "posix_prefix"]
    return [name for name in wanted if name in names][0]
def paths():
    root = os.path.abspath(os.sep + "R")
    keys = ("base", "platbase", "installed_base", "installed_platbase")
    found = sysconfig.get_paths(scheme(), vars={key: root for key in keys})
    short = {key: os.path.relpath(found[key], root).replace(os.sep, "/")
             for key in ("purelib", "platlib", "scripts", "data")}
    if os.name == "nt":
        short["include"] = "Include"
    else:
        short["include"] = "include/site/" + os.path.basename(found["include"])
    return short
info = sys.implementation.version
full = "%d.%d.%d" % info[:3]
if info[3] != "final":
    full += info[3][0] + str(info[4])
markers = {
    "implementation_name": sys.implementation.name,
    "implementation_version": full,
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "platform_python_implementation": platform.python_implementation(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
}
mac = platform.mac_ver() if sys.platform == "darwin" else ("", "", "")
facts = {
    "version_info": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "free_threaded": bool(variable("Py_GIL_DISABLED")),
    "debug": bool(variable("Py_DEBUG")) or hasattr(sys, "gettotalrefcount"),
    "ext_suffix": variable("EXT_SUFFIX") or "",
    "platform": sysconfig.get_platform(),
    "sys_platform": sys.platform,
    "bits": struct.calcsize("P") * 8,
    "glibc": glibc(),
    "host": variable("HOST_GNU_TYPE") or "",
    "mac_version": mac[0],
    "mac_machine": mac[2],
    "base": sys.base_prefix if not configured_home() or sys.version_info >= (3, 11) else sys.prefix,
    "base_executable": base_executable(),
    "markers": markers,
    "paths": paths(),
}
print("MARK" + json.dumps(facts) + "MARK")
""".replace("MARK", MARK)


def probe(path: str, memory: Memory | None = None, platform: str = sys.platform) -> Interpreter | Unavailable:
    """Return what the interpreter at *path* (absolute) is, or why it cannot be used.

    Its answer is remembered by the path and the time and size of the file that the path leads to.
    """
    found = file_key(path)
    if found is None:
        return Unavailable("missing", f"there is no interpreter at {path}")
    size, file = found
    key = f"{path}\n{file}"
    plain = memory.recall(KIND, key) if memory else None
    if plain is not None:
        return Interpreter.from_plain(plain)
    facts = run(path)
    if isinstance(facts, Unavailable):
        return facts
    if tuple(facts["version_info"][:2]) < OLDEST:
        version = ".".join(map(str, facts["version_info"]))
        return Unavailable("old", f"Python {version} at {path} is older than 3.8, the oldest that pkm knows")
    if facts["sys_platform"] == "linux" and not facts["glibc"]:
        facts["musl"] = musl_version(facts["host"])
    interpreter = interpreter_of(path, facts)
    # os.stat of a link's target says nothing of a Windows launcher's: those are small and never change.
    if memory and not (platform == "win32" and not size):
        memory.remember(KIND, key, interpreter.to_plain())
        memory.remember(RUN, file, True)
    return interpreter


def was_run(path: str, memory: Memory) -> bool:
    """Whether the program at *path* was asked before what it is, and is the same file since."""
    found = file_key(path)
    return found is not None and memory.recall(RUN, found[1]) is not None


def file_key(path: str) -> tuple[int, str] | None:
    """Return the size of the file that *path* leads to, and what changes with it; None where there is none."""
    real = os.path.realpath(path)
    try:
        status = os.stat(real)
    except OSError:
        return None
    return status.st_size, f"{real}\n{status.st_mtime_ns}\n{status.st_size}"


def run(path: str) -> dict[str, Any] | Unavailable:
    """Return the facts that the interpreter at *path* prints about itself."""
    import json
    import subprocess

    # Windows and macOS need some of their variables to start a program; Python's own are ignored by -I.
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "__PYVENV"))
    }
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", SCRIPT],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=environ,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Unavailable("broken", f"{path} does not answer within {TIMEOUT_S} s")
    except OSError as error:
        return Unavailable("broken", f"{path} cannot be run: {error.strerror}")
    match done.stdout.decode("utf-8", "replace").split(MARK):
        case [_before, told, _after] if not done.returncode:
            facts: dict[str, Any] = json.loads(told)
            return {"musl": [], **facts}
    detail = done.stderr.decode("utf-8", "replace").strip()
    return Unavailable("broken", f"{path} is no working Python 3.8 or newer", detail=detail)


def musl_version(host: str) -> list[int]:
    """Return the version of musl that its loader tells, [] when there is none; *host* is the GNU triplet."""
    import glob
    import subprocess

    machine = host.partition("-")[0]
    for loader in sorted(glob.glob("/lib/ld-musl-*.so.1"), key=lambda path: machine not in path):
        done = subprocess.run([loader], capture_output=True, check=False)
        return parse_musl(done.stderr.decode("utf-8", "replace"))
    return []


def parse_musl(text: str) -> list[int]:
    """Return the version from what musl's loader says of itself, [] when it says something else."""
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        if lines[0].startswith("musl") and line.startswith("Version "):
            major, _, rest = line[8:].partition(".")
            return [int(major), int(rest.partition(".")[0])]
    return []


def interpreter_of(path: str, facts: Mapping[str, Any]) -> Interpreter:
    """Return the interpreter at *path* that *facts* describe."""
    from pkm_env.python.tags import tags_of

    implementation = facts["implementation"]
    if facts["free_threaded"]:
        implementation += "-freethreaded"
    return Interpreter(
        path,
        facts["markers"]["python_full_version"].rstrip("+"),
        implementation,
        platform=platform_of(facts),
        base=facts["base"],
        base_executable=facts["base_executable"],
        markers=facts["markers"],
        tags=tags_of(facts),
        paths=facts["paths"],
    )


def platform_of(facts: Mapping[str, Any]) -> str:
    """Return pkm's name of the platform, with the real C library or version of the system."""
    machine = facts["platform"].rpartition("-")[2].lower()
    machine = {"aarch64": "arm64", "amd64": "x86_64", "win32": "x86"}.get(machine, machine)
    if facts["sys_platform"] == "win32":
        return f"windows-{machine}"
    if facts["sys_platform"] == "darwin":
        parts = facts["mac_version"].split(".")
        version = parts[0] if int(parts[0]) >= BIG_SUR else ".".join(parts[:2])
        return f"macos-{facts['mac_machine']}-{version}"
    for name in ("glibc", "musl"):
        if facts[name]:
            return f"linux-{machine}-{name}{'.'.join(map(str, facts[name]))}"
    return f"{facts['sys_platform']}-{machine}"
