"""From a project folder to a wheel, an editable wheel, an sdist or a metadata folder.

The hooks call `hook` and `requires_hook`, which read the working directory and the environment and print errors in
one form; others call `build_wheel` and its siblings, which get all that as arguments and raise `PkmError`.
"""

from __future__ import annotations

import os
import sys

from pkm_build import archives, metadata, tags
from pkm_build.errors import BuildError, InvalidFile, PkmError
from pkm_build.layout import top_level
from pkm_build.selection import Selection, archive_order, select_sdist, select_wheel
from pkm_build.settings import read_settings
from pkm_build.source import check, license_paths, load, read_readme, with_license_text
from pkm_build.work import Build, remove_work_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pkm_build.archives import Member
    from pkm_build.layout import Root
    from pkm_build.project import Project

    Settings = Mapping[str, str | list[str]] | None

# An import of the package by its own module would be a circle.
GENERATOR = f"pkm_build {getattr(sys.modules['pkm_build'], '__version__')}"  # noqa: B009 - a module's attribute, by value
OPTIONS = ("profile", "build-number", "tag", "editable", "verbose", "quiet")


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
    done: str = reported(functions[name])
    return done


def requires_hook(kind: str, config_settings: Settings) -> list[str]:
    """Return what a build of *kind* (wheel, editable, sdist) needs beside ``build-system.requires``."""
    found: list[str] = reported(lambda: build_requires(os.getcwd(), kind, config_settings, os.environ))
    return found


def reported(act: Callable[[], Any]) -> Any:
    """Run *act*; print an error, or what the system refuses, as lines of text, and end without a traceback.

    A frontend runs each hook in a process of its own, so ending it is the way to fail without a traceback.
    """
    try:
        return act()
    except (PkmError, OSError) as exc:
        lines = list(exc.lines()) if isinstance(exc, InvalidFile) else [str(exc)]
        if isinstance(exc, PkmError) and exc.hint:
            lines.append(f"hint: {exc.hint}")
        sys.stdout.flush()
        for line in lines:
            print(f"pkm_build: {line}", file=sys.stderr)  # noqa: T201 - this is how a hook reports
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
    made.options = read_options(config_settings)
    made.epoch = archives.timestamp(environ.get("SOURCE_DATE_EPOCH"))
    made.source = load(root)
    profile = made.options.get("profile") or environ.get("PKM_PROFILE", "")
    made.settings = read_settings(made.source.data, made.source.faults, profile)
    made.warn += [f"{fault.text()}; this pkm_build may be too old" for fault in check(made.source)]
    made.source.faults = []
    made.project = made.source.project
    if not made.project.name:
        raise BuildError("pyproject.toml has no [project] table", "a wheel needs a name and a version")
    if made.project.license_expression:
        for text in made.project.classifiers:
            if text.startswith("License ::"):
                made.warn.append(f'the classifier "{text}" should go, as project.license says it (PEP 639)')
    return made


def read_options(config_settings: Settings) -> dict[str, str]:
    """Return the known config-settings as texts, the last of several.

    :raises BuildError: for one that is not known
    """
    found = {}
    for name, value in (config_settings or {}).items():
        plain = name.lstrip("-").replace("_", "-")
        if plain not in OPTIONS:
            from pkm_build.tables import did_you_mean, listed

            near = did_you_mean(plain, OPTIONS)
            known = f"known are {listed(OPTIONS, 'and')}"
            raise BuildError(f'unknown config-setting "{name}"', f'did you mean "{near}"?' if near else known)
        found[plain] = str(value[-1] if isinstance(value, list) and value else value)
    check_options(found)
    return found


def check_options(options: dict[str, str]) -> None:
    """Refuse options with a value that makes no sense.

    :raises BuildError: for the first of them
    """
    number, tag, mode = options.get("build-number", ""), options.get("tag"), options.get("editable", "auto")
    if number and (not number[0].isdigit() or not number.replace("_", "").isalnum() or not number.isascii()):
        raise BuildError(f'the build number "{number}" must begin with a digit, then letters, digits and _')
    if tag is not None and not tags.is_tag(tag):
        raise BuildError(f'"{tag}" is no tag', 'tags look like "py3-none-any"')
    if mode not in ("auto", "pth", "farm"):
        raise BuildError(f'there is no editable mode "{mode}"', "there are auto, pth and farm")


