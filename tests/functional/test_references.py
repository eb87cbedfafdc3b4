"""Requirements that name a place: what the lock keeps of a repository or an archive, and until when."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.projects import HEAD, lock_text, ok, write_project
from tests.support.wheels import project_members, tar_bytes, wheel_bytes


def git(folder, *words):
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *name, *words], cwd=folder, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def git_project(folder, name, version):
    """A repository with a project, and what adds a commit to it."""
    folder.mkdir()
    for path, content in project_members(name, version).items():
        (folder / path).write_bytes(content)
    git(folder, "init", "-q", "-b", "main")

    def commit():
        (folder / "count").write_text(f"{len(list(folder.iterdir()))}")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "more", "--allow-empty")
        return git(folder, "rev-parse", "HEAD")

    return commit


@pytest.mark.parametrize(
    "words", [["--upgrade"], ["--upgrade-package", "gp"], ["--refresh"], ["--refresh-package", "gp"]]
)
def test_a_branch_stays_where_it_was_locked_until_it_is_asked_for_anew(pkm, tmp_path, words):
    commit = git_project(tmp_path / "gp", "gp", "1.0")
    first = commit()
    text = HEAD + f'dependencies = ["gp @ git+{(tmp_path / "gp").as_uri()}@main"]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    second = commit()
    (project / "pyproject.toml").write_text(text.replace('"gp @', '"spam", "gp @'))
    ok(pkm("lock", cwd=project))
    assert first in lock_text(project)
    told = ok(pkm("lock", *words, cwd=project)).stdout
    assert second in lock_text(project)
    assert f"~ gp 1.0 ({first[:8]}) -> 1.0 ({second[:8]})" in told


def test_an_archive_that_changed_is_locked_anew_only_when_that_is_asked_for(pkm, tmp_path, index):
    index.add_wheel("ref", "1.0")
    name = "ref-1.0-py3-none-any.whl"
    text = HEAD + f'dependencies = ["ref @ {index.file_url(name)}"]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    before = lock_text(project)
    index.replace(name, wheel_bytes("ref", "1.0", files={"other.py": ""})[1])
    ok(pkm("cache", "clean"))
    (project / "pyproject.toml").write_text(text.replace('"ref @', '"spam", "ref @'))
    failed = pkm("lock", cwd=project)
    assert failed.code == 1
    assert "lock again with --refresh-package" in failed.stderr
    assert lock_text(project) == before
    ok(pkm("lock", "--refresh-package", "ref", cwd=project))
    assert lock_text(project) != before
    ok(pkm("sync", cwd=project))


def test_an_archive_may_hold_several_projects(pkm, tmp_path, index):
    members = {f"mono-1.0/lib/{path}": content for path, content in project_members("inner", "0.4").items()}
    index.add_bytes("mono-1.0.tar.gz", tar_bytes(members))
    address = index.file_url("mono-1.0.tar.gz")
    text = HEAD + f'dependencies = ["inner @ {address}#subdirectory=lib"]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("sync", cwd=project))
    assert list((project / ".venv").rglob("inner-0.4.dist-info"))


def test_a_file_that_an_index_replaced_is_locked_only_when_that_is_asked_for(pkm, tmp_path, index):
    """Another content under a name that is locked is what an attack looks like too."""
    index.max_age = 0
    index.add_wheel("ref", "1.0")
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["ref"]\n')
    ok(pkm("lock", cwd=project))
    before = lock_text(project)
    index.add_wheel("ref", "1.0", files={"other.py": ""})
    (project / "pyproject.toml").write_text(HEAD + 'dependencies = ["ref", "spam"]\n')
    failed = pkm("lock", cwd=project)
    assert failed.code == 1
    assert "the file ref-1.0-py3-none-any.whl is not the one that is expected" in failed.stderr
    assert "--refresh-package" in failed.stderr
    assert lock_text(project) == before
    ok(pkm("lock", "--refresh-package", "ref", cwd=project))
    ok(pkm("sync", cwd=project))
    assert list((project / ".venv").rglob("other.py"))


def test_a_lock_that_contradicts_the_wheel_of_a_file_is_refused(pkm, tmp_path, index):
    index.add_wheel("ref", "1.0")
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["ref"]\n')
    ok(pkm("lock", cwd=project))
    text = lock_text(project)
    for told, other in (
        ('name = "ref"', 'name = "rof"'),
        ('version = "1.0"\nmarker', 'version = "1.1"\nmarker'),
    ):
        (project / "pylock.toml").write_text(text.replace(told, other))
        failed = pkm("sync", "--frozen", cwd=project)
        assert failed.code == 1
        assert "is the wheel of ref 1.0" in failed.stderr
    twice = text.replace(
        "[tool.pkm]", text[text.index("[[packages]]") : text.index("[tool.pkm]")] + "[tool.pkm]", 1
    )
    (project / "pylock.toml").write_text(twice)
    assert 'two entries "ref" are for one target' in pkm("sync", "--frozen", cwd=project).stderr


@pytest.mark.parametrize("place", ["address", "address below", "path below", "group", "extra"])
def test_a_folder_that_asks_for_more_makes_the_lock_stale(pkm, tmp_path, index, place):
    index.add_wheel("leaf", "1.0")
    folder = tmp_path / "branch" / "inner" if "below" in place else tmp_path / "branch"
    write_project(folder, HEAD.replace("shop", "branch") + "dependencies = []\n")
    address = (tmp_path / "branch").as_uri()
    asked = f"branch @ {address}" + ("#subdirectory=inner" if place == "address below" else "")
    text = {
        "path below": 'dependencies = ["branch"]\n[tool.pkm.sources]\n'
        'branch = { path = "../branch", subdirectory = "inner" }\n',
        "group": f'dependencies = []\n[dependency-groups]\ndev = ["{asked}"]\n'
        '[tool.pkm.env.default]\ngroups = ["dev"]\n',
        "extra": f'dependencies = []\noptional-dependencies.more = ["{asked}"]\n'
        '[tool.pkm.env.default]\nextras = ["more"]\n',
    }.get(place, f'dependencies = ["{asked}"]\n')
    project = write_project(tmp_path / "shop", HEAD + text)
    ok(pkm("lock", cwd=project))
    assert pkm("lock", "--check", cwd=project).code == 0
    write_project(folder, HEAD.replace("shop", "branch") + 'dependencies = ["leaf"]\n')
    assert pkm("lock", "--check", cwd=project).code == 1
    assert "+ leaf 1.0" in ok(pkm("lock", cwd=project)).stdout


@pytest.fixture
def branch(tmp_path, index):
    """A folder that a project beside it depends on, and that project."""
    index.add_wheel("leaf", "1.0")
    index.add_wheel("twig", "1.0")
    write_project(tmp_path / "branch", BRANCH)
    text = HEAD + 'dependencies = ["branch"]\n[tool.pkm.sources]\nbranch = { path = "../branch" }\n'
    return tmp_path / "branch", write_project(tmp_path / "shop", text)


BRANCH = HEAD.replace("shop", "branch") + 'dependencies = ["leaf", "twig"]\n'


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + BRANCH,
        BRANCH.replace('["leaf", "twig"]', "['twig' , \n  'leaf']"),
        BRANCH + 'description = "other"\n[dependency-groups]\ndev = ["spam"]\n[tool.other]\nkey = 1\n',
    ],
    ids=["a comment", "the order", "what no answer depends on"],
)
def test_a_change_of_a_folder_that_decides_nothing_leaves_the_lock_up_to_date(pkm, branch, text):
    folder, project = branch
    ok(pkm("lock", cwd=project))
    write_project(folder, text)
    assert ok(pkm("lock", "--check", cwd=project)).stdout == "pylock.toml is up to date (1 environment)\n"
    ok(pkm("sync", "--locked", "--dry-run", cwd=project))


@pytest.mark.parametrize(
    "text",
    [
        BRANCH.replace("leaf", "leaf<9"),
        BRANCH.replace('"1.0"', '"1.1"'),
        BRANCH.replace(">=3.10", ">=3.9"),
        BRANCH + "[project.optional-dependencies]\nmore = []\n",
    ],
    ids=["a requirement", "the version", "requires-python", "an extra"],
)
def test_a_change_of_the_metadata_of_a_folder_makes_the_lock_stale(pkm, branch, text):
    folder, project = branch
    ok(pkm("lock", cwd=project))
    write_project(folder, text)
    assert pkm("lock", "--check", cwd=project).code == 1


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg", "pyproject.toml"])
def test_of_a_folder_with_dynamic_metadata_all_that_may_decide_counts(pkm, branch, name):
    folder, project = branch
    hooks = "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
    hooks += "    import os\n    os.mkdir(folder + '/branch-1.0.dist-info')\n"
    hooks += "    with open(folder + '/branch-1.0.dist-info/METADATA', 'w') as stream:\n"
    hooks += "        stream.write('Metadata-Version: 2.1\\nName: branch\\nVersion: 1.0\\n')\n"
    hooks += "    return 'branch-1.0.dist-info'\n"
    backend = '[build-system]\nrequires = []\nbuild-backend = "local"\nbackend-path = ["."]\n'
    write_project(folder, backend, {"local.py": hooks, "setup.py": "", "setup.cfg": ""})
    ok(pkm("lock", cwd=project))
    assert pkm("lock", "--check", cwd=project).code == 0
    (folder / name).write_text((folder / name).read_text() + "# a comment may be none for who reads it\n")
    assert pkm("lock", "--check", cwd=project).code == 1
