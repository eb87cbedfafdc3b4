"""The wheel tags of a probed interpreter, best first, from the facts that its probe printed (pure).

``packaging.tags`` computes them for the interpreter that runs it; pkm runs in another one. What it
offers for given platforms is used, the list of Linux platforms is made here.

Source: Platform compatibility tags; PEP 600 (manylinux), PEP 656 (musllinux).
"""

from __future__ import annotations

from packaging.tags import compatible_tags, cpython_tags, generic_tags, mac_platforms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

LEGACY_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# The oldest glibc that manylinux speaks of: 2.5 on x86, 2.17 elsewhere.
OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
MANYLINUX_ARCHITECTURES = frozenset(
    {"x86_64", "i686", "aarch64", "armv7l", "armv8l", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64"}
)
NARROW = 32  # bits of a pointer
SHORT_NAMES = {"pypy": "pp", "cpython": "cp", "ironpython": "ip", "jython": "jy"}


def tags_of(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tags that the interpreter of *facts* (see ``probe.SCRIPT``) supports, best first."""
    version = (facts["version_info"][0], facts["version_info"][1])
    platforms = list(platforms_of(facts))
    name = SHORT_NAMES.get(facts["implementation"], facts["implementation"])
    digits = "".join(map(str, version))
    if name == "cp":
        tags = [*cpython_tags(version, cpython_abis(facts), platforms)]
    else:
        tags = [*generic_tags(f"{name}{digits}", generic_abis(facts), platforms)]
    alone = "pp3" if name == "pp" else f"{name}{digits}"
    tags += compatible_tags(version, alone, platforms)
    return tuple(dict.fromkeys(map(str, tags)))


def cpython_abis(facts: Mapping[str, Any]) -> list[str]:
    """Return the ABI of a CPython; a debug build also loads modules of the usual one."""
    digits = "".join(map(str, facts["version_info"][:2]))
    plain = f"cp{digits}{'t' if facts['free_threaded'] else ''}"
    return [f"{plain}d", plain] if facts["debug"] else [plain]


def generic_abis(facts: Mapping[str, Any]) -> list[str]:
    """Return the ABI of another implementation, from the suffix of its extension modules."""
    abi, dot, _ending = facts["ext_suffix"].partition(".")[2].partition(".")
    if not dot or not abi:
        return []
    words = abi.split("-")
    kept = words[:3] if words[0] == "graalpy" else words[:2]
    return ["-".join(kept).replace(".", "_").replace("-", "_").replace(" ", "_")]


def platforms_of(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the platform tags, best first."""
    plain = facts["platform"].replace(".", "_").replace("-", "_").replace(" ", "_")
    if facts["sys_platform"] == "darwin":
        version, machine = facts["mac_version"].split("."), facts["mac_machine"]
        numbers = (int(version[0]), int(version[1]) if len(version) > 1 else 0)
        yield from mac_platforms(numbers, "i386" if facts["bits"] == NARROW else machine)
    elif facts["sys_platform"] == "linux" and plain.startswith("linux_"):
        yield from linux_platforms(plain, facts["bits"], tuple(facts["glibc"]), tuple(facts["musl"]))
    else:
        yield plain


def linux_platforms(plain: str, bits: int, glibc: tuple[int, ...], musl: tuple[int, ...]) -> Iterator[str]:
    """Yield the tags of a Linux whose C library is glibc or musl of the given version (empty: not it)."""
    if bits == NARROW:
        plain = {"linux_x86_64": "linux_i686", "linux_aarch64": "linux_armv8l"}.get(plain, plain)
    machine = plain.removeprefix("linux_")
    machines = ["armv8l", "armv7l"] if machine == "armv8l" else [machine]
    for name in machines:
        yield f"linux_{name}"
    for name in machines:
        if glibc and name in MANYLINUX_ARCHITECTURES:
            for minor in range(glibc[1], OLDEST_GLIBC.get(name, 17) - 1, -1):
                yield f"manylinux_{glibc[0]}_{minor}_{name}"
                if minor in LEGACY_MANYLINUX:
                    yield f"{LEGACY_MANYLINUX[minor]}_{name}"
    for name in machines:
        if musl:
            for minor in range(musl[1], -1, -1):
                yield f"musllinux_{musl[0]}_{minor}_{name}"
