"""Every page of the desk against every role: who sees it, and who is refused."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from rater.store.engine import writing
from rater.store.rating.rights import Rights, grant
from rater.store.rating.schema import DeskUser, StudyRole
from rater.store.rating.users import begin_session
from tests.web.desk.conftest import NOW, soup, words

STUDY = "/desk/studies/a_study"
OWNER, MONITOR = StudyRole.OWNER, StudyRole.MONITOR
USERS: dict[str, tuple[StudyRole | None, Rights | None]] = {
    "owner of all": (OWNER, None),
    "owner of this study": (None, Rights(OWNER, sees_identifiers=False)),
    "monitor of all": (MONITOR, None),
    "monitor of this study": (None, Rights(MONITOR, sees_identifiers=False)),
    "payer of this study": (None, Rights(MONITOR, sees_identifiers=True)),
    "nobody here": (None, None),
}
CHANGING = {"desk.confirm", "desk.move", "desk.invite", "desk.make_links"}
"""The pages of these views are for owners."""
LogInAs = Callable[[str], FlaskClient]


@pytest.fixture
def log_in_as(desk: Flask, publish_study: Callable[..., str]) -> LogInAs:
    """A function that logs in a user of `USERS`; there is another study, in which none has a granted role."""
    publish_study(slug="other", name="other")

    def log_in(who: str) -> FlaskClient:
        everywhere, own = USERS[who]
        name = who.replace(" ", "-")
        with writing(desk.extensions["rater"].engine) as session:
            session.add(DeskUser(name=name, password_hash="none", made_at=NOW, role=everywhere))  # noqa: S106 (fits no password)
            session.flush()
            if own is not None:
                grant(session, name, "a_study", own, by="root", now=NOW)
            token = begin_session(session, name, now=NOW)
        client = desk.test_client()
        client.set_cookie("rater-desk", token, path="/desk")
        return client

    return log_in


def routes(desk: Flask, study: str) -> Iterator[tuple[Rule, str, str]]:
    """Every page of a study with every method that it has, as rule, method and address."""
    for rule in desk.url_map.iter_rules():
        if rule.endpoint.startswith("desk.") and "name" in rule.arguments:
            path = rule.rule.replace("<name>", study).replace("<state>", "paused")
            path = path.replace("<key>", "k" * 22).replace("<path:rest>", "s/quiet-river")
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield rule, method, path


@pytest.mark.parametrize("who", USERS)
def test_every_page_of_a_study_needs_its_right(desk: Flask, log_in_as: LogInAs, who: str) -> None:
    client = log_in_as(who)
    everywhere, own = USERS[who]
    role = everywhere or (own.role if own else None)
    wrong, seen = [], set()

    for rule, method, path in routes(desk, "a_study"):
        seen.add(rule.endpoint)
        needed: frozenset[str] = getattr(desk.view_functions[rule.endpoint], "needed_rights", frozenset())
        is_change = rule.endpoint in CHANGING or (method != "GET" and not needed) or "change" in needed
        lacks_identifiers = "identifiers" in needed and not (own and own.sees_identifiers)
        status = client.open(path, method=method).status_code
        if role is None:
            is_right = status == 404
        elif (is_change and role is MONITOR) or lacks_identifiers:
            is_right = status == 403
        else:
            is_right = status not in {403, 405, 500}
        wrong += [] if is_right else [(rule.endpoint, method, status)]

    assert wrong == []
    assert seen >= CHANGING | {"desk.study", "desk.progress", "desk.make_preview", "desk.walk"}


@pytest.mark.parametrize("who", ["owner of this study", "monitor of this study", "nobody here"])
def test_a_right_in_one_study_opens_no_page_of_another(desk: Flask, log_in_as: LogInAs, who: str) -> None:
    client = log_in_as(who)

    statuses = {client.open(path, method=method).status_code for _, method, path in routes(desk, "other")}

    assert statuses == {404}


@pytest.mark.parametrize(
    ("who", "listed"),
    [
        ("owner of all", ["/desk/studies/a_study", "/desk/studies/other"]),
        ("monitor of all", ["/desk/studies/a_study", "/desk/studies/other"]),
        ("monitor of this study", ["/desk/studies/a_study"]),
        ("nobody here", []),
    ],
)
def test_the_list_has_only_the_studies_that_a_user_may_see(
    log_in_as: LogInAs, who: str, listed: list[str]
) -> None:
    found = soup(log_in_as(who).get("/desk"))

    assert [str(link["href"]) for link in found.select(".studies a")] == listed
    assert ("You have no study yet." in found.get_text()) == (not listed)


def test_a_monitor_changes_nothing_and_is_offered_nothing(
    log_in_as: LogInAs, rows: Callable[[str], list[tuple[object, ...]]]
) -> None:
    client = log_in_as("monitor of this study")

    page = soup(client.get(STUDY))
    refused = client.post(f"{STUDY}/move/closed")
    client.post(f"{STUDY}/invite", data={"n": "3"})

    assert not {"Pause", "Close the study", "Invite"} & set(words(page, ".button"))
    assert "You are a monitor" in page.get_text()
    assert "rater user grant monitor-of-this-study a_study owner" in refused.text
    assert rows("SELECT state FROM study WHERE name = 'a_study'") == [("open",)]
    assert rows("SELECT count(*) FROM invitation") == [(0,)]


def test_a_monitor_can_walk_through_a_preview_and_not_through_one_of_another_study(
    desk: Flask, log_in_as: LogInAs, ada: FlaskClient
) -> None:
    client = log_in_as("monitor of this study")
    mine = soup(client.post(f"{STUDY}/preview", follow_redirects=True)).select("iframe")[0]["src"]
    other = soup(ada.post("/desk/studies/other/preview", follow_redirects=True)).select("iframe")[0]["src"]

    assert client.get(str(mine)).status_code == 200
    assert client.get(str(other)).status_code == 404
    # the copy of the other study under the address of one's own
    assert client.get(str(other).replace("/studies/other/", "/studies/a_study/")).status_code == 404
