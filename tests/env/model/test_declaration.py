"""What [tool.pkm] says of constraints, sources, overrides and indexes: every fault with its key."""

from __future__ import annotations

import pytest

from pkm_build.project import read_project
from pkm_build.tables import Table
from pkm_env.model.declaration import read_declaration


def faults_of(tool):
    """The faults of a table, as key path -> message."""
    data = {"project": {"name": "shop", "version": "1"}, "tool": {"pkm": tool}}
    faults = []
    read_declaration(Table(data, (), faults), read_project(data, faults))
    return {".".join(map(str, fault.key[2:])): fault.message for fault in faults}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a>>1", "Expected"),
        ("a @ https://files.example/a-1-py3-none-any.whl", "it bounds no version"),
        ("a[x]<3", "a bound asks for no extras"),
        ("a ; python_version < '3.12'", "it bounds no version"),
    ],
)
def test_a_constraint_that_bounds_nothing_is_a_fault(text, reason):
    found = faults_of({"constraints": ["b<3", text], "env": {"test": {"build-constraints": [text]}}})
    assert list(found) == ["constraints.1", "env.test.build-constraints.0"]
    assert all(reason in message for message in found.values())


@pytest.mark.parametrize("key", ["no-build", "no-binary", "lock-build"])
def test_a_list_of_packages_holds_names_alone(key):
    assert faults_of({key: ["a", "b==1"]}) == {f"{key}.1": '"b==1" is no name of a package'}


@pytest.mark.parametrize("key", ["no-build", "no-binary", "lock-build"])
def test_what_is_for_packages_or_for_all_is_told_so(key):
    assert faults_of({key: "a"}) == {key: "must be true, false or a list of names, not a string"}


@pytest.mark.parametrize(("key", "value"), [("prereleases", "allow"), ("exclude-newer", "2026-01-01")])
def test_a_rule_by_package_names_packages(key, value):
    assert faults_of({key: {"a b": value, "default": value}}) == {f"{key}.a b": "is no name of a package"}


@pytest.mark.parametrize("pattern", ["", "/x", "..", "../x", "x/../..", "C:/x", "x\n"])
@pytest.mark.parametrize("key", ["members", "exclude"])
def test_a_pattern_of_a_workspace_stays_below_it(key, pattern):
    assert list(faults_of({"workspace": {key: ["packages/*", pattern]}})) == [f"workspace.{key}.1"]


def test_an_index_that_is_no_array_is_told_with_its_form():
    faults = []
    data = {"project": {"name": "shop", "version": "1"}, "tool": {"pkm": {"index": {"name": "x"}}}}
    read_declaration(Table(data, (), faults), read_project(data, faults))
    assert [fault.hint for fault in faults] == ["write [[tool.pkm.index]]"]


def test_what_an_environment_may_make_of_the_project_is_told():
    found = faults_of({"env": {"x": {"project": True}}})
    assert found == {"env.x.project": 'must be "editable", "wheel", "dependencies" or false'}


def test_platforms_are_read_with_all_other_faults():
    found = faults_of(
        {"env": {"x": {"platforms": ["linux-x86_64", "linux"], "foo": 1}, "y": {"platforms": []}}}
    )
    assert set(found) == {"env.x.platforms.1", "env.x.foo", "env.y.platforms"}


def test_a_platform_is_named_once():
    found = faults_of({"env": {"x": {"platforms": ["linux-x86_64", "macos-arm64", "linux-amd64-glibc2.28"]}}})
    assert found == {"env.x.platforms.2": '"linux-amd64-glibc2.28" is the same platform as "linux-x86_64"'}


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ({"git": "https://g.example/r", "tag": "v1", "branch": "main"}, ""),
        ({"git": "https://g.example/r", "branch": 3}, "branch"),
        ({"path": "x", "tag": "v1"}, "tag"),
        ({"path": "x", "editable": "yes"}, "editable"),
        ({"path": "x", "marker": "sys_platform ="}, "marker"),
        ({"path": "x", "env": ["default"]}, "env"),
        ({"url": "x.whl"}, "url"),
        ({"url": "ftp://files.example/x.whl"}, "url"),
        ({"workspace": False}, "workspace"),
        ({"git": ""}, "git"),
        ({"git": "../repository"}, "git"),
        ({"git": "--upload-pack=x"}, "git"),
        ({"git": "ext::sh -c x"}, "git"),
        ({"git": "https://g.example:99999/r"}, "git"),
        ({"git": "https://g.example/r", "rev": ""}, "rev"),
        ({"git": "https://g.example/r", "subdirectory": "../x"}, "subdirectory"),
        ({"path": ""}, "path"),
        ({"path": "x", "subdirectory": "/x"}, "subdirectory"),
        ([], ""),
    ],
)
def test_a_source_that_cannot_be_honoured_is_a_fault(source, key):
    assert list(faults_of({"sources": {"a": source}})) == [f"sources.a.{key}".rstrip(".")]


