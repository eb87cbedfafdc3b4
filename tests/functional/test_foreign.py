"""``pkm env sync --from``: pylock files that other tools wrote, and what of them is refused."""

from __future__ import annotations

import json
import sys

import pytest
from uv import find_uv_bin

from tests.support.projects import HEAD, clean_environ, ok, run_program, write_project

TOML = (
    HEAD
    + """\
dependencies = ["spam"]

[dependency-groups]
test = ["ham", "eggs<2"]

[tool.pkm.env.test]
groups = ["test"]
"""
)


def installed(venv):
    return sorted(path.name for path in venv.glob("lib/python*/site-packages/*.dist-info"))


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "shop", TOML)


@pytest.fixture
def exported(project, tmp_path, index):
    """The project with a file that uv exported: its dependencies and the group "test"."""
    uv = find_uv_bin()
    environ = {
        **clean_environ(tmp_path / "uv"),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_NO_CONFIG": "1",
    }
    words = ("--python", sys.executable, "--default-index", index.url)
    run_program(uv, "lock", *words, cwd=project, env=environ)
    run_program(
        uv, "export", *words, "--format", "pylock.toml", "--group", "test", "-o", "pylock.uv.toml",
        cwd=project, env=environ,
    )  # fmt: skip
    return project


def test_a_file_that_uv_exported_is_installed(pkm, exported, index):
    said = ok(pkm("sync", "--from", "pylock.uv.toml", cwd=exported)).stdout
    assert "Made .venv with Python" in said
    assert installed(exported / ".venv") == [
        "eggs-1.0.dist-info",
        "ham-1.0.dist-info",
        "spam-1.0.dist-info",
    ]
    assert not (exported / "pylock.toml").exists()
    assert index.count("/simple/") == index.count("/simple/", status=200)


def test_of_an_index_that_the_file_names_no_page_is_asked_for(pkm, exported, index):
    index.forget()
    ok(pkm("sync", "--from", "pylock.uv.toml", cwd=exported))
    assert index.count("/simple/") == 0
    assert index.count(".whl", status=200) == 3


def test_a_second_sync_from_the_same_file_finds_nothing_to_do(pkm, exported):
    ok(pkm("sync", "--from", "pylock.uv.toml", cwd=exported))
    assert (
        ok(pkm("sync", "--from", "pylock.uv.toml", cwd=exported)).stdout
        == "default is in sync (3 packages)\n"
    )
    assert pkm("sync", "--from", "pylock.uv.toml", "--check", cwd=exported).code == 0


def test_a_sync_without_from_follows_the_lock_again(pkm, exported):
    ok(pkm("sync", "--from", "pylock.uv.toml", cwd=exported))
    assert "~ spam 1.0 -> 2.0" in ok(pkm("sync", cwd=exported)).stdout
    assert installed(exported / ".venv") == ["eggs-2.0.dist-info", "spam-2.0.dist-info"]


def test_a_file_that_pip_locked_is_installed(pkm, project, tmp_path, index):
    run_program(
        sys.executable, "-m", "pip", "lock", "--index-url", index.url, "--disable-pip-version-check",
        "spam<2", "-o", project / "pylock.pip.toml", env=clean_environ(tmp_path / "pip"), cwd=project,
    )  # fmt: skip
    found = ok(pkm("sync", "--from", "pylock.pip.toml", "--json", cwd=project))
    (told,) = json.loads(found.stdout)
    assert told["packages"] == 2
    assert installed(project / ".venv") == ["eggs-2.0.dist-info", "spam-1.0.dist-info"]


def test_the_group_named_like_the_environment_is_taken_from_a_file_with_groups(pkm, tmp_path, project):
    ok(pkm("lock", cwd=project))
    other = write_project(tmp_path / "other", TOML.replace('["spam"]', "[]"))
    (other / "pylock.shared.toml").write_text((project / "pylock.toml").read_text())
    ok(pkm("sync", "default", "test", "--from", "pylock.shared.toml", cwd=other))
    assert installed(other / ".venv") == ["eggs-2.0.dist-info", "spam-2.0.dist-info"]
    assert installed(other / ".pkm/envs/test") == [
        "eggs-1.0.dist-info",
        "ham-1.0.dist-info",
        "spam-1.0.dist-info",
    ]


