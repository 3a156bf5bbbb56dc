from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.fields import ShownField
from rater.study.label_choice import shuffled_places
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Choose, Pairwise
from rater.study.study import Study
from tests.web.conftest import Visitor

Visit = Callable[[str], Any]
Rows = Callable[[str], list[tuple[Any, ...]]]
Publish = Callable[..., str]
FULL = {
    "answer.happiness": "cannot",
    "answer.sense": "2",
    "answer.warmth": "40",
    "answer.age": "33",
    "comment.age": " they said so ",
}


@pytest.fixture
def rating(visitor: Visit, publish_study: Publish, many: Protocol) -> Any:
    """Somebody at the first text of a study with every kind of question."""
    return visitor(publish_study(slug="many", name="many", shown=many)).open().follow().press("agree").press()


def test_every_kind_of_answer_is_kept(rating: Any, rows: Rows) -> None:
    rating.press(**FULL, shown_ms="1200", first_render_ms="30", hidden_ms="400")

    assert rating.at == "/trial/2"
    assert rows("SELECT dimension, value, comment FROM answer ORDER BY id") == [
        ("happiness", None, None),
        ("sense", 2.0, None),
        ("warmth", 40.0, None),
        ("age", 33.0, "they said so"),
    ]
    assert rows("SELECT DISTINCT shown_ms, first_render_ms, hidden_ms FROM answer") == [(1200, 30, 400)]


def test_nothing_is_preselected_and_a_slider_has_no_value(rating: Any) -> None:
    assert rating.soup.select("input[checked]") == []
    assert [field["value"] for field in rating.soup.select(".field")] == ["", ""]
    assert [field.get("name") for field in rating.soup.select("input[type=range]")] == [None]


@pytest.mark.parametrize(
    ("changed", "pointed_at"),
    [
        ({"answer.warmth": ""}, "Please set the slider, or choose “I cannot judge this”."),
        ({"answer.age": "121"}, "Please enter a whole number from 0 to 120."),
        ({"answer.age": "3.5"}, "Please enter a whole number from 0 to 120."),
        ({"answer.age": "old"}, "Please enter a whole number from 0 to 120."),
    ],
)
def test_what_is_missing_or_off_the_scale_is_pointed_at_and_the_rest_is_kept(
    rating: Any, rows: Rows, changed: dict[str, str], pointed_at: str
) -> None:
    rating.press(**{**FULL, **changed})

    shown = [each.get_text(strip=True) for each in rating.soup.select(".problem:not([hidden])")]
    assert rating.page.status_code == 422
    assert shown == [pointed_at]
    assert rating.soup.select_one("[name='answer.sense'][checked]")["value"] == "2"
    assert rating.soup.select_one("textarea").text == "they said so"
    assert rows("SELECT count(*) FROM answer") == [(0,)]


def test_cannot_judge_counts_for_a_slider_too(rating: Any, rows: Rows) -> None:
    rating.press(**{**FULL, "answer.warmth": "", "cannot.warmth": "1"})

    assert rows("SELECT value FROM answer WHERE dimension = 'warmth'") == [(None,)]


def test_many_long_drafts_do_not_lock_a_rater_out(
    visitor: Visit, publish_study: Publish, many: Protocol
) -> None:
    """A server refuses cookies of more than 8,190 characters, and a rater could do nothing about that."""
    texts = tuple((f"Prompt {n}", f" text {n}.") for n in range(5))
    rating = visitor(publish_study(slug="many", name="many", shown=many, texts=texts))
    rating.open().follow().press("agree").press()
    for _ in texts[1:]:
        rating.press(**FULL)

    for _ in texts[1:]:
        rating.press("back", **{**FULL, "answer.age": "", "comment.age": "long " * 400})
    page = rating.client.get(rating.page.request.path)

    assert page.status_code == 200
    assert 4_000 < len(page.request.headers["Cookie"]) < 8_000


def test_going_back_keeps_what_was_half_answered(rating: Any, rows: Rows) -> None:
    rating.press(**FULL).press("back", **{"answer.sense": "3", "comment.age": "wait"})
    assert rating.at == "/trial/1"
    rating.press(**FULL)

    assert rating.at == "/trial/2"
    assert rating.soup.select_one("[name='answer.sense'][checked]")["value"] == "3"
    assert rating.soup.select_one("textarea").text == "wait"
    assert rating.soup.select(".problem:not([hidden])") == []
    rating.press(**FULL)
    assert rows("SELECT count(*) FROM answer WHERE position = 2") == [(4,)]


