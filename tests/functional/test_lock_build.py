"""What builds require, locked: sections build-NAME, and builds with exactly what they hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from uv import find_uv_bin

from tests.support.projects import clean_environ, ok, write_project
from tests.support.wheels import project_members

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

MINOR = sys.version_info.minor
SHOP = f"""
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.{MINOR - 1},<3.{MINOR + 1}"
dependencies = ["bean"]

[tool.pkm]
lock-build = true

[tool.pkm.env.default]
platforms = ["linux-x86_64", "windows-x86_64"]
"""


# Hooks that note the version of what they were built with.
TELLS = """
def _noting(build):
    def noted(*args, **more):
        from importlib.metadata import version
        with open("built-with", "w") as stream:
            stream.write(version("eggs"))
        return build(*args, **more)
    return noted
build_wheel, build_editable = _noting(build_wheel), _noting(build_editable)
"""


def data(project):
    return tomllib.loads((project / "pylock.toml").read_text())


def sections(project):
    """For each section its packages with versions."""
    found = {}
    for package in data(project)["packages"]:
        for name in data(project)["dependency-groups"]:
            if f"'{name}' in dependency_groups" in package.get("marker", ""):
                found.setdefault(name, set()).add((package["name"], package.get("version", "")))
    return found


@pytest.fixture
def bean(index):
    """A package without a wheel, whose backend asks for ham in a hook."""
    index.add_wheel("ham", "2.0")
    index.add_sdist(
        "bean", "1.0", backend="in-tree", build_requires=["eggs"], hook_requires={"wheel": ["ham>=2"]}
    )
    return index


@pytest.mark.usefixtures("bean")
def test_what_a_build_requires_is_a_section_of_its_own(pkm, tmp_path):
    project = write_project(tmp_path / "shop", SHOP)
    said = ok(pkm("lock", cwd=project)).stdout
    assert "Locked 1 environment and the requirements of 1 build" in said
    assert sections(project) == {
        "default": {("bean", "1.0")},
        "build-bean": {("eggs", "2.0"), ("ham", "2.0")},
    }
    lock = data(project)
    assert lock["dependency-groups"] == ["build-bean", "default"]
    assert lock["default-groups"] == ["default"]
    for package in lock["packages"]:
        assert all(wheel["hashes"] for wheel in package.get("wheels", [package.get("sdist")]))
    targets = lock["tool"]["pkm"]["sections"]["build-bean"]["targets"]
    assert targets == lock["tool"]["pkm"]["sections"]["default"]["targets"]
    assert ok(pkm("lock", cwd=project)).stdout == "pylock.toml is up to date (1 environment)\n"
    ok(pkm("lock", "--check", cwd=project))


def test_a_sync_builds_with_what_is_locked_and_not_with_what_is_newer(pkm, bean, tmp_path):
    hooks = """
_before = build_wheel
def build_wheel(*args, **more):
    import ham, importlib.metadata as m
    assert m.version('eggs') == '2.0', m.version('eggs')
    return _before(*args, **more)
"""
    bean.add_sdist(
        "bean", "2.0", backend="in-tree", build_requires=["eggs"], hook_requires={"wheel": ["ham>=2"]},
        hooks=hooks,
    )  # fmt: skip
    project = write_project(tmp_path / "shop", SHOP)
    ok(pkm("lock", cwd=project))
    bean.add_wheel("eggs", "3.0")
    other = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    ok(pkm("sync", "--locked", cwd=project, env=other))
    unlocked = write_project(tmp_path / "unlocked", SHOP.replace("lock-build = true", ""))
    refused = pkm("sync", cwd=unlocked, env={"PKM_CACHE_DIR": str(pkm.home / "third")})
    assert refused.code == 1
    assert "AssertionError: 3.0" in refused.stderr


def test_the_hashes_of_build_requirements_are_checked(pkm, bean, tmp_path):
    project = write_project(tmp_path / "shop", SHOP)
    ok(pkm("lock", cwd=project))
    bean.replace("eggs-2.0-py3-none-any.whl", b"something else")
    refused = pkm("sync", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other")})
    assert refused.code == 1
    assert "eggs-2.0-py3-none-any.whl is not the one" in refused.stderr
    assert not (project / ".venv").exists()


def test_another_section_stays_as_it_is_and_a_changed_build_is_stale(pkm, bean, tmp_path):
    text = (
        SHOP
        + f"""
