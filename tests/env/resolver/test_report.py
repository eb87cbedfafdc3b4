"""Explanations as people read them: snapshots of conflicts of many kinds."""

from __future__ import annotations

import pytest

from pkm_env.model.distribution import Source
from pkm_env.model.target import make_target
from pkm_env.resolver.report import explain
from pkm_env.resolver.resolve import NoSolution, Origin, Root
from tests.support.resolving import LINUX, ask, only, origin, refusal, where
from tests.support.universe import Universe

OLD = make_target("3.8", "linux-x86_64")
MUSL = make_target("3.12", "linux-x86_64-musl1.2")


def series(first, last, requires=(), step="0.{}"):
    return {step.format(number): list(requires) for number in range(first, last + 1)}


def placed(text, *key, group="", extra=""):
    return Root(text, Origin("shop", key, group=group, extra=extra))


def test_two_requirements_that_contradict_through_a_package():
    assert (
        refusal(
            {
                "web": {
                    **series(100, 120, ["engine>=0.36"]),
                    "0.121a1": [],
                    "0.111": {"yanked": "wrong metadata"},
                },
                "engine": series(20, 45),
            },
            "web>=0.100",
            placed("engine<0.30", "dependency-groups", "test", 1, group="test"),
        )
        == """\
  1. shop asks for web>=0.100                     pyproject.toml:5:5
  2. shop asks for engine<0.30 in group "test"    pyproject.toml:6:5
  3. web 0.100 to 0.120 (all that 1 admits) need engine>=0.36
  so 1 and 2 can't both hold.

  not looked at: web 0.121a1 (pre-release), 0.111 (yanked: wrong metadata)

would work:
  engine>=0.36                      instead of 2: 2 packages, engine 0.45
  prereleases = { web = "allow" }   in [tool.pkm]: 2 packages, web 0.121a1"""
    )


def test_two_requirements_of_one_package():
    assert (
        refusal({"a": series(1, 9)}, "a<0.3", "a>=0.5")
        == """\
  1. shop asks for a<0.3     pyproject.toml:5:5
  2. shop asks for a>=0.5    pyproject.toml:6:5
  so 1 and 2 can't both hold.

would work:
  a>=0.9        instead of 1: 1 package, a 0.9
  a>=0.2,<0.3   instead of 2: 1 package, a 0.2"""
    )


def test_a_requirement_and_one_of_an_extra():
    assert (
        refusal(
            {"b": {"1": [], "2": []}},
            placed("b<2", "project", "optional-dependencies", "x", 0, extra="x"),
            "b>=2",
        )
        == """\
  1. shop asks for b>=2                pyproject.toml:6:5
  2. shop asks for b<2 in extra "x"    pyproject.toml:5:5
  so 1 and 2 can't both hold.

would work:
  b>=2   instead of 2: 1 package, b 2
  b<2    instead of 1: 1 package, b 1"""
    )


def test_a_chain_of_packages():
    assert (
        refusal(
            {
                "a": {"1": ["b>=2"]},
                "b": {"1": [], "2": ["c>=2"]},
                "c": {"1": [], "2": ["d<1"]},
                "d": {"1": [], "2": []},
            },
            "a",
            "d>=1",
        )
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 needs b>=2
  3. b 2 needs c>=2
  4. c 2 needs d<1
  5. no version of d is <1: there are 1 to 2
  so 1 can't hold."""
    )


def test_two_packages_that_want_a_third_in_different_versions():
    assert (
        refusal({"a": series(1, 5, ["c<0.3"]), "b": series(1, 5, ["c>=0.4"]), "c": series(1, 9)}, "a", "b")
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. shop asks for b    pyproject.toml:6:5
  3. a 0.1 to 0.5 (all that 1 admits) need c<0.3
  4. b 0.1 to 0.5 (all that 2 admits) need c>=0.4
  so 1 and 2 can't both hold."""
    )


def test_needs_that_differ_by_version_told_as_one():
    assert (
        refusal(
            {
                "a": {"1": ["x<2"], "2": ["x<3"]},
                "b": {"1": ["x>=4"], "2": ["x>=5"]},
                "x": series(1, 9, step="{}"),
            },
            "a",
            "b",
        )
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. shop asks for b    pyproject.toml:6:5
  3. a 1 to 2 (all that 1 admits) need x<=2
  4. b 1 to 2 (all that 2 admits) need x>=4
  so 1 and 2 can't both hold."""
    )


