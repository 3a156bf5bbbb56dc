"""What the desk says of times and counts is in units that fit them."""

import json
from collections.abc import Callable
from datetime import timedelta

from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.publication import NewTrial
from rater.store.rating.schema import Rater
from rater.store.rating.studies import get_study, move_study
from rater.study.protocol import Protocol
from rater.study.scales import Pairwise
from rater.study.state import State

STUDY = "/desk/studies/a_study"
AddRaters = Callable[..., None]


def words(page: TestResponse, selector: str) -> list[str]:
    assert page.status_code == 200, page.text
    found = BeautifulSoup(page.text, "html.parser").select(selector)
    return [" ".join(element.get_text(" ", strip=True).split()) for element in found]


def test_a_median_of_seconds_is_not_said_to_be_none(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str
) -> None:
    add_raters(3)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        rater = session.query(Rater).one()
        rater.finished_at = rater.consented_at + timedelta(seconds=20)

    said = "Median minutes under 1 from consent to the last text; estimate shown to raters: 1"
    assert said in words(ada.get(STUDY), ".figures div")
    assert json.loads(ada.get(f"{STUDY}/progress.json").text)["numbers"]["median_minutes"] == "under 1"


def test_a_study_of_pairs_counts_pairs(
    ada: FlaskClient, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    dimension = protocol.dimensions[0].model_copy(update={"scale": Pairwise()})
    shown = protocol.model_copy(update={"dimensions": (dimension,)})
    slug = publish_study(
        slug="pair", name="pair", shown=shown, trials=(NewTrial("pair-0", "pair-1"),), n_booklets=2
    )
    person = ada.application.test_client()
    person.post(f"/s/{slug}/consent", data={"decision": "agree", "token": "a" * 43}, follow_redirects=True)
    found = ada.get("/desk/studies/pair")

    assert "Pairs rated 0 of 2 planned" in words(found, ".figures div")
    assert "0 Rated a pair" in words(found, ".flow li")
    assert {"Pairs rated", "Seconds per pair"} <= set(words(found, ".raters thead a"))


def test_the_chart_of_a_study_that_is_over_ends_with_the_last_who_came(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str
) -> None:
    add_raters(3, 1)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        move_study(session, "a_study", State.CLOSED, at=get_study(session, "a_study").published_at)

    assert words(ada.get(STUDY), ".axis span")[1] == "03 Feb 03:05 UTC"
