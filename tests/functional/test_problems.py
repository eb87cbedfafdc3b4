"""A recorded problem is solved again without a network, and holds no address."""

from __future__ import annotations

import json

from tests.support.projects import write_project

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


def test_another_file_is_refused(pkm, tmp_path):
    for text, said in (("[]", "no recorded problem"), ("{", "no recorded problem")):
        (tmp_path / "x.json").write_text(text)
        result = pkm("debug", "solve", "x.json", cwd=tmp_path)
        assert result.code == 1
        assert said in result.stderr
