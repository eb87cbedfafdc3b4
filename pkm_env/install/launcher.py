"""The programs that stand for scripts on Windows: a launcher, the interpreter's path, a zip with the code.

The launchers are package data of the ``installer`` library.
"""

from __future__ import annotations

from pkm_build.errors import PkmError

MACHINES = {"x86_64": "64", "x86": "32", "arm64": "64-arm"}
# The first time that a zip can name: launchers of one script are the same bytes each time.
EPOCH = (1980, 1, 1, 0, 0, 0)


class NoLauncher(PkmError):
    """There is no launcher for this machine."""


def launcher(platform_name: str, kind: str, python: str, body: bytes) -> bytes:
    """Return the program that runs *body* with *python*; *kind* is "console" or "gui".

    :raises NoLauncher: when the platform is none that launchers exist for.
    """
    import io
    import zipfile

    program = launcher_program(platform_name, kind)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), body)
    shown = f'"{python}"' if " " in python else python
    return program + b"#!" + shown.encode("utf-8") + b"\n" + stream.getvalue()


def launcher_program(platform_name: str, kind: str) -> bytes:
    """Return the bare program for a platform such as "windows-x86_64"."""
    from importlib.resources import files

    machine = MACHINES.get(platform_name.removeprefix("windows-"))
    if machine is None:
        raise NoLauncher(f"there is no launcher for scripts on {platform_name}")
    name = f"{'w' if kind == 'gui' else 't'}{machine}.exe"
    return files("installer").joinpath("_scripts").joinpath(name).read_bytes()
