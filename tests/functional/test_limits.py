"""The bounds of builds and archives, set by the user, hold in the real command."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import HEAD, write_project

TOML = HEAD + "dependencies = {}\n"


def project_of(tmp_path, *names):
    return write_project(tmp_path / "shop", TOML.format(list(names)))


def installed(project):
    return sorted(path.name for path in project.glob(".venv/lib/*/site-packages/*.dist-info"))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PKM_LIMIT_WHEEL_FILES", "3", "has 6 entries, more than the 3 allowed"),
        ("PKM_LIMIT_WHEEL_SIZE", "100", "bytes, more than the 100 allowed"),
    ],
)
def test_a_wheel_beyond_the_users_bound_is_refused_and_said_how_to_allow_it(
    index, pkm, tmp_path, variable, value, said
):
    index.add_wheel("big", "1.0", files={"big/a.py": "", "big/b.py": "", "big/c.py": ""})
    project = project_of(tmp_path, "big")
    refused = pkm("sync", cwd=project, env={variable: value})
    assert refused.code == 1
    assert said in refused.stderr
    assert "in [limits] of your configuration" in refused.stderr
    assert installed(project) == []
    assert pkm("sync", cwd=project).code == 0


@pytest.mark.parametrize(
    ("limit", "said"),
    [("sdist-size = 200", "more than 200 bytes"), ("sdist-files = 2", "more than 2 members")],
)
def test_an_sdist_beyond_the_users_bound_is_refused(index, pkm, tmp_path, limit, said):
    index.add_sdist("bean", "1.0", backend="in-tree")
    config = tmp_path / "config.toml"
    config.write_text(f"[limits]\n{limit}\n")
    project = project_of(tmp_path, "bean")
    refused = pkm("sync", cwd=project, env={"PKM_CONFIG_FILE": str(config)})
    assert refused.code == 1
    assert said in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "hook", "said"),
    [
        ("PKM_LIMIT_BUILD_TIME", "1", "import time; time.sleep(600)", "did not end within 1 s"),
        ("PKM_LIMIT_BUILD_OUTPUT", "1 KB", "print('x' * 10_000)", "more than 1,024 bytes of output"),
    ],
)
def test_a_build_beyond_the_users_bound_is_ended(index, pkm, tmp_path, variable, value, hook, said):
    index.add_sdist("bean", "1.0", hooks=f"def build_wheel(*args):\n    {hook}\n")
    project = project_of(tmp_path, "bean")
    refused = pkm("sync", cwd=project, env={variable: value})
    assert refused.code == 1
    assert said in refused.stderr
    assert (
        f"hint: {variable.removeprefix('PKM_LIMIT_').lower().replace('_', '-')} in [limits]" in refused.stderr
    )


def test_a_limit_that_means_nothing_is_refused(pkm, tmp_path):
    refused = pkm("sync", cwd=project_of(tmp_path, "spam"), env={"PKM_LIMIT_BUILDS": "all"})
    assert refused.code == 2
    assert 'PKM_LIMIT_BUILDS is "all", which is not a positive whole number of builds' in refused.stderr


MEETING = """
import pathlib, time
_build = build_wheel
def build_wheel(*args, **how):
    (pathlib.Path({folder!r}) / {own!r}).touch()
    while not (pathlib.Path({folder!r}) / {other!r}).exists():
        time.sleep(0.01)
    return _build(*args, **how)
"""


def test_sdists_are_built_side_by_side_and_the_timings_show_it(index, pkm, tmp_path):
    folder = str(tmp_path)
    for own, other in (("bean", "pea"), ("pea", "bean")):
        index.add_sdist(own, "1.0", hooks=MEETING.format(folder=folder, own=own, other=other))
    project = project_of(tmp_path, "bean", "pea")
    env = {"PKM_LIMIT_BUILDS": "2", "PKM_LIMIT_BUILD_TIME": "120"}
    done = pkm("sync", "--timings", "times.json", cwd=project, env=env)
    assert done.code == 0, done.stderr
    events = json.loads((project / "times.json").read_text())["events"]
    bean, pea = (
        next(e for e in events if (e["kind"], e["name"]) == ("build", one)) for one in ("bean", "pea")
    )
    assert bean["start_s"] < pea["end_s"]
    assert pea["start_s"] < bean["end_s"]


def test_of_two_builds_that_fail_both_are_told_and_what_was_built_is_kept(index, pkm, tmp_path):
    fail = "import pathlib, time\ndef build_wheel(*args):\n    raise SystemExit(3)\n"
    index.add_sdist("bean", "1.0", hooks=fail)
    index.add_sdist("corn", "1.0")
    index.add_sdist("pea", "1.0", hooks=fail)
    project = project_of(tmp_path, "bean", "corn", "pea")
    failed = pkm("sync", cwd=project, env={"PKM_LIMIT_BUILDS": "3"})
    assert failed.code == 1
    assert "error: bean 1.0 could not be built" in failed.stderr
    assert "warning: pea 1.0 could not be built" in failed.stderr
    assert installed(project) == []
    assert len(list((pkm.cache / "built-1").rglob("*"))) >= 1
