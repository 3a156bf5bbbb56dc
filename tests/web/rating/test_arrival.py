from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rater.store.engine import writing
from rater.store.rating.raters import Offer, make_invitations
from rater.store.rating.studies import get_study
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC
from rater.web.rating.arrival import estimate_minutes

Visit = Callable[[str], Any]


Rows = Callable[[str], list[tuple[Any, ...]]]


Publish = Callable[..., str]


ADA = "5f3a9c0b1d2e3f4a5b6c7d8e"


BEN = "60a1b2c3d4e5f60718293a4b"


LINK = f"?PROLIFIC_PID={ADA}&STUDY_ID=s-1&SESSION_ID=t-1&other=x"


@pytest.fixture
def recruited(publish_study: Publish, protocol: Protocol) -> str:
    """A study whose raters come from a recruitment site, and from there only."""
    required = PROLIFIC.model_copy(update={"required": True})
    return publish_study(
        slug="recruited", name="recruited", shown=protocol.model_copy(update={"recruitment": required})
    )


@pytest.fixture
def code(app: Flask, publish_study: Publish, protocol: Protocol) -> str:
    """The code of a personal link to the study `closed-door`, which has no other way in."""
    shown = protocol.model_copy(update={"invited_only": True})
    publish_study(slug="closed-door", name="closed-door", shown=shown)
    with writing(app.extensions["rater"].engine) as session:
        study = get_study(session, "closed-door")
        [made] = make_invitations(session, study.id, ["Ada"], now=datetime(2026, 1, 1, tzinfo=UTC))
    return made.code


def begin(person: Any) -> Any:
    return person.follow().press("agree").press()


def test_who_declines_leaves_a_count_and_nothing_else(
    client: FlaskClient, visitor: Visit, recruited: str, rows: Rows
) -> None:
    person = visitor(recruited).open(LINK).follow()
    form = {"decision": "decline", "token": person.soup.select_one("[name=token]")["value"]}

    person.press("decline")
    client.post(f"/s/{recruited}/consent", data=form)  # a double click

    assert "You chose not to take part." in person.text
    assert rows("SELECT kind, n FROM tally") == [("declined", 1)]
    assert rows("SELECT count(*) FROM identifier") == rows("SELECT count(*) FROM rater") == [(0,)]


@pytest.mark.parametrize("query", ["", "?PROLIFIC_PID=", "?PROLIFIC_PID=" + "x" * 201, "?PROLIFIC_PID=%00"])
def test_a_link_that_does_not_say_who_comes_is_not_complete(
    visitor: Visit, recruited: str, query: str
) -> None:
    assert "This link is incomplete." in visitor(recruited).open(query).text


def test_the_same_person_continues_in_another_browser_and_cannot_start_twice(
    app: Flask, visitor: Visit, recruited: str, rows: Rows
) -> None:
    begin(visitor(recruited).open(LINK)).press(**{"answer.happiness": "3"})

    other = type(visitor(recruited))(app.test_client(), recruited)
    other.open(LINK)
    welcome = other.text
    other.press("agree")

    assert "You have already started this study." in welcome
    assert other.at == "/trial/2"
    assert rows("SELECT count(*) FROM rater") == [(1,)]
    assert rows("SELECT count(*) FROM token") == [(2,)]


def test_another_person_at_the_same_browser_starts_anew(visitor: Visit, recruited: str, rows: Rows) -> None:
    begin(visitor(recruited).open(LINK))

    second = begin(visitor(recruited).open(f"?PROLIFIC_PID={BEN}"))

    assert second.at == "/trial/1"
    assert rows("SELECT count(*) FROM rater") == [(2,)]


def test_a_personal_link_lets_one_person_in_and_back(
    app: Flask, visitor: Visit, code: str, rows: Rows
) -> None:
    person = begin(visitor("closed-door").open(f"/i/{code}"))
    other = type(person)(app.test_client(), "closed-door").open(f"/i/{code}").press("agree")

    assert other.at == "/trial/1"
    assert rows("SELECT rater_id FROM invitation") == rows("SELECT id FROM rater")
    assert code not in str(rows("SELECT * FROM invitation"))