def test_a_file_in_the_form_of_pdm_is_installed(pkm, project, index):
    """Its groups stand in markers beside conditions, and it has no sizes, only hashes."""
    wheel = {name: index.file(f"{name}-1.0-py3-none-any.whl") for name in ("spam", "ham")}
    blocks = [
        f"""
[[packages]]
name = "{name}"
version = "1.0"
requires-python = ">=3.8"
wheels = [
    {{name = "{file.filename}", url = "{index.file_url(file.filename)}", hashes = {{sha256 = "{file.sha256}"}}}},
]
marker = "\\"{group}\\" in dependency_groups and python_version >= \'3.10\'"

[packages.tool.pdm]
dependencies = ["eggs"]
"""
        for (name, file), group in zip(wheel.items(), ("default", "test"), strict=True)
    ]
    (project / "pylock.toml").write_text(
        'lock-version = "1.0"\nrequires-python = ">=3.10"\nenvironments = ["python_version >= \\"3.10\\""]\n'
        'extras = []\ndependency-groups = ["test"]\ndefault-groups = ["default"]\ncreated-by = "pdm"\n'
        + "".join(blocks)
    )
    ok(pkm("sync", "default", "test", "--from", "pylock.toml", cwd=project))
    assert installed(project / ".venv") == ["spam-1.0.dist-info"]
    assert installed(project / ".pkm/envs/test") == ["ham-1.0.dist-info"]


def test_the_groups_of_an_environment_come_with_the_default_ones_where_no_group_is_named_like_it(
    pkm, project, index
):
    text = (project / "pyproject.toml").read_text().replace("env.test", "env.checks")
    (project / "pyproject.toml").write_text(text)
    entries = locked(index, spam="'default' in dependency_groups", ham="'test' in dependency_groups")
    write(project, f'dependency-groups = ["test", "docs"]\ndefault-groups = ["default"]\n{entries}')
    told = ok(pkm("sync", "checks", "--from", "pylock.toml", cwd=project)).stderr
    assert installed(project / ".pkm/envs/checks") == ["ham-1.0.dist-info", "spam-1.0.dist-info"]
    assert "note:" not in told


def test_the_extras_of_an_environment_are_taken_from_a_file_with_extras(pkm, project, index):
    text = (project / "pyproject.toml").read_text()
    extra = '[project.optional-dependencies]\nRed_Hot = ["ham"]\nother = []\n[dependency-groups]'
    text = text.replace("[dependency-groups]", extra) + 'extras = ["red.hot"]\n'
    (project / "pyproject.toml").write_text(text)
    entries = locked(index, spam="'other' not in extras", ham="'red-hot' in extras")
    write(project, f'extras = ["other", "red-hot"]\n{entries}')
    ok(pkm("sync", "default", "test", "--from", "pylock.toml", cwd=project))
    assert installed(project / ".venv") == ["spam-1.0.dist-info"]
    assert installed(project / ".pkm/envs/test") == ["ham-1.0.dist-info", "spam-1.0.dist-info"]


def test_a_group_that_the_file_does_not_have_is_told(pkm, project):
    write(project, 'dependency-groups = ["docs"]\ndefault-groups = ["docs"]\npackages = []\n')
    said = ok(pkm("sync", "test", "--from", "pylock.toml", "--dry-run", cwd=project)).stderr
    assert 'no group "test" (but docs): its default groups are installed' in said


def write(project, text, version="1.0"):
    (project / "pylock.toml").write_text(f'lock-version = "{version}"\ncreated-by = "hand"\n{text}')


