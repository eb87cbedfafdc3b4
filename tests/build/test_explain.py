"""Why a file is in or not, with the rule and its line."""

from __future__ import annotations

import pytest

from pkm_build import builder

EXTRA = """\
license-files = ["LICENSE"]
readme = "README.md"

[tool.pkm.build]
packages = ["src/spam"]
include = ["src/spam/gen/*.txt"]
exclude = ["**/tests"]

[tool.pkm.build.map]
"web" = "spam/web"

[tool.pkm.build.data]
scripts = ["bin/go"]

[tool.pkm.build.sdist]
exclude = ["docs"]
include = ["notes.log"]

[[tool.pkm.build.extension]]
name = "spam._x"
sources = ["src/x.c"]
"""
FILES = {
    "src/spam/__init__.py": "",
    "src/spam/gen/a.txt": "",
    "src/spam/tests/t.py": "",
    "src/spam/x.tmp": "",
    "src/spam/.DS_Store": "",
    "src/spam/_x.abi3.so": "",
    "src/spam/server.pem": "-----BEGIN PRIVATE KEY-----",
    "src/x.c": "",
    "web/index.html": "",
    "bin/go": "",
    "docs/a.md": "",
    "notes.log": "",
    "LICENSE": "",
    "README.md": "",
    "setup.cfg": "",
    "dist/old.whl": "",
    ".gitignore": "*.tmp\ngen/\n*.log\n",
}
CASES = {
    "src/spam/__init__.py": [
        'in the wheel as spam/__init__.py: packages "src/spam" (pyproject.toml:12)',
        "in the sdist: a file",
    ],
    "src/spam/gen/a.txt": [
        'include "src/spam/gen/*.txt" (pyproject.toml:13)',
        "in the sdist: the wheel needs it",
    ],
    "src/spam/tests/t.py": [
        'not in the wheel: exclude "**/tests" (pyproject.toml:14)',
        "in the sdist: a file",
    ],
    "src/spam/x.tmp": ["not in the wheel: .gitignore:1 ignores", "not in the sdist: .gitignore:1"],
    "src/spam/.DS_Store": ["never ships", "never ships"],
    "web/index.html": ['in the wheel as spam/web/index.html: map "web" (pyproject.toml:17)', "in the sdist"],
    "bin/go": ['spam-1.0.data/scripts/go: data "bin/go" (pyproject.toml:19)', "in the sdist"],
    "docs/a.md": [
        "not in the wheel: outside of src/spam",
        "not in the sdist: sdist.exclude (pyproject.toml:23)",
    ],
    "notes.log": ["not in the wheel", "in the sdist: sdist.include (pyproject.toml:24)"],
    "LICENSE": ["licenses/LICENSE: license-files (pyproject.toml:8)", "in the sdist"],
    "README.md": ["the description in METADATA: readme (pyproject.toml:9)", "in the sdist"],
    "setup.cfg": ["outside of src/spam", "in the sdist"],
    "dist/old.whl": ["outside of src/spam", "build products"],
    "src/spam/_x.abi3.so": ["not in the wheel: an extension is compiled anew", "not in the sdist"],
    "src/spam/server.pem": ["not in the wheel: it holds a private key", "not in the sdist: it holds"],
    "src/x.c": ["outside of src/spam", "in the sdist: a file"],
    "nowhere": ["there is no file"],
    "src": ["is a folder"],
}


@pytest.mark.parametrize(("path", "expected"), CASES.items(), ids=CASES)
def test_the_rule_and_its_line_are_named(sample, path, expected):
    made = sample(FILES, EXTRA)
    made.git("init", "-q")
    found = builder.explain(str(made.root), path)
    assert len(found) == len(expected)
    for words, sentence in zip(expected, found, strict=True):
        assert words in sentence, found


def test_code_found_without_configuration_is_called_so(sample):
    made = sample({"spam.py": ""})
    assert builder.explain(str(made.root), "spam.py")[0] == (
        "in the wheel as spam.py: spam.py was found as the code of the project"
    )


def test_licence_files_of_usual_names_are_called_so(sample):
    made = sample({"spam.py": "", "COPYING": "x"})
    assert builder.explain(str(made.root), "COPYING")[0] == (
        "in the wheel as .dist-info/licenses/COPYING: a usual name of licence files (license-files is not given)"
    )


def test_a_rule_of_a_profile_has_its_line(sample):
    extra = "[tool.pkm.profiles.p.build]\nexclude = ['**/b.py']\n"
    made = sample({"spam/__init__.py": "", "spam/b.py": ""}, extra)
    found = builder.explain(str(made.root), "spam/b.py", {"PKM_PROFILE": "p"})
    assert found[0] == 'not in the wheel: exclude "**/b.py" (pyproject.toml:9)'