def test_a_used_link_says_so_and_shows_the_last_page_again(app: Flask, visitor: Visit, code: str) -> None:
    person = begin(visitor("closed-door").open(f"/i/{code}")).open("/leave").press("stopped")
    other = type(person)(app.test_client(), "closed-door").open(f"/i/{code}")

    assert "This link has already been used" in other.text
    assert "You have stopped." in other.press("agree").text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "only be opened with a personal link"),
        ("/i/wrong-code-1234", "not valid for this study"),
        ("/i/x", "only be opened with a personal link"),
    ],
)
def test_without_a_personal_link_an_invited_study_stays_closed(
    visitor: Visit, code: str, path: str, said: str, client: FlaskClient, rows: Rows
) -> None:
    assert said in visitor("closed-door").open(path).text

    form = {"decision": "agree", "token": "a" * 43, "arrival.personal-link": "wrong-code-1234"}
    client.post("/s/closed-door/consent", data=form, follow_redirects=True)

    assert rows("SELECT count(*) FROM rater") == [(0,)]


def test_a_paused_study_asks_to_come_back(visitor: Visit, publish_study: Publish) -> None:
    publish_study(slug="paused", name="paused", state="paused")

    assert "This study is currently paused." in visitor("paused").open().text


def test_the_language_is_chosen_and_kept_with_what_the_link_said(
    visitor: Visit, publish_study: Publish, protocol: Protocol, rows: Rows
) -> None:
    from rater.study.translation import Translation  # noqa: PLC0415 (for this test only)

    german = Translation(title="Wie glücklich sind diese Texte?", consent="Bitte Texte bewerten.")
    shown = protocol.model_copy(update={"recruitment": PROLIFIC, "translations": {"de": german}})
    person = visitor(publish_study(slug="two", name="two", shown=shown)).open(f"?PROLIFIC_PID={ADA}")
    action = str(person.soup.select_one("footer form")["action"])

    person.page = person.client.post(action, data={"language": "de"}, follow_redirects=True)

    assert "Wie glücklich sind diese Texte?" in person.text
    assert person.soup.html["lang"] == "de"
    person.follow()
    assert "Bitte Texte bewerten." in person.text
    assert "Ich nehme teil" in person.text
    person.press("agree")
    assert rows("SELECT value FROM identifier") == [(ADA,)]


def test_a_form_of_one_study_begins_no_other(
    client: FlaskClient, slug: str, publish_study: Publish, rows: Rows
) -> None:
    other = publish_study(slug="other-river", name="another")
    sent = {"decision": "agree", "token": "a" * 43}
    client.get(client.post(f"/s/{slug}/consent", data=sent).location)

    page = client.get(client.post(f"/s/{other}/consent", data=sent).location)

    assert (page.status_code, page.headers["Location"]) == (303, f"/s/{other}")
    assert rows("SELECT count(*) FROM rater") == [(1,)]


@pytest.mark.parametrize(
    ("n_trials", "n_characters", "minutes"), [(1, 10, 1), (40, 250, 10), (40, 1000, 32), (100, 250, 25)]
)
def test_minutes_follow_reading_and_judging(
    protocol: Protocol, n_trials: int, n_characters: int, minutes: int
) -> None:
    assert estimate_minutes(Offer(n_trials, n_characters, asks_all=True), protocol) == minutes


def test_minutes_count_one_question_a_trial_where_dimensions_are_asked_in_blocks(protocol: Protocol) -> None:
    second = protocol.dimensions[0].model_copy(update={"name": "second"})
    both = protocol.model_copy(update={"dimensions": (*protocol.dimensions, second)})

    minutes = [estimate_minutes(Offer(60, 250, asks_all=asks_all), both) for asks_all in (True, False)]

    assert minutes == [19, 15]
