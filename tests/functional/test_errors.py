"""What a user does wrong, or the world: one clear error, and nothing on disk has changed."""

from __future__ import annotations

import os
import re

import pytest

from tests.support.projects import HEAD, ok, write_project


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".pkm" not in path.relative_to(folder).parts
    }


def refused(pkm, project, *words, **settings):
    """Run a command that must fail; return what it says. Nothing but notes in .pkm may change."""
    before = files_of(project)
    result = pkm(*words, cwd=project, **settings)
    assert result.code == 1, result.stdout + result.stderr
    assert files_of(project) == before
    assert "Traceback" not in result.stderr
    return result.stderr


def test_an_unsatisfiable_pair_is_explained_with_both_places(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam>=2", "ham"]\n')
    said = refused(pkm, project, "lock")
    assert "1. shop asks for spam>=2" in said
    assert "pyproject.toml:5:17" in said
    assert "shop asks for ham" in said
    assert "pyproject.toml:5:28" in said
    assert "spam 2.0" in said
    assert "eggs>=2" in said
    assert "eggs<2" in said


def test_an_unknown_package_is_named(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["sapm"]\n')
    said = refused(pkm, project, "lock")
    assert "sapm" in said
    assert "no index has" in said


def test_an_index_that_does_not_answer_is_named(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    said = refused(pkm, project, "lock", env={"PKM_INDEX_URL": "http://user:secret@127.0.0.1:9/simple/"})
    assert 'index "default" does not answer' in said
    assert "127.0.0.1:9" in said
    assert "secret" not in said


def test_a_file_with_another_hash_is_refused(pkm, tmp_path, index):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["eggs"]\n')
    assert pkm("lock", cwd=project).code == 0
    index.replace("eggs-2.0-py3-none-any.whl", b"something else")
    said = refused(pkm, project, "sync")
    assert "eggs-2.0-py3-none-any.whl is not the one" in said
    assert "expected  sha256" in said
    assert not (project / ".venv").exists()


def test_all_faults_of_a_file_come_at_once_with_their_places(pkm, tmp_path):
    text = HEAD.replace("[project]", "[project]\ndependancies = []") + 'dependencies = ["requests >=2,"]\n'
    text += '[tool.pkm.env.test]\ngroups = ["tests"]\n[dependency-groups]\ntest = []\n'
    project = write_project(tmp_path / "p", text)
    said = refused(pkm, project, "lock")
    assert "pyproject.toml has 3 faults" in said
    assert "2:1 " in said
    assert "project.dependancies: unknown key" in said
    assert "6:17 " in said
    assert 'did you mean "test"?' in said


def test_an_address_that_cannot_be_asked_is_told_beside_other_faults(pkm, tmp_path):
    text = (
        HEAD
        + 'dependencies = ["spam==", "eggs @ https://host:99999/x.whl", "ham @ x", "bacon @ "]\nfoo = 1\n'
    )
    said = refused(pkm, write_project(tmp_path / "p", text), "lock")
    assert "pyproject.toml has 5 faults" in said
    assert "5:27   project.dependencies[1]: " in said
    assert '"99999" is no port' in said
    assert "it is no URL" in said


def test_a_fault_that_two_readers_meet_is_told_once(pkm, tmp_path):
    project = write_project(tmp_path / "p", "[tool]\npkm = 1\n")
    told = "error: pyproject.toml:2:1: tool.pkm: must be a table, not an integer\n"
    assert refused(pkm, project, "lock") == told


OTHER = """
[build-system]
requires = ["other-build"]
build-backend = "other_build.api"

[project]
name = "{name}"
version = "1.0"
license = "MIT"
classifiers = ["License :: OSI Approved :: MIT License"]
repository = "https://host.example/x"
"""


def test_what_only_goes_into_metadata_is_for_another_backend_to_judge(pkm, tmp_path):
    write_project(tmp_path / "bean", OTHER.format(name="bean"))
    text = (
        OTHER.format(name="shop")
        + 'dependencies = ["bean"]\n[tool.pkm.sources]\nbean = { path = "../bean" }\n'
    )
    project = write_project(tmp_path / "shop", text)
    assert pkm("lock", cwd=project).code == 0
    assert 'name = "bean"' in (project / "pylock.toml").read_text()


def test_a_version_that_another_backend_gives_needs_no_word_of_ours(pkm, tmp_path):
    text = OTHER.format(name="shop").replace('version = "1.0"', 'dynamic = ["version", "readme"]')
    project = write_project(tmp_path / "shop", text)
    assert pkm("lock", cwd=project).code == 0


def test_extras_that_only_the_backend_knows_are_held_against_its_answer(pkm, tmp_path):
    """The backend is one of the tree, and writes what it is asked for."""
    hooks = """
        import os

        def prepare_metadata_for_build_wheel(folder, settings=None):
            os.mkdir(os.path.join(folder, "shop-1.0.dist-info"))
            with open(os.path.join(folder, "shop-1.0.dist-info", "METADATA"), "w") as stream:
                stream.write("Metadata-Version: 2.1\\nName: shop\\nVersion: 1.0\\nProvides-Extra: tests\\n")
                stream.write("Requires-Dist: eggs==1.0 ; extra == 'tests'\\n")
            return "shop-1.0.dist-info"
        """
    text = """
        [build-system]
        requires = []
        build-backend = "local"
        backend-path = ["."]

        [project]
        name = "shop"
        version = "1.0"
        dynamic = ["optional-dependencies"]

        [tool.pkm.env.default]
        extras = ["tests"]
        """
    project = write_project(tmp_path / "shop", text, {"local.py": hooks})
    done = pkm("lock", cwd=project)
    assert done.code == 0, done.stderr
    assert 'name = "eggs"' in (project / "pylock.toml").read_text()
    write_project(tmp_path / "shop", text.replace('"tests"', '"test"'))
    said = refused(pkm, project, "lock")
    assert 'error: shop has no extra "test"' in said
    assert 'did you mean "tests"?' in said


def test_a_misspelt_key_is_refused_whatever_the_backend(pkm, tmp_path):
    text = OTHER.format(name="shop") + 'dependancies = ["spam"]\nrequires-python = "3"\n'
    said = refused(pkm, write_project(tmp_path / "shop", text), "lock")
    assert 'project.dependancies: unknown key; did you mean "dependencies"?' in said
    assert "project.requires-python: " in said
    assert "classifiers" not in said
    assert "repository" not in said


def test_invalid_toml_is_told_with_its_place(pkm, tmp_path):
    project = write_project(tmp_path / "p", "[project\n")
    assert "pyproject.toml:1:9: invalid TOML" in refused(pkm, project, "lock")


def test_a_malformed_lock_is_told_with_its_key_and_stays(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD, {"pylock.toml": 'lock-version = "1.0"\npackages = 3\n'})
    assert "pylock.toml: packages: must be a list" in refused(pkm, project, "sync")


def test_a_lock_of_a_later_format_is_refused(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD, {"pylock.toml": 'lock-version = "2.0"\npackages = []\n'})
    assert "is not understood" in refused(pkm, project, "sync")


def test_a_dependency_on_python_is_told_where_that_stands(pkm, tmp_path):
    said = refused(pkm, write_project(tmp_path / "p", HEAD + 'dependencies = ["python>=3.10"]\n'), "lock")
    assert "which Pythons a project is for stands in requires-python" in said
    assert "did you mean" not in said


def test_a_mistyped_package_is_compared_with_what_the_index_is_known_to_have(pkm, tmp_path):
    known = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    assert pkm("lock", cwd=known).code == 0
    for name in ("spma", "spamm"):
        project = write_project(tmp_path / name, HEAD + f'dependencies = ["{name}"]\n')
        # The second time that there is no such name is known from the cache, and it is no suggestion.
        for _ in range(2):
            assert f'{name}: no index has it (asked "default"); did you mean "spam"?' in refused(
                pkm, project, "lock"
            )


@pytest.mark.parametrize(("typed", "meant"), [("bacn", "bacon"), ("toats", "toast"), ("fred", "fried")])
def test_a_mistyped_package_is_compared_with_what_the_project_asks_for_elsewhere(pkm, tmp_path, typed, meant):
    text = HEAD + f'dependencies = ["{typed}"]\n[dependency-groups]\ntest = ["bacon"]\n'
    text += '[tool.pkm.env.other]\ndependencies = ["toast"]\n[tool.pkm.sources]\nfried = { path = "." }\n'
    project = write_project(tmp_path / "p", text)
    said = refused(pkm, project, "lock", "default")
    assert f'{typed}: no index has it (asked "default"); did you mean "{meant}"?' in said


def test_a_mistyped_package_is_compared_with_all_that_a_flat_page_lists(pkm, tmp_path, index):
    named = f'[[tool.pkm.index]]\nname = "flat"\nurl = "{index.flat_url}"\nformat = "flat"\ndefault = true\n'
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["bacn"]\n' + named)
    said = refused(pkm, project, "lock", env={"PKM_INDEX_URL": ""})
    assert 'bacn: no index has it (asked "flat"); did you mean "bacon"?' in said


def test_a_name_that_no_index_has_is_no_suggestion_for_another(pkm, tmp_path):
    text = HEAD + 'dependencies = ["spqm"]\n[tool.pkm.env.other]\ndependencies = ["spqx"]\n'
    project = write_project(tmp_path / "p", text)
    assert 'did you mean "spqx"?' in refused(pkm, project, "lock", "default")
    assert "did you mean" not in refused(pkm, project, "lock", "other")
    assert "did you mean" not in refused(pkm, project, "lock", "default")


def test_no_project_is_told(pkm, tmp_path):
    result = pkm("lock", cwd=tmp_path)
    assert result.code == 1
    assert "there is no pyproject.toml" in result.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["sync", "tset"], 'did you mean "test"?'),
        (["lcok"], 'did you mean "lock"?'),
        (["sync", "--froze"], 'did you mean "--frozen"?'),
        (["lock", "-P", "egs"], 'did you mean "eggs"?'),
        (["lock", "-P", "egs==1"], 'did you mean "eggs"?'),
        (["lock", "--refresh-package", "egs"], 'did you mean "eggs"?'),
        (["lock", "--upgrade-group", "live"], 'did you mean "lives"?'),
        (["sync", "--reinstall-package", "spma"], 'did you mean "spam"?'),
    ],
)
def test_a_mistyped_word_gets_what_was_meant_and_code_2(pkm, tmp_path, words, hint):
    text = HEAD + 'dependencies = ["spam"]\n[tool.pkm.env.test]\n[dependency-groups]\nlives = ["ham"]\n'
    project = write_project(tmp_path / "p", text)
    assert pkm("lock", cwd=project).code == 0
    result = pkm(*words, cwd=project)
    assert result.code == 2
    assert not (project / ".venv").exists()
    assert hint in result.stderr


