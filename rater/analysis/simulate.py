"""Simulate ratings under the crossed random-effects model.

The level that a rater feels is β x + a_r + a'_r x + b_p + b'_p x + c_i + e, with x = ±1/2 for the two arms,
all random effects normal and e logistic (statistics.md section 2). Points of a scale cut it; a slider or a
number shows it between its ends; of two texts the higher is preferred, unless they are too near to another.

Planning a study and checking the tests (tests/benchmarks/validity.py) both draw from here.

A difference on a scale is, for points and numbers, the expected difference of two answers; for choices, how
much more often the first arm is preferred than the second, from −1 to 1.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from rater.analysis.contrast_data import Ratings
from rater.analysis.preferences import Preferred
from rater.analysis.sentences import number
from rater.study.scales import StudyScale

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Fixed: TypeAlias = Literal["nothing", "prompts", "prompts and items"]
"""Units whose effects are centred at exactly 0 over the units in the study."""

CONTRAST = ("first", "second")
LOGISTIC_SD = math.pi / math.sqrt(3)
"""The standard deviation of what a rater feels about a text this time and not another time."""


@dataclass(frozen=True)
class ModelSDs:
    """Standard deviations in logits; the defaults are those a careful planner assumes."""

    rater: float = 1.0
    prompt: float = 0.8
    item: float = 0.5
    rater_arm: float = 0.5
    """The SD of the effect over raters. Pilots estimate it poorly: plan with at least 0.5."""
    prompt_arm: float = 0.5
    """The SD of the effect over prompts; as above."""

    @property
    def within_arm(self) -> float:
        """The standard deviation of a text's level within one arm, over raters, prompts and items."""
        slopes = (self.rater_arm**2 + self.prompt_arm**2) / 4
        return math.sqrt(self.rater**2 + self.prompt**2 + self.item**2 + slopes)

    @property
    def within_pair(self) -> float:
        """The standard deviation of the difference of two texts of one prompt in two arms."""
        return math.sqrt(self.rater_arm**2 + self.prompt_arm**2 + 2 * self.item**2)


@dataclass(frozen=True)
class Trials:
    """The assignment of texts to raters, as codes from 0; arrays run over trials.

    A pair is identified by its item of the first arm; its other item counts as ``other_item``. A group of
    texts has a row for each of them, one after another.
    """

    rater: Codes
    prompt: Codes
    item: Codes
    is_first: NDArray[np.bool_]
    other_item: Codes | None = None
    place: Floats = field(default_factory=lambda: np.empty(0))
    """The relative position of a trial in its booklet, from 0 to below 1; empty without drop-out."""
    in_contrast: NDArray[np.bool_] | None = None
    """Of texts in groups, whether each is of one of the two arms; None where trials show one text or two."""

    def take(self, keep: NDArray[np.bool_]) -> "Trials":
        """Keep some of the trials; codes stay as they are."""
        return Trials(
            rater=self.rater[keep],
            prompt=self.prompt[keep],
            item=self.item[keep],
            is_first=self.is_first[keep],
            other_item=None if self.other_item is None else self.other_item[keep],
            place=self.place[keep] if self.place.size else self.place,
            in_contrast=None if self.in_contrast is None else self.in_contrast[keep],
        )


@dataclass(frozen=True)
class RandomEffects:
    """Deviations of each unit in logits; (units,), by code."""

    rater: Floats
    rater_arm: Floats
    prompt: Floats
    prompt_arm: Floats
    item: Floats


QUADRATURE_POINTS = 41
# In each of three dimensions; 41 give the same to 1e-6.
_FEW_POINTS = 21
# An effect larger than this moves nearly every answer to the end of the scale.
_MAX_LOGITS = 8.0
# No cut is as far from the middle, in logits.
_FAR = 50.0


