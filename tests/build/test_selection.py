"""Which files go in: include, exclude, map, data, ignores, junk, links; and that the sdist gives the same wheel."""

from __future__ import annotations

import csv
import io
import os
import stat
import sys
import zipfile

import pytest

from pkm_build import builder
from pkm_build.errors import BuildError, InvalidFile, NoPackages

PACKAGE = {"spam/__init__.py": "", "spam/data.json": "{}", "spam/py.typed": ""}


def same_from_sdist(made, unpack):
    return unpack(made.sdist()).wheel().raw == made.wheel().raw


def test_data_files_in_a_package_ship(sample):
    assert sample(PACKAGE).wheel().code() == sorted(PACKAGE)


JUNK = [
    "spam/__pycache__/a.cpython-311.pyc",
    "spam/a.pyc",
    "spam/a.py~",
    "spam/.a.py.swp",
    "spam/.#a.py",
    "spam/#a.py#",
    "spam/.DS_Store",
    "spam/.env",
    "spam/.env.local",
    "spam/id_rsa",
    "spam/.venv/pyvenv.cfg",
    "spam/.mypy_cache/x.json",
    "spam/spam.egg-info/PKG-INFO",
    ".pypirc",
    "dist/spam-0.9.tar.gz",
    "build/lib/spam.py",
]


def test_junk_never_ships(sample):
    made = sample({**PACKAGE, **dict.fromkeys(JUNK, "x")})
    assert made.wheel().code() == sorted(PACKAGE)
    assert sorted(made.sdist().files) == sorted([*PACKAGE, "pyproject.toml", "PKG-INFO"])


def test_virtual_environments_never_ship(sample):
    made = sample({**PACKAGE, "venv/pyvenv.cfg": "", "venv/x.py": "", "env/y.py": ""})
    assert [name for name in made.sdist().files if "env/" in name] == ["env/y.py"]


def test_private_keys_never_ship_and_certificates_do(sample):
    key = "-----BEGIN " + "PRIVATE KEY-----\n"
    made = sample(
        {**PACKAGE, "spam/a.pem": key, "spam/b.key": key, "spam/cacert.pem": "-----BEGIN CERTIFICATE-----\n"}
    )
    assert made.wheel().code() == sorted([*PACKAGE, "spam/cacert.pem"])
    assert not {"spam/a.pem", "spam/b.key"} & set(made.sdist().files)


def test_a_glob_names_neither_environments_nor_private_keys(sample):
    key = "-----BEGIN " + "PRIVATE KEY-----\n"
    files = {
        "venv/pyvenv.cfg": "",
        "venv/x.txt": "",
        "etc/a.pem": key,
        "etc/b.txt": "",
        ".gitignore": "venv\n",
    }
    made = sample({**PACKAGE, **files}, '[tool.pkm.build]\ninclude = ["**/*.txt", "etc/*"]\n')
    assert made.wheel().code() == sorted([*PACKAGE, "etc/b.txt"])
    assert not {"venv/x.txt", "etc/a.pem"} & set(made.sdist().files)


def test_a_private_key_ships_where_it_is_named_outright(sample):
    key = "-----BEGIN " + "PRIVATE KEY-----\n"
    made = sample({**PACKAGE, "etc/a.pem": key}, '[tool.pkm.build]\ninclude = ["etc/a.pem"]\n')
    assert "etc/a.pem" in made.wheel().files


def test_an_example_of_a_dotenv_file_ships(sample):
    assert "spam/.env.example" in sample({**PACKAGE, "spam/.env.example": ""}).wheel().files


def test_what_version_control_ignores_is_left_out(sample, unpack):
    made = sample({**PACKAGE, "spam/big.bin": "x", "notes.log": "", ".gitignore": "*.bin\n*.log\n"}).commit()
    assert made.wheel().code() == sorted(PACKAGE)
    assert "notes.log" not in made.sdist().files
    assert same_from_sdist(made, unpack)


def test_a_tracked_file_is_not_ignored(sample, unpack):
    made = sample({**PACKAGE, "spam/models/a.py": "", ".gitignore": "models/\n", "spam/models/b.py": ""})
    made.git("init", "-q")
    made.git("add", "-f", "spam/models/a.py")
    assert made.wheel().code() == sorted([*PACKAGE, "spam/models/a.py"])
    assert same_from_sdist(made, unpack)


