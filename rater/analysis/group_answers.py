"""Simulated answers that put several texts in order, by their levels with Gumbel noise.

With Gumbel noise the order is that of the Plackett–Luce model (Yellott 1977, J. Math. Psychol. 15:109–144):
of two texts the higher wins with the logistic probability of the difference of their levels, as in a choice
between two texts.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rater.study.rankings import Response

Floats = NDArray[np.float64]
# Draws of a trial's levels: the expected score then has a standard error of about 0.005.
_N_DRAWS = 20_000


@dataclass(frozen=True)
class GroupAnswers:
    """An order of the texts of a trial, as scores from 1 for the best to −1 for the worst."""

    n_texts: int
    response: Response

    def answer(self, level: Floats) -> Floats:
        """Turn levels with their noise into scores: (trials, texts)."""
        rank = np.argsort(np.argsort(-level, axis=1), axis=1)  # 0 for the best
        scores: Floats = 1 - 2 * rank / (self.n_texts - 1)
        return np.where(np.abs(scores) == 1, scores, 0.0) if self.response == "best_worst" else scores

    def difference(self, effect: float, *, slope: float, item: float) -> tuple[float, float]:
        """Return the expected difference of the scores of two arms' texts in one trial, and of its sign.

        The other texts of the trial have the level in the middle between both arms.

        Args:
            effect: First arm minus second, in logits.
            slope: The SD of the effect over raters and prompts together.
            item: The SD of single texts.
        """
        slopes, items, noise = _draws(self.n_texts)
        level = item * items + noise
        level[:, 0] += (effect + slope * slopes) / 2
        level[:, 1] -= (effect + slope * slopes) / 2
        scores = self.answer(level)
        apart = scores[:, 0] - scores[:, 1]
        return float(apart.mean()), float(np.sign(apart).mean())


@lru_cache(maxsize=8)
def _draws(n_texts: int) -> tuple[Floats, Floats, Floats]:
    """Draw the same deviations for every effect, so that the difference grows with the effect.

    Each draw comes with its mirror image, in which the first two texts change places: the difference is
    exactly 0 where there is no effect.
    """
    rng = np.random.default_rng(20_260)
    slopes, items = rng.normal(size=_N_DRAWS), rng.normal(size=(_N_DRAWS, n_texts))
    noise = rng.gumbel(size=(_N_DRAWS, n_texts))
    swapped = [1, 0, *range(2, n_texts)]
    return (
        np.concatenate([slopes, -slopes]),
        np.concatenate([items, items[:, swapped]]),
        np.concatenate([noise, noise[:, swapped]]),
    )
