"""Places: where folders, archives and repositories stand, as seen from the project's root and from the lock."""

from __future__ import annotations

import os
import sys
from _blake2 import blake2b

from pkm_build.errors import PkmError
from pkm_build.project import expand_group
from pkm_build.source import load
from pkm_build.tables import meant
from pkm_env.index.urls import local_path
from pkm_env.lock.freshness import metadata_digest
from pkm_env.model.distribution import Source, source_of_url, without_secrets
from pkm_env.model.requirements import parse_requirement
from pkm_env.workspace import PROJECT_FILE, native_inputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from pkm_build.project import Project
    from pkm_env.model.declaration import SourceRule
    from pkm_env.model.distribution import File
    from pkm_env.model.environment import Environment
    from pkm_env.workspace import Workspace

# What the metadata of a folder may come from.
METADATA_FILES = (PROJECT_FILE, "setup.cfg", "setup.py")


class Places:
    """What a project's rules say of places; *environ* tells which native modules it has."""

    __slots__ = ("_environ", "_projects", "_workspace")

    def __init__(self, workspace: Workspace, environ: Mapping[str, str]) -> None:
        self._workspace = workspace
        self._environ = environ
        self._projects: dict[str, Project | None] = {}

    # what names are bound to

    def index_bindings(self, environment: Environment) -> dict[str, str]:
        """Return the names that are bound to one index whatever the target; the others are ``bound_sources``."""
        rules: dict[str, SourceRule] = {}
        for rule in self._rules(environment):
            rules.setdefault(rule.name, rule)
        return {
            name: str(first.values["index"])
            for name, first in rules.items()
            if first.kind == "index" and not first.marker
        }

    def bound_sources(self, environment: Environment) -> dict[str, Any]:
        """Return what names are bound to beside indexes: a Source, or (marker, Source) pairs."""
        found: dict[str, list[tuple[str, Source | None]]] = {}
        always = self.index_bindings(environment)
        for rule in self._rules(environment):
            source = (
                Source("index", str(rule.values["index"])) if rule.kind == "index" else self.source_of(rule)
            )
            found.setdefault(rule.name, []).append((rule.marker, source))
        bound: dict[str, Any] = {
            name: pairs[0][1] if len(pairs) == 1 and not pairs[0][0] else tuple(pairs)
            for name, pairs in found.items()
            if name not in always
        }
        # The name of a member always means the member: no index can take its place.
        for member in self._workspace.members:
            if member.project.name not in found:
                bound[member.project.name] = member.folder
        return bound

    def known_names(self) -> dict[str, bool]:
        """Return every name that the workspace asks for, and whether it is bound to a place that is no index."""
        found = {parse_requirement(text).name: False for text in self._workspace.requirement_texts()}
        for owner in self._workspace.family:
            found.update((rule.name, rule.kind != "index") for rule in owner.declaration.sources)
        return {**found, **{member.project.name: True for member in self._workspace.members}}

    def source_of(self, rule: SourceRule) -> Source:
        """Return the place that a rule of ``[tool.pkm.sources]`` names, with a local one absolute.

        :raises PkmError: when there is no such member or nothing at this path.
        """
        match rule.kind:
            case "git":
                return repository(rule)
            case "url":
                return archive(rule)
            case "workspace":
                return self._member(rule)
        return self._local(rule)

    def _member(self, rule: SourceRule) -> Source:
        for member in self._workspace.members:
            if member.project.name == rule.name:
                editable = bool(rule.values.get("editable", True))
                return Source("directory", member.root, editable=editable)
        place = self._workspace.owner_of(rule).position((*rule.key, rule.kind))
        names = [member.project.name for member in self._workspace.members]
        raise PkmError(
            f'{place}: the workspace has no member "{rule.name}"',
            meant(
                rule.name,
                names,
                f"the members are {', '.join(names)}" if names else "name its folder as path",
            ),
        )

    def _local(self, rule: SourceRule) -> Source:
        values = rule.values
        owner = self._workspace.owner_of(rule)
        path = os.path.normpath(os.path.join(owner.root, str(values.get("path", ""))))
        if not os.path.exists(path):
            place = owner.position((*rule.key, rule.kind))
            raise PkmError(
                f'{place}: there is nothing at "{values.get("path")}"', "paths are relative to the project"
            )
        kind = "directory" if os.path.isdir(path) else "archive"
        editable = bool(values.get("editable", False)) and kind == "directory"
        source = Source(kind, path, subdirectory=str(values.get("subdirectory", "")), editable=editable)
        if kind == "directory" and not os.path.isdir(root_of(source)):
            place = owner.position((*rule.key, "subdirectory"))
            raise PkmError(f'{place}: there is no folder "{source.subdirectory}" in "{values.get("path")}"')
        return source

    def _rules(self, environment: Environment) -> Iterator[SourceRule]:
        """Yield the rules that hold for an environment, in their order.

        That the project itself is a member, which the workspace may say for the others, binds nothing in its own.
        """
        name = self._workspace.project.name
        for rule in self._workspace.declaration.sources:
            if rule.env in ("", environment.name) and (rule.kind, rule.name) != ("workspace", name):
                yield rule

    # what decides

    def path_digests(self, environment: Environment) -> list[tuple[str, str]]:
        """Return the names of path requirements with the digest of what their metadata comes from."""
        found = [
            (
                member.project.name,
                content_digest(texts_of(member)) if member.project.dynamic else member.digest,
            )
            for member in self._workspace.members
        ]
        return found + [(name, self._digest_of(source)) for name, source in self._local_sources(environment)]

    def watched_sources(self, environment: Environment) -> list[str]:
        """Return the files of the project and of editable folders that decide what is installed."""
        own = environment.project == "editable"
        found = native_inputs(self._workspace.root, self._environ) if own else []
        found += [
            path for member in self._workspace.members if member.project.dynamic for path in texts_of(member)
        ]
        return found + [
            path for _, source in self._local_sources(environment) for path in self._deciding(source)
        ]

    def _digest_of(self, source: Source) -> str:
        """Return the digest of what says what a local source is: of a folder its metadata, where that is static."""
        project = self._static(source)
        return metadata_digest(project) if project is not None else content_digest(self._deciding(source))

    def _deciding(self, source: Source) -> list[str]:
        """Return the files that say what a local source is."""
        if not os.path.isdir(source.location):
            return [source.location]
        names = METADATA_FILES if self._static(source) is None else (PROJECT_FILE,)
        return [os.path.join(root_of(source), name) for name in names]

    def _static(self, source: Source) -> Project | None:
        """Return the project in a folder of which pyproject.toml says all that its metadata holds, else None."""
        root = root_of(source)
        if root not in self._projects:
            self._projects[root] = static_project(root) if os.path.isdir(source.location) else None
        return self._projects[root]

    def _local_sources(self, environment: Environment) -> Iterator[tuple[str, Source]]:
        """Yield the name of each path requirement and its place.

        A requirement that has an address on this disk is one too; it stands for its own name.
        """
        for rule in self._rules(environment):
            if rule.kind == "path":
                yield rule.name, self.source_of(rule)
        project = self._workspace.project
        texts = [*project.dependencies, *(text for text, _ in environment.dependencies)]
        texts += [text for extra in project.optional_dependencies.values() for text in extra]
        texts += [text for name in environment.groups for text, _ in expand_group(project, name)]
        for text in dict.fromkeys(texts):
            if "file:" in text:
                source = source_of_url(parse_requirement(text).url)
                path = local_path(source.location, sys.platform)
                if path:
                    yield text, source.replaced(location=path)

    # as seen from the lock

    def relative_source(self, source: Source) -> Source:
        """Return a source with its local place as seen from the lock, with forward slashes."""
        if "://" in source.location:
            return source
        return source.replaced(location=self.from_lock(source.location))

    def absolute_source(self, source: Source) -> Source:
        """Return a locked source with its local place made absolute."""
        if "://" in source.location:
            return source
        return source.replaced(location=self.in_lock(source.location))

    def in_lock(self, path: str) -> str:
        """Return the absolute path of what the lock names relative to itself."""
        return os.path.normpath(os.path.join(self._workspace.lock_root, path))

    def from_lock(self, path: str) -> str:
        """Return a path as seen from the lock's folder.

        :raises PkmError: when it lies on another drive.
        """
        try:
            return os.path.relpath(path, self._workspace.lock_root).replace(os.sep, "/")
        except ValueError as error:
            raise PkmError(
                f"{path} lies on another drive than the project", "a lock holds relative paths"
            ) from error

    def from_root(self, folder: str) -> str:
        """Return the path that leads from *folder* to the project, with forward slashes."""
        return os.path.relpath(self._workspace.lock_root, folder).replace(os.sep, "/")

    def relative_path(self, file: File) -> str:
        """Return what the lock says of the place of a file in a folder of this machine, "" for one on a server.

        Only a folder that the project itself names is told; of another the name of the file stands alone.
        """
        if not file.path:
            return ""
        own = {index.name for index in self._workspace.declaration.indexes}
        return self.from_lock(file.path) if file.index in own else file.filename