def test_include_wins_over_what_version_control_ignores(sample, unpack):
    extra = '[tool.pkm.build]\ninclude = ["spam/_version.py", "spam/gen/*.txt"]\n'
    made = sample(
        {**PACKAGE, ".gitignore": "_version.py\ngen/\n", "spam/_version.py": "", "spam/gen/a.txt": ""}, extra
    )
    assert made.commit().wheel().code() == sorted([*PACKAGE, "spam/_version.py", "spam/gen/a.txt"])
    assert same_from_sdist(made, unpack)


def test_an_unpacked_sdist_ships_what_is_in_it_whatever_its_gitignore_says(sample):
    made = sample(
        {**PACKAGE, ".gitignore": "*.json\n", "PKG-INFO": "Metadata-Version: 2.2\nName: spam\nVersion: 1.0\n"}
    )
    assert "spam/data.json" in made.wheel().files


def test_a_package_that_is_ignored_whole_is_an_error_with_the_rule(sample):
    made = sample({**PACKAGE, ".gitignore": "# mine\nspam/\n"})
    made.git("init", "-q")
    with pytest.raises(NoPackages, match=r"spam looks like the code of spam, but \.gitignore:2 ignores it"):
        made.wheel()


def test_a_package_without_code_for_an_ignore_file_is_an_error(sample):
    made = sample({**PACKAGE, ".gitignore": "*.py\n"}, '[tool.pkm.build]\npackages = ["spam"]\n')
    made.git("init", "-q")
    with pytest.raises(NoPackages, match=r"all code in spam is ignored by version control \(\.gitignore:1\)"):
        made.wheel()


def test_a_package_that_is_named_ships_though_its_folder_is_ignored(sample, unpack):
    made = sample({**PACKAGE, ".gitignore": "spam/\n"}, '[tool.pkm.build]\npackages = ["spam"]\n')
    made.git("init", "-q")
    assert made.wheel().code() == sorted(PACKAGE)
    assert same_from_sdist(made, unpack)


def test_without_git_code_that_is_left_out_is_told(sample, capsys):
    sample({**PACKAGE, ".gitignore": "gen.py\n", "spam/gen.py": ""}).wheel()
    assert "spam/gen.py is left out of the wheel, as .gitignore:1 ignores it" in capsys.readouterr().err


def test_a_repository_around_that_ignores_the_project_does_not_empty_it(sample, tmp_path):
    made = sample(PACKAGE)
    (tmp_path / ".gitignore").write_text("project/\n")
    (tmp_path / ".git").mkdir()
    assert made.wheel().code() == sorted(PACKAGE)


def test_rules_of_the_repository_around_hold_for_a_project_in_it(sample, tmp_path):
    made = sample({**PACKAGE, "spam/x.tmp": ""})
    (tmp_path / ".gitignore").write_text("*.tmp\n")
    (tmp_path / ".git").mkdir()
    assert made.wheel().code() == sorted(PACKAGE)


def test_exclude_takes_from_the_wheel_and_leaves_the_sdist(sample, unpack):
    made = sample(
        {**PACKAGE, "spam/tests/test_a.py": ""}, '[tool.pkm.build]\nexclude = ["spam/tests", "**/*.json"]\n'
    )
    assert made.wheel().code() == ["spam/__init__.py", "spam/py.typed"]
    assert {"spam/tests/test_a.py", "spam/data.json"} <= set(made.sdist().files)
    assert same_from_sdist(made, unpack)


def test_an_exclude_that_matches_only_deeper_is_told(sample, capsys):
    sample(PACKAGE, '[tool.pkm.build]\nexclude = ["*.json"]\n').wheel()
    assert '"**/*.json" matches spam/data.json' in capsys.readouterr().err


def test_an_include_that_matches_nothing_is_an_error(sample):
    with pytest.raises(InvalidFile, match=r"include\[0\].*matches no file"):
        sample(PACKAGE, '[tool.pkm.build]\ninclude = ["spma/*"]\n').wheel()


def test_included_files_of_src_lose_their_src(sample):
    made = sample(
        {"src/spam/__init__.py": "", "src/spam.pth": "", "etc/x.conf": ""},
        ('[tool.pkm.build]\ninclude = ["src/spam.pth", "etc/x.conf"]\n'),
    )
    assert made.wheel().code() == ["etc/x.conf", "spam.pth", "spam/__init__.py"]


