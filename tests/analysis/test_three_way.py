import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.cell_scores import CellScores, Concepts, name_prompts_by_concept
from rater.analysis.contrast_data import Cells, score_cells, select_ratings
from rater.analysis.crossed import contrast_t
from rater.analysis.reml import NoFit
from rater.analysis.results import Counts, NotEstimable, Outcome, Result
from rater.analysis.three_way import estimate_three_way, fit_cells
from tests.benchmarks.concepts import NULLS, Size, rates

REFERENCES = Path(__file__).parent.parent / "data" / "concepts"
REFERENCE = json.loads((REFERENCES / "reference.json").read_text())
CONTRAST = ("steered", "unsteered")


def read_frame(name: str) -> pd.DataFrame:
    return name_prompts_by_concept(pd.read_csv(REFERENCES / f"{name}.csv").assign(dimension="happy"))


def read_cells(name: str) -> Cells:
    return score_cells(select_ratings(read_frame(name), CONTRAST, "happy"))


def found(outcome: Outcome) -> Result:
    assert isinstance(outcome, Result), outcome
    return outcome


@pytest.mark.parametrize("lmer", REFERENCE["fits"], ids=lambda lmer: lmer["data"])
def test_reml_equals_lmer_test(lmer: dict[str, Any]) -> None:
    cells = read_cells(lmer["data"])

    fit = fit_cells(cells.scores("scale_points"))

    assert not isinstance(fit, NoFit)
    assert cells.n.cells == lmer["cells"]
    assert fit.estimate == pytest.approx(lmer["estimate"], abs=1e-6 * lmer["standard_error"])
    assert fit.standard_error == pytest.approx(lmer["standard_error"], rel=2e-6)
    assert fit.df == pytest.approx(lmer["df"], rel=1e-4)
    assert fit.deviance == pytest.approx(lmer["deviance"], abs=1e-5)
    assert set(fit.variances) | {"residual"} == set(lmer["variances"])
    for term, variance in fit.variances.items():
        assert variance == pytest.approx(lmer["variances"][term], rel=1e-3, abs=1e-5)
    assert cells.concepts is not None
    blups = dict(zip(cells.concepts.names, fit.predictions["concept"].values, strict=True))
    assert blups == pytest.approx(lmer["concepts"], abs=1e-5)


@pytest.mark.parametrize("r", REFERENCE["quasi_f"], ids=lambda r: r["data"])
def test_a_complete_table_has_the_quasi_f_of_mean_squares_in_r_and_the_fit_of_reml(r: dict[str, Any]) -> None:
    cells = read_cells(r["data"])

    ours = found(contrast_t(cells, "scale_points"))
    reml = fit_cells(cells.scores("scale_points"))

    assert "quasi-F" in ours.method
    assert ours.standard_error == pytest.approx(r["standard_error"], rel=1e-8)
    assert ours.df == pytest.approx(r["df"], rel=1e-7)
    # all variance components are above 0, so both are equal
    assert not isinstance(reml, NoFit)
    assert min(reml.variances.values()) > 0
    assert reml.standard_error == pytest.approx(r["standard_error"], rel=1e-6)
    assert reml.df == pytest.approx(r["df"], rel=1e-4)


def test_an_incomplete_table_is_tested_by_reml_over_the_factors_of_the_scope() -> None:
    ours = found(contrast_t(read_cells("crossed_missing"), "scale_points", scope="raters+prompts+concepts"))
    lmer = next(each for each in REFERENCE["fits"] if each["data"] == "crossed_missing")

    assert (ours.df, ours.p) == pytest.approx((lmer["df"], lmer["p"]), rel=1e-4)
    assert "concepts" in ours.claim
    assert (ours.n.raters, ours.n.prompts, ours.n.concepts) == (10, 4, 6)
    assert ours.settings["prompts"] == "crossed with concepts"


def test_with_fixed_prompts_the_test_is_the_two_way_one_on_the_means_of_concepts() -> None:
    cells = read_cells("crossed_complete")
    table = cells.scores("scale_points").average("concept").values.reshape(8, 6)
    mean, rows, columns = table.mean(), table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    of_raters, of_concepts = 6 * rows.var(ddof=1), 8 * columns.var(ddof=1)
    of_error = ((table - rows - columns + mean) ** 2).sum() / 35

    ours = found(contrast_t(cells, "scale_points", scope="raters+concepts"))

    largest = max(of_raters + of_concepts - of_error, of_raters, of_concepts)
    assert ours.standard_error == pytest.approx(np.sqrt(largest / 48))
    assert ours.estimate == pytest.approx(mean)
    assert "prompts fixed" in ours.claim


