"""Files that are wrong in every way that was thought of, given to the hooks as a frontend gives them.

Each is refused with the place and the key, in lines and without a traceback; what is told in one run is all that is
wrong, whether the text shows it or the tree.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import pytest

from pkm_build.errors import BuildError, InvalidFile

ROOT = Path(__file__).resolve().parents[2]
BASE = (
    '[build-system]\nrequires = []\nbuild-backend = "pkm_build"\n[project]\nname = "spam"\nversion = "1.0"\n'
)
DYNAMIC = BASE.replace('version = "1.0"', 'dynamic = ["version"]') + "[tool.pkm.version]\n"
FIELD = BASE.replace('version = "1.0"\n', 'version = "1.0"\ndynamic = ["keywords"]\n')
PROVIDER = FIELD + "[[tool.dynamic-metadata]]\nprovider = "
BUILD = BASE + "[tool.pkm.build]\n"
EXTENSION = BASE + '[[tool.pkm.build.extension]]\nname = "spam._x"\nsources = ["x.c"]\n'
FILES = {"spam/__init__.py": "def f(): ...\n", "x.c": "", "r.md": "hi", "folder.md/x": ""}

# What the text says, and the key that must be named.
WRONG = {
    "byte order mark": (b"\xef\xbb\xbf" + BASE.encode(), "begins with a byte order mark"),
    "UTF-16": (BASE.encode("utf-16"), "is encoded in UTF-16"),
    "UTF-16 without a mark": (BASE.encode("utf-16-le"), "invalid TOML"),
    "Latin-1": (BASE.encode() + b'description = "\xe9"\n', "is not in UTF-8"),
    "a NUL": (BASE.encode() + b'description = "a\0b"\n', "invalid TOML"),
    "line ends of old": (BASE.replace("\n", "\r").encode(), "invalid TOML"),
    "a key twice": (BASE + 'version = "2"\n', "invalid TOML"),
    "a table twice": (BASE + "[project]\n", "invalid TOML"),
    "an integer of 5000 digits": (BASE + f"description = 1{'0' * 5000}\n", "invalid TOML"),
    "a date for a version": (BASE.replace('"1.0"', "1979-05-27"), "project.version: must be a string, not a date"),
    "a number for a version": (BASE.replace('"1.0"', "1.0"), "project.version: must be a string, not a float"),
    "a list for a name": (BASE.replace('"spam"', '["spam"]'), "project.name"),
    "a build-system that is none": ('build-system = "x"\n[project]\nname = "a"\nversion = "1"\n', "build-system"),
    "build systems": ('[[build-system]]\nrequires = []\n[project]\nname = "a"\nversion = "1"\n', "build-system"),
    "requires in a list": (BASE.replace("requires = []", 'requires = [["a"]]'), "build-system.requires[0]"),
    "a number for a backend": (BASE.replace('"pkm_build"', "1"), "build-system.build-backend"),
    "a backend with a keyword": (BASE.replace('"pkm_build"', '"pkm.import"'), "build-system.build-backend"),
    "an absolute backend-path": (BASE.replace("[project]", 'backend-path = ["/x"]\n[project]'), "backend-path[0]"),
    "projects": ('[[project]]\nname = "spam"\n', "project: must be a table"),
    "an empty project": ("[project]\n", "project.name: is missing"),
    "groups that are an array": (BASE + "[[dependency-groups]]\na = 1\n", "dependency-groups"),
    "a list in a group": (BASE + '[dependency-groups]\na = [["b"]]\n', "dependency-groups.a[0]"),
    "an include of a number": (BASE + "[dependency-groups]\na = [{include-group = 1}]\n", "dependency-groups.a[0]"),
    "an include with more": (
        BASE + '[dependency-groups]\na = [{include-group = "b", x = 1}]\nb = []\n',
        "dependency-groups.a[0]",
    ),
    "a group with a line end": (BASE + '[dependency-groups]\n"a\\nb" = []\n', 'dependency-groups."a\\nb"'),
    "a name with a line end": (BASE.replace('"spam"', '"spam\\nEvil: x"'), "project.name"),
    "a name with a letter like an a": (BASE.replace('"spam"', '"sp\u0430m"'), "project.name"),
    "a name with a sign for kelvin": (BASE.replace('"spam"', '"\u212a"'), "project.name"),
    "a decomposed name": (BASE.replace('"spam"', '"cafe\u0301"'), "project.name"),
    "a long name": (BASE.replace('"spam"', f'"{"a" * 3000}"'), "project.name: is too long"),
    "a long version": (BASE.replace('"1.0"', f'"{"1." * 3000}1"'), "project.version: is too long"),
    "a version with a line end": (BASE.replace('"1.0"', '"1\\nEvil: x"'), "project.version"),
    "a version in other digits": (BASE.replace('"1.0"', '"\u0661"'), "project.version"),
    "a description with a line end": (BASE + 'description = "a\\rEvil: x"\n', "project.description"),
    "a description with another line end": (BASE + 'description = "a\\u2028Evil: x"\n', "project.description"),
    "a description with yet another": (BASE + 'description = "a\\u0085Evil: x"\n', "project.description"),
    "requires-python with a line end": (BASE + 'requires-python = ">=3\\nEvil: x"\n', "project.requires-python"),
    "a licence with a line end": (BASE + 'license = "MIT\\nEvil: x"\n', "project.license"),
    "an empty licence": (BASE + 'license = ""\n', "project.license"),
    "a licence in 3000 brackets": (BASE + f'license = "{"(" * 3000}MIT{")" * 3000}"\n', "project.license"),
    "a keyword with a line end": (BASE + 'keywords = ["a\\nEvil: x"]\n', "project.keywords[0]"),
    "a classifier with a line end": (
        BASE + 'classifiers = ["Typing :: Typed\\nEvil: x"]\n',
        "project.classifiers[0]",
    ),
    "a requirement with a line end": (BASE + 'dependencies = ["a==1\\nEvil: x"]\n', "project.dependencies[0]"),
    "a marker with a line end": (
        BASE + "dependencies = [\"a; os_name == 'x\\ny'\"]\n",
        "project.dependencies[0]",
    ),
    "a URL with a line end": (BASE + 'dependencies = ["a @ https://b.example/\\u2028c"]\n', "dependencies[0]"),
    "a table for dependencies": (BASE + 'dependencies = {a = "1"}\n', "project.dependencies"),
    "an import name with a keyword": (BASE + 'import-names = ["class"]\n', "project.import-names[0]"),
    "an author with a line end": (BASE + 'authors = [{name = "a\\nEvil: x"}]\n', "project.authors[0].name"),
    "an address with a line end": (BASE + 'authors = [{email = "a@b.c\\nEvil: x"}]\n', "project.authors[0].email"),
    "an unknown key of an author": (BASE + 'authors = [{nam = "x"}]\n', "project.authors[0].nam"),
    "a licence file with a NUL": (BASE + 'license = {file = "a\\u0000"}\n', "project.license.file"),
    "a licence glob with a NUL": (BASE + 'license-files = ["a\\u0000"]\n', "project.license-files[0]"),
    "a licence glob of Windows": (BASE + 'license-files = ["C:\\\\x"]\n', "project.license-files[0]"),
    "a licence glob that leaves in the middle": (BASE + 'license-files = ["a/../../b"]\n', "license-files[0]"),
    "a licence glob with braces": (BASE + 'license-files = ["{a,b}"]\n', "project.license-files[0]"),
    "a readme with a NUL": (BASE + 'readme = "a\\u0000.md"\n', "project.readme"),
    "a readme of a list": (BASE + 'readme = ["a"]\n', "project.readme"),
    "an absolute readme": (BASE + 'readme = "/etc/hosts.md"\n', "project.readme"),
    "a readme that is a folder": (BASE + 'readme = "folder.md"\n', "project.readme"),
    "a readme type with a line end": (
        BASE + 'readme = {text = "a", content-type = "text/markdown\\nEvil: x"}\n',
        "project.readme.content-type",
    ),
    "a charset with a line end": (
        BASE + 'readme = {file = "r.md", charset = "utf-8\\nEvil: x"}\n',
        "project.readme.charset",
    ),
    "a URL with another header": (BASE + 'urls = {a = "https://b.example\\nEvil: x"}\n', "project.urls.a"),
    "a label with a line end": (BASE + 'urls = {"a\\nb" = "https://b.example"}\n', 'project.urls."a\\nb"'),
    "a URL that is code": (BASE + 'urls = {a = "javascript:alert(1)"}\n', "project.urls.a"),
    "a script with a path": (BASE + 'scripts = {"/bin/sh" = "spam:f"}\n', 'project.scripts."/bin/sh"'),
    "a script called dots": (BASE + 'scripts = {".." = "spam:f"}\n', 'project.scripts.".."'),
    "a script called nothing": (BASE + 'scripts = {"" = "spam:f"}\n', 'project.scripts.""'),
    "a script that is a device": (BASE + 'scripts = {CON = "spam:f"}\n', "project.scripts.CON"),
    "a script that is a device with a suffix": (BASE + 'scripts = {"aux.x" = "spam:f"}\n', 'scripts."aux.x"'),
    "a script of a keyword": (BASE + 'scripts = {a = "spam:class"}\n', "project.scripts.a"),
    "a script of a missing module": (BASE + 'scripts = {a = "spam.nope:f"}\n', "project.scripts.a"),
    "scripts in a list": (BASE + 'scripts = ["a"]\n', "project.scripts"),
    "an entry point in a table": (BASE + '[project.entry-points.a.b]\nc = "d"\n', "project.entry-points.a.b"),
    "an entry point with a group in it": (
        BASE + '[project.entry-points.a]\nb = "spam\\n[x]\\ny=z"\n',
        "project.entry-points.a.b",
    ),
    "a group with a group in it": (
        BASE + '[project.entry-points."a]\\n[b"]\nx = "spam"\n',
        'project.entry-points."a]\\n[b"',
    ),
    "an extra with a line end": (BASE + '[project.optional-dependencies]\n"a\\nb" = []\n', "optional-dependencies"),
    "a tool that is none": ("tool = 1\n" + BASE, "tool: must be a table"),
    "a table of ours that is none": (BASE + "[tool]\npkm = 1\n", "tool.pkm: must be a table"),
    "a table of ours that is not known": (BASE + "[tool.pkm.bulid]\n", 'bulid: unknown key; did you mean "build"'),
    "profiles of numbers": (
        BASE + "[tool.pkm.profiles.x]\nproperties = 1\nversion = 2\nbuild = 3\n",
        "tool.pkm.profiles.x.properties",
    ),
    "packages with a NUL": (BUILD + 'packages = ["a\\u0000b"]\n', "tool.pkm.build.packages[0]"),
    "packages that are the project": (BUILD + 'packages = ["."]\n', "tool.pkm.build.packages[0]"),
    "packages that are src": (BUILD + 'packages = ["src/"]\n', "tool.pkm.build.packages[0]"),
    "an include with a line end": (BUILD + 'include = ["a\\nb"]\n', "tool.pkm.build.include[0]"),
    "an exclude of Windows": (BUILD + 'exclude = ["C:\\\\x"]\n', "tool.pkm.build.exclude[0]"),
    "tags that don't go together": (
        BUILD + 'tags = ["py3-none-any", "cp312-abi3-win_amd64"]\n',
        "tool.pkm.build.tags: ",
    ),
    "a tag with empty parts": (BUILD + 'tags = ["py3.-none-any"]\n', "tool.pkm.build.tags[0]"),
    "tags of a pure wheel": (BUILD + 'pure = true\ntags = ["py3-none-win32"]\n', "tool.pkm.build.tags: "),
    "a map with a NUL": (BUILD + 'map = {"a\\u0000" = "b"}\n', "tool.pkm.build.map"),
    "a map to a line end": (BUILD + 'map = {"x.c" = "b\\nc"}\n', 'tool.pkm.build.map."x.c"'),
    "a map out of the wheel": (BUILD + 'map = {"x.c" = "../b"}\n', 'tool.pkm.build.map."x.c"'),
    "a map from anywhere": (BUILD + 'map = {"/etc/hosts" = "b"}\n', 'tool.pkm.build.map."/etc/hosts"'),
    "a map to the metadata": (BUILD + 'map = {"x.c" = "spam-1.0.dist-info"}\n', 'tool.pkm.build.map."x.c"'),
    "a map to the schemes": (BUILD + 'map = {"x.c" = "spam-1.0.data/scripts/x"}\n', 'tool.pkm.build.map."x.c"'),
    "a map to a device": (BUILD + 'map = {"x.c" = "spam/NUL.txt"}\n', 'tool.pkm.build.map."x.c"'),
    "a map to a drive": (BUILD + 'map = {"x.c" = "spam/a:b"}\n', 'tool.pkm.build.map."x.c"'),
    "a map to a name with a blank at its end": (BUILD + 'map = {"x.c" = "spam/a. "}\n', 'build.map."x.c"'),
    "a map to nothing": (BUILD + 'map = {"x.c" = ""}\n', 'tool.pkm.build.map."x.c"'),
    "a map to the top": (BUILD + 'map = {spam = "."}\n', "tool.pkm.build.map.spam"),
    "data out of its scheme": (BUILD + 'data = {scripts = {"x.c" = "../../x"}}\n', 'data.scripts."x.c"'),
    "data to a line end": (BUILD + 'data = {scripts = {"x.c" = "a\\nb"}}\n', 'data.scripts."x.c"'),
    "data in tables": (BUILD + 'data = {scripts = {a = {b = "c"}}}\n', "tool.pkm.build.data.scripts.a"),
    "data of a number": (BUILD + "data = {scripts = 1}\n", "tool.pkm.build.data.scripts"),
    "an extension of numbers": (
        BASE + "[[tool.pkm.build.extension]]\nname = 1\nsources = 1\nlanguage = 1\nplatform = 1\n",
        "tool.pkm.build.extension[0].platform",
    ),
    "an extension with a line end": (EXTENSION.replace("_x", "_x\\ny"), "tool.pkm.build.extension[0].name"),
    "sources from anywhere": (EXTENSION.replace("x.c", "/etc/x.c"), "tool.pkm.build.extension[0].sources[0]"),
    "headers from nowhere": (EXTENSION + 'include-dirs = ["nope"]\n', "extension[0].include-dirs[0]"),
    "a file of the version that is not there": (DYNAMIC + 'source = "file"\npath = "v.py"\n', "tool.pkm.version.path"),
    "a file of the version that is a folder": (DYNAMIC + 'source = "file"\npath = "spam"\n', "tool.pkm.version.path"),
    "a file of the version with a NUL": (DYNAMIC + 'source = "file"\npath = "a\\u0000"\n', "tool.pkm.version.path"),
    "a file that states no version": (
        DYNAMIC + 'source = "file"\npath = "spam/__init__.py"\n',
        "tool.pkm.version.path: no version is stated",
    ),
    "a pattern that is none": (
        DYNAMIC + 'source = "file"\npath = "r.md"\npattern = "("\n',
        "tool.pkm.version.pattern: is no regular expression",
    ),
    "a pattern that matches nothing": (
        DYNAMIC + 'source = "file"\npath = "r.md"\npattern = "z"\n',
        "tool.pkm.version.pattern: matches nothing",
    ),
    "a tag pattern that is none": (DYNAMIC + 'source = "vcs"\ntag-pattern = "["\n', "tool.pkm.version.tag-pattern"),
    "a template of no version": (DYNAMIC + 'source = "vcs"\ntemplate = "{tag}/{distance}"\n', "version.template"),
    "a version file that leaves": (DYNAMIC + 'source = "vcs"\nwrite-to = "../x.py"\n', "tool.pkm.version.write-to"),
    "no repository": (DYNAMIC + 'source = "vcs"\n', "tool.pkm.version.source"),
    "a variable that is not set": (DYNAMIC + 'source = "env"\nvariable = "NOT_SET_X"\n', "version.variable"),
    "a variable that can't be": (DYNAMIC + 'source = "env"\nvariable = "A=B"\n', "tool.pkm.version.variable"),
    "a script that is not there": (DYNAMIC + 'source = "script"\npath = "v.py"\n', "tool.pkm.version.path"),
    "a provider's folder that is not there": (PROVIDER + '{path = "nope", module = "m"}\n', "provider.path"),
    "a provider's module that is not there": (PROVIDER + '{path = "spam", module = "m"}\n', "provider.module"),
    "a provider from anywhere": (PROVIDER + '{path = "/tmp", module = "m"}\n', "provider.path"),
    "a provider from above": (PROVIDER + '{path = "..", module = "m"}\n', "provider.path"),
    "a provider of no module": (PROVIDER + '{path = "spam", module = "a b"}\n', "provider.module"),
    "a provider of no name": (PROVIDER + '""\n', "tool.dynamic-metadata[0].provider"),
    "providers that are a table": (FIELD + '[tool.dynamic-metadata]\nprovider = "x"\n', "tool.dynamic-metadata"),
    "providers that are numbers": (FIELD + "[tool]\ndynamic-metadata = [1]\n", "tool.dynamic-metadata[0]"),
}  # fmt: skip


def call_hook(root, hook, *words):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pkm_build; pkm_build.{hook}(*sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-I", "-c", code, *words], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_it_is_refused_with_its_place_and_no_traceback(sample, text, words):
    made = sample({**FILES, "pyproject.toml": text})
    done = call_hook(made.root, "build_wheel", str(made.out))
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("pkm_build: pyproject.toml:") for line in lines), lines
    assert any(words in line for line in lines), lines
    assert not made.out.exists() or list(made.out.iterdir()) == []


ALL = """\
[build-system]
requires = []
build-backend = "pkm_build"

