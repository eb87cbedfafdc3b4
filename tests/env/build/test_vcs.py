from __future__ import annotations

import base64
import http.server
import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pkm_env.build.errors import CheckoutFailed
from pkm_env.build.vcs import Git, checkout_around, split_location
from pkm_env.model.distribution import Source
from tests.support.projects import clean_environ
from tests.support.wheels import project_members

if TYPE_CHECKING:
    from collections.abc import Iterator


class Repository:
    """A repository on disk."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.root = root
        who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        self.environ = {**environ, **who}
        root.mkdir()
        self.git("init", "--quiet", "--initial-branch=trunk")

    def git(self, *args: str) -> str:
        command = ["git", "-c", "protocol.file.allow=always", *args]
        return subprocess.run(
            command, cwd=self.root, env=self.environ, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.root / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return clean_environ(tmp_path / "home")


@pytest.fixture
def upstream(tmp_path: Path, environ: dict[str, str]) -> Repository:
    return Repository(tmp_path / "upstream", environ)


@pytest.fixture
def git(tmp_path: Path, environ: dict[str, str]) -> Git:
    return Git(str(tmp_path / "cache"), environ=environ)


def _source(upstream: Repository, revision: str = "", **how: str) -> Source:
    return Source("vcs", str(upstream.root), vcs="git", revision=revision, **how)


def _text(path: str, name: str = "file") -> str:
    with open(os.path.join(path, name)) as stream:
        return stream.read()


def test_default_branch_is_what_the_repository_says(git: Git, upstream: Repository) -> None:
    commit = upstream.commit(file="1")
    found, path = git.checkout(_source(upstream))
    assert (found.commit, found.revision, found.location) == (commit, "", str(upstream.root))
    assert _text(path) == "1"


def test_revision_is_a_branch_a_tag_or_the_start_of_an_id(git: Git, upstream: Repository) -> None:
    first = upstream.commit(file="1")
    upstream.git("tag", "-a", "v1", "-m", "annotated")
    upstream.git("branch", "side/line")
    second = upstream.commit(file="2")
    for revision, commit in {
        "v1": first,
        "side/line": first,
        "trunk": second,
        "refs/tags/v1": first,
        first[:8]: first,
        second: second,
    }.items():
        assert git.checkout(_source(upstream, revision))[0].commit == commit


def test_branch_comes_before_a_tag_of_the_same_name(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    upstream.git("tag", "same")
    upstream.git("branch", "same")
    second = upstream.commit(file="2")
    upstream.git("branch", "--force", "same", second)
    assert git.checkout(_source(upstream, "same"))[0].commit == second


def test_moved_branch_is_followed_until_a_commit_is_locked(
    tmp_path: Path, environ: dict[str, str], upstream: Repository
) -> None:
    first = upstream.commit(file="1")
    cache = str(tmp_path / "cache")
    locked, _ = Git(cache, environ=environ).checkout(_source(upstream, "trunk"))
    second = upstream.commit(file="2")
    assert Git(cache, environ=environ).checkout(_source(upstream, "trunk"))[0].commit == second
    found, path = Git(cache, environ=environ).checkout(locked)
    assert (found.commit, _text(path)) == (first, "1")


def test_rewritten_history_is_followed_too(
    tmp_path: Path, environ: dict[str, str], upstream: Repository
) -> None:
    upstream.commit(file="1")
    git = Git(str(tmp_path / "cache"), environ=environ)
    git.checkout(_source(upstream))
    upstream.git("commit", "--quiet", "--amend", "-m", "other")
    again = Git(str(tmp_path / "cache"), environ=environ)
    assert again.checkout(_source(upstream))[0].commit == upstream.git("rev-parse", "HEAD")


def test_commit_on_no_branch_is_asked_for_by_its_id(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    hidden = upstream.commit(file="2")
    upstream.git("update-ref", "refs/pull/7/head", hidden)
    upstream.git("reset", "--quiet", "--hard", "HEAD~1")
    upstream.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert git.checkout(_source(upstream, hidden))[0].commit == hidden
    assert git.checkout(_source(upstream, "refs/pull/7/head"))[0].commit == hidden


def test_what_is_checked_out_needs_no_repository_any_more(
    tmp_path: Path, environ: dict[str, str], git: Git, upstream: Repository
) -> None:
    upstream.commit(file="1")
    locked, path = git.checkout(_source(upstream, "trunk"))
    upstream.root.rename(tmp_path / "gone")
    offline = Git(str(tmp_path / "cache"), environ=environ, offline=True)
    assert offline.checkout(locked)[1] == path
    assert offline.checkout(_source(upstream, "trunk"))[1] == path


def test_offline_a_repository_that_was_never_fetched_is_an_error(
    tmp_path: Path, environ: dict[str, str], upstream: Repository
) -> None:
    upstream.commit(file="1")
    with pytest.raises(CheckoutFailed) as caught:
        Git(str(tmp_path / "cache"), environ=environ, offline=True).checkout(_source(upstream))
    assert caught.value.kind == "offline"


def test_unknown_revision_is_told_with_what_comes_near(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    upstream.git("tag", "v1.0.0")
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream, "v1.0"))
    assert (caught.value.kind, caught.value.revision) == ("unknown-revision", "v1.0")
    assert caught.value.hint == 'did you mean "v1.0.0"?'
    assert str(caught.value) == (
        f"the repository {upstream.root} at v1.0 can't be had: it has no branch, tag or commit of this name"
    )


def test_unknown_tag_is_compared_with_tags_alone(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    upstream.git("tag", "v1.0.0")
    upstream.git("branch", "v1.0.1")
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream, "refs/tags/v1.0.1"))
    assert caught.value.reason == "it has no tag of this name"
    assert caught.value.hint == 'did you mean "v1.0.0"?'


@pytest.mark.parametrize("revision", ["0" * 40, "refs/heads/absent"])
def test_unknown_commit_and_ref_are_unknown_revisions(git: Git, upstream: Repository, revision: str) -> None:
    upstream.commit(file="1")
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream, revision))
    assert caught.value.kind == "unknown-revision"


def test_empty_repository_has_nothing_to_check_out(git: Git, upstream: Repository) -> None:
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream))
    assert caught.value.kind == "unknown-revision"


def test_missing_repository_is_unreachable(git: Git, tmp_path: Path) -> None:
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(Source("vcs", str(tmp_path / "absent"), vcs="git"))
    assert caught.value.kind == "unreachable"


def test_missing_git_is_told(tmp_path: Path, upstream: Repository) -> None:
    upstream.commit(file="1")
    with pytest.raises(CheckoutFailed, match="no git program") as caught:
        Git(str(tmp_path / "cache"), environ={"PATH": str(tmp_path)}).checkout(_source(upstream))
    assert caught.value.kind == "git-missing"


def test_top_of_the_repository_is_returned_when_a_subfolder_is_asked_for(
    git: Git, upstream: Repository
) -> None:
    upstream.commit(a__b__file="1", file="top")
    found, path = git.checkout(_source(upstream, subdirectory="a/b"))
    assert (found.subdirectory, _text(path)) == ("a/b", "top")


@pytest.mark.parametrize("subfolder", ["absent", "../..", "a/../../..", "/etc", "file", "out"])
def test_subfolder_that_is_absent_or_outside_is_refused(
    git: Git, upstream: Repository, subfolder: str
) -> None:
    upstream.commit(file="1")
    (upstream.root / "out").symlink_to("/")
    upstream.commit(other="1")
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream, subdirectory=subfolder))
    assert caught.value.kind == "subdirectory"


def test_submodules_come_along(tmp_path: Path, git: Git, upstream: Repository) -> None:
    inner = Repository(tmp_path / "inner", upstream.environ)
    inner.commit(file="inner")
    upstream.commit(file="1")
    upstream.git("submodule", "--quiet", "add", "../inner", "sub")
    upstream.commit(file="2")
    assert _text(git.checkout(_source(upstream))[1], "sub/file") == "inner"


def test_tree_knows_tags_and_its_origin_as_version_tools_need(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    upstream.git("tag", "v1.2")
    upstream.commit(file="2")
    _, path = git.checkout(_source(upstream))
    told = [
        subprocess.check_output(["git", "-C", path, *args], text=True).strip()
        for args in (["describe", "--tags"], ["config", "remote.origin.url"], ["status", "--porcelain"])
    ]
    assert told[0].startswith("v1.2-1-g")
    assert told[1:] == [str(upstream.root), ""]


def test_pointers_of_lfs_are_warned_of_where_it_is_missing(
    tmp_path: Path, environ: dict[str, str], upstream: Repository
) -> None:
    upstream.commit(file="1")
    (upstream.root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    upstream.git("-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "-A")
    upstream.git("commit", "--quiet", "-m", "x")
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in environ["PATH"].split(os.pathsep):
        for name in ("git", "sh", "sed", "uname", "basename"):
            if os.path.exists(os.path.join(folder, name)) and not (programs / name).exists():
                (programs / name).symlink_to(os.path.join(folder, name))
    warnings: list[str] = []
    bare = {**environ, "PATH": str(programs)}
    Git(str(tmp_path / "cache"), environ=bare, warn=warnings.append).checkout(_source(upstream))
    assert warnings == [f"git-lfs is not installed: large files of {upstream.root} are only pointers"]


@pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not here")
def test_files_of_lfs_are_fetched(git: Git, upstream: Repository) -> None:
    large = "no pointer\n" * 1000
    upstream.git("lfs", "install", "--local")
    upstream.commit(**{".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    first = upstream.commit(**{"data/large.bin": large})
    second = upstream.commit(**{"data/large.bin": large * 2})
    assert "git-lfs" in upstream.git("cat-file", "blob", "HEAD:data/large.bin")
    for commit, text in ((second, large * 2), (first, large)):
        _, path = git.checkout(_source(upstream, commit))
        assert _text(path, "data/large.bin") == text


@pytest.mark.parametrize(
    "location",
    ["--upload-pack=touch x", "ext::sh -c touch% x", "", "http://a\nb", "gopher://a/b", "fd::17"],
)
def test_location_that_git_would_run_is_refused(git: Git, location: str) -> None:
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(Source("vcs", location, vcs="git"))
    assert caught.value.kind == "refused"


@pytest.mark.parametrize("revision", ["--output=x", "a b", "v1..v2", "HEAD~1", "a:b", "@{-1}^", "\x1b[2J"])
def test_revision_that_git_would_read_otherwise_is_refused(
    git: Git, upstream: Repository, revision: str
) -> None:
    upstream.commit(file="1")
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream, revision))
    assert caught.value.kind == "refused"
    assert str(caught.value).isprintable()


def test_commit_that_is_no_id_is_refused(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    with pytest.raises(CheckoutFailed) as caught:
        git.checkout(_source(upstream, commit="trunk"))
    assert caught.value.kind == "refused"


def test_failed_checkout_leaves_nothing_and_the_next_one_works(
    tmp_path: Path, git: Git, upstream: Repository
) -> None:
    inner = Repository(tmp_path / "inner", upstream.environ)
    inner.commit(file="inner")
    upstream.commit(file="1")
    upstream.git("submodule", "--quiet", "add", "../inner", "sub")
    upstream.commit(file="2")
    inner.root.rename(tmp_path / "away")
    with pytest.raises(CheckoutFailed):
        git.checkout(_source(upstream))
    assert not list((tmp_path / "cache").glob("*/*/checkouts/*"))
    (tmp_path / "away").rename(inner.root)
    assert _text(git.checkout(_source(upstream))[1], "sub/file") == "inner"


def test_processes_that_want_the_same_commit_wait_for_each_other(
    tmp_path: Path, environ: dict[str, str], upstream: Repository
) -> None:
    upstream.commit(file="1")

    def one(_: int) -> str:
        return Git(str(tmp_path / "cache"), environ=environ).checkout(_source(upstream))[1]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(4)))) == 1


def test_hooks_of_the_user_do_not_run(tmp_path: Path, environ: dict[str, str], upstream: Repository) -> None:
    upstream.commit(file="1")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text("#!/bin/sh\ntouch ran\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "home" / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n\tautocrlf = true\n")
    _, path = Git(str(tmp_path / "cache"), environ=environ).checkout(_source(upstream))
    assert not os.path.exists(os.path.join(path, "ran"))


def test_repository_that_pkm_was_started_in_has_no_influence(
    tmp_path: Path, environ: dict[str, str], upstream: Repository
) -> None:
    upstream.commit(file="1")
    tied = {**environ, "GIT_DIR": str(tmp_path / "other"), "GIT_WORK_TREE": str(tmp_path)}
    assert _text(Git(str(tmp_path / "cache"), environ=tied).checkout(_source(upstream))[1]) == "1"


def test_half_made_checkout_is_made_again(git: Git, upstream: Repository) -> None:
    upstream.commit(file="1")
    _, path = git.checkout(_source(upstream))
    os.rename(path, f"{path}.{os.getpid()}")
    os.unlink(f"{path}.{os.getpid()}/file")
    assert _text(git.checkout(_source(upstream))[1]) == "1"


class _Guarded(http.server.SimpleHTTPRequestHandler):
    """Serves a repository to who brings the password, by git's plain protocol."""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        if given == "Basic " + base64.b64encode(b"me:pass word").decode():
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def guarded(upstream: Repository) -> Iterator[str]:
    upstream.commit(file="1")
    upstream.git("update-server-info")

    class Handler(_Guarded):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(upstream.root / ".git"))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def _everything(folder: Path) -> bytes:
    return b"".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")
    )


