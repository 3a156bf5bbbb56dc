from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.web.app import create_app
from rater.web.settings import WebSettings, running

FAR = {"REMOTE_ADDR": "192.0.2.7"}


def test_a_working_app_is_alive_and_ready(client: FlaskClient) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ready\n")


def test_without_its_database_an_app_is_alive_and_not_ready(client: FlaskClient, rating_url: str) -> None:
    client.application.extensions["rater"].engine.dispose()
    Path(rating_url.removeprefix("sqlite:///")).write_bytes(b"no database" * 1000)

    assert client.get("/healthz").status_code == 200
    page = client.get("/readyz")
    assert page.status_code == 503
    assert "rating.db" not in page.text


def test_no_answer_is_confirmed_on_a_database_that_was_deleted_or_replaced(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rate: Callable[[str, int, int], TestResponse],
    rating_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enter(slug)
    assert rate(slug, 1, 4).status_code == 303
    file = Path(rating_url.removeprefix("sqlite:///"))
    backup = file.with_name("backup.db")
    backup.write_bytes(file.read_bytes())
    backup.rename(file)

    assert client.get(f"/s/{slug}").status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    assert "was deleted or replaced while the database was in use" in caplog.text


def test_on_a_full_disk_an_app_is_not_ready(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)

    assert client.get("/readyz").status_code == 503


def test_on_a_database_of_another_revision_an_app_is_not_ready(client: FlaskClient, rating_url: str) -> None:
    from sqlalchemy import text  # noqa: PLC0415 (only here)

    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert client.get("/readyz").status_code == 503


def test_without_a_token_metrics_are_for_this_machine_only(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_base=FAR).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_metrics_count_by_page_and_never_by_rater_or_study(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Callable[[str, int, int], object]
) -> None:
    enter(slug)
    rate(slug, 1, 4)

    text = client.get("/metrics").text

    assert 'rater_requests_total{method="POST",page="rater.answer",status="303"} 1.0' in text
    assert 'rater_request_seconds_count{page="rater.answer"} 1.0' in text
    cookie = client.get_cookie("rater", path=f"/s/{slug}")
    assert cookie is not None
    for word in (slug, "a_study", "happiness", "I woke up", cookie.value):
        assert word not in text


@pytest.mark.parametrize(
    ("sent", "status"),
    [("Bearer sesame", 200), ("Bearer open", 404), ("", 404), ("Bearer ", 404), ("Bearer sesamé", 404)],
)
def test_with_a_token_metrics_are_for_clients_that_send_it(
    slug: str, rating_url: str, sent: str, status: int
) -> None:
    app = create_app(WebSettings(rating_url, metrics_token="sesame"))  # noqa: S106 (a test's)

    page = app.test_client().get("/metrics", headers={"Authorization": sent}, environ_base=FAR)

    assert page.status_code == status
    with app.app_context():
        running().engine.dispose()
