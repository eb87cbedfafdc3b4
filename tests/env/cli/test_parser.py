from __future__ import annotations

import pytest

from pkm_env.cli.groups import COMMANDS
from pkm_env.cli.parser import parse
from pkm_env.cli.usage import UsageError


def test_global_options_stand_before_or_after_the_command():
    for words in (
        ["-C", "x", "--json", "sync"],
        ["sync", "-C", "x", "--json"],
        ["sync", "--directory=x", "--json"],
    ):
        line = parse(words)
        assert (line.command, line.directory, line.json) == ("sync", "x", True)


def test_options_after_the_program_of_run_belong_to_the_program():
    line = parse(["run", "-e", "test", "-q", "pytest", "-q", "--json", "--help"])
    assert line.arguments.environment == "test"
    assert line.arguments.command == ["pytest", "-q", "--json", "--help"]
    assert line.quiet
    assert not line.json


def test_two_words_name_a_command_of_a_group():
    assert parse(["env", "lock", "test"]).command == "env lock"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["lokc"], '"lock"'),
        (["env", "snyc"], '"env sync"'),
        (["sync", "--dryrun"], '"--dry-run"'),
        (["lock", "--chekc"], '"--check"'),
        (["--verison"], '"--version"'),
    ],
)
def test_a_mistyped_word_gets_what_was_meant(words, hint):
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["-C"], "-C needs a value", ""),
        (["lock", "-P"], "--upgrade-package needs a value", "pkm lock --help shows the options"),
        (["env", "export"], "pkm env export needs ENV", "for example: pkm env export"),
        (
            ["lock", "--resolution", "high"],
            '--resolution cannot be "high"',
            'it can be "highest", "lowest" or',
        ),
        (["lock", "--resolution", "lowst"], '--resolution cannot be "lowst"', 'did you mean "lowest"?'),
        (["env", "tree", "--depth", "x"], '--depth: "x" is no whole number', "pkm env tree --help shows"),
    ],
)
def test_what_is_wrong_with_a_value_is_told_as_all_else(words, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert str(caught.value) == message
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_first(name):
    text = parse([*name.split(" "), "--help"]).help
    assert (
        text.index("example: pkm ") < text.index("options:")
        if "options:" in text
        else "example: pkm " in text
    )


def test_help_lists_every_command():
    text = parse(["--help"]).help
    assert all(name in text for name in COMMANDS)


def test_no_words_are_a_question_of_where_one_is():
    assert parse([]).command == ""
