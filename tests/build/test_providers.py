"""Dynamic fields by ``[[tool.dynamic-metadata]]``."""

from __future__ import annotations

import subprocess
import sys
from email import message_from_string
from pathlib import Path

import pytest
import tomli

from pkm_build import builder
from pkm_build.errors import BuildError, HookFailed, InvalidFile, PkmError

ROOT = Path(__file__).resolve().parents[2]
HEAD = '[build-system]\nrequires = []\n[project]\nname = "spam"\n'
ENTRY = '[[tool.dynamic-metadata]]\nprovider = {path = "meta", module = "given"}\n'


def project(sample, lines, provider, entries=ENTRY):
    return sample({"spam.py": "", "meta/given.py": provider}, entries, head=HEAD + lines)


def metadata(made, kind="wheel"):
    archive = made.build(kind)
    text = archive.info("METADATA") if kind == "wheel" else archive.files["PKG-INFO"].decode()
    return message_from_string(text)


def test_an_in_tree_provider_gives_fields(sample, unpack):
    made = project(
        sample,
        'dynamic = ["version", "description", "dependencies"]\n',
        "def dynamic_metadata(settings, project):\n"
        "    return {'version': settings['v'], 'description': 'of ' + project['name'], 'dependencies': ['a>1']}\n",
        ENTRY + 'v = "2.5"\n',
    )
    found = metadata(made)
    assert (found["Version"], found["Summary"], found["Requires-Dist"]) == ("2.5", "of spam", "a>1")
    assert unpack(made.sdist()).wheel().raw == made.wheel().raw


def test_an_in_tree_provider_is_found_in_a_process_that_has_loaded_nothing_else(sample):
    """What the tests, and most frontends, have loaded may not be what makes it work."""
    made = project(
        sample,
        'version = "1"\ndynamic = ["keywords"]\n',
        "def dynamic_metadata(s, p): return {'keywords': ['a']}\n",
    )
    places = [str(ROOT), str(Path(tomli.__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {places}; import pkm_build; pkm_build.build_wheel('out')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=made.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_later_providers_see_and_extend_what_earlier_gave(sample):
    made = project(
        sample,
        'version = "1"\ndynamic = ["keywords"]\nkeywords = ["a"]\n',
        "def dynamic_metadata(settings, project):\n    return {'keywords': [str(len(project['keywords']))]}\n",
        ENTRY + ENTRY,
    )
    assert metadata(made)["Keywords"] == "a,1,2"


def test_a_provider_is_told_what_is_built_and_can_be_a_class(sample):
    made = project(
        sample,
        'version = "1"\ndynamic = ["description"]\n',
        "class P:\n    def build_state(self, state):\n        self.state = state\n"
        "    def dynamic_metadata(self, settings, project):\n        return {'description': self.state}\n",
        ENTRY.replace('"given"', '"given:P"'),
    )
    assert (metadata(made)["Summary"], metadata(made, "sdist")["Summary"]) == ("wheel", "sdist")


def test_fields_that_a_wheel_may_give_otherwise_are_dynamic_in_the_sdist(sample):
    made = project(
        sample,
        'version = "1"\ndynamic = ["dependencies"]\ndependencies = ["a"]\n',
        "def dynamic_metadata(settings, project):\n    return {'dependencies': ['b']}\n"
        "def dynamic_wheel(settings):\n    return {'dependencies': True}\n",
    )
    found = metadata(made, "sdist")
    assert (found.get_all("Dynamic"), found["Metadata-Version"]) == (["Requires-Dist"], "2.6")


def test_a_provider_names_its_requirements(sample):
    made = project(
        sample,
        'version = "1"\ndynamic = ["keywords"]\n',
        "def dynamic_metadata(s, p): return {}\ndef get_requires_for_dynamic_metadata(settings): return ['numpy']\n",
    )
    assert builder.build_requires(str(made.root), "wheel", None, {}) == ["numpy"]


@pytest.mark.parametrize(
    ("lines", "body", "error", "words"),
    [
        ('version = "1"\ndynamic = ["keywords"]\n', "return {}", InvalidFile, "no provider gives"),
        ('version = "1"\n', "return {'keywords': []}", BuildError, "which is not dynamic"),
        (
            'version = "1"\ndynamic = ["description"]\n',
            "raise ValueError('bad')",
            HookFailed,
            "ValueError: bad",
        ),
        (
            'version = "1"\ndynamic = ["dependencies"]\n',
            "return {'dependencies': ['a b']}",
            BuildError,
            "a b",
        ),
        (
            'version = "1"\ndynamic = ["urls"]\nurls = {A = "https://a.example"}\n',
            "return {'urls': {'A': 'https://b.example'}}",
            BuildError,
            "would change",
        ),
    ],
)
def test_a_provider_that_does_wrong_is_refused(sample, lines, body, error, words):
    made = project(sample, lines, f"def dynamic_metadata(settings, project):\n    {body}\n")
    with pytest.raises(error, match=words):
        made.wheel()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            '[[tool.dynamic-metadata]]\nprovider = "nothing.of.this.name"\n',
            "nothing installed has the provider",
        ),
        ('[[tool.dynamic-metadata]]\nprovider = {path = "nowhere", module = "x"}\n', "is not there"),
        ('[[tool.dynamic-metadata]]\nprovider = {path = "meta", module = "missing"}\n', "is not in meta"),
    ],
)
def test_a_provider_that_cannot_be_found_is_refused(sample, entry, words):
    with pytest.raises(PkmError, match=words):
        project(sample, 'version = "1"\ndynamic = ["keywords"]\n', "", entry).wheel()