@pytest.mark.parametrize(
    ("key", "value"),
    [("sources", {"path": "x"}), ("overrides", "==1"), ("prereleases", "allow"), ("exclude-newer", False)],
)
def test_one_package_does_not_stand_twice_under_two_spellings(key, value):
    found = faults_of({key: {"a_b": value, "A.b": value}})
    assert found == {f"{key}.A.b": 'the same package as "a_b", as names are compared'}


def test_a_source_binds_the_name_of_a_package():
    assert faults_of({"sources": {"a b": {"path": "x"}}}) == {"sources.a b": "is no name of a package"}


@pytest.mark.parametrize(
    "value", ["foo", "@ https://files.example/a-1-py3-none-any.whl", ["<2", ">>1"], 1, True, []]
)
def test_an_override_has_to_be_what_may_follow_a_name(value):
    assert list(faults_of({"overrides": {"a": value}})) == ["overrides.a"]


@pytest.mark.parametrize("key", ["a=1", "a>1", "a==x", "a b"])
def test_a_table_of_overrides_is_for_a_package_or_a_release(key):
    assert list(faults_of({"overrides": {key: {"b": "<2"}, "a==1.0": {"b": False}}})) == [f"overrides.{key}"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://packages.example/simple", '"ftp" is no kind of URL that pkm fetches from'),
        ("", "it is empty"),
        ("http://", "it names no host"),
        ("https:///simple/", "it names no host"),
        ("http://:80/simple/", "it names no host"),
        ("http://[::1/simple/", "it names no host"),
        ("https:/packages.example/simple/", 'its scheme has no "//" behind it'),
        ("https://packages.example/sim ple/", "it has a blank in it"),
        ("https://packages.example/simple/\n", "it has a control character in it"),
        ("https://packages.example:99999/simple/", '"99999" is no port'),
        ("https://packages.example:0/simple/", '"0" is no port'),
        ("https://me:se@packages.example:port/", '"port" is no port'),
        ("https://[::1]:x/simple/", '"x" is no port'),
        ("https://packages.example/simple/?a=b", "the names of packages cannot be put behind a query"),
    ],
)
def test_an_index_has_an_address_that_pkm_can_ask(url, reason):
    found = faults_of({"index": [{"name": "x", "url": url}]})
    assert list(found) == ["index.0.url"]
    assert reason in found["index.0.url"]
    assert "me:se" not in found["index.0.url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://me:a b@packages.example:8443/simple",
        "http://[::1]:80/simple/",
        "https://größe.example/simple/",
        "../wheel house",
        "file:///wheel house",
    ],
)
def test_a_folder_and_any_address_of_a_server_may_be_an_index(url):
    assert faults_of({"index": [{"name": "x.y", "url": url}]}) == {}


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "-a", "größe"])
def test_the_name_of_an_index_can_stand_in_variables(name):
    found = faults_of({"index": [{"name": name, "url": "https://packages.example/simple/"}]})
    assert list(found) == ["index.0.name"]


def test_the_names_of_indexes_do_not_share_variables():
    url = "https://packages.example/simple/"
    found = faults_of({"index": [{"name": name, "url": url} for name in ("a-b", "A.b", "c", "c")]})
    assert found == {
        "index.1.name": '"a-b" and "A.b" would share PKM_INDEX_A_B_PASSWORD',
        "index.3.name": 'there are two indexes "c"',
    }


def test_an_address_that_no_server_can_have_is_no_source():
    assert list(faults_of({"sources": {"a": {"url": "https://files.example:99999/a.whl"}}})) == [
        "sources.a.url"
    ]


def test_an_empty_value_of_a_source_is_one_fault():
    faults = []
    data = {"tool": {"pkm": {"sources": {"spam": {"index": ""}}}}}
    read_declaration(Table(data, (), faults), read_project(data, faults))
    assert [(fault.key[2:], fault.message) for fault in faults] == [
        (("sources", "spam", "index"), "is empty"),
    ]
