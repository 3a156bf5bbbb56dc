import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from rater.analysis import reml
from rater.analysis.cell_scores import CellScores
from rater.analysis.contrast_data import Cells, Ratings, score_cells, select_ratings
from rater.analysis.crossed import OutcomeLabels, contrast_t, crossed_t
from rater.analysis.quasi_f import two_way
from rater.analysis.results import Counts, NotEstimable, Outcome, Result
from rater.study.analysis_plan import PlannedScore

SCORES: dict[PlannedScore, str] = {
    "scale_points": "twoway_cell_difference",
    "net_superiority": "twoway_cell_delta",
}


def cells_of(frame: pd.DataFrame) -> Cells:
    return score_cells(select_ratings(frame, ("steered", "unsteered"), "happiness"))


def found(outcome: Outcome) -> Result:
    assert isinstance(outcome, Result), outcome
    return outcome


@pytest.mark.parametrize("score", SCORES)
def test_a_complete_table_gives_the_quasi_f_of_r(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any], score: PlannedScore
) -> None:
    ours = found(contrast_t(cells_of(load("a")), score))

    theirs = reference["a"][SCORES[score]]
    assert ours.estimate == pytest.approx(theirs["mean"], abs=1e-5)
    quasi = theirs["quasiF_truncated_satterthwaite"]
    assert ours.standard_error == pytest.approx(quasi["se"], abs=1e-5)
    assert ours.df == pytest.approx(quasi["df"], abs=1e-3)
    assert ours.p == pytest.approx(quasi["p"], abs=1e-5)
    assert ours.interval is not None
    assert [ours.interval.low, ours.interval.high] == pytest.approx(quasi["ci"], abs=1e-5)


def test_data_a_gives_the_numbers_printed_in_statistics_md(load: Callable[[str], pd.DataFrame]) -> None:
    points = found(contrast_t(cells_of(load("a")), "scale_points"))
    net = found(contrast_t(cells_of(load("a")), "net_superiority"))

    assert points.standard_error == pytest.approx(0.141587, abs=1e-6)
    assert net.estimate == pytest.approx(0.344, abs=5e-4)


@pytest.mark.parametrize("score", SCORES)
def test_missing_cells_give_the_weighted_mixed_model_of_r(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any], score: PlannedScore
) -> None:
    """R: lmerTest::lmer(score ~ 1 + (1|rater) + (1|prompt), weights = 1/(1/n_S + 1/n_U))."""
    ours = found(contrast_t(cells_of(load("c")), score))

    theirs = reference["c"][SCORES[score]]["lmer_weighted_harmonic_n"]
    assert ours.estimate == pytest.approx(theirs["est"], abs=1e-5)
    assert ours.standard_error == pytest.approx(theirs["se"], abs=1e-5)
    assert ours.df == pytest.approx(theirs["df"], abs=1e-3)
    assert ours.p == pytest.approx(theirs["p"], abs=1e-5)
    assert ours.n.cells == 32


def test_the_floor_keeps_the_variance_at_the_larger_one_way_mean_square() -> None:
    # Rows equal, residual large: MS_R = 0, MS_P = 2, MS_E = 2 would give q = 0.
    table = np.array([[1.0, -1.0], [-1.0, 1.0], [3.0, -3.0]])

    spread = two_way(table)
    standard_error, df = spread.variance**0.5, spread.df

    # MS_R = 0, MS_P = 3·(1² + 1²)/1 = 6, MS_E = 2·(0 + 4 + 4)/2 = 8, so q = −2 and V = MS_P.
    assert standard_error == pytest.approx(np.sqrt(6 / 6))
    assert df == 1


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        (
            ("r01",),
            (
                "Not estimable, because only 1 rater has answers to both arms, "
                "and the crossed random-effects t test needs at least 2 raters."
            ),
        ),
        (
            (),
            (
                "Not estimable, because no rater has answered both “steered” and “unsteered” texts "
                "of the same prompt."
            ),
        ),
    ],
)
def test_one_rater_or_none_refuses_the_two_way_test_with_a_sentence(
    load: Callable[[str], pd.DataFrame], keep: tuple[str, ...], sentence: str
) -> None:
    frame = load("a")

    outcome = contrast_t(cells_of(frame[frame["rater"].isin(keep)]), "net_superiority")

    assert isinstance(outcome, NotEstimable)
    assert outcome.sentence == sentence


def test_one_prompt_refuses_the_two_way_test(load: Callable[[str], pd.DataFrame]) -> None:
    frame = load("a")

    outcome = contrast_t(cells_of(frame[frame["prompt"] == "p01"]), "scale_points")

    assert isinstance(outcome, NotEstimable)
    assert (
        outcome.reason
        == "only 1 prompt has answers to both arms, and the crossed random-effects t test needs at least 2 "
        "prompts"
    )
    assert outcome.estimate == pytest.approx(0.388888888889)


