"""What a wheel is by its meaning: files, tags, entry points and metadata, whatever backend wrote it.

Where backends write one thing in several ways, a function that is named for the rule brings them to one. There is
no rule for a single project.
"""

from __future__ import annotations

import re
import zipfile
from configparser import ConfigParser
from email import message_from_string
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.markers import Marker


def urls_said(said) -> dict[str, Any]:
    """Return ``urls`` of [project]; the older Home-page is one of them."""
    rows = [row.partition(",") for row in said.get_all("Project-URL") or []]
    urls = {label.strip(): url.strip() for label, _, url in rows}
    if said["Home-page"] and "homepage" not in {label.lower() for label in urls}:
        urls["Homepage"] = said["Home-page"]
    return {"urls": urls}


def words(text: str | None) -> set[str]:
    """Return keywords; older backends put blanks between them."""
    return {
        word.strip() for word in re.split("," if "," in (text or "") else r"\s+", text or "") if word.strip()
    }


class Wheel(NamedTuple):
    """What a wheel is, by meaning: *files* by name with their content (None for native code)."""

    files: dict[str, bytes | None]
    tags: set[tuple[str, ...]]
    purelib: str
    points: dict[str, dict[str, str]]
    metadata: dict[str, Any]
    old: bool  # from before PEP 639
    generator: str


# Each backend writes these its own way, or not at all: they are compared by meaning, or say nothing of the project.
OWN = {
    "RECORD",
    "WHEEL",
    "METADATA",
    "entry_points.txt",
    "top_level.txt",
    "zip-safe",
    "namespace_packages.txt",
    "scm_file_list.json",  # of setuptools-scm
    "scm_version.json",
}
NATIVE = (".so", ".pyd", ".dll", ".dylib")


