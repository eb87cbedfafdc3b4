"""Versions from files, variables and scripts."""

from __future__ import annotations

import pytest

from pkm_build.errors import BuildError, HookFailed, InvalidFile

HEAD = '[build-system]\nrequires = []\n[project]\nname = "spam"\ndynamic = ["version"]\n[tool.pkm.version]\n'


def version_of(sample, table, files=(), **environ):
    made = sample({"spam/__init__.py": "", **dict(files)}, table, head=HEAD)
    return made.wheel(None, **environ).name.split("-")[1]


STATED = {
    "plain": '__version__ = "1.2.3"',
    "annotated": '__version__: str = "1.2.3"',
    "by another name": 'VERSION = "1.2.3"\n__version__ = VERSION',
    "tuple joined": 'info = (1, 2, 3)\n__version__ = ".".join(map(str, info))',
    "generator joined": '__version__ = ".".join(str(x) for x in (1, 2, 3))',
    "f-string": 'a, = 1,\nminor = 2\n__version__ = f"1.{minor}.3"',
    "percent": '__version__ = "%d.%d.%d" % (1, 2, 3)',
    "added": '__version__ = "1.2" + ".3"',
    "below try": 'try:\n    import x\nexcept ImportError:\n    pass\n__version__ = "1.2.3"',
    "as text": "__version__ = str('1.2') + '.' + str(3)",
    "beside other code": 'import os\ndef f(): return 1\n__version__ = "1.2.3"\n__all__ = []',
}


UNSTATED = [
    "__version__ = '%d' % 'x'",
    "__version__ = str(f())",
    "__version__ = a.b(1)",
    "__version__ = '.'.join(x)",
    "__version__ = 1 * 2",
    "__version__ = '.'.join([f()])",
    "__version__ = f(1, 2)",
]


@pytest.mark.parametrize("text", UNSTATED)
def test_what_only_running_would_tell_is_not_read(sample, text):
    with pytest.raises(InvalidFile, match="no version is stated"):
        version_of(sample, 'source = "file"\n', {"spam/__init__.py": text})


@pytest.mark.parametrize("text", STATED.values(), ids=STATED)
def test_a_version_is_read_from_the_package_without_running_it(sample, text):
    assert version_of(sample, 'source = "file"\n', {"spam/__init__.py": text}) == "1.2.3"


@pytest.mark.parametrize("file", ["_version.py", "version.py", "__about__.py", "__version__.py"])
def test_usual_files_are_looked_into(sample, file):
    assert version_of(sample, 'source = "file"\n', {f"spam/{file}": '__version__ = "2.0"'}) == "2.0"


IMPORTED = {
    "of its package": ("from .meta import __version__", "__version__"),
    "by the whole name": ("from spam.meta import __version__", "__version__"),
    "by another name": ("from .meta import number as __version__", "number"),
}


@pytest.mark.parametrize(("line", "name"), IMPORTED.values(), ids=IMPORTED)
def test_a_version_is_read_where_the_package_imports_it_from(sample, line, name):
    files = {"spam/__init__.py": line, "spam/meta.py": f'VERSION = "1.0"\n{name} = "2.2"'}
    assert version_of(sample, 'source = "file"\n', files) == "2.2"


@pytest.mark.parametrize(("path", "text"), [("v.py", '__version__ = "2.2"'), ("VERSION", "2.2\n")])
def test_a_byte_order_mark_is_no_part_of_a_version(sample, path, text):
    assert version_of(sample, f'source = "file"\npath = "{path}"\n', {path: "\ufeff" + text}) == "2.2"


def test_a_file_that_is_no_python_is_told_with_what_helps(sample):
    settings = 'source = "file"\npath = "v.pyx"\n'
    with pytest.raises(InvalidFile, match=r"version\.path: v\.pyx is no Python .* a pattern"):
        version_of(sample, settings, {"v.pyx": "cdef int x = 1\n__version__ = '2.2'\n"})
    assert (
        version_of(sample, settings + "pattern = \"= '(.*)'\"\n", {"v.pyx": "cdef x\n__version__ = '2.2'"})
        == "2.2"
    )


def test_an_imported_name_is_not_taken_for_another(sample):
    files = {
        "spam/__init__.py": "from .core import version",
        "spam/core.py": 'VERSION = "1"\ndef version(): ...',
    }
    with pytest.raises(InvalidFile, match="no version is stated"):
        version_of(sample, 'source = "file"\n', files)


def test_modules_that_import_from_each_other_end(sample):
    files = {
        "spam/__init__.py": "from .a import version",
        "spam/a.py": "from . import a\nfrom .b import version",
    }
    files["spam/b.py"] = "from .a import version"
    with pytest.raises(
        InvalidFile, match=r"no version is stated in spam/__init__\.py, spam/a\.py, spam/b\.py"
    ):
        version_of(sample, 'source = "file"\n', files)