def test_cells_that_all_agree_have_an_estimate_but_no_p() -> None:
    rater, prompt, arm = (axis.ravel() for axis in np.indices((3, 3, 2)))
    ratings = Ratings(("steered", "unsteered"), rater, prompt, np.arange(18), arm == 0, 5.0 - 2.0 * arm)

    outcome = contrast_t(score_cells(ratings), "net_superiority")

    assert isinstance(outcome, NotEstimable)
    assert outcome.estimate == 1.0
    assert outcome.reason == (
        "all 9 rater × prompt cells have the same net superiority (1), so its variance cannot be estimated"
    )


def test_two_raters_are_warned_about(load: Callable[[str], pd.DataFrame]) -> None:
    frame = load("a")

    outcome = found(contrast_t(cells_of(frame[frame["rater"].isin(["r01", "r02"])]), "scale_points"))

    assert outcome.warnings[0].startswith("with only 2 raters p can be too small")


def test_answers_that_no_cell_can_use_are_counted_in_a_warning(load: Callable[[str], pd.DataFrame]) -> None:
    outcome = found(contrast_t(cells_of(load("c")), "scale_points"))

    assert outcome.warnings[-1] == (
        "8 of 110 answers do not enter the test, because the rater answered only one arm for the prompt"
    )


answer = st.integers(1, 5).map(float)


studies = st.tuples(
    arrays(np.float64, (3, 4, 2, 2), elements=answer), arrays(np.bool_, (3, 4, 2, 2), elements=st.booleans())
)


def make_ratings(table: np.ndarray, kept: np.ndarray, *, swapped: bool = False) -> Ratings:
    rater, prompt, arm, _ = (axis.ravel() for axis in np.indices(table.shape))
    names = ("unsteered", "steered") if swapped else ("steered", "unsteered")
    full = Ratings(names, rater, prompt, np.arange(table.size), arm == int(swapped), table.ravel())
    return full.take(kept.ravel())


@settings(deadline=None)
@given(studies, st.sampled_from(["net_superiority", "scale_points"]))
def test_swapping_the_arms_negates_the_estimate_and_keeps_p(
    study: tuple[np.ndarray, np.ndarray], score: PlannedScore
) -> None:
    one = contrast_t(score_cells(make_ratings(*study)), score)
    other = contrast_t(score_cells(make_ratings(*study, swapped=True)), score)

    assert type(one) is type(other)
    assert one.estimate is None or one.estimate == pytest.approx(-(other.estimate or 0.0), abs=1e-6)
    assert not isinstance(one, Result) or one.p == pytest.approx(found(other).p, abs=1e-6)


@settings(deadline=None)
@given(studies, st.tuples(*[st.integers(-3, 3)] * 3))
def test_a_rater_who_answers_higher_throughout_changes_nothing_in_scale_points(
    study: tuple[np.ndarray, np.ndarray], levels: tuple[int, int, int]
) -> None:
    table, kept = study
    raised = table + np.array(levels, dtype=float)[:, None, None, None]

    one = contrast_t(score_cells(make_ratings(table, kept)), "scale_points")
    other = contrast_t(score_cells(make_ratings(raised, kept)), "scale_points")

    assert type(one) is type(other)
    assert one.estimate is None or one.estimate == pytest.approx(other.estimate, abs=1e-6)
    assert not isinstance(one, Result) or one.p == pytest.approx(found(other).p, abs=1e-6)


@settings(deadline=None)
@given(studies, st.permutations(range(3)), st.permutations(range(4)))
def test_names_of_raters_and_prompts_do_not_matter(
    study: tuple[np.ndarray, np.ndarray], raters: list[int], prompts: list[int]
) -> None:
    table, kept = study

    one = contrast_t(score_cells(make_ratings(table, kept)), "net_superiority")
    renamed = make_ratings(table[raters][:, prompts], kept[raters][:, prompts])
    other = contrast_t(score_cells(renamed), "net_superiority")

    assert type(one) is type(other)
    assert not isinstance(one, Result) or one.p == pytest.approx(found(other).p, abs=1e-6)


def test_means_that_agree_exactly_leave_no_variance_to_judge_by() -> None:
    """Net superiority [[1, 0], [0, 1]]: both raters and both prompts have the mean 1/2, by accident."""
    first = np.array([[4.0, 3.0], [3.0, 4.0]])
    table = np.stack([first, np.full((2, 2), 3.0)], axis=2)[..., None]

    outcome = contrast_t(
        score_cells(make_ratings(table, np.ones(table.shape, dtype=np.bool_))), "net_superiority"
    )

    assert isinstance(outcome, NotEstimable)
    assert outcome.estimate == 0.5
    assert outcome.reason == (
        "all raters have the same mean of their 4 cells and all prompts too, "
        "so their variance cannot be estimated"
    )


def test_a_variance_estimated_as_zero_is_noted() -> None:
    """All raters have the mean 0 over prompts that differ; one cell is missing."""
    differences = np.array([[3.0, 0.0, -3.0], [2.0, 1.0, -3.0], [3.0, -1.0, -2.0], [2.0, 0.0, -2.0]])
    table = np.stack([3 + differences, np.full((4, 3), 3.0)], axis=2)[..., None]
    kept = np.ones(table.shape, dtype=np.bool_)
    kept[3, 1] = False

    outcome = found(contrast_t(score_cells(make_ratings(table, kept)), "scale_points"))

    assert outcome.warnings[-1] == "the variance between raters was estimated as 0 and dropped"


