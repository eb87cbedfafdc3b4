from __future__ import annotations

import pytest

from pkm_build.source import load
from pkm_env.isolation import OWN_REQUIRES, is_met_here, put_own_backend
from tests.support.projects import ROOT


def test_the_backend_needs_what_its_project_says():
    assert load(str(ROOT)).project.dependencies == OWN_REQUIRES


@pytest.mark.parametrize(
    ("text", "met"),
    [("pkm>=1.0.dev0", True), ("pkm", True), ("pkm>=99", False), ("hatchling", False), ("pkm<1", False)],
)
def test_the_running_backend_serves_where_it_is_what_is_asked_for(text, met):
    assert is_met_here(text) is met


def test_every_module_of_the_backend_is_put_into_a_build_environment(tmp_path):
    put_own_backend(str(tmp_path))
    put = sorted(path.name for path in (tmp_path / "pkm_build").iterdir())
    assert put == sorted(path.name for path in (ROOT / "pkm_build").glob("*.py"))
