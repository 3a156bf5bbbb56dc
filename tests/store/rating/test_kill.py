"""Kill the server while 50 raters are rating: whatever it confirmed to any of them is there, once."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from rater.store.engine import disposing, open_engine, reading
from rater.store.rating.schema import Answer
from rater.store.rating.studies import PublishedStudy
from tests.load.client import Browser

N_RATERS, N_CONFIRMED = 50, 1_000
_SUBMISSION = re.compile(rb'name="submission_id" value="([^"]+)"')
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')


@contextmanager
def _serving(url: str, folder: Path) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """Serve in a process group of its own; yields the port."""
    command = [sys.executable, "-m", "rater", "serve", "--port", "0", "--workers", "2", "--ratings", url]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RATER_")}
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ, start_new_session=True
        )
    try:
        assert server.stdout is not None
        found = (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in server.stdout)
        yield int(next(match for match in found if match)[1]), server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


async def _begin(browser: Browser, slug: str) -> None:
    page = await browser.get(f"/s/{slug}/consent")
    agreed = await browser.post(
        f"/s/{slug}/consent", {"decision": "agree", "token": _first(_TOKEN, page.body)}
    )
    await browser.get(agreed.next_url)
    await browser.post(f"/s/{slug}/instructions", {})


async def _rate(browser: Browser, slug: str, confirmed: list[str]) -> None:
    """Rate text after text until the server is gone; note what it confirmed."""
    for position in range(1, 2_000):
        path = f"/s/{slug}/trial/{position}"
        try:
            submission = _first(_SUBMISSION, (await browser.get(path)).body)
            form = {"submission_id": submission, "go": "next", "answer.happiness": str(position % 5 + 1)}
            saved = await browser.post(path, form)
        except (OSError, asyncio.IncompleteReadError):
            return
        assert saved.status == 303, saved
        confirmed.append(submission)


async def _rate_until_killed(port: int, slug: str, server: "subprocess.Popen[str]") -> list[str]:
    confirmed: list[str] = []

    async def kill() -> None:
        while len(confirmed) < N_CONFIRMED:
            await asyncio.sleep(0.01)
        os.killpg(server.pid, signal.SIGKILL)

    browsers = [Browser(port) for _ in range(N_RATERS)]
    for browser in browsers:
        await _begin(browser, slug)
    await asyncio.wait_for(
        asyncio.gather(kill(), *(_rate(browser, slug, confirmed) for browser in browsers)), timeout=120
    )
    return confirmed


def _first(pattern: "re.Pattern[bytes]", page: bytes) -> str:
    found = pattern.search(page)
    assert found is not None, page[:300]
    return found[1].decode()


@pytest.mark.slow
def test_what_was_confirmed_to_50_raters_survives_the_servers_kill_once(
    rating: Engine,
    rating_url: str,
    publish: Callable[..., PublishedStudy],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    study = publish(rating, n_booklets=N_RATERS, n_trials=300)

    # in a thread of its own: where a browser was used before, this one has its event loop still
    with _serving(rating_url, tmp_path) as (port, server), ThreadPoolExecutor(max_workers=1) as thread:
        confirmed = thread.submit(asyncio.run, _rate_until_killed(port, study.slug, server)).result()

    with disposing(open_engine(rating_url)) as engine, reading(engine) as session:
        stored = Counter(session.scalars(select(Answer.submission_id)))
        raters = set(session.scalars(select(Answer.rater_id)))
    lost, twice = set(confirmed) - set(stored), [each for each, n in stored.items() if n > 1]
    counts = f"{len(confirmed)} confirmed, {len(stored)} stored, {len(lost)} lost, {len(twice)} twice"
    print(f"{rating.dialect.name}: {len(raters)} raters, {counts}")
    record_property("counts", counts)
    assert len(raters) == N_RATERS
    assert len(set(confirmed)) == len(confirmed) >= N_CONFIRMED
    assert (lost, twice) == (set(), [])
    assert len(stored) <= len(confirmed) + N_RATERS
