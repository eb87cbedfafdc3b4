"""DistributionBuilder: metadata and wheels of sdists and source trees, as supply asks for them.

Knows how an sdist becomes a tree, when a tree tells its metadata without a build, and under which key
what was built may be kept. The builds themselves are ``build.frontend``'s.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from tempfile import mkdtemp

from pkm_build.errors import InvalidFile, PkmError
from pkm_build.source import faults_for_manager, load
from pkm_env.build.errors import BuildFailed
from pkm_env.build.key import build_key, python_tag, tree_digest
from pkm_env.build.request import BuildRequest
from pkm_env.build.sdist import DEFAULT_LIMITS, metadata_of_sdist, split_sdist_filename, unpack_sdist
from pkm_env.build.steps import processors, together
from pkm_env.build.vcs import checkout_around
from pkm_env.files import remove_tree
from pkm_env.model.distribution import Metadata, Unavailable
from pkm_env.model.requirements import with_condition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from pkm_env.build.frontend import BuildFrontend
    from pkm_env.build.sdist import Limits
    from pkm_env.build.steps import Steps
    from pkm_env.model.interpreter import Interpreter

    Built = TypeVar("Built")

DYNAMIC_MATTERS = frozenset(("name", "version", "dependencies", "optional-dependencies", "requires-python"))


class DistributionBuilder:
    """Builds for one interpreter.

    *frontend* and *interpreter* are asked for when a build is really due. *work* gives a folder for unpacked sdists,
    another one where it is told what went wrong in the first; *own_root* is the user's own project, named without an
    origin in messages.
    """

    def __init__(
        self,
        frontend: Callable[[], BuildFrontend],
        interpreter: Callable[[], Interpreter],
        work: Callable[[OSError | None], str],
        *,
        own_root: str = "",
        locked: Callable[[str], Sequence[str]] | None = None,
        constraints: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        at_once: int = 0,
    ) -> None:
        """Take the means; for the cache's key, *locked* tells what the lock holds for building a package.

        *constraints* are those that bound what builds require; they are part of the key too. *limits* are those
        of sdists; *at_once* builds run side by side, 0 for as many as there are processors.
        """
        self._constraints = constraints
        self._limits = limits
        self._at_once = at_once
        self._locked = locked
        self._frontend = frontend
        self._interpreter = interpreter
        self._work = work
        self._own_root = own_root

    def static_metadata(self, path: str) -> Metadata | None:
        """Return what an sdist or a source tree says of itself without a build, None if it cannot."""
        if os.path.isdir(path):
            return metadata_of_tree(path)
        return metadata_of_sdist(path, limits=self._limits)

    def built_metadata(
        self, path: str, subdirectory: str = "", *, package: str = ""
    ) -> Metadata | Unavailable:
        """Return what the wheel built from *path* would say.

        :raises BuildFailed: when it cannot be known, as the disk is full.
        """
        place = self._work(None)
        try:
            try:
                return self._metadata(path, subdirectory, package)
            except (BuildFailed, OSError) as error:
                self._go_elsewhere(place, error)
            return self._metadata(path, subdirectory, package)
        except BuildFailed as error:
            if error.full:
                raise
            return Unavailable("metadata", str(error), hint=error.hint)
        except InvalidFile:
            raise
        except PkmError as error:
            return Unavailable("metadata", str(error), hint=error.hint)

    def _metadata(self, path: str, subdirectory: str, package: str) -> Metadata:
        with self._request(path, subdirectory, package) as request:
            return self._frontend().metadata(request)

    def _go_elsewhere(self, place: str, error: BuildFailed | OSError) -> None:
        """Return when a build that failed at *place* can be tried again elsewhere: the disk there is full.

        :raises BuildFailed: or OSError: *error*, when that does not help.
        """
        numbers = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
        if not (error.full if isinstance(error, BuildFailed) else error.errno in numbers):
            raise error
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._work(full) == place:
            raise error

    def requires(
        self, path: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> tuple[tuple[str, ...], str]:
        """Return what building *path* needs, and why its backend could not be asked for all of it.

        :raises PkmError: when nothing says what builds it.
        """
        kinds = ("wheel", *(("editable",) if editable else ()))
        if os.path.realpath(path) == os.path.realpath(self._own_root or os.sep):
            kinds += ("sdist",)  # ``pkm build`` makes it too.
        with self._request(path, subdirectory, package) as request:
            return self._frontend().requires(request, kinds)

    def wheel_steps(
        self,
        path: str,
        folder: Callable[[], str],
        subdirectory: str = "",
        *,
        editable: bool = False,
        package: str = "",
    ) -> Steps[str]:
        """Build a wheel from *path* into a *folder* and return its path; its hooks may run in other threads.

        The folder is asked for anew where the cache is full, and the build made again elsewhere.

        :raises PkmError: when the build fails.
        """
        place = self._work(None)
        try:
            return (yield from self._wheel(path, folder(), subdirectory, editable=editable, package=package))
        except (BuildFailed, OSError) as error:
            self._go_elsewhere(place, error)
        return (yield from self._wheel(path, folder(), subdirectory, editable=editable, package=package))

    def _wheel(
        self, path: str, folder: str, subdirectory: str, *, editable: bool, package: str
    ) -> Steps[str]:
        with self._request(path, subdirectory, package) as request:
            built = yield from self._frontend().wheel_steps(request, folder, editable=editable)
            return built[0]

    def together(
        self, works: Sequence[Steps[Built]]
    ) -> tuple[list[Built | None], dict[int, PkmError | OSError]]:
        """Do *works* side by side; see ``steps.together``."""
        return together(works, most=self._at_once or processors(), stop=lambda: self._frontend().stop())

    def cache_key(
        self, path: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> str:
        """Return what the wheel depends on, "" when it must not be kept: an editable one belongs to its tree."""
        if editable:
            return ""
        source = tree_digest(path) if os.path.isdir(path) else f"sha256:{file_digest(path)}"
        locked = self._locked(package) if self._locked is not None and package else ()
        requires = (*locked, *(f"constraint {text}" for text in self._constraints))
        tag = python_tag(self._interpreter())
        return build_key(source, tag, subdirectory=subdirectory, requires=requires)

    @contextmanager
    def _request(self, path: str, subdirectory: str, package: str) -> Iterator[BuildRequest]:
        """Yield the request for *path*; an sdist is unpacked meanwhile."""
        if os.path.isdir(path):
            yield self._tree_request(path, subdirectory, package)
            return
        # An archive of several projects has no name and version of one of them.
        named = None if subdirectory else split_sdist_filename(os.path.basename(path))
        name, version = named or ("", "")
        # A build may lead to another one, of another builder: each has a folder that nobody else has.
        place = mkdtemp(prefix="sdist-", dir=self._work(None))
        try:
            try:
                top = self._unpacked(path, place, named is None)
            except OSError as error:
                remove_tree(place)
                elsewhere = self._work(error)
                if elsewhere == os.path.dirname(place):
                    raise
                place = mkdtemp(prefix="sdist-", dir=elsewhere)
                top = self._unpacked(path, place, named is None)
            root = os.path.join(top, *subdirectory.split("/")) if subdirectory else top
            subject = f"{name} {version}".strip() or os.path.basename(path)
            yield BuildRequest(root, subject, origin="its sdist", name=name, version=version, package=package)
        finally:
            remove_tree(place)

    def _unpacked(self, path: str, place: str, any_top: bool) -> str:
        """Unpack an sdist below *place*, and return its top folder."""
        return unpack_sdist(path, os.path.join(place, "tree"), any_top=any_top, limits=self._limits)

    def _tree_request(self, path: str, subdirectory: str, package: str) -> BuildRequest:
        root = os.path.join(path, *subdirectory.split("/")) if subdirectory else path
        if os.path.realpath(root) == os.path.realpath(self._own_root or os.sep):
            return BuildRequest(root, os.path.basename(os.path.realpath(root)), package=package)
        # A checkout lies in a folder of the cache that is named for its commit: that says nothing to anybody.
        origin = "its repository" if checkout_around(root) else "its folder"
        return BuildRequest(
            root, package or os.path.basename(os.path.realpath(root)), origin=origin, package=package
        )


def metadata_of_tree(root: str) -> Metadata | None:
    """Return what the pyproject.toml of a folder says for certain, None when only a build can tell.

    :raises InvalidFile: with every fault of the file.
    """
    if not os.path.isfile(os.path.join(root, "pyproject.toml")):
        return None
    source = load(root)
    project = source.project
    if faults := faults_for_manager(source):
        raise InvalidFile(source.path, source.text, faults, os.path.join(root, "pyproject.toml"))
    if not project.name or not project.version or DYNAMIC_MATTERS & set(project.dynamic):
        return None
    requires = list(project.dependencies)
    for extra, texts in project.optional_dependencies.items():
        requires += [with_condition(text, f"extra == '{extra}'") for text in texts]
    return Metadata(
        project.name,
        project.version,
        tuple(requires),
        requires_python=project.requires_python,
        extras=tuple(project.optional_dependencies),
    )


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file, in hex."""
    from hashlib import sha256

    found = sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
