import pytest

from rater.analysis.headline import judge, write_headline
from rater.analysis.planned import Planned
from rater.analysis.results import Counts, Interval, NotEstimable, Result
from rater.study.protocol import Dimension, Likert

HAPPINESS = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))
PLANNED = Planned(contrast=("steered", "unsteered"), dimensions=(HAPPINESS,), primary="happiness")
COUNTS = Counts(raters=12, prompts=10, items=60, answers=720, cells=120)


def result(estimate: float, low: float, high: float, p: float) -> Result:
    return Result(
        test="two-way t",
        estimand="",
        score="net_superiority",
        estimate=estimate,
        interval=Interval(low, high, 0.95),
        standard_error=0.1,
        symbol="t",
        statistic=1.0,
        df=9.0,
        p=p,
        n=COUNTS,
        claim="",
        method="",
        reference="",
    )


NO_POINTS = NotEstimable(test="two-way t", score="scale_points", reason="x", n=COUNTS)


def test_a_negative_estimate_that_is_not_significant_is_said_as_less_often() -> None:
    primary = result(-0.05, -0.2, 0.1, 0.4)

    assert write_headline(HAPPINESS, PLANNED, primary, NO_POINTS) == (
        'No difference between "steered" and "unsteered" could be shown on happiness: by the estimate, '
        'a rater shown one of each answers higher for "steered" 5 percentage points less often than lower '
        "(95 % CI −20 to 10, p = .400, 12 raters × 10 prompts). This does not show that there is none."
    )


def test_no_end_of_a_significant_interval_reads_zero() -> None:
    primary = result(0.06, 0.003, 0.117, 0.04)

    assert "6.0 percentage points more often than lower (95 % CI 0.3 to 11.7, p = .040" in write_headline(
        HAPPINESS, PLANNED, primary, NO_POINTS
    )


@pytest.mark.parametrize(
    ("estimate", "p", "verdict"),
    [
        (0.2, 0.049, "higher"),
        (-0.2, 0.049, "lower"),
        (0.2, 0.05, "inconclusive"),
        (-0.2, 0.9, "inconclusive"),
    ],
)
def test_significance_and_sign_make_the_verdict(estimate: float, p: float, verdict: str) -> None:
    assert judge(result(estimate, -1, 1, p), alpha=0.05) == verdict


def test_a_result_holds_no_nan() -> None:
    with pytest.raises(AssertionError):
        result(float("nan"), -1, 1, 0.5)
