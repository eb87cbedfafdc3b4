"""The next lock: what is stale is solved, the rest stays; and how the two differ."""

from __future__ import annotations

from pkm_env.index.errors import HashMismatch
from pkm_env.lock.compose import compose, known_entry
from pkm_env.lock.content import sealed
from pkm_env.lock.text import render
from pkm_env.model.versions import UnreadableVersion, version_key
from pkm_env.ops.locked import MIXED, Change, Locked, builds_of, section_targets
from pkm_env.ops.section import Locker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.context import Context
    from pkm_env.lock.compose import SectionResult
    from pkm_env.lock.lockfile import Lock, LockedPackage
    from pkm_env.model.distribution import Source
    from pkm_env.model.environment import Environment
    from pkm_env.ops.options import LockOptions
    from pkm_env.workspace import Workspace

SHORT_COMMIT = 8


def renewed(
    context: Context, options: LockOptions, before: str | None, old: Lock | None, theirs: Lock | None
) -> Locked:
    """Return the lock with its stale sections solved; *theirs* is the other side where git left a conflict.

    :raises NoSolutionFound: when an environment has no solution.
    :raises HashMismatch: when a file is not the one that was locked under its name.
    """
    workspace = context.workspace
    old_targets = section_targets(old)
    results: dict[str, SectionResult] = {}
    # A file with conflict marks is mended whole, whatever was named: nothing else can read it.
    names = options.environments if theirs is None else ()
    owners = workspace.owners(names)
    lockers, stale = stale_of(context, owners, names, options, old, theirs)
    order = [found.section for owner in workspace.family for found in owner.environments]
    chosen = [found for owner in owners for found in owner.with_sections(names)]
    builds = builds_of(context, old, options, chosen)
    if old is not None and old.packages and not old.sections and not options.upgrade:
        context.reporter.note("another tool wrote pylock.toml: its versions are kept where they fit")
    tell_mixed(context, old, [environment for _, environment in stale])
    for locker, environment in stale:
        results[environment.section] = locker.solve_one(environment)
    context.outlasting.append(lockers)
    required, indexes = requires_python_of(workspace), indexes_of(context)
    checked = old if theirs is None and not options.upgrade and options.refresh is not True else None
    refreshed = options.refresh if isinstance(options.refresh, frozenset) else frozenset[str]()
    if lockers:
        lockers[0].run.known_files.save()
    anew = refreshed.union(*(locker.forgotten for locker in lockers))
    check_unchanged(checked, results.values(), anew, indexes)
    found = compose(old, old_targets, results, order, required, indexes)
    if builds is not None:
        order += builds.solve(found)
        results.update(builds.results)
        check_unchanged(checked, builds.results.values(), anew, indexes)
        found = compose(old, old_targets, results, order, required, indexes)
    targets = {**old_targets, **{name: result.targets for name, result in results.items()}}
    found = sealed(found, targets, results, () if old is None else old.mixed - results.keys())
    locked = Locked(found, render(found, targets))
    locked.sections = tuple(results)
    locked.changes = difference(old, found)
    locked.targets = sum(len(result.targets) for result in results.values())
    locked.solves = sum(locker.solves for locker in lockers) + (builds.solves if builds is not None else 0)
    locked.written = locked.text != before
    return locked


def indexes_of(context: Context) -> frozenset[str]:
    """Return the addresses of the indexes that any project of the workspace asks."""
    return frozenset().union(*(context.of(owner).access.index_urls for owner in context.workspace.family))


def stale_of(
    context: Context,
    owners: Iterable[Workspace],
    names: Sequence[str],
    options: LockOptions,
    old: Lock | None,
    theirs: Lock | None,
) -> tuple[list[Locker], list[tuple[Locker, Environment]]]:
    """Return what locks the environments of *owners*, and those that have to be solved; *names*: ``with_sections``."""
    lockers: list[Locker] = []
    stale: list[tuple[Locker, Environment]] = []
    for owner in owners:
        run = lockers[0].run if lockers else None
        locker = Locker(context.of(owner), old, section_targets(old), options, run)
        lockers.append(locker)
        context.settled.update(settled_sources((old, theirs), options, locker.forgotten))
        if theirs is None:
            stale += [(locker, found) for found in owner.with_sections(names) if locker.is_stale(found)]
        else:
            lockers.append(other_locker(locker, theirs))
            stale += contested(locker, lockers[-1], owner.environments)
    for locker in lockers:
        locker.run.several = len(stale) > 1
        locker.run.solving = frozenset([environment.section for _, environment in stale])
    return lockers, stale


def check_unchanged(
    old: Lock | None, results: Iterable[SectionResult], anew: Container[str], indexes: Collection[str]
) -> None:
    """Refuse files that are not those that were locked under their names, but for packages that are locked *anew*.

    What another of the *indexes* has under a name says nothing.

    :raises HashMismatch: in this case: nobody asked for another content.
    """
    known: dict[tuple[Any, ...], list[LockedPackage]] = {}
    for package in old.packages if old is not None else ():
        if package.source is None and package.name not in anew:
            known.setdefault(package.release, []).append(package)
    # Sections of one run have the same value where they have the same files.
    each = {id(entry.files): entry for result in results for entry in result.entries} if known else {}
    for entry in each.values():
        before = known_entry(entry, known.get(entry.release, ()), indexes)
        there = {file.filename: file.hashes for file in before.files} if before is not None else {}
        for file in entry.files:
            expected = there.get(file.filename, file.hashes)
            for algorithm in expected.keys() & file.hashes.keys():
                if expected[algorithm] != file.hashes[algorithm]:
                    raise HashMismatch(
                        file.url or file.path,
                        filename=file.filename,
                        algorithm=algorithm,
                        expected=expected[algorithm],
                        found=file.hashes[algorithm],
                    )


