"""Conflicts of real packages, recorded once: solved again without a network, and explained the same way.

Beside each ``problems/NAME.json.gz`` lies ``NAME.txt``, the explanation that is expected.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pkm_env.resolver.problem import from_plain
from pkm_env.resolver.report import explain
from pkm_env.resolver.resolve import NoSolution, resolve
from tests.support.resolving import only, where
from tests.support.universe import NoMemory

PROBLEMS = sorted((Path(__file__).parent / "problems").glob("*.json.gz"))


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.name.split(".")[0])
def test_a_real_conflict_is_explained(path):
    request, recorded = from_plain(json.loads(gzip.decompress(path.read_bytes())))
    outcome = only(resolve(request, recorded, NoMemory()))
    assert isinstance(outcome, NoSolution)
    expected = path.with_name(path.name.replace(".json.gz", ".txt")).read_text(encoding="utf-8")
    assert str(explain(outcome, where=where)) + "\n" == expected


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.name.split(".")[0])
def test_a_recorded_conflict_holds_no_address(path):
    text = gzip.decompress(path.read_bytes()).decode()
    assert "://" not in text
