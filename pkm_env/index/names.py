"""File names of wheels and sdists, read quickly.

``packaging`` needs 8 µs for the name of a wheel, and a large page has 10,000 of them. It is the judge of
what is here in the property tests.

Source: Binary distribution format, Source distribution format.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pkm_build.grammar import NotUnderstood, normalise, quick_version
from pkm_build.grammar import read_version as normal_version
from pkm_env.model.versions import FINAL, LAST, is_prerelease, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pkm_env.model.versions import Key

SDIST = "sdist"
SDIST_ENDINGS = (".tar.gz", ".zip")
TAGS = 3  # of Python, ABI and platform
PARTS = 3  # of the name of a wheel: name, version, tags
WHEEL_NAME = re.compile(r"[\w.]+").fullmatch
PYTHON_TAG = r"[A-Za-z_]\w*"
# Versions as they may be written (PEP 440, "Normalization").
SPELLED = re.compile(
    r"v?(?:(\d+)!)?(\d+(?:\.\d+)*)"
    r"(?:[._-]?(alpha|a|beta|b|preview|pre|c|rc)[._-]?(\d*))?"
    r"(?:-(\d+)|[._-]?(post|rev|r)[._-]?(\d*))?"
    r"(?:[._-]?(dev)[._-]?(\d*))?"
    r"(?:\+([a-z0-9]+(?:[._-][a-z0-9]+)*))?",
    re.ASCII,
).fullmatch
LONGEST = 100
SHORT = 4  # digits of numbers that come again
UNREAD: Any = object()
PHASES = {"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}
TAG_SET = re.compile(rf"{PYTHON_TAG}(?:\.{PYTHON_TAG})*-\w+(?:\.\w+)*-\w+(?:\.\w+)*", re.ASCII).fullmatch


class ReadVersion:
    """A version: its normal form, a key that sorts as PEP 440 says, and whether it is a pre-release."""

    __slots__ = ("is_prerelease", "key", "text")

    def __init__(self, text: str, key: Key) -> None:
        self.text = text
        self.key = key
        self.is_prerelease = is_prerelease(key)


def read_version(text: str) -> ReadVersion | None:
    """Return what *text* says as a version, None when it is none."""
    found = read_release(text)
    if found is not None:
        return found
    try:
        key = version_key(text)
        return ReadVersion(text if quick_version(text) else respelled(text), key)
    except (ValueError, NotUnderstood):
        # Numbers of thousands of digits are refused by Python itself.
        return None


def read_release(text: str) -> ReadVersion | None:
    """Return a release in its normal form, numbers and dots alone, as nine versions of ten are; None for others."""
    try:
        release = tuple(map(NUMBERS.__getitem__, text.split(".")))
    except ValueError:
        return None
    while not release[-1] and len(release) > 1:
        release = release[:-1]
    return ReadVersion(text, (0, release, FINAL, 0, -1, LAST, ()))


def respelled(text: str) -> str:
    """Return a version in its normal form.

    ``packaging``, which is asked where the spelling is not known, takes 20 ms to load.

    :raises NotUnderstood: when it is none.
    """
    found = SPELLED(text.lower()) if text.isascii() and len(text) <= LONGEST else None
    if found is None:
        return normal_version(text)
    epoch, release, phase, number, short_post, post, post_number, dev, dev_number, local = found.groups()
    written = f"{int(epoch)}!" if epoch and int(epoch) else ""
    written += ".".join([str(int(part)) for part in release.split(".")])
    if phase:
        written += f"{PHASES.get(phase, phase)}{int(number or 0)}"
    if short_post or post:
        written += f".post{int(short_post or post_number or 0)}"
    if dev:
        written += f".dev{int(dev_number or 0)}"
    if local:
        parts = local.replace("-", ".").replace("_", ".").split(".")
        written += "+" + ".".join([str(int(part)) if part.isdecimal() else part for part in parts])
    return written


class Numbers(dict[str, int]):
    """Numbers by their texts, where these are as Python writes them; most versions are made of few."""

    def __missing__(self, text: str) -> int:
        """Read one.

        :raises ValueError: when it is written otherwise, or is none.
        """
        number = int(text)
        if str(number) != text or number < 0:
            raise ValueError(text)
        if len(text) <= SHORT:
            self[text] = number
        return number


NUMBERS = Numbers()


class FileNames:
    """Reads the file names of one project's page; what they share is read once.

    *name* is normalised; a file of another project is not recognised.
    """

    __slots__ = ("_prefixes", "_stem", "_versions", "name")

    def __init__(self, name: str, versions: dict[str, ReadVersion | None] | None = None) -> None:
        self.name = name
        # What the last sdist's name began with: the next one's probably does too.
        self._stem = f"{name}-"
        self._prefixes: dict[str, bool] = {}
        self._versions: dict[str, ReadVersion | None] = {} if versions is None else versions

    def read(self, filename: str) -> tuple[ReadVersion, str] | None:
        """Return version and compressed tag set ("sdist" for an sdist), None when it is no such file."""
        if filename.endswith(".whl"):
            return self._read_wheel(filename)
        for ending in SDIST_ENDINGS:
            if filename.endswith(ending):
                return self._read_sdist(filename[: -len(ending)])
        return None

    def start_of_wheel(self, filename: str) -> tuple[ReadVersion, str] | None:
        """Return the version of a wheel, and what its name begins with up to it; None when it is none."""
        parts = filename.split("-", 2)
        if len(parts) < PARTS or not filename.endswith(".whl"):
            return None
        raw, number, _ = parts
        version = self.version(number)
        return (version, f"{raw}-{number}") if version is not None and self.is_own(raw) else None

    def version(self, text: str) -> ReadVersion | None:
        """Return what *text* says as a version, None when it is none."""
        found: ReadVersion | None = self._versions.get(text, UNREAD)
        if found is UNREAD:
            found = self._versions[text] = read_version(text)
        return found

    def is_own(self, raw: str) -> bool:
        """Whether *raw*, what the name of a wheel begins with, is that of the project."""
        try:
            return self._prefixes[raw]
        except KeyError:
            own = WHEEL_NAME(raw) is not None and "__" not in raw and normalise(raw) == self.name
            self._prefixes[raw] = own
            return own

    def _read_wheel(self, filename: str) -> tuple[ReadVersion, str] | None:
        raw, _, rest = filename.partition("-")
        number, _, tail = rest.partition("-")
        if not self.is_own(raw):
            return None
        version, tags = self.version(number), wheel_tags(tail)
        return None if version is None or tags is None else (version, tags)

    def _read_sdist(self, stem: str) -> tuple[ReadVersion, str] | None:
        # Old sdists have hyphens in the name ("ruamel.yaml-clib-0.2"), so the cut is where the
        # name of the project ends, not the first or the last hyphen.
        if stem.startswith(self._stem):
            version = self.version(stem[len(self._stem) :])
            if version is not None:
                return version, SDIST
        position = stem.find("-")
        while position > 0:
            if normalise(stem[:position]) == self.name:
                version = self.version(stem[position + 1 :])
                if version is not None:
                    self._stem = stem[: position + 1]
                    return version, SDIST
            position = stem.find("-", position + 1)
        return None


@lru_cache(1 << 14)
def wheel_tags(tail: str) -> str | None:
    """Return the compressed tag set in what stands behind the version of a wheel, None when there is none."""
    tags = tail[:-4]
    if tags.count("-") == TAGS and tags[:1].isdecimal():
        # A build number comes first.
        tags = tags.partition("-")[2]
    return tags.lower() if tail.endswith(".whl") and TAG_SET(tags) else None
