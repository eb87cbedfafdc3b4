"""How counts, durations and values are written for people and for programs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.cli.output import Output


def seconds(value: float) -> str:
    """Return a duration as people read it."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


def size(count: int) -> str:
    """Return a number of bytes as people read it, in steps of a thousand."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004 - the step
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < 10 else f"{value:.0f} {unit}"  # noqa: PLR2004 - one digit


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def print_json(output: Output, value: object) -> None:
    """Print a value as JSON to stdout."""
    import json

    output.result(json.dumps(value, indent=2))
