"""METADATA, PKG-INFO and entry_points.txt, read back by the standard library and `packaging`."""

from __future__ import annotations

from configparser import ConfigParser
from email import message_from_string

import pytest
from packaging.metadata import Metadata

from pkm_build.errors import BuildError, InvalidFile

HEAD = '[project]\nname = "Spam.Eggs"\nversion = "1.0"\n'
BUILD = "[tool.pkm.build]\npackages = []\n"


def metadata_of(sample, lines, files=(), tables="", kind="wheel"):
    made = sample(files, tables, head=f"[build-system]\nrequires = []\n{HEAD}{lines}\n{BUILD}")
    archive = made.build(kind)
    text = archive.info("METADATA") if kind == "wheel" else archive.files["PKG-INFO"].decode()
    Metadata.from_email(text)  # raises for anything that is not allowed
    return message_from_string(text)


def test_the_name_is_as_written_and_the_version_normal(sample):
    found = metadata_of(sample, "")
    assert (found["Name"], found["Version"], found["Metadata-Version"]) == ("Spam.Eggs", "1.0", "2.1")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", "2.1"),
        ('dependencies = ["a"]', "2.1"),
        ('license = "MIT"', "2.4"),
        ('license-files = ["LICENSE"]', "2.4"),
        ("import-names = []", "2.5"),
    ],
)
def test_the_lowest_metadata_version_that_says_it_all_is_taken(sample, lines, expected):
    files = {"LICENSE": "x"} if "files" in lines else {}
    assert metadata_of(sample, lines, files)["Metadata-Version"] == expected


def test_an_sdist_can_say_what_is_dynamic(sample):
    assert metadata_of(sample, "", kind="sdist")["Metadata-Version"] == "2.2"


def test_people_with_and_without_an_address_stand_apart(sample):
    found = metadata_of(
        sample,
        'authors = [{name = "A. B"}, {email = "c@d.example"}, '
        '{name = "Doe, J. (x)", email = "j@d.example"}, {name = "K"}]\n'
        'maintainers = [{name = "Müller", email = "m@d.example"}]',
    )
    assert found["Author"] == "A. B, K"
    assert found["Author-email"] == 'c@d.example, "Doe, J. (x)" <j@d.example>'
    assert found["Maintainer-email"] == "Müller <m@d.example>"


def test_extras_are_sorted_and_carry_their_marker(sample):
    found = metadata_of(
        sample,
        'dependencies = ["a >= 1, < 2"]\n[project.optional-dependencies]\nz = ["b"]\n'
        "A_b = [\"c; python_version < '3.9' or os_name == 'nt'\", \"Spam.Eggs[z]; sys_platform == 'win32'\"]",
    )
    assert found.get_all("Provides-Extra") == ["a-b", "z"]
    assert found.get_all("Requires-Dist") == [
        "a>=1,<2",
        'c; (python_version < "3.9" or os_name == "nt") and extra == "a-b"',
        'Spam.Eggs[z]; sys_platform == "win32" and extra == "a-b"',
        'b; extra == "z"',
    ]


def test_the_readme_is_the_body_with_its_type(sample):
    found = metadata_of(sample, 'readme = "README.md"', {"README.md": b"# One\r\n\r\nTwo: x\r\n"})
    assert found["Description-Content-Type"] == "text/markdown"
    assert found.get_payload() == "# One\n\nTwo: x\n"


def test_a_readme_in_another_charset_becomes_utf_8(sample):
    lines = 'readme = {file = "R.txt", content-type = "text/plain; charset=latin-1"}'
    found = metadata_of(sample, lines, {"R.txt": "Grüße".encode("latin-1")})
    assert found["Description-Content-Type"] == "text/plain; charset=UTF-8"
    assert "Grüße" in found.get_payload()


def test_a_readme_that_is_not_in_its_charset_is_refused(sample):
    with pytest.raises(BuildError, match=r"README\.md.*UTF-8"):
        metadata_of(sample, 'readme = "README.md"', {"README.md": b"\xff\xfe"})


def test_a_missing_readme_is_refused(sample):
    with pytest.raises(InvalidFile, match=r'project\.readme: the file "README\.md" is not there'):
        metadata_of(sample, 'readme = "README.md"')


def test_licence_files_of_usual_names_are_found(sample):
    files = dict.fromkeys(
        ["LICENSE", "LICENCE.txt", "COPYING.LESSER", "NOTICE", "AUTHORS.md", "licenses.py"], "x"
    )
    assert metadata_of(sample, "", files).get_all("License-File") == [
        "AUTHORS.md",
        "COPYING.LESSER",
        "LICENCE.txt",
        "LICENSE",
        "NOTICE",
    ]


