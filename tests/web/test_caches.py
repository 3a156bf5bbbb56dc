from collections.abc import Callable
from typing import cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment
from jinja2.runtime import Macro
from markupsafe import Markup

from rater.study.dimension import Dimension
from rater.study.scales import Likert
from rater.web import caches, language


def happiness() -> Dimension:
    return Dimension(name="happiness", question="How happy?", scale=Likert(low="low", high="high"))


def test_a_value_is_made_once_for_an_object_and_again_for_an_equal_one() -> None:
    made: list[Dimension] = []

    @caches.kept_for
    def name_of(dimension: Dimension, suffix: str) -> str:
        made.append(dimension)
        return dimension.name + suffix

    one, other = happiness(), happiness()
    names = [name_of(each, "!") for each in (one, one, other, other)] + [name_of(one, "?")]

    assert names == ["happiness!"] * 4 + ["happiness?"]
    assert [id(each) for each in made] == [id(one), id(other), id(one)]


def macro(source: str) -> Macro:
    environment = Environment(autoescape=True)
    environment.globals["_"] = language.gettext
    found = vars(environment.from_string(source).module)["greet"]
    assert isinstance(found, Macro)
    return found


@pytest.fixture
def cached(app: Flask) -> Callable[..., Markup]:
    return cast("Callable[..., Markup]", app.jinja_env.globals["cached"])


def test_a_kept_part_is_escaped_and_differs_by_argument(app: Flask, cached: Callable[..., Markup]) -> None:
    greet = macro("{% macro greet(name) %}<p>{{ name }}</p>{% endmacro %}")

    with app.test_request_context():
        parts = [cached(greet, "<b>"), cached(greet, "Ann"), cached(greet, "<b>")]

    assert parts == ["<p>&lt;b&gt;</p>", "<p>Ann</p>", "<p>&lt;b&gt;</p>"]
    assert parts[0] is parts[2]


def test_a_kept_part_differs_by_language_and_by_prefix(app: Flask, cached: Callable[..., Markup]) -> None:
    greet = macro("{% macro greet() %}{{ _('Next') }}{% endmacro %}")
    requests: list[dict[str, dict[str, str]]] = [
        {"headers": {"Accept-Language": "en"}},
        {"headers": {"Accept-Language": "de"}},
        {"headers": {"Accept-Language": "en"}, "environ_overrides": {"SCRIPT_NAME": "/rater"}},
    ]

    parts = []
    for each in requests:
        with app.test_request_context(**each):
            parts.append(cached(greet))

    assert parts == ["Next", "Weiter", "Next"]
    assert parts[0] is not parts[2]


def test_pages_under_two_prefixes_have_their_own_addresses(client: FlaskClient, slug: str) -> None:
    plain, under = (
        client.get(f"/s/{slug}/consent", environ_overrides={"SCRIPT_NAME": prefix}).text
        for prefix in ("", "/lab")
    )

    assert 'href="/static/' in plain
    assert "/lab/" not in plain
    assert 'href="/static/' not in under
    assert 'href="/lab/static/' in under
