"""Whatever was installed before, and in whatever order: the result is that of a fresh environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pkm_env.install.apply import NoRollback, rollback
from pkm_env.plan import make_plan
from tests.support.environments import installed, snapshot, sync, unpacked, wanted

NAMES = ("a", "b", "c")
PATHS = ("s/x.py", "s/y.py", "s/t/z.py", "m.py", "d")


@st.composite
def releases(draw):
    """A release: its name, and the content of each of its files; packages share paths, and some content."""
    name = draw(st.sampled_from(NAMES))
    paths = draw(st.sets(st.sampled_from(PATHS), min_size=1, max_size=4))
    files = {path: draw(st.sampled_from(["same\n", f"of {name}\n", "other\n"])) for path in sorted(paths)}
    return name, tuple(files.items())


environments = st.lists(releases(), max_size=3, unique_by=lambda release: release[0])


class Cache:
    """Wheels by what is in them, each unpacked once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known = {}

    def wheel(self, release):
        if release not in self.known:
            name, files = release
            folder, version = self.folder / str(len(self.known)), f"{len(self.known)}.0"
            script = {"run": f"{name}:x"}
            self.known[release] = unpacked(folder, name, version, files=dict(files), scripts=script)
        return self.known[release]


def content(place):
    """Return what an environment holds, notes of pkm apart."""
    return {path: entry for path, entry in snapshot(place).items() if not path.startswith("bin/activate")}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(environments, min_size=2, max_size=4))
def test_history_leaves_no_trace(history):
    root = Path(tempfile.mkdtemp(prefix="pkm-history-"))
    try:
        cache = Cache(root / "cache")
        place = root / "v"
        for state in history:
            wheels = [cache.wheel(release) for release in state]
            sync(place, *wheels)
            changed = content(place)
            assert make_plan(installed(place), wanted(*wheels)).changes == ()
            os.rename(place, root / "kept")
            sync(place, *wheels, fresh=True)
            assert changed == content(place)
            shutil.rmtree(place)
            os.rename(root / "kept", place)
    finally:
        shutil.rmtree(root)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(environments, environments)
def test_rollback_is_exact(before, after):
    root = Path(tempfile.mkdtemp(prefix="pkm-history-"))
    try:
        cache = Cache(root / "cache")
        place = root / "v"
        sync(place, *(cache.wheel(release) for release in before))
        expected = snapshot(place)
        sync(place, *(cache.wheel(release) for release in after))
        try:
            rollback(str(place))
        except NoRollback:
            # Nothing was to be done, so nothing is to be taken back.
            assert before == after or {*before} == {*after}
        assert snapshot(place) == expected
    finally:
        shutil.rmtree(root)
