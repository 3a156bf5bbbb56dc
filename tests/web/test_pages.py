from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from flask import Flask, render_template_string, template_rendered
from flask.testing import FlaskClient
from jinja2 import Template, UndefinedError

from rater.store.rating.raters import Offer
from rater.study.protocol import Dimension, Protocol
from rater.study.scales import Likert
from rater.web.rating.arrival import estimate_minutes
from rater.web.rating.page import Page

Rendered = list[tuple[str | None, set[str]]]


@pytest.fixture
def rendered(app: Flask) -> Iterator[Rendered]:
    """The templates rendered so far, with the names in their contexts."""
    seen: Rendered = []

    def record(_app: Flask, template: Template, context: dict[str, Any], **_: object) -> None:
        seen.append((template.name, set(context)))

    with template_rendered.connected_to(record, app):
        yield seen


def test_a_pages_fields_are_the_whole_context_of_its_template(
    client: FlaskClient,
    rendered: Rendered,
    publish_study: Callable[..., str],
    visitor: Callable[[str], Any],
    whole: Protocol,
) -> None:
    person = visitor(publish_study(slug="whole", name="whole", shown=whole))
    for path in ("/", "/nothing"):
        client.get(path)
    person.open(f"?PROLIFIC_PID={'a' * 24}").follow().press("agree").open("/agreed").follow()
    person.press(**{"screening.0": "0"}).press()
    for point in ("5", "1"):
        person.press(**{"answer.happiness": point})
        person.follow() if person.soup.select("main a.primary") else person.press()
    for position in (1, 2, 3):
        person.press(**{"answer.happiness": "2"})
        if position == 2:
            person.follow()
    person.press()
    person.press(**{each["name"]: "unsure" for each in person.soup.select("input[type=radio]")}).press()
    client.delete_cookie("rater", path="/s/whole")
    person.open(headers={"Sec-Fetch-Dest": "iframe"})
    person.open(f"?PROLIFIC_PID={'a' * 24}").open(f"?PROLIFIC_PID={'b' * 24}").follow().press("agree")
    person.open("/leave").press("withdrawn")

    assert "You have withdrawn" in person.text
    by_template = {page.template: {field.name for field in fields(page)} for page in Page.__subclasses__()}
    assert {name for name, _ in rendered} == set(by_template)
    assert [context for _, context in rendered] == [by_template[str(name)] for name, _ in rendered]


@pytest.mark.parametrize("name", ["arm", "request", "session", "config", "g"])
def test_a_template_sees_nothing_but_its_page(app: Flask, name: str) -> None:
    with app.test_request_context(), pytest.raises(UndefinedError):
        render_template_string("{{ " + name + " }}")


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


def test_ends_are_always_labelled_and_middle_points_where_the_study_says_so(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    scale = Likert(points=3, low="none", high="all", labels={2: "some"})
    dimensions = (*protocol.dimensions, Dimension(name="sense", question="Sense?", scale=scale))
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    enter("two")

    text = client.get("/s/two/trial/1").text

    assert '<span dir="auto">not at all happy</span>' in text
    assert '<span class="label" dir="auto">some</span>' in text
    assert text.count("<fieldset") == 2


def test_several_dimensions_keep_what_was_chosen_when_one_is_missing(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    sense = Dimension(name="sense", question="Sense?", scale=Likert(points=3, low="none", high="all"))
    dimensions = (*protocol.dimensions, sense)
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    enter("two")

    page = client.post("/s/two/trial/1", data={"submission_id": "0123456789abcdef", "answer.happiness": "4"})

    text = " ".join(page.text.split())
    assert page.status_code == 422
    assert 'name="answer.happiness" value="4" checked' in text
    assert 'id="question-1-problem" hidden' in text
    assert 'id="question-2-problem" hidden' not in text


def test_hostile_text_is_shown_as_text(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None]
) -> None:
    hostile = ("<script>alert(1)</script>", " \x00\u202edesrever {{ 7*7 }}\r\n&amp;" + "x" * 100_000)
    publish_study(slug="hostile", name="hostile", texts=(hostile,))
    enter("hostile")

    text = client.get("/s/hostile/trial/1").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;</strong>" in text
    assert " \ufffd\ufffddesrever {{ 7*7 }}\n&amp;amp;xxx" in text
    assert "\u202e" not in text


def test_whitespace_of_a_text_is_kept(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None]
) -> None:
    publish_study(slug="space", name="space", texts=(("  A", "\n\n  b   c\n"),))
    enter("space")

    assert (
        '<strong class="prompt">  A</strong><span class="completion">\n\n  b   c\n</span></p>'
        in client.get("/s/space/trial/1").text
    )
