"""Where environments are made, and the cache that their packages come from."""

from __future__ import annotations

import pytest


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder / ".venv"
