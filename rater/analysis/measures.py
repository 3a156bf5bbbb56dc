"""Metrics and judges next to the raters: difference between the arms, agreement, and error by arm.

All of it is exploratory: no metric is part of a plan, p-values are not adjusted, and none enters the
headline.

A metric answers once, like one rater. Its difference between the arms is therefore tested over prompts, with
the metric and its way of answering fixed (`rater.analysis.by_unit_tests`); net superiority is comparable with
the raters'. Its error is tested over crossed raters and prompts, with the planned test: the answers are
replaced by the metric's value minus the answer. The difference of this error between the arms is by how many
points the metric states the difference between the arms otherwise than the raters do.
A metric in other units is first turned into points by a line: the least-squares fit of the answers on its
values over both arms, without the arm. That is the test for differential prediction (Cleary 1968, J. Educ.
Meas. 5:115–124). Where such a metric is noisy, the line is flat, and a difference that raters see is
understated; this is an error, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rater.analysis.agreement import Agreement
from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.crossed import compare, compare_choices, compare_scores
from rater.analysis.metric_agreement import JudgeAgreement, agree_with_raters, correlate
from rater.analysis.metric_values import (
    UNIT,
    Consistency,
    MetricValues,
    ValueCoverage,
    count_values,
    measure_consistency,
)
from rater.analysis.plan import Planned
from rater.analysis.results import NotEstimable, Outcome, Quantity
from rater.analysis.scope import make_primary
from rater.analysis.secondary import Details
from rater.study.analysis_plan import PlannedScore


@dataclass(frozen=True, kw_only=True)
class ArmValues:
    """A metric's values and errors in one arm."""

    arm: str
    n: int
    """The number of texts with a value."""
    mean: float
    sd: float | None
    """Over texts (n − 1)."""
    mean_rating: float | None
    """The mean over the same texts of their mean ratings; None where none is rated."""
    mean_error: float | None
    """The metric, in the raters' points, minus the answers; None without answers."""
    mean_absolute_error: float | None


@dataclass(frozen=True, kw_only=True)
class MetricPoint:
    """One text, or pair, in the figure."""

    arm: str
    value: float
    mean_rating: float


@dataclass(frozen=True, kw_only=True)
class MetricComparison:
    """One metric next to the raters' answers on one dimension."""

    name: str
    kind: str
    description: str
    caution: str
    dimension: str
    """The dimension whose answers it is compared with."""
    is_on_scale: bool
    """True for a judge that answered this dimension's question on its scale."""
    is_pairwise: bool
    coverage: ValueCoverage
    consistency: tuple[Consistency, ...]
    is_constant: bool
    """True if all values are equal."""
    arms: tuple[ArmValues, ...]
    net_superiority: Outcome
    """The difference between the arms, over prompts."""
    difference: Outcome
    """The same in the metric's own units."""
    raters_net_superiority: Outcome
    """The raters' difference, by the planned test."""
    correlation: Quantity
    correlation_within_arms: Quantity
    agreement: JudgeAgreement | None
    """None for a metric that is not on the scale."""
    kappa_between_raters: Quantity | None
    alpha_between_raters: Quantity | None
    error_difference: Outcome
    """The difference of the error between the arms, over crossed raters and prompts."""
    points: tuple[MetricPoint, ...]


def compare_metrics(
    metrics: Sequence[MetricValues],
    tested: pd.DataFrame,
    texts: pd.DataFrame,
    planned: Planned,
    *,
    judged: Sequence[tuple[Judged, tuple[Outcome, Outcome], Details]],
    rng: np.random.Generator,
) -> tuple[MetricComparison, ...]:
    """Compare each metric with the answers on its dimension, or on the primary one.

    Costs about a second for each metric, for the bootstraps.

    Args:
        metrics: The metrics with their values.
        tested: The answers that enter the tests.
        texts: One row for each text: item, prompt, arm.
        planned: The plan.
        judged: Each dimension with the planned test and the one on the other score, and its details; the
            primary dimension first.
        rng: What the bootstraps draw from.
    """
    by_name = {dimension.name: (dimension, tests, details) for dimension, tests, details in judged}
    compared = []
    for metric, stream in zip(metrics, rng.spawn(len(metrics)), strict=True):
        dimension, tests, details = by_name.get(metric.dimension or "", judged[0])
        about = _Compared(metric, dimension, tests, details)
        compared.append(_compare(about, tested, texts, planned, rng=stream))
    return tuple(compared)


