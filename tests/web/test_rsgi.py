"""Be a slow, vanishing or forging client, and check that nobody else waits or is misled."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from tests.web.test_server import served

SAVE = b"POST /s/quiet-river/consent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 64\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n\r\ndecision=agree&token=" + b"a" * 43

# A WSGI app that returns what it was called with; /slow and /desk/slow take a while, /big is longer than any
# buffer of the system.
ECHO = """
import json, sys, threading, time
from rater.web.rsgi import WsgiBridge
from rater.web.server import run_workers

running = most = 0

def app(environ, start_response):
    global running, most
    path = environ["PATH_INFO"]
    if path.endswith("slow"):
        running += 1
        most = max(most, running)
        time.sleep(0.3)
        running -= 1
    if path == "/fails":
        raise ValueError("the app failed")
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    shown["body"] = environ["wsgi.input"].read().decode()
    shown["thread"], shown["most"] = threading.current_thread().name, most
    start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    if path == "/big":
        return [b"x" * 1_000_000] * 16
    return [json.dumps(shown).encode()]

def load():
    return WsgiBridge(app, max_body_bytes=1000, other_paths=("/desk",), body_timeout_s=0.5)

run_workers(load, "127.0.0.1", 0, workers=1, on_listening=lambda address: print(address, flush=True))
"""


@contextmanager
def serving_echo(code: str = ECHO) -> Iterator[str]:
    """Serve the app above in one process; yields its address."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """The address of a server of the app above."""
    with serving_echo() as address:
        yield address


@contextmanager
def clients(address: str, n: int, sent: bytes) -> Iterator[list[socket.socket]]:
    host, port = address.removeprefix("http://").split(":")
    connected = [socket.create_connection((host, int(port)), timeout=10) for _ in range(n)]
    for client in connected:
        client.sendall(sent)
    yield connected
    for client in connected:
        client.close()


def exchange(address: str, sent: bytes) -> bytes:
    """Send bytes, and return everything that comes back until the server closes the connection."""
    with clients(address, 1, sent) as (client,):
        answer = b""
        while received := client.recv(65536):
            answer += received
    return answer


def test_the_app_gets_the_request_as_wsgi_describes_it(echo: str) -> None:
    answer = httpx.post(
        f"{echo}/a%20path/%C3%A9?q=%20x", content="körper", headers=[("X-Two", "a"), ("X-Two", "b")]
    )

    environ: dict[str, Any] = answer.json()
    assert (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) == ("POST", "q=%20x")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/a path/é"
    assert (environ["body"], environ["CONTENT_LENGTH"]) == ("körper", "7")
    assert environ["HTTP_X_TWO"] == "a,b"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["HTTP_HOST"] == f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    assert "PATH" not in environ  # nothing of the process's environment
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_header_with_an_underscore_cannot_pass_for_one_with_a_hyphen(echo: str) -> None:
    environ = httpx.get(echo, headers={"X_Forwarded_For": "192.0.2.1", "X_Forwarded-Host": "evil"}).json()

    assert not [name for name in environ if "FORWARDED" in name]


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 0\r\nContent-Length: 33\r\n",
        b"Content-Length: 5, 33\r\n",
        b"Content-Length: +33\r\n",
        b"Content-Length: 0x21\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
    ],
)
def test_a_request_whose_length_can_be_read_in_two_ways_is_refused(echo: str, framing: bytes) -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"

    answer = exchange(echo, b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n" + hidden)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"/hidden" not in answer


def test_of_two_framings_the_chunks_count_and_the_connection_is_closed(echo: str) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = exchange(echo, head + b"3\r\nabc\r\n0\r\n\r\n" + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")

    environ = json.loads(answer.split(b"\r\n\r\n")[1])
    assert (environ["body"], environ["CONTENT_LENGTH"]) == ("abc", "3")
    assert "HTTP_TRANSFER_ENCODING" not in environ


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_a_body_that_does_not_arrive_in_time_is_refused(echo: str, sent: bytes) -> None:
    assert exchange(echo, sent).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1F4\r\n%b\r\n1F5\r\n%b\r\n0\r\n\r\n" % (b"x" * 500, b"x" * 501),
    ],
)
def test_the_app_is_told_of_a_body_that_is_too_long_and_does_not_get_it(echo: str, sent: bytes) -> None:
    with clients(echo, 1, sent) as (client,):
        answer = b""
        while not answer.endswith(b"}"):
            answer += client.recv(65536)

    environ = json.loads(answer.split(b"\r\n\r\n")[1])
    assert (environ["body"], environ["CONTENT_LENGTH"]) == ("", "1001")


def test_pages_run_one_at_a_time_and_long_requests_in_threads_of_their_own(echo: str) -> None:
    assert most_at_once(echo, "/slow") == 1
    assert most_at_once(echo, "/desk/slow") == 2


def test_as_many_pages_run_at_the_same_time_as_there_are_threads_for_them() -> None:
    with serving_echo(ECHO.replace("body_timeout_s", "n_page_threads=2, body_timeout_s")) as address:
        assert most_at_once(address, "/slow") == 2


def most_at_once(address: str, path: str, n: int = 4) -> int:
    """Return how many of some simultaneous requests the app handled at the same time."""
    with ThreadPoolExecutor(n) as pool:
        answers = list(pool.map(lambda _: httpx.get(address + path).json(), range(n)))
    return max(int(answer["most"]) for answer in answers)


def test_clients_that_never_read_delay_nobody(echo: str) -> None:
    with clients(echo, 8, b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" * 8):
        time.sleep(1)
        before = time.monotonic()
        answer = httpx.get(f"{echo}/", timeout=10)

    assert answer.status_code == 200
    assert time.monotonic() - before < 2


def test_a_client_that_disconnects_in_the_middle_of_a_body_leaves_no_trace(echo: str) -> None:
    for _ in range(8):
        with clients(echo, 1, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64\r\n\r\nabc"):
            time.sleep(0.02)

    assert httpx.get(echo, timeout=1.9).status_code == 200


def test_an_app_that_fails_costs_one_reply(echo: str) -> None:
    assert httpx.get(f"{echo}/fails").status_code == 500
    assert httpx.get(echo).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: local",
        SAVE + FORM[:-10],
        SAVE.replace(b"Content-Length: 64", b"Transfer-Encoding: chunked") + FORM[:-43] + b"20\r\nabc",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",  # and never closes
        SAVE.replace(b" 64", b" " + b"0" * 30 + b"64") + FORM[:-10],
        SAVE.replace(b" 64", b" " + b"9" * 30) + FORM[:-10],
    ],
    ids=["nothing", "half a head", "half a form", "half a chunk", "one request", "zeros", "a huge length"],
)
def test_clients_that_send_half_a_request_delay_nobody(
    publish_study: Callable[..., str], rating_url: str, sent: bytes
) -> None:
    publish_study()

    with served(rating_url) as (address, _), clients(address, 16, sent):
        time.sleep(0.2)
        answers = [httpx.get(f"{address}{path}", timeout=1.9) for path in ("/healthz", "/", "/", "/")]

    assert [answer.status_code for answer in answers] == [200] * 4


def test_a_form_that_arrives_in_pieces_and_a_request_behind_it_are_answered(
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


@pytest.mark.parametrize("framing", [b"Content-Length: 70000", b"Transfer-Encoding: chunked"])
def test_a_body_that_is_too_long_is_refused_and_its_connection_closed(
    publish_study: Callable[..., str], rating_url: str, framing: bytes
) -> None:
    publish_study()
    head = SAVE.replace(b"Content-Length: 64", framing) + FORM.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    body = b"11170\r\n" + b"a" * 70_000 + b"\r\n" if b"chunked" in framing else b"a" * 100

    with served(rating_url) as (address, _):
        answer = exchange(address, head + body)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"content-security-policy: " in answer


def test_the_log_names_neither_a_client_that_sends_nonsense_nor_what_it_sent(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process):
        host, port = address.removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=10)) as client:
            client.sendall(f"GET /s/{slug}?PID=frances b HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = client.recv(8192)
        process.terminate()
        _, err = process.communicate(timeout=20)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"frances" not in answer
    assert "frances" not in err
    assert "127.0.0.1" not in err
