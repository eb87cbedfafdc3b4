"""Context: makes every object once, on its first use, and passes it on.

This is where the edges meet: a build gets its environment from resolve, supply and install without
knowing any of them.
"""

from __future__ import annotations

import os
import sys
import time
from _blake2 import blake2b

from pkm_build import __version__
from pkm_build.errors import PkmError
from pkm_build.project import expand_group
from pkm_env import stamp
from pkm_env.config import Settings, configured_indexes, read_user_config, user_config_path
from pkm_env.config import Switches as Switches  # noqa: PLC0414 - what the command line hands over with a context
from pkm_env.files import write_atomic
from pkm_env.lock.lockfile import LOCK_VERSION, Lock
from pkm_env.model.distribution import Source, Unavailable
from pkm_env.model.options import SPAN_DAYS, is_span, normalise
from pkm_env.workspace import NoProject, find_root, native_inputs, parse_lock, read_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_build.tables import Table
    from pkm_env.build.frontend import BuildFrontend
    from pkm_env.build.vcs import Git
    from pkm_env.builder import DistributionBuilder
    from pkm_env.cache.memory import StoredMemory
    from pkm_env.cache.store import Store
    from pkm_env.cache.zips import Limits as WheelLimits
    from pkm_env.files import FileLock
    from pkm_env.index.auth import Credentials
    from pkm_env.index.client import IndexClient
    from pkm_env.index.crew import Crew
    from pkm_env.index.defaults import PipSettings
    from pkm_env.index.spec import IndexSpec
    from pkm_env.lock.lockfile import LockedFile
    from pkm_env.model.declaration import SourceRule
    from pkm_env.model.distribution import File
    from pkm_env.model.environment import Environment
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Releases, Reporter
    from pkm_env.model.target import Target
    from pkm_env.provision import Provision, Wanted
    from pkm_env.python.find import Finder
    from pkm_env.supply import Supply
    from pkm_env.workspace import Workspace

    Placed = tuple[tuple[str, tuple[str | int, ...]], ...]
LOCK_KIND = "lock-2"
# Digests that may stand behind the address of an archive, as in "https://files.example/pea-1.0.tar.gz#sha256=…".
CHECKED_HASHES = frozenset(("sha256", "sha384", "sha512"))


class DynamicUnknown(PkmError):
    """The project's dependencies are dynamic, and its backend does not give them."""


