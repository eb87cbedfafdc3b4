"""Difference: what a package that is installed asks for, and the lock does not hold.

A release is locked by the metadata of one of its files, or of a build on one machine. Another wheel of it, or what the
build gives here, may ask for something else: nobody can know that before it is here.
"""

from __future__ import annotations

from pkm_env.fetch import metadata_of_tree
from pkm_env.model.core_metadata import InvalidMetadata
from pkm_env.model.markers import TargetSet, UnreadableMarker
from pkm_env.model.requirements import UnreadableRequirement, parse_requirement
from pkm_env.model.target import target_of_interpreter
from pkm_env.model.versions import UnreadableVersion, specifier_contains
from pkm_env.resolver.overrides import Overrides

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.model.distribution import Metadata
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.ops.packages import Wanted


def differences(
    held: Sequence[Wanted],
    fetched: Sequence[tuple[Wanted, UnpackedWheel]],
    interpreter: Interpreter,
    overrides: Mapping[str, Any],
    own: str,
) -> list[str]:
    """Return a sentence for each requirement of what was *fetched* that nothing *held* meets.

    Extras are not looked at: which were asked for is not said of an entry. *own* is the name of the project, which
    meets what is asked of it, installed or not.
    """
    versions = {item.package.name: "" if item.wheel.source else item.package.version for item in held}
    versions[own] = ""
    targets = TargetSet((target_of_interpreter(interpreter),))
    rules = Overrides(overrides)
    found = []
    for item, wheel in fetched:
        file = item.wheel.file
        try:
            metadata = metadata_of_tree(wheel)
        except (InvalidMetadata, OSError):
            continue
        where = (
            f"its wheel {file.filename}" if file is not None and file.is_wheel else "as it was built here, it"
        )
        for text, name in unmet(metadata, item, versions, targets, rules):
            has = f"{name} {versions[name]}" if name in versions else f"no {name}"
            found.append(
                f"{item.package.name} {metadata.version}: {where} needs {text}, and the lock holds {has}"
            )
    return found


def unmet(
    metadata: Metadata, item: Wanted, versions: Mapping[str, str], targets: TargetSet, rules: Overrides
) -> Iterator[tuple[str, str]]:
    """Yield each requirement that *versions* do not meet: its text, and the name that it asks for."""
    for text in metadata.requires:
        try:
            written = parse_requirement(text)
            for asked in rules.apply(written, item.package.name, metadata.version):
                if asked.marker and not targets.marker(asked.marker)[0]:
                    continue
                version = versions.get(asked.name)
                if version is None or (version and not specifier_contains(asked.specifier, version)):
                    yield str(asked).partition(";")[0].strip(), asked.name
        except (UnreadableRequirement, UnreadableMarker, UnreadableVersion):
            # What is locked is installed all the same; nobody can say what this asks for.
            continue