def test_map_renames_and_reaches_outside_of_the_project(sample, unpack, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "schema.json").write_text("{}")
    extra = '[tool.pkm.build.map]\n"../shared/schema.json" = "spam/schema.json"\n"web" = "spam/static"\n'
    made = sample({**PACKAGE, "web/index.html": "x", "web/css/a.css": "y"}, extra)
    assert made.wheel().code() == sorted(
        [*PACKAGE, "spam/schema.json", "spam/static/css/a.css", "spam/static/index.html"]
    )
    assert same_from_sdist(made, unpack)


def test_two_files_for_one_place_are_an_error(sample):
    with pytest.raises(BuildError, match="both"):
        sample({**PACKAGE, "x.json": ""}, '[tool.pkm.build.map]\n"x.json" = "spam/data.json"\n').wheel()


def test_data_schemes_place_files_below_their_top(sample, unpack):
    extra = (
        '[tool.pkm.build.data]\nscripts = ["bin/*"]\nheaders = "include/**/*.h"\n'
        'data = { "etc/spam.conf" = "etc/spam.conf", "share" = "share/spam" }\nplatlib = ["libs"]\n'
    )
    files = {
        **PACKAGE,
        "bin/go": "#!python\n",
        "include/a/b.h": "",
        "etc/spam.conf": "",
        "share/x/y.txt": "",
        "libs/z": "",
    }
    made = sample(files, extra)
    top = "spam-1.0.data/"
    assert [name for name in made.wheel().code() if name.startswith(top)] == [
        f"{top}data/etc/spam.conf",
        f"{top}data/share/spam/x/y.txt",
        f"{top}headers/a/b.h",
        f"{top}platlib/z",
        f"{top}scripts/go",
    ]
    assert same_from_sdist(made, unpack)


def test_a_script_of_the_scripts_scheme_can_be_executed(sample):
    made = sample({**PACKAGE, "bin/go": "#!python\n"}, '[tool.pkm.build.data]\nscripts = ["bin/go"]\n')
    wheel = made.wheel()
    with zipfile.ZipFile(made.out / wheel.name) as opened:
        mode = opened.getinfo("spam-1.0.data/scripts/go").external_attr >> 16
    assert stat.S_IMODE(mode) == 0o755


def test_the_sdist_can_be_given_more_and_less(sample):
    extra = '[tool.pkm.build.sdist]\ninclude = ["generated.txt"]\nexclude = ["docs/**", "tests"]\n'
    files = {
        **PACKAGE,
        "generated.txt": "",
        ".gitignore": "generated.txt\n",
        "docs/a/b.md": "",
        "tests/t.py": "",
        "c.md": "",
    }
    found = set(sample(files, extra).commit().sdist().files)
    assert {"generated.txt", "c.md"} <= found
    assert not {"docs/a/b.md", "tests/t.py"} & found


def test_the_sdist_holds_what_the_wheel_needs_even_when_it_is_excluded(sample, unpack):
    made = sample({**PACKAGE, "LICENSE": "x"}, '[tool.pkm.build.sdist]\nexclude = ["**/*"]\n')
    assert {"LICENSE", *PACKAGE} <= set(made.sdist().files)
    assert same_from_sdist(made, unpack)


def test_an_sdist_into_the_project_does_not_swallow_earlier_ones(sample):
    made = sample(PACKAGE)
    made.out = made.root / "artifacts"
    first = made.sdist()
    assert made.sdist().raw == first.raw


