"""A fake ``Releases`` from a dict: the packages, versions and metadata of a small world.

::

    Universe({"shop": {"1.0": ["web>=2", "cli; extra == 'tool'"], "2.0": {"requires": [...], "tags": (...)}}})

A release is a list of requirements, or a dict with ``requires``, ``extras``, ``requires_python``, ``tags``
(wheel tags; "sdist" for an sdist; the default is one pure wheel), ``yanked``, ``late`` (after the
cut-off of 2026-01-31: True, or the day; "undated" where nobody knows), ``unavailable`` (a reason),
``metadata_python`` (Requires-Python of the metadata, where the page says another one).
"""

from __future__ import annotations

from packaging.version import Version

from pkm_env.model.distribution import File, Metadata, Source, Unavailable
from pkm_env.model.ports import Listing

PURE = "py3-none-any"


class NoMemory:
    """Remembers nothing."""

    def recall(self, _kind, _key):
        return None

    def remember(self, _kind, _key, _value):
        pass


class CutListing(Listing):
    """A listing after a cut-off date: ``excluded`` are the versions that are too new, or of unknown age."""

    __slots__ = ("cutoff", "excluded", "undated")


class Universe:
    """The world as the resolver sees it; ``asked`` and ``hinted`` tell what it was asked."""

    def __init__(self, packages, sources=None) -> None:
        self.packages = {
            name: {version: self._release(release) for version, release in releases.items()}
            for name, releases in packages.items()
        }
        self.sources = sources or {}
        self.others = {}
        self.indexes = {}
        self.cut_offs = {}
        self.bound = {}
        self.asked = []
        self.hinted = []

    @staticmethod
    def _release(release) -> dict:
        return dict(release) if isinstance(release, dict) else {"requires": list(release)}

    def listing(self, name):
        releases = self.packages.get(name)
        if releases is None:
            return Unavailable("unknown", "no index has it")
        versions = tuple(sorted(releases, key=Version))
        signatures = {}
        prereleases = yanked = excluded = undated = 0
        for place, version in enumerate(versions):
            release = releases[version]
            if Version(version).is_prerelease:
                prereleases |= 1 << place
            if release.get("yanked") is not None and release.get("yanked") is not False:
                yanked |= 1 << place
            cut_off = self.cut_offs.get(name, self.cut_offs.get("*", "2026-01-31"))
            if release.get("late") and self._is_late(release, cut_off):
                excluded |= 1 << place
                undated |= (release["late"] == "undated") << place
                continue
            tags = release.get("tags", (PURE,))
            for tag in (tags,) if isinstance(tags, str) else tags:
                key = (release.get("requires_python") or "", tag)
                signatures[key] = signatures.get(key, 0) | 1 << place
        listing = CutListing(
            name,
            versions,
            tuple((python, tag, mask) for (python, tag), mask in sorted(signatures.items())),
            prereleases=prereleases,
            yanked=yanked,
            index="fake",
            key=" ".join((name, *(f"{excluded:x}",) * bool(excluded), self.bound.get(name, ""))).strip(),
            files_of=lambda version: self._files(name, version),
        )
        listing.excluded, listing.undated = excluded, undated
        listing.cutoff = "2026-01-31T00:00:00Z"
        return listing

    @staticmethod
    def _is_late(release, cut_off) -> bool:
        day = release["late"] if isinstance(release["late"], str) else "2026-02-09"
        return cut_off is not None and (day == "undated" or day >= cut_off[:10])

    def _files(self, name, version):
        release = self.packages[name][version]
        tags = release.get("tags", (PURE,))
        reason, late = release.get("yanked"), release.get("late")
        day = (
            ""
            if late == "undated"
            else late
            if isinstance(late, str)
            else "2026-02-09"
            if late
            else "2020-01-01"
        )
        return tuple(
            File(
                f"{name}-{version}.tar.gz" if tag == "sdist" else f"{name}-{version}-{tag}.whl",
                "",
                requires_python=release.get("requires_python"),
                upload_time=f"{day}T12:00:00Z" if day else "",
                yanked=None if reason in (None, False) else str(reason),
            )
            for tag in ((tags,) if isinstance(tags, str) else tags)
        )

    def metadata(self, name, version):
        self.asked.append((name, version))
        release = self.packages[name][version]
        if "unavailable" in release:
            return Unavailable("metadata", release["unavailable"])
        return self._metadata(name, version, release)

    @staticmethod
    def _metadata(name, version, release) -> Metadata:
        requires = tuple(release.get("requires", ()))
        extras = release.get("extras")
        if extras is None:
            words = " ".join(requires).replace('"', "'").split("extra == '")[1:]
            extras = tuple(sorted({word.split("'")[0] for word in words}))
        python = release.get("metadata_python", release.get("requires_python"))
        return Metadata(name, version, requires, requires_python=python, extras=tuple(extras))

    def token(self, _name, _number):
        return ""

    def direct(self, name, source):
        release = self.sources.get(source.location)
        if release is None:
            return Unavailable("unknown", f"there is nothing at {source.location}")
        release = dict(release)
        version = release.pop("version", "0")
        if source.kind == "vcs":
            source = Source(
                "vcs",
                source.location,
                vcs="git",
                revision=source.revision,
                commit="c" * 40,
                subdirectory=source.subdirectory,
            )
        return source, self._metadata(name, version, release)

    def elsewhere(self, name):
        return self.others.get(name, ())

    def changed(self, bound, cut_offs):
        other = Universe(
            {**self.packages, **{name: self.indexes[index][name] for name, index in bound.items()}}
        )
        other.sources, other.cut_offs, other.bound = self.sources, cut_offs, bound
        return other

    def names(self):
        return self.packages

    def hint(self, names=(), releases=()):
        self.hinted.append((tuple(names), tuple(releases)))