def test_licence_globs_say_which_files_and_keep_their_folders(sample):
    made = sample(
        {"LICENSE": "a", "licenses/MIT.txt": "b", "licenses/x/ISC.txt": "c"},
        head=f'[build-system]\nrequires=[]\n{HEAD}license-files = ["licenses/**/*.txt"]\n{BUILD}',
    )
    wheel = made.wheel()
    assert wheel.info("licenses/licenses/MIT.txt") == "b"
    assert wheel.info("licenses/licenses/x/ISC.txt") == "c"
    assert not any(name.endswith("licenses/LICENSE") for name in wheel.files)


def test_a_licence_glob_without_a_match_is_an_error(sample):
    with pytest.raises(InvalidFile, match=r"license-files\[0\].*matches no file"):
        metadata_of(sample, 'license-files = ["COPYING*"]')


def test_a_licence_file_that_is_not_in_utf8_is_refused(sample):
    with pytest.raises(InvalidFile, match=r'license-files\[0\]: "COPYING" is not in UTF-8 \(byte 1\)'):
        metadata_of(sample, 'license-files = ["COPYING"]', {"COPYING": b"L\xe9"})


def test_a_licence_classifier_beside_an_expression_is_refused(sample):
    """PEP 639: "If the License-Expression field is present, build tools MAY raise an error"."""
    with pytest.raises(InvalidFile, match=r"project\.classifiers\[1\]: is a licence classifier"):
        metadata_of(
            sample,
            'license = "MIT"\nclassifiers = ["Typing :: Typed", "License :: OSI Approved :: MIT License"]',
        )


def test_in_an_unpacked_sdist_a_licence_classifier_is_told_alone(sample, capfd):
    extra = 'license = "MIT"\nclassifiers = ["License :: OSI Approved :: MIT License"]\n'
    wheel = sample({"spam.py": "", "PKG-INFO": "Version: 1.0\n"}, extra).wheel()
    assert "Classifier: License :: OSI Approved :: MIT License\n" in wheel.info("METADATA")
    assert "warning: project.classifiers[0]: is a licence classifier" in capfd.readouterr().err


def test_an_older_licence_table_is_kept(sample):
    found = metadata_of(sample, 'license = {text = "Mine\\nAll: mine\\n\\nReally"}')
    assert found["License"].splitlines() == ["Mine", "        All: mine", "        ", "        Really"]
    assert "All" not in found


def test_an_older_licence_file_gives_its_text(sample):
    found = metadata_of(sample, 'license = {file = "terms.txt"}', {"terms.txt": "Be kind\n\nTo all\n"})
    assert found["License"].split() == ["Be", "kind", "To", "all"]
    assert found.get_all("License-File") == ["terms.txt"]


def test_urls_keep_their_order_and_labels(sample):
    found = metadata_of(sample, '[project.urls]\nZ = "https://z.example/"\nA = "https://a.example/"')
    assert found.get_all("Project-URL") == ["Z, https://z.example/", "A, https://a.example/"]


def test_a_url_without_a_scheme_is_kept_with_a_warning(sample, capsys):
    found = metadata_of(sample, '[project.urls]\nHome = "example.org/spam"')
    assert found["Project-URL"] == "Home, example.org/spam"
    warned = capsys.readouterr().err
    assert 'pyproject.toml:7: project.urls.Home: "example.org/spam" has no scheme' in warned


def test_import_names_are_written_as_declared(sample):
    made = sample(
        {"ns/spam/__init__.py": "", "_x.py": ""},
        '[tool.pkm.build]\npackages = ["ns/spam", "_x.py"]\n',
        head=f'[build-system]\nrequires = []\n{HEAD}import-names = ["ns.spam", "_x; private"]\n'
        'import-namespaces = ["ns"]\n',
    )
    found = message_from_string(made.wheel().info("METADATA"))
    assert found.get_all("Import-Name") == ["ns.spam", "_x; private"]
    assert found.get_all("Import-Namespace") == ["ns"]


def test_dynamic_import_names_are_those_of_the_files(sample):
    made = sample(
        {"ns/spam/__init__.py": "", "ns/spam/sub/__init__.py": "", "_x.py": ""},
        '[tool.pkm.build]\npackages = ["ns/spam", "_x.py"]\n',
        head=f'[build-system]\nrequires = []\n{HEAD}dynamic = ["import-names", "import-namespaces"]\n',
    )
    for kind in ("wheel", "editable"):
        found = message_from_string(made.build(kind).info("METADATA"))
        assert found.get_all("Import-Name") == ["_x; private", "ns.spam"]
        assert found.get_all("Import-Namespace") == ["ns"]


