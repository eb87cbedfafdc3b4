from __future__ import annotations

import errno
import json
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pkm_build.errors import InvalidFile
from pkm_env.build.errors import BadSource, BuildFailed
from pkm_env.build.request import Limits
from tests.support.projects import write_project
from tests.support.wheels import project_members

if TYPE_CHECKING:
    from tests.env.build.conftest import Bench

SEEN = """
def get_requires_for_build_wheel(config_settings=None):
    import sys
    with open("seen.json", "w") as stream:
        json.dump({"environ": dict(os.environ), "path": sys.path, "settings": config_settings}, stream)
    return []
"""


def _seen(root: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((root / "seen.json").read_text())
    return found


def _members(path: str) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_is_built_by_the_backend_of_the_tree(bench: Bench) -> None:
    bench.tree(requires=["eggs>=2"])
    path, metadata = bench.frontend.wheel(bench.request(), str(bench.out))
    assert path == str(bench.out / "spam-1.0-py3-none-any.whl")
    assert metadata.to_plain() == ("spam", "1.0", ("eggs>=2",), None, ())
    assert "spam.py" in _members(path)
    assert bench.is_clean()


def test_metadata_is_asked_for_without_building(bench: Bench) -> None:
    bench.tree(requires=["eggs"], hooks="def build_wheel(*args):\n    raise SystemExit('built')")
    assert bench.frontend.metadata(bench.request()).requires == ("eggs",)


def test_backend_without_a_metadata_hook_builds_the_wheel_for_it(bench: Bench) -> None:
    bench.tree(requires=["eggs"], hooks="del prepare_metadata_for_build_wheel")
    assert bench.frontend.metadata(bench.request()).requires == ("eggs",)


def test_editable_wheel_points_to_the_tree_itself(bench: Bench) -> None:
    root = bench.tree()
    path, _ = bench.frontend.editable(bench.request(copied=str(root)), str(bench.out))
    assert _members(path)["_spam.pth"].decode().strip() == str(root)


def test_sdist_is_built_and_named_for_the_release(bench: Bench) -> None:
    bench.tree()
    assert bench.frontend.sdist(bench.request(), str(bench.out)) == str(bench.out / "spam-1.0.tar.gz")


def test_environment_is_asked_for_twice_when_hooks_want_more(bench: Bench) -> None:
    bench.tree(build_requires=["a>=1"], hook_requires={"wheel": ["b"]})
    bench.frontend.wheel(bench.request(), str(bench.out))
    assert bench.provided.asked == [(("a>=1",), "to build spam 1.0"), (("a>=1", "b"), "to build spam 1.0")]


def test_hooks_see_neither_secrets_nor_settings_of_the_user(bench: Bench) -> None:
    root = bench.tree(hooks=SEEN)
    ambient = {
        **os.environ,
        "PKM_INDEX_COMPANY_PASSWORD": "hunter2",
        "PIP_INDEX_URL": "http://me:hunter2@index.example/simple",
        "PYTHONPATH": "somewhere",
        "PYTHONHOME": "elsewhere",
        "DATABASE_URL": "db://me:hunter2@host/x",
        "SOME_TOKEN": "hunter2",
        "CFLAGS": "-O2",
    }
    bench.with_limits(Limits(), ambient).wheel(bench.request(), str(bench.out))
    seen = _seen(root)["environ"]
    assert "hunter2" not in json.dumps(seen)
    assert seen["CFLAGS"] == "-O2"
    assert [key for key in seen if key.startswith("PYTHON")] == ["PYTHONNOUSERSITE"]
    assert not any("somewhere" in path for path in _seen(root)["path"])


def test_hooks_have_home_and_temporary_folder_of_their_own(bench: Bench) -> None:
    root = bench.tree(hooks=SEEN)
    bench.frontend.wheel(bench.request(), str(bench.out))
    seen = _seen(root)["environ"]
    for key in ("HOME", "TMPDIR"):
        assert seen[key].startswith(str(bench.work))
        assert not Path(seen[key]).exists()
    assert seen["PATH"].startswith(str(bench.provided.prefix))


def test_settings_and_variables_of_the_request_reach_the_backend(bench: Bench) -> None:
    root = bench.tree(hooks=SEEN)
    request = bench.request(settings={"a": "1", "b": ["2", "3"]}, variables={"PKM_VERSION": "9"})
    bench.frontend.wheel(request, str(bench.out))
    assert _seen(root)["settings"] == {"a": "1", "b": ["2", "3"]}
    assert _seen(root)["environ"]["PKM_VERSION"] == "9"


def test_copied_tree_stays_as_it_is(bench: Bench) -> None:
    root = bench.tree(hooks=SEEN)
    before = sorted(root.rglob("*"))
    path, _ = bench.frontend.wheel(bench.request(copied=str(root.parent / "tree")), str(bench.out))
    assert sorted(root.rglob("*")) == before
    assert "spam.py" in _members(path)


def test_subfolder_of_a_copy_is_built_with_what_lies_above(bench: Bench) -> None:
    root = bench.tree(hooks="assert os.path.exists('../above.txt')")
    top = bench.folder / "top"
    top.mkdir()
    root.rename(top / "tree")
    (top / "above.txt").touch()
    path, _ = bench.frontend.wheel(bench.request(top / "tree", copied=str(top)), str(bench.out))
    assert os.path.exists(path)


def test_failed_hook_is_told_with_its_last_words_and_its_log(bench: Bench) -> None:
    bench.tree(hooks='def build_wheel(*args):\n    print("working")\n    raise ValueError("no such thing")')
    with pytest.raises(BuildFailed) as caught:
        bench.frontend.wheel(bench.request(), str(bench.out))
    error = caught.value
    assert (error.reason, error.origin) == ("exit code 1", "its sdist")
    assert error.lines[0].endswith("ValueError: no such thing")
    assert error.lines[0].startswith("local_backend.py:")
    assert "working" in (bench.logs / "spam-1.0.log").read_text()
    assert str(error).splitlines() == [
        "spam 1.0 could not be built from its sdist (exit code 1, 0 s)",
        f"  {error.lines[0]}",
        f"  whole log: {os.path.join('logs', 'spam-1.0.log')}",
    ]
    assert not bench.out.exists()
    assert bench.is_clean()


def test_compiler_errors_come_before_the_traceback(bench: Bench) -> None:
    message = "src/fast.c:3:10: fatal error: zlib.h: No such file or directory"
    bench.tree(hooks=f'def build_wheel(*args):\n    print("{message}")\n    raise ValueError("gcc failed")')
    with pytest.raises(BuildFailed) as caught:
        bench.frontend.wheel(bench.request(), str(bench.out))
    assert caught.value.lines == (message,)


def test_warnings_of_the_backend_go_to_its_log_alone(bench: Bench) -> None:
    """pyproject_hooks would raise them in our own process, where the tests turn them into errors."""
    hook = "import warnings\ndef build_wheel(*args):\n    warnings.warn('old setting')\n    return 'none.whl'"
    bench.tree(hooks=hook)
    with pytest.raises(BuildFailed, match=r"none\.whl, which is not there"):
        bench.frontend.wheel(bench.request(), str(bench.out))
    assert "warning: old setting" in (bench.logs / "spam-1.0.log").read_text()


def test_missing_backend_is_named(bench: Bench) -> None:
    root = write_project(bench.folder / "tree", '[build-system]\nrequires = []\nbuild-backend = "absent.api"')
    with pytest.raises(BuildFailed, match=r"absent\.api can't be imported") as caught:
        bench.frontend.wheel(bench.request(root), str(bench.out))
    assert caught.value.lines == ("ModuleNotFoundError: No module named 'absent'",)


def test_backend_without_editable_hooks_is_named_with_the_way_out(bench: Bench) -> None:
    bench.tree(hooks="del build_editable, prepare_metadata_for_build_editable")
    with pytest.raises(BuildFailed, match="no hook build_editable") as caught:
        bench.frontend.editable(bench.request(), str(bench.out))
    assert 'project = "wheel"' in caught.value.hint


def test_backend_that_asks_for_no_requirement_is_refused(bench: Bench) -> None:
    bench.tree(hooks='def get_requires_for_build_wheel(*args): return ["eggs", "!!"]')
    with pytest.raises(BuildFailed, match='its backend asks for "!!"'):
        bench.frontend.wheel(bench.request(), str(bench.out))


def test_backend_that_refuses_an_sdist_is_believed(bench: Bench) -> None:
    hooks = """
class UnsupportedOperation(Exception): pass
def build_sdist(*args): raise UnsupportedOperation("no git here")
"""
    bench.tree(hooks=hooks)
    with pytest.raises(BuildFailed, match="says that it can't") as caught:
        bench.frontend.sdist(bench.request(), str(bench.out))
    assert caught.value.lines[0].endswith("UnsupportedOperation: no git here")


@pytest.mark.parametrize(
    ("toml", "part"),
    [
        ("x = [", "can't be read"),
        ("[build-system]\nrequires = 'a'", "malformed"),
        ("[build-system]\nrequires = []\nbuild-backend = 'a b'", "malformed"),
        ("[build-system]\nrequires = []\nbuild-backend = 'a'\nbackend-path = ['..']", "malformed"),
        ("build-system = 1", "malformed"),
        ("[build-system]\nrequires = ['a', '!!']\nbuild-backend = 'a'", "malformed"),
    ],
)
def test_unusable_pyproject_is_refused_before_anything_is_made(bench: Bench, toml: str, part: str) -> None:
    root = write_project(bench.folder / "tree", toml)
    with pytest.raises(BadSource, match=part) as caught:
        bench.frontend.wheel(bench.request(root), str(bench.out))
    assert caught.value.lines
    assert bench.provided.asked == []


def test_tree_without_any_build_file_is_refused(bench: Bench) -> None:
    (bench.folder / "tree").mkdir()
    with pytest.raises(BadSource, match=r"neither pyproject\.toml nor setup\.py"):
        bench.frontend.wheel(bench.request(), str(bench.out))


@pytest.mark.parametrize("toml", [None, "", "[build-system]\nrequires = ['setuptools>=40.8.0']"])
def test_tree_without_a_backend_is_that_of_setuptools(bench: Bench, toml: str | None) -> None:
    root = bench.tree(backend="setuptools")
    if toml is not None:
        (root / "pyproject.toml").write_text(toml)
    with pytest.raises(BuildFailed, match=r"setuptools\.build_meta:__legacy__ can't be imported"):
        bench.frontend.wheel(bench.request(), str(bench.out))
    assert bench.provided.asked == [(("setuptools>=40.8.0",), "to build spam 1.0")]


HELLO = """
[build-system]
requires = ["pkm>=1.0.dev0"]
build-backend = "pkm_build"

[project]
name = "spam"
version = "1.0"
dependencies = ["eggs"]
"""


def test_project_of_pkm_build_needs_no_environment(bench: Bench) -> None:
    root = write_project(bench.folder / "tree", HELLO, {"src/spam/__init__.py": ""})
    request = bench.request(root)
    path, metadata = bench.frontend.wheel(request, str(bench.out))
    assert "spam/__init__.py" in _members(path)
    assert metadata.requires == bench.frontend.metadata(request).requires == ("eggs",)
    assert bench.frontend.editable(request, str(bench.out))[1] == metadata
    assert bench.frontend.sdist(request, str(bench.out)).endswith("spam-1.0.tar.gz")
    assert bench.provided.asked == []
    assert bench.is_clean()


@pytest.mark.parametrize(
    "change",
    [
        ('"pkm>=1.0.dev0"', '"pkm>=99"'),
        ('"pkm>=1.0.dev0"', '"pkm>=1.0.dev0", "numpy"'),
        ('"pkm>=1.0.dev0"', '"pkm @ https://files.example/pkm.whl"'),
        ('"pkm>=1.0.dev0"', '"pkm[cli]"'),
        ('"pkm_build"', '"pkm_build"\nbackend-path = ["."]'),
    ],
    ids=["newer", "more", "url", "extra", "in-tree"],
)
def test_project_that_needs_more_than_the_running_pkm_gets_an_environment(
    bench: Bench, change: tuple[str, str]
) -> None:
    root = write_project(bench.folder / "tree", HELLO.replace(*change), {"src/spam/__init__.py": ""})
    with pytest.raises(BuildFailed, match="can't be imported"):
        bench.frontend.wheel(bench.request(root), str(bench.out))
    assert len(bench.provided.asked) == 1


def test_project_whose_own_code_would_run_gets_an_environment(bench: Bench) -> None:
    toml = HELLO + '[tool.pkm.build]\nhook = "pkm_hook.py"\n'
    root = write_project(bench.folder / "tree", toml, {"src/spam/__init__.py": "", "pkm_hook.py": ""})
    with pytest.raises(BuildFailed, match="can't be imported"):
        bench.frontend.wheel(bench.request(root), str(bench.out))


def test_markers_that_do_not_hold_ask_for_nothing(bench: Bench) -> None:
    toml = HELLO.replace('"pkm>=1.0.dev0"', '"pkm", "tomli>=2 ; python_version < \'3\'", "packaging"')
    root = write_project(bench.folder / "tree", toml, {"src/spam/__init__.py": ""})
    bench.frontend.wheel(bench.request(root), str(bench.out))
    assert bench.provided.asked == []


def test_variables_of_the_user_do_not_leak_into_builds_of_others(bench: Bench) -> None:
    toml = HELLO.replace('version = "1.0"', 'dynamic = ["version"]')
    toml += '[tool.pkm.version]\nsource = "file"\npath = "src/spam/__init__.py"\n'
    root = write_project(bench.folder / "tree", toml, {"src/spam/__init__.py": '__version__ = "1.0"\n'})
    frontend = bench.with_limits(Limits(), {**os.environ, "PKM_VERSION": "7.0"})
    assert frontend.metadata(bench.request(root)).version == "1.0"
    assert frontend.metadata(bench.request(root, version="", origin="")).version == "7.0"
    told = bench.request(root, version="", variables={"PKM_VERSION": "8.0"})
    assert frontend.metadata(told).version == "8.0"


def test_faults_of_the_users_own_file_are_told_as_they_are(bench: Bench) -> None:
    root = write_project(bench.folder / "tree", HELLO + "dependancies = []\n")
    with pytest.raises(InvalidFile):
        bench.frontend.wheel(bench.request(root, origin=""), str(bench.out))


def test_faults_in_the_file_of_an_sdist_name_the_sdist(bench: Bench) -> None:
    root = write_project(bench.folder / "tree", HELLO + "dependancies = []\n")
    with pytest.raises(BuildFailed) as caught:
        bench.frontend.wheel(bench.request(root), str(bench.out))
    assert caught.value.reason == "pkm_build refuses it"
    assert any("dependancies" in line for line in caught.value.lines)


def test_products_reach_a_folder_on_another_file_system(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename between file systems fails; the copy is renamed in its place."""
    bench.tree()
    real = os.replace

    def replace(source: str, target: str) -> None:
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, "other file system")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    path, _ = bench.frontend.wheel(bench.request(), str(bench.out))
    assert os.listdir(bench.out) == [os.path.basename(path)]


def test_several_trees_are_built_at_once(bench: Bench) -> None:
    requests = []
    for number in range(4):
        root = bench.folder / f"tree{number}"
        write_project(root, "", project_members("spam", f"1.{number}"))
        (root / "pyproject.toml").write_bytes(project_members("spam", "1.0")["pyproject.toml"])
        requests.append(bench.request(root, version=f"1.{number}"))
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda request: bench.frontend.wheel(request, str(bench.out)), requests))
    assert [metadata.version for _, metadata in built] == ["1.0", "1.1", "1.2", "1.3"]
    assert bench.is_clean()