def test_wrong_entries_are_faults_with_their_place(sample):
    made = project(sample, 'version = "1"\n', "", '[[tool.dynamic-metadata]]\nprovider = {pth = "meta"}\n')
    with pytest.raises(InvalidFile, match=r"provider\.pth"):
        made.wheel()


def test_tables_grow_by_what_a_provider_adds(sample):
    made = project(
        sample,
        'version = "1"\ndynamic = ["urls", "optional-dependencies"]\nurls = {A = "https://a.example"}\n'
        'optional-dependencies = {x = ["a"]}\n',
        "def dynamic_metadata(settings, project):\n"
        "    return {'urls': {'B': 'https://b.example'}, 'optional-dependencies': {'x': ['b'], 'y': ['c']}}\n",
    )
    found = metadata(made)
    assert found.get_all("Project-URL") == ["A, https://a.example", "B, https://b.example"]
    assert found.get_all("Requires-Dist") == ['a; extra == "x"', 'b; extra == "x"', 'c; extra == "y"']


def test_a_provider_that_cannot_be_loaded_yet_is_asked_for_requirements_later(sample):
    made = project(sample, 'version = "1"\ndynamic = ["keywords"]\n', "import not_there_yet\n")
    assert builder.build_requires(str(made.root), "wheel", None, {}) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def dynamic_metadata(s, p): raise LookupError('gone')", "LookupError: gone"),
        ("def dynamic_metadata(s, p): return ['keywords']", "which is no dict"),
        ("def dynamic_metadata(s, p): return {'version': '2'}", "which is not dynamic"),
        ("1 / 0", "can't be loaded: ZeroDivisionError"),
        ("def dynamic_metadata(s, p): raise SystemExit(0)", "SystemExit: 0"),
        ("def build_state(state): raise OSError('no')\ndef dynamic_metadata(s, p): return {}", "OSError: no"),
    ],
)
def test_what_fails_names_the_line_of_its_entry(sample, body, words):
    made = project(sample, 'version = "1"\ndynamic = ["keywords"]\n', body + "\n")
    place = r"^pyproject\.toml:\d+: tool\.dynamic-metadata\[0\] \([\w:]+\): "
    with pytest.raises(BuildError, match=place) as caught:
        made.wheel()
    assert words in str(caught.value)
    line = int(str(caught.value).split(":")[1])
    text = (made.root / "pyproject.toml").read_text().split("\n")
    assert text[line - 1].startswith("[[tool.dynamic-metadata]]")


def test_a_provider_whose_requirements_fail_is_told(sample):
    made = project(
        sample, 'version = "1"\ndynamic = ["keywords"]\n', "def get_requires_for_dynamic_metadata(s): 1 / 0\n"
    )
    with pytest.raises(HookFailed, match=r"tool\.dynamic-metadata\[0\] .*ZeroDivisionError"):
        builder.build_requires(str(made.root), "wheel", None, {})


def test_answers_of_a_wrong_kind_are_told(sample):
    wrong = "def get_requires_for_dynamic_metadata(s): return 5\ndef dynamic_wheel(s): return 5\n"
    made = project(
        sample,
        'version = "1"\ndynamic = ["keywords"]\n',
        f"{wrong}def dynamic_metadata(s, p): return {{'keywords': []}}\n",
    )
    for act in (made.sdist, lambda: builder.build_requires(str(made.root), "wheel", None, {})):
        with pytest.raises(HookFailed, match=r"tool\.dynamic-metadata\[0\] .*TypeError"):
            act()


def test_a_provider_that_is_not_in_the_tree_is_a_fault_of_every_hook(sample):
    entry = '[[tool.dynamic-metadata]]\nprovider = {path = "nowhere", module = "x"}\n'
    made = project(sample, 'version = "1"\ndynamic = ["keywords"]\n', "", entry)
    with pytest.raises(InvalidFile, match=r'provider\.path: the folder "nowhere" is not there'):
        builder.build_requires(str(made.root), "wheel", None, {})
    with pytest.raises(InvalidFile, match=r"provider\.path"):
        made.wheel()


DISTRIBUTION = "Metadata-Version: 2.1\nName: given\nVersion: 1\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("class Provider:\n    def dynamic_metadata(self, s, p): return {'keywords': ['k']}\n", ""),
        ("1 / 0\n", "can't be loaded"),
    ],
)
def test_an_installed_provider_is_found_by_its_name(sample, tmp_path, monkeypatch, body, words):
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    info = tmp_path / "site" / "given-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(DISTRIBUTION)
    module = f"given_{'bad' if words else 'good'}"
    (info / "entry_points.txt").write_text(f"[dynamic_metadata.provider]\ngiven.words = {module}:Provider\n")
    (tmp_path / "site" / f"{module}.py").write_text(body)
    entry = '[[tool.dynamic-metadata]]\nprovider = "given.words"\n'
    made = project(sample, 'version = "1"\ndynamic = ["keywords"]\n', "", entry)
    if words:
        with pytest.raises(HookFailed, match=words):
            made.wheel()
    else:
        assert metadata(made)["Keywords"] == "k"