def test_raters_with_a_prompt_each_of_their_own_are_tested_as_independent_cells() -> None:
    rater, arm = (axis.ravel() for axis in np.indices((6, 2)))
    answer = np.array([[5, 1], [4, 2], [3, 3], [2, 1], [4, 1], [5, 4]], dtype=float)
    ratings = Ratings(("steered", "unsteered"), rater, rater, np.arange(12), arm == 0, answer.ravel())

    outcome = found(contrast_t(score_cells(ratings), "scale_points"))

    # t.test(c(4, 2, 0, 1, 3, 1)): t = 2.9, df = 5, mean 11/6.
    assert outcome.estimate == pytest.approx(11 / 6)
    assert outcome.df == pytest.approx(5)
    assert outcome.standard_error == pytest.approx(0.6009252, abs=1e-6)
    assert outcome.warnings == (
        "each of the raters has one cell: differences between raters are part of the residual",
        "each of the prompts has one cell: differences between prompts are part of the residual",
    )


def five_cells(rater: list[int], prompt: list[int], values: list[float]) -> Outcome:
    n = Counts(raters=2, prompts=max(prompt) + 1, items=10, answers=10, cells=5)
    scores = CellScores(np.array(rater), np.array(prompt), np.array(values), np.full(5, 0.5), n)
    return crossed_t(scores, OutcomeLabels("a test", "a mean", "net_superiority", "score"), alpha=0.05)


def test_a_likelihood_without_curvature_gives_a_sentence() -> None:
    """The deviance is the same, to 1e-9, along a ridge from ratios (.28, .51) to (1.07, .79)."""
    outcome = five_cells([0, 0, 1, 0, 0], [3, 1, 0, 2, 0], [1.0, -1.0, 1.0, 0.0, 0.0])

    assert isinstance(outcome, NotEstimable)
    assert outcome.reason.startswith(
        "the likelihood of the variances of the 5 rater × prompt cells is hardly curved"
    )


def test_a_component_within_rounding_of_0_is_0() -> None:
    """A grid has the least deviance at (0, 0): the t test of five numbers, t.test(c(-1, 1, 0, 1, 0))."""
    outcome = found(five_cells([0, 1, 0, 0, 1], [1, 2, 2, 0, 0], [-1.0, 1.0, 0.0, 1.0, 0.0]))

    assert (outcome.df, outcome.estimate) == pytest.approx((4, 0.2))
    assert outcome.standard_error == pytest.approx(np.std([-1, 1, 0, 1, 0], ddof=1) / np.sqrt(5))


def long_table(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """100 raters × 6 prompts with a fifth of the cells missing: the design of the false stops."""
    rng = np.random.default_rng(seed)
    rater, prompt = (axis.ravel() for axis in np.indices((100, 6)))
    score = 0.2 + rng.normal(0, 0.4, 100)[rater] + rng.normal(0, 0.2, 6)[prompt] + rng.normal(0, 1, 600)
    kept = rng.random(600) < 0.8
    return rater[kept], prompt[kept], score[kept], rng.integers(1, 3, 600)[kept] / 2


def test_a_search_that_never_converges_is_refused_for_that_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    rater, prompt, score, weight = long_table(1)
    n = Counts(raters=100, prompts=6, items=1, answers=score.size, cells=score.size)

    def stopping_short(*args: object, **kwargs: object) -> object:
        return minimize(*args, **kwargs | {"options": {"maxiter": 1}})  # type: ignore[call-overload]

    monkeypatch.setattr(reml, "minimize", stopping_short)
    about = OutcomeLabels("a test", "a mean", "net_superiority", "score")
    outcome = crossed_t(CellScores(rater, prompt, score, weight, n), about, alpha=0.05)

    assert isinstance(outcome, NotEstimable)
    assert "did not converge" in outcome.reason
    assert outcome.estimate == pytest.approx(score.mean())


@pytest.mark.parametrize(("n_raters", "rates"), [(2, ["11"]), (3, ["7"]), (4, [])])
def test_two_and_three_raters_are_warned_about(n_raters: int, rates: list[str]) -> None:
    rng = np.random.default_rng(0)
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, 8)))
    n = Counts(raters=n_raters, prompts=8, items=16, answers=16 * n_raters, cells=8 * n_raters)
    scores = CellScores(rater, prompt, rng.normal(size=rater.size), np.ones(rater.size), n)

    outcome = found(
        crossed_t(scores, OutcomeLabels("a test", "a mean", "net_superiority", "score"), alpha=0.05)
    )

    warned = [warning for warning in outcome.warnings if f"only {n_raters} raters" in warning]
    assert [rate for warning in warned for rate in re.findall(r"(\d+) %", warning)] == rates
