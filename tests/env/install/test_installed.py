"""What other tools installed, read and removed: pip, setuptools old and new, uv."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from uv import find_uv_bin

from pkm_build.grammar import normalise
from pkm_env.install.installed import (
    identities_bytes,
    read_identities,
    scan_folder,
)
from pkm_env.install.remove import NotRemovable
from tests.support.environments import installed, site, snapshot, sync, unpacked, versions
from tests.support.wheels import make_wheel


@pytest.fixture
def place(tmp_path):
    sync(tmp_path / "v")
    return tmp_path / "v"


def write(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def test_same_names_as_the_packaging_library():
    from packaging.utils import canonicalize_name

    for name in ("Spam", "spam_eggs", "spam.-_eggs", "A--b__c..d", "x-._y"):
        assert normalise(name) == canonicalize_name(name)


def test_scan_tells_installer_and_wish(place, tmp_path):
    wheel = unpacked(tmp_path / "cache", "Spam.Eggs", "1.0+local.1")
    sync(place, wheel)
    (one,) = installed(place)
    assert (one.name, one.version, one.installer, one.requested) == ("spam-eggs", "1.0+local.1", "pkm", False)
    assert one.identity == "sha256:spam-eggs-1.0+local.1"


def test_identity_is_forgotten_when_another_tool_installed_the_version(place, tmp_path):
    sync(place, unpacked(tmp_path / "cache", "spam", "1.0"))
    (site(place) / "spam-1.0.dist-info" / "INSTALLER").unlink()
    (site(place) / "spam-1.0.dist-info" / "INSTALLER").write_text("pip\n")
    (one,) = installed(place)
    assert (one.installer, one.identity) == ("pip", "")


def test_record_that_a_loss_of_power_emptied_is_noticed_and_put_right(place, tmp_path):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0")
    sync(place, wheel)
    (site(place) / "spam-1.0.dist-info" / "RECORD").write_bytes(b"")
    assert installed(place)[0].damage == "its RECORD is missing or empty"
    outcome = sync(place, wheel)
    assert outcome.installed == ("spam",)
    assert installed(place)[0].damage == ""


def test_leftovers_of_other_tools_are_no_packages(place):
    write(site(place), {"~pam-1.0.dist-info/METADATA": "", ".spam.dist-info/METADATA": "", "note.txt": ""})
    (site(place) / "ghost-1.0.dist-info").mkdir()
    (site(place) / "file-1.0.dist-info").write_text("")
    assert installed(place) == []


def test_egg_info_folder_with_a_list_of_files_is_removed_whole(place):
    before = snapshot(place)
    write(
        site(place),
        {
            "spam/__init__.py": "",
            "spam/x.txt": "",
            "Spam-1.0-py3.8.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: Spam\nVersion: 1.0\n",
            "Spam-1.0-py3.8.egg-info/installed-files.txt": "../spam/__init__.py\n../spam/x.txt\n"
            "PKG-INFO\n../../../../../etc/passwd\n",
        },
    )
    assert versions(place) == {"spam": "1.0"}
    outcome = sync(place)
    assert outcome.removed == ("spam",)
    assert len(outcome.outside) == 1
    assert snapshot(place) == before


def test_egg_info_folder_without_a_list_is_removed_by_its_top_level_names(place):
    before = snapshot(place)
    write(
        site(place),
        {
            "spam/__init__.py": "",
            "single.py": "",
            "spam.egg-info/PKG-INFO": "Name: spam\nVersion: 1.0\n",
            "spam.egg-info/top_level.txt": "spam\nsingle\n../../evil\n",
        },
    )
    sync(place)
    assert snapshot(place) == before


def test_egg_info_file_of_distutils_is_refused_with_a_reason(place):
    write(site(place), {"spam-1.0.egg-info": "Name: spam\nVersion: 1.0\n", "spam.py": ""})
    before = snapshot(place)
    with pytest.raises(NotRemovable, match="distutils"):
        sync(place)
    assert snapshot(place) == before


def test_development_install_of_setuptools_is_unlinked_and_its_source_stays(place, tmp_path):
    before = snapshot(place)
    source = tmp_path / "source"
    write(source, {"spam.py": "", "spam.egg-info/PKG-INFO": "Name: spam\nVersion: 1.0\n"})
    write(site(place), {"spam.egg-link": f"{source}\n.", "easy-install.pth": f"{source}\n/other\n"})
    assert versions(place) == {"spam": "1.0"}
    sync(place)
    assert (site(place) / "easy-install.pth").read_text() == "/other\n"
    (site(place) / "easy-install.pth").unlink()
    assert snapshot(place) == before
    assert (source / "spam.py").exists()


def test_egg_folder_is_removed_with_its_line(place):
    write(
        site(place),
        {
            "spam-1.0-py3.8.egg/spam.py": "",
            "spam-1.0-py3.8.egg/EGG-INFO/PKG-INFO": "Name: spam\nVersion: 1.0\n",
            "easy-install.pth": "./spam-1.0-py3.8.egg\n",
        },
    )
    assert versions(place) == {"spam": "1.0"}
    sync(place)
    assert os.listdir(site(place)) == ["easy-install.pth"]


def test_missing_record_of_another_tool_is_refused(place):
    write(site(place), {"spam-1.0.dist-info/METADATA": "Name: spam\nVersion: 1.0\n", "spam.py": ""})
    with pytest.raises(NotRemovable, match="RECORD is missing"):
        sync(place)


def test_record_that_leads_outside_touches_nothing_there(place, tmp_path):
    (tmp_path / "precious").write_text("x")
    sibling = tmp_path / "v-sibling"
    sibling.write_text("x")
    info = "spam-1.0.dist-info"
    write(
        site(place),
        {
            f"{info}/METADATA": "Name: spam\nVersion: 1.0\n",
            f"{info}/RECORD": "../../../../precious,,\n/etc/hostname,,\n"
            f"{sibling},,\n{info}/METADATA,,\n{info}/RECORD,,\n",
        },
    )
    outcome = sync(place)
    assert len(outcome.outside) == 3
    assert (tmp_path / "precious").exists()
    assert sibling.exists()
    assert versions(place) == {}


def test_record_that_leads_outside_through_a_link_touches_nothing_there(place, tmp_path):
    outside = tmp_path / "outside"
    write(outside, {"precious.py": ""})
    (site(place) / "spam").symlink_to(outside)
    info = "spam-1.0.dist-info"
    rows = f"spam/precious.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n"
    write(site(place), {f"{info}/METADATA": "Name: spam\nVersion: 1.0\n", f"{info}/RECORD": rows})
    sync(place)
    assert (outside / "precious.py").exists()


def test_record_that_names_folders_removes_no_folder_with_content(place):
    info = "spam-1.0.dist-info"
    rows = f"spam,,\nspam/,,\n{info}/METADATA,,\n{info}/RECORD,,\n"
    write(site(place), {f"{info}/METADATA": "", f"{info}/RECORD": rows, "spam/mine.py": ""})
    sync(place)
    assert (site(place) / "spam" / "mine.py").exists()


def test_what_uv_installed_is_read_and_removed(place, tmp_path):
    before = snapshot(place)
    archive = make_wheel(tmp_path, "spam", "1.0", scripts={"spam": "spam:x"})
    command = [
        find_uv_bin(),
        "pip",
        "install",
        "-q",
        "--offline",
        "--python",
        place / "bin" / "python",
        archive,
    ]
    subprocess.run(
        command, check=True, env={"PATH": os.environ["PATH"], "UV_CACHE_DIR": str(tmp_path / "uv")}
    )
    (one,) = installed(place)
    assert (one.name, one.version, one.installer) == ("spam", "1.0", "uv")
    sync(place)
    assert {path for path in snapshot(place) if path != ".lock"} == set(before)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the Python of the tests brings no setuptools")
def test_pip_and_setuptools_of_a_new_environment_are_read(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "v"], check=True)
    assert {"pip", "setuptools"} <= set(versions(tmp_path / "v"))


def test_notes_survive_being_written_and_damage_is_no_notes(tmp_path):
    (tmp_path / ".pkm").mkdir()
    path = tmp_path / ".pkm" / "installed"
    kept = {"a": ("2", "y", ("b",), ("..", "a")), "b": ("1", "x", (), ())}
    path.write_bytes(identities_bytes(dict(reversed(kept.items()))))
    assert read_identities(str(tmp_path)) == kept
    content = path.read_bytes()
    for damaged in (b"", b"other\n", content[:-3], content[:20]):
        path.write_bytes(damaged)
        assert read_identities(str(tmp_path)) == {}


def test_notes_of_an_older_pkm_are_read(tmp_path):
    (tmp_path / ".pkm").mkdir()
    (tmp_path / ".pkm" / "installed").write_text("pkm installed 3\na\t2\ty\tb\n")
    assert read_identities(str(tmp_path)) == {"a": ("2", "y", ("b",), ())}


def test_folder_that_is_not_there_holds_nothing(tmp_path):
    assert list(scan_folder(str(tmp_path / "none"))) == []


def test_scripts_of_eggs_and_development_installs_go_though_nothing_lists_them(place, tmp_path):
    before = snapshot(place)
    points = "[console_scripts]\nspam-run = spam:main\npython = spam:main\n[other]\nactivate = spam:main\n"
    source = tmp_path / "source"
    write(
        source,
        {"spam.egg-info/PKG-INFO": "Name: spam\nVersion: 1.0\n", "spam.egg-info/entry_points.txt": points},
    )
    write(
        site(place), {"spam.egg-link": f"{source}\n.", "easy-install.pth": f"{source}\n./ham-1.0-py3.8.egg\n"}
    )
    write(
        site(place),
        {
            "ham-1.0-py3.8.egg/EGG-INFO/PKG-INFO": "Name: ham\nVersion: 1.0\n",
            "ham-1.0-py3.8.egg/EGG-INFO/scripts/ham-tool": "",
            "eggs-1.0-py3.8.egg-info/PKG-INFO": "Name: eggs\nVersion: 1.0\n",
            "eggs-1.0-py3.8.egg-info/entry_points.txt": points.replace("spam", "eggs"),
        },
    )
    with zipfile.ZipFile(site(place) / "zip-1.0-py3.8.egg", "w") as archive:
        archive.writestr("EGG-INFO/entry_points.txt", points.replace("spam", "zip"))
    write(place / "bin", dict.fromkeys(("spam-run", "ham-tool", "eggs-run", "zip-run"), "#!python\n"))
    assert set(versions(place)) == {"spam", "ham", "eggs", "zip"}
    sync(place)
    assert (site(place) / "easy-install.pth").read_text() == ""
    (site(place) / "easy-install.pth").unlink()
    assert snapshot(place) == before


def test_egg_info_that_no_record_lists_is_a_second_installation(place, tmp_path):
    wheel = unpacked(tmp_path / "cache", "spam", "1.0")
    sync(place, wheel)
    write(site(place), {"spam-0.9.egg-info/PKG-INFO": "Name: spam\nVersion: 0.9\n"})
    assert sorted(one.kind for one in installed(place)) == ["dist-info", "egg-info"]
    sync(place, wheel)
    assert [one.kind for one in installed(place)] == ["dist-info"]


def test_second_configuration_of_the_environment_goes_with_who_brought_it(place):
    before = snapshot(place)
    write(
        site(place),
        {
            "../../../bin/pyvenv.cfg": "home = /elsewhere\n",
            "spam-1.0.dist-info/METADATA": "Name: spam\nVersion: 1.0\n",
            "spam-1.0.dist-info/RECORD": "../../../bin/pyvenv.cfg,,\n",
        },
    )
    sync(place)
    assert snapshot(place) == before


def test_what_makes_the_environment_one_stays_whoever_claims_it(place):
    before = snapshot(place)
    write(
        site(place),
        {
            "spam-1.0.dist-info/METADATA": "Name: spam\nVersion: 1.0\n",
            "spam-1.0.dist-info/RECORD": "../../../bin/python,,\n../../../pyvenv.cfg,,\n../../../bin/activate,,\n",
        },
    )
    sync(place)
    assert snapshot(place) == before
