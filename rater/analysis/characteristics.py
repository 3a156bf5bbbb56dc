"""Characteristics of the raters from the questionnaire: the baseline table of a report, over all arms."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rater.study.questionnaire import Question, QuestionKind

QUESTIONNAIRE_COLUMNS = ("rater", "question", "answer")
"""The columns of the frame of the questionnaire; an answer is None if it was declined."""


@dataclass(frozen=True, kw_only=True)
class Characteristic:
    """The answers of the raters to one question; a text is only counted, since it may identify its author."""

    name: str
    question: str
    kind: QuestionKind
    n_answered: int
    n_declined: int
    n_missing: int
    """Raters who were not asked, or whose answers were deleted."""
    counts: tuple[tuple[str, int], ...] = ()
    """The number of raters who chose each option, in the study's order."""
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    lowest: float | None = None
    highest: float | None = None


def describe_raters(
    questionnaire: pd.DataFrame | None, questions: Sequence[Question], raters: Collection[str]
) -> tuple[Characteristic, ...]:
    """Describe the answers of some raters to each question.

    Args:
        questionnaire: One row for each answer: rater, question, answer; None if it is not known.
        questions: The questions, in the study's order.
        raters: Ids of the raters who are described.
    """
    if questionnaire is None:
        return ()
    own = questionnaire[questionnaire["rater"].astype(str).isin(set(raters))]
    return tuple(_describe(own[own["question"] == each.name], each, len(raters)) for each in questions)


def _describe(rows: pd.DataFrame, question: Question, n_raters: int) -> Characteristic:
    given = [each for each in rows["answer"].tolist() if each is not None]
    described = Characteristic(
        name=question.name,
        question=question.question,
        kind=question.kind,
        n_answered=len(given),
        n_declined=len(rows) - len(given),
        n_missing=n_raters - len(rows),
        counts=tuple(
            (option, sum(option in each if isinstance(each, tuple) else option == each for each in given))
            for option in question.options
        ),
    )
    return _with_numbers(described, given) if question.kind == "number" else described


def _with_numbers(described: Characteristic, given: Sequence[float]) -> Characteristic:
    if not given:
        return described
    values = np.asarray(given, dtype=np.float64)
    return replace(
        described,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        median=float(np.median(values)),
        lowest=float(values.min()),
        highest=float(values.max()),
    )