def test_the_archives_of_a_build_into_the_project_folder_are_no_part_of_it(sample):
    made = sample(PACKAGE)
    made.out = made.root
    made.wheel()
    made.sdist()
    assert sorted(made.sdist().files) == sorted([*PACKAGE, "pyproject.toml", "PKG-INFO"])


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
class TestLinks:
    def test_a_link_within_the_project_ships_as_what_it_names(self, sample, unpack):
        made = sample({**PACKAGE, "real/x.txt": "x", "LICENSE": "y"})
        (made.root / "spam/link.txt").symlink_to("../real/x.txt")
        (made.root / "spam/folder").symlink_to("../real")
        wheel = made.wheel()
        assert (wheel.files["spam/link.txt"], wheel.files["spam/folder/x.txt"]) == (b"x", b"x")
        assert same_from_sdist(made, unpack)

    def test_a_link_that_leaves_the_project_is_refused(self, sample, tmp_path):
        (tmp_path / "secret").write_text("s")
        made = sample(PACKAGE)
        (made.root / "spam/link").symlink_to("../../secret")
        with pytest.raises(BuildError, match="link that leaves the project"):
            made.wheel()

    def test_a_link_that_leaves_the_project_can_be_excluded(self, sample, tmp_path, unpack):
        (tmp_path / "secret").write_text("s")
        made = sample(PACKAGE, '[tool.pkm.build]\nexclude = ["spam/link"]\n')
        (made.root / "spam/link").symlink_to("../../secret")
        assert made.wheel().code() == sorted(PACKAGE)
        assert same_from_sdist(made, unpack)

    def test_a_link_elsewhere_that_leaves_the_project_stops_the_sdist_alone(self, sample, tmp_path):
        (tmp_path / "secret").write_text("s")
        made = sample({**PACKAGE, "docs/a.md": ""})
        (made.root / "docs/link").symlink_to("../../secret")
        assert made.wheel().code() == sorted(PACKAGE)
        with pytest.raises(BuildError, match="docs/link is a link that leaves the project"):
            made.sdist()

    @pytest.mark.parametrize("ignored", ["", "link.py\nfolder\n"], ids=["seen", "ignored"])
    @pytest.mark.parametrize(
        "settings",
        [
            '[tool.pkm.build]\ninclude = ["link.py"]',
            '[tool.pkm.build]\ninclude = ["li*.py"]',
            '[tool.pkm.build]\ninclude = ["folder"]',
            '[tool.pkm.build]\ninclude = ["folder/x"]',
            '[tool.pkm.build]\nmap = { "link.py" = "spam/secret" }',
            '[tool.pkm.build]\nmap = { "folder" = "spam/folder" }',
            '[tool.pkm.build]\nmap = { "folder/x" = "spam/x" }',
            '[tool.pkm.build]\nmap = { "docs" = "spam/docs" }',
            '[tool.pkm.build]\ndata = { scripts = ["link.py"] }',
            '[tool.pkm.build]\ndata = { scripts = ["folder/*"] }',
            '[tool.pkm.build]\nsbom-files = ["folder/x"]',
            '[tool.pkm.build]\nhook = "link.py"',
            '[[tool.pkm.build.extension]]\nname = "spam._x"\nsources = ["x.c"]\ndepends = ["link.py"]',
            'license-files = ["link.py"]',
            'license-files = ["folder/x"]',
            'readme = { file = "link.py", content-type = "text/plain" }',
        ],
    )
    def test_a_link_that_leaves_the_project_is_refused_where_it_is_named(
        self, sample, tmp_path, settings, ignored
    ):
        (tmp_path / "secret.py").write_text("s = 1")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/x").write_text("s")
        made = sample({**PACKAGE, "x.c": "", "docs/a": "", ".gitignore": ignored}, f"{settings}\n")
        (made.root / "link.py").symlink_to("../secret.py")
        (made.root / "folder").symlink_to("../elsewhere")
        (made.root / "docs/link").symlink_to("../../elsewhere/x")
        with pytest.raises((BuildError, InvalidFile), match="link that leaves the project"):
            made.wheel()

    @pytest.mark.parametrize("pattern", ["link", "folder/x", "docs"])
    def test_a_link_that_leaves_the_project_is_refused_where_the_sdist_alone_has_it(
        self, sample, tmp_path, pattern
    ):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/x").write_text("s")
        files = {**PACKAGE, "docs/a": "", ".gitignore": "link\nfolder\ndocs\n"}
        made = sample(files, f'[tool.pkm.build.sdist]\ninclude = ["{pattern}"]\n')
        (made.root / "link").symlink_to("../elsewhere/x")
        (made.root / "folder").symlink_to("../elsewhere")
        (made.root / "docs/link").symlink_to("../../elsewhere/x")
        assert made.wheel().code() == sorted(PACKAGE)
        with pytest.raises((BuildError, InvalidFile), match="link that leaves the project"):
            made.sdist()

    def test_a_link_that_a_glob_means_can_be_excluded(self, sample, tmp_path):
        (tmp_path / "secret").write_text("s")
        made = sample(
            {**PACKAGE, "docs/a.txt": ""},
            '[tool.pkm.build]\ninclude = ["docs/*"]\nexclude = ["docs/link"]\n',
        )
        (made.root / "docs/link").symlink_to("../../secret")
        assert made.wheel().code() == ["docs/a.txt", *sorted(PACKAGE)]
        assert "docs/link" not in made.sdist().files

    def test_links_in_a_circle_end(self, sample):
        made = sample(
            {**PACKAGE, "spam/a/x.txt": "", "spam/b/y.txt": ""},
            '[tool.pkm.build]\ninclude = ["spam/**/*.txt"]\n',
        )
        (made.root / "spam/a/to_b").symlink_to("../b")
        (made.root / "spam/b/to_a").symlink_to("../a")
        assert "spam/a/to_b/y.txt" in made.wheel().files

    def test_a_link_to_nothing_is_left_out(self, sample):
        made = sample(PACKAGE)
        (made.root / "spam/link").symlink_to("nowhere")
        assert made.wheel().code() == sorted(PACKAGE)

    def test_a_link_to_a_folder_above_itself_ends(self, sample):
        made = sample(PACKAGE)
        (made.root / "spam/again").symlink_to("../spam")
        assert "spam/__init__.py" in made.wheel().files