class AnswerModel(ABC):
    """The response model of a kind of answer, by which levels become answers.

    The methods are those of a number for one text, whose subclasses have ``answer`` and ``mean_answer``.
    """

    why_not_over_concepts: ClassVar[str] = ""
    """The reason why `draw_differences` draws nothing; empty if it does."""

    @property
    def n_shown(self) -> int:
        """The number of texts whose levels are simulated for a trial of both arms."""
        return 2

    def with_effect(self, effect: float) -> Self:  # noqa: ARG002 (most models move both arms)
        """Return the model for an effect in logits: levels of the second arm are half of it lower."""
        return self

    @abstractmethod
    def answer(self, level: Floats) -> Floats:
        """Turn levels with their noise into answers."""

    def mean_answer(self, level: Floats) -> Floats:
        """Return the expected answer at levels to which the logistic noise is still to be added."""
        msg = f"{type(self).__name__} has no mean answer at {level.size} levels of single texts"
        raise TypeError(msg)

    def draw(
        self, trials: Trials, effects: RandomEffects, effect: float, rng: np.random.Generator
    ) -> Ratings | Preferred:
        """Draw the answers to trials.

        Args:
            trials: Who rates what.
            effects: The deviations of raters, prompts and texts.
            effect: First arm minus second, in logits; of odd-one-out trials the median d', at least 0.
            rng: What is drawn from.
        """
        x = np.where(trials.is_first, 0.5, -0.5)
        level = (
            (effect + effects.rater_arm[trials.rater] + effects.prompt_arm[trials.prompt]) * x
            + effects.rater[trials.rater]
            + effects.prompt[trials.prompt]
            + effects.item[trials.item]
            + rng.logistic(size=x.size)
        )
        answer = self.with_effect(effect).answer(level)
        return Ratings(CONTRAST, trials.rater, trials.prompt, trials.item, trials.is_first, answer)

    def draw_differences(
        self,
        slope: Floats,
        texts: Sequence[Floats],
        draw_level: Callable[[], Floats],
        rng: np.random.Generator,
    ) -> Floats:
        """Draw the difference of the answers of each rater to two texts, one of each arm; same shape.

        Args:
            slope: The effect of each rater, prompt and concept, in logits.
            texts: The deviations of `n_shown` texts.
            draw_level: Draws what both texts share.
            rng: What is drawn from.
        """
        level = draw_level()
        first, second = (
            self.answer(level + sign * slope / 2 + text + rng.logistic(size=slope.shape))
            for sign, text in zip((1, -1), texts, strict=True)
        )
        return first - second

    def respond(
        self,
        levels: Sequence[float],
        scale: StudyScale,  # noqa: ARG002 (orders need it)
        rng: np.random.Generator,
    ) -> float:
        """Return what a simulated rater answers to the texts shown, by their levels without noise."""
        perceived = levels[0] if len(levels) == 1 else levels[1] - levels[0]
        return float(self.answer(np.array([perceived + rng.logistic()]))[0])

    def draw_slopes(self, effect: float, n: int, spread: ModelSDs, rng: np.random.Generator) -> Floats:
        """Draw the effect on each of ``n`` prompts for simulated raters, in logits; (n,)."""
        return effect + rng.normal(0, spread.prompt_arm, n)

    def sd_of_slope(self, spread: ModelSDs) -> float:
        """Return the SD of the effect over simulated raters, in logits."""
        return spread.rater_arm

    def describe_spread(self, spread: ModelSDs) -> str:
        """Describe the standard deviations that a power simulation assumes."""
        return (
            "Simulation of the primary test with the study's booklets and these standard deviations in "
            f"logits: raters {spread.rater:.1f}, prompts {spread.prompt:.1f}, texts {spread.item:.1f}, "
            f"effect by rater {spread.rater_arm:.1f}, effect by prompt {spread.prompt_arm:.1f}."
        )

    def difference(self, effect: float, spread: ModelSDs) -> float:
        """Return the expected difference on the scale for an effect in logits."""
        nodes, weights = quadrature()
        latent, model = spread.within_arm * nodes, self.with_effect(effect)
        first, second = (weights @ model.mean_answer(latent + shift) for shift in (effect / 2, -effect / 2))
        return float(first - second)

    def net_superiority(self, effect: float, spread: ModelSDs) -> float | None:  # noqa: ARG002 (no points)
        """Return the expected net superiority within rater and prompt; None without points."""
        return None


