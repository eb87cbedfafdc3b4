"""``pkm run``: a program in an environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pkm_env.context import Context
    from pkm_env.model.environment import Environment

NOT_FOUND = 127
NOT_EXECUTABLE = 126
SIGNALLED = 128


def run(context: Context, environment: Environment, command: Sequence[str]) -> int:
    """Run *command* with the environment active; return its exit code, or replace this process by it."""
    venv = context.workspace.venv_path(environment)
    environ = activated(context.environ, venv, sys.platform)
    program = find_program(command[0], environ["PATH"])
    if program is None:
        told = f'there is no command "{command[0]}" in {context.workspace.relative(venv)} or on PATH'
        if command[0].endswith(".py") and os.path.isfile(command[0]):
            told += f"; for the file of that name: pkm run python {command[0]}"
        context.reporter.warn(told)
        return NOT_FOUND
    if os.name == "posix":
        try:
            os.execve(program, list(command), environ)  # noqa: S606 - the user's own command
        except PermissionError:
            context.reporter.warn(f"{command[0]} is not executable")
            return NOT_EXECUTABLE
        except OSError as error:
            context.reporter.warn(f"{command[0]} cannot be run: {error.strerror}")
            return NOT_EXECUTABLE
    return run_as_child(program, command, environ)


def run_as_child(program: str, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the program as a child and wait for it, as Windows needs; Ctrl-C reaches it and leaves us waiting."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen([program, *command[1:]], env=environ) as child:
            code = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else SIGNALLED - code


def activated(environ: Mapping[str, str], venv: str, platform: str) -> dict[str, str]:
    """Return the variables of a process in the environment at *venv*, as its activation scripts would set them."""
    found = {key: value for key, value in environ.items() if key != "PYTHONHOME"}
    scripts = os.path.join(venv, "Scripts" if platform == "win32" else "bin")
    found["VIRTUAL_ENV"] = venv
    found["PATH"] = scripts + os.pathsep + environ.get("PATH", os.defpath)
    return found


def find_program(name: str, path: str) -> str | None:
    """Return the absolute path of the program that *name* means, None where there is none."""
    import shutil

    return shutil.which(name, path=path)
