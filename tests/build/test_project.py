"""What is wrong in pyproject.toml, all of it at once, each with its place."""

from __future__ import annotations

import pytest

from pkm_build.errors import Fault, InvalidFile
from pkm_build.project import Project, expand_group, read_project
from pkm_build.settings import read_settings
from pkm_build.source import parse


def faults_of(text):
    data = parse("pyproject.toml", text)
    faults: list[Fault] = []
    read_project(data, faults)
    read_settings(data, faults)
    return [(fault.key, fault.text()) for fault in faults]


def project_of(text):
    faults: list[Fault] = []
    made = read_project(parse("pyproject.toml", text), faults)
    assert faults == []
    return made


BASE = '[project]\nname = "spam"\nversion = "1"\n'
WRONG = {
    "unknown project key": (
        BASE + "dependancies = []",
        "project.dependancies",
        'did you mean "dependencies"?',
    ),
    "unknown build key": (BASE + "[tool.pkm.build]\npackage = []", "tool.pkm.build.package", '"packages"'),
    "unknown build-system key": (
        "[build-system]\nrequire = []\nrequires=[]",
        "build-system.require",
        "unknown key",
    ),
    "build-system without requires": ("[build-system]\n", "build-system.requires", "is missing"),
    "requires is no list": ('[build-system]\nrequires = "pkm"', "build-system.requires", 'write ["pkm"]'),
    "backend-path leaves": (
        '[build-system]\nrequires=[]\nbackend-path=["../x"]',
        "build-system.backend-path[0]",
        "leave",
    ),
    "backend is no module": (
        '[build-system]\nrequires=[]\nbuild-backend="a b"',
        "build-system.build-backend",
        "no module",
    ),
    "project is no table": ("project = 1", "project", "must be a table"),
    "no name": ('[project]\nversion = "1"', "project.name", "is missing"),
    "bad name": ('[project]\nname = "-x"\nversion = "1"', "project.name", "no valid name"),
    "newline in the name": (
        '[project]\nname = "x\\nEvil: 1"\nversion = "1"',
        "project.name",
        "no valid name",
    ),
    "name of a wrong type": ('[project]\nname = 3\nversion = "1"', "project.name", "must be a string"),
    "no version": ('[project]\nname = "x"', "project.version", "is missing"),
    "bad version": ('[project]\nname = "x"\nversion = "one"', "project.version", "invalid version"),
    "version static and dynamic": (
        BASE + 'dynamic = ["version"]\n[tool.pkm.version]\nsource="vcs"',
        "project.version",
        "dynamic",
    ),
    "dynamic that nobody provides": (
        BASE + 'dynamic = ["description"]',
        "project.dynamic[0]",
        "nothing gives it",
    ),
    "dynamic version without source": (
        '[project]\nname="x"\ndynamic = ["version"]',
        "project.dynamic[0]",
        "nothing gives it",
    ),
    "dynamic name": (BASE + 'dynamic = ["name"]', "project.dynamic[0]", "can't be dynamic"),
    "dynamic unknown": (BASE + 'dynamic = ["dependancies"]', "project.dynamic[0]", '"dependencies"'),
    "bad requirement": (
        BASE + 'dependencies = ["a", "requests >=2,"]',
        "project.dependencies[1]",
        "requests >=2,",
    ),
    "bad marker": (
        BASE + "dependencies = [\"a; python_versio < '3'\"]",
        "project.dependencies[0]",
        "python_versio",
    ),
    "requirement of a wrong type": (
        BASE + "dependencies = [1]",
        "project.dependencies[0]",
        "must be a string",
    ),
    "bad requires-python": (
        BASE + 'requires-python = "3.10"',
        "project.requires-python",
        'did you mean ">=3.10"?',
    ),
    "bad classifier": (BASE + 'classifiers = ["Nonsense"]', "project.classifiers[0]", "no classifier"),
    "unknown classifier": (
        BASE + 'classifiers = ["Programing Language :: Python"]',
        "project.classifiers[0]",
        "Programming",
    ),
    "mistyped second part": (
        BASE + 'classifiers = ["Programming Language :: Pyton"]',
        "project.classifiers[0]",
        "Python",
    ),
    "unknown status": (
        BASE + 'classifiers = ["Development Status :: 4 - Betta"]',
        "project.classifiers[0]",
        "4 - Beta",
    ),
    "bad licence": (BASE + 'license = "MITT"', "project.license", 'did you mean "MIT"?'),
    "licence text and file": (BASE + 'license = {text="a", file="b"}', "project.license", "either"),
    "licence table with files": (
        BASE + 'license = {text="a"}\nlicense-files=["L"]',
        "project.license-files",
        "beside",
    ),
    "licence glob leaves": (
        BASE + 'license-files = ["../X"]',
        "project.license-files[0]",
        "leave the project",
    ),
    "licence glob absolute": (BASE + 'license-files = ["/X"]', "project.license-files[0]", "relative"),
    "licence glob with stars": (BASE + 'license-files = ["a**"]', "project.license-files[0]", "alone"),
    "script that is no reference": (
        BASE + '[project.scripts]\nx = "mod:not valid!"',
        "project.scripts.x",
        "reference",
    ),
    "script without a function": (
        BASE + '[project.scripts]\nx = "mod"',
        "project.scripts.x",
        'write "mod:main"',
    ),
    "script with a newline": (
        BASE + '[project.scripts]\nx = "mod:f\\n[evil]"',
        "project.scripts.x",
        "reference",
    ),
    "script name with a newline": (
        BASE + '[project.scripts]\n"x\\ny" = "mod:f"',
        'project.scripts."x\\ny"',
        "no valid name",
    ),
    "script name with a slash": (
        BASE + '[project.scripts]\n"../x" = "mod:f"',
        'project.scripts."../x"',
        "no valid name",
    ),
    "console_scripts": (
        BASE + '[project.entry-points.console_scripts]\nx="m:f"',
        "project.entry-points.console_scripts",
        "[project.scripts]",
    ),
    "group of entry points": (
        BASE + '[project.entry-points."a b"]\nx="m:f"',
        'project.entry-points."a b"',
        "group name",
    ),
    "group of entry points with a hyphen": (
        BASE + '[project.entry-points.a-b]\nx="m:f"',
        "project.entry-points.a-b",
        "group name",
    ),
    "script twice": (
        BASE + '[project.scripts]\nx="m:f"\n[project.gui-scripts]\nx="m:f"',
        "project.gui-scripts.x",
        "scripts",
    ),
    "import names of nothing": (BASE + 'import-names = ["a b"]', "project.import-names[0]", "no import name"),
    "import name twice": (
        BASE + 'import-names = ["a"]\nimport-namespaces = ["a"]',
        "project.import-names[0]",
        "import-namespaces",
    ),
    "import name without parent": (BASE + 'import-names = ["a.b"]', "project.import-names[0]", 'parent "a"'),
    "extras equal": (
        BASE + "[project.optional-dependencies]\na_b = []\na-b = []",
        "project.optional-dependencies.a-b",
        "same extra",
    ),
    "bad extra": (
        BASE + '[project.optional-dependencies]\n"a b" = []',
        'project.optional-dependencies."a b"',
        "no valid name",
    ),
    "malformed e-mail": (
        BASE + 'authors = [{email = "nobody"}]',
        "project.authors[0].email",
        "no e-mail address",
    ),
    "nameless author": (BASE + "authors = [{}]", "project.authors[0]", "needs a name or an email"),
    "author with a newline": (BASE + 'authors = [{name = "a\\nX: y"}]', "project.authors[0].name", "no name"),
    "author is a string": (BASE + 'authors = ["me"]', "project.authors[0]", "must be a table"),
    "url that is none": (
        BASE + '[project.urls]\nHome = "me@example.org"',
        "project.urls.Home",
        "is no URL",
    ),
    "label too long": (
        BASE + f'[project.urls]\n{"a" * 33} = "https://a.example"',
        f"project.urls.{'a' * 33}",
        "32 characters",
    ),
    "label with a comma": (
        BASE + '[project.urls]\n"a, b" = "https://a.example"',
        'project.urls."a, b"',
        "no label",
    ),
    "multi-line description": (BASE + 'description = "a\\nb"', "project.description", "one line"),
    "readme of unknown kind": (BASE + 'readme = "README"', "project.readme", "suffix"),
    "readme that leaves": (BASE + 'readme = "../README.md"', "project.readme", "leave the project"),
    "readme of two": (BASE + 'readme = {file="a.md", text="b"}', "project.readme", "either"),
    "readme of a wrong type": (
        BASE + 'readme = {text="a", content-type="text/html"}',
        "project.readme.content-type",
        "unknown",
    ),
    "readme of unknown charset": (
        BASE + 'readme = {file="a.md", content-type="text/markdown; charset=nope"}',
        "project.readme.content-type",
        "charset",
    ),
    "path with control characters": (BASE + 'readme = "a\\u0001.md"', "project.readme", "control characters"),
    "readme file without a type": (
        BASE + 'readme = {file = "a.md"}',
        "project.readme.content-type",
        'readme = "a.md"',
    ),
    "readme is an array": (BASE + 'readme = ["a.md"]', "project.readme", "must be a path or a table"),
    "readme text without a type": (
        BASE + 'readme = {text = "a"}',
        "project.readme.content-type",
        "is missing",
    ),
    "readme type with control characters": (
        BASE + 'readme = {text = "a", content-type = "text/plain; x=\\u0001"}',
        "project.readme.content-type",
        "control characters",
    ),
    "licence of a wrong type": (BASE + "license = 3", "project.license", "must be an SPDX expression"),
    "licence glob with an open bracket": (
        BASE + 'license-files = ["[a"]',
        "project.license-files[0]",
        "not closed",
    ),
    "classifier twice": (
        BASE + 'classifiers = ["Typing :: Typed", "Typing :: Typed"]',
        "project.classifiers[1]",
        "stands here twice",
    ),
    "url of a wrong type": (BASE + "urls = {Home = 3}", "project.urls.Home", "must be a string"),
    "url with a strange scheme": (BASE + 'urls = {Home = "1x://a"}', "project.urls.Home", "is no URL"),
    "dynamic twice": (BASE + 'dynamic = ["urls", "urls"]', "project.dynamic[1]", "stands here twice"),
    "description with control characters": (
        BASE + 'description = "a\\u0007"',
        "project.description",
        "control characters",
    ),
    "import name listed twice": (
        BASE + 'import-names = ["a", "a"]',
        "project.import-names[1]",
        "stands here twice",
    ),
    "script of a wrong type": (BASE + "scripts = {a = 1}", "project.scripts.a", "must be a string"),
    "entry point extras": (BASE + 'scripts = {a = "m:f [b"}', "project.scripts.a", "no object reference"),
    "property of a wrong name": (
        BASE + '[tool.pkm.properties]\n"a b" = "x"',
        'tool.pkm.properties."a b"',
        "no valid name",
    ),
    "property of a wrong type": (
        BASE + "[tool.pkm.properties]\na = []",
        "tool.pkm.properties.a",
        "must be a string",
    ),
    "profile of a wrong type": (
        BASE + "[tool.pkm.profiles]\na = 1",
        "tool.pkm.profiles.a",
        "must be a table",
    ),
    "unknown version key in a profile": (
        BASE + '[tool.pkm.profiles.a.version]\nsuorce = "env"',
        "tool.pkm.profiles.a.version.suorce",
        '"source"',
    ),
    "variable missing": (
        '[project]\nname="x"\ndynamic=["version"]\n[tool.pkm.version]\nsource = "env"',
        "tool.pkm.version.variable",
        "is missing",
    ),
    "version source for a given version": (
        BASE + '[tool.pkm.version]\nsource = "vcs"',
        "tool.pkm.version",
        "means nothing",
    ),
    "hook that is no Python": (
        BASE + '[tool.pkm.build]\nhook = "hook.sh"',
        "tool.pkm.build.hook",
        "no Python file",
    ),
    "provider of a wrong type": (
        BASE + "[[tool.dynamic-metadata]]\nprovider = 1",
        "tool.dynamic-metadata[0].provider",
        "name or",
    ),
    "unknown property in a map": (
        BASE + '[tool.pkm.build.map]\n"a" = "{b}"',
        "tool.pkm.build.map.a",
        "there is no property",
    ),
    "keyword with a comma": (BASE + 'keywords = ["a,b"]', "project.keywords[0]", "no keyword"),
    "bad group": ('[dependency-groups]\na = ["b >"]', "dependency-groups.a[0]", "b >"),
    "group of a wrong type": ("[dependency-groups]\na = 1", "dependency-groups.a", "must be a list"),
    "item of a wrong type": (
        "[dependency-groups]\na = [{include = 'b'}]",
        "dependency-groups.a[0]",
        "include-group",
    ),
    "group that includes nothing": (
        '[dependency-groups]\na = [{include-group = "tets"}]\ntest = []',
        "dependency-groups.a[0]",
        '"test"',
    ),
    "circular groups": (
        '[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]',
        "dependency-groups.b[0]",
        "includes itself: a -> b -> a",
    ),
    "groups equal": ("[dependency-groups]\na_b = []\nA-B = []", "dependency-groups.A-B", "same group"),
    "version source missing": (
        BASE + '[tool.pkm.version]\npath = "x"',
        "tool.pkm.version.source",
        "is missing",
    ),
    "version source unknown": (
        BASE + '[tool.pkm.version]\nsource = "git"',
        "tool.pkm.version.source",
        "unknown value",
    ),
    "key of another source": (
        '[project]\nname="x"\ndynamic=["version"]\n[tool.pkm.version]\nsource = "vcs"\npath = "x"',
        "tool.pkm.version.path",
        "means nothing",
    ),
    "template field": (
        '[project]\nname="x"\ndynamic=["version"]\n[tool.pkm.version]\nsource = "vcs"\ntemplate = "{tga}"',
        "tool.pkm.version.template",
        '"tag"',
    ),
    "absolute include": (
        BASE + '[tool.pkm.build]\ninclude = ["/etc/passwd"]',
        "tool.pkm.build.include[0]",
        "relative",
    ),
    "exclude that leaves": (
        BASE + '[tool.pkm.build]\nexclude = ["../x"]',
        "tool.pkm.build.exclude[0]",
        "leave",
    ),
    "map into metadata": (
        BASE + '[tool.pkm.build.map]\n"a" = "x.dist-info/RECORD"',
        "tool.pkm.build.map.a",
        "metadata",
    ),
    "unknown scheme": (
        BASE + '[tool.pkm.build.data]\nscript = ["a"]',
        "tool.pkm.build.data.script",
        '"scripts"',
    ),
    "hook named build.py": (
        BASE + '[tool.pkm.build]\nhook = "build.py"',
        "tool.pkm.build.hook",
        "hide the program",
    ),
    "editable mode": (BASE + '[tool.pkm.build]\neditable = "frm"', "tool.pkm.build.editable", '"farm"'),
    "bad tag": (BASE + '[tool.pkm.build]\ntags = ["py3"]', "tool.pkm.build.tags[0]", "no tag"),
    "unknown property": (
        BASE + '[tool.pkm.build]\ninclude = ["{dat}/x"]\n[tool.pkm.properties]\ndata = "d"',
        "tool.pkm.build.include[0]",
        '"data"',
    ),
    "property of a reserved name": (
        BASE + '[tool.pkm.properties]\ntag = "x"',
        "tool.pkm.properties.tag",
        "version templates",
    ),
    "unknown key in a profile": (
        BASE + "[tool.pkm.profiles.x.build]\npackage = []",
        "tool.pkm.profiles.x.build.package",
        '"packages"',
    ),
    "extension without sources": (
        BASE + '[[tool.pkm.build.extension]]\nname = "a"',
        "tool.pkm.build.extension[0].sources",
        "missing",
    ),
    "extension key": (
        BASE + '[[tool.pkm.build.extension]]\nname = "a"\nsources = ["a.c"]\nlibary-dirs = []',
        "tool.pkm.build.extension[0].libary-dirs",
        '"library-dirs"',
    ),
    "limited API": (
        BASE + '[[tool.pkm.build.extension]]\nname = "a"\nsources = ["a.c"]\nlimited-api = "abi3"',
        "tool.pkm.build.extension[0].limited-api",
        "no Python version",
    ),
    "provider missing": (
        BASE + "[[tool.dynamic-metadata]]\nx = 1",
        "tool.dynamic-metadata[0].provider",
        "is missing",
    ),
}


