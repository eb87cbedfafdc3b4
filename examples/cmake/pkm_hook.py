"""Builds the library with CMake."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkm_build.hooks import Context


def requires(kind: str) -> list[str]:
    """Ask for CMake where the machine has none."""
    return [] if kind == "sdist" or shutil.which("cmake") else ["cmake>=3.18"]


def build(context: Context) -> None:
    """Configure and build in the work folder, then add the library to the wheel."""
    source = os.path.join(context.root, "native")
    options = ["-DCMAKE_BUILD_TYPE=Release"]
    if os.name == "posix":  # the same bytes in any folder
        options.append(f"-DCMAKE_C_FLAGS=-ffile-prefix-map={context.root}=.")
    context.run("cmake", "-S", source, "-B", context.work, *options)
    context.run("cmake", "--build", context.work, "--config", "Release")
    for folder, _, names in os.walk(context.work):
        for name in names:
            if name in ("libarea.so", "libarea.dylib", "area.dll"):
                context.add(f"area/{name}", os.path.join(folder, name), executable=True)
