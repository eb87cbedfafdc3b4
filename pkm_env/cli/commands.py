"""From a parsed line to an operation, and from its outcome to what is printed."""

from __future__ import annotations

import os

from pkm_env.cli.usage import UsageError
from pkm_env.config import Switches
from pkm_env.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from types import ModuleType

    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line

    Handler = Callable[[Context, argparse.Namespace, Output, Line], int]


def run_command(line: Line, output: Output) -> int:
    """Run the handler of a command; return the exit code."""
    context = make_context(line, output)
    try:
        return run_handler(context, line, output)
    finally:
        context.stop()


def run_handler(context: Context, line: Line, output: Output) -> int:
    """Find the handler of a command and call it."""
    if line.arguments is None:
        from pkm_env.cli.day import status

        return status(context, output, line)
    module, _, name = line.handler.partition(".")
    handler: Handler = getattr(handlers(module), name)
    return handler(context, line.arguments, output, line)


def handlers(module: str) -> ModuleType:
    """Return the module of a command's handler; no other is loaded."""
    if module == "day":
        from pkm_env.cli import day

        return day
    if module == "syncing":
        from pkm_env.cli import syncing

        return syncing
    if module == "environments":
        from pkm_env.cli import environments

        return environments
    from pkm_env.cli import machine

    return machine


def make_context(line: Line, output: Output) -> Context:
    """Return the object graph for this process: its folder, variables and switches, read once."""
    arguments = line.arguments
    folder = os.path.abspath(line.directory) if line.directory else os.getcwd()
    if line.directory and not os.path.isdir(folder):
        raise UsageError(f"there is no folder {line.directory}")
    switches = Switches(
        offline=line.offline,
        python=getattr(arguments, "python", None) or "",
        default_index=getattr(arguments, "default_index", None) or "",
        link_mode=getattr(arguments, "link_mode", None) or "",
    )
    return Context(folder, dict(os.environ), output, switches)
