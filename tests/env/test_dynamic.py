"""Requirements that only a build backend knows."""

from __future__ import annotations

import pytest

from pkm_build.project import read_project
from pkm_env.dynamic import DynamicUnknown, dynamic_requirements, without_extra
from pkm_env.model.distribution import Metadata, Source, Unavailable

PLACE = ("project", "dynamic")
SHOP = read_project({"project": {"name": "shop", "version": "1.0", "dynamic": ["dependencies"]}}, [])


@pytest.mark.parametrize(
    ("text", "plain", "extra"),
    [
        ("eggs>=1", "eggs>=1", ""),
        ("eggs>=1 ; extra == 'Old_Tests'", "eggs>=1", "old-tests"),
        (
            'eggs ; (python_version < "3.12") and extra == "tests"',
            'eggs ; (python_version < "3.12")',
            "tests",
        ),
        ('eggs ; python_version < "3.12"', 'eggs ; python_version < "3.12"', ""),
    ],
)
def test_the_condition_of_an_extra_is_taken_off(text, plain, extra):
    assert without_extra(text) == (plain, extra)


def test_requirements_of_extras_are_told_apart_from_those_of_the_project():
    metadata = Metadata("shop", "1.0", ("spam", "eggs ; extra == 'tests'"), extras=("tests", "docs"))
    required, extras = dynamic_requirements(SHOP, (Source("directory", "/shop"), metadata))
    assert required == (("spam", PLACE),)
    assert extras == {"tests": (("eggs", PLACE),), "docs": ()}


def test_a_backend_that_does_not_answer_is_an_error_with_its_reason():
    with pytest.raises(DynamicUnknown, match="it fails") as caught:
        dynamic_requirements(SHOP, Unavailable("build", "it fails", hint="mend it"))
    assert caught.value.hint == "mend it"
