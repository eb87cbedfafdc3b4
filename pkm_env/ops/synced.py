"""What a sync did, in words, and what it would take to do it again."""

from __future__ import annotations

import os

from pkm_env.files import Locked
from pkm_env.install.swap import lock, repair, was_interrupted
from pkm_env.plan import INSTALL, KEEP, REMOVE, REPLACE, WantedPackage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.model.interpreter import Interpreter
    from pkm_env.plan import InstallPlan, Step
    from pkm_env.stamp import Seen

SIGNS = {INSTALL: "+", REPLACE: "~", REMOVE: "-"}


class Goal:
    """All that is needed to bring an environment back to what a sync left, as long as nothing else changed.

    ``path`` is the environment's (absolute), ``shown`` the same as messages have it. ``packages`` are what it
    holds, ``archives`` the SHA-256 of the wheels by name, for those that come as wheels from an index.
    ``cache_dir`` and ``link_mode`` are settings. ``strangers`` are the names of those that another tool installed.
    """

    __slots__ = (
        "archives",
        "cache_dir",
        "interpreter",
        "link_mode",
        "packages",
        "path",
        "shown",
        "strangers",
    )

    def __init__(
        self,
        path: str,
        shown: str,
        *,
        interpreter: Interpreter,
        packages: tuple[WantedPackage, ...],
        archives: dict[str, str],
        cache_dir: str,
        link_mode: str,
        strangers: frozenset[str],
    ) -> None:
        self.path = path
        self.shown = shown
        self.interpreter = interpreter
        self.packages = packages
        self.archives = archives
        self.cache_dir = cache_dir
        self.link_mode = link_mode
        self.strangers = strangers

    def to_plain(self) -> tuple[Any, ...]:
        """Return what marshal keeps."""
        return (
            self.path,
            self.shown,
            self.interpreter.to_plain(),
            tuple(
                (one.name, one.version, one.identity, one.requested, one.direct_url) for one in self.packages
            ),
            self.archives,
            self.cache_dir,
            self.link_mode,
            tuple(sorted(self.strangers)),
        )

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Goal:
        """Return the goal whose ``to_plain`` gave *plain*.

        :raises ValueError: when it is of another form.
        """
        from pkm_env.model.interpreter import Interpreter

        path, shown, interpreter, packages, archives, cache_dir, link_mode, strangers = plain
        return cls(
            path,
            shown,
            interpreter=Interpreter.from_plain(interpreter),
            packages=tuple(
                WantedPackage(name, version, identity, requested=requested, direct_url=direct_url)
                for name, version, identity, requested, direct_url in packages
            ),
            archives=archives,
            cache_dir=cache_dir,
            link_mode=link_mode,
            strangers=frozenset(strangers),
        )


class Synced:
    """What a sync did, or would do.

    ``steps`` are (sign, text); ``made``, ``makes`` (the same, before it is done) and ``repaired`` are sentences
    ("" where nothing was); ``seen`` are the files and folders whose change makes a further sync necessary, as they
    were at its end (none where they were changed meanwhile), ``folders`` the site-packages among them. ``goal`` is
    what such a sync needs where only these have changed. ``touched`` says whether it wrote in the environment.
    """

    __slots__ = (
        "environment",
        "folders",
        "goal",
        "made",
        "makes",
        "path",
        "repaired",
        "seconds",
        "seen",
        "steps",
        "total",
        "touched",
    )

    def __init__(self, environment: str, path: str) -> None:
        self.environment = environment
        self.path = path
        self.made = self.makes = ""
        self.repaired = ""
        self.steps: tuple[tuple[str, str], ...] = ()
        self.total = 0
        self.touched = False
        self.seconds = 0.0
        self.seen: Mapping[str, Seen] = {}
        self.folders: tuple[str, ...] = ()
        self.goal: Goal | None = None

    @property
    def unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.steps or self.made)

    def tell_plan(self, plan: InstallPlan) -> None:
        """Put into words what *plan* does, and note whether it writes."""
        self.touched = bool(plan.changes or plan.marks)
        self.steps = tuple((SIGNS[step.kind], step_text(step)) for step in plan.steps if step.kind != KEEP)


def step_text(step: Step) -> str:
    """Return a step's name and versions."""
    before = ", ".join(dict.fromkeys(one.version for one in step.installed))
    after = step.wanted.version if step.wanted is not None else ""
    if step.kind == REPLACE:
        return (
            f"{step.name} {before} -> {after}" if before != after else f"{step.name} {after} ({step.reason})"
        )
    return f"{step.name} {after or before}"


def repaired(path: str, shown: str) -> str:
    """Repair what an interrupted sync left at *path*; return a sentence on it, "" where there was nothing."""
    found = repair(path)
    return f"Repaired {shown}: an earlier sync was interrupted; {found.text()}" if found else ""


def repaired_if_free(path: str, shown: str) -> str:
    """Do the same for a command that only looks: where another process changes the environment, nothing is done.

    Nor where the notes cannot be written, as on a disk that is read-only.
    """
    if not was_interrupted(path):
        return ""
    try:
        with lock(path, timeout_s=0):
            return repaired(path, shown)
    except (Locked, OSError):
        return ""


def installed_paths(folders: Iterable[str]) -> list[str]:
    """Return site-packages *folders*, and in them what says which packages are installed.

    A METADATA that is a link is among that: it leads nowhere when the cache was emptied.
    """
    found = []
    for folder in folders:
        found.append(folder)
        names = os.listdir(folder) if os.path.isdir(folder) else ()
        places = [f"{folder}{os.sep}{name}" for name in sorted(names) if name.endswith("-info")]
        found += places
        found += [path for place in places if os.path.islink(path := f"{place}{os.sep}METADATA")]
    return found
