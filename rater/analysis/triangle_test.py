"""The triangle test: d' from the proportion of odd texts found, and simulated answers.

Model: each of three texts evokes a strength, which is normal with SD 1; that of the odd text has the mean d',
those of the two others 0. A rater takes the two most similar strengths for those of one arm, and so chooses
the third text. Hence

    P(correct) = 2 ∫₀^∞ [Φ(−u√3 + d'√(2/3)) + Φ(−u√3 − d'√(2/3))] φ(u) du,

which is 1/3 at d' = 0. It does not depend on the sign of d': whether the odd text has more or less of
something is not part of the answer. A proportion at or below 1/3 has a d' of 0.

References: Frijters, Kooistra & Vereijken 1980, Perception & Psychophysics 27:176–178 (tables); Ennis 1993,
J. Sensory Stud. 8:353–370 (the integral). In R: ``sensR::psyfun(d, "triangle")``, ``sensR::psyinv``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy import optimize, special

from rater.analysis.d_prime import DPrime
from rater.analysis.preferences import Preferred
from rater.analysis.results import Interval
from rater.analysis.simulate import CONTRAST, AnswerModel, Floats, ModelSDs, RandomEffects, Trials
from rater.study.scales import StudyScale
from rater.study.text_choices import N_IN_TRIANGLE

REFERENCE = "Ennis 1993, J. Sensory Stud. 8:353–370"
CHANCE = 1 / N_IN_TRIANGLE
# φ is below 1e-14 beyond; 60 nodes give the integral to 1e-12.
_END, _NODES = 8.0, 60
# At this distance the proportion is 1 to 12 digits; within the rounding of the integral it is not invertible.
_FAR, _NEARLY_ONE = 20.0, 1 - 1e-9
_HERMITE_NODES = 31
# Distances per block of the integral, which takes 60 numbers for each.
_BLOCK = 4_096


def proportion_correct(d_prime: Floats) -> Floats:
    """Return the proportion correct at each d': same shape. Costs 120 normal probabilities for each."""
    flat = np.abs(np.atleast_1d(np.asarray(d_prime, dtype=np.float64))).ravel()
    u, weights = _half_line()
    found = np.empty(flat.size)
    for start in range(0, flat.size, _BLOCK):
        shift = flat[start : start + _BLOCK, None] * math.sqrt(2 / 3)
        apart = -math.sqrt(3) * u
        found[start : start + _BLOCK] = (special.ndtr(apart + shift) + special.ndtr(apart - shift)) @ weights
    return found.reshape(np.shape(d_prime))


def d_prime_of(proportion: float) -> float | None:
    """Return the d' at which a proportion is correct: 0 at or below chance, None where it is not finite."""
    if proportion <= CHANCE:
        return 0.0
    if proportion >= _NEARLY_ONE:
        return None
    return float(optimize.brentq(lambda d: _at(d) - proportion, 0.0, _FAR, xtol=1e-10))


def d_prime_with_interval(proportion: float, interval: Interval | None) -> DPrime:
    """Return d' with an interval whose ends are those of the proportion's, transformed."""
    if interval is None:
        return DPrime(d_prime_of(proportion), None, None)
    return DPrime(d_prime_of(proportion), d_prime_of(interval.low), d_prime_of(interval.high))


def _at(d_prime: float) -> float:
    return float(proportion_correct(np.array([d_prime]))[0])


