"""The one way by which anything is built: metadata, wheels, editable wheels and sdists of source trees.

A build is taken through the hooks of its backend (PEP 517, PEP 660) in an isolated environment that
``provide_environment`` makes; each hook is a process within bounds (``process``), with variables, home and
temporary folder of its own (``environ``). What comes back is checked (``products``). A project of pkm_build
that runs no code of its own is built by the running pkm itself (``inprocess``). Where several are built, their
hooks run side by side (``steps``).
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import contextmanager
from tempfile import mkdtemp

from pkm_build.errors import PkmError
from pkm_env.build.environ import kept_variables, variables_for_own_tree
from pkm_env.build.errors import BuildFailed
from pkm_env.build.hooks import Hooks, free_bytes
from pkm_env.build.inprocess import build_here, can_build_here
from pkm_env.build.process import Programs
from pkm_env.build.products import (
    Unfit,
    check_metadata_folder,
    check_sdist,
    check_wheel,
    file_handed_over,
)
from pkm_env.build.request import Limits
from pkm_env.build.steps import alone
from pkm_env.build.system import read_build_system
from pkm_env.build.vcs import checkout_around
from pkm_env.files import make_directories, remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from pkm_env.build.request import BuildEnvironment, BuildRequest, EnvironmentProvider
    from pkm_env.build.steps import Steps
    from pkm_env.build.system import BuildSystem
    from pkm_env.model.distribution import Metadata


# A disk with fewer bytes is full: most builds need more for themselves.
ROOM = 1 << 20


class _Means:
    """What all builds of a frontend share."""

    __slots__ = ("environ", "limits", "programs", "provide_environment", "warn")

    def __init__(
        self,
        provide_environment: EnvironmentProvider,
        environ: Mapping[str, str],
        programs: Programs,
        limits: Limits,
        warn: Callable[[str], None],
    ) -> None:
        self.warn = warn
        self.provide_environment = provide_environment
        self.environ = environ
        self.programs = programs
        self.limits = limits


class BuildFrontend:
    """Builds source trees; may be used from several threads at once.

    *environ* are the variables of pkm itself. *work* gives the folder for what builds need
    while they run, *logs* is the one where the log of a failed build is kept; *shown_from* is the folder that
    paths of logs are shown relative to.
    """

    def __init__(
        self,
        provide_environment: EnvironmentProvider,
        *,
        environ: Mapping[str, str],
        work: Callable[[], str],
        logs: str,
        shown_from: str = "",
        limits: Limits | None = None,
        platform: str = sys.platform,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the means; *warn* is told of what the user's own tree should be known for, each text once."""
        self._warned: set[str] = set()
        self._warn = warn
        self._means = _Means(
            provide_environment, environ, Programs(platform), limits or Limits(), self._warn_once
        )
        self._work = work
        self._logs = logs
        self._shown_from = shown_from

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def stop(self) -> None:
        """End the builds that run in other threads, after an interrupt."""
        self._means.programs.stop()

    def metadata(self, request: BuildRequest, *, editable: bool = False) -> Metadata:
        """Return the metadata that a wheel of the tree will have.

        :raises BuildFailed: when the backend fails, or its answer does not fit.
        """
        kind = "editable" if editable else "wheel"
        with self._job(request) as job:
            folder = job.folder("metadata")
            if job.is_at_home(kind):
                answer = job.at_home("metadata", folder)
            else:
                answer = alone(job.hooks(kind)).prepare_metadata(kind, folder)
            with job.checking():
                return check_metadata_folder(folder, answer, request.name, request.version)

    def wheel(self, request: BuildRequest, folder: str) -> tuple[str, Metadata]:
        """Build a wheel into *folder* (made if need be) and return its path there and its metadata.

        :raises BuildFailed: when the backend fails, or its wheel does not fit.
        """
        return alone(self.wheel_steps(request, folder))

    def editable(self, request: BuildRequest, folder: str) -> tuple[str, Metadata]:
        """Build an editable wheel into *folder*, as ``wheel`` does; the tree is never copied for it.

        :raises BuildFailed: when the backend fails, cannot make editable wheels, or its wheel does not fit.
        """
        return alone(self.wheel_steps(request, folder, editable=True))

    def wheel_steps(
        self, request: BuildRequest, folder: str, *, editable: bool = False
    ) -> Steps[tuple[str, Metadata]]:
        """Build as ``wheel`` or ``editable`` do, and leave it to the caller where the hooks' calls are made."""
        kind = "editable" if editable else "wheel"
        with self._job(request, copies=not editable) as job:
            made, tags = yield from job.make(kind)
            with job.checking():
                path = file_handed_over(job.folder("out"), made)
                found = check_wheel(path, request.name, request.version, tags)
            return _moved(path, folder), found

    def requires(self, request: BuildRequest, kinds: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """Return what builds of *kinds* need, and why the backend could not be asked for all of it ("" if it was).

        Nothing is needed where the running pkm builds the tree itself.

        :raises BuildFailed: when the tree does not say what builds it.
        """
        found: dict[str, None] = {}
        with self._job(request) as job:
            for kind in kinds:
                if not job.is_at_home(kind):
                    found.update(dict.fromkeys(job.first_requires))
                    try:
                        found.update(dict.fromkeys(job.first_hooks().requires(kind)))
                    except PkmError as error:
                        return tuple(found), str(error).partition("\n")[0]
        return tuple(found), ""

    def sdist(self, request: BuildRequest, folder: str) -> str:
        """Build an sdist into *folder* (made if need be) and return its path there.

        :raises BuildFailed: when the backend fails, or its sdist does not fit.
        """
        with self._job(request) as job:
            made, _ = alone(job.make("sdist"))
            with job.checking():
                path = file_handed_over(job.folder("out"), made)
                check_sdist(path, request.name, request.version)
            return _moved(path, folder)

    @contextmanager
    def _job(self, request: BuildRequest, *, copies: bool = True) -> Iterator[_Job]:
        """Yield a build with folders of its own, which are removed; the log of one that failed is kept."""
        folder = mkdtemp(prefix="build-", dir=self._work())
        try:
            yield _Job(self._means, request, folder, copies=copies)
        except BuildFailed as error:
            # The tree of an sdist was unpacked beside, but may lie in the cache when the folder does no longer.
            error.full = lacks_room((folder, request.root) if request.origin else (folder,), error.lines)
            self._keep_log(error, request)
            raise
        finally:
            remove_tree(folder)

    def _keep_log(self, error: BuildFailed, request: BuildRequest) -> None:
        """Move the log of a failed build to where it stays, under a name of what was built."""
        if not error.log or not os.path.exists(error.log):
            error.log = error.shown_log = ""
            return
        name = "".join(char if char.isalnum() or char in "._+!-" else "-" for char in request.subject)
        make_directories(self._logs)
        error.log = _moved(error.log, self._logs, f"{name}.log")
        inside = self._shown_from and error.log.startswith(os.path.join(self._shown_from, ""))
        error.shown_log = os.path.relpath(error.log, self._shown_from) if inside else error.log


class _Job:
    """One build: its request, the folders that are its own, and the tree that it works on."""

    def __init__(self, means: _Means, request: BuildRequest, folder: str, *, copies: bool) -> None:
        self._means = means
        self._request = request
        self._folder = folder
        own = {} if request.origin else variables_for_own_tree(means.environ)
        self._extra = {**own, **request.variables}
        # A checkout in the cache serves many builds: none of them may change it.
        self._copied = request.copied or checkout_around(request.root)
        self.root = self._copy() if copies and self._copied else request.root
        self._system: BuildSystem = read_build_system(self.root, request.subject, request.origin)

    def _copy(self) -> str:
        """Copy the tree, so that the original stays as it is; return where the root is in the copy."""
        copy = os.path.join(self._folder, "tree")
        shutil.copytree(self._copied, copy, symlinks=True)
        return os.path.normpath(os.path.join(copy, os.path.relpath(self._request.root, self._copied)))

    def folder(self, name: str) -> str:
        """Return the path of a folder of this build, made on first use."""
        path = os.path.join(self._folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def is_at_home(self, kind: str) -> bool:
        """Return whether the running pkm builds it without an environment."""
        with self._translating():
            return can_build_here(self._system, self.root, kind, self._request.settings, self._variables())

    def at_home(self, kind: str, folder: str) -> str:
        """Let the running pkm make *kind*; return the name of what it made in *folder*."""
        with self._translating():
            made, warned = build_here(kind, self.root, folder, self._request.settings, self._variables())
        # What others should mend is none of the user's business.
        for text in warned if not self._request.origin else ():
            self._means.warn(text)
        return made

    def make(self, kind: str) -> Steps[tuple[Any, frozenset[str]]]:
        """Make *kind* into the folder "out"; return what the backend answered, and the tags that fit."""
        if self.is_at_home(kind):
            return self.at_home(kind, self.folder("out")), frozenset()
        hooks = yield from self.hooks(kind)
        folder = self.folder("out")
        answer = yield lambda: hooks.build(kind, folder)
        return answer, hooks.environment.tags

    @property
    def first_requires(self) -> tuple[str, ...]:
        """What has to be there before the backend can be asked for more."""
        return self._system.requires

    def hooks(self, kind: str) -> Steps[Hooks]:
        """Return the backend's hooks in an environment that has all that a build of *kind* needs."""
        hooks = self.first_hooks()
        further = yield lambda: hooks.requires(kind)
        if further:
            hooks.environment = self._environment((*self._system.requires, *further))
        return hooks

    def _environment(self, requires: Sequence[str]) -> BuildEnvironment:
        request = self._request
        reason = f"to build {request.subject}"
        return self._means.provide_environment(requires, reason=reason, package=request.package)

    def first_hooks(self) -> Hooks:
        """Return the backend's hooks in an environment where it can be asked what a build needs."""
        means, request = self._means, self._request
        hooks = Hooks(
            self._system,
            request,
            root=self.root,
            folder=self._folder,
            programs=means.programs,
            limits=means.limits,
            ambient=means.environ,
            extra=self._extra,
        )
        hooks.environment = self._environment(self._system.requires)
        return hooks

    def _variables(self) -> dict[str, str]:
        """Return the variables that pkm_build sees in pkm's own process: those it would see in another."""
        return {**kept_variables(self._means.environ), **self._extra}

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Name what was being built when pkm_build refuses a tree that is not the user's own."""
        try:
            yield
        except PkmError as error:
            request = self._request
            if not request.origin:
                raise
            lines = str(error).splitlines()
            raise BuildFailed(
                request.subject, "pkm_build refuses it", origin=request.origin, lines=lines, hint=error.hint
            ) from error

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Turn what does not fit into the error of this build."""
        try:
            yield
        except Unfit as error:
            request = self._request
            log = os.path.join(self._folder, "log")
            raise BuildFailed(request.subject, str(error), origin=request.origin, log=log) from error


def lacks_room(folders: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether the disk of one of *folders* is full, or the last *lines* of a build say that it was."""
    if any(os.strerror(errno.ENOSPC) in line for line in lines):
        return True
    return any(free_bytes(folder) < ROOM for folder in folders)


def _moved(path: str, folder: str, name: str = "") -> str:
    """Move a file into *folder*, atomically on the last step, and return its path there."""
    make_directories(folder)
    target = os.path.join(folder, name or os.path.basename(path))
    try:
        os.replace(path, target)
    except OSError:
        # Another file system: a copy under another name beside the place, then the rename.
        copy = f"{target}.{os.getpid()}.part"
        shutil.copyfile(path, copy)
        os.replace(copy, target)
    return target
