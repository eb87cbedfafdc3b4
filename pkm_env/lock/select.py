"""What one interpreter installs of a section: entries, and the file of each."""

from __future__ import annotations

from pkm_env.lock.compose import wheel_tags
from pkm_env.lock.lockfile import LOCK_NAME
from pkm_env.lock.membership import BadLock
from pkm_env.model.distribution import tags_of_wheel
from pkm_env.model.target import admits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from typing import TypeVar

    from pkm_env.lock.lockfile import Lock, LockedFile, LockedPackage
    from pkm_env.model.distribution import File, Source
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.target import Target

    AnyFile = TypeVar("AnyFile", LockedFile, File)


class Selected:
    """One entry that is to be installed; ``file`` is None for a folder, an archive or a repository."""

    __slots__ = ("file", "package")

    def __init__(self, package: LockedPackage, file: LockedFile | None) -> None:
        self.package = package
        self.file = file


class NoFile:
    """An entry without a file that the interpreter can install; ``reason`` says what there is."""

    __slots__ = ("package", "reason")

    def __init__(self, package: LockedPackage, reason: str) -> None:
        self.package = package
        self.reason = reason


def admitting(targets: Sequence[Target], interpreter: Interpreter) -> int | None:
    """Return the place of the first target that *interpreter* can install for, or None."""
    return next((bit for bit, target in enumerate(targets) if admits(target, interpreter)), None)


def select(
    lock: Lock,
    section: str,
    bit: int,
    interpreter: Interpreter,
    no_binary: bool | Sequence[str] = (),
) -> tuple[tuple[Selected, ...], tuple[NoFile, ...]]:
    """Return what *interpreter* installs for the target at *bit* of a section, and what has no file for it.

    Packages in *no_binary* (True for all) are installed from their sdists: an entry that sections share may list
    wheels that another one uses.

    :raises BadLock: when two entries of one name are for the target.

    Source: pylock.toml specification, "Installation"; a wheel's rank is its best tag's place in the
    interpreter's tags, then its build number.
    """
    ranks = {tag: rank for rank, tag in enumerate(interpreter.tags)}
    selected = []
    missing = []
    names: set[str] = set()
    for package in lock.packages:
        if not package.sections.get(section, 0) >> bit & 1:
            continue
        if package.name in names:
            raise BadLock(
                LOCK_NAME, "packages", f'two entries "{package.name}" are for one target of "{section}"'
            )
        names.add(package.name)
        if package.source is not None:
            if fits(package.source, ranks):
                selected.append(Selected(package, None))
            else:
                missing.append(NoFile(package, f"the lock has {package.source.location}"))
        elif (file := best_file(offered(package, no_binary), ranks)) is not None:
            selected.append(Selected(package, file))
        else:
            there = ", ".join(file.filename for file in package.files) or "no file at all"
            missing.append(NoFile(package, f"the lock has {there}"))
    return tuple(selected), tuple(missing)


def fits(source: Source, tags: Container[str]) -> bool:
    """Whether a folder, archive or repository can be installed: a wheel only where one of *tags* is its own."""
    compressed = tags_of_wheel(source.location) if source.kind == "archive" else ""
    return not compressed or any(tag in tags for tag in wheel_tags(f"-{compressed}.whl"))


def offered(package: LockedPackage, no_binary: bool | Sequence[str]) -> Sequence[LockedFile]:
    """Return the files of an entry that a rule leaves."""
    if no_binary is True or (no_binary is not False and package.name in no_binary):
        return [file for file in package.files if not file.is_wheel]
    return package.files


def best_file(files: Iterable[AnyFile], ranks: dict[str, int]) -> AnyFile | None:
    """Return the best wheel, else the sdist, else None."""
    best: tuple[tuple[int, tuple[int, str]], AnyFile] | None = None
    sdist = None
    for file in files:
        if not file.is_wheel:
            sdist = file
            continue
        rank = min((ranks[tag] for tag in wheel_tags(file.filename) if tag in ranks), default=None)
        if rank is None:
            continue
        order = (-rank, build_number(file.filename))
        if best is None or order > best[0]:
            best = (order, file)
    return best[1] if best is not None else sdist


def build_number(filename: str) -> tuple[int, str]:
    """Return the build number of a wheel's file name as it is compared, () sorting first."""
    match filename.split("-"):
        case [_name, _version, build, _python, _abi, _platform]:
            rest = build.lstrip("0123456789")
            return (int(build[: len(build) - len(rest)] or 0), rest)
    return (-1, "")