@pytest.mark.parametrize("option", ["--upgrade-package", "--refresh-package"])
def test_what_is_asked_for_and_not_locked_yet_may_be_upgraded_and_refreshed(pkm, tmp_path, option):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    ok(pkm("lock", cwd=project))
    write_project(project, HEAD + 'dependencies = ["spam", "bacon"]\n')
    ok(pkm("lock", option, "Bacon", cwd=project))


def test_a_package_to_reinstall_may_be_written_in_any_spelling(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    ok(pkm("sync", cwd=project))
    assert "~ spam 2.0" in ok(pkm("sync", "--reinstall-package", "Spam", cwd=project)).stdout


@pytest.mark.parametrize("mode", [0o700, 0o777], ids=["with a cache", "without"])
def test_a_failed_build_names_its_log_and_its_lines(pkm, tmp_path, index, mode):
    index.add_sdist(
        "broken", "1.0", hooks="def build_wheel(*a, **k):\n    raise RuntimeError('zlib.h is missing')\n"
    )
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["broken"]\n')
    assert pkm("lock", cwd=project).code == 0
    pkm.cache.chmod(mode)
    said = refused(pkm, project, "sync")
    assert "broken 1.0 could not be built" in said
    assert "zlib.h is missing" in said
    assert ".pkm/logs/broken-1.0.log" in said
    assert (project / ".pkm/logs/broken-1.0.log").exists()


def test_a_python_that_is_no_target_is_refused(pkm, tmp_path):
    text = HEAD + 'dependencies = ["spam"]\n[tool.pkm.env.default]\npython = ">=3.15"\n'
    project = write_project(tmp_path / "p", text)
    said = refused(pkm, project, "sync", "-p", pkm.python, "--dry-run")
    assert "is no target of the environment" in said


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (HEAD.replace(">=3.10", ">=4"), "pyproject.toml:4:1"),
        (HEAD + '[tool.pkm.env.default]\npython = "<3"\n', "pyproject.toml:6:1, pyproject.toml:4:1"),
    ],
)
def test_a_python_that_nobody_has_is_told_with_its_place(pkm, tmp_path, text, place):
    said = refused(pkm, write_project(tmp_path / "p", text), "lock")
    bounds = ">=4" if "<3" not in text else "<3,>=3.10"
    known = r"no Python that pkm knows \(3\.8 to 3\.\d+\)"
    assert re.search(rf'{known} is admitted by "{bounds}"    {place}\n', said)