[project]
name = "spam"
version = "one"
dynamic = ["keywords"]
readme = "README.md"
license = "MITT"
license-files = ["LICENSE*"]
dependencies = ["a >"]
import-names = ["eggs"]

[project.scripts]
one = "spam.nope:main"

[dependency-groups]
test = ["b >"]

[tool.pkm.build]
packges = []
hook = "gone.py"
sbom-files = ["*.spdx"]
"""


@pytest.mark.parametrize(
    "hook",
    [
        "get_requires_for_build_wheel",
        "get_requires_for_build_sdist",
        "prepare_metadata_for_build_wheel",
        "build_wheel",
        "build_editable",
        "build_sdist",
    ],
)
def test_faults_of_text_and_tree_come_in_one_run_of_whichever_hook_is_first(sample, hook):
    made = sample({"spam/__init__.py": "", "pyproject.toml": ALL})
    done = call_hook(made.root, hook, *([] if "requires" in hook else [str(made.out)]))
    found = [line.split(": ")[1:3] for line in done.stderr.splitlines()]
    expected = [
        ["pyproject.toml:7:1", "project.version"],
        ["pyproject.toml:8:12", "project.dynamic[0]"],
        ["pyproject.toml:9:1", "project.readme"],
        ["pyproject.toml:10:1", "project.license"],
        ["pyproject.toml:11:18", "project.license-files[0]"],
        ["pyproject.toml:12:17", "project.dependencies[0]"],
        ["pyproject.toml:19:9", "dependency-groups.test[0]"],
        ["pyproject.toml:22:1", "tool.pkm.build.packges"],
        ["pyproject.toml:23:1", "tool.pkm.build.hook"],
        ["pyproject.toml:24:15", "tool.pkm.build.sbom-files[0]"],
    ]
    assert found == expected


def test_a_version_that_is_not_stated_and_what_the_tree_lacks_come_together(sample):
    text = DYNAMIC.replace("[tool", 'readme = "R.md"\n[tool') + 'source = "file"\npath = "spam/__init__.py"\n'
    with pytest.raises(InvalidFile) as caught:
        sample({"spam/__init__.py": "", "pyproject.toml": text}).wheel()
    assert [fault.key for fault in caught.value.faults] == [
        ("tool", "pkm", "version", "path"),
        ("project", "readme"),
    ]


TWICE = {
    "map": ('[tool.pkm.build.map]\n"a/x" = "spam/y"\n"b/x" = "spam/y"\n', r':9: tool.pkm.build.map."b/x": both a/x '),
    "data": ('[tool.pkm.build]\ndata = { scripts = ["a/x", "b/x"] }\n', r":8: tool.pkm.build.data.scripts: both a/x "),
    "include": (
        '[tool.pkm.build]\npackages = ["spam"]\ninclude = ["src/spam/x", "spam/x"]\n',
        r":9: tool.pkm.build.include\[0\]: both spam/x and src/spam/x ",
    ),
    "sbom-files": ('[tool.pkm.build]\nsbom-files = ["a/x", "b/x"]\n', r":8:22: tool.pkm.build.sbom-files\[1\]: both "),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["wheel", "editable", "sdist"])
@pytest.mark.parametrize(("settings", "words"), TWICE.values(), ids=TWICE)
def test_two_files_for_one_place_are_told_with_the_setting(sample, settings, words, kind):
    files = dict.fromkeys(("a/x", "b/x", "spam/x", "src/spam/x"), "")
    made = sample({**FILES, **files, "pyproject.toml": BASE + settings})
    with pytest.raises((BuildError, InvalidFile), match=words):
        made.build(kind)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_sdist_is_not_made_where_its_wheel_would_be_empty(sample, kind):
    made = sample({**FILES, "pyproject.toml": BUILD + 'exclude = ["spam/*"]\n'})
    with pytest.raises(BuildError, match="the wheel would be empty"):
        made.build(kind)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_sdist_is_not_made_where_its_wheel_would_not_be_pure_as_said(sample, kind):
    made = sample({**FILES, "spam/x.so": "\x7fELF", "pyproject.toml": BUILD + "pure = true\n"})
    with pytest.raises(BuildError, match="is native code, but"):
        made.build(kind)


def test_metadata_is_not_prepared_where_what_is_named_is_missing(sample):
    made = sample({**FILES, "pyproject.toml": BUILD + 'sbom-files = ["gone"]\n'})
    done = call_hook(made.root, "prepare_metadata_for_build_wheel", str(made.out))
    assert (done.returncode, "tool.pkm.build.sbom-files[0]" in done.stderr) == (1, True)


def test_code_that_is_not_found_is_told_with_the_other_faults(sample):
    with pytest.raises(InvalidFile) as caught:
        sample({"pyproject.toml": BASE + 'license = "MITT"\n'}).wheel()
    assert [fault.key for fault in caught.value.faults] == [("project", "license"), ("project",)]
    assert "no code was found" in str(caught.value)


def test_a_fault_of_a_profile_is_told_once_where_it_stands(sample):
    extra = "[tool.pkm.profiles.p.build]\npackges = []\ninclude = ['nope']\n"
    with pytest.raises(InvalidFile) as caught:
        sample(FILES, extra).wheel({"profile": "p"})
    above = ("tool", "pkm", "profiles", "p", "build")
    assert [fault.key for fault in caught.value.faults] == [(*above, "packges"), (*above, "include", 0)]


def test_wrong_config_settings_come_together(sample):
    made = sample(FILES)
    with pytest.raises(BuildError, match="3 config-settings are wrong") as caught:
        made.wheel({"--tga": "py3-none-any", "build-number": "x", "editable": "frm"})
    assert 'did you mean "tag"?' in str(caught.value)


SAFE = {
    "licence text": 'license = {text = "MIT\\nName: evil\\n\\nbody\\rVersion: 2\\u0085Author: x\\u2028Summary: y"}\n',
    "readme text": 'readme = {text = "a\\n\\nName: evil", content-type = "text/plain"}\n',
}


@pytest.mark.parametrize("lines", SAFE.values(), ids=SAFE)
def test_long_texts_add_no_header(sample, lines):
    wheel = sample({**FILES, "pyproject.toml": BASE + lines}).wheel()
    found = message_from_bytes(wheel.files["spam-1.0.dist-info/METADATA"])
    assert (found.get_all("Name"), found.get_all("Version")) == (["spam"], ["1.0"])
    assert found.get_all("Author") is None
    assert found.get_all("Summary") is None


POSIX = pytest.mark.skipif(os.name == "nt", reason="there are no such files on Windows")
KINDS = ("wheel", "editable", "sdist")


@POSIX
@pytest.mark.parametrize("name", ["spam/a\nb.txt", "spam/..\\..\\b.py", "spam/\x7f.py"])
def test_a_name_that_means_another_place_somewhere_is_not_put_into_a_wheel(sample, name):
    made = sample({**FILES, name: ""})
    with pytest.raises(BuildError, match="backslashes or control characters"):
        made.wheel()
    assert list(made.out.iterdir()) == []


@POSIX
def test_a_pipe_in_the_place_of_pyproject_toml_is_no_file(sample):
    made = sample({"spam/__init__.py": ""})
    (made.root / "pyproject.toml").unlink()
    os.mkfifo(made.root / "pyproject.toml")
    with pytest.raises(BuildError, match=r"pyproject\.toml is no file"):
        made.wheel()


@POSIX
def test_pipes_and_sockets_are_no_files(sample, monkeypatch):
    made = sample(FILES)
    os.mkfifo(made.root / "spam/pipe")
    os.mkfifo(made.root / "pipe")
    monkeypatch.chdir(made.root)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("spam/socket")
    assert made.wheel().code() == ["spam/__init__.py"]
    assert not [name for name in made.sdist().files if "pipe" in name or "socket" in name]


@POSIX
def test_a_link_to_itself_is_left_out(sample):
    made = sample(FILES)
    (made.root / "spam/loop").symlink_to("loop")
    assert made.wheel().code() == ["spam/__init__.py"]
    assert "spam/loop" not in made.sdist().files


@POSIX
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["spam", "src", "LICENSE", "README.md"])
def test_no_build_follows_a_link_out_of_the_project(sample, tmp_path, kind, name):
    made = sample(FILES, 'readme = "README.md"\n' if name == "README.md" else "")
    outside = tmp_path / "outside"
    shutil.copytree(made.root / "spam", outside / "spam")
    (outside / "text").write_text("secret")
    if name in ("spam", "src"):
        shutil.rmtree(made.root / "spam")
    target = {"spam": outside / "spam", "src": outside}.get(name, outside / "text")
    (made.root / name).symlink_to(target)
    with pytest.raises((BuildError, InvalidFile), match="link that leaves the project"):
        made.build(kind)


@pytest.mark.parametrize(
    "text", [f"x = {'-' * 100_000}1\n", f"x = {'+'.join(['1'] * 20_000)}\n", "x = 1\0\n"]
)
def test_code_that_no_compiler_likes_is_no_crash(sample, text):
    made = sample({**FILES, "spam/__init__.py": text}, '[project.scripts]\na = "spam:f"\n')
    assert made.wheel()
    stated = {**FILES, "spam/__init__.py": text, "pyproject.toml": DYNAMIC + 'source = "file"\n'}
    with pytest.raises(InvalidFile, match=r"tool\.pkm\.version\.source"):
        sample(stated).wheel()


@pytest.mark.parametrize("kind", ["editable", "sdist"])
@pytest.mark.parametrize("text", [text for text, _ in WRONG.values()], ids=WRONG)
def test_no_kind_of_build_takes_what_another_refuses(sample, text, kind):
    made = sample({**FILES, "pyproject.toml": text})
    with pytest.raises(InvalidFile):
        made.build(kind)
    assert not (made.root / ".pkm").exists()
