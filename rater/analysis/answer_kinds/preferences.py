"""Preferences: a choice between two texts, with or without degrees."""

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_kinds.kind import Concluded, TableOptions
from rater.analysis.answer_kinds.ratings import Ratings
from rater.analysis.answer_scale import Judged, Preferences, Rated, ends_of
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.bradley_terry import rank_arms
from rater.analysis.crossed import Compared, compare_choices
from rater.analysis.describe import ArmSummary, describe_choices
from rater.analysis.findings import MAX_LISTED, Finding, find_codes
from rater.analysis.headline import digits_of
from rater.analysis.intervals import DIFFERENCE
from rater.analysis.pilot import Pilot, learn_from_choices, usual_tie
from rater.analysis.preferences import (
    as_single_texts,
    one_row_a_text,
    require_pairs,
    sign_test,
    tie_rate,
    win_rate,
)
from rater.analysis.results import NotEstimable, Outcome, Quantity, Score
from rater.analysis.secondary import DimensionInput, list_arms
from rater.analysis.sentences import number
from rater.analysis.simulate import AnswerModel, PairwiseAnswers
from rater.errors import RaterError

Floats = NDArray[np.float64]
_CODES = {"1/0": (1.0, 0.0), "1/2": (1.0, 2.0)}
"""The answers for the text of ``arm`` and for the other one, by coding; any other is signed already."""


