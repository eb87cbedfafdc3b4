"""Packages that share a file, and files of nobody."""

from __future__ import annotations

import os

import pytest

from pkm_env.files import read_file
from pkm_env.install.apply import (
    rollback,
    verify,
)
from pkm_env.install.wheel import Refused
from tests.support.environments import (
    installed,
    site,
    snapshot,
    sync,
    unpacked,
    versions,
)


def test_two_packages_with_one_file_are_reported_and_the_first_name_keeps_it(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/x.py": "ham = 1\n"})
    spam = unpacked(cache, "spam", "1.0", files={"shared/x.py": "spam = 1\n", "shared/y.py": ""})
    outcome = sync(place, spam, ham)
    assert [(conflict.keeper, conflict.loser) for conflict in outcome.conflicts] == [("ham", "spam")]
    assert (site(place) / "shared" / "x.py").read_text() == "ham = 1\n"


@pytest.mark.parametrize("first", ["ham", "spam"])
def test_conflict_ends_alike_whatever_came_first(cache, place, first):
    wheels = {
        name: unpacked(cache, name, "1.0", files={"shared/x.py": f"{name} = 1\n"}) for name in ("ham", "spam")
    }
    sync(place, wheels[first])
    outcome = sync(place, *wheels.values())
    assert [(conflict.keeper, conflict.loser) for conflict in outcome.conflicts] == [("ham", "spam")]
    assert (site(place) / "shared" / "x.py").read_text() == "ham = 1\n"
    assert verify(str(place)) == []


def test_shared_links_of_equal_content_are_no_conflict(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/__init__.py": "", "shared/ham.py": ""})
    spam = unpacked(cache, "spam", "1.0", files={"shared/__init__.py": "", "shared/spam.py": ""})
    sync(place, ham, link_mode="symlink")
    assert sync(place, ham, spam, link_mode="symlink").conflicts == ()


def test_shared_file_of_equal_content_is_no_conflict_and_stays_while_one_owner_does(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/__init__.py": "", "shared/ham.py": ""})
    spam = unpacked(cache, "spam", "1.0", files={"shared/__init__.py": "", "shared/spam.py": ""})
    assert sync(place, spam, ham).conflicts == ()
    sync(place, spam)
    assert sorted(os.listdir(site(place) / "shared")) == ["__init__.py", "spam.py"]
    assert verify(str(place)) == []


def test_file_that_is_a_folder_of_another_package_is_refused(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared": "file"})
    spam = unpacked(cache, "spam", "1.0", files={"shared/x.py": ""})
    with pytest.raises(Refused) as caught:
        sync(place, spam, ham)
    assert caught.value.name == "ham"
    assert not place.exists()
    sync(place, spam)
    with pytest.raises(Refused):
        sync(place, spam, ham)
    assert versions(place) == {"spam": "1.0"}


def test_file_comes_to_light_when_the_package_over_it_goes(cache, place):
    ham = unpacked(cache, "ham", "1.0", files={"shared/x.py": "ham = 1\n"})
    spam = unpacked(cache, "spam", "1.0", files={"shared/x.py": "spam = 1\n"})
    sync(place, ham, spam)
    assert [one.overridden for one in installed(place)] == [(), ("ham",)]
    outcome = sync(place, spam)
    assert (outcome.installed, outcome.removed) == (("spam",), ("ham",))
    assert (site(place) / "shared" / "x.py").read_text() == "spam = 1\n"
    assert [one.overridden for one in installed(place)] == [()]


def test_file_of_nobody_is_moved_away_with_a_word_and_comes_back_by_rollback(cache, place):
    sync(place)
    (site(place) / "spam.py").write_text("mine = True\n")
    outcome = sync(place, unpacked(cache, "spam", "1.0"))
    assert [(conflict.keeper, conflict.loser) for conflict in outcome.conflicts] == [("spam", "")]
    rollback(str(place))
    assert (site(place) / "spam.py").read_text() == "mine = True\n"


def test_link_in_the_place_of_a_folder_is_not_written_through(cache, place, tmp_path):
    sync(place)
    outside = tmp_path / "outside"
    outside.mkdir()
    (site(place) / "spam").symlink_to(outside)
    sync(place, unpacked(cache, "spam", "1.0", files={"spam/__init__.py": ""}))
    assert os.listdir(outside) == []
    assert not (site(place) / "spam").is_symlink()


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.12", "pypy3", "activate", "Activate.ps1", "pythonw"]
)
def test_script_that_would_replace_the_environments_own_is_refused(cache, place, name):
    with pytest.raises(Refused):
        sync(place, unpacked(cache, "evil", "1.0", scripts={name: "evil:main"}))
    assert not place.exists()


@pytest.mark.parametrize(
    "path", ["scripts/python3", "data/bin/python", "data/pyvenv.cfg", "data/.pkm/journal/intent"]
)
def test_data_file_that_would_replace_the_environments_own_is_refused(cache, place, path):
    sync(place)
    before = snapshot(place, without=())
    with pytest.raises(Refused):
        sync(place, unpacked(cache, "evil", "1.0", data={path: "#!/bin/sh\n"}))
    assert snapshot(place, without=()) == before


SHAPES = {
    "package": {"files": {"spam/__init__.py": "", "spam/deep/er/x.py": ""}},
    "modules": {"files": {"spam.py": "", "_spam.so": ""}},
    "script": {"files": {"spam.py": ""}, "scripts": {"spam": "spam:main"}},
    "written script": {"files": {"spam.py": ""}, "data": {"scripts/spam": "#!python\n"}},
    "headers": {"files": {"spam.py": ""}, "data": {"headers/spam.h": ""}},
}
ANYWHERE = {
    "data": {"data": {"data/share/spam": ""}},
    "other root": {"data": {"platlib/spam/x.so": ""}},
    "space in a name": {"files": {"spam eggs.py": ""}},
}


@pytest.mark.parametrize("shape", [*SHAPES, *ANYWHERE])
def test_names_that_are_noted_are_those_that_record_begins_with(cache, place, shape):
    sync(place, unpacked(cache, "spam", "1.0", **{**SHAPES, **ANYWHERE}[shape]))
    (one,) = installed(place)
    rows = read_file(os.path.join(one.path, "RECORD")).decode().splitlines()
    assert set(one.tops) == (
        {row.partition("/")[0].partition(",")[0] for row in rows} if shape in SHAPES else set()
    )


def claims(place, name, *paths):
    """Install a package as another tool does, whose RECORD lists *paths*, whoever brought them."""
    folder = site(place) / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "RECORD").write_text("".join([f"{path},,\n" for path in paths]))


@pytest.mark.parametrize(
    ("how", "path"),
    [
        ({"files": {"eggs/__init__.py": "", "eggs/x.py": ""}}, "eggs/x.py"),
        ({"files": {"eggs.py": ""}}, "eggs.py"),
        ({"files": {"eggs.py": ""}, "scripts": {"eggs": "eggs:main"}}, "../../../bin/eggs"),
        ({"files": {"eggs.py": ""}, "data": {"data/share/eggs": ""}}, "../../../share/eggs"),
        ({"files": {"eggs a.py": ""}}, "eggs a.py"),
        ({"files": {"eggs,a.py": ""}}, '"eggs,a.py"'),
    ],
    ids=["package", "module", "script", "data", "space", "comma"],
)
def test_file_of_a_kept_package_stays_whatever_else_claims_it(cache, place, how, path):
    eggs = unpacked(cache, "eggs", "1.0", **how)
    sync(place, eggs, unpacked(cache, "ham", "1.0"))
    claims(place, "other", path, "other-1.0.dist-info/RECORD")
    before = snapshot(site(place))
    sync(place, eggs)
    assert versions(place) == {"eggs": "1.0"}
    assert verify(str(place)) == []
    assert snapshot(site(place)).items() <= before.items()


def test_file_stays_that_a_package_of_another_tool_claims_in_its_record_alone(cache, place):
    """It has the name and version of what pkm put there, whose note says nothing of this file."""
    eggs = unpacked(cache, "eggs", "1.0")
    sync(place, eggs)
    folder = site(place) / "eggs-1.0.dist-info"
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "RECORD").write_text((folder / "RECORD").read_text() + "shared/x.py,,\n")
    (site(place) / "shared").mkdir()
    (site(place) / "shared" / "x.py").write_text("")
    claims(place, "other", "shared/x.py", "other-1.0.dist-info/RECORD")
    sync(place, eggs)
    assert versions(place) == {"eggs": "1.0"}
    assert (site(place) / "shared" / "x.py").exists()
