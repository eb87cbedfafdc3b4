"""The commands that ask about environments and what is locked for them."""

from __future__ import annotations

import os

from pkm_build.grammar import normalise
from pkm_env.cli.output import output_path, plural, print_json
from pkm_env.cli.usage import UsageError
from pkm_env.ops.located import all_located, all_own, located, own

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line
    from pkm_env.context import Context
    from pkm_env.ops.questions import Outdated


def env_list(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env list``."""
    from pkm_env.ops.show import environment_states

    del arguments
    states = environment_states(context, context.workspace.environments, output.teller(json=line.json))
    if line.json:
        print_json(output, [state.to_json() for state in states])
        return 0
    width = max(len(state.name) for state in states)
    paths = max(len(state.shown_path) for state in states)
    for state in states:
        output.result(f"{state.name:<{width}}  {state.shown_path:<{paths}}  {state.summary}")
    return 0


def env_info(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env info``."""
    from pkm_env.ops.show import environment_states

    chosen = all_own(context, arguments.environments or ["default"])
    states = environment_states(context, chosen, output.teller(json=line.json))
    if line.json:
        print_json(output, [state.to_json() for state in states])
        return 0
    for at, state in enumerate(states):
        if at:
            output.result("")
        for label, text in state.rows():
            output.result(f"{label:<14} {text}")
    return 0


def env_export(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env export``."""
    from pkm_env.ops.export import export

    found = located(context, arguments.environment)
    path = output_path(context.folder, arguments.output) if arguments.output else ""
    text = export(
        found.context,
        found.environment,
        arguments.format,
        project=not arguments.no_project,
        hashes=not arguments.no_hashes,
        base=os.path.dirname(path) if path else context.folder,
    )
    if path:
        context.write_file(path, text)
    if line.json:
        told = {"environment": found.label, "format": arguments.format}
        print_json(output, {**told, "path": path} if path else {**told, "text": text})
    elif not path:
        output.stop_progress()
        output.out.write(text)
    return 0


def env_why(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env why``."""
    from pkm_env.ops.questions import why

    place = located(context, arguments.environment)
    found = why(place.context, place.environment, arguments.package)
    if line.json:
        print_json(
            output,
            {
                package: [
                    {
                        "who": reason.who,
                        "requirement": reason.requirement,
                        "where": reason.place,
                        "chain": list(reason.chain),
                    }
                    for reason in reasons
                ]
                for package, reasons in found.items()
            },
        )
        return 0
    for package, reasons in found.items():
        output.result(f"{package} in {place.label}")
        for reason in reasons:
            output.result(f"  {reason}")
    return 0


def env_why_not(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env why-not``."""
    from pkm_env.ops.why_not import why_not

    place = located(context, arguments.environment)
    answer = why_not(place.context, place.environment, arguments.requirement)
    if line.json:
        print_json(output, answer.to_json())
        return 0
    for text in answer.lines:
        output.result(text)
    return 0


def env_tree(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env tree``."""
    from pkm_env.lock.graph import tree_lines
    from pkm_env.ops.questions import tree, tree_json

    invert = normalise(arguments.invert or "")
    chosen = all_located(context, arguments.environments or ["default"])
    told = {}
    for at, found in enumerate(chosen):
        graph = tree(found.context, found.environment, invert=invert)
        if line.json:
            told[found.label] = tree_json(graph, arguments.depth, invert=invert)
            continue
        if chosen[1:]:
            output.result(("\n" if at else "") + found.label)
        for text in tree_lines(graph, arguments.depth, invert=invert):
            output.result(text)
    if line.json:
        print_json(output, told)
    return 0


def env_outdated(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env outdated``."""
    from pkm_env.ops.questions import outdated

    shown = {}
    for place in all_located(context, arguments.environments or ["default"]):
        found, unknown = outdated(place.context, place.environment)
        for text in unknown:
            output.warn(f"{place.label}: {text}")
        shown[place.label] = [
            {"name": one.name, "locked": one.locked, "latest": one.latest, "requested": one.requested}
            for one in found
        ]
        if not line.json:
            print_outdated(place.label, found, output, whole=not unknown)
    if line.json:
        print_json(output, shown)
    return 0


def print_outdated(environment: str, found: Sequence[Outdated], output: Output, *, whole: bool) -> None:
    """Print the packages with a later version; *whole* tells whether all could be asked about."""
    if not found:
        every = "every package" if whole else "every other package"
        output.result(f"{environment}: {every} is at its latest version")
        return
    output.result(f"{environment}: {plural(len(found), 'package')} with a later version")
    width = max(len(one.name) for one in found)
    asked = {True: "  asked for by the environment", False: ""}
    output.changes(
        ("~", f"{one.name:<{width}}  {one.locked} -> {one.latest}{asked[one.requested]}") for one in found
    )


def env_diff(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env diff``."""
    from pkm_env.ops.questions import differences

    one, other = (located(context, name) for name in (arguments.one, arguments.other))
    found = differences(one, other)
    if line.json:
        print_json(
            output,
            [{"name": d.name, one.label: d.one, other.label: d.other, "why": d.why} for d in found],
        )
        return 0
    if not found:
        output.result(f"{one.label} and {other.label} hold the same packages")
        return 0
    verb = "differ" if found[1:] else "differs"
    output.result(f"{plural(len(found), 'package')} {verb} between {one.label} and {other.label}")
    shown = []
    for d in found:
        sign = "+" if not d.one else "-" if not d.other else "~"
        versions = f"{d.one} -> {d.other}" if d.one and d.other else d.one or d.other
        shown.append((sign, f"{d.name} {versions}" + (f"  ({d.why})" if d.why else "")))
    output.changes(shown)
    return 0


def env_verify(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env verify``."""
    from pkm_env.ops.installed import verified

    wrong = 0
    shown = {}
    for environment in all_own(context, arguments.environments or ["default"]):
        path = context.workspace.venv_path(environment)
        found = verified(context, environment, output.teller(json=line.json), quick=arguments.quick)
        wrong += len(found)
        shown[environment.name] = [
            {"package": one.name, "path": os.path.relpath(one.path, path), "what": one.kind} for one in found
        ]
        if line.json:
            continue
        if not found:
            output.result(f"{environment.name}: every file is as it was installed")
        for one in found:
            output.result(f"{environment.name}: {one.name}: {os.path.relpath(one.path, path)} is {one.kind}")
    if line.json:
        print_json(output, shown)
    return 1 if wrong else 0


def env_rollback(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env rollback``."""
    from pkm_env.ops.installed import rolled_back

    environment = own(context, arguments.environment)
    said: list[str] = []
    tell = output.teller(json=line.json)
    try:
        done = rolled_back(context, environment, said.append, force=arguments.force)
    finally:
        for text in said:
            tell(text)
    if line.json:
        told = {"environment": environment.name, "repaired": bool(said)}
        print_json(output, {**told, "whole": done.whole, "files": done.files})
        return 0
    output.told(f"{environment.name} is as it was before the last sync that changed it")
    return 0


def env_delete(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env delete``."""
    from pkm_env.ops.delete import delete

    if not arguments.environments:
        raise UsageError("name the environments to delete", "for example: pkm env delete docs")
    told = []
    for environment in all_own(context, arguments.environments):
        place = delete(context, environment, force=arguments.force)
        told.append({"environment": environment.name, "deleted": place or None})
        if not line.json:
            output.told(f"Deleted {place}" if place else f"{environment.name} is not there")
    if line.json:
        print_json(output, told)
    return 0


def env_merge(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env merge``."""
    from pkm_env.ops.merge import FILES, install, merge

    if arguments.install and not arguments.files:
        told = install(context)
        if line.json:
            print_json(output, {"attributes": told})
        else:
            output.told(f"git merges pylock.toml with pkm here (git config merge.pkm.driver, {told})")
        return 0
    if arguments.install or len(arguments.files) != FILES:
        raise UsageError(
            "pkm env merge takes three locks, or --install alone",
            "for example: pkm env merge BASE OURS THEIRS",
        )
    base, ours, theirs = (os.path.join(context.folder, name) for name in arguments.files)
    if arguments.path:
        context.folder = os.path.dirname(os.path.join(context.folder, arguments.path))
    done = merge(context, base, ours, theirs)
    if line.json:
        print_json(output, {"taken": list(done.taken), "solved": list(done.solved)})
        return 0
    parts = [f"took {', '.join(done.taken)} from theirs"] if done.taken else []
    parts += [f"solved {', '.join(done.solved)} again"] if done.solved else []
    output.told(f"pylock.toml: {' and '.join(parts) or 'ours stays as it is'}")
    return 0
