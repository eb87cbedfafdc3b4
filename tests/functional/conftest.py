from __future__ import annotations

import pytest

from tests.support.index_server import LocalIndex
from tests.support.projects import Pkm


@pytest.fixture
def index():
    """A local index with a few packages that need each other."""
    with LocalIndex() as served:
        served.add_wheel("spam", "1.0", requires=["eggs>=1"], scripts={"spam": "spam:main"}, files=SPAM)
        served.add_wheel("spam", "2.0", requires=["eggs>=2"], scripts={"spam": "spam:main"}, files=SPAM)
        served.add_wheel("eggs", "1.0")
        served.add_wheel("eggs", "2.0")
        served.add_wheel("ham", "1.0", requires=["eggs<2"])
        served.add_sdist("bacon", "1.0", requires=["eggs"])
        yield served


SPAM = {"spam.py": "def main():\n    print('spam and eggs')\n"}


@pytest.fixture
def pkm(index, tmp_path):
    """The command with a home, a cache and an index of its own."""
    return Pkm(tmp_path / "home", index_url=index.url)
