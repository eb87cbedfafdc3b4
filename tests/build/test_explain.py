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
"""
FILES = {
    "src/spam/__init__.py": "",
    "src/spam/gen/a.txt": "",
    "src/spam/tests/t.py": "",
    "src/spam/x.tmp": "",
    "src/spam/.DS_Store": "",
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
