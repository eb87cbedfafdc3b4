"""Published projects, given this backend, must give the wheels that were published.

published.toml lists them. Each sdist is taken from the configured index, its ``[build-system]`` and tool tables are
replaced, and the wheel is held against the published one: the same files with the same content, the same tags and
entry points, and metadata of the same meaning. Downloads are kept in pytest's cache, or in the folder that
PKM_TEST_DOWNLOADS names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tomli
import tomlkit

from pkm_build import builder
from tests.support.meaning import differences, read_wheel
from tests.support.published import Shelf, backend_of, moved, unpacked

PROJECTS = tomli.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8"))["project"]
NATIVE = [one for one in PROJECTS if "extension" in one.get("build", {})]


@pytest.fixture(scope="module")
def shelf(request):
    kept = os.environ.get("PKM_TEST_DOWNLOADS")
    made = Shelf(Path(kept) if kept else request.config.cache.mkdir("published"))
    yield made
    made.close()


def test_the_list_holds_what_it_promises():
    assert len({one["release"] for one in PROJECTS}) == len(PROJECTS) == 70
    assert len(NATIVE) == 10
    assert sum("build" not in one for one in PROJECTS) >= 54


@pytest.mark.network
@pytest.mark.parametrize("one", PROJECTS, ids=[one["release"] for one in PROJECTS])
def test_a_published_project_gives_its_published_wheel(tmp_path, shelf, one):
    sdist, wheel = shelf.files_of(one["release"])
    root = unpacked(sdist, tmp_path)
    assert backend_of(root).startswith(one["origin"])
    pkm = {key: one[key] for key in ("version", "build") if key in one}
    (root / "pyproject.toml").write_text(tomlkit.dumps(moved(root, pkm)), encoding="utf-8")
    made = builder.build_wheel(str(root), str(tmp_path / "out"), None, dict(os.environ))
    assert differences(read_wheel(tmp_path / "out" / made), read_wheel(wheel)) == {}
    again = builder.build_sdist(str(root), str(tmp_path / "out"), None, dict(os.environ))
    assert again.removesuffix(".tar.gz") == "-".join(made.split("-")[:2])
    modules = [made_of["name"] for made_of in one.get("build", {}).get("extension", [])]
    import_all(tmp_path / "out" / made, tmp_path / "site", modules)


def import_all(wheel, site, modules):
    """Import each native module of a wheel, in an interpreter of its own; those of tests may need more."""
    modules = [name for name in modules if ".tests." not in name]
    if modules:
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(site)
        code = f"import sys; sys.path.insert(0, {str(site)!r}); import {', '.join(modules)}"
        subprocess.run([sys.executable, "-I", "-c", code], check=True)
