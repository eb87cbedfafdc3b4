from __future__ import annotations

import pytest

from pkm_env.lock.conflict import agree, has_conflict, merged_section, section_result, sides
from pkm_env.lock.lockfile import Lock, LockedFile, LockedPackage, LockSection

TARGETS = ("3.12 linux-x86_64-glibc2.28", "3.12 windows-x86_64")


def lock(**environments):
    """A lock with sections by name: the digest of the inputs, and names with versions of packages."""
    sections = {name: LockSection(name, inputs, TARGETS) for name, (inputs, _) in environments.items()}
    packages: dict[tuple[str, str], LockedPackage] = {}
    for name, (_, pins) in environments.items():
        for pin, version in pins.items():
            known = packages.get((pin, version))
            masks = {**(known.sections if known else {}), name: 3}
            file = LockedFile(f"{pin}-{version}-py3-none-any.whl", "", {"sha256": f"{pin}{version}"})
            packages[pin, version] = LockedPackage(pin, version, masks, files=(file,))
    return Lock(sections, tuple(packages.values()))


PLAIN = "a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\nd\n"
DIFF3 = "a\n<<<<<<< ours\nb\n||||||| base\nx\n=======\nc\n>>>>>>> theirs\nd\n"


NESTED = DIFF3.replace("x\n", "<<<<<<<<< one\nx\n||||||||| two\ny\n=========\nz\n>>>>>>>>> three\n")
UNNAMED = DIFF3.replace(" ours", "").replace(" base", "").replace(" theirs", "")
PICKED = (
    DIFF3.replace("ours", "HEAD")
    .replace("base", "parent of 1234567 (bump)")
    .replace("theirs", "1234567 (bump)")
)
STASHED = (
    DIFF3.replace("ours", "Updated upstream")
    .replace("base", "Stash base")
    .replace("theirs", "Stashed changes")
)
CASES = {
    "plain": PLAIN,
    "diff3": DIFF3,
    "crlf": PLAIN.replace("\n", "\r\n"),
    "diff3 of a merged ancestor": NESTED,
    "without names": UNNAMED,
    "cherry-pick": PICKED,
    "stash": STASHED,
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_the_two_sides_of_a_conflict_are_read_back(text):
    assert has_conflict(text)
    assert [side.split() for side in sides(text)] == [["a", "b", "d"], ["a", "c", "d"]]


def test_a_text_without_marks_has_no_conflict():
    assert not has_conflict("a\n=======\nb\n")
    assert sides("a\n=======\nb\n") == ("a\n=======\nb\n",) * 2


BASE = ("1", {"spam": "1.0"})
NEW = ("2", {"spam": "2.0"})
OTHER = ("3", {"spam": "3.0"})
CASES = {
    "nobody changed it": (BASE, BASE, BASE, "ours"),
    "we changed it": (BASE, NEW, BASE, "ours"),
    "they changed it": (BASE, BASE, NEW, "theirs"),
    "both changed it alike": (BASE, NEW, NEW, "ours"),
    "each changed it": (BASE, NEW, OTHER, "both"),
    "we added it": (None, NEW, None, "ours"),
    "they added it": (None, None, NEW, "theirs"),
    "each added it": (None, NEW, OTHER, "both"),
    "we removed it": (BASE, None, BASE, "ours"),
    "they removed it": (BASE, BASE, None, "theirs"),
    "we removed it and they changed it": (BASE, None, NEW, "theirs"),
    "they removed it and we changed it": (BASE, NEW, None, "ours"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_section_is_taken_from_the_side_that_changed_it(case):
    *versions, expected = CASES[case]
    base, ours, theirs = (lock(**{"test": found} if found else {}) for found in versions)
    assert merged_section(base, ours, theirs, "test") == expected


def test_without_an_ancestor_what_differs_was_changed_by_both():
    assert merged_section(None, lock(test=BASE), lock(test=NEW), "test") == "both"
    assert merged_section(None, lock(test=BASE), lock(test=BASE), "test") == "ours"


def test_sections_are_compared_apart_from_the_others():
    assert agree(lock(test=BASE), lock(test=BASE, docs=NEW), "test")
    assert not agree(lock(test=BASE), lock(test=("1", {"spam": "1.1"})), "test")


def test_a_section_leaves_a_lock_alone():
    found = section_result(lock(test=BASE, docs=BASE), "test")
    (entry,) = found.entries
    assert (found.section.name, entry.sections) == ("test", {"test": 3})
