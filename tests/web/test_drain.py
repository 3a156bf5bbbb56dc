import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

DRAIN_S = 2


@contextmanager
def served(rating_url: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    options = ("--port", "0", "--drain", str(DRAIN_S), "--log-level", "info", "--ratings", rating_url)
    command = [sys.executable, "-m", "rater", "serve", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            found = (re.match(r"http://[\d.:]+", line) for line in lines)
            yield next(match for match in found if match).group(), process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(address: str, path: str, status: int) -> None:
    deadline = time.monotonic() + 20
    while httpx.get(f"{address}{path}").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_terminated_server_is_not_ready_and_still_answers_until_it_stops(
    publish_study: Callable[..., str], rating_url: str
) -> None:
    slug = publish_study()

    with served(rating_url) as (address, process):
        wait_for(address, "/readyz", 200)
        process.terminate()
        wait_for(address, "/readyz", 503)
        stopping = httpx.get(f"{address}/readyz").text
        page = httpx.get(f"{address}/s/{slug}")
        alive = httpx.get(f"{address}/healthz")
        _, err = process.communicate(timeout=20)

    assert stopping == "The server is stopping.\n"
    assert (page.status_code, alive.status_code) == (200, 200)
    assert process.returncode == 0
    assert "The server stops in 2 s" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_stops_a_draining_server_at_once(
    publish_study: Callable[..., str], rating_url: str, again: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_study()
    monkeypatch.setattr(sys.modules[__name__], "DRAIN_S", 300)

    with served(rating_url) as (address, process):
        process.terminate()
        wait_for(address, "/readyz", 503)
        process.send_signal(again)
        process.communicate(timeout=30)

    assert process.returncode == 0
