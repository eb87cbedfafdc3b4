"""How properties are tested: the same examples in each run, other ones when they are asked for."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.support.index_server import LocalIndex

# A slow machine is no fault, and a change must not fail for what it did not touch.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("PKM_TEST_PROPERTIES", "steady"))


@pytest.fixture
def index():
    """An index on the loopback that lists nothing yet."""
    with LocalIndex() as served:
        yield served
