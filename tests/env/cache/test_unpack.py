"""The content of wheels as it should be, and each way in which it can be bad or made to do harm."""

from __future__ import annotations

import os
import stat

import pytest

from pkm_env.cache.unpack import unpack
from tests.support.bad_wheels import INFO, bad, refused, take
from tests.support.environments import snapshot
from tests.support.wheels import make_wheel, wheel_bytes, zip_bytes


def test_manifest_says_what_the_tree_holds(tmp_path):
    filename, content = wheel_bytes(
        "Spam.Eggs",
        "1.0",
        files={"spam/__init__.py": "x", "spam/data/a,b.txt": "ab"},
        data={"scripts/run": "#!python\n", "headers/spam.h": "h", "purelib/more.py": "m"},
        scripts={"spam": "spam:main.run [fast]"},
        gui_scripts={"spam-gui": "spam.gui:main"},
    )
    manifest = take(tmp_path, content, filename)
    assert (manifest.name, manifest.raw_name, manifest.version) == ("spam-eggs", "Spam.Eggs", "1.0")
    assert manifest.directories == ("spam", "spam/data", "spam_eggs-1.0.dist-info")
    assert manifest.files == (
        ("spam", ("__init__.py",)),
        ("spam/data", ("a,b.txt",)),
        ("spam_eggs-1.0.dist-info", ("METADATA", "WHEEL", "entry_points.txt")),
    )
    assert [script.to_plain() for script in manifest.console] == [("spam", "spam", "main.run")]
    assert [script.to_plain() for script in manifest.gui] == [("spam-gui", "spam.gui", "main")]
    assert [(data.scheme, data.path, data.shebang) for data in manifest.data] == [
        ("headers", "spam.h", ""),
        ("purelib", "more.py", ""),
        ("scripts", "run", "python"),
    ]
    assert b'"spam/data/a,b.txt",sha256=' in manifest.record
    assert manifest.root_is_purelib
    assert manifest.tags == ("py3-none-any",)


def test_every_file_of_a_tree_has_the_one_time(tmp_path):
    filename, content = wheel_bytes("spam", "1.0")
    manifest = take(tmp_path, content, filename, mtime_ns=1_700_000_000_123_456_789)
    times = {path.stat().st_mtime_ns for path in (tmp_path / "tree").rglob("*") if path.is_file()}
    assert times == {manifest.mtime_ns} == {1_700_000_000_123_456_789}


def test_execute_bits_are_kept_and_given_to_scripts(tmp_path):
    filename, content = wheel_bytes(
        "spam",
        "1.0",
        files={"spam/tool": "", "spam/text": ""},
        data={"scripts/run": "x"},
        executable=["spam/tool"],
    )
    manifest = take(tmp_path, content, filename)
    modes = {path: bool(mode & stat.S_IXUSR) for path, (_, _, mode) in snapshot(tmp_path / "tree").items()}
    assert manifest.executables == ("spam/tool",)
    assert modes["spam/tool"]
    assert modes["spam-1.0.data/scripts/run"]
    assert not modes["spam/text"]


def test_large_members_are_unpacked_in_pieces(tmp_path):
    large = os.urandom(1 << 20) * 20
    filename, content = wheel_bytes("spam", "1.0", files={"big.bin": large})
    take(tmp_path, content, filename)
    assert (tmp_path / "tree" / "big.bin").read_bytes() == large


def test_version_in_another_spelling_is_the_same_release(tmp_path):
    filename, content = wheel_bytes("spam", "1.0+local.1", filename="spam-1.0+local.1-py3-none-any.whl")
    assert take(tmp_path, content, filename).version == "1.0+local.1"


def record_edit(change):
    def edit(members):
        members[f"{INFO}/RECORD"] = change(members[f"{INFO}/RECORD"].decode()).encode()

    return edit