@lru_cache(maxsize=1)
def _half_line() -> tuple[Floats, Floats]:
    """Return nodes from 0 to the end, and twice their weights times the normal density."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    u = (nodes + 1) * _END / 2
    return u, 2 * weights * _END / 2 * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class TriangleAnswers(AnswerModel):
    """Answers to odd-one-out trials: 1 with the probability of the triangle test, else 0.

    The d' of a trial is the planned one times the sensitivity of its rater, prompt and texts, which are
    log-normal with a median of 1. So without a difference all raters guess.
    """

    why_not_over_concepts: ClassVar[str] = "raters look for odd texts"

    def answer(self, level: Floats) -> Floats:
        """Return whether the odd text is found at each d' without any noise but that of the texts.

        Raises:
            TypeError: Always; whether it is found is a matter of chance (`correct`).
        """
        msg = f"the {level.size} answers of a triangle test are drawn; levels do not determine them"
        raise TypeError(msg)

    def draw(
        self, trials: Trials, effects: RandomEffects, effect: float, rng: np.random.Generator
    ) -> Preferred:
        """Draw whether the odd text of each trial is found, minus chance."""
        factor = (
            effects.rater_arm[trials.rater] + effects.prompt_arm[trials.prompt] + effects.item[trials.item]
        )
        answer = self.correct(effect, factor, rng) - CHANCE
        return Preferred(CONTRAST, trials.rater, trials.prompt, trials.item, answer, chance=CHANCE)

    def draw_differences(
        self,
        slope: Floats,
        texts: Sequence[Floats],
        draw_level: Callable[[], Floats],
        rng: np.random.Generator,
    ) -> Floats:
        """Refuse to draw, since the power over concepts is not simulated for odd texts.

        Raises:
            TypeError: Always; `rater.sample_size` refuses such a study first.
        """
        del texts, draw_level, rng
        msg = f"odd texts are not simulated over concepts (effects: {slope.shape})"
        raise TypeError(msg)

    def respond(
        self,
        levels: Sequence[float],
        scale: StudyScale,  # noqa: ARG002 (places are numbered from 1)
        rng: np.random.Generator,
    ) -> float:
        """Return the place of the text that is least like the two most similar ones, after noise of SD 1."""
        return float(1 + odd_one(np.array(levels) + rng.normal(size=len(levels))))

    def difference(self, effect: float, spread: ModelSDs) -> float:
        """Return the expected proportion correct minus chance."""
        return self.excess(effect, sd_of_sensitivity(spread))

    def draw_slopes(self, effect: float, n: int, spread: ModelSDs, rng: np.random.Generator) -> Floats:
        """Draw d' of each prompt, which texts' own deviations would make smaller; (n,)."""
        own = math.hypot(1, spread.item)
        return effect * own * rng.lognormal(0, spread.prompt_arm, n)

    def sd_of_slope(self, spread: ModelSDs) -> float:  # noqa: ARG002 (it is part of d')
        """Return 0: raters who see no difference between the arms guess which text is odd."""
        return 0.0

    def describe_spread(self, spread: ModelSDs) -> str:
        """Describe the standard deviations of the logarithm of d'."""
        return (
            "Simulation of the primary test with the study's booklets and these standard deviations of the "
            f"logarithm of d': raters {spread.rater_arm:.1f}, prompts {spread.prompt_arm:.1f}, texts "
            f"{spread.item:.1f}."
        )

    def net_superiority(self, effect: float, spread: ModelSDs) -> float:
        """Return the same."""
        return self.difference(effect, spread)

    def correct(self, effect: float, log_factor: Floats, rng: np.random.Generator) -> Floats:
        """Draw whether each trial is answered correctly.

        Args:
            effect: The median d'.
            log_factor: (trials,): the logarithm of what d' is multiplied by.
            rng: The source of randomness.
        """
        probability = proportion_correct(effect * np.exp(log_factor))
        return (rng.random(log_factor.size) < probability).astype(np.float64)

    def excess(self, effect: float, sd: float) -> float:
        """Return the expected proportion correct minus chance, with the sign of the effect.

        Args:
            effect: The median d'.
            sd: The SD of the logarithm of d' over raters, prompts and texts together.
        """
        nodes, weights = special.roots_hermitenorm(_HERMITE_NODES)
        correct = proportion_correct(effect * np.exp(sd * nodes))
        return math.copysign(float(weights @ correct / weights.sum()) - CHANCE, effect)


def sd_of_sensitivity(spread: ModelSDs) -> float:
    """Return the SD of the logarithm of d' over raters, prompts and texts."""
    return math.sqrt(spread.rater_arm**2 + spread.prompt_arm**2 + spread.item**2)


def odd_one(strengths: Floats) -> int:
    """Return the place (from 0) of the text that is not one of the two most similar."""
    apart = [abs(np.diff(np.delete(strengths, place))[0]) for place in range(strengths.size)]
    return int(np.argmin(apart))
