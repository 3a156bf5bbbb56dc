"""Languages of a study and translations of its own texts."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from rater.study.declaration import Declaration, InOrder, Label, Name, Question, Text, Title
from rater.study.endings import Outcome
from rater.study.fields import FieldName
from rater.study.practice_and_checks import Practice
from rater.study.questionnaire import Question as QuestionnaireQuestion
from rater.study.visit import BlindingQuestion, ScreeningQuestion

OURS = ("en", "de", "es", "fr", "zh")
"""The languages of the interface."""


def _require_tag(tag: str) -> str:
    """Return a valid BCP 47 language tag in its standard spelling."""
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
    """The question and labels of a dimension in another language; omitted ones are not translated."""

    question: Question | None = None
    """The question under each text. (rater)"""
    comment: Label | None = None
    """Label of the comment field. (rater)"""
    not_applicable: Label | None = None
    """Label of the answer "Not applicable", where it has one of its own. (rater)"""
    confidence: Question | None = None
    """The question about confidence, where it has words of its own. (rater)"""
    confidence_labels: tuple[Label, ...] | None = None
    """Labels of the points of confidence: as many as in the study. (rater)"""
    low: Label | None = None
    """Label of the lowest answer. (rater)"""
    high: Label | None = None
    """Label of the highest answer. (rater)"""
    labels: dict[int, Label] | None = None
    """Labels of points between the ends, by number. (rater)"""
    unit: Label | None = None
    """Unit, shown after the number. (rater)"""
    tie: Label | None = None
    """Label of the answer "neither". (rater)"""
    options: Annotated[tuple[Label, ...], InOrder] | None = None
    """Labels that are chosen among: all of them, in the order of the study. (rater)"""
    none: Label | None = None
    """Label of the answer "none of these". (rater)"""
    degrees: tuple[Label, ...] | None = None
    """Labels of degrees of preference, from weakest to strongest. (rater)"""
    best: Label | None = None
    """Label of the best text. (rater)"""
    worst: Label | None = None
    """Label of the worst text. (rater)"""
    top: Label | None = None
    """Label of the first rank. (rater)"""
    bottom: Label | None = None
    """Label of the last rank. (rater)"""


class Translation(Declaration):
    """The texts of a study in another language; omitted ones are not translated."""

    title: Title | None = None
    """Title of the study on its pages. (rater)"""
    consent: Text | None = None
    """Consent text. (rater)"""
    content_notice: Text | None = None
    """Content warning. (rater)"""
    screening: Annotated[tuple[ScreeningQuestion, ...], InOrder] | None = None
    """Eligibility questions: all of them, in the order of the study. (rater)"""
    questionnaire: Annotated[tuple[QuestionnaireQuestion, ...], InOrder] | None = None
    """Questions about the raters: all of them, in the order of the study, with as many options. (rater)"""
    instructions: Text | None = None
    """Instructions for rating. (rater)"""
    practice: Annotated[tuple[Practice, ...], InOrder] | None = None
    """Practice trials: all of them, in the order of the study. (rater)"""
    blinding: BlindingQuestion | None = None
    """The blinding question. (rater)"""
    final_comment: Question | None = None
    """Question for a free comment at the end. (rater)"""
    thanks: Text | None = None
    """Text after the last trial. (rater)"""
    debrief: Text | None = None
    """Debriefing. (rater)"""
    endings: dict[Outcome, Text] = Field(default_factory=dict)
    """Texts of endings that have one of their own, by outcome. (rater)"""
    dimensions: dict[Name, DimensionTranslation] = Field(default_factory=dict)
    """Questions and labels, by dimension. (rater)"""
    shown_fields: dict[FieldName, Label] = Field(default_factory=dict)
    """Labels of shown fields, by field. (rater)"""
