"""The commands about this machine: indexes and the cache."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, nullcontext

from pkm_build.errors import PkmError
from pkm_env.cli.output import plural, print_json, size

WAITING = "Waiting for other commands that use the cache"

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pkm_env.cache.store import Store
    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line
    from pkm_env.context import Context


def index_list(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm index list``."""
    del arguments
    indexes = context.access.indexes
    if line.json:
        keys = ("name", "url", "format", "default", "explicit", "origin")
        print_json(output, [{key: getattr(index, key) for key in keys} for index in indexes])
        return 0
    rows = []
    for index in indexes:
        kind = "default" if index.default else "explicit" if index.explicit else ""
        rows.append((index.name, index.url, kind, index.origin))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        output.result("  ".join(map(str.ljust, row, widths)).rstrip())
    return 0


class UnusableCache(PkmError):
    """A cache that does not belong to the user alone: it is neither used nor changed."""


def cache_dir(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm cache dir``."""
    del arguments
    if line.json:
        print_json(output, {"path": context.settings.cache_dir})
        return 0
    output.result(context.settings.cache_dir)
    return 0


def cache_info(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm cache info``."""
    from pkm_env.cache.upkeep import info

    del arguments
    found = info(usable_store(context))
    total = sum(usage.size_bytes for usage in found)
    if line.json:
        buckets = [usage.to_json() for usage in found]
        print_json(output, {"path": context.settings.cache_dir, "size_bytes": total, "buckets": buckets})
        return 0
    output.result(f"{context.settings.cache_dir}: {size(total)}")
    width = max((len(usage.bucket) for usage in found), default=0)
    for usage in found:
        files = plural(usage.files, "file")
        output.result(f"  {usage.bucket:<{width}}  {size(usage.size_bytes):>8}  {files}")
    return 0


@contextmanager
def undisturbed(context: Context, store: Store) -> Iterator[None]:
    """Wait for the commands that use the cache, and hold others off; without a cache none is made.

    :raises UnusableCache: when the cache cannot be changed.
    """
    there = os.path.isdir(store.root)
    try:
        with store.alone(lambda: context.reporter.phase(WAITING)) if there else nullcontext():
            yield
    except OSError as error:
        raise UnusableCache(f"the cache {store.root} cannot be changed: {error.strerror}") from error


def cache_clean(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm cache clean``."""
    from pkm_build.grammar import normalise
    from pkm_env.cache.upkeep import clean

    store = usable_store(context)
    with undisturbed(context, store):
        removed = clean(store, [normalise(name) for name in arguments.packages])
    return tell_removed(context, removed, output, line)


def cache_prune(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm cache prune``."""
    from pkm_env.cache.upkeep import prune

    store = usable_store(context)
    with undisturbed(context, store):
        removed = prune(store, time.time(), ci=arguments.ci)
    return tell_removed(context, removed, output, line)


def tell_removed(context: Context, removed: tuple[int, int], output: Output, line: Line) -> int:
    """Print how many files and bytes were removed; return the exit code."""
    files, size_bytes = removed
    if line.json:
        print_json(output, {"files": files, "size_bytes": size_bytes})
    elif files:
        output.told(f"Removed {plural(files, 'file')} ({size(size_bytes)})")
        if context.settings.link_mode == "symlink":
            output.note("environments of symbolic links get back what was removed by pkm sync")
    else:
        output.told("There was nothing to remove")
    return 0


def cache_verify(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm cache verify``: 1 when anything was damaged."""
    from pkm_env.cache.upkeep import verify

    del arguments
    checked: list[str] = []
    store = usable_store(context)
    if os.path.isdir(store.root):
        # What is emptied meanwhile would count as damaged.
        store.hold()
    try:
        found = verify(store, each=checked.append)
    finally:
        store.close()
    if line.json:
        print_json(output, {"wheels": len(checked), "damaged": [finding.to_json() for finding in found]})
        return 1 if found else 0
    for finding in found:
        output.result(f"removed {finding.path}: {finding.reason}")
    if found:
        output.hint("what was removed is fetched or built again when it is needed")
    else:
        output.result(f"the cache is whole ({plural(len(checked), 'wheel')})")
    return 1 if found else 0


def usable_store(context: Context) -> Store:
    """Return the cache's store.

    :raises UnusableCache: when it is not the user's own.
    """
    from pkm_env.cache.store import Store, distrust

    folder = context.settings.cache_dir
    if reason := distrust(folder):
        raise UnusableCache(f"the cache {folder} is not used: {reason}", "PKM_CACHE_DIR names another one")
    return Store(folder, context.reporter.warn)


def debug_solve(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm debug solve``."""
    from pkm_env.ops.problems import read_problems, solve_again

    del context
    failed = 0
    shown = {}
    for section, problem in read_problems(arguments.file).items():
        answers = solve_again(problem)
        failed += sum(bool(answer.explanation) for answer in answers)
        shown[section] = [answer.to_json() for answer in answers]
        for answer in answers if not line.json else ():
            output.result(f"{section}, {answer.target}: {answer.summary}")
            if answer.explanation:
                output.result(answer.explanation)
    if line.json:
        print_json(output, shown)
    return 1 if failed else 0
