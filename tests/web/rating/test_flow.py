from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.store.engine import writing
from rater.store.rating import studies
from rater.store.rating.open import open_rating
from rater.study.protocol import Protocol
from rater.study.state import State

Rows = Callable[[str], list[tuple[Any, ...]]]


Rate = Callable[[str, int, int], TestResponse]


ID = "0123456789abcdef"


def test_the_landing_page_says_how_much_is_asked(client: FlaskClient, slug: str) -> None:
    page = client.get(f"/s/{slug}")

    assert page.status_code == 200
    assert "You will read 3 texts" in page.text
    assert "about 1 minute" in page.text


def test_the_root_names_no_study(client: FlaskClient) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "open the link that you received" in page.text
    assert "How happy" not in page.text


@pytest.mark.parametrize("path", ["/s/unknown", "/s/unknown/trial/1", "/s/unknown/else", "/nothing"])
def test_an_unknown_address_is_not_found(client: FlaskClient, path: str) -> None:
    page = client.get(path)

    assert page.status_code == 404
    assert "Page not found" in page.text


def test_a_rater_walks_from_landing_to_thanks(
    client: FlaskClient, slug: str, agree: Callable[[str], TestResponse], rate: Rate, rows: Rows
) -> None:
    assert agree(slug).location == f"/s/{slug}/instructions"
    assert client.post(f"/s/{slug}/instructions").location == f"/s/{slug}/trial/1"
    assert rate(slug, 1, 5).location == f"/s/{slug}/trial/2"
    assert rate(slug, 2, 1).location == f"/s/{slug}/trial/3"
    assert rate(slug, 3, 4).location == f"/s/{slug}/finish"
    assert client.post(f"/s/{slug}/finish").location == f"/s/{slug}/thanks"

    assert "All your answers are saved" in client.get(f"/s/{slug}/thanks").text
    assert rows("SELECT position, dimension, revision, value FROM answer ORDER BY id") == [
        (1, "happiness", 1, 5.0),
        (2, "happiness", 1, 1.0),
        (3, "happiness", 1, 4.0),
    ]
    assert rows("SELECT consented_at, instructed_at, finished_at FROM rater") == [
        ("2026-02-03 04:05:06.000000",) * 3
    ]


@pytest.mark.parametrize(
    "page",
    [
        "/screening",
        "/instructions",
        "/practice/1",
        "/trial/1",
        "/trial/99999999999999999999",
        "/rest/2",
        "/finish",
        "/guesses",
        "/comment",
        "/thanks",
        "/leave",
        "/ended",
        "/again",
        "/agreed",
    ],
)
def test_a_raters_page_in_an_unknown_browser_says_so_and_begins_nothing(
    client: FlaskClient, slug: str, rows: Rows, page: str
) -> None:
    answer = client.get(f"/s/{slug}{page}")

    assert answer.status_code == 403
    assert "We no longer recognise this browser" in answer.text
    assert rows("SELECT count(*) FROM rater") == [(0,)]


def test_declining_stores_nothing(client: FlaskClient, slug: str, rows: Rows) -> None:
    answer = client.post(f"/s/{slug}/consent", data={"decision": "decline", "token": "a" * 43})

    assert answer.location == f"/s/{slug}/declined"
    assert "Set-Cookie" not in answer.headers
    assert "perfectly fine" in client.get(answer.location).text
    assert rows("SELECT count(*) FROM rater") == [(0,)]


def test_a_double_click_on_agree_deals_one_booklet(client: FlaskClient, slug: str, rows: Rows) -> None:
    form = {"decision": "agree", "token": "a" * 43}

    client.post(f"/s/{slug}/consent", data=form)
    client.delete_cookie("rater", path=f"/s/{slug}")  # the second click leaves before the first is answered
    led_on = client.post(f"/s/{slug}/consent", data=form)
    client.get(led_on.location)
    answer = client.get(led_on.location)

    assert answer.location == f"/s/{slug}/instructions"
    assert rows("SELECT count(*) FROM rater") == [(1,)]


