"""Settings: command line, variables, the project and the user's configuration, merged in this order.

What decides an answer (resolution, sources, overrides) is not here: it is read from the project alone.

Documented in docs/configuration.md.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import InvalidFile, PkmError
from pkm_build.source import parse
from pkm_build.tables import Table
from pkm_env.index.spec import IndexSpec
from pkm_env.model.declaration import index_fault, read_indexes
from pkm_env.model.distribution import without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pkm_build.errors import Fault
    from pkm_env.model.declaration import IndexRule

LINK_MODES = ("clone", "hardlink", "copy", "symlink")
USER_KEYS = (
    "index",
    "cache-dir",
    "offline",
    "python",
    "link-mode",
    "http-timeout",
    "credential-helper",
    "limits",
)
# What each limit counts; their present values stand where they hold (cache.zips, build.request, build.sdist).
LIMITS = {
    "builds": "builds",
    "build-time": "seconds",
    "build-output": "bytes",
    "wheel-size": "bytes",
    "wheel-files": "files",
    "wheel-ratio": "bytes for each byte",
    "sdist-size": "bytes",
    "sdist-files": "files",
}
LIMIT_PREFIX = "PKM_LIMIT_"
UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_INDEX = "default"


class BadSetting(PkmError):
    """A variable or an option whose value means nothing."""

    exit_code = 2

    def __init__(self, name: str, value: str, expected: str, reason: str = "") -> None:
        super().__init__(f'{name} is "{value}", which is not {expected}' + (f": {reason}" if reason else ""))
        self.name = name


class Switches:
    """What the command line says; "" and False where it says nothing."""

    __slots__ = ("default_index", "link_mode", "offline", "python")

    def __init__(
        self, *, offline: bool = False, python: str = "", default_index: str = "", link_mode: str = ""
    ) -> None:
        self.offline = offline
        self.python = python
        self.default_index = default_index
        self.link_mode = link_mode


class UserConfig:
    """The user's configuration file, empty where there is none; ``path`` is where it is looked for."""

    __slots__ = ("path", "table")

    def __init__(self, path: str, table: Table) -> None:
        self.path = path
        self.table = table


class Settings:
    """The merged settings. ``limits`` are those of LIMITS that are set, in their units."""

    __slots__ = (
        "cache_dir",
        "credential_helper",
        "http_timeout_s",
        "limits",
        "link_mode",
        "offline",
        "python",
    )

    def __init__(self, environ: Mapping[str, str], switches: Switches, user: Table) -> None:
        """Merge what each level says.

        :raises BadSetting: for a variable whose value means nothing.
        """
        self.cache_dir = os.path.abspath(
            environ.get("PKM_CACHE_DIR") or user.string("cache-dir") or default_cache_dir(environ)
        )
        self.offline = (
            switches.offline or truth(environ, "PKM_OFFLINE") or user.boolean("offline", default=False)
        )
        self.python = environ.get("PKM_PYTHON") or user.string("python") or ""
        self.link_mode = switches.link_mode or environ.get("PKM_LINK_MODE") or user.string("link-mode") or ""
        if self.link_mode and self.link_mode not in LINK_MODES:
            name = "--link-mode" if switches.link_mode else "PKM_LINK_MODE"
            raise BadSetting(name, self.link_mode, "one of " + ", ".join(LINK_MODES))
        self.http_timeout_s = timeout(environ, user)
        self.limits = limits(environ, user)
        self.credential_helper = user.string("credential-helper") or ""

    def set_limits(self, fields: Mapping[str, str]) -> dict[str, int]:
        """Return those of the limits *fields* (name -> field) that are set, by their fields."""
        return {field: self.limits[name] for name, field in fields.items() if name in self.limits}