def repository(rule: SourceRule) -> Source:
    """Return the git repository that a rule names, with the revision that it wishes."""
    values = rule.values
    revision = str(values.get("rev") or "")
    if values.get("tag"):
        revision = f"refs/tags/{values['tag']}"
    elif values.get("branch"):
        revision = f"refs/heads/{values['branch']}"
    below = str(values.get("subdirectory", ""))
    location = without_secrets(str(values["git"]))
    return Source("vcs", location, vcs="git", revision=revision, subdirectory=below)


def archive(rule: SourceRule) -> Source:
    """Return the archive that a rule names, with the digests that stand behind its address."""
    found = source_of_url(str(rule.values["url"]))
    return found.replaced(subdirectory=str(rule.values.get("subdirectory", "")) or found.subdirectory)


def root_of(source: Source) -> str:
    """Return the folder of a project that a source means."""
    return os.path.join(source.location, *filter(None, source.subdirectory.split("/")))


def texts_of(member: Workspace) -> list[str]:
    """Return the files that the metadata of a member may come from."""
    return [os.path.join(member.root, name) for name in METADATA_FILES]


def static_project(root: str) -> Project | None:
    """Return the project in a folder whose pyproject.toml says all that its metadata holds, else None."""
    try:
        source = load(root)
    except PkmError:
        return None
    project = source.project
    return None if source.faults or not project.name or not project.version or project.dynamic else project


def content_digest(paths: Iterable[str]) -> str:
    """Return the digest of what files hold; one that cannot be read holds nothing."""
    told = blake2b(digest_size=16)
    for path in paths:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            content = b""
        told.update(b"%d\n%b" % (len(content), content))
    return told.hexdigest()
