"""The commands of the day: lock, run, build, and where one is."""

from __future__ import annotations

import os

from pkm_build.grammar import is_name, normalise
from pkm_build.tables import meant
from pkm_env.cli.output import output_path, plural, print_json, seconds
from pkm_env.cli.usage import UsageError
from pkm_env.lock.lockfile import BUILD_PREFIX, target_summary
from pkm_env.ops.located import all_located, own

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line
    from pkm_env.context import Context
    from pkm_env.ops.locked import Change, Locked
    from pkm_env.ops.options import Given


def lock(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env lock``."""
    from pkm_env.ops.lock import lock as run_lock
    from pkm_env.ops.options import LockOptions
    from pkm_env.ops.stamps import stamp_lock

    looking = arguments.check or arguments.dry_run
    problem = output_path(context.folder, arguments.export_problem) if arguments.export_problem else ""
    if problem and arguments.locked:
        raise UsageError("--export-problem solves every environment, and with --locked nothing may be solved")
    options = LockOptions(
        [found.environment.section for found in all_located(context, arguments.environments)],
        upgrade=arguments.upgrade,
        upgrade_packages=checked_requirements("--upgrade-package", arguments.upgrade_package),
        upgrade_groups=known_groups(context, arguments.upgrade_group),
        exclude_newer=checked_cut_off(arguments.exclude_newer),
        given=given_rules(arguments),
        write=not looking,
        record=bool(problem),
        refresh=arguments.refresh or frozenset(named_packages(arguments.refresh_package)),
        locked=arguments.locked,
    )
    try:
        done = run_lock(context, options)
    finally:
        if problem:
            write_problems(context, problem, output)
    if line.json:
        print_json(output, locked_json(done))
    elif output.level >= 0 or arguments.dry_run:
        print_locked(done, output, looking=looking)
    if not looking:
        stamp_lock(context, done, lock_line(done) + "\n")
    return 1 if arguments.check and done.written else 0


def write_problems(context: Context, path: str, output: Output) -> None:
    """Write what was recorded to a file that the user named; nothing where a fault kept all from being solved."""
    if not context.problems:
        return
    import json

    text = json.dumps({"pkm-problems": context.problems}, indent=1, sort_keys=True) + "\n"
    context.write_file(path, text)
    output.say(f"wrote {plural(len(context.problems), 'problem')} to {path}")


def known_groups(context: Context, names: Sequence[str]) -> list[str]:
    """Return normalised names of dependency groups.

    :raises UsageError: for one that no project of the workspace has.
    """
    known = {name for owner in context.workspace.family for name in owner.project.groups}
    for name in names:
        if normalise(name) not in known:
            raise UsageError(f'there is no group "{name}"', meant(name, known))
    return [normalise(name) for name in names]


def named_packages(names: Sequence[str]) -> list[str]:
    """Return the normalised names of packages.

    :raises UsageError: for what is no name of one.
    """
    for name in names:
        if not is_name(name):
            raise UsageError(f'--refresh-package: "{name}" is no name of a package')
    return [normalise(name) for name in names]


def checked_requirements(option: str, texts: Sequence[str]) -> Sequence[str]:
    """Return requirements of the command line.

    :raises UsageError: for one that is none, or names a place.
    """
    from pkm_env.model.requirements import UnreadableRequirement, parse_requirement

    for text in texts:
        try:
            url = parse_requirement(text).url
        except UnreadableRequirement as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(
                f'{option}: "{text}" is no requirement: {reason}', 'as in "urllib3<3"'
            ) from error
        if url:
            raise UsageError(f"{option} takes no address: {text}", "see [tool.pkm.sources]")
    return texts


def given_rules(arguments: argparse.Namespace) -> Given:
    """Return the rules of resolution that stand on the command line.

    :raises UsageError: for a bound or an override that is no requirement.
    """
    from pkm_env.model.requirements import parse_requirement
    from pkm_env.ops.options import Given

    checked_requirements("--override", arguments.override)
    for text in checked_requirements("--constraint", arguments.constraint):
        if not parse_requirement(text).specifier:
            raise UsageError(f'--constraint: "{text}" bounds no version', 'as in "urllib3<3"')
    return Given(
        arguments.resolution or "", arguments.prereleases or "", arguments.constraint, arguments.override
    )


def checked_cut_off(text: str | None) -> str:
    """Return a cut-off of the command line in its normal form, "" for none.

    :raises UsageError: when it is neither a date nor a span.
    """
    if not text:
        return ""
    from pkm_env.model.moments import normal_cut_off

    found = normal_cut_off(text)
    if not found:
        raise UsageError(
            f'--exclude-newer: "{text}" is neither a date nor a span', 'as in 2026-01-31 or "14 days"'
        )
    return found


def lock_line(done: Locked) -> str:
    """Return the line of a lock with nothing to do."""
    count = sum(not name.startswith(BUILD_PREFIX) for name in done.lock.sections)
    return f"pylock.toml is up to date ({count} environment{'s' if count != 1 else ''})"


def print_locked(done: Locked, output: Output, *, looking: bool) -> None:
    """Print what a lock did, or would do."""
    if not done.written:
        output.result(lock_line(done))
        return
    builds = sum(name.startswith(BUILD_PREFIX) for name in done.sections)
    count = len(done.sections) - builds
    locked = [plural(count, "environment")] if count or not builds else []
    locked += [f"the requirements of {plural(builds, 'build')}"] if builds else []
    verb = "would lock" if looking else "Locked"
    counts = f"({plural(done.targets, 'target')}, {plural(done.solves, 'solve')})"
    output.result(f"{verb} {' and '.join(locked)} in {seconds(done.seconds)} {counts}")
    width = max((len(name) for name in done.sections), default=0)
    for name in done.sections:
        size = len(done.lock.of_section(name))
        targets = done.lock.sections[name].targets
        output.result(
            f"  {name:<{width}}  {size:>3} {'package ' if size == 1 else 'packages'}  {target_summary(targets)}"
        )
    print_changes(done.changes, output)


def print_changes(changes: Sequence[Change], output: Output) -> None:
    """Print a difference, its columns aligned."""
    rows = [(change, change_text(change)) for change in changes]
    width = max((len(text) for _, text in rows), default=0)
    shown = []
    for change, text in rows:
        sign = "+" if not change.before else "-" if not change.after else "~"
        tail = ", ".join(change.environments) + (f": {change.why}" if change.why else "")
        shown.append((sign, f"{text:<{width}}  {tail}".rstrip()))
    output.changes(shown)


def change_text(change: Change) -> str:
    """Return the name and the versions of one change."""
    if change.before and change.after:
        return f"{change.name} {change.before} -> {change.after}"
    return f"{change.name} {change.before or change.after}"


def locked_json(done: Locked) -> dict[str, object]:
    """Return what ``pkm env lock --json`` prints."""
    return {
        "changed": done.written,
        "locked": list(done.sections),
        "environments": {
            name: {"packages": len(done.lock.of_section(name)), "targets": list(section.targets)}
            for name, section in done.lock.sections.items()
        },
        "changes": [
            {
                "name": change.name,
                "before": change.before,
                "after": change.after,
                "environments": list(change.environments),
                "why": change.why,
            }
            for change in done.changes
        ],
    }


def run(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm run``; what it prints is the program's own, so --json means nothing to it."""
    del line
    from pkm_env.ops.options import SyncOptions
    from pkm_env.ops.run import run as run_program
    from pkm_env.ops.stamps import stamp_run
    from pkm_env.ops.sync import sync as run_sync

    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise UsageError("pkm run needs a command", "for example: pkm run python -V")
    environment = own(context, arguments.environment)
    if arguments.no_sync:
        from pkm_env.ops.whole import require_whole

        require_whole(context, environment)
    else:
        options = SyncOptions(locked=arguments.locked, frozen=arguments.frozen, exact=False)
        done = run_sync(context, environment, options)
        synced = "" if done.unchanged else f"Synced {environment.name} in {seconds(done.seconds)}"
        for text in filter(None, (done.repaired, done.made, synced)):
            output.say(text)
        if not (arguments.locked or arguments.frozen):
            stamp_run(context, environment, done)
    output.flush_notes()
    output.out.flush()
    return run_program(context, environment, command)


def build(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm build``."""
    from pkm_env.ops.build import build_project, explain_file, wheel_files

    if arguments.explain:
        for text in explain_file(context, arguments.explain):
            output.result(text)
        return 0
    if arguments.list:
        files = wheel_files(context)
        if line.json:
            print_json(output, [{"path": path, "source": source} for path, source in files])
            return 0
        for path, source in files:
            output.result(path if path == source else f"{path}  ({source})")
        return 0
    settings = dict(read_setting(text) for text in arguments.config_setting)
    out_dir = os.path.abspath(arguments.out_dir) if arguments.out_dir else ""
    both = arguments.wheel == arguments.sdist
    built = build_project(
        context, out_dir, wheel=both or arguments.wheel, sdist=both or arguments.sdist, settings=settings
    )
    if line.json:
        print_json(output, [one.to_json() for one in built])
        return 0
    width = max(len(one.shown) for one in built)
    for one in built:
        counts = f"{plural(one.files, 'file')}  {one.size_bytes / 1000:.0f} kB  {seconds(one.seconds)}"
        output.told(f"{one.shown:<{width}}  {counts}{one.remark}")
    return 0


def read_setting(text: str) -> tuple[str, str]:
    """Return key and value of a config setting.

    :raises UsageError: when there is no "=" in it.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f'--config-setting: "{text}" has no value', "write KEY=VALUE")
    return key, value


def status(context: Context, output: Output, line: Line) -> int:
    """``pkm`` alone: where one is, and what one would do next."""
    from pkm_env.ops.show import environment_states, next_steps

    states = environment_states(context, context.workspace.environments, output.teller(json=line.json))
    if line.json:
        print_json(output, [state.to_json() for state in states])
        return 0
    name = context.workspace.project.raw_name or os.path.basename(context.workspace.root)
    output.result(f"{name}, {plural(len(states), 'environment')}")
    for state in states:
        output.result(f"  {state.name}: {state.summary}")
    for step in next_steps(states):
        output.result(f"next: {step}")
    return 0
