"""The shortest readable marker that is true on exactly a given set of targets.

A marker is sought as a union of few conjunctions, each of a range of Pythons, a system and an
architecture. Targets that nobody cares for may fall on either side.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pkm_env.model.target import Target

    Part = tuple[int, str]  # the targets for which a text is true, and the text


class IndistinctTargets(ValueError):
    """No marker tells the wanted targets from the others: two of them have the same values."""


def marker_for(targets: Sequence[Target], wanted: int, dont_care: int = 0) -> str:
    """Return the shortest marker that is true on the targets in *wanted* and false on the rest.

    Bit ``i`` of a mask is ``targets[i]``; those in *dont_care* may be either. "" is true everywhere.

    :raises IndistinctTargets: when no marker tells them apart.
    """
    every = (1 << len(targets)) - 1
    wanted &= every & ~dont_care
    unwanted = every & ~wanted & ~dont_care
    if not unwanted:
        return ""
    best: dict[int, str] = {}
    for mask, touched, texts in _conjunctions(targets, wanted):
        covered = mask & wanted
        if not covered or touched & unwanted or (touched & ~mask & wanted):
            continue
        text = " and ".join(texts)
        if covered not in best or _cost(text) < _cost(best[covered]):
            best[covered] = text
    return _cover(best, wanted)


def _cost(text: str) -> tuple[int, int, str]:
    return (text.count(" and "), len(text), text)


def _cover(parts: dict[int, str], wanted: int) -> str:
    """Return the cheapest union of *parts* that is *wanted*: one, two, else as greed finds them."""
    if wanted in parts:
        return parts[wanted]
    widest = [mask for mask in parts if not any(mask != other and not mask & ~other for other in parts)]
    pairs = [(one, other) for one in widest for other in widest if one < other and one | other == wanted]
    if pairs:
        texts = [sorted((parts[one], parts[other]), key=_cost) for one, other in pairs]
        return _either(
            min(texts, key=lambda pair: (sum(_cost(text)[0] for text in pair), sum(map(len, pair)), pair))
        )
    chosen = []
    left = wanted
    while left:
        if not widest:
            raise IndistinctTargets
        mask = min(widest, key=lambda mask: (-(mask & left).bit_count(), _cost(parts[mask])))
        if not mask & left:
            raise IndistinctTargets
        chosen.append(parts[mask])
        left &= ~mask
    return _either(chosen)


def _either(texts: Iterable[str]) -> str:
    return " or ".join(f"({text})" if " and " in text else text for text in texts)


def _conjunctions(targets: Sequence[Target], wanted: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield what may be true on some *wanted* target: the targets wholly within, those touched, the texts."""
    every = (1 << len(targets)) - 1
    pythons = [(every, every, ""), *_python_ranges(targets)]
    systems = [(every, ""), *_values(targets, "sys_platform")]
    machines = [(every, ""), *_values(targets, "platform_machine")]
    kinds = [(every, ""), *_values(targets, "implementation_name")]
    places = [
        (system & machine & kind, tuple(text for text in (system_text, machine_text, kind_text) if text))
        for system, system_text in systems
        for machine, machine_text in machines
        for kind, kind_text in kinds
        if system & machine & kind & wanted
    ]
    for python, touched, python_text in pythons:
        for place, texts in places if python & wanted else ():
            if python & place and (python_text or texts):
                yield python & place, touched & place, (python_text, *texts) if python_text else texts


def _values(targets: Sequence[Target], variable: str) -> list[Part]:
    """Return the comparisons of a variable with each of its values, where it has several."""
    masks: dict[str, int] = {}
    for place, target in enumerate(targets):
        value = target.markers.get(variable, "")
        masks[value] = masks.get(value, 0) | 1 << place
    if len(masks) <= 1:
        return []
    every = (1 << len(targets)) - 1
    found = [(mask, f"{variable} == '{value}'") for value, mask in sorted(masks.items())]
    return found + [(every & ~mask, f"{variable} != '{value}'") for value, mask in sorted(masks.items())]


def _python_ranges(targets: Sequence[Target]) -> list[tuple[int, int, str]]:
    """Return runs of Pythons as (targets wholly within, targets touched, text).

    Runs are cut at minors by ``python_version``, at patches by ``python_full_version``.
    """
    keys = sorted({key for target in targets for key in _bounds(target)})
    firsts = {key[:2]: key for key in reversed(keys)}
    whole = [sum(1 << place for place, target in enumerate(targets) if _covers(target, key)) for key in keys]
    found = []
    for start, low in enumerate(keys):
        touched = 0
        for end in range(start, len(keys)):
            touched |= whole[end]
            outside = 0
            for mask in (*whole[:start], *whole[end + 1 :]):
                outside |= mask
            after = keys[end + 1] if end + 1 < len(keys) else None
            text = _range_text(low if start else None, after, firsts)
            if text:
                found.append((touched & ~outside, touched, text))
            if (
                firsts[low[:2]] == low
                and keys[end][:2] == low[:2]
                and (after is None or after[:2] != low[:2])
            ):
                minor = f"{low[0]}.{low[1]}"
                found.append((touched, touched, f"python_version == '{minor}'"))
                # At an end of the targets a range says the same, and says it of Pythons beyond them too.
                if start and after is not None:
                    found.append((outside, outside, f"python_version != '{minor}'"))
    return found


def _bounds(target: Target) -> Iterator[tuple[int, int, int]]:
    """Yield where a target's patch releases begin, and where those after them do."""
    major, minor = target.python.split(".")
    low, high = target.patches
    yield int(major), int(minor), low
    if high is not None:
        yield int(major), int(minor), high + 1


def _covers(target: Target, key: tuple[int, int, int]) -> bool:
    """Return whether a target stands for the patch releases from *key* to the next bound."""
    low, high = target.patches
    return target.python == f"{key[0]}.{key[1]}" and low <= key[2] and (high is None or key[2] <= high)


def _range_text(
    low: tuple[int, int, int] | None,
    after: tuple[int, int, int] | None,
    firsts: dict[tuple[int, int], tuple[int, int, int]],
) -> str:
    bounds = []
    for key, operator in ((low, ">="), (after, "<")):
        if key is None:
            continue
        if firsts[key[:2]] == key:
            bounds.append(f"python_version {operator} '{key[0]}.{key[1]}'")
        else:
            bounds.append(f"python_full_version {operator} '{key[0]}.{key[1]}.{key[2]}'")
    return " and ".join(bounds)
