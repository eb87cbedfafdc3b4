"""The project's own build hook."""

from __future__ import annotations

import pytest

from pkm_build import builder
from pkm_build.errors import BuildError, HookFailed, InvalidFile

EXTRA = '[tool.pkm.build]\nhook = "pkm_hook.py"\n[tool.pkm.properties]\nspeed = "fast"\n'


def project(sample, hook, extra=EXTRA):
    return sample({"src/spam/__init__.py": "", "pkm_hook.py": hook}, extra)


GENERATE = """
import os
def build(context):
    text = f"{context.kind} {context.version} {context.properties['speed']} {os.path.isdir(context.work)}"
    context.add("spam/generated.txt", text.encode())
    with open(os.path.join(context.work, "tree.txt"), "w") as stream:
        stream.write("x")
    context.add_tree(context.work, "spam/tree")
    context.add("spam-1.0.data/scripts/go", "pyproject.toml", executable=True)
"""


def test_a_hook_adds_generated_files(sample):
    made = project(sample, GENERATE)
    before = sorted(made.root.rglob("*"))
    wheel = made.wheel()
    assert wheel.files["spam/generated.txt"] == b"wheel 1.0 fast True"
    assert {"spam/tree/tree.txt", "spam-1.0.data/scripts/go"} <= set(wheel.files)
    assert sorted(made.root.rglob("*")) == before


def test_in_an_editable_build_they_are_written_beside_the_sources(sample):
    made = project(sample, GENERATE)
    wheel = made.editable()
    assert (made.root / "src/spam/generated.txt").read_text() == "editable 1.0 fast True"
    assert "spam-1.0.data/scripts/go" in wheel.files
    assert "spam/generated.txt" not in wheel.files


def test_what_a_hook_adds_to_the_metadata_is_in_no_tree(sample):
    made = project(sample, "def build(context): context.add('spam-1.0.dist-info/extra.json', b'{}')\n")
    before = sorted(made.root.rglob("*"))
    assert made.editable().info("extra.json") == made.wheel().info("extra.json") == "{}"
    assert sorted(made.root.rglob("*")) == before


@pytest.mark.parametrize("kind", ["wheel", "editable"])
@pytest.mark.parametrize("name", ["METADATA", "WHEEL", "RECORD"])
def test_a_hook_adds_nothing_that_the_backend_writes(sample, kind, name):
    made = project(sample, f"def build(context): context.add('spam-1.0.dist-info/{name}', b'')\n")
    with pytest.raises(BuildError, match=rf"build\.hook: the hook adds spam-1\.0\.dist-info/{name}, which"):
        made.build(kind)
    assert list(made.out.iterdir()) == []


WRONG = {
    "a path from anywhere": ("context.add('/etc/x', b'')", "no path inside the archive"),
    "a path that leaves": ("context.add('../x', b'')", "no path inside the archive"),
    "a path that is a folder's": ("context.add('spam/x/', b'')", "no path inside the archive"),
    "a path with nothing between": ("context.add('spam//x', b'')", "no path inside the archive"),
    "a folder": ("context.add('spam/x', 'src')", "not there, or no file"),
    "nothing": ("context.add('spam/x', None)", "no path and no content"),
    "no tag": ("context.tags.append('py3')", "the tag 'py3'"),
    "a number for a tag": ("context.tags.append(3)", "the tag 3"),
}


@pytest.mark.parametrize("kind", ["wheel", "editable"])
@pytest.mark.parametrize(("line", "words"), WRONG.values(), ids=WRONG)
def test_what_a_hook_does_wrong_is_told_with_its_place(sample, kind, line, words):
    with pytest.raises(BuildError, match=rf"^pyproject\.toml:9: tool\.pkm\.build\.hook: .*{words}"):
        project(sample, f"def build(context): {line}\n").build(kind)


@pytest.mark.parametrize("path", ["spam/tree", "spam/tree/"])
def test_a_folder_is_added_with_or_without_its_slash(sample, path):
    lines = f"def build(context): context.add_tree('data', '{path}')\n"
    made = project(sample, lines).write({"data/a/b.txt": "b"})
    assert made.wheel().files["spam/tree/a/b.txt"] == b"b"


def test_a_hook_may_add_paths_and_buffers(sample):
    lines = (
        "from pathlib import Path\ndef build(context):\n    context.add('spam/a', Path('pyproject.toml'))\n"
    )
    wheel = project(sample, lines + "    context.add('spam/b', bytearray(b'2'))\n").wheel()
    assert (wheel.files["spam/a"][:7], wheel.files["spam/b"]) == (b"[build-", b"2")


def test_a_hook_that_ends_the_process_is_an_error(sample):
    with pytest.raises(HookFailed, match=r"pkm_hook\.py:2: SystemExit: 0"):
        project(sample, "import sys\ndef build(context): sys.exit(0)\n").wheel()
    with pytest.raises(HookFailed, match=r"pkm_hook\.py:1: SystemExit: 0"):
        project(sample, "raise SystemExit(0)\n").wheel()


def test_the_wheel_of_the_sdist_runs_the_hook_again(sample, unpack):
    made = project(sample, GENERATE)
    assert unpack(made.sdist()).wheel().raw == made.wheel().raw


def test_a_hook_can_add_to_the_sdist(sample):
    hook = "def sdist(context):\n    context.add('notes/table.txt', b'made')\n"
    assert project(sample, hook).sdist().files["notes/table.txt"] == b"made"


def test_what_a_hook_adds_to_the_sdist_alone_may_not_change_its_wheel(sample):
    hook = "def sdist(context):\n    context.add('src/spam/table.txt', b'made')\n"
    with pytest.raises(BuildError, match=r"would have spam/table\.txt, unlike") as caught:
        project(sample, hook).sdist()
    assert "build() must add" in caught.value.hint


