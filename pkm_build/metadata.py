"""The texts of a ``.dist-info`` folder and of PKG-INFO, from a project whose fields are all known.

Source: Core metadata specifications; Entry points specification; Binary distribution format.
"""

from __future__ import annotations

from pkm_build.grammar import read_requirement, write_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pkm_build.people import Person
    from pkm_build.project import Project

# The quick writer's fields by the version that brought them; 2.1 is the floor, for the description as the body
# and Provides-Extra with PEP 508 requirements.
FLOOR = "2.1"
FIELD_VERSIONS = {
    "Dynamic": "2.2",
    "License-Expression": "2.4",
    "License-File": "2.4",
    "Import-Name": "2.5",
    "Import-Namespace": "2.5",
}
FIELDS_OF = {
    "readme": ("Description", "Description-Content-Type"),
    "description": ("Summary",),
    "requires-python": ("Requires-Python",),
    "license": ("License-Expression",),
    "license-files": ("License-File",),
    "authors": ("Author", "Author-email"),
    "maintainers": ("Maintainer", "Maintainer-email"),
    "keywords": ("Keywords",),
    "classifiers": ("Classifier",),
    "urls": ("Project-URL",),
    "dependencies": ("Requires-Dist",),
    "optional-dependencies": ("Provides-Extra", "Requires-Dist"),
    "import-names": ("Import-Name",),
    "import-namespaces": ("Import-Namespace",),
}
SPECIALS = '()<>@,:;.\\"[]'


def core_metadata(
    project: Project,
    version: str,
    license_files: Sequence[str],
    readme: tuple[str, str] | None,
    changing: Sequence[str] | None,
) -> str:
    """Return METADATA, or PKG-INFO with *changing*: the fields of the project that a wheel may give otherwise.

    *readme* is its text and content type. A PKG-INFO is of version 2.2 at least, so that a resolver may trust the
    fields that are not ``Dynamic``.
    """
    rows: list[tuple[str, str]] = [("Name", project.raw_name), ("Version", version)]
    rows += [("Dynamic", field) for field in dynamic_fields(changing or ())]
    if project.description:
        rows.append(("Summary", project.description.strip()))
    if project.keywords:
        rows.append(("Keywords", ",".join(project.keywords)))
    rows += person_rows("Author", project.authors)
    rows += person_rows("Maintainer", project.maintainers)
    if project.license_expression:
        rows.append(("License-Expression", project.license_expression))
    elif project.license_text:
        rows.append(("License", fold(project.license_text)))
    rows += [("License-File", path) for path in license_files]
    rows += [("Classifier", text) for text in project.classifiers]
    if project.requires_python:
        rows.append(("Requires-Python", project.requires_python))
    rows += [("Import-Name", name) for name in import_rows(project)]
    rows += [("Import-Namespace", name) for name in project.import_namespaces or ()]
    rows += [("Project-URL", f"{label}, {url}") for label, url in project.urls.items()]
    rows += requirement_rows(project)
    if readme and readme[1]:
        rows.append(("Description-Content-Type", readme[1]))
    lowest = metadata_version(rows, changing is not None, project)
    text = f"Metadata-Version: {lowest}\n" + "".join([f"{field}: {value}\n" for field, value in rows])
    return text + (f"\n{readme[0]}" if readme else "")


def metadata_version(rows: Iterable[tuple[str, str]], sdist: bool, project: Project) -> str:
    """Return the lowest version of the specification that knows all fields in *rows*."""
    versions = [FIELD_VERSIONS.get(field, FLOOR) for field, _ in rows]
    if sdist:
        versions.append("2.2")
        given = {"dependencies": project.dependencies, "optional-dependencies": project.optional_dependencies}
        given.update(classifiers=project.classifiers, keywords=project.keywords, urls=project.urls)
        if any(given.get(field) for field in project.dynamic):
            versions.append("2.6")  # PEP 808: a field both given and dynamic
    return max(versions)


def import_rows(project: Project) -> tuple[str, ...]:
    """Return the values of Import-Name; one empty value says that nothing can be imported."""
    if project.import_names is None:
        return ()
    return project.import_names or ("",)


def dynamic_fields(changing: Iterable[str]) -> list[str]:
    """Return the core metadata fields that the fields *changing* of the project fill, sorted."""
    return sorted({field for name in changing for field in FIELDS_OF.get(name, ())})


def person_rows(field: str, people: Sequence[Person]) -> list[tuple[str, str]]:
    """Return the rows of authors or maintainers: those with an address apart from those without."""
    names = ", ".join([name for name, email in people if not email])
    addresses = ", ".join(
        [f"{quote_name(name)} <{email}>" if name else email for name, email in people if email]
    )
    rows = [(field, names)] if names else []
    return [*rows, (f"{field}-email", addresses)] if addresses else rows


def quote_name(name: str) -> str:
    """Return a display name as RFC 5322 wants it, in quotes where it has special characters."""
    if any(char in SPECIALS for char in name):
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return name


def fold(text: str) -> str:
    """Return a text of several lines as one header: each line after the first is indented."""
    return "\n        ".join(text.strip().splitlines())


def requirement_rows(project: Project) -> list[tuple[str, str]]:
    """Return the rows of dependencies and extras, each extra's requirements after its name."""
    rows = [("Requires-Dist", plain_requirement(text)) for text in project.dependencies]
    for extra, texts in project.optional_dependencies.items():
        rows.append(("Provides-Extra", extra))
        marker = f'extra == "{extra}"'
        rows += [("Requires-Dist", plain_requirement(text, marker)) for text in texts]
    return rows


def plain_requirement(text: str, marker: str = "") -> str:
    """Return a requirement in a plain form, with *marker* joined to its own."""
    return write_requirement(read_requirement(text), marker)


def entry_points(project: Project) -> str:
    """Return entry_points.txt, "" without any."""
    groups = {"console_scripts": project.scripts, "gui_scripts": project.gui_scripts, **project.entry_points}
    blocks = []
    for group in sorted(groups):
        if groups[group]:
            lines = [f"{name} = {groups[group][name]}\n" for name in sorted(groups[group])]
            blocks.append(f"[{group}]\n" + "".join(lines))
    return "\n".join(blocks)


def wheel_file(tags: Sequence[str], purelib: bool, build: str, generator: str) -> str:
    """Return the WHEEL file for a wheel with these (expanded, sorted) tags."""
    text = f"Wheel-Version: 1.0\nGenerator: {generator}\nRoot-Is-Purelib: {str(purelib).lower()}\n"
    if build:
        text += f"Build: {build}\n"
    return text + "".join([f"Tag: {tag}\n" for tag in tags])