def test_the_database_keeps_only_a_digest_of_the_token(
    client: FlaskClient, slug: str, agree: Callable[[str], TestResponse], rows: Rows
) -> None:
    agree(slug)

    cookie = client.get_cookie("rater", path=f"/s/{slug}")
    assert cookie is not None
    [(digest,)] = rows("SELECT digest FROM token")
    assert len(digest) == 64
    assert cookie.value not in digest


def test_nobody_answers_before_the_instructions(
    client: FlaskClient, slug: str, agree: Callable[[str], TestResponse], rows: Rows
) -> None:
    agree(slug)

    answer = client.post(f"/s/{slug}/trial/1", data={"submission_id": ID, "answer.happiness": "3"})

    assert answer.location == f"/s/{slug}/instructions"
    assert rows("SELECT count(*) FROM answer") == [(0,)]


def test_nobody_skips_ahead(client: FlaskClient, slug: str, enter: Callable[[str], None], rows: Rows) -> None:
    enter(slug)

    answer = client.post(f"/s/{slug}/trial/2", data={"submission_id": ID, "answer.happiness": "3"})

    assert answer.location == f"/s/{slug}/trial/1"
    assert rows("SELECT count(*) FROM answer") == [(0,)]


def test_nothing_is_preselected(client: FlaskClient, slug: str, enter: Callable[[str], None]) -> None:
    enter(slug)

    assert " checked" not in client.get(f"/s/{slug}/trial/1").text


def test_a_changed_answer_is_a_revision(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Rate, rows: Rows
) -> None:
    enter(slug)
    rate(slug, 1, 2)

    assert 'value="2" checked' in " ".join(client.get(f"/s/{slug}/trial/1").text.split())
    assert rate(slug, 1, 5).location == f"/s/{slug}/trial/2"

    assert rows("SELECT revision, value FROM answer ORDER BY id") == [(1, 2.0), (2, 5.0)]


def test_sending_the_same_page_twice_stores_it_once(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rows: Rows
) -> None:
    enter(slug)
    form = {"submission_id": ID, "answer.happiness": "3"}

    first = client.post(f"/s/{slug}/trial/1", data=form)
    second = client.post(f"/s/{slug}/trial/1", data=form)

    assert first.location == second.location == f"/s/{slug}/trial/2"
    assert rows("SELECT count(*) FROM answer") == [(1,)]


def test_back_keeps_what_was_chosen(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Rate, rows: Rows
) -> None:
    enter(slug)
    rate(slug, 1, 2)

    form = {"submission_id": ID, "answer.happiness": "4", "go": "back"}
    answer = client.post(f"/s/{slug}/trial/2", data=form)

    assert answer.location == f"/s/{slug}/trial/1"
    assert rows("SELECT position, value FROM answer ORDER BY id") == [(1, 2.0), (2, 4.0)]


def test_back_needs_no_answer(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Rate, rows: Rows
) -> None:
    enter(slug)
    rate(slug, 1, 2)

    answer = client.post(f"/s/{slug}/trial/2", data={"submission_id": ID, "go": "back"})

    assert answer.location == f"/s/{slug}/trial/1"
    assert rows("SELECT count(*) FROM answer") == [(1,)]


def test_a_missing_answer_is_pointed_at(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rows: Rows
) -> None:
    enter(slug)

    page = client.post(f"/s/{slug}/trial/1", data={"submission_id": ID})

    assert page.status_code == 422
    assert "autofocus" in page.text
    assert 'id="question-1-problem" hidden' not in " ".join(page.text.split())
    assert rows("SELECT count(*) FROM answer") == [(0,)]


def test_a_second_tab_may_change_an_answer_after_the_end(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Rate, rows: Rows
) -> None:
    enter(slug)
    rate(slug, 1, 1)
    rate(slug, 2, 1)
    rate(slug, 3, 1)

    answer = client.post(f"/s/{slug}/trial/1", data={"submission_id": ID, "answer.happiness": "5"})

    assert answer.location == f"/s/{slug}/finish"
    assert rows("SELECT revision, value FROM answer WHERE position = 1 ORDER BY id") == [(1, 1.0), (2, 5.0)]


