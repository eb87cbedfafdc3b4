"""What explanations say of releases that have no file for a target, and of those that a rule left aside."""

from __future__ import annotations

import pytest

from pkm_env.resolver.request import COMMAND_LINE, Origin
from tests.support.resolving import origin, refusal, rules


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (
            ["cp310-cp310-win_amd64", "cp39-cp39-manylinux_2_17_x86_64", "cp310-cp310-linux_x86_64"],
            "cp39 and cp310",
        ),
        ([f"cp3{minor}-cp3{minor}-linux_x86_64" for minor in (10, 8, 9, 11)], "cp38 to cp311"),
        (["cp313-abi3-linux_x86_64", "py2-none-any"], "cp313-abi3 and py2"),
        (["cp37-cp37m-linux_x86_64"], "cp37m"),
    ],
)
def test_what_wheels_there_are_is_told_where_none_fits(tags, words):
    text = refusal({"a": {"1": {"tags": tuple(tags)}}}, "a").splitlines()[1]
    assert text == f"  2. a 1 has no wheel for linux-x86_64 with Python 3.12 (there are some for {words})"


def test_of_several_releases_the_wheels_of_the_newest_that_has_some_are_told():
    world = {
        "a": {
            "1": {"tags": ("cp37-cp37m-win_amd64", "sdist")},
            "2": {"tags": ("cp38-cp38-win_amd64", "sdist")},
            "3": {"tags": ("sdist",)},
        }
    }
    text = refusal(world, "a", no_build=True).splitlines()[1]
    assert text == (
        "  2. a 1 to 3 have no wheel for linux-x86_64 with Python 3.12 (2 has some for win_amd64), "
        "and building it is not allowed"
    )


def test_of_releases_without_wheels_none_is_told():
    text = refusal({"a": {"1": {"tags": ("sdist",)}}}, "a", no_build=True).splitlines()[1]
    assert text == "  2. a 1 has no wheel for linux-x86_64 with Python 3.12, and building it is not allowed"


def test_what_no_rule_would_bring_in_was_not_left_aside():
    other = {"tags": ("cp312-cp312-win_amd64",)}
    world = {"a": {"1": [], "2": other, "3a1": other, "2.5": {**other, "yanked": "broken"}, "3a2": []}}
    assert (
        refusal(world, "a>=2")
        == """\
  1. shop asks for a>=2    pyproject.toml:5:5
  2. a 2 to 3a1 have no wheel for linux-x86_64 with Python 3.12 (3a1 has some for win_amd64)
  so 1 can't hold.

  not looked at: a 3a2 (pre-release)

would work:
  a==1                            instead of 1: 1 package, a 1
  prereleases = { a = "allow" }   in [tool.pkm]: 1 package, a 3a2"""
    )


def test_a_pre_release_that_only_one_of_those_who_need_it_takes_was_not_left_aside():
    world = {"a": {"1": ["c<2"]}, "b": {"1": ["c>=3"]}, "c": {"1": [], "1.5rc1": [], "3": [], "4rc1": []}}
    assert "not looked at" not in refusal(world, "a", "b")
    world["b"]["1"] = ["c>1.2"]
    assert "not looked at: c 1.5rc1 (pre-release)" in refusal(world, "a", "b")


@pytest.mark.parametrize(
    ("rule", "written", "built"),
    [(True, "false", "a and b are"), (frozenset("ax"), '["x"]', "a is"), (frozenset("b"), "[]", "b is")],
)
def test_all_that_would_have_to_be_built_against_the_rules_is_named_once(rule, written, built):
    sdist = {"tags": ("sdist",)}
    world = {"a": {"1": {**sdist, "requires": ["b", "c"]}}, "b": {"1": sdist}, "c": {"1": []}}
    text = refusal(world, "a", no_build=rule)
    last = text.splitlines()[-1]
    assert last.startswith(f"  no-build = {written}   in [tool.pkm]: 3 packages, ")
    assert last.endswith(f"; {built} built")
    assert text.count("built") == 1


# Where rules stand


def test_a_bound_of_the_command_line_says_so():
    world = {"a": {"1": ["b"]}, "b": {"1": [], "2": []}}
    text = refusal(world, "a", "b>1", constraints=[("b<2", Origin(COMMAND_LINE))])
    assert text.splitlines()[1] == "  2. a constraint keeps b to <2    the command line"


def test_an_override_stands_beside_what_it_replaces():
    world = {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": []}}
    said = rules("overrides")
    text = refusal(world, "a", "b", overrides={"a": {"b": ">=2"}, "b": "<2"}, declared=said)
    assert text.splitlines()[:4] == [
        "  1. shop asks for a                       pyproject.toml:5:5",
        "  2. shop asks for b<2 (by an override)    pyproject.toml:6:5 and tool.pkm.overrides.b",
        "  3. a 1 needs b>=2 (by an override)       tool.pkm.overrides.a.b",
        "  so 1, 2 and 3 can't all hold.",
    ]


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        ({"B": ">=3", "a": {"c": "<1"}}, "tool.pkm.overrides.B"),
        ({"b": ">=2", "a": {"B": ">=3"}}, "tool.pkm.overrides.a.B"),
        ({"b": ">=2", "a": {"b": ">=2"}, "A==1.0": {"B": ">=3"}}, "tool.pkm.overrides.A==1.0.B"),
    ],
    ids=["everywhere", "package", "release"],
)
def test_an_override_of_what_a_release_asks_tells_where_it_stands(overrides, place):
    world = {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": [], "3": []}}
    text = refusal(
        world, "a", constraints=[("b<3", origin(1))], overrides=overrides, declared=rules("overrides")
    )
    need, bound, conclusion = text.splitlines()[1:4]
    assert need.split("    ") == ["  2. a 1 needs b>=3 (by an override)", place]
    assert bound.split("    ")[0] == "  3. a constraint keeps b to <3"
    assert conclusion == "  so 1, 2 and 3 can't all hold."


@pytest.mark.parametrize(
    ("release", "options", "place"),
    [
        ({"tags": ("sdist",)}, {"no_build": True}, "tool.pkm.no-build"),
        ({"tags": ("py3-none-any",)}, {"no_binary": {"a"}}, "tool.pkm.no-binary"),
        ({"late": True}, {}, "tool.pkm.exclude-newer.a"),
    ],
)
def test_a_rule_that_keeps_a_release_out_tells_where_it_stands(release, options, place):
    said = rules("no-build", "no-binary", "exclude-newer")
    text = refusal({"a": {"1": release}}, "a", declared=said, **options)
    assert text.splitlines()[1].endswith(f"    {place}")


def test_a_cut_off_that_left_something_aside_tells_where_it_stands():
    world = {"a": {"1": ["b<2"], "2": {"late": True}}, "b": {"1": [], "2": []}}
    text = refusal(world, "a", "b>=2", declared=rules("exclude-newer"))
    assert "not looked at: a 2 (uploaded after the cut-off of 2026-01-31, tool.pkm.exclude-newer.a)" in text
