import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from rater.errors import DatabaseError, RaterError
from rater.web.server import serve
from rater.web.settings import WebSettings

SERVE = """
import sys
from rater.web.server import serve
from rater.web.settings import WebSettings
try:
    serve(WebSettings(sys.argv[1]), port=0, on_listening=lambda address: print(address, flush=True))
finally:
    print("cleaned up", flush=True)  # once: by this process, by none of its workers
"""


@contextmanager
def served(rating_url: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-c", SERVE, rating_url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_server_says_where_it_listens_answers_and_stops_cleanly(
    publish_study: Callable[..., str], rating_url: str, stop: signal.Signals
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process):
        page = httpx.get(f"{address}/s/{slug}")
        os.killpg(process.pid, stop)  # as a terminal does: to the workers too
        out, err = process.communicate(timeout=20)

    assert address.startswith("http://127.0.0.1:")
    assert "You will read 3 short texts" in page.text
    assert (process.returncode, out, err) == (0, "cleaned up\n", "")


def test_an_answer_that_was_confirmed_survives_a_kill(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process), httpx.Client(base_url=f"{address}/s/{slug}") as browser:
        browser.post("/consent", data={"decision": "agree", "token": "a" * 43})
        browser.post("/instructions")
        sent = browser.post("/trial/1", data={"submission_id": "0123456789abcdef", "answer.happiness": "4"})
        os.killpg(process.pid, signal.SIGKILL)

    assert (sent.status_code, sent.headers["Location"]) == (303, f"/s/{slug}/trial/2")
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT position, value FROM answer").fetchall() == [(1, 4.0)]


def test_a_taken_port_is_told_before_anything_starts(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RaterError, match=f"^Port {port} on 127.0.0.1 is taken. Stop what uses it"):
            serve(WebSettings(rating_url), port=port)


def test_a_port_beyond_the_last_is_told(publish_study: Callable[..., str], rating_url: str) -> None:
    publish_study()

    with pytest.raises(RaterError, match=r"^Port 70000 is no port\. Valid: 0"):
        serve(WebSettings(rating_url), port=70_000)


def test_an_address_of_another_machine_is_told(publish_study: Callable[..., str], rating_url: str) -> None:
    publish_study()

    with pytest.raises(RaterError, match=r"^192\.0\.2\.1 port 0 cannot be listened on"):
        serve(WebSettings(rating_url), host="192.0.2.1", port=0)


def test_a_missing_database_is_told_before_anything_starts(rating_url: str) -> None:
    with pytest.raises(DatabaseError, match="There is no rating database"):
        serve(WebSettings(rating_url), port=0)
