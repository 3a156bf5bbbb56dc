"""Two servers on one PostgreSQL database, behind a real load balancer with the settings of the guide."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup
from sqlalchemy import URL, Engine, func, select, text

from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import create_rating
from rater.store.rating.raters import make_invitations
from rater.store.rating.schema import Answer, Rater
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.users import add_user
from tests.conftest import NOW
from tests.load.client import Answer as Response
from tests.load.client import Browser
from tests.serving.programs import Proxy, free_port, proxy, redis, serving, shown_block
from tests.store.conftest import _administering, postgresql, publish

__all__ = ["postgresql", "publish"]

pytestmark = pytest.mark.slow

N_RATERS, N_PLACES, N_TRIALS = 50, 40, 12
KILL_AFTER = 120
"""Number of confirmed answers after which a server and Redis are killed."""
PATIENCE_S = 90.0
PASSWORD = "correct horse battery"  # noqa: S105 (a test's)
_SUBMISSION = re.compile(rb'name="submission_id" value="([^"]+)"')
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')
HEADINGS = {"haproxy": "## HAProxy", "nginx": "## nginx", "caddy": "## Caddy"}


@pytest.fixture
def rating_url(postgresql: URL, request: pytest.FixtureRequest) -> str:
    name = f"served_{abs(hash(request.node.nodeid))}"
    with _administering(postgresql) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return postgresql.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def rating(rating_url: str) -> Iterator[Engine]:
    with disposing(create_rating(rating_url)) as engine:
        yield engine


@dataclass
class Site:
    """Two servers behind a load balancer."""

    url: str
    folder: Path
    balancer: Proxy
    ports: tuple[int, int]
    options: tuple[str, ...]
    stack: contextlib.ExitStack
    servers: "dict[int, subprocess.Popen[str]]" = field(default_factory=dict)

    def start(self, number: int) -> None:
        """Start a server, for the first time or again."""
        entered = serving(self.url, self.folder, *self.options, port=self.ports[number])
        _, self.servers[number] = self.stack.enter_context(entered)

    def kill(self, number: int) -> None:
        """Kill a server with its workers, as a machine that loses power."""
        os.killpg(self.servers[number].pid, signal.SIGKILL)
        self.servers[number].wait()

    def counted(self, number: int) -> str:
        """Return the metrics of a server."""
        return httpx.get(f"http://127.0.0.1:{self.ports[number]}/metrics").text


@contextlib.contextmanager
def site(kind: str, url: str, folder: Path, *options: str) -> Iterator[Site]:
    """Run two servers behind a load balancer with the settings of the guide."""
    ports = (free_port(), free_port())
    block = shown_block("several-machines.md", HEADINGS[kind])
    for number, port in enumerate(ports, start=1):
        block = block.replace(f"10.0.0.{number}:8000", f"127.0.0.1:{port}")
    with proxy(kind, block, folder) as balancer, contextlib.ExitStack() as stack:
        made = Site(url, folder, balancer, ports, options, stack)
        for number in (0, 1):
            made.start(number)
        _wait_for_checks(balancer)
        yield made


def _wait_for_checks(balancer: Proxy) -> None:
    """Wait until the load balancer has had the time to find both servers."""
    deadline, n_ready = time.monotonic() + PATIENCE_S, 0
    while n_ready < 6:
        assert time.monotonic() < deadline
        with contextlib.suppress(httpx.HTTPError):
            n_ready = n_ready + 1 if httpx.get(f"{balancer.origin}/readyz").status_code == 200 else 0
        time.sleep(0.3)


def _first(pattern: "re.Pattern[bytes]", response: Response) -> str:
    found = pattern.search(response.body)
    assert found is not None, response
    return found[1].decode()


async def _patiently(browser: Browser, path: str, form: dict[str, str] | None = None) -> Response:
    """Send a request, and send it again unchanged if no server answers it, as the page's script does."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            response = await (browser.get(path) if form is None else browser.post(path, form))
            if response.status not in {502, 503, 504}:
                return response
        assert time.monotonic() < deadline, path
        await asyncio.sleep(0.2)