def test_exact_pins_in_lock_step():
    assert (
        refusal(
            {
                "aws": {f"1.{number}": [f"core=={number}"] for number in range(10, 40)},
                "aio": {f"2.{number}": [f"core>={number * 3},<{number * 3 + 3}"] for number in range(1, 5)},
                "core": series(1, 60, step="{}"),
            },
            "aws>=1.20",
            "aio",
        )
        == """\
  1. shop asks for aws>=1.20    pyproject.toml:5:5
  2. shop asks for aio          pyproject.toml:6:5
  3. aio 2.1 to 2.4 (all that 2 admits) need core>=3,<=14
  4. aws 1.20 to 1.39 (all that 1 admits) need core>=20,<=39
  so 1 and 2 can't both hold.

would work:
  aws>=1.14,<1.15   instead of 1: 3 packages, aws 1.14"""
    )


def test_an_unknown_package():
    assert (
        refusal({"a": {"1": ["nmpy"]}}, "a")
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 needs nmpy
  3. nmpy: no index has it
  so 1 can't hold."""
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("nmpy", "numpy"), ("num_py", "numpy"), ("reqeusts", "requests"), ("unlike-all", ""), ("shopp", "")],
)
def test_an_unknown_package_gets_the_name_that_was_probably_meant(name, meant):
    said = refusal({"a": {"1": []}, "numpy": {"1": []}}, "a", name, preferences={"requests": ("2",)})
    assert (f'; did you mean "{meant}"?' in said) == bool(meant)
    assert ("did you mean" in said) == bool(meant)


def test_a_version_that_does_not_exist():
    assert (
        refusal({"a": {"1": [], "2": []}}, "a>=3")
        == """\
  1. shop asks for a>=3    pyproject.toml:5:5
  2. no version of a is >=3: there are 1 to 2
  so 1 can't hold.

would work:
  a>=2   instead of 1: 1 package, a 2"""
    )


def test_python_too_old_for_all():
    assert (
        refusal(
            {"a": {"1": {"requires_python": ">=3.9"}, "2": {"requires_python": ">=3.10"}}},
            "a",
            targets=(OLD,),
        )
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 needs Python >=3.9, and this is Python 3.8
  3. a 2 needs Python >=3.10, and this is Python 3.8
  so 1 can't hold.

would work:
  Python 3.9   1 package, a 1"""
    )


def test_python_too_old_for_a_dependency():
    assert (
        refusal(
            {
                "a": {"1": ["b>=2"]},
                "b": {"1": [], "2": {"requires_python": ">=3.9"}, "3": {"requires_python": ">=3.9"}},
            },
            "a",
            targets=(OLD,),
        )
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 needs b>=2
  3. b 2 to 3 need Python >=3.9, and this is Python 3.8
  so 1 can't hold.

would work:
  Python 3.9   2 packages, b 3"""
    )


def test_no_wheel_for_the_platform():
    assert (
        refusal(
            {"a": {"1": {"tags": ("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64")}}},
            "a",
            targets=(MUSL,),
        )
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 has no wheel for linux-x86_64-musl1.2 with Python 3.12 (there are some for manylinux_2_17_x86_64 and win_amd64)
  so 1 can't hold."""
    )


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        (
            {"1": "cp312-cp312-manylinux_2_17_x86_64", "2": "cp312-cp312-manylinux_2_17_x86_64"},
            "linux-x86_64-musl1.2 with Python 3.12 (2 has some for manylinux_2_17_x86_64)",
        ),
        (
            {"1": "cp312-cp312-manylinux_2_17_x86_64", "2": "cp312-cp312-musllinux_1_2_x86_64"},
            "each of linux-x86_64 and linux-x86_64-musl1.2 with Python 3.12 (2 has some for musllinux_1_2_x86_64)",
        ),
    ],
    ids=["one", "each another"],
)
@pytest.mark.parametrize("at", [0, 1])
def test_of_targets_that_no_marker_tells_apart_the_one_without_a_wheel_is_told(tags, told, at):
    world = {"a": {version: {"tags": (tag,)} for version, tag in tags.items()}}
    outcome = ask(world, "a", targets=(LINUX, MUSL))[at]
    assert f"  2. a 1 to 2 have no wheel for {told}\n" in str(explain(outcome, where=where))


