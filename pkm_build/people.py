"""The descriptive fields of ``[project]``: readme, licence, people, classifiers, URLs.

Source: pyproject.toml specification; PEP 639 for licences; core metadata specification for classifiers and URLs.
"""

from __future__ import annotations

from pkm_build import grammar
from pkm_build.grammar import NotUnderstood
from pkm_build.tables import did_you_mean, kind_of, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.tables import Table

    Person = tuple[str, str]

README_TYPES = {".md": "text/markdown", ".rst": "text/x-rst", ".txt": "text/plain"}
CLASSIFIERS = (
    "Development Status",
    "Environment",
    "Framework",
    "Intended Audience",
    "License",
    "Natural Language",
    "Operating System",
    "Private",
    "Programming Language",
    "Topic",
    "Typing",
)
STATUSES = (
    "1 - Planning",
    "2 - Pre-Alpha",
    "3 - Alpha",
    "4 - Beta",
    "5 - Production/Stable",
    "6 - Mature",
    "7 - Inactive",
)
SECOND = {
    "License": ("OSI Approved", "Public Domain", "Other/Proprietary License", "Free For Educational Use"),
    "Operating System": ("OS Independent", "Microsoft", "POSIX", "MacOS", "Unix", "Android", "iOS"),
    "Programming Language": (
        "Python",
        "C",
        "C++",
        "Cython",
        "Rust",
        "JavaScript",
        "Java",
        "Fortran",
        "Other",
    ),
    "Typing": ("Typed", "Stubs Only"),
}
LABEL_LENGTH = 32
TELLING = 4  # letters of a classifier from which on a likeness tells: "R" and "PHP" resemble all
BESIDE_EXPRESSION = "is a licence classifier, and project.license has the expression"


def shown(text: str) -> str:
    """Return *text* in one printable line."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def check_path(table: Table, key: tuple[str | int, ...], path: str) -> bool:
    """Note a path that is absolute, leaves the project, or is not written with ``/``; True when it is fine."""
    parts = path.split("/")
    if not path or path[0] == "/" or path[1:2] == ":" or "\\" in path:
        table.fault(key, f'"{shown(path)}" must be a relative path with "/" between folders')
    elif ".." in parts:
        table.fault(key, f'"{shown(path)}" must not leave the project')
    elif not path.isprintable():
        table.fault(key, f'"{shown(path)}" has control characters')
    else:
        return True
    return False


def read_readme(table: Table) -> tuple[str | None, str | None, str | None]:
    """Return the readme's file, text and content type (its charset a parameter of it), None for what is not there."""
    value = table.raw("readme")
    if isinstance(value, str):
        fine = check_path(table, ("readme",), value)
        return (value, None, type_by_name(table, ("readme",), value)) if fine else (None, None, None)
    if value is not None and not isinstance(value, dict):
        table.fault("readme", f"must be a path or a table, not {kind_of(value)}")
        return None, None, None
    inner = table.table("readme")
    if inner is None:
        return None, None, None
    inner.refuse_unknown(("file", "text", "content-type", "charset"))
    file = inner.string("file")
    text = inner.string("text")
    if (file is None) == (text is None):
        table.fault("readme", 'needs either "file" or "text"')
        return None, None, None
    kind = inner.string("content-type")
    if file is not None and not check_path(inner, ("file",), file):
        return None, None, None
    if "content-type" not in inner.data:
        inner.fault("content-type", "is missing", hint_of_type(file))
    return file, text, check_content_type(inner, kind)


def hint_of_type(file: str | None) -> str:
    """Return what to write instead of a readme's table without content type, which PEP 621 forbids."""
    known = file is not None and file[file.rfind(".") :].lower() in README_TYPES
    return f'a path alone tells it: readme = "{file}"' if known else 'write content-type = "text/markdown"'


