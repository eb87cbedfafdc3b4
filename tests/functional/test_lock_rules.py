"""What a lock keeps, notices and obeys beside the solve itself."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess

import pytest

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

from tests.support.interpreters import interpreter, libraries
from tests.support.projects import HEAD, Pkm, lock_text, ok, write_project

HTML = {"Content-Type": "text/html"}


@pytest.fixture
def project(tmp_path):
    text = (
        HEAD
        + 'dependencies = ["spam"]\n[dependency-groups]\nold = ["ham"]\n[tool.pkm.env.old]\ngroups = ["old"]\n'
    )
    return write_project(tmp_path / "shop", text)


# A section that is not what was locked


def test_a_lock_that_was_changed_by_hand_is_stale_in_its_own_words_and_mended(pkm, project):
    ok(pkm("lock", cwd=project))
    good = lock_text(project)
    bad = good.replace(
        "'default' in dependency_groups or 'old' in dependency_groups", "'old' in dependency_groups"
    )
    bad = bad.replace('name = "eggs"\nversion = "1.0"', 'name = "eggs"\nversion = "1.5"')
    assert bad != good
    (project / "pylock.toml").write_text(bad)
    checked = pkm("lock", "--check", cwd=project)
    assert checked.code == 1
    refused = pkm("sync", "old", "--locked", cwd=project)
    assert refused.code == 1
    assert 'for "old": its section was changed by hand or merged by lines' in refused.stderr
    said = ok(pkm("lock", cwd=project))
    assert 'the section "old" was changed by hand or merged by lines; it is solved again' in said.stderr
    assert "default" not in said.stderr
    assert lock_text(project) == good


def git(folder, *words):
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *words], cwd=folder, env=environ, check=True, capture_output=True)


def test_a_merge_by_lines_without_a_conflict_is_noticed(pkm, project, index):
    """Each branch is right by itself; git's merge of lines is a lock that nobody solved."""
    for name in ("bar", "lib", "mid", "zoo"):
        index.add_wheel(name, "1.0")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('["spam"]', '["bar", "lib", "mid", "spam", "zoo"]'))
    ok(pkm("lock", cwd=project))
    (project / ".gitattributes").write_text("pylock.toml merge=union\n")
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    git(project, "checkout", "-qb", "other")
    index.add_wheel("zoo", "2.0")
    index.add_wheel("bar", "2.0", requires=["zoo<2"])
    env = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    ok(pkm("lock", "-P", "zoo", cwd=project, env=env))
    git(project, "commit", "-qam", "zoo 2")
    git(project, "checkout", "-q", "main")
    ok(pkm("lock", "-P", "bar", cwd=project, env=env))
    git(project, "commit", "-qam", "bar 2")
    git(project, "merge", "-q", "other", "-m", "both")
    merged = lock_text(project)
    assert "<<<<<<<" not in merged
    # Of the lines that both changed, one side is taken: as a careless hand does it.
    lines = merged.splitlines(keepends=True)
    kept = [
        line
        for at, line in enumerate(lines)
        if not (at and line.startswith("content") and lines[at - 1].startswith("content"))
    ]
    (project / "pylock.toml").write_text("".join(kept))
    refused = pkm("sync", "--locked", cwd=project)
    assert "merged by lines" in refused.stderr
    ok(pkm("lock", cwd=project, env=env))
    assert 'name = "bar"\nversion = "2.0"' in lock_text(project)
    assert 'name = "zoo"\nversion = "1.0"' in lock_text(project)
    assert "is up to date" in ok(pkm("lock", cwd=project)).stdout


# What the command line gave


def held(project, name, section="default"):
    """The versions of a package in a section."""
    return [
        package["version"]
        for package in tomllib.loads(lock_text(project))["packages"]
        if package["name"] == name and f"'{section}' in dependency_groups" in package["marker"]
    ]


def sections(project):
    return tomllib.loads(lock_text(project))["tool"]["pkm"]["sections"]


