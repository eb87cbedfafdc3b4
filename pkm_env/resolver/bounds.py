"""Bounds for a package of an answer: those that others set, else about the versions that would do as well."""

from __future__ import annotations

from pkm_env.resolver.notes import ROOT, name_of
from pkm_env.resolver.walk import Refusal
from pkm_env.resolver.wording import bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from pkm_env.resolver.notes import Ask
    from pkm_env.resolver.packages import TargetProblem

    Key = Any
    Decided = Mapping[Key, int]


def specifier_for(name: str, problem: TargetProblem, decided: Decided) -> str:
    """Return a specifier for the chosen version and its neighbours.

    Any that holds the chosen version has an answer; the bounds are those that others set, or else where
    the neighbours would not do as well.
    """
    asked = _asked_by_others(name, problem, decided)
    if len(asked) == 1 and next(iter(asked)):
        return next(iter(asked))
    package, usable = problem.package(name), problem.usable(name).mask
    run = _allowed_run(name, problem, decided) if any(asked) else _working_run(name, problem, decided)
    lowest = package.version(run)
    above = usable & ~((1 << run.bit_length()) - 1)
    below = usable & ((run & -run) - 1) & ~1
    low = f">={lowest}" if below else ""
    high = f"<{package.version(above)}" if above else ""
    return ",".join(part for part in (low, high) if part) or f"=={lowest}"


def _asked_by_others(name: str, problem: TargetProblem, decided: Decided) -> set[str]:
    """Return the specifiers by which other packages of the answer ask for *name*."""
    return {ask.requirement.specifier for _mask, ask in _asks_for(name, problem, decided)}


def _asks_for(name: str, problem: TargetProblem, decided: Decided) -> Iterator[tuple[int, Ask]]:
    for key, version in decided.items():
        asker = name_of(key)
        if asker not in {ROOT, name}:
            for needed, allowed, ask in problem.found_needs(key, version):
                if needed == name:
                    yield allowed, ask


def _allowed_run(name: str, problem: TargetProblem, decided: Decided) -> int:
    """Return the usable versions about the chosen one that all others admit, without a gap."""
    allowed = usable = problem.usable(name).mask
    for mask, _ask in _asks_for(name, problem, decided):
        allowed &= mask
    run = 0
    for bit in bits(usable):
        if bit & allowed:
            run |= bit
        elif run & decided[name]:
            break
        else:
            run = 0
    return run


def _working_run(name: str, problem: TargetProblem, decided: Decided) -> int:
    """Return the versions next to the chosen one that would work too, as far as their needs are known."""
    chosen = decided[name]
    run = chosen
    above = [bit for bit in bits(problem.usable(name).mask) if bit > chosen]
    below = [bit for bit in bits(problem.usable(name).mask) if bit < chosen][::-1]
    for neighbours in (above, below):
        for bit in neighbours:
            if not _works(name, bit, problem, decided):
                break
            run |= bit
    return run


def _works(name: str, bit: int, problem: TargetProblem, decided: Decided) -> bool:
    """Return whether another version could stand in the answer with all else kept; False when it was not asked."""
    keys = [key for key in decided if key == name or (not isinstance(key, str) and key[0] == name)]
    for key in keys:
        needs = problem.known_needs(key, bit)
        if needs is None or isinstance(needs, Refusal):
            return False
        if not _met(needs, name, decided):
            return False
    return True


def _met(needs: Sequence[tuple[Key, int, Ask]], name: str, decided: Decided) -> bool:
    for needed, allowed, _ask in needs:
        other = needed if isinstance(needed, str) else needed[0]
        if other != name and not decided.get(needed, 0) & allowed:
            return False
    return True
