"""Why a file is in the archives or not: the rule that decided, and the line where it stands."""

from __future__ import annotations

import os

from pkm_build import files, globs
from pkm_build.positions import locate
from pkm_build.sdists import needed_files, tree_files
from pkm_build.selection import Selection, select_wheel, wheel_path
from pkm_build.settings import key_of
from pkm_build.source import license_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.work import Build

    Key = tuple[str | int, ...]

BUILD: Key = ("tool", "pkm", "build")
COMPILED = "an extension is compiled anew for each wheel"


def explain_path(build: Build, path: str) -> list[str]:
    """Return one or more sentences on the wheel, and one on the sdist, for the file *path* of the tree."""
    path = path.replace(os.sep, "/").removeprefix("./").strip("/")
    selection = select_wheel(build)
    tree = selection.tree
    if tree.is_folder(path):
        return [f"{path} is a folder; ask for a file in it"]
    if not tree.is_file(path):
        return [f"there is no file {path}"]
    return [*wheel_sentences(build, selection, path), sdist_sentence(build, selection, path)]


def wheel_sentences(build: Build, selection: Selection, path: str) -> list[str]:
    """Return where the file is in the wheel, or why it is not."""
    found = [
        f"in the wheel as {name}: {rule_of(build, selection, name, path)}"
        for name, source in selection.files.items()
        if source == path
    ]
    whole = selection.tree.path(path)
    found += [
        f"in the wheel as {name}: {place(build, (*BUILD, 'data'), selection.reasons[name])}"
        for name, source, _ in selection.data_members
        if source == whole
    ]
    if path in license_paths(build.project, selection.tree):
        found.append(f"in the wheel as .dist-info/licenses/{path}: {license_rule(build)}")
    if path == build.project.readme_file:
        found.append(
            f"in the wheel as the description in METADATA: {place(build, ('project', 'readme'), 'readme')}"
        )
    return found or [f"not in the wheel: {why_not(build, selection, path)}"]


def rule_of(build: Build, selection: Selection, name: str, path: str) -> str:
    """Return the rule that put a file into the wheel."""
    reason = selection.reasons.get(name, "packages")
    patterns: dict[str, list[tuple[Key, str]]] = {
        "packages": [(("packages", at), root) for at, (root, _) in enumerate(selection.roots)],
        "include": [(("include", at), pattern) for at, pattern in enumerate(build.settings.include)],
        "map": [(("map", source), source) for source in build.settings.map],
    }
    word = reason.partition(" ")[0]
    for key, pattern in patterns.get(word, ()):
        if globs.matches(pattern, path):
            if word == "packages" and build.settings.packages is None:
                return f"{pattern} was found as the code of the project"
            return place(build, (*BUILD, *key), f'{word} "{pattern}"')
    return reason


def license_rule(build: Build) -> str:
    """Return what makes a file a licence file."""
    if build.project.license_files is None:
        return "a usual name of licence files (license-files is not given)"
    return place(build, ("project", "license-files"), "license-files")


def why_not(build: Build, selection: Selection, path: str) -> str:
    """Return why a file is not in the wheel."""
    for at, pattern in enumerate(build.settings.exclude):
        if globs.matches(pattern, path):
            return place(build, (*BUILD, "exclude", at), f'exclude "{pattern}"')
    left = left_out(selection.tree, path)
    if left:
        return left
    inside = [root for root, _ in selection.roots if path == root or path.startswith(root + "/")]
    if not inside:
        return f"outside of {', '.join(root for root, _ in selection.roots) or 'all packages'}; include would ship it"
    return COMPILED if is_compiled(build, selection, path) else "no rule ships it"


def is_compiled(build: Build, selection: Selection, path: str) -> bool:
    """Return whether the file is what an editable build compiled."""
    if not build.settings.extensions:
        return False
    from pkm_build.extensions import is_output

    return is_output(wheel_path(path, selection.roots), build.settings.extensions)


def left_out(tree: files.Tree, path: str) -> str:
    """Return the rule that hides a file from every walk: junk or version control, "" when none does."""
    parts = path.split("/")
    for at, name in enumerate(parts):
        above = "/".join(parts[: at + 1])
        folder = at < len(parts) - 1
        if files.junk(name, folder):
            return f"{above} never ships unless it is named: a cache, a backup, or a file of secrets"
        if tree.ignores is not None:
            why = tree.ignores.why(above, name, folder)
            if why:
                return f"{why} ignores {above}; include would ship it"
    if path.endswith(files.KEY_SUFFIXES) and files.secret(tree.path(path)):
        return "it holds a private key, and is not named"
    return ""


def sdist_sentence(build: Build, selection: Selection, path: str) -> str:
    """Return whether and why the file is in the sdist."""
    settings = build.settings
    if is_compiled(build, selection, path):
        return f"not in the sdist: {COMPILED}"
    for at, pattern in enumerate(settings.sdist_include):
        if globs.matches(pattern, path):
            return f"in the sdist: {place(build, (*BUILD, 'sdist', 'include', at), 'sdist.include')}"
    needed = path in needed_files(build, selection)
    for at, pattern in enumerate(settings.sdist_exclude):
        if globs.matches(pattern, path) and not needed:
            return f"not in the sdist: {place(build, (*BUILD, 'sdist', 'exclude', at), 'sdist.exclude')}"
    if path in tree_files(selection.tree, build.root, "dist"):
        return "in the sdist: a file of the project that version control does not ignore"
    if needed:
        return "in the sdist: the wheel needs it"
    return f"not in the sdist: {left_out(selection.tree, path) or 'build products beside pyproject.toml stay out'}"


def place(build: Build, key: Key, words: str) -> str:
    """Return *words* with the line of *key* in pyproject.toml."""
    line, _ = locate(build.source.text, [key_of(build.settings, key)])[0]
    return f"{words} (pyproject.toml:{line})"
