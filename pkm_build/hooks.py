"""The project's own build hook: a Python file that generates files, or runs another build system.

The file, ``pkm_hook.py`` by custom, may define

``build(context)``
    called for wheels and editable wheels; adds files to them.
``sdist(context)``
    called for sdists; adds files to them.
``requires(kind)``
    returns requirements, for ``kind`` "wheel", "editable" or "sdist".

Each gets a `Context`, except ``requires``.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import BuildError, HookFailed, PkmError
from pkm_build.grammar import NotUnderstood, read_requirement
from pkm_build.tags import is_tag
from pkm_build.work import work_folder

FOR_ALL = 0o111  # the marks of a program that all may run
HOOK = ("tool", "pkm", "build", "hook")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from pkm_build.archives import Member
    from pkm_build.layout import Root
    from pkm_build.work import Build


class Context:
    """What a hook may know and do.

    *kind* is "wheel", "editable" or "sdist"; *root* the project's folder; *work* an empty folder that is removed
    afterwards; *name* and *version* those of the project; *properties* and *profile* as pyproject.toml and the
    command say; *environ* the variables to run programs with.
    """

    def __init__(self, build: Build, kind: str, work: str) -> None:
        self.kind = kind
        self.root = os.path.abspath(build.root)
        self.work = work
        self.name = build.project.name
        self.version = build.version
        self.properties = dict(build.settings.properties)
        self.profile = build.settings.profile
        self.environ: dict[str, str] = dict(build.environ)
        self.tags: list[str] = []
        self.added: dict[str, tuple[str | bytes, bool]] = {}

    def add(self, path: str, source: str | bytes | os.PathLike[str], executable: bool = False) -> None:
        """Put a file, or content, at *path* in the archive (in an editable build: at its place in the tree).

        A relative *source* lies in the project's folder.

        :raises BuildError: for a path that leaves the archive, or a source that is no file
        """
        if set(path.split("/")) & {"", ".", ".."} or "\\" in path or path[1:2] == ":":
            raise BuildError(f'the hook adds "{path}", which is no path inside the archive')
        if isinstance(source, (bytes, bytearray)):
            self.added[path] = (bytes(source), executable)
            return
        try:
            whole = os.path.join(self.root, os.fspath(source))
        except TypeError as exc:
            raise BuildError(
                f"the hook adds {path} from {source!r}, which is no path and no content"
            ) from exc
        if not os.path.isfile(whole):
            raise BuildError(f"the hook adds {whole}, which is not there, or no file")
        self.added[path] = (whole, executable)

    def add_tree(self, folder: str, path: str = "") -> None:
        """Put all files below *folder* at *path* in the archive."""
        base = os.path.join(self.root, folder)
        for here, _, names in os.walk(base):
            for name in names:
                below = os.path.relpath(os.path.join(here, name), base).replace(os.sep, "/")
                self.add(f"{path.rstrip('/')}/{below}".lstrip("/"), os.path.join(here, name))

    def run(self, *command: str, cwd: str | None = None) -> None:
        """Run a program in the project's folder, its output shown.

        :raises HookFailed: when it is not there or ends with an error
        """
        import subprocess

        sys.stdout.flush()
        try:
            done = subprocess.run(command, cwd=cwd or self.root, env=self.environ, check=False)
        except OSError as exc:
            raise HookFailed(f"{command[0]} can't be run: {exc.strerror}") from exc
        if done.returncode:
            raise HookFailed(f"{' '.join(command)} ended with exit code {done.returncode}")


def load_hook(build: Build) -> ModuleType:
    """Return the hook file as a module; its own folder is importable for it.

    :raises HookFailed: when it cannot be imported
    """
    from importlib.util import module_from_spec, spec_from_file_location

    path = os.path.join(os.path.abspath(build.root), *build.settings.hook.split("/"))
    if not os.path.isfile(path):
        raise BuildError(f'"{build.settings.hook}" is not there', "", HOOK)
    spec = spec_from_file_location("pkm_hook", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    wrote = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a build leaves nothing in the tree
    sys.path.insert(0, os.path.dirname(path))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        raise failed(build, exc) from exc
    finally:
        sys.path.remove(os.path.dirname(path))
        sys.dont_write_bytecode = wrote
    return module


def failed(build: Build, exc: BaseException) -> HookFailed:
    """Return the error for an exception in the hook, with the line of the hook it came from."""
    line = 0
    trace = exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(os.path.basename(build.settings.hook)):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{build.settings.hook}:{line}" if line else build.settings.hook
    return HookFailed(f"{where}: {exc.__class__.__name__}: {exc}", "", HOOK)


def hook_requires(build: Build, kind: str) -> list[str]:
    """Return the requirements that the hook names for *kind*.

    What a wheel needs is needed for an sdist too where the hook adds files to both: they are compared.
    """
    module = load_hook(build)
    ask = getattr(module, "requires", None)
    if ask is None:
        return []
    kinds = [kind, "wheel"] if kind == "sdist" and adds_to_both(module) else [kind]
    try:
        found = list(dict.fromkeys([text for one in kinds for text in ask(one)]))
    except (Exception, SystemExit) as exc:
        raise failed(build, exc) from exc
    try:
        for text in found:
            read_requirement(text)
    except (NotUnderstood, TypeError, AttributeError) as exc:
        raise HookFailed(f"{build.settings.hook}: requires gives {text!r}: {exc}", "", HOOK) from exc
    return found


def adds_to_both(module: ModuleType) -> bool:
    """Return whether a hook has a function for wheels and one for sdists."""
    return hasattr(module, "build") and hasattr(module, "sdist")


def call(build: Build, name: str, kind: str, work: str) -> Context:
    """Call one function of the hook, if it has it, and return what it did."""
    context = Context(build, kind, work)
    function = getattr(load_hook(build), name, None)
    if function is not None:
        try:
            function(context)
        except PkmError as exc:
            if isinstance(exc, BuildError):
                exc.key = exc.key or HOOK
            raise
        except (Exception, SystemExit) as exc:
            raise failed(build, exc) from exc
    return context


def run_hook(build: Build, roots: Sequence[Root], editable: bool) -> list[Member]:
    """Return what the hook adds to a wheel; in an editable build it is written beside the sources instead."""
    work = work_folder(build, "hook")
    context = call(build, "build", "editable" if editable else "wheel", work)
    for tag in context.tags:
        if not isinstance(tag, str) or not is_tag(tag):
            raise BuildError(f"the hook gives the tag {tag!r}", 'tags look like "py3-none-any"', HOOK)
    build.hook_tags = tuple(context.tags)
    found: list[Member] = [(path, source, mode) for path, (source, mode) in sorted(context.added.items())]
    return place(build.root, roots, found) if editable else found


def sdist_files(build: Build) -> Mapping[str, str | bytes]:
    """Return what the hook adds to an sdist."""
    context = call(build, "sdist", "sdist", work_folder(build, "hook"))
    return {path: source for path, (source, _) in context.added.items()}


def wheel_names(build: Build) -> set[str]:
    """Return the names of what the hook adds to a wheel, which it makes for that."""
    return set(call(build, "build", "wheel", work_folder(build, "hook")).added)


def place(root: str, roots: Sequence[Root], found: Sequence[Member]) -> list[Member]:
    """Write files into the tree where an editable install looks for them; return those without a place there."""
    from pkm_build.archives import read_bytes

    left = []
    for name, source, mode in found:
        target = tree_path(roots, name)
        if not target:
            left.append((name, source, mode))
            continue
        path = os.path.join(root, *target.split("/"))
        data = read_bytes(source)
        if not os.path.isfile(path) or read_bytes(path) != data:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".part", "wb") as stream:
                stream.write(data)
            os.replace(path + ".part", path)
            if mode:
                os.chmod(path, os.stat(path).st_mode | FOR_ALL)
    return left


def tree_path(roots: Sequence[Root], name: str) -> str:
    """Return where the file *name* of the wheel belongs in the tree, "" outside of all packages."""
    for path, target in roots:
        if name.startswith(target + "/"):
            return path + name[len(target) :]
    folders = {path[: len(path) - len(target)] for path, target in roots if path.endswith(target)}
    if len(folders) == 1 and ".data/" not in name and ".dist-info/" not in name:
        return folders.pop() + name
    return ""