def test_offline_says_what_is_missing(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    assert "offline" in refused(pkm, project, "lock", "--offline")


def test_a_setting_that_means_nothing_is_refused(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD)
    result = pkm("lock", cwd=project, env={"PKM_HTTP_TIMEOUT": "soon"})
    assert result.code == 2
    assert "PKM_HTTP_TIMEOUT" in result.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["env", "outdated", "-e", "test"], "it takes environments as arguments, without an option"),
        (["env", "outdated", "-x"], "pkm env outdated --help shows the options"),
        (["sync", "--frozn"], 'did you mean "--frozen"?'),
    ],
    ids=["an environment", "a letter", "a word"],
)
def test_an_option_that_a_command_does_not_have_is_refused_with_what_was_meant(pkm, tmp_path, words, hint):
    project = write_project(tmp_path / "p", HEAD)
    result = pkm(*words, cwd=project)
    assert (result.code, f"hint: {hint}" in result.stderr) == (2, True), result.stderr


def test_a_lock_that_is_no_toml_is_refused_with_its_line_and_the_way_out(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD, {"pylock.toml": 'lock-version = "1.0"\ngarbage\n'})
    said = refused(pkm, project, "lock")
    assert said.startswith("error: pylock.toml:2:")
    assert "pkm lock writes it anew" in said


