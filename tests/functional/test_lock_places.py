"""Where a lock takes packages from, and what it says where nothing fits or nothing is there."""

from __future__ import annotations

import hashlib

import pytest

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib
from tests.support.index_server import LocalIndex
from tests.support.projects import HEAD, lock_text, ok, write_project
from tests.support.wheels import make_wheel


def test_a_requires_python_that_the_page_does_not_tell_counts_all_the_same(pkm, tmp_path, index):
    index.json = False
    index.add_wheel("pea", "2.0", requires_python=">=3.12").requires_python = None
    index.add_wheel("pea", "1.0")
    text = HEAD + 'dependencies = ["pea"]\n[tool.pkm.env.default]\nplatforms = ["linux-x86_64"]\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    for _ in range(2):
        locked = lock_text(project)
        assert (
            "version = \"1.0\"\nmarker = \"'default' in dependency_groups and python_version < '3.12'\""
            in locked
        )
        assert (
            "version = \"2.0\"\nmarker = \"'default' in dependency_groups and python_version >= '3.12'\""
            in locked
        )
        ok(pkm("lock", "--upgrade", cwd=project))


# Sources


@pytest.fixture
def two(tmp_path, index):
    """A project whose package comes from another index on Windows, and from a third one in an environment."""
    with LocalIndex() as cpu, LocalIndex() as gpu:
        index.add_wheel("net", "2.0", requires=["eggs"])
        cpu.add_wheel("net", "1.5+cpu", requires=["spam"])
        gpu.add_wheel("net", "1.8+gpu")
        indexes = "".join(
            f'[[tool.pkm.index]]\nname = "{name}"\nurl = "{served.url}"\nexplicit = true\n'
            for name, served in (("cpu", cpu), ("gpu", gpu))
        )
        text = HEAD + 'dependencies = ["net"]\n' + indexes
        text += "[tool.pkm.sources]\nnet = [{ index = 'cpu', marker = \"sys_platform == 'win32'\" }, "
        text += "{ index = 'gpu', env = 'train' }]\n[tool.pkm.env.train]\n"
        yield write_project(tmp_path / "shop", text)


def test_a_source_may_bind_a_name_to_an_index_by_marker_and_by_environment(pkm, two):
    ok(pkm("lock", cwd=two))
    for section, others in (("default", "2.0"), ("train", "1.8+gpu")):
        found = {
            package["version"]: (package["marker"], package["index"])
            for package in tomllib.loads(lock_text(two))["packages"]
            if package["name"] == "net" and f"'{section}' in" in package["marker"]
        }
        assert set(found) == {"1.5+cpu", others}
        assert "sys_platform == 'win32'" in found["1.5+cpu"][0]
        assert found["1.5+cpu"][1] != found[others][1]
    windows = [
        package["marker"]
        for package in tomllib.loads(lock_text(two))["packages"]
        if package["name"] == "spam"
    ]
    assert len(windows) == 1
    assert "sys_platform == 'win32'" in windows[0]
    ok(pkm("lock", "--check", cwd=two))
    ok(pkm("sync", "train", cwd=two))
    assert (two / ".pkm/envs/train").is_dir()
    problem = two / "problem.json"
    ok(pkm("lock", "--upgrade", "--export-problem", str(problem), cwd=two))
    said = ok(pkm("debug", "solve", str(problem), cwd=two)).stdout
    assert "train, python 3.15 on windows-x86_64: 3 packages" in said
    assert "train, python 3.15 on linux-x86_64: 1 package" in said


NET = (
    "[[tool.pkm.index]]\nname = 'other'\nurl = '{url}'\nexplicit = true\n[tool.pkm.sources]\nnet = {source}\n"
)


def test_one_version_of_two_indexes_is_locked_for_each_platform_as_its_index_has_it(pkm, tmp_path, index):
    with LocalIndex() as other:
        index.add_wheel("net", "1.0")
        other.add_wheel("net", "1.0", files={"net.py": "other = 1\n"})
        source = "{ index = 'other', marker = \"sys_platform == 'win32'\" }"
        text = HEAD + 'dependencies = ["net"]\n' + NET.format(url=other.url, source=source)
        project = write_project(tmp_path / "p", text)
        ok(pkm("lock", cwd=project))
        ok(pkm("lock", "--check", cwd=project))
        found = [one for one in tomllib.loads(lock_text(project))["packages"] if one["name"] == "net"]
    assert {one["index"]: "== 'win32'" in one["marker"] for one in found} == {
        index.url: False,
        other.url: True,
    }
    assert "!= 'win32'" in next(one["marker"] for one in found if one["index"] == index.url)
    exported = ok(pkm("env", "export", "default", "--format", "requirements", cwd=project)).stdout
    lines = [line for line in exported.splitlines() if line.startswith("net==1.0")]
    assert len(lines) == 2
    assert len({line.partition("sys_platform")[2][:4] for line in lines}) == len(lines)


