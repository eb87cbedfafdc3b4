"""Whether a section still says what the project asks for, told without a solve.

The digest covers the parsed requirements and the rules that decide an answer; not the order of keys
or requirements, comments, the servers of indexes, the configuration of the user or the machine, nor pkm's version.
"""

from __future__ import annotations

from _blake2 import blake2b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pkm_build.project import Project
    from pkm_env.model.declaration import Declaration
    from pkm_env.model.environment import Environment


def inputs_digest(
    project: Project,
    environment: Environment,
    declaration: Declaration,
    group_requirements: Mapping[str, Iterable[str]],
    paths: Iterable[tuple[str, str]] = (),
) -> str:
    """Return the digest of what the section of *environment* is solved from.

    *group_requirements* maps each group of the environment to its requirements, includes resolved;
    *paths* are pairs of a path requirement's name and the digest of its metadata.
    """
    facts = (
        "pkm-inputs-1",
        project.requires_python or "",
        squeezed(project.dependencies),
        sorted((name, squeezed(texts)) for name, texts in project.optional_dependencies.items()),
        sorted((name, squeezed(group_requirements[name])) for name in environment.groups),
        environment.to_plain(),
        sorted(rule.to_plain() for rule in declaration.sources),
        overrides_plain(declaration.overrides),
        [index.place for index in declaration.indexes],
        [other.name for other in declaration.environments],
        sorted(paths),
    )
    return blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def metadata_digest(project: Project) -> str:
    """Return the digest of what a project says of itself that decides an answer for those who need it."""
    facts = (
        "pkm-metadata-1",
        project.name,
        project.version or "",
        project.requires_python or "",
        squeezed(project.dependencies),
        sorted((name, squeezed(texts)) for name, texts in project.optional_dependencies.items()),
        sorted(project.dynamic),
        project.build_backend or "",
        squeezed(project.build_requires),
    )
    return blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def squeezed(texts: Iterable[str]) -> list[str]:
    """Return requirement texts without white space, sorted: their order and spacing say nothing."""
    return sorted("".join(text.split()) for text in texts)


def overrides_plain(value: object) -> object:
    """Return overrides in a form that equal ones share, whatever the order of their keys."""
    if isinstance(value, dict):
        return sorted((key, overrides_plain(item)) for key, item in value.items())
    if isinstance(value, list):
        return sorted(map(str, value))
    return value
