from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path

import pytest

from pkm_env.index.defaults import built_in_index, library_path, pip_files, pip_indexes, read_pip_settings
from tests.support.index_server import LocalIndex
from tests.support.projects import ROOT, Pkm


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


def configured_index() -> str:
    """The address that pip is configured with, else that of the default index; "" where none is known."""
    home = str(Path.home())
    settings = read_pip_settings(pip_files(os.environ, home, sys.prefix, sys.platform), os.environ)
    default = pip_indexes(settings, str(ROOT))[1] or built_in_index(library_path())
    return default.url if default is not None else ""


@pytest.fixture(scope="session")
def index_url():
    """The configured index; tests are skipped where it does not answer."""
    url = configured_index()
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/packaging/", timeout=20):
            return url
    except (OSError, ValueError) as error:
        pytest.skip(f"the configured index does not answer: {error}")