def check_content_type(inner: Table, kind: str | None) -> str | None:
    """Return the content type, with the charset of the table as its parameter."""
    charset = inner.string("charset") or charset_of(kind or "")
    if charset and not known_charset(charset):
        inner.fault(
            "charset" if "charset" in inner.data else "content-type", f'unknown charset "{shown(charset)}"'
        )
    if kind is None:
        return None
    base = kind.partition(";")[0].strip().lower()
    if base not in README_TYPES.values():
        inner.fault(
            "content-type",
            f'unknown content type "{shown(kind)}"',
            meant(base, README_TYPES.values(), "text/markdown, text/x-rst and text/plain are known"),
        )
    if not kind.isprintable():
        inner.fault("content-type", "has control characters")
    if "charset" in inner.data and "charset" not in kind.lower():
        return f"{kind}; charset={charset}"
    return kind


def charset_of(kind: str) -> str:
    """Return the charset parameter of a content type, "" where it has none."""
    for parameter in kind.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return ""


def known_charset(name: str) -> bool:
    """Return whether Python can read text in the charset."""
    try:
        return isinstance(b"".decode(name), str) and isinstance("".encode(name), bytes)
    except (LookupError, ValueError):
        return False


def type_by_name(table: Table, key: tuple[str | int, ...], path: str) -> str | None:
    """Return the content type that the suffix of a readme says, None (a fault) where it says none."""
    dot = path.rfind(".")
    kind = README_TYPES.get(path[dot:].lower()) if dot > path.rfind("/") else None
    if kind is None:
        table.fault(
            key,
            f'the kind of "{shown(path)}" is not known by its suffix',
            'write readme = { file = "...", content-type = "text/plain" }',
        )
    return kind


def read_license(table: Table) -> tuple[str | None, str | None, str | None]:
    """Return the licence: an SPDX expression, or text or file of the older table, None for what is not there."""
    expression = text = file = None
    value = table.raw("license")
    if isinstance(value, str):
        try:
            expression = grammar.read_licence(value)
        except NotUnderstood:
            hint = meant(value, grammar.LICENCES, "other texts can be named as LicenseRef-NAME")
            table.fault("license", f'"{shown(value)}" is no SPDX licence expression', hint)
    elif isinstance(value, dict):
        text, file = read_license_table(table)
    elif value is not None:
        table.fault("license", f"must be an SPDX expression, not {kind_of(value)}")
    if isinstance(value, dict) and "license-files" in table.data:
        table.fault(
            "license-files", 'can\'t stand beside a "license" table', "write the licence as an expression"
        )
    return expression, text, file


def read_license_files(table: Table) -> tuple[str, ...] | None:
    """Return the globs of licence files, None where the key is missing."""
    if "license-files" not in table.data:
        return None
    value = table.data["license-files"]
    table.strings("license-files")
    found = []
    for at, pattern in enumerate(value if isinstance(value, list) else ()):
        key = ("license-files", at)
        if isinstance(pattern, str) and check_path(table, key, pattern):
            check_license_glob(table, key, pattern)
            found.append(pattern)
    return tuple(found)


def read_license_table(table: Table) -> tuple[str | None, str | None]:
    """Return text and file of the older licence table."""
    inner = table.table("license")
    assert inner is not None
    inner.refuse_unknown(("text", "file"))
    text = inner.string("text")
    file = inner.string("file")
    if (text is None) == (file is None):
        table.fault("license", 'needs either "file" or "text"', 'better: an expression, as license = "MIT"')
    if file is not None and not check_path(inner, ("file",), file):
        file = None
    return text, file


def check_license_glob(table: Table, key: tuple[str | int, ...], pattern: str) -> None:
    """Hold a glob against the alphabet of PEP 639: letters, digits, ``_-. /``, ``*``, ``?``, ``[]``, ``**``."""
    for part in pattern.split("/"):
        if "**" in part and part != "**":
            table.fault(key, f'"{shown(pattern)}" is no valid glob', '"**" must stand alone between slashes')
            return
    if pattern.count("[") != pattern.count("]"):
        table.fault(key, f'"{shown(pattern)}" is no valid glob', "a bracket is not closed")