@pytest.mark.parametrize(
    ("revising", "n_offered", "at"),
    [("all", 1, "/trial/1"), ("last", 1, "/trial/2"), ("none", 0, "/trial/3")],
)
def test_revising_goes_as_far_as_the_study_allows(
    visitor: Visit, publish_study: Publish, protocol: Protocol, revising: str, n_offered: int, at: str
) -> None:
    shown = protocol.model_copy(update={"revising": revising})
    person = visitor(publish_study(slug="r", name="r", shown=shown)).open().follow().press("agree").press()
    person.press(**{"answer.happiness": "1"}).press(**{"answer.happiness": "2"})

    assert len(person.soup.select("button[value=back]")) == n_offered
    person.open("/trial/1")
    assert person.at == ("/trial/1" if revising == "all" else "/trial/3")
    if n_offered:
        person.open("/trial/3").press("back", **{"answer.happiness": "5"})
        person.open(at)
    assert person.at == at


def test_a_trial_of_one_dimension_asks_that_one(
    visitor: Visit, publish_study: Publish, many: Protocol, rows: Rows
) -> None:
    trials = (NewTrial(("one-0",), "sense"), NewTrial(("one-1",), "age"))
    slug = publish_study(slug="one", name="one", shown=many, trials=trials)
    person = visitor(slug).open().follow().press("agree").press()

    assert [each.get_text(strip=True) for each in person.soup.select("legend")] == ["Sense?"]
    person.press(**{"answer.happiness": "3"})
    assert person.page.status_code == 400
    person.open().press(**{"answer.sense": "3"}).press(**{"answer.age": "7"})
    assert rows("SELECT dimension, value FROM answer") == [("sense", 3.0), ("age", 7.0)]


def test_a_pair_shows_both_texts_and_takes_a_preference(
    visitor: Visit, publish_study: Publish, protocol: Protocol, rows: Rows
) -> None:
    scale = Pairwise(tie="Both alike", degrees=("slightly", "clearly"))
    dimension = protocol.dimensions[0].model_copy(update={"scale": scale})
    slug = publish_study(
        slug="pair",
        name="pair",
        shown=protocol.model_copy(update={"dimensions": (dimension,)}),
        trials=(NewTrial(("pair-0", "pair-1")),),
    )
    person = visitor(slug).open().follow().press("agree").press()

    assert [each.text for each in person.soup.select(".completion")] == [" and smiled.", " fell on."]
    labels = [each.get_text(strip=True) for each in person.soup.select(".choices .point")]
    assert labels == ["A, clearly", "A, slightly", "Both alike", "B, slightly", "B, clearly"]
    person.press(**{"answer.happiness": "-2"})
    assert rows("SELECT value FROM answer") == [(-2.0,)]


def test_a_trial_of_three_texts_shows_each_under_its_letter_in_the_order_of_their_places(
    visitor: Visit, publish_study: Publish
) -> None:
    slug = publish_study(slug="three", name="three", trials=(NewTrial(("three-2", "three-0", "three-1")),))

    person = visitor(slug).open().follow().press("agree").press()

    sides = person.soup.select(".pair .side")
    assert [each.h2.get_text(" ", strip=True) for each in sides if each.h2] == ["Text A", "Text B", "Text C"]
    shown = [each.select_one(".completion").text for each in sides]
    assert shown == [" ran.", " and smiled.", " fell on."]


def test_a_rest_tells_the_minutes_left_at_the_raters_own_pace(
    visitor: Visit, publish_study: Publish, protocol: Protocol, clock: Any
) -> None:
    texts = tuple((f"Text {n}", ".") for n in range(30))
    shown = protocol.model_copy(update={"break_every": 2})
    slug = publish_study(slug="rest", name="rest", shown=shown, texts=texts)
    person = visitor(slug).open().follow().press("agree").press()
    for _ in range(2):
        clock.now += timedelta(seconds=30)
        person.press(**{"answer.happiness": "1"})

    assert person.at == "/rest/2"
    assert "At your pace, about 14 minutes are left." in person.text
    assert person.follow().at == "/trial/3"
    assert person.open("/rest/2").at == "/rest/2"
    assert person.open("/rest/1").at == "/trial/3"


