"""From a project folder to a wheel, an editable wheel, an sdist or a metadata folder.

The hooks call `hook` and `requires_hook`, which read the working directory and the environment and print errors in
one form; others call `build_wheel` and its siblings, which get all that as arguments and raise `PkmError`.
"""

from __future__ import annotations

import os
import sys

from pkm_build import archives, metadata, tags
from pkm_build.errors import BuildError, InvalidFile, NoPackages, PkmError
from pkm_build.layout import top_level
from pkm_build.selection import Selection, archive_order, check_named, select_wheel
from pkm_build.settings import check_pkm_keys, read_settings
from pkm_build.source import check, license_paths, load, read_readme, with_license_text
from pkm_build.work import Build, remove_work_folders, stem, urls_without_scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from pkm_build.archives import Member
    from pkm_build.files import Tree
    from pkm_build.project import Project

    Result = TypeVar("Result")
    Settings = Mapping[str, str | list[str]] | None

# An import of the package by its own module would be a circle.
GENERATOR = f"pkm_build {sys.modules['pkm_build'].__version__}"


def hook(name: str, folder: str, config_settings: Settings, metadata_directory: str | None = None) -> str:
    """Do what a PEP 517 hook asks for in the working directory, with errors as people should see them."""
    functions: dict[str, Callable[[], str]] = {
        "build_wheel": lambda: build_wheel(
            os.getcwd(), folder, config_settings, os.environ, metadata_directory
        ),
        "build_editable": lambda: build_editable(
            os.getcwd(), folder, config_settings, os.environ, metadata_directory
        ),
        "build_sdist": lambda: build_sdist(os.getcwd(), folder, config_settings, os.environ),
        "prepare_metadata": lambda: prepare_metadata(os.getcwd(), folder, config_settings, os.environ),
        "prepare_editable": lambda: prepare_metadata(
            os.getcwd(), folder, config_settings, os.environ, "metadata_editable"
        ),
    }
    return reported(functions[name])


def requires_hook(kind: str, config_settings: Settings) -> list[str]:
    """Return what a build of *kind* (wheel, editable, sdist) needs beside ``build-system.requires``."""
    return reported(lambda: build_requires(os.getcwd(), kind, config_settings, os.environ))


def reported(act: Callable[[], Result]) -> Result:
    """Run *act*; print an error, or what the system refuses, as lines of text, and end without a traceback.

    A frontend runs each hook in a process of its own, so ending it is the way to fail without a traceback.
    """
    try:
        return act()
    except (PkmError, OSError) as exc:
        lines = list(exc.lines()) if isinstance(exc, InvalidFile) else str(exc).splitlines()
        if isinstance(exc, PkmError) and exc.hint:
            lines.append(f"hint: {exc.hint}")
        sys.stdout.flush()
        for line in lines:
            sys.stderr.write(f"pkm_build: {line}\n")
        sys.stderr.flush()
        raise SystemExit(1) from None


def start(root: str, config_settings: Settings, environ: Mapping[str, str], state: str) -> Build:
    """Read and check the project in *root* for a build of the kind *state*; nothing is written.

    *state* is one of wheel, editable, sdist, metadata_wheel, metadata_editable.

    :raises InvalidFile: with all faults of pyproject.toml
    :raises BuildError: for wrong options or variables
    """
    made = Build()
    made.root = root = os.path.abspath(root)
    made.environ = environ
    made.state = state
    made.warn = []
    made.work_folders = []
    made.hook_tags = ()
    made.member_sources = {}
    made.options = {}
    if config_settings:
        from pkm_build.options import read_options

        made.options = read_options(config_settings)
    made.epoch = archives.timestamp(environ.get("SOURCE_DATE_EPOCH"))
    made.source = load(root)
    made.project = made.source.project
    made.version = made.project.version or "0"
    profile = made.options.get("profile") or environ.get("PKM_PROFILE", "")
    made.settings = read_settings(made.source.data, made.source.faults, profile)
    check_pkm_keys(made.source.data, made.source.faults)
    if made.source.faults:
        try:
            let_pass(made)
        except InvalidFile:
            note_faults_of_tree(made)
            let_pass(made)
    if not made.project.name:
        raise BuildError("pyproject.toml has no [project] table", "a wheel needs a name and a version")
    made.warn += urls_without_scheme(made)
    return made