class Context:
    """All that a command works with. Everything is made when it is first asked for."""

    def __init__(
        self, folder: str, environ: Mapping[str, str], reporter: Reporter, switches: Switches
    ) -> None:
        self.folder = folder
        self.environ = environ
        self.reporter = reporter
        self.switches = switches
        self._workspace: Workspace | None = None
        self._kin: dict[str, Context] = {}
        self._settings: Settings | None = None
        self._user: Table | None = None
        self._store: Store | None = None
        self._memory: StoredMemory | None = None
        self._supplies: dict[tuple[str, str], Supply] = {}
        self._indexes: tuple[IndexSpec, ...] | None = None
        self._network: tuple[IndexClient, Crew] | None = None
        self._credentials: Credentials | None = None
        self._pip: PipSettings | None = None
        self._git: Git | None = None
        self._finder: Finder | None = None
        self._frontends: dict[str, BuildFrontend] = {}
        self._told_version = False
        # What the lock holds for building a package with an interpreter, while an environment is synced.
        self.locked_build: Callable[[str, Interpreter], Sequence[Wanted] | None] | None = None
        # The interpreter that builds while an environment is synced; None for pkm's own.
        self.build_python: Interpreter | None = None
        self.now_s = time.time()
        self.refresh: bool | frozenset[str] = frozenset()
        # Cut-off times by environment, where they are not counted from now.
        self.cut_offs: dict[str, dict[str, str | None]] = {}
        # What resolvers were asked and answered, by section, where that is recorded.
        self.problems: dict[str, dict[str, Any]] = {}
        self._requirements: tuple[Placed, dict[str, Placed]] | None = None

    @property
    def workspace(self) -> Workspace:
        """The project that the folder belongs to."""
        if self._workspace is None:
            self._workspace = read_workspace(find_root(self.folder))
        return self._workspace

    def of(self, workspace: Workspace) -> Context:
        """Return the context of another project of the workspace; cache and settings are shared."""
        if workspace is self.workspace:
            return self
        if workspace.root not in self._kin:
            kin = Context(workspace.root, self.environ, self.reporter, self.switches)
            kin._workspace = workspace
            kin._user = self.user
            kin._settings = self.settings
            kin._store = self.store
            kin._memory = self.memory
            kin.now_s = self.now_s
            kin.problems = self.problems
            kin._supplies = self._supplies if kin.indexes == self.indexes else {}
            self._kin[workspace.root] = kin
        self._kin[workspace.root].refresh = self.refresh
        return self._kin[workspace.root]

    @property
    def user(self) -> Table:
        """The user's configuration."""
        if self._user is None:
            self._user = read_user_config(user_config_path(self.environ))
        return self._user

    @property
    def settings(self) -> Settings:
        """The merged settings."""
        if self._settings is None:
            self._settings = Settings(self.environ, self.switches, self.user)
        return self._settings

    @property
    def store(self) -> Store:
        """The cache's folder."""
        if self._store is None:
            from pkm_env.cache.store import Store

            self._store = Store(self.settings.cache_dir, self.reporter.warn)
        return self._store

    @property
    def memory(self) -> StoredMemory:
        """What was derived once."""
        if self._memory is None:
            from pkm_env.cache.memory import StoredMemory

            self._memory = StoredMemory(self.store)
        return self._memory

    # the lock

    def parsed_lock(self, text: str) -> Lock:
        """Return the lock of a text; a text that was parsed before is not parsed again.

        :raises BadLock: when it breaks its specification.
        """
        key = blake2b(text.encode(), digest_size=16).hexdigest()
        plain = self.memory.recall(LOCK_KIND, key)
        if plain is not None:
            lock = Lock.from_plain(plain)
        else:
            lock = parse_lock(text)
            self.memory.remember(LOCK_KIND, key, lock.to_plain())
        if lock.version != LOCK_VERSION and not self._told_version:
            self._told_version = True
            self.reporter.warn(
                f'pylock.toml has lock-version "{lock.version}", which is later than what this pkm knows'
                f" ({LOCK_VERSION}); what it adds is not honoured"
            )
        return lock

    def remember_lock(self, text: str, lock: Lock) -> None:
        """Keep the lock of a text that was just written."""
        key = blake2b(text.encode(), digest_size=16).hexdigest()
        self.memory.remember(LOCK_KIND, key, lock.to_plain())

    def both_texts(self, path: str) -> tuple[str, str] | None:
        """Return our text and theirs of a file that git found a conflict in, None where git has them not."""
        from pkm_env.build.git import GitMissing, GitProgram

        git = GitProgram(self.environ)
        folder, name = os.path.split(path)
        try:
            done = [git.run(["show", f":{stage}:./{name}"], cwd=folder) for stage in (2, 3)]
        except GitMissing:
            return None
        return (done[0].stdout, done[1].stdout) if not any(one.returncode for one in done) else None

    # what the project asks for

    def project_requirements(self) -> tuple[Placed, dict[str, Placed]]:
        """Return the project's requirements and those of its extras, each with its key path.

        Where they are dynamic, the build backend is asked.

        :raises DynamicUnknown: when it does not answer.
        """
        if self._requirements is None:
            project = self.workspace.project
            dynamic = {"dependencies", "optional-dependencies"} & set(project.dynamic)
            self._requirements = self._asked_requirements() if dynamic else self._written_requirements()
        return self._requirements

    def _written_requirements(self) -> tuple[Placed, dict[str, Placed]]:
        project = self.workspace.project
        data = self.workspace.source.data.get("project", {})
        raw_names = {normalise(raw): raw for raw in data.get("optional-dependencies", {})}
        extras: dict[str, Placed] = {
            name: tuple(
                (text, ("project", "optional-dependencies", raw_names.get(name, name), at))
                for at, text in enumerate(texts)
            )
            for name, texts in project.optional_dependencies.items()
        }
        required = tuple(
            (text, ("project", "dependencies", at)) for at, text in enumerate(project.dependencies)
        )
        return required, extras

    def _asked_requirements(self) -> tuple[Placed, dict[str, Placed]]:
        project = self.workspace.project
        source = Source("directory", self.workspace.root)
        found = self.supply(self.workspace.environments[0]).direct(project.name, source)
        if isinstance(found, Unavailable):
            raise DynamicUnknown(
                f"the dependencies of {project.raw_name} are dynamic, and its build backend does not give them:"
                f" {found.reason}",
                found.hint,
            )
        place = ("project", "dynamic")
        required: list[tuple[str, tuple[str | int, ...]]] = []
        extras: dict[str, Placed] = dict.fromkeys(found[1].extras, ())
        for text in found[1].requires:
            plain, extra = without_extra(text)
            if extra in extras:
                extras[extra] = (*extras[extra], (plain, place))
            else:
                required.append((text, place))
        return tuple(required), extras

    def asked_texts(self, environment: Environment) -> Iterable[str]:
        """Yield the requirements that an environment itself asks for."""
        yield from (text for text, _ in self.asked(environment))

    def asked(self, environment: Environment) -> list[tuple[str, tuple[str | int, ...]]]:
        """Return what an environment itself asks for, with key paths: project, extras, groups, its own."""
        found: list[tuple[str, tuple[str | int, ...]]] = []
        if environment.project != "none":
            required, extras = self.project_requirements()
            found += required
            for extra in environment.extras:
                found += extras.get(extra, ())
        for group in environment.groups:
            found += expand_group(self.workspace.project, group)
        return [*found, *environment.dependencies]

    def placed_requirements(self, environment: Environment) -> Iterable[tuple[str, str, str]]:
        """Yield who asks, the requirement, and where it stands, for each requirement of an environment."""
        who = self.workspace.project.raw_name or "the project"
        for text, key in self.asked(environment):
            yield who, text, "" if key == ("project", "dynamic") else self.workspace.position(key)

    # places

    def bound_sources(self, environment: Environment) -> dict[str, Any]:
        """Return what names are bound to beside indexes: a Source, or (marker, Source) pairs."""
        found: dict[str, list[tuple[str, Source | None]]] = {}
        always = self.index_bindings(environment)
        for rule in self.workspace.declaration.sources:
            if rule.env in ("", environment.name):
                source = (
                    Source("index", str(rule.values["index"]))
                    if rule.kind == "index"
                    else self.source_of(rule)
                )
                found.setdefault(rule.name, []).append((rule.marker, source))
        bound: dict[str, Any] = {
            name: pairs[0][1] if len(pairs) == 1 and not pairs[0][0] else tuple(pairs)
            for name, pairs in found.items()
            if name not in always
        }
        # The name of a member always means the member: no index can take its place.
        for member in self.workspace.members:
            if member.project.name not in found:
                bound[member.project.name] = Source("directory", member.root, editable=True)
        return bound

    def source_of(self, rule: SourceRule) -> Source:
        """Return the place that a rule of ``[tool.pkm.sources]`` names."""
        values = rule.values
        subdirectory = str(values.get("subdirectory", ""))
        if rule.kind == "git":
            revision = str(values.get("rev") or "")
            if values.get("tag"):
                revision = f"refs/tags/{values['tag']}"
            elif values.get("branch"):
                revision = f"refs/heads/{values['branch']}"
            return Source("vcs", str(values["git"]), vcs="git", revision=revision, subdirectory=subdirectory)
        if rule.kind == "url":
            address, _hash, fragment = str(values["url"]).partition("#")
            fields = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
            hashes = {name: value for name, value in fields.items() if name in CHECKED_HASHES}
            below = subdirectory or fields.get("subdirectory", "")
            return Source("archive", address, subdirectory=below, hashes=hashes)
        if rule.kind == "workspace":
            for member in self.workspace.members:
                if member.project.name == rule.name:
                    return Source("directory", member.root, editable=bool(values.get("editable", True)))
            place = self.workspace.position((*rule.key, rule.kind))
            raise PkmError(f'{place}: the workspace has no member "{rule.name}"')
        path = os.path.normpath(os.path.join(self.workspace.root, str(values.get("path", ""))))
        if not os.path.exists(path):
            place = self.workspace.position((*rule.key, rule.kind))
            raise PkmError(
                f'{place}: there is nothing at "{values.get("path")}"', "paths are relative to the project"
            )
        kind = "directory" if os.path.isdir(path) else "archive"
        editable = bool(values.get("editable", False)) and kind == "directory"
        return Source(kind, path, subdirectory=subdirectory, editable=editable)

    def path_digests(self, environment: Environment) -> list[tuple[str, str]]:
        """Return the names of path requirements with the digest of what their metadata comes from."""
        found = [
            (
                member.project.name,
                blake2b(repr(member.project.to_plain()).encode(), digest_size=16).hexdigest(),
            )
            for member in self.workspace.members
        ]
        for rule in self.workspace.declaration.sources:
            if rule.kind == "path" and rule.env in ("", environment.name):
                location = self.source_of(rule).location
                named = os.path.join(location, "pyproject.toml") if os.path.isdir(location) else location
                found.append((rule.name, content_digest(named)))
        return found

    def relative_source(self, source: Source) -> Source:
        """Return a source with its local place as seen from the lock, with forward slashes."""
        if "://" in source.location:
            return source
        return source.replaced(location=self.from_lock(source.location))

    def absolute_source(self, source: Source) -> Source:
        """Return a locked source with its local place made absolute."""
        if "://" in source.location:
            return source
        return source.replaced(
            location=os.path.normpath(os.path.join(self.workspace.lock_root, source.location))
        )

    def from_lock(self, path: str) -> str:
        """Return a path as seen from the lock's folder.

        :raises PkmError: when it lies on another drive.
        """
        try:
            return os.path.relpath(path, self.workspace.lock_root).replace(os.sep, "/")
        except ValueError as error:
            raise PkmError(
                f"{path} lies on another drive than the project", "a lock holds relative paths"
            ) from error

    def from_root(self, folder: str) -> str:
        """Return the path that leads from *folder* to the project, with forward slashes."""
        return os.path.relpath(self.workspace.lock_root, folder).replace(os.sep, "/")

    def relative_path(self, file: File) -> str:
        """Return what the lock says of the place of a file in a folder of this machine, "" for one on a server.

        Only a folder that the project itself names is told; of another the name of the file stands alone.
        """
        if not file.path:
            return ""
        own = {index.name for index in self.workspace.declaration.indexes}
        return self.from_lock(file.path) if file.index in own else file.filename

    def local_file(self, name: str, version: str, file: LockedFile) -> str:
        """Return the absolute path of a locked file in a folder, "" for one on a server."""
        if not file.path:
            return ""
        path = os.path.normpath(os.path.join(self.workspace.lock_root, file.path))
        if os.path.exists(path):
            return path
        listing = self.supply(self.workspace.environments[0]).listing(name)
        if not isinstance(listing, Unavailable):
            for listed in listing.files(version):
                if listed.filename == file.filename and listed.path:
                    return listed.path
        return path

    def index_url(self, name: str) -> str:
        """Return the address of the index of this name without credentials, "" for a folder."""
        from pkm_env.index.urls import public_url

        for index in self.indexes:
            if index.name == name:
                return (
                    public_url(index.url) if "://" in index.url and not index.url.startswith("file:") else ""
                )
        return ""

    def hashes_of(self, file: File) -> dict[str, str]:
        """Return the digests of a file for which the index gives none."""
        return self.supply(self.workspace.environments[0]).provision.hashes(file)

    def build_tables(self, root: str) -> str:
        """Return a digest of what a folder's pyproject.toml says of its build, "" where it has none."""
        from pkm_build.source import load

        if not os.path.isfile(os.path.join(root, "pyproject.toml")):
            return ""
        data = load(root).data
        told = (data.get("build-system"), data.get("tool", {}).get("pkm", {}).get("build"))
        return blake2b(repr(told).encode(), digest_size=16).hexdigest()

    def tree_digest(self, root: str) -> str:
        """Return the digest of all that a source tree holds."""
        from pkm_env.build.key import tree_digest

        return tree_digest(root)

    def directory_version(self, name: str, source: Source) -> str:
        """Return the version that a folder says it has now.

        :raises PkmError: when its backend does not say.
        """
        for owner in self.workspace.family:
            if owner.root == source.location and owner.project.name == name and owner.project.version:
                return owner.project.version
        found = self.supply(self.workspace.environments[0], self.build_python).direct(name, source)
        if isinstance(found, Unavailable):
            raise PkmError(f"the version of {name} cannot be told: {found.reason}", found.hint)
        return found[1].version

    # the network, the supply, builds

    @property
    def indexes(self) -> tuple[IndexSpec, ...]:
        """The indexes in the order in which they are asked."""
        if self._indexes is None:
            self._indexes = self._configured_indexes()
        return self._indexes

    def known_indexes(self) -> tuple[IndexSpec, ...]:
        """Return the configured indexes, those of the project too where there is one."""
        try:
            return self.indexes if self.workspace else ()
        except NoProject:
            return self.indexes

    def _configured_indexes(self) -> tuple[IndexSpec, ...]:
        declaration = self.workspace.declaration if self._workspace is not None else None
        named, default = configured_indexes(declaration, self.environ, self.switches, self.user)
        if default is not None:
            return (*named, default)
        return (*named, *self._machine_indexes())

    def _machine_indexes(self) -> tuple[IndexSpec, ...]:
        """Return what pip is configured with, and the default index; asked where pkm is told no default one.

        :raises PkmError: when no default index is known.
        """
        from pkm_env.index.defaults import built_in_index, library_path, pip_indexes

        pip = self.pip_settings
        places, default = pip_indexes(pip, self.folder)
        if pip.no_index:
            return places
        default = default or built_in_index(library_path())
        if default is None:
            raise PkmError(
                "no package index is configured", "name one with PKM_INDEX_URL or [[tool.pkm.index]]"
            )
        return (*places, default)

    def tell_indexes(self) -> None:
        """Tell which places of pip's configuration are asked before the default index."""
        if origins := dict.fromkeys(index.origin for index in self.indexes if index.from_pip):
            shown = ", ".join(origins)
            self.reporter.note(f"what pip's configuration names ({shown}) is asked before the default index")

    @property
    def pip_settings(self) -> PipSettings:
        """What pip is configured with, as far as it tells of indexes."""
        if self._pip is None:
            from pkm_env.index.defaults import pip_files, read_pip_settings

            files = pip_files(self.environ, home(self.environ), sys.prefix, sys.platform)
            self._pip = read_pip_settings(files, self.environ, self.memory)
        return self._pip

    def supply(self, environment: Environment, interpreter: Interpreter | None = None) -> Supply:
        """Return the supply of an environment; builds are made by *interpreter*, by default pkm's own."""
        return self._supply(environment, self.index_bindings(environment), interpreter)

    def index_bindings(self, environment: Environment) -> dict[str, str]:
        """Return the names that are bound to one index whatever the target; the others are ``bound_sources``."""
        rules: dict[str, list[SourceRule]] = {}
        for rule in self.workspace.declaration.sources:
            if rule.env in ("", environment.name):
                rules.setdefault(rule.name, []).append(rule)
        return {
            name: str(first.values["index"])
            for name, (first, *_others) in rules.items()
            if first.kind == "index" and not first.marker
        }

    def releases(self, environment: Environment) -> Releases:
        """Return what the resolver asks for an environment: its supply, and others for names bound by marker."""
        plain = self.supply(environment)
        bound = self.bound_sources(environment)
        marked = [pairs for pairs in bound.values() if isinstance(pairs, tuple)]
        if not any(source is not None and source.kind == "index" for pairs in marked for _, source in pairs):
            return plain
        from pkm_env.supply.bound import BoundReleases

        usual = self.index_bindings(environment)
        return BoundReleases(plain, lambda name, index: self._supply(environment, {**usual, name: index}))

    def _supply(
        self, environment: Environment, bindings: Mapping[str, str], interpreter: Interpreter | None = None
    ) -> Supply:
        times = self.cut_offs.get(environment.name)
        if times is None:
            times = cutoffs(environment.options.exclude_newer, self.now_s)
        # Environments with the same answers share one supply, and all that it has read.
        key = (
            repr((sorted(bindings.items()), sorted(times.items()))),
            interpreter.path if interpreter else "",
        )
        if key not in self._supplies:
            self._supplies[key] = self.new_supply(bindings, times, interpreter)
        return self._supplies[key]

    def new_supply(
        self,
        bindings: Mapping[str, str],
        exclude_newer: Mapping[str, str | None],
        interpreter: Interpreter | None,
    ) -> Supply:
        """Return a supply over the configured indexes."""
        from pkm_env.cache.pages import MetadataCache, PageCache
        from pkm_env.supply import Supply

        def provision() -> Provision:
            from pkm_env.cache.wheels import WheelCache
            from pkm_env.provision import Provision

            return Provision(
                WheelCache(self.store, self.wheel_limits()),
                lambda: supply.network,
                self.memory,
                builder=lambda: self.builder(interpreter),
                checkout=self.checkout,
                listing=supply.listing,
                offline=self.settings.offline,
            )

        supply = Supply(
            self.indexes,
            PageCache(self.store),
            MetadataCache(self.store),
            self.connect,
            self.reporter,
            now_s=self.now_s,
            provision=provision,
            bindings=bindings,
            exclude_newer=exclude_newer,
            offline=self.settings.offline,
            refresh=self.refresh,
        )
        return supply

    @property
    def credentials(self) -> Credentials:
        """What is known of users and passwords, each for its server."""
        if self._credentials is None:
            from pkm_env.index.auth import Credentials, asked_after_refusal

            netrc = self.environ.get("NETRC") or os.path.join(home(self.environ), ".netrc")
            further = asked_after_refusal(self.settings.credential_helper)
            self._credentials = Credentials(self.indexes, self.environ, netrc=netrc, further=further)
        return self._credentials

    def connect(self) -> tuple[IndexClient, Crew]:
        """Return a client of the network and the threads that wait for it; one for the whole run."""
        if self._network is None:
            from pkm_env.index.client import IndexClient
            from pkm_env.index.crew import Crew
            from pkm_env.index.http import Certificates, Http
            from pkm_env.index.proxy import Proxies

            environ = self.environ
            http = Http(
                self.credentials,
                timeout_s=self.settings.http_timeout_s,
                proxies=Proxies(environ, self.pip_settings.proxy),
                certificates=Certificates(
                    environ.get("SSL_CERT_FILE") or self.pip_settings.cert, environ.get("SSL_CERT_DIR", "")
                ),
                user_agent=f"pkm/{__version__}",
                offline=self.settings.offline,
            )
            self._network = (IndexClient(http), Crew())
        return self._network

    def wheel_limits(self) -> WheelLimits | None:
        """Return how much a wheel may hold, None where nothing of that is set."""
        told = self.set_limits({"wheel-files": "entries", "wheel-size": "size_bytes", "wheel-ratio": "ratio"})
        if not told:
            return None
        from pkm_env.cache.zips import Limits

        return Limits(**told)

    def set_limits(self, fields: Mapping[str, str]) -> dict[str, int]:
        """Return those of the limits *fields* (name -> field) that are set, by their fields."""
        told = self.settings.limits
        return {field: told[name] for name, field in fields.items() if name in told}

    def checkout(self, source: Source) -> tuple[Source, str]:
        """Return a repository's commit and its folder in the cache."""
        if self._git is None:
            from pkm_env.build.vcs import Git

            self._git = Git(
                self.settings.cache_dir,
                environ=self.environ,
                credentials=self.credentials.pair,
                offline=self.settings.offline,
                warn=self.reporter.warn,
            )
        return self._git.checkout(source)

    def stop(self) -> None:
        """End what still runs for this command: builds in other threads do not see an interrupt."""
        for frontend in self._frontends.values():
            frontend.stop()

    def builder(self, interpreter: Interpreter | None) -> DistributionBuilder:
        """Return what builds for *interpreter*, by default the one that runs pkm."""
        from pkm_env.build.sdist import Limits
        from pkm_env.builder import DistributionBuilder

        def chosen() -> Interpreter:
            return interpreter if interpreter is not None else self.own_interpreter

        return DistributionBuilder(
            lambda: self.frontend(chosen()),
            chosen,
            os.path.join(self.settings.cache_dir, "work"),
            own_root=self.workspace.root,
            locked=lambda package: self.locked_names(package, chosen()),
            constraints=self.workspace.declaration.options.build_constraints,
            limits=Limits(**self.set_limits({"sdist-size": "total_bytes", "sdist-files": "members"})),
            at_once=self.settings.limits.get("builds", 0),
        )

    def locked_for(self, package: str, interpreter: Interpreter) -> Sequence[Wanted] | None:
        """Return what the lock holds for building a package, None where that is not locked."""
        return self.locked_build(package, interpreter) if self.locked_build is not None else None

    def locked_names(self, package: str, interpreter: Interpreter) -> Sequence[str]:
        """Return the same as texts that tell one solution from another."""
        found = self.locked_for(package, interpreter) or ()
        return [f"{item.name} {item.version} {sorted(item.hashes.items())}" for item in found]

    def frontend(self, interpreter: Interpreter) -> BuildFrontend:
        """Return what runs build backends with *interpreter*."""
        if interpreter.path not in self._frontends:
            from pkm_env.build.frontend import BuildFrontend
            from pkm_env.build.request import Limits
            from pkm_env.isolation import BuildEnvironments

            constraints = self.workspace.declaration.options.build_constraints
            environments = BuildEnvironments(
                self.store.path("builds-1"),
                lambda: interpreter,
                lambda: self.build_supply(interpreter),
                self.memory,
                self.reporter,
                constraints=constraints,
                locked=lambda package: self.locked_for(package, interpreter),
            )
            self._frontends[interpreter.path] = BuildFrontend(
                environments,
                environ=self.environ,
                work=os.path.join(self.settings.cache_dir, "work"),
                logs=os.path.join(self.workspace.root, ".pkm", "logs"),
                shown_from=self.workspace.root,
                warn=self.reporter.warn,
                limits=Limits(**self.set_limits({"build-time": "timeout_s", "build-output": "output_bytes"})),
            )
        return self._frontends[interpreter.path]

    def build_supply(self, interpreter: Interpreter) -> Supply:
        """Return the supply that build requirements come from, by the project's rules for all environments."""
        key = ("", interpreter.path)
        if key not in self._supplies:
            declaration = self.workspace.declaration
            bindings = {
                rule.name: str(rule.values["index"])
                for rule in declaration.sources
                if rule.kind == "index" and not rule.env and not rule.marker
            }
            times = cutoffs(declaration.options.exclude_newer, self.now_s)
            self._supplies[key] = self.new_supply(bindings, times, interpreter)
        return self._supplies[key]

    # interpreters

    @property
    def finder(self) -> Finder:
        """What looks for Pythons on this machine."""
        if self._finder is None:
            from pkm_env.python.find import Finder

            self._finder = Finder(self.environ, home(self.environ), self.memory, own=sys.executable)
        return self._finder

    @property
    def own_interpreter(self) -> Interpreter:
        """The interpreter that runs pkm."""
        found = self.probed(sys.executable)
        if found is None:
            raise PkmError("the interpreter that runs pkm cannot be asked about itself")
        return found

    def probed(self, path: str) -> Interpreter | None:
        """Return what is known of the interpreter at *path*, None when it does not answer."""
        from pkm_env.python.probe import probe

        found = probe(path, self.memory)
        return None if isinstance(found, Unavailable) else found

    def find_python(self, wish: str) -> Interpreter | None:
        """Return the interpreter that a version or a path means, None when it is not on this machine."""
        found = self.finder.find(wish, cwd=self.folder)
        return None if isinstance(found, Unavailable) else found

    def pythons(self, targets: Iterable[Target]) -> Iterable[Interpreter]:
        """Yield interpreters of this machine that may serve one of *targets*, newest first."""
        wished = {(target.python, target.implementation) for target in targets}
        for python, implementation in sorted(wished, key=lambda wish: -int(wish[0].partition(".")[2])):
            found = self.finder.find(python, implementation=implementation)
            if not isinstance(found, Unavailable):
                yield found

    # environments on disk

    def environment_lock(self, path: str) -> FileLock:
        """Return the lock of the environment at *path*, as a context manager."""
        from pkm_env.install.apply import lock

        shown = self.workspace.relative(path)
        return lock(path, lambda: self.reporter.warn(f"waiting for another pkm that changes {shown}"))

    def write_file(self, path: str, text: str) -> None:
        """Write a file that the user named, whole or not at all."""
        write_atomic(path, text.encode())

    # stamps

    def native_inputs(self, root: str) -> list[str]:
        """Return the files whose change means compiling or generating anew, of a folder that pkm_build builds."""
        return native_inputs(root, self.environ)

    def watched_sources(self, environment: Environment) -> list[str]:
        """Return the files of the project and of editable folders that decide what is installed."""
        found = self.native_inputs(self.workspace.root) if environment.project == "editable" else []
        for rule in self.workspace.declaration.sources:
            if rule.kind == "path" and rule.env in ("", environment.name):
                location = self.source_of(rule).location
                found.append(
                    os.path.join(location, "pyproject.toml") if os.path.isdir(location) else location
                )
        return found

    def stamp(
        self, name: str, paths: Iterable[str], answer: Mapping[str, str], own: Sequence[str] = ()
    ) -> None:
        """Write a stamp, once the newest of its files is older than the clock's grain.

        What this run itself wrote, the files in *own* and those below its folders, is dated back instead.
        """
        folder = os.path.join(self.workspace.root, stamp.FOLDER)
        paths = tuple(paths)
        for path in paths:
            if path in own or path.startswith(tuple(os.path.join(one, "") for one in own)):
                stamp.date_back(path, self.now_s)
        while True:
            body, newest = stamp.make_stamp(paths, self.environ, answer)
            wait_ns = newest + stamp.GRAIN_NS - time.time_ns()
            if not 0 < wait_ns <= stamp.GRAIN_NS:
                break
            time.sleep(wait_ns / 1e9)
        try:
            ignore = os.path.join(self.workspace.root, ".pkm", ".gitignore")
            if not os.path.exists(ignore):
                os.makedirs(os.path.dirname(ignore), exist_ok=True)
                write_atomic(ignore, b"*\n")
            os.makedirs(folder, exist_ok=True)
            write_atomic(os.path.join(folder, name), body)
        except OSError:
            # A stamp only saves time: where none can be written, the next command looks again.
            return

    def is_settled(self) -> bool:
        """Whether all that the project's metadata comes from is watched: nothing of it is dynamic."""
        return not set(self.workspace.project.dynamic)

    def can_stamp(self) -> bool:
        """Whether this command line is one that a stamp may answer: no switch that a stamp knows nothing of."""
        switches = self.switches
        return not (switches.python or switches.default_index or switches.link_mode or switches.offline)


