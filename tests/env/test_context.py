"""The object graph of a command."""

from __future__ import annotations

from pkm_env.config import Switches
from pkm_env.context import Context
from tests.support.projects import write_project
from tests.support.supplies import Told


class Frontend:
    """Stands for what runs build backends."""

    def __init__(self) -> None:
        self.stopped = False

    def stop(self):
        self.stopped = True


def test_the_builds_of_every_project_of_a_workspace_are_stopped(tmp_path):
    root = write_project(tmp_path / "top", '[tool.pkm.workspace]\nmembers = ["one"]\n')
    write_project(root / "one", '[project]\nname = "one"\nversion = "1.0"\n')
    context = Context(str(root), {"HOME": str(tmp_path)}, Told(), Switches())
    (top, member) = context.workspace.family
    frontends = []
    for workspace in (top, member):
        frontends.append(Frontend())
        context.of(workspace).builds._frontends["python"] = frontends[-1]
    context.stop()
    assert all(frontend.stopped for frontend in frontends)
