"""Native modules as declared; what the compiler process is told. Compiling itself is tested with the frontends."""

from __future__ import annotations

import os

import pytest

from pkm_build import builder, compiling
from pkm_build.compilation import spec_of
from pkm_build.errors import BuildError, HookFailed, InvalidFile
from pkm_build.extensions import is_output, read_extensions
from pkm_build.files import Tree
from pkm_build.tables import Table


def extensions_of(*tables):
    table = Table({"extension": list(tables)})
    found = read_extensions(table)
    assert table.faults == []
    return found


PLAIN = {"name": "spam._x", "sources": ["src/**/*.c"]}


def test_lists_of_the_platform_are_added():
    parts = {
        "linux": {"libraries": ["m"]},
        "macos": {"libraries": ["mac"]},
        "windows": {"define-macros": ["WIN"]},
    }
    found = {}
    for system in ("linux", "darwin", "win32", "plan9"):
        table = Table({"extension": [{**PLAIN, "libraries": ["z"], "platform": parts}]})
        (made,) = read_extensions(table, system)
        found[system] = (made.lists["libraries"], made.define_macros)
    assert found == {
        "linux": (("z", "m"), ()),
        "darwin": (("z", "mac"), ()),
        "win32": (("z",), (("WIN", None),)),
        "plan9": (("z",), ()),
    }


@pytest.mark.parametrize("macros", [["A", "B=1", "C=x=y"], {"A": True, "B": "1", "C": "x=y"}])
def test_macros_are_a_list_or_a_table(macros):
    (made,) = extensions_of({**PLAIN, "define-macros": macros})
    assert made.define_macros == (("A", None), ("B", "1"), ("C", "x=y"))


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"sources": ["a.c"]}, ("extension", 0, "name")),
        ({"name": "a b", "sources": ["a.c"]}, ("extension", 0, "name")),
        ({"name": "a", "sources": []}, ("extension", 0, "sources")),
        ({**PLAIN, "language": "rust"}, ("extension", 0, "language")),
        ({**PLAIN, "limited-api": "2.7"}, ("extension", 0, "limited-api")),
        ({**PLAIN, "platform": {"beos": {}}}, ("extension", 0, "platform", "beos")),
        ({**PLAIN, "platform": {"linux": {"nme": 1}}}, ("extension", 0, "platform", "linux", "nme")),
        ({**PLAIN, "platform": {"linux": 1}}, ("extension", 0, "platform", "linux")),
        ({"name": "a", "sources": ["/a.c"]}, ("extension", 0, "sources", 0)),
        ({"name": "a", "sources": ["a.c", "../b.c"]}, ("extension", 0, "sources", 1)),
        ({"name": "a", "sources": ["a\0.c"]}, ("extension", 0, "sources", 0)),
        ({"name": "a", "sources": ["a.rs"]}, ("extension", 0, "sources", 0)),
        ({"name": "a", "sources": ["a.py"], "language": "c"}, ("extension", 0, "sources", 0)),
        ({**PLAIN, "depends": ["../a.h"]}, ("extension", 0, "depends", 0)),
        ({**PLAIN, "include-dirs": [""]}, ("extension", 0, "include-dirs", 0)),
        ({**PLAIN, "define-macros": {"A": ["x"]}}, ("extension", 0, "define-macros", "A")),
        ({**PLAIN, "define-macros": ["A", "1B"]}, ("extension", 0, "define-macros", 1)),
    ],
)
def test_what_is_wrong_is_a_fault(table, key):
    top = Table({"extension": [table]})
    read_extensions(top)
    assert [fault.key for fault in top.faults] == [key]


def test_a_name_can_stand_once():
    top = Table({"extension": [PLAIN, PLAIN]})
    read_extensions(top)
    assert [fault.key for fault in top.faults] == [("extension", 1, "name")]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [("['a.c']", ["setuptools>=70.1"]), ("['a.pyx']", ["setuptools>=70.1", "cython>=3.0"])],
)
def test_compilers_are_asked_for_only_when_they_are_needed(sample, sources, expected):
    made = sample(
        {"spam.py": "", "a.c": "", "a.pyx": ""},
        f"[[tool.pkm.build.extension]]\nname = '_x'\nsources = {sources}\n",
    )
    assert builder.build_requires(str(made.root), "wheel", None, {}) == expected
    assert builder.build_requires(str(made.root), "editable", None, {}) == expected
    assert builder.build_requires(str(made.root), "sdist", None, {}) == []


def test_the_sdist_holds_sources_and_headers(sample):
    extra = "[[tool.pkm.build.extension]]\nname = '_x'\nsources = ['native/*.c']\ndepends = ['native/x.h']\n"
    extra += "[tool.pkm.build.sdist]\nexclude = ['native']\n"
    made = sample({"spam.py": "", "native/a.c": "", "native/x.h": "", "native/other.txt": ""}, extra)
    assert {"native/a.c", "native/x.h"} == {name for name in made.sdist().files if name.startswith("native/")}


def test_what_asks_for_compiling_anew_is_known(sample):
    extra = "[tool.pkm.build]\nhook = 'pkm_hook.py'\n"
    extra += "[[tool.pkm.build.extension]]\nname = '_x'\nsources = ['*.c']\ndepends = ['x.h']\n"
    made = sample({"spam.py": "", "a.c": "", "x.h": "", "pkm_hook.py": ""}, extra)
    expected = [f"{made.root}/{name}" for name in ("a.c", "pkm_hook.py", "x.h")]
    assert builder.native_inputs(str(made.root)) == expected
    assert builder.native_inputs(str(sample({"spam.py": ""}).root)) == []


