from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rater.analysis.cell_scores import CellScores
from rater.analysis.contrast_data import score_cells, select_ratings
from rater.analysis.intervals import Bounds
from rater.analysis.multiway_reml import Predictions
from rater.analysis.results import Counts
from rater.analysis.unit_effects import shrink, unit_effects

Load = Callable[[str], pd.DataFrame]


def scores_of(frame: pd.DataFrame) -> CellScores:
    cells = score_cells(select_ratings(frame, ("steered", "unsteered"), "happiness"))
    return CellScores(cells.rater, cells.prompt, cells.scale_points, cells.weight, cells.n)


def noisy(n_raters: int, n_prompts: int, kept: float = 0.8) -> CellScores:
    rng = np.random.default_rng(5)
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, n_prompts)))
    here = rng.random(rater.size) < kept
    rater, prompt = rater[here], prompt[here]
    values = (
        rng.normal(size=n_raters)[rater] + rng.normal(size=n_prompts)[prompt] + rng.normal(size=rater.size)
    )
    weight = rng.integers(1, 4, rater.size).astype(float)
    n = Counts(raters=n_raters, prompts=n_prompts, items=0, answers=0, cells=rater.size)
    return CellScores(rater, prompt, values, weight, n)


def by_brute_force(scores: CellScores) -> tuple[np.ndarray, np.ndarray]:
    """Predict by the textbook formula mean + G Z' V⁻¹ (y − mean), and its error, cells × cells."""
    found = shrink(scores)
    assert found is not None
    fit = found.fit
    z = np.column_stack([np.eye(scores.n.raters)[scores.rater], np.eye(scores.n.prompts)[scores.prompt]])
    g = np.diag([fit.rater_variance] * scores.n.raters + [fit.prompt_variance] * scores.n.prompts)
    v = np.linalg.inv(z @ g @ z.T + np.diag(fit.residual_variance / scores.weight))
    ones = np.ones(scores.values.size)
    mean = (ones @ v @ scores.values) / (ones @ v @ ones)
    effects = g @ z.T @ v @ (scores.values - mean)
    pull = g @ z.T @ v @ ones
    errors = np.diag(g - g @ z.T @ v @ z @ g) + (1 - pull) ** 2 / (ones @ v @ ones)
    return mean + effects, np.sqrt(errors)


@pytest.mark.parametrize("shape", [(6, 4), (4, 7), (5, 5)])
def test_predictions_are_those_of_the_textbook_formula(shape: tuple[int, int]) -> None:
    scores = noisy(*shape)

    found = shrink(scores)

    values, errors = by_brute_force(scores)
    assert found is not None
    assert found.raters is not None
    assert found.prompts is not None
    ours = np.concatenate([found.raters.values, found.prompts.values])
    assert ours == pytest.approx(values, abs=1e-9)
    assert np.concatenate([found.raters.errors, found.prompts.errors]) == pytest.approx(errors, abs=1e-9)


def test_a_complete_table_shrinks_each_prompt_by_one_factor(load: Load) -> None:
    """With prompt variance s, residual e and n raters: (mean of prompt − mean) × n s / (n s + e)."""
    scores = scores_of(load("a"))

    found = shrink(scores)

    assert found is not None
    assert found.prompts is not None
    raw = np.bincount(scores.prompt, weights=scores.values) / 12
    n_s = 12 * found.fit.prompt_variance
    factor = n_s / (n_s + found.fit.residual_variance / scores.weight[0])
    assert found.prompts.values == pytest.approx(raw.mean() + factor * (raw - raw.mean()), abs=1e-9)
    assert 0 < factor < 1


def test_a_variance_of_zero_gives_all_units_the_mean(load: Load) -> None:
    found = shrink(scores_of(load("c")))

    assert found is not None
    assert found.raters is not None
    assert found.fit.rater_variance == 0
    assert found.raters.values == pytest.approx([0.302364] * 5, abs=1e-5)


def test_one_rater_cannot_be_shrunken(load: Load) -> None:
    assert shrink(scores_of(load("e"))) is None


def test_each_unit_is_tested_over_its_cells_and_adjusted_among_all() -> None:
    """R: t.test(c(1, 2, 3)) has p = .07418; of two p-values BH doubles the smaller."""
    code = np.array([0, 0, 0, 1, 1, 1, 2, 3, 3, 3])
    values = np.array([1.0, 2.0, 3.0, 0.5, -0.4, 0.1, 9.0, 2.0, 2.0, 2.0])

    first, second, single, equal = unit_effects(["a", "b", "c", "d"], code, values, None, alpha=0.05)

    assert (first.unit, first.n_cells, first.raw) == ("a", 3, 2.0)
    assert first.p == pytest.approx(0.07417990, abs=1e-7)
    assert first.p_adjusted == pytest.approx(2 * 0.07417990, abs=1e-7)
    assert first.interval is not None
    assert (first.interval.low, first.interval.high) == pytest.approx((-0.4841377, 4.4841377))
    assert second.p_adjusted == second.p
    assert (single.raw, single.p, single.interval, single.reason) == (9.0, None, None, "it has one cell")
    assert (equal.raw, equal.p, equal.reason) == (2.0, None, "its 3 cells are equal")


def test_shrunken_effects_have_intervals_of_their_own() -> None:
    shrunken = Predictions(np.array([1.5, 0.2]), np.array([0.5, 0.25]))

    first, second = unit_effects(
        ["a", "b"], np.array([0, 0, 1, 1]), np.array([1.0, 3.0, 0.0, 0.1]), shrunken, alpha=0.05
    )

    assert first.shrunken == 1.5
    assert first.shrunken_interval is not None
    assert first.shrunken_interval.high == pytest.approx(1.5 + 1.959964 * 0.5)
    assert second.shrunken == 0.2


def test_two_cells_give_no_interval_and_no_p() -> None:
    [unit] = unit_effects(["a"], np.array([0, 0]), np.array([1.0, 3.0]), None, alpha=0.05)

    assert (unit.raw, unit.interval, unit.p) == (2.0, None, None)
    assert "1 degree of freedom" in unit.reason


def test_intervals_of_units_end_where_the_possible_values_do() -> None:
    shrunken = Predictions(np.array([0.9]), np.array([0.5]))

    [unit] = unit_effects(
        ["a"], np.array([0, 0, 0]), np.array([1.0, 0.2, 0.9]), shrunken, alpha=0.05, bounds=Bounds(-1, 1)
    )

    assert unit.interval is not None
    assert unit.shrunken_interval is not None
    assert unit.interval.high == unit.shrunken_interval.high == 1
