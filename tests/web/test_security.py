from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rater.web.app import create_app
from rater.web.assets import STATIC_FOLDER, static_version
from rater.web.settings import WebSettings, drop_sealed_settings, running


@pytest.mark.parametrize("path", ["/", "/nothing", "/s/quiet-river", "/s/quiet-river/trial/1", "/healthz"])
def test_every_answer_is_confined(client: FlaskClient, slug: str, path: str) -> None:
    headers = client.get(path).headers

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["trial.html", "_base.html", "consent.html", "_macros.html"])
def test_templates_have_no_inline_script_or_style(name: str) -> None:
    source = (STATIC_FOLDER.parent / "templates" / name).read_text()

    assert "<style" not in source
    assert "style=" not in source
    assert " on" + "click" not in source
    assert "<script>" not in source


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost@elsewhere.example"},
        {"Origin": "http://localhost.elsewhere.example"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_post_from_another_site_is_refused(client: FlaskClient, slug: str, headers: dict[str, str]) -> None:
    form = {"decision": "agree", "token": "a" * 43}

    page = client.post(f"/s/{slug}/consent", data=form, headers=headers)

    assert page.status_code == 403
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {"Origin": "https://localhost"}],
)
def test_a_post_from_our_pages_is_taken(client: FlaskClient, slug: str, headers: dict[str, str]) -> None:
    form = {"decision": "agree", "token": "a" * 43}

    assert client.post(f"/s/{slug}/consent", data=form, headers=headers).status_code == 303


def test_a_link_from_another_site_is_followed(client: FlaskClient, slug: str) -> None:
    assert client.get(f"/s/{slug}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_the_cookie_belongs_to_one_study_and_to_no_script(client: FlaskClient, slug: str) -> None:
    answer = client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": "a" * 43})
    cookie = answer.headers["Set-Cookie"]

    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert f"; Path=/s/{slug};" in cookie
    assert "; Max-Age=15552000;" in cookie
    assert "Secure" not in cookie


def test_behind_tls_cookies_are_secure_and_browsers_stay_on_it(rating_url: str, slug: str) -> None:
    app = create_app(WebSettings(rating_url, secure_cookies=True))

    answer = app.test_client().post(f"/s/{slug}/consent", data={"decision": "agree", "token": "a" * 43})

    assert "; Secure;" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=15552000"
    with app.app_context():
        running().engine.dispose()


def test_a_huge_request_is_refused(client: FlaskClient, slug: str) -> None:
    page = client.post(f"/s/{slug}/consent", data={"decision": "x" * 70_000})

    assert page.status_code == 413
    assert "More was sent" in page.text


def test_a_cookie_that_is_no_token_is_nobody(client: FlaskClient, slug: str) -> None:
    client.set_cookie("rater", "x" * 3000, path=f"/s/{slug}")

    assert client.get(f"/s/{slug}").status_code == 200


def test_static_files_are_kept_for_good_under_an_address_that_changes(
    app: Flask, client: FlaskClient
) -> None:
    page = client.get(f"/static/{static_version(STATIC_FOLDER)}/rater.css")

    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/000000000000/rater.css").status_code == 404
    page.close()


def test_the_static_version_follows_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = static_version(tmp_path)
    (tmp_path / "a.css").write_text("a{ }")
    changed = static_version(tmp_path)
    (tmp_path / "a.css").rename(tmp_path / "b.css")

    assert len({before, changed, static_version(tmp_path)}) == 3


def test_no_page_may_use_the_camera_or_the_like(client: FlaskClient, slug: str) -> None:
    policy = client.get(f"/s/{slug}").headers["Permissions-Policy"]

    for feature in ("camera", "microphone", "geolocation", "payment"):
        assert f"{feature}=()" in policy


def test_the_sealed_settings_are_dropped() -> None:
    environ = {"RATER_SEALED": "sqlite:///sealed.db", "HOME": "/home"}

    assert drop_sealed_settings(environ) is True
    assert environ == {"HOME": "/home"}
    assert drop_sealed_settings(environ) is False
