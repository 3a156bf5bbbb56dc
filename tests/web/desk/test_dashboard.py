"""Times and counts at the desk are in units that fit them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from rater.store.engine import disposing, writing
from rater.store.rating.monitoring import WatchedRater
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.publication import NewTrial
from rater.store.rating.schema import Comment, Guess, Rater, StudyRow
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import get_study, move_study
from rater.study.protocol import Protocol
from rater.study.scales import Pairwise
from rater.study.state import State
from rater.study.visit import BlindingQuestion
from rater.web.desk.dashboard import describe_attention
from tests.web.desk.conftest import NOW, soup, unblind
from tests.web.desk.conftest import words as words_of

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


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
        slug="pair", name="pair", shown=shown, trials=(NewTrial(("pair-0", "pair-1")),), n_booklets=2
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


def test_a_study_s_page_counts_who_came_and_how_far(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, 1, 0)

    found = soup(ada.get(STUDY))

    assert words_of(found, ".figures div") == [
        "Raters finished 1 of 3",
        "Texts rated 4 of 9 planned",
        "Median minutes 6 from consent to the last text; estimate shown to raters: 1",
        "Drop-out 67% of 3 who started",
    ]
    assert words_of(found, ".flow li") == [
        "3 Consented",
        "2 Rated a text",
        "1 Finished 2 silent for over 40 minutes",
    ]
    assert words_of(found, ".histogram tbody tr") == [
        "1 2",
        "2 1",
        "before the first text 1",
        "after 1 text 1",
    ]
    assert words_of(found, ".masked") == ["Masked: arms are sealed."]
    assert len(words_of(found, ".raters tbody tr")) == 3


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


def test_flags_and_checks_come_before_the_charts_and_first_in_the_table(
    ada: FlaskClient, add_raters: AddRaters
) -> None:
    add_raters(3, 1, shown_ms=100)

    found = soup(ada.get(STUDY))

    assert words_of(found, "section[aria-labelledby=attention] li") == [
        "2 of 2 raters have flags: very fast 2."
    ]
    assert [str(each.get("aria-labelledby")) for each in found.select("section")][:2] == ["attention", "flow"]
    assert words_of(found, ".raters thead th")[:3] == ["Rater", "Flags", "Checks passed"]
    assert found.select_one("section[aria-labelledby=attention] a[href*='sort=flags']") is not None


def test_failed_attention_checks_are_counted() -> None:
    rater = WatchedRater(
        id="a" * 32,
        consented_at=NOW,
        status=RaterStatus.FINISHED,
        n_answered=4,
        n_trials=4,
        last_at=NOW,
        seconds_a_text=3.0,
        n_checks_passed=1,
        n_checks=2,
        flags={},
        person_id="a" * 32,
        booklet_number=1,
    )

    assert describe_attention([rater, replace(rater, n_checks_passed=2)]) == (
        "0 of 2 raters have flags.",
        "Attention checks: 3 of 4 passed; 1 rater failed at least one.",
    )
    assert describe_attention([]) == ()


def test_times_are_marked_for_the_script_and_in_utc_without_it(
    ada: FlaskClient, add_raters: AddRaters
) -> None:
    add_raters(3)

    found = soup(ada.get(STUDY))

    times = found.select("time[data-local]")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", str(each["datetime"])) for each in times)
    assert words_of(found, ".raters tbody time") == ["03 Feb 03:05 UTC"]
    assert words_of(found, "#zone") == ["Times are in UTC."]


def test_a_study_s_page_has_its_short_name(ada: FlaskClient) -> None:
    assert "Short name: a_study" in " ".join(soup(ada.get(STUDY)).get_text(" ").split())


def test_comments_are_shown_as_text(ada: FlaskClient, add_raters: AddRaters, rating_url: str) -> None:
    add_raters(3)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.add(Comment(rater_id="0" * 32, text="<script>alert(1)</script> & \u202e so"))

    page = ada.get(STUDY)

    assert words_of(soup(page), ".comments li")[0].startswith("<script>alert(1)</script> &")
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
    assert words_of(after, "section[aria-labelledby=guesses] tbody tr") == [
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
    assert words_of(soup(ada.get(STUDY)), ".primary") == ["Read the report"]


def test_a_report_that_is_a_link_to_another_place_is_not_read(
    ada: FlaskClient, rating_url: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "reports" / "a_study").mkdir()
    (tmp_path / "reports" / "a_study" / "report.html").symlink_to(tmp_path / "secret.html")
    unblind(rating_url)

    assert ada.get(f"{STUDY}/report").status_code == 404


def test_a_person_with_two_booklets_is_one_participant_and_two_booklets_of_the_study(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str
) -> None:
    add_raters(3, 1)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.execute(
            update(Rater).where(Rater.id == "1" * 32).values(person_id="0" * 32, booklet_number=2)
        )

    study, people = soup(ada.get(STUDY)), soup(ada.get(f"{STUDY}/participants"))

    assert sorted(words_of(study, ".raters tbody th")) == ["00000000", "00000000 (2)"]
    assert "Further booklets" in study.get_text()
    rows = people.select(".participants tbody tr")
    assert len(rows) == 1
    assert "booklet 2: silent" in rows[0].get_text()
    assert "4 of 6" in rows[0].get_text()
