"""The console script: the few command lines with nothing to do are answered from a stamp, all else by cli.

What is imported here is paid by every ``pkm run`` and every sync with nothing to do.
"""

from __future__ import annotations

import _signal
import os
import sys

from pkm_build import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.stamp import Stamp

PROJECT_FILE = "pyproject.toml"
SIGNALLED = 128
INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process; return the exit code."""
    try:
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # That it comes before cli.main listens, or after, is as likely: half of a short run is importing.
        sys.stderr.write("error: interrupted\n")
        return quit_now(INTERRUPTED)


def run(words: list[str]) -> int:
    """Run the command line *words*; return the exit code."""
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"pkm {__version__}\n")
        return quit_now(0)
    name, command = stamped_command(words)
    found = read_stamp(name)
    code = quick_answer(name, found, command)
    if code is not None:
        return quit_now(code)
    from pkm_env import bundle

    modules = bundle.use()
    from pkm_env.cli.main import main as full_main

    end_in_order()
    try:
        code = full_main(words, found if name.startswith("sync-") else None)
        if modules is not None:
            modules.keep()
        return quit_now(code)
    except SystemExit as ended:
        return quit_now(int(ended.code or 0))


def end_in_order() -> None:
    """Let a signal that asks for the end, as `kill` and a closed terminal send it, undo and stop what runs.

    What is ignored, as below `nohup`, stays so. The module behind ``signal`` is taken: that one loads ``enum``.
    """
    for number in (_signal.SIGTERM, getattr(_signal, "SIGHUP", _signal.SIGTERM)):
        if _signal.getsignal(number) == _signal.SIG_DFL:
            _signal.signal(number, raise_end)


def raise_end(number: int, _frame: object) -> None:
    """End this process as shells tell an end by a signal."""
    raise SystemExit(SIGNALLED + number)


def quit_now(code: int) -> int:
    """Leave without the interpreter's teardown, which costs two milliseconds."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return 1
    if sys.flags.interactive or "coverage" in sys.modules:
        return code
    os._exit(code)


def read_stamp(name: str) -> Stamp | None:
    """Return the stamp *name* of the nearest project, None where there is no such stamp, or no *name*."""
    root = nearest_root() if name else None
    if root is None:
        return None
    from pkm_env import stamp

    return stamp.read(stamp.stamp_path(root, name), os.environ)


def quick_answer(name: str, found: Stamp | None, command: Sequence[str]) -> int | None:
    """Return the exit code when the stamp *found* under *name* answers the command line, else None."""
    if not name:
        return None
    from pkm_env import stamp

    answer = stamp.answer_of(found)
    if answer is None and name.startswith("run-"):
        # An environment that holds exactly what is locked serves a program too.
        answer = stamp.answer_of(read_stamp("sync-" + name[len("run-") :]))
    if answer is None:
        return None
    if not name.startswith("run-"):
        sys.stdout.write(answer["say"])
        return 0
    return run_in(answer, command)


def stamped_command(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the name of the stamp that may answer, and the words of a program to run ("" where none may)."""
    group = words[:1] == ["env"]
    first, rest = (words[1:2], words[2:]) if group else (words[:1], words[1:])
    name, command = "", rest[:0]
    if first == ["lock"] and not rest:
        name = "lock"
    elif first == ["sync"] and not rest:
        name = "sync-default"
    elif first == ["sync"] and len(rest) == 1 and is_plain(rest[0]):
        name = f"sync-{rest[0]}"
    elif first == ["run"] and not group:
        named = rest[:1] == ["-e"] and len(rest) > 1 and is_plain(rest[1])
        command = rest[2:] if named else rest
        if command and command[0][:1] != "-":
            name = f"run-{rest[1]}" if named else "run-default"
    return name, command


def is_plain(word: str) -> bool:
    """Whether *word* can be the normalised name of an environment."""
    return word.replace("-", "").isalnum() and word[0] != "-" and word.islower()


def nearest_root() -> str | None:
    """Return the nearest folder upwards with a pyproject.toml, or None."""
    folder = os.getcwd()
    while not os.path.exists(os.path.join(folder, PROJECT_FILE)):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def run_in(found: dict[str, str], command: Sequence[str]) -> int | None:
    """Run *command* in the environment that a stamp described; None where a full run must look into it."""
    if os.name != "posix":
        return None
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    environ["VIRTUAL_ENV"] = found["venv"]
    environ["PATH"] = found["bin"] + os.pathsep + environ.get("PATH", os.defpath)
    try:
        sys.stdout.flush()
        os.execvpe(command[0], list(command), environ)  # noqa: S606 - the user's own command
    except OSError:
        return None