@dataclass(frozen=True)
class _Compared:
    metric: MetricValues
    dimension: Judged
    tests: tuple[Outcome, Outcome]
    details: Details

    @property
    def is_on_scale(self) -> bool:
        return self.metric.dimension == self.dimension.name


def _compare(
    about: _Compared, tested: pd.DataFrame, texts: pd.DataFrame, planned: Planned, *, rng: np.random.Generator
) -> MetricComparison:
    metric, judged = about.metric, about.dimension
    known = texts.drop_duplicates("item").set_index("item")
    own = _own_rows(metric, known)
    rated = _attach(
        tested[tested["dimension"] == judged.name], metric, is_preference=kind_of(judged).is_preference
    )
    points = _points(rated)
    errors = rated.assign(error=_errors(rated, is_on_scale=about.is_on_scale))
    of_all, of_arms, of_judge = rng.spawn(3)
    agreement = about.details.agreement if isinstance(about.details.agreement, Agreement) else None
    return MetricComparison(
        name=metric.name,
        kind=metric.kind,
        description=metric.description,
        caution=metric.caution,
        dimension=judged.name,
        is_on_scale=about.is_on_scale,
        is_pairwise=metric.is_pairwise,
        coverage=count_values(metric, known["arm"]),
        consistency=measure_consistency(metric),
        is_constant=bool(len(own)) and float(np.ptp(own["answer"])) == 0,
        arms=_arms(own, points, errors, planned),
        net_superiority=_over_prompts(own, metric, planned, "net_superiority"),
        difference=_over_prompts(own, metric, planned, "scale_points"),
        raters_net_superiority=next(each for each in about.tests if each.score == "net_superiority"),
        correlation=correlate(points, alpha=planned.alpha, rng=of_all, within_arms=False),
        correlation_within_arms=correlate(points, alpha=planned.alpha, rng=of_arms, within_arms=True),
        agreement=agree_with_raters(rated, kind_of(judged).levels(judged), alpha=planned.alpha, rng=of_judge)
        if about.is_on_scale
        else None,
        kappa_between_raters=agreement.kappa if agreement and about.is_on_scale else None,
        alpha_between_raters=agreement.krippendorff_ordinal if agreement and about.is_on_scale else None,
        error_difference=_test_errors(errors, judged, planned),
        points=tuple(
            MetricPoint(arm=str(row["arm"]), value=float(row["value"]), mean_rating=float(row["mean_rating"]))
            for row in points.to_dict("records")
        ),
    )


def _own_rows(metric: MetricValues, known: pd.DataFrame) -> pd.DataFrame:
    """List the metric's values as the answers of one rater."""
    values = metric.by_unit.rename("answer").reset_index()
    values = values[values["item"].isin(known.index)]
    rows = values.assign(rater=metric.name, dimension=metric.name)
    for column in known.columns.difference([*rows.columns, "text"]):
        rows[column] = rows["item"].map(known[column])
    if metric.is_pairwise:
        rows["other_arm"] = rows["other_item"].map(known["arm"])
    return rows


def _attach(rows: pd.DataFrame, metric: MetricValues, *, is_preference: bool) -> pd.DataFrame:
    """Add the metric's value to each answer; answers to texts without a value are left out.

    A metric of single texts has, for a pair, the difference between its two texts.
    """
    items = rows["item"].astype(str)
    if not is_preference:
        single = {} if metric.is_pairwise else dict(metric.by_unit.droplevel(UNIT[1]))
        value, unit = items.map(single), items
    else:
        others = rows["other_item"].astype(str)
        value = _pair_values(items, others, metric)
        unit = items.where(items <= others, others) + " | " + others.where(items <= others, items)
    return rows.assign(value=value.astype(float), unit=unit).dropna(subset=["value"])


