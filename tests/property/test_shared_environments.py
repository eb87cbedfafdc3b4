"""Environments that are resolved with one ``Common`` against each resolved with a ``Common`` of its own.

What environments share saves work and must change no answer, whatever they differ in: rules, constraints,
overrides, sources, targets, strategies. As in a lock, each prefers what those before it chose.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import pkm_env.resolver.resolve as resolver
from pkm_env.model.distribution import Source
from pkm_env.model.target import make_target
from pkm_env.resolver.common import Common
from pkm_env.resolver.resolve import NoSolution, Origin, Request, Resolution, Root, Rules, resolve
from tests.support.universe import NoMemory, Universe

# More classes than any request has.
NEVER = 1000
TARGETS = (
    make_target("3.11", "linux-x86_64"),
    make_target("3.12", "linux-x86_64"),
    make_target("3.11", "windows-x86_64"),
    make_target("3.12", "windows-x86_64"),
)
NAMES = ("a", "b", "c")
VERSIONS = ("1", "2", "3", "4rc1")
TAGS = ("py3-none-any", "py3-none-any", "cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-win_amd64", "sdist")
SOURCES = (
    Source("directory", "/fork"),
    Source("archive", "https://files.invalid/a.whl"),
    Source("index", "other"),
)
MARKERS = (
    "",
    "",
    "",
    "; sys_platform == 'win32'",
    "; python_version < '3.12'",
    "; python_full_version >= '3.12.2'",
    "; extra == 'x'",
)
PARTS = ("", "", "", ">=2", "<3", "==2", "==4rc1", ">=4rc1", "!=3")


@st.composite
def requirement(draw, markers=MARKERS):
    text = draw(st.sampled_from(NAMES)) + draw(st.sampled_from(["", "", "", "[x]"]))
    return text + draw(st.sampled_from(PARTS)) + draw(st.sampled_from(markers))


@st.composite
def release(draw):
    requires = draw(st.lists(requirement(), max_size=2))
    if draw(st.integers(0, 15)) == 0:
        requires.append("a @ file:///fork")
    return {
        "requires": requires,
        "requires_python": draw(st.sampled_from([None, None, None, ">=3.12", ">=3.12.1"])),
        "tags": draw(st.sampled_from(TAGS)),
        "yanked": draw(st.sampled_from([None, None, None, "broken"])),
    }


# "a@other" is what the index "other" has of "a".
universes = st.fixed_dictionaries(
    {
        name: st.dictionaries(st.sampled_from(VERSIONS), release(), min_size=1, max_size=2)
        for name in (*NAMES, "a@other")
    }
)
own = requirement(tuple(marker for marker in MARKERS if "extra" not in marker))
forks = st.fixed_dictionaries(
    {
        source.location: st.fixed_dictionaries(
            {"version": st.sampled_from(["1", "2"]), "requires": st.lists(requirement(), max_size=2)}
        )
        for source in SOURCES[:2]
    }
)
bound = st.sampled_from(
    [
        *SOURCES,
        (("sys_platform == 'win32'", SOURCES[0]),),
        (("sys_platform == 'win32'", SOURCES[0]), ("", SOURCES[1])),
        (("python_full_version < '3.12.3'", SOURCES[-1]),),
    ]
)
some_names = st.frozensets(st.sampled_from(NAMES), min_size=1)
# What environments may differ in: as it mostly is, and what it may be instead.
DIFFERENCES = {
    "targets": (TARGETS, st.lists(st.sampled_from(TARGETS), min_size=1, unique=True)),
    "constraints": ((), st.lists(own.filter(lambda text: "[" not in text), min_size=1, max_size=2)),
    "overrides": (
        {},
        st.dictionaries(st.sampled_from(NAMES), st.sampled_from([False, "*", "<3", ">=2"]), min_size=1),
    ),
    "prereleases": ("if-necessary", st.sampled_from(["never", "allow", {"a": "allow"}])),
    "resolution": ("highest", st.sampled_from(["lowest", "lowest-direct"])),
    "no_build": (frozenset(), some_names),
    "no_binary": (frozenset(), some_names),
    "sources": ({}, st.dictionaries(st.sampled_from(NAMES), bound, min_size=1, max_size=2)),
    "preferences": (
        {},
        st.dictionaries(
            st.sampled_from(NAMES), st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=2), min_size=1
        ),
    ),
    "root_name": ("shop", st.sampled_from(NAMES)),
}


@st.composite
def environments(draw):
    """Draw a few environments: each is like the first one but for a few things."""
    usual = {name: usual for name, (usual, _) in DIFFERENCES.items()}
    some = st.lists(st.sampled_from(sorted(DIFFERENCES)), max_size=2)
    first = {**usual, **{name: draw(DIFFERENCES[name][1]) for name in draw(some)}}
    first["roots"] = draw(st.lists(own, min_size=1, max_size=3))
    found = [first]
    for _ in range(draw(st.integers(1, 3))):
        base = draw(st.sampled_from([first, usual]))
        other = {name: draw(DIFFERENCES[name][1]) for name in draw(some)}
        more = draw(st.lists(own, max_size=2))
        roots = [*(first["roots"] if not more or draw(st.booleans()) else ()), *more]
        found.append({**base, **other, "roots": roots})
    return found


@st.composite
def alike(draw):
    """Draw environments of one project: each asks for what all ask for, and for a few things of its own."""
    usual = {name: usual for name, (usual, _) in DIFFERENCES.items()}
    some = ("prereleases", "resolution", "no_build", "sources")
    usual.update(
        {name: draw(DIFFERENCES[name][1]) for name in draw(st.lists(st.sampled_from(some), max_size=1))}
    )
    roots = draw(st.lists(own, min_size=1, max_size=2))
    found = []
    for _ in range(draw(st.integers(2, 4))):
        more = draw(st.lists(st.one_of(own, st.just("shop[x]")), max_size=2))
        rarely = draw(st.sampled_from([*[()] * 5, ("a<3",), ("b>=2",)]))
        found.append({**usual, "roots": [*roots, *more], "constraints": rarely})
    return found


def request(environment, own_extra, locked, chosen):
    """Return the request of an environment that prefers what was *chosen* before it, after its own wishes."""
    wishes = dict(environment["preferences"])
    for name, versions in chosen.items():
        wishes[name] = [*wishes.get(name, ()), *versions]
    rules = ("overrides", "prereleases", "resolution", "no_build", "no_binary")
    return Request(
        [
            Root(text, Origin("shop", ("dependencies", place)))
            for place, text in enumerate(environment["roots"])
        ],
        environment["targets"],
        rules=Rules(
            constraints=[(text, None) for text in environment["constraints"]],
            **{name: environment[name] for name in rules},
        ),
        sources=environment["sources"],
        preferences=wishes,
        locked=locked,
        root_name=environment["root_name"],
        own_extras={"x": [Root(own_extra, Origin("shop", ("extras", 0), extra="x"))]},
    )


def plain(outcomes):
    """Return what outcomes say, as values that can be compared."""
    return [
        (one.target.key, None)
        if isinstance(one, NoSolution)
        else (
            one.target.key,
            {name: pin.identity for name, pin in one.pins.items()},
            one.notes,
            one.asked_by_project(),
            {name: one.asked_by(name) for name in one.pins},
        )
        for one in outcomes
    ]


def note(outcomes, locked, chosen):
    """Add what was chosen to what the next environment prefers."""
    for one in outcomes:
        if isinstance(one, Resolution):
            versions = {name: pin.version for name, pin in one.pins.items()}
            locked[one.target.key] = {**versions, **locked.get(one.target.key, {})}
            for name, version in versions.items():
                if version not in chosen.setdefault(name, []):
                    chosen[name].append(version)


def check_each(universe, sources, own_extra, asked, *, prefer):
    """Hold the answer of each environment against a resolve alone; each prefers what those before it chose, or none."""
    world = Universe(universe, sources)
    common = Common(world, NoMemory(), several=True)
    locked, chosen = {}, {}
    for environment in asked:
        question = request(environment, own_extra, locked, chosen)
        alone = resolve(question, Universe(universe, sources), NoMemory())
        together = resolve(question, world, NoMemory(), common)
        assert plain(together) == plain(alone)
        if prefer:
            note(together, locked, chosen)


@settings(max_examples=150, deadline=None)
@given(universes, forks, own, environments(), st.booleans())
def test_no_answer_depends_on_what_environments_share(universe, sources, own_extra, asked, prefer):
    check_each(universe, sources, own_extra, asked, prefer=prefer)


@settings(max_examples=300, deadline=None)
@given(universes, forks, own, alike())
def test_environments_that_are_much_alike_are_answered_as_each_alone(universe, sources, own_extra, asked):
    check_each(universe, sources, own_extra, asked, prefer=True)


def test_an_extra_of_a_fork_is_not_taken_for_that_of_the_release_elsewhere():
    universe = {"a": {"1": {}}, "b": {"1": {}}}
    fork = Source("directory", "/fork")
    forks = {"/fork": {"version": "1", "requires": ["a; extra == 'x'"]}}
    usual = {name: usual for name, (usual, _) in DIFFERENCES.items()}
    environment = {**usual, "roots": ["b[x]"], "sources": {"b": (("sys_platform == 'win32'", fork),)}}
    check_each(universe, forks, "a", [environment, environment], prefer=True)


# Releases of which much differs from target to target: files, and what they need.
varied = st.fixed_dictionaries(
    {
        "requires": st.lists(
            st.builds(
                "{}{}{}".format,
                st.sampled_from(NAMES),
                st.sampled_from(["", "", ">=2", "<3", "==1"]),
                st.sampled_from(["", "; sys_platform == 'win32'", "; python_full_version >= '3.12.2'"]),
            ),
            max_size=2,
        ),
        "requires_python": st.sampled_from([None, None, "<3.12"]),
        "tags": st.sampled_from([*TAGS, *TAGS[2:]]),
    }
)
varied_universes = st.fixed_dictionaries(
    {name: st.dictionaries(st.sampled_from(VERSIONS[:3]), varied, min_size=2) for name in NAMES}
)
locks = st.dictionaries(
    st.sampled_from([target.key for target in TARGETS]),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VERSIONS[:3])),
)


class Forgetful(Common):
    """Keeps nothing of what was chosen for one target, so that each is walked by the rules alone."""

    def kept(self, view, ground):
        return {}


@settings(max_examples=400, deadline=None)
@given(varied_universes, st.lists(own, min_size=1, max_size=3), locks)
def test_what_was_chosen_for_other_targets_spares_a_target_only_what_it_would_find(universe, roots, locked):
    environment = {**{name: usual for name, (usual, _) in DIFFERENCES.items()}, "roots": roots}
    question = request(environment, "a", locked, {})
    together = resolve(question, Universe(universe, {}), NoMemory())
    world = Universe(universe, {})
    assert plain(together) == plain(resolve(question, world, NoMemory(), Forgetful(world, NoMemory())))


def solved_with(least, question, world):
    """Return the outcomes where targets are answered from what is wished for, if *least* classes of a view wait."""
    before = resolver.WORTH_A_CLOSURE
    resolver.WORTH_A_CLOSURE = least
    try:
        return plain(resolve(question, world, NoMemory()))
    finally:
        resolver.WORTH_A_CLOSURE = before


@settings(max_examples=400, deadline=None)
@given(varied_universes, st.lists(own, min_size=1, max_size=3), locks)
def test_what_is_wished_for_is_what_a_walk_finds(universe, roots, locked):
    environment = {**{name: usual for name, (usual, _) in DIFFERENCES.items()}, "roots": roots}
    question = request(environment, "a", locked, {})
    walked = solved_with(NEVER, question, Universe(universe, {}))
    assert solved_with(1, question, Universe(universe, {})) == walked


@settings(max_examples=200, deadline=None)
@given(universes, forks, own, environments(), locks)
def test_what_is_wished_for_is_what_a_walk_finds_under_all_rules(universe, sources, own_extra, asked, locked):
    for environment in asked:
        question = request(environment, own_extra, locked, {})
        walked = solved_with(NEVER, question, Universe(universe, sources))
        assert solved_with(1, question, Universe(universe, sources)) == walked
