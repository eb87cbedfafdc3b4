"""The quick readers of versions, specifiers, requirements and markers, with ``packaging`` as the judge."""

from __future__ import annotations

import string

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from packaging.markers import InvalidMarker, Marker, UndefinedComparison
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Judge
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pkm_build.grammar import normalise
from pkm_env.model.markers import UnreadableMarker, evaluate, marker_for
from pkm_env.model.requirements import UnreadableRequirement, parse_requirement
from pkm_env.model.target import IMPLIED_PLATFORMS, KNOWN_PYTHONS, make_target
from pkm_env.model.versions import (
    FINAL,
    LAST,
    OPERATORS,
    UnreadableVersion,
    VersionLine,
    is_prerelease,
    names_prerelease,
    python_cuts,
    python_truths,
    version_key,
)

NUMBERS = st.sampled_from([0, 0, 1, 2, 10])
TARGETS = [make_target(minor, platform) for minor in KNOWN_PYTHONS for platform in IMPLIED_PLATFORMS]


@st.composite
def versions(draw, local=True):
    text = draw(st.sampled_from(["", "", "1!"]))
    text += ".".join(str(draw(NUMBERS)) for _ in range(draw(st.integers(1, 4))))
    text += draw(st.sampled_from(["", "", "a1", "b0", "rc2"]))
    text += draw(st.sampled_from(["", "", ".post0", ".post3"]))
    text += draw(st.sampled_from(["", "", ".dev0", ".dev3"]))
    return text + draw(st.sampled_from(["", "", "+abc", "+abc.1", "+1"]) if local else st.just(""))


@st.composite
def clauses(draw):
    operator = draw(st.sampled_from(OPERATORS))
    version = draw(versions(local=operator in {"==", "!=", "==="}))
    return operator + version + draw(st.sampled_from(["", "", ".*"]))


@settings(max_examples=200)
@given(versions(), versions())
def test_keys_order_as_versions_do(one, other):
    assert (version_key(one) < version_key(other)) == (Version(one) < Version(other))
    assert (version_key(one) == version_key(other)) == (Version(one) == Version(other))
    assert is_prerelease(version_key(one)) == Version(one).is_prerelease


SPELLINGS = (
    *("0", "1", "10", "01", "1.0", ".", "-", "_", "+", "!", " ", "v", "x", "RC", "Dev", "\u0661"),
    *("a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "post", "rev", "r", "dev", "local"),
)
PHASES = {"a": 0, "b": 1, "rc": 2}


def key_of(version):
    """The sort key that the parts of a Version of ``packaging`` make."""
    release = list(version.release)
    while len(release) > 1 and not release[-1]:
        release.pop()
    phase, number = (PHASES[version.pre[0]], version.pre[1]) if version.pre else (FINAL, 0)
    if phase == FINAL and version.post is None and version.dev is not None:
        phase = -1
    local = [part for part in (version.local or "").split(".") if part]
    return (
        version.epoch,
        tuple(release),
        phase,
        number,
        -1 if version.post is None else version.post,
        LAST if version.dev is None else version.dev,
        tuple((1, int(part)) if part.isdigit() else (0, part) for part in local),
    )


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(SPELLINGS), max_size=8).map("".join))
@example("1.0-1")
@example("v1.0.RC1")
@example("1..0")
@example("1.")
@example("1.0a-")
@example("1.0a.dev")
def test_any_text_is_a_version_here_when_it_is_one_there(text):
    try:
        expected = key_of(Version(text))
    except InvalidVersion:
        expected = None
    try:
        key = version_key(text)
    except UnreadableVersion:
        key = None
    assert key == expected


@settings(max_examples=200)
@given(st.lists(versions(), max_size=20), st.lists(clauses(), max_size=3))
def test_masks_hold_the_versions_that_the_specifier_contains(texts, specifier_clauses):
    known = sorted({Version(text) for text in texts})
    specifier = ",".join(specifier_clauses)
    try:
        judge = SpecifierSet(specifier)
    except InvalidSpecifier:
        assume(False)
    line = VersionLine([str(version) for version in known])
    mask = line.mask(specifier)
    assert [bool(mask >> place & 1) for place in range(len(known))] == [
        judge.contains(version, prereleases=True) for version in known
    ]
    if not specifier.startswith("===") and ",===" not in specifier:
        assert names_prerelease(specifier) == bool(judge.prereleases)


@settings(max_examples=200)
@given(
    st.lists(
        clauses().filter(lambda clause: "+" not in clause and "===" not in clause), min_size=1, max_size=3
    )
)
def test_python_truths_and_cuts_are_those_of_each_patch_release(specifier_clauses):
    specifier = ",".join(specifier_clauses)
    try:
        judge = SpecifierSet(specifier)
    except InvalidSpecifier:
        assume(False)
    for minor in ("1.2", "3.0", "3.12"):
        truths = [judge.contains(f"{minor}.{patch}", prereleases=True) for patch in range(15)]
        assert python_truths(specifier, minor, (0, 14)) == (all(truths), any(truths))
        cuts = tuple(patch for patch in range(1, 15) if truths[patch] != truths[patch - 1])
        assert python_cuts(specifier, minor, (0, 14)) == cuts


