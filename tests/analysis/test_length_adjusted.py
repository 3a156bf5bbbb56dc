"""The primary test with length as a covariate: against dense algebra, and on data whose answer is known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import optimize

from rater.analysis.length_adjusted import adjust_for_length
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Number, Pairwise

Floats = NDArray[np.float64]
LENGTH_SLOPE = 0.02
"""Points for each character."""


@pytest.fixture
def plan() -> Planned:
    scale = Number(minimum=-1000, maximum=1000, step=0.001)
    return Planned(
        contrast=("a", "b"),
        dimensions=(Dimension(name="d", question="How much?", scale=scale),),
        primary="d",
        score="scale_points",
    )


def rated(
    rng: np.random.Generator, *, effect: float = 0.0, longer: float = 60.0, n: tuple[int, int] = (12, 12)
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Draw answers that rise with the length of texts, of which those of arm a are longer."""
    rater, prompt, is_first = (axis.ravel() for axis in np.indices((*n, 2)))
    length = np.rint(rng.normal(200, 40, (n[1], 2)) + longer * np.arange(2))
    of_text = length[prompt, is_first]
    level = rng.normal(0, 1, n[0])[rater] + rng.normal(0, 1, n[1])[prompt]
    slopes = rng.normal(0, 0.4, n[0])[rater] * is_first + rng.normal(0, 0.4, n[1])[prompt] * is_first
    noise = rng.normal(0, 1, rater.size)
    answer = np.round(level + slopes + noise + effect * is_first + LENGTH_SLOPE * of_text, 3)
    items = [f"p{p}{'ba'[f]}" for p, f in zip(prompt, is_first, strict=True)]
    frame = pd.DataFrame(
        {
            "rater": [f"r{code:02d}" for code in rater],
            "item": items,
            "prompt": [f"p{code:02d}" for code in prompt],
            "arm": np.where(is_first == 1, "a", "b"),
            "dimension": "d",
            "answer": answer,
        }
    )
    return frame, {item: int(size) for item, size in zip(items, of_text, strict=True)}


def of_cells(frame: pd.DataFrame, lengths: dict[str, int]) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Return the differences of answers and of lengths by cell, and each cell's rater and prompt."""
    table = frame.assign(length=frame["item"].map(lengths)).pivot(
        index=["rater", "prompt"], columns="arm", values=["answer", "length"]
    )
    difference = (table.xs("a", axis=1, level=1) - table.xs("b", axis=1, level=1)).astype(float)
    codes = np.column_stack([pd.factorize(table.index.get_level_values(level))[0] for level in (0, 1)])
    return np.array(difference["answer"]), np.array(difference["length"]), codes


def dense_reml(scores: Floats, length: Floats, codes: NDArray[np.intp]) -> tuple[float, float]:
    """Fit scores ~ 1 + length + (1|rater) + (1|prompt) by REML with dense matrices; intercept and error."""
    design = np.column_stack([np.ones_like(length), length])
    blocks = [np.equal.outer(codes[:, axis], codes[:, axis]).astype(float) for axis in (0, 1)]

    def solve(log_sd: Floats) -> tuple[float, Floats, Floats]:
        sd = np.exp(log_sd)
        cov = sd[0] ** 2 * blocks[0] + sd[1] ** 2 * blocks[1] + sd[2] ** 2 * np.eye(length.size)
        inverse = np.linalg.inv(cov)
        information = design.T @ inverse @ design
        beta = np.linalg.solve(information, design.T @ inverse @ scores)
        rest = scores - design @ beta
        value = np.linalg.slogdet(cov)[1] + np.linalg.slogdet(information)[1] + rest @ inverse @ rest
        return float(value), beta, np.linalg.inv(information)

    def objective(log_sd: Floats) -> float:
        return solve(log_sd)[0]

    best = optimize.minimize(objective, np.log([0.5, 0.5, 1.0]), method="Nelder-Mead")
    _, beta, covariance = solve(best.x)
    return float(beta[0]), float(np.sqrt(covariance[0, 0]))


def test_the_estimate_is_the_intercept_of_least_squares(plan: Planned) -> None:
    frame, lengths = rated(np.random.default_rng(3), effect=1)

    found = adjust_for_length(frame, plan, plan.dimensions[0], lengths)

    scores, length, _ = of_cells(frame, lengths)
    slope, intercept = np.polyfit(length, scores, 1)
    assert isinstance(found, Result)
    assert found.estimate == pytest.approx(intercept, abs=1e-9)
    assert found.settings["slope_per_100_characters"] == pytest.approx(100 * slope, abs=1e-9)
    assert found.test == "crossed t, length as covariate"
    assert "mediate" in found.claim


