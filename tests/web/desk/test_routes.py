import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, update

from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.raters import count_invitations
from rater.store.rating.schema import Comment, Guess, StudyRow
from rater.store.rating.studies import get_study
from rater.study.protocol import Protocol
from rater.study.visit import BlindingQuestion
from tests.web.desk.conftest import soup, unblind, words

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


def test_a_study_s_page_counts_who_came_and_how_far(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, 1, 0)

    found = soup(ada.get(STUDY))

    assert words(found, ".figures div") == [
        "Raters finished 1 of 3",
        "Texts rated 4 of 9 planned",
        "Median minutes 6 from consent to the last text; estimate shown to raters: 1",
        "Drop-out 33% of 3 who started",
    ]
    assert words(found, ".flow li") == ["3 Consented", "2 Rated a text", "1 Finished 1 away for over an hour"]
    assert words(found, ".histogram tbody tr") == ["1 2", "2 1", "after 1 text 1"]
    assert words(found, ".masked") == ["Masked: arms are sealed."]
    assert len(words(found, ".raters tbody tr")) == 3


def test_the_table_sorts_both_ways_without_a_script(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(1, 3, 0)
    urls = {link.get_text(): str(link["href"]) for link in soup(ada.get(STUDY)).select(".raters thead a")}
    assert list(urls) == [
        "Arrived (UTC)",
        "Status",
        "Texts rated",
        "Seconds per text",
        "Checks passed",
        "Flags",
    ]

    up = soup(ada.get(urls["Texts rated"]))
    down = soup(ada.get(str(up.select('th[aria-sort="ascending"] a')[0]["href"])))

    assert words(up, ".raters tbody td:nth-child(4)") == ["0 of 3", "1 of 3", "3 of 3"]
    assert words(down, ".raters tbody td:nth-child(4)") == ["3 of 3", "1 of 3", "0 of 3"]


def test_who_is_too_quick_is_flagged_and_not_excluded(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, shown_ms=400)

    found = soup(ada.get(STUDY))

    assert words(found, ".raters tbody td")[2:] == ["3 of 3", "0.4", "–", "very fast"]
    assert "1 Finished" in words(found, ".flow li")


def test_the_numbers_come_as_json_and_say_when_the_page_is_old(
    ada: FlaskClient, add_raters: AddRaters
) -> None:
    before = json.loads(ada.get(f"{STUDY}/progress.json").text)
    shown = soup(ada.get(STUDY)).select("#live")[0]
    add_raters(3)
    after = json.loads(ada.get(f"{STUDY}/progress.json").text)

    assert shown["data-version"] == before["version"] != after["version"]
    assert before["numbers"] == {"n_finished": "0", "n_rated": "0", "median_minutes": "–", "drop_out": "–"}
    assert after["numbers"]["n_finished"] == "1"


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


def test_a_download_of_ratings_is_in_the_log_and_has_ids_of_their_own_for_each_rater(
    ada: FlaskClient, add_raters: AddRaters, rows: Rows
) -> None:
    add_raters(3, 3)

    found = list(csv.DictReader(io.StringIO(ada.get(f"{STUDY}/answers.csv").text)))

    assert len({row["item"] for row in found}) == len(found) == 6
    assert not {row["item"] for row in found} & {item for (item,) in rows("SELECT id FROM item")}
    (detail,) = rows("SELECT detail FROM event WHERE kind = 'exported'")
    assert json.loads(str(detail[0])) == {"who": "ada", "by": "desk", "n_answers": 6}


def test_comments_are_shown_as_text(ada: FlaskClient, add_raters: AddRaters, rating_url: str) -> None:
    add_raters(3)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.add(Comment(rater_id="0" * 32, text="<script>alert(1)</script> & \u202e so"))

    page = ada.get(STUDY)

    assert words(soup(page), ".comments li")[0].startswith("<script>alert(1)</script> &")
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text


def test_guesses_are_shown_after_unblinding_only(
    publish_study: Callable[..., str],
    protocol: Protocol,
    rating_url: str,
    ada: FlaskClient,
    add_raters: AddRaters,
) -> None:
    add_raters(3)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "a_study")
        shown = protocol.model_copy(update={"blinding": BlindingQuestion()})
        session.execute(update(StudyRow).values(protocol=shown.model_dump_json()))
        session.add(Guess(rater_id="0" * 32, position=0, choice="second", guessed_at=study.published_at))

    before = ada.get(STUDY).text
    unblind(rating_url)
    after = soup(ada.get(STUDY))

    assert "Answers to the blinding question" not in before
    assert words(after, "section[aria-labelledby=guesses] tbody tr") == [
        "In a special way 0",
        "In the usual way 1",
        "I could not tell 0",
    ]


def test_a_report_is_read_after_unblinding_and_can_do_nothing(
    ada: FlaskClient, rating_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "reports" / "a_study"
    folder.mkdir()
    (folder / "report.html").write_text("<h1>Steered texts are happier</h1><script>alert(1)</script>")

    assert ada.get(f"{STUDY}/report").status_code == 404
    assert "Read the report" not in ada.get(STUDY).text
    unblind(rating_url)
    page = ada.get(f"{STUDY}/report")

    assert "Steered texts are happier" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy
    assert words(soup(ada.get(STUDY)), ".primary") == ["Read the report"]


def test_a_report_that_is_a_link_to_elsewhere_is_not_read(
    ada: FlaskClient, rating_url: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "reports" / "a_study").mkdir()
    (tmp_path / "reports" / "a_study" / "report.html").symlink_to(tmp_path / "secret.html")
    unblind(rating_url)

    assert ada.get(f"{STUDY}/report").status_code == 404


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


@pytest.mark.parametrize("path", ["", "/answers.csv", "/raters.csv", "/progress.json", "/report", "/invite"])
def test_a_study_that_is_not_there_is_not_there(ada: FlaskClient, path: str) -> None:
    assert ada.get(f"/desk/studies/nothing{path}").status_code == 404
    assert ada.get(f"/desk/studies/no%00thing{path}").status_code == 404


def test_a_rater_is_told_nothing_of_the_desk(desk: Flask, slug: str) -> None:
    page = desk.test_client().get(f"/s/{slug}")

    assert "desk" not in page.text
    assert "rater-desk" not in str(page.headers)


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