@pytest.mark.parametrize("option", ["--upgrade-package", "--constraint", "--override"])
@pytest.mark.parametrize("text", ["spam<", "spam @ https://files.example/spam-1-py3-none-any.whl"])
def test_what_is_no_bound_on_the_command_line_is_a_usage_error(pkm, tmp_path, option, text):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    failed = pkm("lock", option, text, cwd=project)
    assert failed.code == 2
    assert failed.stderr.startswith(f"error: {option}")


def test_a_sync_on_a_platform_that_is_left_out_names_the_platforms(pkm, tmp_path, index):
    index.add_wheel("mac-only", "1.0", tags="py3-none-macosx_12_0_arm64")
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["mac-only"]\n')
    ok(pkm("lock", cwd=project))
    told = pkm("sync", cwd=project)
    assert told.code == 1
    assert re.match(
        r'error: this machine is \S+, and the environment "default" is locked for macos-arm64-14 alone\n'
        r"hint: tool\.pkm\.env\.default\.platforms says for which, and pkm lock which of them it leaves out\n",
        told.stderr,
    )


def test_a_workspace_in_a_workspace_is_an_error_with_its_place(pkm, tmp_path):
    head = "[tool.pkm.workspace]\nmembers = [{member!r}]\n\n[project]\nname = {name!r}\nversion = '1'\n"
    write_project(tmp_path / "one", head.format(member="two", name="one"))
    write_project(tmp_path / "one" / "two", head.format(member="three", name="two"))
    inner = write_project(tmp_path / "one" / "two" / "three", "[project]\nname = 'three'\nversion = '1'\n")
    told = pkm("lock", cwd=inner)
    assert told.code == 1
    place = tmp_path / "one" / "two" / "pyproject.toml"
    assert told.stderr.startswith(f"error: {place}: this workspace is itself a member of another one\n")


