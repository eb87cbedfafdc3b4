"""Which files go into a wheel, and why.

A wheel holds the roots (packages and modules), what ``include`` adds, less what ``exclude`` takes; ``map`` and
``data`` name single files. What goes into an sdist is told by `sdists`.
"""

from __future__ import annotations

import os

from pkm_build import globs
from pkm_build.errors import BuildError, NoPackages
from pkm_build.files import Tree, link_error
from pkm_build.layout import CODE, candidates, find_roots, given_root
from pkm_build.source import check
from pkm_build.tables import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pkm_build.archives import Member
    from pkm_build.layout import Root
    from pkm_build.work import Build

BUILD: tuple[str | int, ...] = ("tool", "pkm", "build")
VERSION: tuple[str | int, ...] = ("tool", "pkm", "version")
LICENCES: tuple[str | int, ...] = ("project", "license-files")
EXTERNAL = ".pkm-external"


class Selection:
    """The files of a wheel: *files* maps paths in it to paths in the tree, *data_members* are those of schemes."""

    __slots__ = ("data_members", "files", "generated", "mixed", "reasons", "roots", "tree")

    def __init__(self, build: Build, tree: Tree | None = None) -> None:
        sdist = os.path.exists(f"{build.root}/PKG-INFO")
        self.tree = tree or Tree(build.root, ignoring=not sdist)
        self.roots: list[Root] = []
        self.files: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        self.generated: dict[str, bytes] = {}
        self.mixed = False  # whether the files are not in the order of one walk
        self.data_members: list[Member] = []

    def members(self) -> list[Member]:
        """Return the members of the wheel but its metadata: packages as walked, then schemes."""
        tree = self.tree
        found: list[Member] = []
        names = sorted(self.files, key=archive_order) if self.mixed else self.files
        for name in names:
            path = self.files[name]
            if path in self.generated:
                found.append((name, self.generated[path], False))
            else:
                found.append((name, tree.path(path), None))
        return found + self.data_members

    def content(self, name: str) -> bytes:
        """Return the content of the file *name* of the wheel."""
        path = self.files[name]
        return self.generated[path] if path in self.generated else self.tree.content(path)

    def put(self, name: str, path: str, reason: str, key: tuple[str | int, ...] = ()) -> None:
        """Add the file *path* as *name*, as the setting at *key* asks for.

        :raises BuildError: when another file has that place already
        """
        other = self.files.get(name)
        if other is not None and other != path:
            raise BuildError(f"both {other} and {path} would be {name} in the wheel", "", key)
        self.files[name] = path
        self.mixed = True
        self.reasons.setdefault(name, reason)


def archive_order(name: str) -> tuple[bool, list[str]]:
    """Return the key that sorts members as a walk meets them: files before folders, schemes last."""
    folders = name.split("/")
    key: list[str] = []
    for folder in folders[:-1]:
        key += ["1", folder]
    return (".data/" in name, [*key, "0", folders[-1]])


def select_wheel(build: Build, tree: Tree | None = None) -> Selection:
    """Return the files of the wheel; *tree* is that of an sdist whose wheel is compared with the one of the project.

    :raises BuildError: when the wheel would be empty, or a file that is named is not there
    """
    found = Selection(build, tree)
    find_code(build, found)
    add_roots(build, found)
    add_included(build, found)
    add_generated(build, found)
    add_mapped(build, found)
    add_data(build, found)
    if tree is None:
        check_content(build, found)
    check_named(build, found.tree)
    if build.source.faults:
        check(build.source)
    return found


def check_content(build: Build, found: Selection) -> None:
    """Hold what the project says of scripts and imports against the files, and these against each other."""
    if build.project.scripts or build.project.gui_scripts or build.project.entry_points:
        from pkm_build.scripts import check_scripts

        check_scripts(build, found.files, found.content)
    check_imports(build, found)
    tell_alike(build, found)


