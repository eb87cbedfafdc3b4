from __future__ import annotations

import os
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from pkm_env.build.frontend import BuildFrontend
from pkm_env.build.request import BuildEnvironment, BuildRequest, Limits
from tests.support.wheels import project_members

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Provided:
    """Gives the same bare environment for whatever is asked, and remembers what that was."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def __call__(self, requires: Sequence[str], *, reason: str, package: str = "") -> BuildEnvironment:
        self.asked.append((tuple(requires), reason))
        scripts = self.prefix / ("Scripts" if os.name == "nt" else "bin")
        return BuildEnvironment(str(scripts / "python"), str(scripts), str(self.prefix))


class Bench:
    """A frontend on folders of its own, and trees for it to build."""

    def __init__(self, folder: Path, provided: Provided) -> None:
        self.folder = folder
        self.provided = provided
        self.work = folder / "work"
        self.work.mkdir()
        self.logs = folder / "logs"
        self.out = folder / "out"
        self.frontend = self.with_limits(Limits())

    def with_limits(self, limits: Limits, environ: Mapping[str, str] | None = None) -> BuildFrontend:
        self.frontend = BuildFrontend(
            self.provided,
            environ=dict(os.environ) if environ is None else environ,
            work=lambda: str(self.work),
            logs=str(self.logs),
            shown_from=str(self.folder),
            limits=limits,
        )
        return self.frontend

    def tree(self, name: str = "spam", version: str = "1.0", **how: object) -> Path:
        root = self.folder / "tree"
        for path, content in project_members(name, version, **how).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return root

    def request(self, root: Path | None = None, **how: object) -> BuildRequest:
        told = {"origin": "its sdist", "name": "spam", "version": "1.0", **how}
        return BuildRequest(str(root or self.folder / "tree"), "spam 1.0", **told)

    def is_clean(self) -> bool:
        """Whether no build left anything in the folder for their work."""
        return not self.work.exists() or not list(self.work.iterdir())


@pytest.fixture(scope="session")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment with nothing in it, not even pip."""
    prefix = tmp_path_factory.mktemp("bare") / "env"
    venv.create(prefix, with_pip=False, symlinks=sys.platform != "win32")
    return prefix


@pytest.fixture
def provided(bare_environment: Path) -> Provided:
    return Provided(bare_environment)


@pytest.fixture
def bench(tmp_path: Path, provided: Provided) -> Bench:
    return Bench(tmp_path, provided)
