import pytest

from rater.analysis.equivalence import Equivalence
from rater.analysis.headline import judge, say_margin, write_headline
from rater.analysis.planned import Planned
from rater.analysis.results import Counts, Interval, NotEstimable, Result
from rater.study.analysis_plan import Score
from rater.study.protocol import Dimension
from rater.study.scales import Likert

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
        'a rater shown one of each rates "steered" higher 5 percentage points less often than lower '
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


def equivalence(low: float, high: float, p: float, *, score: Score = "net_superiority") -> Equivalence:
    return Equivalence(
        score=score,
        sesoi=0.1,
        interval=Interval(low, high, 0.9),
        t_lower=2.0,
        p_lower=p,
        t_upper=-2.0,
        p_upper=p,
        p=p,
        is_equivalent=p < 0.05,
    )


def test_a_difference_shown_to_be_negligible_is_called_alike() -> None:
    primary, within = result(0.01, -0.05, 0.07, 0.7), equivalence(-0.04, 0.06, 0.004)

    assert judge(primary, 0.05, equivalence=within) == "equivalent"
    assert write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, equivalence=within) == (
        '"steered" and "unsteered" were rated alike on happiness: by the estimate, a rater shown one of each '
        'rates "steered" higher 1 percentage points more often than lower '
        "(95 % CI −5 to 7, p = .700, 12 raters × 10 prompts). "
        "The difference is smaller than the smallest of interest, 10 percentage points either way "
        "(90 % CI −4.0 to 6.0, equivalence p = .004)."
    )


def test_neither_a_difference_nor_its_absence_shown_says_both() -> None:
    primary, beyond = result(0.1, -0.1, 0.3, 0.2), equivalence(-0.05, 0.25, 0.5)

    sentence = write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, equivalence=beyond)

    assert judge(primary, 0.05, equivalence=beyond) == "inconclusive"
    assert "This does not show that there is none. It is not shown to be smaller than" in sentence


def test_a_difference_that_is_shown_and_negligible_is_higher_and_says_so() -> None:
    primary, within = result(0.04, 0.01, 0.07, 0.01), equivalence(0.015, 0.065, 0.001)

    sentence = write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, equivalence=within)

    assert judge(primary, 0.05, equivalence=within) == "higher"
    assert "was rated higher" in sentence
    assert "The difference is smaller than the smallest of interest" in sentence


def test_a_margin_in_scale_points_is_said_in_scale_points() -> None:
    sentence = say_margin(equivalence(-0.04, 0.06, 0.004, score="scale_points"))

    assert "0.1 scale points either way (90 % CI −0.04 to 0.06" in sentence


def test_an_adjusted_p_decides_and_is_named() -> None:
    primary = result(0.2, 0.01, 0.4, 0.03)

    assert judge(primary, 0.05, p_adjusted=0.06) == "inconclusive"
    assert "Holm-adjusted p = .060" in write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, p_adjusted=0.06)


def test_a_result_holds_no_nan() -> None:
    with pytest.raises(AssertionError):
        result(float("nan"), -1, 1, 0.5)
