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

try:
    # What stands behind importlib is loaded already; importlib itself costs 1 ms.
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
except ImportError:
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from importlib.util import MAGIC_NUMBER

import pkm_env
from pkm_build import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    # Where the source and the bytecode are, whether it is a package, the source's time (ns) and size.
    Known = tuple[str, str, bool, int, int]
    # With where the code begins behind the index, and its size.
    Entry = tuple[str, str, bool, int, int, int, int]

OWN = ("pkm_env", "pkm_build")
# What stands before the code in a file of bytecode: magic number, flags, the source's time (s) and size (PEP 552).
HEADER = 16
CHECKED_BY_TIME = bytes(4)
# A bundle begins with the size of its index.
SIZE = 8


class Loader(SourceFileLoader):
    """Loads a module from a bundle."""

    def __init__(self, name: str, bundle: Bundle, entry: Entry) -> None:
        super().__init__(name, entry[0])
        self._bundle = bundle
        self._entry = entry

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the module, compiled from its source where what was kept cannot be read."""
        try:
            code: CodeType = marshal.loads(self._bundle.code(self._entry))  # noqa: S302 - as trusted as bytecode
        except (OSError, EOFError, ValueError, TypeError):
            return super().get_code(fullname)
        return code


class Bundle:
    """What the file *path* keeps of the modules below *root*; finds them for ``import``.

    The index alone is read at once: memory that is touched costs more than reading, and most modules are not needed.
    """

    def __init__(self, root: str, path: str) -> None:
        self.root = root
        self.path = path
        self.before = set(sys.modules)
        self.modules: dict[str, Entry] = {}
        self._begin = 0
        self._content = b""
        self._descriptor = -1
        try:
            self._open()
        except (OSError, EOFError, ValueError, TypeError):
            return

    def _open(self) -> None:
        """Read the index; it counts for the same Python and pkm, and where that was not moved: code knows its place.

        Sources of another pkm may agree in size and time, where times are set to one for all, as in some images.
        """
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            whole = os.fstat(descriptor).st_size
            self._begin = SIZE + int.from_bytes(os.read(descriptor, SIZE), "little")
            head = os.read(descriptor, min(self._begin, whole) - SIZE)
            *made_by, size, modules = marshal.loads(head)  # noqa: S302 - as trusted as bytecode
            if (made_by, self._begin + size) != ([MAGIC_NUMBER, __version__, self.root], whole):
                return
            self.modules = modules
            if hasattr(os, "pread"):
                self._descriptor, descriptor = descriptor, -1
            else:
                os.lseek(descriptor, 0, os.SEEK_SET)
                self._content = os.read(descriptor, whole)
        finally:
            # Windows: a file that is open could not be replaced, least of all by one that is whole.
            if descriptor >= 0:
                os.close(descriptor)

    def code(self, entry: Entry) -> bytes:
        """Return what marshal reads as the code of a module.

        :raises OSError: when the file cannot be read.
        """
        begin, size = self._begin + entry[5], entry[6]
        if self._descriptor < 0:
            return self._content[begin : begin + size]
        return os.pread(self._descriptor, size, begin)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return how to load a module, None for those that are not here or have another source by now."""
        entry = self.modules.get(name)
        if entry is None or not is_current(entry):
            return None
        origin, cached, is_package = entry[:3]
        spec = ModuleSpec(name, Loader(name, self, entry), origin=origin, is_package=is_package)
        spec.has_location = True
        spec.cached = cached
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(origin))
        return spec

    def keep(self) -> None:
        """Add the modules that this process had to load from elsewhere."""
        if sys.dont_write_bytecode:
            return
        fresh: dict[str, tuple[Known, bytes]] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in OWN and name not in self.before:
                found = self.code_of(module)
                if found is not None:
                    fresh[name] = found
        if fresh:
            current = {name: entry for name, entry in self.modules.items() if is_current(entry)}
            try:
                kept = {name: (entry[:5], self.code(entry)) for name, entry in current.items()}
                write(self.path, self.root, {**kept, **fresh})
            except OSError:
                return

    def code_of(self, module: ModuleType) -> tuple[Known, bytes] | None:
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
        return (spec.origin, spec.cached, is_package, seen.st_mtime_ns, seen.st_size), found[HEADER:]


def is_current(entry: Known | Entry) -> bool:
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


def write(path: str, root: str, modules: dict[str, tuple[Known, bytes]]) -> None:
    """Write a bundle in one step.

    :raises OSError: when that cannot be done; nothing is left then.
    """
    index: dict[str, Entry] = {}
    begin = 0
    for name, (known, code) in modules.items():
        index[name] = (*known, begin, len(code))
        begin += len(code)
    head = marshal.dumps((MAGIC_NUMBER, __version__, root, begin, index))
    beside = f"{path}.{os.getpid()}"
    try:
        with open(beside, "wb") as file:
            file.write(
                b"".join([len(head).to_bytes(SIZE, "little"), head, *[code for _, code in modules.values()]])
            )
        os.replace(beside, path)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