@pytest.mark.parametrize(
    ("words", "version"),
    [
        (["--resolution", "lowest"], "1.0"),
        (["--constraint", "spam<2"], "1.0"),
        (["--override", "spam==1.0"], "1.0"),
        (["--prereleases", "allow"], "3.0a1"),
    ],
    ids=["resolution", "constraint", "override", "prereleases"],
)
def test_what_the_command_line_gave_stays_until_an_upgrade(pkm, project, index, words, version):
    index.add_wheel("spam", "3.0a1", requires=["eggs>=2"])
    ok(pkm("lock", cwd=project))
    assert held(project, "spam") == ["2.0"]
    other = sections(project)["old"]
    ok(pkm("lock", "default", *words, "-P", "spam", cwd=project))
    assert held(project, "spam") == [version]
    assert sections(project)["default"]["command-line"] == shlex.join(words)
    assert sections(project)["old"] == other
    assert ok(pkm("lock", cwd=project)).stdout.startswith("pylock.toml is up to date")
    changed = (project / "pyproject.toml").read_text().replace('["spam"]', '["spam", "eggs"]')
    (project / "pyproject.toml").write_text(changed)
    ok(pkm("lock", cwd=project))
    assert held(project, "spam") == [version]
    ok(pkm("lock", "--upgrade", cwd=project))
    assert held(project, "spam") == ["2.0"]
    assert "command-line" not in sections(project)["default"]


def test_a_key_that_is_given_again_takes_the_place_of_the_older_one(pkm, project):
    ok(
        pkm(
            "lock",
            "default",
            "--resolution",
            "lowest",
            "--constraint",
            "eggs<2; python_version > '3'",
            cwd=project,
        )
    )
    assert 'name = "eggs"\nversion = "1.0"' in lock_text(project)
    ok(pkm("lock", "default", "--constraint", "eggs>=2", cwd=project))
    assert sections(project)["default"]["command-line"] == "--resolution lowest --constraint 'eggs>=2'"
    assert 'name = "eggs"\nversion = "2.0"' in lock_text(project)


def test_a_bound_of_the_command_line_is_told_where_nothing_fits(pkm, project):
    said = pkm("lock", "--constraint", "eggs<1", cwd=project)
    assert said.code == 1
    assert "a constraint keeps eggs to <1" in said.stderr
    wrong = pkm("lock", "--constraint", "eggs<<1", cwd=project)
    assert wrong.code == 2
    assert '--constraint: "eggs<<1" is no requirement' in wrong.stderr
    assert not (project / "pylock.toml").exists()


# What an upgrade forgets


def test_an_upgrade_of_a_package_may_move_it_to_a_requirement_and_it_stays_there(pkm, project):
    ok(pkm("lock", cwd=project))
    assert held(project, "spam") == ["2.0"]
    said = ok(pkm("lock", "-P", "spam<2", cwd=project)).stdout
    assert "~ spam 2.0" in " ".join(said.split())
    assert held(project, "spam") == ["1.0"]
    assert "is up to date" in ok(pkm("lock", cwd=project)).stdout
    ok(pkm("lock", "-P", "spam", cwd=project))
    assert held(project, "spam") == ["2.0"]
    wrong = pkm("lock", "-P", "sapm", cwd=project)
    assert wrong.code == 2
    assert 'did you mean "spam"?' in wrong.stderr
    nothing = pkm("lock", "-P", "spam>9", cwd=project)
    assert nothing.code == 1
    assert "a constraint keeps spam to >9: there are 1.0 to 2.0" in nothing.stderr
    assert held(project, "spam") == ["2.0"]


def test_a_full_cache_is_all_that_a_lock_needs_offline(pkm, project, index):
    ok(pkm("lock", cwd=project))
    expected = lock_text(project)
    (project / "pylock.toml").unlink()
    index.forget()
    ok(pkm("lock", "--offline", cwd=project))
    assert lock_text(project) == expected
    assert index.requests == []


def pythons(project):
    return {key.split(" ")[0] for key in sections(project)["default"]["targets"]}


