from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rater.analysis.cells import score_cells
from rater.analysis.crossed import CellScores
from rater.analysis.ratings import select_ratings
from rater.analysis.results import Counts
from rater.analysis.shrunken import shrink

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
