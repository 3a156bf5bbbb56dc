from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.users import change_password, remove_user

PASSWORD = "correct horse battery"  # noqa: S105 (a test's)
LogIn = Callable[..., TestResponse]


@pytest.fixture
def log_in(desk: Flask) -> LogIn:
    def send(client: FlaskClient | None = None, **form: str) -> TestResponse:
        sent = {"name": "ada", "password": PASSWORD, **form}
        return (client or desk.test_client()).post("/desk/login", data=sent)

    return send


def test_without_a_login_every_page_of_the_desk_sends_there(desk: Flask) -> None:
    client = desk.test_client()
    paths = [str(rule) for rule in desk.url_map.iter_rules() if rule.endpoint.startswith("desk.")]

    assert len(paths) >= 10
    for path in paths:
        filled = path.replace("<name>", "a_study").replace("<state>", "closed").replace("<key>", "k" * 22)
        for method in ("GET", "POST"):
            answer = client.open(filled.replace("<path:rest>", "s/quiet-river"), method=method)
            assert answer.status_code in {303, 405}, (method, path)
            assert answer.headers.get("Location", "/desk/login").startswith("/desk/login")


def test_without_the_option_there_is_no_desk(client: FlaskClient) -> None:
    assert client.get("/desk").status_code == 404
    assert client.get("/desk/login").status_code == 404


def test_the_right_password_leads_back_to_where_somebody_wanted_to_go(desk: Flask, log_in: LogIn) -> None:
    client = desk.test_client()
    sent_to = client.get("/desk/studies/a_study").headers["Location"]
    assert sent_to == "/desk/login?next=/desk/studies/a_study"
    assert 'value="/desk/studies/a_study"' in client.get(sent_to).text

    answer = log_in(client, next="/desk/studies/a_study")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/studies/a_study")
    assert client.get("/desk/studies/a_study").status_code == 200


def test_a_login_whose_cookie_was_not_kept_says_so(desk: Flask, log_in: LogIn) -> None:
    client = desk.test_client(use_cookies=False)
    led_on = log_in(client)

    page = client.get(
        led_on.location, headers={"Referer": "http://localhost/desk/login"}, follow_redirects=True
    )

    assert "Your browser did not store the login cookie." in page.text
    assert "did not keep" not in client.get("/desk", follow_redirects=True).text


@pytest.mark.parametrize("other", ["https://evil.example", "//evil.example", "/desk//evil", "/s/x", "/deskx"])
def test_nobody_is_led_to_another_site_after_the_login(log_in: LogIn, other: str) -> None:
    location = log_in(next=other).headers["Location"]

    assert location.startswith("/desk")
    assert location != "/deskx"


@pytest.mark.parametrize("form", [{"password": "wrong horse battery"}, {"name": "bob"}, {"name": ""}])
def test_a_wrong_password_and_an_unknown_name_look_the_same(
    desk: Flask, log_in: LogIn, form: dict[str, str]
) -> None:
    client = desk.test_client()

    answer = log_in(client, **form)

    assert answer.status_code == 403
    assert "Incorrect name or password" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert client.get("/desk").status_code == 303


def test_the_cookie_is_for_the_desk_alone_and_its_token_is_not_in_the_database(
    log_in: LogIn, rows: Callable[[str], list[tuple[str, ...]]]
) -> None:
    cookie = log_in().headers["Set-Cookie"]

    for part in ("HttpOnly", "Path=/desk", "SameSite=Strict", "Max-Age=43200"):
        assert f"; {part}" in cookie
    token = cookie.split(";")[0].removeprefix("rater-desk=")
    kept = rows("SELECT token_digest FROM desk_session") + rows("SELECT password_hash FROM desk_user")
    assert len(kept) == 2
    assert kept[1][0].startswith("$argon2id$")
    assert not any(token in value or PASSWORD in value for row in kept for value in row)


def test_attempts_are_limited_by_name(log_in: LogIn) -> None:
    for _ in range(10):
        assert log_in(password="wrong").status_code == 403  # noqa: S106 (a test's)

    answer = log_in()  # the right password is refused too, or guessing could continue

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert log_in(name="bob").status_code == 403


def test_attempts_are_limited_by_address(desk: Flask, log_in: LogIn) -> None:
    for number in range(20):
        assert log_in(name=f"name {number}").status_code == 403

    assert log_in().status_code == 429
    form = {"name": "ada", "password": PASSWORD}
    other = desk.test_client().post("/desk/login", data=form, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert other.status_code == 303


def test_a_form_of_another_site_uses_up_no_attempt(desk: Flask, log_in: LogIn) -> None:
    for _ in range(12):
        sent = desk.test_client().post(
            "/desk/login",
            data={"name": "ada", "password": "wrong"},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert sent.status_code == 403

    assert log_in().status_code == 303


def test_a_session_ends_when_nobody_was_there_for_an_hour(ada: FlaskClient, clock: object) -> None:
    clock.now += timedelta(minutes=50)  # type: ignore[attr-defined] # the fixture's own class
    assert ada.get("/desk").status_code == 200
    clock.now += timedelta(minutes=50)  # type: ignore[attr-defined] # as above
    assert ada.get("/desk").status_code == 200
    clock.now += timedelta(minutes=61)  # type: ignore[attr-defined] # as above
    assert ada.get("/desk").status_code == 303


def test_a_page_that_updates_itself_keeps_nobody_logged_in(ada: FlaskClient, clock: object) -> None:
    for _ in range(3):
        clock.now += timedelta(minutes=25)  # type: ignore[attr-defined] # the fixture's own class
        last = ada.get("/desk/studies/a_study/progress.json").status_code

    assert last == 303


def test_a_session_ends_after_twelve_hours_whatever_happens(ada: FlaskClient, clock: object) -> None:
    statuses = []
    for _ in range(25):
        clock.now += timedelta(minutes=30)  # type: ignore[attr-defined] # the fixture's own class
        statuses.append(ada.get("/desk").status_code)

    assert statuses == [200] * 24 + [303]


def test_logging_out_ends_the_session_on_the_server(ada: FlaskClient) -> None:
    kept = ada.get_cookie("rater-desk", path="/desk")
    assert kept is not None

    assert ada.post("/desk/logout").headers["Location"] == "/desk/login"
    ada.set_cookie("rater-desk", kept.value, path="/desk")

    assert ada.get("/desk").status_code == 303


@pytest.mark.parametrize(
    "change",
    [lambda s: change_password(s, "ada", "another long one"), lambda s: remove_user(s, "ada")],
    ids=["another password", "removed"],
)
def test_who_gets_another_password_or_is_removed_is_logged_out(
    ada: FlaskClient, rating_url: str, change: Callable[..., None]
) -> None:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        change(session)

    assert ada.get("/desk").status_code == 303


def test_a_post_from_another_site_is_refused_on_the_desk_too(ada: FlaskClient) -> None:
    answer = ada.post("/desk/studies/a_study/move/closed", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
