"""Choices among labels: whether the target of a text was chosen."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pandas as pd

from rater.analysis.answer_kinds.kind import Concluded, TableOptions
from rater.analysis.answer_kinds.ratings import Ratings
from rater.analysis.answer_scale import Judged, Rated
from rater.analysis.choices import label_choices, with_label_codes
from rater.analysis.describe import ArmSummary, tabulate_proportion
from rater.analysis.external_labels import add_scores, label_scale
from rater.analysis.headline import digits_of
from rater.analysis.plan import Planned
from rater.analysis.secondary import Details, DimensionInput
from rater.analysis.sentences import number
from rater.analysis.simulate import AnswerModel, cut_at_chance
from rater.tables import SourceTable


class LabelChoices(Ratings):
    """Choices among labels, scored 1 for the target and 0 otherwise."""

    is_nominal: ClassVar[bool] = True
    has_spread: ClassVar[bool] = False
    is_of_shares: ClassVar[bool] = True
    hypothesis: ClassVar[str] = "recognised differently often"
    equivalent: ClassVar[str] = "recognised equally often"

    def complete_table(self, table: SourceTable, wanted: Mapping[str, str]) -> SourceTable:
        """Add the scores to a table with labels chosen and targets."""
        return add_scores(table, wanted)

    def infer(self, name: str, rows: pd.DataFrame, given: TableOptions) -> Judged | None:
        """Take answers with labels chosen and targets for choices among labels; no option applies."""
        del given
        scale = label_scale(rows)
        return None if scale is None else Rated(name, name, scale)

    def as_agreed(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
        """Return the numbers of the labels chosen."""
        return with_label_codes(frame, [judged])

    def as_given(self, frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
        """Return the numbers of the labels chosen."""
        return with_label_codes(frame, [judged])

    def complete(self, details: Details, data: DimensionInput) -> Details:
        """Add identification, confusion and bias. Costs a test for each arm."""
        return replace(details, choices=label_choices(data.frame, data.judged, data.planned))

    def _has_two_scores(self, judged: Judged) -> bool:  # noqa: ARG002 (both scores are the same)
        return False

    def _describe_verdict(self, concluded: Concluded) -> str:
        first, second = concluded.contrast
        better, worse = (first, second) if concluded.verdict == "higher" else (second, first)
        return f"“{better}” was recognised more often than “{worse}”"

    def _describe_effect(self, concluded: Concluded) -> str:
        """Describe how much more often the target is chosen for texts of one arm, in percentage points."""
        result = concluded.result
        more, less = concluded.contrast if result.estimate >= 0 else concluded.contrast[::-1]
        points = number(abs(100 * result.estimate), digits_of(result))
        return (
            f"the target is chosen {points} percentage points more often for texts of “{more}” than for "
            f"texts of “{less}”"
        )

    def explain_score(self, planned: Planned, judged: Judged) -> str:
        """Explain the difference of the proportions of target choices."""
        del judged
        first, second = planned.contrast
        return (
            f"The difference is the proportion of target choices for texts of “{first}” minus that for texts "
            f"of “{second}”, as the mean of the rater × prompt cells; 0 means no difference."
        )

    def head_arms(self, *, is_short: bool) -> tuple[str, ...]:
        """Return the headings of a proportion."""
        del is_short
        return "n", "target chosen", "proportion"

    def tabulate_arm(self, arm: ArmSummary) -> tuple[str, ...]:
        """Return how often the target was chosen, of how many answers."""
        return tabulate_proportion(arm)

    def assume(self, judged: Judged) -> AnswerModel:
        """Return 1 with the probability of guessing in the second arm."""
        scale = judged.scale
        assert scale.chance is not None  # noqa: S101 (labels have a target)
        return cut_at_chance(scale.chance)


KIND = LabelChoices()