SCRIPT = '[project.scripts]\nrun = "{target}"\n'


def test_a_script_of_a_missing_module_is_an_error(sample):
    with pytest.raises(
        InvalidFile, match=r'scripts\.run: the module spam\.mian is not in the wheel; .* "spam\.main"'
    ):
        sample({**PACKAGE, "spam/main.py": ""}, SCRIPT.format(target="spam.mian:go")).wheel()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def go(): ...", False),
        ("async def go(): ...", False),
        ("class go: ...", False),
        ("go = 1", False),
        ("go: int = 1", False),
        ("a, go = 1, 2", False),
        ("from x import go", False),
        ("from x import y as go", False),
        ("from x import *", False),
        ("def __getattr__(name): ...", False),
        ("try:\n    from x import go\nexcept ImportError:\n    pass", False),
        ("if 1:\n    def go(): ...", False),
        ("def other():\n    go = 1", True),
        ("import go.x as y", True),
        ("", True),
        ("this is no Python", False),
    ],
)
def test_a_function_that_the_module_does_not_define_is_told(sample, capsys, text, told):
    sample({**PACKAGE, "spam/main.py": text}, SCRIPT.format(target="spam.main:go")).wheel()
    assert ("does not define" in capsys.readouterr().err) is told


def test_a_script_of_another_distribution_is_told(sample, capsys):
    extra = 'dependencies = ["other"]\n' + SCRIPT.format(target="elsewhere.main:go")
    assert sample(PACKAGE, extra).wheel()
    assert 'the entry point "run" names elsewhere.main, which is not in the wheel' in capsys.readouterr().err


def test_a_script_of_a_module_that_nothing_can_have_is_an_error(sample):
    with pytest.raises(
        InvalidFile, match=r"scripts\.run: the module elsewhere\.main is not in the wheel, and"
    ):
        sample(PACKAGE, SCRIPT.format(target="elsewhere.main:go")).wheel()


def test_a_script_of_the_standard_library_needs_no_word(sample, capsys):
    assert sample(PACKAGE, SCRIPT.format(target="json.tool:main")).wheel()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("module", ["spam.made", "spam._x"])
def test_a_script_of_a_module_that_is_compiled_is_found(sample, module):
    extra = f"{SCRIPT.format(target=module + ':go')}[[tool.pkm.build.extension]]\nname = 'spam._x'\nsources = ['x.c']\n"
    made = sample({**PACKAGE, "x.c": ""}, extra)
    if module == "spam._x":
        assert made.sdist()
    else:
        with pytest.raises(InvalidFile, match=r"the module spam\.made is not in the wheel"):
            made.sdist()


@pytest.mark.parametrize("kind", ["wheel", "editable", "sdist"])
def test_every_build_is_refused_for_the_same(sample, kind):
    made = sample(PACKAGE, SCRIPT.format(target="spam.mian:go") + '[tool.pkm.build]\ninclude = ["x"]\n')
    with pytest.raises(InvalidFile) as caught:
        made.build(kind)
    assert {fault.key[-1] for fault in caught.value.faults} == {"run", 0}


