"""The digest of what a section holds: what it notices, and what it leaves alone."""

from __future__ import annotations

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

import pytest

from pkm_env.lock.compose import compose
from pkm_env.lock.content import sealed
from pkm_env.lock.lockfile import Lock
from pkm_env.lock.reader import read_lock
from pkm_env.lock.text import render
from tests.support.locks import LINUX_312, LINUX_313, MACOS_313, entry, locked_file, result, targets_of

LINUX_WHEEL = "c-1-cp312-cp312-manylinux_2_28_x86_64.whl"
MACOS_WHEEL = "c-1-cp313-cp313-macosx_11_0_arm64.whl"


def lock_of(*results, old=None):
    made = {found.section.name: found for found in results}
    order = list(dict.fromkeys((*(old.sections if old else ()), *made)))
    found = compose(old, targets_of(old) if old else {}, made, order)
    return sealed(found, targets_of(found), made, () if old is None else old.mixed - made.keys())


def sample():
    return lock_of(
        result(
            "default",
            [
                entry("a", "1", {"default": 0b11}),
                entry("b", "1", {"default": 0b01}),
                entry("c", "1", {"default": 0b01}, [LINUX_WHEEL]),
            ],
            [LINUX_312, LINUX_313],
        ),
        result(
            "test", [entry("a", "1", {"test": 1}), entry("c", "1", {"test": 1}, [MACOS_WHEEL])], [MACOS_313]
        ),
    )


def text_of(lock):
    return render(lock, targets_of(lock))


def read(text):
    return read_lock(tomllib.loads(text), "pylock.toml")


def test_a_lock_that_nobody_touched_is_not_mixed():
    assert read(text_of(sample())).mixed == frozenset()


@pytest.mark.parametrize(
    ("before", "after", "mixed"),
    [
        ('name = "b"\nversion = "1"', 'name = "b"\nversion = "2"', {"default"}),
        ('name = "a"\nversion = "1"', 'name = "a"\nversion = "2"', {"default", "test"}),
        (f'"{MACOS_WHEEL}", url', f'"{MACOS_WHEEL.replace("c-1", "c-1-1")}", url', {"test"}),
        (
            f'{LINUX_WHEEL}", hashes = {{ sha256 = "aa" }}',
            f'{LINUX_WHEEL}", hashes = {{ sha256 = "bb" }}',
            {"default"},
        ),
        ("'default' in dependency_groups and python_version", "'test' in dependency_groups and python_version",
         {"default", "test"}),
        ('inputs = "digest"\ncontent', 'inputs = "other"\ncontent', {"default", "test"}),
        (f'    "{MACOS_313}",\n', f'    "{MACOS_313}",\n    "{LINUX_313}",\n', {"test"}),
    ],
    ids=["version", "shared version", "file", "hash", "marker", "inputs", "targets"],
)  # fmt: skip
def test_what_is_changed_by_hand_is_noticed_in_its_sections(before, after, mixed):
    text = text_of(sample())
    assert before in text
    assert read(text.replace(before, after)).mixed == mixed


@pytest.mark.parametrize(
    ("before", "after"),
    [("https://index.example/c-1", "https://mirror.example/c-1"), ("# The lock", "# Our lock")],
    ids=["another mirror", "a comment"],
)
def test_places_and_comments_do_not_count(before, after):
    text = text_of(sample())
    assert before in text
    assert read(text.replace(before, after)).mixed == frozenset()


def test_a_section_without_a_digest_is_believed():
    text = "".join(line for line in text_of(sample()).splitlines(True) if not line.startswith("content"))
    assert read(text).mixed == frozenset()


def test_another_section_that_is_locked_anew_changes_no_digest():
    first = sample()
    files = [MACOS_WHEEL, locked_file("c-1-cp313-cp313-macosx_12_0_arm64.whl")]
    second = lock_of(
        result("test", [entry("a", "2", {"test": 1}), entry("c", "1", {"test": 1}, files)], [MACOS_313]),
        old=first,
    )
    assert second.sections["default"].content == first.sections["default"].content
    assert second.sections["test"].content != first.sections["test"].content
    assert read(text_of(second)).mixed == frozenset()


def test_a_section_that_gains_an_sdist_from_another_one_is_not_mixed():
    first = lock_of(
        result("default", [entry("c", "1", {"default": 1}, [LINUX_WHEEL])]),
        result("test", [entry("b", "1", {"test": 1})]),
    )
    second = lock_of(result("test", [entry("c", "1", {"test": 1}, ["c-1.tar.gz"])]), old=first)
    assert read(text_of(second)).mixed == frozenset()


def test_what_is_mixed_stays_so_until_it_is_locked_anew():
    mixed = read(text_of(sample()).replace('name = "b"\nversion = "1"', 'name = "b"\nversion = "2"'))
    other = lock_of(result("test", [entry("a", "3", {"test": 1})], [MACOS_313]), old=mixed)
    assert read(text_of(other)).mixed == {"default"}
    mended = lock_of(result("default", [entry("a", "1", {"default": 1})]), old=other)
    assert read(text_of(mended)).mixed == frozenset()


def test_what_is_mixed_and_the_version_of_the_format_are_kept_in_the_plain_form():
    lock = Lock({}, (), mixed=["b", "a"], version="1.7")
    again = Lock.from_plain(lock.to_plain())
    assert (again.mixed, again.version) == (frozenset(("a", "b")), "1.7")
