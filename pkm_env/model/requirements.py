"""Requirements of PEP 508, split into their parts once.

The quick reader takes what metadata usually holds; all else goes to ``packaging``, which is its judge
in the property tests.

Source: Dependency specifiers, https://packaging.python.org/specifications/dependency-specifiers/.
"""

from __future__ import annotations

from pkm_build.grammar import normalise
from pkm_env.model.distribution import BadReference, source_of_url, without_secrets
from pkm_env.model.versions import OPERATORS, split_specifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    # The text of a requirement, and the path of keys where it stands.
    PlacedText = tuple[str, tuple[str | int, ...]]

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_VERSION = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.!+*-_ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class UnreadableRequirement(ValueError):
    """A text that is no requirement."""


class Requirement:
    """What a requirement says: all texts, ``name`` and ``extras`` normalised, ``marker`` as written.

    ``specifier`` holds the clauses without white space, in their order, "" for none; ``url`` is ""
    unless the requirement is a direct reference, without secrets; ``marker`` is "" for none.
    """

    __slots__ = ("extras", "marker", "name", "specifier", "url")

    def __init__(
        self, name: str, extras: tuple[str, ...] = (), specifier: str = "", url: str = "", marker: str = ""
    ) -> None:
        self.name = name
        self.extras = extras
        self.specifier = specifier
        self.url = url
        self.marker = marker

    def to_plain(self) -> tuple[str, tuple[str, ...], str, str, str]:
        """Return the values in the order of the parameters."""
        return (self.name, self.extras, self.specifier, self.url, self.marker)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Requirement) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash(self.to_plain())

    def __repr__(self) -> str:
        return f"Requirement({self!s})"

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        rest = f" @ {self.url}" if self.url else self.specifier
        return f"{self.name}{extras}{rest}" + (f" ; {self.marker}" if self.marker else "")


def parse_requirement(text: str) -> Requirement:
    """Return the parts of *text*.

    :raises UnreadableRequirement: when it is no requirement.
    """
    return _quick(text) or _thorough(text)


def with_condition(text: str, condition: str) -> str:
    """Return a requirement with a marker more, and-ed to its own as core metadata writes one of an extra."""
    requirement, separator, marker = text.partition(" ;" if " @ " in text else ";")
    if not separator:
        return f"{text} ; {condition}"
    return f"{requirement.strip()} ; ({marker.strip()}) and {condition}"


def with_own_extras(
    asked: Iterable[PlacedText], own: str, extras: Callable[[], Mapping[str, Sequence[PlacedText]]]
) -> list[PlacedText]:
    """Return *asked*, and behind it what the extras ask for that it names of the project *own*, as in "own[all]".

    *extras* is called only where there is such a requirement.
    """
    found = list(asked)
    followed: set[str] = set()
    for text, _ in found:  # which grows on the way: an extra may ask for further ones
        requirement = parse_requirement(text)
        if requirement.name == own:
            for extra in requirement.extras:
                if extra not in followed:
                    followed.add(extra)
                    found += [one for one in extras().get(extra, ()) if one not in found]
    return found


def requirement_fault(text: str) -> str:
    """Return what is wrong with a requirement of the project, "" where nothing is."""
    try:
        asked = parse_requirement(text)
        if asked.url:
            source_of_url(asked.url)
    except (UnreadableRequirement, BadReference) as error:
        return str(error).partition("\n")[0]
    return ""


def _quick(text: str) -> Requirement | None:
    """Return the parts of a requirement of the usual form, None for any other."""
    head, semicolon, marker = text.partition(";")
    head = head.strip()
    if "@" in head or (semicolon and not marker.strip()):
        return None
    end = 0
    while end < len(head) and head[end] in _NAME:
        end += 1
    name, rest = head[:end], head[end:].lstrip()
    if not name or not name[0].isalnum() or not name[-1].isalnum():
        return None
    extras: tuple[str, ...] = ()
    if rest.startswith("["):
        inside, bracket, rest = rest[1:].partition("]")
        found = _quick_extras(inside) if bracket else None
        if found is None:
            return None
        extras, rest = found, rest.strip()
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1].strip()
    specifier = _quick_specifier(rest)
    if specifier is None:
        return None
    return Requirement(normalise(name), extras, specifier, "", marker.strip())


def _quick_extras(inside: str) -> tuple[str, ...] | None:
    if not inside.strip():
        return ()
    names = [part.strip() for part in inside.split(",")]
    if not all(
        name and name[0].isalnum() and name[-1].isalnum() and _NAME.issuperset(name) for name in names
    ):
        return None
    return tuple(sorted({normalise(name) for name in names}))


def _quick_specifier(text: str) -> str | None:
    """Return the clauses of *text* without white space, or None for an unusual form."""
    if not text:
        return ""
    clauses = []
    for part in text.split(","):
        clause = part.strip()
        for operator in OPERATORS[1:]:
            if clause.startswith(operator):
                version = clause[len(operator) :].strip()
                break
        else:
            return None
        if not version or not version[0].isdigit() or not _VERSION.issuperset(version):
            return None
        if "*" in version and (operator not in {"==", "!="} or version.find("*") != len(version) - 1):
            return None
        clauses.append(operator + version)
    return ",".join(clauses)


def _thorough(text: str) -> Requirement:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Judge

    try:
        judged = Judge(text)
    except InvalidRequirement as error:
        lenient = _lenient(text)
        if lenient is None:
            raise UnreadableRequirement(str(error).partition("\n")[0]) from None
        return lenient
    specifier = ",".join(
        op + version for op, version in split_specifier(_written(text, str(judged.specifier)))
    )
    extras = tuple(sorted({normalise(extra) for extra in judged.extras}))
    marker = "" if judged.marker is None else text.rpartition(";")[2].strip()
    if marker.count("'") % 2 or marker.count('"') % 2:
        marker = str(judged.marker)
    url = without_secrets(judged.url or "")
    return Requirement(normalise(judged.name), extras, specifier, url, marker)


def _written(text: str, canonical: str) -> str:
    """Return the specifier in the order of *text* where that is found, else as ``packaging`` sorts it."""
    head = text.partition(";")[0].partition("]")[2] or text.partition(";")[0]
    return canonical if "@" in head or not canonical else _ordered(head, canonical)


def _ordered(head: str, canonical: str) -> str:
    squeezed = "".join(head.split())
    clauses = canonical.split(",")
    clauses.sort(key=lambda clause: (squeezed.find(clause), clause))
    return ",".join(clauses)


def _lenient(text: str) -> Requirement | None:
    """Return a requirement whose only fault is ``.*`` after an order operator, as old releases have it."""
    head, _semicolon, marker = text.partition(";")
    if ".*" not in head or "@" in head:
        return None
    repaired = []
    for part in head.split(","):
        wanted = any(op in part for op in (">=", "<=", ">", "<", "~=")) and "=" * 2 not in part
        repaired.append(part.replace(".*", "") if wanted else part)
    again = _quick(",".join(repaired))
    return (
        None if again is None else Requirement(again.name, again.extras, again.specifier, "", marker.strip())
    )