@pytest.mark.parametrize(("text", "key", "words"), WRONG.values(), ids=WRONG)
def test_a_fault_is_named_with_its_key(text, key, words):
    found = [shown for _, shown in faults_of(text)]
    assert [shown for shown in found if shown.startswith(key + ":") and words in shown], found


@pytest.mark.parametrize(
    ("requirement", "shown"),
    [
        (
            "spam @ https://user:secret@example.org/spam-1.tar.gz ; python_version => '3'",
            "spam @ https://example.org/spam-1.tar.gz ; python_version => '3'",
        ),
        (
            "spam [x @ git+https://secret@example.org/spam.git@v1",
            "spam [x @ git+https://example.org/spam.git@v1",
        ),
        ("spam @ https://user:secret@example.org/\\u0007", "spam @ https://example.org/\\x07"),
    ],
)
def test_a_fault_of_a_requirement_keeps_its_password_to_itself(requirement, shown):
    ((_, fault),) = faults_of(BASE + f'dependencies = ["{requirement}"]')
    assert f'"{shown}"' in fault
    assert "secret" not in fault


def test_one_fault_gives_one_line():
    for text, _, _ in (
        WRONG[name] for name in ("bad licence", "unknown project key", "malformed e-mail", "bad version")
    ):
        assert len(faults_of(text)) == 1


