"""Which sections and targets have an entry, as a marker and back.

Source: LOCK.md's rule that a section is a dependency-group name and every entry names its
sections by positive markers; pylock.toml specification, "packages.marker".
"""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.model.markers import marker_for
from pkm_env.model.target import target_from_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pkm_env.lock.lockfile import Lock, LockedPackage, LockSection
    from pkm_env.model.target import Target


def targets_of(section: LockSection) -> tuple[Target, ...]:
    """Return the targets of a section, in its order."""
    return tuple(target_from_key(key) for key in section.targets)


def membership_marker(
    package: LockedPackage,
    lock: Lock,
    targets: Mapping[str, tuple[Target, ...]],
    known: dict[Any, str] | None = None,
) -> str:
    """Return the marker of an entry: its sections or-ed, and-ed with conditions where targets differ.

    *known* keeps conditions for other entries: most sections have the same targets.
    """
    known = {} if known is None else known
    by_condition: dict[str, list[str]] = {}
    for name in sorted(package.sections):
        mask, section = package.sections[name], lock.sections[name]
        key = (mask, section.targets, section.left_out)
        if key not in known:
            known[key] = condition(mask, section, targets[name])
        by_condition.setdefault(known[key], []).append(name)
    parts = []
    for text, names in by_condition.items():
        groups = " or ".join(f"'{name}' in dependency_groups" for name in names)
        if not text:
            parts.append(groups)
        else:
            groups = f"({groups})" if len(names) > 1 else groups
            parts.append(f"{groups} and ({text})" if " or " in text else f"{groups} and {text}")
    if len(parts) == 1:
        return parts[0]
    return " or ".join(f"({part})" if " and " in part else part for part in parts)


def condition(mask: int, section: LockSection, targets: tuple[Target, ...]) -> str:
    """Return the marker that tells the targets in *mask* from the others of the section; "" for all.

    A target that was left out is a don't-care: no marker excludes it for that alone.
    """
    if mask == (1 << len(targets)) - 1:
        return ""
    left_out = tuple(target_from_key(key) for key, _ in section.left_out)
    dont_care = ((1 << len(left_out)) - 1) << len(targets)
    return marker_for((*targets, *left_out), mask, dont_care)


def environments_of(lock: Lock, targets: Mapping[str, tuple[Target, ...]]) -> tuple[str, ...]:
    """Return the markers of all environments that the file speaks for, sorted: the union of all targets."""
    pythons: dict[tuple[str, str, str], set[str]] = {}
    for name in lock.sections:
        for target in targets[name]:
            values = target.markers
            system = (values["sys_platform"], values["platform_machine"], values["implementation_name"])
            pythons.setdefault(system, set()).add(target.python)
    found = []
    for (sys_platform, machine, implementation), minors in sorted(pythons.items()):
        versions = python_condition(minors)
        found.append(
            f"{versions} and sys_platform == '{sys_platform}' and platform_machine == '{machine}'"
            f" and implementation_name == '{implementation}'"
        )
    return tuple(found)


def python_condition(minors: set[str]) -> str:
    """Return the marker for a set of Python minors, as ranges."""
    numbers = sorted(tuple(map(int, minor.split("."))) for minor in minors)
    runs: list[list[tuple[int, ...]]] = []
    for number in numbers:
        if runs and runs[-1][-1] == (number[0], number[1] - 1):
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [run_condition(run[0], run[-1]) for run in runs]
    return parts[0] if len(parts) == 1 else "(" + " or ".join(parts) + ")"


def run_condition(first: tuple[int, ...], last: tuple[int, ...]) -> str:
    """Return the marker of one run of minors."""
    low = ".".join(map(str, first))
    if first == last:
        return f"python_version == '{low}'"
    return f"python_version >= '{low}' and python_version < '{last[0]}.{last[1] + 1}'"


class BadLock(PkmError):
    """A lock that breaks its specification; *key* says where."""

    def __init__(self, path: str, key: str, reason: str, hint: str = "") -> None:
        super().__init__(f"{path}: {key}: {reason}" if key else f"{path}: {reason}", hint)
        self.path = path
        self.key = key
        self.reason = reason


def read_membership(
    marker: str, sections: Mapping[str, LockSection], targets: Mapping[str, tuple[Target, ...]]
) -> dict[str, int]:
    """Return the sections and target masks for which *marker* is true; "" is true everywhere."""
    if not marker:
        return {name: (1 << len(section.targets)) - 1 for name, section in sections.items()}
    from packaging.markers import Marker

    parsed = Marker(marker)
    found = {}
    for name in sections:
        mask = 0
        for bit, target in enumerate(targets[name]):
            environment: dict[str, str | frozenset[str]] = {
                **target.markers,
                "extras": frozenset(),
                "dependency_groups": frozenset((name,)),
            }
            if parsed.evaluate(environment, context="lock_file"):
                mask |= 1 << bit
        if mask:
            found[name] = mask
    return found
