"""A recorded problem is solved again without a network, and holds no address."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import lock_text, ok, write_project

HEAD = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.12"\n'


def test_a_recorded_problem_has_the_same_answer_without_an_index(pkm, tmp_path, index):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    assert pkm("lock", "--export-problem", "problem.json", cwd=project).code == 0
    text = (project / "problem.json").read_text()
    assert "127.0.0.1" not in text
    index.forget()
    result = pkm("debug", "solve", str(project / "problem.json"), "--json", cwd=tmp_path)
    assert result.code == 0, result.stderr
    answers = json.loads(result.stdout)["default"]
    assert {tuple(answer["pins"].items()) for answer in answers} == {(("eggs", "2.0"), ("spam", "2.0"))}
    assert index.count() == 0


def test_a_problem_without_a_solution_is_recorded_too(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam>=2", "ham"]\n')
    assert pkm("lock", "--export-problem", "problem.json", cwd=project).code == 1
    result = pkm("debug", "solve", "problem.json", cwd=project)
    assert result.code == 1
    assert "spam 2.0" in result.stdout
    assert "ham" in result.stdout
    # What an explanation asked beyond the solve is recorded too, so that it ends alike.
    assert "spam<2.0   instead of 1: 3 packages, spam 1.0" in result.stdout


def test_the_whole_problem_of_a_lock_that_is_up_to_date_is_recorded(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    ok(pkm("lock", "--export-problem", "first.json", cwd=project))
    before = lock_text(project)
    told = ok(pkm("lock", "--export-problem", "again.json", cwd=project))
    assert told.stdout == "pylock.toml is up to date (1 environment)\n"
    assert lock_text(project) == before
    answers = [
        json.loads(ok(pkm("debug", "solve", name, "--json", cwd=project)).stdout)["default"]
        for name in ("first.json", "again.json")
    ]
    pins = [[(answer["target"], answer["pins"]) for answer in one] for one in answers]
    assert pins[0] == pins[1]
    assert pins[0][0][1] == {"spam": "2.0", "eggs": "2.0"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lock", "--export-problem"), "no/x cannot be written: there is no such folder"),
        (("env", "export", "default", "-o"), "no/x cannot be written: there is no such folder"),
        (("sync", "--timings"), "no/x cannot be written: there is no such folder"),
    ],
    ids=["problem", "export", "timings"],
)
def test_a_file_that_cannot_be_written_is_told_by_its_name_before_anything_is_done(
    pkm, tmp_path, words, said
):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam"]\n')
    failed = pkm(*words, "no/x", cwd=project)
    assert (failed.code, failed.stderr) == (1, f"error: {said}\nhint: make it first\n")
    failed = pkm(*words, ".", cwd=project)
    assert failed.stderr.startswith("error: . cannot be written: it is a folder\n")
    assert not (project / "pylock.toml").exists()


def test_a_problem_is_not_recorded_where_nothing_may_be_solved(pkm, tmp_path):
    project = write_project(tmp_path / "p", HEAD)
    failed = pkm("lock", "--locked", "--export-problem", "x.json", cwd=project)
    assert (failed.code, "with --locked nothing may be solved" in failed.stderr) == (2, True)


def test_another_file_is_refused(pkm, tmp_path):
    for text, said in (("[]", "no recorded problem"), ("{", "no recorded problem")):
        (tmp_path / "x.json").write_text(text)
        result = pkm("debug", "solve", "x.json", cwd=tmp_path)
        assert result.code == 1
        assert said in result.stderr