def settled_sources(
    locks: Iterable[Lock | None], options: LockOptions, forgotten: Container[str]
) -> dict[tuple[str, ...], Source]:
    """Return the repositories and the archives of servers that stay what they were locked as, the first lock's first.

    What is upgraded or asked for anew is looked up again.
    """
    found: dict[tuple[str, ...], Source] = {}
    if options.upgrade or options.refresh is True:
        return found
    for package in (package for lock in locks if lock is not None for package in lock.packages):
        source = package.source
        if source is None or package.name in forgotten or package.name in (options.refresh or ()):
            continue
        if source.kind == "vcs" or (source.kind == "archive" and source.location.startswith("http")):
            found.setdefault((package.name, *source.place), source)
    return found


def other_locker(locker: Locker, theirs: Lock) -> Locker:
    """Return what locks for the same project from their side; each side prefers its own versions first."""
    other = Locker(locker.context, theirs, section_targets(theirs), locker.options, locker.run.beside())
    other.further = locker.old.packages if locker.old is not None else ()
    locker.further = theirs.packages
    return other


def contested(
    locker: Locker, other: Locker, environments: Sequence[Environment]
) -> list[tuple[Locker, Environment]]:
    """Return the environments to solve after a conflict, with the side whose versions come first.

    Git merges line by line, so a side that was read from the marked text may hold lines of the other one,
    whatever its digest says: a section on which the two do not agree is solved again.
    """
    from pkm_env.lock.conflict import agree

    found = []
    for environment in environments:
        if locker.is_stale(environment):
            found.append((locker if other.is_stale(environment) else other, environment))
        elif not agree(locker.old, other.old, environment.section):
            found.append((locker, environment))
    return found


def requires_python_of(workspace: Workspace) -> str:
    """Return what the whole lock says of Python: what all its projects say alike, "" where they differ."""
    said = {owner.project.requires_python or "" for owner in workspace.family if owner.project.name}
    return said.pop() if len(said) == 1 else ""


def tell_mixed(context: Context, old: Lock | None, environments: Sequence[Environment]) -> None:
    """Tell which of the sections that are solved again are not what somebody solved."""
    for environment in environments:
        if old is not None and environment.section in old.mixed:
            context.reporter.note(f'the section "{environment.section}" {MIXED}; it is solved again')


def difference(old: Lock | None, new: Lock, section: str = "", within: int = -1) -> tuple[Change, ...]:
    """Return what is another in *new*, or in one section of it, sorted by name; sections with one change together.

    *within* are the targets of the old section that count. Where a section has the same versions as before, it is told
    which of them targets have in the place of which.
    """
    before = versions_by_section(old, section, within)
    after = versions_by_section(new, section)
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for name in before.keys() | after.keys():
        was, now = before.get(name, {}), after.get(name, {})
        for where in was.keys() | now.keys():
            olds, news = was.get(where, {}), now.get(where, {})
            gone, come = olds.keys() - news.keys(), news.keys() - olds.keys()
            if not gone and not come and old is not None:
                gone, come = moved(old.sections[where].targets, olds, new.sections[where].targets, news)
            if gone or come:
                why = released_by(old, new, where, name) if old is not None and not news else ""
                change = (name, ", ".join(in_order(gone)), ", ".join(in_order(come)), why)
                found.setdefault(change, []).append(where)
    return tuple(
        Change(name, gone, come, tuple(sorted(sections)), why)
        for (name, gone, come, why), sections in sorted(found.items())
    )


def released_by(old: Lock, new: Lock, section: str, name: str) -> str:
    """Return which packages of a section needed one before and do not now, in words; "" where all of them are gone."""
    needed = {one.name for one in old.of_section(section) if any(name == other for other, _ in one.requires)}
    held = [one for one in new.of_section(section) if one.name in needed and one.version]
    still = ", ".join(f"{one.name} {one.version}" for one in held)
    return f"{still} no longer {'need' if held[1:] else 'needs'} it" if held else ""


def moved(
    before: tuple[str, ...], olds: Mapping[str, int], after: tuple[str, ...], news: Mapping[str, int]
) -> tuple[set[str], set[str]]:
    """Return the versions that targets had of a package, and have in their place."""
    gone: set[str] = set()
    come: set[str] = set()
    if before == after and olds == news:
        return gone, come
    places = {key: place for place, key in enumerate(before)}
    for place, key in enumerate(after):
        if key in places:
            was = {version for version, mask in olds.items() if mask >> places[key] & 1}
            now = {version for version, mask in news.items() if mask >> place & 1}
            if was and now:
                gone |= was - now
                come |= now - was
    return gone, come


def in_order(versions: Collection[str]) -> list[str]:
    """Return versions with older ones first; with a folder's place among them, all by their text."""
    try:
        return sorted(versions, key=lambda version: (version_key(version), version))
    except UnreadableVersion:
        return sorted(versions)


def versions_by_section(
    lock: Lock | None, section: str, within: int = -1
) -> dict[str, dict[str, dict[str, int]]]:
    """Return the versions of each name in each section, or in one, with their targets; a folder's is its place.

    What no target *within* has is left out.
    """
    found: dict[str, dict[str, dict[str, int]]] = {}
    for package in lock.packages if lock is not None else ():
        source = package.source
        shown = package.version or (source.location if source is not None else "")
        if source is not None and source.commit:
            shown += f" ({source.commit[:SHORT_COMMIT]})"
        places = found.setdefault(package.name, {})
        for where in package.sections if not section else {section} & package.sections.keys():
            mask = package.sections[where] & within
            if mask:
                versions = places.setdefault(where, {})
                versions[shown] = versions.get(shown, 0) | mask
    return found
