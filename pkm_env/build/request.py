"""What a build is asked for, and what it runs in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    Settings = Mapping[str, str | list[str]] | None
else:
    Protocol = object

HOUR_S = 3600.0


class BuildEnvironment:
    """An environment that hooks run in.

    *python* is the path of its interpreter, *scripts* that of its folder of programs, *prefix* its root.
    *tags* are the wheel tags that fit there ("cp313-cp313-linux_x86_64"), empty to take a wheel of any tag.
    """

    __slots__ = ("prefix", "python", "scripts", "tags")

    def __init__(self, python: str, scripts: str, prefix: str, tags: frozenset[str] = frozenset()) -> None:
        self.python = python
        self.scripts = scripts
        self.prefix = prefix
        self.tags = tags


class Limits:
    """How long one hook may take (seconds), and how much it may write to its log (bytes)."""

    __slots__ = ("output_bytes", "timeout_s")

    def __init__(self, *, timeout_s: float = HOUR_S, output_bytes: int = 32 << 20) -> None:
        self.timeout_s = timeout_s
        self.output_bytes = output_bytes


class BuildRequest:
    """What is to be built.

    *root* is the absolute path of the tree. *subject* and *origin* name it in messages ("spam 1.0", "its
    sdist"; the user's own tree has no origin). *name* (normalised) and *version* are what has to come out,
    "" where that is not known. *settings* are PEP 517's config settings. *variables* come on top of the
    build's own; PKM_VERSION and PKM_PROFILE reach the user's own tree without being told here. With
    *copied*, the absolute path of *root* or of a folder above, the build gets a copy of that folder, and the
    tree stays as it is; for a checkout in the cache that is always so. *package* is the normalised name under
    which a lock may hold what the build requires, "" where that is not asked.
    """

    __slots__ = ("copied", "name", "origin", "package", "root", "settings", "subject", "variables", "version")

    def __init__(  # noqa: PLR0913 - what a build is told, named at the call
        self,
        root: str,
        subject: str,
        *,
        origin: str = "",
        name: str = "",
        version: str = "",
        settings: Settings = None,
        variables: Mapping[str, str] | None = None,
        copied: str = "",
        package: str = "",
    ) -> None:
        self.package = package
        self.root = root
        self.subject = subject
        self.origin = origin
        self.name = name
        self.version = version
        self.settings = settings
        self.variables = dict(variables or {})
        self.copied = copied


class EnvironmentProvider(Protocol):
    """Makes isolated environments; ``context`` composes it from resolve, supply and install."""

    def __call__(self, requires: Sequence[str], *, reason: str, package: str = "") -> BuildEnvironment:
        """Return an environment that holds *requires*; *reason* says for what ("to build spam 1.0").

        *package* is the name of what is built: what a lock holds for that is taken.
        """
