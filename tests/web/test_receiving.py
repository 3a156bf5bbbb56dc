"""Be a client that is slow, vanishes, or does not let go, and see that nobody else waits for it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from rater.web.receiving import request_length
from tests.web.test_server import served

SAVE = b"POST /s/quiet-river/consent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 64\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n\r\ndecision=agree&token=" + b"a" * 43


@pytest.mark.parametrize(
    ("received", "length"),
    [
        (b"", None),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET", 27),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", 41),
        (b"POST / HTTP/1.1\r\nContent-Length:3 \r\nHost: x\r\n\r\nabc", 50),
        (b"POST / HTTP/1.1\r\nX-Content-Length: 3\r\n\r\n", 40),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"0" * 30 + b"64\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 64\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
    ],
)
def test_a_request_is_as_long_as_its_head_and_body_and_0_if_that_is_not_clear(
    received: bytes, length: int | None
) -> None:
    assert request_length(received) == length
    assert request_length(received, received.find(b"\r\n\r\n") + 2) == length


@contextmanager
def clients(address: str, n: int, sent: bytes) -> Iterator[list[socket.socket]]:
    host, port = address.removeprefix("http://").split(":")
    connected = [socket.create_connection((host, int(port)), timeout=10) for _ in range(n)]
    for client in connected:
        client.sendall(sent)
    yield connected
    for client in connected:
        client.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: local",
        SAVE + FORM[:-10],
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",  # and never closes
        SAVE.replace(b" 64", b" " + b"0" * 30 + b"64") + FORM[:-10],
        SAVE.replace(b" 64", b" " + b"9" * 30) + FORM[:-10],
    ],
    ids=["nothing", "half a head", "half a form", "a request, and stays", "a long length", "a huge one"],
)
def test_clients_that_vanished_hold_up_nobody(
    publish_study: Callable[..., str], rating_url: str, sent: bytes
) -> None:
    publish_study()

    with served(rating_url) as (address, _), clients(address, 16, sent):
        time.sleep(0.2)
        answers = [httpx.get(f"{address}/healthz", timeout=1.9) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200] * 4


def test_a_form_that_comes_in_pieces_and_one_behind_it_are_answered(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with served(rating_url) as (address, _), clients(address, 1, b"") as (client,):
        for piece in (SAVE, FORM[:20], FORM[20:] + b"GET /healthz HT", b"TP/1.1\r\nHost: localhost\r\n\r\n"):
            client.sendall(piece)
            time.sleep(0.05)
        answers = b""
        while not answers.endswith(b"ok\n"):
            answers += client.recv(4096)

    assert answers.startswith(b"HTTP/1.1 303 ")
    assert answers.count(b"HTTP/1.1 200 ") == 1


def test_what_is_too_long_is_refused_at_once_and_its_client_let_go(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()
    long = SAVE.replace(b" 64", b" 70000") + FORM

    with served(rating_url) as (address, _), clients(address, 1, long) as (client,):
        answer = b""
        while received := client.recv(4096):
            answer += received

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_the_servers_own_log_names_neither_who_asked_nor_what_for(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process):
        host, port = address.removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=10)) as client:
            client.sendall(f"GET /s/{slug}?PID=frances b HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = client.recv(8192).decode()
            assert answer.startswith("HTTP/1.1 400 ")
            for header in ("Content-Security-Policy", "Permissions-Policy", "X-Content-Type-Options"):
                assert f"\r\n{header}: " in answer
        process.terminate()
        _, err = process.communicate(timeout=20)

    assert "What came was no request that can be read." in err
    assert "frances" not in err
    assert "127.0.0.1" not in err
