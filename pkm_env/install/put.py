"""Write what wheels put into an environment: the one place where files of the cache are linked.

Used for a new environment and for a change of one that is there.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.cache.check import damage_of
from pkm_env.files import DISK
from pkm_env.hands import hands_for, share
from pkm_env.install.installed import STATE
from pkm_env.install.links import Linker
from pkm_env.install.wheel import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pkm_env.cache.manifest import Manifest, UnpackedWheel
    from pkm_env.files import Disk
    from pkm_env.install.conflicts import Conflict
    from pkm_env.install.installed import Note
    from pkm_env.install.wheel import Placement, Site
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Reporter
    from pkm_env.plan import InstalledDistribution, WantedPackage
    from pkm_env.python.venv import Venv


class Outcome:
    """What was done: the environment, whether it was ``made``, and the names that changed.

    ``link_mode`` is the one that was used, ``conflicts`` are files that two packages bring, ``outside``
    are paths of removed packages that lie outside of the environment and were left.
    """

    __slots__ = ("conflicts", "installed", "link_mode", "made", "outside", "removed", "venv")

    def __init__(self, venv: Venv, *, made: bool) -> None:
        self.venv = venv
        self.made = made
        self.installed: tuple[str, ...] = ()
        self.removed: tuple[str, ...] = ()
        self.link_mode = ""
        self.conflicts: tuple[Conflict, ...] = ()
        self.outside: tuple[str, ...] = ()


class Options:
    """How an environment is written; see ``apply``.

    *copies*: a new one gets a copy of its interpreter. *lasting* is the folder whose files may be linked to by
    symbolic links, "" for any. *refuse* is told what kept something from being written into the cache; the
    environment then does without.
    """

    __slots__ = (
        "compile_bytecode",
        "copies",
        "disk",
        "lasting",
        "link_mode",
        "platform",
        "prompt",
        "refuse",
        "reporter",
    )

    def __init__(  # noqa: PLR0913 - one for each option, named at the call
        self,
        *,
        link_mode: str = "",
        compile_bytecode: bool = False,
        copies: bool = False,
        reporter: Reporter | None = None,
        prompt: str = "",
        lasting: str = "",
        refuse: Callable[[OSError], None] = lambda _: None,
        disk: Disk = DISK,
        platform: str = sys.platform,
    ) -> None:
        self.link_mode = link_mode
        self.compile_bytecode = compile_bytecode
        self.copies = copies
        self.reporter = reporter
        self.prompt = prompt
        self.lasting = lasting
        self.refuse = refuse
        self.disk = disk
        self.platform = platform


def ignores_case(platform: str) -> bool:
    """Whether file systems of *platform* usually take two names that differ by case for one."""
    return platform in {"win32", "darwin"}


class DamagedWheels(PkmError):
    """Trees of the cache are no longer what was unpacked, and nothing was installed.

    *damaged* has name, tree and a file in it for each; once the trees are removed, fetching them again
    puts it right.
    """

    def __init__(self, damaged: Sequence[tuple[str, str, str]]) -> None:
        shown = ", ".join(f"{name} ({path})" for name, _, path in damaged)
        names = " ".join(name for name, _, _ in damaged)
        super().__init__(
            f"what the cache holds is damaged: {shown}; nothing was installed",
            f"pkm cache clean {names} lets it be fetched again",
        )
        self.damaged = tuple(damaged)

    @property
    def trees(self) -> tuple[str, ...]:
        """The damaged trees, absolute."""
        return tuple(tree for _, tree, _ in self.damaged)


def place_all(
    wanted: Iterable[WantedPackage],
    wheels: Mapping[str, UnpackedWheel],
    site: Site,
    interpreter: Interpreter,
    options: Options,
) -> list[Placement]:
    """Return what each wanted package puts in, sorted by name; bytecode too where that is asked for.

    :raises DamagedWheels: when the cache does not hold what was unpacked.
    :raises Refused: when one would replace what makes the environment one.
    """
    packages = sorted(wanted, key=lambda package: package.name)
    refuse_damaged({package.name: wheels[package.name] for package in packages})
    placements = [
        place(wheels[package.name], site, requested=package.requested, direct_url=package.direct_url)
        for package in packages
    ]
    if options.compile_bytecode:
        add_bytecode(placements, wheels, site, interpreter, options)
    return placements


def refuse_damaged(wheels: Mapping[str, UnpackedWheel]) -> None:
    """Look at each tree of the cache before it is used.

    :raises DamagedWheels: when one is not what was unpacked.
    """
    damaged: list[tuple[str, str, str]] = []

    def look(name: str) -> None:
        path = damage_of(wheels[name])
        if path:
            damaged.append((name, wheels[name].path, path))

    files = sum(len(sizes) for wheel in wheels.values() for sizes in wheel.manifest.sizes)
    share(wheels, look, hands_for(files))
    if damaged:
        raise DamagedWheels(sorted(damaged))


def add_bytecode(
    placements: Sequence[Placement],
    wheels: Mapping[str, UnpackedWheel],
    site: Site,
    interpreter: Interpreter,
    options: Options,
) -> None:
    """Add the compiled modules of each placement to it."""
    from pkm_env.install.bytecode import bytecode_of, place_bytecode

    scratch = os.path.join(site.venv.path, STATE, "bytecode")
    trees = {one.name: wheels[one.name] for one in placements}
    compiled = bytecode_of(trees, interpreter, scratch, options.reporter, options.refuse)
    for placement in placements:
        root = os.path.dirname(placement.dist_info) + os.sep
        place_bytecode(placement, compiled[placement.name], root)


def put(placements: Sequence[Placement], there: set[str], options: Options) -> str:
    """Write all of *placements*; *there* are folders that exist. Return the link mode that was used.

    Nothing is looked at before it is made: a look at each would double the calls (21,000 files: 20 ms of
    Python, the rest is the kernel's). Folders of several packages come first, as several hands put the
    packages.
    """
    disk = options.disk
    mkdir, write = disk.mkdir, disk.write
    linker = Linker(options.link_mode, lasting=options.lasting, platform=options.platform, disk=disk)
    reporter = options.reporter
    for folder in common_folders(placements):
        if folder not in there:
            there.add(folder)
            mkdir(folder)

    def put_one(placement: Placement) -> None:
        number = reporter.start("link", placement.name, placement.manifest.size_bytes) if reporter else 0
        for folder in placement.directories:
            if folder not in there:
                there.add(folder)
                mkdir(folder)
        for source, target, names in placement.links:
            linker.place(source, target, names)
        for path, content, mode in placement.writes:
            write(path, content, mode)
        write(placement.record_path, placement.record())
        if reporter:
            reporter.finish(number)

    hands = hands_for(sum(map(calls_of, placements)))
    share(sorted(placements, key=calls_of, reverse=True) if hands > 1 else placements, put_one, hands)
    if linker.fell_back and options.reporter:
        options.reporter.warn(f"{linker.asked} is not possible here; {linker.mode} is used")
    return linker.mode


def calls_of(placement: Placement) -> int:
    """Return how many folders and files a placement makes, about."""
    return len(placement.directories) + sum(len(names) for _, _, names in placement.links)


def common_folders(placements: Iterable[Placement]) -> list[str]:
    """Return the folders that more than one placement has, parents first."""
    seen: set[str] = set()
    common: set[str] = set()
    for placement in placements:
        for folder in placement.directories:
            (common if folder in seen else seen).add(folder)
    return sorted(common)


def notes_after(
    before: Mapping[str, Note],
    wanted: Iterable[WantedPackage],
    wheels: Mapping[str, UnpackedWheel],
    conflicts: Iterable[Conflict],
    kept: Iterable[InstalledDistribution] = (),
) -> dict[str, Note]:
    """Return the notes on what is installed, after *wanted* was: *before* holds those on what is *kept*."""
    found = dict(before)
    for package in wanted:
        manifest = wheels[package.name].manifest
        version = manifest.dist_info.removesuffix(".dist-info").partition("-")[2].replace("_", "+")
        found[package.name] = (version, package.identity, (), top_names(manifest))
    versions = {one.name: one.version for one in kept}
    for conflict in conflicts:
        name = conflict.loser
        if name:
            version, identity, over, tops = found.get(name) or (versions.get(name, ""), "", (), ())
            found[name] = (version, identity, tuple(sorted({*over, conflict.keeper})), tops)
    return found


def top_names(manifest: Manifest) -> tuple[str, ...]:
    """Return the ``tops`` of an installed wheel, sorted; none where they cannot be told, or written in a note."""
    found = {directory.partition("/")[0] for directory, _ in manifest.files}
    found.discard("")
    found.update(name for directory, names in manifest.files if not directory for name in names)
    found.add(manifest.dist_info)
    if manifest.console or manifest.gui or manifest.data:
        found.add("..")
    anywhere = any(data.scheme not in {"scripts", "headers"} for data in manifest.data)
    spaced = any(len(name.split()) != 1 for name in found)
    return () if anywhere or spaced else tuple(sorted(found))


def report(outcome: Outcome, reporter: Reporter | None) -> None:
    """Tell what is probably not meant to be."""
    if reporter:
        for conflict in outcome.conflicts:
            reporter.warn(conflict.text(outcome.venv.path))
        for path in outcome.outside:
            reporter.warn(f"{path} lies outside of the environment and was left")
