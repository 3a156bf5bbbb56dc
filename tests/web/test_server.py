import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from rater.errors import DatabaseError, RaterError
from rater.web.server import serve
from rater.web.settings import WebSettings

SERVE = """
import sys
from pathlib import Path
from rater.web.server import serve
from rater.web.settings import WebSettings
try:
    place = {"socket_path": Path(sys.argv[2])} if sys.argv[2:] else {"port": 0}
    serve(WebSettings(sys.argv[1]), **place, on_listening=lambda address: print(address, flush=True))
finally:
    print("cleaned up", flush=True)  # once: by this process, by none of its workers
"""


@contextmanager
def served(rating_url: str, *place: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-c", SERVE, rating_url, *place]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_server_prints_its_address_answers_and_stops_cleanly(
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


def test_connections_are_spread_over_the_workers(publish_study: Callable[..., str], rating_url: str) -> None:
    publish_study()

    with served(rating_url) as (address, process):
        wait_until(lambda: n_listening(address) == 2)
        host, port = address.removeprefix("http://").split(":")
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(socket.create_connection((host, int(port))))
            time.sleep(0.5)
            n_sockets = [len(sockets_of(pid)) for pid in workers_of(process)]

    assert min(n_sockets) >= 8  # of 40 at random, fewer than 5 with a probability of one in ten million


@pytest.mark.slow
def test_a_server_that_is_interrupted_at_any_moment_stops_at_once(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    for _ in range(4):
        with served(rating_url) as (address, process):
            httpx.get(f"{address}/s/{slug}")  # by one worker, while the other may still be starting
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=9)  # less than a worker gets before it is killed

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


def sockets_of(pid: int) -> list[str]:
    links = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return [link for link in links if link.startswith("socket:")]


def n_listening(address: str) -> int:
    """Count the sockets that listen on an address's port."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(port) and line[3] == "0A" for line in lines)


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_worker_is_replaced_and_no_confirmed_answer_is_lost(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process), httpx.Client(base_url=f"{address}/s/{slug}") as browser:
        wait_until(lambda: n_listening(address) == 2)
        browser.post("/consent", data={"decision": "agree", "token": "a" * 43}, follow_redirects=True)
        browser.post("/instructions")
        sent = browser.post("/trial/1", data={"submission_id": "0123456789abcdef", "answer.happiness": "4"})
        before = workers_of(process)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        # in this order: until the last killed worker is gone, its socket may still be counted as listening
        wait_until(lambda: len(workers_of(process) - before) == len(workers_of(process)) == 2)
        wait_until(lambda: n_listening(address) == 2)
        with httpx.Client(base_url=f"{address}/s/{slug}", cookies=browser.cookies) as again:
            page = again.get("/trial/2")

    assert (sent.status_code, page.status_code) == (303, 200)
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT position, value FROM answer").fetchall() == [(1, 4.0)]


def test_workers_end_when_the_main_process_is_killed(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with served(rating_url) as (address, process):
        wait_until(lambda: n_listening(address) == 2)
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: n_listening(address) == 0)


def test_workers_that_cannot_start_end_the_server_without_a_traceback(tmp_path: Path) -> None:
    broken = """
from rater.errors import RaterError
from rater.web.server import run_workers
def load():
    raise RaterError("there is no such thing")
try:
    run_workers(load, "127.0.0.1", 0)
except RaterError as error:
    print("RaterError:", error)
"""

    done = subprocess.run(
        [sys.executable, "-c", broken], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True
    )

    assert done.stdout.startswith("RaterError: The server stopped: its workers ended")
    assert "there is no such thing" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_hup_the_workers_are_replaced_and_no_request_is_lost(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with served(rating_url) as (address, process), httpx.Client(base_url=address) as browser:
        statuses = [browser.get("/readyz").status_code]
        wait_until(lambda: n_listening(address) == 2)
        before = workers_of(process)
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


def test_a_taken_port_is_refused_before_anything_starts(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    publish_study()

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RaterError, match=f"^Port {port} on 127.0.0.1 is taken"):
            serve(WebSettings(rating_url), port=port)


def test_a_port_beyond_the_last_is_refused(publish_study: Callable[..., str], rating_url: str) -> None:
    publish_study()

    with pytest.raises(RaterError, match=r"^Port 70000 does not exist\. Valid: 0"):
        serve(WebSettings(rating_url), port=70_000)


def test_an_address_of_another_machine_is_refused(publish_study: Callable[..., str], rating_url: str) -> None:
    publish_study()

    with pytest.raises(RaterError, match=r"^Cannot listen on 192\.0\.2\.1 port 0"):
        serve(WebSettings(rating_url), host="192.0.2.1", port=0)


def test_a_server_listens_on_a_unix_socket_that_a_proxy_of_its_group_may_use(
    publish_study: Callable[..., str], rating_url: str, tmp_path: Path
) -> None:
    publish_study()
    path = tmp_path / "rater.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:  # as a killed server leaves it
        abandoned.bind(str(path))

    with served(rating_url, str(path)) as (address, process):
        mode = path.stat().st_mode & 0o777
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://rater") as client:
            statuses = [client.get(page).status_code for page in ("/", "/readyz", "/metrics")]
        with pytest.raises(RaterError, match="Another server listens on"):
            serve(WebSettings(rating_url), socket_path=path)
        process.terminate()
        out, err = process.communicate(timeout=20)

    assert (address, mode) == (f"unix:{path}", 0o660)
    assert statuses == [200, 200, 404]  # a client of a socket is not known to be on this machine
    assert (process.returncode, out, err) == (0, "cleaned up\n", "")
    assert not path.exists()


def test_a_file_is_not_replaced_by_a_socket(
    publish_study: Callable[..., str], rating_url: str, tmp_path: Path
) -> None:
    publish_study()
    (tmp_path / "notes").write_text("mine")

    with pytest.raises(RaterError, match="exists and is not a socket"):
        serve(WebSettings(rating_url), socket_path=tmp_path / "notes")
    with pytest.raises(RaterError, match=r"^Cannot listen on "):
        serve(WebSettings(rating_url), socket_path=tmp_path / "missing" / "rater.sock")
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ  # which the next app of this process would read


def test_a_missing_database_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="There is no rating database"):
        serve(WebSettings(f"sqlite:///{tmp_path / 'missing.db'}"), port=0)
