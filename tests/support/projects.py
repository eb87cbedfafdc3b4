"""Projects from text, and the real command ``pkm`` in an environ of its own.

::

    project = write_project(tmp_path / "shop", '[project]\\nname = "shop"\\n...', {"shop.py": ""})
    pkm = Pkm(tmp_path / "home", index_url=index.url)
    result = pkm("lock", cwd=project)              # Result(code, stdout, stderr)
    ok(pkm("sync", cwd=project))                   # the same, where it has to succeed

``Pkm`` starts ``sys.executable -m pkm_env`` (or *python*) with this tree's packages, whatever is installed.
The environ holds PATH, what a system needs to start programs, HOME and the caches below *home*,
PKM_INDEX_URL and NO_COLOR; nothing of pip, Python, virtualenv or a proxy is inherited. ``pkm.environ``
may be changed, ``env={...}`` is for one call. With ``network=True`` (tests that are marked so) the machine's
configuration of pip, proxies and certificates is kept, for the index that it names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]

# The folder of the program takes the place of the working folder on sys.path, so that the command sees
# this tree without PYTHONPATH, which the programs it starts would inherit.
_START = (
    f"import runpy, sys; sys.path[0] = {str(ROOT)!r}; "
    "runpy.run_module('pkm_env', run_name='__main__', alter_sys=True)"
)
_KEPT = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR", "LANG", "TMPDIR", "TEMP", "TMP")
_NETWORK = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")


# How the pyproject.toml of most tests begins: the rest of [project] follows, then other tables.
HEAD = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.10"\n'
# Tables that may end it: an extra, a group, and environments of each.
ENVIRONMENTS = """\
[project.optional-dependencies]
full = ["bacon"]

[dependency-groups]
test = ["ham"]

[tool.pkm.env.old]
groups = ["test"]

[tool.pkm.env.full]
extras = ["full"]
"""
BUILT = '[build-system]\nrequires = ["pkm>=1.0.dev0"]\nbuild-backend = "pkm_build"\n\n' + HEAD


class Result(NamedTuple):
    """How a run of the command ended; the streams as text with ``\\n``."""

    code: int
    stdout: str
    stderr: str


def ok(result: Result) -> Result:
    """Return *result*, which must be that of a run that succeeded."""
    assert result.code == 0, result.stdout + result.stderr
    return result


def run_program(*command: object, **settings: Any) -> str:
    """Return what another program prints, which must succeed; *settings* are those of ``subprocess.run``."""
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, encoding="utf-8", check=False, **settings
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_project(
    folder: str | os.PathLike[str], toml: str, files: Mapping[str, str | bytes] | None = None
) -> Path:
    """Write pyproject.toml and *files* (path -> content) into *folder*, made if need be; return it.

    Common indentation of *toml* and of the texts in *files* is taken away.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for name, content in {"pyproject.toml": toml, **(files or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else _dedented(content).encode())
    return root


def _dedented(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def clean_environ(
    home: str | os.PathLike[str], index_url: str | None = None, *, network: bool = False
) -> dict[str, str]:
    """Return an environ that knows nothing of the user: everything lies below *home*, which is made.

    With *network* the machine's index, proxies and certificates are kept.
    """
    folder = Path(home)
    folder.mkdir(parents=True, exist_ok=True)
    environ = {key: os.environ[key] for key in _KEPT if key in os.environ}
    environ.update(
        HOME=str(folder),
        USERPROFILE=str(folder),
        APPDATA=str(folder / "AppData" / "Roaming"),
        LOCALAPPDATA=str(folder / "AppData" / "Local"),
        XDG_CONFIG_HOME=str(folder / ".config"),
        XDG_CACHE_HOME=str(folder / ".cache"),
        XDG_DATA_HOME=str(folder / ".local" / "share"),
        PKM_CACHE_DIR=str(folder / "cache"),
        NO_COLOR="1",
        NO_PROXY="127.0.0.1,localhost",
        GIT_CONFIG_NOSYSTEM="1",
    )
    environ.update(
        _network_environ() if network else {"PIP_CONFIG_FILE": os.devnull}
    )  # devnull: read no file
    if index_url is not None:
        environ["PKM_INDEX_URL"] = index_url
    return environ


def _network_environ() -> dict[str, str]:
    """Return what leads to the index that this machine has configured."""
    kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key in _NETWORK}
    for place in ("~/.config/pip/pip.conf", "~/.pip/pip.conf"):
        path = Path(place).expanduser()
        if path.is_file():
            kept.setdefault("PIP_CONFIG_FILE", str(path))
    return kept


class Pkm:
    """The command in an environ of its own; calling it runs it."""

    def __init__(
        self,
        home: str | os.PathLike[str],
        index_url: str | None = None,
        *,
        python: str = sys.executable,
        network: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.home = Path(home)
        self.python = python
        self.environ = {**clean_environ(home, index_url, network=network), **(env or {})}

    @property
    def cache(self) -> Path:
        """The folder of the cache."""
        return Path(self.environ["PKM_CACHE_DIR"])

    def command(self, *args: str) -> list[str]:
        """Return the command line that runs ``pkm`` with *args*, for tests that start it themselves."""
        return [self.python, "-c", _START, *args]

    def __call__(
        self,
        *args: str,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout_s: float = 300,
    ) -> Result:
        """Run ``pkm *args`` in *cwd* (default: the home) and return how it ended."""
        done = subprocess.run(
            self.command(*args),
            cwd=cwd or self.home,
            env={**self.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


def run_pkm(
    *args: str,
    cwd: str | os.PathLike[str],
    home: str | os.PathLike[str],
    index_url: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run ``pkm *args`` once; ``Pkm`` is for tests that run it several times."""
    return Pkm(home, index_url, env=env)(*args, cwd=cwd)


def lock_text(project: Path) -> str:
    """The text of a project's lock."""
    return (project / "pylock.toml").read_text()