async def _begin(browser: Browser, slug: str) -> bool:
    """Agree to take part; returns False if there is no place."""
    page = await _patiently(browser, f"/s/{slug}/consent")
    if _TOKEN.search(page.body) is None:  # all places are taken
        return False
    agreed = await _patiently(
        browser, f"/s/{slug}/consent", {"decision": "agree", "token": _first(_TOKEN, page)}
    )
    await _patiently(browser, agreed.next_url)
    return (await _patiently(browser, f"/s/{slug}/instructions", {})).status == 303


async def _rate(browser: Browser, slug: str, confirmed: list[str]) -> bool:
    """Rate every text; returns False if there was no place."""
    if not await _begin(browser, slug):
        return False
    for position in range(1, N_TRIALS + 1):
        path = f"/s/{slug}/trial/{position}"
        page = await _patiently(browser, path)
        if position == 1 and _SUBMISSION.search(page.body) is None:  # led to the page about places
            return False
        form = {
            "submission_id": _first(_SUBMISSION, page),
            "go": "next",
            "answer.happiness": str(position % 5 + 1),
        }
        saved = await _patiently(browser, path, form)
        assert saved.status == 303, saved
        confirmed.append(form["submission_id"])
    return True


async def _rate_all(at: Site, slug: str, disturb: Callable[[], None]) -> tuple[list[str], int]:
    """Let all raters rate while something fails; returns confirmed submissions, and how many raters began."""
    confirmed: list[str] = []

    async def watch() -> None:
        while len(confirmed) < KILL_AFTER:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(disturb)

    async with contextlib.AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(Browser(at.balancer.port)) for _ in range(N_RATERS)]
        begun, _ = await asyncio.gather(
            asyncio.gather(*(_rate(browser, slug, confirmed) for browser in browsers)), watch()
        )
    return confirmed, sum(begun)


@pytest.mark.parametrize("kind", ["haproxy", "nginx", "caddy"])
def test_nothing_is_lost_or_doubled_and_caps_hold_when_a_server_and_redis_are_killed(
    rating: Engine, rating_url: str, publish: Callable[..., PublishedStudy], tmp_path: Path, kind: str
) -> None:
    study = publish(rating, n_booklets=N_PLACES, n_trials=N_TRIALS)
    counted: list[str] = []

    with redis(tmp_path) as (storage, redis_server):
        options = ("--one-network", "--limits-storage", storage)
        with site(kind, rating_url, tmp_path, *options) as at:

            def disturb() -> None:
                counted.extend(at.counted(number) for number in (0, 1))
                redis_server.kill()
                at.kill(0)
                time.sleep(1)
                at.start(0)

            # In a thread: where browser tests ran before, playwright's event loop is running in this one.
            with ThreadPoolExecutor(max_workers=1) as pool:
                confirmed, n_begun = pool.submit(asyncio.run, _rate_all(at, study.slug, disturb)).result()
            _wait_until_it_serves(at, 0, study.slug)

    with reading(rating) as session:
        stored = Counter(session.scalars(select(Answer.submission_id)))
        revisions = set(session.scalars(select(Answer.revision)))
        n_raters, n_finished = session.execute(
            select(func.count(), func.count(Rater.finished_at)).select_from(Rater)
        ).one()
        n_booklets = session.scalar(select(func.count(Rater.booklet_id.distinct())))
    assert (n_begun, n_raters, n_finished, n_booklets) == (N_PLACES,) * 4
    assert set(confirmed) == set(stored)
    assert len(confirmed) == len(stored) == N_PLACES * N_TRIALS
    assert set(stored.values()) == revisions == {1}
    assert len(counted) == 2
    assert all('page="rater.answer"' in each for each in counted)  # both servers did a part


def _wait_until_it_serves(at: Site, number: int, slug: str) -> None:
    """Wait until the load balancer sends requests to a server that was started again."""
    deadline = time.monotonic() + PATIENCE_S
    while 'page="rater.' not in at.counted(number):
        assert time.monotonic() < deadline
        httpx.get(f"{at.balancer.origin}/s/{slug}")
        time.sleep(0.1)


