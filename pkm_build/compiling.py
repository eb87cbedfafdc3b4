"""The process that compiles native modules with setuptools: ``python compiling.py SPEC``.

It runs in the project's folder, so that sources have relative names in the products, and maps the absolute ones
away: the same sources give the same bytes in any folder. It imports nothing of pkm.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def main(path: str) -> None:
    """Compile what the JSON file *path* describes; write the products, by path in the wheel, beside it."""
    with open(path, encoding="utf-8") as stream:
        spec = json.load(stream)
    try:
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext
    except ImportError as exc:
        sys.exit(f"setuptools is needed to compile native modules: {exc}")

    class Compile(build_ext):  # type: ignore[misc]  # setuptools has no types
        """setuptools' command, with flags for reproducible products once the compiler is known."""

        def build_extensions(self) -> None:
            """Compile all, with the absolute paths mapped away."""
            compiler, linker = quiet_flags(self.compiler.compiler_type, spec["root"], spec["work"])
            for extension in self.extensions:
                extension.extra_compile_args = [*compiler, *extension.extra_compile_args]
                extension.extra_link_args = [*linker, *extension.extra_link_args]
            super().build_extensions()

        def build_extension(self, extension: Any) -> None:
            """Compile one, and leave its name behind where that fails."""
            with blaming(path, extension.name):
                super().build_extension(extension)

    extensions = []
    for one in spec["extensions"]:
        with blaming(path, one["name"]):
            extensions.append(extension_of(Extension, one, spec))
    command = Compile(Distribution({"name": "native", "ext_modules": extensions}))
    command.build_lib = os.path.join(spec["work"], "lib")
    command.build_temp = os.path.join(spec["work"], "temp")
    command.parallel = spec["jobs"]
    command.ensure_finalized()
    command.run()
    made = {}
    for folder, _, names in os.walk(command.build_lib):
        for name in names:
            whole = os.path.join(folder, name)
            made[for_all(os.path.relpath(whole, command.build_lib).replace(os.sep, "/"))] = whole
    with open(path + ".out", "w", encoding="utf-8") as stream:
        json.dump(made, stream)


def for_all(name: str) -> str:
    """Return the name by which every Python finds a module with the limited API, not that of one system alone.

    setuptools takes the first that this Python knows, which since 3.15 is ".abi3-x86_64-linux-gnu.so" and the like.
    """
    stem, mark, rest = name.rpartition(".abi3-")
    return f"{stem}.abi3.so" if mark and rest.endswith(".so") else name


@contextmanager
def blaming(path: str, name: str) -> Iterator[None]:
    """Leave the name of an extension beside the description *path* where it can't be compiled."""
    try:
        yield
    except BaseException:  # whatever ends it, it is noted
        with open(path + ".failed", "a", encoding="utf-8") as stream:
            stream.write(name + "\n")
        raise


def extension_of(kind: Any, one: dict[str, Any], spec: dict[str, Any]) -> Any:
    """Return setuptools' Extension for the description *one*, its Cython sources translated."""
    macros = [(name, value) for name, value in one["define_macros"]]
    limited = one["limited_api"] and not sysconfig.get_config_var("Py_GIL_DISABLED")
    if limited:
        minor = int(one["limited_api"].partition(".")[2])
        macros.append(("Py_LIMITED_API", f"0x03{minor:02x}0000"))
    includes = list(one["include_dirs"])
    for package in one["include_packages"]:
        includes += headers_of(package)
    keys = ("undef_macros", "libraries", "library_dirs", "runtime_library_dirs", "extra_objects")
    made = kind(
        one["name"],
        one["sources"],
        depends=one["depends"],
        include_dirs=includes,
        define_macros=macros,
        extra_compile_args=one["extra_compile_args"],
        extra_link_args=one["extra_link_args"],
        language="c++" if one["language"] == "c++" else None,
        py_limited_api=bool(limited),
        **{key: one[key] for key in keys},
    )
    if one["cython"]:
        translate(made, spec)
    return made


def translate(extension: Any, spec: dict[str, Any]) -> None:
    """Put the C that Cython makes of the sources, written to the work folder, in their place."""
    try:
        from Cython.Build import cythonize
    except ImportError as exc:
        sys.exit(f"Cython is needed for {extension.name}: {exc}")
    done = cythonize(
        [extension],
        build_dir=os.path.join(spec["work"], "cython"),
        language_level=3,
        quiet=True,
        emit_linenums=False,
    )
    extension.sources = done[0].sources
    extension.language = done[0].language


def headers_of(package: str) -> list[str]:
    """Return the include folders of an installed package: what its ``get_include`` says, else its ``include``."""
    import importlib

    try:
        module = importlib.import_module(package)
    except ImportError as exc:
        sys.exit(f'include-packages names "{package}", which can\'t be imported: {exc}')
    ask = getattr(module, "get_include", None)
    if ask is not None:
        found = ask()
        return [found] if isinstance(found, str) else list(found)
    folders = [os.path.join(folder, "include") for folder in getattr(module, "__path__", [])]
    folders = [folder for folder in folders if os.path.isdir(folder)]
    if not folders:
        sys.exit(f'include-packages names "{package}", which has no headers')
    return folders


def quiet_flags(compiler: str, root: str, work: str) -> tuple[list[str], list[str]]:
    """Return flags for compiler and linker that keep folders and times out of the products."""
    if compiler == "msvc":
        return ["/Brepro"], ["/Brepro"]
    if compiler in ("unix", "mingw32", "cygwin"):
        maps = [f"-ffile-prefix-map={folder}=." for folder in (work, root)]
        return maps, []
    return [], []


if __name__ == "__main__":
    main(sys.argv[1])