def test_record_with_backslashes_is_read(tmp_path):
    change = record_edit(lambda text: text.replace("spam/", "spam\\"))
    filename, content = wheel_bytes("spam", "1.0", files={"spam/a.py": "x"}, edit_recorded=change)
    assert ("spam", ("a.py",)) in take(tmp_path, content, filename).files


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace("spam.py,sha256=", "spam.py,sha256=A"), "wrong hash"),
        (lambda text: "\n".join(line for line in text.splitlines() if "spam.py" not in line), "not listed"),
        (lambda text: text + "ghost.py,sha256=AAAA,1\n", "not in the archive"),
        (lambda text: text.replace("spam.py,sha256=", "spam.py,md5="), "no hash"),
        (
            lambda text: text.replace("METADATA,sha256=", "METADATA,=").replace("METADATA,=", "METADATA,,x"),
            "row",
        ),
        (lambda text: text + "spam.py,sha256=AAAA,1\n", "twice"),
        (lambda text: text.replace(",19\n", ",20\n", 1), "RECORD says"),
    ],
    ids=["wrong-hash", "unlisted", "ghost", "weak", "bad-row", "contradicting", "size"],
)
def test_record_that_does_not_fit_is_refused(tmp_path, change, word):
    error = bad(tmp_path, files={"spam.py": "x" * 19}, edit_recorded=record_edit(change))
    assert word in error.reason


@pytest.mark.parametrize("name", ["RECORD", "WHEEL", "METADATA"])
def test_missing_part_of_dist_info_is_refused(tmp_path, name):
    def drop(members):
        members.pop(f"{INFO}/{name}")

    how = {"edit_recorded": drop} if name == "RECORD" else {"edit": drop}
    assert bad(tmp_path, **how).reason == f"has no {INFO}/{name}"


@pytest.mark.parametrize("filename", ["ham-1.0-py3-none-any.whl", "spam-2.0-py3-none-any.whl"])
def test_dist_info_of_another_release_is_refused(tmp_path, filename):
    assert "another release" in bad(tmp_path, filename=filename).reason


def test_metadata_may_hold_names_of_people_in_another_encoding(tmp_path):
    def edit(members):
        members[f"{INFO}/METADATA"] = b"Metadata-Version: 1.1\nName: spam\nVersion: 1.0\nAuthor: Ren\xe9\n"

    filename, content = wheel_bytes("spam", "1.0", edit=edit)
    assert take(tmp_path, content, filename).name == "spam"


def test_metadata_of_another_release_is_refused(tmp_path):
    error = bad(tmp_path, metadata="Metadata-Version: 2.1\nName: spam\nVersion: 2.0\n")
    assert error.member == f"{INFO}/METADATA"


def test_file_name_that_is_no_wheels_is_refused(tmp_path):
    _, content = wheel_bytes("spam", "1.0")
    assert "no name" in refused(tmp_path, content, "spam.whl").reason


def test_two_dist_info_folders_are_refused(tmp_path):
    assert (
        "2 dist-info"
        in bad(tmp_path, edit=lambda members: members.update({"ham-1.0.dist-info/METADATA": b""})).reason
    )


def saying(text):
    """What makes WHEEL say *text* beside that the root is pure."""
    return lambda members: members.update({f"{INFO}/WHEEL": f"Root-Is-Purelib: true\n{text}\n".encode()})


@pytest.mark.parametrize("version", ["2.0", "0.1", "1.x", "", "1.", "1." + "1" * 5000])
def test_wheel_of_another_major_version_or_none_is_refused(tmp_path, version):
    """ "If major version is greater, abort installation." """
    error = bad(tmp_path, edit=saying(f"Wheel-Version: {version}"))
    assert f"wheel version {version[:50] or '(none)'}" in error.reason
    assert len(str(error)) < 400


@pytest.mark.parametrize(("version", "told"), [("1.0", 0), ("1", 0), ("1.9", 1), ("1.10", 1)])
def test_wheel_of_a_later_minor_version_is_warned_of(tmp_path, version, told):
    """ "Warn if minor version is greater." """
    archive = make_wheel(tmp_path, "spam", "1.0", edit=saying(f"Wheel-Version: {version}"))
    warned = []
    unpack(str(archive), str(tmp_path / "tree"), filename=archive.name, warn=warned.append)
    assert len(warned) == told
    assert all(f"{archive.name} is of wheel version {version}; " in text for text in warned)


def test_tags_of_the_file_name_count_and_not_those_of_wheel(tmp_path):
    """Published wheels were renamed after they were built (decord 0.6.0), and pip and uv install them."""
    archive = make_wheel(
        tmp_path, "spam", "1.0", edit=saying("Wheel-Version: 1.0\nTag: cp36-cp36m-linux_x86_64")
    )
    manifest = unpack(str(archive), str(tmp_path / "tree"), filename=archive.name)
    assert manifest.tags == ("cp36-cp36m-linux_x86_64",)


