"""The tags that native files ask for: read from their headers and from the suffixes of extension modules.

Source: System V ABI, "ELF Header"; Mach-O reference (loader.h); PE format; PEP 3149; Platform compatibility tags.
"""

from __future__ import annotations

import sys

from pkm_build import tags
from pkm_build.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from pkm_build.work import Build

    Order = Literal["big", "little"]

EM_PPC64, EM_X86_64 = 21, 62
ELF_MACHINES = {
    3: "i686",
    EM_PPC64: "ppc64",
    22: "s390x",
    40: "armv7l",
    EM_X86_64: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
PE_MACHINES = {0x14C: "win32", 0x8664: "win_amd64", 0xAA64: "win_arm64", 0x1C4: "win_arm32"}
MACHO_CPUS = {
    7: "i386",
    0x0100_0007: "x86_64",
    12: "arm",
    0x0100_000C: "arm64",
    18: "ppc",
    0x0100_0012: "ppc64",
}
MACHO_MAGIC: dict[bytes, Order] = {
    b"\xfe\xed\xfa\xce": "big",
    b"\xfe\xed\xfa\xcf": "big",
    b"\xce\xfa\xed\xfe": "little",
    b"\xcf\xfa\xed\xfe": "little",
}
FAT_MAGIC = b"\xca\xfe\xba\xbe"
ELF_HEADER = 20  # bytes up to and with the machine
BIG_SUR = 11  # the macOS from which on the minor number says nothing of the system's interface
MAX_SLICES = 30  # a Java class has the same magic, and a larger number here
BUILD_VERSION, VERSION_MIN = 0x32, 0x24


def tags_for(build: Build, names: Sequence[str], native: Sequence[tuple[str, bytes]]) -> list[str]:
    """Return the expanded tags of a wheel with the members *names*, of which *native* begin like native files.

    :raises BuildError: when the native files do not go together
    """
    sources = build.member_sources
    platforms: dict[str, str] = {}
    code: list[str] = []
    for name, _ in native:
        found = platform_of(sources[name])
        if found:
            code.append(name)
            platforms.setdefault(found, name)
    for name in names:
        if name not in code and is_module(name):
            raise BuildError(
                f"{name} has the suffix of a native module, but is none (no ELF, Mach-O or PE header)"
            )
    if not code:
        return [tags.PURE]
    if len(platforms) > 1 and all(name.endswith(".exe") for name in code):
        build.warn.append(
            f"{code[0]} and others are programs for several systems, and so taken as data: {tags.PURE}"
        )
        return [tags.PURE]
    python, abi = one_python({part for part in (python_of(name, build) for name in code) if part})
    number = f"{python}-{abi}-{one_platform(platforms)}"
    if not build.settings.extensions and not build.settings.hook:
        build.warn.append(f"{code[0]} is native, so the tag is {number}")
    return tags.expand(number)


def one_python(pythons: set[tuple[str, str]]) -> tuple[str, str]:
    """Return the interpreter and ABI tags that fit all of *pythons*; of libraries alone, any Python's.

    :raises BuildError: when they are for different ones
    """
    full = {part for part in pythons if part[1] not in ("abi3", "abi3t")}
    if len(full) > 1 or (full and any(newer(part, next(iter(full))) for part in pythons - full)):
        shown = ", ".join(sorted("-".join(part) for part in pythons))
        raise BuildError(
            f"the native modules are of several Pythons: {shown}",
            "build one wheel for each, or say what it is for: tool.pkm.build.tags",
        )
    if full:
        return next(iter(full))
    if not pythons:
        return "py3", "none"
    oldest_python = max(int(part[0][2:]) for part in pythons)
    return f"cp{oldest_python}", ".".join(sorted({part[1] for part in pythons}))


def newer(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether a limited API needs a newer Python than the one that another module is made for."""
    return other[0][:2] == "cp" and int(one[0][2:]) > int(other[0][2:])


def is_module(name: str) -> bool:
    """Return whether a member has the suffix of a native module with its interpreter in it."""
    base = name.rpartition("/")[2]
    return base.endswith((".so", ".pyd")) and (
        ".cpython-" in base or ".abi3" in base or ".pypy" in base or ".cp3" in base
    )


def python_of(name: str, build: Build) -> tuple[str, str] | None:
    """Return interpreter and ABI tag that a native file is made for, None for one that is no module."""
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    _, dot, mark = stem.rpartition(".")
    if not dot or suffix not in ("so", "pyd"):
        return limited_pyd(name, build)
    word, _, rest = mark.partition("-")
    if word in ("abi3", "abi3t"):
        return oldest(name, build), word
    if word == "cpython" and rest[:1].isdigit():
        number = rest.partition("-")[0]
        return "cp" + number.rstrip("tdm"), "cp" + number
    if word[:2] == "cp" and word[2:3].isdigit() and rest:
        return word.rstrip("td"), word
    if word[:4] == "pypy" and rest:
        return word.replace("pypy", "pp"), f"{word}_{rest.partition('-')[0]}"
    return None


def limited_pyd(name: str, build: Build) -> tuple[str, str] | None:
    """Return the tag of a Windows module without an interpreter in its name, which has the limited API."""
    dotted = name.rpartition(".")[0].replace("/", ".")
    for extension in build.settings.extensions:
        if extension.name == dotted:
            return (oldest(name, build), "abi3") if extension.limited_api else current()
    return current() if name.endswith(".pyd") else None


def current() -> tuple[str, str]:
    """Return interpreter and ABI tag of this Python."""
    import sysconfig

    number = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return number, number + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


def oldest(name: str, build: Build) -> str:
    """Return the interpreter tag of the oldest Python that a limited module runs on: as declared, else this one."""
    dotted = name.partition(".")[0].replace("/", ".")
    for extension in build.settings.extensions:
        if extension.name == dotted and extension.limited_api:
            return "cp" + extension.limited_api.replace(".", "")
    asked = build.project.requires_python or ""
    for clause in asked.split(","):
        parts = clause.strip()[2:].strip().split(".")
        if clause.strip()[:2] in (">=", "~=", "==") and parts[0] == "3" and parts[1:2] and parts[1].isdigit():
            return "cp3" + parts[1]
    return current()[0]


def one_platform(platforms: dict[str, str]) -> str:
    """Return the platform tag that fits all native files; *platforms* maps each to one of them.

    :raises BuildError: when they are for different ones
    """
    if len(platforms) == 1:
        return next(iter(platforms))
    if all(platform.startswith("macosx_") for platform in platforms):
        versions = [tuple(map(int, platform.split("_")[1:3])) for platform in platforms]
        machines = {platform.split("_", 3)[3] for platform in platforms}
        if len(machines) == 1:
            major, minor = max(versions)
            return f"macosx_{major}_{minor}_{machines.pop()}"
    shown = ", ".join(f"{name} ({platform})" for platform, name in sorted(platforms.items()))
    raise BuildError(
        f"the native files are for different platforms: {shown}",
        'build one wheel for each; where they are only data, tool.pkm.build.tags = ["py3-none-any"]',
    )


def platform_of(source: str | bytes) -> str:
    """Return the platform tag of a native file, "" for one that only begins like it."""
    from pkm_build.archives import read_bytes

    data = read_bytes(source)
    if data[:4] == b"\x7fELF":
        return elf_platform(data) if len(data) >= ELF_HEADER else ""
    if data[:2] == b"MZ":
        start = int.from_bytes(data[60:64], "little")
        known = data[start : start + 4] == b"PE\0\0"
        return PE_MACHINES.get(int.from_bytes(data[start + 4 : start + 6], "little"), "") if known else ""
    if data[:4] == FAT_MAGIC:
        return fat_platform(data)
    if data[:4] in MACHO_MAGIC:
        machine, version = macho_slice(data)
        return mac_tag(version, machine) if machine else ""
    return host_platform() if data[:8] == b"!<arch>\n" else ""


def host_platform() -> str:
    """Return the platform tag of this interpreter."""
    import sysconfig

    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def elf_platform(data: bytes) -> str:
    """Return the platform tag of an ELF file; this interpreter's where the machine is not known."""
    order: Order = "big" if data[5:6] == b"\2" else "little"
    number = int.from_bytes(data[18:20], order)
    machine = ELF_MACHINES.get(number, "")
    if number == EM_PPC64 and order == "little":
        machine = "ppc64le"
    if number == EM_X86_64 and data[4:5] == b"\1":  # x32, which has no tag
        machine = ""
    host = host_platform()
    if not machine:
        return host
    return f"linux_{machine}" if host.startswith(("linux", "macosx", "win")) else host


def macho_slice(data: bytes) -> tuple[str, tuple[int, int]]:
    """Return machine and oldest macOS of one Mach-O image."""
    order = MACHO_MAGIC.get(data[:4], "little")

    def word(at: int) -> int:
        return int.from_bytes(data[at : at + 4], order)

    machine = MACHO_CPUS.get(word(4), "")
    at = 32 if data[:4] in (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf") else 28
    version = (11, 0) if machine == "arm64" else (10, 9)
    for _ in range(word(16)):
        if at >= len(data):
            break  # a count that the file does not hold
        command, size = word(at), word(at + 4)
        if command == BUILD_VERSION:
            version = (word(at + 12) >> 16, word(at + 12) >> 8 & 255)
        elif command == VERSION_MIN:
            version = (word(at + 8) >> 16, word(at + 8) >> 8 & 255)
        at += max(size, 8)
    return machine, version


def fat_platform(data: bytes) -> str:
    """Return the tag of a file with images for several machines, "" for a Java class or one that is cut off."""
    count = int.from_bytes(data[4:8], "big")
    if count > MAX_SLICES:
        return ""
    slices = {}
    for at in range(8, 8 + 20 * count, 20):
        start, size = (
            int.from_bytes(data[at + 8 : at + 12], "big"),
            int.from_bytes(data[at + 12 : at + 16], "big"),
        )
        machine, version = macho_slice(data[start : start + size])
        slices[machine] = version
    if not slices or "" in slices:
        return ""
    if set(slices) == {"x86_64", "arm64"}:
        return mac_tag(slices["x86_64"], "universal2")
    if len(slices) == 1:
        machine, version = next(iter(slices.items()))
        return mac_tag(version, machine)
    names = {("i386", "x86_64"): "intel", ("i386", "ppc"): "fat", ("i386", "ppc", "x86_64"): "fat3"}
    return mac_tag(max(slices.values()), names.get(tuple(sorted(slices)), "universal"))


def mac_tag(version: tuple[int, int], machine: str) -> str:
    """Return the tag for macOS from *version* on; from 11 on the minor number counts as 0."""
    major, minor = version
    return f"macosx_{major}_{0 if major >= BIG_SUR else minor}_{machine}"
