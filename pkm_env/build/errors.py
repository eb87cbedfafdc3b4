"""What can go wrong while a distribution is made from its source; each error carries fields.

::

    PkmError
    ├── BadSdist            an archive that is refused, or that is no sdist
    ├── BuildFailed         a backend ended with an error, was ended, or gave something that does not fit
    │   └── BadSource       a source tree that names no usable backend
    └── CheckoutFailed      a repository, a revision or git itself is not to be had

Texts from outside reach a message only through ``printable``: a log can hold anything.
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.index.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class BadSdist(PkmError):
    """An sdist that is refused: *filename* says which, *member* (may be "") where in it, *reason* why."""

    def __init__(self, filename: str, reason: str, *, member: str = "", hint: str = "") -> None:
        super().__init__(filename, hint)
        self.filename = filename
        self.reason = reason
        self.member = member

    def __str__(self) -> str:
        where = f": {printable(self.member)}" if self.member else ""
        return f"the sdist {printable(self.filename)} is refused{where}: {printable(self.reason)}"


class BuildFailed(PkmError):
    """A build that did not end well.

    *subject* is what was built ("legacy-lib 0.3"), *origin* from what ("its sdist"; may be ""), *reason* how
    it ended ("exit code 1"), *seconds* how long it took, *lines* what of the output tells most (printable,
    may be empty), *log* the path of the whole output, "" where there is none. *shown_log* is how to name it.
    ``full`` is true when the disk that it was made on had no room.
    """

    def __init__(
        self,
        subject: str,
        reason: str,
        *,
        origin: str = "",
        seconds: float | None = None,
        lines: Sequence[str] = (),
        log: str = "",
        shown_log: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(subject, hint)
        self.subject = subject
        self.reason = reason
        self.origin = origin
        self.seconds = seconds
        self.lines = tuple(lines)
        self.log = log
        self.shown_log = shown_log or log
        self.full = False

    def __str__(self) -> str:
        made_from = f" from {self.origin}" if self.origin else ""
        took = "" if self.seconds is None else f", {self.seconds:.0f} s"
        rows = [f"{self.subject} could not be built{made_from} ({self.reason}{took})"]
        rows += [f"  {line}" for line in self.lines]
        rows += [f"  whole log: {self.shown_log}"] if self.log else []
        return "\n".join(rows)


class BadSource(BuildFailed):
    """A source tree that cannot be built by anyone: it names no backend, or names it wrongly."""


class CheckoutFailed(PkmError):
    """A repository that could not be had: *location* without secrets, *revision* may be "", *reason* why.

    *kind* is a word that code may compare: "git-missing", "unreachable", "unknown-revision", "offline",
    "refused", "subdirectory", "failed".
    """

    def __init__(
        self, location: str, reason: str, *, kind: str = "failed", revision: str = "", hint: str = ""
    ) -> None:
        super().__init__(location, hint)
        self.location = location
        self.reason = reason
        self.kind = kind
        self.revision = revision

    def __str__(self) -> str:
        at = f" at {printable(self.revision)}" if self.revision else ""
        return f"the repository {printable(self.location)}{at} can't be had: {printable(self.reason)}"
