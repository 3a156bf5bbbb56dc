"""Our own words are there in every language, and a rater reads those they know."""

from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from rater.study.protocol import Protocol
from rater.study.translation import DimensionTranslation, Translation
from rater.web import language

WEB = Path(language.__file__).parent
METHODS = [("templates/desk/**", "ignore"), ("**.py", "python"), ("templates/*.html", "jinja2")]


def catalogue(code: str) -> Catalog:
    with (WEB / "translations" / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=code)


def words_of(translated: object) -> list[object]:
    return list(translated) if isinstance(translated, list | tuple) else [translated]


@pytest.fixture(scope="module")
def messages() -> set[str | tuple[str, ...]]:
    """Every message of our pages."""
    words = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None}
    options = {"templates/*.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    found = extract_from_dir(str(WEB), METHODS, options, keywords=words)
    return {message for _, _, message, _, _ in found}


@pytest.mark.parametrize("code", ["de", "es", "fr", "zh"])
def test_a_catalogue_has_every_message_and_no_other(messages: set[str | tuple[str, ...]], code: str) -> None:
    translated = {
        message.id
        for message in catalogue(code)
        if message.id and not message.fuzzy and all(words_of(message.string))
    }

    assert len(messages) > 100
    assert translated == messages


@pytest.mark.parametrize("code", ["de", "es", "fr", "zh"])
def test_a_catalogue_is_compiled_and_its_placeholders_are_the_messages_own(code: str) -> None:
    found = catalogue(code)
    with (WEB / "translations" / code / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        shipped = read_mo(file)

    words, compiled = (
        {tuple(words_of(each.id)): words_of(each.string) for each in which if each.id}
        for which in (found, shipped)
    )
    assert compiled == words, "run: make messages"
    assert [str(error) for _, errors in found.check() for error in errors] == []
    for message in found:
        if message.id and "{n}" in str(message.id):
            assert "{n}" in str(message.string)


@pytest.mark.parametrize(
    ("accepted", "heading"),
    [
        ("de-CH,en;q=0.5", "einen Link"),
        ("es", "Necesita un enlace"),
        ("fr-CA", "Il vous faut un lien"),
        ("zh-CN", "您需要一个链接"),
        ("fi", "You need a link"),
    ],
)
def test_a_page_of_no_study_follows_the_browser(client: FlaskClient, accepted: str, heading: str) -> None:
    assert heading in client.get("/", headers={"Accept-Language": accepted}).text


@pytest.mark.parametrize(
    ("accepted", "code", "title"),
    [
        ("de", "de", "Glück"),
        ("fr", "en", "How happy are these texts?"),
        ("en", "en", "How happy are these texts?"),
    ],
)
def test_a_study_is_read_in_a_language_it_has(
    client: FlaskClient,
    publish_study: Callable[..., str],
    protocol: Protocol,
    accepted: str,
    code: str,
    title: str,
) -> None:
    shown = protocol.model_copy(update={"translations": {"de": Translation(title="Glück")}})
    slug = publish_study(slug="two", name="two", shown=shown)

    page = client.get(f"/s/{slug}", headers={"Accept-Language": accepted})

    assert f'<html lang="{code}"' in page.text
    assert f'<h1 dir="auto">{title}</h1>' in page.text


def test_a_study_without_translations_is_read_in_its_own_language(
    client: FlaskClient, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    slug = publish_study(slug="zh", name="zh", shown=protocol.model_copy(update={"language": "zh"}))

    page = client.get(f"/s/{slug}", headers={"Accept-Language": "de"})

    assert "您将看到 3 篇文章" in page.text
    assert "<footer" not in page.text


@pytest.mark.parametrize(
    ("code", "title", "direction"), [("pt-BR", "Quão felizes?", "ltr"), ("ar", "ما مدى السعادة؟", "rtl")]
)
def test_a_study_says_truly_which_language_it_is_in_though_our_words_are_english(
    client: FlaskClient,
    publish_study: Callable[..., str],
    protocol: Protocol,
    code: str,
    title: str,
    direction: str,
) -> None:
    shown = protocol.model_copy(update={"language": code, "title": title})
    slug = publish_study(slug="own", name="own", shown=shown)

    page = client.get(f"/s/{slug}", headers={"Accept-Language": "de"})

    assert f'<html lang="{code}" dir="{direction}"' in page.text
    assert '<body lang="en">' in page.text
    assert f'<h1 lang="{code}" dir="auto">{title}</h1>' in page.text
    assert "You will read 3 texts" in page.text


def test_rated_texts_are_in_the_study_s_language_and_not_for_a_browser_to_translate(
    client: FlaskClient,
    publish_study: Callable[..., str],
    protocol: Protocol,
    enter: Callable[[str], None],
) -> None:
    shown = protocol.model_copy(update={"translations": {"de": Translation(title="Wie froh?")}})
    slug = publish_study(slug="both", name="both", shown=shown)
    enter(slug)

    own, translated = (
        " ".join(client.get(f"/s/{slug}/trial/1", headers={"Accept-Language": code}).text.split())
        for code in ("en", "de")
    )

    assert '<p class="rated" translate="no" dir="ltr">' in own
    assert '<p class="rated" lang="en" translate="no" dir="ltr">' in translated


def test_what_is_not_translated_is_marked_as_in_the_study_s_language(
    client: FlaskClient,
    publish_study: Callable[..., str],
    protocol: Protocol,
    enter: Callable[[str], None],
) -> None:
    translation = Translation(
        title="¿Cómo son de alegres?", dimensions={"happiness": DimensionTranslation(low="nada alegre")}
    )
    shown = protocol.model_copy(update={"translations": {"es": translation}})
    slug = publish_study(slug="partly", name="partly", shown=shown)
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "es"

    consent = BeautifulSoup(client.get(f"/s/{slug}/consent").text, "html.parser")
    enter(slug)
    trial = BeautifulSoup(client.get(f"/s/{slug}/trial/1").text, "html.parser")

    def language(soup: BeautifulSoup, words: str) -> str:
        found = [tag for tag in soup.select("main *") if " ".join(tag.get_text().split()) == words]
        return next(str(each["lang"]) for tag in found for each in [tag, *tag.parents] if each.get("lang"))

    assert language(consent, "¿Cómo son de alegres?") == "es"
    assert language(consent, "You will rate texts. Nothing about you is stored. Ask us.") == "en"
    assert language(trial, "How happy is this text?") == "en"
    assert language(trial, "nada alegre") == "es"
    assert language(trial, "very happy") == "en"
    assert language(trial, "Siguiente") == "es"


def test_languages_that_we_do_not_speak_are_offered_by_their_own_names(
    client: FlaskClient, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    shown = protocol.model_copy(
        update={"language": "de-CH", "translations": {"pt-BR": Translation(title="Felicidade")}}
    )
    slug = publish_study(slug="two", name="two", shown=shown)

    page = client.get(f"/s/{slug}", headers={"Accept-Language": "pt-BR"})
    own = client.get(f"/s/{slug}", headers={"Accept-Language": "de"})

    assert '<html lang="pt-BR"' in page.text
    assert "português (Brasil)" in page.text
    assert "Deutsch (Schweiz)" in page.text
    assert "lesen 3 Texte" in own.text


@pytest.mark.parametrize(
    ("texts", "direction"),
    [(("Hello",), "ltr"), (("1. مرحبا hello",), "rtl"), (("", "… שלום"), "rtl"), (("123",), "ltr")],
)
def test_a_page_runs_as_its_first_letter_does(texts: tuple[str, ...], direction: str) -> None:
    assert language.direction_of(texts) == direction
