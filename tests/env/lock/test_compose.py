from __future__ import annotations

import pytest

from pkm_env.lock.compose import TwoContents, compose, wheel_tags
from tests.support.locks import INDEX, LINUX_312, LINUX_313, MACOS_313, entry, locked_file, result, targets_of

OTHER = "https://other.example/simple/"


def lock_of(*results, old=None, order=None, indexes=()):
    made = {found.section.name: found for found in results}
    names = order or [
        *(old.sections if old else ()),
        *(name for name in made if not old or name not in old.sections),
    ]
    return compose(old, targets_of(old) if old else {}, made, names, "", indexes)


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


@pytest.mark.parametrize("at_once", [True, False], ids=["in one run", "one after the other"])
def test_one_version_from_two_indexes_is_two_entries(at_once):
    one = result("one", [entry("a", "1", {"one": 1})])
    two = result("two", [entry("a", "1", {"two": 1}, index=OTHER)])
    if at_once:
        lock = lock_of(one, two, indexes=(INDEX, OTHER))
    else:
        lock = lock_of(two, old=lock_of(one), indexes=(INDEX, OTHER))
    assert [(p.index, list(p.sections)) for p in lock.packages] == [(INDEX, ["one"]), (OTHER, ["two"])]


def test_what_a_mirror_of_an_index_that_nobody_asks_now_has_stays_one_entry():
    first = lock_of(result("one", [entry("a", "1", {"one": 1})]))
    wheels = ["a-1-py3-none-any.whl", "a-1-cp312-cp312-manylinux_2_28_x86_64.whl"]
    mirrored = result("two", [entry("a", "1", {"two": 1}, wheels, index=OTHER)])
    (package,) = lock_of(mirrored, old=first, indexes=(OTHER,)).packages
    assert (package.index, list(package.sections)) == (INDEX, ["one", "two"])


def test_what_is_no_mirror_as_its_files_are_others_is_an_entry_of_its_own():
    first = lock_of(result("one", [entry("a", "1", {"one": 1})]))
    other = result(
        "two", [entry("a", "1", {"two": 1}, [locked_file("a-1-py3-none-any.whl", "bb")], index=OTHER)]
    )
    assert len(lock_of(other, old=first, indexes=(OTHER,)).packages) == 2


WHEEL = "a-1-py3-none-any.whl"
ON_SERVER, ALONE = locked_file(WHEEL), locked_file(WHEEL, path=WHEEL)
HERE, THERE = (locked_file(WHEEL, path=f"{folder}/{WHEEL}") for folder in ("here", "there"))


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        pytest.param(HERE, ON_SERVER, ON_SERVER, id="from a folder to a server"),
        pytest.param(ON_SERVER, HERE, HERE, id="from a server to a folder"),
        pytest.param(HERE, THERE, THERE, id="from a folder to another"),
        pytest.param(ALONE, ON_SERVER, ON_SERVER, id="from a folder of a machine to a server"),
        pytest.param(HERE, ALONE, ALONE, id="from a folder to one of a machine"),
        pytest.param(ON_SERVER, ALONE, ON_SERVER, id="from a server to a folder of a machine"),
    ],
)
def test_a_file_that_moved_stands_where_it_is_now_unless_only_this_machine_has_it_there(before, now, kept):
    def locked(file, old=None):
        index = INDEX if file.url else ""
        made = result("one", [entry("a", "1", {"one": 1}, [file], index=index)])
        return lock_of(made, old=old, indexes=(index,))

    (package,) = locked(now, locked(before)).packages
    assert (package.index, package.files) == (INDEX if kept.url else "", (kept,))


def test_two_sections_cannot_hold_another_content_under_one_name_of_one_index():
    first = lock_of(result("one", [entry("a", "1", {"one": 1})]))
    changed = result("two", [entry("a", "1", {"two": 1}, [locked_file("a-1-py3-none-any.whl", "bb")])])
    with pytest.raises(TwoContents, match="cannot hold two files"):
        lock_of(changed, old=first, indexes=(INDEX,))


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
