"""Rules that could be changed where nothing fits: each is tried, and told as it is to be written."""

from __future__ import annotations

import pytest

from pkm_env.model.target import make_target
from pkm_env.resolver.report import explain
from pkm_env.resolver.request import COMMAND_LINE, Declared, Origin
from pkm_env.resolver.resolve import NoSolution, Root
from tests.support.resolving import LINUX, ask, only, origin, refusal, rules, where
from tests.support.universe import Universe

CUT = "2026-01-31"
WINDOWS = make_target("3.12", "windows-x86_64")
ENV = ("tool", "pkm", "env", "test")


def remedies(packages, *roots, **options):
    """Return the changes that would work, by what to write."""
    text = refusal(packages, *roots, **options)
    _, _, found = text.partition("would work:\n")
    return dict(line.strip().split("   ", 1) for line in found.splitlines() if line)


def effect(found, text):
    return found[text].strip()


# The cut-off


def cut_off(declared=CUT, who=""):
    place = Origin(who) if who else Origin("", ("tool", "pkm", "exclude-newer"))
    return Declared({("exclude-newer",): place}, exclude_newer=declared)


@pytest.mark.parametrize(
    ("late", "declared", "written"),
    [
        ("2026-02-14", CUT, '{ default = "2026-01-31", a = "2026-02-15" }'),
        ("2026-02-28", "14 days", '{ default = "14 days", a = "2026-03-01" }'),
        ("undated", {"default": CUT, "b": False}, '{ default = "2026-01-31", b = false, a = false }'),
        ("2026-02-14", {"a": CUT, "index:x": CUT}, '{ a = "2026-02-15", "index:x" = "2026-01-31" }'),
    ],
)
def test_a_later_cut_off_for_the_one_package_that_needs_it(late, declared, written):
    found = remedies({"a": {"1": [], "2": {"late": late}}}, "a>1", declared=cut_off(declared))
    assert effect(found, f"exclude-newer = {written}") == "in [tool.pkm]: 1 package, a 2"


def test_what_a_late_release_needs_is_let_in_with_it():
    world = {
        "a": {"1": [], "2": {"late": "2026-02-03", "requires": ["b>=2"]}},
        "b": {"1": [], "2": {"late": "2026-02-05"}},
    }
    found = remedies(world, "a>1", declared=cut_off())
    written = '{ default = "2026-01-31", a = "2026-02-04", b = "2026-02-06" }'
    assert effect(found, f"exclude-newer = {written}") == "in [tool.pkm]: 2 packages, a 2"


def test_one_date_for_all_is_told_where_many_packages_need_it():
    names = ("b", "c", "d")
    world = {name: {"1": [], "2": {"late": f"2026-02-0{place}"}} for place, name in enumerate(names, 4)}
    world["a"] = {"1": [], "2": {"late": "2026-02-03", "requires": [f"{name}>=2" for name in names]}}
    assert 'exclude-newer = "2026-02-07"' in remedies(world, "a>1", declared=cut_off())


@pytest.mark.parametrize(("late", "offered"), [("2026-02-14", True), ("undated", False)])
def test_the_command_line_has_one_date(late, offered):
    found = remedies({"a": {"1": [], "2": {"late": late}}}, "a>1", declared=cut_off(who=COMMAND_LINE))
    assert [text for text in found if "exclude-newer" in text] == ["--exclude-newer 2026-02-15"] * offered


def test_no_later_cut_off_is_told_where_none_helps():
    world = {"a": {"1": [], "2": {"late": "2026-02-14", "requires": ["b>=2"]}}, "b": {"1": []}}
    assert list(remedies(world, "a>1", declared=cut_off())) == ["a==1"]


# Pre-releases, builds, wheels


def test_pre_releases_of_the_one_package_are_allowed_where_they_are_never_taken():
    world = {"a": {"1": ["b>1"]}, "b": {"1": [], "2a1": []}}
    found = remedies(world, "a", prereleases="never", declared=rules("prereleases"))
    written = 'prereleases = { default = "never", b = "allow" }'
    assert effect(found, written) == "in [tool.pkm]: 2 packages, b 2a1"
    table = {"*": "if-necessary", "b": "never"}
    assert 'prereleases = { b = "allow" }' in remedies(world, "a", prereleases=table)


