"""Where the importable code of a project lies, found without configuration.

Order of the search: ``src/``; the package or module of the project's name beside pyproject.toml; the same in
``python/`` or ``lib/``, which may also stand in ``src/``; the only package or module beside pyproject.toml that is
no helper of the project (tests, docs, setup.py, …). Two answers are an error that names both, and so is none: a
wheel is never empty by accident.
"""

from __future__ import annotations

from pkm_build.errors import NoPackages
from pkm_build.grammar import normalise
from pkm_build.tables import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_build.files import Tree

    Root = tuple[str, str]  # path in the tree, path in the wheel; a folder or a file

CODE = (".py", ".pyi", ".so", ".pyd", ".pyx")
STUBS = "-stubs"
OTHER_ROOTS = ("python", "lib", "Lib", "source", "py", "pkg")
TEST_FOLDERS = ("test", "tests")
HELPER_FOLDERS = frozenset(
    [
        "test",
        "tests",
        "testing",
        "doc",
        "docs",
        "documentation",
        "example",
        "examples",
        "script",
        "scripts",
        "tool",
        "tools",
        "bin",
        "ci",
        "bench",
        "benchmark",
        "benchmarks",
        "build",
        "dist",
        "data",
        "ext",
        "extern",
        "fixtures",
        "integration",
        "notebooks",
        "packaging",
        "perf",
        "requirements",
        "samples",
        "site",
        "src",
        "tasks",
        "tutorial",
        "tutorials",
        "util",
        "utils",
        "vendor",
        "wheelhouse",
        "htmlcov",
        "functional_tests",
        "integration_tests",
        "unit_tests",
        "e2e",
        "demo",
        "demos",
        "asv_bench",
        "conda",
        "recipe",
        "typings",
        "release",
        "news",
        "changelog.d",
        "newsfragments",
        "profiling",
        "profile",
    ]
)
HELPER_MODULES = frozenset(
    [
        "setup",
        "conftest",
        "noxfile",
        "tasks",
        "fabfile",
        "dodo",
        "duties",
        "manage",
        "pavement",
        "bootstrap",
        "ez_setup",
        "versioneer",
        "toxfile",
        "test",
        "tests",
        "runtests",
        "run_tests",
        "build",
        "hatch_build",
        "pdm_build",
        "pkm_hook",
        "hubconf",
        "waf",
        "wscript",
        "release",
        "bench",
        "benchmark",
        "make_release",
        "example",
        "examples",
        "demo",
        "sitecustomize",
        "usercustomize",
        "__init__",
        "__main__",
    ]
)


def find_roots(tree: Tree, name: str, warn: list[str]) -> list[Root]:
    """Return the top-level packages and modules of the project called *name* (normalised).

    :raises NoPackages: when there are none, or more than one choice
    """
    in_src = without_tests(top_level(tree, "src"), warn) if tree.is_folder("src") else []
    beside = named(tree, "", name)
    if in_src:
        if beside and named(tree, "src", name):
            raise NoPackages(
                f"both src/{beside[0].removeprefix('src/')} and {beside[0]} look like the code of {name}",
                'name the right one: [tool.pkm.build] packages = ["src/…"]',
            )
        if not beside or named(tree, "src", name):
            return in_other_root(tree, "src/", name, warn) or [(path, path[4:]) for path in in_src]
    if beside:
        hint = "is left out; packages in [tool.pkm.build] can name it"
        warn += [f"{other} lies beside {beside[0]} and {hint}" for other in other_packages(tree, beside)]
        return [(path, path) for path in beside]
    found = in_other_root(tree, "", name, warn)
    return found or [(path, path) for path in only_candidate(tree, name)]


def in_other_root(tree: Tree, above: str, name: str, warn: list[str]) -> list[Root]:
    """Return what lies in ``python/`` or the like below *above*, where the code of *name* is there alone."""
    if has_named(tree, above.rstrip("/"), name):
        return []
    for folder in [above + root for root in OTHER_ROOTS]:
        if tree.is_folder(folder) and not has_init(tree, folder) and has_named(tree, folder, name):
            return [(path, path[len(folder) + 1 :]) for path in without_tests(top_level(tree, folder), warn)]
    return []


