"""``pkm sync --timings``: what was fetched, unpacked, built and linked, and in which order."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import HEAD, write_project

TOML = HEAD + 'dependencies = ["spam", "bacon"]\n'


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "shop", TOML)


def events(project, kind):
    told = json.loads((project / "times.json").read_text())
    return {event["name"]: event for event in told["events"] if event["kind"] == kind}


def test_each_package_is_told_with_what_was_done_for_it(pkm, project, index):
    result = pkm("sync", "--timings", "times.json", cwd=project)
    assert result.code == 0, result.stderr
    told = json.loads((project / "times.json").read_text())
    assert [phase["name"].split()[0] for phase in told["phases"]] == ["Resolving", "Fetching", "Installing"]
    fetched, unpacked = events(project, "fetch"), events(project, "unpack")
    assert fetched["spam"]["bytes"] == index.file("spam-2.0-py3-none-any.whl").size
    assert fetched["spam"]["start_s"] <= fetched["spam"]["end_s"] <= unpacked["spam"]["start_s"]
    assert list(events(project, "build")) == ["bacon"]
    assert sorted(events(project, "link")) == ["bacon", "eggs", "spam"]
    assert all(event["end_s"] <= told["seconds"] for event in told["events"])


def test_what_is_cached_is_only_linked(pkm, project):
    assert pkm("sync", cwd=project).code == 0
    assert pkm("-C", str(project), "sync", "--reinstall", "--timings", "times.json").code == 0
    told = json.loads((project / "times.json").read_text())
    assert {event["kind"] for event in told["events"]} == {"link"}


def test_a_sync_that_fails_tells_how_far_it_came(pkm, project, index):
    assert pkm("lock", cwd=project).code == 0
    index.replace("spam-2.0-py3-none-any.whl", b"another content")
    env = {"PKM_CACHE_DIR": str(pkm.home / "other-cache")}
    assert pkm("sync", "--timings", "times.json", cwd=project, env=env).code == 1
    assert "spam" in events(project, "fetch")
    assert events(project, "link") == {}


def test_what_is_compiled_is_told_once_with_its_bytes(pkm, project):
    assert pkm("sync", "--compile-bytecode", "--timings", "times.json", cwd=project).code == 0
    compiled = events(project, "compile")
    assert sorted(compiled) == ["bacon", "eggs", "spam"]
    assert compiled["spam"]["bytes"] == len("def main():\n    print('spam and eggs')\n")
    assert events(project, "unpack")["spam"]["bytes"] >= compiled["spam"]["bytes"]
    assert events(project, "link")["spam"]["bytes"] == events(project, "unpack")["spam"]["bytes"]
    assert pkm("sync", "--reinstall", "--compile-bytecode", "--timings", "times.json", cwd=project).code == 0
    assert events(project, "compile") == {}