def test_a_script_is_told_what_became_of_an_answer(
    client: FlaskClient, rating: Any, publish_study: Publish
) -> None:
    by_script = {"X-Rater": "1"}
    form = {**FULL, "submission_id": "0123456789abcdef"}

    incomplete = client.post("/s/many/trial/1", data={"submission_id": "0" * 16}, headers=by_script)
    saved = client.post("/s/many/trial/1", data=form, headers=by_script)
    twice = client.post("/s/many/trial/1", data=form, headers=by_script)
    early = client.post("/s/many/trial/3", data={**form, "submission_id": "1" * 16}, headers=by_script)
    stranger = client.application.test_client().post("/s/many/trial/2", data=form, headers=by_script)

    assert [each.headers.get("X-Rater") for each in (incomplete, saved, twice, early, stranger)] == [
        "incomplete",
        "saved",
        "saved",
        "refused",
        "redirected",
    ]
    assert saved.headers["X-Rater-Url"] == early.headers["X-Rater-Url"] == "/s/many/trial/2"
    assert 'data-position="2"' in saved.text
    assert (stranger.status_code, stranger.headers["X-Rater-Url"]) == (403, "/s/many/trial/2")
    assert stranger.text == ""


def test_a_question_names_the_field_of_its_text_and_a_shown_field_is_above_it(
    visitor: Visit, publish_study: Publish, study_with_items: Study
) -> None:
    fields = {"concept": "<i>dogs</i>\u202e & cats", "task": "Write <b>one</b> line"}
    slug = publish_study(slug="items", name="items", shown=study_with_items.protocol, fields=fields)
    person = visitor(slug).open().follow().press("agree").press()

    assert person.soup.select_one("legend").get_text() == "How clearly is <i>dogs</i>\ufffd & cats present?"
    assert [each.get_text() for each in person.soup.select(".fields dt, .field-value")] == [
        "The task",
        "Write <b>one</b> line",
    ]
    ends = [each.get_text() for each in person.soup.select(".ends span")]
    assert ends == ["no <i>dogs</i>\ufffd & cats", "much <i>dogs</i>\ufffd & cats"]
    person.press(**{"answer.happiness": "4"})
    assert person.at == "/trial/2"


def test_without_shown_fields_nothing_is_above_a_text(rating: Any) -> None:
    assert rating.soup.select(".fields") == []


LABELS = ("love", "weddings", "anger", "travel", "work")


def of_labels(protocol: Protocol) -> Protocol:
    which = Dimension(
        name="which", question="Which?", scale=Choose(options=LABELS, none="none of these"), cannot_judge=True
    )
    practice = Practice(prompt="I do", text=" take you.", accepted={"which": (2, 2)}, feedback="Weddings.")
    return protocol.model_copy(update={"dimensions": (which,), "practice": (practice,)})


def labels_of(person: Any) -> list[str]:
    return [each.get_text(strip=True) for each in person.soup.select(".labels .number")]


def test_each_rater_chooses_among_labels_in_an_order_of_their_own(
    app: Flask, publish_study: Publish, protocol: Protocol, rows: Rows
) -> None:
    slug = publish_study(slug="labels", name="labels", shown=of_labels(protocol), n_booklets=6)
    orders = set()
    for _ in range(6):
        person = Visitor(app.test_client(), slug).open().follow().press("agree").press()
        seen = [labels_of(person)]
        person.press(**{"answer.which": "2"}).press()
        for _ in range(3):
            seen += [labels_of(person), labels_of(person.open(person.at))]
            person.press(**{"answer.which": "0"})
        assert len(set(map(tuple, seen))) == 1
        assert seen[0][-1] == "none of these"
        orders.add(tuple(seen[0]))

    assert len(orders) > 1
    assert rows("SELECT DISTINCT value FROM answer") == [(0.0,)]
    ids = [rater for (rater,) in rows("SELECT id FROM rater")]
    computed = {tuple(LABELS[place] for place in shuffled_places(rater, 5)) for rater in ids}
    assert {order[:5] for order in orders} == computed


