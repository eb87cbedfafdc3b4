"""What tools are known to get wrong with files, indexes and builds, and pkm must not: one test for each fault."""

from __future__ import annotations

import hashlib

import pytest

from tests.support.index_server import LocalIndex
from tests.support.projects import HEAD, ok, write_project
from tests.support.wheels import wheel_bytes

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib


def shop(tmp_path, *dependencies, more=""):
    return write_project(tmp_path / "shop", f"{HEAD}dependencies = {list(dependencies)}\n{more}")


def entries(project):
    """The entries of the lock by name, each a list of (version, names of its files)."""
    found = {}
    for package in tomllib.loads((project / "pylock.toml").read_text())["packages"]:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        names = sorted(file["name"] for file in files)
        found.setdefault(package["name"], []).append((package.get("version"), names))
    return found


def test_a_wheel_whose_metadata_is_of_another_project_or_version_is_not_taken(pkm, tmp_path, index):
    for number, (name, version) in enumerate((("pea", "9.0"), ("bean", "2.0")), 2):
        _, content = wheel_bytes(name, version)
        index.add_bytes(f"pea-{number}.0-py3-none-any.whl", content, project="pea", version=f"{number}.0")
    index.metadata = False
    index.add_wheel("pea", "1.0")
    project = shop(tmp_path, "pea")
    ok(pkm("lock", cwd=project))
    assert entries(project)["pea"] == [("1.0", ["pea-1.0-py3-none-any.whl"])]
    said = pkm("lock", cwd=write_project(tmp_path / "other", f"{HEAD}dependencies = ['pea>=2']\n")).stderr
    assert "pea-2.0-py3-none-any.whl says in its metadata that it is version 9.0" in said
    assert "pea 3.0: pea-3.0-py3-none-any.whl" in said
    assert "which is that of another project" in said


@pytest.mark.parametrize("place", ["requirement", "source"])
def test_the_digest_of_an_address_is_checked(pkm, tmp_path, index, place):
    listed = index.add_wheel("pea", "1.0")
    right = hashlib.sha256(listed.content).hexdigest()
    for digest, code in (("0" * 64, 1), (right, 0)):
        url = f"{index.file_url('pea-1.0-py3-none-any.whl')}#sha256={digest}"
        if place == "requirement":
            project = shop(tmp_path, f"pea @ {url}")
        else:
            project = shop(tmp_path, "pea", more=f'[tool.pkm.sources]\npea = {{ url = "{url}" }}\n')
        result = pkm("lock", cwd=project)
        assert result.code == code, result.stderr
        assert ("is not the one" in result.stderr) == bool(code)
    assert right in (project / "pylock.toml").read_text()


def test_an_address_whose_content_changed_after_the_lock_is_refused(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0")
    project = shop(tmp_path, f"pea @ {index.file_url('pea-1.0-py3-none-any.whl')}")
    ok(pkm("lock", cwd=project))
    index.replace("pea-1.0-py3-none-any.whl", wheel_bytes("pea", "1.0", files={"evil.py": ""})[1])
    refused = pkm("sync", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other")})
    assert refused.code == 1
    assert "is not the one" in refused.stderr
    assert not (project / ".venv").exists()


def test_an_sdist_whose_build_fails_is_not_locked_without_its_dependencies(pkm, tmp_path, index):
    index.add_sdist("pea", "2.0", backend="in-tree", hooks="raise SystemExit('no compiler')\n")
    index.add_sdist("pea", "1.0", requires=["eggs"])
    project = shop(tmp_path, "pea")
    ok(pkm("lock", cwd=project))
    assert [version for version, _ in entries(project)["pea"]] == ["1.0"]
    assert "eggs" in entries(project)
    refused = pkm("lock", cwd=write_project(tmp_path / "other", f"{HEAD}dependencies = ['pea>=2']\n"))
    assert refused.code == 1
    assert "pea 2.0" in refused.stderr
    assert "no compiler" in refused.stderr


def test_the_files_of_two_local_versions_are_not_mixed(pkm, tmp_path, index):
    for local in ("", "+bar", "+foo"):
        index.add_wheel("pea", f"1.2.3{local}", requires=[f"{'ham' if local == '+bar' else 'eggs'}"])
    for asked, version in (
        ("pea==1.2.3+bar", "1.2.3+bar"),
        ("pea==1.2.3", "1.2.3+foo"),
        ("pea===1.2.3", "1.2.3"),
    ):
        project = shop(tmp_path, asked)
        (project / "pylock.toml").unlink(missing_ok=True)
        ok(pkm("lock", cwd=project))
        assert entries(project)["pea"] == [(version, [f"pea-{version}-py3-none-any.whl"])]
        assert ("ham" in entries(project)) == (version == "1.2.3+bar")


def test_a_public_index_does_not_beat_a_private_one_by_a_higher_number(pkm, tmp_path, index):
    with LocalIndex() as private:
        private.add_wheel("spam", "0.1")
        more = f'[[tool.pkm.index]]\nname = "company"\nurl = "{private.url}"\n'
        project = shop(tmp_path, "spam", "ham", more=more)
        ok(pkm("lock", cwd=project))
        assert [version for version, _ in entries(project)["spam"]] == ["0.1"]
        assert index.count("/simple/spam") == 0
        refused = pkm("lock", cwd=shop(tmp_path, "spam>=1", more=more))
        assert refused.code == 1
        assert 'not asked, since "company" comes first and has spam' in refused.stderr


def test_locking_again_does_not_forget_what_was_locked(pkm, tmp_path, index):
    project = shop(tmp_path, "spam")
    ok(pkm("lock", cwd=project))
    index.add_wheel("spam", "3.0", requires=["eggs>=2"])
    index.add_wheel("eggs", "3.0")
    shop(tmp_path, "spam", "bacon", "eggs")
    ok(pkm("lock", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other")}))
    assert [version for version, _ in entries(project)["spam"]] == ["2.0"]
    assert [version for version, _ in entries(project)["eggs"]] == ["2.0"]
    assert "bacon" in entries(project)


def test_a_release_without_a_file_for_a_declared_target_fails_with_its_name(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", tags="cp312-cp312-musllinux_1_2_x86_64")
    more = (
        '[tool.pkm.env.default]\npython = "==3.12.*"\nplatforms = ["linux-x86_64", "linux-x86_64-musl1.2"]\n'
    )
    refused = pkm("lock", cwd=shop(tmp_path, "pea", more=more))
    assert refused.code == 1
    assert "pea 1.0 has no wheel for linux-x86_64 with Python 3.12" in refused.stderr


def test_an_unreadable_requirement_of_the_project_is_told_with_its_place(pkm, tmp_path):
    refused = pkm("lock", cwd=shop(tmp_path, "spam >= 1 2"))
    assert refused.code == 1
    assert "5:17" in refused.stderr
    assert "spam >= 1 2" in refused.stderr
