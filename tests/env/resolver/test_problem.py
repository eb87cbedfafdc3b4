"""Recorded problems: solved again from one JSON text, with the same outcome and no address in it."""

from __future__ import annotations

import json

import pytest

from pkm_env.model.distribution import Source, Unavailable
from pkm_env.model.target import make_target
from pkm_env.resolver.problem import Recorder, UnknownProblem, from_plain, to_plain
from pkm_env.resolver.report import explain
from pkm_env.resolver.resolve import NoSolution, Request, Root, Rules, resolve
from tests.support.resolving import origin, where
from tests.support.universe import NoMemory, Universe

CUT = {"a": {"1a1": [], "2": {"late": True}, "3": {"late": "undated"}}}
TARGETS = (make_target("3.11", "linux-x86_64"), make_target("3.12", "windows-x86_64"))


def again(request, world):
    """Resolve, record, write, read, and resolve again; return both outcomes and the text."""
    recorder = Recorder(world)
    first = resolve(request, recorder, NoMemory())
    text = json.dumps(to_plain(request, recorder))
    second_request, recorded = from_plain(json.loads(text))
    return first, resolve(second_request, recorded, NoMemory()), text


def pins(outcomes):
    return [
        {name: (pin.version, pin.extras, pin.requires) for name, pin in one.pins.items()} for one in outcomes
    ]


def test_a_recorded_problem_has_the_same_answer():
    world = Universe(
        {
            "a": {
                "1": ["b>=2; sys_platform == 'win32'"],
                "2": {"unavailable": "broken"},
                "3": {"yanked": "x"},
            },
            "b": {"1": [], "2": {"tags": ("py3-none-any", "sdist"), "requires_python": ">=3.8"}, "3a1": []},
            "c": {"1": []},
        }
    )
    request = Request(
        [Root("a", origin(0))],
        TARGETS,
        rules=Rules(
            constraints=[("b<3", origin(1)), ("c", None)],
            overrides={"c": False, "a": {"d": ["<2"]}},
            prereleases={"b": "never"},
            no_build=frozenset({"x"}),
        ),
        preferences={"b": ("2",)},
        locked={TARGETS[0].key: {"a": "1"}},
        root_name="shop",
        own_extras={"x": [Root("c", origin(2))]},
    )
    first, second, _text = again(request, world)
    assert pins(first) == pins(second)
    assert [one.target for one in first] == [one.target for one in second]


def test_a_recorded_problem_without_an_answer_has_the_same_explanation():
    world = Universe({"a": {"1": ["c<2"]}, "b": {"1": ["c>=2"]}, "c": {"1": [], "2": []}, "d": {"1": ["zz"]}})
    request = Request([Root("a", origin(0)), Root("b", origin(1))], TARGETS[:1], root_name="shop")
    (first,), (second,), _text = again(request, world)
    assert isinstance(second, NoSolution)
    assert str(explain(first, where=where, suggest=False)) == str(explain(second, where=where, suggest=False))


def test_addresses_and_paths_are_taken_out_and_sources_are_still_found():
    world = Universe(
        {"d": {"1": [], "2": ["e @ https://secret.example/e.whl"]}},
        {
            "https://secret.example/a.git": {"version": "1", "requires": ["d"]},
            "https://secret.example/b-1.tar.gz": {"version": "1"},
            "/home/secret/c": {
                "version": "1",
                "requires": ["b @ https://secret.example/b-1.tar.gz#sha256=00"],
            },
        },
    )
    request = Request(
        [Root("a @ git+https://secret.example/a.git@main#subdirectory=x", origin(0)), Root("c", origin(1))],
        TARGETS[:1],
        sources={"c": Source("directory", "/home/secret/c")},
        rules=Rules(overrides={"z": "@ https://secret.example/z.zip"}),
    )
    first, second, text = again(request, world)
    assert "secret" not in text
    assert pins(first) == pins(second)
    assert sorted(first[0].pins) == ["a", "b", "c", "d"]


def test_the_tags_of_a_direct_wheel_are_recorded():
    world = Universe({}, {"https://secret.example/b-1-cp27-none-any.whl": {"version": "1"}})
    request = Request([Root("b @ https://secret.example/b-1-cp27-none-any.whl", origin(0))], TARGETS[:1])
    (first,), (second,), text = again(request, world)
    assert "secret" not in text
    assert isinstance(first, NoSolution)
    assert isinstance(second, NoSolution)


def test_what_was_not_recorded_is_not_there():
    recorder = Recorder(Universe({"a": {"1": []}}, {}))
    request = Request([Root("a", origin(0))], TARGETS[:1])
    resolve(request, recorder, NoMemory())
    recorder.direct("x", Source("directory", "/nowhere"))
    recorder.listing("unknown")
    _request, recorded = from_plain(to_plain(request, recorder))
    assert isinstance(recorded.listing("b"), Unavailable)
    assert recorded.listing("unknown").reason == "no index has it"
    assert isinstance(recorded.metadata("a", "2"), Unavailable)
    assert isinstance(recorded.direct("b", Source("directory", "/b")), Unavailable)
    assert recorded.direct("x", Source("directory", "/removed/1")).reason == "there is nothing at ..."


def test_another_format_is_refused():
    with pytest.raises(UnknownProblem) as caught:
        from_plain({"format": 99})
    assert caught.value.found == 99


def test_a_cut_off_and_what_is_said_of_python_are_recorded_too():
    """Without the releases after the cut-off, a pre-release would be the only one there is."""
    old = make_target("3.8", "linux-x86_64")
    world = Universe({**CUT, "b": {"1": {"requires_python": ">=3.9"}}})
    for text in ("a", "b"):
        request = Request([Root(text, origin(0))], (old,), pythons=[(">=3.8", origin(1))])
        (first,), (second,), _text = again(request, world)
        assert isinstance(first, NoSolution) == isinstance(second, NoSolution)
        if isinstance(first, NoSolution):
            told = [str(explain(one, where=where, suggest=False)) for one in (first, second)]
            assert told[0] == told[1]
        else:
            assert pins([first]) == pins([second])
    said = str(explain(again(Request([Root("a>1", origin(0))], (old,)), world)[1][0], where=where))
    assert "cut-off of 2026-01-31" in said