def read_people(table: Table, field: str) -> tuple[Person, ...]:
    """Return ``(name, email)`` of each, "" for what is not given."""
    found = []
    for inner in table.tables(field):
        inner.refuse_unknown(("name", "email"))
        name = inner.string("name") or ""
        email = inner.string("email") or ""
        if not name and not email:
            table.fault((field, int(inner.key[-1])), "needs a name or an email")
        if name and (not name.isprintable() or not name.strip()):
            inner.fault("name", f'"{shown(name)}" is no name of a person')
        if email and not is_email(email):
            inner.fault("email", f'"{shown(email)}" is no e-mail address')
        found.append((name.strip(), email.strip()))
    return tuple(found)


def is_email(text: str) -> bool:
    """Return whether *text* has the form ``local@domain`` without blanks or separators."""
    local, at, domain = text.rpartition("@")
    clean = text.isprintable() and not set(text) & set(' ,;<>()[]\\"\t')
    return bool(at) and clean and "@" not in local and bool(local) and all(domain.split("."))


def check_classifiers(classifiers: tuple[str, ...], table: Table) -> None:
    """Note classifiers of a wrong form, with an unknown first part, or of a licence beside an SPDX expression."""
    refuse_licences(classifiers, table)
    for at, text in enumerate(classifiers):
        parts = text.split(" :: ")
        key = ("classifiers", at)
        if (
            len(parts) == 1
            or not text.isprintable()
            or not all(part and part == part.strip() for part in parts)
        ):
            table.fault(
                key, f'"{shown(text)}" is no classifier', 'they look like "Programming Language :: Python"'
            )
        elif parts[0] not in CLASSIFIERS:
            table.fault(key, f'no classifier begins with "{parts[0]}"', meant(parts[0], CLASSIFIERS))
        elif parts[0] == "Development Status" and parts[1] not in STATUSES:
            table.fault(key, f'there is no status "{parts[1]}"', meant(parts[1], STATUSES))
        elif len(parts[1]) >= TELLING and parts[1] not in SECOND.get(parts[0], (parts[1],)):
            near = did_you_mean(parts[1], SECOND[parts[0]])
            if near and near[0] == parts[1][0]:
                table.fault(key, f'there is no classifier "{text}"', f'did you mean "{parts[0]} :: {near}"?')
        if text in classifiers[:at]:
            table.fault(key, f'"{shown(text)}" stands here twice')


def refuse_licences(classifiers: tuple[str, ...], table: Table) -> None:
    """Note licence classifiers where the licence is an SPDX expression.

    Source: PEP 639, "Deprecate license classifiers": build tools may raise an error then.
    """
    if isinstance(table.data.get("license"), str):
        for at, text in enumerate(classifiers):
            if text.startswith("License ::"):
                table.fault(("classifiers", at), BESIDE_EXPRESSION, "remove it (PEP 639)")


def read_urls(table: Table) -> dict[str, str]:
    """Return the URLs by label, in the order of the file."""
    found: dict[str, str] = {}
    inner = table.table("urls")
    for label in inner.data if inner else ():
        assert inner is not None
        url = inner.string(label)
        if "," in label or not label.isprintable() or not label.strip():
            inner.fault(label, f'"{shown(label)}" is no label for a URL', "no comma, not empty")
        elif len(label) > LABEL_LENGTH:
            inner.fault(label, f"a label has at most {LABEL_LENGTH} characters, this one {len(label)}")
        if url is None:
            continue
        if not is_url(url) and not lacks_scheme(url):
            inner.fault(label, f'"{shown(url)}" is no URL')
        found[label] = url.strip()
    return found


def lacks_scheme(text: str) -> bool:
    """Return whether *text* is a URL but for its scheme: other tools let that pass, indexes refuse it."""
    host = text.partition("/")[0]
    return "." in host and not set(host) & set(":@") and is_url(f"https://{text}")


def is_url(text: str) -> bool:
    """Return whether *text* has a scheme and a host (or an address, for mailto)."""
    scheme, colon, rest = text.strip().partition(":")
    if not colon or not text.isprintable() or " " in text.strip():
        return False
    if not scheme or scheme.strip(grammar.ALNUM + "+-.") or not scheme[0].isalpha():
        return False
    if scheme.lower() == "mailto":
        return is_email(rest)
    host = rest[2:].replace("?", "/").replace("#", "/").partition("/")[0]
    return rest.startswith("//") and bool(host) and host[:1] != "."