def let_pass(build: Build) -> None:
    """Raise the faults of pyproject.toml; warn of those that an unpacked sdist may have.

    :raises InvalidFile: when there are others
    """
    passing = [fault.text() for fault in check(build.source)]
    beside = [text for text in passing if text.startswith("project.")]
    build.warn += [f"{text}; this pkm_build may be too old" for text in passing if text not in beside]
    build.warn += beside
    build.source.faults = []


def note_faults_of_tree(build: Build) -> None:
    """Add what the tree belies to the faults of the file, so that all are told at once."""
    if not build.project.name:
        return
    build.warn, quiet = [], build.warn
    try:
        if build.project.dynamic and not build.settings.providers and build.settings.version.source == "file":
            resolve(build)
        select_wheel(build)
    except InvalidFile:
        pass  # its faults are those of the source
    except NoPackages as exc:
        build.fault(("project",), str(exc), exc.hint)
    except (BuildError, OSError):
        pass  # tells of what the faults may have caused
    build.warn = quiet


def finished(build: Build, act: Callable[[Build], Result]) -> Result:
    """Return what *act* returns; remove the work folders and tell the warnings, whatever happens.

    An error that a setting is to blame for is told with its place, and with what else is wrong in the file.

    :raises InvalidFile: where faults were found before the error
    """
    try:
        return act(build)
    except BuildError as exc:
        if build.source.faults:
            build.fault(exc.key or ("project",), str(exc), exc.hint)
            check(build.source)
        if exc.key and not exc.placed:
            exc.args = (f"{build.place(exc.key, exc.shown)}: {exc}",)
            exc.placed = True
        raise
    finally:
        clean_up(build)


