"""Versions from git, real repositories."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pkm_build.errors import InvalidFile
from pkm_build.vcs import render

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the program git is not here")

HEAD = (
    '[build-system]\nrequires = []\n[project]\nname = "spam"\ndynamic = ["version"]\n'
    '[tool.pkm.version]\nsource = "vcs"\n'
)


@pytest.fixture
def project(sample):
    def make(extra="", files=()):
        return sample({"src/spam/__init__.py": "", **dict(files)}, extra, head=HEAD)

    return make


def version_of(made, **environ):
    return made.sdist(None, **environ).name.removeprefix("spam-").removesuffix(".tar.gz")


@pytest.mark.parametrize("tag", ["v1.2.3", "1.2.3", "spam-1.2.3", "spam-v1.2.3", "release/1.2.3", "V1.2.3"])
def test_the_version_is_that_of_the_tag(project, tag):
    assert version_of(project().commit(tag)) == "1.2.3"


def test_commits_since_the_tag_are_the_local_part(project):
    made = project().commit("v1.2").commit().commit()
    commit = made.git("rev-parse", "HEAD")[:9]
    assert version_of(made) == f"1.2+2.g{commit}"


def test_changes_that_are_not_committed_are_said(project):
    made = project().commit("v1.2")
    made.write({"src/spam/__init__.py": "x = 1"})
    assert version_of(made) == "1.2+dirty"


def test_a_version_file_is_not_written_through_a_link_out_of_the_project(project, tmp_path):
    (tmp_path / "elsewhere").write_text("kept")
    ignored = {".gitignore": "_version.py\n"}
    made = project('write-to = "src/spam/_version.py"\n', ignored).commit("v1.2")
    (made.root / "src/spam/_version.py").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidFile, match=r"version\.write-to: .* is a link that leaves the project"):
        made.editable()
    assert (tmp_path / "elsewhere").read_text() == "kept"


def test_git_is_asked_four_times_at_a_tag(project, tmp_path):
    made = project().commit("v1.2")
    trace = tmp_path / "trace"
    assert version_of(made, GIT_TRACE=str(trace)) == "1.2"
    calls = [line.partition("built-in: git ")[2] for line in trace.read_text().splitlines()]
    assert [call.split()[0] for call in calls if call] == ["ls-files", "describe", "tag", "status"]


def test_of_several_tags_on_a_commit_the_highest_version_counts(project):
    made = project().commit("v1.9")
    made.git("tag", "v1.10")
    made.git("tag", "nightly")
    assert version_of(made) == "1.10"


def test_tags_that_state_no_version_are_passed_over(project):
    made = project().commit("v1.0").commit("latest")
    assert version_of(made).startswith("1.0+1.g")


def test_a_tag_pattern_chooses_among_tags(project):
    made = project('tag-pattern = "^spam/v(?P<version>.*)$"\n').commit("spam/v2.0").commit("eggs/v9.0")
    assert version_of(made).startswith("2.0+1.g")


def test_a_template_says_what_a_version_between_tags_looks_like(project):
    made = project('template = "{tag}.post{distance}+{commit}.d{date}"\n').commit("v1.0").commit()
    commit, date = made.git("log", "-1", "--format=%H %cd", "--date=format:%Y%m%d").split()
    assert version_of(made) == f"1.0.post1+{commit[:9].lstrip('0')}.d{date}" or commit[:9].isdigit()
    made.git("tag", "v1.1")
    assert version_of(made) == "1.1"


def test_the_version_file_is_in_both_archives_and_in_an_editable_tree(project, unpack):
    made = project('write-to = "src/spam/_version.py"\n', {".gitignore": "_version.py\n"}).commit("v3.0")
    wheel = made.wheel()
    assert b'__version__ = version = "3.0"' in wheel.files["spam/_version.py"]
    assert not (made.root / "src/spam/_version.py").exists()
    sdist = made.sdist()
    assert sdist.files["src/spam/_version.py"] == wheel.files["spam/_version.py"]
    assert unpack(sdist).wheel().raw == wheel.raw
    made.editable()
    assert (made.root / "src/spam/_version.py").read_bytes() == wheel.files["spam/_version.py"]


def test_a_shallow_clone_without_the_tag_is_refused_with_the_remedy(project, tmp_path):
    made = project().commit("v1.0").commit()
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{made.root}", str(clone)],
        check=True,
        capture_output=True,
    )
    made.root = clone
    with pytest.raises(InvalidFile, match=r"7:1: tool\.pkm\.version\.source: .*shallow") as caught:
        made.wheel()
    assert "git fetch --unshallow" in str(caught.value)


def test_a_shallow_clone_at_the_tag_is_exact(project, tmp_path):
    made = project().commit("v1.0")
    clone = tmp_path / "clone"
    command = ["git", "clone", "-q", "--depth=1", "--branch=v1.0", f"file://{made.root}", str(clone)]
    subprocess.run(command, check=True, capture_output=True)
    made.root = clone
    assert version_of(made) == "1.0"


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda made: made, "no git repository"),
        (lambda made: made.git("init", "-q"), "no commit yet"),
        (lambda made: made.commit(), "has no tag"),
        (lambda made: made.commit("latest"), "no tag states a version"),
    ],
)
def test_no_version_is_made_up(project, prepare, words):
    made = project()
    prepare(made)
    with pytest.raises(InvalidFile, match=words) as caught:
        made.wheel()
    assert "PKM_VERSION" in str(caught.value)


def test_without_the_program_the_error_says_so(project, tmp_path):
    made = project().commit("v1.0")
    with pytest.raises(InvalidFile, match="no git program"):
        made.wheel(None, PATH=str(tmp_path))


def test_pkm_version_needs_no_repository(project):
    assert version_of(project(), PKM_VERSION="7.0") == "7.0"


def test_a_repository_that_ignores_the_project_does_not_know_its_version(project, tmp_path):
    made = project()
    (tmp_path / ".gitignore").write_text("project/\n")
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x"],
        ["tag", "v5.0"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(InvalidFile, match="no git repository"):
        made.wheel()


@pytest.mark.parametrize(
    ("described", "expected"),
    [("v1.4", "1.4"), ("v1.4-3-g0123456789", "1.4+3.g012345678")],
)
def test_an_archive_made_by_git_knows_its_version(project, described, expected):
    text = f"node: 0123456789\nnode-date: 2026-01-02T03:04:05+00:00\ndescribe-name: {described}\n"
    assert version_of(project("", {".git_archival.txt": text})) == expected


def test_an_archive_file_that_was_not_filled_in_is_refused(project):
    with pytest.raises(InvalidFile, match="not filled in"):
        project("", {".git_archival.txt": "describe-name: $Format:%(describe)$\n"}).wheel()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("1.0", 0, "abc", "20260101", False, ""), "1.0"),
        (("1.0", 0, "abc", "20260101", True, ""), "1.0+dirty"),
        (("1.0", 2, "abc", "20260101", True, ""), "1.0+2.gabc.dirty"),
        (("1.0+x", 2, "abc", "20260101", False, ""), "1.0+x.2.gabc"),
        (("1.0", 2, "abc", "20260101", False, "{tag}.dev{distance}"), "1.0.dev2"),
    ],
)
def test_rendering_a_version(arguments, expected):
    assert render(*arguments) == expected


def test_a_pattern_that_is_no_regular_expression_is_refused(project):
    with pytest.raises(InvalidFile, match="regular expression"):
        project('tag-pattern = "("\n').commit("v1.0").wheel()


def test_a_tag_that_is_no_version_is_passed_over(project):
    assert version_of(project().commit("v1.0").commit("v2.0.final.really")).startswith("1.0+1.g")


def test_an_archive_of_a_tree_without_a_tag_is_refused(project):
    with pytest.raises(InvalidFile, match="names no tag of a version"):
        project("", {".git_archival.txt": "describe-name: latest\n"}).wheel()


def test_a_broken_repository_is_said_so(project):
    made = project().commit("v1.0")
    (made.root / ".git/HEAD").write_text("nonsense")
    with pytest.raises(InvalidFile, match="git"):
        made.wheel()


def test_the_version_file_can_be_plain_text(project):
    wheel = project('write-to = "src/spam/VERSION"\n').commit("v3.0").wheel()
    assert wheel.files["spam/VERSION"] == b"3.0\n"


def test_a_version_file_outside_of_the_packages_is_in_the_sdist(project):
    made = project('write-to = "VERSION"\n').commit("v3.0")
    assert made.sdist().files["VERSION"] == b"3.0\n"
