"""Access: how indexes and repositories are reached: in which order, with which credentials and connection."""

from __future__ import annotations

import os
import sys

from pkm_build import __version__
from pkm_build.errors import PkmError
from pkm_build.tables import meant
from pkm_env.config import configured_indexes, home
from pkm_env.index.urls import local_path, public_url, shown_url
from pkm_env.model.declaration import index_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pkm_build.tables import Table
    from pkm_env.build.vcs import Git
    from pkm_env.config import Settings, Switches
    from pkm_env.index.auth import Credentials
    from pkm_env.index.client import IndexClient
    from pkm_env.index.crew import Crew
    from pkm_env.index.defaults import PipSettings
    from pkm_env.index.spec import IndexSpec
    from pkm_env.model.declaration import IndexRule
    from pkm_env.model.distribution import Source
    from pkm_env.model.ports import Memory, Reporter
    from pkm_env.workspace import Workspace


class Access:
    """What a command knows of servers; each part is made when it is first asked for."""

    def __init__(
        self,
        folder: str,
        environ: Mapping[str, str],
        switches: Switches,
        user: Table,
        project: Workspace | None,
        reporter: Reporter,
        *,
        settings: Callable[[], Settings],
        memory: Callable[[], Memory],
    ) -> None:
        """Take what was read of variables, command line, user and project (None for no project).

        The listing of indexes needs neither *settings* nor *memory*, which fail where no cache can be had.
        """
        self._folder = folder
        self._environ = environ
        self._switches = switches
        self._user = user
        self._settings = settings
        self._project = project
        self._memory = memory
        self._reporter = reporter
        self._indexes: tuple[IndexSpec, ...] | None = None
        self._network: tuple[IndexClient, Crew] | None = None
        self._credentials: Credentials | None = None
        self._pip: PipSettings | None = None
        self._git: Git | None = None

    @property
    def indexes(self) -> tuple[IndexSpec, ...]:
        """The indexes in the order in which they are asked."""
        if self._indexes is None:
            declared = [(rule, owner.root, owner.shown) for rule, owner in self._declared()]
            named, default = configured_indexes(
                declared, self._environ, self._switches, self._user, self._folder
            )
            further = self._machine_indexes() if default is None else (default,)
            self._indexes = (*named, *further)
        return self._indexes

    def refuse_unknown(self, keys: Iterable[str], where: Callable[[str], str]) -> None:
        """Refuse a key "index:NAME" of ``exclude-newer`` that names no index: its cut-off would hold for nothing.

        *where* tells the place of a key.

        :raises PkmError: when there is one.
        """
        known = [name for index in self.indexes for name in index.names if name]
        for key in keys:
            kind, colon, name = key.partition(":")
            if kind == "index" and colon and name not in known:
                raise PkmError(
                    f'{where(key)}: exclude-newer has "{key}", and there is no index "{name}"',
                    meant(name, known, "name one of [[tool.pkm.index]] or of your configuration"),
                )

    def _machine_indexes(self) -> tuple[IndexSpec, ...]:
        """Return what pip is configured with, and the default index; asked where pkm is told no default one.

        :raises PkmError: when no default index is known, or an address of pip's cannot be asked.
        """
        from pkm_env.index.defaults import built_in_index, library_path, pip_indexes

        pip = self.pip_settings
        places, default = pip_indexes(pip, self._folder)
        for index in (*places, *filter(None, (default,))):
            if said := index_fault(index.url, flat=index.flat):
                raise PkmError(
                    f'"{shown_url(index.url)}", which {index.origin} names, cannot be asked: {said}'
                )
        if pip.no_index:
            return places
        default = default or built_in_index(library_path())
        if default is None:
            raise PkmError(
                "no package index is configured", "name one with PKM_INDEX_URL or [[tool.pkm.index]]"
            )
        return (*places, default)

    def tell_indexes(self) -> None:
        """Tell which places of pip's configuration are asked before the default index.

        :raises PkmError: when an index is a folder that is not there. A later index would else have what it was
            to have before all others; of pip's places that is what pip makes of it too.
        """
        for index in self.indexes:
            folder = local_path(index.url, sys.platform)
            if folder and not index.from_pip and not os.path.isdir(folder):
                raise PkmError(
                    f'index "{index.name}" is a folder that is not there: {folder}',
                    f"it is named in {self._place_of(index)}" if index.origin else "",
                )
        if origins := dict.fromkeys(index.origin for index in self.indexes if index.from_pip):
            shown = ", ".join(origins)
            self._reporter.note(f"what pip's configuration names ({shown}) is asked before the default index")

    def _declared(self) -> list[tuple[IndexRule, Workspace]]:
        """Return the indexes of the project and of its workspace's root, each with who says it."""
        project = self._project
        if project is None:
            return []
        return [(rule, project.owner_of(rule)) for rule in project.declaration.indexes]

    def _place_of(self, index: IndexSpec) -> str:
        """Return where an index is configured, with line and column where it is in a project."""
        for rule, owner in self._declared():
            if (rule.name, owner.shown) == (index.name, index.origin):
                return owner.position((*rule.key, "url"))
        return index.origin

    @property
    def index_urls(self) -> frozenset[str]:
        """The addresses of the indexes on servers, as a lock has them."""
        return frozenset(filter(None, (self.index_url(index.name) for index in self.indexes)))

    def index_url(self, name: str) -> str:
        """Return the address of the index of this name without credentials, "" for a folder."""
        for index in self.indexes:
            if index.name == name:
                return (
                    public_url(index.url) if "://" in index.url and not index.url.startswith("file:") else ""
                )
        return ""

    @property
    def pip_settings(self) -> PipSettings:
        """What pip is configured with, as far as it tells of indexes."""
        if self._pip is None:
            from pkm_env.index.defaults import pip_files, read_pip_settings

            files = pip_files(self._environ, home(self._environ), sys.prefix, sys.platform)
            self._pip = read_pip_settings(files, self._environ, self._memory())
        return self._pip

    @property
    def credentials(self) -> Credentials:
        """What is known of users and passwords, each for its server."""
        if self._credentials is None:
            from pkm_env.index.auth import Credentials, asked_after_refusal

            netrc = self._environ.get("NETRC") or os.path.join(home(self._environ), ".netrc")
            further = asked_after_refusal(self._settings().credential_helper)
            urls = () if self._project is None else self._project.references()
            self._credentials = Credentials(
                self.indexes, self._environ, netrc=netrc, further=further, urls=urls
            )
        return self._credentials

    def connect(self) -> tuple[IndexClient, Crew]:
        """Return a client of the network and the threads that wait for it; one for the whole run."""
        if self._network is None:
            from pkm_env.index.client import IndexClient
            from pkm_env.index.crew import Crew
            from pkm_env.index.http import Certificates, Http
            from pkm_env.index.proxy import Proxies
            from pkm_env.index.wire import SLOW_S

            environ = self._environ
            patience_s = self._settings().http_timeout_s
            http = Http(
                self.credentials,
                timeout_s=patience_s,
                # Who lets a server be silent for longer lets it drip as long.
                slow_s=max(SLOW_S, patience_s),
                proxies=Proxies(
                    environ, (self.pip_settings.proxy, self.pip_settings.origins.get("proxy", ""))
                ),
                certificates=Certificates(
                    environ.get("SSL_CERT_FILE") or self.pip_settings.cert, environ.get("SSL_CERT_DIR", "")
                ),
                user_agent=f"pkm/{__version__}",
                offline=self._settings().offline,
            )
            self._network = (IndexClient(http), Crew())
        return self._network

    def checkout(self, source: Source) -> tuple[Source, str]:
        """Return a repository's commit and its folder in the cache."""
        if self._git is None:
            from pkm_env.build.vcs import Git

            self._git = Git(
                self._settings().cache_dir,
                environ=self._environ,
                credentials=self.credentials.pair,
                offline=self._settings().offline,
                warn=self._reporter.warn,
            )
        return self._git.checkout(source)