def test_the_command_line_allows_pre_releases_of_all():
    said = Declared({("prereleases",): Origin(COMMAND_LINE)})
    found = remedies({"a": {"2a1": []}}, "a", prereleases="never", declared=said)
    assert effect(found, "--prereleases allow") == "on the command line: 1 package, a 2a1"


@pytest.mark.parametrize(("rule", "written"), [(True, "false"), (frozenset({"a", "z"}), '["z"]')])
def test_a_package_that_has_wheels_alone_is_let_out_of_no_binary(rule, written):
    said = Declared({("no-binary",): Origin("", (*ENV, "no-binary"))})
    found = remedies({"a": {"1": []}}, "a", no_binary=rule, declared=said)
    assert effect(found, f"no-binary = {written}") == "in [tool.pkm.env.test]: 1 package, a 1"


def test_packages_that_have_to_be_built_together_are_let_out_together():
    sdist = {"tags": ("sdist",)}
    world = {"a": {"1": {**sdist, "requires": ["b"]}}, "b": {"1": sdist}}
    found = remedies(world, "a", no_build=frozenset({"a", "b", "c"}))
    assert effect(found, 'no-build = ["c"]') == "in [tool.pkm]: 2 packages, a 1; a and b are built"


# Yanked releases


def test_a_yanked_release_can_be_pinned_where_nothing_else_is_left():
    found = remedies({"a": {"2": {"yanked": "slow"}, "3": {"yanked": "broken"}}}, "a[x]==2.*")
    assert effect(found, "a[x]==2") == "instead of 1: 1 package, a 2 (yanked: slow)"


def test_a_yanked_release_that_a_package_needs_is_pinned_by_a_constraint():
    world = {"a": {"1": ["b>1"]}, "b": {"1": [], "2": {"yanked": True}}, "c": {"1": [], "2": []}}
    bounds = [("c<2", Origin("", ("tool", "pkm", "constraints", 0))), ("c<9", Origin(COMMAND_LINE))]
    found = remedies(world, "a", "c", constraints=bounds)
    assert effect(found, 'constraints = ["c<2", "b==2"]') == "in [tool.pkm]: 3 packages, b 2 (yanked: True)"


def test_no_yanked_release_is_told_that_would_not_do():
    world = {"a": {"1": ["b>1"]}, "b": {"1": [], "2": {"yanked": "", "requires": ["c>1"]}}, "c": {"1": []}}
    assert remedies(world, "a") == {}


# Overrides


def test_an_override_that_is_the_reason_can_go():
    world = {"a": {"1": ["b<2"]}, "b": {"1": [], "2": []}}
    found = remedies(world, "a", overrides={"a": {"b": ">=3"}, "c": "*"})
    assert effect(found, "without overrides.a.b") == "instead of 2: 2 packages, b 1"


def test_an_override_that_is_needed_gets_other_bounds():
    world = {"a": {"1": ["b>=9"]}, "b": {"1": [], "2": []}, "c": {"1": ["b<2"]}}
    found = remedies(world, "a", "c", overrides={"a==1": {"b": ">=2"}})
    assert effect(found, 'overrides."a==1".b = "<2"') == "instead of 3: 3 packages, b 1"


def test_an_override_of_the_command_line_is_told_as_one():
    world = {"a": {"1": ["b>=9"]}, "b": {"1": [], "2": []}, "c": {"1": ["b<2"]}}
    said = Declared({("overrides", "b"): Origin(COMMAND_LINE)})
    found = remedies(world, "a", "c", overrides={"b": ">2"}, declared=said)
    assert any(text.startswith("--override 'b") for text in found)
    found = remedies({"b": {"1": []}}, "b", overrides={"b": ">2"}, declared=said)
    assert "without --override b" in found


# Indexes


def test_a_name_can_be_bound_to_an_index_that_comes_later():
    world = Universe({"a": {"1": []}})
    world.others = {"a": [("server", None, "why"), ("user", ("2",), "why"), ("second", ("2", "3"), "why")]}
    world.indexes = {"second": {"a": {"2": {"requires": []}, "3": {"requires": []}}}}
    found = remedies(world, "a>1", declared=Declared(indexes=["second", "server"]))
    assert effect(found, 'sources.a = { index = "second" }') == "in [tool.pkm]: 1 package, a 3"
    assert not [text for text in found if "server" in text or "user" in text]


