"""The environment variables that a build sees.

A build gets what compilers need and what it says itself; it does not get the Python settings, credentials
and tool settings of whoever runs pkm, nor their home. That bounds accidents and keeps builds alike; it is no
sandbox, the files of the user stay readable.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Settings of Python itself and of tools that would make a build depend on who runs it, or that hold secrets.
DROPPED_PREFIXES = (
    "PYTHON",
    "PIP_",
    "UV_",
    "PKM_",
    "PDM_",
    "POETRY_",
    "HATCH_",
    "FLIT_",
    "TWINE_",
    "TOX_",
    "PYTEST_",
    "COVERAGE_",
    "XDG_",
    "_PYPROJECT_HOOKS_",
    "GIT_",
)
DROPPED_NAMES = frozenset(
    (
        "VIRTUAL_ENV",
        "VIRTUAL_ENV_PROMPT",
        "__PYVENV_LAUNCHER__",
        "NETRC",
        "SSH_AUTH_SOCK",
        "SSH_AGENT_PID",
        "GPG_AGENT_INFO",
        "DBUS_SESSION_BUS_ADDRESS",
        "KUBECONFIG",
        "DOCKER_CONFIG",
    )
)
SECRET_WORDS = (
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
)
# What a user says of the project at hand; the builds of others do not hear of it.
FOR_OWN_TREE = ("PKM_VERSION", "PKM_PROFILE")
PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY"))
# Tool chains that are installed below the home, and are found by these variables when the home is another.
IN_HOME = {"RUSTUP_HOME": ".rustup", "GOPATH": "go"}


def build_environ(
    ambient: Mapping[str, str],
    *,
    scripts: str,
    prefix: str,
    home: str,
    temporary: str,
    extra: Mapping[str, str] | None = None,
    platform: str = os.name,
) -> dict[str, str]:
    """Return the variables of a build.

    *ambient* are those of pkm, *scripts* and *prefix* the program folder and the root of the build's
    environment, *home* and *temporary* empty folders of its own. *extra* comes on top. *platform* is "posix"
    or "nt".
    """
    kept = kept_variables(ambient)
    path = ambient.get("PATH", os.defpath)
    separator = ";" if platform == "nt" else ":"
    for key, folder in IN_HOME.items():
        found = os.path.join(ambient.get("HOME") or ambient.get("USERPROFILE", ""), folder)
        if os.path.isabs(found) and os.path.isdir(found):
            kept.setdefault(key, found)
    kept.update(
        PATH=f"{scripts}{separator}{path}",
        VIRTUAL_ENV=prefix,
        HOME=home,
        TMPDIR=temporary,
        TEMP=temporary,
        TMP=temporary,
        PYTHONNOUSERSITE="1",
        **(extra or {}),
    )
    if platform == "nt":
        kept.update(USERPROFILE=home, APPDATA=home, LOCALAPPDATA=home)
    return kept


def variables_for_own_tree(ambient: Mapping[str, str]) -> dict[str, str]:
    """Return those of the variables *ambient* that speak of the user's own project."""
    return {key: ambient[key] for key in FOR_OWN_TREE if key in ambient}


def kept_variables(ambient: Mapping[str, str]) -> dict[str, str]:
    """Return those of the variables *ambient* that a build may see."""
    return {key: value for key, value in ambient.items() if not is_dropped(key, value)}


def is_dropped(key: str, value: str) -> bool:
    """Return whether a build does not get to see the variable *key*."""
    name = key.upper()
    if name in PROXIES:
        return False
    if name in DROPPED_NAMES or name.startswith(DROPPED_PREFIXES):
        return True
    return any(word in name for word in SECRET_WORDS) or _has_password(value)


def _has_password(value: str) -> bool:
    """Return whether *value* is a URL with a password in it."""
    _, found, rest = value.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return bool(found and at and ":" in user)
