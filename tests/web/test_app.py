import pytest
from flask import Flask, render_template_string
from jinja2 import UndefinedError

from rater.web.app import create_app
from rater.web.settings import WebSettings, running


@pytest.mark.parametrize("name", ["arm", "request", "session", "config", "g"])
def test_a_template_sees_nothing_but_its_page(app: Flask, name: str) -> None:
    with app.test_request_context(), pytest.raises(UndefinedError):
        render_template_string("{{ " + name + " }}")


@pytest.mark.parametrize("header", ["//evil.example", "/a/../b", "https://evil.example", "/x y", "/a?b"])
def test_a_prefix_that_is_no_path_is_not_taken(slug: str, rating_url: str, header: str) -> None:
    app = create_app(WebSettings(rating_url, n_proxies=1))
    page = app.test_client().get(f"/s/{slug}", headers={"X-Forwarded-Prefix": header})

    assert f'href="/s/{slug}/consent"' in page.text
    with app.app_context():
        running().engine.dispose()


def test_without_a_trusted_proxy_no_header_makes_a_prefix(app: Flask, slug: str) -> None:
    page = app.test_client().get(f"/s/{slug}", headers={"X-Forwarded-Prefix": "/rater"})

    assert f'href="/s/{slug}/consent"' in page.text