def test_an_implied_set_is_widened_only_by_an_upgrade(pkm, project):
    """A later pkm knows more Pythons; a lock that says up to which it was made stays so."""
    ok(pkm("lock", cwd=project))
    assert "3.14" in pythons(project)
    kept = "".join(line for line in lock_text(project).splitlines(True) if not line.startswith("content"))
    (project / "pylock.toml").write_text(kept.replace('newest-python = "3.15"', 'newest-python = "3.12"'))
    changed = (project / "pyproject.toml").read_text().replace('["spam"]', '["spam", "eggs"]')
    (project / "pyproject.toml").write_text(changed)
    ok(pkm("lock", cwd=project))
    assert pythons(project) == {"3.10", "3.11", "3.12"}
    ok(pkm("lock", "--upgrade", cwd=project))
    assert pythons(project) == {"3.10", "3.11", "3.12", "3.13", "3.14", "3.15"}


def test_a_cut_off_that_is_a_span_is_moved_only_by_an_upgrade(pkm, project, index):
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text + '[tool.pkm]\nexclude-newer = "7 days"\n')
    for filename in ("spam-1.0", "spam-2.0", "eggs-1.0", "eggs-2.0", "ham-1.0"):
        index.file(f"{filename}-py3-none-any.whl").upload_time = "2026-01-01T00:00:00Z"
    ok(pkm("lock", cwd=project))
    first = sections(project)["default"]["cut-off"]
    moved = lock_text(project).replace(first, "default 2026-02-01T00:00:00Z")
    kept = "".join(line for line in moved.splitlines(True) if not line.startswith("content"))
    (project / "pylock.toml").write_text(kept)
    changed = (project / "pyproject.toml").read_text().replace('["spam"]', '["spam", "eggs"]')
    (project / "pyproject.toml").write_text(changed)
    ok(pkm("lock", cwd=project))
    assert sections(project)["default"]["cut-off"] == "default 2026-02-01T00:00:00Z"
    ok(pkm("lock", "--upgrade", cwd=project))
    assert sections(project)["default"]["cut-off"] == first


@pytest.mark.parametrize(
    "told",
    ["2026-01-01T12:00:00Z", "2026-01-01 14:00:00+02:00", "2026-01-01T12:00:00", '"2026-01-01 12:00z"'],
)
def test_a_cut_off_holds_however_the_time_is_written(pkm, project, index, told):
    for filename, hour in {"spam-1.0": 6, "spam-2.0": 18, "eggs-1.0": 6, "eggs-2.0": 6, "ham-1.0": 6}.items():
        index.file(f"{filename}-py3-none-any.whl").upload_time = f"2026-01-01T{hour:02}:00:00Z"
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text + f"[tool.pkm]\nexclude-newer = {told}\n")
    ok(pkm("lock", cwd=project))
    assert sections(project)["default"]["cut-off"] == "default 2026-01-01T12:00:00Z"
    assert 'name = "spam"\nversion = "1.0"' in lock_text(project)


def test_the_command_line_takes_the_same_forms_of_a_cut_off_and_refuses_what_is_no_date(pkm, project, index):
    for filename in ("spam-1.0", "spam-2.0", "eggs-1.0", "eggs-2.0", "ham-1.0"):
        index.file(f"{filename}-py3-none-any.whl").upload_time = "2026-01-01T06:00:00Z"
    ok(pkm("lock", "--exclude-newer", "2026-01-01 14:00:00+02:00", cwd=project))
    assert sections(project)["default"]["cut-off"] == "default 2026-01-01T12:00:00Z"
    for text in ("2025-02-31", "2024-01-01Tx", "99999999999 days"):
        told = pkm("lock", "--exclude-newer", text, cwd=project)
        assert told.code == 2
        assert f'--exclude-newer: "{text}" is neither a date nor a span' in told.stderr


