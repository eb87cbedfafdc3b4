"""Files that cannot be read as TOML, and how the hooks say what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pkm_build import source
from pkm_build.errors import BuildError, Fault, InvalidFile, PkmError, show_key

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"\xef\xbb\xbf[project]\n",
            "pyproject.toml:1:1: begins with a byte order mark; save it as UTF-8 without one",
        ),
        (
            "[project]".encode("utf-16"),
            "pyproject.toml:1:1: is encoded in UTF-16; save it as UTF-8 without a byte order mark",
        ),
        (b"[project]\nname = '\xfc'\n", "pyproject.toml:2:9: is not in UTF-8; save it as UTF-8"),
    ],
)
def test_a_wrong_encoding_is_named_with_its_place(tmp_path, raw, expected):
    (tmp_path / "pyproject.toml").write_bytes(raw)
    with pytest.raises(InvalidFile) as caught:
        source.load(str(tmp_path))
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = \n", "1:5"),
        ("[project]\nname = 'x'\nname = 'y'\n", "3"),
        ("x = [1\n", "2"),
        ("[a\n", "1"),
        ("é = 1\n", "1:1"),
    ],
)
def test_invalid_toml_is_named_with_its_place(tmp_path, text, place):
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidFile, match=rf"^pyproject\.toml:{place}.*invalid TOML: "):
        source.load(str(tmp_path))


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(BuildError, match=r"there is no pyproject\.toml"):
        source.load(str(tmp_path))


def test_line_ends_of_windows_are_read(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b'[project]\r\nname = "a"\r\nversion = "1"\r\nzz = 1\r\n')
    found = source.load(str(tmp_path))
    with pytest.raises(InvalidFile, match=r"^pyproject\.toml:4:1: project\.zz"):
        source.check(found)


def test_an_unpacked_sdist_may_have_keys_that_are_not_known_yet(sample, capsys):
    made = sample({"spam.py": ""}, "[tool.pkm.build]\nfuture = 1\n")
    with pytest.raises(InvalidFile, match="future"):
        made.wheel()
    made.write({"PKG-INFO": "Metadata-Version: 2.2\nName: spam\nVersion: 1.0\n"})
    assert made.wheel().code() == ["spam.py"]
    assert "warning: tool.pkm.build.future: unknown key" in capsys.readouterr().err


def test_a_project_without_project_table_is_no_wheel(sample):
    with pytest.raises(BuildError, match=r"no \[project\] table"):
        sample({"spam.py": ""}, head="[build-system]\nrequires = []\n").wheel()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("project", "dependencies", 2), "project.dependencies[2]"),
        (("a b", "c"), '"a b".c'),
        (("", 0), '""[0]'),
        (('q"',), '"q\\""'),
        ((), ""),
    ],
)
def test_keys_are_shown_as_one_would_write_them(key, expected):
    assert show_key(key) == expected


def test_errors_carry_their_hint_and_exit_code():
    error = PkmError("no", "try yes")
    assert (str(error), error.hint, error.exit_code) == ("no", "try yes", 1)
    assert repr(Fault(("a",), "b")) == "Fault(('a',), 'b', '')"


def call_hook(root, hook, *arguments):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pkm_build\n"
    code += f"print(pkm_build.{hook}(*sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_hook_prints_faults_in_lines_and_no_traceback(sample):
    made = sample({"spam.py": ""}, 'dependancies = []\nlicense = "MITT"\n')
    done = call_hook(made.root, "build_wheel", made.out)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'pkm_build: pyproject.toml:8:1: project.dependancies: unknown key; did you mean "dependencies"?',
        'pkm_build: pyproject.toml:9:1: project.license: "MITT" is no SPDX licence expression; did you mean "MIT"?',
    ]


def test_a_hook_prints_the_hint_of_an_error(sample):
    done = call_hook(sample({"one.py": "", "two.py": ""}).root, "build_wheel", "out")
    assert done.returncode == 1
    assert [line[:12] for line in done.stderr.splitlines()] == ["pkm_build: s", "pkm_build: h"]


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_a_plain_project_requires_nothing_more(sample, kind):
    assert call_hook(sample({"spam.py": ""}).root, f"get_requires_for_build_{kind}").stdout == "[]\n"


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_metadata_can_be_prepared_by_the_hooks(sample, tmp_path, kind):
    made = sample({"spam.py": ""})
    done = call_hook(made.root, f"prepare_metadata_for_build_{kind}", tmp_path / "meta")
    assert done.stdout == "spam-1.0.dist-info\n"
    assert sorted(os.listdir(tmp_path / "meta" / "spam-1.0.dist-info")) == ["METADATA", "WHEEL"]


ALLOWED = {
    "pkm_build", "archives", "builder", "errors", "files", "globs", "grammar", "ignores", "layout", "metadata",
    "people",
    "project", "quick_toml", "scripts", "sdists", "selection", "settings", "source", "tables", "tags", "work",
}  # fmt: skip
NEVER = {
    "typing",
    "pathlib",
    "dataclasses",
    "email",
    "zipfile",
    "tarfile",
    "fnmatch",
    "packaging",
    "logging",
    "subprocess",
    "ast",
}


@pytest.mark.parametrize("hook", ["build_wheel", "build_sdist", "prepare_metadata_for_build_wheel"])
def test_a_static_project_loads_no_more_than_it_needs(sample, hook):
    """STYLE: the static path is held by the exact modules that it loads."""
    made = sample(
        {
            "src/spam/__init__.py": "def main(): ...\n",
            "README.md": "# x",
            "LICENSE": "x",
            ".gitignore": "*.pyc\n",
        },
        'readme = "README.md"\nlicense = "MIT"\nrequires-python = ">=3.10"\n'
        'authors = [{name = "A", email = "a@b.example"}]\n'
        'dependencies = ["packaging>=24", "tomli>=2; python_version < \'3.11\'"]\n'
        '[project.scripts]\nrun = "spam:main"\n',
    )
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pkm_build; before = set(sys.modules)\n"
        f"pkm_build.{hook}(sys.argv[1]); print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(made.out)],
        cwd=made.root,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    ours = {name.rpartition(".")[2] for name in loaded if name.startswith("pkm_build")}
    assert ours <= ALLOWED
    others = {name for name in loaded if not name.startswith("pkm_build")}
    assert others <= {"zlib", "binascii", "_sha2", "_sha256", "time"}, others
    assert not {name.partition(".")[0] for name in others} & NEVER


def test_what_the_system_refuses_is_said_without_a_traceback(sample):
    made = sample({"spam.py": ""})
    done = call_hook(made.root, "build_wheel", made.root / "spam.py")
    assert done.returncode == 1
    assert done.stderr.startswith("pkm_build: ")
    assert "Traceback" not in done.stderr


def test_deep_nesting_is_no_crash(tmp_path):
    (tmp_path / "pyproject.toml").write_text(f"x = {'[' * 100_000}{']' * 100_000}\n")
    with pytest.raises(InvalidFile, match="nested too deeply"):
        source.load(str(tmp_path))


def test_the_marks_of_a_conflict_are_named(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\n<<<<<<< HEAD\nname = "a"\n=======\nname = "b"\n>>>>>>> other\n')
    with pytest.raises(
        InvalidFile, match=r"pyproject\.toml:2:1: invalid TOML: .*; git left both sides of a conflict"
    ):
        source.load(str(tmp_path))
