from collections.abc import Callable
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Identifier, Rater
from rater.store.rating.studies import get_study
from rater.study.endings import Ending, Endings
from rater.study.protocol import Protocol
from rater.study.visit import MTURK, PROLIFIC, Channel, ScreeningQuestion
from tests.web.desk.conftest import NOW, soup, words

PID = "5f3ab1c2d4e5f60718293a4b"


@pytest.fixture
def page_of(ada: FlaskClient, publish_study: Callable[..., str], protocol: Protocol) -> Callable[..., str]:
    """A function that publishes a recruited study and returns the address of its set-up page."""

    def publish(**update: object) -> str:
        shown = protocol.model_copy(update={"recruitment": PROLIFIC, **update})
        publish_study(slug="paid-river", name="paid", shown=shown)
        return "/desk/studies/paid/recruit"

    return publish


def fields(page: BeautifulSoup) -> dict[str, str]:
    found = page.select("[data-copy]")
    return {str(each["id"]): str(each.get("value") or each.get_text()) for each in found}


def test_the_page_has_all_that_prolific_asks_for(ada: FlaskClient, page_of: Callable[..., str]) -> None:
    url = page_of(
        endings=Endings(
            finished=Ending(code="C1A2", url="https://app.prolific.com/submissions/complete?cc=C1A2"),
            stopped=Ending(code="P1A2"),
        ),
        screening=(
            ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),
        ),
        final_comment="Anything else?",
    )

    page = soup(ada.get(url))

    copied = fields(page)
    assert copied["link"] == (
        "http://localhost/s/paid-river?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}"
        "&SESSION_ID={{%SESSION_ID%}}"
    )
    assert copied["code-finished"] == "C1A2"
    assert copied["code-stopped"] == "P1A2"
    assert copied["url-finished"].endswith("cc=C1A2")
    assert copied["screening"].startswith("1. Are you 18 or older?")
    assert {"Trials", "Screening", "Final comment"} <= set(words(page, "table.estimate th[scope=row]"))
    assert "Practice" not in words(page, "table.estimate th[scope=row]")


def test_texts_can_be_selected_without_scripts_and_no_dead_button_is_shown(
    ada: FlaskClient, page_of: Callable[..., str]
) -> None:
    page = soup(ada.get(page_of()))

    assert all(each.has_attr("readonly") for each in page.select("[data-copy]"))
    assert words(page, "main button") == ["Compute the payment per hour"]


def test_a_hit_of_mechanical_turk_gets_html_instead_of_a_link(
    ada: FlaskClient, page_of: Callable[..., str]
) -> None:
    page = soup(ada.get(page_of(recruitment=MTURK)))

    assert 'new URL("http://localhost/s/paid-river")' in fields(page)["mturk"]
    assert "link" not in fields(page)


def test_minutes_of_the_study_override_the_estimate(ada: FlaskClient, page_of: Callable[..., str]) -> None:
    text = " ".join(soup(ada.get(page_of(minutes=37))).get_text(" ").split())

    assert "Minutes that raters are shown: 37 . They are set by the study; the estimate is" in text


@pytest.mark.parametrize("typed", ["2.50", "2,50", " 2.5 "])
def test_a_payment_is_converted_to_a_payment_per_hour(
    ada: FlaskClient, page_of: Callable[..., str], typed: str
) -> None:
    page = soup(ada.get(page_of(minutes=12), query_string={"payment": typed}))

    assert "12.50 per hour" in words(page, "form strong")


@pytest.mark.parametrize("typed", ["-1", "0", "much", "NaN", "1e9", "Infinity", "²", "10001"])
def test_a_payment_that_is_no_amount_gets_an_explanation(
    ada: FlaskClient, page_of: Callable[..., str], typed: str
) -> None:
    page = soup(ada.get(page_of(), query_string={"payment": typed}))

    assert "valid: an amount such as 2.50" in words(page, "[role=alert]")[0]
    assert words(page, "form strong") == []


def let_raters_finish(rating_url: str, n: int, minutes: float) -> None:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "a_study")
        booklet = session.connection().exec_driver_sql("SELECT id FROM booklet LIMIT 1").scalar_one()
        for number in range(n):
            session.add(
                Rater(
                    id=f"{number:032x}",
                    study_id=study.id,
                    booklet_id=booklet,
                    channel=Channel.WEB,
                    consented_at=NOW,
                    finished_at=NOW + timedelta(minutes=minutes),
                )
            )


def test_the_median_is_shown_once_ten_raters_have_finished(ada: FlaskClient, rating_url: str) -> None:
    let_raters_finish(rating_url, 9, 30)
    before = ada.get("/desk/studies/a_study/recruit?payment=2").text
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        session.connection().exec_driver_sql("DELETE FROM rater")
    let_raters_finish(rating_url, 10, 30)
    after = ada.get("/desk/studies/a_study/recruit?payment=2").text

    assert "The median is shown once 10 raters have finished; 9 have." in " ".join(before.split())
    assert "Median of 10 raters: 30.0 minutes" in after
    assert "4.00 per hour" in after
    assert "4.00 per hour" not in before


def test_links_that_arrived_with_unfilled_placeholders_are_listed_and_no_value_is_shown(
    ada: FlaskClient, desk: Flask, page_of: Callable[..., str]
) -> None:
    url = page_of()
    visitor = desk.test_client()
    visitor.get(
        "/s/paid-river", query_string={"PROLIFIC_PID": "{{%PROLIFIC_PID%}}", "STUDY_ID": "[" + PID + "]"}
    )

    page = soup(ada.get(url))

    rows = words(page, "section[aria-labelledby=link-title] tbody tr")
    assert len(rows) == 2
    assert any(
        row.startswith("PROLIFIC_PID a placeholder that was not filled in 1 2026-02-03") for row in rows
    )
    assert PID not in page.get_text()


def test_no_identifier_of_a_rater_is_on_the_page(
    ada: FlaskClient, desk: Flask, page_of: Callable[..., str], rating_url: str
) -> None:
    url = page_of()
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "paid")
        connection = session.connection()
        booklet = connection.exec_driver_sql(
            "SELECT id FROM booklet WHERE study_id = ? LIMIT 1", (study.id,)
        ).scalar_one()
        rater = Rater(
            id="e" * 32, study_id=study.id, booklet_id=booklet, channel=Channel.WEB, consented_at=NOW
        )
        session.add(rater)
        session.flush()
        session.add(
            Identifier(rater_id=rater.id, name="PROLIFIC_PID", study_id=study.id, value=PID, is_person=True)
        )

    page = ada.get(url)

    assert page.status_code == 200
    assert PID not in page.text


def test_an_unknown_study_has_no_set_up(ada: FlaskClient) -> None:
    assert ada.get("/desk/studies/none/recruit").status_code == 404


def test_the_set_up_needs_a_login(desk: Flask) -> None:
    answer = desk.test_client().get("/desk/studies/a_study/recruit")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/desk/login")
