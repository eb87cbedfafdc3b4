"""BuildEnvironments: isolated environments for builds, each kept in the cache under its solution.

Where a build asks for pkm itself, and the running one meets it, its backend is put there as it runs: what builds
is then what syncs, released or not.

A build asks for requirements; they are resolved for the interpreter that builds, their wheels come from
the supply, and the environment is installed as any other. Two builds that need the same files share one.
"""

from __future__ import annotations

import os
import threading
from _blake2 import blake2b
from contextlib import ExitStack

import pkm_build
from pkm_build import __version__
from pkm_build.errors import PkmError
from pkm_env.build.request import BuildEnvironment
from pkm_env.cache.store import BUILD_ENVIRONMENTS
from pkm_env.files import Locked, read_file, write_new
from pkm_env.install.apply import apply
from pkm_env.install.swap import lock as venv_lock
from pkm_env.lock.select import best_file
from pkm_env.model.distribution import Unavailable
from pkm_env.model.requirements import parse_requirement
from pkm_env.model.target import target_of_interpreter
from pkm_env.model.versions import specifier_contains
from pkm_env.plan import WantedPackage, make_plan
from pkm_env.python.venv import Venv, read_venv
from pkm_env.resolver.report import explain
from pkm_env.resolver.request import NoSolution, Origin, Request, Root, Rules
from pkm_env.resolver.resolve import resolve
from pkm_env.wanted import Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pkm_env.cache.store import Store
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Memory, Reporter
    from pkm_env.resolver.request import Pin
    from pkm_env.supply import Supply

# How long a process that makes one environment waits for another one.
PATIENCE_S = 2.0
OWN = "pkm"
# What the backend itself needs: project.dependencies of pkm's own pyproject.toml (a test compares).
OWN_REQUIRES = ("packaging>=24.2", "tomli>=2.0.1; python_version < '3.11'")


class BuildRequirementsUnmet(PkmError):
    """What a build requires has no solution or cannot be installed."""


class BuildEnvironments:
    """Makes them in *store*; *supply* answers for *interpreter*."""

    def __init__(
        self,
        store: Store,
        interpreter: Callable[[], Interpreter],
        supply: Callable[[], Supply],
        memory: Memory,
        reporter: Reporter,
        *,
        constraints: Sequence[str] = (),
        no_build: bool | Sequence[str] = (),
        locked: Callable[[str], Sequence[Wanted] | None] = lambda _: None,
    ) -> None:
        """Take the means; *locked* gives what the lock holds for building a package, None where it is not locked."""
        self._locked = locked
        self._store = store
        self._interpreter = interpreter
        self._supply = supply
        self._memory = memory
        self._reporter = reporter
        self._constraints = constraints
        self._no_build = no_build if isinstance(no_build, bool) else frozenset(no_build)
        # What is being built, in each thread: sdists are built side by side.
        self._asked = threading.local()

    def __call__(self, requires: Sequence[str], *, reason: str, package: str = "") -> BuildEnvironment:
        """Return an environment that holds *requires*; *reason* says for what ("to build spam 1.0").

        What the lock holds for building *package* is taken as it is, nothing else.

        :raises BuildRequirementsUnmet: when there is none.
        """
        wanted = tuple(sorted(requires))
        asked: list[tuple[str, ...]] = self._asked.__dict__.setdefault("stack", [])
        if wanted in asked:
            raise BuildRequirementsUnmet(
                f"{', '.join(wanted)} is needed {reason}, which is needed to build it"
            )
        asked.append(wanted)
        try:
            return self._environment(wanted, reason, self._locked(package) if package else None)
        finally:
            asked.pop()

    def _environment(
        self, requires: tuple[str, ...], reason: str, locked: Sequence[Wanted] | None
    ) -> BuildEnvironment:
        interpreter = self._interpreter()
        others = tuple(text for text in requires if not is_met_here(text))
        own = others != requires
        wanted = (*others, *OWN_REQUIRES) if own else others
        if locked is None:
            chosen = [self._wanted(pin, interpreter) for pin in self._pins(wanted, reason)]
        else:
            check_locked(locked, wanted, reason, interpreter)
            chosen = [(item, locked_key(item)) for item in locked]
        facts = (interpreter.path, interpreter.version, interpreter.tags[0], [key for _, key in chosen])
        told = repr((*facts, own_digest() if own else ""))
        name = blake2b(told.encode(), digest_size=16).hexdigest()
        held = [item for item, _ in chosen]
        place = self._store.workplace(BUILD_ENVIRONMENTS)
        try:
            venv = self._venv(os.path.join(place, name), interpreter, held, own=own)
        except OSError as error:
            elsewhere = self._store.workplace(BUILD_ENVIRONMENTS, error)
            if elsewhere == place:
                raise
            venv = self._venv(os.path.join(elsewhere, name), interpreter, held, own=own)
        return BuildEnvironment(venv.python, venv.scripts, venv.path, frozenset(interpreter.tags))

    def _venv(self, path: str, interpreter: Interpreter, wanted: Sequence[Wanted], *, own: bool) -> Venv:
        """Return the environment at *path*, or at one like it, which is made where it is not there.

        While it is made, what goes into it may have to be built, in environments that other processes are making:
        these may wait for ours, where builds require each other. So who holds one waits for no other for long, and
        takes the next of the same content.
        """
        holds_another = len(self._asked.stack) > 1
        place, number = path, 1
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(venv_lock(place, timeout_s=PATIENCE_S if holds_another else None))
                    break
                except Locked:
                    number += 1
                    place = f"{path}-{number}"
            venv = read_venv(place)
            return venv if isinstance(venv, Venv) else self._make(place, interpreter, wanted, own=own)

    def _pins(self, requires: tuple[str, ...], reason: str) -> list[Pin]:
        origin = Origin(reason)
        request = Request(
            [Root(text, origin) for text in requires],
            (target_of_interpreter(self._interpreter()),),
            rules=Rules(
                constraints=[(text, Origin("")) for text in self._constraints], no_build=self._no_build
            ),
        )
        (outcome,) = resolve(request, self._supply(), self._memory)
        if isinstance(outcome, NoSolution):
            explanation = explain(outcome, where=lambda _: "")
            raise BuildRequirementsUnmet(f"nothing fits what is needed {reason}\n\n{explanation}")
        return [outcome.pins[name] for name in sorted(outcome.pins)]

    def _wanted(self, pin: Pin, interpreter: Interpreter) -> tuple[Wanted, str]:
        """Return what provision is asked for, and what identifies it."""
        if pin.source is not None:
            return Wanted(pin.name, pin.version, source=pin.source), str(pin.source.to_plain())
        listing = self._supply().listing(pin.name)
        assert not isinstance(listing, Unavailable)
        ranks = {tag: rank for rank, tag in enumerate(interpreter.tags)}
        file = best_file(listing.files(pin.version), ranks)
        if file is None:
            raise BuildRequirementsUnmet(
                f"{pin.name} {pin.version} has no file for python {interpreter.version}"
            )
        return Wanted(pin.name, pin.version, file=file), f"{file.filename} {sorted(file.hashes.items())}"

    def _make(self, path: str, interpreter: Interpreter, wanted: Sequence[Wanted], *, own: bool) -> Venv:
        wheels = self._supply().provision.wheels(wanted, self._reporter, nested=True)
        plan = make_plan((), [WantedPackage(item.name, item.version) for item in wanted])
        found = {item.name: wheel for item, wheel in zip(wanted, wheels, strict=True)}
        venv = apply(path, interpreter, plan, found, fresh=True, force=True).venv
        if own:
            put_own_backend(venv.purelib)
        return venv


