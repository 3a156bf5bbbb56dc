import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

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
    assert "You will read 3 texts" in page.text
    assert (process.returncode, out, err) == (0, "cleaned up\n", "")


def test_a_client_comes_again_now_and_then_to_whichever_worker_has_time(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with served(rating_url) as (address, _), httpx.Client() as client:
        answers = [client.get(f"{address}/healthz") for _ in range(70)]

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.headers["connection"] == "close" for answer in answers) == 2


@pytest.mark.slow
def test_a_server_that_is_interrupted_at_any_moment_stops_at_once(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    for _ in range(4):
        with served(rating_url) as (address, process):
            httpx.get(f"{address}/s/{slug}")  # by one worker, while the other may still be starting
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=4)  # less than a worker gets before it is killed

        assert (process.returncode, err) == (0, "")


def test_an_answer_that_was_confirmed_survives_a_kill(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process), httpx.Client(base_url=f"{address}/s/{slug}") as browser:
        browser.post("/consent", data={"decision": "agree", "token": "a" * 43}, follow_redirects=True)
        browser.post("/instructions")
        sent = browser.post("/trial/1", data={"submission_id": "0123456789abcdef", "answer.happiness": "4"})
        os.killpg(process.pid, signal.SIGKILL)

    assert (sent.status_code, sent.headers["Location"]) == (303, f"/s/{slug}/trial/2")
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT position, value FROM answer").fetchall() == [(1, 4.0)]


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return set(map(int, children.split()))


def test_on_hup_the_workers_are_replaced_and_no_request_is_lost(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with served(rating_url) as (address, process), httpx.Client(base_url=address) as browser:
        statuses = [browser.get("/readyz").status_code]
        while len(before := workers_of(process)) < 2:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGHUP)
        deadline = time.monotonic() + 20
        while workers_of(process) & before and time.monotonic() < deadline:
            statuses.append(httpx.get(f"{address}/readyz").status_code)
        after = workers_of(process)
        statuses.append(httpx.get(f"{address}/readyz").status_code)

    assert (len(before), len(after), before & after) == (2, 2, set())
    assert set(statuses) == {200}


def test_the_counts_of_all_workers_are_added_up(publish_study: Callable[..., str], rating_url: str) -> None:
    publish_study()

    with served(rating_url) as (address, _process):
        for _ in range(12):  # each over a connection of its own, so that both workers get some
            httpx.get(f"{address}/")
        counted = httpx.get(f"{address}/metrics").text

    assert 'rater_requests_total{method="GET",page="rater.home",status="200"} 12.0' in counted


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


def test_a_missing_database_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="There is no rating database"):
        serve(WebSettings(f"sqlite:///{tmp_path / 'missing.db'}"), port=0)