def test_fixed_concepts_are_averaged_over_where_prompts_are_crossed_with_them() -> None:
    cells = read_cells("crossed_complete")

    ours = found(contrast_t(cells, "scale_points", scope="raters+prompts"))

    assert "rater × prompt" in ours.method
    assert ours.df is not None
    assert ours.df < 10  # 8 raters and 4 prompts, not 24
    assert "concepts" not in ours.claim


def test_answers_without_two_concepts_have_no_test_over_concepts() -> None:
    frame = read_frame("nested_complete")
    cells = score_cells(select_ratings(frame[frame["concept"] == "c01"], CONTRAST, "happy"))

    outcome = contrast_t(cells, "scale_points", scope="raters+prompts+concepts")

    assert isinstance(outcome, NotEstimable)
    assert "two or more concepts" in outcome.reason


def make_scores(n_raters: int, n_prompts: int, n_concepts: int, seed: int = 0) -> CellScores:
    rng = np.random.default_rng(seed)
    rater, prompt, concept = (axis.ravel() for axis in np.indices((n_raters, n_prompts, n_concepts)))
    values = (
        rng.normal(size=rater.size) + rng.normal(size=n_concepts)[concept] + rng.normal(size=n_raters)[rater]
    )
    concepts = Concepts(
        tuple(f"concept {code}" for code in range(n_concepts)),
        np.tile(np.arange(n_concepts), n_prompts),
        np.repeat(np.arange(n_prompts), n_concepts),
    )
    n = Counts(raters=n_raters, prompts=n_prompts, items=0, answers=0, cells=rater.size, concepts=n_concepts)
    return CellScores(rater, prompt * n_concepts + concept, values, np.ones(rater.size), n, concepts)


def test_the_order_of_cells_does_not_matter() -> None:
    scores = make_scores(5, 3, 4)
    order = np.random.default_rng(1).permutation(scores.values.size)
    shuffled = CellScores(
        scores.rater[order],
        scores.prompt[order],
        scores.values[order],
        scores.weight,
        scores.n,
        scores.concepts,
    )

    one, other = estimate_three_way(scores), estimate_three_way(shuffled)

    assert not isinstance(one, NoFit)
    assert not isinstance(other, NoFit)
    assert (one.estimate, one.standard_error, one.df) == pytest.approx(
        (other.estimate, other.standard_error, other.df)
    )


def test_a_rater_who_answered_one_concept_leaves_out_their_interaction() -> None:
    scores = make_scores(12, 2, 3, seed=4)
    kept = scores.rater % 3 == scores.concept
    some = CellScores(
        scores.rater[kept],
        scores.prompt[kept],
        scores.values[kept],
        scores.weight[kept],
        scores.n,
        scores.concepts,
    )

    fit = fit_cells(some)

    assert not isinstance(fit, NoFit)
    assert set(fit.variances) == {"rater", "concept", "prompt", "prompt_concept"}


def test_equal_cells_have_no_test() -> None:
    scores = make_scores(4, 2, 3)
    equal = CellScores(scores.rater, scores.prompt, np.zeros(24), scores.weight, scores.n, scores.concepts)

    outcome = estimate_three_way(equal)

    assert isinstance(outcome, NoFit)
    assert "cannot be estimated" in outcome.reason


@pytest.mark.parametrize("is_crossed", [True, False], ids=["crossed", "nested"])
@pytest.mark.parametrize(("null", "low", "high"), [("all slopes", 0.025, 0.075), ("rater slopes", 0.0, 0.07)])
def test_the_type_1_error_is_about_5_percent(null: str, low: float, high: float, *, is_crossed: bool) -> None:
    """1,000 studies each: the standard error of 5 % is 0.7 points. See tests/benchmarks/concepts.py."""
    size = Size(12, 8, 4 if is_crossed else 3, is_crossed)

    found = rates(size, NULLS[null], n_sims=1_000, seed=3)

    for rejected, covered in found.values():
        assert low <= rejected <= high
        assert covered == pytest.approx(1 - rejected)
