"""The tags of a wheel, from what lies in it.

Source: Platform compatibility tags; PEP 425; PEP 3149 for the suffixes of extension modules.
"""

from __future__ import annotations

from pkm_build.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PURE = "py3-none-any"
PARTS = 3  # interpreter, ABI, platform
NATIVE_SUFFIXES = (".so", ".pyd", ".dylib", ".dll", ".a", ".lib", ".exe", ".o", ".obj")


def looks_native(name: str) -> bool:
    """Return whether a file has the suffix of a native one; versions after ``.so`` are seen."""
    base = name.rpartition("/")[2]
    return base.endswith(NATIVE_SUFFIXES) or ".so." in base


def is_tag(text: str) -> bool:
    """Return whether *text* has the form of a tag, or of a compressed set of them."""
    parts = text.split("-")
    return text.count("-") == PARTS - 1 and all(
        word.replace("_", "").isalnum() and word.isascii() for part in parts for word in part.split(".")
    )


def expand(tag: str) -> list[str]:
    """Return the single tags that a compressed set of tags stands for, sorted."""
    python, abi, platform = tag.split("-")
    return sorted(
        [f"{p}-{a}-{q}" for p in python.split(".") for a in abi.split(".") for q in platform.split(".")]
    )


def one_set(tags: Iterable[str]) -> bool:
    """Return whether some compressed set means exactly these tags."""
    try:
        compress(tags)
    except BuildError:
        return False
    return True


def compress(tags: Iterable[str]) -> str:
    """Return tags as one compressed set for a file name.

    :raises BuildError: when no compressed set means exactly these tags
    """
    single = sorted({one for tag in tags for one in expand(tag)})
    columns = [sorted({tag.split("-")[at] for tag in single}) for at in range(3)]
    joined = "-".join([".".join(column) for column in columns])
    if expand(joined) != single:
        raise BuildError(f"the tags {', '.join(single)} can't stand in one file name")
    return joined


def default_tag(native: Sequence[str], pure: bool | None) -> str:
    """Return the tag of a wheel without *native* files.

    :raises BuildError: when there are native files in a wheel that is said to be pure
    """
    if native and pure:
        raise BuildError(
            f"{native[0]} is native code, but tool.pkm.build says pure = true",
            "remove the file, exclude it, or remove the key: the tag then follows from what is in the wheel",
        )
    return PURE
