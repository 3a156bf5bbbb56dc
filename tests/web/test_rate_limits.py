import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits import parse
from werkzeug.test import TestResponse

from rater.errors import RaterError
from rater.web import rate_limits
from rater.web.app import create_app
from rater.web.rating.request_context import ARRIVAL_PREFIX, INVITATION
from rater.web.settings import WebSettings, running
from tests.serving.programs import find_program

FAR = {"REMOTE_ADDR": "192.0.2.7"}
Field = Callable[[TestResponse, str], str]
Rows = Callable[[str], list[tuple[object, ...]]]


class Clock(Protocol):
    """The fixture's clock."""

    now: datetime


@pytest.fixture
def begin(app: Flask, slug: str, field: Field) -> Callable[..., int]:
    """A function that agrees to take part in a browser of its own, from an address."""

    def send(address: str = "192.0.2.7", app: Flask = app) -> int:
        client = app.test_client()
        where = {"environ_base": {"REMOTE_ADDR": address}}
        page = client.get(f"/s/{slug}/consent", **where)
        if page.status_code != 200:
            return page.status_code
        form = {"decision": "agree", "token": field(page, "token")}
        led_on = client.post(f"/s/{slug}/consent", data=form, **where)
        return client.get(led_on.location, **where).status_code

    return send


@pytest.fixture
def slug(publish_study: Callable[..., str]) -> str:
    return publish_study(n_booklets=20)


def test_one_address_begins_half_of_the_booklets_and_no_more(begin: Callable[..., int], rows: Rows) -> None:
    statuses = [begin() for _ in range(12)]

    assert statuses == [303] * 10 + [429] * 2
    assert rows("SELECT count(*) FROM rater") == [(10,)]
    assert begin("198.51.100.9") == 303  # another address still can


def test_an_ipv6_customer_is_one_address(begin: Callable[..., int]) -> None:
    statuses = [begin(f"2001:db8:0:1::{number:x}") for number in range(1, 12)]

    assert statuses == [303] * 10 + [429]


def test_the_limit_holds_over_several_servers(
    rating_url: str, clock: Callable[[], datetime], begin: Callable[..., int], rows: Rows
) -> None:
    other = create_app(WebSettings(rating_url, now=clock))

    statuses = [begin() for _ in range(6)] + [begin(app=other) for _ in range(6)]

    assert statuses == [303] * 10 + [429] * 2
    assert rows("SELECT sum(n) FROM network_count") == [(10,)]
    with other.app_context():
        running().engine.dispose()


def test_counts_of_networks_are_deleted_after_a_day(
    app: Flask, clock: Clock, begin: Callable[..., int], rows: Rows
) -> None:
    begin()
    clock.now += timedelta(hours=26)
    with app.app_context():
        running().seen.storage.reset()  # an hour in which nothing was deleted is over

    assert begin("198.51.100.9") == 303
    assert rows("SELECT n, hour FROM network_count") == [(1, f"{clock.now:%Y-%m-%d %H}:00:00.000000")]


def test_no_address_is_in_the_database(begin: Callable[..., int], rating_url: str) -> None:
    begin()

    folder = Path(rating_url.removeprefix("sqlite:///")).parent
    address = FAR["REMOTE_ADDR"].encode()
    assert not [file for file in folder.glob("rating.db*") if address in file.read_bytes()]


def test_a_lab_may_begin_every_booklet_from_its_address(
    slug: str, rating_url: str, begin: Callable[..., int]
) -> None:
    lab = create_app(WebSettings(rating_url, one_network=True))

    assert [begin(app=lab) for _ in range(15)] == [303] * 15
    with lab.app_context():
        running().engine.dispose()


def test_an_invented_invitation_begins_nothing(
    begin: Callable[..., int], app: Flask, slug: str, rows: Rows
) -> None:
    for _ in range(10):
        begin()

    form = {"decision": "agree", "token": "t" * 43, ARRIVAL_PREFIX + INVITATION: "i" * 22}
    client = app.test_client()
    led_on = client.post(f"/s/{slug}/consent", data=form, environ_base=FAR)
    page = client.get(led_on.location, environ_base=FAR, follow_redirects=True)
    assert (
        page.request.path == f"/s/{slug}/i/{'i' * 22}"
    )  # its page explains that the link is not one of this study
    assert rows("SELECT count(*) FROM rater") == [(10,)]


def test_requests_from_this_machine_are_not_limited(begin: Callable[..., int]) -> None:
    assert [begin("127.0.0.1") for _ in range(15)] == [303] * 15


