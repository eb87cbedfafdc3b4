"""A package index over HTTP on the loopback, with real wheels and sdists, and faults on demand.

::

    with LocalIndex() as index:
        index.add_wheel("spam", "1.0", requires=["eggs>=2"])     # how: tests.support.wheels.wheel_bytes
        index.add_sdist("eggs", "2.0", yanked="wrong metadata")  # how: tests.support.wheels.sdist_bytes
        index.add_file(path_of_a_real_file)
        index.url                                                # http://127.0.0.1:PORT/simple/
        index.flat_url                                           # one page that lists every file (find-links)

It answers as PEP 503 (HTML), 691 and 700 (JSON, chosen by Accept), 592 (yanked), 658 and 714 (metadata
siblings) say, over HTTP/1.1 with keep-alive, ranges, ETag and 304, Cache-Control and gzip.

What was asked: ``requests`` (a list of ``Request``), ``count("/simple/")`` (how many paths hold that text),
``connections`` (how many were opened), ``forget()``.

Switches (attributes, True or a value unless said otherwise): ``json``, ``html``, ``metadata``, ``ranges``,
``etags``, ``gzip``, ``max_age`` (seconds; None sends no Cache-Control), ``close_each`` (False; close after
each response), ``absolute_urls`` (False; URLs of files are relative to the page), ``auth`` (None, or
``(user, password)``: without them 401), ``hashes``, ``sizes``.

Faults, each on the paths that hold *part*, the next *times* requests (None: all of them):
``fail("spam", 503, headers={"Retry-After": "1"})``, ``cut("spam", after=100)`` (the body ends early, the
connection closes), ``drip("spam", after=100)`` (the rest of the body comes byte by byte, until the client leaves),
``drop("spam")`` (closed without an answer), ``redirect("spam", url)``,
``reply("spam", body=…)`` (anything), ``gate = hold("spam")`` (no answer until ``gate.set()``: slow, without
a clock). ``wrong_hash(filename)`` lists a wrong digest; ``replace(filename, content)`` serves another content
under the listed digest; ``heal()`` ends the faults of paths.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final
from urllib.parse import quote, unquote, urlsplit

from tests.support.index_pages import (
    JSON_TYPE,
    Answer,
    Listed,
    Shape,
    html_page,
    json_page,
    root_page,
    split_filename,
)
from tests.support.wheels import normalised, sdist_bytes, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class Request(NamedTuple):
    """One request that the index got; header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


class Fault:
    """What happens to the next *times* requests whose path holds *part*."""

    def __init__(self, kind: str, part: str, times: int | None, **how: Any) -> None:
        self.kind = kind
        self.part = part
        self.times = times
        self.how = how


