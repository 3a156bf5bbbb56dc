from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from rater.web.app import create_app
from rater.web.settings import WebSettings, running

FAR = {"REMOTE_ADDR": "192.0.2.7"}


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
