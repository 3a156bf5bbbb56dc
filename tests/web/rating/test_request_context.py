"""The contact is on the foot of every page, and they can read again what they agreed to."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from rater.store.engine import writing
from rater.store.rating.amendments import NewAmendment, insert_amendment
from rater.store.rating.studies import get_study, move_study
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.visit import PROLIFIC
from rater.web.rating.request_context import link_contact

Publish = Callable[..., str]
Visit = Callable[[str], Any]
CONTACT = "Ada Lovelace, ada@example.org or https://example.org/study."


@pytest.fixture
def person(visitor: Visit, publish_study: Publish, protocol: Protocol) -> Any:
    """Somebody on the first page of a study with a contact."""
    shown = protocol.model_copy(update={"contact": CONTACT})
    return visitor(publish_study(slug="asked", name="asked", shown=shown)).open()


def test_every_page_of_a_study_says_whom_to_ask(app: Flask, person: Any) -> None:
    pages = [person.page, person.follow().page, person.press("agree").page, person.press().page]
    pages += [person.open(path).page for path in ("/leave", "/agreed", "/again")]
    with writing(app.extensions["rater"].engine) as session:
        move_study(session, "asked", State.PAUSED, at=app.extensions["rater"].settings.now())
    pages.append(person.open().page)

    for page in pages:
        assert '<a href="mailto:ada@example.org"' in page.text
        assert '<a href="https://example.org/study"' in page.text


def test_an_error_page_says_whom_to_ask_even_without_the_database(
    app: Flask, person: Any, rating_url: str
) -> None:
    wrong = person.client.post("/s/asked/consent", data={"decision": "maybe"})
    app.extensions["rater"].engine.dispose()
    Path(rating_url.removeprefix("sqlite:///")).write_bytes(b"no database" * 1000)
    unusable = person.client.get("/s/asked")

    assert (wrong.status_code, unusable.status_code) == (400, 503)
    assert "mailto:ada@example.org" in wrong.text
    assert "mailto:ada@example.org" in unusable.text


def test_an_error_page_of_no_study_names_nobody(person: Any) -> None:
    assert "ada@example.org" not in person.client.get("/nothing").text


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("<b>Ada</b> & co", "&lt;b&gt;Ada&lt;/b&gt; &amp; co"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("a+b@c.org", '<a href="mailto:a+b@c.org" rel="external noopener">a+b@c.org</a>'),
    ],
)
def test_a_contact_is_text_with_links(contact: str, shown: str) -> None:
    assert link_contact(contact) == shown


def test_a_rater_reads_again_what_they_agreed_to_as_it_was_then(app: Flask, person: Any, clock: Any) -> None:
    person.follow().press("agree")
    clock.now += timedelta(hours=1)
    with writing(app.extensions["rater"].engine) as session:
        study = get_study(session, "asked")
        changed = study.protocol.model_copy(update={"consent": "Something else."})
        amendment = NewAmendment(changed, (), None, ("consent",), "hash", reason="r", by="b")
        insert_amendment(session, study.id, amendment, now=clock.now)

    person.open("/agreed")

    assert "You will rate texts." in person.text
    assert "Something else." not in person.text
    assert person.follow().at == "/instructions"


Rows = Callable[[str], list[tuple[Any, ...]]]


ADA = "5f3a9c0b1d2e3f4a5b6c7d8e"


LINK = f"?PROLIFIC_PID={ADA}&STUDY_ID=s-1&SESSION_ID=t-1&other=x"


@pytest.fixture
def recruited(publish_study: Publish, protocol: Protocol) -> str:
    """A study whose raters come from a recruitment site, and from there only."""
    required = PROLIFIC.model_copy(update={"required": True})
    return publish_study(
        slug="recruited", name="recruited", shown=protocol.model_copy(update={"recruitment": required})
    )


def begin(person: Any) -> Any:
    return person.follow().press("agree").press()


def test_what_the_study_declares_of_a_link_is_kept_and_nothing_else(
    visitor: Visit, recruited: str, rows: Rows
) -> None:
    begin(visitor(recruited).open(LINK))

    assert rows("SELECT name, value, is_person FROM identifier ORDER BY name") == [
        ("PROLIFIC_PID", ADA, 1),
        ("SESSION_ID", "t-1", 0),
        ("STUDY_ID", "s-1", 0),
    ]


def test_a_parameter_may_be_called_what_it_likes(
    visitor: Visit, publish_study: Publish, protocol: Protocol
) -> None:
    odd = PROLIFIC.model_copy(update={"person": "slug", "keep": ("token", "decision"), "pattern": None})
    publish_study(slug="odd", name="odd", shown=protocol.model_copy(update={"recruitment": odd}))

    person = begin(visitor("odd").open("?slug=someone&token=t&decision=decline"))

    assert person.at == "/trial/1"
