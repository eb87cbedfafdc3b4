"""What one asks about environments after a lock or a sync, for people and with ``--json``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.projects import BUILT, ENVIRONMENTS, HEAD, Result, clean_environ, ok, write_project

TOML = (
    BUILT
    + """\
dependencies = [
    "spam>=1",
    "colour[nice]; sys_platform == 'win32'",
]

"""
    + ENVIRONMENTS
    + 'project = "wheel"\n'
)
FILES = {"src/shop/__init__.py": ""}


class Project:
    """A locked project, and what the command answers in it."""

    def __init__(self, root, pkm) -> None:
        self.root = root
        self.pkm = pkm

    def __call__(self, *words, code=0, **settings) -> Result:
        result = self.pkm(*words, cwd=self.root, **settings)
        assert result.code == code, result.stdout + result.stderr
        return result

    def says(self, *words, **settings):
        return self(*words, **settings).stdout

    def json(self, *words, **settings):
        return json.loads(self(*words, "--json", **settings).stdout)

    def ask_anew(self):
        """Forget what the index said."""
        self.pkm.environ["PKM_CACHE_DIR"] = str(self.pkm.home / "other-cache")


@pytest.fixture
def project(pkm, tmp_path, index):
    index.add_wheel("colour", "1.0", extras={"nice": ["paint"]})
    index.add_wheel("paint", "0.5")
    found = Project(write_project(tmp_path / "shop", TOML, FILES), pkm)
    found("lock")
    return found


@pytest.fixture
def newer(project, index):
    """The project, with later releases than those that are locked."""
    index.add_wheel("spam", "3.0", requires=["eggs>=2"])
    index.add_wheel("eggs", "3.0rc1")
    index.add_wheel("paint", "0.6", yanked="dries slowly")
    project.ask_anew()
    return project


# why


def test_why_tells_each_chain_with_the_place_of_the_requirement(project):
    assert project.says("env", "why", "eggs", "-e", "old") == (
        "eggs 1.0 in old\n"
        "  shop (pyproject.toml:18:9) -> ham -> ham 1.0 -> eggs\n"
        "  shop (pyproject.toml:10:5) -> spam>=1 -> spam 1.0 -> eggs\n"
    )


def test_why_of_what_is_asked_for_itself_names_the_requirement(project):
    assert (
        project.says("env", "why", "Spam") == "spam 2.0 in default\n  shop (pyproject.toml:10:5) -> spam>=1\n"
    )


def test_why_follows_extras(project):
    assert "-> colour 1.0 -> paint\n" in project.says("env", "why", "paint")


def test_why_names_the_file_of_a_member_as_seen_from_the_root(pkm, tmp_path):
    member = HEAD.replace("shop", "one") + 'dependencies = ["eggs"]\n'
    root = write_project(
        tmp_path / "all", '[tool.pkm.workspace]\nmembers = ["one"]\n', {"one/pyproject.toml": member}
    )
    group = Project(root / "one", pkm)
    group("lock")
    assert group.says("env", "why", "eggs").endswith("  one (one/pyproject.toml:5:17) -> eggs\n")


def test_why_speaks_json(project):
    assert project.json("env", "why", "eggs") == {
        "eggs 2.0": [
            {
                "who": "shop",
                "requirement": "spam>=1",
                "where": "pyproject.toml:10:5",
                "chain": ["spam 2.0", "eggs"],
            }
        ]
    }


def test_why_of_a_mistyped_name_gets_the_nearest(project):
    told = project("env", "why", "egs", code=1)
    assert told.stderr == 'error: egs is not in the environment "default"\nhint: did you mean "eggs"?\n'


def test_why_of_the_project_itself_tells_who_holds_it(project):
    assert project.says("env", "why", "Shop") == (
        'shop in default\n  the environment "default" -> the project itself\n'
    )
    (reason,) = project.json("env", "why", "shop")["shop"]
    assert (reason["requirement"], reason["chain"]) == ("the project itself", [])


def test_why_of_the_project_itself_tells_the_extras_that_are_asked_for_by_its_name(pkm, tmp_path):
    text = BUILT + 'optional-dependencies = { red = ["eggs"] }\n[dependency-groups]\ndev = ["shop[red]"]\n'
    asking = Project(write_project(tmp_path / "own", text, FILES), pkm)
    asking("lock")
    assert asking.says("env", "why", "shop").splitlines()[2:] == ["  shop (pyproject.toml:11:8) -> shop[red]"]


@pytest.fixture
def with_extras(pkm, tmp_path, index):
    """A project whose groups name its own extras, one by way of another, one by a package from the index."""
    index.add_wheel("plug", "1.0", requires=["shop[red]"])
    text = HEAD + 'optional-dependencies = { all = ["shop[red]"], red = ["ham"] }\n'
    text += (
        '[dependency-groups]\ndev = ["shop[all]"]\nplug = ["plug"]\n[tool.pkm.env.plug]\ngroups = ["plug"]\n'
    )
    found = Project(write_project(tmp_path / "extras", text + "[tool.pkm.env.bare]\n"), pkm)
    found("lock")
    return found


def test_what_an_extra_asks_for_that_a_group_names_of_the_project_is_there(with_extras):
    assert with_extras.says("env", "tree").splitlines()[0] == "ham 1.0"
    reason = "  shop (pyproject.toml:5:55) -> ham"
    assert with_extras.says("env", "why", "eggs").splitlines()[1] == f"{reason} -> ham 1.0 -> eggs"
    changed = with_extras.json("env", "diff", "bare", "default")
    whys = {one["name"]: one["why"] for one in changed}
    assert whys == {"eggs": "asked for by ham 1.0", "ham": "asked for by the environment itself"}
    told = json.loads(with_extras.says("env", "export", "default", "--format", "cyclonedx"))
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in told["dependencies"]}
    assert needs["root"] == ["ham@1.0"]


def test_what_an_extra_asks_for_that_a_package_names_of_the_project_is_there(with_extras):
    assert "ham 1.0" in with_extras.says("env", "tree", "plug").splitlines()
    told = with_extras.says("env", "why", "ham", "-e", "plug")
    assert told == "ham 1.0 in plug\n  shop (pyproject.toml:5:55) -> ham\n"


def test_questions_of_the_project_where_it_is_not_installed_say_so(pkm, tmp_path):
    plain = Project(write_project(tmp_path / "plain", HEAD + 'dependencies = ["eggs"]\n'), pkm)
    plain("lock")
    told = plain("env", "why", "shop", code=1)
    assert told.stderr == (
        'error: the environment "default" does not hold the project itself, only what it asks for\n'
        "hint: with a [build-system] it can be built, and is installed\n"
    )
    assert plain.json("env", "why-not", "shop")["possible"] == "none"
    built = Project(
        write_project(tmp_path / "plain", BUILT + "[tool.pkm.env.default]\nproject = false\n"), pkm
    )
    built("lock")
    told = built("env", "why", "shop", code=1)
    assert told.stderr.endswith('hint: project = "editable" in [tool.pkm.env.default] installs it\n')


def test_why_not_of_the_project_itself_asks_no_index(project, index):
    index.forget()
    project.ask_anew()
    assert project.says("env", "why-not", "shop") == "shop is the project itself, and is in default\n"
    assert not index.count("shop")
    assert project.json("env", "why-not", "shop==9")["possible"] == "none"


def test_a_question_before_the_first_lock_says_what_to_do(pkm, tmp_path):
    root = write_project(tmp_path / "fresh", TOML)
    result = pkm("env", "why", "spam", cwd=root)
    assert (result.code, result.stderr.splitlines()[-1]) == (1, "hint: pkm lock default")


# why-not


def test_why_not_tells_what_stands_in_the_way(project):
    told = project.json("env", "why-not", "eggs>=2", "-e", "old")
    assert (told["possible"], told["held"], len(told["failing"])) == ("none", ["1.0"], 30)
    assert "  3. ham 1.0 needs eggs<2" in "\n".join(told["lines"]).splitlines()


def test_why_not_tells_what_would_change(project):
    told = project.json("env", "why-not", "ham")
    assert told["requirement"] == "ham==1.0"
    assert told["changes"] == [
        {"name": "eggs", "before": "2.0", "after": "1.0"},
        {"name": "ham", "before": "", "after": "1.0"},
        {"name": "spam", "before": "2.0", "after": "1.0"},
    ]
    assert project.says("env", "why-not", "ham").startswith(
        "nothing asks for ham in default; with ham==1.0:\n"
    )


def test_why_not_offers_no_other_question(project):
    said = project.says("env", "why-not", "eggs>=2", "-e", "old")
    assert "  1. this question asks for eggs>=2\n" in said
    assert "instead of 1" not in said


def test_why_not_of_a_bare_name_is_about_its_newest_version(newer):
    assert newer.says("env", "why-not", "spam") == (
        "spam 2.0 is in default; with spam==3.0:\n"
        "it would be admitted, and this would change:\n"
        "  ~ spam 2.0 -> 3.0\n"
    )


def test_why_not_is_about_the_very_version_whatever_an_override_asks_for(pkm, tmp_path):
    """Here it is one version on Windows and another one elsewhere, and nothing is asked of what stays apart."""
    forced = """["==1.0 ; sys_platform == 'win32'", "==2.0 ; sys_platform != 'win32'"]"""
    text = HEAD + f'dependencies = ["spam"]\n[tool.pkm.overrides]\neggs = {forced}\n'
    forced = Project(write_project(tmp_path / "forced", text), pkm)
    forced("lock")
    told = forced.json("env", "why-not", "eggs==2.0")
    assert (told["possible"], told["changes"]) == ("some", [])
    assert {name.rpartition("-")[0][-7:] for name in told["failing"]} == {"windows"}
    assert "eggs==1.0 (by an override)" in "\n".join(told["lines"])


def test_why_not_obeys_the_cut_off_that_the_lock_keeps(pkm, tmp_path, index):
    index.add_wheel("pea", "1.0", upload_time="2026-01-01T00:00:00Z")
    index.add_wheel("pea", "2.0", upload_time="2026-01-10T00:00:00Z")
    text = HEAD + 'dependencies = ["pea"]\n[tool.pkm]\nexclude-newer = "2026-01-05"\n'
    cut = Project(write_project(tmp_path / "cut", text), pkm)
    cut("lock")
    assert "2. of pea only releases after the cut-off of 2026-01-05" in cut.says("env", "why-not", "pea==2.0")
    cut("lock", "--exclude-newer", "2026-01-20")
    assert "  ~ pea 1.0 -> 2.0" in cut.says("env", "why-not", "pea").splitlines()


def test_why_not_of_what_holds_says_so(newer):
    assert newer.says("env", "why-not", "spam<3") == "spam 2.0 is in default, as spam<3 asks\n"


def test_why_not_tells_where_a_package_is(project):
    first, second = project.says("env", "why-not", "paint").splitlines()
    assert first == "paint 0.5 (sys_platform == 'win32') is in default; with paint==0.5:"
    assert second == "it would be admitted, and no version would change"


def test_why_not_of_what_no_index_has_says_so(project):
    told = project.json("env", "why-not", "nonesuch")
    assert told["possible"] == "none"
    assert told["lines"][0].startswith("nonesuch: no index has it")


def test_why_not_of_what_is_no_requirement_is_a_usage_error(project):
    told = project("env", "why-not", "spam>", code=2)
    assert told.stderr.startswith('error: "spam>" is no requirement: ')


def test_why_not_tells_targets_that_are_left_out_anyway(pkm, tmp_path, index):
    index.add_wheel("native", "1.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    root = write_project(tmp_path / "some", TOML.replace('"spam>=1"', '"native"'), FILES)
    pkm("lock", "default", cwd=root)
    told = Project(root, pkm).json("env", "why-not", "spam")
    assert told["possible"] == "all"
    assert any(line.startswith("left out with or without it: ") for line in told["lines"])


@pytest.fixture
def native(pkm, tmp_path, index):
    """A project whose one dependency has wheels for two targets alone, each in another version."""
    index.add_wheel("native", "1.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    index.add_wheel("native", "2.0", tags="cp311-cp311-win_amd64")
    root = write_project(tmp_path / "some", TOML.replace("spam>=1", "native").replace("win32", "none"), FILES)
    ok(pkm("lock", "default", cwd=root))
    return Project(root, pkm)


def test_why_not_of_a_bare_name_tells_target_by_target_and_those_that_are_left_out_too(native):
    told = native.json("env", "why-not", "native")
    text = "\n".join(told["lines"])
    assert told["requirement"] == "native==2.0"
    assert told["lines"][0].startswith(
        "native 1.0 (sys_platform != 'win32') and 2.0 (sys_platform != 'linux') is"
    )
    assert told["failing"] == ["python 3.11 on linux-x86_64"]
    assert "native 2.0 has no wheel for linux-x86_64 with Python 3.11" in text
    assert "left out with or without it: python 3.10 on linux-x86_64, and 27 more targets: native" in text
    assert "for the other targets it would be admitted, and " in text


def test_a_lock_tells_targets_that_are_left_out_for_one_reason_together(native):
    said = native("lock", "default", "--upgrade").stderr
    reason = "native 1.0 to 2.0 have no wheel for it"
    start = (
        "note: default leaves out python 3.10 on linux-x86_64, python 3.10 on linux-arm64 and 26 more targets"
    )
    notes = [line for line in said.splitlines() if not line.startswith("Resolving")]  # where it takes a while
    assert notes == [f"{start}: {reason}"]


def test_why_not_tells_targets_together_whose_explanations_differ_in_their_names_alone(project, index):
    index.add_wheel("native", "1.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    index.add_wheel("fresh", "1.0", requires_python=">=3.13")
    lines = project.json("env", "why-not", "native")["lines"]
    assert [line for line in lines if line.startswith("nothing fits")] == [
        "nothing fits python 3.10 on linux-x86_64, and 28 more targets"
    ]
    lines = project.json("env", "why-not", "fresh")["lines"]
    assert [line for line in lines if line.startswith("nothing fits")] == [
        "nothing fits python 3.10 on linux-x86_64, and 14 more targets"
    ]


def test_why_not_of_what_all_targets_hold_tells_those_that_are_left_out(pkm, tmp_path, index):
    index.add_wheel("native", "1.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    root = write_project(tmp_path / "some", TOML.replace("spam>=1", "native").replace("win32", "none"), FILES)
    ok(pkm("lock", "default", cwd=root))
    assert Project(root, pkm).json("env", "why-not", "native")["lines"] == [
        "native 1.0 is in default, as native==1.0 asks",
        "left out: python 3.10 on linux-x86_64, and 28 more targets: native 1.0 has no wheel for it",
    ]


def test_why_not_asks_for_what_an_extra_needs(pkm, tmp_path, index):
    index.add_wheel("grape", "1.0")
    index.add_wheel("wine", "1.0", extras={"red": ["grape"]})
    project = Project(write_project(tmp_path / "bar", f'{HEAD}dependencies = ["wine"]\n'), pkm)
    project("lock")
    added = [{"name": "grape", "before": "", "after": "1.0"}]
    for asked in ("wine[red]", "wine[red]>=1"):
        told = project.json("env", "why-not", asked)
        assert (told["possible"], told["changes"]) == ("all", added)
    assert project.json("env", "why-not", "wine>=1")["changes"] == []


# tree, outdated, diff


def test_tree_shows_what_needs_what(project):
    assert project.says("env", "tree", "old") == (
        "colour 1.0\n└── paint 0.5\nham 1.0\n└── eggs 1.0\nspam 1.0\n└── eggs 1.0\n"
    )
    assert project.says("env", "tree", "--depth", "0") == "colour 1.0\nspam 2.0\n"
    assert project.says("env", "tree", "--invert", "Eggs") == "eggs 2.0\n└── spam 2.0\n"


def test_trees_of_several_environments_are_told_apart(project):
    assert project.says("env", "tree", "default", "old").startswith("default\ncolour 1.0\n")
    told = project.json("env", "tree", "default", "old")
    assert told["old"]["roots"] == ["colour 1.0", "ham 1.0", "spam 1.0"]
    assert told["default"]["packages"]["spam 2.0"] == ["eggs 2.0"]


def test_a_tree_in_json_is_cut_and_turned_as_for_people(project):
    assert project.json("env", "tree", "--depth", "0") == {
        "default": {"roots": ["colour 1.0", "spam 2.0"], "packages": {"colour 1.0": [], "spam 2.0": []}}
    }
    assert project.json("env", "tree", "--invert", "eggs") == {
        "default": {"roots": ["eggs 2.0"], "packages": {"eggs 2.0": ["spam 2.0"], "spam 2.0": []}}
    }


def test_tree_does_not_know_what_is_not_there(project):
    assert "ham is not in the environment" in project("env", "tree", "--invert", "ham", code=1).stderr


def test_outdated_lists_later_final_releases(newer):
    assert newer.says("env", "outdated") == (
        "default: 1 package with a later version\n  ~ spam  2.0 -> 3.0  asked for by the environment\n"
    )
    assert newer.json("env", "outdated", "old") == {
        "old": [
            {"name": "eggs", "locked": "1.0", "latest": "2.0", "requested": False},
            {"name": "spam", "locked": "1.0", "latest": "3.0", "requested": True},
        ]
    }


def test_outdated_says_so_when_all_is_at_its_latest(project):
    assert project.says("env", "outdated") == "default: every package is at its latest version\n"


def test_outdated_leaves_out_what_no_target_of_the_package_can_install(project, index):
    index.add_wheel("spam", "4.0", listed_requires_python=">=3.99", requires_python=">=3.99")
    index.add_wheel("eggs", "4.0", tags="cp27-cp27m-win32")
    project.ask_anew()
    assert project.says("env", "outdated") == "default: every package is at its latest version\n"


def test_outdated_leaves_out_what_the_rules_of_the_project_forbid(project, index):
    index.add_sdist("spam", "4.0")
    index.add_wheel("eggs", "4.0")
    project.ask_anew()
    allowed = project.json("env", "outdated")["default"]
    assert [(found["name"], found["latest"]) for found in allowed] == [("eggs", "4.0"), ("spam", "4.0")]
    path = project.root / "pyproject.toml"
    path.write_text(f'{path.read_text()}\n[tool.pkm]\nno-build = ["spam"]\nno-binary = ["eggs"]\n')
    assert project.says("env", "outdated") == "default: every package is at its latest version\n"


def test_outdated_without_an_answer_does_not_call_a_package_current(project):
    project.ask_anew()
    told = project("env", "outdated", "--offline")
    assert told.stdout == "default: every other package is at its latest version\n"
    assert "warning: default: spam: " in told.stderr


def test_diff_tells_where_and_why_two_environments_differ(project):
    assert project.says("env", "diff", "default", "old") == (
        "3 packages differ between default and old\n"
        "  ~ eggs 2.0 -> 1.0  (in old ham 1.0 asks for it)\n"
        "  + ham 1.0  (asked for by the environment itself)\n"
        "  ~ spam 2.0 -> 1.0  (it needs eggs, not the same in both)\n"
    )
    assert project.json("env", "diff", "old", "default")[1] == {
        "name": "ham",
        "old": "1.0",
        "default": "",
        "why": "asked for by the environment itself",
    }


def test_diff_of_equal_environments_says_so(project):
    assert project.says("env", "diff", "old", "old") == "old and old hold the same packages\n"
    assert project.json("env", "diff", "old", "old") == []


# export


def test_exported_requirements_are_installed_by_pip_with_their_hashes(project, tmp_path, index):
    project("env", "export", "default", "--format", "requirements", "--no-project", "-o", "requirements.txt")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", tmp_path / "venv/bin/python", "install",
            "--disable-pip-version-check", "--require-hashes", "--index-url", index.url, "-r", "requirements.txt",
        ],
        cwd=project.root, env=clean_environ(tmp_path / "pip"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = (tmp_path / "venv").glob("lib/python*/site-packages/*.dist-info")
    assert sorted(path.name for path in found) == ["eggs-2.0.dist-info", "spam-2.0.dist-info"]


def test_requirements_without_hashes_are_versions_alone(project):
    text = project.says("env", "export", "old", "--format", "requirements", "--no-project", "--no-hashes")
    assert text.splitlines() == [
        "colour==1.0 ; sys_platform == 'win32'",
        "eggs==1.0",
        "ham==1.0",
        "paint==0.5 ; sys_platform == 'win32'",
        "spam==1.0",
    ]


def test_constraints_hold_every_version(project):
    text = project.says("env", "export", "full", "--format", "constraints")
    assert text.splitlines()[0] == "bacon==1.0"
    assert "shop" not in text


def test_what_has_no_hash_is_named(project):
    told = project("env", "export", "full", "--format", "requirements")
    assert "\n.\n" in told.stdout
    assert "note: shop is a folder, which has no hash" in told.stderr


def test_an_export_speaks_of_its_environment_alone(project):
    text = project.says("env", "export", "full")
    own = text[text.index('name = "shop"') :].partition("[[packages]]")[0]
    assert '{ name = "spam", version = "2.0" }' in own
    assert '{ name = "spam", version = "1.0" }' not in own
    assert '"ham"' not in text


def test_an_export_speaks_json(project):
    told = project.json("env", "export", "full", "--format", "constraints")
    assert (told["environment"], told["format"]) == ("full", "constraints")
    assert told["text"].startswith("bacon==1.0\n")
    told = project.json("env", "export", "full", "--format", "constraints", "-o", "full.txt")
    assert (project.root / "full.txt").read_text().startswith("bacon==1.0\n")
    assert told["path"] == str(project.root / "full.txt")


def test_an_output_file_is_relative_to_the_chosen_folder(project, pkm):
    ok(pkm("-C", str(project.root), "env", "export", "old", "-o", "pylock.old.toml"))
    assert (project.root / "pylock.old.toml").exists()


def test_an_output_file_in_a_folder_that_is_not_there_is_told(project, pkm):
    failed = pkm("-C", str(project.root), "env", "export", "old", "-o", "no/pylock.old.toml")
    assert failed.code == 1
    assert "no/pylock.old.toml cannot be written: there is no such folder" in failed.stderr


def test_a_bill_of_materials_names_what_is_there_and_what_needs_it(project, index):
    told = json.loads(project.says("env", "export", "old", "--format", "cyclonedx"))
    assert told["specVersion"] == "1.6"
    components = {component["name"]: component for component in told["components"]}
    assert components["spam"]["purl"] == "pkg:pypi/spam@1.0"
    (reference,) = components["spam"]["externalReferences"]
    wheel = index.file("spam-1.0-py3-none-any.whl")
    assert reference["url"] == index.file_url(wheel.filename)
    assert reference["hashes"] == [{"alg": "SHA-256", "content": wheel.sha256}]
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in told["dependencies"]}
    assert needs["root"] == ["colour@1.0", "ham@1.0", "spam@1.0"]
    assert needs["ham@1.0"] == ["eggs@1.0"]


def test_a_bill_of_materials_is_the_same_each_time(project):
    words = ("env", "export", "default", "--format", "cyclonedx")
    assert project.says(*words) == project.says(*words)


# verify, rollback, delete, index list


def installed(root):
    return sorted(path.name for path in root.glob("lib/python*/site-packages/*.dist-info"))


def test_verify_finds_what_was_changed_by_hand(project):
    project("sync")
    assert project.says("env", "verify") == "default: every file is as it was installed\n"
    (module,) = (project.root / ".venv").glob("lib/python*/site-packages/spam.py")
    module.unlink()
    module.write_text("changed = True\n")
    path = module.relative_to(project.root / ".venv")
    assert project.json("env", "verify", code=1) == {
        "default": [{"package": "spam", "path": str(path), "what": "changed"}]
    }
    assert project.says("env", "verify", code=1) == f"default: spam: {path} is changed\n"


def test_verify_of_what_is_not_made_says_what_makes_it(project):
    told = project("env", "verify", "old", code=1)
    assert told.stderr == "error: .pkm/envs/old does not exist\nhint: pkm sync old makes it\n"


def test_rollback_returns_to_before_the_last_sync(project):
    project("sync")
    toml = project.root / "pyproject.toml"
    toml.write_text(toml.read_text().replace('"spam>=1"', '"spam<2"'))
    project("sync")
    assert "spam-1.0.dist-info" in installed(project.root / ".venv")
    told = project.json("env", "rollback")
    assert (told["environment"], told["repaired"], told["whole"]) == ("default", False, False)
    assert "spam-2.0.dist-info" in installed(project.root / ".venv")
    again = project("env", "rollback", code=1)
    assert again.stderr == "error: there is no earlier state of .venv to go back to\n"


def test_a_rollback_does_not_lose_edits_silently(project):
    project("sync")
    toml = project.root / "pyproject.toml"
    toml.write_text(toml.read_text().replace('"spam>=1"', '"spam<2"'))
    project("sync")
    (module,) = (project.root / ".venv").glob("lib/python*/site-packages/spam.py")
    module.unlink()
    module.write_text("changed = True\n")
    assert "files were changed by hand" in project("env", "rollback", code=1).stderr
    said = project.says("env", "rollback", "--force")
    assert said == "default is as it was before the last sync that changed it\n"


def test_delete_removes_an_environment_and_what_was_kept_of_it(project):
    project("sync", "old")
    project("sync", "old", "--reinstall", "-p", sys.executable)
    assert project.json("env", "delete", "old") == [{"environment": "old", "deleted": ".pkm/envs/old"}]
    assert [path.name for path in (project.root / ".pkm/envs").iterdir() if path.is_dir()] == []
    assert project.says("env", "delete", "old") == "old is not there\n"
    project("env", "rollback", "old", code=1)


def test_delete_leaves_what_pkm_did_not_make(project):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project.root / ".venv"], check=True)
    assert "pkm did not make .venv" in project("env", "delete", "default", code=1).stderr
    assert (project.root / ".venv").is_dir()
    project("env", "delete", "default", "--force")
    assert not (project.root / ".venv").exists()


def test_delete_without_a_name_deletes_nothing(project):
    project("sync")
    project("env", "delete", code=2)
    assert (project.root / ".venv").is_dir()


def test_index_list_tells_order_and_origin_without_secrets(project, index):
    toml = project.root / "pyproject.toml"
    address = index.url_with("me", "secret")
    toml.write_text(
        toml.read_text() + f'\n[[tool.pkm.index]]\nname = "own"\nurl = "{address}"\nexplicit = true\n'
    )
    told = project.json("index", "list")
    assert [(one["name"], one["url"], one["default"], one["explicit"]) for one in told] == [
        ("own", index.url, False, True),
        ("default", index.url, True, False),
    ]
    assert [(one["format"], one["origin"]) for one in told][1] == ("simple", "PKM_INDEX_URL")
    text = project.says("index", "list")
    assert text.splitlines()[0].startswith(f"own      {index.url}  explicit")
    assert "secret" not in text
