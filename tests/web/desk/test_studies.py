import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.schema import Rater
from tests.web.desk.conftest import NOW, soup, unblind, words

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_the_list_says_how_far_each_study_is(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, 1)

    found = soup(ada.get("/desk"))

    assert words(found, ".studies a") == ["How happy are these texts?"]
    assert "open 1 of 3 raters finished a_study, last rater arrived 03 Feb 03:05 UTC" in words(
        found, ".studies p"
    )


def test_the_list_of_studies_costs_the_same_queries_however_many_there_are(
    ada: FlaskClient, publish_study: Callable[..., str], add_raters: Callable[..., None]
) -> None:
    add_raters(3)
    engine = ada.application.extensions["rater"].engine
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    ada.get("/desk")
    with_one = len(statements)
    for number in range(3):
        publish_study(slug=f"more{number}", name=f"more{number}")
    statements.clear()
    page = ada.get("/desk")

    assert len(statements) == with_one
    assert not [statement for statement in statements if "answer" in statement]
    assert "more2" in page.text


def test_the_only_primary_button_is_what_comes_next(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str
) -> None:
    assert words(soup(ada.get(STUDY)), ".primary") == []  # raters are still to come
    add_raters(3, 3, 3)
    assert words(soup(ada.get(STUDY)), ".primary") == ["Close the study"]
    assert "Invite" in words(soup(ada.get(STUDY)), "a.button")
    unblind(rating_url)
    assert words(soup(ada.get(STUDY)), ".primary") == []
    assert "Invite" not in words(soup(ada.get(STUDY)), "a.button")  # nobody can come any more


def test_pause_comes_before_close_and_closing_names_the_raters_whom_it_interrupts(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str
) -> None:
    buttons = words(soup(ada.get(STUDY)), ".actions .button")
    assert buttons.index("Pause") < buttons.index("Close the study")
    assert words(soup(ada.get(f"{STUDY}/move/closed")), ".masked") == []
    add_raters(0)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.query(Rater).one().consented_at = NOW

    found = soup(ada.get(f"{STUDY}/move/closed"))

    assert words(found, ".masked") == [
        "1 rater is rating now and could not finish. To keep their places, pause the study instead."
    ]
    assert words(found, ".actions .button") == ["Close the study", "Pause instead", "Cancel"]


@pytest.mark.parametrize("to", ["published", "unblinded", "open", "nonsense"])
def test_no_other_move_is_made(ada: FlaskClient, rows: Rows, to: str) -> None:
    assert ada.get(f"{STUDY}/move/{to}").status_code == 404
    assert ada.post(f"{STUDY}/move/{to}").status_code == 303
    assert rows("SELECT state FROM study") == [("open",)]


@pytest.mark.parametrize(
    ("to", "button", "state"), [("paused", "Pause", "paused"), ("closed", "Close the study", "closed")]
)
def test_a_study_is_moved_after_a_question_and_its_log_says_by_whom(
    ada: FlaskClient, rows: Rows, to: str, button: str, state: str
) -> None:
    asked = soup(ada.get(f"{STUDY}/move/{to}"))
    assert words(asked, "main button") == [button]
    assert rows("SELECT state FROM study") == [("open",)]

    answer = ada.post(str(asked.select("main form")[0]["action"]))

    assert (answer.status_code, answer.headers["Location"]) == (303, STUDY)
    assert rows("SELECT state FROM study") == [(state,)]
    (kind, detail), *_ = rows("SELECT kind, detail FROM event ORDER BY id DESC")
    assert (kind, json.loads(str(detail))["by"]) == (state, "ada")


def test_the_file_of_a_study_that_was_closed_here_is_whole_without_its_wal(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str, tmp_path: Path
) -> None:
    add_raters(3)

    ada.post(f"{STUDY}/move/closed")

    (tmp_path / "alone.db").write_bytes(Path(rating_url.removeprefix("sqlite:///")).read_bytes())
    with closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT state FROM study").fetchone() == ("closed",)


def test_an_unknown_study_leads_back_to_the_list_and_says_nothing_to_raters(ada: FlaskClient) -> None:
    page = ada.get("/desk/studies/unknown")

    assert page.status_code == 404
    assert '<a href="/desk">Studies</a>' in page.text
    assert "Your saved answers" not in page.text
