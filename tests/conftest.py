"""How properties are tested: the same examples in each run, other ones when they are asked for."""

from __future__ import annotations

import os

from hypothesis import settings

# A slow machine is no fault, and a change must not fail for what it did not touch.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("PKM_TEST_PROPERTIES", "steady"))
