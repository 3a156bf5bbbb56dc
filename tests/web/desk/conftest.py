"""Give tests of the desk an app that has one, and an experimenter who is logged in."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.schema import Answer, Booklet, DeskUser, Rater
from rater.store.rating.studies import get_study, move_study
from rater.store.rating.users import begin_session
from rater.study.state import State
from rater.study.visit import Channel
from rater.web.app import create_app
from rater.web.settings import WebSettings, running

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


PASSWORD = "correct horse battery"  # noqa: S105 (a test's)


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of the password: making it takes long, which is what it is for."""
    return PasswordHasher().hash(PASSWORD)


@pytest.fixture
def desk(slug: str, rating_url: str, clock: Clock, tmp_path: Path, password_hash: str) -> Iterator[Flask]:
    """The app with a desk, on a database with one open study of three texts and the user ada."""
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.add(DeskUser(name="ada", password_hash=password_hash, made_at=NOW, role="owner"))
    for name in ("previews", "reports"):
        (tmp_path / name).mkdir()
    settings = WebSettings(
        rating_url,
        with_desk=True,
        previews_folder=tmp_path / "previews",
        reports_folder=tmp_path / "reports",
        now=clock,
    )
    app = create_app(settings)
    yield app
    with app.app_context():
        running().engine.dispose()
    app.extensions["rater-previews"].close()


@pytest.fixture
def ada(desk: Flask) -> FlaskClient:
    """An experimenter who is logged in, without the time that a password takes."""
    with writing(desk.extensions["rater"].engine) as session:
        token = begin_session(session, "ada", now=NOW)
    client = desk.test_client()
    client.set_cookie("rater-desk", token, path="/desk")
    return client


@pytest.fixture
def add_raters(rating_url: str) -> Callable[..., None]:
    """A function that lets raters of the study come, an hour apart, and answer some texts each."""

    def add(*n_answered: int, value: float = 3.0, shown_ms: int = 4_000) -> None:
        with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
            booklets = session.query(Booklet).order_by(Booklet.id).all()
            for number, n in enumerate(n_answered):
                came = NOW - timedelta(hours=len(n_answered) - number)
                rater_id = f"{number:x}" * 32
                booklet = booklets[number]
                session.add(
                    Rater(
                        id=rater_id,
                        study_id=booklet.study_id,
                        booklet_id=booklet.id,
                        channel=Channel.WEB,
                        consented_at=came,
                        instructed_at=came if n else None,
                        finished_at=came + timedelta(minutes=6) if n == booklet.n_trials else None,
                    )
                )
                session.flush()
                session.add_all(
                    Answer(
                        rater_id=rater_id,
                        booklet_id=booklet.id,
                        position=position,
                        dimension="happiness",
                        revision=1,
                        value=value,
                        submission_id=f"{position:016d}",
                        shown_ms=shown_ms,
                        answered_at=came + timedelta(minutes=2 * position),
                    )
                    for position in range(1, n + 1)
                )

    return add


def soup(page: TestResponse) -> BeautifulSoup:
    assert page.status_code == 200, page.text
    return BeautifulSoup(page.text, "html.parser")


def words(found: BeautifulSoup, selector: str) -> list[str]:
    return [" ".join(element.get_text(" ", strip=True).split()) for element in found.select(selector)]


def unblind(rating_url: str) -> None:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        for state in ("closed", "unblinded"):
            move_study(session, "a_study", State(state), at=get_study(session, "a_study").published_at)
