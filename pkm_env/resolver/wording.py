"""Masks of versions in words, with boundaries that exist; why versions were left aside."""

from __future__ import annotations

from pkm_env.model.platforms import short_platform
from pkm_env.model.tags import platform_tags, tag_columns
from pkm_env.model.versions import UnreadableVersion, python_truths, specifier_contains
from pkm_env.resolver.fit import SDIST
from pkm_env.resolver.notes import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from pkm_env.model.target import Target
    from pkm_env.resolver.knowledge import Package
    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.packages import TargetProblem
    from pkm_env.resolver.proof import Fact

    Key = Any
    # The keys below [tool.pkm] by which a rule is said.
    Rule = tuple[str, ...]

_MOST_RUNS = 3
_MOST_NAMED = 3
_MOST_PYTHONS = 2
# How a line ends that a Requires-Python is the reason of.
AND_THIS_IS = ", and this is Python "


def key_text(key: Key) -> str:
    """Return a solver's key as people write it."""
    return key if isinstance(key, str) else f"{key[0]}[{key[1]}]"


def and_list(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def bits(mask: int) -> Iterator[int]:
    """Yield the bits of *mask*, lowest first."""
    while mask:
        bit = mask & -mask
        mask ^= bit
        yield bit


def runs(package: Package, mask: int, among: int) -> list[tuple[str, str]]:
    """Return the runs of versions in *mask* as (first, last), where only versions in *among* interrupt one."""
    found: list[tuple[str, str]] = []
    open_run = False
    for bit in bits((among | mask) & package.whole & ~1):
        if not bit & mask:
            open_run = False
        elif open_run:
            found[-1] = (found[-1][0], package.version(bit))
        else:
            found.append((package.version(bit), package.version(bit)))
            open_run = True
    return found


def version_text(package: Package, mask: int, among: int) -> str:
    """Return the versions in *mask*: "1.0", "1.0 to 2.3", "1.0, 1.2 and 2.0 to 2.3"."""
    found = runs(package, mask, among)
    if len(found) > _MOST_RUNS:
        return f"{(mask & ~1).bit_count()} versions from {found[0][0]} to {found[-1][1]}"
    return (
        and_list([first if first == last else f"{first} to {last}" for first, last in found]) if found else ""
    )


def range_text(package: Package, mask: int) -> str:
    """Return the versions in *mask* as a specifier whose bounds exist, "" for all."""
    everything = package.whole & ~1
    if not everything & ~mask:
        return ""
    oldest, newest = everything & -everything, 1 << (everything.bit_length() - 1)
    texts = []
    for first, last in runs(package, mask, everything):
        if first == last:
            texts.append(f"=={first}")
            continue
        low = "" if package.bit(first) == oldest else f">={first}"
        high = "" if package.bit(last) == newest else f"<={last}"
        texts.append(",".join(part for part in (low, high) if part))
    return " or ".join(texts)


def need_text(fact: Fact, problem: TargetProblem) -> str:
    """Return what is needed: the requirement as written, or the union of several in bounds that exist."""
    written = list(dict.fromkeys(_requirement_text(ask) for ask in fact.asks))
    if len(written) == 1:
        return written[0]
    name = fact.needed_name
    package = problem.package(name)
    extras = sorted({extra for ask in fact.asks for extra in ask.requirement.extras})
    suffix = f"[{','.join(extras)}]" if extras else ""
    allowed = 0
    for key, mask in fact.needs.items():
        if key == name or not allowed:
            allowed = mask
    if not allowed:
        return " or ".join(written[:_MOST_NAMED]) + (" or others" if len(written) > _MOST_NAMED else "")
    specifiers = range_text(package, allowed)
    return f"{name}{suffix}{specifiers}"


def _requirement_text(ask: Ask) -> str:
    requirement = ask.requirement
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    return f"{requirement.name}{extras}" + (
        f" @ {requirement.url}" if requirement.url else requirement.specifier
    )


def admitted_by(name: str, facts: Sequence[Fact], problem: TargetProblem) -> int:
    """Return the versions of *name* that all the project's own facts leave, else all that any fact leaves."""
    own = other = -1
    for fact in facts:
        allowed = fact.needs.get(name)
        if allowed is None:
            continue
        if fact.key == "" or (not isinstance(fact.key, str) and not fact.key[0]):
            own &= allowed
        else:
            other = allowed if other == -1 else other | allowed
    whole = problem.package(name).whole & ~1
    return whole & own & other


def excluded_lines(
    fact: Fact, facts: Sequence[Fact], problem: TargetProblem, target: Target
) -> Iterator[tuple[str, Sequence[Rule]]]:
    """Yield the statements about versions that are out of question, each with the rules behind it."""
    excluded = fact.excluded
    assert excluded is not None
    name = excluded.name
    if name == ROOT:
        yield f"{problem.question.root_name or 'the project'}: {excluded.reason}", ()
        return
    package = problem.package(name)
    if excluded.kind == "constraint":
        assert excluded.ask is not None
        specifier = excluded.ask.requirement.specifier
        there = "" if package.mask(specifier) & ~1 else f": {versions_there(package)}"
        yield f"a constraint keeps {name} to {specifier}{there}", ()
    elif excluded.python:
        several = "need" if fact.versions & (fact.versions - 1) else "needs"
        versions = version_text(package, fact.versions, problem.usable(name).mask)
        told = f"Python {excluded.python} by its metadata"
        yield f"{key_text(fact.key)} {versions} {several} {told}{AND_THIS_IS}{target.python}", ()
    elif excluded.kind == "refused":
        usable = problem.usable(name).mask
        yield (
            f"{key_text(fact.key)} {version_text(package, fact.versions, usable)}: {indented(excluded.reason)}",
            (),
        )
    else:
        admitted = admitted_by(name, facts, problem)
        found = list(unfit_texts(package, fact.versions & admitted, problem, target))
        yield from found or _barred_texts(package, admitted, problem)


def versions_there(package: Package) -> str:
    """Return from which to which version a package has some, where nothing meets what is asked for."""
    versions = package.line.versions
    return f"there is {versions[0]}" if len(versions) == 1 else f"there are {versions[0]} to {versions[-1]}"


def _barred_texts(
    package: Package, relevant: int, problem: TargetProblem
) -> Iterator[tuple[str, Sequence[Rule]]]:
    """Yield that only pre-releases and yanked releases are left, where that is so."""
    refused = problem.ground.refused_prereleases(package) & relevant
    kinds = []
    rules = []
    if relevant & problem.usable(package.name).mask:
        return
    if refused:
        kinds.append("pre-releases")
        rules.append(("prereleases", package.name))
    if relevant & package.yanked & ~refused:
        kinds.append("yanked releases")
    if relevant & package.excluded:
        kinds.append(f"releases after the cut-off{_cut_off_date(package)}")
        rules.append(("exclude-newer", package.name))
    if kinds:
        yield f"of {package.name} only {and_list(kinds)} are left", rules


def lacks_files(name: str, facts: Sequence[Fact], problem: TargetProblem) -> bool:
    """Return whether a version of *name* that is admitted has files, and none for this target."""
    package = problem.package(name)
    _whole, part, _wheels = problem.view.fitting(package, problem.members)
    return bool(admitted_by(name, facts, problem) & ~part & ~package.excluded)


def indented(text: str) -> str:
    """Return a text of several lines so that those after the first stand below its line."""
    return "\n     ".join(line for line in text.split("\n") if line)


def unfit_texts(
    package: Package, mask: int, problem: TargetProblem, target: Target
) -> Iterator[tuple[str, Sequence[Rule]]]:
    """Yield why versions in *mask* have no file for *target*: Python first, then tags, then building.

    *target* may be another one than the problem's, for which the same facts hold.
    """
    _whole, part, _wheels = problem.view.fitting(package, problem.members)
    left = mask & ~part & ~package.excluded & ~1
    everything = package.whole & ~1
    by_python: dict[str, int] = {}
    for bit in bits(left):
        text = _python_that_refuses(package, bit, target)
        if text:
            by_python[text] = by_python.get(text, 0) | bit
    if len(by_python) > _MOST_PYTHONS:
        by_python = _one_python_text(by_python)
    for text, versions in sorted(by_python.items(), key=lambda item: item[1]):
        verb = "need" if versions & (versions - 1) else "needs"
        shown = version_text(package, versions, everything)
        yield f"{package.name} {shown} {verb} Python {text}{AND_THIS_IS}{target.python}", ()
        left &= ~versions
    if left:
        verb = "have" if left & (left - 1) else "has"
        rules, is_built = problem.question.rules, has_sdist(package, left)
        platforms = _lacking_platforms(package, left, problem, target.platform)
        named = f"{'each of ' if platforms[1:] else ''}{and_list([short_platform(one) for one in platforms])}"
        reason = f"no wheel for {named} with Python {target.python}"
        reason += _wheels_there(package, left, platforms[0])
        behind: Sequence[Rule] = ()
        if rules.forbids_wheels(package.name) and not is_built:
            reason, behind = "no sdist, and wheels of it are not to be used", (("no-binary",),)
        elif rules.forbids_build(package.name) and is_built:
            reason, behind = f"{reason}, and building it is not allowed", (("no-build",),)
        yield f"{package.name} {version_text(package, left, everything)} {verb} {reason}", behind


def _lacking_platforms(package: Package, mask: int, problem: TargetProblem, platform: str) -> list[str]:
    """Return the platforms that versions have no file for: *platform*, or what no marker tells from it.

    Of several, each version has a file for one, but none for all; the first is one that the newest has none for.
    """
    view = problem.view
    fitting = {
        one.platform: mask & view.fitting(package, 1 << place)[1]
        for place, one in enumerate(view.targets.targets)
        if problem.members >> place & 1
    }
    without = [one for one, versions in fitting.items() if not versions]
    if without or platform not in fitting:
        return [platform if platform in without or platform not in fitting else without[0]]
    return sorted(fitting, key=lambda one: (fitting[one].bit_length() == mask.bit_length(), one))


def _wheels_there(package: Package, mask: int, platform: str) -> str:
    """Return " (1.2 has some for cp39 and cp310)" for the newest version in *mask* that has wheels, "" for none.

    Named are the interpreters of the wheels for the platform, or else the platforms that there are.
    """
    newest = 0
    for _python, tags, versions in package.signatures:
        if tags != SDIST:
            newest = max(newest, 1 << (versions << 1 & mask).bit_length() >> 1)
    if not newest:
        return ""
    wheels = [
        tag_columns(tags)
        for _python, tags, versions in package.signatures
        if tags != SDIST and versions << 1 & newest
    ]
    here = {*platform_tags(platform), "any"}
    names = {
        _interpreter(pythons, abis) for pythons, abis, platforms in wheels if here.intersection(platforms)
    }
    words = sorted(names or {platforms[0] for _pythons, _abis, platforms in wheels}, key=_by_number)
    shown = f"{words[0]} to {words[-1]}" if names and words[_MOST_NAMED:] else and_list(words)
    return f" ({'there are' if mask == newest else f'{package.version(newest)} has'} some for {shown})"


def _interpreter(pythons: Sequence[str], abis: Sequence[str]) -> str:
    """Return for which Python a wheel is: "cp311", "cp39-abi3" or "py2"."""
    abi = "" if abis[0] == "none" else abis[0]
    return abi if abi.startswith(pythons[0]) else f"{pythons[0]}-{abi}" if abi else pythons[0]


def _by_number(tag: str) -> tuple[str, int, str]:
    """Return the key by which cp39 comes before cp310."""
    head = tag[:2]
    digits = tag[2:].partition("-")[0].rstrip("mudt")
    return head, int(digits) if digits.isdecimal() else 0, tag


def has_sdist(package: Package, mask: int) -> bool:
    """Return whether a version in *mask* has an sdist."""
    return any(tags == SDIST and versions << 1 & mask for _python, tags, versions in package.signatures)


def _one_python_text(by_python: dict[str, int]) -> dict[str, int]:
    """Return many Requires-Python as one text: that of the oldest and that of the newest version."""
    texts = sorted(by_python, key=lambda text: by_python[text])
    everything = 0
    for mask in by_python.values():
        everything |= mask
    return {f"{texts[0]}, or later {texts[-1]}": everything}


def _python_that_refuses(package: Package, bit: int, target: Target) -> str:
    """Return the Requires-Python of a version whose every file refuses the target's Python, "" when one does not."""
    texts = []
    for requires_python, _tags, mask in package.signatures:
        if not mask << 1 & bit:
            continue
        try:
            admitted = not requires_python or python_truths(requires_python, target.python, target.patches)[1]
        except UnreadableVersion:
            admitted = True
        if admitted:
            return ""
        texts.append(requires_python)
    return texts[0] if texts else ""


def dropped_words(name: str, facts: Sequence[Fact], problem: TargetProblem, cut_off: str = "") -> str:
    """Return which versions that are admitted were not looked at for a rule's sake, "" for none.

    *cut_off* is where the cut-off stands, "" where that was told before. Pre-releases and yanked releases without a
    file for the target are none of them: no rule would bring them in.
    """
    package = problem.package(name)
    usable = problem.usable(name).mask
    relevant = admitted_by(name, facts, problem) & _met_by_all(name, facts) & ~usable
    _whole, fitting, _wheels = problem.view.fitting(package, problem.members)
    groups = []
    refused = problem.ground.refused_prereleases(package) & relevant & fitting
    if refused:
        groups.append(f"{_few(package, refused)} (pre-release{'s' if refused & (refused - 1) else ''})")
    yanked = package.yanked & relevant & fitting & ~refused
    if yanked:
        reason = "" if yanked & (yanked - 1) else package.yank_reason(package.version(yanked))
        groups.append(f"{_few(package, yanked)} (yanked{': ' + reason if reason else ''})")
    groups += _cut_off_words(package, package.excluded & relevant & ~refused & ~yanked, cut_off)
    return f"{name} {', '.join(groups)}" if groups else ""


def _met_by_all(name: str, facts: Sequence[Fact]) -> int:
    """Return the versions of *name* that meet each package that needs it, in one of its releases at least."""
    by_asker: dict[str, int] = {}
    for fact in facts:
        if name in fact.needs:
            asker = fact.key if isinstance(fact.key, str) else fact.key[0]
            by_asker[asker] = by_asker.get(asker, 0) | fact.needs[name]
    met = -1
    for allowed in by_asker.values():
        met &= allowed
    return met


def _cut_off_words(package: Package, late: int, place: str) -> Iterator[str]:
    """Yield which versions a cut-off date took away: those that came later, and those of unknown age."""
    undated = late & getattr(package.listing, "undated", 0) << 1
    cut_off = f"the cut-off{_cut_off_date(package)}" + (f", {place}" if place else "")
    if late & ~undated:
        yield f"{_few(package, late & ~undated)} (uploaded after {cut_off})"
    if undated:
        yield f"{_few(package, undated)} (nobody knows whether uploaded before {cut_off})"


def _cut_off_date(package: Package) -> str:
    """Return " of 2026-01-31" for the cut-off that holds for a package, "" where it is not known."""
    cutoff = getattr(package.listing, "cutoff", "")
    return f" of {cutoff.removesuffix('T00:00:00Z')}" if cutoff else ""


def elsewhere_words(name: str, facts: Sequence[Fact], problem: TargetProblem) -> Iterator[str]:
    """Yield what other indexes have of *name* that would fit, or that they were not asked though nothing fits."""
    package = problem.package(name)
    is_known = package.missing is None or package.missing.kind == "unknown"
    if package.source is not None or name in problem.question.sources or not is_known:
        return
    asked = [fact.asks[0].requirement.specifier for fact in facts if fact.asks and fact.needed_name == name]
    unmet = any(fact.needed_name == name and not any(fact.needs.values()) for fact in facts if fact.asks)
    for index, versions, why in problem.knowledge.releases.elsewhere(name):
        if versions is None:
            if unmet:
                yield f'{name} on index "{index}" (not asked, since {why})'
            continue
        fitting = [one for one in versions if not package.bit(one) and _admitted(one, asked)]
        if fitting:
            shown = fitting[0] if len(fitting) == 1 else f"{fitting[0]} to {fitting[-1]}"
            yield f'{name} {shown} on index "{index}" ({why})'


def _admitted(version: str, specifiers: Sequence[str]) -> bool:
    try:
        return all(specifier_contains(specifier, version) for specifier in specifiers)
    except UnreadableVersion:
        return False


def _few(package: Package, mask: int) -> str:
    found = [package.version(bit) for bit in bits(mask)]
    if len(found) > _MOST_NAMED:
        return f"{len(found)} versions from {found[0]} to {found[-1]}"
    return and_list(found)
