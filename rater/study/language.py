"""Declare the language of a study's texts: any that has a tag, whether our own pages speak it or not."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

OURS = ("en", "de", "es", "fr", "zh")
"""The languages that our own pages speak."""


def _require_tag(tag: str) -> str:
    """Refuse what is no language's tag, or not spelt as such tags are."""
    if tag in OURS:
        return tag
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 (few studies need it)
    from babel.core import get_locale_identifier, parse_locale  # noqa: PLC0415 (as above)

    try:
        Locale.parse(tag, sep="-")
        spelt = get_locale_identifier(parse_locale(tag, sep="-"), sep="-")
    except (ValueError, UnknownLocaleError):
        spelt = ""
    if tag != spelt:
        valid = f"{spelt!r}" if spelt else "the tag (BCP 47) of a language, such as 'pt', 'pt-BR' or 'ar'"
        raise ValueError(valid)
    return tag


Language = Annotated[str, StringConstraints(min_length=1, max_length=35), AfterValidator(_require_tag)]
