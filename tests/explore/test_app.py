import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.errors import ModelError
from rater.explore.app import ModelFacts, create_app
from rater.explore.settings import RunSettings

TOKEN = "a" * 32
HOST = "127.0.0.1:8000"
RAN: list[RunSettings] = []


def refuse(settings: RunSettings) -> Any:
    RAN.append(settings)
    msg = "additions[0]: <b>no</b>\x1b"
    raise ModelError(msg)


def client(run: Callable[[RunSettings], Any] = refuse, n_layers: int = 30) -> FlaskClient:
    RAN.clear()
    app = create_app(
        ModelFacts(name="tiny<i>", n_layers=n_layers),
        run,
        token=TOKEN,
        hosts=lambda: {HOST, "localhost:8000"},
    )
    return app.test_client()


def get(query: str = "", *, path: str = f"/{TOKEN}/", host: str = HOST, **headers: str) -> TestResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client().get(f"{path}{query}", headers={"Host": host, **sent})


def test_the_form_is_shown_without_a_run() -> None:
    shown = get()

    assert shown.status_code == 200
    assert "Try a vector on tiny&lt;i&gt;" in shown.text
    assert 'value="Love"' in shown.text
    assert "<script" not in shown.text
    assert RAN == []


def test_a_small_model_gets_a_layer_that_it_has() -> None:
    shown = client(n_layers=2).get(f"/{TOKEN}/", headers={"Host": HOST})

    assert 'id="layer"' in shown.text
    assert 'value="1"' in shown.text


@pytest.mark.parametrize(
    ("path", "host", "code"),
    [
        ("/", HOST, 404),
        ("/wrong/", HOST, 404),
        (f"/{TOKEN[1:]}/", HOST, 404),
        (f"/{TOKEN}/", "evil.example:8000", 403),
        (f"/{TOKEN}/", "127.0.0.1:8001", 403),
        (f"/{TOKEN}/", "127.0.0.1.evil.example:8000", 403),
        (f"/{TOKEN}/static/explore.css", "evil.example:8000", 403),
        ("/wrong/static/explore.css", HOST, 404),
        (f"/{TOKEN}/", "localhost:8000", 200),
        (f"/{TOKEN}/static/explore.css", HOST, 200),
    ],
)
def test_only_the_printed_address_has_the_page(path: str, host: str, code: int) -> None:
    shown = get(path=path, host=host)

    shown.close()
    assert shown.status_code == code
    if code != 200:
        assert TOKEN.encode() not in shown.data


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_start_a_run(site: str) -> None:
    refused = get("?text=x", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")
    embedded = get("", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")
    linked = get("", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")

    assert (refused.status_code, embedded.status_code, linked.status_code) == (403, 403, 200)
    assert RAN == []


def test_only_reading_is_possible() -> None:
    assert client().post(f"/{TOKEN}/", headers={"Host": HOST}).status_code == 405


def test_every_answer_has_the_headers() -> None:
    for shown in (get(), get(path="/wrong/"), get(host="evil.example"), get("?layer=x")):
        policy = shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert shown.headers["Cache-Control"] == "no-store"
        assert shown.headers["X-Frame-Options"] == "DENY"


def test_a_mistake_is_explained_at_its_field_and_nothing_runs() -> None:
    shown = get("?layer=31&amount=&text=%3Cb%3E")

    assert shown.status_code == 400
    assert shown.text.count("Layer is “31”. Enter a whole number from 0 to 29.") == 2
    assert 'aria-describedby="layer-hint layer-problem"' in shown.text
    assert "&lt;b&gt;</textarea>" in shown.text
    assert RAN == []


def test_what_the_model_refuses_is_shown_as_text() -> None:
    shown = get("?text=x")

    assert shown.status_code == 400
    assert "additions[0]: &lt;b&gt;no&lt;/b&gt;\ufffd" in shown.text
    assert RAN[0].text == "x"


def test_a_query_that_is_too_long_is_refused() -> None:
    assert get("?text=" + "x" * 17_000).status_code == 414


def test_runs_come_one_after_the_other() -> None:
    running, most = 0, 0
    guard = threading.Lock()
    go = threading.Barrier(4)

    def run(_: RunSettings) -> Any:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.05)
        with guard:
            running -= 1
        msg = "done"
        raise ModelError(msg)

    shared = client(run).application

    def ask() -> None:
        go.wait()
        shared.test_client().get(f"/{TOKEN}/?text=x", headers={"Host": HOST})

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1
