"""``pkm env sync``: its options, and what is printed of what was done."""

from __future__ import annotations

import os

from pkm_build.grammar import normalise
from pkm_env.cli.output import output_path, plural, print_json, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line
    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.ops.options import SyncOptions
    from pkm_env.ops.synced import Synced
    from pkm_env.stamp import Stamp


def sync(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env sync``."""
    if not arguments.timings:
        return sync_all(context, arguments, output, line)
    from pkm_env.cli.timings import Timings

    path = output_path(context.folder, arguments.timings)
    timings = context.reporter = Timings(context.reporter)
    try:
        return sync_all(context, arguments, output, line)
    finally:
        context.write_file(path, timings.text())


def sync_all(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """Sync the environments that were named."""
    from pkm_env.ops.located import all_own
    from pkm_env.ops.options import SyncOptions
    from pkm_env.ops.stamps import stamp_sync
    from pkm_env.ops.sync import sync as run_sync

    looking = arguments.dry_run or arguments.check
    if arguments.file and (arguments.locked or arguments.frozen):
        from pkm_env.cli.usage import UsageError

        raise UsageError("--from takes another file than the lock, of which --locked and --frozen speak")
    options = SyncOptions(
        dry_run=looking,
        locked=arguments.locked,
        frozen=arguments.frozen,
        exact=not arguments.inexact,
        project=not arguments.no_project,
        reinstall=arguments.reinstall,
        reinstall_packages=tuple(map(normalise, arguments.reinstall_package)),
        force=arguments.force,
        compile_bytecode=arguments.compile_bytecode,
        copies=arguments.copies,
        file=arguments.file or "",
    )
    changed = False
    shown = []
    for environment in all_own(context, arguments.environments or ["default"]):
        given = foreign(context, environment, options) if options.file else None
        done = run_sync(context, environment, options, given)
        changed = changed or not done.unchanged
        if line.json:
            shown.append(synced_json(done))
        elif output.level >= 0 or arguments.dry_run:
            print_synced(done, output, looking=looking)
        if not looking and options.is_plain:
            stamp_sync(context, environment, done, in_sync_line(done) + "\n")
    if line.json:
        print_json(output, shown)
    return 1 if arguments.check and changed else 0


def sync_again(stamp: Stamp, output: Output) -> int | None:
    """Do what a bare ``pkm sync`` does by the stamp of the last one; None where that does not suffice."""
    from pkm_env.ops import again

    done = again.sync_again(stamp, os.environ, output)
    if done is None:
        return None
    print_synced(done, output, looking=False)
    output.flush_notes()
    return 0


def foreign(context: Context, environment: Environment, options: SyncOptions) -> Lock:
    """Return what the file of ``--from`` selects; what reads such files is loaded here alone."""
    from pkm_env.ops.foreign import foreign_lock

    return foreign_lock(context, environment, options)


def in_sync_line(done: Synced) -> str:
    """Return the line of a sync with nothing to do."""
    return f"{done.environment} is in sync ({plural(done.total, 'package')})"


def print_synced(done: Synced, output: Output, *, looking: bool) -> None:
    """Print what a sync did, or would do."""
    if done.repaired:
        output.result(done.repaired)
    if looking:
        print_plan(done, output)
        return
    if done.made:
        output.result(done.made)
    if done.unchanged:
        output.result(in_sync_line(done))
        return
    if not done.made:
        output.changes(done.steps)
    output.result(f"Synced {done.environment} in {seconds(done.seconds)}: {plural(done.total, 'package')}")


def print_plan(done: Synced, output: Output) -> None:
    """Print what would be done."""
    if done.unchanged:
        output.result(in_sync_line(done))
        return
    if done.makes:
        output.result(done.makes)
    installs = sum(sign != "-" for sign, _ in done.steps)
    removes = len(done.steps) - installs
    parts = [f"install {plural(installs, 'package')}"] if installs else []
    parts += [f"remove {plural(removes, 'package')}"] if removes else []
    output.result(f"would {' and '.join(parts) or 'change nothing else'}")
    output.changes(done.steps)


def synced_json(done: Synced) -> dict[str, object]:
    """Return what ``pkm env sync --json`` prints for one environment."""
    return {
        "environment": done.environment,
        "path": done.path,
        "changed": not done.unchanged,
        "made": bool(done.made),
        "packages": done.total,
        "steps": [{"change": sign, "package": text} for sign, text in done.steps],
    }
