"""Orders of several texts: rankings, and choices of the best and the worst, as the score of each text."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import TableOptions
from rater.analysis.answer_kinds.ratings import Ratings
from rater.analysis.answer_scale import Judged, Rated
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.group_answers import GroupAnswers
from rater.analysis.group_trials import TRIAL, count_groups, score_orders, trial_numbers
from rater.analysis.pilot import Pilot
from rater.analysis.plackett_luce import rank_arms_of_trials
from rater.analysis.results import NotEstimable
from rater.analysis.secondary import Details, DimensionInput
from rater.analysis.simulate import AnswerModel
from rater.errors import RaterError, StudyError
from rater.study.rankings import TextScores


class Orders(Ratings):
    """Orders of the texts of a trial, which give each text a score from −1 to 1."""

    # the scores of a trial depend on each other, and their spread is fixed
    has_spread: ClassVar[bool] = False
    # who rated which other texts of a trial is not in the ratings
    has_power_curve: ClassVar[bool] = False
    why_no_mixed_model: ClassVar[str] = "the answers are orders of several texts"
    why_no_ordinal: ClassVar[str] = (
        "texts were put in order, so that the scores of one trial depend on each other"
    )
    mean_noun: ClassVar[str] = "mean score"
    hypothesis: ClassVar[str] = "ranked differently"
    participle: ClassVar[str] = "placed"
    verb: ClassVar[str] = "places"
    equivalent: ClassVar[str] = "chosen equally often"

    def infer(self, name: str, rows: pd.DataFrame, given: TableOptions) -> Judged | None:
        """Take answers about the texts of a trial as best–worst choices (1, 0, −1) or as ranks from 1."""
        if TRIAL not in rows.columns or not rows[TRIAL].notna().any():
            return None
        if given.has_scale:
            msg = f"{name} has texts that were put in order (column trial): points and limits do not apply"
            raise StudyError(msg)
        n_together = int(rows.groupby(["rater", TRIAL]).size().max())
        is_best_worst = bool(np.isin(rows["answer"].to_numpy(dtype=np.float64), [-1, 0, 1]).all())
        ends = ("best", "worst") if is_best_worst else ("first", "last")
        scale = TextScores(-1.0, 1.0, "best_worst" if is_best_worst else "ranking", n_together, *ends)
        return Rated(name, name, scale)

    def recode(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
        """Turn the ranks of a table into scores; those of a study are scores already."""
        return (
            score_orders(frame, judged.name, scores_of(judged).response)
            if isinstance(judged, Rated)
            else frame
        )

    def rank_arms(self, data: DimensionInput, rng: np.random.Generator) -> ArmRanking | NotEstimable:
        """Estimate the strengths of the arms with a Plackett–Luce model."""
        rows = data.frame[data.frame["dimension"] == data.judged.name]
        return rank_arms_of_trials(
            rows,
            trial_numbers(rows),
            scores_of(data.judged).response,
            data.planned.control_arm,
            alpha=data.planned.alpha,
            rng=rng,
            progress=data.progress,
        )

    def complete(self, details: Details, data: DimensionInput) -> Details:
        """Add the counts of texts that were put first and last."""
        return replace(details, groups=count_groups(data.frame, data.judged.name))

    def _explain_net_superiority(self, first: str, second: str) -> str:
        return (
            f"Net superiority is P({first} placed above) − P({first} placed below) for a text of {first} and "
            f"one of {second}, both from the same prompt and rater, in percentage points: 100 if always "
            "above, 0 if above as often as below, −100 if always below. Equal scores count for neither."
        )

    def assume(self, judged: Judged) -> AnswerModel:
        """Return orders by the levels of the texts with Gumbel noise."""
        scores = scores_of(judged)
        return GroupAnswers(scores.n_together, scores.response)

    def learn(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str] | None, *, has_arms: bool
    ) -> Pilot:
        """Refuse a pilot.

        What the texts of a trial share, such as the level of the rater, cancels in their order. What is left
        are the variances of the effect, which are planned with their usual values anyway (`MIN_SLOPE`).

        Raises:
            RaterError: Always.
        """
        del rows, contrast, has_arms
        msg = (
            f"{judged.name} puts texts in order, and a pilot of orders does not show how much raters and "
            "prompts differ; plan without --pilot, with the usual standard deviations"
        )
        raise RaterError(msg)


def scores_of(judged: Judged) -> TextScores:
    """Return the scale of the scores of ordered texts."""
    scale = judged.scale.scored
    assert isinstance(scale, TextScores)  # noqa: S101 (the only scale of this kind)
    return scale


KIND = Orders()
