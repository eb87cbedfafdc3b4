"""The text of ``pylock.toml``, written from a Lock.

Source: pylock.toml specification (PEP 751). The text is stable: one block for each entry, sorted,
no counters, no times of the run, no paths of the machine.
"""

from __future__ import annotations

from pkm_env.lock.lockfile import LOCK_VERSION
from pkm_env.lock.membership import environments_of, membership_marker
from pkm_env.model.environment import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pkm_env.lock.lockfile import Lock, LockedFile, LockedPackage, LockSection
    from pkm_env.model.distribution import Source
    from pkm_env.model.target import Target

FORMAT = 1
HEADER = "# The lock of this project, written by pkm: change pyproject.toml, then run `pkm lock`.\n"


def render(lock: Lock, targets: Mapping[str, tuple[Target, ...]]) -> str:
    """Return the text of *lock*; *targets* maps each section to its targets, in the section's order."""
    names = sorted(lock.sections)
    lines = [HEADER, f'lock-version = "{LOCK_VERSION}"']
    environments = environments_of(lock, targets)
    if environments:
        lines.append("environments = [")
        lines.extend(f"    {string(marker)}," for marker in environments)
        lines.append("]")
    if lock.requires_python:
        lines.append(f"requires-python = {string(lock.requires_python)}")
    lines.append(f"dependency-groups = {strings(names)}")
    if DEFAULT in names:
        lines.append(f"default-groups = {strings([DEFAULT])}")
    lines.append('created-by = "pkm"')
    if not lock.packages:
        lines.append("packages = []")
    memo: dict[tuple[tuple[str, int], ...], str] = {}
    conditions: dict[Any, str] = {}
    edges: dict[tuple[str, str], str] = {}
    for package in lock.packages:
        marker = memo.get(tuple(package.sections.items()))
        if marker is None:
            marker = membership_marker(package, lock, targets, conditions)
            memo[tuple(package.sections.items())] = marker
        lines.extend(package_lines(package, marker, edges))
    lines.extend(tool_lines(lock.sections.values()))
    return "\n".join(lines) + "\n"


def render_export(
    packages: Iterable[LockedPackage], markers: Mapping[tuple[Any, ...], str], lock: Lock
) -> str:
    """Return a pylock text without groups: *markers* maps the key of an entry to its condition."""
    lines = [f'lock-version = "{LOCK_VERSION}"']
    if lock.requires_python:
        lines.append(f"requires-python = {string(lock.requires_python)}")
    lines.append('created-by = "pkm"')
    held = tuple(packages)
    if not held:
        lines.append("packages = []")
    edges: dict[tuple[str, str], str] = {}
    for package in held:
        lines.extend(package_lines(package, markers.get(package.key, ""), edges))
    return "\n".join(lines) + "\n"


def package_lines(package: LockedPackage, marker: str, edges: dict[tuple[str, str], str]) -> list[str]:
    """Return the block of one entry, keys in the order of the specification; *edges* keeps lines for other entries."""
    lines = ["", "[[packages]]", f"name = {string(package.name)}"]
    if package.version:
        lines.append(f"version = {string(package.version)}")
    if marker:
        lines.append(f"marker = {string(marker)}")
    if package.requires:
        lines.append("dependencies = [")
        for edge in package.requires:
            line = edges.get(edge)
            if line is None:
                line = edges[edge] = f"    {dependency(*edge)},"
            lines.append(line)
        lines.append("]")
    if package.source is not None:
        lines.append(source_line(package.source))
    if package.index:
        lines.append(f"index = {string(package.index)}")
    if (sdist := package.sdist) is not None and package.source is None:
        lines.append(f"sdist = {file_table(sdist)}")
    if (wheels := package.wheels) and package.source is None:
        lines.append("wheels = [")
        lines.extend([f"    {file_table(wheel)}," for wheel in wheels])
        lines.append("]")
    return lines


def dependency(name: str, version: str) -> str:
    """Return the inline table of one edge."""
    tail = f", version = {string(version)}" if version else ""
    return f"{{ name = {string(name)}{tail} }}"


def source_line(source: Source) -> str:
    """Return the line ``directory = …``, ``archive = …`` or ``vcs = …``."""
    pairs = []
    if source.kind == "vcs":
        pairs.append(("type", string(source.vcs)))
    remote = "://" in source.location
    pairs.append(("url" if remote else "path", string(source.location)))
    if source.kind == "directory" and source.editable:
        pairs.append(("editable", "true"))
    if source.kind == "vcs":
        if source.revision:
            pairs.append(("requested-revision", string(source.revision)))
        pairs.append(("commit-id", string(source.commit)))
    if source.subdirectory:
        pairs.append(("subdirectory", string(source.subdirectory)))
    if source.kind == "archive":
        pairs.append(("hashes", hashes_table(source.hashes)))
    return f"{source.kind} = {{ {', '.join(f'{key} = {value}' for key, value in pairs)} }}"


def file_table(file: LockedFile) -> str:
    """Return the inline table of a wheel or an sdist."""
    sha256 = file.hashes.get("sha256", "")
    if (
        file.url
        and not file.path
        and file.upload_time
        and file.size is not None
        and sha256
        and len(file.hashes) == 1
    ):
        # So are nearly all: one look at all of its strings is enough.
        texts = f"{file.filename}{file.url}{sha256}"
        if texts.isprintable() and '"' not in texts and "\\" not in texts:
            return (
                f'{{ name = "{file.filename}", upload-time = {file.upload_time}, url = "{file.url}", '
                f'size = {file.size}, hashes = {{ sha256 = "{sha256}" }} }}'
            )
    pairs = [f"name = {string(file.filename)}"]
    if file.upload_time:
        pairs.append(f"upload-time = {file.upload_time}")
    if file.path:
        pairs.append(f"path = {string(file.path)}")
    elif file.url:
        pairs.append(f"url = {string(file.url)}")
    if file.size is not None:
        pairs.append(f"size = {file.size}")
    pairs.append(f"hashes = {hashes_table(file.hashes)}")
    return f"{{ {', '.join(pairs)} }}"


def hashes_table(hashes: Mapping[str, str]) -> str:
    """Return the inline table of digests, sorted by algorithm."""
    return "{ " + ", ".join(f"{name} = {string(hashes[name])}" for name in sorted(hashes)) + " }"


def tool_lines(sections: Iterable[LockSection]) -> list[str]:
    """Return the tables that say what each section was solved from."""
    lines = ["", "[tool.pkm]", f"format = {FORMAT}"]
    for section in sections:
        lines += ["", f"[tool.pkm.sections.{bare(section.name)}]", f"inputs = {string(section.inputs)}"]
        if section.content:
            lines.append(f"content = {string(section.content)}")
        lines.extend(f"{bare(key)} = {string(value)}" for key, value in sorted(section.options.items()))
        lines.append("targets = [")
        lines.extend(f"    {string(target)}," for target in section.targets)
        lines.append("]")
        if section.left_out:
            lines.append("left-out = [")
            lines.extend(
                f"    {{ target = {string(target)}, reason = {string(reason)} }},"
                for target, reason in section.left_out
            )
            lines.append("]")
    return lines


def bare(key: str) -> str:
    """Return a TOML key, quoted where it must be."""
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else string(key)


def strings(values: Iterable[str]) -> str:
    """Return a one-line TOML array."""
    return "[" + ", ".join(map(string, values)) + "]"


ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def string(value: str) -> str:
    """Return a TOML basic string."""
    if value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    quoted = "".join(
        ESCAPES.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in value
    )
    return f'"{quoted}"'
