"""Interpreters: the Pythons of this machine, as commands ask for them."""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.config import home
from pkm_env.model.distribution import Unavailable
from pkm_env.model.interpreter import Interpreter
from pkm_env.python.probe import probe, was_run
from pkm_env.python.venv import base_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pkm_env.model.ports import Memory
    from pkm_env.model.target import Target
    from pkm_env.python.find import Finder
    from pkm_env.python.venv import Venv


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

    def of_venv(self, venv: Venv, root: str, *, looking: bool) -> Interpreter | Unavailable:
        """Return the interpreter that *venv* was made from, or why there is none that may be asked.

        None of the environment's own programs is run: it may have come with the project in *root*. Nor is a program
        that lies in there, unless it was run before; one that is only *looking* runs none that is not known.
        """
        program = base_program(venv.python, venv.settings)
        if not program:
            return Unavailable("missing", f"its Python is gone ({venv.home})")
        if not self.may_run(program, root, looking=looking):
            return Unavailable("unknown", f"it is of a Python that pkm has not met ({program})")
        found = probe(program, self._memory)
        if isinstance(found, Interpreter) and venv.minor not in {"", found.minor}:
            return Unavailable("other", f"it is of Python {venv.version}, and {program} is {found.version}")
        return found

    def may_run(self, program: str, root: str, *, looking: bool) -> bool:
        """Whether a program that an environment names may be asked what it is."""
        if was_run(program, self._memory):
            return True
        real = os.path.realpath(program)
        if not looking and not real.startswith(os.path.join(os.path.realpath(root), "")):
            return True
        return any(os.path.realpath(found.path) == real for found in self.finder.candidates())

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
