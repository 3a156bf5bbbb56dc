import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from rater.cli.databases import recover
from rater.errors import RaterError
from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.studies import move_study
from rater.study.state import State
from rater.web.app import create_app
from rater.web.rating.recovery_file import read_recovery_file
from rater.web.settings import WebSettings, running


@pytest.fixture
def downloaded(publish_study: Callable[..., str], rating_url: str) -> dict[str, Any]:
    """The file that a browser at the first text downloads after it chose 4, and the network was gone."""
    slug = publish_study()
    app = create_app(WebSettings(rating_url))
    page = begin(app.test_client(), slug)
    found = dict(re.findall(r'(data-mark|data-proof|name="submission_id" value)="([^"]+)"', page))
    kept = found['name="submission_id" value']
    answer = {"id": kept, "position": 1, "proof": found["data-proof"]}
    body = f"submission_id={kept}&shown_ms=900&answer.happiness=4&go=next"
    with app.app_context():
        running().engine.dispose()
    return {
        "kind": "rater answers",
        "version": 1,
        "study": slug,
        "mark": found["data-mark"],
        "answers": [{**answer, "body": body}],
    }


def begin(client: FlaskClient, slug: str) -> str:
    token = re.search('name="token" value="([^"]+)"', client.get(f"/s/{slug}/consent").text)
    assert token is not None
    client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": token[1]}, follow_redirects=True)
    client.post(f"/s/{slug}/instructions")
    return client.get(f"/s/{slug}/trial/1").text


@pytest.fixture
def recover_from(tmp_path: Path, rating_url: str) -> Callable[[dict[str, Any]], Result]:
    """A function that runs the command on a file."""

    def invoke(content: dict[str, Any]) -> Result:
        path = tmp_path / "answers.json"
        path.write_text(json.dumps(content))
        return CliRunner().invoke(recover, [str(path), "--ratings", rating_url])

    return invoke


@pytest.fixture
def rows(rating_url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    def ask(sql: str) -> list[tuple[Any, ...]]:
        with disposing(open_rating(rating_url)) as engine, engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    return ask


def test_a_file_is_taken_in_once_and_noted(
    downloaded: dict[str, Any],
    recover_from: Callable[[dict[str, Any]], Result],
    rows: Callable[[str], list[tuple[Any, ...]]],
) -> None:
    first, second = recover_from(downloaded), recover_from(downloaded)

    assert first.output == "a_study: 1 answer imported, 0 already stored.\n"
    assert second.output == "a_study: 0 answers imported, 1 already stored.\n"
    assert rows("SELECT position, value, shown_ms FROM answer") == [(1, 4.0, 900)]
    assert rows("SELECT kind FROM event ORDER BY id")[-1] == ("recovered",)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "x" * 22}, "was changed, or is not from this rater's page"),
        ({"position": 2}, "was changed, or is not from this rater's page"),
        ({"proof": "0" * 64}, "was changed, or is not from this rater's page"),
        ({"body": "submission_id=0123456789abcdef&answer.happiness=4"}, "is not one that its page can send"),
        ({"body": "answer.happiness=4"}, "is not one that its page can send"),
        ({"body": "\udcff"}, "is not a valid file of answers"),
        ({"position": "1"}, "is not a valid file of answers"),
    ],
)
def test_a_changed_file_is_refused_whole(
    downloaded: dict[str, Any],
    recover_from: Callable[[dict[str, Any]], Result],
    rows: Callable[[str], list[tuple[Any, ...]]],
    changed: dict[str, Any],
    said: str,
) -> None:
    [answer] = downloaded["answers"]

    refused = recover_from({**downloaded, "answers": [{**answer, **changed}]}).exception

    assert isinstance(refused, RaterError)
    assert said in str(refused)
    assert rows("SELECT count(*) FROM answer") == [(0,)]


@pytest.mark.parametrize("changed", [{"mark": "0" * 24}, {"study": "other"}])
def test_a_file_of_nobody_here_is_refused(
    downloaded: dict[str, Any], recover_from: Callable[[dict[str, Any]], Result], changed: dict[str, str]
) -> None:
    refused = recover_from({**downloaded, **changed}).exception

    assert isinstance(refused, RaterError)
    assert "in this database made this file" in str(refused)


def test_a_file_cannot_be_used_for_another_rater(
    downloaded: dict[str, Any], recover_from: Callable[[dict[str, Any]], Result], rating_url: str
) -> None:
    app = create_app(WebSettings(rating_url))
    other = re.search('data-mark="([^"]+)"', begin(app.test_client(), "quiet-river"))
    with app.app_context():
        running().engine.dispose()
    assert other is not None

    refused = recover_from({**downloaded, "mark": other[1]}).exception

    assert isinstance(refused, RaterError)
    assert "not from this rater's page" in str(refused)


def test_a_file_opens_no_session(downloaded: dict[str, Any], rating_url: str) -> None:
    app = create_app(WebSettings(rating_url))
    found = re.findall(r"[A-Za-z0-9_-]{22,}", json.dumps(downloaded))
    seen = []
    for token in [*found, *(each.ljust(43, "A")[:43] for each in found)]:
        client = app.test_client()
        client.set_cookie("rater", token, path="/s/quiet-river")
        seen.append(client.get("/s/quiet-river").status_code)
    with app.app_context():
        running().engine.dispose()

    assert set(seen) == {200}  # the landing page; a rater would be sent on


def test_a_closed_study_takes_no_file(
    downloaded: dict[str, Any], recover_from: Callable[[dict[str, Any]], Result], rating_url: str
) -> None:

    with disposing(open_rating(rating_url)) as engine, writing(engine) as session:
        move_study(session, "a_study", State.CLOSED, at=datetime(2026, 3, 1, tzinfo=UTC))

    refused = recover_from(downloaded).exception

    assert isinstance(refused, RaterError)
    assert "Nothing of the file was taken in" in str(refused)


def test_a_file_that_is_not_json_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(
        RaterError, match=r"notes\.txt is not a valid file of answers: it is not JSON\. Valid: what"
    ):
        read_recovery_file(tmp_path / "notes.txt")
