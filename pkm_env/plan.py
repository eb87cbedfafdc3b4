"""Installed x locked -> InstallPlan: what sync would do, decided before anything is done (pure)."""

from __future__ import annotations

from pkm_build.grammar import normalise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

# What INSTALLER holds where pkm installed.
OURS = "pkm"
KEEP, INSTALL, REPLACE, REMOVE = "keep", "install", "replace", "remove"


class InstalledDistribution:
    """A distribution that is installed.

    ``name`` is normalised, ``raw_name`` and ``version`` as its folder or metadata has them (version ""
    when it cannot be told). ``path`` is its dist-info, egg-info or egg (absolute), ``kind`` says which:
    "dist-info", "egg-info", "egg" or "egg-link". ``installer`` names the tool ("" unknown).
    ``direct_url`` is the text of direct_url.json, "" without. ``identity`` is what pkm noted when it
    installed it (a hash or a source), "" when another tool did. ``damage`` is a phrase when the record
    of what was installed is missing or empty. ``overridden`` names the packages whose files stand where
    files of this one should, because both bring them. ``tops`` are the names in site-packages below which all
    its files lie, ".." among them for those elsewhere; () when not known.
    """

    __slots__ = (
        "damage",
        "direct_url",
        "identity",
        "installer",
        "kind",
        "name",
        "overridden",
        "path",
        "raw_name",
        "requested",
        "tops",
        "version",
    )

    def __init__(self, name: str, version: str, path: str, kind: str = "dist-info") -> None:
        self.raw_name = name
        self.name = normalise(name)
        self.version = version
        self.path = path
        self.kind = kind
        self.installer = ""
        self.requested = False
        self.direct_url = ""
        self.identity = ""
        self.damage = ""
        self.overridden: tuple[str, ...] = ()
        self.tops: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"InstalledDistribution({self.name!r}, {self.version!r})"


class WantedPackage:
    """A package as the lock wants it in the environment.

    ``name`` is normalised, ``version`` as PEP 440 normalises it. ``identity`` tells two builds of one
    version apart: "sha256:..." of the wheel or sdist, or a digest of a source; "" when any will do.
    ``requested`` says that a requirement of the project names it. ``direct_url`` is what
    direct_url.json will hold, None for a package of an index.
    """

    __slots__ = ("direct_url", "identity", "name", "requested", "version")

    def __init__(
        self,
        name: str,
        version: str,
        identity: str = "",
        *,
        requested: bool = False,
        direct_url: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.identity = identity
        self.requested = requested
        self.direct_url = direct_url

    def __repr__(self) -> str:
        return f"WantedPackage({self.name!r}, {self.version!r})"


class Step:
    """What happens to one name.

    ``kind`` is "keep", "install", "replace" or "remove". ``installed`` is what is there now (none for
    "install", more than one when a name is installed twice), ``wanted`` what will be there (None for
    "remove", and for what is kept without being locked). ``reason`` is a phrase, "" where it is plain.
    """

    __slots__ = ("installed", "kind", "name", "reason", "wanted")

    def __init__(
        self,
        kind: str,
        name: str,
        installed: Sequence[InstalledDistribution] = (),
        wanted: WantedPackage | None = None,
        reason: str = "",
    ) -> None:
        self.kind = kind
        self.name = name
        self.installed = tuple(installed)
        self.wanted = wanted
        self.reason = reason

    def __repr__(self) -> str:
        return f"Step({self.kind!r}, {self.name!r}, {self.reason!r})"


class InstallPlan:
    """The steps of a sync, sorted by name, one for each name."""

    __slots__ = ("steps",)

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)

    def of_kind(self, *kinds: str) -> tuple[Step, ...]:
        """Return the steps of these kinds, in order."""
        return tuple(step for step in self.steps if step.kind in kinds)

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.kind != KEEP)

    @property
    def marks(self) -> tuple[tuple[InstalledDistribution, bool], ...]:
        """What pkm installed and stays, and is from now on asked for by the project itself (or no more)."""
        return tuple(
            (step.installed[0], step.wanted.requested)
            for step in self.of_kind(KEEP)
            if step.wanted is not None
            and step.installed[0].installer == OURS
            and step.installed[0].requested != step.wanted.requested
        )

    @property
    def strangers(self) -> frozenset[str]:
        """The names of what stays and was not installed by pkm."""
        kept = self.of_kind(KEEP)
        return frozenset([step.name for step in kept for one in step.installed if one.installer != OURS])

    @property
    def removals(self) -> tuple[InstalledDistribution, ...]:
        """What is taken away, for good or to be replaced."""
        return tuple(one for step in self.of_kind(REPLACE, REMOVE) for one in step.installed)

    @property
    def installs(self) -> tuple[WantedPackage, ...]:
        """What is put in: a wheel of each is needed."""
        return tuple(step.wanted for step in self.of_kind(INSTALL, REPLACE) if step.wanted)

    def __repr__(self) -> str:
        return f"InstallPlan({list(self.steps)!r})"


