"""Requests against a server that misbehaves on demand."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pkm_env.index.auth import Credentials
from pkm_env.index.errors import (
    BadPage,
    BadRedirect,
    IndexRefused,
    IndexUnreachable,
    NoCertificates,
    Offline,
    ProxyFailed,
)
from pkm_env.index.http import LONGEST_PAUSE_S, Certificates, Http
from pkm_env.index.proxy import Proxies
from pkm_env.index.spec import IndexSpec
from pkm_env.inflate import Damaged, TooLarge, inflated
from tests.support.index_server import LocalIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[..., Http]

LIMIT = 1 << 20
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as served:
        served.add_wheel("spam", "1.0")
        yield served


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(pauses: list[float]) -> Iterator[Callable[..., Http]]:
    made: list[Http] = []

    def make(credentials: Credentials | None = None, **options) -> Http:
        settings = {"timeout_s": 5, "sleep": pauses.append, **options}
        made.append(Http(credentials or Credentials(), **settings))
        return made[-1]

    yield make
    for http in made:
        http.close()


def page_url(index: LocalIndex) -> str:
    return f"{index.url}spam/"


def test_a_connection_is_kept_and_used_again(index: LocalIndex, client: Make):
    http = client()
    for _ in range(3):
        assert http.get(page_url(index), limit=LIMIT).status == 200
    assert index.connections == 1


def test_a_server_that_closes_after_each_answer_is_asked_anew(
    index: LocalIndex, pauses: list[float], client: Make
):
    index.close_each = True
    http = client()
    for _ in range(3):
        assert http.get(page_url(index), limit=LIMIT).status == 200
    assert (index.connections, pauses) == (3, [])


def test_a_kept_connection_that_died_costs_no_try(index: LocalIndex, pauses: list[float], client: Make):
    http = client()
    http.get(page_url(index), limit=LIMIT)
    index.drop("/simple/", times=1)
    assert http.get(page_url(index), limit=LIMIT).status == 200
    assert pauses == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(
    index: LocalIndex, pauses: list[float], status: int, client: Make
):
    index.fail("/simple/", status, times=2)
    assert client().get(page_url(index), limit=LIMIT).status == 200
    assert len(pauses) == 2
    assert 0.5 <= pauses[0] < pauses[1] < 1.5


def test_after_the_last_try_the_error_says_what_the_server_said(index: LocalIndex, client: Make):
    index.fail("/simple/", 503, times=None)
    with pytest.raises(IndexUnreachable, match=r'index "main" does not answer: HTTP 503 .* \(tried 4 times'):
        client().get(page_url(index), limit=LIMIT, index="main")
    assert index.count("/simple/") == 4


@pytest.mark.parametrize(
    ("told", "pause"),
    [("3", 3.0), ("86400", LONGEST_PAUSE_S), ("0", 0.0), ("99999999999999999999", LONGEST_PAUSE_S)],
)
def test_retry_after_is_honoured_within_reason(
    index: LocalIndex, pauses: list[float], told: str, pause: float, client: Make
):
    index.fail("/simple/", 429, headers={"Retry-After": told})
    client().get(page_url(index), limit=LIMIT)
    assert pauses == [pause]


def test_retry_after_may_be_a_date(index: LocalIndex, pauses: list[float], client: Make):
    far = datetime.now(timezone.utc) + timedelta(days=1)
    index.fail("/simple/", 503, headers={"Retry-After": format_datetime(far, usegmt=True)})
    index.fail("/simple/", 503, headers={"Retry-After": "soon"})
    client().get(page_url(index), limit=LIMIT)
    assert pauses[0] == LONGEST_PAUSE_S
    assert pauses[1] < 2


def test_a_body_that_is_cut_is_fetched_again_and_never_taken_for_the_whole(
    index: LocalIndex, pauses: list[float], client: Make
):
    index.cut("/simple/", after=20, times=2)
    whole = client().get(page_url(index), limit=LIMIT)
    assert whole.body.endswith(b"</html>\n")
    assert len(pauses) == 2


def test_a_compressed_body_that_is_cut_is_fetched_again(index: LocalIndex, client: Make):
    index.reply("/simple/", body=b"\x1f\x8b\x08\x00\x00\x00", headers={"Content-Encoding": "gzip"}, times=1)
    assert client().get(page_url(index), limit=LIMIT).body.endswith(b"</html>\n")


@pytest.mark.parametrize("status", [400, 403, 405, 451])
def test_a_refusal_is_not_asked_again(index: LocalIndex, status: int, client: Make):
    index.fail("/simple/", status, times=None)
    with pytest.raises(IndexRefused) as caught:
        client().get(page_url(index), limit=LIMIT)
    assert caught.value.status == status
    assert index.count("/simple/") == 1


def test_a_body_beyond_the_limit_is_refused(index: LocalIndex, client: Make):
    index.reply("/simple/", body=b"x" * 3_000_000)
    with pytest.raises(BadPage, match="larger than 1 MB"):
        client().get(page_url(index), limit=LIMIT)


def test_a_compressed_bomb_is_refused():
    import gzip

    with pytest.raises(TooLarge):
        inflated(gzip.compress(b"0" * 5_000_000), LIMIT)
    with pytest.raises(Damaged):
        inflated(gzip.compress(b"0" * 5_000)[:-3], LIMIT)


@pytest.mark.parametrize("second", [b"c", b"cd", b"ab"])
def test_a_compressed_body_of_several_members_is_unpacked_to_its_end(second: bytes):
    """Of members with one size the last tells the size of the first too."""
    import gzip

    assert inflated(gzip.compress(b"ab") + gzip.compress(second), LIMIT) == b"ab" + second


def test_a_redirect_is_followed(index: LocalIndex, client: Make):
    found = client().get(f"{index.base}/simple/Spam", limit=LIMIT)
    assert (found.status, found.url) == (200, page_url(index))


def test_redirects_without_an_end_are_an_error(index: LocalIndex, client: Make):
    index.redirect("/simple/", page_url(index))
    with pytest.raises(BadRedirect, match="redirects without an end"):
        client().get(page_url(index), limit=LIMIT)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/", "", "http://[bad"])
def test_a_redirect_to_an_odd_url_is_not_followed(index: LocalIndex, target: str, client: Make):
    index.redirect("/simple/", target)
    with pytest.raises(BadRedirect, match=f'redirects to an odd URL, "{re.escape(target)}"'):
        client(attempts=1).get(page_url(index), limit=LIMIT)


def test_a_redirect_from_an_encrypted_connection_to_an_open_one_is_refused(client: Make):
    answer = SimpleNamespace(status=302, headers={"location": "http://index.example/simple/"})
    connection = SimpleNamespace(close=lambda: None)
    http = client()
    with pytest.raises(IndexRefused, match="from an encrypted to an open connection"):
        http._redirected("https://index.example/simple/", answer, connection, "main")


def test_credentials_are_not_sent_to_another_server(index: LocalIndex, client: Make):
    with LocalIndex() as other:
        other.add_wheel("spam", "2.0")
        index.redirect("/simple/", page_url(other))
        credentials = Credentials([IndexSpec("main", index.url_with("me", "secret"))])
        client(credentials).get(page_url(index), limit=LIMIT)
        assert "authorization" in index.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_after_a_401_the_credentials_are_looked_for_further_once(index: LocalIndex, client: Make):
    index.auth = ("me", "right")
    asked = []

    def ask(url: str, user: str) -> tuple[str, str] | None:
        asked.append((url, user))
        return "me", "right"

    spec = IndexSpec("main", index.url_with("me", "wrong"))
    http = client(Credentials([spec], further=[ask]))
    assert http.get(page_url(index), limit=LIMIT).status == 200
    assert asked == [(index.url, "me")]
    index.auth = ("me", "changed")
    with pytest.raises(IndexRefused):
        http.get(page_url(index), limit=LIMIT)
    assert len(asked) == 1


def test_offline_sends_nothing(index: LocalIndex, client: Make):
    with pytest.raises(Offline):
        client(offline=True).get(page_url(index), limit=LIMIT)
    assert index.requests == []


def test_a_silent_server_runs_into_the_time_limit(client: Make):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        http = client(timeout_s=0.05, attempts=2)
        with pytest.raises(IndexUnreachable, match="was silent for too long"):
            http.get(f"http://127.0.0.1:{port}/", limit=LIMIT)


def test_a_server_that_sends_in_drips_runs_into_the_time_limit_too(
    index: LocalIndex, client: Make, pauses: list[float]
):
    index.drip("/simple/spam/", times=2)
    with pytest.raises(
        IndexUnreachable, match=r"the answer comes in drips, \d+ bytes in 0 s \(tried 2 times"
    ):
        client(slow_s=0.05, attempts=2).get(page_url(index), limit=LIMIT)
    assert len(pauses) == 1


def test_an_answer_in_drips_is_asked_for_again(index: LocalIndex, client: Make):
    index.drip("/simple/spam/")
    assert client(slow_s=0.05).get(page_url(index), limit=LIMIT).status == 200
    assert index.count("/simple/spam/") == 2


def test_a_name_that_is_not_known_is_told(client: Make):
    with pytest.raises(IndexUnreachable, match=r"the name index\.invalid is not known|index\.invalid"):
        client(attempts=1).get("http://index.invalid/simple/", limit=LIMIT)


def test_garbage_instead_of_an_answer_is_no_traceback(client: Make):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"\x00\x01 this is not HTTP\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        with pytest.raises(IndexUnreachable) as caught:
            client(attempts=1).get(f"http://127.0.0.1:{port}/", limit=LIMIT)
        thread.join()
    assert str(caught.value).replace("\n", "").isprintable()


def test_an_open_ended_page_without_its_end_is_cut_short(client: Make):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body><a href=")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        with pytest.raises(IndexUnreachable, match="has no end"):
            client(attempts=1).get(f"http://127.0.0.1:{port}/", limit=LIMIT)
        thread.join()


def test_a_proxy_gets_the_request_with_its_own_credentials(index: LocalIndex, client: Make):
    proxies = Proxies({"http_proxy": f"http://me:secret@{index.host}"})
    http = client(proxies=proxies)
    assert http.get("http://index.example/simple/spam/", limit=LIMIT).status in {200, 404}
    (asked,) = index.requests
    assert asked.path.startswith("http://index.example/simple/spam/")
    assert asked.headers["proxy-authorization"].startswith("Basic ")
    assert "authorization" not in asked.headers


def test_certificates_that_cannot_be_read_are_told_with_their_place(tmp_path: Path):
    with pytest.raises(NoCertificates, match=f"no certificates can be read in {tmp_path / 'nothing.pem'}: "):
        Certificates(str(tmp_path / "nothing.pem")).context()


def test_a_server_that_does_not_encrypt_is_told_and_not_tried_again(
    index: LocalIndex, pauses: list[float], client: Make
):
    with pytest.raises(IndexUnreachable, match=f"{index.host} does not speak https"):
        client().get(f"https://{index.host}/simple/", limit=LIMIT)
    assert pauses == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_tells_whether_user_and_password_were_sent(index: LocalIndex, client: Make, status: int):
    index.fail("/simple/", status, times=None)
    with pytest.raises(IndexRefused) as caught:
        client().get(page_url(index), limit=LIMIT, index="a-b")
    assert caught.value.hint.startswith(
        "give credentials by PKM_INDEX_A_B_USERNAME and PKM_INDEX_A_B_PASSWORD"
    )
    known = Credentials([IndexSpec("a-b", index.url.replace("://", "://me:secret@"))])
    with pytest.raises(IndexRefused) as caught:
        client(known).get(page_url(index), limit=LIMIT, index="a-b")
    assert caught.value.hint.startswith("user and password were sent, and not accepted: mind PKM_INDEX_A_B_")
    assert "secret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("status", [404, 410, 451])
def test_every_refusal_says_what_to_do(status: int):
    error = IndexRefused("https://files.example/a.whl", status=status, reason="No")
    assert str(error) == f"https://files.example/a.whl refuses: HTTP {status} No"
    assert "pkm lock --refresh" in error.hint or "pkm index list" in error.hint


def test_macos_and_windows_use_the_store_of_the_system():
    import truststore

    for platform in ("darwin", "win32"):
        assert isinstance(Certificates(platform=platform).context(), truststore.SSLContext)


CERTIFICATE = str(DATA / "tls" / "certificate.pem")


@pytest.fixture
def encrypted() -> Iterator[int]:
    """The port of an encrypted server that answers each request with the Host it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(DATA / "tls" / "server.pem"))

    class Encrypted(ThreadingHTTPServer):
        def get_request(self):
            connection, address = self.socket.accept()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust the server hangs up."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.headers["Host"].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    with Encrypted(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_an_encrypted_connection_is_kept_like_any_other(encrypted: int, client: Make):
    http = client(certificates=Certificates(CERTIFICATE))
    for _ in range(2):
        found = http.get(f"https://localhost:{encrypted}/", limit=LIMIT)
        assert found.body == f"localhost:{encrypted}".encode()
    assert len(http._idle[("https", "localhost", str(encrypted))]) == 1