def has_named(tree: Tree, folder: str, name: str) -> bool:
    """Return whether *folder* has the code of the project, by its *name* or a package `akin` to it."""
    prefix = f"{folder}/" if folder else ""
    folders = tree.listing(folder)[0]
    return bool(named(tree, folder, name)) or any(
        akin(sub, name) and has_init(tree, prefix + sub) for sub in folders
    )


def without_tests(paths: list[str], warn: list[str]) -> list[str]:
    """Return *paths* without modules of tests, and without a folder of them where there is other code."""
    found = [path for path in paths if not is_test_module(path)]
    kept = [path for path in found if path.rpartition("/")[2] not in TEST_FOLDERS] or found
    hint = "is left out, as it would be importable everywhere; packages in [tool.pkm.build] can name it"
    warn += [f"{path} {hint}" for path in found if path not in kept]
    return kept


def is_test_module(path: str) -> bool:
    """Return whether a module (no package) is one of tests, or runs the build, by the words in its name."""
    words = module_of(path).split("_")
    return path.endswith(".py") and bool({"test", "tests", "conftest", "setup"} & set(words))


def other_packages(tree: Tree, beside: list[str]) -> list[str]:
    """Return packages beside pyproject.toml that are neither in *beside* nor helpers of the project."""
    folders = [f for f in tree.listing("")[0] if f.isidentifier() and f.lower() not in HELPER_FOLDERS]
    return [f for f in folders if f not in beside and has_init(tree, f)]


def only_candidate(tree: Tree, name: str) -> list[str]:
    """Return the one package or module beside pyproject.toml that is no helper of the project."""
    folders, files = tree.listing("")
    packages = [
        f for f in folders if f.lower() not in HELPER_FOLDERS and f.isidentifier() and has_init(tree, f)
    ]
    modules = [
        f for f in files if f.endswith(".py") and f[:-3].isidentifier() and f[:-3] not in HELPER_MODULES
    ]
    stubs = [f for f in folders if f.endswith(STUBS) and f[: -len(STUBS)].isidentifier()]
    found = packages or stubs or modules
    if len(found) > 1:
        near = [path for path in found if akin(module_of(path), name)]
        found = near if len(near) == 1 else found
    if "__init__.py" in files and not any(akin(module_of(path), name) for path in found):
        raise NoPackages(
            f"the folder of pyproject.toml is itself a package, and nothing in it has the name of {name}",
            "move its code into a folder of that name, or say what goes where: packages and map in [tool.pkm.build]",
        )
    if len(found) == 1:
        return found + [stub for stub in stubs if stub == found[0] + STUBS]
    if found:
        raise NoPackages(
            f"several packages could be the code of {name}: {listed(found, 'and')}",
            f'say which: [tool.pkm.build] packages = ["{found[0]}"]',
        )
    spaces = [
        f for f in folders if f.lower() not in HELPER_FOLDERS and f.isidentifier() and has_code(tree, f)
    ]
    if len(spaces) == 1:
        return only_namespace(tree, spaces[0], name)
    raise no_code(tree, name, spaces)


def only_namespace(tree: Tree, folder: str, name: str) -> list[str]:
    """Return the namespace *folder*, the only one with code.

    :raises NoPackages: when a package of the project's *name* is right in it, so that it may be no namespace
    """
    inner = named(tree, folder, name)
    if inner:
        raise NoPackages(
            f"{inner[0]} could be {inner[0].replace('/', '.')} or {name.replace('-', '_')}",
            f'packages = ["{folder}"] in [tool.pkm.build] means the first, map = {{ "{inner[0]}" = "…" }} the other',
        )
    return [folder]


def no_code(tree: Tree, name: str, spaces: list[str]) -> NoPackages:
    """Return the error for a project without code, with the reason where an ignore file takes it out."""
    folders, files = tree.listing("")
    for path, why in sorted(tree.left_out.items()):
        if normalise(module_of(path)) == name or akin(module_of(path), name):
            return NoPackages(
                f"{path} looks like the code of {name}, but {why} ignores it",
                f'anchor that pattern, or name the folder: [tool.pkm.build] packages = ["{path}"]',
            )
    seen = f"; seen: {listed(spaces or folders or files, 'and')}" if folders or files else ""
    wanted = name.replace("-", "_")
    return NoPackages(
        f"no code was found: neither src/, nor {wanted}/, nor {wanted}.py{seen}",
        "name it in [tool.pkm.build] packages, or write packages = [] for a wheel without code",
    )


