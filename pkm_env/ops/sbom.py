"""A software bill of materials of one environment, by the library ``cyclonedx-python-lib``."""

from __future__ import annotations

from pkm_build.errors import PkmError
from pkm_env.lock.graph import Graph
from pkm_env.ops.packages import requested_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cyclonedx.model.component import Component

    from pkm_env.context import Context
    from pkm_env.lock.lockfile import LockedPackage
    from pkm_env.model.environment import Environment

# The names of digests in a lock, and in a bill of materials.
HASHES = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
}


def cyclonedx_text(context: Context, environment: Environment, packages: Iterable[LockedPackage]) -> str:
    """Return the bill of materials as CycloneDX 1.6 JSON: same entries, same bytes.

    :raises PkmError: when the library of the extra ``sbom`` is not installed.
    """
    try:
        from cyclonedx.model.bom import Bom
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError as error:
        raise PkmError(
            "a bill of materials needs the library cyclonedx-python-lib", 'pip install "pkm[sbom]"'
        ) from error
    import json
    from uuid import UUID, uuid5

    project = context.workspace.project
    listed = [package for package in packages if not (package.name == project.name and package.source)]
    graph = Graph(listed, requested_names(context, environment))
    root = Component(
        name=project.raw_name or "project",
        version=project.version,
        type=ComponentType.APPLICATION,
        bom_ref="root",
    )
    bom = Bom()
    bom.metadata.component = root
    bom.metadata.tools.components.clear()
    components = {(package.name, package.version): component_of(package) for package in listed}
    for component in components.values():
        bom.components.add(component)
    bom.register_dependency(root, [components[key] for key in graph.roots])
    for key, component in components.items():
        bom.register_dependency(component, [components[other] for other in graph.needs[key]])
    data = json.loads(JsonV1Dot6(bom).output_as_string())
    # The library writes the hour and a random number; a lock knows neither.
    data.get("metadata", {}).pop("timestamp", None)
    names = " ".join(f"{name}@{version}" for name, version in sorted(components))
    data["serialNumber"] = f"urn:uuid:{uuid5(UUID(int=0), names)}"
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def component_of(package: LockedPackage) -> Component:
    """Return an entry of the lock in the terms of the library."""
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    references = [
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(url),
            hashes=[
                HashType(alg=HashAlgorithm(HASHES[name]), content=value)
                for name, value in hashes
                if name in HASHES
            ],
        )
        for url, hashes in distributions(package)
    ]
    return Component(
        name=package.name,
        version=package.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package.name}@{package.version}",
        purl=PackageURL("pypi", None, package.name, package.version or None, qualifiers_of(package)),
        external_references=references,
    )


def distributions(package: LockedPackage) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return where the files of an entry are to be had, with their digests; a folder is nowhere."""
    if package.source is None:
        found = [(file.url or file.path, file.hashes) for file in package.files]
    elif package.source.kind == "archive":
        found = [(package.source.location, package.source.hashes)]
    else:
        found = []
    return [(url, sorted(hashes.items())) for url, hashes in found if url]


def qualifiers_of(package: LockedPackage) -> dict[str, str]:
    """Return what a package URL says of a package that is not from an index. Source: purl specification."""
    source = package.source
    if source is not None and source.kind == "vcs":
        return {"vcs_url": f"{source.vcs}+{source.location}@{source.commit}"}
    if source is not None and source.kind == "archive" and "://" in source.location:
        return {"download_url": source.location}
    return {}
