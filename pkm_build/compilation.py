"""Compiling native modules by setuptools' compiler machinery.

The compiler runs in a process of its own (`compiling`), in the project's folder, with its products in a work
folder, so that nothing of setuptools touches this process or the tree.
"""

from __future__ import annotations

import os
import sys

from pkm_build import globs
from pkm_build.errors import BuildError, HookFailed
from pkm_build.extensions import KEY, LISTS
from pkm_build.hooks import place
from pkm_build.work import work_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.archives import Member
    from pkm_build.extensions import Extension
    from pkm_build.files import Tree
    from pkm_build.selection import Selection
    from pkm_build.work import Build


def compile_all(build: Build, selection: Selection, editable: bool) -> list[Member]:
    """Compile all extensions; return them as members, or put them beside their sources in an editable build.

    :raises HookFailed: when the compiler fails, or setuptools is not there
    """
    import json
    import subprocess

    refuse_newer(build)
    work = work_folder(build, "native")
    tree = selection.tree
    specs = [spec_of(extension, tree) for extension in build.settings.extensions]
    path = os.path.join(work, "spec.json")
    root = os.path.abspath(build.root)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump({"root": root, "work": work, "extensions": specs, "jobs": os.cpu_count() or 1}, stream)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compiling.py")
    environ = {**build.environ, "PYTHONDONTWRITEBYTECODE": "1", "SOURCE_DATE_EPOCH": str(build.epoch)}
    environ.setdefault("ZERO_AR_DATE", "1")
    sys.stdout.flush()
    done = subprocess.run(
        [sys.executable, script, path],
        cwd=root,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        sys.stderr.write(said)
        raise failure(build, path, done.returncode)
    if build.options.get("verbose"):
        sys.stderr.write(said)
    with open(path + ".out", encoding="utf-8") as stream:
        made: dict[str, str] = json.load(stream)
    found: list[Member] = [(name, made[name], True) for name in sorted(made)]
    return place(build.root, selection.roots, found) if editable else found


def refuse_newer(build: Build) -> None:
    """Refuse a limited API that is newer than this Python, which can't make such modules.

    :raises BuildError: for the first of them
    """
    for at, extension in enumerate(build.settings.extensions):
        minor = int(extension.limited_api.partition(".")[2] or 0)
        if minor > sys.version_info[1]:
            word = f"the limited API of {extension.limited_api} is newer than this Python 3.{sys.version_info[1]}"
            raise BuildError(word, "build with a newer Python", (*KEY, at, "limited-api"), extension.name)


def failure(build: Build, path: str, code: int) -> HookFailed:
    """Return the error of a compiler that failed, with the place of the extension that it was working at."""
    names = [extension.name for extension in build.settings.extensions]
    try:
        with open(path + ".failed", encoding="utf-8") as stream:
            wrong = sorted(names.index(line) for line in set(stream.read().split("\n")) if line in names)
    except OSError:
        wrong = []
    return HookFailed(
        f"compiling failed with exit code {code}",
        "a C compiler and the headers of this Python are needed; what it said stands above",
        (*KEY, wrong[0]) if wrong else KEY,
        ", ".join([names[at] for at in wrong]),
    )


def spec_of(extension: Extension, tree: Tree) -> dict[str, object]:
    """Return what `compiling` must know of one extension, its globs expanded, in a fixed order."""
    lists = {key.replace("-", "_"): list(extension.lists[key]) for key in LISTS}
    for key in ("sources", "depends"):
        expanded: list[str] = []
        for pattern in extension.lists[key]:
            matched = tree.expand(pattern)
            if not matched:
                raise BuildError(
                    f'the extension "{extension.name}": {key} names "{globs.clean(pattern)}", which matches no file'
                )
            expanded += [path for path in matched if path not in expanded]
        lists[key] = expanded
    return {
        "name": extension.name,
        "define_macros": extension.define_macros,
        "language": extension.language,
        "limited_api": extension.limited_api,
        "cython": extension.cython(),
        **lists,
    }
