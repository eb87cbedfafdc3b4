"""Context: makes every object once, on its first use, and passes it on.

This is where the edges meet: a build gets its environment from resolve, supply and install without
knowing any of them.
"""

from __future__ import annotations

import os
import time
from _blake2 import blake2b

from pkm_env.config import Settings, read_user_config, user_config_path
from pkm_env.files import write_atomic
from pkm_env.lock.lockfile import LOCK_VERSION, Lock
from pkm_env.model.distribution import Source
from pkm_env.workspace import NoProject, find_root, parse_lock, read_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pkm_build.tables import Table
    from pkm_env.access import Access
    from pkm_env.builds import Builds
    from pkm_env.cache.memory import StoredMemory
    from pkm_env.cache.store import Store
    from pkm_env.cache.wheels import WheelCache
    from pkm_env.cache.zips import Limits as WheelLimits
    from pkm_env.config import Switches
    from pkm_env.cut_off import CutOff
    from pkm_env.fetch import Fetcher
    from pkm_env.files import FileLock
    from pkm_env.interpreters import Interpreters
    from pkm_env.model.environment import Environment
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Releases, Reporter
    from pkm_env.places import Places
    from pkm_env.provision import Provision
    from pkm_env.sources import Sources
    from pkm_env.supply import Supply
    from pkm_env.supply.second import Read, SecondReader
    from pkm_env.wanted import Wanted
    from pkm_env.workspace import Placed, Workspace

    # Who builds (None: the interpreter that runs pkm), and what bounds the requirements of builds.
    How = tuple[Interpreter | None, tuple[str, ...]]

