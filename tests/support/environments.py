"""Environments and unpacked wheels for tests, and what a folder holds.

``unpacked(folder, "spam", "1.0", ...)`` builds a wheel (``tests.support.wheels``) and unpacks it as the
cache would; ``interpreter()`` is the Python that runs the tests, probed once; ``snapshot(folder)`` says
what is in a folder; ``CountingDisk`` ends the process, or fails, at its nth change of the disk.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkm_env.cache.manifest import UnpackedWheel
from pkm_env.cache.unpack import unpack
from pkm_env.files import Disk
from pkm_env.install.apply import apply
from pkm_env.install.installed import scan
from pkm_env.install.put import Options
from pkm_env.install.swap import lock, repair
from pkm_env.model.interpreter import Interpreter
from pkm_env.plan import WantedPackage, make_plan
from pkm_env.python.probe import probe
from pkm_env.python.venv import Venv, read_venv
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pkm_env.install.put import Outcome
    from pkm_env.plan import InstalledDistribution

KILLED = 99


@functools.cache
def interpreter(path: str = "") -> Interpreter:
    """Return the Python at *path*, by default the one that runs the tests (its base, in an environment)."""
    found = probe(path or sys.executable)
    assert isinstance(found, Interpreter), found
    return found


def unpacked(folder: Path, name: str, version: str, **how: Any) -> UnpackedWheel:
    """Return a wheel that is unpacked below *folder*; *how* is what ``make_wheel`` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = make_wheel(folder, name, version, **how)
    tree = folder / f"{archive.name}.tree"
    return UnpackedWheel(str(tree), unpack(str(archive), str(tree), filename=archive.name))


def snapshot(
    folder: Path | str, *, without: Iterable[str] = (".pkm",)
) -> dict[str, tuple[str, bytes | str, int]]:
    """Return kind, content and permissions of all that is below *folder*, by relative path."""
    root = Path(folder)
    left_out = set(without)
    found: dict[str, tuple[str, bytes | str, int]] = {}
    for path in sorted(root.rglob("*")) if root.is_dir() else ():
        relative = path.relative_to(root)
        if relative.parts[0] in left_out or "__pycache__" in relative.parts:
            continue
        if path.is_symlink():
            found[relative.as_posix()] = ("link", str(path.readlink()), 0)
        elif path.is_dir():
            found[relative.as_posix()] = ("folder", b"", 0)
        else:
            found[relative.as_posix()] = ("file", path.read_bytes(), path.stat().st_mode & 0o777)
    return found


def wanted(*wheels: UnpackedWheel, **how: Any) -> list[WantedPackage]:
    """Return what a lock with these wheels would want."""
    return [
        WantedPackage(
            wheel.manifest.name,
            wheel.manifest.version,
            f"sha256:{wheel.manifest.name}-{wheel.manifest.version}",
            **how,
        )
        for wheel in wheels
    ]


def installed(path: Path | str) -> list[InstalledDistribution]:
    """Return what is installed in the environment at *path*, nothing when there is none."""
    venv = read_venv(str(path))
    return scan(venv) if isinstance(venv, Venv) else []


def versions(path: Path | str) -> dict[str, str]:
    """Return the versions of what is installed in the environment at *path*, by name."""
    return {one.name: one.version for one in installed(path)}


def sync(path: Path, *wheels: UnpackedWheel, python: str = "", packages: Any = None, **how: Any) -> Outcome:
    """Make the environment at *path* hold just these wheels, as a sync does."""
    with lock(str(path)):
        repair(str(path))
        goal = wanted(*wheels) if packages is None else packages
        plan = make_plan([] if how.get("fresh") else installed(path), goal)
        by_name = {wheel.manifest.name: wheel for wheel in wheels}
        fresh, force = how.pop("fresh", False), how.pop("force", False)
        return apply(str(path), interpreter(python), plan, by_name, Options(**how), fresh=fresh, force=force)


class CountingDisk(Disk):
    """A disk whose nth change does not happen: *action* is called in its place."""

    __slots__ = ("action", "at", "count")

    def __init__(self, at: int = 0, action: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.at = at
        self.action = action
        self.count = 0
        for name in Disk.__slots__:
            setattr(self, name, self._counted(getattr(self, name)))

    def _counted(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            self.count += 1
            if self.count == self.at and self.action:
                self.action()
            function(*arguments)

        return call


def dies(run: Callable[[Disk], object], at: int) -> bool:
    """Run *run* in a process that is killed before its change number *at*; False when it ended before."""
    child = os.fork()
    if not child:
        code = 1
        try:
            run(CountingDisk(at, lambda: os._exit(KILLED)))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, KILLED}
    return code == KILLED


def site(place: Path) -> Path:
    """The folder of an environment's packages."""
    return next((place / "lib").glob("py*")) / "site-packages"