NAMES = st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=1, max_size=6)
SPACE = st.sampled_from(["", "", " "])


@st.composite
def requirements(draw):
    text = draw(NAMES) + draw(SPACE)
    extras = draw(st.lists(NAMES, max_size=2))
    if extras or draw(st.booleans()):
        text += "[" + ",".join(extras) + "]" + draw(SPACE)
    inner = f"{draw(SPACE)},{draw(SPACE)}".join(draw(st.lists(clauses(), max_size=2)))
    text += f"({inner})" if inner and draw(st.booleans()) else inner
    return text + draw(st.sampled_from(["", "", "; os_name == 'nt'", " ;python_version<'3'", ";"]))


@settings(max_examples=250)
@given(requirements())
@example("name @ https://host.example/x.zip ; os_name == 'nt'")
@example("name[a, B_c]@https://host.example/x.zip#sha256=00")
@example("name (>=1)")
@example("name>=1,")
@example("name>=1.*")
@example("name===foo")
def test_requirements_are_read_as_the_judge_reads_them(text):
    try:
        expected = Judge(text)
    except InvalidRequirement:
        expected = None
    try:
        found = parse_requirement(text)
        VersionLine(()).mask(found.specifier)
    except (UnreadableRequirement, UnreadableVersion):
        assert expected is None
        return
    if expected is None:
        assert ".*" in text  # The one leniency: what old releases wrote after an order operator.
        return
    assert found.name == normalise(expected.name)
    assert found.extras == tuple(sorted({normalise(extra) for extra in expected.extras}))
    assert SpecifierSet(found.specifier) == expected.specifier
    assert found.url == (expected.url or "")
    assert (Marker(found.marker) if found.marker else None) == expected.marker


@st.composite
def atoms(draw):
    variable, values = draw(
        st.sampled_from(
            [
                ("python_version", ["3.8", "3.10", "3.12", "3", "3.*", "3.9, 3.10"]),
                ("python_full_version", ["3.8.0", "3.11.0", "3.12", "3.9.*"]),
                ("sys_platform", ["linux", "win32", "darwin", "lin"]),
                ("platform_machine", ["x86_64", "arm64", "AMD64"]),
                ("os_name", ["nt", "posix"]),
                ("platform_system", ["Windows", "Linux"]),
                ("implementation_name", ["cpython", "pypy"]),
                ("platform_python_implementation", ["CPython"]),
                ("extra", ["x", "Y_z", ""]),
            ]
        )
    )
    operator = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~=", "in", "not in", "==="]))
    sides = [variable, draw(st.sampled_from(["'", '"'])).join(["", draw(st.sampled_from(values)), ""])]
    if draw(st.booleans()):
        sides.reverse()
    return f" {operator} ".join(sides)


MARKERS = st.recursive(
    atoms(),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
        lambda parts: f"({parts[0]}) {parts[1]} {parts[2]}"
    ),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(MARKERS, st.sampled_from(["", "x", "y-z"]))
@example("os.name == 'nt' and 'linux' != sys.platform", "")
def test_markers_are_answered_as_the_judge_answers_them(text, extra):
    targets = [make_target(target.python, target.platform).part((0, 0)) for target in TARGETS[::7]]
    try:
        judge = Marker(text)
    except InvalidMarker:
        judge = None
    try:
        mask = evaluate(text, targets, (extra,) if extra else ())
    except UnreadableMarker:
        mask = None
    if judge is None:
        assert mask is None
        return
    for place, target in enumerate(targets):
        try:
            expected = judge.evaluate({**target.markers, "extra": extra})
        except UndefinedComparison:
            assume(False)
        assert mask is not None
        assert bool(mask >> place & 1) == expected


@settings(max_examples=150, deadline=None)
@given(st.integers(0, (1 << 30) - 1), st.integers(0, (1 << 30) - 1), st.booleans())
def test_a_marker_is_true_on_exactly_the_wanted_targets(wanted, dont_care, sparse):
    targets = [target for target in TARGETS if target.python in KNOWN_PYTHONS[2:8]]
    targets[10:11] = [targets[10].part((0, 3)), targets[10].part((4, None))]
    every = (1 << len(targets)) - 1
    dont_care &= every if sparse else 0
    wanted &= every & ~dont_care
    assume(wanted)
    text = marker_for(targets, wanted, dont_care)
    found = evaluate(text, targets)
    assert found & ~dont_care == wanted
