"""The base of all kinds of answers, with the questions that the rest of the analysis asks of a kind.

A scale names its kind (`AnswerScale.analysed_as`). The kind is the object ``KIND`` of the module of that name
in this package. It is imported when the first answers of the kind are analysed: so every module of the
analysis can ask a kind, and the module of a kind can use every module of the analysis.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from rater.analysis.answer_scale import ChoiceCoding, Judged, ends_of
from rater.analysis.difference_units import PERCENTAGE_POINTS, DifferenceUnit
from rater.tables import SourceTable

if TYPE_CHECKING:
    from rater.analysis.arm_strengths import ArmRanking
    from rater.analysis.crossed import Compared
    from rater.analysis.describe import ArmSummary
    from rater.analysis.findings import Finding
    from rater.analysis.headline import Verdict
    from rater.analysis.pilot import Pilot
    from rater.analysis.plan import Planned
    from rater.analysis.results import NotEstimable, Outcome, Quantity, Result, Score
    from rater.analysis.secondary import Details, DimensionInput
    from rater.analysis.simulate import AnswerModel

NAMES = ("label_choices", "odd_one_out", "orders", "preferences", "ratings")
"""The kinds, in the order in which they are tried on the answers of a table without a study."""


@dataclass(frozen=True)
class TableOptions:
    """The options with which a user describes the answers of a table."""

    points: int | None = None
    limits: tuple[float, float] | None = None
    choices: ChoiceCoding | None = None

    @property
    def has_scale(self) -> bool:
        """True if the user named points or limits."""
        return self.points is not None or self.limits is not None


@dataclass(frozen=True)
class Concluded:
    """A result with its verdict, for the sentence of the headline."""

    judged: Judged
    contrast: tuple[str, str]
    result: "Result"
    verdict: "Verdict"
    other: "Outcome | None" = None
    """The same test on the other score."""
    p_adjusted: float | None = None

    @property
    def direction(self) -> "Verdict":
        """The direction in which the difference is described: "lower" if it is significantly lower."""
        return "lower" if self.verdict == "lower" else "higher"


class AnswerKind(ABC):
    """A kind of answer. Its attributes are facts; its methods prepare, test, describe and simulate answers.

    Defaults are those of a number for one text.
    """

    is_preference: ClassVar[bool] = False
    """True if an answer is for the text of ``arm`` (above 0) or for that of ``other_arm`` (below 0)."""
    has_both_arms: ClassVar[bool] = False
    """True if an answer is about texts of two arms, so that it is missing in both."""
    is_about_single_texts: ClassVar[bool] = True
    """True if measurements of a text, such as its length, can explain answers."""
    is_nominal: ClassVar[bool] = False
    """True if raters choose among labels or places, which have no order."""
    has_other_score: ClassVar[bool] = True
    """True if the tables of tests have both scores, the planned and the other one."""
    has_spread: ClassVar[bool] = True
    """True if the standard deviations of the answers are compared between the arms."""
    has_doses: ClassVar[bool] = True
    """True if the trend over doses can be tested."""
    has_power_curve: ClassVar[bool] = True
    """True if the power of the trials that were rated can be simulated from the answers alone."""
    why_no_mixed_model: ClassVar[str] = ""
    """The reason why a linear mixed model of all answers cannot be the primary test; empty if it can."""
    why_no_ordinal: ClassVar[str] = ""
    """The reason why there is no ordinal mixed model; empty if there is one."""
    is_of_shares: ClassVar[bool] = False
    """True if the difference is one of shares, from −1 to 1."""
    hypothesis: ClassVar[str] = "rated differently"
    """The primary hypothesis about the texts of the two arms, after "are"."""
    difference_noun: ClassVar[str] = "Difference"
    """The heading of what the tests estimate."""
    arm_noun: ClassVar[str] = "arm"
    """The heading of the arms in tables of answers."""
    mean_noun: ClassVar[str] = "mean rating"
    """The name of the mean answer to a text."""

    # the answers

    def complete_table(self, table: SourceTable, wanted: Mapping[str, str]) -> SourceTable:  # noqa: ARG002
        """Return a table with the columns that can be computed from those that only this kind has.

        Args:
            table: The table of a user.
            wanted: The column that was chosen for each meaning, such as the answer.

        Raises:
            TableError: If a value of these columns is not valid.
        """
        return table

    @abstractmethod
    def infer(self, name: str, rows: pd.DataFrame, given: TableOptions) -> Judged | None:
        """Return the dimension of the answers of a table; None if they are not of this kind.

        Raises:
            StudyError: If an option does not apply to this kind.
        """

    def recode(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:  # noqa: ARG002 (answers are scores)
        """Return a valid frame with the answers of the dimension as they are analysed.

        Raises:
            RaterError: If an answer is not of this kind.
        """
        return frame

    def require(self, frame: pd.DataFrame, judged: Judged) -> None:  # noqa: B027 (most kinds need no more columns)
        """Refuse a frame without the columns that this kind needs.

        Raises:
            RaterError: If a column or a value is missing.
        """

    @abstractmethod
    def select(self, frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> "Compared":
        """Select and score the answers to a contrast on a dimension. Costs one sort of its rows."""

    def list_texts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each text, for what is asked of single texts, such as guesses of the arm."""
        return frame

    def rate_texts(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each answer and text, with what the answer is for the text."""
        return rows

    def name_units(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:  # noqa: ARG002 (a text is a unit)
        """Return the answers with the unit on which raters can agree as the item: a text, or a pair."""
        return frame

    def as_agreed(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:  # noqa: ARG002 (answers are scores)
        """Return the frame with the answers on the dimension on which the agreement of raters is measured."""
        return frame

    def as_given(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:  # noqa: ARG002 (answers are scores)
        """Return the frame with the answers on the dimension as raters gave them: labels or places."""
        return frame

    def name_both_arms(self, rows: pd.DataFrame) -> "pd.Series[str]":
        """Name the arms of each answer that is about texts of two arms."""
        return rows["arm"].astype(str) + " or " + rows["other_arm"].astype(str)

    def levels(self, judged: Judged) -> list[float]:
        """Return the possible answers, in order; none on a scale without points."""
        return [float(level.value) for level in judged.scale.levels]

    def diagnose(self, judged: Judged, rows: pd.DataFrame, prefix: str) -> "list[Finding]":  # noqa: ARG002
        """Find what is suspicious about the answers of a table whose scale nobody named.

        Args:
            judged: The dimension.
            rows: Its answers.
            prefix: The beginning of each message.
        """
        return []

    # the results

    @abstractmethod
    def bounds(self, score: "Score", judged: Judged) -> tuple[float, float] | None:
        """Return the least and the greatest difference in a score; None if they are unknown."""

    @abstractmethod
    def naive_test(self, compared: "Compared") -> "Outcome":
        """Make the usual test that ignores clustering, for comparison."""

    @abstractmethod
    def estimate_effects(self, data: "DimensionInput", rng: np.random.Generator) -> "tuple[Quantity, ...]":
        """Estimate the effect sizes, with up to 2,000 bootstrap replicates for each."""

    def rank_arms(
        self,
        data: "DimensionInput",  # noqa: ARG002 (scores of single texts give no order of arms)
        rng: np.random.Generator,  # noqa: ARG002
    ) -> "ArmRanking | NotEstimable | None":
        """Estimate the strengths of the arms; None where answers do not order texts."""
        return None

    def complete(self, details: "Details", data: "DimensionInput") -> "Details":  # noqa: ARG002 (no more)
        """Add the secondary analyses that only this kind has."""
        return details

    @abstractmethod
    def describe_arms(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str]
    ) -> "tuple[ArmSummary, ...]":
        """Describe the answers to each arm, those of the contrast first."""

    # the words

    @abstractmethod
    def write_sentence(self, concluded: Concluded) -> str:
        """Return a result as a sentence: verdict, effect, interval, p and sizes."""

    @abstractmethod
    def explain_score(self, planned: "Planned", judged: Judged) -> str:
        """Explain the planned score in one or two sentences."""

    def describe_scale(self, judged: Judged) -> str:
        """Return the scale of a dimension in words."""
        return judged.scale.describe_values().replace("-", "−")

    def head_difference(self, contrast: tuple[str, str]) -> str:
        """Return the heading of the tests of a contrast."""
        return f"{self.difference_noun}, {contrast[0]} minus {contrast[1]}"

    def head_arms(self, *, is_short: bool) -> tuple[str, ...]:
        """Return the headings of the columns of `tabulate_arm`; short ones for a terminal."""
        return "n", "mean", "median", "sd" if is_short else "SD"

    @abstractmethod
    def tabulate_arm(self, arm: "ArmSummary") -> tuple[str, ...]:
        """Return the numbers of an arm for a table of answers by arm."""

    def name_primary(self, contrast: tuple[str, str], dimension: str, score: str) -> str:
        """Return what the primary test compares, for the summary of an analysis plan."""
        return f"{contrast[0]} − {contrast[1]} on {dimension} in {score}"

    def register(
        self,
        contrast: tuple[str, str],  # noqa: ARG002 (a difference has its own words)
        dimension: str,  # noqa: ARG002
        alpha: float,  # noqa: ARG002
    ) -> tuple[str, ...]:
        """Return the planned analysis for the preregistration; empty if it is that of a difference."""
        return ()

    def name_unit(self, judged: Judged) -> DifferenceUnit:
        """Return the unit of the planned difference."""
        return PERCENTAGE_POINTS if self.is_of_shares else DifferenceUnit(judged.scale.scored.answer_unit)

    def span(self, judged: Judged) -> float:
        """Return the length of the scale of answers, from end to end."""
        low, high = ends_of(judged)
        return high - low

    # the response model

    @abstractmethod
    def assume(self, judged: Judged) -> "AnswerModel":
        """Return how levels become answers, where nothing is known of raters."""

    @abstractmethod
    def learn(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str] | None, *, has_arms: bool
    ) -> "Pilot":
        """Estimate the response model and the variances from the answers of a pilot.

        Args:
            rows: The judged first showings on the dimension.
            judged: The dimension, as the study to be planned has it.
            contrast: The arms compared, where they are known.
            has_arms: True if the pilot names the arms of its texts.
        """


@cache
def kind_named(name: str) -> AnswerKind:
    """Return a kind by the name of its module."""
    kind: AnswerKind = import_module(f"rater.analysis.answer_kinds.{name}").KIND
    return kind


def kind_of(judged: Judged) -> AnswerKind:
    """Return the kind of the answers on a dimension."""
    return kind_named(judged.scale.scored.analysed_as)


def all_kinds() -> Mapping[str, AnswerKind]:
    """Return all kinds by name, in the order in which they are tried on a table."""
    return {name: kind_named(name) for name in NAMES}


def complete_table(table: SourceTable, wanted: Mapping[str, str]) -> SourceTable:
    """Return a table with the columns that kinds of answers compute from columns of their own.

    Raises:
        TableError: If a value of these columns is not valid.
    """
    for kind in all_kinds().values():
        table = kind.complete_table(table, wanted)
    return table
