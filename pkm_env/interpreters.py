"""Interpreters: the Pythons of this machine, as commands ask for them."""

from __future__ import annotations

import sys

from pkm_build.errors import PkmError
from pkm_env.config import home
from pkm_env.model.distribution import Unavailable
from pkm_env.python.probe import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Memory
    from pkm_env.model.target import Target
    from pkm_env.python.find import Finder


class Interpreters:
    """What is known of them; *folder* is the one that a path is relative to."""

    __slots__ = ("_environ", "_finder", "_folder", "_memory")

    def __init__(self, folder: str, environ: Mapping[str, str], memory: Memory) -> None:
        self._folder = folder
        self._environ = environ
        self._memory = memory
        self._finder: Finder | None = None

    @property
    def finder(self) -> Finder:
        """What looks for Pythons on this machine."""
        if self._finder is None:
            from pkm_env.python.find import Finder

            self._finder = Finder(self._environ, home(self._environ), self._memory, own=sys.executable)
        return self._finder

    @property
    def own(self) -> Interpreter:
        """The interpreter that runs pkm."""
        found = self.probed(sys.executable)
        if found is None:
            raise PkmError("the interpreter that runs pkm cannot be asked about itself")
        return found

    def probed(self, path: str) -> Interpreter | None:
        """Return what is known of the interpreter at *path*, None when it does not answer."""
        found = probe(path, self._memory)
        return None if isinstance(found, Unavailable) else found

    def find(self, wish: str) -> Interpreter | None:
        """Return the interpreter that a version or a path means, None when it is not on this machine."""
        found = self.finder.find(wish, cwd=self._folder)
        return None if isinstance(found, Unavailable) else found

    def serving(self, targets: Iterable[Target]) -> Iterable[Interpreter]:
        """Yield interpreters of this machine that may serve one of *targets*, newest first."""
        wished = {(target.python, target.implementation) for target in targets}
        for python, implementation in sorted(wished, key=lambda wish: -int(wish[0].partition(".")[2])):
            found = self.finder.find(python, implementation=implementation)
            if not isinstance(found, Unavailable):
                yield found
