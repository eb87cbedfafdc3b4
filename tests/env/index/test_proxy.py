"""Which proxy a request goes through."""

from __future__ import annotations

import pytest

from pkm_env.index.proxy import BadProxy, Proxies, matches


@pytest.mark.parametrize(
    ("environ", "scheme", "expected"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https", ("proxy", 3128)),
        ({"https_proxy": "proxy:3128"}, "https", ("proxy", 3128)),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http", None),
        ({"ALL_PROXY": "http://proxy"}, "http", ("proxy", 80)),
        ({"HTTP_PROXY": "http://proxy:1", "REQUEST_METHOD": "GET"}, "http", None),
        ({"HTTPS_PROXY": ""}, "https", None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other,index.example"}, "https", None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "https", None),
    ],
)
def test_the_variables_choose_the_proxy(
    environ: dict[str, str], scheme: str, expected: tuple[str, int] | None
):
    found = Proxies(environ).proxy_for(scheme, "index.example", "443")
    assert (None if found is None else (found.host, found.port)) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "pip-proxy"),
        ({"HTTP_PROXY": "http://proxy"}, "pip-proxy"),
        ({"HTTPS_PROXY": "http://proxy"}, "proxy"),
        ({"ALL_PROXY": "http://proxy"}, "proxy"),
        ({"HTTPS_PROXY": ""}, None),
        ({"NO_PROXY": "index.example"}, None),
    ],
)
def test_what_pip_is_configured_with_counts_where_no_variable_speaks(
    environ: dict[str, str], expected: str | None
):
    found = Proxies(environ, ("http://pip-proxy:3128", "pip.conf")).proxy_for("https", "index.example", "443")
    assert (None if found is None else found.host) == expected


@pytest.mark.parametrize(
    ("item", "host", "port", "expected"),
    [
        ("example", "index.example", "443", True),
        (".example", "index.example", "443", True),
        ("dex.example", "index.example", "443", False),
        ("index.example:8443", "index.example", "443", False),
        ("index.example:443", "index.example", "443", True),
        ("10.0.0.0/8", "10.1.2.3", "80", True),
        ("10.0.0.0/8", "11.1.2.3", "80", False),
        ("10.0.0.0/8", "index.example", "80", False),
        ("[::1]", "::1", "80", True),
    ],
)
def test_an_exception_means_a_server(item: str, host: str, port: str, expected: bool):
    assert matches(item, host, port) is expected


@pytest.mark.parametrize("address", ["socks5://proxy:1080", "http://proxy:port", "http://"])
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_secret(address: str):
    with pytest.raises(BadProxy) as caught:
        Proxies({"HTTPS_PROXY": address.replace("://", "://me:secret@")}).proxy_for("https", "host", "443")
    assert "secret" not in str(caught.value)
    assert str(caught.value).startswith("HTTPS_PROXY: ")