@pytest.mark.parametrize("table", ["tool.pkm", "tool.pkm.env.test"])
def test_a_cut_off_of_an_index_that_is_none_is_refused_where_it_stands(pkm, project, table):
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(
        text + f'[{table}]\nexclude-newer = {{ ham = false, "index:nope" = "2026-01-01" }}\n'
    )
    told = pkm("lock", cwd=project)
    assert told.code == 1
    place = f"pyproject.toml:{text.count(chr(10)) + 2}:32"
    said = f'error: {place}: exclude-newer has "index:nope", and there is no index "nope"'
    assert said in told.stderr
    assert not (project / "pylock.toml").exists()


@pytest.mark.parametrize("python", ["3.10", "3.12"])
@pytest.mark.parametrize("cache", ["empty", "full", "expired"])
def test_the_answer_never_depends_on_the_cache_or_the_python_of_pkm(pkm, project, index, cache, python):
    ok(pkm("lock", cwd=project))
    expected = (project / "pylock.toml").read_bytes()
    (project / "pylock.toml").unlink()
    if cache == "expired":
        index.max_age = 0
        ok(pkm("lock", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "old")}))
        (project / "pylock.toml").unlink()
    folder = {"empty": "new", "full": "cache", "expired": "old"}[cache]
    other = Pkm(pkm.home, index_url=index.url, python=interpreter(python))
    environ = {"PKM_CACHE_DIR": str(pkm.home / folder), "PYTHONPATH": libraries()}
    ok(other("lock", cwd=project, env=environ))
    assert (project / "pylock.toml").read_bytes() == expected