def test_practice_names_the_label_that_was_chosen_and_the_correct_one(
    visitor: Visit, publish_study: Publish, protocol: Protocol
) -> None:
    person = visitor(publish_study(slug="labels", name="labels", shown=of_labels(protocol)))
    person.open().follow().press("agree").press()

    person.press(**{"answer.which": "3"})

    assert "anger" in person.text
    assert "weddings" in person.text


@pytest.mark.parametrize("sent", ["6", "-1", "love", "1.0"])
def test_an_answer_that_is_no_option_is_refused(
    visitor: Visit, publish_study: Publish, protocol: Protocol, sent: str
) -> None:
    shown = of_labels(protocol).model_copy(update={"practice": ()})
    person = visitor(publish_study(slug="labels", name="labels", shown=shown))
    person.open().follow().press("agree").press().press(**{"answer.which": sent})

    assert person.page.status_code == 400


def test_a_text_to_compare_with_is_above_the_rated_one_and_is_not_taken_for_it(
    visitor: Visit, publish_study: Publish, protocol: Protocol
) -> None:
    field = ShownField(name="reference", label="Compare with this text:", is_text=True)
    shown = protocol.model_copy(update={"shown_fields": (field,)})
    slug = publish_study(slug="ref", name="ref", shown=shown, fields={"reference": " it rained <b>."})
    rating = visitor(slug).open().follow().press("agree").press()

    (reference,) = rating.soup.select(".reference")
    (rated,) = rating.soup.select(".completion")
    assert reference.select_one(".reference-label").get_text(strip=True) == "Compare with this text:"
    assert reference.select_one(".rated").get_text().endswith(" it rained <b>.")
    assert reference.select_one(".prompt").get_text() == rating.soup.select(".prompt")[-1].get_text()
    assert rated.get_text() not in reference.get_text()


@pytest.fixture
def unhurried(visitor: Visit, publish_study: Publish, protocol: Protocol) -> Any:
    """Somebody at the first text of a study whose texts must be shown for 20 seconds."""
    shown = protocol.model_copy(update={"least_seconds": 20.0, "read_to_end": True})
    slug = publish_study(slug="unhurried", name="unhurried", shown=shown)
    return visitor(slug).open().follow().press("agree").press()


def test_an_answer_before_the_least_time_is_not_stored_and_is_kept_on_the_page(
    unhurried: Any, clock: Any, rows: Rows
) -> None:
    clock.now += timedelta(seconds=8.5)

    unhurried.press(**{"answer.happiness": "4"})

    assert (unhurried.page.status_code, unhurried.at) == (422, "/trial/1")
    assert "Please take more time to read. You can continue in 12 seconds." in unhurried.text
    assert [str(each["value"]) for each in unhurried.soup.select("input[checked]")] == ["4"]
    assert rows("SELECT count(*) FROM answer") == [(0,)]
    clock.now += timedelta(seconds=12)
    assert unhurried.press(**{"answer.happiness": "4"}).at == "/trial/2"
    assert rows("SELECT position, value FROM answer") == [(1, 4.0)]


def test_the_time_counts_from_the_answer_before_whatever_the_browser_claims(
    unhurried: Any, clock: Any
) -> None:
    clock.now += timedelta(seconds=60)
    assert unhurried.press(**{"answer.happiness": "4"}).at == "/trial/2"

    clock.now += timedelta(seconds=1)
    assert unhurried.press(**{"answer.happiness": "2"}, shown_ms="90000").page.status_code == 422


def test_an_answer_may_be_changed_at_once(unhurried: Any, clock: Any, rows: Rows) -> None:
    clock.now += timedelta(seconds=60)
    unhurried.press(**{"answer.happiness": "4"})

    unhurried.open("/trial/1").press(**{"answer.happiness": "5"})

    assert rows("SELECT revision, value FROM answer ORDER BY id") == [(1, 4.0), (2, 5.0)]


def test_the_page_tells_the_script_what_to_wait_for(unhurried: Any) -> None:
    form = unhurried.soup.select_one("#answers")

    assert form["data-least"] == "20.0"
    assert form["data-to-end"] == "Please read to the end of the text before you continue."
    assert "data-answered" not in form.attrs
    assert unhurried.soup.select_one("#wait[hidden]") is not None