def test_credentials_open_the_repository_and_are_kept_nowhere(
    tmp_path: Path, environ: dict[str, str], guarded: str
) -> None:
    git = Git(str(tmp_path / "cache"), environ=environ)
    found, path = git.checkout(Source("vcs", f"http://me:pass%20word@{guarded}", vcs="git"))
    assert found.location == f"http://{guarded}"
    assert _text(path) == "1"
    kept = _everything(tmp_path / "cache")
    assert b"pass%20word" not in kept
    assert b"pass word" not in kept
    assert base64.b64encode(b"me:pass word") not in kept


def test_credentials_of_pkm_are_asked_for_the_location(
    tmp_path: Path, environ: dict[str, str], guarded: str
) -> None:
    asked: list[str] = []

    def credentials(url: str) -> tuple[str, str]:
        asked.append(url)
        return "me", "pass word"

    git = Git(str(tmp_path / "cache"), environ=environ, credentials=credentials)
    assert _text(git.checkout(Source("vcs", f"http://{guarded}", vcs="git"))[1]) == "1"
    assert asked == [f"http://{guarded}"]


def test_refusal_is_told_without_the_password(tmp_path: Path, environ: dict[str, str], guarded: str) -> None:
    with pytest.raises(CheckoutFailed) as caught:
        Git(str(tmp_path / "cache"), environ=environ).checkout(
            Source("vcs", f"http://me:wrong-password@{guarded}", vcs="git")
        )
    assert caught.value.kind == "refused"
    assert "wrong-password" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://me:pw@host/x", ("https://host/x", ("me", "pw"))),
        ("https://token@host/x", ("https://host/x", ("token", ""))),
        ("ssh://git@host/x", ("ssh://git@host/x", None)),
        ("ssh://git:pw@host/x", ("ssh://git@host/x", None)),
        ("git@host:x", ("git@host:x", None)),
        ("/a/b", ("/a/b", None)),
    ],
)
def test_secrets_are_taken_out_of_locations(location: str, expected: tuple[str, object]) -> None:
    assert split_location(location) == expected


@pytest.mark.parametrize("subfolder", ["", "a/b"])
def test_project_of_a_repository_is_built_from_a_copy_of_its_checkout(
    tmp_path: Path, git: Git, upstream: Repository, bench, subfolder: str
) -> None:
    upstream.commit(file="1")
    for name, content in project_members("spam", "1.0", requires=["eggs"]).items():
        (upstream.root / subfolder).mkdir(parents=True, exist_ok=True)
        (upstream.root / subfolder / name).write_bytes(content)
    upstream.commit(file="2")
    _, path = git.checkout(_source(upstream, subdirectory=subfolder))
    before = _everything(tmp_path / "cache")
    request = bench.request(Path(path) / subfolder)
    assert bench.frontend.wheel(request, str(bench.out))[1].requires == ("eggs",)
    assert _everything(tmp_path / "cache") == before


def test_checkout_is_known_by_its_place_in_a_cache(git: Git, upstream: Repository, tmp_path: Path) -> None:
    upstream.commit(a__file="1")
    _, path = git.checkout(_source(upstream))
    assert checkout_around(path) == checkout_around(os.path.join(path, "a")) == path
    assert checkout_around(str(tmp_path / "checkouts" / "spam")) == ""
    assert checkout_around(os.sep) == ""
