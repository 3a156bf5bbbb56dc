"""Fixtures for the ordinal model: the reference data as arrays, and small simulated studies."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from rater.analysis.contrast_data import Ratings


@dataclass(frozen=True)
class Columns:
    """The arguments of `fit_clmm`."""

    answer: NDArray[np.float64]
    x: NDArray[np.float64]
    factors: dict[str, NDArray[np.generic]]


@pytest.fixture(scope="session")
def columns(load: Callable[[str], pd.DataFrame]) -> Callable[..., Columns]:
    """Read a reference data set as columns, with some of its factors."""

    def read(letter: str, *factors: str) -> Columns:
        frame = load(letter)
        return Columns(
            frame["answer"].to_numpy(np.float64),
            np.where(frame["arm"] == "steered", 0.5, -0.5),
            {factor: frame[factor].to_numpy(str) for factor in factors},
        )

    return read


@pytest.fixture(scope="session")
def study() -> Callable[..., Ratings]:
    """Make a study whose answers a function of (rater, prompt, arm, sample) gives; arm 0 is the first."""

    def make(shape: tuple[int, int, int], answer: Callable[[int, int, int, int], float]) -> Ratings:
        n_raters, n_prompts, n_samples = shape
        cells = np.indices((n_raters, n_prompts, 2, n_samples)).reshape(4, -1)
        rater, prompt, arm, sample = cells
        answers = np.array([answer(*cell) for cell in cells.T.tolist()], np.float64)
        return Ratings(
            ("steered", "unsteered"),
            rater,
            prompt,
            (prompt * 2 + arm) * n_samples + sample,
            arm == 0,
            answers,
        )

    return make


@pytest.fixture(scope="session")
def draw() -> Callable[..., Ratings]:
    """Draw a study whose raters, prompts and texts differ: SDs of 1, 0.8 and 0.5, and 0.5 for effects."""

    def make(n_raters: int, n_prompts: int, effect: float, rng: np.random.Generator) -> Ratings:
        """Every rater answers, for each prompt and arm, one of two texts."""
        rater, prompt, arm = np.indices((n_raters, n_prompts, 2)).reshape(3, -1)
        item, x = (prompt * 2 + arm) * 2 + rng.integers(0, 2, rater.size), 0.5 - arm
        level = (
            effect * x
            + rng.normal(0, 1, n_raters)[rater]
            + rng.normal(0, 0.5, n_raters)[rater] * x
            + rng.normal(0, 0.8, n_prompts)[prompt]
            + rng.normal(0, 0.5, n_prompts)[prompt] * x
            + rng.normal(0, 0.5, 4 * n_prompts)[item]
            + rng.logistic(size=rater.size)
        )
        answer = 1.0 + np.searchsorted([-1.5, -0.5, 0.5, 1.5], level)
        return Ratings(("a", "b"), rater, prompt, item, is_first=arm == 0, answer=answer)

    return make
