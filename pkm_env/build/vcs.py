"""Source trees from git repositories, by the git program: a mirror in the cache, a checkout per commit.

::

    CACHE/git-1/KEY/mirror.git          bare; branches and tags of the repository, as last fetched
    CACHE/git-1/KEY/checkouts/COMMIT    the tree with its history and submodules, made beside and renamed

A checkout is complete and never changes; builds get a copy of it. What is there needs no network. Names of
folders and all messages are without credentials; those go to git in variables, for their own host alone.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from pkm_build.tables import meant
from pkm_env.build.errors import CheckoutFailed
from pkm_env.build.git import GitMissing, GitProgram
from pkm_env.files import FileLock, make_directories, remove_tree
from pkm_env.index.urls import shown_url, split_credentials
from pkm_env.model.distribution import Source, repository_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUCKET = "git-1"
MIRROR = "mirror.git"
CHECKOUTS = "checkouts"
SCHEMES = frozenset(("https", "http", "ssh", "git", "file", "git+ssh", "ssh+git"))
FULL_ID = (40, 64)
SHORTEST_ID = 4
HEX = frozenset("0123456789abcdef")
# Characters that no name of a branch or tag has (git-check-ref-format), and that mean more to git.
NOT_IN_NAMES = frozenset(" ~^:?*[\\")
REFUSALS = (
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied",
    "403",
)


def checkout_around(path: str) -> str:
    """Return the top of the checkout in a cache that *path* (absolute) lies in, "" when it lies in none."""
    below, above = os.path.normpath(path), ""
    while below != above:
        above, below = below, os.path.dirname(below)
        if os.path.basename(below) == CHECKOUTS and os.path.isdir(
            os.path.join(os.path.dirname(below), MIRROR)
        ):
            return above
    return ""


class Git:
    """The repositories in a cache.

    *cache_dir* is the absolute path of pkm's cache, *environ* the variables of pkm. *credentials* gives user
    and password for a URL, None where there are none. With *offline* nothing is fetched. *warn* takes what
    the user should know. One instance fetches a repository once for each revision.
    """

    def __init__(
        self,
        cache_dir: str,
        *,
        environ: Mapping[str, str],
        credentials: Callable[[str], tuple[str, str] | None] | None = None,
        offline: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._folder = os.path.join(cache_dir, BUCKET)
        self._environ = environ
        self._credentials = credentials
        self._offline = offline
        self._warn = warn
        self._fetched: set[tuple[str, str]] = set()

    def checkout(self, source: Source) -> tuple[Source, str]:
        """Return *source* with its full commit, and the absolute path of the checkout in the cache.

        That is the top of the repository; the subdirectory of *source* is known to be in it.

        Its commit counts where it has one, else its revision: the name of a branch, else of a tag, else the
        (start of the) id of a commit; "refs/…" is taken literally; "" is the repository's default branch.

        :raises CheckoutFailed: when git, the repository, the revision or the subfolder is not to be had.
        """
        location, user = split_location(source.location)
        _check(source, location)
        program = GitProgram(self._environ, self._secrets(location, user))
        folder = os.path.join(self._folder, hashlib.sha256(location.encode()).hexdigest()[:32])
        make_directories(folder)
        work = _Repository(program, source, location, folder)
        work.offline, work.warn, work.fetched = self._offline, self._warn, self._fetched
        with FileLock(os.path.join(folder, "lock")):
            commit, path = work.checked_out()
        found = Source(
            source.kind,
            location,
            subdirectory=source.subdirectory,
            vcs="git",
            revision=source.revision,
            commit=commit,
        )
        _check_subfolder(path, found)
        return found, path

    def _secrets(self, location: str, user: tuple[str, str] | None) -> list[tuple[str, str]]:
        """Return the setting by which git sends credentials, to the host of *location* alone."""
        parts = urlsplit(location)
        if parts.scheme not in {"https", "http"}:
            # Submodules may be files of this machine only where the repository itself is (CVE-2022-39253).
            return [("protocol.file.allow", "always")] if _is_local(location) else []
        found = user or (self._credentials(location) if self._credentials else None)
        if found is None:
            return []
        token = b64encode(f"{found[0]}:{found[1]}".encode()).decode()
        return [(f"http.{parts.scheme}://{parts.netloc}/.extraHeader", f"Authorization: Basic {token}")]


class _Repository:
    """One repository in the cache, while its lock is held."""

    offline: bool
    warn: Callable[[str], None] | None
    fetched: set[tuple[str, str]]

    def __init__(self, program: GitProgram, source: Source, location: str, folder: str) -> None:
        self._program = program
        self._source = source
        self._location = location
        self._folder = folder
        self._mirror = os.path.join(folder, MIRROR)

    def checked_out(self) -> tuple[str, str]:
        """Return the full commit and the path of its checkout, made if need be."""
        revision = self._source.revision
        commit = self._source.commit or (revision if _is_full_id(revision) else "")
        if commit and os.path.isdir(self._checkout_path(commit)):
            return commit, self._checkout_path(commit)
        commit = self._present(commit) if commit else self._resolved(revision)
        path = self._checkout_path(commit)
        if not os.path.isdir(path):
            self._make_checkout(commit, path)
        return commit, path

    def _checkout_path(self, commit: str) -> str:
        return os.path.join(self._folder, CHECKOUTS, commit)

    def _present(self, commit: str) -> str:
        """Return *commit* when the mirror has it or gets it."""
        if not self._has(commit):
            self._fetch(commit)
        if not self._has(commit):
            # Not on a branch or tag: some servers give a commit to those who know its id.
            self._run("fetch", "--quiet", "--force", "--", self._location, f"{commit}:refs/pkm/{commit}")
        if not self._has(commit):
            raise self._failed("it has no such commit", "unknown-revision")
        return commit

    def _has(self, commit: str) -> bool:
        return os.path.isdir(self._mirror) and self._ask("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def _resolved(self, revision: str) -> str:
        """Return the commit that *revision* stands for now; offline, when it was last fetched."""
        self._fetch(revision)
        if not revision:
            names = ["refs/pkm/HEAD"]
        elif revision.startswith("refs/"):
            names = [revision]
        else:
            names = [f"refs/heads/{revision}", f"refs/tags/{revision}"]
            names += [revision] if _is_short_id(revision) else []
        for name in names:
            found = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if found:
                return found.strip()
        raise self._unknown(revision)

    def _unknown(self, revision: str) -> CheckoutFailed:
        if not revision:
            return self._failed("it has no default branch", "unknown-revision")
        spaces = {"refs/heads/": "branch", "refs/tags/": "tag"}
        asked = [space for space in spaces if revision.startswith(space)]
        listed = self._ask("for-each-ref", "--format=%(refname:strip=2)", *(asked or spaces)) or ""
        hint = meant(revision.removeprefix(asked[0]) if asked else revision, listed.split())
        kind = spaces[asked[0]] if asked else "branch, tag or commit"
        return self._failed(f"it has no {kind} of this name", "unknown-revision", hint)

    def _fetch(self, revision: str) -> None:
        """Bring the mirror up to date."""
        if self.offline:
            if not os.path.isdir(self._mirror):
                hint = "without --offline it would be fetched"
                raise self._failed("it is not in the cache, and pkm is offline", "offline", hint)
            return
        if (self._location, revision) in self.fetched:
            return
        if not os.path.isdir(self._mirror):
            fresh = f"{self._mirror}.{os.getpid()}"
            remove_tree(fresh)
            self._run("init", "--quiet", "--bare", "--template=", fresh, inside=False)
            os.rename(fresh, self._mirror)
        wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        wanted += ["+HEAD:refs/pkm/HEAD"] if not revision else []
        if revision.startswith("refs/") and not revision.startswith(("refs/heads/", "refs/tags/")):
            wanted.append(f"+{revision}:{revision}")
        self._run("fetch", "--quiet", "--force", "--prune", "--no-tags", "--", self._location, *wanted)
        self.fetched.add((self._location, revision))

    def _make_checkout(self, commit: str, path: str) -> None:
        """Check *commit* out beside its place, with submodules, and rename the finished tree."""
        # A name of its own keeps a commit that is on no branch from being collected.
        self._run("update-ref", f"refs/pkm/{commit}", commit)
        fresh = f"{path}.{os.getpid()}"
        remove_tree(fresh)
        make_directories(os.path.dirname(path))
        try:
            clone = (
                "clone",
                "--quiet",
                "--shared",
                "--no-checkout",
                "--template=",
                "--",
                self._mirror,
                fresh,
            )
            self._run(*clone, inside=False)
            # The tree shall know where it came from: submodules and LFS take addresses relative to that.
            self._run("config", "remote.origin.url", self._location, inside=False, cwd=fresh)
            self._run("checkout", "--quiet", "--detach", commit, inside=False, cwd=fresh)
            if os.path.lexists(os.path.join(fresh, ".gitmodules")):
                self._run("submodule", "--quiet", "update", "--init", "--recursive", inside=False, cwd=fresh)
            self._tell_of_pointers(fresh)
            os.rename(fresh, path)
        except BaseException:  # an interrupt too leaves no half clone
            remove_tree(fresh)
            raise

    def _tell_of_pointers(self, tree: str) -> None:
        """Say so when files of the tree are kept by git-lfs, and that is not installed."""
        attributes = os.path.join(tree, ".gitattributes")
        if self.warn is None or self._program.has_lfs or not os.path.isfile(attributes):
            return
        with open(attributes, encoding="utf-8", errors="replace") as stream:
            if "filter=lfs" in stream.read():
                shown = shown_url(self._location)
                self.warn(f"git-lfs is not installed: large files of {shown} are only pointers")

    def _run(self, *args: str, inside: bool = True, cwd: str | None = None) -> str:
        """Run git, in the mirror when *inside*, and return its output.

        :raises CheckoutFailed: when it ends with an error.
        """
        done = self._started(args, inside=inside, cwd=cwd)
        if done.returncode:
            raise self._refused(done.stderr)
        return done.stdout

    def _ask(self, *args: str) -> str | None:
        """Run git in the mirror and return its output, None when it says no."""
        done = self._started(args, inside=True, cwd=None)
        return None if done.returncode else done.stdout

    def _started(
        self, args: tuple[str, ...], *, inside: bool, cwd: str | None
    ) -> subprocess.CompletedProcess[str]:
        start = (f"--git-dir={self._mirror}",) if inside else ()
        try:
            return self._program.run((*start, *args), cwd=cwd or self._folder)
        except GitMissing as error:
            hint = "install git, or add it to PATH"
            raise self._failed("there is no git program", "git-missing", hint) from error
        except subprocess.TimeoutExpired as error:
            raise self._failed("git did not end within an hour", "unreachable") from error

    def _refused(self, stderr: str) -> CheckoutFailed:
        lines = [line.strip() for line in stderr.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))] or lines[-1:]
        reason = _without_secrets(telling[0] if telling else "git failed and says nothing")
        for prefix in ("fatal: ", "error: ", "ERROR: "):
            reason = reason.removeprefix(prefix)
        if any(word in stderr.lower() for word in REFUSALS):
            hint = "git's own credential helpers and ssh keys are asked, and pkm's credentials for the host"
            return self._failed(reason, "refused", hint)
        if "couldn't find remote ref" in stderr or "not our ref" in stderr:
            return self._failed(reason, "unknown-revision")
        return self._failed(reason, "unreachable")

    def _failed(self, reason: str, kind: str, hint: str = "") -> CheckoutFailed:
        revision = self._source.revision or self._source.commit
        return CheckoutFailed(shown_url(self._location), reason, kind=kind, revision=revision, hint=hint)


def split_location(location: str) -> tuple[str, tuple[str, str] | None]:
    """Return *location* without secrets, and the user and password that it held.

    Over ssh the name of the user belongs to the address; a password is of no use there and dropped.
    """
    plain, found = split_credentials(location)
    if not found:
        return location, None
    name, _, password = found.partition(":")
    if plain.partition("://")[0].lower() in {"https", "http"}:
        return plain, (unquote(name), unquote(password))
    return plain.replace("://", f"://{name}@", 1), None


def _check(source: Source, location: str) -> None:
    """Refuse what git would take for an option, a program or a place inside of the machine's own files."""
    shown = shown_url(location)
    if fault := repository_fault(location):
        raise CheckoutFailed(shown, fault, kind="refused")
    scheme, found, _ = location.partition("://")
    if found and scheme.lower() not in SCHEMES:
        raise CheckoutFailed(shown, f"git has no way {scheme!r}", kind="refused")
    revision = source.revision
    if (
        revision.startswith("-")
        or not revision.isprintable()
        or NOT_IN_NAMES & set(revision)
        or ".." in revision
    ):
        raise CheckoutFailed(shown, "this is no name of a revision", kind="refused", revision=revision)
    if source.commit and not _is_full_id(source.commit):
        raise CheckoutFailed(shown, "this is no id of a commit", kind="refused", revision=source.commit)
    parts = source.subdirectory.replace("\\", "/").split("/")
    if ".." in parts or source.subdirectory.startswith("/") or ":" in source.subdirectory:
        raise CheckoutFailed(shown, f"{source.subdirectory!r} leads outside of it", kind="subdirectory")


