from __future__ import annotations

import pytest

from pkm_env.plan import InstalledDistribution, WantedPackage, make_plan


def there(name, version="1.0", **values):
    found = InstalledDistribution(name, version, f"/site/{name}-{version}.dist-info")
    for key, value in values.items():
        setattr(found, key, value)
    return found


def steps(plan):
    return [(step.kind, step.name, step.reason) for step in plan.steps]


def decide(present, package):
    """Return why *package* would be installed over *present*, "" when it would not."""
    (step,) = make_plan([present], [package]).steps
    assert (step.kind == "keep") == (not step.reason)
    return step.reason


def test_plan_is_sorted_by_name_and_says_why():
    plan = make_plan(
        [there("b"), there("c"), there("d", "1.0")],
        [WantedPackage("d", "2.0"), WantedPackage("b", "1.0"), WantedPackage("a", "1.0")],
    )
    assert steps(plan) == [
        ("install", "a", ""),
        ("keep", "b", ""),
        ("remove", "c", "is not locked"),
        ("replace", "d", "1.0 is installed"),
    ]
    assert [one.name for one in plan.removals] == ["c", "d"]
    assert [package.name for package in plan.installs] == ["a", "d"]
    assert len(plan.changes) == 3


def test_order_of_what_is_given_does_not_matter():
    installed = [there("b"), there("a")]
    wanted = [WantedPackage("d", "1"), WantedPackage("c", "1")]
    assert steps(make_plan(installed, wanted)) == steps(make_plan(installed[::-1], wanted[::-1]))


def test_surplus_is_kept_when_inexact():
    assert steps(make_plan([there("a")], [], exact=False)) == [("keep", "a", "is not locked, and is left")]


def test_protected_names_are_kept_but_updated_when_wanted():
    plan = make_plan(
        [there("pip"), there("setuptools")], [WantedPackage("pip", "2.0")], protected={"pip", "setuptools"}
    )
    assert [(step.kind, step.name) for step in plan.steps] == [("replace", "pip"), ("keep", "setuptools")]


def test_reinstall_of_one_and_of_all():
    installed, wanted = [there("a"), there("b")], [WantedPackage("a", "1.0"), WantedPackage("b", "1.0")]
    assert [step.name for step in make_plan(installed, wanted, reinstall=["a"]).changes] == ["a"]
    assert [step.name for step in make_plan(installed, wanted, reinstall_all=True).changes] == ["a", "b"]


def test_name_that_is_installed_twice_is_put_right():
    plan = make_plan([there("a", "1.0"), there("a", "2.0")], [WantedPackage("a", "2.0")])
    assert steps(plan) == [("replace", "a", "is installed more than once")]
    assert [one.version for one in plan.removals] == ["1.0", "2.0"]


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "1.0.0"), ("1.0-beta1", "1.0b1"), ("1.0+Local-1", "1.0+local.1")]
)
def test_versions_are_compared_by_their_meaning(one, other):
    assert decide(there("a", one), WantedPackage("a", other)) == ""


def test_version_that_is_none_is_only_itself():
    assert decide(there("a", "odd"), WantedPackage("a", "1.0")) == "odd is installed"
    assert decide(there("a", ""), WantedPackage("a", "1.0")) == "an unknown version is installed"


def test_damaged_record_is_put_right():
    assert (
        decide(there("a", damage="its RECORD is missing"), WantedPackage("a", "1.0"))
        == "its RECORD is missing"
    )


def test_identity_decides_where_both_are_known():
    package = WantedPackage("a", "1.0", "sha256:1")
    assert decide(there("a", identity="sha256:1"), package) == ""
    assert decide(there("a", identity="sha256:2"), package) == "another build of this version is installed"
    assert decide(there("a"), package) == ""
    assert decide(there("a", identity="sha256:2"), WantedPackage("a", "1.0")) == ""


def test_package_of_an_index_replaces_one_of_a_url_or_folder():
    wanted = WantedPackage("a", "1.0")
    assert (
        decide(there("a", direct_url='{"url": "file:///x"}'), wanted) == "is installed from a URL or folder"
    )
    assert decide(there("a", kind="egg-link"), wanted) == "is installed from a URL or folder"


@pytest.mark.parametrize(
    ("present", "reason"),
    [
        ('{"url": "file:///x/", "dir_info": {"editable": true}}', ""),
        ('{"url": "file:///x", "dir_info": {}}', "is installed from another source"),
        ('{"url": "file:///y", "dir_info": {"editable": true}}', "is installed from another source"),
        ("", "is not installed from the source that is locked"),
        ("no json", "is not installed from the source that is locked"),
        ("[]", "is not installed from the source that is locked"),
    ],
)
def test_folder_that_another_tool_installed_is_compared_by_its_url(present, reason):
    wanted = WantedPackage(
        "a", "1.0", "dir:1", direct_url={"url": "file:///x", "dir_info": {"editable": True}}
    )
    assert decide(there("a", direct_url=present), wanted) == reason


def test_commit_counts_for_a_repository():
    wanted = WantedPackage(
        "a", "1.0", direct_url={"url": "u", "vcs_info": {"vcs": "git", "commit_id": "1" * 40}}
    )
    same = '{"url": "u", "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "%s"}}'
    assert decide(there("a", direct_url=same % ("1" * 40)), wanted) == ""
    assert decide(there("a", direct_url=same % ("2" * 40)), wanted) == "is installed from another source"


def test_package_under_another_is_installed_anew_when_that_one_goes():
    installed = [
        there("a"),
        there("b", overridden=("a",)),
        there("c", overridden=("b",)),
        there("d", overridden=("x",)),
    ]
    keep = [WantedPackage(name, "1.0") for name in "bcd"]
    assert steps(make_plan(installed, keep)) == [
        ("remove", "a", "is not locked"),
        ("replace", "b", "files of it were replaced by those of a"),
        ("replace", "c", "files of it were replaced by those of b"),
        ("keep", "d", ""),
    ]
    assert make_plan(installed, [*keep, WantedPackage("a", "1.0")]).changes == ()


def test_names_are_normalised():
    assert there("Spam_Eggs.Ham--x").name == "spam-eggs-ham-x"


def test_values_show_what_they_are():
    plan = make_plan([there("a")], [WantedPackage("b", "1.0")])
    assert repr(plan) == "InstallPlan([Step('remove', 'a', 'is not locked'), Step('install', 'b', '')])"
    assert (
        repr((plan.installs[0], plan.removals[0]))
        == "(WantedPackage('b', '1.0'), InstalledDistribution('a', '1.0'))"
    )