def test_a_certificate_that_is_not_trusted_is_told_and_not_tried_again(
    encrypted: int, pauses: list[float], client: Make, tmp_path: Path
):
    other = tmp_path / "other"
    other.mkdir()
    http = client(certificates=Certificates(capath=str(other)))
    with pytest.raises(IndexUnreachable, match="the certificate of localhost is not trusted") as caught:
        http.get(f"https://localhost:{encrypted}/", limit=LIMIT)
    assert caught.value.hint.startswith("SSL_CERT_FILE names a file with the certificates to trust")
    assert pauses == []


@pytest.fixture
def tunnel() -> Iterator[tuple[int, list[str]]]:
    """The port of a proxy that connects to what it is asked for, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(f"{self.path} {self.headers['Proxy-Authorization']}")
            if self.path.startswith("forbidden"):
                self.send_error(403, "No")
                return
            with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as server:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=pass_on, args=(server, self.connection))
                back.start()
                pass_on(self.connection, server)
                back.join()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    # Either side may hang up at any time.
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_an_encrypted_connection_goes_through_the_tunnel_of_a_proxy(
    encrypted: int, tunnel: tuple[int, list[str]], client: Make
):
    port, asked = tunnel
    proxies = Proxies({"https_proxy": f"http://me:secret@127.0.0.1:{port}"})
    http = client(proxies=proxies, certificates=Certificates(CERTIFICATE))
    assert http.get(f"https://localhost:{encrypted}/", limit=LIMIT).status == 200
    http.close()
    assert asked == [f"localhost:{encrypted} Basic bWU6c2VjcmV0"]


def test_a_proxy_that_refuses_is_told(tunnel: tuple[int, list[str]], client: Make):
    http = client(proxies=Proxies({"https_proxy": f"127.0.0.1:{tunnel[0]}"}), attempts=1)
    named = rf"the proxy 127\.0\.0\.1:{tunnel[0]} \(https_proxy\)"
    with pytest.raises(
        ProxyFailed, match=f"^{named} does not connect to forbidden.example:443: HTTP 403 No .tried once"
    ):
        http.get("https://forbidden.example/", limit=LIMIT)


@pytest.mark.parametrize(
    ("address", "asked", "status", "expected"),
    [
        (
            "me:secret@{host}",
            "http://index.invalid/",
            407,
            "does not accept the user and password (tried once,",
        ),
        ("{host}", "http://index.invalid/", 407, "asks for user and password (tried once,"),
        ("127.0.0.1:9", "http://index.invalid/", 200, "refuses connections (tried 4 times,"),
        ("127.0.0.1:9", "https://index.invalid/", 200, "refuses connections (tried 4 times,"),
        ("proxy.invalid:9", "https://index.invalid/", 200, "is not known by this name (tried 4 times,"),
    ],
)
def test_a_proxy_that_is_to_blame_is_named_with_where_it_is_configured(
    index: LocalIndex, client: Make, address: str, asked: str, status: int, expected: str
):
    address = address.format(host=index.host)
    index.fail("/", status, times=9)
    with pytest.raises(ProxyFailed) as caught:
        client(proxies=Proxies({"ALL_PROXY": address})).get(asked, limit=LIMIT, index="main")
    named = address.rpartition("@")[2]
    assert str(caught.value).startswith(f"the proxy {named} (ALL_PROXY) {expected}")
    assert caught.value.url == asked


def test_an_answer_that_is_none_is_told_with_the_proxy_that_brought_it(index: LocalIndex, client: Make):
    index.fail("/", 503, times=9)
    http = client(proxies=Proxies({"ALL_PROXY": index.host}))
    with pytest.raises(IndexUnreachable, match=rf"HTTP 503 .*, through the proxy {index.host} \(ALL_PROXY\)"):
        http.get("http://index.invalid/", limit=LIMIT)


def test_a_server_that_an_answer_redirects_to_is_the_one_that_is_named(index: LocalIndex, client: Make):
    index.redirect("/simple/spam/", "http://127.0.0.1:9/there/")
    there = (
        r"connection refused by 127\.0\.0\.1:9, to which it redirects: http://127\.0\.0\.1:9/there/ \(tried"
    )
    with pytest.raises(IndexUnreachable, match=there):
        client().get(page_url(index), limit=LIMIT)