def test_environments_bound_to_other_indexes_get_the_files_of_theirs(pkm, tmp_path, index):
    """One index has a wheel that fits better, and both one file with another content each."""
    with LocalIndex() as other:
        index.add_wheel(
            "net",
            "1.0",
            tags="py3-none-manylinux_2_17_x86_64",
            files={"net.py": "WHO = 'the better wheel'\n"},
        )
        index.add_wheel("net", "1.0", files={"net.py": "WHO = 'index'\n"})
        other.add_wheel("net", "1.0", files={"net.py": "WHO = 'other'\n"})
        source = "[{ index = 'other', env = 'two' }]"
        text = HEAD + 'dependencies = ["net"]\n[tool.pkm.env.one]\n[tool.pkm.env.two]\n'
        project = write_project(tmp_path / "p", text + NET.format(url=other.url, source=source))
        said = {}
        for name in ("one", "two"):
            # One after the other: what is locked for the first stays, and is no wish of the second.
            ok(pkm("lock", name, cwd=project))
            ok(pkm("sync", "--locked", name, cwd=project))
            said[name] = ok(
                pkm("run", "-e", name, "python", "-c", "import net; print(net.WHO)", cwd=project)
            ).stdout
        ok(pkm("lock", "default", cwd=project))
        ok(pkm("lock", "--check", cwd=project))
    assert said["two"] == "other\n"
    assert said["one"] in {"index\n", "the better wheel\n"}


def test_a_file_that_moves_between_a_folder_and_a_server_is_locked_where_it_lies(pkm, tmp_path, index):
    text = HEAD + 'dependencies = ["vend"]\n[[tool.pkm.index]]\nname = "own"\nformat = "flat"\nurl = "{}"\n'
    project = write_project(tmp_path / "p", text.format("vendor"))
    content = index.add_wheel("vend", "1.0").content
    for folder in ("vendor", "wheels"):
        (project / folder).mkdir()
        (project / folder / "vend-1.0-py3-none-any.whl").write_bytes(content)
    server = {"url": index.file_url("vend-1.0-py3-none-any.whl")}
    for url, place in [
        ("vendor", {"path": "vendor/vend-1.0-py3-none-any.whl"}),
        (index.flat_url, server),
        ("wheels", {"path": "wheels/vend-1.0-py3-none-any.whl"}),
        ("vendor", {"path": "vendor/vend-1.0-py3-none-any.whl"}),
        (index.flat_url, server),
    ]:
        (project / "pyproject.toml").write_text(text.format(url))
        assert pkm("lock", "--check", cwd=project).code == 1
        ok(pkm("lock", cwd=project))
        (wheel,) = next(
            one["wheels"] for one in tomllib.loads(lock_text(project))["packages"] if one["name"] == "vend"
        )
        assert {key: wheel[key] for key in ("url", "path") if key in wheel} == place
    with LocalIndex() as mirror:
        (project / "pyproject.toml").write_text(text.format(mirror.flat_url))
        ok(pkm("lock", "--check", cwd=project))


def test_what_is_bound_to_the_default_index_comes_from_the_one_that_replaces_it(pkm, tmp_path, index):
    """``PKM_INDEX_URL`` is set; the project's own address leads nowhere."""
    text = HEAD + 'dependencies = ["spam"]\n[[tool.pkm.index]]\nname = "main"\ndefault = true\n'
    text += 'url = "http://127.0.0.1:9/simple/"\n[tool.pkm.sources]\nspam = { index = "main" }\n'
    text += '[tool.pkm.env.default]\nexclude-newer = { "index:main" = false, default = "14 days" }\n'
    project = write_project(tmp_path / "p", text)
    ok(pkm("lock", cwd=project))
    assert f'index = "{index.url}"' in lock_text(project)


