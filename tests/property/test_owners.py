"""Whose files are which: what pkm noted of its packages leads to the same answer as all their RECORDs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_env.install.conflicts import owners_of
from tests.support.environments import installed, site, sync, unpacked

NAMES = ("ham", "eggs", "spam")
PARTS = ("a", "b", "ham", "x y")
MODULES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".py")
FILES = st.sets(MODULES, min_size=1, max_size=4)
SCRIPTS = st.sets(st.sampled_from(("run", "go")))
PACKAGES = st.lists(st.tuples(FILES, SCRIPTS), min_size=1, max_size=len(NAMES))


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@given(packages=PACKAGES, asked=FILES, scripts=SCRIPTS)
def test_owners_are_the_same_with_and_without_what_was_noted(folder, packages, asked, scripts):
    with tempfile.TemporaryDirectory(dir=folder) as path:
        place = Path(path) / "v"
        wheels = [
            unpacked(
                Path(path) / name,
                name,
                "1.0",
                files=dict.fromkeys(sorted(files), ""),
                scripts=dict.fromkeys(sorted(names), "a:b"),
            )
            for name, (files, names) in zip(NAMES, packages, strict=False)
        ]
        sync(place, *wheels)
        wanted = {os.path.join(site(place), *file.split("/")) for file in asked}
        wanted |= {str(place / "bin" / script) for script in scripts}
        wanted.add(str(site(place) / "ham-1.0.dist-info" / "METADATA"))
        known = installed(place)
        read = installed(place)
        for one in read:
            one.tops = ()
        assert owners_of(known, wanted) == owners_of(read, wanted)