def _pair_values(
    items: "pd.Series[str]", others: "pd.Series[str]", metric: MetricValues
) -> "pd.Series[float]":
    if not metric.is_pairwise:
        single: Mapping[str, float] = dict(metric.by_unit.droplevel(UNIT[1]))
        return items.map(single).astype(float) - others.map(single).astype(float)
    both = dict(metric.by_unit)
    # a pair is stored once, by the study's order of arms; answers are in the same order
    both |= {(second, first): -value for (first, second), value in both.items()}
    return pd.Series(
        [both.get(pair, np.nan) for pair in zip(items, others, strict=True)], index=items.index, dtype=float
    )


def _points(rated: pd.DataFrame) -> pd.DataFrame:
    """Average the ratings of each text or pair."""
    rows = rated.groupby("unit", sort=True)
    return pd.DataFrame(
        {
            "prompt": rows["prompt"].first(),
            "arm": rows["arm"].first(),
            "value": rows["value"].first(),
            "mean_rating": rows["answer"].mean(),
        }
    )


def _errors(rated: pd.DataFrame, *, is_on_scale: bool) -> "pd.Series[float]":
    """Return the metric minus the answer, in the raters' points."""
    value = rated["value"].to_numpy(dtype=np.float64)
    answer = rated["answer"].to_numpy(dtype=np.float64)
    if not is_on_scale and value.size:
        spread = float(np.var(value))
        slope = float(np.cov(value, answer, bias=True)[0, 1]) / spread if spread > 0 else 0.0
        value = answer.mean() + slope * (value - value.mean())
    return pd.Series(value - answer, index=rated.index)


def _arms(
    own: pd.DataFrame, points: pd.DataFrame, errors: pd.DataFrame, planned: Planned
) -> tuple[ArmValues, ...]:
    order = {arm: place for place, arm in enumerate(planned.contrast)}
    arms = sorted(own["arm"].dropna().unique(), key=lambda arm: (order.get(arm, len(order)), arm))
    found = []
    for arm in arms:
        values = own.loc[own["arm"] == arm, "answer"].to_numpy(dtype=np.float64)
        ratings = points.loc[points["arm"] == arm, "mean_rating"]
        wrong = errors.loc[errors["arm"] == arm, "error"]
        found.append(
            ArmValues(
                arm=str(arm),
                n=values.size,
                mean=float(values.mean()),
                sd=float(values.std(ddof=1)) if values.size > 1 else None,
                mean_rating=float(ratings.mean()) if len(ratings) else None,
                mean_error=float(wrong.mean()) if len(wrong) else None,
                mean_absolute_error=float(wrong.abs().mean()) if len(wrong) else None,
            )
        )
    return tuple(found)


def _over_prompts(own: pd.DataFrame, metric: MetricValues, planned: Planned, score: PlannedScore) -> Outcome:
    select = compare_choices if metric.is_pairwise else compare_scores
    compared = select(own, planned.contrast, metric.name)
    if own.empty:
        reason = "no text has a value of the metric"
        return NotEstimable(test="metric by arm", score=score, reason=reason, n=compared.answers.count())
    # a level of significance that an interim look has spent is not this test's, and no SESOI is in its units
    plan = replace(planned, scope="prompts", test="cell_scores", score=score, sesoi=None, coprimary=None)
    return make_primary(compared, plan)


def _test_errors(errors: pd.DataFrame, judged: Judged, planned: Planned) -> Outcome:
    rows = errors.assign(answer=errors["error"])
    plan = replace(planned, score="scale_points", sesoi=None, coprimary=None)
    compared = compare(rows, planned.contrast, judged)
    if errors.empty:
        reason = "no rated text has a value of the metric"
        return NotEstimable(
            test="error by arm", score="scale_points", reason=reason, n=compared.answers.count()
        )
    return make_primary(compared, plan)