def build_requires(root: str, kind: str, config_settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Return the requirements of a build of *kind* beside ``build-system.requires``."""
    build = start(root, config_settings, environ, kind)
    return finished(build, lambda one: further_requires(one, kind))


def further_requires(build: Build, kind: str) -> list[str]:
    """Return what extensions, hook and providers need."""
    found: list[str] = []
    if build.settings.extensions and kind != "sdist":
        from pkm_build.extensions import requires

        found += requires(build.settings.extensions)
    if build.settings.hook:
        from pkm_build.hooks import hook_requires

        found += hook_requires(build, kind)
    if build.settings.providers:
        from pkm_build.providers import provider_requires

        found += provider_requires(build)
    return found


def resolve(build: Build, metadata_directory: str | None = None) -> None:
    """Fill in the dynamic fields of the project, and its version; "0" where a fault is noted in its place."""
    if build.project.dynamic or build.settings.providers:
        from pkm_build.dynamic import resolve_dynamic

        build.project = resolve_dynamic(build, metadata_directory)
    build.version = build.project.version or "0"


def build_wheel(
    root: str,
    out_dir: str,
    config_settings: Settings,
    environ: Mapping[str, str],
    metadata_directory: str | None = None,
) -> str:
    """Build a wheel of the project in *root* into *out_dir*; return its file name.

    :raises PkmError: when that cannot be done; nothing is left in *out_dir* then
    """

    def act(build: Build) -> str:
        resolve(build, metadata_directory)
        selection = select_wheel(build)
        members = selection.members()
        members = joined(members, native_outputs(build, selection, editable=False))
        refuse_nothing(build, members)
        return write_wheel(build, selection, out_dir, members, metadata_directory)

    return finished(start(root, config_settings, environ, "wheel"), act)


def refuse_nothing(build: Build, members: Sequence[Member]) -> None:
    """Refuse a wheel without members, unless that is what ``packages = []`` asks for.

    :raises BuildError: in that case
    """
    if not members and build.settings.packages is None:
        raise BuildError("the wheel would be empty", "packages = [] asks for a wheel without code")


def clean_up(build: Build) -> None:
    """Remove the folders that the build worked in, and say what should be known."""
    if build.work_folders:
        remove_work_folders(build)
    for line in build.warn:
        sys.stderr.write(f"pkm_build: warning: {line}\n")


def native_outputs(build: Build, selection: Selection, editable: bool) -> list[Member]:
    """Return what the hook generates and the compiler makes, as further members."""
    found: list[Member] = []
    if build.settings.hook:
        from pkm_build.hooks import run_hook

        found += run_hook(build, selection.roots, editable)
    if build.settings.extensions:
        from pkm_build.compilation import compile_all

        found += compile_all(build, selection, editable)
    return found


def joined(members: list[Member], outputs: list[Member]) -> list[Member]:
    """Return both lists as one, in the order of the archive; outputs replace members of the same name."""
    if not outputs:
        return members
    names = {name for name, _, _ in outputs}
    return sorted([m for m in members if m[0] not in names] + outputs, key=lambda m: archive_order(m[0]))


def write_wheel(
    build: Build, selection: Selection, out_dir: str, members: list[Member], metadata_directory: str | None
) -> str:
    """Write the members with their ``.dist-info`` as a wheel, its name the last thing to be known."""
    os.makedirs(out_dir, exist_ok=True)
    info = f"{stem(build)}.dist-info"
    check_native_suffixes(build, members)
    unfinished = os.path.join(out_dir, f".{stem(build)}.{os.getpid()}.part")
    threads = min(os.cpu_count() or 1, 8)
    build.member_sources = {name: source for name, source, _ in members}
    writer = archives.WheelWriter(unfinished, build.epoch, f"{info}/RECORD", threads)
    with writer:
        writer.add(members)
        native = [(name, head) for name, head in writer.native if not name.startswith(f"{info}/")]
        named = wheel_tags(build, [name for name, _, _ in members], native)
        ours = info_members(build, selection, info, named, metadata_directory)
        refuse_ours(build, [name for name, _, _ in ours] + [f"{info}/RECORD"])
        writer.add(ours)
        writer.finish()
        number = build.options.get("build-number", "")
        name = "-".join([stem(build), *([number] if number else []), tags.compress(named)]) + ".whl"
        os.replace(unfinished, os.path.join(out_dir, name))
    return name


def refuse_ours(build: Build, names: Sequence[str]) -> None:
    """Refuse a hook that adds a file which the backend itself writes.

    :raises BuildError: for the first of *names* that is there already
    """
    for name in names:
        if name in build.member_sources:
            key = ("tool", "pkm", "build", "hook")
            raise BuildError(f"the hook adds {name}, which the backend writes", "", key)


def check_native_suffixes(build: Build, members: Sequence[Member]) -> None:
    """Refuse native files in a wheel that is said to be pure before anything is written."""
    if build.settings.pure:
        tags.default_tag([name for name, _, _ in members if tags.looks_native(name)], pure=True)


def wheel_tags(build: Build, names: Sequence[str], native: Sequence[tuple[str, bytes]]) -> list[str]:
    """Return the expanded tags of the wheel, sorted: those asked for, else those that its content needs."""
    asked = build.options.get("tag")
    if asked:
        return tags.expand(asked)
    if build.hook_tags:
        return sorted({one for tag in build.hook_tags for one in tags.expand(tag)})
    if build.settings.tags:
        return sorted({one for tag in build.settings.tags for one in tags.expand(tag)})
    if build.settings.pure:
        return [tags.default_tag([name for name, _ in native], pure=True)]
    suspects = [name for name in names if tags.looks_native(name)]
    if not native and not suspects and not build.settings.extensions:
        return [tags.PURE]
    from pkm_build.natives import tags_for

    return tags_for(build, names, native)


def info_members(
    build: Build, selection: Selection, info: str, named: Sequence[str], metadata_directory: str | None
) -> list[Member]:
    """Return the members of the ``.dist-info`` folder but RECORD, sorted."""
    project, tree = with_license_text(with_import_names(build, selection), selection.tree), selection.tree
    licences = license_paths(project, tree)
    text = metadata.core_metadata(project, build.version, licences, read_readme(project, tree), None)
    purelib = all(tag.endswith("-any") for tag in named)
    number = build.options.get("build-number", "")
    found: list[Member] = [
        (f"{info}/METADATA", text.encode(), False),
        (f"{info}/WHEEL", metadata.wheel_file(named, purelib, number, GENERATOR).encode(), False),
    ]
    points = metadata.entry_points(project)
    if points:
        found.append((f"{info}/entry_points.txt", points.encode(), False))
    found += [(f"{info}/licenses/{path}", tree.path(path), False) for path in licences]
    found += sbom_members(build, tree, info)
    if metadata_directory:
        same_metadata(found[0], metadata_directory)
    return sorted(found)


def sbom_members(build: Build, tree: Tree, info: str) -> list[Member]:
    """Return the software bills of materials as members, by the names of their files."""
    paths = {path for pattern in build.settings.sbom_files for path in tree.expand(pattern)}
    return [(f"{info}/sboms/{path.rpartition('/')[2]}", tree.path(path), False) for path in paths]


def with_import_names(build: Build, selection: Selection) -> Project:
    """Return the project with the import names that its wheel gives, where they are declared dynamic.

    Source: PEP 794, "Build back-ends".
    """
    project = build.project
    if "import-names" not in project.dynamic and "import-namespaces" not in project.dynamic:
        return project
    from pkm_build.imports import shipped_names

    files = selection.files or select_wheel(build).files
    names, spaces = shipped_names([*files, *build.member_sources])
    changes = {"import_names": names, "import_namespaces": spaces}
    known = {key: value for key, value in changes.items() if key.replace("_", "-") in project.dynamic}
    return project.replaced(**known)


def same_metadata(member: Member, metadata_directory: str) -> None:
    """Refuse to build when METADATA is not what the earlier hook had promised.

    Source: PEP 517, build_wheel: "the wheel must have identical metadata".
    """
    path = os.path.join(metadata_directory, "METADATA")
    if os.path.isfile(path) and archives.read_bytes(path) != member[1]:
        raise BuildError(
            "the metadata is not what prepare_metadata gave before",
            "something in the project changed between the two; build again",
        )


def build_editable(
    root: str,
    out_dir: str,
    config_settings: Settings,
    environ: Mapping[str, str],
    metadata_directory: str | None = None,
) -> str:
    """Build an editable wheel of the project in *root* into *out_dir*; return its file name.

    :raises PkmError: when that cannot be done
    """
    from pkm_build.editable import link_members, write_generated

    def act(build: Build) -> str:
        resolve(build, metadata_directory)
        selection = select_wheel(build)  # whole, so that what a wheel is refused for is refused here too
        outputs = native_outputs(build, selection, editable=True)
        write_generated(build)
        links = link_members(build, selection.roots, lambda folder: top_level(selection.tree, folder))
        members = [*links, *selection.data_members, *outputs]
        refuse_nothing(build, members)
        return write_wheel(build, selection, out_dir, members, metadata_directory)

    return finished(start(root, config_settings, environ, "editable"), act)


def build_sdist(root: str, out_dir: str, config_settings: Settings, environ: Mapping[str, str]) -> str:
    """Build a source distribution of the project in *root* into *out_dir*; return its file name.

    The wheel that it will give is compared with the one that the tree gives.

    :raises PkmError: when that cannot be done, or the two wheels would differ
    """
    from pkm_build.sdists import select_sdist, write_sdist

    def act(build: Build) -> str:
        resolve(build)
        selection = select_wheel(build)
        members = selection.members()
        if not build.settings.hook and not build.settings.extensions:
            refuse_nothing(build, members)
        check_native_suffixes(build, members)
        return write_sdist(build, selection, out_dir, select_sdist(build, selection, out_dir))

    return finished(start(root, config_settings, environ, "sdist"), act)


def prepare_metadata(
    root: str,
    out_dir: str,
    config_settings: Settings,
    environ: Mapping[str, str],
    state: str = "metadata_wheel",
) -> str:
    """Write the ``.dist-info`` folder of the project in *root* into *out_dir*; return its name.

    The WHEEL file in it has the tag of a pure wheel: tags are known only when the wheel is written.

    :raises PkmError: when that cannot be done
    """

    def act(build: Build) -> str:
        resolve(build)
        selection = Selection(build)
        check_named(build, selection.tree)
        if build.source.faults:
            check(build.source)
        info = f"{stem(build)}.dist-info"
        named = list(build.settings.tags) or [tags.PURE]
        for name, source, _ in info_members(build, selection, info, named, None):
            path = os.path.join(out_dir, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(archives.read_bytes(source))
        return info

    return finished(start(root, config_settings, environ, state), act)


def list_wheel_files(root: str, environ: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Return ``(path in the wheel, path of the source)`` of the files that a wheel takes from the tree, sorted.

    What is generated or compiled while it is built is not among them.

    :raises PkmError: as `build_wheel` does
    """
    build = start(root, None, environ or {}, "wheel")
    members = select_wheel(build).members()
    return sorted([(name, source) for name, source, _ in members if isinstance(source, str)])


def native_inputs(root: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the files whose change asks for compiling or generating anew, sorted: sources, headers and the hook.

    :raises PkmError: as `build_wheel` does
    """
    build = start(root, None, environ or {}, "editable")
    tree = Selection(build).tree
    found = [tree.path(build.settings.hook)] if build.settings.hook else []
    for extension in build.settings.extensions:
        found += [tree.path(path) for path in extension.needed(tree)]
    return sorted(set(found))


def explain(root: str, path: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return sentences that say why the file *path* of the tree is in wheel and sdist or not, with rule and line.

    :raises PkmError: as `build_wheel` does
    """
    from pkm_build.explain import explain_path

    build = start(root, None, environ or {}, "sdist")
    return explain_path(build, path)
