"""The language of a rater's pages, and default texts in it.

Our own words are gettext catalogues (`translations/`); English ones are the message ids.

Whatever a study words itself is shown as it is.
"""

import unicodedata
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, cast

import flask_babel
from babel import Locale, negotiate_locale
from babel.support import Translations
from flask import Flask, g, has_request_context, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from rater.study.protocol import Protocol
from rater.study.visit import BlindingQuestion
from rater.web.caches import Same, kept_for
from rater.web.markdown import render_markdown
from rater.web.security import set_rater_cookie

NAMES = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "zh": "中文"}
"""The languages of our own pages, each in its own."""
LANGUAGE_COOKIE = "rater-language"
_LIFETIME_S = 180 * 24 * 3600

Direction = Literal["ltr", "rtl"]


def init_app(app: Flask) -> None:
    """Let templates and views translate into the language of the page."""
    flask_babel.Babel(app)
    app.jinja_env.globals.update(
        _=_shown, ngettext=_shown_number, of_study=_of_study, of_us=_of_us, of_texts=_of_texts
    )


def gettext(message: str, **values: object) -> str:
    """Translate a message into the language of the page."""
    words = str(_words(current_language(), message))
    return words % values if values else words


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """Translate a message about a number, which is ``%(num)s`` in it."""
    return _words_for(one, many, num) % {"num": num, **values}


def _shown(message: str, **values: object) -> Markup:
    """Translate a message in a template, as the i18n extension of Jinja does: values are escaped."""
    words = _words(current_language(), message)
    return words % values if values else words


def _shown_number(one: str, many: str, num: int) -> Markup:
    return Markup(_words_for(one, many, num)) % {"num": num}  # noqa: S704 (our own words)


def _of_study(words: str = "") -> Markup:
    """Mark an element as the study's words: they run as their first letter does, in their own language.

    That is the page's language or, for words that were left out of its translation, the study's.
    """
    page, own = current_language(), g.get("study_language")
    if own and own != page and words in _untranslated(g.study_protocol, page):
        return Markup('lang="{}" dir="auto"').format(own)
    return Markup('dir="auto"') if _is_ours(page) else Markup('lang="{}" dir="auto"').format(page)


@kept_for
def _untranslated(own: Protocol, page: str) -> frozenset[str]:
    """Return the study's words that are the same in its translation into the page's language."""
    shown = translate(own, page)
    same = (frozenset(_words_of(own)) & frozenset(_words_of(shown))) - OURS
    return same | {render_markdown(text) for text in _long_texts_of(own) if text in same}


def _words_of(protocol: Protocol) -> Iterator[str]:
    pending: list[object] = [protocol.model_dump(exclude={"translations"})]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value
    for dimension in protocol.dimensions:
        yield from (choice.label for choice in dimension.scale.choices)


def _long_texts_of(protocol: Protocol) -> Iterator[str]:
    texts = (
        protocol.consent,
        protocol.content_notice,
        protocol.instructions,
        protocol.thanks,
        protocol.debrief,
    )
    yield from (text for text in (*texts, *(each.feedback for each in protocol.practice)) if text)


def _of_us() -> Markup:
    """Mark an element as our words, where they are not in the page's language."""
    page = current_language()
    return Markup("") if _is_ours(page) else Markup('lang="{}"').format(_nearest(page))


def _of_texts() -> Markup:
    """Mark an element as rated texts, which are in the study's language on a page in any other."""
    own = g.get("study_language")
    return Markup('lang="{}"').format(own) if own and own != current_language() else Markup("")


def _is_ours(language: str) -> bool:
    return language.split("-", maxsplit=1)[0] in NAMES


def _words_for(one: str, many: str, num: int) -> str:
    return _catalogue(current_language()).ungettext(one, many, num)


# A page has some twenty messages: each is looked up once a process, not once a page.
@lru_cache(maxsize=2048)
def _words(language: str, message: str) -> Markup:
    return Markup(_catalogue(language).ugettext(message))  # noqa: S704 (our own words)