def truth(environ: Mapping[str, str], name: str) -> bool:
    """Return what a variable says, false where it is not set.

    :raises BadSetting: when it says neither yes nor no.
    """
    value = environ.get(name, "").strip().lower()
    if value in ("", "0", "false", "no", "off"):
        return False
    if value in ("1", "true", "yes", "on"):
        return True
    raise BadSetting(name, value, "1 or 0")


def timeout(environ: Mapping[str, str], user: Table) -> float:
    """Return for how many seconds a server may be silent.

    :raises BadSetting: when the variable is no positive number.
    """
    told = environ.get("PKM_HTTP_TIMEOUT") or user.raw("http-timeout")
    if told is None:
        return DEFAULT_TIMEOUT_S
    found = positive_number(told)
    if found is None:
        raise BadSetting("PKM_HTTP_TIMEOUT", str(told), "a positive number of seconds")
    return found


def positive_number(value: object) -> float | None:
    """Return what a value or its text says, None where that is no finite number above zero."""
    try:
        number = 0.0 if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def limits(environ: Mapping[str, str], user: Table) -> dict[str, int]:
    """Return the limits that variables and the user's configuration set, by their names in LIMITS.

    :raises BadSetting: for a variable that sets no known limit, and for a value that is none.
    """
    found = {}
    for name, value in (user.raw("limits") or {}).items():
        found[name] = amount(f"limits.{name} of the user's configuration", value, LIMITS[name])
    for variable, text in environ.items():
        if variable.startswith(LIMIT_PREFIX):
            name = variable.removeprefix(LIMIT_PREFIX).lower().replace("_", "-")
            if name not in LIMITS:
                known = ", ".join(limit_variable(one) for one in LIMITS)
                raise BadSetting(variable, text, f"a limit that pkm knows: {known}")
            found[name] = amount(variable, text, LIMITS[name])
    return found


def limit_variable(name: str) -> str:
    """Return the variable that sets a limit."""
    return LIMIT_PREFIX + name.upper().replace("-", "_")


def amount(setting: str, value: object, unit: str) -> int:
    """Return the positive whole number that a *setting* says; one of bytes may have KB, MB, GB or TB behind it.

    :raises BadSetting: when it says none.
    """
    text = "" if isinstance(value, bool) else str(value).strip()
    factor = UNITS.get(text[-2:].upper(), 1) if unit == "bytes" else 1
    digits = text[:-2].strip() if factor > 1 else text
    if digits.isdecimal() and digits.isascii() and int(digits) > 0:
        return int(digits) * factor
    also = ', as in 500000 or "2 GB"' if unit == "bytes" else ""
    raise BadSetting(setting, str(value), f"a positive whole number of {unit}{also}")


def home(environ: Mapping[str, str]) -> str:
    """Return the user's home folder."""
    return environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")


def below_home(environ: Mapping[str, str], name: str) -> str:
    """Return a folder of the user's home, "" where no home is known."""
    return os.path.join(environ["HOME"], name) if environ.get("HOME") else ""


def default_cache_dir(environ: Mapping[str, str]) -> str:
    """Return where this system keeps caches.

    The library that knows it for every system takes 40 ms to load; on Linux two lines know it too.
    """
    if sys.platform == "linux" and (base := environ.get("XDG_CACHE_HOME") or below_home(environ, ".cache")):
        return os.path.join(base, "pkm")
    from platformdirs import user_cache_dir

    return user_cache_dir("pkm", appauthor=False)


def user_config_path(environ: Mapping[str, str]) -> str:
    """Return where the user's configuration is looked for."""
    if environ.get("PKM_CONFIG_FILE"):
        return os.path.abspath(environ["PKM_CONFIG_FILE"])
    if sys.platform == "linux" and (base := environ.get("XDG_CONFIG_HOME") or below_home(environ, ".config")):
        return os.path.join(base, "pkm", "config.toml")
    from platformdirs import user_config_dir

    return os.path.join(user_config_dir("pkm", appauthor=False), "config.toml")