def read_wheel(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as opened:
        found = {name: opened.read(name) for name in opened.namelist() if not name.endswith("/")}
    info = {name.partition("/")[2]: data for name, data in found.items() if ".dist-info/" in name}
    said = message_from_string(info["METADATA"].decode())
    wheel = message_from_string(info["WHEEL"].decode())
    return Wheel(
        files=files_meant(found, said),
        tags=tags_meant(wheel.get_all("Tag")),
        purelib=wheel["Root-Is-Purelib"].lower(),
        points=points(info.get("entry_points.txt", b"").decode()),
        metadata=meaning(said),
        old=before_pep_639(said),
        generator=wheel["Generator"].split()[0],
    )


def files_meant(found: dict[str, bytes], said) -> dict[str, bytes | None]:
    """Return the members by name, the folders of metadata without their version, less those that are `OWN`."""
    made = {}
    for name, data in found.items():
        plain = re.sub(r"^[^/]*\.(dist-info|data)/", r".\1/", name)
        if repairs_by_auditwheel(plain) or (
            plain.startswith(".dist-info/") and plain.partition("/")[2] in OWN
        ):
            continue
        made[license_place(plain, said)] = None if plain.endswith(NATIVE) else data
    return made


def repairs_by_auditwheel(name: str) -> bool:
    """Return whether a file was added to a finished wheel: libraries grafted, and the list of them."""
    return ".libs/" in name or "/.dylibs/" in name or name == ".dist-info/sboms/auditwheel.cdx.json"


def license_place(name: str, said) -> str:
    """Return the place of licence files by PEP 639, also for wheels from before it, which had them at the top."""
    file = name.removeprefix(".dist-info/").removeprefix("license_files/")
    old = before_pep_639(said) and name.startswith(".dist-info/") and "/" not in file
    return f".dist-info/licenses/{file}" if old else name


def before_pep_639(said) -> bool:
    """Return whether the metadata cannot say which licence files there are, and the licence only as a text."""
    return Version(said["Metadata-Version"]) < Version("2.4")


def tags_meant(tags: list[str]) -> set[tuple[str, ...]]:
    """Return tags in which the platform is system and machine alone: auditwheel and its kin say how old it may be."""
    found = set()
    for text in tags:
        for tag in parse_tag(text):
            platform = re.sub(
                r"^(?:many|musl)?linux(?:\d+|_\d+_\d+)?_|^macosx_\d+_\d+_", "any ", tag.platform
            )
            found.add((tag.interpreter, tag.abi, platform))
    return found


def points(text: str) -> dict[str, dict[str, str]]:
    parsed = ConfigParser(delimiters=("=",), interpolation=None)
    parsed.optionxform = str
    parsed.read_string(text)
    groups = {
        name: {key: value.replace(" ", "") for key, value in parsed[name].items()}
        for name in parsed.sections()
    }
    return {name: group for name, group in groups.items() if group}


def meaning(said) -> dict[str, Any]:
    return {
        "Name": said["Name"],
        "Version": Version(said["Version"]),
        "Summary": (said["Summary"] or "").strip(),
        "Author": people_meant(said, "Author"),
        "Maintainer": people_meant(said, "Maintainer"),
        "License": license_meant(said),
        "License-File": sorted(said.get_all("License-File") or []),
        "Keywords": words(said["Keywords"]),
        "Classifier": sorted(said.get_all("Classifier") or []),
        "Requires-Python": SpecifierSet(said["Requires-Python"] or ""),
        "Requires-Dist": requirements_meant(said),
        "Provides-Extra": {canonicalize_name(extra) for extra in said.get_all("Provides-Extra") or []},
        "Import-Name": sorted(said.get_all("Import-Name") or []),
        "Import-Namespace": sorted(said.get_all("Import-Namespace") or []),
        "Project-URL": {plain_label(label): url for label, url in urls_said(said)["urls"].items()},
        "Description-Content-Type": content_type(said),
        "body": said.get_payload().replace("\r\n", "\n").strip(),
    }


def people_meant(said, field: str) -> tuple[set[str], set[str]]:
    """Return names and addresses: some backends write them in one field, some in two."""
    names = {name.strip() for name in (said[field] or "").split(",")}
    found = getaddresses([said[f"{field}-email"] or ""])
    return (names | {name for name, _ in found}) - {""}, {email for _, email in found} - {""}


def license_meant(said) -> str:
    return " ".join((said["License-Expression"] or said["License"] or "").split())


def plain_label(label: str) -> str:
    """Return the label of a URL as PEP 753 compares labels: poetry-core writes some with a capital letter."""
    return re.sub(r"[\W_]", "", label).lower()


def content_type(said) -> tuple[str, ...]:
    """Return the kind of the readme; the default kind, charset and variant are the same said or not."""
    text = said["Description-Content-Type"] or ("text/x-rst" if said.get_payload().strip() else "")
    kind, *parameters = text.lower().replace(" ", "").replace('"', "").split(";")
    return (kind, *sorted(set(parameters) - {"charset=utf-8", "variant=gfm"}))


def requirements_meant(said) -> set[tuple[object, ...]]:
    """Return the requirements of the project and of each extra; one on an extra of itself is what that extra holds.

    hatchling writes what a requirement such as ``spam[fast]`` of spam stands for, others the requirement.
    """
    found = [Requirement(text) for text in said.get_all("Requires-Dist") or []]
    name = canonicalize_name(said["Name"])
    extras = {canonicalize_name(extra) for extra in said.get_all("Provides-Extra") or []}
    made: set[tuple[object, ...]] = set()
    for extra in ("", *sorted(extras)):
        made |= {(extra, *one) for one in held(found, name, extra, frozenset(), ())}
    return made


def held(found: list[Requirement], name: str, extra: str, markers: frozenset, above: tuple[str, ...]):
    """Yield what *extra* holds, with all conditions on the way to it."""
    for one in found:
        conditions = conditions_of(one.marker)
        own = {value for variable, _, value in conditions if variable == "extra"}
        if own != ({extra} - {""}):
            continue
        joined = markers | {condition for condition in conditions if condition[0] != "extra"}
        inner = sorted(map(canonicalize_name, one.extras))
        if canonicalize_name(one.name) == name and inner:
            for other in set(inner) - set(above):
                yield from held(found, name, other, joined, (*above, other))
        else:
            yield canonicalize_name(one.name), tuple(inner), one.specifier, one.url, joined


def conditions_of(marker: Marker | None) -> frozenset[tuple]:
    """Return a marker as conditions that must all hold, without the brackets that change nothing."""
    if marker is None:
        return frozenset()
    whole = condition(marker._markers)
    return whole[1] if whole[0] == "and" else frozenset([whole])


def condition(part) -> tuple:
    """Return a condition of one comparison, or of several: ``("and", CONDITIONS)``."""
    if isinstance(part, tuple):
        variable, operator, value = (getattr(one, "value", one) for one in part)
        return comparison(str(variable), str(operator), str(value))
    either, every = [], []
    for one in [*part, "or"]:
        if one == "or":
            either.append(joined("and", every))
            every = []
        elif one != "and":
            every.append(condition(one))
    return joined("or", either)


def joined(word: str, conditions: list[tuple]) -> tuple:
    flat = frozenset().union(*(one[1] if one[0] == word else [one] for one in conditions))
    return next(iter(flat)) if len(flat) == 1 else (word, flat)


def comparison(variable: str, operator: str, value: str) -> tuple[str, str, str]:
    """Return a comparison; uv_build writes ``python_full_version`` and ``sys_platform`` for what means the same."""
    if variable == "extra":
        return variable, operator, canonicalize_name(value)
    if variable == "python_full_version" and operator in ("<", ">=") and value.count(".") == 1:
        return "python_version", operator, value
    if (variable, value) == ("platform_system", "Windows"):
        return "sys_platform", operator, "win32"
    return variable, operator, value


def differences(ours: Wheel, theirs: Wheel) -> dict[str, tuple[object, object]]:
    """Return what two wheels do not share, by what it is: what ours has, what theirs has."""
    found: dict[str, tuple[object, object]] = {}
    names = ours.files.keys() ^ theirs.files.keys()
    if names:
        found["files"] = (sorted(names & ours.files.keys()), sorted(names & theirs.files.keys()))
    for name in sorted(ours.files.keys() & theirs.files.keys()):
        if ours.files[name] != theirs.files[name]:
            found[name] = (ours.files[name], theirs.files[name])
    for field in ("tags", "purelib", "points"):
        if getattr(ours, field) != getattr(theirs, field):
            found[field] = (getattr(ours, field), getattr(theirs, field))
    mine = as_written_by(theirs, ours.metadata)
    return found | {
        field: (mine[field], value) for field, value in theirs.metadata.items() if mine[field] != value
    }


def as_written_by(theirs: Wheel, mine: dict[str, Any]) -> dict[str, Any]:
    """Return *mine* with what the backend of a published wheel is known to leave out, or to add, for every project."""
    said = theirs.metadata
    made = dict(mine)
    if theirs.old:
        # License-File is a field of Metadata 2.4, and an expression had no place before it.
        made["License-File"] = said["License-File"]
        made["License"] = mine["License"] if said["License"] else ""
    if theirs.generator == "flit":
        # It never writes the older License, and derives Import-Name unasked.
        made["License"] = mine["License"] if said["License"] else ""
        made |= {field: mine[field] or said[field] for field in ("Import-Name", "Import-Namespace")}
    if theirs.generator == "poetry-core":
        # It writes the first person of each field alone, and a classifier for each Python.
        for field in ("Author", "Maintainer"):
            made[field] = tuple(some & every for some, every in zip(said[field], mine[field], strict=True))
        added = [text for text in said["Classifier"] if text.startswith("Programming Language :: Python")]
        made["Classifier"] = sorted({*mine["Classifier"], *added})
    return made
