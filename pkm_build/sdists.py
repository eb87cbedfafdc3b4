"""Which files go into an sdist, and whether its wheel is the one of the tree.

An sdist holds the project's files that version control does not ignore, and whatever the wheel needs.
"""

from __future__ import annotations

import os

from pkm_build import archives, globs, metadata
from pkm_build.errors import BuildError
from pkm_build.files import ROOT_JUNK, ListedTree, Tree
from pkm_build.selection import EXTERNAL, archive_order, excluded, refuse_links, select_wheel, wheel_path
from pkm_build.source import license_paths, read_readme, with_license_text
from pkm_build.work import stem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pkm_build.archives import Member
    from pkm_build.selection import Selection
    from pkm_build.work import Build

ALWAYS = "pyproject.toml"


def select_sdist(build: Build, wheel: Selection, out_dir: str) -> dict[str, str | bytes]:
    """Return the files of the sdist, by path: where they lie on disk, or the content that is made for them.

    :raises BuildError: when its wheel would not be the one of the tree
    """
    tree = wheel.tree
    settings = build.settings
    paths = tree_files(tree, build.root, out_dir)
    refuse_links(tree, [""], (*settings.sdist_exclude, *settings.exclude))
    needed = needed_files(build, wheel)
    paths = excluded(paths, settings.sdist_exclude)
    for pattern in settings.sdist_include:
        paths += tree.expand(pattern, settings.sdist_exclude)
    if settings.extensions:
        from pkm_build.extensions import is_output

        paths = [path for path in paths if not is_output(wheel_path(path, wheel.roots), settings.extensions)]
    sources: dict[str, str | bytes] = {
        outside_in(path): tree.path(path) for path in [*paths, *needed] if path != "PKG-INFO"
    }
    generated = wheel.generated
    if not generated and settings.version.write_to:
        from pkm_build.dynamic import generated_files

        generated = generated_files(build)
    sources.update(generated)
    if settings.hook:
        from pkm_build.hooks import sdist_files

        sources.update(sdist_files(build))
    same_wheel(build, wheel, sources, generated)
    return sources


def outside_in(path: str) -> str:
    """Return where a file of the tree lies in the sdist: one from outside of the project in a folder of its own."""
    return f"{EXTERNAL}/{path.replace('../', '__/')}" if path.startswith("../") else path


def tree_files(tree: Tree, root: str, out_dir: str) -> list[str]:
    """Return the project's own files, without what builds leave beside pyproject.toml."""
    folders, files = tree.listing("")
    found = [name for name in files if not name.endswith((".whl", ".part"))]
    out = os.path.abspath(out_dir)
    for folder in folders:
        if folder in ROOT_JUNK or os.path.abspath(f"{root}/{folder}") == out:
            continue
        found += tree.walk(folder)
    top = os.path.abspath(root) + os.sep
    if out.startswith(top):
        below = out[len(top) :].replace(os.sep, "/") + "/"
        found = [path for path in found if not path.startswith(below)]
    elif out + os.sep == top:
        products = build_products(found)
        found = [path for path in found if path not in products]
    return found


def build_products(paths: Iterable[str]) -> set[str]:
    """Return archives beside pyproject.toml, where earlier builds into that folder left them."""
    return {path for path in paths if "/" not in path and path.endswith((".tar.gz", ".whl"))}


def needed_files(build: Build, wheel: Selection) -> list[str]:
    """Return what the build of a wheel reads: its files, readme, licences, hook, sources of its version."""
    project, settings, tree = build.project, build.settings, wheel.tree
    found = [ALWAYS, *license_paths(project, tree)]
    found += [path for path in wheel.files.values() if path not in wheel.generated]
    found += [path for path in (project.readme_file, settings.hook, settings.version.path) if path]
    top = len(build.root) + 1
    found += [source[top:] for _, source, _ in wheel.data_members if isinstance(source, str)]
    for pattern in settings.sbom_files:
        found += tree.expand(pattern)
    for folder in project.backend_path:
        if folder not in (".", "./", ""):
            found += tree.expand(folder)
    for extension in settings.extensions:
        found += extension.needed(tree)
    for entry in settings.providers:
        provider = entry["provider"]
        if not isinstance(provider, str):
            module = provider["module"].partition(":")[0].partition(".")[0]
            paths = (f"{provider['path']}/{module}.py", f"{provider['path']}/{module}")
            found += [path for name in paths for path in tree.expand(globs.clean(name))]
    missing = [path for path in found if not tree.is_file(path)]
    if missing:
        raise BuildError(f"{missing[0]} is not there")
    return found


def same_wheel(
    build: Build, wheel: Selection, sources: Mapping[str, str | bytes], generated: Iterable[str]
) -> None:
    """Refuse an sdist that would give another wheel than the tree.

    Where a hook adds files to the sdist that lie in a package, its function for wheels says whether they are in the
    wheel of the tree too.

    :raises BuildError: when a file is missing or too many
    """
    quiet = build.warn
    build.warn = []
    try:
        again = select_wheel(build, ListedTree(build.root, sources))
    finally:
        build.warn = quiet
    names = set(wheel.files) | {name for name, _, _ in wheel.data_members}
    others = set(again.files) | {name for name, _, _ in again.data_members}
    made = {name for name, path in again.files.items() if path in generated}
    missing, extra = sorted(names - others), others - names - made
    if extra and build.settings.hook:
        from pkm_build.hooks import wheel_names

        extra -= wheel_names(build)
    if missing or extra:
        word, path = ("lack", missing[0]) if missing else ("have", min(extra))
        hint = "see tool.pkm.build.sdist; pkm build --explain PATH names the rules for a file"
        if extra and again.files.get(path, "") not in wheel.files.values() and build.settings.hook:
            hint = "what sdist() of the hook adds to a package, build() must add to the wheel"
        raise BuildError(f"the wheel of this sdist would {word} {path}, unlike the wheel of the tree", hint)


def write_sdist(build: Build, selection: Selection, out_dir: str, contents: dict[str, str | bytes]) -> str:
    """Write *contents* and PKG-INFO as an sdist into *out_dir*."""
    project, tree = with_license_text(build.project, selection.tree), selection.tree
    info = metadata.core_metadata(
        project, build.version, license_paths(project, tree), read_readme(project, tree), changing(build)
    )
    contents["PKG-INFO"] = info.encode()
    top = stem(build)
    members: list[Member] = [
        (f"{top}/{path}", contents[path], None) for path in sorted(contents, key=archive_order)
    ]
    os.makedirs(out_dir, exist_ok=True)
    unfinished = os.path.join(out_dir, f".{top}.{os.getpid()}.part")
    try:
        archives.write_sdist(unfinished, members, build.epoch)
        os.replace(unfinished, os.path.join(out_dir, f"{top}.tar.gz"))
    except BaseException:  # an interrupt too leaves no half archive
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise
    return f"{top}.tar.gz"


def changing(build: Build) -> list[str]:
    """Return the project fields that a wheel of the sdist may give otherwise."""
    if not build.settings.providers:
        return []
    from pkm_build.providers import changing_fields

    return changing_fields(build)
