"""Builds: how source trees become metadata and wheels, by backends that run in isolation."""

from __future__ import annotations

import os

from pkm_env.cache.store import WORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pkm_env.build.frontend import BuildFrontend
    from pkm_env.builder import DistributionBuilder
    from pkm_env.cache.memory import StoredMemory
    from pkm_env.cache.store import Store
    from pkm_env.config import Settings
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Reporter
    from pkm_env.supply import Supply
    from pkm_env.wanted import Wanted
    from pkm_env.workspace import Workspace


class Builds:
    """Makes what builds for a project, on first use, and one frontend for each interpreter.

    *supply* gives what build requirements come from, by the interpreter and the constraints of a build; *locked* what
    the lock holds for building a package with an interpreter (None where that is not locked).
    """

    def __init__(
        self,
        workspace: Workspace,
        environ: Mapping[str, str],
        settings: Settings,
        store: Store,
        memory: StoredMemory,
        reporter: Reporter,
        *,
        supply: Callable[[Interpreter, tuple[str, ...]], Supply],
        locked: Callable[[str, Interpreter], Sequence[Wanted] | None],
    ) -> None:
        self._workspace = workspace
        self._environ = environ
        self._settings = settings
        self._store = store
        self._memory = memory
        self._reporter = reporter
        self._supply = supply
        self._locked = locked
        self._no_build = workspace.declaration.options.no_build
        self._frontends: dict[tuple[str, tuple[str, ...]], BuildFrontend] = {}

    def builder(
        self, interpreter: Callable[[], Interpreter], constraints: tuple[str, ...]
    ) -> DistributionBuilder:
        """Return what builds for an interpreter, which is asked for when something is built.

        *constraints* bound what builds require.
        """
        from pkm_env.build.sdist import Limits
        from pkm_env.builder import DistributionBuilder

        return DistributionBuilder(
            lambda: self.frontend(interpreter(), constraints),
            interpreter,
            lambda failed: self._store.workplace(WORK, failed),
            own_root=self._workspace.root,
            locked=lambda package: self._locked_names(package, interpreter()),
            constraints=constraints,
            limits=Limits(
                **self._settings.set_limits({"sdist-size": "total_bytes", "sdist-files": "members"})
            ),
            at_once=self._settings.limits.get("builds", 0),
        )

    def _locked_names(self, package: str, interpreter: Interpreter) -> Sequence[str]:
        """Return what the lock holds for building a package as texts that tell one solution from another."""
        found = self._locked(package, interpreter) or ()
        return [f"{item.name} {item.version} {sorted(item.hashes.items())}" for item in found]

    def frontend(self, interpreter: Interpreter, constraints: tuple[str, ...]) -> BuildFrontend:
        """Return what runs build backends with *interpreter*, *constraints* bounding what they require."""
        key = (interpreter.path, constraints)
        if key not in self._frontends:
            from pkm_env.build.frontend import BuildFrontend
            from pkm_env.build.request import Limits
            from pkm_env.isolation import BuildEnvironments

            limits = self._settings.set_limits({"build-time": "timeout_s", "build-output": "output_bytes"})
            environments = BuildEnvironments(
                self._store,
                lambda: interpreter,
                lambda: self._supply(interpreter, constraints),
                self._memory,
                self._reporter,
                constraints=constraints,
                no_build=self._no_build,
                locked=lambda package: self._locked(package, interpreter),
            )
            self._frontends[key] = BuildFrontend(
                environments,
                environ=self._environ,
                work=lambda: self._store.workplace(WORK),
                logs=os.path.join(self._workspace.root, ".pkm", "logs"),
                shown_from=self._workspace.root,
                warn=self._reporter.warn,
                limits=Limits(**limits),
            )
        return self._frontends[key]

    @staticmethod
    def tree_digest(root: str) -> str:
        """Return the digest of all that a source tree holds."""
        from pkm_env.build.key import tree_digest

        return tree_digest(root)

    @staticmethod
    def tree_paths(root: str) -> list[str]:
        """Return the folders and files that the digest of a source tree is made of."""
        from pkm_env.build.key import tree_paths

        return tree_paths(root)

    def stop(self) -> None:
        """End what still runs for this command: builds in other threads do not see an interrupt."""
        for frontend in self._frontends.values():
            frontend.stop()