@pytest.mark.parametrize("url", ["http://", "http://me:secret@127.0.0.1:99999/simple/", "htp://host/simple/"])
def test_an_address_that_cannot_be_asked_is_refused_before_any_request(pkm, tmp_path, url, index):
    text = HEAD + 'dependencies = ["spam"]\n'
    project = write_project(tmp_path / "p", text)
    for settings in ({"PKM_INDEX_URL": url}, {"PKM_INDEX_URL": "", "PIP_INDEX_URL": url}):
        failed = pkm("lock", cwd=project, env=settings)
        assert failed.code in {1, 2}
        assert next(iter(name for name, value in settings.items() if value)) in failed.stderr
        assert "tried" not in failed.stderr
        assert "secret" not in failed.stderr
    place = write_project(tmp_path / "q", text + f'[[tool.pkm.index]]\nname = "x"\nurl = "{url}"\n')
    assert 'pyproject.toml:8:1: tool.pkm.index[0].url: "' in refused(pkm, place, "lock")
    assert index.count() == 0


LOCK_COMMANDS = (("lock",), ("sync",), ("env", "tree"), ("env", "list"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
@pytest.mark.parametrize("words", LOCK_COMMANDS, ids=" ".join)
def test_a_lock_that_is_no_file_is_refused_at_once(pkm, tmp_path, kind, words):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    place = project / "pylock.toml"
    # With a stamp of what was there before.
    ok(pkm("lock", cwd=project))
    place.unlink()
    make = {
        "folder": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
        "device": lambda: place.symlink_to("/dev/zero"),
    }
    make[kind]()
    failed = pkm(*words, cwd=project, timeout_s=20)
    assert (failed.code, failed.stdout) == (1, "")
    told = "error: pylock.toml: is no file\nhint: remove it: pkm lock writes it anew\n"
    assert failed.stderr == told


def test_what_is_no_lock_of_ours_is_not_to_be_removed(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD)
    os.mkfifo(project / "pipe")
    for name, shown in ((".", "p"), ("pipe", "pipe")):
        assert refused(pkm, project, "sync", "--from", name) == f"error: {shown}: is no file\n"


def test_a_pipe_or_a_device_that_is_written_to_stays(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    os.mkfifo(project / "pipe")
    reader = os.open(project / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    ok(pkm("lock", "--export-problem", "pipe", cwd=project))
    assert os.read(reader, 1) == b"{"
    os.close(reader)
    exported = ok(pkm("env", "export", "default", "-o", "/dev/stdout", cwd=project)).stdout
    assert 'name = "spam"' in exported


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"lock-version = 1\n", b"x = " + b"[" * 9999])
def test_a_lock_that_is_none_is_refused_with_the_way_out(pkm, tmp_path, content):
    project = write_project(tmp_path / "p", HEAD, {"pylock.toml": content})
    said = refused(pkm, project, "lock")
    assert said.startswith("error: pylock.toml:")
    assert "hint: take it from your version control, or delete it: pkm lock writes it anew\n" in said


@pytest.mark.skipif(os.name == "nt", reason="a link needs a permission there")
def test_a_lock_that_cannot_be_written_is_told_by_its_name(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD)
    (project / "pylock.toml").symlink_to(tmp_path / "nowhere" / "pylock.toml")
    failed = pkm("lock", cwd=project)
    assert (failed.code, f"No such file or directory: {project / 'pylock.toml'}\n" in failed.stderr) == (
        1,
        True,
    )
