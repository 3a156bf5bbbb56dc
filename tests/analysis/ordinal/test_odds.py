import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rater.analysis.contrast_data import Ratings, select_ratings
from rater.analysis.ordinal.odds import analyze_ordinal, ordinal_test
from rater.analysis.results import NotEstimable, Outcome, Result


def found(outcome: Outcome) -> Result:
    assert isinstance(outcome, Result), outcome
    return outcome


def refused(outcome: Outcome) -> str:
    assert isinstance(outcome, NotEstimable), outcome
    return outcome.reason


def mixed(rater: int, prompt: int, arm: int, sample: int) -> float:
    """Answers from 1 to 5 without a pattern that arms, raters or prompts would explain."""
    return float((7 * rater + 3 * prompt + 11 * arm + 5 * sample + rater * prompt * (arm + 2)) % 5 + 1)


def test_data_a_is_tested_with_maximal_random_effects(load: Callable[[str], pd.DataFrame]) -> None:
    """R, as in test_clmm: x 1.258406505 (SE 0.2208521163), logLik -1066.14298000."""
    analysis = analyze_ordinal(select_ratings(load("a"), ("steered", "unsteered"), "happiness"))

    result = found(analysis.outcome)
    assert result.estimate == pytest.approx(1.258406505, abs=5e-4)
    assert result.standard_error == pytest.approx(0.2208521163, rel=1e-3)
    assert result.p == pytest.approx(4.2e-5, rel=0.01)
    assert (result.symbol, result.df, result.score) == ("χ²", 1, "log_odds")
    assert result.settings["odds_ratio"] == pytest.approx(math.exp(1.258406505), rel=1e-3)
    assert result.settings["random_effects"] == (
        "(1 | rater) + (0 + x | rater) + (1 | prompt) + (0 + x | prompt) + (1 | item)"
    )
    assert result.settings["proportional_odds_p"] == pytest.approx(0.946349, rel=1e-3)
    assert result.interval is not None
    assert 0 < result.interval.low < result.estimate < result.interval.high
    (warning,) = result.warnings
    assert warning == (
        "the effects of prompts are estimated not to differ (a singular fit): the term is kept, with a "
        "standard deviation of 0"
    )
    assert analysis.fit is not None
    assert analysis.fit.components[0].slopes is not None


def test_swapping_the_arms_changes_the_sign(load: Callable[[str], pd.DataFrame]) -> None:
    frame = load("c")

    one = found(ordinal_test(select_ratings(frame, ("steered", "unsteered"), "happiness")))
    other = found(ordinal_test(select_ratings(frame, ("unsteered", "steered"), "happiness")))

    assert other.estimate == pytest.approx(-one.estimate, abs=1e-4)
    assert other.p == pytest.approx(one.p, rel=1e-4)
    assert one.interval is not None
    assert other.interval is not None
    assert other.interval.low == pytest.approx(-one.interval.high, abs=1e-3)


@pytest.mark.parametrize(
    ("shape", "answer", "reason"),
    [
        ((1, 12, 2), mixed, "the variance between raters needs at least 2"),
        ((12, 1, 2), mixed, "the variance between prompts needs at least 2"),
        ((4, 4, 2), lambda *_: 3.0, "all 64 answers are the same (3)"),
        (
            (4, 4, 2),
            lambda *cell: 4.0 - cell[2],
            "so the odds ratio is infinite",
        ),
        (
            (6, 6, 2),
            lambda *cell: 1.0 + cell[0] % 3 + (cell[2] == 0),
            "rater, prompt, item, arm together separate the answers almost completely",
        ),
    ],
)
def test_a_study_that_cannot_be_tested_gives_the_reason(
    study: Callable[..., Ratings],
    shape: tuple[int, int, int],
    answer: Callable[[int, int, int, int], float],
    reason: str,
) -> None:
    assert reason in refused(ordinal_test(study(shape, answer)))


def test_an_arm_without_answers_is_not_estimable(study: Callable[..., Ratings]) -> None:
    ratings = study((4, 4, 2), mixed)

    assert refused(ordinal_test(ratings.take(ratings.is_first))) == "“unsteered” has no answers"
    assert refused(ordinal_test(ratings.take(ratings.answer > 9))) == "there are no answers"


