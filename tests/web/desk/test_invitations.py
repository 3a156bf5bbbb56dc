import csv
import io
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.raters import count_invitations
from rater.store.rating.studies import get_study
from rater.study.protocol import Protocol

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_personal_links_are_made_and_each_lets_somebody_in(
    ada: FlaskClient, desk: Flask, rating_url: str
) -> None:
    page = ada.post(f"{STUDY}/invite", data={"n": "3", "as": "csv"})

    links = [row["link"] for row in csv.DictReader(io.StringIO(page.text))]
    assert len(set(links)) == 3
    path = re.sub("^https?://[^/]+", "", links[0])
    assert desk.test_client().get(path).status_code == 200
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        assert count_invitations(session, get_study(session, "a_study").id) == (3, 0)
    assert "Links created: 3. Links used: 0." in ada.get(f"{STUDY}/invite").text
    assert links[0] not in ada.get(f"{STUDY}/invite").text


def test_a_link_that_lets_nobody_in_is_not_shown(
    ada: FlaskClient, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    publish_study(slug="own", name="own", shown=protocol.model_copy(update={"invited_only": True}))

    page = ada.get("/desk/studies/own").text

    assert "/s/own" not in page
    assert "Raters need a personal link." in page
    assert "/s/quiet-river" in ada.get(STUDY).text


@pytest.mark.parametrize(
    "n", ["", "0", "501", "-1", "1.5", "1,5", "1,000", "1e2", "²", "000000001000000", "9" * 5000]
)
def test_a_number_of_links_that_the_page_does_not_offer_is_refused(ada: FlaskClient, n: str) -> None:
    assert ada.post(f"{STUDY}/invite", data={"n": n}).status_code == 400
