"""Previews of several servers that share one PostgreSQL database."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import URL, text

from rater.store.engine import writing
from rater.web.app import create_app
from rater.web.settings import WebSettings, running
from tests.store.conftest import _administering, postgresql
from tests.web.desk.conftest import Clock
from tests.web.desk.test_preview import walk

__all__ = ["postgresql"]

STUDY = "/desk/studies/a_study"
_NUMBERS = itertools.count(1)


@pytest.fixture
def rating_url(postgresql: URL) -> str:
    name = f"previews_{next(_NUMBERS)}"
    with _administering(postgresql) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return postgresql.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def other(desk: Flask, rating_url: str, clock: Clock, tmp_path: Path) -> Iterator[Flask]:
    """The app of a second server, with a folder of its own."""
    (tmp_path / "other").mkdir()
    app = create_app(WebSettings(rating_url, with_desk=True, previews_folder=tmp_path / "other", now=clock))
    yield app
    with app.app_context():
        running().engine.dispose()
    app.extensions["rater-previews"].close()


class InTurn:
    """A browser whose requests go to two servers in turn, as a load balancer without sessions sends them."""

    def __init__(self, *clients: FlaskClient) -> None:
        self._clients = itertools.cycle(clients)
        self._jar = clients[0]._cookies  # noqa: SLF001 (one browser has one set of cookies)
        for client in clients:
            client._cookies = self._jar  # noqa: SLF001 (see above)

    def __getattr__(self, name: str) -> Callable[..., object]:
        return getattr(next(self._clients), name)  # type: ignore[no-any-return] # a client's method


@pytest.fixture
def balanced(ada: FlaskClient, other: Flask) -> InTurn:
    return InTurn(ada, other.test_client())


def frame_of(browser: InTurn) -> str:
    page = browser.post(f"{STUDY}/preview", follow_redirects=True)
    return str(BeautifulSoup(page.text, "html.parser").select("iframe")[0]["src"])  # type: ignore[attr-defined] # a response


def test_a_preview_is_walked_on_two_servers_in_turn(balanced: InTurn, desk: Flask) -> None:
    titles = walk(balanced, frame_of(balanced))  # type: ignore[arg-type] # it has a client's methods

    assert sum("of 3" in title for title in titles) == 3
    with writing(desk.extensions["rater"].engine) as session:
        assert session.execute(text("SELECT count(*) FROM rater")).scalar() == 0
        assert session.execute(text("SELECT count(*) FROM desk_preview")).scalar() == 1


def test_a_preview_that_was_deleted_is_on_no_server(balanced: InTurn, desk: Flask) -> None:
    frame = frame_of(balanced)
    with writing(desk.extensions["rater"].engine) as session:
        session.execute(text("DELETE FROM desk_preview"))

    assert [balanced.get(frame).status_code for _ in range(2)] == [404, 404]  # type: ignore[attr-defined] # responses


def test_files_of_previews_that_were_deleted_are_removed(
    balanced: InTurn, desk: Flask, tmp_path: Path
) -> None:
    for _ in range(2):
        frame_of(balanced)
    with writing(desk.extensions["rater"].engine) as session:
        session.execute(text("DELETE FROM desk_preview"))

    new = [frame_of(balanced) for _ in range(2)]

    kept = {path.stem for folder in ("previews", "other") for path in (tmp_path / folder).glob("*.db")}
    assert {name.partition(".")[0] for name in kept} == {frame.split("/")[5] for frame in new}


def test_a_request_that_fails_leaves_the_preview_as_it_was_stored(
    balanced: InTurn, desk: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = frame_of(balanced)
    desk.testing = False

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("rater.web.desk.preview.Response.from_app", fail)
        statuses = [balanced.get(frame).status_code for _ in range(2)]  # type: ignore[attr-defined] # responses

    assert statuses == [500, 500]
    assert sum("of 3" in title for title in walk(balanced, frame)) == 3  # type: ignore[arg-type] # it has a client's methods
