import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rater.analysis.mixed_model_fit import MixedFit, NoMixedFit, fit_mixed_model

REFERENCES = Path(__file__).parent.parent / "data" / "mixed_model"
CASE_12 = Path(__file__).parent.parent / "data" / "cases" / "12-each-prompt-in-one-arm"
LMER: list[dict[str, Any]] = json.loads((REFERENCES / "reference.json").read_text())["fits"]
FACTORS = {
    "maximal": ("rater", "prompt"),
    "texts": ("rater", "prompt", "item"),
    "between": ("rater", "prompt"),
    "between_texts": ("rater", "prompt", "item"),
}
BOTH = ("rater", "prompt")


def read_reference(name: str) -> pd.DataFrame:
    folder = CASE_12 if (CASE_12 / f"{name}.csv").exists() else REFERENCES
    path = folder / f"{name}.csv"
    return pd.read_csv(path if path.exists() else f"{path}.gz")


def arrays(
    table: pd.DataFrame, factors: tuple[str, ...] = ("rater", "prompt", "item")
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    x = np.where(table["arm"] == "steered", 0.5, -0.5)
    codes = {name: pd.factorize(table[name], sort=True)[0] for name in factors}
    return table["answer"].to_numpy(np.float64), x, codes


def fitted(fit: MixedFit | NoMixedFit) -> MixedFit:
    assert isinstance(fit, MixedFit), fit
    return fit


@pytest.mark.parametrize("lmer", LMER, ids=[f"{each['data']}, {each['terms']}" for each in LMER])
def test_a_fit_equals_that_of_lmer_test(lmer: dict[str, Any]) -> None:
    slopes = BOTH if lmer["terms"] in {"maximal", "texts"} else ("prompt",)
    table = read_reference(lmer["data"])

    fit = fitted(fit_mixed_model(*arrays(table, FACTORS[lmer["terms"]]), slopes=slopes))

    assert len(table) == lmer["answers"]
    assert fit.estimate == pytest.approx(lmer["estimate"], abs=1e-6 * lmer["standard_error"])
    assert fit.standard_error == pytest.approx(lmer["standard_error"], rel=2e-6)
    assert fit.df == pytest.approx(lmer["df"], rel=1e-5)
    assert fit.deviance == pytest.approx(lmer["deviance"], abs=1e-4)
    assert fit.residual_sd == pytest.approx(lmer["residual_sd"], rel=1e-4)
    for factor, spread in fit.spreads.items():
        # R ends near a boundary of 0, not on it
        assert spread.intercept == pytest.approx(lmer[f"{factor}_sd"], rel=1e-4, abs=1e-6)
        assert (spread.slope is None) == (f"{factor}_effect_sd" not in lmer)
        assert (spread.slope or 0) == pytest.approx(lmer.get(f"{factor}_effect_sd", 0), rel=1e-4, abs=1e-6)


def test_a_component_without_variance_is_exactly_0() -> None:
    fit = fitted(fit_mixed_model(*arrays(read_reference("singular")), slopes=BOTH))

    assert (fit.spreads["rater"].slope, fit.spreads["prompt"].slope) == (0.0, 0.0)
    assert fit.spreads["item"].intercept == 0.0
    assert fit.df == pytest.approx(320 - 10 - 8 + 1 - 1)  # as in the two-way analysis of variance


@st.composite
def studies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Answers of 4 to 8 raters to 4 to 7 prompts, of which some are missing."""
    n_raters, n_prompts = draw(st.integers(4, 8)), draw(st.integers(4, 7))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    rater, prompt, arm = (axis.ravel() for axis in np.indices((n_raters, n_prompts, 2)))
    text = rng.integers(2, size=rater.size)
    item = (prompt * 2 + arm) * 2 + text
    kept = rng.random(rater.size) < draw(st.sampled_from([0.6, 0.8, 1.0]))
    level = (
        rng.normal(size=n_raters)[rater]
        + rng.normal(size=n_prompts)[prompt]
        + rng.normal(size=n_prompts)[prompt] * (arm - 0.5)
        + rng.normal(size=rater.size)
    )
    codes = {"rater": rater[kept], "prompt": prompt[kept], "item": item[kept]}
    return np.round(3 + level, 1)[kept], (0.5 - arm)[kept], codes


@settings(deadline=None, max_examples=25)
@given(studies(), st.integers(0, 1000))
def test_what_must_not_matter_does_not(
    study: tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]], seed: int
) -> None:
    answer, x, codes = study
    fit = fitted(fit_mixed_model(answer, x, codes, slopes=BOTH))

    swapped = fitted(fit_mixed_model(answer, -x, codes, slopes=BOTH))
    order = np.random.default_rng(seed).permutation(answer.size)
    shuffled = fitted(
        fit_mixed_model(answer[order], x[order], {k: v[order] for k, v in codes.items()}, slopes=BOTH)
    )
    shifted = fitted(fit_mixed_model(answer + 1000, x, codes, slopes=BOTH))
    scaled = fitted(fit_mixed_model(25 * answer, x, codes, slopes=BOTH))

    same = pytest.approx((fit.estimate, fit.standard_error, fit.df), rel=1e-4, abs=1e-6)
    assert (-swapped.estimate, swapped.standard_error, swapped.df) == same
    assert (shuffled.estimate, shuffled.standard_error, shuffled.df) == same
    assert (shifted.estimate, shifted.standard_error, shifted.df) == same
    assert (scaled.estimate / 25, scaled.standard_error / 25, scaled.df) == same


def dense_deviance(sds: np.ndarray, answer: np.ndarray, x: np.ndarray, codes: dict[str, np.ndarray]) -> float:
    """The REML deviance from the whole covariance matrix of the answers; SDs relative to the error's."""
    v = np.eye(answer.size)
    terms = [codes["rater"], codes["prompt"], codes["rater"], codes["prompt"], codes["item"]]
    for number, (sd, code) in enumerate(zip(sds, terms, strict=True)):
        weight = np.outer(x, x) if number in {2, 3} else 1.0
        v += sd**2 * (code[:, None] == code) * weight
    columns = np.column_stack([np.ones_like(x), x])
    inverse = np.linalg.inv(v)
    information = columns.T @ inverse @ columns
    left = answer - columns @ np.linalg.solve(information, columns.T @ inverse @ answer)
    n = answer.size - 2
    return float(
        np.linalg.slogdet(v)[1]
        + np.linalg.slogdet(information)[1]
        + n * (1 + np.log(2 * np.pi * (left @ inverse @ left) / n))
    )


@settings(deadline=None, max_examples=6)
@given(studies())
def test_no_search_on_the_dense_covariance_finds_a_lower_deviance(
    study: tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]],
) -> None:
    fit = fitted(fit_mixed_model(*study, slopes=BOTH))

    found = minimize(
        dense_deviance, np.full(5, 0.4), args=study, method="Nelder-Mead", options={"maxiter": 600}
    )
    spreads = [fit.spreads[name] for name in ("rater", "prompt", "item")]
    sds = np.array(
        [each.intercept for each in spreads[:2]]
        + [each.slope or 0.0 for each in spreads[:2]]
        + [spreads[2].intercept]
    )
    assert dense_deviance(sds / fit.residual_sd, *study) == pytest.approx(fit.deviance, abs=1e-6)
    assert fit.deviance <= found.fun + 1e-6