def test_a_build_that_is_not_allowed():
    assert (
        refusal({"a": {"1": {"tags": ("sdist", "cp312-cp312-win_amd64")}}}, "a", no_build=True)
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 has no wheel for linux-x86_64 with Python 3.12 (there are some for win_amd64), and building it is not allowed
  so 1 can't hold.

would work:
  no-build = false   in [tool.pkm]: 1 package, a 1; a is built"""
    )


def test_only_pre_releases_left():
    assert (
        refusal({"a": {"1": [], "2a1": [], "2a2": [], "3": []}}, "a>=1.5", "a<3")
        == """\
  1. shop asks for a>=1.5    pyproject.toml:5:5
  2. shop asks for a<3       pyproject.toml:6:5
  3. of a only pre-releases are left
  so 1 and 2 can't both hold.

  not looked at: a 2a1 and 2a2 (pre-releases)

would work:
  a>=3                            instead of 2: 1 package, a 3
  a<3                             instead of 1: 1 package, a 1
  prereleases = { a = "allow" }   in [tool.pkm]: 1 package, a 2a2"""
    )


def test_pre_releases_never_allowed():
    assert (
        refusal({"a": {"2a1": []}}, "a", prereleases="never")
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. of a only pre-releases are left
  so 1 can't hold.

  not looked at: a 2a1 (pre-release)

would work:
  prereleases = { default = "never", a = "allow" }   in [tool.pkm]: 1 package, a 2a1"""
    )


def test_only_a_yanked_release_left():
    assert (
        refusal({"a": {"1": [], "2": {"yanked": "security"}}}, "a>1")
        == """\
  1. shop asks for a>1    pyproject.toml:5:5
  2. of a only yanked releases are left
  so 1 can't hold.

  not looked at: a 2 (yanked: security)

would work:
  a==1   instead of 1: 1 package, a 1
  a==2   instead of 1: 1 package, a 2 (yanked: security)"""
    )


def test_only_releases_after_the_cut_off_left():
    assert (
        refusal({"a": {"1": [], "2": {"late": True}, "3": {"late": True}}}, "a>1")
        == """\
  1. shop asks for a>1    pyproject.toml:5:5
  2. of a only releases after the cut-off of 2026-01-31 are left
  so 1 can't hold.

  not looked at: a 2 and 3 (uploaded after the cut-off of 2026-01-31)

would work:
  a==1   instead of 1: 1 package, a 1"""
    )


def test_releases_of_which_nobody_knows_the_age_are_told_apart():
    assert (
        refusal({"a": {"1": [], "2": {"late": True}, "3": {"late": "undated"}}}, "a>1")
        == """\
  1. shop asks for a>1    pyproject.toml:5:5
  2. of a only releases after the cut-off of 2026-01-31 are left
  so 1 can't hold.

  not looked at: a 2 (uploaded after the cut-off of 2026-01-31), \
3 (nobody knows whether uploaded before the cut-off of 2026-01-31)

would work:
  a==1   instead of 1: 1 package, a 1"""
    )


PYTHON = Origin("shop", ("project", "requires-python"))


def test_what_the_project_says_of_python_takes_part_like_any_requirement():
    assert (
        refusal(
            {"a": {"1": ["b"]}, "b": {"1": {"requires_python": ">=3.9"}, "2": {"requires_python": ">=3.10"}}},
            "a",
            targets=(OLD,),
            pythons=[(">=3.8", PYTHON)],
        )
        == """\
  1. shop asks for a                                 pyproject.toml:5:5
  2. a 1 needs b
  3. shop asks for Python >=3.8, which admits 3.8    project.requires-python
  4. b 1 needs Python >=3.9, and this is Python 3.8
  5. b 2 needs Python >=3.10, and this is Python 3.8
  so 1 and 3 can't both hold.

would work:
  requires-python = ">=3.9"   instead of 3: 2 packages, b 1"""
    )


def test_an_older_python_is_a_remedy_too():
    said = refusal({"a": {"1": {"requires_python": "<3.12"}}}, "a", pythons=[(">=3.8", PYTHON)])
    assert '  requires-python = ">=3.8,<3.12"   instead of 2: 1 package, a 1' in said