def find_code(build: Build, found: Selection) -> None:
    """Find the packages and modules, those that the settings name or those that the layout shows.

    :raises NoPackages: when there are none, and nothing else goes into the wheel
    """
    settings, tree = build.settings, found.tree
    if settings.packages is None:
        try:
            found.roots = find_roots(tree, build.project.name, build.warn)
        except NoPackages:
            if not (settings.map or settings.data or settings.hook or settings.extensions):
                refuse_links(tree, [""], settings.exclude)  # the code may be behind one
                raise
        return
    for at, raw in enumerate(settings.packages):
        root = given_root(tree, raw)
        if root is None:
            near = [other for other, _ in candidates(tree)]
            hint = f"there is {listed(near, 'and')}" if near else ""
            build.fault((*BUILD, "packages", at), f'"{raw}" is not there', hint)
        else:
            found.roots.append(root)


def check_imports(build: Build, found: Selection) -> None:
    """Note declared import names that the wheel does not give; what a hook generates is not known yet."""
    project = build.project
    if project.import_names is None and project.import_namespaces is None:
        return
    from pkm_build.imports import missing_names, undeclared_names

    compiled = [f"{extension.name.replace('.', '/')}.so" for extension in build.settings.extensions]
    files = [*found.files, *compiled]
    for field, at, name, hint in () if build.settings.hook else missing_names(project, files):
        build.fault(("project", field, at), f'"{name}" is not what the wheel gives', hint)
    build.warn += [
        f"the wheel gives {name}, which project.import-names does not list"
        for name in undeclared_names(project, files)
    ]


def check_named(build: Build, tree: Tree) -> None:
    """Note files that pyproject.toml names and that are not there."""
    project, settings = build.project, build.settings
    check_texts(build, tree)
    if settings.hook and not tree.is_file(settings.hook):
        build.fault((*BUILD, "hook"), f'"{settings.hook}" is not there')
    patterns: list[tuple[tuple[str | int, ...], tuple[str, ...]]] = [
        (LICENCES, project.license_files or ()),
        ((*BUILD, "sdist", "include"), settings.sdist_include if build.state == "sdist" else ()),
    ]
    for number, extension in enumerate(settings.extensions):
        above: tuple[str | int, ...] = (*BUILD, "extension", number)
        for at, folder in enumerate(() if settings.hook else extension.lists["include-dirs"]):
            if not os.path.isabs(folder) and not tree.is_folder(folder.rstrip("/")):
                build.fault((*above, "include-dirs", at), f'the folder "{folder}" is not there')
        patterns += [((*above, key), extension.lists[key]) for key in ("sources", "depends")]
    for key, globbed in patterns:
        for at, pattern in enumerate(globbed):
            found = check_pattern(build, tree, (*key, at), pattern)
            if key == LICENCES:
                check_encoding(build, tree, (*key, at), found)
    check_sboms(build, tree)


def check_encoding(build: Build, tree: Tree, key: tuple[str | int, ...], paths: list[str]) -> None:
    """Note licence files that are not in UTF-8.

    Source: PEP 639, "Add license-files key": tools should refuse them.
    """
    for path in paths:
        with open(tree.path(path), "rb") as stream:
            raw = stream.read()
        try:
            raw.decode()
        except UnicodeDecodeError as exc:
            build.fault(key, f'"{path}" is not in UTF-8 (byte {exc.start})', "save it as UTF-8")


def check_sboms(build: Build, tree: Tree) -> None:
    """Note software bills of materials that are not there, or that would have one name.

    Source: PEP 770, "Reserving the .dist-info/sboms directory".
    """
    seen: dict[str, str] = {}
    for at, pattern in enumerate(build.settings.sbom_files):
        key = (*BUILD, "sbom-files", at)
        for path in check_pattern(build, tree, key, pattern):
            name = path.rpartition("/")[2]
            other = seen.setdefault(name, path)
            if other != path:
                build.fault(key, f"both {other} and {path} would be sboms/{name} in the wheel")


def check_pattern(build: Build, tree: Tree, key: tuple[str | int, ...], pattern: str) -> list[str]:
    """Return the files that *pattern* means; none, or a link that leaves the project, is noted."""
    try:
        found = tree.expand(pattern, build.settings.sdist_exclude if "sdist" in key else ())
    except BuildError as exc:
        build.fault(key, str(exc), exc.hint)
        return []
    if not found:
        build.fault(key, f'"{pattern}" matches no file')
    return found