def test_a_namespace_is_passed_on_the_way_to_the_package(sample):
    head = HEAD.replace('"spam"', '"ns.spam"')
    made = sample({"ns/spam/__init__.py": '__version__ = "2.3"'}, 'source = "file"\n', head=head)
    assert made.wheel().name == "ns_spam-2.3-py3-none-any.whl"


@pytest.mark.parametrize(
    ("path", "text", "pattern"),
    [
        ("VERSION", "\n1.2.3\n", ""),
        ("meta.json", '{"version": "1.2.3"}', '"version": "([^"]+)"'),
        ("CHANGES.md", "# Log\n## v1.2.3 (today)\n", r"^## v(?P<version>\S+)"),
    ],
)
def test_other_files_can_state_it(sample, path, text, pattern):
    table = f'source = "file"\npath = "{path}"\n' + (f"pattern = '{pattern}'\n" if pattern else "")
    assert version_of(sample, table, {path: text}) == "1.2.3"


@pytest.mark.parametrize(
    ("table", "files", "words"),
    [
        ('source = "file"\n', {}, "no version is stated"),
        ('source = "file"\npath = "nowhere.py"\n', {}, "can't be read"),
        ('source = "file"\n', {"spam/__init__.py": "__version__ = compute()"}, "no version is stated"),
        ('source = "file"\n', {"spam/__init__.py": "this is no Python"}, "no Python"),
        ('source = "file"\npath = "V"\npattern = "x("\n', {"V": ""}, "regular expression"),
        ('source = "file"\npath = "V"\npattern = "x"\n', {"V": ""}, "matches nothing"),
        ('source = "file"\npath = "V"\n', {"V": "one"}, "is no version"),
        ('source = "env"\nvariable = "SPAM_VERSION"\n', {}, r"8:1: tool\.pkm\.version\.variable: .* not set"),
        ('source = "script"\npath = "v.py"\n', {"v.py": ""}, "printed no version"),
        ('source = "script"\npath = "v.py"\n', {}, "not there"),
    ],
)
def test_a_version_is_never_guessed(sample, table, files, words):
    with pytest.raises(InvalidFile, match=words):
        version_of(sample, table, files)


def test_a_script_that_fails_is_shown_with_its_last_words(sample):
    place = r"^pyproject\.toml:8: tool\.pkm\.version\.path: v\.py ended with exit code 1"
    with pytest.raises(HookFailed, match=place) as caught:
        version_of(sample, 'source = "script"\npath = "v.py"\n', {"v.py": "raise ValueError('bad day')"})
    assert "bad day" in caught.value.hint


def test_a_variable_can_give_it(sample):
    assert version_of(sample, 'source = "env"\nvariable = "V"\n', V="3.1") == "3.1"


def test_a_script_can_print_it(sample):
    script = "import os\nprint('hello')\nprint('4.' + os.environ['MINOR'])\n"
    assert version_of(sample, 'source = "script"\npath = "v.py"\n', {"v.py": script}, MINOR="2") == "4.2"


def test_pkm_version_takes_the_place_of_a_dynamic_version(sample):
    assert version_of(sample, 'source = "file"\n', PKM_VERSION="9.9") == "9.9"


def test_pkm_version_does_not_touch_a_static_version(sample):
    assert sample({"spam.py": ""}).wheel(PKM_VERSION="9.9").name.startswith("spam-1.0-")


@pytest.mark.parametrize("source", ['source = "env"\nvariable = "V"\n', 'source = "script"\npath = "v.py"\n'])
def test_an_sdist_remembers_its_version(sample, unpack, source):
    made = sample({"spam/__init__.py": "", "v.py": "import os; print(os.environ['V'])"}, source, head=HEAD)
    again = unpack(made.sdist(V="5.0")).wheel()
    assert again.raw == made.wheel(V="5.0").raw


def test_a_property_can_stand_in_the_settings(sample):
    table = 'source = "file"\npath = "{where}/V"\n[tool.pkm.properties]\nwhere = "etc"\n'
    assert version_of(sample, table, {"etc/V": "1.5"}) == "1.5"


def test_packages_that_are_named_are_looked_into(sample):
    table = 'source = "file"\n[tool.pkm.build]\npackages = ["lib2/eggs"]\n'
    assert version_of(sample, table, {"lib2/eggs/__init__.py": '__version__ = "2.1"'}) == "2.1"


def test_a_wrong_pkm_version_is_told_as_that(sample):
    with pytest.raises(BuildError, match=r'"one" \(from PKM_VERSION\) is no version'):
        version_of(sample, 'source = "file"\n', PKM_VERSION="one")


def test_a_version_with_line_ends_is_told_in_one_line(sample):
    with pytest.raises(InvalidFile) as caught:
        version_of(sample, 'source = "env"\nvariable = "V"\n', V="1\nEvil: x")
    assert "\n" not in str(caught.value)