def make_plan(
    installed: Iterable[InstalledDistribution],
    wanted: Iterable[WantedPackage],
    *,
    exact: bool = True,
    reinstall: Collection[str] = (),
    reinstall_all: bool = False,
    protected: Collection[str] = (),
) -> InstallPlan:
    """Return the steps that lead from *installed* to *wanted*.

    *exact* removes what is not wanted, except the names in *protected* (in an environment that pkm did
    not make: pip, setuptools and wheel). Names in *reinstall* are installed anew whatever is there.
    """
    there: dict[str, list[InstalledDistribution]] = {}
    for distribution in installed:
        there.setdefault(distribution.name, []).append(distribution)
    goal = {package.name: package for package in wanted}
    steps = []
    for name in sorted({*there, *goal}):
        present = there.get(name, [])
        package = goal.get(name)
        if package is None:
            steps.append(surplus(name, present, exact=exact, protected=protected))
        elif not present:
            steps.append(Step(INSTALL, name, (), package))
        else:
            again = reinstall_all or name in reinstall
            reason = "asked to install it again" if again else difference(present, package)
            steps.append(Step(REPLACE if reason else KEEP, name, present, package, reason))
    return InstallPlan(with_uncovered(steps))


def with_uncovered(steps: Sequence[Step]) -> list[Step]:
    """Return *steps* with those packages installed anew whose files come to light.

    Where a file of another package stands in the place of a kept one's, and the other goes or changes,
    the kept one's file has to be put there.
    """
    leaving = {step.name for step in steps if step.kind in {REPLACE, REMOVE}}
    found = list(steps)
    changed = True
    while changed:
        changed = False
        for number, step in enumerate(found):
            over = [name for one in step.installed for name in one.overridden if name in leaving]
            if step.kind == KEEP and step.wanted is not None and over:
                reason = f"files of it were replaced by those of {over[0]}"
                found[number] = Step(REPLACE, step.name, step.installed, step.wanted, reason)
                leaving.add(step.name)
                changed = True
    return found


def surplus(
    name: str, present: Sequence[InstalledDistribution], *, exact: bool, protected: Collection[str]
) -> Step:
    """Return the step for a name that is installed and not wanted."""
    if name in protected:
        return Step(KEEP, name, present, None, "came with the environment")
    if not exact:
        return Step(KEEP, name, present, None, "is not locked, and is left")
    return Step(REMOVE, name, present, None, "is not locked")


def difference(present: Sequence[InstalledDistribution], package: WantedPackage) -> str:
    """Return why what is there is not what is wanted, "" when it is."""
    if len(present) > 1:
        return "is installed more than once"
    one = present[0]
    if one.damage:
        return one.damage
    if not same_version(one.version, package.version):
        return f"{one.version or 'an unknown version'} is installed"
    if one.identity:
        other = package.identity and one.identity != package.identity
        return "another build of this version is installed" if other else ""
    if package.direct_url is None:
        return "is installed from a URL or folder" if one.direct_url or one.kind == "egg-link" else ""
    return direct_difference(one.direct_url, package.direct_url)


def direct_difference(present: str, wanted: dict[str, Any]) -> str:
    """Return how the direct_url.json of another tool differs from the one that is wanted."""
    import json

    try:
        found = json.loads(present) if present else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return "is not installed from the source that is locked"
    if normal_direct_url(found) != normal_direct_url(wanted):
        return "is installed from another source"
    return ""


def normal_direct_url(data: dict[str, Any]) -> tuple[Any, ...]:
    """Return what decides in a direct_url.json: place, commit, hash, folder inside, editable or not."""
    vcs, archive, folder = (data.get(key) or {} for key in ("vcs_info", "archive_info", "dir_info"))
    hashes = archive.get("hashes") or {}
    return (
        str(data.get("url", "")).rstrip("/"),
        data.get("subdirectory") or "",
        vcs.get("commit_id") or "",
        hashes.get("sha256") or str(archive.get("hash", "")).removeprefix("sha256="),
        bool(folder.get("editable")),
    )


def same_version(one: str, other: str) -> bool:
    """Whether two version texts mean the same version; a text that is no version only equals itself."""
    if one == other:
        return True
    if is_plain(one) and is_plain(other):
        return False
    from pkm_env.model.versions import UnreadableVersion, version_key

    try:
        return version_key(one) == version_key(other)
    except UnreadableVersion:
        return False


def is_plain(version: str) -> bool:
    """Whether a version is nothing but numbers, the last of which is not 0: it is written in one way then."""
    parts = version.split(".")
    return parts[-1] != "0" and all(part.isdecimal() and (part[0] != "0" or part == "0") for part in parts)