def test_a_name_that_no_other_index_has_can_be_bound_to_an_explicit_one():
    world = Universe({})
    world.others = {"a": [("second", ("2",), "it is explicit"), ("far", None, "it is explicit")]}
    world.indexes = {"second": {"a": {"2": {"requires": []}}}}
    text = refusal(world, "a", declared=Declared(indexes=["second"]))
    assert 'not looked at: a 2 on index "second" (it is explicit); a on index "far" (not asked, ' in text
    assert 'sources.a = { index = "second" }   in [tool.pkm]: 1 package, a 2' in text


# Python and platforms


def pythons(*said):
    """Return what an environment, and then the project, asks of Python."""
    keys = [(*ENV, "python"), ("project", "requires-python")]
    return [(text, Origin("someone", key)) for text, key in zip(said, keys, strict=True) if text]


DECLARED = Declared({("platforms",): Origin("", (*ENV, "platforms"))})
NEW = {"a": {"1": {"requires_python": ">=3.13"}}}
OLD = {"a": {"1": {"tags": ("cp311-cp311-manylinux_2_17_x86_64",)}}}


@pytest.mark.parametrize(
    ("world", "environment", "project", "written"),
    [
        (NEW, "==3.12.*", ">=3.8", 'python = "==3.13.*"'),
        (NEW, ">=3.12,<3.14,!=3.15.*", "", 'python = ">=3.13,<3.14,!=3.15.*"'),
        (NEW, "", ">=3.12", 'requires-python = ">=3.13"'),
        (NEW, "", "==3.12.*", 'requires-python = "==3.13.*"'),
        (NEW, ">=3.12", "<3.13", 'requires-python = "==3.13.*"'),
        (NEW, "<3.13", "<3.13", ""),
        (NEW, "", "", 'python = "==3.13.*"'),
        (OLD, ">=3.8", "", 'python = ">=3.8,<3.12"'),
        (OLD, "", ">=3.8", 'python = ">=3.8,<3.12"'),
        (OLD, "==3.12.*", "", 'python = "==3.11.*"'),
    ],
)
def test_another_python_is_told_by_the_key_that_has_to_change(world, environment, project, written):
    found = remedies(world, "a", pythons=pythons(environment, project), declared=DECLARED)
    assert [text for text in found if "python" in text.lower()] == [written] * bool(written)


def test_what_the_project_promises_stays_where_a_group_needs_another_python():
    root = Root("a", Origin("shop", ("dependency-groups", "test", 0), group="test"))
    found = remedies(NEW, root, pythons=pythons("", ">=3.12"), declared=DECLARED)
    assert effect(found, 'python = ">=3.13"') == "in [tool.pkm.env.test]: 1 package, a 1"


def explained(world, root, targets, **options):
    """Return the explanation of the first target without an answer, with the others."""
    outcomes = ask(world, root, targets=targets, **options)
    failed = [outcome for outcome in outcomes if isinstance(outcome, NoSolution)]
    solved = [outcome.target for outcome in outcomes]
    return explain(failed[0], where=where, others=failed[1:], targets=solved)


def test_another_python_names_the_platforms_that_have_none():
    world = {"a": {"1": {"requires_python": ">=3.13", "tags": ("cp313-cp313-manylinux_2_17_x86_64",)}}}
    found = explained(
        world, "a", (LINUX, WINDOWS), pythons=pythons("==3.12.*", ""), declared=DECLARED
    ).would_work
    assert found == (
        ('python = "==3.13.*"', "instead of 2: 1 package, a 1; not for python 3.13 on windows-x86_64"),
    )


def test_another_python_that_does_not_need_the_package_names_none():
    found = remedies(NEW, "a ; python_version < '3.13'", pythons=pythons("==3.12.*", ""), declared=DECLARED)
    assert effect(found, 'python = "==3.13.*"') == "instead of 2: 0 packages"


def test_a_platform_without_files_can_be_left_out():
    said = Declared(DECLARED.origins, platforms=["linux-x86_64", "windows-amd64"])
    world = {"a": {"1": {"tags": ("cp312-cp312-manylinux_2_17_x86_64",)}}}
    found = explained(world, "a", (LINUX, WINDOWS), declared=said).would_work
    assert found == (('platforms = ["linux-x86_64"]', "in [tool.pkm.env.test]: leaves out windows-amd64"),)


