"""The console script ``hello``."""

import sys
from datetime import date, datetime

import humanize

# The day on which distutils entered the standard library's development branch.
FIRST = date(1999, 1, 1)


def greeting(name: str, today: date) -> str:
    """Return the sentence that the script prints."""
    age = humanize.naturaldelta(today - FIRST)
    return f"Hello, {name}! Packages have a standard since {age}."


def main() -> int:
    """Greet who is named on the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else "world"
    print(greeting(name, datetime.now().astimezone().date()))
    return 0
