"""Simulated answers that put several texts in order, by their levels with Gumbel noise.

With Gumbel noise the order is that of the Plackett–Luce model (Yellott 1977, J. Math. Psychol. 15:109–144):
of two texts the higher wins with the logistic probability of the difference of their levels, as in a choice
between two texts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rater.analysis.contrast_data import Ratings
from rater.analysis.simulate import CONTRAST, AnswerModel, Floats, ModelSDs, RandomEffects, Trials
from rater.study.rankings import Response
from rater.study.scales import StudyScale

# Draws of a trial's levels: the expected score then has a standard error of about 0.005.
_N_DRAWS = 20_000


@dataclass(frozen=True)
class GroupAnswers(AnswerModel):
    """An order of the texts of a trial, as scores from 1 for the best to −1 for the worst."""

    n_texts: int
    response: Response

    @property
    def n_shown(self) -> int:
        """The number of texts of a trial."""
        return self.n_texts

    def answer(self, level: Floats) -> Floats:
        """Turn levels with their noise into scores: (trials, texts)."""
        rank = np.argsort(np.argsort(-level, axis=1), axis=1)  # 0 for the best
        scores: Floats = 1 - 2 * rank / (self.n_texts - 1)
        return np.where(np.abs(scores) == 1, scores, 0.0) if self.response == "best_worst" else scores

    def draw(
        self, trials: Trials, effects: RandomEffects, effect: float, rng: np.random.Generator
    ) -> Ratings:
        """Put the texts of each trial in order; what they share, such as the rater's level, cancels."""
        assert trials.in_contrast is not None  # noqa: S101 (the callers pair them)
        side = np.where(trials.in_contrast, np.where(trials.is_first, 0.5, -0.5), 0.0)
        level = (
            (effect + effects.rater_arm[trials.rater] + effects.prompt_arm[trials.prompt]) * side
            + effects.item[trials.item]
            + rng.gumbel(size=side.size)
        )
        score = self.answer(level.reshape(-1, self.n_texts)).ravel()
        ratings = Ratings(CONTRAST, trials.rater, trials.prompt, trials.item, trials.is_first, score)
        return ratings.take(trials.in_contrast)

    def draw_differences(
        self,
        slope: Floats,
        texts: Sequence[Floats],
        draw_level: Callable[[], Floats],  # noqa: ARG002 (it cancels)
        rng: np.random.Generator,
    ) -> Floats:
        """Put the texts of each trial in order, and return the score of the first arm's minus the second's.

        Each trial shows both arms of the contrast; the other texts have the level in the middle between them.
        """
        sides = [0.5, -0.5, *([0.0] * (self.n_texts - 2))]
        level = np.stack([slope * side + text for side, text in zip(sides, texts, strict=True)], axis=-1)
        scores = self.answer((level + rng.gumbel(size=level.shape)).reshape(-1, self.n_texts))
        apart: Floats = (scores[:, 0] - scores[:, 1]).reshape(slope.shape)
        return apart

    def respond(self, levels: Sequence[float], scale: StudyScale, rng: np.random.Generator) -> float:
        """Return the answer of a simulated rater: an order of the texts by their levels with Gumbel noise."""
        return scale.answer_from(np.argsort(-(np.array(levels) + rng.gumbel(size=len(levels)))).tolist())

    def difference(self, effect: float, spread: ModelSDs) -> float:
        """Return the expected difference of the scores of two arms' texts in one trial."""
        return self._differences(effect, spread)[0]

    def net_superiority(self, effect: float, spread: ModelSDs) -> float:
        """Return how much more often the first arm's text is above the second's than below it."""
        return self._differences(effect, spread)[1]

    def _differences(self, effect: float, spread: ModelSDs) -> tuple[float, float]:
        return self.differences(
            effect, slope=math.hypot(spread.rater_arm, spread.prompt_arm), item=spread.item
        )

    def differences(self, effect: float, *, slope: float, item: float) -> tuple[float, float]:
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