@lru_cache
def _catalogue(language: str) -> Translations:
    with flask_babel.force_locale(_nearest(language)):
        return cast("Translations", flask_babel.get_translations())


def _nearest(language: str) -> str:
    """Choose the language of our own words for texts in any: pt-BR and pt have English ones, de-CH German."""
    return language.split("-", maxsplit=1)[0] if _is_ours(language) else "en"


@lru_cache
def name_of(language: str) -> str:
    """Return what a language calls itself."""
    return NAMES.get(language) or Locale.parse(language, sep="-").get_display_name() or language


def marked(message: str) -> str:
    """Mark a message for the catalogues that `gettext` translates later."""
    return message


def offered(protocol: Protocol) -> tuple[str, ...]:
    """Return the languages that a study can be read in, its own first."""
    return (protocol.language, *protocol.translations)


@kept_for
def translate(protocol: Protocol, chosen: str) -> Protocol:
    """Return a protocol in a language; always the same object for the same two, as `kept_for` needs."""
    return protocol.in_language(chosen)


def surroundings() -> Hashable:
    """Return what our macros depend on in addition to their arguments: study, language and address."""
    kept = g.get("surroundings")
    if kept is None:
        kept = g.surroundings = Same(g.get("study_protocol")), current_language(), request.script_root
    return cast("Hashable", kept)


def choose_language(protocol: Protocol) -> str:
    """Take the language that a rater chose, else the one their browser prefers, of those the study has."""
    languages = offered(protocol)
    g.study_language = protocol.language
    g.study_protocol = protocol
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen not in languages:
        chosen = _preferred(languages)
    return speak(chosen or languages[0])


def speak(language: str) -> str:
    """Write this page in a language."""
    g.rater_language, g.surroundings = language, None
    return language


def current_language() -> str:
    """Return the language of the page: chosen for a study, else what the browser prefers of ours."""
    if not has_request_context():
        return "en"
    spoken = g.get("rater_language")
    if spoken is None:
        spoken = g.rater_language = _preferred(tuple(NAMES)) or "en"
    return cast("str", spoken)


def _preferred(languages: Sequence[str]) -> str | None:
    """Find the language that the browser prefers: one from Switzerland that asks for de-CH gets de."""
    if len(languages) < 2:
        return None
    preferred = [code for code, quality in request.accept_languages if quality > 0]
    return negotiate_locale(preferred, languages, sep="-")


def keep_language(response: AnyResponse, language: str, *, path: str) -> None:
    """Let the browser keep the language that a rater chose, for this study's path."""
    set_rater_cookie(response, LANGUAGE_COOKIE, language, lifetime_s=_LIFETIME_S, path=path)


def direction_of(texts: Sequence[str]) -> Direction:
    """Return the direction of a page: that of the first letter of its texts that has one."""
    for character in "".join(texts):
        found = unicodedata.bidirectional(character)
        if found in {"R", "AL"}:
            return "rtl"
        if found == "L":
            return "ltr"
    return "ltr"


OURS = frozenset(
    {
        marked("Thank you. All your answers are saved; you can close this page."),
        marked(
            "Some of the texts were made in a special way, the others in the usual way. "
            "How was this one made?"
        ),
        marked("In a special way"),
        marked("In the usual way"),
        marked("I could not tell"),
    }
)
"""The defaults of a study's fields that raters read; a test holds them against the fields."""


def thanks_of(protocol: Protocol) -> str:
    """Return the text of the last page."""
    return _spoken(protocol.thanks)


def blinding_of(asked: BlindingQuestion) -> BlindingQuestion:
    """Return the blinding question in the language of the page, as far as its words are ours."""
    first, second = asked.labels
    spoken = {
        "question": _spoken(asked.question),
        "labels": (_spoken(first), _spoken(second)),
        "unsure": _spoken(asked.unsure),
    }
    return asked.model_copy(update=spoken)


def _spoken(words: str) -> str:
    return gettext(words) if words in OURS else words
