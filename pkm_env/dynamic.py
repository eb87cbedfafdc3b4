"""The requirements of a project whose dependencies are dynamic, from what its build backend answers."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_build.grammar import normalise
from pkm_env.model.distribution import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.project import Project
    from pkm_env.model.distribution import Metadata, Source
    from pkm_env.workspace import Placed

PLACE = ("project", "dynamic")


class DynamicUnknown(PkmError):
    """The project's dependencies are dynamic, and its backend does not give them."""


def dynamic_requirements(
    project: Project, answer: tuple[Source, Metadata] | Unavailable
) -> tuple[Placed, dict[str, Placed]]:
    """Return the project's requirements and those of its extras, each with its key path.

    :raises DynamicUnknown: when the backend did not answer.
    """
    if isinstance(answer, Unavailable):
        raise DynamicUnknown(
            f"the dependencies of {project.raw_name} are dynamic, and its build backend does not give them:"
            f" {answer.reason}",
            answer.hint,
        )
    metadata = answer[1]
    required: list[tuple[str, tuple[str | int, ...]]] = []
    extras: dict[str, Placed] = dict.fromkeys(metadata.extras, ())
    for text in metadata.requires:
        plain, extra = without_extra(text)
        if extra in extras:
            extras[extra] = (*extras[extra], (plain, PLACE))
        else:
            required.append((text, PLACE))
    return tuple(required), extras


def without_extra(text: str) -> tuple[str, str]:
    """Return a requirement of an extra without the extra's condition, and the extra; ("…", "") for another.

    Backends write the condition last: ``name>=1 ; (marker) and extra == "x"``.
    """
    head, _, marker = text.rpartition(";")
    before, found, extra = marker.rpartition("extra ==")
    if not head or not found:
        return text, ""
    rest = before.strip().removesuffix("and").strip()
    return (f"{head.strip()} ; {rest}" if rest else head.strip()), normalise(extra.strip().strip("'\""))
