"""The bytecode of pkm's own modules in one file, so that a command opens one in place of eighty.

Python looks along its path for each module, and opens, reads and checks a file of bytecode for each: a third of
what imports cost. A bundle stands beside those files and holds what commands have loaded before. What it gives is
what Python itself had compiled; a module whose source is not as it was then is loaded as ever, and so are all
where there is no bundle, or none that can be read. Where Python may not write bytecode, no bundle is written.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader

import pkm_env

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    # Where the source and the bytecode are, whether it is a package, the source's time (ns) and size, the code.
    Entry = tuple[str, str, bool, int, int, bytes]

OWN = ("pkm_env", "pkm_build")
# What stands before the code in a file of bytecode: magic number, flags, the source's time (s) and size (PEP 552).
HEADER = 16
CHECKED_BY_TIME = bytes(4)


class Loader(SourceFileLoader):
    """Loads a module from the code at hand."""

    def __init__(self, name: str, path: str, code: bytes) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the module, compiled from its source where what was kept cannot be read."""
        try:
            code: CodeType = marshal.loads(self._code)  # noqa: S302 - as trusted as the bytecode it stands beside
        except (EOFError, ValueError, TypeError):
            return super().get_code(fullname)
        return code


class Bundle:
    """What the file *path* keeps of the modules below *root*; finds them for ``import``."""

    def __init__(self, root: str, path: str) -> None:
        self.root = root
        self.path = path
        self.modules = read(path, root)
        self.before = set(sys.modules)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return how to load a module, None for those that are not here or have another source by now."""
        entry = self.modules.get(name)
        if entry is None or not is_current(entry):
            return None
        origin, cached, is_package, _changed, _size, code = entry
        spec = ModuleSpec(name, Loader(name, origin, code), origin=origin, is_package=is_package)
        spec.has_location = True
        spec.cached = cached
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(origin))
        return spec

    def keep(self) -> None:
        """Add the modules that this process had to load from elsewhere."""
        if sys.dont_write_bytecode:
            return
        fresh: dict[str, Entry] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in OWN and name not in self.before:
                entry = self.entry_of(module)
                if entry is not None:
                    fresh[name] = entry
        if fresh:
            still = {name: entry for name, entry in self.modules.items() if is_current(entry)}
            write(self.path, self.root, {**still, **fresh})

    def entry_of(self, module: ModuleType) -> Entry | None:
        """Return what to keep of a module that Python loaded from bytecode below the root, else None."""
        spec = module.__spec__
        if spec is None or type(spec.loader) is not SourceFileLoader or not spec.origin or not spec.cached:
            return None
        if not spec.origin.startswith(self.root):
            return None
        try:
            seen = os.stat(spec.origin)
            with open(spec.cached, "rb") as file:
                found = file.read()
        except OSError:
            return None
        stamp = [int(seen.st_mtime) & 0xFFFFFFFF, seen.st_size & 0xFFFFFFFF]
        header = MAGIC_NUMBER + CHECKED_BY_TIME + b"".join(number.to_bytes(4, "little") for number in stamp)
        if found[:HEADER] != header:
            return None
        is_package = spec.submodule_search_locations is not None
        return spec.origin, spec.cached, is_package, seen.st_mtime_ns, seen.st_size, found[HEADER:]


def is_current(entry: Entry) -> bool:
    """Return whether the source of a module is what it was when it was compiled."""
    try:
        seen = os.stat(entry[0])
    except OSError:
        return False
    return (seen.st_mtime_ns, seen.st_size) == entry[3:5]


def use() -> Bundle | None:
    """Let imports find what the bundle beside the bytecode of this package holds; None where it has no such place."""
    spec = pkm_env.__spec__
    if spec is None or not spec.cached or sys.flags.optimize:
        return None
    root = os.path.dirname(os.path.dirname(pkm_env.__file__))
    name = f"modules.{sys.implementation.cache_tag}.bundle"
    found = Bundle(root, os.path.join(os.path.dirname(spec.cached), name))
    sys.meta_path.insert(0, found)
    return found


def read(path: str, root: str) -> dict[str, Entry]:
    """Return what a bundle holds; nothing where it is missing, cut short, another Python's, or was moved with pkm.

    Code knows its place, which tracebacks name.
    """
    try:
        with open(path, "rb") as file:
            found = marshal.loads(file.read())  # noqa: S302 - as trusted as the bytecode it stands beside
        magic, place, modules = found
    except (OSError, EOFError, ValueError, TypeError):
        return {}
    return modules if (magic, place) == (MAGIC_NUMBER, root) and isinstance(modules, dict) else {}


def write(path: str, root: str, modules: dict[str, Entry]) -> None:
    """Write a bundle in one step; where that cannot be done, there is none."""
    beside = f"{path}.{os.getpid()}"
    try:
        with open(beside, "wb") as file:
            file.write(marshal.dumps((MAGIC_NUMBER, root, modules)))
        os.replace(beside, path)
    except OSError:
        try:
            os.unlink(beside)
        except OSError:
            return
