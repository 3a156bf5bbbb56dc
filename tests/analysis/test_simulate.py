from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.analysis.contrast_data import Ratings
from rater.analysis.preferences import Preferred
from rater.analysis.simulate import (
    AnswerModel,
    ContinuousAnswers,
    ModelSDs,
    PairwiseAnswers,
    Trials,
    crossed,
    cut_at_chance,
    difference_of,
    evenly_cut,
    leave_early,
    logits_of,
    net_superiority_of,
    simulate,
    tie_share,
)

FLAT = ModelSDs(rater=0, prompt=0, item=0, rater_arm=0, prompt_arm=0)


SLIDER = ContinuousAnswers(low=0, high=100, middle=50, unit=20)


CHOICE = PairwiseAnswers(tie=0.5, degrees=2)


SCALES = [evenly_cut(2), evenly_cut(5), evenly_cut(11), SLIDER, CHOICE]


def pairs(n_raters: int, n_prompts: int) -> Trials:
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, n_prompts)))
    return Trials(rater, prompt, prompt * 2, np.ones(rater.size, dtype=np.bool_), other_item=prompt * 2 + 1)


@given(st.floats(-3, 3), st.sampled_from(SCALES))
@settings(max_examples=40)
def test_logits_and_differences_convert_into_each_other(effect: float, scale: AnswerModel) -> None:
    assert logits_of(difference_of(effect, scale), scale) == pytest.approx(effect, abs=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_a_zero_effect_gives_a_zero_difference(scale: AnswerModel) -> None:
    assert difference_of(0, scale) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("scale", "points"), [(evenly_cut(5), 9), (SLIDER, 120), (CHOICE, 1.5)])
def test_an_effect_that_no_scale_shows_is_refused(scale: AnswerModel, points: float) -> None:
    with pytest.raises(ValueError, match=f"{points:g} is too large for this scale; valid: less than"):
        logits_of(points, scale)


@pytest.mark.parametrize(("scale", "tolerance"), [(evenly_cut(5), 0.03), (SLIDER, 0.7)])
def test_simulated_answers_differ_by_the_specified_effect(scale: AnswerModel, tolerance: float) -> None:
    rng, spread = np.random.default_rng(1), replace(FLAT, item=1.0)

    ratings = simulate(crossed(100, 400, 1), effect=1.0, scale=scale, rng=rng, spread=spread)

    assert isinstance(ratings, Ratings)
    first, second = ratings.answer[ratings.is_first], ratings.answer[~ratings.is_first]
    expected = difference_of(1.0, scale, spread)
    assert first.mean() - second.mean() == pytest.approx(expected, abs=4 * tolerance)


def test_points_are_whole_and_a_line_stays_within_its_ends() -> None:
    rng = np.random.default_rng(1)

    points = simulate(crossed(40, 40, 1), effect=1.0, scale=evenly_cut(5), rng=rng)
    line = simulate(crossed(40, 40, 1), effect=1.0, scale=SLIDER, rng=rng)

    assert set(np.unique(points.answer)) == {1, 2, 3, 4, 5}
    assert (line.answer.min(), line.answer.max()) == (0, 100)


def test_simulated_choices_favour_the_first_arm_and_tie_as_often_as_they_should() -> None:
    rng = np.random.default_rng(2)

    chosen = simulate(pairs(200, 400), effect=0.0, scale=CHOICE, rng=rng)
    favoured = simulate(pairs(200, 400), effect=1.0, scale=CHOICE, rng=rng)

    assert isinstance(chosen, Preferred)
    assert (chosen.answer == 0).mean() == pytest.approx(tie_share(0.5), abs=0.01)
    assert tie_share(0.5) == pytest.approx(0.2, abs=0.03)
    assert set(np.unique(chosen.answer)) == {-2, -1, 0, 1, 2}
    assert np.sign(favoured.answer).mean() == pytest.approx(difference_of(1.0, CHOICE), abs=0.06)


def test_raters_who_drop_out_give_only_their_first_answers() -> None:
    trials = replace(crossed(200, 10, 1), place=np.tile(np.arange(20) / 20, 200))

    kept = leave_early(trials, 0.5, np.random.default_rng(3))

    n = np.bincount(kept.rater, minlength=200)
    assert (n == 20).mean() == pytest.approx(0.5, abs=0.12)
    assert all(
        (kept.place[kept.rater == rater] == np.arange(size) / 20).all() for rater, size in enumerate(n)
    )
    assert leave_early(trials, 0.0, np.random.default_rng(3)) is trials


@pytest.mark.parametrize("effect", [0.0, 1.0, -2.0])
def test_the_expected_net_superiority_is_that_of_simulated_cells(effect: float) -> None:
    """40,000 cells with a rater, a prompt and two texts of their own each; its error is about .005."""
    rng, spread, n = np.random.default_rng(2), ModelSDs(), 40_000
    scale = evenly_cut(5)
    shared = rng.normal(0, spread.rater, n) + rng.normal(0, spread.prompt, n)
    own = effect + rng.normal(0, spread.rater_arm, n) + rng.normal(0, spread.prompt_arm, n)
    first, second = (
        scale.answer(shared + sign * own / 2 + rng.normal(0, spread.item, n) + rng.logistic(size=n))
        for sign in (1, -1)
    )

    expected = net_superiority_of(effect, scale, spread)

    assert expected == pytest.approx(np.sign(first - second).mean(), abs=0.02)
    assert expected == pytest.approx(0, abs=1e-9) if effect == 0 else expected


def test_on_a_line_the_net_superiority_is_not_known() -> None:
    assert net_superiority_of(1.0, ContinuousAnswers(0.0, 100.0, 50.0, 20.0)) is None


@pytest.mark.parametrize("chance", [1 / 12, 0.25, 0.5])
def test_an_effect_on_target_choices_leaves_the_control_at_chance(chance: float) -> None:
    rng, trials, spread = np.random.default_rng(5), crossed(200, 40, 1), ModelSDs()
    scale = cut_at_chance(chance, spread)
    effect = logits_of(0.2, scale, spread)

    ratings = simulate(trials, effect=effect, scale=scale, rng=rng, spread=spread)

    assert isinstance(ratings, Ratings)
    assert set(ratings.answer) == {0, 1}
    # 200 raters × 40 prompts: the SDs of 1 and 0.8 logits leave a standard error of about 0.03
    assert ratings.answer[~ratings.is_first].mean() == pytest.approx(chance, abs=0.07)
    assert ratings.answer[ratings.is_first].mean() == pytest.approx(chance + 0.2, abs=0.08)