def build_requires(root: str, kind: str, config_settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Return the requirements of a build of *kind* beside ``build-system.requires``."""
    build = start(root, config_settings, environ, kind)
    found: list[str] = []
    if build.settings.extensions and kind != "sdist":
        from pkm_build.extensions import requires

        found += requires(build.settings.extensions)
    if build.settings.hook:
        from pkm_build.hooks import hook_requires

        found += hook_requires(build, kind)
    if build.settings.providers:
        from pkm_build.providers import provider_requires

        found += provider_requires(build.settings.providers, root, build.project.dynamic)
    return found


def resolve(build: Build, metadata_directory: str | None = None) -> None:
    """Fill in the dynamic fields of the project, and its version."""
    if build.project.dynamic or build.settings.providers:
        from pkm_build.dynamic import resolve_dynamic

        build.project = resolve_dynamic(build, metadata_directory)
    assert build.project.version is not None
    build.version = build.project.version


def stem(build: Build) -> str:
    """Return ``name-version`` as it stands in file names."""
    return f"{build.project.name.replace('-', '_')}-{build.version.replace('-', '_')}"


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
    build = start(root, config_settings, environ, "wheel")
    try:
        resolve(build, metadata_directory)
        selection = select_wheel(build)
        members = selection.members()
        members = joined(members, native_outputs(build, selection, editable=False))
        if not members and build.settings.packages is None:
            raise BuildError("the wheel would be empty", "packages = [] asks for a wheel without code")
        return write_wheel(build, selection, out_dir, members, metadata_directory)
    finally:
        clean_up(build)


def clean_up(build: Build) -> None:
    """Remove the folders that the build worked in, and say what should be known."""
    if build.work_folders:
        remove_work_folders(build)
    for line in build.warn:
        print(f"pkm_build: warning: {line}", file=sys.stderr)  # noqa: T201 - this is how a hook reports


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
    try:
        writer.add(members)
        native = [(name, head) for name, head in writer.native if not name.startswith(f"{info}/")]
        named = wheel_tags(build, [name for name, _, _ in members], native)
        writer.add(info_members(build, selection, info, named, metadata_directory))
        writer.finish()
        number = build.options.get("build-number", "")
        name = "-".join([stem(build), *([number] if number else []), tags.compress(named)]) + ".whl"
        os.replace(unfinished, os.path.join(out_dir, name))
    except BaseException:
        writer.abort()
        os.unlink(unfinished)
        raise
    return name


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
    for pattern in build.settings.sbom_files:
        matched = tree.expand(pattern)
        if not matched:
            raise BuildError(f'tool.pkm.build.sbom-files: "{pattern}" matches no file')
        found += [(f"{info}/sboms/{path.rpartition('/')[2]}", tree.path(path), False) for path in matched]
    if metadata_directory:
        same_metadata(found[0], metadata_directory)
    return sorted(found)


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
    from pkm_build import editable

    build = start(root, config_settings, environ, "editable")
    try:
        resolve(build, metadata_directory)
        selection = select_wheel(build, editable=True)
        outputs = native_outputs(build, selection, editable=True)
        write_generated(build)
        wanted = build.options.get("editable") or build.settings.editable
        members: list[Member] = [*selection.data_members, *outputs]
        roots = [*selection.roots, *mapped_roots(build, selection)]
        if roots:
            if editable.mode_for(roots, wanted, lambda folder: top_level(selection.tree, folder)) == "pth":
                folders = editable.pth_folders(roots) or []
            else:
                folders = editable.make_farm(root, roots, sys.platform, build.warn)
            text = editable.pth_text(os.path.abspath(root), folders)
            members.insert(0, (f"__editable__.{stem(build)}.pth", text.encode(), False))
        return write_wheel(build, selection, out_dir, members, metadata_directory)
    finally:
        clean_up(build)


def mapped_roots(build: Build, selection: Selection) -> list[Root]:
    """Return the entries of ``map`` that can be linked beside the packages; of the others it warns."""
    found = []
    for path, target in build.settings.map.items():
        if any(target.startswith(root + "/") for _, root in selection.roots):
            build.warn.append(
                f'{target} (from map "{path}") is not in an editable install, as {path} lies elsewhere'
            )
        else:
            found.append((path, target))
    return found


def write_generated(build: Build) -> None:
    """Write the files that only a build knows (``write-to``) into the tree, where an editable install looks."""
    if build.project.dynamic:
        from pkm_build.dynamic import generated_files

        for path, content in generated_files(build).items():
            whole = os.path.join(build.root, *path.split("/"))
            if not os.path.isfile(whole) or archives.read_bytes(whole) != content:
                with open(whole, "wb") as stream:
                    stream.write(content)


def build_sdist(root: str, out_dir: str, config_settings: Settings, environ: Mapping[str, str]) -> str:
    """Build a source distribution of the project in *root* into *out_dir*; return its file name.

    The wheel that it will give is compared with the one that the tree gives.

    :raises PkmError: when that cannot be done, or the two wheels would differ
    """
    build = start(root, config_settings, environ, "sdist")
    try:
        resolve(build)
        selection = select_wheel(build)
        sources, generated = select_sdist(build, selection, out_dir)
        return write_sdist(build, selection, out_dir, {**sources, **generated})
    finally:
        clean_up(build)


def write_sdist(build: Build, selection: Selection, out_dir: str, contents: dict[str, str | bytes]) -> str:
    """Write *contents* and PKG-INFO as an sdist into *out_dir*."""
    if build.settings.hook:
        from pkm_build.hooks import sdist_files

        contents.update(sdist_files(build))
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
    except BaseException:
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
    build = start(root, config_settings, environ, state)
    try:
        resolve(build)
        selection = Selection(build)
        info = f"{stem(build)}.dist-info"
        named = list(build.settings.tags) or [tags.PURE]
        for name, source, _ in info_members(build, selection, info, named, None):
            path = os.path.join(out_dir, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(archives.read_bytes(source))
    finally:
        clean_up(build)
    return info


def list_wheel_files(root: str, environ: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Return ``(path in the wheel, path of the source)`` of the files that a wheel takes from the tree, sorted.

    What is generated or compiled while it is built is not among them.

    :raises PkmError: as `build_wheel` does
    """
    build = start(root, None, environ or {}, "wheel")
    build.version = build.project.version or "0"
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
    build.version = build.project.version or "0"
    return explain_path(build, path)