def test_what_is_kept_of_files_from_run_to_run_is_only_what_still_holds(pkm, tmp_path, index):
    """Each lock is compared with that of a cache that knows nothing."""
    index.add_wheel("net", "1.0", tags="cp310-cp310-win_amd64")
    index.add_wheel("net", "1.0", tags="cp311-cp311-manylinux_2_17_x86_64")
    index.add_sdist("net", "1.0")
    text = HEAD + 'dependencies = ["net"]\n[tool.pkm.env.default]\n'
    project = tmp_path / "p"
    rules = ["", 'platforms = ["linux-x86_64"]\n', 'no-build = true\nplatforms = ["windows-x86_64"]\n', ""]
    found = []
    for number, rule in enumerate([*rules, "", "no-binary = true\n"]):
        if number == len(rules):
            index.add_wheel("net", "1.0", tags="py3-none-any")
        write_project(project, text + rule)
        (project / "pylock.toml").unlink(missing_ok=True)
        ok(pkm("lock", "--refresh", cwd=project))
        found.append(lock_text(project))
        (project / "pylock.toml").unlink()
        ok(pkm("lock", cwd=project, env={"PKM_CACHE_DIR": str(tmp_path / f"cache-{number}")}))
        assert lock_text(project) == found[-1]
    assert found[0] == found[3]
    assert len(set(found)) == 5


# Explanations


