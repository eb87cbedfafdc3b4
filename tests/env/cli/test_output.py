from __future__ import annotations

import io

from pkm_env.cli.output import Output, clean


def make(**settings):
    out, err = io.StringIO(), io.StringIO()
    return Output(out, err, **settings), out, err


def test_results_go_to_stdout_and_messages_to_stderr():
    output, out, err = make()
    output.result("a tree")
    output.warn("odd")
    output.error("wrong")
    assert out.getvalue() == "a tree\n"
    assert err.getvalue() == "warning: odd\nerror: wrong\n"


def test_no_message_shows_the_password_of_an_address():
    output, _, err = make()
    output.error('there is no index "https://me:se@cret@host.example/simple" (ssh://git@host.example/x)')
    output.warn("http://a:b@host.example and x@y")
    assert err.getvalue() == (
        'error: there is no index "https://host.example/simple" (ssh://git@host.example/x)\n'
        "warning: http://host.example and x@y\n"
    )


def test_quiet_keeps_results_and_errors_alone():
    output, out, err = make(level=-1)
    output.result("a tree")
    output.say("progress")
    output.warn("odd")
    output.error("wrong")
    assert (out.getvalue(), err.getvalue()) == ("a tree\n", "error: wrong\n")


def test_a_note_is_told_once_at_the_end():
    output, _, err = make()
    output.note("left out")
    output.note("left out")
    assert err.getvalue() == ""
    output.flush_notes()
    assert err.getvalue() == "note: left out\n"


def test_a_note_on_several_environments_names_them_all():
    output, _, err = make()
    output.note("x 1 is yanked", "default")
    output.note("y 2 is a pre-release", "default")
    output.note("x 1 is yanked", "test")
    output.note("x 1 is yanked", "test")
    output.flush_notes()
    assert err.getvalue() == "note: default, test: x 1 is yanked\nnote: default: y 2 is a pre-release\n"


def test_a_note_on_many_environments_names_the_first():
    output, _, err = make()
    for number in range(9):
        output.note("x 1 is yanked", f"e{number}")
    output.flush_notes()
    assert err.getvalue() == "note: e0, e1, e2, e3 and 5 more environments: x 1 is yanked\n"


def test_control_characters_do_not_reach_a_terminal():
    assert clean("name\x1b[31m\rspam\x07") == "name\\x1b[31m\\x0dspam\\x07"


def test_colour_repeats_what_the_words_say():
    plain, plain_out, _ = make()
    coloured, coloured_out, _ = make(colour=True)
    plain.changes([("+", "httpx 0.28.1")])
    coloured.changes([("+", "httpx 0.28.1")])
    assert plain_out.getvalue() == "  + httpx 0.28.1\n"
    assert "httpx 0.28.1" in coloured_out.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_a_terminal_each_phase_and_each_build_is_a_line():
    output, out, err = make()
    output.phase("Fetching default")
    output.finish(output.start("fetch", "spam", 10))
    output.finish(output.start("build", "bean"))
    assert err.getvalue() == "Fetching default\nBuilding bean\n"
    assert out.getvalue() == ""


def test_quiet_tells_no_phase_and_nothing_that_was_done():
    output, out, err = make(level=-1)
    output.phase("Fetching default")
    output.finish(output.start("build", "bean"))
    output.told("Removed 3 files")
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_on_a_terminal_phases_are_told_with_verbose_alone():
    for level, said in ((0, ""), (1, "Fetching default\n")):
        err = Terminal()
        Output(io.StringIO(), err, level=level).phase("Fetching default")
        assert err.getvalue() == said
