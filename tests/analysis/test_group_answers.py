import numpy as np
import pytest

from rater.analysis.group_answers import GroupAnswers
from rater.analysis.simulate import CONTRAST, ModelSDs, Trials, logits_of, net_superiority_of, simulate

RANKING = GroupAnswers(3, "ranking")
BEST_WORST = GroupAnswers(4, "best_worst")


def test_levels_become_scores_of_a_ranking_or_of_the_best_and_the_worst() -> None:
    assert RANKING.answer(np.array([[0.5, 2.0, -1.0]])).tolist() == [[0, 1, -1]]
    assert BEST_WORST.answer(np.array([[0.5, 2.0, -1.0, 0.6]])).tolist() == [[0, 1, -1, 0]]


def test_the_expected_difference_of_a_ranking_is_that_of_logistic_comparisons() -> None:
    # With Gumbel noise, the probability that text i is above text j is logistic in the difference of levels.
    def won(apart: float) -> float:
        return float(2 / (1 + np.exp(-apart)) - 1)

    points, net = RANKING.differences(1.0, slope=0.0, item=0.0)

    assert points == pytest.approx((2 * won(1.0) + 2 * won(0.5)) / 2, abs=0.01)
    assert net == pytest.approx(won(1.0), abs=0.01)


def test_no_effect_has_no_difference_and_a_larger_effect_a_larger_one() -> None:
    differences = [BEST_WORST.differences(effect, slope=0.7, item=0.5)[0] for effect in (0.0, 0.3, 1.0, 3.0)]

    assert differences[0] == 0
    assert differences == sorted(differences)
    assert logits_of(differences[2], BEST_WORST, ModelSDs(rater_arm=0.7, prompt_arm=0)) == pytest.approx(
        1.0, abs=0.02
    )


def test_simulated_groups_have_the_expected_difference_and_net_superiority() -> None:
    n_trials = 6_000
    rows = np.arange(n_trials * 4)
    trials = Trials(
        rater=rows // 4 % 60,
        prompt=rows // 240,
        item=rows,
        is_first=rows % 4 == 0,
        in_contrast=rows % 4 < 2,
    )

    drawn = simulate(trials, effect=1.0, scale=BEST_WORST, rng=np.random.default_rng(4))

    assert drawn.contrast == CONTRAST
    first, second = drawn.answer[::2], drawn.answer[1::2]
    assert drawn.answer.size == 2 * n_trials
    expected = BEST_WORST.differences(1.0, slope=0.5 * np.sqrt(2), item=0.5)
    assert (first - second).mean() == pytest.approx(expected[0], abs=0.1)
    assert np.sign(first - second).mean() == pytest.approx(net_superiority_of(1.0, BEST_WORST), abs=0.08)