def test_a_python_that_only_the_metadata_tells_is_a_reason_like_any():
    assert (
        refusal(
            {"a": {"1": {"metadata_python": ">=3.9"}, "2": {"metadata_python": ">=3.9"}}},
            "a",
            targets=(OLD,),
            pythons=[(">=3.8", PYTHON)],
        )
        == """\
  1. shop asks for a                                 pyproject.toml:5:5
  2. shop asks for Python >=3.8, which admits 3.8    project.requires-python
  3. a 1 to 2 need Python >=3.9 by its metadata, and this is Python 3.8
  so 1 and 2 can't both hold.

would work:
  requires-python = ">=3.9"   instead of 2: 1 package, a 2"""
    )


def test_another_python_is_a_remedy_where_this_one_has_no_wheel():
    tags = ("cp310-cp310-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64")
    assert (
        refusal({"a": {"1": {"tags": tags}}}, "a", pythons=[(">=3.8", PYTHON)])
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 has no wheel for linux-x86_64 with Python 3.12 (there are some for cp310 and cp311)
  so 1 can't hold.

would work:
  requires-python = ">=3.8,<3.12"   in [project]: 1 package, a 1"""
    )


def test_python_is_not_told_where_it_is_no_reason():
    assert "Python" not in refusal({"a": {"1": []}}, "a>1", pythons=[(">=3.8", PYTHON)])


FIRST = '"fake" comes first and has {}'


def test_a_version_that_a_later_index_has_is_told():
    world = Universe({"a": {"1": [], "2": []}})
    world.others["a"] = (
        ("default", ("2", "3", "4", "9"), FIRST.format("a")),
        ("far", None, FIRST.format("a")),
    )
    assert (
        refusal(world, "a>2,<5")
        == """\
  1. shop asks for a>2,<5    pyproject.toml:5:5
  2. no version of a is >2,<5: there are 1 to 2
  so 1 can't hold.

  not looked at: a 3 to 4 on index "default" ("fake" comes first and has a); \
a on index "far" (not asked, since "fake" comes first and has a)

would work:
  a>=2   instead of 1: 1 package, a 2"""
    )


def test_a_later_index_is_not_told_where_it_has_nothing_that_fits():
    world = Universe({"a": {"1": ["b<1"]}, "b": {"1": []}})
    world.others["b"] = (("default", ("1", "3"), FIRST.format("b")),)
    world.others["a"] = (("default", ("1",), FIRST.format("a")), ("far", None, FIRST.format("a")))
    assert "index" not in refusal(world, "a")


MAC = make_target("3.12", "macos-arm64")
WIN = make_target("3.12", "windows-x86_64")


def failures(packages, *roots, **options):
    return [one for one in ask(packages, *roots, **options) if isinstance(one, NoSolution)]


def test_what_would_work_is_tried_for_every_target_without_an_answer():
    packages = {
        "a": {"3": ["b<3"]},
        "b": {"1": {"tags": "py3-none-win_amd64"}, "2": {"tags": "py3-none-manylinux_2_17_x86_64"}, "3": []},
    }
    first, *others = failures(packages, "a", "b>=3", targets=(LINUX, WIN, MAC))
    assert len(others) == 2
    alone = explain(first, where=where)
    assert alone.would_work == (("b<3", "instead of 2: 2 packages, b 2"),)
    together = explain(first, where=where, others=others)
    effect = "instead of 2: 2 packages, b 2; not for python 3.12 on macos-arm64"
    assert together.would_work == (("b<3", effect),)


def test_what_works_everywhere_comes_first():
    packages = {
        "a": {"1": [], "3": ["b<3"]},
        "b": {"2": {"tags": "py3-none-manylinux_2_17_x86_64"}, "3": []},
    }
    first, *others = failures(packages, "a>=3", "b>=3", targets=(LINUX, MAC))
    changes = explain(first, where=where, others=others).would_work
    assert [(text, "not for" in effect) for text, effect in changes] == [
        ("a<3", False),
        ("b<3", True),
    ]


def test_two_conflicts_at_once():
    assert (
        refusal(
            {
                "f": {"2": ["j", "k>=2"], "3": ["j>=3"]},
                "c": {"1": ["k>=2"]},
                "j": {"2": [], "3": []},
                "k": {"1": [], "2": []},
            },
            "f>=3",
            "j<3",
            "c",
            "k<2",
        )
        == """\
  1. shop asks for f>=3    pyproject.toml:5:5
  2. shop asks for j<3     pyproject.toml:6:5
  3. f 3 needs j>=3
  so 1 and 2 can't both hold."""
    )