@pytest.mark.parametrize("n_texts", [2, 40])
def test_the_factor_with_the_most_effects_may_be_any(n_texts: int) -> None:
    """Raters, prompts or texts are eliminated first; the deviance is that of dense algebra."""
    rng = np.random.default_rng(4)
    rater, prompt, arm = (axis.ravel() for axis in np.indices((5, 9, 2)))
    item = (prompt * 2 + arm) * n_texts + rng.integers(n_texts, size=rater.size)
    answer = rng.normal(size=90) + rng.normal(size=9)[prompt] + rng.normal(size=18 * n_texts)[item]
    codes = {"rater": rater, "prompt": prompt, "item": item}

    fit = fitted(fit_mixed_model(answer, 0.5 - arm, codes, slopes=BOTH))

    sds = [fit.spreads["rater"].intercept, fit.spreads["prompt"].intercept]
    sds += [fit.spreads["rater"].slope or 0.0, fit.spreads["prompt"].slope or 0.0]
    point = np.array([*sds, fit.spreads["item"].intercept]) / fit.residual_sd
    assert dense_deviance(point, answer, 0.5 - arm, codes) == pytest.approx(fit.deviance, abs=1e-6)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda *_: 3.0, "all 48 answers are the same (3)"),
        (lambda rater, prompt, arm: rater + 2.0 * prompt - arm * (rater + prompt), "explain every answer"),
    ],
)
def test_answers_without_an_error_are_refused(answer: Callable[[int, int, int], float], reason: str) -> None:
    rater, prompt, arm = (axis.ravel() for axis in np.indices((4, 6, 2)))
    answers = np.array([answer(*cell) for cell in zip(rater, prompt, arm, strict=True)])

    fit = fit_mixed_model(answers, 0.5 - arm, {"rater": rater, "prompt": prompt}, slopes=BOTH)

    assert isinstance(fit, NoMixedFit)
    assert reason in fit.reason


def test_a_covariate_has_a_fixed_effect() -> None:
    """R: lmerTest::lmer(answer ~ x + length + (1 + x || rater) + (1 + x || prompt) + (1 | item)).

    With half_missing.csv and length <- 100 + 40 * (as.integer(factor(item)) %% 7) + 30 * x.
    """
    answer, x, codes = arrays(read_reference("half_missing"))
    length = 100 + 40 * ((codes["item"] + 1) % 7) + 30 * x

    fit = fitted(fit_mixed_model(answer, x, codes, slopes=BOTH, covariates=(length,)))

    assert fit.estimate == pytest.approx(0.5639689343, abs=1e-7)
    assert fit.standard_error == pytest.approx(0.22562345779, rel=1e-6)
    assert fit.df == pytest.approx(12.990893, rel=1e-5)
    assert fit.slopes == pytest.approx((-0.0015058728,), rel=1e-6)
    assert fit.deviance == pytest.approx(1647.571286, abs=1e-4)
