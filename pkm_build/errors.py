"""The root of all errors, and the faults of a file.

::

    PkmError                what pkm refuses on purpose
    ├── InvalidFile         a file that breaks its rules, with every fault in it
    ├── BuildError          a tree that cannot become a wheel or sdist
    │   ├── NoPackages      no importable code was found, or more than one choice
    │   ├── VersionUnknown  a dynamic version that its source does not give
    │   └── HookFailed      a build hook or a compiler ended with an error
    └── (those of pkm_env)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class PkmError(Exception):
    """What pkm refuses on purpose: ``str()`` is the message, *hint* what to do, *exit_code* how to end."""

    exit_code = 1
    hint = ""

    def __init__(self, message: str = "", hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


class BuildError(PkmError):
    """A tree that cannot become a wheel or an sdist.

    *key* is where pyproject.toml asks for what failed, () where no single place does, *shown* a name to add to it;
    *placed* says that the message begins with that place.
    """

    placed = False

    def __init__(
        self, message: str = "", hint: str = "", key: tuple[str | int, ...] = (), shown: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.key = key
        self.shown = shown


class NoPackages(BuildError):
    """No importable code was found, or several places claim to hold it."""


class VersionUnknown(BuildError):
    """The version is dynamic, and its source does not give one."""


class HookFailed(BuildError):
    """A build hook or a compiler ended with an error."""


class Fault:
    """One thing wrong in a file: the *key* path it stands at, what is wrong, and what to do about it."""

    __slots__ = ("hint", "key", "message")

    def __init__(self, key: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.key = key
        self.message = message
        self.hint = hint

    def __repr__(self) -> str:
        return f"Fault({self.key!r}, {self.message!r}, {self.hint!r})"

    def text(self) -> str:
        """Return ``key: what is wrong; hint`` without the position."""
        shown = show_key(self.key)
        text = self.message + (f"; {self.hint}" if self.hint else "")
        if not text.isprintable():  # what it quotes from the file may have line ends
            text = "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])
        return f"{shown}: {text}" if shown else text


class InvalidFile(PkmError):
    """A file with faults, each of them placed by line and column.

    *path* is where the file lies, *shown* how it is named in messages, *text* its decoded content.
    *at* gives one position for all faults where the text cannot be read as TOML.
    """

    def __init__(
        self,
        path: str,
        text: str,
        faults: Sequence[Fault],
        shown: str = "pyproject.toml",
        at: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(shown)
        self.path = path
        self.text = text
        # Two readers of a table find the same ones.
        self.faults = tuple({(fault.key, fault.message): fault for fault in faults}.values())
        self.shown = shown
        self.at = at

    def placed(self) -> list[tuple[int, int, Fault]]:
        """Return line, column and fault, in the order of the file."""
        if self.at is not None:
            return [(*self.at, fault) for fault in self.faults]
        from pkm_build.positions import locate

        places = locate(self.text, [fault.key for fault in self.faults])
        found = [(line, column, fault) for (line, column), fault in zip(places, self.faults, strict=True)]
        return sorted(found, key=lambda item: item[:2])

    def lines(self) -> Iterator[str]:
        """Yield ``file:line:column: key: what is wrong; hint`` for each fault."""
        for line, column, fault in self.placed():
            yield f"{self.shown}:{line}:{column}: {fault.text()}"

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return next(self.lines())
        rows = [f"  {f'{line}:{column}':<6} {fault.text()}" for line, column, fault in self.placed()]
        return "\n".join([f"{self.shown} has {len(rows)} faults", *rows])


def show_key(key: tuple[str | int, ...]) -> str:
    """Return a key path as one would write it: ``project.dependencies[2]``."""
    shown = ""
    for part in key:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            name = part if part and not part.strip(BARE) else '"' + part.replace('"', '\\"') + '"'
            shown += f".{name}" if shown else name
    return shown.encode("unicode_escape").decode() if not shown.isprintable() else shown