def locked_key(item: Wanted) -> str:
    """Return what identifies an entry of the lock."""
    if item.file is not None:
        return f"{item.file.filename} {sorted(item.hashes.items())}"
    return str(item.source.to_plain()) if item.source is not None else ""


def check_locked(
    locked: Sequence[Wanted], requires: Sequence[str], reason: str, interpreter: Interpreter
) -> None:
    """Compare what a build asks for with what is locked for it.

    :raises BuildRequirementsUnmet: when something is not locked, or in another version.
    """
    from packaging.markers import Marker

    versions = {item.name: item.version for item in locked}
    for text in requires:
        asked = parse_requirement(text)
        if asked.marker and not Marker(asked.marker).evaluate(dict(interpreter.markers)):
            continue
        version = versions.get(asked.name)
        if version is None or (version and not specifier_contains(asked.specifier, version)):
            held = f"{asked.name} {version}" if version else f"no {asked.name}"
            raise BuildRequirementsUnmet(
                f"{text} is needed {reason}, and the lock holds {held} for it",
                "pkm lock takes what is needed now into the lock",
            )


def is_met_here(text: str) -> bool:
    """Whether a requirement asks for pkm, at a version that the running one is."""
    asked = parse_requirement(text)
    return asked.name == OWN and not asked.url and specifier_contains(asked.specifier, __version__)


def own_files() -> list[tuple[str, str]]:
    """Return names and paths of the modules of the running backend, sorted."""
    folder = os.path.dirname(os.path.abspath(pkm_build.__file__))
    return [(name, os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def own_digest() -> str:
    """Return a digest of the running backend: an environment with another one is not used."""
    found = blake2b(digest_size=16)
    for name, path in own_files():
        found.update(name.encode() + b"\n" + read_file(path))
    return found.hexdigest()


def put_own_backend(folder: str) -> None:
    """Copy the running backend into a site-packages folder."""
    target = os.path.join(folder, "pkm_build")
    os.mkdir(target)
    for name, path in own_files():
        write_new(os.path.join(target, name), read_file(path))
