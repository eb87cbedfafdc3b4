"""Editable wheels: what becomes importable, what stays in the tree, what is renewed."""

from __future__ import annotations

import os

import pytest

from pkm_build import editable
from pkm_build.errors import BuildError
from tests.build.test_layout import FOUND

FLAT = {"spam/__init__.py": "x = 1\n", "tests/__init__.py": "", "setup.py": "", "docs/conf.py": ""}


def folders_of(made, wheel):
    (name,) = [name for name in wheel.files if name.endswith(".pth")]
    return [
        os.path.relpath(line, made.root).replace(os.sep, "/")
        for line in wheel.files[name].decode().splitlines()
    ]


def tree(root):
    return sorted(
        str(p.relative_to(root)).replace(os.sep, "/")
        for p in root.rglob("*")
        if not p.is_dir() or p.is_symlink()
    )


@pytest.mark.parametrize(("name", "files", "expected"), FOUND.values(), ids=FOUND)
def test_every_layout_shows_the_code_of_its_wheel_and_no_more(sample, name, files, expected):
    made = sample(dict.fromkeys(files, ""), name=name)
    before = tree(made.root)
    folders = [made.root / folder for folder in folders_of(made, made.editable())]
    assert all(any((folder / path).is_file() for folder in folders) for path in expected)
    shown = {entry.name for folder in folders for entry in folder.iterdir()}
    assert shown == {path.partition("/")[0] for path in expected}
    assert [path for path in tree(made.root) if not path.startswith(".pkm/")] == before


def test_a_src_layout_needs_one_line_and_leaves_nothing(sample):
    made = sample({"src/spam/__init__.py": ""})
    before = tree(made.root)
    assert folders_of(made, made.editable()) == ["src"]
    assert tree(made.root) == before


def test_a_flat_layout_exposes_its_package_alone(sample):
    made = sample(FLAT)
    assert folders_of(made, made.editable()) == [".pkm/editable"]
    farm = made.root / ".pkm/editable"
    assert os.listdir(farm) == ["spam"]
    assert (farm / "spam").resolve() == (made.root / "spam").resolve()
    assert (made.root / ".pkm/.gitignore").read_text() == "*\n"


def test_a_new_module_appears_at_once(sample):
    made = sample(FLAT)
    made.editable()
    made.write({"spam/new.py": "y = 2\n"})
    assert (made.root / ".pkm/editable/spam/new.py").read_text() == "y = 2\n"


def test_a_single_module_is_linked(sample):
    made = sample({"spam.py": "x = 1\n", "other.py": ""})
    made.editable()
    assert os.listdir(made.root / ".pkm/editable") == ["spam.py"]


def test_a_namespace_links_its_package(sample):
    made = sample({"ns/spam/__init__.py": ""}, '[tool.pkm.build]\npackages = ["ns/spam"]\n', name="ns-spam")
    made.editable()
    farm = made.root / ".pkm/editable"
    assert (farm / "ns").is_dir()
    assert not (farm / "ns").is_symlink()
    assert (farm / "ns/spam").is_symlink()


def test_links_that_are_not_wanted_any_more_go(sample):
    made = sample({**FLAT, "eggs/__init__.py": ""}, '[tool.pkm.build]\npackages = ["spam", "eggs"]\n')
    made.editable()
    (made.root / "pyproject.toml").write_text(
        (made.root / "pyproject.toml").read_text().replace(', "eggs"', "")
    )
    made.editable()
    assert os.listdir(made.root / ".pkm/editable") == ["spam"]
    assert (made.root / "eggs/__init__.py").exists()


def test_a_moved_project_gets_its_links_anew(sample, tmp_path):
    made = sample(FLAT)
    made.editable()
    moved = tmp_path / "moved"
    made.root.rename(moved)
    made.root = moved
    made.editable()
    assert (moved / ".pkm/editable/spam/__init__.py").read_text() == "x = 1\n"