def named(tree: Tree, folder: str, name: str) -> list[str]:
    """Return the package (and its stubs) or module in *folder* that has the project's *name*."""
    prefix = f"{folder}/" if folder else ""
    folders, files = tree.listing(folder)
    found = []
    for sub in folders:
        stem = sub.removesuffix(STUBS)
        if not stem.isidentifier():
            continue
        plain = normalise(sub)
        if plain in (name, name + STUBS) or (sub.endswith(STUBS) and name == "types-" + normalise(stem)):
            if has_code(tree, prefix + sub):
                found.append(prefix + sub)
        elif is_namespace_of(tree, prefix + sub, plain, name):
            found.append(prefix + sub)
    if all(path.endswith(STUBS) for path in found):
        for file in files:
            stem, _, suffix = file.rpartition(".")
            if suffix in ("py", "pyi") and stem.isidentifier() and normalise(stem) == name:
                found.append(prefix + file)
    return found


def is_namespace_of(tree: Tree, folder: str, plain: str, name: str) -> bool:
    """Return whether below the namespace *folder* lies the package or module that *name* spells out."""
    if not name.startswith(plain + "-") or has_init(tree, folder):
        return False
    folders, files = tree.listing(folder)
    for sub in folders:
        longer = f"{plain}-{normalise(sub)}"
        if longer == name and has_code(tree, f"{folder}/{sub}"):
            return True
        if is_namespace_of(tree, f"{folder}/{sub}", longer, name):
            return True
    return any(file.endswith(".py") and f"{plain}-{normalise(file[:-3])}" == name for file in files)


def top_level(tree: Tree, folder: str) -> list[str]:
    """Return the packages and modules directly in *folder*; nothing where it is a package itself."""
    folders, files = tree.listing(folder)
    if "__init__.py" in files:
        return []
    found = []
    for sub in folders:
        stem = sub.removesuffix(STUBS)
        if stem.isidentifier() and has_code(tree, f"{folder}/{sub}"):
            found.append(f"{folder}/{sub}")
    found += [
        f"{folder}/{file}"
        for file in files
        if file.endswith((".py", ".pyi")) and module_of(file).isidentifier()
    ]
    return found


def has_init(tree: Tree, folder: str) -> bool:
    """Return whether *folder* is a package of the plain kind."""
    files = tree.listing(folder)[1]
    return "__init__.py" in files or "__init__.pyi" in files


def has_code(tree: Tree, folder: str) -> bool:
    """Return whether Python code lies in *folder* or below it."""
    folders, files = tree.listing(folder)
    if any(file.endswith(CODE) for file in files):
        return True
    return any(has_code(tree, f"{folder}/{sub}") for sub in folders if sub.isidentifier())


def module_of(path: str) -> str:
    """Return the import name of a top-level package or module."""
    return path.rpartition("/")[2].partition(".")[0]


def akin(module: str, name: str) -> bool:
    """Return whether *module* is the project's *name* but for an added "python" or "py"."""
    plain, other = normalise(module).strip("-").replace("-", ""), name
    forms = {other.replace("-", "")}
    for word in ("python-", "py-", "py"):
        if other.startswith(word):
            forms.add(other[len(word) :].replace("-", ""))
    for word in ("-python", "-py", "py"):
        if other.endswith(word):
            forms.add(other[: -len(word)].replace("-", ""))
    return plain in forms


def given_root(tree: Tree, raw: str) -> Root | None:
    """Return the root that an entry of ``packages`` names, None where it is not there.

    A leading ``src/`` is cut, the rest is the import path.
    """
    path = raw.strip("/").removeprefix("./")
    if not tree.is_folder(path) and not tree.is_file(path):
        return None
    return path, path.removeprefix("src/")


def candidates(tree: Tree) -> list[Root]:
    """Return what could be named in ``packages``."""
    found = [(path, path[4:]) for path in top_level(tree, "src")] if tree.is_folder("src") else []
    found += [(f, f) for f in tree.listing("")[0] if f.isidentifier() and f != "src" and has_code(tree, f)]
    return found
