"""Names, versions, specifiers, markers, requirements and licence expressions, read quickly where they are ordinary.

Each reader first tries a strict hand-written reading of the usual forms. What that does not recognise goes to
`packaging`, which alone decides whether a text is wrong: its import costs 35 ms of CPU, more than all the rest
of a hook. A property test holds each quick reading against `packaging`.

Source: the version, dependency and name specifiers of the PyPA specifications; PEP 639 for licences.
"""

from __future__ import annotations

from pkm_build.errors import PkmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Name, extras, URL, specifier and marker of a requirement; "" for what is not there.
    Parts = tuple[str, tuple[str, ...], str, str, str]

ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
NAME = ALNUM + "-_."
DIGITS = "0123456789"
OPERATORS = ("~=", "==", "!=", "<=", ">=", "<", ">")
WORDS = {"and": "joint", "or": "joint", "in": "operator"}
RELEASE, PRE, POST, DEV = range(4)  # the parts of a version, in their order
AFTER_WORD = ("", " ", "(", ")", "'", '"', "<", ">", "=", "!", "~")
DEVICES = frozenset(["CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in "123456789")])
COMPARISONS = ("<=", ">=", "==", "!=", "~=", "<", ">")
VARIABLES = frozenset(
    [
        "os_name",
        "sys_platform",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_system",
        "platform_version",
        "python_version",
        "python_full_version",
        "implementation_name",
        "implementation_version",
        "extra",
    ]
)
LICENCES = frozenset(
    [
        "0BSD",
        "AFL-3.0",
        "AGPL-3.0-only",
        "AGPL-3.0-or-later",
        "Apache-2.0",
        "Artistic-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC-BY-4.0",
        "CC0-1.0",
        "EPL-2.0",
        "EUPL-1.2",
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "HPND",
        "ISC",
        "LGPL-2.1-only",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "MS-PL",
        "OFL-1.1",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "WTFPL",
        "ZPL-2.1",
        "Zlib",
    ]
)


class NotUnderstood(PkmError):
    """A text that breaks the grammar it is read by; ``str()`` is the reason."""


def normalise(name: str) -> str:
    """Return a project, extra or group name in its one normal form."""
    low = name.lower().replace("_", "-").replace(".", "-")
    while "--" in low:
        low = low.replace("--", "-")
    return low


def is_name(text: str) -> bool:
    """Return whether *text* is a valid name of a project, extra or group."""
    return bool(text) and not text.strip(NAME) and text[0] in ALNUM and text[-1] in ALNUM


def is_device(part: str) -> bool:
    """Return whether Windows takes *part* of a path for a device, whatever its suffix."""
    return part.partition(".")[0].rstrip(" ").upper() in DEVICES


def read_version(text: str) -> str:
    """Return the version in its normal form.

    :raises NotUnderstood: when it is no version
    """
    if quick_version(text):
        return text
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(text))
    except InvalidVersion as exc:
        raise NotUnderstood(reason(exc)) from exc


def read_specifier(text: str) -> str:
    """Return a set of version specifiers in a plain form, "" for any version.

    :raises NotUnderstood: when it is none
    """
    quick = quick_specifier(text)
    if quick is not None:
        return quick
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier as exc:
        raise NotUnderstood(reason(exc)) from exc


def read_requirement(text: str) -> Parts:
    """Return the requirement as ``(name, extras, url, specifier, marker)``, all plain texts.

    :raises NotUnderstood: when it is none
    """
    quick = quick_requirement(text)
    if quick is not None:
        return quick
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = Requirement(text)
    except InvalidRequirement as exc:
        raise NotUnderstood(reason(exc)) from exc
    if not found.url and text.partition(";")[0].rstrip(" \t)").endswith(","):
        raise NotUnderstood(
            'a version is missing after ","'
        )  # `packaging` is lenient here, the grammar is not
    marker = str(found.marker) if found.marker else ""
    return (found.name, tuple(sorted(found.extras)), found.url or "", str(found.specifier), marker)


def write_requirement(parts: Parts, marker: str = "") -> str:
    """Return the requirement as text, its own marker joined with *marker* by ``and``."""
    name, extras, url, specifier, own = parts
    head = name + (f"[{','.join(extras)}]" if extras else "")
    head += f" @ {url}" if url else specifier
    if own and marker:
        own = f"({own})" if " or " in own else own
        own = f"{own} and {marker}"
    own = own or marker
    if not own:
        return head
    return f"{head} ; {own}" if url else f"{head}; {own}"


def read_licence(text: str) -> str:
    """Return an SPDX licence expression with its usual capitals.

    :raises NotUnderstood: when it is none
    """
    words = text.split(" ")
    if len(words) % 2 and all(
        word in LICENCES if at % 2 == 0 else word in ("OR", "AND") for at, word in enumerate(words)
    ):
        return text
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression as exc:
        raise NotUnderstood(reason(exc)) from exc


def reason(exc: Exception) -> str:
    """Return the first line of a foreign message, without its capital."""
    line = (str(exc).splitlines() or ["not understood"])[0]
    return line[:1].lower() + line[1:]


def number(text: str) -> bool:
    """Return whether *text* is a whole number in its shortest form."""
    return bool(text) and not text.strip(DIGITS) and (text[0] != "0" or len(text) == 1)


def quick_version(text: str) -> bool:
    """Return whether *text* is a version in normal form, without epoch and local part; False if unsure."""
    parts = text.split(".")
    stage = RELEASE
    for at, part in enumerate(parts):
        if stage == RELEASE and number(part):
            continue
        if at and stage < POST and part[:4] == "post" and number(part[4:]):
            stage = POST
        elif at and stage < DEV and part[:3] == "dev" and number(part[3:]):
            stage = DEV
        elif stage == RELEASE:
            rest = part.lstrip(DIGITS)
            size = 2 if rest[:2] == "rc" else 1
            if (
                rest[:size] not in ("a", "b", "rc")
                or not number(rest[size:])
                or not number(part[: -len(rest)])
            ):
                return False
            stage = PRE
        else:
            return False
    return True


def quick_specifier(text: str) -> str | None:
    """Return an ordinary set of specifiers without blanks, None if unsure."""
    out = []
    for item in text.split(","):
        clause = item.strip(" ")
        for operator in OPERATORS:
            if clause.startswith(operator):
                break
        else:
            if not clause and not text.strip(" "):
                return ""
            return None
        version = clause[len(operator) :].lstrip(" ")
        plain = version
        if version.endswith(".*") and operator in ("==", "!="):
            plain = version[:-2]
            if plain.strip(DIGITS + "."):
                return None
        if not quick_version(plain) or (operator == "~=" and (plain.strip(DIGITS + ".") or "." not in plain)):
            return None
        out.append(operator + version)
    return ",".join(out)


def quick_requirement(text: str) -> Parts | None:
    """Return an ordinary requirement by version taken apart, None if unsure."""
    head, semicolon, tail = text.partition(";")
    rest = head.strip(" ")
    after = rest.lstrip(NAME)
    name = rest[: len(rest) - len(after)]
    if not is_name(name):
        return None
    after = after.lstrip(" ")
    extras: tuple[str, ...] = ()
    if after[:1] == "[":
        inside, bracket, after = after[1:].partition("]")
        extras = tuple([extra.strip(" ") for extra in inside.split(",")])
        if not bracket or not all(map(is_name, extras)):
            return None
        extras = tuple(sorted(set(extras)))
    after = after.strip(" ")
    if after[:1] == "(" and after[-1:] == ")":
        after = after[1:-1].strip(" ")
        if not after:
            return None
    specifier = quick_specifier(after)
    marker = quick_marker(tail) if semicolon else ""
    if specifier is None or marker is None:
        return None
    return (name, extras, "", specifier, marker)


def quick_marker(text: str) -> str | None:
    """Return an ordinary marker in a plain form, None if unsure."""
    tokens = marker_tokens(text)
    if not tokens:
        return None
    depth = 0
    want = "operand"  # what may come next: operand, operator, other (second operand), joint
    previous = ""
    for kind, value in tokens:
        if kind == "(" and want == "operand":
            depth += 1
        elif kind == ")" and want == "joint" and depth:
            depth -= 1
        elif kind in ("variable", "literal") and want == "operand":
            want, previous = "operator", kind
        elif kind == "operator" and want == "operator":
            want = "other"
        elif kind in ("variable", "literal") and want == "other" and kind != previous:
            want = "joint"
        elif kind == "joint" and want == "joint":
            want = "operand"
        else:
            return None
        assert value
    if depth or want != "joint":
        return None
    return " ".join([value for _, value in tokens]).replace("( ", "(").replace(" )", ")")


def marker_tokens(text: str) -> list[tuple[str, str]]:
    """Return the tokens of a marker as kind and plain text, empty if one is not known."""
    tokens: list[tuple[str, str]] = []
    rest = text.strip(" ")
    while rest:
        char = rest[0]
        if char in "()":
            kind, value, size = char, char, 1
        elif char in "\"'":
            kind, value, size = literal(rest)
        elif char in "<>=!~":
            size = len(rest) - len(rest.lstrip("<>=!~"))
            kind, value = "operator" if rest[:size] in COMPARISONS else "", rest[:size]
        else:
            kind, value, size = word_token(rest)
        if not kind:
            return []
        tokens.append((kind, value))
        rest = rest[size:].lstrip(" ")
    return tokens


def literal(rest: str) -> tuple[str, str, int]:
    """Return kind, text in double quotes and size of the quoted text that *rest* begins with; no kind if unsure."""
    size = rest.find(rest[0], 1) + 1
    inside = rest[1 : size - 1]
    plain = size and inside.isprintable() and not any(odd in inside for odd in ('"', "\\", "( ", " )"))
    return "literal" if plain else "", f'"{inside}"', size


def word_token(rest: str) -> tuple[str, str, int]:
    """Return kind, plain text and size of the word that *rest* begins with; no kind for one that is not known."""
    size = len(rest) - len(rest.lstrip(ALNUM + "_"))
    word = rest[:size]
    kind = "variable" if word in VARIABLES else WORDS.get(word, "")
    if word == "not" and rest[3:4] == " " and rest[3:].lstrip(" ")[:2] == "in":
        size = len(rest) - len(rest[3:].lstrip(" ")) + 2
        kind, word = "operator", "not in"
    return kind if rest[size : size + 1] in AFTER_WORD else "", word, size