LOCK_KIND = "lock-2"


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
        self._places: Places | None = None
        self._access: Access | None = None
        self._builds: Builds | None = None
        self._interpreters: Interpreters | None = None
        self._supplies: dict[tuple[str, str], Supply] = {}
        self._unbuilt: dict[tuple[int, bool | tuple[str, ...]], Releases] = {}
        self._provisions: dict[tuple[str, str], Provision] = {}
        self._told_version = False
        # What the lock holds for building a package with an interpreter, while an environment is synced.
        self.locked_build: Callable[[str, Interpreter], Sequence[Wanted] | None] | None = None
        # The interpreter that builds while an environment is synced; None for pkm's own.
        self.build_python: Interpreter | None = None
        self.now_s = time.time()
        # What is not worth being taken apart before the process ends: the values of a solve are many.
        self.outlasting: list[object] = []
        self.refresh: bool | frozenset[str] = frozenset()
        # Repositories and archives as the lock holds them, for what is locked anew.
        self.settled: dict[tuple[str, ...], Source] = {}
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
            if kin.access.indexes == self.access.indexes:
                kin._supplies, kin._provisions = self._supplies, self._provisions
                kin._unbuilt = self._unbuilt
            self._kin[workspace.root] = kin
        self._kin[workspace.root].refresh = self.refresh
        self._kin[workspace.root].settled = self.settled
        return self._kin[workspace.root]

    @property
    def user(self) -> Table:
        """The user's configuration."""
        if self._user is None:
            self._user = read_user_config(user_config_path(self.environ), self.environ)
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

    @property
    def places(self) -> Places:
        """Where things stand relative to the lock and the project."""
        if self._places is None:
            from pkm_env.places import Places

            self._places = Places(self.workspace, self.environ)
        return self._places

    @property
    def access(self) -> Access:
        """How indexes are reached, those of the project too where there is one."""
        if self._access is None:
            from pkm_env.access import Access

            try:
                project = self.workspace
            except NoProject:
                project = None
            self._access = Access(
                self.folder,
                self.environ,
                self.switches,
                self.user,
                project,
                self.reporter,
                settings=lambda: self.settings,
                memory=lambda: self.memory,
            )
        return self._access

    @property
    def builds(self) -> Builds:
        """What makes metadata and wheels of sources."""
        if self._builds is None:
            from pkm_env.builds import Builds

            self._builds = Builds(
                self.workspace,
                self.environ,
                self.settings,
                self.store,
                self.memory,
                self.reporter,
                supply=self._build_supply,
                locked=self._locked_for,
            )
        return self._builds

    @property
    def interpreters(self) -> Interpreters:
        """The Pythons of this machine."""
        if self._interpreters is None:
            from pkm_env.interpreters import Interpreters

            self._interpreters = Interpreters(self.folder, self.environ, self.memory)
        return self._interpreters

    def stop(self) -> None:
        """End what still runs for this command, for other projects of the workspace too, and tidy up after it."""
        if self._builds is not None:
            self._builds.stop()
        for supply in self._supplies.values():
            supply.stop()
        for kin in self._kin.values():
            kin.stop()
        if self._store is not None:
            self._store.close()

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
        # A name for each content: what is there needs no second writing, which costs a millisecond at best.
        if not self.memory.holds(LOCK_KIND, key):
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
            if {"dependencies", "optional-dependencies"} & set(project.dynamic):
                from pkm_env.dynamic import dynamic_requirements

                source = Source("directory", self.workspace.root)
                answer = self.any_supply().direct(project.name, source)
                self._requirements = dynamic_requirements(project, answer)
            else:
                self._requirements = self.workspace.written_requirements()
        return self._requirements

    # supplies

    def supply(self, environment: Environment, interpreter: Interpreter | None = None) -> Supply:
        """Return the supply of an environment; builds are made by *interpreter*, by default pkm's own."""
        how = how_to_build(environment, interpreter)
        return self._supply(self.places.index_bindings(environment), self._times_of(environment), how)

    def any_supply(self, interpreter: Interpreter | None = None) -> Supply:
        """Return the supply of one environment, for what all of them would answer alike."""
        return self.supply(self.workspace.environments[0], interpreter)

    def releases(self, environment: Environment) -> Releases:
        """Return what the resolver asks for an environment: its supply, and others for names bound by marker.

        What must not be built is not built for an answer either, though an explanation tries what it would change.
        """
        plain = self.supply(environment)
        bound = self.places.bound_sources(environment)
        marked = [pairs for pairs in bound.values() if isinstance(pairs, tuple)]
        several = any(
            source is not None and source.kind == "index" for pairs in marked for _, source in pairs
        )
        unbuilt = environment.options.no_build
        if not several and not unbuilt:
            return plain
        from pkm_env.supply.bound import BoundReleases

        usual, times = self.places.index_bindings(environment), self._times_of(environment)
        how = how_to_build(environment)
        found = BoundReleases(plain, lambda name, at: self._supply({**usual, name: at}, times, how), unbuilt)
        # Environments that ask the same share what they learn.
        return found if several else self._unbuilt.setdefault((id(plain), unbuilt), found)

    def _supply(self, bindings: Mapping[str, str], times: Mapping[str, str | None], how: How) -> Supply:
        # Environments with the same answers share one supply, and all that it has read.
        key = key_of(bindings, times, how)
        if key not in self._supplies:
            self._supplies[key] = self._new_supply(bindings, times, how)
        return self._supplies[key]

    def cut_off(
        self, declared: str | dict[str, str | bool] | None, given: str, kept: Mapping[str, str]
    ) -> CutOff | None:
        """Return the cut-off that is declared, given by the command line, or kept in a section's options; or None."""
        if not (declared or given or kept.get("cut-off")):
            return None
        from pkm_env.cut_off import choose_cut_off

        return choose_cut_off(declared, given, kept, self.now_s)

    def _times(self, cut_off: str | dict[str, str | bool] | None) -> dict[str, str | None]:
        """Return the times that a declared cut-off stands for now."""
        if not cut_off:
            return {}
        from pkm_env.cut_off import cut_off_times

        return cut_off_times(cut_off, self.now_s)

    def _times_of(self, environment: Environment) -> Mapping[str, str | None]:
        """Return the cut-off times of an environment."""
        times = self.cut_offs.get(environment.name)
        return self._times(environment.options.exclude_newer) if times is None else times

    def _new_supply(
        self,
        bindings: Mapping[str, str],
        exclude_newer: Mapping[str, str | None],
        how: How,
        *,
        nested: bool = False,
    ) -> Supply:
        """Return a supply over the configured indexes; *nested*: of what builds require."""
        from pkm_env.cache.pages import MetadataCache, PageCache
        from pkm_env.supply import Supply

        supply = Supply(
            self.access.indexes,
            PageCache(self.store),
            lambda: MetadataCache(self.store),
            self.access.connect,
            self.reporter,
            now_s=self.now_s,
            provision=lambda: self._provision(key_of(bindings, exclude_newer, how), lambda: supply, how),
            bindings=bindings,
            exclude_newer=exclude_newer,
            offline=self.settings.offline,
            refresh=self.refresh,
            settled=self.settled,
            begin_second=begin_second,
            changed=lambda bound, times: self._supply(
                {**bindings, **bound}, moved(exclude_newer, times), how
            ),
            known_names=self.places.known_names,
            nested=nested,
        )
        return supply

    def provision(self, environment: Environment, interpreter: Interpreter | None = None) -> Provision:
        """Return what gives an environment whole files: its supply is made when one is not in the cache."""
        how = how_to_build(environment, interpreter)
        key = key_of(self.places.index_bindings(environment), self._times_of(environment), how)
        return self._provision(key, lambda: self.supply(environment, interpreter), how)

    def _provision(self, key: tuple[str, str], supply: Callable[[], Supply], how: How) -> Provision:
        """Return what gives whole files to a supply; what fetches and what builds is made when it is needed."""
        if key not in self._provisions:
            from pkm_env.cache.wheels import WheelCache
            from pkm_env.provision import Provision

            wheels = WheelCache(self.store, self._wheel_limits())
            self._provisions[key] = Provision(
                wheels,
                lambda: self._fetcher(supply(), wheels),
                lambda fetcher: self._sources(fetcher, wheels, how),
            )
        return self._provisions[key]

    def _fetcher(self, supply: Supply, wheels: WheelCache) -> Fetcher:
        """Return what fetches whole files by the network of a supply."""
        from pkm_env.fetch import Fetcher
        from pkm_env.mirrors import Mirrors

        offline = self.settings.offline
        mirrors = Mirrors(supply, offline=offline)
        return Fetcher(wheels, lambda: supply.network, self.memory, mirrors=mirrors, offline=offline)

    def _sources(self, fetcher: Fetcher, wheels: WheelCache, how: How) -> Sources:
        """Return what reads and builds sources, with the interpreter that runs pkm where *how* has none."""
        from pkm_env.sources import Sources

        return Sources(
            fetcher,
            wheels,
            builder=lambda: self.builds.builder(lambda: how[0] or self.interpreters.own, how[1]),
            checkout=self.access.checkout,
        )

    def _wheel_limits(self) -> WheelLimits | None:
        """Return how much a wheel may hold, None where nothing of that is set."""
        fields = {"wheel-files": "entries", "wheel-size": "size_bytes", "wheel-ratio": "ratio"}
        told = self.settings.set_limits(fields)
        if not told:
            return None
        from pkm_env.cache.zips import Limits

        return Limits(**told)

    def _build_supply(self, interpreter: Interpreter, constraints: tuple[str, ...]) -> Supply:
        """Return the supply that build requirements come from, by the project's rules for all environments."""
        key = (repr(constraints), interpreter.path)
        if key not in self._supplies:
            declaration = self.workspace.declaration
            bindings = {
                rule.name: str(rule.values["index"])
                for rule in declaration.sources
                if rule.kind == "index" and not rule.env and not rule.marker
            }
            times = self._times(declaration.options.exclude_newer)
            how = interpreter, constraints
            self._supplies[key] = self._new_supply(bindings, times, how, nested=True)
        return self._supplies[key]

    def _locked_for(self, package: str, interpreter: Interpreter) -> Sequence[Wanted] | None:
        """Return what the lock holds for building a package, None where that is not locked."""
        return self.locked_build(package, interpreter) if self.locked_build is not None else None

    # environments on disk

    def environment_lock(self, path: str) -> FileLock:
        """Return the lock of the environment at *path*, as a context manager."""
        from pkm_env.install.swap import lock

        shown = self.workspace.relative(path)
        return lock(path, lambda: self.reporter.warn(f"waiting for another pkm that changes {shown}"))

    def write_file(self, path: str, text: str) -> None:
        """Write a file that the user named, whole or not at all; a device or a pipe stays what it is."""
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as stream:
                stream.write(text.encode())
        else:
            write_atomic(path, text.encode())


def begin_second(read: Read) -> SecondReader | None:
    """Make a second process that reads pages, None where there is to be none."""
    from pkm_env.supply.second import begin

    return begin(read)


def how_to_build(environment: Environment, interpreter: Interpreter | None = None) -> How:
    """Return by what, and within which bounds, builds are made for an environment."""
    return interpreter, environment.options.build_constraints


def moved(times: Mapping[str, str | None], later: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return cut-off times with others in their place, for names or ("*") for all."""
    every = dict.fromkeys([*times, "default"], later["*"]) if "*" in later else times
    return {**every, **{name: time for name, time in later.items() if name != "*"}}


def key_of(bindings: Mapping[str, str], times: Mapping[str, str | None], how: How) -> tuple[str, str]:
    """Return what tells supplies apart: bound names, cut-off times, and how it builds."""
    interpreter, constraints = how
    rules = repr((sorted(bindings.items()), sorted(times.items()), constraints))
    return rules, interpreter.path if interpreter else ""
