"""Summary of the answers about texts that are not of several arms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.agreement import Agreement, measure_agreement
from rater.analysis.contrast_data import judged_only
from rater.analysis.results import NotEstimable


@dataclass(frozen=True, kw_only=True)
class AnswerSummary:
    """The answers of one rater, or of all together; what too few answers leave undefined is None."""

    rater: str
    n: int
    mean: float | None
    median: float | None
    sd: float | None
    """The standard deviation of single answers (n − 1)."""


@dataclass(frozen=True, kw_only=True)
class TextSummary:
    """The answers about some texts on one dimension."""

    n_texts: int
    """Number of texts with an answer."""
    n_not_judged: int
    """Number of times that a rater could not judge a text."""
    everyone: AnswerSummary
    raters: tuple[AnswerSummary, ...]
    counts: tuple[tuple[float, int], ...]
    """Each point of the scale with its number of answers; empty for a scale without points."""
    agreement: Agreement | NotEstimable | None
    """None for fewer than two raters."""


def summarise_texts(frame: pd.DataFrame, points: Sequence[float], *, rng: np.random.Generator) -> TextSummary:
    """Summarise answers by rater and by point of the scale, with the agreement of two raters or more.

    Args:
        frame: The tidy frame of one dimension, with one answer for each rater and text.
        points: The points of the scale; none for numbers.
        rng: Random numbers of the bootstrap for the agreement's intervals.
    """
    judged = judged_only(frame)
    raters = sorted(set(judged["rater"]))
    agreement = None
    if len(raters) > 1:
        agreement = measure_agreement(judged, str(judged["dimension"].iloc[0]), points, alpha=0.05, rng=rng)
    return TextSummary(
        n_texts=judged["item"].nunique(),
        n_not_judged=len(frame) - len(judged),
        everyone=_summarise("all", judged["answer"]),
        raters=tuple(_summarise(name, judged.loc[judged["rater"] == name, "answer"]) for name in raters),
        counts=tuple((float(point), int((judged["answer"] == point).sum())) for point in points),
        agreement=agreement,
    )


def _summarise(rater: str, answers: "pd.Series[float]") -> AnswerSummary:
    n = len(answers)
    return AnswerSummary(
        rater=rater,
        n=n,
        mean=float(answers.mean()) if n else None,
        median=float(answers.median()) if n else None,
        sd=float(answers.std(ddof=1)) if n > 1 else None,
    )