def _agree(origin: str, slug: str) -> int:
    with httpx.Client(base_url=origin, timeout=60) as browser:
        page = browser.get(f"/s/{slug}/consent")
        token = re.findall(r'name="token" value="([^"]+)"', page.text)
        if not token:
            return page.status_code
        agreed = browser.post(f"/s/{slug}/consent", data={"decision": "agree", "token": token[0]})
        return browser.get(agreed.headers["Location"]).status_code


def test_limits_logins_and_personal_links_hold_over_two_servers(
    rating: Engine, rating_url: str, publish: Callable[..., PublishedStudy], tmp_path: Path
) -> None:
    study = publish(rating, n_booklets=20)
    with writing(rating) as session:
        add_user(session, "ada", PASSWORD, now=NOW)
        [made] = make_invitations(session, study.id, ["Bo"], now=NOW)

    with redis(tmp_path) as (storage, _):
        options = ("--desk", "--limits-storage", storage)
        with site("haproxy", rating_url, tmp_path, *options) as at:
            origin = at.balancer.origin
            with ThreadPoolExecutor(14) as threads:
                begun = Counter(threads.map(lambda _: _agree(origin, study.slug), range(14)))
            with httpx.Client(base_url=origin) as browser:
                form = {"name": "ada", "password": PASSWORD}
                entered = browser.post("/desk/login", data=form, headers={"Origin": origin})
                pages = [browser.get("/desk").status_code for _ in range(6)]
                with contextlib.ExitStack() as stack:  # several connections, so that both servers get some
                    clients = [
                        stack.enter_context(httpx.Client(base_url=origin, cookies=browser.cookies))
                        for _ in range(6)
                    ]
                    others = [client.get("/desk").status_code for client in clients]
                    browser.post("/desk/logout", headers={"Origin": origin})
                    after = [client.get("/desk").status_code for client in clients]
            wrong = [
                httpx.post(
                    f"{origin}/desk/login",
                    data={"name": "eve", "password": "x" * 12},
                    headers={"Origin": origin},
                ).status_code
                for _ in range(12)
            ]
            code = made.code
            with ThreadPoolExecutor(6) as threads:
                invited = list(threads.map(lambda _: _accept(origin, study.slug, code), range(6)))

    assert begun == {303: 10, 429: 4}  # half of the booklets, for one network on one day
    assert entered.status_code == 303
    assert (pages, others, set(after)) == ([200] * 6, [200] * 6, {303})
    assert wrong == [403] * 10 + [429] * 2  # counted over four processes on two servers
    assert 303 in invited
    with reading(rating) as session:
        assert session.scalar(select(func.count()).select_from(Rater)) == 11


def _accept(origin: str, slug: str, code: str) -> int:
    """Agree to take part by a personal link."""
    with httpx.Client(base_url=origin, timeout=60) as browser:
        page = BeautifulSoup(browser.get(f"/s/{slug}/i/{code}", follow_redirects=True).text, "html.parser")
        link = page.select_one("main a.primary")
        if link is not None:
            page = BeautifulSoup(browser.get(str(link["href"])).text, "html.parser")
        hidden = page.select("main input[type=hidden]")
        form = {str(each["name"]): str(each["value"]) for each in hidden} | {"decision": "agree"}
        agreed = browser.post(f"/s/{slug}/consent", data=form)
        if "Location" not in agreed.headers:
            return agreed.status_code
        return browser.get(agreed.headers["Location"]).status_code


def test_a_server_that_is_stopped_is_drained_and_no_request_fails(
    rating: Engine, rating_url: str, publish: Callable[..., PublishedStudy], tmp_path: Path
) -> None:
    study = publish(rating)

    with site("haproxy", rating_url, tmp_path, "--drain", "4", "--one-network") as at:
        at.servers[0].terminate()
        statuses = []
        while at.servers[0].poll() is None:
            statuses.append(httpx.get(f"{at.balancer.origin}/s/{study.slug}").status_code)
        statuses += [httpx.get(f"{at.balancer.origin}/s/{study.slug}").status_code for _ in range(5)]

    assert set(statuses) == {200}
