"""The git program: found, run with settings that make its answers the same for everybody."""

from __future__ import annotations

import os
import shutil
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOUR_S = 3600
# These tie git to the repository that pkm was started in.
DROPPED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CEILING_DIRECTORIES",
)
# The same bytes whoever checks out, and nothing of the user's or the repository's runs.
SETTINGS = (
    ("core.autocrlf", "false"),
    ("core.eol", "lf"),
    ("core.longpaths", "true"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("advice.detachedHead", "false"),
    ("gc.auto", "0"),
    ("protocol.ext.allow", "never"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
)
LFS_ON = (
    ("filter.lfs.smudge", "git-lfs smudge -- %f"),
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
)
LFS_OFF = (("filter.lfs.smudge", ""), ("filter.lfs.process", ""), ("filter.lfs.required", "false"))


class GitMissing(FileNotFoundError):
    """There is no git program on PATH."""


class GitProgram:
    """Git with pkm's settings, and with *secrets*: further settings that hold credentials.

    All of them reach git in variables, nothing of them stands on a command line.
    """

    def __init__(self, environ: Mapping[str, str], secrets: Sequence[tuple[str, str]] = ()) -> None:
        self._path = environ.get("PATH", os.defpath)
        self.has_lfs = shutil.which("git-lfs", path=self._path) is not None
        variables = {key: value for key, value in environ.items() if key not in DROPPED}
        variables.update(LC_ALL="C", LANGUAGE="C", GIT_TERMINAL_PROMPT="0", GCM_INTERACTIVE="never")
        variables.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        _add_settings(variables, (*SETTINGS, *(LFS_ON if self.has_lfs else LFS_OFF), *secrets))
        self._variables = variables

    def run(self, args: Sequence[str], *, cwd: str) -> subprocess.CompletedProcess[str]:
        """Run git with *args* in the folder *cwd* and return how it ended, with both streams as text.

        :raises GitMissing: when there is no git.
        :raises subprocess.TimeoutExpired: when it takes more than an hour.
        """
        program = shutil.which("git", path=self._path)
        if program is None:
            raise GitMissing
        return subprocess.run(
            [program, *args],
            cwd=cwd,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=HOUR_S,
            check=False,
        )


def _add_settings(variables: dict[str, str], settings: Sequence[tuple[str, str]]) -> None:
    """Add settings to those that git already takes from variables (git 2.31 and later)."""
    told = variables.get("GIT_CONFIG_COUNT", "0")
    count = int(told) if told.isdecimal() else 0
    for key, value in settings:
        variables[f"GIT_CONFIG_KEY_{count}"] = key
        variables[f"GIT_CONFIG_VALUE_{count}"] = value
        count += 1
    variables["GIT_CONFIG_COUNT"] = str(count)
