"""Resolutions of one or more environments, and the lock as it stands, made into the next lock.

Sections that are not locked anew keep their entries as they were; entries that sections share
are one. Where a file was locked before and has the same digests, what was written of it stays, so
that another mirror or a later answer of the index changes no line.
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.lock.lockfile import Lock, LockedPackage, LockSection
from pkm_env.model.tag_set import TagSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from pkm_env.lock.lockfile import LockedFile
    from pkm_env.model.ports import Memory
    from pkm_env.model.target import Target

FIT_KIND = "fit-1"


class TwoContents(PkmError):
    """Two environments want files of one name and place, and with another content each."""

    def __init__(self, name: str, version: str, filename: str) -> None:
        super().__init__(
            f"pylock.toml cannot hold two files {filename} of {name} {version} with another content each",
            f"pkm lock --refresh-package {name} locks all environments with what the index has now",
        )


class SectionResult:
    """One environment locked anew: its section, its targets, and its entries.

    ``entries`` carry this section alone, with masks over ``targets``, and only files that a target
    in the mask can install.
    """

    __slots__ = ("entries", "section", "targets")

    def __init__(
        self, section: LockSection, targets: tuple[Target, ...], entries: tuple[LockedPackage, ...]
    ) -> None:
        self.section = section
        self.targets = targets
        self.entries = entries


def compose(
    old: Lock | None,
    old_targets: Mapping[str, tuple[Target, ...]],
    results: Mapping[str, SectionResult],
    order: Sequence[str],
    requires_python: str = "",
    indexes: Collection[str] = (),
) -> Lock:
    """Return the lock with the sections in *order*: those in *results* anew, the others from *old*.

    *indexes* are the addresses of those that are asked now: what the lock says of another is of a mirror.

    :raises TwoContents: when files of one entry contradict each other.
    """
    sections: dict[str, LockSection] = {}
    for name in order:
        if name in results:
            sections[name] = results[name].section
        elif old is not None and name in old.sections:
            sections[name] = old.sections[name]
    merged: dict[tuple[Any, ...], list[LockedPackage]] = {}
    known: dict[tuple[Any, ...], list[LockedPackage]] = {}
    for package in old.packages if old is not None else ():
        known.setdefault(package.release, []).append(package)
        kept = {
            name: mask for name, mask in package.sections.items() if name in sections and name not in results
        }
        if kept:
            merged[package.key] = [restricted(package, kept, old_targets)]
    for name in sections:
        for entry in results[name].entries if name in results else ():
            before = known_entry(entry, known.get(entry.release, ()), indexes) if known else None
            if before is not None and before.key != entry.key and not is_mirrored(entry, before):
                before = None
            settled = with_known_files(entry, before)
            if before is not None and settled.key not in merged and before.key in merged:
                settled = changed(settled, index=before.index)
            merged.setdefault(settled.key, []).append(settled)
    packages = tuple([joined(merged[key], sections) for key in sorted(merged)])
    return Lock(sections, packages, requires_python)


def restricted(
    package: LockedPackage, kept: Mapping[str, int], targets: Mapping[str, tuple[Target, ...]]
) -> LockedPackage:
    """Return the entry for fewer sections, with the files that their targets can install."""
    if len(kept) == len(package.sections):
        return package
    fit = Fit(target for name, mask in kept.items() for target in chosen(targets[name], mask))
    files = tuple(file for file in package.files if not file.is_wheel or fit.mask(file.filename))
    return changed(package, sections=dict(kept), files=files)


def known_entry(
    entry: LockedPackage, known: Iterable[LockedPackage], indexes: Collection[str]
) -> LockedPackage | None:
    """Return what the lock says of the release: of the same index, else of one that nobody asks now."""
    found = None
    for before in known:
        if before.key == entry.key:
            return before
        if found is None and before.index not in indexes:
            found = before
    return found


def is_mirrored(one: LockedPackage, other: LockedPackage) -> bool:
    """Whether two entries share a file, and of each that they share *other* may stay as it was locked."""
    there = {file.filename: file for file in other.files}
    shared = [(file, there[file.filename]) for file in one.files if file.filename in there]
    return bool(shared) and all(
        same_digests(now.hashes, before.hashes) and may_stay(now, before) for now, before in shared
    )


def may_stay(now: LockedFile, before: LockedFile) -> bool:
    """Whether the place where a file was locked may stay: it lay on a server, and is in no folder of the project now.

    What lay in a folder that is not asked any more is there for nobody; a file that has but its name is in a folder
    that only this machine knows.
    """
    return before.path == now.path or (bool(before.url) and "/" not in now.path)


def with_known_files(entry: LockedPackage, known: LockedPackage | None) -> LockedPackage:
    """Return *entry* with what the lock already says of files whose digests did not change."""
    if known is None:
        return entry
    before = {file.filename: file for file in known.files}
    files = tuple(
        before[file.filename]
        if file.filename in before and same_digests(before[file.filename].hashes, file.hashes)
        else file
        for file in entry.files
    )
    unchanged = all(file.filename in before and file is before[file.filename] for file in files)
    return changed(entry, files=files, index=known.index if files and unchanged else entry.index)


def same_digests(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two sets of digests share an algorithm and agree wherever they do."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[name] == other[name] for name in shared)


def joined(entries: Sequence[LockedPackage], order: Iterable[str]) -> LockedPackage:
    """Return one entry for those that share their key; what the first of them says of a file counts.

    Its sections are in the *order* of the lock's, so that equal locks have equal values.

    :raises TwoContents: when files of one name contradict each other.
    """
    first = entries[0]
    masks = {name: mask for entry in entries for name, mask in entry.sections.items()}
    sections = {name: masks[name] for name in order if name in masks}
    files, requires = first.files, first.requires
    # Sections of one run have the same values where they have the same files and needs.
    for held in {id(entry.files): entry.files for entry in entries}.values():
        if held is not first.files:
            files = together(first, files, held)
    needs = {id(entry.requires): entry.requires for entry in entries}
    if len(needs) > 1:
        requires = tuple(sorted(set().union(*needs.values())))
    return changed(first, sections=sections, files=files, requires=requires)


def together(
    entry: LockedPackage, files: Iterable[LockedFile], others: Iterable[LockedFile]
) -> tuple[LockedFile, ...]:
    """Return all files, sorted by name; those that stand in both are as they stand first.

    :raises TwoContents: when files of one name contradict each other.
    """
    found = {file.filename: file for file in files}
    for file in others:
        before = found.setdefault(file.filename, file)
        if before is not file and not same_digests(before.hashes, file.hashes):
            raise TwoContents(entry.name, entry.version, file.filename)
    return tuple([found[name] for name in sorted(found)])


def changed(package: LockedPackage, **changes: Any) -> LockedPackage:
    """Return a copy of an entry with some values changed."""
    values = {
        "sections": package.sections,
        "source": package.source,
        "index": package.index,
        "files": package.files,
        "requires": package.requires,
        **changes,
    }
    return LockedPackage(package.name, package.version, **values)


def chosen(targets: Sequence[Target], mask: int) -> Iterable[Target]:
    """Yield the targets whose bit is set in *mask*."""
    return (target for bit, target in enumerate(targets) if mask >> bit & 1)


class Fit:
    """Which of some targets can install a wheel, as a mask with a bit for each.

    Every set of tags is asked about once: a lock of 25 targets meets each some hundred times. The answers depend on
    the targets' names and the tags alone, so a *memory* may keep them for the next run.
    """

    __slots__ = ("_asked", "_known", "_memory", "_tags", "_targets", "key")

    def __init__(self, targets: Iterable[Target], memory: Memory | None = None) -> None:
        self._targets = tuple(targets)
        self._memory = memory
        self._tags: TagSet | None = None
        self.key = "\n".join(target.key for target in self._targets)
        self._known: dict[str, int] = dict(
            (memory.recall(FIT_KIND, self.key) or {}) if memory is not None else {}
        )
        self._asked = len(self._known)

    def remember(self) -> None:
        """Keep the answers for the next run, where any is new."""
        if self._memory is not None and len(self._known) > self._asked:
            self._memory.remember(FIT_KIND, self.key, self._known)

    def mask(self, filename: str, start: int = 0) -> int:
        """Return the targets that can install a wheel of this name; its tags probably begin at *start*."""
        if start:
            # What is known are three parts without "-", so the right ones are found or none.
            quick = self._known.get(filename[start:-4])
            if quick is not None:
                return quick
        tags = "-".join(filename[: -len(".whl")].rsplit("-", 3)[1:])
        found = self._known.get(tags)
        if found is None:
            self._tags = self._tags or TagSet(self._targets)
            found = self._known[tags] = self._tags.bits(tags)
        return found


def wheel_tags(filename: str) -> list[str]:
    """Return the tags that a wheel's file name stands for, its compressed sets taken apart."""
    pythons, abis, platforms = filename[: -len(".whl")].rsplit("-", 3)[1:]
    return [
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]
