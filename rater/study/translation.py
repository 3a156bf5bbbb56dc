"""Languages of a study and translations of its own texts."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from rater.study.declaration import Declaration, InOrder, Label, Name, Question, Text, Title
from rater.study.practice_and_checks import Practice
from rater.study.visit import BlindingQuestion, ScreeningQuestion

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


class DimensionTranslation(Declaration):
    """A dimension's question and labels in another language; what is left out stays as it is."""

    question: Question | None = None
    """What is asked under each text. (rater)"""
    comment: Label | None = None
    """What the field for a free comment is called. (rater)"""
    low: Label | None = None
    """What the lowest answer means. (rater)"""
    high: Label | None = None
    """What the highest answer means. (rater)"""
    labels: dict[int, Label] | None = None
    """What points between the ends mean, by number. (rater)"""
    unit: Label | None = None
    """What is counted or measured. (rater)"""
    tie: Label | None = None
    """What the choice of neither is called. (rater)"""
    degrees: tuple[Label, ...] | None = None
    """How strongly one can be preferred, from weakest to strongest. (rater)"""


class Translation(Declaration):
    """A study's texts in another language; what is left out stays as it is."""

    title: Title | None = None
    """The study's title on its pages. (rater)"""
    consent: Text | None = None
    """What a rater agrees to. (rater)"""
    content_notice: Text | None = None
    """What in the texts may disturb somebody. (rater)"""
    screening: Annotated[tuple[ScreeningQuestion, ...], InOrder] | None = None
    """What is asked to find those who can take part: all the questions, in their order. (rater)"""
    instructions: Text | None = None
    """How to rate. (rater)"""
    practice: Annotated[tuple[Practice, ...], InOrder] | None = None
    """Texts to try the scale on: all of them, in their order. (rater)"""
    blinding: BlindingQuestion | None = None
    """What is asked after the last trial. (rater)"""
    final_comment: Question | None = None
    """What is asked for in a free comment at the end. (rater)"""
    thanks: Text | None = None
    """What is said after the last text. (rater)"""
    debrief: Text | None = None
    """What the study was about. (rater)"""
    dimensions: dict[Name, DimensionTranslation] = Field(default_factory=dict)
    """Questions and labels, by dimension. (rater)"""