def test_all_faults_of_a_file_come_at_once_and_in_order():
    text = '[project]\nname = "spam"\nversion = "x"\ndependancies = []\nclassifiers = [\n  "Nonsense",\n]\n'
    data = parse("pyproject.toml", text)
    faults: list[Fault] = []
    read_project(data, faults)
    error = InvalidFile("pyproject.toml", text, faults)
    assert str(error).splitlines() == [
        "pyproject.toml has 3 faults",
        "  3:1    project.version: invalid version: 'x'; versions look like 1.2.3, 1.0rc1 or 2.0.dev1",
        '  4:1    project.dependancies: unknown key; did you mean "dependencies"?',
        '  6:3    project.classifiers[0]: "Nonsense" is no classifier; they look like "Programming Language :: Python"',
    ]
    assert next(error.lines()).startswith("pyproject.toml:3:1: project.version: ")


def test_a_file_without_project_is_a_project_without_name():
    made = project_of('[dependency-groups]\ntest = ["pytest"]\n')
    assert (made.name, made.version, made.has_build_system) == ("", None, False)


def test_names_are_normalised_and_kept_as_written():
    made = project_of('[project]\nname = "Spam_Eggs.X"\nversion = "1.0.0-RC1"\n')
    assert (made.name, made.raw_name, made.version) == ("spam-eggs-x", "Spam_Eggs.X", "1.0.0rc1")