def test_an_upgrade_of_a_group_forgets_what_the_group_asks_for_alone(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", requires=["eggs"])
    text = HEAD + 'dependencies = ["spam"]\n[dependency-groups]\nmore = ["pea", {include-group = "bit"}]\n'
    text += 'bit = ["ham"]\n[tool.pkm.env.default]\ngroups = ["more"]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    index.add_wheel("pea", "2.0", requires=["eggs"])
    index.add_wheel("ham", "2.0", requires=["eggs<2"])
    index.add_wheel("spam", "1.5", requires=["eggs"])
    index.add_wheel("eggs", "1.5")
    env = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    before = held(project, "eggs")
    ok(pkm("lock", "--upgrade-group", "More", cwd=project, env=env))
    assert (held(project, "pea"), held(project, "ham")) == (["2.0"], ["2.0"])
    assert (held(project, "spam"), held(project, "eggs")) == (["1.0"], before)
    wrong = pkm("lock", "--upgrade-group", "mroe", cwd=project)
    assert wrong.code == 2
    assert 'there is no group "mroe"' in wrong.stderr
    assert 'did you mean "more"?' in wrong.stderr


def test_an_upgrade_of_a_group_follows_the_extras_of_the_project_that_it_asks_for(pkm, tmp_path, index):
    text = HEAD + 'dependencies = ["spam"]\noptional-dependencies = { all = ["shop[hot]"], hot = ["ham"] }\n'
    project = write_project(tmp_path / "p", text + '[dependency-groups]\ndev = ["shop[all]"]\n')
    ok(pkm("lock", cwd=project))
    index.add_wheel("ham", "2.0", requires=["eggs<2"])
    index.add_wheel("spam", "1.5", requires=["eggs"])
    env = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    ok(pkm("lock", "--upgrade-group", "dev", cwd=project, env=env))
    assert (held(project, "ham"), held(project, "spam")) == (["2.0"], ["1.0"])


# What is preferred of several versions that are locked

FORKED = """\
dependencies = ["eggs<2; python_version < '3.12'", "eggs"]
[tool.pkm.env.default]
python = ">=3.11,<3.13"
platforms = ["linux-x86_64"]
"""


@pytest.fixture
def forked(pkm, tmp_path):
    """A project with one version of a package for an old Python and another one for a newer, locked."""
    project = write_project(tmp_path / "forked", HEAD + FORKED)
    ok(pkm("lock", cwd=project))
    assert held(project, "eggs") == ["1.0", "2.0"]
    return project


def markers(project, name):
    found = tomllib.loads(lock_text(project))["packages"]
    return {one["version"]: one["marker"] for one in found if one["name"] == name}


def test_a_python_that_is_added_gets_the_newest_of_what_is_locked(pkm, forked):
    (forked / "pyproject.toml").write_text(HEAD + FORKED.replace("<3.13", "<3.14"))
    ok(pkm("lock", cwd=forked))
    assert markers(forked, "eggs") == {
        "1.0": "'default' in dependency_groups and python_version < '3.12'",
        "2.0": "'default' in dependency_groups and python_version >= '3.12'",
    }


def test_an_environment_that_is_locked_alone_holds_what_the_others_hold_target_by_target(pkm, forked):
    other = FORKED[FORKED.index("python =") :]
    other = f'[tool.pkm.env.new]\nproject = false\ndependencies = ["eggs"]\n{other}'
    (forked / "pyproject.toml").write_text(HEAD + FORKED + other)
    ok(pkm("lock", "new", cwd=forked))
    both = "('default' in dependency_groups or 'new' in dependency_groups)"
    assert markers(forked, "eggs") == {
        "1.0": f"{both} and python_version < '3.12'",
        "2.0": f"{both} and python_version == '3.12'",
    }


# The difference


def test_a_target_that_gets_another_of_the_locked_versions_is_told(pkm, forked):
    wider = FORKED.replace("<3.13", "<3.14")
    (forked / "pyproject.toml").write_text(HEAD + wider)
    ok(pkm("lock", cwd=forked))
    (forked / "pyproject.toml").write_text(HEAD + wider.replace("< '3.12'", "< '3.13'"))
    said = ok(pkm("lock", "--dry-run", cwd=forked)).stdout
    assert said.splitlines()[2:] == ["  ~ eggs 2.0 -> 1.0  default"]


def test_what_is_gone_is_told_with_who_needed_it(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", requires=["ham", "eggs<2"])
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["pea", "spam"]\n')
    ok(pkm("lock", cwd=project))
    index.add_wheel("pea", "2.0")
    env = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    (project / "pyproject.toml").write_text(HEAD + 'dependencies = ["pea"]\n')
    words = ("lock", "--upgrade", "--dry-run")
    said = ok(pkm(*words, cwd=project, env=env)).stdout
    assert said.splitlines()[2:] == [
        "  - eggs 1.0        default: pea 2.0 no longer needs it",
        "  - ham 1.0         default: pea 2.0 no longer needs it",
        "  ~ pea 1.0 -> 2.0  default",
        "  - spam 1.0        default",
    ]
    changes = json.loads(ok(pkm(*words, "--json", cwd=project, env=env)).stdout)["changes"]
    assert [one["why"] for one in changes] == ["pea 2.0 no longer needs it"] * 2 + [""] * 2


# The version of the format


def test_a_later_minor_version_of_the_format_is_read_with_a_warning(pkm, project):
    ok(pkm("lock", cwd=project))
    text = lock_text(project)
    (project / "pylock.toml").write_text(text.replace('lock-version = "1.0"', 'lock-version = "1.9"'))
    for _ in range(2):
        said = ok(pkm("sync", "--locked", "--dry-run", cwd=project)).stderr
        assert said.count('lock-version "1.9"') == 1


def test_another_major_version_of_the_format_is_refused(pkm, project):
    ok(pkm("lock", cwd=project))
    text = lock_text(project).replace('lock-version = "1.0"', 'lock-version = "2.0"')
    (project / "pylock.toml").write_text(text)
    for words in (["lock"], ["sync"], ["sync", "--frozen"]):
        refused = pkm(*words, cwd=project)
        assert refused.code == 1
        assert 'lock-version: version "2.0" of the format is not understood' in refused.stderr
    assert lock_text(project) == text


# Indexes


def test_the_proxy_of_pips_configuration_is_used(pkm, project, index, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nproxy = http://{index.host}\n")
    env = {"PKM_INDEX_URL": "http://packages.example/simple/", "PIP_CONFIG_FILE": str(config)}
    pkm("lock", cwd=project, env=env)
    assert index.requests[0].path.startswith("http://packages.example/simple/")


# Rules of one environment


def test_an_environment_may_be_resolved_by_rules_of_its_own(pkm, tmp_path):
    text = HEAD + 'dependencies = ["spam"]\n[tool.pkm.env.low]\nresolution = "lowest"\n'
    text += '[tool.pkm.env.bound]\nconstraints = ["spam<2"]\n[tool.pkm.env.direct]\nresolution = "lowest-direct"\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    found = {name: held(project, "spam", name) for name in ("default", "low", "bound", "direct")}
    assert found == {"default": ["2.0"], "low": ["1.0"], "bound": ["1.0"], "direct": ["1.0"]}
    assert (held(project, "eggs", "low"), held(project, "eggs", "direct")) == (["1.0"], ["2.0"])
    first = lock_text(project)
    ok(pkm("lock", "--upgrade", cwd=project))
    assert lock_text(project) == first
    (project / "pyproject.toml").write_text(text.replace('"lowest"', '"highest"'))
    ok(pkm("lock", "low", cwd=project))
    assert held(project, "spam", "low") == ["1.0"]
    ok(pkm("lock", "low", "--upgrade", cwd=project))
    assert held(project, "spam", "low") == ["2.0"]


def test_wheels_that_another_environment_uses_are_not_taken_where_none_may_be(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", files={"pea.py": "made = 'wheel'\n"})
    index.add_sdist("pea", "1.0", files={"pea.py": "made = 'sdist'\n"})
    text = HEAD + 'dependencies = ["pea"]\n[tool.pkm.env.source]\nno-binary = ["pea"]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    for name in ("default", "source"):
        ok(pkm("sync", name, cwd=project))
    code = "import pea; print(pea.made)"
    said = [
        ok(pkm("run", "-e", name, "python", "-c", code, cwd=project)).stdout for name in ("default", "source")
    ]
    assert said == ["wheel\n", "sdist\n"]


# Fresh answers


@pytest.mark.parametrize("words", [["--refresh"], ["--refresh-package", "Spam"]], ids=["all", "one"])
def test_refresh_asks_anew_though_the_page_is_fresh(pkm, project, index, words):
    ok(pkm("lock", cwd=project))
    index.add_wheel("spam", "2.5", requires=["eggs>=2"])
    index.add_wheel("eggs", "2.5")
    ok(pkm("lock", "--upgrade", cwd=project))
    assert held(project, "spam") == ["2.0"]
    index.forget()
    ok(pkm("lock", "--upgrade", *words, cwd=project))
    assert held(project, "spam") == ["2.5"]
    assert held(project, "eggs") == (["2.5"] if words == ["--refresh"] else ["2.0"])
    assert bool(index.count("/simple/eggs")) == (words == ["--refresh"])


def test_a_dry_run_tells_the_difference_and_writes_nothing(pkm, tmp_path, index):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    ok(pkm("lock", cwd=project))
    before = (project / "pylock.toml").stat()
    index.add_wheel("spam", "2.5", requires=["pea"])
    index.add_wheel("pea", "1.0")
    said = ok(pkm("lock", "--dry-run", "--upgrade", "--refresh", cwd=project)).stdout
    assert said.startswith("would lock 1 environment in ")
    rows = [" ".join(line.split()) for line in said.splitlines() if line.split()[0] in "+-~"]
    assert rows == [
        "- eggs 2.0 default: spam 2.5 no longer needs it",
        "+ pea 1.0 default",
        "~ spam 2.0 -> 2.5 default",
    ]
    after = (project / "pylock.toml").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_yanked_release_that_one_environment_pins_stays_out_of_the_others(pkm, tmp_path, index):
    index.add_wheel("spam", "7.0", yanked="broken")
    groups = '[dependency-groups]\nold = ["spam==7.0"]\n[tool.pkm.env.old]\ngroups = ["old"]\n'
    later = '[tool.pkm.env.later]\ndependencies = ["spam"]\nproject = false\n'
    project = write_project(tmp_path / "shop", HEAD + groups + later)
    ok(pkm("lock", cwd=project))
    assert held(project, "spam", "old") == ["7.0"]
    assert held(project, "spam", "later") != ["7.0"]
    ok(pkm("lock", "--refresh", cwd=project))
    assert held(project, "spam", "old") == ["7.0"]


def test_what_was_decided_for_the_user_is_told_once(pkm, tmp_path, index):
    index.add_wheel("early", "1.0a1")
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["early"]\n')
    assert "early 1.0a1 is a pre-release, taken because" in ok(pkm("lock", cwd=project)).stderr
    (project / "pyproject.toml").write_text(HEAD + 'dependencies = ["early", "spam[nope]"]\n')
    said = ok(pkm("lock", cwd=project)).stderr
    assert "pre-release" not in said
    assert 'has no extra "nope"' in said


def test_a_lock_relies_on_no_weak_digest_but_obeys_it(pkm, tmp_path, index):
    page = '<html><body><a href="{}#md5={}">{}</a></body></html>'
    listed = index.add_wheel("weak", "1.0")
    name, content = listed.filename, listed.content
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["weak"]\n')
    index.reply("/simple/weak/", body=page.format(index.file_url(name), digest, name).encode(), headers=HTML)
    ok(pkm("lock", cwd=project))
    assert hashlib.sha256(content).hexdigest() in lock_text(project)
    assert "md5" not in lock_text(project)
    index.heal()
    index.reply(
        "/simple/weak/", body=page.format(index.file_url(name), "0" * 32, name).encode(), headers=HTML
    )
    failed = pkm("lock", "--upgrade", "--refresh", cwd=project)
    assert "expected  md5 00000000" in failed.stderr


def test_locked_solves_nothing_and_says_what_would_have_to_be(pkm, project, index):
    failed = pkm("lock", "--locked", cwd=project)
    assert failed.code == 1
    assert 'not up to date for "default", "old": it is not there' in failed.stderr
    ok(pkm("lock", cwd=project))
    index.forget()
    ok(pkm("lock", "--locked", cwd=project))
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('["ham"]', '["ham<9"]'))
    before = lock_text(project)
    failed = pkm("lock", "--locked", cwd=project)
    assert 'not up to date for "old": what it was solved from has changed' in failed.stderr
    assert lock_text(project) == before
    assert index.count() == 0


def test_an_index_whose_folder_is_not_there_is_an_error(pkm, project):
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(f'{text}[[tool.pkm.index]]\nname = "own"\nurl = "wheels"\n')
    failed = pkm("lock", cwd=project)
    assert failed.code == 1
    assert f'index "own" is a folder that is not there: {project / "wheels"}' in failed.stderr
    assert "hint: it is named in pyproject.toml:" in failed.stderr
    (project / "wheels").mkdir()
    ok(pkm("lock", cwd=project))


def test_a_constraint_of_the_command_line_has_to_bound_something(pkm, project):
    failed = pkm("lock", "--constraint", "constraints.txt", cwd=project)
    assert failed.code == 2
    assert "bounds no version" in failed.stderr


def test_a_changed_file_that_others_still_hold_is_locked_anew_for_all_or_none(pkm, tmp_path, index):
    text = HEAD + 'dependencies = ["eggs"]\n[tool.pkm.env.one]\n[tool.pkm.env.two]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    before = lock_text(project)
    index.remove("eggs-2.0-py3-none-any.whl")
    index.add_wheel("eggs", "2.0", files={"eggs.py": "another = 1\n"})
    refused = pkm("lock", "two", "--refresh", cwd=project)
    assert refused.code == 1
    assert "cannot hold two files eggs-2.0-py3-none-any.whl of eggs 2.0" in refused.stderr
    assert lock_text(project) == before
    assert "hint: pkm lock --refresh-package eggs locks all environments" in refused.stderr
    ok(pkm("lock", "--refresh-package", "eggs", cwd=project))
    ok(pkm("lock", "--check", cwd=project))
    assert lock_text(project) != before