def home(environ: Mapping[str, str]) -> str:
    """Return the user's home folder."""
    return environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")


def without_extra(text: str) -> tuple[str, str]:
    """Return a requirement of an extra without the extra's condition, and the extra; ("…", "") for another.

    Backends write the condition last: ``name>=1 ; (marker) and extra == "x"``.
    """
    head, _, marker = text.rpartition(";")
    before, found, extra = marker.rpartition("extra ==")
    if not head or not found:
        return text, ""
    rest = before.strip().removesuffix("and").strip()
    return (f"{head.strip()} ; {rest}" if rest else head.strip()), normalise(extra.strip().strip("'\""))


def content_digest(path: str) -> str:
    """Return the digest of a file's content, "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except OSError:
        return ""


def cutoffs(value: Any, now_s: float) -> dict[str, str | None]:
    """Return the cut-off times by package, index and "default", spans counted back from now."""
    if not value:
        return {}
    table = value if isinstance(value, dict) else {"default": value}
    return {key: cutoff_time(text, now_s) if text else None for key, text in table.items()}


def cutoff_time(text: str, now_s: float) -> str:
    """Return a date or a span as a time in UTC, RFC 3339."""
    if is_span(text):
        number, _, unit = text.strip().partition(" ")
        # Whole days, so that locks of one day are the same.
        moment = time.gmtime(now_s - int(number) * SPAN_DAYS[unit] * 86400)
        return time.strftime("%Y-%m-%dT00:00:00Z", moment)
    if len(text) == len("2026-01-31"):
        return f"{text}T00:00:00Z"
    from pkm_env.index.uploads import normal_time

    return normal_time(text) or text
