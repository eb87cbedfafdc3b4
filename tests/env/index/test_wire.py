"""HTTP/1.1 as it stands on the wire, written by servers of all kinds."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from pkm_env.index.wire import (
    LEAST,
    MAX_HEAD,
    BadAnswer,
    Connection,
    CutShort,
    Reply,
    TooSlow,
    authority,
    host_field,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answered = Callable[[bytes], Reply]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def answered(ends: tuple[socket.socket, socket.socket]) -> Answered:
    """Reads an answer that is sent at once, after which the server closes its side."""

    def read(text: bytes) -> Reply:
        ends[1].sendall(text)
        ends[1].shutdown(socket.SHUT_WR)
        return Reply(ends[0])

    return read


def body_of(reply: Reply, size: int = 4) -> bytes:
    return b"".join(iter(lambda: reply.read(size), b""))


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["head", "no end", "length", "chunk", "size of a chunk"],
)
@pytest.mark.parametrize("into", [False, True], ids=["read", "readinto"])
def test_what_comes_in_drips_is_not_waited_for(
    ends: tuple[socket.socket, socket.socket], sent: bytes, into: bool
):
    def drip() -> None:
        ends[1].sendall(sent)
        while not ended.wait(0.005):
            ends[1].sendall(b"0")

    def read_all() -> None:
        reply = Reply(ends[0], slow_s=0.05)
        while reply.readinto(memoryview(bytearray(100))) if into else reply.read():
            continue

    ended = threading.Event()
    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(TooSlow, match=r"the answer comes in drips, \d+ bytes in 0 s"):
        read_all()
    ended.set()
    thread.join()


def test_small_pieces_count_together_and_none_of_them_for_longer_than_they_are_few(
    ends: tuple[socket.socket, socket.socket],
):
    """No time at all is left for what is few; but between many bytes nothing is few."""
    ends[1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9001\r\n\r\n")
    reply = Reply(ends[0], slow_s=-1)
    for size in (LEAST, 2 * LEAST):
        ends[1].sendall(b"x" * size)
        assert len(reply.read()) == size
    ends[1].sendall(b"x")
    assert reply.read() == b"x"
    assert reply.finished


def test_an_answer_with_a_length_may_be_followed_by_another(answered: Answered):
    reply = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Odd : a\r\n\r\n0123456789")
    assert (reply.status, reply.reason, reply.headers["x-odd"]) == (200, "OK", "a")
    assert not reply.may_follow
    assert body_of(reply) == b"0123456789"
    assert reply.may_follow


def test_chunks_are_put_together_and_their_extensions_and_trailers_dropped(answered: Answered):
    reply = answered(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    )
    assert body_of(reply) == b"abc0123456789"
    assert reply.may_follow


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"3\r\nab", CutShort),
        (b"3\r\nabc", CutShort),
        (b"3\r\nabc\r\n", CutShort),
        (b"3\r\nabc\r\n0\r\n", CutShort),
        (b"-3\r\nabc", BadAnswer),
        (b"\r\n\r\n", BadAnswer),
        (b"fffffffffffffffff\r\n", BadAnswer),
        (b"1" * 100_000, BadAnswer),
    ],
    ids=["in a chunk", "behind one", "before one", "before the end", "negative", "none", "huge", "long"],
)
def test_chunks_that_are_cut_or_malformed_are_never_taken_for_the_whole(
    answered: Answered, text: bytes, error: type[Exception]
):
    reply = answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text)
    with pytest.raises(error):
        body_of(reply)
    assert not reply.may_follow


def test_a_body_that_is_cut_shows_what_is_missing(answered: Answered):
    reply = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123")
    assert (body_of(reply), reply.length, reply.may_follow) == (b"0123", 6, False)


def test_the_whole_of_a_cut_body_is_an_error(answered: Answered):
    reply = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123")
    with pytest.raises(CutShort, match="6 bytes early"):
        reply.whole()


def test_a_body_without_a_length_ends_with_the_connection(answered: Answered):
    reply = answered(b"HTTP/1.1 200 OK\r\n\r\n0123456789")
    assert (reply.length, body_of(reply), reply.may_follow) == (None, b"0123456789", False)


@pytest.mark.parametrize("size", [3, 4, 100])
def test_a_body_is_read_into_a_buffer(answered: Answered, size: int):
    reply = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")
    buffer = memoryview(bytearray(size))
    found = b""
    while count := reply.readinto(buffer):
        found += buffer[:count]
    assert (found, reply.may_follow) == (b"0123456789", True)


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"])
def test_answers_that_have_no_body_have_none(answered: Answered, head: bytes):
    reply = answered(head + b"\r\nContent-Length: 10\r\n\r\n")
    assert (reply.read(), reply.may_follow) == (b"", True)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 2\r\nConnection: close",
        b"Content-Length: 2\r\nTransfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: gzip",
    ],
    ids=["says so", "length and chunks", "unknown coding"],
)
def test_a_connection_that_cannot_be_trusted_is_not_used_again(answered: Answered, fields: bytes):
    assert answered(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n").will_close


def test_what_comes_behind_an_answer_makes_the_connection_unfit(answered: Answered):
    reply = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n\r\n")
    assert body_of(reply) == b"ab"
    assert not reply.may_follow


def test_an_old_server_closes_unless_it_says_otherwise(answered: Answered):
    assert answered(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").will_close


def test_answers_that_only_announce_one_are_passed_over(answered: Answered):
    reply = answered(
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    )
    assert (reply.status, "link" in reply.headers) == (200, False)


def test_fields_of_one_name_are_joined_and_folded_lines_unfolded(answered: Answered):
    reply = answered(b"HTTP/1.1 200\r\nA: 1\r\na: 2\r\n  3\r\nodd\r\nContent-Length: 0,0\r\n\r\n")
    assert (reply.headers["a"], reply.length, reply.reason) == ("1, 2 3", 0, "")


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * (MAX_HEAD + 1_000),
    ],
    ids=["another protocol", "version", "status", "no status", "two lengths", "negative", "large"],
)
def test_what_is_no_answer_is_refused(answered: Answered, text: bytes):
    with pytest.raises(BadAnswer):
        answered(text)


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nA: b\r\n"], ids=["at once", "in the head"])
def test_a_server_that_closes_without_an_answer_is_one_that_closed(answered: Answered, text: bytes):
    with pytest.raises(ConnectionResetError):
        answered(text)


def test_a_request_is_written_as_it_should_be(ends: tuple[socket.socket, socket.socket]):
    connection = Connection(("index.example", 80))
    connection.socket = ends[0]
    ends[1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection.ask("GET", "/simple/", "index.example", {"Accept": "*/*"})
    assert ends[1].recv(1000) == b"GET /simple/ HTTP/1.1\r\nHost: index.example\r\nAccept: */*\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/a b", {}), ("/a\r\nX: y", {}), ("/a", {"X": "y\r\nZ: 1"})],
    ids=["space", "line in the target", "line in a field"],
)
def test_a_request_cannot_be_smuggled_into_another(
    ends: tuple[socket.socket, socket.socket], target: str, headers: dict[str, str]
):
    connection = Connection(("index.example", 80))
    connection.socket = ends[0]
    with pytest.raises(BadAnswer, match="malformed"):
        connection.ask("GET", target, "index.example", headers)


def test_hosts_are_written_as_requests_have_them():
    assert authority("::1", 80) == "[::1]:80"
    assert authority("b\u00fccher.example", 443) == "xn--bcher-kva.example:443"
    assert host_field("https", "a.example", 443) == "a.example"
    assert host_field("http", "a.example", 8080) == "a.example:8080"
    assert host_field("http", "::1", 80) == "[::1]"
