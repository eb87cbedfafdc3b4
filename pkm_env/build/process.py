"""Programs run within bounds: a process group of its own, a time limit, an output limit, a log.

Whatever happens (the end, a limit, an interrupt), the whole group is ended before ``run`` returns; where pkm itself
is killed, a guard ends it. A program that leaves its group on purpose escapes: this bounds what goes wrong, it is no
sandbox.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

CHUNK = 1 << 16
# After the group was ended its pipe is empty; only a process that left the group can keep it open longer.
DRAIN_S = 2.0
# Waits until nobody holds the other end of its input any more, which is when pkm is gone.
GUARD = 'read -r _; kill -s KILL -- "-$1"'
NEW_GROUP = 0x200  # CREATE_NEW_PROCESS_GROUP of Windows


class Ended:
    """How a program ended: its exit *code* (negative: the signal that killed it), after how many *seconds*.

    *stopped_for* is "time", "output" or "interrupt" when pkm ended it, else "".
    """

    __slots__ = ("code", "seconds", "stopped_for")

    def __init__(self, code: int, seconds: float, stopped_for: str = "") -> None:
        self.code = code
        self.seconds = seconds
        self.stopped_for = stopped_for


class Programs:
    """Runs programs, several at a time from several threads; ``stop`` ends those that run."""

    def __init__(self, platform: str = sys.platform) -> None:
        self._platform = platform
        self._running: set[_Running] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        environ: Mapping[str, str],
        log: str,
        timeout_s: float,
        output_bytes: int,
    ) -> Ended:
        """Run *command* to its end; both output streams are appended to the file *log*.

        It is ended after *timeout_s* seconds or *output_bytes* bytes of output. It has no standard input.

        :raises OSError: when it cannot be started.
        """
        started = monotonic()
        with open(log, "ab", buffering=0) as stream:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=self._platform != "win32",
                creationflags=NEW_GROUP if self._platform == "win32" else 0,
            )
            guard = start_guard(process.pid, self._platform)
            running = _Running(process, stream, output_bytes, self._platform)
            with self._lock:
                self._running.add(running)
                if self._stopped:
                    running.stop("interrupt")
            try:
                running.wait(timeout_s)
            except BaseException:  # an interrupt too ends the build
                running.stop("interrupt")
                raise
            finally:
                running.finish()
                dismiss(guard)
                with self._lock:
                    self._running.discard(running)
        return Ended(process.returncode, monotonic() - started, running.stopped_for)

    def stop(self) -> None:
        """End the programs that run, and every later one at its start; for an interrupt in another thread."""
        with self._lock:
            self._stopped = True
            for running in self._running:
                running.stop("interrupt")


class _Running:
    """A program that runs: one thread waits for its end, another takes its output."""

    def __init__(
        self, process: subprocess.Popen[bytes], stream: IO[bytes], output_bytes: int, platform: str
    ) -> None:
        self.stopped_for = ""
        self._process = process
        self._stream = stream
        self._output_bytes = output_bytes
        self._platform = platform
        self._lock = threading.Lock()
        self._gone = threading.Event()
        self._log_is_open = True
        self._taker = threading.Thread(target=self._take_output, daemon=True)
        self._taker.start()
        threading.Thread(target=self._wait_for_end, daemon=True).start()

    def wait(self, timeout_s: float) -> None:
        """Return when the program has ended, by itself or by a limit."""
        if not self._gone.wait(timeout_s):
            self.stop("time")
            self._gone.wait()

    def stop(self, reason: str) -> None:
        """End the program and its group because of *reason*; the first reason is the one that counts."""
        with self._lock:
            if reason == "output" or not self._gone.is_set():
                self.stopped_for = self.stopped_for or reason
            if not self._gone.is_set():
                end_group(self._process.pid, self._platform)

    def finish(self) -> None:
        """Take the last output; nothing is written to the log after this."""
        self._gone.wait()
        self._taker.join(DRAIN_S)
        with self._lock:
            self._log_is_open = False

    def _wait_for_end(self) -> None:
        """Wait until the program has ended, and end the rest of its group.

        The group is ended before the program is reaped, where the system can wait so: until then nobody
        else can get its number.
        """
        if hasattr(os, "waitid") and self._platform != "win32":
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        end_group(self._process.pid, self._platform)
        with self._lock:
            self._process.wait()
            self._gone.set()

    def _take_output(self) -> None:
        left = self._output_bytes
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while piece := os.read(pipe.fileno(), CHUNK):
                with self._lock:
                    if left > 0 and self._log_is_open:
                        self._log_is_open = self._written(piece[:left])
                left -= len(piece)
                if left < 0:
                    self.stop("output")

    def _written(self, piece: bytes) -> bool:
        """Write to the log, and say whether it goes on: on a full disk the program does without."""
        try:
            self._stream.write(piece)
        except OSError:
            return False
        return True


def start_guard(pid: int, platform: str) -> subprocess.Popen[bytes] | None:
    """Start what ends the group of *pid* as soon as pkm is gone, however it ended; None where that cannot be."""
    if platform == "win32":
        return None
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "sh", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        # Without a shell a build goes on after a kill, as it would with other tools.
        return None


def dismiss(guard: subprocess.Popen[bytes] | None) -> None:
    """End a guard whose group has ended."""
    if guard is not None:
        guard.kill()
        guard.wait()
        assert guard.stdin is not None
        guard.stdin.close()


def end_group(pid: int, platform: str) -> None:
    """End the process *pid*, which leads a group, and all of its group; nothing happens when it is gone."""
    if platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS says "not permitted" of a group whose members are all dead.
        return