def test_a_platform_stays_where_another_python_has_files_for_it():
    said = Declared(DECLARED.origins, platforms=["linux-x86_64", "windows-x86_64"])
    tags = ("cp312-cp312-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-win_amd64")
    targets = (LINUX, WINDOWS, make_target("3.13", "linux-x86_64"), make_target("3.13", "windows-x86_64"))
    found = explained(
        {"a": {"1": {"tags": tags}}}, "a", targets, declared=said, pythons=pythons(">=3.12", "")
    )
    assert [text for text, _effect in found.would_work] == ['python = ">=3.13"']


@pytest.mark.parametrize(
    ("wheels", "written"),
    [
        (("312",), 'python = "==3.12.*"'),
        (("312", "313"), 'python = ">=3.12,<3.14"'),
        (("313", "314"), 'python = ">=3.13,<3.15"'),
        (("312", "313", "314"), ""),
    ],
)
def test_pythons_are_left_out_with_platforms_where_that_takes_both(wheels, written):
    platforms = ["linux-x86_64", "windows-x86_64"]
    tags = tuple(f"cp{one}-none-manylinux_2_17_x86_64" for one in wheels)
    targets = [make_target(python, one) for python in ("3.12", "3.13", "3.14") for one in platforms]
    said = Declared(DECLARED.origins, platforms=platforms)
    world = {"a": {"1": {"tags": tags}}}
    found = explained(world, "a", targets, declared=said, pythons=pythons(">=3.12", "")).would_work
    more = " and other Pythons" if written else ""
    assert found[0] == (
        f'{written} with platforms = ["linux-x86_64"]'.removeprefix(" with "),
        f"in [tool.pkm.env.test]: leaves out windows-x86_64{more}",
    )


def test_nothing_is_left_out_where_no_run_of_pythons_would_stay():
    platforms = ["linux-x86_64", "windows-x86_64"]
    tags = ("cp312-none-manylinux_2_17_x86_64", "cp314-none-manylinux_2_17_x86_64")
    targets = [make_target(python, one) for python in ("3.12", "3.13", "3.14") for one in platforms]
    said = Declared(DECLARED.origins, platforms=platforms)
    found = explained(
        {"a": {"1": {"tags": tags}}}, "a", targets, declared=said, pythons=pythons(">=3.12", "")
    )
    assert not [text for text, _effect in found.would_work if "platforms" in text]


def test_changes_are_tried_for_the_target_that_is_told_though_the_proof_is_that_of_another():
    newer = make_target("3.13", "linux-x86_64")
    world = {"a": {"1": ["b>1"]}, "b": {"1": [], "2": {"requires_python": ">=3.13"}}}
    assert explained(world, "a", (newer,), constraints=[("b<2", origin(1))]).would_work
    assert not explained(world, "a", (LINUX, newer), constraints=[("b<2", origin(1))]).would_work


@pytest.mark.parametrize(
    ("platform", "tag", "written"),
    [
        ("linux-x86_64", "manylinux_2_39_x86_64", "linux-x86_64-glibc2.39"),
        ("linux-arm64", "manylinux_2_31_aarch64.manylinux_2_34_aarch64", "linux-arm64-glibc2.31"),
        ("macos-arm64", "macosx_15_0_arm64", "macos-arm64-15"),
        ("macos-x86_64", "macosx_14_0_universal2", "macos-x86_64-14"),
        ("linux-x86_64", "manylinux_2_39_aarch64", ""),
        ("linux-x86_64-musl1.2", "manylinux_2_39_x86_64", ""),
        ("windows-x86_64", "win_arm64", ""),
    ],
)
def test_a_later_system_is_told_where_files_need_one(platform, tag, written):
    said = Declared(DECLARED.origins, platforms=[platform, "windows-arm64"])
    targets = [make_target("3.12", platform), make_target("3.12", "windows-arm64")]
    world = {
        "a": {"1": {"tags": (f"cp312-cp312-{tag}", "cp312-cp312-win_arm64", "cp311-cp311-any", "sdist")}}
    }
    found = explained(world, "a", targets[:1], declared=said, no_build=True).would_work
    texts = [text for text, _effect in found if text.startswith("platforms")]
    assert texts == [f'platforms = ["{written}", "windows-arm64"]'] * bool(written)


