"""Odd-one-out trials: whether the text of the other arm was found among three."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import AnswerKind, Concluded, TableOptions
from rater.analysis.answer_scale import Judged, Rated
from rater.analysis.crossed import Compared, name_cells
from rater.analysis.describe import ArmSummary, describe_scores, tabulate_proportion
from rater.analysis.difference_units import DifferenceUnit
from rater.analysis.odd_one_out import (
    describe_result,
    naive_binomial_test,
    odd_one_out,
    select_odd_choices,
)
from rater.analysis.odd_trials import add_odd_trials, is_odd_one_out, trials_between, with_chosen_places
from rater.analysis.pilot import Pilot
from rater.analysis.plan import Planned
from rater.analysis.preferences import one_row_a_text, score_preferences
from rater.analysis.results import Outcome, Quantity, Score
from rater.analysis.secondary import Details, DimensionInput
from rater.analysis.sentences import number
from rater.analysis.simulate import AnswerModel
from rater.analysis.triangle_test import CHANCE, TriangleAnswers, d_prime_of
from rater.errors import RaterError, StudyError
from rater.study.text_choices import OddScore
from rater.tables import SourceTable


class OddTextsFound(DifferenceUnit):
    """Proportions of odd texts found above chance, written as proportions with their d'."""

    @property
    def is_condition(self) -> bool:
        """True: "if … of odd texts are found"."""
        return True

    def write(self, points: float, digits: int | None = None) -> str:
        """Return the proportion found, that by guessing, and d'."""
        del digits
        d_prime = d_prime_of(CHANCE + points)
        distance = "" if d_prime is None else f", d' {number(d_prime)}"
        return f"{CHANCE + points:.0%} of odd texts are found ({CHANCE:.0%} by guessing{distance})"


