"""The comparison of wheels by meaning sees what differs, and nothing else."""

from __future__ import annotations

import pytest

from tests.support.meaning import differences, read_wheel
from tests.support.wheels import make_wheel, metadata_text

SPAM = {"requires": ["eggs>=2"], "extras": {"fast": ["ham; python_version < '3.12'"]}}


def wheel(folder, *headers, body="Hello", wanted=SPAM, version="2.4", **how):
    text = metadata_text("spam", "1.0", **wanted, metadata_version=version, headers=headers, body=body)
    return read_wheel(make_wheel(folder, "spam", "1.0", metadata=text, **{"files": {"spam.py": "1"}, **how}))


DIFFERENT = {
    "a file more": ("files", {"files": {"spam.py": "1", "eggs.py": ""}}),
    "another content": ("spam.py", {"files": {"spam.py": "2"}}),
    "another tag": ("tags", {"tags": "cp312-abi3-linux_x86_64"}),
    "another scheme": ("purelib", {"root_is_purelib": False}),
    "a script more": ("points", {"scripts": {"spam": "spam:main"}}),
    "another dependency": ("Requires-Dist", {"wanted": {**SPAM, "requires": ["eggs>=3"]}}),
    "another condition": ("Requires-Dist", {"wanted": {**SPAM, "extras": {"fast": ["ham"]}}}),
    "another text": ("body", {"body": "Hello there"}),
}


@pytest.mark.parametrize(("field", "how"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_seen(tmp_path, field, how):
    assert list(differences(wheel(tmp_path / "a", **how), wheel(tmp_path / "b"))) == [field]


@pytest.mark.parametrize(
    ("field", "header"),
    [
        ("Summary", ("Summary", "A spam")),
        ("Author", ("Author", "A B")),
        ("Maintainer", ("Maintainer-email", "A B <a@b.example>")),
        ("License", ("License-Expression", "MIT")),
        ("License-File", ("License-File", "LICENSE")),
        ("Keywords", ("Keywords", "one,two")),
        ("Classifier", ("Classifier", "Typing :: Typed")),
        ("Requires-Python", ("Requires-Python", ">=3.9")),
        ("Provides-Extra", ("Provides-Extra", "slow")),
        ("Import-Name", ("Import-Name", "spam")),
        ("Project-URL", ("Project-URL", "Home, https://spam.example")),
        ("Description-Content-Type", ("Description-Content-Type", "text/markdown")),
    ],
)
def test_a_field_that_one_wheel_lacks_is_seen(tmp_path, field, header):
    assert list(differences(wheel(tmp_path / "a"), wheel(tmp_path / "b", header))) == [field]


SAME = {
    "one field for a person, or two": [
        (("Author-email", "A B <a@b.example>"),),
        (("Author", "A B"), ("Author-email", "a@b.example")),
    ],
    "blanks or commas between keywords": [(("Keywords", "one two"),), (("Keywords", "one,two"),)],
    "the default kind of readme": [(("Description-Content-Type", "text/x-rst"),), ()],
    "defaults of the content type": [
        (("Description-Content-Type", "text/markdown; charset=UTF-8; variant=GFM"),),
        (("Description-Content-Type", "text/markdown"),),
    ],
    "labels as PEP 753 compares them": [
        (("Project-URL", "Bug Tracker, https://spam.example"),),
        (("Project-URL", "bug-tracker, https://spam.example"),),
    ],
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_means_the_same_is_no_difference(tmp_path, one, other):
    assert differences(wheel(tmp_path / "a", *one), wheel(tmp_path / "b", *other)) == {}


def test_an_extra_of_the_project_itself_is_what_it_holds(tmp_path):
    extras = {"fast": ["ham; python_version < '3.12'"], "all": ["spam[fast]; os_name == 'nt'"]}
    expanded = {**extras, "all": ["ham; (os_name == 'nt' and python_version < '3.12')"]}
    one = wheel(tmp_path / "a", wanted={"extras": extras})
    assert differences(one, wheel(tmp_path / "b", wanted={"extras": expanded})) == {}
    other = {**extras, "all": ["ham; os_name == 'nt'"]}
    assert list(differences(one, wheel(tmp_path / "c", wanted={"extras": other}))) == ["Requires-Dist"]


def test_the_tag_of_a_repaired_wheel_is_that_of_its_machine(tmp_path):
    built = wheel(tmp_path / "a", tags="cp312-cp312-linux_x86_64", root_is_purelib=False)
    tags = "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64"
    assert differences(built, wheel(tmp_path / "b", tags=tags, root_is_purelib=False)) == {}
    tags = "cp312-cp312-manylinux_2_17_aarch64"
    assert list(differences(built, wheel(tmp_path / "c", tags=tags, root_is_purelib=False))) == ["tags"]


def test_licence_files_from_before_pep_639_are_at_the_top(tmp_path):
    old = {"spam.py": "1", "spam-1.0.dist-info/LICENSE": "Do"}
    new = {"spam.py": "1", "spam-1.0.dist-info/licenses/LICENSE": "Do"}
    one = wheel(tmp_path / "a", ("License-File", "LICENSE"), files=new)
    assert differences(one, wheel(tmp_path / "b", version="2.1", files=old)) == {}