def test_a_proxy_on_this_machine_does_not_lift_the_limits(app: Flask) -> None:
    with app.test_request_context(
        headers={"X-Forwarded-For": "192.0.2.7"}, environ_base={"REMOTE_ADDR": "::1"}
    ):
        assert not rate_limits.is_from_this_machine()
    with app.test_request_context(environ_base={"REMOTE_ADDR": "::1"}):
        assert rate_limits.is_from_this_machine()


def test_behind_a_trusted_proxy_the_client_s_address_is_counted(slug: str, rating_url: str) -> None:
    app = create_app(WebSettings(rating_url, n_proxies=1))
    app.add_url_rule("/who", view_func=rate_limits.network_of_request)

    page = app.test_client().get("/who", headers={"X-Forwarded-For": "203.0.113.5, 192.0.2.7"})

    assert page.text == "192.0.2.7"  # set by the last proxy; any client can write what is before it
    with app.app_context():
        running().engine.dispose()


def test_a_form_that_is_sent_twice_is_one_beginning(client: FlaskClient, slug: str, field: Field) -> None:
    page = client.get(f"/s/{slug}/consent", environ_base=FAR)
    form = {"decision": "agree", "token": field(page, "token")}

    statuses = []
    for each in [client.application.test_client() for _ in range(12)]:
        led_on = each.post(f"/s/{slug}/consent", data=form, environ_base=FAR)
        statuses.append(each.get(led_on.location, environ_base=FAR).status_code)

    assert statuses == [303] * 12


@pytest.fixture
def limited(
    slug: str, rating_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., FlaskClient]]:
    """A function that makes an app with low limits, since reaching the real ones takes seconds."""
    apps = []

    def make(storage: str = "memory://", **limits: str) -> FlaskClient:
        for name, limit in limits.items():
            monkeypatch.setattr(rate_limits, name, limit)
        apps.append(create_app(WebSettings(rating_url, limits_storage=storage)))
        return apps[-1].test_client(use_cookies=False)

    yield make
    for app in apps:
        with app.app_context():
            running().engine.dispose()


@pytest.mark.parametrize(
    ("limit", "amount", "retry_after", "cookie"),
    [
        ("SESSION", "3 per 30 seconds", 30, "rater=" + "a" * 43),
        ("STRANGER", "3 per minute", 60, ""),
        ("ADDRESS", "3 per minute", 60, "rater=x"),
    ],
)
def test_too_many_requests_get_a_page_that_explains_what_to_do(
    limited: Callable[..., FlaskClient], limit: str, amount: str, retry_after: int, cookie: str
) -> None:
    client = limited(**{limit: amount})
    headers = {"Cookie": cookie} if cookie else {}

    pages = [client.get("/", headers=headers, environ_base=FAR) for _ in range(4)]

    assert [page.status_code for page in pages] == [200, 200, 200, 429]
    assert int(pages[-1].headers["Retry-After"]) == retry_after
    assert "Too many requests" in pages[-1].text
    assert client.get("/", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.8"}).status_code == (
        429 if limit == "SESSION" else 200  # a cookie is one session wherever it is used
    )


def test_a_page_that_does_not_exist_is_counted_too(limited: Callable[..., FlaskClient]) -> None:
    client = limited(ADDRESS="3 per minute")

    statuses = [client.get("/nothing-here", environ_base=FAR).status_code for _ in range(4)]

    assert statuses == [404, 404, 404, 429]


def test_static_files_and_health_are_not_counted(limited: Callable[..., FlaskClient]) -> None:
    client = limited(STRANGER="1 per minute")
    assert client.get("/", environ_base=FAR).status_code == 200

    assert client.get("/", environ_base=FAR).status_code == 429
    assert client.get("/healthz", environ_base=FAR).status_code == 200
    with client.get(f"{client.application.static_url_path}/rater.css", environ_base=FAR) as static:
        assert static.status_code == 200


def test_a_rater_is_let_through_where_strangers_of_the_same_address_are_not(
    limited: Callable[..., FlaskClient], slug: str
) -> None:
    client = limited(STRANGER="4 per minute")
    token = "t" * 43
    sent = client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": token}, environ_base=FAR)
    mine = {"Cookie": f"rater={token}"}
    client.get(sent.location, headers=mine, environ_base=FAR)

    def statuses(cookie: dict[str, str]) -> list[int]:
        return [client.get("/", headers=cookie, environ_base=FAR).status_code for _ in range(4)]

    assert statuses(mine) == [200] * 4
    assert statuses({}) == [429] * 4
    assert statuses({"Cookie": f"rater={'f' * 43}"}) == [429] * 4  # an invented cookie lifts no limit
    assert statuses(mine) == [200] * 4


