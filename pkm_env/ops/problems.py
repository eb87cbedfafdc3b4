"""Recorded problems: read from their file and solved again, without a network."""

from __future__ import annotations

import json

from pkm_build.errors import PkmError
from pkm_env.resolver.problem import UnknownProblem, from_plain
from pkm_env.resolver.report import explain
from pkm_env.resolver.request import NoSolution
from pkm_env.resolver.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Forgetful:
    """A Memory that keeps nothing: what a recorded problem comes to depends on the problem alone."""

    def recall(self, kind: str, key: str) -> Any:
        """Know nothing."""

    def remember(self, kind: str, key: str, value: Any) -> None:
        """Keep nothing."""


class SolvedAgain:
    """The answer for one target: its pins, or why there are none."""

    __slots__ = ("explanation", "pins", "steps", "target")

    def __init__(
        self, target: str, pins: Mapping[str, str], steps: Mapping[str, int], explanation: str = ""
    ) -> None:
        self.target = target
        self.pins = dict(pins)
        self.steps = dict(steps)
        self.explanation = explanation

    @property
    def summary(self) -> str:
        """One line for people."""
        if self.explanation:
            return "no solution"
        counts = ", ".join(f"{count} {name}" for name, count in self.steps.items() if count)
        return f"{len(self.pins)} packages ({counts or 'nothing had to be decided'})"

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "target": self.target,
            "pins": self.pins,
            "steps": self.steps,
            "explanation": self.explanation or None,
        }


def read_problems(path: str) -> dict[str, dict[str, Any]]:
    """Return the problems in a file, by section.

    :raises PkmError: when it cannot be read, or is none of these files.
    """
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except OSError as error:
        raise PkmError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise PkmError(f"{path} is no recorded problem: {error}") from error
    problems = data.get("pkm-problems") if isinstance(data, dict) else None
    if not isinstance(problems, dict):
        raise UnknownProblem(None)
    return problems


def solve_again(problem: Mapping[str, Any]) -> list[SolvedAgain]:
    """Return the answers for all targets of a recorded problem.

    :raises UnknownProblem: when it has another format.
    """
    request, releases = from_plain(problem)
    found = []
    for outcome in resolve(request, releases, Forgetful()):
        if isinstance(outcome, NoSolution):
            text = str(explain(outcome, where=lambda _: ""))
            found.append(SolvedAgain(outcome.target.name, {}, {}, text))
        else:
            pins = {pin.name: pin.version for pin in outcome.pins.values()}
            found.append(SolvedAgain(outcome.target.name, pins, outcome.steps))
    return found
