"""The commands about this machine: indexes and the cache."""

from __future__ import annotations

from pkm_env.cli.wording import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from pkm_env.cli.output import Output
    from pkm_env.cli.parser import Line
    from pkm_env.context import Context


def index_list(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm index list``."""
    del arguments
    indexes = context.known_indexes()
    if line.json:
        keys = ("name", "url", "format", "default", "explicit", "origin")
        print_json(output, [{key: getattr(index, key) for key in keys} for index in indexes])
        return 0
    width = max((len(index.name) for index in indexes), default=0)
    for index in indexes:
        kind = "default" if index.default else "explicit" if index.explicit else ""
        output.result(f"{index.name:<{width}}  {index.url}  {kind:<8}  {index.origin}".rstrip())
    return 0


def cache_dir(context: Context, arguments: argparse.Namespace, output: Output, line: Line) -> int:
    """``pkm cache dir``."""
    del arguments, line
    output.result(context.settings.cache_dir)
    return 0
