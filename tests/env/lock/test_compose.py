from __future__ import annotations

from pkm_env.lock.compose import compose, wheel_tags
from tests.support.locks import LINUX_312, LINUX_313, MACOS_313, entry, locked_file, result, targets_of


def lock_of(*results, old=None, order=None):
    made = {found.section.name: found for found in results}
    names = order or [
        *(old.sections if old else ()),
        *(name for name in made if not old or name not in old.sections),
    ]
    return compose(old, targets_of(old) if old else {}, made, names)


def test_a_package_of_two_sections_is_one_entry():
    lock = lock_of(
        result("default", [entry("a", "1", {"default": 1})]), result("test", [entry("a", "1", {"test": 1})])
    )
    assert [(p.name, p.sections) for p in lock.packages] == [("a", {"default": 1, "test": 1})]


def test_two_versions_are_two_entries():
    lock = lock_of(result("old", [entry("a", "1", {"old": 1})]), result("new", [entry("a", "2", {"new": 1})]))
    assert [(p.version, list(p.sections)) for p in lock.packages] == [("1", ["old"]), ("2", ["new"])]


def test_a_section_that_is_not_locked_anew_keeps_its_entries():
    first = lock_of(
        result("default", [entry("a", "1", {"default": 1})]), result("test", [entry("b", "1", {"test": 1})])
    )
    second = lock_of(result("default", [entry("a", "2", {"default": 1})]), old=first)
    assert [(p.name, p.version) for p in second.packages] == [("a", "2"), ("b", "1")]


def test_a_section_that_is_no_longer_declared_goes():
    first = lock_of(
        result("default", [entry("a", "1", {"default": 1})]), result("test", [entry("b", "1", {"test": 1})])
    )
    second = lock_of(old=first, order=["default"])
    assert (list(second.sections), [p.name for p in second.packages]) == (["default"], ["a"])


def test_the_address_of_an_unchanged_file_stays():
    old_file = locked_file("a-1-py3-none-any.whl", url="https://one.example/a-1-py3-none-any.whl")
    new_file = locked_file("a-1-py3-none-any.whl", url="https://two.example/a-1-py3-none-any.whl")
    first = lock_of(result("default", [entry("a", "1", {"default": 1}, [old_file])]))
    second = lock_of(result("default", [entry("a", "1", {"default": 1}, [new_file])]), old=first)
    assert second.packages[0].files[0].url.startswith("https://one.example/")


def test_a_file_with_another_digest_is_taken_as_it_now_is():
    first = lock_of(
        result("default", [entry("a", "1", {"default": 1}, [locked_file("a-1-py3-none-any.whl", "aa")])])
    )
    changed = entry("a", "1", {"default": 1}, [locked_file("a-1-py3-none-any.whl", "bb")])
    second = lock_of(result("default", [changed]), old=first)
    assert second.packages[0].files[0].hashes == {"sha256": "bb"}


def test_files_that_no_remaining_target_can_install_go():
    linux = "a-1-cp312-cp312-manylinux_2_28_x86_64.whl"
    macos = "a-1-cp313-cp313-macosx_11_0_arm64.whl"
    first = lock_of(
        result("default", [entry("a", "1", {"default": 1}, [linux])], [LINUX_312]),
        result("mac", [entry("a", "1", {"mac": 1}, [macos])], [MACOS_313]),
    )
    assert [file.filename for file in first.packages[0].files] == [linux, macos]
    second = lock_of(old=first, order=["default"])
    assert [file.filename for file in second.packages[0].files] == [linux]


def test_edges_of_sections_are_joined():
    lock = lock_of(
        result("default", [entry("a", "1", {"default": 1}, requires=[("b", "1")])]),
        result("test", [entry("a", "1", {"test": 1}, requires=[("c", "2")])], [LINUX_313]),
    )
    assert lock.packages[0].requires == (("b", "1"), ("c", "2"))


def test_compressed_tags_are_taken_apart():
    assert wheel_tags("a-1-1build-py2.py3-none-any.whl") == ["py2-none-any", "py3-none-any"]
