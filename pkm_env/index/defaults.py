"""Where packages come from when pkm's own settings do not say: pip's configuration, a library's constant.

Nothing ambient is read here but the files that are named: variables, home and platform are passed in.

Source: pip's user guide, "Configuration"; precedence: variables, PIP_CONFIG_FILE, site, user, global.
"""

from __future__ import annotations

import os
from importlib.machinery import PathFinder

from pkm_env.index.spec import IndexSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pkm_env.model.ports import Memory

DEFAULT_NAME = "default"
WANTED = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "timeout", "proxy")
# What speaks for the command "install", weakest first.
SECTIONS = ("global", "install")
MEMORY_KIND = "pip-config"


class PipSettings:
    """What pip is told of indexes; "" and empty where it is told nothing.

    ``origins`` says for each key that is set where it stands ("PIP_INDEX_URL", the path of a file).
    """

    __slots__ = ("cert", "extra_index_urls", "find_links", "index_url", "no_index", "origins", "proxy")

    def __init__(self, told: Mapping[str, tuple[str, str]]) -> None:
        values = {key: value for key, (value, _) in told.items()}
        self.index_url = values.get("index-url", "").strip()
        self.extra_index_urls = tuple(values.get("extra-index-url", "").split())
        self.find_links = tuple(values.get("find-links", "").split())
        self.no_index = values.get("no-index", "").strip().lower() in {"1", "true", "yes", "on", "t", "y"}
        self.cert = values.get("cert", "").strip()
        self.proxy = values.get("proxy", "").strip()
        self.origins = {key: origin for key, (_, origin) in told.items()}


def pip_files(environ: Mapping[str, str], home: str, prefix: str, platform: str) -> tuple[str, ...]:
    """Return the files that pip's configuration may stand in, weakest first.

    *prefix* is that of the running Python: pip keeps a file in each virtual environment.
    """
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return ()
    filename = "pip.ini" if platform == "win32" else "pip.conf"
    files = list(global_files(environ, platform, filename))
    if not (named and os.path.exists(named)):
        files += user_files(environ, home, platform, filename)
    files.append(os.path.join(prefix, filename))
    return (*files, named) if named else tuple(files)


def global_files(environ: Mapping[str, str], platform: str, filename: str) -> Iterator[str]:
    """Yield the files for all users."""
    if platform == "win32":
        yield os.path.join(environ.get("PROGRAMDATA", "C:\\ProgramData"), "pip", filename)
    elif platform == "darwin":
        yield os.path.join("/Library/Application Support/pip", filename)
    else:
        for folder in reversed((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")):
            if folder:
                yield os.path.join(folder, "pip", filename)
        yield os.path.join("/etc", filename)


def user_files(environ: Mapping[str, str], home: str, platform: str, filename: str) -> Iterator[str]:
    """Yield the files of one user, the old place first."""
    yield os.path.join(home, "pip" if platform == "win32" else ".pip", filename)
    if platform == "win32":
        yield os.path.join(environ.get("APPDATA") or home, "pip", filename)
        return
    support = os.path.join(home, "Library/Application Support/pip")
    if platform == "darwin" and os.path.isdir(support):
        yield os.path.join(support, filename)
        return
    yield os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", filename)


def read_pip_settings(
    files: Sequence[str], environ: Mapping[str, str], memory: Memory | None = None
) -> PipSettings:
    """Return what pip's configuration says of indexes; unreadable files say nothing.

    A file's content is remembered by its state, for parsing it needs a module that costs 10 ms.
    """
    told: dict[str, tuple[str, str]] = {}
    sections: dict[str, dict[str, tuple[str, str]]] = {section: {} for section in SECTIONS}
    for path in files:
        for section, key, value in remembered(path, memory):
            sections[section][key] = (value, path)
    for section in SECTIONS:
        told.update(sections[section])
    for key in WANTED:
        variable = f"PIP_{key.upper().replace('-', '_')}"
        if environ.get(variable):
            told[key] = (environ[variable], variable)
    return PipSettings(told)


def remembered(path: str, memory: Memory | None) -> tuple[tuple[str, str, str], ...]:
    """Return section, key and value of what is wanted of a file, () for one that is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    key = f"{path}|{status.st_mtime_ns}|{status.st_size}|{status.st_ino}"
    known = memory.recall(MEMORY_KIND, key) if memory is not None else None
    if known is None:
        known = tuple(parsed(path))
        # A password that stands in pip's configuration stays there.
        if memory is not None and not any("@" in value for _, _, value in known):
            memory.remember(MEMORY_KIND, key, known)
    found: tuple[tuple[str, str, str], ...] = known
    return found


def parsed(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of what is wanted of a file of pip's."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, Error):
        return
    for section in SECTIONS:
        if parser.has_section(section):
            for raw, value in parser.items(section):
                key = raw.lower().replace("_", "-").removeprefix("--")
                if key in WANTED:
                    yield section, key, value or ""


def pip_indexes(settings: PipSettings, folder: str) -> tuple[tuple[IndexSpec, ...], IndexSpec | None]:
    """Return the places that pip looks at beside its index, and its index where one is configured.

    Relative paths are seen from *folder*. With ``no-index`` there is neither an index nor an extra one.
    """
    places = [
        IndexSpec(
            numbered("pip-links", number),
            location
            if "://" in location or location.startswith("file:")
            else os.path.normpath(os.path.join(folder, os.path.expanduser(location))),
            flat=True,
            origin=settings.origins["find-links"],
            from_pip=True,
        )
        for number, location in enumerate(settings.find_links)
    ]
    if settings.no_index:
        return tuple(places), None
    places += [
        IndexSpec(
            numbered("pip-extra", number), url, origin=settings.origins["extra-index-url"], from_pip=True
        )
        for number, url in enumerate(settings.extra_index_urls)
    ]
    if not settings.index_url:
        return tuple(places), None
    index = IndexSpec(DEFAULT_NAME, settings.index_url, origin=settings.origins["index-url"], default=True)
    return tuple(places), index


def numbered(name: str, number: int) -> str:
    """Return the name of the place with this number, counted from 0."""
    return name if number == 0 else f"{name}-{number + 1}"


def library_path() -> str:
    """Return the path of the source file that carries the default address, "" when it is not installed."""
    spec = PathFinder.find_spec("distlib")
    folders = spec.submodule_search_locations if spec is not None else None
    return os.path.join(next(iter(folders)), "locators.py") if folders else ""


def built_in_index(path: str) -> IndexSpec | None:
    """Return the default index by the constant in the source file *path*, None when it is not there.

    ``distlib.locators`` would need 160 ms to import; its text says the same in 0.2 ms.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return None
    _, _, rest = text.partition("\ndefault_locator = ")
    _, called, rest = rest.partition("SimpleScrapingLocator(")
    quote = rest[:1]
    url = rest[1:].partition(quote)[0] if called and quote in {"'", '"'} else ""
    if not url.startswith("https://"):
        return None
    return IndexSpec(DEFAULT_NAME, url, origin="distlib", default=True)
