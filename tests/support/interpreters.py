"""The Pythons of this machine that tests run: those on PATH and in pyenv's folders."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

MINORS = ("3.10", "3.11", "3.12", "3.13")
LATER = ("3.14", "3.15")


def find_interpreter(minor: str) -> str | None:
    """Return the path of a Python of this minor version, None where there is none."""
    if "{}.{}".format(*sys.version_info[:2]) == minor:
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(root.glob(f"{minor}.*/bin/python3"), key=lambda path: int(path.parts[-3].split(".")[2]))
    if found:
        return str(found[-1])
    on_path = shutil.which(f"python{minor}")
    return None if on_path is None or "shims" in on_path else on_path


def interpreter(minor: str) -> str:
    """Return the path of a Python of this minor version; the test is skipped where there is none."""
    found = find_interpreter(minor)
    if found is None:
        pytest.skip(f"there is no Python {minor} on PATH or in pyenv's folders")
    return found


def libraries() -> str:
    """Return the folder of the libraries that the tests run with; all that pkm uses of them is pure Python."""
    import packaging

    return str(Path(packaging.__file__).parent.parent)


def known_minors() -> tuple[str, ...]:
    """Return the minor versions that pkm must run on, and those of the newest that this machine has."""
    return (*MINORS, *(minor for minor in LATER if find_interpreter(minor)))
