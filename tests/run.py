"""Sets up what the tests need in .pkm/tests, then runs them: ``python3 tests/run.py [pytest's arguments]``.

Needs Python 3.10 or newer and a package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".pkm" / "tests"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*words: str | Path, check: bool = True) -> int:
    return subprocess.run([*map(str, words)], cwd=ROOT, check=check).returncode


def set_up() -> None:
    """Make the environment, or bring it up to date."""
    if not PYTHON.exists():
        run(sys.executable, "-m", "venv", VENV)
    pip = (PYTHON, "-m", "pip", "-q", "--disable-pip-version-check")
    run(*pip, "install", "--upgrade", "pip>=25.1")
    run(*pip, "install", "--editable", ".[cli]", "--group", "test", "--group", "lint")


def main() -> int:
    if sys.version_info < (3, 10):
        sys.exit("pkm needs Python 3.10 or newer")
    set_up()
    return run(PYTHON, "-m", "pytest", *sys.argv[1:], check=False)


if __name__ == "__main__":
    sys.exit(main())
