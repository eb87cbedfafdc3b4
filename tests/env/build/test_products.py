from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from pkm_env.build.errors import BuildFailed
from pkm_env.build.products import (
    METADATA_BYTES,
    Unfit,
    check_metadata_folder,
    check_sdist,
    check_wheel,
    file_handed_over,
)
from tests.support.wheels import make_wheel, metadata_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.env.build.conftest import Bench

TAKE = "def build_wheel(folder, *args):\n    {}\n"


@pytest.mark.parametrize(
    ("hook", "part"),
    [
        ("return None", "answered None"),
        ("return 1", "answered 1"),
        ("return ''", "answered ''"),
        ("return '../spam-1.0-py3-none-any.whl'", "answered '../spam"),
        ("return 'spam-1.0-py3-none-any.whl'", "not there"),
        (
            "os.mkdir(folder + '/spam-1.0-py3-none-any.whl'); return 'spam-1.0-py3-none-any.whl'",
            "no regular file",
        ),
        ("os.symlink('/etc/passwd', folder + '/a.whl'); return 'a.whl'", "no regular file"),
        ("open(folder + '/spam.zip', 'w'); return 'spam.zip'", "no file name of a wheel"),
        (
            "open(folder + '/spam-1.0-py3-none-any.whl', 'w'); return 'spam-1.0-py3-none-any.whl'",
            "no readable wheel",
        ),
        ("return _write_wheel(folder, {**_spec(), 'name': 'eggs'}, {})", "made eggs 1.0 and not spam 1.0"),
        ("return _write_wheel(folder, {**_spec(), 'version': '2.0'}, {})", "made spam 2.0 and not spam 1.0"),
        (
            "return _write_wheel(folder, {**_spec(), 'metadata': 'Name: eggs\\nVersion: 1.0\\n'}, {})",
            "metadata of eggs",
        ),
        ("return _write_wheel(folder, {**_spec(), 'metadata': ''}, {})", "no field Name"),
    ],
)
def test_wheel_that_is_not_what_was_asked_for_is_refused(bench: Bench, hook: str, part: str) -> None:
    bench.tree(hooks=TAKE.format(hook))
    with pytest.raises(BuildFailed) as caught:
        bench.frontend.wheel(bench.request(), str(bench.out))
    assert part in caught.value.reason
    assert not bench.out.exists()
    assert bench.is_clean()


@pytest.mark.parametrize("answer", ["'a'", "[1]", "None"])
def test_requirements_have_to_be_a_list_of_texts(bench: Bench, answer: str) -> None:
    bench.tree(hooks=f"def get_requires_for_build_wheel(*args): return {answer}")
    with pytest.raises(BuildFailed, match="where a list of requirements is due"):
        bench.frontend.wheel(bench.request(), str(bench.out))


@pytest.mark.parametrize(
    ("hook", "part"),
    [
        ("return 'absent-1.0.dist-info'", "has no METADATA"),
        ("return '..'", "answered '..'"),
        ("os.symlink('/etc', folder + '/a.dist-info'); return 'a.dist-info'", "has no METADATA"),
        (
            "i = folder + '/a.dist-info'; os.mkdir(i); os.mkfifo(i + '/METADATA'); return 'a.dist-info'",
            "no regular file",
        ),
    ],
)
def test_metadata_folder_that_is_none_is_refused(bench: Bench, hook: str, part: str) -> None:
    bench.tree(hooks=f"def prepare_metadata_for_build_wheel(folder, *args):\n    {hook}\n")
    with pytest.raises(BuildFailed) as caught:
        bench.frontend.metadata(bench.request())
    assert part in caught.value.reason


def test_metadata_of_another_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dist-info").mkdir()
    (tmp_path / "a.dist-info" / "METADATA").write_text(metadata_text("eggs", "1.0"))
    with pytest.raises(Unfit, match=r"made eggs 1\.0 and not spam"):
        check_metadata_folder(str(tmp_path), "a.dist-info", "spam", "")
    assert check_metadata_folder(str(tmp_path), "a.dist-info", "", "").name == "eggs"


def test_versions_are_compared_as_versions(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "spam", "1.0.0")
    assert check_wheel(str(wheel), "spam", "1").version == "1.0.0"


def test_wheel_for_another_python_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "spam", "1.0", tags="cp39-cp39-win_amd64.win32")
    with pytest.raises(Unfit, match="does not fit the Python"):
        check_wheel(str(wheel), "spam", "1.0", frozenset({"cp312-cp312-linux_x86_64", "py3-none-any"}))
    assert check_wheel(str(wheel), "spam", "1.0", frozenset({"cp39-cp39-win32"}))


def test_bomb_of_metadata_is_not_unpacked(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "spam", "1.0", metadata="x" * (METADATA_BYTES + 1))
    with pytest.raises(Unfit, match="no single METADATA"):
        check_wheel(str(wheel), "spam", "1.0")


def test_wheel_with_two_metadata_is_refused(tmp_path: Path) -> None:
    entry = (zipfile.ZipInfo("eggs-1.0.dist-info/METADATA"), metadata_text("eggs", "1.0").encode())
    wheel = make_wheel(tmp_path, "spam", "1.0", entries=[entry])
    with pytest.raises(Unfit, match="no single METADATA"):
        check_wheel(str(wheel), "spam", "1.0")


@pytest.mark.parametrize("name", ["spam-1.0.zip", "spam.tar.gz", "eggs-1.0.tar.gz", "spam-2.0.tar.gz"])
def test_sdist_of_another_name_is_refused(name: str) -> None:
    with pytest.raises(Unfit):
        check_sdist(f"/dist/{name}", "spam", "1.0")


def test_file_handed_over_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.whl").touch()
    assert file_handed_over(str(tmp_path), "a.whl") == str(tmp_path / "a.whl")
