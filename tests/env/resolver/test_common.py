"""What environments of one run share, and what must not pass from one to another."""

from __future__ import annotations

from pkm_env.model.distribution import Source
from pkm_env.model.target import make_target
from pkm_env.resolver.common import Common
from pkm_env.resolver.resolve import NoSolution, Request, Root, Rules, resolve
from tests.support.resolving import origin
from tests.support.universe import NoMemory, Universe

TARGETS = (make_target("3.12", "linux-x86_64"), make_target("3.12", "windows-x86_64"))
WINDOWS_WHEEL = "cp312-cp312-win_amd64"
FORK = Source("directory", "/fork")


def chosen(world, *asked, at=None, common=None):
    """Return the versions by name for each target of each of some (roots, options), resolved in turn."""
    universe = Universe(world, at)
    shared = common or Common(universe, NoMemory(), several=True)
    answers = []
    for roots, options in asked:
        request = Request([Root(text, origin(0)) for text in roots], TARGETS, root_name="shop", **options)
        outcomes = resolve(request, universe, NoMemory(), shared)
        answers.append(
            [
                None if isinstance(one, NoSolution) else {name: pin.version for name, pin in one.pins.items()}
                for one in outcomes
            ]
        )
    return answers


def test_a_wish_of_one_environment_counts_though_another_without_it_was_solved_before():
    world = {"a": {"1": [], "2": {"tags": WINDOWS_WHEEL}}}
    _, wishing = chosen(world, (["a"], {}), (["a"], {"preferences": {"a": ["2"]}}))
    assert wishing == [{"a": "1"}, {"a": "2"}]


def test_what_a_fork_needs_is_not_taken_from_the_release_of_the_same_number_elsewhere():
    world = {"a": {"1": []}, "b": {"1": []}}
    at = {"/fork": {"version": "1", "requires": ["b; sys_platform == 'win32'"]}}
    _, forked = chosen(world, (["a"], {}), (["a"], {"sources": {"a": FORK}}), at=at)
    assert forked == [{"a": "1"}, {"a": "1", "b": "1"}]


def test_what_a_release_needs_is_not_taken_from_a_fork_of_the_same_number_elsewhere():
    world = {"a": {"1": ["b; sys_platform == 'win32'"]}, "b": {"1": []}}
    at = {"/fork": {"version": "1"}}
    _, plain = chosen(world, (["a"], {"sources": {"a": FORK}}), (["a"], {}), at=at)
    assert plain == [{"a": "1"}, {"a": "1", "b": "1"}]


def test_a_constraint_of_one_target_bounds_a_fork_there():
    rules = Rules(constraints=[("a<2; sys_platform == 'win32'", None)])
    (forked,) = chosen({}, (["a"], {"sources": {"a": FORK}, "rules": rules}), at={"/fork": {"version": "3"}})
    assert forked == [{"a": "3"}, None]


def test_a_yanked_release_that_another_environment_chose_is_no_wish():
    world = {"a": {"1": [], "2": {"yanked": "bad"}}}
    locked = {target.key: {"a": "2"} for target in TARGETS}
    wishes = {"preferences": {"a": ["2"]}, "locked": locked}
    asked = (
        (["a"], {**wishes, "held": {}}),
        (["a"], {**wishes, "held": {"a": ["2"]}}),
        (["a==2"], {"held": {}}),
    )
    without, held, pinned = chosen(world, *asked)
    assert without == [{"a": "1"}] * 2
    assert held == pinned == [{"a": "2"}] * 2


def test_what_one_project_is_itself_is_a_package_that_others_need():
    universe = Universe({"a": {"1": []}, "d": {"1": ["a"]}})
    shared = Common(universe, NoMemory())
    answers = [
        resolve(Request([Root("d", origin(0))], TARGETS, root_name=name), universe, NoMemory(), shared)
        for name in ("a", "shop", "a")
    ]
    assert [one[0].pins["d"].requires for one in answers] == [(), (("a", "1"),), ()]


def test_versions_that_say_the_same_share_what_is_worked_out_of_it():
    world = {"a": {str(number): ["b>=2"] for number in range(30)}, "b": {"1": [], "2": []}}
    universe = Universe(world)
    shared = Common(universe, NoMemory())
    request = Request([Root(text, origin(0)) for text in ("a", "b<2")], TARGETS)
    assert all(isinstance(one, NoSolution) for one in resolve(request, universe, NoMemory(), shared))
    known = shared.knowledge(shared.notebook(request), request.rules).templates
    of_a = {place[2]: made for place, (_view, made) in known.items() if place[1] == "a" and len(place) > 2}
    assert sum(isinstance(version, int) for version in of_a) == 30
    # The first is compared with nothing.
    assert len({id(made) for made in of_a.values()}) == 2