def test_a_project_survives_being_made_plain():
    made = project_of(
        '[project]\nname = "a"\nversion = "1"\ndependencies = ["b"]\nauthors = [{name = "x"}]\n'
    )
    assert Project.from_plain(made.to_plain()).to_plain() == made.to_plain()


def test_expanded_groups_say_where_each_requirement_stands():
    made = project_of('[dependency-groups]\nall = ["a", {include-group = "Te_st"}]\n"te-st" = ["b>1"]\n')
    assert expand_group(made, "ALL") == (
        ("a", ("dependency-groups", "all", 0)),
        ("b>1", ("dependency-groups", "te-st", 0)),
    )


def test_a_list_may_be_given_and_dynamic():
    assert (
        faults_of(
            BASE
            + 'dependencies = ["a"]\ndynamic = ["dependencies"]\n[[tool.dynamic-metadata]]\nprovider = "x"\n'
        )
        == []
    )


def settings_of(text):
    faults: list[Fault] = []
    found = read_settings(parse("pyproject.toml", text), faults)
    assert faults == []
    return found


def test_braces_that_are_no_property_stay():
    text = '[tool.pkm.build]\ninclude = ["{{a}", "{1,2}", "{b c}", "x{yes}{number}"]\n'
    text += "[tool.pkm.properties]\nyes = true\nnumber = 3\n"
    assert settings_of(BASE + text).include == ("{a}", "{1,2}", "{b c}", "xtrue3")


@pytest.mark.parametrize(
    "text",
    [
        'authors = [{name = "A. Body", email = "a@b.example"}]',
        'urls = {Home = "https://a.example/x?y#z", Mail = "mailto:a@b.example"}',
        'license = "MIT OR Apache-2.0 WITH LLVM-exception"',
        'readme = {file = "R.md", content-type = "text/markdown; charset=UTF-8; variant=GFM"}',
        'readme = {file = "R.md", charset = "utf-8", content-type = "text/markdown"}',
        'scripts = {a = "m:f", "b.c-d" = "m.n:o.p"}',
        'entry-points = {"x.y" = {"name" = "m:f [extra]", "plain" = "m"}}',
        'classifiers = ["Private :: Do Not Upload", "Programming Language :: R", "Topic :: Anything :: New"]',
        'dependencies = ["a @ https://x.example/a.whl", "b[c,d]~=1.2 ; python_version<\'3.12\' and extra == \\"x\\""]',
    ],
)
def test_what_is_right_passes(text):
    assert faults_of(BASE + text) == []