@pytest.mark.parametrize("seed", [1, 2])
def test_estimate_and_error_are_near_those_of_a_mixed_model_with_the_covariate(
    plan: Planned, seed: int
) -> None:
    frame, lengths = rated(np.random.default_rng(seed), effect=1, n=(8, 9))

    found = adjust_for_length(frame, plan, plan.dimensions[0], lengths)

    estimate, error = dense_reml(*of_cells(frame, lengths))
    assert isinstance(found, Result)
    assert found.standard_error == pytest.approx(error, rel=0.3)
    assert found.estimate == pytest.approx(estimate, abs=0.5 * error)


@pytest.fixture
def points(plan: Planned) -> Planned:
    """The same plan on seven points, which the whole analysis takes less time for."""
    scale = Likert(points=7, low="little", high="much")
    return replace(plan, dimensions=(Dimension(name="d", question="How much?", scale=scale),))


def in_points(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(answer=np.clip(np.rint(frame["answer"] - 1), 1, 7))


def test_a_difference_that_length_alone_makes_is_not_found(points: Planned) -> None:
    frame, lengths = rated(np.random.default_rng(5), effect=0, longer=100)

    [dimension] = analyze(in_points(frame), points, texts=texts_of(lengths)).dimensions

    assert isinstance(dimension.primary, Result)
    assert isinstance(dimension.length_adjusted, Result)
    assert dimension.primary.p < 0.001
    assert dimension.length_adjusted.p > 0.05
    assert abs(dimension.length_adjusted.estimate) < dimension.primary.estimate / 2
    assert dimension.tests[-1] == dimension.length_adjusted


@pytest.mark.slow
def test_without_an_effect_the_adjusted_test_finds_one_in_one_study_of_twenty(plan: Planned) -> None:
    p_values = []
    for seed in range(400):
        found = adjust_for_length(*_args(plan, seed))
        assert isinstance(found, Result)
        p_values.append(found.p)

    # 400 studies: a share of .05 has the standard error .011
    assert np.mean(np.array(p_values) < 0.05) <= 0.083


def _args(plan: Planned, seed: int) -> tuple[pd.DataFrame, Planned, Dimension, dict[str, int]]:
    frame, lengths = rated(np.random.default_rng(seed))
    dimension = plan.dimensions[0]
    assert isinstance(dimension, Dimension)
    return frame, plan, dimension, lengths


@pytest.mark.parametrize(("scope", "test"), [("raters", "by-rater t"), ("prompts", "by-prompt t")])
def test_the_scope_of_the_claim_decides_the_test(plan: Planned, scope: str, test: str) -> None:
    frame, lengths = rated(np.random.default_rng(7), effect=1)
    narrow = replace(plan, scope=scope)  # type: ignore[arg-type] # one of the literals

    found = adjust_for_length(frame, narrow, plan.dimensions[0], lengths)

    scores, length, _ = of_cells(frame, lengths)
    assert isinstance(found, Result)
    assert found.test == f"{test}, length as covariate"
    assert found.estimate == pytest.approx(np.polyfit(length, scores, 1)[1], abs=1e-9)
    assert found.df == 11


def test_tables_with_missing_cells_are_adjusted_too(plan: Planned) -> None:
    frame, lengths = rated(np.random.default_rng(8), effect=3)
    kept = frame.drop(frame.index[[0, 5, 17, 40, 41, 99]])

    found = adjust_for_length(kept, plan, plan.dimensions[0], lengths)

    assert isinstance(found, Result)
    assert found.estimate == pytest.approx(3, abs=1)


def test_choices_between_two_texts_take_the_difference_of_their_lengths() -> None:
    rng = np.random.default_rng(9)
    rater, prompt = (axis.ravel() for axis in np.indices((10, 10)))
    lengths = {f"p{p}{arm}": int(rng.integers(100, 300)) for p in range(10) for arm in "ab"}
    longer = np.array([lengths[f"p{p}a"] - lengths[f"p{p}b"] for p in prompt])
    turned = rng.random(100) < 0.5  # the order in which a row names the two arms does not matter
    answer = np.where(longer + rng.normal(0, 60, 100) > 0, 1.0, -1.0) * np.where(turned, -1, 1)
    first, second = np.where(turned, "b", "a"), np.where(turned, "a", "b")
    frame = pd.DataFrame(
        {
            "rater": [f"r{code}" for code in rater],
            "item": [f"p{p}{arm}" for p, arm in zip(prompt, first, strict=True)],
            "other_item": [f"p{p}{arm}" for p, arm in zip(prompt, second, strict=True)],
            "prompt": [f"p{code}" for code in prompt],
            "arm": first,
            "other_arm": second,
            "dimension": "d",
            "answer": answer,
        }
    )
    plan = Planned(
        contrast=("a", "b"),
        dimensions=(Dimension(name="d", question="Which?", scale=Pairwise(tie="Neither")),),
        primary="d",
    )

    found = adjust_for_length(frame, plan, plan.dimensions[0], lengths)

    slope, intercept = np.polyfit(longer, answer * np.where(turned, -1, 1), 1)
    assert isinstance(found, Result)
    assert found.estimate == pytest.approx(intercept, abs=1e-9)
    assert found.settings["slope_per_100_characters"] == pytest.approx(100 * slope, abs=1e-9)


def test_what_cannot_be_adjusted_gives_its_reason(plan: Planned) -> None:
    frame, lengths = rated(np.random.default_rng(10))
    dimension = plan.dimensions[0]
    alike = {item: 100 + 20 * item.endswith("a") for item in lengths}
    some = dict(list(lengths.items())[:-1])
    few = frame[(frame["rater"] == "r00") & frame["prompt"].isin(["p00", "p01"])]

    found = [
        adjust_for_length(rows, plan, dimension, of)
        for rows, of in ((frame, alike), (frame, some), (few, lengths))
    ]

    assert all(isinstance(each, NotEstimable) for each in found)
    assert [each.reason for each in found if isinstance(each, NotEstimable)] == [
        "the arms differ in length by 20 characters in every cell",
        "not every text has a known length",
        "a covariate needs at least 4 raters or prompts, not 2",
    ]


def test_equal_length_beyond_the_data_is_warned_of(plan: Planned) -> None:
    frame, lengths = rated(np.random.default_rng(11), longer=600)

    found = adjust_for_length(frame, plan, plan.dimensions[0], lengths)

    assert isinstance(found, Result)
    assert "longer in every cell" in found.warnings[0]


@pytest.mark.parametrize("scope", ["raters+prompts", "raters"])
def test_a_difference_at_equal_length_that_the_scale_does_not_allow_is_refused(
    points: Planned, scope: Literal["raters+prompts", "raters"]
) -> None:
    frame, _ = rated(np.random.default_rng(11), longer=150)
    narrow = in_points(frame)
    means = narrow.groupby(["prompt", "arm"])["answer"].mean().unstack()
    difference = {str(prompt): by for prompt, by in (means["a"] - means["b"]).items()}
    steep = {f"p{int(prompt[1:])}b": 100 for prompt in difference}
    steep |= {f"p{int(prompt[1:])}a": round(1100 - 100 * by) for prompt, by in difference.items()}

    found = adjust_for_length(narrow, replace(points, scope=scope), points.dimensions[0], steep)

    assert isinstance(found, NotEstimable)
    assert "beyond what the scale allows" in found.reason
    assert "longer in every cell" in found.reason


def test_the_interval_at_equal_length_ends_at_what_is_possible(points: Planned) -> None:
    frame, lengths = rated(np.random.default_rng(2), longer=400, n=(4, 4))

    found = adjust_for_length(in_points(frame), points, points.dimensions[0], lengths)

    assert isinstance(found, Result)
    assert found.interval is not None
    assert found.unclipped_interval is not None
    assert found.unclipped_interval.high > 6
    assert found.interval.high == 6


def test_an_analysis_without_texts_has_no_adjusted_test(points: Planned) -> None:
    frame, _ = rated(np.random.default_rng(12), n=(4, 4))

    [dimension] = analyze(in_points(frame), points).dimensions

    assert dimension.length_adjusted is None
    assert len(dimension.tests) == 2


def texts_of(lengths: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame({"item": list(lengths), "n_characters": list(lengths.values())})


def test_in_a_mixed_model_the_length_of_the_text_is_a_covariate(plan: Planned) -> None:
    """Arm a is longer by 60 characters, at 0.02 points each: 1.2 points come from the length."""
    frame, lengths = rated(np.random.default_rng(3), n=(20, 30))
    rater, prompt = (frame[name].str[1:].astype(int) for name in ("rater", "prompt"))
    latin = frame[(rater + prompt) % 2 == (frame["arm"] == "a")]
    mixed = replace(plan, test="mixed_model")
    texts = pd.DataFrame({"item": list(lengths), "n_characters": list(lengths.values())})

    (found,) = analyze(latin, mixed, texts=texts).dimensions

    assert isinstance(found.primary, Result)
    assert isinstance(found.length_adjusted, Result)
    assert found.primary.estimate > 0.8
    assert abs(found.length_adjusted.estimate) < 0.4
    assert found.length_adjusted.test == "linear mixed model, length as covariate"
    assert found.length_adjusted.settings["slope_per_100_characters"] == pytest.approx(2, abs=0.5)
    assert "with the length of the text as a covariate" in found.length_adjusted.method


@pytest.mark.parametrize(
    ("length_of", "reason"),
    [
        (lambda item: 100 + 20 * item.endswith("a"), "all texts of an arm have the same length"),
        (lambda item: 100 if item.endswith("a") else None, "not every text has a known length"),
    ],
)
def test_what_a_mixed_model_cannot_adjust_gives_its_reason(
    plan: Planned, length_of: Callable[[str], int | None], reason: str
) -> None:
    frame, lengths = rated(np.random.default_rng(10))
    known = {item: length for item in lengths if (length := length_of(item)) is not None}

    found = adjust_for_length(frame, replace(plan, test="mixed_model"), plan.dimensions[0], known)

    assert isinstance(found, NotEstimable)
    assert found.reason == reason
