"""The commands that ask about environments and what is locked for them."""

from __future__ import annotations

import os

from pkm_env.cli.wording import print_json

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
    from pkm_env.ops.export import export_pylock

    del line
    environment = context.workspace.environment(arguments.environment)
    base = os.path.dirname(os.path.abspath(arguments.output)) if arguments.output else os.getcwd()
    text = export_pylock(context, environment, project=not arguments.no_project, base=base)
    if arguments.output:
        context.write_file(os.path.abspath(arguments.output), text)
    else:
        output.stop_progress()
        output.out.write(text)
    return 0