def test_declared_import_names_that_are_not_shipped_are_refused(sample):
    made = sample(
        {"spam.py": ""},
        head=f'[build-system]\nrequires = []\n{HEAD}import-names = ["spma"]\n',
        extra=('[tool.pkm.build]\npackages = ["spam.py"]\n'),
    )
    with pytest.raises(InvalidFile, match='"spma" is not what the wheel gives; did you mean "spam"'):
        made.wheel()


def test_a_name_that_is_shipped_and_not_declared_is_told(sample, capfd):
    made = sample(
        {"src/spam/__init__.py": "", "src/eggs/__init__.py": "", "src/_x.py": ""}, 'import-names = ["spam"]\n'
    )
    made.wheel()
    assert capfd.readouterr().err == (
        "pkm_build: warning: the wheel gives eggs, which project.import-names does not list\n"
    )


def test_entry_points_are_grouped_sorted_and_safe(sample):
    made = sample(
        {"spam.py": "def main(): ...\nx = 1\n"},
        '[project.scripts]\nb = "spam:main"\na = "spam : main"\n[project.gui-scripts]\ng = "spam:main"\n'
        '[project.entry-points."x.y"]\nn = "spam:x [extra]"\n',
    )
    parsed = ConfigParser(delimiters=("=",))
    parsed.read_string(made.wheel().info("entry_points.txt"))
    assert {name: dict(parsed[name]) for name in parsed.sections()} == {
        "console_scripts": {"a": "spam:main", "b": "spam:main"},
        "gui_scripts": {"g": "spam:main"},
        "x.y": {"n": "spam:x [extra]"},
    }


def test_sbom_files_go_into_their_folder(sample):
    made = sample(
        {"spam.py": "", "sbom/a.cdx.json": "{}"}, '[tool.pkm.build]\nsbom-files = ["sbom/*.json"]\n'
    )
    assert made.wheel().info("sboms/a.cdx.json") == "{}"
    assert unpacked_has(made.sdist(), "sbom/a.cdx.json")


def unpacked_has(archive, name):
    return name in archive.files


def test_two_sbom_files_of_one_name_are_refused(sample):
    files = {"spam.py": "", "a/x.cdx.json": "{}", "b/x.cdx.json": "{}"}
    made = sample(files, '[tool.pkm.build]\nsbom-files = ["a/*.json", "b/*.json"]\n')
    with pytest.raises(
        InvalidFile, match=r"^pyproject\.toml:9:\d+: .*sbom-files\[1\]: both a/x\.cdx\.json and b/x"
    ):
        made.wheel()


def test_metadata_prepared_before_is_that_of_the_wheel(sample, tmp_path):
    from pkm_build import builder

    made = sample({"spam.py": "", "LICENSE": "x"})
    folder = builder.prepare_metadata(str(made.root), str(tmp_path / "meta"), None, {})
    prepared = tmp_path / "meta" / folder
    name = builder.build_wheel(str(made.root), str(tmp_path), None, {}, str(prepared))
    assert name == "spam-1.0-py3-none-any.whl"
    assert (prepared / "METADATA").read_text() == made.wheel().info("METADATA")
    assert (prepared / "licenses" / "LICENSE").read_text() == "x"


def test_a_wheel_with_other_metadata_than_promised_is_refused(sample, tmp_path):
    from pkm_build import builder

    made = sample({"spam.py": ""})
    (tmp_path / "METADATA").write_text("Metadata-Version: 2.1\nName: spam\nVersion: 2.0\n")
    with pytest.raises(BuildError, match="prepare_metadata"):
        builder.build_wheel(str(made.root), str(tmp_path / "out"), None, {}, str(tmp_path))


def test_a_readme_can_be_a_text(sample):
    found = metadata_of(sample, 'readme = {text = "\\nHello\\n", content-type = "text/plain"}')
    assert (found["Description-Content-Type"], found.get_payload()) == ("text/plain", "Hello\n")


@pytest.mark.parametrize("lines", ['readme = "NO.md"', 'license = {file = "NO"}', 'license-files = ["NO"]'])
def test_preparing_metadata_needs_the_files_too(sample, tmp_path, lines):
    from pkm_build import builder

    made = sample({"spam.py": ""}, head=f"[build-system]\nrequires = []\n{HEAD}{lines}\n")
    with pytest.raises(InvalidFile, match="NO"):
        builder.prepare_metadata(str(made.root), str(tmp_path / "meta"), None, {})


def test_an_older_licence_file_that_is_missing_is_a_fault(sample):
    with pytest.raises(InvalidFile, match=r'project\.license: the file "NO" is not there'):
        metadata_of(sample, 'license = {file = "NO"}')


def test_an_older_licence_file_must_be_text(sample):
    with pytest.raises(BuildError, match="can't be read"):
        metadata_of(sample, 'license = {file = "L"}', {"L": b"\xff"})