@final
class LocalIndex:
    """The index: a server while it is entered as a context manager, and what it serves."""

    def __init__(self) -> None:
        self.json = True
        self.html = True
        self.metadata = True
        self.ranges = True
        self.etags = True
        self.gzip = True
        self.hashes = True
        self.sizes = True
        self.absolute_urls = False
        self.close_each = False
        self.max_age: int | None = 600
        self.auth: tuple[str, str] | None = None
        self.requests: list[Request] = []
        self.connections = 0
        self._files: dict[str, Listed] = {}
        self._faults: list[Fault] = []
        self._gates: list[threading.Event] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.index = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> LocalIndex:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for gate in self._gates:
            gate.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    # What is served

    @property
    def host(self) -> str:
        """The address of the server, as it stands in URLs."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def base(self) -> str:
        """The URL of the server without a path."""
        return f"http://{self.host}"

    @property
    def url(self) -> str:
        """The URL of the index."""
        return f"{self.base}/simple/"

    @property
    def flat_url(self) -> str:
        """The URL of a page that lists every file."""
        return f"{self.base}/flat/"

    def url_with(self, user: str, password: str) -> str:
        """Return the URL of the index with credentials in it."""
        return f"http://{quote(user, safe='')}:{quote(password, safe='')}@{self.host}/simple/"

    def file_url(self, filename: str) -> str:
        """Return the URL of a file."""
        return f"{self.base}/files/{quote(filename)}"

    def add_wheel(
        self,
        name: str,
        version: str,
        *,
        yanked: str | None = None,
        upload_time: str | None = None,
        listed_requires_python: str | None = None,
        **how: Any,
    ) -> Listed:
        """Make a wheel and list it; *how* goes to ``wheels.wheel_bytes``."""
        filename, content = wheel_bytes(name, version, **how)
        return self.add_bytes(
            filename,
            content,
            project=name,
            version=version,
            yanked=yanked,
            upload_time=upload_time,
            requires_python=listed_requires_python,
        )

    def add_sdist(
        self,
        name: str,
        version: str,
        *,
        yanked: str | None = None,
        upload_time: str | None = None,
        **how: Any,
    ) -> Listed:
        """Make an sdist and list it; *how* goes to ``wheels.sdist_bytes``."""
        filename, content = sdist_bytes(name, version, **how)
        return self.add_bytes(
            filename,
            content,
            project=name,
            version=version,
            yanked=yanked,
            upload_time=upload_time,
            requires_python=how.get("requires_python"),
        )

    def add_file(self, path: str | Path, **told: Any) -> Listed:
        """List a wheel or sdist from disk under its own file name."""
        file = Path(path)
        return self.add_bytes(file.name, file.read_bytes(), **told)

    def add_bytes(self, filename: str, content: bytes, **told: Any) -> Listed:
        """List *content* as *filename*; *told*: project, version, yanked, upload_time, requires_python."""
        name, version = split_filename(filename)
        project = normalised(told.pop("project", None) or name)
        listed = Listed(project, filename, content, version=told.pop("version", None) or version, **told)
        self._files[filename] = listed
        return listed

    def remove(self, filename: str) -> None:
        """List and serve a file no longer."""
        del self._files[filename]

    def file(self, filename: str) -> Listed:
        """Return a listed file, to look at it or change what is told of it."""
        return self._files[filename]

    # What was asked

    def count(self, part: str = "", *, status: int | None = None) -> int:
        """Return how many requests had a path that holds *part* (and were answered with *status*)."""
        with self._lock:
            return sum(part in asked.path and status in {None, asked.status} for asked in self.requests)

    def forget(self) -> None:
        """Forget the requests and connections so far."""
        with self._lock:
            self.requests.clear()
            self.connections = 0

    # Faults

    def fail(
        self, part: str, status: int = 503, *, times: int | None = 1, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with *status* and no useful body."""
        self.reply(part, status=status, body=b"the index fails on demand\n", headers=headers, times=times)

    def reply(
        self,
        part: str,
        *,
        status: int = 200,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Answer with exactly this."""
        sent = {"Content-Type": "text/plain", **(headers or {})}
        self._faults.append(Fault("reply", part, times, answer=Answer(status, sent, body)))

    def redirect(self, part: str, url: str, *, status: int = 302, times: int | None = None) -> None:
        """Answer with a redirect to *url*."""
        self.reply(part, status=status, headers={"Location": url}, times=times)

    def cut(self, part: str, *, after: int = 0, times: int | None = 1) -> None:
        """End the body *after* so many bytes, though Content-Length says more, and close."""
        self._faults.append(Fault("cut", part, times, after=after))

    def drip(self, part: str, *, after: int = 0, times: int | None = 1) -> None:
        """Send the body *after* so many bytes byte by byte, for as long as the client is there."""
        gate = threading.Event()
        self._gates.append(gate)
        self._faults.append(Fault("drip", part, times, after=after, gate=gate))

    def drop(self, part: str, *, times: int | None = 1) -> None:
        """Close the connection without an answer."""
        self._faults.append(Fault("drop", part, times))

    def hold(self, part: str, *, times: int | None = None) -> threading.Event:
        """Answer only when the returned event is set."""
        gate = threading.Event()
        self._gates.append(gate)
        self._faults.append(Fault("hold", part, times, gate=gate))
        return gate

    def wrong_hash(self, filename: str) -> None:
        """List a digest that is not the file's."""
        self._files[filename].sha256 = "0" * 64

    def replace(self, filename: str, content: bytes) -> None:
        """Serve another content, while digest and size stay as listed."""
        self._files[filename].content = content

    def heal(self) -> None:
        """End all faults; gates open."""
        for gate in self._gates:
            gate.set()
        with self._lock:
            self._faults.clear()

    # Answers; called by the connections' threads

    def note(self, method: str, path: str, headers: Mapping[str, str], status: int) -> None:
        """Keep what was asked."""
        lowered = {key.lower(): value for key, value in headers.items()}
        with self._lock:
            self.requests.append(Request(method, path, lowered, status))

    def opened(self) -> None:
        """Count one more connection."""
        with self._lock:
            self.connections += 1

    def faults_for(self, path: str) -> dict[str, Fault]:
        """Return the faults that hold for this request, by kind, and use one of their times up."""
        found: dict[str, Fault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.part in path and fault.times != 0 and fault.kind not in found:
                    found[fault.kind] = fault
                    fault.times = None if fault.times is None else fault.times - 1
        return found

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Return what a healthy index says."""
        if self.auth and headers.get("Authorization") != _basic(*self.auth):
            realm = {"WWW-Authenticate": 'Basic realm="index"', "Content-Type": "text/plain"}
            return Answer(401, realm, b"credentials are missing or wrong\n")
        parts = [unquote(part) for part in path.split("/") if part]
        if parts[:1] == ["files"] and len(parts) == 2:
            return self._file_answer(parts[1], headers)
        page = self._page(path, parts, headers.get("Accept", "*/*"))
        return _validated(page, headers, self) if page.status == HTTPStatus.OK else page

    def _file_answer(self, filename: str, headers: Mapping[str, str]) -> Answer:
        sibling = filename.endswith(".metadata")
        listed = self._files.get(filename.removesuffix(".metadata"))
        if listed is None or (sibling and not (self.metadata and listed.metadata is not None)):
            return _missing()
        body = (listed.metadata or b"") if sibling else listed.content
        answer = Answer(200, {"Content-Type": "application/octet-stream"}, body)
        return _ranged(_validated(answer, headers, self, squeeze=False), headers) if self.ranges else answer

    def _shape(self) -> Shape:
        base = self.base if self.absolute_urls else ""
        return Shape(base, hashes=self.hashes, sizes=self.sizes, metadata=self.metadata)

    def _page(self, path: str, parts: list[str], accept: str) -> Answer:
        if parts[:1] == ["flat"]:
            return html_page("flat", list(self._files.values()), self._shape())
        if parts[:1] != ["simple"] or len(parts) > 2:
            return _missing()
        if not path.endswith("/"):
            return Answer(301, {"Location": f"{path}/"}, b"")
        as_json = self.json and (JSON_TYPE in accept or not self.html)
        if len(parts) == 1:
            return root_page(sorted({listed.project for listed in self._files.values()}), as_json=as_json)
        return self._project_page(parts[1], as_json=as_json)

    def _project_page(self, asked: str, *, as_json: bool) -> Answer:
        project = normalised(asked)
        if asked != project:
            return Answer(301, {"Location": f"/simple/{project}/"}, b"")
        files = [listed for listed in self._files.values() if listed.project == project]
        if not files:
            return _missing()
        page = json_page if as_json else html_page
        return page(project, files, self._shape())


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _missing() -> Answer:
    return Answer(404, {"Content-Type": "text/plain"}, b"no such page\n")


def _validated(
    answer: Answer, headers: Mapping[str, str], index: LocalIndex, *, squeeze: bool = True
) -> Answer:
    """Return *answer* with ETag and Cache-Control, or 304 when the client has it already."""
    sent = dict(answer.headers)
    if index.max_age is not None:
        sent["Cache-Control"] = f"max-age={index.max_age}, public"
    if squeeze:
        sent["Vary"] = "Accept, Accept-Encoding"
    if index.etags:
        sent["ETag"] = (
            '"' + hashlib.sha256(answer.body + answer.headers["Content-Type"].encode()).hexdigest()[:16] + '"'
        )
        if headers.get("If-None-Match") == sent["ETag"]:
            return Answer(304, sent, b"")
    if squeeze and index.gzip and "gzip" in headers.get("Accept-Encoding", ""):
        sent["Content-Encoding"] = "gzip"
        return Answer(answer.status, sent, gzip.compress(answer.body, 1, mtime=0))
    return Answer(answer.status, sent, answer.body)


def _ranged(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """Return the one range that was asked for (RFC 9110, section 14), or the whole."""
    sent = {**answer.headers, "Accept-Ranges": "bytes"}
    asked = headers.get("Range", "")
    stale = "If-Range" in headers and headers["If-Range"] != sent.get("ETag")
    if answer.status != HTTPStatus.OK or not asked.startswith("bytes=") or "," in asked or stale:
        return Answer(answer.status, sent, answer.body)
    size = len(answer.body)
    first, _, last = asked[6:].partition("-")
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1 if first and last else size, size)
    if start >= end:
        return Answer(416, {**sent, "Content-Range": f"bytes */{size}"}, b"")
    return Answer(206, {**sent, "Content-Range": f"bytes {start}-{end - 1}/{size}"}, answer.body[start:end])


class _Server(ThreadingHTTPServer):
    """The listening socket and the connections, which are closed with it."""

    daemon_threads = True
    request_queue_size = 128
    index: LocalIndex

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.index.opened()
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are part of the tests."""

    def close_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        index = self.server.index
        faults = index.faults_for(self.path)
        if "hold" in faults:
            faults["hold"].how["gate"].wait()
        if "drop" in faults:
            index.note(self.command, self.path, self.headers, 0)
            self.close_connection = True
            return
        answer = faults["reply"].how["answer"] if "reply" in faults else index.answer(path, self.headers)
        index.note(self.command, self.path, self.headers, answer.status)
        self._send(answer, faults)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, answer: Answer, faults: Mapping[str, Fault]) -> None:
        cut, drip = faults.get("cut"), faults.get("drip")
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.server.index.close_each or cut:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            whole = cut or drip
            self.wfile.write(answer.body[: whole.how["after"]] if whole else answer.body)
        if drip:
            for at in range(drip.how["after"], len(answer.body)):
                self.wfile.flush()
                drip.how["gate"].wait(0.005)
                self.wfile.write(answer.body[at : at + 1])
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
