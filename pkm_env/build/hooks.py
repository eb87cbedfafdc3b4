"""The hooks of a backend, each called in a process of its own through ``pyproject_hooks``."""

from __future__ import annotations

import json
import os
import signal
import sys
from shutil import disk_usage

from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, HookMissing, UnsupportedOperation

from pkm_env.build.environ import build_environ
from pkm_env.build.errors import BuildFailed
from pkm_env.build.log import telling_lines
from pkm_env.index.errors import printable
from pkm_env.model.requirements import requirement_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pkm_env.build.process import Ended, Programs
    from pkm_env.build.request import BuildEnvironment, BuildRequest, Limits
    from pkm_env.build.system import BuildSystem

ANSWER_BYTES = 16 << 20
# What the bytecode of build tools takes, many times over.
LITTLE_ROOM = 64 << 20
# Which of the user's settings says how far a hook may go.
BOUNDS = {"time": "build-time", "output": "build-output"}
EDITABLE_HINT = 'project = "wheel" in the environment\'s table installs it as it is, not editable'


class Hooks:
    """The hooks of the backend of one tree; ``environment`` is the one that the next call runs in.

    *ambient* are the variables of pkm, of which a build sees some, *extra* those that come on top.
    """

    environment: BuildEnvironment

    def __init__(
        self,
        system: BuildSystem,
        request: BuildRequest,
        *,
        root: str,
        folder: str,
        programs: Programs,
        limits: Limits,
        ambient: Mapping[str, str],
        extra: Mapping[str, str],
    ) -> None:
        self._system = system
        self._request = request
        self._root = root
        self._folder = folder
        self._programs = programs
        self._limits = limits
        self._ambient = ambient
        self._extra = extra
        self._log = os.path.join(folder, "log")
        self._seconds = 0.0

    def requires(self, kind: str) -> list[str]:
        """Return what a build of *kind* ("wheel", "editable", "sdist") needs beside the first ones."""
        found = self._call(
            lambda caller: getattr(caller, f"get_requires_for_build_{kind}")(self._request.settings)
        )
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            raise self._failed(f"its backend answered {found!r} where a list of requirements is due")
        for text in found:
            if fault := requirement_fault(text):
                raise self._failed(f'its backend asks for "{printable(text)}": {fault}')
        return found

    def prepare_metadata(self, kind: str, folder: str) -> Any:
        """Let the backend write the ``.dist-info`` folder of *kind* into *folder*; return what it answers.

        A backend without that hook builds the wheel, and the folder is taken from it.
        """
        return self._call(
            lambda caller: getattr(caller, f"prepare_metadata_for_build_{kind}")(
                folder, self._request.settings
            )
        )

    def build(self, kind: str, folder: str) -> Any:
        """Let the backend build *kind* into *folder*; return what it answers."""
        return self._call(lambda caller: getattr(caller, f"build_{kind}")(folder, self._request.settings))

    def _call(self, hook: Callable[[BuildBackendHookCaller], Any]) -> Any:
        system = self._system
        caller = BuildBackendHookCaller(
            self._root,
            system.backend,
            system.backend_path,
            runner=self._run,
            python_executable=self.environment.python,
        )
        try:
            return hook(caller)
        except BackendUnavailable as error:
            lines = telling_lines(error.traceback, folders=[self._root])
            raise self._failed(f"its backend {system.backend} can't be imported", lines) from error
        except HookMissing as error:
            editable = "editable" in error.hook_name
            reason = f"its backend {system.backend} has no hook {error.hook_name}"
            raise self._failed(reason, hint=EDITABLE_HINT if editable else "") from error
        except UnsupportedOperation as error:
            lines = telling_lines(error.traceback, folders=[self._root])
            raise self._failed(f"its backend {system.backend} says that it can't", lines) from error

    def _run(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run one hook; the form of this function is given by ``pyproject_hooks``.

        :raises BuildFailed: when it does not end well, or leaves no answer.
        """
        environ = build_environ(
            self._ambient,
            scripts=self.environment.scripts,
            prefix=self.environment.prefix,
            home=self._own("home"),
            temporary=self._own("tmp"),
            extra={**self._extra, **(extra_environ or {}), **self._without_bytecode()},
        )
        try:
            ended = self._programs.run(
                cmd,
                cwd=cwd or self._root,
                environ=environ,
                log=self._log,
                timeout_s=self._limits.timeout_s,
                output_bytes=self._limits.output_bytes,
            )
        except OSError as error:
            raise self._failed(f"{cmd[0]} can't be started: {error.strerror}") from error
        self._seconds += ended.seconds
        if ended.code or ended.stopped_for:
            raise self._failed(self._reason(ended), self._telling(), hint=_hint(ended), took=self._seconds)
        self._check_answer(os.path.join(cmd[-1], "output.json"))

    def _without_bytecode(self) -> dict[str, str]:
        """Return what keeps an interpreter from writing bytecode where a disk has little room.

        Most write a part of it, say nothing, and cannot load the module ever after; the environment stays.
        """
        least = min(map(free_bytes, (self._root, self.environment.prefix)))
        return {"PYTHONDONTWRITEBYTECODE": "1"} if least < LITTLE_ROOM else {}

    def _own(self, name: str) -> str:
        path = os.path.join(self._folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def _reason(self, ended: Ended) -> str:
        if ended.stopped_for == "time":
            return f"its backend did not end within {self._limits.timeout_s:.0f} s"
        if ended.stopped_for == "output":
            return f"its backend wrote more than {self._limits.output_bytes:,} bytes of output"
        if ended.stopped_for:
            return "interrupted"
        if ended.code < 0:
            return f"killed by signal {-ended.code}, {_signal_name(-ended.code)}"
        return f"exit code {ended.code}"

    def _telling(self) -> list[str]:
        try:
            with open(self._log, encoding="utf-8", errors="replace") as stream:
                text = stream.read(self._limits.output_bytes)
        except FileNotFoundError:
            return []
        return telling_lines(text, folders=[self._root, self._folder])

    def _check_answer(self, path: str) -> None:
        """Refuse an answer that ``pyproject_hooks`` could not read, and take the warnings out of it.

        It would raise them in pkm's own process, as Python warnings; they belong into the log.
        """
        try:
            if os.path.getsize(path) > ANSWER_BYTES:
                raise self._failed("its backend gave an answer of unlikely size")
            with open(path, encoding="utf-8") as stream:
                answer = json.load(stream)
        except (OSError, ValueError) as error:
            raise self._failed("its backend ended without an answer", self._telling()) from error
        warned = answer.pop("warnings", [])
        if warned:
            with open(self._log, "a", encoding="utf-8") as stream:
                stream.writelines(f"warning: {warning.get('message', '')}\n" for warning in warned)
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(answer, stream)

    def _failed(
        self, reason: str, lines: Sequence[str] = (), *, hint: str = "", took: float | None = None
    ) -> BuildFailed:
        request = self._request
        return BuildFailed(
            request.subject,
            reason,
            origin=request.origin,
            seconds=took,
            lines=lines,
            log=self._log,
            hint=hint,
        )


def free_bytes(folder: str) -> int:
    """Return how many bytes the disk of *folder* has room for; a disk that does not tell has it."""
    try:
        return disk_usage(folder).free
    except OSError:
        return sys.maxsize


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _hint(ended: Ended) -> str:
    if ended.code == -getattr(signal, "SIGKILL", 9) and not ended.stopped_for:
        return "the system kills a process this way when memory runs out"
    if ended.stopped_for in BOUNDS:
        return f"{BOUNDS[ended.stopped_for]} in [limits] of your configuration sets another bound"
    return ""
