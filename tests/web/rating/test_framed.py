"""A study inside another site's page: a link to a tab of its own, where browsers say that they are framed."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from rater.study.protocol import Protocol
from rater.study.visit import MTURK

QUERY = "?workerId=W1&assignmentId=A1&hitId=H1"


@pytest.fixture
def slug(publish_study: Callable[..., str], protocol: Protocol) -> str:
    shown = protocol.model_copy(update={"recruitment": MTURK})
    return publish_study(slug="hit", name="hit", shown=shown)


@pytest.mark.parametrize("kind", ["iframe", "frame", "embed", "object"])
def test_a_framed_study_shows_a_link_to_a_tab_of_its_own_that_keeps_the_parameters(
    client: FlaskClient, slug: str, kind: str
) -> None:
    page = client.get(f"/s/{slug}{QUERY}&turkSubmitTo=x", headers={"Sec-Fetch-Dest": kind})

    link = BeautifulSoup(page.text, "html.parser").select_one("main a.primary")
    assert link is not None
    assert (link["href"], link["target"]) == (f"/s/{slug}{QUERY}", "_blank")
    assert "frame-ancestors *" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("path", ["/consent", "/declined", "/instructions", "/start"])
def test_no_page_with_something_to_press_may_be_framed(client: FlaskClient, slug: str, path: str) -> None:
    page = client.get(f"/s/{slug}{path}", headers={"Sec-Fetch-Dest": "iframe"})

    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"


def test_a_page_of_its_own_may_not_be_framed(client: FlaskClient, slug: str) -> None:
    page = client.get(f"/s/{slug}{QUERY}", headers={"Sec-Fetch-Dest": "document"})

    assert page.headers["X-Frame-Options"] == "DENY"
