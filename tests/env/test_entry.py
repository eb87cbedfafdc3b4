"""The console script: what may happen before the command itself listens."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.projects import ROOT

# An interrupt arrives when a module is about to be loaded, wherever it is found.
RUN = """
import sys
sys.path[0] = {root!r}
from pkm_env.entry import main
def interrupt(event, arguments):
    if event == "import" and arguments[0] == {name!r}:
        raise KeyboardInterrupt
sys.addaudithook(interrupt)
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["pkm_env.bundle", "pkm_env.cli.main", "pkm_env.cli.parser"])
def test_an_interrupt_while_pkm_is_loaded_ends_it_without_a_traceback(name, tmp_path):
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PKM_"))}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", RUN.format(root=str(ROOT), name=name), "cache", "dir"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (130, "error: interrupted\n", "")