class Choices(Ratings):
    """Choices between two texts, as preferences for the text of one arm over that of another."""

    is_preference: ClassVar[bool] = True
    has_both_arms: ClassVar[bool] = True
    has_spread: ClassVar[bool] = False
    is_of_shares: ClassVar[bool] = True
    hypothesis: ClassVar[str] = "preferred differently"
    # which text was shown next to which is not in the ratings
    has_power_curve: ClassVar[bool] = False
    why_no_mixed_model: ClassVar[str] = "the answers are choices between two texts"
    why_no_ordinal: ClassVar[str] = "texts were chosen between, not rated on points"
    mean_noun: ClassVar[str] = "mean preference"
    equivalent: ClassVar[str] = "chosen equally often"

    def infer(self, name: str, rows: pd.DataFrame, given: TableOptions) -> Judged | None:
        """Take answers with another arm for choices; the strongest is in the limits or in the answers."""
        if "other_arm" not in rows.columns or not rows["other_arm"].notna().any():
            return None
        limits = given.limits
        if limits is not None and limits[0] == -limits[1]:
            scale = Preferences(int(limits[1]), given.choices, is_named=True)
        elif given.choices in {"1/0", "1/2"}:
            scale = Preferences(1, given.choices)
        else:
            answers = rows["answer"].to_numpy(dtype=np.float64)
            scale = Preferences(max(int(np.abs(np.rint(answers)).max()), 1), given.choices)
        return Rated(name, name, scale, is_inferred=True)

    def recode(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
        """Write choices that are coded as won and lost, or as the first and the second text, with a sign."""
        if not isinstance(judged.scale, Preferences) or judged.scale.coding not in _CODES:
            return frame
        won, lost = _CODES[judged.scale.coding]
        of = (frame["dimension"] == judged.name).to_numpy()
        answers = frame["answer"].to_numpy(dtype=np.float64)
        wrong = of & ~np.isin(answers, [won, lost]) & ~np.isnan(answers)
        if wrong.any():
            row = frame[wrong].iloc[0]
            msg = (
                f"answer is {row['answer']:g} (rater {row['rater']}, item {row['item']}), but choices coded "
                f"{judged.scale.coding} are {won:g} or {lost:g}"
            )
            raise RaterError(msg)
        return frame.assign(answer=np.where(of & (answers == lost), -1.0, answers))

    def require(self, frame: pd.DataFrame, judged: Judged) -> None:
        """Refuse choices without the two arms that they are between."""
        require_pairs(frame, judged.name)

    def select(self, frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Compared:
        """Select the choices between two arms, and score the cells of raters and prompts."""
        return compare_choices(frame, contrast, dimension)

    def list_texts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each text of each pair."""
        return one_row_a_text(frame)

    def rate_texts(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the preference for each text of each pair."""
        preferred = pd.concat([rows["answer"], -rows["answer"]], ignore_index=True)
        return one_row_a_text(rows).assign(answer=preferred)

    def name_units(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
        """Return the choices with the pair as the item."""
        return as_single_texts(frame, judged.name)

    def levels(self, judged: Judged) -> list[float]:
        """Return the choices, in order."""
        strongest = judged.scale.strongest
        return [
            float(value) for value in range(-strongest, strongest + 1) if value or judged.scale.allows_tie
        ]

    def diagnose(self, judged: Judged, rows: pd.DataFrame, prefix: str) -> list[Finding]:
        """Find a code of missing answers, unless the strongest preference is named, and other codings."""
        scale = judged.scale
        assert isinstance(scale, Preferences)  # noqa: S101 (the only scale that is inferred)
        found = [] if scale.is_named else find_codes(rows, prefix, is_preference=True)[0]
        return found + _find_coding(scale, rows["answer"].to_numpy(dtype=np.float64), prefix)

    def bounds(self, score: Score, judged: Judged) -> tuple[float, float] | None:
        """Return −1 to 1 for net superiority, and the strongest preferences for scale points."""
        if score == "net_superiority":
            return DIFFERENCE
        return ends_of(judged) if score == "scale_points" and judged.scale.has_known_ends else None

    def naive_test(self, compared: Compared) -> Outcome:
        """Make the sign test."""
        return sign_test(compared.preferred)

    def estimate_effects(self, data: DimensionInput, rng: np.random.Generator) -> tuple[Quantity, ...]:
        """Estimate the rates of wins and ties; nothing is resampled."""
        del rng
        return win_rate(data.tested.net_superiority, data.planned.contrast), tie_rate(data.compared.preferred)

    def rank_arms(self, data: DimensionInput, rng: np.random.Generator) -> ArmRanking | NotEstimable | None:
        """Estimate the strengths of more than two arms with a Bradley–Terry model."""
        if len(list_arms(data.frame, data.judged)) < 3:
            return None
        return rank_arms(
            data.frame,
            data.judged.name,
            data.planned.control_arm,
            alpha=data.planned.alpha,
            rng=rng,
            progress=data.progress,
        )

    def describe_arms(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str]
    ) -> tuple[ArmSummary, ...]:
        """Describe each arm by the choices that it was part of."""
        del judged
        return describe_choices(rows, contrast)

    def _has_two_scores(self, judged: Judged) -> bool:
        return judged.scale.strongest > 1

    def _describe_verdict(self, concluded: Concluded) -> str:
        first, second = concluded.contrast
        better, worse = (first, second) if concluded.verdict == "higher" else (second, first)
        return f"“{better}” was preferred to “{worse}”"

    def _describe_effect(self, concluded: Concluded) -> str:
        """Describe how often the preferred arm is chosen; for "lower" that is the second arm."""
        contrast, result, direction = concluded.contrast, concluded.result, concluded.direction
        first, second = contrast if direction != "lower" else contrast[::-1]
        estimate = -result.estimate if direction == "lower" else result.estimate
        who = "this rater, shown both, chooses" if result.n.raters == 1 else "a rater shown both chooses"
        preferred, other = (first, second) if estimate >= 0 else (second, first)
        if result.score == "net_superiority":
            points = number(abs(100 * estimate), digits_of(result))
            return f"{who} “{preferred}” {points} percentage points more often than “{other}”"
        return f"{who} “{preferred}” by {number(abs(estimate))} degrees of preference on average"

    def _explain_net_superiority(self, first: str, second: str) -> str:
        return (
            f"Net superiority is the share of choices for {first} minus the share for {second}, in "
            f"percentage points: 100 if {first} is always chosen, 0 if both are chosen equally often, −100 "
            "if it is never chosen."
        )

    def span(self, judged: Judged) -> float:
        """Return 2: from always the other text to always this one."""
        del judged
        return 2.0

    def describe_scale(self, judged: Judged) -> str:
        """Return the degrees of preference."""
        return f"choices between two texts, from −{judged.scale.strongest} to {judged.scale.strongest}"

    def head_arms(self, *, is_short: bool) -> tuple[str, ...]:
        """Return the headings of the choices."""
        if is_short:
            return "n", "preferred", "neither", "other", "mean"
        return "choices", "preferred", "no preference", "other preferred", "mean preference"

    def tabulate_arm(self, arm: ArmSummary) -> tuple[str, ...]:
        """Return the choices for the arm, for neither and against it, and the mean preference."""
        counts = (f"{count or 0:,}" for count in (arm.wins, arm.ties, arm.losses))
        return f"{arm.n:,}", *counts, "–" if arm.mean is None else number(arm.mean)

    def assume(self, judged: Judged) -> AnswerModel:
        """Return choices by the difference of two levels, with the usual share of ties."""
        return PairwiseAnswers(tie=usual_tie(judged), degrees=judged.scale.strongest)

    def learn(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str] | None, *, has_arms: bool
    ) -> Pilot:
        """Estimate the share of ties."""
        del contrast, has_arms
        return learn_from_choices(rows, judged)


def _find_coding(scale: Preferences, answers: Floats, prefix: str) -> list[Finding]:
    """Refuse choices that may be coded as won and lost, or as the first and the second text."""
    if scale.coding is not None or (answers < 0).any():
        return []
    n_zero, values = int((answers == 0).sum()), set(answers.tolist())
    if n_zero:
        coded = (
            f"{prefix}no choice is below 0, and {n_zero:,} of {answers.size:,} are 0. If 1 is won and 0 is "
            "lost, add: --choices 1/0; if 0 is neither text: --choices signed."
        )
    elif values == {1.0, 2.0}:
        coded = (
            f"{prefix}all choices are 1 or 2. If 1 is the text of the column arm and 2 the other one, add: "
            "--choices 1/2; if they are how strongly the text of arm was preferred: --choices signed."
        )
    elif len(values) > 1:
        listed = ", ".join(f"{value:g}" for value in sorted(values)[:MAX_LISTED])
        coded = (
            f"{prefix}all choices are above 0 ({listed}), so that the text of the column arm would have "
            "been chosen every time. If the scale leads from one text to the other, make its middle 0; "
            "if 1 is the text of arm and 2 the other one, --choices 1/2 takes no further values; if all "
            "are how strongly the text of arm was preferred: --choices signed."
        )
    else:
        return []
    return [Finding(level="refuse", code="choice_coding", message=coded, n=n_zero or answers.size)]


KIND = Choices()