def test_sources_that_are_not_there_are_faults(sample):
    made = sample({"spam.py": ""}, "[[tool.pkm.build.extension]]\nname = '_x'\nsources = ['a.c', 'b.c']\n")
    with pytest.raises(InvalidFile, match=r"pyproject\.toml has 2 faults"):
        made.wheel()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spam/_x.cpython-311-x86_64-linux-gnu.so", True),
        ("spam/_x.abi3.so", True),
        ("spam/_x.pyd", True),
        ("spam/_x.py", False),
        ("spam/_xy.so", False),
        ("_x.so", False),
    ],
)
def test_what_an_editable_build_compiled_is_known(path, expected):
    assert is_output(path, extensions_of(PLAIN)) is expected


def test_a_module_of_an_editable_build_is_not_shipped(sample):
    extra = "[[tool.pkm.build.extension]]\nname = 'spam._x'\nsources = ['spam/x.c']\n"
    made = sample({"spam/__init__.py": "", "spam/x.c": "", "spam/_x.abi3.so": "old"}, extra)
    assert "spam/_x.abi3.so" not in made.sdist().files
    assert "spam/_x.abi3.so" not in dict(builder.list_wheel_files(str(made.root)))


def test_globs_of_sources_are_expanded_in_a_fixed_order(tmp_path):
    for name in ("src/b.c", "src/a.c", "src/deep/c.c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (made,) = extensions_of({**PLAIN, "sources": ["src/b.c", "src/**/*.c"]})
    assert spec_of(made, Tree(str(tmp_path), ignoring=False))["sources"] == [
        "src/b.c",
        "src/a.c",
        "src/deep/c.c",
    ]


class Kind:
    """Keeps what setuptools' Extension would be given."""

    def __init__(self, name, sources, **given) -> None:
        self.name, self.sources, self.given = name, sources, given


def test_the_limited_api_is_a_macro_and_a_mark(tmp_path):
    (made,) = extensions_of({**PLAIN, "limited-api": "3.11", "sources": ["a.c"]})
    (tmp_path / "a.c").touch()
    spec = spec_of(made, Tree(str(tmp_path), ignoring=False))
    given = compiling.extension_of(Kind, spec, {"work": str(tmp_path)}).given
    assert given["define_macros"] == [("Py_LIMITED_API", "0x030b0000")]
    assert given["py_limited_api"] is True


def test_headers_of_packages_are_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "says_where.py").write_text("def get_include(): return '/here'\n")
    (tmp_path / "has_folder" / "include").mkdir(parents=True)
    (tmp_path / "has_folder" / "__init__.py").touch()
    (tmp_path / "has_none.py").touch()
    assert compiling.headers_of("says_where") == ["/here"]
    assert compiling.headers_of("has_folder") == [str(tmp_path / "has_folder" / "include")]
    for name in ("has_none", "is_not_there"):
        with pytest.raises(SystemExit, match=name):
            compiling.headers_of(name)


def test_flags_keep_folders_out_of_the_products():
    assert compiling.quiet_flags("unix", "/p", "/w")[0] == [
        "-ffile-prefix-map=/w=.",
        "-ffile-prefix-map=/p=.",
    ]
    assert compiling.quiet_flags("msvc", "/p", "/w") == (["/Brepro"], ["/Brepro"])
    assert compiling.quiet_flags("other", "/p", "/w") == ([], [])


def test_a_folder_of_headers_that_is_not_there_is_a_fault(sample):
    extra = "[[tool.pkm.build.extension]]\nname = '_x'\nsources = ['a.c']\ninclude-dirs = ['/usr', 'nope']\n"
    with pytest.raises(InvalidFile, match=r"extension\[0\]\.include-dirs\[1\]"):
        sample({"spam.py": "", "a.c": ""}, extra).wheel()


def test_a_compiler_that_fails_ends_the_build_and_leaves_nothing(sample, capfd):
    table = "[[tool.pkm.build.extension]]\nname = '{0}'\nsources = ['{0}.c']\n"
    made = sample(
        {"spam.py": "", "_x.c": "int x;", "_y.c": "this is no C"}, table.format("_x") + table.format("_y")
    )
    before = sorted(made.root.rglob("*"))
    place = r"^pyproject\.toml:11: tool\.pkm\.build\.extension\[1\] \(_y\): compiling failed"
    with pytest.raises(HookFailed, match=place):
        made.wheel(None, PATH=os.environ["PATH"])
    assert capfd.readouterr().err
    assert sorted(made.root.rglob("*")) == before


def test_what_is_asked_for_in_vain_before_compiling_is_told_with_its_place(sample, capfd):
    extra = (
        "[[tool.pkm.build.extension]]\nname = '_x'\nsources = ['x.c']\ninclude-packages = ['is_not_there']\n"
    )
    with pytest.raises(HookFailed, match=r"extension\[0\] \(_x\): compiling failed"):
        sample({"spam.py": "", "x.c": ""}, extra).wheel()
    assert "is_not_there" in capfd.readouterr().err


def test_a_limited_api_that_is_newer_than_this_python_is_refused(sample):
    extra = "[[tool.pkm.build.extension]]\nname = '_x'\nsources = ['x.c']\nlimited-api = '3.99'\n"
    with pytest.raises(BuildError, match=r"extension\[0\]\.limited-api \(_x\): .* newer than this Python"):
        sample({"spam.py": "", "x.c": ""}, extra).wheel()
