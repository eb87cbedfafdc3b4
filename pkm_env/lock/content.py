"""Whether a section still holds what was locked, told by a digest that the section carries.

Git merges files line by line: where two branches changed different lines of one section, it makes a lock of
them that nobody solved, and says nothing. The digest covers all that a section says, so such a mix, like a
change by hand, is noticed where the lock is read. It is no protection against somebody who means harm.
"""

from __future__ import annotations

from _blake2 import blake2b

from pkm_env.lock.compose import Fit
from pkm_env.lock.lockfile import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pkm_env.lock.lockfile import LockedFile, LockedPackage, LockSection
    from pkm_env.model.target import Target


class Digests:
    """Makes the digests of sections; what sections with the same targets say alike of an entry is worked out once."""

    __slots__ = ("_alike", "_fits", "_known", "_packages", "_targets")

    def __init__(self, packages: Iterable[LockedPackage], targets: Mapping[str, tuple[Target, ...]]) -> None:
        """Take all entries, and the targets of each section."""
        self._packages = tuple(packages)
        self._targets = targets
        self._fits: dict[tuple[str, ...], Fit] = {}
        self._alike: dict[tuple[str, ...], int] = {}
        self._known: dict[tuple[int, int, int], str] = {}

    def of_section(self, section: LockSection) -> str:
        """Return the digest of a section: its inputs, targets and rules, and its entries with their files.

        Of an entry that sections share, the files that a target of this one can install count. Places of files do
        not count, so that any mirror serves.
        """
        name = section.name
        options = sorted(section.options.items())
        facts = [repr((name, section.inputs, section.targets, section.left_out, options))]
        alike = self._alike.setdefault(section.targets, len(self._alike))
        for place, package in enumerate(self._packages):
            mask = package.sections.get(name)
            if mask is not None:
                key = (place, mask, alike)
                found = self._known.get(key)
                if found is None:
                    found = self._known[key] = self._entry(package, mask, section)
                facts.append(found)
        return short_digest("\n".join(facts))

    def _entry(self, package: LockedPackage, mask: int, section: LockSection) -> str:
        """Return the digest of what a section says of an entry; sections share most of these."""
        files = package.files
        if len(package.sections) > 1:
            fit = self._fit(section)
            files = tuple(file for file in files if not file.is_wheel or fit.mask(file.filename) & mask)
        source = "" if package.source is None else repr(sorted_source(package))
        told = " ".join([f"{file.filename} {digest_of(file)}" for file in files])
        return short_digest(f"{package.name} {package.version} {mask:x} {source} {told}")

    def _fit(self, section: LockSection) -> Fit:
        found = self._fits.get(section.targets)
        if found is None:
            found = self._fits[section.targets] = Fit(self._targets[section.name])
        return found


def short_digest(text: str) -> str:
    """Return the digest of a text, as a section carries it."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digest_of(file: LockedFile) -> str:
    """Return the digest that stands for a file: SHA-256 where it has one, else all that it has."""
    return file.hashes.get("sha256") or repr(sorted(file.hashes.items()))


def sorted_source(package: LockedPackage) -> tuple[object, ...]:
    """Return what an entry's source says, its digests in a fixed order."""
    source = package.source
    assert source is not None
    return (
        source.kind,
        source.location,
        source.subdirectory,
        source.editable,
        source.vcs,
        source.revision,
        source.commit,
        sorted(source.hashes.items()),
    )


def mixed_sections(
    sections: Mapping[str, LockSection],
    packages: Iterable[LockedPackage],
    targets: Mapping[str, tuple[Target, ...]],
) -> list[str]:
    """Return the sections that do not hold what their digest says; one without a digest is believed."""
    digests = Digests(packages, targets)
    return [
        name
        for name, section in sections.items()
        if section.content and section.content != digests.of_section(section)
    ]


def sealed(
    lock: Lock,
    targets: Mapping[str, tuple[Target, ...]],
    anew: Iterable[str],
    mixed: Iterable[str] = (),
) -> Lock:
    """Return *lock* with the digests of the sections *anew*, and of those that share an entry with one of them.

    A section in *mixed* keeps its digest, so that the next command notices it too.
    """
    fresh, kept = set(anew), set(mixed)
    digests = Digests(lock.packages, targets)
    sharing = {
        name for package in lock.packages if fresh & package.sections.keys() for name in package.sections
    }
    sections = {}
    for name, section in lock.sections.items():
        wanted = name in fresh or (name in sharing and section.content)
        sections[name] = (
            section.with_content(digests.of_section(section)) if wanted and name not in kept else section
        )
    return Lock(sections, lock.packages, lock.requires_python, mixed=kept & sections.keys())
