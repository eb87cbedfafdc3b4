"""``pkm env list``, ``pkm env info`` and ``pkm`` alone: what there is, and what state it is in."""

from __future__ import annotations

from pkm_env.install.journal import DamagedJournal
from pkm_env.lock.lockfile import target_summary
from pkm_env.ops.lock import stale_sections
from pkm_env.ops.options import SyncOptions
from pkm_env.ops.sync import look_at
from pkm_env.ops.synced import repaired_if_free
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.model.environment import Environment


class EnvironmentState:
    """One environment as it stands.

    ``lock_state`` is "not locked", "stale" or "locked"; ``venv_state`` "not made", "broken: …",
    "in sync" or "out of sync"; ``python`` the version in the folder, "" where there is none.
    """

    __slots__ = (
        "environment",
        "lock_state",
        "packages",
        "path",
        "python",
        "shown_path",
        "targets",
        "venv_state",
    )

    def __init__(self, environment: Environment, path: str, shown_path: str) -> None:
        self.environment = environment
        self.path = path
        self.shown_path = shown_path
        self.lock_state = "not locked"
        self.venv_state = "not made"
        self.python = ""
        self.packages = 0
        self.targets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the environment."""
        return self.environment.name

    @property
    def summary(self) -> str:
        """One line for people."""
        parts = [self.lock_state]
        if self.packages:
            parts.append(self.counted)
        parts.append(self.venv_state)
        if self.python:
            parts.append(f"python {self.python}")
        return ", ".join(parts)

    @property
    def counted(self) -> str:
        """How many packages are locked, in words."""
        return f"{self.packages} package{'' if self.packages == 1 else 's'}"

    def rows(self) -> list[tuple[str, str]]:
        """Return labels and texts for ``pkm env info``."""
        environment = self.environment
        return [
            ("environment", self.name),
            ("path", self.shown_path),
            ("groups", ", ".join(environment.groups) or "none"),
            ("extras", ", ".join(environment.extras) or "none"),
            ("dependencies", ", ".join(text for text, _ in environment.dependencies) or "none of its own"),
            ("project", environment.project),
            ("lock", f"{self.lock_state}, {self.counted}" if self.packages else self.lock_state),
            ("targets", target_summary(self.targets) if self.targets else "none"),
            ("state", self.venv_state),
            ("python", self.python or "none yet"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        environment = self.environment
        return {
            "name": self.name,
            "path": self.path,
            "groups": list(environment.groups),
            "extras": list(environment.extras),
            "dependencies": [text for text, _ in environment.dependencies],
            "project": False if environment.project == "none" else environment.project,
            "lock": self.lock_state,
            "packages": self.packages,
            "targets": list(self.targets),
            "state": self.venv_state,
            "python": self.python or None,
        }


def environment_states(
    context: Context, environments: Sequence[Environment], tell: Callable[[str], None]
) -> list[EnvironmentState]:
    """Return the state of each environment, without changing anything.

    But for what interrupted syncs left: that is repaired before, which *tell* is told in a sentence.
    """
    text = read_lock_text(context.workspace.lock_path)
    lock = context.parsed_lock(text) if text is not None else None
    stale = set(stale_sections(context, environments, lock))
    found = []
    for environment in environments:
        path = context.workspace.venv_path(environment)
        state = EnvironmentState(environment, path, context.workspace.relative(path))
        damage = repair_first(state, tell)
        section = lock.sections.get(environment.section) if lock is not None else None
        if lock is not None and section is not None:
            state.lock_state = "stale" if environment.section in stale else "locked"
            state.packages = len(lock.of_section(environment.section))
            state.targets = section.targets
        look = look_at(context, environment, lock, SyncOptions(dry_run=True, frozen=True))
        # What stands there holds nothing that is locked.
        state.venv_state = "out of sync" if look.state == "not made" and look.python else look.state
        state.venv_state = damage or state.venv_state
        state.python = look.python
        found.append(state)
    return found


def repair_first(state: EnvironmentState, tell: Callable[[str], None]) -> str:
    """Repair what an interrupted sync left, and *tell* it; return why that cannot be done, "" where it was."""
    try:
        said = repaired_if_free(state.path, state.shown_path)
    except DamagedJournal as error:
        return f"broken: {error}"
    if said:
        tell(said)
    return ""


def next_steps(states: Sequence[EnvironmentState]) -> list[str]:
    """Return what one would do next, at most two commands."""
    steps = []
    if any(state.lock_state != "locked" for state in states):
        steps.append("pkm lock")
    if states[0].venv_state != "in sync":
        steps.append("pkm sync")
    return steps or ["pkm run CMD"]