def test_python_is_told_with_the_place_where_it_is_asked_for(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", requires_python=">=3.12")
    text = HEAD.replace('">=3.10"', '">=3.10,<3.12"') + 'dependencies = ["pea"]\n'
    said = pkm("lock", cwd=write_project(tmp_path / "p", text)).stderr
    assert "2. shop asks for Python >=3.10,<3.12, which admits 3.10    pyproject.toml:4:1" in said
    assert "3. pea 1.0 needs Python >=3.12, and this is Python 3.10" in said
    assert "so 1 and 2 can't both hold." in said
    text += '[tool.pkm.env.default]\npython = "<3.12"\n'
    said = pkm("lock", cwd=write_project(tmp_path / "p", text)).stderr
    assert 'the environment "default" asks for Python <3.12, which admits 3.10    pyproject.toml:7:1' in said


def test_a_later_index_that_would_have_it_is_told(pkm, tmp_path, index):
    make_wheel(tmp_path / "wheels", "spam", "7.0")
    text = HEAD + 'dependencies = ["spam>=7"]\n[[tool.pkm.index]]\nname = "company"\n'
    text += f'url = "{index.url}"\n[[tool.pkm.index]]\nname = "folder"\nurl = "../wheels"\nformat = "flat"\n'
    said = pkm("lock", cwd=write_project(tmp_path / "p", text)).stderr
    assert 'spam 7.0 on index "folder" ("company" comes first and has spam)' in said
    assert 'spam on index "default" (not asked, since "company" comes first and has spam)' in said


def test_the_date_of_the_cut_off_is_told(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", upload_time="2026-01-01T00:00:00Z")
    index.add_wheel("pea", "2.0", upload_time="2026-03-01T00:00:00Z")
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["pea>1"]\n')
    said = pkm("lock", "--exclude-newer", "2026-02-01", cwd=project).stderr
    assert "of pea only releases after the cut-off of 2026-02-01 are left" in said
    assert "pea 2.0 (uploaded after the cut-off of 2026-02-01)" in said


def test_a_reference_is_fetched_with_its_password_which_stands_nowhere_else(pkm, tmp_path, index):
    index.auth = ("user", "sekret")
    index.add_wheel("ref", "1.0")
    place = index.file_url("ref-1.0-py3-none-any.whl")
    written = place.replace("http://", "http://user:sekret@")
    project = write_project(tmp_path / "shop", HEAD + f'dependencies = ["ref @ {written}"]\n')
    ok(pkm("lock", cwd=project))
    assert place in lock_text(project)
    ok(pkm("cache", "clean", cwd=project))
    ok(pkm("sync", cwd=project))
    told = [lock_text(project), *(path.read_text() for path in (project / ".venv").rglob("direct_url.json"))]
    assert len(told) == 2
    assert not any("sekret" in text for text in told)
    failed = pkm("lock", "--constraint", "ref>1", cwd=project)
    assert failed.code == 1
    assert "sekret" not in failed.stdout + failed.stderr
    why = pkm("env", "why", "ref", cwd=project)
    assert place in why.stdout
    assert "sekret" not in why.stdout
    bad = f'constraints = ["ref @ {written}"]\noverrides = {{ ref = "@ {written}" }}\n'
    (project / "pyproject.toml").write_text(f"{HEAD}dependencies = []\n[tool.pkm]\n{bad}")
    assert "sekret" not in pkm("lock", cwd=project).stderr


def test_a_digest_of_any_kind_behind_an_address_is_checked(pkm, tmp_path, index):
    index.add_wheel("ref", "1.0")
    place = index.file_url("ref-1.0-py3-none-any.whl")
    text = HEAD + f'dependencies = ["ref @ {place}#md5={"0" * 32}"]\n'
    failed = pkm("lock", cwd=write_project(tmp_path / "shop", text))
    assert failed.code == 1
    assert "expected  md5 00000000" in failed.stderr


def test_a_local_archive_is_held_against_the_digest_behind_its_address(pkm, tmp_path):
    wheel = make_wheel(tmp_path / "some where", "ref", "1.0")
    digest = hashlib.sha512(wheel.read_bytes()).hexdigest()
    project = write_project(
        tmp_path / "shop", HEAD + f'dependencies = ["ref @ {wheel.as_uri()}#sha512={digest}"]\n'
    )
    ok(pkm("lock", cwd=project))
    assert digest in lock_text(project)
    assert "sha256" in lock_text(project)
    (project / "pyproject.toml").write_text(
        HEAD + f'dependencies = ["ref @ {wheel.as_uri()}#sha512={"0" * 128}"]\n'
    )
    failed = pkm("lock", cwd=project)
    assert "expected  sha512 00000000" in failed.stderr


def test_an_address_where_there_is_nothing_is_told_with_who_asks(pkm, tmp_path):
    project = write_project(tmp_path / "shop", HEAD + 'dependencies = ["ref @ file:///not/here"]\n')
    failed = pkm("lock", cwd=project)
    assert "pyproject.toml:5:17" in failed.stderr
    assert "there is nothing at" in failed.stderr


def test_behind_a_mirror_a_sync_asks_nothing_of_the_index_that_was_locked(pkm, tmp_path, index):
    project = write_project(tmp_path / "p", HEAD + 'dependencies = ["spam", "bacon"]\n')
    ok(pkm("lock", cwd=project))
    index.forget()
    with LocalIndex() as mirror:
        for name in ("spam-2.0-py3-none-any.whl", "eggs-2.0-py3-none-any.whl", "bacon-1.0.tar.gz"):
            mirror.add_bytes(name, index.file(name).content)
        ok(pkm("cache", "clean", cwd=project))
        ok(pkm("sync", "--locked", "--default-index", mirror.url, cwd=project))
        assert index.requests == []
        assert mirror.count("/files/", status=200) >= 3


def test_a_folder_of_an_index_is_seen_from_the_file_that_names_it(pkm, tmp_path):
    wheels = tmp_path / "shop" / "wheels"
    wheels.mkdir(parents=True)
    make_wheel(wheels, "net", "1.0")
    named = '[[tool.pkm.index]]\nname = "own"\nurl = "wheels"\nformat = "flat"\n'
    member = '[project]\nname = "part"\nversion = "1"\ndependencies = ["net"]\n'
    project = write_project(
        tmp_path / "shop",
        HEAD + 'dependencies = ["net"]\n[tool.pkm.workspace]\nmembers = ["part"]\n' + named,
        {"part/pyproject.toml": member, "part/src/x": ""},
    )
    for folder in (project, project / "part" / "src", tmp_path):
        ok(pkm("lock", "-C", str(project), "--upgrade", cwd=folder))
        told = ok(pkm("index", "list", "-C", str(project / "part"), cwd=folder)).stdout
        assert told.split()[:3] == ["own", str(wheels), "pyproject.toml"]
    assert lock_text(project).count('path = "wheels/net-1.0-py3-none-any.whl"') == 1
    (project / "part" / "pyproject.toml").write_text(member + named.replace("wheels", "../nope"))
    failed = pkm("lock", "--upgrade", cwd=project).stderr
    assert f'error: index "own" is a folder that is not there: {project / "nope"}\n' in failed
    assert "hint: it is named in part/pyproject.toml:7:1\n" in failed


def test_a_folder_in_a_variable_or_a_configuration_is_seen_from_there(pkm, tmp_path):
    (tmp_path / "here" / "wheels").mkdir(parents=True)
    make_wheel(tmp_path / "here" / "wheels", "net", "1.0")
    project = write_project(tmp_path / "here" / "shop", HEAD + 'dependencies = ["net"]\n')
    (tmp_path / "here" / "config.toml").write_text(
        '[[index]]\nname = "own"\nurl = "wheels"\nformat = "flat"\n'
    )
    ok(pkm("lock", cwd=project, env={"PKM_CONFIG_FILE": str(tmp_path / "here" / "config.toml")}))
    listed = ok(pkm("index", "list", cwd=tmp_path / "here", env={"PKM_INDEX_URL": "wheels"})).stdout
    assert listed.split()[1] == str(tmp_path / "here" / "wheels")