def check_texts(build: Build, tree: Tree) -> None:
    """Note a readme or licence file that is not there, and what is read or written outside of the project."""
    project, settings = build.project, build.settings
    named: list[tuple[tuple[str | int, ...], str | None]] = [
        (("project", "readme"), project.readme_file),
        (("project", "license"), project.license_file),
    ]
    for key, path in named:
        if path is not None and not tree.is_file(path):
            build.fault(key, f'the file "{path}" is not there')
    named += [
        ((*BUILD, "hook"), settings.hook),
        ((*VERSION, "path"), settings.version.path),
        ((*VERSION, "write-to"), settings.version.write_to),
    ]
    for key, path in named:
        if path and not tree.is_within(path):
            build.fault(key, f'"{path}" is a link that leaves the project', "put a copy in its place")


def add_roots(build: Build, found: Selection) -> None:
    """Add all files of the roots, less what ``exclude`` names."""
    tree = found.tree
    for path, target in found.roots:
        tree.refuse_link(path)
        if tree.is_file(path):
            found.put(target, path, "packages")
            continue
        paths = tree.walk(path)
        if not any(name.endswith(CODE) for name in paths):
            refuse_empty(tree, path)
        kept = excluded(paths, build.settings.exclude)
        if build.settings.extensions:
            from pkm_build.extensions import is_output

            kept = [
                name for name in kept if not is_output(target + name[len(path) :], build.settings.extensions)
            ]
        cut = len(path)
        if not found.files:
            found.files = {target + name[cut:]: name for name in kept}
        else:
            for name in kept:
                found.put(target + name[cut:], name, "packages")
    tell_left_out(build, tree)
    refuse_links(tree, [root for root, _ in found.roots], build.settings.exclude)
    for pattern in build.settings.exclude:
        hint_useless_exclude(build, found, pattern)


def refuse_links(tree: Tree, folders: Iterable[str], patterns: Iterable[str]) -> None:
    """Refuse links that leave the project from below *folders*, unless one of *patterns* takes them out.

    :raises BuildError: for the first of them
    """
    inside = tuple([f"{folder}/" if folder else "" for folder in folders])
    for path in excluded(sorted(tree.outside), patterns):
        if path.startswith(inside):
            raise link_error(path, tree.outside[path])


def tell_alike(build: Build, found: Selection) -> None:
    """Warn of names that are one file where the file system knows no case."""
    folded = {name.lower() for name in found.files}
    if len(folded) == len(found.files):
        return
    seen: dict[str, str] = {}
    for name in sorted(found.files):
        other = seen.setdefault(name.lower(), name)
        if other != name:
            build.warn.append(f"{other} and {name} are one file on Windows and macOS")


def tell_left_out(build: Build, tree: Tree) -> None:
    """Warn of code that an ignore file takes out, where no index of git says what is tracked."""
    if tree.ignores is not None and not tree.ignores.git:
        for path, why in tree.left_out.items():
            if path.endswith((".py", ".pyi")):
                build.warn.append(
                    f'{path} is left out of the wheel, as {why} ignores it; include = ["{path}"] ships it'
                )


def hint_useless_exclude(build: Build, found: Selection, pattern: str) -> None:
    """Warn of a pattern without a slash that would match only at the top of the project."""
    if "/" not in pattern and globs.is_magic(pattern):
        deeper = [path for path in found.files.values() if globs.matches(f"**/{pattern}", path)]
        if deeper:
            build.warn.append(
                f'exclude "{pattern}" matches beside pyproject.toml only; "**/{pattern}" matches {deeper[0]}'
            )


def refuse_empty(tree: Tree, path: str) -> None:
    """Raise for a package without code, with the reason where version control ignores all of it."""
    code = [name for name in tree.all_below(path) if name.endswith(CODE)]
    if not code:
        if any(True for _ in tree.all_below(path)):
            return  # a package of data alone, named explicitly
        raise NoPackages(f"{path} holds no files", "name another folder in [tool.pkm.build] packages")
    reasons = [
        why
        for left, why in tree.left_out.items()
        if (path + "/").startswith(left + "/") or left.startswith(path + "/")
    ]
    why = reasons[0] if reasons else "an ignore file"
    raise NoPackages(
        f"all code in {path} is ignored by version control ({why})",
        f'anchor that pattern, or ship the files: [tool.pkm.build] include = ["{path}"]',
    )