[dependency-groups]
more = ["pea"]
[tool.pkm.env.more]
groups = ["more"]
project = "false"
python = "==3.{MINOR}.*"
platforms = ["linux-x86_64"]
""".replace('project = "false"', "project = false")
    )
    bean.add_sdist("pea", "1.0", backend="in-tree", build_requires=["eggs<2"])
    project = write_project(tmp_path / "shop", text)
    ok(pkm("lock", cwd=project))
    assert sections(project)["build-pea"] == {("eggs", "1.0")}
    assert data(project)["tool"]["pkm"]["sections"]["build-pea"]["targets"] == [
        f"3.{MINOR} linux-x86_64-glibc2.28"
    ]
    before = (project / "pylock.toml").read_text()
    bean.add_wheel("ham", "3.0")
    bean.add_sdist("pea", "2.0", backend="in-tree", build_requires=["eggs>=2"])
    other = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    ok(pkm("lock", "more", "--upgrade", cwd=project, env=other))
    assert sections(project)["build-pea"] == {("eggs", "2.0")}
    assert sections(project)["build-bean"] == {("eggs", "2.0"), ("ham", "2.0")}
    after = data(project)["tool"]["pkm"]["sections"]
    for name in ("default", "build-bean"):
        assert after[name] == tomllib.loads(before)["tool"]["pkm"]["sections"][name]
    (project / "pyproject.toml").write_text(
        text.replace("lock-build = true", 'lock-build = true\nbuild-constraints = ["ham<3"]')
    )
    refused = pkm("sync", "--locked", cwd=project)
    assert refused.code == 1
    assert "not up to date" in refused.stderr
    assert pkm("lock", "--check", cwd=project).code == 1
    ok(pkm("lock", cwd=project))
    ok(pkm("lock", "--check", cwd=project))


def test_only_the_named_packages_are_locked_by_a_list(pkm, bean, tmp_path):
    bean.add_sdist("pea", "1.0", backend="in-tree", build_requires=["eggs"])
    text = SHOP.replace("true", '["pea"]').replace('["bean"]', '["bean", "pea"]')
    project = write_project(tmp_path / "shop", text)
    ok(pkm("lock", cwd=project))
    assert data(project)["dependency-groups"] == ["build-pea", "default"]
    ok(pkm("sync", cwd=project))


def test_what_a_build_requirement_needs_to_be_built_is_locked_too(pkm, bean, tmp_path):
    bean.add_sdist("tool", "1.0", backend="in-tree", build_requires=["ham"])
    bean.add_sdist("pea", "1.0", backend="in-tree", build_requires=["tool"])
    project = write_project(tmp_path / "shop", SHOP.replace('["bean"]', '["pea"]'))
    ok(pkm("lock", cwd=project))
    assert sections(project) == {
        "default": {("pea", "1.0")},
        "build-pea": {("tool", "1.0")},
        "build-tool": {("ham", "2.0")},
    }
    bean.add_wheel("ham", "3.0")
    ok(pkm("sync", "--locked", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other")}))


def test_a_folder_is_stale_when_its_build_system_changes(pkm, bean, tmp_path):
    text = SHOP.replace('["bean"]', '["lib"]') + '\n[tool.pkm.sources]\nlib = { path = "lib" }\n'
    backend = (
        "[build-system]\nrequires = ['eggs']\nbuild-backend = 'own'\nbackend-path = ['.']\n"
        "[project]\nname = 'lib'\nversion = '1.0'\n"
    )
    own = (
        "import zipfile\n"
        "def build_wheel(folder, *_):\n"
        "    import eggs\n"
        "    from importlib.metadata import version\n"
        "    assert version('eggs') == '2.0'\n"
        "    name = 'lib-1.0-py3-none-any.whl'\n"
        "    info = 'lib-1.0.dist-info/'\n"
        "    with zipfile.ZipFile(folder + '/' + name, 'w') as z:\n"
        "        z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: lib\\nVersion: 1.0\\n')\n"
        "        wheel = 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'\n"
        "        z.writestr(info + 'WHEEL', wheel)\n"
        "        rows = [f'{n},sha256={digest(z.read(n))},{len(z.read(n))}\\n' for n in z.namelist()]\n"
        "        z.writestr(info + 'RECORD', ''.join(rows) + info + 'RECORD,,\\n')\n"
        "    return name\n"
        "def digest(content):\n"
        "    import base64, hashlib\n"
        "    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()\n"
    )
    project = write_project(tmp_path / "shop", text, {"lib/pyproject.toml": backend, "lib/own.py": own})
    ok(pkm("lock", cwd=project))
    assert sections(project)["build-lib"] == {("eggs", "2.0")}
    bean.add_wheel("eggs", "3.0")
    ok(pkm("sync", "--locked", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other")}))
    (project / "lib/pyproject.toml").write_text(backend.replace("['eggs']", "['eggs', 'ham']"))
    assert pkm("lock", "--check", cwd=project).code == 1
    ok(pkm("lock", cwd=project))
    assert sections(project)["build-lib"] == {("eggs", "2.0"), ("ham", "2.0")}


@pytest.mark.usefixtures("bean")
def test_a_build_that_asks_for_more_than_is_locked_is_refused(pkm, tmp_path):
    """The backend of a folder may answer otherwise tomorrow; nothing that is not locked is run then."""
    project = write_project(tmp_path / "shop", SHOP)
    ok(pkm("lock", cwd=project))
    text = (project / "pylock.toml").read_text()
    without = re.sub(r'\[\[packages\]\]\nname = "ham".*?\n\]\n', "", text, flags=re.DOTALL)
    assert without != text
    (project / "pylock.toml").write_text(without)
    refused = pkm("sync", "--frozen", cwd=project, env={"PKM_CACHE_DIR": str(pkm.home / "other")})
    assert refused.code == 1
    assert "ham>=2 is needed to build bean 1.0, and the lock holds no ham for it" in refused.stderr


def test_a_project_of_pkms_own_backend_needs_nothing_locked(pkm, tmp_path):
    head = '[build-system]\nrequires = ["pkm>=1.0.dev0"]\nbuild-backend = "pkm_build"\n'
    text = head + SHOP.replace('["bean"]', '["spam"]')
    project = write_project(tmp_path / "shop", text, {"src/shop/__init__.py": ""})
    ok(pkm("sync", cwd=project))
    assert "build-shop" not in sections(project)
    assert data(project)["tool"]["pkm"]["sections"]["build-shop"]["targets"]
    assert json.loads(ok(pkm("lock", "--json", cwd=project)).stdout)["changed"] is False


@pytest.mark.usefixtures("bean")
def test_without_lock_build_the_sections_go(pkm, tmp_path):
    project = write_project(tmp_path / "shop", SHOP)
    ok(pkm("lock", cwd=project))
    (project / "pyproject.toml").write_text(SHOP.replace("lock-build = true", ""))
    ok(pkm("lock", cwd=project))
    assert data(project)["dependency-groups"] == ["default"]


def test_requirements_without_a_solution_are_told_with_the_build_that_asks(pkm, index, tmp_path):
    index.add_sdist("bean", "1.0", build_requires=["eggs>=9"], backend="in-tree", pkg_info=None)
    project = write_project(tmp_path / "shop", SHOP)
    refused = pkm("lock", cwd=project)
    assert refused.code == 1
    assert "eggs>=9" in refused.stderr
    assert not (project / "pylock.toml").exists()


@pytest.fixture
def two_beans(index):
    """A package of which each release is built with what the other one is not."""
    index.add_sdist("bean", "1.0", backend="in-tree", build_requires=["eggs<2"])
    index.add_sdist("bean", "2.0", backend="in-tree", build_requires=["eggs>=2"])
    return index


@pytest.mark.usefixtures("two_beans")
@pytest.mark.parametrize("platforms", ['["linux-x86_64"]', '["linux-x86_64", "windows-x86_64"]'])
def test_releases_that_one_target_cannot_build_alike_are_told_with_both(pkm, tmp_path, platforms):
    """Elsewhere each could be built; to leave this target out would only put the error off."""
    text = SHOP.replace('["bean"]', '["bean==1.0"]') + "[tool.pkm.env.other]\nproject = false\n"
    text += f'dependencies = ["bean==2.0"]\nplatforms = {platforms}\n'
    project = write_project(tmp_path / "shop", text)
    failed = pkm("lock", cwd=project)
    assert failed.code == 1
    assert "error: nothing fits what building bean requires" in failed.stderr
    assert "1. building bean 1.0 asks for eggs<2" in failed.stderr
    assert "2. building bean 2.0 asks for eggs>=2" in failed.stderr
    assert "hint: build-bean holds what building each of these requires" in failed.stderr
    assert not (project / "pylock.toml").exists()


@pytest.mark.usefixtures("two_beans")
def test_releases_that_other_targets_build_are_built_with_what_each_requires(pkm, tmp_path):
    asked = f"bean==1.0 ; python_version < '3.{MINOR}'", f"bean==2.0 ; python_version >= '3.{MINOR}'"
    project = write_project(tmp_path / "shop", SHOP.replace('["bean"]', str(list(asked))))
    ok(pkm("lock", cwd=project))
    eggs = {
        package["version"]: package["marker"]
        for package in data(project)["packages"]
        if package["name"] == "eggs"
    }
    assert eggs == {
        "1.0": f"'build-bean' in dependency_groups and python_version < '3.{MINOR}'",
        "2.0": f"'build-bean' in dependency_groups and python_version == '3.{MINOR}'",
    }
    ok(pkm("lock", "--check", cwd=project))
    ok(pkm("sync", "--locked", cwd=project))
    # The same releases and targets, the other way round.
    turned = project / "pyproject.toml"
    turned.write_text(
        turned.read_text().replace("1.0 ;", "x ;").replace("2.0 ;", "1.0 ;").replace("x ;", "2.0 ;")
    )
    ok(pkm("lock", cwd=project))
    assert f"'build-bean' in dependency_groups and python_version < '3.{MINOR}'" in {
        package["marker"] for package in data(project)["packages"] if package.get("version") == "2.0"
    }
    ok(pkm("sync", "--locked", cwd=project))


@pytest.mark.usefixtures("bean")
@pytest.mark.parametrize("group", [(), ("--group", "default")], ids=["default groups", "named group"])
def test_other_tools_pass_the_sections_of_builds_over(pkm, index, tmp_path, group):
    project = write_project(tmp_path / "shop", SHOP)
    ok(pkm("lock", cwd=project))
    environ = {**clean_environ(tmp_path / "uv"), "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_NO_CONFIG": "1"}
    for words in (
        ("venv", "--python", sys.executable, str(tmp_path / "venv")),
        (
            "pip",
            "sync",
            "--python",
            str(tmp_path / "venv"),
            "--default-index",
            index.url,
            "pylock.toml",
            *group,
        ),
    ):
        done = subprocess.run(
            [find_uv_bin(), *words], cwd=project, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    found = tmp_path.glob("venv/lib/python*/site-packages/*.dist-info")
    assert [path.name for path in found] == ["bean-1.0.dist-info"]


def test_the_project_itself_is_built_with_what_is_locked_for_it(pkm, bean, tmp_path):
    """By ``pkm build`` as by a sync: its backend stands in the tree, and tells which version it was built with."""
    members = project_members("shop", "1.0", backend="in-tree", build_requires=["eggs"], hooks=TELLS)
    project = tmp_path / "shop"
    for path, content in members.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(content)
    toml = project / "pyproject.toml"
    head = "" if "[project]" in toml.read_text() else "[project]\nname = 'shop'\nversion = '1.0'\n"
    toml.write_text(f"{head}{toml.read_text()}\n[tool.pkm]\nlock-build = true\n")
    ok(pkm("lock", cwd=project))
    assert sections(project)["build-shop"] == {("eggs", "2.0")}
    bean.add_wheel("eggs", "3.0")
    other = {"PKM_CACHE_DIR": str(pkm.home / "other")}
    ok(pkm("build", "--wheel", cwd=project, env=other))
    assert (project / "built-with").read_text() == "2.0"
    ok(pkm("sync", "--locked", cwd=project, env=other))
    assert (project / "built-with").read_text() == "2.0"
    toml.write_text(toml.read_text().replace('"eggs"', '"eggs>=1"').replace("'eggs'", "'eggs>=1'"))
    refused = pkm("build", "--wheel", cwd=project, env=other)
    assert refused.code == 1
    assert "not up to date" in refused.stderr


def test_what_a_locked_build_asks_for_is_nothing_to_change(index, pkm, tmp_path):
    index.add_wheel("early", "1.0", requires=["eggs<2"])
    index.add_wheel("early", "1.1a1")
    index.add_sdist("bean", "1.0", build_requires=["eggs>=2", "early"])
    project = write_project(tmp_path / "shop", SHOP)
    said = pkm("lock", cwd=project).stderr
    told = said.partition("would work:\n")[2].splitlines()
    assert [line.split("   ")[0] for line in told] == ['  prereleases = { early = "allow" }']
    allowed = SHOP.replace("lock-build", 'prereleases = { early = "allow" }\nlock-build')
    ok(pkm("lock", cwd=write_project(project, allowed)))
