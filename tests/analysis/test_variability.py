"""Prediction intervals against closed forms of the normal sample, and their refusals."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from rater.analysis.cell_scores import CellScores
from rater.analysis.contrast_data import Ratings
from rater.analysis.intervals import Bounds
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Counts, NotEstimable, Result
from rater.analysis.unit_effects import shrink
from rater.analysis.variability import NewUnit, compare_spread, predict_new_units
from tests.analysis.conftest import HAPPINESS
from tests.benchmarks.reliability import coverage


def cells(values: np.ndarray, kept: np.ndarray | None = None) -> CellScores:
    """Make cells of a table of raters × prompts."""
    rater, prompt = (axis.ravel() for axis in np.indices(values.shape))
    use = np.ones(rater.size, dtype=bool) if kept is None else kept.ravel()
    n = Counts(
        raters=values.shape[0], prompts=values.shape[1], items=1, answers=int(use.sum()), cells=int(use.sum())
    )
    return CellScores(rater[use], prompt[use], values.ravel()[use], np.ones(int(use.sum())), n)


def of_prompts(scores: CellScores, bounds: Bounds | None = None) -> NewUnit:
    rng = np.random.default_rng(4)
    found = predict_new_units(scores, shrink(scores), alpha=0.05, rng=rng, bounds=bounds).texts
    assert isinstance(found, NewUnit), found
    return found


@pytest.fixture(scope="module")
def sure() -> tuple[np.ndarray, CellScores]:
    """Ten prompts whose differences many raters agree on, but for a little noise."""
    rng = np.random.default_rng(2)
    effects = 0.5 + 0.4 * rng.normal(size=10)
    return effects, cells(effects + 0.02 * rng.normal(size=(60, 10)))


def test_where_prompts_alone_vary_it_is_the_prediction_interval_of_a_normal_sample(
    sure: tuple[np.ndarray, CellScores],
) -> None:
    """In R: predict(lm(effects ~ 1), interval = "prediction"): mean ± t(9) s √(1 + 1/10)."""
    effects, scores = sure
    half = stats.t.ppf(0.975, 9) * effects.std(ddof=1) * np.sqrt(1.1)

    found = of_prompts(scores)

    assert found.interval.low == pytest.approx(effects.mean() - half, abs=0.04)
    assert found.interval.high == pytest.approx(effects.mean() + half, abs=0.04)


def test_the_interval_of_the_standard_deviation_is_that_of_chi_square(
    sure: tuple[np.ndarray, CellScores],
) -> None:
    effects, scores = sure
    ends = effects.std(ddof=1) * np.sqrt(9 / stats.chi2.ppf([0.975, 0.025], 9))

    found = of_prompts(scores)

    assert found.sd == pytest.approx(effects.std(ddof=1), rel=0.01)
    assert (found.sd_interval.low, found.sd_interval.high) == pytest.approx(tuple(ends), rel=0.02)


def test_the_share_of_the_opposite_sign_has_the_intervals_of_the_noncentral_t_and_of_the_count(
    sure: tuple[np.ndarray, CellScores],
) -> None:
    """The exact limits of mu / sigma from t = √n m / s (Johnson & Welch 1940, Biometrika 31:362–389)."""
    effects, scores = sure
    t = np.sqrt(10) * effects.mean() / effects.std(ddof=1)
    limits = [
        optimize.brentq(lambda d, p=p: stats.nct.cdf(t, 9, d) - p, -5, 20) / np.sqrt(10)
        for p in (0.025, 0.975)
    ]

    found = of_prompts(scores)
    counted = stats.binomtest(int((effects < 0).sum()), 10).proportion_ci(0.95)

    assert found.n_opposite == (effects < 0).sum()
    assert found.opposite == pytest.approx(stats.norm.cdf(-effects.mean() / effects.std(ddof=1)), rel=0.02)
    low, high = sorted(stats.norm.cdf(-limit) for limit in limits)
    assert found.opposite_interval.low == pytest.approx(min(low, counted.low), abs=0.01)
    assert found.opposite_interval.high == pytest.approx(max(high, counted.high), abs=0.01)


def test_a_negative_mean_has_the_same_share_of_the_opposite_sign(sure: tuple[np.ndarray, CellScores]) -> None:
    _, scores = sure

    one, other = of_prompts(scores), of_prompts(replace(scores, values=-scores.values))

    assert other.opposite == pytest.approx(one.opposite, rel=1e-6)
    assert other.opposite_interval.high == pytest.approx(one.opposite_interval.high, abs=0.01)
    assert other.n_opposite == one.n_opposite


def test_the_prediction_interval_ends_where_the_possible_values_do(
    sure: tuple[np.ndarray, CellScores],
) -> None:
    _, scores = sure

    found = of_prompts(scores, Bounds(-1, 1))

    assert found.interval.high == 1 < found.unclipped_interval.high


def test_without_a_variance_between_prompts_the_interval_is_wider_than_that_of_the_mean() -> None:
    rng = np.random.default_rng(1)
    values = 0.4 + rng.normal(size=(12, 10))
    values -= values.mean(axis=0) - values.mean()  # all prompts have the same mean

    found = of_prompts(cells(values))

    assert found.sd == 0
    assert found.opposite == 0
    assert found.opposite_interval.high > 0.02
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert found.interval.high - found.interval.low > 2 * 2 * half


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((12, 7), "7 prompts are too few to estimate the variance of the difference between them"),
        ((1, 12), "with only 1 rater"),
    ],
)
def test_too_few_prompts_or_raters_are_refused(shape: tuple[int, int], words: str) -> None:
    scores = cells(np.random.default_rng(0).normal(size=shape))

    found = predict_new_units(scores, shrink(scores), alpha=0.05, rng=np.random.default_rng(0))

    assert isinstance(found.texts, NotEstimable)
    assert words in found.texts.reason


def test_prompts_with_one_cell_each_are_refused() -> None:
    values = np.random.default_rng(0).normal(size=(4, 12))
    kept = np.arange(12)[None, :] % 4 == np.arange(4)[:, None]
    scores = cells(values, kept)

    found = predict_new_units(scores, shrink(scores), alpha=0.05, rng=np.random.default_rng(0)).texts

    assert isinstance(found, NotEstimable)
    assert "each prompt has one cell" in found.reason


def test_an_analysis_predicts_in_the_planned_score(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    [found] = analyze(load("a"), replace(planned, score="scale_points")).dimensions

    prediction = found.details.reliability.texts
    assert isinstance(prediction, NewUnit)
    assert prediction.mean == pytest.approx(found.primary.estimate)
    assert prediction.interval.low < prediction.mean < prediction.interval.high


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "sd", "missing", "least"),
    [
        ("normal", 0.6, 0.0, 0.93),
        ("normal", 0.2, 0.2, 0.93),
        ("skewed", 0.6, 0.2, 0.92),
        ("two classes", 0.6, 0.0, 0.93),
    ],
)
def test_prediction_intervals_cover_new_prompts(shape: str, sd: float, missing: float, least: float) -> None:
    """The mean coverage of 150 studies has a Monte Carlo error of about .006."""
    new, _, _ = coverage(12, 12, shape=shape, sd=sd, missing=missing, n=150)

    assert least <= new <= 1


NO_COUNTS = Counts(raters=0, prompts=0, items=0, answers=0, cells=0)
NO_TEST = NotEstimable(test="x", score="answers", reason="x", n=NO_COUNTS)


def make(
    rng: np.random.Generator, n_raters: int, n_prompts: int, *, factor: float, cuts: tuple[float, ...]
) -> Ratings:
    """Draw answers on points, two texts a cell; ``factor`` multiplies the errors of the first arm."""
    rater, prompt, arm, text = (axis.ravel() for axis in np.indices((n_raters, n_prompts, 2, 2)))
    felt = rng.normal(0, 0.7, n_raters)[rater] + rng.normal(0, 0.5, n_prompts)[prompt]
    felt = felt + rng.logistic(size=rater.size) * np.where(arm == 0, factor, 1.0)
    answer = np.searchsorted(np.array(cuts), felt) + 1.0
    return Ratings(("steered", "unsteered"), rater, prompt, prompt * 4 + arm * 2 + text, arm == 0, answer)


MIDDLE = (-2.0, -0.7, 0.7, 2.0)
FLOOR = (1.7, 2.6, 3.4, 4.3)


def test_the_standard_error_is_that_of_a_two_way_jackknife() -> None:
    """By raters, by prompts and by cells: V = V_R + V_P − V_RP (Cameron, Gelbach & Miller 2011)."""
    ratings = make(np.random.default_rng(3), 40, 40, factor=1.5, cuts=MIDDLE)

    def log_ratio(keep: np.ndarray) -> float:
        used = ratings.take(keep)
        return float(np.log(used.answer[used.is_first].std(ddof=1) / used.answer[~used.is_first].std(ddof=1)))

    def variance(groups: np.ndarray) -> float:
        left = np.array([log_ratio(groups != group) for group in np.unique(groups)])
        return float((left.size - 1) / left.size * ((left - left.mean()) ** 2).sum())

    by_rater, by_prompt = variance(ratings.rater), variance(ratings.prompt)
    by_cell = variance(ratings.rater * 40 + ratings.prompt)

    found = compare_spread(ratings, HAPPINESS, NO_TEST, alpha=0.05).log_ratio

    assert isinstance(found, Result)
    assert found.estimate == pytest.approx(log_ratio(np.ones(ratings.answer.size, dtype=bool)))
    assert found.standard_error == pytest.approx(np.sqrt(by_rater + by_prompt - by_cell), rel=0.05)


def test_the_ratio_turns_round_with_the_arms() -> None:
    ratings = make(np.random.default_rng(3), 8, 9, factor=1.5, cuts=MIDDLE)
    turned = replace(ratings, contrast=ratings.contrast[::-1], is_first=~ratings.is_first)

    one, other = (compare_spread(each, HAPPINESS, NO_TEST, alpha=0.05) for each in (ratings, turned))

    assert one.ratio is not None
    assert other.ratio is not None
    assert one.ratio_interval is not None
    assert other.ratio_interval is not None
    assert one.ratio * other.ratio == pytest.approx(1)
    assert one.ratio_interval.low * other.ratio_interval.high == pytest.approx(1)


def as_frame(ratings: Ratings) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rater": [f"r{code:02d}" for code in ratings.rater],
            "prompt": [f"p{code:02d}" for code in ratings.prompt],
            "item": [f"i{code}" for code in ratings.item],
            "arm": np.where(ratings.is_first, "steered", "unsteered"),
            "dimension": "happiness",
            "answer": ratings.answer,
        }
    )


def test_a_difference_of_means_that_comes_from_spread_at_the_floor_is_read_so(planned: Planned) -> None:
    """Equal latent means; four in five answers to the second arm are ones; errors × 3 in the first."""
    frame = as_frame(make(np.random.default_rng(1), 16, 12, factor=3.0, cuts=FLOOR))

    [found] = analyze(frame, planned).dimensions

    assert found.verdict == "higher"
    assert found.details.spread is not None
    assert found.details.spread.ratio is not None
    assert found.details.spread.ratio > 1.5
    assert "may be due to spread" in found.details.spread.reading
    assert "answers to “unsteered” are at the lowest point" in found.details.spread.reading


def test_at_the_ceiling_it_is_read_the_other_way_round(planned: Planned) -> None:
    frame = as_frame(make(np.random.default_rng(1), 16, 12, factor=3.0, cuts=FLOOR))
    frame["answer"] = 6 - frame["answer"]

    [found] = analyze(frame, planned).dimensions

    assert found.verdict == "lower"
    assert found.details.spread is not None
    assert "are at the highest point" in found.details.spread.reading


def test_a_shift_in_the_middle_of_the_scale_has_no_such_reading(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    [found] = analyze(load("a"), planned).dimensions

    assert found.details.spread is not None
    assert found.details.spread.reading == ""
    assert dict(found.details.spread.sds) == pytest.approx({arm.arm: arm.sd for arm in found.arms})


def test_an_arm_whose_answers_do_not_vary_has_no_ratio() -> None:
    ratings = make(np.random.default_rng(3), 8, 9, factor=1.0, cuts=MIDDLE)
    ratings = replace(ratings, answer=np.where(ratings.is_first, 3.0, ratings.answer))

    found = compare_spread(ratings, HAPPINESS, NO_TEST, alpha=0.05)

    assert isinstance(found.log_ratio, NotEstimable)
    assert "the answers to “steered” do not vary" in found.log_ratio.reason
    assert found.ratio is None


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [MIDDLE, FLOOR])
def test_the_level_holds_over_raters_and_prompts(cuts: tuple[float, ...]) -> None:
    """At most 5 % + 3 Monte Carlo errors (1.1 points at 400 studies) without a difference in spread."""
    rng = np.random.default_rng(1)
    found = [
        compare_spread(make(rng, 12, 12, factor=1.0, cuts=cuts), HAPPINESS, NO_TEST, alpha=0.05).log_ratio
        for _ in range(400)
    ]

    assert np.mean([isinstance(each, Result) and each.rejects(0.05) for each in found]) < 0.083