class OddOneOutTrials(AnswerKind):
    """Odd-one-out trials, scored 1 if the odd text was chosen and 0 otherwise, against chance."""

    has_both_arms: ClassVar[bool] = True
    # which text is odd depends on the other two
    is_about_single_texts: ClassVar[bool] = False
    is_nominal: ClassVar[bool] = True
    has_other_score: ClassVar[bool] = False
    has_spread: ClassVar[bool] = False
    has_doses: ClassVar[bool] = False
    # who rated which other texts of a trial is not in the ratings
    has_power_curve: ClassVar[bool] = False
    why_no_mixed_model: ClassVar[str] = "the answers are to odd-one-out trials"
    why_no_ordinal: ClassVar[str] = (
        "the odd text of a trial was looked for, and texts were not rated on points"
    )
    is_of_shares: ClassVar[bool] = True
    hypothesis: ClassVar[str] = "told apart more or less often than by guessing (1/3 of odd-one-out trials)"
    difference_noun: ClassVar[str] = "Proportion of odd texts found minus 1/3"
    arm_noun: ClassVar[str] = "arm of the odd text"

    def complete_table(self, table: SourceTable, wanted: Mapping[str, str]) -> SourceTable:
        """Add the odd text and the answer to a table with the arm of each place."""
        return add_odd_trials(table, wanted)

    def infer(self, name: str, rows: pd.DataFrame, given: TableOptions) -> Judged | None:
        """Take answers with the place of the odd text for odd-one-out trials."""
        if not is_odd_one_out(rows):
            return None
        if given.has_scale:
            msg = f"{name} has odd-one-out trials (column chosen_place): points and limits do not apply"
            raise StudyError(msg)
        return Rated(name, name, OddScore())

    def select(self, frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Compared:
        """Select the trials of two arms, whichever is odd, and score the cells of raters and prompts."""
        rows = trials_between(frame[frame["dimension"] == dimension], contrast)
        choices = select_odd_choices(rows, contrast)
        return name_cells(rows, choices, score_preferences(choices))

    def list_texts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each of the three texts."""
        return one_row_a_text(frame)

    def as_given(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
        """Return the places chosen."""
        del judged
        return with_chosen_places(frame)

    def name_both_arms(self, rows: pd.DataFrame) -> "pd.Series[str]":
        """Name the two arms in alphabetical order, whichever is odd."""
        arm, other = rows["arm"].astype(str), rows["other_arm"].astype(str)
        return arm.where(arm <= other, other) + " or " + other.where(arm <= other, arm)

    def bounds(self, score: Score, judged: Judged) -> tuple[float, float] | None:
        """Return those of the proportion correct, minus chance."""
        del score, judged
        return -CHANCE, 1 - CHANCE

    def naive_test(self, compared: Compared) -> Outcome:
        """Make the binomial test against chance."""
        return naive_binomial_test(compared.preferred)

    def estimate_effects(self, data: DimensionInput, rng: np.random.Generator) -> tuple[Quantity, ...]:
        """Return none: the proportion and d' of each contrast are in the details."""
        del data, rng
        return ()

    def complete(self, details: Details, data: DimensionInput) -> Details:
        """Add the trials by contrast, by arm of the odd text and by place. Costs two tests for a contrast."""
        adjusted = [((each.arm, each.control), each.p_adjusted) for each in details.contrasts]
        return replace(details, odd_one_out=odd_one_out(data.frame, data.judged, data.planned, adjusted))

    def describe_arms(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str]
    ) -> tuple[ArmSummary, ...]:
        """Describe the trials by the arm of the odd text."""
        return describe_scores(rows, judged, contrast)

    def write_sentence(self, concluded: Concluded) -> str:
        """Return the verdict, with the proportion, its interval and d'."""
        result = concluded.result
        return describe_result(
            concluded.contrast,
            concluded.judged.name,
            result,
            p=result.p if concluded.p_adjusted is None else concluded.p_adjusted,
            verdict=concluded.verdict,
        )

    def explain_score(self, planned: Planned, judged: Judged) -> str:
        """Explain the proportion of odd texts found."""
        del judged
        first, second = planned.contrast
        return (
            f"The proportion is that of trials with texts of “{first}” and “{second}” in which the odd text "
            "was chosen, as the mean of the rater × prompt cells; 1/3 is expected by guessing."
        )

    def name_primary(self, contrast: tuple[str, str], dimension: str, score: str) -> str:
        """Return that the odd texts found are compared with chance."""
        del score
        return f"odd texts found among {contrast[0]} and {contrast[1]} on {dimension}, against 1/3"

    def register(self, contrast: tuple[str, str], dimension: str, alpha: float) -> tuple[str, ...]:
        """Return the test of the proportion against chance, and the secondary analyses."""
        first, second = contrast
        primary = (
            f"Primary analysis: the proportion of odd texts found among texts of `{first}` and `{second}` on "
            f"`{dimension}`, tested against 1/3 by a crossed random-effects score test (Wilson interval "
            "with the effective number of answers, t quantile with Satterthwaite degrees of freedom); "
            f"two-sided alpha {alpha:g}. Of repeated trials only the first answer enters. d' of the "
            "triangle test is reported, with the ends of its interval transformed."
        )
        secondary = (
            "Secondary, non-confirmatory analyses: the proportion by the arm of the odd text, and agreement "
            "between raters. Exploratory analyses: the proportion by prompt and by rater."
        )
        return primary, secondary

    def name_unit(self, judged: Judged) -> DifferenceUnit:
        """Return the proportion of odd texts found."""
        del judged
        return OddTextsFound("of odd texts found", 100.0)

    def head_difference(self, contrast: tuple[str, str]) -> str:
        """Return the heading of the proportion above chance."""
        return f"{self.difference_noun}, {contrast[0]} and {contrast[1]}"

    def head_arms(self, *, is_short: bool) -> tuple[str, ...]:
        """Return the headings of a proportion."""
        del is_short
        return "n", "odd text found", "proportion"

    def tabulate_arm(self, arm: ArmSummary) -> tuple[str, ...]:
        """Return how often the odd text was found, of how many trials."""
        return tabulate_proportion(arm)

    def assume(self, judged: Judged) -> AnswerModel:
        """Return the model of the triangle test."""
        del judged
        return TriangleAnswers()

    def learn(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str] | None, *, has_arms: bool
    ) -> Pilot:
        """Refuse a pilot.

        The variance of d' over raters and prompts is that of proportions beyond chance, of which a pilot has
        too few trials; near d' = 0 they do not depend on it.

        Raises:
            RaterError: Always.
        """
        del rows, contrast, has_arms
        msg = (
            f"{judged.name} finds the odd text, and a pilot of odd-one-out trials does not show how much d' "
            "differs between raters and prompts; plan without --pilot, with the usual standard deviations"
        )
        raise RaterError(msg)


KIND = OddOneOutTrials()
