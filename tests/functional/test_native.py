"""A native module of an editable project is compiled anew by the next sync, and only when its sources changed."""

from __future__ import annotations

import shutil

import pytest

from tests.support.projects import ROOT, Pkm


@pytest.fixture
def quick(tmp_path):
    ignored = shutil.ignore_patterns(".venv", ".pkm", "pylock.toml", "__pycache__", "*.so", "*.pyd")
    return shutil.copytree(ROOT / "examples/native", tmp_path / "quick", ignore=ignored)


@pytest.mark.network
def test_sync_compiles_a_changed_source_anew(tmp_path, quick, index_url):
    pkm = Pkm(tmp_path / "home", index_url=index_url, network=True)
    assert pkm("sync", cwd=quick).code == 0
    code = "import quick; print(quick.total([1, 2, 3]))"
    before = pkm("run", "python", "-c", code, cwd=quick)
    assert before.stdout == "6\n", before.stderr
    assert pkm("sync", cwd=quick).stdout == "default is in sync (1 package)\n"
    source = quick / "src/quick/sum.c"
    source.write_text(source.read_text().replace("+= value", "+= 10 * value"))
    said = pkm("sync", cwd=quick)
    assert "~ quick" in said.stdout, said.stdout + said.stderr
    assert pkm("run", "python", "-c", code, cwd=quick).stdout == "60\n"
