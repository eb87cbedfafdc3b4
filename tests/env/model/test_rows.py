"""Files of an index as rows."""

from __future__ import annotations

import pytest

from pkm_env.model.rows import files_in, plain_of, row_of

SHA = "ab" * 32
PLAIN = ("spam-1.0.tar.gz", {"sha256": SHA}, "", None, "", None, None, "", "https://x.example/1", None)


def changed(at: int, value: object) -> tuple[object, ...]:
    return (*PLAIN[:at], value, *PLAIN[at + 1 :])


@pytest.mark.parametrize(
    "plain",
    [
        PLAIN,
        changed(1, {}),
        changed(1, {"sha512": "cd" * 64}),
        changed(1, {"sha256": SHA, "md5": "cd" * 16}),
        changed(3, {}),
        changed(3, {"sha256": SHA}),
        changed(3, {"md5": "cd" * 16}),
        changed(4, "/a b/50%09\t\n%/spam-1.0.tar.gz"),
        changed(4, "/caf\udce9/spam-1.0.tar.gz"),
        changed(5, ">=3.9"),
        changed(6, 0),
        changed(6, 123),
        changed(7, "2025-01-02T03:04:05Z"),
        changed(8, "https://x.example/1/"),
        changed(9, ""),
        changed(9, "true"),
        changed(9, 'a "b"'),
    ],
    ids=repr,
)
def test_a_row_says_all_that_a_plain_file_does(plain: tuple[object, ...]):
    assert plain_of(row_of(plain)) == plain
    assert files_in("\n".join("\t".join(row_of(one)) for one in (plain, PLAIN))) == (plain, PLAIN)


@pytest.mark.parametrize(
    ("row", "at", "expected"),
    [
        (("true", "s.whl", SHA, "", "", "", "u", "false", ""), 3, {}),
        (("false", "s.whl", SHA, "", "", "", "u", "false", ""), 3, None),
        (('{"sha256":"' + SHA + '"}', "s.whl", SHA, "", "", "", "u", "false", ""), 3, {"sha256": SHA}),
        (("null", "s.whl", SHA, "", "null", "", "u", "false", ""), 6, None),
        (
            ("null", "s.whl", SHA, "", "7", "", "https://x.example/", "false", ""),
            8,
            "https://x.example/s.whl",
        ),
        (("null", "s.whl", SHA, "", "7", "", "u", "null", ""), 9, None),
        (("null", "s.whl", SHA, "", "7", "", "u", '""', ""), 9, None),
        (("null", "s.whl", SHA, "", "7", "", "u", '"why"', ""), 9, "why"),
    ],
)
def test_a_row_may_hold_what_json_writes(row: tuple[str, ...], at: int, expected: object):
    assert plain_of(row)[at] == expected


def test_a_release_without_files_has_none():
    assert files_in("") == ()