def test_a_study_that_is_too_large_is_not_estimable() -> None:
    n = 400_000
    rater, prompt, first = np.arange(n) // 100, np.arange(n) % 50, np.arange(n) % 100 < 50
    answer = (np.arange(n) * 7 % 5 + 1).astype(np.float64)

    reason = refused(
        ordinal_test(Ratings(("a", "b"), rater, prompt, prompt * 2 + first, is_first=first, answer=answer))
    )

    assert "400,000 answers by 4,000 raters to 100 texts exceed the limits" in reason
    assert "on 5 points 300,000 answers, and 3,000 random effects" in reason


def test_an_unused_point_of_the_scale_is_a_warning(study: Callable[..., Ratings]) -> None:
    ratings = study((5, 5, 2), lambda *cell: {1: 1.0, 2: 2.0, 3: 2.0, 4: 4.0, 5: 5.0}[int(mixed(*cell))])

    result = found(ordinal_test(ratings))

    assert "no answer was 3, so the model has no threshold for it" in result.warnings


def test_with_one_text_per_arm_texts_are_not_a_factor(study: Callable[..., Ratings]) -> None:
    result = found(ordinal_test(study((6, 6, 1), mixed)))

    assert "item" not in str(result.settings["random_effects"])
    assert any(warning.startswith("each prompt has one text for each arm") for warning in result.warnings)


def test_raters_with_one_arm_each_are_confounded_with_the_arms(study: Callable[..., Ratings]) -> None:
    ratings = study((8, 6, 2), mixed)

    outcome = ordinal_test(ratings.take((ratings.rater % 2 == 0) == ratings.is_first))

    assert isinstance(outcome, NotEstimable)
    assert "every rater has answers to only one of" in outcome.reason


def test_a_single_rater_of_both_arms_gives_no_random_slopes(study: Callable[..., Ratings]) -> None:
    ratings = study((8, 6, 2), mixed)
    of_one_arm = (ratings.rater % 2 == 0) == ratings.is_first

    result = found(ordinal_test(ratings.take(of_one_arm | (ratings.rater == 0))))

    assert "(0 + x | rater)" not in str(result.settings["random_effects"])
    assert (
        "no two raters have answers to both arms, so the effect is assumed equal for all raters"
        in result.warnings
    )


def test_two_raters_are_a_warning(study: Callable[..., Ratings]) -> None:
    result = found(ordinal_test(study((2, 12, 2), mixed)))

    assert any(warning.startswith("with only 2 raters p can be too small") for warning in result.warnings)


def test_non_proportional_odds_are_a_warning(study: Callable[..., Ratings]) -> None:
    ratings = study(
        (8, 8, 2),
        # The first arm has the extremes, the second the middle.
        lambda rater, prompt, arm, sample: (
            [1.0, 5.0][(rater + prompt + sample) % 2] if arm == 0 else 2.0 + (rater + 2 * prompt + sample) % 3
        ),
    )

    result = found(ordinal_test(ratings))

    assert any(warning.startswith("the odds ratio differs along the scale") for warning in result.warnings)


@pytest.mark.slow
def test_two_hundred_raters_and_a_hundred_prompts_can_be_fitted(draw: Callable[..., Ratings]) -> None:
    result = found(ordinal_test(draw(200, 100, 0.5, np.random.default_rng(3))))

    assert result.n.answers == 40_000
    assert result.warnings == ()
    assert result.interval is not None
    assert result.interval.low < 0.5 < result.interval.high
    assert result.settings["rater_sd"] == pytest.approx(1, abs=0.15)
    assert result.settings["rater_effect_sd"] == pytest.approx(0.5, abs=0.1)
    assert result.settings["prompt_sd"] == pytest.approx(0.8, abs=0.2)
    assert result.settings["prompt_effect_sd"] == pytest.approx(0.5, abs=0.2)
    assert result.settings["item_sd"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_about_5_percent_of_studies_without_an_effect_are_significant(draw: Callable[..., Ratings]) -> None:
    """statistics.md section 4: 5.0 to 7.0 % (300 nulls each); 200 here, a Monte Carlo error of 1.5 points."""
    generators = np.random.default_rng(1).spawn(200)

    results = [found(ordinal_test(draw(6, 8, 0.0, rng))) for rng in generators]

    assert 4 <= sum(result.p < 0.05 for result in results) <= 20
    intervals = [result.interval for result in results if result.interval is not None]
    assert len(intervals) == 200
    # The interval excludes 0 exactly where the test rejects.
    assert [not interval.low <= 0 <= interval.high for interval in intervals] == [r.p < 0.05 for r in results]
