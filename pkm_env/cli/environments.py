"""The commands that ask about environments and what is locked for them."""

from __future__ import annotations

import os

from pkm_env.cli.parser import UsageError
from pkm_env.cli.wording import plural, print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line
    from pkm_env.context import Context


def env_list(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env list``."""
    from pkm_env.ops.show import environment_states

    del arguments
    states = environment_states(context, context.workspace.environments)
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

    chosen = context.workspace.chosen(arguments.environments or ["default"])
    states = environment_states(context, chosen)
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

    del line
    environment = context.workspace.environment(arguments.environment)
    base = os.path.dirname(os.path.abspath(arguments.output)) if arguments.output else os.getcwd()
    text = export(
        context,
        environment,
        arguments.format,
        project=not arguments.no_project,
        hashes=not arguments.no_hashes,
        base=base,
    )
    if arguments.output:
        context.write_file(os.path.abspath(arguments.output), text)
    else:
        output.stop_progress()
        output.out.write(text)
    return 0


def env_why(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env why``."""
    from pkm_env.ops.questions import why

    environment = context.workspace.environment(arguments.environment)
    found = why(context, environment, arguments.package)
    if line.json:
        print_json(
            output,
            {
                package: [
                    {
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
        output.result(f"{package} in {environment.name}")
        for reason in reasons:
            output.result(f"  {reason}")
    return 0


def env_why_not(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env why-not``."""
    from pkm_env.ops.why_not import why_not

    environment = context.workspace.environment(arguments.environment)
    answer = why_not(context, environment, arguments.requirement)
    if line.json:
        print_json(output, answer.to_json())
        return 0
    for text in answer.lines:
        output.result(text)
    return 0


def env_tree(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env tree``."""
    from pkm_env.lock.graph import tree_lines
    from pkm_env.ops.questions import NotThere, graph_of

    for at, environment in enumerate(context.workspace.chosen(arguments.environments or ["default"])):
        graph = graph_of(context, environment)
        if arguments.invert and not graph.named(arguments.invert):
            raise NotThere(arguments.invert, environment.name, sorted({key[0] for key in graph.packages}))
        if line.json:
            print_json(output, graph.to_json())
            continue
        if arguments.environments[1:]:
            output.result(("" if at == 0 else "\n") + environment.name)
        for text in tree_lines(graph, arguments.depth, invert=arguments.invert or ""):
            output.result(text)
    return 0


def env_outdated(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env outdated``."""
    from pkm_env.ops.questions import outdated

    shown = {}
    for environment in context.workspace.chosen(arguments.environments or ["default"]):
        found = outdated(context, environment)
        shown[environment.name] = [
            {"name": one.name, "locked": one.locked, "latest": one.latest, "requested": one.requested}
            for one in found
        ]
        if line.json:
            continue
        if not found:
            output.result(f"{environment.name}: every package is at its latest version")
            continue
        output.result(f"{environment.name}: {plural(len(found), 'package')} with a later version")
        width = max(len(one.name) for one in found)
        for one in found:
            asked = "  asked for by the environment" if one.requested else ""
            output.change("~", f"{one.name:<{width}}  {one.locked} -> {one.latest}{asked}")
    if line.json:
        print_json(output, shown)
    return 0


def env_diff(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env diff``."""
    from pkm_env.ops.questions import differences

    one, other = (context.workspace.environment(name) for name in (arguments.one, arguments.other))
    found = differences(context, one, other)
    if line.json:
        print_json(
            output,
            [{"name": d.name, one.name: d.one, other.name: d.other, "why": d.why} for d in found],
        )
        return 0
    if not found:
        output.result(f"{one.name} and {other.name} hold the same packages")
        return 0
    output.result(f"{plural(len(found), 'package')} differ between {one.name} and {other.name}")
    for d in found:
        sign = "+" if not d.one else "-" if not d.other else "~"
        versions = f"{d.one} -> {d.other}" if d.one and d.other else d.one or d.other
        output.change(sign, f"{d.name} {versions}" + (f"  ({d.why})" if d.why else ""))
    return 0


def env_verify(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env verify``."""
    from pkm_env.install.apply import verify

    wrong = 0
    shown = {}
    for environment in context.workspace.chosen(arguments.environments or ["default"]):
        path = context.workspace.venv_path(environment)
        found = verify(path, quick=arguments.quick)
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
    from pkm_env.install.apply import rollback
    from pkm_env.ops.sync import repaired

    del line
    environment = context.workspace.environment(arguments.environment)
    path = context.workspace.venv_path(environment)
    with context.environment_lock(path):
        if said := repaired(context, path):
            output.result(said)
        rollback(path, force=arguments.force)
    output.result(f"{environment.name} is as it was before the last sync that changed it")
    return 0


def env_delete(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env delete``."""
    from pkm_env.ops.delete import delete

    del line
    if not arguments.environments:
        raise UsageError("name the environments to delete", "for example: pkm env delete docs")
    for environment in context.workspace.chosen(arguments.environments):
        place = delete(context, environment, force=arguments.force)
        output.result(f"Deleted {place}" if place else f"{environment.name} is not there")
    return 0


def env_merge(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm env merge``."""
    from pkm_env.ops.merge import FILES, install, merge

    if arguments.install and not arguments.files:
        told = install(context)
        if line.json:
            print_json(output, {"attributes": told})
        else:
            output.result(f"git merges pylock.toml with pkm here (git config merge.pkm.driver, {told})")
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
    output.result(f"pylock.toml: {' and '.join(parts) or 'ours stays as it is'}")
    return 0