def test_what_a_hook_adds_to_both_is_in_the_wheel_of_the_sdist_too(sample, unpack):
    hook = (
        "def sdist(context):\n    context.add('src/spam/table.txt', b'made')\n"
        "def build(context):\n    context.add('spam/table.txt', b'made')\n"
    )
    made = project(sample, hook)
    assert unpack(made.sdist()).wheel().raw == made.wheel().raw


def test_a_hook_that_adds_a_package_to_the_sdist_alone_is_refused(sample):
    hook = "def sdist(context):\n    context.add('src/other/__init__.py', b'')\n"
    with pytest.raises(BuildError, match=r"would have other/__init__\.py, unlike"):
        project(sample, hook).sdist()


def test_an_sdist_that_is_compared_with_the_hooks_wheel_needs_what_that_needs(sample):
    hook = "def requires(kind):\n    return [kind]\ndef sdist(c): ...\n"
    made = project(sample, hook)
    assert builder.build_requires(str(made.root), "sdist", None, {}) == ["sdist"]
    made = project(sample, hook + "def build(c): ...\n")
    assert builder.build_requires(str(made.root), "sdist", None, {}) == ["sdist", "wheel"]


def test_a_hook_names_its_requirements(sample):
    hook = "def requires(kind):\n    return ['cmake'] if kind == 'wheel' else []\n"
    made = project(sample, hook)
    assert builder.build_requires(str(made.root), "wheel", None, {}) == ["cmake"]
    assert builder.build_requires(str(made.root), "sdist", None, {}) == []


def test_a_hook_says_its_tags(sample):
    made = project(sample, "def build(context):\n    context.tags = ['py3-none-win_amd64']\n")
    assert made.wheel().name == "spam-1.0-py3-none-win_amd64.whl"


@pytest.mark.parametrize(
    ("hook", "error", "words"),
    [
        ("def build(context):\n    1 / 0\n", HookFailed, r"pkm_hook\.py:2: ZeroDivisionError"),
        ("import nothing_of_this_name\n", HookFailed, r"pkm_hook\.py:1: ModuleNotFoundError"),
        ("def build(context):\n    context.run('false')\n", HookFailed, "false ended with exit code 1"),
        ("def build(context):\n    context.run('no-such-program')\n", HookFailed, "can't be run"),
        ("def build(context):\n    context.add('../x', b'')\n", BuildError, "inside the archive"),
        ("def build(context):\n    context.add('/x', b'')\n", BuildError, "inside the archive"),
        ("def build(context):\n    context.add('x', 'nowhere')\n", BuildError, "not there"),
    ],
)
def test_a_hook_that_fails_is_shown_with_its_line(sample, hook, error, words):
    made = project(sample, hook)
    with pytest.raises(error, match=words) as caught:
        made.wheel()
    assert str(caught.value).startswith("pyproject.toml:9: tool.pkm.build.hook: ")
    assert not made.out.exists() or list(made.out.iterdir()) == []


def test_wrong_requirements_of_a_hook_are_refused(sample):
    made = project(sample, "def requires(kind):\n    return ['a b']\n")
    with pytest.raises(HookFailed, match="a b"):
        builder.build_requires(str(made.root), "wheel", None, {})


@pytest.mark.parametrize(
    "hook", ["def requires(kind):\n    1 / 0\n", "def requires(kind):\n    return [1]\n"]
)
def test_requirements_of_a_hook_that_fail_are_told_with_their_place(sample, hook):
    made = project(sample, hook)
    with pytest.raises(HookFailed, match=r"^pyproject\.toml:9: tool\.pkm\.build\.hook: pkm_hook\.py"):
        builder.build_requires(str(made.root), "wheel", None, {})


def test_a_missing_hook_is_refused(sample):
    made = project(sample, "")
    (made.root / "pkm_hook.py").unlink()
    with pytest.raises(InvalidFile, match=r'tool\.pkm\.build\.hook: "pkm_hook\.py" is not there'):
        made.wheel()


PROFILES = """
[tool.pkm.build]
hook = "pkm_hook.py"
include = ["notes-{speed}.txt"]
[tool.pkm.properties]
speed = "slow"
[tool.pkm.profiles.release.properties]
speed = "fast"
[tool.pkm.profiles.release.build]
exclude = ["**/debug.py"]
"""


@pytest.fixture
def profiled(sample):
    hook = "def build(c):\n    c.add('spam/profile', f'{c.profile}:{c.properties[\"speed\"]}'.encode())\n"
    files = {
        "src/spam/__init__.py": "",
        "src/spam/debug.py": "",
        "notes-slow.txt": "",
        "notes-fast.txt": "",
        "pkm_hook.py": hook,
    }
    return sample(files, PROFILES)


def test_without_a_profile_the_plain_settings_hold(profiled):
    wheel = profiled.wheel()
    assert {"spam/debug.py", "notes-slow.txt"} <= set(wheel.files)
    assert wheel.files["spam/profile"] == b":slow"


@pytest.mark.parametrize(
    ("settings", "environ"), [({"profile": "release"}, {}), (None, {"PKM_PROFILE": "release"})]
)
def test_a_profile_is_laid_over_properties_and_build(profiled, settings, environ):
    wheel = profiled.wheel(settings, **environ)
    assert "notes-fast.txt" in wheel.files
    assert not {"spam/debug.py", "notes-slow.txt"} & set(wheel.files)
    assert wheel.files["spam/profile"] == b"release:fast"


def test_an_unknown_profile_is_an_error_with_the_known_ones(profiled):
    with pytest.raises(BuildError.__mro__[1], match='there is no profile "relase"; did you mean "release"'):
        profiled.wheel({"profile": "relase"})
