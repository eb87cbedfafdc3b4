from __future__ import annotations

import pytest

from tests.support.supplies import World


@pytest.fixture
def world(tmp_path):
    """What a supply is made of, with caches of its own."""
    made = World(tmp_path)
    yield made
    made.close()
