from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis.contrast_data import Ratings, score_cells, select_ratings
from rater.analysis.crossed import contrast_t
from rater.analysis.intervals import Bounds
from rater.analysis.mixed_model import MAX_EFFECTS, mixed_model_test
from rater.analysis.read_ratings import read
from rater.analysis.results import NotEstimable, Outcome, Result
from tests.analysis.test_mixed_model_fit import read_reference

CASES = Path(__file__).parent.parent / "data" / "cases" / "12-each-prompt-in-one-arm"


def result(outcome: Outcome) -> Result:
    assert isinstance(outcome, Result), outcome
    return outcome


def ratings_of(table: pd.DataFrame, contrast: tuple[str, str] = ("steered", "unsteered")) -> Ratings:
    return select_ratings(table.assign(dimension="answer"), contrast, "answer")


@pytest.mark.parametrize(
    ("file", "estimate", "standard_error", "df", "p"),
    [
        ("one-arm-of-each-prompt.csv", -1.027778, 0.149297, 142, 1.7e-10),
        ("a-few-in-both.csv", -0.962492, 0.161871, 10.95979, 9.8e-5),
    ],
)
def test_each_prompt_in_one_arm_is_tested_with_all_answers(
    file: str, estimate: float, standard_error: float, df: float, p: float
) -> None:
    """R: lmerTest::lmer(answer ~ x + (1 + x || rater) + (1 + x || prompt)), base minus steered."""
    outcome = result(mixed_model_test(select_ratings(read(CASES / file), ("base", "steered"), "answer")))

    assert (outcome.test, outcome.score, outcome.symbol) == ("linear mixed model", "scale_points", "t")
    assert outcome.estimate == pytest.approx(estimate, abs=1e-5)
    assert outcome.standard_error == pytest.approx(standard_error, rel=1e-5)
    assert outcome.df == pytest.approx(df, rel=1e-4)
    assert outcome.p == pytest.approx(p, rel=0.02)
    assert outcome.statistic == pytest.approx(estimate / standard_error, rel=1e-4)
    assert outcome.interval is not None
    assert outcome.interval.low < outcome.estimate < outcome.interval.high < 0
    assert outcome.settings["random_effects"] == (
        "(1 | rater) + (0 + x | rater) + (1 | prompt) + (0 + x | prompt)"
    )


def test_swapping_the_arms_changes_the_sign() -> None:
    table = read_reference("random_arms")

    one = result(mixed_model_test(ratings_of(table)))
    other = result(mixed_model_test(ratings_of(table, ("unsteered", "steered"))))

    assert other.estimate == pytest.approx(-one.estimate, rel=1e-6)
    assert (other.p, other.df) == pytest.approx((one.p, one.df), rel=1e-4)


def test_on_a_complete_table_the_test_nearly_equals_the_crossed_t_test() -> None:
    ratings = ratings_of(read_reference("complete"))

    of_all = result(mixed_model_test(ratings))
    of_cells = result(contrast_t(score_cells(ratings), "scale_points"))

    assert of_all.estimate == pytest.approx(of_cells.estimate)
    assert of_all.standard_error == pytest.approx(of_cells.standard_error, rel=0.1)


def test_the_interval_ends_where_the_possible_values_do() -> None:
    outcome = result(mixed_model_test(ratings_of(read_reference("few")), bounds=Bounds(-20.0, 20.0)))

    assert outcome.interval is not None
    assert outcome.interval.high == 20
    assert outcome.unclipped_interval is not None
    assert outcome.unclipped_interval.high == pytest.approx(12.044444 + 2.896 * 9.215579, abs=0.1)


def test_components_and_terms_are_reported() -> None:
    outcome = result(mixed_model_test(ratings_of(read_reference("between_raters_texts"))))

    assert outcome.settings["rater_sd"] == pytest.approx(11.838633, rel=1e-4)
    assert outcome.settings["prompt_effect_sd"] == 0
    assert "rater_effect_sd" not in outcome.settings
    assert outcome.settings["item_sd"] == pytest.approx(10.900682, rel=1e-4)
    assert any("chance decided which raters got which arm" in warning for warning in outcome.warnings)
    assert any("variance of the effect between prompts" in warning for warning in outcome.warnings)
    assert any("no two raters have answers to both arms" in warning for warning in outcome.warnings)


def one(is_steered: bool) -> tuple[str, ...]:  # noqa: FBT001 (a condition on rater and prompt)
    return ("steered",) if is_steered else ("unsteered",)


def shown(arms: Callable[[int, int], tuple[str, ...]], n_raters: int = 6, n_prompts: int = 6) -> Ratings:
    rng = np.random.default_rng(1)
    rows = [
        (f"r{rater}", f"p{prompt}", f"p{prompt}{arm}", arm, rng.normal())
        for rater in range(n_raters)
        for prompt in range(n_prompts)
        for arm in arms(rater, prompt)
    ]
    return ratings_of(pd.DataFrame(rows, columns=["rater", "prompt", "item", "arm", "answer"]))


@pytest.mark.parametrize(
    ("ratings", "reason"),
    [
        pytest.param(shown(lambda *_: ()), "there are no answers", id="nothing"),
        pytest.param(shown(lambda *_: ("steered",)), "“unsteered” has no answers", id="one arm"),
        pytest.param(
            shown(lambda rater, _: one(rater > 0)), "only 1 rater answered “unsteered”", id="a single rater"
        ),
        pytest.param(
            shown(lambda rater, _: one(rater % 2 > 0), n_prompts=1), "there is only 1 prompt", id="a prompt"
        ),
        pytest.param(
            shown(lambda _, prompt: one(prompt < 3)),
            "every prompt has answers to only one of",
            id="prompts in one arm",
        ),
        pytest.param(
            shown(lambda rater, prompt: one(prompt == rater) if prompt in {rater, rater + 1} else ()),
            "is determined by its rater and prompt together",
            id="a chain",
        ),
    ],
)
def test_what_cannot_be_estimated_has_a_reason(ratings: Ratings, reason: str) -> None:
    outcome = mixed_model_test(ratings)

    assert isinstance(outcome, NotEstimable)
    assert reason in outcome.reason
    assert outcome.n == ratings.count()


def test_more_random_effects_than_the_limit_are_refused() -> None:
    n_raters, n_prompts = MAX_EFFECTS // 4 + 1, MAX_EFFECTS // 2
    rater, prompt = np.arange(4 * n_prompts) % n_raters, np.arange(4 * n_prompts) % n_prompts
    is_first = np.arange(rater.size) % 3 == 0
    ratings = Ratings(("a", "b"), rater, prompt, 2 * prompt + is_first, is_first, is_first + 0.5)

    outcome = mixed_model_test(ratings)

    assert isinstance(outcome, NotEstimable)
    assert "1,001 raters, 2,000 prompts and 4,000 texts exceed the limit" in outcome.reason


def test_two_raters_get_a_warning_about_the_interval() -> None:
    two, three = (
        result(mixed_model_test(shown(lambda *_: ("steered", "unsteered"), n_raters=n))) for n in (2, 3)
    )

    assert any("with only 2 raters the interval can be too short" in each for each in two.warnings)
    assert not any("with only" in each for each in three.warnings)


def test_a_small_alpha_asks_for_six_raters() -> None:
    outcome = result(mixed_model_test(shown(lambda *_: ("steered", "unsteered"), n_raters=4), alpha=0.001))

    assert any("with only 4 raters p below 0.001" in each for each in outcome.warnings)