def locked(index, **markers):
    """Entries of the release 1.0 of packages, with their markers."""
    files = {name: index.file(f"{name}-1.0-py3-none-any.whl") for name in markers}
    return "".join(
        f'[[packages]]\nname = "{name}"\nversion = "1.0"\nmarker = "{markers[name]}"\n'
        f'wheels = [{{ url = "{index.file_url(file.filename)}", hashes = {{ sha256 = "{file.sha256}" }} }}]\n'
        for name, file in files.items()
    )


SPAM = '[[packages]]\nname = "spam"\nversion = "1.0"\n'
HASH = '{ sha256 = "' + "0" * 64 + '" }'
REFUSED = {
    "another major version": ("packages = []", "2.0", 'lock-version "2.0" is not understood'),
    "a Python that is not admitted": (
        f'{SPAM}requires-python = "<3"\ndirectory = {{ path = "." }}',
        "1.0",
        "'<3' for package 'spam'",
    ),
    "no admitted environment": (
        "environments = [\"sys_platform == 'plan9'\"]\npackages = []",
        "1.0",
        "does not satisfy any of the environments",
    ),
    "attestations": (
        f'{SPAM}directory = {{ path = "." }}\n[[packages.attestation-identities]]\nkind = "X"',
        "1.0",
        "asks for attestations of spam",
    ),
    "no file that fits": (
        f'{SPAM}wheels = [{{ name = "spam-1.0-cp27-none-any.whl", url = "https://host.example/x", hashes = {HASH} }}]',
        "1.0",
        "No wheel found matching the provided tags for package 'spam'",
    ),
    "an archive that does not fit": (
        f'{SPAM}archive = {{ url = "https://host.example/spam-1.0-cp27-none-any.whl", hashes = {HASH} }}',
        "1.0",
        "spam-1.0-cp27-none-any.whl",
    ),
    "digests that nobody can check": (
        f'{SPAM}wheels = [{{ url = "https://host.example/spam-1.0-py3-none-any.whl", hashes = {{ odd = "12" }} }}]',
        "1.0",
        "the digests of spam are of no kind that pkm can check (odd)",
    ),
    "a digest that is a path": (
        f'{SPAM}wheels = [{{ url = "https://host.example/spam-1.0-py3-none-any.whl", hashes = {{ md5 = "../x" }} }}]',
        "1.0",
        "what it has as a digest of spam is none",
    ),
    "another version control": (
        f'{SPAM}vcs = {{ type = "hg", url = "https://host.example/x", commit-id = "abc" }}',
        "1.0",
        "spam comes from a hg repository",
    ),
    "a marker of a package": (
        f'{SPAM}marker = "extra == \'red\'"\ndirectory = {{ path = "." }}',
        "1.0",
        "has a marker that means nothing in a lock: ",
    ),
    "extras compared": (
        f'{SPAM}marker = "extras == \'red\'"\ndirectory = {{ path = "." }}',
        "1.0",
        "has a marker that means nothing in a lock: ",
    ),
    "two of one name": (
        f'{SPAM}directory = {{ path = "." }}\n{SPAM}directory = {{ path = "." }}',
        "1.0",
        "Multiple packages with the name 'spam'",
    ),
    "a fault of its form": ("packages = 1", "1.0", "pylock.toml: "),
    "no TOML": ("packages = [", "1.0", "pylock.toml:"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_honoured_is_refused_by_name(pkm, project, kind):
    text, version, reason = REFUSED[kind]
    write(project, text, version)
    result = pkm("sync", "--from", "pylock.toml", cwd=project)
    assert result.code == 1
    assert reason in result.stderr
    assert not (project / ".venv").exists()


def test_a_python_that_the_file_does_not_admit_is_refused(pkm, project):
    write(project, 'requires-python = ">=3.15"\npackages = []')
    result = pkm("sync", "--from", "pylock.toml", "-p", sys.executable, cwd=project)
    assert result.code == 1
    assert "which is no target of the environment" in result.stderr


def test_a_python_that_the_environment_does_not_admit_is_not_taken_for_a_file(pkm, project):
    write(project, "packages = []")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(f'{text}python = "<3.8"\n')
    result = pkm("sync", "test", "--from", "pylock.toml", cwd=project)
    assert result.code == 1
    assert "no Python that pkm knows is admitted by" in result.stderr


def test_a_later_minor_version_is_told_and_read(pkm, project):
    write(project, "packages = []", "1.7")
    result = ok(pkm("sync", "--from", "pylock.toml", cwd=project))
    warned = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
    assert warned == ["warning: pylock.toml has lock-version 1.7: what is new in it is not looked at"]


def test_the_project_itself_is_left_out_where_so_wanted(pkm, project):
    write(project, '[[packages]]\nname = "shop"\ndirectory = { path = "." }')
    words = ("sync", "--from", "pylock.toml", "--dry-run", "--json")
    (told,) = json.loads(ok(pkm(*words, cwd=project)).stdout)
    assert told["steps"] == [{"change": "+", "package": "shop 1.0"}]
    (told,) = json.loads(ok(pkm(*words, "--no-project", cwd=project)).stdout)
    assert told["steps"] == []


def test_a_missing_file_is_told(pkm, project):
    result = pkm("sync", "--from", "nowhere/pylock.toml", cwd=project)
    assert (result.code, result.stderr) == (1, "error: nowhere/pylock.toml: there is no such file\n")


def test_from_and_locked_contradict_each_other(pkm, project):
    assert pkm("sync", "--from", "pylock.toml", "--locked", cwd=project).code == 2


def test_places_are_relative_to_the_file(pkm, project, tmp_path, index):
    (tmp_path / "files").mkdir()
    wheel = index.file("spam-1.0-py3-none-any.whl")
    (tmp_path / "files" / wheel.filename).write_bytes(wheel.content)
    (tmp_path / "files" / "pylock.toml").write_text(
        f'lock-version = "1.0"\ncreated-by = "hand"\n{SPAM}'
        f'wheels = [{{ path = "{wheel.filename}", hashes = {{ sha256 = "{wheel.sha256}" }} }}]\n'
    )
    ok(pkm("sync", "--from", "../files/pylock.toml", cwd=project))
    assert installed(project / ".venv") == ["spam-1.0.dist-info"]
    assert index.requests == []


def test_a_file_with_another_content_is_refused(pkm, project, index):
    url = index.file_url("spam-1.0-py3-none-any.whl")
    write(project, f'{SPAM}wheels = [{{ url = "{url}", hashes = {HASH} }}]')
    result = pkm("sync", "--from", "pylock.toml", cwd=project)
    assert result.code == 1
    assert "spam-1.0-py3-none-any.whl" in result.stderr
    assert not (project / ".venv").exists()


def test_a_lock_keeps_the_versions_of_another_tool_where_they_fit(pkm, tmp_path, index):
    for version in ("1.0", "2.0"):
        index.add_wheel("tea", version)
    project = write_project(tmp_path / "cafe", HEAD + 'dependencies = ["tea"]\n')
    listed = index.file("tea-1.0-py3-none-any.whl")
    (project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "other"\n\n[[packages]]\nname = "tea"\nversion = "1.0"\n\n'
        f'[[packages.wheels]]\nurl = "{index.file_url(listed.filename)}"\nhashes = {{ sha256 = "{listed.sha256}" }}\n'
    )
    note = "note: another tool wrote pylock.toml: its versions are kept where they fit\n"
    upgraded = ok(pkm("lock", "--upgrade", "--dry-run", cwd=project))
    assert "+ tea 2.0" in upgraded.stdout
    assert note not in upgraded.stderr
    told = ok(pkm("lock", cwd=project))
    assert "+ tea 1.0" in told.stdout
    assert note in told.stderr
    assert note not in ok(pkm("lock", cwd=project)).stderr