def read_user_config(path: str, environ: Mapping[str, str]) -> Table:
    """Return the user's configuration as a table, empty where there is none.

    :raises InvalidFile: with every fault of the file.
    :raises BadSetting: when a variable names it, and it is not there.
    """
    faults: list[Fault] = []
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        if named := environ.get("PKM_CONFIG_FILE"):
            raise BadSetting("PKM_CONFIG_FILE", named, "a file that is there") from error
        return Table({}, (), faults)
    except UnicodeDecodeError as error:
        raise PkmError(f"{path} is no UTF-8 text", "pkm config files are TOML") from error
    table = Table(parse_toml(path, text), (), faults)
    table.refuse_unknown(USER_KEYS)
    for key in ("cache-dir", "python", "credential-helper"):
        table.string(key)
    table.boolean("offline", default=False)
    table.choice("link-mode", LINK_MODES, "")
    if "http-timeout" in table.data and positive_number(table.raw("http-timeout")) is None:
        table.fault("http-timeout", "must be a positive number of seconds")
    if (bounds := table.table("limits")) is not None:
        bounds.refuse_unknown(LIMITS)
    read_indexes(table)
    if faults:
        raise InvalidFile(path, text, faults, path)
    return table


def parse_toml(path: str, text: str) -> dict[str, Any]:
    """Return the parsed text of a configuration file.

    :raises InvalidFile: when it is no TOML.
    """
    try:
        return parse(path, text)
    except InvalidFile as error:
        error.shown = path
        raise


def given_default(
    environ: Mapping[str, str], switches: Switches, folder: str, alias: str
) -> IndexSpec | None:
    """Return the default index that stands on the command line or in a variable, None where none does.

    A path is seen from *folder*.

    :raises BadSetting: when it cannot be asked.
    """
    url, origin = switches.default_index, "--default-index"
    if not url:
        url, origin = environ.get("PKM_INDEX_URL", ""), "PKM_INDEX_URL"
    if not url:
        return None
    if said := index_fault(url):
        raise BadSetting(origin, without_secrets(url), "an index that can be asked", said)
    return IndexSpec(DEFAULT_INDEX, absolute(url, folder), origin=origin, default=True, alias=alias)


def absolute(url: str, folder: str) -> str:
    """Return the address of an index; a path is seen from *folder*."""
    is_url = "://" in url or url.lower().startswith("file:")
    return url if is_url else os.path.normpath(os.path.join(folder, url))


def spec_of(rule: IndexRule, folder: str, origin: str) -> IndexSpec:
    """Return the index that a file in *folder* configures."""
    return IndexSpec(
        rule.name,
        absolute(rule.url, folder),
        flat=rule.flat,
        explicit=rule.explicit,
        origin=origin,
        default=rule.default,
    )


def configured_indexes(
    declared: Sequence[tuple[IndexRule, str, str]],
    environ: Mapping[str, str],
    switches: Switches,
    user: Table,
    folder: str,
) -> tuple[tuple[IndexSpec, ...], IndexSpec | None]:
    """Return the indexes that pkm's own settings name, in their order, and the default one if they name it.

    *declared* are those of a project, with the folder and the name of the file that says each. A path on the command
    line or in a variable is seen from *folder*. Where they name none, pip's configuration is asked, and then the
    constant of an installed library.
    """
    named: list[IndexSpec] = []
    alias = next((rule.name for rule, _, _ in declared if rule.default), "")
    default = given_default(environ, switches, folder, alias)
    for rule, root, shown in declared:
        spec = spec_of(rule, root, shown)
        if rule.default:
            default = default or spec
        else:
            named.append(spec)
    config_folder = os.path.dirname(user_config_path(environ)) if "index" in user.data else ""
    for rule in read_indexes(user):
        spec = spec_of(rule, config_folder, "the user's configuration")
        if spec.default:
            default = default or spec
        elif spec.name not in {other.name for other in named}:
            named.append(spec)
    return tuple(named), default
