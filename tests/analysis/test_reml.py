import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from rater.analysis import reml
from rater.analysis.quasi_f import two_way
from rater.analysis.reml import NO_RESIDUAL, RemlFit, fit_reml
from tests.analysis.conftest import STATS


@settings(deadline=None)
@given(arrays(np.float64, (5, 4), elements=st.integers(-4, 4).map(float)))
def test_reml_equals_the_closed_form_where_both_components_are_positive(table: np.ndarray) -> None:
    rater, prompt = (axis.ravel() for axis in np.indices(table.shape))
    noisy = table + np.linspace(0, 0.7, 20).reshape(5, 4) ** 2  # no exact ties of mean squares

    fit = fit_reml(rater, prompt, noisy.ravel(), np.full(20, 1.5), free=(True, True))

    closed = two_way(noisy)
    assert isinstance(fit, RemlFit)
    both = min(fit.rater_variance, fit.prompt_variance) > 1e-4 * fit.residual_variance > 0
    assert fit.estimate == pytest.approx(noisy.mean(), abs=1e-9)
    assert not both or fit.standard_error == pytest.approx(closed.variance**0.5, rel=1e-5)
    assert not both or fit.df == pytest.approx(closed.df, rel=1e-3)


def test_reml_takes_raters_and_prompts_alike() -> None:
    rng = np.random.default_rng(3)
    rater, prompt = (axis.ravel() for axis in np.indices((4, 9)))
    kept = rng.random(36) < 0.8
    score, weight = rng.normal(size=36) + rater + 0.3 * prompt, rng.integers(1, 4, 36).astype(float)
    rater, prompt, score, weight = rater[kept], prompt[kept], score[kept], weight[kept]

    one = fit_reml(rater, prompt, score, weight, free=(True, True))
    other = fit_reml(prompt, rater, score, weight, free=(True, True))

    assert isinstance(one, RemlFit)
    assert isinstance(other, RemlFit)
    assert (one.estimate, one.standard_error, one.df) == pytest.approx(
        (other.estimate, other.standard_error, other.df), rel=1e-6
    )
    assert one.rater_variance == pytest.approx(other.prompt_variance, rel=1e-5)


@pytest.mark.parametrize("n_raters", [4, 9])
def test_reml_leaves_out_the_component_that_is_not_free(n_raters: int) -> None:
    rng = np.random.default_rng(3)
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, 13 - n_raters)))
    score, weight = rng.normal(size=36) + rater + prompt, np.ones(36)

    of_raters = fit_reml(rater, prompt, score, weight, free=(True, False))
    of_prompts = fit_reml(rater, prompt, score, weight, free=(False, True))

    assert isinstance(of_raters, RemlFit)
    assert isinstance(of_prompts, RemlFit)
    assert of_raters.rater_variance > 0 == of_raters.prompt_variance
    assert of_prompts.prompt_variance > 0 == of_prompts.rater_variance


@pytest.mark.parametrize("scores", [[0.0, 1.0, 2.0], [1.0, 1.0, 0.0]])
def test_raters_who_score_all_prompts_alike_have_no_residual(scores: list[float]) -> None:
    rater, prompt = (axis.ravel()[1:] for axis in np.indices((3, 4)))

    assert fit_reml(rater, prompt, np.array(scores)[rater], np.ones(11), free=(True, True)) is NO_RESIDUAL


def long_table(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """100 raters × 6 prompts with a fifth of the cells missing: the design of the false stops."""
    rng = np.random.default_rng(seed)
    rater, prompt = (axis.ravel() for axis in np.indices((100, 6)))
    score = 0.2 + rng.normal(0, 0.4, 100)[rater] + rng.normal(0, 0.2, 6)[prompt] + rng.normal(0, 1, 600)
    kept = rng.random(600) < 0.8
    return rater[kept], prompt[kept], score[kept], rng.integers(1, 3, 600)[kept] / 2


def dense_deviance(
    log_ratios: np.ndarray, rater: np.ndarray, prompt: np.ndarray, score: np.ndarray, weight: np.ndarray
) -> float:
    """The REML deviance from the whole covariance matrix of the cells."""
    t = np.exp(log_ratios)
    v = np.diag(1 / weight)
    v += t[0] * (rater[:, None] == rater) + t[1] * (prompt[:, None] == prompt)
    inverse, ones = np.linalg.inv(v), np.ones(score.size)
    precision = ones @ inverse @ ones
    left = score - (ones @ inverse @ score) / precision
    rss = left @ inverse @ left
    return float(
        (score.size - 1) * np.log(rss / (score.size - 1)) + np.linalg.slogdet(v)[1] + np.log(precision)
    )


@pytest.mark.parametrize("n_false", [1, 3])
def test_a_search_that_stops_short_begins_again_at_another_point(
    monkeypatch: pytest.MonkeyPatch, n_false: int
) -> None:
    """The optimum is that of Nelder and Mead's method on the dense covariance matrix."""
    table, calls = long_table(1), []

    def stopping_short(*args: object, **kwargs: object) -> object:
        calls.append(args[1])
        if len(calls) <= n_false:
            kwargs["options"] = {"maxiter": 1}
        return minimize(*args, **kwargs)  # type: ignore[call-overload] # what REML gave it

    monkeypatch.setattr(reml, "minimize", stopping_short)
    fit = fit_reml(*table, free=(True, True))

    best = minimize(dense_deviance, np.log([0.2, 0.05]), args=table, method="Nelder-Mead", tol=1e-9)
    assert isinstance(fit, RemlFit)
    assert len(calls) == n_false + 1
    assert fit.rater_variance / fit.residual_variance == pytest.approx(np.exp(best.x[0]), rel=1e-4)
    assert fit.prompt_variance / fit.residual_variance == pytest.approx(np.exp(best.x[1]), rel=1e-4)


def test_a_table_on_which_the_search_did_stop_short_is_fitted_at_its_optimum() -> None:
    """From ratios (.2, .2) L-BFGS-B stops at (.052, .044), where the deviance is 3 above its minimum.

    The minimum is that of a grid and Nelder and Mead's method on the dense covariance matrix of 547 cells.
    """
    table = pd.read_csv(STATS / "reml_false_stop.csv")

    fit = fit_reml(*(table[name].to_numpy() for name in table.columns), free=(True, True))

    assert isinstance(fit, RemlFit)
    assert fit.rater_variance / fit.residual_variance == pytest.approx(0.1009937, rel=1e-4)
    assert fit.prompt_variance / fit.residual_variance == pytest.approx(0.0029991, rel=1e-3)
    assert fit.df > 5
