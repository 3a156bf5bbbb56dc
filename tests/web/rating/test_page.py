from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient
from jinja2 import Template

from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
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
    asked = Question(name="field", question="What do you study?", options=("Physics", "Other"))
    shown = whole.model_copy(update={"questionnaire": (asked,)})
    person = visitor(publish_study(slug="whole", name="whole", shown=shown))
    for path in ("/", "/nothing"):
        client.get(path)
    person.open(f"?PROLIFIC_PID={'a' * 24}").follow().press("agree").open("/agreed").follow()
    person.press(**{"screening.0": "0"}).press(**{"about.field": "0"}).press()
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
    brief = {"recruitment": None, "screening": (), "practice": (), "practice_pass": None}
    keen = {**brief, "blinding": None, "final_comment": None, "booklets_per_rater": 2}
    short = whole.model_copy(update=keen)
    rater = visitor(publish_study(slug="keen", name="keen", shown=short, texts_apart=True))
    rater.open().follow().press("agree").press().press(**{"answer.happiness": "2"}).press()
    rater.press("another").open("/code")

    assert "You have withdrawn" in person.text
    assert rater.at == "/code"
    by_template = {page.template: {field.name for field in fields(page)} for page in Page.__subclasses__()}
    assert {name for name, _ in rendered} == set(by_template)
    assert [context for _, context in rendered] == [by_template[str(name)] for name, _ in rendered]


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