def _check_subfolder(path: str, source: Source) -> None:
    """Refuse a subdirectory that is not in the checkout at *path*, or leads out of it through a link."""
    found = os.path.normpath(os.path.join(path, *source.subdirectory.split("/")))
    real = os.path.realpath(found)
    inside = real == os.path.realpath(path) or real.startswith(os.path.join(os.path.realpath(path), ""))
    if not inside or not os.path.isdir(found):
        raise CheckoutFailed(
            shown_url(source.location),
            f"it has no folder {source.subdirectory!r}",
            kind="subdirectory",
            revision=source.revision or source.commit,
        )


def _is_full_id(text: str) -> bool:
    return len(text) in FULL_ID and HEX.issuperset(text)


def _is_short_id(text: str) -> bool:
    return SHORTEST_ID <= len(text) <= FULL_ID[1] and HEX.issuperset(text.lower())


def _is_local(location: str) -> bool:
    return location.startswith("file:") or os.path.isabs(unquote(location))


def _without_secrets(line: str) -> str:
    """Return a message of git with every URL in it as it may be shown."""
    return " ".join(_shown_word(word) for word in line.split(" "))


def _shown_word(word: str) -> str:
    if "://" not in word or "@" not in word:
        return word
    quote = word[:1] if word[:1] in "'\"" else ""
    return quote + shown_url(word[len(quote) :])
