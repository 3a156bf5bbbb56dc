import numpy as np
import pytest

from rater.analysis.multiway_reml import MeanFit, fit_mean
from rater.analysis.reml import NoFit, fit_reml


def noisy(n_raters: int = 7, n_prompts: int = 9) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(5)
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, n_prompts)))
    kept = rng.random(rater.size) < 0.8
    score = (
        rng.normal(size=n_raters)[rater] + rng.normal(size=n_prompts)[prompt] + rng.normal(size=rater.size)
    )
    return (
        score[kept],
        {"rater": rater[kept], "prompt": prompt[kept]},
        rng.integers(1, 5, rater.size)[kept] / 2,
    )


def fitted(fit: MeanFit | NoFit) -> MeanFit:
    assert isinstance(fit, MeanFit), fit
    return fit


def test_two_crossed_terms_are_fitted_as_by_the_module_for_two() -> None:
    score, terms, weight = noisy()

    ours = fitted(fit_mean(score, weight, terms))
    two = fit_reml(terms["rater"], terms["prompt"], score, weight, free=(True, True))

    assert not isinstance(two, NoFit)
    assert (ours.estimate, ours.standard_error) == pytest.approx((two.estimate, two.standard_error), rel=1e-6)
    assert ours.df == pytest.approx(two.df, rel=1e-4)
    assert ours.variances["rater"] == pytest.approx(two.rater_variance, rel=1e-4)
    assert ours.residual_variance == pytest.approx(two.residual_variance, rel=1e-5)


def test_predictions_and_their_errors_are_those_of_the_dense_equations() -> None:
    """Henderson's equations for (mean, effects): the inverse of their matrix has the error variances."""
    score, terms, weight = noisy()
    fit = fitted(fit_mean(score, weight, terms))
    z = [np.eye(int(codes.max()) + 1)[codes] for codes in terms.values()]
    x = np.column_stack([np.ones(score.size), *z])
    penalty = [0.0]
    for codes, variance in zip(terms.values(), fit.variances.values(), strict=True):
        penalty += [fit.residual_variance / variance] * (int(codes.max()) + 1)
    inverse = np.linalg.inv(x.T @ (weight[:, None] * x) + np.diag(penalty))
    solution = inverse @ (x.T @ (weight * score))

    for name, start in (("rater", 1), ("prompt", 8)):
        found = fit.predictions[name]
        levels = np.arange(start, start + found.values.size)
        errors = fit.residual_variance * (inverse[0, 0] + 2 * inverse[0, levels] + inverse[levels, levels])
        assert found.values == pytest.approx(solution[0] + solution[levels], rel=1e-6)
        assert found.errors == pytest.approx(np.sqrt(errors), rel=1e-6)


def test_the_unit_of_scores_and_weights_does_not_matter() -> None:
    score, terms, weight = noisy()
    one = fitted(fit_mean(score, weight, terms))

    other = fitted(fit_mean(10 * score + 1000, 3 * weight, terms))

    assert (other.estimate - 1000) / 10 == pytest.approx(one.estimate, abs=1e-6)
    assert other.standard_error / 10 == pytest.approx(one.standard_error, rel=1e-5)
    assert other.df == pytest.approx(one.df, rel=1e-4)


def test_terms_that_explain_every_cell_leave_no_residual() -> None:
    rater, prompt = (axis.ravel() for axis in np.indices((4, 5)))
    score = rater + np.array([0.0, 0.3, 2.0, 0.1, 1.0])[prompt]

    fit = fit_mean(score, np.ones(20), {"rater": rater, "prompt": prompt})

    assert isinstance(fit, NoFit)
    assert "explain every cell exactly" in fit.reason
