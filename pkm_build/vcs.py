"""A version from git: the newest tag that looks like one, and how far the tree has gone since.

Nothing is guessed. Without a tag, in a shallow clone that hides it, or without git, the error says what to do.

Source: git-describe(1); git-archive(1), "export-subst"; version specifiers specification, "Local version identifiers".
"""

from __future__ import annotations

import os
import re

from pkm_build.errors import VersionUnknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkm_build.settings import VersionSource

TAG = r"^(?:[A-Za-z][\w.]*[-_/])?[vV]?(?P<version>\d[\w.!+-]*)$"
ARCHIVE = ".git_archival.txt"
REMEDY = "tag a release (git tag v0.1.0), or set PKM_VERSION"


def version_from_vcs(root: str, source: VersionSource, environ: Mapping[str, str]) -> str:
    """Return the version of the tree at *root*.

    :raises VersionUnknown: when git, its archive file and the tags do not tell
    """
    git = Git(root, environ)
    if not git.inside():
        archived = from_archive(root, source)
        if archived:
            return archived
        raise git.problem()
    tag, distance = nearest_tag(git, source)
    version = version_of(tag, source) or ""
    dirty = bool(git.ask("status", "--porcelain", "--untracked-files=no"))
    if distance and git.ask("rev-parse", "--is-shallow-repository") == "true":
        raise VersionUnknown(
            "the clone is shallow, so the distance to the last tag is not known",
            "git fetch --unshallow --tags (in CI: fetch-depth: 0), or set PKM_VERSION",
        )
    if not distance and not dirty:
        return version
    commit, date = git.ask(
        "log", "-1", "--no-show-signature", "--format=%H %cd", "--date=format:%Y%m%d"
    ).split()
    return render(version, distance, commit[:9], date, dirty, source.template)


def render(version: str, distance: int, commit: str, date: str, dirty: bool, template: str) -> str:
    """Return the version of a tree *distance* commits after the tag of *version*.

    At the tag itself, and clean, it is the tag's. Else distance and commit are its local part, unless a *template*
    says otherwise; changes that are not committed add ``dirty`` there.
    """
    if not distance and not dirty:
        return version
    if template:
        fields = {"tag": version, "distance": str(distance), "commit": commit, "date": date}
        made = template
        for name, value in fields.items():
            made = made.replace("{" + name + "}", value)
    else:
        made = f"{version}{'.' if '+' in version else '+'}{distance}.g{commit}" if distance else version
    if dirty:
        made += ".dirty" if "+" in made else "+dirty"
    return made


def version_of(tag: str, source: VersionSource) -> str | None:
    """Return the version that a tag states, None when the pattern does not fit."""
    match = re.match(source.tag_pattern or TAG, tag)
    if match is None:
        return None
    found = match.groupdict().get("version") or match.group(1 if match.re.groups else 0)
    from packaging.version import InvalidVersion, Version

    try:
        Version(found)
    except InvalidVersion:
        return None
    return str(found)


def nearest_tag(git: Git, source: VersionSource) -> tuple[str, int]:
    """Return the nearest tag that states a version, and the commits since; of several there, the highest.

    :raises VersionUnknown: when there is none
    """
    skipped: list[str] = []
    while True:
        found = git.ask(
            "describe",
            "--tags",
            "--long",
            "--abbrev=40",
            *[f"--exclude={tag}" for tag in skipped],
            quiet=True,
        )
        if not found:
            break
        tag, distance, _ = found.rsplit("-", 2)
        others = git.ask("tag", "--points-at", f"{tag}^{{commit}}").splitlines()
        fitting = [other for other in others if version_of(other, source)]
        if fitting:
            from packaging.version import Version

            return max(fitting, key=lambda other: Version(version_of(other, source) or "0")), int(distance)
        skipped.append(tag)
    if git.ask("rev-parse", "--is-shallow-repository") == "true":
        raise VersionUnknown(
            "the clone is shallow and holds no tag of a version",
            "git fetch --unshallow --tags (in CI: fetch-depth: 0), or set PKM_VERSION",
        )
    if not git.ask("rev-parse", "--verify", "HEAD", quiet=True):
        raise VersionUnknown("the git repository has no commit yet", "commit, and " + REMEDY)
    if skipped:
        raise VersionUnknown(f"no tag states a version (seen: {', '.join(sorted(skipped)[:3])})", REMEDY)
    raise VersionUnknown("the git repository has no tag", REMEDY)


class Git:
    """The git program, asked about the repository that the project is in."""

    def __init__(self, root: str, environ: Mapping[str, str]) -> None:
        self.root = root
        self.environ = {**environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        self.said = ""
        self.missing = False

    def ask(self, *words: str, quiet: bool = False) -> str:
        """Return what git prints, "" when *quiet* and it fails.

        :raises VersionUnknown: when it fails
        """
        import subprocess

        try:
            done = subprocess.run(
                ["git", *words],
                cwd=self.root,
                env=self.environ,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except OSError:
            self.missing = True
            return ""
        self.said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode:
            if quiet:
                return ""
            raise VersionUnknown(f"git {words[0]} failed: {self.said.partition(chr(10))[0]}", REMEDY)
        return done.stdout.decode("utf-8", "replace").strip()

    def inside(self) -> bool:
        """Return whether pyproject.toml lies in a git repository, and is tracked or could be.

        A repository around the project that ignores it does not know its version.
        """
        which = ("--cached", "--others", "--exclude-standard")
        return self.ask("ls-files", *which, "--", "pyproject.toml", quiet=True) != ""

    def problem(self) -> VersionUnknown:
        """Return the error that says why git does not give a version."""
        marked = os.path.exists(os.path.join(self.root, ".git"))
        if self.missing:
            word = "the project's version is that of a git tag, and there is no git program"
            return VersionUnknown(word, "install git, build from an sdist, or set PKM_VERSION")
        if "dubious ownership" in self.said:
            return VersionUnknown(
                "git does not trust the owner of this folder",
                f"git config --global --add safe.directory {self.root}",
            )
        if marked:
            return VersionUnknown(
                f"git does not read this repository: {self.said.splitlines()[0] if self.said else ''}"
            )
        return VersionUnknown(
            "the project's version is that of a git tag, and this is no git repository",
            "build from an sdist or a clone, or set PKM_VERSION",
        )


def from_archive(root: str, source: VersionSource) -> str:
    """Return the version in the file that ``git archive`` fills in, "" without one.

    :raises VersionUnknown: when the file is there but was not filled in, or names no tag
    """
    try:
        with open(os.path.join(root, ARCHIVE), encoding="utf-8") as stream:
            text = stream.read()
    except OSError:
        return ""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    described = fields.get("describe-name", "").strip()
    if "$Format" in text:
        raise VersionUnknown(
            f"{ARCHIVE} was not filled in, so this is no archive made by git",
            f"mark it in .gitattributes ({ARCHIVE} export-subst), or set PKM_VERSION",
        )
    match = re.match(r"^(?P<tag>.*?)(?:-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+))?$", described)
    assert match is not None  # every text matches
    version = version_of(match["tag"], source)
    if not version:
        raise VersionUnknown(f'{ARCHIVE} names no tag of a version ("{described}")', "set PKM_VERSION")
    date = fields.get("node-date", "").strip()[:10].replace("-", "")
    return render(
        version, int(match["distance"] or 0), (match["commit"] or "")[:9], date, False, source.template
    )