def test_a_module_that_is_a_native_one_is_found(sample):
    elf = b"\x7fELF\2\1\1" + bytes(11) + b"\x3e\0" + bytes(40)
    made = sample(
        {**PACKAGE, "spam/main.cpython-311-x86_64-linux-gnu.so": elf}, SCRIPT.format(target="spam.main:go")
    )
    assert made.wheel().name == "spam-1.0-cp311-cp311-linux_x86_64.whl"


def test_the_files_of_a_wheel_can_be_listed_with_their_sources(sample):
    made = sample({"src/spam/__init__.py": "", "src/spam/a.txt": ""})
    assert builder.list_wheel_files(str(made.root)) == [
        ("spam/__init__.py", f"{made.root}/src/spam/__init__.py"),
        ("spam/a.txt", f"{made.root}/src/spam/a.txt"),
    ]


def test_all_that_pyproject_names_wrongly_is_said_at_once(sample):
    extra = """readme = "READ.md"
license-files = ["LICENSE"]
scripts = {run = "spam.mian:go"}
[tool.pkm.build]
include = ["nothing/*"]
sbom-files = ["*.cdx"]
[tool.pkm.build.map]
"web" = "spam/web"
[tool.pkm.build.data]
scripts = ["bin/go"]
"""
    with pytest.raises(InvalidFile) as caught:
        sample(PACKAGE, extra).sdist()
    assert [(line, fault.key[-1]) for line, _, fault in caught.value.placed()] == [
        (8, "readme"),
        (9, 0),
        (10, "run"),
        (12, 0),
        (13, 0),
        (15, "web"),
        (17, "scripts"),
    ]


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="file names are text there")
def test_a_file_name_that_is_no_text_is_refused(sample):
    made = sample(PACKAGE)
    with open(os.fsencode(made.root) + b"/spam/\xff.txt", "wb"):
        pass
    with pytest.raises(BuildError, match="not in UTF-8"):
        made.wheel()
    assert list(made.out.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")
def test_odd_file_names_survive(sample, unpack):
    made = sample({**PACKAGE, 'spam/a,b "c".txt': "", "spam/ü.txt": ""})
    rows = list(csv.reader(io.StringIO(made.wheel().info("RECORD"), newline="")))
    assert {'spam/a,b "c".txt', "spam/ü.txt"} <= {row[0] for row in rows}
    assert same_from_sdist(made, unpack)


def test_an_sdist_whose_wheel_would_have_more_is_refused(sample):
    extra = '[tool.pkm.build.sdist]\ninclude = ["spam/big.bin"]\n'
    made = sample({**PACKAGE, "spam/big.bin": "", ".gitignore": "*.bin\n"}, extra).commit()
    with pytest.raises(BuildError, match=r"the wheel of this sdist would have spam/big\.bin"):
        made.sdist()
    assert not made.out.exists()


def test_names_that_differ_by_case_alone_are_told(sample, capsys):
    assert {"spam/a.py", "spam/A.py"} <= set(
        sample({**PACKAGE, "spam/a.py": "", "spam/A.py": ""}).wheel().files
    )
    assert "spam/A.py and spam/a.py are one file on Windows and macOS" in capsys.readouterr().err


def test_two_files_for_one_place_in_a_scheme_are_an_error(sample):
    made = sample({**PACKAGE, "a/go": "", "b/go": ""}, '[tool.pkm.build.data]\nscripts = ["a/*", "b/*"]\n')
    with pytest.raises(BuildError, match="both a/go and b/go"):
        made.wheel()


def test_a_named_folder_without_files_is_refused(sample):
    made = sample({}, '[tool.pkm.build]\npackages = ["empty"]\n')
    (made.root / "empty").mkdir()
    with pytest.raises(NoPackages, match="holds no files"):
        made.wheel()


def test_a_named_folder_of_data_alone_ships(sample):
    made = sample({"fonts/a.ttf": "x"}, '[tool.pkm.build]\npackages = ["fonts"]\n')
    assert made.wheel().code() == ["fonts/a.ttf"]


def test_an_in_tree_backend_is_in_the_sdist(sample):
    head = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["_own"]\n'
    head += '[project]\nname = "spam"\nversion = "1"\n'
    extra = '[tool.pkm.build.sdist]\nexclude = ["_own"]\n'
    assert "_own/own.py" in sample({**PACKAGE, "_own/own.py": ""}, extra, head=head).sdist().files