def test_a_later_system_names_the_targets_that_it_does_not_help():
    said = Declared(DECLARED.origins, platforms=["linux-x86_64", "windows-x86_64"])
    targets = [LINUX, make_target("3.13", "linux-x86_64"), WINDOWS]
    world = {"a": {"1": {"tags": ("cp312-cp312-manylinux_2_39_x86_64",)}}}
    (found,) = explained(world, "a", targets, declared=said).would_work
    assert found[0] == 'platforms = ["linux-x86_64-glibc2.39", "windows-x86_64"]'
    assert found[1].endswith("; not for python 3.12 on windows-x86_64, and 1 more target")


def test_a_later_system_that_the_environment_has_already_is_written_once():
    """The two fail together, as no marker tells them apart, and the later one has a wheel."""
    said = Declared(DECLARED.origins, platforms=["linux-x86_64-glibc2.39", "linux-x86_64"])
    targets = [make_target("3.12", platform) for platform in said.platforms]
    world = {"a": {"1": {"tags": ("cp312-cp312-manylinux_2_39_x86_64",)}}}
    (found,) = explained(world, "a", targets, declared=said).would_work
    assert found == ('platforms = ["linux-x86_64-glibc2.39"]', "in [tool.pkm.env.test]: 1 package, a 1")


def test_a_change_helps_all_targets_that_no_marker_tells_apart():
    targets = [LINUX, make_target("3.12", "linux-x86_64-musl1.2")]
    world = {
        "a": {
            "3": {"tags": ("cp312-cp312-win_amd64",)},
            "2": {"tags": ("cp312-cp312-manylinux_2_17_x86_64",)},
            "1": [],
        }
    }
    (found,) = explained(world, "a>2", targets).would_work
    assert found == ("a==1", "instead of 1: 1 package, a 1")


def test_an_older_python_is_offered_where_only_older_ones_have_answers():
    world = {"a": {"1": {"tags": ("cp311-abi3-manylinux_2_17_x86_64",), "requires_python": "<3.12"}}}
    older = make_target("3.11", "linux-x86_64")
    found = explained(world, "a", (older, LINUX), declared=DECLARED, pythons=pythons(">=3.11", ""))
    assert [text for text, _effect in found.would_work] == ['python = ">=3.11,<3.12"']


# Requirements


def test_what_is_locked_is_no_wish_for_what_is_relaxed():
    world = {"a": {"1": [], "2": [], "3": []}, "b": {"1": ["a>1"]}}
    found = remedies(world, "a<2", "b", preferences={"a": ("2",)}, locked={LINUX.key: {"a": "2"}})
    assert list(found) == ["a>1"]
    assert effect(found, "a>1") == "instead of 1: 2 packages, a 3"


def test_a_newer_version_is_offered_before_an_older_one():
    world = {"a": {"1": ["b<2"], "2": ["b>=2"]}, "b": {"1": [], "2": []}}
    assert list(remedies(world, "a<2", "b>=2")) == ["a>=2", "b<2"]
    assert list(remedies(world, "b>=2", "a<2")) == ["a>=2", "b<2"]


def test_the_marker_of_a_requirement_stays():
    world = {"a": {"1": ["b<2"]}, "b": {"1": [], "2": []}}
    found = remedies(world, "a", "b>=2 ; python_version >= '3.12'")
    assert effect(found, "b<2 ; python_version >= '3.12'") == "instead of 2: 2 packages, b 1"


def test_a_requirement_of_an_extra_that_is_asked_for_by_the_projects_name_can_have_other_bounds():
    world = {"a": {"1": ["b<2"]}, "b": {"1": [], "2": []}}
    found = remedies(world, "a", "shop[x]", own_extras={"x": [Root("b>=2", origin(5))]})
    assert effect(found, "b<2") == "instead of 3: 2 packages, b 1"


def test_a_constraint_can_have_other_bounds():
    world = {"a": {"1": ["b>=2"]}, "b": {"1": [], "2": []}}
    found = remedies(world, "a", constraints=[("b<2", origin(1))])
    assert effect(found, "b>=2") == "instead of 3: 2 packages, b 2"
    assert only(ask(world, "a", constraints=[("b>=2", origin(1))])).pins["b"].version == "2"
