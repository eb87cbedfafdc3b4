"""Packages that come from a place of their own: sources of the project, direct references."""

from __future__ import annotations

from pkm_env.model.distribution import Source
from pkm_env.model.target import make_target
from pkm_env.resolver.report import explain
from pkm_env.resolver.resolve import Root
from tests.support.resolving import answer, ask, origin, refusal, versions

WIN = make_target("3.12", "windows-x86_64")


def test_a_source_binds_a_name_wherever_it_is_asked_for():
    folder = Source("directory", "/lib/b")
    at = {"/lib/b": {"version": "7", "requires": ["c"]}}
    world = {"a": {"1": ["b>=5"]}, "b": {"9": []}, "c": {"1": []}}
    pins = answer(world, "a", sources={"b": folder}, at=at).pins
    assert {name: pin.version for name, pin in pins.items()} == {"a": "1", "b": "7", "c": "1"}
    assert pins["b"].source == folder


def test_a_source_can_be_bound_by_marker():
    folder = Source("directory", "/lib/b")
    choices = [("sys_platform == 'win32'", folder), ("", None)]
    linux, windows = ask(
        {"b": {"9": []}},
        "b",
        sources={"b": choices},
        at={"/lib/b": {"version": "7"}},
        targets=(make_target("3.12", "linux-x86_64"), WIN),
    )
    assert (linux.pins["b"].version, windows.pins["b"].version) == ("9", "7")


def test_a_direct_reference_of_the_project_is_followed_and_settled():
    at = {"https://host.example/b.git": {"version": "3"}}
    pins = answer({}, "b @ git+https://host.example/b.git@main#subdirectory=lib", at=at).pins
    assert pins["b"].source.revision == "main"
    assert pins["b"].source.subdirectory == "lib"
    assert pins["b"].source.commit == "c" * 40


def test_a_direct_wheel_counts_for_the_targets_that_its_tags_fit():
    """Binary distribution format, "File name convention": the tags say where a wheel can be installed."""
    place = "https://host.example/b-1.0-cp312-cp312-win_amd64.whl"
    linux, windows = ask(
        {},
        f"b @ {place}",
        at={place: {"version": "1.0"}},
        targets=(make_target("3.12", "linux-x86_64"), WIN),
    )
    assert windows.pins["b"].version == "1.0"
    said = str(explain(linux, where=lambda _origin: "pyproject.toml", suggest=False))
    assert "b 1.0 has no wheel for linux-x86_64 with Python 3.12 (there are some for win_amd64)" in said


def test_a_direct_reference_in_metadata_of_an_index_makes_the_release_unusable():
    world = {"a": {"1": [], "2": ["b @ https://host.example/b-1.zip"]}}
    assert versions(world, "a") == {"a": "1"}


def test_a_direct_reference_in_metadata_counts_where_the_project_binds_the_name():
    at = {"https://host.example/b-1.zip": {"version": "1"}}
    world = {"a": {"2": ["b @ https://host.example/b-1.zip"]}}
    assert versions(world, "a", "b @ https://host.example/b-1.zip", at=at) == {"a": "2", "b": "1"}


def test_a_source_of_the_project_may_bring_its_own_sources_with_a_note():
    at = {
        "/lib/a": {"version": "1", "requires": ["b @ https://host.example/b-1.zip"]},
        "https://host.example/b-1.zip": {"version": "1"},
    }
    outcome = answer({"b": {"9": []}}, Root("a", origin(0), Source("directory", "/lib/a")), at=at)
    assert outcome.pins["b"].version == "1"
    assert outcome.notes == ("b comes from https://host.example/b-1.zip, because a asks for it there",)


def test_a_source_whose_version_does_not_meet_a_requirement_is_no_answer():
    at = {"/lib/b": {"version": "7"}}
    text = refusal({"a": {"1": ["b<5"]}}, "a", sources={"b": Source("directory", "/lib/b")}, at=at)
    assert "no version of b is <5" in text


def test_the_requires_python_of_a_source_counts():
    at = {"/lib/b": {"version": "7", "requires_python": ">=3.13"}}
    text = refusal({}, "b", sources={"b": Source("directory", "/lib/b")}, at=at)
    assert "needs Python >=3.13" in text


def test_two_sources_of_the_project_that_want_one_package_from_two_places_contradict():
    at = {
        "/a": {"version": "1", "requires": ["c @ https://host.example/c-1.zip"]},
        "/b": {"version": "1", "requires": ["c @ https://host.example/c-2.zip"]},
        "https://host.example/c-1.zip": {"version": "1"},
        "https://host.example/c-2.zip": {"version": "2"},
    }
    sources = {"a": Source("directory", "/a"), "b": Source("directory", "/b")}
    assert "c comes from https://host.example/c-1.zip here" in refusal({}, "a", "b", sources=sources, at=at)


def test_two_addresses_for_one_package_contradict():
    at = {f"https://host.example/a-{number}.zip": {"version": str(number)} for number in (1, 2)}
    text = refusal({}, "a @ https://host.example/a-1.zip", "a @ https://host.example/a-2.zip", at=at)
    assert "a comes from https://host.example/a-1.zip here" in text
    assert "1. shop asks for a @ https://host.example/a-2.zip" in text


def test_a_source_of_the_project_counts_before_an_address():
    at = {"https://host.example/a-1.zip": {"version": "1"}, "/a": {"version": "2"}}
    sources = {"a": Source("directory", "/a")}
    assert versions({}, "a @ https://host.example/a-1.zip", sources=sources, at=at) == {"a": "2"}


def test_a_source_that_is_not_there_is_told():
    text = refusal({}, "a", sources={"a": Source("directory", "/nowhere")}, at={})
    assert "there is nothing at /nowhere" in text


def test_a_folder_may_be_named_by_its_address():
    at = {"/lib/a": {"version": "1"}}
    assert versions({}, "a @ file:///lib/a", at=at) == {"a": "1"}