def excluded(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return *paths* without those that one of *patterns* matches."""
    cleaned = [globs.clean(pattern) for pattern in patterns]
    if not cleaned:
        return list(paths)
    return [path for path in paths if not any(globs.matches(pattern, path) for pattern in cleaned)]


def add_included(build: Build, found: Selection) -> None:
    """Add what ``include`` names, at its import path where it lies in a root, else where it lies in the tree."""
    for at, pattern in enumerate(build.settings.include):
        paths = found.tree.expand(pattern, build.settings.exclude)
        if not paths and not build.settings.hook:
            hint = "patterns are anchored at the project; **/NAME matches in every folder"
            build.fault((*BUILD, "include", at), f'"{pattern}" matches no file', hint)
        for path in excluded(paths, build.settings.exclude):
            found.put(wheel_path(path, found.roots), path, f'include "{pattern}"', (*BUILD, "include", at))


def wheel_path(path: str, roots: Iterable[Root]) -> str:
    """Return where a file of the tree belongs in the wheel."""
    for root, target in roots:
        if path.startswith(root + "/"):
            return target + path[len(root) :]
    for root, target in roots:
        cut = root[: len(root) - len(target)] if root.endswith(target) else ""
        if cut and path.startswith(cut):
            return path[len(cut) :]
    return path.removeprefix("src/")


def add_generated(build: Build, found: Selection) -> None:
    """Add the file that ``write-to`` asks for, with the content that it will have."""
    if build.project.dynamic and build.settings.version.write_to:
        from pkm_build.dynamic import generated_files

        found.generated = generated_files(build)
        for path in found.generated:
            place = wheel_path(path, found.roots)
            if place != path or any(path.startswith(root + "/") for root, _ in found.roots):
                found.put(place, path, "version.write-to", (*VERSION, "write-to"))


def add_mapped(build: Build, found: Selection) -> None:
    """Add the files and folders of ``map``, which may lie outside of the project."""
    for raw, target in build.settings.map.items():
        beside = raw.startswith("../")
        path = inside(found.tree, raw) if beside else raw
        if not beside:
            found.tree.refuse_link(path)
        if found.tree.is_file(path):
            found.put(target, path, "map", (*BUILD, "map", raw))
            continue
        if not found.tree.is_folder(path):
            if not build.settings.hook:  # which may make it
                build.fault((*BUILD, "map", raw), "is not there")
            continue
        for name in sorted(found.tree.all_below(path)):
            found.put(target + name[len(path) :], name, "map", (*BUILD, "map", raw))
        if not beside:
            found.tree.refuse_beyond(path, build.settings.exclude)


def inside(tree: Tree, path: str) -> str:
    """Return where a file from outside of the project lies: in an unpacked sdist, in a folder of its own."""
    kept = f"{EXTERNAL}/{path.replace('../', '__/')}"
    return kept if tree.is_file(kept) or tree.is_folder(kept) else path


def add_data(build: Build, found: Selection) -> None:
    """Add the files of the wheel's ``.data`` schemes."""
    top = f"{build.project.name.replace('-', '_')}-{build.version}.data"
    seen: dict[str, str] = {}
    for scheme in sorted(build.settings.data):
        for pattern, target in build.settings.data[scheme]:
            paths = found.tree.expand(pattern)
            if not paths and not build.settings.hook:
                build.fault((*BUILD, "data", scheme), f'"{pattern}" matches no file')
            single = found.tree.is_file(pattern)
            base = (
                pattern.rpartition("/")[0]
                if single
                else (globs.fixed_folder(pattern) if globs.is_magic(pattern) else globs.clean(pattern))
            )
            for path in paths:
                below = path[len(base) + 1 :] if base else path
                place = (target if single and target else f"{target}/{below}").strip("/")
                name = f"{top}/{scheme}/{place}"
                if seen.setdefault(name, path) != path:
                    word = f"both {seen[name]} and {path} would be {name} in the wheel"
                    raise BuildError(word, "", (*BUILD, "data", scheme))
                source = found.tree.path(path)
                member = (name, source, True if scheme == "scripts" else None)
                if member not in found.data_members:
                    found.data_members.append(member)
                    found.reasons[name] = f'data "{pattern}"'
