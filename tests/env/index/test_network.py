"""The configured index and real packages: what the world sends, not what our own server does."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from pkm_env.index.auth import Credentials
from pkm_env.index.client import IndexClient
from pkm_env.index.defaults import (
    built_in_index,
    library_path,
    pip_files,
    pip_indexes,
    read_pip_settings,
)
from pkm_env.index.errors import IndexUnreachable
from pkm_env.index.http import Certificates, Http
from pkm_env.index.proxy import Proxies
from pkm_env.model.distribution import Metadata
from pkm_env.releases import make_listing, metadata_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pkm_env.index.spec import IndexSpec
    from pkm_env.releases import DatedListing

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def index() -> IndexSpec:
    environ = dict(os.environ)
    files = pip_files(environ, os.path.expanduser("~"), sys.prefix, sys.platform)
    _, configured = pip_indexes(read_pip_settings(files, environ), os.getcwd())
    found = configured or built_in_index(library_path())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def client(index: IndexSpec) -> Iterator[IndexClient]:
    environ = dict(os.environ)
    certificates = Certificates(environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", ""))
    http = Http(Credentials([index], environ), proxies=Proxies(environ), certificates=certificates)
    try:
        http.get(f"{index.base}pip/", limit=1 << 28, index=index.name)
    except IndexUnreachable as error:
        pytest.skip(f"the configured index cannot be reached: {error.reason}")
    yield IndexClient(http)
    http.close()


def listing_of(client: IndexClient, index: IndexSpec, name: str) -> DatedListing:
    page = client.read(index, name, client.ask(index, name))
    return make_listing(name, index.name, page.digest, lambda number: page.files[number])


@pytest.mark.parametrize("name", ["idna", "numpy", "ruamel-yaml", "zope-interface"])
def test_a_real_page_is_read_as_packaging_reads_it(client: IndexClient, index: IndexSpec, name: str):
    listing = listing_of(client, index, name)
    assert [Version(version) for version in listing.versions] == sorted(map(Version, listing.versions))
    assert len(listing.versions) > 20
    for version in listing.versions:
        for file in listing.files(version):
            assert file.url.startswith("https://")
            assert len(file.hashes["sha256"]) == 64
            if file.is_wheel:
                assert parse_wheel_filename(file.filename)[:2] == (name, Version(version))


def test_a_real_wheel_tells_its_metadata_and_arrives_whole(
    client: IndexClient, index: IndexSpec, tmp_path: Path
):
    listing = listing_of(client, index, "idna")
    version = listing.versions[-1]
    file = metadata_file(listing.files(version))
    assert file is not None
    found = client.metadata(file)
    assert isinstance(found, Metadata)
    assert (found.name, found.version) == ("idna", version)
    sha256, size = client.download(file, str(tmp_path / "wheel"))
    assert (sha256, size) == (file.hashes["sha256"], os.path.getsize(tmp_path / "wheel"))


def test_a_name_that_nobody_has_is_missing(client: IndexClient, index: IndexSpec):
    assert client.ask(index, "pkm-no-such-package-for-sure").state == "missing"
