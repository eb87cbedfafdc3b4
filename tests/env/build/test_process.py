from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pkm_env.build.errors import BuildFailed
from pkm_env.build.process import Programs, end_group
from pkm_env.build.request import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from pkm_env.build.process import Ended
    from tests.env.build.conftest import Bench

LONG = "import time; time.sleep(600)"


class Started:
    """Python programs in a folder; each told by its source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.programs = Programs()

    def __call__(self, source: str, *, timeout_s: float = 60, output_bytes: int = 10_000) -> Ended:
        return self.programs.run(
            [sys.executable, "-c", source],
            cwd=str(self.folder),
            environ=os.environ,
            log=str(self.log),
            timeout_s=timeout_s,
            output_bytes=output_bytes,
        )


@pytest.fixture
def run(tmp_path: Path) -> Started:
    return Started(tmp_path)


needs_pidfd = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="waits for processes that are not ours"
)


def _ends(pid: int) -> bool:
    """Whether the process, which is no child of ours, ends within half a minute."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 30)[0])
    finally:
        os.close(watched)


def test_both_streams_and_the_code_are_kept(run: Started) -> None:
    ended = run("import os, sys; os.write(1, b'a'); os.write(2, b'b'); sys.exit(3)")
    assert (ended.code, ended.stopped_for) == (3, "")
    assert run.log.read_bytes() == b"ab"


def test_standard_input_is_empty(run: Started) -> None:
    run("import sys; print(repr(sys.stdin.read()))")
    assert run.log.read_text().strip() == "''"


def test_program_that_hangs_is_ended(run: Started) -> None:
    ended = run(f"print('before', flush=True); {LONG}", timeout_s=0.5)
    assert ended.stopped_for == "time"
    assert run.log.read_text() == "before\n"


def test_program_that_floods_is_ended_and_its_log_is_cut(run: Started) -> None:
    ended = run("while True: print('x' * 1000)", output_bytes=5000)
    assert ended.stopped_for == "output"
    assert run.log.stat().st_size == 5000


def test_program_that_kills_itself_is_told_by_its_signal(run: Started) -> None:
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").code == -signal.SIGKILL


CHILD = (
    "import subprocess, sys;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(child.pid, flush=True);"
)


@needs_pidfd
@pytest.mark.parametrize("then", ["", "import os; os._exit(1)", "import time; time.sleep(600)"])
def test_children_end_with_the_program(run: Started, then: str) -> None:
    run(CHILD + then, timeout_s=3)
    assert _ends(int(run.log.read_text()))


def test_child_that_leaves_the_group_cannot_hold_the_run_up(run: Started) -> None:
    """It escapes, as the documentation says; but pkm goes on, and its later output is nobody's."""
    ended = run(CHILD.replace("'])", "'], start_new_session=True)"))
    pid = int(run.log.read_text())
    os.kill(pid, signal.SIGKILL)
    assert (ended.code, ended.stopped_for) == (0, "")


def test_interrupt_in_another_thread_ends_what_runs_and_what_would_come(run: Started) -> None:
    ended: list[Ended] = []
    thread = threading.Thread(target=lambda: ended.append(run(f"print(1, flush=True); {LONG}")))
    thread.start()
    while not (run.log.exists() and run.log.stat().st_size):
        thread.join(0.01)
    run.programs.stop()
    thread.join()
    assert ended[0].stopped_for == "interrupt"
    assert run(LONG).stopped_for == "interrupt"


def test_program_that_is_not_there_is_an_error_of_the_system(run: Started) -> None:
    with pytest.raises(FileNotFoundError):
        run.programs.run(
            ["/absent"], cwd=str(run.folder), environ={}, log=str(run.log), timeout_s=1, output_bytes=1
        )


HANG = "def build_wheel(*args):\n    print('working', flush=True)\n    import time\n    time.sleep(600)"
FLOOD = "def build_wheel(*args):\n    while True:\n        print('x' * 1000)"
KILL = "def build_wheel(*args):\n    import signal\n    os.kill(os.getpid(), signal.SIGKILL)"
LEAVE = "def build_wheel(*args):\n    print('bye', flush=True)\n    os._exit(0)"


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        (HANG, "its backend did not end within 2 s"),
        (FLOOD, "its backend wrote more than 100,000 bytes of output"),
        (KILL, "killed by signal 9, SIGKILL"),
        (LEAVE, "its backend ended without an answer"),
    ],
    ids=["hangs", "floods", "kills itself", "leaves"],
)
def test_hostile_backend_is_ended_and_named(bench: Bench, hooks: str, reason: str) -> None:
    bench.tree(hooks=hooks)
    with pytest.raises(BuildFailed) as caught:
        bench.with_limits(Limits(timeout_s=2, output_bytes=100_000)).wheel(bench.request(), str(bench.out))
    assert caught.value.reason == reason
    assert (bench.logs / "spam-1.0.log").stat().st_size <= 100_000
    assert not bench.out.exists()
    assert bench.is_clean()


def test_interrupt_ends_a_build_that_runs_in_another_thread(bench: Bench) -> None:
    root = bench.tree(hooks=HANG.replace("print('working', flush=True)", "open('started', 'w').close()"))
    raised: list[BaseException] = []

    def build() -> None:
        try:
            bench.frontend.wheel(bench.request(), str(bench.out))
        except BuildFailed as error:
            raised.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    while thread.is_alive() and not (root / "started").exists():
        thread.join(0.01)
    bench.frontend.stop()
    thread.join()
    assert "(interrupted" in str(raised[0])
    assert bench.is_clean()


def test_real_time_signal_without_a_name_is_told_by_its_number(bench: Bench) -> None:
    bench.tree(hooks=KILL.replace("signal.SIGKILL", "40"))
    with pytest.raises(BuildFailed, match="killed by signal 40"):
        bench.frontend.wheel(bench.request(), str(bench.out))


def test_answer_of_unlikely_size_is_refused(bench: Bench) -> None:
    bench.tree(hooks="def get_requires_for_build_wheel(*args): return ['x' * (17 << 20)]")
    with pytest.raises(BuildFailed, match="unlikely size"):
        bench.frontend.wheel(bench.request(), str(bench.out))


def test_group_that_is_gone_is_no_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    child.wait()
    end_group(child.pid, sys.platform)


def test_interpreter_that_cannot_be_started_is_named(bench: Bench) -> None:
    bench.tree()
    bench.provided.prefix = bench.folder / "absent"
    with pytest.raises(BuildFailed, match="can't be started"):
        bench.frontend.wheel(bench.request(), str(bench.out))
