"""The interval of a proportion over crossed raters and prompts covers it, also near 0 and 1."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import optimize, special, stats

from rater.analysis.crossed_proportion import crossed_proportion
from rater.analysis.results import Estimate, NotEstimable, Quantity


def frame_of(answers: NDArray[np.float64]) -> pd.DataFrame:
    """Return a complete table: answers by rater and prompt."""
    rater, prompt = (axis.ravel() for axis in np.indices(answers.shape))
    return pd.DataFrame({"rater": rater, "prompt": prompt, "item": prompt, "answer": answers.ravel()})


def estimate(rows: pd.DataFrame, chance: float = 0.25) -> Quantity:
    return crossed_proportion(rows, name="p", estimand="p", chance=chance, alpha=0.05)


def simulate(rng: np.random.Generator, shape: tuple[int, int], cut: float) -> pd.DataFrame:
    raters, prompts = rng.normal(0, 1, (shape[0], 1)), rng.normal(0, 0.8, (1, shape[1]))
    return frame_of((rng.random(shape) < special.expit(raters + prompts - cut)).astype(np.float64))


def cut_for(proportion: float) -> float:
    nodes, weights = special.roots_hermitenorm(61)

    def missed(cut: float) -> float:
        return float(weights @ special.expit(np.hypot(1, 0.8) * nodes - cut) / weights.sum()) - proportion

    return float(optimize.brentq(missed, -20, 20))


@pytest.mark.parametrize("proportion", [0.1, 0.25, 0.6, 0.9])
@pytest.mark.parametrize("shape", [(6, 12), (12, 12)])
def test_95_of_100_intervals_cover_the_proportion(shape: tuple[int, int], proportion: float) -> None:
    rng, cut = np.random.default_rng(7), cut_for(proportion)

    found = [estimate(simulate(rng, shape, cut), proportion) for _ in range(150)]
    intervals = [each.interval for each in found if isinstance(each, Estimate)]
    covered = [each.low <= proportion <= each.high for each in intervals if each is not None]

    assert len(covered) == 150
    # 95% of 150 has an SD of 1.8 points; 400 studies of each kind covered 95 to 99%
    assert np.mean(covered) > 0.91
    significant = [float(each.settings["p"]) < 0.05 for each in found if isinstance(each, Estimate)]
    assert list(covered) == [not each for each in significant]  # the test inverts the interval


def test_independent_answers_have_nearly_the_interval_of_wilson() -> None:
    answers = (np.random.default_rng(3).random((60, 60)) < 0.3).astype(np.float64)

    found = estimate(frame_of(answers))

    wilson = stats.binomtest(int(answers.sum()), answers.size).proportion_ci(method="wilson")
    assert isinstance(found, Estimate)
    assert found.interval is not None
    assert found.estimate == pytest.approx(answers.mean())
    assert found.interval.low == pytest.approx(wilson.low, abs=0.004)
    assert found.interval.high == pytest.approx(wilson.high, abs=0.004)
    assert float(found.settings["n_effective"]) <= 3600


def test_raters_who_differ_widen_the_interval() -> None:
    always = np.repeat([[1.0], [0.0]], 6, axis=0) * np.ones((1, 12))
    mixed = (np.random.default_rng(2).random((12, 12)) < 0.5).astype(np.float64)

    wide, narrow = estimate(frame_of(always)), estimate(frame_of(mixed))

    assert isinstance(wide, Estimate)
    assert isinstance(narrow, Estimate)
    assert wide.interval is not None
    assert narrow.interval is not None
    assert wide.interval.high - wide.interval.low > 2 * (narrow.interval.high - narrow.interval.low)


def test_all_correct_has_an_interval_as_wide_as_if_each_rater_gave_one_answer() -> None:
    found = estimate(frame_of(np.ones((8, 12))))

    assert isinstance(found, Estimate)
    assert found.interval is not None
    assert (found.estimate, found.interval.high) == (1, 1)
    # t² / (8 + t²) with 7 degrees of freedom
    assert found.interval.low == pytest.approx(8 / (8 + stats.t.ppf(0.975, 7) ** 2))
    assert found.settings["n_effective"] == pytest.approx(8)


def test_one_rater_has_no_interval() -> None:
    found = estimate(frame_of(np.array([[1.0, 0.0, 1.0]])))

    assert isinstance(found, NotEstimable)
    assert "only 1 rater has answers" in found.reason
    assert found.estimate == pytest.approx(2 / 3)
