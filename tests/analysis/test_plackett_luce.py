"""The strengths of arms from rankings and best–worst choices."""

import choix
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.plackett_luce import Stages, fit_log_strengths, has_maximum, rank_arms_of_trials
from rater.analysis.results import Estimate, NotEstimable
from rater.study.rankings import Response

ARMS = ("a", "b", "c", "d", "e")


def trials(
    response: Response,
    *,
    n_raters: int = 8,
    n_prompts: int = 6,
    n_texts: int = 4,
    strengths: tuple[float, ...] = (0.0, 0.4, -0.5, 1.0, 0.2),
    seed: int = 3,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw answers of the model itself: a row for each text, with its score from −1 to 1."""
    rng = np.random.default_rng(seed)
    rows, trial = [], []
    for number, (rater, prompt) in enumerate(np.ndindex(n_raters, n_prompts)):
        shown = rng.permutation(len(strengths))[:n_texts]
        utility = np.array(strengths)[shown]
        order = np.argsort(-(utility + rng.gumbel(size=n_texts)))
        scores = np.linspace(1, -1, n_texts)
        if response == "best_worst":
            rest = order[1:]
            worst = rest[np.argmax(-utility[rest] + rng.gumbel(size=rest.size))]
            order = np.array([order[0], *(text for text in rest if text != worst), worst])
            scores = np.array([1.0, *[0.0] * (n_texts - 2), -1.0])
        for score, text in zip(scores, order, strict=True):
            arm = ARMS[shown[text]]
            rows.append((f"r{rater}", f"p{prompt}", f"{prompt}{arm}", arm, score))
            trial.append(number)
    frame = pd.DataFrame(rows, columns=["rater", "prompt", "item", "arm", "answer"])
    shuffled = rng.permutation(len(frame))
    return frame.iloc[shuffled].reset_index(drop=True), np.array(trial)[shuffled]


def strengths_of(found: ArmRanking | NotEstimable) -> dict[str, float]:
    assert isinstance(found, ArmRanking)
    found_arms = {each.arm: each.log_strength for each in found.arms}
    assert all(isinstance(each, Estimate) for each in found_arms.values())
    return {arm: each.estimate for arm, each in found_arms.items() if isinstance(each, Estimate)}


def orders_of(frame: pd.DataFrame, trial: np.ndarray) -> list[tuple[int, ...]]:
    return [
        tuple(ARMS.index(arm) for arm in of.sort_values("answer", ascending=False)["arm"])
        for _, of in frame.groupby(trial)
    ]


def test_rankings_have_the_strengths_that_choix_finds() -> None:
    frame, trial = trials("ranking")

    found = rank_arms_of_trials(frame, trial, "ranking", "a", alpha=0.05, rng=np.random.default_rng(1))

    expected = choix.opt_rankings(5, orders_of(frame, trial), method="Newton-CG", tol=1e-12)
    expected = dict(zip(ARMS, expected - expected[0], strict=True))
    del expected["a"]
    assert strengths_of(found) == pytest.approx(expected, abs=1e-5)
    assert list(strengths_of(found)) == sorted(expected, key=lambda arm: -expected[arm])


def test_the_best_of_a_set_alone_has_the_strengths_that_choix_finds() -> None:
    frame, trial = trials("ranking", n_texts=3)
    top = [(order[0], order[1:]) for order in orders_of(frame, trial)]
    sets = sorted({tuple(sorted([best, *others])) for best, others in top})
    members = np.array([[float(arm in of) for arm in range(5)] for of in sets])
    counts = np.zeros((len(sets), 5))
    for best, others in top:
        counts[sets.index(tuple(sorted([best, *others]))), best] += 1
    stages = Stages(members, np.ones(len(sets)))

    found = fit_log_strengths(stages, counts[None])[0]

    expected = choix.opt_top1(5, top, method="Newton-CG", tol=1e-12)
    assert found == pytest.approx(expected - expected[0], abs=1e-5)


def test_best_worst_choices_have_the_maximum_of_the_sequential_likelihood() -> None:
    frame, trial = trials("best_worst")
    orders = orders_of(frame, trial)

    def loss(free: np.ndarray) -> float:
        strength = np.array([0.0, *free])
        best = [log_softmax(strength[list(order)])[0] for order in orders]
        worst = [log_softmax(-strength[list(order[1:])])[-1] for order in orders]
        return -float(np.sum(best) + np.sum(worst))

    expected = minimize(loss, np.zeros(4), tol=1e-10).x

    found = rank_arms_of_trials(frame, trial, "best_worst", "a", alpha=0.05, rng=np.random.default_rng(1))

    assert strengths_of(found) == pytest.approx(dict(zip(ARMS[1:], expected, strict=True)), abs=1e-4)


def test_two_texts_give_the_log_odds_of_a_choice() -> None:
    rows = [("r", "p", arm, arm, answer) for n in range(10) for arm, answer in (("a", n < 3), ("b", n >= 3))]
    frame = pd.DataFrame(rows, columns=["rater", "prompt", "item", "arm", "answer"])
    for response in ("ranking", "best_worst"):
        found = rank_arms_of_trials(
            frame, np.arange(20) // 2, response, "a", alpha=0.05, rng=np.random.default_rng(1)
        )
        assert strengths_of(found)["b"] == pytest.approx(np.log(7 / 3))


def test_intervals_hold_the_true_strengths_and_reach_both_ways() -> None:
    frame, trial = trials("best_worst", n_raters=20, n_prompts=12, strengths=(0.0, 0.5, -0.5, 1.0))

    found = rank_arms_of_trials(frame, trial, "best_worst", "a", alpha=0.05, rng=np.random.default_rng(1))

    assert isinstance(found, ArmRanking)
    assert [each.arm for each in found.arms] == ["d", "b", "c"]
    for each, true in zip(found.arms, (1.0, 0.5, -0.5), strict=True):
        assert isinstance(each.log_strength, Estimate)
        interval = each.log_strength.interval
        assert interval is not None
        assert interval.low < each.log_strength.estimate < interval.high
        assert interval.low < true < interval.high


def test_an_arm_that_is_always_best_has_no_finite_strength() -> None:
    frame, trial = trials("ranking", strengths=(0.0, 0.4, -0.5, 60.0, 0.2), n_texts=5)

    found = rank_arms_of_trials(frame, trial, "ranking", "a", alpha=0.05, rng=np.random.default_rng(1))

    assert isinstance(found, NotEstimable)
    assert "infinite" in found.reason


def test_an_unknown_control_is_not_estimable() -> None:
    frame, trial = trials("ranking")

    found = rank_arms_of_trials(frame, trial, "ranking", "z", alpha=0.05, rng=np.random.default_rng(1))

    assert isinstance(found, NotEstimable)
    assert "z" in found.reason


def test_arms_that_were_never_compared_have_no_maximum() -> None:
    stages = Stages(np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]), np.ones(2))

    assert not has_maximum(stages, np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
    assert has_maximum(Stages(np.ones((1, 2)), np.ones(1)), np.array([[1.0, 1.0]]))