def test_a_constraint():
    assert (
        refusal(
            {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": []}},
            "a",
            constraints=[("b<2", Origin("shop", ("tool", "pkm", "constraints", 0)))],
        )
        == """\
  1. shop asks for a               pyproject.toml:5:5
  2. a 1 needs b>=2
  3. a constraint keeps b to <2    pyproject.toml:5:5
  so 1 and 3 can't both hold.

would work:
  b>=2   instead of 3: 2 packages, b 2"""
    )


def test_an_override():
    assert (
        refusal({"a": {"1": ["b>=2"]}, "b": {"1": [], "2": []}}, "a", "b>1", overrides={"b": "<1"})
        == """\
  1. shop asks for b<1 (by an override)    pyproject.toml:6:5
  2. no version of b is <1: there are 1 to 2
  so 1 can't hold.

would work:
  without overrides.b   instead of 1: 2 packages, b 2"""
    )


def test_an_extra_that_needs_more():
    assert (
        refusal({"a": {"1": ["b>=2; extra == 'x'"]}, "b": {"1": [], "2": []}}, "a[x]", "b<2")
        == """\
  1. shop asks for a[x]    pyproject.toml:5:5
  2. shop asks for b<2     pyproject.toml:6:5
  3. a[x] 1 needs b>=2
  so 1 and 2 can't both hold.

would work:
  b>=2   instead of 2: 2 packages, b 2"""
    )


def test_a_source_of_another_version():
    assert (
        refusal(
            {"a": {"1": ["b<5"]}},
            "a",
            sources={"b": Source("directory", "/lib/b")},
            at={"/lib/b": {"version": "7"}},
        )
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1 needs b<5
  3. no version of b is <5: there is 7
  so 1 can't hold."""
    )


def test_metadata_that_cannot_be_had():
    assert (
        refusal({"a": {"1": {"unavailable": "its build failed (exit code 1)"}}}, "a")
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1: its build failed (exit code 1)
  so 1 can't hold."""
    )


def test_a_requirement_that_cannot_be_read():
    assert (
        refusal({"a": {"1": ["b; os_name is 'nt'"]}}, "a")
        == """\
  1. shop asks for a    pyproject.toml:5:5
  2. a 1: its requirement b ; os_name is 'nt' has a marker that cannot be read
  so 1 can't hold."""
    )


def test_a_marker_of_the_project_that_cannot_be_read_has_its_place():
    assert (
        refusal({"a": {"1": []}, "b": {"1": []}}, "a", "b ; 'x' in extras")
        == """\
  1. shop: its requirement b ; 'x' in extras has a marker that cannot be read    pyproject.toml:6:5
  so 1 can't hold."""
    )


def test_where_and_numbers_are_fields_too():
    outcome = only(ask({"a": series(1, 9)}, "a<0.3", "a>=0.5"))
    found = explain(outcome, where=where, suggest=False)
    assert [line.text for line in found.lines] == ["shop asks for a<0.3", "shop asks for a>=0.5"]
    assert [line.where for line in found.lines] == ["pyproject.toml:5:5", "pyproject.toml:6:5"]
    assert found.conclusion == "so 1 and 2 can't both hold."
    assert found.would_work == ()


@pytest.mark.parametrize(
    "roots", [("a<0.3", "a>=0.5"), ("a>=0.5", "a<0.3")], ids=["one way", "the other way"]
)
def test_an_explanation_does_not_depend_on_the_order_of_requirements(roots):
    places = {"a<0.3": 0, "a>=0.5": 1}
    asked = [Root(text, origin(places[text])) for text in roots]
    lines = refusal({"a": series(1, 9)}, *asked).splitlines()
    assert lines[:3] == [
        "  1. shop asks for a<0.3     pyproject.toml:5:5",
        "  2. shop asks for a>=0.5    pyproject.toml:6:5",
        "  so 1 and 2 can't both hold.",
    ]


def test_a_failure_that_targets_share_is_told_of_each_by_its_own_name():
    targets = (make_target("3.12", "linux-arm64"), make_target("3.12", "linux-x86_64"))
    one, other = ask({"a": {"1": {"tags": "cp312-cp312-win_amd64"}}}, "a", targets=targets)
    assert one.derivation is other.derivation
    for outcome, name in ((one, "linux-arm64"), (other, "linux-x86_64")):
        text = f"a 1 has no wheel for {name} with Python 3.12 (there are some for win_amd64)"
        assert explain(outcome, where=where).lines[1].text == text