@pytest.mark.parametrize("path", ["stdlib/os.py", "evil.py", "SCRIPTS/x"])
def test_unknown_scheme_is_refused(tmp_path, path):
    assert "scheme" in bad(tmp_path, data={path: "x"}).reason


def test_data_file_over_a_file_of_the_root_is_refused(tmp_path):
    assert bad(tmp_path, files={"spam.py": "a"}, data={"purelib/Spam.py": "b"}).reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("../evil", "spam:main"),
        ("a/b", "spam:main"),
        ("a\\b", "spam:main"),
        ("C:evil", "spam:main"),
        ("evil\x1b", "spam:main"),
        ("..", "spam:main"),
        ("spam", "spam"),
        ("spam", "spam:main; import os"),
        ("spam", "spam import os\nos:main"),
        ("spam", ":main"),
    ],
)
def test_script_that_is_no_script_is_refused(tmp_path, name, value):
    error = bad(tmp_path, scripts={name: value})
    assert error.member == f"{INFO}/entry_points.txt"


@pytest.mark.parametrize("name", ["n" * 252, "\xe9" * 126, "n" * 5000])
def test_script_whose_name_no_file_can_have_is_refused(tmp_path, name):
    error = bad(tmp_path, scripts={name: "spam:main"})
    assert "too long" in error.reason
    assert len(str(error)) < 400


def test_line_of_entry_points_that_is_none_is_told_without_its_middle(tmp_path):
    text = f"[console_scripts]\n{'x' * 5000}\n".encode()
    error = bad(tmp_path, edit=lambda members: members.update({f"{INFO}/entry_points.txt": text}))
    assert "a line that is none" in error.reason
    assert len(str(error)) < 400


def test_two_scripts_for_one_name_are_refused(tmp_path):
    assert "twice" in bad(tmp_path, scripts={"spam": "spam:a"}, gui_scripts={"Spam": "spam:b"}).reason


def test_bytecode_and_what_installers_write_is_not_installed(tmp_path):
    filename, content = wheel_bytes(
        "spam",
        "1.0",
        files={
            "spam.py": "",
            "__pycache__/spam.cpython-312.pyc": "x",
            f"{INFO}/INSTALLER": "evil",
            f"{INFO}/direct_url.json": "{}",
        },
    )
    manifest = take(tmp_path, content, filename)
    assert list(manifest.paths()) == ["spam.py", f"{INFO}/METADATA", f"{INFO}/WHEEL"]
    assert b"INSTALLER" not in manifest.record


def test_disk_that_fails_leaves_nothing(tmp_path):
    filename, content = wheel_bytes("spam", "1.0")
    archive = tmp_path / "some-hash.whl"
    archive.write_bytes(content)
    (tmp_path / "tree").mkdir()
    with pytest.raises(FileExistsError):
        unpack(str(archive), str(tmp_path / "tree"), filename=filename)


def test_zip_without_dist_info_is_refused(tmp_path):
    assert "dist-info" in refused(tmp_path, zip_bytes({"spam.py": b"x"})).reason


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"Wheel-Version: 1.0\nTag: py3-none-any\n", "Root-Is-Purelib"),
        (b"Wheel-Version: 1.0\nRoot-Is-Purelib: \xff\n", "not UTF-8"),
    ],
)
def test_wheel_file_that_says_too_little_is_refused(tmp_path, text, word):
    assert word in bad(tmp_path, edit=lambda members: members.update({f"{INFO}/WHEEL": text})).reason


def test_data_folder_by_another_spelling_is_refused(tmp_path):
    assert "data folder" in bad(tmp_path, files={"Spam-1.0.data/scripts/x": ""}).reason


def test_configuration_of_an_environment_is_refused(tmp_path):
    assert "environment itself" in bad(tmp_path, files={"pyvenv.cfg": "home = /evil\n"}).reason


def test_names_of_releases_in_several_spellings_are_the_same():
    from pkm_env.cache.unpack import same_release

    assert same_release(("Spam.Eggs", "1.0"), ("spam_eggs", "1.0.0"))
    assert not same_release(("spam", "1.0"), ("spam", "1.1"))
    assert not same_release(("spam", "1.0"), ("ham", "1.0"))
    assert same_release(("spam", "odd_version"), ("spam", "odd-version"))