def quadrature(n_points: int = QUADRATURE_POINTS) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss–Hermite quadrature over a standard normal: sums of weights are 1."""
    nodes, weights = special.roots_hermitenorm(n_points)
    return nodes, weights / weights.sum()


@dataclass(frozen=True)
class Cuts(AnswerModel):
    """A scale of points: where the level is cut, and the number of the first point."""

    at: tuple[float, ...]
    first: int = 1
    is_from_control: bool = False
    """True if the cuts are those of the second arm, and an effect changes the first arm alone. Otherwise an
    effect moves both arms, by half of it each."""

    def with_effect(self, effect: float) -> Self:
        """Return the cuts for an effect in logits: levels of the second arm are half of it lower."""
        if not self.is_from_control:
            return self
        return replace(self, at=tuple(cut - effect / 2 for cut in self.at), is_from_control=False)

    def answer(self, level: Floats) -> Floats:
        """Turn levels into points."""
        return self.first + np.searchsorted(self.at, level).astype(np.float64)

    def mean_answer(self, level: Floats) -> Floats:
        """Return the expected point at levels to which the logistic noise is still to be added."""
        means: Floats = 1 + special.expit(level[:, None] - np.array(self.at)).sum(axis=1)
        return means

    def net_superiority(self, effect: float, spread: ModelSDs) -> float:
        """Return the expected net superiority within rater and prompt.

        The level that both answers share (rater and prompt) and the effect's own deviation are integrated
        over, and each text's deviation within them.
        """
        nodes, weights = quadrature(_FEW_POINTS)
        shared = math.hypot(spread.rater, spread.prompt) * nodes[:, None]
        apart = (effect + math.hypot(spread.rater_arm, spread.prompt_arm) * nodes[None, :]) / 2
        texts = spread.item * nodes[:, None]
        cuts = np.array([*self.with_effect(effect).at, np.inf])
        at_or_below = [
            np.einsum(
                "...tk,t->...k", special.expit(cuts - (shared + shift)[..., None, None] - texts), weights
            )
            for shift in (apart, -apart)
        ]
        first, second = (np.diff(each, prepend=0.0, axis=-1) for each in at_or_below)  # shared apart point
        above = 1 - at_or_below[1]
        below = at_or_below[1] - second
        # Σ_k P(first = k) (P(second < k) − P(second > k)).
        net = (first * (below - above)).sum(axis=-1)
        return float(weights @ net @ weights)


@dataclass(frozen=True)
class ContinuousAnswers(AnswerModel):
    """A slider or a number: ``unit`` scale units per logit from the middle, limited to the ends."""

    low: float
    high: float
    middle: float
    unit: float

    def answer(self, level: Floats) -> Floats:
        """Turn levels into numbers."""
        return np.clip(self.middle + self.unit * level, self.low, self.high)

    def mean_answer(self, level: Floats) -> Floats:
        """Return the expected number at levels to which the logistic noise is still to be added."""
        # E min(max(X, a), b) = a + the integral of P(X > x) from a to b, for X logistic about its level.
        at = self.middle + self.unit * level
        above = np.logaddexp(0, (at - self.low) / self.unit) - np.logaddexp(0, (at - self.high) / self.unit)
        line: Floats = self.low + self.unit * above
        return line


@dataclass(frozen=True)
class PairwiseAnswers(AnswerModel):
    """A choice between two texts: neither, where their levels differ by less than `tie`."""

    tie: float
    degrees: int = 1

    def answer(self, difference: Floats) -> Floats:
        """Turn differences of levels into choices; every further logit is a further degree."""
        strength = np.clip(1 + np.floor(np.abs(difference) - self.tie), 1, self.degrees)
        chosen = np.abs(difference) >= self.tie
        return np.where(chosen, np.sign(difference) * strength, 0.0)

    def draw(
        self, trials: Trials, effects: RandomEffects, effect: float, rng: np.random.Generator
    ) -> Preferred:
        """Draw the choices between the two texts of each trial."""
        assert trials.other_item is not None  # noqa: S101 (the callers pair them)
        difference = (
            effect
            + effects.rater_arm[trials.rater]
            + effects.prompt_arm[trials.prompt]
            + effects.item[trials.item]
            - effects.item[trials.other_item]
            + rng.logistic(size=trials.rater.size)
        )
        pair = trials.item * (int(trials.other_item.max()) + 1) + trials.other_item
        return Preferred(CONTRAST, trials.rater, trials.prompt, pair, self.answer(difference))

    def draw_differences(
        self,
        slope: Floats,
        texts: Sequence[Floats],
        draw_level: Callable[[], Floats],  # noqa: ARG002 (it cancels)
        rng: np.random.Generator,
    ) -> Floats:
        """Draw a choice between two texts for each rater."""
        return self.answer(slope + texts[0] - texts[1] + rng.logistic(size=slope.shape))

    def difference(self, effect: float, spread: ModelSDs) -> float:
        """Return P(d > tie) − P(d < −tie), for d logistic about its mean."""
        nodes, weights = quadrature()
        apart = effect + spread.within_pair * nodes
        return float(weights @ (special.expit(apart - self.tie) - special.expit(-apart - self.tie)))

    def net_superiority(self, effect: float, spread: ModelSDs) -> float:
        """Return the same difference."""
        return self.difference(effect, spread)


def crossed(n_raters: int, n_prompts: int, n_samples: int) -> Trials:
    """Return a complete design: every rater rates every item, with ``n_samples`` items per prompt and arm."""
    shape = (n_raters, n_prompts, 2, n_samples)
    rater, prompt, arm, sample = (axis.ravel() for axis in np.indices(shape))
    return Trials(rater, prompt, (prompt * 2 + arm) * n_samples + sample, arm == 0)


def leave_early(trials: Trials, share: float, rng: np.random.Generator) -> Trials:
    """Let a share of the raters, drawn at random, leave at any moment of their booklet."""
    if not share:
        return trials
    n_raters = int(trials.rater.max()) + 1
    leaves_at = np.where(rng.random(n_raters) < share, rng.random(n_raters), 1.0)
    return trials.take(trials.place < leaves_at[trials.rater])


def simulate(
    trials: Trials,
    *,
    effect: float,
    scale: AnswerModel,
    rng: np.random.Generator,
    spread: ModelSDs | None = None,
    fixed: Fixed = "nothing",
) -> Ratings | Preferred:
    """Draw the answers to trials; those of a `PairwiseAnswers` are preferences.

    Args:
        trials: Who rates what. For fixed items, a crossed design with an even number of prompts.
        effect: First arm minus second, in logits; of odd-one-out trials the median d', at least 0.
        scale: How levels become answers.
        rng: What is drawn from.
        spread: How much everything differs.
        fixed: Whether each prompt has a twin of the same level and the opposite effect (and its texts too),
            so that the effect averages exactly ``effect`` over the prompts (and texts) that are there.
    """
    effects = _draw(trials, spread or ModelSDs(), fixed, rng)
    return scale.draw(trials, effects, effect, rng)


def _draw(trials: Trials, sd: ModelSDs, fixed: Fixed, rng: np.random.Generator) -> RandomEffects:
    others = trials.item if trials.other_item is None else trials.other_item
    n_raters, n_prompts, n_items = (
        int(max(codes.max(initial=0) for codes in of)) + 1
        for of in ((trials.rater,), (trials.prompt,), (trials.item, others))
    )
    prompt, prompt_arm = rng.normal(0, sd.prompt, n_prompts), rng.normal(0, sd.prompt_arm, n_prompts)
    item = rng.normal(0, sd.item, n_items)
    if fixed != "nothing":
        prompt[1::2], prompt_arm[1::2] = prompt[::2], -prompt_arm[::2]
    if fixed == "prompts and items":
        by_arm = item.reshape(n_prompts, 2, -1)  # prompt arm sample
        by_arm[1::2] = by_arm[::2, ::-1]
    return RandomEffects(
        rater=rng.normal(0, sd.rater, n_raters),
        rater_arm=rng.normal(0, sd.rater_arm, n_raters),
        prompt=prompt,
        prompt_arm=prompt_arm,
        item=item,
    )


def evenly_cut(n_points: int, first: int = 1) -> Cuts:
    """Cut the logit scale into points evenly; five points at −1.5, −0.5, 0.5, 1.5."""
    return Cuts((0.0,) if n_points == 2 else tuple(np.linspace(-1.5, 1.5, n_points - 1).tolist()), first)


def cut_at_chance(chance: float, spread: ModelSDs | None = None) -> Cuts:
    """Return the answers 0 and 1 of which 1 has a given probability in the second arm.

    The probability is over raters, prompts and texts.
    """
    nodes, weights = quadrature()
    latent = nodes * (spread or ModelSDs()).within_arm

    def missed(cut: float) -> float:
        return float(weights @ special.expit(latent - cut)) - chance

    return Cuts((float(optimize.brentq(missed, -_FAR, _FAR)),), first=0, is_from_control=True)


def difference_of(effect: float, scale: AnswerModel, spread: ModelSDs | None = None) -> float:
    """Convert an effect in logits to the expected difference on a scale."""
    return scale.difference(effect, spread or ModelSDs())


def net_superiority_of(effect: float, scale: AnswerModel, spread: ModelSDs | None = None) -> float | None:
    """Convert an effect in logits to the expected net superiority within rater and prompt.

    None for a scale without points, on which ties have no probability but at its ends.
    """
    return scale.net_superiority(effect, spread or ModelSDs())


def logits_of(difference: float, scale: AnswerModel, spread: ModelSDs | None = None) -> float:
    """Convert an expected difference on a scale to an effect in logits.

    Raises:
        ValueError: no effect of the model is as large as that on this scale.
    """
    most = difference_of(_MAX_LOGITS, scale, spread)
    if not -most < difference < most:
        msg = f"{difference:g} is too large for this scale; valid: less than {number(most, 2)}"
        raise ValueError(msg)

    def missed(effect: float) -> float:
        return difference_of(effect, scale, spread) - difference

    return float(optimize.brentq(missed, -_MAX_LOGITS, _MAX_LOGITS))


def tie_share(tie: float, spread: ModelSDs | None = None) -> float:
    """Return the share of ties between two texts of equal arms, where a difference below ``tie`` is a tie."""
    nodes, weights = special.roots_hermitenorm(QUADRATURE_POINTS)
    apart = (spread or ModelSDs()).within_pair * nodes
    decided = special.expit(apart - tie) + special.expit(-apart - tie)
    return float(1 - weights @ decided / weights.sum())