def test_a_refusal_is_logged_once_and_without_the_address(
    limited: Callable[..., FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    client = limited(STRANGER="1 per minute")

    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            client.get("/", environ_base=FAR)

    [record] = caplog.records
    assert "'stranger'" in record.getMessage()
    assert FAR["REMOTE_ADDR"] not in caplog.text


def test_a_lab_of_a_hundred_at_work_stays_below_the_limits() -> None:
    rating_s, requests_a_rating = 2.0, 3  # a save, the next page, and its prefetch
    session, address = parse(rate_limits.SESSION), parse(rate_limits.ADDRESS)

    assert requests_a_rating / rating_s * session.get_expiry() < session.amount
    assert 100 * requests_a_rating / rating_s * address.get_expiry() < address.amount


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("memcached://host", "memcached://host"),
        ("redis:/host", "redis:/host"),
        ("redis://user:secret@host:port", "//…@host:port"),
        ("", "''"),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused_without_its_password(url: str, named: str) -> None:
    with pytest.raises(RaterError) as caught:
        rate_limits.read_storage(url)

    assert named in str(caught.value)
    assert "redis://host:6379" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["memory://", "redis://host", "rediss://user:secret@host:1/2"])
def test_a_storage_is_taken_as_it_is(url: str) -> None:
    assert rate_limits.read_storage(url) == url


def test_valkey_is_reached_by_the_client_for_redis() -> None:
    assert rate_limits.read_storage("valkey://host:1") == "redis://host:1"


class Redis:
    """A Redis server of a test's own, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = shutil.which("valkey-server") or find_program("redis-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([command, *options], stdout=subprocess.DEVNULL)
        for _ in range(100):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        pytest.fail("Redis did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def ask(self, *words: str) -> str:
        with closing(socket.create_connection(("127.0.0.1", self.port))) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            time.sleep(0.2)
            return connection.recv(65536).decode()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    server.start()
    yield server
    server.stop()


def test_two_servers_count_together_in_redis(limited: Callable[..., FlaskClient], redis: Redis) -> None:
    first = limited(redis.url, STRANGER="4 per minute")
    second = limited(redis.url.replace("redis", "valkey"))

    statuses = [client.get("/", environ_base=FAR).status_code for client in (first, second) * 3]

    assert statuses == [200] * 4 + [429] * 2


def test_redis_holds_neither_cookies_nor_addresses(limited: Callable[..., FlaskClient], redis: Redis) -> None:
    cookie = "a" * 43

    limited(redis.url).get("/", headers={"Cookie": f"rater={cookie}"}, environ_base=FAR)

    keys = redis.ask("KEYS", "*")
    assert "session" in keys
    assert cookie not in keys
    assert FAR["REMOTE_ADDR"] not in keys


def test_without_redis_requests_are_answered_and_limited_and_it_is_logged_once(
    limited: Callable[..., FlaskClient], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    client = limited(redis.url, STRANGER="4 per minute")
    assert client.get("/", environ_base=FAR).status_code == 200
    redis.stop()

    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        statuses = [client.get("/", environ_base=FAR).status_code for _ in range(6)]

    assert statuses == [200] * 4 + [429] * 2
    assert time.monotonic() - started < 3
    lines = [each.getMessage() for each in caplog.records if "in memory" in each.getMessage()]
    assert len(lines) == 1
    assert str(redis.port) not in lines[0]


def test_when_redis_is_back_requests_are_counted_in_it_again(
    limited: Callable[..., FlaskClient], redis: Redis
) -> None:
    client = limited(redis.url)
    redis.stop()
    assert client.get("/", environ_base=FAR).status_code == 200
    redis.start()
    assert "LIMITS" not in redis.ask("KEYS", "*")

    for _ in range(50):
        assert client.get("/", environ_base=FAR).status_code == 200
        if "LIMITS" in redis.ask("KEYS", "*"):
            return
    pytest.fail("Redis is not used again")


def test_a_server_starts_without_its_redis(limited: Callable[..., FlaskClient]) -> None:
    client = limited("redis://127.0.0.1:1")

    assert client.get("/", environ_base=FAR).status_code == 200
