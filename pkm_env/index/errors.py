"""What can go wrong between pkm and an index; each error carries fields, and ``str()`` words them.

::

    PkmError
    ├── WriteFailed             a download could not be written
    ├── NoCertificates          what is to tell which servers are trusted cannot be read
    └── IndexFailure            an index could not be asked, or gave no usable answer
        ├── IndexUnreachable    no answer, or only "later", after several tries
        │   └── ProxyFailed     it is the proxy that gave none, or that says no
        ├── IndexRefused        an answer that says no (401, 403, other 4xx)
        │   └── BadRedirect     one that leads nowhere, or where no request may go
        ├── BadPage             an answer that is no page of an index
        ├── TooLarge            a file that is larger than was listed or locked
        ├── DamagedWheel        a wheel that is no sound archive, and no digest tells whether it should be
        ├── Offline             a request would be needed, and none may be sent
        └── HashMismatch        a file that is not the one that was listed or locked

No message holds a password: URLs come through ``shown_url``.
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.index.urls import shown_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

END = 8  # characters of a long digest that are shown at either end


class WriteFailed(PkmError):
    """A download could not be written: a full disk, a read-only folder; its cause is the OSError."""


class NoCertificates(PkmError):
    """The file or folder that is to hold the certificates of authorities cannot be read."""

    hint = "SSL_CERT_FILE, SSL_CERT_DIR or pip's cert names it"


class IndexFailure(PkmError):
    """An index could not be asked, or gave no usable answer; *url* is without secrets, *index* its name."""

    def __init__(self, url: str, *, index: str = "", reason: str = "", hint: str = "") -> None:
        super().__init__(shown_url(url))
        self.url = shown_url(url)
        self.index = index
        self.reason = printable(reason)
        if hint:
            self.hint = hint

    @property
    def where(self) -> str:
        """What the message calls the place: the index by name where one is known."""
        return f'index "{self.index}"' if self.index else self.url

    def __str__(self) -> str:
        return f"{self.where}: {self.reason} ({self.url})" if self.index else f"{self.url}: {self.reason}"


class IndexUnreachable(IndexFailure):
    """There was no answer, or only "later", in *attempts* tries that took *seconds*."""

    hint = (
        "pkm --offline uses what is cached; pkm index list shows where each index is configured, "
        "and PKM_HTTP_TIMEOUT sets how many seconds an answer may take"
    )

    def __init__(
        self,
        url: str,
        *,
        index: str = "",
        reason: str = "",
        hint: str = "",
        attempts: int = 1,
        seconds: float = 0.0,
    ) -> None:
        super().__init__(url, index=index, reason=reason, hint=hint)
        self.attempts = attempts
        self.seconds = seconds

    def __str__(self) -> str:
        told = f"{self.where} does not answer: {self.reason} ({self.tried})"
        return f"{told}\n  {self.url}" if self.index else told

    @property
    def tried(self) -> str:
        """How often and how long it was tried, in a phrase."""
        times = "once" if self.attempts == 1 else f"{self.attempts} times"
        return f"tried {times}, {self.seconds:.0f} s"


class ProxyFailed(IndexUnreachable):
    """The *proxy* between pkm and the server ("the proxy HOST:PORT (HTTPS_PROXY)") is not there, or says no."""

    hint = "mend its address where it is configured; NO_PROXY names servers that are asked without it"

    def __init__(self, url: str, *, proxy: str, **said: Any) -> None:
        super().__init__(url, **said)
        self.proxy = printable(proxy)

    def __str__(self) -> str:
        return f"{self.proxy} {self.reason} ({self.tried})\n  asked for {self.url}"


class IndexRefused(IndexFailure):
    """The answer has the HTTP *status* 4xx, or one that no retry would change.

    *known*: the request had a user and a password.
    """

    hint = "pkm index list shows where each index is configured"

    def __init__(
        self, url: str, *, status: int, index: str = "", reason: str = "", known: bool = False
    ) -> None:
        super().__init__(url, index=index, reason=reason)
        self.status = status
        if status in {401, 403}:
            name = variable_name(index) if index else "<NAME>"
            variables = f"PKM_INDEX_{name}_USERNAME and PKM_INDEX_{name}_PASSWORD"
            self.hint = f"give credentials by {variables}, by netrc or by the keyring"
            if known:
                self.hint = (
                    f"user and password were sent, and not accepted: mind {variables}, netrc, the keyring"
                )
        elif status in {404, 410}:
            self.hint = "the file is not there any more; pkm lock --refresh asks what the index has now"

    def __str__(self) -> str:
        told = f"{self.where} refuses: HTTP {self.status} {self.reason}".rstrip()
        return f"{told}\n  {self.url}" if self.index else told


class BadRedirect(IndexRefused):
    """An answer that leads to another one without an end, or where no request may go; *reason* says which."""

    def __str__(self) -> str:
        return f"{self.where} redirects {self.reason}" + (f"\n  {self.url}" if self.index else "")


class BadPage(IndexFailure):
    """The answer is no page of an index: malformed, of a wrong type, too large, of another version."""

    hint = "the address of an index usually ends in /simple/; pkm index list shows where it is configured"

    def __str__(self) -> str:
        return f"{self.where} gives no usable page: {self.reason}\n  {self.url}"


class TooLarge(IndexFailure):
    """A file that is larger than index or lock say; what came beyond that was not read."""

    hint = "another file is served than was listed; if that is meant, lock again with --refresh-package"

    def __str__(self) -> str:
        return f"{self.reason}\n  {self.url}"


class DamagedWheel(IndexFailure):
    """A wheel that is no sound archive, of which no digest tells whether it is the one that is meant."""

    hint = "if the index has nothing better, a constraint that excludes this release leaves it out"

    def __init__(self, url: str, *, filename: str, index: str = "", reason: str = "") -> None:
        super().__init__(url, index=index, reason=reason)
        self.filename = printable(filename)

    def __str__(self) -> str:
        return f"the file {self.filename} from {self.where} is damaged: {self.reason}\n  {self.url}"


class Offline(IndexFailure):
    """A request would be needed, and none may be sent."""

    hint = "run it once without --offline; what it fetches stays in the cache"

    def __str__(self) -> str:
        return f"{self.reason or self.url} is not in the cache, and pkm is offline"


class Gone(IndexFailure):
    """A file of a folder that is not there any more."""

    hint = "put it back, name a folder that has it as an index, or lock again with --refresh-package"

    def __init__(self, path: str, *, filename: str) -> None:
        super().__init__(path, reason="is not there")
        self.filename = printable(filename)

    def __str__(self) -> str:
        return f"the file {self.filename} is neither in its folder nor on an index\n  {self.url}"


class HashMismatch(IndexFailure):
    """A file whose content is not what index or lock say."""

    def __init__(
        self, url: str, *, filename: str, algorithm: str, expected: str, found: str, index: str = ""
    ) -> None:
        super().__init__(url, index=index, reason="another content")
        self.filename = printable(filename)
        self.algorithm = algorithm
        self.expected = expected
        self.found = found
        self.hint = (
            f"the file that is served is not {self.filename} as listed or locked; if another file under "
            "the same name is meant, lock again with --refresh-package"
        )

    def __str__(self) -> str:
        width = " " * 2
        return (
            f"the file {self.filename} is not the one that is expected\n"
            f"{width}expected  {self.algorithm} {short_digest(self.expected)}\n"
            f"{width}got       {self.algorithm} {short_digest(self.found)}  from {self.where}"
        )


def short_digest(digest: str) -> str:
    """Return the two ends of a long digest."""
    return digest if len(digest) <= 2 * END else f"{digest[:END]}…{digest[-END:]}"


def printable(text: str) -> str:
    """Return *text* with control characters written out, so that none reaches a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def variable_name(index: str) -> str:
    """Return how the name of an index stands in the names of environment variables."""
    return index.upper().replace("-", "_").replace(".", "_")
