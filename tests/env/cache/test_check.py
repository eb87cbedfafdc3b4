from __future__ import annotations

import os

import pytest

from pkm_env.cache.check import damage_of, verify_tree
from pkm_env.install.put import DamagedWheels
from tests.support.environments import sync, unpacked, versions


@pytest.fixture
def wheel(tmp_path):
    return unpacked(
        tmp_path / "cache",
        "spam",
        "1.0",
        files={"spam/a.py": "x = 1\n", "top.py": ""},
        data={"scripts/run": "#!/bin/sh\n"},
    )


def test_tree_that_nobody_touched_is_whole(wheel):
    assert damage_of(wheel) == ""
    assert verify_tree(wheel) == ""


@pytest.mark.parametrize(
    "path", ["spam/a.py", "top.py", "spam-1.0.data/scripts/run", "spam-1.0.dist-info/METADATA"]
)
def test_change_and_loss_of_each_file_are_noticed(wheel, path):
    full = os.path.join(wheel.path, path)
    with open(full, "r+b") as stream:
        stream.write(b"y")
    assert damage_of(wheel) == path
    assert verify_tree(wheel) == path
    os.unlink(full)
    assert damage_of(wheel) == path
    assert verify_tree(wheel) == path


def test_flipped_byte_that_kept_size_and_time_is_found_by_its_hash_alone(wheel):
    full = os.path.join(wheel.path, "spam/a.py")
    with open(full, "r+b") as stream:
        stream.write(b"y")
    os.utime(full, ns=(wheel.manifest.mtime_ns, wheel.manifest.mtime_ns))
    assert damage_of(wheel) == ""
    assert verify_tree(wheel) == "spam/a.py"


def test_damaged_tree_is_not_installed(tmp_path, wheel):
    """Editing a hard link in one environment must not reach the next one without a word."""
    sync(tmp_path / "v", wheel, link_mode="hardlink")
    site = next((tmp_path / "v" / "lib").glob("python*")) / "site-packages"
    (site / "top.py").write_text("edited = True\n")
    with pytest.raises(DamagedWheels) as caught:
        sync(tmp_path / "w", wheel)
    assert caught.value.damaged == (("spam", wheel.path, "top.py"),)
    assert caught.value.trees == (wheel.path,)
    assert not (tmp_path / "w").exists()
    assert versions(tmp_path / "v") == {"spam": "1.0"}