def test_a_study_that_is_not_open_yet_says_so(client: FlaskClient, publish_study: Callable[..., str]) -> None:
    publish_study(slug="later", name="later", state="published")

    assert "This study is not open yet." in client.get("/s/later").text
    assert client.get("/s/later/consent").location == "/s/later"


def test_a_closed_study_says_so(client: FlaskClient, publish_study: Callable[..., str]) -> None:
    publish_study(slug="over", name="over", state="closed")

    page = client.get("/s/over")

    assert "This study is closed." in page.text
    assert "Nothing about your visit was stored." in page.text


def test_a_rater_learns_what_was_saved_when_a_study_closes(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rate: Rate,
    rows: Rows,
    rating_url: str,
) -> None:
    enter(slug)
    rate(slug, 1, 2)
    rate(slug, 2, 2)
    engine = open_rating(rating_url)
    with writing(engine) as session:
        studies.move_study(
            session, "a_study", State.CLOSED, at=datetime.fromisoformat("2026-02-03T00:00:00Z")
        )
    engine.dispose()

    answer = client.post(f"/s/{slug}/trial/3", data={"submission_id": ID, "answer.happiness": "5"})

    assert (answer.status_code, answer.location) == (303, f"/s/{slug}")
    assert "Your answers to 2 texts are saved." in client.get(f"/s/{slug}").text
    assert rows("SELECT count(*) FROM answer") == [(2,)]


def test_a_full_study_says_so(
    client: FlaskClient, publish_study: Callable[..., str], agree: Callable[[str], TestResponse], rows: Rows
) -> None:
    publish_study(slug="small", name="small", n_booklets=1)
    agree("small")
    client.delete_cookie("rater", path="/s/small")

    assert "This study is full." in client.get("/s/small").text
    assert client.get("/s/small/consent").location == "/s/small"
    led_on = client.post("/s/small/consent", data={"decision": "agree", "token": "a" * 43})
    assert client.get(led_on.location).location == "/s/small"
    assert rows("SELECT count(*) FROM rater") == [(1,)]


def test_a_rater_of_one_study_is_nobody_in_another(
    client: FlaskClient, slug: str, publish_study: Callable[..., str], enter: Callable[[str], None]
) -> None:
    publish_study(slug="other", name="other")
    enter(slug)

    assert client.get("/s/other").status_code == 200
    assert client.get(f"/s/{slug}").location == f"/s/{slug}/trial/1"


@pytest.mark.parametrize(
    ("every", "n_texts", "rests"),
    [(3, 10, [3, 6]), (2, 4, [2]), (20, 40, [20]), (20, 25, []), (20, 30, [20]), (1, 3, [1, 2])],
)
def test_there_is_no_rest_just_before_the_end(
    client: FlaskClient,
    publish_study: Callable[..., str],
    protocol: Protocol,
    enter: Callable[[str], None],
    rate: Rate,
    every: int,
    n_texts: int,
    rests: list[int],
) -> None:
    shown = protocol.model_copy(update={"break_every": every})
    texts = tuple(("Text", f" {n}.") for n in range(n_texts))
    slug = publish_study(slug="rests", name="rests", shown=shown, texts=texts)
    enter(slug)

    places = [str(rate(slug, position, 3).location) for position in range(1, n_texts + 1)]

    assert [int(place.rpartition("/")[2]) for place in places if "/rest/" in place] == rests


@pytest.mark.parametrize(
    "page", ["", "/consent", "/instructions", "/thanks", "/declined", "/trial/3", "/trial/x"]
)
def test_any_other_page_leads_to_where_a_rater_is(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Rate, page: str
) -> None:
    enter(slug)
    rate(slug, 1, 3)

    answer = client.get(f"/s/{slug}{page}")

    assert (answer.status_code, answer.location) == (303, f"/s/{slug}/trial/2")


@pytest.mark.parametrize("page", ["/", "/other", "/start", "/trial/x"])
def test_an_unknown_page_leads_a_newcomer_to_the_landing_page(
    client: FlaskClient, slug: str, page: str
) -> None:
    answer = client.get(f"/s/{slug}{page}")

    assert (answer.status_code, answer.location) == (303, f"/s/{slug}")
