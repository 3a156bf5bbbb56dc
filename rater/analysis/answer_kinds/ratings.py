"""Ratings: a number for one text, such as a point of a scale, on a slider, or a composite score."""

from typing import ClassVar

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import AnswerKind, Concluded, TableOptions
from rater.analysis.answer_scale import Judged, Numbers, Rated, ends_of
from rater.analysis.crossed import Compared, compare_scores
from rater.analysis.describe import ArmSummary, describe_scores
from rater.analysis.effects import effect_sizes
from rater.analysis.findings import Finding, find_codes, find_gaps
from rater.analysis.headline import digits_of, write_evidence
from rater.analysis.intervals import DIFFERENCE
from rater.analysis.pilot import Pilot, learn_from_scores
from rater.analysis.plan import Planned
from rater.analysis.results import Outcome, Quantity, Result, Score
from rater.analysis.secondary import DimensionInput, mann_whitney
from rater.analysis.sentences import number
from rater.analysis.simulate import AnswerModel, ContinuousAnswers, evenly_cut
from rater.study.scales import Likert

MAX_POINTS = 11


class Ratings(AnswerKind):
    """Ratings of single texts, which are compared between the arms within rater and prompt."""

    participle: ClassVar[str] = "rated"
    verb: ClassVar[str] = "rates"
    equivalent: ClassVar[str] = "rated equivalently"

    def infer(self, name: str, rows: pd.DataFrame, given: TableOptions) -> Judged | None:
        """Take the answers for points from 1 if they are whole numbers up to 11, else for any numbers."""
        answers = rows["answer"].to_numpy(dtype=np.float64)
        if given.limits is not None:
            return Rated(name, name, Numbers(*given.limits))
        if given.points is not None:
            return Rated(name, name, points_from_1(given.points))
        whole = bool((answers == np.rint(answers)).all())
        if whole and answers.min() >= 1 and answers.max() <= MAX_POINTS:
            return Rated(name, name, points_from_1(max(int(answers.max()), 2)), is_inferred=True)
        return Rated(name, name, Numbers(float(answers.min()), float(answers.max())), is_inferred=True)

    def select(self, frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Compared:
        """Select the ratings of texts of two arms, and score the cells of raters and prompts."""
        return compare_scores(frame, contrast, dimension)

    def diagnose(self, judged: Judged, rows: pd.DataFrame, prefix: str) -> list[Finding]:
        """Find a code of missing answers, or points that nobody used."""
        findings, is_certain = find_codes(rows, prefix, is_preference=False)
        answers = rows["answer"].to_numpy(dtype=np.float64)
        return findings if is_certain else findings + find_gaps(judged, answers, prefix)

    def bounds(self, score: Score, judged: Judged) -> tuple[float, float] | None:
        """Return −1 to 1 for net superiority, and the length of the scale either way for scale points."""
        if score == "net_superiority":
            return DIFFERENCE
        if score != "scale_points" or not judged.scale.has_known_ends:
            return None
        low, high = ends_of(judged)
        return low - high, high - low

    def naive_test(self, compared: Compared) -> Outcome:
        """Make the Mann–Whitney test."""
        return mann_whitney(compared.ratings)

    def estimate_effects(self, data: DimensionInput, rng: np.random.Generator) -> tuple[Quantity, ...]:
        """Estimate standardised differences and probabilities of superiority."""
        return effect_sizes(
            data.compared.ratings,
            data.tested.net_superiority,
            alpha=data.planned.alpha,
            rng=rng,
            progress=data.progress,
        )

    def describe_arms(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str]
    ) -> tuple[ArmSummary, ...]:
        """Describe the ratings of the texts of each arm."""
        return describe_scores(rows, judged, contrast)

    def write_sentence(self, concluded: Concluded) -> str:
        """Return the verdict, with the effect and its evidence."""
        (first, second), name = concluded.contrast, concluded.judged.name
        evidence = write_evidence(concluded, has_other_score=self._has_two_scores(concluded.judged))
        found = f"{self._describe_effect(concluded)} {evidence}"
        if concluded.verdict == "inconclusive":
            return (
                f"No significant difference between “{first}” and “{second}” on {name}: the estimate is that "
                f"{found}. This is not evidence that there is no difference."
            )
        if concluded.verdict == "equivalent":
            return f"“{first}” and “{second}” were {self.equivalent} on {name}: the estimate is that {found}."
        return f"{self._describe_verdict(concluded)} on {name}: {found}."

    def _has_two_scores(self, judged: Judged) -> bool:  # noqa: ARG002 (ratings always have)
        """Return whether the test of the other score can differ from that of the planned one."""
        return True

    def _describe_verdict(self, concluded: Concluded) -> str:
        first, second = concluded.contrast
        return f"“{first}” was {self.participle} {concluded.verdict} than “{second}”"

    def _describe_effect(self, concluded: Concluded) -> str:
        """Describe the estimate in words that fit the score."""
        first, result = concluded.contrast[0], concluded.result
        if result.score == "net_superiority":
            return self._describe_net_superiority(first, result, concluded.direction)
        higher, unit = "higher" if result.estimate >= 0 else "lower", concluded.judged.scale.answer_unit
        return f"answers to “{first}” are {number(abs(result.estimate))} {unit} {higher}"

    def _describe_net_superiority(self, first: str, result: Result, direction: str) -> str:
        estimate = -result.estimate if direction == "lower" else result.estimate
        opposite = "lower" if direction == "higher" else "higher"
        if estimate < 0:
            direction, opposite = opposite, direction
        who = "this rater, shown one of each," if result.n.raters == 1 else "a rater shown one of each"
        points = number(abs(100 * estimate), digits_of(result))
        return (
            f"{who} {self.verb} “{first}” {direction} {points} percentage points more often than {opposite}"
        )

    def explain_score(self, planned: Planned, judged: Judged) -> str:
        """Explain net superiority, or the difference of means over cells or in the mixed model."""
        first, second = (f"“{arm}”" for arm in planned.contrast)
        unit = judged.scale.answer_unit
        if planned.score == "net_superiority":
            return self._explain_net_superiority(first, second)
        if planned.test == "mixed_model":
            return (
                f"The difference is the mean answer to {first} minus the mean answer to {second}, in {unit}, "
                "as a linear mixed model of all answers estimates it; 0 means no difference."
            )
        return f"The difference is the mean over rater × prompt cells, in {unit}; 0 means no difference."

    def _explain_net_superiority(self, first: str, second: str) -> str:
        return (
            f"Net superiority is P({first} rated higher) − P({first} rated lower) for a text of {first} and "
            f"one of {second}, both from the same prompt and rater, in percentage points: 100 if always "
            "higher, 0 if higher as often as lower, −100 if always lower. Equal ratings count for neither."
        )

    def tabulate_arm(self, arm: ArmSummary) -> tuple[str, ...]:
        """Return the number of answers, their mean, median and standard deviation."""
        numbers = ((arm.mean, 2), (arm.median, 1), (arm.sd, 2))
        return f"{arm.n:,}", *("–" if each is None else number(each, digits) for each, digits in numbers)

    def assume(self, judged: Judged) -> AnswerModel:
        """Return evenly spaced points, or numbers of which five logits fill the line."""
        if judged.scale.levels:
            return evenly_cut(len(judged.scale.levels), int(judged.scale.lowest))
        low, high = ends_of(judged)
        return ContinuousAnswers(low, high, middle=(low + high) / 2, unit=(high - low) / 5)

    def learn(
        self, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str] | None, *, has_arms: bool
    ) -> Pilot:
        """Estimate the variances of raters, prompts and texts, and of the effect where arms are known."""
        return learn_from_scores(rows, judged, contrast, has_arms=has_arms)


def points_from_1(n: int) -> Likert:
    """Return a scale of ``n`` points from 1."""
    return Likert(points=n, low="lowest", high="highest")


KIND = Ratings()
