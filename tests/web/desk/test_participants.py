"""A synthetic Prolific study of 20 participants with every outcome, walked through the real pages.

Participants of these outcomes come, each by the link of the site: 1 to 5 finish; 6 finishes and fails the
attention check; 7 is screened out; 8 fails the practice; 9 stops; 10 withdraws; 11 finishes and withdraws; 12
declines; 13 leaves without a word; 14 loses the place by hand; 15 returns the submission and finishes all the
same; 16 is silent; 17 is under way; 18 replaces 6, and 19 replaces 13; 20 finds the study full.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from rater.store.engine import writing
from rater.store.rating.places import find_participant, free_place
from rater.store.rating.rights import Rights, grant
from rater.store.rating.schema import AttentionCheckRow, Item, StudyRole
from rater.store.rating.studies import get_study
from rater.store.rating.users import begin_session
from rater.study.bonus import Bonus
from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import CheckRule, Practice
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, FreedReason, ScreeningQuestion
from tests.web.conftest import Visitor
from tests.web.desk.conftest import Clock, soup, words

Rows = Callable[[str], list[tuple[object, ...]]]
PAGE = "/desk/studies/pilot/participants"
CODES = ("finished", "failed_checks", "screened_out", "failed_practice", "declined", "stopped", "withdrawn")


def person_id(number: int) -> str:
    return f"5f3a9c2b1d4e6f7089abcd{number:02d}"


@dataclass
class Walk:
    """Participants at the pages of the study."""

    desk: Flask
    clock: Clock
    ada: FlaskClient

    def arrive(self, number: int) -> Visitor:
        self.clock.now += timedelta(minutes=1)
        link = f"?PROLIFIC_PID={person_id(number)}&STUDY_ID=s&SESSION_ID=visit-{number}"
        return Visitor(self.desk.test_client(), "pilot").open(link)

    def agree(self, number: int) -> Visitor:
        return self.arrive(number).follow().press("agree")

    def begin(self, number: int) -> Visitor:
        """Come to the first trial."""
        person = self.agree(number).press(**{"screening.0": "0"}).press()
        person.press(**{"answer.happiness": "5"}).press()
        assert person.at == "/trial/1", person.text
        return person

    def finish(self, number: int, point: str = "5", person: Visitor | None = None) -> Visitor:
        person = person or self.begin(number)
        while "/trial/" in person.at:
            person.press(**{"answer.happiness": point})
        return person.press().press(comment=f"From {number}.")

    def log_in_again(self) -> None:
        """Log in at the time of the clock, since a session ends after an hour."""
        with writing(self.desk.extensions["rater"].engine) as session:
            token = begin_session(session, "ada", now=self.clock.now)
        self.ada.set_cookie("rater-desk", token, path="/desk")

    def free(self, number: int, reason: FreedReason) -> None:
        with writing(self.desk.extensions["rater"].engine) as session:
            study_id = get_study(session, "pilot").id
            rater_id = find_participant(session, study_id, person_id(number))
            assert rater_id is not None
            free_place(session, study_id, rater_id, reason=reason, by="site", now=self.clock.now)


@pytest.fixture
def walk(
    desk: Flask,
    ada: FlaskClient,
    clock: Clock,
    publish_study: Callable[..., str],
    protocol: Protocol,
) -> Walk:
    """The study, open, with ten places."""
    shown = protocol.model_copy(
        update={
            "recruitment": PROLIFIC,
            "screening": (
                ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),
            ),
            "practice": (Practice(prompt="Sun", text=" shines.", accepted={"happiness": (4, 5)}),),
            "practice_pass": 1,
            "final_comment": "Anything unclear?",
            "check_rule": CheckRule(max_replaced=1),
            "bonus": Bonus.model_validate({"flat": 0.5, "per_check_passed": 0.1}),
            "reassign_after_hours": 4.0,
            "endings": Endings(**{name: Ending(code=f"C-{name.upper()}") for name in CODES}),
        }
    )
    publish_study(slug="pilot", name="pilot", shown=shown, n_booklets=10)
    with writing(desk.extensions["rater"].engine) as session:
        item = session.scalars(select(Item).where(Item.id == "pilot-1")).one()
        item.is_check = True
        session.add(AttentionCheckRow(item_id=item.id, dimension="happiness", lowest=4.0, highest=5.0))
        grant(
            session, "ada", "pilot", Rights(StudyRole.OWNER, sees_identifiers=True), by="root", now=clock.now
        )
    return Walk(desk, clock, ada)


@pytest.fixture
def twenty(walk: Walk) -> Walk:
    """The study after all twenty have come."""
    for number in range(1, 6):
        walk.finish(number)
    walk.finish(6, "1")
    walk.agree(7).press(**{"screening.0": "1"})
    person = walk.agree(8).press(**{"screening.0": "0"}).press()
    person.press(**{"answer.happiness": "1"}).press().press()
    person.press(**{"answer.happiness": "1"}).press()
    walk.begin(9).press(**{"answer.happiness": "3"}).open("/leave").press("stopped")
    walk.begin(10).press(**{"answer.happiness": "3"}).open("/leave").press("withdrawn")
    leaving = walk.begin(11)
    while "/trial/" in leaving.at:
        leaving.press(**{"answer.happiness": "5"})
    leaving.open("/leave").press("withdrawn")
    walk.arrive(12).follow().press("decline")
    walk.begin(13).press(**{"answer.happiness": "3"})
    walk.begin(14)
    (row,) = [each for each in soup(walk.ada.get(PAGE)).select("tbody tr") if person_id(14) in each.text]
    walk.ada.post(str(row.select("a")[0]["href"]))
    returned = walk.begin(15)
    walk.free(15, FreedReason.RETURNED)
    walk.clock.now += timedelta(minutes=1)
    walk.finish(15, person=returned)
    walk.clock.now += timedelta(hours=5)
    walk.begin(16)
    walk.clock.now += timedelta(minutes=50)
    walk.begin(17)
    walk.finish(18)
    walk.finish(19)
    assert "This study is full" in walk.arrive(20).text
    walk.log_in_again()
    return walk


def rows_of(walk: Walk) -> dict[int, dict[str, str]]:
    """The downloaded table, by participant."""
    read = list(csv.DictReader(io.StringIO(walk.ada.get(f"{PAGE}.csv").text)))
    return {int(row["participant_id"][-2:]): row for row in read}


def test_every_participant_has_one_status_with_the_code_they_were_shown(twenty: Walk) -> None:
    found = rows_of(twenty)

    assert {number: (row["status"], row["code"]) for number, row in found.items()} == {
        **dict.fromkeys(range(1, 6), ("finished", "C-FINISHED")),
        6: ("failed checks", "C-FAILED_CHECKS"),
        7: ("screened out", "C-SCREENED_OUT"),
        8: ("failed the practice", "C-FAILED_PRACTICE"),
        9: ("stopped", "C-STOPPED"),
        10: ("withdrawn", "C-WITHDRAWN"),
        11: ("withdrawn", "C-WITHDRAWN"),
        13: ("replaced", ""),
        14: ("replaced", ""),
        15: ("surplus", "C-FINISHED"),
        16: ("silent", ""),
        17: ("under way", ""),
        18: ("finished", "C-FINISHED"),
        19: ("finished", "C-FINISHED"),
    }
    assert found[1]["SESSION_ID"] == "visit-1"
    assert (found[1]["comment"], found[11]["comment"]) == ("From 1.", "")


def test_the_lists_have_each_participant_once_with_reasons_and_bonuses(twenty: Walk) -> None:
    lists = {each["id"]: each.text.split("\n") for each in soup(twenty.ada.get(PAGE)).select("textarea")}

    assert lists["approve"] == [person_id(number) for number in (*range(1, 6), 15, 18, 19)]
    assert lists["reject"] == [f"{person_id(6)},Failed 1 of 1 attention checks"]
    assert lists["return"] == [
        f"{person_id(7)},Not eligible by the screening questions",
        f"{person_id(8)},Did not pass the practice",
        f"{person_id(9)},Stopped before the end",
        f"{person_id(10)},Withdrew",
        f"{person_id(11)},Withdrew",
        f"{person_id(13)},Inactive for too long",
        f"{person_id(14)},The place was freed by a researcher",
    ]
    assert lists["bonus"] == [f"{person_id(number)},0.60" for number in (*range(1, 6), 15, 18, 19)]


def test_no_place_is_given_twice_and_nobody_has_two(twenty: Walk, rows: Rows) -> None:
    held = rows(
        "SELECT booklet_id FROM rater JOIN study ON study.id = rater.study_id WHERE study.name = 'pilot' "
        "AND left_at IS NULL AND (replaced_at IS NULL OR finished_at > replaced_at)"
    )
    ids = rows("SELECT value FROM identifier WHERE is_person")

    assert len(held) == len(set(held)) == 10
    assert len(ids) == len(set(ids)) == 18


def test_the_log_has_each_freed_place_and_each_download(twenty: Walk, rows: Rows) -> None:
    twenty.ada.get(f"{PAGE}.csv")

    logged = rows("SELECT kind, detail FROM event WHERE kind IN ('freed', 'listed') ORDER BY id")

    assert [kind for kind, _ in logged] == ["freed", "freed", "freed", "listed"]
    reasons = ("by_hand", "returned", "failed_checks")
    assert all(reason in str(detail) for reason, (_, detail) in zip(reasons, logged, strict=False))
    assert "5f3a9c" not in str(logged)


def test_a_user_who_may_not_see_identifiers_gets_rows_without_them_and_no_list(twenty: Walk) -> None:
    with writing(twenty.desk.extensions["rater"].engine) as session:
        own = Rights(StudyRole.OWNER, sees_identifiers=False)
        grant(session, "ada", "pilot", own, by="root", now=twenty.clock.now)

    page = twenty.ada.get(PAGE)
    download = twenty.ada.get(f"{PAGE}.csv")

    for secret in ("5f3a9c", "visit-", "From 1."):
        assert secret not in page.text
        assert secret not in download.text
    assert download.status_code == 403
    assert len(soup(page).select("tbody tr")) == 18
    assert not soup(page).select("textarea")
    assert "rater user grant ada pilot owner --identifiers" in page.text


def test_a_place_is_freed_after_confirmation_and_only_while_it_is_held(walk: Walk, rows: Rows) -> None:
    walk.begin(1)
    walk.finish(2)
    page = soup(walk.ada.get(PAGE))
    (link,) = page.select("tbody a")
    confirmation = soup(walk.ada.get(str(link["href"])))

    assert "they may finish as surplus" in confirmation.get_text()
    (form,) = confirmation.select("main form")
    for _ in range(2):
        assert walk.ada.post(str(form["action"])).location.endswith(PAGE)
    assert rows("SELECT replaced_why FROM rater WHERE replaced_at IS NOT NULL") == [("by_hand",)]
    assert "replaced The place was freed by a researcher" in " ".join(
        words(soup(walk.ada.get(PAGE)), "tbody td")
    )


def test_an_address_without_a_rater_frees_nothing(walk: Walk) -> None:
    for rater_id in ("x", "f" * 31, "g" * 32):
        assert walk.ada.get(f"{PAGE}/{rater_id}/free").status_code == 404
        assert walk.ada.post(f"{PAGE}/{rater_id}/free").status_code == 404