def test_a_src_folder_with_other_code_in_it_exposes_the_packages_alone(sample):
    made = sample(
        {"src/spam/__init__.py": "", "src/other/__init__.py": ""},
        '[tool.pkm.build]\npackages = ["src/spam"]\n',
    )
    assert folders_of(made, made.editable()) == [".pkm/editable"]
    assert os.listdir(made.root / ".pkm/editable") == ["spam"]


def test_a_namespace_in_src_needs_one_line(sample):
    made = sample({"src/ns/spam/__init__.py": ""}, '[tool.pkm.build]\npackages = ["src/ns/spam"]\n')
    assert folders_of(made, made.editable()) == ["src"]


def test_a_renamed_package_needs_the_farm(sample):
    made = sample({"python/spam/__init__.py": ""})
    assert folders_of(made, made.editable()) == ["python"]
    with pytest.raises(BuildError, match="names in the wheel"):
        editable.mode_for([("x/spam_impl", "spam")], "pth", list)
    assert editable.mode_for([("x/spam_impl", "spam")], "auto", list) == "farm"


@pytest.mark.parametrize(
    ("settings", "expected"), [({"editable": "pth"}, "."), ({"--editable": "farm"}, ".pkm/editable")]
)
def test_the_mode_can_be_chosen_on_the_command_line(sample, settings, expected):
    made = sample(FLAT)
    assert folders_of(made, made.editable(settings)) == [expected]


def test_the_mode_can_be_chosen_in_pyproject(sample):
    made = sample({"src/spam/__init__.py": ""}, '[tool.pkm.build]\neditable = "farm"\n')
    assert folders_of(made, made.editable()) == [".pkm/editable"]


def test_the_metadata_is_that_of_the_wheel(sample):
    made = sample(FLAT, '[project.scripts]\nrun = "spam:x"\n')
    wheel, linked = made.wheel(), made.editable()
    for file in ("METADATA", "entry_points.txt"):
        assert wheel.info(file) == linked.info(file)


def test_data_schemes_are_in_an_editable_wheel_too(sample):
    made = sample({**FLAT, "bin/go": "#!python\n"}, '[tool.pkm.build.data]\nscripts = ["bin/go"]\n')
    assert "spam-1.0.data/scripts/go" in made.editable().files


def test_the_farm_never_ships(sample):
    made = sample(FLAT)
    before = made.sdist().raw, made.wheel().raw
    made.editable()
    assert (made.sdist().raw, made.wheel().raw) == before


def test_on_windows_the_folder_of_a_module_stands_in_the_pth(tmp_path):
    (tmp_path / "spam.py").write_text("")
    warn: list[str] = []
    folders = editable.make_farm(str(tmp_path), [("spam.py", "spam.py")], "win32", warn)
    assert folders == [editable.FARM, ""]
    assert "importable" in warn[0]


def test_a_folder_that_a_pth_file_would_run_is_refused():
    with pytest.raises(BuildError, match="pth"):
        editable.pth_text("import os; os.x", [""])


def test_roots_below_others_are_not_linked_twice():
    assert editable.merged([("spam", "spam"), ("spam/sub", "spam/sub"), ("x/other", "spam/other")]) == [
        ("spam", "spam"),
        ("x/other", "spam/other"),
    ]


def test_mapped_packages_are_linked_and_mapped_files_in_a_package_are_told(sample, capsys):
    files = {"src/spam/__init__.py": "", "vendored/eggs/__init__.py": "", "web/a.css": ""}
    made = sample(files, '[tool.pkm.build.map]\n"vendored/eggs" = "eggs"\n"web" = "spam/web"\n')
    assert folders_of(made, made.editable()) == [".pkm/editable"]
    assert sorted(os.listdir(made.root / ".pkm/editable")) == ["eggs", "spam"]
    assert 'spam/web (from map "web") is not in an editable install' in capsys.readouterr().err
